/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nothing.c - a program that does nothing: what starting and ending a static executable costs
 */
int main(void)
{
	return 0;
}
