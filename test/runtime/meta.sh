#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# meta.sh - tuning, bandwidth and firewall behind bridge, as a runtime chains them, beside upstream's
#
# Each case is a chain of plugins; every plugin of it comes from one of the two folders. What the pod can do then is
# measured with packets, not read from rules. Then DEL by ours of what upstream's made, and the reverse.
# shellcheck disable=SC2317 # functions are handed to succeeds and fails
set -u
. "$(dirname "$0")/lib.sh"

enter_node "ping iptables iperf3" "$@"
[ -e /opt/cni/peer/tuning ] || skip_all "no plugin 'tuning' in $PEER_BIN_DIR (containernetworking-plugins)"

declare -A folder=([ours]=/opt/cni/bin [peer]=/opt/cni/peer)
# Results in files, since succeeds() runs its command in a subshell: of bridge, and of the plugin behind it.
before=$work/node/before
result=$work/node/result

# plugin WHO VERB POD TYPE KEYS [FILE] - run one plugin; KEYS is an object, FILE holds the previous result
plugin()
{
	local dir=${folder[$1]} netns=/run/netns/$3
	[ -e "$netns" ] || netns=
	jq -cn --arg type "$4" --argjson keys "$5" --slurpfile prev "${6:-/dev/null}" \
		'{cniVersion: "1.0.0", name: "meta", type: $type} + $keys + if $prev[0] then {prevResult: $prev[0]} else {} end' |
		env CNI_COMMAND="$2" CNI_CONTAINERID="$3" CNI_NETNS="$netns" CNI_IFNAME=eth0 CNI_PATH="$dir" "$dir/$4"
}

bridge_keys=$(jq -cn --arg a "$net4" --arg b "$net6" '{bridge: "cni0", isGateway: true, ipam: {type: "host-local",
	ranges: [[{subnet: "\($a).3.0/24"}], [{subnet: "\($b):0:0:3::/64"}]], routes: [{dst: "0.0.0.0/0"}, {dst: "::/0"}]}}')

# add WHO POD TYPE KEYS - bridge by ours (always), then the plugin; prints an error
add()
{
	ip netns add "$2" && ip -n "$2" link set lo up
	plugin ours ADD "$2" bridge "$bridge_keys" > "$before" || { cat "$before"; return 1; }
	again "$@"
}

# again WHO POD TYPE KEYS - only the plugin
again()
{
	plugin "$1" ADD "$2" "$3" "$4" "$before" > "$result" && return
	cat "$result"
	return 1
}

# del WHO POD TYPE KEYS - the plugin alone, with ADD's result
del() { plugin "$1" DEL "$2" "$3" "$4" "$result"; }
check() { plugin "$1" CHECK "$2" "$3" "$4" "$result"; }

# gone POD - the rest of a pod
gone()
{
	plugin ours DEL "$1" bridge "$bridge_keys"
	ip netns del "$1"
}

answer() { jq -r '.msg // "no message"' 2> /dev/null || echo "no document"; }

# --- tuning ---

tuning='{"sysctl": {"net.ipv4.conf.IFNAME.arp_filter": "1"}, "mac": "c2:b0:57:49:47:f1", "mtu": 1454, "promisc": true, "allmulti": true}'

# tuned POD - what tuning changes, in one line
tuned()
{
	in_pod "$1" ip -j link show eth0 | jq -r '.[0] | "\(.address) \(.mtu) \([.flags[] | select(. == "PROMISC" or . == "ALLMULTI")] | sort | join(" "))"' |
		tr '\n' ' '
	in_pod "$1" cat /proc/sys/net/ipv4/conf/eth0/arp_filter
}

