/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * request.h - what the runtime asks: CNI_* environment and network configuration on stdin
 *
 * The order of validation, the codes and the texts are those of upstream's pkg/skel, which every
 * runtime has been tested against (CNI specification 1.1.0, sections "CNI operations" and "Error").
 */
#ifndef CNIDA_SPEC_REQUEST_H
#define CNIDA_SPEC_REQUEST_H

#include "base/err.h"
#include "spec/version.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum cni_verb { CNI_ADD, CNI_CHECK, CNI_DEL, CNI_GC, CNI_STATUS, CNI_VERSION };

/* cni_verb_str() - "ADD" ... "VERSION". */
const char *cni_verb_str(enum cni_verb verb);

struct result;

struct request {
	enum cni_verb verb;
	const char *type; /* CNI type that was called; set by the caller */
	/* Hands ADD's result to the runtime; set by the caller. A type with something to lose calls it as its last
	 * step, so that a result that cannot be said or delivered is undone like any other failure. */
	int (*answer)(const struct request *req, const struct result *res, struct err *e);
	/* From the environment; "" when absent, never NULL. Validated for the verbs that need them. */
	const char *container_id;
	const char *netns;
	const char *ifname;
	const char *args; /* CNI_ARGS as it came */
	const char *path; /* CNI_PATH */
	bool netns_override;
	/* From stdin; unset for VERSION. */
	char *text; /* the exact bytes, to be handed to delegated plugins */
	size_t text_len;
	json_t *config;
	enum cni_version version; /* of the configuration; CNI_VERSION_CURRENT until it is known */
	const char *network;      /* its "name" */
	/* Borrowed from config, NULL if absent. Of any type: result_parse() judges it, and how bad a
	 * garbled one is depends on the verb. */
	json_t *prev_result;
	/* GC: "cni.dev/valid-attachments" (or the legacy "cni.dev/attachments"), borrowed; NULL if absent,
	 * which is not the same as []. An array of objects, each with the texts containerID and ifname. */
	json_t *valid_attachments;
};

/**
 * request_verb() - Read CNI_COMMAND
 * @ret:	the verb
 *
 * Return: 1 if it is set, 0 if it is absent or empty (the caller prints what it is and exits 0),
 * -EINVAL with code 4 "unknown CNI_COMMAND: X".
 */
int request_verb(enum cni_verb *ret, struct err *e);

/**
 * request_read() - Read and validate environment and stdin for a verb
 * @fd:		where the configuration comes from; read to its end, at most JSON_TEXT_MAX bytes;
 *		not touched for VERSION
 * @min:	oldest version that this type supports (bandwidth: 0.3.0, firewall: 0.4.0, else 0.1.0)
 * @ret:	filled on success; free with request_free(). Also filled as far as known on failure
 *		(ret->version for the cniVersion of the error document: CNI_VERSION_CURRENT until known)
 *
 * CHECK needs a configuration of 0.4.0, GC and STATUS one of 1.1.0. The check that CNI_NETNS is not our own
 * namespace is the caller's (kernel/netns.h), before it acts.
 */
int request_read(int fd, enum cni_verb verb, enum cni_version min, struct request *ret,
                 struct err *e);
void request_free(struct request *r);

/* request_id_valid(), request_ifname_valid() - The specification's rules for container IDs and network names
 * (^[a-zA-Z0-9][a-zA-Z0-9_.-]*$) and for interface names. */
bool request_id_valid(const char *id);
bool request_ifname_valid(const char *name, const char **ret_why);

/* A key=value of CNI_ARGS. */
struct cni_arg {
	char key[64];
	char value[256];
};
#define CNI_ARGS_MAX 32

struct cni_args {
	struct cni_arg v[CNI_ARGS_MAX];
	size_t n;
};

/**
 * cni_args_parse() - Split CNI_ARGS ("K=V;K=V", any order)
 * @known:	keys that the plugin uses (case-sensitive, NULL-terminated); others are an error
 *		(`ARGS: unknown args ["K=V"]`) unless IgnoreUnknown is 1 or true; all pairs are kept in @ret,
 *		except unknown ones that do not fit
 *
 * Return: 0 or -EINVAL with code 999, as upstream (`ARGS: invalid pair "x"`; a value may not contain '='; more than
 * CNI_ARGS_MAX pairs; a known key with a value that does not fit).
 */
int cni_args_parse(const char *text, const char *const known[], struct cni_args *ret,
                   struct err *e);
/* cni_args_get() - Value of a key or NULL. */
const char *cni_args_get(const struct cni_args *args, const char *key);

#endif
