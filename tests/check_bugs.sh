#!/bin/sh
# SPDX-License-Identifier: MIT
# check_bugs.sh - the simulator finds each of the mistakes of
# tests/planted/bugs.c within 10,000 seeds.
#
# Runs in the build folder. Beside it, for comparison, and with no say in the
# matter: how many of them show in as many rounds on real workers.
set -u
seeds=10000
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

if [ -n "${SANITIZE_CFLAGS:-}" ]; then
    echo "1..0 # SKIP the plain build finds them"
    exit 0
fi
names=$(tests/planted/bugs)
# shellcheck disable=SC2086  # words
set -- $names
echo "1..$#"
n=0
shown=0
for name in "$@"; do
    n=$((n + 1))
    timeout 120 tests/planted/bugs "$name" sim 1 $seeds 2> "$work/err"
    status=$?
    seed=$(sed -n 's/.*seed[ =]\([0-9]*\).*/\1/p' "$work/err" | head -n 1)
    if [ "$status" -ne 0 ] && [ "$status" -ne 124 ] && [ -n "$seed" ]; then
        echo "ok $n - $name: seed $seed"
    else
        sed 's/^/# /' "$work/err" | head -n 5
        echo "not ok $n - $name: not found in $seeds seeds"
    fi
    timeout 70 tests/planted/bugs_plain "$name" stress $seeds \
        2> /dev/null || shown=$((shown + 1))
done
echo "# on real workers, in as many rounds each, $shown of $# showed"
