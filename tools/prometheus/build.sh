#!/bin/sh
# Builds a current Prometheus, without its web pages, out of the Go module proxy, for the tests:
#   sh tools/prometheus/build.sh           progress on stderr; the directory of prometheus and promtool on stdout, last line
#   sh tools/prometheus/build.sh --find    builds nothing; exit code 1 when they are not there
# It takes minutes, so `npm test` does not do it: tests that want it are skipped until it is there. Where it is kept, and
# what exit code 3 says: ../lib-go.sh.
#
# To another version (its modules are numbered v0.3NN for 3.NN), with the same build tags, for the sources of some kinds of
# discovery that they leave out are not to be had:
#   GOFLAGS=-tags=remove_all_sd,enable_kubernetes_sd go get -tool github.com/prometheus/prometheus/cmd/{prometheus,promtool}@v0.3NN.N
set -eu
cd "$(dirname "$0")"

NAME=prometheus
# Of the kinds of discovery only that of Kubernetes: half as much to compile.
FLAGS='-trimpath -buildvcs=false -gcflags=all=-dwarf=false -tags=remove_all_sd,enable_kubernetes_sd'
# shellcheck source=tools/lib-go.sh
. ../lib-go.sh

package_of() {
	echo "github.com/prometheus/prometheus/cmd/$1"
}

# What it says of itself.
version_flag() {
	sed -n 's/^.*github.com\/prometheus\/prometheus v0\.30*\([0-9.]*\).*/-X github.com\/prometheus\/common\/version.Version=3.\1/p' go.mod |
		head -n 1
}

is_there() {
	[ -x "$OUT/prometheus" ] && [ -x "$OUT/promtool" ]
}

if ! is_there; then
	if [ "${1-}" = --find ]; then
		say 'a current Prometheus is not built (sh tools/prometheus/build.sh brings it, in minutes)'
		exit 1
	fi
	mkdir -p "$OUT"
	check_go
	lock "$OUT/.lock"
	if ! is_there; then # by somebody else in the meantime
		since=$(date +%s)
		make_work
		build . "$(version_flag)" prometheus promtool
		rm -rf "$WORK"
		say "built in $(($(date +%s) - since)) s into $OUT"
	fi
	drop_unused
fi
touch "$OUT" 2>/dev/null || : # in use: not to be removed
echo "$OUT"
