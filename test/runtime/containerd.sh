#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# containerd.sh - a containerd of its own runs pods on the plugins under test: ctr run --cni
#
# ctr loads go-cni into its own process: first file of /etc/cni/net.d, plugins of /opt/cni/bin. A pod is named
# NAMESPACE-ID there, its network namespace is /proc/PID/ns/net. When the pod has ended, ctr asks for DEL with
# an empty CNI_NETNS: the addresses and rules must be found again without the namespace.
# shellcheck disable=SC2317 # functions are handed to wait_for and succeeds
set -u
. "$(dirname "$0")/lib.sh"

enter_node "containerd ctr runc busybox ping" "$@"

export CONTAINERD_ADDRESS=$work/node/containerd.sock
containerd_pid=

stop_containerd()
{
	[ -n "$containerd_pid" ] || return 0
	kill "$containerd_pid" 2> /dev/null
	wait "$containerd_pid" 2> /dev/null
}
trap stop_containerd EXIT

start_containerd()
{
	cat > containerd.toml <<- CONFIG
		version = 2
		root = "$work/node/containerd/root"
		state = "$work/node/containerd/state"
		disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.snapshotter.v1.aufs",
			"io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper",
			"io.containerd.snapshotter.v1.zfs"]
		[grpc]
		address = "$CONTAINERD_ADDRESS"
	CONFIG
	containerd -c containerd.toml > containerd.log 2>&1 &
	containerd_pid=$!
	wait_for 20 ctr version
}

# network TYPE MASQ VERSION [KEYS] - writes the only configuration; both families
network()
{
	jq -n --arg type "$1" --argjson masq "$2" --arg v "$3" --arg a "$net4" --arg b "$net6" --argjson extra "${4:-{\}}" '
		{cniVersion: $v, name: "\($type)-net", plugins: [{type: $type, ipMasq: $masq,
		 ipam: {type: "host-local", ranges: [[{subnet: "\($a).0.0/24"}], [{subnet: "\($b)::/64"}]]}} *
		 if $type == "ptp" or $extra.mode == "ptp"
			then {ipam: {routes: [{dst: "0.0.0.0/0"}, {dst: "::/0"}]}}
			else {bridge: "cni0", isDefaultGateway: true} end * $extra]}' \
		> /etc/cni/net.d/10-test.conflist
}

# pod_start ID - in the background, as --detach would never ask for DEL
declare -A pod_job=()
pod_start()
{
	ctr run --rm --null-io --cni --snapshotter "$snapshotter" --cgroup "$cgroup/$1" "$image" "$1" \
		sleep 1000 > "$1.out" 2>&1 &
	pod_job[$1]=$!
}

pod_running() { ctr task ls | grep -q "^$1 .*RUNNING"; }
pod_decided() { pod_running "$1" || ! kill -0 "${pod_job[$1]}"; }
pod_pid() { ctr task ls | awk -v id="$1" '$1 == id {print $2}'; }
pod_exec() { ctr task exec --exec-id "e$RANDOM" "$@"; }

# pod_stop ID... - kill them all, then wait for what ctr does after a pod's end
pod_stop()
{
	local id
	for id; do ctr task kill -s KILL "$id" > /dev/null 2>&1; done
	for id; do
		wait "${pod_job[$id]}" 2> /dev/null
		# Only there when ctr failed half-way.
		ctr task rm -f "$id" > /dev/null 2>&1
		ctr container rm "$id" > /dev/null 2>&1
	done
}

# cached ID FILTER - from the result that libcni keeps of a pod
cached() { jq -r ".result | $2" /var/lib/cni/results/*-default-"$1"-eth0 2> /dev/null; }
ip_of() { cached "$1" ".ips[] | select(.address | contains(\"$2\")) | .address" | cut -d / -f 1; }

# addresses ID - what the kernel shows on eth0 of the pod, global scope
addresses()
{
	nsenter -t "$(pod_pid "$1")" -n ip -j addr show eth0 |
		jq -r '[.[].addr_info[] | select(.scope == "global") | "\(.local)/\(.prefixlen)"] | sort | join(" ")'
}

# check_pod LABEL ID
check_pod()
{
	local label=$1 id=$2 pid result
	pid=$(pod_pid "$id")
	result=$(cached "$id" '[.ips[].address] | sort | join(" ")')
	equal "$label: $id has the addresses of its result" "$result" "$(addresses "$id")"
	equal "$label: $id has one address of each family" "1 1" \
		"$(cached "$id" '"\([.ips[] | select(.address | contains("."))] | length) \([.ips[] | select(.address | contains(":"))] | length)"')"
	equal "$label: $id has its default routes" "eth0 eth0" \
		"$(nsenter -t "$pid" -n ip -j route show default | jq -r '.[].dev') $(nsenter -t "$pid" -n ip -6 -j route show default | jq -r '.[].dev')"
	succeeds "$label: host reaches $id, IPv4" ping_ok env "$(ip_of "$id" .)"
	succeeds "$label: host reaches $id, IPv6" ping_ok env "$(ip_of "$id" :)"
}

# scenario LABEL TYPE MASQ VERSION [KEYS]
scenario()
{
	local label=$1 pods="${id_prefix}a ${id_prefix}b" id links=cni0
	network "${@:2}"
	[[ "$2 ${5:-}" != *ptp* ]] || links=
	for id in $pods; do pod_start "$id"; done
	for id in $pods; do
		wait_for 10 pod_decided "$id"
		if ! pod_running "$id"; then
			not_ok "$label: $id runs" "a running task" "$(cat "$id.out")"
			# shellcheck disable=SC2086
			pod_stop $pods
			scrub
			return
		fi
	done
	for id in $pods; do check_pod "$label" "$id"; done
	ping_wait=1 succeeds "$label: pod reaches pod, IPv4" ping_ok pod_exec "${id_prefix}a" "$(ip_of "${id_prefix}b" .)"
	ping_wait=1 succeeds "$label: pod reaches pod, IPv6" ping_ok pod_exec "${id_prefix}a" "$(ip_of "${id_prefix}b" :)"
	# shellcheck disable=SC2086
	pod_stop $pods
	for id in $pods; do equal "$label: ctr reports nothing of $id" "" "$(cat "$id.out")"; done
	clean "$label" "$links" "" "$([ "$3" = false ] || echo "masquerade rules stay when CNI_NETNS is empty")"
	# A bridge of one scenario must not decide over the next.
	[ -z "$links" ] || ip link delete cni0
	scrub
}

start_containerd || { not_ok "containerd" "an answer in 20 s" "$(tail -n 5 containerd.log)"; finish; }
make_image image.tar
snapshotter=overlayfs
if ! ctr image import --snapshotter $snapshotter image.tar > import.out 2>&1; then
	snapshotter=native
	ctr image import --snapshotter $snapshotter image.tar > import.out 2>&1 ||
		{ not_ok "image import" "an image" "$(cat import.out)"; finish; }
fi

scenario "bridge 1.0.0" bridge false 1.0.0
scenario "bridge 0.3.1 masquerading" bridge true 0.3.1
scenario "ptp 0.4.0" ptp false 0.4.0
scenario "ptp 1.0.0 masquerading" ptp true 1.0.0
if [ -e /opt/cni/bin/cnida ]; then
	scenario "cnida 1.0.0 bridge masquerading" cnida true 1.0.0
	scenario "cnida 1.0.0 ptp masquerading" cnida true 1.0.0 '{"mode": "ptp"}'
fi

finish
