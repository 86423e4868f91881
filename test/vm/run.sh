#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# run.sh - run a command on another kernel
#
#	run.sh KERNEL COMMAND [ARGUMENT...]		KERNEL: a folder that image.sh made, build/vm/6.1
#
# Boots a virtual machine (software emulation, no network) whose root file system is this machine's, read-only
# below a layer in memory: every program and every path is there, and nothing that is done there is left. The
# command runs as root in this folder, on what looks like a freshly booted node. Its output is printed; the exit
# code is the command's, or
#
#	124	VM_TIMEOUT seconds (300) have passed
#	125	the machine ended without a report: the end of its console is printed
#
# VM_MEMORY=1024	MB
# VM_CPUS=2
# VM_ENV		names of variables to be set there as they are here (default: CNI_BIN_DIR)
#
# A line "run.sh: the kernel complained" on stderr follows what the kernel itself printed about faults.
set -euo pipefail

# Outside: a folder for the job, removed by name, file by file: a folder in it is where the inside sees the root file
# system, in a mount namespace of its own.
outside()
{
	local job code=0 file

	[ "$(id -u)" -eq 0 ] || { echo "run.sh: must run as root" >&2; exit 125; }
	job=$(mktemp -d "$(cd "$1/.." && pwd)/job.XXXXXX")
	mkdir "$job/root"
	unshare --mount --propagation private -- "$0" --inside "$job" "$@" || code=$?
	for file in command modules virtiofsd socket console status qemu; do
		rm -f "$job/$file"
	done
	rmdir "$job/root" "$job"
	exit "$code"
}

# write_job - what test/vm/guest.sh reads
write_job()
{
	local name

	{
		printf 'cd %q || exit 125\n' "$PWD"
		for name in ${VM_ENV:-CNI_BIN_DIR}; do
			[ -z "${!name+set}" ] || printf 'export %s=%q\n' "$name" "${!name}"
		done
		printf 'exec'
		printf ' %q' "$@"
		printf '\n'
	} > "$job/command"
	echo "$kernel/modules/lib/modules" > "$job/modules"
}

# bind_root - a read-only view of the root file system, with what is mounted elsewhere and needed
bind_root()
{
	local dir at

	mount --bind / "$job/root"
	for dir in /usr /var "$top" "$kernel" "$PWD"; do
		at=$(findmnt -n -o TARGET -T "$dir")
		[ "$at" = / ] || mountpoint -q "$job/root$at" || mount --bind -o ro "$at" "$job/root$at"
	done
	mount -o remount,bind,ro "$job/root"
}

serve_root()
{
	local i

	# It keeps a file with its process ID there.
	mount -t tmpfs -o mode=755 tmpfs /run
	/usr/lib/qemu/virtiofsd --socket-path=socket -o source="$job/root" -o cache=always -o xattr > virtiofsd 2>&1 &
	daemon=$!
	for ((i = 0; i < 100; i++)); do
		[ ! -S socket ] || return 0
		sleep 0.02
	done
	cat virtiofsd >&2
	return 1
}

boot()
{
	local memory=${VM_MEMORY:-1024}
	# On a busy machine a guest measures its processor's clock wrongly, and time runs some times too fast for it. It has a
	# timer of known speed. That it gets no processor for a while is no fault of its own.
	local clock="clocksource=hpet tsc=unstable nowatchdog rcupdate.rcu_cpu_stall_suppress=1"

	# qemu64: with all that the emulation can do ("max") the guest walks five levels of page tables, and boots in 9.1 s instead of 6.8.
	# --foreground: whoever stops our process group stops the machine too.
	# nice: what runs beside may have short deadlines (the crash matrix: 5 s a command); the suites in here have long ones.
	timeout --foreground --kill-after=5 "${VM_TIMEOUT:-300}" nice -n 10 "$kernel/../emulator/qemu" -machine q35 -accel tcg,thread=multi \
		-cpu qemu64 -smp "${VM_CPUS:-2}" -m "$memory" -numa node,memdev=memory \
		-object "memory-backend-memfd,id=memory,size=${memory}M,share=on" \
		-nodefaults -no-user-config -no-reboot -display none \
		-serial file:console -serial stdio -serial file:status -chardev socket,id=root,path=socket \
		-device vhost-user-fs-pci,chardev=root,tag=root,queue-size=1024 \
		-kernel "$kernel/vmlinuz" -initrd "$kernel/initrd" \
		-append "console=ttyS0 quiet panic=-1 $clock vm.job=$job vm.tree=$top" < /dev/null 2> qemu
}

[ $# -ge 2 ] || { echo "usage: run.sh KERNEL COMMAND [ARGUMENT...]" >&2; exit 2; }
top=$(cd "$(dirname "$0")/../.." && pwd)
[ "$1" = --inside ] || outside "$@"
job=$2
kernel=$(cd "$3" && pwd)
shift 3
write_job "$@"
bind_root
cd "$job"
serve_root || exit 125
code=0
boot || code=$?
# It ends by itself when the machine does; this is for a machine that never began.
kill "$daemon" 2> /dev/null || true
if [ "$code" -eq 124 ] || [ "$code" -eq 137 ]; then
	echo "run.sh: stopped after ${VM_TIMEOUT:-300} s" >&2
	tail -n 5 console >&2
	exit 124
fi
if ! [ -s status ]; then
	{ echo "run.sh: no exit code from the machine:"; tail -n 40 console; cat qemu; } >&2
	exit 125
fi
! grep -a -A 30 -E '(BUG|WARNING|Oops|general protection|RIP|hung_task|lockup)[: ]' console >&2 ||
	echo "run.sh: the kernel complained" >&2
code=$(tr -cd 0-9 < status)
exit "$code"
