// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * cnida.bpf.c - from_pod and to_pod: what a pod may send and what may reach it
 *
 * A packet of a known connection takes the fast path: one read of the flow table. All else goes through one slow path for
 * each program, in this order: who sent it (guard), which connection is it of (flow), what do the rules say (judge).
 *
 *	from_pod, new connection to		judged by
 *	a pod of this node			egress of the source and ingress of the destination; handed over directly
 *	an address that egress rules allow	them
 *	the node itself				nobody: always passes
 *	anything else				drop; with CONTROL_DEFER, if the host routes it: marked, and judged after DNAT
 *
 *	to_pod, new connection from		judged by
 *	the node itself				nobody (by origin: no interface brought it in, whatever its address)
 *	anybody					ingress; and egress of a pod of this node if the packet is still marked
 *
 * What passes is TC_ACT_UNSPEC: whoever is attached behind us sees it too.
 */
#include "bpf/chain.h"
#include "bpf/flow.h"
#include "bpf/guard.h"
#include "bpf/judge.h"
#include "bpf/maps.h"
#include "bpf/parse.h"

#include <linux/if_packet.h>
#include <linux/pkt_cls.h>

#define PASS TC_ACT_UNSPEC
#define DROP TC_ACT_SHOT

/* Of a slow path: what it had read changed under its hands, it is to be gone once more. */
#define AGAIN 100

#define AF_INET_  2
#define AF_INET6_ 10

/* ---- handing packets on ---- */

/* Past the bridge, routing and netfilter, straight to the other pod's interface. */
inline_always int hand_over(struct __sk_buff *skb, const struct packet *p, __u32 ifindex, const __u8 *mac)
{
	if (!mac_eq(p->dst_mac, mac) && bpf_skb_store_bytes(skb, 0, mac, 6, 0) < 0)
		return DROP;
	if (skb->pkt_type != PACKET_HOST)
		(void)bpf_skb_change_type(skb, PACKET_HOST);
	return (int)bpf_redirect_peer(ifindex, 0);
}

/* On a bridge the pod's frame may be addressed to the other pod: make the host take it, so that its NAT sees it. */
static __attribute__((noinline)) int through_host(struct __sk_buff *skb, const struct packet *p)
{
	const struct endpoint *link = map_link(skb->ifindex);
	__u8 mac[8] = { 0 };

	if (!link)
		return DROP;
	mac_copy(mac, link->host_mac);
	if (!mac_eq(p->dst_mac, mac) && bpf_skb_store_bytes(skb, 0, mac, 6, 0) < 0)
		return DROP;
	if (skb->pkt_type != PACKET_HOST)
		(void)bpf_skb_change_type(skb, PACKET_HOST);
	return PASS;
}

/* A packet of a known connection, from side @from of it. */
inline_always int from_pod_known(struct __sk_buff *skb, const struct packet *p, struct flow *f, __u32 from,
				 __u32 switches)
{
	struct flow_side *to = &f->side[from ^ 1];

	if (f->flags & FLOW_DEFERRED && flow_opened_by(f, from))
		skb->mark |= CNIDA_MARK_DEFER;
	if (to->ifindex == 0)
		return PASS;
	if (f->flags & FLOW_HOST) {
		if (!flow_opened_by(f, from))
			return through_host(skb, p);
		f->flags &= ~FLOW_HOST; /* the same pair of ports, now without an address translated */
	}
	if (!(switches & CONTROL_FASTPATH) || (f->flags & FLOW_SHAPED))
		return PASS;
	return hand_over(skb, p, to->ifindex, to->mac);
}

/* ---- what both slow paths share ---- */

inline_always void end_set(struct end *end, const struct endpoint *ep, __u32 parity)
{
	if (!ep) {
		__builtin_memset(end, 0, sizeof(*end));
		return;
	}
	end->ifindex = ep->ifindex;
	end->flags = ep->flags;
	end->class = ep->slot[parity & 1].class;
	end->ingress = ep->slot[parity & 1].ingress;
	end->egress = ep->slot[parity & 1].egress;
	mac_copy(end->mac, ep->mac);
	mac_copy(end->host_mac, ep->host_mac);
}

/* Reads the generation first: see abi.h. */
inline_always int scene_set(struct scene *s, const struct packet *p)
{
	const struct control *c = map_control();
	const struct image_header *image;

	if (!c)
		return 0;
	s->generation = *(const volatile __u64 *)&c->generation;
	s->switches = c->flags;
	image = map_image();
	s->image = (__u64)image;
	s->parity = image ? image->parity : 0;
	if (p->from) {
		s->src_addr = p->key.addr[1];
		s->dst_addr = p->key.addr[0];
	} else {
		s->src_addr = p->key.addr[0];
		s->dst_addr = p->key.addr[1];
	}
	end_set(&s->src, map_endpoint(&s->src_addr), s->parity);
	end_set(&s->dst, map_endpoint(&s->dst_addr), s->parity);
	return 1;
}

