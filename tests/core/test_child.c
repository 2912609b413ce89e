/* SPDX-License-Identifier: MIT */
/*
 * test_child.c - fork(2): the child has no runtime, and every call says so
 * without hanging; the parent goes on as if nothing had happened.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "with.h"

static int nothing(void *arg)
{
    (void)arg;
    return 0;
}

static int return_it(void *arg)
{
    return *(int *)arg;
}

static int sleep_for_ever(void *arg)
{
    (void)arg;
    return moirai_sleep_until(MOIRAI_NEVER);
}

/* What a parent has when it forks. */
struct parent {
    struct moirai_runtime *rt;
    struct moirai_scope scope;
    struct moirai_handle *handle;
    struct moirai_chan *chan;
    struct moirai_local local;
};

static int touch_runtime(struct parent *p)
{
    struct moirai_stop_report report = { .size = sizeof report };
    struct moirai_scope scope;

    CHECK_EQ(moirai_run(p->rt, nothing, NULL), -ECHILD);
    CHECK_EQ(moirai_spawn(&p->scope, nothing, NULL), -ECHILD);
    CHECK_EQ(moirai_spawn(moirai_runtime_scope(p->rt), nothing, NULL),
             -ECHILD);
    CHECK_EQ(moirai_spawn(NULL, nothing, NULL), -ECHILD);
    CHECK_EQ(moirai_scope_begin(&scope, p->rt, MOIRAI_NEVER), -ECHILD);
    moirai_scope_cancel(&p->scope);
    CHECK_EQ(moirai_scope_end(&p->scope), -ECHILD);
    CHECK_EQ(moirai_handle_join(p->handle, MOIRAI_NEVER, NULL), -ECHILD);
    moirai_handle_cancel(p->handle);
    moirai_handle_put(p->handle);
    CHECK_EQ(moirai_stop(p->rt, MOIRAI_NEVER, &report), -ECHILD);
    return 0;
}

static int touch_chan(struct parent *p)
{
    struct moirai_elem elem = MOIRAI_ELEM(int);
    struct moirai_chan *chan = NULL;
    int message = 0;

    CHECK_EQ(moirai_chan_make(p->rt, NULL, NULL, &elem, &chan, NULL),
             -ECHILD);
    CHECK_EQ(moirai_chan_open(p->rt, "x", MOIRAI_BOTH, &elem, &chan, NULL),
             -ECHILD);
    CHECK_EQ(moirai_chan_send(p->chan, &message, MOIRAI_NEVER), -ECHILD);
    CHECK_EQ(moirai_chan_recv(p->chan, &message, MOIRAI_NEVER), -ECHILD);
    moirai_chan_put(p->chan);
    return 0;
}

