/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_portmap_conf.c - upstream portmap's keys
 */
#include "base/json.h"
#include "endpoint/portmap_conf.h"

#include <criterion/criterion.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

TestSuite(portmap_conf);

/* The mappings as text: "tcp 8080>80 192.0.2.1, ..." */
static void describe(const struct portmap_conf *c, char ret[static 256])
{
	char addr[IP_STR_MAX];
	int at =
		snprintf(ret, 256, "%s%s", c->snat ? "snat" : "no snat", c->masq_all ? " all" : "");

	for (size_t i = 0; i < c->n; i++)
		at += snprintf(ret + at, 256 - (size_t)at, ", %s %u>%u %s",
		               port_proto_str(c->v[i].proto), c->v[i].host_port,
		               c->v[i].container_port, ip_format(&c->v[i].host_ip, addr));
}

static int parse(const char *text, bool static_key, struct portmap_conf *c, struct err *e)
{
	json_auto_t *doc = NULL;

	cr_assert_eq(jparse(text, strlen(text), &doc, e), 0, "%s: %s", text, e->msg);
	return portmap_conf_parse(doc, static_key, c, e);
}

#define RC(ports) "{\"runtimeConfig\":{\"portMappings\":" ports "}}"
#define ONE(more) RC("[{\"hostPort\":1,\"containerPort\":2," more "}]")

Test(portmap_conf, accepted)
{
	static const struct {
		const char *text;
		bool static_key;
		const char *want;
	} rows[] = {
		{ "{}", false, "snat" },
		{ RC("null"), false, "snat" },
		{ RC("[]"), false, "snat" },
		{ "{\"snat\":false,\"masqAll\":true}", false, "no snat all" },
		{ "{\"snat\":null,\"SNAT\":true}", false, "snat" },
		{ RC("[{\"HostPort\":8080,\"ContainerPort\":80,\"Protocol\":\"tcp\",\"HostIP\":\"\"}]"),
		  false, "snat, tcp 8080>80 " },
		{ RC("[{\"hostPort\":65535,\"containerPort\":1,\"protocol\":\"UDP\",\"hostIP\":\"::\"}]"),
		  false, "snat, udp 65535>1 ::" },
		{ ONE("\"protocol\":\"SctP\",\"hostIP\":\"192.0.2.1\""), false,
		  "snat, sctp 1>2 192.0.2.1" },
		{ ONE("\"protocol\":\"\""), false, "snat, tcp 1>2 " },
		{ ONE("\"hostIP\":\"2001:DB8:0::1\""), false, "snat, tcp 1>2 2001:db8::1" },
		{ "{\"RUNTIMECONFIG\":{\"PORTMAPPINGS\":[{\"hostport\":1,\"containerport\":2}]}}",
		  false, "snat, tcp 1>2 " },
		{ "{\"portMappings\":[{\"hostPort\":1,\"containerPort\":2}]}", false, "snat" },
		{ "{\"portMappings\":[{\"hostPort\":1,\"containerPort\":2}]}", true,
		  "snat, tcp 1>2 " },
		{ "{\"portMappings\":[{\"hostPort\":1,\"containerPort\":2}],"
		  "\"runtimeConfig\":{\"portMappings\":[]}}",
		  true, "snat" },
		{ "{\"backend\":\"whatever\",\"markMasqBit\":0}", false, "snat" },
		{ "{\"backend\":\"nftables\",\"markMasqBit\":31}", false, "snat" },
		{ "{\"externalSetMarkChain\":\"KUBE-MARK-MASQ\"}", false, "snat" },
		{ "{\"conditionsV4\":[],\"conditionsV6\":null}", false, "snat" },
		{ "{\"conditionsV4\":[\"-s\",\"10.0.0.0/8\"]}", false,
		  "snat" }, /* nothing to open */
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct portmap_conf c;
		struct err e = { .msg = "" };
		char found[256];
		int r = parse(rows[i].text, rows[i].static_key, &c, &e);

		cr_expect_eq(r, 0, "%s: expected success, found %s", rows[i].text, e.msg);
		describe(&c, found);
		cr_expect_str_eq(found, rows[i].want, "%s: expected %s, found %s", rows[i].text,
		                 rows[i].want, found);
		portmap_conf_free(&c);
	}
}

