/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * first.c - the first ADD after a boot: everything that pods share is made by it, the policy is loaded from its snapshot
 *
 * What is shared may stay after a failure, as far as a later pod would make the same; it never hinders that, and nothing of the
 * pod stays. A boot is played by taking away all that a boot takes away.
 */
#include "test/crash/crash.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define RULE_PRIORITY 50U

static void die(const char *what)
{
	fprintf(stderr, "crash: %s: %s\n", what, strerror(errno));
	_exit(2);
}

/* ---- a boot -------------------------------------------------------------------------------------- */

struct message {
	struct nlmsghdr h;
	char body[128];
};

static struct message message(uint16_t type, const void *body, size_t len)
{
	struct message m = { .h = { .nlmsg_type = type,
		                    .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK,
		                    .nlmsg_seq = 1,
		                    .nlmsg_len = (uint32_t)NLMSG_LENGTH(len) } };

	memcpy(m.body, body, len);
	return m;
}

static void put(struct message *m, uint16_t type, const void *data, size_t len)
{
	struct nlattr a = { .nla_len = (uint16_t)(ATTR_HEADER + len), .nla_type = type };
	char *to = (char *)m + NLMSG_ALIGN(m->h.nlmsg_len);

	memcpy(to, &a, sizeof(a));
	memcpy(to + sizeof(a), data, len);
	m->h.nlmsg_len += (uint32_t)ATTR_ALIGN(ATTR_HEADER + len);
}

/* The answer's errno; there is one per message that asks for it. */
static int ask(int fd, const void *messages, size_t len)
{
	union {
		struct nlmsghdr h;
		char bytes[8192];
	} answer;
	const struct nlmsgerr *e = NLMSG_DATA(&answer.h);

	if (send(fd, messages, len, 0) < 0 || recv(fd, &answer, sizeof(answer), 0) < 0)
		die("netlink");
	return answer.h.nlmsg_type == NLMSG_ERROR ? -e->error : EPROTO;
}

static void remove_bridge(const struct look *l)
{
	const struct ifinfomsg link = { .ifi_index = (int)if_nametoindex("cni0") };
	struct message m = message(RTM_DELLINK, &link, sizeof(link));

	if (link.ifi_index && ask(l->route, &m, m.h.nlmsg_len) != 0)
		die("remove the bridge");
}

static void remove_rules(const struct look *l)
{
	static const unsigned char families[] = { AF_INET, AF_INET6 };
	const uint32_t priority = RULE_PRIORITY;

	for (int i = 0; i < 2; i++) {
		const struct fib_rule_hdr rule = { .family = families[i],
			                           .action = FR_ACT_BLACKHOLE };
		struct message m = message(RTM_DELRULE, &rule, sizeof(rule));

		put(&m, FRA_PRIORITY, &priority, sizeof(priority));
		while (ask(l->route, &m, m.h.nlmsg_len) == 0) {
		}
	}
}

