/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * main.c - crash: commands that die at, or are refused, each of their system calls; what is left?
 *
 *	crash [--plugins DIR] [--verb V] [--mode M] [--every K] [--seed S] [--jobs J]
 *	      [--call N] [--fault kill-before|kill-after|ERRNO]
 *
 * README.md says what is tried and what must hold. The matrix is cut into slices; each is done by a process with a node of its
 * own, --jobs of them at a time, since a removal mostly waits for the kernel. The last line is "crash: N passed, N failed, N
 * skipped", lines that begin with "count: " say what was tried.
 */
#include "test/crash/crash.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define JOBS_MAX   16
#define SLICE_GOAL 400 /* cases of a slice; its node costs as much as a few dozen */
#define SLICES_MAX 64
#define SAMPLE     50 /* every so manieth case, or fewer */

struct options {
	char plugins[PATH_MAX];
	const char *verb, *mode, *fault;
	unsigned int every, seed, jobs, call;
};

struct slice {
	const struct scenario *scenario;
	enum node_mode mode;
	unsigned int number, of;
};

static struct options opt = { .every = 1, .jobs = 8 };
static struct tally *tally;

/* ---- a slice ------------------------------------------------------------------------------------- */

static struct fault fault_of(unsigned int index)
{
	const unsigned int kind = index % FAULTS;

	return (struct fault) {
		.kind = kind == 0   ? FAULT_KILL_BEFORE
		        : kind == 1 ? FAULT_KILL_AFTER
		                    : FAULT_ERROR,
		.n = index / FAULTS + 1,
		.error = kind < 2 ? 0 : error_names[kind - 2].number,
	};
}

static const char *fault_name(const struct fault *f)
{
	if (f->kind == FAULT_KILL_BEFORE)
		return "kill-before";
	if (f->kind == FAULT_KILL_AFTER)
		return "kill-after";
	for (int i = 0; i < ERRORS; i++) {
		if (error_names[i].number == f->error)
			return error_names[i].name;
	}
	return "?";
}

/* Each kind of fault at every so manieth call, whatever the number, and not all at the same ones. @every: beside what was asked for. */
static bool chosen(unsigned int k, const struct fault *f, unsigned int every)
{
	if (opt.call && f->n != opt.call)
		return false;
	if (opt.fault && strcmp(opt.fault, fault_name(f)) != 0)
		return false;
	return (f->n + 7 * k * k + k + opt.seed) % (opt.every * every) == 0;
}

