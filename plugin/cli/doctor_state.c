/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * doctor_state.c - attachments, tables and address stores: what is stale or lost
 */
#include "base/cleanup.h"
#include "base/fs.h"
#include "cli/doctor.h"
#include "endpoint/bandwidth.h"
#include "endpoint/elements.h"
#include "endpoint/firewall.h"
#include "endpoint/gc.h"
#include "endpoint/policy.h"
#include "endpoint/portmap.h"
#include "endpoint/record.h"
#include "kernel/sysctl.h"
#include "policy/snapshot.h"

#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <unistd.h>

struct tally {
	struct diagnosis *d;
	unsigned int ready, adding, no_link, unreadable, elements_lost;
	char example[300]; /* what one of the lost elements is */
};

static int count_record(const struct record *r, void *arg, struct err *e)
{
	struct tally *t = arg;
	struct err why;

	(void)e;
	if (!*r->network) {
		t->unreadable += if_nametoindex(r->name) != 0;
		return 0; /* of one without a link the sweep tells */
	}
	if (!record_alive(r))
		return 0; /* the sweep tells */
	if (!r->ready)
		t->adding++;
	else if (if_nametoindex(r->name) == 0)
		t->no_link++;
	else
		t->ready++;
	if (r->ready && elements_check(r, &why) < 0 && t->elements_lost++ == 0)
		(void)snprintf(t->example, sizeof(t->example), "%.299s", why.msg);
	return 0;
}

static void look_at_records(struct diagnosis *d)
{
	struct tally t = { .d = d };
	struct err e;

	if (record_each(count_record, &t, &e) < 0) {
		diagnose(d, FINDING_FAIL, "attachments",
		         "check the folder's owner and the file system", "%s", e.msg);
		return;
	}
	diagnose(d, FINDING_OK, "attachments", "", "%u ready, %u being added", t.ready, t.adding);
	if (t.no_link)
		diagnose(d, FINDING_FAIL, "attachments",
		         "restart those pods (cnida list shows them)",
		         "%u lost their link on the node", t.no_link);
	if (t.unreadable)
		diagnose(d, FINDING_FAIL, "attachments",
		         "restart those pods (cnida list shows their links)",
		         "%u have a damaged record: CHECK, GC and policy cannot see them",
		         t.unreadable);
	if (t.elements_lost)
		diagnose(d, FINDING_FAIL, "nftables",
		         "run: cnida gc (the next ADD restores them too)",
		         "%u attachments lost rules: %s", t.elements_lost, t.example);
	else
		diagnose(d, FINDING_OK, "nftables", "", "every attachment has its rules");
}

/* Host ports, firewall, bandwidth limits: each has records of its own. */
struct lost {
	unsigned int live, lost;
	char example[300];
};

static void count_lost(struct lost *l, int found, const struct err *why)
{
	l->live++;
	if (found < 0 && l->lost++ == 0)
		(void)snprintf(l->example, sizeof(l->example), "%.299s", why->msg);
}

static int count_ports(const struct portmap_record *r, void *arg, struct err *e)
{
	struct err why;

	(void)e;
	if (*r->network && r->n > 0 && owner_alive(&r->owner))
		count_lost(arg, portmap_check_record(r, &why), &why);
	return 0;
}

static int count_firewall(const struct extra_record *r, void *arg, struct err *e)
{
	struct err why;

	(void)e;
	if (*r->network && owner_alive(&r->owner))
		count_lost(arg, firewall_verify(r, &why), &why);
	return 0;
}

static int count_limits(const struct extra_record *r, void *arg, struct err *e)
{
	struct err why;

	(void)e;
	if (*r->network && owner_alive(&r->owner))
		count_lost(arg, bandwidth_verify_record(r, &why), &why);
	return 0;
}

static void tell_lost(struct diagnosis *d, const char *check, const struct lost *l, int r,
                      const struct err *e)
{
	if (r < 0)
		diagnose(d, FINDING_FAIL, check, "check the folder's owner and the file system",
		         "%s", e->msg);
	else if (l->lost)
		diagnose(d, FINDING_FAIL, check,
		         "run: cnida gc; restart the pod if that does not mend it",
		         "%u of %u attachments lost theirs: %s", l->lost, l->live, l->example);
	else
		diagnose(d, FINDING_OK, check, "", "all there (of %u attachments)", l->live);
}

