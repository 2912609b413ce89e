#!/bin/sh
# SPDX-License-Identifier: MIT
# test_moirai.sh - what the command `moirai` prints and how it ends.
#
# Runs in the build directory; prints TAP.
. "${srcdir:-.}/tests/tools/common.sh"
broken=$here/tests/broken/.libs

cat > good.yaml <<END
runtime: {workers: 2}
scheduler: {plugin: fifo}
END
cp "$src/tests/config/bad/ten.yaml" "$src/tests/config/bad/ten.expect" .

# --- usage -----------------------------------------------------------------

ends 2 "$moirai" && complained "usage: moirai COMMAND"
is $? "no command is wrong usage"
ends 0 "$moirai" help && said "usage: moirai COMMAND" && [ ! -s err ]
is $? "help explains itself"
ends 0 "$moirai" --help
is $? "--help is help"
ok=0
for command in run check plugins version help; do
    { ends 0 "$moirai" help $command && said "usage: moirai $command"; } ||
        ok=1
done
is $ok "every command is explained"
ends 0 "$moirai" help --json && "$json" < out && said '"name":"run"' &&
    cp out before && ends 0 "$moirai" -j help && cmp out before
is $? "help as JSON"
ends 2 "$moirai" help --jsn && complained 'did you mean --json?' &&
    ends 2 "$moirai" help --json run && [ ! -s out ]
is $? "help wants to be used right, too"
ends 0 "$moirai" check --help && said "usage: moirai check"
is $? "COMMAND --help is help COMMAND"
ends 2 "$moirai" chekc && complained 'did you mean "check"?'
is $? "a mistyped command is guessed"
ends 2 "$moirai" plugins --verbos && complained "did you mean --verbose?"
is $? "a mistyped option is guessed"
ends 2 "$moirai" plugins -x && complained 'unknown option "x"'
is $? "an unknown letter is wrong usage"
ends 2 "$moirai" plugins extra && ends 2 "$moirai" version extra &&
    ends 2 "$moirai" help a b && ends 2 "$moirai" version --json=yes
is $? "too many arguments are wrong usage"
ends 2 "$moirai" check && ends 2 "$moirai" run -c good.yaml &&
    ends 2 "$moirai" run && ends 2 "$moirai" run -c
is $? "too few arguments are wrong usage"
ends 1 sh -c '"$0" version > /dev/full' "$moirai" || [ ! -c /dev/full ]
is $? "output that cannot be written is a failure"

# --- version ---------------------------------------------------------------

ends 0 "$moirai" version && grep -qE '^moirai [0-9]+\.[0-9]+\.[0-9]+' out
is $? "version"
ends 0 "$moirai" --json version && "$json" < out && said '"plugin_abi":1'
is $? "version as JSON"

# --- check -----------------------------------------------------------------

ends 0 "$moirai" check good.yaml && said "good.yaml: ok" && [ ! -s err ] &&
    grep -qE 'runtime.workers +2 +good.yaml:1:20' out &&
    grep -qE 'runtime.trace +0 +preset' out
is $? "check says what is in force, and who said so"
ends 0 env MOIRAI_WORKERS=3 "$moirai" check good.yaml &&
    grep -qE 'runtime.workers +3 +MOIRAI_WORKERS' out
is $? "check counts the environment"
ends 0 "$moirai" check -q good.yaml && [ ! -s out ] && [ ! -s err ]
is $? "check -q is silent about what is right"
ends 3 "$moirai" check ten.yaml && cmp -s err ten.expect && [ ! -s out ]
is $? "check lists all mistakes with their places"
[ "$(grep -c . err)" -ge 10 ]
is $? "ten of them and more"
ends 3 "$moirai" check good.yaml ten.yaml good.yaml &&
    [ "$(grep -c 'good.yaml: ok' out)" -eq 2 ] && cmp -s err ten.expect
is $? "check goes on to the next file"
ends 3 "$moirai" check nowhere.yaml &&
    complained "nowhere.yaml: cannot be read: No such file or directory"
is $? "check says why a file cannot be read"
ends 3 "$moirai" check ten.yaml good.yaml --json && "$json" < out &&
    [ ! -s err ] && said '"line":1,"column":10,"key":"version"' &&
    said '"file":"good.yaml","ok":true'
