/* SPDX-License-Identifier: MIT */
/*
 * readiness.c - a descriptor is asked by poll(2), and waited for by the I/O
 * backend.
 */
#include "readiness.h"

#include <errno.h>

#include "os/fd.h"

static void fill(const struct moirai_case *it, struct mo_io_call *call)
{
    *call = (struct mo_io_call)MO_IO_CALL(MOIRAI_IO_POLL, mo_readiness_fd(it));
    call->request.events = (uint32_t)((uint64_t)it->time_ns >> 32);
}

/* An error, or the events that have come. */
static int told(const struct moirai_case *it, int64_t result)
{
    if (result < 0)
        return (int)result;
    if (it->message != NULL)
        *(int *)it->message = (int)result;
    return 0;
}

int mo_readiness_look(const struct moirai_case *it)
{
    struct mo_io_call call;

    if (mo_readiness_fd(it) < 0)
        return -EAGAIN;
    fill(it, &call);
    return told(it, mo_fd_try(&call.request));
}

int mo_readiness_arm(const struct moirai_case *it, struct mo_io_call *call,
                     struct mo_node *node)
{
    int rc;

    fill(it, call);
    call->waiter = node->waiter;
    call->node = node;
    node->message = call;
    rc = mo_io_begin(call);
    if (rc != 0)
        call->ended = true;
    return rc == 1 ? -EAGAIN : rc;
}

int mo_readiness_told(const struct moirai_case *it,
                      const struct mo_io_call *call)
{
    return told(it, call->result);
}
