/* SPDX-License-Identifier: MIT */
/*
 * future.h - what a future is, for the rest of the core.
 */
#ifndef MO_FUTURE_H
#define MO_FUTURE_H

#include <stddef.h>

#include <moirai/event.h>
#include <moirai/future.h>

#include "atomic.h"

enum mo_future_state {
    MO_FUTURE_EMPTY,
    MO_FUTURE_FILLING,              /* by the one who won */
    MO_FUTURE_COMPLETE
};

struct moirai_future {
    struct moirai_gate gate;        /* opens after it is complete */
    MO_ATOMIC(uint32_t) references;
    MO_ATOMIC(uint32_t) state;      /* enum mo_future_state */
    int error;                      /* constant once complete, as the value */
    size_t size;                    /* constant, as is: */
    void (*destroy)(void *value);
    _Alignas(max_align_t) char value[];
};

#endif
