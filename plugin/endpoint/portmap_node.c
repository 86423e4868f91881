/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * portmap_node.c - what host ports need of the node besides nftables: localhost's way to the pod, old connections
 */
#include "endpoint/portmap_node.h"

#include "base/log.h"
#include "kernel/address.h"
#include "kernel/conntrack.h"
#include "kernel/route_get.h"
#include "kernel/sysctl.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

/* More single ports than this are looked for in one walk through all connections of a protocol. */
#define WALKS_MAX 8

/* localhost */

/* The sysctl of the link through which a pod is reached; "" if there is no route to it. */
static int localnet_key(struct nl_sock *s, const struct ip_addr *pod, char *ret, size_t cap,
                        struct err *e)
{
	char link[IFNAMSIZ];
	struct route_answer route;
	int r = route_get(s, pod, &route, e);

	*ret = '\0';
	if (r < 0)
		return err_wrap(e, "unable to enable route_localnet");
	if (route.type != RTN_UNICAST)
		return 0;
	if (!if_indextoname((unsigned int)route.ifindex, link))
		return err_sys(e, errno, "unable to enable route_localnet: the way to a pod");
	(void)snprintf(ret, cap, "net/ipv4/conf/%s/route_localnet", link);
	return 0;
}

static int each_localnet(const struct portmap_record *r, int (*fn)(const char *key, struct err *e),
                         struct err *e)
{
	_cleanup_nl_ struct nl_sock s = { .fd = -1 };
	char key[64 + IFNAMSIZ];

	for (size_t i = 0; r->snat != HOSTPORT_SNAT_NONE && i < r->n; i++) {
		const struct ip_addr *pod = &r->v[i].pod.addr;
		int x = 0;

		if (pod->family != AF_INET || (i > 0 && ip_eq(pod, &r->v[i - 1].pod.addr)))
			continue;
		if (s.fd < 0)
			x = nl_open(NETLINK_ROUTE, &s, e);
		if (x == 0)
			x = localnet_key(&s, pod, key, sizeof(key), e);
		if (x == 0 && *key)
			x = fn(key, e);
		if (x < 0)
			return x;
	}
	return 0;
}

static int open_one(const char *key, struct err *e)
{
	int r = sysctl_ensure(key, "1", e);

	return r < 0 ? err_wrap(e, "unable to enable route_localnet") : 0;
}

static int check_one(const char *key, struct err *e)
{
	char value[16];
	int r = sysctl_get(key, value, sizeof(value), e);

	if (r < 0 || strcmp(value, "1") == 0)
		return r;
	return err_set(e, CNI_E_INTERNAL, ENOENT, "%s: expected 1, found %s", key, value);
}

int portmap_open_localhost(const struct portmap_record *r, struct err *e)
{
	return each_localnet(r, open_one, e);
}

int portmap_check_localhost(const struct portmap_record *r, struct err *e)
{
	return each_localnet(r, check_one, e);
}

/* Old connections */

struct choice {
	const struct portmap_record *rec;
	sa_family_t family;
	bool added;
	struct nl_sock route;
	struct ip_addr asked; /* the last address that the kernel was asked about, and its answer */
	bool asked_local;
};

/* What passes through the node is none of ours, whatever its port. */
static bool is_local(struct choice *c, const struct ip_addr *addr)
{
	struct route_answer route;
	struct err ignored;

	if (ip_is_set(&c->asked) && ip_eq(&c->asked, addr))
		return c->asked_local;
	c->asked = *addr;
	c->asked_local =
		route_get(&c->route, addr, &route, &ignored) == 0 && route.type == RTN_LOCAL;
	return c->asked_local;
}

static bool goes_to(const struct conntrack *ct, const struct hostport *hp)
{
	return ip_eq(&ct->answers, &hp->pod.addr) && ct->answers_port == hp->pod_port;
}

static bool choose(const struct conntrack *ct, void *arg)
{
	struct choice *c = arg;
	bool matches = false, ours = false;

	for (size_t i = 0; i < c->rec->n; i++) {
		const struct hostport *hp = &c->rec->v[i];

		if (hp->proto != ct->proto || hp->port != ct->dport ||
		    hp->pod.addr.family != ct->dst.family ||
		    (ip_is_set(&hp->addr) && !ip_eq(&hp->addr, &ct->dst)))
			continue;
		matches = true;
		ours |= goes_to(ct, hp);
	}
	if (!matches)
		return false;
	return c->added ? !ours && is_local(c, &ct->dst) : ours && (ct->status & CONNTRACK_DST_NAT);
}

