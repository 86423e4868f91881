/* SPDX-License-Identifier: GPL-2.0-or-later */
/* look.c - links, addresses, routes, rules, qdiscs, neighbours, sysctls and files of a node */
#include "test/crash/look.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <ftw.h>
#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BUFFER 65536

static void die(const char *what)
{
	fprintf(stderr, "crash: %s: %s\n", what, strerror(errno));
	_exit(2);
}

/* ---- netlink ------------------------------------------------------------------------------------- */

const struct nlattr *look_attr(const void *attrs, size_t len, unsigned int type)
{
	const char *p = attrs;

	while (len >= sizeof(struct nlattr)) {
		const struct nlattr *a = (const void *)p;
		const size_t size = ATTR_ALIGN((size_t)a->nla_len);

		if (a->nla_len < sizeof(*a) || a->nla_len > len)
			break;
		if ((a->nla_type & NLA_TYPE_MASK) == type)
			return a;
		p += size;
		len = size < len ? len - size : 0;
	}
	return NULL;
}

const char *attr_text(const struct nlattr *a)
{
	return a && attr_len(a) > 0 ? attr_data(a) : "";
}

uint32_t attr_u32(const struct nlattr *a)
{
	uint32_t v = 0;

	if (a && attr_len(a) >= sizeof(v))
		memcpy(&v, attr_data(a), sizeof(v));
	return v;
}

uint64_t look_hash(uint64_t h, const void *p, size_t len)
{
	const unsigned char *c = p;

	for (size_t i = 0; i < len; i++)
		h = (h ^ c[i]) * 0x100000001b3U;
	return h;
}

static bool answers(int fd, uint32_t seq, look_fn fn, struct state *s, void *arg)
{
	static char buf[BUFFER];
	ssize_t n = recv(fd, buf, sizeof(buf), 0);

	if (n < 0)
		die("netlink answer");
	for (const struct nlmsghdr *h = (const void *)buf; NLMSG_OK(h, n); h = NLMSG_NEXT(h, n)) {
		if (h->nlmsg_seq != seq)
			continue;
		if (h->nlmsg_type == NLMSG_DONE)
			return false;
		if (h->nlmsg_type == NLMSG_ERROR) {
			const struct nlmsgerr *e = NLMSG_DATA(h);

			errno = -e->error;
			/* A set that went away between two questions, a family that the kernel does not have. */
			if (e->error != -ENOENT && e->error != -EOPNOTSUPP)
				die("netlink dump");
			return false;
		}
		fn(h, s, arg);
	}
	return true;
}

void look_dump(int fd, uint16_t type, const void *body, size_t len, look_fn fn, struct state *s,
               void *arg)
{
	static uint32_t seq;
	struct {
		struct nlmsghdr h;
		char body[512];
	} request = {
		.h = {
			.nlmsg_len = (uint32_t)NLMSG_LENGTH(len),
			.nlmsg_type = type,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
			.nlmsg_seq = ++seq,
		},
	};

	if (len > sizeof(request.body))
		die("netlink request");
	memcpy(request.body, body, len);
	if (send(fd, &request, request.h.nlmsg_len, 0) < 0)
		die("netlink request");
	while (answers(fd, seq, fn, s, arg)) {
	}
}

/* ---- lines --------------------------------------------------------------------------------------- */

void look_line(struct state *s, const char *fmt, ...)
{
	char *line;
	va_list ap;

	if (s->n % 64 == 0) {
		s->line = reallocarray(s->line, s->n + 64, sizeof(*s->line));
		if (!s->line)
			die("lines");
	}
	va_start(ap, fmt);
	if (vasprintf(&line, fmt, ap) < 0)
		die("lines");
	va_end(ap);
	s->line[s->n++] = line;
}

/* "10.0.0.1", "fe80::1", or "any" */
static const char *address(int family, const struct nlattr *a, char buf[static INET6_ADDRSTRLEN])
{
	if (!a || !inet_ntop(family, attr_data(a), buf, INET6_ADDRSTRLEN))
		return "any";
	return buf;
}

/* Those come and go by themselves. */
static bool link_local(const char *addr)
{
	return strncmp(addr, "fe80", 4) == 0 || strncmp(addr, "ff", 2) == 0;
}

/* The links of a namespace by index: a bridge that is made anew is the same to everybody but the kernel. */
static struct {
	unsigned int index;
	char name[IFNAMSIZ];
} links[64];
static size_t n_links;

const char *look_link(unsigned int index)
{
	for (size_t i = 0; i < n_links; i++) {
		if (links[i].index == index)
			return links[i].name;
	}
	return index ? "gone" : "none";
}

static void on_link_name(const struct nlmsghdr *h, struct state *s, void *where)
{
	const struct ifinfomsg *m = NLMSG_DATA(h);

	(void)s;
	(void)where;
	if (n_links == sizeof(links) / sizeof(links[0]))
		die("too many links");
	links[n_links].index = (unsigned int)m->ifi_index;
	snprintf(links[n_links++].name, IFNAMSIZ, "%s",
	         attr_text(look_attr(m + 1, NLMSG_PAYLOAD(h, sizeof(*m)), IFLA_IFNAME)));
}

