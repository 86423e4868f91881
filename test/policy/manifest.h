/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * manifest.h - the state of a case as Kubernetes objects, as `kubectl get -o json` would print them
 */
#ifndef CNIDA_TEST_POLICY_MANIFEST_H
#define CNIDA_TEST_POLICY_MANIFEST_H

#include "test/policy/case.h"

#define NODE_NAME       "node"
#define NODE_NAME_OTHER "other"

/* manifest() - A List of Namespaces, Pods and NetworkPolicies; malloc'ed. Pods have their "ips". */
char *manifest(const struct case_state *s);

#endif
