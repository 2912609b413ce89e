/* SPDX-License-Identifier: MIT */
/*
 * concurrent.c - messages of a channel whose discipline needs no lock.
 *
 * A send pushes, fences, and looks whether anybody waits; a receive pops,
 * fences, and looks. Only if somebody does, the channel's lock is taken, and
 * those who wait are served as transfer.c does it. Whoever finds no room, or no
 * message, goes there too: with the lock held it first announces that somebody
 * waits, fences, tries once more, and only then queues itself and parks. The
 * lock is dropped by the commit of that wait, so who finds the announcement
 * finds the waiter.
 *
 * Why no wake-up is lost (after T. Dekker). Let W be somebody's last try,
 * refused, and `waiting` be set before it. It stays set as long as W's node is
 * queued. Take any push or pop X by another, and the two fences, which have one
 * order:
 *   W's fence before X's: X finds `waiting` set, gets the lock after W has
 *   queued, and tries again on W's behalf.
 *   X's before W's: W's try saw all that X did. So it was not refused for
 *   want of what X brought, and not because X was under way.
 * A discipline refuses only what cannot be, or because of others that are under
 * way and will succeed (moirai/chan_ops.h). If all X were of the second kind,
 * none would be under way during W's try, so there was indeed nothing for it;
 * and whatever comes later is of the first kind. Hence those who look are all
 * who succeeded, whichever side they are on: a receiver that moves messages
 * from one queue to another may be why a second one found none.
 *
 * Closing seals the store under the lock; from then on a push fails, and its
 * sender, getting the lock, finds the channel closed. What was pushed before is
 * given to waiting receivers before they are told (mo_chan_settle_last), and
 * whoever comes later pops until nothing is left.
 *
 * Who has waited longest is served first only among those who wait: somebody
 * who comes by at the very moment may be faster. No message is handed from a
 * sender to a waiting receiver: one that was stored meanwhile would be
 * overtaken.
 *
 * None of this where a worker owns its channels: then locks cost it less than a
 * fence (tenure.c). Nor with an overflow policy, which has to drop and push in
 * one step; nor with loans, which no concurrent discipline has yet.
 *
 * Nothing that is shared is written here: messages are counted by the workers.
 * `sent` and `received` of the channel stay behind.
 */
#include "transfer.h"

#include "task.h"

/* May the caller do this at all? 0 or why not. Most are tasks that may. */
static inline int refused(const struct moirai_chan *chan, uint32_t mode,
                          int64_t deadline_ns)
{
    const struct mo_worker *w = mo_here();

    if (__builtin_expect(w->task != NULL && (chan->mode & mode) != 0
                         && chan->to->runtime == w->runtime
                         && !mo_task_cancelled(w->task), 1))
        return 0;
    return mo_chan_refused(chan, mode, deadline_ns);
}

/* Something was pushed or popped. */
static inline void look_around(struct mo_chan *c)
{
    mo_fence();                     /* pairs with the one in announce */
    if (__builtin_expect(mo_load_relaxed(&c->waiting) != 0, 0))
        mo_chan_settle(c);
}

static inline size_t push(struct mo_chan *c, const struct moirai_chan *chan,
                          const void *first, size_t n)
{
    mo_race_release(c);
    n = c->push(c->state, chan->view, first, n);
    if (__builtin_expect(n != 0, 1))
        look_around(c);
    return n;
}

static inline size_t pop(struct mo_chan *c, const struct moirai_chan *chan,
                         void *first, size_t n)
{
    n = c->pop(c->state, chan->view, first, n);
    if (__builtin_expect(n != 0, 1)) {
        mo_race_acquire(c);
        look_around(c);
    }
    return n;
}

int mo_concurrent_send(struct moirai_chan *chan, const void *message,
                       int64_t deadline_ns)
{
    struct mo_lent from = { .at = (char *)message, .left = 1, .least = 1,
                            .chan = chan };
    struct mo_chan *c = chan->to;
    int rc = refused(chan, MOIRAI_SEND, deadline_ns);

    if (rc != 0)
        return rc;
    if (push(c, chan, message, 1) == 0) {
        mo_chan_lock(c);
        rc = mo_send_rest(&from, deadline_ns);
    }
    if (rc == 0)
        mo_count_sent(c->runtime, 1);
    return rc;
}

int mo_concurrent_recv(struct moirai_chan *chan, void *message,
                       int64_t deadline_ns)
{
    struct mo_lent to = { .at = message, .left = 1, .least = 1, .chan = chan };
    struct mo_chan *c = chan->to;
    int rc = refused(chan, MOIRAI_RECV, deadline_ns);

    if (rc != 0)
        return rc;
    if (pop(c, chan, message, 1) == 0) {
        mo_chan_lock(c);
        rc = mo_recv_rest(&to, deadline_ns);
    }
    if (rc == 0)
        mo_count_received(c->runtime, 1);
    return rc;
}

bool mo_concurrent_push(struct mo_lent *from)
{
    struct mo_chan *c = from->chan->to;

    mo_lent_advance(from, push(c, from->chan, from->at, from->left), c->bytes);
    return from->left == 0;
}

bool mo_concurrent_pop(struct mo_lent *to)
{
    struct mo_chan *c = to->chan->to;

    mo_lent_advance(to, pop(c, to->chan, to->at, to->left), c->bytes);
    return to->least == 0;
}
