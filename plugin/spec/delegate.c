/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * delegate.c - exec of a foreign plugin (IPAM) after the specification's section "Delegated plugins"
 *
 * What the plugin says is passed on as it is, its code included: the runtime is to see the error of whoever
 * failed. Where it says nothing, the texts are those of libcni's pkg/invoke, which operators search for.
 */
#include "spec/delegate.h"

#include "base/cleanup.h"
#include "base/json.h"
#include "spec/child.h"
#include "spec/quote.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define QUOTE_MAX    512
#define BUSY_RETRIES 5
#define BUSY_WAIT_MS 1000

/* "a:b" as Go prints a list of strings: a b */
static void list_folders(const char *path, char *ret, size_t cap)
{
	(void)snprintf(ret, cap, "%s", path);
	for (char *p = ret; *p; p++)
		if (*p == ':')
			*p = ' ';
}

int delegate_find(const char *type, const char *path, char *ret, struct err *e)
{
	char quoted[QUOTE_MAX], folders[QUOTE_MAX];
	struct stat st;
	size_t len;

	if (*type == '\0')
		return err_set(e, CNI_E_CONFIG, 0, "no plugin name provided");
	if (strchr(type, '/'))
		return err_set(e, CNI_E_CONFIG, 0, "invalid plugin name: %s", type);
	if (*path == '\0')
		return err_set(e, CNI_E_ENV, 0, "no paths provided");

	for (const char *p = path;; p += len + 1) {
		len = strcspn(p, ":");
		/* An empty folder would be the working directory, which is nobody's choice. */
		if (len > 0) {
			int n = snprintf(ret, PATH_MAX, "%.*s/%s", (int)len, p, type);

			if (n > 0 && n < PATH_MAX && stat(ret, &st) == 0 && S_ISREG(st.st_mode))
				return 0;
		}
		if (p[len] == '\0')
			break;
	}
	list_folders(path, folders, sizeof(folders));
	return err_set(e, CNI_E_INTERNAL, ENOENT, "failed to find plugin %s in path [%s]",
	               quote(type, strlen(type), quoted, sizeof(quoted)), folders);
}

/* Our environment with another CNI_COMMAND; the strings stay where they are. */
static char **make_environment(char *command)
{
	char *none = NULL, **from = environ ? environ : &none, **env;
	size_t n = 0, used = 0;

	while (from[n])
		n++;
	env = calloc(n + 2, sizeof(*env));
	if (!env)
		return NULL;
	env[used++] = command;
	for (; *from; from++)
		if (strncmp(*from, "CNI_COMMAND=", strlen("CNI_COMMAND=")) != 0)
			env[used++] = *from;
	return env;
}

static void describe_status(int status, char *ret, size_t cap)
{
	if (WIFSIGNALED(status))
		(void)snprintf(ret, cap, "signal: %s", strsignal(WTERMSIG(status)));
	else
		(void)snprintf(ret, cap, "exit status %d", WEXITSTATUS(status));
}

/* The plugin's own error document becomes *e. Returns 0, or -EINVAL and in *e why it is none. */
static int adopt_error(const char *out, struct err *e)
{
	json_auto_t *doc = NULL;
	const char *msg = "", *details = "";
	int64_t code = CNI_E_NONE;
	int r = jparse(out, strlen(out), &doc, e);

	if (r == 0)
		r = jget_int(doc, "", "code", 0, INT_MAX, &code, e);
	if (r >= 0)
		r = jget_str(doc, "", "msg", &msg, e);
	if (r >= 0)
		r = jget_str(doc, "", "details", &details, e);
	if (r < 0)
		return r;

	(void)err_set(e, (int)code, code == CNI_E_TRY_AGAIN ? EAGAIN : 0, "%s", msg);
	if (*details)
		(void)err_details(e, "%s", details);
	return 0;
}

static int plugin_error(const char *out, int status, struct err *e)
{
	char quoted[QUOTE_MAX], ended[64];
	struct err why;

	describe_status(status, ended, sizeof(ended));
	if (*out == '\0')
		return err_set(e, CNI_E_INTERNAL, 0, "netplugin failed with no error message: %s",
		               ended);
	if (adopt_error(out, &why) < 0)
		return err_set(e, CNI_E_INTERNAL, 0,
		               "netplugin failed but error parsing its diagnostic message %s: %s",
		               quote(out, strlen(out), quoted, sizeof(quoted)), why.msg);
	/* A document that says nothing is no message either. */
	if (why.msg[0] == '\0')
		return err_set(e, why.code ? why.code : CNI_E_INTERNAL, 0,
		               "netplugin failed with no error message: %s", ended);
	if (e)
		*e = why;
	return why.no ? -why.no : -EINVAL;
}

static int run_plugin(const struct child_job *job, unsigned int timeout_ms, char **ret_out,
                      int *ret_status, struct err *e)
{
	const struct timespec pause = { .tv_sec = BUSY_WAIT_MS / 1000 };
	long long deadline = child_deadline(timeout_ms);
	int r = child_run(job, deadline, ret_out, ret_status, e);

	/* A file that is being written cannot be run: somebody is installing the plugin this very moment. */
	for (int i = 0;
	     i < BUSY_RETRIES && r == -ETXTBSY && child_deadline(BUSY_WAIT_MS) < deadline; i++) {
		(void)nanosleep(&pause, NULL);
		r = child_run(job, deadline, ret_out, ret_status, e);
	}
	return r;
}

int delegate_exec(const struct request *req, const char *type, enum cni_verb verb,
                  unsigned int timeout_ms, char **ret_out, struct err *e)
{
	_cleanup_free_ char **env = NULL;
	_cleanup_free_ char *out = NULL;
	char path[PATH_MAX], command[32];
	int status = 0;
	int r = delegate_find(type, req->path, path, e);

	if (r < 0)
		return r;
	(void)snprintf(command, sizeof(command), "CNI_COMMAND=%s", cni_verb_str(verb));
	env = make_environment(command);
	if (!env)
		return err_sys(e, ENOMEM, "environment of %s", path);

	const struct child_job job = {
		.path = path,
		.env = env,
		.in = req->text ? req->text : "",
		.in_len = req->text_len,
		.out_max = DELEGATE_OUTPUT_MAX,
	};

	r = run_plugin(&job, timeout_ms, &out, &status, e);
	if (r < 0)
		return r;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return plugin_error(out, status, e);
	if (ret_out)
		*ret_out = take_ptr(out);
	return 0;
}

/* "null" is an answer that says nothing; upstream takes it for an empty result, and so do its users. */
static int is_null(const char *text)
{
	static const char blanks[] = " \t\r\n";

	text += strspn(text, blanks);
	return strncmp(text, "null", 4) == 0 && text[4 + strspn(text + 4, blanks)] == '\0';
}

int delegate_add(const struct request *req, const char *type, struct result *ret, struct err *e)
{
	_cleanup_free_ char *out = NULL;
	json_auto_t *doc = NULL;
	int r = delegate_exec(req, type, CNI_ADD, DELEGATE_TIMEOUT_MS, &out, e);

	result_init(ret);
	if (r < 0)
		return r;
	if (!out || is_null(out))
		return 0;
	r = jparse(out, strlen(out), &doc, e);
	if (r == 0)
		r = result_parse(doc, req->version, ret, e);
	return r < 0 ? err_wrap(e, "failed to unmarshal raw result") : 0;
}
