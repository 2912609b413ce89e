/* SPDX-License-Identifier: MIT */
/*
 * pool.c - calls that may block, on threads of their own.
 *
 * A thread is started when a call finds none idle and there are fewer than the
 * limit; calls beyond that queue, oldest first. A thread that has been idle
 * for IDLE_S seconds ends. The lock is an ordinary mutex: holders do nothing
 * but queue, and the threads sleep on its condition.
 *
 * A call that no thread has taken can be withdrawn, by cancellation. One that
 * is running cannot: its argument is lent until it returns. So a job is in one
 * of three states, changed under the lock; the waiting task's claim is only
 * taken by the thread that finished the job, or by a canceller, after which
 * the task looks what became of its job and, if it runs, waits on, masked.
 */
#include "pool.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include <moirai/task.h>

#include "mem.h"
#include "os/affinity.h"
#include "worker.h"

#define IDLE_S 5

enum job_state { JOB_QUEUED, JOB_RUNNING, JOB_DONE };

struct job {                        /* on the caller's stack */
    struct job *next;
    moirai_fn *fn;
    void *arg;
    int result;
    uint32_t lock;                  /* guards state and waiter */
    enum job_state state;
    struct mo_waiter *waiter;       /* who waits; NULL: is about to */
};

static _Thread_local const struct mo_pool *own_pool;    /* whose thread this
                                     * is; NULL: it is none of a pool's */

struct mo_pool {
    pthread_mutex_t lock;           /* guards everything below */
    pthread_cond_t work;            /* a job was queued, or closing */
    pthread_cond_t gone;            /* a thread has ended */
    struct job *first, *last;
    uint32_t threads, idle, queued, most;
    pthread_t ended;                /* the last thread that did, if any has */
    bool any_ended, closing;
    uint32_t *processors;           /* that they may run on */
    uint32_t processor_count;       /* 0: where who starts one may */
    clockid_t clock;                /* that `work` goes by; constant */
};

struct mo_pool *mo_pool_open(uint32_t threads)
{
    struct mo_pool *pool = mo_mem_alloc(sizeof *pool, 64);
    pthread_condattr_t attr;

    if (pool == NULL)
        return NULL;
    pool->most = threads > 0 ? threads : 1;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_condattr_init(&attr);
    pool->clock = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0
                ? CLOCK_MONOTONIC : CLOCK_REALTIME;
    pthread_cond_init(&pool->work, &attr);
    pthread_cond_init(&pool->gone, NULL);
    pthread_condattr_destroy(&attr);
    return pool;
}

void mo_pool_close(struct mo_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    pool->closing = true;
    pthread_cond_broadcast(&pool->work);
    while (pool->threads > 0)
        pthread_cond_wait(&pool->gone, &pool->lock);
    pthread_mutex_unlock(&pool->lock);
    if (pool->any_ended)
        pthread_join(pool->ended, NULL);
    pthread_cond_destroy(&pool->work);
    pthread_cond_destroy(&pool->gone);
    pthread_mutex_destroy(&pool->lock);
    mo_mem_free(pool->processors);
    mo_mem_free(pool);
}

int mo_pool_hold(struct mo_pool *pool, const uint32_t *numbers, uint32_t n)
{
    uint32_t *list = mo_mem_alloc(n * sizeof *list, 8);
    uint32_t *before;

    if (list == NULL)
        return -ENOMEM;
    memcpy(list, numbers, n * sizeof *list);
    pthread_mutex_lock(&pool->lock);
    before = pool->processors;
    pool->processors = list;
    pool->processor_count = n;
    pthread_mutex_unlock(&pool->lock);
    mo_mem_free(before);
    return 0;
}

bool mo_pool_here(const struct mo_pool *pool)
{
    return own_pool == pool;
}

/* Waits for a job; NULL: it is time to end. The lock is held. */
static struct job *wait_for_job(struct mo_pool *pool)
{
    struct timespec until;
    struct job *job;
    int rc = 0;

    clock_gettime(pool->clock, &until);
    until.tv_sec += IDLE_S;
    pool->idle++;
    while (pool->first == NULL && !pool->closing && rc != ETIMEDOUT)
        rc = pthread_cond_timedwait(&pool->work, &pool->lock, &until);
    pool->idle--;
    job = pool->first;
    if (job == NULL)
        return NULL;
    pool->first = job->next;
    pool->queued--;
    mo_word_lock(&job->lock);
    job->state = JOB_RUNNING;
    mo_word_unlock(&job->lock);
    return job;
}

/* The job's memory may be gone as soon as its lock is dropped. */
static void complete(struct job *job, int result)
{
    struct mo_waiter *waiter;

    mo_race_release(job);
    mo_word_lock(&job->lock);
    job->result = result;
    job->state = JOB_DONE;
    waiter = job->waiter;
    if (waiter != NULL && !mo_wait_claim(waiter))
        waiter = NULL;
    mo_word_unlock(&job->lock);
    if (waiter != NULL)
        mo_wait_end(waiter, 0);
}

/* The calling thread ends. Each joins the one that ended before it, and closing
 * the pool joins the last, so that none is left then. The lock is held, and
 * dropped here. */
