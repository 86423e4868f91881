/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * abi.h - what the eBPF programs and user space share: maps, their keys and values, the policy image
 *
 * Programs sit on the host side of each pod's veth: from_pod sees what the pod sends, to_pod what reaches it
 * through the node's stack (a packet that from_pod hands over directly never meets to_pod).
 *
 *	cnida_control	array, 1 entry		struct control		generation and switches
 *	cnida_endpoint	array, 1 entry		struct endpoint_bucket[]	addresses of the pods of this node: a hash table of our own
 *	cnida_policy	array of maps, 1 entry	-> array, 1 entry	the policy image in force
 *	cnida_flow	array			struct flow_bucket	connections that were allowed: a hash table of our own
 *
 * Names of pins: control, endpoint, policy, flow, from_pod, to_pod.
 *
 * A new flow between two pods costs: endpoint of the source (which is the source guard too), endpoint of the
 * destination, policy image. Everything of the policy itself lies in the image, one flat value that is walked
 * without further map reads: cost does not depend on the number of rules.
 *
 * Atomic switch: an endpoint has two slots. Applying writes the slot of the *other* parity in all endpoints, then
 * replaces the image, whose header names its parity, in one map update. Every packet is judged by slot and image of
 * one policy. Then the generation is raised: each flow is judged anew at its next packet.
 *
 * Programs read the generation BEFORE the image. A flow that is inserted meanwhile carries the older one and is
 * judged once more. The generation also changes when a pod is attached, so that a reused address inherits nothing.
 *
 * Addresses are 16 bytes, IPv4 as ::ffff:a.b.c.d. Addresses and ports are in network byte order where a packet has
 * them (keys of endpoint and flow), host order in the image (it is compared by size). All integers else are native.
 */
#ifndef CNIDA_BPF_ABI_H
#define CNIDA_BPF_ABI_H

#include <linux/bpf.h>
#include <linux/types.h>

/* Part of the pin path: changes whenever a layout below, or what keeps writers of a map apart, does. */
#define CNIDA_ABI      "4"
#define CNIDA_BPF_ROOT "/sys/fs/bpf/cnida"
#define CNIDA_BPF_DIR  CNIDA_BPF_ROOT "/" CNIDA_ABI

/* Marks of packets that are judged after DNAT (nftables clears the bit of those that are allowed). */
#define CNIDA_MARK_DEFER   0x00100000U
#define CNIDA_MARK_HAIRPIN 0x00200000U

#ifdef __bpf__
#	define MAP_LOCK struct bpf_spin_lock
#else
#	define MAP_LOCK __u32
#endif

struct in6 {
	__u32 word[4]; /* network order */
};

/*
 * Both hash tables of our own are made of buckets with eight places. A bucket begins with the tags of its places, a byte of each key's
 * hash: one load and some arithmetic tell where a key can be at all. 0: empty.
 */
#define TAGS_WAYS 8U
#define TAGS_ONES 0x0101010101010101ULL

/* tag_of() - The tag that a byte of the hash makes. */
static inline __attribute__((always_inline)) __u32 tag_of(__u32 byte)
{
	return byte ? byte : 1;
}

/* tags_match() - The top bit of each byte that is @tag. */
static inline __attribute__((always_inline)) __u64 tags_match(__u64 tags, __u32 tag)
{
	__u64 x = tags ^ tag * TAGS_ONES, low = TAGS_ONES * 0x7f;

	return ~(((x & low) + low) | x | low);
}

/* tags_first() - Place of the lowest of those, which must not be 0. */
static inline __attribute__((always_inline)) __u32 tags_first(__u64 match)
{
	return (__u32)(((match & -match) >> 7) * 0x0001020304050607ULL >> 56) & (TAGS_WAYS - 1);
}

/* tags_set() - With another tag at one place. */
static inline __attribute__((always_inline)) __u64 tags_set(__u64 tags, __u32 way, __u32 tag)
{
	return (tags & ~(0xffULL << way * 8)) | (__u64)tag << way * 8;
}

/* ---- cnida_control ---- */

#define CONTROL_FASTPATH 1U /* hand packets over with bpf_redirect_peer */
#define CONTROL_DEFER    2U /* nftables judges after DNAT: mark instead of drop */

struct control {
	__u64 generation; /* of the boot clock in ns: never seen before */
	__u32 flags;
	__u32 image_size; /* bytes that images of the loaded programs have */
	__u64 hash[6];    /* secret odd numbers: nobody can aim at a bucket of the table of flows */
};

/* ---- cnida_endpoint ---- */

/* Ids of what the image knows. Class 0 is "any address at all"; set 0 is "not isolated in this direction". */
struct endpoint_slot {
	__u32 class;   /* peer class of the pod, by its labels */
	__u32 ingress; /* rule set that judges what reaches it */
	__u32 egress;  /* rule set that judges what it opens */
};

