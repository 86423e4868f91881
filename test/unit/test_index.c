/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_index.c - the index against a naive model, at its edges, and with damaged bytes
 */
#include "ipam_util.h"

#define MODEL 4096

static struct ip_addr v4(unsigned int i)
{
	return (struct ip_addr) { .family = AF_INET,
		                  .bytes = { 10, (uint8_t)(i >> 16), (uint8_t)(i >> 8),
		                             (uint8_t)i } };
}

static struct ip_addr v6(unsigned int i)
{
	return (struct ip_addr) { .family = AF_INET6,
		                  .bytes = { 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0,
		                             (uint8_t)(i >> 24), (uint8_t)(i >> 16),
		                             (uint8_t)(i >> 8), (uint8_t)i } };
}

/* The first free address as a loop over all of them finds it */
static int model_next(const uint64_t *owner, unsigned int from, unsigned int last)
{
	for (unsigned int i = from; i <= last; i++)
		if (!owner[i])
			return (int)i;
	return -1;
}

static void check_next(const struct index *x, const uint64_t *owner,
                       struct ip_addr (*addr)(unsigned int), unsigned int from, unsigned int last)
{
	struct ip_addr a = addr(from), b = addr(last), got, want;
	int m = model_next(owner, from, last);
	bool found = index_next_free(x, &a, &b, &got);

	want = addr(m < 0 ? 0 : (unsigned int)m);
	cr_assert(found == (m >= 0) && (!found || ip_eq(&got, &want)),
	          "next of [%s, %s]: expected %s, got %s", util_text(&a), util_text(&b),
	          m < 0 ? "none" : util_text(&want), found ? util_text(&got) : "none");
}

static void random_walk(struct ip_addr (*addr)(unsigned int), unsigned int seed)
{
	static uint64_t owner[MODEL];
	struct index *x = index_new();
	unsigned int taken = 0;

	memset(owner, 0, sizeof(owner));
	cr_assert(x);
	srand(seed);
	for (int step = 0; step < 40000; step++) {
		/* Few owners, so that each has several addresses; mostly full in the middle of
		 * the walk. */
		unsigned int i = (unsigned int)rand() % MODEL;
		uint64_t who = (uint64_t)(rand() % 300 + 1) * (uint64_t)0x100000001;
		bool add = step < 20000 ? rand() % 8 != 0 : rand() % 8 == 0;
		struct ip_addr a = addr(i), found[64];

		if (add && !owner[i]) {
			cr_assert(index_add(x, who, &a), "no room at step %d", step);
			owner[i] = who;
			taken++;
		} else if (!add && owner[i]) {
			index_del(x, owner[i], &a);
			owner[i] = 0;
			taken--;
		}
		cr_assert(index_taken(x, &a) == (owner[i] != 0), "step %d: %s", step,
		          util_text(&a));
		cr_assert(index_count(x) == taken, "step %d: expected %u taken, got %zu", step,
		          taken, index_count(x));
		if (step % 50 == 0) {
			size_t n = index_owned(x, who, found, 64), m = 0;

			for (unsigned int k = 0; k < MODEL; k++)
				m += owner[k] == who;
			cr_assert(n == (m < 64 ? m : 64), "step %d: owner has %zu, expected %zu",
			          step, n, m);
		}
		check_next(x, owner, addr, i, MODEL - 1);
	}
	index_close(x);
}

Test(index, random_v4)
{
	random_walk(v4, 1);
}

Test(index, random_v6)
{
	random_walk(v6, 2);
}

