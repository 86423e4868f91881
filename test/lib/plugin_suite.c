/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plugin_suite.c - a black-box test program for a plugin folder: its node, its cases, its last line
 */
#include "test/lib/plugin_suite.h"

#include <errno.h>
#include <limits.h>
#include <net/if.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static void die(const char *what)
{
	fprintf(stderr, "plugin test: %s: %s\n", what, strerror(errno));
	exit(2);
}

static void loopback_up(void)
{
	struct ifreq ifr = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &ifr) < 0)
		die("lo");
	close(fd);
}

/* The suite's own node. Folders of the machine that get a tmpfs exist on every system, or are not needed. */
static void enter_node(void)
{
	static const char *const fresh[] = { "/run", "/var/lib/cni", "/var/lib/cnida" };

	if (unshare(CLONE_NEWNET | CLONE_NEWNS) < 0)
		die("unshare");
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		die("/");
	for (size_t i = 0; i < sizeof(fresh) / sizeof(fresh[0]); i++) {
		struct stat st;

		if (stat(fresh[i], &st) < 0)
			continue;
		if (mount("tmpfs", fresh[i], "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755") < 0)
			die(fresh[i]);
	}
	loopback_up();
}

void suite_start(struct suite *s, const char *name, const char *dir)
{
	*s = (struct suite) { .name = name };
	if (!realpath(dir, s->dir_buf))
		die(dir);
	s->dir = s->dir_buf;
	setvbuf(stdout, NULL, _IOLBF, 0);
	/* So that a leak of a sanitizer build is told from an error of the plugin, which exits with 1. */
	setenv("ASAN_OPTIONS", "abort_on_error=1:detect_leaks=1", 0);
	setenv("UBSAN_OPTIONS", "print_stacktrace=1", 0);
	enter_node();
}

int suite_end(struct suite *s)
{
	printf("plugin/%s: %u passed, %u failed, %u skipped\n", s->name, s->passed, s->failed,
	       s->skipped);
	return s->failed > 0;
}

bool suite_has(struct suite *s, const char *type)
{
	char path[PATH_MAX];

	if ((size_t)snprintf(path, sizeof(path), "%s/%s", s->dir, type) < sizeof(path) &&
	    access(path, X_OK) == 0)
		return true;
	skip(s, type, "no such plugin in the folder");
	return false;
}

bool expect(struct suite *s, bool ok, const char *name, const char *expected, const char *found_fmt,
            ...)
{
	char found[2048];
	va_list ap;

	if (ok) {
		s->passed++;
		return true;
	}
	s->failed++;
	va_start(ap, found_fmt);
	vsnprintf(found, sizeof(found), found_fmt, ap);
	va_end(ap);
	printf("FAIL plugin/%s: %s: expected %s, found %s\n", s->name, name, expected, found);
	return false;
}

void skip(struct suite *s, const char *name, const char *why)
{
	s->skipped++;
	printf("skip: plugin/%s %s: %s\n", s->name, name, why);
}

struct plugin_call suite_call(const struct suite *s, const struct suite_call *c, char *path)
{
	struct plugin_call call = {
		.path = path,
		.command = c->verb,
		.cni_path = s->dir,
		.args = c->args,
		.env = c->env,
		.in = c->conf,
		.in_len = c->conf ? strlen(c->conf) : 0,
	};

	if ((size_t)snprintf(path, PATH_MAX, "%s/%s", s->dir, c->type) >= PATH_MAX)
		die(c->type);
	if (c->pod) {
		call.container_id = c->pod->id;
		call.netns = c->netns ? c->netns : c->pod->netns;
		call.ifname = c->ifname ? c->ifname : "eth0";
	}
	return call;
}

void suite_exec(const struct suite *s, const struct suite_call *c, struct plugin_run *ret)
{
	char path[PATH_MAX];
	struct plugin_call call = suite_call(s, c, path);
	int r = plugin_exec(&call, ret);

	if (r < 0) {
		errno = -r;
		die(path);
	}
}

const char *suite_newest(const struct suite *s)
{
	struct suite_call c = { .type = "host-local", .verb = "VERSION" };
	struct plugin_run run;
	bool newest;

	suite_exec(s, &c, &run);
	newest = strstr(run.out, "\"1.1.0\"");
	plugin_run_free(&run);
	return newest ? "1.1.0" : "1.0.0";
}

