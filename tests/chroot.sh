#!/bin/sh
# SPDX-License-Identifier: MIT
# chroot.sh - tries README's two commands on a fresh, minimal Debian.
#
#     tests/chroot.sh [FOLDER]
#
# Makes a system without compiler or tools in a new folder inside FOLDER
# (preset: $TMPDIR or /var/tmp; some 2 GB), from the mirror that this machine's
# apt uses, puts the committed tree into it, runs ./run-demo.sh and
# ./run-tests.sh there, and removes it. $RELEASE is Debian's code name (preset:
# bookworm). Needs root, debootstrap and git. The last line is the result; the
# exit status is 0 if both commands succeeded.
set -eu
cd "$(dirname "$0")/.."
. tests/support/fresh.sh
fresh_enter "$PWD/tests/chroot.sh" "$@"

root=$(mktemp -d "${1:-${TMPDIR:-/var/tmp}}/moirai-chroot.XXXXXX")
trap 'fresh_remove "$root"' EXIT
trap 'exit 1' HUP INT TERM
fresh_make "$root"
mkdir "$root/moirai"
git archive HEAD | tar -x -C "$root/moirai"

# inside COMMAND: runs it in the tree there.
inside() {
    echo "chroot.sh: $*"
    fresh_run "$root" /moirai "$*"
}

demo=failed
tests=failed
inside ./run-demo.sh && demo=passed
inside ./run-tests.sh && tests=passed
echo "chroot.sh: run-demo.sh $demo, run-tests.sh $tests"
[ "$demo $tests" = "passed passed" ]
