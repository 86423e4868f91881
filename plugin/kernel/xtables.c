/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xtables.c - tables of iptables-legacy, as blocks of memory
 *
 * A table is a row of entries, each with its matches and one target, and the offset of the next. The built-in
 * chains come first; where they start (hook_entry) and where their policy is (underflow) stands in a header. Each
 * chain of a user begins with an entry whose target is "ERROR" and carries the chain's name, and ends with a
 * RETURN. A jump is a "standard" target whose verdict is the offset of the entry behind that head; a rule without
 * a target jumps to its own successor. So to take entries out means: copy the others, and put each offset that
 * is stored anywhere lower by what was removed before it.
 *
 * The kernel refuses a table whose number of rules changed since it was read (EAGAIN), and zeroes its counters: it
 * hands the last values over, and they are added to the new table.
 */
#include "kernel/xtables.h"

#include "base/cleanup.h"
#include "base/fs.h"

#include <net/if.h>
#include <netinet/in.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#define LOCK_TIMEOUT_MS 5000
#define TRIES           4 /* if somebody who does not know the lock writes the same table */
#define VERDICT_ACCEPT  (-NF_ACCEPT - 1)

/* Where the two families differ. The structures around the entries are the same. */
struct layout {
	int domain, level;
	const char *names; /* tables in use */
	size_t entry, target_offset, next_offset;
	size_t src, dst, src_mask, dst_mask, inverted, addr_size;
};

static const struct layout layouts[] = {
	{
		.domain = AF_INET,
		.level = SOL_IP,
		.names = "/proc/thread-self/net/ip_tables_names",
		.entry = sizeof(struct ipt_entry),
		.target_offset = offsetof(struct ipt_entry, target_offset),
		.next_offset = offsetof(struct ipt_entry, next_offset),
		.src = offsetof(struct ipt_entry, ip.src),
		.dst = offsetof(struct ipt_entry, ip.dst),
		.src_mask = offsetof(struct ipt_entry, ip.smsk),
		.dst_mask = offsetof(struct ipt_entry, ip.dmsk),
		.inverted = offsetof(struct ipt_entry, ip.invflags),
		.addr_size = 4,
	},
	{
		.domain = AF_INET6,
		.level = SOL_IPV6,
		.names = "/proc/thread-self/net/ip6_tables_names",
		.entry = sizeof(struct ip6t_entry),
		.target_offset = offsetof(struct ip6t_entry, target_offset),
		.next_offset = offsetof(struct ip6t_entry, next_offset),
		.src = offsetof(struct ip6t_entry, ipv6.src),
		.dst = offsetof(struct ip6t_entry, ipv6.dst),
		.src_mask = offsetof(struct ip6t_entry, ipv6.smsk),
		.dst_mask = offsetof(struct ip6t_entry, ipv6.dmsk),
		.inverted = offsetof(struct ip6t_entry, ipv6.invflags),
		.addr_size = 16,
	},
};

/* The families are told apart by the socket only: the numbers of its options are the same too. */
_Static_assert(sizeof(struct ipt_replace) == sizeof(struct ip6t_replace), "struct ipt_replace");
_Static_assert(sizeof(struct ipt_getinfo) == sizeof(struct ip6t_getinfo), "struct ipt_getinfo");

struct entry {
	uint32_t off, len;
	uint32_t before; /* bytes removed before it */
	bool cut;
};

struct table {
	const struct layout *l;
	int fd;
	struct ipt_getinfo info;
	struct ipt_get_entries *block;
	struct entry *entries;
	size_t n;
};

static void table_free(struct table *t)
{
	cleanup_close(&t->fd);
	free(t->block);
	free(t->entries);
}

#define _cleanup_table_ __attribute__((cleanup(table_free)))

static const uint8_t *at(const struct table *t, uint32_t off)
{
	return (const uint8_t *)t->block->entrytable + off;
}

static uint16_t u16_at(const uint8_t *p, size_t off)
{
	uint16_t v;

	memcpy(&v, p + off, sizeof(v));
	return v;
}

static const struct xt_entry_target *target_of(const struct table *t, const struct entry *en)
{
	const uint8_t *p = at(t, en->off);

	return (const void *)(p + u16_at(p, t->l->target_offset));
}

/* The verdict of a standard target: an offset, or negative. False for other targets. */
static bool verdict_of(const struct table *t, const struct entry *en, int *ret)
{
	const struct xt_entry_target *target = target_of(t, en);

	if (target->u.user.name[0] != '\0')
		return false;
	*ret = ((const struct xt_standard_target *)(const void *)target)->verdict;
	return true;
}

/* The name of the chain whose head this is, or NULL. */
static const char *chain_head(const struct table *t, const struct entry *en)
{
	const struct xt_entry_target *target = target_of(t, en);

	if (strcmp(target->u.user.name, XT_ERROR_TARGET) != 0)
		return NULL;
	return ((const struct xt_error_target *)(const void *)target)->errorname;
}

