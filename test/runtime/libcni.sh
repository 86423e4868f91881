#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# libcni.sh - the plugins under test behind libcni, the library of containerd, CRI-O and podman
#
# The matrix: every version that libcni 1.1.2 and the plugins share (0.3.0 to 1.0.0), types, IPAM and address
# families. Results are compared with what the kernel shows; CHECK is also tried on a pod that was damaged.
# shellcheck disable=SC2119,SC2120,SC2317 # functions are handed to succeeds and fails, with arguments or none
set -u
. "$(dirname "$0")/lib.sh"

build_cnidrive
enter_node "go ping" "$@"

pod=${id_prefix}pod
cache=$work/node/cache
conf=$work/node/net.conflist

drive() { "$cnidrive" -cache "$cache" -conf "$conf" -id "$pod" "$@"; }
add() { drive -netns "/run/netns/$pod" "$@" add; }
check() { drive -netns "/run/netns/$pod" "$@" check; }
del() { drive -netns "/run/netns/$pod" "$@" del; }

# type_keys TYPE[:MODE] - the plugin's own keys
type_keys()
{
	case $1 in
	ptp) echo '{"type": "ptp"}' ;;
	*:*) echo "{\"type\": \"${1%%:*}\", \"mode\": \"${1##*:}\"}" ;;
	*) echo "{\"type\": \"$1\", \"bridge\": \"cni0\", \"isGateway\": true}" ;;
	esac
}

# ipam_keys IPAM FAMILIES - FAMILIES: 4, 6 or 46
ipam_keys()
{
	jq -cn --arg ipam "$1" --arg f "$2" --arg a "$net4" --arg b "$net6" '
		[{f: "4", net: "\($a).1.0/24", ip: "\($a).1.77/24", gw: "\($a).1.1", all: "0.0.0.0/0"},
		 {f: "6", net: "\($b):0:0:1::/64", ip: "\($b):0:0:1::77/64", gw: "\($b):0:0:1::1", all: "::/0"}] |
		map(select(.f as $x | $f | contains($x))) |
		{type: $ipam, routes: map({dst: .all})} + if $ipam == "static"
			then {addresses: map({address: .ip, gateway: .gw})}
			else {ranges: map([{subnet: .net, gateway: .gw}])} end'
}

# network VERSION TYPE IPAM FAMILIES [KEYS] - KEYS is merged into the plugin's object
network()
{
	jq -n --arg v "$1" --argjson type "$(type_keys "$2")" --argjson ipam "$(ipam_keys "$3" "$4")" \
		--argjson extra "${5:-{\}}" \
		'{cniVersion: $v, name: "matrix", plugins: [({ipam: $ipam} + $type) * $extra |
		with_entries(select(.value != null))]}' > "$conf"
}

# links_of TYPE - what stays on the host after the last pod
links_of() { case $1 in ptp | *:ptp) ;; *) echo cni0 ;; esac; }

reset_node()
{
	ip link delete cni0 2> /dev/null
	scrub
}

# gateways FAMILIES - reachable from the pod?
gateways()
{
	[[ $1 != *4* ]] || ping_ok in_pod "$pod" "$net4.1.1" || return 1
	[[ $1 != *6* ]] || ping_ok in_pod "$pod" "$net6:0:0:1::1"
}

