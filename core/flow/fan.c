/* SPDX-License-Identifier: MIT */
/*
 * fan.c - to one of several channels, which come and go.
 *
 * The channels are in a set that never changes but for what is known to be
 * closed; who adds or removes one puts another set in its place. Who sends has
 * a reference to the set that he chose from, so he needs no lock for choosing
 * nor for waiting, and the channels stay for as long. `lock` guards which set
 * it is.
 *
 * A channel that refuses a message because it is closed is marked, and the
 * message goes to another: so nothing is lost when a receiver leaves. The next
 * set leaves it out. A mark that comes too late for that is made again.
 *
 * Who finds no channel clears the event `changed` under the lock, if the set is
 * still the one that he looked at; who changes the set does so under the lock,
 * and sets the event after. So nobody waits for a change that has been made.
 *
 * Keys choose by rendezvous hashing (D. Thaler, C. Ravishankar, "Using
 * Name-Based Mappings to Increase Hit Rates", 1998): of the channels that are
 * left each key takes the one that suits it best, so that only the keys of a
 * channel that is gone move.
 */
#include "flow/fan.h"

#include <errno.h>
#include <stdbool.h>

#include <moirai/event.h>

#include "chan.h"
#include "lock.h"
#include "mem.h"

#define NOBODY SIZE_MAX

struct member {
    struct moirai_chan *chan;
    uint64_t id;
    uint32_t closed;                /* atomic, sticky */
};

struct set {
    MO_ATOMIC(uint32_t) references;
    size_t n;
    struct member members[];
};

struct moirai_fan {
    struct mo_lock lock;
    enum moirai_spread how;         /* constant, as is: */
    size_t bytes;
    struct set *set;                /* by the lock, as is: */
    bool stopped;
    struct moirai_event changed;
    MO_ATOMIC(uint64_t) turn;
};

/* --- sets ---------------------------------------------------------------- */

static struct set *make_set(size_t n)
{
    struct set *set = mo_mem_alloc(sizeof *set + n * sizeof *set->members,
                                   _Alignof(struct set));

    if (set != NULL) {
        set->references = 1;
        set->n = 0;
    }
    return set;
}

/* Channels that go with it may have messages, and these destructors. */
static void put_set(struct set *set)
{
    if (mo_sub(&set->references, 1) != 1)
        return;
    for (size_t i = 0; i < set->n; i++)
        moirai_chan_put(set->members[i].chan);
    mo_mem_free(set);
}

static struct set *get_set(struct moirai_fan *fan)
{
    struct set *set;

    mo_lock_take(&fan->lock);
    set = fan->set;
    mo_add(&set->references, 1);
    mo_lock_drop(&fan->lock);
    return set;
}

static void put_member(struct set *set, struct moirai_chan *chan, uint64_t id)
{
    set->members[set->n++] = (struct member){ moirai_chan_get(chan), id, 0 };
}

/* What is left of a set without a channel (or NULL), with room for one more.
 * NULL: out of memory. */
static struct set *copy_set(struct set *old, const struct moirai_chan *without)
{
    struct set *set = make_set(old->n + 1);

    for (size_t i = 0; set != NULL && i < old->n; i++) {
        struct member *m = &old->members[i];

        if (m->chan != without && mo_load(&m->closed) == 0)
            put_member(set, m->chan, m->id);
    }
    return set;
}

/* Puts a set in the place of `old`, if that is still there. Takes `set`. */
static bool replace_set(struct moirai_fan *fan, struct set *old,
                        struct set *set)
{
    bool done;

    mo_lock_take(&fan->lock);
    done = fan->set == old;
    if (done)
        fan->set = set;
    mo_lock_drop(&fan->lock);
    put_set(done ? old : set);
    if (done)
        moirai_event_set(&fan->changed);
    return done;
}

/* --- choosing ------------------------------------------------------------ */

/* Of SplitMix64 (G. Steele, D. Lea, C. Flood, 2014). */
static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

static bool is_open(struct set *set, size_t at)
{
    return mo_load(&set->members[at].closed) == 0;
}

