/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_bandwidth_conf.c - type bandwidth: keys in both places and spellings, bounds, the size of the bucket
 */
#include "base/cleanup.h"
#include "base/json.h"
#include "endpoint/bandwidth_conf.h"

#include <criterion/criterion.h>
#include <string.h>

static const struct {
	const char *name, *text,
		*expected; /* "ingress rate/burst egress rate/burst", or a part of the error */
	int r;             /* 1: limited, 0: not, -1: refused */
} rows[] = {
	{ "nothing", "{}", "0/0 0/0", 0 },
	{ "static", "{\"ingressRate\":8,\"ingressBurst\":16,\"egressRate\":24,\"egressBurst\":32}",
	  "8/16 24/32", 1 },
	{ "only one direction", "{\"egressRate\":24,\"egressBurst\":32}", "0/0 24/32", 1 },
	{ "of the runtime",
	  "{\"runtimeConfig\":{\"bandwidth\":{\"ingressRate\":8,\"ingressBurst\":16}}}", "8/16 0/0",
	  1 },
	{ "as containerd writes it",
	  "{\"runtimeConfig\":{\"bandwidth\":{\"IngressRate\":8,\"IngressBurst\":4294967295,\"EgressRate\":0,\"EgressBurst\":0}}}",
	  "8/4294967295 0/0", 1 },
	{ "the spelling of upstream's conflists",
	  "{\"runtimeConfig\":{\"bandWidth\":{\"egressRate\":8,\"egressBurst\":9}}}", "0/0 8/9",
	  1 },
	{ "static wins entirely",
	  "{\"egressRate\":80,\"egressBurst\":80,\"runtimeConfig\":{\"bandwidth\":{\"ingressRate\":8,\"ingressBurst\":16,"
	  "\"egressRate\":9,\"egressBurst\":9}}}",
	  "0/0 80/80", 1 },
	{ "static wins with a zero",
	  "{\"egressRate\":0,\"runtimeConfig\":{\"bandwidth\":{\"ingressRate\":8,\"ingressBurst\":16}}}",
	  "0/0 0/0", 0 },
	{ "zeros", "{\"runtimeConfig\":{\"bandwidth\":{\"IngressRate\":0,\"IngressBurst\":0}}}",
	  "0/0 0/0", 0 },
	{ "null", "{\"runtimeConfig\":{\"bandwidth\":null}}", "0/0 0/0", 0 },
	{ "rate alone", "{\"ingressRate\":8}", "if rate is set, burst must also be set", -1 },
	{ "burst alone", "{\"egressBurst\":8}", "if burst is set, rate must also be set", -1 },
	{ "rate alone, of the runtime", "{\"runtimeConfig\":{\"bandwidth\":{\"egressRate\":8}}}",
	  "if rate is set, burst must also be set", -1 },
	{ "the largest burst", "{\"egressRate\":8,\"egressBurst\":34359738359}",
	  "0/0 8/34359738359", 1 },
	{ "a larger burst", "{\"egressRate\":8,\"egressBurst\":34359738360}",
	  "burst cannot be more than 4GB", -1 },
	{ "less than a byte", "{\"egressRate\":7,\"egressBurst\":100}",
	  "egressRate: expected at least 8 bit/s, found 7", -1 },
	{ "negative", "{\"egressRate\":-8,\"egressBurst\":100}", "egressRate", -1 },
	{ "text", "{\"egressRate\":\"8\",\"egressBurst\":100}",
	  "egressRate: expected an integer, found \"8\"", -1 },
	{ "no object", "{\"runtimeConfig\":{\"bandwidth\":5}}",
	  "runtimeConfig.bandwidth: expected an object, found 5", -1 },
};

