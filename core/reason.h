/* SPDX-License-Identifier: MIT */
/*
 * reason.h - what a task waits for, and who could end that.
 */
#ifndef MO_REASON_H
#define MO_REASON_H

#include "line.h"
#include "wait.h"

/* Appends "channel receive on \"orders\"", and so on. The waiter is held
 * (mo_wait_hold), which keeps the object there. */
void mo_reason_object(struct mo_line *line, const struct mo_waiter *waiter);

/* Appends who could end the wait: "task 12, which holds it". `now` is the
 * runtime's clock. As above; takes object locks only if they are free. */
void mo_reason_party(struct mo_line *line, const struct mo_waiter *waiter,
                     int64_t now);

#endif
