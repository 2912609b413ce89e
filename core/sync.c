/* SPDX-License-Identifier: MIT */
/*
 * sync.c - a mutex that is taken by one exchange, and forgets nobody.
 *
 * One word says who owns it, and whether others wait. While nobody waits,
 * locking and unlocking exchange that word and nothing else. Who finds it taken
 * tries again for a moment, as most owners need it for a few instructions; then
 * it queues, under the mutex's spin lock, and parks.
 *
 * Unlocking lets the oldest waiter try, and until that one runs, others may
 * still take the mutex: a task that locks it again and again does not have to
 * wait each time for another one to be woken. But a waiter that tried in vain
 * goes back to the head of the queue and says so, and then the next unlock
 * hands the mutex over to it, before it runs. So a waiter is passed over once,
 * and those who wait get it in the order they came.
 *
 * Every mutex knows its owner and every task what it holds, so that a task that
 * fails does not take its locks with it, and so that deadlocks can be found.
 * The owner is named by the fiber its code runs on, or by a thread's own
 * marker. The links of what an owner holds are touched by the owner only, or by
 * who hands the mutex to it, while it is not running.
 *
 * The word. Only who holds the spin lock sets WAITED, in a word that has an
 * owner, and then queues: so the owner's exchange, which expects itself alone,
 * fails, and it takes the spin lock too. Only its owner, or who holds the spin
 * lock for it, makes it free; anybody makes it taken, by an exchange that
 * expects it free. With WAITED it may be free while one who was woken is on its
 * way (`waking`), who takes it then, or queues again.
 *
 * Who makes the mutex free under the spin lock drops that after it. So an owner
 * that unlocks without it first sees that it is free: then nobody is in here
 * but those who still want the mutex, and its memory may go with the last.
 */
#include "sync.h"

#include <errno.h>
#include <stddef.h>

#include <moirai/sync.h>

#include "inherit.h"
#include "runtime.h"
#include "worker.h"

#define WAITED ((uintptr_t)2)       /* somebody may be in the queue */
#define DIED ((uintptr_t)4)         /* nobody owns it: a task that failed did */
#define TRIES 4                     /* each after twice as long, up to 1 us */
#define AGAIN 1                     /* result of a wait: try again */

/* Its address names a thread; one more than that, lest dumps take it for a
 * fiber's. */
static _Thread_local _Alignas(8) char thread_marker[8];

/* Only to be called where the result cannot be kept across a wait. */
static __attribute__((noinline)) uintptr_t which_thread(void)
{
    return (uintptr_t)(thread_marker + 1);
}

/* The running task's fiber; NULL on a plain thread. */
static inline struct mo_fiber *task_fiber(void)
{
    struct mo_worker *w = mo_here();

    return w->task != NULL ? w->fiber : NULL;
}

static inline uintptr_t name_of(const struct mo_fiber *fiber)
{
    return fiber != NULL ? (uintptr_t)fiber : which_thread();
}

/* Of a word that says the mutex is held; NULL: by a thread. */
static struct mo_fiber *named_by(uintptr_t word)
{
    return (word & 1) != 0 ? NULL
                           : (struct mo_fiber *)(word & ~(WAITED | DIED));
}

const struct mo_fiber *mo_mutex_owner(const struct moirai_mutex *mutex,
                                      bool *thread)
{
    uintptr_t word = mo_load_relaxed(&mutex->word);

    *thread = (word & 1) != 0;
    return named_by(word);
}

static struct mo_queue *waiters_of(struct moirai_mutex *mutex)
{
    return (struct mo_queue *)&mutex->first;
}

_Static_assert(offsetof(struct moirai_mutex, last)
               - offsetof(struct moirai_mutex, first)
               == offsetof(struct mo_queue, last), "a mutex holds a queue");
_Static_assert(_Alignof(struct mo_fiber) >= 8, "fibers' names have free bits");

static inline void hold(struct mo_fiber *fiber, struct moirai_mutex *mutex)
{
    if (fiber == NULL)
        return;
    mutex->held_prev = NULL;
    mutex->held_next = fiber->held;
    if (fiber->held != NULL)
        fiber->held->held_prev = mutex;
    fiber->held = mutex;
    fiber->used = 1;
}

