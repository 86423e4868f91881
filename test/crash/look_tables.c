/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * look_tables.c - the tables that judge packets: nf_tables, and the maps of the eBPF programs
 *
 * Of nf_tables everything but what changes by itself: handles, counters, and elements that packets make; and but what the policy
 * before the one in force allowed, which stays in the other side until the next (its pods do not, when they go). Of the maps
 * the pods (with the slot that is in force) and the image, without the parity that says which slot that is.
 */
#include "bpf/abi.h"
#include "test/crash/look.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NFT_TYPE(msg) ((uint16_t)((NFNL_SUBSYS_NFTABLES << 8) | (msg)))
#define SETS_MAX      512

/* ---- nf_tables ----------------------------------------------------------------------------------- */

struct set_name {
	uint8_t family;
	char table[64], name[64];
};

struct sets {
	struct set_name v[SETS_MAX];
	unsigned int n;
	char other; /* side of the policy that is not in force: '0' or '1', what its names end with; 0 if none is */
};

struct message {
	uint8_t family;
	const void *attrs;
	size_t len;
};

static struct message message_of(const struct nlmsghdr *h)
{
	const struct nfgenmsg *g = NLMSG_DATA(h);

	return (struct message) {
		.family = g->nfgen_family,
		.attrs = g + 1,
		.len = NLMSG_PAYLOAD(h, sizeof(*g)),
	};
}

static const struct nlattr *at(const struct message *m, unsigned int type)
{
	return look_attr(m->attrs, m->len, type);
}

static uint64_t hash_of(const struct message *m, const unsigned int types[])
{
	uint64_t h = LOOK_HASH;

	for (size_t i = 0; types[i]; i++) {
		const struct nlattr *a = at(m, types[i]);

		if (a)
			h = look_hash(h, a, a->nla_len);
	}
	return h;
}

static void on_table(const struct nlmsghdr *h, struct state *s, void *arg)
{
	const struct message m = message_of(h);

	(void)arg;
	look_line(s, "nft %u table %s flags=%x", m.family, attr_text(at(&m, NFTA_TABLE_NAME)),
	          attr_u32(at(&m, NFTA_TABLE_FLAGS)));
}

static void on_chain(const struct nlmsghdr *h, struct state *s, void *arg)
{
	static const unsigned int types[] = { NFTA_CHAIN_HOOK, NFTA_CHAIN_POLICY, NFTA_CHAIN_TYPE,
		                              NFTA_CHAIN_FLAGS, 0 };
	const struct message m = message_of(h);

	(void)arg;
	look_line(s, "nft %u %s chain %s %016llx", m.family, attr_text(at(&m, NFTA_CHAIN_TABLE)),
	          attr_text(at(&m, NFTA_CHAIN_NAME)), (unsigned long long)hash_of(&m, types));
}

/* From the rules that lead to a side: theirs is in force. */
static void note_side(const struct message *m, struct sets *sets)
{
	static const struct {
		const char *target;
		char other;
	} rules[] = {
		{ "judge_0", '1' }, { "judge_1", '0' }, { "defer_0", '1' }, { "defer_1", '0' }
	};
	const struct nlattr *e = at(m, NFTA_RULE_EXPRESSIONS);
	const char *chain = attr_text(at(m, NFTA_RULE_CHAIN));

	if (!e || (strcmp(chain, "forward") != 0 && strcmp(chain, "after_dnat") != 0))
		return;
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		/* With its NUL. */
		if (memmem(attr_data(e), attr_len(e), rules[i].target, strlen(rules[i].target) + 1))
			sets->other = rules[i].other;
	}
}

static void on_rule(const struct nlmsghdr *h, struct state *s, void *arg)
{
	static const unsigned int types[] = { NFTA_RULE_EXPRESSIONS, NFTA_RULE_USERDATA, 0 };
	const struct message m = message_of(h);

	if (strcmp(attr_text(at(&m, NFTA_RULE_TABLE)), "cnida_policy") == 0)
		note_side(&m, arg);
	look_line(s, "nft %u %s chain %s rule %016llx", m.family,
	          attr_text(at(&m, NFTA_RULE_TABLE)), attr_text(at(&m, NFTA_RULE_CHAIN)),
	          (unsigned long long)hash_of(&m, types));
}

static void on_set(const struct nlmsghdr *h, struct state *s, void *arg)
{
	static const unsigned int types[] = {
		NFTA_SET_FLAGS,  NFTA_SET_KEY_TYPE, NFTA_SET_KEY_LEN,  NFTA_SET_DATA_TYPE,
		NFTA_SET_POLICY, NFTA_SET_TIMEOUT,  NFTA_SET_USERDATA, 0,
	};
	const struct message m = message_of(h);
	struct sets *sets = arg;
	const char *table = attr_text(at(&m, NFTA_SET_TABLE)),
		   *name = attr_text(at(&m, NFTA_SET_NAME));

	look_line(s, "nft %u %s set %s %016llx", m.family, table, name,
	          (unsigned long long)hash_of(&m, types));
	/* Packets put elements into these. */
	if (ntohl(attr_u32(at(&m, NFTA_SET_FLAGS))) & NFT_SET_EVAL)
		return;
	if (sets->n == SETS_MAX)
		abort();
	sets->v[sets->n].family = m.family;
	snprintf(sets->v[sets->n].table, sizeof(sets->v->table), "%s", table);
	snprintf(sets->v[sets->n].name, sizeof(sets->v->name), "%s", name);
	sets->n++;
}

