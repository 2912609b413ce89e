/* SPDX-License-Identifier: MIT */
/*
 * svg.c - what the pictures that the tool writes have in common.
 */
#include "svg.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "text.h"

void svg_put(FILE *file, const char *text)
{
    size_t left = strlen(text);

    while (left > 0) {
        size_t n = mo_text_utf8(text, left);
        const char *entity = *text == '<' ? "&lt;" : *text == '>' ? "&gt;"
                             : *text == '&' ? "&amp;" : NULL;

        if (n == 0 || (unsigned char)*text < 0x20)
            entity = "?";
        n = n > 0 ? n : 1;
        if (entity != NULL)
            fputs(entity, file);
        else
            fwrite(text, 1, n, file);
        text += n;
        left -= n;
    }
}

int svg_close(FILE *file)
{
    bool bad;

    errno = 0;
    bad = fflush(file) != 0 || ferror(file) != 0;
    if (fclose(file) != 0 || bad)
        return errno != 0 ? errno : EIO;
    return 0;
}
