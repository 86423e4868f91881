/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * apply.c - put compiled policy in force for all pods of this node at once
 */
#include "policy/apply.h"

#include "base/cleanup.h"
#include "base/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct verdict apply_verdict(const struct verdicts *v, const char *namespace, const char *name,
                             bool allow_unknown, bool *ret_known)
{
	struct verdict r;

	*ret_known = verdicts_find(v, namespace, name, &r) > 0;
	if (!*ret_known && allow_unknown)
		r = (struct verdict) { .pod.class = r.pod.class };
	return r;
}

struct endpoint_slot apply_slot(const struct verdict *v)
{
	return (struct endpoint_slot) {
		.class = v->pod.class,
		.ingress = v->pod.set[INGRESS],
		.egress = v->pod.set[EGRESS],
	};
}

/* ---- one run ---- */

struct run {
	struct apply_request *rq;
	struct apply_result *res;
	struct nl_sock *route;
	struct datapath d;
	bool nftables;   /* judge, not the datapath */
	bool defer;      /* nftables judge what the datapath leaves to them */
	bool fresh;      /* loaded by us */
	uint32_t parity; /* of the new image */
	struct image image;
	uint8_t *verdicts;
	size_t verdicts_size;
	struct verdicts new; /* reads them */
	uint32_t *added; /* links that step 3 made endpoints: to be taken back if a later one fails */
	size_t n_added;
};

/* ---- steps 1 and 2: datapath and image ---- */

/* Right after loading nothing passes: pods that are attached before their
 * policy is complete must not lose their traffic. */
static int open_image(struct datapath *d, struct err *e)
{
	const struct tables nothing = { .n_sets = 2, .n_classes = 1 };
	struct image image;
	int r = image_build(&nothing, NULL, 0, 0, LOADER_IMAGE_MAX, &image, e);

	if (r == 0)
		r = datapath_install(d, image.bytes, image.size, e);
	image_free(&image);
	return r;
}

/* 1 if the datapath is there, or nftables are to judge; 0 if it is not and nobody needs it. */
static int choose_backend(struct run *run, struct err *e)
{
	const struct apply_request *rq = run->rq;
	int r = rq->backend == APPLY_AUTO ? rq->nft->in_force(rq->nft->arg, e) : 0;

	if (r < 0)
		return r;
	run->nftables = r > 0 || rq->backend == APPLY_NFTABLES;
	if (run->nftables || !(rq->load || rq->n_pods > 0))
		return 0;
	r = loader_load(&rq->loader, e);
	if (r >= 0 || rq->backend == APPLY_EBPF)
		return r;
	log_warn("network policy by nftables, since eBPF cannot be had: %s", e->msg);
	run->nftables = true;
	return 0;
}

/* This executable's programs in place of those that run; the datapath must be closed for that. */
static int upgrade(struct run *run, const struct loader_conf *conf, struct err *e)
{
	int r;

	datapath_close(&run->d);
	r = loader_upgrade(conf, run->route, e);
	if (r >= 0)
		r = datapath_open(&run->d, e);
	if (r == 0 || r == -ENOENT)
		return err_set(e, CNI_E_TRY_AGAIN, ENOENT, "the policy's maps vanished");
	return r < 0 ? r : 0;
}

/* A datapath that nobody needs yet is not loaded: the first ADD does it. Programs of an older executable, or of one that died
 * while it replaced them, give way. */
static int load(struct run *run, struct err *e)
{
	const struct apply_request *rq = run->rq;
	int r = choose_backend(run, e);

	if (r < 0)
		return r;
	if (run->nftables) {
		run->res->loaded = rq->load || rq->n_pods > 0;
		return 0;
	}
	run->fresh = r > 0;
	r = datapath_open(&run->d, e);
	run->res->loaded = r > 0;
	if (r > 0 && !run->fresh && !loader_is_current())
		r = upgrade(run, &rq->loader, e);
	if (r >= 0 && run->fresh && run->res->loaded)
		r = open_image(&run->d, e);
	return r < 0 ? r : 0;
}

static int choose_parity(struct run *run, struct err *e)
{
	struct image_header header = { 0 };
	int r = datapath_image(&run->d, &header, sizeof(header), e);

	/* Whoever loaded died before there was any: as after loading. */
	if (r == 0)
		r = open_image(&run->d, e);
	run->parity = !header.parity;
	return r < 0 ? r : 0;
}

static struct ip_addr *local_addresses(const struct apply_request *rq, size_t *ret_n)
{
	struct ip_addr *v;
	size_t n = 0;

