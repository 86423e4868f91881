/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_tuning.c - type tuning in a real kernel: what ADD changes, DEL puts back, CHECK sees
 */
#include "endpoint/tuning.h"

#include "base/ip.h"
#include "endpoint/tuning_conf.h"
#include "kernel/sysctl.h"

#include <errno.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chained.h"

#define BACKUP TUNING_DATA_DIR "/c1_" SPACE_POD ".json"

/* Not as the machine's own namespace is: a new one takes over how that forwards. */
static void open_pod(struct chained *c)
{
	struct err e;
	int back;

	chained_open(c);
	chained_enter_pod(c, &back);
	ok(sysctl_set("net/ipv4/conf/eth0/forwarding", "0", &e), &e);
	chained_leave_pod(&back);
}

/* One line that says how the pod's interface is, and two sysctls. */
static const char *state(const struct chained *c, char buf[static 256])
{
	struct ifreq ifr = { .ifr_name = SPACE_POD };
	struct link_info link;
	char forward[32], range[64], mac[MAC_STR_MAX];
	struct nl_sock pod = c->space.pod;
	struct err e;
	int back;

	ok(link_get(&pod, 0, SPACE_POD, &link, &e), &e);
	cr_assert(ioctl(pod.fd, SIOCGIFTXQLEN, &ifr) == 0, "queue length");
	chained_enter_pod(c, &back);
	ok(sysctl_get("net/ipv4/conf/eth0/forwarding", forward, sizeof(forward), &e), &e);
	ok(sysctl_get("net/ipv4/ip_local_port_range", range, sizeof(range), &e), &e);
	chained_leave_pod(&back);
	(void)snprintf(buf, 256, "%s mtu %u qlen %d%s%s forwarding %s ports %s",
	               mac_format(link.mac, mac), link.mtu, ifr.ifr_qlen,
	               link.flags & IFF_PROMISC ? " promisc" : "",
	               link.flags & IFF_ALLMULTI ? " allmulti" : "", forward, range);
	return buf;
}

static void is(const struct chained *c, const char *when, const char *expected)
{
	char found[256];

	cr_assert_str_eq(state(c, found), expected, "%s: expected %s, found %s", when, expected,
	                 found);
}

static void add(struct chained *c, const char *keys, const char *expected)
{
	struct result res;
	struct err e = { 0 };

	result_init(&res);
	ok(tuning_add(chained_request(c, "tuning", keys), &res, &e), &e);
	is(c, keys, expected);
	result_free(&res);
}

static void del(struct chained *c, const char *keys)
{
	struct err e = { 0 };

	ok(tuning_del(chained_request(c, "tuning", keys), &e), &e);
	cr_assert(access(BACKUP, F_OK) < 0, "after DEL (%s): expected no backup, found one", keys);
}

#define BEFORE "02:00:00:00:00:03 mtu 1500 qlen 1000 forwarding 0 ports 32768\t60999"
#define ALL                                                                                            \
	"\"mac\":\"02:00:00:00:00:99\",\"mtu\":1400,\"promisc\":true,\"allmulti\":true,\"txQLen\":77," \
	"\"sysctl\":{\"net.ipv4.conf.IFNAME.forwarding\":\"1\",\"net.ipv4.ip_local_port_range\":\"2000 3000\"}"
#define AFTER "02:00:00:00:00:99 mtu 1400 qlen 77 promisc allmulti forwarding 1 ports 2000\t3000"

Test(net_tuning, adds_checks_and_puts_back)
{
	struct chained c;
	struct result res;
	struct err e = { 0 };

	open_pod(&c);
	is(&c, "before", BEFORE);
	result_init(&res);
	ok(tuning_add(chained_request(&c, "tuning", ALL), &res, &e), &e);
	is(&c, "after ADD", AFTER);
	cr_assert_str_eq(res.ifaces[1].mac, "02:00:00:00:00:99", "result: found mac %s",
	                 res.ifaces[1].mac);
	cr_assert_eq(res.ifaces[1].mtu, 1400, "result: found mtu %u", res.ifaces[1].mtu);
	cr_assert_str_eq(res.ifaces[0].mac, "", "result: the node's end: found mac %s",
	                 res.ifaces[0].mac);
	ok(tuning_check(&c.req, &e), &e);
	del(&c, ALL);
	is(&c, "after DEL", BEFORE);
	del(&c, ALL);
	result_free(&res);
	chained_close(&c);
}

/* Two of them in one chain: DEL of either brings back what was there before both. */
Test(net_tuning, two_in_a_chain)
{
	struct chained c;

	open_pod(&c);
	add(&c, "\"mtu\":1400,\"sysctl\":{\"net.ipv4.conf.IFNAME.forwarding\":\"1\"}",
	    "02:00:00:00:00:03 mtu 1400 qlen 1000 forwarding 1 ports 32768\t60999");
	add(&c, ALL, AFTER);
	del(&c, ALL);
	is(&c, "after DEL", BEFORE);
	chained_close(&c);
}

