/* SPDX-License-Identifier: MIT */
/*
 * sim_inject.c - which faults a simulation is to have.
 */
#include "sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"
#include "tool.h"

/* What may follow --inject; each is a key of the scheduler. */
static const char *const faults[] = { "memory", "wakes", "timers", "cancels" };

#define FAULTS (sizeof faults / sizeof faults[0])

static bool is_fault(const char *name, size_t n)
{
    for (size_t i = 0; i < FAULTS; i++)
        if (strlen(faults[i]) == n && strncmp(faults[i], name, n) == 0)
            return true;
    return false;
}

static bool is_right(const char *name, size_t n, const char *value)
{
    uint64_t number;
    int64_t ns;

    if (n == 5 && strncmp(name, "delay", n) == 0)
        return mo_text_duration(value, &ns) == 0 && ns > 0;
    return (is_fault(name, n) || (n == 5 && strncmp(name, "limit", n) == 0))
        && mo_text_uint(value, &number) == 0 && number >= 1
        && number <= UINT32_MAX;
}

static int wrong(const char *text)
{
    char quoted[MO_TEXT_QUOTED];

    return tool_usage("sim", "--inject takes memory=N, wakes=N, timers=N, "
                      "cancels=N, limit=N or delay=TIME, not %s",
                      mo_text_quote(quoted, text));
}

int sim_inject(struct sim *sim, char *text)
{
    char *rest = text;
    char *item;

    if (*text == '\0')
        return wrong(text);
    while ((item = strsep(&rest, ",")) != NULL) {
        char *value = strchr(item, '=');
        size_t used = strlen(sim->inject);
        size_t room = sizeof sim->inject - used;

        if (value == NULL || !is_right(item, (size_t)(value - item), value + 1))
            return wrong(item);
        if ((size_t)snprintf(sim->inject + used, room,
                             "\nscheduler.inject_%s", item) >= room)
            return tool_usage("sim", "--inject: that is too much");
    }
    return TOOL_OK;
}
