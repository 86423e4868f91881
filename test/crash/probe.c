/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * probe.c - which ports of a pod does another one reach?
 *
 * Nothing waits for packets that are not to arrive: the one that must arrive is sent last and takes the same way, so
 * whatever was to arrive has done so before it. The same way begins with the same CPU: each has a queue of its own for what
 * came through a veth, and on a busy machine one of them may be far behind another. A batch that nothing is seen of is sent again.
 */
#include "test/crash/node.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct datagram {
	unsigned int round;
	unsigned int family; /* 0, 1 */
};

static void die(const char *what)
{
	fprintf(stderr, "crash: probe: %s: %s\n", what, strerror(errno));
	_exit(2);
}

void probe_open(struct node *n, enum pod_name pod)
{
	for (int i = 0; i < PROBE_PORTS; i++) {
		const struct sockaddr_in6 any = { .sin6_family = AF_INET6,
			                          .sin6_port = htons((uint16_t)(PROBE_PORT + i)) };
		int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

		if (fd < 0 || bind(fd, (const struct sockaddr *)&any, sizeof(any)) < 0)
			die("receiver");
		n->pods[pod].rx[i] = fd;
	}
}

/* New ones each time: no route that a socket remembers, and every packet is the first of its connection. */
static void open_senders(const struct node *n, int ret[static 2])
{
	if (setns(n->pods[CLIENT].netns, CLONE_NEWNET) < 0)
		die("setns");
	ret[0] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ret[1] = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (setns(n->netns, CLONE_NEWNET) < 0 || ret[0] < 0 || ret[1] < 0)
		die("sender");
}

/* The caller stays where it is: *ret_before is what it may use else. */
static void stay_on_cpu(cpu_set_t *ret_before)
{
	cpu_set_t here;
	int cpu = sched_getcpu();

	CPU_ZERO(&here);
	CPU_SET((size_t)cpu, &here);
	if (cpu < 0 || sched_getaffinity(0, sizeof(*ret_before), ret_before) < 0 ||
	    sched_setaffinity(0, sizeof(here), &here) < 0)
		die("one CPU");
}

/* One that cannot be sent (no route yet, refused) does not arrive. */
static void send_batch(const struct node *n, const struct node_pod *to, const int fd[static 2])
{
	for (int i = PROBE_PORTS; i-- > 0;) {
		const in_port_t port = htons((uint16_t)(PROBE_PORT + i));
		const struct sockaddr_in v4 = { .sin_family = AF_INET,
			                        .sin_port = port,
			                        .sin_addr = to->v4 };
		const struct sockaddr_in6 v6 = { .sin6_family = AF_INET6,
			                         .sin6_port = port,
			                         .sin6_addr = to->v6 };
		const struct datagram d[2] = { { n->round, 0 }, { n->round, 1 } };

		(void)sendto(fd[0], &d[0], sizeof(d[0]), 0, (const void *)&v4, sizeof(v4));
		(void)sendto(fd[1], &d[1], sizeof(d[1]), 0, (const void *)&v6, sizeof(v6));
	}
}

static unsigned int receive(const struct node *n, const struct node_pod *to)
{
	unsigned int seen = 0;
	struct datagram d;

	for (unsigned int i = 0; i < PROBE_PORTS; i++) {
		while (recv(to->rx[i], &d, sizeof(d), 0) == sizeof(d)) {
			if (d.round == n->round && d.family < 2)
				seen |= 1U << (i + 8 * d.family);
		}
	}
	return seen;
}

/*
 * What the client knows of who is probed. Each pod has another address, and the kernel's table of IPv6 neighbours is one for all network
 * namespaces (nd_tbl in net/ipv6/ndisc.c): full at gc_thresh3 entries, 1,024 unless somebody changed that, of which none is given up
 * that was seen in the last five seconds (neigh_forced_gc() in net/core/neighbour.c). Left alone, some workers fill it, and whoever has
 * a new neighbour then cannot send to it: IPv6 is silent, in every namespace.
 */
static void forget_neighbour(int fd, int family, const void *addr, size_t len)
{
	struct {
		struct nlmsghdr head;
		struct ndmsg neighbour;
		struct rtattr attr;
		uint8_t addr[16];
	} m = { .head = { .nlmsg_type = RTM_DELNEIGH, .nlmsg_flags = NLM_F_REQUEST },
		.neighbour = { .ndm_family = (uint8_t)family,
		               .ndm_ifindex = (int)if_nametoindex("eth0") },
		.attr = { .rta_type = NDA_DST, .rta_len = (uint16_t)RTA_LENGTH(len) } };

	m.head.nlmsg_len = (uint32_t)(offsetof(__typeof__(m), addr) + len);
	memcpy(m.addr, addr, len);
	/* It need not be there. */
	(void)send(fd, &m, m.head.nlmsg_len, 0);
}

static void forget_neighbours(const struct node *n, const struct node_pod *p)
{
	/* Whom the question went to: ff02::1:ff and the last three bytes. */
	struct in6_addr asked = { .s6_addr = { 0xff, 2, [11] = 1, [12] = 0xff } };
	int fd;

	memcpy(&asked.s6_addr[13], &p->v6.s6_addr[13], 3);
	if (setns(n->pods[CLIENT].netns, CLONE_NEWNET) < 0)
		die("setns");
	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (fd < 0)
		die("netlink");
	forget_neighbour(fd, AF_INET, &p->v4, sizeof(p->v4));
	forget_neighbour(fd, AF_INET6, &p->v6, sizeof(p->v6));
	forget_neighbour(fd, AF_INET6, &asked, sizeof(asked));
	close(fd);
	if (setns(n->netns, CLONE_NEWNET) < 0)
		die("setns");
}

static long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

unsigned int probe(struct node *n, enum pod_name to)
{
	const unsigned int all = PROBE_BOTH(PROBE_ALWAYS);
	const struct node_pod *p = &n->pods[to];
	const long start = now_ms();
	struct pollfd wait = { .fd = p->rx[PROBE_ALWAYS], .events = POLLIN };
	unsigned int seen = 0;
	cpu_set_t before;
	int fd[2];

	n->round++;
	stay_on_cpu(&before);
	open_senders(n, fd);
	do {
		const long sent = now_ms();
		long left = PROBE_AGAIN_MS;

		send_batch(n, p, fd);
		while ((seen & all) != all && left > 0) {
			(void)poll(&wait, 1, (int)left);
			seen |= receive(n, p);
			left = PROBE_AGAIN_MS - (now_ms() - sent);
		}
	} while ((seen & all) != all && now_ms() - start < PROBE_PATIENCE_MS);
	close(fd[0]);
	close(fd[1]);
	forget_neighbours(n, p);
	if (sched_setaffinity(0, sizeof(before), &before) < 0)
		die("all CPUs");
	/* Whatever stood before the last one in another socket's queue. */
	return seen | receive(n, p);
}

const char *probe_text(unsigned int bits)
{
	static const char *const names[PROBE_PORTS] = { "always", "old",   "new",
		                                        "mix-1",  "mix-2", "never" };
	static char buf[4][160];
	static unsigned int next;
	char *ret = buf[next++ % 4];
	size_t n = 0;

	for (unsigned int f = 0; f < 2; f++) {
		n += (size_t)snprintf(ret + n, sizeof(buf[0]) - n, "%sIPv%c", f ? ", " : "",
		                      f ? '6' : '4');
		for (unsigned int i = 0; i < PROBE_PORTS; i++) {
			if (bits & 1U << (i + 8 * f))
				n += (size_t)snprintf(ret + n, sizeof(buf[0]) - n, " %s", names[i]);
		}
	}
	return ret;
}
