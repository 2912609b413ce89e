#!/bin/sh
# SPDX-License-Identifier: MIT
# build.sh BUILDDIR - builds the peer in Go as BUILDDIR/go.
#
# Exits 77 with a sentence if there is no Go. Writes nothing but below BUILDDIR,
# fetches nothing.
set -eu
source=$(cd "$(dirname "$0")" && pwd)
mkdir -p "${1:?usage: build.sh BUILDDIR}"
build=$(cd "$1" && pwd)
if ! command -v go >/dev/null 2>&1; then
    echo "Go is not installed: apt-get install golang-go"
    exit 77
fi
GOCACHE=$build/cache GOPATH=$build/path GOENV=off
GOFLAGS= GOPROXY=off GOTOOLCHAIN=local
export GOCACHE GOPATH GOENV GOFLAGS GOPROXY GOTOOLCHAIN
go version >"$build/compiler"
cd "$source"
exec go build -trimpath -buildvcs=false -o "$build/go" .
