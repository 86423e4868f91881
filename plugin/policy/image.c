/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * image.c - compiled policy as the bytes that the eBPF programs walk
 *
 * Hash tables use linear probing in Robin Hood order: whoever is further from home takes the place. That keeps the
 * longest walk short (an entry beyond IMAGE_PROBES could not be found), and a free place still ends a search.
 */
#include "policy/image.h"

#include "base/cleanup.h"
#include "bpf/attach.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A table is grown at most to this many places per entry: hashes that are still too close then are equal. */
#define GROWTH_MAX 64U
/* Tables start at multiples of their entries' size, the largest of which that is a power of two. */
#define ALIGN 32U

void image_free(struct image *image)
{
	free(image->bytes);
	*image = (struct image) { 0 };
}

/* ---- hash tables ---- */

/* One kind of table: its entries begin with what is hashed, and a word that is 0 in a free place. */
struct hashed {
	size_t size;  /* of an entry */
	size_t taken; /* offset of that word */
	uint32_t (*hash)(const void *entry);
};

static uint32_t hash_cell(const void *entry)
{
	const struct image_cell *c = entry;

	return image_hash(c->set, c->class);
}

static uint32_t hash_host(const void *entry)
{
	return image_hash_in6(&((const struct image_host *)entry)->addr);
}

static const struct hashed cell_table = {
	sizeof(struct image_cell),
	offsetof(struct image_cell, set),
	hash_cell,
};
static const struct hashed host_table = {
	sizeof(struct image_host),
	offsetof(struct image_host, class),
	hash_host,
};
#define ENTRY_MAX sizeof(struct image_host)
static_assert(sizeof(struct image_cell) <= ENTRY_MAX, "both kinds fit the buffer of an insertion");

static bool is_free(const struct hashed *kind, const uint8_t *place)
{
	uint32_t word;

	memcpy(&word, place + kind->taken, sizeof(word));
	return word == 0;
}

/* Put one entry in; false if somebody ends up too far from home. */
static bool insert(const struct hashed *kind, uint8_t *table, uint32_t n, const void *entry)
{
	uint8_t hand[ENTRY_MAX], other[ENTRY_MAX];
	uint32_t at, away = 0;

	memcpy(hand, entry, kind->size);
	at = kind->hash(hand) & (n - 1);
	for (; away < IMAGE_PROBES; away++, at = (at + 1) & (n - 1)) {
		uint8_t *place = table + at * kind->size;
		uint32_t its;

		if (is_free(kind, place)) {
			memcpy(place, hand, kind->size);
			return true;
		}
		its = (at - kind->hash(place)) & (n - 1);
		if (its >= away)
			continue;
		memcpy(other, place, kind->size);
		memcpy(place, hand, kind->size);
		memcpy(hand, other, kind->size);
		away = its;
	}
	return false;
}

/* At least IMAGE_PROBES, so that a walk never meets a place twice. */
static uint32_t places_for(size_t n)
{
	uint32_t places = IMAGE_PROBES;

	while (places < 2 * n)
		places *= 2;
	return places;
}

/**
 * hash_all() - Make a table of @n entries that lie one after another
 *
 * Return: the table, *ret_n places; NULL with errno ENOMEM, or E2BIG if no size will do.
 */
static uint8_t *hash_all(const struct hashed *kind, const void *entries, size_t n, uint32_t *ret_n)
{
	uint32_t places = places_for(n), max = places * GROWTH_MAX;

	for (; places < max; places *= 2) {
		uint8_t *table = calloc(places, kind->size);
		size_t i = 0;

		if (!table)
			return NULL;
		while (i < n &&
		       insert(kind, table, places, (const uint8_t *)entries + i * kind->size))
			i++;
		if (i == n) {
			*ret_n = places;
			return table;
		}
		free(table);
	}
	errno = E2BIG;
	return NULL;
}

/* ---- parts ---- */

/* Everything that goes into an image, in its order. */
enum part { CELLS, RANGES, HOSTS, BLOCKS4, BLOCKS6, N_PARTS };

