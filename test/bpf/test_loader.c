/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_loader.c - loading, upgrading, attaching; the tables as user space sees them
 */
#include "lab.h"

#include "base/cleanup.h"
#include "bpf/clsact.h"
#include "bpf/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct lab_rule rules[] = { { 2, A, TCP, 80, 80 } };
static const struct lab_policy strict = { .rules = rules, .n = 1, .ingress = { [B] = 2 } };

static bool exists(const char *path)
{
	return access(path, F_OK) == 0;
}

Test(loader, once)
{
	struct loader_conf conf = LOADER_DEFAULTS;
	struct datapath d;
	struct lab lab;
	struct err e;

	lab_open(&lab, CONTROL_FASTPATH);
	cr_expect(loader_is_current(), "current after loading");
	cr_expect(loader_load(&conf, &e) == 0, "loading again: expected 0");
	cr_expect(!exists(CNIDA_BPF_ROOT "/new") && !exists(CNIDA_BPF_ROOT "/old"),
	          "expected no other folder");
	datapath_close(&lab.d);
	cr_expect(loader_unload(&e) == 0 && !exists(CNIDA_BPF_ROOT), "unload: %s", e.msg);
	cr_expect(!loader_is_current());
	cr_expect(datapath_open(&d, &e) == 0 && d.control == -1,
	          "open, nothing loaded: expected 0");
	cr_expect(loader_upgrade(&conf, &lab.route, &e) == -ENOENT, "upgrade of nothing");
	cr_expect(loader_load(&conf, &e) == 1, "loading anew: %s", e.msg);
}

Test(loader, configuration)
{
	static const struct {
		struct loader_conf conf;
		bool good;
	} rows[] = {
		{ { 1, 1, 4096, 0, false }, true },
		{ { 4096, 512, 65536, 1, false }, true },
		{ { 0, 512, 65536, 0, false }, false },
		{ { 4096, 0, 65536, 0, false }, false },
		{ { 4096, 512, 65537, 0, false }, false },
		{ { 4096, 512, 2048, 0, false }, false },
		{ { 4096, 512, 2 << 20, 0, false }, false },
		{ { 4096, 512, 1 << 20, 3, false }, true },
	};
	struct lab lab;
	struct err e;

	lab_open(&lab, 0);
	datapath_close(&lab.d);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int r;

		cr_assert(loader_unload(&e) == 0);
		r = loader_load(&rows[i].conf, &e);
		cr_expect((r == 1) == rows[i].good, "row %zu: found %d, %s", i, r,
		          r < 0 ? e.msg : "");
		if (r < 0)
			continue;
		cr_assert(datapath_open(&lab.d, &e) == 1, "%s", e.msg);
		cr_expect(datapath_image_size(&lab.d, &e) == (int64_t)rows[i].conf.image_size,
		          "row %zu: image size", i);
		datapath_close(&lab.d);
	}
}

/* Killed between the two renames of an upgrade: whoever comes next takes what is complete. */
Test(loader, taken_up_where_it_was_left)
{
	struct loader_conf conf = LOADER_DEFAULTS;
	struct lab lab;
	struct err e;

	lab_open(&lab, CONTROL_FASTPATH);
	datapath_close(&lab.d);
	cr_assert(rename(CNIDA_BPF_DIR, CNIDA_BPF_ROOT "/new") == 0);
	cr_expect(loader_load(&conf, &e) == 0 && exists(CNIDA_BPF_DIR "/from_pod"),
	          "complete: expected to be taken");
	cr_assert(rename(CNIDA_BPF_DIR, CNIDA_BPF_ROOT "/new") == 0);
	cr_assert(rmdir(CNIDA_BPF_ROOT "/new/complete") == 0);
	cr_expect(loader_load(&conf, &e) == 1, "incomplete: expected to be loaded anew");
}

static uint32_t prog_id(int fd)
{
	struct bpf_prog_info info;

	cr_assert(sys_prog_info(fd, &info, NULL, NULL) == 0);
	return info.id;
}

