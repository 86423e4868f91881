#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0-or-later
# powercut.sh - a node whose power is cut: first process after init in the machines of test/long/powercut.sh
#
# /var/lib is a file system on a disk (addresses of host-local, libcni's result cache, the policy snapshot);
# everything else is in memory, as on a node /run is. Boots of the same disk go through this:
#
#	vm.cut=0	an empty disk: a policy is applied, pods come and go
#	vm.cut=N	first of all, without any word of an operator: is what the last cut left all right? Then pods
#			come and go until the power is cut
#	vm.cut=end	that question once more, and the end
#
# The runtime asks for DEL of the pods of the former boot before new ones come, while they are there, or never.
#
# Lines on the second serial port: "ok NAME", "not ok NAME: ...", "churning", "done".
# shellcheck shell=dash disable=SC2010,SC2012,SC2013 # names here are ours
for word in $(cat /proc/cmdline); do
	case $word in
	vm.cut=*) cut=${word#vm.cut=} ;;
	vm.backend=*) backend=${word#vm.backend=} ;;
	esac
done
plugins=/opt/cni/bin
network=power
store=/var/lib/cni/networks/$network
results=/var/lib/cni/results
# 10.99.0.2 to 10.99.0.30
pool=29

mkdir -p /var/lib /etc/cni/net.d
ln -sf /proc/self/mounts /etc/mtab
for module in virtio_pci virtio_blk ext4 veth bridge br_netfilter nf_tables; do
	modprobe $module 2> /dev/null
done
# As on a node on which kube-proxy runs. (Busybox's modprobe takes a module that is being loaded for one that is there, so the
# first of several pods at a time could find an expression missing.)
sed -n 's,.*/\(nft_[a-z0-9_]*\)\.ko.*:.*,\1,p' /lib/modules/*/modules.dep | while read -r module; do
	modprobe "$module" 2> /dev/null
done
exec > /dev/ttyS1 2>&1
stty -F /dev/ttyS1 raw -echo
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/netns /run/held /run/lock
mount -t bpf bpf /sys/fs/bpf
mount -t ext4 /dev/vda /var/lib || { echo "not ok mount: the file system of the disk is beyond repair by its journal"; reboot -f; }
# Something is always being written.
mount -o remount,commit=1 /var/lib
echo 20 > /proc/sys/vm/dirty_writeback_centisecs
echo 30 > /proc/sys/vm/dirty_expire_centisecs
mkdir -p $results
ip link set lo up

ok() { echo "ok $cut: $1"; }
not_ok() { echo "not ok $cut: $1: expected $2, found $3" | tr '\n' ' '; echo; }
equal() { if [ "$2" = "$3" ]; then ok "$1"; else not_ok "$1" "'$2'" "'$3'"; fi; }

conf() { echo "{\"cniVersion\":\"1.0.0\",\"name\":\"$network\",\"type\":\"cnida\",\"bridge\":\"cni0\",\"isDefaultGateway\":true,
	\"ipMasq\":true,\"policy\":{\"backend\":\"$backend\"},\"ipam\":{\"type\":\"host-local\",\"ranges\":[[{\"subnet\":\"10.99.0.0/27\"}]]}}"; }

# verb VERB POD - result in /run/POD.VERB
verb()
{
	conf | CNI_COMMAND=$1 CNI_CONTAINERID=id-$2 CNI_NETNS=/run/netns/$2 CNI_IFNAME=eth0 CNI_PATH=$plugins \
		CNI_ARGS="IgnoreUnknown=1;K8S_POD_NAMESPACE=x;K8S_POD_NAME=$2" $plugins/cnida > "/run/$2.$1" 2> "/run/$2.err"
}

# add POD - as containerd does: a namespace, ADD, and libcni writes its cache, neither synced nor atomic
add()
{
	: > "/run/netns/$1"
	unshare --net="/run/netns/$1" true
	verb ADD "$1" || return 1
	address=$(sed -n 's/.*"address": *"\(10[0-9.]*\)\/.*/\1/p' "/run/$1.ADD" | head -n 1)
	echo "{\"kind\":\"cniCacheV1\",\"containerId\":\"id-$1\",\"config\":\"\",\"ifName\":\"eth0\",\"networkName\":\"$network\",\"netns\":\"/run/netns/$1\",\"result\":$(cat "/run/$1.ADD")}" \
		> "$results/$network-id-$1-eth0"
}

