#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# firewalld.sh - where firewalld runs, pods' addresses are sources of one of its zones
#
# On a real bus: the node's own dbus-daemon. firewalld itself if it is installed, otherwise test/lib/firewalld.py under its
# name.
# shellcheck disable=SC2317 # functions are handed to succeeds and fails
set -u
. "$(dirname "$0")/lib.sh"

enter_node "dbus-daemon jq" "$@"
[ -e /opt/cni/bin/cnida ] || skip_all "no cnida in $CNI_BIN_DIR"

firewalld=fake
[ ! -x /usr/sbin/firewalld ] || firewalld=real
[ $firewalld = real ] || /usr/bin/python3 -c 'import dbus, gi' 2> /dev/null ||
	skip_all "neither firewalld nor python3-dbus and python3-gi are installed"

p=$id_prefix
bridge=$(jq -cn --arg a "$net4" --arg b "$net6" '{bridge: "cni9", isGateway: true, ipam: {type: "host-local",
	ranges: [[{subnet: "\($a).9.0/24"}], [{subnet: "\($b):0:0:9::/64"}]]}}')

# plugin VERB POD TYPE KEYS [FILE]
plugin()
{
	local netns=/run/netns/$2
	[ -e "$netns" ] || netns=
	jq -cn --arg type "$3" --argjson keys "$(jq -cs add <<< "$4")" --slurpfile prev "${5:-/dev/null}" \
		'{cniVersion: "1.0.0", name: "zones", type: $type} + $keys + if $prev[0] then {prevResult: $prev[0]} else {} end' |
		env CNI_COMMAND="$1" CNI_CONTAINERID="$2" CNI_NETNS="$netns" CNI_IFNAME=eth0 CNI_PATH=/opt/cni/bin "/opt/cni/bin/$3"
}

# add POD KEYS - in one exec
add()
{
	pod_netns "$1"
	plugin ADD "$1" cnida "$bridge $2" > "$1.json" && return
	cat "$1.json"
	ip netns del "$1"
	return 1
}

del()
{
	plugin DEL "$1" cnida "$bridge" "$1.json"
	ip netns del "$1"
}

check() { plugin CHECK "$1" cnida "$bridge $2" "$1.json"; }
answer() { jq -r '.msg // "no message"' 2> /dev/null || echo "no document"; }

start_bus()
{
	mkdir -p /run/dbus
	cat > bus.conf <<- CONF
		<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
		 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
		<busconfig><type>system</type><listen>unix:path=/run/dbus/system_bus_socket</listen><auth>EXTERNAL</auth>
		<policy context="default"><allow user="*"/><allow own="*"/><allow send_type="method_call"/>
		<allow send_type="signal"/><allow send_requested_reply="true" send_type="method_return"/>
		<allow send_requested_reply="true" send_type="error"/><allow receive_type="method_call"/>
		<allow receive_type="method_return"/><allow receive_type="error"/><allow receive_type="signal"/></policy>
		</busconfig>
	CONF
	dbus-daemon --config-file=bus.conf --nofork --nopidfile 2> bus.log &
	bus=$!
	wait_for 5 test -S /run/dbus/system_bus_socket
}

owned()
{
	dbus-send --system --print-reply --dest=org.freedesktop.DBus / org.freedesktop.DBus.NameHasOwner \
		string:org.fedoraproject.FirewallD1 | grep -q 'boolean true'
}

start_service()
{
	if [ $firewalld = real ]; then
		/usr/sbin/firewalld --nofork --nopid > service.log 2>&1 &
	else
		"$top/test/lib/firewalld.py" "$PWD/sources" > service.log 2>&1 &
	fi
	service=$!
	wait_for 20 owned
	[ $firewalld = fake ] || wait_for 20 firewall-cmd --state
}

stop_service()
{
	kill "$service"
	wait "$service" 2> /dev/null
}

reload()
{
	if [ $firewalld = real ]; then
		firewall-cmd -q --reload
	else
		kill -HUP "$service"
		wait_for 5 test ! -s sources
	fi
}

# sources ZONE - of a zone, sorted
sources()
{
	if [ $firewalld = real ]; then
		firewall-cmd --zone="$1" --list-sources | tr ' ' '\n' | grep . | sort | xargs
	else
		sed -n "s/^$1 //p" sources | sort | xargs
	fi
}

addresses() { jq -r '.ips[].address | sub("/.*"; "") | if contains(":") then . + "/128" else . + "/32" end' "${@/%/.json}" | sort | xargs; }

# Neither a bus nor an owner of the name: `auto` goes on, "firewalld" does not.
test_without()
{
	local what=$1
	succeeds "$what: ADD" add "${p}a" '{"ingressPolicy": "open"}'
	equal "$what: no zone" "" "$(jq -r '.zone // ""' /run/cnida/firewall/*)"
	succeeds "$what: CHECK" check "${p}a" '{"ingressPolicy": "open"}'
	equal "$what: backend firewalld" 'backend: "firewalld", but firewalld does not run' \
		"$(add "${p}b" '{"backend": "firewalld"}' | answer)"
	equal "$what: nothing is left of that" "${p}a" "$(jq -r .containerID /run/cnida/{endpoints,firewall}/* | sort -u)"
	del "${p}a"
}

