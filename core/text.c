/* SPDX-License-Identifier: MIT */
/*
 * text.c - reading what people write: numbers, sizes, durations, words.
 *
 * Rejected: strtoull and friends. They take signs, blanks, octal and the
 * locale's grouping, and a number in a configuration should mean one thing.
 * For the same reason 010 is no number here: YAML 1.1 reads it as 8 and 1.2
 * as 10.
 */
#include "text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define WORD_MAX 63
#define PAIRS_MAX 500000            /* a millisecond or two */

struct unit {
    const char *name;
    uint64_t factor;
};

static const struct unit size_units[] = {
    { "TiB", UINT64_C(1) << 40 }, { "TB", UINT64_C(1000000000000) },
    { "GiB", UINT64_C(1) << 30 }, { "GB", UINT64_C(1000000000) },
    { "MiB", UINT64_C(1) << 20 }, { "MB", UINT64_C(1000000) },
    { "KiB", UINT64_C(1) << 10 }, { "KB", UINT64_C(1000) },
    { "kB", UINT64_C(1000) },     { "B", 1 },
    { "", 1 },                    { NULL, 0 },
};

static const struct unit duration_units[] = {
    { "h", UINT64_C(3600000000000) }, { "m", UINT64_C(60000000000) },
    { "s", UINT64_C(1000000000) },    { "ms", UINT64_C(1000000) },
    { "us", UINT64_C(1000) },         { "\xc2\xb5s", UINT64_C(1000) },
    { "ns", 1 },                      { NULL, 0 },
};

/* False and true in turn. */
static const char *const bool_words[] = {
    "false", "true", "no", "yes", "off", "on",
};

#define BOOL_WORDS (sizeof bool_words / sizeof bool_words[0])

const char *mo_text_bool_word(size_t i)
{
    return i < BOOL_WORDS ? bool_words[i] : NULL;
}

const char *mo_text_size_unit(size_t i)
{
    return i < sizeof size_units / sizeof size_units[0] ? size_units[i].name
                                                        : NULL;
}

const char *mo_text_duration_unit(size_t i)
{
    return i < sizeof duration_units / sizeof duration_units[0]
               ? duration_units[i].name : NULL;
}

int mo_text_bool(const char *text, bool *value)
{
    for (size_t i = 0; i < BOOL_WORDS; i++) {
        if (strcmp(text, bool_words[i]) == 0) {
            *value = i % 2 != 0;
            return 0;
        }
    }
    return -EINVAL;
}

/* Reads digits up to the first other byte, which *rest then points to. A
 * number too large still has its digits read, so that -ERANGE is only said of
 * what is otherwise well formed. */
static int digits(const char *text, uint64_t *value, const char **rest)
{
    uint64_t sum = 0;
    bool large = false;
    const char *p = text;

    for (; *p >= '0' && *p <= '9'; p++) {
        unsigned digit = (unsigned)(*p - '0');

        if (sum > (UINT64_MAX - digit) / 10)
            large = true;
        else
            sum = sum * 10 + digit;
    }
    if (p == text || (p - text > 1 && text[0] == '0'))
        return -EINVAL;
    *rest = p;
    *value = sum;
    return large ? -ERANGE : 0;
}

int mo_text_uint(const char *text, uint64_t *value)
{
    uint64_t number = 0;
    const char *rest = text;
    int rc = digits(text, &number, &rest);

    if (rc == -EINVAL || *rest != '\0')
        return -EINVAL;
    if (rc == 0)
        *value = number;
    return rc;
}

int mo_text_int(const char *text, int64_t *value)
{
    bool negative = text[0] == '-';
    uint64_t number = 0;
    int rc = mo_text_uint(negative ? text + 1 : text, &number);

    if (rc != 0)
        return rc;
    if (number > (uint64_t)INT64_MAX + (negative ? 1 : 0))
        return -ERANGE;
    *value = negative ? (int64_t)(0 - number) : (int64_t)number;
    return 0;
}

/* A number, perhaps one blank, and one of `units`. */
static int quantity(const char *text, const struct unit *units,
                    uint64_t *value)
{
    uint64_t number = 0;
    const char *rest = text;
    int rc = digits(text, &number, &rest);

    if (rc == -EINVAL)
        return rc;
    if (rest[0] == ' ' && rest[1] != '\0')
        rest++;
    while (units->name != NULL && strcmp(rest, units->name) != 0)
        units++;
    if (units->name == NULL)
        return -EINVAL;
    if (rc == -ERANGE || number > UINT64_MAX / units->factor)
        return -ERANGE;
    *value = number * units->factor;
    return 0;
}

int mo_text_size(const char *text, uint64_t *bytes)
{
    return quantity(text, size_units, bytes);
}

int mo_text_duration(const char *text, int64_t *ns)
{
    uint64_t value = 0;
    int rc = strcmp(text, "0") == 0 ? 0
                                    : quantity(text, duration_units, &value);

    if (rc == 0 && value > (uint64_t)INT64_MAX)
        rc = -ERANGE;
    if (rc == 0)
        *ns = (int64_t)value;
    return rc;
}

