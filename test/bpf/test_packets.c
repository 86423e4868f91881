/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_packets.c - packets that must not get past a policy for ports, and must not be lost where it allows them
 *
 * B lets A in at TCP 80 and UDP 80; A may send nothing else.
 */
#include "lab.h"

#include "base/cleanup.h"

#include <string.h>

static const struct lab_rule rules[] = {
	{ 2, A, TCP, 80, 80 }, { 2, A, UDP, 80, 80 },           { 3, B, TCP, 80, 80 },
	{ 3, B, UDP, 80, 80 }, { 4, CLASS_BLOCK, TCP, 80, 80 },
};
static const struct lab_policy policy = { .rules = rules,
	                                  .n = ARRAY_SIZE(rules),
	                                  .ingress = { [A] = CLOSED, [B] = 2, [C] = 4 },
	                                  .egress = { [A] = 3, [B] = CLOSED, [C] = CLOSED } };

#define BASE .from = A, .to = B, .proto = TCP, .sport = 40000

static void check(const struct lab *lab, const char *what, const struct spec *s, bool v6,
                  bool allowed)
{
	lab_forget_flows(lab);
	lab_expect(lab_sends(lab, s, v6), allowed ? HANDED_OVER : DROPPED, "%s, sent, v6 %d", what,
	           v6);
	lab_forget_flows(lab);
	lab_expect(lab_reaches(lab, lab->uplink, s, v6), allowed ? PASSES : DROPPED,
	           "%s, arrives, v6 %d", what, v6);
}

Test(packets, headers_before_the_ports)
{
	static const char *const chains[] = { "h",    "d",   "r",      "a",      "hd",     "hdr",
		                              "hdrd", "rrr", "hdradr", "dddddd", "dddddda" };
	struct lab lab;

	lab_open(&lab, CONTROL_FASTPATH);
	lab_apply(&lab, &policy);
	for (int port = 79; port <= 81; port++) {
		struct spec options = { BASE, .dport = (uint16_t)port, .headers = "o" };

		check(&lab, "options", &options, false, port == 80);
		for (size_t i = 0; i < ARRAY_SIZE(chains); i++) {
			struct spec s = { BASE, .dport = (uint16_t)port, .headers = chains[i] };

			check(&lab, chains[i], &s, true, port == 80);
		}
	}
}

