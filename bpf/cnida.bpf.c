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
#include "bpf/related.h"
#include "bpf/scene.h"

#include <linux/if_packet.h>
#include <linux/pkt_cls.h>

#define PASS TC_ACT_UNSPEC
#define DROP TC_ACT_SHOT

/* Of a slow path: what it had read changed under its hands, it is to be gone once more. */
#define AGAIN 100
/* Of from_pod's: the source is no address of this pod. (The slow path does not call the next one itself, the stack is short.) */
#define NOBODYS 101
/* Of an ICMP error that is not what it seemed: unrelated() and once more. */
#define UNRELATED 102

#define AF_INET_  2
#define AF_INET6_ 10

/* ---- handing packets on ---- */

/* Past the bridge, routing and netfilter, straight to the other pod's interface. */
inline_always int hand_over(struct __sk_buff *skb, const struct packet *p, __u32 ifindex,
                            const __u8 *mac)
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
inline_always int from_pod_known(struct __sk_buff *skb, const struct packet *p, struct flow *f,
                                 __u32 from, __u32 switches)
{
	const struct flow_side *to = &f->side[from ^ 1];

	if ((f->flags & FLOW_DEFERRED) && flow_opened_by(f, from)) {
		const struct endpoint *link = map_link(skb->ifindex);

		/* Only what the host gets is judged after DNAT. */
		if (!link || !mac_eq(p->dst_mac, link->host_mac))
			return DROP;
		skb->mark |= CNIDA_MARK_DEFER;
	}
	/* An address outside; or its own, after a packet that the node sent in its name. */
	if (to->ifindex == 0 || to->ifindex == skb->ifindex)
		return PASS;
	if (f->flags & FLOW_HOST) {
		if (!flow_opened_by(f, from))
			return through_host(skb, p);
		f->flags &=
			~FLOW_HOST; /* the same pair of ports, now without an address translated */
		(void)flow_store_in(&p->key, p->hash, f);
	}
	if (!(switches & CONTROL_FASTPATH) || (f->flags & FLOW_SHAPED))
		return PASS;
	return hand_over(skb, p, to->ifindex, to->mac);
}

/* ---- what both slow paths share ---- */

/*
 * fits() - Has the connection's opener been judged as this program would? Replies follow.
 *
 * from_pod: what DNAT made of a connection (to_pod remembered it) was never judged by egress rules before it. to_pod:
 * what is still marked was not judged by them after it.
 */
inline_always int fits(const struct __sk_buff *skb, const struct packet *p, const struct flow *f,
                       int sender)
{
	if (!flow_opened_by(f, p->from) || (f->flags & FLOW_NODE))
		return 1;
	if (sender)
		return f->flags & (FLOW_EGRESS | FLOW_DEFERRED);
	return (f->flags & FLOW_INGRESS) &&
	       (!(skb->mark & CNIDA_MARK_DEFER) || (f->flags & FLOW_EGRESS));
}

/*
 * classify() - The connection's entry and what it means for the packet; *f: the entry, when this is FLOW_GOOD; *ret_ok: what
 * the rules say if they were asked
 *
 * @sender: for from_pod. @which: flags of a flow, what is to be judged if the connection is new.
 */
inline_always int classify(struct __sk_buff *skb, struct packet *p, struct scene *s, int sender,
                           __u32 which, struct flow *f, __u32 *ret_ok)
{
	int state = FLOW_UNKNOWN, reverse = 0;
	int known = p->flags & PACKET_KNOWN ? flow_known(p, s, f) : 0;

	/* Another packet of the connection is just being remembered: this one goes by the rules alone. */
	if (known < 0)
		p->flags |= PACKET_NO_FLOW;
	if (known > 0) {
		state = flow_state(p, f, s);
		if (state != FLOW_REFUSED && !fits(skb, p, f, sender))
			state = FLOW_UNKNOWN;
	}
	if (state == FLOW_GOOD || state == FLOW_REFUSED)
		return state;
	if (state == FLOW_DOUBTFUL) {
		reverse = !flow_opened_by(f, p->from);
		which = f->flags;
	} else if (p->flags & PACKET_RELATED) {
		return FLOW_UNRELATED;
	}
	*ret_ok = scene_verdict(s, p, (__u32)reverse, which);
	if (*ret_ok & VERDICT_AGAIN)
		return FLOW_AGAIN;
	if (state == FLOW_DOUBTFUL) {
		state = flow_settle(f, s, *ret_ok);
		if (state == FLOW_REFUSED)
			(void)flow_store_in(&p->key, p->hash, f);
	}
	return state;
}

