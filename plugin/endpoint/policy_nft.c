/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * policy_nft.c - compiled policy in nftables
 */
#include "endpoint/policy_nft.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "bpf/abi.h"
#include "endpoint/check.h"
#include "endpoint/policy_nft_cells.h"
#include "kernel/link.h"
#include "kernel/rule.h"

#include <errno.h>
#include <linux/membarrier.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

_Static_assert(POLICY_MARK_DEFER == CNIDA_MARK_DEFER && POLICY_MARK_HAIRPIN == CNIDA_MARK_HAIRPIN,
               "what eBPF marks is what nftables looks for");

static const struct rule_spec unjudged = {
	.priority = POLICY_RULE_PRIORITY,
	.mark = POLICY_MARK_DEFER,
	.mask = POLICY_MARK_DEFER,
};

struct policy_nft_pod policy_nft_pod(const struct record *r, const struct pod_verdict *verdict)
{
	struct policy_nft_pod pod = {
		.port = r->name,
		.ips = r->ips,
		.n_ips = r->n_ips,
		.bridged = *r->bridge,
		.recorded = true,
		.verdict = *verdict,
	};

	(void)mac_parse(r->mac, pod.mac);
	return pod;
}

static struct policy_pod rule_pod(const struct policy_nft_pod *pod)
{
	struct policy_pod p = {
		.ips = pod->ips,
		.n_ips = pod->n_ips,
		.class = pod->verdict.class,
		.ingress = pod->verdict.set[INGRESS],
		.egress = pod->verdict.set[EGRESS],
		.owner = pod->port,
		.port = pod->port,
		.bridged = pod->bridged,
	};

	memcpy(p.mac, pod->mac, sizeof(p.mac));
	return p;
}

/* ---- filling ---- */

/* An address of a pod of this node. Several pods may claim one: a pod that is dead but has its link, and its successor. */
struct claim {
	struct ip_addr addr;
	size_t pod;
};

struct filling {
	struct policy_fill fill;
	const struct tables *t;
	const struct policy_nft_pod *pods;
	struct claim *claims; /* sorted by address, each once */
	size_t n_claims;
};

static int by_address(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;
	int r = ip_cmp(&x->addr, &y->addr);

	/* The later one of the list first. */
	return r ? r : (x->pod < y->pod) - (x->pod > y->pod);
}

static int find_address(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;

	return ip_cmp(&x->addr, &y->addr);
}

static int collect_claims(struct filling *f, size_t n_pods, struct err *e)
{
	size_t n = 0, kept = 0;

	for (size_t i = 0; i < n_pods; i++)
		n += f->pods[i].n_ips;
	f->claims = calloc(n + 1, sizeof(*f->claims));
	if (!f->claims)
		return err_sys(e, ENOMEM, "put network policy into nftables");
	n = 0;
	for (size_t i = 0; i < n_pods; i++) {
		for (size_t k = 0; k < f->pods[i].n_ips; k++)
			f->claims[n++] = (struct claim) { f->pods[i].ips[k].addr, i };
	}
	qsort(f->claims, n, sizeof(*f->claims), by_address);
	for (size_t i = 0; i < n; i++) {
		if (kept == 0 || ip_cmp(&f->claims[kept - 1].addr, &f->claims[i].addr) != 0)
			f->claims[kept++] = f->claims[i];
	}
	f->n_claims = kept;
	return 0;
}

static bool is_claimed(const struct filling *f, const struct ip_addr *addr)
{
	const struct claim key = { .addr = *addr };

	return bsearch(&key, f->claims, f->n_claims, sizeof(key), find_address) != NULL;
}

/* Of the sets that the pods have. */
static int fill_cells(struct filling *f, size_t n_pods, struct err *e)
{
	const struct cells cells = tables_cells(f->t);
	struct policy_nft_cells c;
	int r = policy_nft_cells_init(&c, &cells, 2 * n_pods, e);

	for (size_t i = 0; r == 0 && i < n_pods; i++) {
		policy_nft_cells_add(&c, f->pods[i].verdict.set[INGRESS]);
		policy_nft_cells_add(&c, f->pods[i].verdict.set[EGRESS]);
	}
	if (r == 0) {
		policy_nft_cells_begin(&c, &f->fill);
		policy_nft_cells_fill(&c, &f->fill);
	}
	policy_nft_cells_free(&c);
	return r;
}

static void fill_blocks(struct filling *f, int family)
{
	const struct block_entry *v = f->t->blocks[family];
	const size_t n = f->t->n_blocks[family];

	for (size_t i = 0; i < n; i++) {
		if (v[i].class != CLASS_ANY)
			policy_fill_block(&f->fill, &v[i].first, i + 1 < n ? &v[i + 1].first : NULL,
			                  v[i].class);
	}
}

