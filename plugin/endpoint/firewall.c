/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * firewall.c - the node forwards for its pods, and keeps bridges apart: what is made for one pod, and its removal
 */
#include "endpoint/firewall.h"

#include "base/ip.h"
#include "base/json.h"
#include "base/log.h"
#include "kernel/link.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define OWNER_MAX (RULESET_COMMENT_MAX + 1)

static int parse_policy(const char *text, struct firewall_conf *ret, struct err *e)
{
	static const char *const names[] = { "open", "same-bridge", "isolated" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(text, names[i]) == 0) {
			ret->policy = (enum firewall_policy)i;
			return 0;
		}
	}
	return *text ? err_set(e, CNI_E_CONFIG, 0, "unknown ingress policy: \"%s\"", text) : 0;
}

/* Names that iptables takes: printable, without blanks, and nothing that it would read as an option. */
static int check_chain(const char *name, struct err *e)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < len; i++) {
		if (name[i] <= ' ' || name[i] > '~')
			return err_set(e, CNI_E_CONFIG, 0,
			               "iptablesAdminChainName: \"%s\" is no name of a chain",
			               name);
	}
	if (len >= FIREWALL_CHAIN_MAX || name[0] == '-' || name[0] == '!')
		return err_set(
			e, CNI_E_CONFIG, 0,
			"iptablesAdminChainName: \"%s\" is no name of a chain, which has at most %d characters",
			name, FIREWALL_CHAIN_MAX - 1);
	return 0;
}

int firewall_conf_parse(const struct request *req, struct firewall_conf *ret, struct err *e)
{
	const char *backend = "", *admin = "", *policy = "", *zone = "";
	int r = jget_str(req->config, "", "backend", &backend, e);

	*ret = (struct firewall_conf) { .admin_chain = "CNI-ADMIN" };
	ret->firewalld = strcmp(backend, "firewalld") == 0;
	if (r >= 0)
		r = jget_str(req->config, "", "iptablesAdminChainName", &admin, e);
	if (r >= 0)
		r = jget_str(req->config, "", "firewalldZone", &zone, e);
	if (r >= 0)
		r = jget_str(req->config, "", "ingressPolicy", &policy, e);
	if (r >= 0)
		r = check_chain(admin, e);
	if (r >= 0 && *admin)
		ret->admin_chain = admin;
	return r < 0 ? r : parse_policy(policy, ret, e);
}

static void owner_of(const struct request *req, char ret[static OWNER_MAX])
{
	(void)snprintf(ret, OWNER_MAX, "%s %s %s", req->network, req->container_id, req->ifname);
}

/* The link that a policy is about: the first of the result. */
static int policy_link(const struct result *res, const char **ret, struct err *e)
{
	const struct result_iface *first = &res->ifaces[0];

	if (res->n_ifaces == 0 || (first->sandbox && *first->sandbox) || !*first->name)
		return err_set(
			e, CNI_E_CONFIG, 0,
			"ingressPolicy: prevResult names no interface of the node: chain firewall behind bridge");
	*ret = first->name;
	return 0;
}

/* A bridge is its network's and stays; a routed pod's veth is the pod's. */
static int link_owner(const struct request *req, const char *name, char ret[static OWNER_MAX],
                      struct err *e)
{
	_cleanup_nl_ struct nl_sock host = { .fd = -1 };
	struct link_info link;
	int r = nl_open(NETLINK_ROUTE, &host, e);

	if (r == 0)
		r = link_get(&host, 0, name, &link, e);
	if (r == -ENODEV)
		return err_set(e, CNI_E_CONFIG, ENODEV, "ingressPolicy: there is no interface %s",
		               name);
	if (r == 0 && strcmp(link.kind, "bridge") == 0)
		(void)snprintf(ret, OWNER_MAX, "%s", req->network);
	else if (r == 0)
		owner_of(req, ret);
	return r;
}

static int keep_apart(struct nl_sock *s, const struct request *req,
                      const struct firewall_conf *conf, const struct result *res, struct err *e)
{
	char owner[OWNER_MAX];
	const char *link;
	int r;

	if (conf->policy == FIREWALL_OPEN)
		return 0;
	r = policy_link(res, &link, e);
	if (r == 0)
		r = link_owner(req, link, owner, e);
	return r < 0 ? r
	             : firewall_set_apart(s, link, conf->policy == FIREWALL_SAME_BRIDGE, owner, e);
}

