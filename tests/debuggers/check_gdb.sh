#!/bin/sh
# SPDX-License-Identifier: MIT
# check_gdb.sh - what gdb shows of tasks, live and in core files, is right.
#
# Runs in the build folder: compiles tests/debuggers/parked.c with each compiler
# there is, optimized and without frame pointers, and looks at it with gdb and
# tools/gdb/moirai-gdb.py. Every backtrace of 10,000 tasks is compared with the
# functions that the task is known to be in, and with the arguments they were
# called with. Also runs the session that docs/debugging.md shows.
set -u
source=$(cd "${srcdir:-.}" && pwd)
build=$(pwd)
script=$source/tools/gdb/moirai-gdb.py
here=$(mktemp -d) || exit 1
running=
trap 'end_all; rm -rf "$here"' EXIT
unset DEBUGINFOD_URLS MOIRAI_CONFIG
tasks=10000
few=1000                        # where 10,000 were looked at once already
[ "${MO_TEST_LONG:-0}" = 1 ] && few=$tasks
small="stacks.size=16KiB stacks.loop=64KiB stacks.guard=4KiB"

end_all() {
    # shellcheck disable=SC2086  # one word each
    [ -z "$running" ] || kill -9 $running 2>/dev/null
    running=
}

skip_all() {
    echo "1..1"
    echo "ok 1 - gdb shows tasks # SKIP $*"
    exit 0
}

[ -z "${SANITIZE_CFLAGS:-}" ] || skip_all "the same without a sanitizer"
command -v gdb >/dev/null || skip_all "no gdb here"
gdb -nx -batch -ex 'python import gdb.unwinder' >"$here/log" 2>&1
[ -s "$here/log" ] && skip_all "this gdb has no Python"
sleep 60 & running=$!
timeout 60 gdb -nx -batch -p $! >"$here/log" 2>&1
grep -qi 'ptrace.*not permitted' "$here/log" && skip_all "ptrace is forbidden"
end_all

done=0
ok() {
    done=$((done + 1))
    if [ "$1" -eq 0 ]; then
        echo "ok $done - $2"
    else
        head -n 60 "$here/log" | cut -c 1-200 | sed 's/^/# /'
        echo "not ok $done - $2"
    fi
}

# build OUTPUT COMPILER LIBRARY: the program.
build() {
    ./libtool --silent --tag=CC --mode=link "$2" -std=c11 -D_GNU_SOURCE -g \
        -O2 -fomit-frame-pointer -I"$source/include" -o "$here/$1" \
        "$source/tests/debuggers/parked.c" "$3" >"$here/log" 2>&1
}

# start PROGRAM ARGUMENT...: runs it until it is ready; its number is in $pid.
start() {
    run=$here/.libs/$1
    [ -x "$run" ] || run=$here/$1
    shift
    : >"$here/ready"
    LD_LIBRARY_PATH=$build/.libs "$run" "$@" >"$here/ready" 2>&1 &
    pid=$!
    running="$running $pid"
    for _ in $(seq 600); do
        grep -q ready "$here/ready" && return 0
        kill -0 $pid 2>/dev/null || break
        sleep 0.1
    done
    cp "$here/ready" "$here/log"
    return 1
}

# look SECONDS ARGUMENT...: gdb with the script; all it says goes to the log.
look() {
    seconds=$1
    shift
    LD_LIBRARY_PATH=$build/.libs timeout --kill-after=5 "$seconds" gdb -q -nx \
        -batch -ex 'set pagination off' -ex 'set width 0' \
        -ex 'set print entry-values no' "$@" >"$here/log" 2>&1
}

said() {
    grep -q -- "$1" "$here/log" || { echo "# not said: $1"; return 1; }
}

