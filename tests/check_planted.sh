#!/bin/sh
# SPDX-License-Identifier: MIT
# check_planted.sh - the simulator finds faults in the parking protocol.
#
# Runs in the build folder. tests/planted/parking passes 1,000 seeds. Then one
# fault at a time is planted in a copy of a core source, compiled with a choice
# point at every atomic operation, and put in front of the library's: within
# the same seeds each has to show.
set -u
seeds=1000
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if [ -n "${SANITIZE_CFLAGS:-}" ]; then
    echo "1..0 # SKIP the faults are planted in the plain build"
    exit 0
fi
echo "1..8"

if timeout 120 tests/planted/parking 1 $seeds 2> "$work/err"; then
    echo "ok 1 - $seeds seeds pass without a fault"
else
    sed 's/^/# /' "$work/err"
    echo "not ok 1 - $seeds seeds pass without a fault"
fi

# plant N NAME FILE SED: SED puts the fault into core/FILE.
plant() {
    sed "$4" "$srcdir/core/$3" > "$work/planted.c"
    if cmp -s "$work/planted.c" "$srcdir/core/$3"; then
        echo "not ok $1 - $2: the fault no longer fits the source"
        return
    fi
    if ! $CC -std=c11 -D_GNU_SOURCE -DMO_POINTS=1 -g -O1 -w -fPIC \
        -fvisibility=hidden -I"$srcdir/include" -iquote "$srcdir/core" \
        -iquote core -c "$work/planted.c" -o "$work/planted.o" ||
        ! $CC -o "$work/planted" "$work/planted.o" \
            tests/planted/parking-parking.o core/.libs/libpoints.a \
            -lltdl -lyaml -lpthread
    then
        echo "not ok $1 - $2: does not build"
        return
    fi
    if timeout 60 "$work/planted" 1 $seeds 2> "$work/err"; then
        echo "not ok $1 - $2: not found in $seeds seeds"
    else
        sed -n 's/^/# /p' "$work/err" | head -n 3
        echo "ok $1 - $2"
    fi
}

plant 2 "the object's lock is dropped before the wait is open to claims" \
    wait.c 's/^    mo_swap(&waiter->claim, waiter->masked.*/    if (lock != NULL) mo_word_unlock(lock);\n    lock = NULL;\n&/'
plant 3 "a worker goes to sleep without a last look" \
    idle.c 's/if (!mo_worker_sees_work(w))/if (w != NULL)/'
plant 4 "a wait begins without looking for a cancellation" \
    wait.c 's/if (!waiter->masked && mo_task_cancelled.*/if (0)/'
plant 5 "a join does not notice that the fork has just ended" \
    frame.c 's/return !mo_cas(&frame->done, &out,/return 0 \&\& !mo_cas(\&frame->done, \&out,/'
plant 6 "a waiter is queued after its object was looked at" \
    handle.c 's/^    if (!handle->done \&\& deadline_ns > MOIRAI_NOW) {/&\n        mo_word_unlock(\&handle->lock);\n        mo_word_lock(\&handle->lock);/'
plant 7 "a select that others passed over waits all the same" \
    wait.c 's/if (mo_swap(&waiter->claim, MO_CLAIM_OPEN) == MO_CLAIM_POKED)/if (mo_swap(\&waiter->claim, MO_CLAIM_OPEN) == MO_CLAIM_TAKEN)/'
plant 8 "a select is served by two" \
    transfer.c 's/&& !mo_wait_claim(node->waiter))$/\&\& mo_load(\&node->waiter->claim) != MO_CLAIM_OPEN)/'
