/* SPDX-License-Identifier: GPL-2.0-or-later */
/* topology_tools.c - programs, namespaces, sysctls, and waiting until links work */
#include "test/policy/topology_tools.h"

#include "test/lib/plugin_exec.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <net/if.h>
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <time.h>
#include <unistd.h>

#define REACH_MS 5000

void broken(const char *fmt, ...)
{
	va_list ap;

	fputs("policy-matrix: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	_exit(TOPOLOGY_BROKEN);
}

double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* ---- programs ------------------------------------------------------------------------------------ */

int run_program(const char *in, const char *const argv[], char **ret_said)
{
	const struct plugin_call call = {
		.path = argv[0],
		.argv = argv,
		.in = in,
		.in_len = in ? strlen(in) : 0,
		.deadline_ms = 20000,
	};
	struct plugin_run run;
	int r = plugin_exec(&call, &run), rc;

	if (r < 0)
		broken("%s: %s", argv[0], strerror(-r));
	rc = run.signal ? 128 + run.signal : run.rc;
	if (ret_said && asprintf(ret_said, "%s%s", run.err, run.out) < 0)
		broken("no memory");
	plugin_run_free(&run);
	return rc;
}

void run_tool(const char *in, const char *const argv[])
{
	char *said;
	int rc = run_program(in, argv, &said);

	if (rc)
		broken("%s ended with %d: %sits input: %.2000s", argv[0], rc, said, in ? in : "");
	free(said);
}

void ip_batch(const char *batch)
{
	run_tool(batch, (const char *const[]) { "/sbin/ip", "-batch", "-", NULL });
}

const char *topology_plugins(void)
{
	static char path[PATH_MAX], dir[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 16);

	if (n < 0)
		broken("/proc/self/exe: %s", strerror(errno));
	path[n] = '\0';
	for (int i = 0; i < 2; i++)
		*strrchr(path, '/') = '\0';
	strcat(path, "/bin");
	return realpath(path, dir) ? dir : path;
}

/* ---- namespaces ---------------------------------------------------------------------------------- */

void topology_enter(int netns)
{
	static int here = -1;

	if (netns == here)
		return;
	if (setns(netns, CLONE_NEWNET) < 0)
		broken("setns: %s", strerror(errno));
	here = netns;
}

void write_sysctl(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		broken("%s: %s", path, strerror(errno));
	close(fd);
}

/* For the links to come. */
void quiet_ipv6(void)
{
	write_sysctl("/proc/sys/net/ipv6/conf/default/accept_dad", "0");
	write_sysctl("/proc/sys/net/ipv6/conf/default/accept_ra", "0");
	write_sysctl("/proc/sys/net/ipv6/conf/default/router_solicitations", "0");
}

/*
 * A neighbour that does not answer the first question, because a work queue of the kernel has not joined it to its
 * multicast group yet, is asked again after 15 ms instead of a second. For all links that the namespace has.
 */
void impatient(void)
{
	static const char *const dirs[] = { "/proc/sys/net/ipv4/neigh",
		                            "/proc/sys/net/ipv6/neigh" };

	for (size_t i = 0; i < 2; i++) {
		DIR *dir = opendir(dirs[i]);
		const struct dirent *d;

		while (dir && (d = readdir(dir))) {
			char path[512];

			if (d->d_name[0] == '.')
				continue;
			snprintf(path, sizeof(path), "%s/%s/retrans_time_ms", dirs[i], d->d_name);
			write_sysctl(path, "15");
			snprintf(path, sizeof(path), "%s/%s/mcast_solicit", dirs[i], d->d_name);
			write_sysctl(path, "10");
		}
		if (dir)
			closedir(dir);
	}
}

void forwarding(void)
{
	write_sysctl("/proc/sys/net/ipv4/ip_forward", "1");
	write_sysctl("/proc/sys/net/ipv6/conf/all/forwarding", "1");
}

void loopback_up(void)
{
	struct ifreq ifr = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &ifr) < 0)
		broken("lo: %s", strerror(errno));
	close(fd);
}

int open_netns(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		broken("%s: %s", path, strerror(errno));
	return fd;
}

int new_netns(const char *name, struct pod *pod)
{
	int r = pod_create(name, pod);

	if (r < 0)
		broken("namespace %s: %s", name, strerror(-r));
	return open_netns(pod->netns);
}

void fresh_mount(const char *type, const char *dir)
{
	if (mount(type, dir, type, MS_NOSUID | MS_NODEV, type[0] == 't' ? "mode=0755" : NULL) < 0)
		broken("%s: %s", dir, strerror(errno));
}

/* ---- addresses -------------------------------------------------------------------------------- */

bool parse_address(const char *s, union address *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (inet_pton(AF_INET, s, &ret->v4.sin_addr) == 1)
		ret->sa.sa_family = AF_INET;
	else if (inet_pton(AF_INET6, s, &ret->v6.sin6_addr) == 1)
		ret->sa.sa_family = AF_INET6;
	else
		return false;
	return true;
}

const char *address_text(const union address *a, char buf[INET6_ADDRSTRLEN])
{
	const bool v6 = a->sa.sa_family == AF_INET6;

	return inet_ntop(a->sa.sa_family,
	                 v6 ? (const void *)&a->v6.sin6_addr : (const void *)&a->v4.sin_addr, buf,
	                 INET6_ADDRSTRLEN);
}

/* ---- waiting for links --------------------------------------------------------------------------- */

static bool echo_answers(int fd, const union address *to)
{
	const bool v6 = to->sa.sa_family == AF_INET6;
	struct icmphdr echo = { .type = v6 ? ICMP6_ECHO_REQUEST : ICMP_ECHO };
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char buf[256];
	ssize_t n;

	/* Over 16-bit words that are zero but for the type. The kernel does it for ICMPv6. */
	echo.checksum = v6 ? 0 : htons((uint16_t) ~(ICMP_ECHO << 8));
	(void)!sendto(fd, &echo, sizeof(echo), 0, &to->sa, v6 ? sizeof(to->v6) : sizeof(to->v4));
	while (poll(&p, 1, 5) == 1 && (n = recv(fd, buf, sizeof(buf), 0)) > 0) {
		const size_t skip = v6 ? 0 : (size_t)(buf[0] & 0xf) * 4;

		if ((size_t)n > skip && buf[skip] == (char)(v6 ? ICMP6_ECHO_REPLY : ICMP_ECHOREPLY))
			return true;
	}
	return false;
}

/*
 * Between namespaces that no policy stands between: a link whose other end was set up a moment ago drops packets, and
 * has no link-local route, until a work queue has noticed.
 */
void wait_for_answer(int netns, const char *address)
{
	const double until = now_ms() + REACH_MS;
	union address to;
	int fd;

	parse_address(address, &to);
	topology_enter(netns);
	fd = socket(to.sa.sa_family, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
	            to.sa.sa_family == AF_INET6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP);
	if (fd < 0)
		broken("raw socket: %s", strerror(errno));
	while (!echo_answers(fd, &to)) {
		if (now_ms() > until)
			broken("%s does not answer", address);
	}
	close(fd);
}
