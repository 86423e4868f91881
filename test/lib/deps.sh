#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# deps.sh - install the Debian packages that are missing: deps.sh GROUP...
#	or unpack the source of one: deps.sh source PACKAGE FOLDER
#	or unpack a kernel, which is not installed: deps.sh kernel SERIES FOLDER
#	or unpack QEMU of another suite of Debian than the installed one: deps.sh emulator backports FOLDER
#
# GROUP is build (what `make` needs), check (what the tests need), long (what check-long needs beside it), lint, dist (what runs programs of other processors) or the
# triplet of a processor (what compiles for it). When nothing is missing this
# costs one dpkg-query. Otherwise root installs, without recommended packages; others are told what to
# run. Nothing that is installed here is started: neither the tests nor the product need a service, and a
# container runtime's daemon could change the machine's network. (Debian enables containerd for the
# next boot of a machine with systemd; `systemctl disable containerd` undoes that.)
set -euo pipefail

declare -A packages=(
	[build]="gcc libc6-dev musl-dev binutils libmnl-dev libnftnl-dev libjansson-dev dpkg-dev clang llvm libbpf-dev
		libelf-dev zlib1g-dev"
	[check]="libcriterion-dev containerd runc podman containernetworking-plugins golang-go
		golang-github-appc-cni-dev nftables iptables iproute2 iputils-ping ethtool conntrack
		tcpdump iperf3 strace jq procps util-linux busybox hyperfine dbus-daemon dbus-bin python3-dbus
		python3-gi"
	[long]="qemu-system-x86 qemu-system-common busybox cpio e2fsprogs kmod libclang-rt-14-dev"
	[dist]="qemu-user"
	[aarch64-linux-gnu]="gcc-aarch64-linux-gnu linux-libc-dev-arm64-cross"
	[arm-linux-gnueabihf]="gcc-arm-linux-gnueabihf linux-libc-dev-armhf-cross"
	[riscv64-linux-gnu]="gcc-riscv64-linux-gnu linux-libc-dev-riscv64-cross"
	[x86_64-linux-gnu]="gcc-x86-64-linux-gnu linux-libc-dev-amd64-cross"
	[lint]="clang-format clang-tidy cppcheck shellcheck mandoc"
)
# Package lists older than this are fetched anew before anything is installed.
lists_max_age_days=1

die()
{
	echo "deps.sh: $*" >&2
	exit 1
}

# missing GROUP... - the packages of the groups that are not installed, one a line
missing()
{
	local group
	local -a wanted=()

	for group; do
		read -r -d '' -a names <<< "${packages[$group]}" || true
		wanted+=("${names[@]}")
	done
	# dpkg-query fails when it does not know one of the names; those are missing too.
	comm -13 <(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "${wanted[@]}" 2> /dev/null |
		sed -n 's/^installed //p' | sort -u) <(printf '%s\n' "${wanted[@]}" | sort -u)
}

lists_are_fresh()
{
	[ -n "$(find /var/lib/apt/lists -maxdepth 1 -type f -name '*_Packages*' \
		-mtime "-$lists_max_age_days" -print -quit 2> /dev/null)" ]
}

# Debian asks this file whether a package may start its services; ours says no, for one run only.
install_packages()
{
	local policy=/usr/sbin/policy-rc.d

	if [ ! -e "$policy" ]; then
		# shellcheck disable=SC2064 # the path is known now
		trap "rm -f '$policy'" EXIT INT TERM
		printf '#!/bin/sh\nexit 101\n' > "$policy"
		chmod 755 "$policy"
	fi
	DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@"
}

