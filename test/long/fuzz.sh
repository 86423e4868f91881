#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# fuzz.sh - long: every target of test/fuzz for a while, two at a time, from the corpora of the repository
#
#	test/long/fuzz.sh BUILDDIR
#
# FUZZ_SECONDS	for each target, default 60
# FUZZ_JOBS	at a time, default 2
# FUZZ_TARGETS	default: all
#
# What libFuzzer finds stays in BUILDDIR/fuzz/, and is shown; once it is mended its input goes into test/fuzz/corpus/.
set -u

build=$(cd "${1:?usage: fuzz.sh BUILDDIR}" && pwd)
cd "$(dirname "$0")/../.." || exit
seconds=${FUZZ_SECONDS:-60}
jobs=${FUZZ_JOBS:-2}
found=$build/fuzz
passed=0
failed=0
skipped=0
export ASAN_OPTIONS=detect_leaks=1:abort_on_error=0 UBSAN_OPTIONS=print_stacktrace=1

finish()
{
	echo "fuzz: $passed passed, $failed failed, $skipped skipped"
	[ "$failed" -eq 0 ]
	exit
}

skip_all()
{
	echo "skip: fuzz: $1"
	skipped=1
	finish
}

# target NAME - in the background: its log, and its exit code in NAME.rc
target()
{
	local dir=$found/$1

	rm -rf "$dir"
	mkdir -p "$dir/corpus"
	# --kill-after: what hangs in a system call.
	timeout --kill-after=10 $((seconds + 60)) nice "$build/test/fuzz/$1" -max_total_time="$seconds" -max_len=4096 -timeout=10 \
		-rss_limit_mb=1024 -print_final_stats=1 -artifact_prefix="$dir/" "$dir/corpus" "test/fuzz/corpus/$1" \
		> "$dir/log" 2>&1 < /dev/null
	echo $? > "$dir/rc"
}

# judge NAME
judge()
{
	local dir=$found/$1 rc inputs

	rc=$(cat "$dir/rc" 2> /dev/null || echo "none")
	inputs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$dir/log" | tail -n 1)
	echo "count: inputs $1 ${inputs:-0}"
	if [ "$rc" = 0 ]; then
		passed=$((passed + 1))
		echo "ok $1"
	else
		failed=$((failed + 1))
		echo "not ok $1: expected no finding, found exit code $rc; see $dir"
		grep -v -E '^(#|INFO|stat::|NEW_FUNC)|# Uses:' "$dir/log" | head -n 40
	fi
}

command -v clang > /dev/null || skip_all "no clang"
[ -e "$(clang -print-file-name=libclang_rt.fuzzer-x86_64.a)" ] ||
	[ -n "$(find /usr/lib -name 'libclang_rt.fuzzer*.a' -print -quit 2> /dev/null)" ] || skip_all "no libclang-rt-dev"
if ! make --no-print-directory O="${FUZZ_BUILD:-$1}" fuzz > "$build/fuzz.log" 2>&1; then
	echo "not ok make fuzz: expected programs, found $(tail -n 5 "$build/fuzz.log")"
	failed=1
	finish
fi
names=()
for file in "$build"/test/fuzz/*; do
	name=${file##*/}
	[ ! -f "test/fuzz/$name.c" ] || names+=("$name")
done
[ -z "${FUZZ_TARGETS:-}" ] || read -r -a names <<< "$FUZZ_TARGETS"
for name in "${names[@]}"; do
	while [ "$(jobs -rp | wc -l)" -ge "$jobs" ]; do wait -n; done
	target "$name" &
done
wait
for name in "${names[@]}"; do judge "$name"; done
finish
