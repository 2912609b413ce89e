#!/bin/sh
# SPDX-License-Identifier: MIT
# check_plugin.sh - who has only what is installed can write a scheduler.
#
# Copies examples/plugin somewhere else, builds it there, with autotools and
# without, installs it, and runs programs under it. Needs an installation, see
# tests/support/installed.sh; nothing else of the build folder.
set -u
source=$(cd "${srcdir:-.}" && pwd)
. "$source/tests/support/installed.sh"

# quietly COMMAND...: what it says is on $scratch/log. No longer than needed.
quietly() {
    timeout 300 "$@" >"$scratch/log" 2>&1
}

# says TEXT COMMAND...: does it succeed, and say so?
says() {
    text=$1
    shift
    quietly "$@" && grep -qF -- "$text" "$scratch/log"
}

cp -R "$source/examples/plugin" "$scratch/plugin" || exit 1
chmod -R u+w "$scratch/plugin"
cp "$source/examples/hello.c" "$scratch"
cd "$scratch/plugin" || exit 1
CFLAGS="-g -O2 ${SANITIZE_CFLAGS:-}"
export CFLAGS

make=${MAKE:-make}
autotools="its own autotools project builds"
if ! command -v autoreconf >/dev/null || ! command -v libtoolize >/dev/null
then
    # There is always the short way.
    skip "$autotools" "no autoconf, automake, libtool"
    quietly "$make" -f Makefile.plain
    mkdir .libs && mv sched_bands.so .libs
    quietly "$make" -f Makefile.plain install DESTDIR="$scratch/there"
else
    quietly autoreconf -i &&
        quietly ./configure --disable-dependency-tracking &&
        quietly "$make"
    ok $? "$autotools"
    quietly "$make" check
    ok $? "its own tests pass"
    quietly "$make" install DESTDIR="$scratch/there"
    ok $? "it installs"
    quietly "$make" distcheck
    ok $? "its own distcheck passes"
    quietly "$make" -f Makefile.plain CC="${CC:-cc}"
    ok $? "six lines of make build it too"
fi
if command -v autoreconf >/dev/null && command -v libtoolize >/dev/null; then
    (cd "$scratch" && moirai plugins new sched mine && cd sched_mine &&
        autoreconf -i && ./configure --disable-dependency-tracking &&
        "$make" && "$make" check) >"$scratch/log" 2>&1 &&
        [ -e "$scratch/sched_mine/.libs/sched_mine.so" ]
    ok $? "what moirai plugins new writes builds, and passes"
fi
MOIRAI_PLUGIN_PATH=$scratch/there$modules
export MOIRAI_PLUGIN_PATH

[ "$(nm -D --defined-only .libs/sched_bands.so | grep -v __odr_asan |
    grep -c ' [BDRTVW] ')" -eq 1 ]
ok $? "it exports one symbol"
says "    queues: choice shared|each, preset shared." moirai plugins -v &&
    grep -qF "$scratch/there$modules/sched_bands.so" "$scratch/log"
ok $? "it is listed with its options"
says "bands.yaml: ok" moirai check bands.yaml
ok $? "its configuration is right"
# As docs/plugin-author.md has it.
echo 'scheduler: {plugin: bands, bands: 65, queues: eech, fast: yes}' >wrong.yaml
! quietly moirai check wrong.yaml && [ "$(wc -l <"$scratch/log")" -eq 3 ] &&
    [ "$(grep -cxFf "$scratch/log" "$source/docs/plugin-author.md")" -eq 3 ]
ok $? "mistakes in its options are told with their places"

compile "${CC:-cc} -std=c11 -O1" "--cflags --libs" -o hello ../hello.c &&
    quietly moirai run -c bands.yaml ./hello &&
    [ "$(sort -n "$scratch/log" | tr -d '\n')" = 123456789 ]
ok $? "hello runs under it"

cat >fib.c <<'END_OF_C'
#include <moirai/moirai.h>

#include <err.h>
#include <stdio.h>

static int fib(void *arg)
{
    long *n = arg;
    long left = *n - 1;
    long right = *n - 2;
    struct moirai_frame frame;

    if (*n < 2)
        return 0;
    moirai_fork(&frame, fib, &left);
    fib(&right);
    moirai_join(&frame);
    *n = left + right;
    return 0;
}

int main(void)
{
    struct moirai_runtime *runtime;
    struct moirai_error error;
    long n = 20;

    if (moirai_start(&runtime, NULL, &error) != 0)
        errx(1, "%s", error.text);
    moirai_run(runtime, fib, &n);
    printf("%ld\n", n);
    return moirai_stop(runtime, MOIRAI_NEVER, NULL) != 0;
}
END_OF_C
compile "${CC:-cc} -std=c11 -O1" "--cflags --libs" -o fib fib.c
ok $? "a program that forks and joins builds"
for queues in shared each; do
    cat >"$queues.yaml" <<END
runtime: {workers: 4}
scheduler: {plugin: bands, queues: $queues, report: yes}
END
    MOIRAI_LOG=info says "out of patience" moirai run -c "$queues.yaml" ./fib &&
        grep -qx 6765 "$scratch/log"
    ok $? "forks and joins under it, queues: $queues"
done

# It promises what every scheduler promises.
for set in "queues: shared" "queues: each" "bands: 1, patience: never"; do
    echo "scheduler: {plugin: bands, $set}" >"set.yaml"
    says "17 kept, 0 broken, 2 " \
        moirai plugins test -q -c set.yaml .libs/sched_bands.so
    ok $? "it keeps its promises, $set"
done
echo "1..$checks"
