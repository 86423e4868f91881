/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * log.c - one line per event, to stderr, syslog or a file; never to stdout, which belongs to the result
 *
 * A line is one write() of bounded length, so the lines of plugins that run at the same time do not mix. What cannot
 * be written is dropped: logging never makes an operation fail, and errno is what it was before.
 */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"

#define LINE_MAX_BYTES 1024

static const struct {
	const char *name;
	int priority;
} levels[] = {
	[LOG_LEVEL_ERROR] = { "error", LOG_ERR },
	[LOG_LEVEL_WARN] = { "warn", LOG_WARNING },
	[LOG_LEVEL_INFO] = { "info", LOG_INFO },
	[LOG_LEVEL_DEBUG] = { "debug", LOG_DEBUG },
};

static struct {
	enum log_level level;
	int fd; /* where lines go unless they go to syslog */
	bool syslog;
} state = { .level = LOG_LEVEL_WARN, .fd = STDERR_FILENO };

static void reset_target(void)
{
	if (state.syslog)
		closelog();
	if (state.fd != STDERR_FILENO)
		(void)close(state.fd);
	state.syslog = false;
	state.fd = STDERR_FILENO;
}

static void open_file(const char *path)
{
	int fd =
		open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640);

	if (fd < 0) {
		log_warn("log file %s: %s", path, err_text(errno));
		return;
	}
	/* A plugin may be started with its standard descriptors closed: then this would become stdout. */
	if (fd <= STDERR_FILENO) {
		int high = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);

		(void)close(fd);
		if (high < 0)
			return;
		fd = high;
	}
	state.fd = fd;
}

void log_open(const char *target, enum log_level level)
{
	int saved = errno;

	reset_target();
	state.level = level;
	if (target && strcmp(target, "syslog") == 0) {
		openlog("cnida", LOG_PID, LOG_DAEMON);
		state.syslog = true;
	} else if (target && target[0] == '/') {
		open_file(target);
	} else if (target && strcmp(target, "stderr") != 0) {
		log_warn("log target %s is none of stderr, syslog or an absolute path", target);
	}
	errno = saved;
}

int log_level_parse(const char *text)
{
	for (size_t i = 0; text && i < ARRAY_SIZE(levels); i++)
		if (strcasecmp(text, levels[i].name) == 0)
			return (int)i;
	return -1;
}

/* What a log is read with must not take its text for commands, and one event stays one line. */
static void replace_controls(char *text)
{
	for (unsigned char *p = (unsigned char *)text; *p; p++)
		if (*p < ' ' || *p == 0x7f)
			*p = *p == '\t' ? ' ' : '?';
}

/* A file is read long after the event and has many writers: when and who. Returns the length. */
static size_t put_stamp(char *buf, size_t cap)
{
	struct timespec now;
	struct tm tm;
	size_t n;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	if (!gmtime_r(&now.tv_sec, &tm))
		return 0;
	n = strftime(buf, cap, "%Y-%m-%dT%H:%M:%S", &tm);
	return n + (size_t)snprintf(buf + n, cap - n, ".%03ldZ %d ", now.tv_nsec / 1000000,
	                            (int)getpid());
}

void log_at(enum log_level level, const char *fmt, ...)
{
	static const char mark[] = "...";
	char line[LINE_MAX_BYTES];
	int saved = errno;
	size_t head = 0, len;
	va_list ap;
	int n;

	if ((size_t)level >= ARRAY_SIZE(levels) || level > state.level)
		return;
	if (state.fd != STDERR_FILENO)
		head = put_stamp(line, sizeof(line));
	if (!state.syslog) /* which writes the name and the process ID itself */
		head += (size_t)snprintf(line + head, sizeof(line) - head, "cnida: ");
	head += (size_t)snprintf(line + head, sizeof(line) - head, "%s: ", levels[level].name);
	va_start(ap, fmt);
	/* One byte less than there is: the newline needs it. */
	n = vsnprintf(line + head, sizeof(line) - head - 1, fmt, ap);
	va_end(ap);
	if (n < 0)
		line[head] = '\0';
	else if ((size_t)n >= sizeof(line) - head - 1)
		memcpy(line + sizeof(line) - 1 - sizeof(mark), mark, sizeof(mark));
	replace_controls(line);
	if (state.syslog) {
		syslog(levels[level].priority, "%s", line);
	} else {
		len = strlen(line);
		line[len++] = '\n';
		(void)!write(state.fd, line, len);
	}
	errno = saved;
}
