/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_delegate.c - exec of foreign plugins: shell scripts in a temporary folder, and Debian's static
 *
 * Each script is a plugin; what it prints, reads and exits with is the row of a table.
 */
#include "plugin_folder.h"

#include "base/cleanup.h"
#include "base/json.h"
#include "spec/child.h"
#include "spec/delegate.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CONFIG "{\"cniVersion\":\"1.0.0\",\"name\":\"n1\"}"
#define DEBIAN "/usr/lib/cni"

Test(delegate, find, .init = folder_make, .fini = folder_remove)
{
	static const struct {
		const char *name, *type, *path; /* %s: the folder */
		const char *found;              /* in the folder; NULL: none */
		int code;
		const char *msg;
	} rows[] = {
		{ "there", "plain", "%s", "plain", 0, NULL },
		{ "in the second folder", "plain", "/nowhere:%s", "plain", 0, NULL },
		{ "a link", "alias", "%s", "alias", 0, NULL },
		{ "empty folders are passed over", "plain", "::%s:", "plain", 0, NULL },
		{ "nowhere", "x", "/nowhere:/neither", NULL, 999,
		  "failed to find plugin \"x\" in path [/nowhere /neither]" },
		{ "a folder is no plugin", "dir", "/a:%s", NULL, 999, NULL },
		{ "only empty folders", "plain", "::", NULL, 999,
		  "failed to find plugin \"plain\" in path [  ]" },
		{ "dot", ".", "%s", NULL, 999, NULL },
		{ "no name", "", "%s", NULL, 7, "no plugin name provided" },
		{ "a path", "../plain", "%s", NULL, 7, "invalid plugin name: ../plain" },
		{ "no path", "plain", "", NULL, 4, "no paths provided" },
	};

	folder_file("plain", "", 0644);
	cr_assert(symlink("plain", folder_path("alias")) == 0, "symlink: %s", strerror(errno));
	cr_assert(mkdir(folder_path("dir"), 0700) == 0, "mkdir: %s", strerror(errno));
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char path[PATH_MAX + 64], found[PATH_MAX];
		const char *at = strstr(rows[i].path, "%s");
		struct err e = { 0 };
		int r;

		if (at)
			(void)snprintf(path, sizeof(path), "%.*s%s%s", (int)(at - rows[i].path),
			               rows[i].path, folder_path(""), at + 2);
		else
			(void)snprintf(path, sizeof(path), "%s", rows[i].path);
		r = delegate_find(rows[i].type, path, found, &e);
		cr_assert((r == 0) == (rows[i].found != NULL), "%s: found %d (%s)", rows[i].name, r,
		          e.msg);
		if (rows[i].found)
			cr_assert_str_eq(found, folder_path(rows[i].found), "%s: found %s",
			                 rows[i].name, found);
		else
			cr_assert(e.code == rows[i].code, "%s: expected code %d, found %d",
			          rows[i].name, rows[i].code, e.code);
		if (rows[i].msg)
			cr_assert_str_eq(e.msg, rows[i].msg, "%s: expected %s, found %s",
			                 rows[i].name, rows[i].msg, e.msg);
	}
}

