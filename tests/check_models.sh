#!/bin/sh
# SPDX-License-Identifier: MIT
# check_models.sh - the lock-free parts, played in every way they can run.
#
# Runs in the build folder. Each tests/models/model_*.c is compiled together
# with the sources that it is about and played to the end; then once more for
# each memory order in those sources, with that order taken away: it has to
# show, or tests/models/orders says why it does not. Then faults are planted in
# copies of the sources, and have to show, too. See tests/models/README.md.
#
# With arguments, only those models: `sh tests/check_models.sh mutex`, with
# srcdir and CC set.
#
# MO_TEST_LONG=1 plants more than one fault for each. By hand: MODEL_SPARE=1 also
# tries that what `orders` calls spare is (minutes), MODEL_MORE=1 lets threads
# be interrupted more often than the models say (minutes for some).
set -u
export CCACHE_DISABLE=1     # it does not see that a header has appeared
srcdir=${srcdir:-.}
models=$srcdir/tests/models
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
n=0

if [ -n "${SANITIZE_CFLAGS:-}" ]; then
    echo "1..0 # SKIP the models are checked in the plain build"
    exit 0
fi
if ! command -v addr2line > "$work/out"; then
    echo "1..0 # SKIP no addr2line (binutils), which names accesses"
    exit 0
fi
echo 'int main(void) { return 0; }' > "$work/none.c"
if ! $CC -fsanitize=thread -no-pie -c "$work/none.c" -o "$work/none.o" \
    2> "$work/out"; then
    echo "1..0 # SKIP $CC does not report accesses (-fsanitize=thread)"
    exit 0
fi
for c in memory explore hooks; do
    if ! $CC -std=c11 -D_GNU_SOURCE -O2 -w -c "$models/$c.c" \
        -o "$work/$c.o"; then
        echo "1..1"
        echo "not ok 1 - the checker compiles"
        exit 0
    fi
done

# compile NAME: models/NAME.c to $work/NAME, with what is in $work/planted in
# front of the sources. Nothing of ThreadSanitizer's is linked; and only what
# the model uses of the core has to be there.
compile() {
    $CC -std=c11 -D_GNU_SOURCE -DMO_MODEL=1 -DMOIRAI_SLOW_SELF=1 \
        -fsanitize=thread -fno-inline -O0 -gdwarf-4 -w -fno-pie \
        -I"$work/planted/include" -I"$srcdir/include" -iquote "$models" \
        -iquote "$work/planted/core" -iquote "$srcdir/core" -iquote core \
        -c "$models/$1.c" -o "$work/$1.o" &&
        $CC -no-pie "$work/$1.o" "$work/memory.o" "$work/explore.o" \
            "$work/hooks.o" -Wl,--unresolved-symbols=ignore-all \
            -o "$work/$1"
}

# is OK NAME: a line of the report.
is() {
    n=$((n + 1))
    if [ "$1" = yes ]; then
        echo "ok $n - $2"
    else
        sed 's/^#* */# /' "$work/out" | head -n 60
        echo "not ok $n - $2"
    fi
}

# play PROGRAM NAME: it holds in every run. False: it does not.
play() {
    if timeout 300 "$work/$1" > "$work/out" 2>&1; then
        sed -n 's/^# /# /p' "$work/out"
        is yes "$2"
    else
        is no "$2"
        return 1
    fi
}

