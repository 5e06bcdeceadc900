#!/bin/sh
# `npm start`: sets up, then runs the agent. What follows -- goes to it: npm start -- --listen 0.0.0.0:9655
set -eu
cd "$(dirname "$0")/.."

sh tools/setup.sh start
exec ./kube-netc agent "$@"