Test(delegate, answers, .init = folder_make, .fini = folder_remove)
{
	static const struct {
		const char *name, *script, *out;
		int r, code; /* when it fails */
		const char *msg, *details;
	} rows[] = {
		{ "stdin comes back", "cat", CONFIG, 0, 0, NULL, NULL },
		{ "nothing", ":", "", 0, 0, NULL, NULL },
		{ "does not read", "exec 0<&-; echo hello", "hello\n", 0, 0, NULL, NULL },
		{ "the verb and the rest of the environment", "echo $CNI_COMMAND $CNI_TEST_VALUE",
		  "DEL kept\n", 0, 0, NULL, NULL },
		{ "one argument, its path", "echo $# ${0##*/}", "0 plugin\n", 0, 0, NULL, NULL },
		{ "SIGPIPE has its default, nothing is blocked",
		  /* SIGPIPE is bit 12. What else is ignored comes from who ran the test. */
		  "grep -cE 'SigBlk.*[1-9a-f]|SigIgn.*[13579bdf]...$' /proc/self/status || :",
		  "0\n", 0, 0, NULL, NULL },
		{ "no descriptor of ours", "ls /proc/self/fd | grep -vc '^[0-3]$' || :", "0\n", 0,
		  0, NULL, NULL },
		{ "a group of its own", "[ $(cut -d' ' -f5 /proc/self/stat) = $$ ] && echo yes",
		  "yes\n", 0, 0, NULL, NULL },
		{ "a daemon that holds stdout is not waited for", "sleep 6 & echo started",
		  "started\n", 0, 0, NULL, NULL },
		{ "stdout closed early", "echo a; exec 1>&-; cat >/dev/null", "a\n", 0, 0, NULL,
		  NULL },
		{ "its error, as it is",
		  "echo '{\"code\":11,\"msg\":\"busy\",\"details\":\"later\"}'; exit 1", NULL,
		  -EAGAIN, 11, "busy", "later" },
		{ "its error in capitals, with a code of its own",
		  "echo '{\"CODE\":123,\"Msg\":\"x\"}'; exit 3", NULL, -EINVAL, 123, "x", "" },
		{ "code 0 stays", "echo '{\"msg\":\"x\"}'; exit 1", NULL, -EINVAL, 0, "x", "" },
		{ "silent", "exit 7", NULL, -EINVAL, 999,
		  "netplugin failed with no error message: exit status 7", "" },
		{ "empty document", "echo '{}'; exit 2", NULL, -EINVAL, 999,
		  "netplugin failed with no error message: exit status 2", "" },
		{ "killed", "kill -KILL $$", NULL, -EINVAL, 999,
		  "netplugin failed with no error message: signal: Killed", "" },
		{ "no JSON", "echo oops; exit 1", NULL, -EINVAL, 999,
		  "netplugin failed but error parsing its diagnostic message \"oops\\n\": "
		  "invalid character 'o' looking for beginning of value",
		  "" },
		{ "JSON that is no error", "echo '{\"code\":\"1\"}'; exit 1", NULL, -EINVAL, 999,
		  "netplugin failed but error parsing its diagnostic message \"{\\\"code\\\":\\\"1\\\"}\\n\": "
		  "code: expected an integer, found \"1\"",
		  "" },
	};
	struct request req = folder_request(CONFIG, strlen(CONFIG));

	cr_assert(setenv("CNI_COMMAND", "ADD", 1) == 0 && setenv("CNI_TEST_VALUE", "kept", 1) == 0,
	          "setenv failed");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_free_ char *out = NULL;
		struct err e = { 0 };
		long long start = child_deadline(0);
		int r;

		folder_script(rows[i].script);
		r = delegate_exec(&req, "plugin", CNI_DEL, 10000, &out, &e);
		cr_assert(r == rows[i].r, "%s: expected %d, found %d (%d %s)", rows[i].name,
		          rows[i].r, r, e.code, e.msg);
		if (r == 0)
			cr_assert_str_eq(out, rows[i].out, "%s: expected %s, found %s",
			                 rows[i].name, rows[i].out, out);
		else
			cr_assert(!out && e.code == rows[i].code &&
			                  strcmp(e.msg, rows[i].msg) == 0 &&
			                  strcmp(e.details, rows[i].details) == 0,
			          "%s: expected %d \"%s\" \"%s\", found %d \"%s\" \"%s\"",
			          rows[i].name, rows[i].code, rows[i].msg, rows[i].details, e.code,
			          e.msg, e.details);
		cr_assert(child_deadline(0) - start < 5000, "%s: took %lld ms", rows[i].name,
		          child_deadline(0) - start);
		folder_no_child(rows[i].name);
	}
	cr_assert_str_eq(getenv("CNI_COMMAND"), "ADD", "our own environment was changed");
}

Test(delegate, cannot_start, .init = folder_make, .fini = folder_remove)
{
	struct request req = folder_request(CONFIG, strlen(CONFIG));
	struct err e = { 0 };
	char expected[PATH_MAX + 96];
	int r;

	folder_file("plain", "#!/bin/sh\n", 0644);
	r = delegate_exec(&req, "plain", CNI_ADD, 1000, NULL, &e);
	cr_assert(r == -EACCES && e.code == CNI_E_INTERNAL, "not executable: found %d, code %d", r,
	          e.code);
	(void)snprintf(expected, sizeof(expected),
	               "netplugin failed with no error message: exec %s: Permission denied",
	               folder_path("plain"));
	cr_assert_str_eq(e.msg, expected, "not executable: found %s", e.msg);
	folder_no_child("not executable");

	folder_file("plain", "no program\n", 0755);
	r = delegate_exec(&req, "plain", CNI_ADD, 1000, NULL, &e);
	cr_assert(r == -ENOEXEC, "no program: expected %d, found %d (%s)", -ENOEXEC, r, e.msg);
	folder_no_child("no program");

	r = delegate_exec(&req, "absent", CNI_ADD, 1000, NULL, &e);
	cr_assert(r == -ENOENT, "absent: expected %d, found %d (%s)", -ENOENT, r, e.msg);
}

