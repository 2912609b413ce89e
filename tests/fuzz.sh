#!/bin/sh
# SPDX-License-Identifier: MIT
# fuzz.sh - builds the fuzz targets with clang's libFuzzer, and runs them.
#
#     tests/fuzz.sh [NAME...]
#
# The names are those of tests/fuzz/fuzz_NAME.c; preset: $FUZZ_TARGETS, or all.
# Each runs for $FUZZ_SECONDS (preset: 600) and begins with the inputs that are
# kept in tests/fuzz/corpus/NAME and with what earlier runs found. Builds in
# $FUZZ_BUILD (preset: build/fuzz); findings, found inputs and logs are there.
#
# Fails on a crash, a leak, a broken promise, more than 10 s or 512 MiB for one
# input, and stores that input.
set -u
cd "${srcdir:-$(dirname "$0")/..}" || exit 1
source=$PWD
build=${FUZZ_BUILD:-$source/build/fuzz}
seconds=${FUZZ_SECONDS:-600}
clang=${FUZZ_CC:-clang}

targets=${FUZZ_TARGETS:-}
[ $# -eq 0 ] || targets=$*
if [ -z "$targets" ]; then
    for file in tests/fuzz/fuzz_*.c; do
        name=${file##*/fuzz_}
        targets="$targets ${name%.c}"
    done
fi

fail() {
    echo "fuzz.sh: $*" >&2
    exit 1
}

for name in $targets; do
    [ -f "tests/fuzz/fuzz_$name.c" ] ||
        fail "there is no tests/fuzz/fuzz_$name.c"
done
case $seconds in
'' | *[!0-9]*) fail "FUZZ_SECONDS=$seconds is no number of seconds" ;;
esac
mkdir -p "$build/findings" "$build/logs" || exit 1

# Without the fuzzer's run-time library clang only fails to link.
can_fuzz() {
    echo 'int LLVMFuzzerTestOneInput(const char *d, unsigned long n);
        int LLVMFuzzerTestOneInput(const char *d, unsigned long n)
        { return d && n ? 0 : 0; }' >"$build/try.c"
    "$clang" -fsanitize=fuzzer "$build/try.c" -o "$build/try" \
        >"$build/logs/try.log" 2>&1
}

can_fuzz || fail "needs clang with libFuzzer:" \
    "./install-deps.sh clang libclang-rt-14-dev"
[ -x configure ] || ./autogen.sh || exit 1
if [ ! -f "$build/config.status" ] ||
    [ -n "$(find configure -newer "$build/config.status")" ]; then
    (cd "$build" && "$source/configure" --quiet CC="$clang" CXX= \
        CFLAGS='-g -O1' --enable-sanitizer=fuzzer --with-test-main=plain) \
        >"$build/logs/configure.log" 2>&1 ||
        fail "configure failed: $build/logs/configure.log"
fi
make -C "$build" -j "$(nproc)" fuzz-programs >"$build/logs/make.log" 2>&1 || {
    cat "$build/logs/make.log"
    fail "the build failed"
}

# What a target begins with, besides what it found earlier.
seeds() {
    echo "tests/fuzz/corpus/$1"
    case $1 in
    yaml) echo "config tests/config/good tests/config/bad" ;;
    esac
}

# Bytes that an input of a target may have at most.
size_of() {
    case $1 in
    elf) echo 16384 ;;
    large) echo 400 ;;
    text | tool) echo 512 ;;
    *) echo 4096 ;;
    esac
}

# What was freed is kept for a while, to be seen when it is used; that much of it
# would come near to the limit of what an input may take.
ASAN_OPTIONS=quarantine_size_mb=32${ASAN_OPTIONS:+:$ASAN_OPTIONS}
export ASAN_OPTIONS

# One target; its figures are the last lines of its log.
run_target() {
    log=$build/logs/$1.log
    found=$build/found/$1
    mkdir -p "$found" || return 1
    dict=
    [ "$1" = elf ] || dict=-dict=tests/fuzz/words.dict
    echo "=== $1: $seconds s"
    {
        # shellcheck disable=SC2046,SC2086  # a word each
        "$build/tests/fuzz/fuzz_$1" -max_total_time="$seconds" -timeout=10 \
            -rss_limit_mb=512 -max_len="$(size_of "$1")" -print_final_stats=1 \
            -artifact_prefix="$build/findings/$1-" $dict \
            "$found" $(seeds "$1") 2>&1
        echo "status $?"
    } | tee "$log" |
        grep -E --line-buffered '(INITED|pulse|DONE) |ERROR:|SUMMARY:' |
        sed 's/^/    /'
    [ "$(tail -n 1 "$log")" = "status 0" ]
}

failed=
for name in $targets; do
    if [ ! -x "$build/tests/fuzz/fuzz_$name" ]; then
        echo "ok $name: left out, as the library that it tries is not built"
        continue
    fi
    if run_target "$name"; then
        runs=$(sed -n 's/^stat::number_of_executed_units: *//p' \
            "$build/logs/$name.log")
        echo "ok $name: $runs inputs"
        continue
    fi
    failed="$failed $name"
    sed -n '/ERROR:\|does not hold\|^    #[0-9] \|Test unit written/p' \
        "$build/logs/$name.log" | head -n 20
    echo "not ok $name: $build/logs/$name.log"
done
[ -z "$failed" ] && exit 0
cat <<EOF
Findings are in $build/findings. To see one again:
    $build/tests/fuzz/fuzz_NAME FILE
Once mended, keep it: tests/fuzz/corpus/NAME/what-it-was
EOF
exit 1
