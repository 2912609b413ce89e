/* SPDX-License-Identifier: MIT */
/*
 * spill.c - dropping messages: overflow policies, and what disciplines discard.
 *
 * Messages are dropped under the channel's lock, where the element's destructor
 * must not run: it is the program's, may take long, and may use the channel. So
 * their bytes are set aside, and whoever held the lock destroys them after it
 * has let go.
 *
 * Room for them is made before they are pushed. A push of n messages makes the
 * discipline discard n at most, and the policy as many; where there is no
 * memory for them, fewer are pushed, or none, and the sender gets -ENOMEM.
 * Messages without a destructor are only counted.
 *
 * Events are set under the channel's lock, so that whoever takes his event back
 * knows that it is not touched afterwards. An event's own lock is taken inside,
 * and nothing but that is taken inside of it.
 *
 * Rejected: destroying in place, in slots that the discipline lends for that
 * time. It would need no copy, but each discipline would have to hold some
 * slots back, and a sender that never waits would have to wait for destructors.
 */
#include "spill.h"

#include <errno.h>

#include <moirai/event.h>

#include "box.h"
#include "log.h"
#include "mem.h"
#include "runtime.h"
#include "transfer.h"

/* Longest block that is kept for the next time. */
#define KEEP_BYTES 65536

static void retire(struct moirai_chan_sink *sink, const void *message)
{
    struct mo_spill *s = (struct mo_spill *)sink;
    struct mo_chan *c = s->chan;

    if (!mo_chan_destroys(c))
        return;
    if (s->length == s->room)
        mo_panic("channel plugin %s discards more messages than it was given",
                 c->plugin);
    mo_copy(s->at + s->length++ * c->bytes, message, c->bytes);
}

static void drop(struct moirai_chan_sink *sink, const void *message)
{
    struct mo_spill *s = (struct mo_spill *)sink;

    s->dropped++;
    mo_count_dropped(s->chan->runtime, 1);
    retire(sink, message);
    for (struct moirai_chan *chan = s->told; chan != NULL;
         chan = chan->told_next)
        moirai_event_set(chan->told);
}

static void share(struct moirai_chan_sink *sink, const void *message)
{
    const struct mo_spill *s = (struct mo_spill *)sink;

    mo_box_share(s->chan->boxes, *(void *const *)message);
}

int mo_spill_open(struct mo_chan *c, uint32_t policy, struct moirai_error *err)
{
    bool drops = policy == MO_SPILL_OLDEST || policy == MO_SPILL_NEWEST;
    struct mo_spill *s;

    if (policy == MO_SPILL_WAIT && c->ops->discard_to == NULL)
        return 0;
    if (drops && c->rendezvous)
        return moirai_error_set(err, -EINVAL, "a channel that stores nothing "
                                "has nothing to drop: overflow may be wait or "
                                "error");
    s = mo_mem_alloc(sizeof *s, MO_CACHE_LINE);
    if (s == NULL)
        return moirai_error_set(err, -ENOMEM, "out of memory");
    s->sink.drop = drop;
    s->sink.retire = retire;
    s->sink.share = share;
    s->chan = c;
    s->policy = policy;
    c->spill = s;
    if (c->ops->discard_to != NULL)
        c->ops->discard_to(c->state, &s->sink);
    return 0;
}

void mo_spill_close(struct mo_chan *c)
{
    if (c->spill != NULL)
        mo_mem_free(c->spill->at);
    mo_mem_free(c->spill);
}

/* Makes room for n messages more; says for how many there is. */
static size_t make_room(struct mo_spill *s, size_t n)
{
    const struct mo_chan *c = s->chan;
    size_t align = c->elem.align < 16 ? 16 : c->elem.align;
    size_t bytes = c->bytes != 0 ? c->bytes : 1;
    size_t room = s->room + n;
    char *at = NULL;

    if (!mo_chan_destroys(c) || s->room - s->length >= n)
        return n;
    if (room >= n && room <= PTRDIFF_MAX / bytes)
        at = mo_mem_alloc(room * bytes, align);
    if (at == NULL)
        return s->room - s->length;
    if (s->length != 0)
        memcpy(at, s->at, s->length * c->bytes);
    mo_mem_free(s->at);
    s->at = at;
    s->room = room;
    return n;
}

