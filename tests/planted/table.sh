#!/bin/sh
# SPDX-License-Identifier: MIT
# table.sh - what finds the mistakes of bugs.c: the simulator, and a stress run.
#
#     table.sh [update]
#
# Runs in the build folder, for some minutes; `make planted` and `make
# update-planted`. Writes a table as docs/simulation.md has it, or puts it there.
# Fails if one is not found within 10,000 seeds, of pct 2,000, or if as many rounds on four
# real workers show more than half of them. Which these are differs from run to
# run and with what else the machine does; what the seeds find does not.
set -u
length=10000
few=2000
doc=$srcdir/docs/simulation.md
table=$(mktemp) err=$(mktemp)
trap 'rm -f "$table" "$err"' EXIT

# first STRATEGY N: the first of N seeds that shows $name, or a dash.
first() {
    if timeout 600 tests/planted/bugs "$name" sim 1 "$2" "$1" 2> "$err"
    then
        echo -
    else
        sed -n 's/.*seed[ =]\([0-9]*\).*/\1/p' "$err" | head -n 1
    fi
}

missed=0
shown=0
tests/planted/bugs list > "$err.list"
{
    echo "| program | the mistake | fault | random | pct | stress |"
    echo "|---|---|---|---|---|---|"
} > "$table"
while IFS='	' read -r name what fault; do
    random=$(first random $length)
    pct=$(first pct $few)
    [ "$random$pct" != -- ] || missed=$((missed + 1))
    stress=-
    if ! timeout 100 tests/planted/bugs_plain "$name" stress $length \
        2> /dev/null; then
        stress=shows
        shown=$((shown + 1))
    fi
    fault=${fault#scheduler.inject_}
    echo "| \`$name\` | $what | ${fault:--} | $random | $pct | $stress |"
done < "$err.list" >> "$table"
total=$(wc -l < "$err.list")
rm -f "$err.list"

if [ "${1:-}" = update ]; then
    sed -e "/^| program | the mistake/,/^\$/{
        /^| program/r $table
        /^\$/!d
    }" "$doc" > "$err" && cat "$err" > "$doc"
else
    cat "$table"
fi
echo "of $total the simulator missed $missed, the stress run $((total - shown))" >&2
[ "$missed" -eq 0 ] && [ $((2 * shown)) -le "$total" ]
