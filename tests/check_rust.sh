#!/bin/sh
# SPDX-License-Identifier: MIT
# check_rust.sh - the benchmarks' Rust peers: if cargo and the crates are there,
# they are built and asked all that they answer, with one worker and with two,
# little of each. An answer is the question's metrics and nothing else, exit
# status 0; the programs check what they compute, and what that must be is the
# same for all (bench/peers/expected.txt). No time counts.
set -u
source=$(cd "${srcdir:-.}" && pwd)/bench/peers
here=$(mktemp -d) || exit 1
trap 'rm -rf "$here"' EXIT

if [ -n "${SANITIZE_CFLAGS:-}" ]; then
    echo "1..0 # SKIP nothing of moirai is in these programs"
    exit 0
fi

# Optimising them for half a minute is what a measurement needs, not a test.
CARGO_PROFILE_RELEASE_LTO=off
CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16
CARGO_PROFILE_RELEASE_OPT_LEVEL=1
export CARGO_PROFILE_RELEASE_LTO CARGO_PROFILE_RELEASE_CODEGEN_UNITS
export CARGO_PROFILE_RELEASE_OPT_LEVEL
sh "$source/rust/build.sh" "$here" >"$here/log" 2>&1
case $? in
0) ;;
77)
    echo "1..0 # SKIP $(cat "$here/log")"
    exit 0
    ;;
*)
    sed 's/^/# /' "$here/log"
    echo "1..1"
    echo "not ok 1 - the Rust peers are built"
    exit 0
    ;;
esac

channels="chan chan-44 chan-batch pingpong"

# questions PROGRAM: what it answers.
questions() {
    case $1 in
    async-channel* | flume*) echo "$channels" ;;
    crossbeam) echo "$channels select" ;;
    rayon) echo spawn-cold spawn-warm fib nqueens uts skewed nested region \
        loop-empty saxpy stencil irregular-static irregular-dynamic irregular-guided \
        reduce scan sort cpu ;;
    tokio) echo spawn-cold spawn-warm fib ring-2 ring-100 ring-10000 \
        ring-100000 pingpong chan chan-batch select mutex wake tail parked \
        sleepers idle start cpu ;;
    tokio-rayon) echo mixed-fork mixed-1ms mixed-10ms mixed-100ms ;;
    tokio-*) echo mutex ;;
    esac
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
    idle) echo cpu_us ;;
    *) echo ns ;;
    esac
}

# ask PROGRAM QUESTION WORKERS: whether it answers as it should.
ask() {
    timeout 300 "$here/$1" "$2" "$3" 0.001 >"$here/answer" 2>"$here/log"
    status=$?
    cat "$here/answer" >>"$here/log"
    echo "$1 $2 $3: exit status $status" >>"$here/log"
    [ "$status" -eq 0 ] || return 1
    # shellcheck disable=SC2046,SC2005  # all names on one line
    [ "$(echo $(cut -d' ' -f1 "$here/answer"))" = "$(metrics "$2")" ] &&
        ! grep -qvE '^[a-z0-9_]+ [0-9][0-9.]*$' "$here/answer"
}

# ask_all PROGRAM
ask_all() {
    for question in $(questions "$1"); do
        for workers in 1 2; do
            ask "$1" "$question" "$workers" || return 1
        done
    done
    "$here/$1" nobody-asks-this 1 >"$here/log" 2>&1
    [ $? -eq 77 ] && [ ! -s "$here/log" ]
}

done=0
ok() {
    done=$((done + 1))
    if [ "$1" -eq 0 ]; then
        echo "ok $done - $2"
    else
        sed 's/^/# /' "$here/log"
        echo "not ok $done - $2"
    fi
}

for program in async-channel async-channel-threads crossbeam flume \
    flume-threads rayon tokio tokio-parking-lot tokio-rayon tokio-std-mutex
do
    ask_all "$program"
    ok $? "$program answers all its questions"
done

for scale in 0.001 0.01; do
    "$here/rayon" expected 1 $scale | sed "s/^/$scale /"
done >"$here/expected"
grep '^0' "$source/expected.txt" | LC_ALL=C sort >"$here/should"
LC_ALL=C sort "$here/expected" | diff "$here/should" - >"$here/log"
ok $? "their work is everybody's"
[ ! -e "$source/rust/Cargo.lock" ] && [ ! -e "$source/rust/target" ]
ok $? "nothing is written beside the sources"
echo "1..$done"
