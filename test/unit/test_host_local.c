/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_host_local.c - the host-local IPAM: configuration, round robin, requests, failures, GC, and
 * taking turns with upstream's own executable on one store
 */
#include "ipam_util.h"

#include "ipam/host_local.h"

#include <errno.h>
#include <sys/wait.h>

TestSuite(host_local, .init = util_setup, .fini = util_teardown);

#define UPSTREAM "/usr/lib/cni/host-local"

/* The configuration of the network "net" in this test's folder; @ipam and @top are more keys,
 * with a comma in front. */
static const char *config_of(const char *version, const char *ipam, const char *top)
{
	static char text[4][4096];
	static unsigned int turn;
	char *t = text[turn++ % 4];

	(void)snprintf(
		t, 4096,
		"{\"cniVersion\":\"%s\",\"name\":\"net\",\"type\":\"host-local\",\"ipam\":{\"type\":\"host-local\","
		"\"dataDir\":\"%s\"%s}%s}",
		version, util_data, ipam, top);
	return t;
}

/* One ADD: "10.9.0.2/29>10.9.0.1 ..." or the error's text */
static const char *add_with(const char *id, const char *args, const char *config,
                            const struct sweep_ops *ops, struct err *e)
{
	static char text[4][1400];
	static struct host_local cfg;
	static unsigned int turn;
	char *t = text[turn++ % 4], addr[PREFIX_STR_MAX];
	struct request req = util_request(CNI_ADD, id, args, config);
	struct result res;
	int r;

	result_init(&res);
	*e = (struct err) { .code = 0 };
	r = host_local_parse(&req, &cfg, e);
	if (r == 0)
		r = host_local_add(&req, &cfg, ops, &res, e);
	t[0] = '\0';
	for (size_t i = 0; r == 0 && i < res.n_ips; i++)
		(void)snprintf(t + strlen(t), 1400 - strlen(t), "%s%s>%s", i ? " " : "",
		               prefix_format(&res.ips[i].address, addr),
		               util_text(&res.ips[i].gateway));
	if (r < 0)
		(void)snprintf(t, 1400, "%s", e->msg);
	result_free(&res);
	json_decref(req.config);
	return t;
}

static const char *add(const char *id, const char *args, const char *config)
{
	struct err e;

	return add_with(id, args, config, NULL, &e);
}

/* DEL, CHECK, STATUS and GC: 0 or the code of the error */
static int verb(enum cni_verb v, const char *id, const char *config, struct err *e)
{
	static struct host_local cfg;
	struct request req = util_request(v, id, "", config);
	int r = host_local_parse(&req, &cfg, e);

	if (r == 0)
		r = v == CNI_DEL      ? host_local_del(&req, &cfg, e)
		    : v == CNI_CHECK  ? host_local_check(&req, &cfg, e)
		    : v == CNI_STATUS ? host_local_status(&req, &cfg, e)
		                      : host_local_gc(&req, &cfg, e);
	json_decref(req.config);
	return r < 0 ? e->code : 0;
}

static void expect(const char *name, const char *got, const char *want)
{
	cr_expect(strcmp(got, want) == 0, "%s: expected \"%s\", got \"%s\"", name, want, got);
}

#define SUBNET ",\"subnet\":\"10.9.0.0/29\""
#define R(s, start, end) \
	"{\"subnet\":\"" s "\",\"rangeStart\":\"" start "\",\"rangeEnd\":\"" end "\"}"

struct config_case {
	const char *name, *version, *ipam, *top, *args, *expect;
};

