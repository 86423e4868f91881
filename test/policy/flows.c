/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * flows.c - connections that stay open across the steps of a case
 *
 * The prober's own sockets serve: its loop does not run meanwhile. A message is a number that was never sent
 * before; of TCP, where a message that was held back may be repeated by the kernel and arrive later, the last one counts.
 */
#include "test/policy/flows.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define WAIT_MS 200 /* above TCP's first retransmission */

struct flow {
	char from[END_NAME_SIZE], to[END_NAME_SIZE];
	int family, proto, port;
	int client, server; /* server: the accepted connection, or the prober's UDP socket */
	union address peer; /* of a UDP server: the client */
	struct flow *next;
	/* of a check */
	bool checked, alive;
	uint64_t sent[2], got[2]; /* by the client, by the server */
};

struct flows {
	struct topology *t;
	struct prober *p;
	struct flow *list;
	uint64_t number;
};

struct flows *flows_new(struct topology *t, struct prober *p)
{
	struct flows *f = calloc(1, sizeof(*f));

	if (!f)
		broken("no memory");
	f->t = t;
	f->p = p;
	return f;
}

static void close_flow(struct flow *one)
{
	close(one->client);
	if (one->proto == IPPROTO_TCP && one->server >= 0)
		close(one->server);
	free(one);
}

void flows_free(struct flows *f)
{
	while (f->list) {
		struct flow *one = f->list;

		f->list = one->next;
		close_flow(one);
	}
	free(f);
}

/* ---- opening ------------------------------------------------------------------------------------- */

static int wait_for(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };

	return poll(&p, 1, WAIT_MS) == 1;
}

static bool open_tcp(struct flow *one, int listener)
{
	int err = 0;
	socklen_t len = sizeof(err);

	if (!wait_for(listener, POLLIN) || !wait_for(one->client, POLLOUT))
		return false;
	if (getsockopt(one->client, SOL_SOCKET, SO_ERROR, &err, &len) < 0 || err)
		return false;
	one->server = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	return one->server >= 0;
}

/* Learns the client's address. */
static bool open_udp(struct flow *one, int server)
{
	socklen_t len = sizeof(one->peer);
	uint64_t number;

	one->server = server;
	return send(one->client, "open", 4, 0) == 4 && wait_for(server, POLLIN) &&
	       recvfrom(server, &number, sizeof(number), 0, &one->peer.sa, &len) == 4 &&
	       sendto(server, "open", 4, 0, &one->peer.sa, len) == 4 &&
	       wait_for(one->client, POLLIN) && recv(one->client, &number, sizeof(number), 0) == 4;
}

