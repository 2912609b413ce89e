#!/bin/sh
# SPDX-License-Identifier: MIT
# check_dump.sh - what a signal tells of all tasks, and that it costs them
# nothing.
#
# Runs in the build folder.
set -u
program=tests/faults/waiting
work=$(mktemp -d) || exit 1
pid=
trap 'kill -KILL $pid 2>/dev/null; rm -rf "$work"' EXIT
number=0
signals=--default-signal=QUIT
handler=

echo "1..20"

ok() {
    number=$((number + 1))
    name=$1
    shift
    if "$@"; then
        echo "ok $number - $name"
    else
        echo "not ok $number - $name"
        head -n 60 "$work/err" | sed 's/^/# /'
    fi
}

# begin TASKS [KEY=VALUE...]: starts the program and waits until it is ready.
# Shells let what they start in the background ignore SIGQUIT: $signals.
begin() {
    tasks=$1
    shift
    rm -f "$work/in"
    mkfifo "$work/in"
    : >"$work/out"
    # shellcheck disable=SC2086  # words
    env $signals MOIRAI_CONFIG= "$@" "$program" "$tasks" $handler <"$work/in" >"$work/out" \
        2>"$work/err" &
    pid=$!
    exec 3>"$work/in"
    await "$work/out" '^ready'
}

# await FILE TEXT: until the file has it, a minute at most.
await() {
    tries=0
    until grep -q -- "$2" "$1"; do
        tries=$((tries + 1))
        [ $tries -lt 1200 ] || return 1
        sleep 0.05
    done
}

finish() {
    echo >&3
    exec 3>&-
    wait "$pid"
    code=$?
    pid=
    grep -q '^stopped: 0$' "$work/out" && [ "$code" -eq 0 ]
}

dump() {
    kill -s "$1" "$pid"
    await "$work/err" 'tasks that have begun$'
}

# The lines of the task called $1.
lines_of() {
    awk -v head="^task [0-9]+ \"$1\": " '
        /^[^ ]/ { on = 0 } $0 ~ head { on = 1 } on' "$work/err"
}

# says NAME PATTERN...: the task's lines have each of them.
says() {
    lines_of "$1" >"$work/lines"
    shift
    for text; do
        grep -qE -- "$text" "$work/lines" || return 1
    done
}

# Every line of the same tasks, and that the first shows these calls in turn.
calls_are_right() {
    awk '/^task [0-9]+: channel receive/ { on = 1; n++ }
        /^[^ ]/ && !/^task [0-9]+: channel receive/ { on = 0 }
        on && !/^ *could be/ && /^ / { print $1 }' "$work/err" >"$work/calls"
    [ "$(grep -cE '^(moirai_chan_recv|innermost|middle|outermost)|^calls' \
        "$work/calls")" -eq "$(wc -l <"$work/calls")" ] || return 1
    head -n 4 "$work/calls" | tr '\n' ' ' | grep -qE \
        '^moirai_chan_recv innermost[^ ]* middle[^ ]* outermost '
}

begin 300 MOIRAI_RUNTIME__STATS_AT_EXIT=true
dump QUIT
ok "every task is told of, once" [ "$(grep -c '^task' "$work/err")" -eq 309 ]
ok "and their number" grep -q '^309 tasks that have begun$' "$work/err"
if grep -q 'moirai_chan_recv' "$work/err"; then
    ok "with the calls that led there" calls_are_right
    calls='    spin'
    case ${SANITIZE_CFLAGS-} in
    *thread*) calls= ;;             # TSan keeps the signal: the loop calls nothing
    esac
    ok "a running one, with its calls, too" says spinner \
        'running on worker [0-9]+, spawned at .*waiting\.c:[0-9]+$' "$calls"
    ok "calls end with the task's function" \
        [ "$(lines_of blocker | tail -n 1 | awk '{ print $1 }')" = block ]
else
    for what in calls running ends; do
        number=$((number + 1))
        echo "ok $number - $what # SKIP stacks are not unwound here"
    done
fi
ok "a receiver, and who could end its wait" says holder \
    ': channel receive on 0x[0-9a-f]+ \(ring\) for .*, spawned at .*c:[0-9]+,' \
    'could be ended by whoever has the 1 endpoint that may send$'
ok "a mutex, and its owner" says wanter ': mutex for ' \
    'could be ended by task [0-9]+ "holder", which holds it$'
ok "a sleeper, and the time it has left" says napper ': sleep for ' \
    'could be ended by the clock, in 35[0-9][0-9]\.[0-9] s$'
ok "a join, and the task" says joiner ': join of a task for ' \
    'could be ended by task [0-9]+ "napper", when it ends$'
ok "the end of a scope, and its tasks" says nurse ': end of a scope for ' \
    'could be ended by its tasks that have not ended, 1: task [0-9]+$'
ok "a blocking call, and its thread" says blocker ': blocking call for ' \
    'a thread of the blocking pool, which runs the call$'
ok "a sender" says sender ': channel send on 0x[0-9a-f]+ \(ring\) for '
ok "nothing is disturbed by it" finish
counted() {
    grep -qE '^moirai: spawned +309$' "$work/err" &&
        grep -qE '^moirai: parked +[0-9]+$' "$work/err" &&
        grep -qE '^moirai: 300 tasks spawned at .*waiting\.c:[0-9]+; ' \
            "$work/err"
}
ok "counters are shown at the stop, if that was asked for" counted

begin 10 MOIRAI_RUNTIME__DUMP_SIGNAL=usr1
dump USR1
again() {
    : >"$work/err"
    for i in 1 2 3 4 5 6 7 8 9 10; do
        kill -s USR1 "$pid"
    done
    await "$work/err" 'tasks that have begun$' && finish
}
ok "another signal, many times" again

begin 10 MOIRAI_RUNTIME__DUMP_SIGNAL=none
kill -s QUIT "$pid"
exec 3>&-
wait "$pid" 2>/dev/null
code=$?
pid=
ok "without a signal, SIGQUIT does what it always does" [ "$code" -eq 131 ]

signals=
begin 10
dump QUIT
ok "started in the background, it still dumps" finish

handler=handler
begin 10
kill -s QUIT "$pid"
await "$work/err" 'own handler'
handled() {
    finish && ! grep -q '^task' "$work/err"
}
ok "a program that handles it goes on to" handled
handler=

# Nobody reads what is dumped; the program goes on, forks and ends.
rm -f "$work/in" "$work/pipe"
mkfifo "$work/in" "$work/pipe"
: >"$work/out"
exec 4<>"$work/pipe"
env $signals MOIRAI_CONFIG= "$program" 3000 <"$work/in" >"$work/out" \
    2>"$work/pipe" &
pid=$!
exec 3>"$work/in"
unread() {
    await "$work/out" '^ready' && kill -s QUIT "$pid" && sleep 0.5 && finish
}
ok "a dump that nobody reads keeps nobody" unread
exec 4>&-

begin "${MO_DUMP_TASKS:-20000}"
before=$(date +%s%N)
dump QUIT
after=$(date +%s%N)
echo "# $tasks tasks: $(((after - before) / 1000000)) ms"
ok "many at once" finish
