/* SPDX-License-Identifier: MIT */
/*
 * single.c - one message from a task: the usual cases of transfer.c, inline.
 *
 * transfer.c has the rules, and does whatever is unusual: plain threads,
 * senders and receivers that wait at the same time, batches. A call that waits
 * is left from here, by one switch.
 *
 * What is here twice is so for a worker that owns the channel (chan.c), and is
 * alone: it needs no locked instruction, neither for its lock nor for claims,
 * and no commit (wait.c). These calls come first; each ends in a call that has
 * the same arguments, or in none, so the shortest have no frame to build.
 */
#include "transfer.h"

#include <errno.h>

#include "leave.h"
#include "loan.h"

#define MO_INLINE inline __attribute__((always_inline))

/* Is this a task that may do so? `bit` is what the endpoint's mode has then. */
static inline bool is_plain(const struct mo_worker *w,
                            const struct moirai_chan *chan, uint32_t bit)
{
    return w->task != NULL && chan != NULL && (chan->mode & bit) != 0
        && !mo_task_cancelled(w->task);
}

/* The lock is held, and dropped here. */
static inline __attribute__((always_inline))
int wait_in(struct mo_queue *queue, struct mo_lent *lent,
            enum mo_wait_kind kind, int64_t deadline_ns)
{
    struct mo_chan *c = lent->chan->to;
    struct mo_node *node = &mo_here()->fiber->node;
    struct mo_wait how = { .waiter = node->waiter, .kind = kind, .object = c,
                           .deadline_ns = deadline_ns, .lock = &c->lock };
    int rc;

    node->message = lent;
    mo_queue_add(queue, node);
    mo_race_release(c);             /* the lock is dropped from elsewhere */
    rc = mo_wait_task(&how);
    if (__builtin_expect(rc == 0 || rc == -EPIPE, 1))
        return rc;
    return mo_chan_give_up(queue, node, rc);
}

static inline bool store(struct mo_chan *c, struct moirai_chan *chan,
                         const void *message)
{
    if (c->ring != NULL)
        return moirai_ring_push(c->ring, message);
    return c->push(c->state, chan->view, message, 1) != 0;
}

static inline bool fetch(struct mo_chan *c, struct moirai_chan *chan,
                         void *message)
{
    if (c->ring != NULL)
        return moirai_ring_pop(c->ring, message);
    return c->pop(c->state, chan->view, message, 1) != 0;
}

/* Moves one message between the caller and whoever has waited longest in
 * `queue`, and lets that one go on. The lock is held, and dropped here. */
static inline void meet(struct mo_chan *c, struct mo_queue *queue, void *to,
                        const void *from)
{
    struct mo_node *node = queue->first;
    struct mo_lent *lent = node->message;
    struct mo_waiter *waiter = NULL;

    mo_copy(to != NULL ? to : lent->at, from != NULL ? from : lent->at,
            c->bytes);
    if (__builtin_expect(lent->left != 1, 0))
        mo_lent_advance(lent, 1, c->bytes);
    else
        lent->left = lent->least = 0;
    mo_count(&c->sent, 1);
    mo_count(&c->received, 1);
    if (lent->least == 0) {
        mo_queue_remove_first(queue);
        if (mo_wait_claim_quick(node->waiter))
            waiter = node->waiter;
    }
    mo_chan_unlock(c);
    if (waiter != NULL)
        mo_wait_end(waiter, 0);
}

/* The unusual, or the rest. The lock is held, and dropped here. */
static MO_COLD int send_unusual(struct moirai_chan *chan, const void *message,
                                int64_t deadline_ns)
{
    struct mo_lent from = { .at = (char *)message, .left = 1, .least = 1,
                            .chan = chan };

    return mo_send_rest(&from, deadline_ns);
}

static MO_COLD int recv_unusual(struct moirai_chan *chan, void *message,
                                int64_t deadline_ns)
{
    struct mo_lent to = { .at = message, .left = 1, .least = 1,
                          .chan = chan };

    return mo_recv_rest(&to, deadline_ns);
}

