/* SPDX-License-Identifier: MIT */
/*
 * idle.c - no herd, no lost wake-up, no burning.
 *
 * A worker without work first searches (spins, looking around) for a short
 * time, then sleeps. Whoever queues a task wakes at most one sleeper, and none
 * while somebody is searching, since the searcher will find it. When the last
 * searcher finds work and sees more, it wakes the next, so that a burst spreads
 * one by one while there is something to spread.
 *
 * Why no wake-up is lost. A pusher makes its task visible, then fences, then
 * reads `searchers` and `sleepers`. A worker that gives up first counts itself
 * as a sleeper and leaves the searchers, then fences, then looks at all queues
 * once more (mo_worker_sees_work). Of two fences one comes first: either the
 * pusher sees the sleeper and wakes it, or the worker sees the task. If the
 * pusher saw a searcher instead, that searcher has its last look still ahead
 * of it, by the same argument; and if it finds something in that, it searches
 * again, so that it wakes the next when it takes one of many. (This is the
 * pattern of Go's scheduler, proc.go, "Worker thread parking/unparking".)
 *
 * Timers. While anybody sleeps, exactly one sleeper is the keeper, and sleeps
 * only until the first deadline of any place. It is woken last, and when it
 * leaves while others sleep, one of them inherits; but it is only disturbed,
 * by the one that left (see_to_timers), when there are timers left to watch.
 * Whoever arms a timer that is first at its place stores `earliest`, fences and
 * reads `keeper_until`; the keeper stores the far future there, fences, reads
 * every `earliest`, and only then stores what it found: one of the two notices.
 *
 * I/O. While anybody sleeps and the backend is open, one sleeper, the poller,
 * sleeps in it, or each does if the backend does not share; the first to nap
 * where there is none is it. It is woken last, but before the keeper. When it
 * leaves, nobody takes its place before the next nap, or until a worker that
 * keeps house looks into the backend: to disturb another sleeper for that would
 * cost more than what the first one is mostly woken for.
 *
 * Rejected: waking on every push (26 us each on the other core, and a system
 * call for the pusher); a timer thread (two wake-ups for every timer).
 */
#include "idle.h"

#include "embed.h"
#include "fiber.h"
#include "tidy.h"
#include "topo.h"
#include "worker.h"

#define ANYWHERE UINT32_MAX         /* for a node */

void mo_idle_init(struct moirai_runtime *rt)
{
    uint32_t half = mo_topo_workers() / 2;

    rt->idle.most_searchers = half > 0 ? half : 1;
    rt->idle.keeper_until = -1;
}

/* Sleeps for itself alone? */
static bool is_spare(const struct mo_idle *idle, const struct mo_worker *w)
{
    return w != idle->keeper && w != idle->poller;
}

/* The first sleeper that is neither keeper nor poller, on that node if there is
 * such a one; or else the poller, or the keeper. Lock held, and somebody
 * sleeps. */
static struct mo_worker **choose_sleeper(struct mo_idle *idle, uint32_t node)
{
    struct mo_worker **best = &idle->first;

    for (struct mo_worker **at = best; *at != NULL; at = &(*at)->idle_next) {
        bool spare = is_spare(idle, *at);

        if (spare && (node == ANYWHERE || (*at)->node == node))
            return at;
        if (spare ? !is_spare(idle, *best) : *best == idle->keeper)
            best = at;
    }
    return best;
}

/* Takes *at, a link of the list, off it. If it was the keeper, the first of
 * the others is from now on, and whoever leaves sees to it that it learns of
 * that (see_to_timers). Lock held. */
static struct mo_worker *take_off(struct mo_idle *idle, struct mo_worker **at)
{
    struct mo_worker *w = *at;

    *at = w->idle_next;
    mo_store_relaxed(&w->idle, false);  /* dumps look without the lock */
    if (idle->poller == w)
        idle->poller = NULL;
    mo_sub(&idle->sleepers, 1);
    if (idle->keeper == w) {
        idle->keeper = idle->first;
        mo_store(&idle->keeper_until,
                 idle->first != NULL ? MOIRAI_NEVER : -1);
    }
    return w;
}

/* Who finds nobody to wake has counted as a searcher for a moment, and others
 * may have relied on that. It stops counting before the lock is dropped: so
 * whoever goes on the list later has its last look still ahead. */
