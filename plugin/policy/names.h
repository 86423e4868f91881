/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * names.h - what Kubernetes takes for a name: the syntax of labels, objects and ports
 */
#ifndef CNIDA_POLICY_NAMES_H
#define CNIDA_POLICY_NAMES_H

#include <stdbool.h>

/* name_is_label() - Of a namespace: lower case letters, digits and '-', up to 63 (RFC 1123). */
bool name_is_label(const char *s);
/* name_is_subdomain() - Of a pod or policy: labels and dots, up to 253. */
bool name_is_subdomain(const char *s);
/* name_is_label_key() - "[subdomain/]name", the name up to 63 letters, digits, '-', '_', '.'. */
bool name_is_label_key(const char *s);
/* name_is_label_value() - Like such a name, or "". */
bool name_is_label_value(const char *s);
/* name_is_port() - Up to 15 lower case letters, digits and single '-', at least one letter (RFC 6335). */
bool name_is_port(const char *s);

#endif
