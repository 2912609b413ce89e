#!/bin/sh
# SPDX-License-Identifier: MIT
# test_completion.sh - what bash and zsh offer for lines that begin with moirai.
#
# Runs in the build directory; prints TAP. bash gets the words that readline
# would make; zsh runs on a terminal of its own and gets the key.
set -u

here=$(pwd)
src=$(cd "${srcdir:-.}" && pwd)
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
unset MOIRAI_PLUGIN_PATH MOIRAI_CONFIG MOIRAI_SET
mkdir "$dir/bin" "$dir/work"
# A link: libtool's wrapper finds its program by its own path.
printf '#!/bin/sh\nexec "%s" "$@"\n' "$here/tools/moirai" >"$dir/bin/moirai"
chmod +x "$dir/bin/moirai"
PATH=$dir/bin:$PATH
cd "$dir/work" || exit 1
: >fast.yaml
: >fine.yml
: >file.txt
mkdir folder
: >sched_mine.so

n=0
ok() {
    n=$((n + 1))
    if [ "$1" -eq 0 ]; then
        echo "ok $n - $2"
    else
        sed 's/^/# /' "$dir/log"
        echo "not ok $n - $2"
    fi
}
skip() {
    n=$((n + 1))
    echo "ok $n - $1 # SKIP $2"
}

commands=$(moirai help | sed -n 's/^  \([a-z][a-z]*\) .*/\1/p' | LC_ALL=C sort -u)
long_options() {
    [ "$1" = profile ] && set -- "profile stacks"
    # shellcheck disable=SC2086  # some have two words
    { moirai help $1 | sed -n 's/^  -., \(--[a-z]*\).*/\1/p'
        printf '%s\n' --help --json; } | LC_ALL=C sort -u
}

# --- bash ------------------------------------------------------------------

# bash WORD...: what is offered, sorted, to offered.
in_bash() {
    timeout 30 bash "$src/tests/tools/complete.bash" \
        "$src/tools/completion/moirai.bash" moirai "$@" >"$dir/all" 2>"$dir/log"
    sed 1d "$dir/all" | sed '/^$/d' | LC_ALL=C sort -u >"$dir/offered"
}
# offers "CANDIDATE..." WORD...: these and no others?
offers() {
    wanted=$1
    shift
    in_bash "$@"
    echo "$wanted" | tr ' ' '\n' | sed '/^$/d' | LC_ALL=C sort -u |
        diff - "$dir/offered" >>"$dir/log" && ! [ -s "$dir/log" ]
}
asked() { head -n 1 "$dir/all" | grep -q -- "$1"; }

if command -v bash >/dev/null; then
    offers "--help --json --version $commands" ''
    ok $? "bash: every command"
    offers "check config" -j c
    ok $? "bash: commands after --json"
    for command in $commands; do
        offers "$(long_options "$command")" "$command" -
        ok $? "bash: every option of $command"
    done
    offers "$(long_options "plugins test")" plugins test -
    ok $? "bash: every option of plugins test"
    offers "$(long_options topo)" topo -o - &&
        offers "" topo -g fi && asked default
    ok $? "bash: options that take no value here"
    offers stacks profile s
    ok $? "bash: what can be profiled"
    offers "$(long_options "plugins new")" plugins new - &&
        offers "sched stack" plugins new s && offers "new test" plugins ''
    ok $? "bash: kinds of plugins to begin with"
    offers test plugins t && offers "./sched_mine.so" plugins test ./sch
    ok $? "bash: what plugins can do besides, and modules for it"
    offers "$(moirai config --json | tr '{' '\n' |
        sed -n 's/^"key":"\(runtime\.[a-z_]*\)".*/\1=/p' | tr '\n' ' ')" \
        check -s runtime. && asked nospace
    ok $? "bash: every key of a section"
    offers "scheduler.seed=" check -s scheduler.se
    ok $? "bash: keys of plugins that are not in force"
    offers "steal sim auto fifo numa prio" run -s scheduler.plugin =
    ok $? "bash: plugins of a kind, after ="
    offers "steal sim" run --set = scheduler.plugin = s
    ok $? "bash: plugins of a kind, by their beginning"
    offers "scheduler.plugin=sim scheduler.plugin=steal" run \
        -s scheduler.plugin=s
    ok $? "bash: the same where = is part of words"
    offers "true false" run -s runtime.stats_at_exit =
    ok $? "bash: booleans"
    offers "report kill ignore" run -s stacks.on_overflow =
    ok $? "bash: words that a key takes"
    offers "channels." check -s chan && asked nospace
    ok $? "bash: sections with names"
    offers "channels.words.age= channels.words.capacity= \
channels.words.delivery= channels.words.home= channels.words.late= \
channels.words.level_at= channels.words.level_bytes= channels.words.levels= \
channels.words.limit= channels.words.limit_bytes= channels.words.overflow= \
channels.words.plugin= channels.words.slow= channels.words.target_at= \
channels.words.target_bytes=" check -s channels.words.
    ok $? "bash: keys below a name"
    # shellcheck disable=SC2016  # not to be expanded by anybody
    in_bash check -s 'channels.$(touch pwned)`touch pwned`.' && ! [ -e pwned ]
    ok $? "bash: what is on the line is not run"
    offers "./sched_mine.so" run -s scheduler.plugin = ./sch
    ok $? "bash: modules by path"
    offers "fast.yaml fine.yml folder" check f && asked filenames
    ok $? "bash: configurations and folders"
    offers "fast.yaml" run -c fa && offers "fast.yaml" run --config = fa
    ok $? "bash: the value of --config"
    offers "" check file && asked default
    ok $? "bash: any file where there is no configuration"
    in_bash run -c fast.yaml -s runtime.workers = 2 xarg &&
        grep -qx xargs "$dir/offered"
    ok $? "bash: the program to run"
    in_bash run -c fast.yaml -- xarg && grep -qx xargs "$dir/offered"
    ok $? "bash: the program after --"
    offers "" run -c fast.yaml xargs - && ! [ -s "$dir/offered" ]
    ok $? "bash: a program's options are its own"
    # shellcheck disable=SC2016  # bash expands it
    timeout 30 bash -c 'PATH=/usr/bin:/bin; source "$1"; COMP_WORDS=(moirai c)
        COMP_CWORD=1; _moirai moirai c moirai; echo "${#COMPREPLY[@]}"' bash \
        "$src/tools/completion/moirai.bash" >"$dir/log" 2>&1
    [ "$(cat "$dir/log")" = 0 ] || command -v /usr/bin/moirai >/dev/null
    ok $? "bash: silence where there is no moirai"
    MOIRAI_CONFIG=$dir/nowhere.yaml
    export MOIRAI_CONFIG
    offers "runtime.workers= runtime.workers_max=" check -s runtime.w
    ok $? "bash: keys, whatever MOIRAI_CONFIG names"
    unset MOIRAI_CONFIG
