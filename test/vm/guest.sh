#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# guest.sh - inside a virtual machine: run the command of a job, report, stop
#
# Output and errors of the command go to the second serial port, its exit code to the third.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 TMPDIR=/var/tmp
# A pipe, so that nobody takes it for a terminal.
bash "$1/command" 2>&1 < /dev/null | cat > /dev/ttyS1
echo "${PIPESTATUS[0]}" > /dev/ttyS2
/bin/busybox reboot -f
