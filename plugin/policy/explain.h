/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * explain.h - why is a connection allowed or denied? Names the policies and the rules
 *
 * Walks the objects, not the tables, so that it can say what they no longer know, and so that it is a second opinion.
 */
#ifndef CNIDA_POLICY_EXPLAIN_H
#define CNIDA_POLICY_EXPLAIN_H

#include "base/err.h"
#include "policy/object.h"
#include "policy/tables.h"

enum explain_verdict {
	EXPLAIN_NOT_JUDGED, /* this end is no pod that policies select, or nobody is asked at all */
	EXPLAIN_NOT_ISOLATED, /* no policy selects the pod in this direction */
	EXPLAIN_ALLOWED,      /* by at least one rule */
	EXPLAIN_DENIED,       /* isolated, and no rule allows it */
};

/* What one rule says about the connection; or a policy that has no rule in this direction. */
struct explain_reason {
	const char *namespace, *policy;
	const char *path; /* "spec.ingress[0]", or "spec.ingress" of a policy without rules */
	const char *text; /* "allows it", "its peers do not include ...", ... */
	bool allows;
};

struct explain_end {
	const char *text;      /* "pod x/a (10.1.0.5)", "address 192.0.2.1", "the node" */
	const struct pod *pod; /* whose object is known, and which counts as a pod; or NULL */
	const char *namespace, *name; /* of a pod, known or not; or NULL */
	struct ip_addr addr;          /* AF_UNSPEC if it has none */
	bool node;
};

struct explain_side {
	enum explain_verdict verdict;
	const char *text; /* one line: who is isolated and by what, or why nobody is asked */
	struct explain_reason
		*reasons; /* of all policies that select the pod, in the order of their names */
	size_t n_reasons;
};

struct explanation {
	bool allowed; /* by both sides */
	struct explain_end src, dst;
	struct explain_side side[2]; /* by enum direction: EGRESS judges @src, INGRESS judges @dst */
	struct arena *arena;         /* owns the texts that are not the objects' */
};

/**
 * explain() - Judge one connection
 * @objects:	after objects_finish(); outlives @ret
 * @relaxed:	as for compile()
 * @src, @dst:	"namespace/name" of a pod, an address (of a pod or of anything else), or "node": the pod's own node.
 *		Of pods with several addresses the first ones of one family count.
 * @proto:	IPPROTO_*; one without ports is allowed by rules without ports only
 * @port:	destination port after translation, host order
 * @ret:	free with explanation_free(), whatever is returned
 *
 * Return: 0, or -EINVAL (code 7: @src or @dst is none of these, or they have no family in common).
 */
int explain(const struct objects *objects, bool relaxed, const char *src, const char *dst,
            uint8_t proto, uint16_t port, struct explanation *ret, struct err *e);

void explanation_free(struct explanation *x);

#endif