Test(index, edges)
{
	static const struct {
		const char *name, *from, *last, *expect;
	} cases[] = {
		{ "empty", "10.0.0.5", "10.0.0.9", "10.0.0.5" },
		{ "one address", "10.0.0.5", "10.0.0.5", "10.0.0.5" },
		{ "one taken address", "10.1.0.63", "10.1.0.63", "none" },
		{ "over a block's end", "10.1.0.63", "10.1.0.64", "10.1.0.64" },
		{ "last before from", "10.0.0.9", "10.0.0.5", "none" },
		{ "end of the IPv4 space", "255.255.255.255", "255.255.255.255", "none" },
		{ "end of the IPv6 space", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		  "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "none" },
		{ "carry over all bytes", "2001:db8::ffff:ffff",
		  "2001:db8:0:1::", "2001:db8::1:0:0" },
		{ "families apart", "10.1.0.63", "fd00::1", "none" },
		{ "IPv6 with the bytes of a taken IPv4", "a01:3f::", "a01:3f::", "a01:3f::" },
	};
	static const char *const taken[] = { "10.1.0.63", "255.255.255.255",
		                             "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		                             "2001:db8::ffff:ffff" };
	struct index *x = index_new();

	for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++) {
		struct ip_addr a = util_ip(taken[i]);

		/* Twice is once. */
		cr_assert(index_add(x, 7, &a) && index_add(x, 7, &a));
	}
	cr_expect(index_count(x) == 4, "4 taken, got %zu", index_count(x));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ip_addr from = util_ip(cases[i].from), last = util_ip(cases[i].last), got;
		const char *text =
			index_next_free(x, &from, &last, &got) ? util_text(&got) : "none";

		cr_expect(strcmp(text, cases[i].expect) == 0, "%s: expected %s, got %s",
		          cases[i].name, cases[i].expect, text);
	}
	index_close(x);
}

static const struct index_stamp stamp = { .dev = 1, .ino = 2, .mtime_ns = 3, .boot_id = "boot" };

static void publish(unsigned int n)
{
	struct index *x = index_new();

	for (unsigned int i = 0; i < n; i++) {
		struct ip_addr a = v4(i);

		cr_assert(index_add(x, i % 10, &a));
	}
	cr_assert(index_publish(x, "t"), "cannot publish in %s", index_dir);
	index_settle(x, &stamp);
	index_close(x);
}

TestSuite(index_file, .init = util_setup, .fini = util_teardown);

Test(index_file, life)
{
	struct index_stamp other;
	struct ip_addr a = v4(3), got;
	struct index *x;
	char path[128];
	struct stat st;

	cr_expect(!index_open("t"), "there is none yet");
	publish(5000);
	(void)snprintf(path, sizeof(path), "%s/t", util_index);
	cr_assert(stat(path, &st) == 0 && (st.st_mode & 07777) == 0600, "mode %o, expected 0600",
	          st.st_mode);
	x = index_open("t");
	cr_assert(x && index_count(x) == 5000 && index_fresh(x, &stamp));
	for (int i = 0; i < 4; i++) {
		other = stamp;
		if (i == 0)
			other.dev++;
		else if (i == 1)
			other.ino++;
		else if (i == 2)
			other.mtime_ns++;
		else
			(void)strcpy(other.boot_id, "toob");
		cr_expect(!index_fresh(x, &other), "stamp differs in %d", i);
	}
	memset(&other, 0, sizeof(other));
	cr_expect(!index_fresh(x, &other), "an unknown boot ID matches nothing");
	index_begin(x);
	cr_expect(!index_fresh(x, &stamp), "a dirty index is not fresh");
	index_del(x, 3, &a);
	/* Killed here: the next one sees the mark. */
	index_close(x);
	x = index_open("t");
	cr_assert(x && index_dirty(x) && !index_fresh(x, &stamp));
	/* Growing gives the name a new file. */
	for (unsigned int i = 5000; i < 20000; i++) {
		a = v4(i);
		cr_assert(index_add(x, i, &a));
	}
	index_settle(x, &stamp);
	index_close(x);
	x = index_open("t");
	a = v4(0);
	got = v4(19999);
	cr_assert(x && index_fresh(x, &stamp) && index_count(x) == 19999, "grown: %zu",
	          index_count(x));
	cr_expect(index_next_free(x, &a, &got, &got) &&
	          ip_eq(&got, &(struct ip_addr) { AF_INET, { 10, 0, 0, 3 } }));
	index_close(x);
	(void)snprintf(path, sizeof(path), "%s/t.new", util_index);
	cr_expect(access(path, F_OK) != 0, "nothing is left beside it");
}

