#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# cli.sh - what a person types: list, gc, doctor, install, uninstall; exit codes, help, full disks
#
# The commands run on a node with pods that the plugin itself attached. What must change nothing is checked by
# the node's whole state before and after.
# shellcheck disable=SC2317 # functions are handed to succeeds and fails
set -u
. "$(dirname "$0")/lib.sh"
enter_node "cmp setpriv" "$@"
[ "$(implementation)" = cnida ] || skip_all "upstream's plugins have no commands"

cnida=/opt/cni/bin/cnida
net=$(jq -cn --arg a "$net4" --arg b "$net6" '{cniVersion: "1.0.0", name: "cli", type: "cnida", bridge: "cni0", isGateway: true,
	ipMasq: true, macspoofchk: true, ipam: {type: "host-local", ranges: [[{subnet: "\($a).9.0/24"}], [{subnet: "\($b):0:0:9::/64"}]]}}')

# verb VERB POD [CNI_ARGS]
verb()
{
	CNI_COMMAND=$1 CNI_CONTAINERID=$2 CNI_NETNS=/run/netns/$2 CNI_IFNAME=eth0 CNI_ARGS=${3:-} CNI_PATH=/opt/cni/bin \
		$cnida <<< "$net" > "$2.$1" 2>&1
}

# attach POD [NAMESPACE NAME]
attach()
{
	pod_netns "$1"
	verb ADD "$1" "IgnoreUnknown=1;K8S_POD_NAMESPACE=${2:-};K8S_POD_NAME=${3:-}" || not_ok "ADD of $1" success "$(cat "$1.ADD")"
}

# detach POD...
detach()
{
	local pod
	for pod; do
		verb DEL "$pod" || not_ok "DEL of $pod" success "$(cat "$pod.DEL")"
		[ ! -e "/run/netns/$pod" ] || ip netns delete "$pod"
	done
}

link_of() { jq -r 'first(.interfaces[] | select(.name | test("^cni[0-9a-f]{11}$"))).name' "$1.ADD"; }
link_gone() { ! ip link show "$1" 2> /dev/null; }

# check_pod POD - CHECK with ADD's result
check_pod() { net=$(jq -c --slurpfile r "$1.ADD" '. + {prevResult: $r[0]}' <<< "$net") verb CHECK "$1"; }

# state - what a command that only looks must leave as it is
state()
{
	ip -o link | sed -E 's/^[0-9]+: //; s/@[^:]*//; s/<[^>]*>//; s/ state [A-Z]+//'
	ip -o addr | grep -v ' fe80' | sed 's/valid_lft.*//'
	nft list ruleset
	find /run/cnida /var/lib/cni /etc/cni -type f ! -path '*/ipam/*' ! -name '*lock' -exec sha256sum {} + 2> /dev/null | sort
	cat /proc/sys/net/ipv4/ip_forward
}

# rc COMMAND... - its exit code; its output in out and err
rc()
{
	"$@" > out 2> err < /dev/null
	echo $?
}

# --- the command line ---

usage()
{
	local command word
	for word in help --help -h; do
		equal "cnida $word: exit code" 0 "$(rc $cnida $word)"
		succeeds "cnida $word names every command" grep -qz 'list.*doctor.*gc.*install.*uninstall' out
	done
	equal "policy --help: exit code" 0 "$(rc $cnida policy --help)"
	for command in list doctor gc install uninstall; do
		equal "$command --help: exit code" 0 "$(rc $cnida $command --help)"
		succeeds "$command --help: usage" grep -q "^usage: cnida $command" out
		equal "$command --help: stderr" "" "$(cat err)"
		for word in --nonsense -n word --help=1 --; do
			equal "$command $word: exit code" 2 "$(rc $cnida $command $word)"
			equal "$command $word: stdout" "" "$(cat out)"
			succeeds "$command $word: names it and the help" grep -q -- "cnida $command: .*\"$word\".*--help" err
		done
	done
	equal "gc with a slip: exit code" 2 "$(rc $cnida gc xxdry-run)"
	equal "a value that is missing: exit code" 2 "$(rc $cnida doctor --bin-dir)"
	equal "a value that is too much: exit code" 2 "$(rc $cnida gc --dry-run=yes)"
	for command in list gc policy version; do
		equal "help $command: exit code" 0 "$(rc $cnida help $command)"
		succeeds "help $command: usage" grep -q "^usage: cnida $command" out
	done
	equal "help of an unknown command: exit code" 2 "$(rc $cnida help lst)"
	equal "version: exit code" 0 "$(rc $cnida version)"
	succeeds "version" grep -qx 'cnida [0-9]*\.[0-9]*\.[0-9]*' out
	equal "unknown command: exit code" 2 "$(rc $cnida lst)"
	succeeds "unknown command: names it" grep -q '"lst"' err
	equal "an option before the command: exit code" 2 "$(rc $cnida --json list)"
	for command in list doctor gc uninstall; do
		equal "$command without root: exit code" 1 "$(rc setpriv --reuid 65534 --clear-groups $cnida $command)"
		succeeds "$command without root: says so" grep -q root err
	done
}

