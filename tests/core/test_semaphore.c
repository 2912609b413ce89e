/* SPDX-License-Identifier: MIT */
/*
 * test_semaphore.c - what is special to semaphores, barriers and conditions.
 * What they have in common with others is in test_gate.c.
 */
#include <errno.h>
#include <pthread.h>

#include "check.h"
#include "with.h"

#define TASKS 8

/* --- semaphore ----------------------------------------------------------- */

struct berths {
    struct moirai_semaphore semaphore;
    int inside, most;               /* so many of the things are out */
    int turns;
};

static int take_some(void *arg)
{
    struct berths *b = arg;

    for (int i = 0; i < b->turns; i++) {
        uint32_t n = 1 + (uint32_t)i % 3;
        int64_t until = i % 4 ? MOIRAI_NEVER : moirai_after(10 * MOIRAI_US);
        int rc = moirai_semaphore_wait(&b->semaphore, n, until);

        if (rc == -ETIMEDOUT && until != MOIRAI_NEVER)
            continue;
        CHECK_EQ(rc, 0);
        CHECK(with_add(&b->inside, (int)n) <= b->most);
        moirai_yield();
        with_add(&b->inside, -(int)n);
        CHECK_EQ(moirai_semaphore_post(&b->semaphore, n), 0);
    }
    return 0;
}

static int berthing(void *arg)
{
    struct berths b = { MOIRAI_SEMAPHORE_INIT(4), .most = 4,
                        .turns = *(int *)arg };
    struct moirai_scope scope;

    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    for (int i = 0; i < TASKS; i++)
        CHECK_EQ(moirai_spawn(&scope, take_some, &b), 0);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    CHECK_EQ(moirai_semaphore_wait(&b.semaphore, 5, MOIRAI_NOW), -EAGAIN);
    CHECK_EQ(moirai_semaphore_wait(&b.semaphore, 4, MOIRAI_NOW), 0);
    return 0;
}

TEST(semaphore, gives_no_more_than_there_is)
{
    int turns = (int)with_times(200);
    int few = 6;

    with_each(berthing, &turns);
    with_seeds(200, berthing, &few);
}

static void *take_some_thread(void *arg)
{
    take_some(arg);
    return NULL;
}

TEST(semaphore, is_shared_by_tasks_and_threads)
{
    struct berths b = { MOIRAI_SEMAPHORE_INIT(4), .most = 4,
                        .turns = (int)with_times(300) };
    struct moirai_runtime *rt = with_workers(2);
    struct moirai_scope scope;
    pthread_t threads[3];

    CHECK_EQ(moirai_scope_begin(&scope, rt, MOIRAI_NEVER), 0);
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(moirai_spawn(&scope, take_some, &b), 0);
        CHECK_EQ(pthread_create(&threads[i], NULL, take_some_thread, &b), 0);
    }
    CHECK_EQ(moirai_scope_end(&scope), 0);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    CHECK_EQ(moirai_semaphore_wait(&b.semaphore, 4, MOIRAI_NOW), 0);
    with_end(rt);
}

struct want {
    struct moirai_semaphore *semaphore;
    struct moirai_scope *scope;
    int *order, *n;
    uint32_t many;
    int rc;
};

static int want_many(void *arg)
{
    struct want *want = arg;

    CHECK_EQ(moirai_semaphore_wait(want->semaphore, want->many, MOIRAI_NEVER),
             want->rc);
    want->order[(*want->n)++] = (int)want->many;
    return 0;
}

/* On one worker, each waits when the yield returns. */
static int overtaking(void *arg)
{
    struct moirai_semaphore semaphore = { 0 };
    struct moirai_scope scope, other;
    int order[4], n = 0;
    struct want want[4];

    (void)arg;
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_scope_begin(&other, NULL, MOIRAI_NEVER), 0);
    for (int i = 0; i < 4; i++) {
        want[i] = (struct want){ &semaphore, NULL, order, &n, 4 - (uint32_t)i,
                                 i == 0 ? -ECANCELED : 0 };
        CHECK_EQ(moirai_spawn(i == 0 ? &other : &scope, want_many, &want[i]),
                 0);
        moirai_yield();
    }
    CHECK_EQ(moirai_semaphore_post(&semaphore, 3), 0);
    moirai_yield();
    CHECK_EQ(n, 0);                 /* the first wants four */
    CHECK_EQ(moirai_semaphore_wait(&semaphore, 1, MOIRAI_NOW), -EAGAIN);
    moirai_scope_cancel(&other);
    CHECK_EQ(moirai_scope_end(&other), -ECANCELED);
    while (n < 2)
        moirai_yield();
    CHECK_EQ(order[0] + order[1], 4 + 3);
    CHECK_EQ(moirai_semaphore_post(&semaphore, 2), 0);
    CHECK_EQ(moirai_semaphore_post(&semaphore, 1), 0);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    CHECK_EQ(n, 4);
    CHECK_EQ(moirai_semaphore_wait(&semaphore, 1, MOIRAI_NOW), -EAGAIN);
    return 0;
}

