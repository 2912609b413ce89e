/* SPDX-License-Identifier: MIT */
/*
 * address.c - addresses as text, and names that have to be looked up.
 *
 * Numbers are read at once. A name goes to getaddrinfo(3), which alone knows
 * all that a system's administrator may have said about names, and which
 * blocks: so it runs in the blocking pool. Its order (RFC 6724) is kept, but
 * that the families take turns, as RFC 8305 wants of who tries them all.
 */
#include "io/address.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <arpa/inet.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include <moirai/net.h>
#include <moirai/task.h>

#define UNIX "unix:"
#define HOST 256                    /* longest, with its end */
#define SERVICE 64

/* --- reading -------------------------------------------------------------- */

/* The kernel's names outside the file system begin with a NUL and end where the
 * address ends; paths end with one. */
static int read_unix(const char *path, struct mo_address *out)
{
    struct sockaddr_un *un = (struct sockaddr_un *)&out->at;
    size_t n = strlen(path);

    if (n == 0 || (path[0] == '@' && n == 1))
        return -EINVAL;
    if (n >= sizeof un->sun_path)
        return -ENAMETOOLONG;
    memset(&out->at, 0, sizeof out->at);
    un->sun_family = AF_UNIX;
    memcpy(un->sun_path, path, n);
    if (path[0] == '@')
        un->sun_path[0] = '\0';
    out->size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n
                            + (path[0] != '@'));
    return 0;
}

/* getaddrinfo takes any number for a port, modulo 65536. */
static bool is_port(const char *service)
{
    size_t digits = strspn(service, "0123456789");

    return service[digits] != '\0'
        || (digits <= 5 && strtoul(service, NULL, 10) <= UINT16_MAX);
}

/* "host:service", "[host]:service", ":service" */
static int cut(const char *text, char *host, char *service)
{
    const char *colon = strrchr(text, ':');
    const char *begin = text;
    const char *end = colon;

    if (colon == NULL || colon[1] == '\0')
        return -EINVAL;
    if (text[0] == '[') {
        begin++;
        end--;
        if (end < begin || *end != ']')
            return -EINVAL;
    } else if (memchr(text, ':', (size_t)(colon - text)) != NULL) {
        return -EINVAL;             /* IPv6 without brackets */
    }
    if (end - begin >= HOST || strlen(colon + 1) >= SERVICE)
        return -ENAMETOOLONG;
    snprintf(host, HOST, "%.*s", (int)(end - begin), begin);
    snprintf(service, SERVICE, "%s", colon + 1);
    return is_port(service) ? 0 : -EINVAL;
}

struct lookup {
    const struct mo_address_query *query;
    char host[HOST], service[SERVICE];
    int flags;
    struct addrinfo *found;         /* freed by freeaddrinfo */
};

static int say(int code)
{
    switch (code) {
    case 0:
        return 0;
    case EAI_MEMORY:
        return -ENOMEM;
    case EAI_NONAME:
    case EAI_SERVICE:
#ifdef EAI_NODATA
    case EAI_NODATA:
#endif
        return -ENOENT;
    case EAI_SYSTEM:
        return -errno;
    default:
        return -EHOSTUNREACH;
    }
}

static int look_up(void *arg)
{
    struct lookup *l = arg;
    struct addrinfo hints = { .ai_family = AF_UNSPEC,
                              .ai_socktype = l->query->type,
                              .ai_flags = l->flags };

    if (l->query->passive)
        hints.ai_flags |= AI_PASSIVE;
    return say(getaddrinfo(l->host[0] != '\0' ? l->host : NULL, l->service,
                           &hints, &l->found));
}

static const struct addrinfo *next_of(const struct addrinfo *at, bool v6)
{
    while (at != NULL && (at->ai_family == AF_INET6) != v6)
        at = at->ai_next;
    return at;
}

/* The families take turns, beginning with that of the first. */
static void keep(const struct addrinfo *all, struct mo_addresses *found)
{
    const struct addrinfo *next[2] = { next_of(all, false),
                                       next_of(all, true) };
    bool v6 = all->ai_family == AF_INET6;

    found->count = 0;
    while (found->count < MO_ADDRESSES
           && (next[0] != NULL || next[1] != NULL)) {
        const struct addrinfo *at = next[v6];

        if (at != NULL && at->ai_addrlen <= sizeof found->list[0].at) {
            struct mo_address *to = &found->list[found->count++];

            memset(&to->at, 0, sizeof to->at);
            memcpy(&to->at, at->ai_addr, at->ai_addrlen);
            to->size = at->ai_addrlen;
        }
        if (at != NULL)
            next[v6] = next_of(at->ai_next, v6);
        v6 = !v6;
    }
}

