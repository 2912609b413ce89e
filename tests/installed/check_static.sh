#!/bin/sh
# SPDX-License-Identifier: MIT
# check_static.sh - programs with libmoirai.a inside, and with libc inside too:
# they read the same YAML, and may name any plugin. One that has its own libc
# cannot load a module, and says so.
set -u
source=$(cd "${srcdir:-.}" && pwd)
. "$source/tests/support/installed.sh"

if ! [ -e "$lib/libmoirai.a" ]; then
    echo "1..0 # SKIP no libmoirai.a: configure --enable-static"
    exit 0
fi
cc="${CC:-cc} -std=c11 -D_GNU_SOURCE -O1 -Wall -Wextra -Werror"

nm "$lib/libmoirai.a" 2>/dev/null |
    awk '$2 ~ /^[A-TV-Z]$/ { print $3 }' |
    grep -v '^moirai_\|^mo_\|_LTX_moirai_plugin$\|^__odr_asan' >"$scratch/log"
! [ -s "$scratch/log" ]
ok $? "libmoirai.a takes no names but moirai_, mo_ and the plugins'"

# The .so lies beside it; -l: asks for the other.
half=$(pkg-config --static --libs moirai | sed 's/-lmoirai\>/-l:libmoirai.a/')
write_module "$scratch"
mkdir "$scratch/modules"
compile "$cc" --cflags -fPIC -shared -fvisibility=hidden \
    -o "$scratch/modules/sched_mine.so" "$scratch/mine.c" &&
    eval "$cc ${SANITIZE_CFLAGS:-} -o \"\$scratch/half\" \
        \"\$source/tests/installed/program.c\" \
        $(pkg-config --cflags moirai) $half" >"$scratch/log" 2>&1 &&
    ! readelf -d "$scratch/half" | grep 'NEEDED.*moirai' &&
    MOIRAI_PLUGIN_PATH=$scratch/modules \
        run "$scratch/half" scheduler.plugin=mine
ok $? "with a dynamic libc it loads modules"

if ! can_link_statically; then
    skip "a wholly static program" "no static libc, or sanitizers"
    echo "1..$checks"
    exit 0
fi

# link_statically OUTPUT SOURCE...
link_statically() {
    compile "$cc -static" "--static --cflags --libs" -o "$@" &&
        ! readelf -lW "$1" | grep 'INTERP\|DYNAMIC'
}

link_statically "$scratch/hello" "$source/examples/hello.c" &&
    ldd "$scratch/hello" 2>&1 | grep -q 'not a dynamic executable'
ok $? "hello, wholly static"
# What the linker says of dlopen is dealt with; docs/packaging.md.
! grep 'warning:' "$scratch/log" | grep -v "'dlopen'" >"$scratch/warnings"
ok $? "the linker warns of dlopen alone"

for n in 1 2 3 4 5 6 7 8 9; do echo $n; done >"$scratch/want"
same() {
    sort -n "$scratch/said" | cmp -s - "$scratch/want"
}

for config in "$data"/moirai/*.yaml; do
    run env MOIRAI_CONFIG="$config" "$scratch/hello" && same
    ok $? "hello under ${config##*/}"
done

# Whatever the library has inside, by its name.
"$bin/moirai" plugins | awk '$4 == "builtin" { print $1, $2 }' \
    >"$scratch/plugins"
while read -r kind name; do
    case $kind in
    sched) yaml="scheduler: {plugin: $name}" ;;
    stack) yaml="stacks: {plugin: $name}" ;;
    chan) yaml="channels: {counts: {plugin: $name}}" ;;
    *) yaml="$kind: {plugin: $name}" ;;
    esac
    echo "{version: 1, $yaml}" >"$scratch/named.yaml"
    run env MOIRAI_CONFIG="$scratch/named.yaml" "$scratch/hello" && same
    ok $? "hello under the $kind plugin $name"
done <"$scratch/plugins"

MOIRAI_PLUGIN_PATH=$scratch/modules
export MOIRAI_PLUGIN_PATH
for name in mine "$scratch/modules/sched_mine.so"; do
    echo "{version: 1, scheduler: {plugin: $name}}" >"$scratch/module.yaml"
    ! run env MOIRAI_CONFIG="$scratch/module.yaml" "$scratch/hello" &&
        grep -q 'module.yaml:1:' "$scratch/log" &&
        grep -q 'this program is linked statically' "$scratch/log"
    ok $? "a module is refused with the reason: ${name##*/}"
done
echo '{version: 1, scheduler: {plugin: fifo}}' >"$scratch/fifo.yaml"
run env MOIRAI_CONFIG="$scratch/fifo.yaml" "$scratch/hello" && same
ok $? "modules on the path do not disturb"

link_statically "$scratch/wordfreq" "$source"/examples/wordfreq/*.c
ok $? "wordfreq, wholly static"
mkdir "$scratch/texts"
echo "to be or not to be" >"$scratch/texts/one.txt"
echo "that is the question to be" >"$scratch/texts/two.txt"
for config in "$data"/moirai/*.yaml; do
    run env MOIRAI_CONFIG="$config" "$scratch/wordfreq" -n 2 "$scratch/texts" &&
        [ "$(awk '{ print $1, $2 }' "$scratch/said" | tr '\n' ',')" = \
            "3 be,3 to," ]
    ok $? "wordfreq under ${config##*/}"
done
echo "1..$checks"
