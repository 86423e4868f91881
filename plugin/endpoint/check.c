/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * check.c - CHECK: is everything that ADD set still so?
 */
#include "endpoint/check.h"

#include "endpoint/bandwidth.h"
#include "endpoint/elements.h"
#include "endpoint/firewall.h"
#include "endpoint/inside.h"
#include "endpoint/ipam.h"
#include "endpoint/policy.h"
#include "endpoint/portmap.h"
#include "endpoint/record.h"

#include <errno.h>
#include <string.h>

int check_failed(struct err *e, const char *what, const char *expected, const char *found)
{
	return err_set(e, CNI_E_INTERNAL, 0, "%s: expected %s, found %s", what, expected, found);
}

static bool is_bridge(const struct check *c, const struct result_iface *iface)
{
	return c->conf.mode == MODE_BRIDGE && strcmp(iface->name, c->conf.bridge) == 0;
}

/* The interfaces of the previous result: ours among what other plugins of the chain added. */
static int find_interfaces(struct check *c, struct err *e)
{
	for (size_t i = 0; i < c->prev.n_ifaces; i++) {
		const struct result_iface *iface = &c->prev.ifaces[i];
		bool on_node = !iface->sandbox || !*iface->sandbox;

		if (!on_node && !c->pod && strcmp(iface->name, c->req->ifname) == 0)
			c->pod = iface;
		else if (on_node && !c->bridge && is_bridge(c, iface))
			c->bridge = iface;
		else if (on_node && !c->host)
			c->host = iface;
	}
	if (!c->pod)
		return check_failed(e, "prevResult.interfaces", c->req->ifname,
		                    "no such container interface");
	if (strcmp(c->pod->sandbox, c->req->netns) != 0)
		return check_failed(e, "prevResult sandbox", c->req->netns, c->pod->sandbox);
	if (!c->host)
		return check_failed(e, "prevResult.interfaces", "the node's end of the veth pair",
		                    "none");
	if (c->conf.mode == MODE_BRIDGE && !c->bridge)
		return check_failed(e, "prevResult.interfaces", c->conf.bridge, "no such bridge");
	return 0;
}

static int check_inside(struct check *c, struct err *e)
{
	_cleanup_nl_ struct nl_sock pod = { .fd = -1 };
	int r = inside_socket(c->req, &pod, e);

	return r < 0 ? r : check_pod(c, &pod, e);
}

/* Later plugins of the chain may have added interfaces with addresses: what names another one is not ours to judge. */
static void keep_own_addresses(struct check *c)
{
	size_t n = 0;

	for (size_t i = 0; i < c->prev.n_ips; i++) {
		int iface = c->prev.ips[i].iface;

		if (iface < 0 || &c->prev.ifaces[iface] == c->pod)
			c->prev.ips[n++] = c->prev.ips[i];
	}
	c->prev.n_ips = n;
}

/* A pod without a record was made by upstream's plugins, whose rules are not ours to judge. */
static int check_recorded(const struct request *req, struct nl_sock *host, struct err *e)
{
	char name[IFNAMSIZ];
	struct record rec;
	int r;

	record_name(req->network, req->container_id, req->ifname, name);
	r = record_read(name, &rec, e);
	if (r == -ENOENT)
		return 0;
	if (r == 0)
		r = elements_check(&rec, e);
	return r < 0 ? r : policy_check(host, &rec, e);
}

static int check_ports(const struct check *c, struct err *e)
{
	struct ip_prefix ips[RESULT_IPS_MAX];

	if (strcmp(c->req->type, "cnida") != 0)
		return 0;
	for (size_t i = 0; i < c->prev.n_ips; i++)
		ips[i] = c->prev.ips[i].address;
	return portmap_check_pod(c->req, ips, c->prev.n_ips, e);
}

static int check_limits(const struct check *c, struct nl_sock *host, struct err *e)
{
	struct link_info veth;
	int r;

	if (!c->conf.has_limits)
		return 0;
	r = link_get(host, c->host_ifindex, NULL, &veth, e);
	return r < 0 ? r : bandwidth_verify(host, &c->conf.limits, c->req, &veth, e);
}

static int check_firewall(const struct check *c, struct err *e)
{
	struct ip_addr ips[RESULT_IPS_MAX];
	struct extra_record rec, known;
	struct err ignored;
	int r;

	if (!c->conf.has_firewall)
		return 0;
	for (size_t i = 0; i < c->prev.n_ips; i++)
		ips[i] = c->prev.ips[i].address.addr;
	r = firewall_describe(c->req, &c->conf.firewall, ips, c->prev.n_ips,
	                      c->conf.mode == MODE_BRIDGE ? c->conf.bridge : c->host->name, &rec,
	                      e);
	if (r < 0)
		return r;
	/* Which zone, if any, is what ADD found. */
	*rec.zone = '\0';
	if (extra_record_read(EXTRA_FIREWALL, rec.name, &known, &ignored) == 0)
		memcpy(rec.zone, known.zone, sizeof(rec.zone));
	return firewall_verify(&rec, e);
}

static int check_all(struct check *c, struct err *e)
{
	_cleanup_nl_ struct nl_sock host = { .fd = -1 };
	int r = find_interfaces(c, e);

	if (r < 0)
		return r;
	keep_own_addresses(c);
	r = nl_open(NETLINK_ROUTE, &host, e);
	if (r == 0)
		r = check_node(c, &host, e);
	if (r == 0)
		r = check_inside(c, e);
	if (r == 0)
		r = check_recorded(c->req, &host, e);
	if (r == 0)
		r = check_ports(c, e);
	if (r == 0)
		r = check_limits(c, &host, e);
	return r < 0 ? r : check_firewall(c, e);
}

int check(const struct request *req, struct err *e)
{
	struct check c = { .req = req };
	int r = netconf_parse(req, &c.conf, e);

	if (r < 0)
		return r;
	if (!req->prev_result)
		return err_set(e, CNI_E_CONFIG, 0, "Required prevResult missing");
	r = result_parse(req->prev_result, req->version, &c.prev, e);
	if (r < 0)
		return err_wrap(e, "could not parse prevResult");
	if (*c.conf.ipam_type)
		r = ipam_check(req, c.conf.ipam_type, e);
	if (r == 0)
		r = check_all(&c, e);
	result_free(&c.prev);
	return r;
}
