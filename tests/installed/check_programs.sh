#!/bin/sh
# SPDX-License-Identifier: MIT
# check_programs.sh - what is installed is enough to write programs, in C and
# in C++, with nothing but what pkg-config says; and they run, by themselves
# and under `moirai run`.
set -u
source=$(cd "${srcdir:-.}" && pwd)
. "$source/tests/support/installed.sh"
warnings="-O1 -Wall -Wextra -Wpedantic -Werror"


run "$bin/moirai" version
grep -qF "$version" "$scratch/said"
ok $? "moirai.pc and moirai are of one version"

run "$bin/moirai" bench --list --programs /nowhere \
    --questions "$data/moirai/bench/questions.yaml"
grep -q '^fib ' "$scratch/said"
ok $? "the questions of moirai bench are installed"

[ "$(pkg-config --variable=moduledir moirai)" = "$modules" ] &&
    [ "${modules##*/}" = "$(pkg-config --variable=abi moirai)" ]
ok $? "moirai.pc knows the modules' folder and ABI"

( cd "$include" && printf '#include <%s>\n' moirai/*.h ) >"$scratch/all.c"
compile "${CC:-cc} -std=c11 $warnings" --cflags -fsyntax-only "$scratch/all.c"
ok $? "all headers in one file, C11"

compile "${CC:-cc} -std=c11 $warnings" "--cflags --libs" \
    -o "$scratch/program" "$source/tests/installed/program.c" &&
    run "$scratch/program" scheduler.plugin=fifo &&
    [ "$(cat "$scratch/said")" = "$version 42" ]
ok $? "a program in C"

if [ -n "${CXX:-}" ]; then
    cp "$source/tests/installed/program.c" "$scratch/program.cc"
    compile "$CXX -std=c++17 $warnings" "--cflags --libs" \
        -o "$scratch/program_cxx" "$scratch/program.cc" &&
        run "$scratch/program_cxx" && [ "$(cat "$scratch/said")" = "$version 42" ]
    ok $? "a program in C++"
else
    skip "a program in C++" "no C++ compiler"
fi

for n in 1 2 3 4 5 6 7 8 9; do echo $n; done >"$scratch/want"
compile "${CC:-cc} -std=c11 $warnings" "--cflags --libs" \
    -o "$scratch/hello" "$source/examples/hello.c"
ok $? "examples/hello.c builds"
for config in "$data"/moirai/*.yaml; do
    run "$bin/moirai" run -c "$config" "$scratch/hello" &&
        sort -n "$scratch/said" | cmp -s - "$scratch/want"
    ok $? "hello under ${config##*/}"
done
echo "1..$checks"
