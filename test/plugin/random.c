/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * random.c - random sequences of verbs, many of them killed half-way, by several callers at once: nothing is left
 *
 * Two networks, one of four chained plugins and one of the type cnida, with eight pods each. A worker takes a pod and
 * gives it a few random verbs. About a third of them die by SIGKILL, at a random system call of a random plugin of the
 * list (ptrace) or a random time after its start. Pods lose their namespace, previous results get lost, and now
 * and then a worker runs a DEL or a CHECK on a pod that another one has, as a runtime does that has lost patience (never
 * beside an ADD of that pod, which the specification forbids).
 *
 * What must hold meanwhile: every answer that was not cut short is a good one; DEL and GC succeed always, ADD succeeds
 * for a pod that DEL or GC has cleaned, and CHECK for one that ADD has attached. In the end, after a DEL for all, the
 * node is as before the first sequence (random_node.c).
 *
 * GC has its network to itself, as the specification asks of runtimes, and gets the list of attached pods.
 *
 * The choices follow from the seed, which is printed; with one worker (-j 1) everything but time does, and the
 * node is looked at after each sequence.
 */
#include "test/plugin/random.h"

#include "test/lib/plugin_state.h"
#include "test/lib/plugin_trace.h"
#include "test/plugin/suites.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SEQUENCES 1000
#define WORKERS   6
#define SECONDS   50 /* unless a count is given: a sanitized plugin takes ten times as long */
#define VERBS_MAX 6  /* of one sequence */
#define TRAIL_MAX 768
#define STOPS_MAX 420 /* ADD of the type cnida enters and ends about this often */

struct random_options random_options;

enum verb { ADD, DEL, CHECK, GC, STATUS, GONE };
static const char *const verb_names[VERBS] = { "ADD", "DEL", "CHECK", "GC", "STATUS", "gone" };

static struct chain lists[LISTS];
static struct arena *arena;

/* Each worker its own. */
static struct {
	struct suite *s;
	uint64_t rng;
	int gate[LISTS], lock[LISTS];
	char trail[TRAIL_MAX]; /* of this sequence, for messages */
	bool bad;              /* something of this sequence was wrong */
} me;

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

/* Locks of a network: GC has it alone. The gate lets a waiting GC in before others that come later. */
static void enter(unsigned int list, bool alone)
{
	const int how = alone ? LOCK_EX : LOCK_SH;

	if (flock(me.gate[list], how) < 0 || flock(me.lock[list], how) < 0 ||
	    flock(me.gate[list], LOCK_UN) < 0)
		exit(2);
}

static void leave(unsigned int list)
{
	(void)flock(me.lock[list], LOCK_UN);
}

