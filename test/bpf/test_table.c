/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_table.c - the table of connections: how it spreads them, writers at the same time, locks; pins of another layout
 */
#include "lab.h"

#include "base/cleanup.h"
#include "bpf/clsact.h"
#include "bpf/sys.h"

#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CLIENTS 200
#define PACKETS 20000U

static const struct lab_rule rules[] = { { 2, A, TCP, 80, 80 },
	                                 { 2, A, UDP, 80, 80 },
	                                 { 2, CLASS_BLOCK, UDP, 123, 123 } };
/* B lets A in at port 80 and the block at 123, and may open nothing. */
static const struct lab_policy strict = {
	.rules = rules, .n = ARRAY_SIZE(rules), .ingress = { [B] = 2 }, .egress = { [B] = CLOSED }
};

/* Clients of one network differ in the last byte alone if all of them have the same port, as those of time servers do. */
static void neighbours(struct lab *lab, bool v6)
{
	const struct spec
		request = { .from = OUTSIDE, .to = B, .proto = UDP, .sport = 123, .dport = 123 },
		reply = { .from = B, .to = OUTSIDE, .proto = UDP, .sport = 123, .dport = 123 };
	struct frame in, out;
	int passed = 0, answered = 0;

	frame_make(&in, &request, v6);
	frame_make(&out, &reply, v6);
	for (int i = 0; i < CLIENTS; i++) {
		in.data[v6 ? 37 : 29] = (uint8_t)i;
		passed += lab_run(lab, false, B, lab->uplink, 0, &in, 1).verdict == PASSES;
	}
	for (int i = 0; i < CLIENTS; i++) {
		out.data[v6 ? 53 : 33] = (uint8_t)i;
		answered += lab_run(lab, true, B, lab->link[B], 0, &out, 1).verdict == PASSES;
	}
	cr_expect(passed == CLIENTS && answered == CLIENTS,
	          "v6 %d: expected %d requests and replies to pass, found %d and %d", v6, CLIENTS,
	          passed, answered);
}

Test(table, spreads_neighbours)
{
	struct lab lab;

	lab_open(&lab, CONTROL_FASTPATH);
	lab_apply(&lab, &strict);
	neighbours(&lab, false);
	neighbours(&lab, true);
}

/* What programs do on other processors. */
Test(table, locks)
{
	const struct spec request = { .from = A, .to = B, .proto = UDP, .sport = 9, .dport = 80 },
			  reply = { .from = B, .to = A, .proto = UDP, .sport = 80, .dport = 9 };
	static const struct lab_policy nothing = { .ingress = { [B] = CLOSED },
		                                   .egress = { [B] = CLOSED } };
	struct loader_conf conf = LOADER_DEFAULTS;
	struct lab lab;

	conf.locks = true;
	lab_open_sized(&lab, &conf);
	for (int v6 = 0; v6 < 2; v6++) {
		lab_apply(&lab, &strict);
		lab_expect(lab_sends(&lab, &reply, v6), DROPPED, "reply to nothing, v6 %d", v6);
		for (int i = 0; i < 2; i++) {
			lab_expect(lab_sends(&lab, &request, v6), HANDED_OVER, "request %d, v6 %d",
			           i, v6);
			lab_expect(lab_sends(&lab, &reply, v6), HANDED_OVER, "reply %d, v6 %d", i,
			           v6);
		}
		neighbours(&lab, v6);
		lab_apply(&lab, &nothing);
		lab_expect(lab_sends(&lab, &request, v6), DROPPED, "revoked, v6 %d", v6);
		lab_expect(lab_sends(&lab, &reply, v6), DROPPED, "revoked reply, v6 %d", v6);
	}
}

/* ---- at the same time ---------------------------------------------------------------------- */

struct sender {
	const struct lab *lab;
	uint16_t first; /* source port */
	unsigned int lost, wrong;
};

