/* SPDX-License-Identifier: MIT */
/*
 * effect.c - what came of scheduler.hybrid in a run, for people.
 *
 * A line for the attendant, and one for each spawn site of which tasks were
 * woken or were in the way. `moirai explain` shows the file as it is.
 */
#include "effect.h"

#include <fcntl.h>
#include <unistd.h>

#include "attend.h"
#include "line.h"
#include "log.h"
#include "task.h"

static void put_attendant(struct mo_line *line, const struct mo_attend *a)
{
    if (mo_load(&a->worker) == NULL) {
        mo_line_text(line, "hybrid: workers were enough, no attendant was "
                     "called");
    } else {
        mo_line_text(line, "hybrid: the attendant was called, and used ");
        mo_line_span(line, a->used);
        mo_line_text(line, " of processor time in ");
        mo_line_span(line, a->ended - a->begun);
    }
    mo_line_end(line);
}

static void put_woken(struct mo_line *line, const struct mo_history *h)
{
    uint64_t timed = mo_load_relaxed(&h->timed);

    mo_line_text(line, ", ");
    mo_line_number(line, mo_load_relaxed(&h->woken));
    mo_line_text(line, " went ahead of others, ");
    mo_line_number(line, mo_load_relaxed(&h->attended));
    mo_line_text(line, " with the attendant");
    if (timed == 0)
        return;
    mo_line_text(line, ", after timers ");
    mo_line_span(line, mo_load_relaxed(&h->late_ns) / (int64_t)timed);
    mo_line_text(line, " late, at most ");
    mo_line_span(line, mo_load_relaxed(&h->latest_ns));
}

static void put_site(struct mo_line *line, uint32_t index,
                     const struct mo_history *h)
{
    const struct moirai_site *site = mo_task_site(index);
    uint64_t busy = mo_load_relaxed(&h->busy);
    uint64_t refused = mo_load_relaxed(&h->turned_down);

    mo_line_text(line, "hybrid: tasks spawned at ");
    mo_line_text(line, site != NULL ? site->file : "other places");
    if (site != NULL) {
        mo_line_text(line, ":");
        mo_line_number(line, site->line);
    }
    mo_line_text(line, mo_load_relaxed(&h->penalty) != 0 ? " compute"
                                                         : " wait");
    if (mo_load_relaxed(&h->woken) != 0)
        put_woken(line, h);
    if (busy != 0) {
        mo_line_text(line, ", were found computing ");
        mo_line_number(line, busy);
        mo_line_text(line, " times");
    }
    if (refused != 0) {
        mo_line_text(line, ", were not let go ahead ");
        mo_line_number(line, refused);
        mo_line_text(line, " times");
    }
    mo_line_end(line);
}

static void put_all(const struct mo_attend *a, int fd)
{
    char text[2048];
    struct mo_line line = { text, sizeof text, 0, fd };

    put_attendant(&line, a);
    for (uint32_t i = 0; i < MO_SITES; i++) {
        const struct mo_history *h = &a->sites[i];

        if (mo_load_relaxed(&h->woken) != 0 || mo_load_relaxed(&h->busy) != 0
            || mo_load_relaxed(&h->turned_down) != 0)
            put_site(&line, i, h);
    }
    mo_line_flush(&line);
}

void mo_effect_report(struct moirai_runtime *rt)
{
    const char *path = rt->options.hybrid_file;
    int fd;

    if (rt->attend == NULL)
        return;
    rt->attend->ended = mo_runtime_now(rt);
    if (rt->options.stats_at_exit)
        put_all(rt->attend, STDERR_FILENO);
    if (path[0] == '\0')
        return;
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0) {
        mo_log(MOIRAI_LOG_WARN, "scheduler.hybrid_file: %s cannot be written",
               path);
        return;
    }
    put_all(rt->attend, fd);
    close(fd);
}
