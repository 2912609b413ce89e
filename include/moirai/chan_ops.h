/* SPDX-License-Identifier: MIT */
/*
 * moirai/chan_ops.h - how a channel stores and orders its messages.
 *
 * A channel plugin (a discipline) holds elements; the core does the waiting:
 * fairness, select, close, deadlines, direct hand-off, counters, tracing.
 *
 * Thread:  any, workers and plain threads.
 * Locks:   the core holds the channel's lock around every function but init
 *          and fini, so an ordinary discipline needs none. None may block,
 *          wait, or call the runtime; they should be short. A discipline that
 *          says MOIRAI_CHAN_CONCURRENT is called without the lock, except for
 *          seal, attach and detach, and orders its operations itself. It gets
 *          the lock all the same where that costs nothing (a worker that owns
 *          its channels) or is needed (overflow policies, loans), and is told.
 * Memory:  state zeroed, of size state_size(...), aligned to 128 bytes; the
 *          core allocates it and takes it back.
 * Owner:   an element is copied in by push and out by pop, bytes only. Those
 *          that are left when the channel goes are taken out by the core with
 *          pop, and dropped by the element's destructor. The endpoint is NULL
 *          then, and also where the oldest message has to make room: of those
 *          stored, whoever they are for.
 * Room:    a discipline may refuse a message, or have none for an endpoint, at
 *          any time; the core tries again after the next push or pop. One of
 *          capacity 0 refuses everything, and the core lets both sides meet.
 *          A concurrent one may refuse only as long as it is full, or empty,
 *          or other calls are under way that will succeed: the core tries again
 *          when they have. Once sealed, it may say that it is empty only if it
 *          is.
 * Endpoint: every operation takes the endpoint it is made through: the pointer
 *          that attach was given a place to fill. Disciplines without state of
 *          their own per endpoint ignore it.
 */
#ifndef MOIRAI_CHAN_OPS_H
#define MOIRAI_CHAN_OPS_H

#include <stdbool.h>
#include <string.h>

#include <moirai/chan.h>
#include <moirai/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MOIRAI_CHAN_ABI 1

/* Flags of a discipline. */
#define MOIRAI_CHAN_CONCURRENT 1u   /* push and pop need no lock of the core */
#define MOIRAI_CHAN_HANDOFF 2u      /* with nothing stored, giving a message
                                     * straight to a waiting receiver, or a
                                     * waiting sender's message to the store,
                                     * keeps the discipline's promise */
#define MOIRAI_CHAN_RING 4u         /* the state begins with a struct
                                     * moirai_ring: the core stores single
                                     * messages there, and takes them out,
                                     * without a call */
#define MOIRAI_CHAN_LOANS 8u        /* it stores messages by reference where
                                     * the element has a limit; see below */
#define MOIRAI_CHAN_ANYBODY 16u     /* it has attach, but what one endpoint
                                     * cannot pop, no other can */

/* Where elem->limit is not 0, what is stored is a pointer to a message, which
 * may vary in length, from elem->bytes to elem->limit: push and pop move arrays
 * of such pointers, and a discipline that looks into messages follows them. One
 * that does not say MOIRAI_CHAN_LOANS is not asked to. Bytes and alignment of
 * what is stored: */
static inline size_t moirai_elem_stored(const struct moirai_elem *elem)
{
    return elem->limit != 0 ? sizeof(void *) : elem->bytes;
}

static inline size_t moirai_elem_boundary(const struct moirai_elem *elem)
{
    if (elem->limit != 0)
        return sizeof(void *);
    return elem->align != 0 ? elem->align : 16;
}

/* Messages side by side in one block of memory, [head, head + length) modulo
 * capacity; under the core's lock. */
struct moirai_ring {
    char *slots;
    size_t bytes;                   /* of one message */
    size_t capacity;
    size_t head;                    /* index of the oldest */
    size_t length;
    bool lent;                      /* the slot after the newest is reserved */
};

/* memcpy, with the usual sizes inline. */
static inline void moirai_ring_copy(void *to, const void *from, size_t bytes)
{
    switch (bytes) {
    case 0:
        break;                      /* the pointers may be NULL then */
    case 4:
        memcpy(to, from, 4);
        break;
    case 8:
        memcpy(to, from, 8);
        break;
    case 16:
        memcpy(to, from, 16);
        break;
    default:
        memcpy(to, from, bytes);
        break;
    }
}

