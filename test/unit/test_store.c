/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_store.c - the store: its bytes, other writers, dead writers, many writers, and a naive model
 */
#include "ipam_util.h"

#include "ipam/entry.h"

#include <dirent.h>
#include <errno.h>
#include <sys/xattr.h>
#include <time.h>

TestSuite(store, .init = util_setup, .fini = util_teardown);

#define ID64 "f00dfacef00dfacef00dfacef00dfacef00dfacef00dfacef00dfacef00dface"

static unsigned int mode_of(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? st.st_mode & 07777 : 0;
}

Test(store, bytes)
{
	struct store_owner owner = { ID64, "eth0", "/proc/self/ns/net" };
	struct ip_addr v4 = util_ip("10.9.1.5"), v6 = util_ip("2001:DB8:0::6");
	char tag[256] = "", expect[256], boot[64];
	struct stat ns, st;
	struct store s;
	struct err e;

	(void)umask(022);
	util_open(&s, "net");
	cr_assert(store_reserve(&s, &v4, &owner, &e) == 0, "%s", e.msg);
	cr_assert(store_reserve(&s, &v6, &owner, &e) == 0, "%s", e.msg);
	store_last_set(&s, 0, &(struct ip_addr) { AF_INET, { 10, 200, 100, 250 } });
	store_last_set(&s, 0, &v4);
	store_last_set(&s, 1, &v6);
	store_close(&s);

	cr_expect(strcmp(util_read(util_path("net", "10.9.1.5")), ID64 "\r\neth0") == 0);
	cr_expect(strcmp(util_read(util_path("net", "2001:db8::6")), ID64 "\r\neth0") == 0);
	cr_expect(strcmp(util_read(util_path("net", "last_reserved_ip.0")), "10.9.1.5") == 0, "%s",
	          util_read(util_path("net", "last_reserved_ip.0")));
	cr_expect(strcmp(util_read(util_path("net", "last_reserved_ip.1")), "2001:db8::6") == 0);
	cr_expect(mode_of(util_path("net", "10.9.1.5")) == 0600);
	cr_expect(mode_of(util_path("net", "last_reserved_ip.0")) == 0600);
	cr_expect(mode_of(util_path("net", "lock")) == 0750, "lock: %o",
	          mode_of(util_path("net", "lock")));
	cr_expect(mode_of(util_path("net", ".")) == 0755, "folder: %o",
	          mode_of(util_path("net", ".")));
	cr_expect(stat(util_path("net", "lock"), &st) == 0 && st.st_size == 0, "lock is empty");

	if (getxattr(util_path("net", "10.9.1.5"), STORE_XATTR, tag, sizeof(tag) - 1) < 0)
		cr_skip_test("no extended attributes here: %s", strerror(errno));
	cr_assert(stat("/proc/self/ns/net", &ns) == 0);
	(void)snprintf(boot, sizeof(boot), "%s", util_read("/proc/sys/kernel/random/boot_id"));
	(void)snprintf(expect, sizeof(expect), "%.8s %lu:%lu /proc/self/ns/net", boot,
	               (unsigned long)ns.st_dev, (unsigned long)ns.st_ino);
	cr_expect(strcmp(tag, expect) == 0, "tag: expected \"%s\", got \"%s\"", expect, tag);
}

