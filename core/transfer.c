/* SPDX-License-Identifier: MIT */
/*
 * transfer.c - sending and receiving: from buffer to store to buffer.
 *
 * Who has to wait lends the channel its buffer, queues, and parks. From then
 * on the others move its messages, any number at a time, under the channel's
 * lock; it is woken once enough of them have been moved, so a batch costs one
 * wake-up however many parties serve it.
 *
 * Invariants, under the lock:
 *   - a waiting sender: the store has refused the oldest one's next message;
 *   - a waiting receiver: the store had nothing for it, or not yet enough;
 *   - senders and receivers of a rendezvous do not wait at the same time.
 * So whoever comes later cannot overtake: the store refuses it, or it has to
 * queue. Whatever makes room or brings messages serves the waiters at once. Of
 * a closed channel nobody is served: chan.c is about to tell them all.
 *
 * Lent memory. A wait that ends by time or cancellation comes back for the
 * lock, and takes its node out, before its caller returns; so what is queued
 * may be read and written under the lock, even if the waiter's claim has just
 * been lost. If the last message was moved in that gap, the operation has
 * succeeded, and says so: the claim decides who wakes the waiter, the lock
 * what happened.
 *
 * A wait on several channels at once (a select) is different: nothing of it may
 * move before its claim is won, since another channel may serve it. So whoever
 * could serve it claims first, and then moves its one message. A store may
 * still refuse: then the select is made to look at all its cases anew, which
 * needs no more than that it is woken without being told of a case. To spare it
 * that, the store is asked first. A select that is only about to wait cannot be
 * claimed: it is passed over, and will look anew too (wait.h).
 *
 * A cancelled task is refused also where it need not wait, unless it only
 * tries (MOIRAI_NOW): a loop over a channel that is never full or empty must
 * be cancellable too.
 *
 * Disciplines that need no lock get one here all the same; concurrent.c comes
 * before.
 *
 * Message ids: `sent` counts under the lock, so the n-th message is the one
 * that made it n.
 *
 * Rejected: claiming a waiter before its message is moved. The store may then
 * still refuse it, and a claim cannot be given back: its timer may have come
 * and gone. It would have to be woken for nothing and to queue again.
 */
#include "transfer.h"

#include <errno.h>

#include "loan.h"
#include "runtime.h"
#include "spill.h"
#include "task.h"

/* From a sender's buffer into a receiver's. */
static void hand_over(struct mo_chan *c, struct mo_lent *to,
                      struct mo_lent *from)
{
    size_t n = to->left < from->left ? to->left : from->left;

    mo_copy(to->at, from->at, n * c->bytes);
    mo_lent_advance(to, n, c->bytes);
    mo_lent_advance(from, n, c->bytes);
    mo_count(&c->sent, n);
    mo_count(&c->received, n);
}

/* Where receivers wait for what is theirs alone, no more at once than there is
 * room for: what is more could push out what they have not been given yet. */
static size_t at_once(struct mo_chan *c, const struct mo_lent *from)
{
    size_t most;

    if (!c->views || c->receivers.first == NULL)
        return from->left;
    most = c->ops->capacity(c->state);
    return from->left < most ? from->left : most;
}

static size_t push(struct mo_chan *c, struct mo_lent *from)
{
    void *view = from->chan->view;
    size_t n = at_once(c, from);

    n = c->spill == NULL ? c->push(c->state, view, from->at, n)
                         : mo_spill_push(c, view, from->at, n);
    mo_lent_advance(from, n, c->bytes);
    mo_count(&c->sent, n);
    return n;
}

static size_t pop(struct mo_chan *c, struct mo_lent *to)
{
    size_t n = c->pop(c->state, to->chan->view, to->at, to->left);

    mo_lent_advance(to, n, c->bytes);
    mo_count(&c->received, n);
    return n;
}

static inline bool of_select(const struct mo_node *node)
{
    return __builtin_expect(node->which != 0, 0);
}

/* Takes a waiter out if it has got enough. */
static bool served(struct mo_queue *queue, struct mo_node *node,
                   struct mo_queue *woken)
{
    const struct mo_lent *lent = node->message;

    if (lent->least != 0)
        return false;
    mo_queue_remove(queue, node);
    if (of_select(node))
        mo_wait_chose(node);
    else if (!mo_wait_claim(node->waiter))
        return true;
    mo_queue_add(woken, node);
    return true;
}

/* The store refused a waiter, which goes on to look for itself. `claimed`: it
 * is a select, and was claimed for that. */
static void in_vain(struct mo_queue *queue, struct mo_node *node, bool claimed,
                    struct mo_queue *woken)
{
    mo_queue_remove(queue, node);
    if (claimed || mo_wait_claim(node->waiter))
        mo_queue_add(woken, node);
}