Test(packets, never)
{
	static const struct {
		const char *what;
		struct spec s;
		int families; /* 4, 6, 10: both */
	} rows[] = {
		{ "segments left", { BASE, .dport = 80, .headers = "s" }, 6 },
		{ "segments left behind others", { BASE, .dport = 80, .headers = "hds" }, 6 },
		{ "too many headers", { BASE, .dport = 80, .headers = "dddddddddd" }, 6 },
		{ "two fragment headers",
		  { BASE, .dport = 80, .headers = "ff", .more = true, .id = 1 },
		  6 },
		{ "protocol 0", { .from = A, .to = B, .proto = 0, .dport = 80 }, 4 },
		{ "no port in it", { .from = A, .to = B, .proto = NO_PORT }, 10 },
		{ "protocol 255", { .from = A, .to = B, .proto = 255 }, 10 },
		{ "UDP-Lite", { .from = A, .to = B, .proto = 136, .dport = 80 }, 10 },
		{ "no next header", { .from = A, .to = B, .proto = 59 }, 6 },
		{ "TCP without flags", { BASE, .dport = 80, .cut = 8 }, 10 },
		{ "TCP without ports", { BASE, .dport = 80, .cut = 17 }, 10 },
		{ "TCP without anything", { BASE, .dport = 80, .cut = 20 }, 10 },
		{ "UDP, 4 bytes",
		  { .from = A, .to = B, .proto = UDP, .sport = 1, .dport = 80, .cut = 4 },
		  10 },
		{ "UDP, 7 bytes",
		  { .from = A, .to = B, .proto = UDP, .sport = 1, .dport = 80, .cut = 1 },
		  10 },
		{ "shorter than its header says",
		  { BASE, .dport = 80, .cut = 1, .cut_frame = true },
		  10 },
		{ "half a header", { BASE, .dport = 80, .cut = 30, .cut_frame = true }, 10 },
		{ "other fragment of nothing",
		  { BASE, .dport = 80, .headers = "f", .offset = 1, .id = 7 },
		  10 },
		{ "last fragment of nothing",
		  { BASE, .dport = 80, .headers = "f", .offset = 100, .more = true, .id = 7 },
		  10 },
		{ "extension header that is cut",
		  { BASE, .dport = 80, .headers = "d", .cut = 30 },
		  6 },
		{ "ICMP echo", { .from = A, .to = B, .proto = ICMP, .icmp = 8 }, 10 },
		{ "ICMP error about nothing", { .from = A, .to = B, .proto = ICMP, .icmp = 3 }, 10 },
		{ "timestamp",
		  { .from = A, .to = B, .proto = ICMP, .icmp = 13, .raw_icmp = true },
		  10 },
		{ "node information",
		  { .from = A, .to = B, .proto = ICMP, .icmp = 139, .raw_icmp = true },
		  6 },
	};
	struct lab lab;

	lab_open(&lab, CONTROL_FASTPATH);
	lab_apply(&lab, &policy);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		for (int v6 = 0; v6 < 2; v6++)
			if (rows[i].families != (v6 ? 4 : 6))
				check(&lab, rows[i].what, &rows[i].s, v6, false);
	/* A frame that says IPv6 and is IPv4, and the reverse. */
	for (int v6 = 0; v6 < 2; v6++) {
		struct spec s = { BASE, .dport = 80, .payload = 40 };
		struct frame f;

		frame_make(&f, &s, v6);
		f.data[12] = v6 ? 0x08 : 0x86;
		f.data[13] = v6 ? 0x00 : 0xdd;
		lab_expect(lab_run(&lab, true, A, 0, 0, &f, 1).verdict, DROPPED,
		           "other version, v6 %d", v6);
		lab_expect(lab_run(&lab, false, B, lab.uplink, 0, &f, 1).verdict, DROPPED,
		           "other version, arrives, v6 %d", v6);
	}
}

Test(packets, fragments)
{
	static const uint8_t protos[] = { UDP, TCP };
	struct lab lab;

	lab_open(&lab, CONTROL_FASTPATH);
	lab_apply(&lab, &policy);
	for (int k = 0; k < 8; k++) {
		const bool v6 = k & 1, arrives = k & 2;
		const uint8_t proto = protos[k / 4];
		struct spec first = { .from = A,
			              .to = B,
			              .proto = proto,
			              .sport = 1,
			              .dport = 80,
			              .headers = "f",
			              .more = true,
			              .id = 99,
			              .payload = 64 };
		struct spec no = first, later = first, other = first, reply = first, last;
		enum outcome yes = arrives ? PASSES : HANDED_OVER;

		no.dport = 81;
		later.offset = 9;
		last = later;
		last.more = false;
		last.offset = 20;
		other.id = 100;
		other.offset = 9;
		reply = later;
		reply.from = B;
		reply.to = A;
		lab_forget_flows(&lab);
#define GOES(s) (arrives ? lab_reaches(&lab, lab.uplink, (s), v6) : lab_sends(&lab, (s), v6))
		lab_expect(GOES(&no), DROPPED, "%d: first of another port", k);
		lab_expect(GOES(&later), DROPPED, "%d: later without a first", k);
		lab_expect(GOES(&first), yes, "%d: first", k);
		lab_expect(GOES(&later), yes, "%d: later", k);
		lab_expect(GOES(&last), yes, "%d: last", k);
		lab_expect(GOES(&other), DROPPED, "%d: of another packet", k);
		lab_expect(GOES(&reply), DROPPED, "%d: same id, the other way", k);
		/* The first is of a connection that is known. */
		first.id = later.id = 101;
		lab_expect(GOES(&first), yes, "%d: first, known connection", k);
		lab_expect(GOES(&later), yes, "%d: later, known connection", k);
		lab_apply(&lab, &policy);
		lab_expect(GOES(&later), DROPPED, "%d: later, next generation", k);
		lab_expect(GOES(&first), yes, "%d: first, next generation", k);
		lab_expect(GOES(&later), yes, "%d: later, next generation, after its first", k);
#undef GOES
	}
}

