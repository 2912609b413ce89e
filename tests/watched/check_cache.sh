#!/bin/sh
# SPDX-License-Identifier: MIT
# check_cache.sh - windows and chunks copy nothing, and fetching ahead costs a
# few instructions, as cachegrind counts.
#
# The program is compiled here with -O2, whatever the library is built with. The
# counts are of whole runs, so only differences of two runs are looked at.
# cachegrind does not play prefetches: bench/cache shows what those gain.
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
${CC:-cc} -std=c11 -O2 -Wall -Wextra -Werror -I "$source/include" \
    "$source/tests/watched/arrays.c" -o "$work/arrays" -L .libs -lmoirai \
    -Wl,-rpath,"$PWD/.libs" >"$work/log" 2>&1 || {
    sed 's/^/# /' "$work/log"
    echo "Bail out! arrays.c does not compile"
    exit 1
}

# count WAY NUMBER: instructions, data writes and data reads that miss the first
# cache, to $work/WAY-NUMBER.
count() {
    timeout 120 valgrind --tool=cachegrind --cache-sim=yes \
        --D1=32768,8,64 --cachegrind-out-file="$work/counts" \
        "$work/arrays" "$1" "$2" >"$work/out" 2>"$work/log" || {
        sed 's/^/# /' "$work/log"
        echo "Bail out! cachegrind of $1 $2"
        exit 1
    }
    awk '/^events:/ { for (i = 2; i <= NF; i++) column[$i] = i }
        /^summary:/ { print $column["Ir"], $column["Dw"], $column["D1mr"] }' \
        "$work/counts" >"$work/$1-$2"
    echo "# $1 $2: $(cat "$work/$1-$2") (Ir, Dw, D1mr)"
}

# column N WAY NUMBER
column() {
    cut -d' ' -f"$1" "$work/$2-$3"
}

# is CONDITION DESCRIPTION: an arithmetic condition that holds.
number=0
is() {
    number=$((number + 1))
    if [ $(($1)) -ne 0 ]; then
        echo "ok $number - $2"
    else
        echo "not ok $number - $2: $1"
    fi
}

echo "1..4"
for run in "view 100" "view 900" "copy 900" "whole 1000" "whole 400000" \
    "chunks 1000" "chunks 400000" "indexed 0" "indexed 16"
do
    # shellcheck disable=SC2086  # two words
    count $run
done

# 100 writes are what printing a longer number takes.
is "$(column 2 view 900) - $(column 2 view 100) <= 100" \
    "longer windows write nothing more"
is "$(column 2 copy 900) - $(column 2 view 900) >= 10000" \
    "which would be seen if they were copied"
is "$(column 3 chunks 400000) - $(column 3 chunks 1000) <=
    ($(column 3 whole 400000) - $(column 3 whole 1000)) * 101 / 100 + 10" \
    "chunks miss the cache as often as the whole array does"
is "$(column 1 indexed 16) - $(column 1 indexed 0) <= 10000 * 8" \
    "an element that is fetched ahead costs 8 instructions at most"
