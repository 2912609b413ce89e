#!/bin/sh
# SPDX-License-Identifier: MIT
# wordfreq.sh - how much faster two workers count words than one.
#
#     bench/wordfreq.sh [BUILD-FOLDER [ROUNDS [PATH...]]]
#
# Runs wordfreq with one worker and with two in turn, from a warm page cache,
# and prints the median of the rounds and the ratio of the medians: once over
# the corpus of tests/corpus.sh as it is, many small files, and once as one
# large file, where only forks can be done in parallel (--counters=1). The rows
#
#   one-thread   config/one-thread.yaml; every fork is a queued task
#   one worker   config/all-cores.yaml with runtime.workers set to 1
#   one core     the same, and the calls that may block on that core as well
#   two workers  config/all-cores.yaml with runtime.workers set to 2
#
# Nothing is asserted: look at the ratio on a machine with nothing else to do.
set -eu
source=$(cd "$(dirname "$0")/.." && pwd)
build=$(cd "${1:-.}" && pwd)
rounds=${2:-11}
shift $(($# < 2 ? $# : 2))
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
MOIRAI_PLUGIN_PATH=$build/plugins/.libs
LD_LIBRARY_PATH=$build/.libs
export MOIRAI_PLUGIN_PATH LD_LIBRARY_PATH
wordfreq=$build/examples/wordfreq/.libs/wordfreq
[ -x "$wordfreq" ] || wordfreq=$build/examples/wordfreq/wordfreq

for n in 1 2; do
    sed "s/^\(runtime:.*workers: \)auto/\1$n/" \
        "$source/config/all-cores.yaml" >"$here/$n.yaml"
    grep -q "workers: $n" "$here/$n.yaml"
done
[ $# -gt 0 ] || set -- "$("$source/tests/corpus.sh")"
find -H "$@" -type f -exec cat {} + >"$here/one-file"

# run NAME COMMAND...: appends the seconds it took to the file NAME.
run() {
    name=$1
    shift
    begin=$(date +%s%N)
    "$@" >"$here/out"
    end=$(date +%s%N)
    echo $(((end - begin) / 1000)) >>"$here/$name"
}

median() {
    sort -n "$here/$1" | awk '{ t[NR] = $1 } END { print t[int((NR + 1) / 2)] }'
}

row() {
    echo "$(median "$1") $(median two)" | awk -v name="$2" \
        '{ printf "  %-12s %7.1f ms  %.2f\n", name, $1 / 1000, $1 / $2 }'
}

# compare TITLE ARGUMENT...
compare() {
    echo "$1"
    shift
    rm -f "$here/fifo" "$here/one" "$here/core" "$here/two"
    "$wordfreq" -c "$here/2.yaml" "$@" >"$here/out"
    i=0
    while [ $i -lt "$rounds" ]; do
        run fifo "$wordfreq" -c "$source/config/one-thread.yaml" "$@"
        run one "$wordfreq" -c "$here/1.yaml" "$@"
        run core taskset -c 0 "$wordfreq" -c "$here/1.yaml" "$@"
        run two "$wordfreq" -c "$here/2.yaml" "$@"
        i=$((i + 1))
    done
    row fifo one-thread
    row one "one worker"
    row core "one core"
    row two "two workers"
}

compare "files and folders" "$@"
compare "one file" "$here/one-file"
compare "one file, forks only, fine grain" --counters=1 --chunk=4M --grain=4K \
    "$here/one-file"