static const size_t entry_size[N_PARTS] = {
	[CELLS] = sizeof(struct image_cell),     [RANGES] = sizeof(struct image_range),
	[HOSTS] = sizeof(struct image_host),     [BLOCKS4] = sizeof(struct image_block4),
	[BLOCKS6] = sizeof(struct image_block6),
};

struct parts {
	void *v[N_PARTS]; /* owned */
	uint32_t n[N_PARTS];
};

static void parts_free(struct parts *p)
{
	for (size_t i = 0; i < N_PARTS; i++)
		free(p->v[i]);
}

static struct image_table *table_of(struct image_header *h, enum part part)
{
	struct image_table *const tables[N_PARTS] = {
		[CELLS] = &h->cells,     [RANGES] = &h->ranges,   [HOSTS] = &h->hosts,
		[BLOCKS4] = &h->blocks4, [BLOCKS6] = &h->blocks6,
	};

	return tables[part];
}

/* An array of at least one entry, all zero. */
static void *new_array(size_t n, size_t size)
{
	return calloc(n ? n : 1, size);
}

static int make_cells(const struct tables *t, struct parts *p)
{
	_cleanup_free_ struct image_cell *cells = new_array(t->n_cells, sizeof(*cells));

	if (!cells)
		return -ENOMEM;
	for (size_t i = 0; i < t->n_cells; i++) {
		const struct port_list *list = &t->lists[t->cells[i].ports];

		cells[i] = (struct image_cell) {
			.set = t->cells[i].set,
			.class = t->cells[i].class,
			.first = list->first,
			.n = list->n,
		};
	}
	p->v[CELLS] = hash_all(&cell_table, cells, t->n_cells, &p->n[CELLS]);
	return p->v[CELLS] ? 0 : -errno;
}

static int make_ranges(const struct tables *t, struct parts *p)
{
	struct image_range *ranges = new_array(t->n_ranges, sizeof(*ranges));

	p->v[RANGES] = ranges;
	p->n[RANGES] = (uint32_t)t->n_ranges;
	for (size_t i = 0; ranges && i < t->n_ranges; i++)
		ranges[i] = (struct image_range) {
			.proto = t->ranges[i].proto,
			.first = t->ranges[i].first,
			.last = t->ranges[i].last,
		};
	return ranges ? 0 : -ENOMEM;
}

static int by_address(const void *a, const void *b)
{
	return ip_cmp(a, b);
}

static int make_hosts(const struct tables *t, const struct ip_addr *local, size_t n_local,
                      struct parts *p)
{
	_cleanup_free_ struct image_host *hosts = new_array(t->n_hosts, sizeof(*hosts));
	_cleanup_free_ struct ip_addr *sorted = new_array(n_local, sizeof(*sorted));
	size_t n = 0;

	if (!hosts || !sorted)
		return -ENOMEM;
	for (size_t i = 0; i < n_local; i++)
		sorted[i] = local[i];
	qsort(sorted, n_local, sizeof(*sorted), by_address);
	for (size_t i = 0; i < t->n_hosts; i++) {
		const struct host_entry *host = &t->hosts[i];

		if (host->class == CLASS_ANY ||
		    bsearch(&host->addr, sorted, n_local, sizeof(*sorted), by_address))
			continue;
		hosts[n++] = (struct image_host) {
			.addr = datapath_key(&host->addr),
			.class = host->class,
		};
	}
	p->v[HOSTS] = hash_all(&host_table, hosts, n, &p->n[HOSTS]);
	return p->v[HOSTS] ? 0 : -errno;
}

static uint64_t be64_at(const uint8_t *bytes)
{
	uint64_t v = 0;

	for (size_t i = 0; i < 8; i++)
		v = v << 8 | bytes[i];
	return v;
}

static uint32_t be32_at(const uint8_t *bytes)
{
	return (uint32_t)(be64_at(bytes) >> 32);
}

