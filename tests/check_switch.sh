#!/bin/sh
# SPDX-License-Identifier: MIT
# check_switch.sh - after every switch the worker is read again.
#
# Runs in the build folder. A task may wake on another thread, so a worker that
# was read before a switch must not be used after it, and compilers would love
# to. Read off the machine code, since that is what runs:
#
# - in the library, the first thing after each call of mo_switch is the load of
#   moirai_self_worker through %fs (but for the simulator's own switch between
#   the threads it plays, which are all one);
# - in a program built from the installed headers, fork and join on the two
#   sides of a wait load it each, at every level of optimisation, or call a copy
#   of themselves that does.
set -u
library=.libs/libmoirai.so
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

case $(objdump -f "$library" | sed -n 's/.*file format //p') in
elf64-x86-64) ;;
*)
    echo "1..0 # SKIP reads x86-64 code only"
    exit 0
    ;;
esac
if [ -n "${SANITIZE_CFLAGS:-}" ]; then
    echo "1..0 # SKIP sanitizers put code of their own there"
    exit 0
fi
if ! objdump -d "$library" | grep -q '<mo_switch>:'; then
    echo "1..0 # SKIP this build switches by ucontext"
    exit 0
fi
echo "1..2"

# Each call of the switch, with the two instructions that follow.
objdump -d --no-show-raw-insn "$library" |
    awk '/^[0-9a-f]+ <.*>:$/ { simulator = /<(hand_over|mo_sim_)/ }
         /call .*<mo_switch>/ && !simulator { calls++; at = $0; left = 2; next }
         left == 2 { first = $0; left = 1; next }
         left == 1 {
             left = 0
             if (first !~ /mov +0x[0-9a-f]+\(%rip\),%r/ || $0 !~ /mov +%fs:\(%r/)
                 print "# not read again after:", at
             else
                 good++
         }
         END { print calls + 0, good + 0 }' > "$work/calls"
if [ "$(tail -n 1 "$work/calls" | awk '{ print ($1 > 0 && $1 == $2) }')" = 1 ]
then
    echo "ok 1 - all $(tail -n 1 "$work/calls" | cut -d' ' -f1) switches"
else
    cat "$work/calls"
    echo "not ok 1 - the worker is not read again after a switch"
fi

cat > "$work/twice.c" <<'END'
#include <moirai/moirai.h>
int twice(moirai_fn *fn, void *a, void *b);
int twice(moirai_fn *fn, void *a, void *b)
{
    struct moirai_frame first, second;
    int rc;
    moirai_fork(&first, fn, a);
    moirai_yield();
    moirai_fork(&second, fn, b);
    moirai_yield();
    rc = moirai_join(&second);
    return rc + moirai_join(&first);
}
END
bad=0
for cc in gcc clang; do
    command -v "$cc" > /dev/null || continue
    for level in -O1 -O2 -O3 -Os; do
        "$cc" -std=c11 "$level" -fPIC -I"$srcdir/include" -c "$work/twice.c" \
            -o "$work/twice.o" || bad=1
        # Loads in the function before, between and after the two waits.
        objdump -dr --no-show-raw-insn "$work/twice.o" |
            awk '/moirai_yield/ { part++ }
                 /%fs:|<moirai_(self|fork|join)>/ { n[part + 0]++ }
                 END { exit !(n[0] >= 1 && n[1] >= 1 && n[2] >= 2) }' ||
            { echo "# $cc $level keeps a worker across a wait"; bad=1; }
    done
done
if [ $bad = 0 ]; then
    echo "ok 2 - inline paths read the worker anew"
else
    echo "not ok 2 - inline paths read the worker anew"
fi
