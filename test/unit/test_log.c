/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_log.c - what a line looks like, which lines are written and where, and that stdout stays clean
 */
#include "base/log.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"

/* Standard output and error go into memory while a test looks at them. */
struct capture {
	int out, err;
	int old_out, old_err;
};

static void capture_begin(struct capture *c)
{
	(void)fflush(NULL);
	c->out = memfd_create("out", MFD_CLOEXEC);
	c->err = memfd_create("err", MFD_CLOEXEC);
	c->old_out = dup(STDOUT_FILENO);
	c->old_err = dup(STDERR_FILENO);
	cr_assert(c->out >= 0 && c->err >= 0 && c->old_out >= 0 && c->old_err >= 0, "capture: %s",
	          strerror(errno));
	(void)dup2(c->out, STDOUT_FILENO);
	(void)dup2(c->err, STDERR_FILENO);
}

/* Put both back; what came out is in the buffers. */
static void capture_end(struct capture *c, char *out, char *err, size_t cap)
{
	ssize_t n;

	(void)dup2(c->old_out, STDOUT_FILENO);
	(void)dup2(c->old_err, STDERR_FILENO);
	n = pread(c->out, out, cap - 1, 0);
	out[n > 0 ? n : 0] = '\0';
	n = pread(c->err, err, cap - 1, 0);
	err[n > 0 ? n : 0] = '\0';
	(void)close(c->out);
	(void)close(c->err);
	(void)close(c->old_out);
	(void)close(c->old_err);
}

static void log_each(void)
{
	log_error("E%d", 1);
	log_warn("W%d", 2);
	log_info("I%d", 3);
	log_debug("D%d", 4);
}