/* ---- from_pod ---- */

/* Is it for the node itself? Only if the host gets the frame at all, and has nowhere to forward it. */
static __attribute__((noinline)) int is_for_node(struct __sk_buff *skb, const struct packet *p)
{
	struct bpf_fib_lookup fib = { 0 };
	long r;

	fib.ifindex = skb->ifindex;
	if (addr_is4(packet_dst(p))) {
		fib.family = AF_INET_;
		fib.ipv4_src = packet_src(p)->word[3];
		fib.ipv4_dst = packet_dst(p)->word[3];
	} else {
		fib.family = AF_INET6_;
		__builtin_memcpy(fib.ipv6_src, packet_src(p), sizeof(fib.ipv6_src));
		__builtin_memcpy(fib.ipv6_dst, packet_dst(p), sizeof(fib.ipv6_dst));
	}
	r = bpf_fib_lookup(skb, &fib, sizeof(fib), 0);
	return r == BPF_FIB_LKUP_RET_NOT_FWDED || r == BPF_FIB_LKUP_RET_FWD_DISABLED;
}

/* Frames without an IP address, and addresses that are nobody's: what is needed to get one. */
static __attribute__((noinline)) int from_pod_other(struct __sk_buff *skb, const struct packet *p,
                                                    int r)
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

/* What a new connection is remembered as, by what the rules say; 0: it is none. */
inline_always __u32 from_pod_opens(const struct __sk_buff *skb, const struct packet *p,
                                   const struct scene *s, __u32 ok)
{
	if (s->dst.ifindex) {
		if (s->dst.ifindex == skb->ifindex || ok != (FLOW_EGRESS | FLOW_INGRESS))
			return 0;
		return (s->src.flags | s->dst.flags) & ENDPOINT_SHAPED ? ok | FLOW_SHAPED : ok;
	}
	if (ok & FLOW_EGRESS)
		return FLOW_EGRESS;
	/* The bridge may carry the frame away from here: then nobody could judge it later. */
	if (addr_is_group(packet_dst(p)) || !mac_eq(p->dst_mac, s->host_mac))
		return 0;
	return s->switches & CONTROL_DEFER ? FLOW_DEFERRED : 0;
}

/* What no rule allows, to an address that is no pod's of this node. */
inline_always int from_pod_exceptions(struct __sk_buff *skb, const struct packet *p,
                                      const struct scene *s)
{
	__u32 port = dhcp_asks(p, packet_dst(p));

	if (port) {
		dhcp_remember(skb->ifindex, port);
		return PASS;
	}
	if (addr_is_group(packet_dst(p)) || !mac_eq(p->dst_mac, s->host_mac))
		return DROP;
	/* Not remembered: an address without a route looks the same, and may have one later. */
	return is_for_node(skb, p) ? PASS : DROP;
}

inline_always int from_pod_new(struct __sk_buff *skb, struct packet *p, const struct scene *s,
                               __u32 ok, struct flow *f)
{
	__u32 flags = from_pod_opens(skb, p, s, ok);

	if (!flags)
		return s->dst.ifindex ? DROP : from_pod_exceptions(skb, p, s);
	if (!flow_open(p, s, flags, f))
		return DROP;
	if (flags & FLOW_DEFERRED)
		skb->mark |= CNIDA_MARK_DEFER;
	if (!s->dst.ifindex || !(s->switches & CONTROL_FASTPATH) || (flags & FLOW_SHAPED))
		return PASS;
	return hand_over(skb, p, s->dst.ifindex, s->dst.mac);
}

