/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * doctor_files.c - the plugin folder and the network configurations, as a runtime will see them
 */
#include "base/cleanup.h"
#include "base/fs.h"
#include "base/json.h"
#include "cli/doctor.h"
#include "cli/node_files.h"
#include "spec/request.h"
#include "types/type.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CONFLIST_MAX (1U << 20)

static void look_at_plugins(struct diagnosis *d)
{
	_cleanup_close_ int dir = open(d->bin_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat self, installed;
	unsigned int ours = 0;

	if (dir < 0) {
		diagnose(d, FINDING_FAIL, "plugin folder", "run: cnida install", "%s: %s",
		         d->bin_dir, err_text(errno));
		return;
	}
	if (fstatat(dir, "cnida", &installed, 0) < 0) {
		diagnose(d, FINDING_FAIL, "plugin folder", "run: cnida install",
		         "%s/cnida is not there", d->bin_dir);
		return;
	}
	if (stat("/proc/self/exe", &self) == 0 && self.st_size != installed.st_size)
		diagnose(d, FINDING_WARN, "plugin folder",
		         "run this program's install, or the installed one's doctor",
		         "%s/cnida is not this program", d->bin_dir);
	for (size_t i = 0; cni_types[i]; i++)
		ours += node_file_kind(dir, cni_types[i]->name) == NODE_FILE_OURS;
	diagnose(d, FINDING_OK, "plugin folder", "", "%s: cnida and %u types served by it",
	         d->bin_dir, ours);
}

static bool is_conf(const struct dirent *entry)
{
	const char *dot = strrchr(entry->d_name, '.');

	return dot && (strcmp(dot, ".conflist") == 0 || strcmp(dot, ".conf") == 0 ||
	               strcmp(dot, ".json") == 0);
}

static int conf_filter(const struct dirent *entry)
{
	return is_conf(entry);
}

/* One plugin of a configuration: is its executable there? */
static bool check_plugin(struct diagnosis *d, const char *file, const json_t *plugin)
{
	const char *type = json_string_value(jget(plugin, "type"));
	char path[4096];

	if (!type || !*type || strchr(type, '/')) {
		diagnose(d, FINDING_FAIL, file, "every plugin needs a \"type\"",
		         "a plugin without a valid type");
		return false;
	}
	(void)snprintf(path, sizeof(path), "%s/%s", d->bin_dir, type);
	if (access(path, X_OK) == 0)
		return true;
	diagnose(d, FINDING_FAIL, file, "install that plugin, or take it out of the configuration",
	         "plugin \"%s\": %s: %s", type, path, err_text(errno));
	return false;
}

static bool check_plugins(struct diagnosis *d, const char *file, const json_t *doc)
{
	const json_t *plugins = jget(doc, "plugins"), *plugin;
	bool good = true;
	size_t i;

	if (!plugins)
		return check_plugin(d, file, doc);
	if (!json_is_array(plugins) || json_array_size(plugins) == 0) {
		diagnose(d, FINDING_FAIL, file, "list at least one plugin",
		         "\"plugins\" is empty or no list");
		return false;
	}
	json_array_foreach(plugins, i, plugin)
		good = check_plugin(d, file, plugin) && good;
	return good;
}

static void check_conf(struct diagnosis *d, const char *file)
{
	_cleanup_free_ char *text = NULL;
	json_auto_t *doc = NULL;
	const char *name, *version;
	char path[4096];
	struct err e;
	ssize_t len;

	(void)snprintf(path, sizeof(path), "%s/%s", d->conf_dir, file);
	len = fs_read_all(AT_FDCWD, path, CONFLIST_MAX, &text, &e);
	if (len < 0 || jparse(text, (size_t)len, &doc, &e) < 0) {
		diagnose(d, FINDING_FAIL, file,
		         "repair or remove it: a broken file stops every pod of the node", "%s",
		         e.msg);
		return;
	}
	name = json_string_value(jget(doc, "name"));
	version = json_string_value(jget(doc, "cniVersion"));
	if (!name || !request_id_valid(name)) {
		diagnose(d, FINDING_FAIL, file,
		         "give it a name of letters, digits, '.', '_' and '-'",
		         "no valid \"name\"");
		return;
	}
	if (cni_version_parse(version ? version : "") < 0) {
		diagnose(d, FINDING_FAIL, file, "use a version from 0.1.0 to 1.1.0",
		         "cniVersion \"%s\" is unknown", version);
		return;
	}
	if (check_plugins(d, file, doc))
		diagnose(d, FINDING_OK, file, "", "network \"%s\", version %s", name,
		         version ? version : "0.1.0");
}

/* The files in a runtime's order: containerd takes the first, whatever it is. */
static void look_at_confs(struct diagnosis *d)
{
	struct dirent **list = NULL;
	int n = scandir(d->conf_dir, &list, conf_filter, alphasort);

	if (n < 0)
		diagnose(d, FINDING_FAIL, "network configuration",
		         "run: cnida install --conflist FILE", "%s: %s", d->conf_dir,
		         err_text(errno));
	else if (n == 0)
		diagnose(d, FINDING_FAIL, "network configuration",
		         "run: cnida install --conflist FILE", "%s has none: no pod can start",
		         d->conf_dir);
	for (int i = 0; i < n; i++) {
		check_conf(d, list[i]->d_name);
		free(list[i]);
	}
	free(list);
}

void doctor_files(struct diagnosis *d)
{
	look_at_plugins(d);
	look_at_confs(d);
}
