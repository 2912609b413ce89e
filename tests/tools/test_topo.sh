#!/bin/sh
# SPDX-License-Identifier: MIT
# test_topo.sh - `moirai topo`: the machine, and who sits where.
#
# Runs in the build directory; prints TAP.
. "${srcdir:-.}/tests/tools/common.sh"
# A made-up machine.
made() {
    machine=$1
    shift
    "$moirai" topo --synthetic "$machine" "$@"
}
LC_ALL=C COLUMNS=80
export LC_ALL COLUMNS
unset NO_COLOR

ends 0 "$moirai" topo && [ ! -s err ] && spoke 'machine: ' &&
    spoke 'workers: ' && spoke 'this process may' &&
    spoke 'None of them is bound to processors.' && said '[' && said '+ machine'
is $? "this machine is drawn"
ends 0 "$moirai" topo --json && "$json" <out &&
    said '"mistakes":[],"source":"' && said '"bind":"none","seats":[]'
is $? "and told as JSON"

mkdir none && : >none/libhwloc.so.15
ends 0 env LD_LIBRARY_PATH="$dir/none" "$moirai" topo &&
    spoke 'There is no hwloc to tell what the machine is made of' &&
    said '[' && ! spoke ' package' &&
    ends 0 env LD_LIBRARY_PATH="$dir/none" "$moirai" topo -j &&
    "$json" <out && said '"source":"no hwloc"' &&
    ends 3 env LD_LIBRARY_PATH="$dir/none" "$moirai" topo -y pu:1 &&
    complained '"pu:1" needs hwloc'
is $? "without hwloc it is flat, and that is said"

if ! made 'pu:1' >out 2>err && complained 'needs hwloc'; then
    ends 3 made 'node:2 pu:1' --json && "$json" <out && said '"ok":false'
    is $? "without hwloc no machine is made up"
    for name in drawing binding order json svg sizes; do
        skip "$name" "no hwloc"
    done
    echo "1..$n"
    exit 0
fi

# --- machines that are made up ----------------------------------------------

ends 0 made 'node:2 core:2 pu:2' -s runtime.bind=spread \
        -s runtime.workers=3 &&
    said '1 package, 2 nodes, 4 cores, 8 hardware threads' &&
    said '| [0:w0 1   ] [2:w2 3   ] |' && said '| [4:w1 5   ] [6    7   ] |' &&
    spoke '7:w3 one that worker 3 is bound to'
is $? "workers are drawn where they are bound"
ends 0 made 'pack:2 node:2 l3:1 core:2 pu:1' -s scheduler.plugin=numa \
        -s runtime.workers=5 &&
    said '| | + node 0, 1 GiB, L3 16 MiB + + node 1,' &&
    said '| | | workers 0-1              | | worker 2   ' &&
    said '| + package 1 -'
is $? "and in the node that they are bound to"
ends 0 made 'numa:2 core:2 pu:1' -s scheduler.plugin=numa \
        -s runtime.workers=4 --order &&
    spoke 'workers 0-1, on node 0: each other; then workers 2-3 (distance' &&
    ends 0 made 'core:2 pu:1' --order && spoke 'Anybody from anybody' &&
    ends 0 made 'pack:2 numa:2 core:1 pu:1' -s scheduler.plugin=numa \
        -s runtime.workers=4 --order --json && "$json" <out &&
    said '"order":[[[1],[2,3]],[[0],[2,3]],[[3],[0,1]],[[2],[0,1]]]'
ok=$?
ends 0 made 'numa:2 core:2 pu:2' -s runtime.bind=close -s runtime.workers=7 \
        -s scheduler.victims=nearest -o &&
    spoke 'workers 0, 2, on node 0: each other; then workers 1, 3; then' &&
    ends 0 "$moirai" topo -s scheduler.victims=round -o &&
    spoke 'beginning with who gave some last' || ok=1
is $ok "whom they take tasks from is told, the nearest first"
printf 'runtime: {topology: "numa:2 core:2 pu:1", workers: 2, bind: close}\n' \
    >made.yaml
