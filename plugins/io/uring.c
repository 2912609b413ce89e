/* SPDX-License-Identifier: MIT */
/*
 * uring.c - requests to the kernel through io_uring, a ring per worker.
 *
 * A request goes into the ring of the worker that submits it, and its end comes
 * out of there: the kernel does the work in the thread that submitted it, so a
 * ring for all would have workers wait for one another. Requests that are
 * submitted until the next flush or wait go to the kernel together.
 *
 * Order. The kernel promises none, so each side of a descriptor (in, out) has
 * one request in the kernel; the others wait in its queue, and the next goes
 * into its ring when the first has ended. Polls go in at once.
 *
 * What the kernel does not do for a request without memory that lives as long
 * (vectors of sockets, addresses, messages), or answers with -EAGAIN as older
 * kernels do for descriptors that do not block, is done here when a poll in the
 * ring says that it can be (`mark[0]` is URING_POLLED).
 *
 * A thread that ends takes its requests in the kernel with it: they come out as
 * cancelled. Who sees one that nobody asked to cancel puts it in again.
 *
 * Locks, in this order: a descriptor's; a ring's, around filling it and handing
 * it to the kernel, which is what makes cancel and forget certain: what they
 * look for has gone in, and when they return it has been found. Waiting holds
 * none. One thread at a time takes results out (`busy`); another returns.
 */
#include "requests.h"
#include "table.h"

#include <liburing.h>
#include <stdalign.h>

#define URING_ENTRIES 256
#define URING_RESULTS 4096
#define URING_BATCH 64              /* results taken out under one lock */
#define URING_NS_PER_S 1000000000

/* Where a request is, besides those of requests.h; mark[0]. What is in the
 * kernel and cancelled is REQUEST_CANCELLED. mark[1] is its ring's number. */
enum {
    URING_DIRECT = REQUEST_CANCELLED + 1,   /* in the kernel */
    URING_POLLED,                   /* a poll for it is; it is done here */
    URING_UNPOLLED                  /* that, and is cancelled */
};

enum { URING_RUNS, URING_WAITS, URING_WOKEN };

enum { URING_IN, URING_OUT, URING_POLLS, URING_LISTS };

struct uring_slot {
    alignas(64) struct requests_lock lock;
    struct requests list[URING_LISTS];  /* the first of a side is in the
                                     * kernel, and each poll */
};

struct uring_ring {
    struct io_uring ring;
    struct requests_lock lock;      /* guards its submission queue */
    uint32_t index;
    atomic_bool busy;               /* somebody takes results out */
    atomic_uint_least32_t mood;     /* URING_RUNS, ...; wake swaps */
};

struct uring_state {
    const struct moirai_host *host;
    struct uring_ring **rings;      /* by index; constant when workers run */
    uint32_t workers;
    struct table table;
};

/* --- a ring --------------------------------------------------------------- */

/* Hands all to the kernel. Lock held. */
static void uring_send(struct uring_ring *ring)
{
    while (io_uring_sq_ready(&ring->ring) > 0) {
        int rc = io_uring_submit(&ring->ring);

        if (rc == -EAGAIN)          /* no memory, just now */
            sched_yield();
        else if (rc < 0 && rc != -EINTR)
            return;
    }
}

static struct io_uring_sqe *uring_entry(struct uring_ring *ring, void *what)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&ring->ring);

    if (sqe == NULL) {
        uring_send(ring);
        sqe = io_uring_get_sqe(&ring->ring);
    }
    if (sqe != NULL) {
        io_uring_prep_nop(sqe);
        io_uring_sqe_set_data(sqe, what);
    }
    return sqe;
}

/* Can the kernel do all of it, from memory that lives as long? */
static bool uring_is_direct(const struct moirai_io_request *r)
{
    if (r->op != MOIRAI_IO_RECV && r->op != MOIRAI_IO_SEND)
        return true;
    return r->message == NULL && r->address == NULL && r->count == 1;
}

