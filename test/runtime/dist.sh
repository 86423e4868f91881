#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dist.sh - the tarballs of `make dist`: what is in them, how they land on a node, the same bytes from everywhere
#
# Packs what lies in the build folder. With DIST_ARCHS (as `make check-dist` sets it) everything is also compiled anew, twice, in two
# other folders, and must come out the same to the byte.
# shellcheck disable=SC2317 # functions are handed to succeeds and fails
set -u
. "$(dirname "$0")/lib.sh"

build=$(cd "$CNI_BIN_DIR/.." && pwd)
for tool in sha256sum readelf gzip git; do
	command -v "$tool" > /dev/null || skip_all "$tool is not installed"
done
[ -e "$build/bin/cnida" ] || skip_all "no cnida in $build/bin"
[ -e "$build/obj/cnida.map" ] || skip_all "$build/bin/cnida is linked with glibc"

work=$(mktemp -d /tmp/cnida-dist.XXXXXX)
trap 'rm -rf "$work"' EXIT
cd "$top" || exit 1
arch=$(dpkg --print-architecture)
name=cnida-linux-$arch-v7.8.9
mapfile -t types < <(find "$build/bin" -type l -printf '%f\n' | LC_ALL=C sort)

pack() { test/lib/dist.sh "$1" 7.8.9 "$arch" "$build" "$build/lib" '' "${types[@]}"; }

listing() { tar -tvzf "$work/one/$name.tgz" --numeric-owner; }

# --- the same bytes whoever packs ---

succeeds "pack" pack "$work/one"
(umask 077 && TZ=Pacific/Auckland LC_ALL=C.UTF-8 pack "$work/another folder" > "$work/log" 2>&1) || cat "$work/log"
equal "packed twice: the same bytes" "$(sha256sum < "$work/one/$name.tgz")" "$(sha256sum < "$work/another folder/$name.tgz")"
SOURCE_DATE_EPOCH=86400 pack "$work/dated" > /dev/null
equal "SOURCE_DATE_EPOCH is the time of every file" "1970-01-02" \
	"$(tar -tvzf "$work/dated/$name.tgz" --utc | awk '{ print $4 }' | sort -u)"
if [ -d .git ]; then
	equal "without it, that of the last commit" "$(git -c safe.directory="$top" log -1 --format=%ct)" \
		"$(date -u +%s -d "$(tar -tvzf "$work/one/$name.tgz" --utc --full-time ./cnida | awk '{ print $4, $5 }')")"
fi
equal "gzip keeps neither name nor time" "1f8b0800 00000000" \
	"$(od -An -tx1 -N8 "$work/one/$name.tgz" | tr -d ' ' | sed 's/./& /8; s/ \(.*\)/ \1/')"

# --- checksums ---

cd "$work/one" || exit 1
succeeds "sha256 holds" sha256sum --strict -c "$name.tgz.sha256"
succeeds "sha512 holds" sha512sum --strict -c "$name.tgz.sha512"
succeeds "SHA256SUM holds" sha256sum --strict -c SHA256SUM

# --- the layout ---

equal "plugins at the top" "$(printf './%s\n' "${types[@]}" cnida | LC_ALL=C sort)" \
	"$(tar -tzf "$name.tgz" | grep -E '^\./[^/A-Z]+$')"
equal "beside them" "./ATTRIBUTION.txt ./LICENSES/ ./doc/" "$(tar -tzf "$name.tgz" | grep -E '^\./([A-Z][^/]*|[^/]+/)$' | xargs)"
equal "no entry for the folder itself, none outside" "" "$(tar -tzf "$name.tgz" | grep -vE '^\./[^/]' ; tar -tzf "$name.tgz" | grep -F ..)"
equal "names in order" "$(tar -tzf "$name.tgz" | sed 's|/$||' | LC_ALL=C sort)" "$(tar -tzf "$name.tgz" | sed 's|/$||')"
equal "owner" "0/0" "$(listing | awk '{ print $2 }' | sort -u)"
equal "modes" "-rw-r--r-- -rwxr-xr-x drwxr-xr-x" "$(listing | awk '!/^l/ { print $1 }' | LC_ALL=C sort -u | xargs)"
equal "one executable file" "./cnida" "$(listing | awk '/^-..x/ { print $6 }')"

# --- attribution ---

mkdir "$work/attr" && tar -xzf "$name.tgz" -C "$work/attr"
equal "who is in ATTRIBUTION.txt has a folder in LICENSES" "$(cd "$work/attr/LICENSES" && printf '%s\n' * | grep -vx cnida)" \
	"$(sed -n 's/^\*\* \([^ ]*\) [0-9].* -- https:.*/\1/p' "$work/attr/ATTRIBUTION.txt")"
for part in musl jansson libbpf elfutils; do
	succeeds "licence of $part" grep -qi copyright "$work/attr/LICENSES/$part/copyright"
done
succeeds "licence of cnida" cmp "$top/LICENSE" "$work/attr/LICENSES/cnida/LICENSE"
equal "texts that a node does not have" "" "$(cd "$work/attr/LICENSES" && grep -roE '/usr/share/common-licenses/L?GPL-[0-9.]*[0-9]' . |
	while IFS=: read -r file text; do [ -s "$(dirname "$file")/${text##*/}" ] || echo "$file $text"; done)"
# A library that nobody has written down must not get in unseen.
mkdir -p "$work/strange/obj" "$work/strange/bin" && cp "$build/bin/cnida" "$work/strange/bin/"
sed 's|libjansson\.a(|libstrange.a(|' "$build/obj/cnida.map" > "$work/strange/obj/cnida.map"
cd "$top" || exit 1
fails "a library without attribution" test/lib/dist.sh "$work/no" 7.8.9 "$arch" "$work/strange" "$build/lib" '' "${types[@]}"

