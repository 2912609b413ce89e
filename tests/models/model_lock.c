/* SPDX-License-Identifier: MIT */
/*
 * model_lock.c - the spin lock of lock.h; who takes it last may free it.
 *
 * About: core/lock.h.
 */
#include "model.h"

#include "lock.h"

static struct {
    struct mo_lock lock;
    uint32_t left;                  /* guarded by it */
} shared;

void mo_relax(uint32_t round)
{
    (void)round;
    model_relax();
}

static void begin(void)
{
    shared.lock.word = 0;
    shared.left = 2;
}

static void use(void)
{
    bool last;

    mo_lock_take(&shared.lock);
    last = --shared.left == 0;
    mo_lock_drop(&shared.lock);
    if (last)
        model_gone(&shared, sizeof shared);
}

static void try(void)
{
    if (mo_word_try(&shared.lock.word)) {
        shared.left++;
        shared.left--;
        mo_word_unlock(&shared.lock.word);
    }
}

static void use_and_stay(void)
{
    mo_lock_take(&shared.lock);
    shared.left--;
    mo_lock_drop(&shared.lock);
}

const struct model models[] = {
    { "two users, and the lock goes", begin, { use, use }, NULL },
    { "two users and one who tries", begin,
      { use_and_stay, use_and_stay, try }, NULL, 2 },
    { NULL, NULL, { NULL }, NULL }
};
