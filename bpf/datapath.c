/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * datapath.c - pins, pods and policy of the running datapath
 */
#include "bpf/attach.h"

#include "base/cleanup.h"
#include "base/fs.h"
#include "bpf/sys.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LOCK_TIMEOUT_MS 10000U
#define NS_PER_S        1000000000ULL

static const uint32_t zero;

/* ---- pins ---- */

int datapath_open_pins(struct datapath *ret, struct err *e)
{
	static const char *const paths[] = {
		CNIDA_BPF_DIR "/control", CNIDA_BPF_DIR "/endpoint", CNIDA_BPF_DIR "/policy",
		CNIDA_BPF_DIR "/flow",    CNIDA_BPF_DIR "/from_pod", CNIDA_BPF_DIR "/to_pod",
	};
	_cleanup_datapath_ struct datapath d = DATAPATH_CLOSED;
	int *const fds[] = { &d.control, &d.endpoint, &d.policy, &d.flow, &d.from_pod, &d.to_pod };
	int r;

	*ret = d;
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		*fds[i] = sys_obj_get(paths[i]);
		if (*fds[i] == -ENOENT && i == 0)
			return 0;
		if (*fds[i] < 0)
			return err_sys(e, -*fds[i], "open %s", paths[i]);
	}
	r = pods_map(d.endpoint, &d.pods, e);
	if (r < 0)
		return r;
	*ret = d;
	d = (struct datapath)DATAPATH_CLOSED;
	return 1;
}

int datapath_open(struct datapath *ret, struct err *e)
{
	_cleanup_close_ int dir = fs_opendir(DATAPATH_LOCK_DIR, 0755, e), lock = -1;
	int r;

	*ret = (struct datapath)DATAPATH_CLOSED;
	if (dir < 0)
		return dir;
	lock = fs_lock_shared(dir, DATAPATH_LOCK, 0600, LOCK_TIMEOUT_MS, e);
	if (lock < 0)
		return lock;
	r = datapath_open_pins(ret, e);
	if (r > 0)
		ret->lock = take_fd(&lock);
	return r;
}

void datapath_close(struct datapath *d)
{
	int *const fds[] = { &d->control,  &d->endpoint, &d->policy, &d->flow,
		             &d->from_pod, &d->to_pod,   &d->lock };

	pods_unmap(&d->pods);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		if (*fds[i] >= 0)
			(void)close(*fds[i]);
		*fds[i] = -1;
	}
}

/* ---- pods ---- */

struct in6 datapath_key(const struct ip_addr *addr)
{
	struct in6 r = { { 0, 0, htonl(0xffff), 0 } };

	if (addr->family == AF_INET)
		memcpy(&r.word[3], addr->bytes, 4);
	else
		memcpy(&r, addr->bytes, sizeof(r));
	return r;
}

struct in6 datapath_link_key(uint32_t ifindex)
{
	return (struct in6) { { htonl(0xff000000), 0, 0, htonl(ifindex) } };
}

bool datapath_is_link(const struct in6 *key)
{
	return key->word[0] == htonl(0xff000000) && key->word[1] == 0 && key->word[2] == 0;
}

static int lock_pods(struct err *e)
{
	_cleanup_close_ int dir = fs_opendir(DATAPATH_LOCK_DIR, 0755, e);

	return dir < 0 ? dir : fs_lock(dir, DATAPATH_PODS, 0600, LOCK_TIMEOUT_MS, e);
}

/* With the lock. */
static void forget(const struct datapath *d, const struct in6 *key, uint32_t ifindex)
{
	struct endpoint ep;

	if (pods_get(&d->pods, key, &ep) && ep.ifindex == ifindex)
		(void)pods_remove(&d->pods, key);
}

static void forget_all(const struct datapath *d, uint32_t ifindex, const struct ip_addr *addrs,
                       size_t n)
{
	struct in6 key = datapath_link_key(ifindex);

	forget(d, &key, ifindex);
	for (size_t i = 0; i < n; i++) {
		key = datapath_key(&addrs[i]);
		forget(d, &key, ifindex);
	}
}

