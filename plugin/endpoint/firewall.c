/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * firewall.c - the node forwards for its pods, and keeps bridges apart: what is made for one pod, and its removal
 */
#include "endpoint/firewall.h"

#include "base/log.h"
#include "endpoint/firewalld.h"
#include "endpoint/restore.h"
#include "kernel/link.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int firewall_describe(const struct request *req, const struct firewall_conf *conf,
                      const struct ip_addr *ips, size_t n, const char *link,
                      struct extra_record *ret, struct err *e)
{
	int r = extra_record_describe(req, ret, e);

	if (r < 0)
		return r;
	if (conf->policy != FIREWALL_OPEN && !*link)
		return err_set(
			e, CNI_E_CONFIG, 0,
			"ingressPolicy: prevResult names no interface of the node: chain firewall behind bridge");
	for (size_t i = 0; i < n && i < RECORD_IPS_MAX; i++)
		ret->ips[ret->n_ips++] = ips[i];
	ret->policy = conf->policy;
	if (conf->policy != FIREWALL_OPEN)
		(void)snprintf(ret->link, sizeof(ret->link), "%s", link);
	(void)snprintf(ret->admin_chain, sizeof(ret->admin_chain), "%s", conf->admin_chain);
	(void)snprintf(ret->zone, sizeof(ret->zone), "%s", conf->zone);
	return 0;
}

/* A bridge is its network's and stays; a routed pod's veth is the pod's. */
static int link_owner(const struct extra_record *r, char ret[static EXTRA_OWNER_MAX], struct err *e)
{
	_cleanup_nl_ struct nl_sock host = { .fd = -1 };
	struct link_info link;
	int x = nl_open(NETLINK_ROUTE, &host, e);

	if (x == 0)
		x = link_get(&host, 0, r->link, &link, e);
	if (x == -ENODEV)
		return err_set(e, CNI_E_CONFIG, ENODEV, "ingressPolicy: there is no interface %s",
		               r->link);
	if (x == 0 && strcmp(link.kind, "bridge") == 0)
		(void)snprintf(ret, EXTRA_OWNER_MAX, "%s", r->network);
	else if (x == 0)
		(void)extra_record_owner(r, ret);
	return x;
}

static int keep_apart(struct nl_sock *s, const struct extra_record *r, struct err *e)
{
	char owner[EXTRA_OWNER_MAX];
	int x;

	if (r->policy == FIREWALL_OPEN)
		return 0;
	x = link_owner(r, owner, e);
	return x < 0 ? x
	             : firewall_set_apart(s, r->link, r->policy == FIREWALL_SAME_BRIDGE, owner, e);
}

static const sa_family_t families[] = { AF_INET, AF_INET6 };

static bool has_family(const struct extra_record *r, sa_family_t family)
{
	for (size_t i = 0; i < r->n_ips; i++) {
		if (r->ips[i].family == family)
			return true;
	}
	return false;
}

/* iptables of one family may be unusable (no IPv6, no nft_compat) without any harm to the pod. */
static void admit(struct nl_sock *s, const struct extra_record *r, bool thorough)
{
	struct err e;

	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		if (has_family(r, families[i]) &&
		    firewall_admit(s, families[i], r->admin_chain, thorough, &e) < 0)
			log_warn("iptables may drop what this node forwards for its pods: %s",
			         e.msg);
	}
}

static int put_elements(struct nl_sock *s, const struct extra_record *r, struct err *e)
{
	char owner[EXTRA_OWNER_MAX];
	int x = keep_apart(s, r, e);

	return x < 0 ? x : firewall_add_pods(s, r->ips, r->n_ips, extra_record_owner(r, owner), e);
}

static int put_or_restore(struct nl_sock *s, const struct extra_record *r, struct err *e)
{
	int x = put_elements(s, r, e);

	if (x != -ENOENT)
		return x;
	/* No table: none yet on this boot, or somebody flushed the ruleset. */
	x = ruleset_create(s, RULESET_FIREWALL, e);
	if (x < 0)
		return x;
	restore_note(RULESET_FIREWALL);
	restore_after_flush(RESTORE_NOTHING);
	return put_elements(s, r, e);
}

/* Any other pod that is in a zone. */
static int find_other(const struct extra_record *r, void *arg, struct err *e)
{
	struct extra_record *other = arg;

	(void)e;
	if (!*r->network || !*r->zone || strcmp(r->name, other->name) == 0 ||
	    !owner_alive(&r->owner))
		return 0;
	*other = *r;
	return 1;
}

