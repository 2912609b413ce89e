/* SPDX-License-Identifier: MIT */
/*
 * mistakes.c - telling what is wrong in a configuration.
 */
#include "mistakes.h"

#include <stdio.h>

#include "tool.h"

void mistakes_print(struct mo_report *report)
{
    char place[4200];

    mo_report_sort(report);
    for (size_t i = 0; i < report->count; i++) {
        const struct mo_mistake *m = &report->list[i];

        fprintf(stderr, "%s%s%s: %s%s%s\n", tool_bold(stderr),
                mo_report_place(place, sizeof place, &m->place),
                tool_plain(stderr), m->key != NULL ? m->key : "",
                m->key != NULL ? ": " : "", m->text);
    }
    if (report->more > 0)
        fprintf(stderr, "... and %zu more\n", report->more);
}

void mistakes_place(struct json *j, const struct mo_place *place)
{
    json_pair(j, "from", mo_report_from(place->from));
    if (place->source != NULL)
        json_pair(j, "source", place->source);
    if (place->line != 0) {
        json_key(j, "line");
        json_number(j, place->line);
        json_key(j, "column");
        json_number(j, place->column);
    }
    if (place->via != NULL)
        json_pair(j, "via", place->via);
}

void mistakes_json(struct json *j, struct mo_report *report)
{
    mo_report_sort(report);
    json_open(j, '[');
    for (size_t i = 0; i < report->count; i++) {
        json_open(j, '{');
        mistakes_place(j, &report->list[i].place);
        json_pair(j, "key", report->list[i].key);
        json_pair(j, "text", report->list[i].text);
        json_close(j, '}');
    }
    json_close(j, ']');
}
