/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ipam.c - where addresses come from: our own IPAM in this process, a foreign one by exec
 */
#include "endpoint/ipam.h"

#include "base/log.h"
#include "ipam/host_local.h"
#include "ipam/static.h"
#include "kernel/address.h"
#include "kernel/netns.h"
#include "spec/delegate.h"

#include <string.h>

/* STATUS is asked every few seconds under the runtime's lock: a foreign IPAM gets little time. */
#define STATUS_TIMEOUT_MS 5000U

/* A process serves one request. On the stack this would be 90 KB, of which the compiler touches every page (stack clash
 * protection), and each first touch costs as much as a small system call. */
static struct host_local cfg;

enum ipam_kind { IPAM_HOST_LOCAL, IPAM_STATIC, IPAM_FOREIGN };

static enum ipam_kind kind_of(const char *type)
{
	if (strcmp(type, "host-local") == 0)
		return IPAM_HOST_LOCAL;
	return strcmp(type, "static") == 0 ? IPAM_STATIC : IPAM_FOREIGN;
}

bool ipam_is_own(const char *type)
{
	return kind_of(type) != IPAM_FOREIGN;
}

static bool ops_netns_alive(const char *path, unsigned long long dev, unsigned long long ino)
{
	struct netns_id id = { .dev = dev, .ino = ino };

	return netns_alive(path, &id);
}

/* Looks for one address in a namespace; more than one page of addresses there counts as "in use". */
static int has_addr(int fd, const struct netns_id *id, void *arg, struct err *e)
{
	enum { LIST_MAX = 256 };
	const struct ip_addr *wanted = arg;
	struct ip_prefix list[LIST_MAX];
	_cleanup_nl_ struct nl_sock s = { .fd = -1 };
	_cleanup_close_ int back = -1;
	int n, r = netns_enter(fd, &back, e);

	(void)id;
	if (r < 0)
		return r;
	n = nl_open(NETLINK_ROUTE, &s, e);
	if (n == 0)
		n = address_list(&s, 0, wanted->family, list, NULL, LIST_MAX, e);
	r = netns_leave(&back, e);
	if (r < 0 || n < 0)
		return r < 0 ? r : n;
	for (int i = 0; i < n && i < LIST_MAX; i++) {
		if (ip_eq(&list[i].addr, wanted))
			return 1;
	}
	return n >= LIST_MAX;
}

static int ops_addr_in_use(const struct ip_addr *addr, void *arg)
{
	struct ip_addr wanted = *addr;
	struct err e;

	(void)arg;
	return netns_each(has_addr, &wanted, &e);
}

struct sweep_ops ipam_sweep_ops(void)
{
	return (struct sweep_ops) {
		.netns_alive = ops_netns_alive,
		.addr_in_use = ops_addr_in_use,
	};
}

static int add_host_local(const struct request *req, struct result *ret, struct err *e)
{
	struct sweep_ops ops = ipam_sweep_ops();
	int r = host_local_parse(req, &cfg, e);

	return r < 0 ? r : host_local_add(req, &cfg, &ops, ret, e);
}

static int add_foreign(const struct request *req, const char *type, struct result *ret,
                       struct err *e)
{
	struct err cleanup;
	int r = delegate_add(req, type, ret, e);

	if (r < 0 && delegate_exec(req, type, CNI_DEL, DELEGATE_TIMEOUT_MS, NULL, &cleanup) < 0)
		log_warn("DEL of IPAM plugin %s after its failed ADD: %s", type, cleanup.msg);
	return r;
}

int ipam_add(const struct request *req, const char *type, struct result *ret, struct err *e)
{
	int r;

	result_init(ret);
	switch (kind_of(type)) {
	case IPAM_HOST_LOCAL:
		r = add_host_local(req, ret, e);
		break;
	case IPAM_STATIC:
		r = static_add(req, ret, e);
		break;
	default:
		r = add_foreign(req, type, ret, e);
	}
	if (r < 0)
		result_free(ret);
	return r;
}

int ipam_del(const struct request *req, const char *type, struct err *e)
{
	struct err ignored;

	switch (kind_of(type)) {
	case IPAM_HOST_LOCAL:
		/* A configuration that no longer holds still names the store. */
		(void)host_local_parse(req, &cfg, &ignored);
		return host_local_del(req, &cfg, e);
	case IPAM_STATIC:
		return 0;
	default:
		return delegate_exec(req, type, CNI_DEL, DELEGATE_TIMEOUT_MS, NULL, e);
	}
}

int ipam_check(const struct request *req, const char *type, struct err *e)
{
	int r;

	switch (kind_of(type)) {
	case IPAM_HOST_LOCAL:
		r = host_local_parse(req, &cfg, e);
		return r < 0 ? r : host_local_check(req, &cfg, e);
	case IPAM_STATIC:
		return static_check(req, e);
	default:
		return delegate_exec(req, type, CNI_CHECK, DELEGATE_TIMEOUT_MS, NULL, e);
	}
}

int ipam_status(const struct request *req, const char *type, struct err *e)
{
	int r;

	switch (kind_of(type)) {
	case IPAM_HOST_LOCAL:
		r = host_local_parse(req, &cfg, e);
		return r < 0 ? r : host_local_status(req, &cfg, e);
	case IPAM_STATIC:
		return 0;
	default:
		return delegate_exec(req, type, CNI_STATUS, STATUS_TIMEOUT_MS, NULL, e);
	}
}

int ipam_gc(const struct request *req, const char *type, struct err *e)
{
	int r;

	switch (kind_of(type)) {
	case IPAM_HOST_LOCAL:
		r = host_local_parse(req, &cfg, e);
		return r < 0 ? r : host_local_gc(req, &cfg, e);
	case IPAM_STATIC:
		return 0;
	default:
		return delegate_exec(req, type, CNI_GC, DELEGATE_TIMEOUT_MS, NULL, e);
	}
}

void ipam_data_dir(const struct request *req, const char *type, char *ret, size_t cap)
{
	const char *dir = STORE_DIR_DEFAULT;
	struct err ignored;

	if (kind_of(type) != IPAM_HOST_LOCAL)
		dir = "";
	else if (jget_str(jget(req->config, "ipam"), "ipam", "dataDir", &dir, &ignored) <= 0 ||
	         !*dir)
		dir = STORE_DIR_DEFAULT;
	(void)snprintf(ret, cap, "%s", dir);
}