# full LABEL COMMAND... - a disk without space is an error
full()
{
	local label=$1 code
	shift
	"$@" > /dev/full 2> err
	code=$?
	equal "$label to a full disk: exit code" 1 "$code"
	succeeds "$label to a full disk: says so" grep -q 'cannot write: No space left on device' err
}

full_disk()
{
	local command
	full "help" $cnida help
	full "list" $cnida list
	full "list --json" $cnida list --json
	full "gc --dry-run" $cnida gc --dry-run
	full "gc --json" $cnida gc --json
	full "doctor" $cnida doctor --conf-dir "$PWD/good"
	full "doctor --json" $cnida doctor --json --conf-dir "$PWD/good"
	for command in list doctor gc install uninstall; do full "$command --help" $cnida $command --help; done
}

# --- list ---

listing()
{
	local link
	equal "list of nothing" "nothing is attached" "$($cnida list)"
	equal "list --json of nothing" "[]" "$($cnida list --json | jq -c .)"
	attach cnirt1 default web-0
	attach cnirt2 kube-system $'evil\e[31m'
	link=$(link_of cnirt1)
	equal "list: exit code" 0 "$(rc $cnida list)"
	equal "list: lines" 3 "$(wc -l < out)"
	equal "list: headings" "POD NAMESPACE CONTAINER ADDRESSES INTERFACE HOST LINK NETWORK AGE STATE" "$(head -n 1 out | xargs)"
	succeeds "list: a row" grep -Eq "^web-0 +default +cnirt1 +$net4.9.2,$net6:0:0:9::2 +eth0 +$link +cli +[0-9]+s +ready$" out
	fails "list: nothing that steers a terminal" grep -q $'\e' out
	$cnida list --json > out
	equal "list --json: keys" "addresses bandwidth bridge containerID created firewall hostInterface interface ipam mac masquerade namespace netns network pod ports state type uid" \
		"$(jq -r '[.[] | keys[]] | unique | join(" ")' out)"
	equal "list --json: a row" "[\"web-0\",\"cnirt1\",[\"$net4.9.2/24\",\"$net6:0:0:9::2/64\"],\"$link\",\"cni0\",true,\"ready\"]" \
		"$(jq -c '.[] | select(.pod == "web-0") | [.pod, .containerID, .addresses, .hostInterface, .bridge, .masquerade, .state]' out)"
	full_disk

	attach cnirt3
	attach cnirt4
	ip link del "$(link_of cnirt2)"
	ip netns delete cnirt3
	echo '{' > "/run/cnida/endpoints/$(link_of cnirt4)"
	equal "list: states" "dead,no link,ready,unreadable" "$($cnida list --json | jq -r '[.[].state] | sort | join(",")')"
	equal "list: states in the table" 4 "$($cnida list | grep -Ec ' (dead|no link|ready|unreadable)$')"
	detach cnirt2 cnirt3 cnirt4
}

# --- gc ---

