/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * owner.c - whose something is: the attachment that a record, an element or a device belongs to
 */
#include "endpoint/owner.h"

#include "base/cleanup.h"
#include "base/json.h"
#include "endpoint/record.h"
#include "endpoint/record_folder.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int owner_describe(const struct request *req, struct owner *ret, struct err *e)
{
	record_name(req->network, req->container_id, req->ifname, ret->name);
	if (strlen(req->network) >= sizeof(ret->network) ||
	    strlen(req->container_id) >= sizeof(ret->container_id) ||
	    strlen(req->netns) >= sizeof(ret->netns))
		return err_set(e, CNI_E_CONFIG, ENAMETOOLONG,
		               "network name, container ID or netns path is too long");
	(void)snprintf(ret->network, sizeof(ret->network), "%s", req->network);
	(void)snprintf(ret->container_id, sizeof(ret->container_id), "%s", req->container_id);
	(void)snprintf(ret->ifname, sizeof(ret->ifname), "%s", req->ifname);
	(void)snprintf(ret->netns, sizeof(ret->netns), "%s", req->netns);
	return 0;
}

bool owner_alive(const struct owner *o)
{
	return !*o->netns || netns_alive(o->netns, &o->netns_id);
}

int owner_is_there(const struct owner *o, struct err *e)
{
	_cleanup_close_ int fd = -1;
	struct err ignored;
	uint64_t now = 0;
	int r;

	if (!owner_alive(o))
		return 0;
	if (!*o->netns || !o->netns_cookie)
		return 1;
	fd = netns_open(o->netns, NULL, &ignored);
	if (fd < 0) /* it cannot be looked at, or ended right now: whoever asks again will know */
		return 1;
	r = netns_cookie(fd, &now, e);
	return r < 0 ? r : !now || now == o->netns_cookie;
}

bool owner_is_valid(const struct request *req, const struct owner *o)
{
	const json_t *item;
	size_t i;

	json_array_foreach(req->valid_attachments, i, item) {
		if (strcmp(json_string_value(jget(item, "containerID")), o->container_id) == 0 &&
		    strcmp(json_string_value(jget(item, "ifname")), o->ifname) == 0)
			return true;
	}
	return false;
}

const char *owner_text(const struct owner *o, char buf[static OWNER_TEXT_MAX])
{
	(void)snprintf(buf, OWNER_TEXT_MAX, "%s %s %s", o->network, o->container_id, o->ifname);
	return buf;
}

static const struct record_text texts[] = {
	RECORD_TEXT(owner, "network", network),
	RECORD_TEXT(owner, "containerID", container_id),
	RECORD_TEXT(owner, "ifname", ifname),
	RECORD_TEXT(owner, "netns", netns),
};

int owner_put(json_t *doc, const struct owner *o)
{
	int bad = record_texts_put(doc, o, texts, ARRAY_SIZE(texts));

	bad |= jset(doc, "netnsDev", json_integer((json_int_t)o->netns_id.dev));
	bad |= jset(doc, "netnsIno", json_integer((json_int_t)o->netns_id.ino));
	if (o->netns_cookie)
		bad |= jset(doc, "netnsCookie", json_integer((json_int_t)o->netns_cookie));
	return bad;
}

int owner_get(const json_t *doc, struct owner *o, struct err *e)
{
	int64_t dev = 0, ino = 0, cookie = 0;
	int x = record_texts_get(doc, o, texts, ARRAY_SIZE(texts), e);

	if (x >= 0)
		x = jget_int(doc, "", "netnsDev", 0, INT64_MAX, &dev, e);
	if (x >= 0)
		x = jget_int(doc, "", "netnsIno", 0, INT64_MAX, &ino, e);
	if (x >= 0)
		x = jget_int(doc, "", "netnsCookie", 0, INT64_MAX, &cookie, e);
	if (x < 0)
		return x;
	o->netns_id = (struct netns_id) { .dev = (uint64_t)dev, .ino = (uint64_t)ino };
	o->netns_cookie = (uint64_t)cookie;
	return *o->network ? 0 : err_set(e, CNI_E_INTERNAL, EBADMSG, "no network");
}
