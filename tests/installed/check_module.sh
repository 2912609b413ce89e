#!/bin/sh
# SPDX-License-Identifier: MIT
# check_module.sh - what is installed is enough to write a module, which needs
# the headers and links nothing; programs and the command find it.
set -u
source=$(cd "${srcdir:-.}" && pwd)
. "$source/tests/support/installed.sh"

mkdir "$scratch/modules"
write_module "$scratch"
compile "${CC:-cc} -std=c11 -D_GNU_SOURCE -O1 -Wall -Wextra -Werror" --cflags \
    -fPIC -shared -fvisibility=hidden ${DEFS_LDFLAGS:+"$DEFS_LDFLAGS"} \
    -o "$scratch/modules/sched_mine.so" "$scratch/mine.c"
ok $? "a module builds with the headers alone"

MOIRAI_PLUGIN_PATH=$scratch/modules${MOIRAI_PLUGIN_PATH:+:$MOIRAI_PLUGIN_PATH}
export MOIRAI_PLUGIN_PATH
run "$bin/moirai" plugins && grep -q '\<mine\>' "$scratch/said"
ok $? "moirai plugins lists it"

compile "${CC:-cc} -std=c11" "--cflags --libs" -o "$scratch/program" \
    "$source/tests/installed/program.c" &&
    run "$scratch/program" scheduler.plugin=mine &&
    [ "$(cat "$scratch/said")" = "$version 42" ]
ok $? "a program runs under it"

echo '{version: 1, scheduler: {plugin: mine, batch: 3}}' >"$scratch/mine.yaml"
run "$bin/moirai" run -c "$scratch/mine.yaml" "$scratch/program"
ok $? "and under moirai run"
echo "1..$checks"
