/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * record.c - what this node has attached: one small file per attachment in /run/cnida/endpoints
 */
#include "endpoint/record.h"

#include "base/cleanup.h"
#include "base/hash.h"
#include "base/json.h"
#include "endpoint/record_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define RECORD_SIZE_MAX 65536
#define RECORD_VERSION  1
/* "ready" is the first key and one digit, so that the end of an ADD changes one byte instead of writing the file anew. */
#define READY_HEAD "{\n    \"ready\": "
#define READY_AT   (sizeof(READY_HEAD) - 1)

static const struct record_text texts[] = {
	RECORD_TEXT(record, "type", type),        RECORD_TEXT(record, "bridge", bridge),
	RECORD_TEXT(record, "hostMAC", host_mac), RECORD_TEXT(record, "mac", mac),
	RECORD_TEXT(record, "ipam", ipam),        RECORD_TEXT(record, "ipamDir", ipam_dir),
	RECORD_TEXT(record, "pod", pod_name),     RECORD_TEXT(record, "namespace", pod_namespace),
	RECORD_TEXT(record, "uid", pod_uid),      RECORD_TEXT(record, "policy", policy),
};

struct bool_field {
	const char *key;
	size_t offset;
};
static const struct bool_field bool_fields[] = {
	{ "masquerade", offsetof(struct record, masquerade) },
	{ "spoofCheck", offsetof(struct record, spoof_check) },
	{ "policyNftables", offsetof(struct record, policy_nftables) },
};

void record_name(const char *network, const char *container_id, const char *ifname,
                 char ret[static IFNAMSIZ])
{
	const char *const parts[] = { network, container_id, ifname, NULL };

	(void)snprintf(ret, IFNAMSIZ, "cni");
	hash_hex(parts, RECORD_NAME_DIGITS, ret + 3);
}

static json_t *ips_to_json(const struct record *r)
{
	json_t *list = json_array();
	char text[PREFIX_STR_MAX];

	for (size_t i = 0; i < r->n_ips; i++)
		(void)json_array_append_new(list, json_string(prefix_format(&r->ips[i], text)));
	return list;
}

/* NULL when out of memory, or when a text is not UTF-8: a netns path that came back changed would be taken for dead. */
static json_t *to_json(const struct record *r)
{
	json_t *doc = json_object();
	int bad = 0;

	bad |= jset(doc, "ready", json_integer(r->ready));
	bad |= jset(doc, "v", json_integer(RECORD_VERSION));
	bad |= owner_put(doc, &r->owner);
	bad |= record_texts_put(doc, r, texts, ARRAY_SIZE(texts));
	for (size_t i = 0; i < ARRAY_SIZE(bool_fields); i++) {
		if (*(const bool *)((const char *)r + bool_fields[i].offset))
			bad |= jset(doc, bool_fields[i].key, json_true());
	}
	bad |= jset(doc, "ips", ips_to_json(r));
	bad |= jset(doc, "created", json_integer(r->created));
	if (bad) {
		json_decref(doc);
		return NULL;
	}
	return doc;
}

static int ips_from_json(const json_t *doc, struct record *r, struct err *e)
{
	json_t *list, *item;
	size_t i;
	int found = jget_arr(doc, "", "ips", &list, e);

	if (found <= 0)
		return found;
	json_array_foreach(list, i, item) {
		const char *text = json_string_value(item);

		if (r->n_ips == RECORD_IPS_MAX || !text || !prefix_parse(text, &r->ips[r->n_ips]))
			return err_set(e, CNI_E_INTERNAL, EBADMSG, "ips[%zu] is no address", i);
		r->n_ips++;
	}
	return 0;
}

static int from_json(const json_t *doc, void *record, struct err *e)
{
	struct record *r = record;
	int64_t version = 0, ready = 0, created = 0;
	int x = jget_int(doc, "", "v", RECORD_VERSION, RECORD_VERSION, &version, e);

	if (x >= 0)
		x = jget_int(doc, "", "ready", 0, 1, &ready, e);
	if (x >= 0)
		x = owner_get(doc, &r->owner, e);
	if (x >= 0)
		x = record_texts_get(doc, r, texts, ARRAY_SIZE(texts), e);
	for (size_t i = 0; x >= 0 && i < ARRAY_SIZE(bool_fields); i++)
		x = jget_bool(doc, "", bool_fields[i].key,
		              (bool *)((char *)r + bool_fields[i].offset), e);
	if (x >= 0)
		x = jget_int(doc, "", "created", INT64_MIN, INT64_MAX, &created, e);
	if (x >= 0)
		x = ips_from_json(doc, r, e);
	r->ready = ready;
	r->created = created;
	return x < 0 ? x : 0;
}

static const struct record_folder folder = {
	RECORD_DIR, RECORD_SIZE_MAX, sizeof(struct record), from_json, NULL,
};

int record_write(const struct record *r, struct err *e)
{
	json_auto_t *doc = to_json(r);

	return record_folder_write(&folder, r->name, doc, e);
}

int record_read(const char *name, struct record *ret, struct err *e)
{
	return record_folder_read(&folder, name, ret, e);
}

int record_mark_ready(const char *name, struct err *e)
{
	char path[sizeof(RECORD_DIR) + 1 + IFNAMSIZ], head[READY_AT + 1];
	_cleanup_close_ int fd = -1;

	(void)snprintf(path, sizeof(path), "%s/%s", RECORD_DIR, name);
	fd = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, errno, "open %s", path);
	if (pread(fd, head, sizeof(head), 0) != (ssize_t)sizeof(head) ||
	    memcmp(head, READY_HEAD, READY_AT) != 0)
		return err_set(e, CNI_E_INTERNAL, EBADMSG, "%s was changed by others", path);
	if (pwrite(fd, "1", 1, READY_AT) != 1)
		return err_sys(e, errno, "write %s", path);
	return 0;
}

int record_delete(const char *name, struct err *e)
{
	return record_folder_delete(&folder, name, e);
}

struct walk {
	struct record r;
	int (*fn)(const struct record *r, void *arg, struct err *e);
	void *arg;
};

static int visit(void *arg, struct err *e)
{
	struct walk *w = arg;

	return w->fn(&w->r, w->arg, e);
}

int record_each(int (*fn)(const struct record *r, void *arg, struct err *e), void *arg,
                struct err *e)
{
	struct walk w = { .fn = fn, .arg = arg };

	return record_folder_each(&folder, &w.r, visit, &w, e);
}

bool record_alive(const struct record *r)
{
	return owner_alive(&r->owner);
}
