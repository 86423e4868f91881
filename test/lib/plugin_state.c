/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plugin_state.c - what a node has: links, addresses, routes, rules, files; taken twice and compared
 */
#include "test/lib/plugin_state.h"

#include "test/lib/plugin_suite.h"

#include <fcntl.h>
#include <fnmatch.h>
#include <ftw.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* nftw() takes no argument. */
static struct state *walking;

static void add_line(struct state *s, char *line)
{
	s->line = reallocarray(s->line, s->n + 1, sizeof(*s->line));
	if (!s->line)
		abort();
	s->line[s->n++] = line;
}

static const char *str(const json_t *obj, const char *key)
{
	const char *v = json_string_value(json_object_get(obj, key));

	return v ? v : "";
}

static json_t *ip_json(const char *command)
{
	FILE *f = popen(command, "re");
	json_t *doc = f ? json_loadf(f, 0, NULL) : NULL;

	if (f)
		pclose(f);
	return doc; /* ip prints nothing at all if there is nothing */
}

static void take_links(struct state *s)
{
	json_t *doc = ip_json("ip -j -d addr show"), *link, *addr;
	size_t i, k;

	if (!doc) {
		fprintf(stderr, "plugin test: cannot run ip(8)\n");
		exit(2);
	}
	json_array_foreach(doc, i, link) {
		const char *name = str(link, "ifname");

		add_line(s, textf("link %lld %s %s master=%s alias=%s",
		                  json_integer_value(json_object_get(link, "ifindex")), name,
		                  str(json_object_get(link, "linkinfo"), "info_kind"),
		                  str(link, "master"), str(link, "ifalias")));
		json_array_foreach(json_object_get(link, "addr_info"), k, addr) {
			if (strncmp(str(addr, "local"), "fe80", 4) == 0)
				continue;
			add_line(s, textf("addr %s %s/%lld", name, str(addr, "local"),
			                  json_integer_value(json_object_get(addr, "prefixlen"))));
		}
	}
	json_decref(doc);
}

static void take_routes(struct state *s, const char *command)
{
	json_t *doc = ip_json(command), *route;
	size_t i;

	json_array_foreach(doc, i, route) {
		const char *dst = str(route, "dst");

		if (strncmp(dst, "fe80", 4) == 0 || strncmp(dst, "ff00", 4) == 0)
			continue;
		add_line(s, textf("route %s %s via=%s dev=%s table=%s", str(route, "type"), dst,
		                  str(route, "gateway"), str(route, "dev"), str(route, "table")));
	}
	json_decref(doc);
}

/* Counters go on by themselves. */
static void blank_counters(char *line)
{
	char *p;

	while ((p = strstr(line, "counter packets "))) {
		char *end = p + strlen("counter packets ");

		end += strspn(end, "0123456789");
		if (strncmp(end, " bytes ", 7) == 0)
			end += 7 + strspn(end + 7, "0123456789");
		memmove(p, end, strlen(end) + 1);
	}
}

/* Each line with its table and chain or set; the lines get sorted, so their order does not count. */
static void take_rules(struct state *s)
{
	FILE *f = popen("nft list ruleset 2>/dev/null", "re");
	char *line = NULL, table[256] = "", chain[256] = "";
	size_t cap = 0;

	while (f && getline(&line, &cap, f) >= 0) {
		char *text = line + strspn(line, "\t ");
		bool opens;

		text[strcspn(text, "\n")] = '\0';
		opens = *text && text[strlen(text) - 1] == '{';
		blank_counters(text);
		if (strncmp(text, "table ", 6) == 0)
			snprintf(table, sizeof(table), "%.*s", (int)strcspn(text, "{"), text);
		else if (opens)
			snprintf(chain, sizeof(chain), "%.*s", (int)strcspn(text, "{"), text);
		else if (*text && strcmp(text, "}") != 0)
			add_line(s, textf("nft %s%s: %s", table, chain, text));
		if (opens)
			add_line(s,
			         textf("nft %s%s", table, strncmp(text, "table ", 6) ? chain : ""));
	}
	free(line);
	if (f)
		pclose(f);
}