Test(loader, upgrade)
{
	struct loader_conf conf = LOADER_DEFAULTS;
	struct spec yes = { .from = A, .to = B, .proto = TCP, .sport = 1, .dport = 80 }, no = yes;
	uint32_t before, max;
	struct lab lab;
	struct err e;

	no.dport = 81;
	lab_open(&lab, CONTROL_FASTPATH);
	lab_apply(&lab, &strict);
	for (enum who who = A; who <= C; who++)
		cr_assert(datapath_attach(&lab.d, &lab.route, (int)lab.link[who], &e) == 0, "%s",
		          e.msg);
	before = prog_id(lab.d.from_pod);
	(void)lab_sends(&lab, &yes, false);
	for (int i = 0; i < 3; i++) {
		int r;

		datapath_close(&lab.d);
		conf.image_size = i == 1 ? 131072 : 65536;
		max = i >= 1 ? 131072 : 65536;
		r = loader_upgrade(&conf, &lab.route, &e);
		cr_expect(r == 3, "upgrade %d: expected 3 veths, found %d %s", i, r,
		          r < 0 ? e.msg : "");
		cr_assert(datapath_open(&lab.d, &e) == 1, "%s", e.msg);
		cr_expect(datapath_image_size(&lab.d, &e) == max, "upgrade %d: image size", i);
		cr_expect(prog_id(lab.d.from_pod) != before, "upgrade %d: other programs", i);
		before = prog_id(lab.d.from_pod);
		for (enum who who = A; who <= C; who++) {
			int64_t id = clsact_find(&lab.route, (int)lab.link[who], true, &e);

			cr_expect(id == before,
			          "upgrade %d, pod %d: expected program %u, found %lld", i,
			          (int)who, before, (long long)id);
		}
		cr_expect(lab_flows(&lab) >= 1, "upgrade %d: flows are kept", i);
		lab_expect(lab_sends(&lab, &yes, false), HANDED_OVER,
		           "upgrade %d: the policy is kept", i);
		lab_expect(lab_sends(&lab, &no, false), DROPPED, "upgrade %d: the policy is kept",
		           i);
		lab_apply(&lab, &strict);
		lab_expect(lab_sends(&lab, &yes, false), HANDED_OVER, "upgrade %d: another policy",
		           i);
	}
	cr_expect(loader_is_current() && !exists(CNIDA_BPF_ROOT "/old") &&
	          !exists(CNIDA_BPF_ROOT "/new"));
}

Test(attach, twice_and_away)
{
	struct lab lab;
	struct err e;
	int a;

	lab_open(&lab, CONTROL_FASTPATH);
	a = (int)lab.link[A];
	cr_expect(datapath_attached(&lab.d, &lab.route, a, &e) == 0, "nothing yet");
	cr_expect(datapath_replace(&lab.d, &lab.route, a, &e) == 0, "nothing to replace");
	cr_expect(datapath_detach(&lab.d, &lab.route, a, &e) == 0, "nothing to detach");
	for (int i = 0; i < 2; i++)
		cr_expect(datapath_attach(&lab.d, &lab.route, a, &e) == 0, "attach %d: %s", i,
		          e.msg);
	cr_expect(datapath_attached(&lab.d, &lab.route, a, &e) == 1, "both are there");
	cr_expect(datapath_replace(&lab.d, &lab.route, a, &e) == 1, "replaced by themselves");
	cr_expect(datapath_detach(&lab.d, &lab.route, a, &e) == 0, "%s", e.msg);
	cr_expect(datapath_attached(&lab.d, &lab.route, a, &e) == 0, "gone");
	cr_expect(datapath_attach(&lab.d, &lab.route, 9999, &e) == -ENODEV,
	          "no such link: found %s", e.msg);
}

/* Filters of clsact, one direction after the other. */
Test(attach, clsact)
{
	struct lab lab;
	struct err e;
	int a;

	lab_open(&lab, CONTROL_FASTPATH);
	a = (int)lab.link[A];
	for (int again = 0; again < 2; again++) {
		for (int ingress = 0; ingress < 2; ingress++) {
			cr_expect(clsact_find(&lab.route, a, ingress, &e) == 0, "none yet");
			cr_expect(clsact_detach(&lab.route, a, ingress, &e) == 0,
			          "nothing to detach");
		}
		/* Crossed over first, to be replaced by what is right. */
		cr_expect(clsact_attach(&lab.route, a, lab.d.to_pod, lab.d.from_pod, &e) == 0, "%s",
		          e.msg);
		cr_expect(clsact_find(&lab.route, a, true, &e) == prog_id(lab.d.to_pod),
		          "the first program");
		cr_expect(clsact_attach(&lab.route, a, lab.d.from_pod, lab.d.from_pod, &e) == 0,
		          "%s", e.msg);
		cr_expect(clsact_replace(&lab.route, a, false, lab.d.to_pod, &e) == 0,
		          "replace: %s", e.msg);
		cr_expect(clsact_find(&lab.route, a, true, &e) == prog_id(lab.d.from_pod),
		          "ingress");
		cr_expect(clsact_find(&lab.route, a, false, &e) == prog_id(lab.d.to_pod), "egress");
		cr_expect(datapath_attached(&lab.d, &lab.route, a, &e) == 1, "both are there");
		for (int ingress = 0; ingress < 2; ingress++)
			cr_expect(clsact_detach(&lab.route, a, ingress, &e) == 0, "%s", e.msg);
	}
}