	for (size_t i = 0; i < rq->n_pods; i++)
		n += rq->pods[i].n_ips;
	v = calloc(n + 1, sizeof(*v));
	*ret_n = n;
	n = 0;
	for (size_t i = 0; v && i < rq->n_pods; i++) {
		for (size_t k = 0; k < rq->pods[i].n_ips; k++)
			v[n++] = rq->pods[i].ips[k].addr;
	}
	return v;
}

/* Images get room for one of @size bytes. */
static int enlarge(struct run *run, size_t size, struct err *e)
{
	struct loader_conf conf = run->rq->loader;

	while (conf.image_size < size)
		conf.image_size *= 2;
	return upgrade(run, &conf, e);
}

static int build_image(struct run *run, struct err *e)
{
	const struct apply_request *rq = run->rq;
	size_t n;
	_cleanup_free_ struct ip_addr *local = local_addresses(rq, &n);
	int64_t room = LOADER_IMAGE_MAX;
	int r = local ? 0 : err_sys(e, ENOMEM, "build the policy image");

	if (r == 0 && run->res->loaded)
		r = choose_parity(run, e);
	if (r == 0)
		r = image_build(rq->tables, local, n, run->parity, LOADER_IMAGE_MAX, &run->image,
		                e);
	if (r == 0 && run->res->loaded)
		room = datapath_image_size(&run->d, e);
	if (r < 0 || room < 0)
		return r < 0 ? r : (int)room;
	return (int64_t)run->image.size > room ? enlarge(run, run->image.size, e) : 0;
}

static int build_verdicts(struct run *run, struct err *e)
{
	const struct apply_request *rq = run->rq;
	struct verdicts_about *about = &run->res->about;
	int r;

	*about = (struct verdicts_about) {
		.parity = run->parity,
		.n_policies = (uint32_t)rq->n_policies,
		.n_pods = (uint32_t)rq->tables->n_pods,
		.n_sets = rq->tables->n_sets,
		.n_classes = rq->tables->n_classes,
		.image_size = (uint32_t)run->image.size,
		.backend = run->nftables ? APPLY_NFTABLES : APPLY_EBPF,
		.applied = rq->applied,
		.snapshot = rq->sum,
	};
	r = verdicts_build(rq->tables, about, &run->verdicts, &run->verdicts_size, e);
	if (r == 0)
		(void)verdicts_use(run->verdicts, run->verdicts_size, &run->new);
	return r;
}

/* What each pod was and will be. */
static int judge_pods(struct run *run, struct err *e)
{
	struct apply_request *rq = run->rq;
	struct verdicts old;
	int r = verdicts_open(&old, e);

	if (r < 0 && r != -ENOENT)
		return r;
	run->res->had_before = r == 0;
	for (size_t i = 0; i < rq->n_pods; i++) {
		struct apply_pod *p = &rq->pods[i];
		bool known;

		if (r == 0)
			p->before = apply_verdict(&old, p->namespace, p->name, p->allow_unknown,
			                          &known);
		p->after = apply_verdict(&run->new, p->namespace, p->name, p->allow_unknown,
		                         &p->known);
	}
	verdicts_close(&old);
	return 0;
}

/* ---- step 3: endpoints ---- */

/* Is everything of the pod in the map as it should be, but for the slots? 1, 0
 * or -errno. */
static int is_endpoint(const struct run *run, const struct apply_pod *p, struct err *e)
{
	struct in6 key = datapath_link_key(p->link.ifindex);
	struct endpoint ep;
	int r = datapath_get(&run->d, &key, &ep, e);

	for (size_t i = 0; r > 0 && i < p->n_ips; i++) {
		key = datapath_key(&p->ips[i].addr);
		r = datapath_get(&run->d, &key, &ep, e);
		if (r > 0 && (ep.ifindex != p->link.ifindex || ep.flags != p->link.flags ||
		              memcmp(ep.mac, p->link.mac, sizeof(ep.mac)) != 0 ||
		              memcmp(ep.host_mac, p->link.host_mac, sizeof(ep.host_mac)) != 0))
			r = 0;
	}
	return r;
}

static int set_slots(const struct run *run, const struct apply_pod *p, struct err *e)
{
	struct in6 key = datapath_link_key(p->link.ifindex);
	struct endpoint_slot slot = apply_slot(&p->after);
	/* An entry that is not there was taken out by a DEL, which holds no lock. */
	int r = datapath_set_slot(&run->d, &key, run->parity, &slot, e);

	for (size_t i = 0; r >= 0 && i < p->n_ips; i++) {
		key = datapath_key(&p->ips[i].addr);
		r = datapath_set_slot(&run->d, &key, run->parity, &slot, e);
	}
	return r < 0 ? r : 0;
}

