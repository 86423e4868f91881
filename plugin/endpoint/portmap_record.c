/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * portmap_record.c - which host ports this node has given away: one small file per attachment
 */
#include "endpoint/portmap_record.h"

#include "base/cleanup.h"
#include "base/fs.h"
#include "base/json.h"
#include "endpoint/portmap_conf.h"
#include "endpoint/record_folder.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define LOCK_NAME       "hostports.lock"
#define LOCK_TIMEOUT_MS 10000U
#define SIZE_MAX_BYTES  (2U << 20)
#define VERSION         1

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
	bad |= owner_put(doc, &r->owner);
	bad |= jset(doc, "masquerade", json_string(snat_names[r->snat]));
	for (size_t i = 0; i < r->n; i++)
		bad |= json_array_append_new(list, port_to_json(&r->v[i]));
	bad |= jset(doc, "ports", list);
	if (!bad)
		return doc;
	json_decref(doc);
	return NULL;
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

static int from_json(const json_t *doc, void *record, struct err *e)
{
	struct portmap_record *r = record;
	const char *snat = "";
	int64_t version = 0;
	int x = jget_int(doc, "", "v", VERSION, VERSION, &version, e);

	if (x >= 0)
		x = owner_get(doc, &r->owner, e);
	if (x >= 0)
		x = jget_str(doc, "", "masquerade", &snat, e);
	if (x < 0)
		return x;
	for (size_t i = 0; i < ARRAY_SIZE(snat_names); i++) {
		if (strcmp(snat, snat_names[i]) == 0) {
			r->snat = (enum hostport_snat)i;
			return ports_from_json(doc, r, e);
		}
	}
	return err_set(e, CNI_E_INTERNAL, EBADMSG, "masquerade: \"%s\" is none", snat);
}

/* Files */

static void free_record(void *record)
{
	portmap_record_free(record);
}

static const struct record_folder folder = {
	PORTMAP_DIR, SIZE_MAX_BYTES, sizeof(struct portmap_record), from_json, free_record,
};

int portmap_record_write(const struct portmap_record *r, struct err *e)
{
	json_auto_t *doc = to_json(r);

	return record_folder_write(&folder, r->name, doc, e);
}

int portmap_record_read(const char *name, struct portmap_record *ret, struct err *e)
{
	return record_folder_read(&folder, name, ret, e);
}

bool portmap_record_exists(const char *name)
{
	return record_folder_exists(&folder, name);
}

int portmap_record_delete(const char *name, struct err *e)
{
	return record_folder_delete(&folder, name, e);
}

struct walk {
	struct portmap_record r;
	int (*fn)(const struct portmap_record *r, void *arg, struct err *e);
	void *arg;
};

static int visit(void *arg, struct err *e)
{
	struct walk *w = arg;

	return w->fn(&w->r, w->arg, e);
}

int portmap_record_each(int (*fn)(const struct portmap_record *r, void *arg, struct err *e),
                        void *arg, struct err *e)
{
	struct walk w = { .fn = fn, .arg = arg };

	return record_folder_each(&folder, &w.r, visit, &w, e);
}
