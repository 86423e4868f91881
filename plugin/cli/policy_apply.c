/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * policy_apply.c - `cnida policy apply` and `clear`
 */
#include "base/cleanup.h"
#include "base/fs.h"
#include "cli/policy.h"
#include "cli/table.h"
#include "endpoint/policy_node.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

/* ---- input ---- */

static int read_stdin(char **ret, size_t *ret_len, struct err *e)
{
	size_t len = 0, cap = 1U << 16;
	char *text = malloc(cap);

	while (text) {
		size_t n = fread(text + len, 1, cap - len, stdin);
		char *more;

		len += n;
		if (n == 0)
			break;
		if (len < cap)
			continue;
		more = cap < OBJECTS_BYTES_MAX ? realloc(text, cap * 2) : NULL;
		if (!more) {
			free(text);
			return err_set(e, CNI_E_CONFIG, E2BIG, "-: more than %u MiB",
			               OBJECTS_BYTES_MAX >> 20);
		}
		text = more;
		cap *= 2;
	}
	if (!text || ferror(stdin)) {
		free(text);
		return err_sys(e, text ? EIO : ENOMEM, "read standard input");
	}
	*ret = text;
	*ret_len = len;
	return 0;
}

static int read_file(struct objects *o, const char *path, struct err *e)
{
	_cleanup_free_ char *text = NULL;
	ssize_t len = fs_read_all(AT_FDCWD, path, OBJECTS_BYTES_MAX, &text, e);

	return len < 0 ? (int)len : objects_read(o, path, text, (size_t)len, e);
}

static int is_json(const struct dirent *entry)
{
	const char *dot = strrchr(entry->d_name, '.');

	return entry->d_name[0] != '.' && dot && strcmp(dot, ".json") == 0;
}

static int read_folder(struct objects *o, const char *path, struct err *e)
{
	struct dirent **names = NULL;
	int n = scandir(path, &names, is_json, alphasort), r = 0;

	if (n < 0)
		return err_sys(e, errno, "open %s", path);
	/* An empty folder is more often a slip than the wish to have no policy: that is "clear". */
	if (n == 0)
		r = err_set(e, CNI_E_CONFIG, ENOENT, "%s: no *.json there", path);
	for (int i = 0; i < n; i++) {
		char file[4096];

		if (r == 0)
			r = fs_path(file, sizeof(file), e, "%s/%s", path, names[i]->d_name);
		if (r == 0)
			r = read_file(o, file, e);
		free(names[i]);
	}
	free(names);
	return r;
}

static int read_input(struct objects *o, const char *source, struct err *e)
{
	_cleanup_free_ char *text = NULL;
	struct stat st;
	size_t len = 0;
	int r;

	if (strcmp(source, "-") == 0) {
		r = read_stdin(&text, &len, e);
		return r < 0 ? r : objects_read(o, "-", text, len, e);
	}
	if (stat(source, &st) < 0)
		return err_sys(e, errno, "open %s", source);
	return S_ISDIR(st.st_mode) ? read_folder(o, source, e) : read_file(o, source, e);
}

/* ---- what changed ---- */

static const char *change_of(const struct apply_pod *p, bool had_before, enum direction d)
{
	bool was = p->before.pod.set[d] != SET_OPEN, is = p->after.pod.set[d] != SET_OPEN;

	if (!had_before || !p->judged)
		return is ? "isolated" : "open";
	if (was != is)
		return is ? "open -> isolated" : "isolated -> open";
	if (p->before.allows[d] != p->after.allows[d])
		return "allows other traffic";
	return "as before";
}

static bool changed(const struct apply_pod *p, bool had_before)
{
	return !had_before || !p->judged ||
	       strcmp(change_of(p, had_before, INGRESS), "as before") != 0 ||
	       strcmp(change_of(p, had_before, EGRESS), "as before") != 0;
}

