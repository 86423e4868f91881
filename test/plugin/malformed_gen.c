/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * malformed_gen.c - garbage for a plugin: truncated, too large, too deep, of the wrong type, out of range
 *
 * All inputs come from one valid configuration that uses every key of the type, changed in one place, so that only this
 * place can be the reason for what happens.
 */
#include "test/plugin/malformed.h"

#include "test/plugin/suites.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct gen {
	const char *type, *version;
	char *valid;
	void (*fn)(const struct input *in, void *arg);
	void *arg;
};

#define HUGE_TEXT ((size_t)(8U << 20))
#define DEEP      10000U

#define ROUTES \
	"\"routes\":[{\"dst\":\"0.0.0.0/0\"},{\"dst\":\"192.0.2.0/24\",\"gw\":\"10.82.0.1\"}]"
#define LOCAL                                                                                     \
	"\"ipam\":{\"type\":\"host-local\",\"dataDir\":\"" MALFORMED_STORE "\",\"ranges\":[[{"    \
	"\"subnet\":\"10.82.0.0/24\",\"rangeStart\":\"10.82.0.10\",\"rangeEnd\":\"10.82.0.200\"," \
	"\"gateway\":\"10.82.0.1\"}]]," ROUTES "}"
#define COMMON \
	"\"args\":{\"cni\":{\"x\":1}},\"runtimeConfig\":{\"x\":1},\"dns\":{\"nameservers\":[\"10.82.0.1\"]}"

static const struct {
	const char *type, *keys;
} valid_keys[] = {
	{ "bridge",
	  "\"bridge\":\"mal0\",\"isGateway\":true,\"forceAddress\":false,\"ipMasq\":true,\"mtu\":1400,"
	  "\"hairpinMode\":false,\"promiscMode\":false,\"vlan\":0," LOCAL "," COMMON },
	{ "ptp", "\"ipMasq\":true,\"mtu\":1400," LOCAL "," COMMON },
	{ "cnida",
	  "\"bridge\":\"mal1\",\"isGateway\":true,\"ipMasq\":true,\"mtu\":1400,\"hairpinMode\":false," LOCAL
	  "," COMMON },
	{ "host-local", LOCAL "," COMMON },
	{ "static",
	  "\"ipam\":{\"type\":\"static\",\"addresses\":[{\"address\":\"10.82.0.2/24\",\"gateway\":\"10.82.0.1\"}]," ROUTES
	  ",\"dns\":{\"domain\":\"x\"}}," COMMON },
	{ "loopback", "\"x\":1" },
};

char *malformed_valid(const char *type, const char *version)
{
	for (size_t i = 0; i < N(valid_keys); i++)
		if (strcmp(valid_keys[i].type, type) == 0)
			return textf("{\"cniVersion\":\"%s\",\"name\":\"mal\",\"type\":\"%s\",%s}",
			             version, type, valid_keys[i].keys);
	return NULL;
}

__attribute__((format(printf, 2, 3))) static struct input named(const struct gen *g,
                                                                const char *fmt, ...)
{
	struct input in = { .conf = g->valid, .len = strlen(g->valid) };
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(in.name, sizeof(in.name), fmt, ap);
	va_end(ap);
	return in;
}

static void emit(const struct gen *g, struct input in, const char *conf, size_t len, bool must_fail)
{
	in.conf = conf;
	in.len = len;
	in.must_fail = must_fail;
	in.big = len > (1U << 16);
	g->fn(&in, g->arg);
}

static void truncations(const struct gen *g)
{
	size_t len = strlen(g->valid), step = len / 40 + 1;

	for (size_t n = 0; n < len; n += step)
		emit(g, named(g, "cut off after %zu of %zu bytes", n, len), g->valid, n, true);
}

