/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * replay.c - fuzz-replay CORPUS: every input of every target once, without libFuzzer, so that what was fixed stays fixed
 *
 * CORPUS has a folder for each target. Each target runs in a process of its own.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define INPUT_MAX (1U << 20)

/* FUZZ_TARGETS(X): X(name) for each, from the Makefile. */
#define DECLARE(name) int fuzz_##name(const uint8_t *data, size_t len);
FUZZ_TARGETS(DECLARE)

static const struct {
	const char *name;
	int (*run)(const uint8_t *data, size_t len);
} targets[] = {
#define ENTRY(name) { #name, fuzz_##name },
	FUZZ_TARGETS(ENTRY)
};

static void one(int dir, const char *name, int (*run)(const uint8_t *data, size_t len))
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	uint8_t *bytes = malloc(INPUT_MAX);
	ssize_t n;

	if (fd < 0 || !bytes)
		exit(2);
	n = read(fd, bytes, INPUT_MAX);
	close(fd);
	if (n < 0)
		exit(2);
	/* Of its own size, so that a read beyond it is seen. */
	bytes = realloc(bytes, n ? (size_t)n : 1);
	fprintf(stderr, "%s\n", name); /* the last one is it */
	(void)run(bytes, (size_t)n);
	free(bytes);
}

/* In a process of its own. */
static _Noreturn void all_of(const char *path, int (*run)(const uint8_t *data, size_t len), int log)
{
	DIR *dir = opendir(path);
	struct dirent *d;

	if (!dir)
		_exit(0);
	dup2(log, STDERR_FILENO);
	while ((d = readdir(dir)))
		if (d->d_name[0] != '.')
			one(dirfd(dir), d->d_name, run);
	closedir(dir);
	exit(0);
}

static int count(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *d;
	int n = 0;

	if (!dir)
		return 0;
	while ((d = readdir(dir)))
		n += d->d_name[0] != '.';
	closedir(dir);
	return n;
}

static void show(FILE *log)
{
	static char text[8192];
	long size = ftell(log);
	size_t n;

	/* The end of what it said: the input's name and what is wrong. */
	fseek(log, 0, SEEK_END);
	size = ftell(log);
	fseek(log, size > (long)sizeof(text) ? size - (long)sizeof(text) : 0, SEEK_SET);
	n = fread(text, 1, sizeof(text), log);
	fwrite(text, 1, n, stdout);
}

int main(int argc, char **argv)
{
	int passed = 0, failed = 0, skipped = 0;

	if (argc != 2) {
		fprintf(stderr, "usage: fuzz-replay CORPUS\n");
		return 2;
	}
	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		FILE *log = tmpfile();
		char path[4096];
		int status = 0, n;
		pid_t pid;

		snprintf(path, sizeof(path), "%s/%s", argv[1], targets[i].name);
		n = count(path);
		if (n == 0 || !log) {
			printf("skip: fuzz-%s: no inputs in %s\n", targets[i].name, path);
			skipped++;
			continue;
		}
		fflush(stdout);
		pid = fork();
		if (pid == 0)
			all_of(path, targets[i].run, fileno(log));
		if (pid < 0 || waitpid(pid, &status, 0) < 0)
			return 2;
		if (status == 0) {
			printf("ok %s, %d inputs\n", targets[i].name, n);
			passed += n;
		} else {
			printf("not ok %s: expected its end, found wait status 0x%x\n",
			       targets[i].name, (unsigned int)status);
			show(log);
			failed++;
		}
		fclose(log);
	}
	printf("fuzz: %d passed, %d failed, %d skipped\n", passed, failed, skipped);
	return failed != 0;
}