static void add(unsigned int *counter)
{
	__atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

static void count(struct worker *w)
{
	const enum scenario_id id = w->scenario->id;

	if (was_killed(w)) {
		add(&tally->killed[id]);
		return;
	}
	for (int i = 0; i < ERRORS; i++) {
		if (error_names[i].number == w->fault.error)
			add(&tally->refused[id][i]);
	}
	if (w->run.run.rc == 0)
		add(&tally->ended_well[id]);
}

/* After something went wrong: no follow-up failures. */
static void start_over(struct worker *w)
{
	struct node_call c;
	struct plugin_run run;

	for (int i = 0; i < PODS; i++) {
		node_verb(&w->node, "DEL", (enum pod_name)i, &c);
		node_detached(&w->node, (enum pod_name)i);
		node_run(&c, &run);
		node_call_free(&c);
		plugin_run_free(&run);
	}
	w->scenario->begin(w);
}

/* Return: the fault happened. */
static bool one_case(struct worker *w)
{
	bool hit;

	w->bad = false;
	memset(&w->run, 0, sizeof(w->run));
	w->scenario->prepare(w);
	worker_run(w);
	hit = w->run.hit;
	if (hit) {
		w->scenario->judge(w);
		count(w);
		add(w->bad ? &tally->failed : &tally->passed);
	} else {
		/* Without a fault as good as ever, or it is not worth the name. */
		if (w->run.run.rc != 0)
			wrong(w, "success without a fault", "rc %d: %s %s", w->run.run.rc,
			      w->run.run.out, w->run.run.err);
		w->scenario->settle(w);
		if (w->bad)
			add(&tally->failed);
	}
	plugin_run_free(&w->run.run);
	if (w->bad)
		start_over(w);
	return hit;
}

/* Return: the call was made. */
static bool run_row(struct worker *w, const struct row *r, unsigned int nth)
{
	w->fault = (struct fault) {
		.kind = r->error ? FAULT_ERROR : FAULT_KILL_BEFORE,
		.n = nth,
		.error = r->error,
		.call = r->call,
	};
	return one_case(w);
}

/* Those that this slice's node can try. */
static void run_rows(struct worker *w)
{
	for (size_t i = 0; i < n_rows; i++) {
		const struct row *r = &rows[i];
		unsigned int nth = r->nth ? r->nth : 1;

		if (r->scenario != w->scenario->id || r->mode != w->node.mode)
			continue;
		while (run_row(w, r, nth) && !r->nth)
			nth++;
		if (w->run.hit || nth > 1)
			continue;
		add(&tally->skipped);
		printf("skip: crash: %s, %s: the command no longer makes call %u of \"%s\"\n",
		       w->scenario->name, mode_names[w->node.mode], nth, r->call);
		fflush(stdout);
	}
}

static void run_slice(const struct slice *s)
{
	static struct worker w;
	const unsigned int every = opt.call || opt.fault ? 1 : s->scenario->every;
	unsigned int mine = 0;

	w = (struct worker) { .scenario = s->scenario, .tally = tally };
	node_open(&w.node, opt.plugins, s->mode);
	s->scenario->begin(&w);
	if (w.bad) {
		add(&tally->failed);
		return;
	}
	if (s->number == 0 && !opt.call && !opt.fault)
		run_rows(&w);
	for (unsigned int n = 1, missed = 0; !missed; n++) {
		for (unsigned int k = 0; k < FAULTS; k++) {
			const unsigned int index = (n - 1) * FAULTS + k;

			w.fault = fault_of(index);
			if (!chosen(k, &w.fault, every) || mine++ % s->of != s->number)
				continue;
			/* Beyond the last call; a call that cannot fail was counted but not hit. */
			if (!one_case(&w) && w.run.calls < n)
				missed++;
		}
		if (n > 20000)
			break;
	}
}

/* ---- all slices ---------------------------------------------------------------------------------- */

static unsigned int calls_of(const struct scenario *sc, enum node_mode mode)
{
	unsigned int *calls = mmap(NULL, sizeof(*calls), PROT_READ | PROT_WRITE,
	                           MAP_SHARED | MAP_ANONYMOUS, -1, 0),
		     ret;
	pid_t pid;

	if (calls == MAP_FAILED)
		exit(2);
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		static struct worker w;

		w = (struct worker) { .scenario = sc, .tally = tally };
		node_open(&w.node, opt.plugins, mode);
		sc->begin(&w);
		if (!w.bad)
			(void)one_case(&w);
		*calls = w.run.calls;
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, NULL, 0) < 0)
		exit(2);
	ret = *calls;
	munmap(calls, sizeof(*calls));
	return ret;
}

static size_t plan(struct slice *ret, size_t max)
{
	size_t n = 0;

	for (int i = 0; i < SCENARIOS; i++) {
		for (int m = 0; m < MODES; m++) {
			const struct scenario *sc = &scenarios[i];
			unsigned int calls, cases, of;

			if (!sc->name || (opt.verb && strcmp(opt.verb, sc->name) != 0) ||
			    (opt.mode && strcmp(opt.mode, mode_names[m]) != 0))
				continue;
			/* A small sample is one slice, however many they are. */
			calls = opt.call || opt.every >= SAMPLE ? 1
			                                        : calls_of(sc, (enum node_mode)m);
			if (calls > 1)
				printf("%s, %s: %u system calls\n", sc->name, mode_names[m], calls);
			cases = calls * FAULTS / opt.every / sc->every;
			of = 1 + cases / SLICE_GOAL;
			for (unsigned int k = 0; k < of && n < max; k++)
				ret[n++] = (struct slice) { sc, (enum node_mode)m, k, of };
		}
	}
	return n;
}

