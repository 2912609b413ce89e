/* SPDX-License-Identifier: MIT */
/*
 * spill.h - what becomes of messages that a channel has no room for.
 *
 * Only channels that can drop a message have one of these; see spill.c.
 */
#ifndef MO_SPILL_H
#define MO_SPILL_H

#include "chan.h"

struct mo_spill {                   /* by the channel's lock */
    struct moirai_chan_sink sink;   /* first: the discipline's */
    struct mo_chan *chan;           /* constant, as is: */
    uint32_t policy;                /* enum mo_spill_policy */
    char *at;                       /* dropped, and not yet destroyed */
    size_t room;                    /* for so many messages */
    size_t length;
    bool starved;                   /* the last push was short of memory */
    uint64_t dropped;               /* in all */
    struct moirai_chan *told;       /* endpoints that are told of it */
};

/* Dropped messages that were taken out to be destroyed. */
struct mo_scraps {
    char *at;
    size_t room;
    size_t length;
};

/* Gives a new channel one if it needs one. 0, -ENOMEM, or -EINVAL and *err
 * filled: the policy does not fit the discipline. */
int mo_spill_open(struct mo_chan *c, uint32_t policy,
                  struct moirai_error *err);
void mo_spill_close(struct mo_chan *c);

/* The discipline's push, and then what the policy says. */
size_t mo_spill_push(struct mo_chan *c, void *endpoint, const void *first,
                     size_t n);

/* An endpoint is about to go: nobody has to be told for it. */
void mo_spill_forget(struct moirai_chan *chan);

/* May who could not push wait for room? 0, or the error. */
int mo_spill_refusal(const struct mo_chan *c);

static inline bool mo_spill_pending(const struct mo_chan *c)
{
    return c->spill != NULL && c->spill->length != 0;
}

/* Takes out what is to be destroyed; the lock is held. */
struct mo_scraps mo_spill_take(struct mo_chan *c);

/* Destroys it. No lock is held; the caller holds the channel. */
void mo_spill_destroy(struct mo_chan *c, struct mo_scraps *scraps);

#endif
