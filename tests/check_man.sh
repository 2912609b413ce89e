#!/bin/sh
# SPDX-License-Identifier: MIT
# check_man.sh - the manual pages are well formed, complete and true.
#
# Runs in the build folder. Formatters find nothing to complain of; each public
# function and macro is in one page's SYNOPSIS, as the header declares it; a
# page's structures are the header's, and each constant is mentioned; moirai(1)
# has every command, option and variable, moirai.yaml(5) the reference of
# docs/configuration.md; references lead somewhere; what make installs is found
# by name; and each example is built, run, and prints what the page says.
#
# MO_UPDATE_DOCS=1 copies the structures and the reference into the pages.
set -u
source=$(cd "${srcdir:-.}" && pwd) || exit 1
here=$(mktemp -d) || exit 1
trap 'rm -rf "$here"' EXIT
awk=$source/tests/man
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

skip() {
    done=$((done + 1))
    echo "ok $done - $1 # SKIP $2"
}

# shellcheck disable=SC2012  # plain words
pages=$(cd "$source/man" && ls ./*.[1-8] | sed 's/^..//')
# Headers with a page of their own: all but the one that includes the others,
# and the drafts of what nothing uses yet.
# shellcheck disable=SC2012  # plain words
nouns=$(cd "$source/include/moirai" && ls ./*.h |
    sed 's/^..//; s/\.h$//; /^moirai$/d; /^tran$/d; /^io_ops$/d')

# --- form ------------------------------------------------------------------

if command -v mandoc >/dev/null; then
    # What is referred to may not be installed.
    # shellcheck disable=SC2086  # words
    (cd "$source/man" && mandoc -T lint -W style $pages 2>/dev/null) |
        grep -v 'STYLE: referenced manual not found' >"$here/log"
    ! [ -s "$here/log" ]
    ok $? "mandoc has nothing to complain of"
else
    skip "mandoc has nothing to complain of" "no mandoc"
fi
# The minimal groff of man-db lacks hyphenation patterns, not macros.
if command -v groff >/dev/null; then
    for page in $pages; do
        groff -ww -mandoc -Tascii -z -rCHECKSTYLE=1 "$source/man/$page" 2>&1
    done >"$here/log"
    ! [ -s "$here/log" ]
    ok $? "groff has nothing to complain of"
else
    skip "groff has nothing to complain of" "no groff"
fi

# Characters that formatters would make pretty, where they are to be copied.
# shellcheck disable=SC2086  # words
(cd "$source/man" && awk '
    /^\.Ed/ { literal = 0 }
    literal {
        s = $0
        gsub(/\\-/, "", s)
        if (s ~ /[-^~`]/ || index(s, "\047") > 0)
            print FILENAME ":" FNR ": " $0
    }
    /^\.Bd -literal/ { literal = 1 }' $pages) >"$here/log"
! [ -s "$here/log" ]
ok $? "code in the pages can be copied"

{ echo "$pages" | sed 's,^,man/,'
    grep -o 'man/[a-z._-]*\.[1-8]' "$source/man/man.am"; } | sort | uniq -u \
    >"$here/log"
! [ -s "$here/log" ]
ok $? "man.am has every page"

# --- functions, structures, constants --------------------------------------

page_of() { echo "$source/man/moirai_$1.3"; }

for noun in $nouns; do
    page=$(page_of "$noun")
    header=$source/include/moirai/$noun.h
    [ -e "$page" ] || { echo "no page" >"$here/log"; ok 1 "$noun.h"; continue; }
    awk -f "$awk/tokens.awk" -f "$awk/header.awk" "$header" | sort -u \
        >"$here/header"
    awk -f "$awk/tokens.awk" -f "$awk/page.awk" "$page" | sort >"$here/page"
    # Of macros only the names of arguments can be compared.
    awk -F '\t' 'FNR == NR { macro[$1] = $2 ~ /^#/; next }
        { print $1 "\t" (macro[$1] ? $3 : $2) }' \
        "$here/header" "$here/page" | sort | diff "$here/header" - >"$here/log"
    ok $? "$noun.h: each prototype is in its page, and no other"

    awk -v header="$header" -f "$awk/structs.awk" "$page" >"$here/new"
    [ -z "${MO_UPDATE_DOCS:-}" ] || cat "$here/new" >"$page"
    diff "$page" "$here/new" >"$here/log"
    ok $? "$noun.h: structures are as in the header (MO_UPDATE_DOCS=1)"

    sed -n 's/^#define \(MOIRAI_[A-Z0-9_]*\).*/\1/p
        s/^    \(MOIRAI_[A-Z0-9_]*\) =.*/\1/p' "$header" |
        grep -v '_H$' | while read -r constant; do
            grep -qw -- "$constant" "$page" || echo "no $constant"
        done >"$here/log"
    ! [ -s "$here/log" ]
    ok $? "$noun.h: its page mentions each constant"
done

# Names of functions, and of no two pages.
for page in $pages; do
    sed -n '/^\.Sh NAME/,/^\.Nd/s/^\.Nm \([^ ]*\).*/\1/p' "$source/man/$page" |
        sed "s/\$/ ${page##*.} $page/"
done >"$here/names"
{
    cut -d' ' -f1,2 "$here/names" | sort | uniq -d | sed 's/^/twice: /'
    for noun in $nouns; do
        page=$(page_of "$noun")
        awk -f "$awk/tokens.awk" -f "$awk/page.awk" "$page" | cut -f1 |
            while read -r name; do
                grep -q "^$name 3 ${page##*/}\$" "$here/names" ||
                    echo "not in NAME: $name"
            done
    done
} >"$here/log"
! [ -s "$here/log" ]
ok $? "each function is named by one page"

# --- moirai(1) -------------------------------------------------------------

# What is between `.Ss $1` and the next section.
section() {
    sed -n "/^\.Ss $1\$/,/^\.S[sh] /p" "$source/man/moirai.1" | sed 1d
}

tools/moirai help | sed -n 's/^  \([a-z]*\( [a-z][a-z]*\)\{0,1\}\)  .*/\1/p' \
    >"$here/commands"
sed -n '/^\.Sh DESCRIPTION/,/^\.Sh ENV/s/^\.Ss //p' "$source/man/moirai.1" |
    diff "$here/commands" - >"$here/log" && [ -s "$here/commands" ]
ok $? "moirai(1) has every command"
while read -r command; do
    # The usage has -X, --long, and sometimes what follows.
    # shellcheck disable=SC2086  # some have two words
    tools/moirai help $command |
        sed -n 's/^  -\(.\), --\([a-z]*\).*/\1 \2/p' | sort >"$here/options"
    if [ "$command" = version ] || [ "$command" = help ]; then
        echo "j json" >"$here/options"
    fi
    section "$command" |
        sed -n 's/^\.It Fl \(.\) .*Fl -\([a-z]*\).*/\1 \2/p' | sort |
        diff "$here/options" - >"$here/log"
    ok $? "moirai(1) has every option of $command"
done <"$here/commands"
grep -ho 'getenv("[A-Z_]*")' "$source"/core/*.c "$source"/tools/*.c |
    sed 's/.*"\(.*\)".*/\1/' | sort -u | while read -r variable; do
        grep -q "Ev $variable\$" "$source/man/moirai.1" || echo "no $variable"
    done >"$here/log"
! [ -s "$here/log" ]
ok $? "moirai(1) has every variable"

# --- moirai.yaml(5) --------------------------------------------------------

page=$source/man/moirai.yaml.5
first='^\.\\" From here on:'
last='^\.\\" Up to here'
awk -f "$awk/keys.awk" "$source/docs/configuration.md" >"$here/keys"
if [ -n "${MO_UPDATE_DOCS:-}" ]; then
    { sed "/$first/q" "$page"; cat "$here/keys"
        sed -n "/$last/,\$p" "$page"; } >"$here/new"
    cat "$here/new" >"$page"
fi
sed "1,/$first/d; /$last/,\$d" "$page" | diff - "$here/keys" >"$here/log"
ok $? "moirai.yaml(5) has the reference of docs/configuration.md"

# --- references ------------------------------------------------------------

for page in $pages; do
    sed -n 's/^\.\(It \|Pq \)\{0,1\}Xr \([^ ]*\) \([1-8]\).*/\2 \3/p' \
        "$source/man/$page" | sort -u | while read -r name number; do
        case $name in
        moirai*) grep -q "^$name $number " "$here/names" ||
            echo "$page: no $name($number)" ;;
        esac
    done