/* Without blocks there is one entry all the same: no address is in any. */
static int make_blocks(const struct tables *t, struct parts *p)
{
	struct image_block4 *v4 = new_array(t->n_blocks[0], sizeof(*v4));
	struct image_block6 *v6 = new_array(t->n_blocks[1], sizeof(*v6));

	p->v[BLOCKS4] = v4;
	p->v[BLOCKS6] = v6;
	if (!v4 || !v6)
		return -ENOMEM;
	p->n[BLOCKS4] = t->n_blocks[0] ? (uint32_t)t->n_blocks[0] : 1;
	p->n[BLOCKS6] = t->n_blocks[1] ? (uint32_t)t->n_blocks[1] : 1;
	for (size_t i = 0; i < t->n_blocks[0]; i++)
		v4[i] = (struct image_block4) {
			.first = be32_at(t->blocks[0][i].first.bytes),
			.class = t->blocks[0][i].class,
		};
	for (size_t i = 0; i < t->n_blocks[1]; i++)
		v6[i] = (struct image_block6) {
			.first = { be64_at(t->blocks[1][i].first.bytes),
			           be64_at(t->blocks[1][i].first.bytes + 8) },
			.class = t->blocks[1][i].class,
		};
	return 0;
}

static size_t aligned(size_t size)
{
	return (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
}

static int put_together(const struct parts *p, uint32_t parity, size_t capacity, struct image *ret,
                        struct err *e)
{
	struct image_header header = { .magic = IMAGE_MAGIC, .parity = parity };
	size_t size = aligned(sizeof(header));

	for (enum part i = 0; i < N_PARTS; i++) {
		*table_of(&header, i) = (struct image_table) { (uint32_t)size, p->n[i] };
		size = aligned(size + p->n[i] * entry_size[i]);
	}
	ret->size = size;
	if (size > capacity || size > UINT32_MAX)
		return err_set(e, CNI_E_TRY_AGAIN, E2BIG,
		               "the policy needs %zu KiB, there is room for %zu KiB",
		               (size + 1023) / 1024, capacity / 1024);
	header.size = (uint32_t)size;
	ret->bytes = calloc(1, size);
	if (!ret->bytes)
		return err_sys(e, ENOMEM, "build the policy image");
	memcpy(ret->bytes, &header, sizeof(header));
	for (enum part i = 0; i < N_PARTS; i++)
		memcpy(ret->bytes + table_of(&header, i)->offset, p->v[i], p->n[i] * entry_size[i]);
	return 0;
}

int image_build(const struct tables *t, const struct ip_addr *local, size_t n_local,
                uint32_t parity, size_t capacity, struct image *ret, struct err *e)
{
	struct parts p = { 0 };
	int r = make_cells(t, &p);

	*ret = (struct image) { 0 };
	if (r == 0)
		r = make_ranges(t, &p);
	if (r == 0)
		r = make_hosts(t, local, n_local, &p);
	if (r == 0)
		r = make_blocks(t, &p);
	if (r < 0)
		(void)err_sys(e, -r, "build the policy image");
	else
		r = put_together(&p, parity, capacity, ret, e);
	parts_free(&p);
	return r;
}

/* ---- reading ---- */

static struct image_header header_of(const struct image *image)
{
	struct image_header h = { 0 };

	if (image->size >= sizeof(h))
		memcpy(&h, image->bytes, sizeof(h));
	return h;
}

/* Copy entry @i of a table; false if it does not lie in the image. */
static bool read_entry(const struct image *image, struct image_table table, size_t i, void *ret,
                       size_t size)
{
	size_t at = table.offset + i * size;

	if (i >= table.n || at > image->size || image->size - at < size)
		return false;
	memcpy(ret, image->bytes + at, size);
	return true;
}

static bool range_has(const struct image_range *range, uint8_t proto, uint16_t port)
{
	return range->proto == RANGE_ALL_PROTO ||
	       (range->proto == proto && range->first <= port && port <= range->last);
}

/* Ranges are sorted, so the last one that begins at or before (proto, port) decides; all protocols sort first. */
static bool ranges_have(const struct image *image, struct image_table table,
                        const struct image_cell *cell, uint8_t proto, uint16_t port)
{
	uint32_t low = 0, high = cell->n;
	struct image_range range;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (!read_entry(image, table, (size_t)cell->first + mid, &range, sizeof(range)))
			return false;
		if (range.proto < proto || (range.proto == proto && range.first <= port))
			low = mid + 1;
		else
			high = mid;
	}
	return low > 0 &&
	       read_entry(image, table, (size_t)cell->first + low - 1, &range, sizeof(range)) &&
	       range_has(&range, proto, port);
}

