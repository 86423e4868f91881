/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * entry.c - one address file: its bytes and its tag
 */
#include "ipam/entry.h"

#include "base/cleanup.h"
#include "base/fs.h"
#include "base/hash.h"
#include "spec/request.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <time.h>

#define NSFS_MAGIC 0x6e736673
#define TAG_MAX    (64 + 4096)

int entry_format(const struct store_owner *owner, char *buf, size_t cap, struct err *e)
{
	int n = snprintf(buf, cap, "%s\r\n%s", owner->container_id, owner->ifname);

	if (n < 0 || (size_t)n >= cap)
		return err_set(e, CNI_E_ENV, ENAMETOOLONG,
		               "container ID is longer than %zu characters", cap);
	return n;
}

void entry_parse(struct entry_text *t, size_t len)
{
	char *start = t->text, *end = t->text + len, *line;

	while (start < end && isspace((unsigned char)*start))
		start++;
	while (end > start && isspace((unsigned char)end[-1]))
		end--;
	*end = '\0';
	t->container_id = start;
	t->ifname = end;
	line = strstr(start, "\r\n");
	if (line) {
		*line = '\0';
		t->ifname = line + 2;
		line = memchr(t->ifname, '\0', (size_t)(end - t->ifname));
	} else {
		line = memchr(start, '\0', (size_t)(end - start));
	}
	/* A NUL in the middle means that the text is not what somebody wrote. */
	if (line || !request_id_valid(t->container_id)) {
		t->container_id = end;
		t->ifname = end;
	}
}

int entry_read(int dirfd, const char *name, struct entry_text *ret)
{
	ssize_t n = fs_read(dirfd, name, ret->text, sizeof(ret->text), NULL);

	if (n < 0)
		return (int)n;
	entry_parse(ret, (size_t)n);
	return 0;
}

bool entry_is(const struct entry_text *t, const struct store_owner *owner)
{
	return strcmp(t->container_id, owner->container_id) == 0 &&
	       (!*t->ifname || strcmp(t->ifname, owner->ifname) == 0);
}

uint64_t entry_hash(const char *container_id, const char *ifname)
{
	const char *const container[] = { container_id, NULL };
	const char *const both[] = { container_id, ifname, NULL };

	return hash_u64(container) << 32 | (hash_u64(both) & 0xffffffffU);
}

bool entry_name(const char *name, struct ip_addr *ret)
{
	char text[IP_STR_MAX];

	return ip_parse(name, ret) && strcmp(ip_format(ret, text), name) == 0;
}

/* Identity of a network namespace: the inode of its nsfs file. False when the path is none (any
 * more): a leftover regular file has an inode as well. */
static bool netns_identity(const char *path, uint64_t *ret_dev, uint64_t *ret_ino)
{
	struct statfs fs;
	struct stat st;

	if (!*path || stat(path, &st) < 0 || statfs(path, &fs) < 0 ||
	    (unsigned long)fs.f_type != NSFS_MAGIC)
		return false;
	*ret_dev = st.st_dev;
	*ret_ino = st.st_ino;
	return true;
}

static const char *const netns_folders[] = { "/run/netns/", "/var/run/netns/" };

/* A path as the tag has it */
static const char *short_netns(const char *path)
{
	for (size_t i = 0; i < ARRAY_SIZE(netns_folders); i++) {
		size_t len = strlen(netns_folders[i]);

		if (strncmp(path, netns_folders[i], len) == 0 && path[len] && path[len] != '/')
			return path + len;
	}
	return path;
}

const char *entry_tag(const struct store_owner *owner, const char *boot_id, char *buf, size_t cap)
{
	const char *path = owner->netns ? owner->netns : "";
	uint64_t dev = 0, ino = 0;
	int n;

	if (!netns_identity(path, &dev, &ino))
		dev = ino = 0;
	n = snprintf(buf, cap, "%.*s %" PRIu64 ":%" PRIu64 " %s", BOOT_TAG_LEN, boot_id, dev, ino,
	             short_netns(path));
	return n > 0 && (size_t)n < cap ? buf : NULL;
}

/* A number up to a separator, which is stepped over; false if it is none. */
static bool parse_number(char **p, char separator, unsigned long long *ret)
{
	char *end;

	if (!isdigit((unsigned char)**p))
		return false;
	errno = 0;
	*ret = strtoull(*p, &end, 10);
	if (errno || *end != separator)
		return false;
	*p = end + 1;
	return true;
}

/* A tag that does not hold is no tag. */
static void parse_tag(char *tag, struct store_entry *ret)
{
	char *p = strchr(tag, ' ');
	size_t boot_len = p ? (size_t)(p - tag) : 0;
	unsigned long long dev, ino;
	int n;

	if (!p || boot_len < BOOT_TAG_LEN || boot_len >= sizeof(ret->boot_id))
		return;
	*p++ = '\0';
	if (!parse_number(&p, ':', &dev) || !parse_number(&p, ' ', &ino))
		return;
	n = snprintf(ret->netns, sizeof(ret->netns), "%s%s",
	             *p && *p != '/' ? netns_folders[0] : "", p);
	if (n < 0 || (size_t)n >= sizeof(ret->netns)) {
		ret->netns[0] = '\0';
		return;
	}
	memcpy(ret->boot_id, tag, boot_len + 1);
	ret->netns_dev = dev;
	ret->netns_ino = ino;
}

static void load_tag(int fd, struct store_entry *ret)
{
	char tag[TAG_MAX];
	ssize_t n = fgetxattr(fd, STORE_XATTR, tag, sizeof(tag) - 1);

	ret->boot_id[0] = '\0';
	ret->netns[0] = '\0';
	ret->netns_dev = ret->netns_ino = 0;
	if (n <= 0)
		return;
	tag[n] = '\0';
	parse_tag(tag, ret);
}

static ssize_t read_text(int fd, char *buf, size_t cap)
{
	size_t len = 0;

	while (len < cap) {
		ssize_t n = read(fd, buf + len, cap - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return (ssize_t)len;
		len += (size_t)n;
	}
	return -EFBIG;
}

int entry_load(int dirfd, const struct ip_addr *addr, struct store_entry *ret)
{
	_cleanup_close_ int fd = -1;
	struct entry_text t;
	char name[IP_STR_MAX];
	struct stat st;
	ssize_t n;

	ret->addr = *addr;
	fd = openat(dirfd, ip_format(addr, name), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
	if (fd < 0)
		return -errno;
	n = read_text(fd, t.text, sizeof(t.text));
	if (n < 0)
		return (int)n;
	if (fstat(fd, &st) < 0)
		return -errno;
	entry_parse(&t, (size_t)n);
	(void)snprintf(ret->container_id, sizeof(ret->container_id), "%s", t.container_id);
	(void)snprintf(ret->ifname, sizeof(ret->ifname), "%s", t.ifname);
	ret->age_s = (long long)time(NULL) - st.st_mtime;
	load_tag(fd, ret);
	return 0;
}
