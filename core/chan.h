/* SPDX-License-Identifier: MIT */
/*
 * chan.h - a channel inside, and the ends of it that programs hold.
 *
 * chan.c makes and ends channels and endpoints, transfer.c moves messages,
 * concurrent.c those that need no lock; name.c finds channels by name.
 */
#ifndef MO_CHAN_H
#define MO_CHAN_H

#include <moirai/chan_ops.h>

#include "setup.h"
#include "worker.h"

struct mo_boxes;
struct mo_name;
struct mo_spill;

/* So many calls with the lock in a row, then it needs none; see tenure.c. */
#define MO_CHAN_ENOUGH 16

struct mo_chan {
    uint32_t lock;                  /* guards what is not constant */
    bool closed;
    bool handoff;                   /* constant: giving a message straight to
                                     * a waiting receiver keeps the order */
    bool rendezvous;                /* constant: nothing is ever stored */
    bool views;                     /* constant: what can be taken differs
                                     * from endpoint to endpoint */
    bool concurrent;                /* constant: see concurrent.c */
    MO_ATOMIC(uint32_t) waiting;    /* concurrent: somebody does, or is about
                                     * to; set under the lock */
    MO_ATOMIC(struct mo_worker *) owner;    /* may go without the lock; NULL:
                                     * nobody may; set under it, as are: */
    const struct mo_worker *last;   /* who came last, */
    uint32_t streak;                /* and so often in a row; */
    uint32_t enough;                /* with that many it becomes the owner */
    uint64_t passed_before;         /* messages before this tenure */
    int64_t tenure_ns;              /* when it began, or a little earlier */
    size_t bytes;                   /* of what is stored; constant, as are: */
    struct moirai_ring *ring;       /* the state, if it is one; or NULL */
    size_t (*push)(void *state, void *endpoint, const void *first, size_t n);
    size_t (*pop)(void *state, void *endpoint, void *first, size_t n);
    void *state;
    struct mo_boxes *boxes;         /* NULL: copies are stored; else where
                                     * messages are */
    struct mo_spill *spill;         /* NULL: it drops nothing, and waits */
    struct moirai_runtime *runtime;
    const struct moirai_chan_ops *ops;
    const char *plugin;

    struct mo_queue senders;        /* waiting; not empty: the store refused */
    struct mo_queue receivers;      /* the oldest; or: it gave them nothing */
    uint64_t sent;                  /* also the id of the newest message; */
    uint64_t received;              /* if concurrent, with the lock alone */

    MO_ATOMIC(uint32_t) endpoints;  /* dumps look at these */
    MO_ATOMIC(uint32_t) sending;    /* of them, those that may */
    uint32_t holds;                 /* they, and who is about to leave */
    struct mo_name *name;           /* the channel's own; NULL: it has none */
    void *scratch;                  /* room for one message, if it stores */
    struct moirai_elem elem;        /* constant but for drop and ctx */
};

/* In the mode of an endpoint: its discipline can tell what it could do; its
 * channel stores copies, and it sends, or receives, so that one look is enough
 * to tell whether a message may go straight from a buffer to the store. */
#define MO_CHAN_CAN 4u
#define MO_CHAN_COPIES_IN 8u
#define MO_CHAN_COPIES_OUT 16u

struct moirai_chan {                /* constant, but for what says so */
    struct mo_chan *to;
    void *view;                     /* the discipline's, filled by attach */
    uint32_t mode;                  /* and MO_CHAN_... */
    MO_ATOMIC(uint32_t) references;
    struct moirai_event *told;      /* of drops; NULL: none; by the lock, as */
    struct moirai_chan *told_next;  /* is who else is told */
};

/* The rest of mo_chan_lock, by `w`, for a channel that somebody else owns, who
 * may be inside; and for one that it may own from now on. The lock is held. */
void mo_chan_evict(struct mo_chan *c, struct mo_worker *w);
void mo_chan_own(struct mo_chan *c, struct mo_worker *w);

/* The beginning: nobody owns it. */
void mo_chan_unowned(struct mo_chan *c);