/* One transaction; a table that is not named is every table. */
static void flush_ruleset(const struct look *l)
{
	const struct nfgenmsg batch = { .res_id = htons(NFNL_SUBSYS_NFTABLES) },
			      all = { .nfgen_family = AF_UNSPEC };
	struct message m[3] = {
		message(NFNL_MSG_BATCH_BEGIN, &batch, sizeof(batch)),
		message((NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_DELTABLE, &all, sizeof(all)),
		message(NFNL_MSG_BATCH_END, &batch, sizeof(batch)),
	};
	char bytes[sizeof(m)];
	size_t n = 0;

	m[0].h.nlmsg_flags = m[2].h.nlmsg_flags = NLM_F_REQUEST;
	for (int i = 0; i < 3; i++) {
		memcpy(bytes + n, &m[i], m[i].h.nlmsg_len);
		n += m[i].h.nlmsg_len;
	}
	if (ask(l->nft, bytes, n) != 0)
		die("flush the ruleset");
}

static void write_zero(const char *path)
{
	FILE *f = fopen(path, "we");

	if (!f || fputs("0", f) < 0 || fclose(f) != 0)
		die(path);
}

/* The snapshot stays. */
static void boot(struct worker *w)
{
	const struct look *l = &w->node.look;

	for (int i = 0; i < PODS; i++)
		node_detached(&w->node, (enum pod_name)i);
	remove_bridge(l);
	flush_ruleset(l);
	remove_rules(l);
	remove_tree("/run/cnida");
	remove_tree("/var/lib/cni/networks");
	remove_tree("/sys/fs/bpf/cnida");
	write_zero("/proc/sys/net/ipv4/ip_forward");
	write_zero("/proc/sys/net/ipv6/conf/all/forwarding");
}

/* ---- the scenario -------------------------------------------------------------------------------- */

void begin_first(struct worker *w)
{
	do_apply(w, POLICY_OLD, "of the first policy");
	boot(w);
	state_free(&w->booted);
	look_take(&w->node.look, &w->booted);
	for (int i = 0; i < 2; i++) {
		do_add(w, SERVER, "in the beginning");
		do_check(w, SERVER, "in the beginning");
		/* What the sets of a pod allow stays in nf_tables until the next apply. */
		if (do_add(w, CLIENT, "in the beginning"))
			do_del(w, CLIENT, "in the beginning");
		do_del(w, SERVER, "in the beginning");
		state_free(&w->ref[0][i]);
		look_take(&w->node.look, &w->ref[0][i]);
		do_apply(w, POLICY_OLD, "to the other side of nf_tables");
	}
}

void prepare_first(struct worker *w)
{
	_cleanup_state_ struct state now = { 0 };
	char *diff;

	boot(w);
	look_take(&w->node.look, &now);
	diff = state_diff(&w->booted, &now);
	if (diff) {
		fprintf(stderr, "crash: not as after a boot: %s\n", diff);
		_exit(2);
	}
}

static int compare(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;

	return strcmp(*x, *y);
}

static bool has(const struct state *s, char *line)
{
	return bsearch(&line, s->line, s->n, sizeof(*s->line), compare) != NULL;
}

/* What is shared, half made: right after loading there is an image that is about nobody, and pins in a folder beside the one that
 * counts; a bridge is not up at once. The next ADD finishes it. */
static bool unfinished(const char *line)
{
	static const char *const begin[] = { "image ", "pin /sys/fs/bpf/cnida/new", "link cni0 ",
		                             "qdisc dev=cni0 " };

	for (size_t i = 0; i < sizeof(begin) / sizeof(begin[0]); i++) {
		if (strncmp(line, begin[i], strlen(begin[i])) == 0)
			return true;
	}
	return false;
}

/* Nothing that neither a booted node nor one after its first pod has. */
static void expect_no_more(struct worker *w, const char *when)
{
	_cleanup_state_ struct state now = { 0 };

	look_take(&w->node.look, &now);
	for (size_t i = 0; i < now.n; i++) {
		if (has(&w->booted, now.line[i]) || has(&w->ref[0][0], now.line[i]) ||
		    has(&w->ref[0][1], now.line[i]) || unfinished(now.line[i]))
			continue;
		wrong(w, "nothing of the pod left", "%s: [+%s]", when, now.line[i]);
		return;
	}
}

/* All of what is shared, made in several tries: two pods reach each other as the policy says. */
static void expect_working(struct worker *w, const char *when)
{
	do_check(w, SERVER, when);
	if (!do_add(w, CLIENT, when))
		return;
	expect_probe(w, SERVER, PROBE_SEES_OLD, 0, when);
	do_del(w, CLIENT, when);
}

void judge_first(struct worker *w)
{
	const bool attached = !was_killed(w) && w->run.run.rc == 0;

	if (!was_killed(w))
		expect_answer(w, "ADD");
	if (attached) {
		if (node_attached(&w->node, SERVER, w->run.run.out))
			expect_working(w, "after ADD that succeeded in spite of it");
		do_del(w, SERVER, "after ADD");
		return;
	}
	if (!was_killed(w))
		expect_no_more(w, "after the failed ADD");
	do_del(w, SERVER, "after ADD");
	expect_no_more(w, "after DEL");
	if (do_add(w, SERVER, "after DEL"))
		expect_working(w, "after the next ADD");
	do_del(w, SERVER, "in the end");
	expect_either(w, w->ref[0], "after ADD and DEL");
}

void settle_first(struct worker *w)
{
	do_del(w, SERVER, "in the end");
}
