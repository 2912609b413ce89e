/* SPDX-License-Identifier: MIT */
/*
 * sample.c - an I/O backend for moirai: poll(2), and a list of requests.
 *
 * A request waits in the list until poll says that its descriptor is ready, and
 * is tried then, if no earlier one is for the same direction. One thread at a
 * time polls. moirai/io_ops.h has the contract.
 */
#include <moirai/io_ops.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#define SAMPLE_MOST 8192            /* requests that wait at once */

struct list {
    struct moirai_io_request *first, *last;     /* linked by link[0] */
};

struct sample {                     /* one for each runtime, zeroed */
    const struct moirai_host *host;
    int bell;                       /* an eventfd: ends a poll */
    pthread_mutex_t turn;           /* held by who polls */
    struct pollfd polled[1 + SAMPLE_MOST];  /* under it: the bell, requests */
    pthread_mutex_t lock;           /* guards the rest */
    struct list waiting;            /* mark[1]: index in polled, or 0 */
    size_t count;
    bool polling;
};

struct sample_ring {
    atomic_bool woken;
};

static void list_append(struct list *list, struct moirai_io_request *r)
{
    r->link[0] = NULL;
    if (list->last != NULL)
        list->last->link[0] = r;
    else
        list->first = r;
    list->last = r;
}

/* Takes the one behind `before` (NULL: the first) out of what waits, as it
 * ended. */
static void sample_end(struct sample *s, struct moirai_io_request *before,
                       int64_t result, struct list *ended)
{
    struct moirai_io_request *r = before != NULL ? before->link[0]
                                                 : s->waiting.first;

    if (before != NULL)
        before->link[0] = r->link[0];
    else
        s->waiting.first = r->link[0];
    if (s->waiting.last == r)
        s->waiting.last = before;
    s->count--;
    r->mark[1] = (uint64_t)result;
    list_append(ended, r);
}

/* Without a lock: the memory of each may be gone when it was told. */
static size_t sample_tell(const struct list *ended)
{
    struct moirai_io_request *r = ended->first;
    size_t n = 0;

    for (; r != NULL; n++) {
        struct moirai_io_request *next = r->link[0];

        r->done(r, (int64_t)r->mark[1]);
        r = next;
    }
    return n;
}

/* --- a request ------------------------------------------------------------ */

static short sample_events(const struct moirai_io_request *r)
{
    switch (r->op) {
    case MOIRAI_IO_POLL:
        return (short)r->events;
    case MOIRAI_IO_WRITE:
    case MOIRAI_IO_SEND:
    case MOIRAI_IO_CONNECT:
        return POLLOUT;
    default:
        return POLLIN;
    }
}

static int64_t sample_move(const struct moirai_io_request *r)
{
    struct msghdr own = { .msg_name = r->address,
                          .msg_namelen = r->address_size != NULL
                                         ? *r->address_size : 0,
                          .msg_iov = (struct iovec *)r->parts,
                          .msg_iovlen = r->count };
    struct msghdr *m = r->message != NULL ? r->message : &own;
    int flags = (int)r->flags | MSG_DONTWAIT;
    int64_t n;

    if (r->op == MOIRAI_IO_SEND)
        return sendmsg(r->fd, m, flags | MSG_NOSIGNAL);
    n = recvmsg(r->fd, m, flags);
    if (n >= 0 && r->message == NULL && r->address_size != NULL)
        *r->address_size = own.msg_namelen;
    return n;
}

static int64_t sample_call(const struct moirai_io_request *r)
{
    switch (r->op) {
    case MOIRAI_IO_READ:
        return r->offset < 0
            ? readv(r->fd, r->parts, (int)r->count)
            : preadv(r->fd, r->parts, (int)r->count, r->offset);
    case MOIRAI_IO_WRITE:
        return r->offset < 0
            ? writev(r->fd, r->parts, (int)r->count)
            : pwritev(r->fd, r->parts, (int)r->count, r->offset);
    case MOIRAI_IO_ACCEPT:
        return accept4(r->fd, r->address, r->address_size,
                       SOCK_NONBLOCK | SOCK_CLOEXEC);
    case MOIRAI_IO_CONNECT:
        return connect(r->fd, r->address, *r->address_size);
    default:
        return sample_move(r);
    }
}