Test(store, tags)
{
	static const struct {
		const char *tag, *boot, *netns;
		unsigned long long ino;
	} cases[] = {
		{ "01234567 4:77 cni-1", "01234567", "/run/netns/cni-1", 77 },
		{ "01234567 4:77 /a/b", "01234567", "/a/b", 77 },
		{ "01234567 0:0 ", "01234567", "", 0 },
		{ "01234567-0123-0123-0123-0123456789ab 4:77 /a b",
		  "01234567-0123-0123-0123-0123456789ab", "/a b", 77 },
		{ "0123456 4:77 /a", "", "", 0 },
		{ "01234567 4 /a", "", "", 0 },
		{ "01234567 4:77", "", "", 0 },
		{ "01234567", "", "", 0 },
		{ "", "", "", 0 },
		{ "01234567-0123-0123-0123-0123456789abcdef 4:77 /a", "", "", 0 },
	};
	struct store_owner owner = { "c", "eth0", "/var/run/netns/cni-5" };
	char buf[128];

	(void)mkdir(util_data, 0755);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct store_entry got;
		struct ip_addr a = util_ip("10.0.0.1");
		char path[256];
		int fd = open(util_data, O_RDONLY | O_DIRECTORY);

		(void)snprintf(path, sizeof(path), "%s/10.0.0.1", util_data);
		util_write(path, "c\r\neth0", 7);
		if (setxattr(path, STORE_XATTR, cases[i].tag, strlen(cases[i].tag), 0) < 0)
			cr_skip_test("no extended attributes here: %s", strerror(errno));
		cr_assert(entry_load(fd, &a, &got) == 0);
		cr_expect(strcmp(got.boot_id, cases[i].boot) == 0 &&
		                  strcmp(got.netns, cases[i].netns) == 0 &&
		                  got.netns_ino == cases[i].ino,
		          "\"%s\": expected %s, %s, %llu, got %s, %s, %llu", cases[i].tag,
		          cases[i].boot, cases[i].netns, cases[i].ino, got.boot_id, got.netns,
		          got.netns_ino);
		(void)close(fd);
	}
	cr_expect(strcmp(entry_tag(&owner, "0123456789", buf, sizeof(buf)), "01234567 0:0 cni-5") ==
	                  0,
	          "%s", buf);
}

Test(store, names)
{
	static const char *const bad[] = { "",        ".",  "..",  "../x", "a/b",
		                           ".hidden", "-x", "a b", "a\nb", "ä" };
	char longest[300];
	struct store s;
	struct err e;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int r = store_open(util_data, bad[i], &s, &e);

		cr_expect(r < 0 && e.code == CNI_E_CONFIG, "\"%s\" was accepted: %d", bad[i], r);
		store_close(&s);
	}
	memset(longest, 'a', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	cr_expect(store_open(util_data, longest, &s, &e) < 0);
	cr_expect(store_open_existing(util_data, "net", &s, &e) == -ENOENT, "no folder");
	cr_expect(access(util_data, F_OK) != 0, "nothing was created");
}

Test(store, owners)
{
	struct store_owner eth1 = { "c1", "eth1", "" }, nobody = { "", "", "" };
	struct ip_addr a = util_ip("10.0.0.2"), b = util_ip("10.0.0.3"), c = util_ip("10.0.0.4");
	struct store s;
	struct err e;

	cr_expect(util_reserve("net", "c1", "10.0.0.2") == 0);
	cr_expect(util_reserve("net", "c1", "10.0.0.2") == -EEXIST,
	          "not twice, not for the owner either");
	cr_expect(util_reserve("net", "c2", "10.0.0.2") == -EEXIST);
	cr_expect(util_reserve("net", "c1", "fd00::2") == 0);
	cr_expect(util_reserve("other", "c1", "10.0.0.2") == 0, "networks are apart");
	util_open(&s, "net");
	cr_expect(store_reserve(&s, &b, &eth1, &e) == 0, "another interface of the container");
	cr_expect(store_release_addr(&s, &a, &eth1, &e) == 0, "not its address");
	cr_expect(store_release_addr(&s, &c, &eth1, &e) == 0, "nobody's address");
	cr_expect(store_count(&s) == 3, "count: %ld", store_count(&s));
	store_close(&s);
	cr_expect(strcmp(util_owned("net", "c1"), "10.0.0.2 fd00::2") == 0, "%s",
	          util_owned("net", "c1"));
	cr_expect(util_release("net", "c1") == 2);
	cr_expect(util_release("net", "c1") == 0, "again");
	cr_expect(util_release("net", "") == 0, "no ID is no owner");
	cr_expect(strcmp(util_read(util_path("net", "10.0.0.3")), "c1\r\neth1") == 0,
	          "the other interface stays");
	/* The format before ifnames: released by any interface, but only if the owner has
	 * nothing newer. */
	util_write(util_path("net", "10.0.0.9"), "c1\n", 3);
	util_write(util_path("net", "10.0.0.8"), "c1\r\neth0", 8);
	cr_expect(strcmp(util_owned("net", "c1"), "10.0.0.8 10.0.0.9") == 0, "%s",
	          util_owned("net", "c1"));
	cr_expect(util_release("net", "c1") == 1 && util_release("net", "c1") == 1 &&
	          util_release("net", "c1") == 0);
	/* Edited in place, which no mtime of the folder tells: the old owner is not served, the
	 * new one's file stays. */
	cr_expect(util_reserve("net", "c1", "10.0.0.7") == 0);
	util_write(util_path("net", "10.0.0.7"), "c7\r\neth0", 8);
	cr_expect(util_release("net", "c1") == 0 &&
	          access(util_path("net", "10.0.0.7"), F_OK) == 0);
	cr_expect(util_release("net", "c7") == 1, "the correction is in the index");
	/* Nobody's file can be given back by naming nobody. */
	util_write(util_path("net", "10.0.0.4"), "", 0);
	util_open(&s, "net");
	cr_expect(store_release_addr(&s, &b, &nobody, &e) == 0, "somebody's");
	cr_expect(store_release_addr(&s, &c, &nobody, &e) == 1, "nobody's");
	store_close(&s);
}

