#!/bin/sh
# SPDX-License-Identifier: MIT
# test_promises.sh - what `moirai plugins test` says of plugins.
#
# Runs in the build directory; prints TAP. What the promises themselves are
# worth, the tests of plugins show (tests/plugins): here they are short.
. "${srcdir:-.}/tests/tools/common.sh"
broken=$here/tests/broken/.libs
# tries STATUS ARGUMENT...: does `moirai plugins test` end so?
tries() {
    expected=$1
    shift
    ends "$expected" timeout 300 "$moirai" plugins test "$@"
}

# --- usage -----------------------------------------------------------------

tries 2 && complained "which plugin?"
is $? "it wants a plugin"
tries 2 fifo mmap && complained "one plugin at a time"
is $? "it wants one"
tries 2 --quik fifo && complained "did you mean --quick?" &&
    complained 'Try "moirai help plugins test".'
is $? "a mistyped option is guessed"
tries 2 -t 0 fifo && tries 2 -t soon fifo && complained 'not "soon"'
is $? "a timeout is a number of seconds"
tries 2 ./some.so && complained "is called KIND_NAME.so"
is $? "a file whose name tells no kind is wrong usage"
tries 2 steal && complained "which one, chan_steal or sched_steal?"
is $? "a name of two kinds is not guessed"
tries 2 -o sched_starts mmap &&
    complained 'no stack allocator promises "sched_starts"' &&
    tries 2 -o sched_start fifo && complained 'did you mean "sched_starts"?'
is $? "promises have names"
tries 1 nowhere && complained 'there is no plugin "nowhere"' &&
    tries 1 ./sched_nowhere.so && complained "No such file or directory"
is $? "what is not there is told"
tries 0 -h && said "usage: moirai plugins test" &&
    "$moirai" help plugins test | cmp - out
is $? "it explains itself"

# --- what is right ---------------------------------------------------------

tries 0 -q -o sched_starts -o sched_empty_is_honest -o sched_lends_its_deque \
    fifo && cat >wanted <<'END' && cmp wanted out
scheduler fifo 1.0: one shared queue, oldest task first
kept    `init` and `worker_init` succeed.
waived  What the core pushes to a lent deque is queued like all else.
kept    `empty` is false if and only if there is a task to pop or steal.
2 kept, 0 broken, 1 that do not concern it
END
is $? "of each promise it says whether it is kept"
tries 0 -q sched_sim && said " 0 broken" && ! grep -q '^\(broken\|untried\)' out
is $? "one that simulates keeps its promises"
tries 0 -v -o chan_lends_slots chan_list && said "because: it lends no slots" &&
    said "again: -o chan_lends_slots"
is $? "-v tells names and reasons"
tries 0 -j -o stack_starts -o stack_has_its_class_size mmap && "$json" <out &&
    said '"kind":"stack","name":"mmap"' &&
    said '"kept":2,"broken":0,"waived":0,"untried":0'
is $? "the same as JSON"
"$moirai" --json plugins test -o stack_starts mmap >out 2>err && "$json" <out
is $? "--json before the command"

# --- options ---------------------------------------------------------------

tries 0 -s scheduler.batch=3 -o sched_starts fifo
is $? "options by -s"
tries 3 -s scheduler.batch=0 fifo && complained "scheduler.batch: 0 is below" &&
    [ ! -s out ] && tries 3 -s scheduler.bath=1 fifo &&
    complained "unknown key"
is $? "wrong options are told, and nothing is tried"
tries 3 -j -s scheduler.batch=0 fifo && "$json" <out && said '"mistakes":['
is $? "wrong options as JSON"
echo 'scheduler: {plugin: fifo, batch: 3}' >fifo.yaml
tries 0 -c fifo.yaml -o sched_starts fifo
is $? "options in a file"
tries 3 -c fifo.yaml sched_steal &&
    complained "fifo.yaml: it does not choose this plugin" && [ ! -s out ] &&
    tries 3 -c nowhere.yaml fifo && complained "nowhere.yaml: cannot be read"
is $? "a file that chooses another plugin is wrong"
echo 'channels: {a: {plugin: list}, b: {plugin: ring, capacity: 0}}' >ring.yaml
tries 0 -q -c ring.yaml -o chan_holds_what_it_says chan_ring &&
    MOIRAI_CONFIG=nowhere.yaml tries 0 -o chan_starts chan_ring
is $? "options of a channel"

# --- modules that cannot be loaded -----------------------------------------

if [ ! -e "$broken/sched_good.so" ]; then
    