ends 0 "$moirai" topo -c made.yaml && said '[0:w0] [1:w1]' &&
    ends 0 env MOIRAI_CONFIG=made.yaml MOIRAI_RUNTIME__BIND=spread \
        "$moirai" topo && said '[0:w0] [1   ]' && said '[2:w1] [3   ]' &&
    ends 0 made 'core:3 pu:1' -c made.yaml && said '[0:w0] [1:w1] [2   ]'
is $? "the configuration counts, and --synthetic more"
ends 0 env HWLOC_SYNTHETIC='node:2 pu:2' "$moirai" topo &&
    spoke 'of another machine than this one' && said 'node 1, 1 GiB'
is $? "another machine that hwloc was told of is not taken for this one"
ends 0 made 'node:2 l2:2(size=1048576) l1d:2(size=32768) core:1 pu:1' &&
    said 'L2 1 MiB' && spoke 'core with L1d 32 KiB to itself'
is $? "caches that cores share are drawn, those of each one are told"

# --- how it looks -------------------------------------------------------------

ok=0
for machine in 'node:8 core:16 pu:2' 'pack:4 node:2 l3:2 core:8 pu:2' \
    'pack:1 core:6 pu:4' 'node:8 core:2 pu:1'; do
    for width in 40 72 80 133; do
        for bind in none close node; do
            COLUMNS=$width made "$machine" -s runtime.bind=$bind \
                -s runtime.workers=13 -o >out 2>err
            awk -v most=$width 'length > most { exit 1 }' out ||
                { ok=1; echo "# $machine $bind is wider than $width"; }
        done
    done
done
is $ok "no line is wider than the terminal"
made 'node:2 core:2 pu:1' | sed -n '/^+/,/^+/p' >ascii
LC_ALL=C.UTF-8 made 'node:2 core:2 pu:1' >out 2>err
said '┌ machine' &&
    sed 's/─/-/g; s/│/|/g; s/┌/+/g; s/┐/+/g; s/└/+/g; s/┘/+/g' out |
    sed -n '/^+/,/^+/p' | cmp -s - ascii
is $? "lines are those that the locale has"
if command -v script >/dev/null 2>&1 && script -qec true /dev/null >err 2>&1
then
    on_terminal() { TERM=xterm script -qec "$1" /dev/null </dev/null; }
    machine="'core:2 pu:1' -s runtime.bind=close -s runtime.workers=1"
    on_terminal "$moirai topo -y $machine" >coloured 2>err
    NO_COLOR=1 on_terminal "$moirai topo -y $machine" >plain 2>err
    escape=$(printf '\033')
    grep -qF "${escape}[32m0:w0" coloured && grep -qF '[0:w0]' plain &&
        ! grep -qF "$escape" plain
    is $? "colours are for terminals, and NO_COLOR is honoured"
    NO_COLOR=1 on_terminal "stty cols 50; $moirai topo" >out 2>err
    awk 'length > 51 { exit 1 }' out && spoke 'this process may'
    is $? "the width is the terminal's"
else
    skip "colours" "no program that makes a terminal: script"
    skip "the terminal's width" "no program that makes a terminal: script"
fi

# --- as a picture -------------------------------------------------------------

ends 0 made 'node:2 core:2 pu:2' -s runtime.bind=spread \
        -s runtime.workers=3 --svg machine.svg && [ ! -s out ] &&
    [ "$(head -c 4 machine.svg)" = '<svg' ] &&
    [ "$(grep -c '<rect class="\(free\|w[0-7]\)".*<text' machine.svg)" = 8 ] &&
    grep -q 'hardware thread 4, core 2, node 1, package 0: worker 1' \
        machine.svg && [ "$(tail -n 1 machine.svg)" = '</svg>' ] &&
    ends 0 made 'node:2 core:2 pu:2' -s runtime.bind=spread \
        -s runtime.workers=3 -g && cmp -s out machine.svg