static inline void unhold(struct mo_fiber *fiber, struct moirai_mutex *mutex)
{
    if (fiber == NULL)
        return;
    if (mutex->held_prev != NULL)
        mutex->held_prev->held_next = mutex->held_next;
    else
        fiber->held = mutex->held_next;
    if (mutex->held_next != NULL)
        mutex->held_next->held_prev = mutex->held_prev;
}

/* --- locking -------------------------------------------------------------- */

/* Takes it if nobody has it. */
static inline bool take(struct moirai_mutex *mutex, uintptr_t self)
{
    uintptr_t word = mo_load_relaxed(&mutex->word);

    return (word & ~WAITED) == 0
        && mo_cas(&mutex->word, &word, self | word);
}

/* The same, for a moment: on another processor its owner may soon be done. */
static bool take_soon(struct moirai_mutex *mutex, uintptr_t self)
{
    const struct mo_worker *w = mo_self();

    if (mo_os_here()->sim != NULL || (w != NULL && w->queue.alone))
        return false;
    for (uint32_t i = 0; i < TRIES && !mo_load_relaxed(&mutex->hand); i++) {
        if (take(mutex, self))
            return true;
        mo_relax(i);
    }
    return false;
}

/* Takes it, or, if the caller may wait, marks it as waited for. The spin lock
 * is held. 0; -EOWNERDEAD: taken too; AGAIN: marked; or why it may not wait. */
static int take_or_mark(struct moirai_mutex *mutex, uintptr_t self,
                        int64_t deadline_ns)
{
    uintptr_t word = mo_load_relaxed(&mutex->word);

    for (;;) {
        if ((word & ~WAITED) == self)
            return -EDEADLK;
        if ((word & ~(WAITED | DIED)) == 0) {
            if (mo_cas(&mutex->word, &word, self | (word & WAITED)))
                return (word & DIED) != 0 ? -EOWNERDEAD : 0;
        } else if (deadline_ns <= MOIRAI_NOW) {
            return -EAGAIN;
        } else if (mo_runtime_bereft()) {
            return -ECHILD;
        } else if ((word & WAITED) != 0
                   || mo_cas(&mutex->word, &word, word | WAITED)) {
            return AGAIN;
        }
    }
}

/* Back to the head of the queue: it was woken, and came too late. */
static void queue_first(struct mo_queue *queue, struct mo_node *node)
{
    node->prev = NULL;
    node->next = queue->first;
    if (queue->first != NULL)
        queue->first->prev = node;
    else
        queue->last = node;
    queue->first = node;
}

/* Waits in the queue. The spin lock is held, and dropped here. What the one who
 * unlocked said, or what else has ended the wait. */
static int wait_turn(struct moirai_mutex *mutex, uintptr_t self, bool again,
                     int64_t deadline_ns, bool masked)
{
    struct mo_native native;
    struct mo_donor donor;
    struct mo_node *node = mo_node_self(&native);
    struct mo_wait how = { .waiter = node->waiter, .kind = MO_WAIT_MUTEX,
                           .masked = masked, .object = mutex,
                           .deadline_ns = deadline_ns, .lock = &mutex->lock };
    bool lends = node->waiter->fiber != NULL
              && mo_inherits(mo_here()->runtime);
    int rc;

    if (node->waiter->fiber != NULL)
        mo_here()->contended++;
    if (lends)
        mo_inherit_join(mutex, named_by(mo_load_relaxed(&mutex->word)),
                        &donor);
    node->message = (void *)self;
    if (again) {
        mo_store_relaxed(&mutex->hand, 1);
        queue_first(waiters_of(mutex), node);
    } else {
        mo_queue_add(waiters_of(mutex), node);
    }
    rc = mo_wait(&how);
    if (rc == 0 || rc == AGAIN || rc == -EOWNERDEAD)
        return rc;
    mo_word_lock(&mutex->lock);
    if (mo_queue_holds(waiters_of(mutex), node))
        mo_queue_remove(waiters_of(mutex), node);
    if (lends)
        mo_inherit_leave(&donor);
    mo_word_unlock(&mutex->lock);
    return rc;
}

