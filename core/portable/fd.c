/* SPDX-License-Identifier: MIT */
/*
 * fd.c - there is no I/O here.
 */
#include "os/fd.h"

#include <errno.h>

int64_t mo_fd_try(struct moirai_io_request *request)
{
    (void)request;
    return -ENOSYS;
}

int64_t mo_fd_do(struct moirai_io_request *request)
{
    (void)request;
    return -ENOSYS;
}

bool mo_fd_wait(const struct moirai_io_request *request, int64_t until)
{
    (void)request;
    (void)until;
    return false;
}

int mo_fd_close(int fd)
{
    (void)fd;
    return -ENOSYS;
}
