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

static int parse(const struct request *req, struct firewall_conf *conf, struct chain *chain,
                 struct err *e)
{
	int r = firewall_conf_parse(req, conf, e);

	if (r < 0)
		return r;
	if (conf->firewalld)
		return err_set(
			e, CNI_E_CONFIG, 0,
			"backend: \"firewalld\" is not supported: leave the key out, and add the pods' subnet to a zone once "
			"(firewall-cmd --permanent --zone=trusted --add-source=SUBNET)");
	r = chain_read(req, MISSING, chain, e);
	return r < 0 ? r : 0;
}

int firewall_add(const struct request *req, struct result *ret, struct err *e)
{
	struct firewall_conf conf;
	struct chain chain;
	int r = parse(req, &conf, &chain, e);

	if (r < 0)
		return r;
	r = firewall_apply(req, &conf, &chain.prev, e);
	if (r == 0)
		result_copy(ret, &chain.prev);
	chain_free(&chain);
	return r;
}

int firewall_check(const struct request *req, struct err *e)
{
	struct firewall_conf conf;
	struct chain chain;
	int r = parse(req, &conf, &chain, e);

	if (r < 0)
		return r;
	r = firewall_verify(req, &conf, &chain.prev, e);
	chain_free(&chain);
	return r;
}

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

/* A pod that is not ours was made by upstream's plugin before an upgrade. */
int firewall_del(const struct request *req, struct err *e)
{
	struct chain chain;
	struct err ignored;
	int r = chain_read(req, NULL, &chain, &ignored);

	if (r <= 0) {
		if (r < 0)
			log_warn("DEL goes on without a previous result: %s", ignored.msg);
		result_init(&chain.prev);
		result_of_record(req, &chain.prev);
	}
	r = firewall_remove(req, &chain.prev, e);
	if (r == 0)
		remove_upstream(req, &chain.prev);
	chain_free(&chain);
	return r < 0 ? r : 0;
}

/* GC */

#define GARBAGE_MAX 64

struct garbage {
	const struct request *req;
	char owners[GARBAGE_MAX][RULESET_COMMENT_MAX + 1];
	size_t n;
};

static bool is_valid(const struct request *req, const char *owner)
{
	char valid[RULESET_COMMENT_MAX + 1];
	const json_t *item;
	size_t i;

	json_array_foreach(req->valid_attachments, i, item) {
		(void)snprintf(valid, sizeof(valid), "%s %s %s", req->network,
		               json_string_value(jget(item, "containerID")),
		               json_string_value(jget(item, "ifname")));
		if (strcmp(valid, owner) == 0)
			return true;
	}
	return false;
}

static int collect(const char *owner, void *arg, struct err *e)
{
	struct garbage *g = arg;
	size_t len = strlen(g->req->network);

	(void)e;
	if (strncmp(owner, g->req->network, len) != 0 || owner[len] != ' ' ||
	    is_valid(g->req, owner) || g->n == GARBAGE_MAX)
		return 0;
	for (size_t i = 0; i < g->n; i++) {
		if (strcmp(g->owners[i], owner) == 0)
			return 0;
	}
	(void)snprintf(g->owners[g->n++], sizeof(g->owners[0]), "%s", owner);
	return 0;
}

int firewall_gc(const struct request *req, struct err *e)
{
	_cleanup_nl_ struct nl_sock s = { .fd = -1 };
	struct garbage g = { .req = req };
	int r;

	if (!req->valid_attachments)
		return err_set(
			e, CNI_E_CONFIG, 0,
			"cni.dev/valid-attachments: missing; GC without a list would remove every pod of network \"%s\"",
			req->network);
	r = nl_open(NETLINK_NETFILTER, &s, e);
	do {
		g.n = 0;
		if (r >= 0)
			r = firewall_each(&s, collect, &g, e);
		for (size_t i = 0; r >= 0 && i < g.n; i++)
			r = firewall_take_owner(&s, g.owners[i], e);
	} while (r > 0 && g.n == GARBAGE_MAX);
	return r < 0 ? r : 0;
}
