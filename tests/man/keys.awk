# SPDX-License-Identifier: MIT
# keys.awk - the reference in docs/configuration.md, in the form of a manual.

function plain(s)
{
    gsub(/`/, "", s)
    gsub(/\\\|/, "|", s)
    gsub(/\\/, "\\e", s)
    gsub(/-/, "\\-", s)
    sub(/^ +/, "", s)
    sub(/ +$/, "", s)
    return s
}

# Its first letter a capital, as a sentence begins.
function sentence(s)
{
    return toupper(substr(s, 1, 1)) substr(s, 2)
}

function fill(s,    n, words, i, line)
{
    n = split(s, words, " ")
    for (i = 1; i <= n; i++) {
        if (line != "" && length(line " " words[i]) > 78) {
            print line
            line = ""
        }
        line = line (line == "" ? "" : " ") words[i]
    }
    print line
}

# Each sentence begins a line, and no line is longer than a page is wide.
function put(s,    n, sentences, i)
{
    n = split(s, sentences, /\. /)
    for (i = 1; i <= n; i++)
        fill(sentences[i] (i < n ? "." : ""))
}

function close_list()
{
    if (listing)
        print ".El"
    listing = 0
}

/^# Reference/ { inside = 1 }
!inside { next }
/^## / {
    close_list()
    section = $2
    name = ""
    print ".Ss " section
}
/^### / {
    close_list()
    print ".Ss " substr($2, 1, length($2) - 1) " with plugin: " $3
}
/Each entry has a name of yours/ { name = "NAME." }
/^[A-Z]/ { put(plain($0)) }
/^\| `/ {
    gsub(/\\\|/, "\001")
    split($0, cell, "|")
    for (i = 2; i <= 5; i++) {
        gsub(/\001/, "|", cell[i])
        cell[i] = plain(cell[i])
    }
    if (!listing)
        print ".Bl -tag -width Ds"
    listing = 1
    if (section == cell[2])
        print ".It Cm " cell[2]
    else
        print ".It Cm " section "." name cell[2]
    put(sentence(cell[5]) ".")
    put("Takes: " cell[3] ". Preset: " cell[4] ".")
}
END { close_list() }
