/* SPDX-License-Identifier: MIT */
/*
 * follow.c - workers follow what the system lets this process use.
 *
 * A mask is changed from outside thread by thread, by `taskset -ap` or when the
 * cpuset of a control group changes. So a worker that was bound may be given
 * the mask of the whole process, before or after the thread that looks was: who
 * has just that mask, and sat elsewhere, is bound to its seat once more at the
 * next look. A mask of another kind is somebody's choice for that one thread,
 * and stays.
 *
 * Seats are dealt anew by who may start workers, so that none is started to sit
 * where nobody may any more; he who cannot have that right looks again later.
 * Others only read what is told to dumps.
 *
 * Where workers are told apart by nodes (near.c) they stay on theirs: what they
 * have is there, and everybody knows the way. Others go wherever they would
 * have been seated at the start.
 */
#include "follow.h"

#include "os/affinity.h"
#include "pool.h"
#include "staff.h"
#include "topo.h"

void mo_follow_seat(struct mo_worker *w)
{
    const struct mo_seats *seats = &w->runtime->seats;
    const struct mo_seat *seat;

    if (seats->each == NULL)
        return;
    seat = mo_seats_of(seats, w->hot.index);
    mo_store_relaxed(&w->sits_on_node, seats->machine.nodes[seat->node].number);
    mo_store_relaxed(&w->sits_at,
                     seats->bind != MO_BIND_NODE && seat->count == 1
                             && !w->attends
                         ? seats->numbers[seat->first] : MO_SITS_ANYWHERE);
    if (!seats->machine.real)
        return;
    w->thread.processors = &seats->numbers[w->attends ? 0 : seat->first];
    w->thread.processor_count = w->attends ? seats->machine.allowed
                                           : seat->count;
}

int mo_follow_pool(struct moirai_runtime *rt)
{
    const struct mo_seats *seats = &rt->seats;

    return seats->each != NULL && seats->machine.real
        ? mo_pool_hold(rt->pool, seats->numbers, seats->machine.allowed) : 0;
}

/* Those that have threads. */
static void bind_all(struct moirai_runtime *rt, const uint32_t *mine,
                     uint32_t n, bool moved)
{
    for (uint32_t i = 0; i < mo_load(&rt->staff.started); i++) {
        struct mo_worker *w = rt->workers[i];
        struct mo_thread *thread = &w->thread;

        mo_follow_seat(w);
        if (moved || (thread->processor_count != n
                      && mo_os_is_bound(thread->real, mine, n)))
            mo_os_rebind(thread->real, thread->processors,
                         thread->processor_count);
    }
}

static void reseat(struct moirai_runtime *rt)
{
    uint32_t mine[MO_AFFINITY_MOST];
    uint32_t n = mo_os_affinity(mine);
    int moved = mo_seats_deal(&rt->seats, mine, n, rt->near != NULL);

    if (moved < 0)
        return;
    bind_all(rt, mine, n, moved > 0);
    if (moved > 0)
        mo_follow_pool(rt);
}

void mo_follow(struct moirai_runtime *rt)
{
    if (rt->seats.each != NULL && rt->seats.machine.real
        && mo_staff_hold(rt)) {
        reseat(rt);
        mo_staff_let_go(rt);
    }
    mo_staff_follow(rt, mo_topo_workers());
}
