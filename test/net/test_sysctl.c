/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_sysctl.c - /proc/sys/net of the current network namespace
 */
#include "kernel/sysctl.h"
#include "space.h"

#include <errno.h>

Test(sysctl, keys)
{
	static const struct {
		const char *key;
		int no;
		int code;
	} rows[] = {
		{ "net/ipv4/ip_forward", 0, 0 },
		{ "net/ipv4/conf/br.10/arp_notify", 0, 0 },
		{ "net/ipv4/conf/../ip_forward", EINVAL, CNI_E_CONFIG },
		{ "../proc/version", EINVAL, CNI_E_CONFIG },
		{ "net/./ipv4/ip_forward", EINVAL, CNI_E_CONFIG },
		{ "/net/ipv4/ip_forward", EINVAL, CNI_E_CONFIG },
		{ "net//ipv4/ip_forward", EINVAL, CNI_E_CONFIG },
		{ "net/ipv4/ip_forward/", EINVAL, CNI_E_CONFIG },
		{ "net/ipv4/ip_forward/..", EINVAL, CNI_E_CONFIG },
		{ "", EINVAL, CNI_E_CONFIG },
		{ "net.ipv4.ip_forward", ENOENT, CNI_E_INTERNAL },
		{ "net/ipv4/conf/no0/arp_notify", ENOENT, CNI_E_INTERNAL },
	};
	const struct bridge_spec spec = { .name = "br.10", .mac = space_bridge_mac };
	char value[64], deep[1024];
	struct space s;
	struct err e;

	space_open(&s);
	ok(link_add_bridge(&s.node, &spec, &e), &e);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int r;

		e = (struct err) { .msg = "" };
		r = sysctl_get(rows[i].key, value, sizeof(value), &e);
		cr_expect(r == -rows[i].no && e.code == rows[i].code,
		          "get %s: expected %d code %d, found %d code %d: %s", rows[i].key,
		          -rows[i].no, rows[i].code, r, e.code, e.msg);
		r = sysctl_set(rows[i].key, "1", &e);
		cr_expect(r == -rows[i].no, "set %s: expected %d, found %d: %s", rows[i].key,
		          -rows[i].no, r, e.msg);
		r = sysctl_ensure(rows[i].key, "1", &e);
		cr_expect(r == -rows[i].no, "ensure %s: expected %d, found %d: %s", rows[i].key,
		          -rows[i].no, r, e.msg);
	}
	memset(deep, 'a', sizeof(deep) - 1);
	deep[sizeof(deep) - 1] = '\0';
	cr_expect(sysctl_set(deep, "1", &e) == -EINVAL, "a key of %zu bytes: expected %d",
	          sizeof(deep) - 1, -EINVAL);
}

Test(sysctl, values)
{
	static const struct {
		const char *key, *set, *get;
		int no;
	} rows[] = {
		{ "net/ipv4/ip_forward", "1", "1", 0 },
		{ "net/ipv4/ip_forward", "0", "0", 0 },
		{ "net/ipv4/ip_forward", "yes", "0", EINVAL },
		{ "net/ipv4/ip_local_port_range", "20000 30000", "20000\t30000", 0 },
		{ "net/ipv4/tcp_rmem", "4096 131072 6291456", "4096\t131072\t6291456", 0 },
	};
	struct space s;
	struct err e;
	char value[64];
	int r;

	space_open(&s);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		r = sysctl_set(rows[i].key, rows[i].set, &e);
		cr_expect(r == -rows[i].no, "%s = %s: expected %d, found %d", rows[i].key,
		          rows[i].set, -rows[i].no, r);
		ok(sysctl_get(rows[i].key, value, sizeof(value), &e), &e);
		cr_expect_str_eq(value, rows[i].get, "%s: expected \"%s\", found \"%s\"",
		                 rows[i].key, rows[i].get, value);
	}
	/* "20000\t30000" is eleven bytes, and there are a newline and a NUL. */
	cr_expect(sysctl_get(rows[3].key, value, 13, &e) == 0, "just enough room: %s", e.msg);
	cr_expect(sysctl_get(rows[3].key, value, 12, &e) == -EFBIG, "too little room: expected %d",
	          -EFBIG);

	/* Of this namespace and no other. */
	ok(sysctl_set("net/ipv4/ip_forward", "1", &e), &e);
	cr_assert(setns(s.pod_fd, CLONE_NEWNET) == 0, "setns");
	ok(sysctl_get("net/ipv4/ip_local_port_range", value, sizeof(value), &e), &e);
	cr_expect(strcmp(value, "20000\t30000") != 0, "the other namespace: found %s", value);
}

Test(sysctl, read_only)
{
	static const struct {
		const char *key, *value;
		int no;
	} rows[] = {
		{ "net/ipv4/ip_forward", "1", 0 },
		{ "net/ipv4/ip_forward", "1\n", 0 },
		{ "net/ipv4/ip_forward", "0", EROFS },
		{ "net/ipv4/ip_local_port_range", "20000  30000", 0 },
		{ "net/ipv4/ip_local_port_range", "20000", EROFS },
		{ "net/ipv4/ip_local_port_range", "20000 30000 1", EROFS },
		{ "net/ipv4/ip_local_port_range", "2000030000", EROFS },
	};
	struct space s;
	struct err e;

	space_private_mounts();
	space_open(&s);
	ok(sysctl_set("net/ipv4/ip_forward", "1", &e), &e);
	ok(sysctl_set("net/ipv4/ip_local_port_range", "20000 30000", &e), &e);
	cr_assert(mount("/proc/sys", "/proc/sys", NULL, MS_BIND, NULL) == 0 &&
	                  mount(NULL, "/proc/sys", NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL) ==
	                          0,
	          "mount /proc/sys read-only");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int r = sysctl_ensure(rows[i].key, rows[i].value, &e);

		cr_expect(r == -rows[i].no, "%s = \"%s\": expected %d, found %d: %s", rows[i].key,
		          rows[i].value, -rows[i].no, r, e.msg);
	}
	cr_expect(sysctl_set("net/ipv4/ip_forward", "1", &e) == -EROFS, "set: expected %d", -EROFS);
	cr_expect_str_eq(e.msg, "open /proc/sys/net/ipv4/ip_forward: Read-only file system",
	                 "found \"%s\"", e.msg);
}