static void wake_one(struct moirai_runtime *rt, uint32_t node)
{
    struct mo_idle *idle = &rt->idle;
    struct mo_worker *w = NULL;
    uint32_t none = 0;

    if (!mo_cas(&idle->searchers, &none, 1))
        return;
    mo_lock_take(&idle->lock);
    if (idle->first != NULL) {
        w = take_off(idle, choose_sleeper(idle, node));
        w->searching = true;        /* counted for it by the swap above */
    } else {
        mo_sub(&idle->searchers, 1);
    }
    mo_lock_drop(&idle->lock);
    if (w != NULL)
        mo_unpark(&w->parker);
}

void mo_idle_notify(struct moirai_runtime *rt)
{
    mo_fence();                     /* pairs with the one in mo_idle_sleep */
    if (mo_load_relaxed(&rt->idle.sleepers) != 0
        && mo_load_relaxed(&rt->idle.searchers) == 0)
        wake_one(rt, ANYWHERE);
}

void mo_idle_notify_node(struct moirai_runtime *rt, uint32_t node)
{
    mo_fence();                     /* as in mo_idle_notify */
    if (mo_load_relaxed(&rt->idle.sleepers) != 0
        && mo_load_relaxed(&rt->idle.searchers) == 0)
        wake_one(rt, node);
}

/* Wakes a given sleeper; false: it was not asleep. */
static bool wake_this(struct mo_worker *w)
{
    struct mo_idle *idle = &w->runtime->idle;
    bool slept;

    mo_lock_take(&idle->lock);
    slept = w->idle;
    if (slept) {
        struct mo_worker **at = &idle->first;

        while (*at != w)
            at = &(*at)->idle_next;
        take_off(idle, at);
    }
    mo_lock_drop(&idle->lock);
    if (slept)
        mo_unpark(&w->parker);
    return slept;
}

void mo_idle_notify_one(struct mo_worker *w)
{
    mo_fence();                     /* as in mo_idle_notify */
    if (mo_load_relaxed(&w->runtime->idle.sleepers) != 0)
        wake_this(w);
}

void mo_idle_deadline(struct moirai_runtime *rt, int64_t deadline_ns)
{
    struct mo_worker *keeper = NULL;

    mo_fence();                     /* pairs with the one in watch_timers */
    if (deadline_ns >= mo_load_relaxed(&rt->idle.keeper_until))
        return;
    mo_lock_take(&rt->idle.lock);
    keeper = rt->idle.keeper;
    if (keeper != NULL)
        mo_unpark(&keeper->parker); /* still listed: it looks again */
    mo_lock_drop(&rt->idle.lock);
}

/* Who is on his way to sleep has not looked yet, or sees it when he does. */
void mo_idle_poke(struct moirai_runtime *rt)
{
    struct mo_idle *idle = &rt->idle;

    mo_lock_take(&idle->lock);
    for (struct mo_worker *w = idle->first; w != NULL; w = w->idle_next)
        mo_unpark(&w->parker);      /* still listed */
    mo_lock_drop(&idle->lock);
}

void mo_idle_wake_all(struct moirai_runtime *rt)
{
    for (uint32_t i = 0; i < mo_load_relaxed(&rt->worker_count); i++) {
        wake_this(rt->workers[i]);
        mo_unpark(&rt->workers[i]->parker);
    }
}

bool mo_idle_search(struct mo_worker *w)
{
    struct mo_idle *idle = &w->runtime->idle;

    if (w->searching)
        return true;
    if (mo_load_relaxed(&idle->searchers) >= idle->most_searchers)
        return false;
    mo_add(&idle->searchers, 1);
    w->searching = true;
    return true;
}

void mo_idle_found(struct mo_worker *w)
{
    struct mo_idle *idle = &w->runtime->idle;

    if (!w->searching)
        return;
    w->searching = false;
    if (mo_sub(&idle->searchers, 1) != 1)
        return;
    mo_fence();                     /* pairs with the one in mo_idle_notify */
    if (mo_load_relaxed(&idle->sleepers) != 0 && mo_worker_sees_work(w))
        wake_one(w->runtime, ANYWHERE);
}

int64_t mo_idle_first_deadline(const struct moirai_runtime *rt)
{
    int64_t first = MOIRAI_NEVER;

    for (uint32_t i = 0; i < mo_load_relaxed(&rt->worker_count); i++) {
        int64_t here = mo_load(&rt->workers[i]->timers.earliest);

        if (here < first)
            first = here;
    }
    return first;
}

