/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * policy.c - a pod's part in the node's policy: ADD, DEL, CHECK, GC
 */
#include "endpoint/policy.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "endpoint/check.h"
#include "endpoint/ipam.h"
#include "endpoint/policy_nft.h"
#include "endpoint/policy_node.h"
#include "endpoint/reaper.h"
#include "kernel/link.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void policy_describe(struct attachment *a)
{
	if (a->conf.policy.backend == POLICY_NONE || !*a->conf.ipam_type)
		return;
	(void)snprintf(a->rec.policy, sizeof(a->rec.policy), "%s",
	               a->conf.policy.allow_unknown ? "allow" : "isolate");
	a->rec.policy_nftables = a->conf.policy.backend == POLICY_NFTABLES;
}

/* ---- ADD ---- */

/* What is needed to judge one pod. */
struct entry {
	int lock;
	struct verdicts verdicts;
	struct datapath d;
	struct endpoint ep;
};

static void entry_forget(struct entry *n)
{
	datapath_close(&n->d);
	verdicts_close(&n->verdicts);
}

static void entry_close(struct entry *n)
{
	entry_forget(n);
	if (n->lock >= 0)
		(void)close(n->lock);
	n->lock = -1;
}

static bool is_nftables(const struct entry *n)
{
	return n->verdicts.about.backend == APPLY_NFTABLES;
}

/* Verdicts and datapath, under the lock: 1, or 0 if the policy is not loaded,
 * or not completely. */
static int open_loaded(struct entry *n, struct err *e)
{
	int r = verdicts_open(&n->verdicts, e);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	return is_nftables(n) ? 1 : datapath_open(&n->d, e);
}

static struct loader_conf loader_of(const struct attachment *a)
{
	const struct policy_conf *c = &a->conf.policy;

	return policy_loader(c->flows, c->endpoints, c->fastpath);
}

static enum apply_backend backend_of(const struct attachment *a)
{
	switch (a->conf.policy.backend) {
	case POLICY_EBPF:
		return APPLY_EBPF;
	case POLICY_NFTABLES:
		return APPLY_NFTABLES;
	default:
		return APPLY_AUTO;
	}
}

static int load_policy(struct attachment *a, struct entry *n, bool anew, struct err *e)
{
	struct loader_conf loader = loader_of(a);
	int r;

	entry_close(n);
	n->lock = policy_lock(false, e);
	if (n->lock < 0)
		return n->lock;
	/* Somebody else may have done it meanwhile. */
	r = anew ? 0 : open_loaded(n, e);
	if (r != 0)
		return r;
	entry_forget(n);
	r = policy_load(backend_of(a), &loader, e);
	if (r == 0)
		r = open_loaded(n, e);
	return r == 0 ? err_set(e, CNI_E_TRY_AGAIN, ENOENT,
	                        "the policy's maps vanished while they were loaded")
	              : r;
}

static int open_policy(struct attachment *a, struct entry *n, struct err *e)
{
	int r;

	n->lock = policy_lock(true, e);
	if (n->lock < 0)
		return n->lock;
	r = open_loaded(n, e);
	return r == 0 ? load_policy(a, n, false, e) : r;
}

/* Is an address another pod's that lives? Then two networks of the node use it. */
static int check_taken(struct attachment *a, const struct entry *n, const struct ip_addr *ip,
                       struct err *e)
{
	struct in6 key = datapath_key(ip);
	struct link_info link;
	struct endpoint old;
	char text[IP_STR_MAX];
	int r = datapath_get(&n->d, &key, &old, e);

	if (r <= 0 || old.ifindex == n->ep.ifindex)
		return r < 0 ? r : 0;
	r = link_get(&a->host, (int)old.ifindex, NULL, &link, e);
	if (r == 0)
		return err_set(e, CNI_E_TRY_AGAIN, EADDRINUSE, "%s is the address of %s already",
		               ip_format(ip, text), link.name);
	return r == -ENODEV ? 0 : r;
}

static int put_endpoint(struct attachment *a, const struct entry *n, struct err *e)
{
	struct ip_addr ips[RECORD_IPS_MAX];
	int r = 0;

	for (size_t i = 0; r == 0 && i < a->rec.n_ips; i++) {
		ips[i] = a->rec.ips[i].addr;
		r = check_taken(a, n, &ips[i], e);
	}
	return r < 0 ? r : datapath_put(&n->d, &n->ep, ips, a->rec.n_ips, e);
}

