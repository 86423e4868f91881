/* SPDX-License-Identifier: GPL-2.0-or-later */
/* call.c - a system call of a stopped process in a few words, for messages */
#include "test/crash/fault.h"

#include <ctype.h>
#include <linux/netlink.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum shape {
	NUMBERS,    /* first two arguments */
	DESCRIPTOR, /* and of what */
	PATH0,      /* the path is argument 0 */
	PATH1,
	PATH3,
	BYTES,   /* descriptor, bytes, length */
	NETLINK, /* the same, but perhaps a netlink message */
	COMMAND, /* descriptor, number in hex */
};

#define CALL(name, shape)                \
	{                                \
		SYS_##name, #name, shape \
	}

static const struct known {
	unsigned long nr;
	const char *name;
	enum shape shape;
} known[] = {
#ifdef SYS_open
	CALL(open, PATH0),
	CALL(stat, PATH0),
	CALL(lstat, PATH0),
	CALL(access, PATH0),
	CALL(mkdir, PATH0),
	CALL(rmdir, PATH0),
	CALL(unlink, PATH0),
	CALL(rename, PATH0),
	CALL(readlink, PATH0),
	CALL(chmod, PATH0),
	CALL(poll, NUMBERS),
	CALL(dup2, NUMBERS),
	CALL(arch_prctl, NUMBERS),
#endif
	CALL(openat, PATH1),
	CALL(newfstatat, PATH1),
	CALL(faccessat, PATH1),
	CALL(mkdirat, PATH1),
	CALL(unlinkat, PATH1),
	CALL(renameat, PATH1),
	CALL(renameat2, PATH1),
	CALL(readlinkat, PATH1),
	CALL(linkat, PATH3),
	CALL(statfs, PATH0),
	CALL(mount, PATH1),
	CALL(fsetxattr, PATH1),
	CALL(fgetxattr, PATH1),
	CALL(getxattr, PATH0),
	CALL(statx, PATH1),
	CALL(fstat, NUMBERS),
	CALL(fstatfs, NUMBERS),
	CALL(read, DESCRIPTOR),
	CALL(readv, DESCRIPTOR),
	CALL(pread64, DESCRIPTOR),
	CALL(write, BYTES),
	CALL(writev, DESCRIPTOR),
	CALL(pwrite64, BYTES),
	CALL(ftruncate, NUMBERS),
	CALL(fallocate, NUMBERS),
	CALL(fsync, DESCRIPTOR),
	CALL(fdatasync, DESCRIPTOR),
	CALL(syncfs, NUMBERS),
	CALL(close, DESCRIPTOR),
	CALL(fcntl, NUMBERS),
	CALL(flock, DESCRIPTOR),
	CALL(fchmod, NUMBERS),
	CALL(fchown, NUMBERS),
	CALL(lseek, NUMBERS),
	CALL(ioctl, COMMAND),
	CALL(getdents64, DESCRIPTOR),
	CALL(utimensat, NUMBERS),
	CALL(mmap, NUMBERS),
	CALL(munmap, NUMBERS),
	CALL(mprotect, NUMBERS),
	CALL(mremap, NUMBERS),
	CALL(madvise, NUMBERS),
	CALL(brk, NUMBERS),
	CALL(socket, NUMBERS),
	CALL(bind, NUMBERS),
	CALL(connect, NUMBERS),
	CALL(getsockname, NUMBERS),
	CALL(setsockopt, NUMBERS),
	CALL(getsockopt, NUMBERS),
	CALL(sendto, NETLINK),
	CALL(sendmsg, NUMBERS),
	CALL(recvfrom, NUMBERS),
	CALL(recvmsg, NUMBERS),
	CALL(ppoll, NUMBERS),
	CALL(bpf, NUMBERS),
	CALL(setns, NUMBERS),
	CALL(unshare, NUMBERS),
	CALL(getrandom, NUMBERS),
	CALL(clock_gettime, NUMBERS),
	CALL(clock_nanosleep, NUMBERS),
	CALL(nanosleep, NUMBERS),
	CALL(getpid, NUMBERS),
	CALL(gettid, NUMBERS),
	CALL(geteuid, NUMBERS),
	CALL(getuid, NUMBERS),
	CALL(umask, NUMBERS),
	CALL(uname, NUMBERS),
	CALL(getrlimit, NUMBERS),
	CALL(setrlimit, NUMBERS),
	CALL(prlimit64, NUMBERS),
	CALL(sched_yield, NUMBERS),
	CALL(sigaltstack, NUMBERS),
	CALL(rt_sigaction, NUMBERS),
	CALL(rt_sigprocmask, NUMBERS),
	CALL(rt_sigreturn, NUMBERS),
	CALL(set_tid_address, NUMBERS),
	CALL(futex, NUMBERS),
	CALL(exit_group, NUMBERS),
};

