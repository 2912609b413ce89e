/* SPDX-License-Identifier: MIT */
/*
 * select.h - a select that is under way; see select.c.
 */
#ifndef MO_SELECT_H
#define MO_SELECT_H

#include <moirai/select.h>

#include "wait.h"

struct mo_io_call;

/* On the caller's stack; while it waits, what its wait is for. */
struct mo_select {
    struct moirai_case *cases;
    size_t n;
    uint32_t kind;                  /* enum moirai_order_kind */
    uint32_t committing;            /* held until the wait is committed */
    size_t first;                   /* in order: where it begins */
    uint64_t random;
    int64_t now;                    /* 0: nobody looked yet */
    int64_t soonest_ns;             /* of the cases that are times */
    size_t soonest;                 /* which one that is */
    struct mo_waiter *waiter;
    size_t fds;                     /* cases that are descriptors */
    struct mo_io_call *calls;       /* room for as many; NULL: they are looked
                                     * at again and again */
    size_t begun;                   /* of the calls */
    int error;                      /* with which one could not begin */
};

/* Which case was looked at as the k-th. */
static inline size_t mo_select_at(const struct mo_select *s, size_t k)
{
    if (s->kind != MOIRAI_IN_ORDER)
        return s->cases[k].order;
    return k + s->first < s->n ? k + s->first : k + s->first - s->n;
}

#endif
