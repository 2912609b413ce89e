#!/bin/sh
# SPDX-License-Identifier: MIT
# check_install.sh - what is installed is enough to write programs and plugins.
#
# Runs in the build folder: installs into a temporary folder, and there, with
# nothing but what pkg-config says, builds a module out of the scheduler fifo,
# builds a program, and runs the program under that module.
set -u
source=$(cd "${srcdir:-.}" && pwd)
dest=$(mktemp -d) || exit 1
trap 'rm -rf "$dest"' EXIT

fail() {
    echo "# $*"
    echo "not ok 1 - what is installed is enough"
    exit 1
}

echo "1..1"
"${MAKE:-make}" install DESTDIR="$dest" >"$dest/log" 2>&1 ||
    { cat "$dest/log"; fail "make install failed"; }
pc=$(find "$dest" -name moirai.pc)
[ -n "$pc" ] || fail "no moirai.pc"
PKG_CONFIG_PATH=${pc%/*}
PKG_CONFIG_SYSROOT_DIR=$dest
export PKG_CONFIG_PATH PKG_CONFIG_SYSROOT_DIR
modules=$(pkg-config --variable=moduledir moirai)
[ "$(pkg-config --variable=abi moirai)" = 1 ] || fail "moirai.pc: abi is not 1"
[ -f "$modules/sched_fifo.so" ] || fail "no sched_fifo.so in $modules"

sed -e 's/(sched, fifo)/(sched, mine)/' -e 's/"fifo"/"mine"/' \
    "$source/plugins/schedulers/fifo.c" >"$dest/mine.c"
# shellcheck disable=SC2046,SC2086  # flags are words
${CC:-cc} -std=c11 -D_GNU_SOURCE -O1 -fPIC -shared -fvisibility=hidden \
    ${SANITIZE_CFLAGS:-} ${DEFS_LDFLAGS:-} \
    $(pkg-config --cflags moirai) -o "$dest/sched_mine.so" "$dest/mine.c" ||
    fail "a module does not build"

cat >"$dest/program.c" <<'END'
#include <stdio.h>

#include <moirai/moirai.h>

static int answer(void *arg)
{
    (void)arg;
    return 42;
}

int main(void)
{
    static const char *const set[] = { "scheduler.plugin=mine", NULL };
    struct moirai_config config = { .size = sizeof config, .set = set };
    struct moirai_runtime *runtime;
    struct moirai_error err;
    int rc;

    if (moirai_start(&runtime, &config, &err) != 0) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    rc = moirai_run(runtime, answer, NULL);
    if (moirai_stop(runtime, MOIRAI_NEVER, NULL) != 0)
        return 1;
    printf("%s %d\n", moirai_version(), rc);
    return 0;
}
END
# shellcheck disable=SC2046,SC2086  # flags are words
${CC:-cc} -std=c11 -O1 -Wall -Wextra -Werror ${SANITIZE_CFLAGS:-} \
    -o "$dest/program" "$dest/program.c" \
    $(pkg-config --cflags --libs moirai) || fail "a program does not build"
said=$(LD_LIBRARY_PATH=$(dirname "${pc%/*}") MOIRAI_PLUGIN_PATH=$dest \
    "$dest/program") || fail "the program failed"
version=$(pkg-config --modversion moirai)
[ "$said" = "$version 42" ] || fail "the program said '$said', not '$version 42'"
echo "ok 1 - what is installed is enough"
