#!/bin/sh
# SPDX-License-Identifier: MIT
# build.sh - builds the servers without a runtime into the folder it is given:
# `epoll`, and where there is a liburing, `uring`.
set -eu
source=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
command -v "${CC:-cc}" >/dev/null || command -v "${CC%% *}" >/dev/null || {
    echo "sockets: no C compiler" >&2
    exit 77
}
# shellcheck disable=SC2086  # CC may be words
compile() {
    ${CC:-cc} -std=c11 -D_GNU_SOURCE -O3 -Wall -Wextra "$source/$1.c" \
        "$source/serve.c" -o "$2/$1" $3
}
compile epoll "$1" ""
if echo '#include <liburing.h>' | ${CC:-cc} -E -x c - >/dev/null 2>&1; then
    compile uring "$1" -luring
else
    echo "uring: there is no liburing.h: apt-get install liburing-dev"
fi
