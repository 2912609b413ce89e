/* SPDX-License-Identifier: MIT */
/*
 * frame.c - the slow half of fork and join.
 *
 * The split queue's rules are in moirai/fork.h: a slot's word is the truth,
 * indices are hints. Here is who moves what:
 *
 *   slots[base, split)  may be public; each word says whether it is
 *   slots[split, top)   private to the owner
 *
 * Whoever found nothing to steal asks: the owner's next fork then publishes the
 * older half of its private slots. So the oldest forks, which are the largest
 * pieces of work, are the ones that move, and an owner that nobody asks pays
 * nothing. An owner that joins its last public fork and finds it gone asks
 * itself, so that there is always something to steal.
 *
 * To ask is to set fork_limit to NULL, so that one comparison tells the owner's
 * fork that it is asked or that its queue is full. `wanted` says that this was
 * done: thieves come by often, and may look there at no cost to the owner, but
 * fork_limit lies beside fork_top, which each fork and join writes. To answer,
 * the owner first restores the limit, then clears `wanted`; to ask is to swap
 * `wanted` from 0 and then to withdraw the limit. Who reads that 0 comes after
 * the limit's return. The owner asks itself by two plain stores: a thief that
 * asks at the same time may withdraw the limit once more after the answer, and
 * a fork is published unasked; or its question is lost in an answer, but that
 * came with something to steal.
 *
 * `tail` holds an era and an index. Thieves advance the index by compare-and-
 * swap; the owner starts a new era when it takes slots back below it, so that
 * no late thief can move the index past slots published since.
 *
 * Of what a loop of two workers costs most are lines that go to the other core
 * and back, one after another. So who stole asks for no more before it is done,
 * which would take the line of fork_top away; the owner does not swap a slot
 * that it sees stolen; and the words above lie beside the first slots.
 *
 * A fork is in exactly one of four conditions: in a slot of the queue of the
 * worker running the stack it lives on; on that stack's `lent` list, after the
 * stack was left or the scheduler wanted it; stolen, its word being address|2,
 * until its join; or run at once, `done` saying so. Joins come in reverse
 * order, so the newest slot, or else the head of the list, must be the one
 * that is joined. `done` is only meaningful once a fork was published.
 *
 * frame->slot remembers the slot, and is NULL if there was none. That join
 * compares it with the newest says that forks are joined in order, and is good
 * for more: what join stores to fork_top is known since the fork, and does not
 * wait for the fork before it to be undone. It says too that the stack did not
 * wait in between, since then its forks had left the queue.
 *
 * Rejected: a thief that reads the slot after moving an index (the slot may be
 * reused meanwhile, after a park emptied the queue), or one that claims by
 * index and epoch alone (wraps in seconds when the owner is busy).
 */
#include "frame.h"

#include <errno.h>

#include "idle.h"
#include "log.h"
#include "runtime.h"
#include "task.h"
#include "trace.h"

#define DONE_OUT ((uintptr_t)0)     /* nobody waits */
#define DONE_ENDED ((uintptr_t)1)   /* otherwise: the waiter */

#define PATIENCE 64                 /* pauses: a microsecond or two */

#define ADDRESS(word) ((word) & ~(MOIRAI_SLOT_PUBLIC | MOIRAI_SLOT_STOLEN))

static struct moirai_frame *frame_at(uintptr_t word)
{
    return (struct moirai_frame *)ADDRESS(word);
}

static uint32_t depth_of(const struct mo_worker *w)
{
    return (uint32_t)(w->hot.fork_top - w->slots);
}

/* Asks the owner's next fork to publish. */
static void ask(struct mo_worker *owner)
{
    if (mo_load_relaxed(&owner->forks->wanted) == 0
        && mo_swap(&owner->forks->wanted, 1) == 0)  /* pairs with answer */
        mo_store(&owner->hot.fork_limit, NULL);
}

static void answer(struct mo_worker *w)
{
    mo_store(&w->hot.fork_limit, w->slots + MO_FORK_SLOTS);
    mo_store(&w->forks->wanted, 0);
}

/* The last public fork is gone; pointless with nobody to steal. */
static void ask_oneself(struct mo_worker *w)
{
    if (mo_load_relaxed(&w->runtime->worker_count) > 1
        && mo_load_relaxed(&w->forks->wanted) == 0) {
        mo_store_relaxed(&w->forks->wanted, 1);
        mo_store_relaxed(&w->hot.fork_limit, NULL);
    }
}

