/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * errors.c - every refusal that a runtime can provoke: code, message and details to the letter
 *
 * The rows hold what upstream's pkg/skel and its plugins answer. Where the specification wants another code than upstream
 * gives, both count ("7 or 999"); messages are upstream's in any case.
 */
#include "test/lib/plugin_state.h"
#include "test/plugin/suites.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define STORE "/run/errors"
#define RANGE "\"ranges\":[[{\"subnet\":\"10.77.0.0/24\"}]]"
#define LOCAL "\"ipam\":{\"type\":\"host-local\",\"dataDir\":\"" STORE "\"," RANGE "}"

enum {
	BRIDGE = 1,
	PTP = 2,
	CNIDA = 4,
	HOST_LOCAL = 8,
	STATIC = 16,
	LOOPBACK = 32,
	IFACE = 7,
	ALL = 63
};

static const struct type {
	const char *name;
	int bit;
	const char *keys; /* of a configuration that works */
} types[] = {
	{ "bridge", BRIDGE, "\"bridge\":\"err0\"," LOCAL },
	{ "ptp", PTP, LOCAL },
	{ "cnida", CNIDA, "\"bridge\":\"err1\"," LOCAL },
	{ "host-local", HOST_LOCAL, LOCAL },
	{ "static", STATIC,
	  "\"ipam\":{\"type\":\"static\",\"addresses\":[{\"address\":\"10.77.0.2/24\"}]}" },
	{ "loopback", LOOPBACK, "\"x\":1" },
};

#define UNSET "\001" /* this variable is not in the environment */
#define NONE  0

/* A NULL variable has a good value. A NULL configuration is a good one of version 1.1.0 or the plugin's newest. */
struct row {
	const char *name;
	int types;
	const char *verb, *id, *netns, *ifname, *args, *path, *conf;
	int code, code2;
	const char *msg, *details; /* '*' stands for anything; NULL details: none */
};

#define GOOD6      NULL, NULL, NULL, NULL, NULL, NULL
#define CONF(keys) "{\"cniVersion\":\"1.0.0\",\"name\":\"err\"," keys "}"
#define MISSING(v) "required env variables [" v "] missing"

