/* SPDX-License-Identifier: MIT */
/*
 * gate.h - a lock, a flag, and who waits: what most of the things that can be
 * waited for are made of.
 *
 * The contract. Everything is guarded by gate->lock, a word lock. A gate that
 * is `open` is not waited for: who finds it so, under the lock, goes on. Who
 * finds it closed adds his node to mo_gate_queue and waits; the commit of the
 * wait drops the lock. Who opens takes every node out, claims its waiter, drops
 * the lock, and only then ends the waits he has claimed, with 0: the gate may
 * be gone by then. A wait that ends in any other way takes the lock to take its
 * node out; if that is not there any more, the opener was first, and the wait
 * has succeeded after all.
 *
 * A node with which != 0 is a case of a select: of events, latches and futures,
 * which open for all. It is claimed in gate.c's claim_all, and nowhere else.
 *
 * What is waited for may be more than one flag: a semaphore, a lock or a
 * barrier keeps its own state beside the gate, under its lock, and does not
 * use `open`.
 */
#ifndef MO_GATE_H
#define MO_GATE_H

#include <stdint.h>

#include <moirai/event.h>

#include "wait.h"

static inline struct mo_queue *mo_gate_queue(struct moirai_gate *gate)
{
    return (struct mo_queue *)&gate->first;
}

_Static_assert(offsetof(struct moirai_gate, last)
               - offsetof(struct moirai_gate, first)
               == offsetof(struct mo_queue, last), "a gate holds a queue");

/* Waits until the gate is open. 0, -EAGAIN, -ETIMEDOUT, -ECANCELED, -ECHILD;
 * `kind` and `object` are for dumps. */
int mo_gate_wait(struct moirai_gate *gate, enum mo_wait_kind kind,
                 const void *object, int64_t deadline_ns);

/* Opens it, and wakes all. */
void mo_gate_open(struct moirai_gate *gate);

/* --- for who keeps a state of his own --------------------------------------
 * The lock is held by the caller, and dropped where it says so. */

/* May the caller wait? 0; -EAGAIN, -ECHILD. */
int mo_gate_refusal(int64_t deadline_ns);

/* Waits to be woken, as mo_gate_wait does; the lock is dropped. Returns what
 * mo_gate_release was given, or what else has ended the wait. */
int mo_gate_park(struct moirai_gate *gate, enum mo_wait_kind kind,
                 const void *object, int64_t deadline_ns);

/* The same for a node of mo_node_self that says more. On a negative result the
 * caller goes on with mo_gate_leave. */
int mo_gate_park_node(struct moirai_gate *gate, struct mo_node *node,
                      enum mo_wait_kind kind, const void *object,
                      int64_t deadline_ns);

/* After a wait that was not ended by a waker: takes the lock, and the node out.
 * False: a waker has taken it out, and could not claim it. */
bool mo_gate_leave(struct moirai_gate *gate, struct mo_node *node);

/* The oldest node whose wait the caller has ended, taken out; NULL: there is
 * none. What is claimed is to be woken. */
struct mo_node *mo_gate_claim_first(struct moirai_gate *gate);

/* Lets all who wait now go on with this result, which is not negative. The
 * lock is dropped. */
void mo_gate_release(struct moirai_gate *gate, int result);

/* Ends the waits of nodes that were claimed, oldest first. No lock is held. */
void mo_gate_wake(struct mo_queue *claimed, int result);

#endif
