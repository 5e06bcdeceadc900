# shellcheck shell=sh
# What the scripts of this folder share. Sourced from the root of the tree, after tools/lib.sh.

. tools/lib-apt.sh

# Outside the tree, so that checkouts share it.
VM_CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/kube-netc/kernels

say() {
	printf 'kernels: %s\n' "$*" >&2
}

# One at a time: tests may want the same kernel at once.
lock_cache() {
	mkdir -p "$VM_CACHE"
	if have flock; then
		exec 8>"$VM_CACHE/lock"
		flock 8
	fi
}