done >"$here/log"
grep -q 'Xr moirai' "$source/man/moirai.7" && ! [ -s "$here/log" ]
ok $? "references to our pages lead somewhere"

# --- what is installed -----------------------------------------------------

"${MAKE:-make}" install-man install-man-links DESTDIR="$here/root" mandir=/man \
    >"$here/log" 2>&1
ok $? "the pages are installed"
while read -r name number page; do
    file=$here/root/man/man$number/$name.$number
    if ! [ -e "$file" ]; then
        echo "no $name($number)"
    elif [ "$name.$number" != "$page" ]; then
        echo ".so man$number/$page" | cmp - "$file"
    else
        cmp "$source/man/$page" "$file"
    fi
done <"$here/names" >"$here/log" 2>&1
[ -s "$here/names" ] && ! [ -s "$here/log" ]
ok $? "each name is found where pages are installed"
if command -v mandb >/dev/null; then
    env MANPAGER=cat man -M "$here/root/man" moirai_spawn 2>&1 |
        col -b >"$here/log" && grep -q 'moirai_spawn_with(' "$here/log"
    ok $? "man moirai_spawn shows it"
else
    skip "man moirai_spawn shows it" "no man-db"
fi
"${MAKE:-make}" uninstall-man uninstall-man-links DESTDIR="$here/root" \
    mandir=/man >"$here/log" 2>&1 && find "$here/root" ! -type d >"$here/log" &&
    ! [ -s "$here/log" ]
ok $? "and uninstalled, without a trace"

# --- examples --------------------------------------------------------------

