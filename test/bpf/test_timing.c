/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_timing.c - what one hook costs: printed, nothing is asserted
 *
 * New connections: a small program in front takes another source port for each run and goes on to the real program by a
 * tail call. What that costs by itself is measured with an empty program behind it, and subtracted but for what any
 * BPF_PROG_TEST_RUN costs, which is in all figures.
 */
#include "lab.h"

#include "base/cleanup.h"
#include "bpf/sys.h"

#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define REPEAT 50000U /* TIMING_REPEAT; when ports come round the table has long forgotten them */
#define SERIES 5      /* TIMING_SERIES: how many figures the median is of */
#define MAX    99

static const struct lab_rule rules[] = {
	{ 2, B, TCP, 80, 80 }, { 2, B, TCP, 1000, 2000 },         { 3, A, TCP, 80, 80 },
	{ 3, A, UDP, 53, 53 }, { 4, CLASS_BLOCK, TCP, 443, 443 },
};

static uint32_t test_run(int prog, uint32_t link, uint32_t iif, const struct frame *f,
                         uint32_t repeat)
{
	struct __sk_buff in = { .ingress_ifindex = iif, .ifindex = link };
	union bpf_attr attr = { 0 };

	attr.test.prog_fd = (uint32_t)prog;
	attr.test.data_in = (uint64_t)(uintptr_t)f->data;
	attr.test.data_size_in = (uint32_t)f->len;
	attr.test.ctx_in = (uint64_t)(uintptr_t)&in;
	attr.test.ctx_size_in = sizeof(in);
	attr.test.repeat = repeat;
	cr_assert(syscall(SYS_bpf, BPF_PROG_TEST_RUN, &attr, sizeof(attr)) == 0,
	          "BPF_PROG_TEST_RUN: %m");
	return attr.test.duration;
}

static uint32_t setting(const char *name, uint32_t otherwise, uint32_t max)
{
	const char *value = getenv(name);
	unsigned long n = value ? strtoul(value, NULL, 10) : 0;

	return n == 0 ? otherwise : n > max ? max : (uint32_t)n;
}

static int by_size(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static uint32_t median_of(int prog, uint32_t link, uint32_t iif, const struct frame *f)
{
	const uint32_t repeat = setting("TIMING_REPEAT", REPEAT, UINT32_MAX);
	const uint32_t n = setting("TIMING_SERIES", SERIES, MAX);
	uint32_t ns[MAX];

	for (uint32_t i = 0; i < n; i++)
		ns[i] = test_run(prog, link, iif, f, repeat);
	qsort(ns, n, sizeof(*ns), by_size);
	return ns[n / 2];
}

#define INSN(op, to, from, offset, value)                                                         \
	{                                                                                         \
		.code = (op), .dst_reg = (to), .src_reg = (from), .off = (offset), .imm = (value) \
	}

static int load(const struct bpf_insn *insns, uint32_t n)
{
	union bpf_attr attr = { 0 };
	static const char license[] = "GPL";
	long fd;

	attr.prog_type = BPF_PROG_TYPE_SCHED_CLS;
	attr.insns = (uint64_t)(uintptr_t)insns;
	attr.insn_cnt = n;
	attr.license = (uint64_t)(uintptr_t)license;
	fd = syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));
	cr_assert(fd >= 0, "load a program of the test: %m");
	return (int)fd;
}

/* Another source port each time, then on to @prog. */
static int in_front_of(int prog, bool v6)
{
	const int16_t port = v6 ? 54 : 34;
	const uint32_t zero = 0;
	int map = sys_map_create(BPF_MAP_TYPE_PROG_ARRAY, "next", 4, 4, 1, 0);
	const struct bpf_insn insns[] = {
		INSN(BPF_ALU64 | BPF_MOV | BPF_X, 6, 1, 0, 0),
		INSN(BPF_LDX | BPF_MEM | BPF_W, 7, 1, offsetof(struct __sk_buff, data), 0),
		INSN(BPF_LDX | BPF_MEM | BPF_W, 8, 1, offsetof(struct __sk_buff, data_end), 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_X, 2, 7, 0, 0),
		INSN(BPF_ALU64 | BPF_ADD | BPF_K, 2, 0, 0, port + 2),
		INSN(BPF_JMP | BPF_JGT | BPF_X, 2, 8, 8, 0),
		INSN(BPF_LDX | BPF_MEM | BPF_H, 3, 7, port, 0),
		INSN(BPF_ALU64 | BPF_ADD | BPF_K, 3, 0, 0, 1),
		INSN(BPF_STX | BPF_MEM | BPF_H, 7, 3, port, 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_X, 1, 6, 0, 0),
		INSN(BPF_LD | BPF_DW | BPF_IMM, 2, BPF_PSEUDO_MAP_FD, 0, map),
		INSN(0, 0, 0, 0, 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, 3, 0, 0, 0),
		INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_tail_call),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 2),
		INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
	};

	cr_assert(map >= 0 && sys_map_update(map, &zero, &prog, BPF_ANY) == 0,
	          "a table of programs");
	return load(insns, ARRAY_SIZE(insns));
}

static int empty_program(void)
{
	const struct bpf_insn insns[] = {
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 2),
		INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
	};

	return load(insns, ARRAY_SIZE(insns));
}

static void print(const struct lab *lab, const char *what, bool from_pod, enum who who,
                  uint32_t iif, const struct spec *s)
{
	const int prog = from_pod ? lab->d.from_pod : lab->d.to_pod, nothing = empty_program();
	const uint32_t link = lab->link[who];

	for (int v6 = 0; v6 < 2; v6++) {
		const int real = in_front_of(prog, v6), front = in_front_of(nothing, v6);
		struct spec no = *s;
		struct frame f, g;
		uint32_t known, refused, fresh, overhead;

		no.dport++;
		frame_make(&f, s, v6);
		frame_make(&g, &no, v6);
		(void)test_run(prog, link, iif, &f, 1);
		known = median_of(prog, link, iif, &f);
		refused = median_of(prog, link, iif, &g);
		fresh = median_of(real, link, iif, &f);
		overhead = median_of(front, link, iif, &f) - median_of(nothing, link, iif, &f);
		printf("timing: %-40s IPv%d  known %3u ns  new %3u ns  refused %3u ns\n", what,
		       v6 ? 6 : 4, known, fresh - overhead, refused);
	}
}

Test(timing, hooks)
{
	const struct lab_policy policy = { .rules = rules,
		                           .n = ARRAY_SIZE(rules),
		                           .egress = { [A] = 2, [C] = 4 },
		                           .ingress = { [B] = 3, [C] = 4 } };
	const struct spec pods = {
		.from = A, .to = B, .proto = TCP, .sport = 40000, .dport = 80, .to_mac = B
	};
	struct spec routed = pods;
	const struct spec out = {
		.from = C, .to = OUTSIDE, .proto = TCP, .sport = 40000, .dport = 443
	};
	const struct spec in = {
		.from = OUTSIDE, .to = C, .proto = TCP, .sport = 40000, .dport = 443
	};
	struct lab lab;

	lab_open(&lab, CONTROL_FASTPATH);
	lab_apply(&lab, &policy);
	routed.to_mac = 0;
	print(&lab, "from_pod, pod to pod on a bridge", true, A, 0, &pods);
	print(&lab, "from_pod, pod to pod, routed", true, A, 0, &routed);
	print(&lab, "from_pod, pod to an ipBlock", true, C, 0, &out);
	print(&lab, "to_pod, from an ipBlock", false, C, lab.uplink, &in);
}