static const struct config_case configs[] = {
	{ "single range", "1.0.0", SUBNET, "", "", "10.9.0.2/29>10.9.0.1" },
	{ "order of the sets", "1.0.0",
	  ",\"subnet\":\"10.0.0.0/24\",\"ranges\":[[{\"subnet\":\"10.1.0.0/24\"}]]",
	  ",\"runtimeConfig\":{\"ipRanges\":[[{\"subnet\":\"10.3.0.0/24\"}]]}", "",
	  "10.3.0.2/24>10.3.0.1 10.0.0.2/24>10.0.0.1 10.1.0.2/24>10.1.0.1" },
	{ "dual stack", "0.2.0",
	  ",\"ranges\":[[{\"subnet\":\"10.0.0.0/24\"}],[{\"subnet\":\"2001:db8::/64\"}]]", "", "",
	  "10.0.0.2/24>10.0.0.1 2001:db8::2/64>2001:db8::1" },
	{ "other cases of keys", "1.0.0", ",\"SubNet\":\"10.9.0.0/29\",\"RangeStart\":\"10.9.0.4\"",
	  "", "", "10.9.0.4/29>10.9.0.1" },
	{ "gateway elsewhere", "1.0.0", SUBNET ",\"gateway\":\"192.168.0.1\"", "", "",
	  "10.9.0.1/29>192.168.0.1" },
	{ "IP", "1.0.0", SUBNET, "", "IP=10.9.0.4", "10.9.0.4/29>10.9.0.1" },
	{ "IP with a length", "1.0.0", SUBNET, "", "IP=10.9.0.4/16", "10.9.0.4/29>10.9.0.1" },
	{ "IP twice, the last one counts", "1.0.0", SUBNET, "", "IP=10.9.0.4;IP=10.9.0.5",
	  "10.9.0.5/29>10.9.0.1" },
	{ "IP empty", "1.0.0", SUBNET, "", "IP=", "10.9.0.2/29>10.9.0.1" },
	{ "Kubernetes' keys", "1.0.0", SUBNET, "",
	  "K8S_POD_NAME=a;IgnoreUnknown=1;K8S_POD_NAMESPACE=b", "10.9.0.2/29>10.9.0.1" },
	{ "args.cni.ips", "1.0.0", SUBNET, ",\"args\":{\"cni\":{\"ips\":[\"10.9.0.6\"]}}", "",
	  "10.9.0.6/29>10.9.0.1" },
	{ "runtimeConfig.ips", "1.0.0", SUBNET, ",\"runtimeConfig\":{\"ips\":[\"10.9.0.6/29\"]}",
	  "", "10.9.0.6/29>10.9.0.1" },
	{ "the same request from everywhere", "1.0.0", SUBNET,
	  ",\"runtimeConfig\":{\"ips\":[\"10.9.0.6\"]},\"args\":{\"cni\":{\"ips\":[\"10.9.0.6\"]}}",
	  "IP=10.9.0.6", "10.9.0.6/29>10.9.0.1" },
	{ "one request per family", "1.0.0",
	  ",\"ranges\":[[{\"subnet\":\"10.0.0.0/24\"}],[{\"subnet\":\"2001:db8::/64\"}]]",
	  ",\"runtimeConfig\":{\"ips\":[\"2001:db8::77\",\"10.0.0.99\"]}", "",
	  "10.0.0.99/24>10.0.0.1 2001:db8::77/64>2001:db8::1" },
	{ "request in the second range", "1.0.0",
	  ",\"ranges\":[[{\"subnet\":\"10.0.0.0/24\"},{\"subnet\":\"10.5.0.0/16\"}]]", "",
	  "IP=10.5.3.3", "10.5.3.3/16>10.5.0.1" },
	{ "no ipam", "1.0.0", "", ",\"ipam\":null", "", "IPAM config missing 'ipam' key" },
	{ "no ranges", "1.0.0", "", "", "", "no IP ranges specified" },
	{ "empty set", "1.0.0", SUBNET ",\"ranges\":[[]]", "", "",
	  "invalid range set 1: empty range set" },
	{ "/31", "1.0.0", ",\"subnet\":\"10.9.0.0/31\"", "", "",
	  "invalid range set 0: Network 10.9.0.0/31 too small to allocate from" },
	{ "mixed", "1.0.0",
	  ",\"ranges\":[[{\"subnet\":\"10.0.0.0/24\"},{\"subnet\":\"2001:db8::/64\"}]]", "", "",
	  "invalid range set 0: mixed address families" },
	{ "sets overlap", "1.0.0",
	  SUBNET ",\"ranges\":[[{\"subnet\":\"10.0.0.0/24\"}],[{\"subnet\":\"10.0.0.0/25\"}]]", "",
	  "", "range set 1 overlaps with 2" },
	{ "0.2.0", "0.2.0",
	  ",\"ranges\":[[{\"subnet\":\"10.0.0.0/24\"}],[{\"subnet\":\"10.1.0.0/24\"}]]", "", "",
	  "CNI version 0.2.0 does not support more than 1 address per family" },
	{ "0.1.0", "0.1.0",
	  ",\"ranges\":[[{\"subnet\":\"fd00::/64\"}],[{\"subnet\":\"fd01::/64\"}]]", "", "",
	  "CNI version 0.1.0 does not support more than 1 address per family" },
	{ "IP is none", "1.0.0", SUBNET, "", "IP=foo",
	  "ARGS: error parsing value of pair \"IP=foo\": invalid IP address foo" },
	{ "unknown key", "1.0.0", SUBNET, "", "X=1", "ARGS: unknown args [\"X=1\"]" },
	{ "IP is the gateway", "1.0.0", SUBNET, "", "IP=10.9.0.1",
	  "failed to allocate for range 0: requested ip 10.9.0.1 is subnet's gateway" },
	{ "IP outside", "1.0.0", SUBNET, "", "IP=10.9.0.9",
	  "failed to allocate all requested IPs: 10.9.0.9" },
	{ "two requests for one set", "1.0.0", SUBNET,
	  ",\"runtimeConfig\":{\"ips\":[\"10.9.0.3\",\"10.9.0.4\",\"fd00::1\"]}", "",
	  "failed to allocate all requested IPs: 10.9.0.4 fd00::1" },
	{ "request is none", "1.0.0", SUBNET, ",\"runtimeConfig\":{\"ips\":[\"x\"]}", "",
	  "runtimeConfig.ips[0]: invalid IP address x" },
	{ "bad statusOnExhaustion", "1.0.0", SUBNET ",\"statusOnExhaustion\":\"maybe\"", "", "",
	  "ipam.statusOnExhaustion: \"maybe\" is neither \"ok\" nor \"not-available\"" },
	{ "bad type", "1.0.0", ",\"ranges\":{}", "", "", "ipam.ranges" },
	{ "resolvConf missing", "1.0.0", SUBNET ",\"resolvConf\":\"/nonexistent/r\"", "", "",
	  "open /nonexistent/r:" },
};