/* The valid configuration with another value for a key. */
static char *replaced(const struct gen *g, const char *key, const char *value)
{
	json_t *root = json_loads(g->valid, 0, NULL);
	char *text, *conf;

	json_object_del(root, key);
	text = json_dumps(root, JSON_COMPACT);
	if (!text)
		exit(2);
	conf = textf("%.*s,\"%s\":%s}", (int)strlen(text) - 1, text, key, value);
	free(text);
	json_decref(root);
	return conf;
}

static char *repeated(const char *what, size_t times)
{
	size_t n = strlen(what);
	char *text = malloc(n * times + 1);

	if (!text)
		exit(2);
	for (size_t i = 0; i < times; i++)
		memcpy(text + i * n, what, n);
	text[n * times] = '\0';
	return text;
}

static void one_big(const struct gen *g, const char *name, const char *key, const char *open,
                    const char *what, size_t times, const char *shut, bool must_fail)
{
	char *body = repeated(what, times), *value = textf("%s%s%s", open, body, shut),
	     *conf = replaced(g, key, value);

	emit(g, named(g, "%s", name), conf, strlen(conf), must_fail);
	free(body);
	free(value);
	free(conf);
}

static void large(const struct gen *g)
{
	char *blanks = repeated(" ", HUGE_TEXT), *conf = textf("%s%s", g->valid, blanks), *open;

	one_big(g, "a string of 8 MiB", "x", "\"", "a", HUGE_TEXT, "\"", false);
	one_big(g, "a list of 4 million zeros", "x", "[", "0,", HUGE_TEXT / 2, "0]", false);
	one_big(g, "200,000 keys", "x", "{", "\"k\":1,", 200000, "\"z\":1}", false);
	one_big(g, "100,000 routes", "ipam", "{\"type\":\"host-local\",\"routes\":[",
	        "{\"dst\":\"10.0.0.0/8\"},", 100000, "{\"dst\":\"10.0.0.0/8\"}]}", false);
	one_big(g, "a route list of 1,000", "ipam",
	        "{\"type\":\"host-local\",\"dataDir\":\"" MALFORMED_STORE
	        "\",\"subnet\":\"10.82.0.0/24\",\"routes\":[",
	        "{\"dst\":\"10.0.0.0/8\"},", 1000, "{\"dst\":\"10.0.0.0/8\"}]}", false);
	one_big(g, "10,000 ranges", "ipam", "{\"type\":\"host-local\",\"ranges\":[",
	        "[{\"subnet\":\"10.82.0.0/24\"}],", 10000, "[]]}", false);
	emit(g, named(g, "8 MiB of blanks after it"), conf, strlen(conf), false);
	open = repeated("[", HUGE_TEXT);
	emit(g, named(g, "8 MiB of ["), open, HUGE_TEXT, true);
	memset(open, 0, HUGE_TEXT);
	emit(g, named(g, "8 MiB of NUL"), open, HUGE_TEXT, true);
	memset(open, 0xff, HUGE_TEXT);
	emit(g, named(g, "8 MiB of 0xff"), open, HUGE_TEXT, true);
	free(open);
	free(blanks);
	free(conf);
}

static void deep(const struct gen *g)
{
	static const char *const keys[] = { "x",    "prevResult",    "ipam",
		                            "args", "runtimeConfig", "dns" };
	char *open = repeated("[", DEEP), *shut = repeated("]", DEEP),
	     *lists = textf("%s%s", open, shut);
	char *open_obj = repeated("{\"a\":", DEEP), *shut_obj = repeated("}", DEEP),
	     *objs = textf("%s1%s", open_obj, shut_obj);

	for (size_t i = 0; i < N(keys); i++) {
		char *a = replaced(g, keys[i], lists), *b = replaced(g, keys[i], objs);

		emit(g, named(g, "%u lists in each other as %s", DEEP, keys[i]), a, strlen(a),
		     false);
		emit(g, named(g, "%u objects in each other as %s", DEEP, keys[i]), b, strlen(b),
		     false);
		free(a);
		free(b);
	}
	emit(g, named(g, "%u open lists", DEEP), open, DEEP, true);
	free(open);
	free(shut);
	free(lists);
	free(open_obj);
	free(shut_obj);
	free(objs);
}

