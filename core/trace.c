/* SPDX-License-Identifier: MIT */
/*
 * trace.c - rings of events, and writing them out as text.
 */
#include "trace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "inject.h"
#include "log.h"
#include "mem.h"

static const char *const names[MO_TRACE_EVENTS] = {
    [MO_TRACE_NONE] = "none", [MO_TRACE_SPAWN] = "spawn",
    [MO_TRACE_START] = "start", [MO_TRACE_END] = "end",
    [MO_TRACE_PARK] = "park", [MO_TRACE_RESUME] = "resume",
    [MO_TRACE_READY] = "ready", [MO_TRACE_YIELD] = "yield",
    [MO_TRACE_STEAL] = "steal", [MO_TRACE_FAIL] = "fail",
    [MO_TRACE_INJECT] = "injected:",
};

int mo_trace_open(struct moirai_runtime *rt, struct moirai_error *err)
{
    const char *file = rt->options.trace_file;

    rt->trace_fd = -1;
    if (file[0] == '\0')
        return 0;
    rt->trace_fd = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC,
                        0666);
    if (rt->trace_fd >= 0)
        return 0;
    return moirai_error_set(err, -errno, "runtime.trace_file: %s cannot be "
                            "written: %s", file, strerror(errno));
}

void mo_trace_close(struct moirai_runtime *rt)
{
    if (rt->trace_fd >= 0)
        close(rt->trace_fd);
}

int mo_trace_init(struct mo_worker *w, uint64_t events)
{
    uint64_t size = 64;

    if (events == 0 && w->runtime->trace_fd < 0)
        return 0;
    while (size < events)
        size *= 2;
    w->trace = mo_mem_alloc(size * sizeof *w->trace, MO_CACHE_LINE);
    if (w->trace == NULL)
        return -ENOMEM;
    w->trace_mask = size - 1;
    return 0;
}

void mo_trace_fini(struct mo_worker *w)
{
    mo_mem_free(w->trace);
    w->trace = NULL;
}

/* An argument that is the number of something with a name; or NULL. */
static const char *name_of(uint32_t event, uint32_t argument)
{
    if (event == MO_TRACE_PARK)
        return mo_wait_name(argument);
    return event == MO_TRACE_INJECT ? mo_inject_name(argument) : NULL;
}

/* One line, after `before`. False: it cannot be written. */
static bool write_event(int fd, const char *before, uint32_t worker,
                        uint64_t word)
{
    uint32_t event = (uint32_t)(word >> 56);
    uint32_t argument = (uint32_t)(word >> 32) & 0xffffff;

    const char *name = name_of(event, argument);

    if (event >= MO_TRACE_EVENTS)
        event = MO_TRACE_NONE;
    if (name != NULL)
        return dprintf(fd, "%s%u %s %u %s\n", before, worker, names[event],
                       (uint32_t)word, name) > 0;
    return dprintf(fd, "%s%u %s %u %u\n", before, worker, names[event],
                   (uint32_t)word, argument) > 0;
}

/* Whose clock is only looked at: a simulated one must not notice. */
void mo_trace_live(struct mo_worker *w)
{
    struct mo_os *os = w->runtime->os;
    int64_t now = os->sim != NULL ? os->coarse(os) : os->now(os);
    int saved = errno;
    uint32_t unsaid = 0;
    char before[24];

    snprintf(before, sizeof before, "%lld ", (long long)now);
    if (!write_event(w->runtime->trace_fd, before, w->hot.index,
                     w->trace[(w->trace_at - 1) & w->trace_mask])
        && mo_cas_once(&w->runtime->trace_broken, &unsaid, 1))
        mo_log(MOIRAI_LOG_ERROR, "runtime.trace_file: events are missing "
               "there: %s", strerror(errno));
    errno = saved;
}

void moirai_trace_dump(struct moirai_runtime *rt, int fd)
{
    for (uint32_t i = 0; i < mo_load_relaxed(&rt->worker_count); i++) {
        const struct mo_worker *w = rt->workers[i];
        uint64_t from = 0;

        if (w->trace == NULL)
            continue;
        if (w->trace_at > w->trace_mask + 1)
            from = w->trace_at - w->trace_mask - 1;
        for (uint64_t at = from; at < w->trace_at; at++)
            write_event(fd, "", i, w->trace[at & w->trace_mask]);
    }
}
