/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bandwidth_conf.c - how fast a pod may be
 */
#include "endpoint/bandwidth_conf.h"

#include "base/json.h"

#include <errno.h>

#define FRAME_OVERHEAD   18U /* Ethernet header with a VLAN tag */
#define QUEUE_PER_S      40U /* 25 ms */
#define BURST_QUEUE_MIN  131072U
#define QUEUE_MIN_FRAMES 8U

struct bandwidth_key {
	const char *key;
	size_t offset;
};

static const struct bandwidth_key keys[] = {
	{ "ingressRate", offsetof(struct bandwidth_conf, ingress.rate) },
	{ "ingressBurst", offsetof(struct bandwidth_conf, ingress.burst) },
	{ "egressRate", offsetof(struct bandwidth_conf, egress.rate) },
	{ "egressBurst", offsetof(struct bandwidth_conf, egress.burst) },
};

/* Number of keys that are there, or -EINVAL. */
static int parse_keys(const json_t *obj, const char *path, struct bandwidth_conf *ret,
                      struct err *e)
{
	int n = 0;

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		int64_t value = 0;
		int r = jget_int(obj, path, keys[i].key, 0, INT64_MAX, &value, e);

		if (r < 0)
			return r;
		if (r > 0)
			*(uint64_t *)((char *)ret + keys[i].offset) = (uint64_t)value;
		n += r;
	}
	return n;
}

static int validate(const struct bandwidth_limit *limit, const char *rate_key, struct err *e)
{
	if (limit->rate != 0 && limit->burst == 0)
		return err_set(e, CNI_E_CONFIG, 0, "if rate is set, burst must also be set");
	if (limit->rate == 0 && limit->burst != 0)
		return err_set(e, CNI_E_CONFIG, 0, "if burst is set, rate must also be set");
	if (limit->burst / 8 >= UINT32_MAX)
		return err_set(e, CNI_E_CONFIG, 0, "burst cannot be more than 4GB");
	if (limit->rate != 0 && limit->rate < 8)
		return err_set(e, CNI_E_CONFIG, 0, "%s: expected at least 8 bit/s, found %llu",
		               rate_key, (unsigned long long)limit->rate);
	return 0;
}

int bandwidth_conf_parse(const struct request *req, struct bandwidth_conf *ret, struct err *e)
{
	json_t *runtime = NULL, *bandwidth = NULL;
	int r;

	*ret = (struct bandwidth_conf) { .ingress = { 0, 0 } };
	r = parse_keys(req->config, "", ret, e);
	if (r == 0)
		r = jget_obj(req->config, "", "runtimeConfig", &runtime, e);
	if (r > 0 && runtime)
		r = jget_obj(runtime, "runtimeConfig", "bandwidth", &bandwidth, e);
	if (r > 0 && bandwidth)
		r = parse_keys(bandwidth, "runtimeConfig.bandwidth", ret, e);
	if (r >= 0)
		r = validate(&ret->ingress, "ingressRate", e);
	if (r >= 0)
		r = validate(&ret->egress, "egressRate", e);
	return r < 0 ? r : ret->ingress.rate > 0 || ret->egress.rate > 0;
}

static uint64_t at_most(uint64_t value, uint64_t bound)
{
	return value < bound ? value : bound;
}

static uint64_t at_least(uint64_t value, uint64_t bound)
{
	return value > bound ? value : bound;
}

struct tc_tbf bandwidth_bucket(const struct bandwidth_limit *limit, uint32_t mtu)
{
	const uint64_t rate = limit->rate / 8, queue = rate / QUEUE_PER_S;
	const uint64_t frame = mtu + FRAME_OVERHEAD, burst = at_least(limit->burst / 8, frame);

	const uint64_t wait = queue + at_most(burst, at_least(queue, BURST_QUEUE_MIN));

	return (struct tc_tbf) {
		.rate = rate,
		.burst = (uint32_t)burst,
		.limit = (uint32_t)at_most(at_least(wait, QUEUE_MIN_FRAMES * frame), UINT32_MAX),
	};
}
