/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * soak.c - thousands of pods in bad weather, 16 callers at a time: afterwards the node is as before
 *
 *	soak -d PLUGINS [-n PODS] [-j CALLERS] [-s SEED]
 *
 * To be run on a node (test/lib/node). Each pod has a network namespace of its own and everything that type cnida has: bridge, both
 * families, masquerade, host port, limits on both ways, firewall, network policy. A pod is added, sometimes checked, and removed; some
 * calls die by SIGKILL, some get hardly any file descriptors, some pods lose their namespace first. Meanwhile the weather changes:
 *
 *	flush		nft flush ruleset
 *	apply		another network policy
 *	full		the store's file system has no room left
 *	read-only	nor can it be written to
 *
 * In fair weather, ADD and DEL of a caller that was not disturbed must succeed. In any weather each answer that was not cut short
 * is a good one, and a DEL that failed succeeds later. In the end no link, namespace, element, qdisc, pin, program, map or file is more than
 * before, and the kernel's own memory has not grown.
 */
#include "test/soak/node.h"

#include "test/lib/plugin_chain.h"
#include "test/lib/plugin_suite.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CALLERS_MAX 32U
#define TRIES       400U /* of a DEL, each 25 ms later than the one before */
#define PODS        10000U
#define CALLERS     16U

struct count {
	unsigned int pods, kills, starved, lost, checks, adds_refused, dels_refused, wrong;
};

/* Shared by all processes. */
static struct {
	unsigned int next, stop;
	struct count n;
	unsigned int weather; /* odd: bad; counts changes */
	struct soak_weather said;
} * all;

static struct {
	struct suite s;
	struct chain list;
	uint64_t rng;
	unsigned int caller;
} me;

static void add_to(unsigned int *n)
{
	__atomic_fetch_add(n, 1, __ATOMIC_RELAXED);
}

/* splitmix64 */
static uint64_t rnd(uint64_t below)
{
	uint64_t z = me.rng += 0x9e3779b97f4a7c15U;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
	return (z ^ (z >> 31)) % below;
}

static bool chance(unsigned int percent)
{
	return rnd(100) < percent;
}

/* ---- a call ---- */

struct fate {
	unsigned int kill_us; /* 0: it lives */
	unsigned int fds;     /* 0: as many as it likes */
};

static int run_plugin(struct plugin_call *call, size_t step, void *arg, struct plugin_run *ret)
{
	const struct fate *fate = arg;
	char *limit = NULL;
	const char *const argv[] = { "prlimit",
		                     limit = textf("--nofile=%u:%u", fate->fds, fate->fds),
		                     call->path, NULL };
	int r;

	(void)step;
	call->kill_us = fate->kill_us;
	if (fate->fds) {
		call->argv = argv;
		call->path = "/usr/bin/prlimit";
	}
	r = plugin_exec(call, ret);
	free(limit);
	return r;
}

static struct fate some_fate(unsigned int percent)
{
	struct fate fate = { 0 };

	if (chance(percent))
		fate.kill_us = (100U << rnd(8)) + (unsigned int)rnd(300);
	else if (chance(4))
		fate.fds = 3 + (unsigned int)rnd(14);
	return fate;
}

/* A verb; 0 for success, 1 for a refusal, 2 for a death. *ret_fair: nothing disturbed it. */
static int call_verb(const char *verb, const struct pod *pod, const char *prev,
                     const struct fate *fate, char **ret_result, bool *ret_fair)
{
	struct chain_exec exec = { run_plugin, (void *)(uintptr_t)fate };
	char *runtime = chain_runtime(20000 + me.caller),
	     *args = textf("IgnoreUnknown=1;K8S_POD_NAMESPACE=soak;K8S_POD_NAME=pod-%u", me.caller);
	struct chain_verb v = {
		.verb = verb, .pod = pod, .runtime = runtime, .prev = prev, .args = args
	};
	_cleanup_run_ struct plugin_run run = { 0 };
	unsigned int before = __atomic_load_n(&all->weather, __ATOMIC_SEQ_CST);
	const char *problem;
	int r = chain_run(&me.list, &v, &exec, ret_result, &run);

	free(runtime);
	free(args);
	*ret_fair = !fate->kill_us && !fate->fds && !(before & 1) &&
	            __atomic_load_n(&all->weather, __ATOMIC_SEQ_CST) == before;
	if (fate->kill_us && run.signal == SIGKILL && !run.late) {
		add_to(&all->n.kills);
		return 2;
	}
	if (fate->fds)
		add_to(&all->n.starved);
	/* With three descriptors there may be nothing left to say it with. */
	problem = r < 0 ? "it could not be run" : run_problem(&run, verb);
	if (problem && !fate->fds) {
		add_to(&all->n.wrong);
		printf("not ok %s: expected a good answer, found %s: %s\n", verb, problem,
		       run_brief(&run));
	}
	if (r != 0 && *ret_fair && (strcmp(verb, "ADD") == 0 || strcmp(verb, "DEL") == 0)) {
		add_to(&all->n.wrong);
		printf("not ok %s in fair weather: expected success, found %s\n", verb,
		       run_brief(&run));
	}
	return r != 0;
}

