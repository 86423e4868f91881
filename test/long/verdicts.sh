#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# verdicts.sh - ten million packets through the real eBPF programs, each verdict compared with the oracle's
#
#	verdicts.sh BUILDDIR		POLICY_VERDICTS=10000000 POLICY_SEED=(the seconds of now)
#
# test/bpf/test_verdicts.c in a node of its own: random worlds of policies, put in force by the product's own code, over one table of
# connections. POLICY_SEED as a difference names it shows that difference again.
set -euo pipefail

[ $# -eq 1 ] || { echo "usage: verdicts.sh BUILDDIR" >&2; exit 2; }
here=$(cd "$(dirname "$0")/.." && pwd)
build=$(cd "$1" && pwd)
log=$(mktemp)
trap 'rm -f "$log"' EXIT

if [ "$(id -u)" -ne 0 ]; then
	echo "skip: verdicts: needs root"
	echo "verdicts: 0 passed, 0 failed, 1 skipped"
	exit 0
fi
export POLICY_VERDICTS=${POLICY_VERDICTS:-10000000} POLICY_SEED=${POLICY_SEED:-$(date +%s)}
echo "count: first seed $POLICY_SEED"
code=0
"$here/lib/node" "$build/test/bpf" --filter 'verdicts/*' > "$log" 2>&1 || code=$?
grep -a '^count: ' "$log" || true
judged=$(sed -n 's/^count: verdicts //p' "$log")
if [ "$code" -eq 0 ] && grep -a -q 'Tested: 1 | Passing: 1 ' "$log" && [ "${judged:-0}" -ge "$POLICY_VERDICTS" ]; then
	echo "verdicts: 1 passed, 0 failed, 0 skipped"
else
	grep -a -v '^count: ' "$log"
	echo "verdicts: 0 passed, 1 failed, 0 skipped"
	exit 1
fi