TEST(semaphore, serves_who_has_waited_longest_and_others_when_he_goes)
{
    with_one(1, overtaking, NULL);
}

TEST(semaphore, counts_no_further_than_it_can)
{
    struct moirai_semaphore semaphore = MOIRAI_SEMAPHORE_INIT(UINT32_MAX);

    CHECK_EQ(moirai_semaphore_post(&semaphore, 1), -EOVERFLOW);
    CHECK_EQ(moirai_semaphore_wait(&semaphore, UINT32_MAX, MOIRAI_NOW), 0);
    CHECK_EQ(moirai_semaphore_wait(&semaphore, 0, MOIRAI_NOW), 0);
    CHECK_EQ(moirai_semaphore_wait(&semaphore, 1, MOIRAI_NOW), -EAGAIN);
}

/* --- barrier ------------------------------------------------------------- */

struct march {
    struct moirai_barrier barrier;
    int steps[TASKS];
    int n, lasts, rounds;
    int passed, timed_out, cancelled, broken;
    int64_t patience;
};

static int march(void *arg)
{
    struct march *m = arg;
    int me = with_add(&m->n, 1) - 1;

    for (int round = 1; round <= m->rounds; round++) {
        int rc;

        m->steps[me] = round;
        rc = moirai_barrier_wait(&m->barrier, MOIRAI_NEVER);
        CHECK(rc == 0 || rc == MOIRAI_BARRIER_LAST);
        with_add(&m->lasts, rc == MOIRAI_BARRIER_LAST);
        for (int i = 0; i < TASKS; i++)
            CHECK_EQ(m->steps[i], round);
        rc = moirai_barrier_wait(&m->barrier, MOIRAI_NEVER);
        CHECK(rc == 0 || rc == MOIRAI_BARRIER_LAST);
    }
    return 0;
}

static int marching(void *arg)
{
    struct march m = { MOIRAI_BARRIER_INIT(TASKS), .rounds = *(int *)arg };
    struct moirai_scope scope;

    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    for (int i = 0; i < TASKS; i++)
        CHECK_EQ(moirai_spawn(&scope, march, &m), 0);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    CHECK_EQ(m.lasts, m.rounds);
    return 0;
}

TEST(barrier, holds_each_until_all_have_come)
{
    int rounds = (int)with_times(100);
    int few = 3;

    with_each(marching, &rounds);
    with_seeds(200, marching, &few);
}

static void *march_thread(void *arg)
{
    march(arg);
    return NULL;
}

TEST(barrier, is_shared_by_tasks_and_threads)
{
    struct march m = { MOIRAI_BARRIER_INIT(TASKS),
                       .rounds = (int)with_times(50) };
    struct moirai_runtime *rt = with_workers(2);
    struct moirai_scope scope;
    pthread_t threads[TASKS / 2];

    CHECK_EQ(moirai_scope_begin(&scope, rt, MOIRAI_NEVER), 0);
    for (int i = 0; i < TASKS / 2; i++) {
        CHECK_EQ(moirai_spawn(&scope, march, &m), 0);
        CHECK_EQ(pthread_create(&threads[i], NULL, march_thread, &m), 0);
    }
    CHECK_EQ(moirai_scope_end(&scope), 0);
    for (int i = 0; i < TASKS / 2; i++)
        pthread_join(threads[i], NULL);
    CHECK_EQ(m.lasts, m.rounds);
    with_end(rt);
}

