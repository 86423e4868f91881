/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * record_folder.c - a folder below /run/cnida with one small JSON file per attachment
 */
#include "endpoint/record_folder.h"

#include "base/cleanup.h"
#include "base/fs.h"
#include "base/json.h"
#include "endpoint/owner.h"
#include "endpoint/record.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define RECORDS_MAX 100000 /* of one walk: a bound, not a limit that a node reaches */

int record_folder_write(const struct record_folder *f, const char *name, const json_t *doc,
                        struct err *e)
{
	_cleanup_close_ int dir = fs_opendir(f->path, 0700, e);
	_cleanup_jfree_ char *text = NULL;

	if (dir < 0)
		return dir;
	if (!doc || jdump(doc, false, &text) < 0)
		return err_set(e, CNI_E_TRY_AGAIN, ENOMEM,
		               "record %s/%s: out of memory, or a name that is not UTF-8", f->path,
		               name);
	return fs_replace(dir, name, 0600, text, strlen(text), false, e);
}

static void make_empty(const struct record_folder *f, const char *name, void *record)
{
	struct owner *o = record;

	memset(record, 0, f->record_size);
	(void)snprintf(o->name, sizeof(o->name), "%s", name);
}

static void release(const struct record_folder *f, void *record)
{
	if (f->free)
		f->free(record);
}

int record_folder_parse(const struct record_folder *f, const char *name, const char *text,
                        size_t len, void *record, struct err *e)
{
	json_auto_t *doc = NULL;

	make_empty(f, name, record);
	if (jparse(text, len, &doc, e) == 0 && f->from_json(doc, record, e) == 0)
		return 0;
	release(f, record);
	make_empty(f, name, record);
	/* Damaged is one thing, no memory to read it another: DEL gives up the first. */
	e->no = e->no == ENOMEM ? ENOMEM : EBADMSG;
	return err_wrap(e, "record %s/%s", f->path, name);
}

static int read_at(const struct record_folder *f, int dir, const char *name, void *record,
                   struct err *e)
{
	_cleanup_free_ char *text = NULL;
	ssize_t len = fs_read_all(dir, name, f->file_max, &text, NULL);

	if (len >= 0)
		return record_folder_parse(f, name, text, (size_t)len, record, e);
	make_empty(f, name, record);
	return len == -ENOENT ? -ENOENT : err_sys(e, (int)-len, "read %s/%s", f->path, name);
}

int record_folder_read(const struct record_folder *f, const char *name, void *record, struct err *e)
{
	_cleanup_close_ int dir = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const int no = errno;

	if (dir >= 0)
		return read_at(f, dir, name, record, e);
	make_empty(f, name, record);
	return no == ENOENT ? -ENOENT : err_sys(e, no, "open %s", f->path);
}

static const char *path_of(const struct record_folder *f, const char *name,
                           char buf[static PATH_MAX])
{
	(void)snprintf(buf, PATH_MAX, "%s/%s", f->path, name);
	return buf;
}

bool record_folder_exists(const struct record_folder *f, const char *name)
{
	char path[PATH_MAX];

	return access(path_of(f, name, path), F_OK) == 0 || errno != ENOENT;
}

int record_folder_delete(const struct record_folder *f, const char *name, struct err *e)
{
	char path[PATH_MAX];

	return fs_remove(AT_FDCWD, path_of(f, name, path), e);
}

static bool is_record_name(const char *name)
{
	return strlen(name) == 3 + RECORD_NAME_DIGITS && strncmp(name, "cni", 3) == 0 &&
	       strspn(name + 3, "0123456789abcdef") == RECORD_NAME_DIGITS;
}

/* Of the next file: 1, 0 at the end of the folder, or -errno. */
static int next_name(const struct record_folder *f, DIR *dir, const char **ret, struct err *e)
{
	const struct dirent *entry;

	do {
		errno = 0;
		entry = readdir(dir);
		if (!entry)
			return errno ? err_sys(e, errno, "read %s", f->path) : 0;
	} while (!is_record_name(entry->d_name));
	*ret = entry->d_name;
	return 1;
}

/* Did reading fail with something that the next try will not mend? */
static bool is_damaged(int r)
{
	return r == -EBADMSG || r == -EISDIR || r == -EFBIG || r == -ELOOP;
}

int record_folder_each(const struct record_folder *f, void *record,
                       int (*fn)(void *arg, struct err *e), void *arg, struct err *e)
{
	_cleanup_closedir_ DIR *dir = opendir(f->path);
	const char *name = "";
	int r = 0;

	if (!dir)
		return errno == ENOENT ? 0 : err_sys(e, errno, "open %s", f->path);
	for (unsigned int n = 0; r == 0 && n < RECORDS_MAX; n++) {
		int x = next_name(f, dir, &name, e);

		if (x <= 0)
			return x;
		x = read_at(f, dirfd(dir), name, record, e);
		if (x == 0 || is_damaged(x))
			r = fn(arg, e);
		else if (x != -ENOENT)
			r = x;
		release(f, record);
	}
	return r;
}

int record_texts_put(json_t *doc, const void *record, const struct record_text *texts, size_t n)
{
	int bad = 0;

	for (size_t i = 0; i < n; i++) {
		const char *value = (const char *)record + texts[i].offset;

		if (*value)
			bad |= jset(doc, texts[i].key, json_string(value));
	}
	return bad;
}

int record_texts_get(const json_t *doc, void *record, const struct record_text *texts, size_t n,
                     struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		const char *value = "";
		int x = jget_str(doc, "", texts[i].key, &value, e);

		if (x < 0)
			return x;
		if (strlen(value) >= texts[i].size)
			return err_set(e, CNI_E_INTERNAL, EBADMSG, "%s is too long", texts[i].key);
		memcpy((char *)record + texts[i].offset, value, strlen(value) + 1);
	}
	return 0;
}
