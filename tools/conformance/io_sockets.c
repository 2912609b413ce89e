/* SPDX-License-Identifier: MIT */
/*
 * io_sockets.c - the promises of include/moirai/io_ops.h: sockets.
 */
#include "io_rig.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdalign.h>
#include <stdlib.h>

static void close_both(struct io_rig *rig, const int pair[2])
{
    io_forget(rig, 0, pair[0], true);
    io_forget(rig, 0, pair[1], true);
}

static void put(int fd, const void *bytes, size_t n)
{
    NEEDS(write(fd, bytes, n) == (ssize_t)n, "a socket takes no bytes: %s",
          strerror(errno));
}

static void check_told(int64_t told, int64_t expected, const char *what)
{
    HOLDS(told == expected, "%s was told %lld, not %lld", what,
          (long long)told, (long long)expected);
}

static void exchange(struct io_rig *rig, const int pair[2])
{
    char bytes[100];
    struct call call;

    for (int round = 0; round < 100; round++) {
        int to = round % 2;

        memset(bytes, 0, sizeof bytes);
        call_move(&call, MOIRAI_IO_RECV, pair[to], bytes, sizeof bytes);
        io_begin(rig, 0, &call);
        if (round % 3 == 0)
            io_settle(rig);
        HOLDS(!is_told(&call), "a receive ended before there was anything");
        check_told(io_send(rig, pair[1 - to], &round, sizeof round),
                   sizeof round, "a send of 4 bytes");
        check_told(io_finish(&call, "a receive"), sizeof round,
                   "a receive of 4 bytes");
        HOLDS(memcmp(bytes, &round, sizeof round) == 0, "what is received is "
              "not what was sent");
    }
}

PROMISE(io_sends_and_receives,
        "What one end sends the other receives, local and by TCP.")
{
    struct io_rig rig;
    int pair[2];

    if (!io_has(subject, MOIRAI_IO_SOCKETS))
        return;
    io_open(&rig, subject, 1);
    pair_local(pair);
    exchange(&rig, pair);
    close_both(&rig, pair);
    pair_tcp(pair);
    exchange(&rig, pair);
    close_both(&rig, pair);
    io_close(&rig);
}

#define QUEUED 50

PROMISE(io_keeps_order,
        "Receives on one descriptor end in the order they were submitted in.")
{
    struct call calls[QUEUED];
    unsigned char bytes[QUEUED];
    struct io_rig rig;
    int pair[2];

    if (!io_has(subject, MOIRAI_IO_SOCKETS))
        return;
    io_open(&rig, subject, 2);
    pair_tcp(pair);
    io_begin_receives(&rig, 2, pair[0], calls, bytes, QUEUED);
    check_told(io_send(&rig, pair[0], "out", 3), 3,
               "a send while receives wait");
    for (unsigned char i = 0; i < QUEUED; i++)
        put(pair[1], &i, 1);
    for (int i = 0; i < QUEUED; i++) {
        check_told(io_finish(&calls[i], "a receive in a queue"), 1,
                   "a receive of 1 byte");
        HOLDS(bytes[i] == i, "receive %d of a queue has byte %d", i, bytes[i]);
    }
    close_both(&rig, pair);
    io_close(&rig);
}

#define LARGE (16u << 20)

/* Receives a part. */
static size_t drink(struct io_rig *rig, int fd, unsigned char *to, size_t most)
{
    struct call in;
    int64_t n;

    call_move(&in, MOIRAI_IO_RECV, fd, to, most);
    n = io_do(rig, &in, "a receive of much");
    HOLDS(n > 0, "a receive of much was told %lld", (long long)n);
    return (size_t)n;
}

/* Sends and receives bytes that count, in parts. A send is only waited for once
 * all that was sent before has been received: the kernel may want more room for
 * it than one receive makes. */
static void stream(struct io_rig *rig, const int pair[2], unsigned char *bytes,
                   unsigned char *copy)
{
    size_t sent = 0, received = 0;
    bool sends = false;
    struct call out;

    for (size_t i = 0; i < LARGE; i++)
        bytes[i] = (unsigned char)(i * 7 / 5);
    while (received < LARGE) {
        if (!sends && sent < LARGE) {
            call_move(&out, MOIRAI_IO_SEND, pair[0], bytes + sent,
                      LARGE - sent);
            io_begin(rig, 0, &out);
            sends = true;
        }
        received += drink(rig, pair[1], copy + received, LARGE - received);
        if (sends && (received >= sent || is_told(&out))) {
            int64_t n = io_finish(&out, "a send of much");

            HOLDS(n > 0, "a send of much was told %lld", (long long)n);
            sent += (size_t)n;
            sends = false;
        }
    }
    HOLDS(memcmp(bytes, copy, LARGE) == 0, "of much that was sent, some "
          "arrived changed");
}

