/* SPDX-License-Identifier: MIT */
/*
 * timer.c - a wheel of wheels, and a heap for what is next.
 *
 * Time is divided into ticks of 16 us. Timers of the tick that is being looked
 * at (`at`), and of those before it, are in a pairing heap, ordered to the ns,
 * ties by who was armed first. All others are in slots, unordered: on level 0 a
 * slot is a tick, on each further one as much as 256 slots of the level below.
 * The level is that of the highest digit, to the base of 256, in which a
 * timer's tick differs from `at`; the slot, that digit of its tick. Hence:
 *
 * - Each timer in the wheel is later than `at`, and than all of the heap; what
 *   is on a level comes before all that is on a higher one; and in a level, a
 *   slot's timers before those of a higher slot. So the first slot in use, of
 *   the lowest level in use, has the first timer of the wheel.
 * - Where a timer is, follows from its deadline and `at`, so it is not written
 *   down; to arm or to take out one in a slot is a matter of its neighbours.
 *
 * When the heap is empty, and the least deadline of the first slot has come,
 * `at` moves there, and the slot's timers are spread to lower levels or the
 * heap (spread). No other timer's place changes by that: `at` is still before
 * all of them, and those in other slots differ from it in the same digit. As
 * `at` passes only what has come, the heap holds what is due, or will be in a
 * tick. A timer goes down at most once a level, and mostly, as `at` goes to the
 * first timer, not the slot's beginning, from where it was into the heap.
 *
 * A slot remembers the least deadline that it was given since it was empty, so
 * that sleepers need not be woken before, and does not look for the next when
 * the timer of that is taken out: taking out is done in the same time whatever
 * there is. So `earliest` may be too early, never too late; who is woken for
 * nothing spreads the slot, after which its parts know better. Timeouts of
 * which few ever come cost hardly anything: the slots that they were in are
 * empty by the time somebody looks.
 *
 * `earliest` orders nothing: who reads it takes the lock then, or has fenced
 * before (idle.c).
 *
 * Where many are due, they fire in batches: the tasks of one run while what was
 * touched to make them ready still is in the cache, and others get the lock.
 *
 * No operation needs memory, so arming cannot fail. A million sleepers that
 * are due within 100 ms: 8.7 us of processor each with nothing but a heap,
 * whose depth is all cold memory. To spread a slot takes some 100 ns a timer
 * while the lock is held, which delays the others that are due meanwhile; a
 * million timeouts spread over one minute are 18,000 to a slot, 2 ms. As a
 * timer that has slept for long is cold, and on a page of its own, a slot has
 * several lists, of which one is waited for while the others come.
 *
 * Sources: G. Varghese, A. Lauck, "Hashed and hierarchical timing wheels"
 * (1987), scheme 7; M. Fredman, R. Sedgewick, D. Sleator, R. Tarjan, "The
 * pairing heap" (1986), two-pass variant.
 */
#include "timer.h"

#include <stddef.h>
#include <string.h>

#include "idle.h"
#include "worker.h"

#define BATCH 256                   /* fire at once; see above */

void mo_timers_init(struct mo_timers *timers)
{
    timers->earliest = MOIRAI_NEVER;
}

static bool before(const struct moirai_timer *a, const struct moirai_timer *b)
{
    if (a->deadline_ns != b->deadline_ns)
        return a->deadline_ns < b->deadline_ns;
    return a->order < b->order;
}

/* Joins two heaps (roots without neighbours), either may be NULL. */
static struct moirai_timer *meld(struct moirai_timer *a,
                                 struct moirai_timer *b)
{
    if (a == NULL)
        return b;
    if (b == NULL)
        return a;
    if (before(b, a)) {
        struct moirai_timer *t = a;

        a = b;
        b = t;
    }
    b->next = a->child;
    if (a->child != NULL)
        a->child->prev = b;
    b->prev = a;
    a->child = b;
    return a;
}

/* One heap of a row of siblings: pairs left to right, then right to left. */
static struct moirai_timer *meld_row(struct moirai_timer *row)
{
    struct moirai_timer *pairs = NULL;
    struct moirai_timer *heap = NULL;

    while (row != NULL) {
        struct moirai_timer *a = row;
        struct moirai_timer *b = a->next;

        row = b != NULL ? b->next : NULL;
        a->next = a->prev = NULL;
        if (b != NULL)
            b->next = b->prev = NULL;
        a = meld(a, b);
        a->next = pairs;
        pairs = a;
    }
    while (pairs != NULL) {
        struct moirai_timer *rest = pairs->next;

        pairs->next = NULL;
        heap = meld(heap, pairs);
        pairs = rest;
    }
    return heap;
}

