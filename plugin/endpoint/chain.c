/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * chain.c - what a chained plugin learns from the previous result
 */
#include "endpoint/chain.h"

#include "endpoint/record.h"
#include "kernel/link.h"

#include <errno.h>
#include <string.h>

static void find_interfaces(const struct request *req, struct chain *c)
{
	for (size_t i = 0; i < c->prev.n_ifaces && !c->pod; i++) {
		const struct result_iface *iface = &c->prev.ifaces[i];
		bool on_node = !iface->sandbox || !*iface->sandbox;

		if (on_node)
			c->host = iface;
		else if (strcmp(iface->name, req->ifname) == 0)
			c->pod = iface;
	}
}

static bool is_of_pod(const struct chain *c, const struct result_ip *ip)
{
	return ip->iface < 0 || !c->pod || &c->prev.ifaces[ip->iface] == c->pod;
}

static void find_addresses(struct chain *c)
{
	for (size_t i = 0; i < c->prev.n_ips; i++) {
		const struct result_ip *ip = &c->prev.ips[i];
		struct ip_prefix *first = ip->address.addr.family == AF_INET ? &c->v4 : &c->v6;

		if (is_of_pod(c, ip) && !ip_is_set(&first->addr))
			*first = ip->address;
	}
}

int chain_read(const struct request *req, const char *missing, struct chain *ret, struct err *e)
{
	int r;

	*ret = (struct chain) { .pod = NULL };
	result_init(&ret->prev);
	if (!req->prev_result)
		return missing ? err_set(e, CNI_E_CONFIG, 0, "%s", missing) : 0;
	r = result_parse(req->prev_result, req->version, &ret->prev, e);
	if (r < 0)
		return err_wrap(e, "could not parse prevResult");
	find_interfaces(req, ret);
	find_addresses(ret);
	return 1;
}

void chain_free(struct chain *c)
{
	result_free(&c->prev);
	*c = (struct chain) { .pod = NULL };
}

/* An attachment of ours has a record and a link. */
int chain_own_del_follows(struct nl_sock *host, const char *name, struct err *e)
{
	struct record rec;
	struct err ignored;

	return record_read(name, &rec, &ignored) == 0 ? link_exists(host, name, e) : 0;
}
