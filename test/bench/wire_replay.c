/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * wire_replay.c - send recorded requests again and time only them
 */
#include "test/bench/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define OWN_FDS    100 /* ours begin here: the number of the pod's namespace must be free */
#define BURN_GROUP 7700

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int high(int fd)
{
	int moved = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, OWN_FDS);

	if (fd >= 0)
		close(fd);
	return moved;
}

struct player {
	int home, pod;
	int socket[WIRE_SOCKETS_MAX];
	bool in_pod;
	struct wire_cost cost;
};

static bool move(struct player *p, bool in_pod)
{
	if (p->in_pod == in_pod)
		return true;
	p->in_pod = in_pod;
	return setns(in_pod ? p->pod : p->home, CLONE_NEWNET) == 0;
}

static bool open_all(struct player *p, const struct wire *w, const char *netns)
{
	const struct timeval limit = { .tv_sec = 5 };
	const int on = 1;

	p->home = high(open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
	p->pod = high(open(netns, O_RDONLY | O_CLOEXEC));
	if (p->home < 0 || p->pod < 0 || (w->netns_fd >= 0 && dup2(p->pod, w->netns_fd) < 0))
		return false;
	for (size_t i = 0; i < w->n_sockets; i++) {
		if (!move(p, w->socket[i].in_pod))
			return false;
		p->socket[i] =
			high(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, w->socket[i].protocol));
		if (p->socket[i] < 0)
			return false;
		(void)setsockopt(p->socket[i], SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
		(void)setsockopt(p->socket[i], SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on,
		                 sizeof(on));
		(void)setsockopt(p->socket[i], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	}
	return move(p, false);
}

/* Indexes stand at multiples of four bytes, as all attributes do. */
static void renumber(struct wire_step *s, const struct wire_link *links, const unsigned int *now,
                     size_t n)
{
	uint32_t word;

	for (size_t at = 0; s->kind == WIRE_SEND && at + 4 <= s->len; at += 4) {
		memcpy(&word, s->data + at, 4);
		for (size_t i = 0; i < n; i++) {
			if (word == links[i].index && now[i])
				memcpy(s->data + at, &now[i], 4);
		}
	}
}

/* The last message that wants an answer; 0: none does */
static uint32_t awaited(const struct wire_step *s, unsigned int *ret_n)
{
	const struct nlmsghdr *m = (const void *)s->data;
	uint32_t seq = 0;

	for (size_t left = s->len; left >= sizeof(*m) && m->nlmsg_len >= sizeof(*m) &&
	                           NLMSG_ALIGN(m->nlmsg_len) <= left;) {
		const size_t len = NLMSG_ALIGN(m->nlmsg_len);

		(*ret_n)++;
		if (m->nlmsg_flags & (NLM_F_ACK | NLM_F_DUMP))
			seq = m->nlmsg_seq;
		left -= len;
		m = (const void *)((const uint8_t *)m + len);
	}
	return seq;
}

/* Until the answer to @seq; a failure of an earlier message comes first and is the last that comes then. */
static void await(struct player *p, int fd, uint32_t seq)
{
	static uint8_t buf[65536];

	for (;;) {
		ssize_t n = recv(fd, buf, sizeof(buf), 0);

		if (n <= 0) {
			p->cost.errors++;
			return;
		}
		for (const struct nlmsghdr *m = (const void *)buf; NLMSG_OK(m, (size_t)n);
		     m = NLMSG_NEXT(m, n)) {
			const struct nlmsgerr *e = NLMSG_DATA(m);

			if (m->nlmsg_type == NLMSG_ERROR && e->error)
				p->cost.errors++;
			if ((m->nlmsg_type == NLMSG_ERROR || m->nlmsg_type == NLMSG_DONE) &&
			    m->nlmsg_seq == seq)
				return;
		}
	}
}

static void write_sysctl(struct player *p, const struct wire_step *s)
{
	int fd = open(s->path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, s->data, s->len) != (ssize_t)s->len)
		p->cost.errors++;
	if (fd >= 0)
		close(fd);
}

static void play(struct player *p, const struct wire_step *s)
{
	unsigned int n = 0;
	uint32_t seq = s->kind == WIRE_SEND ? awaited(s, &n) : 0;
	double start = now_ms();

	if (!move(p, s->in_pod)) {
		p->cost.errors++;
	} else if (s->kind == WIRE_SYSCTL) {
		write_sysctl(p, s);
	} else {
		if (send(p->socket[s->socket], s->data, s->len, 0) != (ssize_t)s->len)
			p->cost.errors++;
		else if (seq)
			await(p, p->socket[s->socket], seq);
		p->cost.bytes += (unsigned int)s->len;
	}
	p->cost.ms += now_ms() - start;
	p->cost.requests += n;
}

static void look_up(struct player *p, const struct wire_link *links, unsigned int *now, size_t n)
{
	if (!move(p, false))
		return;
	for (size_t i = 0; i < n; i++)
		now[i] = if_nametoindex(links[i].name);
}

static void replay_here(const struct wire *w, const char *netns, const struct wire_link *links,
                        size_t n_links, struct player *p)
{
	unsigned int now[WIRE_LINKS_MAX] = { 0 };

	if (!open_all(p, w, netns)) {
		p->cost.errors = ~0U;
		return;
	}
	for (size_t i = 0; i < w->n; i++) {
		/* A copy: the process is one of its own. */
		struct wire_step s = w->step[i];

		look_up(p, links, now, n_links);
		renumber(&s, links, now, n_links);
		play(p, &s);
	}
}

int wire_replay(const struct wire *w, const char *netns, const struct wire_link *links,
                size_t n_links, struct wire_cost *ret)
{
	int fd[2], status, r = -EIO;
	pid_t pid;

	if (pipe2(fd, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (pid == 0) {
		static struct player p;

		replay_here(w, netns, links, n_links, &p);
		_exit(write(fd[1], &p.cost, sizeof(p.cost)) != (ssize_t)sizeof(p.cost));
	}
	close(fd[1]);
	if (pid > 0 && read(fd[0], ret, sizeof(*ret)) == (ssize_t)sizeof(*ret))
		r = ret->errors == ~0U ? -EIO : 0;
	close(fd[0]);
	if (pid > 0)
		(void)waitpid(pid, &status, 0);
	return r;
}

int wire_burn_indexes(unsigned int n)
{
	char command[160];

	/* A pair takes two. */
	snprintf(command, sizeof(command),
	         "for i in $(seq %u); do echo link add burn$i type veth; echo link set burn$i group %d; done | ip -batch - && "
	         "ip link del group %d",
	         n / 2, BURN_GROUP, BURN_GROUP);
	return system(command) == 0 ? 0 : -EIO;
}
