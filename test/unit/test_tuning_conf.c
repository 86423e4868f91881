/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_tuning_conf.c - type tuning: keys, precedence, names of sysctls, the administrator's list, the backup file
 */
#include "base/cleanup.h"
#include "base/ip.h"
#include "base/json.h"
#include "endpoint/tuning_backup.h"
#include "endpoint/tuning_conf.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

static struct request request(const char *text, const char *args)
{
	struct request req = { .verb = CNI_ADD,
		               .type = "tuning",
		               .args = args,
		               .ifname = "eth0",
		               .container_id = "c1",
		               .netns = "" };
	struct err e;

	req.text_len = strlen(text);
	req.text = strdup(text);
	cr_assert(jparse(text, req.text_len, &req.config, &e) == 0, "%s: %s", text, e.msg);
	return req;
}

static void done(struct request *req)
{
	free(req->text);
	json_decref(req->config);
}

/* One line that says all of a configuration. */
static void describe(const struct tuning_conf *c, char *buf, size_t cap)
{
	char mac[MAC_STR_MAX] = "-";
	size_t len;

	if (c->has_mac)
		(void)mac_format(c->mac, mac);
	len = (size_t)snprintf(buf, cap, "%s mac=%s promisc=%d mtu=%u", c->data_dir, mac,
	                       c->promisc, c->mtu);
	if (c->has_allmulti)
		len += (size_t)snprintf(buf + len, cap - len, " allmulti=%d", c->allmulti);
	if (c->has_txqlen)
		len += (size_t)snprintf(buf + len, cap - len, " txqlen=%u", c->txqlen);
	for (size_t i = 0; i < c->n_sysctls; i++)
		len += (size_t)snprintf(buf + len, cap - len, " %s=%s", c->sysctls[i].key,
		                        c->sysctls[i].value);
}

static const struct {
	const char *name, *text, *args, *expected;
} good[] = {
	{ "nothing", "{}", "", "/run/cni/tuning mac=- promisc=0 mtu=0" },
	{ "all keys",
	  "{\"dataDir\":\"/d\",\"sysctl\":{\"net.core.somaxconn\":\"5\"},\"mac\":\"02:00:00:00:00:0A\",\"promisc\":true,"
	  "\"mtu\":1400,\"txQLen\":0,\"allmulti\":false}",
	  "",
	  "/d mac=02:00:00:00:00:0a promisc=1 mtu=1400 allmulti=0 txqlen=0 net/core/somaxconn=5" },
	{ "keys in any case", "{\"MTU\":1400,\"txqlen\":7,\"DATADIR\":\"/d\"}", "",
	  "/d mac=- promisc=0 mtu=1400 txqlen=7" },
	{ "args.cni without anything else",
	  "{\"args\":{\"cni\":{\"sysctl\":{\"net.core.somaxconn\":\"9\"},\"mac\":\"02:00:00:00:00:01\",\"promisc\":true,"
	  "\"mtu\":1,\"txQLen\":2,\"allmulti\":true}}}",
	  "",
	  "/run/cni/tuning mac=02:00:00:00:00:01 promisc=1 mtu=1 allmulti=1 txqlen=2 net/core/somaxconn=9" },
	{ "args.cni overrides",
	  "{\"sysctl\":{\"net.a\":\"1\",\"net.b\":\"2\"},\"promisc\":true,\"mtu\":9,\"allmulti\":true,"
	  "\"args\":{\"cni\":{\"sysctl\":{\"net/b\":\"3\",\"net.c\":\"4\"},\"promisc\":false,\"mtu\":0,\"allmulti\":false}}}",
	  "", "/run/cni/tuning mac=- promisc=0 mtu=0 allmulti=0 net/a=1 net/b=3 net/c=4" },
	{ "MAC: configuration", "{\"mac\":\"02:00:00:00:00:01\"}", "",
	  "/run/cni/tuning mac=02:00:00:00:00:01 promisc=0 mtu=0" },
	{ "MAC: CNI_ARGS", "{\"mac\":\"02:00:00:00:00:01\"}", "MAC=02:00:00:00:00:02",
	  "/run/cni/tuning mac=02:00:00:00:00:02 promisc=0 mtu=0" },
	{ "MAC: runtimeConfig",
	  "{\"mac\":\"02:00:00:00:00:01\",\"RuntimeConfig\":{\"Mac\":\"02:00:00:00:00:03\"}}",
	  "IgnoreUnknown=1;K8S=x;MAC=02:00:00:00:00:02",
	  "/run/cni/tuning mac=02:00:00:00:00:03 promisc=0 mtu=0" },
	{ "MAC: args.cni",
	  "{\"mac\":\"02:00:00:00:00:01\",\"runtimeConfig\":{\"mac\":\"02:00:00:00:00:03\"},"
	  "\"args\":{\"cni\":{\"mac\":\"02:00:00:00:00:04\"}}}",
	  "MAC=02:00:00:00:00:02", "/run/cni/tuning mac=02:00:00:00:00:04 promisc=0 mtu=0" },
	{ "MAC: empty ones are none", "{\"mac\":\"\",\"runtimeConfig\":{\"mac\":\"\"}}", "",
	  "/run/cni/tuning mac=- promisc=0 mtu=0" },
	{ "the same key twice elsewhere", "{\"x\":{\"a\":1,\"a\":2},\"mtu\":5,\"mtu\":6}", "",
	  "/run/cni/tuning mac=- promisc=0 mtu=6" },
	{ "the same key in configuration and args.cni",
	  "{\"sysctl\":{\"net.a\":\"1\"},\"args\":{\"cni\":{\"sysctl\":{\"net.a\":\"2\"}}}}", "",
	  "/run/cni/tuning mac=- promisc=0 mtu=0 net/a=2" },
};