Test(host_local, configurations)
{
	for (size_t i = 0; i < sizeof(configs) / sizeof(configs[0]); i++) {
		const struct config_case *c = &configs[i];
		const char *got = add("c1", c->args, config_of(c->version, c->ipam, c->top));
		char left[300];

		cr_expect(strncmp(got, c->expect, strlen(c->expect)) == 0 &&
		                  (strchr(c->expect, '>') ? got[strlen(c->expect)] == '\0' : true),
		          "%s: expected \"%s\", got \"%s\"", c->name, c->expect, got);
		(void)snprintf(left, sizeof(left), "%s", util_owned("net", "c1"));
		cr_expect((*left != '\0') == (strchr(c->expect, '>') != NULL),
		          "%s: left allocated: %s", c->name, left);
		(void)nftw(util_data, util_remove, 16, FTW_DEPTH | FTW_PHYS);
	}
}

Test(host_local, round_robin)
{
	const char *one = config_of("1.0.0",
	                            ",\"ranges\":[[" R("10.9.0.0/24", "10.9.0.2",
	                                               "10.9.0.4") "," R("10.9.1.0/24", "10.9.1.1",
	                                                                 "10.9.1.2") "]]",
	                            "");
	const char *last =
		config_of("1.0.0", ",\"ranges\":[[" R("fd00::/64", "fd00::7", "fd00::7") "]]", "");
	static const char *const first[] = { "10.9.0.2/24>10.9.0.1", "10.9.0.3/24>10.9.0.1",
		                             "10.9.0.4/24>10.9.0.1", "10.9.1.2/24>10.9.1.1" };
	struct err e;
	char id[8];

	for (size_t i = 0; i < 4; i++) {
		(void)snprintf(id, sizeof(id), "c%zu", i);
		expect("first round", add(id, "", one), first[i]);
	}
	expect("full", add("c4", "", one),
	       "failed to allocate for range 0: no IP addresses available in range set: 10.9.0.2-10.9.0.4,10.9.1.1-10.9.1.2");
	expect("duplicate", add("c1", "", one),
	       "failed to allocate for range 0: 10.9.0.3 has been allocated to c1, duplicate allocation is not allowed");
	expect("duplicate by request", add("c1", "IP=10.9.0.4", one),
	       "failed to allocate for range 0: 10.9.0.3 has been allocated to c1, duplicate allocation is not allowed");
	expect("request of what is taken", add("c9", "IP=10.9.0.4", one),
	       "failed to allocate for range 0: requested IP address 10.9.0.4 is not available in range set 10.9.0.2-10.9.0.4,10.9.1.1-10.9.1.2");
	expect("own request again", add("c1", "IP=10.9.0.3", one),
	       "failed to allocate for range 0: requested IP address 10.9.0.3 is not available in range set 10.9.0.2-10.9.0.4,10.9.1.1-10.9.1.2");
	cr_expect(verb(CNI_DEL, "c0", one, &e) == 0 && verb(CNI_DEL, "c1", one, &e) == 0 &&
	          verb(CNI_DEL, "c0", one, &e) == 0);
	expect("wraps to the first that is free", add("d0", "", one), first[0]);
	cr_expect(verb(CNI_DEL, "d0", one, &e) == 0);
	expect("not the one just given back", add("d1", "", one), first[1]);
	expect("then around", add("d2", "", one), first[0]);

	/* A range of one address; last_reserved_ip is this very one from then on. */
	util_write(util_path("net", "last_reserved_ip.0"), "gibberish", 9);
	for (int i = 0; i < 3; i++) {
		expect("one address", add("e1", "", last), "fd00::7/64>fd00::1");
		expect("one address, full", add("e2", "", last),
		       "failed to allocate for range 0: no IP addresses available in range set: fd00::7-fd00::7");
		cr_expect(verb(CNI_DEL, "e1", last, &e) == 0);
	}
	/* last_reserved_ip outside the set starts at its beginning. */
	util_write(util_path("net", "last_reserved_ip.0"), "10.9.0.200", 10);
	cr_expect(verb(CNI_DEL, "d1", one, &e) == 0 && verb(CNI_DEL, "d2", one, &e) == 0);
	expect("start over", add("f1", "", one), first[0]);
}