static void open_locks(void)
{
	for (unsigned int i = 0; i < LISTS; i++) {
		char *gate = textf("/run/random-gate-%u", i), *lock = textf("/run/random-%u", i);

		me.gate[i] = open(gate, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
		me.lock[i] = open(lock, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
		if (me.gate[i] < 0 || me.lock[i] < 0)
			exit(2);
		free(gate);
		free(lock);
	}
}

/* Where the list's run is to be cut short. */
struct cut {
	size_t step;
	unsigned int stops, us; /* one of them, or none */
	bool done;
};

static struct cut choose_cut(unsigned int list, unsigned int percent)
{
	struct cut cut = { .step = rnd(lists[list].n) };

	if (!chance(percent))
		return cut;
	if (chance(50))
		cut.stops = 1 + (unsigned int)rnd(STOPS_MAX);
	else
		cut.us = (100U << rnd(8)) + (unsigned int)rnd(200);
	return cut;
}

static int run_plugin(struct plugin_call *call, size_t step, void *arg, struct plugin_run *ret)
{
	static struct plugin_trace t;
	struct cut *cut = arg;
	int r;

	if (step != cut->step || (!cut->stops && !cut->us))
		return plugin_exec(call, ret);
	if (cut->us) {
		call->kill_us = cut->us;
		r = plugin_exec(call, ret);
	} else {
		call->kill_stops = cut->stops;
		r = plugin_trace(call, &t);
		*ret = t.run;
	}
	cut->done = r == 0 && ret->signal == SIGKILL && !ret->late;
	return r;
}

static void trail(const char *verb, const struct cut *cut, int r, bool stranger)
{
	size_t n = strlen(me.trail);
	char at[48] = "";

	if (cut->done)
		snprintf(at, sizeof(at), "(killed in %zu at %s %u)", cut->step,
		         cut->us ? "us" : "stop", cut->us ? cut->us : cut->stops);
	snprintf(me.trail + n, sizeof(me.trail) - n, "%s%s%s%s", stranger ? " stranger's " : " ",
	         verb, at, !cut->done && r != 0 ? "(refused)" : "");
}

/* What the sequence was, for a message. */
__attribute__((format(printf, 2, 3))) static void wrong(const char *expected, const char *found,
                                                        ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, found);
	vsnprintf(text, sizeof(text), found, ap);
	va_end(ap);
	expect(me.s, false, me.trail, expected, "%s", text);
	me.bad = true;
}

/* The attachments that a runtime would know of. */
static char *valid_attachments(unsigned int list)
{
	char *text = strdup("\"cni.dev/valid-attachments\":["), *longer;
	bool first = true;

	for (unsigned int i = 0; i < SLOTS; i++) {
		const struct slot *slot = &arena->slot[list][i];

		if (slot->state != ATTACHED)
			continue;
		longer = textf("%s%s{\"containerID\":\"%s\",\"ifname\":\"eth0\"}", text,
		               first ? "" : ",", slot->pod.id);
		free(text);
		text = longer;
		first = false;
	}
	longer = textf("%s],", text);
	free(text);
	return longer;
}

static void collected(unsigned int list)
{
	for (unsigned int i = 0; i < SLOTS; i++) {
		struct slot *slot = &arena->slot[list][i];

		if (slot->state == ATTACHED && !slot->gone)
			continue;
		/* Of an attached pod that is gone GC may keep something or not. */
		slot->state = slot->state == ATTACHED ? DIRTY : CLEAN;
		if (slot->state == CLEAN)
			slot->result[0] = '\0';
	}
}

/* What is known now of a pod. */
static void concluded(struct slot *slot, enum verb verb, bool ok, char *result)
{
	if (verb == ADD) {
		slot->state = ok ? ATTACHED : DIRTY;
		if (ok && strlen(result) < sizeof(slot->result))
			memcpy(slot->result, result, strlen(result) + 1);
	} else if (verb == DEL) {
		slot->state = ok ? CLEAN : DIRTY;
		if (ok)
			slot->result[0] = '\0';
	}
}

/* Was this the right answer? Not asked after a kill. */
static void judge(const struct slot *slot, enum verb verb, int r, bool alone,
                  const struct plugin_run *run)
{
	const char *problem = r < 0 ? "it could not be run" : run_problem(run, verb_names[verb]);

	if (problem) {
		wrong("an answer", "%s: %s", problem, run_brief(run));
		return;
	}
	if (r == 0)
		return;
	__atomic_fetch_add(&arena->refused[verb], 1, __ATOMIC_RELAXED);
	if (!alone)
		return;
	if (verb == DEL || verb == GC || verb == STATUS)
		wrong("success", "plugin %d: %s", r - 1, run_brief(run));
	else if (verb == ADD && slot->state == CLEAN && !slot->gone)
		wrong("success, since the pod was clean", "plugin %d: %s", r - 1, run_brief(run));
	else if (verb == CHECK && slot->state == ATTACHED && !slot->gone)
		wrong("success, since the pod was attached", "plugin %d: %s", r - 1,
		      run_brief(run));
}

/* May it run now? An ADD waits for the strangers, and no stranger comes while it runs. */
static bool begin(struct slot *slot, enum verb verb, bool stranger)
{
	if (stranger) {
		__atomic_add_fetch(&slot->strangers, 1, __ATOMIC_SEQ_CST);
		if (!__atomic_load_n(&slot->adding, __ATOMIC_SEQ_CST))
			return true;
		__atomic_sub_fetch(&slot->strangers, 1, __ATOMIC_SEQ_CST);
		return false;
	}
	if (verb == ADD) {
		__atomic_store_n(&slot->adding, true, __ATOMIC_SEQ_CST);
		while (__atomic_load_n(&slot->strangers, __ATOMIC_SEQ_CST) > 0)
			usleep(200);
	}
	return true;
}

/* One verb. A stranger does not have the pod and learns nothing. */
static void act(unsigned int list, unsigned int i, enum verb verb, unsigned int percent,
                bool stranger)
{
	struct slot *slot = &arena->slot[list][i];
	struct cut cut = choose_cut(list, percent);
	struct chain_exec exec = { run_plugin, &cut };
	struct chain_verb v = { .verb = verb_names[verb],
		                .pod = verb == GC || verb == STATUS ? NULL : &slot->pod };
	char *runtime = chain_runtime(30000 + 100 * list + i), *result = NULL, *extra = NULL;
	_cleanup_run_ struct plugin_run run = { 0 };
	unsigned int visits;
	bool alone;
	int r;

	enter(list, verb == GC);
	if (!begin(slot, verb, stranger)) {
		leave(list);
		free(runtime);
		return;
	}
	visits = stranger ? __atomic_add_fetch(&slot->visits, 1, __ATOMIC_SEQ_CST)
	                  : __atomic_load_n(&slot->visits, __ATOMIC_SEQ_CST);
	alone = !stranger && __atomic_load_n(&slot->strangers, __ATOMIC_SEQ_CST) == 0;
	v.runtime = runtime;
	if ((verb == DEL && *slot->result && chance(85)) || (verb == CHECK && *slot->result))
		v.prev = slot->result;
	if (verb == GC)
		v.extra = extra = valid_attachments(list);
	r = chain_run(&lists[list], &v, &exec, &result, &run);
	alone = alone && __atomic_load_n(&slot->visits, __ATOMIC_SEQ_CST) == visits;
	trail(v.verb, &cut, r, stranger);
	__atomic_fetch_add(&arena->calls[verb], 1, __ATOMIC_RELAXED);
	if (cut.done)
		__atomic_fetch_add(&arena->killed[verb], 1, __ATOMIC_RELAXED);
	else
		judge(slot, verb, r, alone, &run);
	if (verb == GC && r == 0)
		collected(list);
	else if (!stranger)
		concluded(slot, verb, r == 0 && alone, result);
	else if (verb == DEL)
		slot->state = DIRTY;
	if (stranger)
		__atomic_sub_fetch(&slot->strangers, 1, __ATOMIC_SEQ_CST);
	else
		__atomic_store_n(&slot->adding, false, __ATOMIC_SEQ_CST);
	leave(list);
	free(result);
	free(runtime);
	free(extra);
}

/* A pod whose namespace is gone comes back with a new one, under the same name, once it was cleaned. */
static void revive(unsigned int list, unsigned int i)
{
	struct slot *slot = &arena->slot[list][i];
	char *name = textf("random-%u-%u", list, i);

	if (pod_create(name, &slot->pod) < 0)
		exit(2);
	slot->gone = false;
	free(name);
}

static void destroy(struct slot *slot)
{
	struct pod gone = slot->pod; /* keeps its path */

	if (!slot->gone)
		pod_destroy(&gone);
	slot->gone = true;
	trail("gone", &(struct cut) { 0 }, 0, false);
}

static enum verb choose_verb(const struct slot *slot)
{
	static const struct {
		enum verb verb;
		unsigned int percent;
	} odds[] = { { GC, 4 }, { STATUS, 4 }, { GONE, 5 }, { CHECK, 17 }, { DEL, 30 } };
	unsigned int dice = (unsigned int)rnd(100);

	/* Mostly what makes sense. */
	if (slot->state == CLEAN && chance(70))
		return ADD;
	for (size_t i = 0; i < N(odds); i++) {
		if (dice < odds[i].percent)
			return odds[i].verb;
		dice -= odds[i].percent;
	}
	return ADD;
}

static void sequence(unsigned int number)
{
	unsigned int list = (unsigned int)rnd(LISTS), i = (unsigned int)rnd(SLOTS),
		     verbs = 1 + (unsigned int)rnd(VERBS_MAX);
	struct slot *slot;

	if (random_options.workers > 1 && chance(8)) {
		snprintf(me.trail, sizeof(me.trail), "sequence %u, network %u, pod %u:", number,
		         list, i);
		act(list, i, chance(70) ? DEL : CHECK, 30, true);
		return;
	}
	while (__atomic_exchange_n(&arena->slot[list][i].busy, 1, __ATOMIC_ACQUIRE))
		i = (i + 1) % SLOTS;
	slot = &arena->slot[list][i];
	snprintf(me.trail, sizeof(me.trail), "sequence %u, network %u, pod %u:", number, list, i);
	while (verbs-- > 0) {
		enum verb verb = choose_verb(slot);

		if (verb == GONE) {
			destroy(slot);
			continue;
		}
		if (slot->gone && slot->state == CLEAN)
			revive(list, i);
		act(list, i, verb, 35, false);
	}
	__atomic_store_n(&slot->busy, 0, __ATOMIC_RELEASE);
}

static void del(unsigned int list, unsigned int i)
{
	snprintf(me.trail, sizeof(me.trail), "network %u, pod %u, DEL for all:", list, i);
	act(list, i, DEL, 0, false);
}

static bool in_time(time_t start)
{
	return random_options.count > 0 || time(NULL) - start < SECONDS;
}

static void work(struct suite *s, unsigned int worker, time_t start)
{
	unsigned int number, count = random_options.count ? random_options.count : SEQUENCES;
	char *name;

	s->passed = s->failed = s->skipped = 0;
	open_locks();
	while (in_time(start) &&
	       (number = __atomic_fetch_add(&arena->next, 1, __ATOMIC_RELAXED)) < count) {
		/* By its number, not by its worker: a failing one can be had again alone. */
		me.rng = random_options.seed * 0x100000001b3U + number;
		me.bad = false;
		sequence(number);
		if (random_options.workers == 1) {
			name = textf("the node after it, and after DEL;%s", me.trail);
			for (unsigned int k = 0; k < LISTS * SLOTS; k++)
				if (arena->slot[k / SLOTS][k % SLOTS].state != CLEAN)
					del(k / SLOTS, k % SLOTS);
			random_node_end(s, name);
			free(name);
		}
		if (!me.bad)
			__atomic_fetch_add(&arena->passed, 1, __ATOMIC_RELAXED);
	}
	(void)worker;
	__atomic_fetch_add(&arena->failed, s->failed, __ATOMIC_RELAXED);
}

static void run_workers(struct suite *s)
{
	time_t start = time(NULL);
	int status;

	fflush(NULL);
	for (unsigned int i = 0; i < random_options.workers; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			work(s, i, start);
			fflush(NULL);
			_exit(0);
		}
		if (pid < 0)
			exit(2);
	}
	while (wait(&status) > 0 || errno == EINTR) {
		if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
			expect(s, false, "a worker", "its end", "wait status 0x%x",
			       (unsigned int)status);
	}
	s->passed += arena->passed;
	s->failed += arena->failed;
	if (arena->next < SEQUENCES && !random_options.count)
		skip(s, "the rest of the sequences", "time is up");
}