#define ENDPOINT_ROUTED 1U /* no bridge: the host answers for the peers (mode ptp) */
#define ENDPOINT_SHAPED 2U /* bandwidth limits: its packets must meet the host veth's qdisc */

/*
 * Each pod also has an entry for its interface itself, under the address ff00::IFINDEX (network order; no packet is from there): what is
 * known about frames that have no address of the pod. A pod without that entry is not attached: nothing passes.
 */
struct endpoint {
	__u32 sequence; /* odd: being written */
	__u32 ifindex;  /* host side of the veth */
	__u8 mac[6];    /* of the pod's interface */
	__u8 host_mac[6]; /* what the pod's frames to the host carry: the bridge's, or the host veth's (ptp) */
	__u32 flags;
	struct endpoint_slot slot[2]; /* by parity of the image */
};

/*
 * The table is one value of constants.endpoint_mask + 1 buckets; a key may be in either of the two that its hash names. Not a map of the
 * kernel's: a look-up there is a call that costs as much as all the rest of a known packet.
 *
 * User space writes, through a mapping and under a lock (pods.h); programs read, without one. An entry is complete before its tag is
 * there. When another takes its place, or it changes hands, its sequence counts up before and after: who copied it meanwhile
 * begins anew. Of the slots only the one that is not in force is written without that.
 */
struct endpoint_place {
	struct in6 key;
	struct endpoint endpoint;
};

struct endpoint_bucket {
	__u64 tags;
	__u64 pad[7]; /* a place is a line of the cache */
	struct endpoint_place place[TAGS_WAYS];
};

/* The two words of an address, as they lie in memory. Which buckets, and which tag, below. */
static inline __attribute__((always_inline)) __u64 endpoint_hash(__u64 high, __u64 low)
{
	__u64 h = high * 0x9e3779b97f4a7c15ULL + low * 0xc2b2ae3d27d4eb4fULL;

	h ^= h >> 32;
	h *= 0xd6e8feb86659fd93ULL;
	return h ^ h >> 32;
}

/* endpoint_bucket_of() - @which: 0 or 1. To be cut to the size of the table. */
static inline __attribute__((always_inline)) __u32 endpoint_bucket_of(__u64 hash, __u32 which)
{
	return (__u32)(which ? hash >> 20 : hash);
}

static inline __attribute__((always_inline)) __u32 endpoint_tag(__u64 hash)
{
	return tag_of((__u32)(hash >> 56));
}

/* ---- cnida_flow ---- */

/*
 * One entry per connection for both directions: the two ends are sorted, (address, port) of side 0 is the smaller in
 * memcmp() order. ICMP echo has the identifier as both ports. Protocols without ports have 0.
 */
#define FLOW_FRAGMENT 255U

/*
 * What else passes because of an earlier packet uses the same table:
 *	fragments	proto FLOW_FRAGMENT, port[sender's side] = 1, id = protocol << 16 ^ IP id (IPv6: the id alone)
 *	DHCP		addresses 0, proto UDP, port[0] = 67 or 547, id = ifindex of the pod that asked
 */
struct flow_key {
	struct in6 addr[2];
	__be16 port[2];
	__u8 proto;
	__u8 pad[3];
	__u32 id;
	__u32 pad2;
} __attribute__((aligned(8)));

#define FLOW_INITIATOR 1U  /* the side that opened it: 0 or 1 */
#define FLOW_EGRESS    2U  /* the initiator's egress rules allowed it */
#define FLOW_INGRESS   4U  /* the responder's ingress rules allowed it */
#define FLOW_HOST      8U  /* came through the host stack: replies must go back that way */
#define FLOW_DEFERRED  16U /* egress is judged after DNAT, packet by packet */
#define FLOW_NODE      32U /* opened by the node itself, or a pod's way to itself through a Service */
#define FLOW_DENIED \
	64U /* was allowed, until the policy changed: nothing passes but what opens it anew */
#define FLOW_SHAPED 128U /* never handed over directly: one end has ENDPOINT_SHAPED */

/* Idle limits in ticks, which are 2^shift jiffies: half a second to one. */
struct times {
	__u32 shift;
	__u32 stream;   /* TCP, SCTP: 24 hours */
	__u32 datagram; /* UDP and others: 180 seconds */
	__u32 echo;     /* ICMP: 60 seconds */
	__u32 fragment; /* 30 seconds */
};

/* What the loader tells the programs: their .rodata. */
struct constants {
	__u32 image_size;    /* bytes of an image's map value: a power of two */
	__u32 flow_mask;     /* number of buckets - 1 */
	__u32 endpoint_mask; /* likewise */
	__u32 locks;         /* take the locks of flow buckets, see there */
	struct times times;
};

struct flow_side {
	__u32 ifindex; /* host veth; 0: not a pod of this node */
	__u8 mac[6];
	__u8 pad[2];
};