/* The oldest waiter whose message may be moved; NULL: there is none. */
static struct mo_node *partner(struct mo_queue *queue)
{
    struct mo_node *node;

    while ((node = queue->first) != NULL && of_select(node)
           && !mo_wait_claim(node->waiter))
        mo_queue_remove(queue, node);
    return node;
}

enum grip { GRIP_NONE, GRIP_GONE, GRIP_HELD };

/* May a message of this waiter go to the store, or come from there, now? */
static enum grip take_hold(struct mo_chan *c, struct mo_queue *queue,
                           struct mo_node *node, uint32_t mode)
{
    struct mo_lent *lent = node->message;

    if (!of_select(node))
        return GRIP_HELD;
    if (!mo_chan_can(c, lent->chan, mode))
        return GRIP_NONE;
    if (mo_wait_claim(node->waiter))
        return GRIP_HELD;
    mo_queue_remove(queue, node);
    return GRIP_GONE;
}

/* Will this receiver never get anything any more? */
static bool has_ended(struct mo_chan *c, const struct mo_node *node)
{
    const struct mo_lent *lent = node->message;

    return c->ops->ended != NULL
        && c->ops->ended(c->state, lent->chan->view) != 0;
}

/* Waiting senders' messages into the store. */
static bool refill(struct mo_chan *c, struct mo_queue *woken)
{
    bool moved = false;
    struct mo_node *node;

    while ((node = c->senders.first) != NULL) {
        enum grip grip = take_hold(c, &c->senders, node, MOIRAI_SEND);

        if (grip == GRIP_GONE)
            continue;
        if (grip == GRIP_NONE)
            break;
        if (push(c, node->message) == 0) {
            bool starved = c->spill != NULL && mo_spill_refusal(c) != 0;

            if (of_select(node) || starved)
                in_vain(&c->senders, node, of_select(node), woken);
            if (starved)
                continue;
            break;
        }
        moved = true;
        if (!served(&c->senders, node, woken))
            break;
    }
    return moved;
}

/* Stored messages to waiting receivers. */
static bool feed(struct mo_chan *c, struct mo_queue *woken)
{
    bool moved = false;
    struct mo_node *node;
    struct mo_node *next;

    for (node = c->receivers.first; node != NULL; node = next) {
        enum grip grip;
        bool done;

        next = node->next;
        grip = take_hold(c, &c->receivers, node, MOIRAI_RECV);
        done = grip == GRIP_GONE;
        if (grip == GRIP_HELD && pop(c, node->message) != 0) {
            moved = true;
            done = served(&c->receivers, node, woken);
        } else if (grip == GRIP_HELD && of_select(node)) {
            in_vain(&c->receivers, node, true, woken);
        } else if (grip != GRIP_GONE && has_ended(c, node)) {
            in_vain(&c->receivers, node, false, woken);
        }
        if (!done && !c->views)
            break;
    }
    return moved;
}

/* The store has changed: serves those who wait for it. If nothing has been
 * `stored`, receivers have nothing to hope for but what waiting senders store:
 * where each sees its own messages, it would take long to look at all. */
static void settle(struct mo_chan *c, bool stored, struct mo_queue *woken)
{
    bool moved;

    if (c->rendezvous || c->closed)
        return;
    do {
        moved = refill(c, woken);
        if (c->receivers.first != NULL && (moved || stored))
            moved |= feed(c, woken);
        stored = false;
    } while (moved && c->senders.first != NULL);
}

/* Gets rid of as many messages as is possible without waiting. */
static void offer(struct mo_chan *c, struct mo_lent *from,
                  struct mo_queue *woken)
{
    struct mo_node *node;
    bool again = true;

    while (c->handoff && from->left != 0
           && (node = partner(&c->receivers)) != NULL) {
        hand_over(c, node->message, from);
        served(&c->receivers, node, woken);
    }
    while (again && from->left != 0 && !c->rendezvous
           && c->senders.first == NULL) {
        again = push(c, from) != 0 && c->receivers.first != NULL;
        if (again)
            settle(c, true, woken);
    }
}

/* Gets as many messages as is possible without waiting. */
static void collect(struct mo_chan *c, struct mo_lent *to,
                    struct mo_queue *woken)
{
    struct mo_node *node;

    while (c->rendezvous && !c->closed && to->left != 0
           && (node = partner(&c->senders)) != NULL) {
        hand_over(c, to, node->message);
        served(&c->senders, node, woken);
    }
    while (!c->rendezvous && to->left != 0 && pop(c, to) != 0)
        if (c->senders.first != NULL)
            settle(c, false, woken);
}