inline_always int in6_eq(const struct in6 *a, const struct in6 *b)
{
	return a->word[3] == b->word[3] && a->word[2] == b->word[2] && a->word[1] == b->word[1] &&
	       a->word[0] == b->word[0];
}

/*
 * related() - Make of an ICMP error what it is about: a packet of the quoted connection, the other way
 *
 * An error goes to the one who sent the packet that it quotes. Who reports it may be any router, but what a pod reports is
 * about packets to itself (@by_end). Nothing has changed but *p and s->src if the answer is no.
 */
static __attribute__((noinline)) int related(struct __sk_buff *skb, struct packet *p, struct scene *s, int by_end)
{
	__u32 off = p->l4 + 8U;
	int r;

	p->flags = 0;
	r = addr_is4(&s->dst_addr) ? parse_quoted4(skb, p, off) : parse_chain(skb, p, off, 1);
	if (r != PARSE_OK || (p->flags & PACKET_LATER))
		return 0;
	if (!in6_eq(p->from ? &p->key.addr[1] : &p->key.addr[0], &s->dst_addr))
		return 0;
	if (!in6_eq(p->from ? &p->key.addr[0] : &p->key.addr[1], &s->src_addr)) {
		if (by_end)
			return 0;
		end_set(&s->src, map_endpoint(p->from ? &p->key.addr[0] : &p->key.addr[1]), s->parity);
	}
	p->from ^= 1;
	p->flags = 0;
	off = p->want;
	p->want = p->want_back;
	p->want_back = off;
	return 1;
}

/* An ICMP error about nothing that we know: any other packet, which no port is in. */
inline_always void unrelated(struct packet *p, struct scene *s)
{
	p->flags = PACKET_MIDDLE | PACKET_NO_FLOW;
	p->want = WANT_OTHER;
	p->want_back = WANT_OTHER;
	end_set(&s->src, map_endpoint(&s->src_addr), s->parity);
}

/*
 * fits() - Has the connection's opener been judged as this program would? Replies follow.
 *
 * from_pod: what DNAT made of a connection (to_pod remembered it) was never judged by egress rules before it. to_pod:
 * what is still marked was not judged by them after it.
 */
inline_always int fits(const struct __sk_buff *skb, const struct packet *p, const struct flow *f, int sender)
{
	if (!flow_opened_by(f, p->from) || (f->flags & FLOW_NODE))
		return 1;
	if (sender)
		return f->flags & (FLOW_EGRESS | FLOW_DEFERRED);
	return (f->flags & FLOW_INGRESS) && (!(skb->mark & CNIDA_MARK_DEFER) || (f->flags & FLOW_EGRESS));
}

/*
 * classify() - The connection's entry and what it means for the packet; *ret_ok: what the rules say if they were asked
 *
 * @sender: for from_pod. @known: there was an entry just now. @which: flags of a flow, what is to be judged if the connection is new.
 */
inline_always int classify(struct __sk_buff *skb, struct packet *p, struct scene *s, int sender, int known,
			   __u32 which, struct flow **ret_f, __u32 *ret_ok)
{
	__u32 error = p->flags & PACKET_ERROR;
	int state = FLOW_UNKNOWN, reverse = 0;
	struct flow *f = NULL;

	if (error ? related(skb, p, s, sender) : known)
		f = bpf_map_lookup_elem(&cnida_flow, &p->key);
	if (f)
		state = flow_state(p, f, s);
	if (f && state != FLOW_REFUSED && !fits(skb, p, f, sender))
		state = FLOW_UNKNOWN;
	*ret_f = f;
	if (state == FLOW_GOOD || state == FLOW_REFUSED)
		return state;
	if (f && state == FLOW_DOUBTFUL) {
		reverse = !flow_opened_by(f, p->from);
		which = f->flags;
	} else if (error) {
		unrelated(p, s);
	}
	*ret_ok = scene_verdict(s, (__u32)reverse, reverse ? p->want_back : p->want, which);
	if (*ret_ok & VERDICT_AGAIN)
		return error ? FLOW_REFUSED : FLOW_AGAIN; /* an error is not what it was any more */
	if (f && state == FLOW_DOUBTFUL)
		state = flow_settle(f, s, *ret_ok);
	return state;
}

