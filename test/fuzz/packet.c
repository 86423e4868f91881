/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * packet.c - fuzz: frames through from_pod and to_pod, compiled for user space (bpf_native.h)
 *
 * Input: a byte (bit 0: bytes of the image are damaged, which take the next three), then up to eight packets of a header (struct
 * step) and a frame. Of each packet holds
 *
 *	nothing is read beyond the frame, the image or what else a map holds (the sanitizers see to that)
 *	what becomes of it does not depend on how much of the frame is linear, nor on bytes behind the IP packet
 *	it is handed over only to the pod that has its destination address, and only by the one that has its source
 *	what passes out of a pod has an address of that pod as its source, but for what is needed to get one
 *	a plain first packet between pods passes if the tables of the policy say so
 */
#include "test/fuzz/bpf_native.h"

#include "bpf/cnida.bpf.c"

#include "bpf/pods.h"
#include "policy/compile.h"
#include "policy/image.h"
#include "test/fuzz/fuzz.h"

#define PODS    3U
#define UPLINK  9U
#define BUCKETS 4U
#define STEPS   8U

/* How a frame comes. */
struct step {
	uint8_t way; /* bit 0: to_pod; 1, 2: which pod; 3, 4: what brought it in; 5: segments; 6: VLAN */
	uint8_t marks;   /* bits 0, 1: marks; 2: nowhere to forward it */
	uint8_t linear;  /* bytes that are linear at first */
	uint8_t trailer; /* bytes behind the frame, in the second try */
	uint8_t change; /* bit 0: a new generation; 1: of the other image; 2 to 7: ticks that pass */
	uint8_t len[2]; /* of the frame */
};

static const char pods_text[] =
	"{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"a\",\"namespace\":\"x\",\"labels\":{\"p\":\"a\"}}}"
	"{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"b\",\"namespace\":\"x\",\"labels\":{\"p\":\"b\"}}}"
	"{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"c\",\"namespace\":\"y\"}}";
/* Under the first a may ask b for 80/TCP and 53/UDP and nobody else for anything; under the second all is open but b's ingress. */
static const char *const policies_text[2] = {
	"{\"kind\":\"NetworkPolicy\",\"apiVersion\":\"networking.k8s.io/v1\",\"metadata\":{\"name\":\"b\",\"namespace\":\"x\"},"
	"\"spec\":{\"podSelector\":{\"matchLabels\":{\"p\":\"b\"}},\"policyTypes\":[\"Ingress\",\"Egress\"],"
	"\"ingress\":[{\"from\":[{\"podSelector\":{\"matchLabels\":{\"p\":\"a\"}}}],\"ports\":[{\"port\":80},{\"port\":53,\"protocol\":\"UDP\"}]},"
	"{\"from\":[{\"ipBlock\":{\"cidr\":\"192.0.2.0/24\"}}]}]}}"
	"{\"kind\":\"NetworkPolicy\",\"apiVersion\":\"networking.k8s.io/v1\",\"metadata\":{\"name\":\"a\",\"namespace\":\"x\"},"
	"\"spec\":{\"podSelector\":{\"matchLabels\":{\"p\":\"a\"}},\"policyTypes\":[\"Egress\"],"
	"\"egress\":[{\"to\":[{\"podSelector\":{}}]},{\"to\":[{\"ipBlock\":{\"cidr\":\"fd01::/64\"}}],\"ports\":[{\"port\":443}]}]}}",
	"{\"kind\":\"NetworkPolicy\",\"apiVersion\":\"networking.k8s.io/v1\",\"metadata\":{\"name\":\"b\",\"namespace\":\"x\"},"
	"\"spec\":{\"podSelector\":{\"matchLabels\":{\"p\":\"b\"}}}}",
};
static const char *const names[PODS][2] = { { "x", "a" }, { "x", "b" }, { "y", "c" } };

static struct {
	struct control control;
	struct tables tables[2];
	struct objects objects[2];
	uint8_t *good[2], *image; /* constants.image_size bytes each */
	uint32_t parity;
	struct endpoint link[PODS];
	struct pods pods;
	struct in6 addr[PODS][2];
	struct flow_bucket flows[BUCKETS], before[BUCKETS], first[BUCKETS];
	bool damaged;
} node;

static void *bpf_map_lookup_elem(const void *map, const void *key)
{
	uint32_t i;

	memcpy(&i, key, sizeof(i));
	if (map == &cnida_control)
		return &node.control;
	if (map == &cnida_policy)
		return node.image;
	if (map == node.image)
		return node.image;
	if (map == &cnida_endpoint)
		return node.pods.v;
	return i <= constants.flow_mask ? &node.flows[i % BUCKETS] : NULL;
}

