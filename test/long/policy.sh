#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# policy.sh - long: network policy in numbers that `make check` has no time for
#
#	test/long/policy.sh BUILDDIR
#
# Random verdicts of the compiler against the oracle, flips of the policy under traffic, and all cases, those of hands and those that
# were generated, with real packets, for both back ends and each family.
#
# FLIPS, VERDICTS	default 10,000 and 10,000,000
# BACKENDS, FAMILIES	default "ebpf nftables" and "4 6 dual"
set -u

build=$(cd "${1:?usage: policy.sh BUILDDIR}" && pwd)
cd "$(dirname "$0")/../.." || exit
flips=${FLIPS:-10000}
verdicts=${VERDICTS:-10000000}
backends=${BACKENDS:-ebpf nftables}
families=${FAMILIES:-4 6 dual}
plugins=${CNI_BIN_DIR:-$build/bin}
log=$(mktemp)
trap 'rm -f "$log"' EXIT
passed=0
failed=0
skipped=0

finish()
{
	echo "policy: $passed passed, $failed failed, $skipped skipped"
	[ "$failed" -eq 0 ]
	exit
}

# result NAME CODE - of what wrote the log
result()
{
	if [ "$2" -eq 0 ]; then
		passed=$((passed + 1))
		echo "ok $1"
	else
		failed=$((failed + 1))
		echo "not ok $1: expected exit code 0, found $2"
		grep -a -v '^ok ' "$log" | tail -n 40
	fi
}

random()
{
	POLICY_VERDICTS=$verdicts "$build/test/unit" --filter 'policy_random/*' --verbose=1 > "$log" 2>&1
	result "random verdicts" $?
	echo "count: verdicts $verdicts"
}

# leak BACKEND
leak()
{
	"$build/test/policy-leak" --plugins "$plugins" --backend "$1" --flips "$flips" > "$log" 2>&1
	result "$1: no packet leaks while policies flip" $?
	echo "count: flips $1 $flips"
}

# matrix BACKEND FAMILY
matrix()
{
	local code line

	"$build/test/policy-matrix" --plugins "$plugins" --backend "$1" --family "$2" test/policy/cases/e2e test/policy/cases/own \
		"$build/test/policy/cyclonus" "$build/test/policy/large" > "$log" 2>&1
	code=$?
	line=$(grep -a -E '^[0-9]+ cases, [0-9]+ probes, [0-9]+ wrong$' "$log" | tail -n 1)
	[ -n "$line" ] || code=1
	result "$1, family $2: ${line:-no closing line}" "$code"
	# A kernel that lacks something for some cases says so itself.
	grep -a '^skip: ' "$log" || true
	echo "count: matrix $1 $2 ${line% wrong}"
}

if [ "$(id -u)" -ne 0 ]; then
	echo "skip: policy: needs root"
	skipped=1
	finish
fi
random
for backend in $backends; do
	leak "$backend"
	for family in $families; do
		matrix "$backend" "$family"
	done
done
finish