/* ---- from_pod ---- */

/* Is it for the node itself? Only if the host gets the frame at all, and has nowhere to forward it. */
static __attribute__((noinline)) int is_for_node(struct __sk_buff *skb, const struct scene *s)
{
	struct bpf_fib_lookup fib = { 0 };
	long r;

	fib.ifindex = skb->ifindex;
	if (addr_is4(&s->dst_addr)) {
		fib.family = AF_INET_;
		fib.ipv4_src = s->src_addr.word[3];
		fib.ipv4_dst = s->dst_addr.word[3];
	} else {
		fib.family = AF_INET6_;
		__builtin_memcpy(fib.ipv6_src, &s->src_addr, sizeof(s->src_addr));
		__builtin_memcpy(fib.ipv6_dst, &s->dst_addr, sizeof(s->dst_addr));
	}
	r = bpf_fib_lookup(skb, &fib, sizeof(fib), 0);
	return r == BPF_FIB_LKUP_RET_NOT_FWDED || r == BPF_FIB_LKUP_RET_FWD_DISABLED;
}

/* Frames without an IP address, and addresses that are nobody's: what is needed to get one. */
static __attribute__((noinline)) int from_pod_other(struct __sk_buff *skb, const struct packet *p, int r)
{
	const struct endpoint *link = map_link(skb->ifindex);
	const struct image_header *image;
	struct in6 src, dst;
	__u32 port;

	if (!link || !mac_eq(link->mac, p->src_mac))
		return DROP;
	if (r == PARSE_OTHER) {
		if (frame_is_arp(skb))
			return arp_is_honest(skb, link) ? PASS : DROP;
		image = map_image();
		return image && link->slot[image->parity & 1].egress == 0 ? PASS : DROP;
	}
	src = p->from ? p->key.addr[1] : p->key.addr[0];
	dst = p->from ? p->key.addr[0] : p->key.addr[1];
	if (!addr_is_any(&src) && !addr_is_link_local(&src))
		return DROP;
	if (p->flags & PACKET_NDP)
		return ndp_is_local(skb, p) && ndp_is_honest(skb, p) ? PASS : DROP;
	port = dhcp_asks(p, &dst);
	if (port == 0)
		return DROP;
	dhcp_remember(skb->ifindex, port);
	return PASS;
}

/* A new connection to a pod of this node. */
inline_always int from_pod_to_local(struct __sk_buff *skb, const struct packet *p, const struct scene *s, __u32 ok)
{
	__u32 flags = FLOW_EGRESS | FLOW_INGRESS;
	if (s->dst.ifindex == skb->ifindex || ok != flags)
		return DROP;
	if ((s->src.flags | s->dst.flags) & ENDPOINT_SHAPED)
		flags |= FLOW_SHAPED;
	flow_open(p, s, flags);
	if (!(s->switches & CONTROL_FASTPATH) || (flags & FLOW_SHAPED))
		return PASS;
	return hand_over(skb, p, s->dst.ifindex, s->dst.mac);
}

/* A new connection to anything else. */
inline_always int from_pod_to_remote(struct __sk_buff *skb, const struct packet *p, const struct scene *s, __u32 ok)
{
	__u32 port;

	if (ok & FLOW_EGRESS) {
		flow_open(p, s, FLOW_EGRESS);
		return PASS;
	}
	port = dhcp_asks(p, &s->dst_addr);
	if (port) {
		dhcp_remember(skb->ifindex, port);
		return PASS;
	}
	/* The bridge may carry the frame away from here: then nobody could judge it later. */
	if (addr_is_group(&s->dst_addr) || !mac_eq(p->dst_mac, s->src.host_mac))
		return DROP;
	if (s->switches & CONTROL_DEFER) {
		flow_open(p, s, FLOW_DEFERRED);
		skb->mark |= CNIDA_MARK_DEFER;
		return PASS;
	}
	if (!is_for_node(skb, s))
		return DROP;
	flow_open(p, s, FLOW_NODE);
	return PASS;
}