static MO_INLINE int send_locked(struct moirai_chan *chan, const void *message,
                              int64_t deadline_ns)
{
    struct mo_chan *c = chan->to;

    if (c->closed || c->senders.first != NULL)
        return send_unusual(chan, message, deadline_ns);
    if (c->receivers.first != NULL) {
        if (!c->handoff || c->receivers.first->which != 0)
            return send_unusual(chan, message, deadline_ns);
        meet(c, &c->receivers, NULL, message);
        return 0;
    }
    if (c->ring == NULL && c->spill != NULL)
        return send_unusual(chan, message, deadline_ns);
    if (store(c, chan, message)) {
        mo_count(&c->sent, 1);
        mo_chan_unlock(c);
        return 0;
    }
    if (deadline_ns > MOIRAI_NOW) {
        struct mo_lent from = { .at = (char *)message, .left = 1, .least = 1,
                                .chan = chan };

        return wait_in(&c->senders, &from, MO_WAIT_SEND, deadline_ns);
    }
    mo_chan_unlock(c);
    return -EAGAIN;
}

static MO_INLINE int recv_locked(struct moirai_chan *chan, void *message,
                              int64_t deadline_ns)
{
    struct mo_chan *c = chan->to;
    int rc;

    if (c->senders.first != NULL) {
        if (!c->rendezvous || c->closed || c->senders.first->which != 0)
            return recv_unusual(chan, message, deadline_ns);
        meet(c, &c->senders, message, NULL);
        return 0;
    }
    if (fetch(c, chan, message)) {
        mo_count(&c->received, 1);
        mo_chan_unlock(c);
        return 0;
    }
    if (!c->closed && deadline_ns > MOIRAI_NOW && !c->views) {
        struct mo_lent to = { .at = message, .left = 1, .least = 1,
                              .chan = chan };

        return wait_in(&c->receivers, &to, MO_WAIT_RECV, deadline_ns);
    }
    if (c->views)
        return recv_unusual(chan, message, deadline_ns);
    rc = c->closed ? -EPIPE : -EAGAIN;
    mo_chan_unlock(c);
    return rc;
}

/* A plain thread, or one that is refused. */
static MO_COLD int send_apart(struct moirai_chan *chan, const void *message,
                              int64_t deadline_ns)
{
    int rc = mo_chan_refused(chan, MOIRAI_SEND, deadline_ns);

    if (rc != 0)
        return rc;
    mo_chan_lock(chan->to);
    rc = send_unusual(chan, message, deadline_ns);
    if (rc == 0)
        mo_count_sent(chan->to->runtime, 1);
    return rc;
}

static MO_COLD int recv_apart(struct moirai_chan *chan, void *message,
                              int64_t deadline_ns)
{
    int rc = mo_chan_refused(chan, MOIRAI_RECV, deadline_ns);

    if (rc != 0)
        return rc;
    mo_chan_lock(chan->to);
    rc = recv_unusual(chan, message, deadline_ns);
    if (rc == 0)
        mo_count_received(chan->to->runtime, 1);
    return rc;
}

/* --- a worker alone with its own channel ---------------------------------- */

/* Inside, or the lock is held: whatever it takes. */
static MO_APART int send_on(struct moirai_chan *chan, const void *message,
                            int64_t deadline_ns)
{
    int rc = send_locked(chan, message, deadline_ns);

    if (__builtin_expect(rc == 0, 1))
        mo_count(&mo_here()->count.sent, 1);
    return rc;
}

static MO_APART int recv_on(struct moirai_chan *chan, void *message,
                            int64_t deadline_ns)
{
    int rc = recv_locked(chan, message, deadline_ns);

    if (__builtin_expect(rc == 0, 1))
        mo_count(&mo_here()->count.received, 1);
    return rc;
}

/* Does the oldest in `queue` wait as wait_solo says, may its wait be ended as
 * if nobody else could, and is there room for its task? Who has just thawed the
 * worker may have ended it: the claim is read after that. */
static inline bool is_solo(const struct mo_worker *w,
                           const struct mo_queue *queue)
{
    const struct mo_waiter *waiter = queue->first->waiter;

    return waiter->solo && mo_load(&w->frozen) == 0
        && mo_load_relaxed(&waiter->claim) == MO_CLAIM_OPEN
        && mo_deque_has_room(w->solo);
}

