/* SPDX-License-Identifier: MIT */
/*
 * rwlock.h - reader-writer locks, for the rest of the core.
 */
#ifndef MO_RWLOCK_H
#define MO_RWLOCK_H

#include <moirai/sync.h>

#include "owner.h"

/* The fiber's task has ended holding locks: who is next of each is told. */
void mo_rwlock_pass_on(struct mo_fiber *fiber);

/* Calls see(who, arg), as mo_owner_fiber has it, for those who hold the lock,
 * until it returns false. False: somebody is busy with the lock. */
bool mo_rwlock_try_holders(struct moirai_rwlock *rwlock,
                           bool (*see)(const struct mo_fiber *owner,
                                       bool thread, void *arg), void *arg);

#endif
