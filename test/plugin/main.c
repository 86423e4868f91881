/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * main.c - run the black-box suites on a plugin folder
 *
 *	plugin [-d FOLDER] [-n SEQUENCES] [-s SEED] [-j CALLERS] [SUITE...]
 *
 * Default folder: $CNI_BIN_DIR or build/bin. The other options are for the suite "random".
 *
 * A SUITE is chosen by the beginning of its name. Each runs in a process, a network and a mount namespace of its own,
 * so that a crash or an early end of one neither stops the others nor leaves anything behind. Several run at once: they mostly
 * wait for the kernel to take links away.
 */
#include "test/plugin/suites.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define AT_ONCE 4

/* The longest first. */
static const struct {
	const char *name;
	void (*run)(struct suite *s);
} suites[] = {
	{ "random", suite_random },
	{ "malformed-bridge", suite_malformed_bridge },
	{ "malformed-cnida", suite_malformed_cnida },
	{ "malformed-ptp", suite_malformed_ptp },
	{ "leaks-bridge", suite_leaks_bridge },
	{ "leaks-cnida", suite_leaks_cnida },
	{ "leaks-ptp", suite_leaks_ptp },
	{ "malformed-ipam", suite_malformed_ipam },
	{ "check-bridge", suite_check_bridge },
	{ "check-cnida", suite_check_cnida },
	{ "check-ptp", suite_check_ptp },
	{ "versions", suite_versions },
	{ "errors", suite_errors },
	{ "processes", suite_processes },
};

struct job {
	pid_t pid;
	struct timespec start;
	struct suite result; /* written by the child, once it is through */
};

static bool wanted(const char *name, char **names)
{
	if (!*names)
		return true;
	for (; *names; names++)
		if (strncmp(*names, name, strlen(*names)) == 0)
			return true;
	return false;
}

static void start(struct job *j, size_t i, const char *dir)
{
	pid_t pid;

	clock_gettime(CLOCK_MONOTONIC, &j->start);
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		static struct suite s;

		suite_start(&s, suites[i].name, dir);
		suites[i].run(&s);
		j->result = s;
		exit(suite_end(&s));
	}
	if (pid < 0)
		exit(2);
	j->pid = pid; /* not in the child: the memory is shared */
}

/* Wait for any suite to end. */
static void finish(struct job *jobs)
{
	struct timespec now;
	int status;
	pid_t pid = wait(&status);

	clock_gettime(CLOCK_MONOTONIC, &now);
	for (size_t i = 0; i < N(suites); i++) {
		struct job *j = &jobs[i];

		if (j->pid != pid)
			continue;
		if (!WIFEXITED(status) || WEXITSTATUS(status) > 1) {
			printf("FAIL plugin/%s: the suite itself: ended early (wait status 0x%x)\n",
			       suites[i].name, (unsigned int)status);
			j->result.failed++;
		}
		fprintf(stderr, "plugin/%s: %.1f s\n", suites[i].name,
		        (double)(now.tv_sec - j->start.tv_sec) +
		                (double)(now.tv_nsec - j->start.tv_nsec) / 1e9);
	}
}

static int run_all(const char *dir, char **names)
{
	struct job *jobs = mmap(NULL, sizeof(*jobs) * N(suites), PROT_READ | PROT_WRITE,
	                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	unsigned int passed = 0, failed = 0, skipped = 0, running = 0;

	if (jobs == MAP_FAILED)
		return 2;
	for (size_t i = 0; i < N(suites); i++) {
		if (!wanted(suites[i].name, names))
			continue;
		if (running == AT_ONCE)
			finish(jobs);
		else
			running++;
		start(&jobs[i], i, dir);
	}
	while (running-- > 0)
		finish(jobs);
	for (size_t i = 0; i < N(suites); i++) {
		passed += jobs[i].result.passed;
		failed += jobs[i].result.failed;
		skipped += jobs[i].result.skipped;
	}
	printf("plugin: %u passed, %u failed, %u skipped\n", passed, failed, skipped);
	return failed > 0;
}

int main(int argc, char **argv)
{
	const char *dir = getenv("CNI_BIN_DIR");
	int c;

	while ((c = getopt(argc, argv, "d:n:s:j:")) != -1) {
		switch (c) {
		case 'd':
			dir = optarg;
			break;
		case 'n':
			random_options.count = (unsigned int)strtoul(optarg, NULL, 10);
			break;
		case 's':
			random_options.seed = strtoull(optarg, NULL, 10);
			break;
		case 'j':
			random_options.workers = (unsigned int)strtoul(optarg, NULL, 10);
			break;
		default:
			fprintf(stderr,
			        "usage: plugin [-d FOLDER] [-n SEQUENCES] [-s SEED] [-j CALLERS] [SUITE...]\n");
			return 2;
		}
	}
	if (geteuid() != 0) {
		printf("skip: plugin: needs root\nplugin: 0 passed, 0 failed, 1 skipped\n");
		return 0;
	}
	return run_all(dir ? dir : "build/bin", argv + optind);
}