is $? "check as JSON"
cp "$src/tests/config/bad/odd_bytes.yaml" "$(printf 'odd\377\n\033"\\.yaml')"
ends 3 "$moirai" check --json odd* && "$json" < out
is $? "JSON stays valid whatever a file is called"
ok=0
for file in "$src"/tests/config/bad/*.yaml "$src"/tests/config/good/*.yaml; do
    "$moirai" check --json "$file" > out 2> err
    "$json" < out || { ok=1; echo "# $file"; }
done
is $ok "JSON is valid for every file of the tests"
ok=0
for file in "$src"/config/*.yaml; do
    ends 0 "$moirai" check "$file" || ok=1
done
is $ok "every shipped configuration is right"
ends 3 env TERM=xterm "$moirai" check ten.yaml && ! grep -q "$(printf '\033')" err
is $? "no colours where there is no terminal"
if command -v script > /dev/null 2>&1; then
    TERM=xterm script -qec "'$moirai' check good.yaml" /dev/null > out 2> err
    grep -q "$(printf '\033')" out &&
        NO_COLOR=1 TERM=xterm script -qec "'$moirai' check good.yaml" \
            /dev/null > out 2> err && ! grep -q "$(printf '\033')" out
    is $? "colours on a terminal, unless NO_COLOR is set"
else
    skip "colours" "no program that makes a terminal: script"
fi

# --- plugins ---------------------------------------------------------------

ends 0 "$moirai" plugins && grep -qE '^sched +fifo .*builtin$' out &&
    grep -qE '^chan +ring ' out && grep -qE '^stack +mmap ' out
is $? "plugins lists the builtins"
ends 0 "$moirai" plugins --json && "$json" < out && said '"name":"fifo"'
is $? "plugins as JSON"

mkdir mods
cp "$broken"/*.so mods
size=$(wc -c < mods/sched_good.so)
head -c $((size / 4)) mods/sched_good.so > mods/sched_cut.so
{ head -c 64 mods/sched_good.so; head -c "$size" /dev/zero | tr '\0' '\252'; } \
    > mods/sched_noise.so
echo "just words" > mods/sched_text.so
: > mods/sched_none.so
mkdir mods/sched_folder.so
ln -s /nowhere/at/all mods/sched_gone.so
mkfifo mods/sched_pipe.so
mkdir later
cp mods/sched_good.so later/
ends 0 env MOIRAI_PLUGIN_PATH="$dir/mods:$dir/later" "$moirai" plugins -v
is $? "plugins -v survives every broken module"
cp out listing

# refused FILE REASON: is it listed with this reason?
refused() {
    grep -F -A1 "refused $dir/mods/$1" listing > out
    said "$2"
    is $? "$1 is refused: $2"
}
refused sched_wrongabi.so "built for plugin ABI 999, this moirai has 1"
refused sched_wrongopsabi.so "built for scheduler ABI 77, this moirai has 1"
refused sched_nosymbol.so "it does not export sched_nosymbol_LTX_moirai_plugin"
refused sched_cut.so "truncated: $((size / 4)) bytes, but its segments need"
refused sched_noise.so "corrupted: it has no dynamic section"
refused sched_text.so "not a shared object (ELF) at all"
refused sched_none.so "not a shared object (ELF) at all"
refused sched_folder.so "not a regular file"
refused sched_pipe.so "not a regular file"
refused sched_gone.so "No such file or directory"
refused sched_undefined.so "undefined symbol: moirai_test_nowhere"
refused sched_crash.so "loading it ends the process"
refused sched_crashlate.so "loading it ends the process"
refused sched_wrongkind.so "its constant says stack allocator"
refused sched_noslot.so 'it lacks the function "pop"'
refused foreign.so "its name begins with no kind of plugin"
cp listing out
grep -qE "^sched +good .*$dir/mods/sched_good.so" out &&
    grep -qE '^sched +fifo .*builtin$' out &&
    said "shadowed $dir/later/sched_good.so" && said "there is no moon tonight"
is $? "and the good ones are listed beside them"
ends 0 env MOIRAI_PLUGIN_PATH="$dir/mods:$dir/later" "$moirai" plugins --json &&
    "$json" < out && said '"state":"refused"' && said '"state":"shadowed"'
is $? "broken modules as JSON"
ends 0 env MOIRAI_PLUGIN_PATH="$dir/mods" "$moirai" check good.yaml
is $? "broken modules disturb no configuration"
printf 'plugins: {path: mods}\nscheduler: {plugin: good}\n' > path.yaml
ends 0 "$moirai" plugins -c path.yaml && grep -qE '^sched +good ' out &&
    ends 3 "$moirai" plugins -c ten.yaml && complained "ten.yaml:1:10"
is $? "plugins -c searches as the file says"
printf 'plugins: {path: mods}\nscheduler: {plugin: crash}\n' > crash.yaml
ends 3 "$moirai" check crash.yaml && complained "crash.yaml:2:21"
is $? "check survives a module that crashes"

# --- run -------------------------------------------------------------------

ends 0 "$moirai" run -c good.yaml sh -c 'cd / && echo "$MOIRAI_CONFIG"' &&
    said "$(cd "$dir" && pwd -P)/good.yaml"
is $? "run hands over an absolute path"
ends 0 env MOIRAI_CONFIG=good.yaml "$moirai" run \
    sh -c 'cd / && echo "$MOIRAI_CONFIG"' && said "$(pwd -P)/good.yaml" &&
    ends 3 env MOIRAI_CONFIG=ten.yaml "$moirai" run true
is $? "run without a file takes the variable's"
ends 0 env -u MOIRAI_CONFIG "$moirai" run -s runtime.workers=2 \
    sh -c 'echo "${MOIRAI_CONFIG-none} $MOIRAI_SET"' &&
    said "none runtime.workers=2" &&
    ends 3 "$moirai" run -s runtime.workers=x true
is $? "run needs no file"
ends 7 "$moirai" run -c good.yaml -- sh -c 'exit 7'
is $? "run ends as its program does"
ends 0 "$moirai" run --config=good.yaml echo -c x --json && said "-c x --json"
is $? "run leaves the program's options alone"
ends 137 "$moirai" run -c good.yaml sh -c 'kill -9 $$' &&
    ends 143 "$moirai" run -c good.yaml sh -c 'kill -TERM $$'
is $? "run tells which signal killed its program"
ends 3 "$moirai" run -c ten.yaml sh -c 'echo started' && ! said started &&
    cmp -s err ten.expect
is $? "run starts nothing under a wrong configuration"
ends 3 "$moirai" run --json -c ten.yaml true && "$json" < out
is $? "run tells mistakes as JSON"
# A folder on PATH that cannot be read would be the reason otherwise.
ends 127 env PATH=/usr/bin:/bin "$moirai" run -c good.yaml no-such-program &&
    complained "no-such-program: No such file or directory" &&
    ends 126 "$moirai" run -c good.yaml /
is $? "run tells what cannot be started"

# waits FILE: until it is there, at most ten seconds.
waits() {
    tries=0
    until [ -s "$1" ] || [ $tries -ge 100 ]; do
        sleep 0.1
        tries=$((tries + 1))
    done
    [ -s "$1" ]
}
ok=0
for signal in TERM HUP QUIT INT; do
    rm -f ready
    # A shell starts background jobs with INT and QUIT ignored; env undoes it.
    env --default-signal=INT,QUIT "$moirai" run -c good.yaml sh -c "
        trap 'echo got $signal; exit 42' $signal
        echo ready > ready
        while :; do sleep 0.05; done" > out 2> err &
    launcher=$!
    waits ready || ok=1
    kill -s $signal $launcher
    wait $launcher
    { [ $? -eq 42 ] && said "got $signal"; } || { ok=1; echo "# $signal"; }
done
is $ok "run passes signals on"

rm -f ready
"$moirai" run -c good.yaml sh -c '
    echo $$ > ready
    exec sleep 1000' > out 2> err &
launcher=$!
waits ready
program=$(cat ready)
kill -KILL $launcher
wait $launcher 2> /dev/null
tries=0
while kill -0 "$program" 2> /dev/null && [ $tries -lt 100 ]; do
    # An orphan that nobody has waited for yet is gone all the same.
    grep -q '^State:.*Z' "/proc/$program/status" 2> /dev/null && break
    sleep 0.1
    tries=$((tries + 1))
done
[ $tries -lt 100 ]
is $? "its program dies with run"

echo "1..$n"
