#!/bin/sh
# SPDX-License-Identifier: MIT
# build.sh BUILDDIR - builds the peer in OpenMP as BUILDDIR/openmp-gcc and
# BUILDDIR/openmp-clang, as far as there is the compiler and its runtime.
#
# Exits 77 with a sentence if there is neither. Writes nothing but below
# BUILDDIR.
set -eu
source=$(cd "$(dirname "$0")" && pwd)
support=$source/../../support
mkdir -p "${1:?usage: build.sh BUILDDIR}"
build=$(cd "$1" && pwd)
built=

# can COMPILER: whether it compiles and links OpenMP.
can() {
    echo 'int main(void) { return 0; }' >"$build/try.c"
    "$1" -fopenmp -include omp.h -o "$build/try" "$build/try.c" 2>/dev/null
}

for compiler in gcc clang; do
    can "$compiler" || continue
    "$compiler" -std=c11 -D_GNU_SOURCE -O3 -fopenmp -Wall -Wextra -Wshadow \
        -I"$support" -I"$source/.." -o "$build/openmp-$compiler" \
        "$source"/*.c "$support/bench.c" -lm
    built=$built$compiler
done
if [ -z "$built" ]; then
    echo "neither gcc nor clang has OpenMP: apt-get install gcc libomp-dev clang"
    exit 77
fi
