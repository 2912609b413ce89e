/* SPDX-License-Identifier: MIT */
/*
 * socket.c - sockets that are made, bound, listened on, and spoken through.
 */
#include "io/socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "backend.h"

#define FLAGS (MOIRAI_NET_PORT_SHARED | MOIRAI_NET_DELAY | MOIRAI_NET_V6_ONLY \
               | MOIRAI_NET_KEEPALIVE | MOIRAI_NET_REPLACE)

int mo_socket_attr(struct moirai_net_attr *own,
                   const struct moirai_net_attr *given)
{
    *own = (struct moirai_net_attr)MOIRAI_NET_ATTR_INIT;
    if (given != NULL)
        *own = *given;
    return own->size != sizeof *own || (own->flags & ~FLAGS) != 0
        || own->backlog < 0 || own->send_buffer < 0
        || own->receive_buffer < 0 || (own->mode & ~0777u) != 0 ? -EINVAL : 0;
}

static int set(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof value) == 0 ? 0 : -errno;
}

/* The first failure, or 0. */
static int tell(int fd, int family, int type,
                const struct moirai_net_attr *attr)
{
    bool ip = family == AF_INET || family == AF_INET6;
    int rc = 0;

    if (ip && type == SOCK_STREAM)
        rc = set(fd, IPPROTO_TCP, TCP_NODELAY,
                 (attr->flags & MOIRAI_NET_DELAY) == 0);
    if (rc == 0 && family == AF_INET6)
        rc = set(fd, IPPROTO_IPV6, IPV6_V6ONLY,
                 (attr->flags & MOIRAI_NET_V6_ONLY) != 0);
    if (rc == 0 && ip && (attr->flags & MOIRAI_NET_PORT_SHARED) != 0)
        rc = set(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    if (rc == 0 && (attr->flags & MOIRAI_NET_KEEPALIVE) != 0)
        rc = set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    if (rc == 0 && attr->send_buffer != 0)
        rc = set(fd, SOL_SOCKET, SO_SNDBUF, attr->send_buffer);
    if (rc == 0 && attr->receive_buffer != 0)
        rc = set(fd, SOL_SOCKET, SO_RCVBUF, attr->receive_buffer);
    return rc;
}

int mo_socket_open(const struct mo_address *address, int type,
                   const struct moirai_net_attr *attr)
{
    int family = address->at.ss_family;
    int fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int rc = fd < 0 ? -errno : tell(fd, family, type, attr);

    if (fd >= 0)
        mo_io_forget(fd, rc != 0);
    return rc != 0 ? rc : fd;
}

/* Of a Unix path on which nobody listens any more, but never a file that is no
 * socket. */
static bool remove_dead(const struct mo_address *address)
{
    const struct sockaddr_un *un = (const struct sockaddr_un *)&address->at;
    struct stat stat;
    bool dead;
    int fd;

    if (un->sun_path[0] == '\0' || lstat(un->sun_path, &stat) != 0
        || !S_ISSOCK(stat.st_mode))
        return false;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    dead = connect(fd, (const struct sockaddr *)un, address->size) != 0
        && errno == ECONNREFUSED;
    close(fd);
    return dead && unlink(un->sun_path) == 0;
}

/* The mode is set between bind and listen: before that nobody can connect. */
static int bind_unix(int fd, const struct mo_address *address,
                     const struct moirai_net_attr *attr)
{
    const struct sockaddr_un *un = (const struct sockaddr_un *)&address->at;
    int rc = bind(fd, (const struct sockaddr *)un, address->size);

    if (rc != 0 && errno == EADDRINUSE
        && (attr->flags & MOIRAI_NET_REPLACE) != 0)
        rc = remove_dead(address)
           ? bind(fd, (const struct sockaddr *)un, address->size)
           : (errno = EADDRINUSE, -1);
    if (rc == 0 && attr->mode != 0 && un->sun_path[0] != '\0')
        rc = chmod(un->sun_path, (mode_t)attr->mode);
    return rc == 0 ? 0 : -errno;
}

int mo_socket_bind(int fd, const struct mo_address *address,
                   const struct moirai_net_attr *attr)
{
    int rc;

    if (address->at.ss_family == AF_UNIX)
        rc = bind_unix(fd, address, attr);
    else
        rc = bind(fd, (const struct sockaddr *)&address->at, address->size) == 0
           ? 0 : -errno;
    return rc;
}

/* --- listeners and datagrams ---------------------------------------------- */

static int listen_at(const struct mo_address *address,
                     const struct moirai_net_attr *attr)
{
    int fd = mo_socket_open(address, SOCK_STREAM, attr);
    int rc = fd < 0 ? fd : 0;

    if (rc == 0 && address->at.ss_family != AF_UNIX)
        rc = set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (rc == 0)
        rc = mo_socket_bind(fd, address, attr);
    if (rc == 0
        && listen(fd, attr->backlog != 0 ? attr->backlog : SOMAXCONN) != 0)
        rc = -errno;
    if (rc != 0 && fd >= 0)
        moirai_close(fd);
    return rc != 0 ? rc : fd;
}

/* The last failure, if all do. */
static int first_of(const struct mo_addresses *found,
                    const struct moirai_net_attr *attr,
                    int (*make)(const struct mo_address *,
                                const struct moirai_net_attr *))
{
    int rc = -ENOENT;

    for (uint32_t i = 0; i < found->count && rc < 0; i++)
        rc = make(&found->list[i], attr);
    return rc;
}

int moirai_listen(const char *address, const struct moirai_net_attr *attr)
{
    struct mo_address_query query = { .text = address, .type = SOCK_STREAM,
                                      .passive = true };
    struct moirai_net_attr own;
    struct mo_addresses found;
    int rc = mo_socket_attr(&own, attr);

    if (rc == 0)
        rc = mo_address_find(&query, &found);
    return rc != 0 ? rc : first_of(&found, &own, listen_at);
}

static int bind_datagram(const struct mo_address *address,
                         const struct moirai_net_attr *attr)
{
    int fd = mo_socket_open(address, SOCK_DGRAM, attr);
    int rc = fd < 0 ? fd : mo_socket_bind(fd, address, attr);

    if (rc != 0 && fd >= 0)
        moirai_close(fd);
    return rc != 0 ? rc : fd;
}

static int open_datagram(const struct mo_address *address,
                         const struct moirai_net_attr *attr)
{
    return mo_socket_open(address, SOCK_DGRAM, attr);
}

static int point(int fd, const struct mo_addresses *peers)
{
    int rc = -ENOENT;

    for (uint32_t i = 0; i < peers->count && rc != 0; i++) {
        const struct mo_address *to = &peers->list[i];

        rc = connect(fd, (const struct sockaddr *)&to->at, to->size) == 0
           ? 0 : -errno;
    }
    return rc;
}

int moirai_datagram(const char *address, const char *peer,
                    const struct moirai_net_attr *attr)
{
    struct mo_address_query own = { .text = address, .type = SOCK_DGRAM,
                                    .passive = true };
    struct mo_address_query other = { .text = peer, .type = SOCK_DGRAM };
    struct mo_addresses found, peers;
    struct moirai_net_attr how;
    int rc = mo_socket_attr(&how, attr);
    int fd;

    if (address == NULL && peer == NULL)
        own.text = ":0";
    if (rc == 0 && own.text != NULL)
        rc = mo_address_find(&own, &found);
    if (rc == 0 && peer != NULL)
        rc = mo_address_find(&other, &peers);
    if (rc != 0)
        return rc;
    fd = own.text != NULL ? first_of(&found, &how, bind_datagram)
                          : first_of(&peers, &how, open_datagram);
    if (fd >= 0 && peer != NULL)
        rc = point(fd, &peers);
    if (rc != 0)
        moirai_close(fd);
    return rc != 0 ? rc : fd;
}

int moirai_socket_pair(int type, int ends[2])
{
    int rc = socketpair(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends)
           == 0 ? 0 : -errno;

    for (int i = 0; i < 2 && rc == 0; i++)
        mo_io_forget(ends[i], false);
    return rc;
}

int moirai_socket_shutdown(int fd, int how)
{
    int rc = shutdown(fd, how) == 0 ? 0 : -errno;

    return rc;
}
