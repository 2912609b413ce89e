/* SPDX-License-Identifier: MIT */
/*
 * moirai/time.h - the runtime's clock, deadlines, sleeping.
 *
 * Deadlines are absolute, in ns on the runtime's clock: monotonic, or virtual
 * under the simulator. A deadline in the past makes a wait end at once.
 */
#ifndef MOIRAI_TIME_H
#define MOIRAI_TIME_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MOIRAI_NOW INT64_C(0)       /* try: do not wait (-EAGAIN) */
#define MOIRAI_NEVER INT64_MAX      /* wait for as long as it takes */

#define MOIRAI_US INT64_C(1000)
#define MOIRAI_MS INT64_C(1000000)
#define MOIRAI_S INT64_C(1000000000)

/* A deadline on its way, in the memory of whoever set it: a node of its
 * place's wheel. Every field is the core's. */
struct moirai_timer {
    struct moirai_timer *child;
    struct moirai_timer *next;
    struct moirai_timer *prev;      /* left neighbour, or parent, or NULL */
    void *place;                    /* whose wheel; NULL while not armed */
    int64_t deadline_ns;
    uint64_t order;                 /* breaks ties: first armed, first fired */
    void (*fire)(struct moirai_timer *timer);
};

/* The clock of the calling task's runtime; CLOCK_MONOTONIC on a plain
 * thread, except on the one that started a simulated runtime. */
int64_t moirai_now(void);

/* The deadline `ns` from now; MOIRAI_NEVER when that is beyond the clock. */
int64_t moirai_after(int64_t ns);

/* Waits until the deadline. 0, -ECANCELED, or -ETIMEDOUT when the deadline in
 * the task's attributes came first. Can wait. */
int moirai_sleep_until(int64_t deadline_ns);

#ifdef __cplusplus
}
#endif

#endif
