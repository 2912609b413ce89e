/* SPDX-License-Identifier: MIT */
/*
 * sched_threads.c - the promises of include/moirai/sched.h, with a thread for
 * each worker, and some from outside.
 */
#include "sched_rig.h"

#include <pthread.h>
#include <sched.h>
#include <string.h>

#define LOOKS 1000                  /* in vain, of each worker */

struct actor {
    struct rig *rig;
    pthread_t thread;
    uint32_t index;
    uint32_t first, n;              /* what a foreign thread pushes */
};

/* Has every worker looked in vain, and once it was so, at `before`, LOOKS times
 * more? Then nobody pushes, nobody is just about to get a task, and what is
 * missing cannot be had. */
static bool is_lost(const struct rig *rig, unsigned *before)
{
    bool again = true;

    if (atomic_load(&rig->pushing) > 0)
        return false;
    for (uint32_t w = 0; w < rig->env.workers; w++) {
        if (atomic_load(&rig->in_vain[w]) == 0) {
            before[0] = 0;
            return false;
        }
    }
    for (uint32_t w = 0; w < rig->env.workers && before[0] > 0; w++)
        again = again && atomic_load(&rig->in_vain[w]) >= before[w] + LOOKS;
    if (before[0] > 0)
        return again;
    for (uint32_t w = 0; w < rig->env.workers; w++)
        before[w] = atomic_load(&rig->in_vain[w]);
    return false;
}

/* Runs tasks until all of them have been; a task pushes its children. */
static void *work(void *arg)
{
    struct actor *actor = arg;
    struct rig *rig = actor->rig;
    void *worker = rig->workers[actor->index];
    double end = conformance_seconds() + conformance_wait();
    unsigned before[CONFORMANCE_WORKERS] = { 0 };

    while (atomic_load(&rig->done) < rig->job_count) {
        struct moirai_task *task = rig_next(rig, actor->index);
        struct job *job = (struct job *)task;

        if (task == NULL) {
            atomic_fetch_add(&rig->in_vain[actor->index], 1);
            HOLDS(!is_lost(rig, before) && conformance_seconds() < end,
                  "%u of %u tasks are lost: none of %u workers gets them",
                  (unsigned)(rig->job_count - atomic_load(&rig->done)),
                  (unsigned)rig->job_count, (unsigned)rig->env.workers);
            sched_yield();
            continue;
        }
        atomic_store(&rig->in_vain[actor->index], 0);
        rig_run(rig, task);
        for (uint32_t i = 0; i < job->children; i++)
            rig_push(rig, worker, job->first_child + i);
        atomic_fetch_add(&rig->done, 1);
        end = conformance_seconds() + conformance_wait();
    }
    return NULL;
}

static void *push_from_outside(void *arg)
{
    struct actor *actor = arg;

    for (uint32_t i = 0; i < actor->n; i++)
        rig_push(actor->rig, NULL, actor->first + i);
    atomic_fetch_sub(&actor->rig->pushing, 1);
    return NULL;
}

static void start(struct actor *actor, void *(*body)(void *))
{
    int rc = pthread_create(&actor->thread, NULL, body, actor);

    NEEDS(rc == 0, "no thread for the test itself: %s", strerror(rc));
}

static void join(struct actor *actor)
{
    pthread_join(actor->thread, NULL);
}

/* A tree in which some tasks have many children and most have none, so that
 * queues grow, empty and are fought over. */
static void plant(struct rig *rig)
{
    uint32_t next = 1;

    for (uint32_t i = 0; i < rig->job_count && next < rig->job_count; i++) {
        uint32_t n = i % 500 == 0 ? 1200 : i % 3 == 0 ? 4 : 1;

        if (n > rig->job_count - next)
            n = rig->job_count - next;
        rig->jobs[i].first_child = next;
        rig->jobs[i].children = n;
        next += n;
    }
}

/* A simulator has one thread. */
static bool refuses_threads(const struct subject *subject)
{
    const struct moirai_sched_ops *ops = subject->plugin->ops;

    if ((ops->flags & MOIRAI_SCHED_SIM) == 0)
        return false;
    conformance_waive("it simulates, on one thread");
    return true;
}

/* Runs all tasks, of which the first was pushed, with a thread per worker. */
static void run_all(struct rig *rig)
{
    struct actor actors[CONFORMANCE_WORKERS];

    for (uint32_t i = 0; i < rig->env.workers; i++) {
        actors[i] = (struct actor){ .rig = rig, .index = i };
        start(&actors[i], work);
    }
    for (uint32_t i = 0; i < rig->env.workers; i++)
        join(&actors[i]);
}

static void grow_tree(const struct subject *subject, uint32_t threads,
                      uint32_t jobs)
{
    struct rig rig;

    rig_open(&rig, subject, threads, jobs);
    plant(&rig);
    rig_push(&rig, rig.workers[0], 0);
    run_all(&rig);
    rig_close(&rig);
}

static void lose_nothing(const struct subject *subject, uint32_t threads)
{
    double end = conformance_seconds() + 0.001 * (double)conformance_times(500);

    if (refuses_threads(subject))
        return;
    do {
        grow_tree(subject, threads, 3000);
        grow_tree(subject, threads, 30);
    } while (conformance_seconds() < end);
    grow_tree(subject, threads, (uint32_t)conformance_fewer(200000));
}

PROMISE(sched_1_thread_loses_nothing,
        "A worker that runs a tree of tasks runs each of them, and once.")
{
    lose_nothing(subject, 1);
}

PROMISE(sched_2_threads_lose_nothing,
        "Two workers that run a tree of tasks run each of them, and once.")
{
    lose_nothing(subject, 2);
}

PROMISE(sched_4_threads_lose_nothing,
        "Four workers that run a tree of tasks run each of them, and once.")
{
    lose_nothing(subject, 4);
}

PROMISE(sched_8_threads_lose_nothing,
        "Eight workers that run a tree of tasks run each of them, and once.")
{
    lose_nothing(subject, 8);
}

PROMISE(sched_threads_lose_nothing_without_memory,
        "Four workers lose no task when there is no memory to be had.")
{
    struct rig rig;

    if (refuses_threads(subject))
        return;
    for (int64_t grants = 0; grants < 3; grants++) {
        rig_open(&rig, subject, 4, (uint32_t)conformance_fewer(50000));
        conformance_allow(grants);
        plant(&rig);
        rig_push(&rig, NULL, 0);
        run_all(&rig);
        conformance_allow(-1);
        rig_close(&rig);
    }
}

PROMISE(sched_foreign_threads_push,
        "Tasks that three other threads push are all run by two workers.")
{
    const uint32_t each = (uint32_t)conformance_fewer(20000);
    struct actor pushers[3];
    struct actor workers[2];
    struct rig rig;

    if (refuses_threads(subject))
        return;
    rig_open(&rig, subject, 2, 3 * each);
    atomic_store(&rig.pushing, 3);
    for (uint32_t i = 0; i < 2; i++) {
        workers[i] = (struct actor){ .rig = &rig, .index = i };
        start(&workers[i], work);
    }
    for (uint32_t i = 0; i < 3; i++) {
        pushers[i] = (struct actor){ .rig = &rig, .first = i * each,
                                     .n = each };
        start(&pushers[i], push_from_outside);
    }
    for (uint32_t i = 0; i < 3; i++)
        join(&pushers[i]);
    for (uint32_t i = 0; i < 2; i++)
        join(&workers[i]);
    rig_close(&rig);
}
