#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# features.sh [vlans|sctp|packets]... - what needs a kernel feature that not every machine has: VLANs of bridge ports, SCTP; and when ADD is done
#
# A test like those of test/runtime: a node of its own, a closing line. On a kernel without the feature it is a skip
# that names it; test/long/kernels.sh runs it on kernels that have them all.
# shellcheck disable=SC2317,SC2016 # functions and commands are handed to succeeds and fails
set -u
# shellcheck source=test/runtime/lib.sh
. "$(dirname "$0")/../runtime/lib.sh"
enter_node "bridge python3 nsenter timeout" "$@"
[ "$(implementation)" = cnida ] || skip_all "cnida's own"

dir=/opt/cni/bin
subnet=$net4.9.0/24
gateway=$net4.9.1

# conf TYPE [KEYS] - a network, with a gateway and one pool if the other keys do not say otherwise
conf()
{
	local keys=${2:-}
	[[ $keys == *'"isGateway"'* ]] || keys=$(merge "$keys" '{"isGateway": true}')
	[[ $keys == *'"ipam"'* ]] || keys=$(merge "$keys" "{\"ipam\": {\"type\": \"host-local\", \"ranges\": [[{\"subnet\": \"$subnet\"}]],
		\"routes\": [{\"dst\": \"0.0.0.0/0\"}]}}")
	merge "{\"type\": \"$1\", \"cniVersion\": \"1.0.0\", \"name\": \"features\", \"bridge\": \"cni0\", \"hairpinMode\": true}" "$keys"
}