del()
{
	verb DEL "$1" || return 1
	rm -f "$results/$network-id-$1-eth0"
	umount "/run/netns/$1" && rm -f "/run/netns/$1"
	rm -f /run/"$1".*
}

# objects REVISION - server hears friend only; what changes from one revision to the next does not matter to that
objects()
{
	for pod in server friend stranger; do
		echo "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"namespace\":\"x\",\"name\":\"$pod\",\"labels\":{\"app\":\"$pod\",\"revision\":\"$1\"}},\"spec\":{\"containers\":[{\"name\":\"c\"}]},\"status\":{\"phase\":\"Running\"}}"
	done
	echo "{\"apiVersion\":\"networking.k8s.io/v1\",\"kind\":\"NetworkPolicy\",\"metadata\":{\"namespace\":\"x\",\"name\":\"p\"},\"spec\":{\"podSelector\":{\"matchLabels\":{\"app\":\"server\"}},\"ingress\":[{\"from\":[{\"podSelector\":{\"matchLabels\":{\"app\":\"friend\"}}}]}]}}"
}

# asks POD ADDRESS - does one packet of it come back?
asks() { if nsenter --net="/run/netns/$1" ping -c 1 -W 1 "$2" > /dev/null 2>&1; then echo allow; else echo deny; fi; }

# --- what the last cut left ---

look_at_policy()
{
	$plugins/cnida policy status > /run/status 2>&1 || true
	add server || { not_ok "ADD of a pod with a policy" success "$(cat /run/server.ADD)"; return; }
	server=$address
	add stranger || not_ok "ADD of another pod" success "$(cat /run/stranger.ADD)"
	equal "the first packet after the boot is judged" deny "$(asks stranger "$server")"
	add friend || not_ok "ADD of a third pod" success "$(cat /run/friend.ADD)"
	equal "what the policy allows passes" allow "$(asks friend "$server")"
	equal "the other direction passes" allow "$(asks server "$address")"
}

# Every address of the pool is handed out, each once.
look_at_addresses()
{
	i=0
	seen=" $(sed -n 's/.*"address": *"\(10[0-9.]*\)\/.*/\1/p' /run/server.ADD /run/stranger.ADD /run/friend.ADD | tr '\n' ' ')"
	n=3
	twice=
	while [ $n -lt $pool ]; do
		i=$((i + 1))
		add "f$i" || break
		case $seen in *" $address "*) twice="$twice $address" ;; esac
		seen="$seen$address "
		n=$((n + 1))
	done
	if [ $n -eq $pool ]; then
		ok "no address is lost"
	else
		not_ok "no address is lost" "$pool addresses" "$n, then $(cat "/run/f$i.ADD") with $(ls $store | tr '\n' ' ')"
		i=$((i - 1))
	fi
	equal "no address twice" "" "$twice"
	case $((${cut%end} + 0)) in
	*[147]) delete_former meanwhile ;;
	*) delete_former forget ;;
	esac
	equal "new pods keep their addresses" $n "$(ls $store | grep -c '^10\.')"
	if add one-too-many; then not_ok "the pool's size" $pool "one more: $address"; else ok "the pool's size"; fi
	umount /run/netns/one-too-many && rm -f /run/netns/one-too-many
	while [ $i -gt 0 ]; do
		{ del "f$i" || not_ok "DEL of f$i" success "$(cat "/run/f$i.DEL")"; } &
		i=$((i - 1))
	done
	wait
	for pod in server stranger friend; do
		del $pod || not_ok "DEL of $pod" success "$(cat "/run/$pod.DEL")"
	done
}