verified_once int from_pod_slow(struct __sk_buff *skb, struct packet *p, int known)
{
	__u32 ok = 0;
	struct scene s;
	struct flow *f;
	int state;

	if (!p || !scene_set(&s, p))
		return DROP;
	if (s.src.ifindex != skb->ifindex)
		return from_pod_other(skb, p, PARSE_OK);
	if (!mac_eq(s.src.mac, p->src_mac))
		return DROP;
	if (p->flags & PACKET_NDP)
		return ndp_is_local(skb, p) && ndp_is_honest(skb, p) ? PASS : DROP;
	if (!s.image)
		return DROP;
	state = classify(skb, p, &s, 1, known, FLOW_EGRESS | FLOW_INGRESS, &f, &ok);
	if (state == FLOW_AGAIN)
		return AGAIN;
	if (state == FLOW_REFUSED)
		return DROP;
	if (f && state == FLOW_GOOD) {
		(void)flow_touch(f, p->key.proto);
		if (p->flags & PACKET_FIRST)
			flow_remember_fragment(p, f);
		return from_pod_known(skb, p, f, p->from & 1, s.switches);
	}
	return s.dst.ifindex ? from_pod_to_local(skb, p, &s, ok) : from_pod_to_remote(skb, p, &s, ok);
}

/* Is everything about this packet as its connection's entry says? Then nothing else is looked at. */
inline_always int from_pod_fits(const struct __sk_buff *skb, const struct packet *p, struct flow *f,
				const struct control *c)
{
	const struct flow_side *me = &f->side[p->from & 1];

	if (f->generation != c->generation || (f->flags & FLOW_DENIED) || me->ifindex != skb->ifindex ||
	    !mac_eq(me->mac, p->src_mac) || (p->flags & PACKET_FIRST))
		return 0;
	if (!fits(skb, p, f, 1) || (!flow_opened_by(f, p->from) && (p->flags & PACKET_OPENS)))
		return 0;
	return flow_touch(f, p->key.proto);
}

SEC("tc")
int from_pod(struct __sk_buff *skb)
{
	const struct control *c = map_control();
	struct packet p;
	struct flow *f;
	int r = parse(skb, &p);

	if (r == PARSE_CHAIN)
		r = parse_chain(skb, &p, ETH_HLEN, 0);
	if (r == PARSE_OTHER)
		return from_pod_other(skb, &p, PARSE_OTHER);
	if (r != PARSE_OK)
		return DROP;
	f = bpf_map_lookup_elem(&cnida_flow, &p.key);
	if (f && c && from_pod_fits(skb, &p, f, c))
		return from_pod_known(skb, &p, f, p.from & 1, c->flags);
	r = from_pod_slow(skb, &p, f != NULL);
	if (r == AGAIN)
		r = from_pod_slow(skb, &p, 1);
	return r == AGAIN ? DROP : r;
}

/* ---- to_pod ---- */

static __attribute__((noinline)) void clear_marks(struct __sk_buff *skb)
{
	skb->mark &= ~(CNIDA_MARK_DEFER | CNIDA_MARK_HAIRPIN);
}

inline_always int pass_judged(struct __sk_buff *skb)
{
	if (skb->mark & (CNIDA_MARK_DEFER | CNIDA_MARK_HAIRPIN))
		clear_marks(skb);
	return PASS;
}

/* Did a packet of a pod of this node come through the host's IP stack? A bridge says where it got a frame from. */
inline_always int came_through_host(const struct __sk_buff *skb, __u32 src_ifindex, __u32 flags,
				    __u32 switches)
{
	return src_ifindex && (skb->ingress_ifindex != src_ifindex ||
			       ((switches & CONTROL_FASTPATH) && !(flags & FLOW_SHAPED)));
}

/* Remember by which way a connection came, see abi.h. */
inline_always void to_pod_known(const struct __sk_buff *skb, const struct packet *p, struct flow *f,
				__u32 switches)
{
	if (flow_opened_by(f, p->from) && !(f->flags & FLOW_HOST) &&
	    came_through_host(skb, f->side[p->from & 1].ifindex, f->flags, switches))
		f->flags |= FLOW_HOST;
}

/* Sent by the node itself. Replies must pass, so the connection is remembered. */
inline_always int to_pod_from_node(struct __sk_buff *skb, const struct packet *p, const struct scene *s)
{
	struct flow *f = bpf_map_lookup_elem(&cnida_flow, &p->key);
	int state = f ? flow_state(p, f, s) : FLOW_UNKNOWN;

	if (f && state == FLOW_DOUBTFUL && (f->flags & FLOW_NODE))
		f->generation = s->generation;
	if (f && state != FLOW_UNKNOWN && state != FLOW_REFUSED)
		(void)flow_touch(f, p->key.proto);
	if (state == FLOW_UNKNOWN && s->dst.ifindex == skb->ifindex)
		flow_open(p, s, FLOW_NODE);
	return pass_judged(skb);
}