/* clang-format off */
static const struct row env_rows[] = {
	{ "unknown command", ALL, "FOO", GOOD6, 4, NONE, "unknown CNI_COMMAND: FOO", NULL },
	{ "command in lower case", ALL, "add", GOOD6, 4, NONE, "unknown CNI_COMMAND: add", NULL },
	{ "nothing set for ADD", ALL, "ADD", UNSET, UNSET, UNSET, NULL, UNSET, NULL, 4, NONE,
	  MISSING("CNI_CONTAINERID,CNI_NETNS,CNI_IFNAME,CNI_PATH"), NULL },
	{ "nothing set for CHECK", ALL, "CHECK", UNSET, UNSET, UNSET, NULL, UNSET, NULL, 4, NONE,
	  MISSING("CNI_CONTAINERID,CNI_NETNS,CNI_IFNAME,CNI_PATH"), NULL },
	{ "nothing set for DEL", ALL, "DEL", UNSET, UNSET, UNSET, NULL, UNSET, NULL, 4, NONE,
	  MISSING("CNI_CONTAINERID,CNI_IFNAME,CNI_PATH"), NULL },
	{ "nothing set for STATUS", ALL, "STATUS", UNSET, UNSET, UNSET, NULL, UNSET, NULL, 4, NONE,
	  MISSING("CNI_PATH"), NULL },
	{ "nothing set for GC", ALL, "GC", UNSET, UNSET, UNSET, NULL, UNSET, NULL, 4, NONE,
	  MISSING("CNI_PATH"), NULL },
	{ "no ID", ALL, "ADD", UNSET, NULL, NULL, NULL, NULL, NULL, 4, NONE, MISSING("CNI_CONTAINERID"), NULL },
	{ "empty ID", ALL, "ADD", "", NULL, NULL, NULL, NULL, NULL, 4, NONE, MISSING("CNI_CONTAINERID"), NULL },
	{ "no netns", ALL, "ADD", NULL, UNSET, NULL, NULL, NULL, NULL, 4, NONE, MISSING("CNI_NETNS"), NULL },
	{ "empty netns", ALL, "ADD", NULL, "", NULL, NULL, NULL, NULL, 4, NONE, MISSING("CNI_NETNS"), NULL },
	{ "no ifname", ALL, "ADD", NULL, NULL, UNSET, NULL, NULL, NULL, 4, NONE, MISSING("CNI_IFNAME"), NULL },
	{ "no path", ALL, "ADD", NULL, NULL, NULL, NULL, UNSET, NULL, 4, NONE, MISSING("CNI_PATH"), NULL },
	{ "no netns and no path", ALL, "ADD", NULL, UNSET, NULL, NULL, UNSET, NULL, 4, NONE,
	  MISSING("CNI_NETNS,CNI_PATH"), NULL },
	{ "ID _a", ALL, "ADD", "_a", NULL, NULL, NULL, NULL, NULL, 4, NONE, "invalid characters in containerID", "_a" },
	{ "ID a/b", ALL, "DEL", "a/b", NULL, NULL, NULL, NULL, NULL, 4, NONE, "invalid characters in containerID", "a/b" },
	{ "ID ..", ALL, "ADD", "..", NULL, NULL, NULL, NULL, NULL, 4, NONE, "invalid characters in containerID", ".." },
	{ "ID with a space", ALL, "ADD", "a b", NULL, NULL, NULL, NULL, NULL, 4, NONE,
	  "invalid characters in containerID", "a b" },
	{ "ID with a line feed", ALL, "ADD", "a\n", NULL, NULL, NULL, NULL, NULL, 4, NONE,
	  "invalid characters in containerID", "a\n" },
	{ "invalid ID before missing path", ALL, "ADD", "_a", NULL, NULL, NULL, UNSET, NULL, 4, NONE,
	  "invalid characters in containerID", "_a" },
	{ "ifname of 16", ALL, "ADD", NULL, NULL, "abcdefghijklmnop", NULL, NULL, NULL, 4, NONE,
	  "interface name is too long", "interface name should be less than 16 characters" },
	{ "ifname .", ALL, "ADD", NULL, NULL, ".", NULL, NULL, NULL, 4, NONE, "interface name is . or ..", NULL },
	{ "ifname ..", ALL, "DEL", NULL, NULL, "..", NULL, NULL, NULL, 4, NONE, "interface name is . or ..", NULL },
	{ "ifname a/b", ALL, "ADD", NULL, NULL, "a/b", NULL, NULL, NULL, 4, NONE,
	  "interface name contains / or : or whitespace characters", NULL },
	{ "ifname a:b", ALL, "ADD", NULL, NULL, "a:b", NULL, NULL, NULL, 4, NONE,
	  "interface name contains / or : or whitespace characters", NULL },
	{ "ifname with a tab", ALL, "ADD", NULL, NULL, "a\tb", NULL, NULL, NULL, 4, NONE,
	  "interface name contains / or : or whitespace characters", NULL },
	{ "ifname with U+2003", ALL, "ADD", NULL, NULL, "a\342\200\203b", NULL, NULL, NULL, 4, NONE,
	  "interface name contains / or : or whitespace characters", NULL },
};

