/* SPDX-License-Identifier: MIT */
/*
 * workers.c - the places of workers, as many as there may ever be: records,
 * queues and lists, each of its node's memory. Threads come later (staff.c).
 */
#include "workers.h"

#include <errno.h>

#include "chosen.h"
#include "depth.h"
#include "fiber.h"
#include "frame.h"
#include "mem.h"
#include "near.h"
#include "queue.h"
#include "trace.h"
#include "victim.h"
#include "worker.h"

static void free_worker(struct mo_worker *w)
{
    mo_trace_fini(w);
    mo_depth_fini(w);
    mo_victims_leave(w);
    mo_mem_free(w->forks);
    mo_mem_free(w->sites);
    mo_queue_close(&w->queue);
    mo_mem_free(w);
}

static struct mo_worker *new_worker(struct moirai_runtime *rt, uint32_t index)
{
    struct mo_worker *w = mo_mem_alloc(sizeof *w, MO_CACHE_LINE);
    struct mo_forks *forks;

    if (w == NULL)
        return NULL;
    w->runtime = rt;
    w->attend = rt->attend;
    w->hot.index = index;
    w->next_id = w->id_mark = index + 1;
    w->id_step = rt->staff.most + 1;
    w->noted = rt->options.trace != 0 || rt->trace_fd >= 0
            || rt->options.max_tasks != 0 || rt->inject.on
            || mo_race_on();
    if (rt->os->sim == NULL)        /* simulated chance has no short cuts */
        w->random = (uint64_t)rt->os->choose(rt->os, UINT32_MAX) << 8 | 1;
    w->sites = mo_mem_alloc(MO_SITES * sizeof *w->sites, MO_CACHE_LINE);
    forks = mo_mem_alloc(sizeof *forks, MO_CACHE_LINE);
    if (forks != NULL)
        mo_frame_init(w, forks);
    mo_timers_init(&w->timers);
    if (!mo_queue_open(rt, &w->queue) || w->sites == NULL || w->forks == NULL
        || !mo_slab_equip(&rt->tasks, &w->tasks)
        || !mo_slab_equip(&rt->handles, &w->handles)
        || !mo_depth_init(w)
        || mo_trace_init(w, rt->options.trace) != 0) {
        free_worker(w);
        return NULL;
    }
    return w;
}

/* One that the scheduler knows. */
static void discard_worker(struct mo_worker *w)
{
    const struct moirai_runtime *rt = w->runtime;

    if (rt->sched->worker_fini != NULL)
        rt->sched->worker_fini(rt->sched_state, w->queue.worker);
    free_worker(w);
}

/* A place, complete but for the loop's stack. */
static int open_place(struct moirai_runtime *rt, uint32_t index,
                      struct moirai_error *err)
{
    struct mo_worker *w = new_worker(rt, index);
    int rc;

    if (w == NULL)
        return moirai_error_set(err, -ENOMEM, "out of memory");
    moirai_error_set(err, 0, "%s", "");
    rc = rt->sched->worker_init(rt->sched_state, w->queue.worker, index, err);
    if (rc != 0) {
        free_worker(w);
        return mo_chosen_failed(MOIRAI_SCHED,
                                mo_setup_sched(rt->setup)->plugin->name, rc,
                                err);
    }
    mo_queue_lend(rt, &w->queue);
    mo_near_place(w);
    rc = mo_victims_place(w, err);
    if (rc != 0)
        discard_worker(w);
    else
        rt->workers[index] = w;
    return rc;
}

/* The same, of its node's memory. */
static int open_worker(struct moirai_runtime *rt, uint32_t index,
                       struct moirai_error *err)
{
    struct mo_os_policy before;
    bool preferred = mo_near_prefer(rt, index, &before);
    int rc = open_place(rt, index, err);

    if (preferred)
        mo_os_restore(&before);
    return rc;
}

static void close_worker(struct moirai_runtime *rt, uint32_t index)
{
    struct mo_worker *w = rt->workers[index];

    mo_fiber_drain(w);
    discard_worker(w);
}

static void free_places(struct moirai_runtime *rt)
{
    mo_mem_free(rt->outside_sites);
    mo_mem_free(rt->workers);
}

int mo_workers_open(struct moirai_runtime *rt, struct moirai_error *err)
{
    uint32_t i;
    int rc = 0;

    rt->outside_sites = mo_mem_alloc(MO_SITES * sizeof *rt->outside_sites, 64);
    rt->workers = mo_mem_alloc(rt->staff.most * sizeof *rt->workers, 64);
    if (rt->workers == NULL || rt->outside_sites == NULL) {
        free_places(rt);
        return moirai_error_set(err, -ENOMEM, "out of memory");
    }
    for (i = 0; i < rt->staff.most && rc == 0; i++)
        rc = open_worker(rt, i, err);
    if (rc == 0)
        return 0;
    for (i--; i > 0; i--)
        close_worker(rt, i - 1);
    free_places(rt);
    return rc;
}

void mo_workers_close(struct moirai_runtime *rt)
{
    for (uint32_t i = rt->staff.most; i > 0; i--)
        close_worker(rt, i - 1);
    free_places(rt);
}
