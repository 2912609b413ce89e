#!/bin/sh
# SPDX-License-Identifier: MIT
# bare.sh SOURCEDIR BUILDDIR - builds moirai a second time, below BUILDDIR,
# without what no setting switches off: counters, and the question in each event
# whether tracing is on. bench/cost of both builds is what that costs.
#
# Uses $CC, $CXX, $CFLAGS. Exits 77 with a sentence if SOURCEDIR itself has been
# configured: then no other folder can be built in. Not for anything else: what
# reads counters reads zeros.
set -eu
source=$(cd "${1:?usage: bare.sh SOURCEDIR BUILDDIR}" && pwd)
mkdir -p "${2:?usage: bare.sh SOURCEDIR BUILDDIR}"
cd "$2"
if [ -e "$source/config.status" ]; then
    echo "bench/bare: the source folder is configured; build in another one"
    exit 77
fi
[ -e config.status ] ||
    "$source/configure" --quiet CC="${CC:-gcc}" CXX="${CXX:-g++}" \
        ${CFLAGS+CFLAGS="$CFLAGS"} CPPFLAGS=-DMO_BARE
make --no-print-directory -s bench-programs >make.log 2>&1 || {
    tail -n 20 make.log >&2
    exit 1
}
