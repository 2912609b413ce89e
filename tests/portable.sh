#!/bin/sh
# SPDX-License-Identifier: MIT
# portable.sh - tests here what runs on systems that moirai does not know.
#
#     tests/portable.sh [TEST...]
#
# That is core/portable/ in place of what asks Linux, a thread for each task that
# waits, and stacks without guards: --with-os=portable --with-switch=threads. Left
# out are tests of what is not there then: guards and reports of overflows, dumps
# by a signal, fork(2), pipes as configuration, what is wrong with a module's
# file, forks nested deeper than the smaller stacks, options of the stack
# allocator mmap. What is built stays in $PORTABLE (preset: build/portable);
# $CONFIGURE are further arguments of configure.
#
# The last line is the number of test cases that passed and failed; the exit
# status is 0 if none failed.
set -u
cd "$(dirname "$0")/.." || exit 1
source=$PWD
build=${PORTABLE:-build/portable}
mkdir -p "$build" || exit 1
build=$(cd "$build" && pwd)
[ $# -gt 0 ] || set -- core/test_cancel core/test_chan core/test_expand \
    core/test_fail core/test_handle core/test_local core/test_mem \
    core/test_name core/test_option core/test_pool core/test_scope \
    core/test_simd core/test_slab core/test_span core/test_sync core/test_task core/test_text \
    core/test_time core/test_timer core/test_trace core/test_transfer \
    core/test_wait plugins/test_ring plugins/test_sched \
    plugins/test_stack_heap
programs=$(printf 'tests/%s ' "$@")

# The last gives its tasks some milliseconds, which threads may not make.
absent='chan::is_refused_in_a_forked_child
task::stacks_are_as_large_as_was_asked_for
scope::cancels_nested_scopes_when_its_deadline_comes'

[ -x configure ] || ./autogen.sh || exit 1
cd "$build" || exit 1
# shellcheck disable=SC2086  # words
{ [ -f Makefile ] || "$source/configure" -C --quiet --with-os=portable \
    --with-switch=threads --with-test-main=plain --enable-werror \
    CC="$(command -v ccache) ${CC:-gcc}" ${CONFIGURE:-}; } &&
    make -s -j "$(nproc)" all $programs || exit 1

passed=0
failed=0
MO_TEST_BRIEF=1
export MO_TEST_BRIEF

# is STATUS DESCRIPTION
is() {
    if [ "$1" -eq 0 ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAIL: $2"
    fi
}

# Each program has five minutes.
for program in $programs; do
    timeout --kill-after=10 300 "$program" >out 2>"${program##*/}.err"
    grep -vF "$absent" out >"${program##*/}.tap"
    sed -n "s|^not ok|FAIL: $program|p" "${program##*/}.tap"
    passed=$((passed + $(grep -c '^ok' "${program##*/}.tap")))
    failed=$((failed + $(grep -c '^not ok' "${program##*/}.tap")))
    plan=$(sed -n 's/^1\.\.//p' out)
    [ "$(grep -cE '^(not )?ok' out)" = "${plan:-none}" ]
    is $? "$program comes to its end"
done

seq 1 9 >want
timeout 60 examples/hello | sort -n | cmp - want
is $? "hello prints its nine numbers"
for workers in 1 4; do
    MOIRAI_WORKERS=$workers timeout 60 examples/wordfreq/wordfreq \
        "$source/include" >"words.$workers" && [ -s "words.$workers" ] &&
        cmp words.1 "words.$workers"
    is $? "wordfreq counts on $workers workers"
done
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
