# shellcheck shell=sh
# What the scripts of this folder share. Sourced from the root of the tree, after tools/lib.sh and tools/vm/lib.sh, whose
# apt of its own is used here too.

IMAGE_CACHE=${KUBE_NETC_IMAGE_CACHE-$PWD/.cache/image}
# shellcheck disable=SC2034 # read by tools/vm/lib.sh
VM_CACHE=$IMAGE_CACHE
PATH=$PATH:$IMAGE_CACHE/bin
export PATH

say() {
	printf 'image: %s\n' "$*" >&2
}
