/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * scope.c - variables of a case
 *
 * A string that is just "$name" stands for a value of any kind; a member or element with a name that is not set is left
 * out. "@name" as an element of an array puts in all elements of an array. "${name}" inside a string is
 * text, and must be known. Names are looked up in the row, the case's "define", the type's "vars", and types.json's
 * "vars"; "pod.what" asks a pod.
 */
#include "test/conformance/match.h"
#include "test/conformance/run.h"
#include "test/lib/plugin_suite.h"

#include <stdlib.h>
#include <string.h>

static const json_t *type_def(const struct run *r)
{
	return json_object_get(json_object_get(r->plan->types, "types"), r->check->type);
}

const char *subject_type(const struct run *r)
{
	const json_t *plugins = json_object_get(type_def(r), "plugins");

	return json_string_value(
		json_object_get(json_array_get(plugins, json_array_size(plugins) - 1), "type"));
}

/* "10.0.0.2/24" of the family, also from results of the old form. Malloc'ed, or NULL. */
static char *pod_cidr(const json_t *result, bool v6)
{
	const char *old = json_string_value(path_get(result, v6 ? "ip6.ip" : "ip4.ip"));
	json_t *ip;
	size_t i;

	json_array_foreach(json_object_get(result, "ips"), i, ip) {
		const char *a = json_string_value(json_object_get(ip, "address"));

		if (a && (strchr(a, ':') != NULL) == v6)
			return strdup(a);
	}
	return old ? strdup(old) : NULL;
}

static char *pod_iface(const json_t *result, const char *key)
{
	json_t *iface;
	size_t i;

	json_array_foreach(json_object_get(result, "interfaces"), i, iface) {
		const char *v = json_string_value(json_object_get(iface, key));

		if (v && json_string_length(json_object_get(iface, "sandbox")) > 0)
			return strdup(v);
	}
	return NULL;
}

/* The node's end of the pod's eth0. */
static char *pod_host_link(const struct conf_pod *pod)
{
	json_t *vars = json_pack("{s:s}", "pod", pod->name);
	char *out = NULL;

	(void)shell("i=$(ip -n $pod -j link show dev eth0 | jq .[0].link_index); "
	            "ip -j link show | jq -rj \".[] | select(.ifindex == $i) | .ifname\"",
	            vars, &out);
	json_decref(vars);
	return out;
}

static char *pod_value(const struct conf_pod *pod, const char *what)
{
	char *text;

	if (strcmp(what, "id") == 0)
		return strdup(pod->pod.id);
	if (strcmp(what, "netns") == 0)
		return textf(POD_NETNS_DIR "/%s", pod->name);
	if (strcmp(what, "host") == 0)
		return pod_host_link(pod);
	if (strcmp(what, "mac") == 0)
		return pod_iface(pod->result, "mac");
	if (strncmp(what, "cidr", 4) != 0 && strncmp(what, "ip", 2) != 0)
		return NULL;
	text = pod_cidr(pod->result, what[strlen(what) - 1] == '6');
	if (text && *what == 'i')
		text[strcspn(text, "/")] = '\0';
	return text;
}

static struct conf_pod *pod_named(struct run *r, const char *name, size_t len)
{
	for (size_t i = 0; i < r->n_pods; i++) {
		if (strncmp(r->pod[i].name, name, len) == 0 && !r->pod[i].name[len])
			return &r->pod[i];
	}
	return NULL;
}

/* The text of "${name}", malloc'ed. */
static char *text_of(struct run *r, const char *name)
{
	const char *dot = strchr(name, '.');
	json_t *v = path_get(r->scope, name), *done;
	struct conf_pod *pod = dot ? pod_named(r, name, (size_t)(dot - name)) : NULL;
	char *text = NULL;

	if (v) {
		done = expand(r, v);
		text = json_is_string(done) ? strdup(json_string_value(done))
		                            : json_dumps(done, JSON_ENCODE_ANY | JSON_COMPACT);
		json_decref(done);
	} else if (pod) {
		text = pod_value(pod, dot + 1);
	}
	if (!text && (pod || (dot && strlen(dot) > 1)))
		text = strdup("?"); /* a pod that has none is the check's failure, not the case's */
	if (!text)
		die("%s/%s: ${%s} is not known", r->check->family, r->check->name, name);
	return text;
}

