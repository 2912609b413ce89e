#!/bin/sh
# SPDX-License-Identifier: MIT
# test_new.sh - what `moirai plugins new` writes, and what it refuses.
#
# Runs in the build directory; prints TAP. That a package builds by its own
# autotools, tests/installed/check_plugin.sh sees; here it is compiled.
. "${srcdir:-.}/tests/tools/common.sh"
# writes STATUS ARGUMENT...: does `moirai plugins new` end so?
writes() {
    expected=$1
    shift
    ends "$expected" "$moirai" plugins new "$@"
}

writes 2 && writes 2 sched && complained "which kind, and which name?" &&
    writes 2 sched a b c && complained "takes KIND, NAME and a folder"
is $? "it wants a kind and a name"
writes 2 scheduler mine && complained '"scheduler" is no kind' &&
    writes 2 tran mine && complained "sched, stack, chan, io"
is $? "there are packages for four kinds"
ok=0
for name in '' Mine 1st my-own my.own 'my own' ../mine _mine naïve \
    a2345678901234567890123456789012345678901; do
    { writes 2 sched "$name" && complained "is no name for a plugin: a small"; } ||
        ok=1
done
is $ok "a name is part of an identifier"
writes 2 sched int && writes 2 chan auto && complained "it means something in C"
is $? "and none that means something else"
writes 2 sched fifo && complained 'there is a builtin scheduler "fifo"' &&
    writes 0 chan fifo && [ -d chan_fifo ]
is $? "nor one that a builtin plugin has"
writes 0 -h && said "usage: moirai plugins new"
is $? "it explains itself"
mkdir there && : >there/precious && writes 2 sched mine there &&
    complained '"there" is there already' && [ "$(ls there)" = precious ] &&
    : >file && writes 2 sched mine file && writes 1 sched mine no/such/folder &&
    complained "No such file or directory"
is $? "it overwrites nothing"

for kind in sched stack chan io; do
    writes 0 $kind mine && said "${kind}_mine has a "
    is $? "$kind: a package"
    [ "$(cd ${kind}_mine && ls | LC_ALL=C sort | tr '\n' ' ')" = \
        "Makefile.am README.md configure.ac mine.c mine.yaml test.sh " ] &&
        ! grep -rnE 'sample|bands|SPDX' ${kind}_mine >out &&
        [ -x ${kind}_mine/test.sh ] && sh -n ${kind}_mine/test.sh 2>err
    is $? "$kind: of these files, and nothing of the template's names"
    # Not with -z defs, which clang's sanitizers do not bear.
    # shellcheck disable=SC2086  # flags are words
    ${CC:-cc} -std=c11 -D_GNU_SOURCE -O1 -g -Wall -Wextra -Wpedantic -Werror \
        -fPIC -shared -fvisibility=hidden -pthread ${SANITIZE_CFLAGS:-} \
        -I"$src/include" -o ${kind}_mine/${kind}_mine.so ${kind}_mine/mine.c \
        >out 2>err
    is $? "$kind: it compiles without a warning"
    MOIRAI_PLUGIN_PATH=$dir/${kind}_mine "$moirai" check ${kind}_mine/mine.yaml \
        >out 2>err
    is $? "$kind: its configuration is right"
    "$moirai" plugins test -q -c ${kind}_mine/mine.yaml \
        ${kind}_mine/${kind}_mine.so >out 2>err
    is $? "$kind: it keeps its promises"
done
writes 0 -j sched other here && "$here/tests/tools/json_check" <out &&
    said '"directory":"here","files":["here/other.c",' && [ -f here/other.c ]
is $? "another folder, and JSON"
echo "1..$n"
