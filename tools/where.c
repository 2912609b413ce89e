/* SPDX-License-Identifier: MIT */
/*
 * where.c - where the workers of a configuration would go.
 */
#include "where.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <moirai/sched.h>

#include "section.h"
#include "why.h"

#define SHOWN 8                     /* runs of workers that a sentence names */

int where_open(const struct mo_setup *s, struct mo_seats *seats,
               struct moirai_error *err)
{
    const struct moirai_sched_ops *ops = mo_setup_sched(s)->ops;
    bool by_node = ops != NULL && (ops->flags & MOIRAI_SCHED_NODES) != 0;
    char why[WHY_MAX];
    uint32_t n = why_workers(why, s);

    return mo_seats_open(mo_setup_runtime(s), by_node, n, n, seats, err);
}

int where_try(const struct mo_setup *s, struct mo_report *report)
{
    struct mo_place place = { .from = MO_FROM_PRESET };
    const struct mo_option_value *v = mo_setup_values(s);
    struct moirai_error err = { .code = 0 };
    struct mo_seats seats;
    int rc = where_open(s, &seats, &err);
    bool topology = strncmp(err.text, "runtime.topology",
                            strlen("runtime.topology")) == 0;

    while (v != NULL && strcmp(v->key, topology ? "runtime.topology"
                                                : "runtime.bind") != 0)
        v = v->next;
    if (rc == 0)
        mo_seats_close(&seats);
    else if (rc != -ENOMEM)
        mo_report_add(report, v != NULL ? &v->place : &place, NULL, "%s",
                      err.text);
    return rc == -ENOMEM ? rc : 0;
}

/* Do they sit together? */
static bool same(const struct mo_seats *seats, uint32_t a, uint32_t b)
{
    return seats->each[a].first == seats->each[b].first
        && seats->each[a].count == seats->each[b].count;
}

static size_t add_run(char *out, size_t used, const struct mo_seats *seats,
                      uint32_t first, uint32_t last)
{
    const struct mo_seat *seat = &seats->each[first];
    const char *comma = first != 0 ? ", " : "";
    bool node = seats->bind == MO_BIND_NODE;
    unsigned to = node ? seats->machine.nodes[seat->node].number
                       : seats->numbers[seat->first];

    if (first == last)
        snprintf(out + used, WHERE_MAX - used, "%sworker %u to %s %u", comma,
                 (unsigned)first, node ? "node" : "processor", to);
    else
        snprintf(out + used, WHERE_MAX - used, "%sworkers %u to %u to %s %u",
                 comma, (unsigned)first, (unsigned)last,
                 node ? "node" : "processor", to);
    return strlen(out);
}

const char *where_text(char *out, const struct mo_seats *seats)
{
    size_t used;
    uint32_t runs = 0;

    if (seats->each == NULL) {
        snprintf(out, WHERE_MAX, "None of them is bound to processors");
        return out;
    }
    snprintf(out, WHERE_MAX, "%s (%s): ", seats->machine.real ? "Bound"
             : "The machine is made up, so that nobody is bound; else",
             mo_section_binds[seats->bind]);
    used = strlen(out);
    for (uint32_t i = 0; i < seats->count && runs < SHOWN; runs++) {
        uint32_t last = i;

        while (last + 1 < seats->count && same(seats, i, last + 1))
            last++;
        used = add_run(out, used, seats, i, last);
        i = last + 1;
        if (i < seats->count && runs + 1 == SHOWN)
            snprintf(out + used, WHERE_MAX - used, " and so on");
    }
    return out;
}
