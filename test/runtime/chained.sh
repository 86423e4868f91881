#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# chained.sh - what plugins behind ours change about a pod that network policy judges: its MAC address, its limits
#
# Pods need no servers: a port where nobody listens answers with a reset, which shows that the packet got through.
# shellcheck disable=SC2317 # functions are handed to succeeds and fails
set -u
. "$(dirname "$0")/lib.sh"
enter_node "timeout" "$@"
[ "$(implementation)" = cnida ] || skip_all "upstream's plugins have no policy"
mountpoint -q /sys/fs/bpf || skip_all "no bpf file system at /sys/fs/bpf"

cnida=/opt/cni/bin/cnida
id_of() { echo "cnirt-$1"; }

# plugin VERB POD KEYS [FILE] - KEYS is an object with "type", FILE the previous result
plugin()
{
	CNI_COMMAND=$1 CNI_CONTAINERID=$(id_of "$2") CNI_NETNS=/run/netns/$(id_of "$2") CNI_IFNAME=eth0 CNI_PATH=/opt/cni/bin \
		CNI_ARGS="IgnoreUnknown=1;K8S_POD_NAMESPACE=x;K8S_POD_NAME=$2" "/opt/cni/bin/$(jq -r .type <<< "$3")" < <(
		jq -cn --argjson keys "$3" --slurpfile prev "${4:-/dev/null}" '{cniVersion: "1.0.0", name: "chained"} + $keys +
			if $prev[0] then {prevResult: $prev[0]} else {} end')
}

# first - the plugin that makes the interface
first()
{
	jq -cn --arg a "$net4" --arg b "$net6" --arg type "$type" --arg mode "$mode" --arg backend "$backend" '{type: $type,
		bridge: "cni0", isDefaultGateway: true, policy: {backend: $backend}, ipam: {type: "host-local",
		ranges: [[{subnet: "\($a).9.0/24"}], [{subnet: "\($b):0:0:9::/64"}]]}} +
		if $type == "bridge" then {macspoofchk: true} else {mode: $mode} end'
}

# attach POD KEYS... - the pod's result is in POD.result
attach()
{
	local pod=$1 keys
	shift
	pod_netns "$(id_of "$pod")"
	plugin ADD "$pod" "$(first)" > "$pod.result" || not_ok "ADD of $pod" success "$(cat "$pod.result")"
	for keys; do
		plugin ADD "$pod" "$keys" "$pod.result" > "$pod.new" || not_ok "ADD of $pod: $keys" success "$(cat "$pod.new")"
		mv "$pod.new" "$pod.result"
	done
}

# detach POD KEYS... - the plugins as they were at ADD
detach()
{
	local pod=$1 keys
	shift
	for keys; do
		plugin DEL "$pod" "$keys" "$pod.result" || not_ok "DEL of $pod: $keys" success "an error"
	done
	plugin DEL "$pod" "$(first)" "$pod.result" || not_ok "DEL of $pod" success "an error"
	ip netns delete "$(id_of "$pod")"
}

# address POD [4|6]
address() { jq -r --arg f "${2:-4}" 'first(.ips[].address | select(contains(":") == ($f == "6"))) | split("/")[0]' "$1.result"; }
host_link() { jq -r 'first(.interfaces[] | select(.name | test("^cni[0-9a-f]{11}$"))).name' "$1.result"; }

# probe FROM ADDRESS PORT - allow or deny
probe()
{
	local text
	# shellcheck disable=SC2016
	text=$(in_pod "$(id_of "$1")" timeout 0.4 bash -c ': < /dev/tcp/$0/$1' "$2" "$3" 2>&1)
	case $?:$text in
	0:* | *refused*) echo allow ;;
	124:* | *unreachable* | *"No route"*) echo deny ;;
	*) echo "$text" ;;
	esac
}

# verdict NAME FROM TO PORT allow|deny - both families at once
verdict()
{
	local f pids=()
	for f in 4 6; do
		probe "$2" "$(address "$3" $f)" "$4" > "verdict.$f" &
		pids+=($!)
	done
	wait "${pids[@]}"
	for f in 4 6; do equal "$1: $2 to $3 port $4, IPv$f" "$5" "$(cat "verdict.$f")"; done
}

# Pod a takes port 80, from b only.
policies()
{
	local pod
	for pod in a b c; do
		jq -cn --arg n "$pod" '{apiVersion: "v1", kind: "Pod", metadata: {namespace: "x", name: $n, labels: {app: $n}},
			spec: {containers: [{name: "c"}]}, status: {phase: "Running"}}'
	done
	echo '{"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"namespace": "x", "name": "p"},
		"spec": {"podSelector": {"matchLabels": {"app": "a"}}, "ingress": [{"ports": [{"port": 80}],
		"from": [{"podSelector": {"matchLabels": {"app": "b"}}}]}]}}'
}

# --- the MAC address ---

tuning() { jq -cn --arg m "$1" '{type: "tuning", mac: $m}'; }
capability() { jq -cn --arg m "$1" '{type: "tuning", capabilities: {mac: true}, runtimeConfig: {mac: $m}}'; }

send_as() { in_pod "$(id_of "$1")" ip link set eth0 address "$2"; }

