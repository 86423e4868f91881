/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sweep.c - addresses whose owner is dead: the evidence, and giving them back
 *
 * The order of the questions is the order of how good the evidence is, and the first one that can
 * be answered decides. "Cannot be answered" never means dead: an unreadable cache, a path that is
 * not known, a clock that went backwards and a failed look into the namespaces all leave the
 * address where it is.
 */
#include "ipam/sweep.h"

#include "base/cleanup.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define CACHE_FILE_MAX (1U << 20)

/* What libcni's cache says about an attachment. */
enum cached { CACHED_NO, CACHED_UNKNOWN_NETNS, CACHED_NETNS };

static bool says(const json_t *doc, const char *key, const char *expect)
{
	const char *text = json_string_value(jget(doc, key));

	return text && strcmp(text, expect) == 0;
}

/*
 * One file of the cache. Its name runs network, container ID and interface together, so what it is
 * about is read inside. Empty or garbled (libcni writes in place, and power fails) counts as not
 * there. The first versions of the cache held nothing but the result: then we know that there is an
 * attachment, but not where.
 */
static enum cached cache_file(const struct store *s, const struct store_entry *entry,
                              const char *path, char *netns, size_t cap)
{
	_cleanup_free_ char *text = NULL;
	json_auto_t *doc = NULL;
	struct err ignored;
	const char *where;
	ssize_t n = fs_read_all(AT_FDCWD, path, CACHE_FILE_MAX, &text, &ignored);

	if (n == -ENOENT)
		return CACHED_NO;
	if (n < 0)
		return CACHED_UNKNOWN_NETNS;
	if (jparse(text, (size_t)n, &doc, &ignored) < 0)
		return CACHED_NO;
	if (!jget(doc, "kind"))
		return CACHED_UNKNOWN_NETNS;
	if (!says(doc, "containerId", entry->container_id) ||
	    !says(doc, "networkName", s->network) ||
	    (*entry->ifname && !says(doc, "ifName", entry->ifname)))
		return CACHED_NO;
	where = json_string_value(jget(doc, "netns"));
	if (!where || !*where || strlen(where) >= cap)
		return CACHED_UNKNOWN_NETNS;
	memcpy(netns, where, strlen(where) + 1);
	return CACHED_NETNS;
}

/* A file of the format before ifnames: any interface of the container may be the one, so one
 * that lives is enough. */
static enum cached cache_any(const struct store *s, const struct store_entry *entry,
                             const struct sweep_ops *ops, const char *dir_path, char *netns,
                             size_t cap)
{
	_cleanup_closedir_ DIR *dir = opendir(dir_path);
	enum cached best = CACHED_NO;
	char prefix[600], path[4096];
	struct dirent *d;
	size_t len;

	if (!dir)
		return errno == ENOENT ? CACHED_NO : CACHED_UNKNOWN_NETNS;
	(void)snprintf(prefix, sizeof(prefix), "%s-%s-", s->network, entry->container_id);
	len = strlen(prefix);
	while ((d = readdir(dir))) {
		enum cached c;
		int n;

		if (strncmp(d->d_name, prefix, len) != 0)
			continue;
		n = snprintf(path, sizeof(path), "%s/%s", dir_path, d->d_name);
		if (n < 0 || (size_t)n >= sizeof(path))
			return CACHED_UNKNOWN_NETNS;
		c = cache_file(s, entry, path, netns, cap);
		if (c == CACHED_UNKNOWN_NETNS ||
		    (c == CACHED_NETNS && ops->netns_alive && ops->netns_alive(netns, 0, 0)))
			return c;
		if (c == CACHED_NETNS)
			best = c;
	}
	return best;
}

static enum cached cache_find(const struct store *s, const struct store_entry *entry,
                              const struct sweep_ops *ops, char *netns, size_t cap)
{
	const char *dir = ops->results_dir ? ops->results_dir : LIBCNI_RESULTS_DIR;
	char path[4096];
	int n;

	netns[0] = '\0';
	if (!*entry->ifname)
		return cache_any(s, entry, ops, dir, netns, cap);
	n = snprintf(path, sizeof(path), "%s/%s-%s-%s", dir, s->network, entry->container_id,
	             entry->ifname);
	if (n < 0 || (size_t)n >= sizeof(path))
		return CACHED_UNKNOWN_NETNS;
	return cache_file(s, entry, path, netns, cap);
}

static enum owner_state verdict(enum owner_state state, const char *text, const char **ret_why)
{
	if (ret_why)
		*ret_why = text;
	return state;
}

/* Neither a tag with a namespace nor the cache knows it: only the address itself is left to look
 * for. */
