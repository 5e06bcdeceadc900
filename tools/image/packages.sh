#!/bin/sh
# Brings packages of Debian 12 for one architecture, the newest that Debian has:
#   sh tools/image/packages.sh amd64|arm64 FOLDER PACKAGE...
# apt downloads and verifies them with a state of its own: this machine's packages and architectures stay what they are,
# and nothing of a package is run. Where no mirror answers, what was brought before does.
set -eu
cd "$(dirname "$0")/../.."
. tools/lib.sh
. tools/vm/lib.sh
. tools/image/lib.sh

SUITE=bookworm
architecture=$1 folder=$2
shift 2

bring() {
	find_mirror || {
		say "no Debian repository is known here: the image is made of Debian's packages, after apt-get update"
		return 1
	}
	private_apt $SUITE "$architecture" "$IMAGE_CACHE/apt"
	apt-get -qq -c "$conf" update >&2 || return
	new=$folder.new
	rm -rf "$new"
	mkdir -p "$new"
	(cd "$new" && apt-get -qq -c "$conf" download "$@" >&2) || return
	rm -rf "$folder"
	mv "$new" "$folder"
}

mkdir -p "$(dirname "$folder")"
lock_cache
bring "$@" || {
	[ -d "$folder" ] || exit 1
	say "Debian's packages could not be brought: taking those from before"
}
