# shellcheck shell=sh
# What the scripts of this folder share. Sourced from the root of the tree, after tools/lib.sh.

VM_CACHE=${KUBE_NETC_VM_CACHE-$PWD/.cache/kernels}

say() {
	printf 'kernels: %s\n' "$*" >&2
}

# The repositories of Debian that this machine's apt knows: $archive and, in it or beside it, $security.
# An `apt-get update` must have been run once.
find_mirror() {
	archive=$(apt-get indextargets --format '$(REPO_URI) $(ORIGIN)' 'Created-By: Packages' 2>/dev/null |
		awk '$2 == "Debian" && $1 ~ /\/debian\/?$/ { print $1; exit }')
	archive=${archive%/}
	security=${archive%/debian}/debian-security
	[ -n "$archive" ]
}
