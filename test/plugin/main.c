/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * main.c - run the black-box suites on a plugin folder
 *
 *	plugin [-d FOLDER] [SUITE...]		default folder: $CNI_BIN_DIR or build/bin
 *
 * Each suite runs in a process, a network and a mount namespace of its own, so that a crash or an early end of one
 * neither stops the others nor leaves anything behind.
 */
#include "test/plugin/suites.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const struct {
	const char *name;
	void (*run)(struct suite *s);
} suites[] = {
	{ "errors", suite_errors },	  { "versions", suite_versions }, { "leaks", suite_leaks },
	{ "processes", suite_processes }, { "malformed", suite_malformed },
};

static bool wanted(const char *name, char **names)
{
	if (!*names)
		return true;
	for (; *names; names++)
		if (strcmp(*names, name) == 0)
			return true;
	return false;
}

/* The counts come back through @shared, which the child writes only once it is through. */
static void run_suite(size_t i, const char *dir, struct suite *shared, struct suite *total)
{
	struct timespec a, z;
	int status = 0;
	pid_t pid;

	memset(shared, 0, sizeof(*shared));
	clock_gettime(CLOCK_MONOTONIC, &a);
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		static struct suite s;

		suite_start(&s, suites[i].name, dir);
		suites[i].run(&s);
		*shared = s;
		exit(suite_end(&s));
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0 || !WIFEXITED(status) || WEXITSTATUS(status) > 1) {
		printf("FAIL plugin/%s: the suite itself: ended early (wait status 0x%x)\n", suites[i].name, (unsigned int)status);
		shared->failed++;
	}
	clock_gettime(CLOCK_MONOTONIC, &z);
	fprintf(stderr, "plugin/%s: %.1f s\n", suites[i].name,
		(double)(z.tv_sec - a.tv_sec) + (double)(z.tv_nsec - a.tv_nsec) / 1e9);
	total->passed += shared->passed;
	total->failed += shared->failed;
	total->skipped += shared->skipped;
}

int main(int argc, char **argv)
{
	const char *dir = getenv("CNI_BIN_DIR");
	struct suite total = { 0 }, *shared;
	int c;

	while ((c = getopt(argc, argv, "d:")) != -1) {
		if (c != 'd') {
			fprintf(stderr, "usage: plugin [-d FOLDER] [SUITE...]\n");
			return 2;
		}
		dir = optarg;
	}
	if (geteuid() != 0) {
		printf("skip: plugin: needs root\nplugin: 0 passed, 0 failed, 1 skipped\n");
		return 0;
	}
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		return 2;
	for (size_t i = 0; i < N(suites); i++)
		if (wanted(suites[i].name, argv + optind))
			run_suite(i, dir ? dir : "build/bin", shared, &total);
	printf("plugin: %u passed, %u failed, %u skipped\n", total.passed, total.failed, total.skipped);
	return total.failed > 0;
}
