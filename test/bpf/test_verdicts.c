/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_verdicts.c - the running datapath against the oracle: random worlds, put in force by the product's own code, and real packets
 *
 * Each world replaces the one before it over the same links, addresses and table of connections, and half of the packets have the same few
 * ports again: an answer that a connection of an earlier world was given shows as a difference. POLICY_VERDICTS sets how many packets are
 * judged (100,000), POLICY_SEED where the dice start.
 *
 * A packet of a pod is judged by its egress rules and, if it is for another pod of this node, by that one's ingress rules; what reaches
 * a pod through the node by its ingress rules alone.
 */
#include "lab.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "policy/apply.h"
#include "test/policy/compiled.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PODS_MAX 64U /* more than any world has */
#define KEYS     65536U

/* A pod of this node. */
struct local {
	const json_t *pod;
	uint32_t link;
	char port[16];
	uint8_t mac[6];
	struct ip_prefix ips[2];
	size_t n_ips;
};

struct site {
	struct lab lab;
	uint32_t links[PODS_MAX];
	struct local pods[PODS_MAX];
	size_t n;
	struct frame frames[2][4]; /* by family and protocol; addresses and ports are put in */
	uint8_t last[KEYS];        /* by a hash of the packet: 0 nothing yet, 1 dropped, 2 passed */
	unsigned long judged, allowed, different, revoked, granted;
};

static const uint8_t node_mac[6] = { 2, 0, 0, 0, 0, 1 };

static unsigned long setting(const char *name, unsigned long otherwise)
{
	const char *value = getenv(name);

	return value && *value ? strtoul(value, NULL, 0) : otherwise;
}

static const char *text(const json_t *pod, const char *key)
{
	const char *value = json_string_value(json_object_get(pod, key));

	return value ? value : "";
}

/* ---- a world in force ---------------------------------------------------------------------- */

/* Attached: it runs here and has a network of its own. */
static bool is_attached(const json_t *pod)
{
	return !json_object_get(pod, "node") && !json_object_get(pod, "hostNetwork") &&
	       !json_object_get(pod, "phase");
}

static void take_pod(struct site *s, const json_t *pod, size_t place)
{
	struct local *l = &s->pods[s->n++];
	const json_t *ip;
	size_t i;

	*l = (struct local) { .pod = pod, .link = s->links[place], .mac = { 2, 7, 0, 0, 0 } };
	l->mac[5] = (uint8_t)place;
	(void)snprintf(l->port, sizeof(l->port), "h%u", (unsigned int)(uint8_t)place);
	json_array_foreach(json_object_get(pod, "ips"), i, ip) {
		cr_assert(l->n_ips < 2 && ip_parse(json_string_value(ip), &l->ips[l->n_ips].addr));
		l->ips[l->n_ips].len = l->ips[l->n_ips].addr.family == AF_INET ? 32 : 128;
		l->n_ips++;
	}
}

static void take_pods(struct site *s, const struct world *w)
{
	const json_t *pod;
	struct err e;
	size_t i;

	for (i = 0; i < s->n; i++) {
		struct local *l = &s->pods[i];
		struct ip_addr ips[2] = { l->ips[0].addr, l->ips[1].addr };

		cr_assert_eq(datapath_remove(&s->lab.d, l->link, ips, l->n_ips, &e), 0, "%s",
		             e.msg);
	}
	s->n = 0;
	json_array_foreach(w->pods, i, pod) {
		cr_assert(i < PODS_MAX);
		if (is_attached(pod))
			take_pod(s, pod, i);
	}
}

/* Nothing is left for nftables to judge: what no rule allows is dropped at once. */
static int nft_none(void *arg, enum apply_backend backend, const struct apply_request *rq,
                    struct err *e)
{
	(void)arg;
	(void)backend;
	(void)rq;
	return err_set(e, CNI_E_INTERNAL, EOPNOTSUPP, "not in this test");
}

