/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_flow.c - connections that are known: replies, a policy that changes, the node, ways through the host
 */
#include "lab.h"

#include "base/cleanup.h"

#include <string.h>

static const struct lab_rule only_80[] = {
	{ 2, A, TCP, 80, 80 }, { 2, A, UDP, 80, 80 }, { 2, A, SCTP, 80, 80 }, { 2, A, ICMP, 0, 0 }
};
/* B lets only A in, at port 80, and may open nothing; A may open everything and lets nobody in. */
static const struct lab_policy strict = {
	.rules = only_80, .n = 3, .ingress = { [A] = CLOSED, [B] = 2 }, .egress = { [B] = CLOSED }
};
static const struct lab_policy nothing = { .ingress = { [A] = CLOSED, [B] = CLOSED },
	                                   .egress = { [B] = CLOSED } };
static const struct lab_policy only_to_b_denied = { .ingress = { [B] = CLOSED } };

static struct spec packet(enum who from, enum who to, uint8_t proto, uint16_t sport, uint16_t dport,
                          uint8_t tcp)
{
	return (struct spec) { .from = from,
		               .to = to,
		               .proto = proto,
		               .sport = sport,
		               .dport = dport,
		               .tcp = tcp,
		               .sctp = tcp == SYN ? 1 : 3 };
}

Test(flow, replies_pass_and_nothing_else)
{
	static const uint8_t protos[] = { TCP, UDP, SCTP };
	struct lab lab;

	lab_open(&lab, CONTROL_FASTPATH);
	lab_apply(&lab, &strict);
	for (int k = 0; k < 6; k++) {
		const uint8_t proto = protos[k / 2];
		const bool v6 = k % 2;
		struct spec request = packet(A, B, proto, 40000, 80, SYN),
			    reply = packet(B, A, proto, 80, 40000, SYN | ACK);
		struct spec other = packet(B, A, proto, 80, 40001, ACK),
			    data = packet(A, B, proto, 40000, 80, ACK);

		lab_expect(lab_sends(&lab, &reply, v6), DROPPED,
		           "reply to nothing, proto %d, v6 %d", proto, v6);
		lab_expect(lab_sends(&lab, &request, v6), HANDED_OVER, "request, proto %d, v6 %d",
		           proto, v6);
		lab_expect(lab_sends(&lab, &reply, v6), HANDED_OVER, "reply, proto %d, v6 %d",
		           proto, v6);
		lab_expect(lab_sends(&lab, &data, v6), HANDED_OVER, "data, proto %d, v6 %d", proto,
		           v6);
		lab_expect(lab_sends(&lab, &other, v6), DROPPED,
		           "reply to another port, proto %d, v6 %d", proto, v6);
		if (proto == UDP)
			continue;
		reply = packet(B, A, proto, 80, 40000, SYN);
		lab_expect(lab_sends(&lab, &reply, v6), DROPPED,
		           "new one in reply direction, proto %d, v6 %d", proto, v6);
		lab_expect(lab_sends(&lab, &data, v6), HANDED_OVER,
		           "data after it, proto %d, v6 %d", proto, v6);
	}
}

Test(flow, outside)
{
	static const struct lab_rule rules[] = { { 2, CLASS_BLOCK, TCP, 80, 80 } };
	static const struct lab_policy p = { .rules = rules,
		                             .n = 1,
		                             .ingress = { [A] = CLOSED, [B] = 2 },
		                             .egress = { [A] = 2, [B] = CLOSED } };
	struct lab lab;

	lab_open(&lab, CONTROL_FASTPATH);
	lab_apply(&lab, &p);
	for (int v6 = 0; v6 < 2; v6++) {
		struct spec out = packet(A, OUTSIDE, TCP, 40000, 80, SYN),
			    back = packet(OUTSIDE, A, TCP, 80, 40000, ACK);
		struct spec in = packet(OUTSIDE, B, TCP, 40000, 80, SYN),
			    answer = packet(B, OUTSIDE, TCP, 80, 40000, ACK);

		lab_expect(lab_reaches(&lab, lab.uplink, &back, v6), DROPPED,
		           "back without out, v6 %d", v6);
		lab_expect(lab_sends(&lab, &out, v6), PASSES, "out, v6 %d", v6);
		lab_expect(lab_reaches(&lab, lab.uplink, &back, v6), PASSES, "back, v6 %d", v6);
		lab_expect(lab_sends(&lab, &answer, v6), DROPPED, "answer without in, v6 %d", v6);
		lab_expect(lab_reaches(&lab, lab.uplink, &in, v6), PASSES, "in, v6 %d", v6);
		lab_expect(lab_sends(&lab, &answer, v6), PASSES, "answer, v6 %d", v6);
	}
}

