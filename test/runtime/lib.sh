#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# lib.sh - what the runtime tests share: a node of their own, reporting, an image, the search for left-overs
#
# Sourced, not run. A test calls enter_node first: that starts the same script again on a node of its own
# (test/lib/node) and in a PID namespace. The folder under test is /opt/cni/bin there, the one of the other
# implementation /opt/cni/peer. When the script ends, however it ends, the kernel takes processes, mounts, links
# and namespaces away with the PID namespace; the process outside removes the work folder and the control groups.
#
# CNI_BIN_DIR	plugins under test (default: build/bin of this tree)
# PEER_BIN_DIR	the other implementation (default: Debian's containernetworking-plugins)
# shellcheck disable=SC2034 # most variables here are for the scripts that source this
set -u

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
CNI_BIN_DIR=${CNI_BIN_DIR:-$top/build/bin}
PEER_BIN_DIR=${PEER_BIN_DIR:-/usr/lib/cni}
test_name=$(basename "$0" .sh)

n_passed=0
n_failed=0
n_skipped=0

# Everything that the tests attach has one of these in its name or its address: what the search for
# left-overs looks for in the rules.
id_prefix=cnirt
net4=10.77
net6=fd77
image=localhost/cnida-test:1

ok()
{
	n_passed=$((n_passed + 1))
	echo "ok $1"
}

# not_ok NAME EXPECTED FOUND
not_ok()
{
	n_failed=$((n_failed + 1))
	echo "not ok $1: expected $2, found ${3//$'\n'/ | }"
}

# skip NAME REASON
skip()
{
	n_skipped=$((n_skipped + 1))
	echo "skip: $1: ${2//$'\n'/ | }"
}

# equal NAME EXPECTED FOUND
equal()
{
	if [ "$2" = "$3" ]; then ok "$1"; else not_ok "$1" "'$2'" "'$3'"; fi
}

# succeeds NAME COMMAND... - the command ends with 0; its output is what was found otherwise
succeeds()
{
	local name=$1 out rc
	shift
	out=$("$@" 2>&1)
	rc=$?
	if [ "$rc" -eq 0 ]; then ok "$name"; else not_ok "$name" "exit code 0" "$rc: $out"; fi
}

# fails NAME COMMAND... - the command ends with an error
fails()
{
	local name=$1 out rc
	shift
	out=$("$@" 2>&1)
	rc=$?
	if [ "$rc" -ne 0 ]; then ok "$name"; else not_ok "$name" "an error" "exit code 0: $out"; fi
}

# finish - the last line of every test, and its exit code
finish()
{
	echo "runtime/$test_name: $n_passed passed, $n_failed failed, $n_skipped skipped"
	[ "$n_failed" -eq 0 ]
	exit
}

# skip_all REASON - nothing of this test can run here
skip_all()
{
	skip "$test_name" "$1"
	finish
}

# implementation - which set of plugins is under test
implementation()
{
	if [ -e /opt/cni/bin/cnida ]; then echo cnida; else echo upstream; fi
}

# --- the node ---

node_group() { echo "cnida-rt-${1##*.}"; }

