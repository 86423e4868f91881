/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * datapath_load.c - the load between two pods: the same for whatever connects them
 *
 * A socket stays in the namespace in which it was made, so the two threads enter their pods only to make sockets.
 * Only what happens between the first and the last exchange is timed; threads, sockets and the first exchange lie
 * before.
 */
#include "test/bench/datapath_load.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define STREAM_CHUNK  (128U << 10)
#define STREAM_WARMUP 20U /* ms, until windows have grown */
#define CONGESTION \
	"reno" /* in every kernel, and nothing in it paces or waits: it is not this that is measured */
#define LATENCIES 65536U /* of a measurement; what comes later is not in the median */

struct side {
	const struct load *load;
	int fd; /* server: listening; client: of the connection */
	int r;
	struct load_result result;
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

/* To where it belongs, and before all else that the machine has to do: it is not this that is measured. */
static void take_cpu(int cpu)
{
	const struct sched_param param = { .sched_priority = 1 };
	cpu_set_t set;

	(void)pthread_setschedparam(pthread_self(), SCHED_FIFO, &param);
	if (cpu < 0)
		return;
	CPU_ZERO(&set);
	CPU_SET((size_t)cpu, &set);
	(void)pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
}

static int load_socket(void)
{
	const struct timeval second = { .tv_sec = 1 };
	int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, CONGESTION, strlen(CONGESTION));
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof(second));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &second, sizeof(second));
	return fd;
}

static int error_of(ssize_t n)
{
	if (n >= 0)
		return -ECONNRESET;
	return errno == EAGAIN || errno == EINPROGRESS ? -ETIMEDOUT : -errno;
}

static int open_server(const struct load *l)
{
	struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = htons(LOAD_PORT) };
	int own = pod_enter(l->server), fd;

	if (own < 0)
		return own;
	fd = load_socket();
	if (fd >= 0 && (bind(fd, (struct sockaddr *)&any, sizeof(any)) < 0 || listen(fd, 64) < 0)) {
		int r = -errno;

		close(fd);
		fd = r;
	}
	pod_leave(own);
	return fd;
}

static int open_client(const struct load *l)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
		                  .sin_port = htons(LOAD_PORT),
		                  .sin_addr = l->server_addr };
	int fd = load_socket();

	if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0) {
		int r = error_of(-1);

		close(fd);
		return r;
	}
	return fd;
}

/* ---- the server's side ---- */

static void echo(int fd)
{
	char byte;

	while (read(fd, &byte, 1) == 1 && write(fd, &byte, 1) == 1)
		;
}

/* What came in after the first STREAM_WARMUP ms. */
static void swallow(int fd, struct side *s)
{
	uint64_t start = now_ns(), from = 0, to = start, bytes = 0;
	char *chunk = malloc(STREAM_CHUNK);
	ssize_t n;

	while (chunk && (n = read(fd, chunk, STREAM_CHUNK)) > 0) {
		to = now_ns();
		if (from)
			bytes += (uint64_t)n;
		else if (to - start > STREAM_WARMUP * 1000000U)
			from = to;
	}
	if (from && to > from)
		s->result.value = (double)bytes * 8 / (double)(to - from);
	else
		s->r = -ETIMEDOUT;
	free(chunk);
}

/* Until the client shuts the listening socket. */
static void *serve(void *arg)
{
	struct side *s = arg;
	int fd;

	take_cpu(s->load->server_cpu);
	while ((fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		if (s->load->kind == LOAD_STREAM)
			swallow(fd, s);
		else
			echo(fd);
		close(fd);
	}
	return NULL;
}

/* ---- the client's side ---- */

static int exchange(int fd)
{
	char byte = 'x';
	ssize_t n = write(fd, &byte, 1);

	if (n == 1)
		n = read(fd, &byte, 1);
	return n == 1 ? 0 : error_of(n);
}

static int ascending(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static int run_rr(const struct load *l, struct load_result *ret)
{
	uint32_t *took = calloc(LATENCIES, sizeof(*took));
	uint64_t start, last, now;
	int fd = open_client(l), r = fd < 0 ? fd : took ? exchange(fd) : -ENOMEM;
	size_t n = 0;

	for (start = last = now = now_ns(); r == 0 && now - start < l->ms * 1000000ULL;
	     last = now) {
		r = exchange(fd);
		now = now_ns();
		if (r == 0 && n < LATENCIES)
			took[n++] = (uint32_t)(now - last);
	}
	if (r == 0 && n > 0) {
		qsort(took, n, sizeof(*took), ascending);
		ret->value = took[n / 2] / 1e3;
		ret->p99 = took[n * 99 / 100] / 1e3;
	}
	if (fd >= 0)
		close(fd);
	free(took);
	return r;
}

static int one_connection(const struct load *l)
{
	int fd = open_client(l), r = fd < 0 ? fd : exchange(fd);

	if (fd >= 0)
		close(fd);
	return r;
}

static int run_crr(const struct load *l, struct load_result *ret)
{
	int own = pod_enter(l->client), r = own < 0 ? own : one_connection(l);
	uint64_t start = now_ns(), now = start;
	unsigned int n = 0;

	for (; r == 0 && now - start < l->ms * 1000000ULL; n++) {
		r = one_connection(l);
		now = now_ns();
	}
	if (own >= 0)
		pod_leave(own);
	if (r == 0 && now > start)
		ret->value = n * 1e9 / (double)(now - start);
	return r;
}

static int run_stream(const struct load *l)
{
	uint64_t start = now_ns();
	int fd = open_client(l), r = fd < 0 ? fd : 0;
	char *chunk = calloc(1, STREAM_CHUNK);

	while (r == 0 && chunk && now_ns() - start < (l->ms + STREAM_WARMUP) * 1000000ULL) {
		ssize_t n = write(fd, chunk, STREAM_CHUNK);

		if (n < 0)
			r = error_of(n);
	}
	if (fd >= 0)
		close(fd);
	free(chunk);
	return r;
}

static void *ask(void *arg)
{
	struct side *s = arg;
	const struct load *l = s->load;
	int own;

	take_cpu(l->client_cpu);
	if (l->kind == LOAD_CRR) {
		s->r = run_crr(l, &s->result);
		return NULL;
	}
	own = pod_enter(l->client);
	if (own < 0) {
		s->r = own;
		return NULL;
	}
	s->r = l->kind == LOAD_RR ? run_rr(l, &s->result) : run_stream(l);
	pod_leave(own);
	return NULL;
}

int load_run(const struct load *l, struct load_result *ret)
{
	struct side server = { .load = l, .fd = open_server(l) }, client = { .load = l, .fd = -1 };
	pthread_t a, b;
	int r = 0;

	*ret = (struct load_result) { 0 };
	if (server.fd < 0)
		return server.fd;
	if (pthread_create(&a, NULL, serve, &server) != 0) {
		close(server.fd);
		return -EAGAIN;
	}
	if (pthread_create(&b, NULL, ask, &client) == 0)
		pthread_join(b, NULL);
	else
		r = -EAGAIN;
	(void)shutdown(server.fd, SHUT_RDWR);
	pthread_join(a, NULL);
	close(server.fd);
	if (r == 0)
		r = client.r < 0 ? client.r : server.r;
	*ret = l->kind == LOAD_STREAM ? server.result : client.result;
	return r;
}
