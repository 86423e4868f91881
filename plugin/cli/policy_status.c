/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * policy_status.c - `cnida policy status`: what is in force, its age, its maps
 * and their limits
 */
#include "base/cleanup.h"
#include "bpf/sys.h"
#include "cli/policy.h"
#include "cli/table.h"
#include "endpoint/policy_nft.h"
#include "endpoint/policy_node.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct usage {
	uint32_t used, max;
	uint64_t bytes; /* kernel memory, as fdinfo tells */
};

struct status {
	int snapshot; /* 1, 0, or -errno with the reason */
	char problem[ERR_MSG_MAX];
	int64_t stored; /* when the snapshot was applied */
	bool loaded;    /* programs and maps are there, or the tables of nftables */
	bool nftables;  /* it is those that judge */
	bool in_force;  /* verdicts that belong to the image */
	bool current;   /* they are the snapshot's */
	struct verdicts_about about;
	struct control control;
	struct usage endpoints, flows;
	int64_t capacity; /* of the image */
	uint64_t memory;  /* of all maps */
};

static void look_at_snapshot(struct status *s, uint64_t *ret_sum)
{
	struct snapshot snapshot = { 0 };
	struct err e;
	int r = snapshot_read(&snapshot, &e);

	s->snapshot = r == -ENOENT ? 0 : r < 0 ? r : 1;
	if (s->snapshot < 0)
		(void)snprintf(s->problem, sizeof(s->problem), "%s", e.msg);
	s->stored = snapshot.applied;
	*ret_sum = snapshot.sum;
	snapshot_free(&snapshot);
}

static uint64_t memory_of(int map)
{
	static const char key[] = "memlock:";
	char path[64], line[128];
	uint64_t bytes = 0;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", map);
	f = fopen(path, "re");
	while (f && bytes == 0 && fgets(line, sizeof(line), f))
		if (strncmp(line, key, strlen(key)) == 0)
			bytes = strtoull(line + strlen(key), NULL, 10);
	if (f)
		(void)fclose(f);
	return bytes;
}

static int look_at_nftables(struct status *s, struct err *e)
{
	enum policy_place place;
	int r = policy_nft_place(&place, e);

	s->nftables = s->loaded = r > 0 && place == POLICY_FORWARD;
	return r < 0 ? r : 0;
}

static int look_at_maps(struct status *s, struct err *e)
{
	_cleanup_datapath_ struct datapath d = DATAPATH_CLOSED;
	int r = policy_is_loaded() ? datapath_open(&d, e) : 0;

	s->loaded = r > 0;
	if (r == 0)
		r = look_at_nftables(s, e);
	if (s->nftables)
		return r;
	if (r > 0)
		r = datapath_get_control(&d, &s->control, e);
	if (r < 0 || !s->loaded)
		return r;
	s->endpoints.used = datapath_count(&d, &s->endpoints.max);
	s->endpoints.bytes = memory_of(d.endpoint);
	s->flows.bytes = memory_of(d.flow);
	r = datapath_count_flows(&d, &s->flows.used, &s->flows.max, e);
	s->capacity = r == 0 ? datapath_image_size(&d, e) : r;
	if (s->capacity < 0)
		return (int)s->capacity;
	s->memory = s->endpoints.bytes + s->flows.bytes + memory_of(d.control) +
	            memory_of(d.policy) + (uint64_t)s->capacity;
	return 0;
}

static int look(struct status *s, struct err *e)
{
	uint64_t sum;
	struct verdicts v;
	int r;

	look_at_snapshot(s, &sum);
	r = verdicts_open(&v, e);
	if (r < 0 && r != -ENOENT)
		return r;
	s->in_force = r == 0;
	s->about = v.about;
	s->current = s->in_force && s->snapshot > 0 && v.about.snapshot == sum;
	verdicts_close(&v);
	return look_at_maps(s, e);
}

/* In one word, and for people. */
static const char *summary(const struct status *s, const char **ret_text)
{
	if (s->snapshot < 0) {
		*ret_text = "the stored policy is damaged";
		return "damaged";
	}
	if (s->snapshot == 0 && !s->loaded) {
		*ret_text = "no policy was applied";
		return "none";
	}
	if (!s->loaded || !s->in_force) {
		*ret_text = "stored, not loaded: the next ADD or apply puts it in force";
		return "stored";
	}
	if (s->snapshot == 0) {
		*ret_text = "loaded without a policy: nobody is isolated";
		return "open";
	}
	*ret_text = s->current ? "in force" : "in force, but the stored policy is another";
	return s->current ? "in force" : "differs";
}

