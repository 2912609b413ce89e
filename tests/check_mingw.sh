#!/bin/sh
# SPDX-License-Identifier: MIT
# check_mingw.sh - what a build for Windows consists of compiles.
#
# Core with what core/portable/ has in place of its namesakes, the plugins, the
# tool and the first example, by the cross compiler of mingw-w64, without a
# warning. Linked and run they are by tests/mingw.sh. Needs no configured tree:
# the headers of libyaml and libltdl are this machine's, which are the same
# everywhere.
set -u
cc=${MINGW_CC:-x86_64-w64-mingw32-gcc}
command -v "$cc" >/dev/null || {
    echo "1..0 # SKIP no $cc: apt-get install gcc-mingw-w64-x86-64"
    exit 0
}
cd "${srcdir:-.}" || exit 1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The machine's own headers but these stay out of sight.
for header in yaml.h ltdl.h libltdl; do
    for folder in ${LIBRARY_HEADERS:-/usr/include /usr/local/include}; do
        [ ! -e "$folder/$header" ] || ln -sf "$folder/$header" "$work/$header"
    done
done
for plugin in chan_broadcast chan_latest chan_list chan_prio chan_ring chan_steal \
    sched_fifo sched_numa sched_prio sched_sim sched_steal stack_heap; do
    echo "MO_BUILTIN(${plugin%%_*}, ${plugin#*_})"
done >"$work/builtin_list.h"

# What is Linux's alone, besides what has a namesake in core/portable/.
sources() {
    for file in core/*.c core/os/*.c core/portable/*.c core/arch/self.c \
        core/arch/sanitize.c core/arch/switch_threads.c \
        core/simd/choose.c core/simd/none.c core/simd/scalar.c plugins/*/*.c \
        tools/*.c examples/hello.c
    do
        case $file in
        core/portable/*) ;;
        plugins/stacks/fixed.c|plugins/stacks/guards.c|plugins/stacks/mmap.c|\
        plugins/stacks/slab.c|plugins/io/*|\
        tools/launch.c) continue ;;
        tools/bench_none.c|tools/columns_none.c|tools/plugins_none.c|\
        tools/sim_none.c) ;;
        tools/attempt.c|tools/cmd_plugins_*.c|tools/subject.c) continue ;;
        tools/bench_*.c|tools/cmd_bench.c|tools/columns.c) continue ;;
        tools/sim_*.c|tools/cmd_sim.c|tools/signals.c|tools/cmd_profile.c)
            continue ;;
        core/*) [ ! -f "core/portable/${file##*/}" ] || continue ;;
        esac
        echo "$file"
    done
}

# Formats are C's, not Microsoft's, which the headers' attribute means there;
# they are checked wherever else this is compiled.
compile() {
    # shellcheck disable=SC2086  # CCACHE is words
    timeout 60 ${CCACHE:-} "$cc" -std=c11 -O1 -Wall -Wextra -Wpedantic -Werror \
        -Wno-format -Wno-format-extra-args \
        -D_GNU_SOURCE -D__USE_MINGW_ANSI_STDIO=1 -DMO_SWITCH_THREADS=1 \
        -DMO_MODULE_DIR='""' -DMO_PRESET_STACK='"heap"' \
        -DPACKAGE_VERSION='""' -isystem core/os/windows -Iinclude -iquote core \
        -I"$work" -c "$1" -o "$work/object.o"
}

echo "1..2"
n=0
: >"$work/bad"
for file in $(sources); do
    n=$((n + 1))
    compile "$file" 2>"$work/said" && continue
    echo "$file" >>"$work/bad"
    sed 's/^/# /' "$work/said" | head -n 8
done
if [ ! -s "$work/bad" ]; then
    echo "ok 1 - $n files compile for Windows"
else
    echo "not ok 1 - $n files compile for Windows"
fi
if [ "$n" -gt 60 ]; then
    echo "ok 2 - that is core, plugins and tool"
else
    echo "not ok 2 - that is core, plugins and tool"
fi
