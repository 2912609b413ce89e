/* SPDX-License-Identifier: MIT */
/*
 * report.c - all the mistakes of one run, each with its place.
 */
#include "report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

/* A copy of `text` that shows on one line, or NULL. */
static const char *showable(struct mo_arena *arena, const char *text)
{
    char *copy = mo_arena_alloc(arena, 4 * strlen(text) + 1);

    return copy != NULL ? mo_text_show(copy, text) : NULL;
}

static int note(struct mo_report *report, const struct mo_place *place,
                const char *key, const char *text)
{
    struct mo_mistake *mistake;

    if (report->list == NULL)
        report->list = mo_arena_alloc(&report->arena, MO_REPORT_MAX *
                                                      sizeof *report->list);
    if (report->list == NULL)
        return -ENOMEM;
    mistake = &report->list[report->count];
    mistake->place = *place;
    mistake->place.via = NULL;      /* part of the text */
    mistake->number = (uint32_t)report->count;
    if (text != NULL && place->via != NULL)
        text = mo_arena_printf(&report->arena, "%s (from %s)", text,
                               place->via);
    mistake->text = text != NULL ? showable(&report->arena, text) : NULL;
    if (mistake->text == NULL)
        return -ENOMEM;
    if (place->source != NULL)
        mistake->place.source = showable(&report->arena, place->source);
    mistake->key = key != NULL ? showable(&report->arena, key) : NULL;
    if ((place->source != NULL && mistake->place.source == NULL) ||
        (key != NULL && mistake->key == NULL))
        return -ENOMEM;
    report->count++;
    return -EINVAL;
}

void mo_report_add(struct mo_report *report, const struct mo_place *place,
                   const char *key, const char *format, ...)
{
    va_list args;
    int rc;

    if (mo_report_full(report)) {
        report->more++;
        return;
    }
    va_start(args, format);
    rc = note(report, place, key,
              mo_arena_vprintf(&report->arena, format, args));
    va_end(args);
    if (report->code == 0 || rc == -ENOMEM)
        report->code = rc;
}

bool mo_report_full(const struct mo_report *report)
{
    return report->count == MO_REPORT_MAX;
}

static int by_place(const void *a, const void *b)
{
    const struct mo_mistake *x = a;
    const struct mo_mistake *y = b;

    if (x->place.from != y->place.from)
        return x->place.from < y->place.from ? -1 : 1;
    if (x->place.from == MO_FROM_ENV &&
        strcmp(x->place.source, y->place.source) != 0)
        return strcmp(x->place.source, y->place.source);
    if (x->place.line != y->place.line)
        return x->place.line < y->place.line ? -1 : 1;
    if (x->place.column != y->place.column)
        return x->place.column < y->place.column ? -1 : 1;
    return x->number < y->number ? -1 : 1;
}

void mo_report_sort(struct mo_report *report)
{
    if (report->count > 1)
        qsort(report->list, report->count, sizeof report->list[0], by_place);
}

const char *mo_report_from(enum mo_from from)
{
    static const char *const names[] = { "preset", "file", "env", "command",
                                         "api" };

    return names[from];
}

const char *mo_report_place(char *out, size_t size,
                            const struct mo_place *place)
{
    const char *source = place->source;

    if (source == NULL)
        source = mo_report_from(place->from);
    if (place->line == 0)
        snprintf(out, size, "%s", source);
    else
        snprintf(out, size, "%s:%u:%u", source, (unsigned)place->line,
                 (unsigned)place->column);
    return out;
}

const char *mo_report_origin(char *out, size_t size,
                             const struct mo_place *place)
{
    size_t used;

    mo_report_place(out, size, place);
    used = strlen(out);
    if (place->via != NULL)
        snprintf(out + used, size - used, " from %s", place->via);
    return out;
}

const char *mo_report_line(char *out, size_t size,
                           const struct mo_mistake *mistake)
{
    size_t used;

    mo_report_place(out, size, &mistake->place);
    used = strlen(out);
    snprintf(out + used, size - used, ": %s%s%s",
             mistake->key != NULL ? mistake->key : "",
             mistake->key != NULL ? ": " : "", mistake->text);
    return out;
}

/* Room kept for "... and N more". */
#define TAIL 40

int mo_report_error(struct mo_report *report, struct moirai_error *err)
{
    size_t used = 0;
    size_t i;

    mo_report_sort(report);
    if (err == NULL)
        return report->code;
    err->code = report->code;
    err->text[0] = '\0';
    for (i = 0; i < report->count; i++) {
        char *out = err->text + used;
        size_t room = sizeof err->text - TAIL - used;

        if (i > 0 && room > 1)
            *out++ = '\n', room--;
        mo_report_line(out, room, &report->list[i]);
        if (strlen(out) + 1 >= room && i > 0) {
            err->text[used] = '\0';
            break;
        }
        used = (size_t)(out - err->text) + strlen(out);
    }
    if (report->count + report->more > i)
        snprintf(err->text + used, sizeof err->text - used,
                 "\n... and %zu more", report->count + report->more - i);
    if (report->code == -ENOMEM)
        moirai_error_set(err, -ENOMEM, "out of memory");
    return report->code;
}

void mo_report_fini(struct mo_report *report)
{
    mo_arena_fini(&report->arena);
    *report = (struct mo_report){ .list = NULL };
}