is $? "the picture has every hardware thread, and the workers"
if command -v xmllint >/dev/null 2>&1; then
    ok=0
    for machine in 'pu:1' 'node:8 core:16 pu:2' 'pack:2 l3:2 core:3 pu:4'; do
        for bind in none close spread node; do
            made "$machine" -og -s runtime.bind=$bind -s runtime.workers=1 |
                xmllint --noout - 2>err || { ok=1; echo "# $machine $bind"; }
        done
    done
    is $ok "pictures are valid XML"
else
    skip "pictures are valid XML" "no program that checks it: xmllint"
fi

# --- what goes wrong ----------------------------------------------------------

ends 3 made 'core:2' && [ ! -s out ] &&
    complained 'hwloc does not understand "core:2"; write levels, the last' &&
    ends 3 made 'nonsense' --json && "$json" <out && said '"ok":false' &&
    said 'hwloc does not understand' && ends 2 made '' &&
    complained '--synthetic needs a machine' &&
    ends 2 made "$(printf 'pu:1%2000s' '')" && complained 'takes no more than'
is $? "a machine that cannot be made up"
ends 3 made 'core:2 pu:1' -s runtime.bind=close -s runtime.workers=3 &&
    complained 'needs a hardware thread for each of 3 workers' &&
    said '[0] [1]' &&
    ends 3 made 'core:2 pu:1' -s runtime.bind=close -s runtime.workers=3 -j &&
    "$json" <out && said '"ok":false' && said '"pus":[{'
is $? "workers that cannot be bound do not hide the machine"
printf 'runtime: {worker: 3}\n' >bad.yaml
ends 3 "$moirai" topo -c bad.yaml && complained 'bad.yaml:1:11' &&
    ends 3 "$moirai" topo -c nowhere.yaml && complained 'cannot be read' &&
    ends 3 "$moirai" topo -jc nowhere.yaml && "$json" <out
is $? "a configuration that is wrong"
ends 1 "$moirai" topo -g nowhere/machine.svg &&
    complained 'topo: nowhere/machine.svg: No such file'
is $? "a picture that cannot be written"
if [ -c /dev/full ]; then
    ends 1 "$moirai" topo -g /dev/full &&
        complained 'topo: /dev/full: No space left' &&
        ends 1 sh -c '"$0" topo >/dev/full' "$moirai" &&
        complained 'cannot write: No space left' &&
        ends 1 sh -c '"$0" topo -g >/dev/full' "$moirai" &&
        complained 'cannot write: No space left'
    is $? "a disk that is full"
else
    skip "a disk that is full" "no /dev/full"
fi
ends 2 "$moirai" topo --nonsense && complained 'unknown option "nonsense"' &&
    ends 2 "$moirai" topo --sgv && complained 'did you mean --svg?' &&
    ends 2 "$moirai" topo -jg && complained '--json or --svg' &&
    ends 2 "$moirai" topo machine.yaml && complained 'named by -c' &&
    ends 2 "$moirai" topo -g a b && complained 'one file at a time' &&
    ends 2 "$moirai" topo -y && complained '--synthetic needs a value' &&
    ends 2 "$moirai" topo -s bind && ends 0 "$moirai" topo --help
is $? "wrong usage"
ends 1 made 'pack:8 numa:8 l3:8 core:4 pu:3' && complained 'too many for a drawing' &&
    ends 0 made 'pack:8 numa:8 l3:8 core:4 pu:3' -j && "$json" <out
is $? "a machine that is too large to draw"

# --- what this process may not use --------------------------------------------

if command -v taskset >/dev/null 2>&1 && [ "$(getconf _NPROCESSORS_ONLN)" -gt 1 ]
then
    one=$(taskset -cp $$ | sed 's/.*: //; s/[-,].*//')
    ends 0 taskset -c "$one" "$moirai" topo && grep -qE '\([0-9]+\)' out &&
        spoke 'This process may use 1 of the ' &&
        spoke 'one that this process may not use' &&
        ends 0 taskset -c "$one" "$moirai" topo -j && said '"allowed":1,' &&
        ends 0 taskset -c "$one" "$moirai" topo -g && said 'class="shut"'
    is $? "what this process may not use is set apart"
else
    skip "what this process may not use" \
        "one processor, or no program that sets affinity: taskset"
fi

echo "1..$n"
