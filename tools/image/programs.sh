#!/bin/sh
# Brings programs that work on images: sh tools/image/programs.sh umoci|runc... Installed ones are taken as they are;
# others are unpacked into the cache, as tools/setup.sh does it, and nothing is installed.
set -eu
cd "$(dirname "$0")/../.."
. tools/lib.sh
. tools/vm/lib.sh
. tools/image/lib.sh

wanted=''
for program in "$@"; do have "$program" || wanted="$wanted $program"; done
[ -n "$wanted" ] || exit 0
find_mirror || {
	say "missing:$wanted, as Debian calls the packages; apt knows no Debian repository here: install them yourself"
	exit 1
}
lock_cache
say "unpacking into $IMAGE_CACHE, not installing:$wanted"
mkdir -p "$IMAGE_CACHE/bin"
work=$(mktemp -d "$IMAGE_CACHE/new.XXXXXX")
# shellcheck disable=SC2086 # a list of packages
(cd "$work" && apt-get -q -o Acquire::Retries=2 -o APT::Sandbox::User="$(id -un)" download $wanted >&2)
for file in "$work"/*.deb; do dpkg -x "$file" "$work"; done
for program in $wanted; do
	cp "$(find "$work"/usr/*bin -name "$program" -type f | head -n 1)" "$IMAGE_CACHE/bin/"
done
rm -rf "$work"
