#!/bin/sh
# SPDX-License-Identifier: MIT
# check_corpus.sh - wordfreq and coreutils agree to the byte on 200 MB of text,
# under every configuration that is shipped.
#
# $MO_CORPUS is a folder for the text, which is kept (preset: see corpus.sh).
set -u
source=${srcdir:-.}
. "$source/tests/support/words.sh"
wordfreq=examples/wordfreq/wordfreq
here=$(mktemp -d) || exit 1
trap 'rm -rf "$here"' EXIT

if ! text=$("$source/tests/corpus.sh" ${MO_CORPUS:+"$MO_CORPUS"} \
        2>"$here/log"); then
    echo "1..0 # SKIP no corpus: $(tail -n 1 "$here/log")"
    exit 0
fi

echo "1..4"
echo "# $(du -s --apparent-size -BM "$text" | cut -f 1) in" \
    "$(find "$text" -type f | wc -l) files"
words "$text" >"$here/want"
echo "# $(wc -l <"$here/want") different words"
n=0
for config in one-thread all-cores fifo sim; do
    n=$((n + 1))
    if "$wordfreq" -c "$source/config/$config.yaml" -n 0 "$text" \
            >"$here/got" && [ -s "$here/got" ] &&
            cmp "$here/want" "$here/got"; then
        echo "ok $n - the whole corpus under $config"
    else
        echo "not ok $n - the whole corpus under $config"
    fi
done
