/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * portmap.c - ports of the node that lead to a pod: ADD, DEL, CHECK
 *
 * ADD: lock, record, elements, route_localnet, unlock, forget old connections. DEL backwards. What fails is undone by
 * taking out what is there under our name, so it does not matter how far it came.
 */
#include "endpoint/portmap.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "endpoint/portmap_elements.h"
#include "endpoint/portmap_node.h"
#include "endpoint/portmap_record.h"
#include "endpoint/upstream.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a request asks for */

static int describe(const struct request *req, struct portmap_record *r, struct err *e)
{
	*r = (struct portmap_record) { .v = NULL };
	return owner_describe(req, &r->owner, e);
}

/* A mapping for one of the pod's addresses; none if it is for the other family. */
static void add_port(struct portmap_record *r, const struct port_mapping *m,
                     const struct ip_prefix *pod)
{
	struct hostport hp = { .proto = m->proto,
		               .port = m->host_port,
		               .pod_port = m->container_port };

	if (!ip_is_set(&pod->addr) ||
	    (ip_is_set(&m->host_ip) && m->host_ip.family != pod->addr.family))
		return;
	hp.pod = *pod;
	if (ip_is_set(&m->host_ip) && !ip_is_unspecified(&m->host_ip))
		hp.addr = m->host_ip;
	r->v[r->n++] = hp;
}

static int by_target(const void *a, const void *b)
{
	return hostport_cmp(a, b);
}

/* By what is looked up: family, address, protocol, port. */
static int by_key(const void *a, const void *b)
{
	const struct hostport *x = a, *y = b;
	int r = x->pod.addr.family - y->pod.addr.family;

	if (!r)
		r = x->addr.family - y->addr.family;
	if (!r)
		r = ip_cmp(&x->addr, &y->addr);
	if (!r)
		r = x->proto - y->proto;
	if (!r)
		r = x->port - y->port;
	return r ? r : x->pod_port - y->pod_port;
}

/* The same mapping twice is one; a port that is to lead to two is an error. */
static int remove_duplicates(struct portmap_record *r, struct err *e)
{
	char port[PORT_STR_MAX];
	size_t n = 0;

	qsort(r->v, r->n, sizeof(*r->v), by_key);
	for (size_t i = 0; i < r->n; i++) {
		struct hostport same = r->v[i];

		if (n > 0) {
			same.pod_port = r->v[n - 1].pod_port;
			if (by_key(&same, &r->v[n - 1]) == 0 && r->v[i].pod_port == same.pod_port)
				continue;
			if (by_key(&same, &r->v[n - 1]) == 0)
				return err_set(
					e, CNI_E_CONFIG, EEXIST,
					"portMappings: host port %s leads to container ports %u and %u",
					port_describe(&same, port), same.pod_port,
					r->v[i].pod_port);
		}
		r->v[n++] = r->v[i];
	}
	r->n = n;
	qsort(r->v, r->n, sizeof(*r->v), by_target);
	return 0;
}

static int expand(const struct request *req, const struct portmap_conf *c,
                  const struct ip_prefix *v4, const struct ip_prefix *v6, struct portmap_record *r,
                  struct err *e)
{
	int x = describe(req, r, e);

	if (x < 0 || c->n == 0)
		return x;
	r->v = calloc(c->n, 2 * sizeof(*r->v));
	if (!r->v)
		return err_sys(e, ENOMEM, "host ports");
	for (size_t i = 0; i < c->n; i++) {
		add_port(r, &c->v[i], v4);
		add_port(r, &c->v[i], v6);
	}
	if (c->snat)
		r->snat = c->masq_all ? HOSTPORT_SNAT_ALL : HOSTPORT_SNAT_LOCAL;
	return remove_duplicates(r, e);
}

/* Taking back */

/* With the lock held. @ret_old: what it was, to be freed by the caller. 1, or 0 if there was no record. */
static int take_back(struct nl_sock *s, const char *name, struct portmap_record *ret_old,
                     struct err *e)
{
	int r = portmap_record_read(name, ret_old, e);

	if (r == -ENOENT)
		return 0;
	if (r == -EBADMSG) {
		log_warn("%s", e->msg);
		r = 0;
	}
	if (r == 0 && ret_old->n > 0)
		r = portmap_take(s, ret_old, e);
	if (r >= 0)
		r = portmap_record_delete(name, e);
	return r < 0 ? r : 1;
}

