/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nl_events.c - waiting for the kernel to announce a change, with a deadline
 */
#include "kernel/nl_events.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>

static int64_t now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t nl_deadline(unsigned int ms)
{
	return now_ms() + ms;
}

int nl_events_open(int group, struct nl_sock *ret, struct err *e)
{
	/* The kernel leaves out the port that caused an event, 0 for its own: a socket without a number would hear nothing. */
	const struct sockaddr_nl number = { .nl_family = AF_NETLINK };
	int r = nl_open(NETLINK_ROUTE, ret, e);

	if (r == 0 &&
	    (bind(ret->fd, (const struct sockaddr *)&number, sizeof(number)) < 0 ||
	     setsockopt(ret->fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) < 0)) {
		r = err_sys(e, errno, "listen to netlink events");
		nl_close(ret);
	}
	return r;
}

int nl_events_wait(const struct nl_sock *events, int64_t deadline)
{
	int64_t left = deadline - now_ms();
	struct timeval tv = { .tv_sec = left / 1000, .tv_usec = (left % 1000) * 1000 };
	uint8_t ignored[4096];

	if (left <= 0 || setsockopt(events->fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)) < 0)
		return -ETIMEDOUT;
	/* Whatever else recv() says (EINTR, events lost to ENOBUFS) is a reason to look again. */
	return recv(events->fd, ignored, sizeof(ignored), 0) < 0 && errno == EAGAIN ? -ETIMEDOUT
	                                                                            : 0;
}
