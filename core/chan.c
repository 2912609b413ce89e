/* SPDX-License-Identifier: MIT */
/*
 * chan.c - channels and endpoints: how they come and go.
 *
 * An endpoint is counted by its holders, a channel by its endpoints. When the
 * last endpoint that may send goes, the channel closes; when the last of all
 * goes, it ends, and what nobody received is dropped. Whoever is inside a call
 * holds an endpoint, so nothing goes away under anybody; and who puts one keeps
 * a hold on the channel until everybody has been told what that meant. For all
 * others the endpoint goes in one step: nobody finds a channel by its name that
 * has closed because it is about to lose its last endpoint.
 *
 * Closing marks the channel first; from then on nobody queues. Then it takes
 * the waiters out a few at a time: a hundred thousand of them must not keep a
 * spin lock.
 *
 * Locks: name.c's, then the channel's, then nothing. The element's destructor
 * runs without any, on whoever put the last endpoint.
 */
#include "chan.h"

#include <errno.h>
#include <string.h>

#include "box.h"
#include "chosen.h"
#include "log.h"
#include "mem.h"
#include "name.h"
#include "runtime.h"
#include "spill.h"
#include "transfer.h"

#define CLOSE_AT_ONCE 64            /* waiters taken out in one lock hold */

int mo_chan_element(const struct moirai_elem *given, struct moirai_elem *elem,
                    struct moirai_error *err)
{
    memset(elem, 0, sizeof *elem);
    if (given == NULL)
        return moirai_error_set(err, -EINVAL, "a channel needs an element: "
                                "see MOIRAI_ELEM");
    if (given->size < sizeof given->size || given->size > 4096)
        return moirai_error_set(err, -EINVAL, "the element descriptor's size "
                                "is %u: use MOIRAI_ELEM, or sizeof(struct "
                                "moirai_elem)", given->size);
    memcpy(elem, given, given->size < sizeof *elem ? given->size
                                                   : sizeof *elem);
    if ((elem->align & (elem->align - 1)) != 0)
        return moirai_error_set(err, -EINVAL, "the element's alignment %u is "
                                "not a power of two", elem->align);
    if (elem->limit != 0 && elem->bytes > elem->limit)
        return moirai_error_set(err, -EINVAL, "messages of %zu bytes at least "
                                "and %zu at most: see MOIRAI_ELEM_BYTES",
                                elem->bytes, elem->limit);
    if (elem->limit > PTRDIFF_MAX / 2)
        return moirai_error_set(err, -EINVAL, "messages of up to %zu bytes are "
                                "too long", elem->limit);
    return 0;
}

/* The discipline's memory and its beginning. */
static int open_state(struct mo_chan *c, const void *config,
                      struct moirai_error *err)
{
    bool stores = c->elem.limit == 0 || (c->ops->flags & MOIRAI_CHAN_LOANS);
    size_t size = stores ? c->ops->state_size(config, &c->elem) : 0;
    int rc;

    if (!stores)
        return moirai_error_set(err, -EINVAL, "channel plugin %s stores copies "
                                "only: see MOIRAI_ELEM", c->plugin);
    if (size == 0)
        return moirai_error_set(err, -EINVAL, "channel plugin %s cannot hold "
                                "messages of %zu bytes, aligned to %u, as it "
                                "is configured", c->plugin, c->elem.bytes,
                                c->elem.align);
    c->state = mo_mem_alloc(size, MO_CACHE_LINE);
    if (c->state == NULL)
        return moirai_error_set(err, -ENOMEM, "out of memory");
    moirai_error_set(err, 0, "%s", "");
    rc = c->ops->init(c->state, config, &c->elem, &c->runtime->host, err);
    if (rc == 0)
        return 0;
    mo_mem_free(c->state);
    return mo_chosen_failed(MOIRAI_CHAN, c->plugin, rc, err);
}

static void close_state(struct mo_chan *c)
{
    c->ops->fini(c->state);
    mo_mem_free(c->state);
}

/* Room for messages: what is left when the channel goes is popped into it one
 * by one; and where those are that are not copied. */