else
    skip "bash" "no bash"
fi

# --- zsh -------------------------------------------------------------------

# A terminal may be more than a sandbox allows.
in_zsh() {
    rm -f "$dir/out"
    timeout 60 zsh -f "$src/tests/tools/complete.zsh" \
        "$src/tools/completion" "$dir/out" "$1" 2>"$dir/log" |
        LC_ALL=C sort -u >"$dir/offered"
}
zsh_offers() {
    in_zsh "$2"
    echo "$1" | tr ' ' '\n' | sed '/^$/d' | LC_ALL=C sort -u |
        diff - "$dir/offered" >>"$dir/log" && ! [ -s "$dir/log" ]
}

if ! command -v zsh >/dev/null; then
    skip "zsh" "no zsh"
elif ! zsh -fc 'zmodload zsh/zpty && zpty try true' 2>/dev/null; then
    skip "zsh" "zsh cannot open a terminal here"
else
    zsh_offers "$commands" 'moirai '
    ok $? "zsh: every command"
    for command in $commands; do
        zsh_offers "$(long_options "$command")" "moirai $command --"
        ok $? "zsh: every option of $command"
    done
    zsh_offers "runtime.workers runtime.workers_max" 'moirai check -s runtime.w'
    ok $? "zsh: keys"
    zsh_offers "steal sim" 'moirai run -s scheduler.plugin=s'
    ok $? "zsh: plugins of a kind"
    zsh_offers "channels.words.capacity" 'moirai check --set=channels.words.c'
    ok $? "zsh: keys below a name"
    zsh_offers "fine.yml" 'moirai explain fi'
    ok $? "zsh: configurations"
    in_zsh 'moirai run -c fast.yaml xarg' && grep -qx xargs "$dir/offered"
    ok $? "zsh: the program to run"
    zsh_offers "check" 'moirai run -c fast.yaml moirai ch'
    ok $? "zsh: a program has its own completion"
fi

# --- where they go ---------------------------------------------------------

cd "$here" || exit 1
name="bash's folder is below the prefix"
folder=$(sed -n 's/^BASH_COMPLETION_DIR = //p' Makefile)
if grep -q '^..*COMPLETION_DIR = no$' Makefile; then
    skip "both are installed" "configured without"
else
    "${MAKE:-make}" install-bashcompletionDATA install-zshcompletionDATA \
        DESTDIR="$dir/root" BASH_COMPLETION_DIR=/share/bash \
        ZSH_COMPLETION_DIR=/share/zsh >"$dir/log" 2>&1 &&
        for file in bash/moirai.bash zsh/_moirai; do
            cmp "$src/tools/completion/${file#*/}" "$dir/root/share/$file" \
                >>"$dir/log" 2>&1 || break
        done
    ok $? "both are installed"
fi
echo "$folder" >"$dir/log"
# shellcheck disable=SC2016  # as it stands there
case $folder in
'${datadir}/'*/completions | '${datarootdir}/'*/completions) ok 0 "$name" ;;
'/'* | no) skip "$name" "configured otherwise" ;;
*) ok 1 "$name" ;;
esac
echo "1..$n"
