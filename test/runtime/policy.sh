#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# policy.sh - network policy on a node, by plugin calls and `cnida policy`: from the first packet to the last
#
# Pods need no servers: a port where nobody listens answers with a reset, which shows that the packet got through.
# shellcheck disable=SC2317 # functions are handed to succeeds and fails
set -u
. "$(dirname "$0")/lib.sh"
enter_node "timeout" "$@"
[ "$(implementation)" = cnida ] || skip_all "upstream's plugins have no policy"
mountpoint -q /sys/fs/bpf || skip_all "no bpf file system at /sys/fs/bpf"

cnida=/opt/cni/bin/cnida
snapshot=/var/lib/cnida/policy/snapshot
plugin_policy='{}'

net()
{
	jq -cn --arg a "$net4" --arg b "$net6" --arg mode "$mode" --argjson policy "$plugin_policy" '{cniVersion: "1.0.0", name: "policy",
		type: "cnida", mode: $mode, bridge: "cni0", isDefaultGateway: true, ipMasq: true, policy: $policy,
		ipam: {type: "host-local", ranges: [[{subnet: "\($a).8.0/24"}], [{subnet: "\($b):0:0:8::/64"}]]}}'
}

# verb VERB POD
verb()
{
	CNI_COMMAND=$1 CNI_CONTAINERID=cnirt-$2 CNI_NETNS=/run/netns/cnirt-$2 CNI_IFNAME=eth0 CNI_PATH=/opt/cni/bin \
		CNI_ARGS="IgnoreUnknown=1;K8S_POD_NAMESPACE=x;K8S_POD_NAME=$2" $cnida <<< "${conf:-$(net)}" > "$2.$1" 2> "$2.err"
}

# attach POD...
attach()
{
	local pod
	for pod; do
		[ -e "/run/netns/cnirt-$pod" ] || pod_netns "cnirt-$pod"
		verb ADD "$pod" || not_ok "ADD of $pod" success "$(cat "$pod.ADD")"
	done
}

detach()
{
	local pod
	for pod; do
		verb DEL "$pod" || not_ok "DEL of $pod" success "$(cat "$pod.DEL")"
		[ ! -e "/run/netns/cnirt-$pod" ] || ip netns delete "cnirt-$pod"
	done
}

# address POD [4|6]
address() { jq -r --arg f "${2:-4}" 'first(.ips[].address | select(contains(":") == ($f == "6"))) | split("/")[0]' "$1.ADD"; }

# probe FROM ADDRESS PORT [EXPECTED] - allow or deny; what is to arrive has longer for it, on a busy machine
probe()
{
	local text patience=0.4
	[ "${4-}" != allow ] || patience=5
	# shellcheck disable=SC2016
	text=$(in_pod "cnirt-$1" timeout "$patience" bash -c ': < /dev/tcp/$0/$1' "$2" "$3" 2>&1)
	case $?:$text in
	0:* | *refused*) echo allow ;;
	124:*) echo deny ;;
	*) echo "$text" ;;
	esac
}

# verdict NAME FROM TO PORT allow|deny - both families
verdict()
{
	local f
	for f in 4 6; do
		equal "$1: $2 to $3 port $4, IPv$f" "$5" "$(probe "$2" "$(address "$3" $f)" "$4" "$5")"
	done
}

# pods NAME:LABEL... - Pod objects of the namespace x
pods()
{
	local pod
	for pod; do
		jq -cn --arg n "${pod%%:*}" --arg l "${pod#*:}" '{apiVersion: "v1", kind: "Pod", metadata: {namespace: "x", name: $n,
			labels: {app: $l}}, spec: {containers: [{name: "c"}]}, status: {phase: "Running"}}'
	done
}

# policy NAME SPEC
policy()
{
	jq -cn --arg n "$1" --argjson s "$2" '{apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy",
		metadata: {namespace: "x", name: $n}, spec: $s}'
}

known() { pods a:a b:b c:c evil:evil late:b; }
allow_b() { policy allow-b '{"podSelector": {"matchLabels": {"app": "a"}}, "ingress": [{"from": [{"podSelector": {"matchLabels":
	{"app": "b"}}}], "ports": [{"port": 80}, {"port": 8000, "endPort": 8010}]}]}'; }

# apply - objects on standard input
apply() { $cnida policy apply - > apply.out 2>&1 || not_ok "apply" success "$(cat apply.out)"; }

# counted POD PORT - a counter of UDP packets that reach the pod
counted()
{
	in_pod "cnirt-$1" nft "add table inet t; add chain inet t in { type filter hook input priority 0; };
		add rule inet t in udp dport $2 counter"
}
count() { in_pod "cnirt-$1" nft list chain inet t in | sed -nE 's/.*packets ([0-9]+) .*/\1/p'; }