# Nothing tells that a request will not be told any more, so each is waited for.
io() {
    fault=$1
    seen=$2
    shift 2
    ok=0
    for promise in "$@"; do
        tries 1 -q -t 2 -s "io.fault=$fault" -o "$promise" \
            "$broken/io_wrong.so" && grep -q "seen: $seen" out || ok=1
    done
    is $ok "io_wrong: $fault breaks $*"
}
io loses "a [a-z]* is not told that it ended" io_sends_and_receives
io twice "operation 4 was told twice" io_sends_and_receives
io again "operation 4 was told -EAGAIN" io_sends_and_receives
io disorders "receive 0 of a queue has byte" io_keeps_order
io blocks "an accepted descriptor blocks" io_accepts_and_connects
io signals "wait ended the process by a signal: Broken pipe" io_tells_resets
io keeps "a poll that was cancelled is not told that it ended" io_cancels_polls
io leaves "forget did not close" io_forget_closes
io sleeps "wait after wake did not return, until 2 seconds had passed" \
    io_wake_before_wait_counts
echo "1..$n"
    exit 0
fi
# refused MODULE WHAT: is it refused, with these words?
refused() {
    tries 1 "$broken/$1.so" && said "seen: $broken/$1.so cannot be used: $2" &&
        said "0 kept, 1 broken" && [ ! -s err ]
    is $? "$1: $2"
}
refused sched_crash "corrupted or faulty: loading it ends the process"
refused sched_crashlate "corrupted or faulty: loading it ends the process"
refused sched_liar "its constant says it has 4096 bytes"
refused sched_noslot 'it lacks the function "pop"'
refused sched_wrongkind "its file's name says scheduler, its constant says"
refused sched_undefined "undefined symbol"
refused chan_bothways "it says it is concurrent, but its ring works under"
tries 1 "$broken/sched_cannot.so" && said "there is no moon tonight"
is $? "one that cannot run here is not tried"
tries 1 "$broken/sched_good.so" && said "seen: it returned -1: never started" &&
    said "because: init (workers: 1) returned -1: never started" &&
    said "1 kept, 1 broken, 2 that do not concern it, 15 that could not be"
is $? "of one that does not start nothing else is said"
MOIRAI_PLUGIN_PATH=$broken tries 1 -o sched_starts good &&
    tries 1 -o sched_starts -j "$broken/sched_good.so" && "$json" <out &&
    said '"result":"broken","seen":"it returned -1: never started"'
is $? "a module by its name, and as JSON"

# --- modules with one fault each ---------------------------------------------

# fails SETTING MODULE "SEEN" PROMISE...: are these broken, and is what is seen of
# each promise that is broken, or cannot be tried, as the pattern says? With the
# fault `none` nothing is.
fails() {
    setting=$1
    module=$2
    seen=$3
    shift 3
    tries 1 -q -s "$setting" "$broken/$module.so" && ok=0 || ok=1
    for promise in "$@"; do
        said "again: -o $promise" || ok=1
    done
    ! sed -n 's/^        \(seen\|because\): //p' out | grep -vE "$seen" >odd ||
        { ok=1; sed 's/^/# not explained: /' odd; }
    is $ok "$module: ${setting##*=} breaks $*"
}
sched() { fault=$1; shift; fails scheduler.fault="$fault" sched_wrong "$@"; }
stack() { fault=$1; shift; fails stacks.fault="$fault" stack_wrong "$@"; }
chan() {
    fault=$1
    shift
    fails channels.plugins-test.fault="$fault" chan_wrong "$@"
}
tries 0 -q "$broken/sched_wrong.so" && tries 0 -q "$broken/stack_wrong.so" &&
    tries 0 -q "$broken/chan_wrong.so" && tries 0 -q "$broken/io_wrong.so"
is $? "without a fault they keep their promises"

none="gets? (none|nothing)|says to worker . that there is none"
sched loses "is lost|are lost|out of .* reach|says 9..$|$none" \
    sched_gives_each_task_once sched_counts_its_tasks \
    sched_4_threads_lose_nothing
sched twice "was given out (twice|2 times)|all tasks are out, and .pop. gives" \
    sched_gives_each_task_once sched_2_threads_lose_nothing
sched unfair "^a task .* still waits after|the worker pushed had 0 of 5000" \
    sched_old_tasks_run_behind_new_ones sched_yielding_tasks_let_others_run
sched outside "that another thread pushed (still waits|had 0 of 5000)" \
    sched_foreign_tasks_run_behind_new_ones