static bool open_flow(struct flows *f, struct flow *one)
{
	const struct end *from = topology_end(f->t, one->from), *to = topology_end(f->t, one->to);
	const bool v6 = one->family == 6, tcp = one->proto == IPPROTO_TCP;
	const struct linger none = { .l_onoff = 1 };
	union address dest;
	int server;

	one->server = -1;
	if (!from || !to)
		broken("flows: %s -> %s: no such pod", one->from, one->to);
	server = prober_serve(f->p, to, one->family, one->proto, one->port);
	dest = to->addr[v6];
	dest.v4.sin_port = htons((uint16_t)one->port);
	topology_enter(from->netns);
	one->client = socket(v6 ? AF_INET6 : AF_INET,
	                     (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (one->client < 0 ||
	    (tcp && setsockopt(one->client, SOL_SOCKET, SO_LINGER, &none, sizeof(none)) < 0))
		broken("flows: socket: %s", strerror(errno));
	if (from->kind == END_OUTSIDE &&
	    bind(one->client, &from->addr[v6].sa, v6 ? sizeof(dest.v6) : sizeof(dest.v4)) < 0)
		broken("flows: bind: %s", strerror(errno));
	if (connect(one->client, &dest.sa, v6 ? sizeof(dest.v6) : sizeof(dest.v4)) < 0 &&
	    errno != EINPROGRESS)
		return false;
	return tcp ? open_tcp(one, server) : open_udp(one, server);
}

/* ---- checking ------------------------------------------------------------------------------------ */

/* Takes in what has come, for all flows that wait on this descriptor. */
static void take(struct flow *one, int side)
{
	uint64_t number;
	ssize_t n;

	while ((n = recv(side == 0 ? one->server : one->client, &number, sizeof(number), 0)) > 0) {
		if (n == sizeof(number))
			one->got[side] = number;
	}
}

/* A UDP server's socket is shared: a number finds the flow that it was sent on. */
static void take_datagrams(struct flows *f, int fd)
{
	uint64_t number;

	while (recv(fd, &number, sizeof(number), 0) == sizeof(number)) {
		for (struct flow *one = f->list; one; one = one->next) {
			if (one->checked && one->proto == IPPROTO_UDP && one->sent[0] == number)
				one->got[0] = number;
		}
	}
}

/* Waits for messages of one side until all that are expected have come, or the time is over. */
static void collect(struct flows *f, int side)
{
	const double until = now_ms() + WAIT_MS;

	for (;;) {
		unsigned int missing = 0;

		for (struct flow *one = f->list; one; one = one->next) {
			if (!one->checked)
				continue;
			if (side == 0 && one->proto == IPPROTO_UDP)
				take_datagrams(f, one->server);
			else
				take(one, side);
			missing += one->got[side] != one->sent[side];
		}
		if (!missing || now_ms() > until)
			return;
		poll(NULL, 0, 5);
	}
}

static void send_all(struct flows *f, int side)
{
	for (struct flow *one = f->list; one; one = one->next) {
		if (!one->checked)
			continue;
		one->sent[side] = ++f->number;
		if (side == 0)
			(void)!send(one->client, &one->sent[0], sizeof(uint64_t), MSG_NOSIGNAL);
		else if (one->proto == IPPROTO_TCP)
			(void)!send(one->server, &one->sent[1], sizeof(uint64_t), MSG_NOSIGNAL);
		else
			(void)!sendto(one->server, &one->sent[1], sizeof(uint64_t), 0,
			              &one->peer.sa,
			              one->family == 6 ? sizeof(one->peer.v6)
			                               : sizeof(one->peer.v4));
	}
}

static long judge(const struct flows *f, unsigned int step, FILE *report)
{
	static const char *const side_name[] = { "forth", "back" };
	long wrong = 0;

	for (const struct flow *one = f->list; one; one = one->next) {
		for (int side = 0; side < 2 && one->checked; side++) {
			const bool came = one->got[side] == one->sent[side];

			if (came == one->alive)
				continue;
			wrong++;
			fprintf(report,
			        "  step %u ipv%d: flow %s -> %s %d/%s expected %s, found %s %s\n",
			        step, one->family, one->from, one->to, one->port,
			        case_proto_name(one->proto), one->alive ? "alive" : "dead",
			        side_name[side], came ? "alive" : "dead");
		}
	}
	return wrong;
}

/* ---- lines --------------------------------------------------------------------------------------- */

static struct flow *find(const struct flows *f, const struct flow *like)
{
	for (struct flow *one = f->list; one; one = one->next) {
		if (strcmp(one->from, like->from) == 0 && strcmp(one->to, like->to) == 0 &&
		    one->family == like->family && one->proto == like->proto &&
		    one->port == like->port)
			return one;
	}
	return NULL;
}

/* Return: 1 if the flow could not be opened. */
static long do_line(struct flows *f, const struct flow *like, const char *what, unsigned int step,
                    FILE *report)
{
	struct flow *one = find(f, like);

	if (strcmp(what, "open") != 0) {
		if (!one)
			broken("flows: %s -> %s is not open", like->from, like->to);
		one->checked = true;
		one->alive = strcmp(what, "alive") == 0;
		return 0;
	}
	one = calloc(1, sizeof(*one));
	if (!one)
		broken("no memory");
	*one = *like;
	one->next = f->list;
	f->list = one;
	if (open_flow(f, one))
		return 0;
	fprintf(report, "  step %u ipv%d: flow %s -> %s %d/%s: cannot be opened\n", step,
	        one->family, one->from, one->to, one->port, case_proto_name(one->proto));
	return 1;
}

static void parse(const char *line, struct flow *like, char what[16], char family[16])
{
	char proto[16];

	family[0] = '\0';
	if (sscanf(line, "%191s -> %191s %d/%15s %15s %15s", like->from, like->to, &like->port,
	           proto, what, family) < 5 ||
	    (like->proto = case_proto(proto)) < 0 || like->proto == IPPROTO_SCTP ||
	    (strcmp(what, "open") != 0 && strcmp(what, "alive") != 0 && strcmp(what, "dead") != 0))
		broken("flows: not a line: %s", line);
}

long flows_check(struct flows *f, const json_t *lines, unsigned int step, FILE *report,
                 long *checks)
{
	long wrong = 0;

	for (size_t i = 0; i < json_array_size(lines); i++) {
		struct flow like = { .family = 4 };
		char what[16], family[16];

		parse(json_string_value(json_array_get(lines, i)), &like, what, family);
		for (; like.family <= 6; like.family += 2) {
			if (!(f->t->conf.families & (like.family == 6 ? CASE_IPV6 : CASE_IPV4)) ||
			    (family[0] && family[3] - '0' != like.family))
				continue;
			wrong += do_line(f, &like, what, step, report);
			++*checks;
		}
	}
	for (int side = 0; side < 2; side++) {
		send_all(f, side);
		collect(f, side);
	}
	wrong += judge(f, step, report);
	for (struct flow *one = f->list; one; one = one->next)
		one->checked = false;
	return wrong;
}