# endpoints - entries of the endpoint map
endpoints() { $cnida policy status --json | jq .endpoints.used; }

# --- no policy, then one under running pods ---

from_nothing()
{
	attach a b c
	equal "no policy: nothing is loaded" none "$($cnida policy status --json | jq -r .state)"
	fails "no policy: no maps" test -e /sys/fs/bpf/cnida
	# The first packets may be lost while neighbours are looked for.
	# shellcheck disable=SC2016
	wait_for 3 eval '[ "$(probe c "$(address a 6)" 81)" = allow ]'
	verdict "no policy" c a 81 allow

	{ known; allow_b; } | apply
	verdict "a policy under running pods" b a 80 allow
	verdict "endPort" b a 8005 allow
	verdict "another port" b a 81 deny
	verdict "another pod" c a 80 deny
	verdict "the other direction" a c 80 allow
	verdict "nobody's concern" b c 80 allow
	equal "the node itself" allow "$(timeout 0.4 bash -c ": < /dev/tcp/$(address a)/80" 2>&1 | grep -q refused && echo allow)"
	equal "what changed" "a isolated open,b open open,c open open" \
		"$({ known; allow_b; } | $cnida policy clear > /dev/null; { known; allow_b; } | $cnida policy apply --json - |
			jq -r '[.local[] | "\(.pod) \(.ingress) \(.egress)"] | sort | join(",")')"
	{ known; allow_b; } | $cnida policy apply --json - > apply.json
	equal "applied again: nothing changed" 0 "$(jq '[.local[] | select(.changed)] | length' apply.json)"
	equal "status" "in force,ebpf,1" "$($cnida policy status --json | jq -r '[.state, .backend, .policies] | join(",")')"
	equal "show" "a isolated open allow-b" "$($cnida policy show --json a | jq -r '.[] | "\(.pod) \(.ingress) \(.egress) \(.policies[0])"')"
	equal "show NAMESPACE/POD" a "$($cnida policy show --json x/a | jq -r '.[].pod')"
	fails "show of another namespace's" $cnida policy show y/a
	for pod in a b c; do
		succeeds "CHECK of $pod" check_pod "$pod"
	done
}

check_pod() { conf=$(net | jq -c --slurpfile r "$1.ADD" '. + {prevResult: $r[0]}') verb CHECK "$1" || { cat "$1.CHECK"; return 1; }; }

# --- a pod that comes later ---

# A process sends all the time, before, during and after ADD.
first_packet()
{
	local sender to6 to
	to=$(address a)
	to6=$(address a 6)
	counted a 999
	pod_netns cnirt-evil
	in_pod cnirt-evil bash -c "while :; do echo x > /dev/udp/$to/999; echo x > /dev/udp/$to6/999; done 2> /dev/null" &
	sender=$!
	attach evil
	sleep 0.3
	kill "$sender"
	wait "$sender" 2> /dev/null
	equal "packets of a pod that sends before, during and after ADD" 0 "$(count a)"
	verdict "the same pod elsewhere" evil c 80 allow
	verdict "the same pod" evil a 80 deny
	attach late
	verdict "a pod that comes later, by its labels" late a 80 allow
	attach stranger
	verdict "a pod that nobody told of" b stranger 80 deny
	detach evil late stranger
	in_pod cnirt-a nft delete table inet t
}

switches()
{
	local text
	{ known; allow_b; policy closed '{"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}'; } | apply
	verdict "deny all: egress" b c 80 deny
	verdict "deny all: both must allow" b a 80 deny
	succeeds "deny all: told" grep -Eq '^x +c +.* +open -> isolated +open -> isolated +known$' apply.out
	{ known; policy allow-c '{"podSelector": {"matchLabels": {"app": "a"}}, "ingress": [{"from": [{"podSelector": {"matchLabels":
		{"app": "c"}}}]}]}'; } | apply
	verdict "another policy: who was allowed" b a 80 deny
	verdict "another policy: who is now" c a 80 allow
	{ pods a:a b:c c:b; policy allow-c '{"podSelector": {"matchLabels": {"app": "a"}}, "ingress": [{"from": [{"podSelector":
		{"matchLabels": {"app": "c"}}}]}]}'; } | apply
	verdict "labels changed" b a 80 allow
	verdict "labels changed" c a 80 deny
	succeeds "labels changed: told" grep -Eq '^x +a +.* +allows other traffic +as before +known$' apply.out

	text=$(echo '{"kind": "NetworkPolicy", "apiVersion": "networking.k8s.io/v1", "metadata": {"namespace": "x", "name": "p"},
		"spec": {"podSelector": {}, "policyTypes": ["Sideways"]}}' | $cnida policy apply - 2>&1)
	equal "a policy that does not hold: exit code" 1 $?
	succeeds "a policy that does not hold: named" grep -q 'x/p.*policyTypes' <<< "$text"
	verdict "a policy that does not hold: as before" b a 80 allow
	verdict "a policy that does not hold: as before" c a 80 deny

	known | apply
	verdict "no policy is left" c a 81 allow
	{ known; allow_b; } | apply
	verdict "and back" c a 80 deny
}

