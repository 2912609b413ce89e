/* SPDX-License-Identifier: MIT */
/*
 * uio.h - pieces of memory.
 */
#ifndef MO_WINDOWS_UIO_H
#define MO_WINDOWS_UIO_H

#include <stddef.h>

struct iovec {
    void *iov_base;
    size_t iov_len;
};

#endif
