/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tuning.c - type tuning: sysctls, MAC address, MTU, queue length and modes of a pod's interface
 *
 * ADD first reads all that it is going to change, writes that into the backup, and then changes it: whenever it dies,
 * DEL finds what to put back. Upstream restores the interface but not the sysctls; we do both.
 */
#include "endpoint/tuning.h"

#include "base/ip.h"
#include "base/json.h"
#include "base/log.h"
#include "endpoint/chain.h"
#include "endpoint/inside.h"
#include "endpoint/pod_change.h"
#include "endpoint/record.h"
#include "endpoint/tuning_backup.h"
#include "endpoint/tuning_conf.h"
#include "kernel/link.h"
#include "kernel/sysctl.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#define VALUE_MAX 4096 /* of a sysctl that is to be restored */

struct tuning {
	const struct request *req;
	struct tuning_conf conf;
	struct tuning_backup backup;
	struct netns_id netns;
};

static uint32_t txqlen_of(const struct nl_sock *s, const char *ifname)
{
	struct ifreq ifr = { .ifr_qlen = 0 };

	(void)snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", ifname);
	return ioctl(s->fd, SIOCGIFTXQLEN, &ifr) == 0 && ifr.ifr_qlen > 0 ? (uint32_t)ifr.ifr_qlen
	                                                                  : 0;
}

static int get_link(struct nl_sock *pod, const char *ifname, struct link_info *ret, struct err *e)
{
	int r = link_get(pod, 0, ifname, ret, e);

	return r == -ENODEV
	               ? err_set(e, CNI_E_INTERNAL, ENODEV,
	                         "failed to get \"%s\": no such interface in the container", ifname)
	               : r;
}

/* Changing the link */

static bool changes_link(const struct tuning_backup *to)
{
	return to->has_mac || to->has_promisc || to->has_mtu || to->has_allmulti || to->has_txqlen;
}

/* All of it in one message. */
static int set_link(struct nl_sock *pod, const char *ifname, const struct tuning_backup *to,
                    struct err *e)
{
	struct ifinfomsg ifi = { .ifi_index = 0 };
	_uninitialized_ struct nl_batch b;

	if (!changes_link(to))
		return 0;
	if (to->has_promisc)
		ifi.ifi_change |= IFF_PROMISC;
	if (to->has_allmulti)
		ifi.ifi_change |= IFF_ALLMULTI;
	ifi.ifi_flags = (to->promisc ? IFF_PROMISC : 0U) | (to->allmulti ? IFF_ALLMULTI : 0U);
	ifi.ifi_flags &= ifi.ifi_change;
	nl_batch_init(&b);
	nl_begin(&b, RTM_SETLINK, 0, &ifi, sizeof(ifi), "tune the interface");
	nl_put_str(&b, IFLA_IFNAME, ifname);
	if (to->has_mtu)
		nl_put_u32(&b, IFLA_MTU, to->mtu);
	if (to->has_mac)
		nl_put(&b, IFLA_ADDRESS, to->mac, 6);
	if (to->has_txqlen)
		nl_put_u32(&b, IFLA_TXQLEN, to->txqlen);
	return nl_do(pod, &b, e);
}

/* What the configuration asks of the link, in the form of a backup. */
static struct tuning_backup wanted(const struct tuning_conf *conf)
{
	struct tuning_backup to = {
		.has_mac = conf->has_mac,
		.has_promisc = conf->promisc,
		.promisc = conf->promisc,
		.has_mtu = conf->mtu > 0,
		.mtu = conf->mtu,
		.has_allmulti = conf->has_allmulti,
		.allmulti = conf->allmulti,
		.has_txqlen = conf->has_txqlen,
		.txqlen = conf->txqlen,
	};

	memcpy(to.mac, conf->mac, sizeof(to.mac));
	return to;
}

/* Remembering */

static int remember_link(struct tuning *t, struct nl_sock *pod, struct err *e)
{
	struct tuning_backup *b = &t->backup;
	struct link_info link;
	int r = get_link(pod, t->req->ifname, &link, e);

	if (r < 0)
		return r;
	*b = wanted(&t->conf);
	memcpy(b->mac, link.mac, sizeof(b->mac));
	b->promisc = link.flags & IFF_PROMISC;
	b->allmulti = link.flags & IFF_ALLMULTI;
	b->mtu = link.mtu;
	b->txqlen = txqlen_of(pod, t->req->ifname);
	b->netns = t->netns;
	return 0;
}

