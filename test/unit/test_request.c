/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_request.c - environment and configuration of a request, and what is said about wrong ones
 */
#include "base/cleanup.h"
#include "base/json.h"
#include "spec/request.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define ALL           "CNI_CONTAINERID=c1|CNI_NETNS=/run/netns/a|CNI_IFNAME=eth0|CNI_PATH=/opt/cni/bin"
#define GOOD          "{\"cniVersion\":\"1.1.0\",\"name\":\"n1\"}"
#define LIST_FROM_031 "\"0.3.1\" \"0.4.0\" \"1.0.0\" \"1.1.0\""
#define LIST          "\"0.1.0\" \"0.2.0\" \"0.3.0\" " LIST_FROM_031

/* The environment becomes exactly "A=1|B=2". */
static void environment(const char *text)
{
	char copy[1024], *save = NULL;

	cr_assert(clearenv() == 0, "clearenv failed");
	(void)snprintf(copy, sizeof(copy), "%s", text);
	for (char *p = strtok_r(copy, "|", &save); p; p = strtok_r(NULL, "|", &save)) {
		char *eq = strchr(p, '=');

		*eq = '\0';
		cr_assert(setenv(p, eq + 1, 1) == 0, "setenv failed");
	}
}

static int input(const char *text, size_t len)
{
	int fd = memfd_create("stdin", MFD_CLOEXEC);

	cr_assert(fd >= 0, "memfd_create: %s", strerror(errno));
	for (size_t done = 0; done < len;) {
		ssize_t n = write(fd, text + done, len - done);

		cr_assert(n > 0, "write: %s", strerror(errno));
		done += (size_t)n;
	}
	cr_assert(lseek(fd, 0, SEEK_SET) == 0, "lseek failed");
	return fd;
}

static int ask(const char *env, const char *config, enum cni_verb verb, enum cni_version min,
               struct request *ret, struct err *e)
{
	_cleanup_close_ int fd = input(config, strlen(config));

	environment(env);
	return request_read(fd, verb, min, ret, e);
}

