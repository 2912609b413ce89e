/* SPDX-License-Identifier: MIT */
/*
 * victim.h - whom a worker without work asks for some, in which order.
 */
#ifndef MO_VICTIM_H
#define MO_VICTIM_H

#include "worker.h"

/* A walk through all places, the own one too. By `worker`. */
struct mo_victims {
    struct mo_worker *worker;
    uint32_t begin, count;          /* of the ring that it is in */
    uint32_t first, taken;          /* where in there it began, and how many
                                     * it has had since */
    uint32_t ring;                  /* which one that is */
};

/* Do the seats of workers, under that scheduler and with that scheduler.victims
 * (enum mo_victims_order), make rings? Else all are as near. */
bool mo_victims_differ(const struct mo_seats *seats,
                       const struct moirai_sched_ops *sched, uint32_t victims);

/* If so, the ring of worker `to` around worker `from`. */
uint32_t mo_victims_ring(const struct mo_seats *seats, uint32_t victims,
                         uint32_t from, uint32_t to);

/* Says who is near a worker, which is being made and has its place. 0; -ENOMEM;
 * -EINVAL: it cannot be as scheduler.victims says; with *err filled. */
int mo_victims_place(struct mo_worker *w, struct moirai_error *err);
void mo_victims_leave(struct mo_worker *w);

void mo_victims_begin(struct mo_worker *w, struct mo_victims *v);

/* NULL: that was all. */
struct mo_worker *mo_victims_next(struct mo_victims *v);

#endif
