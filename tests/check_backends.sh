#!/bin/sh
# SPDX-License-Identifier: MIT
# check_backends.sh - the tests of I/O with each backend, and without io_uring.
#
# Runs in the build folder. What waits for descriptors is tested by itself with
# the backend that is taken without being asked, epoll; here with uring, if it
# was built, and with what is taken where the kernel forbids io_uring, as
# containers do. To ask for uring there is an error that says so.
set -u
tests="io io_ends net socket"
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
n=0
bad=0

say() {                             # STATUS WHAT
    n=$((n + 1))
    if [ "$1" -eq 0 ]; then
        echo "ok $n - $2"
    else
        sed 's/^/# /' "$work/out"
        echo "not ok $n - $2"
        bad=1
    fi
}

has_uring() {
    [ -e plugins/io_uring.la ] || grep -q io_uring core/builtin_list.h
}

# all NAME COMMAND...
all() {
    name=$1
    shift
    for test in $tests; do
        [ -x "tests/core/test_$test" ] || continue
        "$@" "tests/core/test_$test" > "$work/out" 2>&1
        say $? "$test, $name"
    done
}

noring=${noring:-tests/support/noring}
"$noring" true > "$work/out" 2>&1
forbidden=$?
[ $forbidden -eq 0 ] ||
    echo "ok $((n += 1)) - # SKIP no seccomp: $(cat "$work/out")"
[ $forbidden -ne 0 ] || all "io_uring forbidden" "$noring"
if has_uring && [ $forbidden -eq 0 ]; then
    MOIRAI_IO__PLUGIN=uring "$noring" tests/core/test_socket \
        > "$work/out" 2>&1
    status=$?
    [ $status -ne 0 ] && grep -q 'gives no io_uring' "$work/out"
    say $? "uring, asked for where it is forbidden, is said to be"
fi
if has_uring; then
    MOIRAI_IO__PLUGIN=uring tests/core/test_socket > "$work/out" 2>&1
    if grep -q 'gives no io_uring' "$work/out"; then
        echo "ok $((n += 1)) - # SKIP this kernel gives no io_uring"
    else
        all uring env MOIRAI_IO__PLUGIN=uring
    fi
fi
echo "1..$n"
exit $bad
