#!/bin/sh
# SPDX-License-Identifier: MIT
# check_examples.sh - hello prints, and wordfreq counts as coreutils do, under
# every configuration that is shipped.
#
# Runs in the build folder; $RUN is what programs are to be run by (an emulator,
# or nothing). What else wordfreq must do, check_wordfreq.sh says.
set -u
. "${srcdir:-.}/tests/support/words.sh"

config=${srcdir:-.}/config
here=$(mktemp -d) || exit 1
trap 'rm -rf "$here"' EXIT
done=0
put=cat

# says NAME PROGRAM ARGUMENT...: runs well, without a message, and prints what
# is in $here/want.
says() {
    says_name=$1
    shift
    done=$((done + 1))
    # shellcheck disable=SC2086  # words, or none
    if timeout 60 ./libtool --silent --mode=execute ${RUN:-} "$@" \
        > "$here/said" 2> "$here/err" && [ ! -s "$here/err" ] &&
        $put < "$here/said" > "$here/got" && cmp "$here/want" "$here/got"
    then
        echo "ok $done - $says_name"
    else
        sed 's/^/# /' "$here/err"
        echo "not ok $done - $says_name"
    fi
}

cp -R "${srcdir:-.}/include" "$here/text"
words "$here/text" > "$here/words"
for file in "$config"/*.yaml; do
    name=${file##*/}
    seq 1 9 > "$here/want"
    # It sorts by sleeping, which is sure only where the clock is simulated.
    [ "$name" = sim.yaml ] || put="sort -n"
    MOIRAI_CONFIG=$file
    export MOIRAI_CONFIG
    says "hello under $name" examples/hello
    unset MOIRAI_CONFIG
    put=cat
    cp "$here/words" "$here/want"
    says "wordfreq under $name" examples/wordfreq/wordfreq -c "$file" -n 0 \
        "$here/text"
done
echo "1..$done"
