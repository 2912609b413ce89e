/* SPDX-License-Identifier: MIT */
/*
 * value.c - one text to one value of a config struct.
 *
 * A value is read into `union value` first and stored only when it is right,
 * so a config struct never holds half of a mistake.
 */
#include "value.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "text.h"

union value {
    bool yes;
    uint64_t number;
    int64_t whole;
    const char *text;
    uint32_t choice;
};

struct type {
    const char *name;
    const char *example;
    const char *noun;               /* "is not ..." */
    size_t size;
};

static const struct type types[] = {
    [MOIRAI_BOOL] = { "boolean", "true", "true or false",
                      sizeof(bool) },
    [MOIRAI_UINT] = { "number", "8", "a whole number", sizeof(uint64_t) },
    [MOIRAI_INT] = { "integer", "8", "a whole number", sizeof(int64_t) },
    [MOIRAI_SIZE] = { "size", "64KiB", "a size", sizeof(uint64_t) },
    [MOIRAI_DURATION] = { "duration", "20us", "a duration",
                          sizeof(int64_t) },
    [MOIRAI_STRING] = { "text", "NAME", "a text", sizeof(const char *) },
    [MOIRAI_CHOICE] = { "choice", "", "a choice", sizeof(uint32_t) },
};

#define TYPES (sizeof types / sizeof types[0])

const char *mo_value_type(uint32_t type)
{
    return type > 0 && type < TYPES ? types[type].name : "unknown";
}

size_t mo_value_size(uint32_t type)
{
    return type > 0 && type < TYPES ? types[type].size : 0;
}

/* Writes "a, b or c" into `out`. */
static void list_words(char *out, size_t size, const char *const *words)
{
    size_t used = 0;

    out[0] = '\0';
    for (size_t i = 0; words[i] != NULL && used + 1 < size; i++) {
        const char *between = i == 0 ? ""
                              : words[i + 1] == NULL ? " or " : ", ";

        snprintf(out + used, size - used, "%s%s", between, words[i]);
        used += strlen(out + used);
    }
}

int mo_value_word(const char *const *words, const char *text)
{
    for (int i = 0; words != NULL && words[i] != NULL; i++) {
        if (strcmp(words[i], text) == 0)
            return i;
    }
    return -1;
}

static int explain_choice(const struct moirai_option *o, const char *text,
                          char *why)
{
    char quoted[MO_TEXT_QUOTED];
    char words[MO_VALUE_WHY / 2];
    struct mo_text_guess guess;

    mo_text_guess_init(&guess, text);
    for (size_t i = 0; o->choices[i] != NULL; i++)
        mo_text_guess_offer(&guess, o->choices[i]);
    list_words(words, sizeof words, o->choices);
    if (guess.best != NULL)
        snprintf(why, MO_VALUE_WHY, "%s is unknown, did you mean \"%.60s\"?",
                 mo_text_quote(quoted, text), guess.best);
    else
        snprintf(why, MO_VALUE_WHY, "%s is unknown; it can be %s",
                 mo_text_quote(quoted, text), words);
    return -EINVAL;
}

const char *mo_value_bound(char *out, const struct moirai_option *o,
                           uint64_t bound)
{
    if (o->type == MOIRAI_SIZE)
        return mo_text_show_size(out, bound);
    if (o->type == MOIRAI_DURATION)
        return mo_text_show_duration(out, (int64_t)bound);
    if (o->type == MOIRAI_INT)
        snprintf(out, MO_TEXT_NUMBER, "%" PRId64, (int64_t)bound);
    else
        snprintf(out, MO_TEXT_NUMBER, "%" PRIu64, bound);
    return out;
}

/* -1: below the minimum, 1: above the maximum, 0: inside. */
static int outside(const struct moirai_option *o, const union value *v)
{
    if (o->min == 0 && o->max == 0)
        return 0;
    if (o->type == MOIRAI_INT || o->type == MOIRAI_DURATION)
        return v->whole < (int64_t)o->min   ? -1
               : v->whole > (int64_t)o->max ? 1
                                            : 0;
    return v->number < o->min ? -1 : v->number > o->max ? 1 : 0;
}

bool mo_value_possible(const struct moirai_option *o)
{
    if (o->type == MOIRAI_BOOL || o->type == MOIRAI_CHOICE ||
        (o->min == 0 && o->max == 0))
        return true;
    if (o->type == MOIRAI_DURATION && (int64_t)o->max < 0)
        return false;
    if (o->type == MOIRAI_INT || o->type == MOIRAI_DURATION)
        return (int64_t)o->min <= (int64_t)o->max;
    return o->min <= o->max;
}

/* "NAME", as long as it has to be. */
static const char *example_string(const struct moirai_option *o, char *out)
{
    size_t n = 4;

    if (o->min != 0 || o->max != 0)
        n = o->min > n ? o->min : o->max < n ? o->max : n;
    if (n > MO_VALUE_EXAMPLE - 1)
        n = MO_VALUE_EXAMPLE - 1;
    for (size_t i = 0; i < n; i++)
        out[i] = "NAME"[i % 4];
    out[n] = '\0';
    return out;
}

/* A number inside the bounds, a usual one if that is. */
static const char *example_number(const struct moirai_option *o, char *out)
{
    const char *usual = types[o->type].example;
    union value v = { .number = 8 };
    int side;

    if (o->type == MOIRAI_SIZE)
        mo_text_size(usual, &v.number);
    else if (o->type == MOIRAI_DURATION)
        mo_text_duration(usual, &v.whole);
    side = outside(o, &v);
    return side == 0 ? usual
                     : mo_value_bound(out, o, side < 0 ? o->min : o->max);
}

