/* SPDX-License-Identifier: MIT */
/*
 * lock.h - a spin lock for sections of a few instructions.
 *
 * It may be taken on one stack and released from the next (the commit of a
 * wait), by the same or another thread, which no pthread lock allows. Nothing
 * that waits or allocates happens while one is held. Unlocking is the last
 * access to the lock, so whoever takes it next may free it.
 */
#ifndef MO_LOCK_H
#define MO_LOCK_H

#include "os/os.h"

struct mo_lock {
    MO_ATOMIC(uint32_t) word;       /* 0 free, 1 held */
};

/* As mo_lock_take, on a bare word: public structs hold one. */
static inline void mo_word_lock(uint32_t *word)
{
    for (uint32_t round = 0; mo_swap(word, 1) != 0;)
        while (mo_load_relaxed(word) != 0)
            mo_relax(round++);
}

/* Only if it is free: for who may not wait. */
static inline bool mo_word_try(uint32_t *word)
{
    return mo_swap(word, 1) == 0;
}

static inline void mo_word_unlock(uint32_t *word)
{
    mo_store(word, 0);              /* pairs with the swap above */
}

static inline void mo_lock_take(struct mo_lock *lock)
{
    mo_word_lock(&lock->word);
}

static inline void mo_lock_drop(struct mo_lock *lock)
{
    mo_word_unlock(&lock->word);
}

#endif