/* Where there is no clsact: by tcx, if this kernel has it. */
Test(attach, tcx)
{
	uint32_t ids[SYS_PROGS_MAX];
	struct lab lab;
	struct err e;
	int a;

	lab_open(&lab, CONTROL_FASTPATH);
	a = (int)lab.link[A];
	if (sys_tcx_attach(lab.d.to_pod, lab.link[A], SYS_TCX_INGRESS, SYS_ATTACH_BEFORE, -1) ==
	    -EINVAL)
		cr_skip_test("this kernel has no tcx");
	cr_expect(sys_tcx_attach(lab.d.from_pod, lab.link[A], SYS_TCX_INGRESS, SYS_ATTACH_BEFORE,
	                         -1) == 0);
	cr_expect(sys_tcx_query(lab.link[A], SYS_TCX_INGRESS, ids) == 2 &&
	                  ids[0] == prog_id(lab.d.from_pod),
	          "before the other");
	cr_expect(sys_tcx_detach(lab.d.to_pod, lab.link[A], SYS_TCX_INGRESS) == 0);
	cr_expect(sys_tcx_attach(lab.d.to_pod, lab.link[A], SYS_TCX_EGRESS, SYS_ATTACH_BEFORE,
	                         -1) == 0);
	cr_expect(datapath_attached(&lab.d, &lab.route, a, &e) == 1, "both are there");
	cr_expect(datapath_replace(&lab.d, &lab.route, a, &e) == 1, "replace: %s", e.msg);
	cr_expect(sys_tcx_query(lab.link[A], SYS_TCX_EGRESS, ids) == 1 &&
	                  ids[0] == prog_id(lab.d.to_pod),
	          "one after replacing");
	cr_expect(datapath_detach(&lab.d, &lab.route, a, &e) == 0, "%s", e.msg);
	cr_expect(sys_tcx_query(lab.link[A], SYS_TCX_EGRESS, ids) == 0, "none left");
}

static int count(const struct in6 *key, const struct endpoint *ep, void *arg, struct err *e)
{
	(void)key;
	(void)ep;
	(void)e;
	(*(int *)arg)++;
	return 0;
}

Test(datapath, table_of_pods)
{
	struct loader_conf conf = LOADER_DEFAULTS;
	struct ip_addr addr = { .family = AF_INET, .bytes = { 10, 9, 0, 0 } };
	struct lab lab;
	struct err e;
	int n = 0, r = 0, i;

	conf.max_endpoints = 64;
	lab_open_sized(&lab, &conf);
	cr_expect(datapath_each(&lab.d, count, &n, &e) == 0 && n == 9,
	          "three pods: expected 9 entries, found %d", n);
	for (i = 0; i < 100 && r == 0; i++) {
		struct endpoint ep = { .ifindex = (uint32_t)(1000 + i) };

		addr.bytes[3] = (uint8_t)i;
		r = datapath_put(&lab.d, &ep, &addr, 1, &e);
	}
	cr_expect(r == -ENOSPC && e.code == CNI_E_TRY_AGAIN,
	          "full: expected ENOSPC, found %d after %d", r, i);
	n = 0;
	(void)datapath_each(&lab.d, count, &n, &e);
	cr_expect(n == 9 + 2 * (i - 1),
	          "what did not fit leaves nothing: expected %d entries, found %d", 9 + 2 * (i - 1),
	          n);
	while (--i >= 0) {
		addr.bytes[3] = (uint8_t)i;
		/* Of another interface: stays. */
		cr_expect(datapath_remove(&lab.d, 999, &addr, 1, &e) == 0);
		cr_expect(datapath_remove(&lab.d, (uint32_t)(1000 + i), &addr, 1, &e) == 0);
	}
	n = 0;
	(void)datapath_each(&lab.d, count, &n, &e);
	cr_expect(n == 9, "all removed: expected 9 entries, found %d", n);
}

Test(datapath, images)
{
	static uint8_t image[70000];
	struct image_header h;
	struct control c, later;
	struct lab lab;
	struct err e;

	lab_open(&lab, CONTROL_FASTPATH);
	cr_expect(datapath_image(&lab.d, &h, sizeof(h), &e) == 0, "none yet");
	cr_expect(datapath_install(&lab.d, image, sizeof(image), &e) == -EFBIG, "too large");
	lab_apply(&lab, &strict);
	cr_expect(datapath_image(&lab.d, &h, sizeof(h), &e) == 1 && h.magic == IMAGE_MAGIC &&
	                  h.parity == 1,
	          "the first");
	lab_apply(&lab, &strict);
	cr_expect(datapath_image(&lab.d, &h, sizeof(h), &e) == 1 && h.parity == 0, "the second");
	cr_assert(datapath_get_control(&lab.d, &c, &e) == 0);
	cr_assert(datapath_set_switches(&lab.d, CONTROL_DEFER, &e) == 0);
	cr_assert(datapath_get_control(&lab.d, &later, &e) == 0);
	cr_expect(later.generation > c.generation && later.flags == CONTROL_DEFER &&
	                  later.image_size == 65536,
	          "switches");
}
