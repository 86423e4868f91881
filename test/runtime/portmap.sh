#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# portmap.sh - host ports by the executables: in a chain behind bridge, as part of type cnida, and across an upgrade
#
# Pods answer on TCP port 80 with their name. test/net/test_portmap.c has the table of who reaches whom; this is
# about what only processes show: chains, JSON as runtimes send it, pods that another implementation made.
# shellcheck disable=SC2317 # functions are handed to succeeds and fails
set -u
. "$(dirname "$0")/lib.sh"

enter_node "busybox nsenter" "$@"
[ -e /opt/cni/bin/portmap ] || skip_all "no plugin 'portmap' in $CNI_BIN_DIR"

a=${id_prefix}1
b=${id_prefix}2
dir=/opt/cni/bin

ip link set lo up
ip netns add outside
ip link add up0 type veth peer name eth0 netns outside
ip addr add 192.0.2.1/24 dev up0
ip link set up0 up
ip -n outside addr add 192.0.2.2/24 dev eth0
ip -n outside link set eth0 up

config=$(jq -cn --arg a "$net4" '{cniVersion: "1.0.0", name: "ports",
	bridge: "cni0", isGateway: true, ipMasq: true, hairpinMode: true,
	ipam: {type: "host-local", ranges: [[{subnet: "\($a).4.0/24"}]], routes: [{dst: "0.0.0.0/0"}]}}')

# plugin VERB TYPE POD PORTS [RESULT] - run one plugin of the chain as libcni does
plugin()
{
	jq -c --arg t "$2" --argjson p "$4" --argjson r "${5:-null}" '. + {type: $t, runtimeConfig: {portMappings: $p}} +
		if $r then {prevResult: $r} else {} end' <<< "$config" |
		env CNI_COMMAND="$1" CNI_CONTAINERID="$3" CNI_NETNS="/run/netns/$3" CNI_IFNAME=eth0 CNI_PATH="$dir" "$dir/$2"
}

# chain POD PORTS - ADD by bridge, then by portmap; the result goes to $work/POD
chain()
{
	plugin ADD bridge "$1" "$2" > "$work/$1" || { cat "$work/$1"; return 1; }
	plugin ADD portmap "$1" "$2" "$(cat "$work/$1")" > "$work/$1.2" || { cat "$work/$1.2"; return 1; }
}
unchain()
{
	plugin DEL portmap "$1" "$2" "$(cat "$work/$1")" && plugin DEL bridge "$1" "$2" "$(cat "$work/$1")"
}

# serve POD - answer with the pod's name
serve()
{
	printf '#!/bin/sh\necho %s\n' "$1" > "$work/$1.sh"
	chmod +x "$work/$1.sh"
	in_pod "$1" busybox nc -ll -p 80 -e "$work/$1.sh" &
}

# answers NAME EXPECTED ADDRESS PORT [NETNS] - who answers there ("" if nobody)
answers()
{
	local found
	if [ -n "${5:-}" ]; then
		found=$(in_pod "$5" busybox nc -w 1 "$3" "$4" < /dev/null 2> /dev/null)
	else
		found=$(busybox nc -w 1 "$3" "$4" < /dev/null 2> /dev/null)
	fi
	equal "$1" "$2" "$found"
}

everywhere()
{
	answers "$1: from outside" "$2" 192.0.2.1 "$3" outside
	answers "$1: from the node" "$2" 192.0.2.1 "$3"
	answers "$1: from localhost" "$2" 127.0.0.1 "$3"
	answers "$1: from itself" "$2" 192.0.2.1 "$3" "$4"
}

# The spelling of containerd and that of CRI-O.
ports_a='[{"HostPort":8080,"ContainerPort":80,"Protocol":"tcp","HostIP":""}]'
ports_b='[{"hostPort":8081,"containerPort":80,"protocol":"TCP","hostIP":"192.0.2.1"}]'

pod_netns "$a" "$b"
serve "$a"
serve "$b"

succeeds "chain: ADD of $a" chain "$a" "$ports_a"
equal "chain: the result is passed on" "$(jq -S . "$work/$a")" "$(jq -S . "$work/$a.2")"
succeeds "chain: ADD of $b" chain "$b" "$ports_b"
everywhere "chain" "$a" 8080 "$a"
answers "chain: hostIP" "$b" 192.0.2.1 8081 outside
answers "chain: hostIP is not localhost" "" 127.0.0.1 8081
for pod in "$a" "$b"; do
	ports=$ports_a
	[ "$pod" = "$a" ] || ports=$ports_b
	succeeds "chain: CHECK of $pod" plugin CHECK portmap "$pod" "$ports" "$(cat "$work/$pod")"
