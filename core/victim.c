/* SPDX-License-Identifier: MIT */
/*
 * victim.c - who is asked first.
 *
 * All places lie in rings, the nearest first, and each ring is gone round from
 * where scheduler.victims says:
 *
 *     auto     one ring, or a ring for each distance between nodes if the
 *              scheduler goes by them; begins by chance
 *     random   one ring, begins by chance
 *     round    one ring, begins at the one that gave something last
 *     nearest  rings of who shares a core, a cache, a node, and then by the
 *              nodes' distances; each begins by chance
 *
 * Nothing keeps a worker from asking the last of them as long as there is work
 * to be had.
 *
 * The rings are made at the start, from where workers are then; if they are
 * seated anew later, the order is what it was.
 */
#include "victim.h"

#include <errno.h>

#include "mem.h"
#include "near.h"
#include "runtime.h"

#define NEARER 3                    /* rings on the own node */

_Static_assert(NEARER < MO_NEAR_RINGS, "one is left for other nodes");

/* The ring that `to` is in for `from`. */
static uint32_t ring_of(const struct mo_seats *seats, uint32_t from,
                        uint32_t to)
{
    const struct mo_seat *a = mo_seats_of(seats, from);
    const struct mo_seat *b = mo_seats_of(seats, to);
    const struct mo_machine_pu *mine = &seats->machine.pus[
        seats->pus[a->first]];
    const struct mo_machine_pu *other = &seats->machine.pus[
        seats->pus[b->first]];
    uint32_t ring = mo_near_ring(&seats->machine, a->node, b->node);

    if (ring != 0)
        return NEARER - 1 + ring < MO_NEAR_RINGS ? NEARER - 1 + ring
                                                 : MO_NEAR_RINGS - 1;
    if (seats->bind == MO_BIND_NODE || a->count != 1 || b->count != 1
        || mine->cache != other->cache)
        return NEARER - 1;
    return mine->core == other->core ? 0 : 1;
}

bool mo_victims_differ(const struct mo_seats *seats,
                       const struct moirai_sched_ops *sched, uint32_t victims)
{
    if (victims == MO_VICTIMS_AUTO)
        return mo_near_matters(seats, sched);
    return victims == MO_VICTIMS_NEAREST && seats->each != NULL;
}

uint32_t mo_victims_ring(const struct mo_seats *seats, uint32_t victims,
                         uint32_t from, uint32_t to)
{
    if (victims == MO_VICTIMS_NEAREST)
        return ring_of(seats, from, to);
    return mo_near_ring(&seats->machine, mo_seats_of(seats, from)->node,
                        mo_seats_of(seats, to)->node);
}

/* False: out of memory. */
static bool make_rings(struct mo_worker *w)
{
    const struct moirai_runtime *rt = w->runtime;
    uint32_t most = rt->staff.most;
    uint32_t *order = mo_mem_alloc((most + MO_NEAR_RINGS) * sizeof *order, 8);
    uint32_t n = 0;

    if (order == NULL)
        return false;
    for (uint32_t ring = 0; ring < MO_NEAR_RINGS; ring++) {
        for (uint32_t i = 0; i < most; i++)
            if (ring_of(&rt->seats, w->hot.index, i) == ring)
                order[n++] = i;
        order[most + ring] = n;
    }
    w->own_rings = order;
    w->rings = order;
    w->ring_ends = order + most;
    return true;
}

int mo_victims_place(struct mo_worker *w, struct moirai_error *err)
{
    const struct moirai_runtime *rt = w->runtime;
    bool by_node = (rt->sched->flags & MOIRAI_SCHED_NODES) != 0;

    if (rt->options.victims == MO_VICTIMS_AUTO && w->near != NULL) {
        w->rings = w->near->order;
        w->ring_ends = w->near->end;
    }
    if (rt->options.victims != MO_VICTIMS_NEAREST)
        return 0;
    if (rt->seats.each == NULL && !by_node)
        return moirai_error_set(err, -EINVAL, "scheduler.victims: \"nearest\" "
                                "must know where workers are; add "
                                "runtime.bind: close, spread or node");
    if (rt->seats.each == NULL || make_rings(w))
        return 0;                   /* on one node all are as near */
    return moirai_error_set(err, -ENOMEM, "out of memory");
}

void mo_victims_leave(struct mo_worker *w)
{
    mo_mem_free(w->own_rings);
}

/* What follows in the rings is the next one, and this is where to begin. */
static void enter(struct mo_victims *v)
{
    struct mo_worker *w = v->worker;
    const struct moirai_runtime *rt = w->runtime;
    uint32_t end = w->rings != NULL ? w->ring_ends[v->ring]
                                    : mo_load_relaxed(&rt->worker_count);

    v->begin += v->count;
    v->count = end - v->begin;
    v->taken = 0;
    if (rt->options.victims == MO_VICTIMS_ROUND)
        v->first = w->gave < v->count ? w->gave : 0;
    else
        v->first = v->count != 0 ? mo_worker_random(w, v->count) : 0;
}

void mo_victims_begin(struct mo_worker *w, struct mo_victims *v)
{
    *v = (struct mo_victims){ .worker = w };
    enter(v);
}

struct mo_worker *mo_victims_next(struct mo_victims *v)
{
    const struct mo_worker *w = v->worker;
    const struct moirai_runtime *rt = w->runtime;
    uint32_t places = mo_load_relaxed(&rt->worker_count);
    uint32_t rings = w->rings != NULL ? MO_NEAR_RINGS : 1;

    for (;;) {
        while (v->taken < v->count) {
            uint32_t i = v->begin + (v->first + v->taken++) % v->count;
            uint32_t index = w->rings != NULL ? w->rings[i] : i;

            if (index < places)
                return rt->workers[index];
        }
        if (++v->ring == rings)
            return NULL;
        enter(v);
    }
}
