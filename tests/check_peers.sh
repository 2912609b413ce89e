#!/bin/sh
# SPDX-License-Identifier: MIT
# check_peers.sh - the benchmarks' peers in C, C++ and Go: those whose compiler
# and libraries are there are built and asked all that they answer, with one
# worker and with two, little of each. An answer is the question's metrics and
# nothing else, exit status 0; the programs check what they compute, and what
# that must be is the same for all (bench/peers/expected.txt). No time counts.
set -u
source=$(cd "${srcdir:-.}" && pwd)/bench/peers
here=$(mktemp -d) || exit 1
trap 'rm -rf "$here"' EXIT
# Threads that wait for each other have other things beside them here.
OMP_WAIT_POLICY=passive
export OMP_WAIT_POLICY
done=0

if [ -n "${SANITIZE_CFLAGS:-}" ]; then
    echo "1..0 # SKIP nothing of moirai is in these programs"
    exit 0
fi

ok() {
    done=$((done + 1))
    if [ "$1" -eq 0 ]; then
        echo "ok $done - $2"
    else
        sed 's/^/# /' "$here/log"
        echo "not ok $done - $2"
    fi
}

# metrics QUESTION: the names that an answer has, in order.
metrics() {
    case $1 in
    wake) echo p50_ns p99_ns ;;
    tail) echo p50_ns p999_ns ;;
    mixed-net-*) echo compute_ns wait_ns p50_ns p99_ns answer_ns ;;
    mixed-*) echo compute_ns wait_ns p50_ns p99_ns ;;
    parked) echo create_ns bytes wake_ns ;;
    sleepers) echo create_ns bytes fire_ns ;;
    parked-list) echo list_ns ;;
    idle) echo cpu_us ;;
    *) echo ns ;;
    esac
}

# ask PROGRAM QUESTION WORKERS: whether it answers as it should.
ask() {
    timeout 300 "$1" "$2" "$3" 0.001 >"$here/answer" 2>"$here/log"
    status=$?
    cat "$here/answer" >>"$here/log"
    echo "$1 $2 $3: exit status $status" >>"$here/log"
    [ "$status" -eq 0 ] || return 1
    # shellcheck disable=SC2046,SC2005  # all names on one line
    [ "$(echo $(cut -d' ' -f1 "$here/answer"))" = "$(metrics "$2")" ] &&
        ! grep -qvE '^[a-z0-9_]+ -?[0-9][0-9.e+-]*$' "$here/answer"
}

# ask_all PROGRAM
ask_all() {
    for question in $("$1" questions); do
        [ "$question" = expected ] && continue
        for workers in 1 2; do
            # With one worker there is no other that could be woken.
            [ "$question $workers" = "wake 1" ] && continue
            ask "$1" "$question" "$workers" || return 1
        done
    done
}

# says_expected PROGRAM
says_expected() {
    for scale in 1 0.01 0.001; do
        "$1" expected 1 "$scale" | sed "s/^/$scale /"
    done >"$here/expected" 2>"$here/log"
    diff "$source/expected.txt" "$here/expected" >>"$here/log"
}

# has_no_answer PROGRAM
has_no_answer() {
    "$1" no-such-question 1 >"$here/log" 2>&1
    status=$?
    [ "$status" -eq 77 ] && ! [ -s "$here/log" ]
}

for peer in go openmp tbb boost; do
    sh "$source/$peer/build.sh" "$here/$peer" >"$here/log" 2>&1
    status=$?
    if [ "$status" -eq 77 ]; then
        echo "ok $((done += 1)) - $peer # SKIP $(cat "$here/log")"
        continue
    fi
    ok "$status" "$peer: builds"
    for program in "$here/$peer/go" "$here/$peer/openmp-gcc" \
        "$here/$peer/openmp-clang" "$here/$peer/tbb" "$here/$peer/boost"; do
        [ -x "$program" ] || continue
        name=${program##*/}
        ask_all "$program"
        ok $? "$name: answers"
        has_no_answer "$program"
        ok $? "$name: says that it has no answer"
        [ "$peer" = boost ] && continue
        says_expected "$program"
        ok $? "$name: computes what the others do"
    done
done
echo "1..$done"
