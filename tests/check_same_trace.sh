#!/bin/sh
# SPDX-License-Identifier: MIT
# check_same_trace.sh - a seed gives the same run whichever compiler built it.
#
# Runs in the build folder. Builds tests/planted/parking with gcc and with
# clang, unoptimised and optimised, from core's sources, and compares what they
# trace over some seeds, byte for byte.
set -u
seeds=${MO_TRACE_SEEDS:-20}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

skip() {
    echo "1..0 # SKIP $1"
    exit 0
}

[ -z "${SANITIZE_CFLAGS:-}" ] || skip "the plain build compares them"
for compiler in gcc clang; do
    command -v $compiler > /dev/null 2>&1 || skip "there is no $compiler"
done
case $(uname -m) in
x86_64) switch="switch_x86_64.c $srcdir/core/arch/switch_x86_64.S" ;;
*) switch=switch_ucontext.c ;;
esac

# build NAME COMPILER FLAG...
build() {
    name=$1
    shift
    # shellcheck disable=SC2086  # $switch is several files
    "$@" -std=c11 -D_GNU_SOURCE -w -DPACKAGE_VERSION='"0"' \
        -DMO_MODULE_DIR='"/nowhere"' -DMO_PRESET_STACK='"mmap"' -I"$srcdir/include" \
        -iquote "$srcdir/core" -iquote core -o "$work/$name" \
        "$srcdir/tests/planted/parking.c" "$srcdir"/core/*.c \
        "$srcdir"/core/os/*.c "$srcdir/core/arch/sanitize.c" \
        "$srcdir/core/arch/self.c" "$srcdir/core/arch/"$switch \
        "$srcdir"/plugins/[!i]*/*.c "$srcdir/plugins/io/epoll.c" \
        -lyaml -lltdl -lpthread > "$work/err" 2>&1
}

echo "1..3"
if ! build gcc gcc -O2; then
    sed 's/^/# /' "$work/err"
    echo "Bail out! gcc builds nothing"
    exit 1
fi
"$work/gcc" 1 "$seeds" --trace > "$work/gcc.txt" 2> "$work/err"
if [ -s "$work/gcc.txt" ]; then
    echo "ok 1 - gcc's program traces $(wc -l < "$work/gcc.txt") events"
else
    echo "not ok 1 - gcc's program traces nothing"
fi
n=1
for other in "clang -O2" "clang -O0"; do
    n=$((n + 1))
    # shellcheck disable=SC2086  # a compiler and its flag
    build other $other
    "$work/other" 1 "$seeds" --trace > "$work/other.txt" 2>> "$work/err"
    if cmp "$work/gcc.txt" "$work/other.txt" > "$work/diff" 2>&1; then
        echo "ok $n - gcc -O2 and $other give the same trace of $seeds seeds"
    else
        sed 's/^/# /' "$work/diff" "$work/err"
        echo "not ok $n - gcc -O2 and $other give the same trace"
    fi
done
