#!/bin/sh
# SPDX-License-Identifier: MIT
# check_wordfreq.sh - wordfreq prints what coreutils print, under every
# configuration that is shipped, whatever it is given to read.
set -u
. "${srcdir:-.}/tests/support/words.sh"

config=${srcdir:-.}/config
wordfreq=examples/wordfreq/wordfreq
configs="one-thread all-cores fifo sim"
here=$(mktemp -d) || exit 1
trap 'rm -rf "$here"' EXIT
odd=$here/odd
done=0

# ok STATUS NAME
ok() {
    done=$((done + 1))
    if [ "$1" -eq 0 ]; then
        echo "ok $done - $2"
    else
        echo "not ok $done - $2"
    fi
}

# count CONFIG ARGUMENT...: the words on $here/got, messages on $here/err.
count() {
    count_config=$1
    shift
    "$wordfreq" -c "$config/$count_config.yaml" "$@" \
        > "$here/got" 2> "$here/err"
}

# same NAME CONFIG ARGUMENT...: runs well, without a message, and prints what
# is in $here/want.
same() {
    same_name=$1
    shift
    count "$@" && [ ! -s "$here/err" ] && cmp "$here/want" "$here/got"
    same_status=$?
    sed 's/^/# /' "$here/err"
    ok $same_status "$same_name under $1"
}

# fails STATUS TEXT ARGUMENT...: ends with that status, and says TEXT.
fails() {
    fails_status=$1
    fails_text=$2
    shift 2
    "$wordfreq" "$@" > "$here/got" 2> "$here/err"
    [ $? -eq "$fails_status" ] && grep -qF -- "$fails_text" "$here/err"
    ok $? "status $fails_status and \"$fails_text\""
}

# letters N: one word of N letters.
letters() {
    head -c "$1" /dev/zero | tr '\0' 'Q'
}

make_odd() {
    mkdir -p "$odd/empty" "$odd/deep/er/still" "$odd/-n" || exit 1
    : > "$odd/nothing"
    printf 'no newline' > "$odd/deep/one"
    printf 'no newline' > "$odd/deep/two"
    printf 'in\r\nCRLF\r\nlines\r\n' > "$odd/deep/crlf"
    printf 'caf\303\251 na\357ve \000zero\000 tab\ttab' > "$odd/deep/er/bytes"
    printf 'a' > "$odd/deep/er/still/letter"
    printf '...' > "$odd/deep/er/still/dots"
    printf 'hidden' > "$odd/.hidden"
    printf 'dash' > "$odd/-n/-x"
    printf 'odd name' > "$odd/deep/a name
with a line"
    i=0
    while [ $i -le 40 ]; do
        letters $i > "$odd/deep/letters$i"
        printf ' x' >> "$odd/deep/letters$i"
        i=$((i + 1))
    done
    # Every byte there is, in an order that changes from line to line.
    LC_ALL=C awk 'BEGIN { for (i = 0; i < 40000; i++)
        printf "%c", (i * 7 + int(i / 256)) % 256 }' > "$odd/binary"
    ln -s . "$odd/loop"
    ln -s ../odd "$odd/deep/loop"
    ln -s binary "$odd/link"
    ln -s nowhere "$odd/dangling"
    mkfifo "$odd/fifo"
}

make_odd
mkdir "$here/long"
{ letters 3145728; printf ' '; letters 3145727; printf ' end '; } \
    > "$here/long/words"
{ printf 'begin '; letters 3145728; } > "$here/long/at-end"

