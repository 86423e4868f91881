/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * shell.c - what a case does behind the plugin's back, and how it looks at the node: names for ip, nft and files
 *
 * Each is a small script; the step's keys are its variables. "in" is a pod's name, or the node without it.
 */
#include "test/conformance/match.h"
#include "test/conformance/run.h"
#include "test/lib/plugin_suite.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ns COMMAND runs it in the namespace, ip and tc are such commands. */
#define PRELUDE                                                                                 \
	"ip() { command ip ${in:+-n $in} \"$@\"; }\n"                                           \
	"tc() { command tc ${in:+-n $in} \"$@\"; }\n"                                           \
	"ns() { if [ \"$in\" ]; then nsenter --net=/run/netns/$in \"$@\"; else \"$@\"; fi; }\n" \
	"six() { case $1 in *:*) echo -6;; esac; }\n"

struct script {
	const char *name, *text;
};

/* Set up once per check: the world beyond the node. The uplink has two addresses of each family. */
#define OUTSIDE                                                                                                                     \
	"set -e\n"                                                                                                                  \
	"ip netns add outside\n"                                                                                                    \
	"for i in all default; do nsenter --net=/run/netns/outside sh -c \"echo 0 >/proc/sys/net/ipv6/conf/$i/accept_dad\"; done\n" \
	"ip link add up0 type veth peer name eth0 netns outside\n"                                                                  \
	"for a in 192.0.2.1/24 192.0.2.3/24 2001:db8::1/64 2001:db8::3/64; do\n"                                                    \
	"  ip addr add $a dev up0 $(case $a in *:*) echo nodad;; esac); done\n"                                                     \
	"ip link set up0 up\n"                                                                                                      \
	"ip route add default via 192.0.2.2; ip -6 route add default via 2001:db8::2\n"                                             \
	"in=outside\n"                                                                                                              \
	"ip link set lo up\n"                                                                                                       \
	"for a in 192.0.2.2/24 2001:db8::2/64; do\n"                                                                                \
	"  ip addr add $a dev eth0 $(case $a in *:*) echo nodad;; esac); done\n"                                                    \
	"ip link set eth0 up\n"                                                                                                     \
	"[ \"$routes\" = no ] || { ip route add default via 192.0.2.1; ip -6 route add default via 2001:db8::1; }\n"

static const struct script ops[] = {
	{ "addr-add", "ip addr add $address dev $dev $([ -z \"$(six $address)\" ] || echo nodad)" },
	{ "addr-del", "ip addr del $address dev $dev" },
	{ "file-del", "rm -rf -- $path" },
	{ "file-write", "mkdir -p \"${path%/*}\" && printf \"%b\" \"$text\" >\"$path\"" },
	{ "link-add", "ip link add $dev type ${kind:-bridge} && ip link set $dev up" },
	{ "link-del", "ip link del $dev" },
	{ "link-down", "ip link set $dev down" },
	{ "link-rename", "ip link set $dev down && ip link set $dev name $to" },
	{ "link-set", "ip link set $dev $set" },
	{ "link-up", "ip link set $dev up" },
	{ "mac", "ip link set $dev address $mac" },
	{ "mtu", "ip link set $dev mtu $mtu" },
	{ "nft", "ns nft \"$rule\"" },
	{ "nft-flush", "ns nft flush ruleset" },
	{ "outside", OUTSIDE },
	{ "port-flag", "ip link set $dev type bridge_slave $flag $value" },
	{ "qdisc-del", "tc qdisc del dev $dev ${qdisc:-root}" },
	/* What a reboot takes away; /var stays. */
	{ "reboot",
	  "for l in $(ip -j link show | jq -r '.[].ifname'); do command ip link del $l 2>/dev/null; done\n"
	  "nft flush ruleset\n"
	  "for n in /run/netns/*; do umount $n; done; find /run -mindepth 1 -maxdepth 1 ! -name '.*' "
	  "-exec rm -rf {} +; mkdir -p /run/netns /run/lock" },
	{ "route-add",
	  "ip $(six $dst$via) route add $dst ${via:+via $via} ${dev:+dev $dev} ${table:+table $table}" },
	{ "route-del", "ip $(six $dst$six) route del $dst ${table:+table $table}" },
	{ "run", "eval \"$run\"" },
	{ "sysctl", "key=$(echo $key | tr . /); v=$value ns sh -c \"echo \\$v >/proc/sys/$key\"" },
	{ "netns-del", "umount /run/netns/$pod && rm /run/netns/$pod" },
	{ NULL, NULL },
};

/* What they print is the value: text, or JSON if it looks like it. No output or an exit code: not there. */
static const struct script predicates[] = {
	{ "addr", "ip -br addr show dev $dev | tr -s ' ' '\\n' | grep -xF -- \"$addr\"" },
	{ "file", "cat \"$file\"" },
	{ "files", "find $files ! -type d 2>/dev/null | sort | tr '\\n' ' '" },
	{ "link", "ip -j -d link show dev $link | jq .[0]" },
	{ "links", "ip -j -d link show | jq \"[.[] | .ifname | select(test(\\\"$links\\\"))]\"" },
	{ "nft", "ns nft list ruleset | grep -cE -- \"$nft\" || :" },
	{ "ping", "ns ping -c1 -W1 -q $ping | grep -o '1 received'" },
	{ "qdiscs", "tc -j qdisc show dev $qdiscs" },
	{ "route",
	  "ip $(six $route$via$six) -j route show $route table ${table:-main} | jq -e .[0]" },
	{ "run", "eval \"$run\"" },
	{ "sysctl", "ns cat /proc/sys/$(echo $sysctl | tr . /) | tr -d '\\n'" },
	{ NULL, NULL },
};

