/* SPDX-License-Identifier: MIT */
/*
 * sync.h - locks, for the rest of the core.
 */
#ifndef MO_SYNC_H
#define MO_SYNC_H

struct mo_fiber;

/* The fiber's task has ended holding locks: the next owner of each is told. */
void mo_mutex_pass_on(struct mo_fiber *fiber);

#endif