void mo_frame_init(struct mo_worker *w, struct mo_forks *forks)
{
    w->forks = forks;
    w->slots = w->hot.fork_top = w->hot.fork_base = forks->slots;
    answer(w);
    ask_oneself(w);
}

/* Makes an ordinary task of it, for whoever will run it. */
static void dress(struct mo_worker *w, struct moirai_frame *frame)
{
    struct moirai_task *parent = w->task;

    frame->task.next = NULL;
    frame->task.site = parent->site;
    frame->task.scope = parent->scope;
    frame->task.fiber = NULL;
    frame->task.handle = parent->handle;
    frame->task.id = mo_task_next_id(w);
    frame->task.flags = MO_TASK_DEEP;
    frame->task.kind = MO_TASK_FRAME;
    frame->task.priority = mo_load_relaxed(&parent->priority);
    frame->failed = 0;
    mo_store_relaxed(&frame->done, DONE_OUT);
    mo_race_release(&frame->task);
}

static void lend(struct mo_fiber *fiber, struct moirai_frame *frame)
{
    frame->outer = fiber->lent;
    fiber->lent = frame;
    fiber->used = 1;
}

/* Gives thieves the oldest `share` of those that are private. */
static void publish(struct mo_worker *w, uint32_t share)
{
    for (uint32_t i = 0; i < share; i++) {
        uintptr_t *slot = &w->slots[w->fork_split + i];
        uintptr_t word = mo_load_relaxed(slot);

        dress(w, frame_at(word));
        mo_store(slot, word | MOIRAI_SLOT_PUBLIC);  /* pairs with the swap */
    }                                               /* in take_slot */
    mo_task_forks(w->task);
    w->fork_split += share;
    mo_store(&w->forks->end, w->fork_split);
    answer(w);
    mo_idle_notify(w->runtime);
}

static uint32_t private_forks(const struct mo_worker *w)
{
    return depth_of(w) - w->fork_split;
}

void mo_frame_offer(void)
{
    struct mo_worker *w = mo_here();

    if (mo_frame_open(w) && private_forks(w) != 0)
        publish(w, private_forks(w));
}

static void run_at_once(struct moirai_frame *frame)
{
    frame->slot = NULL;
    frame->failed = 0;
    frame->result = frame->task.fn(frame->task.arg);
    mo_store_relaxed(&frame->done, DONE_ENDED);
}

/* The queue is closed to inline forks: by an ordered scheduler, or because this
 * is a small stack. Fork-join recursion needs deep ones, so the fork becomes a
 * task that gets one, and later tasks of the site start on one. */
static void fork_closed(struct mo_worker *w, struct moirai_frame *frame)
{
    frame->slot = NULL;
    mo_task_forks(w->task);
    dress(w, frame);
    lend(w->fiber, frame);
    mo_count(&w->count.forks_exported, 1);
    mo_worker_ready(w->runtime, &frame->task);
}

/* Somebody asked for forks, or MO_FORK_SLOTS are outstanding, or both. */
static void fork_open(struct mo_worker *w, struct moirai_frame *frame)
{
    bool room = depth_of(w) < MO_FORK_SLOTS;

    if (room) {
        mo_store_relaxed(w->hot.fork_top, (uintptr_t)frame);
        w->hot.fork_top++;
    }
    if (mo_load_relaxed(&w->hot.fork_limit) == NULL)
        publish(w, (private_forks(w) + 1) / 2);
    if (!room)
        run_at_once(frame);
}

void moirai_fork_slow(struct moirai_frame *frame)
{
    struct mo_worker *w = mo_self();

    if (w == NULL)
        run_at_once(frame);
    else if (mo_frame_open(w))
        fork_open(w, frame);
    else
        fork_closed(w, frame);
}

