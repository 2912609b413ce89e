# SPDX-License-Identifier: MIT
# headers.awk - the public headers, as a text to compare or a program to run.
#
# Reads what `cc -E -dD` makes of them. With -v want=interface, prints what does
# not depend on the machine: macros, types, functions. With -v want=layout,
# prints a C program that tells sizes, offsets and the values of enumerators.
# It knows the C that the headers are written in, not all of C; what it gets
# wrong does not compile, or is seen in the text.

function squeeze(text) {
    gsub(/[ \t\n]+/, " ", text)
    gsub(/^ | $/, "", text)
    gsub(/\( /, "(", text)
    gsub(/ \)/, ")", text)
    gsub(/ *## */, "##", text)
    return text
}

function show(text) {
    if (want != "interface")
        return
    if (header != shown)
        printf "%s%s\n", shown == "" ? "" : "\n", header
    shown = header
    print "    " text
}

function emit(text) {
    if (want == "layout")
        print text
}

# The name that the declaration `text` gives, without what is around it.
function name_of(text) {
    if (match(text, /\( *\* *[A-Za-z_0-9]+ *\)/)) {
        text = substr(text, RSTART, RLENGTH)
        gsub(/[^A-Za-z_0-9]/, "", text)
        return text
    }
    gsub(/\[[^\]]*\]/, "", text)
    sub(/ *$/, "", text)
    match(text, /[A-Za-z_0-9]+$/)
    return substr(text, RSTART, RLENGTH)
}

# One member, or several with commas between them.
function member(text,    parts, n, i) {
    text = squeeze(text)
    n = text ~ /\(/ ? 1 : split(text, parts, ",")
    if (n == 1)
        parts[1] = text
    for (i = 1; i <= n; i++)
        emit(sprintf("    MEMBER(%s, %s, \"%s\");", type, name_of(parts[i]),
                     text))
}

function members(body,    depth, i, c, start) {
    depth = 0
    start = 1
    for (i = 1; i <= length(body); i++) {
        c = substr(body, i, 1)
        if (c == "(")
            depth++
        else if (c == ")")
            depth--
        else if (c == ";" && depth == 0) {
            member(substr(body, start, i - start))
            start = i + 1
        }
    }
}

function enumerators(body,    parts, n, i, name) {
    n = split(body, parts, ",")
    for (i = 1; i <= n; i++) {
        name = squeeze(parts[i])
        sub(/ *=.*/, "", name)
        if (name != "")
            emit(sprintf("    VALUE(%s);", name))
    }
}

# A whole declaration at the top of a file.
function declaration(text,    open, body) {
    text = squeeze(text)
    open = index(text, "{")
    body = substr(text, open + 1)
    sub(/\}[^}]*$/, "", body)
    if (text ~ INLINE) {
        show(squeeze(substr(text, 1, open - 1)))
    } else if (text ~ /^(struct|union|enum) [a-z_0-9]+ \{/) {
        type = substr(text, 1, open - 2)
        show(type)
        emit(sprintf("    TYPE(%s);", type))
        if (type ~ /^enum/)
            enumerators(body)
        else
            members(body)
    } else if (text !~ /^(struct|union|enum) [a-z_0-9]+;$/) {
        show(text)
    }
}

# Text of a header: how deep in braces we are says where declarations end.
function feed(line,    i, c, done) {
    for (i = 1; i <= length(line); i++) {
        c = substr(line, i, 1)
        held = held c
        if (c == "{")
            braces++
        else if (c == "}")
            braces--
        done = braces == 0 && (c == ";" ||
            (c == "}" && held ~ INLINE))
        if (done) {
            declaration(held)
            held = ""
        }
    }
    held = held " "
}


BEGIN { INLINE = "(^|[ )])static inline " }

/^# [0-9]+ "/ {
    ours = $3 ~ /include\/moirai\/[a-z_]+\.h"$/
    header = $3
    gsub(/.*include\/|"/, "", header)
    next
}
!ours { next }
/^#define MOIRAI_[A-Z_]+_H *$/ { next }
/^#define / { show(squeeze($0)); next }
/^#/ { next }
{ feed($0) }
