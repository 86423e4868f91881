#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# arm64.sh - the executables for other processors do what this machine's does, under qemu-user
#
# What `make dist` left in the build folder, arm64 and others that are there. Only what needs no kernel objects: qemu-user has
# neither bpf() nor netfilter's netlink nor the ioctl that tells a network namespace. Everything is compared with what the
# native executable answers.
# shellcheck disable=SC2317 # functions are handed to succeeds and fails
set -u
. "$(dirname "$0")/lib.sh"

declare -A emulator=([aarch64-linux-gnu]=qemu-aarch64 [riscv64-linux-gnu]=qemu-riscv64 [arm-linux-gnueabihf]=qemu-arm)
build=$(cd "$CNI_BIN_DIR/.." && pwd)
[ -x "$build/aarch64-linux-gnu/bin/cnida" ] || skip_all "no arm64 executable in $build (make dist)"
[ -z "$(find "$top"/{plugin,ipam,bpf} -name '*.[ch]' -newer "$build/aarch64-linux-gnu/bin/cnida" -print -quit)" ] ||
	skip_all "the arm64 executable is older than the sources (make dist)"
command -v qemu-aarch64 > /dev/null || command -v qemu-aarch64-static > /dev/null ||
	skip_all "no qemu-aarch64: the package qemu-user is not installed (make deps-dist)"
[ -x "$build/test/plugin" ] || skip_all "no $build/test/plugin (make tests)"
enter_node "readelf" "$@"

# foreign TRIPLET - $dir/TYPE runs the type for that processor; the executables lie in $real
foreign()
{
	local qemu type
	qemu=$(command -v "${emulator[$1]}" || command -v "${emulator[$1]}-static") || return 1
	real=$work/node/$1
	dir=$work/node/$1-wrapped
	mkdir -p "$dir" && cp -a "$build/$1/bin" "$real" || return 1
	for type in "$real"/*; do
		printf '#!/bin/sh\nexec %s %s "$@"\n' "$qemu" "$type" > "$dir/${type##*/}" && chmod 755 "$dir/${type##*/}"
	done
}

# answers FOLDER STORE - what host-local of that folder answers through the lives of three pods, one call a line
answers()
{
	local plugins=$1 store=$2 n verb conf
	conf=$(jq -cn --arg s "$store" --arg a "$net4" --arg b "$net6" '{cniVersion: "1.1.0", name: "far", type: "host-local",
		ipam: {type: "host-local", dataDir: $s, routes: [{dst: "0.0.0.0/0"}, {dst: "::/0", mtu: 1400}],
		ranges: [[{subnet: "\($a).0.0/22", rangeStart: "\($a).1.250"}, {subnet: "\($a).8.0/30"}],
		[{subnet: "\($b):ffff:ffff:ffff::/120", gateway: "\($b):ffff:ffff:ffff::fe"}]]}}')
	call()
	{
		echo "$1 $2: $(CNI_COMMAND=$1 CNI_CONTAINERID=$2 CNI_NETNS=/run/netns/$2 CNI_IFNAME=eth0 CNI_PATH=/opt/cni/bin \
			CNI_ARGS=${3:-} "$plugins/host-local" <<< "$4" 2>&1) $?"
	}
	for n in 1 2 3; do
		call ADD "pod$n" '' "$conf"
		call CHECK "pod$n" '' "$conf"
	done
	call ADD pod1 '' "$conf"
	call ADD asked "IP=$net4.2.77" "$conf"
	call ADD taken "IP=$net4.2.77" "$conf"
	call ADD outside "IP=10.99.0.1" "$conf"
	call DEL pod2 '' "$conf"
	call CHECK pod2 '' "$conf"
	call DEL pod2 '' "$conf"
	for verb in STATUS VERSION; do call $verb '' '' "$conf"; done
	call GC '' '' "$(jq -c '. + {"cni.dev/valid-attachments": [{containerID: "pod1", ifname: "eth0"}]}' <<< "$conf")"
	call ADD pod4 '' "$conf"
}

# contents STORE - names and bytes
contents() { (cd "$1" && find . -type f | LC_ALL=C sort | while read -r file; do echo "$file $(od -An -tx1 "$file" | tr -d ' \n')"; done); }

ip netns add pod1
for triplet in aarch64-linux-gnu riscv64-linux-gnu arm-linux-gnueabihf; do
	[ -x "$build/$triplet/bin/cnida" ] || continue
	p=${triplet%%-*}
	foreign "$triplet" || { skip "$p" "no ${emulator[$triplet]}: the package qemu-user is not installed (make deps-dist)"; continue; }
	equal "$p: statically linked" "" "$(readelf -ldW "$real/cnida" | grep -E 'INTERP|NEEDED')"
	for option in --version --help; do
		equal "$p: cnida $option" "$(/opt/cni/bin/cnida $option 2>&1)" "$("$dir/cnida" $option 2>&1)"
	done
	for command in list gc doctor install uninstall policy; do
		equal "$p: cnida $command --help" "$(/opt/cni/bin/cnida $command --help 2>&1)" "$("$dir/cnida" $command --help 2>&1)"
	done
	for type in "$real"/*; do
		type=${type##*/}
		equal "$p: VERSION of $type" "$(CNI_COMMAND=VERSION /opt/cni/bin/"$type" < /dev/null)" "$(CNI_COMMAND=VERSION "$dir/$type" < /dev/null)"
	done

	# Each on a store of its own at the same path, since the path is in what is answered.
	for who in "$dir" /opt/cni/bin; do
		rm -rf /run/far && mkdir -p /run/far
		answers "$who" /run/far > "$work/node/answers.${who//\//_}"
		contents /run/far > "$work/node/store.${who//\//_}"
	done
	for what in answers store; do
		equal "$p: host-local, $what" "$(cat "$work/node/$what._opt_cni_bin")" "$(cat "$work/node/$what.${dir//\//_}")"
	done
	equal "$p: host-local, calls that succeeded" 13 "$(grep -c ' 0$' "$work/node/answers.${dir//\//_}")"

	# qemu cannot tell that a file is a network namespace: what needs one fails there, and host-local takes the pods of a full
	# pool for dead ones. Nothing else may differ.
	"$build/test/plugin" -d "$dir" errors > "$work/node/errors" 2>&1
	equal "$p: refusals, what is wrong" "" "$(grep -a '^FAIL' "$work/node/errors" |
		grep -av -e 'it is no network namespace' -e 'host-local ADD, full pool: ' -e 'node after all refusals: .*/full/err/')"
	passed=$(sed -n 's/^plugin: \([0-9]*\) passed.*/\1/p' "$work/node/errors")
	if [ "${passed:-0}" -ge 600 ]; then ok "$p: $passed refusals"; else not_ok "$p: refusals" "at least 600" "${passed:-0}"; fi
done
finish
