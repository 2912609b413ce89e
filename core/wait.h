/* SPDX-License-Identifier: MIT */
/*
 * wait.h - the one way to wait.
 *
 * Whatever a task or a plain thread waits for, it does so as a *waiter*: one
 * word that says whether this wait can still be ended, and by whom it was. A
 * waiter waits on an object by queueing a *node* there under the object's
 * lock. Several parties may try to end a wait at once: who makes it true, the
 * timer, a cancellation. They compete by mo_wait_claim; one wins, writes the
 * outcome, and makes the waiter go on.
 *
 * Parking is three steps: the caller, holding the object's lock, prepares and
 * calls mo_wait; the worker leaves the task's stack; and from the next stack
 * the wait is committed: opened to claims, and only then is the object's lock
 * dropped. A claim therefore never succeeds on a task that is still running on
 * its stack, and nobody finds the node before the task has left.
 *
 * Who holds an object's lock and finds a node in its queue may touch the
 * node's waiter: a wait that ended by time or cancellation takes that lock to
 * remove its node before it returns.
 */
#ifndef MO_WAIT_H
#define MO_WAIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <moirai/time.h>

#include "lock.h"

struct mo_fiber;

/* What a wait is for; names in wait.c, shown by dumps. */
enum mo_wait_kind {
    MO_WAIT_NONE,
    MO_WAIT_YIELD,
    MO_WAIT_FRAME,
    MO_WAIT_HANDLE,
    MO_WAIT_SCOPE,
    MO_WAIT_SLEEP,
    MO_WAIT_SEND,
    MO_WAIT_RECV,
    MO_WAIT_MUTEX,
    MO_WAIT_EVENT,
    MO_WAIT_LATCH,
    MO_WAIT_GROUP,
    MO_WAIT_ONCE,
    MO_WAIT_FUTURE,
    MO_WAIT_READ,
    MO_WAIT_WRITE,
    MO_WAIT_COND,
    MO_WAIT_SEMAPHORE,
    MO_WAIT_BARRIER,
    MO_WAIT_BLOCK,
    MO_WAIT_SELECT,
    MO_WAIT_LIMIT,
    MO_WAIT_RESOURCE,
    MO_WAIT_CHILDREN,
    MO_WAIT_INPUT,
    MO_WAIT_OUTPUT,
    MO_WAIT_KINDS
};

enum mo_claim {
    MO_CLAIM_IDLE,                  /* not waiting */
    MO_CLAIM_OPEN,                  /* whoever comes first ends the wait */
    MO_CLAIM_MASKED,                /* the same, but cancellation must not */
    MO_CLAIM_TAKEN,                 /* ended; the winner is about to say so */
    MO_CLAIM_ARMING = 8,            /* a select queues itself here and there */
    MO_CLAIM_POKED = 16             /* the same, and somebody came by: it has
                                     * to look again before it waits */
};

/* With OPEN or MASKED: somebody looks at the stack, and nobody may end the wait
 * before he is done, which is some 10 us later. */
#define MO_CLAIM_SEEN 4u

struct mo_waiter {
    MO_ATOMIC(uint32_t) claim;      /* enum mo_claim, MO_CLAIM_SEEN */
    int32_t result;                 /* the winner's; read after waking */
    struct mo_fiber *fiber;         /* constant; NULL: a plain thread */
    struct mo_parker *parker;       /* plain thread's, constant in a wait */
    uint32_t kind;                  /* enum mo_wait_kind; for dumps */
    uint16_t masked;
    uint16_t solo;                  /* it waits for one message, of a channel
                                     * that its worker owns: see single.c */
    const void *object;             /* for dumps */
    int64_t since_ns;               /* for dumps: when its worker last looked
                                     * at the clock before the wait */
    uint32_t *lock;                 /* dropped by the commit; or NULL */
    bool (*publish)(struct mo_waiter *waiter);  /* in its place; or NULL */
    int64_t deadline_ns;
    struct moirai_timer timer;
};

/* A waiter's place in an object's queue: guarded by the object's lock. */
struct mo_node {
    struct mo_node *next, *prev;
    struct mo_waiter *waiter;
    void *message;                  /* where it is taken from or put; or what
                                     * else the object wants to know */
    uint32_t which;                 /* a select's: 1 + its case; of all others
                                     * 0, as a task's own node is used again */
};

struct mo_queue {                   /* of nodes, oldest first */
    struct mo_node *first, *last;
};