/* What earlier sets got is given back when a later one fails, and nothing else is. */
Test(host_local, failure_gives_back)
{
	const char *two =
		config_of("1.0.0",
	                  ",\"ranges\":[[{\"subnet\":\"10.9.0.0/24\"}],[" R("fd00::/64", "fd00::2",
	                                                                    "fd00::2") "]]",
	                  "");
	const char *v6 =
		config_of("1.0.0", ",\"ranges\":[[" R("fd00::/64", "fd00::2", "fd00::2") "]]", "");
	struct err e;
	const char *got;

	expect("first", add("c1", "", two), "10.9.0.2/24>10.9.0.1 fd00::2/64>fd00::1");
	got = add_with("c2", "", two, NULL, &e);
	expect("second", got,
	       "failed to allocate for range 1: no IP addresses available in range set: fd00::2-fd00::2");
	cr_expect(e.code == CNI_E_INTERNAL, "code %d", e.code);
	cr_expect(strstr(e.details, "c1 has fd00::2"), "details: %s", e.details);
	expect("c2 has nothing", util_owned("net", "c2"), "");
	expect("duplicate", add("c1", "", two),
	       "failed to allocate for range 0: 10.9.0.2 has been allocated to c1, duplicate allocation is not allowed");
	expect("c1 keeps what it had", util_owned("net", "c1"), "10.9.0.2 fd00::2");
	(void)util_reserve("net", "c3", "10.9.0.77");
	cr_expect(verb(CNI_DEL, "c1", v6, &e) == 0);
	expect("DEL takes all of the owner in the network", util_owned("net", "c1"), "");
}

