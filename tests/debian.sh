#!/bin/sh
# SPDX-License-Identifier: MIT
# debian.sh - builds the Debian packages, and uses them on a fresh Debian.
#
#     tests/debian.sh [FOLDER]
#
# Works on a copy of the committed tree in a new folder inside FOLDER (preset:
# $TMPDIR or /var/tmp; some 2 GB), which it removes. Makes the release, builds
# the packages of it twice, asks lintian; then, on a system that debootstrap
# made, installs them, runs README's first program and debian/tests, and takes
# them off again. Prints TAP and, last, how many passed and failed. Three
# minutes on two idle cores.
#
# Needs what debian/control says and git; what else is missing (lintian; root
# and debootstrap for the fresh system) is said and skipped. Who only wants the
# packages says `dpkg-buildpackage -b -us -uc` in the tree.
#
# shellcheck disable=SC2317  # functions are called by try
set -u
cd "$(dirname "$0")/.." || exit 1
. tests/support/fresh.sh
[ "$(id -u)" -ne 0 ] || fresh_enter "$PWD/tests/debian.sh" "$@"

work=$(mktemp -d "${1:-${TMPDIR:-/var/tmp}}/moirai-debian.XXXXXX") || exit 1
chmod 755 "$work"
root=$work/root
trap 'fresh_remove "$root"; rm -rf --one-file-system "$work"' EXIT
trap 'exit 1' HUP INT TERM

passed=0
failed=0
skipped=0
# try SENTENCE COMMAND...: one test; shows the end of the log if it fails.
try() {
    sentence=$1
    shift
    if "$@" >"$work/log" 2>&1; then
        passed=$((passed + 1))
        set -- ok "$sentence"
    else
        failed=$((failed + 1))
        tail -n 40 "$work/log" | sed 's/^/# /'
        set -- "not ok" "$sentence"
    fi
    echo "$1 $((passed + failed + skipped)) - $2"
    [ "$1" = ok ]
}
skip() {
    skipped=$((skipped + 1))
    echo "ok $((passed + failed + skipped)) - $1 # SKIP $2"
}
finish() {
    echo "1..$((passed + failed + skipped))"
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ]
    exit
}

# --- build -----------------------------------------------------------------

mkdir "$work/tree" "$work/first" "$work/second" "$work/packages" "$root"
git archive HEAD | tar -x -C "$work/tree"
version=$(sed -n 's/^AC_INIT(\[moirai\], \[\(.*\)\])$/\1/p' configure.ac)

make_release() {
    (cd "$work/tree" && timeout 600 sh -c \
        './autogen.sh && mkdir build && cd build && ../configure --quiet &&
        make dist')
}

# build FOLDER OPTIONS ARGUMENT...: the packages, below FOLDER.
build() {
    cp "$work/tree/build/moirai-$version.tar.xz" \
        "$1/moirai_$version.orig.tar.xz" &&
        tar -x -C "$1" -f "$1/moirai_$version.orig.tar.xz" &&
        cp -R "$work/tree/debian" "$1/moirai-$version/debian" || return
    (cd "$1/moirai-$version" && options=$2 && shift 2 &&
        DEB_BUILD_OPTIONS="parallel=$(nproc) $options" \
            timeout 1800 dpkg-buildpackage -us -uc "$@")
}

# As another user would, who lives elsewhere, and has less time.
build_again() (
    umask 002
    export LC_ALL=C TZ=Asia/Kathmandu
    mkdir "$work/second/home" && build "$work/second/home" nocheck -b
)

# Each package of the first build is there again, the same.
compare() {
    for package in "$work"/first/*.deb; do
        cmp "$package" "$work/second/home/${package##*/}" || return
    done
    [ -f "$package" ]
}