static void copy_true(void)
{
	_cleanup_close_ int from = open("/bin/true", O_RDONLY | O_CLOEXEC);
	_cleanup_close_ int to = open(folder_path("busy"), O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	char buf[16384];
	ssize_t n;

	cr_assert(from >= 0 && to >= 0, "open: %s", strerror(errno));
	while ((n = read(from, buf, sizeof(buf))) > 0)
		cr_assert(write(to, buf, (size_t)n) == n, "write: %s", strerror(errno));
}

/* In another process: keep the file open for writing until we are told, and half a second more. */
_Noreturn static void hold_open(int talk)
{
	const struct timespec pause = { .tv_nsec = 500000000 };
	int fd;
	char c;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	fd = open(folder_path("busy"), O_WRONLY | O_CLOEXEC);
	(void)!write(talk, fd >= 0 ? "y" : "n", 1);
	(void)!read(talk, &c, 1);
	(void)nanosleep(&pause, NULL);
	_exit(0);
}

/* A plugin that is being installed: another process has it open for writing for a while. */
Test(delegate, busy, .init = folder_make, .fini = folder_remove)
{
	struct request req = folder_request(CONFIG, strlen(CONFIG));
	struct err e = { 0 };
	long long start;
	pid_t writer;
	int r, talk[2];
	char c;

	copy_true();
	cr_assert(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, talk) == 0, "socketpair: %s",
	          strerror(errno));
	writer = fork();
	cr_assert(writer >= 0, "fork: %s", strerror(errno));
	if (writer == 0)
		hold_open(talk[1]);
	(void)close(talk[1]);
	cr_assert(read(talk[0], &c, 1) == 1 && c == 'y', "the writer could not open it");

	r = delegate_exec(&req, "busy", CNI_ADD, 300, NULL, &e);
	cr_assert(r == -ETXTBSY && e.code == CNI_E_TRY_AGAIN,
	          "no time to try again: expected %d, found %d, code %d (%s)", -ETXTBSY, r, e.code,
	          e.msg);
	cr_assert(write(talk[0], "x", 1) == 1, "write: %s", strerror(errno));
	start = child_deadline(0);
	r = delegate_exec(&req, "busy", CNI_ADD, 10000, NULL, &e);
	cr_assert(r == 0, "tried again: expected 0, found %d (%s)", r, e.msg);
	cr_assert(child_deadline(0) - start >= 900,
	          "tried again: expected a second's wait, found %lld ms",
	          child_deadline(0) - start);
	cr_assert(waitpid(writer, NULL, 0) == writer, "waitpid: %s", strerror(errno));
	(void)close(talk[0]);
}

Test(delegate, add, .init = folder_make, .fini = folder_remove)
{
	static const struct {
		const char *name, *script;
		size_t n_ips;
		int r, code;
		const char *msg;
	} rows[] = {
		{ "its version",
		  "echo '{\"cniVersion\":\"0.2.0\",\"ip4\":{\"ip\":\"10.0.0.2/24\"}}'", 1, 0, 0,
		  NULL },
		{ "no version: the configuration's",
		  "echo '{\"ips\":[{\"address\":\"10.0.0.2/24\"}]}'", 1, 0, 0, NULL },
		{ "empty version",
		  "echo '{\"cniVersion\":\"\",\"ips\":[{\"address\":\"10.0.0.2/24\"}]}'", 1, 0, 0,
		  NULL },
		{ "null", "printf ' null\\n'", 0, 0, 0, NULL },
		{ "the verb is ADD",
		  "[ $CNI_COMMAND = ADD ] && echo '{\"ips\":[{\"address\":\"10.0.0.2/24\"}]}'", 1,
		  0, 0, NULL },
		{ "nothing", ":", 0, -EINVAL, 6,
		  "failed to unmarshal raw result: unexpected end of JSON input" },
		{ "nullx", "echo nullx", 0, -EINVAL, 6,
		  "failed to unmarshal raw result: invalid character 'x' after top-level value" },
		{ "no result", "echo '{\"ips\":5}'", 0, -EINVAL, 6,
		  "failed to unmarshal raw result: ips: expected an array, found 5" },
		{ "unknown version", "echo '{\"cniVersion\":\"9.0.0\"}'", 0, -EINVAL, 1,
		  "failed to unmarshal raw result: cniVersion: unsupported CNI result version \"9.0.0\"" },
		{ "its error", "echo '{\"code\":50,\"msg\":\"full\"}'; exit 1", 0, -EINVAL, 50,
		  "full" },
	};
	struct request req = folder_request(CONFIG, strlen(CONFIG));

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct result res;
		struct err e = { 0 };
		int r;

		folder_script(rows[i].script);
		r = delegate_add(&req, "plugin", &res, &e);
		cr_assert(r == rows[i].r && e.code == rows[i].code,
		          "%s: expected %d, code %d, found %d, code %d (%s)", rows[i].name,
		          rows[i].r, rows[i].code, r, e.code, e.msg);
		cr_assert(res.n_ips == rows[i].n_ips, "%s: expected %zu addresses, found %zu",
		          rows[i].name, rows[i].n_ips, res.n_ips);
		if (rows[i].msg)
			cr_assert_str_eq(e.msg, rows[i].msg, "%s: expected %s, found %s",
			                 rows[i].name, rows[i].msg, e.msg);
		result_free(&res);
	}
}