collecting()
{
	local before link addresses
	equal "gc of a clean node: exit code" 0 "$(rc $cnida gc)"
	equal "gc of a clean node" "0 removed" "$(cat out)"
	attach cnirt5
	link=$(link_of cnirt5)
	addresses=$(jq -r '.ips[].address | split("/")[0]' cnirt5.ADD)
	ip netns delete cnirt5
	wait_for 5 link_gone "$link"
	before=$(state)
	equal "gc --dry-run: exit code" 0 "$(rc $cnida gc --dry-run)"
	equal "gc --dry-run: last line" "1 would be removed" "$(tail -n 1 out)"
	succeeds "gc --dry-run: names the attachment and why" grep -q "^attachment $link cli cnirt5 eth0: its network namespace is gone$" out
	equal "gc --dry-run --json: exit code" 0 "$(rc $cnida gc --dry-run --json)"
	equal "gc --dry-run --json" "true attachment $link cli cnirt5 eth0, its network namespace is gone" \
		"$(jq -r '"\(.dryRun) " + ([.found[] | "\(.what), \(.why)"] | join("; "))' out)"
	equal "gc --dry-run changes nothing" "$before" "$(state)"
	equal "gc: exit code" 0 "$(rc $cnida gc)"
	equal "gc: last line" "1 removed" "$(tail -n 1 out)"
	equal "gc: the record" "" "$(ls "/run/cnida/endpoints/$link" 2> /dev/null)"
	for address in $addresses; do
		equal "gc: $address is free" "" "$(ls "/var/lib/cni/networks/cli/$address" 2> /dev/null)"
		fails "gc: no rule of $address" grep -q "[^0-9a-f:.]$address " <(nft list ruleset)
	done
	succeeds "gc: the other pod" check_pod cnirt1
	nft flush ruleset
	fails "flushed: CHECK" check_pod cnirt1
	equal "gc after a flush: exit code" 0 "$(rc $cnida gc)"
	succeeds "gc after a flush: CHECK" check_pod cnirt1
}

# --- doctor ---

# finding NAME EXIT LEVEL CHECK DETAIL ADVICE - doctor's answer, where the last three are regular expressions
finding()
{
	local code before
	before=$(state)
	code=$(rc $cnida doctor --json --conf-dir "$conf_dir" --bin-dir "$bin_dir" --data-dir "$data_dir")
	equal "doctor, $1: exit code" "$2" "$code"
	if jq -e --arg l "$3" --arg c "$4" --arg d "$5" --arg a "$6" \
		'any(.[]; .level == $l and (.check | test($c)) and (.detail | test($d)) and (.advice | test($a)))' out > /dev/null 2>&1; then
		ok "doctor, $1: finding"
	else
		not_ok "doctor, $1: finding" "$3, /$4/, /$5/, /$6/" "$(jq -c '.[] | select(.level != "ok")' out 2>&1) $(cat err)"
	fi
	equal "doctor, $1: changes nothing" "$before" "$(state)"
}