# Writes the displays in EXAMPLES of the page $1 to $here/blocks/N.c, to N.c.run
# what the program is to be run with.
extract() {
    rm -rf "$here/blocks"
    mkdir "$here/blocks"
    awk -v folder="$here/blocks" '
        function plain(s)
        {
            gsub(/\\\(aq/, "\047", s)
            gsub(/\\\(ga/, "`", s)
            gsub(/\\\(ha/, "^", s)
            gsub(/\\\(ti/, "~", s)
            gsub(/\\-/, "-", s)
            gsub(/\\&/, "", s)
            gsub(/\\e/, "\\", s)
            return s
        }
        /^\.Sh / { inside = $2 == "EXAMPLES" }
        !inside { next }
        /^\.\\" run with / { with = $4 }
        /^\.Bd -literal$/ {
            file = folder "/" sprintf("%02d.c", ++n)
            printf "%s", with > (file ".run")
            with = ""
            next
        }
        /^\.Ed/ { file = "" }
        file != "" { print plain($0) > file }' "$source/man/$1"
}

flags="-std=c11 -D_GNU_SOURCE -O1 -g -Wall -Wextra -Wpedantic -Werror
    ${SANITIZE_CFLAGS:-} -I$source/include"

# Runs the program, with the argument that the file $1 has, if any.
run() {
    word=$(cat "$1")
    (cd "$here/modules" && timeout 60 "$here/program" ${word:+"$word"})
}

# Builds the program in $1 and runs it, by its presets and under the simulator;
# its output to $here/said.
run_program() {
    library=$(sed -n 's,.*<moirai/\([a-z]*\)\.h>.*,\1,p' "$1" |
        while read -r noun; do
            [ -f "libmoirai-$noun.la" ] || continue
            echo "libmoirai-$noun.la"
            private=$(sed -n 's/^Requires.private: //p' "moirai-$noun.pc")
            [ -z "$private" ] || pkg-config --cflags --libs "$private"
        done)
    # shellcheck disable=SC2086  # flags are words
    ./libtool --silent --tag=CC --mode=link ${CC:-cc} $flags -pthread \
        -o "$here/program" "$1" $library libmoirai.la >"$here/log" 2>&1 || return 1
    run "$1.run" >"$here/said" 2>"$here/log" || return 1
    MOIRAI_SCHEDULER__PLUGIN=sim
    export MOIRAI_SCHEDULER__PLUGIN
    run "$1.run" >"$here/simulated" 2>"$here/log"
    status=$?
    unset MOIRAI_SCHEDULER__PLUGIN
    [ $status -eq 0 ] && diff "$here/said" "$here/simulated" >"$here/log"
}

# Builds the module in $1; it keeps its kind's promises.
try_module() {
    name=$(sed -n 's/^MOIRAI_PLUGIN(\([a-z]*\), \([a-z]*\)) = {$/\1_\2/p' "$1")
    # Not with -z defs, which clang's sanitizers do not bear.
    # shellcheck disable=SC2086  # flags are words
    ${CC:-cc} $flags -fPIC -shared -fvisibility=hidden -pthread \
        -o "$here/modules/$name.so" "$1" >"$here/log" 2>&1 || return 1
    tools/moirai plugins test -q "$here/modules/$name.so" >"$here/log" 2>&1 &&
        MOIRAI_PLUGIN_PATH=$here/modules tools/moirai plugins \
            >"$here/log" 2>&1 && grep -q "${name#*_}" "$here/log"
}

cp plugins/.libs/*.so "$here/modules/" 2>/dev/null
for page in $pages; do
    case $page in
    *.1 | *.5 | moirai-plugin.7) continue ;;
    moirai_tls.3 | moirai_curl.3 | moirai_http.3 | moirai_postgres.3 | \
    moirai_redis.3)
        noun=${page#moirai_}
        [ -f "libmoirai-${noun%.3}.la" ] || continue ;;
    esac
    extract "$page"
    said=
    for block in "$here"/blocks/[0-9][0-9].c; do
        if grep -q '^MOIRAI_PLUGIN(.* = {' "$block" 2>/dev/null; then
            try_module "$block"
            ok $? "$page: the module works"
            said=module
        elif grep -q '^int main(' "$block" 2>/dev/null; then
            run_program "$block"
            ok $? "$page: the example is built and runs"
            said=program
        elif [ "$said" = program ]; then
            diff "$block" "$here/said" >"$here/log"
            ok $? "$page: it prints what the page says"
            said=all
        else
            echo "nobody knows what this is: $block" >"$here/log"
            ok 1 "$page: examples are programs, outputs and modules"
        fi
    done
    [ "$said" = all ] || [ "$said" = module ]
    ok $? "$page: has an example"
done

# The configuration in moirai.yaml(5).
sed -n '/^\.Sh EXAMPLES/,$p' "$source/man/moirai.yaml.5" |
    sed -n '/^\.Bd/,/^\.Ed/{/^\./d; s/\\-/-/g; p;}' >"$here/example.yaml"
[ -s "$here/example.yaml" ] &&
    tools/moirai check "$here/example.yaml" >"$here/log" 2>&1
ok $? "moirai.yaml.5: moirai check likes the example"
echo "1..$done"
