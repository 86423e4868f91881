/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_timing.c - what one hook costs: printed, nothing is asserted
 *
 * A new connection is one whose entry is not there: the program that puts it there runs once for each packet that is measured,
 * with another source port each time, so that the frame is made outside of the measured time.
 */
#include "lab.h"

#include "base/cleanup.h"

#define REPEAT 200000U
#define NEW    2000U

static const struct rule rules[] = {
	{ 2, B, TCP, 80, 80 }, { 2, B, TCP, 1000, 2000 }, { 3, A, TCP, 80, 80 }, { 3, A, UDP, 53, 53 },
	{ 4, CLASS_BLOCK, TCP, 443, 443 },
};

static uint32_t best_of(const struct lab *lab, bool from_pod, enum who who, uint32_t iif, const struct frame *f)
{
	uint32_t best = UINT32_MAX;

	for (int i = 0; i < 5; i++) {
		uint32_t ns = lab_run(lab, from_pod, who, iif, 0, f, REPEAT).ns;

		best = ns < best ? ns : best;
	}
	return best;
}

static int by_size(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

/* A denied packet leaves no entry: all that a new connection costs but the insertion. */
static uint32_t denied(const struct lab *lab, bool from_pod, enum who who, uint32_t iif, struct spec s, bool v6)
{
	struct frame f;

	s.dport = 81;
	frame_make(&f, &s, v6);
	return best_of(lab, from_pod, who, iif, &f);
}

static uint32_t fresh(const struct lab *lab, bool from_pod, enum who who, uint32_t iif, struct spec s, bool v6)
{
	static uint32_t ns[NEW];
	struct frame f;

	for (uint32_t i = 0; i < NEW; i++) {
		s.sport = (uint16_t)(10000 + i);
		frame_make(&f, &s, v6);
		ns[i] = lab_run(lab, from_pod, who, iif, 0, &f, 1).ns;
	}
	qsort(ns, NEW, sizeof(ns[0]), by_size);
	return ns[NEW / 2];
}

static void print(const struct lab *lab, const char *what, bool from_pod, enum who who, uint32_t iif,
                  const struct spec *s)
{
	for (int v6 = 0; v6 < 2; v6++) {
		struct frame f;
		uint32_t known, no, first;

		frame_make(&f, s, v6);
		lab_forget_flows(lab);
		(void)lab_run(lab, from_pod, who, iif, 0, &f, 1);
		known = best_of(lab, from_pod, who, iif, &f);
		no = denied(lab, from_pod, who, iif, *s, v6);
		first = fresh(lab, from_pod, who, iif, *s, v6);
		printf("timing: %-34s IPv%d  known %3u ns  refused %3u ns  new, one cold run %4u ns\n", what, v6 ? 6 : 4,
		       known, no, first);
	}
}

Test(timing, hooks)
{
	const struct policy policy = { .rules = rules, .n = ARRAY_SIZE(rules), .egress = { [A] = 2, [C] = 4 },
		                       .ingress = { [B] = 3, [C] = 4 } };
	const struct spec pods = { .from = A, .to = B, .proto = TCP, .sport = 40000, .dport = 80 };
	const struct spec out = { .from = C, .to = OUTSIDE, .proto = TCP, .sport = 40000, .dport = 443 };
	const struct spec in = { .from = OUTSIDE, .to = C, .proto = TCP, .sport = 40000, .dport = 443 };
	struct lab lab;

	lab_open(&lab, CONTROL_FASTPATH);
	lab_apply(&lab, &policy);
	print(&lab, "from_pod, pod to pod, both isolated", true, A, 0, &pods);
	print(&lab, "from_pod, pod to an ipBlock", true, C, 0, &out);
	print(&lab, "to_pod, from an ipBlock", false, C, lab.uplink, &in);
}
