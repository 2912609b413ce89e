#!/bin/sh
# SPDX-License-Identifier: MIT
# test_bench.sh - what `moirai bench` makes of contestants that answer, fail,
# hang, decline and talk nonsense. Nothing is measured: they are shell scripts.
#
# Runs in the build directory; prints TAP.
. "${srcdir:-.}/tests/tools/common.sh"
unset NO_COLOR
# tries STATUS COMMAND...: does it end so, in time?
tries() {
    expected=$1
    shift
    ends "$expected" timeout 120 "$@"
}
# bench_ends STATUS ARGUMENT...: the same of moirai bench.
bench_ends() {
    code=$1
    shift
    tries "$code" "$moirai" bench -f questions.yaml -d programs "$@"
}
said() { grep -qE -- "$1" out; }
complained() { grep -qE -- "$1" err; }

if "$moirai" bench 2>&1 | grep -q 'on Linux only'; then
    echo "1..0 # SKIP there is no moirai bench on this system"
    exit 0
fi

# contestant NAME LINE...: a program in sh.
contestant() {
    name=programs/$1
    mkdir -p "${name%/*}"
    shift
    { echo '#!/bin/sh'; printf '%s\n' "$@"; } >"$name"
    chmod +x "$name"
}
# shellcheck disable=SC2016  # the programs expand it
{
    contestant own 'echo "own $*" >>calls' 'echo "ns 10"'
    contestant quick 'echo "quick $*" >>calls' 'echo "other 1"' 'echo "ns 40.5"'
    contestant slow 'echo "slow $*" >>calls' 'echo "ns 81"'
    contestant walls/own 'echo "wall $*" >>calls' 'echo "ns 5"'
    contestant fails 'echo "fails $*" >>calls' 'echo out of cheese >&2' \
        'echo second line >&2' 'exit 1'
    contestant hangs 'echo $$ >>pids' 'sleep 1000 & echo $! >>pids' \
        'echo stuck >&2' 'wait'
    contestant nonsense 'echo "hello, world"'
    contestant mute 'true'
    contestant crashes 'kill -SEGV $$'
    contestant declines 'echo "declines $*" >>calls' 'exit 77'
    contestant cpus 'echo "ns $(nproc)"' 'echo "set $SETTING" >>calls'
    contestant several 'echo "p50_ns 12"' 'echo "bytes 4000"'
}
echo "cc 1.2" >programs/compiler
cat >questions.yaml <<END
version: 1
contestants:
  moirai: {kind: own, run: "{program}"}
  quick: {kind: peer, run: quick, title: Quick & <quick>, packages: [no-such]}
  slow: {kind: peer, run: "slow {workers} of {question}"}
  fails: {kind: peer, run: fails}
  hangs: {kind: peer, run: hangs}
  nonsense: {kind: peer, run: nonsense}
  mute: {kind: peer, run: mute}
  crashes: {kind: peer, run: crashes}
  declines: {kind: peer, run: declines}
  gone: {kind: peer, run: gone, packages: [no-such-package, nor-this]}
  cpus: {kind: peer, run: "SETTING={workers} cpus"}
  wall: {kind: wall, run: "walls/{program}"}
questions:
  plain:
    title: A plain thing
    what: one of it
    program: own
    workers: [1, 2]
    metrics: [ns]
    contestants: [moirai, quick, slow, wall]
    targets:
      - {ratio: 0.5}
      - {workers: 1, most: 9}
      - {ratio: 3, to: [wall]}
      - {ratio: 1, to: [hangs]}
  bad:
    program: own
    workers: [1]
    metrics: [ns]
    contestants: [moirai, fails, nonsense, mute, crashes, declines, gone]
  stuck: {program: own, workers: [1], metrics: [ns],
    contestants: [hangs, moirai]}
  pinned: {workers: [1, 2], metrics: [ns], contestants: [cpus]}
  several: {workers: [2], metrics: [p50_ns, bytes], contestants: [moirai]}
END

# --- the table -------------------------------------------------------------

bench_ends 0 -o plain -r 3 -S r.json -m table.md -g plots --scale 0.5 &&
    said '^plain, 1 worker  A plain thing' &&
    said '^  moirai +10.0 ns +10.0 ns .. 10.0 ns +0.25$' &&
    said '^  Quick & <quick> +40.5 ns .* 1.00$' &&
    said '^  slow +81.0 ns .* 2.00$' && said '^  wall +5.00 ns .* \(0.12\)$'