int datapath_put(const struct datapath *d, const struct endpoint *ep, const struct ip_addr *addrs,
                 size_t n, struct err *e)
{
	_cleanup_close_ int lock = lock_pods(e);
	struct in6 key = datapath_link_key(ep->ifindex);
	int r;

	if (lock < 0)
		return lock;
	r = pods_put(&d->pods, &key, ep);
	for (size_t i = 0; i < n && r == 0; i++) {
		key = datapath_key(&addrs[i]);
		r = pods_put(&d->pods, &key, ep);
	}
	if (r == 0)
		return 0;
	forget_all(d, ep->ifindex, addrs, n);
	return err_set(e, CNI_E_TRY_AGAIN, ENOSPC,
	               "the table of pods (" CNIDA_BPF_DIR "/endpoint) is full");
}

int datapath_remove(const struct datapath *d, uint32_t ifindex, const struct ip_addr *addrs,
                    size_t n, struct err *e)
{
	_cleanup_close_ int lock = lock_pods(e);

	if (lock < 0)
		return lock;
	forget_all(d, ifindex, addrs, n);
	return 0;
}

int datapath_get(const struct datapath *d, const struct in6 *key, struct endpoint *ret,
                 struct err *e)
{
	(void)e; /* as it was when this was a system call: callers need not know */
	return pods_get(&d->pods, key, ret);
}

uint32_t datapath_count(const struct datapath *d, uint32_t *ret_max)
{
	struct endpoint ep;
	struct in6 key;
	uint32_t n = 0;

	*ret_max = (uint32_t)pods_places(&d->pods) / 2;
	for (size_t i = 0; i < pods_places(&d->pods); i++)
		n += pods_at(&d->pods, i, &key, &ep);
	return n;
}

int datapath_count_flows(const struct datapath *d, uint32_t *ret, uint32_t *ret_max, struct err *e)
{
	struct bpf_map_info info;
	struct flow_bucket b;
	int r = sys_map_info(d->flow, &info);

	*ret = 0;
	*ret_max = r < 0 ? 0 : info.max_entries * FLOW_WAYS;
	for (uint32_t i = 0; i < info.max_entries && r == 0; i++) {
		r = sys_map_lookup(d->flow, &i, &b);
		for (uint64_t tags = b.tags; r == 0 && tags; tags >>= 8)
			*ret += (tags & 0xff) != 0;
	}
	return r < 0 ? err_sys(e, -r, "read " CNIDA_BPF_DIR "/flow") : 0;
}

int datapath_each(const struct datapath *d, datapath_each_fn fn, void *arg, struct err *e)
{
	struct endpoint ep;
	struct in6 key;

	for (size_t i = 0; i < pods_places(&d->pods); i++) {
		int r = pods_at(&d->pods, i, &key, &ep) ? fn(&key, &ep, arg, e) : 0;

		if (r != 0)
			return r;
	}
	return 0;
}

int datapath_set_slot(const struct datapath *d, const struct in6 *key, uint32_t parity,
                      const struct endpoint_slot *slot, struct err *e)
{
	(void)e;
	return pods_set_slot(&d->pods, key, parity, slot);
}

/* ---- policy ---- */

int datapath_get_control(const struct datapath *d, struct control *ret, struct err *e)
{
	int r = sys_map_lookup(d->control, &zero, ret);

	return r < 0 ? err_sys(e, -r, "read " CNIDA_BPF_DIR "/control") : 0;
}

