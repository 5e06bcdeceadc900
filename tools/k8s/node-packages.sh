#!/bin/sh
# The container runtime of the one-node cluster: Debian's packages containerd, runc and containernetworking-plugins,
# unpacked outside the tree and not installed, for their installation starts a service.
# The last line is the folder, with bin/ and cni/ in it.
set -eu

PACKAGES='containerd runc containernetworking-plugins'
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/kube-netc
OUT=$CACHE/node

say() {
	printf 'k8s: %s\n' "$*" >&2
}

apt_get() {
	apt-get -q -o APT::Sandbox::User="$(id -un)" -o Acquire::http::Timeout=20 -o Acquire::https::Timeout=20 "$@"
}

if ! [ -x "$OUT/bin/containerd" ]; then
	say "unpacking, not installing: $PACKAGES"
	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT
	# shellcheck disable=SC2086 # a list of packages
	if ! (cd "$work" && { apt_get download $PACKAGES || { apt_get update && apt_get download $PACKAGES; }; }) >&2; then
		say "apt-get did not bring $PACKAGES: this needs Debian's or Ubuntu's package sources"
		exit 3
	fi
	mkdir "$work/root"
	for package in "$work"/*.deb; do dpkg -x "$package" "$work/root"; done
	mkdir -p "$CACHE" "$work/out/bin"
	cp "$work"/root/usr/bin/* "$work"/root/usr/sbin/* "$work/out/bin/" 2>/dev/null || :
	mv "$work/root/usr/lib/cni" "$work/out/cni"
	rm -rf "$OUT"
	mv "$work/out" "$OUT"
fi
"$OUT/bin/runc" --version >/dev/null 2>&1 || {
	say 'runc does not run here, it needs libseccomp2: apt-get install libseccomp2'
	exit 3
}
echo "$OUT"