# right COUNT: does the log hold so many backtraces, all of them right?
right() {
    awk -v wanted="$1" '
        function finish() {
            if (task == "")
                return
            seen[task]++
            if (!fits(found, want))
                wrong[task] = found
            if (depth != frames)
                wrong[task] = "frames are not numbered from 0: " found
        }
        # Some values are gone at a call; not all of them, and not the names.
        function fits(found, want,    f, w, n, i, values) {
            gsub(/<optimized out>/, "?", found)
            n = split(found, f, " ")
            if (n != split(want, w, " "))
                return 0
            for (i = 1; i <= n; i++) {
                values += f[i] == w[i] && index(f[i], "=")
                if (f[i] ~ /=\?/)
                    sub(/\(.*/, "", w[i])
                if (f[i] ~ /=\?/)
                    sub(/\(.*/, "", f[i])
                if (f[i] != w[i])
                    return 0
            }
            return values > 0
        }
        function expected(chain, n,    text, i, at) {
            at = "(arg=" sprintf("0x%x", n) ")"
            if (chain == "plain")
                return "recv plain_c(n=" n ") plain_b(n=" n ") plain_a" at
            if (chain == "deep") {
                text = "recv"
                for (i = 0; i <= int(n / 5) % 5; i++)
                    text = text " deep_b(n=" n ",depth=" i ")"
                return text " deep_a" at
            }
            return (chain == "sends" ? "send" : "recv") " " chain \
                "_b(n=" n ") " chain "_a" at
        }
        /^Task / {
            finish()
            split($3, name, /["-]/)
            task = $3
            want = expected(name[2], name[3])
            found = ""
            frames = depth = 0
            next
        }
        /^#/ && task != "" {
            if (substr($1, 2) == frames)
                depth++
            frames++
            line = $0
            sub(/^#[0-9]+ +(0x[0-9a-f]+ in )?/, "", line)
            if (sub(/^moirai_chan_/, "", line))
                sub(/ .*/, "", line)
            else {
                sub(/\) at .*/, ")", line)
                gsub(/, /, ",", line)
                sub(/ \(/, "(", line)
            }
            found = found (found == "" ? "" : " ") line
        }
        /^error|^Python Exception/ { print "# " $0; bad++ }
        END {
            finish()
            for (task in wrong) {
                if (bad++ < 5)
                    print "# " task ": " wrong[task]
            }
            for (task in seen) {
                n++
                if (seen[task] != 1)
                    bad++
            }
            if (n != wanted)
                print "# " n + 0 " tasks, not " wanted
            exit bad > 0 || n != wanted
        }' "$here/log"
}

# Every task of `many` listed, in the function it waits in?
listed() {
    awk -v wanted="$1" '
        $1 ~ /^[0-9]+$/ && $2 ~ /-/ {
            split($2, name, "-")
            want = name[1] == "plain" ? "plain_c" : name[1] "_b"
            does = name[1] == "sends" ? "channel send on full" \
                                      : "channel receive on empty"
            if (index($0, " " want " at parked.c:") && index($0, does))
                n++
            else if (bad++ < 5)
                print "# " $0
        }
        END {
            if (n != wanted)
                print "# " n + 0 " are right, not " wanted
            exit n != wanted
        }' "$here/log"
}

many() {
    program=$1
    count=$2
    # shellcheck disable=SC2086  # settings are words
    start "$program" many "$count" $small
    ok $? "$program: $count tasks wait"
    look 120 -p $pid -x "$script" -ex "info tasks"
    listed "$count"
    ok $? "$program: all listed, live"
    look 600 -p $pid -x "$script" -ex "task apply all bt"
    right "$count"
    ok $? "$program: every backtrace is right, live"
    look 120 -p $pid -x "$script" -ex "task gcore $here/core"
    said "Saved corefile"
    ok $? "$program: a core file is written"
    end_all
    file=$here/.libs/$program
    look 120 "$file" "$here/core" -x "$script" -ex "info tasks"
    listed "$count"
    ok $? "$program: all listed, in the core file"
    look 600 "$file" "$here/core" -x "$script" -ex "task apply all bt"
    right "$count"
    ok $? "$program: every backtrace is right, in the core file"
    rm -f "$here/core"
}

# The kernel's core file, where it goes to the folder of the program.
kernel_core() {
    case $(cat /proc/sys/kernel/core_pattern 2>/dev/null) in
    core | core.%p) ;;
    *)
        done=$((done + 1))
        echo "ok $done - a core file of the kernel # SKIP it goes elsewhere"
        return
        ;;
    esac
    mkdir "$here/dumped"
    # shellcheck disable=SC2086,SC3045  # settings are words; dash has ulimit -c
    (
        cd "$here/dumped" && ulimit -c unlimited &&
            LD_LIBRARY_PATH=$build/.libs exec "$here/.libs/$first" \
                many 500 $small >"$here/ready"
    ) &
    pid=$!
    for _ in $(seq 600); do
        grep -q ready "$here/ready" && break
        sleep 0.1
    done
    kill -ABRT $pid
    wait $pid 2>/dev/null
    look 120 "$here/.libs/$first" "$here"/dumped/core* -x "$script" \
        -ex "task apply all bt"
    right 500
    ok $? "every backtrace is right in a core file of the kernel"
    rm -rf "$here/dumped"
}

# kind TASK PATTERN: is this how the table shows it?
kind() {
    grep -q "  $1  *$2" "$here/log"
    ok $? "shown: $1 $2"
}

kinds() {
    start "$first" kinds runtime.workers=2
    ok $? "a task waits for each kind of thing"
    look 120 -p $pid -x "$script" -ex "info tasks" -ex "task apply all bt"
    cp "$here/log" "$here/kinds"
    grep -q ' 15 tasks$' "$here/log"
    ok $? "15 tasks, none of them twice"
    kind sleeps-1 "sleep, .* left .* sleeps at "
    kind holds-2 "sleep for ever .* holds at "
    kind locks-3 "mutex 0x[0-9a-f]* <mutex>, held by task [0-9]* .* locks at "
    kind receives-4 "channel receive on empty .* receives at "
    kind ends_scope-5 "end of a scope, 2 tasks left .* ends_scope at "
    kind joins_handle-6 'join of a task, "joined", which is task '
    kind joins_fork-7 "join of a fork, task [0-9]*: receives .* joins_fork at "
    kind joined "channel receive on empty "
    kind blocks-8 "blocking call: pauses .* blocks at "
    kind awaits-10 "event on 0x[0-9a-f]* <never> .* awaits at "
    kind reads-11 "input: read of descriptor [0-9]* .* reads at "
    kind spins-9 "running on worker [01], thread [0-9]"
    ! grep -q '^error' "$here/log"
    ok $? "each has a backtrace"
}

# The number of the task that is called $1.
number() {
    awk -v name="$1" '$2 == name { print $1 }' "$here/kinds"
}

selection() {
    task=$(number sleeps-1)
    look 120 -p $pid -x "$script" -ex "bt -1" -ex "echo ==1\\n" \
        -ex "task $task" -ex "bt" -ex "echo ==2\\n" -ex "info frame" \
        -ex "print (int)moirai_worker_index()" -ex "bt" -ex "echo ==3\\n" \
        -ex "task off" -ex "bt -1" -ex "task"
    said '#1 .* sleeps (.*parked.c' && said 'caller of frame' &&
        [ "$(sed -n '/==2/,/==3/p' "$here/log" | grep -c '^#0 .*sleep_until')" \
            = 1 ] &&
        [ "$(grep -c '^#[0-9]* .* main (' "$here/log")" = 2 ] &&
        said 'No task is selected'
    ok $? "a task is selected, survives a call, and is let go"

    thread=$(sed -n 's/.*running on worker [01], thread \([0-9]*\) .*/\1/p' \
        "$here/kinds" | head -n 1)
    look 120 -p $pid -x "$script" -ex "thread $thread" -ex "task $task" \
        -ex "stepi" -ex "task"
    said 'No task is selected'
    ok $? "the selection ends when the process runs on"

    look 120 -p $pid -x "$script" -ex "task $(number spins-9)" \
        -ex "bt" -ex "task off" -ex "thread"
    said '^#[01] .*spins (arg=0x9)' && said 'Current thread is 1' &&
        ! grep -q 'loop_entry' "$here/log"
    ok $? "a task that runs is shown on its thread"

    look 120 -p $pid -x "$script" -ex "task -full $task bt"
    said '^#[0-9]* .*mo_\(switch\|go\|switch_here\) (' && said ' mo_wait\(_task\)\? (' &&
        said ' loop_entry ('
    ok $? "-full shows the runtime's frames too"

    look 120 -p $pid -x "$script" -ex "task $task up-silently" \
        -ex "task 99999" -ex "task x" -ex "task apply" -ex "task apply 1 " \
        -ex "info tasks $task" -ex "info tasks -group"
    said 'there is no task 99999' && said '"x" is not the number' &&
        said 'task apply: which tasks' && said 'task apply: which command' &&
        ! grep -q 'Python' "$here/log"
    ok $? "wrong usage is told in words"
}

# Corrupt memory: one task is lost, the others are there.
corrupt() {
    cat >"$here/spoil" <<END_SPOIL
set \$place = 'child.c'::runtimes->roster.pages->places
while \$place->fiber % 2 || ((struct mo_fiber *)\$place->fiber)->shown_id != $(number receives-4)
    set \$place = \$place + 1
end
set var ((struct mo_fiber *)\$place->fiber)->shown_site = (void *)16
set \$place = 'child.c'::runtimes->roster.pages->places
while \$place->fiber % 2 || ((struct mo_fiber *)\$place->fiber)->shown_id != $(number locks-3)
    set \$place = \$place + 1
end
set var ((struct mo_fiber *)\$place->fiber)->sp = (void *)32
END_SPOIL
    look 120 -p $pid -x "$script" -x "$here/spoil" \
        -ex "info tasks" -ex "task apply all bt"
    grep -q ' 15 tasks$' "$here/log" &&
        [ "$(grep -c 'error: .*memory at address 0x10' "$here/log")" = 2 ] &&
        [ "$(grep -c 'error: .*0x20 is not on its stack' "$here/log")" = 2 ] &&
        [ "$(grep -c '^#1 ' "$here/log")" -ge 10 ]
    ok $? "a bad task is told on its own line"
    look 120 -p $pid -x "$script" \
        -ex "set var 'child.c'::runtimes->roster.pages->places[0].fiber = 8" \
        -ex "info tasks"
    said 'the list of stacks is broken' && grep -q ' 15 tasks$' "$here/log"
    ok $? "where the list is broken, its rest is searched for"
    look 120 -p $pid -x "$script" \
        -ex "set var 'child.c'::runtimes->workers = (void *)8" \
        -ex "set var 'child.c'::runtimes->next = (void *)8" -ex "info tasks"
    said 'warning: runtime 0x8' && said 'warning: worker 0' &&
        said 'channel receive'
    ok $? "bad workers and a bad runtime are told, and the rest shown"
    end_all
}

interrupted() {
    start "$first" signal
    look 120 -p $pid -x "$script" -ex "info tasks" -ex "task apply all bt"
    said '  interrupted-1 *running on worker [0-9]*, thread ' &&
        said ' handler (number=8)' && said 'signal handler called' &&
        said ' in interrupted (' && ! grep -q 'loop_entry' "$here/log"
    ok $? "a task in a handler on a stack for signals is on its thread"
    end_all
}

several() {
    start "$first" two
    look 120 -p $pid -x "$script" -ex "info tasks" -ex "task 1.3 bt" \
        -ex "task apply all bt" -ex "task 3 bt" -ex "task apply 2.1-9 bt"
    said '^Runtime 2 ' && said '  1.3 *first-1 ' && said '  2.3 *second-2 ' &&
        [ "$(grep -c '^#1 .* receives (' "$here/log")" = 4 ] &&
        said 'which task 3'
    ok $? "two runtimes: tasks are called 1.N and 2.N"
    end_all
}

elsewhere() {
    build parked-static "${first#parked-}" core/libcore.la
    ok $? "the core is linked statically"
    start parked-static many 100 scheduler.plugin=sim
    look 120 -p $pid -x "$script" -ex "info tasks"  -ex "task apply all bt"
    said ', simulated' && right 100
    ok $? "every backtrace is right in a simulation, linked statically"
    end_all

    objcopy --strip-debug .libs/libmoirai.so "$here/libmoirai.so.0" &&
        LD_LIBRARY_PATH=$here timeout 60 gdb -q -nx -batch -ex 'break pause' \
            -ex run -x "$script" -ex "info tasks" -ex "task 3" \
            --args "$here/.libs/$first" kinds >"$here/log" 2>&1
    [ "$(grep -c 'install libmoirai0-dbgsym' "$here/log")" = 2 ]
    ok $? "without debug information gdb says what to install"
    look 60 -x "$script" -ex "info tasks" /bin/true
    said 'libmoirai is not in this program'
    ok $? "a program without libmoirai is told so"
}

stepping() {
    program=$1
    if ! nm .libs/libmoirai.so | grep -q ' mo_switch_first$'; then
        done=$((done + 1))
        echo "ok $done - $program: stepping # SKIP not the switch of x86-64"
        return
    fi
    LD_LIBRARY_PATH=$build/.libs timeout 300 gdb -q -nx -batch \
        -x "$source/tests/debuggers/step_switch.py" \
        --args "$here/.libs/$program" turns runtime.workers=1 \
        >"$here/log" 2>&1
    said '^stepped [0-9]* instructions of 24 switches' &&
        said '^seen .*yields'
    ok $? "$program: a right backtrace at every instruction of the switch"
}

# Installed where gdb looks, the script comes by itself. gdb looks in a folder
# for scripts, under the library's whole path; a link stands in for DESTDIR.
autoload() {
    dest=$here/dest
    libdir=$(sed -n "s/^libdir='\(.*\)'/\1/p" libmoirai.la)
    "${MAKE:-make}" install-data DESTDIR="$dest" >"$here/log" 2>&1 &&
        mkdir -p "$dest$libdir" "$here/scripts$here" &&
        cp -P .libs/libmoirai.so.* "$dest$libdir" &&
        ln -s "$(find "$dest" -path '*/gdb/auto-load')" "$here/scripts$dest" &&
        LD_LIBRARY_PATH=$dest$libdir timeout 120 gdb -q -nx -batch \
            -iex "set auto-load scripts-directory $here/scripts" \
            -iex "set auto-load safe-path $here" -ex 'break pause' -ex run \
            -ex 'info tasks' --args "$here/.libs/$first" two >"$here/log" 2>&1
    said '  2.3 *second-2 .* receives at '
    ok $? "installed, the script is loaded with the library"
}

# The session of docs/debugging.md: its commands bring what it shows. In what is
# shown, `...` stands for anything.
session() {
    document=$source/docs/debugging.md
    awk '/^```c$/ { on = 1; next } /^```/ { on = 0 } on' "$document" \
        >"$here/orders.c"
    awk '/^```gdb$/ { on = 1; next } /^```/ { on = 0 } on' "$document" \
        >"$here/session"
    ./libtool --silent --tag=CC --mode=link "${first#parked-}" -std=c11 -g -O2 \
        -I"$source/include" -o "$here/orders" "$here/orders.c" libmoirai.la \
        >"$here/log" 2>&1
    ok $? "docs/debugging.md: its program is compiled"
    sed -n 's/^(gdb) //p' "$here/session" >"$here/commands"
    sed 's/^\(.*\)$/echo (gdb) \1\\n\n\1/' "$here/commands" >"$here/input"
    (
        cd "$here" &&
            LD_LIBRARY_PATH=$build/.libs timeout 120 gdb -q -nx -batch \
                -ex 'set pagination off' -ex 'set width 0' \
                -ex "source $script" -x "$here/input" .libs/orders
    ) >"$here/said" 2>&1
    awk -v said="$here/said" '
        function pattern(text) {
            gsub(/[][\\.^$*+?(){}|]/, "\\\\&", text)
            gsub(/\\\.\\\.\\\./, ".*", text)
            gsub(/  +/, " +", text)
            return "^" text "$"
        }
        BEGIN {
            n = at = 0
            while ((getline line < said) > 0)
                lines[n++] = line
        }
        {
            for (i = at; i < n; i++) {
                if (lines[i] ~ pattern($0)) {
                    at = i + 1
                    next
                }
            }
            print "# not said: " $0
            bad = 1
        }
        END { exit bad }' "$here/session"
    status=$?
    cp "$here/said" "$here/log"
    ok $status "docs/debugging.md: its session goes as shown"
}

cd "$build" || exit 1
first=
for compiler in gcc clang; do
    command -v $compiler >/dev/null || continue
    build parked-$compiler $compiler libmoirai.la
    ok $? "parked.c, compiled by $compiler"
    first=${first:-parked-$compiler}
done
many "$first" $tasks
[ "$first" = parked-clang ] || [ ! -x "$here/.libs/parked-clang" ] ||
    many parked-clang $few
kernel_core
kinds
selection
corrupt
interrupted
several
elsewhere
stepping "$first"
autoload
session
echo "1..$done"