const char *mo_value_example(const struct moirai_option *o, char *out)
{
    if (o->preset != NULL && o->preset[0] != '\0' &&
        strcmp(o->preset, "0") != 0)
        return o->preset;
    switch (o->type) {
    case MOIRAI_CHOICE:
        return o->choices[0];
    case MOIRAI_STRING:
        return example_string(o, out);
    case MOIRAI_BOOL:
        return types[o->type].example;
    default:
        return example_number(o, out);
    }
}

static int explain_form(const struct moirai_option *o, const char *text,
                        char *why)
{
    char quoted[MO_TEXT_QUOTED];
    char words[MO_VALUE_WHY / 4] = "";
    char example[MO_VALUE_EXAMPLE];
    uint64_t number;

    mo_text_quote(quoted, text);
    if (o->choices != NULL)
        list_words(words, sizeof words, o->choices);
    if (o->type == MOIRAI_BOOL)
        snprintf(why, MO_VALUE_WHY, "%s is neither true nor false", quoted);
    else if (words[0] != '\0')
        snprintf(why, MO_VALUE_WHY, "%s is neither %s nor %s", quoted,
                 types[o->type].noun, words);
    else if (o->type == MOIRAI_DURATION && mo_text_uint(text, &number) == 0)
        snprintf(why, MO_VALUE_WHY,
                 "%s has no unit; write ns, us, ms, s, m or h after it",
                 quoted);
    else
        snprintf(why, MO_VALUE_WHY, "%s is not %s; write it like %.60s",
                 quoted, types[o->type].noun, mo_value_example(o, example));
    return -EINVAL;
}

static int check_bounds(const struct moirai_option *o, const char *text,
                        const union value *v, char *why)
{
    char bound[MO_TEXT_NUMBER];
    int side = outside(o, v);

    if (side == 0)
        return 0;
    snprintf(why, MO_VALUE_WHY, "%.60s is %s %s%s%.60s", text,
             side < 0 ? "below the minimum" : "above the maximum",
             mo_value_bound(bound, o, side < 0 ? o->min : o->max),
             o->choices != NULL ? "; it can also be " : "",
             o->choices != NULL ? o->choices[0] : "");
    return -EINVAL;
}

/* A number of any sort, or a word that stands for one. */
static int read_number(const struct moirai_option *o, const char *text,
                       union value *v, char *why)
{
    int word = mo_value_word(o->choices, text);
    int rc;

    if (word >= 0) {
        v->number = (uint64_t)word;
        return 0;
    }
    if (o->type == MOIRAI_UINT)
        rc = mo_text_uint(text, &v->number);
    else if (o->type == MOIRAI_INT)
        rc = mo_text_int(text, &v->whole);
    else if (o->type == MOIRAI_SIZE)
        rc = mo_text_size(text, &v->number);
    else
        rc = mo_text_duration(text, &v->whole);
    if (rc == -EINVAL)
        return explain_form(o, text, why);
    if (rc == 0)
        return check_bounds(o, text, v, why);
    snprintf(why, MO_VALUE_WHY, "%.60s is too large", text);
    return -EINVAL;
}

static int read_string(const struct moirai_option *o, const char *text,
                       union value *v, struct mo_arena *arena, char *why)
{
    size_t n = strlen(text);

    if ((o->min != 0 || o->max != 0) && (n < o->min || n > o->max)) {
        snprintf(why, MO_VALUE_WHY, "the text is %s than %" PRIu64 " bytes",
                 n < o->min ? "shorter" : "longer",
                 n < o->min ? o->min : o->max);
        return -EINVAL;
    }
    v->text = mo_arena_strdup(arena, text);
    return v->text != NULL ? 0 : -ENOMEM;
}

int mo_value_parse(const struct moirai_option *option, const char *text,
                    void *config, struct mo_arena *arena, char *why)
{
    union value v = { .number = 0 };
    int rc = 0;

    switch (option->type) {
    case MOIRAI_BOOL:
        if (mo_text_bool(text, &v.yes) != 0)
            rc = explain_form(option, text, why);
        break;
    case MOIRAI_STRING:
        rc = read_string(option, text, &v, arena, why);
        break;
    case MOIRAI_CHOICE:
        v.choice = (uint32_t)mo_value_word(option->choices, text);
        if (v.choice == UINT32_MAX)
            rc = explain_choice(option, text, why);
        break;
    default:
        rc = read_number(option, text, &v, why);
        break;
    }
    if (rc == 0 && config != NULL)
        memcpy((char *)config + option->offset, &v, types[option->type].size);
    return rc;
}

bool mo_value_same(const struct moirai_option *options, const void *a,
                    const void *b)
{
    const struct moirai_option *o = options;

    for (; o != NULL && o->name != NULL; o++) {
        const char *x = (const char *)a + o->offset;
        const char *y = (const char *)b + o->offset;

        if (o->type == MOIRAI_STRING) {
            const char *s;
            const char *t;

            memcpy(&s, x, sizeof s);
            memcpy(&t, y, sizeof t);
            if (strcmp(s, t) != 0)
                return false;
        } else if (memcmp(x, y, types[o->type].size) != 0) {
            return false;
        }
    }
    return true;
}