static void on_link(const struct nlmsghdr *h, struct state *s, void *where)
{
	const struct ifinfomsg *m = NLMSG_DATA(h);
	const void *attrs = m + 1;
	const size_t len = NLMSG_PAYLOAD(h, sizeof(*m));
	const struct nlattr *info = look_attr(attrs, len, IFLA_LINKINFO);
	const char *kind =
		info ? attr_text(look_attr(attr_data(info), attr_len(info), IFLA_INFO_KIND)) : "";

	look_line(s, "%slink %s %s master=%s group=%u alias=%s %s qdisc=%s", (const char *)where,
	          attr_text(look_attr(attrs, len, IFLA_IFNAME)), kind,
	          look_link(attr_u32(look_attr(attrs, len, IFLA_MASTER))),
	          attr_u32(look_attr(attrs, len, IFLA_GROUP)),
	          attr_text(look_attr(attrs, len, IFLA_IFALIAS)),
	          m->ifi_flags & IFF_UP ? "up" : "down",
	          attr_text(look_attr(attrs, len, IFLA_QDISC)));
}

static void on_address(const struct nlmsghdr *h, struct state *s, void *where)
{
	const struct ifaddrmsg *m = NLMSG_DATA(h);
	char buf[INET6_ADDRSTRLEN];
	const char *addr =
		address(m->ifa_family, look_attr(m + 1, NLMSG_PAYLOAD(h, sizeof(*m)), IFA_ADDRESS),
	                buf);

	if (!link_local(addr))
		look_line(s, "%saddr dev=%s %s/%u", (const char *)where, look_link(m->ifa_index),
		          addr, m->ifa_prefixlen);
}

static void on_route(const struct nlmsghdr *h, struct state *s, void *where)
{
	const struct rtmsg *m = NLMSG_DATA(h);
	const void *attrs = m + 1;
	const size_t len = NLMSG_PAYLOAD(h, sizeof(*m));
	char dst_buf[INET6_ADDRSTRLEN], via_buf[INET6_ADDRSTRLEN];
	const char *dst = address(m->rtm_family, look_attr(attrs, len, RTA_DST), dst_buf);

	/* Table local follows the addresses, sooner or later. */
	if (!link_local(dst) && m->rtm_table != RT_TABLE_LOCAL)
		look_line(s, "%sroute %s/%u type=%u via=%s dev=%s table=%u", (const char *)where,
		          dst, m->rtm_dst_len, m->rtm_type,
		          address(m->rtm_family, look_attr(attrs, len, RTA_GATEWAY), via_buf),
		          look_link(attr_u32(look_attr(attrs, len, RTA_OIF))),
		          attr_u32(look_attr(attrs, len, RTA_TABLE)));
}

static void on_rule(const struct nlmsghdr *h, struct state *s, void *where)
{
	const struct fib_rule_hdr *m = NLMSG_DATA(h);
	const void *attrs = m + 1;
	const size_t len = NLMSG_PAYLOAD(h, sizeof(*m));

	look_line(s, "%srule family=%u priority=%u mark=0x%x/0x%x action=%u table=%u",
	          (const char *)where, m->family, attr_u32(look_attr(attrs, len, FRA_PRIORITY)),
	          attr_u32(look_attr(attrs, len, FRA_FWMARK)),
	          attr_u32(look_attr(attrs, len, FRA_FWMASK)), m->action,
	          attr_u32(look_attr(attrs, len, FRA_TABLE)));
}

static void on_qdisc(const struct nlmsghdr *h, struct state *s, void *where)
{
	const struct tcmsg *m = NLMSG_DATA(h);

	const char *kind = attr_text(look_attr(m + 1, NLMSG_PAYLOAD(h, sizeof(*m)), TCA_KIND));

	/* The kernel chooses the handles of some. */
	look_line(s, "%sqdisc dev=%s %s", (const char *)where,
	          look_link((unsigned int)m->tcm_ifindex), kind);
}

/* Those that somebody wrote; learned ones come and go. */
static void on_neighbour(const struct nlmsghdr *h, struct state *s, void *where)
{
	const struct ndmsg *m = NLMSG_DATA(h);
	char buf[INET6_ADDRSTRLEN];

	if (m->ndm_state & NUD_PERMANENT)
		look_line(s, "%sneighbour dev=%s %s", (const char *)where,
		          look_link((unsigned int)m->ndm_ifindex),
		          address(m->ndm_family,
		                  look_attr(m + 1, NLMSG_PAYLOAD(h, sizeof(*m)), NDA_DST), buf));
}