Test(host_local, resolv_conf_and_routes)
{
	static const char text[] =
		"# comment\n; another\n\nnameserver 10.0.0.53 extra\n  nameserver\tfd00::53\nnameserver\n"
		"domain example.org other\nsearch a.example b.example\nsearch c.example\noptions ndots:5\noptions edns0 trust-ad\n"
		"sortlist 1.2.3.4\nsearch #x";
	static struct host_local cfg;
	char path[256], ipam[600];
	struct request req;
	struct result res;
	struct err e;
	char *got;

	(void)snprintf(path, sizeof(path), "%s/resolv.conf", util_top);
	util_write(path, text, sizeof(text) - 1);
	(void)snprintf(
		ipam, sizeof(ipam),
		SUBNET
		",\"resolvConf\":\"%s\",\"routes\":[{\"dst\":\"0.0.0.0/0\"},{\"dst\":\"10.0.0.0/8\",\"gw\":\"10.9.0.3\",\"mtu\":1400}]",
		path);
	req = util_request(CNI_ADD, "c1", "", config_of("1.0.0", ipam, ""));
	result_init(&res);
	cr_assert(host_local_parse(&req, &cfg, &e) == 0 &&
	                  host_local_add(&req, &cfg, NULL, &res, &e) == 0,
	          "%s", e.msg);
	got = json_dumps(res.dns, JSON_COMPACT | JSON_SORT_KEYS);
	expect("dns", got,
	       "{\"domain\":\"example.org\",\"nameservers\":[\"10.0.0.53\",\"fd00::53\"],\"options\":[\"ndots:5\",\"edns0\",\"trust-ad\"],"
	       "\"search\":[\"a.example\",\"b.example\",\"c.example\",\"#x\"]}");
	cr_expect(res.n_routes == 2 && res.routes[1].mtu == 1400);
	free(got);
	result_free(&res);
	json_decref(req.config);
}

/* ---- exhaustion and the sweep ---- */

static bool none_alive(const char *path, unsigned long long dev, unsigned long long ino)
{
	(void)path;
	(void)dev;
	(void)ino;
	return false;
}

static int nowhere(const struct ip_addr *addr, void *arg)
{
	(void)addr;
	++*(int *)arg;
	return 0;
}

Test(host_local, sweep)
{
	const char *config = config_of("1.0.0", SUBNET, "");
	int asked = 0;
	struct sweep_ops ops = { .netns_alive = none_alive,
		                 .addr_in_use = nowhere,
		                 .arg = &asked,
		                 .results_dir = "/nonexistent" };
	struct timespec old[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_sec = 1000000000 } };
	struct err e;
	char id[16];

	for (int i = 2; i <= 6; i++) {
		(void)snprintf(id, sizeof(id), "c%d", i);
		(void)add(id, "", config);
	}
	cr_expect(strncmp(add_with("n1", "", config, &ops, &e), "failed to allocate", 18) == 0,
	          "all are young");
	cr_expect(asked == 0, "the young are not even looked for");
	cr_assert(utimensat(AT_FDCWD, util_path("net", "10.9.0.4"), old, 0) == 0);
	expect("swept", add_with("n1", "", config, &ops, &e), "10.9.0.4/29>10.9.0.1");
	expect("its owner is gone", util_owned("net", "c4"), "");
	expect("others stay", util_owned("net", "c5"), "10.9.0.5");
	/* A requested address: only this one is judged. */
	cr_assert(utimensat(AT_FDCWD, util_path("net", "10.9.0.5"), old, 0) == 0);
	cr_assert(utimensat(AT_FDCWD, util_path("net", "10.9.0.6"), old, 0) == 0);
	expect("requested", add_with("n2", "IP=10.9.0.5", config, &ops, &e),
	       "10.9.0.5/29>10.9.0.1");
	expect("not requested", util_owned("net", "c6"), "10.9.0.6");
	/* An empty file is nobody's, without any evidence. */
	util_write(util_path("net", "10.9.0.2"), "", 0);
	expect("empty file", add_with("n3", "", config, NULL, &e), "10.9.0.2/29>10.9.0.1");
}

/* Taken bits that are no longer true do not make a pool empty. */
Test(host_local, exhaustion_reads_the_folder)
{
	const char *config = config_of("1.0.0", SUBNET, "");
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, { 0 } };
	struct stat st;
	char id[16];

	for (int i = 2; i <= 6; i++) {
		(void)snprintf(id, sizeof(id), "c%d", i);
		(void)add(id, "", config);
	}
	cr_assert(stat(util_path("net", "."), &st) == 0 &&
	          unlink(util_path("net", "10.9.0.3")) == 0);
	times[1] = st.st_mtim;
	cr_assert(utimensat(AT_FDCWD, util_path("net", "."), times, 0) == 0);
	expect("found", add("n1", "", config), "10.9.0.3/29>10.9.0.1");
}

