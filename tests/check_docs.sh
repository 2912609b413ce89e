#!/bin/sh
# SPDX-License-Identifier: MIT
# check_docs.sh - what the documentation shows, works.
#
# Of the fenced blocks in README.md, CONTRIBUTING.md and docs/: a C program is
# compiled, linked to the library just built and run; other C has to compile,
# as declarations or as statements; YAML has to pass `moirai check`; shell is
# parsed. Links inside the tree have to lead somewhere. Besides, README's first
# program is examples/hello.c, and that works under every configuration that is
# shipped.
set -u
source=${srcdir:-.}
here=$(mktemp -d) || exit 1
trap 'rm -rf "$here"' EXIT
done=0

ok() {
    done=$((done + 1))
    if [ "$1" -eq 0 ]; then
        echo "ok $done - $2"
    else
        sed 's/^/# /' "$here/log"
        echo "not ok $done - $2"
    fi
}

# compile OUTPUT FILE FLAG...
compile() {
    output=$1
    file=$2
    shift 2
    # shellcheck disable=SC2086  # flags are words
    ./libtool --silent --tag=CC --mode=link ${CC:-cc} -std=c11 -D_GNU_SOURCE \
        -Wall -Wextra -Werror ${SANITIZE_CFLAGS:-} -I"$source/include" \
        "$@" -o "$output" "$file" libmoirai.la >"$here/log" 2>&1
}

run_program() {
    compile "$here/program" "$1" &&
        timeout 60 "$here/program" >"$here/log" 2>&1
}

# A fragment: as it stands, or inside a function, after the headers.
compile_fragment() {
    head='#include <moirai/moirai.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>'
    { echo "$head"; cat "$1"; } >"$here/outside.c"
    {
        echo "$head"
        echo 'int fragment(void); int fragment(void) {'
        cat "$1"
        echo 'return 0; }'
    } >"$here/inside.c"
    for place in outside inside; do
        # shellcheck disable=SC2086  # flags are words
        ${CC:-cc} -std=c11 -D_GNU_SOURCE -I"$source/include" -fsyntax-only \
            "$here/$place.c" >"$here/log" 2>&1 && return 0
    done
    return 1
}

# Writes every block of the document $1 to $here/blocks/LINE.LANGUAGE.
extract() {
    rm -rf "$here/blocks"
    mkdir "$here/blocks"
    awk -v folder="$here/blocks" '
        /^ *```/ && file == "" {
            language = $0
            sub(/^ *```/, "", language)
            file = folder "/" FNR "." (language == "" ? "none" : language)
            printf "" > file
            next
        }
        /^ *```/ { close(file); file = ""; next }
        file != "" { print > file }' "$1"
}

check_block() {
    case $1 in
    *.c)
        if grep -q '^int main(' "$1"; then
            run_program "$1"
        else
            compile_fragment "$1"
        fi
        ;;
    *.yaml) tools/moirai check "$1" >"$here/log" 2>&1 ;;
    *.sh) bash -n "$1" 2>"$here/log" ;;
    *.none | *.text) true ;;
    *) echo "a language that nothing checks" >"$here/log"; false ;;
    esac
}

# Every [text](path) of the document $1 that is not a URL.
check_links() {
    : >"$here/log"
    grep -o '](\([^)]*\))' "$1" | sed 's/^](//; s/)$//; s/#.*//' |
        while read -r path; do
            case $path in
            '' | *://*) ;;
            *) [ -e "$(dirname "$1")/$path" ] || echo "no $path" ;;
            esac
        done >"$here/log"
    [ ! -s "$here/log" ]
}

documents=$(cd "$source" &&
    find README.md CONTRIBUTING.md docs -name '*.md' | sort) || exit 1
for document in $documents; do
    extract "$source/$document"
    for block in "$here"/blocks/*; do
        [ -f "$block" ] || continue
        name=${block##*/}
        check_block "$block"
        ok $? "$document:${name%.*}: ${name##*.}"
    done
    check_links "$source/$document"
    ok $? "$document: links"
done

# Without the comment that heads the file.
sed '1,/^ \*\/$/d' "$source/examples/hello.c" >"$here/hello.c"
extract "$source/README.md"
cat "$here"/blocks/*.c | diff "$here/hello.c" - >"$here/log"
ok $? "README.md shows examples/hello.c"

for n in 1 2 3 4 5 6 7 8 9; do echo $n; done >"$here/want"
for config in one-thread all-cores fifo sim; do
    compile "$here/program" "$source/examples/hello.c" &&
        MOIRAI_CONFIG=$source/config/$config.yaml timeout 60 "$here/program" \
            >"$here/log" 2>&1
    status=$?
    # On a busy machine two workers may be late by different times.
    case $config in
    all-cores | fifo) sort -n -o "$here/log" "$here/log" ;;
    esac
    [ $status -eq 0 ] && cmp -s "$here/want" "$here/log"
    ok $? "hello under $config"
done
echo "1..$done"
