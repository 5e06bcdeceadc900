#!/bin/sh
# Builds the client and server programs of the tests, one for each test/traffic/*.c, into build/traffic/.
# TRAFFIC_OUTPUT=FOLDER TRAFFIC_FLAGS='--target=...' builds them for another kind of machine.
set -eu
cd "$(dirname "$0")/.."
. tools/lib.sh

OUT=${TRAFFIC_OUTPUT-build/traffic}
FLAGS="-std=gnu17 -O2 -g -Wall -Wextra -Werror -pthread ${TRAFFIC_FLAGS-}"

clang=$(llvm_program clang)
hash=$({
	echo "$FLAGS"
	"$clang" -dumpversion
	find test/traffic -name '*.[ch]' | LC_ALL=C sort | xargs sha256sum
} | sha256sum)
if fresh "$OUT/.stamp" "$hash"; then exit 0; fi

say "building the programs of the tests into $OUT"
rm -rf "$OUT"
mkdir -p "$OUT"
for source in test/traffic/*.c; do
	# shellcheck disable=SC2086 # the flags are words
	"$clang" $FLAGS "$source" -o "$OUT/$(basename "$source" .c)"
done
echo "$hash" >"$OUT/.stamp"
