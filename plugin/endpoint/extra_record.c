/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * extra_record.c - what bandwidth and firewall gave an attachment: one small file for each
 */
#include "endpoint/extra_record.h"

#include "base/cleanup.h"
#include "base/fs.h"
#include "base/json.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#define SIZE_MAX_BYTES 65536
#define VERSION        1
#define RECORDS_MAX    100000
#define PATH_LEN       (sizeof(RUN_DIR "/bandwidth/") + IFNAMSIZ)

static const char *const folders[] = {
	[EXTRA_BANDWIDTH] = RUN_DIR "/bandwidth",
	[EXTRA_FIREWALL] = RUN_DIR "/firewall",
};

/* Text fields; those of the other kind are empty and not written. */
static const struct {
	const char *key;
	size_t offset, size;
} texts[] = {
#define TEXT(key, member)                                          \
	{                                                          \
		key, offsetof(struct extra_record, member),        \
			sizeof(((struct extra_record *)0)->member) \
	}
	TEXT("network", network), TEXT("containerID", container_id),
	TEXT("ifname", ifname),   TEXT("netns", netns),
	TEXT("veth", veth),       TEXT("link", link),
	TEXT("zone", zone),       TEXT("adminChain", admin_chain),
};

static const struct {
	const char *key;
	size_t offset;
} numbers[] = {
	{ "netnsDev", offsetof(struct extra_record, netns_id.dev) },
	{ "netnsIno", offsetof(struct extra_record, netns_id.ino) },
	{ "ingressRate", offsetof(struct extra_record, limits.ingress.rate) },
	{ "ingressBurst", offsetof(struct extra_record, limits.ingress.burst) },
	{ "egressRate", offsetof(struct extra_record, limits.egress.rate) },
	{ "egressBurst", offsetof(struct extra_record, limits.egress.burst) },
};

int extra_record_describe(const struct request *req, struct extra_record *ret, struct err *e)
{
	struct err ignored;

	*ret = (struct extra_record) { .n_ips = 0 };
	record_name(req->network, req->container_id, req->ifname, ret->name);
	if (strlen(req->network) >= sizeof(ret->network) ||
	    strlen(req->container_id) >= sizeof(ret->container_id) ||
	    strlen(req->netns) >= sizeof(ret->netns))
		return err_set(e, CNI_E_CONFIG, ENAMETOOLONG,
		               "network name, container ID or netns path is too long");
	(void)snprintf(ret->network, sizeof(ret->network), "%s", req->network);
	(void)snprintf(ret->container_id, sizeof(ret->container_id), "%s", req->container_id);
	(void)snprintf(ret->ifname, sizeof(ret->ifname), "%s", req->ifname);
	(void)snprintf(ret->netns, sizeof(ret->netns), "%s", req->netns);
	if (*req->netns) {
		_cleanup_close_ int fd = netns_open(req->netns, &ret->netns_id, &ignored);

		(void)fd; /* only its identity is wanted */
	}
	return 0;
}

const char *extra_record_owner(const struct extra_record *r, char buf[static EXTRA_OWNER_MAX])
{
	(void)snprintf(buf, EXTRA_OWNER_MAX, "%s %s %s", r->network, r->container_id, r->ifname);
	return buf;
}

bool extra_record_alive(const struct extra_record *r)
{
	return !*r->netns || netns_alive(r->netns, &r->netns_id);
}

bool extra_record_is_valid(const struct request *req, const struct extra_record *r)
{
	const json_t *item;
	size_t i;

	json_array_foreach(req->valid_attachments, i, item) {
		if (strcmp(json_string_value(jget(item, "containerID")), r->container_id) == 0 &&
		    strcmp(json_string_value(jget(item, "ifname")), r->ifname) == 0)
			return true;
	}
	return false;
}

int extra_names_add(struct extra_names *list, const char *name, struct err *e)
{
	if (list->n == list->cap) {
		size_t cap = list->cap ? list->cap * 2 : 16;
		char(*v)[IFNAMSIZ] = reallocarray(list->v, cap, sizeof(*v));

		if (!v)
			return err_sys(e, ENOMEM, "collect records");
		list->v = v;
		list->cap = cap;
	}
	(void)snprintf(list->v[list->n++], IFNAMSIZ, "%s", name);
	return 0;
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

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		const char *value = (const char *)r + texts[i].offset;

		if (*value)
			bad |= jset(doc, texts[i].key, json_string(value));
	}
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

int extra_record_write(enum extra_kind kind, const struct extra_record *r, struct err *e)
{
	_cleanup_close_ int dir = fs_opendir(folders[kind], 0700, e);
	_cleanup_free_ char *text = NULL;
	json_auto_t *doc = NULL;

	if (dir < 0)
		return dir;
	doc = to_json(kind, r);
	if (!doc || jdump(doc, false, &text) < 0)
		return err_set(e, CNI_E_TRY_AGAIN, ENOMEM,
		               "record %s/%s: out of memory, or a name that is not UTF-8",
		               folders[kind], r->name);
	return fs_replace(dir, r->name, 0600, text, strlen(text), false, e);
}

