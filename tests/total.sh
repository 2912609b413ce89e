#!/bin/sh
# SPDX-License-Identifier: MIT
# total.sh - adds up the test cases of summaries that `make check` wrote.
#
#     tests/total.sh LOG...
#
# Prints every test that did not pass, then one line `N passed, N failed`.
# What could not be counted has failed: a program that ended before its tests
# had (automake calls it an error), a log that is not there.
set -u

passed=0
failed=0

# The number that the summary $1 gives for $2.
count() {
    sed -n "s/^# $2: *\([0-9][0-9]*\)$/\1/p" "$1" | head -n 1
}

for log in "$@"; do
    if [ ! -f "$log" ] || [ -z "$(count "$log" TOTAL)" ]; then
        echo "FAIL: $log was not written"
        failed=$((failed + 1))
        continue
    fi
    grep -E '^(FAIL|ERROR|XPASS|SKIP)(: .* - | .*\(exit status)' "$log"
    passed=$((passed + $(count "$log" PASS) + $(count "$log" XFAIL)))
    failed=$((failed + $(count "$log" FAIL) + $(count "$log" ERROR) +
        $(count "$log" XPASS)))
done

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
