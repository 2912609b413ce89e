#!/bin/sh
# SPDX-License-Identifier: MIT
# run-demo.sh - installs what is needed, builds, and counts words.
#
#     ./run-demo.sh [WORDFREQ-ARGUMENT...]
#
# Runs examples/wordfreq, over the texts that every Debian system has unless
# files or folders are named. Builds in the folder $BUILD (preset: build/demo).
set -eu
cd "$(dirname "$0")"
source=$PWD
build=${BUILD:-build/demo}

./install-deps.sh >&2
[ -x configure ] || ./autogen.sh >&2
mkdir -p "$build"
[ -f "$build/Makefile" ] || (cd "$build" && "$source/configure" --quiet)
make -C "$build" --no-print-directory -j "$(nproc)" all >&2
exec "$build/examples/wordfreq/wordfreq" "$@"
