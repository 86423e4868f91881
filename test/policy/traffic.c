/* SPDX-License-Identifier: GPL-2.0-or-later */
/* traffic.c - datagrams that never stop, and counters of what arrives */
#include "test/policy/traffic.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define STREAMS_MAX 32
#define SINKS_MAX   8
#define BUFFER      (64 << 20)
#define SETTLE_MS   50

struct stream {
	struct stream_conf conf;
	struct traffic *t;
	pthread_t thread;
	int fd;
	atomic_ulong sent, tried, arrived;
};

struct sink {
	struct traffic *t;
	pthread_t thread;
	int fd;
};

struct traffic {
	struct stream stream[STREAMS_MAX];
	struct sink sink[SINKS_MAX];
	unsigned int n_streams, n_sinks;
	atomic_bool stop_streams, stop_sinks;
	bool stopped;
};

struct traffic *traffic_new(void)
{
	struct traffic *t = calloc(1, sizeof(*t));

	if (!t)
		broken("no memory");
	return t;
}

static int udp_socket(int family)
{
	int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		broken("socket: %s", strerror(errno));
	return fd;
}

/* ---- sinks --------------------------------------------------------------------------------------- */

static void *receive(void *arg)
{
	struct sink *s = arg;
	struct pollfd p = { .fd = s->fd, .events = POLLIN };
	unsigned int stream;

	while (!atomic_load(&s->t->stop_sinks)) {
		if (poll(&p, 1, 20) < 1)
			continue;
		while (recv(s->fd, &stream, sizeof(stream), MSG_DONTWAIT) == sizeof(stream)) {
			if (stream < STREAMS_MAX)
				atomic_fetch_add(&s->t->stream[stream].arrived, 1);
		}
	}
	return NULL;
}

void traffic_sink(struct traffic *t, int netns, int port)
{
	struct sink *s = &t->sink[t->n_sinks];
	const struct sockaddr_in6 any = { .sin6_family = AF_INET6,
		                          .sin6_port = htons((uint16_t)port) };
	const int size = BUFFER;

	if (t->n_sinks++ == SINKS_MAX)
		broken("too many sinks");
	topology_enter(netns);
	s->t = t;
	s->fd = udp_socket(AF_INET6); /* hears both families */
	if (setsockopt(s->fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0 ||
	    bind(s->fd, (const struct sockaddr *)&any, sizeof(any)) < 0)
		broken("sink: %s", strerror(errno));
	if (pthread_create(&s->thread, NULL, receive, s) != 0)
		broken("no thread");
}

/* ---- streams ------------------------------------------------------------------------------------- */

static void pause_us(unsigned int us)
{
	const struct timespec t = { .tv_nsec = (long)us * 1000 };

	nanosleep(&t, NULL);
}

static void *send_stream(void *arg)
{
	struct stream *s = arg;
	const unsigned int number = (unsigned int)(s - s->t->stream);
	const union address *to = &s->conf.dest;
	const socklen_t len = to->sa.sa_family == AF_INET6 ? sizeof(to->v6) : sizeof(to->v4);
	int fd = s->fd;

	/* Sockets lie in the namespace that the thread was started in, whatever ours enters or closes meanwhile. */
	while (!atomic_load(&s->t->stop_streams)) {
		if (s->conf.new_flow)
			fd = udp_socket(to->sa.sa_family);
		atomic_fetch_add(&s->tried, 1);
		if (sendto(fd, &number, sizeof(number), 0, &to->sa, len) == sizeof(number))
			atomic_fetch_add(&s->sent, 1);
		if (s->conf.new_flow)
			close(fd);
		pause_us(s->conf.pause_us);
	}
	return NULL;
}

unsigned int traffic_stream(struct traffic *t, const struct stream_conf *conf)
{
	struct stream *s = &t->stream[t->n_streams];

	if (t->n_streams == STREAMS_MAX)
		broken("too many streams");
	s->conf = *conf;
	s->t = t;
	topology_enter(conf->netns);
	s->fd = udp_socket(conf->dest.sa.sa_family);
	if (pthread_create(&s->thread, NULL, send_stream, s) != 0)
		broken("no thread");
	return t->n_streams++;
}

void traffic_stop(struct traffic *t)
{
	if (t->stopped)
		return;
	atomic_store(&t->stop_streams, true);
	for (unsigned int i = 0; i < t->n_streams; i++)
		pthread_join(t->stream[i].thread, NULL);
	poll(NULL, 0, SETTLE_MS);
	atomic_store(&t->stop_sinks, true);
	for (unsigned int i = 0; i < t->n_sinks; i++)
		pthread_join(t->sink[i].thread, NULL);
	t->stopped = true;
}

void traffic_free(struct traffic *t)
{
	traffic_stop(t);
	for (unsigned int i = 0; i < t->n_streams; i++)
		close(t->stream[i].fd);
	for (unsigned int i = 0; i < t->n_sinks; i++)
		close(t->sink[i].fd);
	free(t);
}

unsigned long traffic_sent(const struct traffic *t, unsigned int stream)
{
	return atomic_load(&t->stream[stream].sent);
}

unsigned long traffic_tried(const struct traffic *t, unsigned int stream)
{
	return atomic_load(&t->stream[stream].tried);
}

unsigned long traffic_arrived(const struct traffic *t, unsigned int stream)
{
	return atomic_load(&t->stream[stream].arrived);
}

const char *traffic_name(const struct traffic *t, unsigned int stream)
{
	return t->stream[stream].conf.name;
}
