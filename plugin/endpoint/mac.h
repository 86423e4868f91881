/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mac.h - MAC addresses that we choose
 *
 * Every link gets its MAC in the message that creates it, so that no service (systemd-udevd's MACAddressPolicy) rewrites it
 * afterwards.
 */
#ifndef CNIDA_ENDPOINT_MAC_H
#define CNIDA_ENDPOINT_MAC_H

#include "base/err.h"

#include <stdint.h>

/* mac_random() - A random unicast, locally administered MAC. 0 or -errno. */
int mac_random(uint8_t ret[static 6], struct err *e);

#endif