test_tuning()
{
	local who other pod original
	for who in ours peer; do
		pod=${id_prefix}t$who
		succeeds "tuning: ADD by $who" add "$who" "$pod" tuning "$tuning"
		equal "tuning: state after ADD by $who" "c2:b0:57:49:47:f1 1454 ALLMULTI PROMISC 1" "$(tuned "$pod")"
		equal "tuning: MAC in the result of $who" c2:b0:57:49:47:f1 \
			"$(jq -r '.interfaces[] | select(.sandbox) | .mac' "$result")"
		for other in ours peer; do
			# 1.1.1 does not replace IFNAME when it checks.
			[ "$other" = peer ] && continue
			succeeds "tuning: CHECK by $other of ADD by $who" check "$other" "$pod" tuning "$tuning"
		done
		gone "$pod"
		rm -rf /run/cni/tuning
	done
	for who in ours peer; do
		[ $who = ours ] && other=peer || other=ours
		pod=${id_prefix}d$who
		succeeds "tuning: ADD by $who for $other" add "$who" "$pod" tuning "$tuning"
		original=$(jq -r '.interfaces[] | select(.sandbox) | .mac' "$before")
		succeeds "tuning: DEL by $other of ADD by $who" del "$other" "$pod" tuning "$tuning"
		equal "tuning: the interface after DEL by $other" "$original 1500" "$(tuned "$pod" | cut -d ' ' -f 1-2)"
		equal "tuning: no backup after DEL by $other" "" "$(ls /run/cni/tuning 2> /dev/null)"
		gone "$pod"
	done

	pod=${id_prefix}targs
	succeeds "tuning: args.cni.sysctl alone" add ours "$pod" tuning '{"args": {"cni": {"sysctl": {"net.ipv4.conf.IFNAME.arp_filter": "1"}}}}'
	equal "tuning: args.cni.sysctl alone, state" 1 "$(in_pod "$pod" cat /proc/sys/net/ipv4/conf/eth0/arp_filter)"
	succeeds "tuning: args.cni.sysctl, CHECK" check ours "$pod" tuning '{"args": {"cni": {"sysctl": {"net.ipv4.conf.IFNAME.arp_filter": "1"}}}}'
	succeeds "tuning: args.cni.sysctl, DEL" del ours "$pod" tuning '{}'
	equal "tuning: DEL puts sysctls back" 0 "$(in_pod "$pod" cat /proc/sys/net/ipv4/conf/eth0/arp_filter)"

	mkdir -p /etc/cni/tuning
	echo '^net\.core\.' > /etc/cni/tuning/allowlist.conf
	# Upstream has the list since 1.2.
	equal "tuning: allow list" \
		'Sysctl net.ipv4.conf.IFNAME.arp_filter is not allowed. Only the following sysctls are allowed: [^net\.core\.]' \
		"$(again ours "$pod" tuning '{"sysctl": {"net.ipv4.conf.IFNAME.arp_filter": "1"}}' | answer)"
	succeeds "tuning: allow list, allowed" again ours "$pod" tuning '{"sysctl": {"net.core.somaxconn": "500"}}'
	rm -r /etc/cni/tuning
	for who in ours peer; do
		equal "tuning: not below net, $who" 'invalid net sysctl key:' \
			"$(again "$who" "$pod" tuning '{"sysctl": {"kernel.hostname": "x"}}' | answer | cut -d '"' -f 1 | sed 's/ $//')"
	done
	equal "tuning: without prevResult" "Required prevResult missing" "$(plugin ours ADD "$pod" tuning '{}' | answer)"
	gone "$pod"
	rm -rf /run/cni/tuning
}

# --- bandwidth ---

# limits MBIT_IN MBIT_OUT - with bursts of 20 ms
limits()
{
	jq -cn --argjson i "$1" --argjson o "$2" '{runtimeConfig: {bandwidth: {IngressRate: ($i * 1000000), IngressBurst: ($i * 20000),
		EgressRate: ($o * 1000000), EgressBurst: ($o * 20000)}}}'
}

# speed POD in|out SECONDS - what TCP carries, in Mbit/s; its server runs in the pod
speed()
{
	local reverse=
	[ "$2" = in ] || reverse=-R
	iperf3 -c "$(pod_addresses "$1" | cut -d / -f 1)" -t "$3" -O 1 $reverse -J | jq '.end.sum_received.bits_per_second / 1000000'
}

