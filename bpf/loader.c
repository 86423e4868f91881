/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * loader.c - the eBPF object that lies in the executable: loaded and pinned once per boot, replaced by an upgrade
 *
 * Pins are made in CNIDA_BPF_ROOT/new, at last the folder "complete" in it, then it is renamed to CNIDA_BPF_DIR. bpffs
 * cannot rename a folder over a full one, so an upgrade moves the former one away first. Killed in between, CNIDA_BPF_DIR
 * is missing and a complete "new" is there: whoever comes next takes that. The folder with the version's name is made
 * after all veths have the new programs; without it the upgrade is not finished, and doing it again is harmless.
 */
#include "bpf/loader.h"

#include "base/cleanup.h"
#include "base/fs.h"
#include "bpf/attach.h"
#include "bpf/object.h"
#include "bpf/sys.h"

#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#define BPFFS           "/sys/fs/bpf"
#define BPFFS_MAGIC     0xcafe4a11U
#define NEW_DIR         CNIDA_BPF_ROOT "/new"
#define OLD_DIR         CNIDA_BPF_ROOT "/old"
#define COMPLETE        "complete"
#define LOCK_TIMEOUT_MS 20000U
#define IMAGE_MIN       4096U
#define TABLE_MAX       (1U << 20)
#define PATH_BYTES      128
#define LOG_MAX         400
#define NS_PER_S        1000000000ULL

/* Seconds after which a connection without packets is forgotten. */
#define IDLE_STREAM   86400ULL
#define IDLE_DATAGRAM 180ULL
#define IDLE_ECHO     60ULL
#define IDLE_FRAGMENT 30ULL

/* What libbpf says goes into our error, the end of it. No threads: one place is enough. */
static char log_text[LOG_MAX];

static __attribute__((format(printf, 2, 0))) int keep_log(enum libbpf_print_level level,
                                                          const char *format, va_list ap)
{
	char line[LOG_MAX];
	size_t old, len;

	if (level != LIBBPF_WARN)
		return 0;
	(void)vsnprintf(line, sizeof(line), format, ap);
	len = strlen(line);
	old = strlen(log_text);
	if (old + len >= sizeof(log_text)) {
		size_t cut = old + len - sizeof(log_text) + 1;

		cut = cut < old ? cut : old;
		memmove(log_text, log_text + cut, old - cut + 1);
		old -= cut;
	}
	memcpy(log_text + old, line, len + 1);
	for (char *c = log_text; *c; c++)
		*c = *c == '\n' ? ' ' : *c;
	return 0;
}

static int bpf_error(struct err *e, int r, const char *what)
{
	return err_set(e, CNI_E_INTERNAL, -r, "%s: %s%s%s", what, strerror(-r),
	               log_text[0] ? ": " : "", log_text);
}

/* ---- folders ---- */

static int take_lock(struct err *e)
{
	_cleanup_close_ int dir = fs_opendir(DATAPATH_LOCK_DIR, 0755, e);

	return dir < 0 ? dir : fs_lock(dir, DATAPATH_LOCK, 0600, LOCK_TIMEOUT_MS, e);
}

static bool is_bpffs(void)
{
	struct statfs fs;

	return statfs(BPFFS, &fs) == 0 && (unsigned long)fs.f_type == BPFFS_MAGIC;
}

