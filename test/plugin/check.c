/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * check.c - CHECK finds what somebody changed behind the plugin's back, and only that
 *
 * A pod is attached and CHECK succeeds at once. Then one thing is broken: CHECK must fail, and say what it expected
 * and what it found. Then it is repaired: CHECK must succeed again.
 */
#include "test/lib/plugin_state.h"
#include "test/plugin/check_rows.h"
#include "test/plugin/suites.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct suite *suite;

/* The pod that is attached now. */
static struct pod pod;
static char *conf, *result;

static const char *value(const json_t *obj, const char *key)
{
	const char *text = json_string_value(json_object_get(obj, key));

	return text ? text : "";
}

/* "10.79.0.5/24" to IP4=10.79.0.5 */
static void set_ip(const char *address)
{
	char *ip = strdup(address);

	ip[strcspn(ip, "/")] = '\0';
	setenv(strchr(ip, ':') ? "IP6" : "IP4", ip, 1);
	free(ip);
}

static void set_upper(const char *mac)
{
	char *upper = strdup(mac);

	for (char *p = upper; *p; p++)
		*p = (char)(*p >= 'a' && *p <= 'f' ? *p - 32 : *p);
	setenv("UPPER", upper, 1);
	free(upper);
}

static void read_result(const struct kind *k)
{
	json_t *doc = json_loads(result, 0, NULL), *ifaces = json_object_get(doc, "interfaces"),
	       *ips = json_object_get(doc, "ips"), *v;
	char last[8];
	size_t i;

	unsetenv("IP6");
	v = json_array_get(ifaces, k->has & BRIDGE ? 1 : 0);
	setenv("HOST", value(v, "name"), 1);
	setenv("HOST_MAC", value(v, "mac"), 1);
	setenv("BR_MAC", value(json_array_get(ifaces, 0), "mac"), 1);
	v = json_array_get(ifaces, k->has & BRIDGE ? 2 : 1);
	setenv("MAC", value(v, "mac"), 1);
	set_upper(value(v, "mac"));
	json_array_foreach(ips, i, v)
		set_ip(value(v, "address"));
	/* An address that is not of the pod's interface: on the host's. */
	snprintf(last, sizeof(last), "%d", k->has & BRIDGE ? 1 : 0);
	setenv("LAST", last, 1);
	json_decref(doc);
}

static void exec_verb(const struct kind *k, const char *verb, const char *text,
                      struct plugin_run *run)
{
	struct suite_call c = { .type = k->type, .verb = verb, .pod = &pod, .conf = text };

	suite_exec(suite, &c, run);
}

static bool attach_pod(const struct kind *k)
{
	_cleanup_run_ struct plugin_run run;
	bool good;

	if (pod_create("check", &pod) < 0)
		exit(2);
	setenv("NS", "check", 1);
	setenv("ID", pod.id, 1);
	exec_verb(k, "ADD", conf, &run);
	good = expect(suite, run.rc == 0 && !run_problem(&run, "ADD"), k->name, "ADD with exit 0",
	              "%s", run_brief(&run));
	free(result);
	result = strdup(good ? run.out : "{}");
	if (good)
		read_result(k);
	return good;
}

static void detach_pod(const struct kind *k)
{
	char *text = with_prev(conf, result);
	struct plugin_run run;

	exec_verb(k, "DEL", text, &run);
	expect(suite, run.rc == 0, k->name, "DEL with exit 0", "%s", run_brief(&run));
	plugin_run_free(&run);
	free(text);
	pod_destroy(&pod);
}

static void reattach(const struct kind *k)
{
	detach_pod(k);
	if (!attach_pod(k))
		exit(2);
}

/* After a repair that was none: what comes next shall not fail for the same reason. */
static void start_anew(const struct kind *k)
{
	detach_pod(k);
	remove_tree("/run/cnida");
	if (system("ip link del chk0 2>/dev/null; nft flush ruleset; rm -rf " STORE "/check") !=
	            0 ||
	    !attach_pod(k))
		exit(2);
}

static void shell(const struct kind *k, const char *what, const char *command)
{
	char *name = textf("%s, %s", k->name, what);
	int rc = system(command);

	expect(suite, rc == 0, name, "its command to work", "`%s` with status %d", command, rc);
	free(name);
}

