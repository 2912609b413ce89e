# SPDX-License-Identifier: MIT
# moirai.bash - completion of the command `moirai` in bash.
#
# Commands, options and keys are asked of the command itself, which takes
# milliseconds and knows the plugins that are installed. It is never shown the
# FILE on the line: that may name modules, and looking at those is running
# them, which is too much for a key called Tab.

# Lines "KEY WORD...": the keys of a configuration, with * for names of the
# user's, and the words that each takes.
_moirai_keys() {
    MOIRAI_CONFIG='' "$1" config --markdown 2>/dev/null | awk '
        /^## / { section = $2; head = section "."; next }
        /Each entry has a name of yours/ { head = section ".*." }
        /^### / { print head "plugin " $3 }
        /^\| `/ {
            split($0, cell, "|")
            gsub(/[` ]/, "", cell[2])
            words = ""
            if (cell[3] ~ /boolean/)
                words = " true false"
            while (match(cell[3], /`[^`]*`/)) {
                words = words " " substr(cell[3], RSTART + 1, RLENGTH - 2)
                cell[3] = substr(cell[3], RSTART + RLENGTH)
            }
            if (cell[2] == "plugin")
                words = " auto"
            print (cell[2] == section ? "" : head) cell[2] words
        }'
}

# The candidates for KEY=VALUE, of which $2 is there, a line each.
_moirai_settings() {
    local setting=$2 key values name value

    while read -r key values; do
        if [[ $key == *.\** && $setting == "${key%%\**}"?* ]]; then
            # A name stands in place of the *, as long as it is there.
            name=${setting#"${key%%\**}"}
            name=${name%%[.=]*}
            [[ $setting == "${key%%\**}$name".* ]] &&
                key=${key%%\**}$name${key#*\*}
        fi
        if [[ $key == *.\** ]]; then
            echo "${key%%\**}"
        elif [[ $setting == "$key="* ]]; then
            for value in $values; do
                echo "$key=$value"
            done
        elif [[ $setting != *=* ]]; then
            echo "$key="
        fi
    done < <(_moirai_keys "$1") | sort -u
}

# Takes those of the lines on standard input that begin with $1. Not compgen -W,
# which would expand what the user or a plugin put into them.
_moirai_offer() {
    local line

    while IFS= read -r line; do
        [[ $line == "$1"* ]] && COMPREPLY+=("$line")
    done
}

# Offers folders, and files with names that match the pattern $2; if there are
# none, any file.
_moirai_files() {
    local -

    shopt -s extglob
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen -d -- "$1"
        compgen -f -X "!*.@($2)" -- "$1")
    ((${#COMPREPLY[@]} > 0)) || compopt -o default 2>/dev/null
}

_moirai_commands() {
    "$1" help 2>/dev/null | sed -n 's/^  \([a-z][a-z]*\) .*/\1/p' | sort -u
}

_moirai_options() {
    {
        # shellcheck disable=SC2086  # some have two words
        "$1" help $2 2>/dev/null | sed -n 's/^  -., \(--[a-z]*\).*/\1/p'
        printf '%s\n' --help --json
    } | sort -u
}

# Fills the caller's `words` and `at`: readline takes KEY=VALUE for three words,
# here it is one again; at[i] is where words[i] begins in COMP_WORDS.
_moirai_words() {
    local i word glue=''

    for ((i = 0; i <= COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if ((i > 1)) && [[ -n $word && ($word == [=:] || -n $glue) ]]; then
            words[${#words[@]} - 1]+=$word
        else
            words+=("$word")
            at+=("$i")
        fi
        [[ $word == [=:] ]] && glue=1 || glue=''
    done
}

# The questions or the peers of `moirai bench`, a line each.
_moirai_bench() {
    case $2 in
    questions) "$1" bench --list | sed -n 's/^\([a-z0-9_-]*\)  .*/\1/p' ;;
    peers) "$1" bench --list | sed -n '/^    /{s/^ *//;s/ /\n/g;p;}' ;;
    esac 2>/dev/null | sort -u
}

# Of a list with commas the last word, with those before it kept: $3.
_moirai_list() {
    local head=${3%"${3##*,}"}

    _moirai_offer "$3" < <(_moirai_bench "$1" "$2" | sed "s|^|${head//|/}|")
    compopt -o nospace 2>/dev/null
}

# Which of `words` is the program that `run` or `sim` starts, or more than there
# are.
_moirai_program() {
    local i

    for ((i = $1; i < ${#words[@]}; i++)); do
        case ${words[i]} in
        -c | --config | -s | --set | -[nJSdbitT] | --seeds | --jobs | \
            --strategy | --depth | --bound | --inject | --timeout | --trace) ((i++)) ;;
        --) ((i++)); break ;;
        -*) ;;
        *) break ;;
        esac
    done
    echo "$i"
}

# A program has a completion of its own.
_moirai_run() {
    if (($1 == ${#words[@]} - 1)); then
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -c -- "${words[$1]}")
    elif declare -F _command_offset >/dev/null; then
        _command_offset "${at[$1]}"
    else
        compopt -o default 2>/dev/null
    fi
}

# Of a setting readline replaces what comes after the last "=" only: $3.
_moirai_set() {
    _moirai_offer "$2" < <(_moirai_settings "$1" "$2")
    if ((${#COMPREPLY[@]} == 0)) && [[ $2 == *=*/* ]]; then
        _moirai_files "$3" so
    else
        COMPREPLY=("${COMPREPLY[@]#"${2%"$3"}"}")
        [[ ${COMPREPLY[0]-} == *[=.] ]] && compopt -o nospace 2>/dev/null
    fi
}

_moirai() {
    local tool=$1 piece=${COMP_WORDS[COMP_CWORD]} first=1 command cur before program
    local -a words=() at=()

    COMPREPLY=()
    _moirai_words
    [[ $piece == [=:] ]] && piece=''
    [[ ${words[1]} == -j || ${words[1]} == --json ]] && first=2
    command=${words[first]-}
    cur=${words[${#words[@]} - 1]}
    if ((${#words[@]} - 1 <= first)); then
        _moirai_offer "$cur" < <(_moirai_commands "$tool"
            printf '%s\n' --help --json --version)
        return
    fi
    if [[ $command == profile && ${words[first + 1]} == stacks ]] &&
        ((${#words[@]} - 2 > first)); then
        command='profile stacks'
        ((first++))
    elif [[ $command == profile && $cur == -* ]]; then
        command='profile stacks'
    fi
    if [[ $command == run || $command == sim ||
        ($command == profile\ * && ${words[first]} == stacks) ]]; then
        program=$(_moirai_program $((first + 1)))
        if ((program < ${#words[@]})); then
            _moirai_run "$program"
            return
        fi
    fi
    if [[ $command == plugins && ${words[first + 1]} == @(new|test) ]] &&
        ((${#words[@]} - 2 > first)); then
        command+=" ${words[first + 1]}"
    fi
    before=${words[${#words[@]} - 2]}
    # Letters that are followed by a value elsewhere.
    [[ $command == topo && $before == -[go] ]] && before=''
    case $before:$cur in
    -s:* | --set:*) _moirai_set "$tool" "$cur" "$piece" ;;
    *:--set=*) _moirai_set "$tool" "${cur#--set=}" "${piece#--set=}" ;;
    -c:* | --config:*) _moirai_files "$piece" 'yaml|yml' ;;
    *:--config=*) _moirai_files "${piece#--config=}" 'yaml|yml' ;;
    -S:* | --strategy:*)
        if [[ $command == sim ]]; then
            _moirai_offer "$cur" < <(printf '%s\n' random pct)
        else
            compopt -o default 2>/dev/null
        fi ;;
    -o:* | --only:*) _moirai_list "$tool" questions "$piece" ;;
    *:--only=*) _moirai_list "$tool" questions "${piece#--only=}" ;;
    -p:* | --peers:*) _moirai_list "$tool" peers "$piece" ;;
    *:--peers=*) _moirai_list "$tool" peers "${piece#--peers=}" ;;
    -f:* | --questions:*) _moirai_files "$piece" 'yaml|yml' ;;
    --save:* | -T:* | --trace:* | -m:* | --markdown:* | -g:* | --svg:* | -d:* | --programs:*)
        compopt -o default 2>/dev/null ;;
    *:-*) _moirai_offer "$cur" < <(_moirai_options "$tool" "$command") ;;
    *)
        case $command in
        help) _moirai_offer "$cur" < <(_moirai_commands "$tool") ;;
        topo) compopt -o default 2>/dev/null ;;
        check | config | explain) _moirai_files "$piece" 'yaml|yml' ;;
        profile) _moirai_offer "$cur" < <(printf '%s\n' stacks) ;;
        plugins) _moirai_offer "$cur" < <(printf '%s\n' new test) ;;
        'plugins new')
            ((${#words[@]} - 3 > first)) ||
                _moirai_offer "$cur" < <(printf '%s\n' sched stack chan io) ;;
        'plugins test') _moirai_files "$piece" so ;;
        esac ;;
    esac
}

complete -F _moirai moirai
