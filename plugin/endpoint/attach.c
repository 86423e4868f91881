/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * attach.c - ADD: a pod gets its interface
 *
 * The steps stand in one table, each with its inverse. Our own IPAM is asked before anything is made: a full pool then
 * costs nothing. A foreign one is asked when the interface is there, since dhcp needs it. The record is written
 * before the first kernel object and again, marked ready, at the end.
 */
#include "endpoint/attach.h"

#include "base/log.h"
#include "endpoint/attachment.h"
#include "endpoint/bandwidth.h"
#include "endpoint/bridge.h"
#include "endpoint/container.h"
#include "endpoint/detach.h"
#include "endpoint/elements.h"
#include "endpoint/firewall.h"
#include "endpoint/gateway.h"
#include "endpoint/ipam.h"
#include "endpoint/mac.h"
#include "endpoint/pair.h"
#include "endpoint/policy.h"
#include "endpoint/portmap.h"
#include "endpoint/uplink.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* Upstream polls for at most this long. */
#define PORT_TIMEOUT_MS 2550U

int iface_of_pod(const struct attachment *a)
{
	return a->conf.mode == MODE_PTP ? 1 : 2;
}

static int open_netns(struct attachment *a, struct err *e)
{
	int fd = netns_open(a->req->netns, &a->rec.netns_id, e);

	if (fd < 0)
		return fd;
	a->netns = fd;
	return nl_open(NETLINK_ROUTE, &a->host, e);
}

static int describe(struct attachment *a, struct err *e)
{
	struct record *r = &a->rec;
	const struct request *req = a->req;

	if (owner_describe(req, &r->owner, e) < 0)
		return -e->no;
	(void)snprintf(r->type, sizeof(r->type), "%s", req->type);
	(void)snprintf(r->ipam, sizeof(r->ipam), "%s", a->conf.ipam_type);
	ipam_data_dir(req, a->conf.ipam_type, r->ipam_dir, sizeof(r->ipam_dir));
	(void)snprintf(r->pod_name, sizeof(r->pod_name), "%s", a->conf.pod_name);
	(void)snprintf(r->pod_namespace, sizeof(r->pod_namespace), "%s", a->conf.pod_namespace);
	(void)snprintf(r->pod_uid, sizeof(r->pod_uid), "%s", a->conf.pod_uid);
	if (a->conf.mode == MODE_BRIDGE)
		(void)snprintf(r->bridge, sizeof(r->bridge), "%s", a->conf.bridge);
	r->masquerade = a->conf.ip_masq;
	r->spoof_check = a->conf.mac_spoof_check;
	policy_describe(a);
	r->created = (long long)time(NULL);
	return pair_choose_macs(a, e);
}

/* A record of this very attachment: it runs (then ADD must fail), or an ADD before us died half-way. */
static int clear_earlier(struct attachment *a, struct err *e)
{
	struct record old;
	int there, r = record_read(a->rec.name, &old, e);

	if (r == -ENOENT)
		return 0;
	if (r < 0 && r != -EBADMSG)
		return r;
	there = r == 0 && old.ready && netns_alive(a->req->netns, &old.netns_id)
	                ? link_exists(&a->host, old.name, e)
	                : 0;
	if (there < 0)
		return there;
	if (there)
		return err_set(e, CNI_E_INTERNAL, EEXIST,
		               "container veth name (\"%s\") peer provided (\"%s\") already exists",
		               a->req->ifname, old.name);
	if (r == 0)
		log_info("%s: removing what an unfinished ADD left", a->rec.name);
	return r == 0 ? detach_record(&a->host, &old, e) : record_delete(a->rec.name, e);
}

static int begin(struct attachment *a, struct err *e)
{
	int r = describe(a, e);

	if (r == 0)
		r = shared_enter(&a->shared, e);
	return r < 0 ? r : clear_earlier(a, e);
}

static void undo_begin(struct attachment *a)
{
	shared_undo(&a->shared, &a->host);
}

static int take_addresses(struct attachment *a, struct err *e)
{
	int r = *a->conf.ipam_type ? ipam_add(a->req, a->conf.ipam_type, a->res, e) : 0;

	if (r < 0)
		return r;
	for (a->rec.n_ips = 0; a->rec.n_ips < a->res->n_ips && a->rec.n_ips < RECORD_IPS_MAX;
	     a->rec.n_ips++)
		a->rec.ips[a->rec.n_ips] = a->res->ips[a->rec.n_ips].address;
	return 0;
}

static int own_addresses(struct attachment *a, struct err *e)
{
	return ipam_is_own(a->conf.ipam_type) ? take_addresses(a, e) : 0;
}

static int foreign_addresses(struct attachment *a, struct err *e)
{
	int r;

	if (!*a->conf.ipam_type || ipam_is_own(a->conf.ipam_type))
		return 0;
	r = pair_connect(a, e); /* dhcp asks through it */
	if (r == 0)
		r = take_addresses(a, e);
	/* What the IPAM says of interfaces is about its own; ours replace it. */
	return r < 0 ? r : record_write(&a->rec, e);
}

