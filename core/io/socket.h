/* SPDX-License-Identifier: MIT */
/*
 * socket.h - sockets, and what they are told before they are used.
 */
#ifndef MO_SOCKET_H
#define MO_SOCKET_H

#include <moirai/net.h>

#include "io/address.h"

/* A new one for that address, with what attr (whole) says. The descriptor or a
 * negative errno. */
int mo_socket_open(const struct mo_address *address, int type,
                   const struct moirai_net_attr *attr);

/* *own is what `given` (or NULL) says, and presets. -EINVAL: it makes no
 * sense. */
int mo_socket_attr(struct moirai_net_attr *own,
                   const struct moirai_net_attr *given);

/* Binds it; replaces a dead Unix path if attr allows it. */
int mo_socket_bind(int fd, const struct mo_address *address,
                   const struct moirai_net_attr *attr);

#endif
