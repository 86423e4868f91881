/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * record.c - what this node has attached: one small file per attachment in /run/cnida/endpoints
 */
#include "endpoint/record.h"

#include "base/cleanup.h"
#include "base/fs.h"
#include "base/hash.h"
#include "base/json.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define RECORD_SIZE_MAX 65536
#define RECORD_VERSION  1
/* "ready" is the first key and one digit, so that the end of an ADD changes one byte instead of writing the file anew. */
#define READY_HEAD  "{\n    \"ready\": "
#define READY_AT    (sizeof(READY_HEAD) - 1)
#define RECORDS_MAX 100000 /* of one walk: a bound, not a limit that a node reaches */

/* Text fields of a record: one table for writing and reading. */
struct text_field {
	const char *key;
	size_t offset, size;
};
#define TEXT_FIELD(key, member)                                                            \
	{                                                                                  \
		key, offsetof(struct record, member), sizeof(((struct record *)0)->member) \
	}
static const struct text_field text_fields[] = {
	TEXT_FIELD("network", network),  TEXT_FIELD("containerID", container_id),
	TEXT_FIELD("ifname", ifname),    TEXT_FIELD("type", type),
	TEXT_FIELD("netns", netns),      TEXT_FIELD("bridge", bridge),
	TEXT_FIELD("hostMAC", host_mac), TEXT_FIELD("mac", mac),
	TEXT_FIELD("ipam", ipam),        TEXT_FIELD("ipamDir", ipam_dir),
	TEXT_FIELD("pod", pod_name),     TEXT_FIELD("namespace", pod_namespace),
	TEXT_FIELD("uid", pod_uid),      TEXT_FIELD("policy", policy),
};

struct bool_field {
	const char *key;
	size_t offset;
};
static const struct bool_field bool_fields[] = {
	{ "masquerade", offsetof(struct record, masquerade) },
	{ "spoofCheck", offsetof(struct record, spoof_check) },
};

void record_name(const char *network, const char *container_id, const char *ifname,
                 char ret[static IFNAMSIZ])
{
	const char *const parts[] = { network, container_id, ifname, NULL };

	(void)snprintf(ret, IFNAMSIZ, "cni");
	hash_hex(parts, RECORD_NAME_DIGITS, ret + 3);
}

/* Names in the folder come from record_name(); whatever else lies there is not ours. */
static bool is_record_name(const char *name)
{
	return strlen(name) == 3 + RECORD_NAME_DIGITS && strncmp(name, "cni", 3) == 0 &&
	       strspn(name + 3, "0123456789abcdef") == RECORD_NAME_DIGITS;
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
	for (size_t i = 0; i < ARRAY_SIZE(text_fields); i++) {
		const char *value = (const char *)r + text_fields[i].offset;

		if (*value)
			bad |= jset(doc, text_fields[i].key, json_string(value));
	}
	for (size_t i = 0; i < ARRAY_SIZE(bool_fields); i++) {
		if (*(const bool *)((const char *)r + bool_fields[i].offset))
			bad |= jset(doc, bool_fields[i].key, json_true());
	}
	bad |= jset(doc, "netnsDev", json_integer((json_int_t)r->netns_id.dev));
	bad |= jset(doc, "netnsIno", json_integer((json_int_t)r->netns_id.ino));
	bad |= jset(doc, "ips", ips_to_json(r));
	bad |= jset(doc, "created", json_integer(r->created));
	if (bad) {
		json_decref(doc);
		return NULL;
	}
	return doc;
}

static int open_dir(struct err *e)
{
	return fs_opendir(RECORD_DIR, 0700, e);
}