/* TCP in pieces of 8 bytes: allowed where the port is, and its first never counts as the middle of a connection. */
Test(packets, tiny_fragments)
{
	struct lab lab;

	lab_open(&lab, CONTROL_FASTPATH);
	lab_apply(&lab, &policy);
	for (int v6 = 0; v6 < 2; v6++) {
		struct spec first = { BASE,    .dport = 80, .headers = "f", .more = true,
			              .id = 5, .cut = 12,   .tcp = ACK };
		struct spec no = first, back = first, request = { BASE, .dport = 80 };

		no.dport = 22;
		check(&lab, "tiny", &first, v6, true);
		check(&lab, "tiny, other port", &no, v6, false);
		back.from = B;
		back.to = A;
		back.sport = 80;
		back.dport = 40000;
		lab_expect(lab_sends(&lab, &request, v6), HANDED_OVER, "request, v6 %d", v6);
		lab_expect(lab_sends(&lab, &back, v6), DROPPED, "tiny in reply direction, v6 %d",
		           v6);
	}
}

Test(packets, icmp_errors)
{
	static const uint8_t types[] = { 3, 11 };
	struct lab lab;

	lab_open(&lab, CONTROL_FASTPATH);
	lab_apply(&lab, &policy);
	for (int k = 0; k < 4; k++) {
		const bool v6 = k & 1;
		struct spec sent = {
			.from = OUTSIDE, .to = C, .proto = TCP, .sport = 5000, .dport = 80
		};
		struct spec answer = { .from = C,
			               .to = OUTSIDE,
			               .proto = TCP,
			               .sport = 80,
			               .dport = 5000,
			               .tcp = ACK };
		struct spec other = answer, between = { BASE, .dport = 80 }, too_far = between;
		struct spec error = { .from = ELSEWHERE,
			              .to = C,
			              .proto = ICMP,
			              .icmp = types[k / 2],
			              .quoted = &answer };
		struct spec wrong = { .from = ELSEWHERE,
			              .to = C,
			              .proto = ICMP,
			              .icmp = types[k / 2],
			              .quoted = &other };
		struct spec foreign = { .from = ELSEWHERE,
			                .to = C,
			                .proto = ICMP,
			                .icmp = types[k / 2],
			                .quoted = &between };
		struct spec own = { .from = C,
			            .to = OUTSIDE,
			            .proto = ICMP,
			            .icmp = types[k / 2],
			            .quoted = &sent };
		struct spec peer = {
			.from = B, .to = A, .proto = ICMP, .icmp = types[k / 2], .quoted = &between
		};
		struct spec forged = {
			.from = C, .to = A, .proto = ICMP, .icmp = types[k / 2], .quoted = &between
		};
		struct spec far = {
			.from = B, .to = A, .proto = ICMP, .icmp = types[k / 2], .quoted = &too_far
		};

		lab_forget_flows(&lab);
		other.dport++;
		too_far.dport++;
		lab_expect(lab_reaches(&lab, lab.uplink, &error, v6), DROPPED, "%d: about nothing",
		           k);
		lab_expect(lab_sends(&lab, &own, v6), DROPPED, "%d: own, about nothing", k);
		lab_expect(lab_reaches(&lab, lab.uplink, &sent, v6), PASSES, "%d: request", k);
		lab_expect(lab_sends(&lab, &between, v6), HANDED_OVER, "%d: request between pods",
		           k);
		lab_expect(lab_reaches(&lab, lab.uplink, &error, v6), PASSES, "%d: of a router", k);
		lab_expect(lab_reaches(&lab, lab.uplink, &wrong, v6), DROPPED,
		           "%d: about another port", k);
		lab_expect(lab_reaches(&lab, lab.uplink, &foreign, v6), DROPPED,
		           "%d: about another's packet", k);
		lab_expect(lab_sends(&lab, &own, v6), PASSES, "%d: own", k);
		lab_expect(lab_sends(&lab, &peer, v6), HANDED_OVER, "%d: to a pod", k);
		lab_expect(lab_sends(&lab, &forged, v6), DROPPED, "%d: to a pod, by a third", k);
		lab_expect(lab_sends(&lab, &far, v6), DROPPED, "%d: to a pod, about another port",
		           k);
		lab_apply(&lab, &policy);
		lab_expect(lab_reaches(&lab, lab.uplink, &error, v6), PASSES,
		           "%d: of a router, next generation", k);
		lab_expect(lab_sends(&lab, &own, v6), PASSES, "%d: own, next generation", k);
	}
}

