/* SPDX-License-Identifier: MIT */
/*
 * owner.h - who holds something: a task, by the fiber that its code runs on, or
 * a plain thread, by a marker of its own.
 */
#ifndef MO_OWNER_H
#define MO_OWNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mo_fiber;

/* The caller. Only to be called where the result cannot be kept across a
 * wait. */
void *mo_owner_self(void);

/* Who that is: NULL and *thread: a plain thread; NULL alone: nobody. */
static inline const struct mo_fiber *mo_owner_fiber(const void *owner,
                                                    bool *thread)
{
    *thread = ((uintptr_t)owner & 1) != 0;
    return *thread ? NULL : (const struct mo_fiber *)owner;
}

#endif