/* A new connection. */
inline_always int to_pod_new(struct __sk_buff *skb, const struct packet *p, const struct scene *s, __u32 ok)
{
	__u32 flags = FLOW_INGRESS;

	if (!(ok & FLOW_INGRESS))
		return DROP;
	if (skb->mark & CNIDA_MARK_DEFER) {
		/* nftables has not judged it; whose rules these are is not known any more if the source was translated. */
		if (s->src.ifindex == 0 || !(ok & FLOW_EGRESS))
			return DROP;
		flags |= FLOW_EGRESS;
	}
	if (addr_is_group(&s->dst_addr) || addr_is_link_local(&s->dst_addr))
		return pass_judged(skb);
	if (((s->src.flags | s->dst.flags) & ENDPOINT_SHAPED))
		flags |= FLOW_SHAPED;
	if (came_through_host(skb, s->src.ifindex, flags, s->switches))
		flags |= FLOW_HOST;
	flow_open(p, s, flags);
	return pass_judged(skb);
}

/* Not IP. */
static __attribute__((noinline)) int to_pod_other(struct __sk_buff *skb)
{
	const struct endpoint *link = map_link(skb->ifindex);
	const struct image_header *image;

	if (frame_is_arp(skb))
		return PASS;
	image = map_image();
	if (!link || !image)
		return DROP;
	return skb->ingress_ifindex == 0 || link->slot[image->parity & 1].ingress == 0 ? PASS : DROP;
}

verified_once int to_pod_slow(struct __sk_buff *skb, struct packet *p, int known)
{
	__u32 which = FLOW_INGRESS, ok = 0;
	struct scene s;
	struct flow *f;
	int state;

	if (!p || !scene_set(&s, p))
		return DROP;
	if ((p->flags & PACKET_NDP) && ndp_is_local(skb, p))
		return PASS;
	if (!s.image)
		return DROP;
	if (skb->ingress_ifindex == 0)
		return to_pod_from_node(skb, p, &s);
	if (dhcp_answers(p, skb->ifindex))
		return PASS;
	if (addr_is_group(&s.dst_addr) || addr_is_link_local(&s.dst_addr))
		end_set(&s.dst, map_link(skb->ifindex), s.parity);
	if (s.dst.ifindex != skb->ifindex)
		return DROP;
	if (skb->mark & CNIDA_MARK_HAIRPIN) {
		flow_open(p, &s, FLOW_NODE);
		return pass_judged(skb);
	}
	if (skb->mark & CNIDA_MARK_DEFER)
		which |= FLOW_EGRESS;
	state = classify(skb, p, &s, 0, known, which, &f, &ok);
	if (state == FLOW_AGAIN)
		return AGAIN;
	if (state == FLOW_REFUSED)
		return DROP;
	if (!f || state != FLOW_GOOD)
		return to_pod_new(skb, p, &s, ok);
	(void)flow_touch(f, p->key.proto);
	if (p->flags & PACKET_FIRST)
		flow_remember_fragment(p, f);
	to_pod_known(skb, p, f, s.switches);
	return pass_judged(skb);
}

inline_always int to_pod_fits(const struct __sk_buff *skb, const struct packet *p, struct flow *f,
			      const struct control *c)
{
	if (f->generation != c->generation || (f->flags & FLOW_DENIED) ||
	    f->side[(p->from & 1) ^ 1].ifindex != skb->ifindex || (p->flags & PACKET_FIRST))
		return 0;
	if (!flow_opened_by(f, p->from) && (p->flags & PACKET_OPENS))
		return 0;
	if (skb->ingress_ifindex != 0 && !fits(skb, p, f, 0))
		return 0;
	return flow_touch(f, p->key.proto);
}

SEC("tc")
int to_pod(struct __sk_buff *skb)
{
	const struct control *c = map_control();
	struct packet p;
	struct flow *f;
	int r = parse(skb, &p);

	if (r == PARSE_CHAIN)
		r = parse_chain(skb, &p, ETH_HLEN, 0);
	if (r == PARSE_OTHER)
		return to_pod_other(skb);
	if (r != PARSE_OK)
		return skb->ingress_ifindex == 0 && map_image() ? PASS : DROP;
	f = bpf_map_lookup_elem(&cnida_flow, &p.key);
	if (f && c && to_pod_fits(skb, &p, f, c)) {
		to_pod_known(skb, &p, f, c->flags);
		return pass_judged(skb);
	}
	r = to_pod_slow(skb, &p, f != NULL);
	if (r == AGAIN)
		r = to_pod_slow(skb, &p, 1);
	return r == AGAIN ? DROP : r;
}

char _license[] SEC("license") = "GPL";
