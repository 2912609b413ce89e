#!/bin/sh
# SPDX-License-Identifier: MIT
# test_sim.sh - what `moirai sim` finds, says and leaves behind.
#
# Runs in the build directory; prints TAP.
. "${srcdir:-.}/tests/tools/common.sh"
bugs=$here/tests/planted/bugs
program() {
    printf '#!/bin/sh\n%s\n' "$2" > "$1"
    chmod +x "$1"
}

echo "1..26"

# --- what is found ---------------------------------------------------------

ends 0 "$moirai" sim -n 5 "$here/examples/hello" &&
    said "5 seeds: no failure" && [ ! -s err ]
is $? "nothing fails where nothing is wrong"

ends 1 "$moirai" sim -n 100 -J 2 -s runtime.workers=3 "$bugs" double-close &&
    grep -q '^seed [0-9]* failed: it ended with status 1$' out &&
    said "    bugs: double-close shows" && said "it failed in the same way" &&
    [ "$(wc -l < moirai-sim.trace)" -gt 5 ]
is $? "a seed that fails is told, and replayed with its events"

seed=$(sed -n 's/^seed \([0-9]*\) failed.*/\1/p' out)
replay=$(sed -n 's/^replay: moirai //p' out)
mv moirai-sim.trace first.trace
ends 1 sh -c "'$moirai' $replay" && complained "bugs: double-close shows"
is $? "the command that it tells fails, too"

ends 1 "$moirai" sim -n 100 -J 5 -T again.trace -s runtime.workers=3 "$bugs" \
    double-close && said "seed $seed failed" && cmp first.trace again.trace
is $? "the first that fails, however many run at a time; and so do its events"

ends 1 "$moirai" sim -n "$seed..$seed" -s runtime.workers=3 "$bugs" \
    double-close && said "seed $seed failed"
is $? "seeds may be a range"

ends 1 "$moirai" sim -s runtime.workers=3 -n 100 "$bugs" deadlock-by-order &&
    said "it was killed by signal 6" &&
    said "    moirai: simulator: everything waits for ever"
is $? "so is one that waits for ever"

# gone FILE: waits until each process whose number is in it has ended. Nobody
# need have asked how.
gone() {
    while read -r pid; do
        while grep -q '^State:[[:space:]]*[^ZX[:space:]]' "/proc/$pid/status" \
            2> /dev/null; do
            sleep 0.1
        done
    done < "$1"
}

program slow "'$bugs' torn-pair; sleep 1000 & echo \$! >> slow.pids; wait"
ends 1 "$moirai" sim -n 3 -t 1 ./slow && said "seed 1 failed: it still ran" &&
    [ -s slow.pids ] && gone slow.pids
is $? "so is one that does not end, of which nothing is left"

ends 1 "$moirai" sim --json -n 100 -s runtime.workers=3 "$bugs" double-close &&
    "$json" < out && said "\"seed\":$seed" && said '"again":true'
is $? "all that as JSON"

ends 1 "$moirai" sim -S pct -d 2 -n 300 -s runtime.workers=3 "$bugs" \
    hoped-for-order && said "scheduler.strategy=pct -s scheduler.depth=2"
is $? "by pct"

# --- every schedule --------------------------------------------------------

ends 0 "$moirai" sim -x -n 5000 "$bugs" double-close &&
    said "schedules, all that there are: no failure"
is $? "a mistake that no order of tasks shows is not found by all of them"

ends 1 "$moirai" sim -x -n 100000 "$bugs" message-left &&
    grep -q '^schedule [0-9]* failed' out && said scheduler.strategy=given
is $? "one that an order shows is"

ends 0 "$moirai" sim -x -n 1 "$bugs" double-close &&
    said "1 schedule, there are more: no failure"
is $? "it says when there are more"

# --- faults ----------------------------------------------------------------

# The program of docs/simulation.md, and what is said there of it.
sed -n '/^```c$/,/^```$/p' "$src/docs/simulation.md" | sed '/^```/d' > shown.c
(cd "$here" && ./libtool --silent --tag=CC --mode=link ${CC:-cc} -D_GNU_SOURCE \
    ${SANITIZE_CFLAGS:-} -I"$src/include" -o "$dir/shown" "$dir/shown.c" \
    libmoirai.la) > out 2> err
ends 0 "$moirai" sim -n 50 ./shown &&
    ends 1 "$moirai" sim --inject timers=10 ./shown &&
    grep -q "# $(sed -n 's/ failed: .*/ failed/p' out)\$" \
        "$src/docs/simulation.md" &&
    said "scheduler.inject_timers=10" && said "--- faults injected: 1" &&
    said "it failed in the same way" &&
    [ "$(grep -c ' injected: [0-9]* late timer$' moirai-sim.trace)" -eq 1 ]