done
equal "chain: cnida list shows each pod once" 2 "$("$dir/cnida" list 2> /dev/null | grep -c "$id_prefix")"

# What a person may do to a node.
nft flush ruleset
fails "flushed: CHECK" plugin CHECK portmap "$a" "$ports_a" "$(cat "$work/$a")"
answers "flushed: nobody answers" "" 192.0.2.1 8080 outside
succeeds "flushed: cnida gc" "$dir/cnida" gc
everywhere "restored" "$a" 8080 "$a"
succeeds "restored: CHECK" plugin CHECK portmap "$b" "$ports_b" "$(cat "$work/$b")"

# A port has one holder.
out=$(plugin ADD portmap "$b" "$ports_a" "$(cat "$work/$b")")
equal "conflict: code and holder" "7 host port 8080/tcp on every IPv4 address is taken by container $a (eth0, network ports), which is running" \
	"$(jq -r '"\(.code) \(.msg)"' <<< "$out")"
succeeds "DEL of $a without a result" plugin DEL portmap "$a" '[]'
succeeds "DEL of $a again" plugin DEL portmap "$a" "$ports_a"
answers "deleted: nobody answers" "" 192.0.2.1 8080 outside
succeeds "the port is free: ADD of $b" plugin ADD portmap "$b" "$ports_a" "$(cat "$work/$b")"
everywhere "taken over" "$b" 8080 "$b"
succeeds "DEL of $a" unchain "$a" '[]'
succeeds "DEL of $b" unchain "$b" '[]'
clean "chain" "cni0 up0" "$a $b outside"

# One plugin for all of it.
succeeds "cnida: ADD" plugin ADD cnida "$a" "$ports_a"
everywhere "cnida" "$a" 8080 "$a"
fails "cnida: a port that is taken" plugin ADD cnida "$b" "$ports_a"
equal "cnida: nothing of the refused ADD" "" "$(pod_addresses "$b")"
succeeds "cnida: DEL" plugin DEL cnida "$a" "$ports_a"
answers "cnida: deleted" "" 192.0.2.1 8080 outside
succeeds "cnida: DEL of $b" plugin DEL cnida "$b" "$ports_a"
clean "cnida" "cni0 up0" "$a $b outside"

# GC of the network takes back what the runtime forgot.
config=$(jq -c '.cniVersion = "1.1.0"' <<< "$config")
succeeds "GC: ADD" chain "$a" "$ports_a"
fails "GC: without a list" plugin GC portmap "$a" '[]'
config=$(jq -c --arg id "$a" '. + {"cni.dev/valid-attachments": [{containerID: $id, ifname: "eth0"}]}' <<< "$config")
succeeds "GC: valid" plugin GC portmap "$a" '[]'
answers "GC: a valid one keeps its port" "$a" 192.0.2.1 8080 outside
config=$(jq -c '."cni.dev/valid-attachments" = []' <<< "$config")
succeeds "GC: none is valid" plugin GC portmap "$a" '[]'
answers "GC: gone" "" 192.0.2.1 8080 outside
succeeds "GC: DEL" unchain "$a" "$ports_a"
config=$(jq -c 'del(."cni.dev/valid-attachments") | .cniVersion = "1.0.0"' <<< "$config")

# A pod that upstream's portmap made is deleted by ours.
if [ -e /opt/cni/peer/portmap ] && command -v iptables > /dev/null; then
	succeeds "upgrade: ADD by ours" plugin ADD bridge "$a" "$ports_a"
	plugin DEL bridge "$a" "$ports_a"
	plugin ADD bridge "$a" "$ports_a" > "$work/$a"
	dir=/opt/cni/peer
	succeeds "upgrade: ADD by upstream's portmap" plugin ADD portmap "$a" "$ports_a" "$(cat "$work/$a")"
	dir=/opt/cni/bin
	answers "upgrade: upstream's rules" "$a" 192.0.2.1 8080 outside
	succeeds "upgrade: CHECK by ours" plugin CHECK portmap "$a" "$ports_a" "$(cat "$work/$a")"
	succeeds "upgrade: DEL by ours" unchain "$a" "$ports_a"
	clean "upgrade" "cni0 up0" "$a $b outside"
else
	skip "upgrade" "upstream's portmap or iptables is not installed"
fi

finish