static int need_bpffs(struct err *e)
{
	if (!is_bpffs() &&
	    mount("bpf", BPFFS, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=700") < 0)
		return err_sys(e, errno, "mount bpffs at " BPFFS);
	if (mkdir(CNIDA_BPF_ROOT, 0700) < 0 && errno != EEXIST)
		return err_sys(e, errno, "create " CNIDA_BPF_ROOT);
	return 0;
}

/* Pins and empty folders. */
static int remove_dir(const char *path, struct err *e)
{
	_cleanup_closedir_ DIR *dir = opendir(path);
	const struct dirent *d;

	if (!dir)
		return errno == ENOENT ? 0 : err_sys(e, errno, "open %s", path);
	while ((d = readdir(dir)) != NULL) {
		if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
			continue;
		if (unlinkat(dirfd(dir), d->d_name, d->d_type == DT_DIR ? AT_REMOVEDIR : 0) < 0 &&
		    errno != ENOENT)
			return err_sys(e, errno, "remove %s/%s", path, d->d_name);
	}
	if (rmdir(path) < 0 && errno != ENOENT)
		return err_sys(e, errno, "remove %s", path);
	return 0;
}

static bool exists(const char *path)
{
	return access(path, F_OK) == 0;
}

/* Is there a datapath? Finishes what somebody who was killed had begun. 1, 0 or -errno. */
static int find_pins(struct err *e)
{
	if (!exists(CNIDA_BPF_DIR "/control") && exists(NEW_DIR "/" COMPLETE)) {
		int r = remove_dir(CNIDA_BPF_DIR, e);

		if (r < 0)
			return r;
		if (rename(NEW_DIR, CNIDA_BPF_DIR) < 0)
			return err_sys(e, errno, "rename " NEW_DIR);
	}
	return exists(CNIDA_BPF_DIR "/control");
}

/* Pins of other layouts hold memory until the next boot. Programs of theirs judge on, until apply() puts ours in their place. */
static int remove_others(struct err *e)
{
	_cleanup_closedir_ DIR *dir = opendir(CNIDA_BPF_ROOT);
	const struct dirent *d;
	char path[PATH_BYTES];
	int r = 0;

	if (!dir)
		return err_sys(e, errno, "open " CNIDA_BPF_ROOT);
	while (r == 0 && (d = readdir(dir)) != NULL) {
		if (strspn(d->d_name, "0123456789") != strlen(d->d_name) ||
		    strcmp(d->d_name, CNIDA_ABI) == 0)
			continue;
		if (snprintf(path, sizeof(path), "%s/%s", CNIDA_BPF_ROOT, d->d_name) <
		    (int)sizeof(path))
			r = remove_dir(path, e);
	}
	return r;
}

static void version_path(char ret[static PATH_BYTES])
{
	(void)snprintf(ret, PATH_BYTES, "%s/version-%s", CNIDA_BPF_DIR, bpf_object_version_start);
}

bool loader_is_current(void)
{
	char path[PATH_BYTES];

	version_path(path);
	return exists(path);
}

/* Written last: programs and veths are of this version. */
static int mark_current(struct err *e)
{
	char path[PATH_BYTES];

	version_path(path);
	return mkdir(path, 0700) < 0 && errno != EEXIST ? err_sys(e, errno, "create %s", path) : 0;
}

/* ---- the object ---- */

static void close_object(struct bpf_object **o)
{
	bpf_object__close(*o);
}
#define _cleanup_object_ __attribute__((cleanup(close_object)))

static const struct {
	const char *map, *pin;
} map_pins[] = {
	{ "cnida_control", "control" },
	{ "cnida_endpoint", "endpoint" },
	{ "cnida_policy", "policy" },
	{ "cnida_flow", "flow" },
};
static const char *const prog_pins[] = { "from_pod", "to_pod" };

static int check_conf(const struct loader_conf *c, struct err *e)
{
	if (c->image_size < IMAGE_MIN || c->image_size > LOADER_IMAGE_MAX ||
	    (c->image_size & (c->image_size - 1)) != 0)
		return err_set(e, CNI_E_CONFIG, EINVAL,
		               "policy image size %u is no power of two from %u to %u",
		               c->image_size, IMAGE_MIN, LOADER_IMAGE_MAX);
	if (c->max_flows < 1 || c->max_flows > TABLE_MAX || c->max_endpoints < 1 ||
	    c->max_endpoints > TABLE_MAX)
		return err_set(
			e, CNI_E_CONFIG, EINVAL,
			"sizes of the tables of flows (%u) and pods (%u) must be from 1 to %u",
			c->max_flows, c->max_endpoints, TABLE_MAX);
	return 0;
}

/* The coarse clock's resolution is a jiffy. */
static struct times times_of_kernel(void)
{
	struct timespec jiffy = { 0 };
	uint64_t hz = 250, second;
	struct times t = { 0 };

	if (clock_getres(CLOCK_MONOTONIC_COARSE, &jiffy) == 0 && jiffy.tv_sec == 0 &&
	    jiffy.tv_nsec > 0)
		hz = NS_PER_S / (uint64_t)jiffy.tv_nsec;
	while ((2ULL << t.shift) <= hz)
		t.shift++;
	second = hz << 16 >> t.shift; /* ticks, in 1/65536 */
	t.stream = (uint32_t)(IDLE_STREAM * second >> 16);
	t.datagram = (uint32_t)(IDLE_DATAGRAM * second >> 16);
	t.echo = (uint32_t)(IDLE_ECHO * second >> 16);
	t.fragment = (uint32_t)(IDLE_FRAGMENT * second >> 16);
	return t;
}

/* What the programs are made for. */
struct sizes {
	uint32_t image; /* bytes */
	uint32_t flow_buckets, endpoint_buckets;
	bool locks;
};

static bool needs_locks(const struct loader_conf *conf)
{
#if defined(__x86_64__)
	return conf->locks;
#else
	(void)conf;
	return true;
#endif
}

static int set_constants(struct bpf_object *o, const struct sizes *s)
{
	const struct constants c = {
		.image_size = s->image,
		.flow_mask = s->flow_buckets - 1,
		.endpoint_mask = s->endpoint_buckets - 1,
		.locks = s->locks,
		.times = times_of_kernel(),
	};
	struct bpf_map *policy = bpf_object__find_map_by_name(o, "cnida_policy");
	struct bpf_map *inner = policy ? bpf_map__inner_map(policy) : NULL;
	struct bpf_map *m, *constants = NULL;
	int r;

	bpf_object__for_each_map(m, o)
	{
		const char *name = bpf_map__name(m);
		size_t n = strlen(name);

		if (n >= 7 && strcmp(name + n - 7, ".rodata") == 0)
			constants = m;
	}
	if (!inner || !constants)
		return -EINVAL;
	r = bpf_map__set_initial_value(constants, &c, sizeof(c));
	return r < 0 ? r : bpf_map__set_value_size(inner, s->image);
}

/* Of tables that are made now. */
static int set_sizes(struct bpf_object *o, const struct sizes *s)
{
	struct bpf_map *flow = bpf_object__find_map_by_name(o, "cnida_flow");
	struct bpf_map *endpoint = bpf_object__find_map_by_name(o, "cnida_endpoint");
	int r = flow && endpoint ? bpf_map__set_max_entries(flow, s->flow_buckets) : -ENOENT;

	return r < 0 ? r
	             : bpf_map__set_value_size(endpoint,
	                                       s->endpoint_buckets *
	                                               (uint32_t)sizeof(struct endpoint_bucket));
}

static int open_object(const struct sizes *s, struct bpf_object **ret, struct err *e)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = "cnida");
	int r;

	log_text[0] = '\0';
	(void)libbpf_set_print(keep_log);
	*ret = bpf_object__open_mem(bpf_object_start, (size_t)(bpf_object_end - bpf_object_start),
	                            &opts);
	if (!*ret)
		return bpf_error(e, -errno, "read the eBPF object");
	r = set_constants(*ret, s);
	return r < 0 ? bpf_error(e, r, "set the programs' constants") : 0;
}