/* A new generation: what flows of an earlier owner of the addresses were
 * allowed is worth nothing from here. */
static int judge_anew(const struct attachment *a, const struct entry *n, struct err *e)
{
	uint32_t fastpath = a->conf.policy.fastpath ? CONTROL_FASTPATH : 0;
	struct control control;
	int r = a->conf.policy.says_fastpath ? datapath_get_control(&n->d, &control, e) : 0;

	if (r < 0)
		return r;
	if (!a->conf.policy.says_fastpath || (control.flags & CONTROL_FASTPATH) == fastpath)
		return datapath_raise(&n->d, e);
	return datapath_set_switches(&n->d, (control.flags & ~CONTROL_FASTPATH) | fastpath, e);
}

/* With everything open. */
static int put_in(struct attachment *a, struct entry *n, struct endpoint_slot slot, struct err *e)
{
	const int ifindex = link_index(&a->host, a->rec.name);
	int r;

	if (!ifindex)
		return err_set(e, CNI_E_TRY_AGAIN, ENODEV, "interface %s cannot be found",
		               a->rec.name);
	n->ep = policy_endpoint(&a->rec, ifindex,
	                        a->conf.mode == MODE_BRIDGE ? a->bridge.mac : NULL);
	if (a->conf.has_limits)
		n->ep.flags |= ENDPOINT_SHAPED;
	n->ep.slot[0] = n->ep.slot[1] = slot;
	r = put_endpoint(a, n, e);
	if (r == 0)
		r = judge_anew(a, n, e);
	return r < 0 ? r : datapath_attach(&n->d, &a->host, (int)n->ep.ifindex, e);
}

/* All pods of a node are judged by one. */
static int check_backend(const struct attachment *a, const struct entry *n, struct err *e)
{
	const enum apply_backend wanted = backend_of(a), found = n->verdicts.about.backend;

	if (wanted == APPLY_AUTO || wanted == found)
		return 0;
	return err_set(e, CNI_E_CONFIG, EINVAL,
	               "policy.backend: expected \"%s\", which judges the pods of this node, found "
	               "\"%s\" (`cnida policy clear` ends that)",
	               found == APPLY_NFTABLES ? "nftables" : "ebpf",
	               wanted == APPLY_NFTABLES ? "nftables" : "ebpf");
}

/* In nftables: 1; 0 if they are not as they were left; or -errno. */
static int put_in_nftables(struct attachment *a, const struct entry *n, const struct verdict *v,
                           struct err *e)
{
	const struct policy_nft_pod pod = policy_nft_pod(&a->rec, &v->pod);
	struct control control;
	int r;

	if (is_nftables(n)) {
		r = a->conf.mode == MODE_BRIDGE ? policy_nft_bridge(&a->host, a->bridge.ifindex, e)
		                                : 0;
		return r < 0 ? r
		             : policy_nft_enter(&a->nft, POLICY_FORWARD, &pod, &n->verdicts.cells,
		                                e);
	}
	r = datapath_get_control(&n->d, &control, e);
	if (r < 0 || !(control.flags & CONTROL_DEFER))
		return r < 0 ? r : 1;
	return policy_nft_enter(&a->nft, POLICY_AFTER_DNAT, &pod, &n->verdicts.cells, e);
}

static int enter_opened(struct attachment *a, struct entry *n, struct err *e)
{
	bool known;
	struct verdict v = apply_verdict(&n->verdicts, a->rec.pod_namespace, a->rec.pod_name,
	                                 a->conf.policy.allow_unknown, &known);
	int r = check_backend(a, n, e);

	if (r == 0)
		r = put_in_nftables(a, n, &v, e);
	if (r <= 0 || is_nftables(n))
		return r;
	r = put_in(a, n, apply_slot(&v), e);
	return r < 0 ? r : 1;
}

static int enter(struct attachment *a, struct err *e)
{
	struct entry n = { .lock = -1, .d = DATAPATH_CLOSED };
	int r = open_policy(a, &n, e);

	if (r > 0)
		r = enter_opened(a, &n, e);
	if (r == 0) { /* somebody flushed the ruleset */
		r = load_policy(a, &n, true, e);
		if (r > 0)
			r = enter_opened(a, &n, e);
		if (r == 0)
			r = err_set(e, CNI_E_TRY_AGAIN, ENOENT,
			            "the policy's tables vanished while they were made");
	}
	entry_close(&n);
	return r < 0 ? err_wrap(e, "network policy") : 0;
}

