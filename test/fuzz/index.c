/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * index.c - fuzz: the index of a store, damaged in its file, then used
 *
 * Input: how many addresses are in it; then triples (place: two bytes, value) that are written over the file, up to a place of 0xffff;
 * then operations. It may answer wrongly then, but neither loop nor lead out of the mapping.
 */
#include "ipam/index.h"
#include "test/fuzz/fuzz.h"

#include <fcntl.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIR_NAME "/run/fuzz-index"

static struct ip_addr addr_of(unsigned int i)
{
	struct ip_addr a = { .family = i & 1 ? AF_INET6 : AF_INET };

	a.bytes[0] = i & 1 ? 0xfd : 10;
	a.bytes[i & 1 ? 14 : 2] = (uint8_t)(i >> 9);
	a.bytes[i & 1 ? 15 : 3] = (uint8_t)(i >> 1);
	return a;
}

static void make(unsigned int n)
{
	static const struct index_stamp stamp = { .dev = 1, .ino = 2, .boot_id = "boot" };
	struct index *x = index_new();

	if (!x)
		abort();
	index_begin(x);
	for (unsigned int i = 0; i < n; i++) {
		const struct ip_addr a = addr_of(i * 3);

		fuzz_check(index_add(x, i % 7, &a), "address %u of %u", i, n);
	}
	fuzz_check(index_count(x) == n, "%zu of %u", index_count(x), n);
	fuzz_check(index_publish(x, "net"), "not published");
	index_settle(x, &stamp);
	fuzz_check(index_fresh(x, &stamp), "not fresh");
	index_close(x);
}

static void damage(struct fuzz_in *in)
{
	int fd = open(DIR_NAME "/net", O_RDWR | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		abort();
	while (in->left) {
		size_t place = fuzz_byte(in);
		uint8_t value;

		place |= (size_t)fuzz_byte(in) << 8;
		if (place == 0xffff)
			break;
		value = fuzz_byte(in);
		if (place < (size_t)st.st_size && pwrite(fd, &value, 1, (off_t)place) != 1)
			abort();
	}
	/* The end may be missing too. */
	if (in->left && (fuzz_byte(in) & 7) == 7 && ftruncate(fd, st.st_size - fuzz_byte(in)) < 0)
		abort();
	close(fd);
}

static bool use(struct index *x, struct fuzz_in *in)
{
	uint8_t what = fuzz_byte(in), low = fuzz_byte(in);
	const struct ip_addr a = addr_of(fuzz_byte(in) | (unsigned int)low << 8),
			     first = addr_of(a.family == AF_INET6),
			     last = addr_of(0x1fffe | (a.family == AF_INET6));
	struct ip_addr found, list[4];

	switch (what % 6) {
	case 0:
		return index_add(x, low, &a);
	case 1:
		index_del(x, low, &a);
		break;
	case 2:
		for (size_t n = index_owned(x, low, list, 4), i = 0; i < n && i < 4; i++)
			fuzz_check(list[i].family == AF_INET || list[i].family == AF_INET6,
			           "no address");
		break;
	case 3:
		if (index_next_free(x, &first, &last, &found))
			fuzz_check(ip_cmp(&found, &first) >= 0 && ip_cmp(&found, &last) <= 0,
			           "outside");
		break;
	case 4:
		found = index_last(x, low & 3);
		index_last_set(x, low & 3, &a);
		break;
	default:
		(void)index_taken(x, &a);
		(void)index_count(x);
	}
	return true;
}

FUZZ(index)
{
	struct fuzz_in in = { data, len };
	struct index *x;
	bool whole = true;

	fuzz_own_run();
	(void)mkdir(DIR_NAME, 0755);
	index_dir = DIR_NAME;
	make(fuzz_byte(&in));
	damage(&in);
	x = index_open("net");
	if (!x)
		return 0;
	index_begin(x);
	for (int i = 0; i < 64 && in.left && whole; i++)
		whole = use(x, &in);
	index_close(x);
	return 0;
}
