/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tuning_conf.c - the configuration of type tuning
 */
#include "endpoint/tuning_conf.h"

#include "base/cleanup.h"
#include "base/fs.h"
#include "base/ip.h"
#include "base/json.h"

#include <errno.h>
#include <fcntl.h>
#include <regex.h>
#include <stdio.h>
#include <string.h>

#define ALLOWLIST_SIZE_MAX 65536

/* Interface names may hold dots, so they are put in after dots have become slashes. "." and ".." cannot come from a
 * name without slashes ("net..core" is an empty part), but from one with. */
static bool stays_below(const char *key)
{
	for (size_t len; *key; key += len + (key[len] == '/')) {
		len = strcspn(key, "/");
		if (len == 0 || (len == 1 && key[0] == '.') ||
		    (len == 2 && key[0] == '.' && key[1] == '.'))
			return false;
		if (key[len] == '/' && !key[len + 1])
			return false;
	}
	return true;
}

int tuning_conf_key(const char *name, const char *ifname, char ret[static TUNING_KEY_MAX],
                    struct err *e)
{
	char path[TUNING_KEY_MAX];
	const char *hole;
	int len = snprintf(path, sizeof(path), "%s", name);

	if (len < 0 || (size_t)len >= sizeof(path))
		return err_set(e, CNI_E_CONFIG, 0,
		               "invalid net sysctl key: \"%.64s...\" is too long", name);
	for (char *c = path; *c; c++) {
		if (*c == '.')
			*c = '/';
	}
	hole = strstr(path, "IFNAME");
	if (hole)
		len = snprintf(ret, TUNING_KEY_MAX, "%.*s%s%s", (int)(hole - path), path, ifname,
		               hole + 6);
	else
		len = snprintf(ret, TUNING_KEY_MAX, "%s", path);
	if (len < 0 || len >= TUNING_KEY_MAX || strncmp(ret, "net/", 4) != 0 || !stays_below(ret))
		return err_set(e, CNI_E_CONFIG, 0, "invalid net sysctl key: \"%s\"", name);
	return 0;
}

/* One of args.cni replaces one of the configuration, which are the first @before. Two spellings of one key in one list
 * (a.b and a/b) would be written in no certain order. */
static int put_sysctl(struct tuning_conf *conf, const struct tuning_sysctl *s, size_t before,
                      struct err *e)
{
	size_t i = 0;

	while (i < conf->n_sysctls && strcmp(conf->sysctls[i].key, s->key) != 0)
		i++;
	if (i < conf->n_sysctls && i >= before)
		return err_set(e, CNI_E_CONFIG, 0,
		               "duplicated sysctl keys are not allowed: %s is %s", s->name,
		               conf->sysctls[i].name);
	if (i == TUNING_SYSCTLS_MAX)
		return err_set(e, CNI_E_CONFIG, E2BIG, "sysctl: more than %d keys",
		               TUNING_SYSCTLS_MAX);
	conf->sysctls[i] = *s;
	if (i == conf->n_sysctls)
		conf->n_sysctls++;
	return 0;
}

static int parse_sysctls(const json_t *obj, const char *path, const struct request *req,
                         struct tuning_conf *conf, struct err *e)
{
	const size_t before = conf->n_sysctls;
	json_t *list = NULL, *value;
	const char *name;
	int r = jget_obj(obj, path, "sysctl", &list, e);

	json_object_foreach(list, name, value) {
		struct tuning_sysctl s = { .name = name, .value = json_string_value(value) };
		char found[64];

		if (r < 0)
			break;
		if (!s.value || strlen(s.value) != json_string_length(value))
			return err_set(e, CNI_E_CONFIG, EINVAL,
			               "%s%ssysctl.%s: expected a string, found %s", path,
			               *path ? "." : "", name,
			               jdescribe(value, found, sizeof(found)));
		r = tuning_conf_key(name, req->ifname, s.key, e);
		if (r == 0)
			r = put_sysctl(conf, &s, before, e);
	}
	return r < 0 ? r : 0;
}

static int use_mac(const char *text, struct tuning_conf *conf, struct err *e)
{
	conf->has_mac = *text != '\0';
	if (conf->has_mac && !mac_parse(text, conf->mac))
		return err_set(
			e, CNI_E_CONFIG, EINVAL,
			"invalid args %s for MAC addr: expected six bytes as aa:bb:cc:dd:ee:ff",
			text);
	return 0;
}

/* The keys that the configuration and args.cni have in common. @ret_mac: left alone if there is none. */
static int parse_keys(const json_t *obj, const char *path, const struct request *req,
                      struct tuning_conf *conf, const char **ret_mac, struct err *e)
{
	int64_t number = 0;
	int r = parse_sysctls(obj, path, req, conf, e);

	if (r >= 0)
		r = jget_str(obj, path, "mac", ret_mac, e);
	if (r >= 0)
		r = jget_bool(obj, path, "promisc", &conf->promisc, e);
	if (r >= 0)
		r = jget_int(obj, path, "mtu", 0, INT32_MAX, &number, e);
	if (r > 0)
		conf->mtu = (uint32_t)number;
	if (r >= 0)
		r = jget_bool(obj, path, "allmulti", &conf->allmulti, e);
	if (r > 0)
		conf->has_allmulti = true;
	if (r >= 0)
		r = jget_int(obj, path, "txQLen", 0, INT32_MAX, &number, e);
	if (r > 0) {
		conf->has_txqlen = true;
		conf->txqlen = (uint32_t)number;
	}
	return r < 0 ? r : 0;
}