static const struct script *script_named(const struct script *list, const char *name)
{
	while (list->name && strcmp(list->name, name) != 0)
		list++;
	return list->name ? list : NULL;
}

int shell(const char *script, const json_t *vars, char **ret_out)
{
	const char *env[32], *argv[] = { "/bin/sh", "-c", NULL, NULL };
	char *text = textf(PRELUDE "%s", script);
	struct plugin_call call = {
		.path = "/bin/sh", .argv = argv, .env = env, .deadline_ms = 20000
	};
	struct plugin_run run = { 0 };
	const char *key;
	json_t *v;
	size_t n = 0;
	int rc;

	argv[2] = text;
	json_object_foreach((json_t *)(uintptr_t)vars, key, v) {
		if (n + 1 >= sizeof(env) / sizeof(env[0]))
			break;
		if (json_is_string(v))
			env[n++] = textf("%s=%s", key, json_string_value(v));
		else if (json_is_integer(v))
			env[n++] = textf("%s=%lld", key, json_integer_value(v));
	}
	env[n] = NULL;
	rc = plugin_exec(&call, &run) < 0 ? -1 : run.rc;
	if (rc != 0 && run.err_len > 0 && ret_out) {
		free(run.out);
		run.out = run.err;
		run.err = NULL;
	}
	if (ret_out) {
		*ret_out = run.out;
		run.out = NULL;
	}
	plugin_run_free(&run);
	free(text);
	while (n > 0)
		free((char *)(uintptr_t)env[--n]);
	return rc;
}

bool step_op(struct run *r, const json_t *step)
{
	const char *name = json_string_value(json_object_get(step, "op"));
	const struct script *s = script_named(ops, name);
	char *out = NULL;
	int rc;

	if (strcmp(name, "serve") == 0)
		return server_start(r, step);
	if (strcmp(name, "pod") == 0)
		return pod_get(r, json_string_value(json_object_get(step, "pod"))) != NULL;
	if (!s)
		die("%s/%s: no operation \"%s\"", r->check->family, r->check->name, name);
	rc = shell(s->text, step, &out);
	if (rc != 0)
		fail_set(r, "expected the operation %s to work, found exit %d: %s", name, rc,
		         out ? out : "");
	free(out);
	return rc == 0;
}

/* ---- predicates */

static json_t *value_of(const struct script *s, const json_t *predicate)
{
	char *out = NULL;
	int rc = shell(s->text, predicate, &out);
	json_t *v = NULL;

	if (rc == 0 && out && *out) {
		v = strchr("[{", *out) ? json_loads(out, 0, NULL) : NULL;
		if (!v) {
			size_t n = strlen(out);

			if (out[n - 1] == '\n')
				out[n - 1] = '\0';
			v = json_string(out);
		}
	}
	free(out);
	return v;
}

/* Empty lists are what ip prints for nothing. */
static bool is_nothing(const json_t *v)
{
	return !v || json_is_null(v) || (json_is_array(v) && json_array_size(v) == 0);
}

static bool holds(const struct script *s, const json_t *predicate, json_t **ret)
{
	const json_t *want = json_object_get(predicate, "is");

	*ret = value_of(s, predicate);
	if (json_is_true(json_object_get(predicate, "absent")))
		return is_nothing(*ret);
	if (strcmp(s->name, "nft") == 0 && json_is_integer(want))
		return *ret &&
		       strtoll(json_string_value(*ret), NULL, 10) == json_integer_value(want);
	return !is_nothing(*ret) && (!want || match(want, *ret));
}

bool state_is(struct run *r, const json_t *predicate)
{
	const struct script *s = NULL;
	long long ms = json_integer_value(json_object_get(predicate, "within"));
	struct timespec pause = { 0, 20000000 };
	char *want, *have;
	json_t *value, *v;
	const char *key;
	bool ok;

	if (json_object_get(predicate, "probe"))
		return probe_is(r, predicate);
	json_object_foreach((json_t *)(uintptr_t)predicate, key, v)
		s = s ? s : script_named(predicates, key);
	if (!s)
		die("%s/%s: a state that has no predicate", r->check->family, r->check->name);
	while (!(ok = holds(s, predicate, &value)) && ms > 0) {
		json_decref(value);
		nanosleep(&pause, NULL);
		ms -= 20;
	}
	if (!ok) {
		want = json_dumps(predicate, JSON_COMPACT);
		have = value ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY)
		             : strdup("nothing");
		fail_set(r, "expected state %s, found %.600s", want, have);
		free(want);
		free(have);
	}
	json_decref(value);
	return ok;
}