/* ---- the node ---- */

static void make_tables(uint32_t parity)
{
	struct objects *o = &node.objects[parity];
	struct image image = { 0 };
	struct err e;

	objects_init(o);
	if (objects_read(o, "pods", pods_text, strlen(pods_text), &e) < 0 ||
	    objects_read(o, "policies", policies_text[parity], strlen(policies_text[parity]), &e) <
	            0 ||
	    objects_finish(o, &e) < 0 || compile(o, false, &node.tables[parity], &e) < 0 ||
	    image_build(&node.tables[parity], NULL, 0, parity, constants.image_size, &image, &e) <
	            0) {
		fprintf(stderr, "%s\n", e.msg);
		exit(2);
	}
	node.good[parity] = calloc(1, constants.image_size);
	memcpy(node.good[parity], image.bytes, image.size);
	image_free(&image);
}

static void put_pod(const struct endpoint *ep, const struct in6 addr[2])
{
	const struct in6 link = { { bpf_htonl(0xff000000), 0, 0, bpf_htonl(ep->ifindex) } };

	(void)pods_put(&node.pods, &link, ep);
	(void)pods_put(&node.pods, &addr[0], ep);
	(void)pods_put(&node.pods, &addr[1], ep);
}

static void make_node(void)
{
	node.pods.mask = constants.endpoint_mask;
	node.pods.v = calloc(node.pods.mask + 1, sizeof(*node.pods.v));
	for (uint32_t p = 0; p < 2; p++)
		make_tables(p);
	node.image = malloc(constants.image_size);
	for (uint32_t i = 0; i < PODS; i++) {
		struct endpoint *ep = &node.link[i];

		node.addr[i][0] =
			(struct in6) { { 0, 0, bpf_htonl(0xffff), bpf_htonl(0x0a000001 + i) } };
		node.addr[i][1] =
			(struct in6) { { bpf_htonl(0xfd000000), 0, 0, bpf_htonl(1 + i) } };
		ep->ifindex = 2 + i;
		ep->flags = i == 2 ? ENDPOINT_SHAPED : 0;
		memcpy(ep->mac, "\x02\0\0\0\0\x01", 6);
		ep->mac[5] = (uint8_t)(1 + i);
		memcpy(ep->host_mac, "\x02\0\0\0\0\xff", 6);
		for (uint32_t p = 0; p < 2; p++) {
			const struct pod_verdict *v =
				tables_pod(&node.tables[p], names[i][0], names[i][1]);

			ep->slot[p] = (struct endpoint_slot) { v->class, v->set[INGRESS],
				                               v->set[EGRESS] };
		}
		put_pod(ep, node.addr[i]);
	}
	for (uint32_t i = 0; i < 6; i++)
		node.control.hash[i] = 0x9e3779b97f4a7c15ULL * (i + 1) | 1;
	node.control.image_size = constants.image_size;
}

static void put_image(uint32_t parity)
{
	memcpy(node.image, node.good[parity], constants.image_size);
	node.parity = parity;
}

static void boot(struct fuzz_in *in)
{
	uint8_t flags = fuzz_byte(in);

	if (!node.image)
		make_node();
	memset(node.flows, 0, sizeof(node.flows));
	node.control.generation = 1000;
	node.control.flags = (uint32_t)(flags >> 1) & 3;
	native.jiffies = 1ULL << 20;
	put_image(0);
	node.damaged = flags & 1;
	for (int i = 0; node.damaged && i < 4; i++) {
		uint32_t place = fuzz_byte(in);

		node.image[(place | (uint32_t)fuzz_byte(in) << 8) % 1024] ^= fuzz_byte(in);
	}
}

/* ---- one frame ---- */

struct outcome {
	int r;
	uint32_t peer, mark, type;
	uint8_t mac[6];
};

static struct outcome run(const struct step *s, const uint8_t *frame, uint32_t len, uint32_t linear)
{
	static const uint32_t bringers[] = { 0, 2, 3, UPLINK };
	struct __sk_buff skb = { .len = len };
	struct outcome ret;

	memcpy(native.frame, frame, len);
	skb.ifindex = 2 + (s->way >> 1) % PODS;
	skb.ingress_ifindex = s->way & 1 ? bringers[s->way >> 3 & 3] : skb.ifindex;
	skb.gso_size = s->way & 0x20 ? 1400 : 0;
	skb.vlan_present = s->way >> 6 & 1;
	skb.mark = (s->marks & 1 ? CNIDA_MARK_DEFER : 0) | (s->marks & 2 ? CNIDA_MARK_HAIRPIN : 0);
	if (!(s->way & 1))
		skb.mark = 0;
	memcpy(&skb.protocol, (uint8_t[4]) { frame[12], frame[13] }, 4);
	native.fib = s->marks & 4 ? BPF_FIB_LKUP_RET_NOT_FWDED : BPF_FIB_LKUP_RET_SUCCESS;
	native.peer = 0;
	native_lay(&skb, linear < ETH_HLEN ? ETH_HLEN : linear);
	ret.r = s->way & 1 ? to_pod(&skb) : from_pod(&skb);
	ret.peer = native.peer;
	ret.mark = skb.mark;
	ret.type = skb.pkt_type;
	memcpy(ret.mac, native.frame, 6);
	return ret;
}

