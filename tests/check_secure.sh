#!/bin/sh
# SPDX-License-Identifier: MIT
# check_secure.sh - in a program that has more rights than its user, the
# environment has no say.
#
# The command, with the bit that makes it setgid to a group it is not in now;
# giving a file to such a group takes root.
set -u
here=$(mktemp -d) || exit 1
trap 'rm -rf "$here"' EXIT

if [ -n "${SANITIZE_CFLAGS:-}" ]; then
    echo "1..0 # SKIP sanitizers refuse raised privileges"
    exit 0
fi
chmod 755 "$here"
cp tools/moirai "$here/moirai"
group=$(awk -F: -v own=" $(id -G) " \
    'index(own, " " $3 " ") == 0 { print $3; exit }' /etc/group)
if ! chgrp "$group" "$here/moirai" 2>/dev/null ||
    ! chmod g+s "$here/moirai" || ! [ -g "$here/moirai" ]; then
    echo "1..0 # SKIP cannot make a program setgid: needs root"
    exit 0
fi
cat >"$here/file.yaml" <<'END'
version: 1
runtime: {max_tasks: "${MO_TASKS:-100}"}
END

# config: what is in force, in an environment that says something of each kind.
config() {
    env MO_TASKS=200 MOIRAI_WORKERS=7 MOIRAI_STACKS__SIZE=64KiB \
        MOIRAI_SET='runtime.blocking_threads=9' MOIRAI_LOG=debug \
        MOIRAI_PLUGIN_PATH=/nowhere timeout 60 "$here/moirai" \
        config "$here/file.yaml" >"$here/said" 2>&1
}

# says TEXT...: is each of them there?
says() {
    for text in "$@"; do
        grep -q "^  $text " "$here/said" || { echo "# no $text"; return 1; }
    done
}

result() {
    status=$?
    [ $status -eq 0 ] || { sed 's/^/# /' "$here/said"; printf 'not '; }
    echo "ok $1"
}

echo "1..2"
config && says "max_tasks: 100" "workers: auto" "size: 256KiB" \
    "blocking_threads: 64" && ! grep -q 'MOIRAI_\|command line' "$here/said"
result "1 - with more rights than its user, moirai does not look"
chmod g-s "$here/moirai"
config && says "max_tasks: 200" "workers: 7" "size: 64KiB" \
    "blocking_threads: 9"
result "2 - without them it does"
