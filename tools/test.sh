#!/bin/sh
# `npm test`: sets up, then runs every test that this machine can run. The last line is the count.
set -eu
cd "$(dirname "$0")/.."
. tools/lib.sh

sh tools/setup.sh test || {
	status=$?
	echo '0 passed, 1 failed, 0 skipped'
	exit "$status"
}
PATH=$PWD/node_modules/.bin:$PATH
exec "$(find_node)" tools/run-tests.ts "$@"
