#!/bin/sh
# SPDX-License-Identifier: MIT
# check_dist.sh - the archive of `make dist` has every file of the repository,
# and whoever unpacks it makes the same archive of it, to the byte.
set -u
source=$(cd "${srcdir:-.}" && pwd)
here=$(mktemp -d) || exit 1
trap 'chmod -R u+w "$here"; rm -rf "$here"' EXIT
done=0
SOURCE_DATE_EPOCH=1700000000
export SOURCE_DATE_EPOCH
unset MAKEFLAGS MFLAGS MAKEOVERRIDES MAKELEVEL

ok() {
    done=$((done + 1))
    if [ "$1" -eq 0 ]; then
        echo "ok $done - $2"
    else
        tail -n 40 "$here/log" | sed 's/^/# /'
        echo "not ok $done - $2"
    fi
}

# dist FOLDER: makes the archive, from a build folder of its own.
dist() {
    (mkdir -p "$here/$1" && cd "$here/$1" && "$2/configure" --quiet \
        "CC=${CC:-cc}" "CXX=${CXX:-}" && "${MAKE:-make}" dist) \
        >"$here/log" 2>&1 && mv "$here/$1"/moirai-*.tar.xz "$here/$1.tar.xz"
}

dist one "$source"
ok $? "make dist"
xz -dc "$here/one.tar.xz" | tar -C "$here" -xf - && root=$(echo "$here"/moirai-*)

if git -C "$source" rev-parse --git-dir >/dev/null 2>&1; then
    git -C "$source" ls-files --cached | while read -r file; do
        case $file in
        .gitignore | debian/*) ;;
        *) [ -e "$root/$file" ] || [ ! -e "$source/$file" ] || echo "$file" ;;
        esac
    done >"$here/log"
    ! [ -s "$here/log" ]
    ok $? "every file of the repository is in it"
else
    echo "ok $((done += 1)) # SKIP not a git repository"
fi

find "$root" -name '*.o' -o -name '*.lo' -o -name '*~' -o -name '.git' |
    grep . >"$here/log"
! [ -s "$here/log" ]
ok $? "nothing that was built is in it"

chmod -R a-w "$root"
dist two "$root" && cmp "$here/one.tar.xz" "$here/two.tar.xz" >"$here/log" 2>&1
ok $? "the archive, unpacked, makes the same archive"
echo "1..$done"
