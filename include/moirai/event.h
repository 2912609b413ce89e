/* SPDX-License-Identifier: MIT */
/*
 * moirai/event.h - waiting until something has happened.
 *
 * An event is set and cleared; a latch opens when so many have arrived; a wait
 * group is done when all that was added to it is; and what is behind a once is
 * done by the first who needs it. Tasks wait without their worker, plain
 * threads may do all of it too, and what wakes them may come from any thread.
 *
 * All are the caller's memory, and every field is the core's. Nothing has to be
 * done before it is given back, once nobody waits and no call on it goes on;
 * who has been told by an event, a latch or a wait group may give it back at
 * once, even while the call that told him has not returned yet.
 */
#ifndef MOIRAI_EVENT_H
#define MOIRAI_EVENT_H

#include <stddef.h>
#include <stdint.h>

#include <moirai/task.h>
#include <moirai/time.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What the others here are made of. */
struct moirai_gate {
    uint32_t lock;                  /* guards all of what it is part of */
    uint32_t open;
    void *first;                    /* who waits, oldest first */
    void *last;
};

#define MOIRAI_GATE_INIT { 0, 0, NULL, NULL }

/* --- event --------------------------------------------------------------- */

/* Zeroed means cleared. */
struct moirai_event {
    struct moirai_gate gate;
};

#define MOIRAI_EVENT_INIT { MOIRAI_GATE_INIT }

/* All who wait go on, and all who come, until it is cleared. What the caller
 * did before is seen by them. Any thread; does not wait. */
void moirai_event_set(struct moirai_event *event);

/* From now on they wait again; who has been woken is not held back. Any thread;
 * does not wait. */
void moirai_event_clear(struct moirai_event *event);

/* Waits until it is set. 0; -EAGAIN for MOIRAI_NOW, -ETIMEDOUT, -ECANCELED: it
 * was not; -ECHILD: this is a forked child, where nobody will. Can wait. */
int moirai_event_wait(struct moirai_event *event, int64_t deadline_ns);

/* --- latch --------------------------------------------------------------- */

/* Opens once, and stays open. */
struct moirai_latch {
    struct moirai_gate gate;
    uint32_t left;                  /* arrivals that are still to come */
};

/* Opens with the `n`th arrival. */
#define MOIRAI_LATCH_INIT(n) { { 0, (n) == 0, NULL, NULL }, (n) }

/* `n` more have arrived; with the last one all who wait go on. 0, or -ERANGE:
 * so many are not to come any more, and nothing was changed. Any thread; does
 * not wait. */
int moirai_latch_arrive(struct moirai_latch *latch, uint32_t n);

/* Waits until all have arrived; the caller does not count as one. Results as
 * those of moirai_event_wait. Can wait. */
int moirai_latch_wait(struct moirai_latch *latch, int64_t deadline_ns);

/* --- wait group ---------------------------------------------------------- */

/* Zeroed means that nothing is to be waited for. */
struct moirai_waitgroup {
    struct moirai_gate gate;
    uint32_t count;                 /* what is not done yet */
};

#define MOIRAI_WAITGROUP_INIT { MOIRAI_GATE_INIT, 0 }

/* `n` more are to be waited for: to be called before what calls done for them
 * is begun. 0; -EOVERFLOW: too many, and nothing was changed. Any thread; does
 * not wait. */
int moirai_waitgroup_add(struct moirai_waitgroup *group, uint32_t n);

/* One of them is done; with the last one all who wait go on. 0; -ERANGE: there
 * is none. Any thread; does not wait. */
int moirai_waitgroup_done(struct moirai_waitgroup *group);

/* Waits until none is left; what is added later is nothing to who has been
 * woken. Results as those of moirai_event_wait. Can wait. */
int moirai_waitgroup_wait(struct moirai_waitgroup *group, int64_t deadline_ns);

/* --- once ---------------------------------------------------------------- */

/* Zeroed means not done. */
struct moirai_once {
    struct moirai_gate gate;
    uint32_t done;                  /* read without the lock */
    void *owner;                    /* who is doing it; NULL: nobody */
};

#define MOIRAI_ONCE_INIT { MOIRAI_GATE_INIT, 0, NULL }

/* The first caller calls fn(arg), the others wait for that until their
 * deadline; once it has returned 0 it is done, and every call returns 0 at
 * once. If fn returns anything else that call alone returns it, nothing counts
 * as done, and the one who has waited longest tries his own fn; so too if the
 * task that called it ends in the middle. 0; what fn returned; -EDEADLK: the
 * caller is in the middle of it; -EAGAIN for MOIRAI_NOW, -ETIMEDOUT,
 * -ECANCELED: somebody else is; -ECHILD: that one is not in this forked child.
 * Unlike the others, it must stay as long as a call that does it. Can wait. */
int moirai_once_do(struct moirai_once *once, moirai_fn *fn, void *arg,
                   int64_t deadline_ns);

#ifdef __cplusplus
}
#endif

#endif