/* The MAC addresses of the configuration, CNI_ARGS and runtimeConfig; an empty one is none. */
static int choose_mac(const struct request *req, struct cni_args *args, const char **mac,
                      struct err *e)
{
	static const char *const known[] = { "MAC", NULL };
	const char *text = "";
	json_t *runtime = NULL;
	int r = cni_args_parse(req->args, known, args, e);

	if (r < 0)
		return r;
	text = cni_args_get(args, "MAC");
	if (text && *text)
		*mac = text;
	text = "";
	r = jget_obj(req->config, "", "runtimeConfig", &runtime, e);
	if (r >= 0)
		r = jget_str(runtime, "runtimeConfig", "mac", &text, e);
	if (*text)
		*mac = text;
	return r < 0 ? r : 0;
}

static int parse_args_cni(const struct request *req, struct tuning_conf *conf, const char **mac,
                          struct err *e)
{
	json_t *args = NULL, *cni = NULL;
	int r = jget_obj(req->config, "", "args", &args, e);

	if (r >= 0)
		r = jget_obj(args, "args", "cni", &cni, e);
	return r < 0 ? r : parse_keys(cni, "args.cni", req, conf, mac, e);
}

int tuning_conf_parse(const struct request *req, struct tuning_conf *ret, struct err *e)
{
	const char *mac = "", *dir = "";
	struct cni_args args;
	int r;

	*ret = (struct tuning_conf) { .data_dir = TUNING_DATA_DIR };
	r = jget_str(req->config, "", "dataDir", &dir, e);
	if (*dir)
		ret->data_dir = dir;
	if (r >= 0 && req->text && jrepeats(req->text, req->text_len, "sysctl"))
		r = err_set(e, CNI_E_CONFIG, 0, "duplicated sysctl keys are not allowed");
	if (r >= 0)
		r = parse_keys(req->config, "", req, ret, &mac, e);
	if (r >= 0)
		r = choose_mac(req, &args, &mac, e);
	if (r >= 0)
		r = parse_args_cni(req, ret, &mac, e);
	return r < 0 ? r : use_mac(mac, ret, e);
}

/* The next line without the blanks around it; NULL at the end. */
static char *next_line(char **at)
{
	static const char blank[] = " \t\r\f\v";
	char *line, *end;

	while ((line = strsep(at, "\n"))) {
		line += strspn(line, blank);
		for (end = line + strlen(line); end > line && strchr(blank, end[-1]); end--)
			;
		*end = '\0';
		if (*line)
			return line;
	}
	return NULL;
}

struct allowlist {
	char **lines;
	size_t n;
};

static void free_allowlist(struct allowlist *list)
{
	free(list->lines);
}

/* The lines borrow from @text. */
static int split_allowlist(char *text, struct allowlist *ret, struct err *e)
{
	size_t most = 1;
	char *line;

	for (const char *c = text; *c; c++)
		most += *c == '\n';
	ret->lines = calloc(most, sizeof(*ret->lines));
	if (!ret->lines)
		return err_sys(e, ENOMEM, "read %s", TUNING_ALLOWLIST);
	while ((line = next_line(&text)) && ret->n < most)
		ret->lines[ret->n++] = line;
	return 0;
}

static int matches(const char *pattern, const char *name, const char *path, struct err *e)
{
	regex_t re;
	int r = regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB);

	if (r != 0) {
		char why[96] = "";

		(void)regerror(r, &re, why, sizeof(why));
		return err_set(e, CNI_E_CONFIG, EINVAL, "%s: \"%s\" is no regular expression: %s",
		               path, pattern, why);
	}
	r = regexec(&re, name, 0, NULL, 0);
	regfree(&re);
	return r == 0;
}

static int is_allowed(const char *name, const struct allowlist *list, const char *path,
                      struct err *e)
{
	char all[512] = "";
	size_t len = 0;

	for (size_t i = 0; i < list->n; i++) {
		int r = matches(list->lines[i], name, path, e);

		if (r != 0)
			return r < 0 ? r : 0;
		if (len < sizeof(all))
			len += (size_t)snprintf(all + len, sizeof(all) - len, "%s%s", i ? " " : "",
			                        list->lines[i]);
	}
	return err_set(e, CNI_E_CONFIG, EPERM,
	               "Sysctl %s is not allowed. Only the following sysctls are allowed: [%s]",
	               name, all);
}

int tuning_conf_allowed(const struct tuning_conf *conf, const char *path, struct err *e)
{
	__attribute__((cleanup(free_allowlist))) struct allowlist list = { NULL, 0 };
	_cleanup_free_ char *text = NULL;
	ssize_t len;
	int r;

	if (conf->n_sysctls == 0)
		return 0;
	len = fs_read_all(AT_FDCWD, path, ALLOWLIST_SIZE_MAX, &text, e);
	if (len == -ENOENT)
		return 0;
	if (len < 0)
		return (int)len;
	r = split_allowlist(text, &list, e);
	for (size_t i = 0; r == 0 && i < conf->n_sysctls; i++)
		r = is_allowed(conf->sysctls[i].name, &list, path, e);
	return r;
}
