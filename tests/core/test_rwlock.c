/* SPDX-License-Identifier: MIT */
/*
 * test_rwlock.c - many readers or one writer, for tasks and threads alike, in
 * the order in which they came; and who holds it does not take it to the grave.
 */
#include <errno.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "with.h"

#define TASKS 8

struct book {
    struct moirai_rwlock lock;
    int pages, lines;               /* equal, but for a writer; no atomics */
    int reading, writing;
    int turns;
    int n, order[TASKS];
    int ready, go;
};

/* --- many or one --------------------------------------------------------- */

static int read_it(void *arg)
{
    struct book *b = arg;

    for (int i = 0; i < b->turns; i++) {
        int64_t until = i % 4 ? MOIRAI_NEVER : moirai_after(5 * MOIRAI_US);
        struct moirai_hold hold;
        int rc = moirai_rwlock_read(&b->lock, &hold, until);

        if (rc == -ETIMEDOUT)
            continue;
        CHECK_EQ(rc, 0);
        with_add(&b->reading, 1);
        CHECK_EQ(with_get(&b->writing), 0);
        CHECK_EQ(b->pages, b->lines);
        if (i % 3 == 0)
            moirai_yield();
        with_add(&b->reading, -1);
        CHECK_EQ(moirai_rwlock_unlock(&b->lock, &hold), 0);
    }
    return 0;
}

static int write_it(void *arg)
{
    struct book *b = arg;

    for (int i = 0; i < b->turns; i++) {
        int64_t until = i % 4 ? MOIRAI_NEVER : moirai_after(5 * MOIRAI_US);
        struct moirai_hold hold;
        int rc = moirai_rwlock_write(&b->lock, &hold, until);

        if (rc == -ETIMEDOUT)
            continue;
        CHECK_EQ(rc, 0);
        CHECK_EQ(with_add(&b->writing, 1), 1);
        CHECK_EQ(with_get(&b->reading), 0);
        b->pages++;
        if (i % 2)
            moirai_yield();
        b->lines++;
        with_add(&b->writing, -1);
        if (i % 3 == 1) {
            CHECK_EQ(moirai_rwlock_downgrade(&b->lock, &hold), 0);
            CHECK_EQ(moirai_rwlock_downgrade(&b->lock, &hold), -EPERM);
            CHECK_EQ(with_get(&b->writing), 0);
            CHECK_EQ(b->pages, b->lines);
        }
        CHECK_EQ(moirai_rwlock_unlock(&b->lock, &hold), 0);
    }
    return 0;
}

static int sharing(void *arg)
{
    struct book b = { MOIRAI_RWLOCK_INIT, .turns = *(int *)arg };
    struct moirai_scope scope;
    struct moirai_hold hold;

    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    for (int i = 0; i < TASKS; i++)
        CHECK_EQ(moirai_spawn(&scope, i % 3 ? read_it : write_it, &b), 0);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    CHECK_EQ(moirai_rwlock_write(&b.lock, &hold, MOIRAI_NOW), 0);
    CHECK_EQ(moirai_rwlock_unlock(&b.lock, &hold), 0);
    return 0;
}

TEST(rwlock, lets_in_many_readers_or_one_writer)
{
    int turns = (int)with_times(200);
    int few = 5;

    with_each(sharing, &turns);
    with_seeds(200, sharing, &few);
}

static void *read_thread(void *arg)
{
    CHECK_EQ(read_it(arg), 0);
    return NULL;
}

static void *write_thread(void *arg)
{
    CHECK_EQ(write_it(arg), 0);
    return NULL;
}