/* CHECK succeeds. A port or a link that has just come up may take the kernel a moment. */
static bool good_check(const struct kind *k, const char *what, const char *when, const char *prev,
                       int tries)
{
	bool good;

	char *name = textf("%s, %s, %s", k->name, what, when), *text = with_prev(conf, prev);
	struct plugin_run run;

	exec_verb(k, "CHECK", text, &run);
	while (run.rc != 0 && tries-- > 0) {
		plugin_run_free(&run);
		usleep(10000);
		exec_verb(k, "CHECK", text, &run);
	}
	good = expect(suite, run.rc == 0 && !run_problem(&run, "CHECK"), name,
	              "exit 0 and no output", "%s", run_brief(&run));
	plugin_run_free(&run);
	free(text);
	free(name);
	return good;
}

/* CHECK fails, and its message says what was expected and found. */
static void bad_check(const struct kind *k, const char *what, const char *prev, const char *wrong)
{
	char *name = textf("%s, %s", k->name, what), *text = with_prev(conf, prev);
	char *expected = textf("exit 1, msg \"%s\"", wrong);
	struct plugin_run run;
	const char *msg;
	json_t *doc;

	exec_verb(k, "CHECK", text, &run);
	doc = run_json(&run);
	msg = value(doc, "msg");
	expect(suite,
	       run.rc == 1 && !run_problem(&run, "CHECK") && text_matches(wrong, msg) &&
	               /* host-local's texts are upstream's */
	               (strncmp(msg, "host-local: ", 12) == 0 ||
	                (strstr(msg, "expected ") && strstr(msg, "found "))),
	       name, expected, "%s", run_brief(&run));
	json_decref(doc);
	plugin_run_free(&run);
	free(expected);
	free(text);
	free(name);
}

static void try_mutation(const struct kind *k, const struct mutation *m)
{
	if (k->has & PROMISC && !(m->needs & PROMISC))
		return; /* the other kinds have done it */
	if ((k->has & m->needs) != m->needs)
		return;
	shell(k, m->name, m->command);
	bad_check(k, m->name, result, m->wrong);
	if (m->repair)
		shell(k, m->name, m->repair + (*m->repair == '+'));
	if (!m->repair || *m->repair == '+')
		reattach(k);
	if (!good_check(k, m->name, "repaired", result, 20))
		start_anew(k);
}

