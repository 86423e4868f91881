#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# run-suites.sh - run every suite that was built or lies under test/, add up what they report
#
#	run-suites.sh BUILDDIR [SUITE...]		SUITE_TIMEOUT=120
#
# Suites, by name:
#
#	unit, net, bpf	BUILDDIR/test/NAME, Criterion programs
#	plugin		BUILDDIR/test/plugin, given a plugin folder
#	san-...		the same programs built with ASan and UBSan; san-plugin: with the sanitized plugins
#	san-fuzz	BUILDDIR/san/test/fuzz-replay: the inputs of test/fuzz/corpus, without fuzzing
#	conformance	BUILDDIR/test/cni-conformance, given a plugin folder; conformance-upstream: given Debian's, where
#			what is known to deviate must fail and everything else pass; these make nodes of their own
#	policy-BACKEND	BUILDDIR/test/policy-matrix with the cases that hands wrote, both address families at once
#	policy-BACKEND-leak	BUILDDIR/test/policy-leak; like the matrix it makes nodes of its own
#	crash		BUILDDIR/test/crash, a sample of its matrix and the faults that once did harm; nodes of its own
#	runtime-NAME	test/runtime/NAME.sh; these make a node of their own
#	long-NAME	test/long/NAME.sh BUILDDIR, only when it is named: `make check-long` names all. Lines that begin
#			with "count: " tell what was tried (kills, cuts, inputs) and are printed
#
# The others, except unit, run in a fresh node each (test/lib/node) and are skipped without root.
#
# What a suite reports: a Criterion program its closing line ("Tested: N | Passing: N | Failing: N |
# Crashing: N") and "[SKIP] NAME: REASON" lines; anything else a last line
# "NAME: N passed, N failed, N skipped" and "skip: NAME: REASON" lines. A suite that takes longer than
# SUITE_TIMEOUT seconds, that ends without its closing line, that ran no test, or that ends with an exit code
# other than 0 while it reports no failure, counts as one failure. The output of a suite with a failure is printed. The last line is
# "N passed, N failed, N skipped", and the exit code 1 when anything failed.
set -euo pipefail

