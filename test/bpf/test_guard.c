/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_guard.c - who a pod may say it is, and frames that are no connections
 */
#include "lab.h"

#include "base/cleanup.h"

#include <string.h>

static const struct lab_policy open = { .n = 0 };
static const struct lab_policy closed = { .ingress = { CLOSED, CLOSED, CLOSED, CLOSED },
	                                  .egress = { CLOSED, CLOSED, CLOSED, CLOSED } };

Test(guard, source)
{
	struct lab lab;

	lab_open(&lab, CONTROL_FASTPATH);
	lab_apply(&lab, &open);
	for (int k = 0; k < 4; k++) {
		const bool v6 = k & 1, known = k & 2;
		struct spec honest = {
			.from = A, .to = OUTSIDE, .proto = UDP, .sport = 1000, .dport = 53
		};
		static const enum who others[] = { B,      REMOTE, OUTSIDE, ELSEWHERE, NODE,
			                           NOBODY, GROUP,  ALL,     LINK_LOCAL };

		lab_forget_flows(&lab);
		if (known)
			lab_expect(lab_sends(&lab, &honest, v6), PASSES, "honest, v6 %d", v6);
		for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
			struct spec s = honest;

			s.from = others[i];
			s.mac = A;
			lab_expect(lab_sends_at(&lab, A, &s, v6), DROPPED,
			           "address %d, v6 %d, known %d", (int)others[i], v6, known);
		}
		honest.mac = B;
		lab_expect(lab_sends(&lab, &honest, v6), DROPPED, "MAC of B, v6 %d, known %d", v6,
		           known);
		honest.mac = ELSEWHERE;
		lab_expect(lab_sends(&lab, &honest, v6), DROPPED, "unknown MAC, v6 %d, known %d",
		           v6, known);
		honest.mac = A;
		lab_expect(lab_sends_at(&lab, B, &honest, v6), DROPPED,
		           "at B's interface, v6 %d, known %d", v6, known);
		honest.from = B;
		lab_expect(lab_sends_at(&lab, A, &honest, v6), DROPPED,
		           "B's address at A's interface, v6 %d", v6);
	}
}

Test(guard, arp)
{
	/* frame from, MAC inside, address inside, asks for */
	static const struct {
		const char *name;
		enum who from, mac, sender, target;
		uint32_t cut;
		int verdict;
	} rows[] = {
		{ "own", A, A, A, B, 0, PASSES },
		{ "probe", A, A, NOBODY, A, 0, PASSES },
		{ "B's address", A, A, B, A, 0, DROPPED },
		{ "the node's address", A, A, NODE, A, 0, DROPPED },
		{ "B's MAC inside", A, B, A, B, 0, DROPPED },
		{ "B's MAC outside", B, A, A, B, 0, DROPPED },
		{ "cut", A, A, A, B, 12, DROPPED },
	};
	struct lab lab;
	struct frame f;

	lab_open(&lab, CONTROL_FASTPATH);
	for (int isolated = 0; isolated < 2; isolated++) {
		lab_apply(&lab, isolated ? &closed : &open);
		for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
			frame_arp(&f, rows[i].from, frame_mac(rows[i].mac), rows[i].sender,
			          rows[i].target);
			f.len -= rows[i].cut;
			lab_expect(lab_run(&lab, true, A, 0, 0, &f, 1).verdict, rows[i].verdict,
			           "%s, isolated %d", rows[i].name, isolated);
		}
		frame_arp(&f, A, frame_mac(A), A, B);
		lab_expect(lab_run(&lab, false, B, lab.link[A], 0, &f, 1).verdict, PASSES,
		           "arrives, isolated %d", isolated);
	}
}