static void put_in_force(struct site *s, const struct compiled *c)
{
	static const struct apply_nft nft = { .prepare = nft_none };
	struct apply_pod pods[PODS_MAX];
	struct apply_request rq = {
		.tables = &c->tables,
		.pods = pods,
		.n_pods = s->n,
		.backend = APPLY_EBPF,
		.nft = &nft,
		.loader = LOADER_DEFAULTS,
		.load = true,
	};
	struct apply_result result;
	struct err e;

	for (size_t i = 0; i < s->n; i++) {
		const struct local *l = &s->pods[i];

		pods[i] = (struct apply_pod) {
			.namespace = text(l->pod, "namespace"),
			.name = text(l->pod, "name"),
			.ips = l->ips,
			.n_ips = l->n_ips,
			.port = l->port,
			.link.ifindex = l->link,
		};
		memcpy(pods[i].link.mac, l->mac, 6);
		memcpy(pods[i].link.host_mac, node_mac, 6);
	}
	/* A larger image means other programs, which nobody may have open. */
	datapath_close(&s->lab.d);
	cr_assert_eq(apply(&rq, &s->lab.route, &result, &e), 0, "apply: %s", e.msg);
	cr_assert_eq(datapath_open(&s->lab.d, &e), 1, "%s", e.msg);
}

/* ---- packets ------------------------------------------------------------------------------- */

static const uint8_t protos[] = { TCP, UDP, SCTP, ICMP };

static void make_frames(struct site *s)
{
	for (int v6 = 0; v6 < 2; v6++) {
		for (size_t i = 0; i < ARRAY_SIZE(protos); i++) {
			const struct spec spec = {
				.from = A, .to = B, .proto = protos[i], .icmp = 8
			};

			frame_make(&s->frames[v6][i], &spec, v6);
		}
	}
}

static struct frame *frame_of(struct site *s, const struct oracle_addr *from,
                              const struct oracle_addr *to, const uint8_t *mac, int proto,
                              uint16_t sport, uint16_t dport)
{
	const bool v6 = from->family == 6;
	struct frame *f = s->frames[v6];
	uint8_t *l4;

	f += proto == TCP ? 0 : proto == UDP ? 1 : proto == SCTP ? 2 : 3;
	l4 = f->data + (v6 ? 54 : 34);
	memcpy(f->data + 6, mac, 6);
	memcpy(f->data + (v6 ? 22 : 26), from->b, v6 ? 16 : 4);
	memcpy(f->data + (v6 ? 38 : 30), to->b, v6 ? 16 : 4);
	sport = htons(sport);
	dport = htons(dport);
	memcpy(l4 + (proto == ORACLE_ECHO ? 4 : 0), &sport, 2);
	if (proto != ORACLE_ECHO)
		memcpy(l4 + 2, &dport, 2);
	return f;
}

/* What a host may have, and a node forwards. */
static bool is_plain(const struct oracle_addr *a)
{
	static const uint8_t node[][4] = { { 10, 1, 0, 254 }, { 198, 51, 100, 1 } }, none[8];

	/* A router has the address of each prefix whose last bits are zero. */
	if (a->family == 6)
		return ((a->b[0] & 0xe0) == 0x20 || a->b[0] == 0xfd) &&
		       memcmp(a->b + 8, none, 8) != 0;
	for (size_t i = 0; i < ARRAY_SIZE(node); i++)
		if (memcmp(a->b, node[i], 4) == 0)
			return false;
	/* Not the node's, and not the broadcast addresses, of open_site(). */
	if (a->b[1] == a->b[2] && (a->b[1] == 0 ? a->b[3] <= 1 : a->b[1] == 255 && a->b[3] == 255))
		return false;
	return a->b[0] != 0 && a->b[0] != 127 && a->b[0] < 224;
}

/* ---- one question -------------------------------------------------------------------------- */

struct packet_case {
	const struct local *at; /* whose link it passes */
	bool from_pod;
	uint32_t iif; /* of to_pod: 0: the node itself */
	struct oracle_end from, to;
	int proto;
	uint16_t sport, dport;
	bool expected;
};

static const struct local *local_of(const struct site *s, const json_t *pod)
{
	for (size_t i = 0; pod && i < s->n; i++)
		if (s->pods[i].pod == pod)
			return &s->pods[i];
	return NULL;
}

/* Nobody has told whose address it is, or it is nobody's any more. */
static void forget_stranger(struct oracle_end *end)
{
	if (end->pod &&
	    (json_object_get(end->pod, "phase") || json_object_get(end->pod, "hostNetwork") ||
	     (json_object_get(end->pod, "unknown") && json_object_get(end->pod, "node")))) {
		end->pod = NULL;
		end->node = NULL;
	}
}

