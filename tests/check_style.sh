#!/bin/sh
# SPDX-License-Identifier: MIT
# check_style.sh - what can be counted of the look: lengths, widths, heads.
#
# A function has at most 60 lines between its braces, or `Long: <reason>` in
# the comment above it; a file has at most 600 lines, a line 80 columns.
set -u
cd "${srcdir:-.}" || exit 1

bad=$(find core include plugins tools examples tests bench -name '*.[chS]' \
    2>/dev/null | sort | LC_ALL=C xargs awk '
    function say(line, text) { print FILENAME ":" line ": " text }

    FNR == 1 {
        if ($0 !~ /SPDX-License-Identifier: MIT/)
            say(1, "the first line is not the SPDX line")
        comment = ""; comment_end = 0; head_end = 0; open = 0
    }
    FNR == 601 { say(FNR, "the file is longer than 600 lines") }
    /\t/ && !/\.S$/ { say(FNR, "a tab") }
    /[ \t]$/ { say(FNR, "a blank at the end of the line") }
    /^[ \t]*#[ \t]*if 0/ { say(FNR, "code switched off by #if 0") }
    /TODO|FIXME/ { say(FNR, "something left to do") }
    {
        columns = $0
        gsub(/[\200-\277]/, "", columns)
        if (length(columns) > 80)
            say(FNR, "wider than 80 columns")
    }

    # The comment that ended last, and the signature that may follow it.
    /^\/\*/ { comment = ""; in_comment = 1 }
    in_comment { comment = comment $0 }
    in_comment && /\*\// { in_comment = 0; comment_end = FNR; next }
    /^$/ || /^[};#]/ { if (!open) comment = "" }

    /^\{$/ { open = FNR }
    /^\}/ && open {
        if (FNR - open - 1 > 60 && comment !~ /Long: /)
            say(open, "a function of " FNR - open - 1 " lines; " \
                "over 60 it says why: Long: <reason>")
        open = 0
    }')
echo "1..1"
if [ -z "$bad" ]; then
    echo "ok 1 - lengths, widths, heads"
else
    echo "$bad"
    echo "not ok 1 - lengths, widths, heads"
fi
