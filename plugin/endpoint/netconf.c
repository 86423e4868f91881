/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netconf.c - the configuration of an attachment: keys of bridge, ptp and cnida as values
 */
#include "endpoint/netconf.h"

#include "base/ip.h"
#include "endpoint/vlan_conf.h"
#include "spec/result.h"

#include <string.h>

#define MTU_MAX 65535

/* What upstream's interface plugins know in CNI_ARGS, and what a Kubernetes runtime sends. */
static const char *const known_args[] = { "IgnoreUnknown",
	                                  "MAC",
	                                  "IP",
	                                  "GATEWAY",
	                                  "K8S_POD_NAME",
	                                  "K8S_POD_NAMESPACE",
	                                  "K8S_POD_INFRA_CONTAINER_ID",
	                                  "K8S_POD_UID",
	                                  NULL };

/* A boolean key and where its value goes. */
struct flag {
	const char *key;
	bool *value;
};

static int read_flags(const json_t *conf, const struct flag *flags, size_t n, struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		int r = jget_bool(conf, "", flags[i].key, flags[i].value, e);

		if (r < 0)
			return r;
	}
	return 0;
}

static int read_bridge_name(const json_t *conf, struct netconf *c, struct err *e)
{
	const char *name = "cni0", *why;
	int r = jget_str(conf, "", "bridge", &name, e);

	if (r < 0)
		return r;
	if (!*name)
		name = "cni0";
	if (!request_ifname_valid(name, &why))
		return err_set(e, CNI_E_CONFIG, 0, "bridge: \"%s\" is not an interface name: %s",
		               name, why);
	(void)snprintf(c->bridge, sizeof(c->bridge), "%s", name);
	return 0;
}

static int read_bridge(const json_t *conf, struct netconf *c, struct err *e)
{
	const struct flag flags[] = {
		{ "isGateway", &c->is_gateway },
		{ "isDefaultGateway", &c->is_default_gateway },
		{ "forceAddress", &c->force_address },
		{ "hairpinMode", &c->hairpin },
		{ "promiscMode", &c->promisc },
		{ "portIsolation", &c->port_isolation },
		{ "macspoofchk", &c->mac_spoof_check },
		{ "enabledad", &c->enable_dad },
		{ "disableContainerInterface", &c->disable_interface },
	};
	int r = read_bridge_name(conf, c, e);

	if (r == 0)
		r = read_flags(conf, flags, ARRAY_SIZE(flags), e);
	if (r < 0)
		return r;
	if (c->is_default_gateway)
		c->is_gateway = true;
	if (c->hairpin && c->promisc)
		return err_set(e, CNI_E_CONFIG, 0,
		               "cannot set hairpin mode and promiscuous mode at the same time");
	if (c->disable_interface && *c->ipam_type)
		return err_set(e, CNI_E_CONFIG, 0,
		               "disableContainerInterface: cannot use IPAM (\"%s\") on an interface "
		               "that stays down",
		               c->ipam_type);
	return vlan_conf_parse(conf, c, e);
}

static int set_mac(struct netconf *c, const char *where, const char *text, struct err *e)
{
	if (!mac_parse(text, c->mac))
		return err_set(e, CNI_E_CONFIG, 0, "%s: \"%s\" is not a MAC address", where, text);
	if (c->mac[0] & 1)
		return err_set(e, CNI_E_CONFIG, 0, "%s: \"%s\" is a multicast MAC address", where,
		               text);
	c->has_mac = true;
	return 0;
}

/* One more source of the container's MAC; a later one overrides. */
static int read_mac(const json_t *obj, const char *path, struct netconf *c, struct err *e)
{
	const char *text;
	int r = jget_str(obj, path, "mac", &text, e);
	char where[64];

	if (r <= 0 || !*text)
		return r < 0 ? r : 0;
	(void)snprintf(where, sizeof(where), "%s.mac", path);
	return set_mac(c, where, text, e);
}

static void copy_arg(const struct cni_args *args, const char *key, char *dst, size_t cap)
{
	const char *value = cni_args_get(args, key);

	(void)snprintf(dst, cap, "%s", value ? value : "");
}

static int read_cni_args(const struct request *req, struct netconf *c, struct err *e)
{
	struct cni_args args;
	const char *mac;
	int r = cni_args_parse(req->args, known_args, &args, e);

	if (r < 0)
		return r;
	copy_arg(&args, "K8S_POD_NAME", c->pod_name, sizeof(c->pod_name));
	copy_arg(&args, "K8S_POD_NAMESPACE", c->pod_namespace, sizeof(c->pod_namespace));
	copy_arg(&args, "K8S_POD_UID", c->pod_uid, sizeof(c->pod_uid));
	mac = cni_args_get(&args, "MAC");
	return mac && *mac ? set_mac(c, "CNI_ARGS MAC", mac, e) : 0;
}

