/* SPDX-License-Identifier: MIT */
/*
 * uring.c - a loop over io_uring: multishot accept and receive into buffers
 * that the kernel chooses, sends by the ring, one system call for all that is
 * to be done and heard of.
 */
#include "serve.h"

#include <errno.h>
#include <liburing.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NO_ANSWER 77
#define ENTRIES 4096
#define BUFFERS 4096                /* a power of two */
#define GROUP 1
#define BATCH 256

/* What an entry was for: in its data, above the buffer and the descriptor. */
enum { ACCEPT, RECEIVE, SEND, CLOSE };

static struct io_uring ring;
static struct io_uring_buf_ring *free_buffers;
static char (*buffers)[SERVE_ROOM];

static struct io_uring_sqe *entry(void)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);

    if (sqe == NULL) {
        io_uring_submit(&ring);
        sqe = io_uring_get_sqe(&ring);
    }
    return sqe;
}

static void mark(struct io_uring_sqe *sqe, unsigned op, int fd,
                 unsigned buffer)
{
    io_uring_sqe_set_data64(sqe, (uint64_t)op << 60
                                 | (uint64_t)buffer << 32 | (uint32_t)fd);
}

static void want_accept(int listener)
{
    struct io_uring_sqe *sqe = entry();

    io_uring_prep_multishot_accept(sqe, listener, NULL, NULL, 0);
    mark(sqe, ACCEPT, listener, 0);
}

static void want_receive(int fd)
{
    struct io_uring_sqe *sqe = entry();

    io_uring_prep_recv(sqe, fd, NULL, 0, 0);
    sqe->ioprio |= IORING_RECV_MULTISHOT;
    sqe->flags |= IOSQE_BUFFER_SELECT;
    sqe->buf_group = GROUP;
    mark(sqe, RECEIVE, fd, 0);
}

/* The ring may be forbidden, or too old. */
static void give_up(int rc)
{
    fprintf(stderr, "io_uring: %s\n", strerror(-rc));
    exit(NO_ANSWER);
}

static void give_back(unsigned buffer)
{
    io_uring_buf_ring_add(free_buffers, buffers[buffer], SERVE_ROOM,
                          (unsigned short)buffer,
                          io_uring_buf_ring_mask(BUFFERS), 0);
    io_uring_buf_ring_advance(free_buffers, 1);
}

/* Requests that come in parts are not put together: the questions send none. */
static void hear(const struct serve *serve, int fd,
                 const struct io_uring_cqe *cqe)
{
    unsigned buffer = cqe->flags >> IORING_CQE_BUFFER_SHIFT;
    struct io_uring_sqe *sqe;
    const char *answer;
    size_t length;

    if (serve_answer(serve, buffers[buffer], (size_t)cqe->res, &answer,
                     &length) == 0) {
        fprintf(stderr, "a request in parts\n");
        exit(1);
    }
    sqe = entry();
    io_uring_prep_send(sqe, fd, answer, length, MSG_NOSIGNAL);
    mark(sqe, SEND, fd, buffer);
}

static void take(const struct serve *serve, const struct io_uring_cqe *cqe)
{
    unsigned op = (unsigned)(cqe->user_data >> 60);
    unsigned buffer = (unsigned)(cqe->user_data >> 32) & 0xffff;
    int fd = (int)(uint32_t)cqe->user_data;
    int yes = 1;

    if (op == SEND) {
        give_back(buffer);
    } else if (op == ACCEPT && cqe->res >= 0) {
        setsockopt(cqe->res, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        want_receive(cqe->res);
        if ((cqe->flags & IORING_CQE_F_MORE) == 0)
            want_accept(fd);
    } else if (op == RECEIVE && cqe->res > 0) {
        hear(serve, fd, cqe);
        if ((cqe->flags & IORING_CQE_F_MORE) == 0)
            want_receive(fd);
    } else if (op == RECEIVE && cqe->res == -ENOBUFS) {
        want_receive(fd);
    } else if (op == RECEIVE) {
        struct io_uring_sqe *sqe = entry();

        io_uring_prep_close(sqe, fd);
        mark(sqe, CLOSE, fd, 0);
    }
}

static void open_buffers(void)
{
    struct io_uring_buf_reg reg = { .ring_entries = BUFFERS, .bgid = GROUP };
    size_t size = BUFFERS * sizeof(struct io_uring_buf);
    int rc;

    buffers = calloc(BUFFERS, sizeof *buffers);
    free_buffers = aligned_alloc(4096, size);
    if (buffers == NULL || free_buffers == NULL)
        exit(1);
    reg.ring_addr = (uintptr_t)free_buffers;
    io_uring_buf_ring_init(free_buffers);
    rc = io_uring_register_buf_ring(&ring, &reg, 0);
    if (rc != 0)
        give_up(rc);
    for (unsigned i = 0; i < BUFFERS; i++)
        give_back(i);
}

static void open_ring(void)
{
    struct io_uring_params params = {
        .flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN
               | IORING_SETUP_CQSIZE,
        .cq_entries = 16 * ENTRIES,
    };
    int rc = io_uring_queue_init_params(ENTRIES, &ring, &params);

    if (rc != 0)
        give_up(rc);
    open_buffers();
}

int main(int argc, char **argv)
{
    struct serve serve;
    struct io_uring_cqe *cqes[BATCH];

    open_ring();
    serve = serve_start(argc, argv);
    want_accept(serve.listener);
    for (;;) {
        unsigned n;

        io_uring_submit_and_wait(&ring, 1);
        while ((n = io_uring_peek_batch_cqe(&ring, cqes, BATCH)) > 0) {
            for (unsigned i = 0; i < n; i++)
                take(&serve, cqes[i]);
            io_uring_cq_advance(&ring, n);
        }
    }
}
