#!/bin/sh
# SPDX-License-Identifier: MIT
# check_typed.sh - a message of the wrong type does not compile, with any
# compiler that is there, as C11 and as C++17; one of the right type does.
set -u
cd "${srcdir:-.}" || exit 1
flags="-Iinclude -Wall -Wextra -Wpedantic -Wshadow -Werror -fsyntax-only"
log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT
done=0
status=0

# try COMPILER LANGUAGE STANDARD EXPRESSION: with `c` a channel of struct a.
try() {
    # shellcheck disable=SC2086  # a compiler may be "ccache gcc", flags words
    cat <<END | $1 -x "$2" -std="$3" $flags - >"$log" 2>&1
#include <moirai/typed.h>
struct a { int is; };
struct b { int is; };
typedef MOIRAI_CHAN_OF(struct a) a_chan;
int64_t use(a_chan c, struct a *a, const struct a *fixed, struct b *b);
int64_t use(a_chan c, struct a *a, const struct a *fixed, struct b *b)
{
    (void)a; (void)fixed; (void)b; (void)c;
    return $4;
}
END
}

right='
MOIRAI_TYPED_SEND(c, a, MOIRAI_NOW)
MOIRAI_TYPED_SEND(c, fixed, MOIRAI_NOW)
MOIRAI_TYPED_RECV(c, a, MOIRAI_NOW)
MOIRAI_TYPED_SEND_BATCH(c, fixed, 1, MOIRAI_NOW)
MOIRAI_TYPED_RECV_BATCH(c, a, 0, 1, MOIRAI_NOW)
MOIRAI_TYPED_PEEK(c, a)
'
made='
MOIRAI_TYPED_MAKE(c, NULL, NULL, NULL, NULL)
MOIRAI_TYPED_OPEN(c, NULL, "a", MOIRAI_SEND, NULL)
'
wrong='
MOIRAI_TYPED_SEND(c, b, MOIRAI_NOW)
MOIRAI_TYPED_SEND(c, &a, MOIRAI_NOW)
MOIRAI_TYPED_RECV(c, b, MOIRAI_NOW)
MOIRAI_TYPED_RECV(c, fixed, MOIRAI_NOW)
MOIRAI_TYPED_SEND_BATCH(c, b, 1, MOIRAI_NOW)
MOIRAI_TYPED_RECV_BATCH(c, b, 0, 1, MOIRAI_NOW)
MOIRAI_TYPED_PEEK(c, b)
'

all() {
    while read -r expression; do
        [ -n "$expression" ] || continue
        try "$1" "$2" "$3" "$expression"
        [ $? -eq 0 ] && is=right || is=wrong
        [ "$is" = "$4" ] || {
            echo "# $1, $3: $expression"
            sed 's/^/# /' "$log"
            return 1
        }
    done
}

check() {
    command -v "${1##* }" >/dev/null || return
    result="ok"
    echo "$right" | all "$1" "$2" "$3" right || result="not ok"
    echo "$wrong" | all "$1" "$2" "$3" wrong || result="not ok"
    [ "$2" != c ] || echo "$made" | all "$1" "$2" "$3" right ||
        result="not ok"
    done=$((done + 1))
    echo "$result $done - $1, $3"
    [ "$result" = ok ] || status=1
}

check "${CC:-cc}" c c11
check gcc c c11
check clang c c11
[ -z "${CXX:-}" ] || check "$CXX" c++ c++17
check g++ c++ c++17
check clang++ c++ c++17
echo "1..$done"
exit $status