static const struct row conf_rows[] = {
	{ "stdin {", ALL, "ADD", NULL, NULL, NULL, NULL, NULL, "{", 6, NONE,
	  "error unmarshall network config: unexpected end of JSON input", NULL },
	{ "stdin {, DEL", ALL, "DEL", NULL, NULL, NULL, NULL, NULL, "{", 6, NONE,
	  "error unmarshall network config: unexpected end of JSON input", NULL },
	{ "empty stdin", ALL, "ADD", NULL, NULL, NULL, NULL, NULL, "", 6, NONE,
	  "error unmarshall network config: unexpected end of JSON input", NULL },
	{ "stdin is a list", ALL, "ADD", NULL, NULL, NULL, NULL, NULL, "[]", 6, NONE,
	  "error unmarshall network config: *", NULL },
	{ "trailing text", ALL, "ADD", NULL, NULL, NULL, NULL, NULL, CONF("\"type\":\"x\"") " xx", 6, NONE,
	  "error unmarshall network config: invalid character 'x' after top-level value", NULL },
	{ "no name", ALL, "ADD", NULL, NULL, NULL, NULL, NULL, "{\"cniVersion\":\"1.0.0\"}", 7, NONE,
	  "missing network name", NULL },
	{ "empty name", ALL, "DEL", NULL, NULL, NULL, NULL, NULL, "{\"cniVersion\":\"1.0.0\",\"name\":\"\"}", 7, NONE,
	  "missing network name", NULL },
	{ "name a/b", ALL, "ADD", NULL, NULL, NULL, NULL, NULL, "{\"cniVersion\":\"1.0.0\",\"name\":\"a/b\"}", 7, NONE,
	  "invalid characters found in network name", "a/b" },
	{ "name ..", ALL, "ADD", NULL, NULL, NULL, NULL, NULL, "{\"cniVersion\":\"1.0.0\",\"name\":\"..\"}", 7, NONE,
	  "invalid characters found in network name", ".." },
	{ "version 9.0.0", ALL, "ADD", NULL, NULL, NULL, NULL, NULL, "{\"cniVersion\":\"9.0.0\",\"name\":\"err\"}", 1, NONE,
	  "incompatible CNI versions", "config is \"9.0.0\", plugin supports [\"0.1.0\" \"0.2.0\" *]" },
	{ "version 1.0", ALL, "ADD", NULL, NULL, NULL, NULL, NULL, "{\"cniVersion\":\"1.0\",\"name\":\"err\"}", 1, NONE,
	  "incompatible CNI versions", "config is \"1.0\", plugin supports [\"0.1.0\" \"0.2.0\" *]" },
	{ "CHECK with 0.3.1", ALL, "CHECK", NULL, NULL, NULL, NULL, NULL, "{\"cniVersion\":\"0.3.1\",\"name\":\"err\"}",
	  1, NONE, "config version does not allow CHECK", NULL },
	{ "CHECK without version", ALL, "CHECK", NULL, NULL, NULL, NULL, NULL, "{\"name\":\"err\"}",
	  1, NONE, "config version does not allow CHECK", NULL },
	{ "STATUS with 1.0.0", ALL, "STATUS", NULL, NULL, NULL, NULL, NULL, "{\"cniVersion\":\"1.0.0\",\"name\":\"err\"}",
	  1, NONE, "config version does not allow STATUS", NULL },
	{ "GC with 1.0.0", ALL, "GC", NULL, NULL, NULL, NULL, NULL, "{\"cniVersion\":\"1.0.0\",\"name\":\"err\"}",
	  1, NONE, "config version does not allow GC", NULL },
	{ "own netns", ALL, "ADD", NULL, "/proc/self/ns/net", NULL, NULL, NULL, NULL, 8, NONE,
	  "plugin's netns and netns from CNI_NETNS should not be the same", NULL },
};

