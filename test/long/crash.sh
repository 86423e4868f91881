#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# crash.sh - every verb killed at, and refused, every one of its system calls: test/crash/README.md
#
#	test/long/crash.sh BUILDDIR [OPTION...]
set -euo pipefail

[ $# -ge 1 ] || { echo "usage: crash.sh BUILDDIR [OPTION...]" >&2; exit 2; }
build=$(cd "$1" && pwd)
shift
if [ "$(id -u)" -ne 0 ]; then
	echo "skip: crash: needs root"
	echo "crash: 0 passed, 0 failed, 1 skipped"
	exit 0
fi
exec "$build/test/crash" --plugins "${CNI_BIN_DIR:-$build/bin}" "$@"