static int open_room(struct mo_chan *c, struct moirai_error *err)
{
    size_t align = c->elem.align < 16 ? 16 : c->elem.align;

    if (!c->rendezvous)
        c->scratch = mo_mem_alloc(c->bytes, align);
    if (c->elem.limit != 0)
        c->boxes = mo_boxes_open(&c->elem, c->ops->capacity(c->state),
                                 c->runtime->workers[0]->trace != NULL);
    if ((c->scratch == NULL && !c->rendezvous)
        || (c->boxes == NULL && c->elem.limit != 0))
        return moirai_error_set(err, -ENOMEM, "out of memory");
    return 0;
}

int mo_chan_create(struct moirai_runtime *rt, const struct mo_chosen *chosen,
                   const struct moirai_elem *elem, struct mo_chan **made,
                   struct moirai_error *err)
{
    struct mo_chan *c = mo_mem_alloc(sizeof *c, MO_CACHE_LINE);
    int rc;

    if (c == NULL)
        return moirai_error_set(err, -ENOMEM, "out of memory");
    c->runtime = rt;
    c->ops = chosen->ops;
    c->plugin = chosen->plugin->name;
    c->elem = *elem;
    c->bytes = moirai_elem_stored(elem);
    mo_chan_unowned(c);
    rc = open_state(c, chosen->config, err);
    if (rc != 0)
        goto out_chan;
    c->push = c->ops->push;
    c->pop = c->ops->pop;
    c->rendezvous = c->ops->capacity(c->state) == 0;
    c->views = c->ops->attach != NULL
        && (c->ops->flags & MOIRAI_CHAN_ANYBODY) == 0;
    if (c->ops->flags & MOIRAI_CHAN_RING)
        c->ring = c->state;
    rc = open_room(c, err);
    if (rc == 0)
        rc = mo_spill_open(c, chosen->overflow, err);
    if (rc != 0)
        goto out_room;
    if (c->spill != NULL)
        c->ring = NULL;
    c->concurrent = (c->ops->flags & MOIRAI_CHAN_CONCURRENT) != 0
        && !rt->owning && c->boxes == NULL && c->spill == NULL
        && !c->rendezvous;
    if (!c->concurrent && c->ops->locked != NULL)
        c->ops->locked(c->state);
    c->handoff = c->rendezvous
        || ((c->ops->flags & MOIRAI_CHAN_HANDOFF) != 0 && !c->concurrent);
    *made = c;
    return 0;

out_room:
    mo_boxes_close(c->boxes);
    mo_mem_free(c->scratch);
    close_state(c);
out_chan:
    mo_mem_free(c);
    return rc;
}

void mo_chan_drop(struct mo_chan *c, void *stored)
{
    if (c->boxes != NULL)
        mo_box_drop(c->boxes, *(void **)stored);
    else
        c->elem.drop(stored, c->elem.ctx);
}

void mo_chan_destroy(struct mo_chan *c)
{
    uint64_t dropped = 0;

    while (!c->rendezvous && c->pop(c->state, NULL, c->scratch, 1) == 1) {
        dropped++;
        if (mo_chan_destroys(c))
            mo_chan_drop(c, c->scratch);
    }
    if (dropped != 0)
        mo_log(MOIRAI_LOG_DEBUG, "channel %s: %llu messages were never "
               "received", c->name != NULL ? c->name->text : "(unnamed)",
               (unsigned long long)dropped);
    close_state(c);
    mo_spill_close(c);
    mo_boxes_close(c->boxes);
    mo_mem_free(c->name);
    mo_mem_free(c->scratch);
    mo_mem_free(c);
}

const char *mo_chan_differs(struct mo_chan *c, const struct moirai_elem *elem)
{
    const struct moirai_elem *own = &c->elem;
    const char *what = NULL;

    mo_chan_lock(c);
    if (own->bytes != elem->bytes || own->limit != elem->limit)
        what = "size";
    else if (own->schema != 0 && elem->schema != 0
             && own->schema != elem->schema)
        what = "schema";
    else if (own->drop != NULL && elem->drop != NULL
             && (own->drop != elem->drop || own->ctx != elem->ctx))
        what = "destructor";
    if (what == NULL && own->drop == NULL) {
        c->elem.drop = elem->drop;
        c->elem.ctx = elem->ctx;
        if (c->boxes != NULL)
            mo_boxes_destructor(c->boxes, elem);
    }
    mo_chan_unlock(c);
    return what;
}

