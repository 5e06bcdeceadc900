#!/bin/sh
# `npm run image`: sets up, then builds the container image for x86-64 and arm64 into build/image. See tools/image/build.ts.
set -eu
cd "$(dirname "$0")/../.."
. tools/lib.sh

sh tools/setup.sh start
sh tools/image/programs.sh umoci
umask 022
PATH=$PWD/node_modules/.bin:${KUBE_NETC_IMAGE_CACHE-$PWD/.cache/image}/bin:$PATH
exec "$(find_node)" tools/image/build.ts "$@"
