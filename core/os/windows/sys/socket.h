/* SPDX-License-Identifier: MIT */
/*
 * socket.h - as much as moirai/io_ops.h needs to be read. No I/O plugin runs on
 * Windows.
 */
#ifndef MO_WINDOWS_SOCKET_H
#define MO_WINDOWS_SOCKET_H

struct sockaddr;
typedef int socklen_t;

#endif