# What a runtime still has in its own records.
delete_former()
{
	for file in "$results/$network"-id-*; do
		[ -e "$file" ] || continue
		pod=${file##*/"$network"-id-}
		pod=${pod%-eth0}
		[ ! -e "/run/netns/$pod" ] || continue
		[ "$1" = forget ] || verb DEL "$pod" || not_ok "DEL of a pod of the former boot" success "$(cat "/run/$pod.DEL")"
		rm -f "$file" /run/"$pod".*
	done
}

look_for_leftovers()
{
	$plugins/cnida gc > /run/gc 2>&1 || not_ok "gc" success "$(cat /run/gc)"
	equal "stale addresses" "" "$(ls $store | grep -v -E '^(lock|last_reserved_ip\.[0-9]+)$' | tr '\n' ' ')"
	equal "stale attachments" "" "$(ls /run/cnida/endpoints 2> /dev/null | tr '\n' ' ')"
	objects "after$cut" | $plugins/cnida policy apply - > /run/apply 2>&1 || not_ok "policy apply" success "$(cat /run/apply)"
	equal "stale files beside the snapshot" "snapshot" "$(ls -A /var/lib/cnida/policy | grep -v lock | tr '\n' ' ' | sed 's/ $//')"
	equal "links" "cni0 lo" "$(ls /sys/class/net | grep -v bonding_masters | sort | tr '\n' ' ' | sed 's/ $//')"
}

look()
{
	before=$(ls $store 2> /dev/null | grep -c '^10\.')
	empty=$(find $store -name '10.*' -size 0 | wc -l)
	echo "found $cut: $before addresses of the former boot, $empty of them empty, $(ls "$results" | wc -l) cached results"
	case $((${cut%end} + 0)) in
	*[0369]) delete_former before ;;
	esac
	look_at_policy
	look_at_addresses
	look_for_leftovers
	if dmesg | grep -q 'EXT4-fs error'; then not_ok "the file system" "no error" "$(dmesg | grep 'EXT4-fs error' | head -n 2)"; fi
}

# --- pods come and go ---

# Each worker has at most four pods; whoever is older goes.
worker()
{
	k=0
	while :; do
		k=$((k + 1))
		pod=c$1n$k
		if add "$pod"; then
			mkdir "/run/held/$address" 2> /dev/null || not_ok "no address for two living pods" "one pod" "$address again for $pod"
			echo "$address" > "/run/$pod.held"
		else
			not_ok "ADD while pods come and go" success "$(cat "/run/$pod.ADD" "/run/$pod.err")"
		fi
		old=c$1n$((k - 4))
		if [ $k -gt 4 ] && [ -e "/run/$old.held" ]; then
			rmdir "/run/held/$(cat "/run/$old.held")"
			del "$old" || not_ok "DEL while pods come and go" success "$(cat "/run/$old.DEL")"
		fi
	done
}

# stuck - if pods do not come and go after two minutes: who waits where
stuck()
{
	sleep 120
	[ ! -e /run/said ] || return 0
	echo "stuck $cut: $(ls /run/*.held 2> /dev/null | wc -l) pods"
	for process in /proc/[0-9]*; do
		words=$(tr '\0' ' ' < "$process/cmdline" 2> /dev/null)
		[ -n "$words" ] || continue
		echo "stuck $cut: ${process#/proc/} $(cut -d ' ' -f 3,4 "$process/stat") $words: $(tr '\n' ' ' < "$process/stack" | sed 's/\[<0>\] //g' | cut -c 1-300)"
	done
	cat /proc/locks
}

churn()
{
	stuck &
	for c in 1 2 3 4; do
		worker $c &
	done
	n=0
	said=
	while :; do
		n=$((n + 1))
		# Not before every worker has had pods.
		[ -n "$said" ] || [ "$(ls /run/*.held 2> /dev/null | wc -l)" -lt 8 ] || { said=1; : > /run/said; echo churning; }
		objects "$cut-$n" | $plugins/cnida policy apply - > /run/apply 2>&1 || not_ok "policy apply" success "$(cat /run/apply)"
		usleep $((n * 37 % 9 * 100000 + 100000))
	done
}

if [ "$cut" = 0 ]; then
	objects 0 | $plugins/cnida policy apply - || not_ok "policy apply" success "an error"
else
	look
fi
if [ "$cut" = end ]; then
	echo "done"
	umount /var/lib
	reboot -f
fi
churn
