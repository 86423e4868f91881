/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * record_folder.h - a folder below /run/cnida with one small JSON file per attachment
 *
 * Files are named by record_name(), written atomically, and read by keys; whatever else lies there is not ours.
 */
#ifndef CNIDA_ENDPOINT_RECORD_FOLDER_H
#define CNIDA_ENDPOINT_RECORD_FOLDER_H

#include "base/err.h"
#include "base/json.h"

#include <stdbool.h>
#include <stddef.h>

/* A kind of record: a struct that begins with an OWNER and is empty when all its bytes are 0. */
struct record_folder {
	const char *path;
	size_t file_max;    /* bytes of a file */
	size_t record_size; /* of the struct */
	/* What a file says, into an empty record; 0 or -errno. */
	int (*from_json)(const json_t *doc, void *record, struct err *e);
	void (*free)(void *record); /* what it owns; NULL if that is nothing */
};

/* record_folder_write() - @doc becomes the file, in a folder of mode 0700. @doc NULL: it could not be built, which fails here. */
int record_folder_write(const struct record_folder *f, const char *name, const json_t *doc,
                        struct err *e);
/* record_folder_read() - -ENOENT WITHOUT filling @e if there is none; -EBADMSG if it cannot be understood; or another -errno. Then
 * the record has only its name. */
int record_folder_read(const struct record_folder *f, const char *name, void *record,
                       struct err *e);
/* record_folder_parse() - The same of a file's content. */
int record_folder_parse(const struct record_folder *f, const char *name, const char *text,
                        size_t len, void *record, struct err *e);
/* record_folder_exists() - Without reading it. True also when that cannot be told: whoever reads it can say why. */
bool record_folder_exists(const struct record_folder *f, const char *name);
/* record_folder_delete() - 0 also if there is none. */
int record_folder_delete(const struct record_folder *f, const char *name, struct err *e);
/**
 * record_folder_each() - Read all files, one after the other
 * @record:	where each is read into, and freed after @fn
 * @fn:		anything but 0 ends the walk and is returned
 *
 * A damaged one has only its name. One that cannot be read at this moment (no memory, no descriptors) ends the walk: -errno.
 */
int record_folder_each(const struct record_folder *f, void *record,
                       int (*fn)(void *arg, struct err *e), void *arg, struct err *e);

/* Texts of a record: one table for writing and reading. */
struct record_text {
	const char *key;
	size_t offset, size;
};
#define RECORD_TEXT(type, key, member)                                                 \
	{                                                                              \
		key, offsetof(struct type, member), sizeof(((struct type *)0)->member) \
	}
/* record_texts_put() - Those that are not empty. Not 0 if it did not work (see jset()). */
int record_texts_put(json_t *doc, const void *record, const struct record_text *texts, size_t n);
/* record_texts_get() - 0, or -EBADMSG for one that is too long. */
int record_texts_get(const json_t *doc, void *record, const struct record_text *texts, size_t n,
                     struct err *e);

#endif