/* The open one at `at`, or the next one after it. */
static size_t open_from(struct set *set, uint64_t at)
{
    for (size_t i = 0; i < set->n; i++)
        if (is_open(set, (at + i) % set->n))
            return (at + i) % set->n;
    return NOBODY;
}

static size_t least_full(struct set *set, uint64_t turn)
{
    size_t best = NOBODY;
    size_t least = SIZE_MAX;

    for (size_t i = 0; i < set->n && least != 0; i++) {
        size_t at = (turn + i) % set->n;
        size_t length;

        if (!is_open(set, at))
            continue;
        length = moirai_chan_length(set->members[at].chan);
        if (length < least || best == NOBODY) {
            least = length;
            best = at;
        }
    }
    return best;
}

static size_t by_key(struct set *set, uint64_t key)
{
    size_t best = NOBODY;
    uint64_t most = 0;

    for (size_t i = 0; i < set->n; i++) {
        uint64_t id = set->members[i].id + UINT64_C(0x9e3779b97f4a7c15);
        uint64_t score = mix(key ^ mix(id)) | 1;

        if (score > most && is_open(set, i)) {
            most = score;
            best = i;
        }
    }
    return best;
}

/* Of those that are open each as likely as the others: it is drawn again. */
static size_t at_random(struct set *set, uint64_t turn)
{
    uint64_t x = turn;

    for (int tries = 0; set->n != 0 && tries < 64; tries++) {
        size_t at;

        x = mix(x + UINT64_C(0x9e3779b97f4a7c15));
        at = (size_t)((x >> 32) * set->n >> 32);
        if (is_open(set, at))
            return at;
    }
    return open_from(set, x);
}

static size_t choose(struct moirai_fan *fan, struct set *set, uint64_t key)
{
    uint64_t turn;

    if (fan->how == MOIRAI_SPREAD_KEY)
        return by_key(set, key);
    turn = mo_add(&fan->turn, 1);
    switch (fan->how) {
    case MOIRAI_SPREAD_LEAST:
        return least_full(set, turn);
    case MOIRAI_SPREAD_RANDOM:
        return at_random(set, turn);
    default:
        return set->n != 0 ? open_from(set, turn) : NOBODY;
    }
}

/* --- sending ------------------------------------------------------------- */

/* To one of a set; -EPIPE: all of them are closed. */
static int send_to(struct moirai_fan *fan, struct set *set, uint64_t key,
                   const void *message, int64_t deadline_ns)
{
    for (;;) {
        size_t at = choose(fan, set, key);
        int rc;

        if (at == NOBODY)
            return -EPIPE;
        rc = moirai_chan_send(set->members[at].chan, message, deadline_ns);
        if (rc != -EPIPE)
            return rc;
        mo_store(&set->members[at].closed, 1);
    }
}

int mo_fan_try(struct moirai_fan *fan, uint64_t key, const void *message,
               int64_t deadline_ns)
{
    struct set *set = get_set(fan);
    int rc = send_to(fan, set, key, message, deadline_ns);

    put_set(set);
    return rc;
}

static bool is_stopped(struct moirai_fan *fan)
{
    bool stopped;

    mo_lock_take(&fan->lock);
    stopped = fan->stopped;
    mo_lock_drop(&fan->lock);
    return stopped;
}

/* Nothing came of this set: may there be another? Then `changed` says when. */
static bool expect_change(struct moirai_fan *fan, const struct set *set)
{
    bool stopped;

    mo_lock_take(&fan->lock);
    stopped = fan->stopped;
    if (!stopped && fan->set == set)
        moirai_event_clear(&fan->changed);
    mo_lock_drop(&fan->lock);
    return !stopped;
}

int moirai_fan_send(struct moirai_fan *fan, uint64_t key, const void *message,
                    int64_t deadline_ns)
{
    for (;;) {
        struct set *set = get_set(fan);
        int rc = is_stopped(fan) ? -EPIPE
                                 : send_to(fan, set, key, message, deadline_ns);
        bool again = rc == -EPIPE && expect_change(fan, set);

        put_set(set);
        if (again)
            rc = moirai_event_wait(&fan->changed, deadline_ns);
        if (!again || rc != 0)
            return rc;
    }
}