static bool outcome_eq(const struct outcome *a, const struct outcome *b)
{
	return a->r == b->r && a->peer == b->peer && a->mark == b->mark && a->type == b->type &&
	       memcmp(a->mac, b->mac, 6) == 0;
}

/* ---- what a frame is, read the naive way ---- */

struct plain {
	int family; /* 0: not IP */
	bool whole; /* the IP packet ends within the frame */
	struct in6 src, dst;
	const uint8_t *l4; /* NULL: has options, is a fragment, or is too short */
	uint8_t proto;
	uint32_t payload;
};

static struct plain read_plain(const uint8_t *f, uint32_t len, const struct step *s)
{
	struct plain p = { 0 };
	const uint8_t *ip = f + ETH_HLEN;
	uint32_t type = (uint32_t)f[12] << 8 | f[13], total;

	if (s->way & 0x40)
		return p;
	if (type == 0x800 && len >= ETH_HLEN + 20) {
		p.family = 4;
		total = (uint32_t)ip[2] << 8 | ip[3];
		p.whole = total >= (ip[0] & 15U) * 4 && total + ETH_HLEN <= len;
		p.src.word[2] = p.dst.word[2] = bpf_htonl(0xffff);
		memcpy(&p.src.word[3], ip + 12, 4);
		memcpy(&p.dst.word[3], ip + 16, 4);
		p.proto = ip[9];
		if (ip[0] == 0x45 && !(ip[6] & 0x3f) && !ip[7] && p.whole) {
			p.l4 = ip + 20;
			p.payload = total - 20;
		}
	} else if (type == 0x86dd && len >= ETH_HLEN + 40) {
		p.family = 6;
		total = (uint32_t)ip[4] << 8 | ip[5];
		p.whole = total + 40 + ETH_HLEN <= len;
		memcpy(&p.src, ip + 8, 16);
		memcpy(&p.dst, ip + 24, 16);
		p.proto = ip[6];
		if (ip[0] >> 4 == 6 && p.whole) {
			p.l4 = ip + 40;
			p.payload = total;
		}
	}
	return p;
}

/* Which pod has the address; PODS: none. */
static uint32_t owner(const struct in6 *addr)
{
	for (uint32_t i = 0; i < PODS; i++)
		if (memcmp(addr, &node.addr[i][0], 16) == 0 ||
		    memcmp(addr, &node.addr[i][1], 16) == 0)
			return i;
	return PODS;
}

/* Sources that need no address of the pod: DHCP and neighbour discovery. */
static bool needs_address(const struct plain *p)
{
	const uint8_t *b = (const uint8_t *)&p->src;
	bool any = p->family == 4
	                   ? p->src.word[3] == 0
	                   : !p->src.word[0] && !p->src.word[1] && !p->src.word[3] &&
	                             (!p->src.word[2] || p->src.word[2] == bpf_htonl(0xffff));
	bool local = p->family == 6 && b[0] == 0xfe && (b[1] & 0xc0) == 0x80;

	return !any && !local;
}

static void judge_guard(const struct step *s, const uint8_t *frame, const struct plain *p,
                        const struct outcome *o)
{
	uint32_t me = (s->way >> 1) % PODS;

	if (o->r == 7) {
		fuzz_check(!(s->way & 1), "to_pod handed a packet over");
		fuzz_check(p->family && owner(&p->src) == me && owner(&p->dst) < PODS &&
		                   owner(&p->dst) != me &&
		                   o->peer == node.link[owner(&p->dst)].ifindex,
		           "from pod %u to link %u", me, o->peer);
		fuzz_check(memcmp(o->mac, node.link[owner(&p->dst)].mac, 6) == 0, "another's MAC");
	}
	if (s->way & 1 || o->r == DROP)
		return;
	fuzz_check(memcmp(frame + 6, node.link[me].mac, 6) == 0, "pod %u lied about its MAC", me);
	if (p->family && needs_address(p))
		fuzz_check(owner(&p->src) == me, "pod %u lied about its address", me);
}