/* What meet() does. Nobody but this worker goes on with the task: its message
 * may be copied last, which leaves the least to be kept across a memcpy. */
static MO_INLINE void meet_solo(struct mo_worker *w, struct mo_chan *c,
                                struct mo_queue *queue, void *to,
                                const void *from)
{
    struct mo_node *node = queue->first;
    struct mo_waiter *waiter = node->waiter;
    struct mo_lent *lent = node->message;
    struct moirai_task *task = waiter->fiber->task;
    size_t bytes = c->bytes;

    to = to != NULL ? to : lent->at;
    from = from != NULL ? from : lent->at;
    lent->left = lent->least = 0;
    mo_count(&c->sent, 1);
    mo_count(&c->received, 1);
    mo_queue_remove_first(queue);
    mo_store_relaxed(&waiter->claim, MO_CLAIM_TAKEN);
    waiter->result = 0;
    mo_store(&w->inside, 0);
    mo_count(&w->count.woken, 1);
    mo_deque_add(w->solo, task);
    mo_copy(to, from, bytes);
}

/* Waits in `queue`, if there is a task to go on with at once: *rc is what ended
 * the wait. False: it has to be done in the usual way. Who has just thawed the
 * worker may have cancelled the task, and not found it waiting: that is asked
 * last. */
static MO_INLINE bool wait_solo(struct mo_worker *w, struct mo_queue *queue,
                                struct mo_lent *lent, enum mo_wait_kind kind,
                                int *rc)
{
    struct moirai_deque *deque = w->solo;
    struct mo_fiber *fiber = w->fiber;
    struct mo_waiter *waiter = &fiber->waiter;
    struct moirai_task *next;
    struct mo_solo seen;

    if (deque == NULL || fiber->pinned != NULL
        || mo_load(&w->frozen) != 0 || mo_task_cancelled(w->task)
        || mo_task_deadline(w->task) != MOIRAI_NEVER)
        return false;
    seen = mo_solo_look(deque);
    next = mo_solo_newest(&seen);
    if (!mo_solo_can_leave(w, fiber, next) || mo_fiber_is_soiled(fiber))
        return false;
    mo_solo_take(deque, &seen);
    fiber->node.message = lent;
    mo_queue_add(queue, &fiber->node);
    mo_store_relaxed(&waiter->kind, kind);
    waiter->masked = false;
    waiter->solo = true;
    waiter->object = lent->chan->to;
    waiter->deadline_ns = MOIRAI_NEVER;
    waiter->since_ns = w->clock_ns;
    mo_store_relaxed(&waiter->claim, MO_CLAIM_OPEN);
    mo_count(&w->count.parked, 1);
    mo_solo_leave(w, fiber, next);
    mo_store_relaxed(&waiter->kind, MO_WAIT_NONE);
    mo_store_relaxed(&waiter->claim, MO_CLAIM_IDLE);
    waiter->solo = false;
    *rc = waiter->result;
    return true;
}

/* The channel is full; or empty. */
static MO_APART int send_waits(struct moirai_chan *chan, const void *message,
                               int64_t deadline_ns)
{
    struct mo_lent from = { .at = (char *)message, .left = 1, .least = 1,
                            .chan = chan };
    struct mo_chan *c = chan->to;
    int rc;

    if (deadline_ns != MOIRAI_NEVER
        || !wait_solo(mo_here(), &c->senders, &from, MO_WAIT_SEND, &rc))
        return send_on(chan, message, deadline_ns);
    if (__builtin_expect(rc == 0, 1))
        mo_count(&mo_here()->count.sent, 1);
    else if (rc != -EPIPE)
        rc = mo_chan_give_up(&c->senders, &mo_here()->fiber->node, rc);
    return rc;
}

static MO_APART int recv_waits(struct moirai_chan *chan, void *message,
                               int64_t deadline_ns)
{
    struct mo_lent to = { .at = message, .left = 1, .least = 1,
                          .chan = chan };
    struct mo_chan *c = chan->to;
    int rc;

    if (deadline_ns != MOIRAI_NEVER || c->closed
        || !wait_solo(mo_here(), &c->receivers, &to, MO_WAIT_RECV, &rc))
        return recv_on(chan, message, deadline_ns);
    if (__builtin_expect(rc == 0, 1))
        mo_count(&mo_here()->count.received, 1);
    else if (rc != -EPIPE)
        rc = mo_chan_give_up(&c->receivers, &mo_here()->fiber->node, rc);
    return rc;
}

