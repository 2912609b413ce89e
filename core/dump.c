/* SPDX-License-Identifier: MIT */
/*
 * dump.c - looking at tasks while they run.
 *
 * No lock is taken: records of fibers are never freed while the runtime lives,
 * and hold a copy of what is shown of their task; spawn sites are for ever. So
 * what is read may be of different instants, or of a task that has just ended;
 * it is never invalid.
 */
#include "dump.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "worker.h"

static bool describe(const struct mo_fiber *fiber, struct moirai_waiting *out)
{
    const struct moirai_site *site = mo_load_relaxed(&fiber->shown_site);
    uint32_t kind = mo_load_relaxed(&fiber->waiter.kind);

    if (mo_load(&fiber->task) == NULL || site == NULL)
        return false;
    out->id = mo_load_relaxed(&fiber->shown_id);
    out->name = mo_load_relaxed(&fiber->shown_name);
    out->file = site->file;
    out->line = site->line;
    out->waits_on = kind == MO_WAIT_NONE ? "running" : mo_wait_name(kind);
    return true;
}

void moirai_dump(struct moirai_runtime *rt, int fd)
{
    struct mo_fiber *fiber = mo_load(&rt->all_fibers);

    for (uint32_t i = 0; i < rt->worker_count; i++) {
        const struct mo_worker *w = rt->workers[i];

        dprintf(fd, "worker %u: %s, %" PRIu64 " tasks ended, %" PRIu64
                " waits\n", i, mo_load_relaxed(&w->idle) ? "asleep" : "awake",
                mo_load_relaxed(&w->count.finished),
                mo_load_relaxed(&w->count.parked));
    }
    for (; fiber != NULL; fiber = fiber->all_next) {
        struct moirai_waiting line;

        if (!describe(fiber, &line))
            continue;
        dprintf(fd, "task %u%s%s: %s, spawned at %s:%u, stack %zu KiB\n",
                line.id, line.name != NULL ? " " : "",
                line.name != NULL ? line.name : "", line.waits_on, line.file,
                line.line, mo_load_relaxed(&fiber->shown_size) >> 10);
    }
}

void mo_dump_report_clear(struct moirai_stop_report *report)
{
    if (report == NULL)
        return;
    report->listed = 0;
    report->waiting = report->left = 0;
}

/* Tasks of the root scope; those that nested scopes own are behind them. */
static uint64_t count_left(struct moirai_runtime *rt)
{
    int64_t live = mo_load(&rt->root.live);

    return live > 0 ? (uint64_t)live : 0;
}

void mo_dump_report(struct moirai_runtime *rt,
                    struct moirai_stop_report *report)
{
    struct mo_fiber *fiber = mo_load(&rt->all_fibers);

    if (report == NULL)
        return;
    report->waiting = count_left(rt);
    for (; fiber != NULL && report->listed < MOIRAI_REPORT_TASKS;
         fiber = fiber->all_next)
        report->listed += describe(fiber, &report->tasks[report->listed]);
}

void mo_dump_report_left(struct moirai_runtime *rt,
                         struct moirai_stop_report *report)
{
    if (report != NULL)
        report->left = count_left(rt);
}
