#!/bin/sh
# SPDX-License-Identifier: MIT
# check_bench.sh - every benchmark program answers every question it has an
# answer to, at a hundredth of the work, with one worker and with two.
#
# Ours, the walls, and plain threads, which need nothing that is not there.
#
# Runs in the build folder. What they compute they check themselves; that the
# lines they print are metrics is checked here, times are not.
set -u

skip() {
    echo "1..0 # SKIP $*"
    exit 0
}

case ${SANITIZE_CFLAGS:-} in ?*) skip "built for a sanitizer" ;; esac
here=$(mktemp -d) || exit 1
trap 'rm -rf "$here"' EXIT
MOIRAI_CONFIG=
export MOIRAI_CONFIG

sh "${srcdir:-.}/bench/peers/pthreads/build.sh" "$here" >"$here/log" 2>&1 || {
    sed 's/^/# /' "$here/log"
    echo "Bail out! bench/peers/pthreads does not build"
    exit 1
}

# Which program, which question.
for program in bench/* bench/walls/* "$here/pthreads"; do
    case $program in *.sh) continue ;; esac
    if [ -f "$program" ] && [ -x "$program" ]; then
        "$program" questions | sed "s|^|$program |"
    fi
done >"$here/asked"
[ -s "$here/asked" ] || skip "no programs are built here"
echo "1..$(wc -l <"$here/asked")"

# The names of a question's metrics, sorted; nothing if `moirai bench` does not
# put it by that name.
metrics() {
    awk -v question="  $1:" '
        $0 == question { here = 1 }
        here && sub(/^ *metrics: \[/, "") { gsub(/[],]/, ""); print; exit }' \
        "${srcdir:-.}/bench/questions.yaml" | tr ' ' '\n' | sort
}

# as_asked QUESTION: whether what was printed are its metrics.
as_asked() {
    printed=$(sed 's/ .*//' "$here/out" | sort)
    should=$(metrics "$1")
    [ -n "$printed" ] && [ "$printed" = "${should:-$printed}" ]
}

# ask PROGRAM QUESTION WORKERS: 77 is an answer where nothing is printed.
ask() {
    timeout 120 "$@" 0.01 >"$here/out" 2>"$here/err"
    code=$?
    case $code in
    0) as_asked "$2" &&
        ! grep -Evq '^[a-z0-9_-]+ [0-9]+(\.[0-9]+)?(e[+-][0-9]+)?$' "$here/out" ;;
    77) ! [ -s "$here/out" ] ;;
    *) false ;;
    esac
}

number=0
while read -r program question; do
    number=$((number + 1))
    result=ok
    for workers in 1 2; do
        ask "$program" "$question" "$workers" && continue
        result="not ok"
        echo "# $program $question $workers 0.01: status $code"
        sed 's/^/# /' "$here/out" "$here/err"
    done
    echo "$result $number - ${program#"$here/"} $question"
done <"$here/asked"