/* --- the wheel ------------------------------------------------------------ */

/* A slot, by its numbers. */
struct place {
    uint32_t level, slot;
};

static int64_t tick_of(int64_t deadline_ns)
{
    return deadline_ns >> MO_TIMER_TICK;
}

/* Is it in the heap, or to be? */
static bool is_near(const struct mo_timers *timers,
                    const struct moirai_timer *timer)
{
    return tick_of(timer->deadline_ns) <= timers->at;
}

/* Of one that is not. */
static struct place place_of(const struct mo_timers *timers,
                             const struct moirai_timer *timer)
{
    uint64_t tick = (uint64_t)tick_of(timer->deadline_ns);
    uint64_t differs = tick ^ (uint64_t)timers->at;
    uint32_t level = (uint32_t)(63 - __builtin_clzll(differs))
        / MO_TIMER_DIGIT;

    return (struct place){ level, tick >> level * MO_TIMER_DIGIT
                                  & (MO_TIMER_SLOTS - 1) };
}

static void set_used(struct mo_timers *timers, struct place place)
{
    timers->used[place.level][place.slot / 64] |= 1ull << place.slot % 64;
    timers->levels |= 1u << place.level;
}

static void set_unused(struct mo_timers *timers, struct place place)
{
    uint64_t *used = timers->used[place.level];

    used[place.slot / 64] &= ~(1ull << place.slot % 64);
    for (uint32_t i = 0; i < MO_TIMER_SLOTS / 64; i++)
        if (used[i] != 0)
            return;
    timers->levels &= ~(1u << place.level);
}

/* The first slot in use; there is one. */
static struct place first_place(const struct mo_timers *timers)
{
    uint32_t level = (uint32_t)__builtin_ctz(timers->levels);
    const uint64_t *used = timers->used[level];
    uint32_t i = 0;

    while (used[i] == 0)
        i++;
    return (struct place){ level,
                           i * 64 + (uint32_t)__builtin_ctzll(used[i]) };
}

static struct mo_timer_slot *slot_at(struct mo_timers *timers,
                                     struct place place)
{
    return &timers->slots[place.level][place.slot];
}

static bool is_used(const struct mo_timers *timers, struct place place)
{
    return (timers->used[place.level][place.slot / 64] >> place.slot % 64 & 1)
        != 0;
}

static struct moirai_timer **chain_of(struct mo_timer_slot *slot,
                                      const struct moirai_timer *timer)
{
    return &slot->first[timer->order % MO_TIMER_CHAINS];
}

static void put_in_slot(struct mo_timers *timers, struct moirai_timer *timer)
{
    struct place place = place_of(timers, timer);
    struct mo_timer_slot *slot = slot_at(timers, place);
    struct moirai_timer **chain = chain_of(slot, timer);

    if (!is_used(timers, place) || timer->deadline_ns < slot->earliest)
        slot->earliest = timer->deadline_ns;
    set_used(timers, place);
    timer->prev = NULL;
    timer->next = *chain;
    if (*chain != NULL)
        (*chain)->prev = timer;
    *chain = timer;
}

static void put(struct mo_timers *timers, struct moirai_timer *timer)
{
    if (is_near(timers, timer))
        timers->root = meld(timers->root, timer);
    else
        put_in_slot(timers, timer);
}

static void take_from_slot(struct mo_timers *timers,
                           struct moirai_timer *timer)
{
    if (timer->next != NULL)
        timer->next->prev = timer->prev;
    if (timer->prev != NULL) {
        timer->prev->next = timer->next;
    } else {
        struct place place = place_of(timers, timer);
        struct mo_timer_slot *slot = slot_at(timers, place);

        *chain_of(slot, timer) = timer->next;
        for (int i = 0; i < MO_TIMER_CHAINS; i++)
            if (slot->first[i] != NULL)
                return;
        set_unused(timers, place);
    }
}

static void take_from_heap(struct mo_timers *timers,
                           struct moirai_timer *timer)
{
    struct moirai_timer *children = meld_row(timer->child);

    if (timer == timers->root) {
        timers->root = children;
    } else {
        if (timer->prev->child == timer)
            timer->prev->child = timer->next;
        else
            timer->prev->next = timer->next;
        if (timer->next != NULL)
            timer->next->prev = timer->prev;
        timers->root = meld(timers->root, children);
    }
    if (timers->root != NULL)
        timers->root->next = timers->root->prev = NULL;
}