/* Somebody waits for a message; or has one. */
static MO_APART int send_meets(struct moirai_chan *chan, const void *message,
                               int64_t deadline_ns)
{
    struct mo_worker *w = mo_here();
    struct mo_chan *c = chan->to;

    if (!c->handoff || !is_solo(w, &c->receivers))
        return send_on(chan, message, deadline_ns);
    mo_count(&w->count.sent, 1);
    meet_solo(w, c, &c->receivers, NULL, message);
    return 0;
}

static MO_APART int recv_meets(struct moirai_chan *chan, void *message,
                               int64_t deadline_ns)
{
    struct mo_worker *w = mo_here();
    struct mo_chan *c = chan->to;

    if (!c->rendezvous || c->closed || !is_solo(w, &c->senders))
        return recv_on(chan, message, deadline_ns);
    mo_count(&w->count.received, 1);
    meet_solo(w, c, &c->senders, message, NULL);
    return 0;
}

/* --- the calls ------------------------------------------------------------ */

/* Not the worker's own. */
static MO_APART int send_shared(struct moirai_chan *chan, const void *message,
                                int64_t deadline_ns)
{
    if (chan->to->runtime != mo_here()->runtime)
        return send_apart(chan, message, deadline_ns);
    mo_chan_lock(chan->to);
    return send_on(chan, message, deadline_ns);
}

static MO_APART int recv_shared(struct moirai_chan *chan, void *message,
                                int64_t deadline_ns)
{
    if (chan->to->runtime != mo_here()->runtime)
        return recv_apart(chan, message, deadline_ns);
    mo_chan_lock(chan->to);
    return recv_on(chan, message, deadline_ns);
}

/* What a select does. */
static MO_APART int send_now_on(struct moirai_chan *chan, const void *message)
{
    return send_locked(chan, message, MOIRAI_NOW);
}

static MO_APART int recv_now_on(struct moirai_chan *chan, void *message)
{
    return recv_locked(chan, message, MOIRAI_NOW);
}

static MO_APART int send_now_shared(struct moirai_chan *chan,
                                    const void *message)
{
    mo_chan_lock(chan->to);
    return send_locked(chan, message, MOIRAI_NOW);
}

static MO_APART int recv_now_shared(struct moirai_chan *chan, void *message)
{
    mo_chan_lock(chan->to);
    return recv_locked(chan, message, MOIRAI_NOW);
}

int mo_send_now(struct moirai_chan *chan, const void *message)
{
    struct mo_worker *w = mo_here();
    struct mo_chan *c = chan->to;

    if (w != mo_load_relaxed(&c->owner) || !mo_chan_enter(c, w))
        return send_now_shared(chan, message);
    if (c->closed || c->senders.first != NULL || c->receivers.first != NULL
        || c->ring == NULL || c->ring->bytes != sizeof(uint64_t)
        || !moirai_ring_push(c->ring, message))
        return send_now_on(chan, message);
    mo_count(&c->sent, 1);
    mo_store(&w->inside, 0);
    return 0;
}

int mo_recv_now(struct moirai_chan *chan, void *message)
{
    struct mo_worker *w = mo_here();
    struct mo_chan *c = chan->to;

    if (w != mo_load_relaxed(&c->owner) || !mo_chan_enter(c, w))
        return recv_now_shared(chan, message);
    if (c->senders.first != NULL || c->ring == NULL
        || c->ring->bytes != sizeof(uint64_t)
        || !moirai_ring_pop(c->ring, message))
        return recv_now_on(chan, message);
    mo_count(&c->received, 1);
    mo_store(&w->inside, 0);
    return 0;
}

/* From a buffer to a store that may not be one of copies, or needs no lock. */
static MO_COLD int send_copy(struct moirai_chan *chan, const void *message,
                             int64_t deadline_ns)
{
    if (chan != NULL && chan->to->concurrent)
        return mo_concurrent_send(chan, message, deadline_ns);
    if (chan != NULL && chan->to->boxes != NULL)
        return mo_loan_copy_in(chan, message, MO_LOAN_WHOLE, deadline_ns);
    return send_apart(chan, message, deadline_ns);
}

