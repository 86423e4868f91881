/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * flow.h - connections that were allowed, and what becomes of them when the policy changes
 *
 *	no entry ----allowed----> entry of this generation ----generation changes----> judged anew at the next packet
 *	                               ^                                                 |            |
 *	                               +---------------------allowed---------------------+          denied
 *	                               |                                                              |
 *	                               +--- allowed: TCP SYN, SCTP INIT, echo request, new policy --- FLOW_DENIED
 *
 * Judged anew is the direction in which the connection was opened, also when the packet is a reply. A denied entry stays, so
 * that what the other side still sends does not open the same connection backwards.
 *
 * An entry whose interface is no longer the one behind the address is deleted: the address has a new owner.
 */
#ifndef CNIDA_BPF_FLOW_H
#define CNIDA_BPF_FLOW_H

#include "bpf/parse.h"
#include "bpf/scene.h"
#include "bpf/table.h"

inline_always int flow_opened_by(const struct flow *f, __u32 side)
{
	return (f->flags & FLOW_INITIATOR) == side;
}

enum flow_state {
	FLOW_UNKNOWN,   /* the packet is to be judged as a new connection */
	FLOW_GOOD,      /* the packet belongs to it */
	FLOW_REFUSED,   /* the packet is to be dropped */
	FLOW_DOUBTFUL,  /* the connection is to be judged again, see flow_settle() */
	FLOW_UNRELATED, /* an ICMP error about a connection that is not known */
	FLOW_AGAIN,     /* the policy was replaced meanwhile: begin anew */
};

/* Is the entry about who has the addresses now, and can it be judged? A fragment cannot, without its first. */
inline_always int flow_is_current(const struct packet *p, const struct flow *f,
                                  const struct scene *s)
{
	const struct flow_side *src = &f->side[p->from & 1], *dst = &f->side[(p->from & 1) ^ 1];

	return src->ifindex == s->src.ifindex && dst->ifindex == s->dst.ifindex &&
	       (p->key.proto != FLOW_FRAGMENT || f->generation == s->generation);
}

inline_always int flow_known_in(const struct packet *p, const struct scene *s, __u32 hash,
                                struct flow *f)
{
	int r = flow_find_in(&p->key, hash, f);

	if (r <= 0 || flow_is_current(p, f, s))
		return r;
	flow_remove_in(&p->key, hash);
	return 0;
}

/*
 * flow_known() - As flow_find_in(), past what a former owner of an address left. What lies beside counts also while somebody writes the
 * entry into its own bucket.
 */
inline_always int flow_known(const struct packet *p, const struct scene *s, struct flow *f)
{
	int other, r = flow_known_in(p, s, p->hash, f);

	if (r > 0 || constants.locks)
		return r;
	other = flow_known_in(p, s, p->hash ^ FLOW_BESIDE, f);
	return other ? other : r;
}

/* flow_state() - What does this entry mean for this packet? */
inline_always int flow_state(const struct packet *p, const struct flow *f, const struct scene *s)
{
	int reverse = !flow_opened_by(f, p->from);

	if ((p->flags & PACKET_OPENS) && (reverse || (f->flags & FLOW_DENIED)))
		return FLOW_UNKNOWN;
	if (f->generation == s->generation)
		return f->flags & FLOW_DENIED ? FLOW_REFUSED : FLOW_GOOD;
	return FLOW_DOUBTFUL;
}

/* flow_settle() - What the rules say now (@ok) about what they allowed before: FLOW_GOOD or FLOW_REFUSED. */
inline_always int flow_settle(struct flow *f, const struct scene *s, __u32 ok)
{
	__u32 need = f->flags & (FLOW_EGRESS | FLOW_INGRESS);

	if ((f->flags & FLOW_DEFERRED) && !(s->switches & CONTROL_DEFER))
		need |= FLOW_EGRESS;
	if ((ok & need) == need)
		f->flags &= ~FLOW_DENIED;
	else
		f->flags |= FLOW_DENIED;
	/* A pod can get its limits after its first connection. */
	if ((s->src.flags | s->dst.flags) & ENDPOINT_SHAPED)
		f->flags |= FLOW_SHAPED;
	f->generation = s->generation;
	return (ok & need) == need ? FLOW_GOOD : FLOW_REFUSED;
}

/*
 * TCP and SCTP packets in the middle of a connection that is not known any more: its entry made room for another. If
 * the packet is allowed it passes. It opens the connection again, so that replies pass too, unless the sender looks like
 * the server, whose packet must not turn the connection round.
 */
inline_always int flow_may_open(const struct packet *p)
{
	__u32 to = p->want & 0xffff, from = p->want_back;

	if (p->flags & PACKET_NO_FLOW)
		return 0;
	if (!(p->flags & PACKET_MIDDLE))
		return 1;
	if (p->key.proto != IPPROTO_TCP && p->key.proto != IPPROTO_SCTP_)
		return 0;
	return from >= to || from >= 32768;
}

inline_always void flow_set_side(struct flow_side *side, const struct end *end)
{
	side->ifindex = end->ifindex;
	mac_copy(side->mac, end->mac);
	side->pad[0] = 0;
	side->pad[1] = 0;
}

/* The fragments that follow this first one share its fate. The key is changed and put back: the stack is short. */
static __attribute__((noinline)) void flow_remember_fragment(struct packet *p, const struct flow *f)
{
	const struct control *c = map_control();
	word64 *w = (word64 *)&p->key;
	__u64 ports = w[4], id = w[5];

	if (!c)
		return;
	w[4] = packet_fragment_word(p);
	w[5] = WORD64(p->fragment, 0);
	flow_store(&p->key, flow_hash(&p->key, c), f);
	w[4] = ports;
	w[5] = id;
}

/* flow_keep() - A packet of a known connection took the slow path: its entry is as *f now. */
inline_always void flow_keep(struct packet *p, struct flow *f)
{
	f->seen = flow_tick();
	(void)flow_store_in(&p->key, p->hash, f);
	if (p->flags & PACKET_FIRST)
		flow_remember_fragment(p, f);
}

/*
 * flow_open() - Remember that the packet's connection was allowed: 1, 0 if both its buckets were held up; who sent it will repeat it
 *
 * *f is scratch: the caller's, as the stack is short.
 */
inline_always int flow_open(struct packet *p, const struct scene *s, __u32 flags, struct flow *f)
{
	struct flow_side *src = &f->side[p->from & 1], *dst = &f->side[(p->from & 1) ^ 1];

	f->generation = s->generation;
	f->seen = flow_tick();
	f->flags = flags | p->from;
	flow_set_side(src, &s->src);
	flow_set_side(dst, &s->dst);
	if (p->flags & PACKET_FIRST)
		flow_remember_fragment(p, f);
	return flow_may_open(p) ? flow_store(&p->key, p->hash, f) : 1;
}

#endif
