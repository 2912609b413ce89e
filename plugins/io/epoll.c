/* SPDX-License-Identifier: MIT */
/*
 * epoll.c - waiting for descriptors with epoll.
 *
 * All rings share one epoll instance. What a descriptor's requests wait for,
 * and how none waits in vain, is in epoll_slot.h.
 *
 * Descriptors' numbers are used again at once. forget takes the descriptor out
 * of epoll, and moves on its generation, which is part of what epoll reports:
 * late reports are dropped. It waits for threads that are in a system call on
 * it. While it closes one, the number is kept occupied, so that nobody who is
 * late can put a closed descriptor into the table; by one that is good for
 * nothing (O_PATH), so that who is late finds it as bad as a closed one.
 *
 * Locks: one per descriptor, spinning, around a few instructions; or one
 * system call that does not wait. wake is a word per ring and, if the ring is
 * waiting, an eventfd, which is edge-triggered and never read.
 */
#include "epoll_slot.h"
#include "table.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <time.h>

#define EPOLL_EVENTS 128            /* heard of at once */
#define EPOLL_NS_PER_S INT64_C(1000000000)
#define EPOLL_NS_PER_MS 1000000

/* What a ring does; wake swaps in EPOLL_WOKEN. */
enum { EPOLL_RUNS, EPOLL_WAITS, EPOLL_WOKEN };

struct epoll_ring {
    atomic_uint_least32_t mood;
};

struct epoll_state {
    const struct moirai_host *host;
    int epoll, event;
    int nothing;                    /* takes the place of what is closed */
    atomic_bool coarse;             /* the kernel waits in milliseconds only */
    atomic_uint_least32_t waiting;  /* rings in their wait */
    struct table table;
};

/* --- submit --------------------------------------------------------------- */

static int epoll_submit(void *state, void *ring,
                        struct moirai_io_request *r, int64_t *result)
{
    struct epoll_state *s = state;
    struct epoll_slot *slot;
    int rc;

    (void)ring;
    if (r->op < MOIRAI_IO_POLL || r->op > MOIRAI_IO_CONNECT)
        return -EOPNOTSUPP;
    if (r->fd < 0)
        return -EBADF;
    slot = table_make(&s->table, r->fd);
    if (slot == NULL)
        return -ENOMEM;
    requests_lock(&slot->lock);
    if (slot->closing)
        rc = -EBADF;
    else if (r->op == MOIRAI_IO_POLL)
        rc = epoll_submit_poll(s->epoll, slot, r, result);
    else
        rc = epoll_submit_moves(s->epoll, slot, r, result);
    requests_unlock(&slot->lock);
    return rc;
}

/* --- hearing -------------------------------------------------------------- */

static void epoll_end_polls(struct epoll_slot *slot, uint32_t events,
                            struct requests *ended)
{
    struct moirai_io_request *r = slot->polls.first;

    while (r != NULL) {
        struct moirai_io_request *next = requests_next(r);
        uint32_t wanted = events & (r->events | POLLERR | POLLHUP);

        if (wanted != 0)
            requests_end(&slot->polls, r, wanted, ended);
        r = next;
    }
}

static void epoll_hear(struct epoll_state *s, const struct epoll_event *event,
                       struct requests *ended)
{
    uint32_t generation = (uint32_t)(event->data.u64 >> 32);
    struct epoll_slot *slot = table_at(&s->table, (int)event->data.u64);

    requests_lock(&slot->lock);
    if (slot->generation == generation) {
        slot->hung = slot->hung || (event->events & EPOLL_ENDS) != 0;
        slot->urgent = slot->urgent || (event->events & EPOLLPRI) != 0;
        epoll_end_polls(slot, event->events, ended);
    }
    for (int i = 0; i < EPOLL_SIDES; i++) {
        struct epoll_side *side = &slot->side[i];

        if (slot->generation != generation      /* serving drops the lock */
            || (event->events & epoll_bits[i]) == 0)
            continue;
        side->edges++;
        side->dry = false;
        if (!side->busy)
            epoll_serve(slot, side, ended);
    }
    requests_unlock(&slot->lock);
}

