#!/bin/sh
# SPDX-License-Identifier: MIT
# check_switch.sh - after every switch the worker is read again.
#
# Runs in the build folder. A task may wake on another thread, so a worker that
# was read before a switch must not be used after it, and compilers would love
# to. Read off the machine code, since that is what runs:
#
# - in the library, the first thing after each call of mo_switch, or the jump of
#   one written out, is to read the worker: the load through the thread's register, or the call of moirai_self
#   (but for the simulator's own switch between the threads it plays, which are
#   all one);
# - in a program built from the installed headers, fork and join on the two
#   sides of a wait read it each, at every level of optimisation, or call a copy
#   of themselves that does.
set -u
library=.libs/libmoirai.so
objdump=${OBJDUMP:-objdump}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Compilers may put an instruction of their own before the last of ours.
called='<moirai_self>'
case $($objdump -f "$library" | sed -n 's/.*file format //p') in
elf64-x86-64) near=2 read='mov +%fs:(0x0)?\(%r' ;;
elf64-littleaarch64) near=2 read='mrs\t.*tpidr_el0' ;;
elf64-littleriscv) near=4 read='add\t.*,tp$' ;;
elf32-i386 | elf32-littlearm) near=3 read=$called ;;
*)
    echo "1..0 # SKIP cannot read this machine's code"
    exit 0
    ;;
esac
if [ -n "${SANITIZE_CFLAGS:-}" ]; then
    echo "1..0 # SKIP sanitizers put code of their own there"
    exit 0
fi
if ! $objdump -d "$library" | grep -q '<mo_switch>:'; then
    echo "1..0 # SKIP this build switches by ucontext"
    exit 0
fi
echo "1..2"

# Each call of the switch, and the instructions that follow.
$objdump -d --no-show-raw-insn "$library" |
    awk -v near="$near" -v read="$read" '
         /^[0-9a-f]+ <.*>:$/ { simulator = /<(hand_over|mo_sim_)/ }
         /\t(call|bl|blx|jal)[ \t].*<mo_switch>/ && !simulator ||
         /\tnotrack jmp +\*%rcx/ {
             calls++; at = $0; left = near; next
         }
         left > 0 && $0 ~ read { good++; left = 0 }
         left > 0 && --left == 0 { print "# not read again after:", at }
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
# A call counts by its name in the instruction or in the relocation below it.
bad=0
if [ -n "${OBJDUMP:-}" ]; then set -- "$CC"; else set -- gcc clang; fi
for cc in "$@"; do
    command -v "${cc%% *}" > /dev/null || continue
    for level in -O1 -O2 -O3 -Os; do
        # shellcheck disable=SC2086  # $cc may be words
        $cc -std=c11 "$level" -fPIC -I"$srcdir/include" -c "$work/twice.c" \
            -o "$work/twice.o" || bad=1
        # Reads in the function before, between and after the two waits.
        $objdump -dr --no-show-raw-insn "$work/twice.o" |
            awk '/moirai_yield/ { part += !seen; seen = 1; next }
                 { seen = 0 }
                 /%fs:|tpidr_el0|add\t.*,tp$|<moirai_(fork|join)>|R_.*[ \t]moirai_(self|fork|join)(-0x4)?$/ {
                     n[part + 0]++
                 }
                 END { exit !(n[0] >= 1 && n[1] >= 1 && n[2] >= 2) }' ||
            { echo "# $cc $level keeps a worker across a wait"; bad=1; }
    done
done
if [ $bad = 0 ]; then
    echo "ok 2 - inline paths read the worker anew"
else
    echo "not ok 2 - inline paths read the worker anew"
fi
