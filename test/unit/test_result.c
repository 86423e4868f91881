/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_result.c - results read and written in all seven versions
 */
#include "base/cleanup.h"
#include "base/json.h"
#include "spec/result.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static json_t *document(const char *name, const char *text)
{
	struct err e = { 0 };
	json_t *doc = NULL;

	cr_assert(jparse(text, strlen(text), &doc, &e) == 0, "%s: %s in %s", name, e.msg, text);
	return doc;
}

/* Indentation does not matter here: the document on one line, in the order that it has. */
static char *compact(const char *name, const char *text, bool sorted)
{
	json_auto_t *doc = document(name, text);
	char *out = json_dumps(doc, JSON_COMPACT | (sorted ? JSON_SORT_KEYS : 0));

	cr_assert(out, "%s: out of memory", name);
	return out;
}

static void lift(const char *name, const char *text, enum cni_version config, struct result *ret)
{
	json_auto_t *doc = document(name, text);
	struct err e = { 0 };
	int r = result_parse(doc, config, ret, &e);

	cr_assert(r == 0, "%s: expected 0, found %d (%d %s)", name, r, e.code, e.msg);
}

/* What dual-stack host-local prints, in its three shapes. */
#define IPAM_020                                                                                                   \
	"{\"cniVersion\":\"0.2.0\",\"ip4\":{\"ip\":\"10.9.1.3/29\",\"gateway\":\"10.9.1.1\",\"routes\":[{\"dst\":" \
	"\"0.0.0.0/0\"}]},\"ip6\":{\"ip\":\"2001:db8::3/64\",\"gateway\":\"2001:db8::1\",\"routes\":[{\"dst\":"    \
	"\"::/0\",\"gw\":\"2001:db8::1\"}]},\"dns\":{}}"
#define IPAM_040                                                                                                       \
	"{\"cniVersion\":\"0.4.0\",\"ips\":[{\"version\":\"4\",\"address\":\"10.9.1.3/29\",\"gateway\":\"10.9.1.1\"}," \
	"{\"version\":\"6\",\"address\":\"2001:db8::3/64\",\"gateway\":\"2001:db8::1\"}],\"routes\":[{\"dst\":"        \
	"\"0.0.0.0/0\"},{\"dst\":\"::/0\",\"gw\":\"2001:db8::1\"}],\"dns\":{}}"
#define IPAM_110                                                                                     \
	"{\"cniVersion\":\"1.1.0\",\"ips\":[{\"address\":\"10.9.1.3/29\",\"gateway\":\"10.9.1.1\"}," \
	"{\"address\":\"2001:db8::3/64\",\"gateway\":\"2001:db8::1\"}],\"routes\":[{\"dst\":"        \
	"\"0.0.0.0/0\"},{\"dst\":\"::/0\",\"gw\":\"2001:db8::1\"}]}"

/* Everything that 1.1.0 can say. */
#define FULL_110                                                                                                      \
	"{\"cniVersion\":\"1.1.0\",\"interfaces\":[{\"name\":\"cni0\",\"mac\":\"00:11:22:33:44:55\",\"mtu\":1400},"   \
	"{\"name\":\"eth0\",\"mac\":\"00:11:22:33:44:66\",\"sandbox\":\"/run/netns/a\",\"socketPath\":\"/run/s\","    \
	"\"pciID\":\"8086:9a01\"}],\"ips\":[{\"interface\":0,\"address\":\"10.1.2.3/24\",\"gateway\":\"10.1.2.1\"},"  \
	"{\"interface\":1,\"address\":\"2001:db8:1::3/64\"},{\"address\":\"10.1.2.4/24\"}],\"routes\":[{\"dst\":"     \
	"\"15.5.6.8/24\",\"gw\":\"15.5.6.1\",\"mtu\":1300,\"advmss\":1260,\"priority\":100,\"table\":0,\"scope\":0}," \
	"{\"dst\":\"1111:dddd::aaaa/80\"}],\"dns\":{\"nameservers\":[\"1.2.3.4\"],\"domain\":\"local\",\"search\":"   \
	"[\"a\",\"b\"],\"options\":[\"ndots:5\"]}}"
