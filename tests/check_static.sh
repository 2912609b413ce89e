#!/bin/sh
# SPDX-License-Identifier: MIT
# check_static.sh - moirai without shared libraries: builds, installs, and is
# enough to link programs that need no file at run time.
#
# Configures and builds once more, below the build folder, without shared
# libraries; `make installcheck` of that build does the rest.
set -u
source=$(cd "${srcdir:-.}" && pwd)
if [ -n "${SANITIZE_CFLAGS:-}" ]; then
    echo "1..0 # SKIP the sanitizers need a dynamic libc"
    exit 0
fi
here=$(mktemp -d ./check_static.XXXXXX) && here=$(cd "$here" && pwd) || exit 1
trap 'rm -rf "$here"' EXIT
mkdir "$here/build"
cd "$here/build" || exit 1
done=0
# What is handed down from the make that runs this is not for that build.
unset MAKEFLAGS MFLAGS MAKEOVERRIDES MAKELEVEL MOIRAI_PLUGIN_PATH

# step NAME COMMAND...
step() {
    name=$1
    shift
    done=$((done + 1))
    if timeout 900 "$@" >"$here/log" 2>&1; then
        echo "ok $done - $name"
    else
        tail -n 60 "$here/log" | sed 's/^/# /'
        echo "not ok $done - $name"
        echo "1..$done"
        exit 1
    fi
}

make=${MAKE:-make}
step "configure --disable-shared" "$source/configure" --quiet \
    --disable-shared --enable-werror "CC=${CC:-cc}" "CXX=${CXX:-}"
step "make" "$make" -j2
step "make install" "$make" install DESTDIR="$here/root"
step "nothing is shared" sh -c "! find '$here/root' -name '*.so*' | grep ."
step "make installcheck" "$make" installcheck DESTDIR="$here/root"
cp "$here/log" "$here/installed.log"
sed -n 's/^\(PASS\|SKIP\|FAIL\|ERROR\): tests/# &/p' "$here/installed.log"
step "wholly static programs ran" \
    grep -q '^PASS: .*check_static.sh .* wordfreq under' "$here/installed.log"
echo "1..$done"
