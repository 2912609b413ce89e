/* SPDX-License-Identifier: MIT */
/*
 * thread.h - what another thread of this process does, as the system sees it.
 */
#ifndef MO_OS_THREAD_H
#define MO_OS_THREAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mo_thread;

struct mo_thread_look {
    bool blocked;                   /* it waits in the kernel */
    uintptr_t pc;                   /* where it called that; 0: not known */
};

/* Can it be seen at all what a worker's thread does? Not if each task has one
 * of its own. */
bool mo_thread_can_look(void);

/* Fills *look. False: it has not begun, it is being debugged, or the system
 * does not say. */
bool mo_thread_look(const struct mo_thread *thread,
                    struct mo_thread_look *look);

/* Nanoseconds of processor time that it has used; -1: not known. It must have
 * been started, and not joined. */
int64_t mo_thread_used(const struct mo_thread *thread);

/* Copies memory that may be gone, or be written meanwhile. False: it is gone,
 * or the system cannot. */
bool mo_thread_peek(void *to, const void *from, size_t n);

#endif