static void reap(void)
{
	int status;

	while (wait(&status) < 0 && errno == EINTR) {
	}
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		printf("FAIL crash: a worker ended with wait status 0x%x\n", (unsigned int)status);
		add(&tally->failed);
	}
}

static void run_all(const struct slice *slices, size_t n)
{
	unsigned int running = 0;

	for (size_t i = 0; i < n; i++) {
		pid_t pid;

		if (running == opt.jobs) {
			reap();
			running--;
		}
		fflush(NULL);
		pid = fork();
		if (pid == 0) {
			run_slice(&slices[i]);
			_exit(0);
		}
		if (pid < 0)
			exit(2);
		running++;
	}
	for (; running > 0; running--)
		reap();
}

static void tell(void)
{
	for (int i = 0; i < SCENARIOS; i++) {
		unsigned int all = 0;

		for (int k = 0; k < ERRORS; k++)
			all += tally->refused[i][k];
		if (!all && !tally->killed[i])
			continue;
		printf("count: %s: %u kills; %u system calls failed (", scenarios[i].name,
		       tally->killed[i], all);
		for (int k = 0; k < ERRORS; k++)
			printf("%s%s %u", k ? ", " : "", error_names[k].name, tally->refused[i][k]);
		printf("), %u did not matter\n", tally->ended_well[i]);
	}
	printf("crash: %u passed, %u failed, %u skipped\n", tally->passed, tally->failed,
	       tally->skipped);
}

/* ---- options ------------------------------------------------------------------------------------- */

static void usage(void)
{
	fprintf(stderr,
	        "usage: crash [--plugins DIR] [--verb ADD|DEL|CHECK|GC|apply|first] "
	        "[--mode bridge|ptp] [--every K] [--seed S]\n"
	        "             [--jobs J] [--call N] [--fault kill-before|kill-after|ERRNO]\n");
	exit(2);
}

/* build/bin beside build/test. */
static void default_plugins(void)
{
	char self[PATH_MAX - 16];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	self[n > 0 ? n : 0] = '\0';
	for (int i = 0; i < 2 && strrchr(self, '/'); i++)
		*strrchr(self, '/') = '\0';
	snprintf(opt.plugins, sizeof(opt.plugins), "%s/bin", self);
}

static void parse(int argc, char **argv)
{
	static const struct option known[] = {
		{ "plugins", required_argument, NULL, 'p' },
		{ "verb", required_argument, NULL, 'v' },
		{ "mode", required_argument, NULL, 'm' },
		{ "every", required_argument, NULL, 'e' },
		{ "seed", required_argument, NULL, 's' },
		{ "jobs", required_argument, NULL, 'j' },
		{ "call", required_argument, NULL, 'c' },
		{ "fault", required_argument, NULL, 'f' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	default_plugins();
	while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
		const unsigned int number = optarg ? (unsigned int)strtoul(optarg, NULL, 10) : 0;

		if (c == 'p' && !realpath(optarg, opt.plugins))
			usage();
		else if (c == 'v')
			opt.verb = optarg;
		else if (c == 'm')
			opt.mode = optarg;
		else if (c == 'f')
			opt.fault = optarg;
		else if (c == 'e')
			opt.every = number;
		else if (c == 's')
			opt.seed = number;
		else if (c == 'j')
			opt.jobs = number;
		else if (c == 'c')
			opt.call = number;
		else if (c == '?')
			usage();
	}
	if (optind != argc || !opt.every || !opt.jobs || opt.jobs > JOBS_MAX)
		usage();
}

int main(int argc, char **argv)
{
	static struct slice slices[SLICES_MAX * SCENARIOS * MODES];
	size_t n;

	parse(argc, argv);
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!fault_supported()) {
		printf("skip: crash: system calls cannot be skipped on this processor\n"
		       "crash: 0 passed, 0 failed, 1 skipped\n");
		return 0;
	}
	tally = mmap(NULL, sizeof(*tally), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
	             0);
	if (tally == MAP_FAILED)
		return 2;
	n = plan(slices, sizeof(slices) / sizeof(slices[0]));
	if (!n)
		usage();
	run_all(slices, n);
	tell();
	return tally->failed > 0;
}
