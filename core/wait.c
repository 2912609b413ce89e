/* SPDX-License-Identifier: MIT */
/*
 * wait.c - prepare, leave, commit; claim, end.
 *
 * What keeps a waiter's memory valid while a commit runs on the next stack.
 * Opening the claim lets others resume the task at once, on another worker.
 * But the task cannot get far: if it was queued on an object, its return path
 * needs the object's lock to dequeue itself (or the waker dequeued it under
 * that lock), and the commit still holds it; if a timer was armed, it must
 * pass mo_timer_disarm, and the commit holds that wheel's lock. The commit
 * drops those locks last and touches nothing after. A wait without an object
 * always arms a timer. A wait that publishes itself is masked, has no timer,
 * and the publishing itself is the commit's last access.
 *
 * Cancellation. The canceller sets a flag, then tries the claim; the commit
 * opens the claim by a swap, then reads the flag. Both are sequentially
 * consistent, so at least one of them sees the other.
 *
 * The only worker of a runtime need not swap, nor commit from the next stack
 * (mo_solo_leave): those who could end a wait of its own channels, or look at
 * its stack, are it itself, and threads that freeze it first. Either the freeze
 * sees that the worker is inside, and waits until the task has left its stack
 * and all this is seen; or the worker sees that it is frozen, and does as all
 * others; or that it is so no more, and then what was done meanwhile.
 */
#include "wait.h"

#include <errno.h>
#include <stddef.h>

#include "attend.h"
#include "embed.h"
#include "fault.h"
#include "fiber.h"
#include "frame.h"
#include "idle.h"
#include "inject.h"
#include "leave.h"
#include "task.h"
#include "worker.h"

static const char *const wait_names[MO_WAIT_KINDS] = {
    [MO_WAIT_NONE] = "nothing",
    [MO_WAIT_YIELD] = "its turn",
    [MO_WAIT_FRAME] = "join of a fork",
    [MO_WAIT_HANDLE] = "join of a task",
    [MO_WAIT_SCOPE] = "end of a scope",
    [MO_WAIT_SLEEP] = "sleep",
    [MO_WAIT_SEND] = "channel send",
    [MO_WAIT_RECV] = "channel receive",
    [MO_WAIT_MUTEX] = "mutex",
    [MO_WAIT_EVENT] = "event",
    [MO_WAIT_LATCH] = "latch",
    [MO_WAIT_GROUP] = "wait group",
    [MO_WAIT_ONCE] = "once",
    [MO_WAIT_FUTURE] = "future",
    [MO_WAIT_READ] = "read lock",
    [MO_WAIT_WRITE] = "write lock",
    [MO_WAIT_COND] = "condition",
    [MO_WAIT_SEMAPHORE] = "semaphore",
    [MO_WAIT_BARRIER] = "barrier",
    [MO_WAIT_BLOCK] = "blocking call",
    [MO_WAIT_SELECT] = "select",
    [MO_WAIT_LIMIT] = "limit",
    [MO_WAIT_RESOURCE] = "resource",
    [MO_WAIT_CHILDREN] = "children of a supervisor",
    [MO_WAIT_INPUT] = "input",
    [MO_WAIT_OUTPUT] = "output",
};

const char *mo_wait_name(uint32_t kind)
{
    return kind < MO_WAIT_KINDS ? wait_names[kind] : "?";
}

void mo_queue_remove(struct mo_queue *queue, struct mo_node *node)
{
    if (node->prev != NULL)
        node->prev->next = node->next;
    else
        queue->first = node->next;
    if (node->next != NULL)
        node->next->prev = node->prev;
    else
        queue->last = node->prev;
    node->next = node->prev = NULL;
}

struct mo_node *mo_node_self(struct mo_native *native)
{
    struct mo_worker *w = mo_self();
    struct mo_parker *own;
    struct mo_os *os;

    if (w != NULL && w->task != NULL)
        return &w->fiber->node;
    *native = (struct mo_native){ .waiter = { .parker = &native->parker },
                                  .node = { .waiter = &native->waiter } };
    os = mo_os_here();
    own = mo_embed_parker();
    if (own != NULL && os->sim == NULL)
        native->waiter.parker = own;
    else
        os->parker_init(os, &native->parker);
    return &native->node;
}

static bool waits(uint32_t claim)
{
    uint32_t state = claim & ~MO_CLAIM_SEEN;

    return state == MO_CLAIM_OPEN || state == MO_CLAIM_MASKED;
}

/* Somebody looks at the task; that does not take long. */
static uint32_t look_again(struct mo_waiter *waiter, uint32_t round)
{
    mo_relax(round);
    return mo_load(&waiter->claim);
}