/* ---- a pod ---- */

static void remove_pod(const struct pod *pod, const char *result)
{
	for (unsigned int i = 0; i < TRIES; i++) {
		struct fate fate = some_fate(i < 3 ? 15 : 0);
		bool fair;
		int r;

		if (i >= 3)
			fate.fds = 0;
		r = call_verb("DEL", pod, chance(70) ? result : NULL, &fate, NULL, &fair);
		if (r == 0 && !fate.fds)
			return;
		if (r == 1) {
			add_to(&all->n.dels_refused);
			usleep(25000);
		}
	}
	add_to(&all->n.wrong);
	printf("not ok DEL: expected success after %u tries, found none\n", TRIES);
}

static void one_pod(unsigned int number)
{
	char *name = textf("soak-%u", number), *result = NULL;
	struct pod pod, gone;
	struct fate fate;
	bool fair, lost;

	if (pod_create(name, &pod) < 0)
		exit(2);
	free(name);
	for (unsigned int i = 0; i < 3; i++) {
		int r;

		fate = some_fate(20);
		free(result);
		result = NULL;
		r = call_verb("ADD", &pod, NULL, &fate, &result, &fair);
		if (r == 0 && result)
			break;
		if (r == 1)
			add_to(&all->n.adds_refused);
		remove_pod(&pod, NULL);
	}
	if (result && chance(15)) {
		fate = (struct fate) { 0 };
		add_to(&all->n.checks);
		(void)call_verb("CHECK", &pod, result, &fate, NULL, &fair);
	}
	gone = pod;
	lost = chance(10);
	if (lost) {
		add_to(&all->n.lost);
		pod_destroy(&pod);
	}
	remove_pod(&gone, result);
	if (!lost)
		pod_destroy(&pod);
	free(result);
}

static void caller(unsigned int which, unsigned int pods)
{
	unsigned int number;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	me.caller = which;
	me.rng += which * 0x100000001b3U;
	while ((number = __atomic_fetch_add(&all->next, 1, __ATOMIC_RELAXED)) < pods) {
		one_pod(number);
		add_to(&all->n.pods);
	}
	fflush(NULL);
	_exit(0);
}

/* ---- the weather ---- */

static void weather_changes(void)
{
	__atomic_add_fetch(&all->weather, 1, __ATOMIC_SEQ_CST);
}

static void weather(const char *dir)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (unsigned int i = 0; !__atomic_load_n(&all->stop, __ATOMIC_SEQ_CST); i++) {
		usleep(500000);
		weather_changes();
		soak_bad_weather(i, dir, &all->said);
		/* Whoever began in it is let go before it counts as fair again. */
		weather_changes();
	}
	_exit(0);
}

/* ---- all of it ---- */

static void start(unsigned int callers, unsigned int pods, pid_t *ret_weather)
{
	fflush(NULL);
	*ret_weather = fork();
	if (*ret_weather == 0)
		weather(me.s.dir);
	for (unsigned int i = 0; i < callers; i++)
		if (fork() == 0)
			caller(i, pods);
}

static void wait_all(unsigned int callers, pid_t weather_pid)
{
	unsigned int ended = 0;
	int status;

	while (ended < callers) {
		pid_t pid = wait(&status);

		if (pid < 0 && errno == ECHILD)
			break;
		if (pid == weather_pid || pid < 0)
			continue;
		ended++;
		if (status != 0) {
			add_to(&all->n.wrong);
			printf("not ok a caller: expected its end, found wait status 0x%x\n",
			       (unsigned int)status);
		}
	}
	__atomic_store_n(&all->stop, 1, __ATOMIC_SEQ_CST);
	while (waitpid(weather_pid, &status, 0) < 0 && errno == EINTR)
		;
}