static const struct row ipam_rows[] = {
	{ "no ipam", HOST_LOCAL, "ADD", NULL, NULL, NULL, NULL, NULL, CONF("\"type\":\"x\""), 7, 999,
	  "IPAM config missing 'ipam' key", NULL },
	{ "no ipam", STATIC, "ADD", NULL, NULL, NULL, NULL, NULL, CONF("\"type\":\"x\""), 7, 999,
	  "IPAM config missing 'ipam' key", NULL },
	{ "no ranges", HOST_LOCAL, "ADD", NULL, NULL, NULL, NULL, NULL, CONF("\"ipam\":{\"type\":\"host-local\"}"), 7, 999,
	  "no IP ranges specified", NULL },
	{ "/31", HOST_LOCAL | BRIDGE | PTP | CNIDA, "ADD", NULL, NULL, NULL, NULL, NULL,
	  CONF("\"bridge\":\"err0\",\"ipam\":{\"type\":\"host-local\",\"dataDir\":\"" STORE "\",\"subnet\":\"10.9.0.0/31\"}"),
	  7, 999, "invalid range set 0: Network 10.9.0.0/31 too small to allocate from", NULL },
	{ "host bits", HOST_LOCAL, "ADD", NULL, NULL, NULL, NULL, NULL,
	  CONF("\"ipam\":{\"type\":\"host-local\",\"subnet\":\"192.0.2.12/24\"}"), 7, 999,
	  "invalid range set 0: Network has host bits set. For a subnet mask of length 24 the network address is 192.0.2.0", NULL },
	{ "range start outside", HOST_LOCAL, "ADD", NULL, NULL, NULL, NULL, NULL,
	  CONF("\"ipam\":{\"type\":\"host-local\",\"subnet\":\"192.0.2.0/24\",\"rangeStart\":\"192.0.3.0\"}"), 7, 999,
	  "invalid range set 0: RangeStart 192.0.3.0 not in network 192.0.2.0/24", NULL },
	{ "range end outside", HOST_LOCAL, "ADD", NULL, NULL, NULL, NULL, NULL,
	  CONF("\"ipam\":{\"type\":\"host-local\",\"subnet\":\"192.0.2.0/24\",\"rangeEnd\":\"192.0.3.0\"}"), 7, 999,
	  "invalid range set 0: RangeEnd 192.0.3.0 not in network 192.0.2.0/24", NULL },
	{ "sets overlap", HOST_LOCAL, "ADD", NULL, NULL, NULL, NULL, NULL,
	  CONF("\"ipam\":{\"type\":\"host-local\",\"ranges\":[[{\"subnet\":\"10.1.0.0/24\"}],[{\"subnet\":\"10.1.0.0/16\"}]]}"),
	  7, 999, "range set 0 overlaps with 1", NULL },
	{ "mixed families", HOST_LOCAL, "ADD", NULL, NULL, NULL, NULL, NULL,
	  CONF("\"ipam\":{\"type\":\"host-local\",\"ranges\":[[{\"subnet\":\"10.1.0.0/24\"},{\"subnet\":\"2001:db8::/64\"}]]}"),
	  7, 999, "invalid range set 0: mixed address families", NULL },
	{ "empty set", HOST_LOCAL, "ADD", NULL, NULL, NULL, NULL, NULL,
	  CONF("\"ipam\":{\"type\":\"host-local\",\"ranges\":[[]]}"), 7, 999, "invalid range set 0: empty range set", NULL },
	{ "two addresses with 0.2.0", HOST_LOCAL, "ADD", NULL, NULL, NULL, NULL, NULL,
	  "{\"cniVersion\":\"0.2.0\",\"name\":\"err\",\"ipam\":{\"type\":\"host-local\",\"ranges\":"
	  "[[{\"subnet\":\"10.1.0.0/24\"}],[{\"subnet\":\"10.2.0.0/24\"}]]}}", 7, 999,
	  "CNI version 0.2.0 does not support more than 1 address per family", NULL },
	{ "not a CIDR", STATIC, "ADD", NULL, NULL, NULL, NULL, NULL,
	  CONF("\"ipam\":{\"type\":\"static\",\"addresses\":[{\"address\":\"10.0.0.1\"}]}"), 7, 999,
	  "the 'address' field is expected to be in CIDR notation, got: '10.0.0.1'", NULL },
	{ "IP argument is not a CIDR", STATIC, "ADD", NULL, NULL, NULL, "IP=10.0.0.1", NULL, NULL, 4, 999,
	  "the 'ip' field is expected to be in CIDR notation, got: '10.0.0.1'", NULL },
	{ "runtime IP is not a CIDR", STATIC, "ADD", NULL, NULL, NULL, NULL, NULL,
	  CONF("\"ipam\":{\"type\":\"static\"},\"runtimeConfig\":{\"ips\":[\"10.0.0.1\"]}"), 7, 999,
	  "an entry in the 'ips' field is NOT in CIDR notation, got: '10.0.0.1'", NULL },
	{ "requested IP not in range", HOST_LOCAL, "ADD", NULL, NULL, NULL, "IP=10.78.0.9", NULL, NULL, 7, 999,
	  "failed to allocate all requested IPs: 10.78.0.9", NULL },
	{ "unknown argument", HOST_LOCAL | STATIC | BRIDGE | CNIDA, "ADD", NULL, NULL, NULL, "K8S_POD_NAME=a", NULL, NULL,
	  4, 999, "*ARGS: unknown args [\"K8S_POD_NAME=a\"]*", NULL },
	{ "argument without =", HOST_LOCAL | STATIC | BRIDGE | CNIDA, "ADD", NULL, NULL, NULL, "none", NULL, NULL, 4, 999,
	  "*ARGS: invalid pair \"none\"*", NULL },
	{ "argument with two =", HOST_LOCAL, "ADD", NULL, NULL, NULL, "IgnoreUnknown=1;A=b=c", NULL, NULL, 4, 999,
	  "ARGS: invalid pair \"A=b=c\"", NULL },
};

