/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_judge.c - what new connections may do, by pod class, address and port, in both directions and families
 */
#include "lab.h"

#include "base/cleanup.h"

#define SET 2U /* what the tests' pods are isolated by */

static const struct lab_rule rules[] = {
	{ SET, A, TCP, 80, 80 },
	{ SET, A, TCP, 1000, 2000 },
	{ SET, A, TCP, 65535, 65535 },
	{ SET, A, UDP, 53, 53 },
	{ SET, A, SCTP, 7, 7 },
	{ SET, B, 0, 0, 65535 },
	{ SET, CLASS_BLOCK, TCP, 443, 443 },
	{ SET, CLASS_REMOTE, UDP, 9, 9 },
	{ SET, CLASS_ANY, TCP, 22, 22 },
};

/* What @who may do with somebody who has SET in that direction. */
static const struct {
	enum who who;
	uint8_t proto;
	uint16_t port;
	bool allowed;
} rows[] = {
	{ A, TCP, 80, true },          { A, TCP, 79, false },
	{ A, TCP, 81, false },         { A, TCP, 999, false },
	{ A, TCP, 1000, true },        { A, TCP, 1500, true },
	{ A, TCP, 2000, true },        { A, TCP, 2001, false },
	{ A, TCP, 65535, true },       { A, TCP, 65534, false },
	{ A, TCP, 0, false },          { A, TCP, 22, true },
	{ A, UDP, 53, true },          { A, UDP, 80, false },
	{ A, UDP, 22, false },         { A, SCTP, 7, true },
	{ A, SCTP, 80, false },        { A, NO_PORT, 0, false },
	{ B, TCP, 80, true },          { B, UDP, 1, true },
	{ B, SCTP, 65535, true },      { B, NO_PORT, 0, true },
	{ OUTSIDE, TCP, 443, true },   { OUTSIDE, TCP, 444, false },
	{ OUTSIDE, TCP, 22, true },    { OUTSIDE, UDP, 443, false },
	{ REMOTE, UDP, 9, true },      { REMOTE, UDP, 10, false },
	{ REMOTE, TCP, 22, true },     { REMOTE, NO_PORT, 0, false },
	{ ELSEWHERE, TCP, 22, true },  { ELSEWHERE, TCP, 443, false },
	{ ELSEWHERE, UDP, 22, false },
};

static struct spec new_one(enum who from, enum who to, uint8_t proto, uint16_t port)
{
	return (struct spec) {
		.from = from, .to = to, .proto = proto, .sport = 40000, .dport = port
	};
}

Test(judge, ingress)
{
	const struct lab_policy policy = { .rules = rules,
		                           .n = ARRAY_SIZE(rules),
		                           .ingress = { [C] = SET } };
	struct lab lab;

	lab_open(&lab, CONTROL_FASTPATH);
	lab_apply(&lab, &policy);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		for (int v6 = 0; v6 < 2; v6++) {
			struct spec s = new_one(rows[i].who, C, rows[i].proto, rows[i].port);
			bool local = rows[i].who == A || rows[i].who == B;

			lab_forget_flows(&lab);
			lab_expect(lab_reaches(&lab, lab.uplink, &s, v6),
			           rows[i].allowed ? PASSES : DROPPED, "to_pod, row %zu, v6 %d", i,
			           v6);
			lab_forget_flows(&lab);
			if (local)
				lab_expect(lab_sends(&lab, &s, v6),
				           rows[i].allowed ? HANDED_OVER : DROPPED,
				           "from_pod, row %zu, v6 %d", i, v6);
		}
}

