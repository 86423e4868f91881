/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * portmap_elements.c - host ports of a record in nftables: put in, taken out, taken from the dead
 */
#include "endpoint/portmap_elements.h"

#include "base/log.h"
#include "endpoint/portmap_conf.h"
#include "endpoint/restore.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Each time round, at least one dead owner is removed. */
#define EVICTIONS_MAX 64

const char *port_describe(const struct hostport *hp, char buf[static PORT_STR_MAX])
{
	char addr[IP_STR_MAX];

	if (ip_is_set(&hp->addr))
		(void)snprintf(buf, PORT_STR_MAX, "%u/%s on %s", hp->port,
		               port_proto_str(hp->proto), ip_format(&hp->addr, addr));
	else
		(void)snprintf(buf, PORT_STR_MAX, "%u/%s on every IPv%c address", hp->port,
		               port_proto_str(hp->proto),
		               hp->pod.addr.family == AF_INET6 ? '6' : '4');
	return buf;
}

static int put(struct nl_sock *s, const struct portmap_record *r, struct err *e)
{
	char owner[PORTMAP_OWNER_MAX];

	return ruleset_add_hostports(s, r->v, r->n, r->snat, portmap_record_owner(r, owner), e);
}

int portmap_take(struct nl_sock *s, const struct portmap_record *r, struct err *e)
{
	char owner[PORTMAP_OWNER_MAX];

	return ruleset_take_hostports(s, r->v, r->n, portmap_record_owner(r, owner), e);
}

/* Who is in the way? */

struct obstacle {
	struct hostport port;
	char owner[RULESET_COMMENT_MAX + 1]; /* as its elements have it */
	/* The record of that owner, if there is one: */
	bool known, alive;
	char name[IFNAMSIZ];
	char container_id[256], ifname[IFNAMSIZ], network[256];
};

static int match_owner(const struct portmap_record *r, void *arg, struct err *e)
{
	struct obstacle *o = arg;
	char owner[PORTMAP_OWNER_MAX];
	int there;

	(void)portmap_record_owner(r, owner);
	if (!*r->network || strncmp(owner, o->owner, RULESET_COMMENT_MAX) != 0)
		return 0;
	there = owner_is_there(&r->owner, e);
	if (there < 0)
		return there;
	o->known = true;
	o->alive = there;
	memcpy(o->name, r->name, sizeof(o->name));
	memcpy(o->container_id, r->container_id, sizeof(o->container_id));
	memcpy(o->ifname, r->ifname, sizeof(o->ifname));
	memcpy(o->network, r->network, sizeof(o->network));
	return 1;
}

/* The first element of another that one of ours would replace: 1, 0 or -errno. */
static int find_obstacle(struct nl_sock *s, const struct portmap_record *r, struct obstacle *o,
                         struct err *e)
{
	int x = 0;

	memset(o, 0, sizeof(*o));
	for (size_t i = 0; x == 0 && i < r->n; i++) {
		o->port = r->v[i];
		x = ruleset_find_hostport(s, &r->v[i], NULL, o->owner, e);
		if (x == 0) {
			/* An earlier pod with the same address may still be masqueraded. */
			x = ruleset_has_hostport_snat(s, &r->v[i], r->snat, o->owner, e);
			x = x < 0 ? x : *o->owner != '\0';
		}
	}
	if (x <= 0)
		return x;
	x = portmap_record_each(match_owner, o, e);
	return x < 0 ? x : 1;
}

/* The elements of a dead pod, by its record; those of nobody, by ours. */
static int evict(struct nl_sock *s, const struct portmap_record *r, const struct obstacle *o,
                 struct err *e)
{
	_cleanup_portmap_record_ struct portmap_record dead = { .v = NULL };
	int x = 0;

	log_info("%s: taking host ports from %s, which is gone", r->name, o->owner);
	if (o->known && strcmp(o->name, r->name) != 0) {
		x = portmap_record_read(o->name, &dead, e);
		if (x == 0)
			x = portmap_take(s, &dead, e);
		if (x >= 0)
			x = portmap_record_delete(o->name, e);
	}
	if (x >= 0)
		x = ruleset_take_hostports(s, r->v, r->n, o->owner, e);
	return x;
}

static int refuse(const struct obstacle *o, struct err *e)
{
	char port[PORT_STR_MAX];

	return err_set(e, CNI_E_CONFIG, EEXIST,
	               "host port %s is taken by container %s (%s, network %s), which is running",
	               port_describe(&o->port, port), o->container_id, o->ifname, o->network);
}

static int replace_dead(struct nl_sock *s, const struct portmap_record *r, struct err *e)
{
	struct obstacle o;
	int x = -EEXIST;

	for (int i = 0; x == -EEXIST && i < EVICTIONS_MAX; i++) {
		x = find_obstacle(s, r, &o, e);
		if (x < 0)
			return x;
		if (x ==
		    0) /* gone by itself, or something that is not looked for: the kernel says */
			return put(s, r, e);
		if (o.known && o.alive && strcmp(o.name, r->name) != 0)
			return refuse(&o, e);
		x = evict(s, r, &o, e);
		if (x >= 0)
			x = put(s, r, e);
	}
	return x;
}

/* All records */

struct put_all {
	struct nl_sock *s;
	const char *except;
	int n;
};

/* Is all of it there? 1, 0 or -errno. */
static int is_complete(struct nl_sock *s, const struct portmap_record *r, struct err *e)
{
	int x = 1;

	for (size_t i = 0; x > 0 && i < r->n; i++) {
		x = ruleset_find_hostport(s, &r->v[i], NULL, NULL, e);
		if (x > 0)
			x = ruleset_has_hostport_snat(s, &r->v[i], r->snat, NULL, e);
	}
	return x;
}

/* Some of it is there, or another has a port of it, which then stays his. */
static int put_rest(struct nl_sock *s, const struct portmap_record *r, struct err *e)
{
	int x = is_complete(s, r, e);

	if (x == 0)
		x = portmap_take(s, r, e);
	else if (x > 0)
		return 0;
	if (x >= 0)
		x = put(s, r, e);
	return x == -EEXIST ? 0 : x;
}

static int put_live(const struct portmap_record *r, void *arg, struct err *e)
{
	struct put_all *all = arg;
	int x;

	if (!*r->network || (all->except && strcmp(r->name, all->except) == 0) ||
	    !owner_alive(&r->owner))
		return 0;
	x = put(all->s, r, e);
	if (x == -EEXIST)
		return put_rest(all->s, r, e);
	all->n += x == 0;
	return x;
}

int portmap_put_all(struct nl_sock *s, const char *except, struct err *e)
{
	struct put_all all = { .s = s, .except = except };
	int r = portmap_record_each(put_live, &all, e);

	return r < 0 ? r : all.n;
}

/* ENOENT: no pod has had a host port on this boot, or somebody flushed the ruleset. */
static int restore(struct nl_sock *s, const struct portmap_record *r, struct err *e)
{
	int x = ruleset_repair(s, RULESET_HOSTPORT, e);

	if (x >= 0)
		x = portmap_put_all(s, r->name, e);
	if (x >= 0)
		x = put(s, r, e);
	if (x < 0)
		return x;
	restore_note(RULESET_HOSTPORT);
	restore_after_flush(RESTORE_PORTS);
	return 0;
}

int portmap_put(struct nl_sock *s, const struct portmap_record *r, struct err *e)
{
	int x = put(s, r, e);

	if (x == -ENOENT)
		x = restore(s, r, e);
	return x == -EEXIST ? replace_dead(s, r, e) : x;
}