/* Under the image in force it is judged as it was, or not at all if nobody
 * judged it. */
static int put_pod(struct run *run, const struct apply_pod *p, struct err *e)
{
	struct endpoint ep = p->link;
	struct ip_addr *ips = calloc(p->n_ips + 1, sizeof(*ips));
	int r;

	if (!ips)
		return err_sys(e, ENOMEM, "write endpoints");
	for (size_t i = 0; i < p->n_ips; i++)
		ips[i] = p->ips[i].addr;
	ep.slot[run->parity] = apply_slot(&p->after);
	ep.slot[!run->parity] = apply_slot(&p->before);
	r = datapath_put(&run->d, &ep, ips, p->n_ips, e);
	free(ips);
	return r;
}

/* What put_pod() made of a pod whose link is gone. */
static void forget_pod(const struct run *run, const struct apply_pod *p)
{
	struct err ignored;

	for (size_t i = 0; i < p->n_ips; i++)
		(void)datapath_remove(&run->d, p->link.ifindex, &p->ips[i].addr, 1, &ignored);
	(void)datapath_remove(&run->d, p->link.ifindex, NULL, 0, &ignored);
}

/* A DEL, which holds no lock, may take the link away at any moment: one pod less to judge, no failure. */
static int write_pod(struct run *run, struct apply_pod *p, struct err *e)
{
	int attached = datapath_attached(&run->d, run->route, (int)p->link.ifindex, e);
	int there = attached < 0 ? attached : is_endpoint(run, p, e), r;

	if (there < 0)
		return there == -ENODEV ? 0 : there;
	p->judged = there && attached;
	if (!there || !attached)
		run->added[run->n_added++] = p->link.ifindex;
	r = there ? set_slots(run, p, e) : put_pod(run, p, e);
	if (r < 0 || p->judged)
		return r;
	/* Attached or not, this looks at the link once more, now that the entries are there. */
	r = datapath_attach(&run->d, run->route, (int)p->link.ifindex, e);
	if (r == -ENODEV) {
		forget_pod(run, p);
		r = 0;
	}
	return r;
}