static void end_thread(struct mo_pool *pool)
{
    pthread_t before = pool->ended;
    bool any = pool->any_ended;

    pool->ended = pthread_self();
    pool->any_ended = true;
    pool->threads--;
    pthread_cond_signal(&pool->gone);
    pthread_mutex_unlock(&pool->lock);
    if (any)
        pthread_join(before, NULL);
}

static void *thread_main(void *arg)
{
    struct mo_pool *pool = arg;
    struct job *job;

    pthread_setname_np(pthread_self(), "moirai/block");
    own_pool = pool;
    pthread_mutex_lock(&pool->lock);
    while ((job = wait_for_job(pool)) != NULL) {
        pthread_mutex_unlock(&pool->lock);
        complete(job, job->fn(job->arg));
        pthread_mutex_lock(&pool->lock);
    }
    end_thread(pool);
    return NULL;
}

/* Where the process may run; or, if it may not any more, as it comes. */
static int create(struct mo_pool *pool, pthread_t *thread)
{
    pthread_attr_t attr;
    int rc = EINVAL;

    if (pool->processor_count != 0 && pthread_attr_init(&attr) == 0) {
        if (mo_os_bind(&attr, pool->processors, pool->processor_count) == 0)
            rc = pthread_create(thread, &attr, thread_main, pool);
        pthread_attr_destroy(&attr);
    }
    return rc == EINVAL ? pthread_create(thread, NULL, thread_main, pool) : rc;
}

/* One more thread. The lock is held. */
static int start_thread(struct mo_pool *pool)
{
    sigset_t old;
    pthread_t thread;
    int rc;

    mo_os_block_signals(&old);
    rc = create(pool, &thread);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (rc == 0)
        pool->threads++;
    return -rc;
}

/* Fails only if there is no thread at all to run it. */
static int enqueue(struct mo_pool *pool, struct job *job)
{
    int rc = 0;

    pthread_mutex_lock(&pool->lock);
    if (pool->idle <= pool->queued && pool->threads < pool->most)
        rc = start_thread(pool);
    if (rc != 0 && pool->threads == 0) {
        pthread_mutex_unlock(&pool->lock);
        return rc;
    }
    job->next = NULL;
    if (pool->first == NULL)
        pool->first = job;
    else
        pool->last->next = job;
    pool->last = job;
    pool->queued++;
    pthread_cond_signal(&pool->work);
    pthread_mutex_unlock(&pool->lock);
    return 0;
}

/* Takes a job out of the queue, if no thread has it. */
static bool withdraw(struct mo_pool *pool, struct job *job)
{
    struct job *before = NULL;
    struct job *at;

    pthread_mutex_lock(&pool->lock);
    for (at = pool->first; at != NULL && at != job; at = at->next)
        before = at;
    if (at != NULL) {
        if (before == NULL)
            pool->first = job->next;
        else
            before->next = job->next;
        if (pool->last == job)
            pool->last = before;
        pool->queued--;
    }
    pthread_mutex_unlock(&pool->lock);
    return at != NULL;
}

/* 0: the job is done. -ECANCELED: perhaps not. */
static int await(struct job *job, bool masked)
{
    struct mo_native native;
    struct mo_waiter *waiter = mo_node_self(&native)->waiter;
    struct mo_wait how = { .waiter = waiter, .kind = MO_WAIT_BLOCK,
                           .masked = masked, .object = job,
                           .deadline_ns = MOIRAI_NEVER, .lock = &job->lock };
    int rc;

    mo_word_lock(&job->lock);
    if (job->state == JOB_DONE) {
        mo_word_unlock(&job->lock);
        return 0;
    }
    job->waiter = waiter;
    rc = mo_wait(&how);
    if (rc == 0)
        return 0;
    mo_word_lock(&job->lock);
    job->waiter = NULL;
    if (job->state == JOB_DONE)
        rc = 0;
    mo_word_unlock(&job->lock);
    return rc;
}

const char *mo_pool_state(void *object)
{
    static const char *const texts[] = {
        [JOB_QUEUED] = "every thread of the blocking pool is busy: any of them",
        [JOB_RUNNING] = "a thread of the blocking pool, which runs the call",
        [JOB_DONE] = "nobody needs to: the call has returned",
    };
    struct job *job = object;
    enum job_state state;

    if (!mo_word_try(&job->lock))
        return NULL;
    state = job->state;
    mo_word_unlock(&job->lock);
    return texts[state];
}

int moirai_block(moirai_fn *fn, void *arg)
{
    struct mo_worker *w = mo_self();
    struct job job = { .fn = fn, .arg = arg, .state = JOB_QUEUED };
    struct mo_pool *pool;
    int rc;

    if (moirai_cancelled())
        return -ECANCELED;
    if (w == NULL || w->task == NULL || w->runtime->os->sim != NULL)
        return fn(arg);
    mo_count(&w->count.blocking_calls, 1);
    pool = w->runtime->pool;
    rc = enqueue(pool, &job);
    if (rc != 0)
        return rc;
    rc = await(&job, false);
    if (rc != 0) {
        if (withdraw(pool, &job))
            return rc;
        await(&job, true);
    }
    mo_race_acquire_last(&job);
    return job.result;
}
