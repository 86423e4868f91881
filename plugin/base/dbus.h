/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dbus.h - calls over the system bus, as far as a service with a few methods needs them
 *
 * A connection of our own, since a plugin lives for a millisecond: libdbus and sd-bus bring in more code than the whole plugin
 * has, and Debian has neither for musl. Arguments are strings, answers a string, a boolean or nothing. No file descriptors,
 * no signals, no services started on our behalf.
 *
 * What the bus sends is bounded and checked like any input, and everything together has one deadline.
 */
#ifndef CNIDA_BASE_DBUS_H
#define CNIDA_BASE_DBUS_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

#define DBUS_MESSAGE_MAX 16384 /* bytes of a message that we take; longer ones end the connection */
#define DBUS_ARGS_MAX    4

struct dbus {
	int fd; /* -1 when closed */
	uint32_t serial;
	long long deadline_ms; /* of the monotonic clock */
	size_t len;            /* bytes that were read and not used yet */
	_Alignas(8) uint8_t buf[DBUS_MESSAGE_MAX];
};

struct dbus_call {
	const char *destination, *path, *interface, *member;
	const char *args[DBUS_ARGS_MAX]; /* NULL ends them */
};

struct dbus_answer {
	char error[128]; /* name of the error; "" for a success */
	char text[256];  /* the first string of the answer, cut off; "" if it is none */
	bool yes;        /* the answer is a boolean, and true */
};

/**
 * dbus_open() - Connect to the system bus as the effective user
 * @timeout_ms:	for this and all calls together
 *
 * Return: 0; -ENOENT WITHOUT filling @e if there is no bus; another -errno for one that does not take us.
 */
int dbus_open(struct dbus *d, unsigned int timeout_ms, struct err *e);
void dbus_close(struct dbus *d);
#define _cleanup_dbus_ __attribute__((cleanup(dbus_close)))

/* dbus_do() - Call and wait for the answer. 0 also if that is an error of the other side; -errno if there is none in time. */
int dbus_do(struct dbus *d, const struct dbus_call *call, struct dbus_answer *ret, struct err *e);

#endif