/* The policy cannot be had, but the programs: the pod starts without any
 * traffic, until a policy is applied. */
static int isolate(struct attachment *a, struct err *e)
{
	const struct endpoint_slot closed = { CLASS_ANY, SET_DENY, SET_DENY };
	struct loader_conf loader = loader_of(a);
	struct entry n = { .lock = policy_lock(false, e), .d = DATAPATH_CLOSED };
	int r = n.lock < 0 ? n.lock : loader_load(&loader, e);

	if (r >= 0)
		r = datapath_open(&n.d, e);
	if (r == 0)
		r = err_set(e, CNI_E_TRY_AGAIN, ENOENT, "the policy's maps vanished");
	if (r > 0)
		r = put_in(a, &n, closed, e);
	entry_close(&n);
	return r;
}

static int without_policy(struct attachment *a, int why, struct err *e)
{
	const char *pod = *a->rec.pod_name ? a->rec.pod_name : a->rec.container_id;

	switch (a->conf.policy.fail) {
	case POLICY_FAIL_OPEN:
		log_warn("%s starts WITHOUT network policy (policy.fail \"open\"): %s", pod,
		         e->msg);
		return 0;
	case POLICY_FAIL_ISOLATE:
		log_warn("%s starts isolated (policy.fail \"isolate\"): %s", pod, e->msg);
		return isolate(a, e);
	case POLICY_FAIL_CLOSED:
	default:
		/* Whatever it was: the runtime may try again, and an operator can mend it meanwhile. */
		e->code = CNI_E_TRY_AGAIN;
		return why;
	}
}

/* Is this pod to be judged? 1, 0 or -errno */
static int wanted(struct attachment *a, struct err *e)
{
	if (a->conf.policy.backend == POLICY_NONE || !*a->conf.ipam_type)
		return 0;
	return a->conf.policy.backend == POLICY_AUTO ? snapshot_exists(e) : 1;
}

int policy_enter(struct attachment *a, struct err *e)
{
	int r = wanted(a, e);

	if (r == 0)
		return 0;
	a->judged = true;
	if (r > 0)
		r = enter(a, e);
	return r < 0 ? without_policy(a, r, e) : 0;
}

int policy_guard(struct attachment *a, struct err *e)
{
	return ipam_is_own(a->conf.ipam_type) ? 0 : policy_enter(a, e);
}

void policy_undo(struct attachment *a)
{
	struct err e;

	if (!a->judged)
		return;
	/* Closed before that goes which judges it. */
	if (reaper_mark(&a->host, a->rec.name, &e) < 0 ||
	    policy_leave(&a->host, &a->nft, &a->rec, &e) < 0)
		log_warn("%s: endpoints of a failed ADD stay: %s", a->rec.name, e.msg);
}

/* ---- DEL ---- */

static bool link_lives(struct nl_sock *host, uint32_t ifindex)
{
	struct link_info link;
	struct err ignored;

	return link_get(host, (int)ifindex, NULL, &link, &ignored) != -ENODEV;
}

/* The pod's link is gone already: that of its addresses' entries, unless it
 * lives: then they are another's. 0 if unknown. */
static int former_link(struct nl_sock *host, const struct datapath *d, const struct record *r,
                       uint32_t *ret, struct err *e)
{
	*ret = 0;
	for (size_t i = 0; i < r->n_ips && !*ret; i++) {
		struct in6 key = datapath_key(&r->ips[i].addr);
		struct endpoint ep;
		int there = datapath_get(d, &key, &ep, e);

		if (there < 0)
			return there;
		if (there && !link_lives(host, ep.ifindex))
			*ret = ep.ifindex;
	}
	return 0;
}

static int leave_datapath(struct nl_sock *host, const struct record *r, struct err *e)
{
	_cleanup_datapath_ struct datapath d = DATAPATH_CLOSED;
	struct ip_addr ips[RECORD_IPS_MAX];
	struct link_info link = { 0 };
	uint32_t ifindex;
	int x = policy_is_loaded() ? datapath_open(&d, e) : 0;

	if (x <= 0)
		return x;
	for (size_t i = 0; i < r->n_ips; i++)
		ips[i] = r->ips[i].addr;
	x = link_get(host, 0, r->name, &link, e);
	ifindex = (uint32_t)link.ifindex;
	if (x == -ENODEV)
		x = former_link(host, &d, r, &ifindex, e);
	return x < 0 || !ifindex ? x : datapath_remove(&d, ifindex, ips, r->n_ips, e);
}

