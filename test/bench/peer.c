/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * peer.c - a plugin folder in the comparison: its configurations and calls
 */
#include "test/bench/peer.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char bridge_conf[] =
	"{\"cniVersion\":\"1.0.0\",\"name\":\"bench-%s-%s\",\"type\":\"bridge\",\"bridge\":\"be%s-%s\","
	"\"isGateway\":true%s,"
	"\"ipam\":{\"type\":\"host-local\",\"dataDir\":\"" DATA_ROOT "/%s\","
	"\"ranges\":[[{\"subnet\":\"10.%u.%u.0/24\"}]],\"routes\":[{\"dst\":\"0.0.0.0/0\"}]}}";

static const char store_conf[] =
	"{\"cniVersion\":\"1.0.0\",\"name\":\"%s\",\"ipam\":{\"type\":\"host-local\",\"dataDir\":\"" DATA_ROOT
	"/%s\","
	"\"ranges\":[[{\"subnet\":\"10.%u.0.0/16\"}]]}}";

static const char status_conf[] =
	"{\"cniVersion\":\"1.1.0\",\"name\":\"bench-status\",\"type\":\"bridge\",\"bridge\":\"be%s-st\","
	"\"ipam\":{\"type\":\"host-local\",\"dataDir\":\"" DATA_ROOT
	"/%s\",\"ranges\":[[{\"subnet\":\"10.%u.9.0/24\"}]]}}";

char *peer_conf(const struct peer *p, enum conf_kind kind, const char *store)
{
	char *text = NULL;
	int n = -1;

	switch (kind) {
	case CONF_BRIDGE:
		n = asprintf(&text, bridge_conf, p->tag, "plain", p->tag, "br", "", p->tag, p->net,
		             1U);
		break;
	case CONF_MASQ:
		n = asprintf(&text, bridge_conf, p->tag, "masq", p->tag, "mq", ",\"ipMasq\":true",
		             p->tag, p->net, 2U);
		break;
	case CONF_STORE:
		n = asprintf(&text, store_conf, store, p->tag, p->net);
		break;
	case CONF_STATUS:
		n = asprintf(&text, status_conf, p->tag, p->tag, p->net);
		break;
	}
	return n < 0 ? NULL : text;
}

char *peer_conf_prev(const char *conf, const char *result)
{
	size_t n = strlen(conf);
	char *text = NULL;

	if (asprintf(&text, "%.*s,\"prevResult\":%s}", (int)n - 1, conf, result) < 0)
		return NULL;
	return text;
}

struct plugin_call peer_call(const struct peer *p, const char *type, const char *verb,
                             const struct pod *pod, const char *conf, char *path)
{
	struct plugin_call call = { .command = verb, .cni_path = p->dir, .deadline_ms = 30000 };

	snprintf(path, PATH_MAX, "%s/%s", p->dir, type);
	call.path = path;
	if (conf) {
		call.in = conf;
		call.in_len = strlen(conf);
	}
	if (pod) {
		call.container_id = pod->id;
		call.netns = pod->netns;
		call.ifname = "eth0";
		call.args = "IgnoreUnknown=1;K8S_POD_NAMESPACE=bench;K8S_POD_NAME=pod";
	}
	return call;
}

bool peer_ok(const struct peer *p, const struct plugin_call *call, const struct plugin_run *run)
{
	static unsigned int said;

	if (run->rc == 0 && !run->late)
		return true;
	if (__atomic_fetch_add(&said, 1, __ATOMIC_RELAXED) < 10)
		fprintf(stderr, "bench: %s: %s %s failed (exit %d, signal %d%s): %.300s %.300s\n",
		        p->name, call->path, call->command, run->rc, run->signal,
		        run->late ? ", too late" : "", run->out ? run->out : "",
		        run->err ? run->err : "");
	return false;
}

static int put_file(int dir, const char *name, const char *text)
{
	int fd = openat(dir, name, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0600);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = write(fd, text, strlen(text));
	close(fd);
	return n < 0 ? -EIO : 0;
}

static int open_store(const struct peer *p, const char *store)
{
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), DATA_ROOT "/%s/%s", p->tag, store);
	for (char *s = strchr(path + 1, '/'); s; s = strchr(s + 1, '/')) {
		*s = '\0';
		(void)mkdir(path, 0755);
		*s = '/';
	}
	(void)mkdir(path, 0755);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* From .0.2 on; the last address taken is also the last reserved, as after as many ADDs. */
int peer_fill_store(const struct peer *p, const char *store, unsigned int taken)
{
	char name[32] = "", text[128];
	int dir = open_store(p, store), r = dir < 0 ? dir : 0;

	for (unsigned int i = 0; i < taken && r == 0; i++) {
		unsigned int host = i + 2;

		snprintf(name, sizeof(name), "10.%u.%u.%u", p->net, host >> 8, host & 255);
		snprintf(text, sizeof(text), "%064x\r\neth0", i + 1);
		r = put_file(dir, name, text);
	}
	if (r == 0 && taken > 0)
		r = put_file(dir, "last_reserved_ip.0", name);
	if (dir >= 0)
		close(dir);
	return r;
}

void peer_drop_store(const struct peer *p, const char *store)
{
	char path[PATH_MAX];
	struct dirent *d;
	DIR *dir;

	snprintf(path, sizeof(path), DATA_ROOT "/%s/%s", p->tag, store);
	dir = opendir(path);
	while (dir && (d = readdir(dir)))
		(void)unlinkat(dirfd(dir), d->d_name, 0);
	if (dir)
		closedir(dir);
	(void)rmdir(path);
}
