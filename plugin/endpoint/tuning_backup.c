/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tuning_backup.c - what an interface was like before it was tuned
 */
#include "endpoint/tuning_backup.h"

#include "base/cleanup.h"
#include "base/fs.h"
#include "base/ip.h"
#include "base/json.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BACKUP_SIZE_MAX 131072

void tuning_backup_free(struct tuning_backup *b)
{
	json_decref(b->sysctls);
	b->sysctls = NULL;
}

static int backup_path(const char *dir, const struct request *req, char ret[static PATH_MAX],
                       struct err *e)
{
	return fs_path(ret, PATH_MAX, e, "%s/%s_%s.json", dir, req->container_id, req->ifname);
}

/* NULL when out of memory. */
static json_t *to_json(const struct tuning_backup *b)
{
	json_t *doc = json_object();
	char text[64];
	int bad = doc ? 0 : -ENOMEM;

	if (b->has_mac)
		bad |= jset(doc, "mac", json_string(mac_format(b->mac, text)));
	if (b->has_promisc)
		bad |= jset(doc, "promisc", json_boolean(b->promisc));
	if (b->has_mtu)
		bad |= jset(doc, "mtu", json_integer(b->mtu));
	if (b->has_allmulti)
		bad |= jset(doc, "allmulti", json_boolean(b->allmulti));
	if (b->has_txqlen)
		bad |= jset(doc, "txQLen", json_integer(b->txqlen));
	if (json_object_size(b->sysctls))
		bad |= jset(doc, "sysctl", json_incref(b->sysctls));
	(void)snprintf(text, sizeof(text), "%" PRIu64 ":%" PRIu64, b->netns.dev, b->netns.ino);
	bad |= jset(doc, "netns", json_string(text));
	if (bad) {
		json_decref(doc);
		return NULL;
	}
	return doc;
}

int tuning_backup_write(const char *dir, const struct request *req, const struct tuning_backup *b,
                        struct err *e)
{
	json_auto_t *doc = to_json(b);
	_cleanup_jfree_ char *text = NULL;
	_cleanup_close_ int fd = -1;
	char name[PATH_MAX];
	int r;

	if (!doc || jdump(doc, false, &text) < 0)
		return err_sys(e, ENOMEM, "remember what %s was like", req->ifname);
	fd = fs_opendir(dir, 0700, e);
	r = fd < 0 ? fd
	           : fs_path(name, sizeof(name), e, "%s_%s.json", req->container_id, req->ifname);
	return r < 0 ? r : fs_replace(fd, name, 0600, text, strlen(text), false, e);
}

static void netns_from_text(const char *text, struct netns_id *ret)
{
	char *end;
	uint64_t dev = strtoull(text, &end, 10);

	if (end != text && *end == ':' && end[1])
		*ret = (struct netns_id) { .dev = dev, .ino = strtoull(end + 1, NULL, 10) };
}

static int from_json(const json_t *doc, struct tuning_backup *b, struct err *e)
{
	const char *mac = "", *netns = "";
	json_t *sysctls = NULL;
	int64_t mtu = 0, txqlen = 0;
	int r = jget_str(doc, "", "mac", &mac, e);

	b->has_mac = r > 0 && mac_parse(mac, b->mac);
	if (r >= 0)
		r = jget_bool(doc, "", "promisc", &b->promisc, e);
	b->has_promisc = r > 0;
	if (r >= 0)
		r = jget_bool(doc, "", "allmulti", &b->allmulti, e);
	b->has_allmulti = r > 0;
	if (r >= 0)
		r = jget_int(doc, "", "mtu", 0, UINT32_MAX, &mtu, e);
	b->has_mtu = mtu > 0;
	b->mtu = (uint32_t)mtu;
	if (r >= 0)
		r = jget_int(doc, "", "txQLen", 0, UINT32_MAX, &txqlen, e);
	b->has_txqlen = r > 0;
	b->txqlen = (uint32_t)txqlen;
	if (r >= 0)
		r = jget_str(doc, "", "netns", &netns, e);
	netns_from_text(netns, &b->netns);
	if (r >= 0)
		r = jget_obj(doc, "", "sysctl", &sysctls, e);
	b->sysctls = json_incref(sysctls);
	return r < 0 ? r : 0;
}

int tuning_backup_read(const char *dir, const struct request *req, struct tuning_backup *ret,
                       struct err *e)
{
	_cleanup_free_ char *text = NULL;
	json_auto_t *doc = NULL;
	char path[PATH_MAX];
	ssize_t len;
	int r = backup_path(dir, req, path, e);

	*ret = (struct tuning_backup) { .sysctls = NULL };
	if (r < 0)
		return r;
	len = fs_read_all(AT_FDCWD, path, BACKUP_SIZE_MAX, &text, e);
	if (len == -ENOENT)
		return 0;
	if (len < 0)
		return (int)len;
	r = jparse(text, (size_t)len, &doc, e);
	if (r == 0)
		r = from_json(doc, ret, e);
	if (r == 0)
		return 1;
	tuning_backup_free(ret);
	e->no = EBADMSG;
	return err_wrap(e, "%s", path);
}

int tuning_backup_delete(const char *dir, const struct request *req, struct err *e)
{
	char path[PATH_MAX];
	int r = backup_path(dir, req, path, e);

	return r < 0 ? r : fs_remove(AT_FDCWD, path, e);
}

void tuning_backup_merge(struct tuning_backup *b, const struct tuning_backup *earlier)
{
	if (earlier->has_mac) {
		b->has_mac = true;
		memcpy(b->mac, earlier->mac, sizeof(b->mac));
	}
	if (earlier->has_promisc) {
		b->has_promisc = true;
		b->promisc = earlier->promisc;
	}
	if (earlier->has_mtu) {
		b->has_mtu = true;
		b->mtu = earlier->mtu;
	}
	if (earlier->has_allmulti) {
		b->has_allmulti = true;
		b->allmulti = earlier->allmulti;
	}
	if (earlier->has_txqlen) {
		b->has_txqlen = true;
		b->txqlen = earlier->txqlen;
	}
	if (!b->sysctls)
		b->sysctls = json_incref(earlier->sysctls);
	else if (earlier->sysctls)
		(void)json_object_update(b->sysctls, earlier->sysctls);
}