/* One that cannot be read has no old value; one that has the value already is left alone. */
static int remember_sysctls(struct tuning *t, struct err *e)
{
	t->backup.sysctls = json_object();
	for (size_t i = 0; i < t->conf.n_sysctls; i++) {
		const struct tuning_sysctl *s = &t->conf.sysctls[i];
		char now[VALUE_MAX];
		struct err unread;
		int r = sysctl_get(s->key, now, sizeof(now), &unread);

		if (r == 0 && jset(t->backup.sysctls, s->key, json_string(now)) == -ENOMEM)
			log_debug("the value of %s cannot be remembered", s->key);
		else if (r == -ENOENT)
			return err_set(e, CNI_E_INTERNAL, ENOENT,
			               "sysctl %s: there is no /proc/sys/%s", s->name, s->key);
	}
	return 0;
}

static int remember(struct tuning *t, struct nl_sock *pod, struct err *e)
{
	struct tuning_backup earlier;
	struct err ignored;
	int r = remember_link(t, pod, e);

	if (r == 0)
		r = remember_sysctls(t, e);
	if (r < 0)
		return r;
	if (!changes_link(&t->backup) && t->conf.n_sysctls == 0)
		return 0;
	/* Of another namespace, or of upstream's, which does not say: an earlier container's, stale. */
	if (tuning_backup_read(t->conf.data_dir, t->req, &earlier, &ignored) > 0) {
		if (earlier.netns.ino == t->netns.ino && earlier.netns.dev == t->netns.dev)
			tuning_backup_merge(&t->backup, &earlier);
		tuning_backup_free(&earlier);
	}
	return tuning_backup_write(t->conf.data_dir, t->req, &t->backup, e);
}

/* Putting back: goes on after failures, which are logged. */
static void restore(const struct request *req, const struct tuning_backup *b, struct nl_sock *pod)
{
	json_t *old;
	const char *key;
	struct err e;

	if (link_index(pod, req->ifname) > 0 && set_link(pod, req->ifname, b, &e) < 0)
		log_warn("%s of container %s: %s", req->ifname, req->container_id, e.msg);
	json_object_foreach(b->sysctls, key, old) {
		/* The file may have been written by others. */
		if (strncmp(key, "net/", 4) != 0 || !json_is_string(old))
			continue;
		if (sysctl_ensure(key, json_string_value(old), &e) < 0 && e.no != ENOENT)
			log_warn("container %s: %s", req->container_id, e.msg);
	}
}

/* ADD */

static int set_sysctls(const struct tuning_conf *conf, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < conf->n_sysctls; i++)
		r = sysctl_ensure(conf->sysctls[i].key, conf->sysctls[i].value, e);
	return r;
}

static int tune(struct nl_sock *pod, void *arg, struct err *e)
{
	struct tuning *t = arg;
	const struct tuning_backup to = wanted(&t->conf);
	struct err ignored;
	int r = remember(t, pod, e);

	if (r < 0)
		return r;
	r = set_sysctls(&t->conf, e);
	if (r == 0)
		r = set_link(pod, t->req->ifname, &to, e);
	if (r < 0) {
		restore(t->req, &t->backup, pod);
		if (tuning_backup_delete(t->conf.data_dir, t->req, &ignored) < 0)
			log_warn("%s", ignored.msg);
	}
	return r;
}

/* Upstream goes by the name alone; ours is the one in the pod if the result tells. */
static void update_result(const struct tuning *t, const struct chain *c, struct result *res)
{
	for (size_t i = 0; i < res->n_ifaces; i++) {
		struct result_iface *iface = &res->ifaces[i];

		if (strcmp(iface->name, t->req->ifname) != 0 ||
		    (c->pod && c->pod != &c->prev.ifaces[i]))
			continue;
		if (t->conf.has_mac)
			(void)mac_format(t->conf.mac, iface->mac);
		if (t->conf.mtu && iface->mtu)
			iface->mtu = t->conf.mtu;
	}
}

/* With macspoofchk or a network policy, only the MAC address that ADD gave may send. */
static int allow_mac(const struct tuning *t, struct err *e)
{
	const struct request *req = t->req;
	char name[IFNAMSIZ];
	struct err ignored;
	int r;

	record_name(req->network, req->container_id, req->ifname, name);
	r = pod_change_mac(name, t->conf.mac, e);
	if (r < 0 && tuning_del(req, &ignored) < 0)
		log_warn("%s", ignored.msg);
	return r;
}

int tuning_add(const struct request *req, struct result *ret, struct err *e)
{
	struct tuning t = { .req = req };
	struct chain chain = { .pod = NULL };
	int r = tuning_conf_parse(req, &t.conf, e);

	if (r == 0)
		r = tuning_conf_allowed(&t.conf, TUNING_ALLOWLIST, e);
	if (r == 0)
		r = chain_read(req, "Required prevResult missing", &chain, e);
	if (r < 0)
		return r;
	r = inside_pod(req, &t.netns, tune, &t, e);
	if (r == 0 && t.conf.has_mac)
		r = allow_mac(&t, e);
	if (r == 0) {
		result_copy(ret, &chain.prev);
		update_result(&t, &chain, ret);
	}
	tuning_backup_free(&t.backup);
	chain_free(&chain);
	return r;
}