/* True: it ended, with *result. */
static bool sample_try(const struct moirai_io_request *r, int64_t *result)
{
    struct pollfd one = { r->fd, (short)r->events, 0 };

    if (r->op == MOIRAI_IO_POLL) {
        *result = poll(&one, 1, 0) > 0 ? one.revents : 0;
        return *result != 0;
    }
    do
        *result = sample_call(r);
    while (*result < 0 && errno == EINTR);
    if (*result < 0)
        *result = -errno;
    if (r->op == MOIRAI_IO_CONNECT)
        return *result != -EINPROGRESS && *result != -EALREADY;
    return *result != -EAGAIN;
}

/* --- rounds --------------------------------------------------------------- */

/* Is one before it that is for the same direction? */
static bool sample_has_to_wait(const struct sample *s,
                               const struct moirai_io_request *r)
{
    const struct moirai_io_request *at = s->waiting.first;

    if (r->op == MOIRAI_IO_POLL)
        return false;
    while (at != r && (at->fd != r->fd || at->op == MOIRAI_IO_POLL
                       || sample_events(at) != sample_events(r)))
        at = at->link[0];
    return at != r;
}

/* Fills the array; how many there are. Both locks held. */
static size_t sample_gather(struct sample *s)
{
    struct moirai_io_request *r = s->waiting.first;
    size_t n = 1;

    s->polled[0] = (struct pollfd){ s->bell, POLLIN, 0 };
    for (; r != NULL; r = r->link[0]) {
        s->polled[n] = (struct pollfd){ r->fd, sample_events(r), 0 };
        r->mark[1] = n++;
    }
    return n;
}

/* Tries what poll said is ready. */
static void sample_serve(struct sample *s, struct list *ended)
{
    struct moirai_io_request *before = NULL;
    struct moirai_io_request *r = s->waiting.first;

    while (r != NULL) {
        struct moirai_io_request *next = r->link[0];
        bool ready = r->mark[1] != 0 && s->polled[r->mark[1]].revents != 0;
        int64_t result;

        r->mark[1] = 0;
        if (ready && !sample_has_to_wait(s, r) && sample_try(r, &result))
            sample_end(s, before, result, ended);
        else
            before = r;
        r = next;
    }
}

/* One poll, for at most so many ms (-1: without end), if nobody else is in one
 * and the ring was not woken. Whoever has the turn hears the bell. */
static size_t sample_round(struct sample *s, struct sample_ring *ring, int ms)
{
    struct list ended = { NULL, NULL };
    eventfd_t rings;
    size_t n;

    if (pthread_mutex_trylock(&s->turn) != 0)
        return 0;
    pthread_mutex_lock(&s->lock);
    n = sample_gather(s);
    s->polling = true;
    pthread_mutex_unlock(&s->lock);
    if (ms != 0 && atomic_load(&ring->woken))
        ms = 0;
    poll(s->polled, n, ms);
    pthread_mutex_lock(&s->lock);
    s->polling = false;
    if (s->polled[0].revents != 0)
        eventfd_read(s->bell, &rings);
    sample_serve(s, &ended);
    pthread_mutex_unlock(&s->lock);
    pthread_mutex_unlock(&s->turn);
    return sample_tell(&ended);
}

static size_t sample_flush(void *state, void *ring)
{
    return sample_round(state, ring, 0);
}

static size_t sample_wait(void *state, void *ring, int64_t deadline_ns)
{
    struct sample *s = state;
    struct sample_ring *r = ring;
    int64_t left = deadline_ns - s->host->now(s->host->ctx);
    int ms = left > 0 && left / 1000000 < INT_MAX ? (int)(left / 1000000) + 1
                                                  : left > 0 ? -1 : 0;
    size_t n = sample_round(s, r, ms);

    if (ms != 0)
        atomic_store(&r->woken, false);
    return n;
}

static void sample_wake(void *state, void *ring)
{
    struct sample *s = state;
    struct sample_ring *r = ring;

    atomic_store(&r->woken, true);
    eventfd_write(s->bell, 1);
}

/* --- beginning and ending ------------------------------------------------- */

