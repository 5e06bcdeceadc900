#!/bin/sh
# `npm run bench`: sets up, then measures. See bench/run.ts.
set -eu
cd "$(dirname "$0")/.."
. tools/lib.sh

sh tools/setup.sh test
PATH=$PWD/node_modules/.bin:$PATH
exec "$(find_node)" --disable-warning=ExperimentalWarning bench/run.ts "$@"
