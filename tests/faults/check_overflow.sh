#!/bin/sh
# SPDX-License-Identifier: MIT
# check_overflow.sh - what is said, and what lives on, when a stack is used up.
#
# Runs in the build folder.
set -u
program=tests/faults/overflow
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd_build=$PWD
number=0

echo "1..36"

# under NAME [KEY=VALUE...] -- ARGUMENT...: runs the program, with these in the
# environment. $code is its exit status, as a shell tells it.
under() {
    name=$1
    shift
    set_in=
    while [ "$1" != -- ]; do
        set_in="$set_in $1"
        shift
    done
    shift
    # shellcheck disable=SC2086  # words
    (cd "$work" && ulimit -c 0 && exec env MOIRAI_CONFIG= $set_in \
        timeout 60 "$cd_build/$program" "$@" >out 2>err) 2>/dev/null
    code=$?
}

# ok CONDITION...: the outcome of the test called $name
ok() {
    number=$((number + 1))
    if "$@"; then
        echo "ok $number - $name"
    else
        echo "not ok $number - $name"
        echo "# exit status $code"
        sed 's/^/# /' "$work/err" "$work/out"
    fi
}

said() {
    grep -qE -- "$1" "$work/err"
}

printed() {
    grep -qxF -- "$1" "$work/out"
}

# It ended by SIGSEGV, having said one paragraph that has all these in it.
reported() {
    [ "$code" -eq 139 ] && [ "$(grep -c . "$work/err")" -eq 1 ] || return 1
    for text; do
        said "$text" || return 1
    done
}

# It went on to its end: the culprit ended alone.
survived() {
    [ "$code" -eq 0 ] && said 'It is ended alone\.$' &&
        printed "ended with EOVERFLOW" && printed "stopped: 0" &&
        printed "others: 100"
}

skip_all() {
    for number in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 \
        24 25 26 27 28 29 30 31 32 33 34 35 36; do
        echo "ok $number # SKIP $1"
    done
    exit 0
}

case ${SANITIZE_CFLAGS:-} in
*address*) skip_all "ASan has a report of its own, and its own stacks" ;;
*thread*) skip_all "TSan reports what a handler does" ;;
esac
[ -f .libs/libmoirai.so ] ||
    skip_all "linked statically, the runtime cannot be told from the program"

task='task [0-9]+ "culprit", spawned at .*overflow\.c:[0-9]+,'

for kind in install mprotect; do
    guard=MOIRAI_STACKS__GUARD_KIND=$kind
    under "$kind: endless recursion on a deep stack" "$guard" -- recurse
    if said 'cannot install guards'; then
        number=$((number + 8))
        for n in 7 6 5 4 3 2 1 0; do
            echo "ok $((number - n)) # SKIP this kernel has no such guards"
        done
        continue
    fi
    ok reported "$task needs more than its stack of 8 MiB in recurse" \
        'write .stacks: \{loop: 16MiB\}. in the YAML file'

    under "$kind: endless recursion on a small stack" "$guard" -- recurse small
    ok reported "$task needs more than its stack of 256 KiB in recurse" \
        'write .stacks: \{size: 512KiB\}. in the YAML file'

    under "$kind: 1 MB in a frame of a small stack" "$guard" -- large small
    ok reported "$task needs more than its stack of 256 KiB in large_frame"

    under "$kind: the same after a wait" "$guard" -- large-later small
    ok reported "$task needs more than its stack of 256 KiB in large_frame"

    # Two workers may take the one fork there is from each other for ever, each
    # time on a new stack; then memory ends before a stack does.
    under "$kind: endless forks" "$guard" MOIRAI_WORKERS=1 -- fork
    ok reported "$task needs more than its stack of 8 MiB"

    under "$kind: kill ends the task alone" "$guard" \
        MOIRAI_STACKS__ON_OVERFLOW=kill -- recurse
    ok survived

    under "$kind: a stack is guarded again after that, 300 times" "$guard" \
        MOIRAI_STACKS__ON_OVERFLOW=kill -- recurse often
    ok survived

    under "$kind: kill runs cleanup handlers, newest first" "$guard" \
        MOIRAI_STACKS__ON_OVERFLOW=kill -- cleanup small
    cleaned() {
        survived && [ "$(grep cleanup "$work/out" | tr '\n' ' ')" = \
            "cleanup inner cleanup outer " ]
    }
    ok cleaned
