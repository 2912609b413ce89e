/* SPDX-License-Identifier: MIT */
/*
 * loop.h - a range of indices, and how workers share it; see moirai/par.h.
 */
#ifndef MO_LOOP_H
#define MO_LOOP_H

#include <moirai/par.h>

#include "worker.h"

/* One call. In the caller's frame, and lent to whoever takes a piece, who reads
 * it from afar: so it lies on no more lines than it has to. Constant while it
 * runs, but for `stop` and `left_out`. */
struct mo_loop {
    _Alignas(MO_LINE) moirai_range_fn *body;
    const struct moirai_fold *op;   /* NULL: body is to be called */
    void *arg;
    size_t begin, share;            /* of the range; of each worker */
    size_t unit;                    /* pieces begin at multiples of it */
    size_t part;                    /* what is larger is split unasked */
    size_t least;                   /* what is not larger, not even asked */
    uint32_t shift;                 /* a body gets what is left >> shift */
    bool gentle;                    /* but no more than was done before */
    bool deaf;                      /* cancellation does not end it */
    bool alone;                     /* nobody could take a piece */
    bool fixed;                     /* results are joined in the same way
                                     * whoever takes which piece */
    MO_ATOMIC(uint32_t) stop;       /* a body returned other than 0 */
    MO_ATOMIC(uint32_t) left_out;   /* a piece, because of a cancellation */
};

/* Fills *own with what the caller knows of the struct. 0 or -EINVAL. */
int mo_loop_attr(const struct moirai_par_attr *given,
                 struct moirai_par_attr *own);

/* Prepares a loop over n indices: everything but body, op and arg. */
void mo_loop_init(struct mo_loop *loop, size_t n,
                  const struct moirai_par_attr *attr);

/* Runs it; `into` is for loops with an `op`. As moirai/par.h says. */
int mo_loop_run(struct mo_loop *loop, size_t begin, size_t end, void *into);

/* The same for a single index, which nobody can share. */
int mo_loop_single(size_t at, moirai_range_fn *body, void *arg);

/* How many may take part: the workers; 1 on a plain thread. */
uint32_t mo_loop_workers(void);

/* Memory for the time of a call: the caller's own, or allocated, and given back
 * also if the task fails. */
struct mo_scratch {
    void *memory;
    bool own;                       /* it is to be freed */
    bool watched;                   /* a cleanup handler would see to it */
    struct moirai_cleanup cleanup;
};

/* Not zeroed. 0 or -ENOMEM. */
int mo_scratch_get(struct mo_scratch *scratch, size_t size,
                   const struct moirai_par_attr *attr);
void mo_scratch_put(struct mo_scratch *scratch);

#endif