examining()
{
	local conf_dir=$PWD/good bin_dir=/opt/cni/bin data_dir=/var/lib/cni/networks link
	equal "doctor, healthy: exit code" 0 "$(rc $cnida doctor --conf-dir "$conf_dir")"
	succeeds "doctor, healthy: last line" grep -q '^0 problems, [0-9]* warnings\?$' <(tail -n 1 out)
	fails "doctor, healthy: no problem" grep -q '^problem' out
	$cnida doctor --json --conf-dir "$conf_dir" > out
	equal "doctor --json: form" true "$(jq 'length > 5 and all(.[]; (.level | IN("ok", "warning", "problem")) and
		all(.check, .detail, .advice; type == "string") and (.level == "ok" or .advice != ""))' out)"
	finding healthy 0 ok '^attachments$' '1 ready' '^$'

	mkdir -p bad empty few
	conf_dir=$PWD/bad
	echo '{"cniVersion": "1.0.0", "name": "x", "plugins": [' > bad/10-x.conflist
	finding "broken conflist" 1 problem '^10-x.conflist$' 'unexpected end' 'repair or remove'
	echo '{"cniVersion": "1.0.0", "name": "x", "plugins": [{"type": "cnida"}, {"type": "no-such-plugin"}]}' > bad/10-x.conflist
	finding "missing plugin" 1 problem '^10-x.conflist$' '"no-such-plugin".*No such file' 'install that plugin'
	echo '{"cniVersion": "1.0.0", "name": "x", "plugins": []}' > bad/10-x.conflist
	finding "no plugin in the list" 1 problem '^10-x.conflist$' 'plugins' 'at least one'
	echo '{"cniVersion": "1.0.0", "name": "x", "plugins": [{"type": "../x"}]}' > bad/10-x.conflist
	finding "type with a slash" 1 problem '^10-x.conflist$' 'valid type' 'type'
	echo '{"cniVersion": "1.0.0", "plugins": [{"type": "cnida"}]}' > bad/10-x.conflist
	finding "no name" 1 problem '^10-x.conflist$' 'name' 'name'
	echo '{"cniVersion": "7.0.0", "name": "x", "plugins": [{"type": "cnida"}]}' > bad/10-x.conflist
	finding "unknown version" 1 problem '^10-x.conflist$' '7.0.0' '0.1.0 to 1.1.0'
	echo '{"name": "x", "type": "cnida"}' > bad/10-x.conflist
	finding "a single plugin" 0 ok '^10-x.conflist$' 'network "x", version 0.1.0' '^$'
	conf_dir=$PWD/empty
	finding "no conflist" 1 problem 'network configuration' 'no pod can start' 'cnida install --conflist'
	conf_dir=$PWD/nowhere
	finding "no conflist folder" 1 problem 'network configuration' 'No such file' 'cnida install --conflist'
	conf_dir=$PWD/good
	bin_dir=$PWD/few
	finding "no plugin folder's cnida" 1 problem 'plugin folder' 'few/cnida is not there' 'cnida install'
	bin_dir=$PWD/nowhere
	finding "no plugin folder" 1 problem 'plugin folder' 'No such file' 'cnida install'
	cp $cnida few/cnida && echo >> few/cnida
	bin_dir=$PWD/few
	finding "another version is installed" 0 warning 'plugin folder' 'not this program' 'install'
	finding "links are missing" 0 warning 'plugin folder' '[0-9]+ types are not there: .*bridge.*tuning' 'cnida install'
	cp $cnida few/cnida
	$cnida install --bin-dir "$PWD/few" > out
	finding "complete again" 0 ok 'plugin folder' 'few: cnida and [0-9]+ types served by it' '^$'
	cp --remove-destination /opt/cni/peer/bridge few/bridge
	cp --remove-destination $cnida few/ptp
	ln -sfn "$PWD/few/cnida" few/portmap
	finding "a plugin of others" 0 warning 'plugin folder' "few: 1 types are another program's: bridge" 'NAME.upstream'
	finding "a copy of cnida" 0 warning 'plugin folder' 'few: 1 types are copies of cnida.*: ptp$' 'remove them'
	# Through the link into cnida itself, as an update of upstream's plugins does it.
	cp -f /opt/cni/peer/host-local few/host-local
	finding "upstream's copied over a link" 1 problem 'plugin folder' 'few/cnida is another program' 'remove-destination'
	cp $cnida few/cnida && chmod a-x few/cnida
	finding "not executable" 1 problem 'plugin folder' 'few/cnida cannot be run: Permission' 'cnida install'
	bin_dir=/opt/cni/bin
	mkdir -p readonly && mount -t tmpfs -o ro none readonly
	data_dir=$PWD/readonly
	finding "read-only store" 1 problem 'address stores' 'Read-only' 'writable'
	umount readonly
	data_dir=$PWD/nowhere
	finding "no store yet" 0 ok 'address stores' 'not there yet' '^$'
	data_dir=/var/lib/cni/networks

	nft flush ruleset
	finding "flushed ruleset" 1 problem '^nftables$' '1 attachments lost rules: ' 'cnida gc'
	$cnida gc > /dev/null
	finding "after gc" 0 ok '^nftables$' 'every attachment has its rules' '^$'
	echo 0 > /proc/sys/net/ipv4/ip_forward
	finding "forwarding off" 0 warning 'forwarding' 'off' 'ADD'
	echo 1 > /proc/sys/net/ipv4/ip_forward
	attach cnirt6
	link=$(link_of cnirt6)
	ip link del "$link"
	finding "lost link" 1 problem '^attachments$' '1 lost their link' 'restart'
	ip netns delete cnirt6
	finding "stale record" 0 warning '^stale state$' "1 left-overs .*$link" 'cnida gc'
	detach cnirt6
	finding "after DEL" 0 ok '^stale state$' none '^$'
	attach cnirt6
	echo '{' > "/run/cnida/endpoints/$(link_of cnirt6)"
	finding "damaged record" 1 problem '^attachments$' '1 have a damaged record' 'restart'
	detach cnirt6
	: > /var/lib/cni/networks/cli/"$net4".9.200
	finding "stale address" 0 warning '^stale state$' "address $net4.9.200 of nobody" 'cnida gc'
	$cnida gc > /dev/null
	finding "healthy again" 0 ok '^stale state$' none '^$'
}

