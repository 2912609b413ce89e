/* SPDX-License-Identifier: MIT */
/*
 * moirai/stack.h - where stacks come from.
 *
 * A stack plugin reserves, guards and takes back stacks. The core keeps small
 * caches in front of it, decides when a task needs a stack, and reports
 * overflows; so these functions are called rarely and may make system calls.
 *
 * Thread:  get and put from any worker, several at once; init and fini while
 *          no worker runs.
 * Locks:   the core holds none. get and put may take their own, briefly.
 * Memory:  state zeroed, of state_size, allocated by the core.
 * Owner:   a stack that get returned is the core's until put.
 */
#ifndef MOIRAI_STACK_H
#define MOIRAI_STACK_H

#include <stdbool.h>

#include <moirai/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MOIRAI_STACK_ABI 1

/* What a task may ask for. */
enum moirai_stack_class {
    MOIRAI_STACK_TASK = 0,          /* a task that waits: small */
    MOIRAI_STACK_LOOP = 1,          /* where fresh tasks start: deep */
    MOIRAI_STACK_EXTRA = 2,         /* a task that says how much it needs, of a
                                     * plugin that says that it has them */
    MOIRAI_STACK_CLASSES = 3
};

/* How overflow is caught. */
enum moirai_guard {
    MOIRAI_GUARD_NONE = 0,
    MOIRAI_GUARD_MPROTECT = 1,
    MOIRAI_GUARD_INSTALL = 2        /* MADV_GUARD_INSTALL: no mapping each */
};

struct moirai_stack {
    char *base;                     /* lowest usable byte, above the guard */
    size_t size;                    /* usable bytes */
    size_t guard;                   /* bytes of guard below base */
    uint32_t stack_class;           /* enum moirai_stack_class */
    uint32_t guard_kind;            /* enum moirai_guard */
};

struct moirai_stack_usage {
    uint64_t reserved_bytes;        /* of address space */
    uint64_t stacks;                /* handed out now */
    uint64_t pooled;                /* kept for reuse */
    uint32_t guard_kind;            /* in force for new stacks */
    uint32_t reserved;
};

struct moirai_stack_ops {
    size_t state_size;

    /* Required. 0, or a negative errno with *err filled, leaving nothing. */
    int (*init)(void *state, const void *config,
                const struct moirai_host *host, struct moirai_error *err);
    void (*fini)(void *state);      /* required; all stacks have been put */

    /* Required. Fills *stack, 16-byte aligned, readable and writable; its
     * contents are undefined. 0, -ENOMEM, -EAGAIN (a configured limit). */
    int (*get)(void *state, enum moirai_stack_class stack_class,
               struct moirai_stack *stack);

    /* Required. Takes it back; nobody is running on it. */
    void (*put)(void *state, const struct moirai_stack *stack);

    /* Optional. Gives the pages below `low` (inside the stack, the lowest
     * address still in use) back to the system. */
    void (*trim)(void *state, const struct moirai_stack *stack, char *low);

    /* Required. The usable size that stacks of a class have. */
    size_t (*class_size)(void *state, enum moirai_stack_class stack_class);

    /* Optional. For statistics and `moirai check`. */
    void (*usage)(void *state, struct moirai_stack_usage *usage);

    /* Optional. The stack has overflowed, and its task is to be ended on it.
     * `open`: makes all of its guard usable but the lowest page, and returns
     * how many bytes that is; 0: it cannot. Called in a signal handler: it may
     * make system calls, and touch what is constant. Otherwise: guards it again
     * as before; nobody is running on it; returns the same, or 0: it cannot,
     * and the stack is put back as one that has no guard. */
    size_t (*relax)(void *state, const struct moirai_stack *stack, bool open);

    /* Optional: as get and put, for `n` stacks of one class, n > 0, where one
     * call costs less than n. get_many fills as many as it can, from the front,
     * and returns how many: 0 is what get fails with. */
    uint32_t (*get_many)(void *state, enum moirai_stack_class stack_class,
                         struct moirai_stack *stacks, uint32_t n);
    void (*put_many)(void *state, const struct moirai_stack *stacks,
                     uint32_t n);

    /* Optional. There has been nothing to do for a while: gives back the memory
     * of stacks that nobody has. By any worker, while others get and put. */
    void (*cool)(void *state);

    /* How many of the classes it has; 0: the first two. class_size is 0 of one
     * that it has not, as it is configured, and get is not called for that. */
    uint32_t classes;
    uint32_t reserved;
};

#ifdef __cplusplus
}
#endif

#endif
