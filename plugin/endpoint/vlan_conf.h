/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vlan_conf.h - the VLAN keys of bridge mode: vlan, vlanTrunk, preserveDefaultVlan
 */
#ifndef CNIDA_ENDPOINT_VLAN_CONF_H
#define CNIDA_ENDPOINT_VLAN_CONF_H

#include "endpoint/netconf.h"

/* vlan_conf_parse() - Fill c->vlan, c->vlans and c->has_vlans; upstream's texts, with the value found. */
int vlan_conf_parse(const json_t *conf, struct netconf *c, struct err *e);

#endif