# A bus that takes the connection and says nothing: not more than its two seconds.
test_silent_bus()
{
	local start=$SECONDS
	mkdir -p /run/dbus
	/usr/bin/python3 -c 'import socket,time; s = socket.socket(socket.AF_UNIX); s.bind("/run/dbus/system_bus_socket"); s.listen(8); time.sleep(60)' &
	bus=$!
	wait_for 5 test -S /run/dbus/system_bus_socket
	succeeds "silent bus: ADD" add "${p}a" '{"ingressPolicy": "open"}'
	if [ $((SECONDS - start)) -le 4 ]; then ok "silent bus: in time"; else not_ok "silent bus: in time" "at most 4 s" $((SECONDS - start)); fi
	del "${p}a"
	kill $bus
	wait $bus 2> /dev/null
	rm /run/dbus/system_bus_socket
}

test_zone()
{
	local keys='{"ingressPolicy": "open"}'
	succeeds "zone: ADD" add "${p}a" "$keys"
	equal "zone: trusted has the addresses" "$(addresses "${p}a")" "$(sources trusted)"
	succeeds "zone: CHECK" check "${p}a" "$keys"
	succeeds "zone: another one, asked for by name" add "${p}b" '{"backend": "firewalld", "firewalldZone": "public"}'
	equal "zone: public has the addresses" "$(addresses "${p}b")" "$(sources public)"
	equal "zone: list shows it" "public" "$(/opt/cni/bin/cnida list --json | jq -r --arg c "${p}b" '.[] | select(.containerID == $c) | .firewall.zone')"
	add "${p}c" '{"backend": "firewalld", "firewalldZone": "nowhere"}' | answer > out
	if grep -q "addSource in zone nowhere.*INVALID_ZONE" out; then ok "zone: one that is not"; else not_ok "zone: one that is not" INVALID_ZONE "$(< out)"; fi
	equal "zone: nothing is left of that" "${p}a ${p}b" "$(jq -r .containerID /run/cnida/{endpoints,firewall}/* | sort -u | xargs)"

	reload
	equal "reload: nothing is there" "" "$(sources trusted)$(sources public)"
	fails "reload: CHECK" check "${p}a" "$keys"
	equal "reload: doctor" "problem" "$(/opt/cni/bin/cnida doctor --json | jq -r '.[] | select(.check == "firewall").level')"
	/opt/cni/bin/cnida gc > out
	equal "reload: gc" "$(addresses "${p}a") $(addresses "${p}b")" "$(sources trusted) $(sources public)"
	succeeds "reload: CHECK after gc" check "${p}a" "$keys"
	reload
	succeeds "reload: the next ADD" add "${p}c" "$keys"
	equal "reload: brings back the others" "$(addresses "${p}a" "${p}c") $(addresses "${p}b")" "$(sources trusted) $(sources public)"

	del "${p}a"
	equal "DEL takes its own" "$(addresses "${p}c") $(addresses "${p}b")" "$(sources trusted) $(sources public)"
	ip netns del "${p}b"
	wait_for 3 test ! -e "/sys/class/net/$(jq -r '.interfaces[1].name' "${p}b.json")"
	/opt/cni/bin/cnida gc > out
	equal "gc takes what the dead had" "" "$(sources public)"
	stop_service
	succeeds "stopped: CHECK" check "${p}c" "$keys"
	succeeds "stopped: DEL" del "${p}c"
}

# As a plugin of its own, and with upstream's in turn.
test_chain()
{
	local who
	for who in bin peer; do
		[ -e /opt/cni/$who/firewall ] || continue
		pod_netns "${p}d"
		plugin ADD "${p}d" bridge "$bridge" > "${p}d.json"
		succeeds "chain: ADD by ours" plugin ADD "${p}d" firewall '{}' "${p}d.json"
		equal "chain: trusted has the addresses" "$(addresses "${p}d")" "$(sources trusted)"
		succeeds "chain: CHECK by ours" plugin CHECK "${p}d" firewall '{}' "${p}d.json"
		succeeds "chain: DEL by /opt/cni/$who" eval "jq -n --slurpfile prev ${p}d.json '{cniVersion: \"1.0.0\", name: \"zones\",
			type: \"firewall\", prevResult: \$prev[0]}' | CNI_COMMAND=DEL CNI_CONTAINERID=${p}d CNI_NETNS=/run/netns/${p}d \
			CNI_IFNAME=eth0 CNI_PATH=/opt/cni/$who /opt/cni/$who/firewall"
		equal "chain: and none after it" "" "$(sources trusted)"
		plugin DEL "${p}d" bridge "$bridge"
		ip netns del "${p}d"
	done
}

test_without "no bus"
test_silent_bus
start_bus || skip_all "no dbus-daemon: $(tail -n 1 bus.log)"
test_without "no firewalld"
start_service || skip_all "no firewalld: $(tail -n 1 service.log)"
test_zone
start_service
test_chain
stop_service
kill $bus
ip link del cni9
equal "no record stays" "" "$(find /run/cnida/endpoints /run/cnida/firewall -type f)"

finish