Test(portmap_conf, refused)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{ RC("[{}]"), "Invalid container port number: 0" },
		{ RC("[{\"hostPort\":0,\"containerPort\":0}]"),
		  "Invalid container port number: 0" },
		{ RC("[{\"hostPort\":0,\"containerPort\":80}]"), "Invalid host port number: 0" },
		{ RC("[{\"hostPort\":-1,\"containerPort\":80}]"), "Invalid host port number: -1" },
		{ RC("[{\"hostPort\":80,\"containerPort\":-5}]"),
		  "Invalid container port number: -5" },
		{ RC("[{\"hostPort\":65536,\"containerPort\":80}]"),
		  "runtimeConfig.portMappings[0].hostPort: expected a port number from 1 to 65535, found 65536" },
		{ RC("[{\"hostPort\":1,\"containerPort\":2},{\"hostPort\":1,\"containerPort\":70000}]"),
		  "runtimeConfig.portMappings[1].containerPort: expected a port number from 1 to 65535, found "
		  "70000" },
		{ ONE("\"protocol\":\"icmp\""),
		  "runtimeConfig.portMappings[0].protocol: expected tcp, udp or sctp, found \"icmp\"" },
		{ ONE("\"hostIP\":\"localhost\""),
		  "runtimeConfig.portMappings[0].hostIP: \"localhost\" is not an IP address" },
		{ RC("[5]"), "runtimeConfig.portMappings[0]: expected an object" },
		{ "{\"markMasqBit\":32}", "MasqMarkBit must be between 0 and 31" },
		{ "{\"markMasqBit\":-1}", "MasqMarkBit must be between 0 and 31" },
		{ "{\"markMasqBit\":13,\"externalSetMarkChain\":\"X\"}",
		  "Cannot specify externalSetMarkChain and markMasqBit" },
		{ "{\"conditionsV4\":[\"ip saddr\"],\"runtimeConfig\":{\"portMappings\":[{\"hostPort\":1,"
		  "\"containerPort\":2}]}}",
		  "conditionsV4: conditions of single rules are not supported, since host ports share theirs; "
		  "found 1, the first is \"ip saddr\"" },
	};
	/* Of another type: code 7 that names the key, the rest of the text is the decoder's. */
	static const struct {
		const char *text, *key;
	} types[] = {
		{ RC("5"), "runtimeConfig.portMappings" },
		{ "{\"runtimeConfig\":[]}", "runtimeConfig" },
		{ RC("[{\"hostPort\":\"80\",\"containerPort\":80}]"),
		  "runtimeConfig.portMappings[0].hostPort" },
		{ RC("[{\"hostPort\":80.5,\"containerPort\":80}]"),
		  "runtimeConfig.portMappings[0].hostPort" },
		{ "{\"snat\":\"true\"}", "snat" },
		{ "{\"masqAll\":1}", "masqAll" },
		{ "{\"backend\":1}", "backend" },
	};
	struct portmap_conf c;
	struct err e;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		cr_expect(parse(rows[i].text, false, &c, &e) < 0,
		          "%s: expected an error, found none", rows[i].text);
		cr_expect_str_eq(e.msg, rows[i].want, "%s: expected %s, found %s", rows[i].text,
		                 rows[i].want, e.msg);
		cr_expect_eq(e.code, CNI_E_CONFIG, "%s: expected code 7, found %d", rows[i].text,
		             e.code);
		portmap_conf_free(&c);
	}
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		cr_expect(parse(types[i].text, false, &c, &e) < 0,
		          "%s: expected an error, found none", types[i].text);
		cr_expect_not_null(strstr(e.msg, types[i].key),
		                   "%s: expected %s to be named, found %s", types[i].text,
		                   types[i].key, e.msg);
		cr_expect_eq(e.code, CNI_E_CONFIG, "%s: expected code 7, found %d", types[i].text,
		             e.code);
		portmap_conf_free(&c);
	}
}