Test(guard, neighbour_discovery)
{
	/* type, from, target, hop limit */
	static const struct {
		uint8_t type, hops;
		enum who from, target;
		bool allowed;
	} rows[] = {
		{ 135, 255, A, B, true },           { 135, 255, LINK_LOCAL, B, true },
		{ 135, 255, NOBODY, A, true },      { 135, 64, A, B, false },
		{ 135, 255, B, A, false },          { 136, 255, A, A, true },
		{ 136, 255, LINK_LOCAL, A, true },  { 136, 255, A, B, false },
		{ 136, 255, A, NODE, false },       { 136, 255, A, LINK_LOCAL, true },
		{ 133, 255, LINK_LOCAL, B, true },  { 134, 255, LINK_LOCAL, A, false },
		{ 134, 255, A, A, false },          { 137, 255, A, A, false },
		{ 131, 1, LINK_LOCAL, B, true },    { 143, 1, NOBODY, B, true },
		{ 143, 255, LINK_LOCAL, B, false }, { 130, 1, LINK_LOCAL, B, false },
		{ 138, 255, LINK_LOCAL, B, false }, { 128, 255, LINK_LOCAL, B, false },
	};
	struct lab lab;

	lab_open(&lab, CONTROL_FASTPATH);
	for (int isolated = 0; isolated < 2; isolated++) {
		lab_apply(&lab, isolated ? &closed : &open);
		for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
			for (int behind = 0; behind < 2; behind++) {
				struct spec s = { .from = rows[i].from,
					          .to = ALL,
					          .proto = ICMP,
					          .icmp = rows[i].type,
					          .raw_icmp = true,
					          .hops = rows[i].hops,
					          .target = rows[i].target,
					          .mac = A,
					          .headers = behind ? "h" : NULL };

				lab_expect(lab_sends_at(&lab, A, &s, true),
				           rows[i].allowed ? PASSES : DROPPED,
				           "row %zu, isolated %d, behind an option %d", i, isolated,
				           behind);
			}
		for (uint8_t type = 130; type <= 143; type++) {
			struct spec s = { .from = LINK_LOCAL,
				          .to = ALL,
				          .proto = ICMP,
				          .icmp = type,
				          .raw_icmp = true,
				          .hops = type >= 133 && type <= 137 ? 255 : 1,
				          .target = A };
			bool known = type <= 137 || type == 143;

			lab_expect(lab_reaches_at(&lab, A, lab.uplink, 0, &s, true),
			           known || !isolated ? PASSES : DROPPED,
			           "type %d arrives, isolated %d", type, isolated);
			s.hops = 64;
			lab_expect(lab_reaches_at(&lab, A, lab.uplink, 0, &s, true),
			           isolated ? DROPPED : PASSES, "type %d from afar, isolated %d",
			           type, isolated);
		}
	}
}

Test(guard, dhcp)
{
	struct lab lab;

	lab_open(&lab, CONTROL_FASTPATH);
	lab_apply(&lab, &closed);
	for (int v6 = 0; v6 < 2; v6++) {
		const uint16_t client = v6 ? 546 : 68, server = v6 ? 547 : 67;
		struct spec ask = { .from = v6 ? LINK_LOCAL : NOBODY,
			            .to = DHCP_ALL,
			            .proto = UDP,
			            .sport = client,
			            .dport = server,
			            .mac = A };
		struct spec answer = {
			.from = ELSEWHERE, .to = A, .proto = UDP, .sport = server, .dport = client
		};
		struct spec wrong = ask;

		lab_expect(lab_reaches(&lab, lab.uplink, &answer, v6), DROPPED,
		           "answer to nothing, v6 %d", v6);
		lab_expect(lab_sends_at(&lab, A, &ask, v6), PASSES, "request, v6 %d", v6);
		lab_expect(lab_reaches(&lab, lab.uplink, &answer, v6), PASSES, "answer, v6 %d", v6);
		answer.to = B;
		lab_expect(lab_reaches(&lab, lab.uplink, &answer, v6), DROPPED,
		           "answer to who did not ask, v6 %d", v6);
		wrong.dport++;
		lab_expect(lab_sends_at(&lab, A, &wrong, v6), DROPPED, "other port, v6 %d", v6);
		wrong = ask;
		wrong.to = ELSEWHERE;
		lab_expect(lab_sends_at(&lab, A, &wrong, v6), DROPPED, "to one, v6 %d", v6);
		wrong = ask;
		wrong.mac = B;
		lab_expect(lab_sends_at(&lab, A, &wrong, v6), DROPPED, "with B's MAC, v6 %d", v6);
	}
}

Test(guard, not_ip)
{
	static const uint16_t types[] = { 0x0842, 0x8847, 0x88cc, 0x8863, 0x0026, 0xffff };
	struct lab lab;

	lab_open(&lab, CONTROL_FASTPATH);
	for (int isolated = 0; isolated < 2; isolated++) {
		const enum outcome want = isolated ? DROPPED : PASSES;

		lab_apply(&lab, isolated ? &closed : &open);
		for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
			struct spec s = { .from = A, .to = B, .ethertype = types[i] };

			lab_expect(lab_sends(&lab, &s, false), want, "type %#x, isolated %d",
			           types[i], isolated);
			lab_expect(lab_reaches(&lab, lab.link[A], &s, false), want,
			           "type %#x arrives, isolated %d", types[i], isolated);
			s.mac = B;
			lab_expect(lab_sends(&lab, &s, false), DROPPED,
			           "type %#x, B's MAC, isolated %d", types[i], isolated);
		}
		for (int v6 = 0; v6 < 2; v6++) {
			struct spec s = { .from = A,
				          .to = B,
				          .proto = TCP,
				          .sport = 1,
				          .dport = 80,
				          .vlan = true };

			lab_expect(lab_sends(&lab, &s, v6), want, "VLAN, v6 %d, isolated %d", v6,
			           isolated);
			lab_expect(lab_reaches(&lab, lab.link[A], &s, v6), want,
			           "VLAN arrives, v6 %d, isolated %d", v6, isolated);
		}
	}
}

