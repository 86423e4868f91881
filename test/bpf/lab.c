/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lab.c - the real programs with pods and a policy, in a node of the test's own
 */
#include "lab.h"

#include "base/cleanup.h"
#include "bpf/sys.h"
#include "kernel/address.h"
#include "kernel/link.h"
#include "kernel/sysctl.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/pkt_cls.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CELLS      64U
#define RANGES_MAX 64U

#define must(call, e) cr_assert((call) >= 0, "%s: %s", #call, (e)->msg)

/* ---- the node ---- */

uint32_t lab_add_link(struct lab *lab, const char *host, const char *peer, uint8_t last)
{
	_cleanup_close_ int ns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	const uint8_t host_mac[6] = { 2, 1, 1, 1, 1, last }, peer_mac[6] = { 2, 1, 1, 1, 2, last };
	const struct veth_spec spec = {
		.host_name = host,
		.host_mac = host_mac,
		.peer_name = peer,
		.peer_mac = peer_mac,
		.peer_netns = ns,
	};
	struct nl_batch b;
	struct err e;

	nl_batch_init(&b);
	link_add_veth_msg(&b, &spec);
	link_set_up_by_name_msg(&b, host, true);
	link_set_up_by_name_msg(&b, peer, true);
	must(nl_do(&lab->route, &b, &e), &e);
	return (uint32_t)link_index(&lab->route, host);
}

void lab_add_addresses(struct lab *lab, const char *const *texts, size_t n)
{
	struct ip_prefix p;
	struct nl_batch b;
	struct err e;

	nl_batch_init(&b);
	for (size_t i = 0; i < n; i++) {
		cr_assert(prefix_parse(texts[i], &p));
		address_add_msg(&b, (int)lab->uplink, &p, false, false);
	}
	must(nl_do(&lab->route, &b, &e), &e);
}

static struct ip_addr address(enum who who, bool v6)
{
	struct ip_addr r = { .family = v6 ? AF_INET6 : AF_INET };
	struct in6 a = frame_addr(who, v6);

	memcpy(r.bytes, v6 ? (const void *)&a : (const void *)&a.word[3], v6 ? 16 : 4);
	return r;
}

static void add_pod(struct lab *lab, enum who who)
{
	const struct ip_addr addrs[] = { address(who, false), address(who, true) };
	struct endpoint ep = { .ifindex = lab->link[who] };
	struct err e;

	memcpy(ep.mac, frame_mac(who), 6);
	memcpy(ep.host_mac, frame_mac(NODE), 6);
	must(datapath_put(&lab->d, &ep, addrs, 2, &e), &e);
}