struct flow {
	__u64 generation;
	__u32 seen; /* tick; see struct flow_bucket */
	__u32 flags;
	struct flow_side side[2];
};

/*
 * The table is an array of buckets with FLOW_WAYS places each; a connection is in the bucket that its key's hash names. When a
 * bucket is full the one that was silent for longest makes room. Not a map of the kernel's, because looking something up in those
 * costs as much as all the rest of a known packet, and making room in an LRU map four times that.
 *
 * A writer makes @sequence odd, if it is even, in one atomic step, and even again afterwards: that is the lock. (A spin lock of the
 * kernel's takes two calls, a third of what a new connection costs.) Before he changes anything he says in @writes which place,
 * and for which hash; not if he only renews what is there, see flow_renew(). Readers take no lock: they copy what they find and see
 * whether the sequence was even and is the same.
 *
 * Nobody waits for long, because whoever has the bucket may have lost his processor, on a virtual machine for milliseconds. Then
 *	a reader	takes what lies at another place than he writes; what is not there, and not what he writes, is not known
 *	a writer	takes the bucket beside, hash ^ FLOW_BESIDE, where readers look second; without that too, 0: the packet drops
 *
 * All that relies on stores and loads that are seen in order (x86), and on an atomic step that not every JIT has; elsewhere
 * everybody takes the kernel's lock (struct constants).
 */
#define FLOW_BESIDE 1U
#define FLOW_WAYS   TAGS_WAYS

struct flow_slot {
	struct flow_key key;
	struct flow flow;
};

struct flow_bucket {
	MAP_LOCK lock;
	__u32 sequence; /* odd: being written */
	__u64 tags;
	__u32 seen[FLOW_WAYS]; /* tick, see struct times: written at most once in each. (struct flow has it in copies only.) */
	__u64 writes; /* of who has the bucket: hash << 32 | place + 1; 0: nothing yet */
	__u64 pad;    /* what is read of every packet is a line of the cache */
	struct flow_slot slot[FLOW_WAYS];
};

/* ---- the policy image ---- */

#define IMAGE_MAGIC 0x636e6431U /* "cnd1" */

/* Protocol of a range that stands for all traffic: ports do not matter, ICMP and unknown protocols included. */
#define RANGE_ALL_PROTO 0U

/* Where a table lies in the image: bytes from its start, number of entries. Hash tables have a power of two. */
struct image_table {
	__u32 offset;
	__u32 n;
};

struct image_header {
	__u32 magic;
	__u32 size;   /* bytes in use */
	__u32 parity; /* which slot of the endpoints belongs to this image */
	__u32 pad;
	struct image_table cells; /* hash: struct image_cell, linear probing, at most IMAGE_PROBES */
	struct image_table ranges; /* struct image_range */
	struct image_table hosts;  /* hash: struct image_host: pods of other nodes */
	struct image_table
		blocks4; /* struct image_block4, sorted by first, from 0.0.0.0 on without a gap */
	struct image_table blocks6; /* struct image_block6, likewise */
};

#define IMAGE_PROBES 8U

/* What rule set @set allows peers of class @class: a list of ranges. set 0: empty cell. */
struct image_cell {
	__u32 set;
	__u32 class;
	__u32 first; /* index of the first range */
	__u32 n;     /* ranges, sorted by (proto, first), disjoint */
};

struct image_range {
	__u8 proto; /* IPPROTO_*, or RANGE_ALL_PROTO (then it is the only one of its list) */
	__u8 pad;
	__u16 first, last; /* inclusive, host order */
	__u16 pad2;
};

struct image_host {
	struct in6 addr; /* network order, as in packets */
	__u32 class;     /* 0: empty entry */
	__u32 pad[3];
};

/* Class of the ipBlocks that an address lies in, 0: none. Holds up to the next entry's first. */
struct image_block4 {
	__u32 first; /* host order */
	__u32 class;
};

struct image_block6 {
	__u64 first[2]; /* host order, high half first */
	__u32 class;
	__u32 pad[3]; /* a power of two, so that any multiple that is cut to the image's size lies in it */
};

/*
 * image_hash() - Of two words; the index is the result & (n - 1). Also folds an address: chain it word by word.
 */
static inline __attribute__((always_inline)) __u32 image_hash(__u32 a, __u32 b)
{
	__u32 h = a * 0x9e3779b1U ^ b;

	h ^= h >> 15;
	h *= 0x85ebca77U;
	h ^= h >> 13;
	return h;
}

/* image_hash_in6() - The same of an address; for the table of hosts. */
static inline __attribute__((always_inline)) __u32 image_hash_in6(const struct in6 *addr)
{
	__u32 h = 0;

	for (int i = 0; i < 4; i++)
		h = image_hash(h, addr->word[i]);
	return h;
}

#endif
