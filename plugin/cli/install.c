/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * install.c - `cnida install`: put the plugins into the node's CNI folder
 *
 * A runtime may exec a plugin at any moment, and CRI-O runs every plugin when a conflist appears. So: each file is
 * written under a temporary name in the same folder and renamed (never a half-written plugin, never "text file busy",
 * and an event that containerd listens to); what is equal is left alone; a plugin of upstream's that we replace stays as
 * NAME.upstream for the way back; names that we do not implement are never touched; the conflist comes last.
 */
#include "base/cleanup.h"
#include "base/fs.h"
#include "base/json.h"
#include "cli/cli.h"
#include "cli/node_files.h"
#include "types/type.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <string.h>
#include <sys/stat.h>

#define CONFLIST_MAX (1U << 20)

/* Writes a file unless it has that content and mode already. 1 if written, 0 if not, -errno. */
static int put_file(int dir, const char *name, mode_t mode, const char *data, size_t len,
                    struct err *e)
{
	char temp[NODE_FILE_MAX + 16];
	_cleanup_free_ char *old = NULL;
	struct stat st;
	ssize_t n = -1;
	int r;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
	    (st.st_mode & 07777) == mode && (size_t)st.st_size == len)
		n = fs_read_all(dir, name, EXECUTABLE_MAX, &old, e);
	if (n >= 0 && (size_t)n == len && memcmp(old, data, len) == 0)
		return 0;
	/* fs_replace() renames while it has the file open for writing, and exec refuses such a file ("text file busy"): so
	 * the name that runtimes exec is given by us, when it is closed. */
	(void)snprintf(temp, sizeof(temp), ".cnida-%.*s", NODE_FILE_MAX, name);
	r = fs_replace(dir, temp, mode, data, len, true, e);
	if (r < 0)
		return r;
	if (renameat(dir, temp, dir, name) < 0) {
		r = err_sys(e, errno, "install %s", name);
		(void)unlinkat(dir, temp, 0);
		return r;
	}
	return 1;
}

static void report(FILE *out, int changed, const char *dir, const char *name, const char *how)
{
	(void)fprintf(out, "  %-10s %s/%s%s\n", changed ? "installed" : "unchanged", dir, name,
	              how);
}

/* What lies under the name is kept for the way back, by a second link: the name itself is never missing. */
static int keep_upstream(int dir, const char *name, FILE *out, struct err *e)
{
	char kept[NODE_FILE_MAX], temp[NODE_FILE_MAX + 8];

	(void)snprintf(kept, sizeof(kept), "%s" UPSTREAM_SUFFIX, name);
	(void)snprintf(temp, sizeof(temp), ".cnida-%s", kept);
	(void)unlinkat(dir, temp, 0);
	if (linkat(dir, name, dir, temp, 0) < 0 || renameat(dir, temp, dir, kept) < 0)
		return err_sys(e, errno, "keep %s as %s", name, kept);
	/* If both are one file already (an install that was interrupted), rename() leaves the second name. */
	(void)unlinkat(dir, temp, 0);
	(void)fprintf(out, "  %-10s %s as %s\n", "kept", name, kept);
	return 0;
}

static int put_link(int dir, const char *dir_name, const char *name, FILE *out, struct err *e)
{
	char temp[NODE_FILE_MAX];
	enum node_file kind = node_file_kind(dir, name);
	int r = 0;

	if (kind == NODE_FILE_OURS) {
		report(out, 0, dir_name, name, "");
		return 0;
	}
	if (kind == NODE_FILE_OTHER)
		r = keep_upstream(dir, name, out, e);
	if (r < 0)
		return r;
	(void)snprintf(temp, sizeof(temp), ".cnida-%s", name);
	(void)unlinkat(dir, temp, 0);
	if (symlinkat("cnida", dir, temp) < 0 || renameat(dir, temp, dir, name) < 0)
		return err_sys(e, errno, "install %s/%s", dir_name, name);
	report(out, 1, dir_name, name, " -> cnida");
	return 0;
}

static int put_plugins(const char *bin_dir, FILE *out, struct err *e)
{
	_cleanup_close_ int dir = fs_opendir(bin_dir, 0755, e);
	_cleanup_free_ char *self = NULL;
	ssize_t len;
	int r;

	if (dir < 0)
		return dir;
	len = fs_read_all(AT_FDCWD, "/proc/self/exe", EXECUTABLE_MAX, &self, e);
	if (len < 0)
		return (int)len;
	r = put_file(dir, "cnida", 0755, self, (size_t)len, e);
	if (r < 0)
		return r;
	report(out, r, bin_dir, "cnida", "");
	for (size_t i = 0; cni_types[i]; i++) {
		if (strcmp(cni_types[i]->name, "cnida") == 0)
			continue;
		r = put_link(dir, bin_dir, cni_types[i]->name, out, e);
		if (r < 0)
			return r;
	}
	return fsync(dir) < 0 ? err_sys(e, errno, "fsync %s", bin_dir) : 0;
}

static int put_conflist(const char *conf_dir, const char *file, FILE *out, struct err *e)
{
	_cleanup_free_ char *text = NULL, *path = strdup(file);
	_cleanup_close_ int dir = -1;
	json_auto_t *doc = NULL;
	ssize_t len = fs_read_all(AT_FDCWD, file, CONFLIST_MAX, &text, e);
	int r;

	if (len < 0 || !path)
		return path ? (int)len : err_sys(e, ENOMEM, "read %s", file);
	/* A broken first file in the folder takes the whole node's network down: look before it is put there. */
	r = jparse(text, (size_t)len, &doc, e);
	if (r < 0)
		return err_wrap(e, "%s", file);
	dir = fs_opendir(conf_dir, 0755, e);
	if (dir < 0)
		return dir;
	r = put_file(dir, basename(path), 0644, text, (size_t)len, e);
	if (r > 0 && fsync(dir) < 0)
		return err_sys(e, errno, "fsync %s", conf_dir);
	if (r >= 0)
		report(out, r, conf_dir, basename(path), "");
	return r < 0 ? r : 0;
}

int cli_install(int argc, char **argv, FILE *out)
{
	const char *bin_dir = CNI_BIN_DIR_DEFAULT, *conf_dir = CNI_CONF_DIR_DEFAULT,
		   *conflist = NULL;
	const struct cli_option options[] = {
		{ "bin-dir", "DIR", "where runtimes look for plugins (" CNI_BIN_DIR_DEFAULT ")",
		  &bin_dir },
		{ "conflist", "FILE", "also install this network configuration", &conflist },
		{ "conf-dir", "DIR", "where runtimes look for it (" CNI_CONF_DIR_DEFAULT ")",
		  &conf_dir },
		{ NULL, NULL, NULL, NULL },
	};
	struct err e;
	int r, i = cli_options(
		       argc, argv, options,
		       "install [--bin-dir DIR] [--conflist FILE [--conf-dir DIR]]",
		       "Copies this executable and makes a link for each plugin type. Running pods are not\n"
		       "touched, and plugins that cnida does not have are left alone. A plugin that is\n"
		       "replaced stays beside as NAME.upstream; uninstall puts it back.",
		       out);

	if (i < 0)
		return i == -2 ? CLI_OK : CLI_USAGE;
	r = put_plugins(bin_dir, out, &e);
	if (r == 0 && conflist)
		r = put_conflist(conf_dir, conflist, out, &e);
	if (r < 0)
		(void)fprintf(stderr, "cnida install: %s\n", e.msg);
	return r < 0 ? CLI_FAILED : CLI_OK;
}