/* libbpf leaves names away when a probe of its fails, whatever the reason; we know our programs at the veths by them. */
static int check_names(const struct bpf_object *o, struct err *e)
{
	struct bpf_program *p;

	bpf_object__for_each_program(p, o)
	{
		struct bpf_prog_info info;
		uint32_t maps[1], n = 0;
		int r = sys_prog_info(bpf_program__fd(p), &info, maps, &n);

		if (r < 0)
			return err_sys(e, -r, "ask for an eBPF program that was loaded");
		if (strncmp(info.name, bpf_program__name(p), sizeof(info.name) - 1) != 0)
			return err_set(e, CNI_E_TRY_AGAIN, EAGAIN,
			               "the eBPF programs were loaded without their names");
	}
	return 0;
}

static int load_object(struct bpf_object *o, struct err *e)
{
	int r = bpf_object__load(o);

	return r < 0 ? bpf_error(e, r, "load the eBPF programs") : check_names(o, e);
}

static int pin(int fd, const char *name, struct err *e)
{
	char path[PATH_BYTES];
	int r;

	(void)snprintf(path, sizeof(path), "%s/%s", NEW_DIR, name);
	r = sys_obj_pin(fd, path);
	return r < 0 ? err_sys(e, -r, "pin %s", path) : 0;
}

