/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * portmap_conf.c - which ports of the node lead to a pod: upstream portmap's keys
 */
#include "endpoint/portmap_conf.h"

#include "base/cleanup.h"
#include "base/json.h"

#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

static const struct {
	const char *name;
	uint8_t proto;
} protos[] = {
	{ "tcp", IPPROTO_TCP },
	{ "udp", IPPROTO_UDP },
	{ "sctp", IPPROTO_SCTP },
};

const char *port_proto_str(uint8_t proto)
{
	for (size_t i = 0; i < ARRAY_SIZE(protos); i++) {
		if (protos[i].proto == proto)
			return protos[i].name;
	}
	return "?";
}

uint8_t port_proto_parse(const char *text)
{
	for (size_t i = 0; i < ARRAY_SIZE(protos); i++) {
		if (strcasecmp(text, protos[i].name) == 0)
			return protos[i].proto;
	}
	return *text ? 0 : IPPROTO_TCP;
}

/* One port; @name as upstream's message has it. */
static int read_port(const json_t *obj, const char *path, const char *key, const char *name,
                     uint16_t *ret, struct err *e)
{
	int64_t port = 0;
	int r = jget_int(obj, path, key, INT64_MIN, INT64_MAX, &port, e);

	if (r < 0)
		return r;
	if (port <= 0)
		return err_set(e, CNI_E_CONFIG, 0, "Invalid %s port number: %" PRId64, name, port);
	if (port > UINT16_MAX)
		return err_set(e, CNI_E_CONFIG, 0,
		               "%s.%s: expected a port number from 1 to 65535, found %" PRId64,
		               path, key, port);
	*ret = (uint16_t)port;
	return 0;
}

static int read_protocol(const json_t *obj, const char *path, uint8_t *ret, struct err *e)
{
	const char *text = "";
	int r = jget_str(obj, path, "protocol", &text, e);

	if (r < 0)
		return r;
	*ret = port_proto_parse(text);
	if (!*ret)
		return err_set(e, CNI_E_CONFIG, 0,
		               "%s.protocol: expected tcp, udp or sctp, found \"%s\"", path, text);
	return 0;
}

static int read_host_ip(const json_t *obj, const char *path, struct ip_addr *ret, struct err *e)
{
	const char *text = "";
	int r = jget_str(obj, path, "hostIP", &text, e);

	if (r < 0)
		return r;
	if (*text && !ip_parse(text, ret))
		return err_set(e, CNI_E_CONFIG, 0, "%s.hostIP: \"%s\" is not an IP address", path,
		               text);
	return 0;
}

static int read_mapping(const json_t *obj, const char *path, struct port_mapping *ret,
                        struct err *e)
{
	int r;

	*ret = (struct port_mapping) { .proto = 0 };
	if (!json_is_object(obj))
		return err_set(e, CNI_E_CONFIG, 0, "%s: expected an object", path);
	r = read_port(obj, path, "containerPort", "container", &ret->container_port, e);
	if (r == 0)
		r = read_port(obj, path, "hostPort", "host", &ret->host_port, e);
	if (r == 0)
		r = read_protocol(obj, path, &ret->proto, e);
	return r < 0 ? r : read_host_ip(obj, path, &ret->host_ip, e);
}

static int read_list(const json_t *list, const char *path, struct portmap_conf *c, struct err *e)
{
	size_t n = json_array_size(list), i;
	char where[96];
	json_t *item;

	if (n > PORTMAP_MAX)
		return err_set(e, CNI_E_CONFIG, 0, "%s: %zu mappings are more than %d", path, n,
		               PORTMAP_MAX);
	if (n == 0)
		return 0;
	c->v = calloc(n, sizeof(*c->v));
	if (!c->v)
		return err_sys(e, ENOMEM, "%s", path);
	json_array_foreach(list, i, item) {
		int r;

		(void)snprintf(where, sizeof(where), "%s[%zu]", path, i);
		r = read_mapping(item, where, &c->v[c->n], e);
		if (r < 0)
			return r;
		c->n++;
	}
	return 0;
}

static int read_mappings(const json_t *config, bool static_key, struct portmap_conf *c,
                         struct err *e)
{
	const char *path = "runtimeConfig.portMappings";
	json_t *runtime, *list = NULL;
	int r = jget_obj(config, "", "runtimeConfig", &runtime, e);

	if (r > 0)
		r = jget_arr(runtime, "runtimeConfig", "portMappings", &list, e);
	if (r == 0 && static_key) {
		path = "portMappings";
		r = jget_arr(config, "", path, &list, e);
	}
	return r <= 0 ? r : read_list(list, path, c, e);
}

static int refuse_conditions(const json_t *config, const char *key, struct err *e)
{
	json_t *list;
	int r = jget_arr(config, "", key, &list, e);
	char text[128];

	if (r <= 0 || json_array_size(list) == 0)
		return r < 0 ? r : 0;
	return err_set(
		e, CNI_E_CONFIG, 0,
		"%s: conditions of single rules are not supported, since host ports share theirs; "
		"found %zu, the first is %s",
		key, json_array_size(list), jdescribe(json_array_get(list, 0), text, sizeof(text)));
}

/* Upstream's ways to masquerade. Ours needs no mark, so every bit and every chain is fine, if it is one. */
static int check_mark(const json_t *config, struct err *e)
{
	const char *text;
	int64_t bit = 0;
	int has_bit = jget_int(config, "", "markMasqBit", INT64_MIN, INT64_MAX, &bit, e);
	int has_chain =
		has_bit < 0 ? has_bit : jget_str(config, "", "externalSetMarkChain", &text, e);

	if (has_chain < 0)
		return has_chain;
	if (has_bit && has_chain)
		return err_set(e, CNI_E_CONFIG, 0,
		               "Cannot specify externalSetMarkChain and markMasqBit");
	if (bit < 0 || bit > 31)
		return err_set(e, CNI_E_CONFIG, 0, "MasqMarkBit must be between 0 and 31");
	return 0;
}

int portmap_conf_parse(const json_t *config, bool static_key, struct portmap_conf *ret,
                       struct err *e)
{
	const char *backend;
	int r;

	*ret = (struct portmap_conf) { .snat = true };
	r = read_mappings(config, static_key, ret, e);
	if (r >= 0)
		r = jget_bool(config, "", "snat", &ret->snat, e);
	if (r >= 0)
		r = jget_bool(config, "", "masqAll", &ret->masq_all, e);
	if (r >= 0)
		r = jget_str(config, "", "backend", &backend, e);
	if (r >= 0)
		r = check_mark(config, e);
	if (r >= 0 && ret->n > 0)
		r = refuse_conditions(config, "conditionsV4", e);
	if (r >= 0 && ret->n > 0)
		r = refuse_conditions(config, "conditionsV6", e);
	return r < 0 ? r : 0;
}

void portmap_conf_free(struct portmap_conf *c)
{
	free(c->v);
	*c = (struct portmap_conf) { .n = 0 };
}
