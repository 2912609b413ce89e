/* SPDX-License-Identifier: MIT */
/*
 * local.h - values that belong to one task.
 */
#ifndef MO_LOCAL_H
#define MO_LOCAL_H

struct mo_fiber;

/* Gives the task's values to their destructors and forgets them. Those may set
 * values again; that is repeated a few times, as POSIX does. Can wait. */
void mo_local_drop(struct mo_fiber *fiber);

#endif
