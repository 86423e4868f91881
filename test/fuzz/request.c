/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * request.c - fuzz: environment and stdin of a call, and the configuration of every type that reads one
 *
 * Input: a line for each variable of the environment ("-": absent), then what comes on stdin.
 */
#include "spec/request.h"
#include "endpoint/bandwidth_conf.h"
#include "endpoint/firewall_conf.h"
#include "endpoint/netconf.h"
#include "endpoint/portmap_conf.h"
#include "endpoint/tuning_conf.h"
#include "ipam/host_local.h"
#include "ipam/static.h"
#include "test/fuzz/fuzz.h"

#include <sys/mman.h>
#include <unistd.h>

static const char *const variables[] = {
	"CNI_COMMAND", "CNI_CONTAINERID", "CNI_NETNS",          "CNI_IFNAME",
	"CNI_ARGS",    "CNI_PATH",        "CNI_NETNS_OVERRIDE",
};

static void set_environment(struct fuzz_in *in)
{
	char line[1024];

	for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
		const char *value = fuzz_line(in, line, sizeof(line));

		if (strcmp(value, "-") == 0)
			unsetenv(variables[i]);
		else
			setenv(variables[i], value, 1);
	}
}

static int stdin_with(const struct fuzz_in *in)
{
	int fd = memfd_create("stdin", MFD_CLOEXEC);

	if (fd < 0 || write(fd, in->at, in->left) != (ssize_t)in->left ||
	    lseek(fd, 0, SEEK_SET) != 0)
		abort();
	return fd;
}

static void args(const struct request *req)
{
	static const char *const known[] = { "IP", "K8S_POD_NAME", NULL };
	static struct cni_args parsed;
	struct err e = fuzz_err();
	int r = cni_args_parse(req->args, known, &parsed, &e);

	fuzz_judge(r, &e, "cni_args_parse");
	for (size_t i = 0; r == 0 && i < parsed.n; i++)
		fuzz_check(cni_args_get(&parsed, parsed.v[i].key), "%s is lost", parsed.v[i].key);
}

static void ipam(const struct request *req)
{
	static struct host_local conf;
	struct err e = fuzz_err();
	struct result res;
	int r = host_local_parse(req, &conf, &e);

	fuzz_judge(r, &e, "host_local_parse");
	for (size_t s = 0; r == 0 && s < conf.n_sets; s++) {
		char text[256];

		fuzz_judge(range_set_check(&conf.sets[s], &e), &e, "range_set_check");
		(void)range_set_format(&conf.sets[s], text, sizeof(text));
		for (size_t i = 0; i < conf.sets[s].n; i++) {
			const struct range *range = &conf.sets[s].v[i];

			fuzz_check(ip_cmp(&range->start, &range->end) <= 0 &&
			                   prefix_contains(&range->subnet, &range->start) &&
			                   prefix_contains(&range->subnet, &range->end),
			           "a range outside of its subnet, or the wrong way round");
			fuzz_check(range_set_find(&conf.sets[s], &range->start), "%s", text);
		}
	}
	e = fuzz_err();
	result_init(&res);
	r = static_add(req, &res, &e);
	fuzz_judge(r, &e, "static_add");
	if (r == 0) {
		char *text = NULL;

		r = result_text(&res, req->version, &text, &e);
		fuzz_judge(r, &e, "result of static");
		free(text);
	}
	result_free(&res);
}

static void ports(const struct request *req, bool static_key)
{
	struct portmap_conf conf;
	struct err e = fuzz_err();
	int r = portmap_conf_parse(req->config, static_key, &conf, &e);

	fuzz_judge(r, &e, "portmap_conf_parse");
	for (size_t i = 0; r == 0 && i < conf.n; i++)
		fuzz_check(conf.v[i].host_port && conf.v[i].container_port &&
		                   port_proto_parse(port_proto_str(conf.v[i].proto)) ==
		                           conf.v[i].proto,
		           "mapping %zu is none", i);
	portmap_conf_free(&conf);
}

static void types(const struct request *req)
{
	static struct netconf net;
	static struct bandwidth_conf bandwidth;
	static struct firewall_conf firewall;
	static struct tuning_conf tuning;
	struct err e = fuzz_err();

	fuzz_judge(netconf_parse(req, &net, &e), &e, "netconf_parse");
	e = fuzz_err();
	fuzz_judge(bandwidth_conf_parse(req, &bandwidth, &e), &e, "bandwidth_conf_parse");
	e = fuzz_err();
	fuzz_judge(firewall_conf_parse(req, &firewall, &e), &e, "firewall_conf_parse");
	e = fuzz_err();
	fuzz_judge(tuning_conf_parse(req, &tuning, &e), &e, "tuning_conf_parse");
	ports(req, false);
	ports(req, true);
}

FUZZ(request)
{
	static const char *const names[] = { "cnida", "bridge", "ptp" };
	struct fuzz_in in = { data, len };
	enum cni_verb verb = CNI_VERSION;
	struct request req = { .version = CNI_VERSION_CURRENT };
	struct err e = fuzz_err();
	int fd, r;

	set_environment(&in);
	fd = stdin_with(&in);
	r = request_verb(&verb, &e);
	fuzz_judge(r, &e, "request_verb");
	if (r > 0) {
		r = request_read(fd, verb, CNI_0_1_0, &req, &e);
		fuzz_judge(r, &e, "request_read");
		fuzz_check(req.version < CNI_VERSION_COUNT, "version %d", (int)req.version);
		if (r == 0 && verb != CNI_VERSION) {
			fuzz_check(req.config && req.text_len == in.left &&
			                   memcmp(req.text, in.at, in.left) == 0,
			           "stdin is not what was read");
			args(&req);
			ipam(&req);
			for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
				req.type = names[i];
				types(&req);
			}
		}
		request_free(&req);
	}
	close(fd);
	return 0;
}
