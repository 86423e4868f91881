/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * err.h - errors as values: what went wrong, with a CNI code, an errno and a text
 *
 * The caller owns a struct err on its stack and passes it down; nothing is allocated, so running
 * out of memory can be reported too. A function that can fail takes it as its last parameter,
 * returns 0 (or a positive value of its own) on success and -errno on failure, and fills the
 * object exactly when it fails. Each layer may put its own context in front once, with err_wrap().
 */
#ifndef CNIDA_BASE_ERR_H
#define CNIDA_BASE_ERR_H

#include <stddef.h>

/* Error codes of the CNI specification 1.1.0, section "Error"; 999 is upstream's "internal". */
enum cni_code {
	CNI_E_NONE = 0,
	CNI_E_VERSION = 1,           /* incompatible CNI version */
	CNI_E_UNSUPPORTED_FIELD = 2, /* the message names the key and the value */
	CNI_E_UNKNOWN_CONTAINER = 3, /* the runtime need not clean up */
	CNI_E_ENV = 4,               /* the message names the variables */
	CNI_E_IO = 5,                /* for instance: stdin could not be read */
	CNI_E_DECODE = 6,            /* malformed JSON */
	CNI_E_CONFIG = 7,            /* the network configuration does not hold */
	CNI_E_NETNS = 8,             /* the network namespace does not hold */
	CNI_E_TRY_AGAIN = 11,        /* a transient condition: a lock, a busy resource */
	CNI_E_NOT_AVAILABLE = 50,    /* STATUS: cannot serve ADD */
	CNI_E_LIMITED = 51,          /* STATUS: nor may running containers be well connected */
	CNI_E_INTERNAL = 999,
};

#define ERR_MSG_MAX     1024
#define ERR_DETAILS_MAX 512

struct err {
	int code;                      /* enum cni_code */
	int no;                        /* errno value (positive), 0 if there is none */
	char msg[ERR_MSG_MAX];         /* always terminated; cut off with "..." when too long */
	char details[ERR_DETAILS_MAX]; /* may be empty */
};

/**
 * err_set() - Fill an error
 * @e:		error to fill (whatever it held is overwritten)
 * @code:	enum cni_code
 * @no:		errno value, positive, or 0 when no system call is behind the error; its text is
 *		NOT appended by itself
 *
 * Return: -@no, or -EINVAL if @no is 0, so that "return err_set(...)" is the whole failing line.
 */
int err_set(struct err *e, int code, int no, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/**
 * err_text() - What an errno value means, in glibc's words whatever the C library is: use it instead of strerror()
 *
 * Return: a constant text, or for a rare value one that is valid until the next call.
 */
const char *err_text(int no);

/**
 * err_sys() - Fill an error for a failed system call: like err_set() with ": err_text(no)" appended
 *
 * The code is CNI_E_INTERNAL, except ENOMEM, EAGAIN, EBUSY and ETIMEDOUT: CNI_E_TRY_AGAIN.
 */
int err_sys(struct err *e, int no, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* err_details() - Set the "details" text of an error that is filled already. Returns -e->no or -EINVAL. */
int err_details(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/**
 * err_wrap() - Put "context: " in front of the message of an error that is filled already
 *
 * Return: the value that the failing function returned (-e->no or -EINVAL).
 */
int err_wrap(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/*
 * What every one of them returns is negative. Said here in a way that compilers and analysers understand, so that they
 * see, too, that "return err_set(...)" is the failing path. Each macro calls the function of its own name.
 */
static inline int err_negative(int r)
{
	if (r >= 0)
		__builtin_unreachable();
	return r;
}

#define err_set(...)     err_negative((err_set)(__VA_ARGS__))
#define err_sys(...)     err_negative((err_sys)(__VA_ARGS__))
#define err_details(...) err_negative((err_details)(__VA_ARGS__))
#define err_wrap(...)    err_negative((err_wrap)(__VA_ARGS__))

#endif
