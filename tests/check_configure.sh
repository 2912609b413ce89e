#!/bin/sh
# SPDX-License-Identifier: MIT
# check_configure.sh - configure says what is missing and how to get it, refuses
# what it does not know, and goes on without what is optional.
set -u
source=$(cd "${srcdir:-.}" && pwd)
here=$(mktemp -d) || exit 1
trap 'rm -rf "$here"' EXIT
cd "$here" || exit 1
done=0
unset MAKEFLAGS MFLAGS MAKEOVERRIDES MAKELEVEL

# configure ARGUMENT...: with what a first run found out.
configure() {
    [ ! -e cache ] || cp cache again
    timeout 300 "$source/configure" --quiet --cache-file=again \
        "CC=${CC:-cc}" "CXX=${CXX:-}" "$@" >log 2>&1
}

result() {
    status=$?
    done=$((done + 1))
    [ $status -eq 0 ] || { tail -n 20 log | sed 's/^/# /'; printf 'not '; }
    echo "ok $done - $1"
}

# refuses MESSAGE ARGUMENT...
refuses() {
    message=$1
    shift
    ! configure "$@" && grep -qF -- "$message" log
    result "$message"
}

# The first run says everything that is found here; without a C++ compiler, and
# without the programs and headers that only tests use.
# The folder is as the source is, in which there is a folder `core`.
mkdir core
configure CXX=no ac_cv_header_valgrind_valgrind_h=no
result "without what is optional"
[ -d core ] && ! grep "^rm:" log
result "a folder called core disturbs nobody"
grep -v 'valgrind\|CXX\|ac_cv_env' again >cache

refuses "ltdl.h not found: apt-get install libltdl-dev" ac_cv_header_ltdl_h=no
refuses "libltdl not found: apt-get install libltdl-dev" \
    ac_cv_lib_ltdl_lt_dlopenadvise=no
refuses "libyaml not found: apt-get install libyaml-dev" \
    PKG_CONFIG_PATH=/nowhere PKG_CONFIG_LIBDIR=/nowhere
refuses "--with-builtin: no plugin sched_nosuch; there are: " \
    --with-builtin=sched_fifo,sched_nosuch
refuses "--with-builtin: name the plugins" --without-builtin
refuses "--with-switch=fast: asm, ucontext or threads" --with-switch=fast
refuses "--enable-sanitizer=memory: address, thread" --enable-sanitizer=memory
refuses "--with-test-main=make: criterion or plain" --with-test-main=make
echo "1..$done"