static uint32_t uring_events(const struct moirai_io_request *r)
{
    switch (r->op) {
    case MOIRAI_IO_POLL:
        return r->events;
    case MOIRAI_IO_WRITE:
    case MOIRAI_IO_SEND:
    case MOIRAI_IO_CONNECT:
        return POLLOUT;
    default:
        return r->flags & MSG_ERRQUEUE ? POLLERR : POLLIN | POLLPRI;
    }
}

static void uring_fill(struct io_uring_sqe *sqe, struct moirai_io_request *r)
{
    const struct iovec *part = r->parts;

    switch (r->op) {
    case MOIRAI_IO_READ:
        io_uring_prep_readv(sqe, r->fd, r->parts, r->count,
                            (uint64_t)r->offset);
        break;
    case MOIRAI_IO_WRITE:
        io_uring_prep_writev(sqe, r->fd, r->parts, r->count,
                             (uint64_t)r->offset);
        break;
    case MOIRAI_IO_RECV:
        io_uring_prep_recv(sqe, r->fd, part->iov_base, part->iov_len,
                           (int)r->flags);
        break;
    case MOIRAI_IO_SEND:
        io_uring_prep_send(sqe, r->fd, part->iov_base, part->iov_len,
                           (int)r->flags | MSG_NOSIGNAL);
        break;
    case MOIRAI_IO_ACCEPT:
        io_uring_prep_accept(sqe, r->fd, r->address, r->address_size,
                             SOCK_NONBLOCK | SOCK_CLOEXEC);
        break;
    case MOIRAI_IO_CONNECT:
        io_uring_prep_connect(sqe, r->fd, r->address, *r->address_size);
        break;
    default:
        io_uring_prep_poll_add(sqe, r->fd, r->events);
        break;
    }
}

/* Puts a request into its ring: itself, or a poll for it. The descriptor's lock
 * held. False: the ring takes nothing any more. */
static bool uring_put(struct uring_state *s, struct moirai_io_request *r,
                      bool direct)
{
    struct uring_ring *ring = s->rings[r->mark[1]];
    struct io_uring_sqe *sqe;

    requests_lock(&ring->lock);
    sqe = uring_entry(ring, r);
    if (sqe != NULL && direct)
        uring_fill(sqe, r);
    else if (sqe != NULL)
        io_uring_prep_poll_add(sqe, r->fd, uring_events(r));
    if (sqe != NULL)
        io_uring_sqe_set_data(sqe, r);
    requests_unlock(&ring->lock);
    r->mark[0] = direct ? URING_DIRECT : URING_POLLED;
    return sqe != NULL;
}

/* --- submit --------------------------------------------------------------- */

static int uring_list_of(const struct moirai_io_request *r)
{
    switch (r->op) {
    case MOIRAI_IO_POLL:
        return URING_POLLS;
    case MOIRAI_IO_WRITE:
    case MOIRAI_IO_SEND:
    case MOIRAI_IO_CONNECT:
        return URING_OUT;
    default:
        return URING_IN;
    }
}

static int uring_submit(void *state, void *ring, struct moirai_io_request *r,
                        int64_t *result)
{
    struct uring_state *s = state;
    struct uring_slot *slot;
    struct requests *list;
    int rc = 0;

    (void)result;
    if (r->op < MOIRAI_IO_POLL || r->op > MOIRAI_IO_CONNECT)
        return -EOPNOTSUPP;
    if (r->fd < 0)
        return -EBADF;
    slot = table_make(&s->table, r->fd);
    if (slot == NULL)
        return -ENOMEM;
    r->mark[1] = ((const struct uring_ring *)ring)->index;
    requests_lock(&slot->lock);
    list = &slot->list[uring_list_of(r)];
    r->mark[0] = REQUEST_WAITS;
    requests_append(list, r);
    if ((list->first == r || r->op == MOIRAI_IO_POLL)
        && !uring_put(s, r, uring_is_direct(r))) {
        requests_remove(list, r);
        rc = -ENOMEM;
    }
    requests_unlock(&slot->lock);
    return rc;
}

/* --- results -------------------------------------------------------------- */

/* What came out of the ring, told as *result; false: it goes on. The lock of
 * its descriptor held. */
