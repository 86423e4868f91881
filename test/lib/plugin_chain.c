/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plugin_chain.c - a list of plugins, called as libcni calls them
 */
#include "test/lib/plugin_chain.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* asprintf() that ends the program when there is no memory. */
__attribute__((format(printf, 1, 2))) static char *text_of(const char *fmt, ...)
{
	char *text;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		abort();
	va_end(ap);
	return text;
}

static char *bridge_keys(const struct chain_site *site, const char *more)
{
	return text_of("\"bridge\":\"%s\",\"isGateway\":true%s,\"ipam\":{\"type\":\"host-local\","
	               "\"dataDir\":\"%s\",\"ranges\":[[{\"subnet\":\"%s\"}]%s%s%s],"
	               "\"routes\":[{\"dst\":\"0.0.0.0/0\"}%s]}",
	               site->bridge, more, site->data_dir, site->v4,
	               site->v6 ? ",[{\"subnet\":\"" : "", site->v6 ? site->v6 : "",
	               site->v6 ? "\"}]" : "", site->v6 ? ",{\"dst\":\"::/0\"}" : "");
}

static void begin(struct chain *c, const struct chain_site *site)
{
	*c = (struct chain) { .dir = site->dir,
		              .version = site->version,
		              .network = site->network };
}

static void add_step(struct chain *c, const char *type, char *keys, bool runtime)
{
	c->step[c->n].type = type;
	c->step[c->n].keys = keys;
	c->step[c->n].runtime = runtime;
	c->n++;
}

void chain_four(struct chain *c, const struct chain_site *site)
{
	begin(c, site);
	add_step(c, "bridge", bridge_keys(site, ",\"ipMasq\":true"), false);
	add_step(c, "portmap", text_of("\"snat\":true"), true);
	add_step(c, "firewall",
	         text_of("\"ingressPolicy\":\"%s\"", site->policy ? site->policy : "open"), false);
	add_step(c, "bandwidth", text_of("%s", ""), true);
}

void chain_one(struct chain *c, const struct chain_site *site)
{
	/* The key ingressPolicy asks for the firewall, whatever it says. */
	char *more = text_of(",\"ipMasq\":true,\"snat\":true,\"ingressPolicy\":\"%s\"",
	                     site->policy ? site->policy : "open");

	begin(c, site);
	add_step(c, "cnida", bridge_keys(site, more), true);
	free(more);
}

void chain_plain(struct chain *c, const struct chain_site *site)
{
	begin(c, site);
	add_step(c, "bridge", bridge_keys(site, ""), false);
}

void chain_policy(struct chain *c, const struct chain_site *site, const char *backend)
{
	char *more = text_of(",\"ipMasq\":true,\"policy\":{\"backend\":\"%s\"}", backend);

	begin(c, site);
	add_step(c, "cnida", bridge_keys(site, more), false);
	free(more);
}

void chain_free(struct chain *c)
{
	for (size_t i = 0; i < c->n; i++)
		free(c->step[i].keys);
	c->n = 0;
}

char *chain_runtime(unsigned int host_port)
{
	return text_of(
		"{\"portMappings\":[{\"HostPort\":%u,\"ContainerPort\":80,\"Protocol\":\"tcp\","
		"\"HostIP\":\"\"}],\"bandwidth\":{\"IngressRate\":100000000,"
		"\"IngressBurst\":2000000,\"EgressRate\":100000000,\"EgressBurst\":2000000}}",
		host_port);
}

static char *conf_of(const struct chain *c, size_t step, const struct chain_verb *v,
                     const char *prev)
{
	const char *keys = c->step[step].keys;
	bool runtime = v->runtime && c->step[step].runtime;

	return text_of("{%s\"cniVersion\":\"%s\",\"name\":\"%s\",\"type\":\"%s\"%s%s%s%s%s%s}",
	               v->extra ? v->extra : "", c->version, c->network, c->step[step].type,
	               *keys ? "," : "", keys, runtime ? ",\"runtimeConfig\":" : "",
	               runtime ? v->runtime : "", prev ? ",\"prevResult\":" : "", prev ? prev : "");
}

static int run_step(const struct chain *c, size_t step, const struct chain_verb *v,
                    const char *prev, const struct chain_exec *exec, struct plugin_run *ret)
{
	char path[PATH_MAX], *conf = conf_of(c, step, v, prev);
	struct plugin_call call = {
		.path = path,
		.command = v->verb,
		.cni_path = c->dir,
		.args = v->args,
		.in = conf,
		.in_len = strlen(conf),
		.deadline_ms = v->deadline_ms,
	};
	int r = -ENAMETOOLONG;

	if (v->pod) {
		call.container_id = v->pod->id;
		call.netns = v->netns ? v->netns : v->pod->netns;
		call.ifname = "eth0";
	}
	if ((size_t)snprintf(path, sizeof(path), "%s/%s", c->dir, c->step[step].type) <
	    sizeof(path))
		r = exec->run(&call, step, exec->arg, ret);
	free(conf);
	return r;
}

/* The result becomes the next plugin's previous one. */
static int take_result(struct plugin_run *run, char **result)
{
	char *text = strdup(run->out ? run->out : "");

	if (!text)
		return -ENOMEM;
	free(*result);
	*result = text;
	return 0;
}

int chain_run(const struct chain *c, const struct chain_verb *v, const struct chain_exec *exec,
              char **ret_result, struct plugin_run *ret)
{
	bool add = strcmp(v->verb, "ADD") == 0, del = strcmp(v->verb, "DEL") == 0;
	char *result = NULL;
	int r = 0;

	*ret = (struct plugin_run) { .rc = -1 };
	for (size_t i = 0; i < c->n && r == 0; i++) {
		size_t step = del ? c->n - 1 - i : i;

		plugin_run_free(ret);
		r = run_step(c, step, v, add ? result : v->prev, exec, ret);
		if (r == 0 && ret->rc != 0)
			r = 1 + (int)step;
		if (r == 0 && add)
			r = take_result(ret, &result);
	}
	if (ret_result)
		*ret_result = r == 0 ? result : NULL;
	if (r != 0 || !ret_result)
		free(result);
	return r;
}
