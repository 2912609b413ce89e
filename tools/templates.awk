# SPDX-License-Identifier: MIT
# templates.awk - writes files, named one after the other, as arrays of C
# strings, a line each: what `moirai plugins new` is made of. The line that says
# whose licence it is stays here: a package is its author's.
FNR == 1 {
    if (open)
        print "    NULL,\n};"
    name = FILENAME
    sub(/^(tools\/templates|examples\/plugin)\//, "", name)
    gsub(/[^A-Za-z0-9]/, "_", name)
    print "\nstatic const char *const template_" name "[] = {"
    open = 1
}
!/SPDX-License-Identifier/ {
    gsub(/\\/, "&&")
    gsub(/"/, "\\\\&")
    print "    \"" $0 "\\n\","
}
BEGIN { print "/* Made of tools/templates by templates.awk. */" }
END { print "    NULL,\n};" }