static bool has_family(const struct result *res, sa_family_t family)
{
	for (size_t i = 0; i < res->n_ips; i++) {
		if (res->ips[i].address.addr.family == family)
			return true;
	}
	return false;
}

/* iptables of one family may be unusable (no IPv6, no nft_compat) without any harm to the pod. */
static void admit(struct nl_sock *s, const struct firewall_conf *conf, const struct result *res)
{
	static const sa_family_t families[] = { AF_INET, AF_INET6 };
	struct err e;

	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		if (has_family(res, families[i]) &&
		    firewall_admit(s, families[i], conf->admin_chain, &e) < 0)
			log_warn("iptables may drop what this node forwards for its pods: %s",
			         e.msg);
	}
}

static void warn_of_firewalld(struct nl_sock *s)
{
	struct err e;

	if (firewall_firewalld(s, &e) > 0)
		log_warn(
			"firewalld runs and may reject what pods send: once, as administrator, add their subnet to a zone "
			"that accepts it (firewall-cmd --permanent --zone=trusted --add-source=SUBNET)");
}

int firewall_apply(const struct request *req, const struct firewall_conf *conf,
                   const struct result *res, struct err *e)
{
	_cleanup_nl_ struct nl_sock s = { .fd = -1 };
	char owner[OWNER_MAX];
	struct err lost;
	int r = nl_open(NETLINK_NETFILTER, &s, e);

	if (r < 0)
		return r;
	owner_of(req, owner);
	r = keep_apart(&s, req, conf, res, e);
	for (size_t i = 0; r == 0 && i < res->n_ips; i++)
		r = firewall_add_pod(&s, &res->ips[i].address.addr, owner, e);
	if (r < 0) {
		if (firewall_remove(req, res, &lost) < 0)
			log_warn("elements of a failed ADD stay: %s", lost.msg);
		return r;
	}
	admit(&s, conf, res);
	warn_of_firewalld(&s);
	return 0;
}

/* A bridge's policy stays: the owner of its elements is the network. */
int firewall_remove(const struct request *req, const struct result *res, struct err *e)
{
	_cleanup_nl_ struct nl_sock s = { .fd = -1 };
	struct ip_addr pods[RESULT_IPS_MAX];
	char owner[OWNER_MAX];
	int n = 0, r = nl_open(NETLINK_NETFILTER, &s, e);

	if (r < 0)
		return r;
	owner_of(req, owner);
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

static int missing(struct err *e, const char *what, const char *which, int r)
{
	return r < 0 ? r
	             : err_set(e, CNI_E_INTERNAL, ENOENT, "firewall: expected %s %s, found none",
	                       what, which);
}

int firewall_verify(const struct request *req, const struct firewall_conf *conf,
                    const struct result *res, struct err *e)
{
	static const sa_family_t families[] = { AF_INET, AF_INET6 };
	_cleanup_nl_ struct nl_sock s = { .fd = -1 };
	char owner[OWNER_MAX], text[IP_STR_MAX];
	const char *what = "", *link;
	int r = nl_open(NETLINK_NETFILTER, &s, e);

	if (r < 0)
		return r;
	owner_of(req, owner);
	for (size_t i = 0; i < res->n_ips; i++) {
		r = firewall_has_pod(&s, &res->ips[i].address.addr, owner, e);
		if (r != 1)
			return missing(e, "in table inet cnida_firewall the pod",
			               ip_format(&res->ips[i].address.addr, text), r);
	}
	r = res->n_ips ? ruleset_intact(&s, RULESET_FIREWALL, &what, e) : 1;
	if (r != 1)
		return missing(e, "in table inet cnida_firewall", what, r);
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		r = has_family(res, families[i])
		            ? firewall_admitted(&s, families[i], conf->admin_chain, &what, e)
		            : 1;
		if (r != 1)
			return missing(e, "in iptables a rule of", what, r);
	}
	if (conf->policy == FIREWALL_OPEN)
		return 0;
	r = policy_link(res, &link, e);
	if (r < 0)
		return r;
	r = firewall_is_apart(&s, link, conf->policy == FIREWALL_SAME_BRIDGE, e);
	return r == 1 ? 0 : missing(e, "the ingressPolicy of", link, r);
}