Test(unit_tuning_conf, accepts)
{
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		struct request req = request(good[i].text, good[i].args);
		struct tuning_conf conf;
		char found[1024] = "";
		struct err e = { 0 };
		int r = tuning_conf_parse(&req, &conf, &e);

		cr_assert(r == 0, "%s: expected success, found %d: %s", good[i].name, r, e.msg);
		describe(&conf, found, sizeof(found));
		cr_assert_str_eq(found, good[i].expected, "%s: expected %s, found %s", good[i].name,
		                 good[i].expected, found);
		done(&req);
	}
}

static const struct {
	const char *name, *text, *args, *part;
	int code;
} bad[] = {
	{ "one key twice", "{\"sysctl\":{\"net.a\":\"1\",\"net.b\":\"1\",\"net.a\":\"2\"}}", "",
	  "duplicated sysctl keys are not allowed", CNI_E_CONFIG },
	{ "one key twice, escaped", "{\"SYSCTL\":{\"net.a\":\"1\",\"net\\u002ea\":\"2\"}}", "",
	  "duplicated sysctl keys are not allowed", CNI_E_CONFIG },
	{ "one key twice in args.cni",
	  "{\"args\":{\"cni\":{\"sysctl\":{\"net.a\":\"1\",\"net.a\":\"2\"}}}}", "",
	  "duplicated sysctl keys are not allowed", CNI_E_CONFIG },
	{ "two spellings", "{\"sysctl\":{\"net.a.b\":\"1\",\"net/a.b\":\"2\"}}", "",
	  "duplicated sysctl keys are not allowed", CNI_E_CONFIG },
	{ "two spellings in args.cni",
	  "{\"sysctl\":{\"net.x\":\"1\"},\"args\":{\"cni\":{\"sysctl\":{\"net.a.b\":\"1\",\"net/a.b\":\"2\"}}}}",
	  "", "duplicated sysctl keys are not allowed", CNI_E_CONFIG },
	{ "not of the network", "{\"sysctl\":{\"kernel.hostname\":\"x\"}}", "",
	  "invalid net sysctl key: \"kernel.hostname\"", CNI_E_CONFIG },
	{ "a number", "{\"sysctl\":{\"net.a\":1}}", "", "sysctl.net.a: expected a string, found 1",
	  CNI_E_CONFIG },
	{ "a list", "{\"sysctl\":[]}", "", "sysctl", CNI_E_CONFIG },
	{ "no MAC", "{\"mac\":\"02:00\"}", "", "invalid args 02:00 for MAC addr", CNI_E_CONFIG },
	{ "a negative MTU", "{\"mtu\":-1}", "", "mtu", CNI_E_CONFIG },
	{ "promisc as text", "{\"promisc\":\"true\"}", "", "promisc", CNI_E_CONFIG },
	{ "CNI_ARGS", "{}", "FOO=1", "FOO", CNI_E_INTERNAL },
};

