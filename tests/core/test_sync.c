/* SPDX-License-Identifier: MIT */
/*
 * test_sync.c - the mutex: one owner at a time, first come first served, for
 * tasks and threads alike, and no owner takes it to the grave.
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "check.h"
#include "with.h"

#define TASKS 8

struct shared {
    struct moirai_mutex mutex;
    int count;                      /* guarded by the mutex */
    int inside;                     /* who is inside now; likewise */
    int turns;                      /* each takes so many */
    int order[TASKS];
    int n, ready;
};

/* --- one at a time ------------------------------------------------------- */

static int count_up(void *arg)
{
    struct shared *s = arg;

    for (int i = 0; i < s->turns; i++) {
        int seen;

        CHECK_EQ(moirai_mutex_lock(&s->mutex, MOIRAI_NEVER), 0);
        CHECK_EQ(s->inside++, 0);
        seen = s->count;
        if (i % 16 == 0)
            moirai_yield();
        if (i % 64 == 0)
            moirai_sleep_until(moirai_after(10 * MOIRAI_US));
        s->count = seen + 1;
        s->inside--;
        CHECK_EQ(moirai_mutex_unlock(&s->mutex), 0);
        if (i % 8 == 0)
            moirai_yield();
    }
    return 0;
}

static int counting(void *arg)
{
    struct shared s = { MOIRAI_MUTEX_INIT, .turns = *(int *)arg };
    struct moirai_scope scope;

    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    for (int i = 0; i < TASKS; i++)
        CHECK_EQ(moirai_spawn(&scope, count_up, &s), 0);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    CHECK_EQ(s.count, TASKS * s.turns);
    return 0;
}

TEST(mutex, lets_one_in_at_a_time)
{
    int turns = (int)with_times(2000);
    int few = 5;

    with_each(counting, &turns);
    with_seeds(1000, counting, &few);
}

static void *count_up_thread(void *arg)
{
    CHECK_EQ(count_up(arg), 0);
    return NULL;
}

TEST(mutex, is_shared_by_tasks_and_threads)
{
    struct shared s = { MOIRAI_MUTEX_INIT, .turns = (int)with_times(1000) };
    struct moirai_runtime *rt = with_workers(2);
    struct moirai_scope scope;
    pthread_t threads[4];

    CHECK_EQ(moirai_scope_begin(&scope, rt, MOIRAI_NEVER), 0);
    for (int i = 0; i < 4; i++) {
        CHECK_EQ(moirai_spawn(&scope, count_up, &s), 0);
        CHECK_EQ(pthread_create(&threads[i], NULL, count_up_thread, &s), 0);
    }
    CHECK_EQ(moirai_scope_end(&scope), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    CHECK_EQ(s.count, 8 * s.turns);
    with_end(rt);
}

TEST(mutex, is_shared_by_tasks_of_several_runtimes)
{
    struct shared s = { MOIRAI_MUTEX_INIT, .turns = (int)with_times(1000) };
    struct moirai_runtime *rt[2] = { with_workers(2), with_workers(1) };
    struct moirai_scope scope[2];

    for (int i = 0; i < 2; i++) {
        CHECK_EQ(moirai_scope_begin(&scope[i], rt[i], MOIRAI_NEVER), 0);
        for (int j = 0; j < 4; j++)
            CHECK_EQ(moirai_spawn(&scope[i], count_up, &s), 0);
    }
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(moirai_scope_end(&scope[i]), 0);
        with_end(rt[i]);
    }
    CHECK_EQ(s.count, 8 * s.turns);
}

/* --- first come, first served -------------------------------------------- */

struct turn {
    struct shared *shared;
    int number;
};

static int take_turn(void *arg)
{
    struct turn *t = arg;
    struct shared *s = t->shared;

    while (with_get(&s->ready) != t->number)
        moirai_yield();
    with_set(&s->ready, t->number + 1);
    CHECK_EQ(moirai_mutex_lock(&s->mutex, MOIRAI_NEVER), 0);
    s->order[s->n++] = t->number;
    CHECK_EQ(moirai_mutex_unlock(&s->mutex), 0);
    return 0;
}

/* On one worker: who sets `ready` queues before the next one sees it. Then the
 * mutex is taken before its first waiter can, but not twice. */
