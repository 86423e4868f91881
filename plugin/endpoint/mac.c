/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mac.c - MAC addresses that we choose
 */
#include "endpoint/mac.h"

#include <errno.h>
#include <sys/random.h>

int mac_random(uint8_t ret[static 6], struct err *e)
{
	/* Early in the life of an edge device the pool may not be ready: a MAC needs no secrecy, so do not wait. */
	if (getrandom(ret, 6, GRND_INSECURE) != 6 && getrandom(ret, 6, 0) != 6)
		return err_sys(e, errno, "getrandom");
	ret[0] = (uint8_t)((ret[0] & 0xfc) | 0x02);
	return 0;
}
