/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_static.c - the static IPAM: where addresses come from, and what is said about wrong ones
 */
#include "ipam_util.h"

#include "ipam/static.h"

#define BASE(rest) "{\"cniVersion\":\"1.0.0\",\"name\":\"n\"," rest "}"
#define ADDRS \
	"\"addresses\":[{\"address\":\"10.1.0.5/24\"},{\"address\":\"10.2.0.5/24\",\"gateway\":\"10.2.0.1\"}]"
#define IPAM "\"ipam\":{" ADDRS ",\"routes\":[{\"dst\":\"0.0.0.0/0\"}],\"dns\":{\"domain\":\"d\"}}"

struct add_case {
	const char *name, *args, *config;
	const char *expect; /* "address>gateway ..." or the error's text */
};

static const struct add_case adds[] = {
	{ "addresses", "", BASE(IPAM), "10.1.0.5/24 10.2.0.5/24>10.2.0.1" },
	{ "IPv6", "",
	  BASE("\"ipam\":{\"addresses\":[{\"address\":\"FD00::5/64\",\"gateway\":\"fd00::1\"}]}"),
	  "fd00::5/64>fd00::1" },
	{ "none at all", "", BASE("\"ipam\":{}"), "" },
	{ "GATEWAY", "GATEWAY=10.1.0.1", BASE(IPAM), "10.1.0.5/24>10.1.0.1 10.2.0.5/24>10.2.0.1" },
	{ "IP and GATEWAY lists", "IP=10.3.0.4/24, 10.4.0.4/24;GATEWAY=10.3.0.1,10.2.0.9",
	  BASE(IPAM), "10.1.0.5/24 10.2.0.5/24>10.2.0.9 10.3.0.4/24>10.3.0.1 10.4.0.4/24" },
	{ "Kubernetes' keys", "K8S_POD_NAME=a;IP=10.3.0.4/24;IgnoreUnknown=1", BASE("\"ipam\":{}"),
	  "10.3.0.4/24" },
	{ "args.cni.ips", "IP=10.3.0.4/24",
	  BASE(IPAM ",\"args\":{\"cni\":{\"ips\":[\"10.5.0.5/24\"]}}"), "10.5.0.5/24" },
	{ "runtimeConfig.ips", "IP=10.3.0.4/24",
	  BASE(IPAM
	       ",\"args\":{\"cni\":{\"ips\":[\"10.5.0.5/24\"]}},\"runtimeConfig\":{\"ips\":[\"10.6.0.6/24\",\"fd00::6/64\"]}"),
	  "10.6.0.6/24 fd00::6/64" },
	{ "empty lists replace nothing", "",
	  BASE(IPAM ",\"args\":{\"cni\":{\"ips\":[]}},\"runtimeConfig\":{\"ips\":[]}"),
	  "10.1.0.5/24 10.2.0.5/24>10.2.0.1" },
	{ "no ipam", "", BASE("\"ipam\":null"), "IPAM config missing 'ipam' key" },
	{ "address without length", "",
	  BASE("\"ipam\":{\"addresses\":[{\"address\":\"10.1.0.5\"}]}"),
	  "the 'address' field is expected to be in CIDR notation, got: '10.1.0.5'" },
	{ "no address", "", BASE("\"ipam\":{\"addresses\":[{\"gateway\":\"10.1.0.5\"}]}"),
	  "the 'address' field is expected to be in CIDR notation, got: ''" },
	{ "bad gateway", "",
	  BASE("\"ipam\":{\"addresses\":[{\"address\":\"10.1.0.5/24\",\"gateway\":\"zz\"}]}"),
	  "ipam.addresses[0].gateway: invalid IP address: zz" },
	{ "IP without length", "IP=10.3.0.4", BASE(IPAM),
	  "the 'ip' field is expected to be in CIDR notation, got: '10.3.0.4'" },
	{ "bad GATEWAY", "GATEWAY=xx", BASE(IPAM), "invalid gateway address: xx" },
	{ "unknown key", "K8S=1", BASE(IPAM), "ARGS: unknown args [\"K8S=1\"]" },
	{ "ips without length", "", BASE(IPAM ",\"runtimeConfig\":{\"ips\":[\"10.6.0.7\"]}"),
	  "an entry in the 'ips' field is NOT in CIDR notation, got: '10.6.0.7'" },
	{ "0.2.0 with two", "", "{\"cniVersion\":\"0.2.0\",\"name\":\"n\"," IPAM "}",
	  "CNI version 0.2.0 does not support more than 1 address per family" },
	{ "bad route", "", BASE("\"ipam\":{\"routes\":[{\"dst\":\"x\"}]}"), "ipam.routes[0].dst" },
};

