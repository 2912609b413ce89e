/* SPDX-License-Identifier: MIT */
/*
 * moirai/loan.h - messages that are written and read in place.
 *
 * A channel whose element has a `limit` (MOIRAI_ELEM_LOANED, or
 * MOIRAI_ELEM_BYTES for messages of varying length) does not store messages
 * but where they are. A sender borrows room for one, writes it there and sends
 * it; a receiver gets the same memory, and gives it back when it has read it,
 * or sends it on. Nothing is copied, whatever the size.
 *
 * A loan is memory of its own and no place in the channel: it keeps nobody
 * from sending, any number may be open, and messages are in the order in which
 * they are sent. On an error of moirai_loan_send the loan is still the
 * caller's, to be sent again or put back; so it is when the channel has been
 * closed. It outlives the endpoints and the channel that it was got from, but
 * not the process's last use of the library.
 *
 * What the message means is not looked at: moirai_loan_put takes back the
 * memory of a message that was got and not sent, or received, and calls no
 * destructor. Only where several receive the same message (broadcast) does its
 * content stay the channel's: it may be read and not written, nor sent on, and
 * the element's `drop` is called when the last of them has put it back and the
 * channel has let go of it.
 *
 * A task that may end by moirai_fail or be cancelled pushes a cleanup handler
 * that puts its loan back (moirai_cleanup_push).
 *
 * moirai_chan_send, moirai_chan_recv and the batches work on such a channel
 * too, by a copy, if all messages have one length. In a select the message of a
 * case is a `void *` variable: that of a case that sends holds the loan, into
 * that of one that receives it is put.
 *
 * Thread: tasks and plain threads, any number at once, on different loans. Not
 * signal handlers.
 */
#ifndef MOIRAI_LOAN_H
#define MOIRAI_LOAN_H

#include <moirai/chan.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Room for a message of `bytes` (0: as long as the channel allows), on the
 * element's boundary; what is in it is undefined. *message is the caller's. 0;
 * -ENOTSUP: the channel stores copies; -EMSGSIZE: shorter or longer than the
 * element says; -EBADF: the endpoint does not send; -ENOMEM; -ECHILD. Does not
 * wait; allocates when more messages are about than before. */
int moirai_loan_get(struct moirai_chan *chan, size_t bytes, void **message);

/* Sends a message in place, got from this channel or received from another one
 * whose messages are no shorter, no longer and aligned no less; takes it. As
 * moirai_chan_send, and -EMSGSIZE: it does not fit this channel; -EINVAL: it is
 * not the caller's alone; -ENOTSUP. Can wait. */
int moirai_loan_send(struct moirai_chan *chan, void *message,
                     int64_t deadline_ns);

/* Receives a message in place. *message is the caller's then, to put back or
 * send on. As moirai_chan_recv, and -ENOTSUP. Can wait. */
int moirai_loan_recv(struct moirai_chan *chan, void **message,
                     int64_t deadline_ns);

/* Takes back the memory of a message that was got or received; NULL is allowed.
 * Does not wait. */
void moirai_loan_put(void *message);

/* How long a message is. */
size_t moirai_loan_bytes(const void *message);

/* Makes a message that has been got shorter, or as long as its room is. 0;
 * -EMSGSIZE: there is less room, or the element says no. */
int moirai_loan_trim(void *message, size_t bytes);

/* What travels with a message. Whoever holds the message alone may set its
 * trace context, with MOIRAI_META_TRACED, which stays with it when it is sent
 * on. If the runtime traces (runtime.trace), a send sets id and sent_ns, with
 * MOIRAI_META_SENT: ids of a channel differ, those of one sender grow. What a
 * select sends is not given any. Lasts as long as the message is the
 * caller's. */
struct moirai_meta *moirai_loan_meta(void *message);

/* Sends a copy of a message (borrowed), and with it the trace context of `meta`
 * (borrowed; NULL, or without MOIRAI_META_TRACED: none). As
 * moirai_chan_send_bytes, and -ENOTSUP: the channel stores copies, with which
 * nothing travels; -EINVAL: meta->size is not what it has to be. Can wait. */
int moirai_loan_send_copy(struct moirai_chan *chan, const void *message,
                          size_t bytes, const struct moirai_meta *meta,
                          int64_t deadline_ns);

/* Receives a copy of a message, and what travelled with it, into `meta` (NULL:
 * nothing), whose size the caller has set. As moirai_chan_recv_bytes, and
 * -ENOTSUP, -EINVAL as above. Can wait. */
int64_t moirai_loan_recv_copy(struct moirai_chan *chan, void *message,
                              size_t room, struct moirai_meta *meta,
                              int64_t deadline_ns);

#ifdef __cplusplus
}
#endif

#endif