Test(store, nobodys_files)
{
	static const struct {
		const char *name, *text;
		size_t len;
		bool taken;
	} cases[] = {
		{ "empty", "", 0, false },
		{ "zeros of a power cut", "\0\0\0\0\0\0\0\0", 8, false },
		{ "zeros behind the ID", "c1\0\0\0\0\0\0", 8, false },
		{ "white space", " \r\n\t", 4, false },
		{ "a lone ifname, which reads as an ID", "\r\neth0", 6, true },
		{ "garbage", "\xff\xfe{\"a\":1}", 9, false },
		{ "words", "some words", 10, false },
		{ "ID and ifname", "c1\r\neth0", 8, true },
		{ "ID alone", "c1", 2, true },
		{ "white space around", "  c1\r\neth0\n", 11, true },
		{ "ID and an empty line", "c1\r\n", 4, true },
		{ "torn in the ifname", "c1\r\net", 6, true },
	};

	(void)util_reserve("net", "warm", "10.0.0.1");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (int warm = 0; warm < 2; warm++) {
			const char *path = util_path("net", "10.0.0.77");
			int r;

			if (!warm)
				(void)nftw(util_index, util_remove, 16, FTW_DEPTH | FTW_PHYS);
			util_write(path, cases[i].text, cases[i].len);
			r = util_reserve("net", "new", "10.0.0.77");
			cr_expect(r == (cases[i].taken ? -EEXIST : 0), "%s: got %d", cases[i].name,
			          r);
			cr_expect(util_release("net", "new") == !cases[i].taken, "%s: release",
			          cases[i].name);
			(void)unlink(path);
		}
	}
	/* What cannot be read is somebody's. */
	cr_assert(mkdir(util_path("net", "10.0.0.78"), 0700) == 0);
	cr_expect(util_reserve("net", "new", "10.0.0.78") == -EEXIST);
}

/* The hard case for the mtime: others change the folder right after us, within the same tick of
 * the clock. */
