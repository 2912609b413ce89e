# SPDX-License-Identifier: MIT
# complete.zsh - what zsh offers for a line.
#
#     zsh -f complete.zsh FUNCTIONS OUT LINE
#
# A second zsh, on a terminal of its own, is given LINE and a Tab. What its
# completion adds is written to OUT, a line each, by a compadd of ours.
zmodload zsh/zpty || exit 77

zpty shell zsh -f -i || exit 77
zpty -w shell "PS1=; fpath=(${(q)1} \$fpath); out=${(q)2}; cd ${(q)PWD}"
zpty -w shell 'autoload -Uz compinit && compinit -u -D
compadd() {
    if [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]]; then
        builtin compadd "$@"
        return $?
    fi
    typeset -a hits
    builtin compadd -A hits "$@"
    (( $#hits )) && print -rl -- $hits >> $out
    builtin compadd "$@"
}
zstyle ":completion:*" list-prompt ""
LISTMAX=100000
bindkey "^I" complete-word
finished() { print -r -- "--end--" >> $out }
zle -N finished
bindkey "^X" finished'
zpty -n -w shell "$3"$'\t'$'\x18'
for ((i = 0; i < 300; i++)); do
    # Whoever does not read what the shell says makes it wait.
    zpty -rt shell ignored 2>/dev/null
    grep -q '^--end--$' $2 2>/dev/null && break
    sleep 0.05
done
zpty -d shell
grep -v '^--end--$' $2
exit 0
