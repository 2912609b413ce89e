# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2018,SC2019  # the letters of ASCII are meant
# words.sh - what coreutils say the words of files are; for scripts to source.

# words PATH...: every word under the paths, as `wordfreq -n 0` prints them.
# grep ends every file with a newline, so that no word joins across two.
words() {
    find -H "$@" -type f -print0 |
        LC_ALL=C xargs -0 -r grep -ah '' |
        LC_ALL=C tr -cs A-Za-z '\n' | LC_ALL=C tr A-Z a-z |
        LC_ALL=C grep . | LC_ALL=C sort -S 25% | LC_ALL=C uniq -c |
        LC_ALL=C sort -k1,1nr -k2,2
}