/* Is the table in use? Reading its name does not create it, unlike every question to the socket. */
static bool in_use(const struct layout *l, const char *table)
{
	const size_t len = strlen(table);
	char names[512];

	if (fs_read(AT_FDCWD, l->names, names, sizeof(names), NULL) < 0)
		return false;
	for (const char *line = names; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, table, len) == 0 && (line[len] == '\n' || line[len] == '\0'))
			return true;
	}
	return false;
}

/* Note where the entries are, and that they hold what we read of them. */
static int index_entries(struct table *t)
{
	uint32_t off = 0;

	for (t->n = 0; off < t->info.size; t->n++) {
		const uint8_t *p = at(t, off);
		uint32_t room = t->info.size - off, next, target;

		if (t->n == t->info.num_entries || room < t->l->entry)
			return -EBADMSG;
		next = u16_at(p, t->l->next_offset);
		target = u16_at(p, t->l->target_offset);
		if (next > room || target < t->l->entry ||
		    target + sizeof(struct xt_standard_target) > next)
			return -EBADMSG;
		t->entries[t->n] = (struct entry) { .off = off, .len = next };
		if (chain_head(t, &t->entries[t->n]) &&
		    target + sizeof(struct xt_error_target) > next)
			return -EBADMSG;
		off += next;
	}
	return t->n == t->info.num_entries ? 0 : -EBADMSG;
}

static int read_table(struct table *t, const char *name)
{
	socklen_t len = sizeof(t->info);

	free(t->block);
	free(t->entries);
	t->block = NULL;
	t->entries = NULL;
	(void)strncpy(t->info.name, name, sizeof(t->info.name) - 1);
	if (getsockopt(t->fd, t->l->level, IPT_SO_GET_INFO, &t->info, &len) < 0)
		return -errno;
	len = (socklen_t)(sizeof(*t->block) + t->info.size);
	t->block = calloc(1, len);
	t->entries = calloc(t->info.num_entries, sizeof(*t->entries));
	if (!t->block || !t->entries)
		return -ENOMEM;
	(void)strncpy(t->block->name, name, sizeof(t->block->name) - 1);
	t->block->size = t->info.size;
	if (getsockopt(t->fd, t->l->level, IPT_SO_GET_ENTRIES, t->block, &len) < 0)
		return -errno;
	return index_entries(t);
}

/* What is to be removed */

static bool is_listed(const char *name, const struct xtables_cut *cut)
{
	for (size_t i = 0; i < cut->n_chains; i++)
		if (strncmp(name, cut->chains[i], XT_FUNCTION_MAXNAMELEN) == 0)
			return true;
	return false;
}

static bool is_exactly(const uint8_t *addr, const uint8_t *mask, const struct layout *l,
                       const struct ip_addr *want)
{
	static const uint8_t ones[16] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		                          0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

	return memcmp(mask, ones, l->addr_size) == 0 &&
	       memcmp(addr, want->bytes, l->addr_size) == 0;
}

static bool accepts_address(const struct table *t, const struct entry *en,
                            const struct xtables_cut *cut)
{
	const struct layout *l = t->l;
	const uint8_t *p = at(t, en->off);
	int verdict;

	if (p[l->inverted] || !verdict_of(t, en, &verdict) || verdict != VERDICT_ACCEPT)
		return false;
	for (size_t i = 0; i < cut->n_addrs; i++) {
		const struct ip_addr *want = &cut->addrs[i].addr;

		if (want->family == l->domain &&
		    (is_exactly(p + l->src, p + l->src_mask, l, want) ||
		     is_exactly(p + l->dst, p + l->dst_mask, l, want)))
			return true;
	}
	return false;
}

