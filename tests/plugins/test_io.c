/* SPDX-License-Identifier: MIT */
/*
 * test_io.c - the I/O backends that come with moirai: the promises of every
 * one.
 */
#include "conforms.h"

#include <moirai/io_ops.h>

IO_CONFORMANCE(io_epoll, io_epoll, NULL)