/* A reload of firewalld forgets all addresses: then another pod's are not where they were put. */
static void notice_reload(const struct extra_record *r)
{
	struct extra_record other = *r;
	size_t which;
	struct err e;

	if (extra_record_each(EXTRA_FIREWALL, find_other, &other, &e) == 1 &&
	    firewalld_query(other.zone, other.ips, other.n_ips, &which, &e) == 0 &&
	    firewall_restore(&e) < 0)
		log_warn("firewalld was reloaded: %s", e.msg);
}

/* The zone is noted before it has the addresses. */
static int join_zone(struct extra_record *r, bool need, struct err *e)
{
	char zone[FIREWALLD_ZONE_MAX];
	struct err why;
	int x = firewalld_runs(&why);

	memcpy(zone, r->zone, sizeof(zone));
	*r->zone = '\0';
	if (x <= 0 && need)
		return err_set(e, CNI_E_CONFIG, ENOTCONN,
		               "backend: \"firewalld\", but firewalld does not run%s%s",
		               x < 0 ? ": " : "", x < 0 ? why.msg : "");
	if (x < 0)
		log_warn("firewalld may reject what pods send: %s", why.msg);
	if (x <= 0 || r->n_ips == 0)
		return 0;
	memcpy(r->zone, zone, sizeof(r->zone));
	x = extra_record_write(EXTRA_FIREWALL, r, e);
	if (x == 0)
		x = firewalld_add(r->zone, r->ips, r->n_ips, e);
	if (x >= 0) {
		notice_reload(r);
		return 0;
	}
	if (need)
		return x;
	/* As a pod of the same node without it would be. */
	log_warn("firewalld may reject what pods send: %s", e->msg);
	return 0;
}

int firewall_apply(struct nl_sock *nft, struct extra_record *r, bool need_firewalld, struct err *e)
{
	struct extra_record plain = *r;
	struct err lost;
	int x = nl_open_once(NETLINK_NETFILTER, nft, e);

	*plain.zone = '\0';
	if (x == 0)
		x = extra_record_write(EXTRA_FIREWALL, &plain, e);
	if (x == 0)
		x = put_or_restore(nft, r, e);
	if (x == 0)
		x = join_zone(r, need_firewalld, e);
	if (x == 0) {
		admit(nft, r, false);
		return 0;
	}
	if (firewall_del_record(nft, r->name, &lost) < 0)
		log_warn("%s: what a failed ADD gave to the firewall stays: %s", r->name, lost.msg);
	return x;
}

/* Taking back */

/* A bridge's policy stays: the owner of its elements is the network. */
static int take(struct nl_sock *s, const struct extra_record *r, struct err *e)
{
	char owner[EXTRA_OWNER_MAX];
	int n = firewall_take_pods(s, r->ips, r->n_ips, extra_record_owner(r, owner), e), x;

	if (n < 0 || !*r->link)
		return n;
	x = firewall_take_link(s, r->link, owner, e);
	return x < 0 ? x : n + x;
}

static int read_for_del(const char *name, struct extra_record *r, struct err *e)
{
	int x = extra_record_exists(EXTRA_FIREWALL, name)
	                ? extra_record_read(EXTRA_FIREWALL, name, r, e)
	                : -ENOENT;

	if (x != -EBADMSG)
		return x;
	log_warn("%s", e->msg);
	*r = (struct extra_record) { .n_ips = 0 };
	return 0;
}

int firewall_del_record(struct nl_sock *nft, const char *name, struct err *e)
{
	struct extra_record r;
	struct err ignored;
	int x = read_for_del(name, &r, e);

	if (x < 0)
		return x == -ENOENT ? 0 : x;
	x = nl_open_once(NETLINK_NETFILTER, nft, e);
	if (x == 0)
		x = take(nft, &r, e);
	if (x >= 0 && *r.zone && firewalld_remove(r.zone, r.ips, r.n_ips, &ignored) < 0)
		log_warn("%s: zone %s of firewalld: %s", name, r.zone, ignored.msg);
	if (x >= 0)
		x = extra_record_delete(EXTRA_FIREWALL, name, e);
	/* Who restores meanwhile may have put them back: see extra_record.h. */
	if (x >= 0)
		x = take(nft, &r, e);
	return x < 0 ? x : 1;
}

/* Looking */