static void unlock_wake(struct mo_chan *c, struct mo_queue *woken)
{
    struct mo_scraps scraps = { .at = NULL };

    if (c->spill != NULL)
        scraps = mo_spill_take(c);
    if (c->concurrent)
        mo_store_relaxed(&c->waiting, c->senders.first != NULL
                                          || c->receivers.first != NULL);
    mo_chan_unlock(c);
    mo_chan_wake(woken, 0);
    if (scraps.length != 0)
        mo_spill_destroy(c, &scraps);
}

void mo_chan_settle(struct mo_chan *c)
{
    struct mo_queue woken = { NULL, NULL };

    mo_chan_lock(c);
    settle(c, true, &woken);
    unlock_wake(c, &woken);
}

void mo_chan_settle_last(struct mo_chan *c)
{
    struct mo_queue woken = { NULL, NULL };

    mo_chan_lock(c);
    feed(c, &woken);
    unlock_wake(c, &woken);
}

/* Nothing could be sent; or received: 0 if the caller may wait. Who was too
 * slow is told that even if it is closed: he has not got all there was. */
static int why_not_send(const struct mo_chan *c, int64_t deadline_ns)
{
    int rc = c->spill != NULL ? mo_spill_refusal(c) : 0;

    return rc == 0 && deadline_ns <= MOIRAI_NOW ? -EAGAIN : rc;
}

static int why_not_recv(const struct mo_chan *c, const struct moirai_chan *chan,
                        int64_t deadline_ns)
{
    int rc = 0;

    if (c->ops->ended != NULL)
        rc = c->ops->ended(c->state, chan->view);
    if (rc == 0 && c->closed)
        return -EPIPE;
    return rc == 0 && deadline_ns <= MOIRAI_NOW ? -EAGAIN : rc;
}

/* Ends the wait of a node that nobody served. */
int mo_chan_give_up(struct mo_queue *queue, struct mo_node *node, int rc)
{
    struct mo_lent *lent = node->message;
    struct mo_chan *c = lent->chan->to;
    struct mo_queue woken = { NULL, NULL };

    mo_chan_lock(c);
    if (mo_queue_holds(queue, node)) {
        mo_queue_remove(queue, node);
        settle(c, true, &woken);    /* the next may want less room */
    } else if (lent->least == 0) {
        rc = 0;
    }
    unlock_wake(c, &woken);
    return rc;
}

/* Waits until enough has been moved. The lock is held, and dropped here. */
static int wait_in(struct mo_queue *queue, struct mo_lent *lent,
                   enum mo_wait_kind kind, int64_t deadline_ns)
{
    struct mo_chan *c = lent->chan->to;
    struct mo_native native;
    struct mo_node *node = mo_node_self(&native);
    struct mo_wait how = { .waiter = node->waiter, .kind = kind, .object = c,
                           .deadline_ns = deadline_ns, .lock = &c->lock };
    int rc;

    node->message = lent;
    mo_queue_add(queue, node);
    mo_race_release(c);             /* the lock is dropped from elsewhere */
    rc = mo_wait(&how);
    return rc == 0 || rc == -EPIPE ? rc : mo_chan_give_up(queue, node, rc);
}

int mo_send_rest(struct mo_lent *from, int64_t deadline_ns)
{
    struct mo_chan *c = from->chan->to;

    for (;;) {
        struct mo_queue woken = { NULL, NULL };
        int rc = 0;

        mo_chan_announce(c);
        if (c->closed)
            rc = -EPIPE;
        else
            offer(c, from, &woken);
        if (rc == 0 && from->left != 0)
            rc = why_not_send(c, deadline_ns);
        if (rc == 0 && from->left != 0 && woken.first == NULL
            && !mo_spill_pending(c))
            rc = wait_in(&c->senders, from, MO_WAIT_SEND, deadline_ns);
        else
            unlock_wake(c, &woken);
        if (rc != 0 || from->left == 0)
            return rc;
        mo_chan_lock(c);     /* they might be waiting for us */
    }
}

int mo_recv_rest(struct mo_lent *to, int64_t deadline_ns)
{
    struct mo_chan *c = to->chan->to;

    for (;;) {
        struct mo_queue woken = { NULL, NULL };
        int rc = 0;
        bool wait;

        mo_chan_announce(c);
        collect(c, to, &woken);
        if (to->least != 0)
            rc = why_not_recv(c, to->chan, deadline_ns);
        wait = rc == 0 && to->least != 0;
        if (!wait || woken.first != NULL || mo_spill_pending(c))
            unlock_wake(c, &woken);
        else
            rc = wait_in(&c->receivers, to, MO_WAIT_RECV, deadline_ns);
        if (rc != 0 || !wait || to->left == 0)
            return rc;
        mo_chan_lock(c);
    }
}

