/* SPDX-License-Identifier: MIT */
/*
 * loan.c - sending and receiving messages in place, and copies of those.
 *
 * Such a channel is one of pointers to everything that waits, stores and
 * orders; box.c has what they point to. So a loan takes no room in the store,
 * blocks nobody, and is in order from when it is sent, and every discipline
 * that need not look into messages has loans for nothing.
 *
 * Rejected: lending slots of the store. A ring can lend but the slot after the
 * newest message, and is shut to all others until that is committed; with more
 * of them out, receivers wait for the slowest writer, and a receiver that reads
 * in place keeps a slot, and all that came after it, from being used again.
 * (docs/decisions/0016)
 */
#include "loan.h"

#include <errno.h>

#include "box.h"
#include "runtime.h"
#include "transfer.h"

int moirai_loan_get(struct moirai_chan *chan, size_t bytes, void **message)
{
    int rc = mo_chan_refused(chan, MOIRAI_SEND, MOIRAI_NOW);
    struct mo_boxes *boxes;
    void *room;

    if (rc != 0)
        return rc;
    boxes = chan->to->boxes;
    if (boxes == NULL)
        return -ENOTSUP;
    if (bytes == 0)
        bytes = chan->to->elem.limit;
    if (!mo_boxes_allow(boxes, bytes))
        return -EMSGSIZE;
    room = mo_box_get(boxes, bytes);
    if (room == NULL)
        return -ENOMEM;
    *message = room;
    return 0;
}

int moirai_loan_send(struct moirai_chan *chan, void *message,
                     int64_t deadline_ns)
{
    int rc;

    if (chan == NULL)
        return -EBADF;
    if (chan->to->boxes == NULL)
        return -ENOTSUP;
    rc = mo_box_fits(chan->to->boxes, message);
    if (rc != 0)
        return rc;
    mo_box_stamp(chan->to->boxes, message);
    return mo_send_stored(chan, &message, deadline_ns);
}

int moirai_loan_recv(struct moirai_chan *chan, void **message,
                     int64_t deadline_ns)
{
    if (chan == NULL)
        return -EBADF;
    if (chan->to->boxes == NULL)
        return -ENOTSUP;
    return mo_recv_stored(chan, message, deadline_ns);
}

/* --- copies --------------------------------------------------------------- */

/* -EINVAL if it takes a length to say what a message of this channel is. */
static int whole(const struct mo_chan *c, size_t *bytes)
{
    if (*bytes != MO_LOAN_WHOLE)
        return 0;
    *bytes = c->elem.bytes;
    return c->elem.bytes == c->elem.limit ? 0 : -EINVAL;
}

/* The trace context of a copy, which goes on with it. */
static void take_context(const struct moirai_meta *from, void *box)
{
    struct moirai_meta *meta = moirai_loan_meta(box);

    memcpy(meta->trace_id, from->trace_id, sizeof meta->trace_id);
    memcpy(meta->span_id, from->span_id, sizeof meta->span_id);
    meta->flags = from->flags & MOIRAI_META_TRACED;
}

static int copy_in(struct moirai_chan *chan, const void *message, size_t bytes,
                   const struct moirai_meta *meta, int64_t deadline_ns)
{
    struct mo_chan *c = chan->to;
    int rc = mo_chan_refused(chan, MOIRAI_SEND, deadline_ns);
    void *box;

    if (rc == 0)
        rc = whole(c, &bytes);
    if (rc == 0 && !mo_boxes_allow(c->boxes, bytes))
        rc = -EMSGSIZE;
    if (rc != 0)
        return rc;
    box = mo_box_get(c->boxes, bytes);
    if (box == NULL)
        return -ENOMEM;
    if (bytes != 0)
        memcpy(box, message, bytes);
    if (meta != NULL)
        take_context(meta, box);
    mo_box_stamp(c->boxes, box);
    rc = mo_send_stored(chan, &box, deadline_ns);
    if (rc != 0)
        moirai_loan_put(box);
    return rc;
}

static int64_t copy_out(struct moirai_chan *chan, void *message, size_t room,
                        struct moirai_meta *meta, int64_t deadline_ns)
{
    int rc = whole(chan->to, &room);
    size_t bytes;
    void *box;

    if (rc == 0 && room < chan->to->elem.limit)
        rc = -EMSGSIZE;
    if (rc == 0)
        rc = mo_recv_stored(chan, &box, deadline_ns);
    if (rc != 0)
        return rc;
    bytes = moirai_loan_bytes(box);
    if (bytes != 0)
        memcpy(message, box, bytes);
    if (meta != NULL)
        *meta = *moirai_loan_meta(box);
    moirai_loan_put(box);
    return (int64_t)bytes;
}

int mo_loan_copy_in(struct moirai_chan *chan, const void *message,
                    size_t bytes, int64_t deadline_ns)
{
    return copy_in(chan, message, bytes, NULL, deadline_ns);
}

