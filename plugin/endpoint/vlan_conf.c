/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vlan_conf.c - the VLAN keys of bridge mode: vlan, vlanTrunk, preserveDefaultVlan
 */
#include "endpoint/vlan_conf.h"

#define VLAN_ID_MAX 4094
#define NATIVE_VLAN 1 /* untagged VLAN of a trunk port that names none */

/* The VLANs of a trunk as a set: entries may overlap and come in any order. */
struct vlan_set {
	bool has[VLAN_ID_MAX + 1];
};

/* An ID of a trunk entry: 1 and *ret if the key is there, 0 if not. */
static int read_id(const json_t *item, const char *path, const char *key, const char *name,
                   uint16_t *ret, struct err *e)
{
	int64_t id;
	int r = jget_int(item, path, key, INT32_MIN, INT32_MAX, &id, e);

	if (r <= 0)
		return r;
	if (id < 0 || id > VLAN_ID_MAX)
		return err_set(e, CNI_E_CONFIG, 0, "%s: incorrect trunk %s parameter: %lld", path,
		               name, (long long)id);
	*ret = (uint16_t)id;
	return 1;
}

static int read_range(const json_t *item, const char *path, struct vlan_set *set, struct err *e)
{
	uint16_t first = 0, last = 0;
	int has_first = read_id(item, path, "minID", "minID", &first, e), has_last;

	if (has_first < 0)
		return has_first;
	has_last = read_id(item, path, "maxID", "maxID", &last, e);
	if (has_last < 0)
		return has_last;
	if (has_first != has_last)
		return err_set(
			e, CNI_E_CONFIG, 0,
			"%s: minID and maxID should be configured simultaneously, %s is missing",
			path, has_first ? "maxID" : "minID");
	if (has_first && last < first)
		return err_set(e, CNI_E_CONFIG, 0,
		               "%s: minID is greater than maxID in trunk parameter: %u > %u", path,
		               first, last);
	for (unsigned int id = first; has_first && id <= last; id++)
		set->has[id] = true;
	return 0;
}

static int read_item(const json_t *item, size_t i, struct vlan_set *set, struct err *e)
{
	uint16_t id = 0;
	char path[32];
	int r;

	(void)snprintf(path, sizeof(path), "vlanTrunk[%zu]", i);
	if (!json_is_object(item))
		return err_set(e, CNI_E_CONFIG, 0, "%s: expected an object", path);
	r = read_range(item, path, set, e);
	if (r == 0)
		r = read_id(item, path, "id", "id", &id, e);
	if (r > 0)
		set->has[id] = true;
	return r < 0 ? r : 0;
}

static int collect_ranges(const struct vlan_set *set, struct port_vlans *ret, struct err *e)
{
	/* 0 in a range means "no VLAN", as in vlan: it is never a member. */
	for (uint16_t id = 1; id <= VLAN_ID_MAX; id++) {
		if (!set->has[id])
			continue;
		if (set->has[id - 1] && id > 1) {
			ret->trunk[ret->n_trunk - 1].last = id;
			continue;
		}
		if (ret->n_trunk == ARRAY_SIZE(ret->trunk))
			return err_set(e, CNI_E_CONFIG, 0,
			               "vlanTrunk: more than %zu separate ranges",
			               ARRAY_SIZE(ret->trunk));
		ret->trunk[ret->n_trunk++] = (struct vlan_range) { .first = id, .last = id };
	}
	return 0;
}

/* 1 if it names any VLAN. The untagged one of the port is none of its tagged ones: the kernel keeps one of both, the last said. */
static int read_trunk(const json_t *conf, struct port_vlans *ret, struct err *e)
{
	struct vlan_set set = { 0 };
	json_t *trunk, *item;
	size_t i;
	int r = jget_arr(conf, "", "vlanTrunk", &trunk, e);

	if (r <= 0)
		return r;
	json_array_foreach(trunk, i, item) {
		r = read_item(item, i, &set, e);
		if (r < 0)
			return r;
	}
	for (i = 1; i <= VLAN_ID_MAX && !set.has[i]; i++)
		;
	set.has[ret->pvid] = false;
	r = collect_ranges(&set, ret, e);
	return r < 0 ? r : i <= VLAN_ID_MAX;
}

int vlan_conf_parse(const json_t *conf, struct netconf *c, struct err *e)
{
	bool preserve_default = false;
	int64_t vlan = 0;
	int r = jget_int(conf, "", "vlan", INT32_MIN, INT32_MAX, &vlan, e);

	if (r >= 0 && (vlan < 0 || vlan > VLAN_ID_MAX))
		return err_set(e, CNI_E_CONFIG, 0,
		               "invalid VLAN ID %lld (must be between 0 and 4094)",
		               (long long)vlan);
	if (r >= 0)
		r = jget_bool(conf, "", "preserveDefaultVlan", &preserve_default, e);
	c->vlan = (uint16_t)vlan;
	c->vlans.pvid = vlan != 0 ? (uint16_t)vlan : NATIVE_VLAN;
	if (r >= 0)
		r = read_trunk(conf, &c->vlans, e);
	if (r < 0)
		return r;
	c->has_vlans = vlan != 0 || r > 0;
	c->vlans.drop_default = c->has_vlans && !preserve_default;
	return 0;
}