int record_write(const struct record *r, struct err *e)
{
	_cleanup_close_ int dir = open_dir(e);
	_cleanup_free_ char *text = NULL;
	json_auto_t *doc = NULL;

	if (dir < 0)
		return dir;
	doc = to_json(r);
	if (!doc || jdump(doc, false, &text) < 0)
		return err_set(e, CNI_E_TRY_AGAIN, ENOMEM,
		               "endpoint record %s: out of memory, or a name that is not UTF-8",
		               r->name);
	return fs_replace(dir, r->name, 0600, text, strlen(text), false, e);
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

static int text_from_json(const json_t *doc, const struct text_field *field, struct record *r,
                          struct err *e)
{
	const char *value = "";
	int found = jget_str(doc, "", field->key, &value, e);

	if (found < 0)
		return found;
	if (strlen(value) >= field->size)
		return err_set(e, CNI_E_INTERNAL, EBADMSG, "%s is too long", field->key);
	memcpy((char *)r + field->offset, value, strlen(value) + 1);
	return 0;
}

static int from_json(const json_t *doc, struct record *r, struct err *e)
{
	int64_t version = 0, ready = 0, dev = 0, ino = 0, created = 0;
	int x = jget_int(doc, "", "v", RECORD_VERSION, RECORD_VERSION, &version, e);

	if (x >= 0)
		x = jget_int(doc, "", "ready", 0, 1, &ready, e);

	for (size_t i = 0; x >= 0 && i < ARRAY_SIZE(text_fields); i++)
		x = text_from_json(doc, &text_fields[i], r, e);
	for (size_t i = 0; x >= 0 && i < ARRAY_SIZE(bool_fields); i++)
		x = jget_bool(doc, "", bool_fields[i].key,
		              (bool *)((char *)r + bool_fields[i].offset), e);
	if (x >= 0)
		x = jget_int(doc, "", "netnsDev", 0, INT64_MAX, &dev, e);
	if (x >= 0)
		x = jget_int(doc, "", "netnsIno", 0, INT64_MAX, &ino, e);
	if (x >= 0)
		x = jget_int(doc, "", "created", INT64_MIN, INT64_MAX, &created, e);
	if (x >= 0)
		x = ips_from_json(doc, r, e);
	if (x >= 0 && !*r->network)
		return err_set(e, CNI_E_INTERNAL, EBADMSG, "no network");
	r->netns_id = (struct netns_id) { .dev = (uint64_t)dev, .ino = (uint64_t)ino };
	r->ready = ready;
	r->created = created;
	return x < 0 ? x : 0;
}

static int read_at(int dir, const char *name, struct record *ret, struct err *e)
{
	_cleanup_free_ char *text = NULL;
	json_auto_t *doc = NULL;
	ssize_t len = fs_read_all(dir, name, RECORD_SIZE_MAX, &text, NULL);
	struct record r = { 0 };

	if (len < 0)
		return len == -ENOENT ? -ENOENT
		                      : err_sys(e, (int)-len, "read %s/%s", RECORD_DIR, name);
	(void)snprintf(r.name, sizeof(r.name), "%s", name);
	if (jparse(text, (size_t)len, &doc, e) < 0 || from_json(doc, &r, e) < 0) {
		e->no = EBADMSG;
		return err_wrap(e, "endpoint record %s/%s", RECORD_DIR, name);
	}
	*ret = r;
	return 0;
}

int record_read(const char *name, struct record *ret, struct err *e)
{
	_cleanup_close_ int dir = open(RECORD_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0)
		return errno == ENOENT ? -ENOENT : err_sys(e, errno, "open %s", RECORD_DIR);
	return read_at(dir, name, ret, e);
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
	char path[sizeof(RECORD_DIR) + 1 + IFNAMSIZ];

	(void)snprintf(path, sizeof(path), "%s/%s", RECORD_DIR, name);
	return fs_remove(AT_FDCWD, path, e);
}

int record_each(int (*fn)(const struct record *r, void *arg, struct err *e), void *arg,
                struct err *e)
{
	_cleanup_closedir_ DIR *dir = opendir(RECORD_DIR);
	struct dirent *entry;
	int r = 0;

	if (!dir)
		return errno == ENOENT ? 0 : err_sys(e, errno, "open %s", RECORD_DIR);
	for (unsigned int n = 0; r == 0 && n < RECORDS_MAX && (entry = readdir(dir)); n++) {
		struct record rec;
		struct err unreadable;
		int x;

		if (!is_record_name(entry->d_name))
			continue;
		x = read_at(dirfd(dir), entry->d_name, &rec, &unreadable);
		if (x == -ENOENT)
			continue;
		if (x < 0) {
			rec = (struct record) { 0 };
			(void)snprintf(rec.name, sizeof(rec.name), "%.*s", IFNAMSIZ - 1,
			               entry->d_name);
		}
		r = fn(&rec, arg, e);
	}
	return r;
}

bool record_alive(const struct record *r)
{
	return !*r->netns || netns_alive(r->netns, &r->netns_id);
}
