#!/bin/sh
# Formats every C file of the tree; with --check it only says which are not.
set -eu
cd "$(dirname "$0")/.."
. tools/lib.sh

how=-i
[ "${1-}" != --check ] || how='--dry-run -Werror'
# shellcheck disable=SC2086 # the flags are words
find kernel test tools bench -name '*.[ch]' -exec "$(llvm_program clang-format)" $how {} +