static bool uring_judge(struct uring_state *s, struct moirai_io_request *r,
                        int32_t came, int64_t *result)
{
    bool cancelled = r->mark[0] == REQUEST_CANCELLED;
    bool polled = r->mark[0] == URING_POLLED;

    *result = came;
    if (r->mark[0] == URING_UNPOLLED) {     /* whatever the poll says */
        *result = -ECANCELED;
        return true;
    }
    if (cancelled) {
        if (came == -EINTR || came == -EAGAIN)
            *result = -ECANCELED;
        return true;
    }
    if (polled && came >= 0 && requests_try(r, result))
        return true;
    if (!polled && came == -EAGAIN && r->op == MOIRAI_IO_CONNECT)
        return true;
    if (came >= 0 ? !polled : came != -EAGAIN && came != -EINTR
                              && came != -ECANCELED)
        return true;
    if (uring_put(s, r, !polled && came != -EAGAIN))
        return false;
    *result = -ENOMEM;
    return true;
}

static void uring_next(struct uring_state *s, struct uring_ring *own,
                       struct requests *list, struct requests *ended)
{
    struct moirai_io_request *r = list->first;

    while (r != NULL && !uring_put(s, r, uring_is_direct(r))) {
        requests_end(list, r, -ENOMEM, ended);
        r = list->first;
    }
    if (r != NULL && s->rings[r->mark[1]] != own) {
        struct uring_ring *ring = s->rings[r->mark[1]];

        requests_lock(&ring->lock);     /* its worker may sleep */
        uring_send(ring);
        requests_unlock(&ring->lock);
    }
}

static void uring_came(struct uring_state *s, struct uring_ring *ring,
                       struct moirai_io_request *r, int32_t came,
                       struct requests *ended)
{
    struct uring_slot *slot = table_at(&s->table, r->fd);
    int which = uring_list_of(r);
    int64_t result;

    requests_lock(&slot->lock);
    if (uring_judge(s, r, came, &result)) {
        requests_end(&slot->list[which], r, result, ended);
        if (which != URING_POLLS)
            uring_next(s, ring, &slot->list[which], ended);
    }
    requests_unlock(&slot->lock);
}

/* A ring whose results did not fit has more of them. */
static void uring_refill(struct uring_ring *ring)
{
    if ((IO_URING_READ_ONCE(*ring->ring.sq.kflags) & IORING_SQ_CQ_OVERFLOW)
        != 0)
        io_uring_get_events(&ring->ring);
}

/* Takes results out, unless somebody does, and tells. */
static size_t uring_reap(struct uring_state *s, struct uring_ring *ring)
{
    struct requests ended = { NULL, NULL };
    struct io_uring_cqe *cqes[URING_BATCH];
    unsigned n;

    if (atomic_exchange(&ring->busy, true))
        return 0;
    uring_refill(ring);
    do {
        n = io_uring_peek_batch_cqe(&ring->ring, cqes, URING_BATCH);
        for (unsigned i = 0; i < n; i++) {
            void *what = io_uring_cqe_get_data(cqes[i]);

            if (what != NULL)
                uring_came(s, ring, what, cqes[i]->res, &ended);
        }
        io_uring_cq_advance(&ring->ring, n);
    } while (n == URING_BATCH);
    atomic_store(&ring->busy, false);
    return requests_tell(&ended);
}

static void uring_start(struct uring_ring *ring)
{
    requests_lock(&ring->lock);
    uring_send(ring);
    requests_unlock(&ring->lock);
}

static size_t uring_flush(void *state, void *ring)
{
    uring_start(ring);
    return uring_reap(state, ring);
}

/* Sleeps until a result is there. */
static void uring_sleep(struct uring_state *s, struct uring_ring *ring,
                        int64_t deadline_ns)
{
    struct __kernel_timespec t = { 0, 0 };
    struct io_uring_getevents_arg arg = { .ts = (uint64_t)(uintptr_t)&t };
    int64_t left = deadline_ns;

    if (deadline_ns != INT64_MAX)
        left -= s->host->now(s->host->ctx);
    if (left <= 0)
        return;
    t.tv_sec = left / URING_NS_PER_S;
    t.tv_nsec = left % URING_NS_PER_S;
    if (deadline_ns == INT64_MAX)
        arg.ts = 0;
    io_uring_enter2((unsigned)ring->ring.ring_fd, 0, 1,
                    IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG,
                    (sigset_t *)(void *)&arg, sizeof arg);
}

