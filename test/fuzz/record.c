/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * record.c - fuzz: what lies in the files of /run/cnida, and in tuning's backup
 *
 * Input: a byte for the kind of file, then its content. What can be read is written and read again: the same bytes.
 */
#include "endpoint/record.h"
#include "base/fs.h"
#include "endpoint/extra_record.h"
#include "endpoint/portmap_record.h"
#include "endpoint/tuning_backup.h"
#include "test/fuzz/fuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#define NAME "cni0123456789a"

static void put(const char *dir, const char *name, const struct fuzz_in *in)
{
	char path[256];
	struct err e;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (fs_mkdirs(dir, 0700, &e) < 0 ||
	    fs_write(AT_FDCWD, path, 0600, in->at, in->left, &e) < 0) {
		fprintf(stderr, "%s\n", e.msg);
		exit(2);
	}
}

static char *get(const char *dir, const char *name)
{
	char path[256], *ret = NULL;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return fs_read_all(AT_FDCWD, path, 1U << 20, &ret, NULL) < 0 ? NULL : ret;
}

/* One kind of file: read it and write what was read, and free that. */
struct kind {
	const char *dir, *name;
	int (*copy)(struct err *e);
};

static int copy_endpoint(struct err *e)
{
	static struct record r;
	int x = record_read(NAME, &r, e);

	fuzz_judge(x == -ENOENT ? 0 : x, e, "record_read");
	return x < 0 ? x : record_write(&r, e);
}

static int copy_extra(enum extra_kind kind, struct err *e)
{
	static struct extra_record r;
	char owner[EXTRA_OWNER_MAX];
	int x = extra_record_read(kind, NAME, &r, e);

	fuzz_judge(x == -ENOENT ? 0 : x, e, "extra_record_read");
	if (x < 0)
		return x;
	(void)extra_record_owner(&r, owner);
	return extra_record_write(kind, &r, e);
}

static int copy_bandwidth(struct err *e)
{
	return copy_extra(EXTRA_BANDWIDTH, e);
}

static int copy_firewall(struct err *e)
{
	return copy_extra(EXTRA_FIREWALL, e);
}

static int copy_hostports(struct err *e)
{
	struct portmap_record r;
	char owner[PORTMAP_OWNER_MAX];
	int x = portmap_record_read(NAME, &r, e);

	fuzz_judge(x == -ENOENT ? 0 : x, e, "portmap_record_read");
	if (x < 0)
		return x;
	(void)portmap_record_owner(&r, owner);
	x = portmap_record_write(&r, e);
	portmap_record_free(&r);
	return x;
}

#define BACKUP_DIR "/run/cni/tuning"

static int copy_backup(struct err *e)
{
	static const struct request req = { .container_id = "c", .ifname = "eth0" };
	struct tuning_backup b;
	int x = tuning_backup_read(BACKUP_DIR, &req, &b, e);

	fuzz_judge(x, e, "tuning_backup_read");
	if (x > 0)
		x = tuning_backup_write(BACKUP_DIR, &req, &b, e);
	tuning_backup_free(&b);
	return x;
}

static const struct kind kinds[] = {
	{ RECORD_DIR, NAME, copy_endpoint },
	{ RUN_DIR "/bandwidth", NAME, copy_bandwidth },
	{ RUN_DIR "/firewall", NAME, copy_firewall },
	{ PORTMAP_DIR, NAME, copy_hostports },
	{ BACKUP_DIR, "c_eth0.json", copy_backup },
};

FUZZ(record)
{
	struct fuzz_in in = { data, len };
	const struct kind *k = &kinds[fuzz_byte(&in) % (sizeof(kinds) / sizeof(kinds[0]))];
	struct err e = fuzz_err();
	char *first, *second;

	fuzz_own_run();
	put(k->dir, k->name, &in);
	if (k->copy(&e) < 0)
		return 0;
	first = get(k->dir, k->name);
	fuzz_check(k->copy(&e) == 0, "what was written is not read: %s: %s", e.msg, first);
	second = get(k->dir, k->name);
	fuzz_check(first && second && strcmp(first, second) == 0, "%s became %s", first, second);
	free(first);
	free(second);
	return 0;
}
