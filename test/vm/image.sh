#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# image.sh - what a virtual machine of one kernel needs to boot
#
#	image.sh BUILDDIR SERIES		SERIES: 6.1, 6.12, ...
#
# Makes BUILDDIR/vm/SERIES/, if it is not there yet (nothing is installed on this machine):
#
#	vmlinuz		Debian's kernel for clouds of that series, the newest that the mirror has
#	version		what `uname -r` says there
#	modules/	its modules, in the layout of /lib/modules
#	initrd		busybox, init, and the modules that are needed to see the machine's root file system
#	initrd.node	the same with modules for pods and nftables as well, for a machine without a root file system
#			(test/long/powercut.sh)
#
# And BUILDDIR/vm/emulator/ beside them (emulator.sh). The exit code is 3 when the mirror has no such kernel.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
[ $# -eq 2 ] || { echo "usage: image.sh BUILDDIR SERIES" >&2; exit 2; }
mkdir -p "$1/vm"
folder=$(cd "$1/vm" && pwd)/$2

boot_modules=(virtio_pci virtiofs overlay br_netfilter)
node_modules=(virtio_pci virtio_blk ext4 veth bridge br_netfilter ifb nf_tables nf_conntrack nf_conntrack_netlink
	sch_ingress sch_tbf cls_bpf)

# put_libraries ROOT PROGRAM - what a dynamically linked program loads
put_libraries()
{
	local file

	ldd "$2" 2> /dev/null | grep -o '/[^ ]*' | while read -r file; do
		mkdir -p "$1$(dirname "$file")"
		cp -L "$file" "$1$file"
	done
}

# initrd NAME MODULE... - a compressed archive with busybox, init and those modules with all that they depend on
initrd()
{
	local name=$1 root source=$work/modules file module

	shift
	root=$work/$name.root
	mkdir -p "$root/bin" "$root/lib/modules/$version"
	cp "$(command -v busybox)" "$root/bin/busybox"
	put_libraries "$root" "$root/bin/busybox"
	cp "$here/init" "$root/init"
	for module; do
		# A module that is built in prints "builtin"; one that this kernel does not have is none.
		modprobe -d "$source" -S "$version" --show-depends "$module" 2> /dev/null || true
	done | sed -n 's/^insmod \([^ ]*\).*/\1/p' | sort -u | while read -r file; do
		mkdir -p "$root$(dirname "${file#"$source"}")"
		cp "$file" "$root${file#"$source"}"
	done
	cp "$source/lib/modules/$version"/modules.{order,builtin,builtin.modinfo} "$root/lib/modules/$version/"
	depmod -b "$root" "$version"
	(cd "$root" && find . | cpio -o -H newc --quiet | gzip -1) > "$work/$name"
	rm -rf "$root"
}

"$here/emulator.sh" "$1"
# Made anew when what it is made of has changed.
stamp=$(cat "$0" "$here/init" "$top/test/lib/deps.sh" | sha256sum)
[ "$(cat "$folder/.stamp" 2> /dev/null)" != "$stamp" ] || exit 0
work=$folder.new.$$
rm -rf "$work"
mkdir -p "$work"
trap 'rm -rf "$work"' EXIT
"$top/test/lib/deps.sh" kernel "$2" "$work/package" > "$work/log" 2>&1 || { tail -n 3 "$work/log" >&2; exit 3; }
version=$(cd "$work/package/boot" && echo vmlinuz-*)
version=${version#vmlinuz-}
mv "$work/package/boot/vmlinuz-$version" "$work/vmlinuz"
mkdir -p "$work/modules"
mv "$work/package/lib" "$work/modules/lib"
depmod -b "$work/modules" "$version"
echo "$version" > "$work/version"
initrd initrd "${boot_modules[@]}"
mapfile -t nft_modules < <(find "$work/modules" -name 'nft_*.ko*' -printf '%f\n' | sed 's/\.ko.*//')
initrd initrd.node "${node_modules[@]}" "${nft_modules[@]}"
rm -rf "$work/package"
echo "$stamp" > "$work/.stamp"
rm -rf "$folder"
mv "$work" "$folder"
