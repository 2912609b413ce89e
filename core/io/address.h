/* SPDX-License-Identifier: MIT */
/*
 * address.h - what an address as text means.
 */
#ifndef MO_ADDRESS_H
#define MO_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#define MO_ADDRESSES 16             /* of one name that are tried */

struct mo_address {
    struct sockaddr_storage at;
    socklen_t size;
};

struct mo_addresses {
    uint32_t count;                 /* 1 at least */
    struct mo_address list[MO_ADDRESSES];
};

/* What is to be looked up. */
struct mo_address_query {
    const char *text;
    int type;                       /* SOCK_STREAM, SOCK_DGRAM */
    bool passive;                   /* to be bound: no host means any */
};

/* 0; -EINVAL: no address; -ENOENT: no such host or service; -EHOSTUNREACH: it
 * cannot be found out just now; -ENAMETOOLONG; -ENOMEM; -ECANCELED. Can wait,
 * if it has a name in it. */
int mo_address_find(const struct mo_address_query *query,
                    struct mo_addresses *found);

#endif
