#!/bin/sh
# SPDX-License-Identifier: MIT
# build.sh - builds the plain threads' program into the folder it is given.
set -eu
source=$(cd "$(dirname "$0")" && pwd)
support=$source/../../support
mkdir -p "$1"
command -v "${CC:-cc}" >/dev/null || command -v "${CC%% *}" >/dev/null || {
    echo "pthreads: no C compiler" >&2
    exit 77
}
# shellcheck disable=SC2086  # CC may be words
${CC:-cc} -std=c11 -D_GNU_SOURCE -O3 -Wall -Wextra -I "$support" \
    "$source"/*.c "$support/bench.c" "$support/loops.c" -o "$1/pthreads" \
    -pthread -lm
