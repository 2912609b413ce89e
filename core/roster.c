/* SPDX-License-Identifier: MIT */
/*
 * roster.c - pages of places, which are added and never removed.
 *
 * Why what a walker sees is there. Who wants to take fibers away first empties
 * their places, then looks whether anybody walks; a walker first says that it
 * walks, then reads the places. All four are sequentially consistent, so either
 * the walker finds the place empty, or the other finds the walker, and puts
 * the fibers back.
 */
#include "roster.h"

#include "mem.h"
#include "worker.h"

#define NONE ((uintptr_t)1)         /* free, and the last of those */

void mo_roster_init(struct mo_roster *roster)
{
    *roster = (struct mo_roster){ .free = NONE };
}

void mo_roster_fini(struct mo_roster *roster)
{
    struct mo_roster_page *page = roster->pages;

    while (page != NULL) {
        struct mo_roster_page *next = page->next;

        mo_mem_free(page);
        page = next;
    }
}

/* The lock is held. */
static void put_free(struct mo_roster *roster, struct mo_roster_place *place)
{
    mo_store(&place->fiber, roster->free);
    roster->free = (uintptr_t)place + 1;
}

/* NULL: there is none. */
static struct mo_roster_place *take_free(struct mo_roster *roster)
{
    struct mo_roster_place *place = NULL;

    mo_lock_take(&roster->lock);
    if (roster->free != NONE) {
        place = (struct mo_roster_place *)(roster->free - 1);
        roster->free = mo_load_relaxed(&place->fiber);
    }
    mo_lock_drop(&roster->lock);
    return place;
}

/* No lock is held: this allocates. */
static bool grow(struct mo_roster *roster)
{
    struct mo_roster_page *page = mo_mem_alloc(sizeof *page, 64);

    if (page == NULL)
        return false;
    mo_lock_take(&roster->lock);
    for (uint32_t i = MO_ROSTER_PAGE; i > 0; i--)
        put_free(roster, &page->places[i - 1]);
    page->next = mo_load_relaxed(&roster->pages);
    mo_store(&roster->pages, page); /* pairs with the load of a walker */
    mo_lock_drop(&roster->lock);
    return true;
}

struct mo_roster_place *mo_roster_add(struct mo_roster *roster,
                                      struct mo_fiber *fiber)
{
    struct mo_roster_place *place = take_free(roster);

    while (place == NULL && grow(roster))
        place = take_free(roster);
    if (place != NULL)
        mo_store(&place->fiber, (uintptr_t)fiber);
    return place;
}

bool mo_roster_hide(struct mo_roster *roster, struct mo_fiber *const *fibers,
                    uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        mo_swap(&fibers[i]->place->fiber, NONE);
    if (mo_load_seq(&roster->walkers) == 0)
        return true;
    for (uint32_t i = 0; i < n; i++)
        mo_store(&fibers[i]->place->fiber, (uintptr_t)fibers[i]);
    return false;
}

void mo_roster_remove(struct mo_roster *roster, struct mo_roster_place *place)
{
    mo_lock_take(&roster->lock);
    put_free(roster, place);
    mo_lock_drop(&roster->lock);
}

void mo_roster_walk(struct mo_roster *roster,
                    bool (*look)(struct mo_fiber *fiber, void *arg), void *arg)
{
    bool more = true;

    mo_add(&roster->walkers, 1);
    for (struct mo_roster_page *page = mo_load(&roster->pages);
         page != NULL && more; page = page->next)
        for (uint32_t i = 0; i < MO_ROSTER_PAGE && more; i++) {
            uintptr_t fiber = mo_load_seq(&page->places[i].fiber);

            if (fiber % 2 == 0)
                more = look((struct mo_fiber *)fiber, arg);
        }
    mo_sub(&roster->walkers, 1);
}