/* The owner takes its newest slot back. True: nobody had stolen it. */
static bool take_back(struct mo_worker *w, uintptr_t *slot)
{
    uintptr_t word = mo_load_relaxed(slot);
    uint32_t top = (uint32_t)(slot - w->slots);
    uint64_t tail = mo_load_relaxed(&w->forks->tail);

    if ((word & MOIRAI_SLOT_STOLEN) != 0)
        mo_store_relaxed(slot, 0);      /* nobody else writes to it any more */
    else
        word = mo_swap(slot, 0);        /* pairs with a thief's swap */
    w->hot.fork_top = slot;
    if (w->fork_split > top) {
        w->fork_split = top;
        mo_store(&w->forks->end, top);
    }
    mo_store(&w->forks->tail, (((tail >> 32) + 1) << 32)
                            | ((uint32_t)tail < top ? (uint32_t)tail : top));
    if ((uint32_t)tail >= top)
        ask_oneself(w);
    return (word & MOIRAI_SLOT_STOLEN) == 0;
}

/* Tells whoever runs the fork whom to wake. True: it has ended already. */
static bool announce(struct mo_waiter *waiter)
{
    struct moirai_frame *frame = (struct moirai_frame *)waiter->object;
    uintptr_t out = DONE_OUT;

    return !mo_cas(&frame->done, &out, (uintptr_t)waiter);
}

/* Leaving the stack and coming back costs more than what is left of a short
 * fork, or of the one piece of a loop that another worker still has. */
static bool ends_soon(const struct moirai_frame *frame)
{
    if (mo_here()->runtime->os->sim != NULL)
        return mo_load(&frame->done) == DONE_ENDED;
    for (uint32_t round = 0; round < PATIENCE; round++) {
        if (mo_load(&frame->done) == DONE_ENDED)
            return true;
        mo_cpu_pause();
    }
    return false;
}

static void await(struct moirai_frame *frame)
{
    struct mo_wait how = {
        .waiter = &mo_here()->fiber->waiter, .kind = MO_WAIT_FRAME,
        .masked = true, .object = frame, .deadline_ns = MOIRAI_NEVER,
        .publish = announce,
    };

    if (!ends_soon(frame))
        mo_wait(&how);
}

/* It has been run. A parent cannot go on as if nothing was wrong. */
static bool outcome(const struct moirai_frame *frame)
{
    mo_race_acquire_last(&frame->done);
    if (frame->failed)
        moirai_fail(frame->result, NULL);
    return false;
}

/* In a forked child, which has no workers. `done` was written when the frame
 * was taken, made a task of, or could not be queued: as long as it owns its
 * slot it is what was there before. */
static bool ended_before(const struct moirai_frame *frame)
{
    uintptr_t word = frame->slot != NULL ? mo_load_relaxed(frame->slot) : 0;
    bool waits = ADDRESS(word) == (uintptr_t)frame
              && (word & MOIRAI_SLOT_STOLEN) == 0;

    return !waits && mo_load_relaxed(&frame->done) == DONE_ENDED;
}

bool moirai_unfork_slow(struct moirai_frame *frame)
{
    struct mo_worker *w = mo_self();

    if (w != NULL) {
        uintptr_t *last = w->hot.fork_top - 1;

        if (frame->slot == last
            && ADDRESS(mo_load_relaxed(last)) == (uintptr_t)frame) {
            if (take_back(w, last))
                return true;
            await(frame);
            return outcome(frame);
        }
        if (w->fiber->lent == frame) {
            w->fiber->lent = frame->outer;
            await(frame);
            return outcome(frame);
        }
    }
    if (mo_runtime_orphan() && !ended_before(frame)) {
        frame->result = -ECHILD;    /* forked before fork(2) */
        return false;
    }
    if (mo_load_relaxed(&frame->done) != DONE_ENDED)
        mo_panic("moirai_join: not the newest fork of this function");
    return outcome(frame);
}

struct moirai_frame *mo_frame_take(struct mo_worker *w,
                                   struct mo_worker *victim)
{
    struct mo_forks *forks = victim->forks;
    uint64_t tail = mo_load(&forks->tail);
    uint32_t end = mo_load(&forks->end);

    for (uint32_t i = (uint32_t)tail; i < end; i++) {
        uintptr_t *slot = &forks->slots[i];
        uintptr_t word = mo_load(slot);

        if ((word & MOIRAI_SLOT_PUBLIC) == 0
            || !mo_cas(slot, &word, ADDRESS(word) | MOIRAI_SLOT_STOLEN))
            continue;
        mo_cas(&forks->tail, &tail, (tail & ~(uint64_t)UINT32_MAX) | (i + 1));
        mo_count(&w->count.forks_stolen, 1);
        return frame_at(word);
    }
    return NULL;
}

