#!/bin/sh
# SPDX-License-Identifier: MIT
# check_install.sh - what is installed is enough, and goes without a trace.
#
# Runs in the build folder: installs below a temporary folder, by several jobs
# at once, lets `make installcheck` build programs and modules out of that, and
# uninstalls.
set -u
dest=$(mktemp -d) || exit 1
trap 'rm -rf "$dest"' EXIT
done=0

ok() {
    done=$((done + 1))
    if [ "$1" -eq 0 ]; then
        echo "ok $done - $2"
    else
        sed 's/^/# /' "$dest/log"
        echo "not ok $done - $2"
    fi
}

make_there() {
    "${MAKE:-make}" "$@" DESTDIR="$dest/root" >"$dest/log" 2>&1
}

make_there -j4 install
ok $? "make -j install"

make_there installcheck && grep -q '^PASS: ' "$dest/log"
status=$?
sed -n 's/^\(PASS\|SKIP\|FAIL\|ERROR\): tests/# &/p' "$dest/log"
ok $status "make installcheck"

make_there uninstall && find "$dest/root" ! -type d >"$dest/log" &&
    ! [ -s "$dest/log" ]
ok $? "make uninstall leaves no file"

! "${MAKE:-make}" -n install DESTDIR="$dest/a b" >"$dest/log" 2>&1 &&
    grep -q 'with a blank in its name' "$dest/log"
ok $? "a folder that libtool cannot install into is refused"
echo "1..$done"