static int by_ifindex(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* Links of all pods, sorted. */
struct known_links {
	struct run *run;
	uint32_t *v;
	size_t n;
};

/* What nobody knows is closed under the new policy; gc removes it. */
static int close_unknown(const struct in6 *key, const struct endpoint *ep, void *arg, struct err *e)
{
	const struct endpoint_slot closed = { .ingress = SET_DENY, .egress = SET_DENY };
	const struct known_links *known = arg;
	int r = 0;

	if (!bsearch(&ep->ifindex, known->v, known->n, sizeof(*known->v), by_ifindex))
		r = datapath_set_slot(&known->run->d, key, known->run->parity, &closed, e);
	return r < 0 ? r : 0;
}

static int write_endpoints(struct run *run, struct err *e)
{
	struct apply_request *rq = run->rq;
	_cleanup_free_ uint32_t *links = calloc(rq->n_pods + 1, sizeof(*links));
	struct known_links known = { .run = run, .v = links };
	int r = 0;

	run->added = calloc(rq->n_pods + 1, sizeof(*run->added));
	if (!links || !run->added)
		return err_sys(e, ENOMEM, "write endpoints");
	for (size_t i = 0; i < rq->n_pods; i++) {
		r = write_pod(run, &rq->pods[i], e);
		if (r < 0)
			return err_wrap(e, "pod %s/%s", rq->pods[i].namespace, rq->pods[i].name);
		links[known.n++] = rq->pods[i].link.ifindex;
	}
	qsort(links, known.n, sizeof(*links), by_ifindex);
	return datapath_each(&run->d, close_unknown, &known, e);
}

static const struct apply_pod *pod_of(const struct run *run, uint32_t ifindex)
{
	size_t i = 0;

	while (run->rq->pods[i].link.ifindex != ifindex)
		i++;
	return &run->rq->pods[i];
}

static void take_back(struct run *run)
{
	struct err ignored;

	for (size_t i = 0; i < run->n_added; i++) {
		const struct apply_pod *p = pod_of(run, run->added[i]);
		struct ip_addr ip;

		(void)datapath_detach(&run->d, run->route, (int)p->link.ifindex, &ignored);
		for (size_t k = 0; k < p->n_ips; k++) {
			ip = p->ips[k].addr;
			(void)datapath_remove(&run->d, p->link.ifindex, &ip, 1, &ignored);
		}
		(void)datapath_remove(&run->d, p->link.ifindex, NULL, 0, &ignored);
	}
	run->n_added = 0;
}

/* ---- steps 4 and 5 ---- */

static int prepare_nftables(struct run *run, struct err *e)
{
	const struct apply_nft *nft = run->rq->nft;
	struct err mine;
	int r;

	if (run->nftables) {
		for (size_t i = 0; i < run->rq->n_pods; i++)
			run->rq->pods[i].judged = run->res->had_before;
		return nft->prepare(nft->arg, APPLY_NFTABLES, run->rq, e);
	}
	r = nft->prepare(nft->arg, APPLY_EBPF, run->rq, &mine);
	run->defer = r == 0;
	/* Nothing that is not allowed passes without them: they open what a Service address leads to. */
	if (r < 0)
		log_warn("isolated pods reach no Service address: %s", mine.msg);
	return 0;
}

static int prepare(struct run *run, struct err *e)
{
	int r = load(run, e);

	if (r == 0 && !run->nftables)
		r = build_image(run, e);
	if (r == 0)
		r = build_verdicts(run, e);
	if (r == 0)
		r = judge_pods(run, e);
	if (r == 0 && run->res->loaded && !run->nftables) {
		r = write_endpoints(run, e);
		if (r < 0)
			take_back(run);
	}
	if (r == 0 && run->res->loaded)
		r = prepare_nftables(run, e);
	return r;
}

/* The snapshot as it was, when what it belongs to could not be put in force. */
static void restore_snapshot(const char *old, size_t size)
{
	struct err e;

	if (snapshot_put_back(old, size, &e) < 0)
		log_error("%s", e.msg);
}

static int put_in_force(struct run *run, struct err *e)
{
	const struct apply_nft *nft = run->rq->nft;
	int r = verdicts_remove(e);

	if (r == 0 && (run->nftables || run->defer))
		r = nft->commit(nft->arg, e);
	return r < 0 || run->nftables
	               ? r
	               : datapath_install(&run->d, run->image.bytes, run->image.size, e);
}

static int judge_anew(struct run *run, struct err *e)
{
	const uint32_t defer = run->defer ? CONTROL_DEFER : 0;
	struct control control;
	int r = datapath_get_control(&run->d, &control, e);

	if (r < 0)
		return r;
	if ((control.flags & CONTROL_DEFER) == defer)
		return datapath_raise(&run->d, e);
	return datapath_set_switches(&run->d, (control.flags & ~CONTROL_DEFER) | defer, e);
}

/* From here the new policy is in force; what fails now is healed by the next
 * ADD or apply. */
static int finish(struct run *run, struct err *e)
{
	int r = run->nftables ? 0 : judge_anew(run, e);

	return r < 0 ? r : verdicts_write(run->verdicts, run->verdicts_size, e);
}

static int commit(struct run *run, struct err *e)
{
	struct apply_request *rq = run->rq;
	_cleanup_free_ char *old = NULL;
	size_t old_size = 0;
	int r = 0;

	if (rq->text) {
		/* A damaged one is replaced, which is what it takes to be rid of it. */
		old = snapshot_keep(&old_size);
		r = snapshot_write(rq->text, rq->len, rq->applied, rq->sum, e);
	}
	if (r == 0 && run->res->loaded) {
		r = put_in_force(run, e);
		if (r < 0 && rq->text)
			restore_snapshot(old, old_size);
	}
	if (r < 0) {
		take_back(run);
		return r;
	}
	return run->res->loaded ? finish(run, e) : verdicts_remove(e);
}

int apply(struct apply_request *rq, struct nl_sock *route, struct apply_result *ret, struct err *e)
{
	struct run run = { .rq = rq, .res = ret, .route = route, .d = DATAPATH_CLOSED };
	struct err ignored;
	int r;

	*ret = (struct apply_result) { 0 };
	if (rq->text)
		rq->sum = snapshot_sum(rq->text, rq->len);
	r = prepare(&run, e);
	if (r == 0)
		r = commit(&run, e);
	datapath_close(&run.d);
	/* Without a policy there was no datapath either. */
	if (r < 0 && run.fresh && loader_unload(&ignored) < 0)
		log_warn("%s", ignored.msg);
	image_free(&run.image);
	free(run.verdicts);
	free(run.added);
	return r;
}
