/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * main.c - one executable, many names: argv[0] chooses the CNI type, the first argument the sub-command
 *
 * This is the only file that prints results or ends the process. Whatever happens, a runtime gets exactly one JSON
 * document on stdout when something failed: also when a library gives up with exit() or a signal says that we crashed.
 */
#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "base/json_arena.h"
#include "base/log.h"
#include "cli/cli.h"
#include "kernel/netns.h"
#include "spec/request.h"
#include "spec/result.h"
#include "types/type.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef CNIDA_VERSION
#	define CNIDA_VERSION "unknown"
#endif

/* Set once an answer is on its way to stdout: then nothing else may go there. */
static volatile sig_atomic_t answered;

static int write_all(const char *text, size_t len)
{
	while (len > 0) {
		ssize_t n = write(STDOUT_FILENO, text, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		text += n;
		len -= (size_t)n;
	}
	return 0;
}

#define LAST_WORDS(version, text) \
	"{\n    \"cniVersion\": \"" version "\",\n    \"code\": 999,\n    \"msg\": \"" text "\"\n}"

/* Async-signal-safe: a constant text, one system call. */
static void on_crash(int sig)
{
	static const char words[] = LAST_WORDS("1.1.0", "cnida crashed; see the kernel log");

	if (!answered) {
		answered = 1;
		(void)write_all(words, sizeof(words) - 1);
	}
	(void)sig;
	_exit(1);
}

/* A library ended the process: the runtime still gets its document, and never a success. */
static void on_exit_below_main(void)
{
	static const char words[] = LAST_WORDS("1.1.0", "a library ended cnida; see its stderr");

	if (answered)
		return;
	answered = 1;
	(void)write_all(words, sizeof(words) - 1);
	_exit(1);
}

/* A runtime that closed one of the three standard descriptors must not have a file of ours take its number. */
static void open_standard(void)
{
	int fd;

	if (fcntl(STDIN_FILENO, F_GETFD) >= 0 && fcntl(STDOUT_FILENO, F_GETFD) >= 0 &&
	    fcntl(STDERR_FILENO, F_GETFD) >= 0)
		return;
	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd > STDERR_FILENO)
		(void)close(fd);
}

static void guard(void)
{
	static char stack[16384];
	static const int crashes[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGSYS };
	stack_t alt = { .ss_sp = stack, .ss_size = sizeof(stack) };
	struct sigaction sa = { .sa_handler = on_crash,
		                .sa_flags = SA_ONSTACK | (int)SA_RESETHAND };

	(void)sigaltstack(&alt, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(crashes); i++)
		(void)sigaction(crashes[i], &sa, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)atexit(on_exit_below_main);
}

/* The end of every verb: what is still buffered or allocated dies with the process. */
static _Noreturn void finish(int status)
{
	answered = 1;
	_exit(status);
}

static _Noreturn void fail(enum cni_version version, const struct err *e)
{
	json_auto_t *doc = json_object();
	_cleanup_jfree_ char *text = NULL;

	(void)jset(doc, "cniVersion", json_string(cni_version_str(version)));
	(void)jset(doc, "code", json_integer(e->code ? e->code : CNI_E_INTERNAL));
	(void)jset(doc, "msg", json_stringn_nocheck(e->msg, strlen(e->msg)));
	if (*e->details)
		(void)jset(doc, "details", json_stringn_nocheck(e->details, strlen(e->details)));
	answered = 1;
	if (!doc || jdump(doc, false, &text) < 0)
		on_exit_below_main();
	else
		(void)write_all(text, strlen(text));
	finish(1);
}

/* What upstream's plugins print without CNI_COMMAND: installers and upgraders run it to see if the file works. */
static _Noreturn void about(const struct cni_type *type)
{
	(void)fprintf(stderr, "CNI %s plugin %s\nCNI protocol versions supported: ", type->name,
	              CNIDA_VERSION);
	for (int v = (int)type->min; v < CNI_VERSION_COUNT; v++)
		(void)fprintf(stderr, "%s%s", v > (int)type->min ? ", " : "",
		              cni_version_str((enum cni_version)v));
	(void)fputc('\n', stderr);
	finish(0);
}

