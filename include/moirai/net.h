/* SPDX-License-Identifier: MIT */
/*
 * moirai/net.h - sockets: TCP, UDP, Unix.
 *
 * A socket is a descriptor: what moirai/io.h says of descriptors, deadlines and
 * results holds here. Addresses are text:
 *
 *     "127.0.0.1:80"  "[::1]:80"  "example.org:https"     host and port
 *     ":8080"                     every address of this machine
 *     "unix:/run/some.sock"       a path, at most 107 bytes
 *     "unix:@name"                a name outside the file system
 *
 * Names are looked up without keeping a worker, by getaddrinfo(3).
 */
#ifndef MOIRAI_NET_H
#define MOIRAI_NET_H

#include <stddef.h>
#include <stdint.h>

#include <moirai/io.h>

#ifdef __cplusplus
extern "C" {
#endif

struct msghdr;
struct sockaddr_storage;

/* How a socket is to be made. Zeroed fields mean the preset. */
struct moirai_net_attr {
    uint32_t size;                  /* sizeof(struct moirai_net_attr) */
    uint32_t flags;                 /* MOIRAI_NET_... */
    int32_t backlog;                /* of a listener; 0: as much as may be */
    int32_t send_buffer;            /* bytes; 0: the system's */
    int32_t receive_buffer;
    uint32_t mode;                  /* of a Unix path; 0: as umask says */
    const char *from;               /* connect: the address to do it from */
};

#define MOIRAI_NET_ATTR_INIT { sizeof(struct moirai_net_attr), 0, 0, 0, 0, 0,  \
                               NULL }

#define MOIRAI_NET_PORT_SHARED 1u   /* SO_REUSEPORT */
#define MOIRAI_NET_DELAY 2u         /* TCP: with Nagle's algorithm */
#define MOIRAI_NET_V6_ONLY 4u       /* an address of IPv6 does not take IPv4 */
#define MOIRAI_NET_KEEPALIVE 8u
#define MOIRAI_NET_REPLACE 16u      /* a Unix path that nobody listens on */

/* Listens for streams at an address (borrowed); attr may be NULL. The
 * descriptor, the caller's; or a negative errno: -EADDRINUSE, -EACCES,
 * -EADDRNOTAVAIL; -EINVAL: that is no address; -ENOENT: no such name;
 * -EHOSTUNREACH: names cannot be looked up just now. Can wait, for a name. */
int moirai_listen(const char *address, const struct moirai_net_attr *attr);

/* Takes the next connection: a descriptor, the caller's. Errors of connections
 * that went away before are not told. -EMFILE, -ENFILE: there are too many
 * descriptors; the connection is still there. Can wait. */
int moirai_accept(int listener, int64_t deadline_ns);

/* Connects a stream to an address. A name with several is tried at all of them,
 * a quarter of a second apart or as soon as one has failed, IPv6 and IPv4 in
 * turn (RFC 8305); the first to succeed is it. The descriptor, the caller's; or
 * the last failure's errno, or as moirai_listen. Can wait. */
int moirai_connect(const char *address, const struct moirai_net_attr *attr,
                   int64_t deadline_ns);

/* A datagram socket, bound to `address` (NULL: to none, IPv6 and IPv4), and, if
 * `peer` is not NULL, connected to that one. The descriptor, or as
 * moirai_listen. Can wait, for a name. */
int moirai_datagram(const char *address, const char *peer,
                    const struct moirai_net_attr *attr);

/* Two Unix sockets that are connected: type SOCK_STREAM, SOCK_DGRAM or
 * SOCK_SEQPACKET. 0 or a negative errno. Any thread; does not wait. */
int moirai_socket_pair(int type, int ends[2]);

/* As recv(2), flags: MSG_PEEK, ... How many bytes; 0: the stream has ended (or
 * an empty datagram). `buffer` is lent until the call returns. Can wait. */
int64_t moirai_recv(int fd, void *buffer, size_t size, int flags,
                    int64_t deadline_ns);

/* As send(2), but never raises SIGPIPE. How many bytes. `buffer` is lent until
 * the call returns. Can wait. */
int64_t moirai_send(int fd, const void *buffer, size_t size, int flags,
                    int64_t deadline_ns);

/* As recvmsg(2), with addresses, descriptors, credentials. Descriptors that
 * come are closed on exec, and are to be adopted. Can wait. */
int64_t moirai_recv_message(int fd, struct msghdr *message, int flags,
                            int64_t deadline_ns);

/* As sendmsg(2), with addresses, descriptors, credentials. Can wait. */
int64_t moirai_send_message(int fd, const struct msghdr *message, int flags,
                            int64_t deadline_ns);

/* As recvfrom(2): the next datagram, cut to `size`, and whose it is. `from` may
 * be NULL. Can wait. */
int64_t moirai_recv_from(int fd, void *buffer, size_t size,
                         struct sockaddr_storage *from, int64_t deadline_ns);

/* As sendto(2). Can wait. */
int64_t moirai_send_to(int fd, const void *buffer, size_t size,
                       const struct sockaddr_storage *to,
                       int64_t deadline_ns);

/* Sends a descriptor, which stays the caller's, over a Unix socket, with one
 * byte. 0; -EPIPE: the other end is closed. Can wait. */
int moirai_send_descriptor(int fd, int descriptor, int64_t deadline_ns);

/* Receives one that was sent like that. The descriptor, adopted, the caller's;
 * -EPIPE: the other end is closed; -EPROTO: what came had none with it, or
 * several, which are closed; -EMFILE: there are too many here, and it is lost.
 * Can wait. */
int moirai_recv_descriptor(int fd, int64_t deadline_ns);

/* The first address that a text means. 0, or as moirai_listen. Can wait, for a
 * name. */
int moirai_address_read(const char *text, struct sockaddr_storage *address);

/* Writes an address as text, which the calls above take. 0; -ENOSPC. Any
 * thread; does not wait. */
int moirai_address_write(const struct sockaddr_storage *address, char *text,
                         size_t size);

/* Writes a socket's own address as text. 0; -ENOSPC, -ENOTSOCK, ... Any thread;
 * does not wait. */
int moirai_socket_name(int fd, char *text, size_t size);

/* Writes its peer's address as text. 0; -ENOSPC, -ENOTCONN, ... Any thread;
 * does not wait. */
int moirai_socket_peer(int fd, char *text, size_t size);

/* As shutdown(2): how is SHUT_RD, SHUT_WR or SHUT_RDWR. Any thread; does not
 * wait. */
int moirai_socket_shutdown(int fd, int how);

#define MOIRAI_ADDRESS_SIZE 128     /* of any text that an address is */

#ifdef __cplusplus
}
#endif

#endif