int portmap_del_record(struct nl_sock *nft, const char *name, struct err *e)
{
	_cleanup_portmap_record_ struct portmap_record old = { .v = NULL };
	int lock, r;

	if (!portmap_record_exists(name))
		return 0;
	lock = portmap_record_lock(e);
	if (lock < 0)
		return lock;
	r = nl_open_once(NETLINK_NETFILTER, nft, e);
	if (r == 0)
		r = take_back(nft, name, &old, e);
	(void)close(lock);
	if (r > 0)
		portmap_forget_removed(&old);
	return r;
}

/* ADD */

/* With the lock held. */
static int give(struct nl_sock *nft, const struct portmap_record *r, struct err *e)
{
	_cleanup_portmap_record_ struct portmap_record old = { .v = NULL };
	struct err undo;
	int x = nl_open_once(NETLINK_NETFILTER, nft, e);

	if (x == 0 && portmap_record_exists(r->name))
		x = take_back(nft, r->name, &old, e);
	if (x < 0)
		return x;
	x = portmap_record_write(r, e);
	if (x == 0)
		x = portmap_put(nft, r, e);
	if (x == 0)
		x = portmap_open_localhost(r, e);
	if (x == 0)
		return 0;
	if (portmap_take(nft, r, &undo) < 0 || portmap_record_delete(r->name, &undo) < 0)
		log_warn("%s: host ports of a failed ADD stay: %s", r->name, undo.msg);
	return x;
}

int portmap_add(struct nl_sock *nft, const struct request *req, const struct portmap_conf *c,
                const struct ip_prefix *v4, const struct ip_prefix *v6, const struct nl_sock *pod,
                struct err *e)
{
	_cleanup_portmap_record_ struct portmap_record rec = { .v = NULL };
	_cleanup_close_ int netns = -1;
	int lock, r = expand(req, c, v4, v6, &rec, e);

	if (r < 0)
		return r;
	if (rec.n == 0)
		return portmap_del_record(nft, rec.name, e) < 0 ? -e->no : 0;
	netns = netns_open(req->netns, &rec.netns_id, e);
	if (netns < 0)
		return netns;
	if (pod)
		rec.netns_cookie = netns_cookie_of(pod->fd);
	else
		r = netns_cookie(netns, &rec.netns_cookie, e);
	if (r < 0)
		return r;
	lock = portmap_record_lock(e);
	if (lock < 0)
		return lock;
	r = give(nft, &rec, e);
	(void)close(lock);
	if (r == 0)
		portmap_forget_added(&rec);
	return r;
}

/* DEL */

/* No record: /run was emptied. Whatever of what the request names is still there under our name. */
static int take_named(const struct request *req, const struct portmap_conf *c, struct err *e)
{
	static const struct ip_prefix any[] = { { .addr.family = AF_INET, .len = 32 },
		                                { .addr.family = AF_INET6, .len = 128 } };
	_cleanup_portmap_record_ struct portmap_record rec = { .v = NULL };
	_cleanup_nl_ struct nl_sock s = { .fd = -1 };
	char owner[PORTMAP_OWNER_MAX];
	int total = 0, lock, r = expand(req, c, &any[0], &any[1], &rec, e);

	if (r < 0) /* a request that ADD refused: there can be nothing */
		log_warn("DEL goes on with an invalid configuration: %s", e->msg);
	if (r < 0 || rec.n == 0)
		return 0;
	(void)portmap_record_owner(&rec, owner);
	lock = portmap_record_lock(e);
	if (lock < 0)
		return lock;
	r = nl_open(NETLINK_NETFILTER, &s, e);
	for (size_t i = 0; r >= 0 && i < rec.n; i++) {
		struct hostport found;

		r = ruleset_find_hostport(&s, &rec.v[i], &found, NULL, e);
		if (r > 0)
			r = ruleset_take_hostports(&s, &found, 1, owner, e);
		total += r > 0 ? r : 0;
	}
	(void)close(lock);
	return r < 0 ? r : total;
}

int portmap_del(const struct request *req, const struct portmap_conf *c, struct err *e)
{
	_cleanup_nl_ struct nl_sock nft = { .fd = -1 };
	char name[IFNAMSIZ];
	struct err ignored;
	int r;

	record_name(req->network, req->container_id, req->ifname, name);
	r = portmap_del_record(&nft, name, e);
	if (r != 0)
		return r < 0 ? r : 0;
	r = take_named(req, c, e);
	if (r != 0)
		return r < 0 ? r : 0;
	if (upstream_remove(req->network, req->container_id, req->ifname, NULL, 0, &ignored) < 0)
		log_warn("what upstream's plugins left for %s: %s", req->container_id, ignored.msg);
	return 0;
}

