/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * object.c - Kubernetes objects as values: from a stream of JSON documents to sorted arrays
 *
 * A document is an object or a list of objects. A List says nothing about its items, which name their own kinds; the
 * items of a PodList, as the API server sends it, name none and are Pods.
 */
#include "policy/object.h"

#include "base/cleanup.h"
#include "policy/arena.h"
#include "policy/names.h"
#include "policy/reader.h"

#include <errno.h>
#include <string.h>

enum top { F_METADATA, F_SPEC, F_STATUS, F_API_VERSION, F_KIND, F_ITEMS, N_TOP };

static const char *const top_names[N_TOP] = {
	[F_METADATA] = "metadata",      [F_SPEC] = "spec", [F_STATUS] = "status",
	[F_API_VERSION] = "apiVersion", [F_KIND] = "kind", [F_ITEMS] = "items",
};

struct kind {
	const char *api_version, *name;
	bool namespaced;
	bool (*is_name)(const char *s);
	int (*read)(struct reader *r, const struct metadata *meta, const struct place f[static 3]);
};

static const struct kind kinds[] = {
	{ "networking.k8s.io/v1", "NetworkPolicy", true, name_is_subdomain, read_policy },
	{ "v1", "Pod", true, name_is_subdomain, read_pod },
	{ "v1", "Namespace", false, name_is_label, read_namespace },
};

void objects_init(struct objects *o)
{
	*o = (struct objects) { .n_pods = 0 };
}

void objects_free(struct objects *o)
{
	arena_free(o->arena);
	objects_init(o);
}

static int read_name(struct reader *r, const struct place *at, bool (*is_name)(const char *s),
                     const char **ret)
{
	const char *name = NULL;
	int failed = read_text(r, at, &name);

	if (failed < 0)
		return failed;
	if (name && !is_name(name))
		return read_wrong(r, at, "is not a name");
	*ret = name; /* from here on errors say it */
	return 0;
}

static int read_metadata(struct reader *r, const struct kind *kind, const struct place *at,
                         struct metadata *ret)
{
	static const char *const names[] = { "name",   "namespace",         "uid",
		                             "labels", "creationTimestamp", "deletionTimestamp" };
	struct place f[ARRAY_SIZE(names)];
	const char *deleted = NULL;
	int failed = read_fields(r, at, names, ARRAY_SIZE(names), f, NULL);

	if (failed == 0)
		failed = read_name(r, &f[0], kind->is_name, &r->name);
	if (failed == 0 && !r->name)
		failed = read_wrong(r, &f[0], "is missing");
	if (failed == 0 && kind->namespaced) {
		failed = read_name(r, &f[1], name_is_label, &r->namespace);
		if (failed == 0 && !r->namespace)
			r->namespace = "default";
	}
	if (failed < 0)
		return failed;
	failed = read_text(r, &f[2], &ret->uid);
	if (failed == 0)
		failed = read_labels(r, &f[3], &ret->labels);
	if (failed == 0)
		failed = read_text(r, &f[4], &ret->created);
	if (failed == 0)
		failed = read_text(r, &f[5], &deleted);
	if (failed < 0)
		return failed;
	ret->deleting = deleted;
	ret->uid = ret->uid ? ret->uid : "";
	ret->created = ret->created ? ret->created : "";
	return 0;
}

static bool is_text(const struct reader *r, const struct place *at, const char *text)
{
	return at->node && tape_is(&r->tape, at->node, text);
}

/* The entry of kinds[] whose list @list is ("PodList"), NULL if it is none */
static const struct kind *list_of(const struct reader *r, const struct place f[static N_TOP])
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		char list[64];

		(void)snprintf(list, sizeof(list), "%sList", kinds[i].name);
		if (is_text(r, &f[F_KIND], list) &&
		    is_text(r, &f[F_API_VERSION], kinds[i].api_version))
			return &kinds[i];
	}
	return NULL;
}

/* The kind that the object says, or else the one of the list that it stands in; *ret stays NULL for a foreign one. */
static int find_kind(struct reader *r, const struct kind *listed,
                     const struct place f[static N_TOP], const struct kind **ret)
{
	*ret = NULL;
	if (listed && !f[F_KIND].node) {
		*ret = listed;
		return 0;
	}
	if (!read_is(r, &f[F_KIND], NODE_STRING))
		return read_wrong(r, &f[F_KIND],
		                  f[F_KIND].node ? "expected a string" : "is missing");
	if (!read_is(r, &f[F_API_VERSION], NODE_STRING))
		return read_wrong(r, &f[F_API_VERSION],
		                  f[F_API_VERSION].node ? "expected a string" : "is missing");
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (!is_text(r, &f[F_KIND], kinds[i].name))
			continue;
		r->kind = kinds[i].name;
		if (is_text(r, &f[F_API_VERSION], kinds[i].api_version))
			*ret = &kinds[i];
		else
			return read_warn(r, &f[F_API_VERSION], "is not %s: the object is ignored",
			                 kinds[i].api_version);
	}
	return 0;
}

