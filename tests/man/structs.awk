# SPDX-License-Identifier: MIT
# structs.awk - a page, its structures as the header has them.
#
# In each literal display that begins with "struct NAME {" what follows comes
# from `header`, narrower than there: indented by two, comments eight columns
# further to the left. A structure that the header does not have is left out.

function escape(s)
{
    gsub(/\\/, "\\e", s)
    gsub(/-/, "\\-", s)
    gsub(/'/, "\\(aq", s)
    gsub(/`/, "\\(ga", s)
    gsub(/\^/, "\\(ha", s)
    gsub(/~/, "\\(ti", s)
    return s
}

function narrow(s)
{
    sub(/         \/\*/, " /*", s)
    if (s ~ /^                                    /)
        s = substr(s, 9)
    sub(/^    /, "  ", s)
    return s
}

BEGIN {
    while ((getline line < header) > 0) {
        if (line ~ /^struct [a-z_]+ \{/) {
            name = line
            sub(/ \{.*/, "", name)
            sub(/\{ *\/\*.*/, "{", line)
        }
        if (name != "")
            body[name] = body[name] escape(narrow(line)) "\n"
        if (line ~ /^\}/)
            name = ""
    }
}

/^\.Ed/ { skip = 0 }
previous ~ /^\.Bd -literal/ && /^struct [a-z_]+ \{$/ {
    name = $0
    sub(/ \{.*/, "", name)
    printf "%s", body[name]
    skip = 1
}
!skip { print }
{ previous = $0 }
