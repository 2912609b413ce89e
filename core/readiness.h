/* SPDX-License-Identifier: MIT */
/*
 * readiness.h - descriptors among the cases of a select.
 */
#ifndef MO_READINESS_H
#define MO_READINESS_H

#include <moirai/select.h>

#include "backend.h"
#include "wait.h"

/* Some of the events have come: 0; or the error that is the case's result;
 * -EAGAIN: not yet. Any thread; does not wait. */
int mo_readiness_look(const struct moirai_case *it);

/* Begins to wait for them, with a node of the case. 0; -EAGAIN: they have come;
 * or the error that is the case's result. */
int mo_readiness_arm(const struct moirai_case *it, struct mo_io_call *call,
                     struct mo_node *node);

/* What mo_readiness_look says of a call that has ended. */
int mo_readiness_told(const struct moirai_case *it,
                      const struct mo_io_call *call);

static inline int mo_readiness_fd(const struct moirai_case *it)
{
    return (int)(uint32_t)it->time_ns;
}

#endif