# --- after a reboot, and worse ---

# A reboot takes /run and bpffs; pods are made anew.
reboot()
{
	local pod
	for pod in a b c; do ip netns delete "cnirt-$pod"; done
	ip link delete cni0 2> /dev/null
	nft flush ruleset
	rm -rf /run/cnida /sys/fs/bpf/cnida
	rm -rf /var/lib/cni/networks
}

after_reboot()
{
	local text
	reboot
	equal "after a reboot: state" stored "$($cnida policy status --json | jq -r .state)"
	attach a b c
	verdict "after a reboot" b a 80 allow
	verdict "after a reboot" c a 80 deny
	equal "after a reboot: in force" "in force" "$($cnida policy status --json | jq -r .state)"

	rm -rf /sys/fs/bpf/cnida
	detach c
	attach c
	verdict "somebody emptied bpffs" b a 80 allow
	verdict "somebody emptied bpffs" c a 80 deny

	reboot
	cp "$snapshot" good
	printf x | dd of="$snapshot" bs=1 seek=400 conv=notrunc 2> /dev/null
	pod_netns cnirt-a
	fails "a damaged snapshot: ADD" verb ADD a
	equal "a damaged snapshot: code" 11 "$(jq .code a.ADD)"
	succeeds "a damaged snapshot: what to do" grep -q 'cnida policy apply' a.ADD
	equal "a damaged snapshot: status" 1 "$($cnida policy status > /dev/null; echo $?)"
	clean "a damaged snapshot" cni0 cnirt-a
	plugin_policy='{"fail": "isolate"}' attach a
	plugin_policy='{"fail": "open"}' attach b c
	verdict "a damaged snapshot, isolate" c a 80 deny
	verdict "a damaged snapshot, open" c b 80 allow
	text=$($cnida doctor | grep -c '^problem.*policy')
	equal "a damaged snapshot: doctor" 1 "$text"
	{ known; allow_b; } | apply
	verdict "mended by apply" b a 80 allow
	verdict "mended by apply" c a 80 deny
	verdict "mended by apply" a b 80 allow
}

# Programs that another executable has loaded give way to this one's.
older_programs()
{
	local mark
	mark=$(echo /sys/fs/bpf/cnida/*/version-*)
	rmdir "$mark"
	mkdir "${mark%-*}-0123456789abcdef"
	{ known; allow_b; } | apply
	equal "older programs: replaced by apply" "$mark" "$(echo /sys/fs/bpf/cnida/*/version-*)"
	verdict "older programs" b a 80 allow
	verdict "older programs" c a 80 deny
}

# --- limits and the end ---

full_map()
{
	local pod
	reboot
	# Four buckets of eight; a pod takes three places, so 10 pods fit at most.
	plugin_policy='{"endpoints": 16}'
	attach a b c
	for pod in p1 p2 p3 p4 p5 p6 p7 p8; do
		pod_netns "cnirt-$pod"
		verb ADD "$pod" || break
	done
	equal "a full map: code of $pod" 11 "$(jq .code "$pod.ADD")"
	succeeds "a full map: named" grep -q 'is full' "$pod.ADD"
	detach p1 p2 p3 p4 p5 p6 p7 p8
	attach "$pod"
	verdict "a full map, after others are gone" "$pod" a 80 deny
	detach "$pod"
	plugin_policy='{}'
}

link_gone() { ! ip link show "$1" 2> /dev/null; }

stale()
{
	local before
	local link
	before=$(endpoints)
	attach late
	link=$(jq -r 'first(.interfaces[] | select(.name | test("^cni[0-9a-f]{11}$"))).name' late.ADD)
	ip netns delete cnirt-late
	wait_for 3 link_gone "$link"
	rm -f "/run/cnida/endpoints/$link"
	$cnida gc > gc.out
	succeeds "gc finds stale endpoints" grep 'policy endpoint' gc.out
	equal "gc removes them" "$before" "$(endpoints)"
	verb DEL late
}

the_end()
{
	detach a b c
	equal "after DEL: no endpoints" 0 "$(endpoints)"
	clean "after DEL" cni0 ""
	succeeds "clear" $cnida policy clear
	fails "clear: no snapshot" test -e "$snapshot"
	fails "clear: no pins" test -e /sys/fs/bpf/cnida
}

