/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_vlan.c - VLAN membership of bridge ports: the messages' bytes, and the kernel's answer where it has the feature
 */
#include "kernel/link.h"
#include "space.h"

#include <errno.h>
#include <linux/if_bridge.h>
#include <sys/socket.h>

static bool has_vlan_filtering(void)
{
	const struct bridge_spec spec = { .name = "vlan0",
		                          .mac = space_bridge_mac,
		                          .vlan_filtering = true };
	struct nl_sock s;
	struct err e;
	int r;

	(void)space_new_netns();
	ok(nl_open(NETLINK_ROUTE, &s, &e), &e);
	r = link_add_bridge(&s, &spec, &e);
	cr_expect(r == 0 || r == -EOPNOTSUPP, "bridge with vlan_filtering: found %d: %s", r, e.msg);
	nl_close(&s);
	return r == 0;
}

Test(vlan, messages)
{
	static const uint8_t port[] = {
		/* RTM_DELLINK of VLAN 1 */
		44, 0, 0, 0, 17, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, /* header */
		7, 0, 0, 0, 42, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,  /* AF_BRIDGE, index 42 */
		12, 0, 26, 0x80,                                  /* IFLA_AF_SPEC */
		8, 0, 2, 0, 0, 0, 1, 0,                           /* VLAN_INFO flags 0, VLAN 1 */
		/* RTM_SETLINK: PVID 100, trunk 7 and 200 to 300 */
		68, 0, 0, 0, 19, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, /* header */
		7, 0, 0, 0, 42, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,  /* AF_BRIDGE, index 42 */
		36, 0, 26, 0x80,                                  /* IFLA_AF_SPEC */
		8, 0, 2, 0, 6, 0, 100, 0,                         /* PVID | UNTAGGED */
		8, 0, 2, 0, 0, 0, 7, 0,                           /* one */
		8, 0, 2, 0, 8, 0, 200, 0,                         /* RANGE_BEGIN */
		8, 0, 2, 0, 16, 0, 44, 1,                         /* RANGE_END */
	};
	static const uint8_t self[] = {
		52, 0, 0,  0,    19, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, /* header */
		7,  0, 0,  0,    42, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, /* AF_BRIDGE, index 42 */
		20, 0, 26, 0x80,                                      /* IFLA_AF_SPEC */
		6,  0, 0,  0,    2,  0, 0, 0,                         /* BRIDGE_FLAGS = SELF */
		8,  0, 2,  0,    0,  0, 5, 0,                         /* VLAN 5 */
	};
	const struct port_vlans vlans = {
		.pvid = 100,
		.trunk = { { 7, 7 }, { 200, 300 } },
		.n_trunk = 2,
		.drop_default = true,
	};
	const struct port_vlans own = { .trunk = { { 5, 5 } }, .n_trunk = 1 }, none = { 0 };
	static const struct {
		const char *name;
		const uint8_t *bytes;
		size_t len;
	} rows[] = { { "port", port, sizeof(port) },
		     { "bridge", self, sizeof(self) },
		     { "none", NULL, 0 } };
	const struct port_vlans *const specs[] = { &vlans, &own, &none };
	struct nl_batch b;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		nl_batch_init(&b);
		link_set_vlans_msg(&b, 42, specs[i], i == 1);
		cr_expect(b.len == rows[i].len, "%s: expected %zu bytes, found %zu", rows[i].name,
		          rows[i].len, b.len);
		for (size_t k = 0; k < rows[i].len && k < b.len; k++)
			cr_expect(b.buf[k] == rows[i].bytes[k],
			          "%s: byte %zu: expected %u, found %u", rows[i].name, k,
			          rows[i].bytes[k], b.buf[k]);
	}
}

Test(vlan, port_and_bridge)
{
	const struct port_vlans want = {
		.pvid = 100,
		.trunk = { { 7, 7 }, { 200, 300 } },
		.n_trunk = 2,
		.drop_default = true,
	};
	const struct bridge_spec spec = { .name = SPACE_BRIDGE,
		                          .mac = space_bridge_mac,
		                          .vlan_filtering = true };
	struct port_vlans found;
	struct nl_batch b;
	struct space s;
	struct err e;
	int port;

	if (!has_vlan_filtering())
		cr_skip_test("this kernel has no CONFIG_BRIDGE_VLAN_FILTERING");
	space_open(&s);
	ok(link_add_bridge(&s.node, &spec, &e), &e);
	s.bridge = link_index(&s.node, SPACE_BRIDGE);
	cr_expect(space_link(&s.node, SPACE_BRIDGE).vlan_filtering,
	          "vlan_filtering: expected true");
	(void)space_add_veth(&s);
	port = link_index(&s.node, SPACE_HOST);
	ok(link_get_vlans(&s.node, port, &found, &e), &e);
	cr_expect(found.pvid == 1 && !found.n_trunk, "at first: expected 1 and 0, found %u and %zu",
	          found.pvid, found.n_trunk);
	nl_batch_init(&b);
	link_set_vlans_msg(&b, port, &want, false);
	link_set_vlans_msg(&b, s.bridge, &want, true);
	space_send(&s.node, &b);
	for (int i = 0; i < 2; i++) {
		ok(link_get_vlans(&s.node, i ? s.bridge : port, &found, &e), &e);
		cr_expect(found.pvid == 100 && found.n_trunk == 2,
		          "%d: expected 100 and 2 ranges, found %u and %zu", i, found.pvid,
		          found.n_trunk);
		cr_expect(found.trunk[0].first == 7 && found.trunk[0].last == 7 &&
		                  found.trunk[1].first == 200 && found.trunk[1].last == 300,
		          "%d: expected 7 and 200-300, found %u-%u and %u-%u", i,
		          found.trunk[0].first, found.trunk[0].last, found.trunk[1].first,
		          found.trunk[1].last);
	}
}
