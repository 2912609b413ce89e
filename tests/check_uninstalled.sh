#!/bin/sh
# SPDX-License-Identifier: MIT
# check_uninstalled.sh - pkg-config, told of the build folder, is enough to
# build a program and a module against a moirai that is not installed.
set -u
source=$(cd "${srcdir:-.}" && pwd)
build=$(pwd)
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
PKG_CONFIG_PATH=$build
LD_LIBRARY_PATH=$build/.libs
MOIRAI_PLUGIN_PATH=$scratch:$build/plugins/.libs
export PKG_CONFIG_PATH LD_LIBRARY_PATH MOIRAI_PLUGIN_PATH
unset DESTDIR MOIRAI_CONFIG PKG_CONFIG_SYSROOT_DIR
cd "$scratch" || exit 1

# result NAME: of the command before.
result() {
    status=$?
    [ $status -eq 0 ] || { sed 's/^/# /' "$scratch/log"; printf 'not '; }
    echo "ok $1"
}

# compile ARGUMENT...
compile() {
    # shellcheck disable=SC2086  # flags are words
    ${CC:-cc} -std=c11 -D_GNU_SOURCE -O1 -Wall -Wextra -Werror \
        ${SANITIZE_CFLAGS:-} "$@" >"$scratch/log" 2>&1
}

echo "1..3"
[ "$(pkg-config --variable=moduledir moirai)" = "$build/plugins/.libs" ] &&
    [ "$(pkg-config --variable=abi moirai)" = \
        "$(sed -n 's/^abi=//p' "$build/moirai.pc")" ] 2>"$scratch/log"
result "1 - the folder and the ABI of modules"

sed -e 's/(sched, fifo)/(sched, mine)/' -e 's/"fifo"/"mine"/' \
    "$source/plugins/schedulers/fifo.c" >mine.c
# shellcheck disable=SC2046,SC2086  # flags are words
compile -fPIC -shared -fvisibility=hidden ${DEFS_LDFLAGS:-} \
    -o sched_mine.so mine.c $(pkg-config --cflags moirai)
result "2 - a module"

# shellcheck disable=SC2046  # flags are words
compile -o program "$source/tests/installed/program.c" \
    $(pkg-config --cflags --libs moirai) &&
    timeout 60 ./program scheduler.plugin=mine >said 2>log &&
    [ "$(cat said)" = "$(pkg-config --modversion moirai) 42" ]
result "3 - a program, which runs under it"