/* Use everything once; that it ends and stays inside is the test. */
static void exercise(struct index *x)
{
	struct ip_addr a, b = v4(0xffffff), found[64];

	for (unsigned int i = 0; i < 300; i++) {
		a = v4(i * 17);
		(void)index_owned(x, i, found, 64);
		(void)index_taken(x, &a);
		(void)index_next_free(x, &a, &b, &found[0]);
		(void)index_add(x, i, &a);
		index_del(x, i / 2, &a);
	}
	(void)index_count(x);
}

static void damage(char *bytes, size_t len, int round)
{
	/* Rounds: some random bytes, one byte of the header, everything full, everything garbage
	 * behind the header. */
	for (int i = 0; i < 200; i++)
		if (round % 4 == 0)
			bytes[(size_t)rand() % len] = (char)rand();
	if (round % 4 == 1)
		bytes[(size_t)rand() % 128] = (char)rand();
	for (size_t i = 1024; i < len; i++)
		if (round % 4 == 2)
			bytes[i] = 2;
		else if (round % 4 == 3)
			bytes[i] = (char)rand();
}

Test(index_file, damaged)
{
	char path[128], *good, *bytes;
	struct stat st;
	int opened = 0;
	FILE *f;

	publish(700);
	(void)snprintf(path, sizeof(path), "%s/t", util_index);
	f = fopen(path, "r");
	cr_assert(f && fstat(fileno(f), &st) == 0);
	good = malloc((size_t)st.st_size);
	bytes = malloc((size_t)st.st_size);
	cr_assert(good && bytes && fread(good, 1, (size_t)st.st_size, f) == (size_t)st.st_size);
	(void)fclose(f);
	srand(3);
	for (int round = 0; round < 400; round++) {
		struct index *x;

		memcpy(bytes, good, (size_t)st.st_size);
		damage(bytes, (size_t)st.st_size, round);
		util_write(path, bytes, (size_t)st.st_size);
		x = index_open("t");
		if (!x)
			continue;
		opened++;
		exercise(x);
		index_close(x);
	}
	cr_expect(opened > 200, "damage that the header does not show was tried %d times", opened);
	for (off_t len = 0; len < st.st_size + 4096; len += len < 2048 ? 97 : 4093) {
		if (len == st.st_size)
			continue;
		util_write(path, good, (size_t)(len < st.st_size ? len : st.st_size));
		cr_assert(truncate(path, len) == 0);
		cr_expect(!index_open("t"), "%ld of %ld bytes were accepted", (long)len,
		          (long)st.st_size);
	}
	/* Sizes that are plausible by themselves but are not this file's: offsets 24 and 32 are
	 * the two tables' slots. */
	for (int shift = 0; shift < 52; shift++) {
		uint64_t slots = (uint64_t)1 << shift / 2, was;
		size_t offset = shift % 2 ? 24 : 32;

		memcpy(bytes, good, (size_t)st.st_size);
		memcpy(&was, bytes + offset, sizeof(was));
		memcpy(bytes + offset, &slots, sizeof(slots));
		util_write(path, bytes, (size_t)st.st_size);
		cr_expect(slots == was || !index_open("t"), "%lu slots were accepted at offset %zu",
		          (unsigned long)slots, offset);
	}
	free(good);
	free(bytes);
}

Test(index_file, no_folder)
{
	struct index *x = index_new();
	struct ip_addr a = v4(1);

	index_dir = "/proc/nonexistent/index";
	cr_expect(!index_publish(x, "t"), "published in a folder that cannot be");
	cr_expect(index_add(x, 1, &a) && index_taken(x, &a), "the index is usable in memory");
	index_close(x);
}
