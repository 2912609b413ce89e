/* SPDX-License-Identifier: MIT */
/*
 * moirai/fan.h - one place to send to, and many who receive, who come and go.
 *
 * A fan leads to channels. Each message goes to one of them: in turns, to the
 * one that holds the fewest, by key, or at random. Channels are added and taken
 * out while others send, and no message is lost over it.
 *
 *     moirai_fan_open(&fan, MOIRAI_SPREAD_LEAST, sizeof(struct order));
 *     moirai_fan_add(fan, worker->orders, worker->number);
 *     ...
 *     rc = moirai_fan_send(fan, 0, &order, deadline_ns);
 *
 * A receiver that wants to leave closes its channel and receives what is left
 * there: what waits for room in it goes to others then, and so does the rest.
 */
#ifndef MOIRAI_FAN_H
#define MOIRAI_FAN_H

#include <stddef.h>
#include <stdint.h>

#include <moirai/chan.h>

#ifdef __cplusplus
extern "C" {
#endif

struct moirai_fan;

/* Who gets a message. */
enum moirai_spread {
    MOIRAI_SPREAD_TURNS,            /* one after the other */
    MOIRAI_SPREAD_LEAST,            /* the one that holds the fewest */
    MOIRAI_SPREAD_KEY,              /* by key: the same one for the same key */
    MOIRAI_SPREAD_RANDOM
};

/* Gives a fan for messages of `bytes`, that leads nowhere yet. 0, -EINVAL,
 * -ENOMEM. Any thread; does not wait. */
int moirai_fan_open(struct moirai_fan **fan, enum moirai_spread how,
                    size_t bytes);

/* Messages may go to this channel too, from now on; those that had nowhere to
 * go do. `chan` is an endpoint that sends; the fan keeps a reference. By `id`
 * keys find it, so one that comes back with its old id has its old keys, and
 * when others come or go only their keys move. One that is there under several
 * ids has several shares. 0; -EEXIST: an open one has this id; -EBADF; -EINVAL:
 * its messages have another size, or none; -ENOMEM. Any thread; does not
 * wait. */
int moirai_fan_add(struct moirai_fan *fan, struct moirai_chan *chan,
                   uint64_t id);

/* No message is sent to it from now on, but those that wait for room in it
 * already. To have these go to others, close the channel; that suffices, and
 * then this does nothing more. 0; -ENOENT: it is not there; -ENOMEM: it still
 * is. Any thread; does not wait, if destructors of its messages do not. */
int moirai_fan_remove(struct moirai_fan *fan, struct moirai_chan *chan);

/* Sends a message (borrowed, copied) to one of the channels, and waits until
 * there is one, and room in it. `key` is for MOIRAI_SPREAD_KEY. 0; -EPIPE: the
 * fan was stopped, and the message is not sent; or as moirai_chan_send. Any
 * thread. Can wait. */
int moirai_fan_send(struct moirai_fan *fan, uint64_t key, const void *message,
                    int64_t deadline_ns);

/* Nothing more is sent: who comes, or waits for a channel to be added, gets
 * -EPIPE. The channels are left as they are. Any thread; does not wait. */
void moirai_fan_stop(struct moirai_fan *fan);

/* How many channels it leads to that are not known to be closed. Any thread;
 * does not wait. */
size_t moirai_fan_count(struct moirai_fan *fan);

/* Gives it back, and its references, once no call on it goes on. NULL is
 * allowed. */
void moirai_fan_close(struct moirai_fan *fan);

#ifdef __cplusplus
}
#endif

#endif
