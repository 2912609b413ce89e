/* SPDX-License-Identifier: MIT */
/*
 * json.c - writing JSON to standard output.
 */
#include "json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "text.h"

static void before(struct json *j)
{
    if (j->comma)
        putchar(',');
    j->comma = true;
}

void json_open(struct json *j, char bracket)
{
    before(j);
    putchar(bracket);
    j->comma = false;
}

void json_close(struct json *j, char bracket)
{
    putchar(bracket);
    j->comma = true;
}

static void quote(const char *text)
{
    size_t left = strlen(text);

    putchar('"');
    while (left > 0) {
        unsigned char c = (unsigned char)*text;
        size_t n = mo_text_utf8(text, left);

        if (n == 0) {
            fputs("\xef\xbf\xbd", stdout);
            n = 1;
        } else if (c < 0x20 || c == 0x7f) {
            printf("\\u%04x", (unsigned)c);
        } else {
            if (c == '"' || c == '\\')
                putchar('\\');
            fwrite(text, 1, n, stdout);
        }
        text += n;
        left -= n;
    }
    putchar('"');
}

void json_key(struct json *j, const char *key)
{
    before(j);
    quote(key);
    putchar(':');
    j->comma = false;
}

void json_text(struct json *j, const char *text)
{
    before(j);
    if (text != NULL)
        quote(text);
    else
        fputs("null", stdout);
}

void json_number(struct json *j, int64_t number)
{
    before(j);
    printf("%" PRId64, number);
}

void json_unsigned(struct json *j, uint64_t number)
{
    before(j);
    printf("%" PRIu64, number);
}

void json_bool(struct json *j, bool value)
{
    before(j);
    fputs(value ? "true" : "false", stdout);
}

void json_pair(struct json *j, const char *key, const char *text)
{
    json_key(j, key);
    json_text(j, text);
}

void json_end(void)
{
    putchar('\n');
}
