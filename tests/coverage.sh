#!/bin/sh
# SPDX-License-Identifier: MIT
# coverage.sh - how many lines of core and plugins the tests run.
#
#     tests/coverage.sh
#
# Builds with gcc in the folder $BUILD (preset: build/coverage), runs the tests
# briefly, and prints each line that none of them ran. Lines that cannot or
# need not be run are named, with the reason, in tests/coverage.exclude. Fails
# if a test does, or if fewer than $LEAST (95) % of the lines were run in core
# or in plugins. The last line says how many of its cases passed and failed.
set -u
cd "$(dirname "$0")/.." || exit 1
source=$PWD
build=${BUILD:-build/coverage}
least=${LEAST:-95}
command -v gcovr > /dev/null || {
    echo "coverage.sh: gcovr not found: apt-get install gcovr" >&2
    exit 1
}

# Modules that tests corrupt on purpose make libgcov complain in the tools'
# output, which other tests read.
GCOV_ERROR_FILE=/dev/null
export GCOV_ERROR_FILE

build() {
    [ -x configure ] || ./autogen.sh || return
    mkdir -p "$build" || return
    (cd "$build" && "$source/configure" --quiet --enable-coverage \
        CC="${CC:-gcc}" CFLAGS="-O0 -g") || return
    make -C "$build" -j "$(nproc)" || return
    find "$build" -name '*.gcda' -exec rm -f {} +
    rm -f "$build/tests-coverage.log"
    make -C "$build" -j "$(nproc)" check-coverage
}

# count: gcovr's JSON. gcov derives counts of branches from those of blocks, and
# where control leaves a function by a switch may find fewer than none.
count() {
    gcovr --root "$source" --object-directory "$build" --json \
        --gcov-ignore-parse-errors \
        --filter 'core/' --filter 'plugins/' "$build" 2> "$build/gcovr.log" ||
        cat "$build/gcovr.log" >&2
}

build
tests/total.sh "$build/tests-coverage.log" > "$build/total"
tests=$?
count | python3 tests/coverage.py tests/coverage.exclude "$least"
lines=$?
cat "$build/total"
[ "$tests" -eq 0 ] && [ "$lines" -eq 0 ]
