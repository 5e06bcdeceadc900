#!/bin/sh
# Builds build/kube-netc.bpf.o from kernel/, if kernel/ or the compiler changed since. With --force: always.
# BPF_MACHINE=aarch64 BPF_OBJECT=FILE builds it for another kind of machine, by its name in `uname -m`, into FILE.
set -eu
cd "$(dirname "$0")/.."
. tools/lib.sh

SOURCE=kernel/kube-netc.bpf.c
OBJECT=${BPF_OBJECT-build/kube-netc.bpf.o}
machine=${BPF_MACHINE-$(uname -m)}

case $machine in
x86_64) arch=x86 ;;
aarch64 | arm64) arch=arm64 ;;
*)
	say "the kernel programs know x86-64 and arm64, not $machine" >&2
	exit 2
	;;
esac
if ! clang=$(llvm_program clang); then
	say "no clang 16 or newer: sh tools/setup.sh installs it or says how" >&2
	exit 2
fi

flags="-O2 -g -Wall -Werror -target bpf -mcpu=v3 -D__TARGET_ARCH_$arch -Ikernel/include -ffile-compilation-dir=."
hash=$({
	echo "$flags"
	"$clang" --version
	find kernel /usr/include/bpf -name '*.[ch]' | LC_ALL=C sort | xargs sha256sum
} | sha256sum)
if [ "${1-}" != --force ] && [ -f "$OBJECT" ] && fresh "$OBJECT.stamp" "$hash"; then
	exit 0
fi

say "building $OBJECT with $clang"
mkdir -p "$(dirname "$OBJECT")"
# shellcheck disable=SC2086 # the flags are words
"$clang" $flags -c $SOURCE -o "$OBJECT.new"
# Debugging information goes; the type information (BTF) that the loader needs stays.
"$(llvm_program llvm-strip)" -g "$OBJECT.new"
mv "$OBJECT.new" "$OBJECT"
echo "$hash" >"$OBJECT.stamp"