static MO_COLD int lock_slowly(struct moirai_mutex *mutex, int64_t deadline_ns,
                               bool masked)
{
    struct mo_fiber *fiber = task_fiber();
    uintptr_t self = name_of(fiber);
    bool again = false;
    int rc = deadline_ns > MOIRAI_NOW && take_soon(mutex, self) ? 0 : AGAIN;

    while (rc == AGAIN) {
        mo_word_lock(&mutex->lock);
        if (again)
            mutex->waking = 0;
        rc = take_or_mark(mutex, self, deadline_ns);
        if (rc != AGAIN) {
            mo_word_unlock(&mutex->lock);
            break;
        }
        rc = wait_turn(mutex, self, again, deadline_ns, masked);
        if (rc == 0 || rc == -EOWNERDEAD)
            return rc;              /* it was handed over, and is held */
        again = true;
    }
    if (rc == 0 || rc == -EOWNERDEAD) {
        mo_race_acquire(&mutex->word);
        hold(fiber, mutex);
    }
    return rc;
}

int moirai_mutex_lock(struct moirai_mutex *mutex, int64_t deadline_ns)
{
    struct mo_fiber *fiber = task_fiber();

    if (__builtin_expect(!take(mutex, name_of(fiber)), 0))
        return lock_slowly(mutex, deadline_ns, false);
    mo_race_acquire(&mutex->word);
    hold(fiber, mutex);
    return 0;
}

int mo_mutex_retake(struct moirai_mutex *mutex)
{
    return lock_slowly(mutex, MOIRAI_NEVER, true);
}

/* --- unlocking ------------------------------------------------------------ */

/* The oldest that still waits, claimed and taken out; or NULL. */
static struct mo_node *claim_first(struct moirai_mutex *mutex)
{
    struct mo_queue *queue = waiters_of(mutex);
    struct mo_node *node;

    while ((node = queue->first) != NULL) {
        mo_queue_remove_first(queue);
        if (mo_wait_claim(node->waiter))
            return node;
        mo_inherit_drop(node->waiter);
    }
    return NULL;
}

/* Ends the owning, which others wait for, or `died`. The spin lock is held, and
 * dropped here. */
static void pass_on(struct moirai_mutex *mutex, bool died)
{
    bool lent = mo_inherit_awaited(mutex);
    bool hand = died || lent || mutex->hand != 0;
    struct mo_node *node = hand || !mutex->waking ? claim_first(mutex) : NULL;
    uintptr_t waited = mutex->first != NULL ? WAITED : 0;
    struct mo_waiter *waiter = node != NULL ? node->waiter : NULL;

    if (lent)
        mo_inherit_pass(mutex, waiter);
    mo_store_relaxed(&mutex->hand, 0);
    if (waiter == NULL) {
        mo_store(&mutex->word, waited | (died ? DIED : 0));
    } else if (hand) {
        hold(waiter->fiber, mutex);
        mo_store(&mutex->word, (uintptr_t)node->message | waited);
    } else {
        mutex->waking = 1;
        mo_store(&mutex->word, waited);
    }
    mo_word_unlock(&mutex->lock);
    if (waiter != NULL)
        mo_wait_end(waiter, !hand ? AGAIN : died ? -EOWNERDEAD : 0);
}

/* The one from whom the caller took it may not have dropped the spin lock yet,
 * and once the caller has unlocked it the mutex may be gone. */
static inline void wait_for_last(struct moirai_mutex *mutex)
{
    for (uint32_t round = 0;
         __builtin_expect(mo_load(&mutex->lock) != 0, 0);)
        mo_relax(round++);
}

int moirai_mutex_unlock(struct moirai_mutex *mutex)
{
    struct mo_fiber *fiber = task_fiber();
    uintptr_t self = name_of(fiber);

    if (__builtin_expect((mo_load_relaxed(&mutex->word) & ~WAITED) != self, 0))
        return -EPERM;
    unhold(fiber, mutex);
    mo_race_release(&mutex->word);
    wait_for_last(mutex);
    if (__builtin_expect(mo_cas(&mutex->word, &self, 0), 1))
        return 0;
    mo_word_lock(&mutex->lock);
    pass_on(mutex, false);
    return 0;
}

void mo_mutex_pass_on(struct mo_fiber *fiber)
{
    while (fiber->held != NULL) {
        struct moirai_mutex *mutex = fiber->held;

        unhold(fiber, mutex);
        mo_race_release(&mutex->word);
        mo_word_lock(&mutex->lock);
        pass_on(mutex, true);
    }
}