static int come(void *arg)
{
    struct march *m = arg;
    int64_t until = m->patience == 0 ? MOIRAI_NEVER
                                     : moirai_after(m->patience);

    switch (moirai_barrier_wait(&m->barrier, until)) {
    case 0:
    case MOIRAI_BARRIER_LAST: with_add(&m->passed, 1); break;
    case -ETIMEDOUT: with_add(&m->timed_out, 1); break;
    case -ECANCELED: with_add(&m->cancelled, 1); break;
    case -EPIPE: with_add(&m->broken, 1); break;
    default: CHECK(false);
    }
    return 0;
}

/* All pass, or none does. */
static int giving_up(void *arg)
{
    struct march m = { MOIRAI_BARRIER_INIT(TASKS),
                       .patience = 20 * MOIRAI_US };
    struct moirai_scope scope;

    (void)arg;
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    for (int i = 0; i < TASKS; i++)
        CHECK_EQ(moirai_spawn(&scope, come, &m), 0);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    CHECK(m.passed == TASKS || m.passed == 0);
    CHECK_EQ(m.passed + m.timed_out + m.broken, TASKS);
    CHECK_EQ(moirai_barrier_wait(&m.barrier, MOIRAI_NOW),
             m.passed ? -EAGAIN : -EPIPE);
    return 0;
}

TEST(barrier, is_passed_by_all_or_none)
{
    with_each(giving_up, NULL);
    with_seeds(300, giving_up, NULL);
}

static int breaking(void *arg)
{
    struct march m = { MOIRAI_BARRIER_INIT(3), .n = 0 };
    struct moirai_scope scope, other;

    (void)arg;
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_scope_begin(&other, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn(&scope, come, &m), 0);
    CHECK_EQ(moirai_spawn(&other, come, &m), 0);
    moirai_yield();
    moirai_scope_cancel(&other);
    CHECK_EQ(moirai_scope_end(&other), -ECANCELED);
    CHECK_EQ(moirai_barrier_wait(&m.barrier, MOIRAI_NEVER), -EPIPE);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    CHECK_EQ(m.cancelled, 1);
    CHECK_EQ(m.broken, 1);
    moirai_barrier_reset(&m.barrier);
    CHECK_EQ(moirai_barrier_wait(&m.barrier, MOIRAI_NOW), -EAGAIN);
    moirai_barrier_break(&m.barrier);
    CHECK_EQ(moirai_barrier_wait(&m.barrier, MOIRAI_NOW), -EPIPE);
    return 0;
}

TEST(barrier, stays_broken_until_it_is_reset)
{
    with_one(1, breaking, NULL);
}

TEST(barrier, for_one_is_none)
{
    struct moirai_barrier barrier = MOIRAI_BARRIER_INIT(1);

    CHECK_EQ(moirai_barrier_wait(&barrier, MOIRAI_NOW), MOIRAI_BARRIER_LAST);
    CHECK_EQ(moirai_barrier_wait(&barrier, MOIRAI_NEVER),
             MOIRAI_BARRIER_LAST);
}

/* --- condition ----------------------------------------------------------- */

struct store {
    struct moirai_mutex mutex;
    struct moirai_cond more, less;
    int there, made, taken;         /* guarded by the mutex */
    int goods;                      /* each makes so many */
    bool hurry;
};

static int make_goods(void *arg)
{
    struct store *s = arg;

    for (int i = 0; i < s->goods; i++) {
        CHECK_EQ(moirai_mutex_lock(&s->mutex, MOIRAI_NEVER), 0);
        while (s->there == 2)
            CHECK_EQ(moirai_cond_wait(&s->less, &s->mutex, MOIRAI_NEVER), 0);
        s->there++;
        s->made++;
        moirai_cond_signal(&s->more);
        CHECK_EQ(moirai_mutex_unlock(&s->mutex), 0);
    }
    return 0;
}

static int take_goods(void *arg)
{
    struct store *s = arg;

    for (int i = 0; i < s->goods; i++) {
        int rc = 0;

        CHECK_EQ(moirai_mutex_lock(&s->mutex, MOIRAI_NEVER), 0);
        while (s->there == 0) {
            rc = moirai_cond_wait(&s->more, &s->mutex, s->hurry && i % 2
                                      ? moirai_after(10 * MOIRAI_US)
                                      : MOIRAI_NEVER);
            CHECK(rc == 0 || rc == -ETIMEDOUT);
        }
        s->there--;
        s->taken++;
        moirai_cond_signal(&s->less);
        CHECK_EQ(moirai_mutex_unlock(&s->mutex), 0);
    }
    return 0;
}