# remove_groups WORK - the node's control groups; fails while something in them is still dying
remove_groups()
{
	local dir found=0
	for dir in "/sys/fs/cgroup/$(node_group "$1")" /sys/fs/cgroup/*/"$(node_group "$1")"; do
		[ ! -d "$dir" ] || find "$dir" -depth -type d -exec rmdir {} + || found=1
	done
	return $found
}

# outside_cleanup WORK - after the PID namespace was ended
outside_cleanup()
{
	wait_for 5 remove_groups "$1" || echo "left behind: control groups $(node_group "$1")" >&2
	rm -rf --one-file-system "$1"
}

# enter_node TOOLS ARGUMENTS... - run this script in a node; TOOLS is a space-separated list that it needs
enter_node()
{
	local tool child rc tools=$1
	shift
	if [ -n "${RUNTIME_WORK:-}" ]; then
		work=$RUNTIME_WORK
		node_setup || { not_ok "node" "a private node" "see the messages above"; finish; }
		return
	fi
	for tool in $tools ip jq nft unshare; do
		command -v "$tool" > /dev/null || skip_all "$tool is not installed"
	done
	[ "$(id -u)" -eq 0 ] || skip_all "needs root"
	[ -e "$CNI_BIN_DIR/bridge" ] || skip_all "no plugin 'bridge' in $CNI_BIN_DIR (make)"

	work=$(mktemp -d /tmp/cnida-rt.XXXXXX)
	# --kill-child: if this shell or unshare is killed, the node goes too.
	RUNTIME_WORK=$work unshare --fork --pid --kill-child --mount-proc --mount --propagation private \
		"$top/test/lib/node" "$BASH" "$0" "$@" < /dev/null &
	child=$!
	# shellcheck disable=SC2064 # the values of now
	trap "kill -KILL $child 2> /dev/null; wait $child 2> /dev/null; outside_cleanup '$work'; exit 130" HUP INT TERM
	wait "$child"
	rc=$?
	trap - HUP INT TERM
	outside_cleanup "$work"
	exit "$rc"
}

node_setup()
{
	mkdir -p "$work/node" && mount -t tmpfs node "$work/node" || return 1
	mkdir -p /opt/cni/bin /opt/cni/peer /etc/cni/net.d /run/netns
	# A copy: the folder may be built anew meanwhile.
	cp -a "$CNI_BIN_DIR/." /opt/cni/bin || return 1
	if [ -d "$PEER_BIN_DIR" ]; then mount --bind "$PEER_BIN_DIR" /opt/cni/peer || return 1; fi
	# Debian's runtimes search here too: nothing shall be found by accident.
	if [ -d /usr/lib/cni ]; then mount -t tmpfs none /usr/lib/cni || return 1; fi
	cgroup=/$(node_group "$work")
	cd "$work/node" || return 1
}

# --- tools ---

# wait_for SECONDS COMMAND... - until the command succeeds
wait_for()
{
	local end=$((SECONDS + $1))
	shift
	until "$@" > /dev/null 2>&1; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.05
	done
}

# ping_wait - seconds to wait for one answer; busybox in a container takes whole ones only
ping_wait=0.1

# ping_ok COMMAND-PREFIX... ADDRESS - is there an answer (the first packets may be lost while addresses are
# looked for duplicates)
ping_ok()
{
	local end=$((SECONDS + 5))
	until "${@:1:$#-1}" ping -c 1 -W "$ping_wait" "${!#}" > /dev/null 2>&1; do
		[ "$SECONDS" -lt "$end" ] || break
	done
	[ "$SECONDS" -lt "$end" ] && return
	echo "no answer from ${!#} in 5 s"
	return 1
}

# digest FILE
digest() { sha256sum "$1" | cut -d ' ' -f 1; }

# blob LAYOUT FILE - puts the file into an OCI layout, prints "DIGEST SIZE"
blob()
{
	local d
	d=$(digest "$2")
	cp "$2" "$1/blobs/sha256/$d"
	echo "$d $(stat -c %s "$2")"
}

# make_image FILE - an OCI archive with busybox, made without a network
make_image()
{
	local dir applet library layer layer_size config config_size manifest manifest_size
	dir=$(mktemp -d "$work/node/image.XXXXXX")
	mkdir -p "$dir"/root/{bin,dev,etc,proc,sys,tmp} "$dir/oci/blobs/sha256"
	cp "$(command -v busybox)" "$dir/root/bin/busybox"
	# Debian has a static busybox and one that needs the C library.
	ldd "$dir/root/bin/busybox" 2> /dev/null | grep -oE '/[^ ]+' | while read -r library; do
		mkdir -p "$dir/root${library%/*}"
		cp -L "$library" "$dir/root$library"
	done
	for applet in sh sleep ping ip nc cat; do ln -s busybox "$dir/root/bin/$applet"; done
	tar -C "$dir/root" -cf "$dir/layer" .
	read -r layer layer_size < <(blob "$dir/oci" "$dir/layer")
	jq -n --arg d "sha256:$layer" --arg a "$(dpkg --print-architecture)" '{architecture: $a, os: "linux",
		config: {Cmd: ["/bin/sleep", "1000"], Env: ["PATH=/bin"]},
		rootfs: {type: "layers", diff_ids: [$d]}}' > "$dir/config"
	read -r config config_size < <(blob "$dir/oci" "$dir/config")
	jq -n --arg c "sha256:$config" --arg l "sha256:$layer" --argjson cs "$config_size" \
		--argjson ls "$layer_size" '"application/vnd.oci.image." as $t | {schemaVersion: 2,
		mediaType: ($t + "manifest.v1+json"),
		config: {mediaType: ($t + "config.v1+json"), digest: $c, size: $cs},
		layers: [{mediaType: ($t + "layer.v1.tar"), digest: $l, size: $ls}]}' > "$dir/manifest"
	read -r manifest manifest_size < <(blob "$dir/oci" "$dir/manifest")
	jq -n --arg m "sha256:$manifest" --argjson ms "$manifest_size" --arg n "$image" '{schemaVersion: 2,
		manifests: [{mediaType: "application/vnd.oci.image.manifest.v1+json", digest: $m, size: $ms,
		annotations: {"org.opencontainers.image.ref.name": $n, "io.containerd.image.name": $n}}]}' \
		> "$dir/oci/index.json"
	echo '{"imageLayoutVersion": "1.0.0"}' > "$dir/oci/oci-layout"
	tar -C "$dir/oci" -cf "$1" .
	rm -rf "$dir"
}

# record TYPES - puts a shim in front of the plugins under test: $PWD/calls gets one JSON object a call,
# with the environment (CNI_*), the arguments and the configuration; $PWD/recorded is the plugin folder
record()
{
	local type
	mkdir -p "$PWD/recorded"
	: > "$PWD/calls"
	for type in $1; do
		cat > "$PWD/recorded/$type" <<- SHIM
			#!/bin/bash
			in=\$(cat; echo .)
			in=\${in%.}
			jq -cn --arg type $type --arg in "\$in" '{type: \$type, argv: \$ARGS.positional,
				env: (env | with_entries(select(.key | startswith("CNI_")))),
				config: (\$in | try fromjson catch .)}' --args -- "\$@" >> $PWD/calls
			# No pipe: the plugin must stay the process that the runtime waits for and may kill.
			exec /opt/cni/bin/$type "\$@" <<< "\$in"
		SHIM
		chmod +x "$PWD/recorded/$type"
	done
}

# build_cnidrive - the driver on Debian's libcni (Go, no downloads), built once; sets $cnidrive. Called before enter_node
build_cnidrive()
{
	local dir=$top/build/test log
	cnidrive=$dir/cnidrive
	[ -z "${RUNTIME_WORK:-}" ] || return 0
	command -v go > /dev/null || skip_all "go is not installed"
	[ -d /usr/share/gocode/src/github.com/containernetworking/cni/libcni ] ||
		skip_all "golang-github-appc-cni-dev is not installed"
	mkdir -p "$dir"
	# Several tests may start at a time.
	log=$(exec 9> "$dir/cnidrive.lock" && flock 9 &&
		GO111MODULE=off GOPATH=/usr/share/gocode GOCACHE=$dir/gocache GOFLAGS='' CGO_ENABLED=0 \
			go build -trimpath -o "$cnidrive" "$top"/test/runtime/libcni/*.go 2>&1) && return
	not_ok "cnidrive" "a driver built with $(go version)" "$log"
	finish
}

# pod_netns NAME... - network namespaces, as a runtime makes them before it asks for ADD
pod_netns()
{
	local name
	for name; do ip netns add "$name" && ip -n "$name" link set lo up; done
}

# merge OBJECT... - one JSON object with the keys of all, which must differ. Not jq: its start takes half a second where the processor
# is emulated.
merge()
{
	local object members=''
	for object; do
		object=${object#\{}
		object=${object%\}}
		[ -z "$object" ] || members+=${members:+, }$object
	done
	echo "{$members}"
}

# in_pod NAME COMMAND... - cheaper than ip netns exec, which mounts /sys anew
in_pod() { nsenter --net=/run/netns/"$1" "${@:2}"; }

# pod_addresses NAME [IFNAME] - of global scope, as the kernel shows them, sorted
pod_addresses()
{
	in_pod "$1" ip -j addr show "${2:-eth0}" 2> /dev/null |
		jq -r '[.[].addr_info[] | select(.scope == "global") | "\(.local)/\(.prefixlen)"] | sort | join(" ")'
}

# --- left-overs ---

# leftovers OWN_LINKS [OWN_NETNS] - what is there of pods that are gone, one finding a line; both arguments are
# space-separated lists of what may be there
leftovers()
{
	local name file
	while read -r name _; do
		name=${name%%@*}
		[[ " lo $1 " == *" $name "* ]] || echo "link $name"
	done < <(ip -br link)
	for file in /run/netns/*; do
		[ -e "$file" ] || continue
		name=${file##*/}
		[[ " ${2:-} " == *" $name "* ]] || echo "network namespace $name"
	done
	# cnida's chain for a pod prefix is the node's, not a pod's: it stays.
	nft list ruleset 2> /dev/null | sed '/^\tchain \(masq\|from\)_.* {$/,/^\t}$/d' |
		grep -E "CNI-[0-9a-f]{20}|cni-br-iface|$id_prefix|[^0-9]${net4/./\\.}\.|$net6:" |
		sed 's/^[[:space:]]*/rule /'
	for file in /var/lib/cni/networks/*/* /var/lib/cni/results/* /run/cnida/endpoints/* "$work"/node/cache/results/*; do
		[ -e "$file" ] || continue
		case ${file##*/} in
		lock | last_reserved_ip.*) ;;
		*) echo "file $file" ;;
		esac
	done
}

nothing_left() { [ -z "$(leftovers "$@")" ]; }

# clean NAME OWN_LINKS OWN_NETNS [UPSTREAM] - nothing is left behind. A link of a namespace that has just died may
# take the kernel a moment. UPSTREAM names a known leak of the upstream plugins: under them it is a skip.
clean()
{
	local found known=${4:-}
	if wait_for 3 nothing_left "$2" "$3"; then
		ok "$1: nothing left behind"
		return
	fi
	found=$(leftovers "$2" "$3" | head -n 6)
	if [ -n "$known" ] && [ "$(implementation)" = upstream ]; then
		skip "$1: nothing left behind" "known of upstream: $known: $found"
	else
		not_ok "$1: nothing left behind" nothing "$found"
	fi
}

# scrub NETWORKS - after a known leak: start the next case from nothing
scrub()
{
	nft flush ruleset
	rm -rf /var/lib/cni/networks /var/lib/cni/results /run/cnida/endpoints "$work"/node/cache/results
}
