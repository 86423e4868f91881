#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# bpf-stack.sh - how much stack the programs of an eBPF object take along their deepest chains of calls
#
#	bpf-stack.sh OBJECT
#
# A chain of calls has 512 bytes, of which Linux 6.1 gives each function whole 32 (check_max_stack_depth() in
# kernel/bpf/verifier.c); newer kernels round up to 16 or 8 where they compile the programs, and accept more. So an object
# that loads here may be refused where most nodes are. Prints a line for each program; exit code 1 when one takes more.
set -euo pipefail

[ $# -eq 1 ] || { echo "usage: bpf-stack.sh OBJECT" >&2; exit 2; }

llvm-objdump -d -r "$1" | awk -v limit=512 -v page=32 '
function number(hex,	n, i)
{
	for (i = 1; i <= length(hex); i++)
		n = n * 16 + index("0123456789abcdef", substr(hex, i, 1)) - 1
	return n
}

# The last four bytes of an instruction, the least significant first; negative ones have the highest bit.
function immediate(n)
{
	n = number($9 $8 $7 $6)
	return n < 2147483648 ? n : n - 4294967296
}

function uses(bytes)
{
	if (bytes > own[name])
		own[name] = bytes
}

# A label inside of a function is none.
$2 ~ /^<.*>:$/ && $2 !~ /^<LBB/ {
	name = substr($2, 2, length($2) - 3)
	known[name] = 1
	if (section == ".text")
		starts[number($1) / 8] = name
	else
		programs[++nprograms] = name
	next
}
/^Disassembly of section / { section = substr($4, 1, length($4) - 1); next }

# 685: 85 10 00 00 60 13 00 00 call 4960: the register field says that it is a function of ours, not of the kernel. Where
# it begins stands there, relative to the next instruction, unless the line behind it names a function or a section.
$2 == "85" && $3 == "10" {
	target = immediate() + 1
	calls[name, ++ncalls[name]] = $1 + target
	next
}
$2 == "R_BPF_64_32" { calls[name, ncalls[name]] = $3 == ".text" ? target : $3 }
match($0, /\(r10 - [0-9]+\)/) { uses(substr($0, RSTART + 7, RLENGTH - 8) + 0) }
match($0, /r[0-9] = r10$/) { copy = substr($0, RSTART, 2); next }
copy != "" && $0 ~ copy " \\+= -[0-9]+$" { uses(-$NF); copy = "" }

function depth(f,	i, to, deepest, at, way)
{
	for (i = 1; i <= ncalls[f]; i++) {
		to = calls[f, i]
		if (to in starts)
			to = starts[to]
		if (!(to in known)) {
			print "bpf-stack: " f " calls what is not there: " to
			exit bad = 1
		}
		at = depth(to)
		if (at > deepest) {
			deepest = at
			way = via[to]
		}
	}
	at = own[f] > 0 ? own[f] : 1
	at = int((at + page - 1) / page) * page
	via[f] = f " " at (way != "" ? ", " way : "")
	return deepest + at
}

END {
	if (bad || !nprograms) {
		if (!bad)
			print "bpf-stack: no program found"
		exit 1
	}
	for (i = 1; i <= nprograms; i++) {
		if (!(programs[i] in own)) {
			print programs[i] ": no frame found: does llvm-objdump print it another way?"
			bad = 1
		}
		total = depth(programs[i])
		print programs[i] ": " total " of " limit " bytes of stack (" via[programs[i]] ")"
		if (total > limit)
			bad = 1
	}
	exit bad
}'
