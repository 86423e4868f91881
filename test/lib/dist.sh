#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dist.sh - pack what was built into a tarball for nodes, with checksums
#
#	dist.sh OUT VERSION ARCH BUILDDIR SOURCES TRIPLET TYPE...
#
# BUILDDIR has bin/cnida and obj/cnida.map, the linker's account of what is in it. SOURCES has the source packages of the
# libraries. TRIPLET is empty for this machine's processor. `make dist` calls this once for each processor.
#
# The layout is that of EKS-D's cni-plugins: the plugins at the top, LICENSES/ and ATTRIBUTION.txt beside them; doc/ is ours. A
# type is a symbolic link as after `cnida install`: whoever looks at a plugin (stat, sha256sum, cp, exec) follows it, and
# unlike hard links each is understood by extractors that are not tar.
#
# The bytes depend on the content only: names in the order of the C locale, one owner, one time (SOURCE_DATE_EPOCH, otherwise that of
# the last commit, otherwise 0), fixed modes whatever the umask.
set -euo pipefail

[ $# -ge 7 ] || { echo "usage: dist.sh OUT VERSION ARCH BUILDDIR SOURCES TRIPLET TYPE..." >&2; exit 2; }
out=$1 version=$2 arch=$3 build=$4 sources=$5 triplet=$6
shift 6
types=("$@")
export LC_ALL=C TZ=UTC
name=cnida-linux-$arch-v$version

die()
{
	echo "dist.sh: $*" >&2
	exit 1
}

# Archives of libraries by name, as far as ours are made of them: where they come from.
declare -A origin=(
	[libc.a]=musl [libgcc.a]=gcc [libjansson.a]=jansson [libbpf.a]=libbpf [libelf.a]=elfutils
)
declare -A about=(
	[musl]="the C library, MIT|https://musl.libc.org/"
	[gcc]="libgcc, helpers of the compiler, GPL-3.0-or-later WITH GCC-exception-3.1|https://gcc.gnu.org/"
	[jansson]="JSON, MIT|https://github.com/akheron/jansson"
	[libbpf]="loads eBPF programs, LGPL-2.1-only OR BSD-2-Clause|https://github.com/libbpf/libbpf"
	[elfutils]="libelf, reads the object file of the eBPF programs, GPL-2.0-or-later OR LGPL-3.0-or-later|https://sourceware.org/elfutils/"
)

# linked - the origins of what the linker took members of
linked()
{
	local archive

	sed -n '/^Archive member included/,/^\(Discarded\|Memory\|Allocating\|There are no\)/s/^\(\/\?[^ ]*\.a\)(.*/\1/p' \
		"$build/obj/cnida.map" | sed 's|.*/||' | sort -u | while read -r archive; do
		echo "${origin[$archive]:-unknown:$archive}"
	done | sort -u
}

# debian_version ORIGIN, debian_copyright ORIGIN - of the source, or of the package that was linked as it was installed
debian_version()
{
	if [ -e "$sources/$1/debian/changelog" ] && [ "$(package_of "$1")" = source ]; then
		sed -n '1s/^[^ ]* (\(.*\)) .*/\1/p' "$sources/$1/debian/changelog"
	else
		dpkg-query -W -f '${Version}' "$(package_of "$1")"
	fi
}

debian_copyright()
{
	local package

	package=$(package_of "$1")
	if [ "$package" = source ]; then
		echo "$sources/$1/debian/copyright"
	else
		echo "/usr/share/doc/${package%%:*}/copyright"
	fi
}

package_of()
{
	case $1:$triplet in
	gcc:*) dpkg-query -S "$("${triplet:+$triplet-}gcc" -print-libgcc-file-name)" | cut -d ' ' -f 1 | sed 's/:$//' ;;
	musl:) echo musl-dev ;;
	*) echo source ;;
	esac
}

# attribution ORIGIN...
attribution()
{
	local part

	printf '%s\n' "cnida $version for linux/$arch: one static executable, GPL-2.0-or-later (LICENSES/cnida/LICENSE)." '' \
		"It contains its own code and code of the following, each under the terms in LICENSES/NAME/, built from the" \
		"Debian source package of the version given. That source is at https://snapshot.debian.org/."
	for part; do
		printf '\n** %s %s -- %s\n   %s\n' "$part" "$(debian_version "$part")" "${about[$part]##*|}" "${about[$part]%%|*}"
	done
	printf '\n%s\n' "Of the Linux kernel's user interface, libmnl, libnftnl and zlib it was compiled with headers; their code is not in it."
}

put() { install -D -m "$1" "$2" "$stage/$3"; }

[ -x "$build/bin/cnida" ] || die "no $build/bin/cnida"
[ -e "$build/obj/cnida.map" ] || die "no $build/obj/cnida.map: not linked with musl"
mapfile -t parts < <(linked)
[ "${#parts[@]}" -gt 0 ] || die "no library in $build/obj/cnida.map"
[[ " ${parts[*]} " != *" unknown:"* ]] || die "a library without attribution: ${parts[*]}"

mkdir -p "$out"
mkdir -p "$out"
out=$(realpath "$out")
stage=$(mktemp -d "$out/stage.XXXXXX")
# shellcheck disable=SC2064 # the path is known now
trap "rm -rf '$(realpath "$stage")'" EXIT

put 755 "$build/bin/cnida" cnida
for type in "${types[@]}"; do
	ln -s cnida "$stage/$type"
done
put 644 LICENSE LICENSES/cnida/LICENSE
for part in "${parts[@]}"; do
	file=$(debian_copyright "$part")
	put 644 "$file" "LICENSES/$part/copyright"
	# A node has no /usr/share/common-licenses.
	{ grep -oE '/usr/share/common-licenses/(L?GPL|Apache|Artistic)[-0-9.]*[0-9]' "$file" || true; } | sort -u |
		while read -r text; do
			put 644 "$text" "LICENSES/$part/${text##*/}"
		done
done
attribution "${parts[@]}" > "$stage/ATTRIBUTION.txt"
put 644 README.md doc/README.md
for file in conf/*; do
	put 644 "$file" "doc/${file##*/}"
done

epoch=${SOURCE_DATE_EPOCH:-$(git -c safe.directory="$PWD" log -1 --format=%ct 2> /dev/null || echo 0)}
# No entry for "./": unpacking must not change the folder of a node.
(cd "$stage" && tar --sort=name --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX --mtime="@$epoch" --format=gnu \
	-cf - ./*) | gzip -9n > "$out/$name.tgz"
cd "$out"
sha256sum "$name.tgz" > "$name.tgz.sha256"
sha512sum "$name.tgz" > "$name.tgz.sha512"
cat ./*.tgz.sha256 > SHA256SUM
printf '  %-6s %s, %d bytes, unpacked %d; the executable: %d, sha256 %s\n' DIST "$out/$name.tgz" \
	"$(stat -c %s "$name.tgz")" "$(find "$stage" -type f -printf '%s\n' | awk '{ n += $1 } END { print n }')" \
	"$(stat -c %s "$stage/cnida")" "$(sha256sum < "$stage/cnida" | cut -d ' ' -f 1)"
