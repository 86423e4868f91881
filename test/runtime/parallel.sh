#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# parallel.sh - a full node: 110 pods, 16 at a time, through libcni, in rounds
#
# Once as a node that starts and is drained (all ADD, all CHECK, all DEL), once with pods that come and go while
# others do. No call may fail, no address may be in two hands, nothing may be left. The times are printed, not judged.
#
# PODS, PARALLEL	default 110 and 16
# ROUNDS		default 10 for the first, a third of it for the others; upstream, which takes far longer, gets 1
set -u
. "$(dirname "$0")/lib.sh"

build_cnidrive
enter_node "go" "$@"

pods=${PODS:-110}
parallel=${PARALLEL:-16}
rounds=10
[ "$(implementation)" != upstream ] || rounds=1
rounds=${ROUNDS:-$rounds}

# network TYPE[:MODE]
network()
{
	jq -n --arg type "${1%%:*}" --arg mode "${1#*:}" --arg a "$net4" --arg b "$net6" '
		{cniVersion: "1.0.0", name: "load", plugins: [{type: $type, ipMasq: true,
		 ipam: {type: "host-local", ranges: [[{subnet: "\($a).0.0/24"}], [{subnet: "\($b)::/112"}]],
			routes: [{dst: "0.0.0.0/0"}]}} +
		 if $mode != $type then {mode: $mode} elif $type == "ptp" then {} else {bridge: "cni0", isGateway: true} end]}' \
		> net.conflist
}

# load LABEL TYPE[:MODE] ROUNDS FLAGS...
load()
{
	local label=$1 type=$2 links=cni0 out
	network "$type"
	[[ $type != *ptp ]] || links=
	out=$("$cnidrive" -cache "$work/node/cache" -conf net.conflist -id "$id_prefix" -pods "$pods" \
		-parallel "$parallel" -rounds "$3" "${@:4}" load 2>&1)
	if ! jq -e . <<< "$out" > /dev/null 2>&1; then
		not_ok "$label: driver" "a summary" "$out"
		return
	fi
	jq -r --arg l "$label" '"# \($l): \(.calls) calls in \(.seconds * 10 | round / 10) s; ms (median, 99 %, maximum): " +
		([("ADD", "CHECK", "DEL") as $v | "\($v) \(.[$v].p50) \(.[$v].p99) \(.[$v].max)"] | join("; "))' <<< "$out"
	equal "$label: calls" $((pods * $3 * 3)) "$(jq .calls <<< "$out")"
	equal "$label: errors" "0 " "$(jq -r '"\(.errors) \(.messages // [] | join("; "))"' <<< "$out")"
	equal "$label: addresses in two hands" "" "$(jq -r '.duplicates // [] | .[:5] | join("; ")' <<< "$out")"
	clean "$label" "$links" "${names[*]}"
	ip link delete cni0 2> /dev/null
	scrub
}

names=()
for ((i = 0; i < pods; i++)); do names+=("$id_prefix$i"); done
pod_netns "${names[@]}"

load "bridge, in phases" bridge "$rounds"
load "bridge, churn" bridge "$(((rounds + 2) / 3))" -churn
load "ptp, churn" ptp "$(((rounds + 2) / 3))" -churn
if [ -e /opt/cni/bin/cnida ]; then
	load "cnida, in phases" cnida "$(((rounds + 2) / 3))"
	load "cnida ptp, churn" cnida:ptp "$(((rounds + 2) / 3))" -churn
fi

# The first calls after a boot or a flush of the rules, which make and fill the tables, several at a time.
if [ "$(implementation)" = cnida ]; then
	pods=32
	for ((i = 1; i <= 6; i++)); do load "bridge, churn, tables missing, $i" bridge 1 -churn; done
fi

finish