static void print_changes(const struct policy_pods *pods, const struct apply_result *res, FILE *out)
{
	static const char *const headings[] = { "NAMESPACE", "POD",    "ADDRESSES", "INGRESS",
		                                "EGRESS",    "LABELS", NULL };
	struct text_table t;
	char text[512];
	size_t n = 0;

	text_table_init(&t, headings);
	for (size_t i = 0; i < pods->n; i++) {
		const struct apply_pod *p = &pods->v[i];

		if (!changed(p, res->had_before))
			continue;
		n++;
		text_table_add(&t, p->namespace);
		text_table_add(&t, p->name);
		cell_addresses(p->ips, p->n_ips, text, sizeof(text));
		text_table_add(&t, text);
		text_table_add(&t, change_of(p, res->had_before, INGRESS));
		text_table_add(&t, change_of(p, res->had_before, EGRESS));
		text_table_add(&t, p->known ? "known" : "unknown");
	}
	if (n)
		text_table_print(&t, out, cli_colour(out));
	text_table_free(&t);
}

static json_t *change_to_json(const struct apply_pod *p, bool had_before)
{
	json_t *row = json_object(), *ips = json_array();
	char text[IP_STR_MAX];

	for (size_t i = 0; i < p->n_ips; i++)
		(void)json_array_append_new(ips, json_string(ip_format(&p->ips[i].addr, text)));
	(void)jset(row, "namespace", json_string(p->namespace));
	(void)jset(row, "pod", json_string(p->name));
	(void)jset(row, "addresses", ips);
	(void)jset(row, "labelsKnown", json_boolean(p->known));
	(void)jset(row, "changed", json_boolean(changed(p, had_before)));
	(void)jset(row, "ingress", json_string(change_of(p, had_before, INGRESS)));
	(void)jset(row, "egress", json_string(change_of(p, had_before, EGRESS)));
	return row;
}

/* ---- apply ---- */

struct outcome {
	struct objects objects;
	struct policy_pods pods;
	struct apply_result res;
	double ms;
};

static json_t *outcome_to_json(const struct outcome *o)
{
	json_t *doc = json_object(), *pods = json_array(), *warnings = json_array();

	for (size_t i = 0; i < o->pods.n; i++)
		(void)json_array_append_new(pods, change_to_json(&o->pods.v[i], o->res.had_before));
	for (size_t i = 0; i < o->objects.n_warnings; i++)
		(void)json_array_append_new(warnings, json_string(o->objects.warnings[i]));
	(void)jset(doc, "policies", json_integer((json_int_t)o->objects.n_policies));
	(void)jset(doc, "namespaces", json_integer((json_int_t)o->objects.n_namespaces));
	(void)jset(doc, "pods", json_integer((json_int_t)o->objects.n_pods));
	(void)jset(doc, "loaded", json_boolean(o->res.loaded));
	(void)jset(doc, "milliseconds", json_real(o->ms));
	(void)jset(doc, "local", pods);
	(void)jset(doc, "warnings", warnings);
	return doc;
}

static void print_outcome(const struct outcome *o, FILE *out)
{
	size_t n = 0;

	for (size_t i = 0; i < o->pods.n; i++)
		n += changed(&o->pods.v[i], o->res.had_before);
	print_changes(&o->pods, &o->res, out);
	(void)fprintf(out, "%zu %s, %zu %s, %zu %s; of %zu %s here %zu changed; %.1f ms\n",
	              o->objects.n_policies, o->objects.n_policies == 1 ? "policy" : "policies",
	              o->objects.n_namespaces,
	              o->objects.n_namespaces == 1 ? "namespace" : "namespaces", o->objects.n_pods,
	              o->objects.n_pods == 1 ? "pod" : "pods", o->pods.n,
	              o->pods.n == 1 ? "pod" : "pods", n, o->ms);
	if (!o->res.loaded)
		(void)fprintf(out, "stored; nothing is attached, so the first pod's ADD "
		                   "puts it in force\n");
}

static double now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static int read_objects(struct outcome *o, const char *const *sources, int n, struct err *e)
{
	int r = 0;

	objects_init(&o->objects);
	for (int i = 0; r == 0 && i < n; i++)
		r = read_input(&o->objects, sources[i], e);
	return r < 0 ? r : objects_finish(&o->objects, e);
}

static int parse_size(const char *name, const char *text, uint32_t min, uint32_t max, uint32_t *ret)
{
	char *end;
	unsigned long v;

	if (!text)
		return 0;
	v = strtoul(text, &end, 10);
	if (*end || end == text || v < min || v > max) {
		(void)fprintf(stderr, "cnida policy apply: --%s: expected %u to %u, found \"%s\"\n",
		              name, min, max, text);
		return -1;
	}
	*ret = (uint32_t)v;
	return 0;
}

