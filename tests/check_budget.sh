#!/bin/sh
# SPDX-License-Identifier: MIT
# check_budget.sh - how many instructions an operation takes, against what was
# written down.
#
#     check_budget.sh [update]
#
# Runs in the build folder. callgrind counts the instructions of
# tests/budget/budget exactly, and the same each time. tests/budget/budget.txt
# has a section for each compiler, version, machine and flags that it knows the
# numbers of; with others this skips. It fails when an operation has grown by
# more than 1 %, and says so when one has shrunk by as much: then `make
# update-budget` writes the section anew, and the smaller number holds. A greater
# one is written down only with a reason.
set -u
source=$(cd "${srcdir:-.}" && pwd)
budget=$source/tests/budget/budget.txt
here=$(mktemp -d) || exit 1
trap 'rm -rf "$here"' EXIT
mode=${1:-compare}

skip() {
    echo "1..0 # SKIP $*"
    exit 0
}

die() {
    echo "Bail out! $*"
    exit 1
}

case ${SANITIZE_CFLAGS:-} in ?*) skip "built for a sanitizer" ;; esac
command -v valgrind >/dev/null || skip "no valgrind: apt-get install valgrind"
[ -f .libs/libmoirai.so ] || skip "needs a shared libmoirai"

# What the numbers hold for.
# shellcheck disable=SC2086  # CC may be words
compiler=$(${CC:-cc} -dM -E - </dev/null |
    sed -n 's/^#define __VERSION__ "\(.*\)"/\1/p' | sed 's/ *$//')
case $compiler in [0-9]*) compiler="gcc $compiler" ;; esac
# shellcheck disable=SC2086
machine=$(${CC:-cc} -dumpmachine)
flags=$(sed -n 's/^CFLAGS = //p' Makefile)
parts=$(sed -n 's/^S\["\(OS\|SWITCH\)_\([A-Z0-9_]*\)_TRUE"\]=""$/\2/p' \
    config.status | grep -v '^ASM$' | sort | tr 'A-Z\n' 'a-z ')
section="[$compiler, ${machine%%-*}, ${parts% }, $flags]"
if [ "$mode" != update ] && ! grep -qxF "$section" "$budget"; then
    skip "budget.txt has no numbers for $section"
fi

# --- counting ---

MOIRAI_CONFIG=
LD_LIBRARY_PATH=$PWD/.libs
export MOIRAI_CONFIG LD_LIBRARY_PATH
program=tests/budget/.libs/budget
[ -f "$program" ] || program=tests/budget/budget
timeout 600 valgrind --quiet --tool=callgrind --dump-before=budget_mark \
    --callgrind-out-file="$here/counts" "$program" >"$here/names" \
    2>"$here/err" || { sed 's/^/# /' "$here/err"; die "budget failed"; }

# total N: instructions in front of the Nth call of budget_mark.
total() {
    sed -n 's/^totals: *//p' "$here/counts.$1"
}

mark=0
while read -r name times; do
    once=$(total $((mark + 4)))
    twice=$(total $((mark + 6)))
    mark=$((mark + 6))
    awk -v name="$name" -v times="$times" -v once="$once" -v twice="$twice" \
        'BEGIN { printf "%s %.2f\n", name, (twice - once) / times }'
done <"$here/names" >"$here/now"

# --- what was written down ---

# The lines of this section, or all others.
lines() {
    awk -v section="$section" -v inside="$1" '
        /^\[/ { is = $0 == section }
        is == inside' "$budget"
}

if [ "$mode" = update ]; then
    {
        lines 0 | sed -e :a -e '/^\n*$/{$d;N;ba' -e '}'
        echo
        echo "$section"
        cat "$here/now"
    } >"$here/new"
    diff "$budget" "$here/new" | grep '^[<>]'
    cp "$here/new" "$budget"
fi

lines 1 | sed -n '/^[a-z]/p' >"$here/then"
echo "1..$(wc -l <"$here/now")"
awk 'NR == FNR { then[$1] = $2; next }
     { number++; was = then[$1]; grown = was > 0 ? $2 / was - 1 : 0
       about = sprintf("%s: %s instructions, budget %s", $1, $2, was) }
     was == "" {
         print "not ok", number, "-", $1 ": not in budget.txt:",
               "make update-budget"
         next
     }
     grown > 0.01 { print "not ok", number, "-", about; next }
     grown < -0.01 { print "# less than the budget: make update-budget" }
     { print "ok", number, "-", about }' "$here/then" "$here/now"
