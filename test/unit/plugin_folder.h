/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plugin_folder.h - a temporary folder with plugins that are shell scripts
 */
#ifndef CNIDA_TEST_PLUGIN_FOLDER_H
#define CNIDA_TEST_PLUGIN_FOLDER_H

#include "spec/request.h"

#include <sys/types.h>

/* folder_make(), folder_remove() - .init and .fini of a Test. What a failing Test leaves is removed at the end. */
void folder_make(void);
void folder_remove(void);

/* folder_path() - The folder, or a name in it; valid until the next call but one. */
const char *folder_path(const char *name);

/* folder_file() - Write a file. folder_script() - Write the plugin "plugin", a script for /bin/sh. */
void folder_file(const char *name, const char *text, mode_t mode);
void folder_script(const char *body);

/* folder_request() - A request of version 1.0.0 with this configuration and the folder as CNI_PATH. Not
 * to be freed. */
struct request folder_request(const char *text, size_t len);

/* folder_no_child() - Fail if the Test has a child, dead or alive. @name: of the case */
void folder_no_child(const char *name);

#endif