struct moirai_frame *mo_frame_steal(struct mo_worker *w,
                                    struct mo_worker *victim)
{
    struct moirai_frame *frame = mo_frame_take(w, victim);

    if (frame == NULL)
        ask(victim);
    return frame;
}

bool mo_frame_stealable(struct mo_worker *victim)
{
    struct mo_forks *forks = victim->forks;
    uint32_t end = mo_load(&forks->end);

    for (uint32_t i = (uint32_t)mo_load(&forks->tail); i < end; i++)
        if (mo_load(&forks->slots[i]) & MOIRAI_SLOT_PUBLIC)
            return true;
    return false;
}

/* Takes every fork out of the queue, oldest first; `stay` gets each, and
 * whether somebody has stolen it. */
static void empty_queue(struct mo_worker *w,
                        void (*stay)(struct mo_worker *, struct moirai_frame *,
                                     bool stolen))
{
    uint32_t top = depth_of(w);
    uint64_t tail = mo_load_relaxed(&w->forks->tail);

    for (uint32_t i = 0; i < top; i++) {
        uintptr_t word = mo_load(&w->slots[i]);

        if (word & MOIRAI_SLOT_PUBLIC)
            word = mo_swap(&w->slots[i], 0);
        else if ((word & MOIRAI_SLOT_STOLEN) == 0)
            dress(w, frame_at(word));
        stay(w, frame_at(word), (word & MOIRAI_SLOT_STOLEN) != 0);
    }
    w->hot.fork_top = w->hot.fork_base;
    w->fork_split = 0;
    mo_store(&w->forks->end, 0);
    mo_store(&w->forks->tail, ((tail >> 32) + 1) << 32);
    ask_oneself(w);
}

static void export(struct mo_worker *w, struct moirai_frame *frame,
                   bool stolen)
{
    lend(w->fiber, frame);
    if (stolen)
        return;
    mo_count(&w->count.forks_exported, 1);
    mo_worker_ready(w->runtime, &frame->task);
}

/* The lowest slot is empty when a task begins or goes on. A fork by the inline
 * path fills it, and one that was published has been noted then. */
void mo_frame_note(struct mo_worker *w)
{
    if (mo_load_relaxed(&w->slots[0]) != 0)
        mo_task_forks(w->task);
}

void mo_frame_export(struct mo_worker *w)
{
    if (w->hot.fork_top != w->hot.fork_base)
        empty_queue(w, export);
}

static void lend_stolen(struct mo_worker *w, struct moirai_frame *frame,
                        bool stolen)
{
    if (stolen)
        lend(w->fiber, frame);
}

void mo_frame_drop(void)
{
    struct mo_worker *w = mo_here();
    struct mo_fiber *fiber = w->fiber;

    if (w->hot.fork_top != w->hot.fork_base)
        empty_queue(w, lend_stolen);
    while (fiber->lent != NULL) {
        struct moirai_frame *frame = fiber->lent;

        fiber->lent = frame->outer;
        await(frame);
    }
}

void mo_frame_finish(struct mo_worker *w, struct moirai_frame *frame,
                     int result, uint32_t failed)
{
    struct mo_waiter *waiter;
    uintptr_t done;

    if (mo_frame_missing(w))
        mo_panic("a fork in a task spawned at %s:%u ended without joining its "
                 "own", frame->task.site->file, frame->task.site->line);
    mo_task_leave_fiber(w, &frame->task);
    mo_store_relaxed(&mo_here()->slots[0], 0);  /* it may have forked */
    mo_trace(mo_here(), MO_TRACE_END, frame->task.id, result < 0);
    frame->result = result;
    frame->failed = failed;
    mo_race_release(&frame->done);
    mo_here()->task = NULL;         /* handlers of signals look there */
    done = mo_swap(&frame->done, DONE_ENDED);   /* the frame may be gone */
    if (done == DONE_OUT)
        return;
    waiter = (struct mo_waiter *)done;
    if (mo_wait_claim(waiter))
        mo_wait_end(waiter, 0);
}

bool mo_frame_missing(struct mo_worker *w)
{
    return w->hot.fork_top != w->hot.fork_base || w->fiber->lent != NULL;
}