# --- install ---

# files DIR - everything that must not change when nothing is installed
files() { find "$1" -printf '%p %i %l %m %s %T@ %C@\n' | sort; }

# upstream DIR - a folder as containernetworking's plugins leave it
upstream()
{
	local name
	mkdir -p "$1"
	for name in bridge dhcp host-local macvlan; do
		printf '#!/bin/sh\necho upstream %s\n' $name > "$1/$name"
		chmod 755 "$1/$name"
	done
	ln -s macvlan "$1/alias"
}

version() { CNI_COMMAND=VERSION "$1" < /dev/null 2>&1; }

installing()
{
	local before name inode types
	upstream bin
	inode=$(stat -c '%i %y' bin/macvlan bin/dhcp bin/alias)
	equal "install: exit code" 0 "$(rc $cnida install --bin-dir "$PWD/bin")"
	equal "install: stderr" "" "$(cat err)"
	mapfile -t types < <(find bin -lname cnida -printf '%f\n')
	for name in bridge ptp loopback host-local static "${types[@]}"; do
		equal "install: $name" cnida "$(readlink "bin/$name")"
		succeeds "install: $name works" grep -q '"1.1.0"' <(version "bin/$name")
	done
	succeeds "install: the program" cmp $cnida bin/cnida
	equal "install: its mode" 755 "$(stat -c %a bin/cnida)"
	equal "install: what others have stays" "$inode" "$(stat -c '%i %y' bin/macvlan bin/dhcp bin/alias)"
	for name in bridge host-local; do
		equal "install: $name of upstream is kept" "upstream $name" "$("bin/$name.upstream")"
	done
	equal "install: nothing else" "$(printf '%s\n' "${types[@]}" alias bridge.upstream cnida dhcp host-local.upstream macvlan | sort | xargs)" \
		"$(find bin -mindepth 1 -printf '%f\n' | sort | xargs)"

	before=$(files bin)
	equal "install again: exit code" 0 "$(rc $cnida install --bin-dir "$PWD/bin")"
	fails "install again: everything is unchanged" grep -v '^  unchanged ' out
	equal "install again: not a file is touched" "$before" "$(files bin)"

	# A package update puts its own back; then an install that was interrupted after keeping it.
	rm bin/bridge && printf '#!/bin/sh\necho newer\n' > bin/bridge && chmod 755 bin/bridge
	$cnida install --bin-dir "$PWD/bin" > out
	equal "install over a newer upstream: it is kept" newer "$(bin/bridge.upstream)"
	rm bin/bridge && ln bin/bridge.upstream bin/bridge
	$cnida install --bin-dir "$PWD/bin" > out
	equal "install after an interrupted one" "cnida newer" "$(readlink bin/bridge) $(bin/bridge.upstream)"
	equal "install after an interrupted one: nothing else" "" "$(find bin -name '.*' -mindepth 1)"
	echo > bin/cnida
	chmod 600 bin/cnida
	$cnida install --bin-dir "$PWD/bin" > out
	succeeds "install over a broken program" cmp $cnida bin/cnida

	equal "install with a conflist: exit code" 0 "$(rc $cnida install --bin-dir "$PWD/bin" --conflist good/10-cli.conflist --conf-dir "$PWD/net.d")"
	succeeds "install with a conflist: it is there" cmp good/10-cli.conflist net.d/10-cli.conflist
	equal "install with a conflist: its mode" 644 "$(stat -c %a net.d/10-cli.conflist)"
	before=$(files net.d)
	$cnida install --bin-dir "$PWD/bin" --conflist good/10-cli.conflist --conf-dir "$PWD/net.d" > out
	equal "the same conflist again" "$before" "$(files net.d)"
	echo '{' > broken.conflist
	equal "install with a broken conflist: exit code" 1 "$(rc $cnida install --bin-dir "$PWD/bin" --conflist broken.conflist --conf-dir "$PWD/net.d")"
	succeeds "install with a broken conflist: names it" grep -q broken.conflist err
	equal "install with a broken conflist: it is not there" "$before" "$(files net.d)"
	equal "install without a conflist that is named: exit code" 1 "$(rc $cnida install --bin-dir "$PWD/bin" --conflist nowhere --conf-dir "$PWD/net.d")"
	equal "install into a file: exit code" 1 "$(rc $cnida install --bin-dir "$PWD/broken.conflist")"
}