static inline void mo_chan_lock_word(struct mo_chan *c, struct mo_worker *w)
{
    mo_word_lock(&c->lock);
    if (mo_load_relaxed(&c->owner) != NULL) {
        mo_chan_evict(c, w);
    } else if (w != c->last) {
        c->last = w;
        c->streak = 0;
        c->enough -= c->enough > MO_CHAN_ENOUGH;
    } else if (++c->streak == c->enough) {
        mo_chan_own(c, w);
    }
}

/* Is the channel this worker's own? Then it is inside. Plain threads have to
 * ask before, and anybody may. */
static inline bool mo_chan_enter(struct mo_chan *c, struct mo_worker *w)
{
    mo_store_relaxed(&w->inside, 1);
    mo_compiler_fence();            /* pairs with the barriers in evict, and in
                                     * mo_wait_freeze */
    if (__builtin_expect(mo_load_relaxed(&c->owner) == w, 1))
        return true;
    mo_store(&w->inside, 0);
    return false;
}

static inline void mo_chan_lock(struct mo_chan *c)
{
    struct mo_worker *w = mo_here();

    if (w == mo_load_relaxed(&c->owner) && mo_chan_enter(c, w))
        return;
    mo_chan_lock_word(c, w);
    mo_race_acquire(c);
}

/* However it was taken: a worker is inside one channel at a time, and then
 * holds no other's word. What commits a wait on a channel does the same. */
static inline void mo_chan_unlock(struct mo_chan *c)
{
    struct mo_worker *w = mo_here();

    mo_race_release(c);
    if (mo_load_relaxed(&w->inside) != 0)
        mo_store(&w->inside, 0);    /* pairs with the load in evict */
    else
        mo_word_unlock(&c->lock);
}

/* Makes a channel without endpoints. The caller passes an element that
 * mo_chan_element has checked. 0, -EINVAL, -ENOMEM, or what the discipline
 * says, and *err says it in words. */
int mo_chan_create(struct moirai_runtime *rt, const struct mo_chosen *chosen,
                   const struct moirai_elem *elem, struct mo_chan **made,
                   struct moirai_error *err);

/* Must a message that nobody receives be destroyed? */
static inline bool mo_chan_destroys(const struct mo_chan *c)
{
    return c->elem.drop != NULL || c->boxes != NULL;
}

/* Destroys one, as it was stored. No lock is held. */
void mo_chan_drop(struct mo_chan *c, void *stored);

/* Ends one that has no endpoints; drops what is stored. */
void mo_chan_destroy(struct mo_chan *c);

/* Reads a descriptor, perhaps that of an older program. 0 or -EINVAL. */
int mo_chan_element(const struct moirai_elem *given, struct moirai_elem *elem,
                    struct moirai_error *err);

/* What of `elem` does not fit the channel's ("size", ...); NULL if it fits. A
 * channel without a destructor takes over `elem`'s. The caller sees to it that
 * the channel does not go meanwhile. */
const char *mo_chan_differs(struct mo_chan *c, const struct moirai_elem *elem);

/* Makes zeroed memory from mo_mem an endpoint with one reference. 0, or what
 * the discipline says, and then the memory is still the caller's. The caller
 * sees to it that the channel does not go meanwhile. */
int mo_chan_attach(struct mo_chan *c, uint32_t mode,
                   struct moirai_chan *endpoint);

/* One endpoint less; its memory and its hold on the channel stay. True: it was
 * the last. *closed: nobody is left to send, and those who wait have to be told
 * that. name.c calls it for channels that have a name. */
bool mo_chan_detach(struct moirai_chan *endpoint, bool *closed);

/* The runtime that the caller means; NULL: none. */
struct moirai_runtime *mo_chan_runtime(struct moirai_runtime *runtime);

/* Would the store take a message, or give one, through this endpoint, now? Of
 * a discipline that can tell. The lock is held. */
static inline bool mo_chan_can(struct mo_chan *c, struct moirai_chan *chan,
                               uint32_t mode)
{
    return c->ops->can(c->state, chan->view, mode);
}

/* Makes claimed waiters go on, oldest first. No lock is held. */
void mo_chan_wake(struct mo_queue *woken, int result);

#endif