/* Bytes as hex, with text as text: keys are addresses and names, user data has the owner in it. */
static void bytes(const struct nlattr *a, bool text, char *ret, size_t size)
{
	const unsigned char *p = a ? attr_data(a) : NULL;
	size_t n = 0;

	*ret = '\0';
	for (size_t i = 0; a && i < attr_len(a) && n + 4 < size; i++) {
		if (text && p[i] >= ' ' && p[i] < 127)
			n += (size_t)snprintf(ret + n, size - n, "%c", p[i]);
		else if (!text)
			n += (size_t)snprintf(ret + n, size - n, "%02x", p[i]);
	}
}

static void element(const struct set_name *set, const struct nlattr *e, struct state *s)
{
	const struct nlattr *end = look_attr(attr_data(e), attr_len(e), NFTA_SET_ELEM_KEY_END),
			    *data = look_attr(attr_data(e), attr_len(e), NFTA_SET_ELEM_DATA);
	char key[160], key_end[160], value[160], owner[160];

	bytes(look_attr(attr_data(e), attr_len(e), NFTA_SET_ELEM_KEY), false, key, sizeof(key));
	bytes(end, false, key_end, sizeof(key_end));
	bytes(data, false, value, sizeof(value));
	bytes(look_attr(attr_data(e), attr_len(e), NFTA_SET_ELEM_USERDATA), true, owner,
	      sizeof(owner));
	/* The key is a nest of one attribute: its header says nothing. */
	look_line(s, "nft %u %s set %s element %s-%s flags=%x data=%s %s", set->family, set->table,
	          set->name, strlen(key) > 8 ? key + 8 : key,
	          strlen(key_end) > 8 ? key_end + 8 : key_end,
	          attr_u32(look_attr(attr_data(e), attr_len(e), NFTA_SET_ELEM_FLAGS)), value,
	          owner);
}

static void on_elements(const struct nlmsghdr *h, struct state *s, void *arg)
{
	const struct message m = message_of(h);
	const struct nlattr *list = at(&m, NFTA_SET_ELEM_LIST_ELEMENTS);
	const char *p = list ? attr_data(list) : NULL;
	size_t len = list ? attr_len(list) : 0;

	while (len >= sizeof(struct nlattr)) {
		const struct nlattr *e = (const void *)p;
		const size_t size = ATTR_ALIGN((size_t)e->nla_len);

		if (e->nla_len < sizeof(*e) || e->nla_len > len)
			break;
		element(arg, e, s);
		p += size;
		len = size < len ? len - size : 0;
	}
}

static void put_text(char *buf, size_t *len, uint16_t type, const char *text)
{
	struct nlattr a = { .nla_len = (uint16_t)(ATTR_HEADER + strlen(text) + 1),
		            .nla_type = type };

	memcpy(buf + *len, &a, sizeof(a));
	memcpy(buf + *len + ATTR_HEADER, text, strlen(text) + 1);
	*len += ATTR_ALIGN((size_t)a.nla_len);
}

static void look_elements(int fd, struct set_name *set, struct state *s)
{
	const struct nfgenmsg g = { .nfgen_family = set->family, .version = NFNETLINK_V0 };
	char body[256] = { 0 };
	size_t len = sizeof(g);

	memcpy(body, &g, sizeof(g));
	put_text(body, &len, NFTA_SET_ELEM_LIST_TABLE, set->table);
	put_text(body, &len, NFTA_SET_ELEM_LIST_SET, set->name);
	look_dump(fd, NFT_TYPE(NFT_MSG_GETSETELEM), body, len, on_elements, s, set);
}

static bool is_allowance(const struct set_name *set)
{
	static const char *const begin[] = { "cells_", "ports_", "block4_", "block6_" };
	bool is = false;

	for (size_t i = 0; i < sizeof(begin) / sizeof(begin[0]); i++)
		is = is || strncmp(set->name, begin[i], strlen(begin[i])) == 0;
	return is && strcmp(set->table, "cnida_policy") == 0;
}