is $? "what no order shows may take a fault, which the trace has"

mv moirai-sim.trace first.trace
ends 1 "$moirai" sim -i timers=10,delay=1s,delay=100ms -i limit=100 --json \
    ./shown && "$json" < out && said '"injected":1' &&
    cmp first.trace moirai-sim.trace
is $? "which is the same each time, however it is said"

ends 2 "$moirai" sim -i timers ./shown && ends 2 "$moirai" sim -i '' ./shown &&
    ends 2 "$moirai" sim -i timers=0 ./shown &&
    ends 2 "$moirai" sim -i timers=1,luck=1 ./shown &&
    complained 'not "luck=1"' && ends 2 "$moirai" sim -i delay=1 ./shown &&
    ends 2 "$moirai" sim -x -i wakes=1 ./shown
is $? "faults that there are not"

# --- what is wrong ---------------------------------------------------------

ends 2 "$moirai" sim && ends 2 "$moirai" sim -n 5 &&
    ends 2 "$moirai" sim -n 0 true && ends 2 "$moirai" sim -n 9..3 true &&
    ends 2 "$moirai" sim -S chance true && ends 2 "$moirai" sim -t x true &&
    ends 2 "$moirai" sim -s nonsense true
is $? "wrong usage"

echo "runtime: {workers: none}" > wrong.yaml
ends 3 "$moirai" sim -c wrong.yaml true && complained wrong.yaml:1
is $? "a wrong configuration"

ends 1 "$moirai" sim true && complained "true: it started no runtime" &&
    ends 1 "$moirai" sim false && complained "before it started a runtime" &&
    ends 1 "$moirai" sim ./nowhere && complained "No such file or directory"
is $? "what cannot be simulated is said, and no seed is blamed"

# --- where the events go ---------------------------------------------------

echo old > events
ln events same
program away "cd / && exec '$bugs' double-close"
ends 1 "$moirai" sim -n 100 -s runtime.workers=3 -T events ./away &&
    grep -q ' start ' same && ! grep -q old same
is $? "to the file that is there, wherever the program goes"

ends 1 "$moirai" sim -T nowhere/events ./endless &&
    complained "nowhere/events: No such file" &&
    ends 0 "$moirai" sim -n 2 -T none "$here/examples/hello" && [ ! -e none ]
is $? "that there can be none is said before anything runs"

if [ -c /dev/full ]; then
    ends 1 "$moirai" sim -n 100 -s runtime.workers=3 -T /dev/full "$bugs" \
        double-close && [ -c /dev/full ] &&
        said "it failed in the same way" &&
        [ "$(grep -c "events are missing there: No space left" err)" -eq 1 ]
    is $? "that some are missing is said, once"
else
    n=$((n + 1))
    echo "ok $n # SKIP there is no /dev/full"
fi

program choosy 'rm -f "$(echo "$MOIRAI_SET" | sed -n s/scheduler.record=//p)"'
program unrecorded "'$bugs' double-close; status=\$?; [ -e early ] && ./choosy
: > early; exit \$status"
ends 1 "$moirai" sim -x -n 50 ./unrecorded &&
    complained "there is no record of its choices"
is $? "nor are all orders said to be seen where some are not known"

ends 1 env TMPDIR="$dir/nowhere" "$moirai" sim true && complained nowhere/
is $? "what it needs for itself goes where TMPDIR says"

# --- what is left ----------------------------------------------------------

program endless "echo \$\$ >> pids; sleep 1000"
: > pids
"$moirai" sim -J 2 -t 100 ./endless > out 2> err &
tool=$!
while [ ! -s pids ]; do sleep 0.1; done
kill -TERM $tool
wait $tool
[ $? -eq 143 ] && gone pids
is $? "a signal ends it, and what it started"

program mixed "echo \$\$ >> pids; echo \"\$MOIRAI_SET\" | grep -q 'seed=1\$' &&
    exec sleep 1000
'$bugs' double-close; echo \$\$ > ends; exit 1"
: > pids
"$moirai" sim -J 2 -n 2 -t 100 ./mixed > out 2> err &
tool=$!
while [ ! -s ends ] || [ -e "/proc/$(cat ends)" ]; do sleep 0.1; done
kill -TERM $tool
wait $tool
[ $? -eq 143 ] && gone pids && said "seed 2 failed" && ! said "no failure"
is $? "what had failed by then is told"

[ -z "$(ls -d "${TMPDIR:-/tmp}"/moirai-sim.* 2> err | while read -r folder; do
    [ -O "$folder" ] && [ "$folder" -nt pids ] && echo "$folder"
done)" ]
is $? "no file is left behind"
