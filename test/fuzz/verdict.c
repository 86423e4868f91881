/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * verdict.c - fuzz: any policies that the parser takes mean to the compiler what they mean to the oracle
 *
 * Input: a JSON array of NetworkPolicy objects. The world they are applied to is fixed: every pod of it is asked about every peer
 * at some ports, in both directions.
 */
#include "test/fuzz/fuzz.h"
#include "test/policy/compiled.h"

#include <netinet/in.h>

static const char namespaces_text[] =
	"{\"x\": {\"labels\": {\"ns\": \"x\"}}, \"y\": {\"labels\": {\"ns\": \"y\", \"env\": \"b\"}}, \"z\": {\"labels\": {}}}";
static const char pods_text[] =
	"[{\"namespace\": \"x\", \"name\": \"a\", \"labels\": {\"pod\": \"a\"}, \"ips\": [\"10.0.0.1\", \"fd00::1\"],"
	" \"ports\": [{\"name\": \"http\", \"port\": 80, \"protocol\": \"TCP\"}]},"
	"{\"namespace\": \"x\", \"name\": \"b\", \"labels\": {\"pod\": \"b\", \"tier\": \"web\"}, \"ips\": [\"10.0.0.2\", \"fd00::2\"],"
	" \"ports\": [{\"name\": \"http\", \"port\": 81, \"protocol\": \"TCP\"}, {\"name\": \"dns\", \"port\": 53, \"protocol\": \"UDP\"}]},"
	"{\"namespace\": \"y\", \"name\": \"a\", \"labels\": {\"pod\": \"a\", \"tier\": \"web\"}, \"ips\": [\"10.0.1.1\"]},"
	"{\"namespace\": \"z\", \"name\": \"c\", \"labels\": {}, \"ips\": [\"10.0.2.1\", \"fd00:2::1\"], \"node\": \"other\"}]";
static const char *const nobodys[] = { "10.0.0.3", "192.0.2.1", "255.255.255.255",
	                               "::1",      "fd00::3",   "2001:db8::1" };
static const struct {
	int proto, port;
} ports[] = { { IPPROTO_TCP, 80 },     { IPPROTO_TCP, 81 }, { IPPROTO_UDP, 53 },
	      { IPPROTO_SCTP, 65535 }, { IPPROTO_TCP, 1 },  { ORACLE_ECHO, 0 } };

static json_t *fixed(const char *text)
{
	json_error_t e;
	json_t *ret = json_loads(text, 0, &e);

	if (!ret) {
		fprintf(stderr, "%s\n", e.text);
		exit(2);
	}
	return ret;
}

static void ask(const struct compiled *c, const struct oracle_world *w, struct world_question *q)
{
	for (size_t p = 0; p < sizeof(ports) / sizeof(ports[0]); p++) {
		for (int d = 0; d < 2; d++) {
			bool want;

			q->d = d ? ORACLE_EGRESS : ORACLE_INGRESS;
			q->proto = ports[p].proto;
			q->port = ports[p].port;
			want = oracle_direction(w, q->pod, q->d, &q->peer, q->proto, q->port);
			fuzz_check(compiled_direction(c, q) == want,
			           "%s of %s, protocol %d, port %d, peer %s: the oracle says %s",
			           d ? "egress" : "ingress",
			           json_string_value(json_object_get(q->pod, "name")), q->proto,
			           q->port,
			           q->peer.pod
			                   ? json_string_value(json_object_get(q->peer.pod, "name"))
			                   : "nobody",
			           want ? "allow" : "deny");
		}
	}
}

static void ask_all(const struct compiled *c, const struct oracle_world *w)
{
	json_t *pod, *peer;
	size_t i, k;

	json_array_foreach(w->pods, i, pod) {
		struct world_question q = { .pod = pod };

		if (json_object_get(pod, "node"))
			continue;
		json_array_foreach(w->pods, k, peer) {
			for (int family = 4; family <= 6; family += 2) {
				memset(&q.peer, 0, sizeof(q.peer));
				if (peer != pod && oracle_end_of(&q.peer, peer, family))
					ask(c, w, &q);
			}
		}
		for (k = 0; k < sizeof(nobodys) / sizeof(nobodys[0]); k++) {
			memset(&q.peer, 0, sizeof(q.peer));
			if (!oracle_addr(&q.peer.addr, nobodys[k]))
				abort();
			ask(c, w, &q);
		}
	}
}

/* Several of one name: the last one counts, and only that is the oracle's to know. */
static bool names_are_unique(const json_t *policies)
{
	json_t *seen = json_object(), *p;
	bool ret = true;
	size_t i;

	json_array_foreach(policies, i, p) {
		const json_t *meta = json_object_get(p, "metadata");
		const char *ns = json_string_value(json_object_get(meta, "namespace")),
			   *name = json_string_value(json_object_get(meta, "name")),
			   *kind = json_string_value(json_object_get(p, "kind")),
			   *version = json_string_value(json_object_get(p, "apiVersion"));
		char key[600];

		if (!ns || !name || !kind || strcmp(kind, "NetworkPolicy") != 0 || !version ||
		    strcmp(version, "networking.k8s.io/v1") != 0) {
			ret = false;
			break;
		}
		snprintf(key, sizeof(key), "%.255s/%.255s", ns, name);
		ret &= !json_object_get(seen, key);
		json_object_set_new(seen, key, json_true());
	}
	json_decref(seen);
	return ret;
}

/* Beyond rules the oracle knows all fields that there are. */
static bool unknown_to_oracle(const struct objects *o)
{
	for (size_t i = 0; i < o->n_warnings; i++)
		if (strstr(o->warnings[i], "no rule of this policy allows anything"))
			return true;
	return o->n_unsaid > 0;
}

FUZZ(verdict)
{
	static json_t *namespaces, *pods;
	struct compiled c;
	struct err e = fuzz_err();
	json_t *policies = json_loadb((const char *)data, len, JSON_REJECT_DUPLICATES, NULL);

	if (!pods) {
		namespaces = fixed(namespaces_text);
		pods = fixed(pods_text);
	}
	if (json_is_array(policies) && json_array_size(policies) <= 8 &&
	    names_are_unique(policies)) {
		const struct oracle_world w = { namespaces, pods, policies };

		if (compiled_make(&c, &w, &e) == 0) {
			if (!unknown_to_oracle(&c.objects))
				ask_all(&c, &w);
			compiled_free(&c);
		}
	}
	json_decref(policies);
	return 0;
}