/* Every value of the configuration, one at a time, as every other type. */
static const char *const wrong_values[] = { "5",
	                                    "-1",
	                                    "1.5",
	                                    "1e400",
	                                    "\"\"",
	                                    "\"x\"",
	                                    "true",
	                                    "null",
	                                    "[]",
	                                    "{}",
	                                    "[[1]]",
	                                    "{\"a\":null}",
	                                    "99999999999999999999",
	                                    "\"\\u0000\"" };

static void with_value(const struct gen *g, json_t *root, const char *path, json_t *parent,
                       const char *key, size_t index)
{
	for (size_t i = 0; i < N(wrong_values); i++) {
		json_t *old = key ? json_object_get(parent, key) : json_array_get(parent, index),
		       *marker;
		char *text, *at, *conf;

		/* jansson cannot hold all of these values: a marker stands for them in the text. */
		json_incref(old);
		marker = json_string("@@");
		if (key)
			json_object_set_new(parent, key, marker);
		else
			json_array_set_new(parent, index, marker);
		text = json_dumps(root, JSON_COMPACT);
		at = text ? strstr(text, "\"@@\"") : NULL;
		if (!at)
			exit(2);
		conf = textf("%.*s%s%s", (int)(at - text), text, wrong_values[i], at + 4);
		emit(g, named(g, "%s is %s", path, wrong_values[i]), conf, strlen(conf), false);
		if (key)
			json_object_set_new(parent, key, old);
		else
			json_array_set_new(parent, index, old);
		free(text);
		free(conf);
	}
}

static void walk(const struct gen *g, json_t *root, json_t *node, const char *path)
{
	const char *key;
	json_t *v;
	size_t i;

	if (json_is_array(node)) {
		json_array_foreach(node, i, v) {
			char *sub = textf("%s[%zu]", path, i);

			with_value(g, root, sub, node, NULL, i);
			walk(g, root, json_array_get(node, i), sub);
			free(sub);
		}
	}
	json_object_foreach(node, key, v) {
		char *sub = textf("%s%s%s", path, *path ? "." : "", key), *name = strdup(key);

		if (!name)
			exit(2);
		with_value(g, root, sub, node, name, 0);
		walk(g, root, json_object_get(node, name), sub);
		free(sub);
		free(name);
	}
}

static void wrong_types(const struct gen *g)
{
	json_t *root = json_loads(g->valid, 0, NULL);

	walk(g, root, root, "");
	json_decref(root);
}