int mo_chan_attach(struct mo_chan *c, uint32_t mode,
                   struct moirai_chan *endpoint)
{
    int rc = 0;

    endpoint->to = c;
    endpoint->mode = mode | (c->ops->can != NULL ? MO_CHAN_CAN : 0);
    if (c->boxes == NULL && !c->concurrent)
        endpoint->mode |= mode * (MO_CHAN_COPIES_IN / MOIRAI_SEND);
    endpoint->references = 1;
    mo_chan_lock(c);
    if (c->ops->attach != NULL)
        rc = c->ops->attach(c->state, mode, &endpoint->view);
    if (rc == 0) {
        mo_store_relaxed(&c->endpoints, c->endpoints + 1);
        c->holds++;
        mo_store_relaxed(&c->sending,
                         c->sending + ((mode & MOIRAI_SEND) != 0));
    }
    mo_chan_unlock(c);
    return rc;
}

/* Marks it; the lock is held. False: it was closed already. */
static bool mark_closed(struct mo_chan *c)
{
    if (c->closed)
        return false;
    c->closed = true;
    if (c->ops->seal != NULL)
        c->ops->seal(c->state);
    return true;
}

bool mo_chan_detach(struct moirai_chan *endpoint, bool *closed)
{
    struct mo_chan *c = endpoint->to;
    bool last;

    mo_chan_lock(c);
    if (c->ops->detach != NULL)
        c->ops->detach(c->state, endpoint->view);
    mo_store_relaxed(&c->sending,
                     c->sending - ((endpoint->mode & MOIRAI_SEND) != 0));
    mo_store_relaxed(&c->endpoints, c->endpoints - 1);
    if ((endpoint->mode & MOIRAI_SEND) != 0 && c->sending == 0)
        *closed = mark_closed(c);
    last = c->endpoints == 0;
    mo_chan_unlock(c);
    return last;
}

struct moirai_runtime *mo_chan_runtime(struct moirai_runtime *runtime)
{
    return runtime != NULL ? runtime : moirai_runtime_self();
}

void mo_chan_wake(struct mo_queue *woken, int result)
{
    struct mo_node *node;

    while ((node = woken->first) != NULL) {
        struct mo_waiter *waiter = node->waiter;

        mo_queue_remove(woken, node);   /* it may queue again at once */
        mo_wait_end(waiter, result);
    }
}

int moirai_chan_make(struct moirai_runtime *runtime, const char *plugin,
                     const char *const *options,
                     const struct moirai_elem *elem, struct moirai_chan **chan,
                     struct moirai_error *err)
{
    struct moirai_runtime *rt = mo_chan_runtime(runtime);
    const struct mo_chosen *chosen;
    struct moirai_elem own;
    struct moirai_chan *endpoint;
    struct mo_chan *c;
    int rc;

    if (rt == NULL)
        return moirai_error_set(err, -EINVAL, "which runtime? A plain thread "
                                "has to name it");
    if (!mo_runtime_usable(rt))
        return moirai_error_set(err, mo_runtime_refusal(rt), "the runtime "
                                "cannot be used here");
    rc = mo_chan_element(elem, &own, err);
    if (rc == 0)
        rc = mo_setup_chan_make(rt->setup, plugin, options, &chosen, err);
    if (rc == 0)
        rc = mo_chan_create(rt, chosen, &own, &c, err);
    if (rc != 0)
        return rc;
    endpoint = mo_mem_alloc(sizeof *endpoint, MO_CACHE_LINE);
    rc = endpoint != NULL ? mo_chan_attach(c, MOIRAI_BOTH, endpoint) : -ENOMEM;
    if (rc == 0) {
        *chan = endpoint;
        return 0;
    }
    mo_mem_free(endpoint);
    mo_chan_destroy(c);
    return moirai_error_set(err, rc, "cannot make the endpoint: %s",
                            strerror(-rc));
}

