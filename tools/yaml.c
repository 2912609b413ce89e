/* SPDX-License-Identifier: MIT */
/*
 * yaml.c - writing scalars that a configuration reads back as they were.
 */
#include "yaml.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "text.h"

/* Would a reader of YAML take this text for something other than a text? */
static bool means_more(const char *text)
{
    static const char *const words[] = {
        "true", "false", "yes", "no", "on", "off", "y", "n", "null", "nan",
        "inf",
    };

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcasecmp(text, words[i]) == 0)
            return true;
    }
    return text[0] == '.' || text[0] == '+' || text[0] == '-' ||
           isdigit((unsigned char)text[0]) != 0;
}

static bool is_plain(const char *text, const struct moirai_option *option)
{
    bool words = option == NULL || option->type == MOIRAI_STRING ||
                 option->type == MOIRAI_CHOICE;

    for (const char *p = text; *p != '\0'; p++) {
        if (isalnum((unsigned char)*p) == 0 && strchr("_./+-", *p) == NULL)
            return false;
    }
    return text[0] != '\0' && !(words && means_more(text));
}

/* One character of `left` bytes at *text, between double quotes. */
static int put_quoted(const char **text, size_t left, bool value)
{
    unsigned char c = (unsigned char)**text;
    size_t n = mo_text_utf8(*text, left);
    int put;

    if (c == '"' || c == '\\')
        put = printf("\\%c", c);
    else if (c == '$' && value)
        put = printf("$$");
    else if (n == 0 || c < 0x20 || c == 0x7f)
        put = printf("\\x%02x", c);
    else if (n == 2 && c == 0xc2)
        put = printf("\\x%02x", (unsigned)(unsigned char)(*text)[1]);
    else if (n == 3 && c == 0xe2 && ((*text)[1] & 0xfe) == 0x80)
        put = printf("\\u%04x", 0x2000u + (((unsigned)(*text)[1] & 1u) << 6) +
                                    ((unsigned)(*text)[2] & 0x3fu));
    else
        put = (int)fwrite(*text, 1, n, stdout);
    *text += n > 0 ? n : 1;
    return put;
}

int yaml_put(const char *text, const struct moirai_option *option)
{
    const char *end = text + strlen(text);
    int put = 2;

    if (is_plain(text, option))
        return printf("%s", text);
    putchar('"');
    while (text < end)
        put += put_quoted(&text, (size_t)(end - text), option != NULL);
    putchar('"');
    return put;
}
