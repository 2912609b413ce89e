/* SPDX-License-Identifier: MIT */
/*
 * seat.h - which processors each worker is held to, and whose memory is near.
 */
#ifndef MO_SEAT_H
#define MO_SEAT_H

#include "machine.h"
#include "setup.h"

struct mo_seat {
    uint32_t node;                  /* of the machine's */
    uint32_t first, count;          /* of mo_seats.pus and .numbers */
};

/* Where nobody is bound, all is zero: the machine has not been read. Constant,
 * but for who may start workers (staff.c): he deals again. */
struct mo_seats {
    enum mo_bind bind;              /* in force; never MO_BIND_AUTO */
    struct mo_machine machine;
    uint32_t *pus;                  /* those that this process may use */
    uint32_t *numbers;              /* the system's, for them */
    struct mo_seat *each;           /* worker's; NULL: nobody is bound */
    uint32_t count;                 /* workers that there may be */
    uint32_t workers;               /* that there are at first */
};

/* Seats so many workers, as runtime.bind says, and up to `most` that there may
 * be later. `by_node`: their scheduler goes by nodes, which is what `auto`
 * depends on. On 0 the caller gives them back with mo_seats_close; they keep
 * options->topology. -ENOMEM, or another negative errno; *err says which. Any
 * thread. */
int mo_seats_open(const struct mo_runtime_options *options, bool by_node,
                  uint32_t workers, uint32_t most, struct mo_seats *seats,
                  struct moirai_error *err);
void mo_seats_close(struct mo_seats *seats);

/* From now on the process may use these `n` processors: deals anew, if workers
 * are bound and that is something else. `stay`: on the nodes that they are on;
 * if such a node has none of them, anywhere. Processors that the machine did
 * not have when it was read do not count. 1: done; 0: all is as it was;
 * -ENOMEM, and so it is. */
int mo_seats_deal(struct mo_seats *seats, const uint32_t *numbers, uint32_t n,
                  bool stay);

/* Of worker `index`, of `count`. Those for whom there was no hardware thread
 * have all of a node's. */
static inline const struct mo_seat *mo_seats_of(const struct mo_seats *seats,
                                                uint32_t index)
{
    return &seats->each[index];
}

#endif