static bool sample_is_file(int fd)
{
    struct stat about;

    return fstat(fd, &about) == 0
        && (S_ISREG(about.st_mode) || S_ISDIR(about.st_mode));
}

static int sample_submit(void *state, void *ring, struct moirai_io_request *r,
                         int64_t *result)
{
    bool plain = r->op == MOIRAI_IO_READ || r->op == MOIRAI_IO_WRITE;
    struct sample *s = state;
    int rc = -ENOMEM;

    (void)ring;
    (void)result;
    if (r->op < MOIRAI_IO_POLL || r->op > MOIRAI_IO_CONNECT
        || (plain && sample_is_file(r->fd)))
        return -EOPNOTSUPP;
    if (fcntl(r->fd, F_GETFD) < 0)
        return -EBADF;
    pthread_mutex_lock(&s->lock);
    if (s->count < SAMPLE_MOST) {
        list_append(&s->waiting, r);
        s->count++;
        rc = 0;
    }
    if (s->polling)                 /* what it polls is not all any more */
        eventfd_write(s->bell, 1);
    pthread_mutex_unlock(&s->lock);
    return rc;
}

/* Ends one request (NULL: all) of a descriptor. */
static void sample_drop(struct sample *s, int fd,
                        const struct moirai_io_request *only)
{
    struct list ended = { NULL, NULL };
    struct moirai_io_request *before = NULL;
    struct moirai_io_request *r;

    pthread_mutex_lock(&s->lock);
    r = s->waiting.first;
    while (r != NULL) {
        struct moirai_io_request *next = r->link[0];

        if (r->fd == fd && (only == NULL || r == only))
            sample_end(s, before, -ECANCELED, &ended);
        else
            before = r;
        r = next;
    }
    pthread_mutex_unlock(&s->lock);
    sample_tell(&ended);
}

/* What has ended is in no list any more. */
static void sample_cancel(void *state, void *ring, struct moirai_io_request *r)
{
    (void)ring;
    sample_drop(state, r->fd, r);
}

static int sample_forget(void *state, void *ring, int fd, bool closing)
{
    (void)ring;
    sample_drop(state, fd, NULL);
    return closing && close(fd) != 0 ? -errno : 0;
}

/* --- starting ------------------------------------------------------------- */

static int sample_init(void *state, const void *config,
                       const struct moirai_io_env *env,
                       struct moirai_error *err)
{
    struct sample *s = state;

    (void)config;
    s->host = env->host;
    s->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (s->bell < 0)
        return moirai_error_set(err, -errno, "sample: no eventfd: %s",
                                strerror(errno));
    pthread_mutex_init(&s->turn, NULL);
    pthread_mutex_init(&s->lock, NULL);
    return 0;
}

static void sample_fini(void *state)
{
    struct sample *s = state;

    pthread_mutex_destroy(&s->lock);
    pthread_mutex_destroy(&s->turn);
    close(s->bell);
}

static int sample_ring_init(void *state, void *ring, uint32_t index,
                            struct moirai_error *err)
{
    struct sample_ring *r = ring;

    (void)state;
    (void)index;
    (void)err;
    atomic_init(&r->woken, false);
    return 0;
}

static void sample_ring_fini(void *state, void *ring)
{
    (void)state;
    (void)ring;
}

static const struct moirai_io_ops sample_ops = {
    .flags = MOIRAI_IO_SOCKETS | MOIRAI_IO_SHARED,
    .state_size = sizeof(struct sample),
    .ring_size = sizeof(struct sample_ring),
    .init = sample_init,
    .fini = sample_fini,
    .ring_init = sample_ring_init,
    .ring_fini = sample_ring_fini,
    .submit = sample_submit,
    .cancel = sample_cancel,
    .flush = sample_flush,
    .wait = sample_wait,
    .wake = sample_wake,
    .forget = sample_forget,
};

MOIRAI_PLUGIN(io, sample) = {
    .abi = MOIRAI_PLUGIN_ABI,
    .size = sizeof(struct moirai_plugin),
    .kind = MOIRAI_IO,
    .ops_abi = MOIRAI_IO_ABI,
    .name = "sample",
    .version = "0.1",
    .summary = "poll(2), and a list of requests",
    .ops = &sample_ops,
    .ops_size = sizeof sample_ops,
};
