/* SPDX-License-Identifier: MIT */
/*
 * thread.c - what another thread does, is not known here: so none is stuck.
 */
#include "os/thread.h"

bool mo_thread_can_look(void)
{
    return false;
}

bool mo_thread_look(const struct mo_thread *thread,
                    struct mo_thread_look *look)
{
    (void)thread;
    (void)look;
    return false;
}

int64_t mo_thread_used(const struct mo_thread *thread)
{
    (void)thread;
    return -1;
}

bool mo_thread_peek(void *to, const void *from, size_t n)
{
    (void)to;
    (void)from;
    (void)n;
    return false;
}
