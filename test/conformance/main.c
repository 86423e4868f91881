/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * main.c - cni-conformance: does a folder of CNI plugins do what the specification and its users rely on?
 *
 * Every check runs in a node of its own (node.c), several at a time; the rows of a case that says it is "shared" run one after
 * the other in one node. The outcomes are what the node's process leaves in an anonymous file, one JSON array a line.
 */
#include "test/conformance/report.h"
#include "test/conformance/run.h"
#include "test/lib/plugin_suite.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define JOBS_MAX 16
#define SECONDS  30 /* for one check, if the case does not say */

struct options {
	const char *plugins, *cases;
	struct plan_filter filter;
	bool json, list, control, markdown, times;
	size_t jobs;
};

struct slot {
	pid_t pid;
	size_t check, n; /* so many checks from there on */
	int fd;          /* the outcomes */
	time_t end;
	struct timespec start;
};

static const char usage[] =
	"usage: cni-conformance --plugins DIR [--only TYPE] [--family F] [--case NAME] [--json]\n"
	"	[--markdown] [--control] [--list] [--cases DIR] [--jobs N] [--times]\n";

static void parse(int argc, char *argv[], struct options *o)
{
	static const struct option names[] = {
		{ "plugins", required_argument, NULL, 'p' },
		{ "only", required_argument, NULL, 'o' },
		{ "family", required_argument, NULL, 'f' },
		{ "case", required_argument, NULL, 'c' },
		{ "cases", required_argument, NULL, 'd' },
		{ "json", no_argument, NULL, 'j' },
		{ "list", no_argument, NULL, 'l' },
		{ "control", no_argument, NULL, 'C' },
		{ "markdown", no_argument, NULL, 'm' },
		{ "jobs", required_argument, NULL, 'J' },
		{ "times", no_argument, NULL, 't' },
		{ NULL, 0, NULL, 0 },
	};
	const char **texts[128] = { ['p'] = &o->plugins,
		                    ['o'] = &o->filter.only,
		                    ['f'] = &o->filter.family,
		                    ['c'] = &o->filter.name,
		                    ['d'] = &o->cases };
	bool *flags[128] = { ['j'] = &o->json,
		             ['l'] = &o->list,
		             ['C'] = &o->control,
		             ['m'] = &o->markdown,
		             ['t'] = &o->times };
	int c;

	while ((c = getopt_long(argc, argv, "", names, NULL)) >= 0) {
		if (texts[c & 127])
			*texts[c & 127] = optarg;
		else if (flags[c & 127])
			*flags[c & 127] = true;
		else if (c == 'J')
			o->jobs = strtoul(optarg, NULL, 10);
		else
			die("%s", usage);
	}
	if (!o->plugins || optind < argc)
		die("%s", usage);
	if (o->jobs < 1 || o->jobs > JOBS_MAX)
		die("--jobs is 1 to %d", JOBS_MAX);
}

/* Where the cases are: beside the sources that the program was built from, wherever it is called. */
static char *cases_folder(const char *option)
{
	char exe[PATH_MAX] = "";
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

	if (option || access("test/conformance/types.json", R_OK) == 0)
		return strdup(option ? option : "test/conformance");
	if (n > 0)
		*strrchr(exe, '/') = '\0';
	return textf("%s/../../test/conformance", exe);
}

static void list_checks(const struct plan *p)
{
	for (size_t i = 0; i < p->n; i++)
		printf("%-12s %s/%s%s%s\n", p->check[i].type, p->check[i].family, p->check[i].name,
		       *p->check[i].row_name ? ": " : "", p->check[i].row_name);
	printf("%zu checks, %zu cases\n", p->n, json_array_size(p->cases));
}

/* How many checks from there on share a node. */
static size_t group_size(const struct plan *p, size_t i)
{
	size_t n = 1;

	while (json_is_true(json_object_get(p->check[i].doc, "shared")) && i + n < p->n &&
	       p->check[i + n].doc == p->check[i].doc && p->check[i + n].type == p->check[i].type)
		n++;
	return n;
}

static _Noreturn void work(const struct plan *p, const struct slot *s)
{
	struct plan here = *p;

	here.plugins = node_enter(p->plugins);
	for (size_t i = 0; i < s->n; i++) {
		char *text = NULL;
		int code = run_check(&here, &p->check[s->check + i], &text);
		json_t *out = json_pack("[i,s]", code, text ? text : "");

		(void)json_dumpfd(out, s->fd, JSON_COMPACT);
		(void)!write(s->fd, "\n", 1);
		json_decref(out);
		free(text);
	}
	_exit(0);
}

static void start(const struct plan *p, size_t i, struct slot *s)
{
	json_int_t seconds = json_integer_value(json_object_get(p->check[i].doc, "seconds"));
	pid_t self = getpid();

	(void)fflush(NULL);
	s->fd = plugin_memfd(NULL, 0);
	s->check = i;
	s->n = group_size(p, i);
	s->end = time(NULL) + (seconds ? seconds : SECONDS);
	clock_gettime(CLOCK_MONOTONIC, &s->start);
	s->pid = fork();
	if (s->pid < 0 || s->fd < 0)
		die("fork: %s", strerror(errno));
	if (s->pid > 0)
		return;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != self)
		_exit(RUN_BROKEN);
	work(p, s);
}