# Neighbours have learnt the other address meanwhile.
forget() { for pod in a b c; do in_pod "$(id_of "$pod")" ip neigh flush dev eth0; done 2> /dev/null; ip neigh flush all; }

mac_addresses()
{
	local name="$type $mode, $backend" mac_a=02:aa:00:00:00:0a mac_b=02:aa:00:00:00:0b old mac pod
	attach a "$(tuning $mac_a)"
	attach b "$(capability $mac_b)"
	attach c
	equal "$name: in the result" $mac_b "$(jq -r '.interfaces[] | select(.name == "eth0").mac' b.result)"
	equal "$name: known to list" "$mac_a $mac_b" "$($cnida list --json | jq -r '[.[] | select(.pod != "c") | {pod, mac}] | sort_by(.pod) |
		map(.mac) | join(" ")')"
	verdict "$name: MAC changed" b a 80 allow
	verdict "$name: MAC changed" c a 80 deny
	verdict "$name: MAC changed" a c 80 allow
	verdict "$name: MAC changed" b c 80 allow
	for pod in a b; do
		succeeds "$name: CHECK of $pod" plugin CHECK $pod "$(first)" $pod.result
	done
	succeeds "$name: CHECK by tuning" plugin CHECK b "$(capability $mac_b)" b.result
	equal "$name: doctor" "" "$($cnida doctor --json | jq -r '.[] | select(.check | test("nftables|attachment|policy")) | select(.level == "problem") | .found' 2>&1)"

	# The one that it had before it was tuned is as wrong as any other.
	old=$(jq -r .mac < /run/cni/tuning/"$(id_of b)"_eth0.json)
	for mac in 02:aa:00:00:00:0c "$old"; do
		send_as b "$mac"
		verdict "$name: sends as $mac" b c 80 deny
	done
	send_as b $mac_b
	forget
	verdict "$name: and back" b a 80 allow

	# A policy that is put in force now goes by the record.
	policies | $cnida policy apply - > apply.out 2>&1 || not_ok "$name: apply" success "$(cat apply.out)"
	verdict "$name: applied again" b a 80 allow
	succeeds "$name: applied again, CHECK" plugin CHECK b "$(first)" b.result

	detach a "$(tuning $mac_a)"
	detach b "$(capability $mac_b)"
	detach c
	equal "$name: nothing stays in nftables" "" "$(nft list ruleset | grep -iE "02:aa:|$old|02aa")"
	clean "$name" cni0 ""
}

# --- limits ---

# Packets that a token bucket of the link has seen.
shaped() { tc -s -j qdisc show dev "$1" | jq '[.[] | select(.kind == "tbf").packets] | add // 0'; }

# at_least NAME NUMBER FOUND
at_least() { if [ "$3" -ge "$2" ]; then ok "$1"; else not_ok "$1" "at least $2" "$3"; fi; }

limits()
{
	local limit='{"type": "bandwidth", "ingressRate": 100000000, "ingressBurst": 1000000, "egressRate": 100000000, "egressBurst": 1000000}'
	local name="$type $mode, limits" i ifb
	attach c
	attach b
	attach a "$limit"
	ifb=$(jq -r 'last(.interfaces[].name)' a.result)
	for i in 1 2 3 4 5; do verdict "$name, $i" b a 80 allow; done
	at_least "$name: into the pod" 10 "$(shaped "$(host_link a)")"
	for i in 1 2 3 4 5; do verdict "$name, $i" a c 80 allow; done
	at_least "$name: out of the pod" 20 "$(shaped "$ifb")"
	succeeds "$name: CHECK" plugin CHECK a "$(first)" a.result
	detach a "$limit"

	# The record of the limits is lost: their DEL leaves the device to that of the pod, and the pod's link goes in between.
	attach a "$limit"
	ifb=$(jq -r 'last(.interfaces[].name)' a.result)
	rm "/run/cnida/bandwidth/$(host_link a)"
	succeeds "$name: DEL of the limits" plugin DEL a "$limit" a.result
	ip link delete "$(host_link a)"
	succeeds "$name: DEL of the pod" plugin DEL a "$(first)" a.result
	equal "$name: ifb device" "" "$(ip -br link show "$ifb" 2> /dev/null)"
	ip netns delete "$(id_of a)"
	detach b
	detach c
	clean "$name" cni0 ""
}

for backend in ebpf nftables; do
	# Judged by nftables, a bridge's frames need br_netfilter.
	for what in cnida:bridge cnida:ptp bridge:bridge; do
		type=${what%:*}
		mode=${what#*:}
		if [ "$backend:$mode" = nftables:bridge ] && ! [ -e /proc/sys/net/bridge/bridge-nf-call-iptables ]; then
			skip "$what, nftables" "this kernel has no br_netfilter"
			continue
		fi
		# The first pod of a node decides which of them judges.
		attach first
		policies | $cnida policy apply - > apply.out 2>&1 || not_ok "apply" success "$(cat apply.out)"
		detach first
		equal "$what: backend" $backend "$($cnida policy status --json | jq -r .backend)"
		mac_addresses
		[ $backend != ebpf ] || limits
		$cnida policy clear > /dev/null || not_ok "$what: clear" success "an error"
		ip link delete cni0 2> /dev/null
	done
done
finish
