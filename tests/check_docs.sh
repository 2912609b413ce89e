#!/bin/sh
# SPDX-License-Identifier: MIT
# check_docs.sh - what the documentation shows, works.
#
# Of the fenced blocks in README.md, CONTRIBUTING.md, bench/, docs/, examples/: a
# whole plugin is built, passes the conformance suite of its kind, and is there
# for the other blocks of its document; a C program is compiled, linked to the
# library just built and run; other C has to compile, as declarations or as
# statements; YAML has to pass `moirai check`; shell is parsed. Links have to
# lead somewhere, in the tree or in the document. Besides, README's first
# program is examples/hello.c, and that works under every configuration that is
# shipped; and what docs/plugin-author.md says that wrong modules are called is
# what `moirai plugins` says.
set -u
source=${srcdir:-.}
here=$(mktemp -d) || exit 1
trap 'rm -rf "$here"' EXIT
usual_path=${MOIRAI_PLUGIN_PATH:-}
mkdir "$here/modules"
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
#include <moirai/chan_ops.h>
#include <moirai/sched.h>
#include <moirai/stack.h>
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

# The name of the file that the plugin in $1 is for; none if it holds no plugin.
module_name() {
    sed -n 's/^MOIRAI_PLUGIN(\([a-z]*\), \([a-z]*\)) = {$/\1_\2/p' "$1"
}

# Not with -z defs, which clang's sanitizers do not bear.
build_module() {
    module=$here/modules/$(module_name "$1").so
    # shellcheck disable=SC2086  # flags are words
    ${CC:-cc} -std=c11 -D_GNU_SOURCE -O1 -g -Wall -Wextra -Wpedantic -Werror \
        -fPIC -shared -fvisibility=hidden -pthread ${SANITIZE_CFLAGS:-} \
        -I"$source/include" -o "$module" "$1" >"$here/log" 2>&1 || return 1
    tools/moirai plugins test -q "$module" >"$here/log" 2>&1
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
        if [ -n "$(module_name "$1")" ]; then
            build_module "$1"
        elif grep -q '^int main(' "$1"; then
            run_program "$1"
        elif grep -q '^static .*turns_take(' "$1"; then
            true                    # by try_turns, each in its place
        else
            compile_fragment "$1"
        fi
        ;;
    *.yaml) tools/moirai check "$1" >"$here/log" 2>&1 ;;
    *.sh) bash -n "$1" 2>"$here/log" ;;
    *.none | *.text) true ;;
    *.gdb) true ;;              # by tests/debuggers/check_gdb.sh
    *) echo "a language that nothing checks" >"$here/log"; false ;;
    esac
}

# The anchors that the headings of $1 have.
anchors() {
    # shellcheck disable=SC2016  # no variables
    sed -n '/^```/,/^```/d; s/^##* //p' "$1" |
        LC_ALL=C tr '[:upper:]' '[:lower:]' | LC_ALL=C sed 's/[^a-z0-9_ -]//g; s/ /-/g'
}

# Every [text](path) and [text](#heading) of the document $1.
check_links() {
    grep -o '](\([^)]*\))' "$1" | sed 's/^](//; s/)$//' |
        while read -r link; do
            case $link in
            *://*) ;;
            '#'*)
                anchors "$1" | grep -qx -- "${link#?}" || echo "no $link"
                ;;
            *)
                [ -e "$(dirname "$1")/${link%%#*}" ] || echo "no $link"
                ;;
            esac
        done >"$here/log"
    [ ! -s "$here/log" ]
}

documents=$(cd "$source" &&
    find README.md CONTRIBUTING.md SECURITY.md bench docs examples -name '*.md' | sort) || exit 1
for document in $documents; do
    extract "$source/$document"
    MOIRAI_PLUGIN_PATH=$here/modules:$usual_path
    export MOIRAI_PLUGIN_PATH
    rm -f "$here"/modules/*
    modules=$(grep -ls '^MOIRAI_PLUGIN(.* = {$' "$here"/blocks/*)
    others=$(grep -Ls '^MOIRAI_PLUGIN(.* = {$' "$here"/blocks/*)
    for block in $modules $others; do
        name=${block##*/}
        check_block "$block"
        ok $? "$document:${name%.*}: ${name##*.}"
    done
    check_links "$source/$document"
    ok $? "$document: links"
