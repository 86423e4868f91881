/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ip.h - addresses and prefixes of both families in one type
 *
 * Bytes are in network order always. Text is what Go's net.IP prints, since it is an ABI (the names
 * of host-local's files): IPv6 after RFC 5952, IPv4-mapped addresses as IPv4.
 */
#ifndef CNIDA_BASE_IP_H
#define CNIDA_BASE_IP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#define IP_STR_MAX     46 /* an address as text, with its NUL */
#define PREFIX_STR_MAX 50 /* an address, a slash and a length, with its NUL */

struct ip_addr {
	sa_family_t family; /* AF_INET, AF_INET6, or AF_UNSPEC for "no address" */
	uint8_t bytes[16];  /* network order; IPv4 uses the first four, the rest is zero */
};

struct ip_prefix {
	struct ip_addr addr; /* may have host bits: "10.1.2.3/24" keeps the 3 */
	uint8_t len;         /* 0..32 or 0..128 */
};

/* ip_is_set() - False for AF_UNSPEC. */
static inline bool ip_is_set(const struct ip_addr *a)
{
	return a->family != AF_UNSPEC;
}

/* ip_bits() - Width of the family: 32 or 128. */
unsigned int ip_bits(sa_family_t family);
/* ip_size() - Bytes of the family: 4 or 16. */
size_t ip_size(sa_family_t family);

/* ip_parse() - Strict text to address, Go's rules (no leading zeros in IPv4, no zone). False if it is none. */
bool ip_parse(const char *text, struct ip_addr *ret);
/* ip_format() - Address to text; returns buf. "" for AF_UNSPEC. */
const char *ip_format(const struct ip_addr *a, char buf[static IP_STR_MAX]);

/* ip_cmp() - <0, 0, >0; IPv4 sorts before IPv6. */
int ip_cmp(const struct ip_addr *a, const struct ip_addr *b);
bool ip_eq(const struct ip_addr *a, const struct ip_addr *b);
/* ip_next(), ip_prev() - The neighbour; wraps around at the end of the family's space. */
struct ip_addr ip_next(const struct ip_addr *a);
struct ip_addr ip_prev(const struct ip_addr *a);
bool ip_is_loopback(const struct ip_addr *a);
bool ip_is_multicast(const struct ip_addr *a);
bool ip_is_unspecified(const struct ip_addr *a); /* 0.0.0.0 or :: */
bool ip_is_link_local(const struct ip_addr *a);  /* 169.254/16 or fe80::/10 */

/* prefix_parse() - "addr/len"; host bits are kept. False if it is none. */
bool prefix_parse(const char *text, struct ip_prefix *ret);
/* prefix_format() - Returns buf, with the host bits that the prefix has. */
const char *prefix_format(const struct ip_prefix *p, char buf[static PREFIX_STR_MAX]);
/* prefix_network(), prefix_last() - First and last address of the prefix. */
struct ip_addr prefix_network(const struct ip_prefix *p);
struct ip_addr prefix_last(const struct ip_prefix *p);
/* prefix_contains() - False for an address of the other family. */
bool prefix_contains(const struct ip_prefix *p, const struct ip_addr *a);
bool prefix_overlaps(const struct ip_prefix *p, const struct ip_prefix *q);
/* prefix_is_default() - 0.0.0.0/0 or ::/0. */
bool prefix_is_default(const struct ip_prefix *p);
/* prefix_host() - The address as a /32 or /128. */
struct ip_prefix prefix_host(const struct ip_addr *a);

#define MAC_STR_MAX 18
/* mac_parse() - Six colon- or dash-separated hex pairs. */
bool mac_parse(const char *text, uint8_t ret[static 6]);
/* mac_format() - Lower case with colons; returns buf. */
const char *mac_format(const uint8_t mac[static 6], char buf[static MAC_STR_MAX]);

#endif