#define DNS_FULL \
	"\"dns\":{\"nameservers\":[\"1.2.3.4\"],\"domain\":\"local\",\"search\":[\"a\",\"b\"],\"options\":[\"ndots:5\"]}"
#define FULL_040                                                                                                      \
	"{\"cniVersion\":\"0.4.0\",\"interfaces\":[{\"name\":\"cni0\",\"mac\":\"00:11:22:33:44:55\"},"                \
	"{\"name\":\"eth0\",\"mac\":\"00:11:22:33:44:66\",\"sandbox\":\"/run/netns/a\"}],"                            \
	"\"ips\":[{\"version\":\"4\",\"interface\":0,\"address\":\"10.1.2.3/24\",\"gateway\":\"10.1.2.1\"},"          \
	"{\"version\":\"6\",\"interface\":1,\"address\":\"2001:db8:1::3/64\"},"                                       \
	"{\"version\":\"4\",\"address\":\"10.1.2.4/24\"}],\"routes\":[{\"dst\":"                                      \
	"\"15.5.6.8/24\",\"gw\":\"15.5.6.1\",\"mtu\":1300,\"advmss\":1260,\"priority\":100,\"table\":0,\"scope\":0}," \
	"{\"dst\":\"1111:dddd::aaaa/80\"}]," DNS_FULL "}"
#define FULL_010                                                                                                   \
	"{\"cniVersion\":\"0.1.0\",\"ip4\":{\"ip\":\"10.1.2.3/24\",\"gateway\":\"10.1.2.1\",\"routes\":[{\"dst\":" \
	"\"15.5.6.8/24\",\"gw\":\"15.5.6.1\"}]},\"ip6\":{\"ip\":\"2001:db8:1::3/64\",\"routes\":[{\"dst\":"        \
	"\"1111:dddd::aaaa/80\"}]}," DNS_FULL "}"

