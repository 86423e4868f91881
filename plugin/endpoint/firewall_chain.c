/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * firewall_chain.c - the verbs of type firewall, behind whatever plugin gave the pod its addresses
 */
#include "endpoint/chain.h"
#include "endpoint/firewall.h"
#include "endpoint/record.h"
#include "endpoint/upstream.h"

#include "base/json.h"
#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define MISSING "missing prevResult from earlier plugin"

/* The link that a policy is about: the first of the result, if it is the node's. */
static const char *policy_link(const struct result *res)
{
	const struct result_iface *first = &res->ifaces[0];

	return res->n_ifaces == 0 || (first->sandbox && *first->sandbox) ? "" : first->name;
}

static int describe(const struct request *req, const struct firewall_conf *conf,
                    const struct result *res, struct extra_record *ret, struct err *e)
{
	struct ip_addr ips[RESULT_IPS_MAX];

	for (size_t i = 0; i < res->n_ips; i++)
		ips[i] = res->ips[i].address.addr;
	return firewall_describe(req, conf, ips, res->n_ips, policy_link(res), ret, e);
}

static int parse(const struct request *req, struct firewall_conf *conf, struct chain *chain,
                 struct extra_record *rec, struct err *e)
{
	int r = firewall_conf_parse(req, conf, e);

	if (r >= 0)
		r = chain_read(req, MISSING, chain, e);
	if (r < 0)
		return r;
	r = describe(req, conf, &chain->prev, rec, e);
	if (r < 0)
		chain_free(chain);
	return r;
}

int firewall_add(const struct request *req, struct result *ret, struct err *e)
{
	_cleanup_nl_ struct nl_sock nft = { .fd = -1 };
	struct firewall_conf conf;
	struct extra_record rec;
	struct chain chain;
	int r = parse(req, &conf, &chain, &rec, e);

	if (r < 0)
		return r;
	r = firewall_apply(&nft, &rec, conf.firewalld, e);
	if (r == 0)
		result_copy(ret, &chain.prev);
	chain_free(&chain);
	return r;
}

int firewall_check(const struct request *req, struct err *e)
{
	struct extra_record rec, known;
	struct firewall_conf conf;
	struct chain chain;
	struct err ignored;
	int r = parse(req, &conf, &chain, &rec, e);

	if (r < 0)
		return r;
	chain_free(&chain);
	/* Which zone, if any, is what ADD found. */
	if (extra_record_read(EXTRA_FIREWALL, rec.name, &known, &ignored) == 0)
		memcpy(rec.zone, known.zone, sizeof(rec.zone));
	else
		*rec.zone = '\0';
	return firewall_verify(&rec, e);
}

/* DEL */

/* What our own interface plugin remembers of the attachment, for a DEL without a previous result. */
static void result_of_record(const struct request *req, struct result *res)
{
	char name[IFNAMSIZ];
	struct record rec;
	struct err ignored;

	record_name(req->network, req->container_id, req->ifname, name);
	if (record_read(name, &rec, &ignored) < 0)
		return;
	memcpy(res->ifaces[0].name, rec.name, sizeof(rec.name));
	res->n_ifaces = 1;
	for (; res->n_ips < rec.n_ips && res->n_ips < RESULT_IPS_MAX; res->n_ips++)
		res->ips[res->n_ips] =
			(struct result_ip) { .address = rec.ips[res->n_ips], .iface = -1 };
}

static void remove_upstream(const struct request *req, const struct result *res)
{
	struct ip_prefix ips[RESULT_IPS_MAX];
	struct err e;

	for (size_t i = 0; i < res->n_ips; i++)
		ips[i] = res->ips[i].address;
	if (upstream_remove(req->network, req->container_id, req->ifname, ips, res->n_ips, &e) < 0)
		log_warn("what upstream's plugins left for %s: %s", req->container_id, e.msg);
}

/* No record: /run was emptied, or the pod is upstream's. With nothing known, all elements are looked through. */
static int take_unrecorded(const struct request *req, const struct result *res, struct err *e)
{
	_cleanup_nl_ struct nl_sock s = { .fd = -1 };
	struct ip_addr pods[RESULT_IPS_MAX];
	char owner[RULESET_COMMENT_MAX + 1];
	int n = 0, r = nl_open(NETLINK_NETFILTER, &s, e);

	if (r < 0)
		return r;
	(void)snprintf(owner, sizeof(owner), "%s %s %s", req->network, req->container_id,
	               req->ifname);
	for (size_t i = 0; i < res->n_ips; i++)
		pods[i] = res->ips[i].address.addr;
	r = n = firewall_take_pods(&s, pods, res->n_ips, owner, e);
	for (size_t i = 0; r >= 0 && i < res->n_ifaces; i++) {
		if (res->ifaces[i].sandbox && *res->ifaces[i].sandbox)
			continue;
		r = firewall_take_link(&s, res->ifaces[i].name, owner, e);
		n += r > 0;
	}
	if (r >= 0 && n == 0)
		r = n = firewall_take_owner(&s, owner, e);
	return r < 0 ? r : n > 0;
}

/* Elements of the tables only: a zone of firewalld costs no grace period. */
static int is_left_to_own_del(const char *name, struct err *e)
{
	_cleanup_nl_ struct nl_sock host = { .fd = -1 };
	struct extra_record rec;
	struct err ignored;
	int r;

	if (extra_record_read(EXTRA_FIREWALL, name, &rec, &ignored) < 0 || *rec.zone)
		return 0;
	r = nl_open(NETLINK_ROUTE, &host, e);
	return r < 0 ? r : chain_own_del_follows(&host, name, e);
}

int firewall_del(const struct request *req, struct err *e)
{
	_cleanup_nl_ struct nl_sock nft = { .fd = -1 };
	char name[IFNAMSIZ];
	struct chain chain;
	struct err ignored;
	int r;

	record_name(req->network, req->container_id, req->ifname, name);
	r = is_left_to_own_del(name, e);
	if (r != 0)
		return r < 0 ? r : 0;
	r = firewall_del_record(&nft, name, e);
	if (r != 0)
		return r < 0 ? r : 0;
	r = chain_read(req, NULL, &chain, &ignored);
	if (r <= 0) {
		if (r < 0)
			log_warn("DEL goes on without a previous result: %s", ignored.msg);
		result_init(&chain.prev);
		result_of_record(req, &chain.prev);
	}
	r = take_unrecorded(req, &chain.prev, e);
	if (r == 0)
		remove_upstream(req, &chain.prev);
	chain_free(&chain);
	return r < 0 ? r : 0;
}
