/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * check_rows.h - what check.c attaches, breaks, changes and lies about
 *
 * Commands get what the pod has in their environment: NS, ID, HOST, HOST_MAC, BR_MAC, MAC, IP4, IP6 and CNIDA.
 */
#ifndef CNIDA_TEST_CHECK_ROWS_H
#define CNIDA_TEST_CHECK_ROWS_H

#define STORE "/run/check"

/* What a kind has, and what a mutation needs. */
enum {
	BRIDGE = 1,
	PTP = 2,
	V6 = 4,
	FLAGS = 8, /* hairpin and isolation on */
	SPOOF = 16,
	MASQ = 32,
	PROMISC = 64,
};

struct kind {
	const char *type, *name;
	int has;
	const char *keys;
};
extern const struct kind check_kinds[];

/* @wrong: pattern of the message. @repair: NULL for what only a new pod repairs, "+command" for a command and a new
 * pod. */
struct mutation {
	const char *name;
	int needs;
	const char *command, *repair, *wrong;
};
extern const struct mutation check_mutations[];

/* What may be changed without a complaint: by later plugins of the chain, by the pod, by an administrator. @from, @to: a
 * text of the previous result that changes with it. */
struct change {
	const char *name;
	int needs;
	const char *command, *back;
	const char *from, *to; /* in the previous result; $MAC and $IP4 are known there */
};
extern const struct change check_changes[];

/* A previous result that is about something else. */
struct lie {
	const char *name;
	int needs;
	const char *from, *to, *wrong;
};
extern const struct lie check_lies[];

/* Keys of configurations that must pass CHECK right after ADD. Ends with NULL, the others with a row without a name. */
extern const char *const check_at_once[];

#endif