/* A permission that is taken away ends the connection at its next packet, whichever side sends it. */
Test(flow, revoked)
{
	struct lab lab;

	lab_open(&lab, CONTROL_FASTPATH);
	for (int k = 0; k < 16; k++) {
		const uint8_t proto = k & 1 ? UDP : TCP;
		const bool v6 = k & 2, reply_first = k & 4, forgetful = k & 8;
		struct spec request = packet(A, B, proto, 40000, 80, SYN),
			    reply = packet(B, A, proto, 80, 40000, ACK);
		struct spec data = packet(A, B, proto, 40000, 80, ACK);

		lab_forget_flows(&lab);
		lab_apply(&lab, &strict);
		lab_expect(lab_sends(&lab, &request, v6), HANDED_OVER, "%d: request", k);
		lab_expect(lab_sends(&lab, &reply, v6), HANDED_OVER, "%d: reply", k);
		/* The second policy would let B open connections to A. */
		lab_apply(&lab, forgetful ? &only_to_b_denied : &nothing);
		if (reply_first)
			lab_expect(lab_sends(&lab, &reply, v6), DROPPED,
			           "%d: reply after revocation", k);
		lab_expect(lab_sends(&lab, &data, v6), DROPPED, "%d: data after revocation", k);
		lab_expect(lab_sends(&lab, &reply, v6), DROPPED, "%d: reply after data", k);
		lab_expect(lab_sends(&lab, &data, v6), DROPPED, "%d: data once more", k);
		lab_apply(&lab, &strict);
		lab_expect(lab_sends(&lab, &data, v6), HANDED_OVER, "%d: allowed again", k);
		lab_expect(lab_sends(&lab, &reply, v6), HANDED_OVER, "%d: reply, allowed again", k);
	}
}

/* A policy that comes later in the other direction leaves replies alone. */
Test(flow, later_policy_for_the_other_direction)
{
	static const struct lab_policy open = { .n = 0 };
	static const struct lab_policy later = { .ingress = { [A] = CLOSED },
		                                 .egress = { [B] = CLOSED } };
	struct lab lab;

	lab_open(&lab, CONTROL_FASTPATH);
	for (int k = 0; k < 4; k++) {
		const uint8_t proto = k & 1 ? UDP : TCP;
		const bool v6 = k & 2;
		struct spec request = packet(A, B, proto, 40000, 80, SYN),
			    reply = packet(B, A, proto, 80, 40000, ACK);

		lab_apply(&lab, &open);
		lab_expect(lab_sends(&lab, &request, v6), HANDED_OVER, "%d: request", k);
		lab_apply(&lab, &later);
		lab_expect(lab_sends(&lab, &reply, v6), HANDED_OVER, "%d: reply", k);
	}
}

