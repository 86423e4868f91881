/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * versions.c - the protocol in its seven versions: the form of results, CHECK with prevResult, and GC
 */
#include "test/lib/plugin_state.h"
#include "test/plugin/suites.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define STORE "/run/versions"
#define LOCAL(dir)                                                                      \
	"\"ipam\":{\"type\":\"host-local\",\"dataDir\":\"" STORE dir "\","              \
	"\"ranges\":[[{\"subnet\":\"10.80.0.0/24\"}],[{\"subnet\":\"fd00:80::/64\"}]]," \
	"\"routes\":[{\"dst\":\"0.0.0.0/0\"},{\"dst\":\"192.0.2.0/24\",\"gw\":\"10.80.0.1\"}]}"

static const char *const versions[] = { "0.1.0", "0.2.0", "0.3.0", "0.3.1",
	                                "0.4.0", "1.0.0", "1.1.0" };
enum { V020 = 1, V040 = 4, V110 = 6 };

static const struct kind {
	const char *type;
	int ifaces; /* of the result; -1: not an interface plugin */
	const char *keys;
} kinds[] = {
	{ "bridge", 3, "\"bridge\":\"ver0\",\"isGateway\":true,\"ipMasq\":true," LOCAL("") },
	{ "ptp", 2, "\"ipMasq\":true," LOCAL("") },
	{ "cnida", 3, "\"bridge\":\"ver1\",\"isGateway\":true,\"ipMasq\":true," LOCAL("") },
	{ "host-local", -1, LOCAL("") },
	{ "static", -1,
	  "\"ipam\":{\"type\":\"static\",\"addresses\":[{\"address\":\"10.80.0.2/24\",\"gateway\":\"10.80.0.1\"},"
	  "{\"address\":\"fd00:80::2/64\"}]}" },
	{ "loopback", 1, "\"x\":1" },
};

static struct suite *suite;

/* Is @obj without keys other than the listed ones? */
static bool only(const json_t *obj, const char *const keys[])
{
	const char *key;
	json_t *v;

	json_object_foreach((json_t *)(uintptr_t)obj, key, v) {
		size_t i = 0;

		while (keys[i] && strcmp(keys[i], key) != 0)
			i++;
		if (!keys[i])
			return false;
	}
	return true;
}

static const char *str(const json_t *obj, const char *key)
{
	const char *v = json_string_value(json_object_get(obj, key));

	return v ? v : "";
}

/* 0.1.0 and 0.2.0: one address of each family, nothing about interfaces. */
static const char *wrong_020(const json_t *doc)
{
	static const char *const keys[] = { "cniVersion", "ip4", "ip6", "dns", NULL };
	static const char *const ip_keys[] = { "ip", "gateway", "routes", NULL };

	if (!only(doc, keys))
		return "a key that this version does not have";
	if (!strchr(str(json_object_get(doc, "ip4"), "ip"), '.') ||
	    !only(json_object_get(doc, "ip4"), ip_keys))
		return "ip4 is not as it should be";
	if (!strchr(str(json_object_get(doc, "ip6"), "ip"), ':') ||
	    !only(json_object_get(doc, "ip6"), ip_keys))
		return "ip6 is not as it should be";
	return json_is_object(json_object_get(doc, "dns")) ? NULL : "no dns";
}

static const char *wrong_ip(const json_t *ip, size_t v, const struct kind *k)
{
	static const char *const old[] = { "version", "interface", "address", "gateway", NULL };
	const char *family = strchr(str(ip, "address"), ':') ? "6" : "4";

	if (!strchr(str(ip, "address"), '/'))
		return "an address that is not a CIDR";
	if (!only(ip, v <= V040 ? old : old + 1))
		return "an address with a key that this version does not have";
	if (v <= V040 && strcmp(str(ip, "version"), family) != 0)
		return "an address without its \"version\"";
	if (k->ifaces > 0 && json_integer_value(json_object_get(ip, "interface")) != k->ifaces - 1)
		return "an address that does not point to the container's interface";
	if (k->ifaces < 0 && json_object_get(ip, "interface"))
		return "an IPAM's address that points to an interface";
	return NULL;
}

static const char *wrong_iface(const json_t *iface, size_t v)
{
	static const char *const keys[] = { "name",       "mac",   "sandbox", "mtu",
		                            "socketPath", "pciID", NULL };
	static const char *const old[] = { "name", "mac", "sandbox", NULL };

	if (!only(iface, v <= V040 ? old : keys))
		return "an interface with a key that this version does not have";
	return *str(iface, "name") && strlen(str(iface, "mac")) == 17
	               ? NULL
	               : "an interface without name or mac";
}