bool mo_wait_hold(struct mo_waiter *waiter)
{
    uint32_t found = mo_load(&waiter->claim);

    for (uint32_t round = 0; waits(found);) {
        if (found & MO_CLAIM_SEEN)
            found = look_again(waiter, round++);
        else if (mo_cas(&waiter->claim, &found, found | MO_CLAIM_SEEN))
            return true;
    }
    return false;
}

void mo_wait_release(struct mo_waiter *waiter)
{
    mo_store(&waiter->claim,
             mo_load_relaxed(&waiter->claim) & ~MO_CLAIM_SEEN);
}

/* Is that a worker that is alone, and this another thread? */
static bool is_foreign(const struct moirai_runtime *rt)
{
    return rt->owning && mo_self() != rt->workers[0];
}

void mo_wait_freeze(struct moirai_runtime *runtime)
{
    struct mo_worker *w = runtime->workers[0];

    if (!is_foreign(runtime))
        return;
    mo_add(&runtime->visitors, 1);
    mo_add(&w->frozen, 1);
    mo_os_barrier();                /* pairs with the half in mo_chan_enter */
    for (uint32_t round = 0; mo_load(&w->inside) != 0;)
        mo_relax(round++);
}

void mo_wait_thaw(struct moirai_runtime *runtime)
{
    if (!is_foreign(runtime))
        return;
    mo_sub(&runtime->workers[0]->frozen, 1);
    mo_sub(&runtime->visitors, 1);
}

bool mo_wait_claim(struct mo_waiter *waiter)
{
    uint32_t found = mo_load(&waiter->claim);

    for (uint32_t round = 0; waits(found) || found == MO_CLAIM_ARMING;) {
        if (found == MO_CLAIM_ARMING)
            mo_cas(&waiter->claim, &found, MO_CLAIM_POKED);
        else if (found & MO_CLAIM_SEEN)
            found = look_again(waiter, round++);
        else if (mo_cas(&waiter->claim, &found, MO_CLAIM_TAKEN))
            return true;
    }
    return false;
}

static inline void write_result(struct mo_waiter *waiter, int result)
{
    struct mo_worker *w = mo_self();

    if (w != NULL)
        mo_count(&w->count.woken, 1);
    waiter->result = result;
    mo_race_release(waiter);
}

void mo_wait_end(struct mo_waiter *waiter, int result)
{
    write_result(waiter, result);
    if (waiter->fiber == NULL)
        mo_unpark(waiter->parker);
    else
        mo_worker_ready(waiter->fiber->task->scope->runtime,
                        waiter->fiber->task);
}

void mo_wait_end_due(struct mo_waiter *waiter, int result)
{
    struct moirai_task *task;

    if (waiter->fiber == NULL) {
        mo_wait_end(waiter, result);
        return;
    }
    task = waiter->fiber->task;
    write_result(waiter, result);
    mo_attend_ready(task->scope->runtime, task);
}

bool mo_wait_cancel(struct mo_waiter *waiter)
{
    uint32_t found = MO_CLAIM_OPEN;

    for (uint32_t round = 0;
         !mo_cas(&waiter->claim, &found, MO_CLAIM_TAKEN); round++) {
        if (found != (MO_CLAIM_OPEN | MO_CLAIM_SEEN))
            return false;
        look_again(waiter, round);
        found = MO_CLAIM_OPEN;
    }
    mo_wait_end(waiter, -ECANCELED);
    return true;
}

static void expire(struct moirai_timer *timer)
{
    struct mo_waiter *waiter = (struct mo_waiter *)
        ((char *)timer - offsetof(struct mo_waiter, timer));

    if (mo_wait_claim(waiter))
        mo_wait_end_due(waiter, -ETIMEDOUT);
}

/* Drops the lock of the object: the word, or, of a channel that the worker
 * owns, its being inside. */
static void leave_lock(uint32_t *lock)
{
    struct mo_worker *w = mo_here();

    if (mo_load_relaxed(&w->inside) != 0)
        mo_store(&w->inside, 0);
    else
        mo_word_unlock(lock);
}

/* The commit of a wait on a locked object, for as long as it takes. */
void mo_commit_locked(void *arg)
{
    struct mo_waiter *waiter = arg;
    uint32_t *lock = waiter->lock;
    bool over = false;

    mo_swap(&waiter->claim, waiter->masked ? MO_CLAIM_MASKED : MO_CLAIM_OPEN);
    if (!waiter->masked && mo_task_cancelled(waiter->fiber->task))
        over = mo_wait_claim(waiter);
    leave_lock(lock);
    if (__builtin_expect(over, 0))
        mo_wait_end(waiter, -ECANCELED);
}

/* The commit of a wait on a locked object, or on the clock alone, that time
 * may end. */
