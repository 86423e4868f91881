/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * uninstall.c - `cnida uninstall`: take the plugins and everything of cnida off the node
 *
 * The way back of install.c: conflists that need the type cnida go first (no runtime may start a pod with a plugin that is
 * about to vanish), then what is attached, then tables and state, the plugins last. Address stores stay: they are
 * in upstream's format, and upstream's host-local goes on with them.
 */
#include "base/cleanup.h"
#include "base/fs.h"
#include "base/json.h"
#include "cli/cli.h"
#include "cli/node_files.h"
#include "endpoint/detach.h"
#include "endpoint/policy_node.h"
#include "endpoint/record_list.h"
#include "kernel/ruleset.h"
#include "types/type.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define CONFLIST_MAX (1U << 20)

static int add_record(const struct record *r, void *arg, struct err *e)
{
	return record_list_add(arg, r, e);
}

static int detach_all(const struct record_list *list, FILE *out, struct err *e)
{
	_cleanup_nl_ struct nl_sock host = { .fd = -1 };
	int r;

	if (list->n == 0)
		return 0;
	(void)fprintf(out, "  %-10s %zu attachments\n", "removing", list->n);
	r = nl_open(NETLINK_ROUTE, &host, e);
	return r < 0 ? r : detach_records(&host, list->v, list->n, e);
}

static bool is_cnida(const json_t *plugin)
{
	const char *type = json_string_value(jget(plugin, "type"));

	return type && strcmp(type, "cnida") == 0;
}

/* Does the configuration (a list, or one plugin) name the type cnida, which only we have? */
static bool needs_cnida(int dir, const char *name)
{
	_cleanup_free_ char *text = NULL;
	json_auto_t *doc = NULL;
	struct err ignored;
	ssize_t len = fs_read_all(dir, name, CONFLIST_MAX, &text, &ignored);
	const json_t *plugin;
	size_t i;

	if (len < 0 || jparse(text, (size_t)len, &doc, &ignored) < 0)
		return false;
	json_array_foreach(jget(doc, "plugins"), i, plugin) {
		if (is_cnida(plugin))
			return true;
	}
	return is_cnida(doc);
}

static bool is_conflist(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot && (strcmp(dot, ".conflist") == 0 || strcmp(dot, ".conf") == 0 ||
	               strcmp(dot, ".json") == 0);
}

static int remove_conflists(const char *conf_dir, FILE *out, struct err *e)
{
	_cleanup_closedir_ DIR *dir = opendir(conf_dir);
	struct dirent *entry;

	if (!dir)
		return errno == ENOENT ? 0 : err_sys(e, errno, "open %s", conf_dir);
	while ((entry = readdir(dir))) {
		if (!is_conflist(entry->d_name) || !needs_cnida(dirfd(dir), entry->d_name))
			continue;
		if (unlinkat(dirfd(dir), entry->d_name, 0) < 0)
			return err_sys(e, errno, "remove %s/%s", conf_dir, entry->d_name);
		(void)fprintf(out, "  %-10s %s/%s\n", "removed", conf_dir, entry->d_name);
	}
	return 0;
}

static int remove_plugin(int dir, const char *dir_name, const char *name, FILE *out, struct err *e)
{
	char kept[NODE_FILE_MAX];

	if (node_file_kind(dir, name) != NODE_FILE_OURS)
		return 0;
	(void)snprintf(kept, sizeof(kept), "%s" UPSTREAM_SUFFIX, name);
	if (renameat(dir, kept, dir, name) == 0) {
		(void)fprintf(out, "  %-10s %s/%s (upstream's)\n", "restored", dir_name, name);
		return 0;
	}
	if (unlinkat(dir, name, 0) < 0)
		return err_sys(e, errno, "remove %s/%s", dir_name, name);
	(void)fprintf(out, "  %-10s %s/%s\n", "removed", dir_name, name);
	return 0;
}

