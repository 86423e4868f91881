/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * room.c - what all nodes of this machine share: the kernel's table of IPv6 neighbours
 *
 * It is one for all network namespaces (nd_tbl in net/ipv6/ndisc.c) and full at gc_thresh3 entries, 1,024 unless somebody changed
 * that. A namespace that is gone gives its entries back when the kernel gets to it, and this program makes namespaces faster than
 * that. Who has a new neighbour while the table is full cannot send to it: IPv6 is silent, for seconds, in every namespace.
 */
#include "test/crash/node.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* A heading, then a line for each CPU, in hex: first the entries, which are everybody's, last how often it was full. */
#define TABLE      "/proc/net/stat/ndisc_cache"
#define TEXT_MAX   8192
#define LIMIT      "/proc/sys/net/ipv6/neigh/default/gc_thresh3"
#define PATIENCE_S 10

static int table_fd = -1;
static unsigned long limit;

static void read_text(int fd, char *ret, size_t size)
{
	const ssize_t n = pread(fd, ret, size - 1, 0);

	ret[n > 0 ? n : 0] = '\0';
}

void room_open(void)
{
	const int fd = open(LIMIT, O_RDONLY | O_CLOEXEC);
	char text[32];

	if (fd < 0)
		return;
	read_text(fd, text, sizeof(text));
	limit = strtoul(text, NULL, 10);
	(void)close(fd);
	table_fd = open(TABLE, O_RDONLY | O_CLOEXEC);
}

static unsigned long entries(void)
{
	char text[TEXT_MAX], *line;

	read_text(table_fd, text, sizeof(text));
	line = strchr(text, '\n');
	return line ? strtoul(line, NULL, 16) : 0;
}

unsigned long room_refused(void)
{
	char text[TEXT_MAX], *line, *rest = NULL;
	unsigned long n = 0;

	if (table_fd < 0)
		return 0;
	read_text(table_fd, text, sizeof(text));
	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		const char *last = strrchr(line, ' ');

		n += last ? strtoul(last, NULL, 16) : 0; /* of the heading: 0 */
	}
	return n;
}

void room_await(void)
{
	const struct timespec pause = { .tv_nsec = 20000000 };
	int i = 0;

	while (table_fd >= 0 && entries() > limit / 8 * 3 && i++ < PATIENCE_S * 50)
		(void)nanosleep(&pause, NULL);
	/* It is not this program that fills the table. */
	if (i > PATIENCE_S * 50)
		table_fd = -1;
}