/* Connections whose entry is lost go on from the side that opened them, and are not turned round. */
Test(flow, forgotten)
{
	static const struct lab_policy b_closed = { .rules = only_80,
		                                    .n = 3,
		                                    .ingress = { [B] = CLOSED } };
	struct lab lab;

	lab_open(&lab, CONTROL_FASTPATH);
	for (int v6 = 0; v6 < 2; v6++) {
		struct spec data = packet(A, B, TCP, 40000, 80, ACK),
			    reply = packet(B, A, TCP, 80, 40000, ACK);

		lab_apply(&lab, &strict);
		lab_forget_flows(&lab);
		lab_expect(lab_sends(&lab, &reply, v6), DROPPED,
		           "reply of a forgotten connection, v6 %d", v6);
		lab_expect(lab_sends(&lab, &data, v6), HANDED_OVER,
		           "data of a forgotten connection, v6 %d", v6);
		lab_expect(lab_sends(&lab, &reply, v6), HANDED_OVER, "reply after data, v6 %d", v6);
		lab_forget_flows(&lab);
		lab_apply(&lab, &b_closed);
		(void)lab_sends(&lab, &reply, v6);
		lab_expect(lab_sends(&lab, &data, v6), DROPPED,
		           "a server's packet opens nothing, v6 %d", v6);
	}
}

Test(flow, echo)
{
	static const struct lab_rule all[] = { { 2, A, 0, 0, 65535 },
		                               { 3, A, TCP, 0, 65535 },
		                               { 3, A, UDP, 0, 65535 } };
	static const struct lab_policy p = { .rules = all,
		                             .n = 3,
		                             .ingress = { [A] = CLOSED, [B] = 2, [C] = 3 },
		                             .egress = { [B] = CLOSED } };
	struct lab lab;

	lab_open(&lab, CONTROL_FASTPATH);
	lab_apply(&lab, &p);
	for (int v6 = 0; v6 < 2; v6++) {
		struct spec ask = { .from = A, .to = B, .proto = ICMP, .icmp = 8, .sport = 77 };
		struct spec answer = { .from = B, .to = A, .proto = ICMP, .icmp = 0, .sport = 77 };
		struct spec other = { .from = B, .to = A, .proto = ICMP, .icmp = 0, .sport = 78 };
		struct spec back = { .from = B, .to = A, .proto = ICMP, .icmp = 8, .sport = 77 };
		struct spec ports = { .from = A, .to = C, .proto = ICMP, .icmp = 8, .sport = 77 };

		lab_expect(lab_sends(&lab, &answer, v6), DROPPED, "answer to nothing, v6 %d", v6);
		lab_expect(lab_sends(&lab, &ask, v6), HANDED_OVER, "echo, v6 %d", v6);
		lab_expect(lab_sends(&lab, &answer, v6), HANDED_OVER, "answer, v6 %d", v6);
		lab_expect(lab_sends(&lab, &other, v6), DROPPED, "answer of another number, v6 %d",
		           v6);
		lab_expect(lab_sends(&lab, &back, v6), DROPPED, "echo in reply direction, v6 %d",
		           v6);
		lab_expect(lab_sends(&lab, &ports, v6), DROPPED,
		           "all ports are not all traffic, v6 %d", v6);
	}
}