void mo_commit_timed(void *arg)
{
    struct mo_waiter *waiter = arg;
    struct mo_worker *w = mo_here();
    uint32_t *lock = waiter->lock;
    int64_t deadline = waiter->deadline_ns;
    bool over = false;
    bool first;

    if (mo_injects())
        deadline = mo_inject_late(waiter->fiber->task, deadline);
    mo_lock_take(&w->timers.lock);
    first = mo_timer_insert(&w->timers, &waiter->timer, deadline, expire);
    mo_swap(&waiter->claim, waiter->masked ? MO_CLAIM_MASKED : MO_CLAIM_OPEN);
    if (!waiter->masked && mo_task_cancelled(waiter->fiber->task))
        over = mo_wait_claim(waiter);
    mo_lock_drop(&w->timers.lock);
    if (lock != NULL)
        leave_lock(lock);
    if (over)
        mo_wait_end(waiter, -ECANCELED);
    else if (first)
        mo_idle_deadline(w->runtime, deadline);
}

/* The commit of a select. Its lock is nobody else's: it keeps the task from
 * going on, once the claim is open, before all is done here. */
void mo_commit_select(void *arg)
{
    struct mo_waiter *waiter = arg;
    struct mo_worker *w = mo_here();
    int64_t deadline = waiter->deadline_ns;
    uint32_t *lock = waiter->lock;
    bool timed = deadline != MOIRAI_NEVER;
    bool first = false;
    int why = 0;

    if (mo_injects())
        deadline = mo_inject_late(waiter->fiber->task, deadline);
    if (timed) {
        mo_lock_take(&w->timers.lock);
        first = mo_timer_insert(&w->timers, &waiter->timer, deadline, expire);
    }
    if (mo_swap(&waiter->claim, MO_CLAIM_OPEN) == MO_CLAIM_POKED)
        why = -EAGAIN;
    else if (mo_task_cancelled(waiter->fiber->task))
        why = -ECANCELED;
    if (why != 0 && !mo_wait_claim(waiter))
        why = 0;
    if (timed)
        mo_lock_drop(&w->timers.lock);
    mo_word_unlock(lock);
    if (why != 0)
        mo_wait_end(waiter, why);
    else if (first)
        mo_idle_deadline(w->runtime, deadline);
}

/* The commit of a wait that is announced by one atomic word. */
void mo_commit_published(void *arg)
{
    struct mo_waiter *waiter = arg;

    mo_swap(&waiter->claim, MO_CLAIM_MASKED);
    if (waiter->publish(waiter) && mo_wait_claim(waiter))
        mo_wait_end(waiter, 0);
}

void __cxa_end_catch(void) __attribute__((weak));

/* Ending a handler destroys its exception, which may run the program's code
 * and wait. One that is on its way to its handler cannot be reached. */
void mo_wait_drop_exceptions(void)
{
    void **globals;

    if (__cxa_get_globals == NULL || __cxa_end_catch == NULL)
        return;
    while ((globals = __cxa_get_globals())[0] != NULL)
        __cxa_end_catch();
    globals[1] = NULL;
}

static bool park(struct mo_parker *parker, int64_t until)
{
    return parker == mo_embed_parker() ? mo_embed_park(until)
                                       : mo_park(parker, until);
}

/* A plain thread is never "still on its stack": it opens its claim, drops the
 * lock and sleeps. When its time is up it has to win its own claim. */
static int wait_native(const struct mo_wait *how)
{
    struct mo_waiter *waiter = how->waiter;
    uint32_t *lock = how->lock;
    bool again;

    mo_wait_describe(how);
    again = mo_swap(&waiter->claim, MO_CLAIM_OPEN) == MO_CLAIM_POKED
        && mo_wait_claim(waiter);
    if (lock != NULL)
        mo_word_unlock(lock);
    if (again)
        return -EAGAIN;
    if (!park(waiter->parker, waiter->deadline_ns)) {
        if (mo_wait_claim(waiter))
            return -ETIMEDOUT;
        while (!park(waiter->parker, MOIRAI_NEVER))
            continue;
    }
    mo_race_acquire_last(waiter);
    return waiter->result;
}

int64_t mo_wait_sooner(const struct moirai_task *task,
                       const struct mo_wait *how)
{
    int64_t own = mo_task_deadline(task);

    if (mo_injects())
        mo_inject_cancel(task, how);
    if (how->masked || how->kind == MO_WAIT_SCOPE || own >= how->deadline_ns)
        return how->deadline_ns;
    return own;
}

int mo_wait(const struct mo_wait *how)
{
    if (how->waiter->fiber == NULL)
        return wait_native(how);
    return mo_wait_task(how);
}