/* The entry at an offset. */
static const struct entry *find(const struct table *t, uint32_t off)
{
	size_t low = 0, high = t->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (t->entries[mid].off == off)
			return &t->entries[mid];
		if (t->entries[mid].off < off)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

/* Marks what goes; returns how many. */
static int mark(struct table *t, const struct xtables_cut *cut)
{
	bool chain_goes = false, addr_chain = false;
	uint32_t before = 0;
	int n = 0;

	for (size_t i = 0; i < t->n; i++) {
		const char *head = chain_head(t, &t->entries[i]);

		if (head) {
			chain_goes = is_listed(head, cut);
			addr_chain = cut->addr_chain && strcmp(head, cut->addr_chain) == 0;
		}
		t->entries[i].cut = chain_goes || (addr_chain && !head &&
		                                   accepts_address(t, &t->entries[i], cut));
	}
	/* Jumps into a chain that goes: to the entry behind its head. (A rule without a target points to its successor,
	 * which never follows a head.) */
	for (size_t i = 0; i < t->n; i++) {
		struct entry *en = &t->entries[i];
		const struct entry *to;
		int verdict;

		if (!en->cut && verdict_of(t, en, &verdict) && verdict >= 0) {
			to = find(t, (uint32_t)verdict);
			en->cut = to > t->entries && to->cut && chain_head(t, to - 1);
		}
	}
	for (size_t i = 0; i < t->n; i++) {
		t->entries[i].before = before;
		before += t->entries[i].cut ? t->entries[i].len : 0;
		n += t->entries[i].cut;
	}
	return n;
}

/* Writing */

/* Where an offset of the old table is in the new one. */
static uint32_t moved(const struct table *t, uint32_t off)
{
	const struct entry *en = find(t, off);

	return en ? off - en->before : off;
}

static void copy_entries(const struct table *t, uint8_t *dst)
{
	for (size_t i = 0; i < t->n; i++) {
		const struct entry *en = &t->entries[i];
		int verdict;

		if (en->cut)
			continue;
		memcpy(dst, at(t, en->off), en->len);
		if (verdict_of(t, en, &verdict) && verdict >= 0) {
			verdict = (int)moved(t, (uint32_t)verdict);
			memcpy(dst + u16_at(dst, t->l->target_offset) +
			               offsetof(struct xt_standard_target, verdict),
			       &verdict, sizeof(verdict));
		}
		dst += en->len;
	}
}

static struct ipt_replace *make_replace(const struct table *t, int n_cut,
                                        struct xt_counters *counters)
{
	const struct entry *last = &t->entries[t->n - 1]; /* the table's end, which always stays */
	uint32_t size = last->off - last->before + last->len;
	struct ipt_replace *r = calloc(1, sizeof(*r) + size);

	if (!r)
		return NULL;
	memcpy(r->name, t->info.name, sizeof(r->name));
	r->valid_hooks = t->info.valid_hooks;
	r->num_entries = t->info.num_entries - (unsigned int)n_cut;
	r->size = size;
	r->num_counters = t->info.num_entries;
	r->counters = counters;
	for (unsigned int i = 0; i < NF_INET_NUMHOOKS; i++) {
		if (!(t->info.valid_hooks & 1U << i))
			continue;
		r->hook_entry[i] = moved(t, t->info.hook_entry[i]);
		r->underflow[i] = moved(t, t->info.underflow[i]);
	}
	copy_entries(t, (uint8_t *)r->entries);
	return r;
}

/* Give the rules that stayed their counters back. They are only numbers: a failure is none. */
static void add_counters(const struct table *t, const struct xt_counters *old, size_t n)
{
	const size_t len = sizeof(struct xt_counters_info) + n * sizeof(*old);
	_cleanup_free_ struct xt_counters_info *info = calloc(1, len);

	if (!info)
		return;
	memcpy(info->name, t->info.name, sizeof(info->name));
	info->num_counters = (unsigned int)n;
	for (size_t i = 0, k = 0; i < t->n; i++)
		if (!t->entries[i].cut)
			info->counters[k++] = old[i];
	(void)setsockopt(t->fd, t->l->level, IPT_SO_SET_ADD_COUNTERS, info, (socklen_t)len);
}

static int write_table(const struct table *t, int n_cut)
{
	_cleanup_free_ struct xt_counters *counters = calloc(t->n, sizeof(*counters));
	_cleanup_free_ struct ipt_replace *r = counters ? make_replace(t, n_cut, counters) : NULL;

	if (!r)
		return -ENOMEM;
	if (setsockopt(t->fd, t->l->level, IPT_SO_SET_REPLACE, r,
	               (socklen_t)(sizeof(*r) + r->size)) < 0)
		return -errno;
	add_counters(t, counters, r->num_entries);
	return 0;
}

int xtables_cut(sa_family_t family, const char *table, const struct xtables_cut *cut, struct err *e)
{
	_cleanup_table_ struct table t = { .l = &layouts[family == AF_INET6], .fd = -1 };
	_cleanup_close_ int lock = -1;
	int n, r = -EAGAIN;

	if (!in_use(t.l, table))
		return 0;
	t.fd = socket(t.l->domain, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
	if (t.fd < 0)
		return err_sys(e, errno, "open a socket for iptables-legacy");
	for (int i = 0; r == -EAGAIN && i < TRIES; i++) {
		r = read_table(&t, table);
		if (r < 0)
			break;
		n = mark(&t, cut);
		if (!n)
			return 0;
		if (lock < 0) { /* and look again: it may have changed while we waited */
			lock = fs_lock(AT_FDCWD, XTABLES_LOCK, 0600, LOCK_TIMEOUT_MS, e);
			if (lock < 0)
				return lock;
			r = -EAGAIN;
			continue;
		}
		r = write_table(&t, n);
	}
	return r < 0 ? err_sys(e, -r, "iptables-legacy table %s", table) : n;
}