int policy_leave(struct nl_sock *host, struct nl_sock *nft, const struct record *r, struct err *e)
{
	int x = policy_nft_leave(nft, r, e);

	return x == 0 ? leave_datapath(host, r, e) : x;
}

int policy_gone(struct nl_sock *host, const struct record *r, struct err *e)
{
	return *r->policy ? leave_datapath(host, r, e) : 0;
}

int policy_confirm(struct nl_sock *nft, const struct record *r, struct err *e)
{
	return *r->policy ? policy_nft_leave(nft, r, e) : 0;
}

/* ---- CHECK ---- */

static int check_endpoint(const struct datapath *d, const struct in6 *key, const char *what,
                          const struct endpoint *expected, uint32_t parity, struct err *e)
{
	const struct endpoint_slot *want = &expected->slot[parity], *found;
	struct endpoint ep;
	int r = datapath_get(d, key, &ep, e);

	if (r == 0)
		return check_failed(e, what, "an endpoint of the policy", "none");
	if (r < 0)
		return r;
	if (ep.ifindex != expected->ifindex)
		return check_failed(e, what, "an endpoint of this pod", "another's");
	if (memcmp(ep.mac, expected->mac, sizeof(ep.mac)) != 0)
		return check_failed(e, what, "an endpoint with the pod's MAC address", "another");
	if ((ep.flags ^ expected->flags) & ENDPOINT_SHAPED)
		return check_failed(e, what, "an endpoint that knows of the pod's limits",
		                    "another");
	found = &ep.slot[parity];
	if (found->class != want->class || found->ingress != want->ingress ||
	    found->egress != want->egress)
		return check_failed(e, what, "the verdict of the policy in force", "another");
	return 0;
}

static int check_nftables(const struct entry *n, struct nl_sock *host, const struct record *r,
                          const struct verdict *v, struct err *e)
{
	const struct policy_nft_pod pod = policy_nft_pod(r, &v->pod);
	struct control control;
	int x;

	if (is_nftables(n))
		return policy_nft_check(POLICY_FORWARD, host, &pod, &n->verdicts.cells, e);
	x = datapath_get_control(&n->d, &control, e);
	if (x < 0 || !(control.flags & CONTROL_DEFER))
		return x;
	return policy_nft_check(POLICY_AFTER_DNAT, host, &pod, &n->verdicts.cells, e);
}

static int check_entry(const struct entry *n, struct nl_sock *host, const struct record *r,
                       struct err *e)
{
	uint32_t parity = n->verdicts.about.parity;
	struct in6 key = datapath_link_key(n->ep.ifindex);
	char text[IP_STR_MAX];
	int x = check_endpoint(&n->d, &key, r->name, &n->ep, parity, e);

	for (size_t i = 0; x == 0 && i < r->n_ips; i++) {
		key = datapath_key(&r->ips[i].addr);
		x = check_endpoint(&n->d, &key, ip_format(&r->ips[i].addr, text), &n->ep, parity,
		                   e);
	}
	if (x == 0)
		x = datapath_attached(&n->d, host, (int)n->ep.ifindex, e);
	return x == 0 ? check_failed(e, r->name, "the policy's programs attached", "not attached")
	              : (x < 0 ? x : 0);
}

int policy_check(struct nl_sock *host, const struct record *r, struct err *e)
{
	struct entry n = { .lock = -1, .d = DATAPATH_CLOSED };
	struct link_info link = { .ifindex = 0 };
	struct verdict v;
	bool known;
	int x = *r->policy ? snapshot_exists(e) : 0;

	if (x <= 0)
		return x;
	n.lock = policy_lock(true, e);
	x = n.lock < 0 ? n.lock : open_loaded(&n, e);
	if (x == 0)
		x = check_failed(e, "network policy", "the snapshot in force", "not loaded");
	if (x > 0)
		x = link_get(host, 0, r->name, &link, e);
	if (x == -ENODEV)
		x = check_failed(e, r->name, "a link", "none");
	if (x == 0) {
		v = apply_verdict(&n.verdicts, r->pod_namespace, r->pod_name,
		                  strcmp(r->policy, "allow") == 0, &known);
		n.ep = policy_endpoint(r, link.ifindex, NULL);
		n.ep.slot[0] = n.ep.slot[1] = apply_slot(&v);
		x = is_nftables(&n) ? 0 : check_entry(&n, host, r, e);
		if (x == 0)
			x = check_nftables(&n, host, r, &v, e);
	}
	entry_close(&n);
	return x;
}