# name_sites PROGRAM: of standard input's addresses, each: ADDRESS FILE:LINE
# |CODE, where FILE is the innermost that is not atomic.h.
name_sites() {
    cut -d' ' -f1 > "$work/addresses"
    while read -r at; do
        printf '%#x\n' $((at - 1))
    done < "$work/addresses" | addr2line -a -i -e "$1" |
        awk -v addresses="$work/addresses" '
            /^0x/ { getline at < addresses; named = 0; next }
            named || /\/atomic\.h:/ || /^\?/ { next }
            {
                named = 1
                sub(/ \(.*/, "")
                file = $0; sub(/:[0-9]*$/, "", file)
                line = $0; sub(/.*:/, "", line)
                if (!(file in read)) {
                    read[file] = 1
                    for (n = 1; (getline code < file) > 0; n++)
                        text[file, n] = code
                }
                code = text[file, line + 0]
                sub(/^ */, "", code)
                sub(/.*\//, "", file)
                print at, file ":" line, "|" code
            }'
}

# listed KIND MODEL: which codes `orders` lists.
listed() {
    sed -n "s/^$1 $2: //p" "$models/orders"
}

# choose: of name_sites' output, what is in the files that the model is about;
# in "$work/spare" what is spare, in "$work/needed" the rest.
choose() {
    sed -n '/^ \* About:/,/^ \*\//p' "$models/model_$1.c" |
        grep -o '[a-z_]*\.[ch]' | sed 's/.*/ &:/' > "$work/about"
    grep -F -f "$work/about" "$work/sites" > "$work/mine"
    listed spare "$1" > "$work/codes"
    grep -F -f "$work/codes" "$work/mine" > "$work/spare"
    grep -v -F -f "$work/codes" "$work/mine" > "$work/needed"
}

# try MODEL HOW FILE EXPECTED NAME: weakens each access in FILE.
try() {
    [ -s "$3" ] || return
    # shellcheck disable=SC2046  # many addresses
    timeout 300 "$work/model_$1" "$2" $(cut -d' ' -f1 "$3") > "$work/found"
    while read -r verdict at _; do
        [ "$verdict" = "$4" ] || grep "^$at " "$3" | sed "s/^[^ ]*/$verdict:/"
    done < "$work/found" > "$work/out"
    if [ -s "$work/out" ] ||
        [ "$(wc -l < "$work/found")" -ne "$(wc -l < "$3")" ]; then
        is no "$5"
    else
        is yes "$5: $(wc -l < "$3")"
    fi
}

check_model() {
    if ! compile "model_$1" > "$work/out" 2>&1; then
        is no "$1 compiles"
        return
    fi
    play "model_$1" "$1 holds" || return
    "$work/model_$1" sites | name_sites "$work/model_$1" > "$work/sites"
    choose "$1"
    if [ ! -s "$work/needed" ]; then
        echo "no access was found in: $(cat "$work/about")" > "$work/out"
        is no "$1: orders that are needed"
    fi
    try "$1" weaken "$work/needed" caught "$1: orders that are needed"
    listed total "$1" > "$work/codes"
    grep -F -f "$work/codes" "$work/mine" > "$work/total"
    try "$1" total "$work/total" caught "$1: total orders that are needed"
    [ -z "${MODEL_SPARE:-}" ] ||
        try "$1" weaken "$work/spare" spare "$1: orders that are spare"
}

# plant MODEL NAME SED FILE...: SED puts the fault into the first file, below
# the source tree; the others include it by its name.
plant() {
    wanted "$1" || return
    model=$1
    name="$1: $2"
    sed=$3
    file=$4
    shift 3
    rm -rf "$work/planted"
    for f in "$@"; do
        mkdir -p "$(dirname "$work/planted/$f")"
        cp "$srcdir/$f" "$work/planted/$f"
    done
    sed "$sed" "$srcdir/$file" > "$work/planted/$file"
    if cmp -s "$work/planted/$file" "$srcdir/$file"; then
        echo "the fault no longer fits the source" > "$work/out"
        is no "$name"
    elif ! compile "model_$model" > "$work/out" 2>&1; then
        is no "$name: does not compile"
    elif timeout 120 "$work/model_$model" > "$work/out" 2>&1; then
        is no "$name: not found"
    else
        grep -m 1 ': ' "$work/out"
        is yes "$name"
    fi
    rm -rf "$work/planted"
}

if compile litmus > "$work/out" 2>&1; then
    play litmus "the checker knows C's memory model"
else
    is no "litmus compiles"
fi
only=" $* "
wanted() {
    case $only in "  " | *" $1 "*) true ;; *) false ;; esac
}

