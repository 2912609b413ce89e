/* SPDX-License-Identifier: MIT */
/*
 * fuzz_text.c - everything in core/text.c, compared with plainer ways.
 *
 * The first line of an input is a text; with the second one it is a pair of
 * words.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "number.h"
#include "text.h"

#include "fuzz.h"

const char fuzz_name[] = "text";

#define WORD_MAX 63

/* The length of a character as Unicode's table 3-7 says it, or 0. */
static size_t character(const unsigned char *p, size_t n)
{
    static const struct {
        unsigned char first[2], second[2];
        size_t length;
    } rows[] = {
        { { 0x00, 0x7f }, { 0x00, 0xff }, 1 },
        { { 0xc2, 0xdf }, { 0x80, 0xbf }, 2 },
        { { 0xe0, 0xe0 }, { 0xa0, 0xbf }, 3 },
        { { 0xe1, 0xec }, { 0x80, 0xbf }, 3 },
        { { 0xed, 0xed }, { 0x80, 0x9f }, 3 },
        { { 0xee, 0xef }, { 0x80, 0xbf }, 3 },
        { { 0xf0, 0xf0 }, { 0x90, 0xbf }, 4 },
        { { 0xf1, 0xf3 }, { 0x80, 0xbf }, 4 },
        { { 0xf4, 0xf4 }, { 0x80, 0x8f }, 4 },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t length = rows[i].length;
        size_t k = 2;

        if (p[0] < rows[i].first[0] || p[0] > rows[i].first[1])
            continue;
        if (length == 1)
            return 1;
        if (length > n || p[1] < rows[i].second[0] || p[1] > rows[i].second[1])
            return 0;
        while (k < length && p[k] >= 0x80 && p[k] <= 0xbf)
            k++;
        return k == length ? length : 0;
    }
    return 0;
}

static void try_characters(const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size; i++)
        FUZZ_CHECK(mo_text_utf8((const char *)data + i, size - i) ==
                   character(data + i, size - i), "at byte %zu", i);
}

static void try_showing(const char *text)
{
    char quoted[MO_TEXT_QUOTED];
    size_t n = strlen(text);
    char *shown = malloc(4 * n + 1);

    if (shown == NULL)
        abort();
    mo_text_show(shown, text);
    FUZZ_CHECK(mo_text_shows(shown, 4 * n), "shown is \"%s\"", shown);
    FUZZ_CHECK(mo_text_shows(text, n) == (strcmp(text, shown) == 0),
               "shown is \"%s\"", shown);
    FUZZ_CHECK(n == 0 || !mo_text_shows(text, n - 1), "longer than said");
    mo_text_quote(quoted, text);
    n = strlen(quoted);
    FUZZ_CHECK(n >= 2 && n < sizeof quoted && quoted[0] == '"' &&
               quoted[n - 1] == '"' && mo_text_shows(quoted, n),
               "quoted is %s", quoted);
    if (strstr(quoted, "...\"") == NULL)
        FUZZ_CHECK(strncmp(quoted + 1, shown, n - 2) == 0 &&
                   shown[n - 2] == '\0', "%s, %s", quoted, shown);
    free(shown);
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* The whole table, straight from the definition. */
static size_t distance(const char *a, const char *b)
{
    static size_t d[WORD_MAX + 1][WORD_MAX + 1];
    size_t n = strlen(a);
    size_t m = strlen(b);

    for (size_t i = 0; i <= n; i++) {
        for (size_t j = 0; j <= m; j++) {
            if (i == 0 || j == 0) {
                d[i][j] = i + j;
                continue;
            }
            d[i][j] = d[i - 1][j - 1] + (lower(a[i - 1]) != lower(b[j - 1]));
            d[i][j] = smaller(d[i][j], d[i - 1][j] + 1);
            d[i][j] = smaller(d[i][j], d[i][j - 1] + 1);
            if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
                lower(a[i - 2]) == lower(b[j - 1]))
                d[i][j] = smaller(d[i][j], d[i - 2][j - 2] + 1);
        }
    }
    return d[n][m];
}

static void try_words(const char *a, const char *b)
{
    bool small = strlen(a) <= WORD_MAX && strlen(b) <= WORD_MAX;
    size_t expected = small ? distance(a, b) : SIZE_MAX;
    struct mo_text_guess guess;

    FUZZ_CHECK(mo_text_distance(a, b) == expected, "\"%s\", \"%s\": %zu", a,
               b, expected);
    FUZZ_CHECK(mo_text_distance(b, a) == expected, "\"%s\", \"%s\": %zu", b,
               a, expected);
    mo_text_guess_init(&guess, a);
    mo_text_guess_offer(&guess, b);
    FUZZ_CHECK(guess.best == NULL || (guess.best == b && expected != SIZE_MAX),
               "\"%s\" for \"%s\"", b, a);
    mo_text_guess_offer(&guess, a);
    FUZZ_CHECK(guess.best == NULL || guess.distance == 0, "\"%s\"", a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size);
    uint64_t number = 0;
    char *rest = text;
    char *a;
    bool yes;

    try_characters(data, size);
    try_showing(text);
    memcpy(&number, data, size < sizeof number ? size : sizeof number);
    number_write(number);
    a = fuzz_line(&rest);
    if (a != NULL) {
        number_compare(a);
        mo_text_bool(a, &yes);
        try_words(a, rest != NULL ? rest : "");
    }
    free(text);
    return 0;
}