Test(judge, egress)
{
	const struct lab_policy policy = { .rules = rules,
		                           .n = ARRAY_SIZE(rules),
		                           .egress = { [C] = SET } };
	struct lab lab;

	lab_open(&lab, CONTROL_FASTPATH);
	lab_apply(&lab, &policy);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		for (int v6 = 0; v6 < 2; v6++) {
			struct spec s = new_one(C, rows[i].who, rows[i].proto, rows[i].port);
			bool local = rows[i].who == A || rows[i].who == B;

			lab_forget_flows(&lab);
			/* There is a route to these two addresses, and none to REMOTE, which so looks like the node's. */
			if (rows[i].who == REMOTE && !rows[i].allowed)
				continue;
			lab_expect(lab_sends(&lab, &s, v6),
			           !rows[i].allowed ? DROPPED
			           : local          ? HANDED_OVER
			                            : PASSES,
			           "row %zu, v6 %d", i, v6);
		}
}

Test(judge, both_directions_are_needed)
{
	static const struct lab_rule few[] = { { 2, B, TCP, 80, 80 },
		                               { 3, A, TCP, 80, 80 },
		                               { 3, A, TCP, 81, 81 },
		                               { 4, CLASS_PODS, TCP, 82, 82 } };
	const struct lab_policy policies[] = {
		{ .rules = few,
		  .n = 4,
		  .egress = { [A] = 2 },
		  .ingress = { [B] = 3 },
		  .pod_block = true },
		{ .rules = few, .n = 4, .egress = { [A] = CLOSED }, .ingress = { [B] = OPEN } },
		{ .rules = few, .n = 4, .egress = { [A] = OPEN }, .ingress = { [B] = CLOSED } },
		{ .rules = few, .n = 4, .egress = { [A] = OPEN }, .ingress = { [B] = OPEN } },
		{ .rules = few,
		  .n = 4,
		  .egress = { [A] = 4 },
		  .ingress = { [B] = 4 },
		  .pod_block = true },
		{ .rules = few, .n = 4, .egress = { [A] = 4 }, .ingress = { [B] = 4 } },
	};
	/* Ports 80, 81, 82 */
	static const bool want[][3] = {
		{ true, false, false }, { false }, { false }, { true, true, true },
		{ false, false, true }, { false }
	};
	struct lab lab;

	lab_open(&lab, CONTROL_FASTPATH);
	for (size_t i = 0; i < ARRAY_SIZE(policies); i++) {
		lab_apply(&lab, &policies[i]);
		for (int k = 0; k < 6; k++) {
			struct spec s = new_one(A, B, TCP, (uint16_t)(80 + k / 2));

			lab_forget_flows(&lab);
			lab_expect(lab_sends(&lab, &s, k % 2),
			           want[i][k / 2] ? HANDED_OVER : DROPPED,
			           "policy %zu, port %d, v6 %d", i, 80 + k / 2, k % 2);
		}
	}
}

Test(judge, without_an_image_nothing_passes)
{
	static const struct lab_policy open = { .n = 0 };
	struct spec s = new_one(A, B, TCP, 80), in = new_one(OUTSIDE, B, TCP, 80);
	struct spec ns = { .from = A,
		           .to = GROUP,
		           .proto = ICMP,
		           .icmp = 135,
		           .raw_icmp = true,
		           .hops = 255,
		           .target = A };
	struct frame arp;
	struct lab lab;

	lab_open(&lab, CONTROL_FASTPATH);
	frame_arp(&arp, A, frame_mac(A), A, B);
	for (int v6 = 0; v6 < 2; v6++) {
		lab_expect(lab_sends(&lab, &s, v6), DROPPED, "no image, from_pod, v6 %d", v6);
		lab_expect(lab_reaches(&lab, lab.uplink, &in, v6), DROPPED,
		           "no image, to_pod, v6 %d", v6);
		lab_expect(lab_reaches(&lab, 0, &in, v6), DROPPED, "no image, from the node, v6 %d",
		           v6);
	}
	lab_expect(lab_run(&lab, true, A, 0, 0, &arp, 1).verdict, PASSES, "no image, ARP");
	lab_expect(lab_sends(&lab, &ns, true), PASSES, "no image, neighbour solicitation");
	lab_apply(&lab, &open);
	lab_expect(lab_sends(&lab, &s, false), HANDED_OVER, "an image without policies");
	lab_expect(lab_reaches(&lab, lab.uplink, &in, false), PASSES, "an image without policies");
}