static const char *backend_name(const struct status *s)
{
	if (s->nftables)
		return "nftables";
	return s->loaded ? "ebpf" : "none";
}

static void print_text(const struct status *s, FILE *out)
{
	const char *text;
	char age[32];

	(void)summary(s, &text);
	(void)fprintf(out, "policy      %s\n", text);
	if (s->snapshot < 0)
		(void)fprintf(out, "            %s\n", s->problem);
	if (s->snapshot > 0) {
		cell_age(s->stored, age, sizeof(age));
		(void)fprintf(out, "age         %s\n", age);
	}
	(void)fprintf(out, "backend     %s\n", backend_name(s));
	if (s->in_force)
		(void)fprintf(out,
		              "objects     %u %s, %u %s; compiled to %u rule sets, %u peer "
		              "classes\n",
		              s->about.n_policies, s->about.n_policies == 1 ? "policy" : "policies",
		              s->about.n_pods, s->about.n_pods == 1 ? "pod" : "pods",
		              s->about.n_sets, s->about.n_classes);
	if (!s->loaded || s->nftables)
		return;
	(void)fprintf(out, "Services    %s\n",
	              s->control.flags & CONTROL_DEFER
	                      ? "judged behind the translation of addresses, by nftables"
	                      : "isolated pods reach none: nftables cannot be had");
	(void)fprintf(out, "generation  %" PRIu64 "\n", (uint64_t)s->control.generation);
	(void)fprintf(out, "fast path   %s\n", s->control.flags & CONTROL_FASTPATH ? "on" : "off");
	(void)fprintf(out, "image       %u of %" PRId64 " bytes\n",
	              s->in_force ? s->about.image_size : 0, s->capacity);
	(void)fprintf(out, "endpoints   %u of %u entries\n", s->endpoints.used, s->endpoints.max);
	(void)fprintf(out, "flows       %u of %u entries (the oldest make room)\n", s->flows.used,
	              s->flows.max);
	(void)fprintf(out, "memory      %" PRIu64 " KiB of the kernel's\n", s->memory / 1024);
}

static json_t *usage_to_json(int64_t used, int64_t max)
{
	json_t *doc = json_object();

	(void)jset(doc, "used", json_integer(used));
	(void)jset(doc, "max", json_integer(max));
	return doc;
}

static json_t *to_json(const struct status *s)
{
	json_t *doc = json_object();
	const char *text;

	(void)jset(doc, "state", json_string(summary(s, &text)));
	(void)jset(doc, "detail", json_string(s->snapshot < 0 ? s->problem : text));
	(void)jset(doc, "backend", json_string(backend_name(s)));
	(void)jset(doc, "applied", json_integer(s->stored));
	(void)jset(doc, "policies", json_integer(s->in_force ? s->about.n_policies : 0));
	(void)jset(doc, "pods", json_integer(s->in_force ? s->about.n_pods : 0));
	(void)jset(doc, "sets", json_integer(s->in_force ? s->about.n_sets : 0));
	(void)jset(doc, "classes", json_integer(s->in_force ? s->about.n_classes : 0));
	(void)jset(doc, "generation", json_integer((json_int_t)s->control.generation));
	(void)jset(doc, "fastpath", json_boolean(s->control.flags & CONTROL_FASTPATH));
	(void)jset(doc, "image", usage_to_json(s->in_force ? s->about.image_size : 0, s->capacity));
	(void)jset(doc, "endpoints", usage_to_json(s->endpoints.used, s->endpoints.max));
	(void)jset(doc, "flows", usage_to_json(s->flows.used, s->flows.max));
	(void)jset(doc, "memoryBytes", json_integer((json_int_t)s->memory));
	return doc;
}

int policy_cmd_status(int argc, char **argv, FILE *out)
{
	const char *json = NULL;
	const struct cli_option options[] = {
		{ "json", NULL, "an object instead of lines", &json },
		{ NULL, NULL, NULL, NULL },
	};
	struct status s = { 0 };
	struct err e;
	int i = cli_options(argc, argv, options, "policy status [--json]",
	                    "Shows what is in force and since when, and how full the "
	                    "maps are. Exits with 1\n"
	                    "if a stored policy is damaged.",
	                    out);

	if (i < 0)
		return i == -2 ? CLI_OK : CLI_USAGE;
	if (cli_need_root("policy status") != CLI_OK)
		return CLI_FAILED;
	if (look(&s, &e) < 0)
		return policy_failed("status", &e);
	if (json && cli_print_json("policy", to_json(&s), out) != CLI_OK)
		return CLI_FAILED;
	if (!json)
		print_text(&s, out);
	return s.snapshot < 0 ? CLI_FAILED : CLI_OK;
}