static void fill_peers(struct filling *f)
{
	for (size_t i = 0; i < f->t->n_hosts; i++) {
		const struct host_entry *h = &f->t->hosts[i];

		if (!is_claimed(f, &h->addr))
			policy_fill_peer(&f->fill, &h->addr, h->class);
	}
}

static void fill_pods(struct filling *f)
{
	for (size_t i = 0; i < f->n_claims; i++) {
		const struct claim *c = &f->claims[i];
		const struct ip_prefix one = prefix_host(&c->addr);
		struct policy_pod p = rule_pod(&f->pods[c->pod]);

		p.ips = &one;
		p.n_ips = 1;
		policy_fill_pod(&f->fill, &p, true);
	}
}

/* ---- pods that nobody names any more ---- */

struct lost {
	const struct filling *f;
	struct nl_sock *route;
	struct {
		struct ip_prefix addr;
		char owner[IFNAMSIZ];
	} * v;
	size_t n;
};

static int find_lost(const struct ip_addr *addr, const char *owner, void *arg, struct err *e)
{
	struct lost *l = arg;
	void *more;
	int r;

	if (is_claimed(l->f, addr))
		return 0;
	r = link_exists(l->route, owner, e);
	if (r <= 0)
		return r;
	more = reallocarray(l->v, l->n + 1, sizeof(*l->v));
	if (!more)
		return err_sys(e, ENOMEM, "look for pods without a record");
	l->v = more;
	l->v[l->n].addr = prefix_host(addr);
	(void)snprintf(l->v[l->n].owner, sizeof(l->v[l->n].owner), "%s", owner);
	l->n++;
	return 0;
}

static int fill_lost(struct filling *f, struct nl_sock *nft, struct nl_sock *route, struct err *e)
{
	struct lost lost = { .f = f, .route = route };
	int r = ruleset_policy_each_pod(nft, !f->fill.side, find_lost, &lost, e);

	for (size_t i = 0; r == 0 && i < lost.n; i++) {
		const struct policy_pod closed = { .ips = &lost.v[i].addr,
			                           .n_ips = 1,
			                           .ingress = SET_DENY,
			                           .egress = SET_DENY,
			                           .owner = lost.v[i].owner };

		policy_fill_pod(&f->fill, &closed, false);
	}
	free(lost.v);
	return r;
}

/* ---- putting a policy in force ---- */

static int choose_side(struct policy_nft *n, struct nl_sock *route, struct err *e)
{
	int r = ruleset_policy_make(&n->nft, n->place, e);

	if (r >= 0 && n->place == POLICY_AFTER_DNAT)
		r = rule_ensure_blackhole(route, &unjudged, e);
	if (r >= 0)
		r = ruleset_policy_side(&n->nft, n->place, e);
	n->side = r == 0;
	return r < 0 ? r : 0;
}

static int fill(struct policy_nft *n, struct filling *f, struct nl_sock *route, size_t n_pods,
                struct err *e)
{
	struct err lost;
	int r = collect_claims(f, n_pods, e), q = 0;

	if (r < 0)
		return r;
	policy_fill_begin(&f->fill, &n->nft, n->place, n->side, false);
	policy_fill_empty(&f->fill);
	r = fill_cells(f, n_pods, e);
	if (r < 0)
		return r;
	fill_blocks(f, 0);
	fill_blocks(f, 1);
	fill_pods(f);
	q = fill_lost(f, &n->nft, route, &lost);
	fill_peers(f);
	r = policy_fill_end(&f->fill, e);
	if (r == 0 && q < 0)
		*e = lost;
	return r < 0 ? r : q;
}

/* A DEL that is through did not see its pod in this side; one that is not looks once more when its record is gone. */
static int take_vanished(struct policy_nft *n, const struct policy_nft_pod *pods, size_t n_pods,
                         struct err *e)
{
	char path[sizeof(RECORD_DIR) + 1 + IFNAMSIZ];
	int r = 0;

	for (size_t i = 0; r >= 0 && i < n_pods; i++) {
		const struct policy_pod p = rule_pod(&pods[i]);

		if (!pods[i].recorded)
			continue;
		(void)snprintf(path, sizeof(path), "%s/%s", RECORD_DIR, pods[i].port);
		if (access(path, F_OK) < 0 && errno == ENOENT)
			r = ruleset_policy_take_pod(&n->nft, n->place, &p, e);
	}
	return r < 0 ? r : 0;
}