static const char *wrong_new(const json_t *doc, size_t v, const struct kind *k,
                             const struct suite_call *c)
{
	static const char *const keys[] = {
		"cniVersion", "interfaces", "ips", "routes", "dns", NULL
	};
	const json_t *ifaces = json_object_get(doc, "interfaces"), *last, *one;
	size_t n = k->ifaces > 0 ? (size_t)k->ifaces : 0, i;
	const char *why = NULL;

	if (!only(doc, keys))
		return "a key that this version does not have";
	if (json_array_size(json_object_get(doc, "ips")) != 2)
		return "not two addresses";
	if (json_array_size(ifaces) != n)
		return "another number of interfaces";
	json_array_foreach(json_object_get(doc, "ips"), i, one)
		why = why ? why : wrong_ip(one, v, k);
	json_array_foreach(ifaces, i, one)
		why = why ? why : wrong_iface(one, v);
	if (why)
		return why;
	last = n ? json_array_get(ifaces, n - 1) : NULL;
	if (last && (strcmp(str(last, "name"), c->ifname) != 0 ||
	             strcmp(str(last, "sandbox"), c->pod->netns) != 0))
		return "the container's interface is not the last, with name and sandbox";
	return v <= V040 && !json_is_object(json_object_get(doc, "dns")) ? "no dns" : NULL;
}

static const char *wrong_form(const struct plugin_run *run, size_t v, const struct kind *k,
                              const struct suite_call *c)
{
	json_t *doc = run_json(run);
	char *again = doc ? json_dumps(doc, JSON_INDENT(4)) : NULL;
	const char *why;

	if (!doc)
		why = "stdout is not one document";
	else if (strcmp(str(doc, "cniVersion"), versions[v]) != 0)
		why = "cniVersion is not the configuration's";
	else if (!again || strcmp(again, run->out) != 0)
		why = "not indented by four spaces, or a line feed at the end";
	else
		why = v <= V020 ? wrong_020(doc) : wrong_new(doc, v, k, c);
	json_decref(doc);
	free(again);
	return why;
}

static bool supported(const char *type, const char *version)
{
	struct suite_call c = { .type = type, .verb = "VERSION" };
	struct plugin_run run;
	char *quoted = textf("\"%s\"", version);
	bool yes;

	suite_exec(suite, &c, &run);
	yes = strstr(run.out, quoted);
	plugin_run_free(&run);
	free(quoted);
	return yes;
}

/* A verb that prints nothing: must it succeed, or fail with a code (0: any)? */
static void quiet(const struct suite_call *c, const char *what, int rc, int code)
{
	char *name = textf("%s %s, %s", c->type, c->verb, what);
	char *want = rc == 0 ? textf("exit 0 and no output")
	                     : textf("exit 1 and %s%.0d", code ? "code " : "an error", code);
	struct plugin_run run;
	const char *problem;
	json_t *doc;

	suite_exec(suite, c, &run);
	problem = run_problem(&run, c->verb);
	doc = run_json(&run);
	expect(suite,
	       !problem && run.rc == rc &&
	               (!code || json_integer_value(json_object_get(doc, "code")) == code),
	       name, want, "%s%s%s", problem ? problem : "", problem ? ": " : "", run_brief(&run));
	json_decref(doc);
	plugin_run_free(&run);
	free(name);
	free(want);
}

static void in_pod(const struct pod *pod, const char *command)
{
	int fd = pod_enter(pod);

	if (fd < 0 || system(command) != 0)
		fprintf(stderr, "plugin/versions: \"%s\" failed in the pod\n", command);
	if (fd >= 0)
		pod_leave(fd);
}

/* CHECK must see what has become of the pod. */
static void check_broken(struct suite_call *c)
{
	static const char *const breaks[][2] = {
		{ "a route is gone", "ip route del 192.0.2.0/24" },
		{ "an address is gone",
		  "ip addr del $(ip -j -4 addr show eth0 | jq -r '.[0].addr_info[0]|"
		  "\"\\(.local)/\\(.prefixlen)\"') dev eth0" },
		{ "the interface is gone", "ip link del eth0" },
	};

	c->verb = "CHECK";
	for (size_t i = 0; i < N(breaks); i++) {
		in_pod(c->pod, breaks[i][1]);
		quiet(c, breaks[i][0], 1, 0);
	}
}

