/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ipam_scale.c - what an ADD and a DEL of host-local's store cost with 10, 250, 4,000 and 60,000
 * addresses taken
 *
 * A program of its own: ipam_scale FOLDER INDEX-FOLDER. It makes stores below the first (which is
 * to lie on the file system that matters) and their indexes in the second (on a tmpfs, as /run is),
 * fills them either through the store or with bare files as upstream's host-local writes them,
 * prints medians in microseconds and removes everything. An ADD is open, duplicate check, last
 * reserved address, next free one, reserve, last reserved address, close; a DEL is open, release,
 * close; "unknown" a DEL for an owner that has nothing; "bare file" what the kernel takes to create
 * and remove one such file in that folder, the floor of ADD and DEL together.
 */
#include "base/err.h"
#include "base/ip.h"
#include "ipam/index.h"
#include "ipam/store.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 51
#define ROWS   (sizeof(rows) / sizeof(rows[0]))

static const char *top;

static double now_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int compare(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static double median(double *v, size_t n)
{
	qsort(v, n, sizeof(*v), compare);
	return v[n / 2];
}

static void die(const char *what, const struct err *e)
{
	(void)fprintf(stderr, "ipam_scale: %s: %s\n", what, e->msg);
	exit(1);
}

/* The i-th address of 10.64.0.0/14 */
static struct ip_addr nth(unsigned int i)
{
	i += 2;
	return (struct ip_addr) { .family = AF_INET,
		                  .bytes = { 10, (uint8_t)(64 + (i >> 16)), (uint8_t)(i >> 8),
		                             (uint8_t)i } };
}

static struct ip_addr add(const char *network, const struct store_owner *owner)
{
	struct store s _cleanup_store_ = { .dirfd = -1, .lockfd = -1 };
	struct ip_addr owned[4], last, addr,
		end = { .family = AF_INET, .bytes = { 10, 67, 255, 254 } };
	struct err e;

	if (store_open(top, network, &s, &e) < 0 || store_owned(&s, owner, owned, 4, &e) < 0)
		die("open", &e);
	last = store_last_get(&s, 0, &last) ? ip_next(&last) : nth(0);
	if (!store_next_free(&s, &last, &end, &addr))
		addr = last;
	if (store_reserve(&s, &addr, owner, &e) < 0)
		die("reserve", &e);
	store_last_set(&s, 0, &addr);
	return addr;
}

static int del(const char *network, const struct store_owner *owner)
{
	struct store s _cleanup_store_ = { .dirfd = -1, .lockfd = -1 };
	struct err e;
	int n;

	if (store_open_existing(top, network, &s, &e) < 0)
		die("open", &e);
	n = store_release(&s, owner, &e);
	if (n < 0)
		die("release", &e);
	return n;
}

static void fill(const char *network, unsigned int n)
{
	struct store s _cleanup_store_ = { .dirfd = -1, .lockfd = -1 };
	struct ip_addr addr = nth(0);
	struct err e;
	char id[80];

	if (store_open(top, network, &s, &e) < 0)
		die("open", &e);
	for (unsigned int i = 0; i < n; i++) {
		struct store_owner owner = { id, "eth0", "" };

		(void)snprintf(id, sizeof(id), "%08x%056u", i * 2654435761U, i);
		addr = nth(i);
		if (store_reserve(&s, &addr, &owner, &e) < 0)
			die("fill", &e);
	}
	store_last_set(&s, 0, &addr);
}

static void fill_upstream(const char *network, unsigned int n)
{
	char path[4096], id[96], ip[IP_STR_MAX];
	struct ip_addr addr = nth(0);
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", top, network);
	(void)mkdir(path, 0755);
	for (unsigned int i = 0; i <= n; i++) {
		if (i < n)
			addr = nth(i);
		(void)ip_format(&addr, ip);
		(void)snprintf(path, sizeof(path), "%s/%s/%s", top, network,
		               i < n ? ip : "last_reserved_ip.0");
		(void)snprintf(id, sizeof(id), "%08x%056u\r\neth0", i * 2654435761U, i);
		f = fopen(path, "w");
		if (!f || fputs(i < n ? id : ip, f) < 0 || fclose(f) != 0) {
			perror(path);
			exit(1);
		}
	}
}

static void remove_folder(const char *folder)
{
	char path[8192];
	DIR *d = opendir(folder);
	struct dirent *ent;

	while (d && (ent = readdir(d))) {
		(void)snprintf(path, sizeof(path), "%s/%s", folder, ent->d_name);
		if (ent->d_name[0] != '.')
			(void)unlink(path);
	}
	if (d)
		(void)closedir(d);
	(void)rmdir(folder);
}

/* What the kernel alone takes for a file in that folder: create it with its content, remove it. */
static double bare(const char *network)
{
	char path[4096];
	double start;
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s/bare", top, network);
	start = now_us();
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, path, 70) != 70 || close(fd) < 0 || unlink(path) < 0)
		perror(path);
	return now_us() - start;
}