/* ---- GC ---- */

struct sweeping {
	struct nl_sock host;
	const struct datapath *d;
	bool dry_run;
	gc_seen_fn seen;
	void *arg;
	uint32_t *told; /* links; owned */
	size_t n_told;
	int n;
};

/* A pod has several entries, in no order: one finding. */
static int tell_once(struct sweeping *s, uint32_t ifindex, struct err *e)
{
	char what[64];
	uint32_t *told;

	for (size_t i = 0; i < s->n_told; i++) {
		if (s->told[i] == ifindex)
			return 0;
	}
	told = reallocarray(s->told, s->n_told + 1, sizeof(*told));
	if (!told)
		return err_sys(e, ENOMEM, "sweep policy endpoints");
	s->told = told;
	s->told[s->n_told++] = ifindex;
	(void)snprintf(what, sizeof(what), "policy endpoint of link %u", ifindex);
	s->n++;
	if (s->seen)
		s->seen(what, "its link is gone", s->arg);
	return 0;
}

static int sweep_endpoint(const struct in6 *key, const struct endpoint *ep, void *arg,
                          struct err *e)
{
	struct sweeping *s = arg;
	struct ip_addr ip = { .family = AF_INET6 };
	int r;

	if (link_lives(&s->host, ep->ifindex))
		return 0;
	r = tell_once(s, ep->ifindex, e);
	if (r < 0 || s->dry_run)
		return r;
	memcpy(ip.bytes, key, sizeof(ip.bytes));
	return datapath_remove(s->d, ep->ifindex, &ip, !datapath_is_link(key), e);
}

int policy_sweep(bool dry_run, gc_seen_fn seen, void *arg, struct err *e)
{
	_cleanup_datapath_ struct datapath d = DATAPATH_CLOSED;
	struct sweeping s = {
		.host = { .fd = -1 }, .d = &d, .dry_run = dry_run, .seen = seen, .arg = arg
	};
	int r = nl_open(NETLINK_ROUTE, &s.host, e);

	if (r == 0 && policy_is_loaded())
		r = datapath_open(&d, e);
	if (r > 0)
		r = datapath_each(&d, sweep_endpoint, &s, e);
	/* A pod that was just told of leaves nothing to tell of here. */
	if (r == 0)
		r = policy_nft_sweep(&s.host, dry_run, s.n ? NULL : seen, arg, e);
	nl_close(&s.host);
	free(s.told);
	return r < 0 ? r : s.n ? s.n : r;
}

/* ---- a flushed ruleset ---- */

/* Complete? 1, 0 or -errno. Where nothing is in force, nothing is missing. */
static int nftables_are_there(const struct entry *n, struct err *e)
{
	struct control control = { .flags = 0 };
	enum policy_place place;
	int r = is_nftables(n) ? 0 : datapath_get_control(&n->d, &control, e);

	if (r < 0 || (!is_nftables(n) && !(control.flags & CONTROL_DEFER)))
		return r < 0 ? r : 1;
	r = policy_nft_place(&place, e);
	return r <= 0 ? r : (place == POLICY_FORWARD) == is_nftables(n);
}

int policy_restore(struct err *e)
{
	struct loader_conf loader = policy_loader(0, 0, true);
	struct entry n = { .lock = -1, .d = DATAPATH_CLOSED };
	enum apply_backend backend;
	int r = verdicts_open(&n.verdicts, e);

	verdicts_close(&n.verdicts);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	n.lock = policy_lock(false, e);
	r = n.lock < 0 ? n.lock : open_loaded(&n, e);
	if (r > 0)
		r = nftables_are_there(&n, e);
	backend = (enum apply_backend)n.verdicts.about.backend;
	if (r == 0) {
		entry_forget(&n);
		r = policy_load(backend, &loader, e);
	}
	entry_close(&n);
	return r < 0 ? r : 0;
}
