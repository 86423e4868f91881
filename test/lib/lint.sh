#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# lint.sh - everything that reads the sources without running them
#
#	lint.sh BUILDDIR [STEP...]		CC, LINT_CPPFLAGS, LINT_WARN from the Makefile
#
# Steps, cheap ones first: headers format layers length shell man stack cppcheck analyzer tidy. All run, even
# after a failure; each names file and line. Exit code 1 when a step found something.
set -euo pipefail

[ $# -ge 1 ] || { echo "usage: lint.sh BUILDDIR [STEP...]" >&2; exit 2; }
build=$1
shift
cd "$(dirname "$0")/../.."
CC=${CC:-gcc}
jobs=$(nproc)
max_lines=600

mapfile -t sources < <(find plugin ipam bpf test -name '*.[ch]' ! -path '*/.*' | sort)
mapfile -t units < <(find plugin ipam -name '*.c' | sort)
mapfile -t scripts < <(grep -rlE --exclude-dir='.git' --exclude-dir="$(basename "$build")" \
	'^#!/bin/(ba)?sh' plugin ipam bpf test conf .ci | sort)
mapfile -t pages < <(find conf -name '*.[1-8]' | sort)
failed=()

# The product's own compile line, without what clang does not know.
cppflags=${LINT_CPPFLAGS:--D_GNU_SOURCE -Iplugin -I.}
read -r -a cppflags <<< "${cppflags//\'/}"
read -r -a warn <<< "${LINT_WARN:--Wall -Wextra}"

complain()
{
	echo "$*"
	bad=1
}

# Every text file says its licence in its first lines. Data, and what cannot hold a comment, is exempt.
step_headers()
{
	local file bad=0

	while read -r file; do
		head -n 4 "$file" | grep -q 'SPDX-License-Identifier: GPL-2.0-or-later' ||
			complain "$file:1: no line 'SPDX-License-Identifier: GPL-2.0-or-later'"
	done < <(find Makefile .clang-format .clang-tidy .gitignore .ci plugin ipam bpf test conf -type f \
		\( -name '*.[ch1-8]' -o -name '*.sh' -o -name '*.go' -o -name '*.py' -o -name Makefile \
		-o -path '.ci/*' -o -name '.clang*' -o -name .gitignore -o -path test/lib/node \) | sort)
	return $bad
}

step_format()
{
	clang-format --dry-run -Werror "${sources[@]}"
}

# layer_of FILE - its place in the order of DESIGN: a file may include its own layer and lower ones
layer_of()
{
	case $1 in
	plugin/base/* | base/*) echo base ;;
	plugin/spec/* | spec/*) echo spec ;;
	plugin/kernel/* | kernel/*) echo kernel ;;
	plugin/policy/* | policy/*) echo policy ;;
	plugin/endpoint/* | endpoint/*) echo endpoint ;;
	plugin/types/* | types/*) echo types ;;
	plugin/cli/* | cli/*) echo cli ;;
	ipam/*) echo ipam ;;
	bpf/*) echo bpf ;;
	plugin/main.c) echo main ;;
	*) echo other ;;
	esac
}

declare -A may_include=(
	[base]="base"
	[spec]="base spec"
	[kernel]="base kernel"
	[ipam]="base spec ipam"
	[policy]="base policy bpf"
	[bpf]="base kernel bpf"
	[endpoint]="base spec kernel ipam policy bpf endpoint"
	[types]="base spec kernel ipam policy endpoint types"
	[cli]="base spec kernel ipam policy bpf endpoint types cli"
	[main]="base spec kernel ipam policy endpoint types cli main"
)

# third_party HEADER - extended regular expression of the files that may include it; empty: all
third_party()
{
	case $1 in
	libmnl/* | libnftnl/*) echo '^plugin/kernel/' ;;
	linux/netfilter*) echo '^plugin/kernel/|^plugin/endpoint/uplink\.c$|^bpf/' ;;
	jansson.h) echo '^plugin/base/json\.[ch]$|^plugin/(spec|policy)/' ;;
	bpf/*) echo '^bpf/' ;;
	esac
}

step_layers()
{
	local file line number include kind from to where bad=0

	while IFS=: read -r file number line; do
		kind=${line//[^<\"]/}
		include=$(sed -E 's/^[^<"]*[<"]([^>"]*)[>"].*/\1/' <<< "$line")
		from=$(layer_of "$file")
		if [ "${kind:0:1}" = '"' ]; then
			to=$(layer_of "$include")
			[ "$to" != other ] || [ "${include##*/}" = "$include" ] ||
				complain "$file:$number: \"$include\" is no path from the top or from plugin/"
			if [ "$to" != other ] && [[ " ${may_include[$from]:-$to} " != *" $to "* ]]; then
				complain "$file:$number: $from may not include $to (\"$include\"); it may: ${may_include[$from]}"
			fi
		else
			where=$(third_party "$include")
			[ -z "$where" ] || [[ $file =~ $where ]] ||
				complain "$file:$number: <$include> is included only by files matching $where"
		fi
	done < <(grep -nE '^[[:space:]]*#[[:space:]]*include' /dev/null "${layered[@]}")
	return $bad
}
layered=()
for f in "${sources[@]}"; do
	[[ $f == test/* ]] || layered+=("$f")
done

step_length()
{
	local file n bad=0

	for file in "${sources[@]}" "${scripts[@]}"; do
		n=$(wc -l < "$file")
		[ "$n" -le "$max_lines" ] || complain "$file:$n: longer than $max_lines lines: split it by concept"
	done
	return $bad
}

step_shell()
{
	shellcheck -x -P SCRIPTDIR "${scripts[@]}"
}

# What is not installed here, our own pages included, is no fault of a page that refers to it.
step_man()
{
	local found

	[ "${#pages[@]}" -gt 0 ] || return 0
	found=$(mandoc -Tlint -Wstyle "${pages[@]}" 2>&1 |
		grep -v -e 'referenced manual not found' -e 'outdated mandoc.db') || return 0
	echo "$found"
	return 1
}

# What the kernel allows, and no test here shows: this machine's may allow more.
step_stack()
{
	local found

	found=$(test/lib/bpf-stack.sh "$build/obj/bpf/cnida.bpf.o" 2>&1) || { echo "$found"; return 1; }
}

# Unused functions and missing headers are the compiler's and the linker's business. resourceLeak and memleak do not
# know the cleanup attribute (gcc's analyzer does), readdirCalled wants a deprecated function, and
# invalidFunctionArg takes mmap's file descriptor -1 for an error.
step_cppcheck()
{
	cppcheck --quiet --std=c11 --error-exitcode=1 --inline-suppr -j "$jobs" \
		--enable=warning,performance,portability --suppress=missingIncludeSystem \
		--suppress=unknownMacro --suppress=resourceLeak --suppress=memleak --suppress=readdirCalled \
		--suppress=invalidFunctionArg --library=gnu --library=posix \
		--template='{file}:{line}: {severity}: {message} [{id}]' \
		-D_GNU_SOURCE -D__GNUC__=12 -Iplugin -I. "${units[@]}"
}

# Compiles each file once more, every warning an error, with gcc's path analysis. Without optimisation: what the
# optimiser removes, the analyzer of gcc 12 takes for uninitialised.
step_analyzer()
{
	printf '%s\n' "${units[@]}" | xargs -P "$jobs" -I{} \
		"$CC" -std=gnu17 -O0 "${cppflags[@]}" "${warn[@]}" -Werror -fanalyzer -c -o /dev/null {}
}

step_tidy()
{
	# shellcheck disable=SC2016 # the inner shell expands them
	printf '%s\n' "${units[@]}" | xargs -P "$jobs" -n 4 sh -c '
		flags=$1; shift
		clang-tidy --quiet "$@" -- -std=gnu17 $flags 2> /dev/null' sh "${cppflags[*]}"
}

steps=("$@")
[ "${#steps[@]}" -gt 0 ] || steps=(headers format layers length shell man stack cppcheck analyzer tidy)
for step in "${steps[@]}"; do
	begin=$EPOCHREALTIME
	result=ok
	"step_$step" || result=FAILED
	[ "$result" = ok ] || failed+=("$step")
	printf '  LINT   %-10s %-6s %6.1f s\n' "$step" "$result" \
		"$(awk -v a="$begin" -v b="$EPOCHREALTIME" 'BEGIN { print b - a }')"
done
if [ "${#failed[@]}" -gt 0 ]; then
	echo "lint: failed: ${failed[*]}" >&2
	exit 1
fi
