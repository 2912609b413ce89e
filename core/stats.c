/* SPDX-License-Identifier: MIT */
/*
 * stats.c - adding up what the workers counted.
 */
#include <errno.h>
#include <string.h>

#include "runtime.h"

static void add(struct moirai_stats *sum, const struct mo_counters *c)
{
    sum->spawned += mo_load_relaxed(&c->spawned);
    sum->finished += mo_load_relaxed(&c->finished);
    sum->failed += mo_load_relaxed(&c->failed);
    sum->parked += mo_load_relaxed(&c->parked);
    sum->woken += mo_load_relaxed(&c->woken);
    sum->yielded += mo_load_relaxed(&c->yielded);
    sum->stolen += mo_load_relaxed(&c->stolen);
    sum->forks_stolen += mo_load_relaxed(&c->forks_stolen);
    sum->forks_exported += mo_load_relaxed(&c->forks_exported);
    sum->sleeps += mo_load_relaxed(&c->sleeps);
    sum->wakes += mo_load_relaxed(&c->wakes);
    sum->timers_fired += mo_load_relaxed(&c->timers_fired);
    sum->switches += mo_load_relaxed(&c->switches);
    sum->stacks_made += mo_load_relaxed(&c->stacks_made);
    sum->stacks_reused += mo_load_relaxed(&c->stacks_reused);
    sum->blocking_calls += mo_load_relaxed(&c->blocking_calls);
    sum->sent += mo_load_relaxed(&c->sent);
    sum->received += mo_load_relaxed(&c->received);
}

int moirai_stats_read(struct moirai_runtime *rt, struct moirai_stats *stats)
{
    uint32_t size = stats->size;
    struct moirai_stats sum = { .size = size, .workers = rt->worker_count };

    if (size < 8 || size > sizeof sum)
        return -EINVAL;
    for (uint32_t i = 0; i < rt->worker_count; i++)
        add(&sum, &rt->workers[i]->count);
    add(&sum, &rt->outside);
    memcpy(stats, &sum, size);
    return 0;
}