const char *mo_text_show_size(char *out, uint64_t bytes)
{
    static const char *const names[] = { "", "KiB", "MiB", "GiB", "TiB" };
    size_t i = 0;

    while (i < 4 && bytes != 0 && bytes % 1024 == 0) {
        bytes /= 1024;
        i++;
    }
    snprintf(out, MO_TEXT_NUMBER, "%" PRIu64 "%s", bytes, names[i]);
    return out;
}

const char *mo_text_show_duration(char *out, int64_t ns)
{
    const struct unit *unit = duration_units;

    while (unit->factor > 1 && (ns == 0 || ns % (int64_t)unit->factor != 0))
        unit++;
    snprintf(out, MO_TEXT_NUMBER, "%" PRId64 "%s",
             ns / (int64_t)unit->factor, ns == 0 ? "" : unit->name);
    return out;
}

size_t mo_text_utf8(const char *text, size_t n)
{
    const unsigned char *p = (const unsigned char *)text;
    size_t length = p[0] < 0x80 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;

    if (length == 1)
        return 1;
    if (p[0] < 0xc2 || p[0] > 0xf4 || length > n)
        return 0;
    for (size_t i = 1; i < length; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    }
    if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
        (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
        return 0;                   /* overlong, surrogate, beyond Unicode */
    return length;
}

/* Does a character of n bytes do something to the text around it? U+009B begins
 * the same sequences as ESC [ does, U+2028 ends a line, U+202E and its like
 * turn the order of what follows round. */
static bool acts(const unsigned char *p, size_t n)
{
    if (n == 1)
        return p[0] < 0x20 || p[0] == 0x7f;
    if (n == 2)
        return p[0] == 0xc2 && p[1] < 0xa0;
    if (n != 3 || p[0] != 0xe2)
        return false;
    return (p[1] == 0x80 && (p[2] == 0x8e || p[2] == 0x8f ||
                             (p[2] >= 0xa8 && p[2] <= 0xae))) ||
           (p[1] == 0x81 && p[2] >= 0xa6 && p[2] <= 0xa9);
}

/* Length of the character at `text` if it may be shown as it is, else 0. */
static size_t shows(const char *text, size_t left)
{
    size_t n = mo_text_utf8(text, left);

    return acts((const unsigned char *)text, n) ? 0 : n;
}

char *mo_text_show(char *out, const char *text)
{
    size_t left = strlen(text);
    char *p = out;

    while (left > 0) {
        size_t n = shows(text, left);

        if (n > 0) {
            memcpy(p, text, n);
            p += n;
        } else {
            n = 1;
            p += sprintf(p, "\\x%02x", (unsigned)(unsigned char)*text);
        }
        text += n;
        left -= n;
    }
    *p = '\0';
    return out;
}

bool mo_text_shows(const char *text, size_t most)
{
    size_t left = text != NULL ? strnlen(text, most + 1) : 0;

    if (left > most)
        return false;
    while (left > 0) {
        size_t n = shows(text, left);

        if (n == 0)
            return false;
        text += n;
        left -= n;
    }
    return true;
}

const char *mo_text_quote(char *out, const char *text)
{
    size_t left = strlen(text);
    char *p = out;
    char *end = out + MO_TEXT_QUOTED - sizeof "\\xNN...\"";

    *p++ = '"';
    while (left > 0 && p < end) {
        size_t n = shows(text, left);

        if (n > 0) {
            memcpy(p, text, n);
        } else {
            snprintf(p, 5, "\\x%02x", (unsigned)(unsigned char)*text);
            n = 1;
            p += 3;
        }
        p += n;
        text += n;
        left -= n;
    }
    strcpy(p, left > 0 ? "...\"" : "\"");
    return out;
}

static char fold(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t mo_text_distance(const char *a, const char *b)
{
    size_t rows[3][WORD_MAX + 1];   /* two before, one before, this one */
    size_t na = strlen(a);
    size_t nb = strlen(b);

    if (na > WORD_MAX || nb > WORD_MAX)
        return SIZE_MAX;
    for (size_t j = 0; j <= nb; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= na; i++) {
        size_t *row = rows[i % 3];
        const size_t *above = rows[(i + 2) % 3];
        const size_t *higher = rows[(i + 1) % 3];

        row[0] = i;
        for (size_t j = 1; j <= nb; j++) {
            char x = fold(a[i - 1]);
            char y = fold(b[j - 1]);

            row[j] = least(above[j - 1] + (x != y),
                           least(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && x == fold(b[j - 2]) && y == fold(a[i - 2]))
                row[j] = least(row[j], higher[j - 2] + 1);
        }
    }
    return rows[na % 3][nb];
}

void mo_text_guess_init(struct mo_text_guess *guess, const char *word)
{
    guess->word = word;
    guess->best = NULL;
    guess->distance = SIZE_MAX;
    guess->pairs = 0;
}

void mo_text_guess_offer(struct mo_text_guess *guess, const char *candidate)
{
    size_t typed = strlen(guess->word);
    size_t longer = strlen(candidate);
    size_t distance;

    if (guess->pairs > PAIRS_MAX)
        return;
    guess->pairs += typed * longer;
    distance = mo_text_distance(guess->word, candidate);
    if (longer < typed)
        longer = typed;
    if (distance == SIZE_MAX || distance >= guess->distance)
        return;
    if (distance > (longer + 2) / 3 || distance >= typed)
        return;
    guess->best = candidate;
    guess->distance = distance;
}