static const struct {
	const char *name, *keys, *part;
	int code;
} failing[] = {
	{ "an MTU that no link can have", "\"mac\":\"02:00:00:00:00:99\",\"mtu\":1000000", "",
	  CNI_E_INTERNAL },
	{ "a multicast MAC",
	  "\"mac\":\"03:00:00:00:00:99\",\"sysctl\":{\"net.ipv4.conf.IFNAME.forwarding\":\"1\"}",
	  "", CNI_E_INTERNAL },
	{ "a sysctl that is not there",
	  "\"mtu\":1400,\"sysctl\":{\"net.ipv4.conf.IFNAME.nothing\":\"1\"}",
	  "/proc/sys/net/ipv4/conf/eth0/nothing", CNI_E_INTERNAL },
	{ "a value that is refused",
	  "\"mtu\":1400,\"sysctl\":{\"net.ipv4.conf.IFNAME.forwarding\":\"1\",\"net.ipv4.ip_local_port_range\":\"x\"}",
	  "ip_local_port_range", CNI_E_INTERNAL },
	{ "not on the list", "\"mtu\":1400,\"sysctl\":{\"net.ipv4.ip_forward\":\"1\"}",
	  "Sysctl net.ipv4.ip_forward is not allowed", CNI_E_CONFIG },
};

/* Nothing stays of an ADD that fails. */
Test(net_tuning, failures_leave_nothing)
{
	struct chained c;
	FILE *f;

	open_pod(&c);
	cr_assert(mkdir("/etc/cni", 0755) == 0 && mkdir("/etc/cni/tuning", 0755) == 0, "folders");
	f = fopen(TUNING_ALLOWLIST, "w");
	cr_assert(f && fputs("IFNAME\nlocal_port_range$\n", f) >= 0 && fclose(f) == 0, "the list");
	for (size_t i = 0; i < ARRAY_SIZE(failing); i++) {
		struct err e = { 0 };
		struct result res;
		int r;

		result_init(&res);
		r = tuning_add(chained_request(&c, "tuning", failing[i].keys), &res, &e);
		cr_assert(r < 0 && e.code == failing[i].code && strstr(e.msg, failing[i].part),
		          "%s: expected code %d with \"%s\", found %d (code %d %s)",
		          failing[i].name, failing[i].code, failing[i].part, r, e.code, e.msg);
		is(&c, failing[i].name, BEFORE);
		cr_assert(access(BACKUP, F_OK) < 0, "%s: a backup stays", failing[i].name);
	}
	chained_close(&c);
}

static const struct {
	const char *name, *command, *part;
} damages[] = {
	{ "MAC", "ip link set eth0 address 02:00:00:00:00:98",
	  "configured Ethernet of eth0 is 02:00:00:00:00:99, current value is 02:00:00:00:00:98" },
	{ "MTU", "ip link set eth0 mtu 1300",
	  "configured MTU of eth0 is 1400, current value is 1300" },
	{ "promisc", "ip link set eth0 promisc off",
	  "configured promisc is true, current value is false" },
	{ "allmulti", "ip link set eth0 allmulticast off",
	  "all-multicast mode is true, current value is false" },
	{ "queue", "ip link set eth0 txqueuelen 9",
	  "configured TxQLen of eth0 is 77, current value is 9" },
	{ "sysctl", "echo 0 > /proc/sys/net/ipv4/conf/eth0/forwarding",
	  "net/ipv4/conf/eth0/forwarding is 1, current value is 0" },
	{ "link", "ip link del eth0", "eth0" },
};

Test(net_tuning, check_names_what_changed)
{
	struct chained c;

	open_pod(&c);
	for (size_t i = 0; i < ARRAY_SIZE(damages); i++) {
		struct err e = { 0 };
		int back, r;

		add(&c, ALL, AFTER);
		chained_enter_pod(&c, &back);
		cr_assert(system(damages[i].command) == 0, "%s", damages[i].command);
		chained_leave_pod(&back);
		r = tuning_check(chained_request(&c, "tuning", ALL), &e);
		cr_assert(r < 0 && strstr(e.msg, damages[i].part),
		          "%s: expected \"%s\", found %d %s", damages[i].name, damages[i].part, r,
		          e.msg);
		del(&c, ALL);
	}
	chained_close(&c);
}

/* DEL with as little as a runtime may give, and in another namespace than ADD's. */
Test(net_tuning, del_always_succeeds)
{
	struct chained c;
	struct request req;
	struct err e = { 0 };
	FILE *f;

	open_pod(&c);
	add(&c, ALL, AFTER);
	req = *chained_request(&c, "tuning", "\"mtu\":\"nonsense\"");
	req.prev_result = NULL;
	req.netns = "";
	ok(tuning_del(&req, &e), &e);
	cr_assert(access(BACKUP, F_OK) < 0, "a backup stays");
	is(&c, "without a namespace", AFTER);

	add(&c, ALL, AFTER);
	req = *chained_request(&c, "tuning", ALL);
	req.netns = "/nonexistent";
	ok(tuning_del(&req, &e), &e);
	cr_assert(access(BACKUP, F_OK) < 0, "a backup stays");

	/* An old backup of another namespace under the same names changes nothing; upstream's, which does not say, does. */
	f = fopen(BACKUP, "w");
	cr_assert(f && fputs("{\"mtu\":1234,\"netns\":\"1:2\"}", f) >= 0 && fclose(f) == 0,
	          "a backup");
	del(&c, "");
	is(&c, "a stale backup", AFTER);
	f = fopen(BACKUP, "w");
	cr_assert(
		f &&
			fputs("{\"mtu\":1234,\"promisc\":false,\"sysctl\":{\"kernel/hostname\":\"x\"}}",
	                      f) >= 0 &&
			fclose(f) == 0,
		"a backup");
	del(&c, "");
	is(&c, "upstream's backup",
	   "02:00:00:00:00:99 mtu 1234 qlen 77 allmulti forwarding 1 ports 2000\t3000");

	req = *chained_request(&c, "tuning", "");
	req.netns = "/proc/self/ns/net";
	cr_assert(tuning_del(&req, &e) < 0 && e.code == CNI_E_NETNS,
	          "our own namespace: expected code 8, found %d", e.code);
	chained_close(&c);
}