/* Stores a copy of the message; false: full. */
static inline bool moirai_ring_push(struct moirai_ring *ring,
                                    const void *message)
{
    size_t tail = ring->head + ring->length;

    if (ring->length == ring->capacity || ring->lent)
        return false;
    if (tail >= ring->capacity)
        tail -= ring->capacity;
    ring->length++;
    moirai_ring_copy(ring->slots + tail * ring->bytes, message, ring->bytes);
    return true;
}

/* Copies the oldest message out; false: there is none. */
static inline bool moirai_ring_pop(struct moirai_ring *ring, void *message)
{
    size_t head = ring->head;

    if (ring->length == 0)
        return false;
    ring->length--;
    ring->head = head + 1 < ring->capacity ? head + 1 : 0;
    moirai_ring_copy(message, ring->slots + head * ring->bytes, ring->bytes);
    return true;
}

/* Takes messages that are discarded, and sees to it that they are destroyed,
 * later and elsewhere. Borrows the message's bytes. */
struct moirai_chan_sink {
    /* Somebody should have got it, and did not: it is counted. */
    void (*drop)(struct moirai_chan_sink *sink, const void *message);

    /* All who should have got it did. */
    void (*retire)(struct moirai_chan_sink *sink, const void *message);

    /* By reference only: this pop gives it out, and it stays stored. */
    void (*share)(struct moirai_chan_sink *sink, const void *message);
};

struct moirai_chan_ops {
    uint32_t flags;                 /* MOIRAI_CHAN_... */
    uint32_t reserved;

    /* Required. Bytes of state for this configuration and element; 0 if it
     * cannot be: too large, a size that is no multiple of the alignment. */
    size_t (*state_size)(const void *config, const struct moirai_elem *elem);

    /* Required. 0, or a negative errno with *err filled, leaving nothing.
     * `elem` outlives the state. */
    int (*init)(void *state, const void *config,
                const struct moirai_elem *elem, const struct moirai_host *host,
                struct moirai_error *err);
    void (*fini)(void *state);      /* required; empty by then */

    /* Required. Copies up to n elements in, `first` being an array of them.
     * Returns how many; 0: full. */
    size_t (*push)(void *state, void *endpoint, const void *first, size_t n);

    /* Required. Copies up to n elements out. Returns how many; 0: empty. */
    size_t (*pop)(void *state, void *endpoint, void *first, size_t n);

    /* Required. Elements stored now. */
    size_t (*length)(void *state);

    /* Required. How many can be stored; SIZE_MAX: unbounded. */
    size_t (*capacity)(void *state);

    /* Optional, all three or none. Room for one element in place: reserve
     * gives its address or NULL when full; commit makes it a message, abort
     * gives the room back. For stores whose place matters, as in memory that
     * processes share; loans (moirai/loan.h) do not need them. */
    void *(*reserve)(void *state, void *endpoint);
    void (*commit)(void *state, void *endpoint, void *slot);
    void (*abort)(void *state, void *endpoint, void *slot);

    /* Optional. An endpoint of the given directions comes and goes; attach may
     * fill *endpoint with state of its own. */
    int (*attach)(void *state, uint32_t mode, void **endpoint);
    void (*detach)(void *state, void *endpoint);

    /* Required if concurrent. No push succeeds after it returns, not even one
     * that began before; a push that returned before is seen by pop. */
    void (*seal)(void *state);

    /* Optional; a wait for several channels at once needs it. Would a push
     * (mode MOIRAI_SEND) or a pop (MOIRAI_RECV) of one message through this
     * endpoint succeed now? A push has to be the same for all endpoints.
     * Changes nothing. */
    bool (*can)(void *state, void *endpoint, uint32_t mode);

    /* Optional; required of one that discards messages. Called once, after
     * init; the sink outlives the state. What a push discards is given to
     * sink->drop or sink->retire, each message once, before its bytes are
     * written over. A push of n discards n at most, of those stored and those
     * just come; nothing but push discards. */
    void (*discard_to)(void *state, struct moirai_chan_sink *sink);

    /* Optional. Messages that this endpoint would have got, had it been
     * faster; counted from the last call on. */
    uint64_t (*missed)(void *state, void *endpoint);

    /* Optional, if there is attach. Asked when an endpoint has nothing to
     * give: 0, or the negative errno that says why it never will have. */
    int (*ended)(void *state, void *endpoint);

    /* Optional; not of a concurrent one. What a pop through this endpoint would
     * give first, where it is stored; NULL: nothing. Changes nothing. */
    const void *(*peek)(void *state, void *endpoint);

    /* Optional; of a concurrent one. Called once, after init, if the core is
     * going to hold its lock around every call all the same. */
    void (*locked)(void *state);
};

#ifdef __cplusplus
}
#endif

#endif
