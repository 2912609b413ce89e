/* SPDX-License-Identifier: MIT */
/*
 * sanitize.c - what the sanitizers need to know of a thread's own stack.
 */
#include "arch/sanitize.h"

#include <pthread.h>

#include "atomic.h"

#ifdef MO_SANITIZE_THREAD
MO_ATOMIC(uint32_t) mo_fence_word;
#endif

void mo_sanitize_native(struct mo_sanitize *s)
{
    pthread_attr_t attr;
    void *base = NULL;
    size_t size = 0;

    if (pthread_getattr_np(pthread_self(), &attr) == 0) {
        pthread_attr_getstack(&attr, &base, &size);
        pthread_attr_destroy(&attr);
    }
    *s = (struct mo_sanitize){ .base = base, .size = size };
#ifdef __ELF__
    if (mo_tsan())
        s->tsan = __tsan_get_current_fiber();
#endif
}