/* CHECK */

static int check_port(struct nl_sock *s, const struct portmap_record *r, const struct hostport *hp,
                      struct err *e)
{
	char port[PORT_STR_MAX], want[IP_STR_MAX], have[IP_STR_MAX], owner[RULESET_COMMENT_MAX + 1],
		mine[PORTMAP_OWNER_MAX];
	struct hostport found;
	int x = ruleset_find_hostport(s, hp, &found, owner, e);

	if (x < 0)
		return x;
	(void)port_describe(hp, port);
	if (x == 0)
		return err_set(
			e, CNI_E_INTERNAL, ENOENT,
			"host port %s: expected an element in table inet cnida_hostport, found none",
			port);
	if (strncmp(owner, portmap_record_owner(r, mine), RULESET_COMMENT_MAX) != 0)
		return err_set(e, CNI_E_INTERNAL, ENOENT,
		               "host port %s: expected owner %s, found %s", port, mine, owner);
	if (!ip_eq(&found.pod.addr, &hp->pod.addr) || found.pod_port != hp->pod_port)
		return err_set(e, CNI_E_INTERNAL, ENOENT,
		               "host port %s: expected it to lead to %s port %u, found %s port %u",
		               port, ip_format(&hp->pod.addr, want), hp->pod_port,
		               ip_format(&found.pod.addr, have), found.pod_port);
	x = ruleset_has_hostport_snat(s, hp, r->snat, NULL, e);
	if (x == 0)
		return err_set(e, CNI_E_INTERNAL, ENOENT,
		               "host port %s: expected masquerade of %s port %u, found none", port,
		               ip_format(&hp->pod.addr, want), hp->pod_port);
	return x < 0 ? x : 0;
}

int portmap_check_record(const struct portmap_record *rec, struct err *e)
{
	_cleanup_nl_ struct nl_sock s = { .fd = -1 };
	const char *what;
	int r = nl_open(NETLINK_NETFILTER, &s, e);

	if (r == 0)
		r = ruleset_intact(&s, RULESET_HOSTPORT, &what, e);
	if (r == 0)
		return err_set(
			e, CNI_E_INTERNAL, ENOENT,
			"nftables: expected %s in table inet cnida_hostport, found none: the ruleset was "
			"changed by others; the next ADD with a host port or `cnida gc` restores it",
			what);
	for (size_t i = 0; r >= 0 && i < rec->n; i++)
		r = check_port(&s, rec, &rec->v[i], e);
	return r < 0 ? r : portmap_check_localhost(rec, e);
}

int portmap_check(const struct request *req, const struct portmap_conf *c,
                  const struct ip_prefix *v4, const struct ip_prefix *v6, struct err *e)
{
	_cleanup_portmap_record_ struct portmap_record rec = { .v = NULL };
	int r = expand(req, c, v4, v6, &rec, e);

	/* A pod without a record was made by upstream's plugins, whose rules are not ours to judge. */
	if (r < 0 || rec.n == 0 || !portmap_record_exists(rec.name))
		return r;
	return portmap_check_record(&rec, e);
}

/* Type cnida */

static void first_addresses(const struct ip_prefix *ips, size_t n, struct ip_prefix *v4,
                            struct ip_prefix *v6)
{
	*v4 = *v6 = (struct ip_prefix) { .len = 0 };
	for (size_t i = 0; i < n; i++) {
		struct ip_prefix *first = ips[i].addr.family == AF_INET ? v4 : v6;

		if (!ip_is_set(&first->addr))
			*first = ips[i];
	}
}

int portmap_add_pod(struct nl_sock *nft, const struct request *req, const struct ip_prefix *ips,
                    size_t n, const struct nl_sock *pod, struct err *e)
{
	struct portmap_conf conf;
	struct ip_prefix v4, v6;
	int r = portmap_conf_parse(req->config, true, &conf, e);

	first_addresses(ips, n, &v4, &v6);
	if (r == 0 && conf.n > 0)
		r = portmap_add(nft, req, &conf, &v4, &v6, pod, e);
	portmap_conf_free(&conf);
	return r;
}

int portmap_check_pod(const struct request *req, const struct ip_prefix *ips, size_t n,
                      struct err *e)
{
	struct portmap_conf conf;
	struct ip_prefix v4, v6;
	int r = portmap_conf_parse(req->config, true, &conf, e);

	first_addresses(ips, n, &v4, &v6);
	if (r == 0 && conf.n > 0)
		r = portmap_check(req, &conf, &v4, &v6, e);
	portmap_conf_free(&conf);
	return r;
}
