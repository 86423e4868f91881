/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_netconf.c - keys of bridge, ptp and cnida: defaults, types, ranges, texts, precedence
 */
#include "base/cleanup.h"
#include "base/ip.h"
#include "endpoint/netconf.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

struct parsed {
	struct netconf conf;
	struct err e;
	json_t *doc; /* what conf borrows from */
	int r;
};

static struct parsed parse(const char *name, const char *type, const char *text, const char *args)
{
	struct parsed p = { .e = { 0 } };
	struct request req = { .verb = CNI_ADD, .type = type, .args = args };

	cr_assert(jparse(text, strlen(text), &p.doc, &p.e) == 0, "%s: %s in %s", name, p.e.msg,
	          text);
	req.config = p.doc;
	p.r = netconf_parse(&req, &p.conf, &p.e);
	return p;
}

static void good(const struct parsed *p, const char *name)
{
	cr_assert(p->r == 0, "%s: expected success, found %d (code %d %s)", name, p->r, p->e.code,
	          p->e.msg);
}

#define FLAG(key, member)                             \
	{                                             \
		key, offsetof(struct netconf, member) \
	}

static const struct {
	const char *key;
	size_t offset;
} flags[] = {
	FLAG("isGateway", is_gateway),
	FLAG("isDefaultGateway", is_default_gateway),
	FLAG("forceAddress", force_address),
	FLAG("hairpinMode", hairpin),
	FLAG("promiscMode", promisc),
	FLAG("portIsolation", port_isolation),
	FLAG("macspoofchk", mac_spoof_check),
	FLAG("enabledad", enable_dad),
	FLAG("ipMasq", ip_masq),
	FLAG("disableContainerInterface", disable_interface),
};

/* Only that key is on; a default gateway is a gateway too. */
static void expect_flags(const struct netconf *c, const char *name, const char *on)
{
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		bool found = *(const bool *)((const char *)c + flags[i].offset);
		bool expected = on && (strcmp(on, flags[i].key) == 0 ||
		                       (strcmp(on, "isDefaultGateway") == 0 &&
		                        strcmp(flags[i].key, "isGateway") == 0));

		cr_assert(found == expected, "%s: %s: expected %d, found %d", name, flags[i].key,
		          expected, found);
	}
}

static void try_flag(const char *key, const char *text, const char *on, bool bad)
{
	struct parsed p = parse(text, "bridge", text, "");

	if (bad)
		cr_assert(p.r == -EINVAL && p.e.code == CNI_E_CONFIG && strstr(p.e.msg, key),
		          "%s: expected code 7 with the key, found %d (code %d %s)", text, p.r,
		          p.e.code, p.e.msg);
	else
		good(&p, text);
	if (!bad)
		expect_flags(&p.conf, text, on);
	json_decref(p.doc);
}

/* Every boolean of bridge mode: off by default, on in any case of its letters, alone. */
Test(netconf, flags)
{
	static const char *const wrong[] = { "1", "0", "\"true\"", "[]", "{}" };

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		const char *key = flags[i].key;
		char text[64], upper[32] = "";

		for (size_t j = 0; key[j]; j++)
			upper[j] = (char)(key[j] >= 'a' && key[j] <= 'z' ? key[j] - 32 : key[j]);
		(void)snprintf(text, sizeof(text), "{\"%s\":true}", key);
		try_flag(key, text, key, false);
		(void)snprintf(text, sizeof(text), "{\"%s\":true}", upper);
		try_flag(key, text, key, false);
		(void)snprintf(text, sizeof(text), "{\"%s\":false}", key);
		try_flag(key, text, NULL, false);
		(void)snprintf(text, sizeof(text), "{\"%s\":null}", key);
		try_flag(key, text, NULL, false);
		for (size_t j = 0; j < ARRAY_SIZE(wrong); j++) {
			(void)snprintf(text, sizeof(text), "{\"%s\":%s}", key, wrong[j]);
			try_flag(key, text, NULL, true);
		}
	}
}