is $? "medians, and ratios to the best peer"
said '^  target: 0.50 of the best peer: met' &&
    said '^  target: at most 9 ns: not met' &&
    said '^  target: 3.00 of wall: met' &&
    said '^  target: 1.00 of hangs: unknown' &&
    said '^Targets: 4 met, 1 not met, 2 unknown.'
is $? "targets"
complained '^plain, 1 worker: 4 answered' && [ "$(wc -l <err)" -eq 2 ]
is $? "a line for each match where there is no terminal"
cat >want <<END
own plain 1 0.5
quick plain 1 0.5
slow 1 of plain
wall plain 1 0.5
quick plain 1 0.5
slow 1 of plain
wall plain 1 0.5
own plain 1 0.5
slow 1 of plain
wall plain 1 0.5
own plain 1 0.5
quick plain 1 0.5
END
head -n 12 calls | diff want - >out && [ "$(wc -l <calls)" -eq 24 ]
is $? "each runs once a round, and another one first"
rm -f calls
bench_ends 0 -o plain -r 1 -p slow -w 2 && ! grep -q quick calls &&
    [ "$(wc -l <calls)" -eq 3 ] && bench_ends 0 -o plain -r 1 -p none &&
    said '^  moirai .* 1.00$' && said '^  wall .* \(0.50\)$'
is $? "--peers and --workers leave the others out; then moirai is the measure"
bench_ends 0 -o pinned,several -r 1 && said '^  cpus +1.00 ns' &&
    grep -qx 'set 2' calls && said '^several p50_ns, 2 workers' &&
    said '^  moirai +4000 bytes'
is $? "one worker has one CPU; words become environment; several metrics"
rm -f calls
bench_ends 0 -o plain,several -r 1 -w 2 -m scales.md \
    --scale several=3,0.5,plain=0.25 && grep -qx 'own plain 2 0.25' calls &&
    grep -q '^| plain (scale 0.25) | 2' scales.md
is $? "scales for single questions"
bench_ends 2 --scale plian=1 && complained 'did you mean "plain"' &&
    bench_ends 2 --scale plain=0
is $? "scales for those that there are"
rm -f calls
bench_ends 0 -l && said '^plain  A plain thing' &&
    said '^    moirai quick slow wall$' && [ ! -e calls ]
is $? "--list asks nobody"

# --- those who fail --------------------------------------------------------

rm -f calls
bench_ends 1 -o bad -r 3 && said '^  moirai +10.0 ns' &&
    said '^  fails +failed: exit status 1: out of cheese$' &&
    said '^  nonsense +failed: prints nonsense: "hello, world"$' &&
    said '^  mute +failed: does not print "ns"$' &&
    said '^  crashes +failed: ended by signal 11'
is $? "who fails is told, and how"
! said declines && [ "$(grep -c fails calls)" -eq 1 ] &&
    [ "$(grep -c declines calls)" -eq 1 ] && [ "$(grep -c own calls)" -eq 3 ]
is $? "who fails or declines is not asked again, the others are"
said '^  gone: needs no-such-package nor-this \(programs/gone: No such file'
is $? "who is not there is named, with packages"
bench_ends 1 -o stuck -r 2 -t 3 && said '^  moirai +10.0 ns' &&
    said '^  hangs +failed: killed after 3 s: stuck'
is $? "who hangs is killed"

# Is any of those in pids alive? One that nobody has waited for yet is not.
alive() {
    while read -r pid; do
        state=$(sed -n 's/^State:[[:space:]]*\(.\).*/\1/p' \
            "/proc/$pid/status" 2>/dev/null)
        case $state in '' | Z | X) ;; *) return 0 ;; esac
    done <pids
    return 1
}
# Until the program that hangs has said who it is.
await_pids() {
    tries=0
    until [ -s pids ] && [ "$(wc -l <pids)" -eq 2 ]; do
        tries=$((tries + 1))
        [ $tries -lt 600 ] || return 1
        sleep 0.1
    done
}
[ "$(wc -l <pids)" -eq 2 ] && ! alive
is $? "with all that it started"
for signal in 2 15; do
    rm -f pids
    "$moirai" bench -f questions.yaml -d programs -o plain,stuck -r 1 -t 100 \
        -S early.json >out 2>err &
    job=$!
    await_pids && kill -$signal $job
    wait $job
    [ $? -eq $((128 + signal)) ] && ! alive
    is $? "signal $signal ends it, and nothing of it is left"
    said '^plain, 2 workers' && "$json" <early.json 2>>err &&
        grep -q '"complete":false' early.json
    is $? "signal $signal: what was measured until then is told"
