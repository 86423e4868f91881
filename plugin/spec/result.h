/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * result.h - a CNI result as values, read from and written in any of the seven versions
 *
 * In memory there is one form, that of 1.1.0. Reading an older document lifts it; writing for an older
 * version drops what that version cannot say (0.1.0 and 0.2.0: one address per family, no interfaces; up
 * to 0.4.0: "version" on addresses, no mtu, socketPath and pciID). Text fields borrow from @doc.
 */
#ifndef CNIDA_SPEC_RESULT_H
#define CNIDA_SPEC_RESULT_H

#include "base/err.h"
#include "base/ip.h"
#include "spec/version.h"

#include <jansson.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#define RESULT_IFACES_MAX 16
#define RESULT_IPS_MAX    32
#define RESULT_ROUTES_MAX 128

struct result_iface {
	char name[IFNAMSIZ];
	char mac[64];        /* text as given (InfiniBand: 59 characters); "" if absent */
	uint32_t mtu;        /* 0 if absent */
	const char *sandbox; /* netns path; NULL if absent */
	const char *socket_path;
	const char *pci_id;
};

struct result_ip {
	struct ip_prefix address;
	struct ip_addr gateway; /* AF_UNSPEC if absent */
	int iface; /* index into ifaces, -1 if absent; result_parse() lets no other value through */
};

struct result_route {
	struct ip_prefix dst;
	struct ip_addr gw; /* AF_UNSPEC if absent */
	uint32_t mtu;      /* 0 if absent */
	uint32_t advmss;   /* 0 if absent */
	bool has_priority, has_table, has_scope;
	uint32_t priority, table;
	uint8_t scope;
};

struct result {
	struct result_iface ifaces[RESULT_IFACES_MAX];
	size_t n_ifaces;
	struct result_ip ips[RESULT_IPS_MAX];
	size_t n_ips;
	struct result_route routes[RESULT_ROUTES_MAX];
	size_t n_routes;
	json_t *dns; /* object with nameservers, domain, search, options; owned; NULL if none */
	json_t *doc; /* what the text fields borrow from; owned reference; NULL if they are static */
};

/**
 * result_parse() - Read a result document
 * @doc:	borrowed; a reference is kept
 * @config:	version to assume when the document names none
 *
 * What an older version cannot say (mtu of an interface, say) is ignored when it is there all the same.
 * An "interface" of an address is dropped if the document has no interfaces at all (an IPAM plugin that
 * sends 0), and is an error if it is outside them.
 *
 * Return: 0, or -EINVAL: code 6 for what cannot be decoded, with the key and value; a cniVersion outside
 * the seven is code 1. Too many entries are -E2BIG, code 7 with the bound. @ret is an empty result then.
 * Messages begin with the key ("ips[0].address: ..."); where the document came from is the caller's to
 * put in front, for instance err_wrap(e, "could not parse prevResult").
 */
int result_parse(json_t *doc, enum cni_version config, struct result *ret, struct err *e);

/**
 * result_build() - Write a result for a version, with its cniVersion
 * @ret:	new reference; keys in upstream's order for the versions before 1.0.0 ("dns": {} always there),
 *		to be dumped sorted from 1.0.0 on
 *
 * Return: 0, or -EINVAL "cannot convert: no valid IP addresses" for 0.1.0 and 0.2.0 without an address,
 * -ENOMEM (also for text that is not UTF-8).
 */
int result_build(const struct result *r, enum cni_version v, json_t **ret, struct err *e);

/* result_text() - result_build() and jdump(): what goes to stdout. *ret is for jfree(). */
int result_text(const struct result *r, enum cni_version v, char **ret, struct err *e);

/* route_parse() - One element of a "routes" list ({dst, gw, mtu, advmss, priority, table, scope}), also used
 * for IPAM configurations. @path as in base/json.h; errors are code 7. */
int route_parse(const json_t *obj, const char *path, struct result_route *ret, struct err *e);

/* dns_parse() - A "dns" object, of a result or of a configuration, reduced to its four keys. *ret is a new
 * reference, or NULL if nothing is in it. Errors are code 7, @path as in base/json.h. */
int dns_parse(const json_t *obj, const char *path, json_t **ret, struct err *e);

/* result_init() - An empty result. result_free() - Drop the references; the object is empty afterwards. */
void result_init(struct result *r);
void result_free(struct result *r);

/* result_copy() - @dst becomes a copy of @src with references of its own. */
void result_copy(struct result *dst, const struct result *src);

#endif