PROMISE(io_moves_much, "Much is sent and received in parts, and arrives.")
{
    unsigned char *bytes = malloc(LARGE);
    unsigned char *copy = malloc(LARGE);
    struct io_rig rig;
    int pair[2];

    NEEDS(bytes != NULL && copy != NULL, "no memory for the test itself");
    if (io_has(subject, MOIRAI_IO_SOCKETS)) {
        io_open(&rig, subject, 1);
        pair_tcp(pair);
        stream(&rig, pair, bytes, copy);
        close_both(&rig, pair);
        io_close(&rig);
    }
    free(bytes);
    free(copy);
}

static void fill_vector(struct iovec *parts, char *bytes)
{
    for (int i = 0; i < 4; i++)
        parts[i] = (struct iovec){ bytes + 10 * i, (size_t)(i == 1 ? 0 : 10) };
}

PROMISE(io_scatters_and_gathers, "Parts are sent in order and filled in order.")
{
    char out[41] = "0123456789----------abcdefghijklmnopqrst";
    struct iovec parts[2][4];
    struct io_rig rig;
    struct call call;
    char in[41] = { 0 };
    int pair[2];

    if (!io_has(subject, MOIRAI_IO_SOCKETS))
        return;
    io_open(&rig, subject, 1);
    pair_tcp(pair);
    fill_vector(parts[0], out);
    fill_vector(parts[1], in);
    call_plain(&call, MOIRAI_IO_SEND, pair[0]);
    call.request.parts = parts[0];
    call.request.count = 4;
    check_told(io_do(&rig, &call, "a send of parts"), 30, "a send of parts");
    call_plain(&call, MOIRAI_IO_RECV, pair[1]);
    call.request.parts = parts[1];
    call.request.count = 4;
    check_told(io_do(&rig, &call, "a receive of parts"), 30,
               "a receive of parts");
    HOLDS(memcmp(in, out, 10) == 0 && memcmp(in + 20, out + 20, 20) == 0
          && in[10] == 0, "parts are not filled in order");
    close_both(&rig, pair);
    io_close(&rig);
}

PROMISE(io_takes_flags, "A receive takes the flags of recv: one may peek.")
{
    struct io_rig rig;
    struct call call;
    char bytes[10] = { 0 };
    int pair[2];

    if (!io_has(subject, MOIRAI_IO_SOCKETS))
        return;
    io_open(&rig, subject, 1);
    pair_tcp(pair);
    for (int round = 0; round < 10; round++) {
        for (int i = 0; i < 3; i++) {
            call_move(&call, MOIRAI_IO_RECV, pair[0], bytes, sizeof bytes);
            call.request.flags = i < 2 ? MSG_PEEK : 0;
            io_begin(&rig, 0, &call);
            if (i == 0)
                put(pair[1], "peek", 4);
            check_told(io_finish(&call, "a receive"), 4, i < 2
                       ? "a receive that peeks" : "a receive after a peek");
            HOLDS(memcmp(bytes, "peek", 4) == 0, "a peek shows other bytes");
        }
    }
    close_both(&rig, pair);
    io_close(&rig);
}

/* --- the end -------------------------------------------------------------- */

PROMISE(io_tells_the_end_of_a_stream,
        "After the last bytes, receives are told 0, again and again.")
{
    struct io_rig rig;
    char bytes[100];

    if (!io_has(subject, MOIRAI_IO_SOCKETS))
        return;
    io_open(&rig, subject, 1);
    for (int round = 0; round < 20; round++) {
        struct call call;
        int pair[2];

        (round % 2 == 0 ? pair_tcp : pair_local)(pair);
        call_move(&call, MOIRAI_IO_RECV, pair[0], bytes, sizeof bytes);
        if (round % 3 == 0)
            io_begin(&rig, 0, &call);
        put(pair[1], "last", 4);
        if (round % 4 < 2)
            shutdown(pair[1], SHUT_WR);
        else
            close(pair[1]);
        if (round % 3 == 0)
            check_told(io_finish(&call, "a receive"), 4, "the last receive");
        else
            check_told(io_recv(&rig, pair[0], bytes, sizeof bytes), 4,
                       "the last receive");
        for (int i = 0; i < 3; i++)
            check_told(io_recv(&rig, pair[0], bytes, sizeof bytes), 0,
                       "a receive after the end");
        if (round % 4 < 2)
            close(pair[1]);
        io_forget(&rig, 0, pair[0], true);
    }
    io_close(&rig);
}