static MO_COLD int recv_copy(struct moirai_chan *chan, void *message,
                             int64_t deadline_ns)
{
    int64_t n;

    if (chan != NULL && chan->to->concurrent)
        return mo_concurrent_recv(chan, message, deadline_ns);
    if (chan == NULL || chan->to->boxes == NULL)
        return recv_apart(chan, message, deadline_ns);
    n = mo_loan_copy_out(chan, message, MO_LOAN_WHOLE, deadline_ns);
    return n < 0 ? (int)n : 0;
}

/* `bit`: MO_CHAN_COPIES_IN, or MOIRAI_SEND for what is stored as it comes. */
static MO_INLINE int send_one(struct moirai_chan *chan, const void *message,
                              int64_t deadline_ns, uint32_t bit)
{
    struct mo_worker *w = mo_here();
    struct mo_chan *c;

    if (__builtin_expect(!is_plain(w, chan, bit), 0))
        return bit == MOIRAI_SEND ? send_apart(chan, message, deadline_ns)
                                  : send_copy(chan, message, deadline_ns);
    c = chan->to;
    if (!mo_chan_enter(c, w))
        return send_shared(chan, message, deadline_ns);
    if (c->closed || c->senders.first != NULL || c->ring == NULL)
        return send_on(chan, message, deadline_ns);
    if (c->receivers.first != NULL)
        return send_meets(chan, message, deadline_ns);
    if (c->ring->bytes != sizeof(uint64_t))
        return send_on(chan, message, deadline_ns);
    if (!moirai_ring_push(c->ring, message))
        return send_waits(chan, message, deadline_ns);
    mo_count(&c->sent, 1);
    mo_store(&w->inside, 0);
    mo_count(&w->count.sent, 1);
    return 0;
}

static MO_INLINE int recv_one(struct moirai_chan *chan, void *message,
                              int64_t deadline_ns, uint32_t bit)
{
    struct mo_worker *w = mo_here();
    struct mo_chan *c;

    if (__builtin_expect(!is_plain(w, chan, bit), 0))
        return bit == MOIRAI_RECV ? recv_apart(chan, message, deadline_ns)
                                  : recv_copy(chan, message, deadline_ns);
    c = chan->to;
    if (!mo_chan_enter(c, w))
        return recv_shared(chan, message, deadline_ns);
    if (c->ring == NULL)
        return recv_on(chan, message, deadline_ns);
    if (c->senders.first != NULL)
        return recv_meets(chan, message, deadline_ns);
    if (c->ring->bytes != sizeof(uint64_t))
        return recv_on(chan, message, deadline_ns);
    if (!moirai_ring_pop(c->ring, message))
        return recv_waits(chan, message, deadline_ns);
    mo_count(&c->received, 1);
    mo_store(&w->inside, 0);
    mo_count(&w->count.received, 1);
    return 0;
}

/* Keeps the caller's frame while a call goes on: without it a backtrace would
 * begin with what it ends in, which nobody has called. */
#define STAY(rc) __asm__ volatile("" : "+r"(rc))

int moirai_chan_send(struct moirai_chan *chan, const void *message,
                     int64_t deadline_ns)
{
    int rc = send_one(chan, message, deadline_ns, MO_CHAN_COPIES_IN);

    STAY(rc);
    return rc;
}

int moirai_chan_recv(struct moirai_chan *chan, void *message,
                     int64_t deadline_ns)
{
    int rc = recv_one(chan, message, deadline_ns, MO_CHAN_COPIES_OUT);

    STAY(rc);
    return rc;
}

int mo_send_stored(struct moirai_chan *chan, const void *stored,
                   int64_t deadline_ns)
{
    return send_one(chan, stored, deadline_ns, MOIRAI_SEND);
}

int mo_recv_stored(struct moirai_chan *chan, void *stored, int64_t deadline_ns)
{
    return recv_one(chan, stored, deadline_ns, MOIRAI_RECV);
}