/* ADD, CHECK, DEL in one version. */
static void check_version(const struct kind *k, size_t v)
{
	char *conf = textf("{\"cniVersion\":\"%s\",\"name\":\"ver\",\"type\":\"%s\",%s}",
	                   versions[v], k->type, k->keys);
	char *name = textf("%s ADD, version %s", k->type, versions[v]), *prev = NULL;
	struct suite_call c = { .type = k->type,
		                .verb = "ADD",
		                .conf = conf,
		                .ifname = strcmp(k->type, "loopback") ? "eth0" : "lo" };
	struct plugin_run run;
	const char *why;
	struct pod pod;

	if (pod_create("versions", &pod) < 0)
		exit(2);
	c.pod = &pod;
	suite_exec(suite, &c, &run);
	why = run_problem(&run, "ADD");
	if (!why && run.rc == 0)
		why = wrong_form(&run, v, k, &c);
	expect(suite, run.rc == 0 && !why, name, "a result of that version", "%s: %s",
	       why ? why : "it failed", run_brief(&run));
	if (run.rc == 0) {
		prev = with_prev(conf, run.out);
		c.conf = prev;
	}
	plugin_run_free(&run);
	c.verb = "CHECK";
	quiet(&c, versions[v], v < V040, v < V040 ? 1 : 0);
	if (v == 5 && k->ifaces > 1)
		check_broken(&c);
	c.verb = "DEL";
	quiet(&c, versions[v], 0, 0);
	pod_destroy(&pod);
	free(prev);
	free(name);
	free(conf);
}

/* No address at all cannot be said before 0.3.0. */
static void check_no_address(const char *type)
{
	char *conf = textf(
		"{\"cniVersion\":\"0.2.0\",\"name\":\"ver\",\"type\":\"%s\",\"bridge\":\"ver2\"}",
		type);
	struct suite_call c = { .type = type, .verb = "ADD", .conf = conf };
	struct plugin_run run;
	struct pod pod;

	if (pod_create("versions", &pod) < 0)
		exit(2);
	c.pod = &pod;
	suite_exec(suite, &c, &run);
	expect(suite, run.rc == 1 && strstr(run.out, "\"cannot convert: no valid IP addresses\""),
	       "ADD without IPAM, version 0.2.0",
	       "exit 1, \"cannot convert: no valid IP addresses\"", "%s: %s", type,
	       run_brief(&run));
	plugin_run_free(&run);
	c.verb = "DEL";
	quiet(&c, "after an ADD without addresses", 0, 0);
	pod_destroy(&pod);
	free(conf);
}

struct gc_net {
	char *conf; /* as for ADD */
	struct pod pod[2];
	char *result[2];
};

static const char *const gc_folders[] = { STORE, "/run/cnida/endpoints", NULL };

static void gc_add(const struct kind *k, struct gc_net *n, int i, const char *name)
{
	struct suite_call c = { .type = k->type, .verb = "ADD", .pod = &n->pod[i], .conf = n->conf };
	struct plugin_run run;

	if (pod_create(name, &n->pod[i]) < 0)
		exit(2);
	suite_exec(suite, &c, &run);
	expect(suite, run.rc == 0, name, "its ADD with exit 0", "%s", run_brief(&run));
	n->result[i] = strdup(run.rc == 0 ? run.out : "{}");
	plugin_run_free(&run);
}

/* The state from which nothing changes by itself: the kernel puts in the local route of an IPv6 address a moment after the
 * address. */
static void gc_settle(struct state *ret)
{
	char *diff = NULL;

	for (unsigned int tries = 0; tries < 40; tries++) {
		_cleanup_state_ struct state again = { 0 };

		free(diff);
		state_free(ret);
		state_take(gc_folders, ret);
		usleep(50000);
		state_take(gc_folders, &again);
		diff = state_diff(ret, &again);
		if (!diff)
			return;
	}
	expect(suite, false, "GC, before", "a state that stays", "%s", diff);
	free(diff);
}

static void gc_state(const struct kind *k, const char *what, const struct state *before)
{
	_cleanup_state_ struct state after = { 0 };
	char *diff, *name = textf("%s GC, %s", k->type, what);

	state_take(gc_folders, &after);
	diff = state_diff(before, &after);
	expect(suite, !diff, name, "exactly the others left", "%s", diff ? diff : "");
	free(diff);
	free(name);
}

static void gc_call(const struct kind *k, const struct gc_net *n, const char *what,
                    const char *valid, int rc, int code)
{
	struct suite_call c = { .type = k->type, .verb = "GC" };
	char *conf = textf("{%s%s", valid, n->conf + 1);

	c.conf = conf;
	quiet(&c, what, rc, code);
	free(conf);
}

static void gc_free(struct gc_net *n)
{
	for (int i = 0; i < 2; i++) {
		pod_destroy(&n->pod[i]);
		free(n->result[i]);
	}
	free(n->conf);
}