done

# --- files -----------------------------------------------------------------

"$json" <r.json 2>err
is $? "--save writes JSON"
bench_ends 1 -o bad -r 1 -j && "$json" <out 2>err &&
    said '"why":"exit status 1: out of cheese"' && said '"state":"declines"'
is $? "JSON on standard output"
cat >look.py <<END
import json, sys, xml.dom.minidom
r = json.load(open("r.json"))
assert r["rounds"] == 3 and r["scale"] == 0.5 and r["complete"]
m = r["matches"][0]
assert (m["question"], m["workers"]) == ("plain", 1)
e = {x["name"]: x for x in m["entries"]}
assert e["quick"]["metrics"][0]["values"] == [40.5] * 3
c = {x["name"]: x for x in r["contestants"]}
assert c["quick"]["compiler"] == "cc 1.2" and c["wall"]["compiler"] is None
assert len(e["quick"]["regimes"]) == 3
assert abs(e["moirai"]["metrics"][0]["ratio"] - 10 / 40.5) < 1e-5
assert [t["verdict"] for t in m["targets"]] == [
    "met", "not met", "met", "unknown"]
xml.dom.minidom.parse("plots/plain.svg")
END
name="JSON has all values, ratios and verdicts; the plot is well formed"
if command -v python3 >/dev/null; then
    tries 0 python3 look.py
    is $? "$name"
else
    skip "$name" "no python3"
fi
grep -qF 'Quick &amp; &lt;quick&gt;' plots/plain.svg &&
    grep -qF 'prefers-color-scheme: dark' plots/plain.svg &&
    [ "$(grep -c 'class="whisker"' plots/plain.svg)" -eq 8 ]
is $? "the plot has a bar with a whisker for each"
grep -qF '| plain | 1 | 10.0 ns | Quick & \<quick\> 40.5 ns | 0.25 | slow 81' \
    table.md && [ "$(grep -c '^|' table.md)" -eq 4 ]
is $? "the table in Markdown"
bench_ends 1 -o plain -r 1 -S nowhere/r.json && said '^plain, 1 worker' &&
    complained 'nowhere/r.json: No such file' &&
    bench_ends 1 -o plain -r 1 -g nowhere/plots &&
    complained 'nowhere/plots: No such file'
is $? "a file that cannot be written is a failure; the table is there"

name="on a terminal one line is rewritten, without sequences"
if command -v script >/dev/null 2>&1; then
    TERM=xterm script -qec "'$moirai' bench -f questions.yaml -d programs \
        -o plain -r 2 >tty.out" /dev/null >out 2>err
    grep -q 'plain, 2 workers, round 2 of 2: slow' out &&
        ! grep -q "$(printf '\033')" out
    is $? "$name"
else
    skip "$name" "no program that makes a terminal"
fi

# --- what is asked wrongly -------------------------------------------------

bench_ends 2 -o plian && [ ! -s out ] &&
    complained 'no question "plian", did you mean "plain"\?' &&
    bench_ends 2 -p quik &&
    complained 'no contestant "quik", did you mean "quick"\?'
is $? "unknown names"
bench_ends 2 -r 0 && bench_ends 2 -t x && bench_ends 2 -w 1,no &&
    bench_ends 2 -x -1 && bench_ends 2 word
is $? "numbers that are none"
cat >wrong.yaml <<END
version: 1
contestants:
  moirai: {kind: mine, run: x, titel: y}
questions:
  one:
    workers: [0]
    metrics: []
    contestants: [moira]
    targets: [{most: -1}]
END
tries 3 "$moirai" bench -f wrong.yaml && [ ! -s out ] &&
    complained '^wrong.yaml:3:18: contestants.moirai.kind: expected own, ' &&
    complained '^wrong.yaml:3:39: .*unknown key, did you mean "title"\?$' &&
    complained '^wrong.yaml:6.*whole numbers from 1 to' &&
    complained '^wrong.yaml:8.*no contestant "moira", did you mean "moirai"\?'
is $? "all mistakes with their places"
tries 3 "$moirai" bench -f wrong.yaml --json && "$json" <out && [ ! -s err ] &&
    tries 3 "$moirai" bench -f nowhere.yaml && complained 'cannot be read'
is $? "as JSON; a file that is not there"

# --- ours ------------------------------------------------------------------

tries 0 "$moirai" bench -f "$src/bench/questions.yaml" -d nowhere --list &&
    said '^spawn-warm  ' && said '^No peer is there'
is $? "the questions that are shipped are well formed"
echo "1..$n"