static int missing(struct err *e, const char *what, const char *which, int r)
{
	return r < 0 ? r
	             : err_set(e, CNI_E_INTERNAL, ENOENT,
	                       "firewall: expected %s %s, found none: the ruleset was changed by "
	                       "others; the next ADD or `cnida gc` restores it",
	                       what, which);
}

static int verify_pods(struct nl_sock *s, const struct extra_record *r, struct err *e)
{
	char owner[EXTRA_OWNER_MAX], text[IP_STR_MAX];

	(void)extra_record_owner(r, owner);
	for (size_t i = 0; i < r->n_ips; i++) {
		int x = firewall_has_pod(s, &r->ips[i], owner, e);

		if (x != 1)
			return missing(e, "in table inet cnida_firewall the pod",
			               ip_format(&r->ips[i], text), x);
	}
	return 0;
}

static int verify_zone(const struct extra_record *r, struct err *e)
{
	char text[IP_STR_MAX];
	size_t which = 0;
	int x;

	if (!*r->zone)
		return 0;
	x = firewalld_query(r->zone, r->ips, r->n_ips, &which, e);
	if (x == -ENOTCONN) /* it was stopped, and with it went what it rejected */
		return 0;
	if (x != 0)
		return x < 0 ? x : 0;
	return err_set(
		e, CNI_E_INTERNAL, ENOENT,
		"firewall: expected %s in zone %s of firewalld, found it in none: firewalld was "
		"reloaded; the next ADD or `cnida gc` restores it",
		ip_format(&r->ips[which], text), r->zone);
}

static int verify(struct nl_sock *s, const struct extra_record *r, struct err *e)
{
	const char *what = "";
	int x = verify_pods(s, r, e);

	if (x < 0)
		return x;
	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		x = has_family(r, families[i])
		            ? firewall_admitted(s, families[i], r->admin_chain, &what, e)
		            : 1;
		if (x != 1)
			return missing(e, "in iptables a rule of", what, x);
	}
	if (r->policy != FIREWALL_OPEN) {
		x = firewall_is_apart(s, r->link, r->policy == FIREWALL_SAME_BRIDGE, e);
		if (x != 1)
			return missing(e, "the ingressPolicy of", r->link, x);
	}
	return verify_zone(r, e);
}

int firewall_verify(const struct extra_record *r, struct err *e)
{
	_cleanup_nl_ struct nl_sock s = { .fd = -1 };
	const char *what = "";
	int x = nl_open(NETLINK_NETFILTER, &s, e);

	if (x < 0)
		return x;
	x = verify(&s, r, e);
	if (x < 0 || r->n_ips == 0)
		return x;
	x = ruleset_intact(&s, RULESET_FIREWALL, &what, e);
	return x == 1 ? 0 : missing(e, "in table inet cnida_firewall", what, x);
}

/* Restoring */

struct restore {
	struct nl_sock nft;
	int n;
};

static int restore_one(const struct extra_record *r, void *arg, struct err *e)
{
	struct restore *restore = arg;
	struct err ignored;
	int x;

	if (!*r->network || !owner_alive(&r->owner) || verify(&restore->nft, r, &ignored) == 0)
		return 0;
	x = put_elements(&restore->nft, r, e);
	if (x == -ENODEV) /* the pod's link is gone: its DEL is under way or to come */
		return 0;
	if (x < 0)
		return x;
	admit(&restore->nft, r, true);
	if (*r->zone && firewalld_add(r->zone, r->ips, r->n_ips, &ignored) < 0)
		log_warn("%s: zone %s of firewalld: %s", r->name, r->zone, ignored.msg);
	restore->n++;
	if (extra_record_exists(EXTRA_FIREWALL, r->name))
		return 0;
	x = take(&restore->nft, r, e);
	return x < 0 ? x : 0;
}

static int any_live(const struct extra_record *r, void *arg, struct err *e)
{
	(void)arg, (void)e;
	return *r->network && owner_alive(&r->owner);
}

int firewall_restore(struct err *e)
{
	struct restore restore = { .nft = { .fd = -1 } };
	int r = extra_record_each(EXTRA_FIREWALL, any_live, NULL, e);

	if (r <= 0)
		return r;
	r = nl_open(NETLINK_NETFILTER, &restore.nft, e);
	if (r == 0)
		r = ruleset_repair(&restore.nft, RULESET_FIREWALL, e);
	if (r >= 0)
		r = extra_record_each(EXTRA_FIREWALL, restore_one, &restore, e);
	nl_close(&restore.nft);
	return r < 0 ? r : restore.n;
}