static bool tables_say(uint32_t subject, uint32_t peer, enum direction d, const struct plain *p,
                       uint16_t port)
{
	const struct tables *t = &node.tables[node.parity];
	const struct pod_verdict *v = tables_pod(t, names[subject][0], names[subject][1]);
	struct ip_addr addr = { .family = p->family == 4 ? AF_INET : AF_INET6 };

	memcpy(addr.bytes,
	       p->family == 4 ? &node.addr[peer][0].word[3] : &node.addr[peer][1].word[0],
	       p->family == 4 ? 4 : 16);
	return v->set[d] == SET_OPEN || tables_allow(t, v->set[d], CLASS_ANY, p->proto, port) ||
	       tables_allow(t, v->set[d], tables_pod(t, names[peer][0], names[peer][1])->class,
	                    p->proto, port) ||
	       (tables_block(t, &addr) &&
	        tables_allow(t, v->set[d], tables_block(t, &addr), p->proto, port));
}

/* A new connection between two pods, with nothing odd about it. */
static void judge_policy(const struct step *s, const uint8_t *frame, const struct plain *p,
                         const struct outcome *o)
{
	static const struct flow_bucket empty[BUCKETS];
	uint32_t me = (s->way >> 1) % PODS, to = owner(&p->dst);
	bool tcp = p->proto == IPPROTO_TCP, allowed;
	uint16_t port;

	if (s->way & 0x21 || node.damaged || !p->l4 ||
	    memcmp(node.before, empty, sizeof(empty)) != 0)
		return;
	if (owner(&p->src) != me || to == PODS || to == me ||
	    memcmp(frame + 6, node.link[me].mac, 6) != 0)
		return;
	if (!(tcp && p->payload >= 20) && !(p->proto == IPPROTO_UDP && p->payload >= 8))
		return;
	memcpy(&port, p->l4 + 2, 2);
	allowed = tables_say(me, to, EGRESS, p, bpf_ntohs(port)) &&
	          tables_say(to, me, INGRESS, p, bpf_ntohs(port));
	fuzz_check((o->r != DROP) == allowed,
	           "pod %u to pod %u, protocol %d port %d: the tables say %s", me, to, p->proto,
	           bpf_ntohs(port), allowed ? "allow" : "deny");
}

static void try_frame(const struct step *s, uint8_t *frame, uint32_t len, uint32_t spare)
{
	const struct plain p = read_plain(frame, len, s);
	struct outcome whole, part;
	uint32_t trailer = bounded(s->trailer, spare);

	memcpy(node.before, node.flows, sizeof(node.flows));
	whole = run(s, frame, len, len);
	memcpy(node.first, node.flows, sizeof(node.flows));
	judge_guard(s, frame, &p, &whole);
	judge_policy(s, frame, &p, &whole);

	memcpy(node.flows, node.before, sizeof(node.flows));
	part = run(s, frame, len, s->linear);
	fuzz_check(outcome_eq(&whole, &part) &&
	                   memcmp(node.first, node.flows, sizeof(node.flows)) == 0,
	           "%d, with %u linear bytes %d", whole.r, s->linear, part.r);

	if (p.whole && trailer && !(s->way & 0x20)) {
		memcpy(node.flows, node.before, sizeof(node.flows));
		part = run(s, frame, len + trailer, len + trailer);
		fuzz_check(outcome_eq(&whole, &part) &&
		                   memcmp(node.first, node.flows, sizeof(node.flows)) == 0,
		           "%d, with %u bytes behind it %d", whole.r, trailer, part.r);
	}
	memcpy(node.flows, node.first, sizeof(node.flows));
}

FUZZ(packet)
{
	struct fuzz_in in = { data, len };

	boot(&in);
	for (unsigned int i = 0; i < STEPS && in.left > sizeof(struct step) + ETH_HLEN; i++) {
		uint8_t frame[FRAME_MAX];
		struct step s;
		uint32_t size;

		memcpy(&s, in.at, sizeof(s));
		in.at += sizeof(s);
		in.left -= sizeof(s);
		size = bounded((s.len[0] | (uint32_t)s.len[1] << 8) & 1023, (uint32_t)in.left);
		if (size < ETH_HLEN)
			size = ETH_HLEN;
		/* What follows in the input is what may lie behind the frame. */
		memcpy(frame, in.at, bounded((uint32_t)in.left, size + 255));
		if (s.change & 1)
			node.control.generation++;
		if (s.change & 2 && !node.damaged)
			put_image(node.parity ^ 1);
		native.jiffies += (uint64_t)(s.change >> 2)
		                  << (constants.times.shift + (s.change & 0x40 ? 2 : 0));
		try_frame(&s, frame, size, bounded((uint32_t)in.left, size + 255) - size);
		in.at += size;
		in.left -= size;
	}
	return 0;
}
