/* SPDX-License-Identifier: MIT */
/*
 * tenure.c - who may use a channel without its lock, and until when.
 *
 * A lock that nobody contends for still costs two locked instructions in each
 * call, and one that is contended for goes to and fro between two processors,
 * with all that it guards, for each message. So a channel may have an owner: a
 * worker that has come some times in a row. The owner says that it is inside,
 * and if the channel is still its own, is. Everybody else takes the lock, says
 * that nobody owns the channel, makes every processor fence, and waits until
 * the owner is outside. The owner's store and load have only to be ordered for
 * the compiler: after the barrier either its store has been seen, or its load
 * sees that the owner has changed. A worker makes itself the owner, under the
 * lock: so nobody becomes it again while it is on its way in. Not under TSan
 * or the simulator, nor where the system has no such barrier. (After "Quickly
 * reacquirable locks", D. Dice, M. Moir, W. Scherer, 2003.)
 *
 * To end a tenure costs a barrier, 2 us or so, and then everything the channel
 * holds comes over line by line: 20 us for a buffer of 1,024 words. It has to
 * be worth that. A worker that finds a channel in use by its owner, message
 * upon message, waits until the tenure has lasted for TENURE_NS, then has the
 * channel for as long: tasks on two workers that send and receive all the time
 * work by turns, nearly as fast as if one was alone, instead of taking the
 * lines from each other for each message. One that finds the owner at rest does
 * not wait. With more workers tenures are shorter, so that nobody waits longer.
 * A plain thread never owns, and never waits.
 *
 * A tenure that was not worth its end makes the next one begin later; that is
 * forgotten little by little as workers come by turns. A channel that workers
 * use by turns, a message each, has no owner.
 *
 * Messages are counted by those who hold the channel; who waits looks at their
 * number seldom: each look takes the line away from the owner.
 */
#include "chan.h"
#include "runtime.h"

#define TENURE_NS (100 * MOIRAI_US) /* with two workers; */
#define TENURE_LEAST (10 * MOIRAI_US)   /* with many */
#define LOOK_FIRST 500              /* ns between two looks at the owner, */
#define LOOK_NS (5 * MOIRAI_US)     /* after the first, */
#define IN_USE 2                    /* if so many messages have passed */
#define WORTH 64                    /* messages of a tenure, at least */
#define AFTER_SHORT 256             /* locked calls in a row after one that */
#define MOST 4096                   /* was not; after several */

void mo_chan_unowned(struct mo_chan *c)
{
    const struct moirai_runtime *rt = c->runtime;

    c->enough = rt->owning ? 1 : MO_CHAN_ENOUGH;
}

static uint64_t passed(const struct mo_chan *c)
{
    return mo_load_relaxed(&c->sent) + mo_load_relaxed(&c->received);
}

static void own(struct mo_chan *c, struct mo_worker *w, int64_t now)
{
    c->passed_before = passed(c);
    c->tenure_ns = now;
    mo_store_relaxed(&c->owner, w);
}

void mo_chan_own(struct mo_chan *c, struct mo_worker *w)
{
    if (w->runtime == c->runtime && c->runtime->biased && !c->concurrent)
        own(c, w, w->clock_ns);
}

static int64_t tenure(const struct moirai_runtime *rt)
{
    int64_t others = (int64_t)mo_load_relaxed(&rt->worker_count) - 1;

    if (others <= 1)
        return TENURE_NS;
    return others * TENURE_LEAST < TENURE_NS ? TENURE_NS / others
                                             : TENURE_LEAST;
}

/* Lets the owner go on, if it is busy with the channel, until its time is up.
 * Nothing that the owner writes is looked at in between. */
static int64_t let_finish(const struct mo_chan *c,
                          const struct moirai_runtime *rt)
{
    int64_t until = c->tenure_ns + tenure(rt);
    int64_t now = mo_runtime_now(rt);
    int64_t look = now + LOOK_FIRST;
    uint64_t before = passed(c);

    while (now < until) {
        mo_relax(MO_RELAX_SHORT);
        now = mo_runtime_now(rt);
        if (now < look)
            continue;
        if (passed(c) - before < IN_USE)
            return now;
        before = passed(c);
        look = now + LOOK_NS;
    }
    return now;
}

static void put_off(struct mo_chan *c)
{
    if (c->enough < AFTER_SHORT)
        c->enough = AFTER_SHORT;
    else if (c->enough < MOST)
        c->enough *= 2;
}

void mo_chan_evict(struct mo_chan *c, struct mo_worker *w)
{
    const struct moirai_runtime *rt = c->runtime;
    struct mo_worker *owner = mo_load_relaxed(&c->owner);
    bool worker = w->runtime == rt;
    int64_t now = worker ? let_finish(c, rt) : 0;

    mo_store_relaxed(&c->owner, NULL);
    mo_os_barrier();                /* pairs with the half in mo_chan_enter */
    for (uint32_t round = 0; mo_load(&owner->inside) != 0;)
        mo_relax(round++);
    c->last = w;
    c->streak = 0;
    if (passed(c) - c->passed_before < WORTH)
        put_off(c);
    else if (worker)
        own(c, w, now);
}
