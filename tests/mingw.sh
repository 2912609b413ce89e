#!/bin/sh
# SPDX-License-Identifier: MIT
# mingw.sh - builds moirai for Windows, and runs it in wine.
#
#     tests/mingw.sh
#
# The compiler is Debian's mingw-w64; libyaml and libltdl are built from Debian's
# sources. What is built stays in $MINGW (preset: build/mingw); $SOURCES is where
# the sources of the libraries are, if somebody has fetched them (libyaml/ and
# libtool/; tests/cross.sh leaves them in build/cross/sources).
#
# Prints TAP. What runs is the first example and the tool: there is no test
# framework for Windows here, and the same code is tested by tests/portable.sh.
set -u
cd "$(dirname "$0")/.." || exit 1
source=$PWD
build=${MINGW:-build/mingw}
sources=${SOURCES:-build/cross/sources}
target=x86_64-w64-mingw32
jobs=$(nproc)
mkdir -p "$build" || exit 1
build=$(cd "$build" && pwd)

# One apt of our own, as in tests/cross.sh.
fetch() {
    [ ! -d "$sources/libtool" ] || { sources=$(cd "$sources" && pwd); return; }
    sources=$build/sources
    [ ! -d "$sources/libtool" ] || return 0
    rm -rf "$build/apt" "$sources"
    mkdir -p "$build/apt/lists/partial" "$build/apt/cache/archives/partial" \
        "$sources"
    # shellcheck disable=SC2016  # they are apt's
    apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' \
        'Created-By: Packages' 'Origin: Debian' 'Component: main' |
        sort -u | sed 's/^/deb-src /' >"$build/apt/list"
    (cd "$sources" && for step in update \
        "source --download-only --only-source libyaml libtool"
    do
        # shellcheck disable=SC2086  # $step is words
        apt-get -q -o Dir::Etc::SourceList="$build/apt/list" \
            -o Dir::Etc::SourceParts=/nowhere \
            -o Dir::State::Lists="$build/apt/lists" \
            -o Dir::Cache="$build/apt/cache" \
            -o APT::Sandbox::User=root $step || exit 1
    done && tar -xf libyaml_*.orig.tar.* && mv libyaml-*/ libyaml &&
        (cd libyaml && ./bootstrap) &&
        tar -xf libtool_*.orig.tar.* && mv libtool-*/ libtool)
}

# library SOURCE ARGUMENT...: into $build/usr, static.
library() {
    folder=$1
    shift
    mkdir -p "$build/$folder"
    (cd "$build/$folder" &&
        "$sources/$folder/configure" -C --quiet --host=$target \
            --prefix="$build/usr" --disable-shared --enable-static "$@")
}

libraries() {
    [ ! -f "$build/usr/done" ] || return 0
    library libyaml CFLAGS="-O1 -DYAML_DECLARE_STATIC" &&
        make -s -C "$build/libyaml/src" install &&
        make -s -C "$build/libyaml/include" install &&
        make -s -C "$build/libyaml" install-pkgconfigDATA &&
        library libtool/libltdl --enable-ltdl-install CFLAGS=-O1 &&
        make -s -C "$build/libtool/libltdl" install &&
        : >"$build/usr/done"
}

moirai() {
    mkdir -p "$build/moirai"
    cd "$build/moirai" || return
    PKG_CONFIG_LIBDIR=$build/usr/lib/pkgconfig
    export PKG_CONFIG_LIBDIR
    # shellcheck disable=SC2086  # words
    [ -f Makefile ] || "$source/configure" -C --quiet --host=$target \
        --disable-dependency-tracking --disable-shared --enable-static \
        --enable-werror CC="$(command -v ccache) $target-gcc" \
        CPPFLAGS="-I$build/usr/include -DYAML_DECLARE_STATIC" \
        LDFLAGS="-L$build/usr/lib" ${CONFIGURE:-} || return
    make -s -j "$jobs" examples/hello.exe tools/moirai.exe
}

n=0
is() {
    n=$((n + 1))
    if [ "$1" -eq 0 ]; then
        echo "ok $n - $2"
    else
        echo "not ok $n - $2"
        failed=1
    fi
}

# in_wine PROGRAM ARGUMENT...: its output without carriage returns in `out`.
in_wine() {
    timeout --kill-after=10 120 "$wine" "$@" >out.crlf 2>err </dev/null
    status=$?
    tr -d '\r' <out.crlf >out
    return $status
}

failed=0
command -v $target-gcc >/dev/null || {
    echo "1..0 # SKIP no $target-gcc: apt-get install gcc-mingw-w64-x86-64"
    exit 0
}
echo "1..7"
[ -x configure ] || ./autogen.sh >"$build/log" 2>&1
(fetch) >>"$build/log" 2>&1 && [ -d "$sources/libtool" ] || sources=$build/sources
sources=$(cd "$sources" && pwd)
libraries >>"$build/log" 2>&1
is $? "libyaml and libltdl build for Windows"
(moirai) >>"$build/log" 2>&1
is $? "moirai builds for Windows without a warning"
[ $failed -eq 0 ] || tail -n 30 "$build/log" | sed 's/^/# /'

wine=$(command -v wine64 || command -v wine || ls /usr/lib/wine/wine64 2>/dev/null)
if [ -z "$wine" ]; then
    for what in hello plugins check bad run; do
        n=$((n + 1))
        echo "ok $n - $what # SKIP no wine: apt-get install wine64"
    done
    exit $failed
fi
WINEPREFIX=$build/wine WINEDEBUG=-all DISPLAY=
export WINEPREFIX WINEDEBUG DISPLAY
cd "$build/moirai" || exit 1

# It prints them in order unless the machine is busy for 10 ms.
in_wine examples/hello.exe && [ "$(sort -n out | tr '\n' ' ')" = \
    "1 2 3 4 5 6 7 8 9 " ]
is $? "the first example prints its nine numbers"
in_wine tools/moirai.exe plugins && grep -q '^stack *heap .*builtin' out &&
    grep -q '^sched *steal' out
is $? "moirai plugins names what is inside"
echo 'scheduler: {plugin: fifo, batch: 4}' >good.yaml
in_wine tools/moirai.exe check good.yaml
is $? "moirai check accepts a configuration"
echo 'scheduler: {plugin: fifo, batch: 0}' >bad.yaml
in_wine tools/moirai.exe check bad.yaml
[ $? -eq 3 ] && cat out err | grep -q 'bad.yaml:1:'
is $? "moirai check says what is wrong and where"
in_wine tools/moirai.exe run -c good.yaml examples/hello.exe &&
    [ "$(wc -l <out)" -eq 9 ]
is $? "moirai run starts a program"
[ $failed -eq 0 ] || sed 's/^/# /' out err
exit $failed