Test(result, conversions)
{
	static const struct {
		const char *name, *from;
		enum cni_version to;
		const char *expected;
	} rows[] = {
		{ "0.2.0 stays", IPAM_020, CNI_0_2_0, IPAM_020 },
		{ "0.2.0 up to 0.4.0", IPAM_020, CNI_0_4_0, IPAM_040 },
		{ "0.2.0 up to 1.1.0", IPAM_020, CNI_1_1_0, IPAM_110 },
		{ "0.4.0 stays", IPAM_040, CNI_0_4_0, IPAM_040 },
		{ "0.4.0 down to 0.2.0", IPAM_040, CNI_0_2_0, IPAM_020 },
		{ "0.4.0 up to 1.1.0", IPAM_040, CNI_1_1_0, IPAM_110 },
		{ "1.1.0 stays", IPAM_110, CNI_1_1_0, IPAM_110 },
		{ "1.1.0 down to 0.4.0", IPAM_110, CNI_0_4_0, IPAM_040 },
		{ "1.1.0 down to 0.2.0", IPAM_110, CNI_0_2_0, IPAM_020 },
		{ "full 1.1.0 stays", FULL_110, CNI_1_1_0, FULL_110 },
		{ "full 1.1.0 down to 0.4.0", FULL_110, CNI_0_4_0, FULL_040 },
		{ "full 1.1.0 down to 0.1.0", FULL_110, CNI_0_1_0, FULL_010 },
		{ "full 0.4.0 stays", FULL_040, CNI_0_4_0, FULL_040 },
		{ "nothing, 0.3.1", "{\"cniVersion\":\"1.0.0\"}", CNI_0_3_1,
		  "{\"cniVersion\":\"0.3.1\",\"dns\":{}}" },
		{ "nothing, 1.0.0", "{\"cniVersion\":\"0.3.1\",\"dns\":{}}", CNI_1_0_0,
		  "{\"cniVersion\":\"1.0.0\"}" },
		{ "1.0.0 keeps what 1.1.0 says", FULL_110, CNI_1_0_0, NULL },
		{ "routes of a family without an address are dropped",
		  "{\"cniVersion\":\"1.0.0\",\"ips\":[{\"address\":\"10.0.0.2/24\"}],\"routes\":[{\"dst\":\"::/0\"}]}",
		  CNI_0_2_0,
		  "{\"cniVersion\":\"0.2.0\",\"ip4\":{\"ip\":\"10.0.0.2/24\"},\"dns\":{}}" },
		{ "only IPv6", "{\"cniVersion\":\"1.0.0\",\"ips\":[{\"address\":\"fd00::2/64\"}]}",
		  CNI_0_1_0,
		  "{\"cniVersion\":\"0.1.0\",\"ip6\":{\"ip\":\"fd00::2/64\"},\"dns\":{}}" },
		{ "priority 0 is as good as none",
		  "{\"cniVersion\":\"1.1.0\",\"routes\":[{\"dst\":\"::/0\",\"priority\":0,\"mtu\":0}]}",
		  CNI_1_1_0, "{\"cniVersion\":\"1.1.0\",\"routes\":[{\"dst\":\"::/0\"}]}" },
		{ "keys in any case, unknown keys, null",
		  "{\"CNIVersion\":\"1.1.0\",\"IPs\":[{\"ADDRESS\":\"10.0.0.2/24\",\"gateway\":null,\"x\":1}],"
		  "\"routes\":null,\"DNS\":{\"Domain\":\"d\",\"x\":[],\"search\":[]}}",
		  CNI_1_1_0,
		  "{\"cniVersion\":\"1.1.0\",\"ips\":[{\"address\":\"10.0.0.2/24\"}],\"dns\":{\"domain\":\"d\"}}" },
		{ "an index into no interfaces is dropped",
		  "{\"cniVersion\":\"1.0.0\",\"ips\":[{\"interface\":2,\"address\":\"10.0.0.2/24\"}]}",
		  CNI_1_0_0, "{\"cniVersion\":\"1.0.0\",\"ips\":[{\"address\":\"10.0.0.2/24\"}]}" },
		{ "what 0.4.0 cannot say is not read",
		  "{\"cniVersion\":\"0.4.0\",\"interfaces\":[{\"name\":\"a\",\"mtu\":\"x\",\"pciID\":5}]}",
		  CNI_1_1_0, "{\"cniVersion\":\"1.1.0\",\"interfaces\":[{\"name\":\"a\"}]}" },
		{ "empty gateway, long MAC",
		  "{\"cniVersion\":\"1.1.0\",\"interfaces\":[{\"name\":\"ib0\",\"mac\":"
		  "\"80:00:00:48:fe:80:00:00:00:00:00:00:00:02:c9:03:00:00:00:01\"}],"
		  "\"ips\":[{\"address\":\"10.0.0.2/24\",\"gateway\":\"\"}]}",
		  CNI_1_1_0,
		  "{\"cniVersion\":\"1.1.0\",\"interfaces\":[{\"name\":\"ib0\",\"mac\":"
		  "\"80:00:00:48:fe:80:00:00:00:00:00:00:00:02:c9:03:00:00:00:01\"}],"
		  "\"ips\":[{\"address\":\"10.0.0.2/24\"}]}" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_free_ char *text = NULL, *found = NULL, *expected = NULL;
		bool sorted = rows[i].to >= CNI_1_0_0;
		struct result res;
		struct err e = { 0 };
		int r;

		lift(rows[i].name, rows[i].from, CNI_1_1_0, &res);
		r = result_text(&res, rows[i].to, &text, &e);
		cr_assert(r == 0, "%s: expected 0, found %d (%s)", rows[i].name, r, e.msg);
		found = compact(rows[i].name, text, false);
		if (rows[i].expected) {
			expected = compact(rows[i].name, rows[i].expected, sorted);
		} else {
			char from[2048];

			(void)snprintf(from, sizeof(from), "%s", rows[i].from);
			memcpy(strstr(from, "1.1.0"), cni_version_str(rows[i].to), 5);
			expected = compact(rows[i].name, from, sorted);
		}
		cr_assert_str_eq(found, expected, "%s:\nexpected %s\nfound    %s", rows[i].name,
		                 expected, found);
		result_free(&res);
	}
}

Test(result, text_is_indented)
{
	static const char expected[] = "{\n"
				       "    \"cniVersion\": \"0.3.1\",\n"
				       "    \"interfaces\": [\n"
				       "        {\n"
				       "            \"name\": \"lo\",\n"
				       "            \"mac\": \"00:00:00:00:00:00\",\n"
				       "            \"sandbox\": \"/run/netns/a\"\n"
				       "        }\n"
				       "    ],\n"
				       "    \"ips\": [\n"
				       "        {\n"
				       "            \"version\": \"4\",\n"
				       "            \"interface\": 0,\n"
				       "            \"address\": \"127.0.0.1/8\"\n"
				       "        }\n"
				       "    ],\n"
				       "    \"dns\": {}\n"
				       "}";
	struct result res;
	struct err e = { 0 };
	_cleanup_free_ char *text = NULL;

	result_init(&res);
	res.ifaces[0] = (struct result_iface) { .name = "lo",
		                                .mac = "00:00:00:00:00:00",
		                                .sandbox = "/run/netns/a" };
	res.n_ifaces = 1;
	res.ips[0].iface = 0;
	cr_assert(prefix_parse("127.0.0.1/8", &res.ips[0].address), "prefix_parse failed");
	res.n_ips = 1;
	cr_assert(result_text(&res, CNI_0_3_1, &text, &e) == 0, "found %s", e.msg);
	cr_assert_str_eq(text, expected, "expected %s\nfound %s", expected, text);
	result_free(&res);
}

Test(result, no_address_for_old_versions)
{
	for (int v = 0; v < CNI_VERSION_COUNT; v++) {
		json_auto_t *doc = NULL;
		struct result res;
		struct err e = { 0 };
		int r;

		result_init(&res);
		r = result_build(&res, (enum cni_version)v, &doc, &e);
		cr_assert(r == (v <= CNI_0_2_0 ? -EINVAL : 0), "%s: found %d",
		          cni_version_str((enum cni_version)v), r);
		cr_assert(r == 0 || (e.code == CNI_E_INTERNAL &&
		                     strcmp(e.msg, "cannot convert: no valid IP addresses") == 0),
		          "%s: found %d %s", cni_version_str((enum cni_version)v), e.code, e.msg);
	}
}

Test(result, version_of_the_document)
{
	static const struct {
		const char *name, *text;
		enum cni_version config;
		size_t n_ips;
	} rows[] = {
		{ "none: the configuration's 1.0.0", "{\"ips\":[{\"address\":\"10.0.0.2/24\"}]}",
		  CNI_1_0_0, 1 },
		{ "none: the configuration's 0.2.0", "{\"ips\":[{\"address\":\"10.0.0.2/24\"}]}",
		  CNI_0_2_0, 0 },
		{ "empty: the configuration's",
		  "{\"cniVersion\":\"\",\"ip4\":{\"ip\":\"10.0.0.2/24\"}}", CNI_0_1_0, 1 },
		{ "null: the configuration's",
		  "{\"cniVersion\":null,\"ip4\":{\"ip\":\"10.0.0.2/24\"}}", CNI_0_1_0, 1 },
		{ "its own", "{\"cniVersion\":\"0.2.0\",\"ip4\":{\"ip\":\"10.0.0.2/24\"}}",
		  CNI_1_1_0, 1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct result res;

		lift(rows[i].name, rows[i].text, rows[i].config, &res);
		cr_assert(res.n_ips == rows[i].n_ips, "%s: expected %zu addresses, found %zu",
		          rows[i].name, rows[i].n_ips, res.n_ips);
		result_free(&res);
	}
}

#define IPS(entry)    "{\"cniVersion\":\"1.1.0\",\"ips\":[" entry "]}"
#define ROUTES(entry) "{\"cniVersion\":\"1.1.0\",\"routes\":[" entry "]}"
#define IFACES(entry) "{\"cniVersion\":\"1.1.0\",\"interfaces\":[" entry "]}"

Test(result, refused)
{
	static const struct {
		const char *name, *text;
		int code;
		const char *msg;
	} rows[] = {
		{ "unknown version", "{\"cniVersion\":\"9.0.0\"}", 1,
		  "cniVersion: unsupported CNI result version \"9.0.0\"" },
		{ "version is a number", "{\"cniVersion\":1}", 6,
		  "cniVersion: expected a string, found 1" },
		{ "ips is no list", "{\"cniVersion\":\"1.1.0\",\"ips\":{}}", 6,
		  "ips: expected an array, found an object" },
		{ "an address that is none", IPS("null"), 6,
		  "ips[0]: expected an object, found null" },
		{ "no address", IPS("{}"), 6, "ips[0].address: missing" },
		{ "address without a length", IPS("{\"address\":\"10.0.0.2\"}"), 6,
		  "ips[0].address: invalid CIDR address: \"10.0.0.2\"" },
		{ "length too large", IPS("{\"address\":\"10.0.0.2/33\"}"), 6,
		  "ips[0].address: invalid CIDR address: \"10.0.0.2/33\"" },
		{ "address is a number", IPS("{\"address\":5}"), 6,
		  "ips[0].address: expected a string, found 5" },
		{ "bad gateway in the second one",
		  IPS("{\"address\":\"10.0.0.2/24\"},{\"address\":\"10.0.0.3/24\",\"gateway\":\"x\"}"),
		  6, "ips[1].gateway: invalid IP address: \"x\"" },
		{ "version of an address is a number",
		  "{\"cniVersion\":\"0.4.0\",\"ips\":[{\"version\":4,\"address\":\"10.0.0.2/24\"}]}",
		  6, "ips[0].version: expected a string, found 4" },
		{ "index outside",
		  "{\"cniVersion\":\"1.1.0\",\"interfaces\":[{\"name\":\"a\"}],"
		  "\"ips\":[{\"address\":\"10.0.0.2/24\",\"interface\":1}]}",
		  6, "ips[0].interface: expected an integer from 0 to 0, found 1" },
		{ "negative index",
		  "{\"cniVersion\":\"1.1.0\",\"interfaces\":[{\"name\":\"a\"}],"
		  "\"ips\":[{\"address\":\"10.0.0.2/24\",\"interface\":-1}]}",
		  6, "ips[0].interface: expected an integer from 0 to 0, found -1" },
		{ "index is text", IPS("{\"address\":\"10.0.0.2/24\",\"interface\":\"0\"}"), 6,
		  "ips[0].interface: expected an integer, found \"0\"" },
		{ "interface name of 16", IFACES("{\"name\":\"abcdefghijklmnop\"}"), 6,
		  "interfaces[0].name: too long: \"abcdefghijklmnop\"" },
		{ "MAC is a number", IFACES("{\"mac\":5}"), 6,
		  "interfaces[0].mac: expected a string, found 5" },
		{ "negative MTU", IFACES("{\"mtu\":-1}"), 6,
		  "interfaces[0].mtu: expected an integer from 0 to 4294967295, found -1" },
		{ "no destination", ROUTES("{}"), 6, "routes[0].dst: missing" },
		{ "destination without a length", ROUTES("{\"dst\":\"0.0.0.0\"}"), 6,
		  "routes[0].dst: invalid CIDR address: \"0.0.0.0\"" },
		{ "bad gateway", ROUTES("{\"dst\":\"::/0\",\"gw\":\"fe80::1%eth0\"}"), 6,
		  "routes[0].gw: invalid IP address: \"fe80::1%eth0\"" },
		{ "MTU with a fraction", ROUTES("{\"dst\":\"::/0\",\"mtu\":1.5}"), 6,
		  "routes[0].mtu: expected an integer, found 1.5" },
		{ "scope too large", ROUTES("{\"dst\":\"::/0\",\"scope\":256}"), 6,
		  "routes[0].scope: expected an integer from 0 to 255, found 256" },
		{ "table too large", ROUTES("{\"dst\":\"::/0\",\"table\":4294967296}"), 6,
		  "routes[0].table: expected an integer from 0 to 4294967295, found 4294967296" },
		{ "negative priority", ROUTES("{\"dst\":\"::/0\",\"priority\":-1}"), 6,
		  "routes[0].priority: expected an integer from 0 to 4294967295, found -1" },
		{ "advmss is true", ROUTES("{\"dst\":\"::/0\",\"advmss\":true}"), 6,
		  "routes[0].advmss: expected an integer, found true" },
		{ "ip4 without ip", "{\"cniVersion\":\"0.2.0\",\"ip4\":{}}", 6, "ip4.ip: missing" },
		{ "ip4 of the other family",
		  "{\"cniVersion\":\"0.2.0\",\"ip4\":{\"ip\":\"fd00::2/64\"}}", 6,
		  "ip4.ip: address of the other family: \"fd00::2/64\"" },
		{ "ip6 is no object", "{\"cniVersion\":\"0.2.0\",\"ip6\":[]}", 6,
		  "ip6: expected an object, found an array" },
		{ "route of ip4",
		  "{\"cniVersion\":\"0.2.0\",\"ip4\":{\"ip\":\"10.0.0.2/24\",\"routes\":[{\"dst\":\"x\"}]}}",
		  6, "ip4.routes[0].dst: invalid CIDR address: \"x\"" },
		{ "dns is no object", "{\"cniVersion\":\"1.1.0\",\"dns\":[]}", 6,
		  "dns: expected an object, found an array" },
		{ "domain is a list", "{\"cniVersion\":\"1.1.0\",\"dns\":{\"domain\":[]}}", 6,
		  "dns.domain: expected a string, found an array" },
		{ "name server is a number",
		  "{\"cniVersion\":\"1.1.0\",\"dns\":{\"nameservers\":[\"a\",1]}}", 6,
		  "dns.nameservers[1]: expected a string, found 1" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		json_auto_t *doc = document(rows[i].name, rows[i].text);
		struct result res;
		struct err e = { 0 };
		int r = result_parse(doc, CNI_1_1_0, &res, &e);

		cr_assert(r == -EINVAL && e.code == rows[i].code,
		          "%s: expected %d, code %d, found %d, code %d (%s)", rows[i].name, -EINVAL,
		          rows[i].code, r, e.code, e.msg);
		cr_assert_str_eq(e.msg, rows[i].msg, "%s: expected %s, found %s", rows[i].name,
		                 rows[i].msg, e.msg);
		cr_assert(!res.dns && !res.doc && res.n_ips == 0 && res.n_routes == 0 &&
		                  res.n_ifaces == 0,
		          "%s: the result is not empty", rows[i].name);
	}
	for (int i = 0; i < 2; i++) {
		json_auto_t *doc = i ? json_array() : NULL;
		struct result res;
		struct err e = { 0 };
		int r = result_parse(doc, CNI_1_1_0, &res, &e);

		cr_assert(r == -EINVAL && e.code == CNI_E_DECODE, "no object (%d): found %d, %d %s",
		          i, r, e.code, e.msg);
	}
}

Test(result, bounds)
{
	static const struct {
		const char *name, *key, *entry;
		size_t max;
		const char *msg;
	} rows[] = {
		{ "interfaces", "interfaces", "{\"name\":\"a\"}", RESULT_IFACES_MAX,
		  "interfaces: 17 entries, at most 16 are supported" },
		{ "ips", "ips", "{\"address\":\"10.0.0.2/24\"}", RESULT_IPS_MAX,
		  "ips: 33 entries, at most 32 are supported" },
		{ "routes", "routes", "{\"dst\":\"::/0\"}", RESULT_ROUTES_MAX,
		  "routes: 129 entries, at most 128 are supported" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		json_auto_t *doc = json_object();
		json_t *list = json_array();
		struct result res;
		struct err e = { 0 };
		int r;

		json_object_set_new(doc, rows[i].key, list);
		for (size_t k = 0; k < rows[i].max; k++)
			json_array_append_new(list, document(rows[i].name, rows[i].entry));
		r = result_parse(doc, CNI_1_1_0, &res, &e);
		cr_assert(r == 0, "%s: as many as allowed: found %d (%s)", rows[i].name, r, e.msg);
		cr_assert(res.n_ifaces + res.n_ips + res.n_routes == rows[i].max,
		          "%s: found %zu, %zu, %zu", rows[i].name, res.n_ifaces, res.n_ips,
		          res.n_routes);
		result_free(&res);

		json_array_append_new(list, document(rows[i].name, rows[i].entry));
		r = result_parse(doc, CNI_1_1_0, &res, &e);
		cr_assert(r == -E2BIG && e.code == CNI_E_CONFIG, "%s: one more: found %d, code %d",
		          rows[i].name, r, e.code);
		cr_assert_str_eq(e.msg, rows[i].msg, "%s: expected %s, found %s", rows[i].name,
		                 rows[i].msg, e.msg);
	}
}

Test(result, route_of_a_configuration)
{
	json_auto_t *good =
		document("good",
	                 "{\"dst\":\"10.0.0.0/8\",\"gw\":\"10.0.0.1\",\"scope\":253,\"table\":7}");
	json_auto_t *bad = document("bad", "{\"dst\":\"10.0.0.0/8\",\"gw\":1}");
	struct result_route route;
	struct err e = { 0 };
	int r = route_parse(good, "ipam.routes[0]", &route, &e);

	cr_assert(r == 0, "good: found %d (%s)", r, e.msg);
	cr_assert(route.has_scope && route.scope == 253 && route.has_table && route.table == 7 &&
	                  !route.has_priority,
	          "good: found scope %d, table %u", route.scope, route.table);
	r = route_parse(bad, "ipam.routes[0]", &route, &e);
	cr_assert(r < 0 && e.code == CNI_E_CONFIG, "bad: expected code 7, found %d, code %d", r,
	          e.code);
	cr_assert_str_eq(e.msg, "ipam.routes[0].gw: expected a string, found 1", "bad: found %s",
	                 e.msg);
	cr_assert(route.has_table, "bad: the route was changed");
}

Test(result, copy_outlives_the_original)
{
	_cleanup_free_ char *before = NULL, *after = NULL;
	struct result res, copy;
	struct err e = { 0 };

	lift("full", FULL_110, CNI_1_1_0, &res);
	cr_assert(result_text(&res, CNI_1_1_0, &before, &e) == 0, "found %s", e.msg);
	result_copy(&copy, &res);
	result_free(&res);
	cr_assert(res.n_ips == 0 && !res.doc, "the original is not empty");
	result_free(&res);
	cr_assert(result_text(&copy, CNI_1_1_0, &after, &e) == 0, "found %s", e.msg);
	cr_assert_str_eq(after, before, "expected %s, found %s", before, after);
	result_free(&copy);
}

/* ---- property: what is written can be read and written again, in every version ---------------- */

static uint64_t random_state;

static uint32_t any(uint32_t below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)(random_state >> 16) % below;
}

static struct ip_addr any_addr(sa_family_t family)
{
	struct ip_addr a = { .family = family };

	for (size_t i = 0; i < ip_size(family); i++)
		a.bytes[i] = (uint8_t)any(any(2) ? 256 : 1);
	if (family == AF_INET6)
		a.bytes[0] = 0xfd; /* never one that maps IPv4 */
	return a;
}

static sa_family_t any_family(void)
{
	return any(2) ? AF_INET : AF_INET6;
}

static struct ip_prefix any_prefix(sa_family_t family)
{
	return (struct ip_prefix) { .addr = any_addr(family),
		                    .len = (uint8_t)any(ip_bits(family) + 1) };
}

static struct result_route any_route(void)
{
	sa_family_t family = any_family();
	struct result_route route = {
		.dst = any_prefix(family),
		.mtu = any(3) ? 0 : any(9000),
		.advmss = any(3) ? 0 : any(9000),
		.has_priority = any(2),
		.has_table = any(2),
		.has_scope = any(2),
	};

	if (any(2))
		route.gw = any_addr(family);
	route.priority = route.has_priority ? any(3) : 0;
	route.table = route.has_table ? any(UINT32_MAX) : 0;
	route.scope = route.has_scope ? (uint8_t)any(256) : 0;
	return route;
}

static void any_result(struct result *r)
{
	static const char *const texts[] = { NULL, "/run/netns/a", "x<>&\u2028", "\u00e9" };

	result_init(r);
	r->n_ifaces = any(RESULT_IFACES_MAX + 1);
	for (size_t i = 0; i < r->n_ifaces; i++) {
		(void)snprintf(r->ifaces[i].name, sizeof(r->ifaces[i].name), "if%u", any(1000));
		if (any(2))
			(void)snprintf(r->ifaces[i].mac, sizeof(r->ifaces[i].mac),
			               "02:00:00:00:00:%02x", any(256));
		r->ifaces[i].mtu = any(3) ? 0 : any(UINT32_MAX);
		r->ifaces[i].sandbox = texts[any(4)];
		r->ifaces[i].socket_path = texts[any(4)];
		r->ifaces[i].pci_id = texts[any(4)];
	}
	r->n_ips = any(any(2) ? 4 : RESULT_IPS_MAX + 1);
	for (size_t i = 0; i < r->n_ips; i++) {
		sa_family_t family = any_family();

		r->ips[i].address = any_prefix(family);
		if (any(2))
			r->ips[i].gateway = any_addr(family);
		r->ips[i].iface = r->n_ifaces && any(2) ? (int)any((uint32_t)r->n_ifaces) : -1;
	}
	r->n_routes = any(any(2) ? 4 : RESULT_ROUTES_MAX + 1);
	for (size_t i = 0; i < r->n_routes; i++)
		r->routes[i] = any_route();
	if (any(2))
		r->dns = json_pack("{s:[s], s:s, s:[], s:i}", "nameservers", "10.0.0.10", "domain",
		                   any(2) ? "d" : "", "search", "unknown", 1);
	if (any(2)) {
		json_decref(r->dns);
		r->dns = json_pack("{s:[s,s]}", "options", "ndots:5", "a");
	}
}

/* Text of @r as @v, read again and written as @v: the same text. */
static void check_stable(const struct result *r, enum cni_version v, unsigned int round)
{
	_cleanup_free_ char *first = NULL, *second = NULL;
	json_auto_t *doc = NULL;
	struct result again;
	struct err e = { 0 };
	int n = result_text(r, v, &first, &e);

	if (n < 0) {
		cr_assert(v <= CNI_0_2_0 && r->n_ips == 0, "round %u, %s: found %s", round,
		          cni_version_str(v), e.msg);
		return;
	}
	n = jparse(first, strlen(first), &doc, &e);
	cr_assert(n == 0, "round %u, %s: found %s in %s", round, cni_version_str(v), e.msg, first);
	n = result_parse(doc, CNI_0_1_0, &again, &e);
	cr_assert(n == 0, "round %u, %s: found %s in %s", round, cni_version_str(v), e.msg, first);
	n = result_text(&again, v, &second, &e);
	cr_assert(n == 0, "round %u, %s: found %s", round, cni_version_str(v), e.msg);
	cr_assert_str_eq(second, first, "round %u, %s: expected %s, found %s", round,
	                 cni_version_str(v), first, second);
	result_free(&again);
}

/* Down to @v directly, or through 1.1.0's own text: the same. */
static void check_lossless(const struct result *r, enum cni_version v, unsigned int round)
{
	_cleanup_free_ char *full = NULL, *direct = NULL, *indirect = NULL;
	json_auto_t *doc = NULL;
	struct result again;
	struct err e = { 0 };

	if (result_text(r, v, &direct, &e) < 0)
		return;
	cr_assert(result_text(r, CNI_1_1_0, &full, &e) == 0, "round %u: found %s", round, e.msg);
	cr_assert(jparse(full, strlen(full), &doc, &e) == 0, "round %u: found %s", round, e.msg);
	cr_assert(result_parse(doc, CNI_0_1_0, &again, &e) == 0, "round %u: found %s", round,
	          e.msg);
	cr_assert(result_text(&again, v, &indirect, &e) == 0, "round %u: found %s", round, e.msg);
	cr_assert_str_eq(indirect, direct, "round %u, %s: expected %s, found %s", round,
	                 cni_version_str(v), direct, indirect);
	result_free(&again);
}

Test(result, any_result_is_stable)
{
	random_state = 0x9e3779b97f4a7c15;
	for (unsigned int round = 0; round < 200; round++) {
		struct result res;

		any_result(&res);
		for (int v = 0; v < CNI_VERSION_COUNT; v++) {
			check_stable(&res, (enum cni_version)v, round);
			check_lossless(&res, (enum cni_version)v, round);
		}
		result_free(&res);
	}
}