void look_nft(int fd, struct state *s)
{
	static struct sets sets;
	const struct nfgenmsg g = { .nfgen_family = NFPROTO_UNSPEC, .version = NFNETLINK_V0 };

	sets.n = 0;
	sets.other = '\0';
	look_dump(fd, NFT_TYPE(NFT_MSG_GETTABLE), &g, sizeof(g), on_table, s, NULL);
	look_dump(fd, NFT_TYPE(NFT_MSG_GETCHAIN), &g, sizeof(g), on_chain, s, NULL);
	look_dump(fd, NFT_TYPE(NFT_MSG_GETRULE), &g, sizeof(g), on_rule, s, &sets);
	look_dump(fd, NFT_TYPE(NFT_MSG_GETSET), &g, sizeof(g), on_set, s, &sets);
	for (unsigned int i = 0; i < sets.n; i++) {
		const struct set_name *set = &sets.v[i];

		if (!is_allowance(set) || set->name[strlen(set->name) - 1] != sets.other)
			look_elements(fd, &sets.v[i], s);
	}
}

/* ---- maps ---------------------------------------------------------------------------------------- */

static int sys_bpf(enum bpf_cmd cmd, union bpf_attr *attr)
{
	return (int)syscall(SYS_bpf, cmd, attr, sizeof(*attr));
}

static int map_get(const char *path)
{
	union bpf_attr attr = { .pathname = (uint64_t)(uintptr_t)path };

	return sys_bpf(BPF_OBJ_GET, &attr);
}

static int map_element(enum bpf_cmd cmd, int fd, const void *key, void *value)
{
	union bpf_attr attr = {
		.map_fd = (uint32_t)fd,
		.key = (uint64_t)(uintptr_t)key,
		.value = (uint64_t)(uintptr_t)value, /* or next_key, the same member of a union */
	};

	return sys_bpf(cmd, &attr);
}

/* The image in force; its parity. */
static uint32_t look_image(struct state *s)
{
	static union {
		struct image_header header;
		char bytes[1U << 20];
	} image;
	union bpf_attr attr = { 0 };
	uint32_t zero = 0, id = 0, parity;
	int outer = map_get(CNIDA_BPF_DIR "/policy"), inner = -1;

	if (outer >= 0 && map_element(BPF_MAP_LOOKUP_ELEM, outer, &zero, &id) == 0) {
		attr.map_id = id;
		inner = sys_bpf(BPF_MAP_GET_FD_BY_ID, &attr);
	}
	if (outer >= 0)
		close(outer);
	if (inner < 0 || map_element(BPF_MAP_LOOKUP_ELEM, inner, &zero, &image) < 0) {
		look_line(s, "image none");
		return 0;
	}
	close(inner);
	parity = image.header.parity & 1;
	image.header.parity = 0;
	look_line(s, "image %u bytes %016llx", image.header.size,
	          (unsigned long long)look_hash(LOOK_HASH, image.bytes, image.header.size));
	return parity;
}

static void look_endpoint(const struct in6 *key, const struct endpoint *e, uint32_t parity,
                          struct state *s)
{
	const struct endpoint_slot *slot = &e->slot[parity];
	char addr[INET6_ADDRSTRLEN];

	inet_ntop(AF_INET6, key, addr, sizeof(addr));
	/* ff00::INDEX is the link itself. */
	if (key->word[0] == htonl(0xff000000U))
		snprintf(addr, sizeof(addr), "of the link");
	look_line(s, "endpoint %s dev=%s %016llx flags=%x class=%u ingress=%u egress=%u", addr,
	          look_link(e->ifindex),
	          (unsigned long long)look_hash(look_hash(LOOK_HASH, e->mac, 6), e->host_mac, 6),
	          e->flags, slot->class, slot->ingress, slot->egress);
}

/* The whole table is one value. */
static struct endpoint_bucket *read_endpoints(int fd, size_t *ret_n)
{
	struct bpf_map_info info = { 0 };
	union bpf_attr attr = {
		.info.bpf_fd = (uint32_t)fd,
		.info.info_len = sizeof(info),
		.info.info = (uint64_t)(uintptr_t)&info,
	};
	struct endpoint_bucket *v;
	uint32_t zero = 0;

	if (sys_bpf(BPF_OBJ_GET_INFO_BY_FD, &attr) < 0)
		return NULL;
	v = malloc(info.value_size);
	*ret_n = info.value_size / sizeof(*v);
	if (v && map_element(BPF_MAP_LOOKUP_ELEM, fd, &zero, v) == 0)
		return v;
	free(v);
	return NULL;
}

void look_bpf(struct state *s)
{
	int fd = map_get(CNIDA_BPF_DIR "/endpoint");
	struct endpoint_bucket *v;
	uint32_t parity;
	size_t n = 0;

	if (fd < 0)
		return;
	parity = look_image(s);
	v = read_endpoints(fd, &n);
	if (!v)
		look_line(s, "endpoints cannot be read");
	for (size_t i = 0; v && i < n; i++) {
		for (unsigned int k = 0; k < TAGS_WAYS; k++) {
			const struct endpoint_place *p = &v[i].place[k];

			if (v[i].tags >> (8 * k) & 0xff)
				look_endpoint(&p->key, &p->endpoint, parity, s);
		}
	}
	free(v);
	close(fd);
}