done

fixed=MOIRAI_STACKS__PLUGIN=fixed
under "fixed: endless recursion" $fixed -- recurse
ok reported "$task needs more than its stack of 64 KiB in recurse" \
    'write .stacks: \{size: 128KiB\}. in the YAML file'

under "fixed: 1 MB in a frame, after a wait" $fixed -- large-later small
ok reported "$task needs more than its stack of 64 KiB in large_frame"

under "fixed: kill, more often than there are stacks" $fixed \
    MOIRAI_STACKS__ON_OVERFLOW=kill MOIRAI_STACKS__COUNT=101 -- recurse often
ok survived

under "fixed: kill runs cleanup handlers, newest first" $fixed \
    MOIRAI_STACKS__ON_OVERFLOW=kill -- cleanup small
ok cleaned

under "fixed: without a guard, who waits below its stack is named" $fixed \
    MOIRAI_STACKS__GUARD=0 MOIRAI_WORKERS=1 -- creep small
named() {
    [ "$code" -ge 128 ] && [ "$(grep -c . "$work/err")" -eq 1 ] && said "$1"
}
ok named "$task needs more than its stack of 64 KiB"

# There is no guard: what is damaged before that is found may hide who it was.
slab=MOIRAI_STACKS__PLUGIN=slab
under "slab: endless recursion ends the process" $slab -- recurse
ended() {
    [ "$code" -ge 128 ] && ! printed "stopped: 0"
}
ok ended

under "slab: who waits below its stack is named" $slab \
    MOIRAI_STACKS__SIZE=128KiB MOIRAI_WORKERS=1 -- creep small
ok named "$task needs more than its stack of 128 KiB"

cat >"$work/small.yaml" <<'END'
version: 1
stacks:
  plugin: mmap
  size: 64KiB
END
under "the report names the line that would change it" \
    MOIRAI_CONFIG=small.yaml -- recurse small
ok reported 'stack of 64 KiB' \
    'write .stacks: \{size: 128KiB\}. .* now small\.yaml:4:9 says 64KiB\.$'

under "65,000 guarded stacks, 65 of which overflow" \
    MOIRAI_STACKS__ON_OVERFLOW=kill -- many
many() {
    [ "$code" -eq 0 ] && printed "sent: 0" && printed "failed: 65" &&
        [ "$(grep -c 'ended alone' "$work/err")" -eq 65 ] &&
        ! said 'no guard'
}
if uname -r | awk -F. '{ exit !($1 > 6 || $1 == 6 && $2 >= 13) }'; then
    ok many
else
    number=$((number + 1))
    echo "ok $number # SKIP this kernel cannot guard as many"
fi

under "kill spares no task inside the C library" \
    MOIRAI_STACKS__ON_OVERFLOW=kill -- libc
ok reported 'cannot be ended alone: it was inside the C library'

under "nor in a function that the C library has called" \
    MOIRAI_STACKS__ON_OVERFLOW=kill -- once
ok reported 'cannot be ended alone: a library called the function'

under "cleanup handlers that overflow, too, end the process" \
    MOIRAI_STACKS__ON_OVERFLOW=kill -- bad-cleanup
twice() {
    [ "$code" -eq 139 ] && said 'cleanup handlers overflowed, too\.$'
}
ok twice

under "a null pointer is no overflow" MOIRAI_STACKS__ON_OVERFLOW=kill -- null
silent() {
    [ "$code" -eq 139 ] && [ ! -s "$work/err" ]
}
ok silent

under "other faults go on to the program's handler" -- null handler
ok [ "$code" -eq 40 ]

under "so does an overflow, when it was reported" -- recurse handler
handled() {
    [ "$code" -eq 41 ] && said "$task"
}
ok handled

under "so does a signal that was sent" -- raise handler
ok printed "the program's own handler"

under "the main thread's own overflow is not ours" -- main
ok silent

under "on_overflow: ignore leaves faults alone" \
    MOIRAI_STACKS__ON_OVERFLOW=ignore -- recurse
ok silent

under "under the simulator" MOIRAI_SCHEDULER__PLUGIN=sim \
    MOIRAI_STACKS__ON_OVERFLOW=kill -- recurse
ok survived

under "under the simulator, on a small stack, reported" \
    MOIRAI_SCHEDULER__PLUGIN=sim -- recurse small
ok reported "$task needs more than its stack of 256 KiB in recurse"