static int fair(void *arg)
{
    struct shared s = { MOIRAI_MUTEX_INIT, .n = 0 };
    struct turn turns[TASKS];
    struct moirai_scope scope;

    (void)arg;
    CHECK_EQ(moirai_mutex_lock(&s.mutex, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    for (int i = TASKS - 1; i >= 0; i--) {
        turns[i] = (struct turn){ &s, i };
        CHECK_EQ(moirai_spawn(&scope, take_turn, &turns[i]), 0);
    }
    while (with_get(&s.ready) != TASKS)
        moirai_yield();
    CHECK_EQ(s.n, 0);
    CHECK_EQ(moirai_mutex_unlock(&s.mutex), 0);
    CHECK_EQ(moirai_mutex_lock(&s.mutex, MOIRAI_NOW), 0);
    moirai_yield();                 /* the first one comes, in vain */
    CHECK_EQ(s.n, 0);
    CHECK_EQ(moirai_mutex_unlock(&s.mutex), 0);
    CHECK_EQ(moirai_mutex_lock(&s.mutex, MOIRAI_NOW), -EAGAIN);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    for (int i = 0; i < TASKS; i++)
        CHECK_EQ(s.order[i], i);
    return 0;
}

TEST(mutex, goes_to_whoever_has_waited_longest_and_is_overtaken_once)
{
    with_one(1, fair, NULL);
}

/* --- what is refused ----------------------------------------------------- */

static int hold_until(void *arg)
{
    struct shared *s = arg;

    CHECK_EQ(moirai_mutex_lock(&s->mutex, MOIRAI_NEVER), 0);
    with_set(&s->ready, 1);
    with_wait(&s->turns);
    CHECK_EQ(moirai_mutex_unlock(&s->mutex), 0);
    return 0;
}

/* The same from a task and from a thread. */
static void be_refused(struct shared *s)
{
    int64_t until = moirai_after(2 * MOIRAI_MS);

    CHECK_EQ(moirai_mutex_lock(&s->mutex, MOIRAI_NOW), -EAGAIN);
    CHECK_EQ(moirai_mutex_lock(&s->mutex, 1), -ETIMEDOUT);
    CHECK_EQ(moirai_mutex_lock(&s->mutex, until), -ETIMEDOUT);
    CHECK(moirai_now() >= until);
    CHECK_EQ(moirai_mutex_unlock(&s->mutex), -EPERM);
    with_set(&s->turns, 1);
    CHECK_EQ(moirai_mutex_lock(&s->mutex, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_mutex_lock(&s->mutex, MOIRAI_NEVER), -EDEADLK);
    CHECK_EQ(moirai_mutex_lock(&s->mutex, MOIRAI_NOW), -EDEADLK);
    CHECK_EQ(moirai_mutex_unlock(&s->mutex), 0);
    CHECK_EQ(moirai_mutex_unlock(&s->mutex), -EPERM);
}

static int refusals(void *arg)
{
    struct shared s = { MOIRAI_MUTEX_INIT, .n = 0 };
    struct moirai_scope scope;

    (void)arg;
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn(&scope, hold_until, &s), 0);
    with_wait(&s.ready);
    be_refused(&s);
    return moirai_scope_end(&scope);
}

TEST(mutex, refuses_who_cannot_have_it)
{
    struct shared s = { MOIRAI_MUTEX_INIT, .n = 0 };
    struct moirai_runtime *rt;
    struct moirai_scope scope;

    with_each(refusals, NULL);
    with_seeds(10, refusals, NULL);
    rt = with_workers(2);
    CHECK_EQ(moirai_scope_begin(&scope, rt, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn(&scope, hold_until, &s), 0);
    with_wait(&s.ready);
    be_refused(&s);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    with_end(rt);
}

/* --- waits that end otherwise -------------------------------------------- */

static int give_up(void *arg)
{
    struct shared *s = arg;
    int rc = moirai_mutex_lock(&s->mutex, moirai_after(50 * MOIRAI_US));

    if (rc == 0)
        CHECK_EQ(moirai_mutex_unlock(&s->mutex), 0);
    else
        CHECK_EQ(rc, -ETIMEDOUT);
    return 0;
}

static int deadlines(void *arg)
{
    struct shared s = { MOIRAI_MUTEX_INIT, .turns = 20 };
    struct moirai_scope scope;

    (void)arg;
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    for (int i = 0; i < 4; i++)
        CHECK_EQ(moirai_spawn(&scope, count_up, &s), 0);
    for (int i = 0; i < 40; i++)
        CHECK_EQ(moirai_spawn(&scope, give_up, &s), 0);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    CHECK_EQ(s.count, 80);
    CHECK_EQ(moirai_mutex_lock(&s.mutex, MOIRAI_NOW), 0);
    CHECK_EQ(moirai_mutex_unlock(&s.mutex), 0);
    return 0;
}

TEST(mutex, is_not_lost_on_waiters_whose_time_has_come)
{
    with_each(deadlines, NULL);
    with_seeds(1000, deadlines, NULL);
}

static int end_with_locks(void *arg)
{
    struct moirai_mutex *m = arg;

    for (int i = 0; i < 3; i++)
        CHECK_EQ(moirai_mutex_lock(&m[i], MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_mutex_unlock(&m[1]), 0);
    return 0;
}

static int end_with_locks_after_a_wait(void *arg)
{
    moirai_yield();
    return end_with_locks(arg);
}

static int forgotten(void *arg)
{
    static moirai_fn *const bodies[] = { end_with_locks,
                                         end_with_locks_after_a_wait };
    (void)arg;
    for (int i = 0; i < 2; i++) {
        struct moirai_mutex m[3] = { MOIRAI_MUTEX_INIT };
        struct moirai_scope scope;

        CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
        CHECK_EQ(moirai_spawn(&scope, bodies[i], m), 0);
        CHECK_EQ(moirai_scope_end(&scope), 0);
        CHECK_EQ(moirai_mutex_lock(&m[0], MOIRAI_NOW), -EOWNERDEAD);
        CHECK_EQ(moirai_mutex_lock(&m[1], MOIRAI_NOW), 0);
        CHECK_EQ(moirai_mutex_lock(&m[2], MOIRAI_NOW), -EOWNERDEAD);
        CHECK_EQ(moirai_mutex_unlock(&m[2]), 0);
        CHECK_EQ(moirai_mutex_unlock(&m[0]), 0);
        CHECK_EQ(moirai_mutex_unlock(&m[1]), 0);
        CHECK_EQ(moirai_mutex_lock(&m[2], MOIRAI_NOW), 0);
        CHECK_EQ(moirai_mutex_unlock(&m[2]), 0);
    }
    return 0;
}

TEST(mutex, passes_on_when_its_owner_ends)
{
    with_each(forgotten, NULL);
}

/* --- its memory ---------------------------------------------------------- */

#define GONE 0x5a

/* What each of two who share it leaves; the last one gives it back. */
struct lent {
    struct moirai_mutex mutex;
    int users;
};

static int leave(struct lent *lent)
{
    int left = --lent->users;

    CHECK_EQ(moirai_mutex_unlock(&lent->mutex), 0);
    if (left == 0)
        memset(lent, GONE, sizeof *lent);
    return 0;
}

static int leave_first(void *arg)
{
    struct lent *lent = arg;

    CHECK_EQ(moirai_mutex_lock(&lent->mutex, MOIRAI_NEVER), 0);
    moirai_yield();
    return leave(lent);
}

/* Has waited, and comes back when the other one is in the middle of unlocking,
 * which looks for somebody who waits. */
static int leave_last(void *arg)
{
    struct lent *lent = arg;
    int rc = moirai_mutex_lock(&lent->mutex, moirai_after(1));

    while (rc != 0) {
        moirai_yield();
        rc = moirai_mutex_lock(&lent->mutex, MOIRAI_NOW);
    }
    return leave(lent);
}

static int give_back(void *arg)
{
    struct lent lent = { MOIRAI_MUTEX_INIT, 2 };
    struct moirai_scope scope;

    (void)arg;
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn(&scope, leave_first, &lent), 0);
    CHECK_EQ(moirai_spawn(&scope, leave_last, &lent), 0);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    for (size_t i = 0; i < sizeof lent; i++)
        CHECK_EQ(((unsigned char *)&lent)[i], GONE);
    return 0;
}

TEST(mutex, may_go_once_it_is_unlocked)
{
    with_each(give_back, NULL);
    with_seeds(300, give_back, NULL);
}