static void *send_many(void *arg)
{
	struct sender *s = arg;

	for (unsigned int i = 0; i < PACKETS; i++) {
		const struct spec spec = { .from = A,
			                   .to = B,
			                   .proto = UDP,
			                   .sport = (uint16_t)(s->first + i % 4000),
			                   .dport = i % 3 ? 80 : 81 };
		enum outcome found = lab_sends(s->lab, &spec, i % 2);

		if (spec.dport == 80)
			s->lost += found != HANDED_OVER;
		else
			s->wrong += found != DROPPED;
	}
	return NULL;
}

/* One bucket, all of whose places are written all the time, from two processors. */
Test(table, two_writers)
{
	struct loader_conf conf = LOADER_DEFAULTS;
	struct sender senders[2];
	pthread_t threads[2];
	struct flow_bucket b;
	uint32_t zero = 0;
	struct lab lab;

	conf.max_flows = FLOW_WAYS;
	lab_open_sized(&lab, &conf);
	lab_apply(&lab, &strict);
	for (int i = 0; i < 2; i++) {
		senders[i] = (struct sender) { &lab, (uint16_t)(10000 + 5000 * i), 0, 0 };
		cr_assert(pthread_create(&threads[i], NULL, send_many, &senders[i]) == 0);
	}
	for (int i = 0; i < 2; i++)
		cr_assert(pthread_join(threads[i], NULL) == 0);
	for (int i = 0; i < 2; i++) {
		cr_expect(senders[i].wrong == 0, "sender %d: %u packets passed that no rule allows",
		          i, senders[i].wrong);
		cr_expect(senders[i].lost == 0, "sender %d: %u of %u packets were lost", i,
		          senders[i].lost, PACKETS);
	}
	cr_assert(sys_map_lookup(lab.d.flow, &zero, &b) == 0);
	cr_expect(!(b.sequence & 1), "the bucket is free");
	for (size_t i = 0; i < FLOW_WAYS; i++) {
		const struct flow_key *k = &b.slot[i].key;
		const bool v6 = k->addr[0].word[0] != 0;
		const struct in6 a = frame_addr(A, v6), to = frame_addr(B, v6);

		cr_expect(k->proto == UDP && memcmp(&k->addr[0], &a, 16) == 0 &&
		                  memcmp(&k->addr[1], &to, 16) == 0 &&
		                  b.slot[i].flow.flags == (FLOW_EGRESS | FLOW_INGRESS) &&
		                  b.slot[i].flow.side[0].ifindex == lab.link[A] &&
		                  b.slot[i].flow.side[1].ifindex == lab.link[B],
		          "place %zu: a whole entry", i);
	}
}

/* As if the processor of whoever has the bucket had been taken away, between two of his stores: he writes at place @way. */
static void stop_writer(const struct lab *lab, bool stopped, uint32_t way)
{
	struct flow_bucket b;
	uint32_t zero = 0;

	cr_assert(sys_map_lookup(lab->d.flow, &zero, &b) == 0);
	b.sequence = (b.sequence & ~1U) | stopped;
	b.way = way;
	cr_assert(sys_map_update(lab->d.flow, &zero, &b, BPF_ANY) == 0);
}

#define NOBODY (-1)

/* Packets between A and B while somebody is stopped who writes at @way; the connection from port 9 lies at place 0. */
struct stopped_row {
	int way;
	enum who from;
	uint16_t sport, dport;
	uint8_t tcp;
	enum outcome want;
	const char *what;
};

static const struct stopped_row while_it_holds[] = {
	{ NOBODY, A, 9, 80, SYN, HANDED_OVER, "request" },
	{ 1, A, 9, 80, ACK, HANDED_OVER, "data beside" },
	{ 1, B, 80, 9, SYN | ACK, HANDED_OVER, "reply beside" },
	{ 1, A, 10, 80, SYN, HANDED_OVER, "another request, not remembered" },
	{ 1, B, 80, 10, SYN | ACK, DROPPED, "its reply" },
	{ 1, A, 9, 81, SYN, DROPPED, "forbidden" },
	{ 0, A, 9, 80, ACK, HANDED_OVER, "data, being written" },
	{ 0, A, 9, 81, SYN, DROPPED, "forbidden, being written" },
};
static const struct stopped_row when_revoked[] = {
	{ 1, A, 9, 80, ACK, DROPPED, "revoked data" },
	{ 1, B, 80, 9, ACK, DROPPED, "revoked reply" },
};
static const struct stopped_row when_allowed_again[] = {
	{ NOBODY, A, 9, 80, SYN, HANDED_OVER, "request again" },
	{ NOBODY, B, 80, 9, SYN | ACK, HANDED_OVER, "reply again" },
};

