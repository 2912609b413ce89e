# SPDX-License-Identifier: MIT
# page.awk - the functions that the SYNOPSIS of a page has.
#
# A line each: its name, a tab, its prototype as header.awk gives it, a tab, "#"
# and the names of its arguments, as header.awk tells those of macros. With
# tokens.awk.

# The words of a macro's line; quotes keep several together.
function words(s,    n, word)
{
    n = 0
    while (s != "") {
        sub(/^ +/, "", s)
        if (substr(s, 1, 1) == "\"") {
            s = substr(s, 2)
            word = substr(s, 1, index(s, "\"") - 1)
            s = substr(s, index(s, "\"") + 1)
        } else {
            word = s
            sub(/ .*/, "", word)
            s = substr(s, length(word) + 1)
        }
        if (word != "")
            list[++n] = word
    }
    return n
}

function emit(    i, all, names, one)
{
    for (i = 1; i <= count; i++) {
        all = all (i > 1 ? ", " : "") arguments[i]
        one = arguments[i]
        sub(/.*[ *]/, "", one)
        names = names (i > 1 ? " " : "") one
    }
    print name "\t" tokens(type " " name "(" all ")") "\t# " names
    type = ""
    count = 0
}

/^\.Sh / { inside = $2 == "SYNOPSIS" }
!inside { next }
/^\.Ft / {
    n = words(substr($0, 5))
    type = list[1]
    for (i = 2; i <= n; i++)
        type = type " " list[i]
}
/^\.F[no] / {
    n = words(substr($0, 5))
    name = list[1]
    count = 0
    for (i = 2; i <= n; i++)
        arguments[++count] = list[i]
}
/^\.Fa / {
    n = words(substr($0, 5))
    for (i = 1; i <= n; i++)
        arguments[++count] = list[i]
}
/^\.F[nc]/ { emit() }
