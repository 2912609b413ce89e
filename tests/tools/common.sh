# SPDX-License-Identifier: MIT
# common.sh - what the tests of `moirai` begin with: `. .../common.sh`.
#
# They run in the build directory and print TAP. MOIRAI and JSON_CHECK may name
# other programs than the ones built there. From here on the current directory
# is an empty one, $dir, that goes at the end.
set -u

here=$(pwd)
# shellcheck disable=SC2034  # for who includes this
src=$(cd "${srcdir:-.}" && pwd)
moirai=${MOIRAI:-$here/tools/moirai}
# shellcheck disable=SC2034
json=${JSON_CHECK:-$here/tests/tools/json_check}
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
unset MOIRAI_PLUGIN_PATH MOIRAI_CONFIG MOIRAI_WORKERS MOIRAI_SET
cd "$dir" || exit 1

n=0
# is STATUS DESCRIPTION: tells the outcome of one test.
is() {
    n=$((n + 1))
    if [ "$1" -eq 0 ]; then
        echo "ok $n - $2"
    else
        echo "not ok $n - $2"
        sed 's/^/# out: /' out
        sed 's/^/# err: /' err
    fi
}
# skip DESCRIPTION REASON
skip() {
    n=$((n + 1))
    echo "ok $n - $1 # SKIP $2"
}
# ends STATUS COMMAND...: does it end so? Leaves out and err.
ends() {
    wanted=$1
    shift
    "$@" >out 2>err
    status=$?
    [ $status -eq "$wanted" ] && return 0
    echo "# ended in $status, not $wanted: $*"
    return 1
}
said() { grep -qF -- "$1" out; }
complained() { grep -qF -- "$1" err; }
# The same of what out says on one line.
spoke() { tr -s ' \n' ' ' <out | grep -qF -- "$1"; }
