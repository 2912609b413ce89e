#!/bin/sh
# SPDX-License-Identifier: MIT
# test_explain.sh - `moirai explain`: who was considered, and why taken.
#
# Runs in the build directory; prints TAP.
. "${srcdir:-.}/tests/tools/common.sh"

mkdir mods same
for name in good cannot wrongabi crash; do
    cp "$here/tests/broken/.libs/sched_$name.so" mods
done
cp mods/sched_good.so same
cp mods/sched_good.so same/sched_fifo.so
ln -s "$here/plugins/.libs/sched_steal.so" mods/sched_steal.so
cp "$here/tests/broken/.libs/foreign.so" mods
cat > all.yaml <<'END'
plugins: {path: mods}
scheduler: {plugin: auto}
channels:
  a: {plugin: ring}
  b:
END

ends 0 "$moirai" explain && [ ! -s err ] &&
    spoke 'scheduler: steal 1.0, built in Because nobody names one, and the preset is "steal".' &&
    spoke 'io: epoll 1.0, built in Because nobody names one, and the preset is "auto": of those that can run here it has the highest rank, 10.'
is $? "presets are told"
ends 0 "$moirai" explain all.yaml &&
    spoke 'scheduler: steal 1.0, built in Because all.yaml:2:21 asks for "auto": of those that can run here it has the highest rank, 10.' &&
    spoke 'fifo 1.0, rank 0, built in not taken: rank 0 is below the 10 of "steal"' &&
    spoke 'channels.a: ring 1.0, built in Because all.yaml:4:15 asks for "ring".' &&
    spoke 'ring 1.0, rank 0, built in taken by channels.a, channels.b'
is $? "auto takes the highest rank, and says so"
spoke 'cannot 0.1, rank 1000, mods/sched_cannot.so not taken: "cannot" cannot run here: there is no moon tonight' &&
    spoke 'wrongabi mods/sched_wrongabi.so cannot be loaded: built for plugin ABI 999' &&
    spoke 'crash mods/sched_crash.so cannot be loaded: corrupted or faulty' &&
    spoke 'mods/foreign.so cannot be loaded: its name begins with no kind' &&
    spoke 'looked for modules in mods'
is $? "what cannot be loaded, or run, is told with its reason"
spoke 'mods/sched_steal.so hidden by the one that is built in, which has the same name and comes first; asked for by its path it is taken'
is $? "what has the same name as a builtin is hidden"
ends 0 "$moirai" explain -s scheduler.plugin=prio &&
    spoke 'scheduler: prio 1.0, built in Because -s asks for "prio". Tasks have ranks, by their priority or deadline'
is $? "ranks are told"
ends 0 "$moirai" explain -s scheduler.plugin=fifo -s scheduler.hybrid=on &&
    spoke 'hybrid is of no effect with it.' &&
    ends 0 "$moirai" explain -s runtime.workers=1 -s scheduler.hybrid=auto &&
    spoke 'hybrid: auto is of no effect with one worker' &&
    ends 0 "$moirai" explain -s runtime.workers=2 -s scheduler.hybrid=auto &&
    spoke 'which begins once a worker was kept for more than 1 ms.'
is $? "so is what becomes of tasks that wait beside tasks that compute"
echo "hybrid: the attendant was called" >effect
ends 0 "$moirai" explain -s scheduler.hybrid=on -s scheduler.hybrid_file=effect &&
    spoke 'thread of their own, which is there from the start. The last run says: hybrid: the attendant was called'
is $? "and what came of that in the last run"
ends 0 "$moirai" explain -s scheduler.plugin="$dir/mods/sched_steal.so" &&
    spoke "scheduler: steal 1.0, $dir/mods/sched_steal.so Because -s asks for" &&
    spoke "rank 10, $dir/mods/sched_steal.so taken by scheduler"
is $? "and its path takes it"
ends 0 env MOIRAI_PLUGIN_PATH=mods:same "$moirai" explain &&
    spoke 'rank 0, same/sched_good.so hidden by mods/sched_good.so, which has'
is $? "the first directory hides the same name in the next"
ends 0 env MOIRAI_PLUGIN_PATH=mods:same "$moirai" plugins -v &&
    spoke 'by mods/sched_good.so: same name, and it comes first; a path in place of the name takes this one'
is $? "plugins -v says the same"
ends 0 env MOIRAI_SCHEDULER__PLUGIN=fifo "$moirai" explain all.yaml &&
    spoke 'scheduler: fifo 1.0, built in Because MOIRAI_SCHEDULER__PLUGIN asks for "fifo"; this wins over "auto" of all.yaml:2:21.' &&
    spoke 'steal 1.0, rank 10, built in nobody asks for it'
is $? "who wins over whom is told"

# --- where the configuration is wrong ---------------------------------------

printf 'plugins: {path: mods}\nscheduler: {plugin: crash, batch: 1}\n' > x.yaml
ends 3 "$moirai" explain x.yaml && complained "x.yaml:2:21: scheduler.plugin" &&
    spoke 'scheduler: none Because x.yaml:2:21 asks for "crash", but mods/sched_crash.so cannot be used: corrupted' &&
    spoke 'good 0.1, rank 0, mods/sched_good.so nobody asks for it'
