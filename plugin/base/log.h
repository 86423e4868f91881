/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * log.h - one line per event, to stderr, syslog or a file; never to stdout, which belongs to the result
 */
#ifndef CNIDA_BASE_LOG_H
#define CNIDA_BASE_LOG_H

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/**
 * log_open() - Choose where lines go and which are written
 * @target:	NULL or "stderr", "syslog", or an absolute path of a file to append to; what cannot be
 *		opened leaves stderr in use
 *
 * Before this call: warnings and errors to stderr.
 */
void log_open(const char *target, enum log_level level);

/* log_level_parse() - "error", "warn", "info", "debug" in any case; -1 if it is none. */
int log_level_parse(const char *text);

/* log_at() - Write one line "cnida: level: text"; control characters are replaced. In a file the time
 * (UTC) and the process ID stand in front. At most 1023 bytes, then "..."; errno is left alone. */
void log_at(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_at(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...)  log_at(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...)  log_at(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_at(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