int policy_nft_prepare(struct policy_nft *n, enum policy_place place, struct nl_sock *route,
                       const struct tables *t, const struct policy_nft_pod *pods, size_t n_pods,
                       struct err *e)
{
	struct filling *f;
	int r;

	*n = (struct policy_nft) { .place = place };
	r = nl_open(NETLINK_NETFILTER, &n->nft, e);
	if (r == 0)
		r = choose_side(n, route, e);
	if (r < 0)
		return err_wrap(e, "nftables");
	f = calloc(1, sizeof(*f));
	if (!f)
		return err_sys(e, ENOMEM, "put network policy into nftables");
	n->prepared = true;
	f->t = t;
	f->pods = pods;
	r = fill(n, f, route, n_pods, e);
	free(f->claims);
	free(f);
	return r < 0 ? r : take_vanished(n, pods, n_pods, e);
}

/* The kernel's answer may have got lost, not what it was about: by what is in force now. Who cannot tell empties neither side:
 * that in force, empty, would judge nothing. */
static int switch_side(struct policy_nft *n, struct err *e)
{
	_cleanup_nl_ struct nl_sock again = { .fd = -1 };
	struct err ignored;
	int r = ruleset_policy_switch(&n->nft, n->place, n->side, e), found;

	if (r == 0)
		return 0;
	found = nl_open(NETLINK_NETFILTER, &again, &ignored);
	if (found == 0)
		found = ruleset_policy_side(&again, n->place, &ignored);
	n->prepared = found >= 0;
	return found == (int)n->side ? 0 : r;
}

int policy_nft_commit(struct policy_nft *n, struct err *e)
{
	int r = switch_side(n, e);

	if (r < 0)
		return r;
	n->committed = true;
	/* Until whatever packet is on its way through the old rules is through; at the other place, putting the image in force
	 * waits for that anyway. Kernels that do not know how to (full tickless processors) let us go on at once. */
	if (n->place == POLICY_FORWARD)
		(void)syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
	return 0;
}

void policy_nft_close(struct policy_nft *n)
{
	_uninitialized_ struct policy_fill f;
	struct err e;
	int r = 0;

	if (n->nft.fd >= 0 && n->prepared && !n->committed) {
		policy_fill_begin(&f, &n->nft, n->place, n->side, false);
		policy_fill_empty(&f);
		r = policy_fill_end(&f, &e);
	}
	if (r < 0)
		log_warn("network policy in nftables: %s", e.msg);
	nl_close(&n->nft);
}

/* ---- one pod ---- */

int policy_nft_bridge(struct nl_sock *route, int ifindex, struct err *e)
{
	if (access("/proc/sys/net/bridge/bridge-nf-call-iptables", F_OK) < 0)
		return err_set(e, CNI_E_TRY_AGAIN, EOPNOTSUPP,
		               "network policy by nftables for pods at a bridge needs the kernel "
		               "module br_netfilter: modprobe br_netfilter (and name it in "
		               "/etc/modules-load.d), or use mode \"ptp\"");
	return ruleset_policy_bridge(route, ifindex, e);
}

static void fill_allowed(struct policy_fill *f, void *arg)
{
	policy_nft_cells_fill(arg, f);
}

/* The first pod that has these sets: what they allow comes with it. */
static int put_first_pod(struct nl_sock *nft, enum policy_place place, unsigned int side,
                         const struct policy_pod *pod, const struct cells *cells,
                         const uint32_t *sets, size_t n, struct err *e)
{
	struct policy_nft_cells c;
	const struct policy_allowed allowed = { fill_allowed, &c };
	int r = policy_nft_cells_init(&c, cells, n, e);

	for (size_t i = 0; r == 0 && i < n; i++)
		policy_nft_cells_add(&c, sets[i]);
	if (r == 0)
		r = ruleset_policy_put_pod(nft, place, side, pod, &allowed, e);
	policy_nft_cells_free(&c);
	return r;
}

static int put_pod(struct nl_sock *nft, enum policy_place place, unsigned int side,
                   const struct policy_nft_pod *pod, const struct cells *cells, struct err *e)
{
	const struct policy_pod p = rule_pod(pod);
	uint32_t missing[ARRAY_SIZE(pod->verdict.set)];
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(pod->verdict.set); i++) {
		int r = policy_nft_cells_there(cells, nft, side, pod->verdict.set[i], e);

		if (r < 0)
			return r;
		if (r == 0)
			missing[n++] = pod->verdict.set[i];
	}
	return n == 0 ? ruleset_policy_put_pod(nft, place, side, &p, NULL, e)
	              : put_first_pod(nft, place, side, &p, cells, missing, n, e);
}

