#!/bin/sh
# SPDX-License-Identifier: MIT
# autogen.sh - makes ./configure and what it needs; run once after a checkout.
set -eu
cd "$(dirname "$0")"

need() {
    command -v "$1" >/dev/null 2>&1 && return
    echo "autogen.sh: $1 not found: apt-get install $2" >&2
    exit 1
}

need autoreconf autoconf
need automake automake
need libtoolize libtool
need pkg-config pkg-config        # configure.ac uses its pkg.m4
exec autoreconf --install --warnings=all,no-portability