/* ---- CHECK, STATUS, GC ---- */

Test(host_local, check)
{
	static const char prev[] =
		",\"prevResult\":{\"cniVersion\":\"1.0.0\",\"ips\":[{\"address\":\"%s/29\"},{\"address\":\"192.168.9.9/24\"}]}";
	char top[256];
	struct err e;

	cr_expect(verb(CNI_CHECK, "c1", config_of("1.0.0", SUBNET, ""), &e) == CNI_E_INTERNAL);
	expect("nothing there", e.msg, "host-local: Failed to find address added by container c1");
	cr_expect(access(util_data, F_OK) != 0, "CHECK creates nothing");
	(void)add("c1", "", config_of("1.0.0", SUBNET, ""));
	cr_expect(verb(CNI_CHECK, "c1", config_of("1.0.0", SUBNET, ""), &e) == 0);
	(void)snprintf(top, sizeof(top), prev, "10.9.0.2");
	cr_expect(verb(CNI_CHECK, "c1", config_of("1.0.0", SUBNET, top), &e) == 0, "%s", e.msg);
	(void)snprintf(top, sizeof(top), prev, "10.9.0.3");
	cr_expect(verb(CNI_CHECK, "c1", config_of("1.0.0", SUBNET, top), &e) == CNI_E_INTERNAL);
	expect("another address", e.msg,
	       "host-local: address 10.9.0.3 of the previous result is not reserved for container c1");
	cr_expect(verb(CNI_CHECK, "c2", config_of("1.0.0", SUBNET, ""), &e) == CNI_E_INTERNAL);
}

Test(host_local, status)
{
	const char *ok = config_of("1.1.0", SUBNET, ""),
		   *strict = config_of("1.1.0", SUBNET ",\"statusOnExhaustion\":\"not-available\"",
	                               "");
	struct err e;
	char id[16];

	cr_expect(verb(CNI_STATUS, "", ok, &e) == 0 && access(util_path("net", "."), F_OK) == 0,
	          "creates the folder");
	cr_expect(verb(CNI_STATUS, "", strict, &e) == 0, "no index, no answer");
	for (int i = 2; i <= 6; i++) {
		cr_expect(verb(CNI_STATUS, "", strict, &e) == 0, "%d are taken", i - 2);
		(void)snprintf(id, sizeof(id), "c%d", i);
		(void)add(id, "", strict);
	}
	cr_expect(verb(CNI_STATUS, "", ok, &e) == 0, "a full pool is no error by default");
	cr_expect(verb(CNI_STATUS, "", strict, &e) == CNI_E_NOT_AVAILABLE);
	expect("full", e.msg, "no IP addresses available in range set: 10.9.0.1-10.9.0.6");
	cr_expect(
		verb(CNI_STATUS, "",
	             "{\"cniVersion\":\"1.1.0\",\"name\":\"net\",\"ipam\":{\"dataDir\":\"/proc/x\",\"subnet\":\"10.9.0.0/29\"}}",
	             &e) == CNI_E_NOT_AVAILABLE,
		"unwritable: %s", e.msg);
}

