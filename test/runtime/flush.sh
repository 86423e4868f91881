#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# flush.sh - somebody flushes the ruleset: CHECK and doctor tell, the next ADD or `cnida gc` puts everything back
#
# Three pods live: one whose plugins are chained, one of type cnida with everything in one exec, one routed (ptp) behind
# a firewall. After each flush one thing is done, of which there are many: an ADD that needs each table, one that needs none,
# `cnida gc`. What is there then must be what was there before.
# shellcheck disable=SC2317 # functions are handed to succeeds and fails
set -u
. "$(dirname "$0")/lib.sh"

enter_node "jq iptables-nft" "$@"
[ -e /opt/cni/bin/cnida ] || skip_all "no cnida in $CNI_BIN_DIR"

# ipam N - an IPAM of both families
ipam()
{
	echo "\"ipam\": {\"type\": \"host-local\", \"ranges\": [[{\"subnet\": \"$net4.$1.0/24\"}], [{\"subnet\": \"$net6:0:0:$1::/64\"}]],
		\"routes\": [{\"dst\": \"0.0.0.0/0\"}, {\"dst\": \"::/0\"}]}"
}
bridge="\"bridge\": \"cni7\", \"isGateway\": true, $(ipam 7)"
masq='"ipMasq": true'
spoof='"macspoofchk": true'
apart='"ingressPolicy": "same-bridge"'
limits='"ingressRate": 80000000, "ingressBurst": 800000, "egressRate": 80000000, "egressBurst": 800000'

# keys NAME PORT - of a plugin, or of type cnida with one capability or with all
keys()
{
	local ports="\"portMappings\": [{\"hostPort\": ${2:-}, \"containerPort\": 80, \"protocol\": \"tcp\"}]"
	case $1 in
	bridge) echo "{$bridge, $masq, $spoof}" ;;
	plain) echo "{$bridge}" ;;
	masq) echo "{$bridge, $masq}" ;;
	spoof) echo "{$bridge, $spoof}" ;;
	ports) echo "{$bridge, $ports}" ;;
	policy) echo "{$bridge, $apart}" ;;
	limits) echo "{$bridge, $limits}" ;;
	all) echo "{$bridge, $masq, $spoof, $ports, $apart, $limits}" ;;
	portmap) echo "{\"runtimeConfig\": {$ports}}" ;;
	bandwidth) echo "{$limits}" ;;
	firewall) echo "{$apart}" ;;
	ptp) echo "{$masq, $(ipam 8)}" ;;
	esac
}

# plugin VERB POD TYPE KEYS [FILE] - run one; FILE holds the previous result
plugin()
{
	local netns=/run/netns/$2 previous=''
	[ -e "$netns" ] || netns=
	[ ! -s "${5:-}" ] || previous="{\"prevResult\": $(< "$5")}"
	merge "{\"cniVersion\": \"1.0.0\", \"name\": \"flush\", \"type\": \"$3\"}" "$4" "$previous" |
		env CNI_COMMAND="$1" CNI_CONTAINERID="$2" CNI_NETNS="$netns" CNI_IFNAME=eth0 CNI_PATH=/opt/cni/bin "/opt/cni/bin/$3"
}

# add POD TYPE KEYS
add()
{
	pod_netns "$1"
	plugin ADD "$1" "$2" "$3" > "$1.json" && return
	cat "$1.json"
	return 1
}

# del POD TYPE KEYS
del()
{
	plugin DEL "$1" "$2" "$3" "$1.json"
	ip netns del "$1"
}

chain=(portmap firewall bandwidth)
p=$id_prefix

# behind POD TYPE PORT - a chained plugin's ADD
behind()
{
	plugin ADD "$1" "$2" "$(keys "$2" "$3")" "$1.json" > "$1.next" && mv "$1.next" "$1.json" && return
	cat "$1.next"
	return 1
}

