#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# demo.sh - the main job, for the eyes: attach pods, let them talk, detach them, show that nothing is left
#
#	test/lib/node test/lib/demo.sh BINDIR
#
# Runs inside a node of its own, so the bridge, the addresses and the rules are not the machine's. A pod is
# a network namespace here; the calls are those of a container runtime.
set -euo pipefail

bin=$(cd "${1:?usage: demo.sh BINDIR}" && pwd)
pods=${DEMO_PODS:-3}
peer=${PEER_BIN_DIR:-/usr/lib/cni}
rounds=15
bold='' plain=''
[ ! -t 1 ] || bold=$'\e[1m' plain=$'\e[0m'
conf='{"cniVersion": "1.0.0", "name": "demo", "type": "cnida", "mode": "bridge", "bridge": "cni0",
	"isDefaultGateway": true, "hairpinMode": true, "ipMasq": true,
	"ipam": {"type": "host-local", "ranges": [[{"subnet": "10.244.7.0/24"}], [{"subnet": "fd00:10:244:7::/64"}]]}}'

title()
{
	printf '\n%s%s%s\n' "$bold" "$*" "$plain"
}

# ms START - milliseconds since then
ms()
{
	awk -v a="$1" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f", (b - a) * 1000 }'
}

# cni VERB POD - what a runtime does: environment, configuration on standard input
cni()
{
	CNI_COMMAND=$1 CNI_CONTAINERID=demo-$2 CNI_NETNS=/run/netns/$2 CNI_IFNAME=eth0 CNI_PATH=$bin \
		CNI_ARGS="IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=$2" "$bin/cnida" <<< "$conf"
}

# objects - three pods by their labels, and who may talk to pod2
objects()
{
	local i

	for i in 1:client 2:web 3:other; do
		echo '{"apiVersion": "v1", "kind": "Pod", "metadata": {"namespace": "default", "name": "pod'"${i%:*}"'", "labels":
			{"app": "'"${i#*:}"'"}}, "spec": {"containers": [{"name": "c"}]}}'
	done
	echo '{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "default"}}
		{"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"namespace": "default", "name": "web"},
		"spec": {"podSelector": {"matchLabels": {"app": "web"}}, "ingress": [{"from": [{"podSelector": {"matchLabels":
		{"app": "client"}}}], "ports": [{"port": 80}]}]}}'
}

# knock FROM TO FAMILY - does a packet for port 80 get there? A port where nobody listens answers with a reset.
knock()
{
	local text status=0

	# shellcheck disable=SC2016
	text=$(ip netns exec "$1" timeout 0.5 bash -c ': < /dev/tcp/$0/80' "$(address "$2" "$3")" 2>&1) || status=$?
	case $status:$text in
	0:* | *refused*) echo "gets through" ;;
	124:*) echo "is dropped" ;;
	*) echo "$text" ;;
	esac
}

# expect WHAT FROM TO FAMILY ANSWER
expect()
{
	local found

	found=$(knock "$2" "$3" "$4")
	printf '  %-36s %s\n' "$1" "$found"
	[ "$found" = "$5" ] || bad=1
}

# address POD FAMILY
address()
{
	ip -n "$1" -j "-$2" addr show dev eth0 scope global | jq -r '.[0].addr_info[0].local'
}

# try WHAT COMMAND... - one line with the answer's time
try()
{
	local what=$1 answer

	shift
	if answer=$("$@" 2>&1); then
		printf '  %-36s %s\n' "$what" "$(sed -nE 's/.*time=([0-9.]+ ms).*/\1/p' <<< "$answer" | tail -n 1)"
	else
		printf '  %-36s FAILED\n%s\n' "$what" "$answer"
		bad=1
	fi
}

bad=0
title "Attaching $pods pods to a bridge, both address families"
for ((i = 1; i <= pods; i++)); do
	ip netns add "pod$i"
	ip -n "pod$i" link set lo up
	start=$EPOCHREALTIME
	if ! answer=$(cni ADD "pod$i"); then
		echo "$answer"
		exit 1
	fi
	took=$(ms "$start")
	mapfile -t ips < <(jq -r '.ips[].address' <<< "$answer")
	printf '  pod%d  %-18s %-24s %6s ms\n' "$i" "${ips[0]}" "${ips[1]}" "$took"
done