/* Few of one kind, which come back in later worlds, and many others; to_pod's are others than from_pod's. */
static uint16_t source_port(struct dice *d, bool from_pod)
{
	unsigned int base = from_pod ? 40000 : 30000;

	return (uint16_t)(base + (chance(d, 50) ? dice(d, 2) : dice(d, 9000)));
}

/* false: no packet asks this. */
static bool make_case(const struct site *s, struct dice *d, const struct oracle_world *w,
                      const struct world_question *q, struct packet_case *ret)
{
	struct oracle_end me, peer = q->peer;
	const struct local *local = local_of(s, q->pod), *other;

	forget_stranger(&peer);
	other = local_of(s, peer.pod);
	if (!local || !oracle_end_of(&me, q->pod, peer.addr.family) || local == other ||
	    !is_plain(&peer.addr))
		return false;
	*ret = (struct packet_case) { .at = local,
		                      .from_pod = q->d == ORACLE_EGRESS,
		                      .iif = s->lab.uplink,
		                      .from = q->d == ORACLE_EGRESS ? me : peer,
		                      .to = q->d == ORACLE_EGRESS ? peer : me,
		                      .proto = q->proto,
		                      .dport = (uint16_t)q->port };
	if (q->d == ORACLE_INGRESS && other && chance(d, 50)) {
		ret->at = other;
		ret->from_pod = true;
	}
	ret->sport = source_port(d, ret->from_pod);
	ret->expected =
		ret->from_pod
			? oracle_allow(w, &ret->from, &ret->to, ret->proto, ret->dport)
			: oracle_direction(w, q->pod, ORACLE_INGRESS, &peer, q->proto, q->port);
	/* What the node itself sends passes, and what a pod sends to it. */
	if (chance(d, 2)) {
		if (!ret->from_pod)
			ret->iif = 0;
		else
			oracle_addr(&ret->to.addr, me.addr.family == 6 ? "fd01::fe" : "10.1.0.254");
		ret->sport = (uint16_t)(20000 + dice(d, 9000));
		ret->expected = true;
	}
	return true;
}

static void count_change(struct site *s, const struct packet_case *c, bool allowed)
{
	uint32_t h = image_hash(c->sport, c->dport);
	uint8_t *last;

	for (size_t i = 0; i < sizeof(c->from.addr.b); i++)
		h = image_hash(h ^ c->from.addr.b[i], c->to.addr.b[i] ^ (uint32_t)c->proto << 8);
	last = &s->last[h % KEYS];
	s->revoked += *last == 2 && !allowed;
	s->granted += *last == 1 && allowed;
	*last = allowed ? 2 : 1;
}

static void report(const struct packet_case *c, enum outcome found, const struct world *w,
                   unsigned long seed)
{
	char from[INET6_ADDRSTRLEN], to[INET6_ADDRSTRLEN], *namespaces, *pods, *policies;
	int family = c->from.addr.family == 6 ? AF_INET6 : AF_INET;

	inet_ntop(family, c->from.addr.b, from, sizeof(from));
	inet_ntop(family, c->to.addr.b, to, sizeof(to));
	namespaces = json_dumps(w->namespaces, JSON_COMPACT);
	pods = json_dumps(w->pods, JSON_COMPACT);
	policies = json_dumps(w->policies, JSON_COMPACT);
	cr_expect_fail(
		"POLICY_SEED=%lu: %s at %s/%s, %s port %d -> %s port %d, protocol %d: the oracle says %s, "
		"the packet %s: {\"namespaces\":%s,\"pods\":%s,\"policies\":%s}",
		seed, c->from_pod ? "from_pod" : "to_pod", text(c->at->pod, "namespace"),
		text(c->at->pod, "name"), from, c->sport, to, c->dport, c->proto,
		c->expected ? "allow" : "deny", lab_name(found), namespaces, pods, policies);
	free(namespaces);
	free(pods);
	free(policies);
}

static bool judge_case(struct site *s, const struct packet_case *c, const struct world *w,
                       unsigned long seed)
{
	struct frame *f =
		frame_of(s, &c->from.addr, &c->to.addr, c->from_pod ? c->at->mac : node_mac,
	                 c->proto, c->sport, c->dport);
	uint32_t iif = c->from_pod ? c->at->link : c->iif;
	enum outcome v = lab_run_at(&s->lab, c->from_pod, c->at->link, iif, 0, f, 1).verdict;
	bool handed = c->from_pod && local_of(s, c->to.pod) && c->sport >= 30000;
	bool right = c->expected ? v == (handed ? HANDED_OVER : PASSES) : v == DROPPED;

	s->judged++;
	s->allowed += c->expected;
	count_change(s, c, c->expected);
	if (!right) {
		s->different++;
		report(c, v, w, seed);
	}
	return right;
}

