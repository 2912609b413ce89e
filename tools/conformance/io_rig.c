/* SPDX-License-Identifier: MIT */
/*
 * io_rig.c - an I/O backend at work, for those that try it.
 */
#include "io_rig.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>

static size_t count_files(void)
{
    DIR *directory = opendir("/proc/self/fd");
    size_t n = 0;

    while (directory != NULL && readdir(directory) != NULL)
        n++;
    if (directory != NULL)
        closedir(directory);
    return n;
}

/* --- the backend ---------------------------------------------------------- */

/* As many rings as can be; how the last one went. */
static int start_rings(struct io_rig *rig, uint32_t workers,
                       struct moirai_error *err)
{
    int rc = 0;

    for (rig->workers = 0; rig->workers < workers && rc == 0;) {
        void *ring = conformance_state(rig->ops->ring_size, 128);

        conformance_at("ring_init");
        rc = rig->ops->ring_init(rig->state, ring, rig->workers, err);
        if (rc == 0)
            rig->rings[rig->workers++] = ring;
        else
            conformance_state_free(ring, rig->ops->ring_size);
    }
    conformance_at(NULL);
    return rc;
}

static void stop_all(struct io_rig *rig)
{
    conformance_at("ring_fini");
    for (uint32_t i = 0; i < rig->workers; i++) {
        rig->ops->ring_fini(rig->state, rig->rings[i]);
        conformance_state_free(rig->rings[i], rig->ops->ring_size);
    }
    conformance_at("fini");
    rig->ops->fini(rig->state);
    conformance_at(NULL);
}

static int start_all(struct io_rig *rig, const struct subject *subject,
                     uint32_t workers, struct moirai_error *err)
{
    struct moirai_io_env env = { sizeof env, workers, conformance_host() };
    int rc;

    memset(rig, 0, sizeof *rig);
    signal(SIGPIPE, SIG_DFL);       /* but for writes, as the core does */
    rig->files = count_files();
    rig->ops = subject->plugin->ops;
    rig->state = conformance_state(rig->ops->state_size, 128);
    conformance_at("init");
    rc = rig->ops->init(rig->state, subject->config, &env, err);
    conformance_at(NULL);
    if (rc == 0) {
        rc = start_rings(rig, workers, err);
        if (rc != 0)
            stop_all(rig);
    }
    if (rc != 0)
        conformance_state_free(rig->state, rig->ops->state_size);
    return rc;
}

void io_open(struct io_rig *rig, const struct subject *subject,
             uint32_t workers)
{
    struct moirai_error err = { 0 };
    int rc = start_all(rig, subject, workers, &err);

    NEEDS(rc == 0, "init returned %d: %s", rc, err.text);
}

void io_close(struct io_rig *rig)
{
    size_t files;

    stop_all(rig);
    conformance_state_free(rig->state, rig->ops->state_size);
    files = count_files();
    HOLDS(conformance_allocations() == 0, "after fini it still holds %lld "
          "pieces of the host's memory", (long long)conformance_allocations());
    HOLDS(files <= rig->files, "after fini %zu descriptors more are open than "
          "before init", files - rig->files);
}

int io_start(const struct subject *subject, int64_t grants,
              struct moirai_error *err)
{
    struct io_rig rig;
    int rc;

    memset(err, 0, sizeof *err);
    conformance_allow(grants);
    rc = start_all(&rig, subject, 2, err);
    conformance_allow(-1);
    if (rc == 0)
        io_close(&rig);
    return rc;
}

bool io_has(const struct subject *subject, uint32_t flag)
{
    const struct moirai_io_ops *ops = subject->plugin->ops;

    if ((ops->flags & flag) != 0)
        return true;
    conformance_waive(flag == MOIRAI_IO_SOCKETS ? "it leaves sockets to others"
                                                : "it leaves files to others");
    return false;
}

/* --- calls ---------------------------------------------------------------- */

void call_plain(struct call *call, uint32_t op, int fd)
{
    memset(call, 0, sizeof *call);
    call->request.op = op;
    call->request.fd = fd;
    call->request.offset = -1;
}

void call_poll(struct call *call, int fd, uint32_t events)
{
    call_plain(call, MOIRAI_IO_POLL, fd);
    call->request.events = events;
}

void call_move(struct call *call, uint32_t op, int fd, void *bytes, size_t n)
{
    call_plain(call, op, fd);
    call->part = (struct iovec){ bytes, n };
    call->request.parts = &call->part;
    call->request.count = 1;
}

static void tell(struct call *call, int64_t result)
{
    int told;

    HOLDS(result != -EAGAIN, "operation %u was told -EAGAIN",
          (unsigned)call->request.op);
    call->result = result;
    told = atomic_fetch_add_explicit(&call->told, 1, memory_order_release);
    HOLDS(told == 0, "operation %u was told twice",
          (unsigned)call->request.op);
}

static void done(struct moirai_io_request *request, int64_t result)
{
    tell(request->owner, result);
}