static int read_object(struct reader *r, const struct kind *listed, const struct place *at,
                       const struct place f[static N_TOP])
{
	struct objects *o = r->o;
	struct metadata meta = { .deleting = false };
	const struct kind *kind = NULL;
	int failed;

	r->kind = r->namespace = r->name = NULL;
	if (o->n_policies + o->n_namespaces + o->n_pods + o->n_ignored >= OBJECTS_MAX)
		return err_set(r->e, CNI_E_CONFIG, E2BIG, "%s: more than %u objects", r->source,
		               OBJECTS_MAX);
	if (!read_is(r, at, NODE_OBJECT))
		return read_wrong(r, at, "expected an object");
	failed = find_kind(r, listed, f, &kind);
	if (failed < 0)
		return failed;
	if (!kind) {
		o->n_ignored++;
		return 0;
	}
	r->kind = kind->name;
	failed = read_metadata(r, kind, &f[F_METADATA], &meta);
	return failed < 0 ? failed : kind->read(r, &meta, f);
}

/* The items of a list, each of which replaces the list on the tape; they begin at @at. */
static int read_items(struct reader *r, const struct kind *listed, size_t at)
{
	struct place f[N_TOP] = { { .node = 0 } }, top = { .node = 0 };
	int got;

	tape_open(&r->tape, at);
	while ((got = tape_item(&r->tape, r->e)) > 0) {
		int failed = 0;

		if (read_is(r, &top, NODE_OBJECT))
			failed = read_fields(r, &top, top_names, N_TOP, f, NULL);
		if (failed == 0)
			failed = read_object(r, listed, &top, f);
		if (failed < 0)
			return failed;
	}
	return got < 0 ? err_wrap(r->e, "%s", r->source) : 0;
}

static bool is_list(const struct reader *r, const struct place f[static N_TOP])
{
	const struct node *kind = &r->tape.v[f[F_KIND].node];

	return read_is(r, &f[F_KIND], NODE_STRING) && kind->len >= 4 &&
	       memcmp(r->tape.text + kind->at + kind->len - 4, "List", 4) == 0;
}

/* The whole of it is on the tape. */
static int read_document(struct reader *r)
{
	struct place f[N_TOP], top = { .node = 0 };
	const size_t behind = r->tape.pos;
	int failed;

	r->kind = r->namespace = r->name = NULL;
	failed = read_fields(r, &top, top_names, N_TOP, f, NULL);
	if (failed < 0)
		return failed;
	if (!is_list(r, f))
		return read_object(r, NULL, &top, f);
	r->kind = "list";
	if (!f[F_ITEMS].node)
		return 0;
	if (!read_is(r, &f[F_ITEMS], NODE_ITEMS))
		return read_wrong(r, &f[F_ITEMS], "expected an array");
	failed = read_items(r, list_of(r, f), r->tape.v[f[F_ITEMS].node].at);
	r->tape.pos = behind;
	return failed;
}

/* Items that say of themselves what they are, as kubectl prints them: read before the list is known to be one. False if that will not do,
 * for whatever reason. */
static bool read_items_first(struct reader *r)
{
	struct place f[N_TOP], top = { .node = 0 };

	return read_items(r, NULL, r->tape.pos) == 0 &&
	       tape_again(&r->tape, r->tape.pos, r->e) > 0 &&
	       read_fields(r, &top, top_names, N_TOP, f, NULL) == 0 && is_list(r, f);
}

/*
 * The tape stands at the items of something. When what they say is not enough (those of a PodList say nothing), or is wrong,
 * or the whole turns out to be no list, all of it is taken back and read in the other order, which tells what is wrong
 * with it.
 */
static int read_around_items(struct reader *r)
{
	const struct objects before = *r->o;
	int got;

	if (read_items_first(r))
		return 0;
	*r->o = before;
	got = tape_again(&r->tape, 0, r->e);
	return got < 0 ? err_wrap(r->e, "%s", r->source) : read_document(r);
}

int objects_read(struct objects *o, const char *source, const char *text, size_t len, struct err *e)
{
	struct reader r = { .o = o, .source = source, .e = e };
	int got = 0;

	if (len > OBJECTS_BYTES_MAX)
		return err_set(e, CNI_E_CONFIG, E2BIG, "%s: larger than %u MB", source,
		               OBJECTS_BYTES_MAX >> 20);
	if (!o->arena)
		o->arena = arena_new();
	if (!o->arena)
		return read_no_memory(&r);
	r.source = arena_text(o->arena, source, strlen(source));
	if (!r.source)
		return err_sys(e, ENOMEM, "read %s", source);
	tape_init(&r.tape, text, len);
	while (got >= 0 && (got = tape_next(&r.tape, e)) > 0) {
		int failed = got == TAPE_AT_ITEMS ? read_around_items(&r) : read_document(&r);

		if (failed < 0) {
			tape_free(&r.tape);
			return failed;
		}
	}
	tape_free(&r.tape);
	return got < 0 ? err_wrap(e, "%s", source) : 0;
}