static size_t uring_wait(void *state, void *ring, int64_t deadline_ns)
{
    struct uring_ring *r = ring;
    uint32_t mood = URING_RUNS;
    bool waits;

    uring_start(r);
    waits = atomic_compare_exchange_strong(&r->mood, &mood, URING_WAITS);
    if (waits && io_uring_cq_ready(&r->ring) == 0)
        uring_sleep(state, r, deadline_ns);
    atomic_store(&r->mood, URING_RUNS);
    return uring_reap(state, r);
}

/* Has the kernel do nothing, which ends the sleep. */
static void uring_wake(void *state, void *ring)
{
    struct uring_ring *r = ring;

    (void)state;
    if (atomic_exchange(&r->mood, URING_WOKEN) != URING_WAITS)
        return;
    requests_lock(&r->lock);
    uring_entry(r, NULL);
    uring_send(r);
    requests_unlock(&r->lock);
}

/* --- ending --------------------------------------------------------------- */

/* Takes out of the kernel what is there; it comes out of its ring. Others end
 * here. Lock of the descriptor held. */
static void uring_drop(struct uring_state *s, struct requests *list,
                       struct moirai_io_request *r, struct requests *ended)
{
    struct uring_ring *ring = s->rings[r->mark[1]];
    struct io_uring_sqe *sqe;

    if (r->mark[0] == REQUEST_WAITS)
        requests_end(list, r, -ECANCELED, ended);
    if (r->mark[0] != URING_DIRECT && r->mark[0] != URING_POLLED)
        return;
    r->mark[0] = r->mark[0] == URING_POLLED ? URING_UNPOLLED
                                            : REQUEST_CANCELLED;
    requests_lock(&ring->lock);
    sqe = uring_entry(ring, NULL);
    if (sqe != NULL)
        io_uring_prep_cancel(sqe, r, 0);
    if (sqe != NULL)
        io_uring_sqe_set_data(sqe, NULL);
    uring_send(ring);
    requests_unlock(&ring->lock);
}

static void uring_cancel(void *state, void *ring, struct moirai_io_request *r)
{
    struct uring_state *s = state;
    struct uring_slot *slot = table_at(&s->table, r->fd);
    struct requests ended = { NULL, NULL };

    (void)ring;
    requests_lock(&slot->lock);
    if (r->mark[0] != REQUEST_NOWHERE)
        uring_drop(s, &slot->list[uring_list_of(r)], r, &ended);
    requests_unlock(&slot->lock);
    requests_tell(&ended);
}

static int uring_forget(void *state, void *ring, int fd, bool closing)
{
    struct uring_state *s = state;
    struct uring_slot *slot = table_at(&s->table, fd);
    struct requests ended = { NULL, NULL };

    (void)ring;
    if (slot != NULL) {
        requests_lock(&slot->lock);
        for (int i = 0; i < URING_LISTS; i++) {
            struct moirai_io_request *r = slot->list[i].first;

            while (r != NULL) {
                struct moirai_io_request *next = requests_next(r);

                uring_drop(s, &slot->list[i], r, &ended);
                r = next;
            }
        }
        requests_unlock(&slot->lock);
    }
    requests_tell(&ended);
    return closing && close(fd) != 0 ? -errno : 0;
}

static int uring_pollable(void *state, void *ring)
{
    struct uring_ring *r = ring;

    (void)state;
    return r->ring.ring_fd;
}

/* --- starting ------------------------------------------------------------- */

static int uring_init(void *state, const void *config,
                      const struct moirai_io_env *env,
                      struct moirai_error *err)
{
    const struct moirai_host *host = env->host;
    struct uring_state *s = state;

    (void)config;
    s->host = host;
    s->workers = env->workers;
    table_init(&s->table, host, sizeof(struct uring_slot));
    s->rings = host->alloc(host->ctx, env->workers * sizeof(void *),
                           sizeof(void *));
    if (s->rings == NULL)
        return moirai_error_set(err, -ENOMEM, "I/O backend uring: out of "
                                "memory");
    return 0;
}