static int set_control(const struct datapath *d, struct control *c, struct err *e)
{
	struct timespec now;
	uint64_t ns;
	int r;

	(void)clock_gettime(CLOCK_BOOTTIME, &now);
	ns = (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
	c->generation = ns > c->generation ? ns : c->generation + 1;
	r = sys_map_update(d->control, &zero, c, BPF_ANY);
	return r < 0 ? err_sys(e, -r, "write " CNIDA_BPF_DIR "/control") : 0;
}

int datapath_raise(const struct datapath *d, struct err *e)
{
	struct control c;
	int r = datapath_get_control(d, &c, e);

	return r < 0 ? r : set_control(d, &c, e);
}

int datapath_set_switches(const struct datapath *d, uint32_t switches, struct err *e)
{
	struct control c;
	int r = datapath_get_control(d, &c, e);

	if (r < 0)
		return r;
	c.flags = switches;
	return set_control(d, &c, e);
}

int64_t datapath_image_size(const struct datapath *d, struct err *e)
{
	struct control c;
	int r = datapath_get_control(d, &c, e);

	return r < 0 ? r : (int64_t)c.image_size;
}

/* A map that holds the image; it lives as long as it is in force. */
static int new_image(const void *image, size_t size, uint32_t capacity, struct err *e)
{
	_cleanup_free_ uint8_t *value = calloc(1, capacity);
	_cleanup_close_ int map = -1;
	int r;

	if (!value)
		return err_sys(e, ENOMEM, "make a policy image");
	memcpy(value, image, size);
	map = sys_map_create(BPF_MAP_TYPE_ARRAY, "cnida_image", sizeof(uint32_t), capacity, 1,
	                     BPF_F_RDONLY_PROG);
	if (map < 0)
		return err_sys(e, -map, "create a map of %u bytes for the policy image", capacity);
	r = sys_map_update(map, &zero, value, BPF_ANY);
	return r < 0 ? err_sys(e, -r, "write a policy image") : take_fd(&map);
}

static int put_image(const struct datapath *d, const void *image, size_t size, uint32_t capacity,
                     struct err *e)
{
	_cleanup_close_ int map = new_image(image, size, capacity, e);
	int r;

	if (map < 0)
		return map;
	r = sys_map_update(d->policy, &zero, &map, BPF_ANY);
	return r < 0 ? err_sys(e, -r, "write " CNIDA_BPF_DIR "/policy") : 0;
}

int datapath_copy_image(const struct datapath *d, int policy, uint32_t capacity, struct err *e)
{
	const struct datapath to = { .policy = policy };
	_cleanup_free_ uint8_t *image = malloc(capacity);
	int r;

	if (!image)
		return err_sys(e, ENOMEM, "copy the policy image");
	r = datapath_image(d, image, capacity, e);
	return r <= 0 ? r : put_image(&to, image, capacity, capacity, e);
}

int datapath_set_image_size(const struct datapath *d, uint32_t capacity, struct err *e)
{
	struct control c;
	int r = datapath_get_control(d, &c, e);

	c.image_size = capacity;
	return r < 0 ? r : set_control(d, &c, e);
}

int datapath_install(const struct datapath *d, const void *image, size_t size, struct err *e)
{
	struct control c;
	int r = datapath_get_control(d, &c, e);

	if (r < 0)
		return r;
	if (size > c.image_size || size < sizeof(struct image_header))
		return err_set(e, CNI_E_INTERNAL, EFBIG,
		               "a policy image of %zu bytes does not fit: the datapath has %u",
		               size, c.image_size);
	return put_image(d, image, size, c.image_size, e);
}

int datapath_image(const struct datapath *d, void *ret, size_t size, struct err *e)
{
	_cleanup_free_ uint8_t *value = NULL;
	_cleanup_close_ int map = -1;
	struct bpf_map_info info;
	uint32_t id;
	int r = sys_map_lookup(d->policy, &zero, &id);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return err_sys(e, -r, "read " CNIDA_BPF_DIR "/policy");
	map = sys_map_by_id(id);
	if (map < 0)
		return err_sys(e, -map, "open the policy image in force");
	r = sys_map_info(map, &info);
	if (r < 0)
		return err_sys(e, -r, "ask for the policy image in force");
	value = calloc(1, info.value_size);
	if (!value)
		return err_sys(e, ENOMEM, "read the policy image in force");
	r = sys_map_lookup(map, &zero, value);
	if (r < 0)
		return err_sys(e, -r, "read the policy image in force");
	memset(ret, 0, size);
	memcpy(ret, value, size < info.value_size ? size : info.value_size);
	return 1;
}
