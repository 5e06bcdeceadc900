#!/bin/sh
# `npm run test:kernels`: sets up, then tests the agent on real kernels in emulated machines. See tools/vm/run.ts.
set -eu
cd "$(dirname "$0")/../.."
. tools/lib.sh

sh tools/setup.sh test
exec "$(find_node)" --disable-warning=ExperimentalWarning tools/vm/run.ts "$@"
