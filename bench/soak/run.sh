#!/bin/sh
# `npm run soak -- --minutes 30`: bench/soak/main.ts says what it is.
set -eu
cd "$(dirname "$0")/../.."
sh tools/setup.sh test

grep -q ' - cgroup2 ' /proc/self/mountinfo && exec node bench/soak/main.ts "$@"
# Where cgroup v2 is not mounted, it is for the soak alone: its sockets can be told from all others then.
into=$PWD/build/cgroup2
mkdir -p "$into"
# shellcheck disable=SC2016 # for the shell behind it
exec unshare --mount sh -c 'mount -t cgroup2 none "$0" && exec node bench/soak/main.ts "$@"' "$into" "$@"
