#!/bin/sh
# SPDX-License-Identifier: MIT
# build.sh BUILDDIR - builds the Rust peers, a program for each library.
#
# Exits 77 with a sentence if cargo or a crate is missing. The crates are the
# sources that Debian's librust-*-dev packages install (RUST_REGISTRY, where
# they are). Writes nothing but below BUILDDIR, where a copy of the package is
# what cargo works in; fetches nothing.
set -eu
source=$(cd "$(dirname "$0")" && pwd)
mkdir -p "${1:?usage: build.sh BUILDDIR}"
build=$(cd "$1" && pwd)
registry=${RUST_REGISTRY:-/usr/share/cargo/registry}

for tool in cargo rustc; do
    if ! "$tool" --version >/dev/null 2>&1; then
        echo "$tool is not installed: apt-get install cargo rustc"
        exit 77
    fi
done
for crate in async-channel crossbeam-channel flume libc parking_lot rayon tokio
do
    if ! ls -d "$registry/$crate-"[0-9]* >/dev/null 2>&1; then
        package=librust-$(echo "$crate" | tr _ -)-dev
        echo "the crate $crate is not installed: apt-get install $package"
        exit 77
    fi
done

rm -rf "$build/package"
mkdir -p "$build/package/.cargo"
cp -Rp "$source/Cargo.toml" "$source/src" "$build/package"
sed "s|/usr/share/cargo/registry|$registry|" "$source/cargo-config.toml" \
    >"$build/package/.cargo/config.toml"
chmod -R u+w "$build/package"
(cd "$build/package" && CARGO_HOME=$build/cargo-home \
    CARGO_TARGET_DIR=$build/target cargo build --quiet --release --offline)
rustc --version >"$build/compiler"

for library in async-channel async-channel-threads crossbeam flume \
    flume-threads rayon tokio tokio-parking-lot tokio-rayon tokio-std-mutex
do
    ln -f "$build/target/release/peers" "$build/$library"
done
