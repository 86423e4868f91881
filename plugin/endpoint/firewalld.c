/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * firewalld.c - addresses as sources of one of firewalld's zones
 */
#include "endpoint/firewalld.h"

#include "base/dbus.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define NAME       "org.fedoraproject.FirewallD1"
#define TIMEOUT_MS 2000U

static bool is_running(const struct dbus_answer *a)
{
	return strcmp(a->error, "org.freedesktop.DBus.Error.ServiceUnknown") != 0 &&
	       strcmp(a->error, "org.freedesktop.DBus.Error.NameHasNoOwner") != 0;
}

/* One method of its zones, "10.1.2.3/32" as upstream writes it. 0, or -ENOTCONN if it does not run. */
static int ask(struct dbus *d, const char *method, const char *zone, const struct ip_addr *ip,
               struct dbus_answer *ret, struct err *e)
{
	const struct ip_prefix host = prefix_host(ip);
	char source[PREFIX_STR_MAX];
	const struct dbus_call call = {
		.destination = NAME,
		.path = "/org/fedoraproject/FirewallD1",
		.interface = NAME ".zone",
		.member = method,
		.args = { zone, prefix_format(&host, source) },
	};
	int r = dbus_do(d, &call, ret, e);

	if (r == 0 && !is_running(ret))
		r = err_set(e, CNI_E_CONFIG, ENOTCONN, "firewalld does not run");
	return r;
}

static int open_bus(struct dbus *d, struct err *e)
{
	int r = dbus_open(d, TIMEOUT_MS, e);

	return r == -ENOENT ? err_set(e, CNI_E_CONFIG, ENOTCONN, "firewalld: there is no D-Bus")
	                    : r;
}

static int refused(const char *method, const char *zone, const struct dbus_answer *a, struct err *e)
{
	return err_set(e, CNI_E_CONFIG, EPERM, "firewalld: %s in zone %s: %s", method, zone,
	               *a->text ? a->text : a->error);
}

int firewalld_runs(struct err *e)
{
	const struct dbus_call call = {
		.destination = "org.freedesktop.DBus",
		.path = "/org/freedesktop/DBus",
		.interface = "org.freedesktop.DBus",
		.member = "NameHasOwner",
		.args = { NAME },
	};
	_cleanup_dbus_ struct dbus d = { .fd = -1 };
	struct dbus_answer a = { .yes = false };
	int r = dbus_open(&d, TIMEOUT_MS, e);

	if (r == -ENOENT)
		return 0;
	if (r == 0)
		r = dbus_do(&d, &call, &a, e);
	return r < 0 ? r : a.yes;
}

int firewalld_add(const char *zone, const struct ip_addr *ips, size_t n, struct err *e)
{
	_cleanup_dbus_ struct dbus d = { .fd = -1 };
	struct dbus_answer a;
	int r = open_bus(&d, e);

	for (size_t i = 0; r == 0 && i < n; i++) {
		r = ask(&d, "addSource", zone, &ips[i], &a, e);
		if (r == 0 && *a.error && !strstr(a.text, "ZONE_ALREADY_SET") &&
		    !strstr(a.text, "ALREADY_ENABLED"))
			r = refused("addSource", zone, &a, e);
	}
	return r;
}

int firewalld_remove(const char *zone, const struct ip_addr *ips, size_t n, struct err *e)
{
	_cleanup_dbus_ struct dbus d = { .fd = -1 };
	struct dbus_answer a;
	int r = open_bus(&d, e);

	for (size_t i = 0; r == 0 && i < n; i++) {
		r = ask(&d, "removeSource", zone, &ips[i], &a, e);
		/* Not in it, or in another by now: not ours. */
		if (r == 0 && *a.error && !strstr(a.text, "UNKNOWN_SOURCE") &&
		    !strstr(a.text, "ZONE_CONFLICT") && !strstr(a.text, "INVALID_ZONE") &&
		    !strstr(a.text, "NOT_ENABLED"))
			r = refused("removeSource", zone, &a, e);
	}
	return r == -ENOTCONN ? 0 : r;
}

int firewalld_query(const char *zone, const struct ip_addr *ips, size_t n, size_t *ret_missing,
                    struct err *e)
{
	_cleanup_dbus_ struct dbus d = { .fd = -1 };
	struct dbus_answer a;
	int r = open_bus(&d, e);

	for (size_t i = 0; r == 0 && i < n; i++) {
		r = ask(&d, "querySource", zone, &ips[i], &a, e);
		if (r == 0 && *a.error)
			r = refused("querySource", zone, &a, e);
		if (r == 0 && !a.yes) {
			*ret_missing = i;
			return 0;
		}
	}
	return r < 0 ? r : 1;
}
