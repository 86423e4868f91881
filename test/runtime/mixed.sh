#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# mixed.sh - two implementations take turns on one node: ADD by one, CHECK by the next, DEL by a third
#
# That is what an upgrade of a live node looks like, and the way back. Both use the same store, network and bridge;
# each cleans up what the other made. The plugins are run directly, without a cache: CHECK and DEL get ADD's result
# as prevResult.
#
# What upstream cannot know of, it leaves: our elements and the record of a pod that we made. Its DEL of such a pod
# even fails once when ipMasq is on, for want of its own chain; runtimes try again, and so does this test. Then GC by
# ours must find what is left.
# shellcheck disable=SC2317 # functions are handed to succeeds and fails
set -u
. "$(dirname "$0")/lib.sh"

enter_node "ping iptables" "$@"
[ -e /opt/cni/peer/bridge ] || skip_all "no plugin 'bridge' in $PEER_BIN_DIR (containernetworking-plugins)"

declare -A folder=([ours]=/opt/cni/bin [peer]=/opt/cni/peer)
declare -A result=()

# network TYPE MASQ VERSION [IPV4-ONLY] - sets $net to the plugin's configuration
network()
{
	net=$(jq -cn --arg type "$1" --argjson masq "$2" --arg v "$3" --arg a "$net4" --arg b "$net6" --arg only "${4:-}" '
		{cniVersion: $v, name: "mixed", type: $type, ipMasq: $masq,
		 ipam: ({type: "host-local", routes: [{dst: "0.0.0.0/0"}, {dst: "::/0"}],
			ranges: [[{subnet: "\($a).2.0/24"}], [{subnet: "\($b):0:0:2::/64"}]]} |
			if $only == "" then . else {type, routes: .routes[:1], ranges: .ranges[:1]} end)} +
		 if $type == "ptp" then {} else {bridge: "cni0", isGateway: true} end')
}

# exec_plugin WHO VERB POD < CONFIG - its IPAM plugin comes from the same folder
exec_plugin()
{
	local dir=${folder[$1]}
	env CNI_COMMAND="$2" CNI_CONTAINERID="$3" CNI_NETNS="/run/netns/$3" CNI_IFNAME=eth0 CNI_PATH="$dir" \
		"$dir/$type"
}

with_result() { jq -c --argjson r "${result[$1]}" '. + {prevResult: $r}' <<< "$net"; }

# add WHO POD - keeps the result
add()
{
	local out rc
	out=$(exec_plugin "$1" ADD "$2" <<< "$net")
	rc=$?
	result[$2]=$out
	[ $rc -eq 0 ] || echo "$out"
	return $rc
}
check() { exec_plugin "$1" CHECK "$2" < <(with_result "$2"); }
del()
{
	exec_plugin "$1" DEL "$2" < <(with_result "$2") && return
	[ "$1" = peer ] && exec_plugin "$1" DEL "$2" < <(with_result "$2")
}
# gc LABEL - no attachment of the network is valid any more; it needs 1.1.0, which upstream 1.1.1 does not speak
gc()
{
	[ "$(implementation)" = cnida ] || return 0
	succeeds "$1: GC" exec_plugin ours GC none \
		< <(jq -c '. + {cniVersion: "1.1.0", "cni.dev/valid-attachments": []}' <<< "$net")
}
# add_kept runs add in this shell, as succeeds would lose the result in a sub-shell.
add_kept()
{
	if add "$2" "$3" > add.out 2>&1; then ok "$1"; else not_ok "$1" "exit code 0" "$(cat add.out)"; fi
}

result_addresses() { jq -r '[.ips[]?.address] | sort | join(" ")' <<< "${result[$1]}"; }

# turn LABEL A B C - ADD by A, CHECK by B, DEL by C
turn()
{
	local label="$1: ADD by $2, CHECK by $3, DEL by $4" pod=${id_prefix}turn
	pod_netns "$pod"
	add_kept "$label: ADD" "$2" "$pod"
	equal "$label: addresses" "$(result_addresses "$pod")" "$(pod_addresses "$pod")"
	succeeds "$label: CHECK" check "$3" "$pod"
	succeeds "$label: DEL" del "$4" "$pod"
	[ "$2$4" != ourspeer ] || gc "$label"
	clean "$label" "$links" "$pod"
	ip netns delete "$pod"
}

# crossed LABEL - many pods at a time, every other one by the other implementation; then each is deleted by the
# one that did not make it
crossed()
{
	local label="$1: twelve pods" i pod who pods=() jobs=() given
	for i in {1..12}; do pods+=("$id_prefix$i"); done
	pod_netns "${pods[@]}"
	for i in "${!pods[@]}"; do
		who=ours
		[ $((i % 2)) -eq 0 ] || who=peer
		exec_plugin $who ADD "${pods[i]}" <<< "$net" > "${pods[i]}.result" 2> "${pods[i]}.err" &
		jobs+=($!)
	done
	for i in "${!pods[@]}"; do
		pod=${pods[i]}
		wait "${jobs[i]}" || not_ok "$label: ADD of $pod" "exit code 0" "$(cat "$pod.result" "$pod.err")"
		result[$pod]=$(cat "$pod.result")
	done
	given=$(cat "${pods[@]/%/.result}" | jq -r '.ips[]?.address' | sort)
	equal "$label: distinct addresses" 24 "$(sort -u <<< "$given" | wc -l)"
	for pod in "${pods[@]}"; do
		[ "$(result_addresses "$pod")" = "$(pod_addresses "$pod")" ] ||
			not_ok "$label: addresses of $pod" "$(result_addresses "$pod")" "$(pod_addresses "$pod")"
	done
	# From one made by the one to one made by the other.
	succeeds "$label: pod reaches pod" ping_ok in_pod "${pods[0]}" \
		"$(jq -r '.ips[0].address | split("/")[0]' <<< "${result[${pods[1]}]}")"
	jobs=()
	for i in "${!pods[@]}"; do
		who=peer
		[ $((i % 2)) -eq 0 ] || who=ours
		del $who "${pods[i]}" > "${pods[i]}.result" 2> "${pods[i]}.err" &
		jobs+=($!)
	done
	for i in "${!pods[@]}"; do
		pod=${pods[i]}
		wait "${jobs[i]}" || not_ok "$label: DEL of $pod" "exit code 0" "$(cat "$pod.result" "$pod.err")"
	done
	gc "$label"
	clean "$label" "$links" "${pods[*]}"
	for pod in "${pods[@]}"; do ip netns delete "$pod"; done
}

# No address that one holds is given out by the other, up to the last one.
exhausted()
{
	local i who pods=() pod out n=0
	net=$(jq -c --arg a "$net4" '.ipam = {type: "host-local", ranges: [[{subnet: "\($a).3.0/29"}]]}' <<< "$net")
	for i in {1..6}; do pods+=("$id_prefix$i"); done
	pod_netns "${pods[@]}"
	for i in "${!pods[@]}"; do
		who=ours
		[ $((i % 2)) -eq 0 ] || who=peer
		# Five pods fit into a /29 with a gateway.
		[ "$i" -lt 5 ] || break
		add_kept "$1: small range: pod $i by $who" $who "${pods[i]}"
	done
	equal "$1: small range: distinct addresses" 5 "$(for pod in "${pods[@]:0:5}"; do result_addresses "$pod"; done | sort -u | wc -l)"
	for who in ours peer; do
		fails "$1: small range: none left for $who" exec_plugin $who ADD "${pods[5]}" <<< "$net"
		# As a runtime does after a failed ADD.
		exec_plugin ours DEL "${pods[5]}" <<< "$net" > /dev/null 2>&1
	done
	# What one has freed, the other can give out.
	succeeds "$1: small range: DEL by peer" del peer "${pods[0]}"
	add_kept "$1: small range: ADD by ours after it" ours "${pods[5]}"
	succeeds "$1: small range: DEL by ours" del ours "${pods[1]}"
	add_kept "$1: small range: ADD by peer after it" peer "${pods[0]}"
	for pod in "${pods[@]}"; do
		out=$(del ours "$pod" 2>&1) || not_ok "$1: small range: DEL of $pod" "exit code 0" "$out"
		n=$((n + 1))
	done
	gc "$1: small range"
	clean "$1: small range, $n pods" "$links" "${pods[*]}"
	for pod in "${pods[@]}"; do ip netns delete "$pod"; done
}

for type in bridge ptp; do
	links=cni0
	only=
	# Upstream's ptp waits two seconds for each IPv6 address: the turns do without, "crossed" has both families.
	[ $type = bridge ] || { links=; only=4; }
	for masq in true false; do
		for version in 0.4.0 1.0.0; do
			network $type $masq $version $only
			# All eight orders with the version that is in use, the four crossings with the other.
			for a in ours peer; do for b in ours peer; do for c in ours peer; do
				[ $version = 1.0.0 ] || [ $b != $c ] || continue
				turn "$type ipMasq $masq $version" $a $b $c
			done; done; done
		done
		network $type $masq 1.0.0
		crossed "$type ipMasq $masq"
		ip link delete cni0 2> /dev/null
		[ $masq = false ] || exhausted "$type ipMasq $masq"
		ip link delete cni0 2> /dev/null
		scrub
	done
done

finish