static void expect_empty(struct suite *s, unsigned int list, unsigned int i)
{
	struct slot *slot = &arena->slot[list][i];
	int fd = slot->gone ? -1 : pod_enter(&slot->pod), links;
	char *name = textf("network %u, pod %u", list, i);

	if (fd >= 0) {
		links = state_links();
		pod_leave(fd);
		expect(s, links == 1, name, "only lo in the pod", "%d links", links);
		pod_destroy(&slot->pod);
	}
	free(name);
}

/* A first pod each: whatever it makes for all that come later is there from now on. */
static void warm_up(struct suite *s)
{
	for (unsigned int list = 0; list < LISTS; list++) {
		snprintf(me.trail, sizeof(me.trail), "warming up, network %u:", list);
		act(list, 0, ADD, 0, false);
		act(list, 0, CHECK, 0, false);
		act(list, 0, GC, 0, false);
		act(list, 0, DEL, 0, false);
	}
	random_node_warm(s);
}

static void tell(void)
{
	unsigned int calls = 0, killed = 0;

	for (unsigned int v = 0; v < GONE; v++) {
		printf("random: %s: %u, of them %u killed, %u refused\n", verb_names[v],
		       arena->calls[v], arena->killed[v], arena->refused[v]);
		calls += arena->calls[v];
		killed += arena->killed[v];
	}
	printf("random: seed %llu, %u sequences, %u operations, %u killed, %u workers\n",
	       (unsigned long long)random_options.seed, arena->passed, calls, killed,
	       random_options.workers);
}

