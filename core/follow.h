/* SPDX-License-Identifier: MIT */
/*
 * follow.h - workers follow what the system lets this process use.
 */
#ifndef MO_FOLLOW_H
#define MO_FOLLOW_H

#include "worker.h"

#define MO_SITS_ANYWHERE UINT32_MAX /* on its node; in mo_worker.sits_at */

/* Tells the dumps where a worker sits, which nobody deals anew meanwhile; and
 * its thread, if it has not been started. */
void mo_follow_seat(struct mo_worker *w);

/* Where workers are bound: threads that may block are to run anywhere that the
 * process may. 0 or -ENOMEM. Likewise. */
int mo_follow_pool(struct moirai_runtime *rt);

/* The mask of the calling thread, which nobody but the system's users changes,
 * stands for that of the process: deals the seats anew if it is another one,
 * binds workers to theirs, and lets their number follow. */
void mo_follow(struct moirai_runtime *rt);

#endif
