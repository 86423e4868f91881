#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# powercut.sh - the power of a node is cut while pods come and go, and it is booted again
#
#	powercut.sh BUILDDIR		POWERCUT_CUTS=26 POWERCUT_SEED=N
#
# One machine for each kernel and policy backend (test/vm), with a disk of its own, side by side. At a random moment QEMU is
# killed; the disk then holds what test/vm/survivors.py leaves of it. What must be true after the next boot is in
# test/vm/powercut.sh.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
[ $# -eq 1 ] || { echo "usage: powercut.sh BUILDDIR" >&2; exit 2; }
build=$(cd "$1" && pwd)
plugins=${CNI_BIN_DIR:-$build/bin}
cuts=${POWERCUT_CUTS:-26}
seed=${POWERCUT_SEED:-$$}
disk_mb=48
boot_timeout=400
n_skipped=0

work=$(mktemp -d "$build/vm/powercut.XXXXXX" 2> /dev/null) || { mkdir -p "$build/vm"; work=$(mktemp -d "$build/vm/powercut.XXXXXX"); }
trap 'rm -rf --one-file-system "$work"' EXIT
trap 'kill $(jobs -p) 2> /dev/null; exit 130' INT TERM

skip() { n_skipped=$((n_skipped + 1)); echo "skip: $1: $2"; }

# archive KERNEL - its initrd, the plugins and the script behind it
archive()
{
	local root=$2.root

	mkdir -p "$root/opt/cni/bin"
	cp -a "$plugins/cnida" "$root/opt/cni/bin/"
	cp "$top/test/vm/powercut.sh" "$root/powercut"
	cp "$1/initrd.node" "$2"
	(cd "$root" && find . | cpio -o -H newc --quiet | gzip -1) >> "$2"
	rm -rf "$root"
}

# machine FOLDER CUT BACKEND - QEMU in the background, its process in $pid
machine()
{
	cp --sparse=always "$1/disk" "$1/running"
	rm -f "$1/log" "$1/report" "$1/console"
	: > "$1/log"
	"$build/vm/emulator/qemu" -machine q35 -accel tcg,thread=multi -cpu qemu64 -smp 2 -m 384 -nodefaults -no-user-config \
		-no-reboot -display none -serial "file:$1/console" -serial "file:$1/report" \
		-blockdev "driver=file,filename=$1/running,node-name=disk" \
		-blockdev "driver=file,filename=$1/log,node-name=log" \
		-blockdev driver=blklogwrites,file=disk,log=log,node-name=logged \
		-device virtio-blk-pci,drive=logged -kernel "$1/vmlinuz" -initrd "$1/initrd" \
		-append "console=ttyS0 quiet panic=-1 clocksource=hpet tsc=unstable nowatchdog vm.disk=/powercut vm.cut=$2 vm.backend=$3" \
		< /dev/null > "$1/qemu" 2>&1 &
	pid=$!
}

# wait_for LINE FOLDER - until the machine has said so; fails when it has ended or takes too long
wait_for()
{
	local end=$((SECONDS + boot_timeout))

	until grep -a -q "^$1" "$2/report" 2> /dev/null; do
		kill -0 "$pid" 2> /dev/null || { grep -a -q "^$1" "$2/report" 2> /dev/null; return; }
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.1
	done
}

# series NAME SERIES BACKEND CUTS - the life of one disk; prints what the machine reports
series()
{
	local folder=$work/$1 kernel=$build/vm/$2 backend=$3 n=$4 cut

	RANDOM=$((seed + ${#1} + $4))
	pid=
	trap '[ -z "$pid" ] || kill -KILL "$pid" 2> /dev/null' EXIT
	trap 'exit 130' INT TERM
	mkdir "$folder"
	ln -s "$kernel/vmlinuz" "$folder/vmlinuz"
	archive "$kernel" "$folder/initrd"
	truncate -s "${disk_mb}M" "$folder/disk"
	mke2fs -q -t ext4 "$folder/disk" || { echo "not ok $1: mke2fs"; return; }
	for ((cut = 0; cut <= n; cut++)); do
		machine "$folder" "$([ "$cut" -lt "$n" ] && echo "$cut" || echo end)" "$backend"
		if ! wait_for "$([ "$cut" -lt "$n" ] && echo churning || echo "done")" "$folder"; then
			kill -KILL "$pid" 2> /dev/null
			wait "$pid" 2> /dev/null
			echo "not ok $1: boot $cut: no answer in $boot_timeout s: $(tail -n 3 "$folder/report" "$folder/console" | tr -d '\r' | tr '\n' '|')"
			sed "s/^/$1: /" "$folder/report"
			return
		fi
		if [ "$cut" -lt "$n" ]; then
			sleep "$((RANDOM % 4)).$((RANDOM % 10))$((RANDOM % 10))"
			kill -KILL "$pid"
		fi
		wait "$pid" 2> /dev/null
		pid=
		tr -d '\r' < "$folder/report" | sed -E "s/^(ok|not ok|found) /\1 $1, /"
		[ "$cut" = "$n" ] || echo "cut $1, $cut: $("$top/test/vm/survivors.py" "$folder/log" "$folder/disk" "$seed-$1-$cut")"
	done
}

finish()
{
	local passed failed

	passed=$(cat "$work"/*.out 2> /dev/null | grep -c '^ok ')
	failed=$(cat "$work"/*.out 2> /dev/null | grep -c '^not ok ')
	echo "count: cuts $(cat "$work"/*.out 2> /dev/null | grep -c '^cut '), seed $seed, boots after a cut $(cat "$work"/*.out 2> /dev/null | grep -c '^found ')"
	echo "powercut: $passed passed, $failed failed, $n_skipped skipped"
	[ "$failed" -eq 0 ]
	exit
}

for tool in qemu-system-x86_64 cpio mke2fs busybox python3 modprobe; do
	command -v "$tool" > /dev/null || { skip powercut "$tool is not installed (test/lib/deps.sh long)"; finish; }
done
[ "$(uname -m)" = x86_64 ] || { skip powercut "the machine would be emulated on another processor"; finish; }
wanted=("6.1 ebpf" "6.12 nftables")
for one in "${wanted[@]}"; do
	read -r version backend <<< "$one"
	if ! "$top/test/vm/image.sh" "$build" "$version"; then
		skip "Linux $version" "the mirror has no kernel of this series, or cannot be reached"
		continue
	fi
	series "$version-$backend" "$version" "$backend" "$(((cuts + ${#wanted[@]} - 1) / ${#wanted[@]}))" 2>&1 |
		grep --line-buffered -v '^churning\|^done' | tee "$work/$version.out" &
done
wait
finish
