/* SPDX-License-Identifier: MIT */
/*
 * backend.h - a runtime's I/O backend, and calls that wait in it.
 */
#ifndef MO_BACKEND_H
#define MO_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <moirai/io_ops.h>

#include "atomic.h"

struct mo_node;
struct mo_waiter;
struct mo_worker;
struct moirai_runtime;

/* Opened by the first call that has to wait: most programs have none. */
struct mo_io {
    const struct moirai_io_ops *ops;    /* NULL: there is none; constant */
    void *state;
    MO_ATOMIC(uint32_t) open;       /* what is here, and each worker's ring, is
                                     * constant from then on */
    bool shared;                    /* MOIRAI_IO_SHARED */
};

/* A call, on the caller's stack until it has ended: from `request`, of which
 * the caller fills what its operation takes. */
struct mo_io_call {
    struct moirai_io_request request;
    uint32_t lock;                  /* guards what follows */
    bool ended;
    int64_t result;
    struct mo_waiter *waiter;       /* who waits; NULL: is about to, or is not
                                     * going to */
    struct mo_node *node;           /* of a select: its case; or NULL */
};

#define MO_IO_CALL(operation, descriptor)                                     \
    { .request = { .op = (operation), .fd = (descriptor), .offset = -1 } }

/* Runs a call to its end. What the operation says; -EAGAIN (deadline
 * MOIRAI_NOW), -ETIMEDOUT or -ECANCELED if it had no effect by then. Tasks and
 * plain threads; can wait. */
int64_t mo_io_run(struct mo_io_call *call, int64_t deadline_ns);

/* The parts of that, for a select that waits for other things too. Tasks only,
 * and in no simulation. begin: 0, whose end is told to the waiter and its node;
 * 1: it has ended, with its result; or a negative errno. Of what began, nobody
 * is told after leave, and after finish the memory is the caller's again; that
 * can wait. */
int mo_io_begin(struct mo_io_call *call);
void mo_io_leave(struct mo_io_call *call);
void mo_io_finish(struct mo_io_call *call);

/* Can the caller use them? */
bool mo_io_may_begin(void);

/* Tells every backend that the descriptor is new, or goes; closes it, too. */
int mo_io_forget(int fd, bool closing);

/* Text for a dump: what a call waits for, and which descriptor. */
const char *mo_io_describe(const void *object, int *fd);

/* Closes what was opened. No worker runs any more. */
void mo_io_close(struct moirai_runtime *rt);

static inline bool mo_io_is_open(const struct mo_io *io)
{
    return __builtin_expect(mo_load(&io->open) != 0, 0);
}

/* Both make ready what has ended, and say how many tasks that were. Own worker;
 * the backend is open. The first only looks, the second sleeps until there is
 * something, `until`, or somebody unparks the worker, and leaves what it finds
 * to mo_io_release, for the worker still counts as asleep; so does the third,
 * which does not sleep, and says whether that was something. */
size_t mo_io_flush(struct mo_worker *w);
void mo_io_sleep(struct mo_worker *w, int64_t until);
bool mo_io_look(struct mo_worker *w);
size_t mo_io_release(struct mo_worker *w);

#endif