static void undo_addresses(struct attachment *a, bool own)
{
	struct err e;

	if (*a->conf.ipam_type && ipam_is_own(a->conf.ipam_type) == own &&
	    ipam_del(a->req, a->conf.ipam_type, &e) < 0)
		log_warn("%s: addresses of a failed ADD stay taken: %s", a->rec.name, e.msg);
}

static void undo_own_addresses(struct attachment *a)
{
	undo_addresses(a, true);
}

static void undo_foreign_addresses(struct attachment *a)
{
	undo_addresses(a, false);
}

static int write_record(struct attachment *a, struct err *e)
{
	return record_write(&a->rec, e);
}

static void undo_record(struct attachment *a)
{
	struct err e;

	if (record_delete(a->rec.name, &e) < 0)
		log_warn("%s", e.msg);
}

static int resolve(struct attachment *a, struct err *e)
{
	if (*a->conf.ipam_type && a->res->n_ips == 0)
		return err_set(e, CNI_E_INTERNAL, 0, "IPAM plugin returned missing IP config");
	return gateway_resolve(&a->conf, a->res, iface_of_pod(a), a->gateways, &a->n_gateways, e);
}

static int ensure_bridge(struct attachment *a, struct err *e)
{
	return a->conf.mode == MODE_BRIDGE ? bridge_ensure(a, e) : 0;
}

/* When it returns, both ends carry traffic. */
static int connect_pair(struct attachment *a, struct err *e)
{
	int r = pair_connect(a, e);

	if (r == 0 && !a->conf.disable_interface)
		r = link_wait_port(&a->host, a->rec.name, PORT_TIMEOUT_MS, e);
	return r < 0 ? r : container_wait_ready(a, e);
}

static int gateways_on_node(struct attachment *a, struct err *e)
{
	int r;

	if (a->conf.mode == MODE_PTP)
		return pair_route_ptp(a, e);
	r = uplink_ensure(a, e);
	return r < 0 ? r : bridge_add_gateways(a, e);
}

static int add_elements(struct attachment *a, struct err *e)
{
	return elements_add(&a->nft, &a->rec, &a->shared, e);
}

static void undo_elements(struct attachment *a)
{
	struct err e;

	if (elements_del(&a->nft, &a->rec, &e) < 0)
		log_warn("%s: elements of a failed ADD stay: %s", a->rec.name, e.msg);
}

/* In a chain, type portmap does it. */
static int map_ports(struct attachment *a, struct err *e)
{
	if (strcmp(a->req->type, "cnida") != 0)
		return 0;
	return portmap_add_pod(&a->nft, a->req, a->rec.ips, a->rec.n_ips, &a->pod, e);
}

static void undo_ports(struct attachment *a)
{
	struct err e;

	if (portmap_del_record(&a->nft, a->rec.name, &e) < 0)
		log_warn("%s: host ports of a failed ADD stay: %s", a->rec.name, e.msg);
}

/* As in a chain, types bandwidth and firewall do. */
static int limit_bandwidth(struct attachment *a, struct err *e)
{
	struct link_info veth = { .mtu = a->mtu };

	if (!a->conf.has_limits)
		return 0;
	veth.ifindex = link_index(&a->host, a->rec.name);
	(void)snprintf(veth.name, sizeof(veth.name), "%s", a->rec.name);
	return bandwidth_apply(&a->host, &a->nft, &a->conf.limits, a->req, &veth, &a->ifb, e);
}

static void undo_bandwidth(struct attachment *a)
{
	struct err e;

	if (a->conf.has_limits &&
	    bandwidth_del_record(&a->host, &a->nft, a->rec.name, false, &e) < 0)
		log_warn("%s: bandwidth limits of a failed ADD stay: %s", a->rec.name, e.msg);
}

static int admit_to_firewall(struct attachment *a, struct err *e)
{
	const char *link = a->conf.mode == MODE_BRIDGE ? a->conf.bridge : a->rec.name;
	struct ip_addr ips[RECORD_IPS_MAX];
	struct extra_record rec;
	int r;

	if (!a->conf.has_firewall)
		return 0;
	for (size_t i = 0; i < a->rec.n_ips; i++)
		ips[i] = a->rec.ips[i].addr;
	r = firewall_describe(a->req, &a->conf.firewall, ips, a->rec.n_ips, link, &rec, e);
	return r < 0 ? r : firewall_apply(&a->nft, &rec, a->conf.firewall.firewalld, e);
}

static void undo_firewall(struct attachment *a)
{
	struct err e;

	if (a->conf.has_firewall && firewall_del_record(&a->nft, a->rec.name, &e) < 0)
		log_warn("%s: what a failed ADD gave to the firewall stays: %s", a->rec.name,
		         e.msg);
}

