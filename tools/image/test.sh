#!/bin/sh
# `npm run test:image`: sets up, builds the image, and tests what is in it and how it runs under runc.
set -eu
cd "$(dirname "$0")/../.."
. tools/lib.sh

sh tools/setup.sh test
sh tools/image/build.sh
sh tools/image/programs.sh runc
PATH=$PWD/node_modules/.bin:$PATH
exec vitest run --project image "$@"