static void look_at_capabilities(struct diagnosis *d)
{
	struct lost ports = { 0 }, firewall = { 0 }, limits = { 0 };
	struct err e;
	int r = portmap_record_each(count_ports, &ports, &e);

	tell_lost(d, "host ports", &ports, r, &e);
	r = extra_record_each(EXTRA_FIREWALL, count_firewall, &firewall, &e);
	tell_lost(d, "firewall", &firewall, r, &e);
	r = extra_record_each(EXTRA_BANDWIDTH, count_limits, &limits, &e);
	tell_lost(d, "bandwidth", &limits, r, &e);
}

/* ---- policy ---- */

struct judged {
	struct nl_sock host;
	struct lost l;
};

static int count_judged(const struct record *r, void *arg, struct err *e)
{
	struct judged *j = arg;
	struct err why;

	(void)e;
	if (*r->network && *r->policy && r->ready && record_alive(r))
		count_lost(&j->l, policy_check(&j->host, r, &why), &why);
	return 0;
}

static void look_at_policy(struct diagnosis *d)
{
	struct judged j = { .host = { .fd = -1 } };
	struct snapshot s = { 0 };
	struct err e;
	int r = snapshot_read(&s, &e);

	snapshot_free(&s);
	if (r == -ENOENT) {
		diagnose(d, FINDING_OK, "policy", "", "none was applied");
		return;
	}
	if (r < 0) {
		diagnose(d, FINDING_FAIL, "policy",
		         "put the objects in force again: cnida policy apply", "%s", e.msg);
		return;
	}
	r = nl_open(NETLINK_ROUTE, &j.host, &e);
	if (r == 0)
		r = record_each(count_judged, &j, &e);
	nl_close(&j.host);
	if (r < 0)
		diagnose(d, FINDING_FAIL, "policy", "repair that first", "%s", e.msg);
	else if (j.l.lost)
		diagnose(d, FINDING_FAIL, "policy",
		         "put the objects in force again: cnida policy apply",
		         "%u of %u pods are not judged as they should be: %s", j.l.lost, j.l.live,
		         j.l.example);
	else
		diagnose(d, FINDING_OK, "policy", "", "in force for all pods (%u)", j.l.live);
}

struct stale {
	unsigned int n;
	char first[300];
};

static void seen(const char *what, const char *why, void *arg)
{
	struct stale *s = arg;

	if (s->n++ == 0)
		(void)snprintf(s->first, sizeof(s->first), "%.150s (%.100s)", what, why);
}

static void look_for_stale(struct diagnosis *d)
{
	struct stale s = { 0 };
	struct err e;

	if (gc_sweep(d->data_dir, true, seen, &s, &e) < 0)
		diagnose(d, FINDING_WARN, "stale state", "repair that first", "%s", e.msg);
	else if (s.n)
		diagnose(d, FINDING_WARN, "stale state", "run: cnida gc",
		         "%u left-overs of dead containers, such as %s", s.n, s.first);
	else
		diagnose(d, FINDING_OK, "stale state", "", "none");
}

static void look_at_forwarding(struct diagnosis *d)
{
	char value[16] = "";
	struct err e;

	if (sysctl_get("net/ipv4/ip_forward", value, sizeof(value), &e) == 0 &&
	    strcmp(value, "1") == 0)
		diagnose(d, FINDING_OK, "IPv4 forwarding", "", "on");
	else
		diagnose(
			d, FINDING_WARN, "IPv4 forwarding",
			"the first ADD with isGateway or ptp turns it on; if pods run already, something turned it off",
			"off");
}

static void look_at_stores(struct diagnosis *d)
{
	if (access(d->data_dir, F_OK) < 0) {
		diagnose(d, FINDING_OK, "address stores", "", "%s is not there yet", d->data_dir);
		return;
	}
	if (access(d->data_dir, W_OK) < 0)
		diagnose(d, FINDING_FAIL, "address stores",
		         "remount it writable or free space: no address can be taken", "%s: %s",
		         d->data_dir, err_text(errno));
	else
		diagnose(d, FINDING_OK, "address stores", "", "%s is writable", d->data_dir);
}

void doctor_state(struct diagnosis *d)
{
	look_at_stores(d);
	look_at_forwarding(d);
	look_at_records(d);
	look_at_capabilities(d);
	look_at_policy(d);
	look_for_stale(d);
}