/* ---- worlds -------------------------------------------------------------------------------- */

static void judge_world(struct site *s, unsigned long seed, const struct world_kind *kind,
                        unsigned long n)
{
	struct dice dice = { seed };
	struct oracle_world view;
	struct compiled c;
	struct world w;
	struct err e;
	bool same = true;

	world_make(&w, &dice, kind);
	view = world_view(&w);
	cr_assert_eq(compiled_make(&c, &view, &e), 0, "POLICY_SEED=%lu: %s", seed, e.msg);
	take_pods(s, &w);
	put_in_force(s, &c);
	for (unsigned long i = 0; i < 8 * n && n > 0 && same; i++) {
		struct world_question q;
		struct packet_case p;

		world_ask(&w, &dice, kind, &q);
		if (!make_case(s, &dice, &view, &q, &p))
			continue;
		same = judge_case(s, &p, &w, seed);
		n--;
	}
	compiled_free(&c);
	world_free(&w);
}

static void open_site(struct site *s)
{
	/* The kernel makes no route to a prefix that begins with zeros. */
	static const char *const routes[] = { "1.0.0.1/8",  "2.0.0.1/7",         "4.0.0.1/6",
		                              "8.0.0.1/5",  "16.0.0.1/4",        "32.0.0.1/3",
		                              "64.0.0.1/2", "2001:db8:0:6::1/3", "fd00:ffff::1/7" };
	struct err e;

	log_open("/dev/null", LOG_LEVEL_ERROR);
	lab_open(&s->lab, CONTROL_FASTPATH);
	lab_add_addresses(&s->lab, routes, ARRAY_SIZE(routes));
	for (uint32_t i = 0; i < PODS_MAX; i++) {
		char host[16], peer[16];

		(void)snprintf(host, sizeof(host), "h%u", i);
		(void)snprintf(peer, sizeof(peer), "q%u", i);
		s->links[i] = lab_add_link(&s->lab, host, peer, (uint8_t)(10 + i));
	}
	for (enum who who = A; who <= C; who++) {
		const struct in6 v4 = frame_addr(who, false), v6 = frame_addr(who, true);
		struct ip_addr ips[2] = { { .family = AF_INET }, { .family = AF_INET6 } };

		memcpy(ips[0].bytes, &v4.word[3], 4);
		memcpy(ips[1].bytes, &v6, 16);
		cr_assert_eq(datapath_remove(&s->lab.d, s->lab.link[who], ips, 2, &e), 0, "%s",
		             e.msg);
	}
	make_frames(s);
}

Test(verdicts, packets_are_judged_as_the_oracle_says)
{
	static const struct world_kind small = { .pods = 6, .policies = 5 };
	static const struct world_kind large = { .pods = 60, .policies = 40 };
	static struct site s;
	const unsigned long seed = setting("POLICY_SEED", 1);
	const unsigned long n = setting("POLICY_VERDICTS", 100000);
	const unsigned long per_world = n < 1000000 ? 1000 : 4000;

	open_site(&s);
	for (unsigned long i = 0; s.judged < n && s.different < 3; i++) {
		unsigned long left = n - s.judged;

		judge_world(&s, seed + i, i % 10 == 9 ? &large : &small,
		            left < per_world ? left : per_world);
	}
	printf("count: verdicts %lu\n", s.judged);
	printf("count: of these allowed %lu, refused after they had been allowed %lu, allowed after they had been refused %lu\n",
	       s.allowed, s.revoked, s.granted);
	/* Worlds in which nothing is denied, or all, or nothing changes, would test nothing. */
	cr_expect(s.allowed > n / 5 && s.allowed < n * 4 / 5, "%lu of %lu verdicts were \"allow\"",
	          s.allowed, n);
	cr_expect(s.revoked > n / 1000 && s.granted > n / 1000, "%lu of %lu revoked, %lu granted",
	          s.revoked, n, s.granted);
}
