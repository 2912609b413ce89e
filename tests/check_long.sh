#!/bin/sh
# SPDX-License-Identifier: MIT
# check_long.sh - the core's tests, many times in a row.
#
#     tests/check_long.sh [PROGRAM...]
#
# Runs in the build folder, as part of `make check-long`; without arguments
# every program of tests/core. Each is run MO_LONG_TIMES times (20), briefly,
# that is with fewer repetitions and seeds: on 8, 2, 1 and 4 workers by turns
# where a test does not say itself how many. One case per program; its first
# failure ends it.
set -u
times=${MO_LONG_TIMES:-20}
log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT
MO_TEST_BRIEF=1
export MO_TEST_BRIEF
unset MO_TEST_LONG

# workers ROUND
workers() {
    case $(($1 % 4)) in
    0) echo 8 ;;
    1) echo 2 ;;
    2) echo 1 ;;
    3) echo 4 ;;
    esac
}

# rounds PROGRAM: fails with the round's output in $log.
rounds() {
    round=0
    while [ "$round" -lt "$times" ]; do
        MOIRAI_WORKERS=$(workers "$round")
        export MOIRAI_WORKERS
        timeout --kill-after=10 600 "$1" > "$log" 2>&1 || return 1
        round=$((round + 1))
    done
}

if [ $# -eq 0 ]; then
    for program in tests/core/test_*; do
        case $program in
        *.*) ;;
        *) [ -x "$program" ] && set -- "$@" "$program" ;;
        esac
    done
fi
echo "1..$#"
n=0
for program in "$@"; do
    n=$((n + 1))
    if rounds "$program"; then
        echo "ok $n - $program, $times times"
    else
        sed 's/^/# /' "$log"
        echo "not ok $n - $program, round $round on $MOIRAI_WORKERS workers"
    fi
done