/* Keys that the valid configuration does not use, with values that none of them can take. */
static void wrong_keys(const struct gen *g)
{
	static const char *const keys[] = {
		"isDefaultGateway",
		"vlanTrunk",
		"macspoofchk",
		"enabledad",
		"preserveDefaultVlan",
		"portIsolation",
		"disableContainerInterface",
		"ipMasqBackend",
		"capabilities",
		"prevResult",
		"cni.dev/valid-attachments",
		"cni.dev/attachments",
		"mode",
		"vlan",
		"mtu",
	};
	static const char *const more[] = {
		"{\"vlanTrunk\":[{\"id\":5000}]}",
		"{\"vlanTrunk\":[{\"minID\":10,\"maxID\":5}]}",
		"{\"vlanTrunk\":[{\"minID\":1}]}",
		"{\"vlan\":4095}",
		"{\"vlan\":-1}",
		"{\"mtu\":-1}",
		"{\"mtu\":1}",
		"{\"mtu\":4294967296}",
		"{\"mtu\":2147483648}",
		"{\"bridge\":\"../x\"}",
		"{\"bridge\":\"a/b\"}",
		"{\"bridge\":\"0123456789abcdef\"}",
		"{\"bridge\":\"a b\"}",
		"{\"bridge\":\"..\"}",
		"{\"bridge\":\"%s%n\"}",
		"{\"bridge\":\"a\\u0000b\"}",
		"{\"bridge\":\"lo\"}",
		"{\"runtimeConfig\":{\"mac\":\"zz\"}}",
		"{\"runtimeConfig\":{\"mac\":\"01:00:5e:00:00:01\"}}",
		"{\"runtimeConfig\":{\"ips\":[\"999.1.1.1/24\"]}}",
		"{\"runtimeConfig\":{\"ips\":\"10.82.0.2\"}}",
		"{\"runtimeConfig\":{\"ipRanges\":[[{\"subnet\":\"x\"}]]}}",
		"{\"runtimeConfig\":{\"ipRanges\":{}}}",
		"{\"args\":{\"cni\":{\"ips\":[5]}}}",
		"{\"args\":{\"cni\":{\"mac\":5}}}",
		"{\"dns\":{\"nameservers\":5}}",
		"{\"dns\":{\"search\":[5]}}",
		"{\"prevResult\":{\"cniVersion\":\"7.7.7\"}}",
		"{\"prevResult\":{\"cniVersion\":\"1.0.0\",\"ips\":5}}",
		"{\"prevResult\":{\"ips\":[{\"address\":\"x\"}]}}",
		"{\"prevResult\":{\"ips\":[{\"address\":\"10.82.0.2/24\",\"interface\":99}]}}",
		"{\"prevResult\":{\"ips\":[{\"address\":\"10.82.0.2/24\",\"interface\":-1}]}}",
		"{\"prevResult\":{\"interfaces\":[{\"name\":\"0123456789abcdef0123\"}]}}",
		"{\"prevResult\":{\"interfaces\":[{\"name\":\"../../x\",\"sandbox\":5}]}}",
		"{\"prevResult\":{\"routes\":[{\"dst\":\"10.0.0.0/99\"}]}}",
		"{\"cni.dev/valid-attachments\":[5]}",
		"{\"cni.dev/valid-attachments\":[{\"containerID\":5}]}",
		"{\"cni.dev/valid-attachments\":[{\"containerID\":\"../x\",\"ifname\":\"../y\"}]}",
	};

	for (size_t i = 0; i < N(keys); i++)
		for (size_t k = 0; k < 12; k += 2) {
			char *conf = replaced(g, keys[i], wrong_values[(k + i) % N(wrong_values)]);

			emit(g,
			     named(g, "%s is %s", keys[i], wrong_values[(k + i) % N(wrong_values)]),
			     conf, strlen(conf), false);
			free(conf);
		}
	for (size_t i = 0; i < N(more); i++) {
		char *conf = textf("%.*s,%s", (int)strlen(g->valid) - 1, g->valid, more[i] + 1);

		emit(g, named(g, "with %s", more[i]), conf, strlen(conf), false);
		free(conf);
	}
}

