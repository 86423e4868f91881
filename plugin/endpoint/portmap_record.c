/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * portmap_record.c - which host ports this node has given away: one small file per attachment
 */
#include "endpoint/portmap_record.h"

#include "base/cleanup.h"
#include "base/fs.h"
#include "base/json.h"
#include "endpoint/portmap_conf.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define LOCK_NAME       "hostports.lock"
#define LOCK_TIMEOUT_MS 10000U
#define SIZE_MAX_BYTES  (2U << 20)
#define VERSION         1
#define RECORDS_MAX     100000

static const struct {
	const char *key;
	size_t offset, size;
} texts[] = {
#define TEXT(key, member)                                            \
	{                                                            \
		key, offsetof(struct portmap_record, member),        \
			sizeof(((struct portmap_record *)0)->member) \
	}
	TEXT("network", network),
	TEXT("containerID", container_id),
	TEXT("ifname", ifname),
	TEXT("netns", netns),
};

static const char *const snat_names[] = {
	[HOSTPORT_SNAT_NONE] = "none",
	[HOSTPORT_SNAT_LOCAL] = "local",
	[HOSTPORT_SNAT_ALL] = "all",
};

void portmap_record_free(struct portmap_record *r)
{
	free(r->v);
	r->v = NULL;
	r->n = 0;
}

int portmap_record_lock(struct err *e)
{
	_cleanup_close_ int dir = fs_opendir(RUN_DIR, 0755, e);

	return dir < 0 ? dir : fs_lock(dir, LOCK_NAME, 0600, LOCK_TIMEOUT_MS, e);
}

const char *portmap_record_owner(const struct portmap_record *r, char buf[static PORTMAP_OWNER_MAX])
{
	(void)snprintf(buf, PORTMAP_OWNER_MAX, "%s %s %s", r->network, r->container_id, r->ifname);
	return buf;
}

bool portmap_record_alive(const struct portmap_record *r)
{
	return !*r->netns || netns_alive(r->netns, &r->netns_id);
}

/* Writing */

static json_t *port_to_json(const struct hostport *hp)
{
	json_t *doc = json_object();
	char text[PREFIX_STR_MAX];
	int bad = 0;

	bad |= jset(doc, "protocol", json_string(port_proto_str(hp->proto)));
	bad |= jset(doc, "hostPort", json_integer(hp->port));
	if (ip_is_set(&hp->addr))
		bad |= jset(doc, "hostIP", json_string(ip_format(&hp->addr, text)));
	bad |= jset(doc, "pod", json_string(prefix_format(&hp->pod, text)));
	bad |= jset(doc, "containerPort", json_integer(hp->pod_port));
	if (!bad)
		return doc;
	json_decref(doc);
	return NULL;
}

static json_t *to_json(const struct portmap_record *r)
{
	json_t *doc = json_object(), *list = json_array();
	int bad = 0;

	bad |= jset(doc, "v", json_integer(VERSION));
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		bad |= jset(doc, texts[i].key, json_string((const char *)r + texts[i].offset));
	bad |= jset(doc, "netnsDev", json_integer((json_int_t)r->netns_id.dev));
	bad |= jset(doc, "netnsIno", json_integer((json_int_t)r->netns_id.ino));
	bad |= jset(doc, "masquerade", json_string(snat_names[r->snat]));
	for (size_t i = 0; i < r->n; i++)
		bad |= json_array_append_new(list, port_to_json(&r->v[i]));
	bad |= jset(doc, "ports", list);
	if (!bad)
		return doc;
	json_decref(doc);
	return NULL;
}

int portmap_record_write(const struct portmap_record *r, struct err *e)
{
	_cleanup_close_ int dir = fs_opendir(PORTMAP_DIR, 0700, e);
	_cleanup_free_ char *text = NULL;
	json_auto_t *doc = NULL;

	if (dir < 0)
		return dir;
	doc = to_json(r);
	if (!doc || jdump(doc, false, &text) < 0)
		return err_set(e, CNI_E_TRY_AGAIN, ENOMEM,
		               "record of host ports %s: out of memory, or a name that is not UTF-8",
		               r->name);
	return fs_replace(dir, r->name, 0600, text, strlen(text), false, e);
}

/* Reading */

static int port_from_json(const json_t *doc, struct hostport *ret, struct err *e)
{
	const char *proto = "?", *addr = "", *pod = "";
	int64_t port = 0, pod_port = 0;
	int r = jget_str(doc, "", "protocol", &proto, e);

	if (r >= 0)
		r = jget_int(doc, "", "hostPort", 1, UINT16_MAX, &port, e);
	if (r >= 0)
		r = jget_str(doc, "", "hostIP", &addr, e);
	if (r >= 0)
		r = jget_str(doc, "", "pod", &pod, e);
	if (r >= 0)
		r = jget_int(doc, "", "containerPort", 1, UINT16_MAX, &pod_port, e);
	if (r < 0)
		return r;
	*ret = (struct hostport) { .proto = port_proto_parse(proto),
		                   .port = (uint16_t)port,
		                   .pod_port = (uint16_t)pod_port };
	if (!ret->proto || !port || !pod_port || !prefix_parse(pod, &ret->pod) ||
	    (*addr && (!ip_parse(addr, &ret->addr) || ret->addr.family != ret->pod.addr.family)))
		return err_set(e, CNI_E_INTERNAL, EBADMSG, "not a host port");
	return 0;
}