verified_once int from_pod_slow(struct __sk_buff *skb, struct packet *p, struct flow *f)
{
	const struct control *c = map_control();
	__u32 ok = 0;
	struct scene s;
	int state;

	if (!p || !f || !c)
		return DROP;
	if (!scene_set(&s, p, c))
		return AGAIN;
	if (s.src.ifindex != skb->ifindex)
		return NOBODYS;
	if (!mac_eq(s.src.mac, p->src_mac))
		return DROP;
	if (p->flags & PACKET_NDP)
		return ndp_is_local(skb, p) && ndp_is_honest(skb, p) ? PASS : DROP;
	if (!s.image)
		return DROP;
	state = classify(skb, p, &s, 1, FLOW_EGRESS | FLOW_INGRESS, f, &ok);
	if (state == FLOW_AGAIN || state == FLOW_UNRELATED)
		return state == FLOW_AGAIN ? AGAIN : UNRELATED;
	if (state == FLOW_REFUSED) /* what is for the node itself outlives every policy */
		return flow_opened_by(f, p->from) && !s.dst.ifindex &&
		                       mac_eq(p->dst_mac, s.host_mac) && is_for_node(skb, p)
		               ? PASS
		               : DROP;
	if (state == FLOW_GOOD) {
		flow_keep(p, f);
		return from_pod_known(skb, p, f, p->from & 1, s.switches);
	}
	return from_pod_new(skb, p, &s, ok, f);
}

/* Is everything about this packet as its connection's entry says? Then nothing else is looked at. */
inline_always int from_pod_fits(const struct __sk_buff *skb, const struct packet *p,
                                const struct flow *f, const struct control *c)
{
	const struct flow_side *me = &f->side[p->from & 1];

	if (f->generation != c->generation || (f->flags & FLOW_DENIED) ||
	    me->ifindex != skb->ifindex || !mac_eq(me->mac, p->src_mac) ||
	    (p->flags & PACKET_FIRST))
		return 0;
	return fits(skb, p, f, 1) && (flow_opened_by(f, p->from) || !(p->flags & PACKET_OPENS));
}

SEC("tc")
int from_pod(struct __sk_buff *skb)
{
	const struct control *c = map_control();
	struct packet p;
	struct flow f;
	int found, r;

	if (!c)
		return DROP;
	r = parse(skb, &p);
	if (r == PARSE_CHAIN)
		r = parse_chain(skb, &p, ETH_HLEN, 0);
	if (r == PARSE_OTHER)
		return from_pod_other(skb, &p, PARSE_OTHER);
	if (r != PARSE_OK)
		return DROP;
	if (p.flags & PACKET_ERROR)
		related(skb, &p, 1);
	p.hash = flow_hash(&p.key, c);
	found = flow_peek(&p.key, p.hash, &f);
	if (found == PEEK_FOUND && from_pod_fits(skb, &p, &f, c))
		return from_pod_known(skb, &p, &f, p.from & 1, c->flags);
	if (found != PEEK_NONE)
		p.flags |= PACKET_KNOWN;
	r = from_pod_slow(skb, &p, &f);
	if (r == UNRELATED)
		unrelated(skb, &p);
	if (r == AGAIN || r == UNRELATED)
		r = from_pod_slow(skb, &p, &f);
	if (r == NOBODYS)
		return from_pod_other(skb, &p, PARSE_OK);
	return r == AGAIN || r == UNRELATED ? DROP : r;
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

/* Remember by which way a connection came, see abi.h: 1 if the entry changed. */
inline_always int came_now_through_host(const struct __sk_buff *skb, const struct packet *p,
                                        struct flow *f, __u32 switches)
{
	if (!flow_opened_by(f, p->from) || (f->flags & FLOW_HOST) ||
	    !came_through_host(skb, f->side[p->from & 1].ifindex, f->flags, switches))
		return 0;
	f->flags |= FLOW_HOST;
	return 1;
}

/* Sent by the node itself. Replies must pass, so the connection is remembered. */
inline_always int to_pod_from_node(struct __sk_buff *skb, struct packet *p, const struct scene *s,
                                   struct flow *f)
{
	int known = flow_known(p, s, f);
	int state = known > 0 ? flow_state(p, f, s) : FLOW_UNKNOWN;

	if (state == FLOW_GOOD || state == FLOW_DOUBTFUL) {
		if (f->flags & FLOW_NODE)
			f->generation = s->generation;
		flow_keep(p, f);
	}
	if (state == FLOW_UNKNOWN && known >= 0 && s->dst.ifindex == skb->ifindex)
		(void)flow_open(p, s, FLOW_NODE, f);
	return pass_judged(skb);
}

/* A new connection. */
inline_always int to_pod_new(struct __sk_buff *skb, struct packet *p, const struct scene *s,
                             __u32 ok, struct flow *f)
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
	if (addr_is_group(packet_dst(p)) || addr_is_link_local(packet_dst(p)))
		return pass_judged(skb);
	if (((s->src.flags | s->dst.flags) & ENDPOINT_SHAPED))
		flags |= FLOW_SHAPED;
	if (came_through_host(skb, s->src.ifindex, flags, s->switches))
		flags |= FLOW_HOST;
	return flow_open(p, s, flags, f) ? pass_judged(skb) : DROP;
}