Test(flow, the_node)
{
	static const struct lab_policy closed = { .ingress = { [A] = CLOSED },
		                                  .egress = { [A] = CLOSED } };
	struct lab lab;

	lab_open(&lab, CONTROL_FASTPATH);
	lab_apply(&lab, &closed);
	for (int v6 = 0; v6 < 2; v6++) {
		struct spec probe = packet(NODE, A, TCP, 40000, 8080, SYN),
			    answer = packet(A, NODE, TCP, 8080, 40000, ACK);
		/* Whatever address the node takes, it is known by its origin. */
		struct spec odd = packet(ELSEWHERE, A, UDP, 5, 6, 0),
			    odd_answer = packet(A, ELSEWHERE, UDP, 6, 5, 0);
		struct spec ask = packet(A, NODE, UDP, 5000, 53, 0),
			    elsewhere = packet(A, ELSEWHERE, UDP, 5000, 53, 0);
		struct spec bridged = packet(A, NODE, UDP, 5001, 53, 0);

		lab_expect(lab_reaches(&lab, lab.uplink, &probe, v6), DROPPED,
		           "the node's address from outside, v6 %d", v6);
		lab_expect(lab_reaches(&lab, 0, &probe, v6), PASSES, "probe, v6 %d", v6);
		lab_expect(lab_sends(&lab, &answer, v6), PASSES, "answer, v6 %d", v6);
		lab_expect(lab_sends(&lab, &odd_answer, v6), DROPPED, "answer to nothing, v6 %d",
		           v6);
		lab_expect(lab_reaches(&lab, 0, &odd, v6), PASSES,
		           "the node with any address, v6 %d", v6);
		lab_expect(lab_sends(&lab, &odd_answer, v6), PASSES, "answer to it, v6 %d", v6);
		lab_expect(lab_sends(&lab, &ask, v6), PASSES, "to the node, v6 %d", v6);
		lab_apply(&lab, &closed);
		lab_expect(lab_sends(&lab, &ask, v6), PASSES, "to the node, next generation, v6 %d",
		           v6);
		lab_expect(lab_sends(&lab, &answer, v6), PASSES, "answer, next generation, v6 %d",
		           v6);
		lab_expect(lab_sends(&lab, &elsewhere, v6), DROPPED, "to elsewhere, v6 %d", v6);
		bridged.to_mac = B;
		lab_expect(lab_sends(&lab, &bridged, v6), DROPPED,
		           "the node's address, but another pod's MAC, v6 %d", v6);
		lab_forget_flows(&lab);
	}
}

/* Service addresses: A -> SERVICE is translated to A -> B behind from_pod. */
Test(flow, deferred)
{
	static const struct lab_rule to_b[] = { { 2, B, TCP, 8080, 8080 },
		                                { 3, A, TCP, 8080, 8080 } };
	static const struct lab_policy p = { .rules = to_b,
		                             .n = 2,
		                             .egress = { [A] = 2, [B] = CLOSED },
		                             .ingress = { [A] = CLOSED, [B] = 3 } };
	static const struct lab_policy revoked = { .egress = { [A] = CLOSED, [B] = CLOSED },
		                                   .ingress = { [A] = CLOSED } };
	struct lab lab;

	lab_open(&lab, CONTROL_FASTPATH | CONTROL_DEFER);
	for (int v6 = 0; v6 < 2; v6++) {
		struct spec out = packet(A, SERVICE, TCP, 40000, 80, SYN),
			    translated = packet(A, B, TCP, 40000, 8080, SYN);
		struct spec answer = packet(B, A, TCP, 8080, 40000, SYN | ACK),
			    back = packet(SERVICE, A, TCP, 80, 40000, ACK);
		struct spec wrong = packet(A, B, TCP, 40001, 8081, SYN),
			    astray = packet(A, SERVICE, TCP, 40002, 80, SYN);
		struct spec node = packet(A, NODE, TCP, 40003, 30080, SYN);
		struct frame f;
		struct ran r;

		lab_apply(&lab, &p);
		lab_expect(lab_sends(&lab, &out, v6), MARKED, "to the service, v6 %d", v6);
		lab_expect(lab_sends(&lab, &out, v6), MARKED, "to the service, known, v6 %d", v6);
		lab_expect(lab_sends(&lab, &node, v6), MARKED, "to a port of the node, v6 %d", v6);
		astray.to_mac = C;
		lab_expect(lab_sends(&lab, &astray, v6), DROPPED,
		           "to the service with a pod's MAC, v6 %d", v6);
		frame_make(&f, &translated, v6);
		r = lab_run(&lab, false, B, lab.uplink, CNIDA_MARK_DEFER, &f, 1);
		lab_expect(r.verdict, PASSES, "translated, v6 %d", v6);
		cr_expect(r.mark == 0, "translated: expected no mark, found %#x", r.mark);
		lab_expect(lab_reaches_at(&lab, B, lab.uplink, CNIDA_MARK_DEFER, &wrong, v6),
		           DROPPED, "translated to another port, v6 %d", v6);
		/* The reply goes to A's MAC, as B sees A on the bridge, and must yet go through the host. */
		answer.to_mac = A;
		frame_make(&f, &answer, v6);
		r = lab_run(&lab, true, B, lab.link[B], 0, &f, 1);
		lab_expect(r.verdict, PASSES, "answer, v6 %d", v6);
		cr_expect(memcmp(r.dst_mac, frame_mac(NODE), 6) == 0,
		          "answer: expected the host's MAC, v6 %d", v6);
		lab_expect(lab_reaches(&lab, lab.uplink, &back, v6), PASSES,
		           "answer, translated back, v6 %d", v6);
		lab_apply(&lab, &revoked);
		lab_expect(lab_sends(&lab, &out, v6), MARKED, "to the service, revoked, v6 %d", v6);
		lab_expect(lab_reaches_at(&lab, B, lab.uplink, CNIDA_MARK_DEFER, &translated, v6),
		           DROPPED, "translated, revoked, v6 %d", v6);
		lab_expect(lab_sends(&lab, &answer, v6), DROPPED, "answer, revoked, v6 %d", v6);
		lab_forget_flows(&lab);
		lab_apply(&lab, &p);
		translated.from = ELSEWHERE;
		lab_expect(lab_reaches_at(&lab, B, lab.uplink, CNIDA_MARK_DEFER, &translated, v6),
		           DROPPED, "marked, from nobody knows whom, v6 %d", v6);
		lab_expect(lab_reaches_at(&lab, B, lab.uplink, CNIDA_MARK_HAIRPIN, &translated, v6),
		           PASSES, "hairpin, v6 %d", v6);
	}
}