int moirai_chan_dup(struct moirai_chan *chan, uint32_t mode,
                    struct moirai_chan **copy)
{
    struct moirai_chan *endpoint;
    int rc;

    if (chan == NULL)
        return -EBADF;
    if (mode == 0 || (mode & ~(chan->mode & MOIRAI_BOTH)) != 0)
        return -EINVAL;
    if (!mo_runtime_usable(chan->to->runtime))
        return mo_runtime_refusal(chan->to->runtime);
    endpoint = mo_mem_alloc(sizeof *endpoint, MO_CACHE_LINE);
    if (endpoint == NULL)
        return -ENOMEM;
    rc = mo_chan_attach(chan->to, mode, endpoint);
    if (rc != 0)
        mo_mem_free(endpoint);
    else
        *copy = endpoint;
    return rc;
}

struct moirai_chan *moirai_chan_get(struct moirai_chan *chan)
{
    if (chan != NULL)
        mo_add(&chan->references, 1);
    return chan;
}

static uint32_t take_out(struct mo_queue *queue, struct mo_queue *woken)
{
    uint32_t n = 0;

    for (; n < CLOSE_AT_ONCE && queue->first != NULL; n++) {
        struct mo_node *node = queue->first;

        mo_queue_remove(queue, node);
        if (!mo_wait_claim(node->waiter))
            continue;
        mo_wait_chose(node);
        mo_queue_add(woken, node);
    }
    return n;
}

/* The channel has been closed: tells those who wait. */
static void tell_closed(struct mo_chan *c)
{
    uint32_t n;

    if (c->concurrent)
        mo_chan_settle_last(c);
    do {
        struct mo_queue woken = { NULL, NULL };

        mo_chan_lock(c);
        n = take_out(&c->senders, &woken);
        n += take_out(&c->receivers, &woken);
        mo_chan_unlock(c);
        mo_chan_wake(&woken, -EPIPE);
    } while (n != 0);
}

int moirai_chan_close(struct moirai_chan *chan)
{
    struct mo_chan *c;
    bool closed;

    if (chan == NULL)
        return -EBADF;
    c = chan->to;
    if (!mo_runtime_usable(c->runtime))
        return mo_runtime_refusal(c->runtime);
    mo_chan_lock(c);
    closed = mark_closed(c);
    mo_race_release(c);
    mo_chan_unlock(c);
    if (!closed)
        return -EPIPE;
    tell_closed(c);
    return 0;
}

/* One hold less; the last one ends the channel. */
static void let_go(struct mo_chan *c)
{
    bool last;

    mo_race_release(c);
    mo_chan_lock(c);
    last = --c->holds == 0;
    mo_chan_unlock(c);
    if (!last)
        return;
    mo_race_acquire(c);             /* destructors are the program's */
    mo_chan_destroy(c);
}

void moirai_chan_put(struct moirai_chan *chan)
{
    struct mo_chan *c;
    bool closed = false;

    if (chan == NULL || !mo_runtime_usable(chan->to->runtime))
        return;
    if (mo_sub(&chan->references, 1) != 1)
        return;
    c = chan->to;
    mo_spill_forget(chan);
    if (c->name != NULL)
        mo_name_detach(chan, &closed);
    else
        mo_chan_detach(chan, &closed);
    if (closed)
        tell_closed(c);
    if (c->views)
        mo_chan_settle(c);          /* others may have waited for this one */
    mo_mem_free(chan);
    let_go(c);
}

size_t moirai_chan_length(struct moirai_chan *chan)
{
    size_t n;

    if (chan == NULL || !mo_runtime_usable(chan->to->runtime))
        return 0;
    mo_chan_lock(chan->to);
    n = chan->to->ops->length(chan->to->state);
    mo_chan_unlock(chan->to);
    return n;
}

size_t moirai_chan_capacity(struct moirai_chan *chan)
{
    size_t n;

    if (chan == NULL || !mo_runtime_usable(chan->to->runtime))
        return 0;
    mo_chan_lock(chan->to);
    n = chan->to->ops->capacity(chan->to->state);
    mo_chan_unlock(chan->to);
    return n;
}
