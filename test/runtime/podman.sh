#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# podman.sh - podman's CNI back end runs containers on the plugins under test
#
# Everything of podman is private: storage, network configuration, plugin folder, control group. podman asks each
# plugin for VERSION first, names a container by 64 hexadecimal digits, passes a fixed address and MAC in CNI_ARGS
# (not as capabilities) and its own /run/netns/netns-UUID, which still exists at DEL.
# shellcheck disable=SC2317 # functions are handed to succeeds and wait_for
set -u
. "$(dirname "$0")/lib.sh"

enter_node "podman runc conmon busybox ping" "$@"

setup_podman()
{
	mkdir -p net.d home
	cat > containers.conf <<- CONFIG
		[containers]
		log_driver = "none"
		[engine]
		cgroup_manager = "cgroupfs"
		events_logger = "none"
		runtime = "runc"
		[network]
		network_backend = "cni"
		default_network = "bridge-net"
		cni_plugin_dirs = ["$PWD/recorded"]
		network_config_dir = "$PWD/net.d"
	CONFIG
	cat > storage.conf <<- CONFIG
		[storage]
		driver = "$1"
		graphroot = "$PWD/storage"
		runroot = "$PWD/storage-run"
	CONFIG
	export CONTAINERS_CONF=$PWD/containers.conf CONTAINERS_STORAGE_CONF=$PWD/storage.conf HOME=$PWD/home
}

pm() { podman --tmpdir "$work/node/podman-tmp" "$@"; }

# network TYPE MASQ - one conflist a type; podman's own would add portmap, firewall and tuning
network()
{
	jq -n --arg type "$1" --argjson masq "$2" --arg a "$net4" --arg b "$net6" '
		{cniVersion: "0.4.0", name: "\($type)-net", plugins: [{type: $type, ipMasq: $masq,
		 ipam: {type: "host-local", routes: [{dst: "0.0.0.0/0"}, {dst: "::/0"}],
			ranges: [[{subnet: "\($a).0.0/24", gateway: "\($a).0.1"}], [{subnet: "\($b)::/64", gateway: "\($b)::1"}]]}} +
		 if $type == "ptp" then {} else {bridge: "cni0", isGateway: true, hairpinMode: true} end]}' \
		> net.d/10-test.conflist
}

pod_run() { pm run -d --name "$1" --cgroup-parent "$cgroup" "${@:2}" "$image" sleep 1000; }
# inspected NAME FILTER - from podman's view of the container's network
inspected() { pm inspect "$1" | jq -r ".[0].NetworkSettings.Networks[] | $2"; }

# addresses NAME - what the kernel shows, in the order and form of check_pod
addresses()
{
	nsenter --net="$(pm inspect "$1" | jq -r '.[0].NetworkSettings.SandboxKey')" ip -j addr show eth0 |
		jq -r '[.[0].address] + [.[0].addr_info[] | select(.scope == "global") | "\(.local)/\(.prefixlen)"] | join(" ")'
}

check_pod()
{
	local label=$1 name=$2
	equal "$label: podman inspect shows what $name has" "$(addresses "$name")" "$(inspected "$name" \
		'"\(.MacAddress) \(.IPAddress)/\(.IPPrefixLen) \(.GlobalIPv6Address)/\(.GlobalIPv6PrefixLen)"')"
	equal "$label: podman inspect shows the gateways of $name" "$net4.0.1 $net6::1" \
		"$(inspected "$name" '"\(.Gateway) \(.IPv6Gateway)"')"
	succeeds "$label: host reaches $name, IPv4" ping_ok env "$(inspected "$name" .IPAddress)"
	succeeds "$label: host reaches $name, IPv6" ping_ok env "$(inspected "$name" .GlobalIPv6Address)"
}

# scenario LABEL TYPE MASQ
scenario()
{
	local label=$1 net=$2-net a=${id_prefix}a b=${id_prefix}b links=cni0 fixed=()
	network "$2" "$3"
	: > calls
	# Only bridge takes MAC from CNI_ARGS.
	if [ "$2" = ptp ]; then
		links=
		fixed=(--network "$net:ip=$net4.0.50")
	else
		fixed=(--network "$net:ip=$net4.0.50,mac=02:11:22:33:44:55")
	fi
	succeeds "$label: first container" pod_run "$a" --network "$net"
	succeeds "$label: second container, fixed address" pod_run "$b" "${fixed[@]}"
	check_pod "$label" "$a"
	check_pod "$label" "$b"
	equal "$label: the fixed address is taken" "$net4.0.50" "$(inspected "$b" .IPAddress)"
	[ "$2" = ptp ] ||
		equal "$label: the fixed MAC is taken" 02:11:22:33:44:55 "$(inspected "$b" .MacAddress)"
	ping_wait=1 succeeds "$label: container reaches container, IPv4" ping_ok pm exec "$b" "$(inspected "$a" .IPAddress)"
	ping_wait=1 succeeds "$label: container reaches container, IPv6" ping_ok pm exec "$b" "$(inspected "$a" .GlobalIPv6Address)"
	succeeds "$label: removal" pm rm -f -t 0 "$a" "$b"
	clean "$label" "$links" ""
	equal "$label: podman called with these verbs" "ADD ADD DEL DEL VERSION" "$(jq -r 'select(.type == "'"$2"'") |
		.env.CNI_COMMAND' calls | sort | uniq -c | awk '$2 == "VERSION" {print $2; next} {for (i = 0; i < $1; i++) print $2}' | paste -sd ' ')"
	[ -z "$links" ] || ip link delete cni0
	scrub
}

record "bridge ptp host-local$([ ! -e /opt/cni/bin/cnida ] || echo " cnida")"
setup_podman overlay
make_image image.tar
if ! pm load -q -i image.tar > load.out 2>&1; then
	setup_podman vfs
	pm load -q -i image.tar > load.out 2>&1 || { not_ok "podman load" "an image" "$(cat load.out)"; finish; }
fi

scenario "bridge" bridge false
scenario "bridge masquerading" bridge true
scenario "ptp masquerading" ptp true
[ ! -e /opt/cni/bin/cnida ] || scenario "cnida masquerading" cnida true

finish
