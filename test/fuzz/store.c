/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * store.c - fuzz: host-local's folder as anybody may have left it, then a few operations
 *
 * Input: lines "NAME" of files, each followed by a line of content (\r\n is written "|") and one of its tag, up to an empty
 * name; then bytes that choose operations. Whatever lies there, what is reserved is found, nobody else gets it, and it is given back.
 */
#include "ipam/store.h"
#include "base/log.h"
#include "ipam/entry.h"
#include "ipam/index.h"
#include "test/fuzz/fuzz.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define DATA_DIR "/run/fuzz"
#define FOLDER   DATA_DIR "/net"

static void empty_folder(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *d;

	if (!dir)
		return;
	while ((d = readdir(dir)))
		(void)unlinkat(dirfd(dir), d->d_name, 0);
	closedir(dir);
}

/* One file; false when there are no more. */
static bool put_file(int dir, struct fuzz_in *in)
{
	char name[128], content[600], tag[200];
	size_t n;
	int fd;

	if (!*fuzz_line(in, name, sizeof(name)))
		return false;
	fuzz_line(in, content, sizeof(content));
	fuzz_line(in, tag, sizeof(tag));
	n = strlen(content);
	for (char *bar = content; (bar = strchr(bar, '|')) && n + 1 < sizeof(content); n++) {
		memmove(bar + 2, bar + 1, n - (size_t)(bar - content));
		memcpy(bar, "\r\n", 2);
	}
	if (strchr(name, '/'))
		return true;
	fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		return true;
	if (write(fd, content, n) < 0)
		abort();
	if (*tag)
		(void)fsetxattr(fd, STORE_XATTR, tag, strlen(tag), 0);
	close(fd);
	return true;
}

static void put_files(struct fuzz_in *in)
{
	int dir;

	(void)mkdir(DATA_DIR, 0755);
	(void)mkdir(FOLDER, 0755);
	empty_folder(FOLDER);
	empty_folder(DATA_DIR "/index");
	index_dir = DATA_DIR "/index";
	dir = open(FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		abort();
	for (int i = 0; i < 16 && put_file(dir, in);)
		i++;
	close(dir);
}

static struct ip_addr addr_of(uint8_t b)
{
	struct ip_addr a = { .family = b & 0x80 ? AF_INET6 : AF_INET };

	if (b & 0x80)
		a.bytes[0] = 0xfd;
	else
		a.bytes[0] = 10;
	a.bytes[b & 0x80 ? 15 : 3] = b & 0x7f;
	return a;
}

static struct store_owner owner_of(uint8_t b)
{
	static const char *const ids[] = { "a", "b", "0123456789abcdef", "a.b-c_d" };

	return (struct store_owner) { .container_id = ids[b & 3],
		                      .ifname = b & 4 ? "eth1" : "eth0",
		                      .netns = b & 8 ? "/run/netns/x" : "" };
}

static bool has(struct store *s, const struct store_owner *o, const struct ip_addr *a)
{
	struct ip_addr list[64];
	struct err e = fuzz_err();
	int n = store_owned(s, o, list, 64, &e);

	fuzz_judge(n, &e, "store_owned");
	for (int i = 0; i < n && i < 64; i++)
		if (ip_cmp(&list[i], a) == 0)
			return true;
	return false;
}

static void reserve(struct store *s, uint8_t who, const struct ip_addr *a)
{
	const struct store_owner me = owner_of(who),
				 other = { .container_id = "other", .ifname = "eth0", .netns = "" };
	struct err e = fuzz_err();
	struct store_entry entry;
	int r = store_reserve(s, a, &me, &e);

	if (r != -EEXIST)
		fuzz_judge(r, &e, "store_reserve");
	if (r < 0)
		return;
	fuzz_check(has(s, &me, a), "%s has not what it reserved", me.container_id);
	fuzz_check(store_read(s, a, &entry) == 0 &&
	                   strcmp(entry.container_id, me.container_id) == 0 &&
	                   strcmp(entry.ifname, me.ifname) == 0,
	           "the file says \"%s\" \"%s\"", entry.container_id, entry.ifname);
	fuzz_check(store_reserve(s, a, &other, &e) == -EEXIST, "two owners");
	fuzz_check(store_release_addr(s, a, &other, &e) == 0, "given back by another");
}

static void release(struct store *s, uint8_t who)
{
	const struct store_owner me = owner_of(who);
	struct ip_addr left[1];
	struct err e = fuzz_err();
	int r;

	/* As upstream: what has no interface is given back only if there is nothing with it. */
	for (int i = 0; i < 2; i++) {
		r = store_release(s, &me, &e);
		fuzz_judge(r, &e, "store_release");
		if (r < 0)
			return;
	}
	fuzz_check(store_owned(s, &me, left, 1, &e) == 0, "%s still has some", me.container_id);
}

static int count_entry(const struct store_entry *entry, void *arg, struct err *e)
{
	(void)e;
	fuzz_check(memchr(entry->netns, '\0', sizeof(entry->netns)) != NULL, "netns without end");
	++*(unsigned int *)arg;
	return 0;
}

static void operate(struct store *s, uint8_t what, uint8_t who, uint8_t which)
{
	struct ip_addr a = addr_of(which), from = addr_of(which & 0x80),
		       last = addr_of(which | 0x7f), found;
	struct err e = fuzz_err();
	unsigned int n = 0;

	switch (what % 6) {
	case 0:
	case 1:
		reserve(s, who, &a);
		break;
	case 2:
		release(s, who);
		break;
	case 3:
		if (store_next_free(s, &from, &last, &found))
			fuzz_check(ip_cmp(&found, &from) >= 0 && ip_cmp(&found, &last) <= 0,
			           "outside");
		break;
	case 4:
		fuzz_judge(store_each(s, count_entry, &n, &e), &e, "store_each");
		(void)store_count(s);
		break;
	default:
		if (store_last_get(s, who & 3, &found))
			fuzz_check(found.family == AF_INET || found.family == AF_INET6,
			           "no family");
		store_last_set(s, who & 3, &a);
		fuzz_check(store_last_get(s, who & 3, &found) && ip_cmp(&found, &a) == 0,
		           "the last one");
	}
}

FUZZ(store)
{
	struct fuzz_in in = { data, len };

	fuzz_own_run();
	log_open(NULL, LOG_LEVEL_ERROR);
	put_files(&in);
	for (int round = 0; round < 2 && in.left; round++) {
		struct err e = fuzz_err();
		struct store s;
		int r = store_open(DATA_DIR, "net", &s, &e);

		fuzz_judge(r, &e, "store_open");
		if (r < 0)
			return 0;
		for (int i = 0; i < 8 && in.left; i++) {
			uint8_t what = fuzz_byte(&in), who = fuzz_byte(&in);

			operate(&s, what, who, fuzz_byte(&in));
		}
		store_close(&s);
	}
	return 0;
}
