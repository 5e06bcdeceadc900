# shellcheck shell=sh
# What the scripts of this folder share. Sourced from the root of the tree; POSIX sh, so that it runs everywhere and can
# say what is missing there.

CACHE=${SETUP_CACHE-$PWD/.cache/tools}
# Non-root users of Debian have no sbin in their PATH. Unpacked programs come last: the machine's own win.
PATH=$CACHE/first:$PATH:/usr/local/sbin:/usr/sbin:/sbin:$CACHE/bin
export PATH

say() {
	printf 'set-up: %s\n' "$*"
}

have() {
	command -v "$1" >/dev/null 2>&1
}

# The first program of a family of LLVM that is new enough: `llvm_program clang` prints clang-19 or clang.
# 19 first: it is what Debian 12 has and what is tested. 16 is the oldest that is known to build the object.
llvm_program() {
	for version in 19 22 21 20 18 17 16; do
		if have "$1-$version"; then
			echo "$1-$version"
			return
		fi
	done
	have "$1" || return 1
	[ "$("$1" --version | sed -n 's/.*version \([0-9]*\).*/\1/p' | head -n 1)" -ge 16 ] 2>/dev/null && echo "$1"
}

# `fresh STAMP HASH`: whether what the stamp stands for was made from the same input.
fresh() {
	[ -f "$1" ] && [ "$(cat "$1")" = "$2" ]
}

# The Node that runs TypeScript as it is: the one that npm brought, else the machine's own if it is new enough.
find_node() (
	IFS=:
	for folder in "$PWD/node_modules/.bin" $PATH; do
		if "$folder/node" -e 'process.exit(process.features.typescript ? 0 : 1)' 2>/dev/null; then
			echo "$folder/node"
			return
		fi
	done
	return 1
)

# Whether node_modules is what package-lock.json says.
modules_are_fresh() {
	fresh node_modules/.set-up "$(sha256sum <package-lock.json)"
}