/* What B may open nothing with, a direct packet, does not become allowed because the same ports came by DNAT. */
Test(flow, translated_is_not_direct)
{
	static const struct lab_policy p = { .egress = { [A] = CLOSED } };
	struct lab lab;

	lab_open(&lab, CONTROL_FASTPATH);
	lab_apply(&lab, &p);
	for (int v6 = 0; v6 < 2; v6++) {
		struct spec s = packet(A, B, UDP, 40000, 80, 0);

		lab_expect(lab_reaches(&lab, lab.uplink, &s, v6), PASSES, "through the host, v6 %d",
		           v6);
		lab_expect(lab_sends(&lab, &s, v6), DROPPED, "directly, v6 %d", v6);
	}
}

Test(flow, without_the_fast_path)
{
	struct lab lab;

	lab_open(&lab, 0);
	lab_apply(&lab, &strict);
	for (int v6 = 0; v6 < 2; v6++) {
		struct spec request = packet(A, B, TCP, 40000, 80, SYN),
			    reply = packet(B, A, TCP, 80, 40000, SYN | ACK);
		struct spec no = packet(A, B, TCP, 40000, 81, SYN);
		struct frame f;
		struct ran r;

		lab_expect(lab_sends(&lab, &request, v6), PASSES, "request, v6 %d", v6);
		lab_expect(lab_reaches(&lab, lab.link[A], &request, v6), PASSES,
		           "request arrives, v6 %d", v6);
		reply.to_mac = A;
		frame_make(&f, &reply, v6);
		r = lab_run(&lab, true, B, lab.link[B], 0, &f, 1);
		lab_expect(r.verdict, PASSES, "reply, v6 %d", v6);
		cr_expect(memcmp(r.dst_mac, frame_mac(A), 6) == 0,
		          "reply: the bridge carries it, v6 %d", v6);
		lab_expect(lab_reaches(&lab, lab.link[B], &reply, v6), PASSES,
		           "reply arrives, v6 %d", v6);
		lab_expect(lab_sends(&lab, &no, v6), DROPPED, "other port, v6 %d", v6);
		lab_expect(lab_reaches(&lab, lab.link[A], &no, v6), DROPPED,
		           "other port arrives, v6 %d", v6);
	}
}