Test(netconf, defaults)
{
	static const struct {
		const char *name, *type, *text;
		enum attach_mode mode;
		const char *bridge, *ipam;
		uint32_t mtu;
		bool masq, gateway, has_mac, has_vlans;
		uint16_t vlan, pvid;
	} rows[] = {
		{ "bridge", "bridge", "{}", MODE_BRIDGE, "cni0", "", 0, false, false, false, false,
		  0, 1 },
		{ "cnida is a bridge", "cnida", "{}", MODE_BRIDGE, "cni0", "", 0, false, false,
		  false, false, 0, 1 },
		{ "mode bridge", "cnida", "{\"mode\":\"bridge\"}", MODE_BRIDGE, "cni0", "", 0,
		  false, false, false, false, 0, 1 },
		{ "mode ptp", "cnida", "{\"Mode\":\"ptp\",\"ipam\":{\"type\":\"static\"}}",
		  MODE_PTP, "cni0", "static", 0, false, false, false, false, 0, 0 },
		{ "mode of bridge is no key", "bridge", "{\"mode\":5}", MODE_BRIDGE, "cni0", "", 0,
		  false, false, false, false, 0, 1 },
		{ "ptp", "ptp", "{\"ipam\":{\"type\":\"dhcp\"}}", MODE_PTP, "cni0", "dhcp", 0,
		  false, false, false, false, 0, 0 },
		{ "ptp has no keys of bridge", "ptp",
		  "{\"ipam\":{\"type\":\"x\"},\"bridge\":\"a b\",\"isGateway\":5,\"hairpinMode\":true,\"promiscMode\":true,\"vlan\":-1}",
		  MODE_PTP, "cni0", "x", 0, false, false, false, false, 0, 0 },
		{ "all common keys", "ptp",
		  "{\"MTU\":9000,\"IPMASQ\":true,\"ipmasqbackend\":\"iptables\",\"Ipam\":{\"Type\":\"host-local\"}}",
		  MODE_PTP, "cni0", "host-local", 9000, true, false, false, false, 0, 0 },
		{ "nftables", "bridge", "{\"ipMasqBackend\":\"nftables\"}", MODE_BRIDGE, "cni0", "",
		  0, false, false, false, false, 0, 1 },
		{ "empty backend", "bridge", "{\"ipMasqBackend\":\"\"}", MODE_BRIDGE, "cni0", "", 0,
		  false, false, false, false, 0, 1 },
		{ "empty bridge name", "bridge", "{\"bridge\":\"\"}", MODE_BRIDGE, "cni0", "", 0,
		  false, false, false, false, 0, 1 },
		{ "bridge name", "bridge", "{\"BRIDGE\":\"br-0123456789ab\"}", MODE_BRIDGE,
		  "br-0123456789ab", "", 0, false, false, false, false, 0, 1 },
		{ "largest MTU", "bridge", "{\"mtu\":65535}", MODE_BRIDGE, "cni0", "", 65535, false,
		  false, false, false, 0, 1 },
		{ "a default gateway is a gateway", "bridge",
		  "{\"isDefaultGateway\":true,\"isGateway\":false}", MODE_BRIDGE, "cni0", "", 0,
		  false, true, false, false, 0, 1 },
		{ "VLAN", "bridge", "{\"vlan\":4094}", MODE_BRIDGE, "cni0", "", 0, false, false,
		  false, true, 4094, 4094 },
		{ "VLAN 0 is none", "bridge", "{\"vlan\":0}", MODE_BRIDGE, "cni0", "", 0, false,
		  false, false, false, 0, 1 },
		{ "null is absent", "bridge",
		  "{\"bridge\":null,\"mtu\":null,\"ipam\":null,\"vlan\":null,\"vlanTrunk\":null,\"dns\":null,\"args\":null,"
		  "\"runtimeConfig\":null}",
		  MODE_BRIDGE, "cni0", "", 0, false, false, false, false, 0, 1 },
		{ "the last one wins", "bridge", "{\"mtu\":1,\"MTU\":2,\"Mtu\":3}", MODE_BRIDGE,
		  "cni0", "", 3, false, false, false, false, 0, 1 },
		{ "ipam without a type", "bridge", "{\"ipam\":{}}", MODE_BRIDGE, "cni0", "", 0,
		  false, false, false, false, 0, 1 },
		{ "unknown keys", "bridge",
		  "{\"x\":1,\"capabilities\":{\"mac\":true},\"cni.dev/x\":[]}", MODE_BRIDGE, "cni0",
		  "", 0, false, false, false, false, 0, 1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct parsed p = parse(rows[i].name, rows[i].type, rows[i].text, "");
		const struct netconf *c = &p.conf;

		good(&p, rows[i].name);
		cr_assert(c->mode == rows[i].mode, "%s: expected mode %d, found %d", rows[i].name,
		          rows[i].mode, c->mode);
		cr_assert_str_eq(c->bridge, rows[i].bridge, "%s: expected bridge %s, found %s",
		                 rows[i].name, rows[i].bridge, c->bridge);
		cr_assert_str_eq(c->ipam_type, rows[i].ipam, "%s: expected ipam %s, found %s",
		                 rows[i].name, rows[i].ipam, c->ipam_type);
		cr_assert(c->mtu == rows[i].mtu, "%s: expected MTU %u, found %u", rows[i].name,
		          rows[i].mtu, c->mtu);
		cr_assert(
			c->ip_masq == rows[i].masq && c->is_gateway == rows[i].gateway &&
				c->has_mac == rows[i].has_mac &&
				c->has_vlans == rows[i].has_vlans && c->dns == NULL,
			"%s: expected masquerade %d, gateway %d, MAC %d, VLANs %d, found %d, %d, %d, %d",
			rows[i].name, rows[i].masq, rows[i].gateway, rows[i].has_mac,
			rows[i].has_vlans, c->ip_masq, c->is_gateway, c->has_mac, c->has_vlans);
		cr_assert(c->vlan == rows[i].vlan && c->vlans.pvid == rows[i].pvid,
		          "%s: expected VLAN %u, PVID %u, found %u, %u", rows[i].name, rows[i].vlan,
		          rows[i].pvid, c->vlan, c->vlans.pvid);
		json_decref(p.doc);
	}
}

Test(netconf, refusals)
{
	static const struct {
		const char *type, *text, *args;
		int code;
		const char *msg; /* all of it, or its beginning up to a '*' */
	} rows[] = {
		{ "bridge", "{\"hairpinMode\":true,\"promiscMode\":true}", "", 7,
		  "cannot set hairpin mode and promiscuous mode at the same time" },
		{ "bridge",
		  "{\"disableContainerInterface\":true,\"ipam\":{\"type\":\"host-local\"}}", "", 7,
		  "disableContainerInterface: cannot use IPAM (\"host-local\") on an interface that stays down" },
		{ "bridge", "{\"vlan\":4095}", "", 7,
		  "invalid VLAN ID 4095 (must be between 0 and 4094)" },
		{ "bridge", "{\"vlan\":-1}", "", 7,
		  "invalid VLAN ID -1 (must be between 0 and 4094)" },
		{ "bridge", "{\"vlan\":\"5\"}", "", 7, "vlan*" },
		{ "bridge", "{\"vlan\":1.5}", "", 7, "vlan*" },
		{ "bridge", "{\"mtu\":-1}", "", 7, "mtu*" },
		{ "bridge", "{\"mtu\":65536}", "", 7, "mtu*" },
		{ "bridge", "{\"mtu\":\"1500\"}", "", 7, "mtu*" },
		{ "bridge", "{\"mtu\":1e3}", "", 7, "mtu*" },
		{ "bridge", "{\"bridge\":5}", "", 7, "bridge*" },
		{ "bridge", "{\"bridge\":\"a/b\"}", "", 7,
		  "bridge: \"a/b\" is not an interface name: *" },
		{ "bridge", "{\"bridge\":\"a b\"}", "", 7,
		  "bridge: \"a b\" is not an interface name: *" },
		{ "bridge", "{\"bridge\":\"0123456789abcdef\"}", "", 7,
		  "bridge: \"0123456789abcdef\" is not an interface name: *" },
		{ "bridge", "{\"bridge\":\"..\"}", "", 7,
		  "bridge: \"..\" is not an interface name: *" },
		{ "bridge", "{\"ipam\":5}", "", 7, "ipam*" },
		{ "bridge", "{\"ipam\":\"host-local\"}", "", 7, "ipam*" },
		{ "bridge", "{\"ipam\":{\"type\":5}}", "", 7, "ipam.type*" },
		{ "bridge", "{\"dns\":[]}", "", 7, "dns*" },
		{ "bridge", "{\"ipMasqBackend\":\"pf\"}", "", 7,
		  "ipMasqBackend: expected \"iptables\" or \"nftables\", found \"pf\"" },
		{ "bridge", "{\"ipMasqBackend\":true}", "", 7, "ipMasqBackend*" },
		{ "bridge", "{\"vlanTrunk\":{}}", "", 7, "vlanTrunk*" },
		{ "bridge", "{\"preserveDefaultVlan\":\"no\"}", "", 7, "preserveDefaultVlan*" },
		{ "bridge", "{\"args\":{\"cni\":{\"mac\":5}}}", "", 7, "args.cni.mac*" },
		{ "bridge", "{\"args\":{\"cni\":{\"mac\":\"00:11\"}}}", "", 7,
		  "args.cni.mac: \"00:11\" is not a MAC address" },
		{ "bridge", "{\"runtimeConfig\":{\"mac\":\"x\"}}", "", 7,
		  "runtimeConfig.mac: \"x\" is not a MAC address" },
		{ "bridge", "{\"runtimeConfig\":{\"mac\":\"01:00:5e:00:00:01\"}}", "", 7,
		  "runtimeConfig.mac: \"01:00:5e:00:00:01\" is a multicast MAC address" },
		{ "bridge", "{\"args\":5}", "", 7, "args*" },
		{ "bridge", "{\"args\":{\"cni\":[]}}", "", 7, "args.cni*" },
		{ "bridge", "{\"runtimeConfig\":\"x\"}", "", 7, "runtimeConfig*" },
		{ "bridge", "{}", "MAC=zz", 7, "CNI_ARGS MAC: \"zz\" is not a MAC address" },
		{ "bridge", "{}", "MAC=ff:ff:ff:ff:ff:ff", 7,
		  "CNI_ARGS MAC: \"ff:ff:ff:ff:ff:ff\" is a multicast MAC address" },
		{ "bridge", "{}", "FOO=bar", 999, "ARGS: unknown args [\"FOO=bar\"]" },
		{ "bridge", "{}", "mac=00:11:22:33:44:55", 999,
		  "ARGS: unknown args [\"mac=00:11:22:33:44:55\"]" },
		{ "bridge", "{}", "MAC", 999, "ARGS: invalid pair \"MAC\"" },
		{ "ptp", "{}", "", 7, "ipam.type: ptp needs an IPAM plugin, found none" },
		{ "ptp", "{\"ipam\":{\"type\":\"\"}}", "", 7,
		  "ipam.type: ptp needs an IPAM plugin, found none" },
		{ "ptp", "{\"ipam\":{\"type\":\"x\"},\"mtu\":70000}", "", 7, "mtu*" },
		{ "cnida", "{\"mode\":\"ptp\"}", "", 7,
		  "ipam.type: ptp needs an IPAM plugin, found none" },
		{ "cnida", "{\"mode\":\"macvlan\"}", "", 7,
		  "mode: expected \"bridge\" or \"ptp\", found \"macvlan\"" },
		{ "cnida", "{\"mode\":\"Bridge\"}", "", 7,
		  "mode: expected \"bridge\" or \"ptp\", found \"Bridge\"" },
		{ "cnida", "{\"mode\":1}", "", 7, "mode*" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct parsed p = parse(rows[i].text, rows[i].type, rows[i].text, rows[i].args);
		size_t len = strcspn(rows[i].msg, "*");
		bool same = strncmp(p.e.msg, rows[i].msg, len) == 0 &&
		            (rows[i].msg[len] || !p.e.msg[len]);

		cr_assert(p.r == -EINVAL && p.e.code == rows[i].code && same,
		          "%s %s %s: expected code %d %s, found %d (code %d %s)", rows[i].type,
		          rows[i].text, rows[i].args, rows[i].code, rows[i].msg, p.r, p.e.code,
		          p.e.msg);
		json_decref(p.doc);
	}
}

/* CNI_ARGS < args.cni < runtimeConfig; an empty text is none. */
Test(netconf, mac_precedence)
{
	static const struct {
		const char *args, *cni, *runtime, *expected;
	} rows[] = {
		{ "", "", "", "" },
		{ "MAC=02:00:00:00:00:01", "", "", "02:00:00:00:00:01" },
		{ "IgnoreUnknown=1;MAC=02-00-00-00-00-0A;K8S_POD_NAME=a", "", "",
		  "02:00:00:00:00:0a" },
		{ "", "02:00:00:00:00:02", "", "02:00:00:00:00:02" },
		{ "", "", "02:00:00:00:00:03", "02:00:00:00:00:03" },
		{ "MAC=02:00:00:00:00:01", "02:00:00:00:00:02", "", "02:00:00:00:00:02" },
		{ "MAC=02:00:00:00:00:01", "", "02:00:00:00:00:03", "02:00:00:00:00:03" },
		{ "", "02:00:00:00:00:02", "02:00:00:00:00:03", "02:00:00:00:00:03" },
		{ "MAC=02:00:00:00:00:01", "02:00:00:00:00:02", "02:00:00:00:00:03",
		  "02:00:00:00:00:03" },
		{ "MAC=", "", "", "" },
	};
	static const char *const types[] = { "bridge", "ptp", "cnida" };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char text[256], name[64], mac[MAC_STR_MAX] = "";
		const char *type = types[i % ARRAY_SIZE(types)];
		struct parsed p;

		(void)snprintf(name, sizeof(name), "%s, row %zu", type, i);
		(void)snprintf(
			text, sizeof(text),
			"{\"ipam\":{\"type\":\"x\"},\"Args\":{\"CNI\":{\"Mac\":\"%s\"}},\"RuntimeConfig\":{\"MAC\":\"%s\"}}",
			rows[i].cni, rows[i].runtime);
		p = parse(name, type, text, rows[i].args);
		good(&p, name);
		if (p.conf.has_mac)
			(void)mac_format(p.conf.mac, mac);
		cr_assert_str_eq(mac, rows[i].expected, "%s: expected \"%s\", found \"%s\"", name,
		                 rows[i].expected, mac);
		json_decref(p.doc);
	}
}

Test(netconf, pod)
{
	struct parsed p =
		parse("pod", "bridge", "{}",
	              "IgnoreUnknown=true;K8S_POD_NAMESPACE=kube-system;K8S_POD_NAME=coredns-0;"
	              "K8S_POD_INFRA_CONTAINER_ID=c1;K8S_POD_UID=u-1;OTHER=x");
	struct parsed none = parse("no pod", "bridge", "{}", "");
	struct parsed plain = parse("without IgnoreUnknown", "bridge", "{}",
	                            "K8S_POD_NAMESPACE=a;K8S_POD_NAME=b");

	good(&p, "pod");
	good(&none, "no pod");
	good(&plain, "without IgnoreUnknown");
	cr_assert(strcmp(p.conf.pod_name, "coredns-0") == 0 &&
	                  strcmp(p.conf.pod_namespace, "kube-system") == 0 &&
	                  strcmp(p.conf.pod_uid, "u-1") == 0,
	          "expected coredns-0 kube-system u-1, found %s %s %s", p.conf.pod_name,
	          p.conf.pod_namespace, p.conf.pod_uid);
	cr_assert(!*none.conf.pod_name && !*none.conf.pod_namespace && !*none.conf.pod_uid,
	          "expected no pod, found %s", none.conf.pod_name);
	cr_assert_str_eq(plain.conf.pod_name, "b", "expected b, found %s", plain.conf.pod_name);
	json_decref(p.doc);
	json_decref(none.doc);
	json_decref(plain.doc);
}

/* The dns of the configuration is handed out as it is, to override the IPAM's. */
Test(netconf, dns)
{
	struct parsed p = parse("dns", "bridge", "{\"DNS\":{\"nameservers\":[\"1.2.3.4\"]}}", "");

	good(&p, "dns");
	cr_assert(json_is_object(p.conf.dns) && jget(p.conf.dns, "nameservers"),
	          "expected the dns object, found none");
	json_decref(p.doc);
}

/* What DEL needs is there although the rest does not hold: the IPAM's type before all, then the mode. */
Test(netconf, enough_for_del)
{
	static const struct {
		const char *type, *text, *args, *ipam;
		enum attach_mode mode;
	} rows[] = {
		{ "bridge", "{\"ipam\":{\"type\":\"host-local\"},\"mtu\":\"x\"}", "", "host-local",
		  MODE_BRIDGE },
		{ "bridge", "{\"ipam\":{\"type\":\"host-local\"},\"bridge\":\"a/b\"}", "",
		  "host-local", MODE_BRIDGE },
		{ "bridge", "{\"ipam\":{\"type\":\"host-local\"},\"vlan\":-1}", "", "host-local",
		  MODE_BRIDGE },
		{ "bridge", "{\"ipam\":{\"type\":\"host-local\"}}", "X=1", "host-local",
		  MODE_BRIDGE },
		{ "bridge", "{\"ipam\":{\"type\":\"host-local\"},\"args\":5}", "", "host-local",
		  MODE_BRIDGE },
		{ "cnida", "{\"ipam\":{\"type\":\"dhcp\"},\"mode\":5}", "", "dhcp", MODE_BRIDGE },
		{ "cnida", "{\"ipam\":{\"type\":\"dhcp\"},\"mode\":\"ptp\",\"ipMasq\":5}", "",
		  "dhcp", MODE_PTP },
		{ "ptp", "{\"ipam\":7}", "", "", MODE_BRIDGE },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct parsed p = parse(rows[i].text, rows[i].type, rows[i].text, rows[i].args);

		cr_assert(p.r < 0, "%s: expected a failure, found %d", rows[i].text, p.r);
		cr_assert(p.conf.ipam_type && strcmp(p.conf.ipam_type, rows[i].ipam) == 0 &&
		                  p.conf.mode == rows[i].mode,
		          "%s: expected ipam \"%s\" and mode %d, found \"%s\" and %d", rows[i].text,
		          rows[i].ipam, rows[i].mode, p.conf.ipam_type ? p.conf.ipam_type : "NULL",
		          p.conf.mode);
		json_decref(p.doc);
	}
}

/* In ptp mode the type cnida knows isDefaultGateway; upstream's ptp does not. */
Test(netconf, default_gateway_of_ptp)
{
	static const char text[] =
		"{\"mode\":\"ptp\",\"ipam\":{\"type\":\"x\"},\"isDefaultGateway\":true}";
	struct parsed cnida = parse("cnida", "cnida", text, ""),
		      ptp = parse("ptp", "ptp", text, "");

	good(&cnida, "cnida");
	good(&ptp, "ptp");
	cr_assert(cnida.conf.is_default_gateway && !ptp.conf.is_default_gateway,
	          "expected it for cnida only, found %d and %d", cnida.conf.is_default_gateway,
	          ptp.conf.is_default_gateway);
	json_decref(cnida.doc);
	json_decref(ptp.doc);
}

/* Keys of the chained plugins are the type cnida's too, and nobody else's. */
Test(unit_netconf, capabilities)
{
	static const struct {
		const char *name, *type, *text;
		bool good, limits, firewall;
	} rows[] = {
		{ "none", "cnida", "{}", true, false, false },
		{ "limits", "cnida", "{\"egressRate\":8000,\"egressBurst\":8000}", true, true,
		  false },
		{ "limits of the runtime", "cnida",
		  "{\"runtimeConfig\":{\"bandwidth\":{\"ingressRate\":8000,\"ingressBurst\":8000}}}",
		  true, true, false },
		{ "no limits", "cnida", "{\"runtimeConfig\":{\"bandwidth\":{\"ingressRate\":0}}}",
		  true, false, false },
		{ "a policy", "cnida", "{\"ingressPolicy\":\"open\"}", true, false, true },
		{ "a chain", "cnida", "{\"iptablesAdminChainName\":\"MINE\"}", true, false, true },
		{ "portmap's backend", "cnida", "{\"backend\":\"nftables\"}", true, false, false },
		{ "firewall's backend", "cnida", "{\"backend\":\"firewalld\"}", true, false, true },
		{ "half a limit", "cnida", "{\"egressRate\":8000}", false, false, false },
		{ "an unknown policy", "cnida", "{\"ingressPolicy\":\"x\"}", false, false, false },
		{ "of others", "bridge", "{\"egressRate\":8000,\"ingressPolicy\":\"x\"}", true,
		  false, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct parsed p = parse(rows[i].name, rows[i].type, rows[i].text, "");

		cr_expect_eq(p.r == 0, rows[i].good, "%s: expected %d, found %d %s", rows[i].name,
		             rows[i].good, p.r, p.e.msg);
		cr_expect(p.conf.has_limits == rows[i].limits &&
		                  (!rows[i].good || p.conf.has_firewall == rows[i].firewall),
		          "%s: expected limits %d firewall %d, found %d %d", rows[i].name,
		          rows[i].limits, rows[i].firewall, p.conf.has_limits, p.conf.has_firewall);
		json_decref(p.doc);
	}
}