Test(log, levels)
{
	static const struct {
		const char *name;
		bool open;
		const char *target;
		enum log_level level;
		const char *want;
	} rows[] = {
		{ "before log_open()", false, NULL, LOG_LEVEL_ERROR,
		  "cnida: error: E1\ncnida: warn: W2\n" },
		{ "error", true, NULL, LOG_LEVEL_ERROR, "cnida: error: E1\n" },
		{ "warn", true, "stderr", LOG_LEVEL_WARN, "cnida: error: E1\ncnida: warn: W2\n" },
		{ "info", true, "stderr", LOG_LEVEL_INFO,
		  "cnida: error: E1\ncnida: warn: W2\ncnida: info: I3\n" },
		{ "debug", true, NULL, LOG_LEVEL_DEBUG,
		  "cnida: error: E1\ncnida: warn: W2\ncnida: info: I3\ncnida: debug: D4\n" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char out[4096], err[4096];
		struct capture c;

		capture_begin(&c);
		if (rows[i].open)
			log_open(rows[i].target, rows[i].level);
		log_each();
		capture_end(&c, out, err, sizeof(out));
		cr_expect(strcmp(err, rows[i].want) == 0, "%s: \"%s\", expected \"%s\"",
		          rows[i].name, err, rows[i].want);
		cr_expect(out[0] == '\0', "%s: \"%s\" on stdout", rows[i].name, out);
	}
}

Test(log, level_names)
{
	static const struct {
		const char *text;
		int want;
	} rows[] = {
		{ "error", LOG_LEVEL_ERROR },
		{ "WARN", LOG_LEVEL_WARN },
		{ "Info", LOG_LEVEL_INFO },
		{ "debug", LOG_LEVEL_DEBUG },
		{ "", -1 },
		{ "warning", -1 },
		{ "err", -1 },
		{ NULL, -1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int r = log_level_parse(rows[i].text);

		cr_expect(r == rows[i].want, "\"%s\": %d, expected %d",
		          rows[i].text ? rows[i].text : "NULL", r, rows[i].want);
	}
}

Test(log, one_clean_line)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{ "a\nb", "a?b" },
		{ "a\r\n", "a??" },
		{ "\x1b[31mred", "?[31mred" },
		{ "tab\there", "tab here" },
		{ "del\x7f", "del?" },
		{ "caf\xc3\xa9", "caf\xc3\xa9" },
		{ "100%s", "100%s" },
		{ "", "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char out[4096], err[4096], want[64];
		struct capture c;

		capture_begin(&c);
		errno = ENOTTY;
		log_error("%s", rows[i].text);
		cr_expect(errno == ENOTTY, "errno is %d, expected %d", errno, ENOTTY);
		capture_end(&c, out, err, sizeof(out));
		(void)snprintf(want, sizeof(want), "cnida: error: %s\n", rows[i].want);
		cr_expect(strcmp(err, want) == 0, "\"%s\": \"%s\", expected \"%s\"", rows[i].text,
		          err, want);
	}
}

Test(log, long_lines)
{
	char text[1200];

	for (size_t n = 990; n < sizeof(text); n++) {
		char out[4096], err[4096];
		struct capture c;
		size_t len;

		memset(text, 'x', n);
		text[n] = '\0';
		capture_begin(&c);
		log_error("%s", text);
		capture_end(&c, out, err, sizeof(out));
		len = strlen(err);
		cr_assert(len <= 1023 && len > 0 && err[len - 1] == '\n',
		          "%zu bytes: a line of %zu", n, len);
		if (n + strlen("cnida: error: \n") <= 1023)
			cr_assert(len == n + strlen("cnida: error: \n") && !strstr(err, "..."),
			          "%zu bytes: a line of %zu, expected all of it", n, len);
		else
			cr_assert(len == 1023 && strcmp(err + len - 4, "...\n") == 0,
			          "%zu bytes: a line of %zu that ends in \"%s\"", n, len,
			          err + len - 4);
	}
}

Test(log, file)
{
	char path[] = "/tmp/cnida-test-log.XXXXXX", out[4096], err[4096], text[4096] = "", want[64];
	_cleanup_close_ int fd = mkstemp(path);
	struct capture c;
	unsigned int ms;
	int pid = 0, end = 0;

	cr_assert(fd >= 0, "mkstemp: %s", strerror(errno));
	capture_begin(&c);
	log_open(path, LOG_LEVEL_INFO);
	log_info("first");
	log_debug("not this");
	log_open(path, LOG_LEVEL_INFO);
	log_error("second");
	log_open(NULL, LOG_LEVEL_WARN);
	log_error("to stderr again");
	capture_end(&c, out, err, sizeof(out));
	(void)unlink(path);
	(void)!pread(fd, text, sizeof(text) - 1, 0);

	cr_expect(sscanf(text, "20%*2d-%*2d-%*2dT%*2d:%*2d:%*2d.%3uZ %d %n", &ms, &pid, &end) ==
	                          2 &&
	                  end > 0,
	          "no time and process ID in \"%s\"", text);
	cr_expect(pid == (int)getpid(), "process %d, expected %d", pid, (int)getpid());
	cr_expect(strncmp(text + end, "cnida: info: first\n20", 21) == 0, "first line: \"%s\"",
	          text + end);
	cr_expect(strstr(text, " cnida: error: second\n") != NULL, "no second line in \"%s\"",
	          text);
	(void)snprintf(want, sizeof(want), "cnida: error: to stderr again\n");
	cr_expect(strcmp(err, want) == 0, "stderr: \"%s\", expected \"%s\"", err, want);
	cr_expect(out[0] == '\0', "stdout: \"%s\"", out);
}

Test(log, target_that_does_not_open)
{
	static const char *const targets[] = { "/nonexistent/dir/log", "/", "relative", "" };

	for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
		char out[4096], err[4096];
		struct capture c;

		capture_begin(&c);
		errno = ENOTTY;
		log_open(targets[i], LOG_LEVEL_WARN);
		cr_expect(errno == ENOTTY, "%s: errno is %d", targets[i], errno);
		log_error("still heard");
		capture_end(&c, out, err, sizeof(out));
		cr_expect(strncmp(err, "cnida: warn: log ", 17) == 0, "%s: no warning in \"%s\"",
		          targets[i], err);
		cr_expect(strstr(err, "\ncnida: error: still heard\n") != NULL, "%s: \"%s\"",
		          targets[i], err);
		cr_expect(out[0] == '\0', "%s: \"%s\" on stdout", targets[i], out);
	}
}

/* A plugin that is started without standard descriptors must not make its log file one of them. */
Test(log, closed_descriptors)
{
	char path[] = "/tmp/cnida-test-log.XXXXXX", text[256] = "";
	_cleanup_close_ int fd = mkstemp(path);
	int old_out = dup(STDOUT_FILENO), old_in = dup(STDIN_FILENO), taken;

	(void)close(STDIN_FILENO);
	(void)close(STDOUT_FILENO);
	log_open(path, LOG_LEVEL_ERROR);
	taken = fcntl(STDIN_FILENO, F_GETFD) >= 0 || fcntl(STDOUT_FILENO, F_GETFD) >= 0;
	log_error("heard");
	log_open(NULL, LOG_LEVEL_WARN);
	(void)dup2(old_out, STDOUT_FILENO);
	(void)dup2(old_in, STDIN_FILENO);
	(void)unlink(path);
	(void)!pread(fd, text, sizeof(text) - 1, 0);
	(void)close(old_out);
	(void)close(old_in);
	cr_expect(!taken, "the log file became standard input or output");
	cr_expect(strstr(text, "cnida: error: heard\n") != NULL, "file: \"%s\"", text);
}
