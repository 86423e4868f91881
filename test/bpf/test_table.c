/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_table.c - the table of connections: how it spreads them, writers at the same time, locks; pins of another layout
 */
#include "lab.h"

#include "base/cleanup.h"
#include "bpf/clsact.h"
#include "bpf/sys.h"

#include <arpa/inet.h>
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

/* ---- silence -------------------------------------------------------------------------------- */

/* Every entry was seen some ticks earlier: half a second to one each, it depends on the kernel's clock. */
static void let_pass(const struct lab *lab, uint32_t ticks)
{
	for (uint32_t i = 0; i < 2; i++) {
		struct flow_bucket b;

		cr_assert(sys_map_lookup(lab->d.flow, &i, &b) == 0);
		for (size_t k = 0; k < FLOW_WAYS; k++)
			b.seen[k] -= ticks;
		cr_assert(sys_map_update(lab->d.flow, &i, &b, BPF_ANY) == 0);
	}
}

static const struct {
	uint8_t proto, asks, answers; /* ICMP types */
	uint32_t known, forgotten;    /* ticks of silence */
} silences[] = {
	{ UDP, 0, 0, 150, 400 },
	{ ICMP, 8, 0, 45, 150 },
	{ TCP, 0, 0, 80000, 200000 },
};

static void forgets_who_is_silent(bool locks)
{
	static const struct lab_rule all[] = { { 2, A, 0, 0, 65535 } };
	static const struct lab_policy from_a = {
		.rules = all, .n = 1, .ingress = { [B] = 2 }, .egress = { [B] = CLOSED }
	};
	struct loader_conf conf = LOADER_DEFAULTS;
	struct lab lab;

	conf.max_flows = 2 * FLOW_WAYS;
	conf.locks = locks;
	lab_open_sized(&lab, &conf);
	lab_apply(&lab, &from_a);
	for (size_t i = 0; i < 2 * ARRAY_SIZE(silences); i++) {
		const size_t row = i / 2;
		const bool v6 = i % 2;
		const struct spec request = { .from = A,
			                      .to = B,
			                      .proto = silences[row].proto,
			                      .sport = 9,
			                      .dport = 80,
			                      .tcp = SYN,
			                      .icmp = silences[row].asks },
				  reply = { .from = B,
			                    .to = A,
			                    .proto = silences[row].proto,
			                    .sport = row == 1 ? 9 : 80,
			                    .dport = 9,
			                    .tcp = ACK,
			                    .icmp = silences[row].answers };

		lab_expect(lab_sends(&lab, &reply, v6), DROPPED, "row %zu, v6 %d, to nothing", row,
		           v6);
		lab_expect(lab_sends(&lab, &request, v6), HANDED_OVER, "row %zu, v6 %d", row, v6);
		let_pass(&lab, silences[row].known);
		lab_expect(lab_sends(&lab, &reply, v6), HANDED_OVER, "row %zu, v6 %d, seen lately",
		           row, v6);
		let_pass(&lab, silences[row].forgotten);
		lab_expect(lab_sends(&lab, &reply, v6), DROPPED, "row %zu, v6 %d, silent", row, v6);
	}
}

Test(table, forgets_who_is_silent)
{
	forgets_who_is_silent(false);
}