static json_t *expand_text(struct run *r, const char *text)
{
	char *all = strdup(""), *next, name[128];
	const char *p = text, *var;
	json_t *ret;

	while ((var = strstr(p, "${")) && strchr(var, '}')) {
		size_t n = strcspn(var + 2, "}");
		char *value;

		if (n >= sizeof(name))
			die("a name is too long: %s", var);
		memcpy(name, var + 2, n);
		name[n] = '\0';
		value = text_of(r, name);
		next = textf("%s%.*s%s", all, (int)(var - p), p, value);
		free(value);
		free(all);
		all = next;
		p = var + 2 + n + 1;
	}
	next = textf("%s%s", all, p);
	ret = json_string(next);
	free(all);
	free(next);
	return ret;
}

static bool is_name(const char *p)
{
	return *p &&
	       strspn(p, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.") ==
	               strlen(p);
}

/* {"repeat": n, "from": i, "of": value}: n elements, "$i" and "${i}" count from i. */
static void expand_repeat(struct run *r, const json_t *one, json_t *ret)
{
	json_int_t n = json_integer_value(json_object_get(one, "repeat"));
	json_int_t from = json_integer_value(json_object_get(one, "from"));

	for (json_int_t i = 0; i < n; i++) {
		json_object_set_new(r->scope, "i", json_integer(from + i));
		json_array_append_new(ret, expand(r, json_object_get(one, "of")));
	}
	json_object_del(r->scope, "i");
}

static json_t *expand_array(struct run *r, const json_t *v)
{
	json_t *ret = json_array(), *one;
	size_t i;

	json_array_foreach(v, i, one) {
		const char *text = json_string_value(one);
		json_t *done;

		if (text && *text == '@' && is_name(text + 1)) {
			done = expand(r, path_get(r->scope, text + 1));
			json_array_extend(ret, done);
			json_decref(done);
			continue;
		}
		if (json_object_get(one, "repeat")) {
			expand_repeat(r, one, ret);
			continue;
		}
		done = expand(r, one);
		if (done)
			json_array_append_new(ret, done);
	}
	return ret;
}

json_t *expand(struct run *r, const json_t *v)
{
	const char *text = json_string_value(v), *key;
	json_t *ret, *one, *done;

	if (!v)
		return NULL;
	if (text && *text == '$' && is_name(text + 1))
		return expand(r, path_get(r->scope, text + 1));
	if (text)
		return expand_text(r, text);
	if (json_is_array(v))
		return expand_array(r, v);
	if (!json_is_object(v))
		return json_deep_copy(v);
	ret = json_object();
	json_object_foreach((json_t *)(uintptr_t)v, key, one) {
		json_t *name = expand_text(r, key);

		done = expand(r, one);
		if (done)
			json_object_set_new(ret, json_string_value(name), done);
		json_decref(name);
	}
	return ret;
}

/* ---- the start of a check */

static void scope_update(json_t *scope, const json_t *more)
{
	if (more)
		json_object_update(scope, (json_t *)(uintptr_t)more);
}

/* The network: the case's or the type's own, with the keys of "patch" in the plugin under test. */
void scope_start(struct run *r)
{
	const json_t *patch[] = { json_object_get(r->check->doc, "patch"),
		                  json_object_get(r->check->row, "patch") };
	json_t *own = json_object_get(r->check->row, "net");
	const char *family;

	r->scope = json_object();
	scope_update(r->scope, json_object_get(r->plan->types, "vars"));
	json_object_set_new(r->scope, "newest", json_string(plan_newest(r->plan, r->check->type)));
	json_object_set_new(r->scope, "subject", json_string(subject_type(r)));
	scope_update(r->scope, json_object_get(type_def(r), "vars"));
	scope_update(r->scope, json_object_get(r->check->doc, "define"));
	scope_update(r->scope, r->check->row);
	family = json_string_value(json_object_get(r->scope, "family"));
	json_object_set(r->scope, "ipam",
	                path_get(json_object_get(r->plan->types, "ipam"),
	                         family ? family : "dual"));
	own = own ? own : json_object_get(r->check->doc, "net");
	r->net = expand(r, own ? own : json_object_get(type_def(r), "plugins"));
	for (size_t i = 0; i < 2; i++) {
		json_t *more = expand(r, patch[i]), *last;

		last = json_array_get(r->net, json_array_size(r->net) - 1);
		if (more)
			json_object_update_recursive(last, more);
		json_decref(more);
	}
}
