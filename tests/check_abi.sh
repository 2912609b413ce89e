#!/bin/sh
# SPDX-License-Identifier: MIT
# check_abi.sh - what others are compiled against is what was written down.
#
#     check_abi.sh [update]
#
# Runs in the build folder; $RUN is what programs are to be run by (an emulator,
# or nothing), $LDFLAGS what they are linked with. tests/abi/ holds, of the last
# change that was meant:
#
#   interface.txt       macros, types, functions of the public headers
#   layout-CLASS.txt    sizes, offsets and enumerators, a class of machines each
#   symbols.txt         what libmoirai.so shows, and in which version
#   libmoirai-CPU.abi   all of it for abidiff, which follows types to the end
#
# `make update-abi` writes them anew; what it changes is to be looked at, and
# docs/stability.md says what else has to change then. tests/cross.sh compares
# for other machines; with RUN and LDFLAGS as there, `make update-abi` in its
# build folders writes theirs, which change whenever this machine's does.
set -u
source=$(cd "${srcdir:-.}" && pwd)
abi=$source/tests/abi
library=.libs/libmoirai.so
here=$(mktemp -d) || exit 1
trap 'rm -rf "$here"' EXIT
mode=${1:-compare}
cc="${CC:-cc} -std=c11 -I$source/include"
done=0

skip() {
    done=$((done + 1))
    echo "ok $done - $1 # SKIP $2"
}

# same FILE: is what was made as $here/FILE what is kept as tests/abi/FILE?
same() {
    done=$((done + 1))
    if [ "$mode" = update ]; then
        cmp -s "$here/$1" "$abi/$1" || echo "# tests/abi/$1 changes"
        cp "$here/$1" "$abi/$1"
    fi
    if diff -u "$abi/$1" "$here/$1" >"$here/log" 2>&1; then
        echo "ok $done - $1"
    else
        sed 's/^/# /' "$here/log"
        echo "# if this was meant: make update-abi"
        echo "not ok $done - $1"
    fi
}

die() {
    echo "Bail out! $*"
    exit 1
}

# --- headers ---

(cd "$source/include" && printf '#include <%s>\n' moirai/*.h) >"$here/all.c"
# The assembler of moirai_self is one machine's; the function is there on all.
$cc -E -dD -DMOIRAI_SLOW_SELF "$here/all.c" >"$here/all.i" ||
    die "the public headers do not compile"
awk -v want=interface -f "$abi/headers.awk" "$here/all.i" \
    >"$here/interface.txt"
same interface.txt

{
    echo '#include "layout.h"'
    cat "$here/all.c"
    echo 'int main(void) {'
    echo 'printf("class "); puts(layout_class());'
    awk -v want=layout -f "$abi/headers.awk" "$here/all.i"
    echo 'return 0; }'
} >"$here/layout.c"
# shellcheck disable=SC2086  # words, or none
$cc -I"$abi" -o "$here/layout" "$here/layout.c" ${LDFLAGS:-} ||
    die "headers.awk does not understand the headers"
# shellcheck disable=SC2086  # words, or none
if ! ${RUN:-} "$here/layout" >"$here/layout.txt" 2>/dev/null; then
    skip "layout" "programs for this machine do not run here"
else
    class=$(sed -n 's/^class //p' "$here/layout.txt")
    mv "$here/layout.txt" "$here/layout-$class.txt"
    if [ "$mode" = update ] || [ -e "$abi/layout-$class.txt" ]; then
        same "layout-$class.txt"
    else
        skip "layout-$class.txt" "not written yet: make update-abi"
    fi
fi

# --- library ---

if ! [ -e "$library" ]; then
    skip "symbols.txt" "no shared library"
    echo "1..$done"
    exit 0
fi
nm -D --defined-only --with-symbol-versions "$library" |
    awk '$2 != "A" && $3 !~ /^__odr_asan/ { print $3, $2 }' |
    LC_ALL=C sort >"$here/symbols.txt"
same symbols.txt

# Only what the headers show, and only if debugging information tells of it.
describe() {
    abidw --headers-dir "$source/include" --drop-private-types --no-show-locs \
        --no-corpus-path --no-comp-dir-path --type-id-style hash \
        --drop-undefined-syms --out-file "$1" "$library" || return
    sed -i "s,path='[^']*/\(core\|include\|plugins\)/,path='\1/," "$1"
}

machine=$($cc -dumpmachine)
file=libmoirai-${machine%%-*}.abi
what="abidiff $file"
if ! command -v abidw >/dev/null 2>&1 || ! command -v abidiff >/dev/null 2>&1
then
    skip "$what" "no abidiff: apt-get install abigail-tools"
elif [ -n "${SANITIZE_CFLAGS:-}" ]; then
    skip "$what" "sanitizers"
elif ! readelf -S "$library" | grep -q '\.debug_info'; then
    skip "$what" "compiled without -g"
elif ! describe "$here/$file"; then
    die "abidw failed"
elif [ "$mode" = update ]; then
    cp "$here/$file" "$abi/$file"
elif ! [ -e "$abi/$file" ]; then
    skip "$what" "not written yet: make update-abi"
else
    done=$((done + 1))
    # New functions are in the other texts, and break nobody.
    if abidiff --no-added-syms "$abi/$file" "$here/$file" >"$here/log" 2>&1
    then
        echo "ok $done - $what"
    else
        sed 's/^/# /' "$here/log"
        echo "not ok $done - $what"
    fi
fi
echo "1..$done"