/* Reading */

static int texts_from_json(const json_t *doc, struct extra_record *r, struct err *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		const char *value = "";
		int x = jget_str(doc, "", texts[i].key, &value, e);

		if (x < 0)
			return x;
		if (strlen(value) >= texts[i].size)
			return err_set(e, CNI_E_INTERNAL, EBADMSG, "%s is too long", texts[i].key);
		memcpy((char *)r + texts[i].offset, value, strlen(value) + 1);
	}
	return *r->network ? 0 : err_set(e, CNI_E_INTERNAL, EBADMSG, "no network");
}

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

	for (int i = FIREWALL_OPEN; i <= FIREWALL_ISOLATED; i++) {
		if (strcmp(policy, firewall_policy_name((enum firewall_policy)i)) == 0)
			r->policy = (enum firewall_policy)i;
	}
	return x;
}

static int from_json(const json_t *doc, struct extra_record *r, struct err *e)
{
	int64_t version = 0;
	int x = jget_int(doc, "", "v", VERSION, VERSION, &version, e);

	if (x >= 0)
		x = texts_from_json(doc, r, e);
	for (size_t i = 0; x >= 0 && i < ARRAY_SIZE(numbers); i++) {
		int64_t value = 0;

		x = jget_int(doc, "", numbers[i].key, 0, INT64_MAX, &value, e);
		*(uint64_t *)((char *)r + numbers[i].offset) = (uint64_t)value;
	}
	if (x >= 0)
		x = policy_from_json(doc, r, e);
	if (x >= 0)
		x = ips_from_json(doc, r, e);
	return x < 0 ? x : 0;
}

static int read_at(int dir, enum extra_kind kind, const char *name, struct extra_record *ret,
                   struct err *e)
{
	_cleanup_free_ char *text = NULL;
	json_auto_t *doc = NULL;
	struct err mine;
	ssize_t len = fs_read_all(dir, name, SIZE_MAX_BYTES, &text, &mine);

	*ret = (struct extra_record) { .n_ips = 0 };
	(void)snprintf(ret->name, sizeof(ret->name), "%.*s", IFNAMSIZ - 1, name);
	if (len == -ENOENT)
		return -ENOENT;
	if (len < 0) {
		*e = mine;
		return (int)len;
	}
	if (jparse(text, (size_t)len, &doc, e) == 0 && from_json(doc, ret, e) == 0)
		return 0;
	*ret->network = '\0';
	/* Damaged is one thing, no memory to read it another: DEL gives up the first. */
	e->no = e->no == ENOMEM ? ENOMEM : EBADMSG;
	return err_wrap(e, "record %s/%s", folders[kind], name);
}

int extra_record_read(enum extra_kind kind, const char *name, struct extra_record *ret,
                      struct err *e)
{
	_cleanup_close_ int dir = open(folders[kind], O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0)
		return errno == ENOENT ? -ENOENT : err_sys(e, errno, "open %s", folders[kind]);
	return read_at(dir, kind, name, ret, e);
}

static const char *path_of(enum extra_kind kind, const char *name, char buf[static PATH_LEN])
{
	(void)snprintf(buf, PATH_LEN, "%s/%s", folders[kind], name);
	return buf;
}

bool extra_record_exists(enum extra_kind kind, const char *name)
{
	char path[PATH_LEN];

	return access(path_of(kind, name, path), F_OK) == 0;
}

int extra_record_delete(enum extra_kind kind, const char *name, struct err *e)
{
	char path[PATH_LEN];

	if (unlink(path_of(kind, name, path)) < 0 && errno != ENOENT && errno != ENOTDIR)
		return err_sys(e, errno, "remove %s", path);
	return 0;
}

static bool is_record_name(const char *name)
{
	return strlen(name) == 3 + RECORD_NAME_DIGITS && strncmp(name, "cni", 3) == 0 &&
	       strspn(name + 3, "0123456789abcdef") == RECORD_NAME_DIGITS;
}

int extra_record_each(enum extra_kind kind,
                      int (*fn)(const struct extra_record *r, void *arg, struct err *e), void *arg,
                      struct err *e)
{
	_cleanup_closedir_ DIR *dir = opendir(folders[kind]);
	struct dirent *entry;
	int r = 0;

	if (!dir)
		return errno == ENOENT ? 0 : err_sys(e, errno, "open %s", folders[kind]);
	for (unsigned int n = 0; r == 0 && n < RECORDS_MAX && (entry = readdir(dir)); n++) {
		struct extra_record rec;
		struct err unreadable;

		if (!is_record_name(entry->d_name))
			continue;
		if (read_at(dirfd(dir), kind, entry->d_name, &rec, &unreadable) == -ENOENT)
			continue;
		r = fn(&rec, arg, e);
	}
	return r;
}