/* What the first pod makes for all that come later, and what a flush took: one quiet pod, all of whose calls must succeed. */
static void quiet_pod(const char *name)
{
	static const struct fate none;
	struct pod pod;
	char *result = NULL;
	bool fair;

	if (pod_create(name, &pod) < 0)
		exit(2);
	if (call_verb("ADD", &pod, NULL, &none, &result, &fair) == 0)
		(void)call_verb("CHECK", &pod, result, &none, NULL, &fair);
	(void)call_verb("DEL", &pod, result, &none, NULL, &fair);
	pod_destroy(&pod);
	free(result);
}

static void make_list(void)
{
	struct chain_site site = { .dir = me.s.dir,
		                   .version = suite_newest(&me.s),
		                   .network = "soak",
		                   .bridge = "soak0",
		                   .policy = "same-bridge",
		                   .data_dir = SOAK_STORE,
		                   .v4 = "10.80.0.0/22",
		                   .v6 = "fd00:80::/64" };
	char *keys;

	chain_one(&me.list, &site);
	keys = textf("%s,\"policy\":{\"backend\":\"ebpf\"}", me.list.step[0].keys);
	free(me.list.step[0].keys);
	me.list.step[0].keys = keys;
}

static void tell(double seconds)
{
	const struct count *n = &all->n;
	const struct soak_weather *w = &all->said;

	printf("count: pods %u\ncount: kills %u\ncount: calls with few descriptors %u\ncount: namespaces lost %u\n"
	       "count: checks %u\ncount: flushes %u\ncount: policies applied %u\ncount: full disks %u\n"
	       "count: read-only stores %u\ncount: ADD refused in bad weather %u\ncount: DEL refused in bad weather %u\n"
	       "count: seconds %.0f\n",
	       n->pods, n->kills, n->starved, n->lost, n->checks, w->flushes, w->applies, w->full,
	       w->read_only, n->adds_refused, n->dels_refused, seconds);
}

int main(int argc, char **argv)
{
	unsigned int pods = PODS, callers = CALLERS;
	const char *dir = getenv("CNI_BIN_DIR");
	struct timespec begin, end;
	struct soak_node *before;
	pid_t weather_pid;
	int opt;

	me.rng = (uint64_t)time(NULL);
	while ((opt = getopt(argc, argv, "d:n:j:s:")) >= 0) {
		if (opt == 'd')
			dir = optarg;
		else if (opt == 'n')
			pods = (unsigned int)atoi(optarg);
		else if (opt == 'j')
			callers = (unsigned int)atoi(optarg);
		else if (opt == 's')
			me.rng = strtoull(optarg, NULL, 10);
		else
			return 2;
	}
	if (!dir || callers < 1 || callers > CALLERS_MAX)
		return 2;
	printf("soak: seed %llu\n", (unsigned long long)me.rng);
	suite_start(&me.s, "soak", dir);
	all = mmap(NULL, sizeof(*all), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (all == MAP_FAILED)
		return 2;
	soak_node_begin(me.s.dir);
	make_list();
	for (unsigned int i = 0; i < 3; i++)
		quiet_pod("soak-first");
	/* As it will be in the end: before the first pod there were no tables to fill. */
	soak_fair_weather(me.s.dir);
	quiet_pod("soak-first");
	before = soak_node_take(me.s.dir);
	clock_gettime(CLOCK_MONOTONIC, &begin);
	start(callers, pods, &weather_pid);
	wait_all(callers, weather_pid);
	clock_gettime(CLOCK_MONOTONIC, &end);
	soak_fair_weather(me.s.dir);
	quiet_pod("soak-last");
	soak_collect(me.s.dir);
	expect(&me.s, all->n.wrong == 0, "answers", "none is wrong", "%u", all->n.wrong);
	expect(&me.s, all->n.pods == pods, "pods", "all of them", "%u of %u", all->n.pods, pods);
	expect(&me.s, all->said.refused == 0, "policy apply", "no failure", "%u",
	       all->said.refused);
	soak_node_compare(&me.s, before, pods);
	tell((double)(end.tv_sec - begin.tv_sec));
	chain_free(&me.list);
	printf("soak: %u passed, %u failed, %u skipped\n", me.s.passed, me.s.failed, me.s.skipped);
	return me.s.failed > 0;
}
