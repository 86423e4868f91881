/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * result.c - fuzz: a result document (of an IPAM plugin, or prevResult) read and written in all seven versions
 *
 * Input: a byte that chooses the version of the configuration, then the document. What is written for a version reads as
 * what that version can say, and is written again in the same bytes; writing for an older version gives the same whether it is done
 * at once or by way of the newest.
 */
#include "spec/result.h"
#include "base/json.h"
#include "test/fuzz/fuzz.h"

static int read_text(const char *text, size_t len, enum cni_version v, struct result *ret,
                     struct err *e)
{
	json_t *doc = NULL;
	int r = jparse(text, len, &doc, e);

	result_init(ret);
	if (r == 0)
		r = result_parse(doc, v, ret, e);
	json_decref(doc);
	return r;
}

static void bounds(const struct result *r)
{
	fuzz_check(r->n_ifaces <= RESULT_IFACES_MAX && r->n_ips <= RESULT_IPS_MAX &&
	                   r->n_routes <= RESULT_ROUTES_MAX,
	           "%zu, %zu, %zu entries", r->n_ifaces, r->n_ips, r->n_routes);
	for (size_t i = 0; i < r->n_ips; i++) {
		const struct result_ip *ip = &r->ips[i];

		fuzz_check(ip->iface >= -1 && ip->iface < (int)r->n_ifaces,
		           "ips[%zu]: interface %d", i, ip->iface);
		fuzz_check(ip->address.addr.family == AF_INET ||
		                   ip->address.addr.family == AF_INET6,
		           "ips[%zu]: no address", i);
	}
}

/* Written for @v, read, and written for @v and for all that are older. */
static void round_trip(const struct result *r, enum cni_version v)
{
	char *text = NULL, *again = NULL, *direct = NULL;
	struct err e = fuzz_err();
	struct result back;
	int written = result_text(r, v, &text, &e);

	fuzz_judge(written, &e, "result_text");
	if (written < 0)
		return;
	e = fuzz_err();
	fuzz_check(read_text(text, strlen(text), CNI_VERSION_CURRENT, &back, &e) == 0, "%s: %s",
	           e.msg, text);
	bounds(&back);
	fuzz_check(result_text(&back, v, &again, &e) == 0 && strcmp(text, again) == 0,
	           "version %s: %s became %s", cni_version_str(v), text, again ? again : e.msg);
	free(again);
	for (enum cni_version old = CNI_0_1_0; v == CNI_VERSION_CURRENT && old < v; old++) {
		int at_once = result_text(r, old, &direct, &e),
		    later = result_text(&back, old, &again, &e);

		fuzz_check(at_once == later, "%s: %d, by way of the newest %d",
		           cni_version_str(old), at_once, later);
		if (at_once == 0) {
			fuzz_check(strcmp(direct, again) == 0, "%s: %s, by way of the newest %s",
			           cni_version_str(old), direct, again);
			free(direct);
			free(again);
		}
	}
	free(text);
	result_free(&back);
}

FUZZ(result)
{
	struct fuzz_in in = { data, len };
	enum cni_version config = fuzz_byte(&in) % CNI_VERSION_COUNT;
	char *text = fuzz_copy(in.at, in.left);
	struct err e = fuzz_err();
	struct result r, copy;
	int read = read_text(text, in.left, config, &r, &e);

	fuzz_judge(read, &e, "result_parse");
	bounds(&r);
	if (read < 0)
		fuzz_check(r.n_ifaces + r.n_ips + r.n_routes == 0 && !r.dns,
		           "not empty after a failure");
	result_copy(&copy, &r);
	result_free(&r);
	for (enum cni_version v = CNI_0_1_0; read == 0 && v < CNI_VERSION_COUNT; v++)
		round_trip(&copy, v);
	result_free(&copy);
	free(text);
	return 0;
}
