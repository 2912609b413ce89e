/* SPDX-License-Identifier: MIT */
/*
 * message.c - what goes through a socket.
 */
#include <errno.h>
#include <string.h>
#include <sys/un.h>
#include <netinet/in.h>
#include <unistd.h>

#include <moirai/net.h>

#include "backend.h"
#include "io/address.h"

/* These are of connections, not of the listener (accept(2), "Error
 * handling"). */
static bool is_of_another(int64_t rc)
{
    static const int list[] = {
        ECONNABORTED, ENETDOWN, EPROTO, ENOPROTOOPT, EHOSTDOWN, ENONET,
        EHOSTUNREACH, EOPNOTSUPP, ENETUNREACH,
    };

    for (size_t i = 0; i < sizeof list / sizeof *list; i++)
        if (rc == -list[i])
            return true;
    return false;
}

int moirai_accept(int listener, int64_t deadline_ns)
{
    int64_t rc;

    do {
        struct mo_io_call call = MO_IO_CALL(MOIRAI_IO_ACCEPT, listener);

        rc = mo_io_run(&call, deadline_ns);
    } while (is_of_another(rc));
    if (rc >= 0)
        mo_io_forget((int)rc, false);
    return (int)rc;
}

static int64_t run_message(uint32_t operation, int fd, struct msghdr *message,
                           int flags, int64_t deadline_ns)
{
    struct mo_io_call call = MO_IO_CALL(operation, fd);

    call.request.message = message;
    call.request.flags = (uint32_t)flags;
    return mo_io_run(&call, deadline_ns);
}

int64_t moirai_recv_message(int fd, struct msghdr *message, int flags,
                            int64_t deadline_ns)
{
    return run_message(MOIRAI_IO_RECV, fd, message,
                       flags | MSG_CMSG_CLOEXEC, deadline_ns);
}

int64_t moirai_send_message(int fd, const struct msghdr *message, int flags,
                            int64_t deadline_ns)
{
    return run_message(MOIRAI_IO_SEND, fd, (struct msghdr *)message, flags,
                       deadline_ns);
}

static int64_t run_bytes(uint32_t operation, int fd, struct iovec part,
                         int flags, int64_t deadline_ns)
{
    struct mo_io_call call = MO_IO_CALL(operation, fd);

    call.request.parts = &part;
    call.request.count = 1;
    call.request.flags = (uint32_t)flags;
    return mo_io_run(&call, deadline_ns);
}

int64_t moirai_recv(int fd, void *buffer, size_t size, int flags,
                    int64_t deadline_ns)
{
    return run_bytes(MOIRAI_IO_RECV, fd, (struct iovec){ buffer, size }, flags,
                     deadline_ns);
}

int64_t moirai_send(int fd, const void *buffer, size_t size, int flags,
                    int64_t deadline_ns)
{
    return run_bytes(MOIRAI_IO_SEND, fd,
                     (struct iovec){ (void *)buffer, size }, flags,
                     deadline_ns);
}

int64_t moirai_recv_from(int fd, void *buffer, size_t size,
                         struct sockaddr_storage *from, int64_t deadline_ns)
{
    struct iovec part = { buffer, size };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };

    if (from != NULL) {
        memset(from, 0, sizeof *from);
        message.msg_name = from;
        message.msg_namelen = sizeof *from;
    }
    return moirai_recv_message(fd, &message, 0, deadline_ns);
}

static socklen_t size_of(const struct sockaddr_storage *address)
{
    const struct sockaddr_un *un = (const struct sockaddr_un *)address;
    size_t n;

    if (address->ss_family == AF_INET)
        return sizeof(struct sockaddr_in);
    if (address->ss_family == AF_INET6)
        return sizeof(struct sockaddr_in6);
    if (un->sun_path[0] != '\0')
        return sizeof *un;
    n = strnlen(un->sun_path + 1, sizeof un->sun_path - 1);
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + n);
}

int64_t moirai_send_to(int fd, const void *buffer, size_t size,
                       const struct sockaddr_storage *to,
                       int64_t deadline_ns)
{
    struct iovec part = { (void *)buffer, size };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1,
                              .msg_name = (void *)to,
                              .msg_namelen = size_of(to) };

    return moirai_send_message(fd, &message, 0, deadline_ns);
}

/* --- descriptors ---------------------------------------------------------- */

/* Aligned. What it has behind one descriptor is not to be told of: the kernel
 * would put another there. */
union control {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int))];
};

#define ONE CMSG_LEN(sizeof(int))

int moirai_send_descriptor(int fd, int descriptor, int64_t deadline_ns)
{
    char byte = 0;
    struct iovec part = { &byte, 1 };
    union control control = { .bytes = { 0 } };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1,
                              .msg_control = control.bytes,
                              .msg_controllen = sizeof control.bytes };
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    int64_t n;

    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = ONE;
    memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
    n = moirai_send_message(fd, &message, 0, deadline_ns);
    return n < 0 ? (int)n : 0;
}

/* The one that came with a message, or why none is to be had. Who sends several
 * does not know whom he talks to: none is kept. */
static int descriptor_of(struct msghdr *message)
{
    const struct cmsghdr *header = CMSG_FIRSTHDR(message);
    bool cut = (message->msg_flags & MSG_CTRUNC) != 0;
    int descriptor;

    if (header == NULL)
        return cut ? -EMFILE : -EPROTO;
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
        return -EPROTO;
    memcpy(&descriptor, CMSG_DATA(header), sizeof descriptor);
    if (!cut)
        return moirai_fd_adopt(descriptor);
    moirai_close(descriptor);
    return -EPROTO;
}

int moirai_recv_descriptor(int fd, int64_t deadline_ns)
{
    char byte;
    struct iovec part = { &byte, 1 };
    union control control = { .bytes = { 0 } };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1,
                              .msg_control = control.bytes,
                              .msg_controllen = ONE };
    int64_t n = moirai_recv_message(fd, &message, 0, deadline_ns);

    if (n <= 0)
        return n < 0 ? (int)n : -EPIPE;
    return descriptor_of(&message);
}