static void wrong_ranges(const struct gen *g)
{
	static const char *const bad[] = {
		"{\"subnet\":\"10.82.0.0/33\"}",
		"{\"subnet\":\"10.82.0.0/-1\"}",
		"{\"subnet\":\"10.82.0/24\"}",
		"{\"subnet\":\"10.82.0.0\"}",
		"{\"subnet\":\"::/129\"}",
		"{\"subnet\":\"10.82.0.0/32\"}",
		"{\"subnet\":\"010.82.0.0/24\"}",
		"{\"subnet\":\"10.82.0.256/24\"}",
		"{\"subnet\":\" 10.82.0.0/24\"}",
		"{\"subnet\":\"10.82.0.0/24\",\"rangeStart\":\"10.82.0.9\",\"rangeEnd\":\"10.82.0.8\"}",
		"{\"subnet\":\"10.82.0.0/24\",\"rangeStart\":\"::1\"}",
		"{\"subnet\":\"10.82.0.0/24\",\"gateway\":\"x\"}",
		"{\"subnet\":\"10.82.0.0/24\",\"rangeEnd\":\"10.82.0.999\"}",
		"{\"subnet\":\"fe80::1%eth0/64\"}",
		"{\"rangeStart\":\"10.82.0.1\"}",
		"{}",
		"{\"subnet\":\"\"}",
		"{\"subnet\":\"10.82.0.0/24\",\"routes\":[{\"dst\":\"x\"}]}",
		"{\"subnet\":\"10.82.0.0/24\",\"resolvConf\":\"/not/there\"}",
	};
	static const char *const dirs[] = { "relative",    "/dev/null/x", "/proc/1/x",
		                            "/etc/passwd", "../../x",     "/run/../run/mal\\u0000x",
		                            "/sys/x" };
	bool local = strcmp(g->type, "static") != 0 && strcmp(g->type, "loopback") != 0;

	for (size_t i = 0; i < N(bad); i++) {
		char *ipam =
			textf("{\"type\":\"host-local\",\"dataDir\":\"" MALFORMED_STORE "\",%s",
		              bad[i] + 1);
		char *conf = replaced(g, "ipam", ipam);

		emit(g, named(g, "range %s", bad[i]), conf, strlen(conf),
		     local && i != 0 && strcmp(bad[i], "{}") != 0);
		free(ipam);
		free(conf);
	}
	for (size_t i = 0; i < N(dirs); i++) {
		char *ipam = textf(
			"{\"type\":\"host-local\",\"subnet\":\"10.82.0.0/24\",\"dataDir\":\"%s\"}",
			dirs[i]);
		char *conf = replaced(g, "ipam", ipam);

		/* A relative folder is what upstream takes, too: not ours to refuse. */
		emit(g, named(g, "dataDir %s", dirs[i]), conf, strlen(conf),
		     local && i >= 1 && i <= 3);
		free(ipam);
		free(conf);
	}
}

static void bad_bytes(const struct gen *g)
{
	static const char *const bytes[] = { "\xff",         "\xc0\x80",
		                             "\xed\xa0\x80", "\xf4\x90\x80\x80",
		                             "\xe2\x28\xa1", "\x80",
		                             "\x01",         "\n" };
	static const char *const names[] = { "\\u0000", "a\\u0000b", "\\ud800", "\\udc00\\ud800",
		                             "\\u00",   "\\x",       "..",      "../x",
		                             "a b" };
	size_t at = strlen("{\"cniVersion\":\"1.1.0\",\"name\":\"m");
	char *conf;

	for (size_t i = 0; i < N(bytes); i++) {
		conf = textf("%.*s%s%s", (int)at, g->valid, bytes[i], g->valid + at);
		emit(g, named(g, "bytes %zu of no use in the name", i), conf, strlen(conf), true);
		free(conf);
		conf = textf("{\"x%s\":1,%s", bytes[i], g->valid + 1);
		emit(g, named(g, "bytes %zu of no use in a key", i), conf, strlen(conf), false);
		free(conf);
		conf = textf("%s%s", g->valid, bytes[i]);
		emit(g, named(g, "bytes %zu of no use after it", i), conf, strlen(conf), i < 6);
		free(conf);
		conf = textf("%s%s", bytes[i], g->valid);
		emit(g, named(g, "bytes %zu of no use before it", i), conf, strlen(conf), i < 6);
		free(conf);
	}
	for (size_t i = 0; i < N(names); i++) {
		conf = textf("{\"name\":\"%s\",\"cniVersion\":\"%s\",%s", names[i], g->version,
		             strstr(g->valid, "\"type\""));
		emit(g, named(g, "name %s", names[i]), conf, strlen(conf), true);
		free(conf);
	}
	conf = strdup(g->valid);
	if (!conf)
		exit(2);
	conf[at] = '\0';
	emit(g, named(g, "a NUL in the name"), conf, strlen(g->valid), true);
	free(conf);
	emit(g, named(g, "the closing NUL, too"), g->valid, strlen(g->valid) + 1, true);
}