# verb VERB POD CONFIG - the result goes to ./POD.VERB
verb()
{
	local type=${3#*'"type": "'} # conf() puts the plugin's before any other, such as that of ipam
	env CNI_COMMAND="$1" CNI_CONTAINERID="$id_prefix$2" CNI_NETNS="/run/netns/$id_prefix$2" CNI_IFNAME=eth0 \
		CNI_PATH=$dir CNI_ARGS="IgnoreUnknown=1;K8S_POD_NAMESPACE=x;K8S_POD_NAME=$2" \
		"$dir/${type%%'"'*}" <<< "$3" > "$2.$1" 2> "$2.err"
}

declare -A config_of=()
# attach POD CONFIG
attach()
{
	[ -e "/run/netns/$id_prefix$1" ] || pod_netns "$id_prefix$1"
	config_of[$1]=$2
	verb ADD "$1" "$2" || not_ok "ADD of $1" success "$(cat "$1.ADD" "$1.err")"
}

check_pod() { verb CHECK "$1" "$(merge "${config_of[$1]}" "{\"prevResult\": $(< "$1.ADD")}")" || { cat "$1.CHECK"; return 1; }; }

detach_all()
{
	local pod

	for pod in "${!config_of[@]}"; do
		verb DEL "$pod" "${config_of[$pod]}" || not_ok "DEL of $pod" success "$(cat "$pod.DEL" "$pod.err")"
		ip netns delete "$id_prefix$pod"
	done
	config_of=()
}

# Of a pod: its first address, and the name of its interface on the node.
address() { grep -o '"address": *"[^/]*' "$1.ADD" | head -n 1 | cut -d '"' -f 4; }
port() { grep -o -E '"cni[0-9a-f]{11}"' "$1.ADD" | tr -d '"'; }

# vlans LINK - "100 PVID Egress-Untagged,300", in order
vlans()
{
	bridge -j vlan show dev "$1" | jq -r '[.[].vlans[] |
		([("\(.vlan)" + if .vlanEnd then "-\(.vlanEnd)" else "" end)] + [(.flags // [])[] | gsub(" "; "-")] | join(" "))] | join(",")'
}

reaches() { ping_ok in_pod "$id_prefix$1" "$2"; }
cannot_reach() { ! in_pod "$id_prefix$1" ping -c 2 -i 0.3 -W 1 "$2" > /dev/null 2>&1; }

# --- VLANs ---

try_vlans() { ip link add probe0 type bridge vlan_filtering 1 && ip link del probe0; }

vlan_of_a_pod()
{
	local type=$1

	attach a "$(conf "$type" '{"vlan": 100}')"
	attach b "$(conf "$type" '{"vlan": 100}')"
	attach c "$(conf "$type" '{"vlan": 200, "isGateway": false}')"
	equal "$type: vlan 100: its port" "100 PVID Egress-Untagged" "$(vlans "$(port a)")"
	equal "$type: vlan 200: its port" "200 PVID Egress-Untagged" "$(vlans "$(port c)")"
	equal "$type: the bridge filters" 1 "$(cat /sys/class/net/cni0/bridge/vlan_filtering)"
	succeeds "$type: two pods of a VLAN" reaches a "$(address b)"
	succeeds "$type: two pods of two VLANs" cannot_reach a "$(address c)"
	succeeds "$type: the gateway of the VLAN" reaches a "$gateway"
	succeeds "$type: the node to a pod of the VLAN" ping_ok "$(address b)"
	equal "$type: the gateway's interface" "$gateway/24" \
		"$(ip -j addr show cni0.100 | jq -r '.[].addr_info[] | select(.family == "inet") | "\(.local)/\(.prefixlen)"')"
	equal "$type: the interfaces of the result" "cni0,$(port a),eth0,cni0.100" \
		"$(jq -r '[.interfaces[].name] | join(",")' a.ADD)"
	for pod in a b c; do
		succeeds "$type: CHECK of $pod" check_pod $pod
	done
	bridge vlan del vid 200 dev "$(port c)"
	fails "$type: CHECK of a pod whose VLAN is gone" check_pod c
	# Somebody was killed after making the gateway's interface, before its other end was a port.
	ip link set cni0.100 down
	for link in $(ip -j link show master cni0 | jq -r --argjson i "$(cat /sys/class/net/cni0.100/iflink)" \
		'.[] | select(.ifindex == $i).ifname'); do
		ip link set "$link" down nomaster
	done
	attach d "$(conf "$type" '{"vlan": 100}')"
	succeeds "$type: a gateway that was half made" reaches d "$gateway"
	detach_all
	clean "$type: VLANs" "cni0 cni0.100 up0 $(uplinks)" outside
	scrub_links
}

# The other ends of gateways of VLANs.
uplinks() { ip -j link show master cni0 2> /dev/null | jq -r '[.[].ifname] | join(" ")'; }
scrub_links()
{
	ip link del cni0.100 2> /dev/null
	ip link del cni0
	scrub
}

vlan_trunks()
{
	local type=$1 tagged=$net4.9.200

	attach a "$(conf "$type" '{"vlan": 100}')"
	attach t "$(conf "$type" '{"vlanTrunk": [{"id": 300}, {"minID": 100, "maxID": 102}, {"id": 300}]}')"
	attach n "$(conf "$type" '{"vlanTrunk": [{"minID": 100, "maxID": 101}], "vlan": 7, "isGateway": false}')"
	attach p "$(conf "$type" '{"vlan": 100, "preserveDefaultVlan": true}')"
	attach q "$(conf "$type" '{"vlan": 100, "vlanTrunk": [{"id": 100}, {"id": 5}], "isGateway": false}')"
	equal "$type: trunk without a VLAN of its own" "1 PVID Egress-Untagged,100,101,102,300" "$(vlans "$(port t)")"
	equal "$type: trunk with one" "7 PVID Egress-Untagged,100,101" "$(vlans "$(port n)")"
	equal "$type: preserveDefaultVlan" "1 Egress-Untagged,100 PVID Egress-Untagged" "$(vlans "$(port p)")"
	succeeds "$type: preserveDefaultVlan: its VLAN" reaches p "$(address a)"
	for pod in a t n p q; do
		succeeds "$type: trunks: CHECK of $pod" check_pod $pod
	done
	in_pod "${id_prefix}t" ip link add link eth0 name eth0.100 type vlan id 100
	in_pod "${id_prefix}t" ip addr add "$tagged/32" dev eth0.100
	in_pod "${id_prefix}t" ip link set eth0.100 up
	in_pod "${id_prefix}t" ip route add "$(address a)/32" dev eth0.100 src "$tagged"
	succeeds "$type: tagged frames through a trunk" reaches t "$(address a)"
	in_pod "${id_prefix}t" ip link add link eth0 name eth0.103 type vlan id 103
	in_pod "${id_prefix}t" ip link set eth0.103 up
	in_pod "${id_prefix}t" ip route replace "$(address a)/32" dev eth0.103 src "$tagged"
	succeeds "$type: a tag that is not of the trunk" cannot_reach t "$(address a)"
	detach_all
	clean "$type: trunks" "cni0 cni0.100 up0 $(uplinks)" outside
	scrub_links
}

vlan_on_a_plain_bridge()
{
	attach old "$(conf bridge)"
	equal "plain bridge: does not filter" 0 "$(cat /sys/class/net/cni0/bridge/vlan_filtering)"
	attach a "$(conf bridge '{"vlan": 100, "isGateway": false}')"
	attach b "$(conf bridge '{"vlan": 100, "isGateway": false}')"
	succeeds "a VLAN on a plain bridge" reaches a "$(address b)"
	succeeds "a VLAN on a plain bridge: not the pods before it" cannot_reach a "$(address old)"
	succeeds "a VLAN on a plain bridge: the pods before it" reaches old "$gateway"
	detach_all
	scrub_links
}

# Many at once make one gateway.
vlan_together()
{
	local pod

	for pod in 1 2 3 4 5 6 7 8; do
		pod_netns "${id_prefix}m$pod"
		config_of[m$pod]=$(conf cnida '{"vlan": 100}')
	done
	for pod in 1 2 3 4 5 6 7 8; do
		attach "m$pod" "${config_of[m$pod]}" > "m$pod.out" &
	done
	wait
	equal "eight at once" "" "$(cat m?.out)"
	for pod in 1 2 3 4 5 6 7 8; do
		succeeds "eight at once: m$pod reaches its gateway" reaches "m$pod" "$gateway"
	done
	detach_all
	scrub_links
}

# --- SCTP ---

cat > sctp.py << 'PYTHON'
import socket, sys
SCTP = 132
def new(): return socket.socket(socket.AF_INET, socket.SOCK_STREAM, SCTP)
if sys.argv[1] == "serve":
    s = new()
    s.bind(("0.0.0.0", int(sys.argv[3])))
    s.listen(8)
    while True:
        c, peer = s.accept()
        c.sendall((sys.argv[2] + " " + peer[0]).encode())
        c.close()
s = new()
s.settimeout(float(sys.argv[4]) if len(sys.argv) > 4 else 10) # a lost INIT is sent again after 3 s
try:
    s.connect((sys.argv[2], int(sys.argv[3])))
    print(s.recv(100).decode())
except OSError as e:
    print("nobody:", "timed out" if isinstance(e, socket.timeout) else e)
PYTHON

try_sctp() { python3 -c 'import socket; socket.socket(socket.AF_INET, socket.SOCK_STREAM, 132)'; }

servers=()
serve() { in_pod "$id_prefix$1" python3 sctp.py serve "$1" "$2" & servers+=($!); }
listens() { in_pod "$id_prefix$1" grep -q . /proc/net/sctp/eps && [ "$(in_pod "$id_prefix$1" wc -l < /proc/net/sctp/eps)" -ge 1 ]; }
stop_servers()
{
	kill "${servers[@]}" 2> /dev/null
	wait "${servers[@]}" 2> /dev/null
	servers=()
}

# asks NETNS|"" ADDRESS PORT [SECONDS] - who answers
asks()
{
	if [ -n "$1" ]; then in_pod "$1" python3 sctp.py ask "${@:2}"; else python3 sctp.py ask "${@:2}"; fi
}

outside_world()
{
	ip netns add outside
	ip link add up0 type veth peer name eth0 netns outside
	ip addr add 192.0.2.1/24 dev up0
	ip link set up0 up
	ip -n outside addr add 192.0.2.2/24 dev eth0
	ip -n outside link set eth0 up
	ip -n outside link set lo up
}

sctp_ports()
{
	local mode=$1

	attach s "$(conf cnida "{\"mode\": \"$mode\", \"ipMasq\": true, \"capabilities\": {\"portMappings\": true},
		\"runtimeConfig\": {\"portMappings\": [{\"hostPort\": 8132, \"containerPort\": 80, \"protocol\": \"SCTP\"}]}}")"
	attach t "$(conf cnida "{\"mode\": \"$mode\", \"ipMasq\": true}")"
	serve s 80
	wait_for 5 eval 'asks "" "$(address s)" 80 | grep -q "^s "'
	equal "$mode: SCTP from the node to the pod" "s $gateway" "$(asks "" "$(address s)" 80)"
	equal "$mode: SCTP host port from outside" "s 192.0.2.2" "$(asks outside 192.0.2.1 8132)"
	equal "$mode: SCTP host port from the node" "s" "$(asks "" 192.0.2.1 8132 | cut -d ' ' -f 1)"
	equal "$mode: SCTP host port from another pod" "s" "$(asks "${id_prefix}t" 192.0.2.1 8132 | cut -d ' ' -f 1)"
	equal "$mode: SCTP host port from itself" "s" "$(asks "${id_prefix}s" 192.0.2.1 8132 | cut -d ' ' -f 1)"
	succeeds "$mode: SCTP: CHECK" check_pod s
	stop_servers
	detach_all
	clean "$mode: SCTP host port" "cni0 up0" "outside"
	ip link del cni0 2> /dev/null
	scrub
}

# apply - b may reach a's SCTP port 80, nobody anything else of a
apply()
{
	jq -cn '
		(("a", "b", "c") | {apiVersion: "v1", kind: "Pod", metadata: {namespace: "x", name: ., labels: {app: .}},
			spec: {containers: [{name: "c"}]}, status: {phase: "Running"}}),
		{apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", metadata: {namespace: "x", name: "p"}, spec:
			{podSelector: {matchLabels: {app: "a"}}, ingress: [{from: [{podSelector: {matchLabels: {app: "b"}}}],
			ports: [{port: 80, protocol: "SCTP"}]}]}}' |
		$dir/cnida policy apply - > apply.out 2>&1 || not_ok "apply" success "$(cat apply.out)"
}

sctp_policy()
{
	local backend=$1 mode=$2 pod

	# In force before the pods are.
	apply
	for pod in a b c; do
		attach $pod "$(conf cnida "{\"mode\": \"$mode\", \"ipMasq\": true, \"policy\": {\"backend\": \"$backend\"}}")"
	done
	serve a 80
	serve a 81
	wait_for 5 eval 'asks "" "$(address a)" 81 1 | grep -q "^a "'
	equal "$backend, $mode: SCTP that is allowed" "a $(address b)" "$(asks "${id_prefix}b" "$(address a)" 80)"
	equal "$backend, $mode: SCTP from another pod" "nobody: timed out" "$(asks "${id_prefix}c" "$(address a)" 80 1)"
	equal "$backend, $mode: another SCTP port" "nobody: timed out" "$(asks "${id_prefix}b" "$(address a)" 81 1)"
	equal "$backend, $mode: SCTP from the node" "a" "$(asks "" "$(address a)" 81 | cut -d ' ' -f 1)"
	stop_servers
	detach_all
	$dir/cnida policy clear > clear.out 2>&1 || not_ok "clear" success "$(cat clear.out)"
	ip link del cni0 2> /dev/null
	scrub
}

# --- when ADD is done ---

# The pod's first packets after ADD arrive, at once and both ways; without waiting for carrier, DAD or a neighbour's age.
first_packets()
{
	local mode=$1 i lost='' keys

	keys="{\"mode\": \"$mode\", \"isDefaultGateway\": true, \"ipam\": {\"type\": \"host-local\",
		\"ranges\": [[{\"subnet\": \"$net4.9.0/24\"}], [{\"subnet\": \"$net6:0:0:9::/64\"}]]}}"
	for i in 1 2 3 4 5 6; do
		attach "f$i" "$(conf cnida "$keys")"
		in_pod "${id_prefix}f$i" ping -c 1 -W 1 "$gateway" > /dev/null || lost+=" f$i-to-gateway"
		in_pod "${id_prefix}f$i" ping -c 1 -W 1 "$net6:0:0:9::1" > /dev/null || lost+=" f$i-to-gateway-6"
		ping -c 1 -W 1 "$(address "f$i")" > /dev/null || lost+=" node-to-f$i"
		[ "$i" = 1 ] || in_pod "${id_prefix}f$i" ping -c 1 -W 1 "$(address f1)" > /dev/null || lost+=" f$i-to-f1"
		equal "$mode: f$i: state after ADD" "UP,0" "$(in_pod "${id_prefix}f$i" ip -j addr show eth0 |
			jq -r '.[0] | "\(.operstate),\([.addr_info[] | select(.tentative)] | length)"')"
	done
	equal "$mode: the first packets after ADD" "" "$lost"
	detach_all
	clean "$mode: first packets" "cni0 up0" outside
	ip link del cni0 2> /dev/null
	scrub
}

[ $# -gt 0 ] || set -- vlans sctp packets
outside_world
for part; do
	case $part in
	vlans)
		if try_vlans 2> /dev/null; then
			vlan_of_a_pod bridge
			vlan_of_a_pod cnida
			vlan_trunks bridge
			vlan_on_a_plain_bridge
			vlan_together
		else
			skip "VLANs" "this kernel has no VLAN filtering (CONFIG_BRIDGE_VLAN_FILTERING)"
		fi
		;;
	sctp)
		if try_sctp 2> /dev/null; then
			sctp_ports bridge
			sctp_ports ptp
			for mode in bridge ptp; do
				sctp_policy ebpf $mode
				sctp_policy nftables $mode
			done
		else
			skip "SCTP" "this kernel has no SCTP (CONFIG_IP_SCTP)"
		fi
		;;
	packets)
		first_packets bridge
		first_packets ptp
		;;
	*)
		not_ok "$part" "vlans, sctp or packets" "$part"
		;;
	esac
done
finish