/* Waits for at most `ns`. */
static int epoll_ask(struct epoll_state *s, struct epoll_event *events,
                     int64_t ns)
{
    int64_t ms = ns / EPOLL_NS_PER_MS + (ns % EPOLL_NS_PER_MS != 0);

#ifdef HAVE_EPOLL_PWAIT2
    if (ns > 0 && !atomic_load_explicit(&s->coarse, memory_order_relaxed)) {
        struct timespec t = { (time_t)(ns / EPOLL_NS_PER_S),
                              (long)(ns % EPOLL_NS_PER_S) };
        int n = epoll_pwait2(s->epoll, events, EPOLL_EVENTS,
                             ns != INT64_MAX ? &t : NULL, NULL);

        if (n >= 0 || errno != ENOSYS)
            return n;
        atomic_store_explicit(&s->coarse, true, memory_order_relaxed);
    }
#endif
    if (ns == INT64_MAX)
        return epoll_wait(s->epoll, events, EPOLL_EVENTS, -1);
    return epoll_wait(s->epoll, events, EPOLL_EVENTS,
                      ms < INT32_MAX ? (int)ms : INT32_MAX);
}

/* Hears and tells. *woken: somebody wrote to the eventfd. */
static size_t epoll_round(struct epoll_state *s, int64_t ns, bool *woken)
{
    struct epoll_event events[EPOLL_EVENTS];
    struct requests ended = { NULL, NULL };
    int n = epoll_ask(s, events, ns);

    *woken = false;
    for (int i = 0; i < n; i++) {
        if (events[i].data.u64 == UINT64_MAX)
            *woken = true;
        else
            epoll_hear(s, &events[i], &ended);
    }
    return requests_tell(&ended);
}

static void epoll_ring_bell(struct epoll_state *s)
{
    uint64_t one = 1;

    while (write(s->event, &one, sizeof one) < 0 && errno == EINTR)
        continue;
}

static size_t epoll_flush(void *state, void *ring)
{
    struct epoll_state *s = state;
    bool woken;
    size_t n;

    (void)ring;
    n = epoll_round(s, 0, &woken);
    if (woken && atomic_load(&s->waiting) != 0)
        epoll_ring_bell(s);         /* it was meant for one that waits */
    return n;
}

static int64_t epoll_left(const struct epoll_state *s, int64_t deadline_ns)
{
    int64_t now;

    if (deadline_ns == INT64_MAX)
        return INT64_MAX;
    now = s->host->now(s->host->ctx);
    return deadline_ns > now ? deadline_ns - now : 0;
}

/* The bell may have rung for another ring, also where it rang for this one:
 * rung twice before anybody hears it, it is heard once. For one that waits at
 * the same time, it is rung again; one that comes later sees its mood. */
static size_t epoll_await(void *state, void *ring, int64_t deadline_ns)
{
    struct epoll_state *s = state;
    struct epoll_ring *r = ring;
    uint32_t mood = EPOLL_RUNS;
    bool waits, woken;
    size_t n;

    atomic_fetch_add(&s->waiting, 1);
    waits = atomic_compare_exchange_strong(&r->mood, &mood, EPOLL_WAITS);
    n = epoll_round(s, waits ? epoll_left(s, deadline_ns) : 0, &woken);
    atomic_store(&r->mood, EPOLL_RUNS);
    if (atomic_fetch_sub(&s->waiting, 1) > 1 && woken)
        epoll_ring_bell(s);
    return n;
}

static void epoll_wake(void *state, void *ring)
{
    struct epoll_ring *r = ring;

    if (atomic_exchange(&r->mood, EPOLL_WOKEN) == EPOLL_WAITS)
        epoll_ring_bell(state);
}

/* --- ending --------------------------------------------------------------- */

static void epoll_cancel(void *state, void *ring, struct moirai_io_request *r)
{
    struct epoll_state *s = state;
    struct epoll_slot *slot = table_at(&s->table, r->fd);
    struct epoll_side *side = &slot->side[epoll_side_of(r)];
    struct requests ended = { NULL, NULL };

    (void)ring;
    requests_lock(&slot->lock);
    if (r->mark[0] == REQUEST_WAITS && r->op == MOIRAI_IO_POLL)
        epoll_drop(&slot->polls, NULL, r, &ended);
    else if (r->mark[0] == REQUEST_WAITS)
        epoll_drop(&side->queue, side->tried, r, &ended);
    requests_unlock(&slot->lock);
    requests_tell(&ended);
}

static int epoll_close(int fd)
{
    return close(fd) == 0 ? 0 : -errno;
}

/* Closes what was in epoll. The number is only free once the slot is. */
static int epoll_replace(struct epoll_state *s, struct epoll_slot *slot, int fd)
{
    requests_unlock(&slot->lock);
    dup3(s->nothing, fd, O_CLOEXEC);
    requests_lock(&slot->lock);
    epoll_reset(slot);
    return epoll_close(fd);
}