Test(static_ipam, add)
{
	for (size_t i = 0; i < sizeof(adds) / sizeof(adds[0]); i++) {
		const struct add_case *c = &adds[i];
		struct request req = util_request(CNI_ADD, "c1", c->args, c->config);
		char got[1200] = "", addr[PREFIX_STR_MAX];
		struct result res;
		struct err e;
		int r;

		result_init(&res);
		r = static_add(&req, &res, &e);
		for (size_t k = 0; r == 0 && k < res.n_ips; k++) {
			(void)snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%s%s%s",
			               k ? " " : "", prefix_format(&res.ips[k].address, addr),
			               ip_is_set(&res.ips[k].gateway) ? ">" : "",
			               util_text(&res.ips[k].gateway));
			cr_expect(res.ips[k].iface == -1, "%s: interface %d", c->name,
			          res.ips[k].iface);
		}
		if (r < 0)
			(void)strcpy(got, e.msg);
		cr_expect(r == 0 ? strcmp(got, c->expect) == 0
		                 : strncmp(got, c->expect, strlen(c->expect)) == 0 && *c->expect,
		          "%s: expected \"%s\", got \"%s\"", c->name, c->expect, got);
		if (i == 0)
			cr_expect(res.n_routes == 1 && prefix_is_default(&res.routes[0].dst) &&
			                  res.dns &&
			                  strcmp(json_string_value(
							 json_object_get(res.dns, "domain")),
			                         "d") == 0,
			          "routes and dns");
		result_free(&res);
		json_decref(req.config);
	}
}

Test(static_ipam, check)
{
	static const struct {
		const char *name, *prev, *expect;
	} cases[] = {
		{ "equal",
		  "[{\"address\":\"10.1.0.5/24\"},{\"address\":\"10.2.0.5/24\",\"gateway\":\"10.2.0.1\"}]",
		  "" },
		{ "gateway where none is configured",
		  "[{\"address\":\"10.1.0.5/24\",\"gateway\":\"10.1.0.1\"},{\"address\":\"10.2.0.5/24\",\"gateway\":\"10.2.0.1\"}]",
		  "" },
		{ "another gateway",
		  "[{\"address\":\"10.1.0.5/24\"},{\"address\":\"10.2.0.5/24\",\"gateway\":\"10.2.0.9\"}]",
		  "static: Failed to match addr 10.2.0.5 on interface eth0" },
		{ "an address is missing",
		  "[{\"address\":\"10.2.0.5/24\",\"gateway\":\"10.2.0.1\"}]",
		  "static: Failed to match addr 10.1.0.5 on interface eth0" },
		{ "no previous result", NULL, "Required prevResult missing" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char config[1024];
		struct request req;
		struct err e = { .msg = "" };

		(void)snprintf(config, sizeof(config), BASE("%s%s%s" IPAM),
		               cases[i].prev ? "\"prevResult\":{\"cniVersion\":\"1.0.0\",\"ips\":"
		                             : "",
		               cases[i].prev ? cases[i].prev : "", cases[i].prev ? "}," : "");
		req = util_request(CNI_CHECK, "c1", "", config);
		(void)static_check(&req, &e);
		cr_expect(strcmp(e.msg, cases[i].expect) == 0, "%s: expected \"%s\", got \"%s\"",
		          cases[i].name, cases[i].expect, e.msg);
		json_decref(req.config);
	}
}
