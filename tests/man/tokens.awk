# SPDX-License-Identifier: MIT
# tokens.awk - C with exactly one blank between any two tokens.

function tokens(s)
{
    gsub(/[(),*]/, " & ", s)
    gsub(/[ \t\n]+/, " ", s)
    sub(/^ /, "", s)
    sub(/ $/, "", s)
    return s
}