static int epoll_forget(void *state, void *ring, int fd, bool closing)
{
    struct epoll_state *s = state;
    struct epoll_slot *slot = table_at(&s->table, fd);
    struct requests ended = { NULL, NULL };
    int rc = 0;

    (void)ring;
    if (slot == NULL)
        return closing ? epoll_close(fd) : 0;
    requests_lock(&slot->lock);
    if (slot->closing)
        rc = -EBADF;
    else if (epoll_empty(s->epoll, slot, fd, &ended) != -EBADF && closing
             && slot->listed)
        rc = epoll_replace(s, slot, fd);
    else {
        epoll_reset(slot);
        requests_unlock(&slot->lock);
        rc = closing ? epoll_close(fd) : 0;
        requests_lock(&slot->lock);
    }
    requests_unlock(&slot->lock);
    requests_tell(&ended);
    return rc;
}

static int epoll_pollable(void *state, void *ring)
{
    struct epoll_state *s = state;

    (void)ring;
    return s->epoll;
}

/* --- starting ------------------------------------------------------------- */

static void epoll_fini(void *state)
{
    struct epoll_state *s = state;

    close(s->nothing);
    close(s->event);
    close(s->epoll);
    table_fini(&s->table);
}

/* Makes what wakes it, and what stands in for closed descriptors. */
static int epoll_make_rest(struct epoll_state *s)
{
    struct epoll_event event = { .events = EPOLLIN | EPOLLET,
                                 .data.u64 = UINT64_MAX };

    s->nothing = -1;
    s->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (s->event >= 0
        && epoll_ctl(s->epoll, EPOLL_CTL_ADD, s->event, &event) == 0)
        s->nothing = open("/", O_PATH | O_CLOEXEC);
    return s->nothing >= 0 ? 0 : -errno;
}

static int epoll_init(void *state, const void *config,
                      const struct moirai_io_env *env,
                      struct moirai_error *err)
{
    struct epoll_state *s = state;
    int rc;

    (void)config;
    s->host = env->host;
    table_init(&s->table, env->host, sizeof(struct epoll_slot));
    s->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (s->epoll < 0)
        return moirai_error_set(err, -errno, "I/O backend epoll: cannot create "
                                "an epoll instance: %s", strerror(errno));
    rc = epoll_make_rest(s);
    if (rc == 0)
        return 0;
    moirai_error_set(err, rc, "I/O backend epoll: cannot create what wakes it: "
                     "%s", strerror(-rc));
    if (s->event >= 0)
        close(s->event);
    close(s->epoll);
    return rc;
}

static int epoll_ring_init(void *state, void *ring, uint32_t index,
                           struct moirai_error *err)
{
    struct epoll_ring *r = ring;

    (void)state;
    (void)index;
    (void)err;
    atomic_init(&r->mood, EPOLL_RUNS);
    return 0;
}

static void epoll_ring_fini(void *state, void *ring)
{
    (void)state;
    (void)ring;
}

static int epoll_probe(struct moirai_error *err)
{
    int fd = epoll_create1(EPOLL_CLOEXEC);

    if (fd < 0)
        return moirai_error_set(err, -ENODEV, "epoll cannot be had: %s",
                                strerror(errno));
    close(fd);
    return 0;
}

static const struct moirai_io_ops epoll_ops = {
    .flags = MOIRAI_IO_SOCKETS | MOIRAI_IO_SHARED,
    .state_size = sizeof(struct epoll_state),
    .ring_size = sizeof(struct epoll_ring),
    .init = epoll_init,
    .fini = epoll_fini,
    .ring_init = epoll_ring_init,
    .ring_fini = epoll_ring_fini,
    .submit = epoll_submit,
    .cancel = epoll_cancel,
    .flush = epoll_flush,
    .wait = epoll_await,
    .wake = epoll_wake,
    .forget = epoll_forget,
    .pollable = epoll_pollable,
};

MOIRAI_PLUGIN(io, epoll) = {
    .abi = MOIRAI_PLUGIN_ABI,
    .size = sizeof(struct moirai_plugin),
    .kind = MOIRAI_IO,
    .ops_abi = MOIRAI_IO_ABI,
    .name = "epoll",
    .version = "1.0",
    .summary = "one epoll instance, edge-triggered, for all workers",
    .rank = 10,
    .probe = epoll_probe,
    .ops = &epoll_ops,
    .ops_size = sizeof epoll_ops,
};