/* Until when may this sleeper sleep? Lock held. */
static int64_t watch_timers(struct mo_worker *w)
{
    struct moirai_runtime *rt = w->runtime;
    int64_t until;

    if (rt->idle.keeper != w)
        return MOIRAI_NEVER;
    mo_store(&rt->idle.keeper_until, MOIRAI_NEVER);
    mo_fence();                     /* pairs with that in mo_idle_deadline */
    until = mo_idle_first_deadline(rt);
    mo_store(&rt->idle.keeper_until, until);
    return until;
}

/* Fires what is due, as one who searches, so that what becomes ready wakes
 * nobody else; and tells the keeper of what is not, if it may not know. */
static void see_to_timers(struct mo_worker *w)
{
    struct moirai_runtime *rt = w->runtime;
    int64_t now;

    if (mo_idle_first_deadline(rt) == MOIRAI_NEVER)
        return;
    mo_idle_search(w);
    now = mo_runtime_now(rt);
    for (uint32_t i = 0; i < mo_load_relaxed(&rt->worker_count); i++)
        mo_count(&w->count.timers_fired, mo_timers_run(rt->workers[i], now));
    mo_idle_deadline(rt, mo_idle_first_deadline(rt));
}

/* Announces the sleep; from here on somebody may wake this worker. */
static void go_on_list(struct mo_worker *w)
{
    struct mo_idle *idle = &w->runtime->idle;
    bool searched = w->searching;

    w->searching = false;           /* while nobody else can set it */
    mo_lock_take(&idle->lock);
    if (idle->keeper == NULL) {
        idle->keeper = w;
        mo_store(&idle->keeper_until, MOIRAI_NEVER);
    }
    w->idle_next = idle->first;
    idle->first = w;
    mo_store_relaxed(&w->idle, true);
    mo_add(&idle->sleepers, 1);
    mo_lock_drop(&idle->lock);
    if (searched)
        mo_sub(&idle->searchers, 1);
    mo_fence();                     /* pairs with the one in mo_idle_notify */
}

/* Is this worker to sleep in the I/O backend? Lock held. */
static bool polls(struct mo_worker *w)
{
    struct moirai_runtime *rt = w->runtime;
    struct mo_idle *idle = &rt->idle;

    if (!mo_io_is_open(&rt->io) || !w->idle)
        return false;
    if (idle->poller == NULL)
        idle->poller = w;
    return idle->poller == w || !rt->io.shared;
}

/* One nap. False: this worker was taken off the list, or has reason to take
 * itself off. *tidy: when to tidy up, if that is still to be done. */
static bool nap(struct mo_worker *w, int64_t *tidy)
{
    struct moirai_runtime *rt = w->runtime;
    bool listed, poll;
    int64_t until;

    mo_lock_take(&rt->idle.lock);
    listed = w->idle;
    until = watch_timers(w);
    poll = polls(w);
    mo_lock_drop(&rt->idle.lock);
    if (!listed || mo_load(&rt->exiting) != 0
        || (until != MOIRAI_NEVER && until <= mo_runtime_now(rt)))
        return false;
    if (mo_load_relaxed(&rt->starving) != 0)
        mo_fiber_drain(w);          /* who counted itself then unparks all */
    if (*tidy != MOIRAI_NEVER && *tidy <= mo_runtime_now(rt)) {
        mo_tidy(w);
        *tidy = MOIRAI_NEVER;
        return true;                /* somebody may have come meanwhile */
    }
    if (until > *tidy)
        until = *tidy;
    if (rt->embed != NULL)
        mo_embed_sleep(w, until, poll);
    else if (poll)
        mo_io_sleep(w, until);
    else
        mo_park(&w->parker, until);
    return w->told == NULL;
}

void mo_idle_sleep(struct mo_worker *w)
{
    int64_t tidy = mo_tidy_due(w);

    go_on_list(w);
    if (!mo_worker_sees_work(w)) {
        mo_count(&w->count.sleeps, 1);
        while (nap(w, &tidy))
            continue;
    }
    if (wake_this(w))
        mo_idle_search(w);          /* as others may have relied on it */
    else
        mo_count(&w->count.wakes, 1);
    w->by_io = mo_io_release(w) != 0;
    see_to_timers(w);
}
