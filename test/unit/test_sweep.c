/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_sweep.c - the evidence table: when an owner is dead, and above all when it is not
 */
#include "ipam_util.h"

#include "ipam/sweep.h"

#include <time.h>

static char results[96];

static void setup(void)
{
	util_setup();
	(void)snprintf(results, sizeof(results), "%s/results", util_top);
	cr_assert(mkdir(results, 0700) == 0);
}

TestSuite(sweep, .init = setup, .fini = util_teardown);

/* Namespaces of the test: /ns/alive is there with inode 7. */
static bool netns_alive(const char *path, unsigned long long dev, unsigned long long ino)
{
	return strcmp(path, "/ns/alive") == 0 && (ino == 0 || (dev == 4 && ino == 7));
}

static int address_answer, address_asked;

static int addr_in_use(const struct ip_addr *addr, void *arg)
{
	cr_expect(arg == &address_asked && addr->family == AF_INET, "arguments");
	address_asked++;
	return address_answer;
}

#define BOOT "0123abcd"

struct judge_case {
	const char *name;
	const char *boot, *netns; /* of the tag */
	unsigned long long ino;
	const char *cache; /* content of libcni's cache file; NULL: none */
	int address;       /* what addr_in_use() says; 2: there is no such function */
	long long age;
	enum owner_state expect;
};

#define CACHE(netns)                                                                                                     \
	"{\"kind\":\"cniCacheV1\",\"containerId\":\"c1\",\"ifName\":\"eth0\",\"networkName\":\"net\",\"netns\":\"" netns \
	"\"}"

static const struct judge_case cases[] = {
	{ "tag of an earlier boot", "ffffffff", "/ns/alive", 7, CACHE("/ns/alive"), 1, 0,
	  OWNER_DEAD },
	{ "tag of an earlier boot, whole ID", "ffffffff-0123-0123-0123-0123456789ab", "/ns/alive",
	  7, NULL, 1, 0, OWNER_DEAD },
	{ "tag of this boot, whole ID", BOOT "-0000-0000-0000-000000000000", "/ns/alive", 7, NULL,
	  0, 9999, OWNER_ALIVE },
	{ "this boot, namespace there", BOOT, "/ns/alive", 7, NULL, 0, 9999, OWNER_ALIVE },
	{ "this boot, namespace gone", BOOT, "/ns/gone", 7, CACHE("/ns/alive"), 1, 0, OWNER_DEAD },
	{ "this boot, another inode", BOOT, "/ns/alive", 8, CACHE("/ns/alive"), 1, 0, OWNER_DEAD },
	{ "this boot, no identity, nothing else, young", BOOT, "/ns/gone", 0, NULL, 0, 5,
	  OWNER_ALIVE },
	{ "this boot, no identity, cache alive", BOOT, "/ns/gone", 0, CACHE("/ns/alive"), 0, 9999,
	  OWNER_ALIVE },
	{ "this boot, identity without path", BOOT, "", 7, NULL, 1, 9999, OWNER_ALIVE },
	{ "no tag, cache: namespace there", "", "", 0, CACHE("/ns/alive"), 0, 9999, OWNER_ALIVE },
	{ "no tag, cache: namespace gone", "", "", 0, CACHE("/ns/gone"), 1, 0, OWNER_DEAD },
	{ "no tag, cache without namespace", "", "", 0,
	  "{\"kind\":\"cniCacheV1\",\"containerId\":\"c1\",\"ifName\":\"eth0\",\"networkName\":\"net\"}",
	  0, 9999, OWNER_ALIVE },
	{ "no tag, cache of the first format", "", "", 0, "{\"cniVersion\":\"0.3.1\",\"ips\":[]}",
	  0, 9999, OWNER_ALIVE },
	{ "no tag, cache of another network", "", "", 0,
	  "{\"kind\":\"cniCacheV1\",\"containerId\":\"1\",\"ifName\":\"eth0\",\"networkName\":\"net-c\",\"netns\":\"/ns/alive\"}",
	  0, 9999, OWNER_DEAD },
	{ "no tag, cache of another container", "", "", 0,
	  "{\"kind\":\"cniCacheV1\",\"containerId\":\"c2\",\"ifName\":\"eth0\",\"networkName\":\"net\",\"netns\":\"/ns/alive\"}",
	  0, 9999, OWNER_DEAD },
	{ "no tag, empty cache file", "", "", 0, "", 0, 9999, OWNER_DEAD },
	{ "no tag, garbled cache file", "", "", 0, "{\"kind\":", 0, 9999, OWNER_DEAD },
	{ "no tag, empty cache file, young", "", "", 0, "", 0, SWEEP_GRACE_S, OWNER_ALIVE },
	{ "no tag, no cache, old, address nowhere", "", "", 0, NULL, 0, SWEEP_GRACE_S + 1,
	  OWNER_DEAD },
	{ "no tag, no cache, old, address in use", "", "", 0, NULL, 1, 9999, OWNER_ALIVE },
	{ "no tag, no cache, old, namespaces unreadable", "", "", 0, NULL, -5, 9999, OWNER_ALIVE },
	{ "no tag, no cache, old, no way to look", "", "", 0, NULL, 2, 9999, OWNER_ALIVE },
	{ "no tag, no cache, from the future", "", "", 0, NULL, 0, -9999, OWNER_ALIVE },
};

