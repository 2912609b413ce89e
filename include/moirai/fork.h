/* SPDX-License-Identifier: MIT */
/*
 * moirai/fork.h - fork and join inside a function, for a few instructions.
 *
 *     struct moirai_frame left;
 *     moirai_fork(&left, sort, &low);      may run elsewhere
 *     sort(&high);
 *     moirai_join(&left);                  runs it here unless stolen
 *
 * Where a nanosecond counts, the caller makes the call itself, in its own way,
 * with arguments and result in registers:
 *
 *     moirai_fork(&left, fib_task, &low);
 *     sum = fib(n - 2);
 *     sum += moirai_unfork(&left) ? fib(n - 1) : low.result;
 *
 * A fork lives in the caller's frame, and joins come in the reverse order of
 * forks, before the function returns. The fork goes into the worker's split
 * queue; join takes it back and calls it, unless another worker stole it. Only
 * work that was stolen pays for atomic operations. Nobody writes to what a fork
 * and its join touch, but a worker that finds nothing to steal: it withdraws
 * the limit, so that the owner's next fork takes the slow path and gives some.
 *
 * The split queue: every slot holds one word, and the word is the truth; the
 * indices only say where to look. The owner alone touches a private slot (the
 * plain address of a frame), with plain loads and stores. It makes a slot
 * public by storing address|1 with release order; from then on owner and
 * thieves take it by compare-and-swap, a thief leaving address|2 behind. So a
 * thief that acts on stale indices can only fail, or take what is truly there.
 *
 * Source: the private and shared halves are those of T. van Dijk, J. C. van de
 * Pol, "Lace: non-blocking split deque for work-stealing" (2014), the claim on
 * the slot itself that of K.-F. Faxen, "Wool" (2008).
 */
#ifndef MOIRAI_FORK_H
#define MOIRAI_FORK_H

#include <moirai/task.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A forked task, in the caller's frame. Every field is the core's. */
struct moirai_frame {
    struct moirai_task task;
    struct moirai_frame *outer;     /* lent before this one, same stack */
    uintptr_t *slot;                /* it was put in, or NULL */
    uintptr_t done;                 /* atomic: running, waiter, or ended */
    int32_t result;
    uint32_t failed;                /* it ended by moirai_fail */
};

/* The part of a worker that inline paths touch; its own thread only, except
 * `fork_limit`. */
struct moirai_worker {
    uintptr_t *fork_top;            /* next free slot; the end: none is */
    uintptr_t *fork_limit;          /* atomic: the end, or NULL: asked for */
    uintptr_t *fork_base;           /* fork_top, where nothing is forked */
    uint32_t index;
};

#define MOIRAI_SLOT_PUBLIC ((uintptr_t)1)
#define MOIRAI_SLOT_STOLEN ((uintptr_t)2)

/* The worker this thread is running. On a plain thread, one that stands for
 * "outside": forks made there run at once. It has to be read again after every
 * call that can wait, so the read must never be merged with an earlier one:
 * hence volatile. */
#if defined(__LP64__) && defined(__ELF__) && !defined(MOIRAI_SLOW_SELF)       \
    && (defined(__x86_64__) || defined(__aarch64__) || defined(__riscv))
#define MOIRAI_INLINE_SELF 1
static inline struct moirai_worker *moirai_self(void)
{
    struct moirai_worker *worker;

#if defined(__x86_64__)
    __asm__ volatile("movq moirai_self_worker@gottpoff(%%rip), %0\n\t"
                     "movq %%fs:(%0), %0" : "=r"(worker));
#elif defined(__aarch64__)
    uintptr_t thread;

    __asm__ volatile("mrs %1, tpidr_el0\n\t"
                     "adrp %0, :gottprel:moirai_self_worker\n\t"
                     "ldr %0, [%0, :gottprel_lo12:moirai_self_worker]\n\t"
                     "ldr %0, [%0, %1]" : "=&r"(worker), "=&r"(thread));
#else
    __asm__ volatile("la.tls.ie %0, moirai_self_worker\n\t"
                     "add %0, %0, tp\n\t"
                     "ld %0, 0(%0)" : "=&r"(worker));
#endif
    return worker;
}
#else
/* The same by a call. */
struct moirai_worker *moirai_self(void);
#endif

/* Where moirai_fork goes when the inline path does not apply. Does not wait,
 * but runs the task where it cannot be queued. */
void moirai_fork_slow(struct moirai_frame *frame);

/* Where moirai_unfork goes likewise, and with the same result. Can wait. */
bool moirai_unfork_slow(struct moirai_frame *frame);

/* Forks fn(arg) into `frame`. The frame and `arg` are lent until the matching
 * moirai_join or moirai_unfork returns. Cannot fail: where it cannot be queued,
 * as on a plain thread, it is run at once. Does not wait. */
static inline void moirai_fork(struct moirai_frame *frame, moirai_fn *fn,
                               void *arg)
{
    struct moirai_worker *worker = moirai_self();
    uintptr_t *top = worker->fork_top;

    frame->task.fn = fn;
    frame->task.arg = arg;
    frame->slot = top;
    if (__builtin_expect(top < __atomic_load_n(&worker->fork_limit,
                                               __ATOMIC_RELAXED), 1)) {
        __atomic_store_n(top, (uintptr_t)frame, __ATOMIC_RELAXED);
        worker->fork_top = top + 1;
        return;
    }
    moirai_fork_slow(frame);
}

/* Ends the fork of `frame`, which must be the newest not yet ended. True: it
 * was not begun and will not be; what it would have done is the caller's to do.
 * False: it has been run, and frame->result is what its function returned; this
 * waits for whoever stole it. If it failed (moirai_fail), the caller fails with
 * the same code. Not ended by cancellation: the frame is lent. Can wait. */
static inline bool moirai_unfork(struct moirai_frame *frame)
{
    struct moirai_worker *worker = moirai_self();
    uintptr_t *slot = frame->slot;

    if (__builtin_expect(worker->fork_top - 1 == slot
                         && __atomic_load_n(slot, __ATOMIC_RELAXED)
                            == (uintptr_t)frame, 1)) {
        worker->fork_top = slot;
        return true;
    }
    return moirai_unfork_slow(frame);
}

/* The same, and makes the call if it is the caller's to make. Returns what the
 * function returned. */
static inline int moirai_join(struct moirai_frame *frame)
{
    return moirai_unfork(frame) ? frame->task.fn(frame->task.arg)
                                : frame->result;
}

#ifdef __cplusplus
}
#endif

#endif
