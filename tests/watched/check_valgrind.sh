#!/bin/sh
# SPDX-License-Identifier: MIT
# check_valgrind.sh - valgrind finds nothing in programs that are right, and
# finds what is wrong in one that is not.
#
# Runs in the build folder, on the examples, on the programs of
# tests/watched/race.c that have no race, and on tests/faults/waiting.
set -u
source=$(cd "${srcdir:-.}" && pwd)
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

skip() {
    echo "1..0 # SKIP $*"
    exit 0
}

case ${SANITIZE_CFLAGS:-} in ?*) skip "built for a sanitizer" ;; esac
command -v valgrind >/dev/null || skip "no valgrind: apt-get install valgrind"
[ -f .libs/libmoirai.so ] || skip "needs a shared libmoirai"
# shellcheck disable=SC2086  # CC may be words
${CC:-cc} -g -O1 -I "$source/include" "$source/tests/watched/race.c" \
    -o "$work/program" -L .libs -lmoirai -Wl,-rpath,"$PWD/.libs" ||
    skip "no compiler here"
cat >"$work/wrong.c" <<'END'
#include <moirai/moirai.h>
#include <stdlib.h>

static int read_behind(void *arg)
{
    int *three = calloc(3, sizeof *three);
    int found;

    moirai_sleep_until(moirai_after(MOIRAI_MS));
    found = three[(long)arg];
    free(three);
    return found != 0;
}

int main(void)
{
    struct moirai_runtime *rt;

    if (moirai_start(&rt, NULL, NULL) != 0)
        return 1;
    moirai_spawn(moirai_runtime_scope(rt), read_behind, (void *)3L);
    return moirai_stop(rt, MOIRAI_NEVER, NULL) != 0;
}
END
# shellcheck disable=SC2086  # CC may be words
${CC:-cc} -g -O0 -I "$source/include" "$work/wrong.c" -o "$work/wrong" \
    -L .libs -lmoirai -Wl,-rpath,"$PWD/.libs" || skip "no compiler here"
MOIRAI_CONFIG=
export MOIRAI_CONFIG
if timeout 300 valgrind --quiet "$work/program" 2>&1 |
    grep -q 'debuginfo reader'; then
    skip "this valgrind cannot read the debug information of ${CC:-cc}"
fi
ways=$("$work/program" | grep '^clean-' | grep -v stacks)
# shellcheck disable=SC2086  # words
set -- $ways
echo "1..$(($# + 4))"
number=0

# clean NAME COMMAND...
clean() {
    number=$((number + 1))
    name=$1
    shift
    if timeout 300 valgrind --quiet --fair-sched=yes --leak-check=full \
        --error-exitcode=99 --trace-children=yes \
        --trace-children-skip='/usr/bin/*,/bin/*' "$@" >"$work/out" 2>"$work/err"
    then
        echo "ok $number - $name"
    else
        echo "not ok $number - $name"
        head -n 40 "$work/err" | sed 's/^/# /'
    fi
}

for way; do
    clean "$way" "$work/program" "$way"
done
clean "hello" examples/hello
clean "wordfreq" examples/wordfreq/wordfreq -n 3 "$source/docs"
clean "the simulator" env MOIRAI_SCHEDULER__PLUGIN=sim "$work/program" \
    clean-buffered

number=$((number + 1))
timeout 300 valgrind --quiet --error-exitcode=99 "$work/wrong" >"$work/out" \
    2>"$work/err"
code=$?
if [ $code -eq 99 ] && grep -q 'Invalid read of size 4' "$work/err" &&
    grep -q 'read_behind (wrong\.c:' "$work/err"; then
    echo "ok $number - a wrong read after a wait, in its function"
else
    echo "not ok $number - a wrong read after a wait, in its function"
    head -n 40 "$work/err" | sed 's/^/# /'
fi