static void make_lists(struct suite *s)
{
	const char *version = suite_newest(s);
	struct chain_site four = { .dir = s->dir,
		                   .version = version,
		                   .network = "random-four",
		                   .bridge = "rnd0",
		                   .policy = "same-bridge",
		                   .data_dir = "/var/lib/cni/networks",
		                   .v4 = "10.80.0.0/24",
		                   .v6 = "fd00:80::/64" },
			  one = { .dir = s->dir,
		                  .version = version,
		                  .network = "random-one",
		                  .bridge = "rnd1",
		                  .policy = "isolated",
		                  .data_dir = "/var/lib/cni/networks",
		                  .v4 = "10.80.1.0/24",
		                  .v6 = "fd00:80:1::/64" };

	chain_four(&lists[0], &four);
	chain_one(&lists[1], &one);
}

void suite_random(struct suite *s)
{
	static const char *const types[] = { "portmap", "firewall", "bandwidth", "cnida" };

	for (size_t i = 0; i < N(types); i++)
		if (!suite_has(s, types[i]))
			return;
	arena = mmap(NULL, sizeof(*arena), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
	             0);
	if (arena == MAP_FAILED)
		exit(2);
	me.s = s;
	me.rng = random_options.seed;
	if (random_options.workers == 0)
		random_options.workers = WORKERS;
	if (random_options.seed == 0)
		random_options.seed = (uint64_t)time(NULL);
	printf("random: seed %llu\n", (unsigned long long)random_options.seed);
	make_lists(s);
	open_locks();
	random_node_begin();
	for (unsigned int i = 0; i < LISTS * SLOTS; i++)
		revive(i / SLOTS, i % SLOTS);
	warm_up(s);
	run_workers(s);
	for (unsigned int i = 0; i < LISTS * SLOTS; i++) {
		del(i / SLOTS, i % SLOTS);
		expect_empty(s, i / SLOTS, i % SLOTS);
	}
	random_node_end(s, "the node after all sequences and DEL for all");
	tell();
	chain_free(&lists[0]);
	chain_free(&lists[1]);
}
