#!/bin/sh
# SPDX-License-Identifier: MIT
# cross.sh - builds moirai for other machines, and tests it there.
#
#     tests/cross.sh [ARCH...]
#
# ARCH is aarch64, armhf, i386, riscv64, threads (all of them are the preset), or
# s390x, which has no switch of its own and numbers that begin with their big
# end; `threads` is this machine, with --with-switch=threads. The compilers are
# Debian's; libyaml and libltdl are built from Debian's sources, so nothing
# foreign is installed. What is built stays in $CROSS (preset: build/cross);
# $CONFIGURE are further arguments of configure.
#
# i386 programs run as they are, other machines' in qemu-user. That shows that the
# code is right, not how fast it is, nor what weak memory does to it: qemu
# gives each access the order that this machine has. Its other limits are named
# where they matter, in the tests.
#
# The last line is the number of test cases that passed and failed; the exit
# status is 0 if none failed.
set -u
cd "$(dirname "$0")/.." || exit 1
source=$PWD
cross=${CROSS:-build/cross}
jobs=$(nproc)
mkdir -p "$cross" || exit 1
cross=$(cd "$cross" && pwd)

# With every atomic operation a point of the simulator, or over seeds by the
# thousand, tests show nothing here that they do not show at home. qemu-user does
# not survive fork(2) while other threads run, and where each task is a thread, a
# task of the child is not: test_child is for i386 alone.
programs='
core/test_cancel core/test_chan core/test_config core/test_cxx core/test_dl
core/test_expand core/test_fail core/test_frame core/test_handle core/test_local
core/test_mem core/test_memory core/test_name core/test_option core/test_plugin
core/test_pool core/test_runtime core/test_scope core/test_setup core/test_simd
core/test_slab core/test_span core/test_switch core/test_sync core/test_task core/test_text core/test_time core/test_timer
core/test_trace core/test_transfer core/test_wait plugins/test_deque
plugins/test_ring plugins/test_sched plugins/test_stack_mmap
'
scripts="tests/check_abi.log tests/check_switch.log
tests/examples/check_examples.log"

# The triplet of the machine $1, as Debian's packages are named; then what runs
# its programs. Debian says s390x, and has a dash in no other place.
triplet() {
    case $1 in
    aarch64|riscv64|s390x) echo "$1-linux-gnu" ;;
    armhf) echo arm-linux-gnueabihf ;;
    i386) echo i686-linux-gnu ;;
    threads) ${CC:-gcc} -dumpmachine ;;
    *) return 1 ;;
    esac
}

emulator() {
    case $1 in
    i386|threads) ;;
    armhf) echo "qemu-arm -L /usr/$2" ;;
    *) echo "qemu-$1 -L /usr/$2" ;;
    esac
}

# One apt of our own: its lists are the sources of the release that this
# machine's apt knows, which need not list any.
fetch() {
    [ -d "$cross/sources/libtool" ] && return
    rm -rf "$cross/apt" "$cross/sources"
    mkdir -p "$cross/apt/lists/partial" "$cross/apt/cache/archives/partial" \
        "$cross/sources"
    # shellcheck disable=SC2016  # they are apt's
    apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' \
        'Created-By: Packages' 'Origin: Debian' 'Component: main' |
        sort -u | sed 's/^/deb-src /' > "$cross/apt/list"
    (cd "$cross/sources" && for step in update \
        "source --download-only --only-source libyaml libtool"
    do
        # shellcheck disable=SC2086  # $step is words
        apt-get -q -o Dir::Etc::SourceList="$cross/apt/list" \
            -o Dir::Etc::SourceParts=/nowhere \
            -o Dir::State::Lists="$cross/apt/lists" \
            -o Dir::Cache="$cross/apt/cache" \
            -o APT::Sandbox::User=root $step || exit 1
    done) || return
    (cd "$cross/sources" &&
        tar -xf libyaml_*.orig.tar.* && mv libyaml-*/ libyaml &&
        (cd libyaml && ./bootstrap) &&
        tar -xf libtool_*.orig.tar.* && mv libtool-*/ libtool)
}

# library ARCH SOURCE ARGUMENT...
library() {
    arch=$1 folder=$2 target=$(triplet "$1")
    shift 2
    mkdir -p "$cross/$arch/$folder"
    (cd "$cross/$arch/$folder" &&
        "$cross/sources/$folder/configure" -C --quiet --host="$target" \
            --prefix="$cross/$arch/usr" --disable-static CFLAGS=-O1 "$@" &&
        make -s -j "$jobs" install)
}