static const struct row iface_rows[] = {
	{ "netns is not there", IFACE, "ADD", NULL, "/run/netns/not-there", NULL, NULL, NULL, NULL, 8, 999,
	  "*failed to open netns \"/run/netns/not-there\"*", NULL },
	{ "netns is no netns", IFACE | LOOPBACK, "ADD", NULL, "/etc/passwd", NULL, NULL, NULL, NULL, 8, 999, "*/etc/passwd*", NULL },
	{ "hairpin and promiscuous", BRIDGE | CNIDA, "ADD", NULL, NULL, NULL, NULL, NULL,
	  CONF("\"bridge\":\"err0\",\"hairpinMode\":true,\"promiscMode\":true," LOCAL), 7, 999,
	  "cannot set hairpin mode and promiscuous mode at the same time*", NULL },
	{ "VLAN 4095", BRIDGE | CNIDA, "ADD", NULL, NULL, NULL, NULL, NULL,
	  CONF("\"bridge\":\"err0\",\"vlan\":4095," LOCAL), 7, 999,
	  "invalid VLAN ID 4095 (must be between 0 and 4094*)", NULL },
	{ "bridge is no bridge", BRIDGE | CNIDA, "ADD", NULL, NULL, NULL, NULL, NULL,
	  CONF("\"bridge\":\"lo\"," LOCAL), 7, 999, "*\"lo\" already exists but is not a bridge", NULL },
	{ "IPAM is not there", IFACE, "ADD", NULL, NULL, NULL, NULL, NULL,
	  CONF("\"bridge\":\"err0\",\"ipam\":{\"type\":\"no-such-ipam\"}"), 7, 999,
	  "*failed to find plugin \"no-such-ipam\" in path [*]", NULL },
	{ "IPAM outside the folders", IFACE, "ADD", NULL, NULL, NULL, NULL, NULL,
	  CONF("\"bridge\":\"err0\",\"ipam\":{\"type\":\"../host-local\"}"), 7, 999, "*invalid plugin name: ../host-local", NULL },
	{ "CHECK without prevResult", BRIDGE | PTP | CNIDA, "CHECK", NULL, NULL, NULL, NULL, NULL, NULL, 7, 999,
	  "*", NULL },
};
/* clang-format on */

static struct suite *suite;
static const char *newest = "1.0.0"; /* version of the folder's plugins */