static int run_apply(const char *const *sources, int n, const struct loader_conf *loader, bool json,
                     FILE *out)
{
	struct outcome o = { .ms = now_ms() };
	int status = CLI_OK, r;
	struct err e;

	r = read_objects(&o, sources, n, &e);
	for (size_t i = 0; i < o.objects.n_warnings; i++)
		(void)fprintf(stderr, "cnida policy apply: warning: %s\n", o.objects.warnings[i]);
	if (r == 0)
		r = policy_apply(&o.objects, loader, &o.pods, &o.res, &e);
	if (r == 0)
		policy_sort(&o.pods);
	o.ms = now_ms() - o.ms;
	if (r < 0)
		status = policy_failed("apply", &e);
	else if (json)
		status = cli_print_json("policy", outcome_to_json(&o), out);
	else
		print_outcome(&o, out);
	policy_pods_free(&o.pods);
	objects_free(&o.objects);
	return status;
}

int policy_cmd_apply(int argc, char **argv, FILE *out)
{
	const char *json = NULL, *flows = NULL, *endpoints = NULL, *sources[POLICY_OPERANDS_MAX];
	uint32_t n_flows = 0, n_endpoints = 0;
	struct loader_conf loader;
	const struct cli_option options[] = {
		{ "json", NULL, "an object instead of a table", &json },
		{ "flows", "N", "connections to remember, if the maps are made now", &flows },
		{ "endpoints", "N", "addresses of pods of this node, likewise", &endpoints },
		{ NULL, NULL, NULL, NULL },
	};
	int n = policy_operands(
		argc, argv, options,
		"policy apply [--json] [--flows N] [--endpoints N] DIR|FILE|-...",
		"Reads Kubernetes objects as JSON (NetworkPolicy, Namespace, Pod; what\n"
		"\"kubectl get networkpolicy,namespace,pod -A -o json\" prints; of a DIR "
		"every *.json) and\n"
		"puts them in force for all pods of this node at once, in place of what "
		"was applied\n"
		"before: what is not in the input is gone. On any error nothing changes. "
		"The objects\n"
		"are kept in /var/lib/cnida/policy and survive a reboot.",
		1, POLICY_OPERANDS_MAX, sources, out);

	if (n < 0)
		return n == -2 ? CLI_OK : CLI_USAGE;
	if (parse_size("flows", flows, 64, 4U << 20, &n_flows) < 0 ||
	    parse_size("endpoints", endpoints, 16, 65536, &n_endpoints) < 0)
		return CLI_USAGE;
	if (cli_need_root("policy apply") != CLI_OK)
		return CLI_FAILED;
	loader = policy_loader(n_flows, n_endpoints, true);
	return run_apply(sources, n, &loader, json != NULL, out);
}

/* ---- clear ---- */

int policy_cmd_clear(int argc, char **argv, FILE *out)
{
	const char *json = NULL;
	const struct cli_option options[] = {
		{ "json", NULL, "an object instead of a line", &json },
		{ NULL, NULL, NULL, NULL },
	};
	struct err e;
	int r, i = cli_options(argc, argv, options, "policy clear [--json]",
	                       "Takes the programs off all pods and removes maps, "
	                       "programs and the stored\n"
	                       "objects: everything is allowed, as if no policy had "
	                       "ever been applied. (A policy\n"
	                       "that is to go alone is left out of the next apply.)",
	                       out);

	if (i < 0)
		return i == -2 ? CLI_OK : CLI_USAGE;
	if (cli_need_root("policy clear") != CLI_OK)
		return CLI_FAILED;
	r = policy_clear(&e);
	if (r < 0)
		return policy_failed("clear", &e);
	if (json) {
		json_t *doc = json_object();

		(void)jset(doc, "letGo", json_integer(r));
		return cli_print_json("policy", doc, out);
	}
	(void)fprintf(out, "no policy any more; %d %s let go\n", r,
	              r == 1 ? "pod was" : "pods were");
	return CLI_OK;
}