Test(unit_bandwidth_conf, keys)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct request req = { .verb = CNI_ADD };
		struct bandwidth_conf c;
		struct err e = { 0 };
		char found[256];
		int r;

		cr_assert(jparse(rows[i].text, strlen(rows[i].text), &req.config, &e) == 0,
		          "%s: %s", rows[i].name, e.msg);
		r = bandwidth_conf_parse(&req, &c, &e);
		cr_assert(rows[i].r < 0 ? r < 0 && e.code == CNI_E_CONFIG : r == rows[i].r,
		          "%s: expected %d, found %d (code %d %s)", rows[i].name, rows[i].r, r,
		          e.code, e.msg);
		(void)snprintf(found, sizeof(found), "%llu/%llu %llu/%llu",
		               (unsigned long long)c.ingress.rate,
		               (unsigned long long)c.ingress.burst,
		               (unsigned long long)c.egress.rate,
		               (unsigned long long)c.egress.burst);
		if (r < 0)
			cr_assert(strstr(e.msg, rows[i].expected),
			          "%s: expected \"%s\", found \"%s\"", rows[i].name,
			          rows[i].expected, e.msg);
		else
			cr_assert_str_eq(found, rows[i].expected, "%s: expected %s, found %s",
			                 rows[i].name, rows[i].expected, found);
		json_decref(req.config);
	}
}

static const struct {
	const char *name;
	struct bandwidth_limit limit;
	uint32_t mtu;
	struct tc_tbf expected;
} buckets[] = {
	/* rate * 25 ms + burst, as upstream, at least eight frames */
	{ "100 Mbit/s, 20 ms", { 100000000, 2000000 }, 1500, { 12500000, 250000, 562500 } },
	{ "a burst below one frame", { 8, 8 }, 1500, { 1, 1518, 12144 } },
	{ "a burst below one large frame", { 8000000, 8000 }, 9000, { 1000000, 9018, 72144 } },
	{ "containerd's burst at 1 Mbit/s",
	  { 1000000, UINT32_MAX },
	  1500,
	  { 125000, 536870911, 134197 } },
	{ "a burst of 1 s at 100 Mbit/s",
	  { 100000000, 100000000 },
	  1500,
	  { 12500000, 12500000, 625000 } },
	{ "80 Gbit/s", { 80000000000, 34359738359 }, 1500, { 10000000000, 4294967294, 500000000 } },
	{ "more than fits",
	  { INT64_MAX, 34359738359 },
	  1500,
	  { INT64_MAX / 8, 4294967294, UINT32_MAX } },
};

Test(unit_bandwidth_conf, bucket)
{
	for (size_t i = 0; i < ARRAY_SIZE(buckets); i++) {
		const struct tc_tbf want = buckets[i].expected,
				    t = bandwidth_bucket(&buckets[i].limit, buckets[i].mtu);

		cr_assert(t.rate == want.rate && t.burst == want.burst && t.limit == want.limit,
		          "%s: expected %llu/%u/%u, found %llu/%u/%u", buckets[i].name,
		          (unsigned long long)want.rate, want.burst, want.limit,
		          (unsigned long long)t.rate, t.burst, t.limit);
	}
}

static const struct {
	const char *name;
	uint64_t rate;
	uint32_t burst, ticks;
	bool same;
} bursts[] = {
	{ "exact", 12500000, 250000, 312500, true },
	{ "rounded", 12500000, 250000, 312499, true },
	{ "other", 12500000, 250000, 313000, false },
	{ "wrapped", 125000, 536870911, (uint32_t)(536870911ULL * 15625000 / 125000), true },
	{ "zero", 12500000, 250000, 0, false },
	{ "tiny, around zero", 10000000000, 1, UINT32_MAX, true },
};

Test(unit_bandwidth_conf, burst_as_time)
{
	for (size_t i = 0; i < ARRAY_SIZE(bursts); i++) {
		const struct tc_tbf want = { .rate = bursts[i].rate, .burst = bursts[i].burst };

		cr_assert(tc_same_burst(&want, bursts[i].ticks) == bursts[i].same,
		          "%s: expected %d", bursts[i].name, bursts[i].same);
	}
}
