/* SPDX-License-Identifier: MIT */
/*
 * json.c - writing JSON.
 */
#include "json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "text.h"

static FILE *to(const struct json *j)
{
    return j->file != NULL ? j->file : stdout;
}

static void before(struct json *j)
{
    if (j->comma)
        putc(',', to(j));
    j->comma = true;
}

void json_open(struct json *j, char bracket)
{
    before(j);
    putc(bracket, to(j));
    j->comma = false;
}

void json_close(struct json *j, char bracket)
{
    putc(bracket, to(j));
    j->comma = true;
}

static void quote(FILE *file, const char *text)
{
    size_t left = strlen(text);

    putc('"', file);
    while (left > 0) {
        unsigned char c = (unsigned char)*text;
        size_t n = mo_text_utf8(text, left);

        if (n == 0) {
            fputs("\xef\xbf\xbd", file);
            n = 1;
        } else if (c < 0x20 || c == 0x7f) {
            fprintf(file, "\\u%04x", (unsigned)c);
        } else {
            if (c == '"' || c == '\\')
                putc('\\', file);
            fwrite(text, 1, n, file);
        }
        text += n;
        left -= n;
    }
    putc('"', file);
}

void json_key(struct json *j, const char *key)
{
    before(j);
    quote(to(j), key);
    putc(':', to(j));
    j->comma = false;
}

void json_text(struct json *j, const char *text)
{
    before(j);
    if (text != NULL)
        quote(to(j), text);
    else
        fputs("null", to(j));
}

void json_number(struct json *j, int64_t number)
{
    before(j);
    fprintf(to(j), "%" PRId64, number);
}

void json_unsigned(struct json *j, uint64_t number)
{
    before(j);
    fprintf(to(j), "%" PRIu64, number);
}

void json_real(struct json *j, double number)
{
    before(j);
    fprintf(to(j), "%.6f", number);
}

void json_bool(struct json *j, bool value)
{
    before(j);
    fputs(value ? "true" : "false", to(j));
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
