/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * doctor_files.c - the plugin folder and the network configurations, as a runtime will see them
 */
#include "base/cleanup.h"
#include "base/fs.h"
#include "base/json.h"
#include "cli/cli.h"
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

/* Whoever copies a plugin over one of our links writes through it into cnida itself, which it points to. */
static const char copied_over[] =
	"run the install of the release's own cnida; then copy other plugins in with cp --remove-destination, which "
	"replaces a link instead of writing through it";

static bool is_cnida(const char *text, size_t len)
{
	return memmem(text, len, CLI_TITLE, strlen(CLI_TITLE)) != NULL;
}

static bool is_cnida_at(int dir, const char *name)
{
	_cleanup_free_ char *text = NULL;
	ssize_t len = fs_read_all(dir, name, EXECUTABLE_MAX, &text, NULL);

	return len >= 0 && is_cnida(text, (size_t)len);
}

/* Can the folder's cnida serve anything? */
static bool look_at_executable(struct diagnosis *d, int dir)
{
	_cleanup_free_ char *self = NULL, *installed = NULL;
	ssize_t len = fs_read_all(dir, "cnida", EXECUTABLE_MAX, &installed, NULL), own;

	if (len < 0 || faccessat(dir, "cnida", X_OK, 0) < 0) {
		diagnose(d, FINDING_FAIL, "plugin folder", "run: cnida install", "%s/cnida %s%s",
		         d->bin_dir, len == -ENOENT ? "is not there" : "cannot be run: ",
		         len == -ENOENT ? "" : err_text(len < 0 ? (int)-len : errno));
		return false;
	}
	if (!is_cnida(installed, (size_t)len)) {
		diagnose(d, FINDING_FAIL, "plugin folder", copied_over,
		         "%s/cnida is another program, and so is every plugin that is a link to it",
		         d->bin_dir);
		return false;
	}
	own = fs_read_all(AT_FDCWD, "/proc/self/exe", EXECUTABLE_MAX, &self, NULL);
	if (own >= 0 && (own != len || memcmp(self, installed, (size_t)len) != 0))
		diagnose(d, FINDING_WARN, "plugin folder",
		         "run this program's install, or the installed one's doctor",
		         "%s/cnida is not this program", d->bin_dir);
	return true;
}

/* Types that are alike, for one finding. */
struct names {
	char text[256];
	size_t len;
	unsigned int n;
};

static void add_name(struct names *l, const char *name)
{
	int len = snprintf(l->text + l->len, sizeof(l->text) - l->len, "%s%s", l->n ? ", " : "",
	                   name);

	l->n++;
	if (len > 0 && l->len + (size_t)len < sizeof(l->text))
		l->len += (size_t)len;
}

enum served { BY_LINK, BY_COPY, BY_OTHERS, BY_NONE };

static enum served served(int dir, const char *name)
{
	struct stat cnida, st;

	if (fstatat(dir, name, &st, 0) < 0)
		return BY_NONE;
	if (fstatat(dir, "cnida", &cnida, 0) == 0 && st.st_dev == cnida.st_dev &&
	    st.st_ino == cnida.st_ino)
		return BY_LINK;
	return is_cnida_at(dir, name) ? BY_COPY : BY_OTHERS;
}

static void look_at_types(struct diagnosis *d, int dir)
{
	static const struct {
		const char *what, *advice;
	} texts[] = {
		[BY_COPY] = { "are copies of cnida, which upgrades of cnida do not reach",
		              "remove them, and run: cnida install" },
		[BY_OTHERS] = { "are another program's",
		                "if cnida is to serve them, run: cnida install (what lies there stays as "
		                "NAME" UPSTREAM_SUFFIX ")" },
		[BY_NONE] = { "are not there", "run: cnida install" },
	};
	struct names names[ARRAY_SIZE(texts)] = { 0 };

	for (size_t i = 0; cni_types[i]; i++) {
		if (strcmp(cni_types[i]->name, "cnida") != 0)
			add_name(&names[served(dir, cni_types[i]->name)], cni_types[i]->name);
	}
	for (size_t i = BY_COPY; i < ARRAY_SIZE(texts); i++) {
		if (names[i].n > 0)
			diagnose(d, FINDING_WARN, "plugin folder", texts[i].advice,
			         "%s: %u types %s: %s", d->bin_dir, names[i].n, texts[i].what,
			         names[i].text);
	}
	diagnose(d, FINDING_OK, "plugin folder", "", "%s: cnida and %u types served by it",
	         d->bin_dir, names[BY_LINK].n);
}

static void look_at_plugins(struct diagnosis *d)
{
	_cleanup_close_ int dir = open(d->bin_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0)
		diagnose(d, FINDING_FAIL, "plugin folder", "run: cnida install", "%s: %s",
		         d->bin_dir, err_text(errno));
	else if (look_at_executable(d, dir))
		look_at_types(d, dir);
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
