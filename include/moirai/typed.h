/* SPDX-License-Identifier: MIT */
/*
 * moirai/typed.h - channels that know the type of their messages.
 *
 *     MOIRAI_CHAN_OF(struct order) orders;
 *     struct order order;
 *
 *     rc = MOIRAI_TYPED_MAKE(orders, NULL, "ring", NULL, NULL);
 *     rc = MOIRAI_TYPED_SEND(orders, &order, MOIRAI_NEVER);
 *
 * Each is an endpoint beside a type that exists only while compiling: a pointer
 * to a message of another type, or to void, does not compile. `typed.chan` is
 * the endpoint, for everything that has no macro here: moirai_chan_put
 * (orders.chan). One that was opened otherwise is assigned to it, by who knows
 * what it carries.
 *
 * The macros do what the functions do whose names they have, and look at their
 * arguments once, but for the types of `typed` and of the pointers. (C++ lets a
 * void pointer pass.)
 *
 * Thread: as the functions.
 */
#ifndef MOIRAI_TYPED_H
#define MOIRAI_TYPED_H

#include <moirai/chan.h>

/* The type of an endpoint for messages of `type`. Two of these are two types:
 * who hands them around gives one a name by typedef. */
#define MOIRAI_CHAN_OF(type)                                                  \
    union {                                                                   \
        struct moirai_chan *chan;                                             \
        type *element;              /* never set: for its type */             \
    }

/* What makes others not compile. */
#ifdef __cplusplus
#define moirai_typed_(typed, pointer) (true ? (pointer) : (typed).element)
#else
#define moirai_typed_(typed, pointer)                                         \
    (1 ? (pointer) : (void *)sizeof(struct {                                  \
        _Static_assert(__builtin_types_compatible_p(                          \
                           __typeof__(*(pointer)),                            \
                           __typeof__(*(typed).element)),                     \
                       "a message of another type than the channel's");       \
        int is;                                                               \
    }))
#define moirai_typed_elem_(typed)                                             \
    (struct moirai_elem)MOIRAI_ELEM(__typeof__(*(typed).element))
#endif

#ifndef __cplusplus
/* moirai_chan_make and moirai_chan_open, into `typed`. Not in C++, which has no
 * such literals. */
#define MOIRAI_TYPED_MAKE(typed, runtime, plugin, options, err)               \
    moirai_chan_make((runtime), (plugin), (options),                          \
                     &moirai_typed_elem_(typed), &(typed).chan, (err))
#define MOIRAI_TYPED_OPEN(typed, runtime, name, mode, err)                    \
    moirai_chan_open((runtime), (name), (mode), &moirai_typed_elem_(typed),   \
                     &(typed).chan, (err))
#endif

/* moirai_chan_send and moirai_chan_recv. */
#define MOIRAI_TYPED_SEND(typed, message, deadline_ns)                        \
    moirai_chan_send((typed).chan, moirai_typed_(typed, message),             \
                     (deadline_ns))
#define MOIRAI_TYPED_RECV(typed, message, deadline_ns)                        \
    moirai_chan_recv((typed).chan, moirai_typed_(typed, message),             \
                     (deadline_ns))

/* moirai_chan_send_batch and moirai_chan_recv_batch. */
#define MOIRAI_TYPED_SEND_BATCH(typed, messages, n, deadline_ns)              \
    moirai_chan_send_batch((typed).chan, moirai_typed_(typed, messages), (n), \
                           (deadline_ns))
#define MOIRAI_TYPED_RECV_BATCH(typed, messages, min, max, deadline_ns)       \
    moirai_chan_recv_batch((typed).chan, moirai_typed_(typed, messages),      \
                           (min), (max), (deadline_ns))

/* moirai_chan_peek, of a whole message. */
#define MOIRAI_TYPED_PEEK(typed, message)                                     \
    moirai_chan_peek((typed).chan, moirai_typed_(typed, message),             \
                     sizeof *(typed).element)

/* MOIRAI_RECV_EACH and MOIRAI_RECV_EACH_UNTIL. */
#define MOIRAI_TYPED_EACH(typed, message)                                     \
    MOIRAI_RECV_EACH((typed).chan, moirai_typed_(typed, message))
#define MOIRAI_TYPED_EACH_UNTIL(typed, message, deadline_ns)                  \
    MOIRAI_RECV_EACH_UNTIL((typed).chan, moirai_typed_(typed, message),       \
                           (deadline_ns))

#endif