# Real text that is always there: licences, and sources of moirai.
mkdir "$here/text"
cp -RP /usr/share/common-licenses "${srcdir:-.}/include" \
    "${srcdir:-.}"/core/*.c "$here/text"
words "$here/text" > "$here/real"
words "$odd" > "$here/odd-words"
words "$here/long" > "$here/long-words"

# The same program under every scheduler and every allocator of stacks, from
# YAML alone.
words "${srcdir:-.}/include" > "$here/want"
for scheduler in steal 'steal, order: fifo' 'steal, batch: half' fifo prio \
    'prio, order: edf' numa sim; do
    for stacks in mmap fixed slab heap; do
        cat > "$here/each.yaml" <<END
version: 1
runtime: {workers: 3}
scheduler: {plugin: $scheduler}
stacks: {plugin: $stacks}
channels:
  files:   {plugin: ring, capacity: 256}
  chunks:  {plugin: ring, capacity: 4}
  counts:  {plugin: ring, capacity: 4}
END
        "$wordfreq" -c "$here/each.yaml" -n 0 "${srcdir:-.}/include" \
            > "$here/got" 2> "$here/err" && [ ! -s "$here/err" ] &&
            cmp "$here/want" "$here/got"
        each_status=$?
        each_name="wordfreq under $scheduler, stacks: $stacks"
        if grep -q "there is no stack allocator" "$here/err"; then
            ok 0 "$each_name # SKIP no modules here"
            continue
        fi
        sed 's/^/# /' "$here/err"
        ok $each_status "$each_name"
    done
done

for c in $configs; do
    cp "$here/real" "$here/want"
    same "real text" "$c" -n 0 "$here/text"
    head -n 20 "$here/real" > "$here/want"
    same "real text, the first 20" "$c" "$here/text"
    cp "$here/odd-words" "$here/want"
    same "odd files" "$c" -n 0 "$odd"
    same "odd files, cut finely" "$c" -n 0 --chunk=7 --grain=1 "$odd"
    same "odd files, one counter" "$c" -n 0 --counters=1 --chunk=1K \
        --grain=16 "$odd"
    cp "$here/long-words" "$here/want"
    same "words of 3 MiB" "$c" -n 0 "$here/long"
    same "words of 3 MiB in small chunks" "$c" -n 0 --chunk=4K --grain=1K \
        "$here/long"
    : > "$here/want"
    same "an empty directory" "$c" "$odd/empty"
    same "an empty file" "$c" "$odd/nothing"

    # One input that is missing and one whose reads fail; the others count.
    printf '      1 letter\n' > "$here/want"
    printf letter > "$here/letter"
    count "$c" "$here/missing" "$here/letter" /proc/self/mem
    [ $? -eq 1 ] && cmp "$here/want" "$here/got" &&
        grep -q 'missing: No such file' "$here/err" &&
        grep -q 'mem: Input/output error' "$here/err"
    ok $? "what cannot be read is said, and the rest counted, under $c"

    # Files that come and go beside one that stays.
    mkdir "$here/busy"
    printf 'stays stays' > "$here/busy/stays"
    (
        until [ -e "$here/stop" ]; do
            for i in 1 2 3 4 5 6 7 8 9; do
                printf 'goes ' > "$here/busy/$i"
            done
            rm -f "$here"/busy/[1-9]
        done
    ) &
    busy=$!
    bad=0
    for i in 1 2 3 4 5 6 7 8; do
        count "$c" "$here/busy"
        status=$?
        grep -q '^      2 stays$' "$here/got" || bad=1
        [ $status -le 1 ] || bad=1
        grep -v 'No such file or directory$' "$here/err" && bad=1
    done
    : > "$here/stop"
    wait $busy
    rm -rf "$here/busy" "$here/stop"
    ok $bad "files that vanish are no trouble under $c"
done

printf '      1 from\n      1 pipes\n' > "$here/want"
printf 'from pipes' | count one-thread -
status=$?
cmp "$here/want" "$here/got" || status=1
ok $status "standard input"
{ printf 'from '; printf pipes; } > "$odd/fifo" &
same "a pipe that is named" all-cores "$odd/fifo"
wait
printf '      1 target\n' > "$here/want"
printf 'target' > "$here/target"
ln -s target "$here/named"
same "a link that is named" all-cores "$here/named"

fails 2 "wordfreq: --top: many" -n many
fails 2 "wordfreq: --top: -1" --top=-1
fails 2 "wordfreq: --chunk: 0" --chunk=0
fails 2 "wordfreq: --grain: 2G" --grain=2G
fails 2 "try wordfreq --help" --no-such-option
fails 2 "no-such.yaml" -c "$here/no-such.yaml"
fails 1 "No such file or directory" "$here/missing"
"$wordfreq" --help | grep -q '^usage: wordfreq'
ok $? "help"
"$wordfreq" -c "$config/all-cores.yaml" "$odd/deep" > /dev/full 2> "$here/err"
[ $? -eq 1 ] && grep -q 'standard output: No space' "$here/err"
ok $? "a full disk behind standard output"
"$wordfreq" --stats "$odd/deep" 2>&1 > "$here/got" |
    grep -q '^ *[1-9][0-9]* blocking calls$'
ok $? "statistics"
count sim --stats --chunk=1K --grain=100 "$here/text"
mv "$here/err" "$here/first"
count sim --stats --chunk=1K --grain=100 "$here/text"
cmp "$here/first" "$here/err"
ok $? "the simulator does the same twice"

# On a terminal: the job is held by a pipe until the line has been seen.
draws() {
    TERM=xterm script -qfc "$1 $wordfreq $odd/fifo" "$here/screen" \
        > "$here/ignored" 2>&1 < /dev/null &
    exec 3> "$odd/fifo"
    tries=0
    until grep -q '0 files, ' "$here/screen" || [ $tries -eq 600 ]; do
        tries=$((tries + 1))
        sleep 0.1
    done
    exec 3>&-
    wait $!
    [ $tries -lt 600 ]
}

dim=$(printf '\033[2m')
if command -v script > "$here/ignored"; then
    draws "env -u NO_COLOR" && grep -qF "$dim" "$here/screen"
    ok $? "progress on a terminal"
    draws "env NO_COLOR=1" && ! grep -qF "$dim" "$here/screen"
    ok $? "progress without colour"
else
    done=$((done + 1))
    echo "ok $done - progress on a terminal # SKIP no script(1)"
fi
echo "1..$done"
