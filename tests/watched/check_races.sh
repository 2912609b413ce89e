#!/bin/sh
# SPDX-License-Identifier: MIT
# check_races.sh - ThreadSanitizer finds the races of tasks, and nothing else.
#
# The program is compiled for TSan, libmoirai as it is installed. Each way of
# tests/watched/race.c is run with one worker, where both tasks of a race run on
# the same thread, and with two.
set -u
source=$(cd "${srcdir:-.}" && pwd)
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

skip() {
    echo "1..0 # SKIP $*"
    exit 0
}

case ${SANITIZE_CFLAGS:-} in
?*) skip "the library is built for a sanitizer itself" ;;
esac
[ -f .libs/libmoirai.so ] || skip "needs a shared libmoirai"

# gcc's TSan has room for 8,128 stacks, clang's for more than we use.
compiler=
for candidate in clang "${CC:-cc}"; do
    # shellcheck disable=SC2086  # CC may be words
    $candidate -fsanitize=thread -g -O1 -I "$source/include" \
        "$source/tests/watched/race.c" -o "$work/race" -L .libs -lmoirai \
        -Wl,-rpath,"$PWD/.libs" 2>"$work/log" && compiler=$candidate && break
done
[ -n "$compiler" ] || skip "no compiler here that has TSan's library"
MOIRAI_CONFIG=
TSAN_OPTIONS=exitcode=66:report_signal_unsafe=0
export MOIRAI_CONFIG TSAN_OPTIONS
"$work/race" >"$work/ways" 2>"$work/log" ||
    skip "programs for TSan do not start here"

echo "1..$((2 * $(wc -l <"$work/ways")))"
echo "# $compiler"
number=0
while read -r way; do
    for workers in 1 2; do
        number=$((number + 1))
        MOIRAI_RUNTIME__WORKERS=$workers timeout 300 "$work/race" "$way" \
            >"$work/out" 2>&1
        code=$?
        case $way in
        race-*) wanted=66 text='data race' ;;
        *) wanted=0 text='^shared: ' ;;
        esac
        if [ $code -eq $wanted ] && grep -q "$text" "$work/out"; then
            echo "ok $number - $way, $workers worker(s)"
        else
            echo "not ok $number - $way, $workers worker(s)"
            echo "# exit status $code"
            head -n 60 "$work/out" | sed 's/^/# /'
        fi
    done
done <"$work/ways"