/* xorshift: the same garbage on every machine */
static uint32_t dice(void)
{
	static uint64_t x = 0x9e3779b97f4a7c15;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return (uint32_t)(x >> 16);
}

/* Nothing but ARP and neighbour discovery passes for pods that may do nothing. */
Test(packets, garbage)
{
	static const struct lab_policy closed = { .ingress = { CLOSED, CLOSED, CLOSED, CLOSED },
		                                  .egress = { CLOSED, CLOSED, CLOSED, CLOSED } };
	static const uint8_t protos[] = { TCP, UDP, SCTP, ICMP, NO_PORT, 0, 255 };
	static const char *const chains[] = { NULL, "h", "d", "f", "hdf", "r", "o", "of" };
	struct lab lab;
	int n = 0;

	lab_open(&lab, CONTROL_FASTPATH);
	lab_apply(&lab, &closed);
	for (int i = 0; i < 60000; i++) {
		struct spec s = { .from = A,
			          .to = (enum who)(1 + dice() % ELSEWHERE),
			          .proto = protos[dice() % ARRAY_SIZE(protos)],
			          .sport = (uint16_t)dice(),
			          .dport = (uint16_t)dice(),
			          .tcp = (uint8_t)dice(),
			          .headers = chains[dice() % ARRAY_SIZE(chains)],
			          .offset = (uint16_t)(dice() % 3),
			          .more = dice() & 1,
			          .icmp = (uint8_t)dice(),
			          .payload = (uint16_t)(dice() % 100) };
		const bool sends = i & 1;
		struct frame f;
		struct ran r;

		if (!sends) {
			s.from = s.to == A ? ELSEWHERE : s.to;
			s.to = A;
		}
		frame_make(&f, &s, dice() & 1);
		/* Some bytes behind the MACs, some of the end. */
		for (uint32_t k = dice() % 6; k > 0; k--)
			f.data[12 + dice() % (f.len - 12)] = (uint8_t)dice();
		if (dice() % 4 == 0)
			f.len = 14 + dice() % (f.len - 13);
		if (f.len < 15)
			f.len = 15; /* the kernel takes no shorter one */
		if (f.data[12] == 8 && f.data[13] == 6)
			continue;
		r = lab_run(&lab, sends, A, sends ? lab.link[A] : lab.uplink, 0, &f, 1);
		/* To the node itself everything may be sent; where there is no route, nobody but the node takes it. */
		if (sends && r.verdict == PASSES)
			continue;
		if (r.verdict != DROPPED && n++ < 3)
			cr_log_warn("frame %d: sends %d, to %d, protocol %d, headers %s, %s", i,
			            sends, (int)s.to, s.proto, s.headers ? s.headers : "none",
			            lab_name(r.verdict));
	}
	cr_expect(n == 0, "expected every frame to be dropped, found that %d were not", n);
}
