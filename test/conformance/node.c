/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * node.c - a node for one check: namespaces of its own, empty folders, a loopback interface
 *
 * The check runs as the first process of a PID namespace, whose parent it follows into death: so whatever kills the runner,
 * the kernel ends every process of the node, and with the last of them its links, rules, mounts and files.
 */
#include "test/conformance/run.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PLUGINS "/run/.plugins"

static void mount_or_die(const char *what, const char *where, const char *type, unsigned long flags,
                         const char *options)
{
	if (mount(what, where, type, flags, options) < 0)
		die("node: %s: %s", where, strerror(errno));
}

/* A folder that the machine does not have is made in an overlay of its parent, not on the machine. */
static void make_folder(const char *path, unsigned int n)
{
	char parent[64], upper[32], work[32], options[192];
	struct stat st;

	if (stat(path, &st) == 0)
		return;
	(void)snprintf(parent, sizeof(parent), "%.*s", (int)(strrchr(path, '/') - path), path);
	(void)snprintf(upper, sizeof(upper), "/run/.upper%u", n);
	(void)snprintf(work, sizeof(work), "/run/.work%u", n);
	(void)snprintf(options, sizeof(options), "lowerdir=%s,upperdir=%s,workdir=%s", parent,
	               upper, work);
	(void)mkdir(upper, 0755);
	(void)mkdir(work, 0755);
	mount_or_die("overlay", parent, "overlay", 0, options);
	if (mkdir(path, 0755) < 0)
		die("node: %s: %s", path, strerror(errno));
}

static void loopback_up(void)
{
	struct ifreq ifr = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &ifr) < 0)
		die("node: lo: %s", strerror(errno));
	close(fd);
}

void dad_off(void)
{
	static const char *const files[] = { "/proc/sys/net/ipv6/conf/all/accept_dad",
		                             "/proc/sys/net/ipv6/conf/default/accept_dad" };

	for (size_t i = 0; i < 2; i++) {
		int fd = open(files[i], O_WRONLY | O_CLOEXEC);

		if (fd < 0)
			continue; /* a kernel without IPv6 */
		(void)!write(fd, "0", 1);
		close(fd);
	}
}

static void make_node(int plugins)
{
	/* Overlays come first: one that came later would hide what is mounted below it. */
	static const char *const fresh[] = { "/var/lib/cni", "/var/lib/cnida", "/etc/cni" };
	char from[64];

	mount_or_die(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
	mount_or_die("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	mount_or_die("tmpfs", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755");
	mount_or_die("sysfs", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	for (unsigned int i = 0; i < 3; i++)
		make_folder(fresh[i], i);
	for (size_t i = 0; i < 3; i++)
		mount_or_die("tmpfs", fresh[i], "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755");
	(void)mkdir("/run/lock", 0755);
	(void)mkdir(POD_NETNS_DIR, 0755);
	(void)mkdir(PLUGINS, 0755);
	(void)snprintf(from, sizeof(from), "/proc/self/fd/%d", plugins);
	mount_or_die(from, PLUGINS, NULL, MS_BIND, NULL);
	loopback_up();
	dad_off();
}

/* Ends with the code of the node's first process. */
static _Noreturn void wait_for(pid_t pid)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : RUN_BROKEN);
}

const char *node_enter(const char *plugins)
{
	pid_t pid;
	int fd;

	if (unshare(CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWPID) < 0)
		die("node: new namespaces: %s", strerror(errno));
	pid = fork();
	if (pid < 0)
		die("node: fork: %s", strerror(errno));
	if (pid > 0)
		wait_for(pid);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* Opened before something is mounted over it, and in this namespace, or it could not be bound. */
	fd = open(plugins, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		die("%s: %s", plugins, strerror(errno));
	make_node(fd);
	close(fd);
	return PLUGINS;
}
