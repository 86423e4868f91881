/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * snapshot.c - the policy objects as they were applied: the node's memory over reboots
 */
#include "policy/snapshot.h"

#include "base/cleanup.h"
#include "base/fs.h"
#include "base/hash.h"
#include "policy/object.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "cnida-policy 2 <16 hex> <length> <time>", always of one length: nothing in it is searched for. */
#define HEAD      "cnida-policy 2 "
#define HEAD_LINE (sizeof(HEAD) - 1 + 16 + 1 + 10 + 1 + 20 + 1)

static const char advice[] = "put the objects in force again with: cnida policy apply "
			     "(or have none: cnida policy clear)";

void snapshot_free(struct snapshot *s)
{
	free(s->file);
	*s = (struct snapshot) { 0 };
}

int snapshot_exists(struct err *e)
{
	if (access(SNAPSHOT_PATH, F_OK) == 0)
		return 1;
	return errno == ENOENT || errno == ENOTDIR ? 0
	                                           : err_sys(e, errno, "look for " SNAPSHOT_PATH);
}

uint64_t snapshot_sum(const char *text, size_t len)
{
	return siphash(0, 0, text, len);
}

/* With a terminator. */
static void head_line(uint64_t sum, uint32_t len, int64_t applied, char ret[static HEAD_LINE + 1])
{
	(void)snprintf(ret, HEAD_LINE + 1, HEAD "%016" PRIx64 " %010" PRIu32 " %020" PRId64 "\n",
	               sum, len, applied);
}

int snapshot_format(const char *text, size_t len, int64_t applied, uint64_t sum, char **ret,
                    size_t *ret_size, struct err *e)
{
	char *file = malloc(HEAD_LINE + len + 1);

	if (!file)
		return err_sys(e, ENOMEM, "write " SNAPSHOT_PATH);
	if (len > OBJECTS_BYTES_MAX) {
		free(file);
		return err_set(e, CNI_E_CONFIG, E2BIG,
		               "the policy objects are %zu MiB, at most %u are kept", len >> 20,
		               OBJECTS_BYTES_MAX >> 20);
	}
	head_line(sum, (uint32_t)len, applied, file);
	memcpy(file + HEAD_LINE, text, len);
	file[HEAD_LINE + len] = 0;
	*ret = file;
	*ret_size = HEAD_LINE + len;
	return 0;
}

static int damaged(struct err *e, const char *what)
{
	return err_set(e, CNI_E_TRY_AGAIN, EBADMSG, "policy snapshot " SNAPSHOT_PATH " %s: %s",
	               what, advice);
}

int snapshot_parse(char *file, size_t size, struct snapshot *ret, struct err *e)
{
	struct snapshot s = { .file = file };
	char line[HEAD_LINE + 1];

	if (size >= sizeof(HEAD) - 1 && strncmp(file, "cnida-policy ", 13) == 0 &&
	    strncmp(file, HEAD, sizeof(HEAD) - 1) != 0)
		return damaged(e, "is of another version of cnida");
	if (size < HEAD_LINE)
		return damaged(e, "is damaged: it was cut off");
	s.applied = strtoll(file + HEAD_LINE - 1 - 20, NULL, 10);
	s.text = file + HEAD_LINE;
	s.len = size - HEAD_LINE;
	s.sum = snapshot_sum(s.text, s.len);
	/* What the line must be, to the byte. */
	head_line(s.sum, (uint32_t)s.len, s.applied, line);
	if (memcmp(file, line, HEAD_LINE) != 0)
		return damaged(e, "is damaged: its checksum does not hold");
	*ret = s;
	return 0;
}

int snapshot_read(struct snapshot *ret, struct err *e)
{
	_cleanup_free_ char *file = NULL;
	ssize_t size =
		fs_read_all(AT_FDCWD, SNAPSHOT_PATH, OBJECTS_BYTES_MAX + HEAD_LINE, &file, NULL);
	int r;

	if (size == -ENOENT || size == -ENOTDIR)
		return -ENOENT;
	if (size < 0)
		return err_sys(e, (int)-size, "read policy snapshot " SNAPSHOT_PATH);
	r = snapshot_parse(file, (size_t)size, ret, e);
	if (r == 0)
		(void)take_ptr(file);
	return r;
}

static int replace(const char *file, size_t size, struct err *e)
{
	_cleanup_close_ int dir = fs_opendir(SNAPSHOT_DIR, 0700, e);

	return dir < 0 ? dir : fs_replace(dir, SNAPSHOT_NAME, 0600, file, size, true, e);
}

int snapshot_write(const char *text, size_t len, int64_t applied, uint64_t sum, struct err *e)
{
	_cleanup_free_ char *file = NULL;
	size_t size;
	int r = snapshot_format(text, len, applied, sum, &file, &size, e);

	return r < 0 ? r : replace(file, size, e);
}

char *snapshot_keep(size_t *ret_size)
{
	char *file = NULL;
	ssize_t size =
		fs_read_all(AT_FDCWD, SNAPSHOT_PATH, OBJECTS_BYTES_MAX + HEAD_LINE, &file, NULL);

	*ret_size = size < 0 ? 0 : (size_t)size;
	return size < 0 ? NULL : file;
}

int snapshot_put_back(const char *file, size_t size, struct err *e)
{
	return file ? replace(file, size, e) : snapshot_remove(e);
}

int snapshot_remove(struct err *e)
{
	if (unlink(SNAPSHOT_PATH) < 0 && errno != ENOENT && errno != ENOTDIR)
		return err_sys(e, errno, "remove " SNAPSHOT_PATH);
	return 0;
}
