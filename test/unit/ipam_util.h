/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ipam_util.h - a folder of its own for each test of ipam/: stores below data_dir, indexes below
 * index_dir
 */
#ifndef CNIDA_TEST_IPAM_UTIL_H
#define CNIDA_TEST_IPAM_UTIL_H

#include "base/ip.h"
#include "ipam/index.h"
#include "ipam/store.h"
#include "spec/request.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char util_top[64], util_data[80], util_index[80];

static int util_remove(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

__attribute__((unused)) static void util_teardown(void)
{
	/* A folder that shrinks while it is read may hide entries of the first pass. */
	for (int i = 0; i < 5 && access(util_top, F_OK) == 0; i++)
		(void)nftw(util_top, util_remove, 16, FTW_DEPTH | FTW_PHYS);
}

__attribute__((unused)) static void util_setup(void)
{
	/* ext4 is slow at what these tests do all the time: reusing inodes that have just been
	 * freed. */
	(void)snprintf(util_top, sizeof(util_top), "%s/cnida-ipam-XXXXXX",
	               access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	cr_assert(mkdtemp(util_top), "no folder for the test");
	/* A failed assertion ends the test's process without .fini. */
	(void)atexit(util_teardown);
	(void)snprintf(util_data, sizeof(util_data), "%s/data", util_top);
	(void)snprintf(util_index, sizeof(util_index), "%s/index", util_top);
	index_dir = util_index;
}

__attribute__((unused)) static const char *util_path(const char *network, const char *name)
{
	static char path[4][256];
	static unsigned int turn;
	char *p = path[turn++ % 4];

	(void)snprintf(p, 256, "%s/%s/%s", util_data, network, name);
	return p;
}

__attribute__((unused)) static void util_write(const char *path, const void *data, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	cr_assert(fd >= 0 && write(fd, data, len) == (ssize_t)len, "cannot write %s", path);
	(void)close(fd);
}

/* Content of a file, "(none)" if there is none. */
__attribute__((unused)) static const char *util_read(const char *path)
{
	static char text[4][512];
	static unsigned int turn;
	char *t = text[turn++ % 4];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, t, 511);

	if (fd >= 0)
		(void)close(fd);
	if (n < 0)
		return "(none)";
	t[n] = '\0';
	return t;
}

__attribute__((unused)) static struct ip_addr util_ip(const char *text)
{
	struct ip_addr a;

	cr_assert(ip_parse(text, &a), "%s is no address", text);
	return a;
}

__attribute__((unused)) static const char *util_text(const struct ip_addr *a)
{
	static char text[4][IP_STR_MAX];
	static unsigned int turn;

	return ip_format(a, text[turn++ % 4]);
}

__attribute__((unused)) static struct store_owner util_owner(const char *id)
{
	return (struct store_owner) { .container_id = id, .ifname = "eth0", .netns = "" };
}

__attribute__((unused)) static void util_open(struct store *s, const char *network)
{
	struct err e;
	int r = store_open(util_data, network, s, &e);

	cr_assert(r == 0, "store_open: %d %s", r, e.msg);
}

/* One operation with the store opened and closed around it, as a plugin does. */
__attribute__((unused)) static int util_reserve(const char *network, const char *id, const char *ip)
{
	struct store s _cleanup_store_ = { .dirfd = -1, .lockfd = -1 };
	struct store_owner owner = util_owner(id);
	struct ip_addr addr = util_ip(ip);
	struct err e;

	util_open(&s, network);
	return store_reserve(&s, &addr, &owner, &e);
}

__attribute__((unused)) static int util_release(const char *network, const char *id)
{
	struct store s _cleanup_store_ = { .dirfd = -1, .lockfd = -1 };
	struct store_owner owner = util_owner(id);
	struct err e;

	util_open(&s, network);
	return store_release(&s, &owner, &e);
}

/* "a b c": the owner's addresses in order */
__attribute__((unused)) static const char *util_owned(const char *network, const char *id)
{
	static char text[2048];
	struct store s _cleanup_store_ = { .dirfd = -1, .lockfd = -1 };
	struct store_owner owner = util_owner(id);
	struct ip_addr found[40];
	struct err e;
	int n;

	util_open(&s, network);
	n = store_owned(&s, &owner, found, 40, &e);
	cr_assert(n >= 0, "store_owned: %s", e.msg);
	qsort(found, (size_t)n, sizeof(found[0]), (int (*)(const void *, const void *))ip_cmp);
	text[0] = '\0';
	for (int i = 0; i < n; i++)
		(void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s",
		               i ? " " : "", util_text(&found[i]));
	return text;
}

/* A request as the protocol layer would hand it over; @config must name network and version. */
__attribute__((unused)) static struct request util_request(enum cni_verb verb, const char *id,
                                                           const char *args, const char *config)
{
	json_error_t je;
	struct request r = { .verb = verb,
		             .container_id = id,
		             .netns = "",
		             .ifname = "eth0",
		             .args = args,
		             .path = "" };
	const char *version;

	r.config = json_loads(config, 0, &je);
	cr_assert(r.config, "bad JSON in the test: %s in %s", je.text, config);
	version = json_string_value(json_object_get(r.config, "cniVersion"));
	r.version = (enum cni_version)cni_version_parse(version ? version : "");
	r.network = json_string_value(json_object_get(r.config, "name"));
	r.prev_result = json_object_get(r.config, "prevResult");
	r.valid_attachments = json_object_get(r.config, "cni.dev/valid-attachments");
	return r;
}

#endif
