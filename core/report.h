/* SPDX-License-Identifier: MIT */
/*
 * report.h - all the mistakes of one run, each with its place.
 *
 * Reading a configuration goes on after a mistake, so that the user sees all
 * of them at once. A report takes the first MO_REPORT_MAX and counts the rest.
 * One thread at a time.
 */
#ifndef MO_REPORT_H
#define MO_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <moirai/error.h>

#include "arena.h"

#define MO_REPORT_MAX 100

/* Who said it; a later one wins. */
enum mo_from {
    MO_FROM_PRESET = 0,
    MO_FROM_FILE = 1,
    MO_FROM_ENV = 2,
    MO_FROM_COMMAND = 3,            /* `moirai ... -s KEY=VALUE` */
    MO_FROM_API = 4
};

/* Where a text was written. Lines and columns count from 1, in characters; 0
 * means none. The source outlives the place. */
struct mo_place {
    enum mo_from from;
    const char *source;             /* file, variable's name, or NULL */
    uint32_t line, column;
    const char *via;                /* variables the text came from, as in
                                     * expand.h; NULL: it stands there itself */
};

struct mo_mistake {
    struct mo_place place;
    const char *key;                /* "scheduler.batch"; NULL: none */
    const char *text;               /* what is wrong, what would be right */
    uint32_t number;                /* in order of finding */
};

/* All zero: nothing wrong so far. */
struct mo_report {
    struct mo_arena arena;
    struct mo_mistake *list;        /* of MO_REPORT_MAX; NULL while empty */
    size_t count;
    size_t more;                    /* found, but not listed */
    int code;                       /* 0, or what the run ends in */
};

/* Notes a mistake (place, key and text are copied) and makes the run end in
 * -EINVAL, or in -ENOMEM if it cannot be noted. Bytes that would not show on
 * a line become \xNN. Which variables had a part in it goes into the text. */
__attribute__((format(printf, 4, 5)))
void mo_report_add(struct mo_report *report, const struct mo_place *place,
                   const char *key, const char *format, ...);

/* Does it list no more? What takes long to judge need not be judged then. */
bool mo_report_full(const struct mo_report *report);

/* Sorts by place: files by line and column, then environment
 * by name, then the command line, then API. */
void mo_report_sort(struct mo_report *report);

/* "preset", "file", "env", "command" or "api". */
const char *mo_report_from(enum mo_from from);

/* "file:line:column", "NAME", "-s", "api" or "preset" into `out`; returns
 * `out`. */
const char *mo_report_place(char *out, size_t size,
                            const struct mo_place *place);

/* The place, and the variables that the text came from: "f:1:2 from ${A}". */
const char *mo_report_origin(char *out, size_t size,
                             const struct mo_place *place);

/* The line that tells a mistake: "place: key: text". Returns `out`. */
const char *mo_report_line(char *out, size_t size,
                           const struct mo_mistake *mistake);

/* Sorts, and puts all lines that fit into *err (may be NULL), then how many
 * are left out. Returns report->code. */
int mo_report_error(struct mo_report *report, struct moirai_error *err);

void mo_report_fini(struct mo_report *report);

#endif
