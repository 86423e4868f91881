/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_policy_image.c - what is looked up in a policy image is what the tables say
 *
 * Expectations come from plain walks over the tables, written here.
 */
#include "base/cleanup.h"
#include "policy/image.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#define ROOMY (64U << 20)

/* A small generator, so that a failing seed can be run again. */
static uint64_t rng;

static uint32_t any(uint32_t below)
{
	rng = rng * 6364136223846793005ULL + 1442695040888963407ULL;
	return below ? (uint32_t)(rng >> 33) % below : 0;
}

#define LISTS_MAX  40
#define RANGES_MAX 12

struct random_tables {
	struct tables t;
	struct port_range ranges[LISTS_MAX * RANGES_MAX];
	struct port_list lists[LISTS_MAX];
	struct cell cells[4000];
	struct host_entry hosts[600];
	struct block_entry blocks[2][300];
	struct ip_addr local[300];
	size_t n_local;
};

static struct random_tables *r; /* large: one for all */

/* Sorted, disjoint, not adjacent; sometimes the list that is everything. */
static void random_list(struct port_list *list)
{
	static const uint8_t protos[] = { 6, 17, 132 };
	size_t want = 1 + any(RANGES_MAX);

	*list = (struct port_list) { .first = (uint32_t)r->t.n_ranges };
	if (any(5) == 0) {
		r->ranges[r->t.n_ranges++] = (struct port_range) { 0, 0, 65535 };
		list->n = 1;
		return;
	}
	for (size_t p = 0; p < ARRAY_SIZE(protos) && list->n < want; p++) {
		uint32_t port = any(3) ? any(60000) : 0;

		while (list->n < want && port <= 65535 && any(6)) {
			uint32_t last = port + any(any(2) ? 3 : 9000);

			last = last > 65535 ? 65535 : last;
			r->ranges[r->t.n_ranges++] =
				(struct port_range) { protos[p], (uint16_t)port, (uint16_t)last };
			list->n++;
			port = last + 2 + any(any(2) ? 3 : 20000);
		}
	}
}

static struct ip_addr random_addr(bool v6)
{
	struct ip_addr a = { .family = v6 ? AF_INET6 : AF_INET };

	for (size_t i = 0; i < ip_size(a.family); i++)
		a.bytes[i] = (uint8_t)any(any(2) ? 3 : 256);
	return a;
}

static int by_addr(const void *a, const void *b)
{
	return ip_cmp(a, b); /* the address comes first in every entry */
}

static void random_hosts(size_t n)
{
	for (size_t i = 0; i < n; i++)
		r->hosts[i].addr = random_addr(any(2));
	qsort(r->hosts, n, sizeof(r->hosts[0]), by_addr);
	for (size_t i = 0; i < n; i++) {
		if (r->t.n_hosts && ip_eq(&r->hosts[i].addr, &r->hosts[r->t.n_hosts - 1].addr))
			continue;
		r->hosts[r->t.n_hosts] = r->hosts[i];
		r->hosts[r->t.n_hosts++].class = any(r->t.n_classes);
	}
	for (size_t i = 0; i < r->t.n_hosts && r->n_local < ARRAY_SIZE(r->local); i++) {
		if (any(4) == 0)
			r->local[r->n_local++] = r->hosts[r->t.n_hosts - 1 - i].addr;
	}
	if (r->n_local < ARRAY_SIZE(r->local))
		r->local[r->n_local++] = random_addr(false);
}

static void random_blocks(int family, size_t n)
{
	struct block_entry *v = r->blocks[family];

	r->t.n_blocks[family] = 0;
	if (n == 0)
		return;
	for (size_t i = 0; i < n; i++)
		v[i].first = random_addr(family);
	memset(v[0].first.bytes, 0, 16);
	qsort(v, n, sizeof(v[0]), by_addr);
	for (size_t i = 0; i < n; i++) {
		if (i > 0 && ip_eq(&v[i].first, &v[r->t.n_blocks[family] - 1].first))
			continue;
		v[r->t.n_blocks[family]] = v[i];
		v[r->t.n_blocks[family]++].class = any(r->t.n_classes);
	}
}

static void random_cells(uint32_t per_mille)
{
	uint32_t n_lists = 1 + any(LISTS_MAX);

	for (uint32_t i = 0; i < n_lists; i++)
		random_list(&r->lists[i]);
	r->t.n_lists = n_lists;
	for (uint32_t set = 2; set < r->t.n_sets; set++) {
		for (uint32_t class = 0; class < r->t.n_classes; class ++) {
			uint32_t list = any(n_lists);

			if (any(1000) < per_mille && r->lists[list].n &&
			    r->t.n_cells < ARRAY_SIZE(r->cells))
				r->cells[r->t.n_cells++] = (struct cell) { set, class, list };
		}
	}
}

