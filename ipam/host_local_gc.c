/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * host_local_gc.c - the GC verb of host-local: what is not in the list of valid attachments is
 * given back
 *
 * A wrong answer here takes the address from a running pod, so the list is read completely and
 * strictly before the first file is touched, and only this network's folder is looked into.
 */
#include "ipam/host_local.h"

#include "base/cleanup.h"
#include "base/json.h"
#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ATTACHMENTS_MAX (1U << 20)

struct attachment {
	const char *container_id, *ifname; /* borrowed from the request */
};

struct gc {
	struct store *store;
	const struct attachment *valid; /* sorted */
	size_t n_valid;
	struct err first; /* error, if n_failed > 0 */
	size_t n_failed;
};

static int compare(const void *a, const void *b)
{
	const struct attachment *x = a, *y = b;
	int r = strcmp(x->container_id, y->container_id);

	return r ? r : strcmp(x->ifname, y->ifname);
}

/* A file of the format before ifnames belongs to the container: any interface of it keeps it. */
static int compare_container(const void *a, const void *b)
{
	const struct attachment *x = a, *y = b;

	return strcmp(x->container_id, y->container_id);
}

static int parse_attachment(const json_t *obj, size_t i, struct attachment *ret, struct err *e)
{
	const char *why;
	char path[64];

	(void)snprintf(path, sizeof(path), "cni.dev/valid-attachments[%zu]", i);
	ret->container_id = ret->ifname = "";
	if (!json_is_object(obj))
		return err_set(e, CNI_E_CONFIG, 0, "%s: not an object", path);
	if (jget_str(obj, path, "containerID", &ret->container_id, e) < 0 ||
	    jget_str(obj, path, "ifname", &ret->ifname, e) < 0)
		return -EINVAL;
	if (!request_id_valid(ret->container_id))
		return err_set(e, CNI_E_CONFIG, 0, "%s.containerID: \"%s\" is not a container ID",
		               path, ret->container_id);
	if (!request_ifname_valid(ret->ifname, &why))
		return err_set(e, CNI_E_CONFIG, 0, "%s.ifname: \"%s\": %s", path, ret->ifname, why);
	return 0;
}

static int parse_attachments(const json_t *list, struct attachment **ret, size_t *ret_n,
                             struct err *e)
{
	_cleanup_free_ struct attachment *v = NULL;
	size_t n = json_array_size(list);

	if (!list)
		return err_set(e, CNI_E_CONFIG, 0, "GC: \"cni.dev/valid-attachments\" is missing");
	if (!json_is_array(list))
		return err_set(e, CNI_E_CONFIG, 0, "cni.dev/valid-attachments: not a list");
	if (n > ATTACHMENTS_MAX)
		return err_set(e, CNI_E_CONFIG, 0,
		               "cni.dev/valid-attachments: more than %u entries", ATTACHMENTS_MAX);
	v = calloc(n + 1, sizeof(*v));
	if (!v)
		return err_sys(e, ENOMEM, "GC");
	for (size_t i = 0; i < n; i++) {
		int r = parse_attachment(json_array_get(list, i), i, &v[i], e);

		if (r < 0)
			return r;
	}
	qsort(v, n, sizeof(*v), compare);
	*ret = take_ptr(v);
	*ret_n = n;
	return 0;
}

static int gc_entry(const struct store_entry *entry, void *arg, struct err *e)
{
	struct store_owner owner = { .container_id = entry->container_id, .ifname = entry->ifname };
	struct attachment key = { .container_id = entry->container_id, .ifname = entry->ifname };
	struct gc *g = arg;
	int r;

	if (bsearch(&key, g->valid, g->n_valid, sizeof(key),
	            *entry->ifname ? compare : compare_container))
		return 0;
	r = store_release_addr(g->store, &entry->addr, &owner, e);
	if (r < 0 && g->n_failed++ == 0)
		g->first = *e;
	return 0;
}

int host_local_gc(const struct request *req, const struct host_local *cfg, struct err *e)
{
	struct store store _cleanup_store_ = { .dirfd = -1, .lockfd = -1 };
	_cleanup_free_ struct attachment *valid = NULL;
	struct gc g = { .store = &store };
	int r = parse_attachments(req->valid_attachments, &valid, &g.n_valid, e);

	if (r < 0)
		return r;
	g.valid = valid;
	r = store_open_existing(cfg->data_dir, req->network, &store, e);
	if (r == -ENOENT)
		return 0;
	if (r == 0)
		r = store_each(&store, gc_entry, &g, e);
	if (r < 0 || g.n_failed == 0)
		return r;
	*e = g.first;
	return err_wrap(e, "%zu addresses could not be given back, the first one", g.n_failed);
}