static int take_file(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	const char *name = path + ftw->base;

	(void)st;
	if (flag == FTW_D || fnmatch("last_reserved_ip.*", name, 0) == 0 ||
	    strcmp(name, "lock") == 0 || fnmatch("*.lock", name, 0) == 0)
		return 0;
	add_line(walking, textf("file %s", path));
	return 0;
}

static int take_every_file(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)ftw;
	if (flag != FTW_D)
		add_line(walking, textf("file %s", path));
	return 0;
}

static void take_qdiscs(struct state *s)
{
	FILE *f = popen("tc qdisc show", "re");
	char *line = NULL;
	size_t cap = 0;

	while (f && getline(&line, &cap, f) >= 0) {
		line[strcspn(line, "\n")] = '\0';
		add_line(s, textf("%s", line));
	}
	free(line);
	if (f)
		pclose(f);
}

static int take_sysctl(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	char value[256];
	int fd = -1;
	ssize_t n;

	(void)ftw;
	/* That one goes up and down by itself. */
	if (flag == FTW_F && (st->st_mode & 0444) && !strstr(path, "nf_conntrack_count"))
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return 0;
	n = read(fd, value, sizeof(value) - 1);
	close(fd);
	if (n < 0) /* not set yet */
		return 0;
	value[n] = '\0';
	for (char *p = value; *p; p++)
		*p = strchr("\t\n", *p) ? ' ' : *p;
	add_line(walking, textf("sysctl %s = %s", path + strlen("/proc/sys/"), value));
	return 0;
}

static int compare(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;

	return strcmp(*x, *y);
}

/* Begins with what every state has. */
static void take(struct state *s)
{
	*s = (struct state) { 0 };
	take_links(s);
	take_routes(s, "ip -j -4 route show table all");
	take_routes(s, "ip -j -6 route show table all");
	take_rules(s);
	walking = s;
}

void state_take(const char *const folders[], struct state *ret)
{
	take(ret);
	for (size_t i = 0; folders && folders[i]; i++)
		(void)nftw(folders[i], take_file, 16, FTW_PHYS);
	qsort(ret->line, ret->n, sizeof(*ret->line), compare);
}

void state_take_all(const char *const folders[], struct state *ret)
{
	take(ret);
	take_qdiscs(ret);
	(void)nftw("/proc/sys/net", take_sysctl, 16, FTW_PHYS);
	for (size_t i = 0; folders && folders[i]; i++)
		(void)nftw(folders[i], take_every_file, 16, FTW_PHYS);
	qsort(ret->line, ret->n, sizeof(*ret->line), compare);
}

void state_free(struct state *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->line[i]);
	free(s->line);
	*s = (struct state) { 0 };
}

char *state_diff(const struct state *before, const struct state *after)
{
	char *text = NULL;
	size_t i = 0, k = 0, len;
	unsigned int lines = 0;
	FILE *f;

	f = open_memstream(&text, &len);
	while (f && (i < before->n || k < after->n)) {
		int c = i >= before->n  ? 1
		        : k >= after->n ? -1
		                        : strcmp(before->line[i], after->line[k]);

		if (c != 0 && ++lines <= 10)
			fprintf(f, "%s[%c%s]", lines > 1 ? " " : "", c < 0 ? '-' : '+',
			        c < 0 ? before->line[i] : after->line[k]);
		i += c <= 0;
		k += c >= 0;
	}
	if (!f)
		abort();
	fclose(f);
	if (lines > 0)
		return text;
	free(text);
	return NULL;
}

int state_links(void)
{
	struct if_nameindex *list = if_nameindex();
	int n = 0;

	while (list && list[n].if_index)
		n++;
	if_freenameindex(list);
	return n;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	(void)remove(path);
	return 0;
}

void remove_tree(const char *path)
{
	(void)nftw(path, remove_one, 16, FTW_PHYS | FTW_DEPTH);
}