/* ":80" of who binds is every address, of both families if IPv6 is there. */
static int any_address(struct lookup *l, struct mo_addresses *found)
{
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&found->list[0].at;
    struct sockaddr_in *in = (struct sockaddr_in *)&found->list[1].at;
    int rc;

    snprintf(l->host, sizeof l->host, "::");
    rc = look_up(l);
    if (rc != 0)
        return rc;
    memset(found, 0, sizeof *found);
    memcpy(in6, l->found->ai_addr, sizeof *in6);
    in->sin_family = AF_INET;
    in->sin_port = in6->sin6_port;
    found->list[0].size = sizeof *in6;
    found->list[1].size = sizeof *in;
    found->count = 2;
    freeaddrinfo(l->found);
    l->found = NULL;                /* they are in `found` */
    return 0;
}

int mo_address_find(const struct mo_address_query *query,
                    struct mo_addresses *found)
{
    struct lookup l = { .query = query, .flags = AI_NUMERICHOST
                                                 | AI_NUMERICSERV };
    int rc;

    if (strncmp(query->text, UNIX, sizeof UNIX - 1) == 0) {
        found->count = 1;
        return read_unix(query->text + sizeof UNIX - 1, &found->list[0]);
    }
    rc = cut(query->text, l.host, l.service);
    if (rc != 0)
        return rc;
    if (query->passive && l.host[0] == '\0')
        rc = any_address(&l, found);
    else
        rc = look_up(&l);
    if (rc == -ENOENT) {
        l.flags = 0;
        rc = moirai_block(look_up, &l);
    }
    if (rc != 0 || l.found == NULL)
        return rc;
    keep(l.found, found);
    freeaddrinfo(l.found);
    return found->count != 0 ? 0 : -ENOENT;
}

int moirai_address_read(const char *text, struct sockaddr_storage *address)
{
    struct mo_address_query query = { .text = text, .type = SOCK_STREAM };
    struct mo_addresses found;
    int rc = mo_address_find(&query, &found);

    if (rc == 0)
        *address = found.list[0].at;
    return rc;
}

/* --- writing -------------------------------------------------------------- */

static int write_unix(const struct sockaddr_un *un, char *text, size_t size)
{
    size_t most = sizeof un->sun_path - 1;
    int n;

    if (un->sun_path[0] == '\0' && un->sun_path[1] != '\0')
        n = snprintf(text, size, UNIX "@%.*s", (int)most - 1,
                     un->sun_path + 1);
    else
        n = snprintf(text, size, UNIX "%.*s", (int)most, un->sun_path);
    return (size_t)n < size ? 0 : -ENOSPC;
}

int moirai_address_write(const struct sockaddr_storage *address, char *text,
                         size_t size)
{
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)address;
    const struct sockaddr_in *in = (const struct sockaddr_in *)address;
    char host[INET6_ADDRSTRLEN];
    char zone[16] = "";
    int n;

    switch (address->ss_family) {
    case AF_UNIX:
        return write_unix((const struct sockaddr_un *)address, text, size);
    case AF_INET:
        inet_ntop(AF_INET, &in->sin_addr, host, sizeof host);
        n = snprintf(text, size, "%s:%u", host, ntohs(in->sin_port));
        break;
    case AF_INET6:
        inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof host);
        if (in6->sin6_scope_id != 0)
            snprintf(zone, sizeof zone, "%%%u", in6->sin6_scope_id);
        n = snprintf(text, size, "[%s%s]:%u", host, zone,
                     ntohs(in6->sin6_port));
        break;
    default:
        return -EAFNOSUPPORT;
    }
    return (size_t)n < size ? 0 : -ENOSPC;
}

static int write_name(int (*get)(int, struct sockaddr *, socklen_t *), int fd,
                      char *text, size_t size)
{
    struct sockaddr_storage address = { .ss_family = AF_UNSPEC };
    socklen_t n = sizeof address;
    int rc = get(fd, (struct sockaddr *)&address, &n) == 0 ? 0 : -errno;

    return rc != 0 ? rc : moirai_address_write(&address, text, size);
}

int moirai_socket_name(int fd, char *text, size_t size)
{
    return write_name(getsockname, fd, text, size);
}

int moirai_socket_peer(int fd, char *text, size_t size)
{
    return write_name(getpeername, fd, text, size);
}