is $? "mistakes do not keep it from explaining"
ends 3 "$moirai" explain nowhere.yaml && complained "cannot be read" &&
    [ ! -s out ]
is $? "without a file there is nothing to explain"
ends 2 "$moirai" explain a b && ends 2 "$moirai" explain --nonsense
is $? "wrong usage"

# --- workers and guards ----------------------------------------------------

ends 0 env MOIRAI_WORKERS=3 "$moirai" explain &&
    spoke 'workers: 3 MOIRAI_WORKERS says so.'
is $? "workers are told with who said so"
ends 0 "$moirai" explain -s scheduler.plugin=sim &&
    spoke 'workers: 2 auto: a simulation plays 2 on one thread.'
is $? "a simulation has two of them"
ends 0 "$moirai" explain && spoke 'None of them is bound to processors.' &&
    ends 0 "$moirai" explain -s runtime.workers=5 -s runtime.bind=node \
        -s 'runtime.topology=numa:2 core:4 pu:1' &&
    spoke 'The machine is made up, so that nobody is bound; else (node): workers 0 to 2 to node 0, workers 3 to 4 to node 1.' &&
    ends 0 "$moirai" explain -s runtime.workers=20 -s runtime.bind=close \
        -s 'runtime.topology=core:20 pu:1' &&
    spoke 'worker 0 to processor 0, worker 1 to processor 1' &&
    spoke 'and so on.'
is $? "what workers are bound to is told"
ends 3 "$moirai" explain -s runtime.workers=3 -s runtime.bind=spread \
        -s 'runtime.topology=core:2 pu:1' &&
    complained 'runtime.bind: "spread" needs a hardware thread for each of 3 workers, and this process may use 2' &&
    ends 3 "$moirai" explain -s 'runtime.topology=core:2' &&
    complained 'runtime.topology: hwloc does not understand "core:2"'
is $? "and what they cannot be bound to"
if command -v taskset > /dev/null 2>&1; then
    ends 0 taskset -c "$(taskset -cp $$ | sed 's/.*: //; s/[-,].*//')" \
        "$moirai" explain && spoke 'workers: 1 auto: this process may run on 1 processor'
    is $? "auto counts the processors of this process"
else
    skip "auto counts processors" "no program that sets affinity: taskset"
fi
ends 0 "$moirai" explain -s stacks.guard_kind=mprotect &&
    spoke 'Stacks are guarded by mprotect' &&
    spoke 'because -s says "guard_kind: mprotect".' &&
    ends 0 "$moirai" explain -s stacks.guard_kind=none &&
    spoke 'Stacks are not guarded, because -s says "guard_kind: none".' &&
    ends 0 "$moirai" explain && tr -s ' \n' ' ' <out |
        grep -q 'Stacks are guarded by [Mm]'
is $? "how stacks are guarded is told with the reason"

# --- how to change it ------------------------------------------------------

printf 'channels: {a.b-c: {}, x__y: {}, z_: {}, _w: {}}\n' > names.yaml
ends 0 "$moirai" explain names.yaml &&
    spoke 'channels."a.b-c".capacity = 64 (preset) MOIRAI_CHANNELS__A_B_C__CAPACITY' &&
    spoke 'channels.x__y.capacity = 64 (preset) channels' &&
    spoke 'channels.z_.capacity = 64 (preset) channels' &&
    spoke 'channels._w.capacity = 64 (preset) MOIRAI_CHANNELS___W__CAPACITY' &&
    ends 0 "$moirai" explain names.yaml -s 'channels."a.b-c".capacity=5' &&
    spoke 'channels."a.b-c".capacity = 5 (-s)'
is $? "each value says how it is changed"
ok=0
for variable in MOIRAI_RUNTIME__TRACE MOIRAI_CHANNELS__A_B_C__CAPACITY \
    MOIRAI_CHANNELS___W__CAPACITY; do
    ends 0 env $variable=7 "$moirai" explain names.yaml &&
        spoke " = 7 ($variable)" || { ok=1; echo "# $variable"; }
done
is $ok "and is, in that way"
ends 0 env MOIRAI_WORKER=3 MOIRAI_FOREIGN_THING=1 "$moirai" explain &&
    spoke 'MOIRAI_WORKER is set and means nothing, did you mean MOIRAI_WORKERS?' &&
    ! spoke MOIRAI_FOREIGN_THING
is $? "a misspelt variable is noticed"

ok=0
for file in all.yaml x.yaml names.yaml "$src"/tests/config/good/*.yaml \
    "$src"/tests/config/bad/*.yaml; do
    timeout 60 "$moirai" explain --json "$file" > out 2> err
    "$json" < out || { ok=1; echo "# $file"; }
done
is $ok "JSON is valid for every file of the tests"
ends 0 "$moirai" explain --json all.yaml &&
    spoke '"section":"scheduler","plugin":"steal","path":null,"asked":"auto","from":"file","source":"all.yaml","line":2,"column":21,"why":"all.yaml:2:21 asks' &&
    spoke '"name":"ring","path":null,"version":"1.0","rank":0,"taken":true' &&
    spoke '"workers":{"number":'
is $? "JSON tells the same"

echo "1..$n"