/* The one that a receiver would have got next. */
static bool drop_oldest(struct mo_chan *c)
{
    if (c->pop(c->state, NULL, c->scratch, 1) == 0)
        return false;
    drop(&c->spill->sink, c->scratch);
    return true;
}

static const void *message_at(const struct mo_chan *c, const void *first,
                              size_t i)
{
    return c->bytes != 0 ? (const char *)first + i * c->bytes : first;
}

size_t mo_spill_push(struct mo_chan *c, void *endpoint, const void *first,
                     size_t n)
{
    struct mo_spill *s = c->spill;
    size_t most = n <= SIZE_MAX / 2 ? make_room(s, 2 * n) / 2 : 0;
    size_t done;

    s->starved = n > most;
    if (s->starved)
        n = most;
    if (n == 0)
        return 0;
    done = c->push(c->state, endpoint, first, n);
    while (done < n && s->policy == MO_SPILL_OLDEST && drop_oldest(c)) {
        size_t k = c->push(c->state, endpoint, message_at(c, first, done), 1);

        if (k == 0) {               /* it was not for want of room */
            s->starved = true;
            return done;
        }
        done += k;
    }
    for (; done < n && s->policy == MO_SPILL_NEWEST; done++)
        drop(&s->sink, message_at(c, first, done));
    return done;
}

int mo_spill_refusal(const struct mo_chan *c)
{
    const struct mo_spill *s = c->spill;

    if (s->policy == MO_SPILL_ERROR)
        return -ENOBUFS;
    return s->starved ? -ENOMEM : 0;
}

struct mo_scraps mo_spill_take(struct mo_chan *c)
{
    struct mo_spill *s = c->spill;
    struct mo_scraps scraps = { .at = s->at, .room = s->room,
                                .length = s->length };

    if (s->length == 0)
        return (struct mo_scraps){ .at = NULL };
    s->at = NULL;
    s->room = s->length = 0;
    return scraps;
}

void mo_spill_destroy(struct mo_chan *c, struct mo_scraps *scraps)
{
    struct mo_spill *s = c->spill;
    char *at = scraps->at;

    for (size_t i = 0; i < scraps->length; i++)
        mo_chan_drop(c, at + i * c->bytes);
    if (scraps->room * c->bytes <= KEEP_BYTES) {
        mo_chan_lock(c);
        if (s->at == NULL) {
            s->at = at;
            s->room = scraps->room;
            at = NULL;
        }
        mo_chan_unlock(c);
    }
    mo_mem_free(at);
}

uint64_t moirai_chan_dropped(struct moirai_chan *chan)
{
    uint64_t n = 0;

    if (chan == NULL || !mo_runtime_usable(chan->to->runtime))
        return 0;
    mo_chan_lock(chan->to);
    if (chan->to->spill != NULL)
        n = chan->to->spill->dropped;
    mo_chan_unlock(chan->to);
    return n;
}

/* Takes it off the list, if it is there; the lock is held. */
static void forget(struct moirai_chan *chan)
{
    struct moirai_chan **at = &chan->to->spill->told;

    while (*at != NULL && *at != chan)
        at = &(*at)->told_next;
    if (*at != NULL)
        *at = chan->told_next;
    chan->told = NULL;
}

void mo_spill_forget(struct moirai_chan *chan)
{
    if (chan->told == NULL)
        return;                     /* nobody else has the endpoint any more */
    mo_chan_lock(chan->to);
    forget(chan);
    mo_chan_unlock(chan->to);
}

int moirai_chan_tell_drops(struct moirai_chan *chan,
                           struct moirai_event *event)
{
    struct mo_chan *c;

    if (chan == NULL)
        return -EBADF;
    c = chan->to;
    if (!mo_runtime_usable(c->runtime))
        return mo_runtime_refusal(c->runtime);
    if (c->spill == NULL)
        return 0;                   /* it never drops any */
    mo_chan_lock(c);
    forget(chan);
    if (event != NULL) {
        chan->told = event;
        chan->told_next = c->spill->told;
        c->spill->told = chan;
    }
    mo_chan_unlock(c);
    return 0;
}

uint64_t moirai_chan_missed(struct moirai_chan *chan)
{
    uint64_t n = 0;

    if (chan == NULL || !mo_runtime_usable(chan->to->runtime))
        return 0;
    mo_chan_lock(chan->to);
    if (chan->to->ops->missed != NULL)
        n = chan->to->ops->missed(chan->to->state, chan->view);
    mo_chan_unlock(chan->to);
    return n;
}