# private_lists deb|deb-src - package lists of our own in $work, and $options for apt to use them
#
# From where the machine's own packages come, with the same signatures: its lists of sources are read beside the system's and
# without changing them, so that this needs no root. Those of binary packages with the backports, in which newer
# kernels and a newer QEMU are. Lists that cannot be had do not matter as long as the package is found.
private_lists()
{
	local type=$1 list

	mkdir -p "$work/parts" "$work/lists/partial" "$work/cache/archives/partial"
	for list in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
		[ ! -f "$list" ] || sed -n "s/^deb[[:space:]]/$type /p" "$list" > "$work/parts/${list##*/}.list"
	done
	for list in /etc/apt/sources.list.d/*.sources; do
		[ ! -f "$list" ] || sed "s/^Types:.*/Types: $type/" "$list" > "$work/parts/${list##*/}"
	done
	if [ "$type" = deb ]; then
		find "$work/parts" -name '*.sources' -exec sed -i -E \
			"s/^(Suites:(.* )?$codename)( .*)?\$/\1\3 $codename-backports/" {} +
		find "$work/parts" -name '*.list' -exec sed -i -n -E \
			"p; s/^(deb .*[^ ]+ $codename) /\1-backports /p" {} +
	fi
	options=(-q -o Dir::Etc::SourceList=/dev/null -o "Dir::Etc::SourceParts=$work/parts"
		-o "Dir::State::Lists=$work/lists" -o "Dir::Cache=$work/cache" -o APT::Sandbox::User=
		-o Acquire::Languages=none -o Acquire::Retries=1
		-o Acquire::http::Timeout=20 -o Acquire::https::Timeout=20)
	apt-get "${options[@]}" update || true
}

# unpack PACKAGE... - what these hold, as apt names them, into $work/unpacked
unpack()
{
	local package

	(cd "$work" && apt-get "${options[@]}" download "$@") || die "cannot be had: $*"
	for package in "$work"/*.deb; do
		dpkg-deb -x "$package" "$work/unpacked" || die "${package##*/} does not unpack"
	done
}

# fetch_source PACKAGE - Debian's source of it. apt verifies the .dsc, dpkg-source what it names.
fetch_source()
{
	command -v dpkg-source > /dev/null || die "no dpkg-source: install dpkg-dev"
	private_lists deb-src
	(cd "$work" && apt-get "${options[@]}" source --download-only "$1") || die "no source package $1"
	dpkg-source -x "$work/$1"_*.dsc "$work/unpacked" || die "the source package $1 does not unpack"
}

# fetch_kernel SERIES - the newest of Debian's kernels for clouds whose version begins with SERIES
fetch_kernel()
{
	local package

	private_lists deb
	package=$(apt-cache "${options[@]}" search --names-only "^linux-image-${1//./\\.}\\..*-cloud-amd64\$" |
		cut -d ' ' -f 1 | sort -V | tail -n 1)
	[ -n "$package" ] || die "the mirror has no kernel $1"
	unpack "$package"
}

# fetch_emulator SUITE - the QEMU of that suite (backports), with what a machine boots from
fetch_emulator()
{
	local release=$codename-$1

	private_lists deb
	unpack "qemu-system-x86/$release" "qemu-system-data/$release" "seabios/$release"
}

# fetch WHAT NAME FOLDER - what fetch_WHAT unpacks replaces FOLDER
fetch()
{
	local folder codename work
	local -a options=()

	folder=$(realpath -m "$3")
	codename=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
	mkdir -p "${folder%/*}"
	work=$(mktemp -d "$folder.XXXXXX")
	# shellcheck disable=SC2064 # the path is known now
	trap "rm -rf '$work'" EXIT
	"fetch_$1" "$2"
	rm -rf "$folder"
	mv "$work/unpacked" "$folder"
}

usage="usage: deps.sh build|check|long|lint|dist|TRIPLET ..., deps.sh source PACKAGE FOLDER, deps.sh kernel SERIES FOLDER, deps.sh emulator SUITE FOLDER"
[ $# -gt 0 ] || die "$usage"
case $1 in
source | kernel | emulator)
	[ $# -eq 3 ] || die "$usage"
	fetch "$@"
	exit 0
	;;
esac
for group; do
	[ -n "${packages[$group]+set}" ] || die "unknown group '$group' (${!packages[*]})"
done
command -v dpkg-query > /dev/null || die "this is not Debian: install by hand what $0 lists"

mapfile -t need < <(missing "$@")
[ "${#need[@]}" -gt 0 ] || exit 0
if [ "$(id -u)" -ne 0 ]; then
	die "missing packages; run as root: apt-get install --no-install-recommends ${need[*]}"
fi
echo "installing: ${need[*]}"
lists_are_fresh || apt-get update -q
install_packages "${need[@]}"
mapfile -t need < <(missing "$@")
[ "${#need[@]}" -eq 0 ] || die "still missing after installing: ${need[*]}"
