#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# faults.sh - every system call of an ADD fails in turn: what is left must be what was there before
#
# strace makes the N-th call of a kind fail (strace(1), --inject), for each kind that ADD uses and each N that it
# reaches, with an errno that this call can have. Either ADD reports an error, as one JSON document with
# exit code 1, and the node is as before; or it succeeds in spite of the fault, and a DEL brings that about. A second round
# does the same with DEL: whatever it answers, a DEL without faults then leaves nothing.
. "$(dirname "$0")/lib.sh"
enter_node "strace" "$@"
[ "$(implementation)" = cnida ] || skip_all "upstream's plugins are Go programs: strace cannot hit one call of theirs"

# kind:errno, as one would meet them on a full disk, without memory, without descriptors, under load
faults="openat:EMFILE read:EIO write:ENOSPC socket:ENOBUFS setsockopt:ENOMEM sendto:ENOBUFS recvmsg:ENOMEM setns:EPERM
flock:EINTR linkat:ENOSPC renameat:EIO mmap:ENOMEM ftruncate:EIO pwrite64:ENOSPC fsetxattr:ENOSPC
newfstatat:EIO ioctl:EIO mkdirat:ENOSPC mkdir:ENOSPC unlink:EIO unlinkat:EIO getrandom:EAGAIN close:EIO"
max_calls=60

conf=$work/node/conf.json
pod=/run/netns/faults
ip netns add faults

write_conf()
{
	jq -n --argjson v6 "$1" --argjson more "${2:-{\}}" '{cniVersion: "1.0.0", name: "faults", type: "cnida", bridge: "cnf0", isDefaultGateway: true,
		ipMasq: true, hairpinMode: true, macspoofchk: true, mac: "", ipam: {type: "host-local",
		ranges: ([[{subnet: "10.77.0.0/24"}]] + if $v6 then [[{subnet: "fd77::/64"}]] else [] end)}} + $more' > "$conf"
}

# verb COMMAND [STRACE...] - run the plugin for the pod
verb()
{
	local command=$1
	shift
	CNI_COMMAND=$command CNI_CONTAINERID=cnirt-faults CNI_NETNS=$pod CNI_IFNAME=eth0 CNI_PATH=/opt/cni/bin \
		timeout 20 "$@" /opt/cni/bin/cnida < "$conf"
}

# state - everything that an ADD makes or changes. Locks, the hints of the store and the records' own folder may stay.
state()
{
	ip -o link | sed -E 's/^[0-9]+: //; s/@[^:]*//' | grep -v '^lo:' | awk '{print $1}' | sort
	ip -o addr | awk '{print $2, $4}' | grep -v '^lo ' | grep -v fe80 | sort
	{ ip route; ip -6 route; } | grep -v fe80 | sed 's/ linkdown//' | sort
	nft list ruleset
	cat /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv6/conf/all/forwarding
	pod_state
}

# pod_state - of that what belongs to the pod alone
pod_state()
{
	ip -n faults -o link | sed -E 's/^[0-9]+: //; s/@[^:]*//' | awk '{print $1}' | grep -v '^lo:'
	ip -o link show group 1668180324 | awk '{print "waiting for the reaper", $2}'
	nft list ruleset | grep cnirt-faults
	find /run/cnida /var/lib/cni -type f ! -name '*.lock' ! -name lock ! -path '/run/cnida/tables/*' ! -name 'last_reserved_ip.*' ! -path '/run/cnida/ipam/*' \
		2> /dev/null | sort | grep -v -F "$other_files"
}

# answer RC FILE - is it a good answer: success with a result, or one error document
answer()
{
	if [ "$1" -eq 0 ]; then
		jq -e .cniVersion "$2" > /dev/null 2>&1
	else
		[ "$1" -eq 1 ] && jq -es 'length == 1 and .[0].code > 0 and (.[0].msg | length) > 0' "$2" > /dev/null 2>&1
	fi
}

other_files=none

# fresh - a node that never saw cnida
fresh()
{
	ip link del cnf0 2> /dev/null
	nft flush ruleset
	echo 0 > /proc/sys/net/ipv4/ip_forward
	echo 0 > /proc/sys/net/ipv6/conf/all/forwarding
	rm -rf /run/cnida /var/lib/cni/networks
}

# used - a node on which another pod lives
used()
{
	fresh
	ip netns add other 2> /dev/null
	CNI_COMMAND=ADD CNI_CONTAINERID=cnirt-other CNI_NETNS=/run/netns/other CNI_IFNAME=eth0 CNI_PATH=/opt/cni/bin \
		/opt/cni/bin/cnida < <(jq 'del(.portMappings)' "$conf") > "$work/node/other" || cat "$work/node/other"
	other_files=$(pod_state)
}