title "What the runtime was told about the last one"
jq -c '{interfaces: [.interfaces[] | {name, mac}], ips: [.ips[] | {address, gateway}]}' <<< "$answer"

title "Talking"
for ((i = 2; i <= pods; i++)); do
	try "pod1 to pod$i, IPv4" ip netns exec pod1 ping -n -c 2 -i 0.2 -W 2 "$(address "pod$i" 4)"
	try "pod1 to pod$i, IPv6" ip netns exec pod1 ping -n -c 2 -i 0.2 -W 2 "$(address "pod$i" 6)"
done
try "pod1 to the node" ip netns exec pod1 ping -n -c 2 -i 0.2 -W 2 10.244.7.1
try "the node to pod1" ping -n -c 2 -i 0.2 -W 2 "$(address pod1 4)"

if [ "$pods" -ge 3 ] && mountpoint -q /sys/fs/bpf; then
	title "A network policy: only pod1 may reach port 80 of pod2"
	start=$EPOCHREALTIME
	objects | "$bin/cnida" policy apply - | sed 's/^/  /' || bad=1
	printf '  the command took %s ms, loading the programs included\n' "$(ms "$start")"
	for family in 4 6; do
		expect "pod1 to pod2, IPv$family" pod1 pod2 "$family" "gets through"
		expect "pod3 to pod2, IPv$family" pod3 pod2 "$family" "is dropped"
	done
	"$bin/cnida" policy explain default/pod1 default/pod2 80/TCP | sed 's/^/  /' || bad=1
	"$bin/cnida" policy explain default/pod3 default/pod2 80/TCP | sed 's/^/  /' || bad=1
fi

title "What the node has: cnida list"
"$bin/cnida" list | sed 's/^/  /'

# compare_add BIN NAME SUBNET N - ADD one pod of a plain bridge network with bridge + host-local, print the milliseconds
compare_add()
{
	local start=$EPOCHREALTIME

	CNI_COMMAND=ADD CNI_CONTAINERID=$2-$4 CNI_NETNS=/run/netns/$2-$4 CNI_IFNAME=eth0 CNI_PATH=$1 "$1/bridge" > "/run/$2.out" \
		<<< '{"cniVersion": "1.0.0", "name": "'"$2"'", "type": "bridge", "bridge": "br-'"$2"'", "isDefaultGateway": true,
		"ipam": {"type": "host-local", "subnet": "'"$3"'"}}' || { cat "/run/$2.out" >&2; return 1; }
	ms "$start"
	echo
}

# median - of the numbers on standard input
median()
{
	sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

title "Beside Debian's bridge + host-local: $rounds ADDs each, taking turns, medians"
if [ -x "$peer/bridge" ] && [ -x "$peer/host-local" ]; then
	for ((i = 1; i <= rounds; i++)); do
		ip netns add "ours-$i"
		ip netns add "theirs-$i"
		compare_add "$bin" ours 10.245.0.0/24 "$i" >> /run/ours || bad=1
		compare_add "$peer" theirs 10.246.0.0/24 "$i" >> /run/theirs || bad=1
	done
	ours=$(median < /run/ours)
	theirs=$(median < /run/theirs)
	printf '  cnida %s ms, Debian %s ms: %s times faster\n' "$ours" "$theirs" \
		"$(awk -v a="$ours" -v b="$theirs" 'BEGIN { printf "%.1f", b / a }')"
	for ((i = 1; i <= rounds; i++)); do
		ip netns del "ours-$i"
		ip netns del "theirs-$i"
	done
	"$bin/cnida" gc | tail -n 1 | sed 's/^/  cnida gc: /'
else
	echo "  $peer has no bridge and host-local: nothing to compare with"
fi

title "Detaching them"
for ((i = 1; i <= pods; i++)); do
	start=$EPOCHREALTIME
	cni DEL "pod$i" || bad=1
	printf '  pod%d  %50s ms\n' "$i" "$(ms "$start")"
	ip netns del "pod$i"
done

title "What is left of them"
links=$(ip -br link show master cni0 | wc -l)
files=$(find /var/lib/cni/networks/demo -type f -name '[0-9f]*' | wc -l)
echo "  $links links, $files addresses"
[ "$links" -eq 0 ] && [ "$files" -eq 0 ] || bad=1
exit "$bad"