bool image_allow(const struct image *image, uint32_t set, uint32_t class, uint8_t proto,
                 uint16_t port)
{
	struct image_header h = header_of(image);
	uint32_t hash = image_hash(set, class);
	struct image_cell cell;

	for (uint32_t i = 0; i < IMAGE_PROBES; i++) {
		if (!read_entry(image, h.cells, (hash + i) & (h.cells.n - 1), &cell,
		                sizeof(cell)) ||
		    cell.set == 0)
			return false;
		if (cell.set == set && cell.class == class)
			return ranges_have(image, h.ranges, &cell, proto, port);
	}
	return false;
}

uint32_t image_host(const struct image *image, const struct ip_addr *addr)
{
	struct image_header h = header_of(image);
	struct in6 key = datapath_key(addr);
	uint32_t hash = image_hash_in6(&key);
	struct image_host host;

	for (uint32_t i = 0; i < IMAGE_PROBES; i++) {
		if (!read_entry(image, h.hosts, (hash + i) & (h.hosts.n - 1), &host,
		                sizeof(host)) ||
		    host.class == 0)
			return 0;
		if (memcmp(&host.addr, &key, sizeof(key)) == 0)
			return host.class;
	}
	return 0;
}

/* One family's blocks in a common form. */
static bool read_block(const struct image *image, const struct image_header *h, bool v4, size_t i,
                       struct image_block6 *ret)
{
	struct image_block4 block;

	if (!v4)
		return read_entry(image, h->blocks6, i, ret, sizeof(*ret));
	if (!read_entry(image, h->blocks4, i, &block, sizeof(block)))
		return false;
	*ret = (struct image_block6) { .first = { 0, block.first }, .class = block.class };
	return true;
}

uint32_t image_block(const struct image *image, const struct ip_addr *addr)
{
	struct image_header h = header_of(image);
	bool v4 = addr->family == AF_INET;
	uint64_t high_half = v4 ? 0 : be64_at(addr->bytes);
	uint64_t low_half = v4 ? be32_at(addr->bytes) : be64_at(addr->bytes + 8);
	uint32_t low = 0, high = v4 ? h.blocks4.n : h.blocks6.n;
	struct image_block6 block;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (!read_block(image, &h, v4, mid, &block))
			return 0;
		if (block.first[0] < high_half ||
		    (block.first[0] == high_half && block.first[1] <= low_half))
			low = mid + 1;
		else
			high = mid;
	}
	return low > 0 && read_block(image, &h, v4, low - 1, &block) ? block.class : 0;
}

static int damaged(struct err *e, const char *what)
{
	return err_set(e, CNI_E_INTERNAL, EBADMSG, "policy image: %s", what);
}

static bool power_of_two(uint32_t n)
{
	return n >= IMAGE_PROBES && (n & (n - 1)) == 0;
}

int image_check(const struct image *image, struct err *e)
{
	struct image_header h = header_of(image);
	struct image_block6 first;

	if (h.magic != IMAGE_MAGIC || h.parity > 1 || h.size > image->size)
		return damaged(e, "its header is wrong");
	for (enum part i = 0; i < N_PARTS; i++) {
		const struct image_table *t = table_of(&h, i);

		if (t->offset > h.size || (h.size - t->offset) / entry_size[i] < t->n)
			return damaged(e, "a table lies outside");
	}
	if (!power_of_two(h.cells.n) || !power_of_two(h.hosts.n))
		return damaged(e, "the size of a hash table is wrong");
	for (int v4 = 0; v4 < 2; v4++) {
		if (!read_block(image, &h, v4, 0, &first) || first.first[0] || first.first[1])
			return damaged(e, "address blocks do not begin at zero");
	}
	return 0;
}
