#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# guest.sh - inside a virtual machine: prepare a node, run the command of a job, report, stop
#
# Output and errors of the command go to the second serial port, its exit code to the third.
job=$1
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 TMPDIR=/var/tmp
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/lock /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
# Files that tests make must be able to have extended attributes and to be linked; all in memory.
mount -t tmpfs -o mode=1777 tmpfs /var/tmp
mount -t cgroup2 cgroup2 /sys/fs/cgroup 2> /dev/null
mount -t bpf bpf /sys/fs/bpf
for dir in /var/lib/cni /var/lib/cnida /etc/cni /opt/cni; do
	mkdir -p "$dir"
	mount -t tmpfs -o mode=755 tmpfs "$dir"
done
# The kernel asks /sbin/modprobe for what is missing.
mkdir -p "/lib/modules/$(uname -r)"
mount --bind "$(cat "$job/modules")/$(uname -r)" "/lib/modules/$(uname -r)"
# What Kubernetes asks of a node.
modprobe br_netfilter
ip link set lo up
hostname node
for port in /dev/ttyS1 /dev/ttyS2; do
	stty -F "$port" raw -echo
done
# A pipe, so that nobody takes it for a terminal.
bash "$job/command" 2>&1 < /dev/null | cat > /dev/ttyS1
echo "${PIPESTATUS[0]}" > /dev/ttyS2
/bin/busybox reboot -f
