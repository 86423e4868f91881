/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * room.c - what all nodes of this machine share: the kernel's table of IPv6 neighbours
 *
 * It is one for all network namespaces (nd_tbl in net/ipv6/ndisc.c) and full at gc_thresh3 entries, 1,024 unless somebody changed
 * that. A namespace that is gone gives its entries back when the kernel gets to it, and this program makes namespaces faster than
 * that. Who has a new neighbour while the table is full cannot send to it: IPv6 is silent, for seconds, in every namespace.
 */
#include "test/crash/crash.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define ENTRIES    "/proc/net/stat/ndisc_cache" /* in hex, first word of the second line */
#define LIMIT      "/proc/sys/net/ipv6/neigh/default/gc_thresh3"
#define PATIENCE_S 10

static int entries_fd = -1;
static unsigned long limit;

/* The number that the file, or its second line, begins with; 0 if there is none. */
static unsigned long number_in(int fd, bool second_line, int base)
{
	char text[1024];
	const ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
	const char *line = text;

	text[n > 0 ? n : 0] = '\0';
	if (second_line)
		line = strchr(text, '\n');
	return line ? strtoul(line, NULL, base) : 0;
}

void room_open(void)
{
	const int fd = open(LIMIT, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	limit = number_in(fd, false, 10);
	(void)close(fd);
	entries_fd = open(ENTRIES, O_RDONLY | O_CLOEXEC);
}

void room_await(void)
{
	const struct timespec pause = { .tv_nsec = 20000000 };
	int i = 0;

	while (entries_fd >= 0 && number_in(entries_fd, true, 16) > limit / 2 &&
	       i++ < PATIENCE_S * 50)
		(void)nanosleep(&pause, NULL);
	/* It is not this program that fills the table. */
	if (i > PATIENCE_S * 50)
		entries_fd = -1;
}