int64_t mo_loan_copy_out(struct moirai_chan *chan, void *message, size_t room,
                         int64_t deadline_ns)
{
    return copy_out(chan, message, room, NULL, deadline_ns);
}

/* What is wrong with a copy that is to have `meta` with it. */
static int refused_copy(const struct moirai_chan *chan,
                        const struct moirai_meta *meta)
{
    if (chan == NULL)
        return -EBADF;
    if (chan->to->boxes == NULL)
        return -ENOTSUP;
    return meta != NULL && meta->size < sizeof *meta ? -EINVAL : 0;
}

int moirai_loan_send_copy(struct moirai_chan *chan, const void *message,
                          size_t bytes, const struct moirai_meta *meta,
                          int64_t deadline_ns)
{
    int rc = refused_copy(chan, meta);

    return rc != 0 ? rc : copy_in(chan, message, bytes, meta, deadline_ns);
}

int64_t moirai_loan_recv_copy(struct moirai_chan *chan, void *message,
                              size_t room, struct moirai_meta *meta,
                              int64_t deadline_ns)
{
    int rc = refused_copy(chan, meta);

    return rc != 0 ? rc : copy_out(chan, message, room, meta, deadline_ns);
}

int64_t mo_loan_batch_in(struct moirai_chan *chan, const void *messages,
                         size_t n, int64_t deadline_ns)
{
    const char *at = messages;

    for (size_t i = 0; i < n; i++) {
        int rc = mo_loan_copy_in(chan, at, MO_LOAN_WHOLE, deadline_ns);

        if (rc != 0)
            return i != 0 ? (int64_t)i : rc;
        at += chan->to->elem.bytes;
    }
    return (int64_t)n;
}

int64_t mo_loan_batch_out(struct moirai_chan *chan, void *messages, size_t min,
                          size_t max, int64_t deadline_ns)
{
    char *at = messages;
    int64_t rc = 0;
    size_t i;

    for (i = 0; i < max; i++) {
        rc = mo_loan_copy_out(chan, at, MO_LOAN_WHOLE,
                              i < min ? deadline_ns : MOIRAI_NOW);
        if (rc < 0)
            break;
        at += chan->to->elem.bytes;
    }
    if (i != 0)
        return (int64_t)i;
    return rc == -EAGAIN && min == 0 ? 0 : rc;
}

int moirai_chan_send_bytes(struct moirai_chan *chan, const void *message,
                           size_t bytes, int64_t deadline_ns)
{
    if (chan == NULL)
        return -EBADF;
    if (chan->to->boxes != NULL)
        return mo_loan_copy_in(chan, message, bytes, deadline_ns);
    if (bytes != chan->to->bytes)
        return -EMSGSIZE;
    return moirai_chan_send(chan, message, deadline_ns);
}

int64_t moirai_chan_recv_bytes(struct moirai_chan *chan, void *message,
                               size_t room, int64_t deadline_ns)
{
    int rc;

    if (chan == NULL)
        return -EBADF;
    if (chan->to->boxes != NULL)
        return mo_loan_copy_out(chan, message, room, deadline_ns);
    if (room < chan->to->bytes)
        return -EMSGSIZE;
    rc = moirai_chan_recv(chan, message, deadline_ns);
    return rc == 0 ? (int64_t)chan->to->bytes : rc;
}

/* --- looking without receiving -------------------------------------------- */

/* What would be received next; NULL: nothing is there. The lock is held. A
 * select that waits to send may yet do something else. */
static const void *next_stored(struct mo_chan *c, struct moirai_chan *chan)
{
    const struct mo_node *node = c->senders.first;
    const struct mo_lent *lent;

    if (!c->rendezvous)
        return c->ops->peek(c->state, chan->view);
    while (node != NULL && node->which != 0)
        node = node->next;
    if (node == NULL || c->closed)
        return NULL;
    lent = node->message;
    return lent->at;
}

static int nothing_there(struct mo_chan *c, struct moirai_chan *chan)
{
    int rc = 0;

    if (c->closed)
        return -EPIPE;
    if (c->ops->ended != NULL)
        rc = c->ops->ended(c->state, chan->view);
    return rc != 0 ? rc : -EAGAIN;
}

int64_t moirai_chan_peek(struct moirai_chan *chan, void *message, size_t room)
{
    int64_t length = mo_chan_refused(chan, MOIRAI_RECV, MOIRAI_NOW);
    const void *from;
    struct mo_chan *c;

    if (length != 0)
        return length;
    c = chan->to;
    if (c->ops->peek == NULL && !c->rendezvous)
        return -ENOTSUP;
    mo_chan_lock(c);
    from = next_stored(c, chan);
    if (from == NULL) {
        length = nothing_there(c, chan);
    } else if (c->boxes != NULL) {
        from = *(void *const *)from;
        length = (int64_t)moirai_loan_bytes(from);
    } else {
        length = (int64_t)c->bytes;
    }
    if (length > 0 && room != 0)
        memcpy(message, from, room < (size_t)length ? room : (size_t)length);
    mo_chan_unlock(c);
    return length;
}