# within NAME EXPECTED FOUND - TCP carries 1448 of 1514 bytes: that, or up to 5 % less than the rate
within()
{
	if jq -en --argjson e "$2" --argjson f "${3:-0}" '$f >= $e * 0.95 and $f <= $e' > /dev/null; then
		ok "$1: ${3%"${3##*.??}"}"
	else
		not_ok "$1" "$2 Mbit/s, at most 5 % less" "$3"
	fi
}

iperf_pid=
serve()
{
	in_pod "$1" iperf3 -s > /dev/null 2>&1 &
	iperf_pid=$!
	wait_for 5 sh -c "nsenter --net=/run/netns/$1 ss -Hltn 'sport = 5201' | grep -q ."
}
unserve()
{
	kill "$iperf_pid"
	wait "$iperf_pid" 2> /dev/null
}

# bwps - the ifb devices that are there
bwps() { ip -j link show type ifb | jq -r '[.[].ifname // empty] | join(" ")'; }
host_link() { jq -r '[.interfaces[] | select(.sandbox == null)][1].name' "$result"; }

test_rates()
{
	local pod=${id_prefix}rate rate seconds
	for rate in 1 100 1000; do
		seconds=1
		[ $rate -gt 1 ] || seconds=4
		succeeds "bandwidth: ADD, $rate Mbit/s" add ours "$pod" bandwidth "$(limits $rate $rate)"
		serve "$pod"
		if [ $rate -eq 1 ]; then
			# A burst of 20 ms is not two frames here, and what TCP resends counts: no exact figure.
			rate=$(speed "$pod" in $seconds)
			if jq -en --argjson f "$rate" '$f > 0.8 and $f < 1.01' > /dev/null; then ok "bandwidth: 1 Mbit/s in: $rate"; else not_ok "bandwidth: 1 Mbit/s in" 1 "$rate"; fi
			rate=$(speed "$pod" out $seconds)
			if jq -en --argjson f "$rate" '$f > 0.8 and $f < 1.01' > /dev/null; then ok "bandwidth: 1 Mbit/s out: $rate"; else not_ok "bandwidth: 1 Mbit/s out" 1 "$rate"; fi
		else
			within "bandwidth: $rate Mbit/s in" $rate "$(speed "$pod" in $seconds)"
			within "bandwidth: $rate Mbit/s out" $rate "$(speed "$pod" out $seconds)"
		fi
		unserve
		del ours "$pod" bandwidth "{}"
		gone "$pod"
	done
	equal "bandwidth: no device stays" "" "$(bwps)"
}

# A policy engine's program: it takes every packet and lets it pass, which ends the list of filters.
engine() { tc filter add dev "$1" ingress prio 1 protocol all bpf bytecode '1,6 0 0 4294967295' flowid 1:1; }

test_engine()
{
	local pod=${id_prefix}ebpf veth
	succeeds "bandwidth: ADD before an engine" add ours "$pod" bandwidth "$(limits 50 50)"
	veth=$(host_link)
	succeeds "bandwidth: clsact is still free" tc qdisc add dev "$veth" clsact
	succeeds "bandwidth: a program is attached" engine "$veth"
	serve "$pod"
	within "bandwidth: engine attached later, in" 50 "$(speed "$pod" in 1)"
	within "bandwidth: engine attached later, out" 50 "$(speed "$pod" out 1)"
	succeeds "bandwidth: CHECK beside an engine" check ours "$pod" bandwidth "$(limits 50 50)"
	del ours "$pod" bandwidth "{}"
	tc qdisc del dev "$veth" root
	equal "bandwidth: DEL leaves the engine" clsact "$(tc -j qdisc show dev "$veth" clsact | jq -r '.[].kind')"
	succeeds "bandwidth: ADD behind an engine" again ours "$pod" bandwidth "$(limits 60 60)"
	within "bandwidth: engine attached before, out" 60 "$(speed "$pod" out 1)"
	unserve
	del ours "$pod" bandwidth "{}"
	gone "$pod"
	equal "bandwidth: no device stays" "" "$(bwps)"
}

test_bandwidth_mixed()
{
	local who other pod
	for who in ours peer; do
		[ $who = ours ] && other=peer || other=ours
		pod=${id_prefix}b$who
		succeeds "bandwidth: ADD by $who for $other" add "$who" "$pod" bandwidth "$(limits 100 100)"
		equal "bandwidth: interfaces in the result of $who" "cni0 veth eth0 bwp" \
			"$(jq -r '[.interfaces[].name | sub("^cni[0-9a-f]{11}$"; "veth") | sub("^bwp[0-9a-f]{12}$"; "bwp")] | join(" ")' "$result")"
		succeeds "bandwidth: CHECK by $other of ADD by $who" check "$other" "$pod" bandwidth "$(limits 100 100)"
		succeeds "bandwidth: CHECK by $who of its own" check "$who" "$pod" bandwidth "$(limits 100 100)"
		fails "bandwidth: CHECK by ours with another rate" check ours "$pod" bandwidth "$(limits 100 101)"
		succeeds "bandwidth: DEL by $other of ADD by $who" del "$other" "$pod" bandwidth "$(limits 100 100)"
		gone "$pod"
		equal "bandwidth: no device after DEL by $other" "" "$(bwps)"
	done
	pod=${id_prefix}bplain
	succeeds "bandwidth: without limits" add ours "$pod" bandwidth '{}'
	equal "bandwidth: without limits, the result is bridge's" "$(jq -cS . "$before")" "$(jq -cS . "$result")"
	equal "bandwidth: without prevResult" "must be called as chained plugin" "$(plugin ours ADD "$pod" bandwidth '{}' | answer)"
	for who in ours peer; do
		equal "bandwidth: rate without burst, $who" "if rate is set, burst must also be set" \
			"$(again "$who" "$pod" bandwidth '{"ingressRate": 8000}' | answer)"
		equal "bandwidth: burst without rate, $who" "if burst is set, rate must also be set" \
			"$(again "$who" "$pod" bandwidth '{"egressBurst": 8000}' | answer)"
	done
	gone "$pod"
	rm -rf /run/netns/gone
}

test_tuning
clean "tuning" cni0 ""
test_rates
test_engine
test_bandwidth_mixed
clean "bandwidth" cni0 ""

finish