/* Does anybody wait there but this node's own select? */
static bool others_wait(const struct mo_queue *queue,
                        const struct mo_node *node)
{
    const struct mo_node *other = queue->first;

    while (other != NULL && other->waiter == node->waiter)
        other = other->next;
    return other != NULL;
}

/* Would a send or receive that only tries do anything? */
static bool would_go_on(struct mo_chan *c, const struct mo_node *node,
                        uint32_t mode)
{
    const struct mo_lent *lent = node->message;

    if (c->closed)
        return true;
    if (mode == MOIRAI_SEND)
        return (c->handoff && others_wait(&c->receivers, node))
            || why_not_send(c, MOIRAI_NEVER) != 0
            || (c->senders.first == NULL && !c->rendezvous
                && mo_chan_can(c, lent->chan, mode));
    return (c->rendezvous && others_wait(&c->senders, node))
        || (!c->rendezvous && mo_chan_can(c, lent->chan, mode))
        || why_not_recv(c, lent->chan, MOIRAI_NEVER) != 0;
}

bool mo_chan_arm(struct mo_node *node, uint32_t mode)
{
    struct mo_chan *c = ((struct mo_lent *)node->message)->chan->to;
    bool armed;

    mo_chan_lock(c);
    mo_chan_announce(c);
    armed = !would_go_on(c, node, mode);
    if (armed)
        mo_queue_add(mode == MOIRAI_SEND ? &c->senders : &c->receivers, node);
    mo_chan_unlock(c);
    return armed;
}

void mo_chan_disarm(struct mo_node *node, uint32_t mode)
{
    struct mo_lent *lent = node->message;
    struct mo_chan *c = lent->chan->to;
    struct mo_queue *queue = mode == MOIRAI_SEND ? &c->senders : &c->receivers;

    mo_chan_lock(c);
    if (mo_queue_holds(queue, node))
        mo_queue_remove(queue, node);
    mo_chan_unlock(c);
}

int mo_chan_refused(const struct moirai_chan *chan, uint32_t mode,
                    int64_t deadline_ns)
{
    struct mo_worker *w;

    if (chan == NULL || (chan->mode & mode) == 0)
        return -EBADF;
    if (!mo_runtime_usable(chan->to->runtime))
        return mo_runtime_refusal(chan->to->runtime);
    w = mo_self();
    if (w != NULL && w->task != NULL && deadline_ns > MOIRAI_NOW
        && mo_task_cancelled(w->task)) {
        mo_task_saw_cancel(w->task);
        return -ECANCELED;
    }
    return 0;
}

int64_t moirai_chan_send_batch(struct moirai_chan *chan, const void *messages,
                               size_t n, int64_t deadline_ns)
{
    struct mo_lent from = { .at = (char *)messages, .left = n, .least = n,
                         .chan = chan };
    int rc = mo_chan_refused(chan, MOIRAI_SEND, deadline_ns);

    if (rc != 0 || n == 0)
        return rc;
    if (chan->to->boxes != NULL)
        return mo_loan_batch_in(chan, messages, n, deadline_ns);
    if (!chan->to->concurrent || !mo_concurrent_push(&from)) {
        mo_chan_lock(chan->to);
        rc = mo_send_rest(&from, deadline_ns);
    }
    n -= from.left;
    if (n == 0)
        return rc;
    mo_count_sent(chan->to->runtime, n);
    return (int64_t)n;
}

int64_t moirai_chan_recv_batch(struct moirai_chan *chan, void *messages,
                               size_t min, size_t max, int64_t deadline_ns)
{
    struct mo_lent to = { .at = messages, .left = max,
                       .least = min != 0 ? min : 1, .chan = chan };
    int64_t until = min != 0 ? deadline_ns : MOIRAI_NOW;
    int rc = mo_chan_refused(chan, MOIRAI_RECV, until);

    if (rc == 0 && min > max)
        rc = -EINVAL;
    if (rc != 0 || max == 0)
        return rc;
    if (chan->to->boxes != NULL)
        return mo_loan_batch_out(chan, messages, min, max, deadline_ns);
    if (!chan->to->concurrent || !mo_concurrent_pop(&to)) {
        mo_chan_lock(chan->to);
        rc = mo_recv_rest(&to, until);
    }
    max -= to.left;
    if (max == 0)
        return min == 0 && rc == -EAGAIN ? 0 : rc;
    mo_count_received(chan->to->runtime, max);
    return (int64_t)max;
}