Test(host_local, gc)
{
	static const struct {
		const char *name, *list;
		bool accepted;
	} cases[] = {
		{ "absent", "", false },
		{ "null", ",\"cni.dev/valid-attachments\":null", false },
		{ "no list", ",\"cni.dev/valid-attachments\":{}", false },
		{ "no objects", ",\"cni.dev/valid-attachments\":[\"c1\"]", false },
		{ "no ID", ",\"cni.dev/valid-attachments\":[{\"ifname\":\"eth0\"}]", false },
		{ "empty ID",
		  ",\"cni.dev/valid-attachments\":[{\"containerID\":\"\",\"ifname\":\"eth0\"}]",
		  false },
		{ "no ifname", ",\"cni.dev/valid-attachments\":[{\"containerID\":\"c1\"}]", false },
		{ "wrong type at the end",
		  ",\"cni.dev/valid-attachments\":[{\"containerID\":\"c1\",\"ifname\":\"eth0\"},{\"containerID\":5,\"ifname\":\"eth0\"}]",
		  false },
		{ "all valid",
		  ",\"cni.dev/valid-attachments\":[{\"containerID\":\"c1\",\"ifname\":\"eth0\"},{\"containerID\":\"c2\",\"ifname\":\"eth0\"}]",
		  true },
	};
	static const char one[] =
		",\"cni.dev/valid-attachments\":[{\"containerID\":\"c2\",\"ifname\":\"eth0\"},{\"containerID\":\"c1\",\"ifname\":\"eth1\"},"
		"{\"containerID\":\"old\",\"ifname\":\"eth7\"}]";
	struct err e;

	cr_expect(verb(CNI_GC, "", config_of("1.1.0", SUBNET, one), &e) == 0, "no folder is fine");
	(void)add("c1", "", config_of("1.1.0", SUBNET, ""));
	(void)add("c2", "", config_of("1.1.0", SUBNET, ""));
	(void)util_reserve("other", "c1", "10.9.0.2");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int code = verb(CNI_GC, "", config_of("1.1.0", SUBNET, cases[i].list), &e);

		/* A null reaches us as a JSON null, an absent list as none; the request layer
		 * makes both NULL. */
		cr_expect(code == (cases[i].accepted ? 0 : CNI_E_CONFIG), "%s: code %d",
		          cases[i].name, code);
		cr_expect(*util_owned("net", "c1") && *util_owned("net", "c2"),
		          "%s: released something", cases[i].name);
	}
	util_write(util_path("net", "10.9.0.5"), "old", 3);
	util_write(util_path("net", "10.9.0.6"), "older", 5);
	util_write(util_path("net", "10.9.0.4"), "", 0);
	cr_expect(verb(CNI_GC, "", config_of("1.1.0", SUBNET, one), &e) == 0, "%s", e.msg);
	expect("c1/eth0 is not valid", util_owned("net", "c1"), "");
	expect("c2 is", util_owned("net", "c2"), "10.9.0.3");
	expect("the old format is by container", util_owned("net", "old"), "10.9.0.5");
	expect("not any container", util_owned("net", "older"), "");
	cr_expect(access(util_path("net", "10.9.0.4"), F_OK) != 0, "nobody's file");
	expect("another network", util_owned("other", "c1"), "10.9.0.2");
	cr_expect(verb(CNI_GC, "", config_of("1.1.0", SUBNET, ",\"cni.dev/valid-attachments\":[]"),
	               &e) == 0);
	expect("an empty list cleans all", util_owned("net", "c2"), "");
}

/* ---- taking turns with upstream ---- */

/* Run upstream's executable; what it printed, with its exit status in front. */
static const char *upstream(const char *command, const char *id, const char *config)
{
	static char out[4096];
	int in[2], from[2], status;
	size_t len = 0;
	ssize_t n;
	pid_t pid = -1;

	cr_assert(pipe(in) == 0 && pipe(from) == 0 && (pid = fork()) >= 0);
	if (pid == 0) {
		char env_command[64], env_id[64];
		char *const argv[] = { (char[]) { "host-local" }, NULL };
		char *const env[] = { env_command,
			              env_id,
			              (char[]) { "CNI_NETNS=/proc/1/ns/none" },
			              (char[]) { "CNI_IFNAME=eth0" },
			              (char[]) { "CNI_PATH=/usr/lib/cni" },
			              NULL };

		(void)snprintf(env_command, sizeof(env_command), "CNI_COMMAND=%s", command);
		(void)snprintf(env_id, sizeof(env_id), "CNI_CONTAINERID=%s", id);
		(void)dup2(in[0], 0);
		(void)dup2(from[1], 1);
		(void)close(in[1]);
		(void)close(from[0]);
		(void)execve(UPSTREAM, argv, env);
		_exit(127);
	}
	(void)close(in[0]);
	(void)close(from[1]);
	cr_assert(write(in[1], config, strlen(config)) == (ssize_t)strlen(config));
	(void)close(in[1]);
	while (len < sizeof(out) - 1 && (n = read(from[0], out + len, sizeof(out) - 1 - len)) > 0)
		len += (size_t)n;
	out[len] = '\0';
	(void)close(from[0]);
	cr_assert(waitpid(pid, &status, 0) == pid);
	return out;
}