# What lintian prints counts: its --fail-on counts what its screens mask, too.
judge() {
    said=$(timeout 600 lintian --allow-root -EI --pedantic \
        "$work"/first/*.changes)
    status=$?
    echo "$said"
    [ "$status" -eq 0 ] && [ -z "$said" ]
}

if ! missing=$(dpkg-checkbuilddeps debian/control 2>&1); then
    skip "the packages build" "$missing"
    finish
fi
try "a release can be made" make_release || finish
try "the packages build" build "$work/first" "" || finish
if try "a second build, elsewhere and without tests" build_again; then
    try "makes the same packages, byte for byte" compare
fi
if command -v lintian >/dev/null; then
    try "lintian has nothing to say" judge
else
    skip "lintian has nothing to say" "no lintian"
fi

# --- use -------------------------------------------------------------------

if [ "$(id -u)" -ne 0 ] || ! command -v debootstrap >/dev/null; then
    skip "a fresh Debian takes the packages" "not root, or no debootstrap"
    finish
fi

# inside COMMAND: runs a command there; with `&&`, the deadline is the first's.
inside() { fresh_run "$root" /home "timeout --kill-after=10 900 $*"; }
get() {
    inside apt-get -q -y -o Dpkg::Options::=--force-unsafe-io \
        -o APT::Install-Recommends=false \
        -o APT::AutoRemove::RecommendsImportant=false \
        -o APT::AutoRemove::SuggestsImportant=false "$@"
}
# Python compiles what gdb imports, next to it: that is not ours.
listing() {
    find "$root" -xdev \( -path "$root/var/cache" -o -path "$root/var/log" \
        -o -path "$root/var/lib/apt" -o -path "$root/var/lib/dpkg" \
        -o -path "$root/usr/lib/python3*/__pycache__" \
        -o -path "$root/usr/share/gdb/python/*/__pycache__" \
        -o -path "$root/tmp" -o -path "$root/home" \) -prune -o -print |
        LC_ALL=C sort
}

# What debian/tests need of others; their own need comes with the packages.
others=$(sed -n 's/^Depends: //p' debian/tests/control | tr -d , |
    tr ' ' '\n' | grep -v moirai | sort -u | tr '\n' ' ')
prepare() {
    # shellcheck disable=SC2086  # one word each
    fresh_make "$root" && get update && get install $others &&
        listing >"$work/before" && mkdir "$root/home/packages" &&
        cp "$work"/first/*.deb "$root/home/packages" &&
        rm "$root"/home/packages/*-dbgsym_*.deb &&
        cp -R "$work/first/moirai-$version" "$root/home/source"
}

# README's first program and configuration, built and run as README says.
run_readme() {
    awk -v c="$root/home/hello.c" -v yaml="$root/home/moirai.yaml" '
        /^```c$/ && !seen_c++ { to = c; next }
        /^```yaml$/ && !seen_yaml++ { to = yaml; next }
        /^```/ { to = "" }
        to != "" { print >to }' README.md
    grep '^cc hello.c ' README.md >"$root/home/readme.sh"
    grep '^moirai run .*hello$' README.md >>"$root/home/readme.sh"
    cat "$root/home/readme.sh"
    [ "$(wc -l <"$root/home/readme.sh")" -eq 2 ] &&
        inside sh -e readme.sh >"$work/numbers" &&
        sort -n "$work/numbers" >"$work/sorted" &&
        seq 9 | diff - "$work/sorted"
}

# test_installed NAME: debian/tests/NAME, as autopkgtest runs it.
test_installed() {
    cat >"$root/home/test.sh" <<END
AUTOPKGTEST_TMP=\$(mktemp -d)
export AUTOPKGTEST_TMP
cd /home/source && debian/tests/$1
END
    inside sh -e test.sh
}

# A program that was built runs where the library's own package is all there is.
run_alone() {
    get purge --autoremove libmoirai-dev moirai-plugins-core moirai-tools &&
        [ ! -e "$root/usr/include/moirai" ] && inside ./hello
}

take_off() {
    get purge --autoremove libmoirai0 && listing >"$work/after" &&
        diff "$work/before" "$work/after" &&
        ! grep -l moirai "$root"/var/lib/dpkg/info/* "$root/var/lib/dpkg/status"
}

try "there is a fresh Debian" prepare || finish
try "it takes the packages, with what they need" \
    get install './packages/*.deb' || finish
try "README's first program builds and runs" run_readme
# shellcheck disable=SC2013  # words
for name in $(sed -n 's/^Tests: //p' debian/tests/control); do
    try "debian/tests/$name passes" test_installed "$name"
done
try "a program runs with the library's package alone" run_alone
try "purged, the packages leave nothing" take_off
finish