static bool is_empty(const struct mo_timers *timers)
{
    return timers->root == NULL && timers->levels == 0;
}

/* Nothing comes before that. */
static int64_t nearest(struct mo_timers *timers)
{
    if (timers->root != NULL)
        return timers->root->deadline_ns;
    if (timers->levels != 0)
        return slot_at(timers, first_place(timers))->earliest;
    return MOIRAI_NEVER;
}

static void publish_earliest(struct mo_timers *timers)
{
    int64_t first = nearest(timers);

    if (first != mo_load_relaxed(&timers->earliest))
        mo_store_relaxed(&timers->earliest, first);
}

/* The next of a list goes to where it belongs now. What follows it is cold, and
 * fetched while the other lists have their turn. */
static struct moirai_timer *put_lower(struct mo_timers *timers,
                                      struct moirai_timer *timer)
{
    struct moirai_timer *next = timer->next;

    if (next != NULL)
        __builtin_prefetch(next, 1);
    timer->next = timer->prev = NULL;
    put(timers, timer);
    return next;
}

/* The heap is empty, the wheel is not: goes on to its first timer. */
static void spread(struct mo_timers *timers)
{
    struct place place = first_place(timers);
    struct mo_timer_slot *slot = slot_at(timers, place);
    struct moirai_timer *next[MO_TIMER_CHAINS];
    bool more = true;

    memcpy(next, slot->first, sizeof next);
    memset(slot->first, 0, sizeof slot->first);
    set_unused(timers, place);
    timers->at = tick_of(slot->earliest);
    while (more) {
        more = false;
        for (int i = 0; i < MO_TIMER_CHAINS; i++) {
            if (next[i] == NULL)
                continue;
            next[i] = put_lower(timers, next[i]);
            more = true;
        }
    }
}

/* --- timers --------------------------------------------------------------- */

static void take_out(struct mo_timers *timers, struct moirai_timer *timer)
{
    if (is_near(timers, timer))
        take_from_heap(timers, timer);
    else
        take_from_slot(timers, timer);
    timer->child = timer->next = timer->prev = NULL;
    publish_earliest(timers);
    mo_store(&timer->place, NULL);  /* pairs with the load in disarm, and is
                                     * the last access: it may be gone now */
}

bool mo_timer_insert(struct mo_timers *timers, struct moirai_timer *timer,
                     int64_t deadline_ns, void (*fire)(struct moirai_timer *))
{
    *timer = (struct moirai_timer){ .deadline_ns = deadline_ns,
                                    .order = timers->order++, .fire = fire };
    mo_store_relaxed(&timer->place, timers);
    put(timers, timer);
    if (deadline_ns >= mo_load_relaxed(&timers->earliest))
        return false;
    mo_store_relaxed(&timers->earliest, deadline_ns);
    return true;
}

void mo_timer_arm(struct mo_worker *w, struct moirai_timer *timer,
                  int64_t deadline_ns, void (*fire)(struct moirai_timer *))
{
    bool first;

    mo_lock_take(&w->timers.lock);
    first = mo_timer_insert(&w->timers, timer, deadline_ns, fire);
    mo_lock_drop(&w->timers.lock);
    if (first)
        mo_idle_deadline(w->runtime, deadline_ns);
}

/* `place` never names another place while the timer is armed, so a stale value
 * only costs a look under the lock. */
void mo_timer_disarm(struct moirai_timer *timer)
{
    struct mo_timers *timers = mo_load(&timer->place);

    if (timers == NULL)
        return;
    mo_lock_take(&timers->lock);
    if (mo_load_relaxed(&timer->place) != NULL)
        take_out(timers, timer);
    mo_lock_drop(&timers->lock);
}

uint32_t mo_timers_run(struct mo_worker *place, int64_t now)
{
    struct mo_timers *timers = &place->timers;
    uint32_t fired = 0;

    if (mo_load_relaxed(&timers->earliest) > now)
        return 0;
    mo_lock_take(&timers->lock);
    while (fired < BATCH && !is_empty(timers)
           && nearest(timers) <= now) {
        struct moirai_timer *timer = timers->root;

        if (timer == NULL) {
            spread(timers);
            continue;
        }
        timer->fire(timer);         /* its owner, if that woke it, stops */
        take_out(timers, timer);    /* in disarm until we are done here */
        fired++;
    }
    publish_earliest(timers);
    mo_lock_drop(&timers->lock);
    return fired;
}
