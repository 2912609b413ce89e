/* SPDX-License-Identifier: MIT */
/*
 * test_uring.c - the I/O backend on io_uring: the promises of every one. It is
 * compiled into this program, because the library has it not.
 */
#include "conforms.h"

#include <moirai/io_ops.h>

IO_CONFORMANCE(io_uring, io_uring, NULL)