/* What has no outcome was not reached: the file of the case is wrong, the kernel lacks something, or it took too long. */
static void finish(struct slot *s, int status, struct outcome *o)
{
	size_t len;
	char *all = plugin_slurp(s->fd, &len), *at = all;

	for (size_t i = 0; i < s->n; i++) {
		json_t *line = json_loads(at ? at : "", JSON_DISABLE_EOF_CHECK, NULL);
		const char *text = "the check could not be carried out, see above";

		o[i].code = RUN_BROKEN;
		if (line) {
			o[i].code = (int)json_integer_value(json_array_get(line, 0));
			text = json_string_value(json_array_get(line, 1));
			at = strchr(at, '\n') ? strchr(at, '\n') + 1 : NULL;
		} else if (WIFSIGNALED(status)) {
			text = "took too long";
		}
		o[i].text = strdup(text);
		json_decref(line);
	}
	free(all);
	close(s->fd);
	s->pid = 0;
}

static void print_time(const struct plan *p, const struct slot *s)
{
	const struct check *c = &p->check[s->check];
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	(void)fprintf(stderr, "%6.0f ms %s %s/%s %s\n",
	              (double)(now.tv_sec - s->start.tv_sec) * 1e3 +
	                      (double)(now.tv_nsec - s->start.tv_nsec) / 1e6,
	              c->type, c->family, c->name, c->row_name);
}

/* Returns how many have ended; those that are late are killed first. */
static size_t collect(const struct plan *p, struct slot *slot, const struct options *opt,
                      struct outcome *o)
{
	size_t ended = 0;
	siginfo_t info;
	int status;

	info.si_pid = 0;
	if (waitid(P_ALL, 0, &info, WEXITED | WNOWAIT | WNOHANG) == 0 && info.si_pid == 0) {
		const struct timespec tick = { 0, 1000000 };

		nanosleep(&tick, NULL);
	}
	for (size_t i = 0; i < opt->jobs; i++) {
		if (slot[i].pid > 0 && time(NULL) > slot[i].end)
			(void)kill(slot[i].pid, SIGKILL);
		if (slot[i].pid == 0 || waitpid(slot[i].pid, &status, WNOHANG) <= 0)
			continue;
		if (opt->times)
			print_time(p, &slot[i]);
		finish(&slot[i], status, &o[slot[i].check]);
		ended += slot[i].n;
	}
	return ended;
}

static void run_all(const struct plan *p, const struct options *opt, struct outcome *o)
{
	struct slot slot[JOBS_MAX] = { { .pid = 0 } };
	size_t next = 0, ended = 0;

	while (ended < p->n) {
		for (size_t i = 0; i < opt->jobs && next < p->n; i++) {
			if (slot[i].pid != 0)
				continue;
			start(p, next, &slot[i]);
			next += slot[i].n;
		}
		ended += collect(p, slot, opt, o);
	}
}

/* What types.json knows and the folder has not. */
static void print_absent(const struct plan *p)
{
	const char *name;
	json_t *v;

	json_object_foreach(json_object_get(p->types, "types"), name, v) {
		bool has = false;

		for (size_t i = 0; i < p->n_types; i++)
			has = has || strcmp(p->type[i], name) == 0;
		if (!has)
			printf("not in the folder: %s\n", name);
	}
}

static void report(const struct plan *p, const struct options *opt, const struct outcome *o,
                   struct verdict *v)
{
	report_lines(p, o, !opt->json && !opt->markdown, v);
	if (opt->json) {
		report_json(p, o, v);
		return;
	}
	if (!opt->markdown && !opt->filter.only)
		print_absent(p);
	report_table(p, o, opt->markdown);
	if (opt->markdown) {
		printf("\n");
		report_deviations(p, o);
		return;
	}
	printf("conformance: %zu passed, %zu failed, %zu skipped\n", v->passed, v->failed,
	       v->skipped);
}

int main(int argc, char *argv[])
{
	struct options opt = { .jobs = 8 };
	struct verdict v = { .passed = 0 };
	char plugins[PATH_MAX], *cases;
	struct outcome *o;
	struct plan p;

	parse(argc, argv, &opt);
	v.control = opt.control;
	if (!realpath(opt.plugins, plugins))
		die("%s: %s", opt.plugins, strerror(errno));
	cases = cases_folder(opt.cases);
	plan_read(&p, cases, plugins, &opt.filter);
	o = calloc(p.n, sizeof(*o));
	if (!o)
		die("memory");
	if (opt.list) {
		list_checks(&p);
	} else {
		run_all(&p, &opt, o);
		report(&p, &opt, o, &v);
	}
	for (size_t i = 0; i < p.n; i++)
		free(o[i].text);
	free(o);
	free(cases);
	plan_free(&p);
	return v.failed > 0;
}
