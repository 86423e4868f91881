/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plugin_folder.c - a temporary folder with plugins that are shell scripts
 *
 * Criterion runs no .fini after a failed assertion, so the folders carry the number of the process that
 * runs all Tests, which removes what is left when the last one has ended.
 */
#include "plugin_folder.h"

#include "base/cleanup.h"

#include <criterion/criterion.h>
#include <criterion/hooks.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[PATH_MAX / 2];

/* "DIR/cnida-plugins-RUNNER-" */
static void common_part(char *ret, size_t cap, pid_t runner)
{
	const char *tmp = getenv("TMPDIR");

	(void)snprintf(ret, cap, "%s/cnida-plugins-%d-", tmp ? tmp : "/tmp", (int)runner);
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *at)
{
	(void)st;
	(void)flag;
	(void)at;
	(void)remove(path);
	return 0;
}

static void remove_tree(const char *path)
{
	(void)nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

ReportHook(POST_ALL)(struct criterion_global_stats *stats)
{
	char pattern[PATH_MAX];
	glob_t found;

	(void)stats;
	common_part(pattern, sizeof(pattern) - 1, getpid());
	strcat(pattern, "*");
	if (glob(pattern, GLOB_NOSORT, NULL, &found) != 0)
		return;
	for (size_t i = 0; i < found.gl_pathc; i++)
		remove_tree(found.gl_pathv[i]);
	globfree(&found);
}

void folder_make(void)
{
	size_t len;

	common_part(folder, sizeof(folder), getppid());
	len = strlen(folder);
	(void)snprintf(folder + len, sizeof(folder) - len, "XXXXXX");
	cr_assert(mkdtemp(folder), "mkdtemp %s: %s", folder, strerror(errno));
}

void folder_remove(void)
{
	remove_tree(folder);
	cr_expect(access(folder, F_OK) < 0, "%s is still there", folder);
}

const char *folder_path(const char *name)
{
	static char paths[2][PATH_MAX];
	static unsigned int turn;
	char *path = paths[turn++ % ARRAY_SIZE(paths)];

	(void)snprintf(path, PATH_MAX, "%s%s%s", folder, *name ? "/" : "", name);
	return path;
}

void folder_file(const char *name, const char *text, mode_t mode)
{
	_cleanup_close_ int fd =
		open(folder_path(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

	cr_assert(fd >= 0, "%s: %s", name, strerror(errno));
	cr_assert(write(fd, text, strlen(text)) == (ssize_t)strlen(text), "%s: %s", name,
	          strerror(errno));
	cr_assert(fchmod(fd, mode) == 0, "%s: %s", name, strerror(errno));
}

void folder_script(const char *body)
{
	char text[8192];

	(void)snprintf(text, sizeof(text), "#!/bin/sh\n%s\n", body);
	folder_file("plugin", text, 0755);
}

struct request folder_request(const char *text, size_t len)
{
	return (struct request) {
		.verb = CNI_ADD,
		.container_id = "c1",
		.netns = "/run/netns/a",
		.ifname = "eth0",
		.args = "",
		.path = folder,
		/* Not written to by what is tested. */
		.text = (char *)(uintptr_t)text,
		.text_len = len,
		.version = CNI_1_0_0,
		.network = "n1",
	};
}

void folder_no_child(const char *name)
{
	pid_t pid = waitpid(-1, NULL, WNOHANG);

	cr_assert(pid == -1 && errno == ECHILD, "%s: a child is left (%d)", name, (int)pid);
}
