#!/bin/sh
# SPDX-License-Identifier: MIT
# check_embed.sh - the examples of examples/embed say the same in every loop.
set -u
here=$(mktemp -d) || exit 1
trap 'rm -rf "$here"' EXIT
done=0
for n in 0 1 2 3 4; do
    echo "$n squared is $((n * n))"
done >"$here/want"
for loop in uv ev glib; do
    done=$((done + 1))
    if ! [ -x examples/embed/$loop ]; then
        echo "ok $done - examples/embed/$loop # SKIP its library is not here"
    elif timeout 60 examples/embed/$loop >"$here/said" 2>&1 &&
            diff "$here/want" "$here/said" >"$here/log"; then
        echo "ok $done - examples/embed/$loop"
    else
        sed 's/^/# /' "$here/said"
        echo "not ok $done - examples/embed/$loop"
    fi
done
echo "1..$done"
