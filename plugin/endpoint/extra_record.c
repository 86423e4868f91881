/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * extra_record.c - what bandwidth and firewall gave an attachment: one small file for each
 */
#include "endpoint/extra_record.h"

#include "base/cleanup.h"
#include "base/json.h"
#include "endpoint/record_folder.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define SIZE_MAX_BYTES 65536
#define VERSION        1

/* Texts; those of the other kind are empty and not written. */
static const struct record_text texts[] = {
	RECORD_TEXT(extra_record, "veth", veth),
	RECORD_TEXT(extra_record, "link", link),
	RECORD_TEXT(extra_record, "zone", zone),
	RECORD_TEXT(extra_record, "adminChain", admin_chain),
};

static const struct {
	const char *key;
	size_t offset;
} numbers[] = {
	{ "ingressRate", offsetof(struct extra_record, limits.ingress.rate) },
	{ "ingressBurst", offsetof(struct extra_record, limits.ingress.burst) },
	{ "egressRate", offsetof(struct extra_record, limits.egress.rate) },
	{ "egressBurst", offsetof(struct extra_record, limits.egress.burst) },
};

int extra_record_describe(const struct request *req, struct extra_record *ret, struct err *e)
{
	struct err ignored;
	int r;

	*ret = (struct extra_record) { .n_ips = 0 };
	r = owner_describe(req, &ret->owner, e);
	if (r == 0 && *req->netns) {
		_cleanup_close_ int fd = netns_open(req->netns, &ret->netns_id, &ignored);

		(void)fd; /* only its identity is wanted */
	}
	return r;
}

/* Writing */

static json_t *ips_to_json(const struct extra_record *r)
{
	json_t *list = json_array();
	char text[IP_STR_MAX];

	for (size_t i = 0; i < r->n_ips; i++)
		(void)json_array_append_new(list, json_string(ip_format(&r->ips[i], text)));
	return list;
}

static json_t *to_json(enum extra_kind kind, const struct extra_record *r)
{
	json_t *doc = json_object();
	int bad = jset(doc, "v", json_integer(VERSION));

	bad |= owner_put(doc, &r->owner);
	bad |= record_texts_put(doc, r, texts, ARRAY_SIZE(texts));
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		uint64_t value = *(const uint64_t *)((const char *)r + numbers[i].offset);

		if (value)
			bad |= jset(doc, numbers[i].key, json_integer((json_int_t)value));
	}
	if (kind == EXTRA_FIREWALL) {
		bad |= jset(doc, "ingressPolicy", json_string(firewall_policy_name(r->policy)));
		bad |= jset(doc, "ips", ips_to_json(r));
	}
	if (!bad)
		return doc;
	json_decref(doc);
	return NULL;
}

/* Reading */

static int ips_from_json(const json_t *doc, struct extra_record *r, struct err *e)
{
	json_t *list = NULL, *item;
	int x = jget_arr(doc, "", "ips", &list, e);
	size_t i;

	if (x <= 0)
		return x;
	json_array_foreach(list, i, item) {
		const char *text = json_string_value(item);

		if (r->n_ips == RECORD_IPS_MAX || !text || !ip_parse(text, &r->ips[r->n_ips]))
			return err_set(e, CNI_E_INTERNAL, EBADMSG, "ips[%zu] is no address", i);
		r->n_ips++;
	}
	return 0;
}

static int policy_from_json(const json_t *doc, struct extra_record *r, struct err *e)
{
	const char *policy = "";
	int x = jget_str(doc, "", "ingressPolicy", &policy, e);

	for (int i = FIREWALL_OPEN; x >= 0 && i <= FIREWALL_ISOLATED; i++) {
		if (strcmp(policy, firewall_policy_name((enum firewall_policy)i)) == 0) {
			r->policy = (enum firewall_policy)i;
			return 0;
		}
	}
	return x < 0 ? x
	             : err_set(e, CNI_E_INTERNAL, EBADMSG, "ingressPolicy: \"%s\" is none", policy);
}

static int limits_from_json(const json_t *doc, struct extra_record *r, struct err *e)
{
	int x = 0;

	for (size_t i = 0; x >= 0 && i < ARRAY_SIZE(numbers); i++) {
		int64_t value = 0;

		x = jget_int(doc, "", numbers[i].key, 0, INT64_MAX, &value, e);
		*(uint64_t *)((char *)r + numbers[i].offset) = (uint64_t)value;
	}
	return x;
}

static int common_from_json(const json_t *doc, struct extra_record *r, struct err *e)
{
	int64_t version = 0;
	int x = jget_int(doc, "", "v", VERSION, VERSION, &version, e);

	if (x >= 0)
		x = owner_get(doc, &r->owner, e);
	return x < 0 ? x : record_texts_get(doc, r, texts, ARRAY_SIZE(texts), e);
}

static int bandwidth_from_json(const json_t *doc, void *record, struct err *e)
{
	int x = common_from_json(doc, record, e);

	if (x >= 0)
		x = limits_from_json(doc, record, e);
	return x < 0 ? x : 0;
}

static int firewall_from_json(const json_t *doc, void *record, struct err *e)
{
	int x = common_from_json(doc, record, e);

	if (x >= 0)
		x = policy_from_json(doc, record, e);
	return x < 0 ? x : ips_from_json(doc, record, e);
}

/* Files */

#define FOLDER(name, from_json)                                                                \
	{                                                                                      \
		RUN_DIR "/" name, SIZE_MAX_BYTES, sizeof(struct extra_record), from_json, NULL \
	}
static const struct record_folder folders[] = {
	[EXTRA_BANDWIDTH] = FOLDER("bandwidth", bandwidth_from_json),
	[EXTRA_FIREWALL] = FOLDER("firewall", firewall_from_json),
};

int extra_record_write(enum extra_kind kind, const struct extra_record *r, struct err *e)
{
	json_auto_t *doc = to_json(kind, r);

	return record_folder_write(&folders[kind], r->name, doc, e);
}

int extra_record_read(enum extra_kind kind, const char *name, struct extra_record *ret,
                      struct err *e)
{
	return record_folder_read(&folders[kind], name, ret, e);
}

int extra_record_parse(enum extra_kind kind, const char *name, const char *text, size_t len,
                       struct extra_record *ret, struct err *e)
{
	return record_folder_parse(&folders[kind], name, text, len, ret, e);
}

bool extra_record_exists(enum extra_kind kind, const char *name)
{
	return record_folder_exists(&folders[kind], name);
}

int extra_record_delete(enum extra_kind kind, const char *name, struct err *e)
{
	return record_folder_delete(&folders[kind], name, e);
}

struct walk {
	struct extra_record r;
	int (*fn)(const struct extra_record *r, void *arg, struct err *e);
	void *arg;
};

static int visit(void *arg, struct err *e)
{
	struct walk *w = arg;

	return w->fn(&w->r, w->arg, e);
}

int extra_record_each(enum extra_kind kind,
                      int (*fn)(const struct extra_record *r, void *arg, struct err *e), void *arg,
                      struct err *e)
{
	struct walk w = { .fn = fn, .arg = arg };

	return record_folder_each(&folders[kind], &w.r, visit, &w, e);
}
