#!/bin/sh
# SPDX-License-Identifier: MIT
# check_bugs.sh - the simulator finds each of the mistakes of tests/planted/bugs.c
# within 10,000 seeds, those of faulty.c by their faults alone.
#
# Runs in the build folder. What else would find them is shown by `make planted`,
# which takes longer and depends on the machine; docs/simulation.md has that.
set -u
seeds=10000
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

if [ -n "${SANITIZE_CFLAGS:-}" ]; then
    echo "1..0 # SKIP the plain build finds them"
    exit 0
fi
# tell FILE DESCRIPTION: nothing should be in it.
tell() {
    if [ -s "$work/$1" ]; then
        sed 's/^/# /' "$work/$1"
        echo "not ok $n - $2"
    else
        echo "ok $n - $2"
    fi
}

tests/planted/bugs list > "$work/list"
echo "1..$(($(wc -l < "$work/list") + 2))"
n=0
while IFS='	' read -r name _ _; do
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
    grep -qF "| \`$name\` |" "$srcdir/docs/simulation.md" ||
        echo "$name" >> "$work/untold"
done < "$work/list"

n=$((n + 1))
while IFS='	' read -r name _ fault; do
    [ -z "$fault" ] || tests/planted/bugs "$name" orders 1 200 2> "$work/err" ||
        echo "$name" >> "$work/shown"
done < "$work/list"
tell shown "those that need a fault show in no order alone"

n=$((n + 1))
tell untold "docs/simulation.md has them all: make update-planted"