# checks - CHECK of every plugin of every pod; prints the names of those that complain
checks()
{
	local type bad=
	for type in bridge "${chain[@]}"; do
		plugin CHECK "${p}chain" "$type" "$(keys "$type" 8001)" "${p}chain.json" > out || bad+="$type "
	done
	plugin CHECK "${p}all" cnida "$(keys all 8002)" "${p}all.json" > out || bad+="cnida "
	plugin CHECK "${p}ptp" ptp "$(keys ptp)" "${p}ptp.json" > out || bad+="ptp "
	plugin CHECK "${p}ptp" firewall '{"ingressPolicy": "isolated"}' "${p}ptp.json" > out || bad+="ptp-firewall "
	echo "$bad"
}

# complaints - what doctor finds wrong with what pods have
complaints()
{
	/opt/cni/bin/cnida doctor --json | jq -r '[.[] | select(.level == "problem" and
		(.check | IN("nftables", "host ports", "firewall", "bandwidth"))) | .check] | sort | join(" ")'
}

# rules - the ruleset without what counts or times out, elements sorted
rules()
{
	nft -j list ruleset | jq -cS '[.nftables[] | select(.metainfo | not) | del(.. | .handle?, .counter?, .expires?, .index?)
		| select((.set.name // .map.name // "") | startswith("reached") | not)
		| if (.set.elem // .map.elem) then (.set // .map).elem |= sort else . end] | sort | .[]' | sort
}


test_set_up()
{
	local type
	iptables-nft -P FORWARD ACCEPT
	succeeds "ADD of a chain" add "${p}chain" bridge "$(keys bridge)"
	for type in "${chain[@]}"; do succeeds "ADD of a chain: $type" behind "${p}chain" "$type" 8001; done
	succeeds "ADD of everything in one exec" add "${p}all" cnida "$(keys all 8002)"
	succeeds "ADD of a routed pod" add "${p}ptp" ptp "$(keys ptp)"
	plugin ADD "${p}ptp" firewall '{"ingressPolicy": "isolated"}' "${p}ptp.json" > out
	equal "interfaces of the one exec" "cni7 veth eth0 bwp" \
		"$(jq -r '[.interfaces[].name | sub("^cni[0-9a-f]{11}$"; "veth") | sub("^bwp[0-9a-f]{12}$"; "bwp")] | join(" ")' "${p}all.json")"
	equal "tables" "$(printf '%s\n' "bridge cnida" "inet cnida" "inet cnida_firewall" "inet cnida_hostport" "netdev cnida")" \
		"$(nft list tables | sed 's/^table //' | grep cnida | sort)"
	equal "CHECK" "" "$(checks)"
	equal "doctor" "" "$(complaints)"
	equal "list: ports, limits, policy" "8001 8002 80000000 same-bridge" "$(/opt/cni/bin/cnida list --json | jq -r --arg p "$p" '
		[([.[].ports[] | select(.address | contains(".")).hostPort] | sort[]),
		(.[] | select(.containerID == $p + "all") | .bandwidth.egressRate, .firewall.ingressPolicy)] | join(" ")')"
	equal "list: a column for ports" "8002->80/tcp" "$(/opt/cni/bin/cnida list | grep -o '8002->80/tcp')"
	rules > before
	# Older than the grace that gc gives: what lives keeps its addresses also where the files carry no tag (before Linux 6.6).
	find /var/lib/cni/networks -type f -exec touch -d '10 minutes ago' {} +
}

# flushed WHAT COMMAND... - flush, look that it is noticed, do something that mends it
flushed()
{
	local what=$1
	nft flush ruleset
	iptables-nft -P FORWARD ACCEPT
	equal "flushed: CHECK names everyone" "bridge portmap firewall bandwidth cnida ptp ptp-firewall " "$(checks)"
	equal "flushed: doctor" "bandwidth firewall host ports nftables" "$(complaints)"
	succeeds "$what" "${@:2}"
	equal "$what: CHECK is silent" "" "$(checks)"
	equal "$what: doctor is silent" "" "$(complaints)"
	[ ! -e "/run/netns/${p}new" ] || del "${p}new" cnida "$(keys "${kind:-plain}" 8003)"
	rules > after
	if cmp -s before after; then
		ok "$what: the ruleset is as before"
	else
		not_ok "$what: the ruleset is as before" "no difference" "$(diff before after | head -n 8)"
	fi
}

add_new() { add "${p}new" cnida "$(keys "$kind" 8003)"; }

# Not only after a flush of everything: iptables -F leaves empty chains.
test_iptables_flush()
{
	iptables-nft -F
	equal "iptables -F: CHECK" "firewall cnida ptp-firewall " "$(checks)"
	equal "iptables -F: doctor" "firewall" "$(complaints)"
	succeeds "iptables -F: gc" /opt/cni/bin/cnida gc
	equal "iptables -F: after gc" " " "$(checks) $(complaints)"
	iptables-nft -D FORWARD -j CNIDA-FORWARD
	equal "without the jump: CHECK" "firewall cnida ptp-firewall " "$(checks)"
	succeeds "without the jump: gc" /opt/cni/bin/cnida gc
	equal "without the jump: after gc" " " "$(checks) $(complaints)"
	rules > after
	equal "iptables -F: the ruleset is as before" "" "$(diff before after | head -n 8)"
}

test_flushes()
{
	local kind
	flushed "gc" /opt/cni/bin/cnida gc
	for kind in plain masq spoof ports policy limits all; do
		flushed "ADD that needs: $kind" add_new
	done
}

# What a dead pod had does not come back, and goes with the sweep.
test_dead()
{
	local kind=all
	add_new
	ip netns del "${p}new"
	wait_for 3 test ! -e "/sys/class/net/$(jq -r '.interfaces[1].name' "${p}new.json")"
	nft flush ruleset
	iptables-nft -P FORWARD ACCEPT
	succeeds "dead: gc" /opt/cni/bin/cnida gc
	equal "dead: nothing of it comes back" "" "$(nft list ruleset 2> /dev/null | grep -F "${p}new"; ip -o link | grep -F "${p}new")"
	rules > after
	equal "dead: the others are all there" "" "$(diff before after | head -n 8)"
	equal "dead: gc has nothing more to do" "0 removed" "$(/opt/cni/bin/cnida gc)"
}

# A DEL without namespace and without a previous result, as after a reboot of the runtime.
test_tear_down()
{
	local type file
	for type in bandwidth firewall portmap; do
		succeeds "DEL of a chain: $type" plugin DEL "${p}chain" "$type" "$(keys "$type" 8001)" "${p}chain.json"
	done
	del "${p}chain" bridge "$(keys bridge)"
	ip netns del "${p}all"
	wait_for 3 test ! -e "/sys/class/net/$(jq -r '.interfaces[1].name' "${p}all.json")"
	succeeds "DEL from the record alone" plugin DEL "${p}all" cnida "$(keys plain)"
	plugin DEL "${p}ptp" firewall '{"ingressPolicy": "isolated"}' "${p}ptp.json"
	del "${p}ptp" ptp "$(keys ptp)"
	for file in /run/cnida/{endpoints,hostports,firewall,bandwidth}/*; do
		[ ! -e "$file" ] || not_ok "no record stays" none "$file"
	done
	equal "no element stays" "" "$(nft list ruleset 2> /dev/null | grep -F "$p")"
	equal "no ifb device stays" "" "$(ip -br link show type ifb | cut -d ' ' -f 1)"
	equal "the policy of the bridge stays, for it does" '"cni7" comment "flush"' \
		"$(nft list set inet cnida_firewall apart | grep -o '"cni7" comment "flush"')"
}

test_set_up
test_flushes
test_iptables_flush
test_dead
test_tear_down
ip link del cni7

finish