/* --- what comes and goes ------------------------------------------------- */

static int check_chan(const struct moirai_fan *fan, struct moirai_chan *chan)
{
    bool fits;

    if (chan == NULL || (chan->mode & MOIRAI_SEND) == 0)
        return -EBADF;
    mo_chan_lock(chan->to);
    fits = chan->to->elem.limit == 0 && chan->to->elem.bytes == fan->bytes;
    mo_chan_unlock(chan->to);
    return fits ? 0 : -EINVAL;
}

static bool has_chan(struct set *set, const struct moirai_chan *chan)
{
    for (size_t i = 0; i < set->n; i++)
        if (set->members[i].chan == chan)
            return true;
    return false;
}

/* Nobody may have tried it since it was closed. */
static bool look_if_open(struct member *m)
{
    struct mo_chan *c = m->chan->to;
    bool closed;

    mo_chan_lock(c);
    closed = c->closed;
    mo_chan_unlock(c);
    if (closed)
        mo_store(&m->closed, 1);
    return !closed;
}

static bool has_id(struct set *set, uint64_t id)
{
    for (size_t i = 0; i < set->n; i++)
        if (set->members[i].id == id && look_if_open(&set->members[i]))
            return true;
    return false;
}

int moirai_fan_add(struct moirai_fan *fan, struct moirai_chan *chan,
                   uint64_t id)
{
    int rc = check_chan(fan, chan);
    bool done = false;

    while (rc == 0 && !done) {
        struct set *old = get_set(fan);
        struct set *set = NULL;

        if (has_id(old, id))
            rc = -EEXIST;
        else if ((set = copy_set(old, NULL)) == NULL)
            rc = -ENOMEM;
        if (rc == 0) {
            put_member(set, chan, id);
            done = replace_set(fan, old, set);
        }
        put_set(old);
    }
    return rc;
}

int moirai_fan_remove(struct moirai_fan *fan, struct moirai_chan *chan)
{
    bool done = false;
    int rc = 0;

    while (rc == 0 && !done) {
        struct set *old = get_set(fan);
        struct set *set = NULL;

        if (!has_chan(old, chan))
            rc = -ENOENT;
        else if ((set = copy_set(old, chan)) == NULL)
            rc = -ENOMEM;
        else
            done = replace_set(fan, old, set);
        put_set(old);
    }
    return rc;
}

int mo_fan_fill(struct moirai_fan *fan, struct moirai_chan *const *chans,
                size_t n)
{
    struct set *set = make_set(n);

    if (set == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        put_member(set, chans[i], i);
    replace_set(fan, fan->set, set);
    return 0;
}

size_t moirai_fan_count(struct moirai_fan *fan)
{
    struct set *set = get_set(fan);
    size_t n = 0;

    for (size_t i = 0; i < set->n; i++)
        n += is_open(set, i);
    put_set(set);
    return n;
}

/* --- its life ------------------------------------------------------------ */

int moirai_fan_open(struct moirai_fan **fan, enum moirai_spread how,
                    size_t bytes)
{
    struct moirai_fan *f;

    if ((uint32_t)how > MOIRAI_SPREAD_RANDOM)
        return -EINVAL;
    f = mo_mem_alloc(sizeof *f, _Alignof(struct moirai_fan));
    if (f == NULL)
        return -ENOMEM;
    *f = (struct moirai_fan){ .how = how, .bytes = bytes,
                              .set = make_set(0) };
    if (f->set == NULL) {
        mo_mem_free(f);
        return -ENOMEM;
    }
    *fan = f;
    return 0;
}

void moirai_fan_stop(struct moirai_fan *fan)
{
    mo_lock_take(&fan->lock);
    fan->stopped = true;
    mo_lock_drop(&fan->lock);
    moirai_event_set(&fan->changed);
}

void moirai_fan_close(struct moirai_fan *fan)
{
    if (fan == NULL)
        return;
    put_set(fan->set);
    mo_mem_free(fan);
}

size_t mo_fan_bytes(const struct moirai_fan *fan)
{
    return fan->bytes;
}
