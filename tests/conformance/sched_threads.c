/* SPDX-License-Identifier: MIT */
/*
 * sched_threads.c - the promises of include/moirai/sched.h, with a thread for
 * each worker, and some from outside.
 */
#include "sched_rig.h"

#include <pthread.h>
#include <sched.h>

#define PATIENCE 30.0               /* seconds until a task counts as lost */

struct actor {
    struct rig *rig;
    pthread_t thread;
    uint32_t index;
    uint32_t first, n;              /* what a foreign thread pushes */
};

/* Runs tasks until all of them have been; a task pushes its children. */
static void *work(void *arg)
{
    struct actor *actor = arg;
    struct rig *rig = actor->rig;
    void *worker = rig->workers[actor->index];
    double end = conformance_seconds() + PATIENCE;

    while (atomic_load(&rig->done) < rig->job_count) {
        struct moirai_task *task = rig_next(rig, actor->index);
        struct job *job = (struct job *)task;

        if (task == NULL) {
            CHECK_FMT(conformance_seconds() < end, "%u tasks are lost",
                      (unsigned)(rig->job_count - atomic_load(&rig->done)));
            sched_yield();
            continue;
        }
        rig_run(rig, task);
        for (uint32_t i = 0; i < job->children; i++)
            rig_push(rig, worker, job->first_child + i);
        atomic_fetch_add(&rig->done, 1);
    }
    return NULL;
}

static void *push_from_outside(void *arg)
{
    struct actor *actor = arg;

    for (uint32_t i = 0; i < actor->n; i++)
        rig_push(actor->rig, NULL, actor->first + i);
    return NULL;
}

static void start(struct actor *actor, void *(*body)(void *))
{
    CHECK_EQ(pthread_create(&actor->thread, NULL, body, actor), 0);
}

static void join(struct actor *actor)
{
    CHECK_EQ(pthread_join(actor->thread, NULL), 0);
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

static bool refuses_threads(const struct moirai_plugin *plugin)
{
    const struct moirai_sched_ops *ops = plugin->ops;

    return (ops->flags & MOIRAI_SCHED_SIM) != 0;
}

static void grow_tree(const struct moirai_plugin *plugin,
                      conformance_settings settings, uint32_t threads,
                      uint32_t jobs)
{
    struct actor actors[CONFORMANCE_WORKERS];
    struct rig rig;

    rig_open(&rig, plugin, settings, threads, jobs);
    plant(&rig);
    rig_push(&rig, rig.workers[0], 0);
    for (uint32_t i = 0; i < threads; i++) {
        actors[i] = (struct actor){ .rig = &rig, .index = i };
        start(&actors[i], work);
    }
    for (uint32_t i = 0; i < threads; i++)
        join(&actors[i]);
    rig_close(&rig);
}

static void lose_nothing(const struct moirai_plugin *plugin,
                         conformance_settings settings, uint32_t threads)
{
    double seconds = check_long() ? 10.0 : 0.5;
    double end = conformance_seconds() + seconds;

    if (refuses_threads(plugin))
        return;
    do {
        grow_tree(plugin, settings, threads, 3000);
        grow_tree(plugin, settings, threads, 30);
    } while (conformance_seconds() < end);
    grow_tree(plugin, settings, threads, 200000);
}

void sched_1_thread_loses_nothing(const struct moirai_plugin *plugin,
                                  conformance_settings settings)
{
    lose_nothing(plugin, settings, 1);
}

void sched_2_threads_lose_nothing(const struct moirai_plugin *plugin,
                                  conformance_settings settings)
{
    lose_nothing(plugin, settings, 2);
}

void sched_4_threads_lose_nothing(const struct moirai_plugin *plugin,
                                  conformance_settings settings)
{
    lose_nothing(plugin, settings, 4);
}

void sched_8_threads_lose_nothing(const struct moirai_plugin *plugin,
                                  conformance_settings settings)
{
    lose_nothing(plugin, settings, 8);
}

void sched_threads_lose_nothing_without_memory(
    const struct moirai_plugin *plugin, conformance_settings settings)
{
    struct actor actors[4];
    struct rig rig;

    if (refuses_threads(plugin))
        return;
    for (int64_t grants = 0; grants < 3; grants++) {
        rig_open(&rig, plugin, settings, 4, 50000);
        conformance_allow(grants);
        plant(&rig);
        rig_push(&rig, NULL, 0);
        for (uint32_t i = 0; i < 4; i++) {
            actors[i] = (struct actor){ .rig = &rig, .index = i };
            start(&actors[i], work);
        }
        for (uint32_t i = 0; i < 4; i++)
            join(&actors[i]);
        conformance_allow(-1);
        rig_close(&rig);
    }
}

void sched_foreign_threads_push(const struct moirai_plugin *plugin,
                                conformance_settings settings)
{
    const uint32_t each = 20000;
    struct actor workers[2];
    struct actor pushers[3];
    struct rig rig;

    if (refuses_threads(plugin))
        return;
    rig_open(&rig, plugin, settings, 2, 3 * each);
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