static void random_tables(uint64_t seed)
{
	rng = seed * 0x9e3779b97f4a7c15ULL + 1;
	memset(r, 0, sizeof(*r));
	r->t = (struct tables) {
		.ranges = r->ranges,
		.lists = r->lists,
		.cells = r->cells,
		.hosts = r->hosts,
		.blocks = { r->blocks[0], r->blocks[1] },
		.n_sets = 2 + any(60),
		.n_classes = 1 + any(80),
	};
	random_cells(any(4) ? 400 : 1000);
	random_hosts(any(3) ? any(ARRAY_SIZE(r->hosts)) : 0);
	random_blocks(0, any(4) ? any(ARRAY_SIZE(r->blocks[0])) : 0);
	random_blocks(1, any(4) ? any(ARRAY_SIZE(r->blocks[1])) : 0);
}

/* ---- the same by plain walks ---- */

static bool expect_allow(uint32_t set, uint32_t class, uint8_t proto, uint16_t port)
{
	for (size_t i = 0; i < r->t.n_cells; i++) {
		const struct cell *c = &r->t.cells[i];

		if (c->set != set || c->class != class)
			continue;
		for (uint32_t k = 0; k < r->t.lists[c->ports].n; k++) {
			const struct port_range *p = &r->t.ranges[r->t.lists[c->ports].first + k];

			if (p->proto == 0 ||
			    (p->proto == proto && p->first <= port && port <= p->last))
				return true;
		}
	}
	return false;
}

static uint32_t expect_host(const struct ip_addr *addr)
{
	for (size_t i = 0; i < r->n_local; i++) {
		if (ip_eq(&r->local[i], addr))
			return 0;
	}
	for (size_t i = 0; i < r->t.n_hosts; i++) {
		if (ip_eq(&r->t.hosts[i].addr, addr))
			return r->t.hosts[i].class;
	}
	return 0;
}

static uint32_t expect_block(const struct ip_addr *addr)
{
	int family = addr->family == AF_INET6;
	uint32_t class = 0;

	for (size_t i = 0; i < r->t.n_blocks[family]; i++) {
		if (ip_cmp(&r->t.blocks[family][i].first, addr) <= 0)
			class = r->t.blocks[family][i].class;
	}
	return class;
}

/* ---- tests ---- */

/* A port at an edge of some range, or any. */
static uint16_t interesting_port(void)
{
	const struct port_range *p;

	if (r->t.n_ranges == 0 || any(4) == 0)
		return (uint16_t)any(65536);
	p = &r->t.ranges[any((uint32_t)r->t.n_ranges)];
	return (uint16_t)((any(2) ? p->first : p->last) + any(3) - 1);
}

static void compare_cells(const struct image *image, uint64_t seed)
{
	static const uint8_t protos[] = { 6, 17, 132, 1, 58, 0, 255 };

	for (int i = 0; i < 3000; i++) {
		uint32_t set = any(r->t.n_sets + 1), class = any(r->t.n_classes + 1);
		uint8_t proto = protos[any(ARRAY_SIZE(protos))];
		uint16_t port = interesting_port();
		bool expected = expect_allow(set, class, proto, port);

		cr_assert(image_allow(image, set, class, proto, port) == expected,
		          "seed %lu: set %u class %u proto %u port %u: expected %d", seed, set,
		          class, proto, port, expected);
	}
}

static void compare_addr(const struct image *image, uint64_t seed, struct ip_addr addr)
{
	uint32_t host = expect_host(&addr), block = expect_block(&addr);
	char text[IP_STR_MAX];

	cr_assert(image_host(image, &addr) == host, "seed %lu: host %s: expected %u, found %u",
	          seed, ip_format(&addr, text), host, image_host(image, &addr));
	cr_assert(image_block(image, &addr) == block,
	          "seed %lu: block of %s: expected %u, found %u", seed, ip_format(&addr, text),
	          block, image_block(image, &addr));
}

static void compare_addrs(const struct image *image, uint64_t seed)
{
	for (int i = 0; i < 500; i++)
		compare_addr(image, seed, random_addr(any(2)));
	for (size_t i = 0; i < r->t.n_hosts; i++)
		compare_addr(image, seed, r->t.hosts[i].addr);
	for (int family = 0; family < 2; family++) {
		for (size_t i = 0; i < r->t.n_blocks[family]; i++) {
			struct ip_addr first = r->t.blocks[family][i].first;

			compare_addr(image, seed, first);
			compare_addr(image, seed, ip_prev(&first));
			compare_addr(image, seed, ip_next(&first));
		}
	}
}