static inline void mo_queue_add(struct mo_queue *queue, struct mo_node *node)
{
    node->next = NULL;
    node->prev = queue->last;
    if (queue->last != NULL)
        queue->last->next = node;
    else
        queue->first = node;
    queue->last = node;
}

void mo_queue_remove(struct mo_queue *queue, struct mo_node *node);

/* The same for the oldest, which is there. */
static inline void mo_queue_remove_first(struct mo_queue *queue)
{
    struct mo_node *node = queue->first;

    queue->first = node->next;
    if (node->next != NULL)
        node->next->prev = NULL;
    else
        queue->last = NULL;
    node->next = NULL;
}

/* Is the node, which is in no other queue, in this one? */
static inline bool mo_queue_holds(const struct mo_queue *queue,
                                  const struct mo_node *node)
{
    return node->prev != NULL || queue->first == node;
}

/* What a plain thread waits with, on its own stack. */
struct mo_native {
    struct mo_waiter waiter;
    struct mo_parker parker;
    struct mo_node node;
};

/* The node to queue when waiting for one object, its waiter being the calling
 * task's; or, on a plain thread, those in `native`, made ready for use. A task
 * keeps its own where a parked stack's cold pages are not touched. */
struct mo_node *mo_node_self(struct mo_native *native);

/* How to wait: `lock`, or `publish`, or neither (for the clock only). The
 * caller has dealt with MOIRAI_NOW. */
struct mo_wait {
    struct mo_waiter *waiter;       /* from mo_node_self */
    enum mo_wait_kind kind;
    bool masked;                    /* memory is lent: not to be cancelled */
    const void *object;
    int64_t deadline_ns;
    uint32_t *lock;                 /* held by the caller; dropped in here */
    /* Makes the wait known where no lock guards that; true if it is already
     * over, in which case nobody else will claim it. Masked, no deadline;
     * tasks only. */
    bool (*publish)(struct mo_waiter *waiter);
};

/* Waits until the waiter is claimed. Returns the winner's result: what
 * mo_wait_end was given, or -ETIMEDOUT, -ECANCELED. In the last two cases the
 * caller's node is still queued. The lock is not held on return. */
int mo_wait(const struct mo_wait *wait);

/* The running task will not return through its exception handlers: ends them,
 * so that whoever runs here next is in none. Can wait. */
void mo_wait_drop_exceptions(void);

/* Tries to end a wait. On true the caller alone may write to what the waiter
 * lent, and must call mo_wait_end soon. On false its node is to be taken out of
 * the queue: the wait was ended by another, or it is a select that has not
 * begun to wait, and now will look at all its cases anew. The object's lock is
 * held. */
bool mo_wait_claim(struct mo_waiter *waiter);

/* The same, expecting that nobody else has. */
static inline bool mo_wait_claim_quick(struct mo_waiter *waiter)
{
    uint32_t found = MO_CLAIM_OPEN;

    return __builtin_expect(mo_cas(&waiter->claim, &found, MO_CLAIM_TAKEN), 1)
        || mo_wait_claim(waiter);
}

/* Tells a claimed select which of its cases went on; for nodes of others it
 * does nothing. */
static inline void mo_wait_chose(struct mo_node *node)
{
    if (__builtin_expect(node->which != 0, 0))
        node->waiter->object = node;
}

/* Makes a claimed waiter go on, with this result. Preferably after dropping
 * the object's lock. The waiter may be gone when this returns. */
void mo_wait_end(struct mo_waiter *waiter, int result);

/* The same for who waited for time, or for something outside: if the runtime is
 * hybrid, it goes on before those that compute. */
void mo_wait_end_due(struct mo_waiter *waiter, int result);

/* Claims and ends it with -ECANCELED if it waits and is not masked. The caller
 * must know that the waiter cannot go away. */
bool mo_wait_cancel(struct mo_waiter *waiter);

const char *mo_wait_name(uint32_t kind);

/* Keeps a task that waits where it is, so that its stack and what it waits for
 * can be looked at: for some microseconds, since who wants to end the wait
 * spins. False: it does not wait (any more). Any thread; takes no lock, and
 * between the two none may be waited for. */
bool mo_wait_hold(struct mo_waiter *waiter);
void mo_wait_release(struct mo_waiter *waiter);

struct moirai_runtime;

/* Around what cancels or holds waits of that runtime's tasks. Its only worker
 * goes without locked instructions where it opens and ends waits on channels
 * that it owns; between the two it does not. See chan.c. Any thread; not for
 * long. */
void mo_wait_freeze(struct moirai_runtime *runtime);
void mo_wait_thaw(struct moirai_runtime *runtime);

#endif