PROMISE(io_tells_resets,
        "A reset is -ECONNRESET to who receives, and no signal to who sends.")
{
    const struct linger at_once = { 1, 0 };
    struct io_rig rig;
    struct call call;
    char bytes[10];
    int64_t n = 0;
    int pair[2];

    if (!io_has(subject, MOIRAI_IO_SOCKETS))
        return;
    io_open(&rig, subject, 1);
    pair_tcp(pair);
    call_move(&call, MOIRAI_IO_RECV, pair[0], bytes, sizeof bytes);
    io_begin(&rig, 0, &call);
    io_settle(&rig);
    setsockopt(pair[1], SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(pair[1]);
    check_told(io_finish(&call, "a receive that is reset"), -ECONNRESET,
               "a receive that is reset");
    n = io_send(&rig, pair[0], "x", 1);
    HOLDS(n == -EPIPE || n == -ECONNRESET, "a send after a reset was told "
          "%lld", (long long)n);
    io_forget(&rig, 0, pair[0], true);
    io_close(&rig);
}

/* --- datagrams ------------------------------------------------------------ */

static int datagram_socket(struct sockaddr_in *address)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    socklen_t size = sizeof *address;

    *address = (struct sockaddr_in){ .sin_family = AF_INET,
                                     .sin_addr.s_addr
                                         = htonl(INADDR_LOOPBACK) };
    NEEDS(fd >= 0 && bind(fd, (struct sockaddr *)address, size) == 0
          && getsockname(fd, (struct sockaddr *)address, &size) == 0,
          "no datagram socket: %s", strerror(errno));
    return fd;
}

static void receive_datagram(struct io_rig *rig, int fd, size_t expected,
                             const struct sockaddr_in *from)
{
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    struct call call;
    char bytes[100];

    call_move(&call, MOIRAI_IO_RECV, fd, bytes, sizeof bytes);
    call.request.address = (struct sockaddr *)&address;
    call.request.address_size = &size;
    check_told(io_do(rig, &call, "a receive of a datagram"),
               (int64_t)expected, "a receive of a datagram");
    HOLDS(size == sizeof *from
          && ((struct sockaddr_in *)&address)->sin_port == from->sin_port,
          "a datagram has not the address of its sender");
}

PROMISE(io_keeps_datagrams_apart,
        "Each datagram is one receive, however short, with its address.")
{
    const size_t sizes[] = { 5, 0, 50, 1 };
    struct sockaddr_in addresses[2];
    socklen_t size = sizeof addresses[0];
    char bytes[100] = { 0 };
    struct io_rig rig;
    int fds[2];

    if (!io_has(subject, MOIRAI_IO_SOCKETS))
        return;
    io_open(&rig, subject, 1);
    fds[0] = datagram_socket(&addresses[0]);
    fds[1] = datagram_socket(&addresses[1]);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 4; i++) {
            struct call call;

            call_move(&call, MOIRAI_IO_SEND, fds[1], bytes, sizes[i]);
            call.request.address = (struct sockaddr *)&addresses[0];
            call.request.address_size = &size;
            check_told(io_do(&rig, &call, "a send to an address"),
                       (int64_t)sizes[i], "a send to an address");
        }
        for (int i = 0; i < 4; i++)
            receive_datagram(&rig, fds[0], sizes[i], &addresses[1]);
    }
    close_both(&rig, fds);
    io_close(&rig);
}

/* --- messages with more than bytes ---------------------------------------- */

struct parcel {                     /* a descriptor goes along */
    struct iovec part;
    char byte;
    alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
    struct msghdr message;
};

static void parcel_init(struct parcel *parcel)
{
    memset(parcel, 0, sizeof *parcel);
    parcel->part = (struct iovec){ &parcel->byte, 1 };
    parcel->message.msg_iov = &parcel->part;
    parcel->message.msg_iovlen = 1;
    parcel->message.msg_control = parcel->control;
    parcel->message.msg_controllen = sizeof parcel->control;
}

static void pass(struct io_rig *rig, const int pair[2], int fd)
{
    struct cmsghdr *head;
    struct parcel parcel;
    struct call call;

    parcel_init(&parcel);
    head = CMSG_FIRSTHDR(&parcel.message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(head), &fd, sizeof fd);
    call_plain(&call, MOIRAI_IO_SEND, pair[0]);
    call.request.message = &parcel.message;
    check_told(io_do(rig, &call, "a send of a descriptor"), 1,
               "a send of a descriptor");
}

static void get_passed(struct io_rig *rig, const int pair[2])
{
    struct cmsghdr *head;
    struct parcel parcel;
    struct call call;
    int fd = -1;

    parcel_init(&parcel);
    call_plain(&call, MOIRAI_IO_RECV, pair[1]);
    call.request.message = &parcel.message;
    check_told(io_do(rig, &call, "a receive of a descriptor"), 1,
               "a receive of a descriptor");
    head = CMSG_FIRSTHDR(&parcel.message);
    HOLDS(head != NULL && head->cmsg_type == SCM_RIGHTS,
          "a descriptor that is passed does not arrive");
    memcpy(&fd, CMSG_DATA(head), sizeof fd);
    HOLDS(fcntl(fd, F_GETFD) >= 0, "a descriptor that is passed is none");
    close(fd);
}

PROMISE(io_passes_descriptors,
        "A message carries a descriptor, and each of several arrives.")
{
    struct io_rig rig;
    int pair[2];

    if (!io_has(subject, MOIRAI_IO_SOCKETS))
        return;
    io_open(&rig, subject, 1);
    pair_local(pair);
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < 3; i++)
            pass(&rig, pair, pair[0]);
        for (int i = 0; i < 3; i++)
            get_passed(&rig, pair);
    }
    close_both(&rig, pair);
    io_close(&rig);
}