# used_before - and one on which the pod itself was: the tables are there that it needs
used_before()
{
	used
	if ! verb ADD > "$work/node/out" || ! verb DEL > "$work/node/out"; then
		cat "$work/node/out"
	fi
}

# undo_success FRESH - an ADD succeeded in spite of its fault: after DEL nothing of the pod is left
undo_success()
{
	local left
	verb DEL
	[ "$1" = fresh ] || return 0
	left=$(pod_state)
	fresh
	[ -z "$left" ] || echo "left: $left"
}

# each_add NAME fresh|used - fail every call of ADD in turn; the node must be as before
each_add()
{
	local name=$1 fault kind n before after rc left tried=0 bad=0 out=$work/node/out log=$work/node/log
	before=$(state)
	for fault in $faults; do
		kind=${fault%%:*}
		for ((n = 1; n <= max_calls; n++)); do
			verb ADD strace -o "$log" -e "trace=$kind" -e "inject=$kind:error=${fault##*:}:when=$n" > "$out" 2> "$out.err"
			rc=$?
			left=
			[ "$rc" -ne 0 ] || left=$(undo_success "$2")
			grep -q INJECTED "$log" || break
			tried=$((tried + 1))
			if ! answer "$rc" "$out"; then
				bad=$((bad + 1))
				not_ok "$name: ADD with $kind $n failing" "a result or one error document" "rc $rc: $(cat "$out" "$out.err")"
			fi
			after=$(state)
			if [ "$before" != "$after" ] || [ -n "$left" ]; then
				bad=$((bad + 1))
				not_ok "$name: ADD with $kind $n failing (rc $rc)" "the node as before" "$left $(diff <(echo "$before") <(echo "$after")) $(cat "$out" "$out.err")"
				verb DEL > /dev/null
				"$2"
				before=$(state)
			fi
		done
	done
	[ "$tried" -gt 60 ] || not_ok "$name" "more than 60 calls to fail" "$tried"
	[ "$bad" -ne 0 ] || ok "$name: $tried calls of ADD failed, nothing was left"
}

# each_del NAME - fail every call of DEL in turn; the next DEL must finish the work
each_del()
{
	local name=$1 fault kind n before after rc tried=0 bad=0 out=$work/node/out log=$work/node/log
	verb ADD > "$out" && verb DEL > "$out"
	before=$(state)
	for fault in $faults; do
		kind=${fault%%:*}
		for ((n = 1; n <= max_calls; n++)); do
			verb ADD > "$out" || not_ok "$name: ADD" "success" "$(cat "$out")"
			verb DEL strace -o "$log" -e "trace=$kind" -e "inject=$kind:error=${fault##*:}:when=$n" > "$out" 2> "$out.err"
			rc=$?
			if [ "$rc" -ne 0 ] && ! answer "$rc" "$out"; then
				bad=$((bad + 1))
				not_ok "$name: DEL with $kind $n failing" "success or one error document" "rc $rc: $(cat "$out" "$out.err")"
			fi
			[ "$rc" -eq 0 ] || verb DEL > "$out.del" || not_ok "$name: DEL after $kind $n failed" "success" "$(cat "$out.del")"
			after=$(state)
			if [ "$before" != "$after" ]; then
				bad=$((bad + 1))
				not_ok "$name: DEL with $kind $n failing (rc $rc)" "nothing left" "$(diff <(echo "$before") <(echo "$after")) $(cat "$out" "$out.err")"
				before=$(state)
			fi
			grep -q INJECTED "$log" || break
			tried=$((tried + 1))
		done
	done
	[ "$tried" -gt 40 ] || not_ok "$name" "more than 40 calls to fail" "$tried"
	[ "$bad" -ne 0 ] || ok "$name: $tried calls of DEL failed, the next DEL left nothing"
}

write_conf true
fresh
each_add "fresh node, dual-stack" fresh
write_conf false
used
each_add "node with another pod, IPv4" used
each_del "node with another pod, IPv4"
write_conf false '{"portMappings": [{"hostPort": 8080, "containerPort": 80}], "ingressPolicy": "same-bridge",
	"ingressRate": 80000000, "ingressBurst": 800000, "egressRate": 80000000, "egressBurst": 800000}'
used_before
each_add "all capabilities" used_before
each_del "all capabilities"
finish