Test(unit_tuning_conf, refuses)
{
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct request req = request(bad[i].text, bad[i].args);
		struct tuning_conf conf;
		struct err e = { 0 };
		int r = tuning_conf_parse(&req, &conf, &e);

		cr_assert(r < 0 && e.code == bad[i].code && strstr(e.msg, bad[i].part),
		          "%s: expected code %d with \"%s\", found %d (code %d %s)", bad[i].name,
		          bad[i].code, bad[i].part, r, e.code, e.msg);
		done(&req);
	}
}

static const struct {
	const char *name, *ifname, *expected; /* NULL: refused */
} keys[] = {
	{ "net.core.somaxconn", "eth0", "net/core/somaxconn" },
	{ "net/core/somaxconn", "eth0", "net/core/somaxconn" },
	{ "net.ipv4.conf.IFNAME.rp_filter", "eth0.100", "net/ipv4/conf/eth0.100/rp_filter" },
	{ "net.ipv4.conf.IFNAME.IFNAME", "e", "net/ipv4/conf/e/IFNAME" },
	{ "IFNAME.ipv4.x", "net", "net/ipv4/x" }, /* below net/, whatever leads there */
	{ "net", "eth0", NULL },
	{ "net.", "eth0", NULL },
	{ "net..x", "eth0", NULL },
	{ "/net/core/x", "eth0", NULL },
	{ "net/../kernel/x", "eth0", NULL },
	{ "net/IFNAME/kernel/x", "..", NULL },
	{ "net/./x", "eth0", NULL },
	{ "netx.core", "eth0", NULL },
	{ "", "eth0", NULL },
};

Test(unit_tuning_conf, names_stay_below_net)
{
	char longest[TUNING_KEY_MAX + 8];

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		char key[TUNING_KEY_MAX] = "";
		struct err e = { 0 };
		int r = tuning_conf_key(keys[i].name, keys[i].ifname, key, &e);

		cr_assert((r == 0) == (keys[i].expected != NULL),
		          "\"%s\": expected %s, found %d %s %s", keys[i].name,
		          keys[i].expected ? keys[i].expected : "a refusal", r, key, e.msg);
		if (keys[i].expected)
			cr_assert_str_eq(key, keys[i].expected, "\"%s\": expected %s, found %s",
			                 keys[i].name, keys[i].expected, key);
		else
			cr_assert(e.code == CNI_E_CONFIG, "\"%s\": expected code 7, found %d",
			          keys[i].name, e.code);
	}
	for (size_t len = TUNING_KEY_MAX - 20; len < TUNING_KEY_MAX + 4; len++) {
		char key[TUNING_KEY_MAX];
		struct err e;

		memset(longest, 'x', len);
		memcpy(longest, "net.IFNAME.", 11);
		longest[len] = '\0';
		cr_assert((tuning_conf_key(longest, "eth0-longer-name", key, &e) == 0) ==
		                  (len + 10 < TUNING_KEY_MAX),
		          "a name of %zu bytes", len);
	}
}

static const struct {
	const char *name, *list;   /* NULL: no file */
	const char *sysctl, *part; /* of the refusal; NULL: allowed */
} lists[] = {
	{ "no list", NULL, "net.a", NULL },
	{ "an empty list", "", "net.a",
	  "Sysctl net.a is not allowed. Only the following sysctls are allowed: []" },
	{ "blank lines", " \n\t\n", "net.a", "is not allowed" },
	{ "a name", "^net\\.a$\n", "net.a", NULL },
	{ "another name", "^net\\.a$\n^net\\.b$\n", "net.ab",
	  "Sysctl net.ab is not allowed. Only the following sysctls are allowed: [^net\\.a$ ^net\\.b$]" },
	{ "anywhere in the name", "core", "net.core.x", NULL },
	{ "the second line, with blanks, no final newline", "^x$\r\n  ^net\\.(a|b)\\.[a-z_]+$  ",
	  "net.b.c_d", NULL },
	{ "as configured: slashes are no dots", "^net\\.a$", "net/a",
	  "Sysctl net/a is not allowed" },
	{ "no regular expression", "net.(a\n", "net.a", "is no regular expression" },
};

