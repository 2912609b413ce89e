/* SPDX-License-Identifier: MIT */
/*
 * promises.c - the promises of each kind of plugin.
 */
#include "conformance.h"

#define ENTRY(which, ...) &which,

static const struct promise *const of_sched[] = {
    SCHED_PROMISES(ENTRY, ) NULL,
};

static const struct promise *const of_stack[] = {
    STACK_PROMISES(ENTRY, ) NULL,
};

static const struct promise *const of_chan[] = {
    CHAN_PROMISES(ENTRY, ) NULL,
};

static const struct promise *const of_io[] = {
    IO_PROMISES(ENTRY, ) NULL,
};

const struct promise *const *conformance_promises(uint32_t kind)
{
    switch (kind) {
    case MOIRAI_SCHED:
        return of_sched;
    case MOIRAI_STACK:
        return of_stack;
    case MOIRAI_CHAN:
        return of_chan;
    case MOIRAI_IO:
        return of_io;
    default:
        return NULL;
    }
}