done

# The example of docs/plugin-author.md, as its reader goes through it: what is to
# be put into the package, in turn, and what the suite then says.

# The definitions of file $1 in the place of those of the same names in $2.
put_in_place() {
    awk 'function name(line) {
            sub(/ *\/\*.*/, "", line); sub(/\(.*/, "", line)
            sub(/ \{$/, "", line); sub(/.*[ *]/, "", line)
            return line
        }
        FNR == 1 { file++ }
        file == 1 { text = text $0 "\n" }
        /^(static|struct) .*[({]/ && !/;$/ { at = name($0) }
        file == 1 { new[at]; next }
        /^(static|struct) .*[({]/ && !/;$/ && at in new {
            if (!put++) printf "%s\n", text
            skip = 1
        }
        !skip { print }
        /^}/ { if (skip) getline; skip = 0 }' "$1" "$2"
}

# What turns.c, with one more block put into it, is told; in $here/log.
try_turns() {
    put_in_place "$1" "$here/turns.c" >"$here/new.c" &&
        mv "$here/new.c" "$here/turns.c"
    # shellcheck disable=SC2086  # flags are words
    ${CC:-cc} -std=c11 -D_GNU_SOURCE -O1 -g -Wall -Wextra -Werror -fPIC -shared \
        -fvisibility=hidden -pthread ${SANITIZE_CFLAGS:-} -I"$source/include" \
        -o "$here/modules/sched_turns.so" "$here/turns.c" >"$here/log" 2>&1 &&
        tools/moirai plugins test -q "$here/modules/sched_turns.so" \
            >"$here/log" 2>&1
}

extract "$source/docs/plugin-author.md"
tools/moirai plugins new sched turns "$here/sched_turns" >"$here/log" 2>&1
cp "$here/sched_turns/turns.c" "$here/turns.c"
steps=$(cd "$here/blocks" && grep -l 'turns_take' -- *.c | sort -n)
# shellcheck disable=SC2086  # file names, of digits
set -- $steps
[ $# -eq 2 ] && try_turns "$here/blocks/$1"
[ $? -eq 1 ] && sed -n '/^broken/,/again/p' "$here/log" | head -n 3 |
    diff "$(grep -l '^broken  A task has its turn' "$here"/blocks/*.text)" - \
        >"$here/diff"
ok $? "docs/plugin-author.md: the first try breaks the promise that it says"
try_turns "$here/blocks/${2:-none}"
ok $? "docs/plugin-author.md: the second breaks none"
compile "$here/program" "$(grep -l start_page "$here"/blocks/*.c)" &&
    MOIRAI_SCHEDULER__PLUGIN=turns MOIRAI_WORKERS=2 timeout 60 \
        "$here/program" >"$here/log" 2>&1
ok $? "docs/plugin-author.md: the program runs under it"

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

# Messages: what the document has in the first column of a table, against what
# is said of the modules in tests/broken. Sizes differ between machines.
sizes='s/\([0-9][0-9]* bytes\)/N bytes/; s/has [0-9]* or more/has N or more/
    s/but has [0-9]*$/but has N/'
MOIRAI_PLUGIN_PATH=tests/broken/.libs tools/moirai plugins -v |
    sed -n '/^refused /{n; s/^    //p;}; s/^    \(".*" cannot run here.*\)/\1/p' |
    sed "$sizes" | sort -u >"$here/said"
# shellcheck disable=SC2016  # no variables
sed -n '/^## Mistakes/,/^And what/s/^| `\(.*\)` | .*/\1/p' \
    "$source/docs/plugin-author.md" | sed "$sizes" | sort -u >"$here/quoted"
diff "$here/quoted" "$here/said" >"$here/log"
ok $? "docs/plugin-author.md quotes what is said of wrong modules"
echo "1..$done"
