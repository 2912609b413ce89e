#!/bin/sh
# SPDX-License-Identifier: MIT
# build.sh BUILDDIR - builds the peer with TBB as BUILDDIR/tbb.
#
# Uses $CC and $CXX, each several words if need be; presets gcc and g++. Exits
# 77 with a sentence if there is no compiler for C++ or no TBB. Writes nothing
# but below BUILDDIR.
set -eu
source=$(cd "$(dirname "$0")" && pwd)
support=$source/../../support
mkdir -p "${1:?usage: build.sh BUILDDIR}"
build=$(cd "$1" && pwd)
cxx=${CXX:-g++}
printf '%s\n' '#include <tbb/task_group.h>' 'int main() {}' >"$build/try.cc"
if ! $cxx -std=c++17 -o "$build/try" "$build/try.cc" -ltbb 2>/dev/null; then
    echo "no C++ compiler or no TBB: apt-get install g++ libtbb-dev"
    exit 77
fi
${CC:-gcc} -std=c11 -D_GNU_SOURCE -O3 -c -I"$support" -o "$build/bench.o" \
    "$support/bench.c"
exec $cxx -std=c++17 -O3 -fopenmp-simd -Wall -Wextra -Wshadow -I"$support" \
    -I"$source/.." -o "$build/tbb" "$source"/*.cc "$build/bench.o" -ltbb