Test(request, verb)
{
	static const struct {
		const char *env;
		int result;
		enum cni_verb verb;
		const char *msg;
	} rows[] = {
		{ "CNI_COMMAND=ADD", 1, CNI_ADD, NULL },
		{ "CNI_COMMAND=CHECK", 1, CNI_CHECK, NULL },
		{ "CNI_COMMAND=DEL", 1, CNI_DEL, NULL },
		{ "CNI_COMMAND=GC", 1, CNI_GC, NULL },
		{ "CNI_COMMAND=STATUS", 1, CNI_STATUS, NULL },
		{ "CNI_COMMAND=VERSION", 1, CNI_VERSION, NULL },
		{ "", 0, CNI_ADD, NULL },
		{ "CNI_COMMAND=", 0, CNI_ADD, NULL },
		{ "CNI_COMMAND=FOO", -EINVAL, CNI_ADD, "unknown CNI_COMMAND: FOO" },
		{ "CNI_COMMAND=add", -EINVAL, CNI_ADD, "unknown CNI_COMMAND: add" },
		{ "CNI_COMMAND=a\xff\n", -EINVAL, CNI_ADD, "unknown CNI_COMMAND: a\\xff\\n" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		enum cni_verb verb = CNI_ADD;
		struct err e = { 0 };
		int r;

		environment(rows[i].env);
		r = request_verb(&verb, &e);
		cr_assert(r == rows[i].result && verb == rows[i].verb,
		          "%s: expected %d and verb %d, found %d and %d", rows[i].env,
		          rows[i].result, (int)rows[i].verb, r, (int)verb);
		if (r > 0)
			cr_assert_str_eq(cni_verb_str(verb), rows[i].env + strlen("CNI_COMMAND="),
			                 "%s: found %s", rows[i].env, cni_verb_str(verb));
		if (rows[i].msg)
			cr_assert(e.code == CNI_E_ENV && strcmp(e.msg, rows[i].msg) == 0,
			          "%s: expected code 4 %s, found code %d %s", rows[i].env,
			          rows[i].msg, e.code, e.msg);
	}
}

Test(request, good)
{
	static const struct {
		const char *name, *env, *config;
		enum cni_verb verb;
		enum cni_version min, version;
	} rows[] = {
		{ "ADD", ALL, GOOD, CNI_ADD, CNI_0_1_0, CNI_1_1_0 },
		{ "CHECK", ALL, GOOD, CNI_CHECK, CNI_0_1_0, CNI_1_1_0 },
		{ "DEL without a namespace", "CNI_CONTAINERID=c1|CNI_IFNAME=eth0|CNI_PATH=/a", GOOD,
		  CNI_DEL, CNI_0_1_0, CNI_1_1_0 },
		{ "GC needs the path only", "CNI_PATH=/a", GOOD, CNI_GC, CNI_0_1_0, CNI_1_1_0 },
		{ "STATUS needs the path only", "CNI_PATH=/a", GOOD, CNI_STATUS, CNI_0_1_0,
		  CNI_1_1_0 },
		{ "what is not needed is not looked at",
		  "CNI_PATH=/a|CNI_CONTAINERID=_x|CNI_IFNAME=a/b", GOOD, CNI_STATUS, CNI_0_1_0,
		  CNI_1_1_0 },
		{ "no version", ALL, "{\"name\":\"n1\"}", CNI_ADD, CNI_0_1_0, CNI_0_1_0 },
		{ "empty version", ALL, "{\"cniVersion\":\"\",\"name\":\"n1\"}", CNI_DEL, CNI_0_1_0,
		  CNI_0_1_0 },
		{ "null version", ALL, "{\"cniVersion\":null,\"name\":\"n1\"}", CNI_DEL, CNI_0_1_0,
		  CNI_0_1_0 },
		{ "keys in any case", ALL, "{\"CNIVERSION\":\"0.4.0\",\"Name\":\"n1\"}", CNI_CHECK,
		  CNI_0_1_0, CNI_0_4_0 },
		{ "the last spelling wins", ALL,
		  "{\"cniVersion\":\"9.9.9\",\"Name\":\"n1\",\"cniversion\":\"1.0.0\"}", CNI_ADD,
		  CNI_0_1_0, CNI_1_0_0 },
		{ "oldest of the type", ALL, "{\"cniVersion\":\"0.4.0\",\"name\":\"n1\"}", CNI_ADD,
		  CNI_0_4_0, CNI_0_4_0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct request req;
		struct err e = { 0 };
		int r = ask(rows[i].env, rows[i].config, rows[i].verb, rows[i].min, &req, &e);

		cr_assert(r == 0, "%s: expected 0, found %d (%d %s)", rows[i].name, r, e.code,
		          e.msg);
		cr_assert(req.version == rows[i].version, "%s: expected version %d, found %d",
		          rows[i].name, (int)rows[i].version, (int)req.version);
		cr_assert(req.verb == rows[i].verb, "%s: found verb %d", rows[i].name,
		          (int)req.verb);
		cr_assert_str_eq(req.network, "n1", "%s: found network \"%s\"", rows[i].name,
		                 req.network);
		cr_assert(req.text_len == strlen(rows[i].config) &&
		                  strcmp(req.text, rows[i].config) == 0,
		          "%s: expected the text as it was, found %s", rows[i].name, req.text);
		request_free(&req);
		cr_assert(!req.text && !req.config, "%s: something is left after request_free()",
		          rows[i].name);
	}
}

Test(request, values)
{
	static const char config[] =
		"{\"cniVersion\":\"1.1.0\",\"name\":\"n1\",\"PrevResult\":{\"ips\":[]},\"cni.dev/attachments\":[1]}";
	struct request req;
	struct err e = { 0 };
	int r = ask(ALL "|CNI_ARGS=A=1;B=2|CNI_NETNS_OVERRIDE=True", config, CNI_ADD, CNI_0_1_0,
	            &req, &e);

	cr_assert(r == 0, "expected 0, found %d (%s)", r, e.msg);
	cr_assert_str_eq(req.container_id, "c1", "container: found %s", req.container_id);
	cr_assert_str_eq(req.netns, "/run/netns/a", "namespace: found %s", req.netns);
	cr_assert_str_eq(req.ifname, "eth0", "interface: found %s", req.ifname);
	cr_assert_str_eq(req.args, "A=1;B=2", "arguments: found %s", req.args);
	cr_assert_str_eq(req.path, "/opt/cni/bin", "path: found %s", req.path);
	cr_assert(req.netns_override, "override: expected true");
	cr_assert(json_is_object(req.prev_result) && json_object_get(req.prev_result, "ips"),
	          "prevResult is not there");
	cr_assert(!req.valid_attachments, "attachments are for GC only");
	request_free(&req);

	static const struct {
		const char *value;
		bool expected;
	} overrides[] = {
		{ "1", true }, { "TRUE", true }, { "true", true }, { "0", false }, { "yes", false }
	};

	for (size_t i = 0; i < ARRAY_SIZE(overrides); i++) {
		char env[64];

		(void)snprintf(env, sizeof(env), "CNI_PATH=/a|CNI_NETNS_OVERRIDE=%s",
		               overrides[i].value);
		r = ask(env, GOOD, CNI_STATUS, CNI_0_1_0, &req, &e);
		cr_assert(r == 0 && req.netns_override == overrides[i].expected,
		          "override %s: found %d, %d", overrides[i].value, r, req.netns_override);
		request_free(&req);
	}
}

Test(request, version_does_not_touch_stdin)
{
	_cleanup_close_ int fd = input("{", 1);
	struct request req;
	struct err e = { 0 };
	int r;

	environment("CNI_CONTAINERID=_bad");
	r = request_read(fd, CNI_VERSION, CNI_0_1_0, &req, &e);
	cr_assert(r == 0, "expected 0, found %d (%s)", r, e.msg);
	cr_assert(lseek(fd, 0, SEEK_CUR) == 0, "stdin was read");
	cr_assert(!req.text && !req.config && req.version == CNI_VERSION_CURRENT,
	          "something was filled");
	request_free(&req);
}

struct refusal {
	const char *name, *env, *config;
	enum cni_verb verb;
	enum cni_version min;
	int code;
	const char *msg, *details;
	enum cni_version version;
};

static void check_refusals(const struct refusal *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct refusal *row = &rows[i];
		struct request req;
		struct err e = { 0 };
		int r = ask(row->env, row->config, row->verb, row->min, &req, &e);

		cr_assert(r < 0 && e.code == row->code,
		          "%s: expected code %d, found %d, code %d %s", row->name, row->code, r,
		          e.code, e.msg);
		cr_assert_str_eq(e.msg, row->msg, "%s: expected %s, found %s", row->name, row->msg,
		                 e.msg);
		cr_assert_str_eq(e.details, row->details, "%s: expected details %s, found %s",
		                 row->name, row->details, e.details);
		cr_assert(req.version == row->version, "%s: expected version %d, found %d",
		          row->name, (int)row->version, (int)req.version);
		request_free(&req);
	}
}

Test(request, refused_environment)
{
	static const struct refusal rows[] = {
		{ "nothing, ADD", "A=1", "{", CNI_ADD, CNI_0_1_0, 4,
		  "required env variables [CNI_CONTAINERID,CNI_NETNS,CNI_IFNAME,CNI_PATH] missing",
		  "", CNI_1_1_0 },
		{ "nothing, CHECK", "A=1", "{", CNI_CHECK, CNI_0_1_0, 4,
		  "required env variables [CNI_CONTAINERID,CNI_NETNS,CNI_IFNAME,CNI_PATH] missing",
		  "", CNI_1_1_0 },
		{ "nothing, DEL", "A=1", "{", CNI_DEL, CNI_0_1_0, 4,
		  "required env variables [CNI_CONTAINERID,CNI_IFNAME,CNI_PATH] missing", "",
		  CNI_1_1_0 },
		{ "nothing, GC", "A=1", "{", CNI_GC, CNI_0_1_0, 4,
		  "required env variables [CNI_PATH] missing", "", CNI_1_1_0 },
		{ "nothing, STATUS", "A=1", "{", CNI_STATUS, CNI_0_1_0, 4,
		  "required env variables [CNI_PATH] missing", "", CNI_1_1_0 },
		{ "empty is missing", "CNI_CONTAINERID=c1|CNI_NETNS=|CNI_IFNAME=eth0|CNI_PATH=/a",
		  "{", CNI_ADD, CNI_0_1_0, 4, "required env variables [CNI_NETNS] missing", "",
		  CNI_1_1_0 },
		{ "container ID begins with _", "CNI_CONTAINERID=_a|CNI_IFNAME=eth0|CNI_PATH=/a",
		  "{", CNI_DEL, CNI_0_1_0, 4, "invalid characters in containerID", "_a",
		  CNI_1_1_0 },
		{ "an invalid value comes before missing ones", "CNI_CONTAINERID=a/b", "{", CNI_ADD,
		  CNI_0_1_0, 4, "invalid characters in containerID", "a/b", CNI_1_1_0 },
		{ "also behind missing ones", "CNI_IFNAME=..", "{", CNI_ADD, CNI_0_1_0, 4,
		  "interface name is . or ..", "", CNI_1_1_0 },
		{ "the first invalid value", "CNI_CONTAINERID=-|CNI_IFNAME=..", "{", CNI_ADD,
		  CNI_0_1_0, 4, "invalid characters in containerID", "-", CNI_1_1_0 },
		{ "interface name of 16", "CNI_CONTAINERID=c|CNI_IFNAME=abcdefghijklmnop", "{",
		  CNI_ADD, CNI_0_1_0, 4, "interface name is too long",
		  "interface name should be less than 16 characters", CNI_1_1_0 },
	};

	check_refusals(rows, ARRAY_SIZE(rows));
}

#define DECODE "error unmarshall network config: "

Test(request, refused_config)
{
	static const struct refusal rows[] = {
		{ "cut off", ALL, "{", CNI_ADD, CNI_0_1_0, 6, DECODE "unexpected end of JSON input",
		  "", CNI_1_1_0 },
		{ "empty", ALL, "", CNI_ADD, CNI_0_1_0, 6, DECODE "unexpected end of JSON input",
		  "", CNI_1_1_0 },
		{ "more behind it", ALL, GOOD " xx", CNI_ADD, CNI_0_1_0, 6,
		  DECODE "invalid character 'x' after top-level value", "", CNI_1_1_0 },
		{ "no object", ALL, "[]", CNI_ADD, CNI_0_1_0, 6,
		  DECODE "expected an object, found an array", "", CNI_1_1_0 },
		{ "no name", ALL, "{\"cniVersion\":\"0.4.0\"}", CNI_ADD, CNI_0_1_0, 7,
		  "missing network name", "", CNI_0_4_0 },
		{ "empty name", ALL, "{\"name\":\"\"}", CNI_ADD, CNI_0_1_0, 7,
		  "missing network name", "", CNI_0_1_0 },
		{ "null name", ALL, "{\"name\":null}", CNI_ADD, CNI_0_1_0, 7,
		  "missing network name", "", CNI_0_1_0 },
		{ "name with a slash", ALL, "{\"name\":\"a/b\"}", CNI_ADD, CNI_0_1_0, 7,
		  "invalid characters found in network name", "a/b", CNI_0_1_0 },
		{ "name with a line feed", ALL, "{\"name\":\"a\\n\"}", CNI_ADD, CNI_0_1_0, 7,
		  "invalid characters found in network name", "a\n", CNI_0_1_0 },
		{ "name with a NUL", ALL, "{\"name\":\"a\\u0000b\"}", CNI_ADD, CNI_0_1_0, 6,
		  DECODE "name: expected a string without NUL characters, found \"a?b\"", "",
		  CNI_0_1_0 },
		{ "name is a number", ALL, "{\"name\":5}", CNI_ADD, CNI_0_1_0, 6,
		  DECODE "name: expected a string, found 5", "", CNI_0_1_0 },
		{ "the name comes before the version", ALL, "{\"cniVersion\":\"9.0.0\"}", CNI_ADD,
		  CNI_0_1_0, 7, "missing network name", "", CNI_1_1_0 },
	};

	check_refusals(rows, ARRAY_SIZE(rows));
}

#define WITH(version) "{\"name\":\"n1\",\"cniVersion\":" version "}"

Test(request, refused_version)
{
	static const struct refusal rows[] = {
		{ "no text", ALL, WITH("1"), CNI_ADD, CNI_0_1_0, 6,
		  DECODE "cniVersion: expected a string, found 1", "", CNI_1_1_0 },
		{ "from the future", ALL, WITH("\"9.0.0\""), CNI_ADD, CNI_0_1_0, 1,
		  "incompatible CNI versions", "config is \"9.0.0\", plugin supports [" LIST "]",
		  CNI_1_1_0 },
		{ "not a version", ALL, WITH("\"x\""), CNI_DEL, CNI_0_1_0, 1,
		  "incompatible CNI versions", "config is \"x\", plugin supports [" LIST "]",
		  CNI_1_1_0 },
		{ "exact text counts", ALL, WITH("\"1.1\""), CNI_ADD, CNI_0_1_0, 1,
		  "incompatible CNI versions", "config is \"1.1\", plugin supports [" LIST "]",
		  CNI_1_1_0 },
		{ "too old for the type", ALL, WITH("\"0.3.0\""), CNI_ADD, CNI_0_3_1, 1,
		  "incompatible CNI versions",
		  "config is \"0.3.0\", plugin supports [" LIST_FROM_031 "]", CNI_0_3_0 },
		{ "none, too old for the type", ALL, "{\"name\":\"n1\"}", CNI_ADD, CNI_0_3_1, 1,
		  "incompatible CNI versions",
		  "config is \"0.1.0\", plugin supports [" LIST_FROM_031 "]", CNI_0_1_0 },
		{ "CHECK before 0.4.0", ALL, WITH("\"0.3.1\""), CNI_CHECK, CNI_0_1_0, 1,
		  "config version does not allow CHECK", "", CNI_0_3_1 },
		{ "CHECK without a version", ALL, "{\"name\":\"n1\"}", CNI_CHECK, CNI_0_1_0, 1,
		  "config version does not allow CHECK", "", CNI_0_1_0 },
		{ "CHECK from the future", ALL, WITH("\"9.0.0\""), CNI_CHECK, CNI_0_1_0, 1,
		  "plugin version does not allow CHECK", "", CNI_1_1_0 },
		{ "CHECK with one in between", ALL, WITH("\"0.5.0\""), CNI_CHECK, CNI_0_1_0, 1,
		  "incompatible CNI versions", "config is \"0.5.0\", plugin supports [" LIST "]",
		  CNI_1_1_0 },
		{ "CHECK, not a version", ALL, WITH("\"x.1\""), CNI_CHECK, CNI_0_1_0, 6,
		  "failed to convert major version part \"x\"", "", CNI_1_1_0 },
		{ "CHECK, an empty part", ALL, WITH("\"1..0\""), CNI_CHECK, CNI_0_1_0, 6,
		  "failed to convert minor version part \"\"", "", CNI_1_1_0 },
		{ "CHECK, a blank", ALL, WITH("\"1.1.0 \""), CNI_CHECK, CNI_0_1_0, 6,
		  "failed to convert micro version part \"0 \"", "", CNI_1_1_0 },
		{ "CHECK, too large a part", ALL, WITH("\"99999999999999999999.0.0\""), CNI_CHECK,
		  CNI_0_1_0, 6, "failed to convert major version part \"99999999999999999999\"", "",
		  CNI_1_1_0 },
		{ "CHECK, four parts", ALL, WITH("\"1.1.0.0\""), CNI_CHECK, CNI_0_1_0, 6,
		  "invalid version \"1.1.0.0\": too many parts", "", CNI_1_1_0 },
		{ "GC before 1.1.0", ALL, WITH("\"1.0.0\""), CNI_GC, CNI_0_1_0, 1,
		  "config version does not allow GC", "", CNI_1_0_0 },
		{ "STATUS before 1.1.0", ALL, WITH("\"1.0.0\""), CNI_STATUS, CNI_0_1_0, 1,
		  "config version does not allow STATUS", "", CNI_1_0_0 },
		{ "GC from the future", ALL, WITH("\"1.2.0\""), CNI_GC, CNI_0_1_0, 1,
		  "plugin version does not allow GC", "", CNI_1_1_0 },
		{ "STATUS from the future", ALL, WITH("\"1.1.1\""), CNI_STATUS, CNI_0_1_0, 1,
		  "plugin version does not allow STATUS", "", CNI_1_1_0 },
	};

	check_refusals(rows, ARRAY_SIZE(rows));
}

#define NETWORK "\"cniVersion\":\"1.1.0\",\"name\":\"n1\""
#define ONE     "[{\"containerID\":\"c1\",\"ifname\":\"eth0\"}]"

Test(request, attachments)
{
	static const struct {
		const char *name, *config;
		int size; /* -1: absent */
		const char *msg;
	} rows[] = {
		{ "absent", "{" NETWORK "}", -1, NULL },
		{ "null", "{" NETWORK ",\"cni.dev/valid-attachments\":null}", -1, NULL },
		{ "none", "{" NETWORK ",\"cni.dev/valid-attachments\":[]}", 0, NULL },
		{ "one", "{" NETWORK ",\"cni.dev/valid-attachments\":" ONE "}", 1, NULL },
		{ "legacy key", "{" NETWORK ",\"cni.dev/attachments\":" ONE "}", 1, NULL },
		{ "the new key counts",
		  "{" NETWORK ",\"cni.dev/valid-attachments\":" ONE ",\"cni.dev/attachments\":[]}",
		  1, NULL },
		{ "whatever the order",
		  "{" NETWORK ",\"cni.dev/attachments\":[],\"cni.dev/valid-attachments\":" ONE "}",
		  1, NULL },
		{ "no list", "{" NETWORK ",\"cni.dev/valid-attachments\":{}}", -1,
		  "cni.dev/valid-attachments: expected an array, found an object" },
		{ "an entry that is none", "{" NETWORK ",\"cni.dev/attachments\":[null]}", -1,
		  "cni.dev/attachments[0]: expected an object, found null" },
		{ "an entry without an interface",
		  "{" NETWORK ",\"cni.dev/valid-attachments\":[{\"containerID\":\"c1\"}]}", -1,
		  "cni.dev/valid-attachments[0].ifname: missing" },
		{ "an entry with a number",
		  "{" NETWORK
		  ",\"cni.dev/valid-attachments\":[{\"containerID\":1,\"ifname\":\"e\"}]}",
		  -1, "cni.dev/valid-attachments[0].containerID: expected a string, found 1" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct request req;
		struct err e = { 0 };
		int r = ask("CNI_PATH=/a", rows[i].config, CNI_GC, CNI_0_1_0, &req, &e);
		int size = r == 0 && req.valid_attachments
		                   ? (int)json_array_size(req.valid_attachments)
		                   : -1;

		cr_assert(size == rows[i].size, "%s: expected %d entries, found %d (%s)",
		          rows[i].name, rows[i].size, size, e.msg);
		cr_assert((r < 0) == (rows[i].msg != NULL), "%s: found %d (%s)", rows[i].name, r,
		          e.msg);
		if (rows[i].msg)
			cr_assert(e.code == 7 && strcmp(e.msg, rows[i].msg) == 0,
			          "%s: expected %s, found %d %s", rows[i].name, rows[i].msg, e.code,
			          e.msg);
		request_free(&req);
	}
}

Test(request, size)
{
	static const struct {
		const char *name;
		size_t len;
		int code;
	} rows[] = {
		{ "as large as a chunk", 16384, 0 },
		{ "one less", 16383, 0 },
		{ "as large as may be", JSON_TEXT_MAX, 0 },
		{ "one more", JSON_TEXT_MAX + 1, CNI_E_IO },
		{ "much more", JSON_TEXT_MAX + 100000, CNI_E_IO },
	};

	environment(ALL);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_free_ char *text = malloc(rows[i].len);
		_cleanup_close_ int fd = -1;
		struct request req;
		struct err e = { 0 };
		int r;

		cr_assert(text, "out of memory");
		memset(text, ' ', rows[i].len);
		memcpy(text, GOOD, strlen(GOOD));
		fd = input(text, rows[i].len);
		r = request_read(fd, CNI_ADD, CNI_0_1_0, &req, &e);
		cr_assert(r == 0 ? rows[i].code == 0 : e.code == rows[i].code,
		          "%s: expected code %d, found %d, code %d %s", rows[i].name, rows[i].code,
		          r, e.code, e.msg);
		cr_assert(r < 0 || req.text_len == rows[i].len, "%s: found %zu bytes", rows[i].name,
		          req.text_len);
		request_free(&req);
	}
}

Test(request, unreadable)
{
	struct request req;
	struct err e = { 0 };
	int r;

	environment(ALL);
	r = request_read(-1, CNI_ADD, CNI_0_1_0, &req, &e);
	cr_assert(r == -EBADF && e.code == CNI_E_IO, "expected %d and code 5, found %d and %d",
	          -EBADF, r, e.code);
	cr_assert_str_eq(e.msg, "error reading from stdin: Bad file descriptor", "found %s", e.msg);
	request_free(&req);
}

Test(request, names)
{
	static const struct {
		const char *text;
		bool id, ifname;
	} rows[] = {
		{ "a", true, true },
		{ "", false, false },
		{ "abcdefghijklmno", true, true },
		{ "abcdefghijklmnop", true, false },
		{ ".", false, false },
		{ "..", false, false },
		{ "...", false, true },
		{ "0a_.-", true, true },
		{ "-a", false, true },
		{ "a/b", false, false },
		{ "a:b", false, false },
		{ "a b", false, false },
		{ "a\t", false, false },
		{ "a\n", false, false },
		{ "a\v", false, false },
		{ "a\u00a0b", false, false },
		{ "a\xc2\x85", false, false },
		{ "a\u2003", false, false },
		{ "a\u200a", false, false },
		{ "\u2028", false, false },
		{ "\u202f", false, false },
		{ "\u205f", false, false },
		{ "\u3000", false, false },
		{ "\u1680", false, false },
		{ "\u200b", false, true }, /* zero width: Go does not count it */
		{ "\u00e9th", false, true },
		{ "a\x85", false, true }, /* not UTF-8, so no character at all */
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *why = NULL;
		bool id = request_id_valid(rows[i].text),
		     ifname = request_ifname_valid(rows[i].text, &why);

		cr_assert(id == rows[i].id, "row %zu, \"%s\" as an ID: expected %d, found %d", i,
		          rows[i].text, rows[i].id, id);
		cr_assert(ifname == rows[i].ifname,
		          "row %zu, \"%s\" as an interface: expected %d, found %d", i, rows[i].text,
		          rows[i].ifname, ifname);
		cr_assert((why == NULL) == ifname, "row %zu: found reason %s", i,
		          why ? why : "none");
	}
}