[ $# -ge 1 ] || { echo "usage: run-suites.sh BUILDDIR [SUITE...]" >&2; exit 2; }
top=$(cd "$(dirname "$0")/../.." && pwd)
cd "$top"
build=$(cd "$1" && pwd)
shift
wanted=("$@")
limit=${SUITE_TIMEOUT:-120}
policy_backends=${POLICY_BACKENDS:-ebpf}
out=$build/check
rm -rf "$out"
mkdir -p "$out"

# What the suites themselves want to know.
export CNI_BIN_DIR=${CNI_BIN_DIR:-$build/bin}
# A leak must end the process with a signal: Criterion does not look at the exit code of its workers.
export ASAN_OPTIONS=abort_on_error=1:detect_leaks=1 UBSAN_OPTIONS=print_stacktrace=1

passed=0
failed=0
skipped=0

selected()
{
	local name

	[ "${#wanted[@]}" -gt 0 ] || return 0
	for name in "${wanted[@]}"; do
		[ "$name" != "$1" ] || return 0
	done
	return 1
}

# count LOG - sets p, f, s from what the suite printed; returns 1 if it printed no closing line
count()
{
	local line

	p=0 f=0 s=0
	line=$(grep -a -E '^\[====\] Synthesis: Tested: ' "$1" | tail -n 1) || true
	if [ -n "$line" ]; then
		# A crash is a failure too, and is in both figures.
		p=$(sed -E 's/.*Passing: ([0-9]+).*/\1/' <<< "$line")
		f=$(sed -E 's/.*Failing: ([0-9]+).*/\1/' <<< "$line")
		s=$(grep -a -c '^\[SKIP\] ' "$1") || true
		return 0
	fi
	# policy-matrix counts probes; here a case is a test.
	line=$(grep -a -E '^[0-9]+ cases, [0-9]+ probes, [0-9]+ wrong$' "$1" | tail -n 1) || true
	if [ -n "$line" ]; then
		f=$(grep -a -c '^WRONG ' "$1") || true
		p=$((${line%% *} - f))
		return 0
	fi
	line=$(grep -a -E '^([^ ]+: )?[0-9]+ passed, [0-9]+ failed(, [0-9]+ skipped)?$' "$1" | tail -n 1) || true
	[ -n "$line" ] || return 1
	read -r p f s < <(sed -E 's/^([^ ]+: )?//; s/ (passed|failed|skipped),?//g; s/^([0-9]+ [0-9]+)$/\1 0/' <<< "$line")
}

# Whoever stops us stops what runs: `timeout` hands the signal to all that a suite started.
running=''	# the suite of this lane,
beside=''	# and the lane beside it
end_lanes()
{
	# shellcheck disable=SC2086 # none, one or two
	[ -z "$running$beside" ] || kill $running $beside 2> /dev/null || true
}
trap end_lanes EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# run NAME COMMAND... - what it printed, its exit code and its times go to files
run()
{
	local name=$1 code=0 start=$EPOCHREALTIME

	shift
	timeout --kill-after=5 "$limit" "$@" > "$out/$name.log" 2>&1 < /dev/null &
	running=$!
	wait "$running" || code=$?
	running=''
	echo "$code $start $EPOCHREALTIME" > "$out/$name.end"
}

# judge NAME - print one line about a suite that was run, and its output if anything failed
judge()
{
	local name=$1 log=$out/$1.log code start end p f s note=''

	read -r code start end < "$out/$name.end"
	if ! count "$log"; then
		f=1
		note="ended without a closing line, exit code $code"
	elif [ "$code" -ne 0 ] && [ "$f" -eq 0 ]; then
		f=1
		note="exit code $code although no test failed"
	fi
	if [ $((p + f + s)) -eq 0 ]; then
		f=1
		note="ran no test, exit code $code"
	fi
	# 137: it did not end when asked to.
	if [ "$code" -eq 124 ] || [ "$code" -eq 137 ]; then
		[ "$f" -gt 0 ] || f=1
		note="stopped after $limit s"
	fi
	passed=$((passed + p))
	failed=$((failed + f))
	skipped=$((skipped + s))
	if [ "$f" -gt 0 ]; then
		# (A log of nothing else is no reason to end here.)
		{ grep -a -v -E '^(\[(PASS|RUN |SKIP)\]|ok |skip: )' "$log" || true; } | tail -n 300 | sed 's/^/    /'
	fi
	grep -a -E '^(\[SKIP\] |skip: )' "$log" | sed -E 's/^(\[SKIP\]|skip:) */    skip: /' || true
	printf '%-24s %5d passed %4d failed %4d skipped  %6.2f s%s\n' "$name" "$p" "$f" "$s" \
		"$(awk -v a="$start" -v b="$end" 'BEGIN { print b - a }')" "${note:+  ($note)}"
}

# suite NAME COMMAND...
suite()
{
	run "$@"
	judge "$1"
}

# in_node NAME COMMAND...
in_node()
{
	local name=$1

	shift
	if [ "$(id -u)" -ne 0 ]; then
		echo "    skip: $name: needs root"
		skipped=$((skipped + 1))
		return 0
	fi
	suite "$name" test/lib/node "$@"
}

# programs PREFIX DIR PLUGINS - the C programs of one build, the plugins of that build
programs()
{
	local prefix=$1 dir=$2 plugins=$3 name

	if [ -x "$dir/unit" ] && selected "${prefix}unit"; then
		suite "${prefix}unit" "$dir/unit" --verbose=1
	fi
	for name in net bpf; do
		if [ -x "$dir/$name" ] && selected "$prefix$name"; then
			in_node "$prefix$name" "$dir/$name" --verbose=1
		fi
	done
	if [ -x "$build/test/plugin" ] && selected "${prefix}plugin"; then
		in_node "${prefix}plugin" "$build/test/plugin" -d "$plugins"
	fi
}

# policy NAME PROGRAM ARGUMENT... - a program that makes nodes of its own
policy()
{
	local name=$1 program=$build/test/$2

	shift 2
	if ! [ -x "$program" ] || ! selected "$name"; then
		return 0
	fi
	if [ "$(id -u)" -ne 0 ]; then
		echo "    skip: $name: needs root"
		skipped=$((skipped + 1))
		return 0
	fi
	suite "$name" "$program" --plugins "$CNI_BIN_DIR" "$@"
}

programs '' "$build/test" "$CNI_BIN_DIR"
programs san- "$build/san/test" "$build/san"
if [ -x "$build/san/test/fuzz-replay" ] && selected san-fuzz; then
	in_node san-fuzz "$build/san/test/fuzz-replay" test/fuzz/corpus
fi
if [ -x "$build/test/cni-conformance" ] && [ "$(id -u)" -ne 0 ]; then
	echo "    skip: conformance: needs root"
	skipped=$((skipped + 1))
elif [ -x "$build/test/cni-conformance" ]; then
	! selected conformance ||
		suite conformance "$build/test/cni-conformance" --plugins "$CNI_BIN_DIR"
	! selected conformance-upstream ||
		suite conformance-upstream "$build/test/cni-conformance" --plugins /usr/lib/cni --control
fi
for backend in $policy_backends; do
	policy "policy-$backend" policy-matrix --backend "$backend" test/policy/cases/e2e test/policy/cases/own
done
for backend in ebpf nftables; do
	policy "policy-$backend-leak" policy-leak --backend "$backend" --flips 100
done
# Every 211th case, others each day; long-crash is all of them.
policy crash crash --every 211 --seed $(($(date +%s) / 86400))
for file in test/runtime/*.sh; do
	name=runtime-$(basename "$file" .sh)
	if [ -x "$file" ] && selected "$name"; then
		suite "$name" "$file"
	fi
done

# long NAME run|judge - one of test/long
long()
{
	if [ "$2" = run ]; then
		run "$1" "test/long/${1#long-}.sh" "$build"
	else
		judge "$1"
		sed -n 's/^count: /    count: /p' "$out/$1.log"
	fi
}

# asked NAME - is this one of test/long, and was it named?
asked()
{
	[ "${#wanted[@]}" -gt 0 ] && selected "$1" && [ -x "test/long/${1#long-}.sh" ]
}

# Two lanes: in one emulated machines (they give way, nice 10) and what makes nothing in this kernel, in the other what is mostly
# waiting for this kernel to end links, one after the other, for the soak counts what the whole machine has. A suite that is in
# neither comes alone, behind them.
emulated='long-kernels long-powercut long-fuzz'
waiting='long-crash long-verdicts long-policy long-soak'

# lane NAMES run|judge|both
lane()
{
	local name

	for name in $1; do
		asked "$name" || continue
		[ "$2" = judge ] || long "$name" run
		[ "$2" = run ] || long "$name" judge
	done
}

run_beside()
{
	beside=''
	trap end_lanes EXIT
	trap 'exit 143' TERM
	lane "$waiting" run
}

alone=''
for file in test/long/*.sh; do
	name=long-$(basename "$file" .sh)
	[[ " $emulated $waiting " == *" $name "* ]] || alone+=" $name"
done
run_beside &
beside=$!
lane "$emulated" both
wait "$beside"
beside=''
lane "$waiting" judge
lane "$alone" both

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