Test(table, forgets_who_is_silent_with_locks)
{
	forgets_who_is_silent(true);
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

static void whole_entries(const struct lab *lab, uint32_t bucket)
{
	struct flow_bucket b;

	cr_assert(sys_map_lookup(lab->d.flow, &bucket, &b) == 0);
	cr_expect(!(b.sequence & 1), "bucket %u: expected it free", bucket);
	for (size_t i = 0; i < FLOW_WAYS; i++) {
		const struct flow_key *k = &b.slot[i].key;
		const bool v6 = k->addr[0].word[0] != 0;
		const struct in6 a = frame_addr(A, v6), to = frame_addr(B, v6);

		cr_expect(k->proto == UDP && memcmp(&k->addr[0], &a, 16) == 0 &&
		                  memcmp(&k->addr[1], &to, 16) == 0 &&
		                  b.slot[i].flow.flags == (FLOW_EGRESS | FLOW_INGRESS) &&
		                  b.slot[i].flow.side[0].ifindex == lab->link[A] &&
		                  b.slot[i].flow.side[1].ifindex == lab->link[B],
		          "bucket %u, place %zu: expected a whole entry", bucket, i);
	}
}

/* Two buckets beside each other, all of whose places are written all the time, from two processors. */
Test(table, two_writers)
{
	struct loader_conf conf = LOADER_DEFAULTS;
	struct sender senders[2];
	pthread_t threads[2];
	struct lab lab;

	conf.max_flows = 2 * FLOW_WAYS;
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
	for (uint32_t i = 0; i < 2; i++)
		whole_entries(&lab, i);
}

/* Of a connection between A and B, as the programs have it: see flow_hash(). */
static uint32_t hash_of(const struct lab *lab, uint8_t proto, uint16_t a_port, uint16_t b_port,
                        bool v6)
{
	const struct flow_key key = { .addr = { frame_addr(A, v6), frame_addr(B, v6) },
		                      .port = { htons(a_port), htons(b_port) },
		                      .proto = proto };
	struct control c;
	uint64_t word[6], h = 0;
	struct err e;

	cr_assert(datapath_get_control(&lab->d, &c, &e) == 0, "%s", e.msg);
	memcpy(word, &key, sizeof(word));
	for (size_t i = 0; i < ARRAY_SIZE(word); i++)
		h += word[i] * c.hash[i];
	h ^= h >> 32;
	return (uint32_t)(h * 0x9e3779b97f4a7c15ULL >> 32);
}

enum stopped {
	NO_ONE,
	NEAR_IT,  /* writes another connection at another place of the bucket */
	AT_IT,    /* writes the connection itself */
	RENEWING, /* judged it anew, or has not yet said what he writes */
	IN_BOTH,  /* somebody in either bucket */
};

/* As if the processor of whoever has a bucket had been taken away between two of his stores. */
static void stop_writer(const struct lab *lab, uint32_t hash, enum stopped stopped)
{
	for (uint32_t i = 0; i < 2; i++) {
		const bool first = i == (hash & 1);
		const uint32_t other = first && stopped == AT_IT ? hash : ~hash;
		const uint32_t way = first && stopped == AT_IT ? 0 : FLOW_WAYS - 1;
		struct flow_bucket b;

		cr_assert(sys_map_lookup(lab->d.flow, &i, &b) == 0);
		b.sequence &= ~1U;
		b.writes = 0;
		if (stopped == IN_BOTH || (first && stopped != NO_ONE)) {
			b.sequence |= 1;
			if (stopped != RENEWING)
				b.writes = (uint64_t)other << 32 | (way + 1);
		}
		cr_assert(sys_map_update(lab->d.flow, &i, &b, BPF_ANY) == 0);
	}
}

/* Packets between A and B. Each finds its own bucket as the row says, and nothing about the one beside but what lies there. */
struct stopped_row {
	enum stopped stopped;
	enum who from;
	uint16_t a_port, b_port;
	uint8_t tcp;
	enum outcome want;
	const char *what;
};

static const struct stopped_row while_it_holds[] = {
	{ NO_ONE, A, 9, 80, SYN, HANDED_OVER, "request" },
	{ NEAR_IT, A, 9, 80, ACK, HANDED_OVER, "data beside" },
	{ NEAR_IT, B, 9, 80, SYN | ACK, HANDED_OVER, "reply beside" },
	{ NEAR_IT, B, 12, 80, SYN | ACK, DROPPED, "reply to nothing" },
	{ NEAR_IT, A, 12, 80, SYN, HANDED_OVER, "second request" },
	{ NEAR_IT, B, 12, 80, SYN | ACK, HANDED_OVER, "reply to the second" },
	{ AT_IT, B, 12, 80, ACK, HANDED_OVER, "reply to the second, its own bucket being written" },
	{ NO_ONE, B, 12, 80, ACK, HANDED_OVER, "reply to the second, later" },
	{ NEAR_IT, A, 9, 81, SYN, DROPPED, "forbidden" },
	{ AT_IT, A, 9, 80, ACK, HANDED_OVER, "data, being written" },
	{ AT_IT, A, 9, 81, SYN, DROPPED, "forbidden, being written" },
	{ RENEWING, A, 9, 80, ACK, HANDED_OVER, "data, being renewed" },
	{ RENEWING, B, 9, 80, ACK, HANDED_OVER, "reply, being renewed" },
	{ RENEWING, B, 10, 80, ACK, DROPPED, "reply to nothing, nothing said" },
	{ IN_BOTH, A, 9, 80, ACK, HANDED_OVER, "data, both buckets held up" },
	{ IN_BOTH, B, 9, 80, ACK, HANDED_OVER, "reply, both buckets held up" },
	{ IN_BOTH, A, 11, 80, SYN, DROPPED, "nowhere to remember it" },
	{ NO_ONE, B, 11, 80, SYN | ACK, DROPPED, "reply to what was not remembered" },
};
static const struct stopped_row when_replaced[] = {
	{ NEAR_IT, A, 9, 80, ACK, HANDED_OVER, "data, judged anew" },
	{ NEAR_IT, B, 9, 80, ACK, HANDED_OVER, "reply, judged anew" },
};
static const struct stopped_row when_revoked[] = {
	{ NEAR_IT, A, 9, 80, ACK, DROPPED, "revoked data" },
	{ NEAR_IT, B, 9, 80, ACK, DROPPED, "revoked reply" },
	{ NO_ONE, A, 12, 80, ACK, DROPPED, "revoked data of the second" },
	{ NO_ONE, B, 12, 80, ACK, DROPPED, "revoked reply of the second" },
};
static const struct stopped_row when_allowed_again[] = {
	{ NO_ONE, A, 9, 80, SYN, HANDED_OVER, "request again" },
	{ NO_ONE, B, 9, 80, SYN | ACK, HANDED_OVER, "reply again" },
};

static void send_rows(const struct lab *lab, uint8_t proto, bool v6, const struct stopped_row *rows,
                      size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct stopped_row *r = &rows[i];
		const struct spec spec = { .from = r->from,
			                   .to = r->from == A ? B : A,
			                   .proto = proto,
			                   .sport = r->from == A ? r->a_port : r->b_port,
			                   .dport = r->from == A ? r->b_port : r->a_port,
			                   .tcp = r->tcp };

		stop_writer(lab, hash_of(lab, proto, r->a_port, r->b_port, v6), r->stopped);
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

	conf.max_flows = 2 * FLOW_WAYS;
	lab_open_sized(&lab, &conf);
	for (int i = 0; i < 4; i++) {
		const uint8_t proto = i & 2 ? TCP : UDP;
		const bool v6 = i & 1;

		lab_forget_flows(&lab);
		lab_apply(&lab, &strict);
		send_rows(&lab, proto, v6, while_it_holds, ARRAY_SIZE(while_it_holds));
		lab_apply(&lab, &strict);
		send_rows(&lab, proto, v6, when_replaced, ARRAY_SIZE(when_replaced));
		lab_apply(&lab, &nothing);
		send_rows(&lab, proto, v6, when_revoked, ARRAY_SIZE(when_revoked));
		/* The first, and the second in both buckets. */
		cr_expect(lab_flows(&lab) == 3, "proto %d, v6 %d: expected 3 entries, found %zu",
		          proto, v6, lab_flows(&lab));
		lab_apply(&lab, &strict);
		send_rows(&lab, proto, v6, when_allowed_again, ARRAY_SIZE(when_allowed_again));
	}
}

/* Entries of connections at a pod's link, in the first two buckets. */
static size_t entries_of(const struct lab *lab, enum who pod)
{
	size_t n = 0;

	for (uint32_t i = 0; i < 2; i++) {
		struct flow_bucket b;

		cr_assert(sys_map_lookup(lab->d.flow, &i, &b) == 0);
		for (size_t k = 0; k < FLOW_WAYS; k++)
			n += (b.tags >> 8 * k & 0xff) != 0 &&
			     (b.slot[k].flow.side[0].ifindex == lab->link[pod] ||
			      b.slot[k].flow.side[1].ifindex == lab->link[pod]);
	}
	return n;
}

/* The entry that a former owner of the address left hides nothing, and takes nothing along when it goes. */
Test(table, former_owner_beside_a_writer)
{
	struct loader_conf conf = LOADER_DEFAULTS;
	struct lab lab;

	conf.max_flows = 2 * FLOW_WAYS;
	lab_open_sized(&lab, &conf);
	lab_apply(&lab, &strict);
	for (int v6 = 0; v6 < 2; v6++) {
		const struct spec
			request = { .from = A, .to = B, .proto = UDP, .sport = 9, .dport = 80 },
			reply = { .from = B, .to = A, .proto = UDP, .sport = 80, .dport = 9 };
		const uint32_t hash = hash_of(&lab, UDP, 9, 80, v6);

		lab_forget_flows(&lab);
		lab_expect(lab_sends(&lab, &request, v6), HANDED_OVER, "the former's, v6 %d", v6);
		lab_move(&lab, A, C, v6);
		stop_writer(&lab, hash, NEAR_IT);
		lab_expect(lab_sends_at(&lab, C, &request, v6), HANDED_OVER, "request, v6 %d", v6);
		lab_expect(lab_sends(&lab, &reply, v6), HANDED_OVER, "reply, v6 %d", v6);
		stop_writer(&lab, hash, NO_ONE);
		cr_expect(entries_of(&lab, A) == 1, "v6 %d: expected the former entry", v6);
		lab_expect(lab_sends(&lab, &reply, v6), HANDED_OVER, "reply, later, v6 %d", v6);
		cr_expect(entries_of(&lab, A) == 0, "v6 %d: expected the former entry gone", v6);
		lab_expect(lab_sends_at(&lab, C, &request, v6), HANDED_OVER,
		           "request, later, v6 %d", v6);
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
