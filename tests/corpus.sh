#!/bin/sh
# SPDX-License-Identifier: MIT
# corpus.sh - makes a folder with 200 MB and more of real text.
#
#     tests/corpus.sh [FOLDER]
#
# The text is that of Debian packages of sources and documentation, unpacked.
# They are taken in order until there is enough: one package of 24 MB and one
# of 8 MB for Debian 12. Needs apt, tar, gzip and xz, but no root, and installs
# nothing. Prints the folder (preset: moirai-corpus in $TMPDIR or /tmp), which
# is kept: the next call only prints it. On an error, says why and exits 1.
set -u

packages="perl-doc binutils-source glibc-source gcc-12-source"
enough=200000000

folder=${1:-${TMPDIR:-/tmp}/moirai-corpus}
mkdir -p "$folder" || exit 1
folder=$(cd "$folder" && pwd) || exit 1

die() {
    echo "corpus.sh: $*" >&2
    exit 1
}

# Bytes of all regular files.
size() {
    find "$folder/text" -type f -printf '%s\n' |
        awk '{ sum += $1 } END { printf "%d\n", sum }'
}

# Downloads the package $1 into the folder $2. Package lists that are missing
# or old are brought up to date, if that is allowed.
download() {
    (cd "$2" && apt-get -qq download "$1") && return
    [ "$(id -u)" -eq 0 ] && apt-get -qq update >&2 &&
        (cd "$2" && apt-get -qq download "$1")
}

# Unpacks the package $1 into the folder's text: no archive is left in it.
add() {
    work=$folder/work
    rm -rf "$work"
    mkdir -p "$work/text" || exit 1
    download "$1" "$work" || die "apt-get download $1 failed"
    dpkg-deb -x "$work"/*.deb "$work/text" || die "cannot unpack $1"
    find "$work/text" -name '*.tar.xz' -type f >"$work/archives"
    while read -r archive; do
        tar -xJf "$archive" -C "${archive%/*}" --no-same-owner ||
            die "cannot unpack $archive"
        rm "$archive"
    done <"$work/archives"
    find "$work/text" -name '*.gz' -type f -exec gunzip -qf {} + ||
        die "cannot unpack what is in $1"
    chmod -R u+rwX "$work/text"
    mv "$work/text" "$folder/text/$1" || exit 1
    rm -rf "$work"
}

for tool in apt-get dpkg-deb tar gzip xz; do
    command -v $tool >/dev/null || die "there is no $tool here"
done
mkdir -p "$folder/text"
for package in $packages; do
    [ "$(size)" -lt $enough ] || break
    [ -d "$folder/text/$package" ] || add "$package"
done
[ "$(size)" -ge $enough ] || die "only $(size) bytes of text"
echo "$folder/text"