TEST(rwlock, is_shared_by_tasks_and_threads)
{
    struct book b = { MOIRAI_RWLOCK_INIT, .turns = (int)with_times(300) };
    struct moirai_runtime *rt = with_workers(2);
    struct moirai_scope scope;
    pthread_t threads[4];

    CHECK_EQ(moirai_scope_begin(&scope, rt, MOIRAI_NEVER), 0);
    for (int i = 0; i < 4; i++) {
        CHECK_EQ(moirai_spawn(&scope, i % 2 ? read_it : write_it, &b), 0);
        CHECK_EQ(pthread_create(&threads[i], NULL,
                                i % 2 ? read_thread : write_thread, &b), 0);
    }
    CHECK_EQ(moirai_scope_end(&scope), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    CHECK_EQ(b.pages, b.lines);
    with_end(rt);
}

/* --- in the order in which they came ------------------------------------- */

/* Readers 0, 1, 3, 4; writers 2, 5. */
static int take_turn(void *arg)
{
    struct book *b = arg;
    int me = b->ready++;
    struct moirai_hold hold;

    if (me % 3 == 2)
        CHECK_EQ(moirai_rwlock_write(&b->lock, &hold, MOIRAI_NEVER), 0);
    else
        CHECK_EQ(moirai_rwlock_read(&b->lock, &hold, MOIRAI_NEVER), 0);
    b->order[b->n++] = me;
    b->reading++;
    while (me % 3 != 2 && b->reading % 2)   /* for the reader beside it */
        moirai_yield();
    CHECK_EQ(moirai_rwlock_unlock(&b->lock, &hold), 0);
    b->reading += me % 3 == 2;
    return 0;
}

static int queueing(void *arg)
{
    struct book b = { MOIRAI_RWLOCK_INIT, .n = 0 };
    struct moirai_scope scope;
    struct moirai_hold hold;

    (void)arg;
    CHECK_EQ(moirai_rwlock_write(&b.lock, &hold, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    for (int i = 0; i < 6; i++) {
        CHECK_EQ(moirai_spawn(&scope, take_turn, &b), 0);
        while (b.ready == i)
            moirai_yield();
    }
    CHECK_EQ(moirai_rwlock_unlock(&b.lock, &hold), 0);
    CHECK_EQ(moirai_rwlock_read(&b.lock, &hold, MOIRAI_NOW), -EAGAIN);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    CHECK_EQ(b.n, 6);
    CHECK_EQ(b.order[0] + b.order[1], 0 + 1);
    CHECK_EQ(b.order[2], 2);
    CHECK_EQ(b.order[3] + b.order[4], 3 + 4);
    CHECK_EQ(b.order[5], 5);
    return 0;
}

TEST(rwlock, goes_to_whoever_has_waited_longest_and_readers_beside_him)
{
    with_one(1, queueing, NULL);
}

/* --- what is refused, and waits that end otherwise ------------------------ */

static int hold_it(void *arg)
{
    struct book *b = arg;
    struct moirai_hold hold;

    if (b->turns)
        CHECK_EQ(moirai_rwlock_write(&b->lock, &hold, MOIRAI_NEVER), 0);
    else
        CHECK_EQ(moirai_rwlock_read(&b->lock, &hold, MOIRAI_NEVER), 0);
    with_set(&b->ready, 1);
    with_wait(&b->go);
    CHECK_EQ(moirai_rwlock_unlock(&b->lock, &hold), 0);
    return 0;
}

static void be_refused(struct book *b)
{
    struct moirai_hold hold, other;

    CHECK_EQ(moirai_rwlock_write(&b->lock, &hold, MOIRAI_NOW), -EAGAIN);
    CHECK_EQ(moirai_rwlock_write(&b->lock, &hold, 1), -ETIMEDOUT);
    CHECK_EQ(moirai_rwlock_unlock(&b->lock, &hold), -EPERM);
    if (b->turns) {
        CHECK_EQ(moirai_rwlock_read(&b->lock, &hold, MOIRAI_NOW), -EAGAIN);
        CHECK_EQ(moirai_rwlock_read(&b->lock, &hold,
                                    moirai_after(MOIRAI_MS / 4)), -ETIMEDOUT);
    } else {
        CHECK_EQ(moirai_rwlock_read(&b->lock, &hold, MOIRAI_NOW), 0);
        CHECK_EQ(moirai_rwlock_unlock(&b->lock, &hold), 0);
    }
    with_set(&b->go, 1);
    CHECK_EQ(moirai_rwlock_write(&b->lock, &hold, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_rwlock_read(&b->lock, &other, MOIRAI_NOW), -EDEADLK);
    CHECK_EQ(moirai_rwlock_downgrade(&b->lock, &hold), 0);
    CHECK_EQ(moirai_rwlock_write(&b->lock, &other, MOIRAI_NEVER), -EDEADLK);
    CHECK_EQ(moirai_rwlock_unlock(&b->lock, &hold), 0);
    CHECK_EQ(moirai_rwlock_unlock(&b->lock, &hold), -EPERM);
}

static int refusals(void *arg)
{
    (void)arg;
    for (int writes = 0; writes < 2; writes++) {
        struct book b = { MOIRAI_RWLOCK_INIT, .turns = writes };
        struct moirai_scope scope;

        CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
        CHECK_EQ(moirai_spawn(&scope, hold_it, &b), 0);
        with_wait(&b.ready);
        be_refused(&b);
        CHECK_EQ(moirai_scope_end(&scope), 0);
    }
    return 0;
}

TEST(rwlock, refuses_who_cannot_have_it)
{
    struct book b = { MOIRAI_RWLOCK_INIT, .turns = 1 };
    struct moirai_runtime *rt;
    struct moirai_scope scope;

    with_each(refusals, NULL);
    with_seeds(20, refusals, NULL);
    rt = with_workers(2);
    CHECK_EQ(moirai_scope_begin(&scope, rt, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn(&scope, hold_it, &b), 0);
    with_wait(&b.ready);
    be_refused(&b);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    with_end(rt);
}

static int want_to_write(void *arg)
{
    struct book *b = arg;
    struct moirai_hold hold;

    with_add(&b->ready, 1);
    CHECK_EQ(moirai_rwlock_write(&b->lock, &hold, MOIRAI_NEVER), -ECANCELED);
    return 0;
}

static int read_on(void *arg)
{
    struct book *b = arg;
    struct moirai_hold hold;

    with_add(&b->ready, 1);
    CHECK_EQ(moirai_rwlock_read(&b->lock, &hold, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_rwlock_unlock(&b->lock, &hold), 0);
    return 0;
}

/* A writer who gives up lets the readers behind him in. */
static int giving_up(void *arg)
{
    struct book b = { MOIRAI_RWLOCK_INIT, .n = 0 };
    struct moirai_scope readers, writers;
    struct moirai_hold hold;

    (void)arg;
    CHECK_EQ(moirai_rwlock_read(&b.lock, &hold, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_scope_begin(&readers, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_scope_begin(&writers, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn(&writers, want_to_write, &b), 0);
    while (with_get(&b.ready) < 1)
        moirai_yield();
    for (int i = 0; i < TASKS; i++)
        CHECK_EQ(moirai_spawn(&readers, read_on, &b), 0);
    while (with_get(&b.ready) < 1 + TASKS)
        moirai_yield();
    moirai_scope_cancel(&writers);
    CHECK_EQ(moirai_scope_end(&writers), -ECANCELED);
    CHECK_EQ(moirai_scope_end(&readers), 0);
    CHECK_EQ(moirai_rwlock_unlock(&b.lock, &hold), 0);
    return 0;
}

TEST(rwlock, is_not_held_up_by_who_gives_up)
{
    with_each(giving_up, NULL);
    with_seeds(300, giving_up, NULL);
}

/* --- owners that end ----------------------------------------------------- */

static int end_with_locks(void *arg)
{
    struct book *b = arg;           /* three of them */
    struct moirai_hold holds[3];

    CHECK_EQ(moirai_rwlock_read(&b[0].lock, &holds[0], MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_rwlock_write(&b[1].lock, &holds[1], MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_rwlock_write(&b[2].lock, &holds[2], MOIRAI_NEVER), 0);
    with_set(&b->ready, 1);
    with_wait(&b->go);
    CHECK_EQ(moirai_rwlock_unlock(&b[2].lock, &holds[2]), 0);
    moirai_fail(-EIO, "in the middle");
    return 0;
}

static int inherit(void *arg)
{
    struct book *b = arg;
    struct moirai_hold hold;

    with_add(&b->n, 1);
    CHECK_EQ(moirai_rwlock_read(&b[1].lock, &hold, MOIRAI_NEVER),
             -EOWNERDEAD);
    CHECK_EQ(moirai_rwlock_unlock(&b[1].lock, &hold), 0);
    return 0;
}

static int ending(void *arg)
{
    struct book b[3] = { { .n = 0 }, { .n = 0 }, { .n = 0 } };
    struct moirai_scope scope, heirs;
    struct moirai_hold hold;

    (void)arg;
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_scope_begin(&heirs, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn(&scope, end_with_locks, b), 0);
    with_wait(&b->ready);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(moirai_spawn(&heirs, inherit, b), 0);
    while (with_get(&b->n) < 2)
        moirai_yield();
    with_set(&b->go, 1);
    CHECK_EQ(moirai_scope_end(&heirs), 0);
    CHECK_EQ(moirai_scope_end(&scope), -EIO);
    CHECK_EQ(moirai_rwlock_write(&b[0].lock, &hold, MOIRAI_NOW), 0);
    CHECK_EQ(moirai_rwlock_unlock(&b[0].lock, &hold), 0);
    CHECK_EQ(moirai_rwlock_write(&b[1].lock, &hold, MOIRAI_NOW), -EOWNERDEAD);
    CHECK_EQ(moirai_rwlock_unlock(&b[1].lock, &hold), 0);
    CHECK_EQ(moirai_rwlock_write(&b[1].lock, &hold, MOIRAI_NOW), 0);
    CHECK_EQ(moirai_rwlock_unlock(&b[1].lock, &hold), 0);
    CHECK_EQ(moirai_rwlock_write(&b[2].lock, &hold, MOIRAI_NOW), 0);
    CHECK_EQ(moirai_rwlock_unlock(&b[2].lock, &hold), 0);
    return 0;
}

TEST(rwlock, passes_on_when_its_owner_ends)
{
    with_each(ending, NULL);
    with_seeds(200, ending, NULL);
}

TEST(rwlock, is_not_waited_for_in_a_forked_child)
{
    struct book b = { MOIRAI_RWLOCK_INIT, .turns = 1 };
    struct moirai_runtime *rt = with_workers(1);
    struct moirai_scope scope;
    int status = -1;
    pid_t child;

    CHECK_EQ(moirai_scope_begin(&scope, rt, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn(&scope, hold_it, &b), 0);
    with_wait(&b.ready);
    child = fork();
    if (child == 0) {
        struct moirai_hold hold;

        alarm(20);
        CHECK_EQ(moirai_rwlock_read(&b.lock, &hold, MOIRAI_NEVER), -ECHILD);
        _exit(0);
    }
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK_EQ(status, 0);
    with_set(&b.go, 1);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    with_end(rt);
}