for model in "$models"/model_*.c; do
    model=${model##*/model_}
    if wanted "${model%.c}"; then
        check_model "${model%.c}"
    fi
done

plant lock "who takes it does not look whether it was free" \
    's/mo_swap(word, 1) != 0;)/mo_swap(word, 1) > 1;)/' core/lock.h
plant deque "a thief does not look whether it was the first" \
    's/return MOIRAI_DEQUE_SWAP(&d->top, &t, t + 1);/MOIRAI_DEQUE_STORE(\&d->top, t + 1, SEQ_CST); return true;/' \
    include/moirai/deque.h
plant frame "the owner takes a public slot without asking" \
    's/word = mo_swap(slot, 0);/mo_store(slot, 0);/' \
    core/frame.c
plant idle "one who searched, and finds more than it takes, wakes nobody" \
    's/^        mo_idle_search(w);          .*/        (void)w;/' core/idle.c
plant mutex "who unlocks last does not wait for the one before" \
    's/^    wait_for_last(mutex);//' core/sync.c
plant owned "a channel is shared before the others have fenced" \
    's/^    mo_os_barrier();.*//' core/tenure.c
plant solo "the worker does not look whether it is frozen" \
    's/return waiter->solo && mo_load(&w->frozen) == 0/return waiter->solo/' \
    core/single.c
plant wait "a wait begins without looking for a cancellation" \
    's/if (!waiter->masked && mo_task_cancelled.*/if (0)/' core/wait.c
plant gate "a select that others passed over waits all the same" \
    's/== MO_CLAIM_POKED$/== MO_CLAIM_TAKEN/; s/== MO_CLAIM_POKED)/== MO_CLAIM_TAKEN)/' \
    core/wait.c
plant scope "the owner goes before the last task has let go of the lock" \
    's/if (!let_go(scope)) {/if (!let_go(scope) \&\& mo_load(\&scope->flags) == 0) {/' \
    core/scope.c
plant roster "a fiber is hidden after looking for walkers" \
    's/^    if (mo_load_seq(&roster->walkers) == 0)/    if (true)/' core/roster.c
plant counting "the ticket changes while nobody says so" \
    's/^    mo_scope_count_begin(w);//' core/scope.c
plant parker "who unparks does not look whether somebody sleeps" \
    's/^    if (found != TOKEN_ASLEEP)/    if (found == TOKEN_ASLEEP)/' \
    core/os/real.c
plant parker "who sleeps elsewhere is not roused" \
    's/^    if (found == TOKEN_AWAY)/    if (found == TOKEN_ASLEEP)/' core/os/real.c
plant once "what failed is not passed on" 's/^        pass_on(once);//' core/once.c
if [ -n "${MO_TEST_LONG:-}" ]; then
    plant deque "the owner takes the last one without asking" \
        's/if (t < b) {/if (t <= b) {/' include/moirai/deque.h
    plant frame "a join does not notice that the fork has just ended" \
        's/return !mo_cas(&frame->done, &out,/return 0 \&\& !mo_cas(\&frame->done, \&out,/' \
        core/frame.c
    plant idle "a worker goes to sleep without a last look" \
        's/if (!mo_worker_sees_work(w))/if (w != NULL)/' core/idle.c
    plant idle "the keeper is not told of an earlier deadline" \
        's/if (deadline_ns >= mo_load_relaxed/if (deadline_ns < mo_load_relaxed/' \
        core/idle.c
    plant mutex "who waits does not mark the word" \
        's/|| mo_cas(&mutex->word, &word, word | WAITED)) {/|| true) {/' \
        core/sync.c
    plant owned "nobody waits until the owner is outside" \
        's/mo_load(&owner->inside) != 0;)/false;)/' core/tenure.c
    plant owned "who is on its way in does not look whether it still owns" \
        's/mo_load_relaxed(&c->owner) == w, 1))/w != NULL, 1))/' core/chan.h
    plant solo "a freeze does not wait until the worker is outside" \
        's/mo_load(&w->inside) != 0;)/false;)/' core/wait.c
    plant wait "the lock is dropped before the claim is open" \
        's/^    mo_swap(&waiter->claim, waiter->masked.*/    mo_word_unlock(lock);\n&\n    mo_word_lock(lock);/' \
        core/wait.c
    plant gate "who opens ends waits after the gate may have gone" \
        's/^    mo_word_unlock(&gate->lock);\n    mo_gate_wake(&claimed/XX/; /^    claim_all(/{N;N;s/\(.*\)\n\(.*\)\n\(.*\)/\1\n\3\n\2/}' \
        core/gate.c
    plant counting "a reader does not see its second look after the first" \
        '/n = mo_load(&w->counting);/{s/mo_load(/mo_load_relaxed(/}; /^static inline uint32_t mo_scope_counting/,/^}/s/^    mo_fence();//' \
        core/scope.h core/scope.c core/stats.c
    plant once "a future is complete before it is filled" \
        's/MO_FUTURE_FILLING)) {/MO_FUTURE_COMPLETE)) {/' core/future.c
fi

echo "1..$n"