static int ports_from_json(const json_t *doc, struct portmap_record *r, struct err *e)
{
	json_t *list = NULL, *item;
	int x = jget_arr(doc, "", "ports", &list, e);
	size_t i, n = json_array_size(list);

	if (x < 0 || n == 0)
		return x < 0 ? x : 0;
	if (n > 2 * PORTMAP_MAX)
		return err_set(e, CNI_E_INTERNAL, EBADMSG, "ports: too many");
	r->v = calloc(n, sizeof(*r->v));
	if (!r->v)
		return err_sys(e, ENOMEM, "ports");
	json_array_foreach(list, i, item) {
		x = port_from_json(item, &r->v[i], e);
		if (x < 0)
			return err_wrap(e, "ports[%zu]", i);
		r->n++;
	}
	return 0;
}

static int texts_from_json(const json_t *doc, struct portmap_record *r, struct err *e)
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

static int from_json(const json_t *doc, struct portmap_record *r, struct err *e)
{
	int64_t version = 0, dev = 0, ino = 0;
	const char *snat = "";
	int x = jget_int(doc, "", "v", VERSION, VERSION, &version, e);

	if (x >= 0)
		x = texts_from_json(doc, r, e);
	if (x >= 0)
		x = jget_int(doc, "", "netnsDev", 0, INT64_MAX, &dev, e);
	if (x >= 0)
		x = jget_int(doc, "", "netnsIno", 0, INT64_MAX, &ino, e);
	if (x >= 0)
		x = jget_str(doc, "", "masquerade", &snat, e);
	if (x < 0)
		return x;
	r->netns_id = (struct netns_id) { .dev = (uint64_t)dev, .ino = (uint64_t)ino };
	for (size_t i = 0; i < ARRAY_SIZE(snat_names); i++) {
		if (strcmp(snat, snat_names[i]) == 0)
			r->snat = (enum hostport_snat)i;
	}
	return ports_from_json(doc, r, e);
}

static int read_at(int dir, const char *name, struct portmap_record *ret, struct err *e)
{
	_cleanup_free_ char *text = NULL;
	json_auto_t *doc = NULL;
	ssize_t len = fs_read_all(dir, name, SIZE_MAX_BYTES, &text, e);

	memset(ret, 0, sizeof(*ret));
	(void)snprintf(ret->name, sizeof(ret->name), "%.*s", IFNAMSIZ - 1, name);
	if (len < 0)
		return (int)len;
	if (jparse(text, (size_t)len, &doc, e) < 0 || from_json(doc, ret, e) < 0) {
		portmap_record_free(ret);
		*ret->network = '\0';
		/* Damaged is one thing, no memory to read it another: DEL gives up the first. */
		e->no = e->no == ENOMEM ? ENOMEM : EBADMSG;
		return err_wrap(e, "record of host ports %s/%s", PORTMAP_DIR, name);
	}
	return 0;
}

int portmap_record_read(const char *name, struct portmap_record *ret, struct err *e)
{
	_cleanup_close_ int dir = open(PORTMAP_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0)
		return errno == ENOENT ? -ENOENT : err_sys(e, errno, "open %s", PORTMAP_DIR);
	return read_at(dir, name, ret, e);
}

static void path_of(const char *name, char ret[static sizeof(PORTMAP_DIR) + 1 + IFNAMSIZ])
{
	(void)snprintf(ret, sizeof(PORTMAP_DIR) + 1 + IFNAMSIZ, "%s/%s", PORTMAP_DIR, name);
}

bool portmap_record_exists(const char *name)
{
	char path[sizeof(PORTMAP_DIR) + 1 + IFNAMSIZ];

	path_of(name, path);
	return access(path, F_OK) == 0;
}

int portmap_record_delete(const char *name, struct err *e)
{
	char path[sizeof(PORTMAP_DIR) + 1 + IFNAMSIZ];

	path_of(name, path);
	return fs_remove(AT_FDCWD, path, e);
}

static bool is_record_name(const char *name)
{
	return strlen(name) == 3 + RECORD_NAME_DIGITS && strncmp(name, "cni", 3) == 0 &&
	       strspn(name + 3, "0123456789abcdef") == RECORD_NAME_DIGITS;
}

int portmap_record_each(int (*fn)(const struct portmap_record *r, void *arg, struct err *e),
                        void *arg, struct err *e)
{
	_cleanup_closedir_ DIR *dir = opendir(PORTMAP_DIR);
	struct dirent *entry;
	int r = 0;

	if (!dir)
		return errno == ENOENT ? 0 : err_sys(e, errno, "open %s", PORTMAP_DIR);
	for (unsigned int n = 0; r == 0 && n < RECORDS_MAX && (entry = readdir(dir)); n++) {
		_cleanup_portmap_record_ struct portmap_record rec = { .v = NULL };
		struct err unreadable;

		if (!is_record_name(entry->d_name))
			continue;
		if (read_at(dirfd(dir), entry->d_name, &rec, &unreadable) == -ENOENT)
			continue;
		r = fn(&rec, arg, e);
	}
	return r;
}