# Who applies a policy does not say which backend; pods that are there already, or are being attached, do.
backend_of_the_pods()
{
	plugin_policy='{"backend": "nftables"}'
	attach a
	$cnida policy clear > clear.out 2>&1
	{ known; allow_b; } | apply
	equal "applied where pods want nftables" nftables "$($cnida policy status --json | jq -r .backend)"
	attach b c
	verdict "applied where pods want nftables" b a 80 allow
	verdict "applied where pods want nftables" c a 80 deny
	detach a b c
	$cnida policy clear > clear.out 2>&1
	plugin_policy='{}'
}

# service FAMILY ADDRESS - ports 8080 and 8081 of the Service are 80 and 81 of pod b
service()
{
	local ip=ip
	[ "$1" = 4 ] || ip=ip6
	nft "add table inet kube; add chain inet kube pre { type nat hook prerouting priority dstnat; };
		add rule inet kube pre $ip daddr $2 tcp dport 8080 dnat $ip to $(bracket "$(address b "$1")"):80;
		add rule inet kube pre $ip daddr $2 tcp dport 8081 dnat $ip to $(bracket "$(address b "$1")"):81"
}
bracket() { if [[ $1 == *:* ]]; then echo "[$1]"; else echo "$1"; fi; }

# Pods whose rules no other pod of the node has, attached when the policy is in force: straight, and through a Service.
rules_of_later_pods()
{
	local f vip pod
	plugin_policy=$(jq -cn --arg b "$1" '{backend: $b}')
	attach b
	{ known; policy only-b '{"podSelector": {"matchLabels": {"app": "c"}}, "policyTypes": ["Egress"], "egress": [{"to": [{"podSelector":
		{"matchLabels": {"app": "b"}}}], "ports": [{"port": 80}]}]}'; allow_b; } | apply
	attach c a
	verdict "$1, later, egress" c b 80 allow
	verdict "$1, later, egress, another port" c b 81 deny
	verdict "$1, later, ingress" b a 8003 allow
	verdict "$1, later, ingress, another port" b a 81 deny
	for f in 4 6; do
		vip=10.96.0.1
		[ "$f" = 4 ] || vip=fd96::1
		service "$f" "$vip"
		equal "$1, later, through a Service, IPv$f" allow "$(probe c "$vip" 8080 allow)"
		equal "$1, later, through a Service, another port, IPv$f" deny "$(probe c "$vip" 8081)"
	done
	for pod in a b c; do
		succeeds "$1, later: CHECK of $pod" check_pod "$pod"
	done
	nft delete table inet kube
	detach a b c
	$cnida policy clear > clear.out 2>&1
	plugin_policy='{}'
}

# The record of a pod that is being attached tells it too, and one that came after the pods were counted is not missed.
apply_beside_first_adds()
{
	local round pod
	plugin_policy='{"backend": "nftables"}'
	for pod in a b c; do pod_netns "cnirt-$pod"; done
	for round in 1 2 3 4 5 6; do
		{ known; allow_b; } > objects
		for pod in a b c; do attach "$pod" & done
		sleep "0.00$((2 * round))"
		apply < objects
		wait
		equal "applied beside the first ADDs, round $round" nftables "$($cnida policy status --json | jq -r .backend)"
		verdict "applied beside the first ADDs, round $round" b a 80 allow
		verdict "applied beside the first ADDs, round $round" c a 80 deny
		for pod in a b c; do verb DEL "$pod" || not_ok "DEL of $pod" success "$(cat "$pod.DEL")"; done
		$cnida policy clear > clear.out 2>&1
	done
	for pod in a b c; do ip netns delete "cnirt-$pod"; done
	plugin_policy='{}'
}

wrong_usage()
{
	local word
	for word in '{"backend": "magic"}' '{"unknown": "perhaps"}' '{"fail": "never"}' '{"flows": 1}' '{"endpoints": "many"}' '{"fastpath": 1}' '[]'; do
		plugin_policy=$word verb ADD nobody
		equal "policy $word: code" 7 "$(jq .code nobody.ADD)"
	done
	for word in "policy nonsense" "policy apply" "policy apply --flows 1 x" "policy explain x" "policy explain a b 80" "policy status x"; do
		# shellcheck disable=SC2086
		$cnida $word > out 2> err < /dev/null
		equal "$word: exit code" 2 $?
	done
	for word in apply show explain status clear; do
		$cnida policy $word --help > out
		succeeds "policy $word --help" grep -q "^usage: cnida policy $word" out
	done
}

for mode in bridge ptp; do
	from_nothing
	first_packet
	switches
	after_reboot
	older_programs
	full_map
	stale
	the_end
	rules_of_later_pods ebpf
	# At a bridge nftables needs br_netfilter.
	if [ "$mode" = ptp ] || [ -e /proc/sys/net/bridge ]; then
		backend_of_the_pods
		rules_of_later_pods nftables
		apply_beside_first_adds
	fi
	ip link delete cni0 2> /dev/null
done
mode=bridge
wrong_usage
finish