/* A child is an ordinary thread, to whom none of this is forbidden. */
static int touch_the_rest(struct parent *p)
{
    struct moirai_mutex mutex = MOIRAI_MUTEX_INIT;
    struct moirai_frame fork;
    int value = 6;

    CHECK_EQ(moirai_yield(), 0);
    CHECK_EQ(moirai_sleep_until(moirai_after(MOIRAI_MS)), 0);
    CHECK_EQ(moirai_mutex_lock(&mutex, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_mutex_unlock(&mutex), 0);
    CHECK_EQ(moirai_block(return_it, &value), 6);
    moirai_fork(&fork, return_it, &value);
    CHECK_EQ(moirai_join(&fork), 6);
    CHECK_EQ(moirai_local_set(&p->local, p), -EPERM);
    CHECK(moirai_local_get(&p->local) == NULL);
    CHECK(!moirai_cancelled());
    CHECK_EQ(moirai_task_id(), 0);
    CHECK_EQ(moirai_worker_index(), -1);
    CHECK(moirai_runtime_self() == NULL);
    moirai_pin();
    moirai_unpin();
    return 0;
}

static void touch_all(struct parent *p)
{
    alarm(20);
    touch_runtime(p);
    touch_chan(p);
    touch_the_rest(p);
}

static void expect_exit(pid_t child, int code)
{
    int status;

    CHECK(child > 0);
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK_FMT(WIFEXITED(status) && WEXITSTATUS(status) == code,
              "the child ended with wait status %#x", (unsigned)status);
}

static void begin(struct parent *p, unsigned workers)
{
    struct moirai_elem elem = MOIRAI_ELEM(int);

    p->rt = with_workers(workers);
    p->local = (struct moirai_local){ NULL, 0 };
    CHECK_EQ(moirai_chan_make(p->rt, NULL, NULL, &elem, &p->chan, NULL), 0);
    CHECK_EQ(moirai_scope_begin(&p->scope, p->rt, MOIRAI_NEVER), 0);
    for (int i = 0; i < 20; i++)
        CHECK_EQ(moirai_spawn(&p->scope, sleep_for_ever, NULL), 0);
    CHECK_EQ(moirai_spawn_with(&p->scope, sleep_for_ever, NULL, NULL,
                               &p->handle), 0);
}

static void finish(struct parent *p)
{
    int result = 0;

    CHECK_EQ(moirai_run(p->rt, nothing, NULL), 0);
    moirai_handle_cancel(p->handle);
    CHECK_EQ(moirai_handle_join(p->handle, MOIRAI_NEVER, &result), 0);
    CHECK_EQ(result, -ECANCELED);
    moirai_handle_put(p->handle);
    moirai_scope_cancel(&p->scope);
    CHECK_EQ(moirai_scope_end(&p->scope), -ECANCELED);
    moirai_chan_put(p->chan);
    with_end(p->rt);
}

TEST(child, of_a_plain_thread_gets_echild_from_every_call)
{
    struct parent p;
    pid_t child;

    begin(&p, 2);
    child = fork();
    if (child == 0) {
        touch_all(&p);
        _exit(7);
    }
    expect_exit(child, 7);
    finish(&p);
}

static int fork_in_a_task(void *arg)
{
    pid_t child;

    moirai_yield();
    child = fork();
    if (child == 0) {
        touch_all(arg);
        _exit(7);
    }
    expect_exit(child, 7);
    moirai_yield();
    return 0;
}

TEST(child, of_a_task_gets_echild_from_every_call)
{
    struct parent p;

    begin(&p, 2);
    CHECK_EQ(moirai_run(p.rt, fork_in_a_task, &p), 0);
    finish(&p);
}

static int fork_and_return(void *arg)
{
    pid_t *child = arg;

    *child = fork();
    if (*child == 0)
        alarm(20);
    return 0;
}

TEST(child, of_a_task_that_returns_there_ends_with_a_failure)
{
    struct parent p;
    pid_t child = -1;

    begin(&p, 2);
    CHECK_EQ(moirai_run(p.rt, fork_and_return, &child), 0);
    expect_exit(child, EXIT_FAILURE);
    finish(&p);
}

static int fork_with_forks(void *arg)
{
    struct moirai_frame forks[2];
    int value = 6;
    pid_t child;

    (void)arg;
    for (int i = 0; i < 2; i++)
        moirai_fork(&forks[i], return_it, &value);
    child = fork();
    if (child == 0) {
        alarm(20);
        for (int i = 1; i >= 0; i--) {
            int rc = moirai_join(&forks[i]);

            CHECK(rc == -ECHILD || rc == 6);    /* stolen, and had ended */
        }
        _exit(7);
    }
    expect_exit(child, 7);
    CHECK_EQ(moirai_join(&forks[1]), 6);
    CHECK_EQ(moirai_join(&forks[0]), 6);
    return 0;
}

TEST(child, of_a_task_with_forks_gets_echild_from_join)
{
    struct parent p;

    begin(&p, 2);
    CHECK_EQ(moirai_run(p.rt, fork_with_forks, NULL), 0);
    finish(&p);
}

static int fork_and_fail(void *arg)
{
    pid_t *child = arg;

    *child = fork();
    if (*child != 0)
        return 0;
    alarm(20);
    moirai_fail(-EIO, "in the child");
}

TEST(child, of_a_task_that_fails_there_ends_with_a_failure)
{
    struct parent p;
    pid_t child = -1;

    begin(&p, 2);
    CHECK_EQ(moirai_run(p.rt, fork_and_fail, &child), 0);
    expect_exit(child, EXIT_FAILURE);
    finish(&p);
}

/* While workers are busy, locks of all sorts are held at the fork. */
static int churn(void *arg)
{
    int *stop = arg;

    while (with_get(stop) == 0) {
        struct moirai_scope scope;

        CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
        for (int i = 0; i < 20; i++)
            CHECK_EQ(moirai_spawn(&scope, nothing, NULL), 0);
        moirai_sleep_until(moirai_after(10 * MOIRAI_US));
        CHECK_EQ(moirai_scope_end(&scope), 0);
    }
    return 0;
}

TEST(child, made_while_workers_are_busy_does_not_hang)
{
    struct parent p;
    struct moirai_scope scope;
    int stop = 0;

    begin(&p, 4);
    CHECK_EQ(moirai_scope_begin(&scope, p.rt, MOIRAI_NEVER), 0);
    for (int i = 0; i < 4; i++)
        CHECK_EQ(moirai_spawn(&scope, churn, &stop), 0);
    for (unsigned i = 0; i < with_times(100); i++) {
        pid_t child = fork();

        if (child == 0) {
            touch_all(&p);
            _exit(7);
        }
        expect_exit(child, 7);
    }
    with_set(&stop, 1);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    finish(&p);
}

static void *start_and_stop(void *arg)
{
    int *stop = arg;

    while (with_get(stop) == 0)
        with_one(1, nothing, NULL);
    return NULL;
}

/* A new program's runtime is the child's own business. */
TEST(child, may_start_a_runtime_of_its_own)
{
    struct parent p;
    pthread_t thread;
    int stop = 0;

#if defined(MO_SANITIZE_THREAD)
    SKIP("TSan lets no child of a process with threads start any");
#elif defined(MO_SANITIZE_ADDRESS)
    SKIP("a thread may hold a lock of ASan's own allocator at the fork");
#endif
    begin(&p, 2);
    CHECK_EQ(pthread_create(&thread, NULL, start_and_stop, &stop), 0);
    for (unsigned i = 0; i < with_times(50); i++) {
        pid_t child = fork();

        if (child == 0) {
            alarm(20);
            with_one(2, nothing, NULL);
            _exit(7);
        }
        expect_exit(child, 7);
    }
    with_set(&stop, 1);
    pthread_join(thread, NULL);
    finish(&p);
}

static int hold_a_mutex(void *arg)
{
    struct moirai_mutex *mutex = arg;

    CHECK_EQ(moirai_mutex_lock(mutex, MOIRAI_NEVER), 0);
    return moirai_sleep_until(MOIRAI_NEVER);
}

/* Its owner is not there to unlock it. */
TEST(child, does_not_wait_for_a_mutex_whose_owner_is_not_in_it)
{
    struct moirai_mutex mutex = MOIRAI_MUTEX_INIT;
    struct moirai_runtime *rt = with_workers(1);
    struct moirai_scope scope;
    pid_t child;

    CHECK_EQ(moirai_scope_begin(&scope, rt, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn(&scope, hold_a_mutex, &mutex), 0);
    while (moirai_mutex_lock(&mutex, MOIRAI_NOW) == 0) {
        CHECK_EQ(moirai_mutex_unlock(&mutex), 0);
        sched_yield();
    }
    child = fork();
    if (child == 0) {
        alarm(20);
        CHECK_EQ(moirai_mutex_lock(&mutex, MOIRAI_NEVER), -ECHILD);
        CHECK_EQ(moirai_mutex_lock(&mutex, MOIRAI_NOW), -EAGAIN);
        _exit(7);
    }
    expect_exit(child, 7);
    moirai_scope_cancel(&scope);
    CHECK_EQ(moirai_scope_end(&scope), -ECANCELED);
    with_end(rt);
}
