/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * doctor_kernel.c - what the kernel can do, found by trying it in a namespace of its own
 */
#include "cli/doctor.h"

#include "kernel/link.h"
#include "kernel/netns.h"
#include "kernel/redirect.h"
#include "kernel/ruleset.h"
#include "kernel/sysctl.h"
#include "kernel/tc.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

static const uint8_t mac_a[6] = { 2, 0, 0, 0, 0, 1 }, mac_b[6] = { 2, 0, 0, 0, 0, 2 };

static void try_bridge(struct diagnosis *d, struct nl_sock *s)
{
	const struct bridge_spec spec = { .name = "probe0", .mac = mac_a };
	struct link_info bridge;
	_uninitialized_ struct nl_batch b;
	struct err e;

	if (link_add_bridge(s, &spec, &e) < 0 || link_get(s, 0, "probe0", &bridge, &e) < 0) {
		diagnose(d, FINDING_FAIL, "kernel: bridge",
		         "load or build the module \"bridge\", or use mode \"ptp\"", "%s", e.msg);
		return;
	}
	diagnose(d, FINDING_OK, "kernel: bridge", "", "works");
	nl_batch_init(&b);
	link_set_vlan_filtering_msg(&b, bridge.ifindex);
	if (nl_do(s, &b, &e) < 0)
		diagnose(
			d, FINDING_WARN, "kernel: VLAN filtering",
			"only needed for the keys vlan and vlanTrunk (CONFIG_BRIDGE_VLAN_FILTERING)",
			"%s", e.msg);
	else
		diagnose(d, FINDING_OK, "kernel: VLAN filtering", "", "works");
}

static void try_veth(struct diagnosis *d, struct nl_sock *s)
{
	_cleanup_close_ int ns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	const struct veth_spec spec = {
		.host_name = "probe1",
		.host_mac = mac_a,
		.peer_name = "probe2",
		.peer_mac = mac_b,
		.peer_netns = ns,
		.alias = "probe",
	};
	_uninitialized_ struct nl_batch b;
	struct err e;

	nl_batch_init(&b);
	link_add_veth_msg(&b, &spec);
	link_connect_msg(&b, &spec);
	if (nl_do(s, &b, &e) < 0)
		diagnose(d, FINDING_FAIL, "kernel: veth",
		         "load or build the module \"veth\": no pod can be attached without it",
		         "%s", e.msg);
	else
		diagnose(d, FINDING_OK, "kernel: veth", "", "works");
}

/* What an ADD makes when the first pod needs it. */
static const struct {
	enum ruleset_table table;
	const char *check, *advice;
} tables[] = {
	{ RULESET_BRIDGE, "kernel: nftables bridge",
	  "only needed for macspoofchk (CONFIG_NF_TABLES_BRIDGE)" },
	{ RULESET_HOSTPORT, "kernel: host ports",
	  "only needed for portMappings (CONFIG_NFT_NAT, CONFIG_NFT_FIB_INET)" },
	{ RULESET_FIREWALL, "kernel: firewall",
	  "only needed for ingressPolicy and type firewall (CONFIG_NFT_CT)" },
};

static void try_nftables(struct diagnosis *d)
{
	_cleanup_nl_ struct nl_sock s = { .fd = -1 };
	struct err e;
	int r = nl_open(NETLINK_NETFILTER, &s, &e);

	if (r == 0)
		r = ruleset_create(&s, RULESET_INET, &e);
	if (r < 0)
		diagnose(
			d, FINDING_FAIL, "kernel: nftables",
			"ipMasq needs nf_tables with maps, NAT and masquerade (CONFIG_NF_TABLES_INET, CONFIG_NFT_MASQ)",
			"%s", e.msg);
	else
		diagnose(d, FINDING_OK, "kernel: nftables", "", "maps and masquerade work");
	if (r < 0)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
		if (ruleset_create(&s, tables[i].table, &e) < 0)
			diagnose(d, FINDING_WARN, tables[i].check, tables[i].advice, "%s", e.msg);
		else
			diagnose(d, FINDING_OK, tables[i].check, "", "works");
	}
}

static void try_shaping(struct diagnosis *d, struct nl_sock *s)
{
	const struct tc_tbf tbf = { .rate = 125000, .burst = 16384, .limit = 16384 };
	struct link_info ifb = { .ifindex = 0 };
	_cleanup_nl_ struct nl_sock nft = { .fd = -1 };
	_uninitialized_ struct nl_batch b;
	struct err e;
	int r = tc_add_ifb(s, "probe3", 1500, "probe", &e);

	if (r == 0 && link_get(s, 0, "probe3", &ifb, &e) == 0) {
		nl_batch_init(&b);
		tc_add_tbf_msg(&b, ifb.ifindex, &tbf);
		r = nl_do(s, &b, &e);
	}
	if (r == 0)
		r = redirect_add(s, &nft, "probe1", link_index(s, "probe1"), "probe3", ifb.ifindex,
		                 &e);
	if (r < 0)
		diagnose(
			d, FINDING_WARN, "kernel: bandwidth",
			"only needed for bandwidth limits (CONFIG_IFB, CONFIG_NET_SCH_TBF, CONFIG_NF_TABLES_NETDEV, CONFIG_NFT_FWD_NETDEV)",
			"%s", e.msg);
	else
		diagnose(d, FINDING_OK, "kernel: bandwidth", "", "works");
}

static void try_all(struct diagnosis *d)
{
	_cleanup_nl_ struct nl_sock s = { .fd = -1 };
	struct err e;

	if (nl_open(NETLINK_ROUTE, &s, &e) < 0) {
		diagnose(d, FINDING_FAIL, "kernel: netlink",
		         "check what keeps root from netlink (seccomp, LSM)", "%s", e.msg);
		return;
	}
	try_veth(d, &s);
	try_bridge(d, &s);
	try_nftables(d);
	try_shaping(d, &s);
}

static void look_at_ipv6(struct diagnosis *d)
{
	char value[8] = "";
	struct err e;

	if (sysctl_get("net/ipv6/conf/all/disable_ipv6", value, sizeof(value), &e) < 0)
		diagnose(d, FINDING_WARN, "kernel: IPv6",
		         "only needed for IPv6 and dual-stack networks", "not there");
	else if (strcmp(value, "0") != 0)
		diagnose(d, FINDING_WARN, "kernel: IPv6",
		         "only needed for IPv6 networks: sysctl net.ipv6.conf.all.disable_ipv6=0",
		         "disabled");
	else
		diagnose(d, FINDING_OK, "kernel: IPv6", "", "enabled");
}

void doctor_kernel(struct diagnosis *d)
{
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	struct err e;

	if (home < 0 || unshare(CLONE_NEWNET) < 0) {
		diagnose(d, FINDING_FAIL, "kernel: namespaces",
		         "cnida needs CAP_SYS_ADMIN and CONFIG_NET_NS", "%s", err_text(errno));
		if (home >= 0)
			(void)close(home);
		return;
	}
	try_all(d);
	if (netns_leave(&home, &e) < 0) {
		diagnose(d, FINDING_FAIL, "kernel: namespaces", "run cnida doctor again", "%s",
		         e.msg);
		return;
	}
	look_at_ipv6(d);
}
