/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * node_files.c - what install, uninstall and doctor know of a node's CNI folders
 */
#include "cli/node_files.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum node_file node_file_kind(int dir, const char *name)
{
	char target[16] = "";
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return NODE_FILE_NONE;
	if (S_ISLNK(st.st_mode) && readlinkat(dir, name, target, sizeof(target) - 1) > 0 &&
	    strcmp(target, "cnida") == 0)
		return NODE_FILE_OURS;
	return NODE_FILE_OTHER;
}
