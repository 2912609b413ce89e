#!/bin/sh
# SPDX-License-Identifier: MIT
# check_headers.sh - each public header is installed, and compiles alone and
# twice, without extensions, as C11 and as C++17.
set -u
cd "${srcdir:-.}" || exit 1
flags="-Iinclude -Wall -Wextra -Wpedantic -Wshadow -Werror -fsyntax-only"
status=0

if [ -z "${CXX:-}" ]; then
    echo "1..0 # SKIP no C++ compiler: apt-get install g++"
    exit 0
fi

for path in include/moirai/*.h; do
    header=moirai/${path##*/}
    program="#include <$header>
#include <$header>"
    # shellcheck disable=SC2086  # flags are words
    {
        echo "$program" | ${CC:-cc} -std=c11 $flags -x c - &&
        echo "$program" | $CXX -std=c++17 $flags -x c++ -
    } || { echo "$path:1: does not compile alone"; status=1; }
    grep -q "$path" include/include.am ||
        { echo "$path:1: is not in include/include.am"; status=1; }
done
echo "1..1"
if [ $status -eq 0 ]; then
    echo "ok 1 - every public header stands alone"
else
    echo "not ok 1 - every public header stands alone"
fi