libraries() {
    [ "$1" = threads ] && mkdir -p "$cross/$1" && return
    [ -f "$cross/$1/usr/libraries" ] && return
    library "$1" libyaml && library "$1" libtool/libltdl --enable-ltdl-install &&
        : > "$cross/$1/usr/libraries"
}

# i386 has no emulator to say where its libraries are.
flags() {
    [ "$1" != threads ] || return 0
    echo "-L$cross/$1/usr/lib -Wl,-rpath,$cross/$1/usr/lib"
    [ "$1" = i386 ] || return 0
    echo "-Wl,-rpath,/usr/$2/lib -Wl,--dynamic-linker=/usr/$2/lib/ld-linux.so.2"
}

build() {
    arch=$1 target=$(triplet "$1")
    mkdir -p "$cross/$arch/moirai"
    cd "$cross/$arch/moirai" || return
    PKG_CONFIG_LIBDIR="$cross/$arch/usr/lib/pkgconfig"
    export PKG_CONFIG_LIBDIR
    [ "$arch" != threads ] || unset PKG_CONFIG_LIBDIR
    # shellcheck disable=SC2005,SC2046,SC2086,SC2116  # one line of words
    [ -f Makefile ] || "$source/configure" -C --quiet --host="$target" \
        --disable-dependency-tracking --with-test-main=plain --enable-werror \
        CC="${CCACHE:-} $target-gcc" CXX="$target-g++" CFLAGS=-O2 \
        CPPFLAGS="-I$cross/$arch/usr/include" \
        LDFLAGS="$(echo $(flags "$arch" "$target"))" \
        $([ "$arch" != threads ] || echo --with-switch=threads) \
        ${CONFIGURE:-} || return
    # shellcheck disable=SC2046  # one word each
    make -s -j "$jobs" all $(tests "$arch") $(modules)
}

# tests ARCH
tests() {
    for program in $programs; do
        echo "tests/$program"
    done
    [ "$1" != i386 ] || echo tests/core/test_child
}

# Modules that are wrong in one way each, for the tests of what loads them.
modules() {
    for module in "$source"/tests/broken/*.c; do
        module=${module##*/}
        echo "tests/broken/${module%.c}.la"
    done
}

# Each program has five minutes.
run() {
    cd "$cross/$1/moirai" || return
    limit="timeout --kill-after=10 300"
    RUN=$(emulator "$1" "$(triplet "$1")")
    OBJDUMP=$(triplet "$1")-objdump
    LDFLAGS=$(flags "$1" "$(triplet "$1")")
    export RUN OBJDUMP LDFLAGS
    rm -f test-suite.log
    # shellcheck disable=SC2005,SC2046,SC2086,SC2116  # one line of words
    make -s -j "$jobs" test-suite.log \
        TEST_LOGS="$(echo $(tests "$1" | sed 's/$/.log/') $scripts)" \
        LOG_COMPILER="$limit $RUN" SH_LOG_COMPILER="$limit sh"
}

packages() {
    for arch in "$@"; do
        target=$(triplet "$arch") || return
        [ "$arch" != threads ] || continue
        case $arch in
        aarch64) libc=arm64 ;;
        *) libc=$arch ;;
        esac
        echo "gcc-$target g++-$target libc6-dev-$libc-cross"
    done
}

[ $# -gt 0 ] || set -- aarch64 armhf i386 riscv64 threads
packages=$(packages "$@") || {
    echo "usage: cross.sh [aarch64|armhf|i386|riscv64|s390x|threads]..." >&2
    exit 2
}
# shellcheck disable=SC2086  # one word each
./install-deps.sh qemu-user $packages || exit 1
[ -x configure ] || ./autogen.sh || exit 1
CCACHE=$(command -v ccache)
MO_TEST_BRIEF=1
export MO_TEST_BRIEF

logs=
fetch >"$cross/fetch.log" 2>&1 || tail "$cross/fetch.log"
for arch in "$@"; do
    start=$(date +%s)
    if (libraries "$arch") >"$cross/$arch.log" 2>&1 &&
        (build "$arch") >>"$cross/$arch.log" 2>&1
    then
        (run "$arch") >>"$cross/$arch.log" 2>&1
    else
        tail -n 30 "$cross/$arch.log"
    fi
    echo "=== $arch: $(($(date +%s) - start)) s"
    logs="$logs $cross/$arch/moirai/test-suite.log"
done
# shellcheck disable=SC2086  # one word each
exec tests/total.sh $logs