json_t *run_json(const struct plugin_run *run)
{
	return json_loadb(run->out, run->out_len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
}

static const char *error_problem(const struct plugin_run *run)
{
	json_t *doc = run_json(run), *code = json_object_get(doc, "code"),
	       *msg = json_object_get(doc, "msg");
	const char *why = NULL;

	if (run->out_len == 0)
		why = "exit 1 with nothing on stdout";
	else if (!doc)
		why = "exit 1 and stdout is not one JSON document";
	else if (!json_is_integer(code) || json_integer_value(code) <= 0)
		why = "an error without a positive code";
	else if (json_string_length(msg) == 0)
		why = "an error without msg";
	json_decref(doc);
	return why;
}

static bool all_strings(const json_t *list)
{
	json_t *one;
	size_t i;

	if (list && !json_is_array(list))
		return false;
	json_array_foreach(list, i, one) {
		if (!json_is_string(one) && !json_is_null(one)) /* Go reads null as "" */
			return false;
	}
	return true;
}

/* What libcni's decoder would not take, in the part that comes straight from the configuration. */
static bool dns_sane(const json_t *dns)
{
	const json_t *domain = json_object_get(dns, "domain");

	return (!dns || json_is_object(dns)) && (!domain || json_is_string(domain)) &&
	       all_strings(json_object_get(dns, "nameservers")) &&
	       all_strings(json_object_get(dns, "search")) &&
	       all_strings(json_object_get(dns, "options"));
}

static const char *success_problem(const struct plugin_run *run, const char *verb)
{
	json_t *doc;
	const char *why = NULL;

	if (strcmp(verb, "ADD") != 0)
		return run->out_len == 0 ? NULL : "exit 0 with something on stdout";
	doc = run_json(run);
	if (!json_is_object(doc) || json_object_get(doc, "code"))
		why = "exit 0 and stdout is not one result document";
	else if (!dns_sane(json_object_get(doc, "dns")))
		why = "a result whose dns no runtime can decode";
	json_decref(doc);
	return why;
}

const char *run_problem(const struct plugin_run *run, const char *verb)
{
	if (run->late)
		return "no answer in time";
	if (run->signal)
		return "killed by a signal";
	if (strstr(run->err, "Sanitizer") || strstr(run->err, "runtime error:"))
		return "a sanitizer's report";
	if (run->rc == 0)
		return success_problem(run, verb);
	if (run->rc == 1)
		return error_problem(run);
	return "an exit code other than 0 and 1";
}

const char *run_brief(const struct plugin_run *run)
{
	static _Thread_local char ring[4][1024];
	static _Thread_local unsigned int next;
	char *text = ring[next++ % 4];
	const char *out = run->out_len ? run->out : run->err;
	size_t n = (size_t)snprintf(text, 256, "exit %d%s%s%s: ", run->rc,
	                            run->signal ? ", signal " : "",
	                            run->signal ? strsignal(run->signal) : "",
	                            run->late ? " (deadline)" : "");
	bool space = false;

	for (const char *p = out; *p && n < sizeof(ring[0]) - 1; p++) {
		bool blank = strchr(" \t\r\n", *p);

		if (!blank || !space)
			text[n++] = blank ? ' ' : *p;
		space = blank;
	}
	text[n] = '\0';
	return text;
}

bool text_matches(const char *pattern, const char *text)
{
	const char *star = strchr(pattern, '*');
	size_t head = star ? (size_t)(star - pattern) : strlen(pattern);

	if (strncmp(pattern, text, head) != 0)
		return false;
	if (!star)
		return text[head] == '\0';
	for (text += head;; text++) {
		if (text_matches(star + 1, text))
			return true;
		if (!*text)
			return false;
	}
}

char *textf(const char *fmt, ...)
{
	char *text;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		die("memory");
	va_end(ap);
	return text;
}

char *with_prev(const char *conf, const char *result)
{
	const char *end = strrchr(conf, '}');

	return textf("%.*s,\"prevResult\":%s}", end ? (int)(end - conf) : 0, conf, result);
}