static size_t copy_from(int pid, unsigned long addr, void *ret, size_t size)
{
	struct iovec to = { ret, size }, from = { (void *)addr, size };
	ssize_t n = process_vm_readv(pid, &to, 1, &from, 1, 0);

	return n > 0 ? (size_t)n : 0;
}

/* A string that may end at the end of a page. */
static void text_at(int pid, unsigned long addr, size_t max, char ret[static 80])
{
	const size_t page = 4096 - addr % 4096;
	size_t n = max < 79 ? max : 79;

	n = copy_from(pid, addr, ret, n < page ? n : page);
	ret[n] = '\0';
	for (char *p = ret; *p; p++)
		*p = isprint((unsigned char)*p) ? *p : '.';
}

static bool netlink_at(int pid, unsigned long addr, size_t len, char *ret, size_t size)
{
	struct nlmsghdr h;

	if (len < sizeof(h) || copy_from(pid, addr, &h, sizeof(h)) != sizeof(h) ||
	    h.nlmsg_len < sizeof(h) || h.nlmsg_len > len)
		return false;
	/* A transaction of nf_tables: its first message says more than its header. */
	if (h.nlmsg_type == NLMSG_MIN_TYPE && len >= h.nlmsg_len + sizeof(h))
		(void)copy_from(pid, addr + h.nlmsg_len, &h, sizeof(h));
	snprintf(ret, size, "netlink type 0x%x flags 0x%x, %zu bytes", h.nlmsg_type, h.nlmsg_flags,
	         len);
	return true;
}

/* What a descriptor is of: a path, or "socket:[1234]" without the number, which is another one each time. */
static void target_of(int pid, unsigned long fd, char ret[static 80])
{
	char link[48];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/%d/fd/%lu", pid, fd);
	n = readlink(link, ret, 79);
	ret[n > 0 ? n : 0] = '\0';
	if (ret[0] != '/')
		ret[strcspn(ret, ":")] = '\0';
}

void call_describe(int pid, unsigned long nr, const unsigned long args[static 6], char *ret,
                   size_t size)
{
	char text[80] = "";
	const struct known *k = NULL;

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		k = known[i].nr == nr ? &known[i] : k;
	if (!k) {
		snprintf(ret, size, "system call %lu(0x%lx, 0x%lx)", nr, args[0], args[1]);
		return;
	}
	switch (k->shape) {
	case PATH0:
	case PATH1:
	case PATH3:
		text_at(pid, args[k->shape == PATH0 ? 0 : k->shape == PATH1 ? 1 : 3], 79, text);
		snprintf(ret, size, "%s(\"%s\")", k->name, text);
		break;
	case NETLINK:
		if (netlink_at(pid, args[1], args[2], text, sizeof(text))) {
			snprintf(ret, size, "%s(%ld, %s)", k->name, (long)args[0], text);
			break;
		}
		__attribute__((fallthrough));
	case BYTES:
		text_at(pid, args[1], args[2], text);
		snprintf(ret, size, "%s(%ld, \"%.40s\", %lu)", k->name, (long)args[0], text,
		         args[2]);
		break;
	case COMMAND:
		snprintf(ret, size, "%s(%ld, 0x%lx)", k->name, (long)args[0], args[1]);
		break;
	case DESCRIPTOR:
		target_of(pid, args[0], text);
		snprintf(ret, size, "%s(%ld, %ld) of %s", k->name, (long)args[0], (long)args[1],
		         text[0] ? text : "nothing");
		break;
	case NUMBERS:
		snprintf(ret, size, "%s(%ld, %ld)", k->name, (long)args[0], (long)args[1]);
		break;
	}
}