sched leaks "bytes of malloc stay" sched_leaves_nothing
sched keeps "it still holds 1 pieces of the host's memory" \
    sched_leaves_nothing sched_init_fails_cleanly
sched files "^20 files stay open" sched_leaves_nothing
sched halfway "^having failed, it still holds 1 pieces" \
    sched_init_fails_cleanly
sched blind "^worker 0 pushed a task, and .empty. says to worker 1 that there " \
    sched_empty_is_honest
sched hopeful ".empty. says to worker 0 that there is (one|something)" \
    sched_empty_is_honest sched_gives_each_task_once
sched hoards "out of worker 1's reach|worker 1 gets (none|nothing)" \
    sched_busy_worker_keeps_nothing sched_empty_is_honest
sched leaves "given out twice|says to worker . that there is (one|something)" \
    sched_busy_worker_keeps_nothing
sched newest "tasks that yield for ever.* had 0 of 5000 turns" \
    sched_yielding_tasks_let_others_run
sched miscounts "^0 tasks are queued, and .length. says 1000" \
    sched_counts_its_tasks
sched allocates "10000 tasks are queued, and worker 0 gets none|are lost" \
    sched_push_needs_no_memory sched_threads_lose_nothing_without_memory
sched races "tasks are lost: none of [1-8] workers gets them" \
    sched_foreign_threads_push
sched stumbles "^(steal|it) ended the process" \
    sched_busy_worker_keeps_nothing
sched exits "^(pop|pop_oldest|it) ended the process, with status 0" \
    sched_gives_each_task_once sched_1_thread_loses_nothing
sched overruns "wrote behind the .* bytes of state|init ended the process" \
    sched_starts
sched silent "^it returned -5, and left|because|init|does not start" \
    sched_starts

stack shares "two stacks overlap|same stack at one time|usage. says|byte 0 of" \
    stack_is_usable_to_the_last_byte
stack unguarded "a write 1 bytes below a stack.* is not caught" \
    stack_guard_faults stack_guard_faults_when_reused
stack short "class 0 has stacks of 32768 bytes, it says, and gives one of" \
    stack_has_its_class_size
stack grows "^two stacks at a time took .* of addresses, and after" \
    stack_is_reused
stack stays "^a stack of class 0 is still mapped" stack_fini_unmaps
stack greedy "^of 8 pages that are in use, 0 are in memory after a trim" \
    stack_trim_gives_pages_back
stack idle "^8 pages that a trim was to give back are in memory" \
    stack_trim_gives_pages_back
stack forgets "^2 stacks are out, and .usage. says 0" stack_is_reused

few="messages? (are stored|were sent)|tasks sent .* came to|has just"
chan loses "$few" chan_gives_each_message_once chan_loses_nothing_in_a_crowd
chan twice "$few|came out (that was not stored|twice)" \
    chan_gives_each_message_once chan_knows_what_it_can
chan changes "came out that (was not stored|nobody sent)" \
    chan_gives_each_message_once chan_loses_nothing_in_a_crowd
chan boasts "pushed where there is room for .* and (40|20) more are stored" \
    chan_holds_what_it_says
chan miscounts "messages are stored, and .length. says" \
    chan_gives_each_message_once
chan overflows "^messages of .* bytes make a state of" \
    chan_refuses_what_cannot_be

# What does not return is waited for, so not each promise is tried.
# hangs SETTING MODULE "SEEN" PROMISE...
hangs() {
    setting=$1
    module=$2
    seen=$3
    shift 3
    ok=0
    for promise in "$@"; do
        tries 1 -t 1 -s "$setting" -o "$promise" "$broken/$module.so" &&
            said "seen: $seen" || ok=1
    done
    is $ok "$module: ${setting##*=} breaks $*"
}
hangs scheduler.fault=blocks sched_wrong \
    "pop did not return, until 1 seconds had passed" sched_gives_each_task_once
hangs scheduler.fault=loops sched_wrong \
    "steal did not return, until 1 seconds had passed" sched_empty_is_honest
hangs channels.plugins-test.fault=hangs chan_wrong \
    "pop did not return, until 1 seconds had passed" chan_holds_what_it_says
hangs channels.plugins-test.fault=hangs chan_wrong \
    "it was not done when 1 seconds had passed" chan_keeps_deadlines
tries 1 -s channels.plugins-test.fault=promises -o chan_knows_what_it_can \
    "$broken/chan_wrong.so" && said 'a push will succeed, and it did not'
is $? "chan_wrong: promises breaks chan_knows_what_it_can"
echo "1..$n"