static struct sweep_ops ops_of(int address)
{
	address_answer = address;
	return (struct sweep_ops) { .netns_alive = netns_alive,
		                    .addr_in_use = address == 2 ? NULL : addr_in_use,
		                    .arg = &address_asked,
		                    .results_dir = results };
}

static void set_cache(const char *name, const char *text)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", results, name);
	if (text)
		util_write(path, text, strlen(text));
	else
		(void)unlink(path);
}

Test(sweep, evidence)
{
	static const char *const names[] = { "alive", "dead", "nobody" };
	static struct store s = { .network = "net",
		                  .boot_id = BOOT "-0000-0000-0000-000000000000" };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct judge_case *c = &cases[i];
		struct sweep_ops ops = ops_of(c->address);
		struct store_entry entry = { .addr = util_ip("10.0.0.1"),
			                     .netns_dev = 4,
			                     .netns_ino = c->ino,
			                     .age_s = c->age };
		enum owner_state got;
		const char *why = NULL;

		(void)strcpy(entry.container_id, "c1");
		(void)strcpy(entry.ifname, "eth0");
		(void)strcpy(entry.boot_id, c->boot);
		(void)strcpy(entry.netns, c->netns);
		set_cache("net-c1-eth0", c->cache);
		got = sweep_judge(&s, &entry, &ops, &why);
		cr_expect(got == c->expect, "%s: expected %s, got %s (%s)", c->name,
		          names[c->expect], names[got], why);
		cr_expect(why && *why, "%s: no reason", c->name);
		/* The old format knows no interface: any one of the container's keeps it alive. */
		entry.ifname[0] = '\0';
		got = sweep_judge(&s, &entry, &ops, &why);
		cr_expect(got == c->expect, "%s, without ifname: expected %s, got %s (%s)", c->name,
		          names[c->expect], names[got], why);
		entry.container_id[0] = '\0';
		cr_expect(sweep_judge(&s, &entry, &ops, &why) == OWNER_NOBODY, "%s, without owner",
		          c->name);
		/* Without our own boot ID no tag proves anything. */
		if (*c->boot && !c->cache && c->address != 0) {
			static struct store unknown = { .network = "net" };

			(void)strcpy(entry.container_id, "c1");
			cr_expect(sweep_judge(&unknown, &entry, &ops, &why) == OWNER_ALIVE,
			          "%s, boot unknown", c->name);
		}
	}
}

static char swept[512];

static void seen(const struct store_entry *entry, const char *why, void *arg)
{
	(void)why;
	cr_expect(arg == swept);
	(void)strcat(swept, util_text(&entry->addr));
	(void)strcat(swept, " ");
}

static void age(const char *path, time_t seconds)
{
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT },
		                     { .tv_sec = time(NULL) - seconds } };

	cr_assert(utimensat(AT_FDCWD, path, times, 0) == 0);
}

Test(sweep, run)
{
	struct sweep_ops ops = ops_of(0);
	struct ip_addr a = util_ip("10.0.0.5");
	struct store s;
	struct err e;
	int r;

	(void)util_reserve("net", "young", "10.0.0.2");
	(void)util_reserve("net", "old", "10.0.0.3");
	util_write(util_path("net", "10.0.0.4"), "", 0);
	(void)util_reserve("net", "old2", "10.0.0.5");
	(void)util_reserve("net", "cached", "10.0.0.6");
	age(util_path("net", "10.0.0.3"), 1000);
	age(util_path("net", "10.0.0.5"), 1000);
	age(util_path("net", "10.0.0.6"), 1000);
	set_cache("net-cached-eth0",
	          "{\"kind\":\"cniCacheV1\",\"containerId\":\"cached\",\"ifName\":\"eth0\","
	          "\"networkName\":\"net\",\"netns\":\"/ns/alive\"}");
	util_open(&s, "net");
	r = sweep_run(&s, &ops, true, seen, swept, &e);
	cr_expect(r == 3, "dry run: expected 3, got %d: %s", r, swept);
	cr_expect(access(util_path("net", "10.0.0.3"), F_OK) == 0, "a dry run removes nothing");
	cr_expect(sweep_addr(&s, &a, &ops, &e) == 1 && sweep_addr(&s, &a, &ops, &e) == 0);
	swept[0] = '\0';
	address_asked = 0;
	r = sweep_run(&s, &ops, false, seen, swept, &e);
	cr_expect(r == 2 && strstr(swept, "10.0.0.3 ") && strstr(swept, "10.0.0.4 "),
	          "expected .3 and .4, got %d: %s", r, swept);
	cr_expect(address_asked == 1, "namespaces are asked once per address: %d", address_asked);
	store_close(&s);
	cr_expect(strcmp(util_owned("net", "young"), "10.0.0.2") == 0 &&
	          strcmp(util_owned("net", "cached"), "10.0.0.6") == 0 &&
	          strcmp(util_owned("net", "old"), "") == 0);
}
