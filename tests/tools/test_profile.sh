#!/bin/sh
# SPDX-License-Identifier: MIT
# test_profile.sh - what `moirai profile stacks` measures and recommends.
#
# Runs in the build directory; prints TAP.
. "${srcdir:-.}/tests/tools/common.sh"
said() { grep -q -- "$1" out; }     # a pattern

echo "1..6"

ends 0 "$moirai" profile stacks "$here/examples/hello" &&
    said '^ *9  *[0-9]*  [sl][io][zo][ep]  .*KiB .*hello.c:[0-9]*$' &&
    said '^stacks:$' && said '^  [sl][io][zo][ep]: [0-9]*KiB$' && [ ! -s err ]
is $? "a place is told with what its tasks used, and what to write"

sed -n '/^stacks:$/,$p' out > small.yaml
ends 0 "$moirai" run -c small.yaml "$here/examples/hello" && [ ! -s err ]
is $? "what is recommended is a configuration that will do"

ends 0 "$moirai" profile stacks -c small.yaml --json "$here/examples/hello" &&
    tail -n 1 out > last && "$json" < last && grep -q '"tasks":9' last
is $? "the same as JSON"

ends 3 "$moirai" profile stacks -s stacks.size=1 "$here/examples/hello" &&
    complained "stacks.size"
is $? "a wrong configuration is told first"

ends 2 "$moirai" profile stacks && complained "which program?"
is $? "a program is asked for"

ends 1 "$moirai" profile stacks true && complained "has told nothing"
is $? "a program without a runtime is told"