static int read_macs(const struct request *req, struct netconf *c, struct err *e)
{
	json_t *args = NULL, *cni = NULL, *runtime = NULL;
	int r = read_cni_args(req, c, e);

	if (r >= 0)
		r = jget_obj(req->config, "", "args", &args, e);
	if (r > 0)
		r = jget_obj(args, "args", "cni", &cni, e);
	if (r >= 0)
		r = jget_obj(req->config, "", "runtimeConfig", &runtime, e);
	/* ptp knows no MAC; the type cnida takes it in both modes, which is harmless for ptp. */
	if (r >= 0)
		r = read_mac(cni, "args.cni", c, e);
	return r < 0 ? r : read_mac(runtime, "runtimeConfig", c, e);
}

static int read_ipam_type(const json_t *conf, struct netconf *c, struct err *e)
{
	json_t *ipam;
	int r = jget_obj(conf, "", "ipam", &ipam, e);

	c->ipam_type = "";
	if (r > 0)
		r = jget_str(ipam, "ipam", "type", &c->ipam_type, e);
	return r < 0 ? r : 0;
}

static int read_mode(const json_t *conf, const char *type, struct netconf *c, struct err *e)
{
	const char *mode = "bridge";
	int r;

	c->mode = strcmp(type, "ptp") == 0 ? MODE_PTP : MODE_BRIDGE;
	if (strcmp(type, "cnida") != 0)
		return 0;
	r = jget_str(conf, "", "mode", &mode, e);
	if (r < 0)
		return r;
	if (strcmp(mode, "ptp") == 0)
		c->mode = MODE_PTP;
	else if (strcmp(mode, "bridge") != 0)
		return err_set(e, CNI_E_CONFIG, 0,
		               "mode: expected \"bridge\" or \"ptp\", found \"%s\"", mode);
	return 0;
}

static int read_masquerade(const json_t *conf, struct netconf *c, struct err *e)
{
	const char *backend = "";
	int r = jget_bool(conf, "", "ipMasq", &c->ip_masq, e);

	if (r >= 0)
		r = jget_str(conf, "", "ipMasqBackend", &backend, e);
	if (r < 0)
		return r;
	/* Whichever backend is named, the rules are ours: one nftables transaction, the same effect. */
	if (*backend && strcmp(backend, "iptables") != 0 && strcmp(backend, "nftables") != 0)
		return err_set(e, CNI_E_CONFIG, 0,
		               "ipMasqBackend: expected \"iptables\" or \"nftables\", found \"%s\"",
		               backend);
	return 0;
}

static int read_dns(const json_t *conf, struct netconf *c, struct err *e)
{
	json_auto_t *parsed = NULL;
	json_t *dns;
	int r = jget_obj(conf, "", "dns", &dns, e);

	if (r > 0) {
		c->dns = dns;
		r = dns_parse(dns, "dns", &parsed, e);
	}
	return r < 0 ? r : 0;
}

static int read_common(const json_t *conf, struct netconf *c, struct err *e)
{
	int64_t mtu = 0;
	int r = jget_int(conf, "", "mtu", 0, MTU_MAX, &mtu, e);

	if (r < 0)
		return r;
	c->mtu = (uint32_t)mtu;
	r = read_dns(conf, c, e);
	return r < 0 ? r : read_masquerade(conf, c, e);
}

static int read_capabilities(const struct request *req, struct netconf *c, struct err *e)
{
	int r;

	if (strcmp(req->type, "cnida") != 0)
		return 0;
	r = bandwidth_conf_parse(req, &c->limits, e);
	c->has_limits = r > 0;
	if (r < 0)
		return r;
	r = firewall_conf_parse(req, &c->firewall, e);
	c->has_firewall = r > 0;
	return r < 0 ? r : 0;
}

int netconf_parse(const struct request *req, struct netconf *ret, struct err *e)
{
	int r;

	*ret = (struct netconf) { .ipam_type = "" };
	(void)snprintf(ret->bridge, sizeof(ret->bridge), "cni0");
	r = read_ipam_type(req->config, ret, e);
	if (r == 0)
		r = read_mode(req->config, req->type, ret, e);
	if (r == 0)
		r = read_common(req->config, ret, e);
	if (r == 0 && ret->mode == MODE_BRIDGE)
		r = read_bridge(req->config, ret, e);
	/* Upstream's ptp knows no such key: its IPAM must say the route. In the type cnida both modes have it. */
	if (r == 0 && ret->mode == MODE_PTP && strcmp(req->type, "cnida") == 0)
		r = jget_bool(req->config, "", "isDefaultGateway", &ret->is_default_gateway, e);
	if (r > 0)
		r = 0;
	if (r == 0)
		r = read_macs(req, ret, e);
	if (r == 0)
		r = policy_conf_parse(req->config, req->type, &ret->policy, e);
	if (r == 0)
		r = read_capabilities(req, ret, e);
	if (r == 0 && ret->mode == MODE_PTP && !*ret->ipam_type)
		r = err_set(e, CNI_E_CONFIG, 0, "ipam.type: ptp needs an IPAM plugin, found none");
	return r;
}