static const char *value(const char *row, const char *good)
{
	if (!row)
		return good;
	return strcmp(row, UNSET) == 0 ? NULL : row;
}

static bool error_is(const struct row *row, const json_t *doc)
{
	long long code = json_integer_value(json_object_get(doc, "code"));
	const char *msg = json_string_value(json_object_get(doc, "msg"));
	const char *details = json_string_value(json_object_get(doc, "details"));

	if (!doc || !msg || (code != row->code && (row->code2 == NONE || code != row->code2)))
		return false;
	if (!text_matches(row->msg, msg))
		return false;
	return row->details ? details && text_matches(row->details, details) : !details;
}

/* Four spaces, no line feed at the end, no key that runtimes do not know. */
static bool error_form(const struct plugin_run *run, const json_t *doc)
{
	const char *key;
	json_t *v;

	json_object_foreach((json_t *)(uintptr_t)doc, key, v) {
		if (strcmp(key, "cniVersion") && strcmp(key, "code") && strcmp(key, "msg") &&
		    strcmp(key, "details"))
			return false;
	}
	return strncmp(run->out, "{\n    \"", 7) == 0 && run->out[run->out_len - 1] == '}';
}

static void check_row(const struct row *row, const struct type *type, const struct pod *pod)
{
	char *good = textf("{\"cniVersion\":\"%s\",\"name\":\"err\",\"type\":\"%s\",%s}", newest,
	                   type->name, type->keys);
	char *name = textf("%s %s, %s", type->name, row->verb, row->name);
	char *want = textf("exit 1, code %d%s, msg \"%s\", details \"%s\"", row->code,
	                   row->code2 ? " or 999" : "", row->msg, row->details ? row->details : "");
	struct suite_call sc = { .type = type->name,
		                 .verb = row->verb,
		                 .pod = pod,
		                 .conf = row->conf ? row->conf : good };
	char path[PATH_MAX];
	struct plugin_call call = suite_call(suite, &sc, path);
	struct plugin_run run;
	const char *problem;
	json_t *doc;

	call.container_id = value(row->id, pod->id);
	call.netns = value(row->netns, pod->netns);
	call.ifname = value(row->ifname, "eth0");
	call.args = value(row->args, NULL);
	call.cni_path = value(row->path, suite->dir);
	if (plugin_exec(&call, &run) < 0)
		exit(2);
	doc = run_json(&run);
	problem = run_problem(&run, row->verb);
	if (expect(suite, !problem && run.rc == 1 && error_is(row, doc), name, want, "%s%s%s",
	           problem ? problem : "", problem ? ": " : "", run_brief(&run)))
		expect(suite, error_form(&run, doc), name,
		       "4 spaces, no final line feed, known keys only", "%s", run.out);
	json_decref(doc);
	if (run.rc == 0 && strcmp(row->verb, "ADD") == 0) {
		/* It must not spoil the rows after it. */
		plugin_run_free(&run);
		call.command = "DEL";
		(void)plugin_exec(&call, &run);
	}
	plugin_run_free(&run);
	free(want);
	free(name);
	free(good);
}

static void check_rows(const struct row *rows, size_t n, const struct type *type,
                       const struct pod *pod)
{
	/* Verbs of 1.1.0 are unknown commands to older plugins. */
	bool old = strcmp(newest, "1.1.0") != 0;

	for (size_t i = 0; i < n; i++) {
		bool new_verb =
			strcmp(rows[i].verb, "STATUS") == 0 || strcmp(rows[i].verb, "GC") == 0;

		if (!(rows[i].types & type->bit))
			continue;
		if (old && new_verb)
			skip(suite, rows[i].name, "the plugin is older than 1.1.0");
		else
			check_row(&rows[i], type, pod);
	}
}

