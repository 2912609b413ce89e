/* SPDX-License-Identifier: MIT */
/*
 * trace.h - one word per event, in a ring of its worker.
 *
 * The word holds the event, a small argument and the task's id: nothing that
 * differs between two runs of the same seed. Off (the preset) it costs one
 * predictable branch. With runtime.trace_file each event is a line of that file
 * as well, written as it happens: what a run that crashes did last is there.
 */
#ifndef MO_TRACE_H
#define MO_TRACE_H

#include "worker.h"

enum mo_trace_event {
    MO_TRACE_NONE,
    MO_TRACE_SPAWN,                 /* argument: line of the site */
    MO_TRACE_START,                 /* 1: on a stack of its own */
    MO_TRACE_END,                   /* 1: with an error */
    MO_TRACE_PARK,                  /* kind of wait */
    MO_TRACE_RESUME,
    MO_TRACE_READY,
    MO_TRACE_YIELD,
    MO_TRACE_STEAL,                 /* victim */
    MO_TRACE_FAIL,
    MO_TRACE_INJECT,                /* kind of fault */
    MO_TRACE_EVENTS
};

/* Writes the latest event to the file. */
MO_COLD void mo_trace_live(struct mo_worker *w);

static inline void mo_trace(struct mo_worker *w, enum mo_trace_event event,
                            uint32_t task, uint32_t argument)
{
#ifdef MO_BARE                      /* see mo_count */
    return;
#endif
    if (__builtin_expect(w->trace == NULL, 1))
        return;
    w->trace[w->trace_at++ & w->trace_mask] =
        (uint64_t)event << 56 | (uint64_t)(argument & 0xffffff) << 32 | task;
    if (w->runtime->trace_fd >= 0)
        mo_trace_live(w);
}

/* Opens runtime.trace_file, if it was said. 0, or a negative errno with *err
 * filled. */
int mo_trace_open(struct moirai_runtime *rt, struct moirai_error *err);
void mo_trace_close(struct moirai_runtime *rt);

/* A ring of at least `events` words, if that is not 0 or there is a file. 0 or
 * -ENOMEM. */
int mo_trace_init(struct mo_worker *w, uint64_t events);
void mo_trace_fini(struct mo_worker *w);

#endif
