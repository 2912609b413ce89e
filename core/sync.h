/* SPDX-License-Identifier: MIT */
/*
 * sync.h - locks, for the rest of the core.
 */
#ifndef MO_SYNC_H
#define MO_SYNC_H

#include <stdbool.h>

struct mo_fiber;
struct moirai_mutex;

/* The fiber's task has ended holding locks: the next owner of each is told. */
void mo_mutex_pass_on(struct mo_fiber *fiber);

/* Locks it, however long that takes: not to be cancelled. 0, -EOWNERDEAD. */
int mo_mutex_retake(struct moirai_mutex *mutex);

/* Who holds it: NULL and *thread: a plain thread; NULL alone: nobody. Without a
 * lock, so it may change at once; fibers stay. */
const struct mo_fiber *mo_mutex_owner(const struct moirai_mutex *mutex,
                                      bool *thread);

#endif