/* Not IP. */
static __attribute__((noinline)) int to_pod_other(struct __sk_buff *skb)
{
	const struct image_header *image;
	const struct endpoint *link;

	/* Before the pod is looked up: each ADD and each question of one pod reaches all others of its bridge. */
	if (frame_is_arp(skb))
		return PASS;
	image = map_image();
	link = map_link(skb->ifindex);
	if (!link || !image)
		return DROP;
	return skb->ingress_ifindex == 0 || link->slot[image->parity & 1].ingress == 0 ? PASS
	                                                                               : DROP;
}

verified_once int to_pod_slow(struct __sk_buff *skb, struct packet *p, struct flow *f)
{
	const struct control *c = map_control();
	__u32 which = FLOW_INGRESS, ok = 0;
	struct scene s;
	int state;

	if (!p || !f || !c)
		return DROP;
	if (!scene_set(&s, p, c))
		return AGAIN;
	if ((p->flags & PACKET_NDP) && ndp_is_local(skb, p))
		return PASS;
	if (!s.image)
		return DROP;
	if (skb->ingress_ifindex == 0)
		return to_pod_from_node(skb, p, &s, f);
	if (dhcp_answers(p, skb->ifindex))
		return PASS;
	if ((addr_is_group(packet_dst(p)) || addr_is_link_local(packet_dst(p))) &&
	    !end_set_link(&s.dst, skb->ifindex, s.parity))
		return AGAIN;
	if (s.dst.ifindex != skb->ifindex)
		return DROP;
	if (skb->mark & CNIDA_MARK_HAIRPIN)
		return flow_open(p, &s, FLOW_NODE, f) ? pass_judged(skb) : DROP;
	if (skb->mark & CNIDA_MARK_DEFER)
		which |= FLOW_EGRESS;
	state = classify(skb, p, &s, 0, which, f, &ok);
	if (state == FLOW_AGAIN || state == FLOW_UNRELATED)
		return state == FLOW_AGAIN ? AGAIN : UNRELATED;
	if (state == FLOW_REFUSED)
		return DROP;
	if (state != FLOW_GOOD)
		return to_pod_new(skb, p, &s, ok, f);
	(void)came_now_through_host(skb, p, f, s.switches);
	flow_keep(p, f);
	return pass_judged(skb);
}

inline_always int to_pod_fits(const struct __sk_buff *skb, const struct packet *p,
                              const struct flow *f, const struct control *c)
{
	if (f->generation != c->generation || (f->flags & FLOW_DENIED) ||
	    f->side[(p->from & 1) ^ 1].ifindex != skb->ifindex || (p->flags & PACKET_FIRST))
		return 0;
	if (!flow_opened_by(f, p->from) && (p->flags & PACKET_OPENS))
		return 0;
	return skb->ingress_ifindex == 0 || fits(skb, p, f, 0);
}

SEC("tc")
int to_pod(struct __sk_buff *skb)
{
	const struct control *c = map_control();
	struct packet p;
	struct flow f;
	int found, r;

	if (!c)
		return DROP;
	r = parse(skb, &p);
	if (r == PARSE_CHAIN)
		r = parse_chain(skb, &p, ETH_HLEN, 0);
	if (r == PARSE_OTHER)
		return to_pod_other(skb);
	if (r != PARSE_OK)
		return skb->ingress_ifindex == 0 && map_image() ? PASS : DROP;
	if (p.flags & PACKET_ERROR)
		related(skb, &p, 0);
	p.hash = flow_hash(&p.key, c);
	found = flow_peek(&p.key, p.hash, &f);
	if (found == PEEK_FOUND && to_pod_fits(skb, &p, &f, c)) {
		if (came_now_through_host(skb, &p, &f, c->flags))
			(void)flow_store_in(&p.key, p.hash, &f);
		return pass_judged(skb);
	}
	if (found != PEEK_NONE)
		p.flags |= PACKET_KNOWN;
	r = to_pod_slow(skb, &p, &f);
	if (r == UNRELATED)
		unrelated(skb, &p);
	if (r == AGAIN || r == UNRELATED)
		r = to_pod_slow(skb, &p, &f);
	return r == AGAIN || r == UNRELATED ? DROP : r;
}

char _license[] SEC("license") = "GPL";
