#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# kernels.sh - the suites on other kernels, those of most EKS-D nodes among them
#
#	kernels.sh BUILDDIR		KERNELS="6.1 6.12" KERNEL_SUITES="doctor bpf net ..." (names in suites below)
#
# Every suite has a machine of its own (test/vm/run.sh); the kernels run side by side. What `cnida doctor` finds on a
# kernel must be what test/vm/doctor-SERIES.txt says (DOCTOR_UPDATE=1 writes it anew).
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
[ $# -eq 1 ] || { echo "usage: kernels.sh BUILDDIR" >&2; exit 2; }
build=$(cd "$1" && pwd)
export CNI_BIN_DIR=${CNI_BIN_DIR:-$build/bin}
kernels=${KERNELS:-6.1 6.12}
cd "$top" || exit 1
n_skipped=0
mkdir -p "$build/vm"
work=$(mktemp -d "$build/vm/kernels.XXXXXX")
trap 'rm -rf --one-file-system "$work"' EXIT
trap 'kill $(jobs -p) 2> /dev/null; exit 130' INT TERM

skip() { n_skipped=$((n_skipped + 1)); echo "skip: $1: $2"; }

cases=test/policy/cases
# Cases for what differs from kernel to kernel: both hooks, replies, fragments' neighbours, Services, SCTP, both families.
policy_cases=("$cases"/e2e/{01,02,14,27,34,38,39,46,47,48}-*.json "$cases"/own/{flows-replies,flows-ingress-revoked,node-own,ports-range,ports-echo,replies-one-way,service-target-port-ingress,except-nested,dual-selector}.json)

# NAME|COMMAND. Times mean nothing here, and 10 million verdicts are judged outside.
suites=(
	"bpf|env POLICY_VERDICTS=20000 TIMING_SERIES=1 TIMING_REPEAT=100 test/lib/node $build/test/bpf --verbose=1"
	"net|test/lib/node $build/test/net --verbose=1"
	"features|test/vm/features.sh"
	"policy-ebpf|$build/test/policy-matrix --plugins $CNI_BIN_DIR --backend ebpf --jobs 2 ${policy_cases[*]}"
	"policy-nftables|$build/test/policy-matrix --plugins $CNI_BIN_DIR --backend nftables --jobs 2 ${policy_cases[*]}"
	"runtime-portmap|test/runtime/portmap.sh"
	"runtime-flush|test/runtime/flush.sh"
	"plugin|test/lib/node $build/test/plugin -d $CNI_BIN_DIR check-bridge leaks-cnida"
)

# tally LOG CODE - sets p, f, s from what a suite printed, as test/lib/run-suites.sh does
tally()
{
	local line

	p=0 f=0 s=0
	if line=$(grep -a -E '^\[====\] Synthesis: Tested: ' "$1"); then
		p=$(sed -E 's/.*Passing: ([0-9]+).*/\1/' <<< "$line")
		f=$(sed -E 's/.*Failing: ([0-9]+).*/\1/' <<< "$line")
		s=$(grep -a -c '^\[SKIP\] ' "$1")
	elif line=$(grep -a -E '^[0-9]+ cases, [0-9]+ probes, [0-9]+ wrong$' "$1"); then
		f=$(grep -a -c '^WRONG ' "$1")
		p=$((${line%% *} - f))
	elif line=$(grep -a -E '^([^ ]+: )?[0-9]+ passed, [0-9]+ failed(, [0-9]+ skipped)?$' "$1" | tail -n 1) && [ -n "$line" ]; then
		read -r p f s < <(sed -E 's/^([^ ]+: )?//; s/ (passed|failed|skipped),?//g; s/^([0-9]+ [0-9]+)$/\1 0/' <<< "$line")
	fi
	# It ended badly without a test that failed, or without any.
	if [ "$f" -eq 0 ] && { [ "$2" -ne 0 ] || [ $((p + s)) -eq 0 ]; }; then f=1; fi
	if grep -a -q '^run.sh: the kernel complained' "$1"; then f=$((f + 1)); fi
}

# report KERNEL NAME LOG CODE
report()
{
	local p f s

	tally "$3" "$4"
	[ "$f" -eq 0 ] || grep -a -v -E '^(\[(PASS|RUN |SKIP)\]|ok |skip: )' "$3" | tail -n 60 | sed "s/^/    $1 $2: /"
	grep -a -E '^(\[SKIP\] |skip: )' "$3" | sed -E "s/^(\[SKIP\]|skip:) */skip: Linux $1, $2: /"
	echo "result $1 $2 $p $f $s $((SECONDS - begun))"
}

# doctor KERNEL - its findings about the kernel, against those that were recorded
doctor()
{
	local file=test/vm/doctor-$1.txt log=$work/$1.doctor code=0

	VM_TIMEOUT=300 test/vm/run.sh "$build/vm/$1" "$CNI_BIN_DIR/cnida" doctor > "$log" 2>&1 || code=$?
	# 1: it has findings about a node on which nothing is installed yet.
	[ "$code" -le 1 ] || { cat "$log"; echo "result $1 doctor 0 1 0 $((SECONDS - begun))"; return; }
	[ -z "${DOCTOR_UPDATE:-}" ] || cp "$log" "$file"
	if diff <(gist "$file") <(gist "$log") > "$log.diff"; then
		echo "result $1 doctor 1 0 0 $((SECONDS - begun))"
	else
		sed "s/^/    $1 doctor: /" "$log.diff"
		echo "result $1 doctor 0 1 0 $((SECONDS - begun))"
	fi
}

# gist FILE - state and name of each finding, without wording
gist() { sed -n -E 's/^(ok|warning|problem) +(.{1,24}).*$/\1 \2/p' "$1" | sed 's/ *$//'; }

# kernel SERIES - everything on one
kernel()
{
	local suite name code begun=$SECONDS

	if ! test/vm/image.sh "$build" "$1"; then
		echo "skip: Linux $1: the mirror has no kernel of this series, or cannot be reached"
		echo "result $1 all 0 0 1 0"
		return
	fi
	echo "booted $1 $(cat "$build/vm/$1/version")"
	[[ " ${KERNEL_SUITES:-doctor} " != *" doctor "* ]] || doctor "$1"
	for suite in "${suites[@]}"; do
		name=${suite%%|*} code=0 begun=$SECONDS
		[[ " ${KERNEL_SUITES:-$name} " == *" $name "* ]] || continue
		# shellcheck disable=SC2086 # a command with its arguments
		VM_TIMEOUT=${KERNEL_TIMEOUT:-1500} test/vm/run.sh "$build/vm/$1" ${suite#*|} > "$work/$1.$name" 2>&1 || code=$?
		report "$1" "$name" "$work/$1.$name" "$code"
	done
}

finish()
{
	local passed=0 failed=0 version name p f s seconds

	while read -r _ version name p f s seconds; do
		printf 'Linux %-5s %-16s %4d passed %3d failed %3d skipped %4d s\n' "$version" "$name" "$p" "$f" "$s" "$seconds"
		passed=$((passed + p)) failed=$((failed + f)) n_skipped=$((n_skipped + s))
	done < <(cat "$work"/*.out 2> /dev/null | grep '^result ')
	echo "count: kernels $(cat "$work"/*.out 2> /dev/null | sed -n 's/^booted //p' | cut -d ' ' -f 2 | paste -s -d ' ')"
	echo "kernels: $passed passed, $failed failed, $n_skipped skipped"
	[ "$failed" -eq 0 ]
	exit
}

for tool in qemu-system-x86_64 cpio busybox modprobe /usr/lib/qemu/virtiofsd; do
	command -v "$tool" > /dev/null || { skip kernels "$tool is not there (test/lib/deps.sh long)"; finish; }
done
[ "$(id -u)" -eq 0 ] || { skip kernels "needs root"; finish; }
[ "$(uname -m)" = x86_64 ] || { skip kernels "the machine would be emulated on another processor"; finish; }
for version in $kernels; do
	kernel "$version" 2>&1 | tee "$work/$version.out" | grep --line-buffered -v -E '^(result|booted) ' &
done
wait
finish
