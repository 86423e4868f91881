/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * chained.h - a chained plugin's functions called as the runtime would: a pod, its previous result, a configuration
 */
#ifndef CNIDA_TEST_NET_CHAINED_H
#define CNIDA_TEST_NET_CHAINED_H

#include "base/json.h"
#include "kernel/netns.h"
#include "spec/request.h"
#include "spec/result.h"

#include "space.h"

#include <stdio.h>
#include <stdlib.h>

struct chained {
	struct space space;
	char netns[64];
	struct request req;
};

/* A node, a pod, a pair of links between them, both up; /run, /etc and /var/lib are the test's own. */
static inline void chained_open(struct chained *c)
{
	struct nl_batch b;
	struct err e;

	memset(c, 0, sizeof(*c));
	space_private_mounts();
	cr_assert(mount("tmpfs", "/etc", "tmpfs", 0, NULL) == 0, "mount /etc");
	space_open(&c->space);
	(void)space_add_veth(&c->space);
	nl_batch_init(&b);
	link_set_up_by_name_msg(&b, SPACE_POD, true);
	ok(nl_do(&c->space.pod, &b, &e), &e);
	(void)snprintf(c->netns, sizeof(c->netns), "/proc/self/fd/%d", c->space.pod_fd);
}

/* The request with these keys (the inside of an object) and ADD's previous result. */
static inline const struct request *chained_request(struct chained *c, const char *type,
                                                    const char *keys)
{
	struct err e = { 0 };
	char *text = NULL;

	json_decref(c->req.config);
	free(c->req.text);
	cr_assert(
		asprintf(&text,
	                 "{\"cniVersion\":\"1.0.0\",\"name\":\"net1\",\"type\":\"%s\"%s%s,\"prevResult\":{"
	                 "\"cniVersion\":\"1.0.0\",\"interfaces\":[{\"name\":\"" SPACE_HOST
	                 "\"},{\"name\":\"" SPACE_POD
	                 "\",\"mac\":\"02:00:00:00:00:03\",\"mtu\":1500,\"sandbox\":\"%s\"}],"
	                 "\"ips\":[{\"address\":\"10.1.2.3/24\",\"interface\":1}]}}",
	                 type, *keys ? "," : "", keys, c->netns) > 0,
		"memory");
	c->req = (struct request) {
		.verb = CNI_ADD,
		.type = type,
		.container_id = "c1",
		.netns = c->netns,
		.ifname = SPACE_POD,
		.args = "",
		.path = "",
		.text = text,
		.text_len = strlen(text),
		.version = CNI_1_0_0,
		.network = "net1",
	};
	cr_assert(jparse(text, strlen(text), &c->req.config, &e) == 0, "%s: %s", text, e.msg);
	c->req.prev_result = jget(c->req.config, "prevResult");
	return &c->req;
}

/* The namespaces go with the process; this is for the sanitizer, which looks for what nobody freed. */
static inline void chained_close(struct chained *c)
{
	json_decref(c->req.config);
	free(c->req.text);
	nl_close(&c->space.node);
	nl_close(&c->space.pod);
}

/* What follows happens in the pod's namespace. */
static inline void chained_enter_pod(const struct chained *c, int *back)
{
	struct err e;

	ok(netns_enter(c->space.pod_fd, back, &e), &e);
}

static inline void chained_leave_pod(int *back)
{
	struct err e;

	ok(netns_leave(back, &e), &e);
}

#endif