static enum owner_state judge_by_address(const struct store_entry *entry,
                                         const struct sweep_ops *ops, const char **ret_why)
{
	int r;

	if (entry->age_s <= SWEEP_GRACE_S)
		return verdict(OWNER_ALIVE, "too young to be judged without a trace of its owner",
		               ret_why);
	if (!ops->addr_in_use)
		return verdict(OWNER_ALIVE,
		               "no trace of its owner, and no way to look for the address",
		               ret_why);
	r = ops->addr_in_use(&entry->addr, ops->arg);
	if (r == 0)
		return verdict(OWNER_DEAD,
		               "no trace of its owner, and no namespace has the address", ret_why);
	return verdict(OWNER_ALIVE,
	               r > 0 ? "a namespace has the address"
	                     : "the namespaces could not be looked into",
	               ret_why);
}

static enum owner_state judge_by_cache(const struct store *s, const struct store_entry *entry,
                                       const struct sweep_ops *ops, const char **ret_why)
{
	char netns[4096];

	switch (cache_find(s, entry, ops, netns, sizeof(netns))) {
	case CACHED_NETNS:
		if (!ops->netns_alive)
			return verdict(OWNER_ALIVE, "no way to look for its network namespace",
			               ret_why);
		if (ops->netns_alive(netns, 0, 0))
			return verdict(OWNER_ALIVE, "the namespace in libcni's cache is there",
			               ret_why);
		return verdict(OWNER_DEAD, "the namespace in libcni's cache is gone", ret_why);
	case CACHED_UNKNOWN_NETNS:
		return verdict(OWNER_ALIVE, "in libcni's cache, which names no namespace", ret_why);
	case CACHED_NO:
		break;
	}
	return judge_by_address(entry, ops, ret_why);
}

/* A tag has the first digits of a boot ID. Where two begin alike, the namespace decides. */
static bool of_this_boot(const struct store *s, const struct store_entry *entry)
{
	return strncmp(entry->boot_id, s->boot_id, strlen(entry->boot_id)) == 0;
}

enum owner_state sweep_judge(const struct store *s, const struct store_entry *entry,
                             const struct sweep_ops *ops, const char **ret_why)
{
	bool tagged = *entry->boot_id && *s->boot_id;

	if (!*entry->container_id)
		return verdict(OWNER_NOBODY, "the file is empty or garbled", ret_why);
	if (tagged && !of_this_boot(s, entry))
		return verdict(OWNER_DEAD, "allocated before the last boot", ret_why);
	if (tagged && *entry->netns && entry->netns_ino && ops->netns_alive) {
		if (ops->netns_alive(entry->netns, entry->netns_dev, entry->netns_ino))
			return verdict(OWNER_ALIVE, "its network namespace is there", ret_why);
		return verdict(OWNER_DEAD, "its network namespace is gone", ret_why);
	}
	return judge_by_cache(s, entry, ops, ret_why);
}

struct sweep {
	struct store *store;
	const struct sweep_ops *ops;
	bool dry_run;
	void (*seen)(const struct store_entry *entry, const char *why, void *arg);
	void *arg;
	int n;
};

static int sweep_entry(const struct store_entry *entry, void *arg, struct err *e)
{
	struct store_owner owner = { .container_id = entry->container_id, .ifname = entry->ifname };
	struct sweep *w = arg;
	char text[IP_STR_MAX];
	const char *why;
	int r = 1;

	if (sweep_judge(w->store, entry, w->ops, &why) == OWNER_ALIVE)
		return 0;
	if (!w->dry_run) {
		r = store_release_addr(w->store, &entry->addr, &owner, e);
		if (r < 0)
			log_warn("%s: %s: %s", w->store->path, ip_format(&entry->addr, text),
			         e->msg);
	}
	if (r <= 0)
		return 0;
	if (!w->dry_run)
		log_info("%s: gave back %s of %s/%s: %s", w->store->path,
		         ip_format(&entry->addr, text), entry->container_id, entry->ifname, why);
	if (w->seen)
		w->seen(entry, why, w->arg);
	w->n++;
	return 0;
}

int sweep_run(struct store *s, const struct sweep_ops *ops, bool dry_run,
              void (*seen)(const struct store_entry *entry, const char *why, void *arg), void *arg,
              struct err *e)
{
	struct sweep w = { .store = s, .ops = ops, .dry_run = dry_run, .seen = seen, .arg = arg };
	int r;

	(void)store_boot_id(s);
	r = store_each(s, sweep_entry, &w, e);
	return r < 0 ? r : w.n;
}

int sweep_addr(struct store *s, const struct ip_addr *addr, const struct sweep_ops *ops,
               struct err *e)
{
	struct sweep w = { .store = s, .ops = ops };
	struct store_entry entry;
	int r;

	(void)store_boot_id(s);
	if (store_read(s, addr, &entry) < 0)
		return 0;
	r = sweep_entry(&entry, &w, e);
	return r < 0 ? r : w.n;
}