static int remove_plugins(const char *bin_dir, FILE *out, struct err *e)
{
	_cleanup_close_ int dir = open(bin_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = 0;

	if (dir < 0)
		return errno == ENOENT ? 0 : err_sys(e, errno, "open %s", bin_dir);
	for (size_t i = 0; r == 0 && cni_types[i]; i++)
		r = remove_plugin(dir, bin_dir, cni_types[i]->name, out, e);
	if (r == 0 && unlinkat(dir, "cnida", 0) == 0)
		(void)fprintf(out, "  %-10s %s/cnida\n", "removed", bin_dir);
	return r;
}

/* /run/cnida has two or three levels; nothing else is ever in it. */
static void remove_folder(int at, const char *name, int levels)
{
	_cleanup_close_ int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	_cleanup_closedir_ DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (dir)
		(void)take_fd(&fd);
	while (dir && (entry = readdir(dir))) {
		if (entry->d_type != DT_DIR)
			(void)unlinkat(dirfd(dir), entry->d_name, 0);
		else if (levels > 1 && strcmp(entry->d_name, ".") != 0 &&
		         strcmp(entry->d_name, "..") != 0)
			remove_folder(dirfd(dir), entry->d_name, levels - 1);
	}
	(void)unlinkat(at, name, AT_REMOVEDIR);
}

static int remove_state(FILE *out, struct err *e)
{
	_cleanup_nl_ struct nl_sock nft = { .fd = -1 };
	int r = nl_open(NETLINK_NETFILTER, &nft, e);

	if (r == 0)
		r = ruleset_destroy(&nft, e);
	if (r < 0)
		return r;
	r = policy_clear(e);
	if (r < 0)
		return r;
	remove_folder(AT_FDCWD, RUN_DIR, 3);
	(void)fprintf(out, "  %-10s nftables tables and %s\n", "removed", RUN_DIR);
	return 0;
}

static int refuse(const struct record_list *list)
{
	(void)fprintf(
		stderr,
		"cnida uninstall: %zu attachments are there (see cnida list): drain the node first, or say "
		"--force to cut them off\n",
		list->n);
	return CLI_FAILED;
}

int cli_uninstall(int argc, char **argv, FILE *out)
{
	const char *bin_dir = CNI_BIN_DIR_DEFAULT, *conf_dir = CNI_CONF_DIR_DEFAULT, *force = NULL;
	const struct cli_option options[] = {
		{ "bin-dir", "DIR", "the node's plugin folder (" CNI_BIN_DIR_DEFAULT ")",
		  &bin_dir },
		{ "conf-dir", "DIR", "its network configurations (" CNI_CONF_DIR_DEFAULT ")",
		  &conf_dir },
		{ "force", NULL, "even if pods are attached: they lose their network", &force },
		{ NULL, NULL, NULL, NULL },
	};
	struct record_list list = { 0 };
	struct err e;
	int r, i = cli_options(
		       argc, argv, options, "uninstall [--bin-dir DIR] [--conf-dir DIR] [--force]",
		       "Removes network configurations that need the type cnida, our tables and state, and\n"
		       "the plugins; upstream's plugins that install replaced come back. Bridges and the\n"
		       "address stores stay.",
		       out);

	if (i < 0)
		return i == -2 ? CLI_OK : CLI_USAGE;
	if (cli_need_root("uninstall") != CLI_OK)
		return CLI_FAILED;
	r = record_each(add_record, &list, &e);
	if (r == 0 && list.n > 0 && !force) {
		r = refuse(&list);
		record_list_free(&list);
		return r;
	}
	if (r == 0)
		r = remove_conflists(conf_dir, out, &e);
	if (r == 0)
		r = detach_all(&list, out, &e);
	if (r == 0)
		r = remove_state(out, &e);
	if (r == 0)
		r = remove_plugins(bin_dir, out, &e);
	record_list_free(&list);
	if (r < 0)
		(void)fprintf(stderr, "cnida uninstall: %s\n", e.msg);
	return r < 0 ? CLI_FAILED : CLI_OK;
}