Test(policy_image, says_what_the_tables_say)
{
	struct image image;
	struct err e;

	r = calloc(1, sizeof(*r));
	for (uint64_t seed = 0; seed < 60; seed++) {
		random_tables(seed);
		cr_assert(image_build(&r->t, r->local, r->n_local, seed & 1, ROOMY, &image, &e) ==
		                  0,
		          "seed %lu: %s", seed, e.msg);
		cr_assert(image_check(&image, &e) == 0, "seed %lu: %s", seed, e.msg);
		cr_assert(((struct image_header *)(void *)image.bytes)->parity == (seed & 1),
		          "seed %lu: parity", seed);
		compare_cells(&image, seed);
		compare_addrs(&image, seed);
		image_free(&image);
	}
	free(r);
}

Test(policy_image, empty_tables)
{
	struct tables t = { .n_sets = 2, .n_classes = 1 };
	struct ip_addr addr = { .family = AF_INET, .bytes = { 10, 0, 0, 1 } };
	struct image image;
	struct err e;

	cr_assert(image_build(&t, NULL, 0, 1, ROOMY, &image, &e) == 0, "%s", e.msg);
	cr_assert(image_check(&image, &e) == 0, "%s", e.msg);
	cr_assert(!image_allow(&image, SET_DENY, CLASS_ANY, 6, 80), "the closed set is closed");
	cr_assert(image_host(&image, &addr) == 0 && image_block(&image, &addr) == 0,
	          "nobody is known");
	image_free(&image);
}

/* A hundred thousand cells with ids as compile() gives them. */
Test(policy_image, large)
{
	struct port_range range = { 6, 80, 80 };
	struct port_list list = { 0, 1 };
	struct cell *cells = calloc(100000, sizeof(*cells));
	struct tables t = { .ranges = &range,
		            .lists = &list,
		            .cells = cells,
		            .n_ranges = 1,
		            .n_lists = 1,
		            .n_cells = 100000 };
	struct image image;
	struct err e;

	for (uint32_t i = 0; i < 100000; i++)
		cells[i] = (struct cell) { 2 + i / 100, i % 100, 0 };
	cr_assert(image_build(&t, NULL, 0, 0, ROOMY, &image, &e) == 0, "%s", e.msg);
	cr_expect(image.size <= 100000 * 8 * sizeof(struct image_cell),
	          "at most eight places each: %zu", image.size);
	for (uint32_t i = 0; i < 100000; i++)
		cr_assert(image_allow(&image, cells[i].set, cells[i].class, 6, 80), "cell %u", i);
	cr_assert(!image_allow(&image, 1002, 0, 6, 80), "no such set");
	image_free(&image);
	free(cells);
}

Test(policy_image, too_large)
{
	struct tables t = { .n_sets = 2, .n_classes = 1 };
	struct image image, fits;
	struct err e;
	int x = image_build(&t, NULL, 0, 0, 64, &image, &e);

	cr_assert(x == -E2BIG && image.bytes == NULL && e.code == CNI_E_TRY_AGAIN,
	          "expected -E2BIG and code 11, found %d: %s", x, e.msg);
	cr_assert(image.size > 64, "the needed size, found %zu", image.size);
	cr_assert(image_build(&t, NULL, 0, 0, image.size, &fits, &e) == 0, "it fits then: %s",
	          e.msg);
	cr_assert(image_build(&t, NULL, 0, 0, image.size - 1, &image, &e) == -E2BIG,
	          "one byte less");
	image_free(&fits);
}

/* The reader believes nothing: whatever a byte becomes, it stays inside (the sanitized tests see). */
Test(policy_image, damaged)
{
	struct image image, copy;
	struct err e;

	r = calloc(1, sizeof(*r));
	random_tables(7);
	cr_assert(image_build(&r->t, r->local, r->n_local, 0, ROOMY, &image, &e) == 0, "%s", e.msg);
	copy = (struct image) { malloc(image.size), image.size };
	for (size_t i = 0; i < sizeof(struct image_header) + 64; i++) {
		for (int with = 0; with < 256; with += 51) {
			memcpy(copy.bytes, image.bytes, image.size);
			copy.bytes[i] = (uint8_t)with;
			(void)image_check(&copy, &e);
			for (int k = 0; k < 20; k++) {
				struct ip_addr addr = random_addr(any(2));

				(void)image_allow(&copy, any(64), any(64), 6, (uint16_t)any(65536));
				(void)image_host(&copy, &addr);
				(void)image_block(&copy, &addr);
			}
		}
	}
	for (copy.size = 0; copy.size < image.size; copy.size += 1 + copy.size / 3)
		cr_assert(image_check(&copy, &e) < 0, "cut off at %zu", copy.size);
	image_free(&image);
	image_free(&copy);
	free(r);
}