/* Replaces "$NAME" by its value in the environment; malloc'ed. */
static char *filled(const char *pattern)
{
	const char *dollar = strchr(pattern, '$');
	char name[16], *rest, *text;
	size_t len;

	if (!dollar)
		return strdup(pattern);
	len = strspn(dollar + 1, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789");
	snprintf(name, sizeof(name), "%.*s", (int)len, dollar + 1);
	rest = filled(dollar + 1 + len);
	text = textf("%.*s%s%s", (int)(dollar - pattern), pattern, getenv(name) ? getenv(name) : "",
	             rest);
	free(rest);
	return text;
}

/* The result with every @from replaced by @to; malloc'ed, NULL if there is none. */
static char *changed_result(const char *from_pattern, const char *to_pattern)
{
	char *from = filled(from_pattern), *to = filled(to_pattern), *text = strdup(""), *next;
	const char *p = result, *hit;
	unsigned int n = 0;

	for (; (hit = strstr(p, from)); p = hit + strlen(from), n++) {
		next = textf("%s%.*s%s", text, (int)(hit - p), p, to);
		free(text);
		text = next;
	}
	next = textf("%s%s", text, p);
	free(text);
	free(from);
	free(to);
	if (n)
		return next;
	free(next);
	return NULL;
}

static void try_change(const struct kind *k, const struct change *c)
{
	char *prev = c->from ? changed_result(c->from, c->to) : strdup(result);

	if ((k->has & c->needs) == c->needs &&
	    expect(suite, prev, c->name, "a text of the result", "%s", result)) {
		shell(k, c->name, c->command);
		good_check(k, c->name, "which is no fault", prev, 0);
		shell(k, c->name, c->back);
	}
	free(prev);
}

static void try_lie(const struct kind *k, const struct lie *l)
{
	char *prev, *name = textf("prevResult of %s", l->name);

	if ((k->has & l->needs) != l->needs)
		goto out;
	prev = changed_result(l->from, l->to);
	if (expect(suite, prev, name, "a text of the result", "%s", result))
		bad_check(k, name, prev, l->wrong);
	free(prev);
out:
	free(name);
}

static void try_kind(const struct kind *k)
{
	conf = textf("{\"cniVersion\":\"1.1.0\",\"name\":\"check\",\"type\":\"%s\",%s}", k->type,
	             k->keys);
	if (attach_pod(k)) {
		good_check(k, "ADD", "at once", result, 0);
		for (size_t i = 0; check_changes[i].name; i++)
			try_change(k, &check_changes[i]);
		for (size_t i = 0; check_lies[i].name; i++)
			try_lie(k, &check_lies[i]);
		good_check(k, "all that", "after it", result, 0);
		for (size_t i = 0; check_mutations[i].name; i++)
			try_mutation(k, &check_mutations[i]);
		good_check(k, "all mutations", "after them", result, 0);
	}
	detach_pod(k);
	free(conf);
	(void)!system("ip link del chk0 2>/dev/null");
}

static void try_at_once(const char *keys)
{
	const struct kind k = { .type = "bridge", .name = keys, .has = BRIDGE };

	if (strstr(keys, "\"vlan") &&
	    system("ip link add chk7 type bridge vlan_filtering 1 2>/dev/null && ip link del chk7") !=
	            0) {
		skip(suite, keys, "this kernel's bridges have no VLAN filtering");
		return;
	}
	conf = textf("{\"cniVersion\":\"1.1.0\",\"name\":\"check\",\"type\":\"bridge\",%s}", keys);
	if (attach_pod(&k)) {
		good_check(&k, "ADD", "at once", result, 0);
		good_check(&k, "ADD", "a second time", result, 0);
	}
	detach_pod(&k);
	free(conf);
	(void)!system("ip link del chk0 2>/dev/null");
}

/* No previous result, or one that cannot be read. */
static void try_no_result(void)
{
	static const char *const bad[][2] = {
		{ "null", "Required prevResult missing" },
		{ "5", "could not parse prevResult: *" },
		{ "{\"cniVersion\":\"9.9.9\"}", "*" },
		{ "{}", "prevResult.interfaces: expected eth0, found *" },
		{ "{\"interfaces\":[{\"name\":\"eth0\"}]}",
		  "prevResult.interfaces: expected eth0, found *" },
	};
	const struct kind k = { .type = "bridge", .name = "prevResult", .has = BRIDGE };

	conf = strdup(
		"{\"cniVersion\":\"1.1.0\",\"name\":\"check\",\"type\":\"bridge\",\"bridge\":\"chk0\"}");
	if (attach_pod(&k)) {
		for (size_t i = 0; i < N(bad); i++) {
			char *text = with_prev(conf, bad[i][0]),
			     *expected = textf("exit 1, msg \"%s\"", bad[i][1]);
			struct plugin_run run;
			json_t *doc;

			exec_verb(&k, "CHECK", text, &run);
			doc = run_json(&run);
			expect(suite,
			       run.rc == 1 && !run_problem(&run, "CHECK") &&
			               text_matches(bad[i][1], value(doc, "msg")),
			       bad[i][0], expected, "%s", run_brief(&run));
			json_decref(doc);
			plugin_run_free(&run);
			free(expected);
			free(text);
		}
	}
	detach_pod(&k);
	free(conf);
	(void)!system("ip link del chk0 2>/dev/null");
}

static bool begin(struct suite *s, const char *type)
{
	char *cnida = textf("%s/cnida", s->dir);
	bool has = suite_has(s, "cnida") && suite_has(s, type);

	suite = s;
	(void)mkdir(STORE, 0755);
	setenv("CNIDA", cnida, 1);
	free(cnida);
	return has;
}

static void suite_check(struct suite *s, const char *type)
{
	if (!begin(s, type))
		return;
	for (size_t i = 0; check_kinds[i].name; i++)
		if (strcmp(check_kinds[i].type, type) == 0)
			try_kind(&check_kinds[i]);
	free(result);
	result = NULL;
}

void suite_check_bridge(struct suite *s)
{
	suite_check(s, "bridge");
}

void suite_check_ptp(struct suite *s)
{
	suite_check(s, "ptp");
}

void suite_check_cnida(struct suite *s)
{
	suite_check(s, "cnida");
	if (!begin(s, "bridge"))
		return;
	for (size_t i = 0; check_at_once[i]; i++)
		try_at_once(check_at_once[i]);
	try_no_result();
	free(result);
	result = NULL;
}