#define STATIC(version)                                                                   \
	"{\"cniVersion\":\"" version                                                      \
	"\",\"name\":\"n1\",\"type\":\"bridge\",\"ipam\":{\"type\":\"static\","           \
	"\"addresses\":[{\"address\":\"10.10.0.1/24\",\"gateway\":\"10.10.0.254\"},"      \
	"{\"address\":\"3ffe:ffff:0:01ff::1/64\"}],\"routes\":[{\"dst\":\"0.0.0.0/0\"}]," \
	"\"dns\":{\"domain\":\"example.com\"}}}"

/* The original: what Debian's static plugin prints is read, and written back as it was. */
Test(delegate, debian_static)
{
	static const struct {
		const char *config;
		enum cni_version version;
	} rows[] = {
		{ STATIC("0.1.0"), CNI_0_1_0 }, { STATIC("0.2.0"), CNI_0_2_0 },
		{ STATIC("0.3.0"), CNI_0_3_0 }, { STATIC("0.3.1"), CNI_0_3_1 },
		{ STATIC("0.4.0"), CNI_0_4_0 }, { STATIC("1.0.0"), CNI_1_0_0 },
	};

	if (access(DEBIAN "/static", X_OK) < 0)
		cr_skip_test("no " DEBIAN "/static (package containernetworking-plugins)");
	(void)setenv("CNI_CONTAINERID", "c1", 1);
	(void)setenv("CNI_NETNS", "/run/netns/a", 1);
	(void)setenv("CNI_IFNAME", "eth0", 1);
	(void)setenv("CNI_PATH", DEBIAN, 1);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_free_ char *theirs = NULL, *ours = NULL;
		const char *name = cni_version_str(rows[i].version);
		struct request req = folder_request(rows[i].config, strlen(rows[i].config));
		struct result res;
		struct err e = { 0 };

		req.path = DEBIAN;
		req.version = rows[i].version;
		cr_assert(delegate_exec(&req, "static", CNI_ADD, 10000, &theirs, &e) == 0, "%s: %s",
		          name, e.msg);
		cr_assert(delegate_add(&req, "static", &res, &e) == 0, "%s: %s", name, e.msg);
		cr_assert(res.n_ips == 2 && res.n_routes == 1 && res.dns,
		          "%s: found %zu addresses, %zu routes", name, res.n_ips, res.n_routes);
		cr_assert(result_text(&res, rows[i].version, &ours, &e) == 0, "%s: %s", name,
		          e.msg);
		/* From 1.0.0 on its keys are in another order. */
		if (rows[i].version < CNI_1_0_0)
			cr_assert_str_eq(ours, theirs, "%s: expected %s, found %s", name, theirs,
			                 ours);
		cr_assert(delegate_exec(&req, "static", CNI_DEL, 10000, NULL, &e) == 0,
		          "%s: DEL: %s", name, e.msg);
		result_free(&res);
	}

	static const char bad[] = "{\"cniVersion\":\"1.0.0\",\"name\":\"n1\","
				  "\"ipam\":{\"addresses\":[{\"address\":\"x\"}]}}";
	struct request req = folder_request(bad, strlen(bad));
	struct result res;
	struct err e = { 0 };

	req.path = DEBIAN;
	cr_assert(delegate_add(&req, "static", &res, &e) < 0 && e.code == 999,
	          "bad address: found %d %s", e.code, e.msg);
	cr_assert(strstr(e.msg, "CIDR notation"), "bad address: found %s", e.msg);
}
