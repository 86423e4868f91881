/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_store_many.c - the store with many writers at once, and against a naive model
 */
#include "ipam_util.h"

#include <errno.h>
#include <sys/wait.h>

TestSuite(store_many, .init = util_setup, .fini = util_teardown);

/* ---- many processes ---- */

#define WRITERS 16
#define EACH    500

static int writer(unsigned int number)
{
	struct ip_addr first = util_ip("10.5.0.1"), end = util_ip("10.5.255.254");

	for (unsigned int i = 0; i < EACH; i++) {
		char id[32];
		struct store_owner owner = { id, "eth0", "" };
		struct ip_addr from, a;
		struct store s;
		struct err e;

		(void)snprintf(id, sizeof(id), "w%u-%u", number, i);
		if (store_open(util_data, "net", &s, &e) < 0)
			return 1;
		from = store_last_get(&s, 0, &from) ? ip_next(&from) : first;
		if (!store_next_free(&s, &from, &end, &a) || store_reserve(&s, &a, &owner, &e) != 0)
			return 2;
		store_last_set(&s, 0, &a);
		/* Every fourth gives its address back at once. */
		if (i % 4 == 3 && store_release(&s, &owner, &e) != 1)
			return 3;
		store_close(&s);
	}
	return 0;
}

static int count_entry(const struct store_entry *entry, void *arg, struct err *e)
{
	unsigned int *n = arg, number, i;

	(void)e;
	cr_expect(sscanf(entry->container_id, "w%u-%u", &number, &i) == 2 && number < WRITERS &&
	                  i < EACH,
	          "%s", entry->container_id);
	n[number * EACH + i]++;
	return 0;
}

Test(store_many, many_writers)
{
	static unsigned int seen[WRITERS * EACH];
	pid_t pids[WRITERS];
	struct store s;
	struct err e;

	for (unsigned int i = 0; i < WRITERS; i++) {
		pids[i] = fork();
		cr_assert(pids[i] >= 0);
		if (pids[i] == 0)
			_exit(writer(i));
	}
	for (unsigned int i = 0; i < WRITERS; i++) {
		int status;

		cr_assert(waitpid(pids[i], &status, 0) == pids[i]);
		cr_expect(status == 0, "writer %u: status %x", i, (unsigned int)status);
	}
	util_open(&s, "net");
	cr_expect(store_count(&s) == WRITERS * EACH * 3 / 4, "the index counts %ld",
	          store_count(&s));
	cr_assert(store_each(&s, count_entry, seen, &e) == 0);
	store_close(&s);
	for (unsigned int i = 0; i < WRITERS * EACH; i++)
		cr_expect(seen[i] == (i % EACH % 4 != 3), "w%u-%u has %u addresses", i / EACH,
		          i % EACH, seen[i]);
}

/* ---- a naive model ---- */

#define ADDRS  600
#define OWNERS 120
#define STEPS  50000

struct model {
	int owner[ADDRS]; /* -1: free */
	struct store s;
	bool open;
	int step;
};

/* 300 addresses of each family; the IPv6 ones a /64 apart for every fourth. */
static struct ip_addr model_addr(int i)
{
	struct ip_addr a = { .family = AF_INET, .bytes = { 10, 7, (uint8_t)(i >> 8), (uint8_t)i } };

	if (i >= ADDRS / 2)
		a = (struct ip_addr) { .family = AF_INET6,
			               .bytes = { 0xfd, 0, 0, 0, 0, 0, 0, (uint8_t)(i % 4), 0, 0, 0,
			                          0, 0, 0, (uint8_t)(i / 4 >> 8),
			                          (uint8_t)(i / 4) } };
	return a;
}

static void model_reserve(struct model *m, int i, const struct store_owner *owner, int who)
{
	struct ip_addr a = model_addr(i);
	struct err e;
	int r = store_reserve(&m->s, &a, owner, &e);

	cr_assert(r == (m->owner[i] < 0 ? 0 : -EEXIST), "step %d: reserve %s: %d", m->step,
	          util_text(&a), r);
	if (r == 0)
		m->owner[i] = who;
}

static void model_release(struct model *m, const struct store_owner *owner, int who)
{
	int n = 0, r;
	struct err e;

	for (int i = 0; i < ADDRS; i++) {
		n += m->owner[i] == who;
		if (m->owner[i] == who)
			m->owner[i] = -1;
	}
	r = store_release(&m->s, owner, &e);
	cr_assert(r == n, "step %d: release: expected %d, got %d", m->step, n, r);
}

static void model_owned(struct model *m, const struct store_owner *owner, int who)
{
	struct ip_addr found[ADDRS];
	struct err e;
	int n = 0, r = store_owned(&m->s, owner, found, ADDRS, &e);

	for (int i = 0; i < ADDRS; i++)
		n += m->owner[i] == who;
	cr_assert(r == n, "step %d: owned: expected %d, got %d", m->step, n, r);
}

static void model_next(struct model *m, int from)
{
	struct ip_addr a = model_addr(from), last = model_addr(ADDRS / 2 - 1), got;
	int i = from;
	bool found;

	if (from >= ADDRS / 2)
		return;
	while (i < ADDRS / 2 && m->owner[i] >= 0)
		i++;
	found = store_next_free(&m->s, &a, &last, &got);
	a = model_addr(i);
	cr_assert(found == (i < ADDRS / 2) && (!found || ip_eq(&a, &got)), "step %d: next free",
	          m->step);
}

/* Somebody else, who does not know of the index, takes or frees an address between our calls. */
static void model_outside(struct model *m, int i, const struct store_owner *owner, int who)
{
	struct ip_addr a = model_addr(i);
	char text[64];
	int len = snprintf(text, sizeof(text), "%s\r\n%s", owner->container_id, owner->ifname);

	if (m->owner[i] < 0)
		util_write(util_path("net", util_text(&a)), text, (size_t)len);
	else
		cr_assert(unlink(util_path("net", util_text(&a))) == 0);
	m->owner[i] = m->owner[i] < 0 ? who : -1;
}

Test(store_many, random_operations)
{
	static struct model m;

	srand(4);
	for (int i = 0; i < ADDRS; i++)
		m.owner[i] = -1;
	for (m.step = 0; m.step < STEPS; m.step++) {
		int i = rand() % ADDRS, who = rand() % OWNERS;
		char id[16];
		struct store_owner owner = util_owner(id);

		(void)snprintf(id, sizeof(id), "c%d", who);
		if (rand() % 4 == 0 && m.open) {
			store_close(&m.s);
			m.open = false;
			if (rand() % 20 == 0)
				model_outside(&m, i, &owner, who);
		}
		if (!m.open)
			util_open(&m.s, "net");
		m.open = true;
		switch (rand() % 8) {
		case 0:
			model_release(&m, &owner, who);
			break;
		case 1:
			model_owned(&m, &owner, who);
			break;
		case 2:
			model_next(&m, i);
			break;
		default:
			model_reserve(&m, i, &owner, who);
		}
	}
	if (m.open)
		store_close(&m.s);
}