/* Upstream's ADD in our notation, or its message */
static const char *upstream_add(const char *id, const char *config)
{
	static char text[600];
	json_t *doc = json_loads(upstream("ADD", id, config), 0, NULL), *ip;
	size_t i;

	cr_assert(doc, "upstream printed no JSON");
	(void)snprintf(text, sizeof(text), "%s",
	               json_object_get(doc, "msg") ? json_string_value(json_object_get(doc, "msg"))
	                                           : "");
	json_array_foreach(json_object_get(doc, "ips"), i, ip)
		(void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s>%s",
		               i ? " " : "", json_string_value(json_object_get(ip, "address")),
		               json_string_value(json_object_get(ip, "gateway")));
	json_decref(doc);
	return text;
}

Test(host_local, turns_with_upstream)
{
	const char *config = config_of(
		"1.0.0",
		",\"ranges\":[[{\"subnet\":\"10.9.0.0/28\"}],[{\"subnet\":\"2001:db8::/64\"}]]",
		"");
	struct err e;
	char id[16], want[128];

	if (access(UPSTREAM, X_OK) != 0)
		cr_skip_test("%s is not here", UPSTREAM);
	/* 10.9.0.2 to .14, turn and turn about, at full speed: within one tick of the clock as
	 * often as can be. */
	for (int i = 2; i <= 14; i++) {
		(void)snprintf(id, sizeof(id), "c%d", i);
		(void)snprintf(want, sizeof(want),
		               "10.9.0.%d/28>10.9.0.1 2001:db8::%x/64>2001:db8::1", i,
		               (unsigned int)i);
		expect(id, i % 2 ? upstream_add(id, config) : add(id, "", config), want);
	}
	expect("ours: full", add("n1", "", config),
	       "failed to allocate for range 0: no IP addresses available in range set: 10.9.0.1-10.9.0.14");
	expect("theirs: full", upstream_add("n1", config),
	       "failed to allocate for range 0: no IP addresses available in range set: 10.9.0.1-10.9.0.14");
	expect("ours: duplicate", add("c3", "", config),
	       "failed to allocate for range 0: 10.9.0.3 has been allocated to c3, duplicate allocation is not allowed");
	expect("theirs: duplicate", upstream_add("c4", config),
	       "failed to allocate for range 0: 10.9.0.4 has been allocated to c4, duplicate allocation is not allowed");
	cr_expect(verb(CNI_CHECK, "c3", config, &e) == 0, "ours checks theirs");
	expect("theirs checks ours", upstream("CHECK", "c4", config), "");
	/* Each deletes the other's. */
	cr_expect(verb(CNI_DEL, "c5", config, &e) == 0);
	expect("their DEL of ours", upstream("DEL", "c8", config), "");
	expect("c5 is gone", util_owned("net", "c5"), "");
	expect("c8 is gone", util_owned("net", "c8"), "");
	expect("theirs takes what ours freed", upstream_add("n1", config),
	       "10.9.0.5/28>10.9.0.1 2001:db8::f/64>2001:db8::1");
	expect("ours takes what theirs freed", add("n2", "", config),
	       "10.9.0.8/28>10.9.0.1 2001:db8::10/64>2001:db8::1");
	/* Same bytes, whoever wrote them. */
	expect("their file", util_read(util_path("net", "10.9.0.5")), "n1\r\neth0");
	expect("our file", util_read(util_path("net", "10.9.0.8")), "n2\r\neth0");
	expect("last", util_read(util_path("net", "last_reserved_ip.1")), "2001:db8::10");
	/* Churn: an address given back by one is free for the other at once, and nothing is lost. */
	for (int i = 0; i < 60; i++) {
		bool theirs = i % 3 == 0;

		(void)snprintf(id, sizeof(id), "c%d", 9 + i % 5);
		if (theirs)
			expect("their DEL", upstream("DEL", id, config), "");
		else
			cr_expect(verb(CNI_DEL, id, config, &e) == 0, "%s", e.msg);
		(void)snprintf(want, sizeof(want), "10.9.0.%d/28>", 9 + i % 5);
		cr_expect(strncmp(i % 2 ? upstream_add(id, config) : add(id, "", config), want,
		                  strlen(want)) == 0,
		          "round %d: not %s", i, want);
	}
}