Test(store, others_in_the_same_tick)
{
	struct store_owner ours = util_owner("ours"), theirs = util_owner("theirs");
	struct ip_addr a = util_ip("10.0.0.2"), found;
	struct store s;
	struct err e;

	for (int i = 0; i < 300; i++) {
		util_open(&s, "net");
		cr_assert(store_reserve(&s, &a, &ours, &e) == 0, "round %d: %s", i, e.msg);
		store_close(&s);
		util_write(util_path("net", "10.0.0.3"), "theirs\r\neth0", 12);
		cr_assert(util_release("net", "theirs") == 1, "round %d: their ADD was not seen",
		          i);

		util_open(&s, "net");
		found = util_ip("10.0.0.4");
		cr_assert(store_reserve(&s, &found, &theirs, &e) == 0);
		store_close(&s);
		cr_assert(unlink(util_path("net", "10.0.0.4")) == 0);
		util_open(&s, "net");
		cr_assert(store_next_free(&s, &found, &found, &found),
		          "round %d: their DEL was not seen", i);
		store_close(&s);
		cr_assert(util_release("net", "ours") == 1, "round %d", i);
	}
}

/* Our own changes leave an index that the next call believes: it must not read the folder. */
Test(store, steady_state)
{
	static const char *const after[] = { "reserve", "failed reserve", "release",
		                             "release of nothing", "last" };
	struct ip_addr a = util_ip("10.0.0.2");
	struct store s;

	for (int i = 0; i < 6; i++) {
		if (i == 5) {
			util_open(&s, "net");
			store_last_set(&s, 0, &a);
			store_close(&s);
		} else {
			(void)(i == 2 || i == 3 ? util_release("net", "c1")
			                        : util_reserve("net", "c1", "10.0.0.2"));
		}
		util_open(&s, "net");
		cr_expect(store_count(&s) == (i < 2 || i > 3), "after %s: %ld", after[i],
		          store_count(&s));
		store_close(&s);
	}
}

/* A file system that stores whole seconds: then last_reserved_ip is what tells. */
Test(store, others_with_the_same_mtime)
{
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, { 0 } };
	struct ip_addr a, free_addr;
	struct stat st;
	struct store s;
	struct err e;

	cr_assert(util_reserve("net", "ours", "10.0.0.2") == 0);
	util_open(&s, "net");
	a = util_ip("10.0.0.2");
	store_last_set(&s, 0, &a);
	store_close(&s);
	cr_assert(stat(util_path("net", "."), &st) == 0);
	util_write(util_path("net", "10.0.0.3"), "theirs\r\neth0", 12);
	util_write(util_path("net", "last_reserved_ip.0"), "10.0.0.3", 8);
	times[1] = st.st_mtim;
	cr_assert(utimensat(AT_FDCWD, util_path("net", "."), times, 0) == 0);

	util_open(&s, "net");
	cr_assert(store_last_get(&s, 0, &free_addr) &&
	          strcmp(util_text(&free_addr), "10.0.0.3") == 0);
	free_addr = util_ip("10.0.0.3");
	cr_expect(!store_next_free(&s, &free_addr, &free_addr, &free_addr),
	          "their address is taken");
	store_close(&s);

	/* The same, seen by a DEL; and a DEL of theirs, seen by a refresh. */
	cr_assert(stat(util_path("net", "."), &st) == 0);
	util_write(util_path("net", "10.0.0.4"), "more\r\neth0", 10);
	util_write(util_path("net", "last_reserved_ip.0"), "10.0.0.4", 8);
	times[1] = st.st_mtim;
	cr_assert(utimensat(AT_FDCWD, util_path("net", "."), times, 0) == 0);
	cr_expect(util_release("net", "more") == 1, "their ADD is found by a DEL");

	cr_assert(stat(util_path("net", "."), &st) == 0);
	cr_assert(unlink(util_path("net", "10.0.0.2")) == 0);
	times[1] = st.st_mtim;
	cr_assert(utimensat(AT_FDCWD, util_path("net", "."), times, 0) == 0);
	util_open(&s, "net");
	a = util_ip("10.0.0.2");
	cr_expect(store_refresh(&s, &e) == 0 && store_next_free(&s, &a, &a, &a),
	          "refresh finds what they gave back");
	store_close(&s);
	cr_expect(strcmp(util_owned("net", "ours"), "") == 0,
	          "a claim without its file is dropped");
}