# --- the executable ---

# static_pie NAME FILE - needs no library and no interpreter, and has what the flags of the Makefile promise
static_pie()
{
	local headers=$work/headers
	readelf -hldW "$2" > "$headers"
	equal "$1: interpreter, libraries" "" "$(grep -E 'INTERP|NEEDED' "$headers")"
	equal "$1: position independent" "DYN" "$(awk '$1 == "Type:" { print $2 }' "$headers")"
	equal "$1: read-only after relocation" "GNU_RELRO NOW" "$(grep -oE 'GNU_RELRO|BIND_NOW' "$headers" | sort -u | sed 's/BIND_//' |
		LC_ALL=C sort | xargs)"
	equal "$1: writable and executable" "" "$(awk '/^  (LOAD|GNU_STACK)/ && / RWE /' "$headers")"
	equal "$1: stripped" "" "$(readelf -SW "$2" | grep -E '\.(debug_|symtab)')"
	equal "$1: no folder of this machine" "" "$(grep -aoF -e "$top/" -e "$work" "$2" | sort -u)"
	# All types together, on disk.
	if [ "$(stat -c %s "$2")" -le $((2 << 20)) ]; then ok "$1: size"; else not_ok "$1: size" "at most 2 MiB" "$(stat -c %s "$2")"; fi
}
static_pie "$arch" "$work/attr/cnida"

# --- onto a node and back ---

# What stands in for upstream's tarball: plugins of the same names as files, and one that cnida does not have.
mkdir -p "$work/up" "$work/node/bin"
for type in "${types[@]}" vlan; do
	printf '#!/bin/sh\necho upstream %s\n' "$type" > "$work/up/$type" && chmod 755 "$work/up/$type"
done
tar -C "$work/up" -czf "$work/up.tgz" .
chmod 700 "$work/node/bin"
tar -C "$work/node/bin" -xzf "$work/up.tgz" --no-overwrite-dir
succeeds "unpack over upstream's" tar -C "$work/node/bin" -xzf "$work/one/$name.tgz"
equal "the mode of the folder stays" 700 "$(stat -c %a "$work/node/bin")"
for type in "${types[@]}"; do
	equal "$type after unpacking" "$(CNI_COMMAND=VERSION "$build/bin/$type" < /dev/null)" \
		"$(CNI_COMMAND=VERSION "$work/node/bin/$type" < /dev/null 2>&1)"
done
equal "a plugin that is not ours" "upstream vlan" "$("$work/node/bin/vlan")"
equal "sha256sum of a type, as image builders take it" "$(sha256sum < "$work/node/bin/cnida")" \
	"$(sha256sum < "$work/node/bin/host-local")"
succeeds "unpack again" tar -C "$work/node/bin" -xzf "$work/one/$name.tgz"
mkdir "$work/node/copy" && cp "$work/node/bin/host-local" "$work/node/copy/host-local"
equal "a type that was copied out alone" "$(CNI_COMMAND=VERSION "$build/bin/host-local" < /dev/null)" \
	"$(CNI_COMMAND=VERSION "$work/node/copy/host-local" < /dev/null 2>&1)"
succeeds "unpack upstream's over it" tar -C "$work/node/bin" -xzf "$work/up.tgz" --no-overwrite-dir
equal "bridge after the way back" "upstream bridge" "$("$work/node/bin/bridge")"
succeeds "nothing was written through a link" cmp "$build/bin/cnida" "$work/node/bin/cnida"

# --- compiled anew ---

[ -n "${DIST_ARCHS:-}" ] || finish

# tree FOLDER - the sources without a repository
tree()
{
	mkdir -p "$1/build/lib" && cp -a Makefile README.md LICENSE plugin ipam bpf conf test "$1" &&
		for library in jansson libbpf elfutils musl; do
			[ ! -d "$build/lib/$library" ] || cp -a "$build/lib/$library" "$1/build/lib/" || return 1
		done
}

# Names of different length, one output inside the tree, one outside, other umask, locale and order.
here=$work/a
there=$work/another-folder/with/a-long-name
for folder in "$here" "$there"; do
	tree "$folder" || not_ok "a tree in $folder" "a copy" "see above"
done
mkdir -p "$work/elsewhere" && mv "$there/build/lib" "$work/elsewhere/lib"
# Nothing of a make that this runs under: its O would be where the trees are built.
clean_env() { env -i PATH="$PATH" HOME="${HOME:-/}" "$@"; }
succeeds "make dist in one folder" clean_env make -C "$here" -j"$(nproc)" DIST_ARCHS="$DIST_ARCHS" SOURCE_DATE_EPOCH=1 dist
umask 027
succeeds "make dist in another" clean_env LC_ALL=C.UTF-8 TZ=Asia/Tokyo make -C "$there" DIST_ARCHS="$DIST_ARCHS" \
	O="$work/elsewhere" SOURCE_DATE_EPOCH=1 dist
for a in $DIST_ARCHS; do
	equal "$a: the same tarball" "$(cd "$here/build/dist" && sha256sum cnida-linux-"$a"-v*.tgz)" \
		"$(cd "$work/elsewhere/dist" && sha256sum cnida-linux-"$a"-v*.tgz)"
	mkdir "$work/new-$a"
	tar -C "$work/new-$a" -xzf "$here"/build/dist/cnida-linux-"$a"-v*.tgz || not_ok "$a: unpack" "a tarball" "see above"
	[ "$a" = "$arch" ] || static_pie "$a" "$work/new-$a/cnida"
done
equal "the eBPF object is the same for all" 1 "$(find "$here/build" "$work/elsewhere" -path '*/bpf/cnida.bpf.o' -exec sha256sum {} + |
	cut -d ' ' -f 1 | sort -u | wc -l)"
finish
