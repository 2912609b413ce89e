/* SPDX-License-Identifier: MIT */
/*
 * test_timer.c - the wheel of deadlines against a list that is searched.
 */
#include "timer.h"

#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "worker.h"

#define TIMERS 300

struct entry {
    struct moirai_timer timer;      /* first */
    int64_t deadline;
    uint64_t armed;                 /* when; 0: not */
};

static struct entry entries[TIMERS];
static struct entry *last_fired;
static struct mo_worker place;
static uint64_t clock_of_arms;

static void begin(void)
{
    memset(&place.timers, 0, sizeof place.timers);
    mo_timers_init(&place.timers);
}

static uint32_t draw(uint64_t *random, uint32_t n)
{
    *random = *random * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((*random >> 33) % n);
}

/* The entry that ought to fire next, or NULL. */
static struct entry *model_first(void)
{
    struct entry *first = NULL;

    for (int i = 0; i < TIMERS; i++) {
        struct entry *e = &entries[i];

        if (e->armed != 0
            && (first == NULL || e->deadline < first->deadline
                || (e->deadline == first->deadline
                    && e->armed < first->armed)))
            first = e;
    }
    return first;
}

static void fired(struct moirai_timer *timer)
{
    struct entry *e = (struct entry *)timer;

    CHECK_FMT(e == model_first(), "timer %d fired out of order",
              (int)(e - entries));
    e->armed = 0;
    last_fired = e;
}

static void arm(struct entry *e, int64_t deadline)
{
    const struct entry *first;
    bool is_first;

    e->deadline = deadline;
    e->armed = ++clock_of_arms;
    first = model_first();
    mo_lock_take(&place.timers.lock);
    is_first = mo_timer_insert(&place.timers, &e->timer, deadline, fired);
    mo_lock_drop(&place.timers.lock);
    CHECK(first != e || is_first || place.timers.earliest <= deadline);
    CHECK(!is_first || (first == e && place.timers.earliest == deadline));
}

static void check_earliest(void)
{
    const struct entry *first = model_first();

    CHECK((place.timers.earliest == MOIRAI_NEVER) == (first == NULL));
    CHECK(first == NULL || place.timers.earliest <= first->deadline);
}

/* As likely within a tick as within a year. */
static int64_t span(uint64_t *random)
{
    uint64_t ns = (uint64_t)draw(random, 1 << 30) << 26
        | draw(random, 1 << 26);

    return (int64_t)(ns >> draw(random, 55));
}

static void pass(int64_t now)
{
    while (mo_timers_run(&place, now) != 0)
        continue;
    CHECK(place.timers.earliest > now);
    CHECK(model_first() == NULL || model_first()->deadline > now);
}

static void step(uint64_t *random, int64_t *now)
{
    const struct entry *first = model_first();
    struct entry *e = &entries[draw(random, TIMERS)];

    switch (draw(random, 4)) {
    case 0:
    case 1:
        if (e->armed == 0)
            arm(e, *now + 1 + span(random));
        break;
    case 2:
        mo_timer_disarm(&e->timer);
        e->armed = 0;
        CHECK(e->timer.place == NULL);
        break;
    default:
        if (first != NULL && draw(random, 2) == 0)
            *now = first->deadline - draw(random, 2);
        else if (draw(random, 64) == 0)
            *now += span(random) >> 8;
        pass(*now);
        break;
    }
    check_earliest();
}

TEST(timer, fires_what_is_due_in_order_whatever_is_taken_out)
{
    uint64_t random = 1;
    int64_t now = 1000;

    begin();
    check_earliest();
    for (int i = 0; i < 200000; i++)
        step(&random, &now);
    while (mo_timers_run(&place, MOIRAI_NEVER) != 0)
        continue;
    check_earliest();
    CHECK(model_first() == NULL);
    CHECK(last_fired != NULL);
}

TEST(timer, equal_deadlines_fire_in_the_order_they_were_armed)
{
    begin();
    for (int i = 0; i < TIMERS; i++)
        arm(&entries[i * 7 % TIMERS], 5);
    CHECK_EQ(mo_timers_run(&place, 4), 0);
    CHECK_EQ(mo_timers_run(&place, 5) + mo_timers_run(&place, 5), TIMERS);
    CHECK_EQ(mo_timers_run(&place, 5), 0);
}

/* So that nobody is woken before there is something to do. */
TEST(timer, of_which_none_is_taken_out_is_the_earliest)
{
    uint64_t random = 2;

    begin();
    for (int i = 0; i < TIMERS; i++)
        arm(&entries[i], 1 + span(&random));
    while (model_first() != NULL) {
        CHECK_EQ(place.timers.earliest, model_first()->deadline);
        CHECK_EQ(mo_timers_run(&place, place.timers.earliest - 1), 0);
        CHECK(mo_timers_run(&place, place.timers.earliest) > 0);
    }
    check_earliest();
}

/* Who is woken for one that was taken out looks for the next one at most once a
 * level. */
TEST(timer, taken_out_wakes_seldom)
{
    begin();
    for (int i = 0; i < TIMERS; i++)
        arm(&entries[i], MOIRAI_S + i * MOIRAI_US);
    for (int i = 0; i < TIMERS - 1; i++) {
        mo_timer_disarm(&entries[i].timer);
        entries[i].armed = 0;
    }
    for (int i = 0; place.timers.earliest < entries[TIMERS - 1].deadline; i++) {
        CHECK(i < MO_TIMER_LEVELS);
        CHECK_EQ(mo_timers_run(&place, place.timers.earliest), 0);
    }
    CHECK_EQ(mo_timers_run(&place, place.timers.earliest), 1);
    check_earliest();
}

TEST(timer, that_never_comes_can_be_taken_out)
{
    begin();
    arm(&entries[0], MOIRAI_NEVER);
    arm(&entries[1], MOIRAI_NEVER - 1);
    CHECK_EQ(mo_timers_run(&place, MOIRAI_NEVER - 2), 0);
    mo_timer_disarm(&entries[0].timer);
    entries[0].armed = 0;
    mo_timer_disarm(&entries[1].timer);
    entries[1].armed = 0;
    mo_timer_disarm(&entries[1].timer);
    check_earliest();
}