/* Distinct ports of a protocol and family; WALKS_MAX + 1 if there are more. */
static size_t distinct_ports(const struct choice *c, uint8_t proto,
                             uint16_t ports[static WALKS_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < c->rec->n; i++) {
		const struct hostport *hp = &c->rec->v[i];
		size_t j = 0;

		if (hp->proto != proto || hp->pod.addr.family != c->family)
			continue;
		while (j < n && ports[j] != hp->port)
			j++;
		if (j < n)
			continue;
		if (n == WALKS_MAX)
			return WALKS_MAX + 1;
		ports[n++] = hp->port;
	}
	return n;
}

static void forget_proto(struct nl_sock *s, struct choice *c, uint8_t proto)
{
	uint16_t ports[WALKS_MAX];
	size_t n = distinct_ports(c, proto, ports);
	struct err e;

	if (n > WALKS_MAX) {
		n = 1;
		ports[0] = 0;
	}
	for (size_t i = 0; i < n; i++) {
		if (conntrack_forget(s, c->family, proto, ports[i], choose, c, &e) < 0)
			log_warn("%s: old connections keep their way: %s", c->rec->name, e.msg);
	}
}

/* TCP ends by itself when the other end answers differently. */
static bool any_stateless(const struct portmap_record *r)
{
	for (size_t i = 0; i < r->n; i++) {
		if (r->v[i].proto != IPPROTO_TCP)
			return true;
	}
	return false;
}

/* The quick way, of newer kernels and for IPv4: what is to be forgotten said in a few filters. */
#define FILTERS_MAX   48
#define ADDRESSES_MAX 64

struct filters {
	struct conntrack_filter v[FILTERS_MAX];
	size_t n;
	bool full;
};

static void add_filter(struct filters *f, const struct hostport *hp, const struct ip_addr *dst,
                       bool to_pod)
{
	struct conntrack_filter filter = {
		.family = hp->pod.addr.family, .proto = hp->proto, .dport = hp->port, .dst = *dst
	};

	if (to_pod) {
		filter.answers = hp->pod.addr;
		filter.answers_port = hp->pod_port;
	}
	if (f->n == FILTERS_MAX)
		f->full = true;
	else
		f->v[f->n++] = filter;
}

static bool is_earlier(const struct ip_prefix *list, int i)
{
	for (int j = 0; j < i; j++) {
		if (ip_eq(&list[j].addr, &list[i].addr))
			return true;
	}
	return false;
}

/* A port of every address that the node has: one filter for each, since what only passes through is none of ours. */
static void add_filters_of_node(struct filters *f, struct nl_sock *route, const struct hostport *hp)
{
	struct ip_prefix list[ADDRESSES_MAX];
	struct err ignored;
	int n = address_list(route, 0, hp->pod.addr.family, list, NULL, ADDRESSES_MAX, &ignored);

	f->full = f->full || n < 0 || n > ADDRESSES_MAX;
	for (int i = 0; !f->full && i < n; i++) {
		if (!is_earlier(list, i))
			add_filter(f, hp, &list[i].addr, false);
	}
}

/* False: the slow way must do it. */
static bool forget_quickly(struct nl_sock *s, struct nl_sock *route, const struct portmap_record *r,
                           bool added)
{
	struct filters f = { .n = 0 };
	struct err e;
	int x;

	for (size_t i = 0; !f.full && i < r->n; i++) {
		const struct hostport *hp = &r->v[i];

		if (hp->proto == IPPROTO_TCP || hp->pod.addr.family != AF_INET)
			continue;
		if (added && !ip_is_set(&hp->addr))
			add_filters_of_node(&f, route, hp);
		else
			add_filter(&f, hp, &hp->addr, !added);
	}
	if (f.full)
		return false;
	x = conntrack_flush(s, f.v, f.n, &e);
	if (x < 0)
		log_warn("%s: old connections keep their way: %s", r->name, e.msg);
	return x != 0;
}

static void forget(const struct portmap_record *r, bool added)
{
	static const sa_family_t families[] = { AF_INET, AF_INET6 };
	_cleanup_nl_ struct nl_sock s = { .fd = -1 };
	struct choice c = { .rec = r, .added = added, .route = { .fd = -1 } };
	struct err e;
	bool quick;

	if (!any_stateless(r))
		return;
	if (nl_open(NETLINK_NETFILTER, &s, &e) < 0 || nl_open(NETLINK_ROUTE, &c.route, &e) < 0) {
		log_warn("%s: old connections keep their way: %s", r->name, e.msg);
		return;
	}
	quick = forget_quickly(&s, &c.route, r, added);
	for (size_t i = quick; i < ARRAY_SIZE(families); i++) {
		c.family = families[i];
		forget_proto(&s, &c, IPPROTO_UDP);
		forget_proto(&s, &c, IPPROTO_SCTP);
	}
	nl_close(&c.route);
}

void portmap_forget_added(const struct portmap_record *r)
{
	forget(r, true);
}

void portmap_forget_removed(const struct portmap_record *r)
{
	forget(r, false);
}
