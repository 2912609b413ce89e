/* SPDX-License-Identifier: MIT */
/*
 * json_check.c - is standard input one JSON value, in UTF-8? Exit status 0 if
 * so. For the tests of the tool; strict, and no more than that.
 */
#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "text.h"

#define DEPTH_MAX 64

static char text[1 << 20];
static const char *p = text;
static const char *end;

static bool value(int depth);

static void blanks(void)
{
    while (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r')
        p++;
}

static bool take(char c)
{
    blanks();
    if (*p != c)
        return false;
    p++;
    return true;
}

static bool escape(void)
{
    if (*p == 'u') {
        for (int i = 1; i <= 4; i++) {
            if (isxdigit((unsigned char)p[i]) == 0)
                return false;
        }
        p += 5;
        return true;
    }
    return *p != '\0' && strchr("\"\\/bfnrt", *p++) != NULL;
}

static bool string(void)
{
    if (!take('"'))
        return false;
    while (*p != '"') {
        size_t n = mo_text_utf8(p, (size_t)(end - p));

        if (n == 0 || (unsigned char)*p < 0x20)
            return false;
        p += n;
        if (p[-1] == '\\' && n == 1 && !escape())
            return false;
    }
    p++;
    return true;
}

static bool digits(void)
{
    const char *first = p;

    while (isdigit((unsigned char)*p) != 0)
        p++;
    return p > first;
}

static bool number(void)
{
    if (*p == '-')
        p++;
    if (*p == '0' && isdigit((unsigned char)p[1]) != 0)
        return false;
    if (!digits())
        return false;
    if (*p == '.') {
        p++;
        return digits();
    }
    return true;
}

static bool word(const char *expected)
{
    size_t n = strlen(expected);

    if (strncmp(p, expected, n) != 0)
        return false;
    p += n;
    return true;
}

/* The members of a list or, with keys, of an object. */
static bool members(char close, bool keys, int depth)
{
    if (take(close))
        return true;
    do {
        if (keys && !(string() && take(':')))
            return false;
        if (!value(depth + 1))
            return false;
    } while (take(','));
    return take(close);
}

static bool value(int depth)
{
    if (depth > DEPTH_MAX)
        return false;
    if (take('{'))
        return members('}', true, depth);
    if (take('['))
        return members(']', false, depth);
    if (*p == '"')
        return string();
    if (*p == 't')
        return word("true");
    if (*p == 'f')
        return word("false");
    if (*p == 'n')
        return word("null");
    return number();
}

int main(void)
{
    size_t n = fread(text, 1, sizeof text - 1, stdin);
    bool right;

    end = text + n;
    right = n > 0 && memchr(text, '\0', n) == NULL && value(0);
    blanks();
    if (right && p == end)
        return 0;
    fprintf(stderr, "no JSON at byte %zu: %.40s\n", (size_t)(p - text), p);
    return 1;
}