static int trading(void *arg)
{
    struct store s = { .goods = *(int *)arg, .hurry = true };
    struct moirai_scope scope;

    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    for (int i = 0; i < TASKS / 2; i++) {
        CHECK_EQ(moirai_spawn(&scope, make_goods, &s), 0);
        CHECK_EQ(moirai_spawn(&scope, take_goods, &s), 0);
    }
    CHECK_EQ(moirai_scope_end(&scope), 0);
    CHECK_EQ(s.there, 0);
    CHECK_EQ(s.taken, TASKS / 2 * s.goods);
    return 0;
}

TEST(cond, loses_no_signal)
{
    int goods = (int)with_times(100);
    int few = 4;

    with_each(trading, &goods);
    with_seeds(300, trading, &few);
}

static void *make_goods_thread(void *arg)
{
    make_goods(arg);
    return NULL;
}

static void *take_goods_thread(void *arg)
{
    take_goods(arg);
    return NULL;
}

TEST(cond, is_shared_by_tasks_and_threads)
{
    struct store s = { .goods = (int)with_times(100) };
    struct moirai_runtime *rt = with_workers(2);
    struct moirai_scope scope;
    pthread_t threads[2];

    CHECK_EQ(moirai_scope_begin(&scope, rt, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn(&scope, make_goods, &s), 0);
    CHECK_EQ(moirai_spawn(&scope, take_goods, &s), 0);
    CHECK_EQ(pthread_create(&threads[0], NULL, make_goods_thread, &s), 0);
    CHECK_EQ(pthread_create(&threads[1], NULL, take_goods_thread, &s), 0);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    CHECK_EQ(s.taken, 2 * s.goods);
    with_end(rt);
}

static int wait_to_be_cancelled(void *arg)
{
    struct store *s = arg;

    CHECK_EQ(moirai_mutex_lock(&s->mutex, MOIRAI_NEVER), 0);
    CHECK_EQ(with_add(&s->taken, 1), 1);
    CHECK_EQ(moirai_cond_wait(&s->more, &s->mutex, MOIRAI_NEVER), -ECANCELED);
    CHECK_EQ(s->made, 1);           /* it has the mutex again */
    CHECK_EQ(moirai_cond_wait(&s->more, &s->mutex, MOIRAI_NEVER), -ECANCELED);
    CHECK_EQ(moirai_mutex_unlock(&s->mutex), 0);
    return 0;
}

static int fail_with_it(void *arg)
{
    struct store *s = arg;

    CHECK_EQ(moirai_mutex_lock(&s->mutex, MOIRAI_NEVER), 0);
    moirai_cond_signal(&s->more);
    moirai_fail(-EIO, "in the middle");
    return 0;
}

static int holding(void *arg)
{
    struct store s = { .there = 0 };
    struct moirai_scope scope;

    (void)arg;
    CHECK_EQ(moirai_cond_wait(&s.more, &s.mutex, MOIRAI_NEVER), -EPERM);
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn(&scope, wait_to_be_cancelled, &s), 0);
    while (with_get(&s.taken) == 0)
        moirai_yield();
    CHECK_EQ(moirai_mutex_lock(&s.mutex, MOIRAI_NEVER), 0);
    moirai_scope_cancel(&scope);
    moirai_sleep_until(moirai_after(20 * MOIRAI_US));
    s.made = 1;
    CHECK_EQ(moirai_cond_wait(&s.more, &s.mutex, MOIRAI_NOW), -EAGAIN);
    CHECK_EQ(moirai_cond_wait(&s.more, &s.mutex, 1), -ETIMEDOUT);
    CHECK_EQ(moirai_mutex_unlock(&s.mutex), 0);
    CHECK_EQ(moirai_scope_end(&scope), -ECANCELED);
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_mutex_lock(&s.mutex, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn(&scope, fail_with_it, &s), 0);
    CHECK_EQ(moirai_cond_wait(&s.more, &s.mutex, MOIRAI_NEVER), -EOWNERDEAD);
    CHECK_EQ(moirai_mutex_unlock(&s.mutex), 0);
    CHECK_EQ(moirai_scope_end(&scope), -EIO);
    return 0;
}

TEST(cond, has_the_mutex_again_whatever_ends_the_wait)
{
    with_each(holding, NULL);
    with_seeds(200, holding, NULL);
}
