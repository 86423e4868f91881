#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# soak.sh - long: 10,000 pods in bad weather (test/soak/soak.c), on a node of their own
#
#	test/long/soak.sh BUILDDIR
#
# PODS, SEED	default 10,000 and the time
set -u

build=$(cd "${1:?usage: soak.sh BUILDDIR}" && pwd)
cd "$(dirname "$0")/../.." || exit
if [ "$(id -u)" -ne 0 ]; then
	echo "skip: soak: needs root"
	echo "soak: 0 passed, 0 failed, 1 skipped"
	exit
fi
options=(-d "${CNI_BIN_DIR:-$build/bin}" -n "${PODS:-10000}")
[ -z "${SEED:-}" ] || options+=(-s "$SEED")
exec test/lib/node "$build/test/soak" "${options[@]}"