/* The configuration of another network: other subnets, another bridge, the same folder for its store. */
static char *other_net(const struct kind *k)
{
	static const char *const subst[][2] = { { "10.80.", "10.81." },
		                                { "fd00:80:", "fd00:81:" },
		                                { "\"ver", "\"ves" } };
	char *text = textf("{\"cniVersion\":\"1.1.0\",\"name\":\"gc-a.b\",\"type\":\"%s\",%s}",
	                   k->type, k->keys);

	for (size_t i = 0; i < N(subst); i++)
		for (char *p = text; (p = strstr(p, subst[i][0])); p++)
			memcpy(p, subst[i][1], strlen(subst[i][1]));
	return text;
}

/* Network a has two pods, b one. */
static void check_gc(const struct kind *k)
{
	struct gc_net a = { 0 }, b = { 0 };
	struct state none = { 0 }, one = { 0 }, two = { 0 };
	char *valid, *prev;
	struct suite_call c = { .type = k->type };

	a.conf = textf("{\"cniVersion\":\"1.1.0\",\"name\":\"gc-a\",\"type\":\"%s\",%s}", k->type,
	               k->keys);
	b.conf = other_net(k);
	gc_add(k, &b, 0, "gc-b");
	gc_settle(&none);
	gc_add(k, &a, 0, "gc-a1");
	gc_settle(&one);
	gc_add(k, &a, 1, "gc-a2");
	gc_settle(&two);
	gc_call(k, &a, "no list of valid attachments", "", 1, 7);
	gc_state(k, "no list of valid attachments", &two);
	valid = textf(
		"\"cni.dev/valid-attachments\":[{\"containerID\":\"%s\",\"ifname\":\"eth0\"}],",
		a.pod[0].id);
	gc_call(k, &a, "one of two is valid", valid, 0, 0);
	gc_state(k, "one of two is valid", &one);
	free(valid);
	valid = textf("\"cni.dev/attachments\":[{\"containerID\":\"%s\",\"ifname\":\"eth0\"}],",
	              a.pod[0].id);
	gc_call(k, &a, "the list under its older name", valid, 0, 0);
	gc_state(k, "the list under its older name", &one);
	free(valid);
	/* The same container with another interface is not the attachment. */
	valid = textf(
		"\"cni.dev/valid-attachments\":[{\"containerID\":\"%s\",\"ifname\":\"eth1\"}],",
		a.pod[0].id);
	gc_call(k, &a, "only another interface is valid", valid, 0, 0);
	gc_state(k, "only another interface is valid", &none);
	free(valid);
	gc_call(k, &a, "nothing is valid, nothing is there", "\"cni.dev/valid-attachments\":[],", 0,
	        0);
	gc_state(k, "nothing is valid, nothing is there", &none);
	c.pod = &b.pod[0];
	prev = with_prev(b.conf, b.result[0]);
	c.conf = prev;
	c.verb = "CHECK";
	quiet(&c, "a pod of another network after GC", 0, 0);
	c.pod = &a.pod[0];
	c.conf = a.conf;
	c.verb = "DEL";
	quiet(&c, "after GC", 0, 0);
	gc_call(k, &b, "the other network", "\"cni.dev/valid-attachments\":[],", 0, 0);
	free(prev);
	state_free(&none);
	state_free(&one);
	state_free(&two);
	gc_free(&a);
	gc_free(&b);
}

/* All of it is gone but what pods share. */
static void expect_empty(const struct state *before)
{
	_cleanup_state_ struct state after = { 0 };
	char *diff;

	if (system("(for i in ver0 ver1 ver2 ves0 ves1; do ip link del $i; done; nft delete table inet cnida; nft delete table bridge cnida) 2>/dev/null") <
	    0)
		exit(2);
	state_take(gc_folders, &after);
	diff = state_diff(before, &after);
	expect(suite, !diff, "the node in the end", "as before", "%s", diff ? diff : "");
	free(diff);
}

void suite_versions(struct suite *s)
{
	_cleanup_state_ struct state before = { 0 };

	suite = s;
	(void)mkdir(STORE, 0755);
	state_take(gc_folders, &before);
	for (size_t i = 0; i < N(kinds); i++) {
		if (!suite_has(s, kinds[i].type))
			continue;
		for (size_t v = 0; v < N(versions); v++) {
			if (supported(kinds[i].type, versions[v]))
				check_version(&kinds[i], v);
			else
				skip(s, kinds[i].type, "does not know this version");
		}
		if (kinds[i].ifaces == 3)
			check_no_address(kinds[i].type);
		if (!supported(kinds[i].type, "1.1.0"))
			skip(s, kinds[i].type, "older than GC");
		else if (strstr(kinds[i].keys, "host-local"))
			check_gc(&kinds[i]);
	}
	expect_empty(&before);
}
