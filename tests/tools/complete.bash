# SPDX-License-Identifier: MIT
# complete.bash - what bash offers for a line.
#
#     bash complete.bash FILE TOOL WORD...
#
# FILE defines the completion of TOOL; the words are those that readline makes
# of a line, the last is the one being completed. Prints a candidate a line, and
# first, after "#", what was asked of readline by compopt.
# shellcheck source=/dev/null
source "$1" || exit 1
options=
compopt() {
    options="$options $*"
}
COMP_WORDS=(moirai "${@:3}")
COMP_CWORD=$(($# - 2))
COMP_LINE=${COMP_WORDS[*]}
COMP_POINT=${#COMP_LINE}
function=$(complete -p moirai | sed 's/.*-F \([^ ]*\).*/\1/')
"$function" "$2" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
echo "#$options"
printf '%s\n' "${COMPREPLY[@]}"