static void send_rows(struct lab *lab, const struct stopped_row *rows, size_t n, uint8_t proto,
                      bool v6)
{
	for (size_t i = 0; i < n; i++) {
		const struct stopped_row *r = &rows[i];
		const struct spec spec = { .from = r->from,
			                   .to = r->from == A ? B : A,
			                   .proto = proto,
			                   .sport = r->sport,
			                   .dport = r->dport,
			                   .tcp = r->tcp };

		stop_writer(lab, r->way != NOBODY, r->way == NOBODY ? 0 : (uint32_t)r->way);
		lab_expect(lab_sends(lab, &spec, v6), r->want, "%s, proto %d, v6 %d", r->what,
		           proto, v6);
	}
}

/* Nobody waits for a writer who does not go on, and nobody's packet is lost or let through because of him. */
Test(table, writer_that_does_not_go_on)
{
	static const struct lab_policy nothing = { .ingress = { [B] = CLOSED },
		                                   .egress = { [B] = CLOSED } };
	struct loader_conf conf = LOADER_DEFAULTS;
	struct lab lab;

	conf.max_flows = FLOW_WAYS;
	lab_open_sized(&lab, &conf);
	for (int i = 0; i < 4; i++) {
		const uint8_t proto = i & 2 ? TCP : UDP;
		const bool v6 = i & 1;

		lab_forget_flows(&lab);
		lab_apply(&lab, &strict);
		send_rows(&lab, while_it_holds, ARRAY_SIZE(while_it_holds), proto, v6);
		lab_apply(&lab, &nothing);
		send_rows(&lab, when_revoked, ARRAY_SIZE(when_revoked), proto, v6);
		cr_expect(lab_flows(&lab) == 1, "expected one connection in the table, found %zu",
		          lab_flows(&lab));
		lab_apply(&lab, &strict);
		send_rows(&lab, when_allowed_again, ARRAY_SIZE(when_allowed_again), proto, v6);
	}
}

/* ---- another layout ------------------------------------------------------------------------ */

/* Programs of another layout are at a veth, their pins are there: ours take their place in one step. */
Test(table, another_layout)
{
	struct loader_conf conf = LOADER_DEFAULTS;
	struct bpf_prog_info info;
	struct lab lab;
	struct err e;
	int a;

	lab_open(&lab, CONTROL_FASTPATH);
	a = (int)lab.link[A];
	cr_assert(datapath_attach(&lab.d, &lab.route, a, &e) == 0, "%s", e.msg);
	datapath_close(&lab.d);
	cr_assert(rename(CNIDA_BPF_DIR, CNIDA_BPF_ROOT "/0") == 0);
	cr_assert(loader_load(&conf, &e) == 1, "%s", e.msg);
	cr_expect(access(CNIDA_BPF_ROOT "/0", F_OK) < 0, "the other's pins are gone");
	cr_assert(datapath_open(&lab.d, &e) == 1, "%s", e.msg);
	cr_expect(datapath_attached(&lab.d, &lab.route, a, &e) == 0, "the other's are not ours");
	cr_expect(datapath_attach(&lab.d, &lab.route, a, &e) == 0, "%s", e.msg);
	cr_assert(sys_prog_info(lab.d.from_pod, &info, NULL, NULL) == 0);
	cr_expect(clsact_find(&lab.route, a, true, &e) == info.id, "ours is there alone");
	cr_expect(datapath_attached(&lab.d, &lab.route, a, &e) == 1, "%s", e.msg);
}