int io_submit(struct io_rig *rig, uint32_t ring, struct call *call)
{
    int64_t result = INT64_MIN;
    int rc;

    call->request.done = done;
    call->request.owner = call;
    call->rig = rig;
    call->ring = ring;
    conformance_at("submit");
    rc = rig->ops->submit(rig->state, rig->rings[ring], &call->request,
                          &result);
    conformance_at(NULL);
    HOLDS(rc <= 1, "submit returned %d", rc);
    HOLDS(rc != 1 || result != INT64_MIN, "submit says that a request ended at "
          "once, but not how");
    if (rc == 1)
        tell(call, result);
    return rc < 0 ? rc : 0;
}

void io_begin(struct io_rig *rig, uint32_t ring, struct call *call)
{
    int rc = io_submit(rig, ring, call);

    HOLDS(rc == 0, "submit of operation %u returned %d",
          (unsigned)call->request.op, rc);
}

void io_begin_receives(struct io_rig *rig, uint32_t rings, int fd,
                       struct call *calls, void *bytes, int count)
{
    for (int i = 0; i < count; i++) {
        call_move(&calls[i], MOIRAI_IO_RECV, fd, (char *)bytes + i, 1);
        io_begin(rig, (uint32_t)i % rings, &calls[i]);
    }
}

int64_t io_finish(struct call *call, const char *what)
{
    double end = conformance_seconds() + conformance_wait();

    while (!is_told(call)) {
        HOLDS(conformance_seconds() < end, "%s is not told that it ended",
              what);
        io_wait(call->rig, call->ring, 0.1);
    }
    return call->result;
}

int64_t io_do(struct io_rig *rig, struct call *call, const char *what)
{
    io_begin(rig, 0, call);
    return io_finish(call, what);
}

int64_t io_recv(struct io_rig *rig, int fd, void *bytes, size_t n)
{
    struct call call;

    call_move(&call, MOIRAI_IO_RECV, fd, bytes, n);
    return io_do(rig, &call, "a receive");
}

int64_t io_send(struct io_rig *rig, int fd, const void *bytes, size_t n)
{
    struct call call;

    call_move(&call, MOIRAI_IO_SEND, fd, (void *)bytes, n);
    return io_do(rig, &call, "a send");
}

void io_cancel(struct io_rig *rig, uint32_t ring, struct call *call)
{
    conformance_at("cancel");
    rig->ops->cancel(rig->state, rig->rings[ring], &call->request);
    conformance_at(NULL);
}

int io_forget(struct io_rig *rig, uint32_t ring, int fd, bool closing)
{
    int rc;

    conformance_at("forget");
    rc = rig->ops->forget(rig->state, rig->rings[ring], fd, closing);
    conformance_at(NULL);
    return rc;
}

size_t io_flush(struct io_rig *rig, uint32_t ring)
{
    size_t n;

    conformance_at("flush");
    n = rig->ops->flush(rig->state, rig->rings[ring]);
    conformance_at(NULL);
    return n;
}

size_t io_wait(struct io_rig *rig, uint32_t ring, double seconds)
{
    const struct moirai_host *host = conformance_host();
    int64_t until = host->now(host->ctx) + (int64_t)(seconds * 1e9);
    size_t n;

    conformance_at("wait");
    n = rig->ops->wait(rig->state, rig->rings[ring], until);
    conformance_at(NULL);
    return n;
}

void io_settle(struct io_rig *rig)
{
    for (int round = 0; round < 4; round++)
        for (uint32_t i = 0; i < rig->workers; i++)
            io_flush(rig, i);
}

/* --- descriptors ---------------------------------------------------------- */

void nonblocking(int fd)
{
    NEEDS(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) == 0,
          "a descriptor of the test itself: %s", strerror(errno));
}

void pair_local(int pair[2])
{
    NEEDS(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
                     pair) == 0, "no sockets: %s", strerror(errno));
}

void pipe_open(int ends[2])
{
    NEEDS(pipe2(ends, O_NONBLOCK | O_CLOEXEC) == 0, "no pipe: %s",
          strerror(errno));
}

int tcp_socket(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    NEEDS(fd >= 0, "no socket: %s", strerror(errno));
    return fd;
}

int tcp_listen(struct sockaddr_storage *address, socklen_t *size, int backlog)
{
    struct sockaddr_in any = { .sin_family = AF_INET,
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = tcp_socket();

    *size = sizeof *address;
    NEEDS(bind(fd, (struct sockaddr *)&any, sizeof any) == 0
          && listen(fd, backlog) == 0
          && getsockname(fd, (struct sockaddr *)address, size) == 0,
          "nothing to listen on: %s", strerror(errno));
    return fd;
}

void pair_tcp(int pair[2])
{
    struct sockaddr_storage address;
    socklen_t size;
    int listener = tcp_listen(&address, &size, 1);
    int flags = fcntl(listener, F_GETFL);

    pair[0] = tcp_socket();
    fcntl(listener, F_SETFL, flags & ~O_NONBLOCK);
    fcntl(pair[0], F_SETFL, flags & ~O_NONBLOCK);
    NEEDS(connect(pair[0], (struct sockaddr *)&address, size) == 0,
          "no connection: %s", strerror(errno));
    pair[1] = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    NEEDS(pair[1] >= 0, "no connection: %s", strerror(errno));
    nonblocking(pair[0]);
    close(listener);
}
