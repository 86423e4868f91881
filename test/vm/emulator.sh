#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# emulator.sh - the QEMU that virtual machines run in
#
#	emulator.sh BUILDDIR
#
# Makes BUILDDIR/vm/emulator/qemu, if it is not there yet: a command that takes QEMU's arguments. It is this machine's QEMU when
# that is new enough; else the one of Debian's backports, unpacked beside it and not installed (the libraries that it loads
# are those of the installed one); else this machine's all the same. What newer ones emulate takes a fifth to a half less time.
set -euo pipefail

good_enough=10 # of that version on, strings and jumps are emulated as fast as it gets

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
[ $# -eq 1 ] || { echo "usage: emulator.sh BUILDDIR" >&2; exit 2; }
mkdir -p "$1/vm"
folder=$(cd "$1/vm" && pwd)/emulator

# version COMMAND - its major version, 0 if it does not run
version()
{
	local v
	v=$("$@" --version 2> /dev/null | sed -n -E '1s/.* version ([0-9]+).*/\1/p') || true
	echo "${v:-0}"
}

# wrap FOLDER - the command, for a QEMU that was unpacked there
wrap()
{
	# shellcheck disable=SC2016 # it finds out itself where it is
	printf '#!/bin/sh\nat=${0%%/*}/usr\nexec "$at/bin/qemu-system-x86_64" -L "$at/share/qemu" -L "$at/share/seabios" "$@"\n' \
		> "$1/qemu"
	chmod 755 "$1/qemu"
}

# One at a time: every image asks for it.
exec {lock}> "$folder.lock"
flock "$lock"
stamp=$(cat "$0" "$top/test/lib/deps.sh" | sha256sum)
[ "$(cat "$folder/.stamp" 2> /dev/null)" != "$stamp" ] || exit 0
rm -rf "$folder"
if [ "$(version qemu-system-x86_64)" -lt "$good_enough" ] &&
	"$top/test/lib/deps.sh" emulator backports "$folder" > "$folder.log" 2>&1; then
	wrap "$folder"
fi
if [ "$(version "$folder/qemu")" -lt "$good_enough" ]; then
	[ "$(version qemu-system-x86_64)" -ge "$good_enough" ] ||
		echo "emulator.sh: no QEMU of version $good_enough to be had ($folder.log): machines run in the installed one, some slower" >&2
	rm -rf "$folder"
	mkdir "$folder"
	ln -s "$(command -v qemu-system-x86_64)" "$folder/qemu"
fi
echo "$stamp" > "$folder/.stamp"
