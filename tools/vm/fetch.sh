#!/bin/sh
# Brings a kernel into the cache: sh tools/vm/fetch.sh NAME ARCHITECTURE SUITE PACKAGE [--newer]. PACKAGE is a regular
# expression; the newest that matches is taken. The kernel's folder then holds vmlinuz, the modules of MODULES and the
# package's name. What is there stays, unless --newer is given and there is a newer one.
#
# apt does it, with a state of its own, so that the suites of other releases never meet this machine's packages.
set -eu
cd "$(dirname "$0")/../.."
. tools/lib.sh
. tools/vm/lib.sh

name=$1 architecture=$2 suite=$3 pattern=$4 newer=${5-}
folder=$VM_CACHE/$name
MODULES='veth sch_netem' # the cable between hosts, and what makes it long or bad
CANDIDATES=3 # a point release may vanish between the index and the download: then the one before it does

# The image packages that match, newest first.
candidates() {
	apt-cache -c "$conf" search --names-only "^$pattern\$" | awk '{ print $1 }' | sort -rV | head -n $CANDIDATES
}

# Since 7.0 the image package is empty, and linux-binary and linux-modules of the same version hold what it held.
parts_of() {
	version=${1#linux-image-}
	for part in "$1" "linux-binary-$version" "linux-modules-$version"; do
		if apt-cache -c "$conf" show "$part" 2>/dev/null | grep -q '^Package:'; then echo "$part"; fi
	done
}

unpack_module() {
	module=$(find "$work/root" -name "$1.ko*" | head -n 1)
	case $module in
	*.ko) cp "$module" "$work/new/$1.ko" ;;
	*.xz) xz -dc "$module" >"$work/new/$1.ko" ;;
	*.zst) zstd -dcq "$module" >"$work/new/$1.ko" ;;
	*) return 1 ;;
	esac
}

unpack() {
	# shellcheck disable=SC2046 # a list of packages
	(cd "$work" && apt-get -q -c "$conf" download $(parts_of "$1")) >&2 || return
	for file in "$work"/*.deb; do dpkg -x "$file" "$work/root"; done
	kernel=$(find "$work/root/boot" "$work/root/usr/lib/modules" -name 'vmlinuz*' 2>/dev/null | head -n 1)
	[ -n "$kernel" ] || return
	mkdir "$work/new"
	cp "$kernel" "$work/new/vmlinuz"
	for module in $MODULES; do unpack_module "$module" || return; done
	echo "$1" >"$work/new/package"
}

bring() {
	find_mirror || {
		say "no Debian repository is known here: kernels come by apt from a Debian mirror, after apt-get update"
		return 1
	}
	private_apt "$suite" "$architecture" "$VM_CACHE/apt"
	apt-get -q -c "$conf" update >&2 || {
		say "apt-get update failed for $suite"
		return 1
	}
	for package in $(candidates); do
		if is_whole && [ "$(cat "$folder/package")" = "$package" ]; then return; fi
		say "fetching $package of $suite"
		work=$(mktemp -d "$VM_CACHE/new.XXXXXX")
		if unpack "$package"; then
			[ ! -e "$folder" ] || mv "$folder" "$work/old"
			mv "$work/new" "$folder"
			rm -rf "$work"
			return
		fi
		rm -rf "$work"
		say "$package could not be had"
	done
	say "no package of $suite matches $pattern"
	return 1
}

# What an earlier checkout has brought may lack a module.
is_whole() {
	[ -f "$folder/package" ] || return
	for module in $MODULES; do [ -f "$folder/$module.ko" ] || return; done
}

if ! is_whole || [ "$newer" = --newer ]; then
	lock_cache
	{ is_whole && [ "$newer" != --newer ]; } || bring || is_whole || exit 1
	rm -rf "$VM_CACHE/apt"
fi
