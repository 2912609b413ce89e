/* SPDX-License-Identifier: MIT */
/*
 * number.c - numbers, sizes and durations, read another way.
 */
#include "number.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "fuzz.h"
#include "text.h"

#define DIGITS 60                   /* room for 2^64 TiB, and more */

/* A number without sign, its last digit first. */
struct digits {
    unsigned char at[DIGITS];
};

static const struct {
    enum number_sort sort;
    const char *name;
    unsigned times[4];              /* multiplied; 0 ends them */
} units[] = {
    { NUMBER_SIZE, "", { 1 } },
    { NUMBER_SIZE, "B", { 1 } },
    { NUMBER_SIZE, "kB", { 1000 } },
    { NUMBER_SIZE, "KB", { 1000 } },
    { NUMBER_SIZE, "MB", { 1000, 1000 } },
    { NUMBER_SIZE, "GB", { 1000, 1000, 1000 } },
    { NUMBER_SIZE, "TB", { 1000, 1000, 1000, 1000 } },
    { NUMBER_SIZE, "KiB", { 1024 } },
    { NUMBER_SIZE, "MiB", { 1024, 1024 } },
    { NUMBER_SIZE, "GiB", { 1024, 1024, 1024 } },
    { NUMBER_SIZE, "TiB", { 1024, 1024, 1024, 1024 } },
    { NUMBER_DURATION, "ns", { 1 } },
    { NUMBER_DURATION, "us", { 1000 } },
    { NUMBER_DURATION, "\302\265s", { 1000 } },
    { NUMBER_DURATION, "ms", { 1000, 1000 } },
    { NUMBER_DURATION, "s", { 1000, 1000, 1000 } },
    { NUMBER_DURATION, "m", { 60, 1000, 1000, 1000 } },
    { NUMBER_DURATION, "h", { 3600, 1000, 1000, 1000 } },
};

static void multiply(struct digits *d, unsigned by)
{
    unsigned carry = 0;

    for (size_t i = 0; i < DIGITS; i++) {
        carry += d->at[i] * by;
        d->at[i] = (unsigned char)(carry % 10);
        carry /= 10;
    }
}

/* Is it more than `most`, a number in decimal digits? */
static bool above(const struct digits *d, const char *most)
{
    size_t n = strlen(most);

    for (size_t i = DIGITS; i-- > n;) {
        if (d->at[i] != 0)
            return true;
    }
    for (size_t i = n; i-- > 0;) {
        unsigned char digit = (unsigned char)(most[n - 1 - i] - '0');

        if (d->at[i] != digit)
            return d->at[i] > digit;
    }
    return false;
}

static uint64_t binary(const struct digits *d)
{
    uint64_t value = 0;

    for (size_t i = DIGITS; i-- > 0;)
        value = value * 10 + d->at[i];
    return value;
}

/* The factors of `name`, or NULL if there is no such unit. */
static const unsigned *find_unit(enum number_sort sort, const char *name)
{
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (units[i].sort == sort && strcmp(units[i].name, name) == 0)
            return units[i].times;
    }
    return NULL;
}

int number_read(enum number_sort sort, const char *text, uint64_t *value)
{
    static const unsigned once[] = { 1, 0 };
    bool minus = sort == NUMBER_SIGNED && *text == '-';
    const char *p = minus ? text + 1 : text;
    size_t n = strspn(p, "0123456789");
    const char *unit = p + n;
    const unsigned *times = once;
    struct digits d = { { 0 } };
    bool zero = strcmp(p, "0") == 0;

    if (n == 0 || (n > 1 && *p == '0'))
        return -EINVAL;
    if (sort == NUMBER_SIZE || (sort == NUMBER_DURATION && !zero)) {
        unit += unit[0] == ' ' && unit[1] != '\0';
        times = find_unit(sort, unit);
    } else if (*unit != '\0') {
        return -EINVAL;
    }
    if (times == NULL)
        return -EINVAL;
    if (n > DIGITS / 2)
        return -ERANGE;
    for (size_t i = 0; i < n; i++)
        d.at[n - 1 - i] = (unsigned char)(p[i] - '0');
    for (size_t i = 0; i < 4 && times[i] != 0; i++)
        multiply(&d, times[i]);
    if (above(&d, minus                            ? "9223372036854775808"
                  : sort == NUMBER_SIGNED ||
                            sort == NUMBER_DURATION ? "9223372036854775807"
                                                    : "18446744073709551615"))
        return -ERANGE;
    *value = minus ? 0 - binary(&d) : binary(&d);
    return 0;
}

static int core_read(enum number_sort sort, const char *text, uint64_t *value)
{
    int64_t whole = (int64_t)*value;
    int rc;

    switch (sort) {
    case NUMBER_PLAIN: return mo_text_uint(text, value);
    case NUMBER_SIZE: return mo_text_size(text, value);
    case NUMBER_SIGNED: rc = mo_text_int(text, &whole); break;
    default: rc = mo_text_duration(text, &whole); break;
    }
    *value = (uint64_t)whole;
    return rc;
}

static void compare_one(enum number_sort sort, const char *text)
{
    uint64_t expected = 77;
    uint64_t value = 77;            /* both stay so after a mistake */
    int rc = number_read(sort, text, &expected);

    FUZZ_CHECK(core_read(sort, text, &value) == rc, "sort %d of \"%s\": %d",
               (int)sort, text, rc);
    FUZZ_CHECK(value == expected, "sort %d of \"%s\": %" PRIu64, (int)sort,
               text, value);
    if (rc == 0)
        number_write(value);
}

void number_compare(const char *text)
{
    compare_one(NUMBER_PLAIN, text);
    compare_one(NUMBER_SIGNED, text);
    compare_one(NUMBER_SIZE, text);
    compare_one(NUMBER_DURATION, text);
}

void number_write(uint64_t value)
{
    int64_t ns = (int64_t)(value & INT64_MAX);
    char out[MO_TEXT_NUMBER];
    uint64_t bytes = ~value;
    int64_t again = ~ns;

    FUZZ_CHECK(mo_text_size(mo_text_show_size(out, value), &bytes) == 0 &&
               bytes == value, "%" PRIu64 " bytes: %s", value, out);
    FUZZ_CHECK(mo_text_duration(mo_text_show_duration(out, ns), &again) == 0 &&
               again == ns, "%" PRId64 " ns: %s", ns, out);
}
