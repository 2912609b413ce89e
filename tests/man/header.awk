# SPDX-License-Identifier: MIT
# header.awk - the functions that a public header declares.
#
# A line each: its name, a tab, its prototype with a blank between tokens. Of a
# macro with arguments: its name, a tab, "#", and the names of the arguments.
# With tokens.awk.

{
    sub(/\r$/, "")
    text = text $0 "\n"
}

# Without comments, and with each directive on one line.
function strip(s,    out, at)
{
    gsub(/\\\n/, " ", s)
    while ((at = index(s, "/*")) > 0) {
        out = out substr(s, 1, at - 1) " "
        s = substr(s, at + 2)
        s = substr(s, index(s, "*/") + 2)
    }
    return out s
}

# Attributes and storage say nothing to a reader.
function declaration(s,    name)
{
    gsub(/__attribute__ *\(\(([^()]|\([^()]*\))*\)\)/, "", s)
    gsub(/(^|[ \n])(static|inline|extern)[ \n]/, " ", s)
    gsub(/(^|[ \n])(static|inline|extern)[ \n]/, " ", s)
    s = tokens(s)
    if (s !~ / \( /)
        return
    name = s
    sub(/ \( .*/, "", name)
    sub(/.* /, "", name)
    if (name ~ /^moirai_/)
        print name "\t" s
}

function macro(line,    name, arguments)
{
    if (line !~ /^#define (moirai_|MOIRAI_)[A-Za-z_]*[A-Za-z]\(/)
        return
    sub(/^#define /, "", line)
    name = line
    sub(/\(.*/, "", name)
    arguments = substr(line, length(name) + 2)
    sub(/\).*/, "", arguments)
    gsub(/, */, " ", arguments)
    print name "\t# " arguments
}

END {
    n = split(strip(text), lines, "\n")
    for (i = 1; i <= n; i++) {
        if (lines[i] ~ /^#ifdef __cplusplus/)
            plus = 1
        if (!plus && lines[i] ~ /^#/)
            macro(lines[i])
        else if (!plus)
            code = code lines[i] "\n"
        if (lines[i] ~ /^#endif/)
            plus = 0
    }
    n = length(code)
    for (i = 1; i <= n; i++) {
        c = substr(code, i, 1)
        if (c == "{" && depth++ == 0)
            body = piece ~ /\(/
        else if (c == "}") {
            if (--depth == 0 && body) {
                declaration(piece)
                piece = ""
            }
        } else if (c == ";" && depth == 0) {
            declaration(piece)
            piece = ""
        } else if (depth == 0)
            piece = piece c
    }
}