Test(flow, handing_over)
{
	struct lab lab;
	struct err e;

	lab_open(&lab, CONTROL_FASTPATH);
	lab_apply(&lab, &strict);
	for (int v6 = 0; v6 < 2; v6++) {
		struct spec s = packet(A, B, TCP, 40000, 80, SYN);
		struct frame f;
		struct ran r;

		for (int known = 0; known < 2; known++) {
			frame_make(&f, &s, v6);
			r = lab_run(&lab, true, A, lab.link[A], 0, &f, 1);
			lab_expect(r.verdict, HANDED_OVER, "v6 %d, known %d", v6, known);
			cr_expect(memcmp(r.dst_mac, frame_mac(B), 6) == 0,
			          "v6 %d, known %d: expected B's MAC", v6, known);
		}
		lab_flags(&lab, B, ENDPOINT_SHAPED);
		cr_assert_eq(datapath_raise(&lab.d, &e), 0, "%s", e.msg);
		lab_expect(lab_sends(&lab, &s, v6), PASSES, "shaped later, v6 %d", v6);
		lab_expect(lab_sends(&lab, &s, v6), PASSES, "shaped later, known, v6 %d", v6);
		lab_forget_flows(&lab);
		lab_expect(lab_sends(&lab, &s, v6), PASSES, "shaped, v6 %d", v6);
		lab_expect(lab_sends(&lab, &s, v6), PASSES, "shaped, known, v6 %d", v6);
		lab_expect(lab_reaches(&lab, lab.link[A], &s, v6), PASSES, "shaped, arrives, v6 %d",
		           v6);
		lab_flags(&lab, B, 0);
		lab_forget_flows(&lab);
	}
}

/* An address that has a new owner inherits nothing. */
Test(flow, address_with_a_new_owner)
{
	struct lab lab;

	lab_open(&lab, CONTROL_FASTPATH);
	lab_apply(&lab, &strict);
	for (int v6 = 0; v6 < 2; v6++) {
		struct spec request = packet(A, B, TCP, 40000, 80, SYN),
			    reply = packet(B, A, TCP, 80, 40000, ACK);

		lab_expect(lab_sends(&lab, &request, v6), HANDED_OVER, "request, v6 %d", v6);
		lab_move(&lab, A, C, v6);
		lab_expect(lab_sends(&lab, &reply, v6), DROPPED, "reply to the new owner, v6 %d",
		           v6);
		lab_expect(lab_sends(&lab, &request, v6), DROPPED, "from the former owner, v6 %d",
		           v6);
		lab_move(&lab, A, A, v6);
		lab_expect(lab_sends(&lab, &reply, v6), DROPPED, "reply to who is back, v6 %d", v6);
	}
}

Test(flow, full_table)
{
	struct loader_conf conf = LOADER_DEFAULTS;
	struct lab lab;

	conf.max_flows = 128;
	lab_open_sized(&lab, &conf);
	lab_apply(&lab, &strict);
	for (int i = 0; i < 2000; i++) {
		struct spec request = packet(A, B, TCP, (uint16_t)(10000 + i), 80, SYN);
		struct spec reply = packet(B, A, TCP, 80, (uint16_t)(10000 + i), ACK),
			    no = packet(A, B, TCP, (uint16_t)(10000 + i), 81, SYN);

		lab_expect(lab_sends(&lab, &request, i & 1), HANDED_OVER, "request %d", i);
		lab_expect(lab_sends(&lab, &reply, i & 1), HANDED_OVER, "reply %d", i);
		lab_expect(lab_sends(&lab, &no, i & 1), DROPPED, "other port %d", i);
		/* Buckets fill evenly: no place is used twice while others are empty. */
		if (i == 59)
			cr_expect(lab_flows(&lab) >= 50, "60 connections: found %zu entries",
			          lab_flows(&lab));
	}
	cr_expect(lab_flows(&lab) <= 128 && lab_flows(&lab) > 120,
	          "expected about 128 entries, found %zu", lab_flows(&lab));
}
