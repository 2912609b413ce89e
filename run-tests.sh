#!/bin/sh
# SPDX-License-Identifier: MIT
# run-tests.sh - installs what is needed, builds, and runs the whole suite.
#
#     ./run-tests.sh [CONFIGURE-ARGUMENT...]
#
# Builds in the folder $BUILD (preset: build/tests). $SUITES are the suites to
# run (preset: check; there are check-short and check-programs, which are parts of
# it, and check-long). The last line printed is the number of test cases that
# passed and failed; the exit status is 0 if none failed.
set -u
cd "$(dirname "$0")" || exit 1
source=$PWD
build=${BUILD:-build/tests}
suites=${SUITES:-check}

build() {
    ./install-deps.sh || return
    [ -x configure ] || ./autogen.sh || return
    mkdir -p "$build" || return
    (cd "$build" && "$source/configure" --quiet "$@") || return
    make -C "$build" -j "$(nproc)"
}

if ! build "$@"; then
    echo "run-tests.sh: the build failed"
    echo "0 passed, 1 failed"
    exit 1
fi

logs=
for suite in $suites; do
    case $suite in
    check | check-short | check-programs) log=$build/test-suite.log ;;
    *) log=$build/tests${suite#check}.log ;;
    esac
    rm -f "$log"
    make -C "$build" -j "$(($(nproc) + 1))" "$suite"
    logs="$logs $log"
done
# shellcheck disable=SC2086  # one word each
exec tests/total.sh $logs