static int announce(struct attachment *a, struct err *e)
{
	/* The pod's network is complete: neighbours that hear of it later than now only keep a stale entry longer. */
	if (container_announce(a, e) < 0)
		log_warn("%s: %s", a->rec.name, e->msg);
	return 0;
}

static int mark_ready(struct attachment *a, struct err *e)
{
	a->rec.ready = true;
	return record_mark_ready(a->rec.name, e);
}

static void add_interfaces(struct attachment *a)
{
	struct result_iface *iface = a->res->ifaces;

	if (a->conf.mode == MODE_BRIDGE) {
		*iface = (struct result_iface) { .mtu = a->bridge.mtu };
		(void)snprintf(iface->name, sizeof(iface->name), "%s", a->bridge.name);
		(void)mac_format(a->bridge.mac, iface->mac);
		iface++;
	}
	*iface = (struct result_iface) { .mtu = a->mtu };
	(void)snprintf(iface->name, sizeof(iface->name), "%s", a->rec.name);
	(void)mac_format(a->host_mac, iface->mac);
	iface++;
	*iface = (struct result_iface) { .mtu = a->mtu, .sandbox = a->req->netns };
	(void)snprintf(iface->name, sizeof(iface->name), "%s", a->req->ifname);
	(void)mac_format(a->mac, iface->mac);
	iface++;
	if (a->uplink) {
		*iface = (struct result_iface) { .mtu = a->uplink_link.mtu };
		(void)snprintf(iface->name, sizeof(iface->name), "%s", a->uplink_link.name);
		(void)mac_format(a->uplink_link.mac, iface->mac);
		iface++;
	}
	if (*a->ifb.name)
		*iface++ = a->ifb;
	a->res->n_ifaces = (size_t)(iface - a->res->ifaces);
}

/* The configuration's dns replaces the IPAM's when it says anything, even an empty list (upstream's rule). */
static int choose_dns(struct attachment *a, struct err *e)
{
	static const char *const keys[] = { "nameservers", "domain", "search", "options" };
	json_t *dns = NULL;
	bool says = false;
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		says = says || jget(a->conf.dns, keys[i]);
	if (!says)
		return 0;
	r = dns_parse(a->conf.dns, "dns", &dns, e);
	if (r < 0)
		return r;
	json_decref(a->res->dns);
	a->res->dns = dns;
	return 0;
}

/* The last step: from here the runtime believes in the attachment. */
static int answer(struct attachment *a, struct err *e)
{
	int r = choose_dns(a, e);

	if (r < 0)
		return r;
	add_interfaces(a);
	return a->req->answer ? a->req->answer(a->req, a->res, e) : 0;
}

struct step {
	int (*run)(struct attachment *a, struct err *e);
	void (*undo)(struct attachment *a);
	/* The step may have done its work although it failed (the kernel's answer was lost): undo it too. Never for
	 * addresses: an ADD that is refused because the container has one must not give that back. */
	bool undo_itself;
};

static const struct step steps[] = {
	{ open_netns, NULL, false },
	{ begin, undo_begin, true },
	{ own_addresses, undo_own_addresses, false },
	{ write_record, undo_record, true },
	{ ensure_bridge, NULL, false },
	{ pair_create, pair_undo, false },
	{ policy_guard, policy_undo, true },
	{ foreign_addresses, undo_foreign_addresses, false },
	{ resolve, NULL, false },
	{ container_configure, NULL, false },
	{ policy_enter, NULL, false },
	{ connect_pair, NULL, false },
	{ gateways_on_node, NULL, false },
	{ container_settle, NULL, false },
	{ add_elements, undo_elements, true },
	{ map_ports, undo_ports, true },
	{ limit_bandwidth, undo_bandwidth, true },
	{ admit_to_firewall, undo_firewall, true },
	{ announce, NULL, false },
	{ mark_ready, NULL, false },
	{ answer, NULL, false },
};

static void unwind(struct attachment *a, size_t done)
{
	while (done-- > 0) {
		if (steps[done].undo)
			steps[done].undo(a);
	}
}

static int run_steps(struct attachment *a, struct err *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		int r = steps[i].run(a, e);

		if (r < 0) {
			unwind(a, steps[i].undo_itself ? i + 1 : i);
			return r;
		}
	}
	shared_leave(&a->shared);
	return 0;
}

int attach(const struct request *req, struct result *ret, struct err *e)
{
	struct attachment a = {
		.req = req,
		.res = ret,
		.host = { .fd = -1 },
		.pod = { .fd = -1 },
		.nft = { .fd = -1 },
		.pod_events = { .fd = -1 },
		.netns = -1,
	};
	int r = netconf_parse(req, &a.conf, e);

	if (r < 0)
		return r;
	shared_init(&a.shared);
	r = run_steps(&a, e);
	if (r < 0)
		result_free(ret);
	nl_close(&a.host);
	nl_close(&a.pod);
	nl_close(&a.nft);
	nl_close(&a.pod_events);
	if (a.netns >= 0)
		(void)close(a.netns);
	return r;
}