static void look_namespace(int fd, struct state *s, const char *where)
{
	static const unsigned char families[] = { AF_INET, AF_INET6 };
	const struct ifinfomsg link = { .ifi_family = AF_UNSPEC };
	const struct tcmsg qdisc = { .tcm_family = AF_UNSPEC };
	/* Only passed on. */
	char name[16];

	snprintf(name, sizeof(name), "%s", where);
	n_links = 0;
	look_dump(fd, RTM_GETLINK, &link, sizeof(link), on_link_name, s, name);
	look_dump(fd, RTM_GETLINK, &link, sizeof(link), on_link, s, name);
	look_dump(fd, RTM_GETQDISC, &qdisc, sizeof(qdisc), on_qdisc, s, name);
	for (int i = 0; i < 2; i++) {
		const struct ifaddrmsg addr = { .ifa_family = families[i] };
		const struct rtmsg route = { .rtm_family = families[i] };
		const struct fib_rule_hdr rule = { .family = families[i] };
		const struct ndmsg neighbour = { .ndm_family = families[i] };

		look_dump(fd, RTM_GETADDR, &addr, sizeof(addr), on_address, s, name);
		look_dump(fd, RTM_GETROUTE, &route, sizeof(route), on_route, s, name);
		look_dump(fd, RTM_GETRULE, &rule, sizeof(rule), on_rule, s, name);
		look_dump(fd, RTM_GETNEIGH, &neighbour, sizeof(neighbour), on_neighbour, s, name);
	}
}

/* ---- files --------------------------------------------------------------------------------------- */

/* nftw() takes no argument. */
static struct state *walking;

/* Hints, counters and stamps change and do no harm; that they are there is looked at. */
static bool content_matters(const char *path, const char *name)
{
	static const char *const hints[] = { "lock", "last_reserved_ip.*", "verdicts" };

	for (size_t i = 0; i < sizeof(hints) / sizeof(hints[0]); i++) {
		if (fnmatch(hints[i], name, 0) == 0)
			return false;
	}
	return !strstr(path, "/cnida/ipam/");
}

/* The first line of a snapshot says when it was written. */
static uint64_t content(const char *path)
{
	const bool snapshot = strcmp(path, "/var/lib/cnida/policy/snapshot") == 0;
	char buf[16384];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof(buf));
	const char *start = buf;

	if (fd >= 0)
		close(fd);
	if (n < 0)
		return 0;
	if (snapshot && (start = memchr(buf, '\n', (size_t)n)) == NULL)
		start = buf;
	return look_hash(LOOK_HASH, start, (size_t)(buf + n - start));
}

static int on_file(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	/* Who makes a lock leaves it: whoever took it away could take it from under another. Notes about tables are hints. */
	if (strncmp(path, "/run/netns", 10) == 0 || strstr(path, "/cnida/tables/") ||
	    fnmatch("*.lock", path + ftw->base, 0) == 0)
		return 0;
	if (flag == FTW_F && content_matters(path, path + ftw->base))
		look_line(walking, "file %s %016llx", path, (unsigned long long)content(path));
	else
		look_line(walking, "file %s", path);
	return 0;
}

static int on_pin(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	look_line(walking, "pin %s", path);
	return 0;
}

static void look_sysctl(const char *path, struct state *s)
{
	char c = '?';
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (read(fd, &c, 1) == 1)
		look_line(s, "sysctl %s %c", path, c);
	close(fd);
}

static void look_files(struct state *s)
{
	walking = s;
	(void)nftw("/run", on_file, 16, FTW_PHYS);
	(void)nftw("/var/lib", on_file, 16, FTW_PHYS);
	(void)nftw("/sys/fs/bpf", on_pin, 16, FTW_PHYS);
	look_sysctl("/proc/sys/net/ipv4/ip_forward", s);
	look_sysctl("/proc/sys/net/ipv6/conf/all/forwarding", s);
}

/* ---- all of it ----------------------------------------------------------------------------------- */

static int netlink(int protocol)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);

	if (fd < 0)
		die("netlink");
	return fd;
}

void look_open(struct look *l)
{
	*l = (struct look) {
		.route = netlink(NETLINK_ROUTE),
		.nft = netlink(NETLINK_NETFILTER),
	};
}

void look_add(struct look *l)
{
	if (l->n_pods == LOOK_PODS)
		die("pods");
	l->pod[l->n_pods++] = netlink(NETLINK_ROUTE);
}

static int compare(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;

	return strcmp(*x, *y);
}

void look_take(const struct look *l, struct state *ret)
{
	*ret = (struct state) { 0 };
	for (unsigned int i = 0; i < l->n_pods; i++) {
		char where[16];

		snprintf(where, sizeof(where), "pod %u: ", i);
		look_namespace(l->pod[i], ret, where);
	}
	/* Last, since the eBPF maps name links of the node. */
	look_namespace(l->route, ret, "");
	look_nft(l->nft, ret);
	look_bpf(ret);
	look_files(ret);
	qsort(ret->line, ret->n, sizeof(*ret->line), compare);
}