void lab_open_sized(struct lab *lab, const struct loader_conf *conf)
{
	/* Where the node has routes to: OUTSIDE and ELSEWHERE, not SERVICE. */
	static const char *const addresses[] = { "10.1.0.254/24", "fd01::fe/64", "198.51.100.1/1",
		                                 "2001:db8:0:5::1/16" };
	struct err e;

	memset(lab, 0, sizeof(*lab));
	cr_assert(unshare(CLONE_NEWNET | CLONE_NEWNS) == 0, "unshare (is this root?)");
	cr_assert(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	cr_assert(mount("tmpfs", "/run", "tmpfs", 0, NULL) == 0);
	cr_assert(mount("bpf", "/sys/fs/bpf", "bpf", 0, NULL) == 0);
	must(sysctl_set("net/ipv4/ip_forward", "1", &e), &e);
	must(sysctl_set("net/ipv6/conf/all/forwarding", "1", &e), &e);
	must(nl_open(NETLINK_ROUTE, &lab->route, &e), &e);
	lab->link[A] = lab_add_link(lab, "a", "pa", 1);
	lab->link[B] = lab_add_link(lab, "b", "pb", 2);
	lab->link[C] = lab_add_link(lab, "c", "pc", 3);
	lab->uplink = lab_add_link(lab, "up", "pup", 4);
	lab_add_addresses(lab, addresses, ARRAY_SIZE(addresses));
	must(loader_load(conf, &e), &e);
	cr_assert(datapath_open(&lab->d, &e) == 1, "datapath_open: %s", e.msg);
	for (enum who who = A; who <= C; who++)
		add_pod(lab, who);
}

void lab_open(struct lab *lab, uint32_t switches)
{
	struct loader_conf conf = LOADER_DEFAULTS;

	conf.switches = switches;
	conf.locks = getenv("LAB_LOCKS") != NULL;
	lab_open_sized(lab, &conf);
}

void lab_move(struct lab *lab, enum who pod, enum who to, bool v6)
{
	struct ip_addr addr = address(pod, v6);
	struct in6 key = datapath_key(&addr);
	struct endpoint ep;
	struct err e;

	cr_assert(datapath_get(&lab->d, &key, &ep, &e) == 1);
	ep.ifindex = lab->link[to];
	must(datapath_put(&lab->d, &ep, &addr, 1, &e), &e);
	cr_assert(datapath_raise(&lab->d, &e) == 0);
}

void lab_flags(struct lab *lab, enum who pod, uint32_t flags)
{
	struct err e;

	for (int v6 = 0; v6 < 2; v6++) {
		struct ip_addr addr = address(pod, v6);
		struct in6 key = datapath_key(&addr);
		struct endpoint ep;

		cr_assert(datapath_get(&lab->d, &key, &ep, &e) == 1);
		ep.flags = flags;
		must(datapath_put(&lab->d, &ep, &addr, 1, &e), &e);
	}
}

/* ---- the image, made in the plainest way ---- */

static size_t align32(size_t n)
{
	return (n + 31) & ~(size_t)31;
}

/* A list per rule; rules of the same cell must be neighbours and sorted. */
static void put_cells(const struct lab_policy *p, struct image_cell *cells,
                      struct image_range *ranges)
{
	for (uint32_t i = 0; i < p->n; i++) {
		const struct lab_rule *r = &p->rules[i];
		uint32_t at = image_hash(r->set, r->class) & (CELLS - 1);

		ranges[i] = (struct image_range) { .proto = r->proto,
			                           .first = r->first,
			                           .last = r->last };
		while (cells[at].set && (cells[at].set != r->set || cells[at].class != r->class))
			at = (at + 1) & (CELLS - 1);
		if (cells[at].set)
			cells[at].n++;
		else
			cells[at] = (struct image_cell) { r->set, r->class, i, 1 };
	}
}

static uint32_t put_blocks4(const struct lab_policy *p, struct image_block4 *b)
{
	uint32_t n = 0;

	b[n++] = (struct image_block4) { 0, 0 };
	if (p->pod_block) {
		b[n++] = (struct image_block4) { 0x0a010000, CLASS_PODS };
		b[n++] = (struct image_block4) { 0x0a020000, 0 };
	}
	b[n++] = (struct image_block4) { 0xc0000200, CLASS_BLOCK };
	b[n++] = (struct image_block4) { 0xc0000300, 0 };
	return n;
}

static uint32_t put_blocks6(const struct lab_policy *p, struct image_block6 *b)
{
	uint32_t n = 0;

	b[n++] = (struct image_block6) { .class = 0 };
	b[n++] = (struct image_block6) { .first = { 0x20010db800000000, 0 }, .class = CLASS_BLOCK };
	b[n++] = (struct image_block6) { .first = { 0x20010db800010000, 0 }, .class = 0 };
	if (p->pod_block) {
		b[n++] = (struct image_block6) { .first = { 0xfd01000000000000, 0 },
			                         .class = CLASS_PODS };
		b[n++] = (struct image_block6) { .first = { 0xfd01000000000001, 0 }, .class = 0 };
	}
	return n;
}

static void put_hosts(struct image_host *hosts)
{
	for (int v6 = 0; v6 < 2; v6++) {
		struct in6 addr = frame_addr(REMOTE, v6);
		uint32_t at = image_hash_in6(&addr) & 7;

		while (hosts[at].class)
			at = (at + 1) & 7;
		hosts[at] = (struct image_host) { .addr = addr, .class = CLASS_REMOTE };
	}
}

size_t lab_image(const struct lab_policy *p, uint32_t parity, uint8_t *ret, size_t cap)
{
	struct image_header *h = (void *)ret;
	size_t off = align32(sizeof(*h));

	cr_assert(p->n <= RANGES_MAX && cap >= 16384);
	memset(ret, 0, cap);
	h->magic = IMAGE_MAGIC;
	h->parity = parity;
	h->cells = (struct image_table) { (uint32_t)off, CELLS };
	off += CELLS * sizeof(struct image_cell);
	h->ranges = (struct image_table) { (uint32_t)off, (uint32_t)p->n };
	off = align32(off + RANGES_MAX * sizeof(struct image_range));
	put_cells(p, (void *)(ret + h->cells.offset), (void *)(ret + h->ranges.offset));
	h->hosts = (struct image_table) { (uint32_t)off, 8 };
	off += 8 * sizeof(struct image_host);
	put_hosts((void *)(ret + h->hosts.offset));
	h->blocks4.offset = (uint32_t)off;
	h->blocks4.n = put_blocks4(p, (void *)(ret + off));
	off = align32(off + h->blocks4.n * sizeof(struct image_block4));
	h->blocks6.offset = (uint32_t)off;
	h->blocks6.n = put_blocks6(p, (void *)(ret + off));
	off += h->blocks6.n * sizeof(struct image_block6);
	h->size = (uint32_t)off;
	return off;
}

void lab_apply(struct lab *lab, const struct lab_policy *p)
{
	static uint8_t image[32768];
	size_t size;
	struct err e;

	lab->parity ^= 1;
	for (enum who who = A; who <= C; who++) {
		const struct endpoint_slot slot = { who, p->ingress[who], p->egress[who] };
		const struct in6 keys[] = { frame_addr(who, false), frame_addr(who, true),
			                    datapath_link_key(lab->link[who]) };

		for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
			(void)datapath_set_slot(&lab->d, &keys[i], lab->parity, &slot, &e);
	}
	size = lab_image(p, lab->parity, image, sizeof(image));
	must(datapath_install(&lab->d, image, size, &e), &e);
	must(datapath_raise(&lab->d, &e), &e);
}

static uint32_t buckets(const struct lab *lab)
{
	struct bpf_map_info info;

	cr_assert(sys_map_info(lab->d.flow, &info) == 0);
	return info.max_entries;
}

size_t lab_flows(const struct lab *lab)
{
	struct flow_bucket b;
	size_t n = 0;

	for (uint32_t i = buckets(lab); i-- > 0;) {
		cr_assert(sys_map_lookup(lab->d.flow, &i, &b) == 0);
		for (size_t k = 0; k < FLOW_WAYS; k++)
			n += (b.tags >> 8 * k & 0xff) != 0;
	}
	return n;
}

void lab_forget_flows(const struct lab *lab)
{
	static const struct flow_bucket nothing;

	for (uint32_t i = buckets(lab); i-- > 0;)
		cr_assert(sys_map_update(lab->d.flow, &i, &nothing, BPF_F_LOCK) == 0);
}

/* ---- packets ---- */

struct ran lab_run(const struct lab *lab, bool from_pod, enum who pod, uint32_t iif, uint32_t mark,
                   const struct frame *f, uint32_t repeat)
{
	return lab_run_at(lab, from_pod, lab->link[pod], iif, mark, f, repeat);
}

struct ran lab_run_at(const struct lab *lab, bool from_pod, uint32_t link, uint32_t iif,
                      uint32_t mark, const struct frame *f, uint32_t repeat)
{
	struct __sk_buff in = { .mark = mark, .ingress_ifindex = iif, .ifindex = link },
			 out = { 0 };
	static uint8_t after[4096];
	union bpf_attr attr = { 0 };
	struct ran r = { 0 };

	attr.test.prog_fd = (uint32_t)(from_pod ? lab->d.from_pod : lab->d.to_pod);
	attr.test.data_in = (uint64_t)(uintptr_t)f->data;
	attr.test.data_size_in = (uint32_t)f->len;
	attr.test.data_out = (uint64_t)(uintptr_t)after;
	attr.test.data_size_out = sizeof(after);
	attr.test.ctx_in = (uint64_t)(uintptr_t)&in;
	attr.test.ctx_size_in = sizeof(in);
	attr.test.ctx_out = (uint64_t)(uintptr_t)&out;
	attr.test.ctx_size_out = sizeof(out);
	attr.test.repeat = repeat;
	if (syscall(SYS_bpf, BPF_PROG_TEST_RUN, &attr, sizeof(attr)) < 0) {
		/* Newer kernels take no frame without a whole IP header. */
		cr_assert(errno == EINVAL && f->len < 54, "BPF_PROG_TEST_RUN, %zu bytes: %m",
		          f->len);
		r.verdict = DROPPED;
		return r;
	}
	r.mark = out.mark;
	r.ns = attr.test.duration;
	memcpy(r.dst_mac, after, 6);
	switch ((int)attr.test.retval) {
	case TC_ACT_UNSPEC:
		r.verdict = out.mark & CNIDA_MARK_DEFER ? MARKED : PASSES;
		break;
	case TC_ACT_SHOT:
		r.verdict = DROPPED;
		break;
	case TC_ACT_REDIRECT:
		r.verdict = HANDED_OVER;
		break;
	default:
		cr_assert(false, "unknown return value %d", (int)attr.test.retval);
	}
	return r;
}

enum outcome lab_sends_at(const struct lab *lab, enum who at, const struct spec *s, bool v6)
{
	struct frame f;

	frame_make(&f, s, v6);
	return lab_run(lab, true, at, lab->link[at], 0, &f, 1).verdict;
}

enum outcome lab_sends(const struct lab *lab, const struct spec *s, bool v6)
{
	return lab_sends_at(lab, s->from, s, v6);
}

enum outcome lab_reaches_at(const struct lab *lab, enum who at, uint32_t iif, uint32_t mark,
                            const struct spec *s, bool v6)
{
	struct frame f;

	frame_make(&f, s, v6);
	return lab_run(lab, false, at, iif, mark, &f, 1).verdict;
}

enum outcome lab_reaches(const struct lab *lab, uint32_t iif, const struct spec *s, bool v6)
{
	return lab_reaches_at(lab, s->to, iif, 0, s, v6);
}

const char *lab_name(enum outcome v)
{
	static const char *const names[] = { "passes", "dropped", "handed over", "passes, marked" };

	return names[v];
}
