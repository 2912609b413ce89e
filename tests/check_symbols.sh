#!/bin/sh
# SPDX-License-Identifier: MIT
# check_symbols.sh - what the built library and modules show and need.
#
# Runs in the build folder. A module shows its one constant and needs libc and
# what it is for; the library shows moirai_*, and needs libltdl, libyaml, libc.
set -u
library=.libs/libmoirai.so
bad=$(mktemp)
trap 'rm -f "$bad"' EXIT

say() {
    echo "$*" | tee -a "$bad"
}

# ASan adds a symbol to each variable it guards.
shown() {
    nm -D --defined-only "$1" | awk '$2 != "A" { print $NF }' |
        grep -v '^__odr_asan' | sed 's/@.*//'
}

needed() {
    readelf -d "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'
}

for module in plugins/.libs/*.so; do
    name=${module##*/}
    name=${name%.so}
    [ "$(shown "$module")" = "${name}_LTX_moirai_plugin" ] ||
        say "$module: shows not only ${name}_LTX_moirai_plugin but:" \
            "$(shown "$module" | tr '\n' ' ')"
    for file in $(needed "$module"); do
        case $name:$file in
        *:libc.so.*|*:libm.so.*|*:lib*san.so.*) ;;
        io_uring:liburing.so.*) ;;
        tran_nng:libnng.so.*) ;;
        *) say "$module: needs $file" ;;
        esac
    done
done

shown "$library" | grep -v '^moirai_' | while read -r symbol; do
    say "$library: shows $symbol"
done
[ -n "$(shown "$library")" ] || say "$library: shows nothing"
for file in $(needed "$library"); do
    case $file in
    libc.so.*|ld-linux*.so.*|ld[0-9]*.so.*|lib*san.so.*) ;;
    libltdl.so.*|libyaml-0.so.*) ;;
    libm.so.*|libpthread.so.*|libdl.so.*|libgcc_s.so.*) ;;
    *) say "$library: needs $file" ;;
    esac
done
readelf -d "$library" | grep -q 'SONAME.*\[libmoirai\.so\.0\]' ||
    say "$library: SONAME is not libmoirai.so.0"

for file in "$library" plugins/.libs/*.so; do
    ! readelf -d "$file" | grep -q TEXTREL || say "$file: text relocations"
    readelf -lW "$file" | grep -q 'GNU_STACK.* RW  ' ||
        say "$file: the stack may be executable"
done

echo "1..1"
if [ ! -s "$bad" ]; then
    echo "ok 1 - modules and library show what they should"
else
    echo "not ok 1 - modules and library show what they should"
fi
