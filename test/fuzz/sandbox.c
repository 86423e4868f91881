/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sandbox.c - files that a fuzz target writes where the product looks for them, seen by nobody else
 */
#include "test/fuzz/fuzz.h"

#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

static void write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0) {
		perror(path);
		exit(2);
	}
	close(fd);
}

static void die(const char *what)
{
	perror(what);
	exit(2);
}

void fuzz_own_run(void)
{
	static bool done;
	char map[64];
	uid_t uid = geteuid();

	if (done)
		return;
	done = true;
	if (uid == 0) {
		if (unshare(CLONE_NEWNS) < 0)
			die("unshare");
	} else {
		snprintf(map, sizeof(map), "0 %u 1", (unsigned int)uid);
		if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
			die("unshare");
		write_text("/proc/self/uid_map", map);
	}
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("tmpfs", "/run", "tmpfs", 0, "mode=755") < 0)
		die("mount");
}