static void index_path_of(char *path, size_t cap)
{
	DIR *d = opendir(util_index);
	struct dirent *ent;

	cr_assert(d, "no index folder");
	path[0] = '\0';
	while ((ent = readdir(d)))
		if (ent->d_name[0] != '.')
			(void)snprintf(path, cap, "%s/%.100s", util_index, ent->d_name);
	(void)closedir(d);
	cr_assert(path[0], "no index file");
}

/* The writer dies after it changed the files and before the index says so, in all the ways there
 * are. */
Test(store, dead_writers)
{
	static const char *const ways[] = { "dirty mark",
		                            "truncated",
		                            "empty",
		                            "garbage",
		                            "garbage behind the header",
		                            "removed",
		                            "an older copy",
		                            "leftover .new" };
	char path[256], *copy;
	struct stat st;
	FILE *f;

	for (unsigned int i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		struct index *x;
		struct stat folder;
		struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, { 0 } };

		cr_assert(util_reserve("net", "alive", "10.0.0.2") == 0 &&
		          util_reserve("net", "dead", "10.0.0.3") == 0);
		index_path_of(path, sizeof(path));
		cr_assert(stat(path, &st) == 0 && stat(util_path("net", "."), &folder) == 0);
		f = fopen(path, "r+");
		copy = malloc((size_t)st.st_size);
		cr_assert(f && copy && fread(copy, 1, (size_t)st.st_size, f) == (size_t)st.st_size);
		if (i == 0) {
			x = index_open(strrchr(path, '/') + 1);
			cr_assert(x);
			index_begin(x);
			index_close(x);
		} else if (i == 1) {
			cr_assert(truncate(path, st.st_size / 2) == 0);
		} else if (i == 2) {
			cr_assert(truncate(path, 0) == 0);
		} else if (i == 3 || i == 4) {
			(void)fseek(f, i == 3 ? 0 : 1024, SEEK_SET);
			for (off_t k = i == 3 ? 0 : 1024; k < st.st_size; k++)
				(void)fputc(rand(), f);
		} else if (i == 5) {
			cr_assert(unlink(path) == 0);
		} else if (i == 7) {
			(void)strcat(path, ".new");
			util_write(path, "x", 1);
		}
		(void)fclose(f);
		/* What the dead one did; the mtime is put back where the index must tell. */
		cr_assert(unlink(util_path("net", "10.0.0.3")) == 0);
		util_write(util_path("net", "10.0.0.4"), "late\r\neth0", 10);
		if (i < 4) {
			times[1] = folder.st_mtim;
			cr_assert(utimensat(AT_FDCWD, util_path("net", "."), times, 0) == 0);
		}
		if (i == 6)
			util_write(path, copy, (size_t)st.st_size);
		free(copy);
		cr_expect(strcmp(util_owned("net", "dead"), "") == 0, "%s: dead", ways[i]);
		cr_expect(util_reserve("net", "x", "10.0.0.4") == -EEXIST, "%s: late", ways[i]);
		cr_expect(util_release("net", "late") == 1, "%s: late", ways[i]);
		cr_expect(util_reserve("net", "x", "10.0.0.3") == 0, "%s: free", ways[i]);
		cr_expect(util_release("net", "alive") == 1 && util_release("net", "x") == 1,
		          "%s: alive", ways[i]);
	}
}

Test(store, no_index_folder)
{
	struct ip_addr a = util_ip("10.0.0.1"), last = util_ip("10.0.0.254"), got;
	struct store s;

	index_dir = "/proc/nonexistent/index";
	for (int i = 0; i < 3; i++)
		cr_expect(util_reserve("net", "c1",
		                       (const char *[]) { "10.0.0.1", "10.0.0.2",
		                                          "10.0.0.3" }[i]) == 0);
	util_open(&s, "net");
	cr_expect(store_next_free(&s, &a, &last, &got) && strcmp(util_text(&got), "10.0.0.4") == 0);
	store_close(&s);
	cr_expect(util_reserve("net", "c2", "10.0.0.2") == -EEXIST);
	cr_expect(util_release("net", "c1") == 3 && util_release("net", "c1") == 0);
}