static _Noreturn void print_versions(const struct cni_type *type)
{
	char text[256];
	int n = snprintf(text, sizeof(text), "{\"cniVersion\":\"%s\",\"supportedVersions\":[",
	                 cni_version_str(CNI_VERSION_CURRENT));

	for (int v = (int)type->min; v < CNI_VERSION_COUNT; v++)
		n += snprintf(text + n, sizeof(text) - (size_t)n, "%s\"%s\"",
		              v > (int)type->min ? "," : "", cni_version_str((enum cni_version)v));
	n += snprintf(text + n, sizeof(text) - (size_t)n, "]}\n");
	answered = 1;
	finish(write_all(text, (size_t)n) < 0);
}

/* "log": {"level", "target"} of the configuration. */
static void open_log(const struct request *req)
{
	const char *target = NULL, *level = "warn";
	json_t *log = jget(req->config, "log");
	struct err ignored;
	int parsed;

	if (!log)
		return;
	(void)jget_str(log, "log", "target", &target, &ignored);
	(void)jget_str(log, "log", "level", &level, &ignored);
	parsed = log_level_parse(level);
	log_open(target, parsed < 0 ? LOG_LEVEL_WARN : (enum log_level)parsed);
}

static int answer_add(const struct request *req, const struct result *res, struct err *e)
{
	_cleanup_jfree_ char *text = NULL;
	int r = result_text(res, req->version, &text, e);

	if (r < 0)
		return r;
	if (write_all(text, strlen(text)) < 0)
		return err_sys(e, errno, "write the result to stdout");
	answered = 1;
	return 0;
}

static int run_add(const struct cni_type *type, const struct request *req, struct err *e)
{
	struct err ignored;
	struct result res;
	int r;

	result_init(&res);
	r = type->add(req, &res, e);
	if (r == 0 && !answered) {
		r = answer_add(req, &res, e);
		if (r < 0 && type->del && type->del(req, &ignored) < 0)
			log_error("undo of ADD: %s", ignored.msg);
	}
	result_free(&res);
	return r;
}

static int run(const struct cni_type *type, const struct request *req, struct err *e)
{
	int (*verb)(const struct request *, struct err *) = NULL;

	/* Upstream looks after the work is done; before it, nothing is half done. */
	if ((req->verb == CNI_ADD || req->verb == CNI_DEL) && !req->netns_override) {
		int r = netns_refuse_own(req->netns, e);

		if (r < 0)
			return r;
	}
	if (req->verb == CNI_ADD)
		return run_add(type, req, e);
	if (req->verb == CNI_CHECK)
		verb = type->check;
	else if (req->verb == CNI_DEL)
		verb = type->del;
	else if (req->verb == CNI_GC)
		verb = type->gc;
	else if (req->verb == CNI_STATUS)
		verb = type->status;
	return verb ? verb(req, e) : 0;
}

static _Noreturn void serve(const struct cni_type *type)
{
	enum cni_verb verb = CNI_VERSION;
	struct request req = { .version = CNI_VERSION_CURRENT };
	struct err e = { 0 };
	int r = request_verb(&verb, &e);

	if (r == 0)
		about(type);
	if (r > 0)
		r = request_read(STDIN_FILENO, verb, type->min, &req, &e);
	if (r < 0)
		fail(req.version, &e);
	if (verb == CNI_VERSION)
		print_versions(type);
	req.type = type->name;
	req.answer = answer_add;
	open_log(&req);
	r = run(type, &req, &e);
	if (r < 0)
		fail(req.version, &e);
	finish(0);
}

int main(int argc, char **argv)
{
	const char *path = argc > 0 ? argv[0] : "cnida", *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	const struct cni_type *type = cni_type_find(name);

	open_standard();
	(void)umask(022);
	/* A file that was renamed (cnida.new, bridge.upstream) still says what it is. */
	if (!type)
		type = &type_cnida;
	if (type == &type_cnida && !getenv("CNI_COMMAND") && argc > 1 &&
	    strcmp(argv[1], "--version") != 0)
		return cli_main(argc, argv);
	guard();
	json_arena_use();
	serve(type);
}