/* Without CNI_COMMAND: what it is, on stderr, whatever the arguments. */
static void check_about(const struct type *type)
{
	static const char *const args[][3] = {
		{ NULL }, { "--version", NULL }, { "version", NULL }, { "ADD", "x", NULL }
	};
	char *path = textf("%s/%s", suite->dir, type->name),
	     *first = textf("CNI %s plugin *", type->name);

	for (size_t i = 0; i < N(args); i++) {
		const char *argv[] = { path, args[i][0], args[i][0] ? args[i][1] : NULL, NULL };
		struct plugin_call call = { .path = path,
			                    .argv = argv,
			                    .stdin_kind = PLUGIN_STDIN_SILENT,
			                    .deadline_ms = 2000 };
		struct plugin_run run;
		char *name = textf("%s without CNI_COMMAND, argument %s", type->name,
		                   args[i][0] ? args[i][0] : "none");

		/* The program of that name is also the command for people. */
		if (strcmp(type->name, "cnida") == 0 && i > 1) {
			free(name);
			continue;
		}
		if (plugin_exec(&call, &run) < 0)
			exit(2);
		expect(suite, run.rc == 0 && run.out_len == 0, name, "exit 0 and an empty stdout",
		       "%s", run_brief(&run));
		expect(suite,
		       text_matches(first, run.err) &&
		               strstr(run.err,
		                      "\nCNI protocol versions supported: 0.1.0, 0.2.0, 0.3.0, 0.3.1, 0.4.0, 1.0.0"),
		       name, "name, version and protocol versions on stderr", "\"%s\"", run.err);
		plugin_run_free(&run);
		free(name);
	}
	free(path);
	free(first);
}

/* VERSION needs nothing from the environment and does not touch stdin. */
static void check_version(const struct type *type)
{
	static const enum plugin_stdin kinds[] = { PLUGIN_STDIN_FILE, PLUGIN_STDIN_SILENT,
		                                   PLUGIN_STDIN_CLOSED };
	static const char conf[] = "{\"cniVersion\":\"1.0.0\"}";
	char *path = textf("%s/%s", suite->dir, type->name),
	     *name = textf("%s VERSION", type->name);

	for (size_t i = 0; i < N(kinds); i++) {
		struct plugin_call call = { .path = path,
			                    .command = "VERSION",
			                    .stdin_kind = kinds[i],
			                    .in = conf,
			                    .in_len = sizeof(conf) - 1,
			                    .deadline_ms = 2000 };
		struct plugin_run run;
		json_t *doc, *list;
		char *compact;

		if (plugin_exec(&call, &run) < 0)
			exit(2);
		doc = run_json(&run);
		list = json_object_get(doc, "supportedVersions");
		compact = doc ? json_dumps(doc, JSON_COMPACT) : NULL;
		expect(suite,
		       run.rc == 0 && compact && strncmp(run.out, compact, strlen(compact)) == 0 &&
		               strcmp(run.out + strlen(compact), "\n") == 0,
		       name, "one compact line", "%s", run_brief(&run));
		expect(suite,
		       json_array_size(list) >= 6 &&
		               json_equal(json_array_get(list, json_array_size(list) - 1),
		                          json_object_get(doc, "cniVersion")),
		       name, "the newest of the supported versions as cniVersion", "%s",
		       run_brief(&run));
		expect(suite, run.in_read == 0, name, "stdin untouched", "%ld bytes read",
		       (long)run.in_read);
		if (json_array_size(list) >= 7)
			newest = "1.1.0";
		json_decref(doc);
		free(compact);
		plugin_run_free(&run);
	}
	free(path);
	free(name);
}

