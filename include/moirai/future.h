/* SPDX-License-Identifier: MIT */
/*
 * moirai/future.h - a value that is not there yet.
 *
 * It is set once, by whoever has it: a task, a plain thread, a callback of
 * another library. Any number of tasks and threads wait for it. A callback is
 * so bridged with one call to make a future, whose pointer is the callback's
 * argument, and one in the callback to complete it.
 *
 * References are counted. A new future has two: one is its maker's, who gives
 * it back with put; the other goes to whoever completes it, and completing
 * gives that back. So neither has to know whether the other is still there.
 */
#ifndef MOIRAI_FUTURE_H
#define MOIRAI_FUTURE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct moirai_future;

/* Makes one for a value of `size` bytes, which may be 0. destroy(value), if not
 * NULL, is called on a value that was set when the last reference is given
 * back, by who does that. Gives `future`, with two references. 0, -ENOMEM. Any
 * thread; does not wait. */
int moirai_future_make(size_t size, void (*destroy)(void *value),
                       struct moirai_future **future);

/* Completes it with a copy of `value` (borrowed; NULL: all bytes 0): all who
 * wait go on. Takes one of the caller's references, whatever is returned. 0;
 * -EALREADY: it was complete, and the value stays the caller's. Any thread, but
 * not a signal handler; does not wait. */
int moirai_future_set(struct moirai_future *future, const void *value);

/* The same with an error, a negative errno value, in place of a value. */
int moirai_future_fail(struct moirai_future *future, int error);

/* Waits until it is complete; then copies the value to `value`, if that is not
 * NULL. 0; the error that it was completed with; -EAGAIN for MOIRAI_NOW,
 * -ETIMEDOUT, -ECANCELED: it is not complete; -ECHILD: this is a forked child,
 * where nobody will. Borrows a reference of the caller's. Can wait. */
int moirai_future_wait(struct moirai_future *future, int64_t deadline_ns,
                       void *value);

/* The value itself, as long as the caller has a reference; NULL: it is not
 * complete, or failed. Any thread; does not wait. */
void *moirai_future_value(struct moirai_future *future);

/* One reference more, for another who waits or may complete it. Gives
 * `future`. */
struct moirai_future *moirai_future_get(struct moirai_future *future);

/* Gives a reference back; NULL is ignored. */
void moirai_future_put(struct moirai_future *future);

#ifdef __cplusplus
}
#endif

#endif
