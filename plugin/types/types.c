/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * types.c - the table of CNI types
 */
#include "types/type.h"

#include <string.h>

const struct cni_type *const cni_types[] = {
	&type_cnida,      &type_bridge,   &type_ptp,    &type_loopback,
	&type_host_local, &type_static,   &type_tuning, &type_portmap,
	&type_bandwidth,  &type_firewall, NULL,
};

const struct cni_type *cni_type_find(const char *name)
{
	for (size_t i = 0; cni_types[i]; i++) {
		if (strcmp(cni_types[i]->name, name) == 0)
			return cni_types[i];
	}
	return NULL;
}