# A runtime execs plugins all the time: fifty upgrades, to and fro, are never seen by it.
upgrading()
{
	local i execs failed=0
	mkdir -p two busy
	cp $cnida two/cnida && echo >> two/cnida
	$cnida install --bin-dir "$PWD/busy" > out
	(
		n=0
		while [ ! -e stop ]; do
			version busy/bridge > answer || { cat answer >> failures; echo "exit code $?" >> failures; }
			n=$((n + 1))
		done
		echo $n > execs
	) 2>> failures &
	for ((i = 0; i < 50; i++)); do
		if [ $((i % 2)) -eq 0 ]; then two/cnida install --bin-dir "$PWD/busy"; else $cnida install --bin-dir "$PWD/busy"; fi > out 2>&1 ||
			failed=$((failed + 1))
		grep -q '^  installed .*/cnida$' out || failed=$((failed + 1))
	done
	: > stop
	wait $!
	execs=$(cat execs)
	equal "50 upgrades" 0 $failed
	equal "50 upgrades: none of $execs execs failed" "" "$(head -c 300 failures)"
	succeeds "50 upgrades: enough execs" [ "$execs" -gt 50 ]
	equal "50 upgrades: nothing else" "" "$(find busy -name '.*' -mindepth 1)"
}

# --- uninstall ---

removing()
{
	local before
	cp good/10-cli.conflist net.d/10-cli.conflist
	echo '{"name": "one", "type": "cnida"}' > net.d/20-one.conf
	echo '{"cniVersion": "1.0.0", "name": "b", "plugins": [{"type": "bridge"}]}' > net.d/30-bridge.conflist
	echo '{' > net.d/40-broken.conflist
	before=$(files bin; files net.d; state)
	equal "uninstall with attachments: exit code" 1 "$(rc $cnida uninstall --bin-dir "$PWD/bin" --conf-dir "$PWD/net.d")"
	succeeds "uninstall with attachments: says how many and what to do" grep -q '1 attachments.*--force' err
	equal "uninstall with attachments: changes nothing" "$before" "$(files bin; files net.d; state)"
	succeeds "uninstall with attachments: the pod" check_pod cnirt1

	equal "uninstall --force: exit code" 0 "$(rc bin/cnida uninstall --force --bin-dir "$PWD/bin" --conf-dir "$PWD/net.d")"
	equal "uninstall --force: upstream's are back" "newer upstream host-local" "$(bin/bridge) $(bin/host-local)"
	equal "uninstall --force: nothing of ours" "alias bridge dhcp host-local macvlan" \
		"$(find bin -mindepth 1 -printf '%f\n' | LC_ALL=C sort | xargs)"
	equal "uninstall --force: conflists" "30-bridge.conflist 40-broken.conflist" "$(find net.d -type f -printf '%f\n' | sort | xargs)"
	equal "uninstall --force: rules" "" "$(nft list ruleset)"
	equal "uninstall --force: /run/cnida" "" "$(ls -d /run/cnida 2> /dev/null)"
	equal "uninstall --force: links" "cni0 lo" "$(ip -j link | jq -r '[.[].ifname] | sort | join(" ")')"
	equal "uninstall --force: addresses" "" "$(find /var/lib/cni/networks -type f -name '*[.:]*' ! -name 'last_*')"
	equal "uninstall of nothing: exit code" 0 "$(rc $cnida uninstall --bin-dir "$PWD/bin" --conf-dir "$PWD/net.d")"
	equal "uninstall of nothing: upstream's stay" "newer upstream host-local" "$(bin/bridge) $(bin/host-local)"
	detach cnirt1
	equal "uninstall without folders: exit code" 0 "$(rc $cnida uninstall --bin-dir "$PWD/nowhere" --conf-dir "$PWD/nowhere")"
}

mkdir good
jq -n --argjson n "$net" '{cniVersion: "1.0.0", name: "cli", plugins: [$n | del(.name, .cniVersion)]}' > good/10-cli.conflist
usage
listing
collecting
examining
installing
upgrading
removing
clean "cli" cni0 ""
finish
