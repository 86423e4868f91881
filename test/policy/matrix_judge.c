/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * matrix_judge.c - what was expected and found, as text
 *
 *	step 1 ipv4: 2 of 36 wrong
 *	         x/a x/b y/a		from rows to columns
 *	    x/a   .   .   X		. all allowed   X all denied   + some   ! not what was expected
 *	    ...
 *	  x/b -> x/a 80/TCP 81/TCP: expected deny, found allow
 */
#include "test/policy/matrix.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#define PAIRS_SHOWN 12

struct judged {
	enum case_verdict expected;
	bool wrong;
};

static const char *found_text(const struct probe *p, char *buf, size_t size)
{
	switch (p->result) {
	case PROBE_SILENT:
		return "deny";
	case PROBE_ANSWERED:
		return "allow";
	case PROBE_HALF:
		return "arrived, but the answer was lost";
	case PROBE_REFUSED:
		snprintf(buf, size, "refused (%s)", strerror(p->error));
		return buf;
	}
	return "";
}

static void port_text(const struct probe *p, FILE *f)
{
	if (p->proto == ORACLE_ECHO)
		fputs(" echo", f);
	else
		fprintf(f, " %d/%s", p->port, case_proto_name(p->proto));
}

static bool same_pair(const struct probe *a, const struct probe *b)
{
	return a->from == b->from && a->to == b->to && a->family == b->family;
}

static bool same_finding(const struct step_probes *s, const struct judged *j, size_t a, size_t b)
{
	return same_pair(&s->v[a], &s->v[b]) && j[b].wrong && j[a].expected == j[b].expected &&
	       s->v[a].result == s->v[b].result && s->v[a].error == s->v[b].error;
}

static void list_wrong(const struct step_probes *s, struct judged *j, int family, bool all, FILE *f)
{
	unsigned int shown = 0, more = 0;
	char buf[128];

	for (size_t i = 0; i < s->n; i++) {
		const struct probe *p = &s->v[i];

		if (!j[i].wrong || p->family != family)
			continue;
		if (!all && shown >= PAIRS_SHOWN) {
			more++;
			continue;
		}
		fprintf(f, "    %s -> %s", p->from->name, p->to->name);
		for (size_t k = i; k < s->n; k++) {
			if (!same_finding(s, j, i, k))
				continue;
			port_text(&s->v[k], f);
			j[k].wrong = k == i;
		}
		fprintf(f, ": expected %s, found %s\n",
		        j[i].expected == CASE_DENY ? "deny" : "allow",
		        found_text(p, buf, sizeof(buf)));
		shown++;
	}
	if (more)
		fprintf(f, "    and %u more (--verbose lists them)\n", more);
}

/* ' ': not probed */
static char cell(const struct step_probes *s, const struct judged *j, const struct end *from,
                 const struct end *to, int family)
{
	unsigned int allowed = 0, denied = 0;

	for (size_t i = 0; i < s->n; i++) {
		const struct probe *p = &s->v[i];

		if (p->from != from || p->to != to || p->family != family)
			continue;
		if (j[i].wrong)
			return '!';
		allowed += p->result == PROBE_ANSWERED;
		denied += p->result != PROBE_ANSWERED;
	}
	if (allowed && denied)
		return '+';
	return allowed ? '.' : denied ? 'X' : ' ';
}

/* Has it a column (@to) or a row in this family's grid? */
static bool shown(const struct matrix_end *e, bool to, int family)
{
	return (to ? e->to : e->from) && e->end->addr[family == 6].sa.sa_family != AF_UNSPEC;
}

static void grid(const struct step_probes *s, const struct judged *j, int family, FILE *f)
{
	fprintf(f, "  %16s", "");
	for (size_t k = 0; k < s->n_ends; k++) {
		if (shown(&s->ends[k], true, family))
			fprintf(f, " %s", s->ends[k].end->name);
	}
	for (size_t i = 0; i < s->n_ends; i++) {
		if (!shown(&s->ends[i], false, family))
			continue;
		fprintf(f, "\n  %16s", s->ends[i].end->name);
		for (size_t k = 0; k < s->n_ends; k++) {
			if (shown(&s->ends[k], true, family))
				fprintf(f, " %*c", (int)strlen(s->ends[k].end->name),
				        cell(s, j, s->ends[i].end, s->ends[k].end, family));
		}
	}
	fputc('\n', f);
}

static bool is_wrong(const struct probe *p, enum case_verdict expected)
{
	return p->result != (expected == CASE_ALLOW ? PROBE_ANSWERED : PROBE_SILENT);
}

static enum case_verdict expected_of(const struct probe *p, const json_t *lines, const char **bad)
{
	const struct case_probe name = { p->from->name, p->to->name, p->family, p->proto, p->port };

	return case_expected(lines, &name, bad);
}

void judge_expect(struct step_probes *s, const json_t *lines)
{
	const char *ignored; /* judge_step() tells of it */

	for (size_t i = 0; i < s->n; i++)
		s->v[i].expected = expected_of(&s->v[i], lines, &ignored) == CASE_ALLOW;
}

static struct judged *judge_all(const struct step_probes *s, const json_t *lines, FILE *report)
{
	struct judged *j = calloc(s->n + 1, sizeof(*j));

	for (size_t i = 0; i < s->n; i++) {
		const struct probe *p = &s->v[i];
		const char *bad;

		j[i].expected = expected_of(p, lines, &bad);
		if (j[i].expected == CASE_BAD_LINE) {
			fprintf(report, "  not an expectation: %s\n", bad);
			free(j);
			return NULL;
		}
		j[i].wrong = is_wrong(p, j[i].expected);
	}
	return j;
}

long judge_step(const struct step_probes *s, const json_t *lines, unsigned int step, bool verbose,
                FILE *report)
{
	struct judged *j = judge_all(s, lines, report);
	long wrong = 0;

	if (!j)
		return 1;
	for (int family = 4; family <= 6; family += 2) {
		long of = 0, bad = 0;

		for (size_t i = 0; i < s->n; i++) {
			of += s->v[i].family == family;
			bad += s->v[i].family == family && j[i].wrong;
		}
		wrong += bad;
		if (!bad && !(verbose && of))
			continue;
		fprintf(report, "  step %u ipv%d: %ld of %ld wrong\n", step, family, bad, of);
		grid(s, j, family, report);
		list_wrong(s, j, family, verbose, report);
	}
	free(j);
	return wrong;
}
