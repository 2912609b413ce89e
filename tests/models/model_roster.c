/* SPDX-License-Identifier: MIT */
/*
 * model_roster.c - a fiber that was hidden is seen by no walker.
 *
 * About: core/roster.c.
 */
#include "world.h"

#undef MO_ROSTER_PAGE
#define MO_ROSTER_PAGE 2u           /* of what walkers look at; see below */

#include "roster.c"

static struct mo_roster roster;
static struct mo_fiber fibers[2];
static struct mo_roster_page page;

void *mo_mem_alloc(size_t size, size_t align)
{
    (void)align;
    MODEL_CHECK(size == sizeof page);
    return &page;
}

static void begin_empty(void)
{
    memset(&page, 0, sizeof page);
    memset(fibers, 0, sizeof fibers);
    mo_roster_init(&roster);
}

static void begin(void)
{
    begin_empty();
    fibers[0].used = 1;
    fibers[0].place = mo_roster_add(&roster, &fibers[0]);
}

static bool look(struct mo_fiber *fiber, void *arg)
{
    (void)arg;
    MODEL_CHECK(fiber->pins == 0);
    MODEL_CHECK(fiber->used == 1);
    return true;
}

static void walk(void)
{
    mo_roster_walk(&roster, look, NULL);
}

static void hide(void)
{
    struct mo_fiber *fiber = &fibers[0];

    if (mo_roster_hide(&roster, &fiber, 1)) {
        fiber->pins = 1;            /* its memory is somebody else's now */
        mo_roster_remove(&roster, fiber->place);
    }
}

static void add(void)
{
    fibers[1].used = 1;
    fibers[1].place = mo_roster_add(&roster, &fibers[1]);
    MODEL_CHECK(fibers[1].place != NULL);
}

const struct model models[] = {
    { "hiding from a walker", begin, { walk, hide }, NULL },
    { "adding under a walker", begin_empty, { walk, add }, NULL },
    { "a place that is used again", begin, { walk, hide, add }, NULL },
    { NULL, NULL, { NULL }, NULL }
};