Test(guard, groups_and_floods)
{
	static const struct lab_rule all[] = { { 2, CLASS_ANY, 0, 0, 65535 },
		                               { 3, A, UDP, 5353, 5353 } };
	static const struct lab_policy p = { .rules = all,
		                             .n = 2,
		                             .egress = { [A] = CLOSED, [B] = 2 },
		                             .ingress = { [A] = CLOSED, [B] = 3 } };
	struct lab lab;

	lab_open(&lab, CONTROL_FASTPATH | CONTROL_DEFER);
	lab_apply(&lab, &p);
	for (int v6 = 0; v6 < 2; v6++) {
		static const enum who groups[] = { GROUP, ALL };
		struct spec foreign = {
			.from = C, .to = B, .proto = UDP, .sport = 1, .dport = 5353
		};

		for (size_t i = 0; i < ARRAY_SIZE(groups); i++) {
			struct spec s = {
				.from = A, .to = groups[i], .proto = UDP, .sport = 1, .dport = 5353
			};

			lab_expect(lab_sends(&lab, &s, v6), DROPPED, "group %zu, isolated, v6 %d",
			           i, v6);
			lab_expect(lab_reaches_at(&lab, B, lab.link[A], 0, &s, v6), PASSES,
			           "group %zu reaches B, v6 %d", i, v6);
			lab_expect(lab_reaches_at(&lab, A, lab.link[B], 0, &s, v6), DROPPED,
			           "group %zu reaches A, v6 %d", i, v6);
			s.from = B;
			lab_expect(lab_sends(&lab, &s, v6), PASSES, "group %zu, all allowed, v6 %d",
			           i, v6);
			s.from = C;
			lab_expect(lab_sends(&lab, &s, v6), PASSES, "group %zu, open, v6 %d", i,
			           v6);
			lab_expect(lab_reaches_at(&lab, B, lab.link[C], 0, &s, v6), DROPPED,
			           "group %zu from C, v6 %d", i, v6);
		}
		/* Flooded by the bridge: not for who gets it. */
		lab_expect(lab_reaches_at(&lab, C, lab.link[B], 0, &foreign, v6), DROPPED,
		           "B's packet at C, v6 %d", v6);
		foreign.to = ELSEWHERE;
		lab_expect(lab_reaches_at(&lab, C, lab.link[B], 0, &foreign, v6), DROPPED,
		           "a stranger's packet at C, v6 %d", v6);
	}
}

Test(guard, floods_where_nobody_is_isolated)
{
	struct lab lab;

	lab_open(&lab, CONTROL_FASTPATH);
	lab_apply(&lab, &open);
	for (int v6 = 0; v6 < 2; v6++) {
		struct spec s = { .from = OUTSIDE, .to = B, .proto = UDP, .sport = 1, .dport = 2 };

		lab_expect(lab_reaches_at(&lab, C, lab.uplink, 0, &s, v6), DROPPED,
		           "B's packet at C, v6 %d", v6);
		lab_expect(lab_reaches_at(&lab, B, lab.uplink, 0, &s, v6), PASSES,
		           "B's packet at B, v6 %d", v6);
		lab_expect(lab_reaches_at(&lab, C, lab.uplink, 0, &s, v6), DROPPED,
		           "B's packet at C, known, v6 %d", v6);
	}
}

Test(guard, a_pod_that_is_not_known)
{
	struct lab lab;
	struct frame f;
	struct err e;

	lab_open(&lab, CONTROL_FASTPATH);
	lab_apply(&lab, &open);
	for (int v6 = 0; v6 < 2; v6++) {
		struct in6 key = frame_addr(A, v6);
		struct ip_addr addr = { .family = v6 ? AF_INET6 : AF_INET };
		struct spec s = { .from = A, .to = B, .proto = TCP, .sport = 1, .dport = 80 },
			    in = { .from = B, .to = A, .proto = TCP };

		memcpy(addr.bytes, v6 ? (const void *)&key : (const void *)&key.word[3],
		       v6 ? 16 : 4);
		cr_assert(datapath_remove(&lab.d, lab.link[A], &addr, 1, &e) == 0, "%s", e.msg);
		lab_expect(lab_sends(&lab, &s, v6), DROPPED, "sends, v6 %d", v6);
		lab_expect(lab_reaches(&lab, lab.uplink, &in, v6), DROPPED, "is sent to, v6 %d",
		           v6);
	}
	frame_arp(&f, A, frame_mac(A), A, B);
	lab_expect(lab_run(&lab, true, A, 0, 0, &f, 1).verdict, DROPPED, "ARP");
	frame_make(&f, &(struct spec) { .from = A, .ethertype = 0x88cc }, false);
	lab_expect(lab_run(&lab, true, A, 0, 0, &f, 1).verdict, DROPPED, "not IP");
}