/* upstream's own test passes CNI_ARGS=none to loopback, which must not care. */
static void check_loopback_args(const struct pod *pod)
{
	struct suite_call c = {
		.type = "loopback",
		.verb = "ADD",
		.pod = pod,
		.ifname = "lo",
		.args = "none",
		.conf = "{\"cniVersion\":\"0.3.1\",\"name\":\"lo\",\"type\":\"loopback\"}"
	};
	static const char *const verbs[] = { "ADD", "DEL" };

	for (size_t i = 0; i < N(verbs); i++) {
		struct plugin_run run;
		const char *problem;

		c.verb = verbs[i];
		suite_exec(suite, &c, &run);
		problem = run_problem(&run, verbs[i]);
		expect(suite, run.rc == 0 && !problem, "loopback with CNI_ARGS=none", "exit 0",
		       "%s", run_brief(&run));
		plugin_run_free(&run);
	}
}

/* Two addresses, three pods. The owners are alive, so nothing can be taken from them. */
static void check_full(const struct pod *pod)
{
	static const char conf[] = CONF(
		"\"type\":\"host-local\",\"ipam\":{\"type\":\"host-local\",\"dataDir\":\"" STORE
		"/full\",\"ranges\":[[{\"subnet\":\"10.9.0.0/29\",\"rangeEnd\":\"10.9.0.2\"}]]}");
	static const struct row full = {
		"full pool",
		HOST_LOCAL,
		"ADD",
		NULL,
		NULL,
		"eth9",
		NULL,
		NULL,
		conf,
		11,
		999,
		"failed to allocate for range 0: no IP addresses available in range set: 10.9.0.1-10.9.0.2",
		NULL
	};
	struct suite_call c = { .type = "host-local", .verb = "ADD", .pod = pod, .conf = conf };
	struct row row = full;
	struct plugin_run run;
	json_t *doc;

	suite_exec(suite, &c, &run);
	expect(suite, run.rc == 0, "host-local ADD, last address", "exit 0", "%s", run_brief(&run));
	plugin_run_free(&run);
	c.ifname = "eth9";
	suite_exec(suite, &c, &run);
	doc = run_json(&run);
	/* Who has the addresses may be in the details. */
	row.details = json_object_get(doc, "details") ? "*" : NULL;
	expect(suite, run.rc == 1 && error_is(&row, doc), "host-local ADD, full pool",
	       "exit 1, code 999 or 11, \"failed to allocate for range 0: no IP addresses available in range set: "
	       "10.9.0.1-10.9.0.2\"",
	       "%s", run_brief(&run));
	json_decref(doc);
	plugin_run_free(&run);
	c.ifname = "eth0";
	c.verb = "DEL";
	suite_exec(suite, &c, &run);
	plugin_run_free(&run);
}

/* The bridges and the table that all pods share may stay, empty. */
static void remove_shared(void)
{
	if (system("(ip link del err0; ip link del err1; nft delete table inet cnida; nft delete table bridge cnida) 2>/dev/null") <
	    0)
		exit(2);
}

void suite_errors(struct suite *s)
{
	static const char *const folders[] = { STORE, "/run/cnida/endpoints", NULL };
	struct state before, after;
	struct pod pod;
	char *diff;

	suite = s;
	if (pod_create("errors", &pod) < 0)
		exit(2);
	(void)mkdir(STORE, 0755);
	if (suite_has(suite, "loopback"))
		check_loopback_args(&pod);
	state_take(folders, &before);
	for (size_t i = 0; i < N(types); i++) {
		if (!suite_has(suite, types[i].name))
			continue;
		check_about(&types[i]);
		check_version(&types[i]);
		check_rows(env_rows, N(env_rows), &types[i], &pod);
		check_rows(conf_rows, N(conf_rows), &types[i], &pod);
		check_rows(ipam_rows, N(ipam_rows), &types[i], &pod);
		check_rows(iface_rows, N(iface_rows), &types[i], &pod);
		if (types[i].bit == HOST_LOCAL)
			check_full(&pod);
	}
	remove_shared();
	state_take(folders, &after);
	diff = state_diff(&before, &after);
	expect(suite, !diff, "node after all refusals", "as before", "%s", diff ? diff : "");
	free(diff);
	state_free(&before);
	state_free(&after);
	pod_destroy(&pod);
}
