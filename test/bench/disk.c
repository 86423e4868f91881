/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * disk.c - what the plugins take on the disk
 *
 * Upstream's folder is counted as far as ours has the same names, so that nobody pays for what the other does not do.
 */
#include "test/bench/bench.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define FILES_MAX 64

/* Regular files once, however many names they have; and their names. */
struct folder {
	struct stat seen[FILES_MAX];
	size_t n, names;
	double kb;
};

static void count(struct folder *c, int dir, const char *name)
{
	struct stat st;

	if (fstatat(dir, name, &st, 0) < 0 || !S_ISREG(st.st_mode))
		return;
	c->names++;
	for (size_t i = 0; i < c->n; i++)
		if (c->seen[i].st_ino == st.st_ino && c->seen[i].st_dev == st.st_dev)
			return;
	if (c->n < FILES_MAX)
		c->seen[c->n++] = st;
	c->kb += (double)st.st_size / 1024;
}

void scenario_disk(struct bench *b)
{
	struct row *size = bench_row(b, "kB", "disk", "on disk, all plugins that both have"),
		   *names = bench_row(b, "", "disk.names", "on disk, names of plugins");
	struct folder folders[PEERS] = { 0 };
	DIR *ours = opendir(b->peers[CNIDA].dir), *theirs = opendir(b->peers[UPSTREAM].dir);
	struct dirent *d;

	while (ours && (d = readdir(ours))) {
		count(&folders[CNIDA], dirfd(ours), d->d_name);
		if (theirs)
			count(&folders[UPSTREAM], dirfd(theirs), d->d_name);
	}
	for (size_t p = 0; p < PEERS; p++) {
		if (folders[p].names == 0)
			continue;
		series_add(&size->s[p], folders[p].kb);
		series_add(&names->s[p], (double)folders[p].names);
	}
	if (ours)
		closedir(ours);
	if (theirs)
		closedir(theirs);
}
