#!/bin/sh
# SPDX-License-Identifier: MIT
# build.sh BUILDDIR - builds the peer with Boost.Fiber as BUILDDIR/boost.
#
# Uses $CC and $CXX, each several words if need be; presets gcc and g++. Exits
# 77 with a sentence if there is no compiler for C++ or no Boost.Fiber. Writes
# nothing but below BUILDDIR.
set -eu
source=$(cd "$(dirname "$0")" && pwd)
support=$source/../../support
mkdir -p "${1:?usage: build.sh BUILDDIR}"
build=$(cd "$1" && pwd)
cxx=${CXX:-g++}

# link ARGUMENT...: compiles and links, with Boost.Fiber.
link() {
    $cxx -std=c++17 "$@" -lboost_fiber -lboost_context -pthread
}

printf '%s\n' '#include <boost/fiber/all.hpp>' 'int main() {}' >"$build/try.cc"
if ! link -o "$build/try" "$build/try.cc" 2>/dev/null; then
    echo "no C++ compiler or no Boost.Fiber:" \
        "apt-get install g++ libboost-fiber-dev libboost-context-dev"
    exit 77
fi
${CC:-gcc} -std=c11 -D_GNU_SOURCE -O3 -c -I"$support" -o "$build/bench.o" \
    "$support/bench.c"
link -O3 -Wall -Wextra -Wshadow -I"$support" -o "$build/boost" \
    "$source"/*.cc "$build/bench.o"