Test(unit_tuning_conf, the_administrators_list)
{
	char path[] = "/tmp/cnida-allow.XXXXXX";
	int fd = mkstemp(path);

	cr_assert(fd >= 0, "a temporary file");
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		struct tuning_conf conf = { .n_sysctls = 1 };
		struct err e = { 0 };
		int r;

		conf.sysctls[0].name = lists[i].sysctl;
		if (lists[i].list)
			cr_assert(ftruncate(fd, 0) == 0 &&
			                  pwrite(fd, lists[i].list, strlen(lists[i].list), 0) ==
			                          (ssize_t)strlen(lists[i].list),
			          "%s: write", lists[i].name);
		r = tuning_conf_allowed(&conf, lists[i].list ? path : "/nonexistent/allowlist", &e);
		if (!lists[i].part)
			cr_expect(r == 0, "%s: expected success, found %d %s", lists[i].name, r,
			          e.msg);
		else
			cr_expect(r < 0 && e.code == CNI_E_CONFIG && strstr(e.msg, lists[i].part),
			          "%s: expected code 7 with \"%s\", found %d (code %d %s)",
			          lists[i].name, lists[i].part, r, e.code, e.msg);
	}
	(void)close(fd);
	(void)unlink(path);
}

static void put(const char *dir, const char *text)
{
	char path[128];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/c1_eth0.json", dir);
	f = fopen(path, "w");
	cr_assert(f && fputs(text, f) >= 0 && fclose(f) == 0, "write %s", path);
}

/* What upstream 1.x writes is understood, and what we write has its keys. */
Test(unit_tuning_conf, backup)
{
	char dir[] = "/tmp/cnida-backup.XXXXXX", sub[64];
	struct tuning_backup b, found, earlier = { .has_mtu = true, .mtu = 1000 };
	struct request req = request("{}", "");
	struct err e = { 0 };

	cr_assert(mkdtemp(dir) != NULL, "a temporary folder");
	cr_assert(tuning_backup_read(dir, &req, &b, &e) == 0, "no file: %s", e.msg);
	put(dir,
	    "{\n \"mac\": \"d6:3f:5a:00:00:01\",\n \"promisc\": false,\n \"mtu\": 1500,\n \"txQLen\": 1000\n}");
	cr_assert(tuning_backup_read(dir, &req, &b, &e) == 1, "upstream's file: %s", e.msg);
	cr_assert(b.has_mac && b.mac[0] == 0xd6 && b.has_promisc && !b.promisc && b.mtu == 1500 &&
	                  b.has_txqlen && b.txqlen == 1000 && !b.has_allmulti && !b.sysctls &&
	                  b.netns.ino == 0,
	          "upstream's file: values");
	b.sysctls = json_object();
	(void)json_object_set_new(b.sysctls, "net/a", json_string("1\t2"));
	b.netns = (struct netns_id) { .dev = 4, .ino = 4026531840 };
	tuning_backup_merge(&b, &earlier);
	(void)snprintf(sub, sizeof(sub), "%s/new/folder", dir);
	cr_assert(tuning_backup_write(sub, &req, &b, &e) == 0, "write: %s", e.msg);
	cr_assert(tuning_backup_read(sub, &req, &found, &e) == 1, "our file: %s", e.msg);
	cr_assert(found.has_mac && memcmp(found.mac, b.mac, 6) == 0 && found.mtu == 1000 &&
	                  found.txqlen == 1000 && found.netns.ino == 4026531840 &&
	                  found.netns.dev == 4 && json_equal(found.sysctls, b.sysctls),
	          "our file: values, mtu %u", found.mtu);
	cr_assert(tuning_backup_delete(sub, &req, &e) == 0 &&
	                  tuning_backup_delete(sub, &req, &e) == 0,
	          "delete: %s", e.msg);
	put(dir, "{");
	cr_assert(tuning_backup_read(dir, &req, &earlier, &e) == -EBADMSG, "a damaged file: %s",
	          e.msg);
	tuning_backup_free(&b);
	tuning_backup_free(&found);
	(void)tuning_backup_delete(dir, &req, &e);
	(void)rmdir(sub);
	*strrchr(sub, '/') = '\0';
	(void)rmdir(sub);
	(void)rmdir(dir);
	done(&req);
}