/* Everything into the new folder. */
static int pin_object(const struct bpf_object *o, struct err *e)
{
	int r = remove_dir(NEW_DIR, e);

	if (r < 0)
		return r;
	if (mkdir(NEW_DIR, 0700) < 0)
		return err_sys(e, errno, "create " NEW_DIR);
	for (size_t i = 0; i < ARRAY_SIZE(map_pins) && r == 0; i++)
		r = pin(bpf_object__find_map_fd_by_name(o, map_pins[i].map), map_pins[i].pin, e);
	for (size_t i = 0; i < ARRAY_SIZE(prog_pins) && r == 0; i++) {
		const struct bpf_program *p = bpf_object__find_program_by_name(o, prog_pins[i]);

		r = pin(p ? bpf_program__fd(p) : -1, prog_pins[i], e);
	}
	if (r < 0)
		return r;
	return mkdir(NEW_DIR "/" COMPLETE, 0700) < 0
	               ? err_sys(e, errno, "create " NEW_DIR "/" COMPLETE)
	               : 0;
}

static int set_control(const struct bpf_object *o, uint32_t image_size, uint32_t switches,
                       struct err *e)
{
	const struct datapath d = { .control =
		                            bpf_object__find_map_fd_by_name(o, "cnida_control") };
	struct control c = { .image_size = image_size };
	uint32_t zero = 0;
	int r;

	if (getrandom(c.hash, sizeof(c.hash), 0) != (ssize_t)sizeof(c.hash))
		return err_sys(e, errno, "get random numbers");
	for (size_t i = 0; i < ARRAY_SIZE(c.hash); i++)
		c.hash[i] |= 1;
	r = sys_map_update(d.control, &zero, &c, BPF_ANY);

	return r < 0 ? err_sys(e, -r, "write the datapath's switches")
	             : datapath_set_switches(&d, switches, e);
}

static int load(const struct loader_conf *conf, struct err *e)
{
	_cleanup_object_ struct bpf_object *o = NULL;
	struct sizes sizes = {
		.image = conf->image_size,
		.flow_buckets = 1,
		.endpoint_buckets = pods_buckets(conf->max_endpoints),
		.locks = needs_locks(conf),
	};
	int r;

	while (sizes.flow_buckets * FLOW_WAYS < conf->max_flows)
		sizes.flow_buckets *= 2;
	r = open_object(&sizes, &o, e);
	if (r < 0)
		return r;
	r = set_sizes(o, &sizes);
	if (r < 0)
		return bpf_error(e, r, "set the sizes of the tables");
	r = load_object(o, e);
	if (r == 0)
		r = set_control(o, conf->image_size, conf->switches, e);
	if (r == 0)
		r = pin_object(o, e);
	if (r < 0)
		return r;
	r = find_pins(e);
	if (r > 0)
		r = mark_current(e);
	return r;
}

int loader_load(const struct loader_conf *conf, struct err *e)
{
	_cleanup_close_ int lock = -1;
	int r = check_conf(conf, e);

	if (r == 0 && exists(CNIDA_BPF_DIR "/control"))
		return 0;
	if (r == 0)
		lock = r = take_lock(e);
	if (r >= 0)
		r = need_bpffs(e);
	if (r == 0)
		r = find_pins(e);
	if (r != 0)
		return r < 0 ? r : 0;
	r = load(conf, e);
	r = r < 0 ? r : remove_others(e);
	return r < 0 ? r : 1;
}

/* ---- upgrade ---- */

static int reuse(struct bpf_object *o, const char *map, int fd)
{
	struct bpf_map *m = bpf_object__find_map_by_name(o, map);

	return m ? bpf_map__reuse_fd(m, fd) : -ENOENT;
}

static int swap_dirs(struct err *e)
{
	int r = remove_dir(OLD_DIR, e);

	if (r < 0)
		return r;
	if (rename(CNIDA_BPF_DIR, OLD_DIR) < 0)
		return err_sys(e, errno, "rename " CNIDA_BPF_DIR);
	r = find_pins(e);
	return r < 0 ? r : remove_dir(OLD_DIR, e);
}