int policy_nft_enter(struct nl_sock *nft, enum policy_place place, const struct policy_nft_pod *pod,
                     const struct cells *cells, struct err *e)
{
	int r = nl_open_once(NETLINK_NETFILTER, nft, e);

	if (r == 0)
		r = ruleset_policy_side(nft, place, e);
	if (r < 0 || r == 2)
		return r < 0 ? r : 0;
	r = put_pod(nft, place, (unsigned int)r, pod, cells, e);
	if (r == -ENOENT)
		return 0;
	return r < 0 ? r : 1;
}

int policy_nft_leave(struct nl_sock *nft, const struct record *r, struct err *e)
{
	const struct policy_nft_pod pod = policy_nft_pod(r, &(const struct pod_verdict) { 0 });
	const struct policy_pod p = rule_pod(&pod);
	int x = nl_open_once(NETLINK_NETFILTER, nft, e);

	/* All that the tables may have, at either place. */
	if (x == 0)
		x = ruleset_policy_take_pod(nft, POLICY_FORWARD, &p, e);
	return x < 0 ? x : 0;
}

int policy_nft_change_mac(const struct record *r, const uint8_t old[static 6], struct err *e)
{
	const struct policy_nft_pod pod = policy_nft_pod(r, &(const struct pod_verdict) { 0 });
	const struct policy_pod p = rule_pod(&pod);
	_cleanup_nl_ struct nl_sock nft = { .fd = -1 };
	int x = nl_open(NETLINK_NETFILTER, &nft, e);

	return x < 0 ? x : ruleset_policy_change_mac(&nft, &p, old, e);
}

static int check_tables(struct nl_sock *nft, enum policy_place place, struct nl_sock *route,
                        struct err *e)
{
	const char *missing = "";
	int r = ruleset_policy_intact(nft, place, &missing, e);

	if (r == 0)
		return err_set(e, CNI_E_INTERNAL, ENOENT,
		               "nftables: expected %s in table " POLICY_TABLE
		               ", found none: the ruleset was changed by others; the next ADD or "
		               "`cnida gc` restores it",
		               missing);
	if (r > 0 && place == POLICY_AFTER_DNAT)
		r = rule_has_blackhole(route, &unjudged, e);
	if (r == 0)
		return check_failed(e, "routing", "a rule for packets that nobody judged", "none");
	return r < 0 ? r : 0;
}

/* The pod, and what its sets allow. 1, 0 or -errno */
static int has_pod(struct nl_sock *nft, enum policy_place place, unsigned int side,
                   const struct policy_nft_pod *pod, const struct cells *cells, struct err *e)
{
	const struct policy_pod p = rule_pod(pod);
	const char *missing;
	int r = ruleset_policy_has_pod(nft, place, side, &p, &missing, e);

	for (size_t i = 0; r > 0 && i < ARRAY_SIZE(pod->verdict.set); i++)
		r = policy_nft_cells_there(cells, nft, side, pod->verdict.set[i], e);
	return r;
}

int policy_nft_check(enum policy_place place, struct nl_sock *route,
                     const struct policy_nft_pod *pod, const struct cells *cells, struct err *e)
{
	_cleanup_nl_ struct nl_sock nft = { .fd = -1 };
	int r = nl_open(NETLINK_NETFILTER, &nft, e);

	if (r == 0)
		r = check_tables(&nft, place, route, e);
	if (r == 0)
		r = ruleset_policy_side(&nft, place, e);
	if (r == 2)
		return check_failed(e, "table inet " POLICY_TABLE, "a policy in force", "none");
	if (r >= 0)
		r = has_pod(&nft, place, (unsigned int)r, pod, cells, e);
	if (r == 0)
		return check_failed(e, pod->port, "the verdict of the policy in force in nftables",
		                    "another or none");
	return r < 0 ? r : 0;
}

/* ---- the rest ---- */

int policy_nft_place(enum policy_place *ret, struct err *e)
{
	_cleanup_nl_ struct nl_sock nft = { .fd = -1 };
	int r = nl_open(NETLINK_NETFILTER, &nft, e);

	for (int place = POLICY_FORWARD; r == 0 && place <= POLICY_AFTER_DNAT; place++) {
		*ret = (enum policy_place)place;
		r = ruleset_policy_exists(&nft, *ret, e);
	}
	return r;
}

int policy_nft_remove(struct nl_sock *route, struct err *e)
{
	_cleanup_nl_ struct nl_sock nft = { .fd = -1 };
	int r = nl_open(NETLINK_NETFILTER, &nft, e);

	if (r == 0)
		r = ruleset_policy_remove(&nft, e);
	return r < 0 ? r : rule_remove_blackhole(route, &unjudged, e);
}
