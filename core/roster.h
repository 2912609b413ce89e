/* SPDX-License-Identifier: MIT */
/*
 * roster.h - every fiber of a runtime, for those who look at all of them.
 *
 * A fiber's record lies on its stack, whose memory may go back to the system;
 * so where the records are is kept here, eight bytes each. Workers add and
 * remove; task dumps walk without a lock, at any time, and debuggers in a core
 * file. While somebody walks, nothing that was on the roster may go away.
 */
#ifndef MO_ROSTER_H
#define MO_ROSTER_H

#include <stdbool.h>

#include "lock.h"

#define MO_ROSTER_PAGE 511          /* places of a page: 4 KiB in all */

struct mo_fiber;

struct mo_roster_place {
    MO_ATOMIC(uintptr_t) fiber;     /* its address; or odd, if the place is
                                     * free: that of the next free one + 1 */
};

struct mo_roster_page {
    struct mo_roster_page *next;    /* constant */
    struct mo_roster_place places[MO_ROSTER_PAGE];
};

struct mo_roster {
    MO_ATOMIC(struct mo_roster_page *) pages;   /* only ever added */
    MO_ATOMIC(uint32_t) walkers;
    struct mo_lock lock;            /* guards the free places */
    uintptr_t free;                 /* the first free place, + 1; 1: none */
};

void mo_roster_init(struct mo_roster *roster);
void mo_roster_fini(struct mo_roster *roster);

/* Puts a fiber on the roster; NULL: out of memory. */
struct mo_roster_place *mo_roster_add(struct mo_roster *roster,
                                      struct mo_fiber *fiber);

/* Nobody finds these fibers any more, who begins to walk from now on. False:
 * somebody walks already; they are still there, and have to stay. */
bool mo_roster_hide(struct mo_roster *roster, struct mo_fiber *const *fibers,
                    uint32_t n);

/* Gives the place of a hidden fiber back. */
void mo_roster_remove(struct mo_roster *roster, struct mo_roster_place *place);

/* Calls look(fiber, arg) for each fiber until that returns false. Any
 * thread. */
void mo_roster_walk(struct mo_roster *roster,
                    bool (*look)(struct mo_fiber *fiber, void *arg),
                    void *arg);

#endif