static void uring_fini(void *state)
{
    struct uring_state *s = state;

    s->host->release(s->host->ctx, s->rings);
    table_fini(&s->table);
}

/* Without the flag, which spares interrupts, where the kernel has it not. */
static int uring_open(struct io_uring *ring, unsigned entries)
{
    struct io_uring_params p = { .flags = IORING_SETUP_CQSIZE
                                        | IORING_SETUP_COOP_TASKRUN,
                                 .cq_entries = URING_RESULTS };
    int rc = io_uring_queue_init_params(entries, ring, &p);

    if (rc != -EINVAL)
        return rc;
    p = (struct io_uring_params){ .flags = IORING_SETUP_CQSIZE,
                                  .cq_entries = URING_RESULTS };
    return io_uring_queue_init_params(entries, ring, &p);
}

static int uring_ring_init(void *state, void *ring, uint32_t index,
                           struct moirai_error *err)
{
    struct uring_state *s = state;
    struct uring_ring *r = ring;
    int rc = uring_open(&r->ring, URING_ENTRIES);

    if (rc < 0)
        return moirai_error_set(err, rc, "I/O backend uring: cannot create a "
                                "ring: %s", strerror(-rc));
    r->index = index;
    s->rings[index] = r;
    return 0;
}

static void uring_ring_fini(void *state, void *ring)
{
    struct uring_ring *r = ring;

    (void)state;
    io_uring_queue_exit(&r->ring);
}

static bool uring_has_all(struct io_uring *ring)
{
    static const int ops[] = {
        IORING_OP_NOP, IORING_OP_READV, IORING_OP_WRITEV, IORING_OP_POLL_ADD,
        IORING_OP_RECV, IORING_OP_SEND, IORING_OP_ACCEPT, IORING_OP_CONNECT,
        IORING_OP_ASYNC_CANCEL,
    };
    struct io_uring_probe *probe = io_uring_get_probe_ring(ring);
    bool all = probe != NULL;

    for (size_t i = 0; i < sizeof ops / sizeof ops[0] && all; i++)
        all = io_uring_opcode_supported(probe, ops[i]);
    io_uring_free_probe(probe);
    return all && (ring->features & IORING_FEAT_EXT_ARG) != 0
        && (ring->features & IORING_FEAT_NODROP) != 0
        && (ring->features & IORING_FEAT_FAST_POLL) != 0;
}

static int uring_probe(struct moirai_error *err)
{
    struct io_uring ring;
    int rc = uring_open(&ring, 8);
    bool all;

    if (rc < 0)
        return moirai_error_set(err, -ENODEV, "the kernel gives no io_uring: "
                                "%s", strerror(-rc));
    all = uring_has_all(&ring);
    io_uring_queue_exit(&ring);
    if (!all)
        return moirai_error_set(err, -ENODEV, "the kernel's io_uring is too "
                                "old: 5.11 is needed");
    return 0;
}

static const struct moirai_io_ops uring_ops = {
    .flags = MOIRAI_IO_SOCKETS | MOIRAI_IO_FILES,
    .state_size = sizeof(struct uring_state),
    .ring_size = sizeof(struct uring_ring),
    .init = uring_init,
    .fini = uring_fini,
    .ring_init = uring_ring_init,
    .ring_fini = uring_ring_fini,
    .submit = uring_submit,
    .cancel = uring_cancel,
    .flush = uring_flush,
    .wait = uring_wait,
    .wake = uring_wake,
    .forget = uring_forget,
    .pollable = uring_pollable,
};

MOIRAI_PLUGIN(io, uring) = {
    .abi = MOIRAI_PLUGIN_ABI,
    .size = sizeof(struct moirai_plugin),
    .kind = MOIRAI_IO,
    .ops_abi = MOIRAI_IO_ABI,
    .name = "uring",
    .version = "1.0",
    .summary = "io_uring, a ring per worker",
    .rank = 5,
    .probe = uring_probe,
    .ops = &uring_ops,
    .ops_size = sizeof uring_ops,
};