struct row {
	const char *how;
	unsigned int n;
	void (*filler)(const char *, unsigned int);
	char network[64];
	double first, adds[ROUNDS], dels[ROUNDS], unknown[ROUNDS], bare[ROUNDS];
};

static void measure_first(struct row *r)
{
	double start = now_us();

	(void)del(r->network, &(struct store_owner) { "nobody", "eth0", "" });
	r->first = now_us() - start;
}

static void measure(struct row *r, unsigned int i)
{
	char id[80];
	struct store_owner owner = { id, "eth0", "/proc/self/ns/net" };
	double start;

	(void)snprintf(id, sizeof(id), "%064x", i + 1);
	start = now_us();
	(void)add(r->network, &owner);
	r->adds[i] = now_us() - start;
	start = now_us();
	if (del(r->network, &owner) != 1)
		(void)fprintf(stderr, "ipam_scale: %s was not released\n", id);
	r->dels[i] = now_us() - start;
	start = now_us();
	(void)del(r->network, &owner);
	r->unknown[i] = now_us() - start;
}

static void print(struct row *r)
{
	(void)printf("%-9s %6u %10.0f %8.1f %8.1f %8.1f %8.1f\n", r->how, r->n, r->first,
	             median(r->adds, ROUNDS), median(r->dels, ROUNDS), median(r->unknown, ROUNDS),
	             median(r->bare, ROUNDS));
}

int main(int argc, char **argv)
{
	static struct row rows[] = {
		{ .how = "cnida", .n = 10, .filler = fill },
		{ .how = "cnida", .n = 250, .filler = fill },
		{ .how = "cnida", .n = 4000, .filler = fill },
		{ .how = "cnida", .n = 60000, .filler = fill },
		{ .how = "upstream", .n = 10, .filler = fill_upstream },
		{ .how = "upstream", .n = 250, .filler = fill_upstream },
		{ .how = "upstream", .n = 4000, .filler = fill_upstream },
		{ .how = "upstream", .n = 60000, .filler = fill_upstream },
	};
	char path[4096];

	if (argc != 3) {
		(void)fprintf(stderr, "usage: ipam_scale FOLDER INDEX-FOLDER\n");
		return 2;
	}
	top = argv[1];
	(void)mkdir(top, 0755);
	index_dir = argv[2];
	for (size_t i = 0; i < ROWS; i++) {
		(void)snprintf(rows[i].network, sizeof(rows[i].network), "%s%u", rows[i].how,
		               rows[i].n);
		rows[i].filler(rows[i].network, rows[i].n);
	}
	/* Nothing is removed before the end, and the rounds take turns: ext4 steps over the
	 * inodes that were freed during the last minutes one by one, which would be charged to
	 * whoever comes next. */
	for (size_t i = 0; i < ROWS; i++)
		measure_first(&rows[i]);
	for (unsigned int round = 0; round < ROUNDS; round++)
		for (size_t i = 0; i < ROWS; i++)
			measure(&rows[i], round);
	/* After all the others: to the index this is a change by somebody else. */
	for (unsigned int round = 0; round < ROUNDS; round++)
		for (size_t i = 0; i < ROWS; i++)
			rows[i].bare[round] = bare(rows[i].network);
	(void)printf(
		"medians of %d, in microseconds; first: one DEL, with the index to be made from the files of others\n",
		ROUNDS);
	(void)printf("%-9s %6s %10s %8s %8s %8s %8s\n", "filled by", "taken", "first", "ADD", "DEL",
	             "unknown", "bare file");
	for (size_t i = 0; i < ROWS; i++) {
		print(&rows[i]);
		(void)snprintf(path, sizeof(path), "%s/%s", top, rows[i].network);
		remove_folder(path);
	}
	remove_folder(index_dir);
	(void)rmdir(top);
	return 0;
}