/* DEL */

struct untune {
	const struct request *req;
	struct tuning_backup backup;
	struct netns_id netns;
};

static int untune(struct nl_sock *pod, void *arg, struct err *e)
{
	struct untune *u = arg;
	const struct netns_id *then = &u->backup.netns;

	(void)e;
	/* The path may lead to another namespace by now; what upstream wrote does not say which it was. */
	if (then->ino == 0 || (then->ino == u->netns.ino && then->dev == u->netns.dev))
		restore(u->req, &u->backup, pod);
	return 0;
}

int tuning_del(const struct request *req, struct err *e)
{
	struct untune u = { .req = req };
	struct tuning_conf conf;
	struct err this = { 0 };
	int r = 0, there;

	if (tuning_conf_parse(req, &conf, &this) < 0)
		log_warn("DEL goes on with an invalid configuration: %s", this.msg);
	there = tuning_backup_read(conf.data_dir, req, &u.backup, &this);
	if (there < 0)
		log_warn("what %s was like is lost: %s", req->ifname, this.msg);
	if (*req->netns)
		r = inside_pod(req, &u.netns, untune, &u, &this);
	tuning_backup_free(&u.backup);
	if (r < 0 && this.code == CNI_E_NETNS &&
	    this.no == 0) { /* our own namespace: a mistake of the runtime's */
		*e = this;
		return r;
	}
	if (tuning_backup_delete(conf.data_dir, req, &this) < 0)
		log_warn("%s", this.msg);
	return 0;
}

/* CHECK */

static int check_number(const char *ifname, const char *what, unsigned long expected,
                        unsigned long found, struct err *e)
{
	if (expected == found)
		return 0;
	return err_set(e, CNI_E_INTERNAL, 0,
	               "Error: Tuning configured %s of %s is %lu, current value is %lu", what,
	               ifname, expected, found);
}

static int check_mode(const char *ifname, const char *what, bool expected, bool found,
                      struct err *e)
{
	static const char *const text[] = { "false", "true" };

	if (expected == found)
		return 0;
	return err_set(e, CNI_E_INTERNAL, 0,
	               "Error: Tuning link %s configured %s is %s, current value is %s", ifname,
	               what, text[expected], text[found]);
}

static int check_link(const struct tuning_conf *conf, const char *ifname, struct nl_sock *pod,
                      struct err *e)
{
	char expected[MAC_STR_MAX], found[MAC_STR_MAX];
	struct link_info link;
	int r = get_link(pod, ifname, &link, e);

	if (r == 0 && conf->has_mac && memcmp(conf->mac, link.mac, 6) != 0)
		r = err_set(e, CNI_E_INTERNAL, 0,
		            "Error: Tuning configured Ethernet of %s is %s, current value is %s",
		            ifname, mac_format(conf->mac, expected), mac_format(link.mac, found));
	if (r == 0)
		r = check_mode(ifname, "promisc", conf->promisc, link.flags & IFF_PROMISC, e);
	if (r == 0 && conf->mtu)
		r = check_number(ifname, "MTU", conf->mtu, link.mtu, e);
	if (r == 0 && conf->has_allmulti)
		r = check_mode(ifname, "all-multicast mode", conf->allmulti,
		               link.flags & IFF_ALLMULTI, e);
	if (r == 0 && conf->has_txqlen)
		r = check_number(ifname, "TxQLen", conf->txqlen, txqlen_of(pod, ifname), e);
	return r;
}

/* One that can only be written (a trigger) has no value to compare. */
static int check_sysctls(const struct tuning_conf *conf, struct err *e)
{
	for (size_t i = 0; i < conf->n_sysctls; i++) {
		const struct tuning_sysctl *s = &conf->sysctls[i];
		char now[VALUE_MAX];
		int r = sysctl_get(s->key, now, sizeof(now), e);

		if (r == -EACCES || r == -EPERM || r == -EINVAL)
			continue;
		if (r < 0)
			return r;
		if (!sysctl_same_value(now, s->value))
			return err_set(
				e, CNI_E_INTERNAL, 0,
				"Error: Tuning configured value of /proc/sys/%s is %s, current value is %s",
				s->key, s->value, now);
	}
	return 0;
}

static int check_inside(struct nl_sock *pod, void *arg, struct err *e)
{
	const struct tuning *t = arg;
	int r = check_sysctls(&t->conf, e);

	return r < 0 ? r : check_link(&t->conf, t->req->ifname, pod, e);
}

int tuning_check(const struct request *req, struct err *e)
{
	struct tuning t = { .req = req };
	struct chain chain = { .pod = NULL };
	int r = tuning_conf_parse(req, &t.conf, e);

	if (r == 0)
		r = chain_read(req, "Required prevResult missing", &chain, e);
	if (r < 0)
		return r;
	chain_free(&chain);
	return inside_pod(req, NULL, check_inside, &t, e);
}