static void doubled(const struct gen *g)
{
	static const char *const texts[] = { "\"name\":\"a/b\"",
		                             "\"Name\":\"a/b\"",
		                             "\"NAME\":5",
		                             "\"cniVersion\":\"9.9.9\"",
		                             "\"CNIVersion\":5",
		                             "\"ipam\":{}",
		                             "\"IPAM\":{\"type\":\"host-local\"}",
		                             "\"ipam\":null",
		                             "\"type\":\"x\"",
		                             "\"Bridge\":\"a/b\"" };
	for (size_t i = 0; i < N(texts); i++) {
		char *last = textf("%.*s,%s}", (int)strlen(g->valid) - 1, g->valid, texts[i]);
		char *first = textf("{%s,%s", texts[i], g->valid + 1);

		emit(g, named(g, "a key twice, the last is %s", texts[i]), last, strlen(last),
		     i < 5);
		emit(g, named(g, "a key twice, the first is %s", texts[i]), first, strlen(first),
		     false);
		free(last);
		free(first);
	}
}

static void environment(const struct gen *g)
{
	static const char *const ids[] = { "../../etc/x", "a/../b", "..",    "-a",  "a\nb",
		                           "a b",         "\xff",   "a%s%n", "a;b", "/" };
	static const char *const ifnames[] = { "..",   ".",      "a/b",
		                               "a:b",  "a b",    "abcdefghijklmnop",
		                               "a\nb", "../../x" };
	static const char *const spaces[] = { "/dev/null",         "/run",
		                              "/not/there",        "not/there",
		                              "/etc/passwd",       "/proc/self/ns/mnt",
		                              "/proc/self/ns/net", "/dev/zero",
		                              "../../x",           "\n",
		                              "/proc/1/ns/not" };
	static const char *const args[] = { "=",
		                            ";;;",
		                            "A=B=C",
		                            "x",
		                            "IP=999",
		                            "IP=10.0.0.1/99;IgnoreUnknown=1",
		                            "MAC=zz;IgnoreUnknown=1",
		                            "IP=;IgnoreUnknown=1",
		                            "IgnoreUnknown=maybe",
		                            "=;=;=",
		                            "IP=\xff;IgnoreUnknown=1",
		                            "IgnoreUnknown=1;IP=10.82.0.1,10.82.0.1,::",
		                            "IgnoreUnknown=1;GATEWAY=x" };
	static const char *const paths[] = { ":",           "::",       "/not/there",
		                             "/etc/passwd", "relative", "\xff" };
	char *long_text = repeated("a", 100000), *long_path = repeated("/a", 4000),
	     *pairs = repeated("K=V;", 20000);
	struct input in;

#define EACH(list, field, must)                                \
	for (size_t i = 0; i < N(list); i++) {                 \
		in = named(g, #field " number %zu", i);        \
		in.field = list[i];                            \
		emit(g, in, g->valid, strlen(g->valid), must); \
	}
	EACH(ids, id, true)
	EACH(ifnames, ifname, true)
	EACH(spaces, netns, false)
	EACH(args, args, false)
	EACH(paths, path, false)
#undef EACH
	for (int i = 0; i < 5; i++) {
		in = named(g, "100,000 bytes as variable %d", i);
		in.id = i == 0 ? long_text : NULL;
		in.ifname = i == 1 ? long_text : NULL;
		in.netns = i == 2 ? long_path : NULL;
		in.args = i == 3 ? pairs : NULL;
		in.path = i == 4 ? long_path : NULL;
		emit(g, in, g->valid, strlen(g->valid), i == 1);
	}
	free(long_text);
	free(long_path);
	free(pairs);
}

void malformed_each(const char *type, const char *version,
                    void (*fn)(const struct input *in, void *arg), void *arg)
{
	struct gen g = { .type = type,
		         .version = version,
		         .valid = malformed_valid(type, version),
		         .fn = fn,
		         .arg = arg };

	if (!g.valid)
		return;
	truncations(&g);
	bad_bytes(&g);
	doubled(&g);
	environment(&g);
	wrong_ranges(&g);
	wrong_keys(&g);
	wrong_types(&g);
	deep(&g);
	large(&g);
	free(g.valid);
}