# well_formed VERSION FAMILIES < RESULT - prints nothing if the result is what this version looks like
well_formed()
{
	jq -r --arg v "$1" --arg f "$2" --arg ns "/run/netns/$pod" '
		(.interfaces // []) as $i | [
		if .cniVersion != $v then "cniVersion \(.cniVersion)" else empty end,
		if ([.ips[].address | if contains(":") then "6" else "4" end] | sort | add) != $f
			then "addresses \([.ips[].address])" else empty end,
		(.ips[] | select($i[.interface // -1] | .name != "eth0" or .sandbox != $ns) |
			"\(.address) on interface \(.interface)"),
		(.ips[] | select((.version // "") != if $v == "1.0.0" then "" else
			if .address | contains(":") then "6" else "4" end end) | "\(.address) with version \(.version)"),
		($i[] | select((.sandbox // "") == "" and .sandbox != null) | "an empty sandbox on \(.name)")] | join(", ")'
}

# matches_kernel RESULT - prints what differs between the result and the kernel
matches_kernel()
{
	{
		echo "$1"
		in_pod "$pod" sh -c 'ip -j addr show eth0; ip -j route show default; ip -6 -j route show default'
		ip -j link
	} | jq -rn '
		[inputs] as [$result, $addr, $routes4, $routes6, $host] |
		def family(c): [$result.ips[] | select(.address | contains(c))] | length;
		def differs(what; want; have): if want == have then empty else "\(what): \(want) against \(have)" end;
		[differs("addresses"; [$result.ips[].address] | sort;
			[$addr[0].addr_info[] | select(.scope == "global") | "\(.local)/\(.prefixlen)"] | sort),
		 ($result.interfaces[] | select((.sandbox // "") != "") |
			differs("MAC of \(.name)"; .mac | ascii_downcase; $addr[0].address)),
		 ($result.interfaces[] | select((.sandbox // "") == "") | .name as $name |
			differs("MAC of host link \($name)"; .mac | ascii_downcase;
				([$host[] | select(.ifname == $name)] | .[0].address))),
		 differs("IPv4 default routes"; family("."); $routes4 | length),
		 differs("IPv6 default routes"; family(":"); $routes6 | length)] | join(", ")'
}

# one_case VERSION TYPE IPAM FAMILIES - ADD, CHECK, DEL, DEL
one_case()
{
	local label="$2 $3 IPv$4 $1" result problems
	network "$@"
	pod_netns "$pod"
	if result=$(add 2>&1); then
		equal "$label: result" "" "$(well_formed "$1" "$4" <<< "$result")"
		problems=$(matches_kernel "$result")
		equal "$label: kernel" "" "$problems"
		succeeds "$label: gateway" gateways "$4"
		# CHECK came with 0.4.0.
		[[ $1 == 0.3.* ]] || succeeds "$label: CHECK" check
	else
		not_ok "$label: ADD" "a result" "$result"
	fi
	succeeds "$label: DEL" del
	succeeds "$label: DEL again" del
	clean "$label" "$(links_of "$2")" "$pod"
	ip netns delete "$pod"
	reset_node
}

# damaged TYPE NAME COMMAND... - CHECK must see it
damaged()
{
	local type=$1 name=$2
	shift 2
	network 1.0.0 "$type" host-local 46
	pod_netns "$pod"
	add > /dev/null 2>&1
	succeeds "$type CHECK: before" check
	"$@" > /dev/null 2>&1
	fails "$type CHECK: $name" check
	succeeds "$type CHECK: $name: DEL" del
	ip netns delete "$pod"
	clean "$type CHECK: $name" "$(links_of "$type") cni0" ""
	reset_node
}

# release TYPE NAME MASQ KNOWN COMMAND... - DEL after something went missing
release()
{
	local type=$1 name=$2 masq=$3 known=$4
	shift 4
	network 1.0.0 "$type" host-local 46 "{\"ipMasq\": $masq}"
	pod_netns "$pod"
	succeeds "$type DEL $name: ADD" add
	"$@"
	succeeds "$type DEL $name" del
	ip netns delete "$pod" 2> /dev/null
	clean "$type DEL $name" "$(links_of "$type")" "" "$known"
	reset_node
}

netns_gone() { ip netns delete "$pod"; }
cache_gone() { rm -rf "$cache/results"; }
both_gone() { netns_gone; cache_gone; }
link_gone() { in_pod "$pod" ip link delete eth0; }

# A second ADD of the same pod is refused, and what it has stays.
duplicate()
{
	local before
	network 1.0.0 "$1" host-local 46
	pod_netns "$pod"
	succeeds "$1 second ADD: the first" add
	before=$(pod_addresses "$pod")
	fails "$1 second ADD: refused" add
	equal "$1 second ADD: addresses stay" "$before" "$(pod_addresses "$pod")"
	succeeds "$1 second ADD: DEL" del
	clean "$1 second ADD" "$(links_of "$1")" "$pod"
	ip netns delete "$pod"
	reset_node
}

# wanted LABEL TYPE IPAM EXPECTED KEYS FLAGS... - EXPECTED: "MAC ADDRESSES", an empty MAC is any
wanted()
{
	local label="$2 $3 $1" type=$2 ipam=$3 expected=$4 keys=$5 mac
	shift 5
	network 1.0.0 "$type" "$ipam" 4 "$keys"
	pod_netns "$pod"
	succeeds "$label: ADD" add "$@"
	mac=$(in_pod "$pod" ip -j link show eth0 2> /dev/null | jq -r '.[0].address')
	[[ $expected != any* ]] || mac=any
	equal "$label" "$expected" "$mac $(pod_addresses "$pod")"
	succeeds "$label: CHECK" check "$@"
	succeeds "$label: DEL" del "$@"
	clean "$label" "$(links_of "$type")" "$pod"
	ip netns delete "$pod"
	reset_node
}

types="bridge ptp"
[ ! -e /opt/cni/bin/cnida ] || types="$types cnida cnida:ptp"

for type in bridge ptp loopback host-local static; do
	equal "version $type" '["0.3.0","0.3.1","0.4.0","1.0.0"]' "$("$cnidrive" version "$type" |
		jq -c 'map(select(. as $v | ["0.3.0", "0.3.1", "0.4.0", "1.0.0"] | index($v)))')"
done
network 1.0.0 bridge host-local 46 '{"capabilities": {"mac": true, "ips": true, "portMappings": false}}'
equal "validate: capabilities" '["ips","mac"]' "$(drive validate | jq -c sort)"
network 9.0.0 bridge host-local 46
fails "validate: version 9.0.0" drive validate

for type in $types; do
	for version in 0.3.0 0.3.1 0.4.0 1.0.0; do
		for families in 4 6 46; do one_case "$version" "$type" host-local "$families"; done
	done
	one_case 0.3.1 "$type" static 46
	one_case 1.0.0 "$type" static 4
	one_case 1.0.0 "$type" static 6

	damaged "$type" "address removed" in_pod "$pod" ip address flush dev eth0
	damaged "$type" "link removed" in_pod "$pod" ip link delete eth0
	damaged "$type" "default route removed" in_pod "$pod" ip route delete default
	damaged "$type" "reservation removed" find /var/lib/cni/networks/matrix -name '*[.:]*[0-9]' ! -name 'last*' -delete
	damaged "$type" "MAC changed" in_pod "$pod" ip link set eth0 address 02:00:00:00:00:99

	for masq in false true; do
		known=
		[ $masq = false ] || known="masquerade rules stay when the link or the namespace is gone"
		release "$type" "ipMasq $masq, namespace gone" $masq "$known" netns_gone
		release "$type" "ipMasq $masq, cache gone" $masq "" cache_gone
		release "$type" "ipMasq $masq, namespace and cache gone" $masq "$known" both_gone
		release "$type" "ipMasq $masq, link gone" $masq "$known" link_gone
	done
	duplicate "$type"
done

mac=02:aa:bb:cc:dd:ee
for type in $types; do
	ips='{"capabilities": {"ips": true}}'
	wanted "capability ips" "$type" host-local "any $net4.1.42/24" "$ips" -cap "{\"ips\": [\"$net4.1.42\"]}"
	wanted "CNI_ARGS IP" "$type" host-local "any $net4.1.44/24" '{}' \
		-args "IgnoreUnknown=1;K8S_POD_NAMESPACE=ns;K8S_POD_NAME=pod;IP=$net4.1.44"
	# containerd's Go structures have no JSON tags: IPRanges arrive with capital keys.
	wanted "capability ipRanges, containerd's keys" "$type" host-local "any $net4.9.7/24" \
		'{"capabilities": {"ipRanges": true}, "ipam": {"ranges": []}}' -cap "{\"ipRanges\": [[{\"Subnet\":
		\"$net4.9.0/24\", \"RangeStart\": \"$net4.9.7\", \"RangeEnd\": \"$net4.9.9\", \"Gateway\": \"$net4.9.1\"}]]}"
	wanted "capabilities that the plugin does not use, containerd's keys" "$type" host-local "any $net4.1.2/24" \
		'{"capabilities": {"portMappings": true, "bandwidth": true, "dns": true}}' -cap '{"portMappings": [],
		"bandwidth": {"IngressRate": 0, "IngressBurst": 0, "EgressRate": 0, "EgressBurst": 0},
		"dns": {"Servers": ["192.0.2.53"], "Searches": ["example.org"], "Options": null}}'
	# ptp takes no MAC, and needs the gateway that an address of the capability does not have.
	[[ $type != *ptp ]] || continue
	wanted "capability ips" "$type" static "any $net4.1.43/24" "$ips" -cap "{\"ips\": [\"$net4.1.43/24\"]}"
	wanted "capability mac" "$type" host-local "$mac $net4.1.2/24" '{"capabilities": {"mac": true}}' \
		-cap "{\"mac\": \"$mac\"}"
	wanted "CNI_ARGS MAC" "$type" host-local "$mac $net4.1.2/24" '{}' -args "IgnoreUnknown=1;MAC=$mac"
	wanted "args.cni.mac" "$type" host-local "$mac $net4.1.2/24" "{\"args\": {\"cni\": {\"mac\": \"$mac\"}}}"
	# Keys of any case, as Go's decoder takes them.
	wanted "keys of another case" "$type" host-local "$mac $net4.8.5/24" "{\"isGateway\": false, \"ISGATEWAY\": true,
		\"Args\": {\"CNI\": {\"MAC\": \"$mac\"}}, \"ipam\": null, \"IPAM\": {\"Type\": \"host-local\", \"SubNet\":
		\"$net4.8.0/24\", \"RANGESTART\": \"$net4.8.5\"}}"
done

finish