struct replacement {
	const struct datapath *d;
	struct nl_sock *route;
	int n, failed;
	struct err first;
};

static int replace_at(const struct in6 *key, const struct endpoint *ep, void *arg, struct err *e)
{
	struct replacement *x = arg;
	struct err mine;
	int r;

	(void)e;
	if (!datapath_is_link(key))
		return 0;
	r = datapath_replace(x->d, x->route, (int)ep->ifindex, &mine);
	if (r > 0)
		x->n++;
	if (r < 0 && r != -ENODEV && !x->failed) {
		x->first = mine;
		x->failed = r;
	}
	return 0;
}

static int replace_all(struct nl_sock *route, struct err *e)
{
	_cleanup_datapath_ struct datapath d = DATAPATH_CLOSED;
	struct replacement x = { .d = &d, .route = route };
	int r = datapath_open_pins(&d, e);

	if (r > 0)
		r = datapath_each(&d, replace_at, &x, e);
	if (r < 0)
		return r;
	if (x.failed) {
		*e = x.first;
		return x.failed;
	}
	r = datapath_raise(&d, e);
	if (r == 0)
		r = mark_current(e);
	return r < 0 ? r : x.n;
}

static int load_over(const struct datapath *d, uint32_t old_size, uint32_t size, bool locks,
                     struct err *e)
{
	_cleanup_object_ struct bpf_object *o = NULL;
	struct sizes sizes = {
		.image = size,
		.endpoint_buckets = d->pods.mask + 1,
		.locks = locks,
	};
	struct bpf_map_info info;
	int r = sys_map_info(d->flow, &info);

	if (r < 0)
		return err_sys(e, -r, "ask for " CNIDA_BPF_DIR "/flow");
	sizes.flow_buckets = info.max_entries;
	r = open_object(&sizes, &o, e);
	if (r < 0)
		return r;
	r = reuse(o, "cnida_control", d->control);
	if (r == 0)
		r = reuse(o, "cnida_endpoint", d->endpoint);
	if (r == 0)
		r = reuse(o, "cnida_flow", d->flow);
	if (r == 0 && size == old_size)
		r = reuse(o, "cnida_policy", d->policy);
	if (r < 0)
		return bpf_error(e, r, "use the tables that are there");
	r = load_object(o, e);
	if (r == 0)
		r = pin_object(o, e);
	/* Images of another size: the same policy goes into a map of the new kind. */
	if (r == 0 && size != old_size)
		r = datapath_copy_image(d, bpf_object__find_map_fd_by_name(o, "cnida_policy"), size,
		                        e);
	if (r == 0)
		r = swap_dirs(e);
	return r < 0 || size == old_size ? r : datapath_set_image_size(d, size, e);
}

int loader_upgrade(const struct loader_conf *conf, struct nl_sock *route, struct err *e)
{
	_cleanup_datapath_ struct datapath d = DATAPATH_CLOSED;
	_cleanup_close_ int lock = -1;
	int64_t old_size;
	int r = check_conf(conf, e);

	if (r == 0)
		lock = r = take_lock(e);
	if (r >= 0)
		r = find_pins(e);
	if (r > 0)
		r = datapath_open_pins(&d, e);
	if (r == 0)
		return err_set(e, CNI_E_INTERNAL, ENOENT, "no eBPF programs are loaded");
	if (r < 0)
		return r;
	old_size = datapath_image_size(&d, e);
	if (old_size < 0)
		return (int)old_size;
	r = load_over(&d, (uint32_t)old_size,
	              conf->image_size > old_size ? conf->image_size : (uint32_t)old_size,
	              needs_locks(conf), e);
	return r < 0 ? r : replace_all(route, e);
}

int loader_unload(struct err *e)
{
	_cleanup_close_ int lock = take_lock(e);
	int r;

	if (lock < 0)
		return lock;
	r = remove_dir(NEW_DIR, e);
	if (r == 0)
		r = remove_dir(OLD_DIR, e);
	if (r == 0)
		r = remove_dir(CNIDA_BPF_DIR, e);
	if (r == 0 && rmdir(CNIDA_BPF_ROOT) < 0 && errno != ENOENT && errno != ENOTEMPTY)
		r = err_sys(e, errno, "remove " CNIDA_BPF_ROOT);
	return r;
}
