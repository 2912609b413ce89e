/* SPDX-License-Identifier: MIT */
/*
 * sched.c - the promises of include/moirai/sched.h.
 *
 * Tasks are records with the public head; "running" one counts its run, which
 * must be its only one. Payloads are plain memory, so that ThreadSanitizer
 * sees whether push happens before pop.
 */
#include "conformance.h"

#include <moirai/sched.h>

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#define PATIENCE 30.0               /* seconds until a task counts as lost */

struct job {
    struct moirai_task task;        /* stays first */
    uint64_t payload;               /* its index + 1, written by the pusher */
    atomic_uint runs;
    uint32_t children;
    uint32_t first_child;
};

/* As in a runtime, each task was spawned somewhere. */
static struct moirai_site sites[] = {
    { .file = __FILE__, .function = "one", .line = __LINE__ },
    { .file = __FILE__, .function = "other", .line = __LINE__ },
};

struct rig {
    const struct moirai_sched_ops *ops;
    struct moirai_sched_env env;
    void *config;
    void *state;
    void *workers[CONFORMANCE_WORKERS];
    struct job *jobs;
    uint32_t job_count;
    atomic_uint_least64_t done;     /* by threads */
};

static void rig_open(struct rig *rig, const struct moirai_plugin *plugin,
                     conformance_settings settings, uint32_t workers,
                     uint32_t jobs)
{
    const struct moirai_sched_ops *ops = plugin->ops;
    struct moirai_error err;

    *rig = (struct rig){ .ops = ops, .job_count = jobs };
    rig->env.size = sizeof rig->env;
    rig->env.workers = workers;
    rig->env.host = conformance_host();
    rig->config = conformance_config(plugin, settings);
    rig->state = conformance_state(ops->state_size, 128);
    rig->jobs = calloc(jobs, sizeof *rig->jobs);
    CHECK(rig->jobs != NULL);
    for (uint32_t i = 0; i < jobs; i++) {
        rig->jobs[i].task.id = i + 1;
        rig->jobs[i].task.site = &sites[i % 2];
        rig->jobs[i].task.priority = MOIRAI_PRIORITY_NORMAL;
    }
    CHECK_EQ(ops->init(rig->state, rig->config, &rig->env, &err), 0);
    for (uint32_t i = 0; i < workers; i++) {
        rig->workers[i] = conformance_state(ops->worker_size, 128);
        CHECK_EQ(ops->worker_init(rig->state, rig->workers[i], i, &err), 0);
    }
}

/* After all tasks are out again. */
static void rig_close(struct rig *rig)
{
    const struct moirai_sched_ops *ops = rig->ops;

    for (uint32_t i = 0; i < rig->env.workers; i++) {
        CHECK(ops->empty(rig->state, rig->workers[i]));
        CHECK(ops->pop(rig->state, rig->workers[i]) == NULL);
    }
    for (uint32_t i = 0; i < rig->job_count; i++)
        CHECK_FMT(atomic_load(&rig->jobs[i].runs) == 1,
                  "task %u was given out %u times", (unsigned)i,
                  atomic_load(&rig->jobs[i].runs));
    for (uint32_t i = 0; i < rig->env.workers; i++) {
        if (ops->worker_fini != NULL)
            ops->worker_fini(rig->state, rig->workers[i]);
        conformance_state_free(rig->workers[i], ops->worker_size);
    }
    ops->fini(rig->state);
    conformance_state_free(rig->state, ops->state_size);
    CHECK_EQ(conformance_allocations(), 0);
    free(rig->jobs);
    free(rig->config);
}

static void rig_push(struct rig *rig, void *worker, uint32_t i)
{
    rig->jobs[i].payload = i + 1;
    rig->ops->push(rig->state, worker, &rig->jobs[i].task);
}

/* Counts the run of a task that was given out; returns its index. */
static uint32_t rig_run(struct rig *rig, struct moirai_task *task)
{
    struct job *job = (struct job *)task;
    uint32_t i = (uint32_t)(job - rig->jobs);

    CHECK_FMT(i < rig->job_count, "gave out a task that was never pushed");
    CHECK_EQ(job->payload, i + 1);
    CHECK_FMT(atomic_fetch_add(&job->runs, 1) == 0,
              "task %u was given out twice", (unsigned)i);
    return i;
}

/* What the core does for a worker: pop, then ask the others. */
static struct moirai_task *rig_next(struct rig *rig, uint32_t w)
{
    const struct moirai_sched_ops *ops = rig->ops;
    struct moirai_task *task = ops->pop(rig->state, rig->workers[w]);
    uint32_t n = rig->env.workers;

    for (uint32_t i = 1; i < n && task == NULL && ops->steal != NULL; i++)
        task = ops->steal(rig->state, rig->workers[w],
                          rig->workers[(w + i) % n]);
    return task;
}

/* Takes everything out, all workers by turns. Returns how many. */
static uint32_t rig_drain(struct rig *rig)
{
    uint32_t n = 0;
    bool found = true;

    while (found) {
        found = false;
        for (uint32_t w = 0; w < rig->env.workers; w++) {
            struct moirai_task *task = rig_next(rig, w);

            if (task != NULL) {
                rig_run(rig, task);
                found = true;
                n++;
            }
        }
    }
    return n;
}

static struct moirai_task *pop_oldest(struct rig *rig, uint32_t w)
{
    if (rig->ops->pop_oldest == NULL)
        return rig->ops->pop(rig->state, rig->workers[w]);
    return rig->ops->pop_oldest(rig->state, rig->workers[w]);
}

void sched_gives_each_task_once(const struct moirai_plugin *plugin,
                                conformance_settings settings)
{
    static const uint32_t counts[] = { 0, 1, 2, 63, 64, 65, 1500, 20000 };
    struct rig rig;

    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        for (uint32_t workers = 1; workers <= 4; workers++) {
            rig_open(&rig, plugin, settings, workers, counts[i]);
            for (uint32_t k = 0; k < counts[i]; k++) {
                uint32_t w = k % (workers + 1);

                rig_push(&rig, w < workers ? rig.workers[w] : NULL, k);
            }
            CHECK_EQ(rig_drain(&rig), counts[i]);
            rig_close(&rig);
        }
    }
}

/* Where a task may come from: each worker, and outside. */
void sched_empty_is_honest(const struct moirai_plugin *plugin,
                           conformance_settings settings)
{
    struct rig rig;
    uint32_t next = 0;

    rig_open(&rig, plugin, settings, 3, 4 * 3 * 40);
    for (uint32_t from = 0; from < 4; from++) {
        for (uint32_t to = 0; to < 3; to++) {
            for (uint32_t n = 1; n <= 40; n++) {
                struct moirai_task *task;

                for (uint32_t w = 0; w < 3; w++)
                    CHECK(rig.ops->empty(rig.state, rig.workers[w]));
                rig_push(&rig, from < 3 ? rig.workers[from] : NULL, next++);
                CHECK(!rig.ops->empty(rig.state, rig.workers[to]));
                task = rig_next(&rig, to);
                CHECK_FMT(task != NULL, "not empty, but nothing to be had");
                rig_run(&rig, task);
            }
        }
    }
    rig_close(&rig);
}

void sched_counts_its_tasks(const struct moirai_plugin *plugin,
                            conformance_settings settings)
{
    struct rig rig;

    rig_open(&rig, plugin, settings, 2, 1000);
    if (rig.ops->length != NULL)
        CHECK_EQ(rig.ops->length(rig.state), 0);
    for (uint32_t i = 0; i < 1000; i++)
        rig_push(&rig, i % 3 < 2 ? rig.workers[i % 3] : NULL, i);
    if (rig.ops->length != NULL)
        CHECK_EQ(rig.ops->length(rig.state), 1000);
    CHECK_EQ(rig_drain(&rig), 1000);
    if (rig.ops->length != NULL)
        CHECK_EQ(rig.ops->length(rig.state), 0);
    rig_close(&rig);
}

/* Worker 0 takes one task and is busy with it; worker 1 finds all others. */
void sched_busy_worker_keeps_nothing(const struct moirai_plugin *plugin,
                                     conformance_settings settings)
{
    struct rig rig;
    struct moirai_task *task;

    for (uint32_t from = 0; from < 2; from++) {
        rig_open(&rig, plugin, settings, 2, 500);
        for (uint32_t i = 0; i < 500; i++)
            rig_push(&rig, from == 0 ? rig.workers[0] : NULL, i);
        task = rig_next(&rig, 0);
        CHECK(task != NULL);
        rig_run(&rig, task);
        for (uint32_t i = 1; i < 500; i++) {
            CHECK(!rig.ops->empty(rig.state, rig.workers[1]));
            task = rig_next(&rig, 1);
            CHECK_FMT(task != NULL, "%u tasks are out of reach",
                      (unsigned)(500 - i));
            rig_run(&rig, task);
        }
        rig_close(&rig);
    }
}

/* A worker that makes a new task for each one it runs gets to the first, which
 * has another priority and was spawned elsewhere than the rest. */
static void behind_new_ones(const struct moirai_plugin *plugin,
                            conformance_settings settings, uint8_t priority,
                            bool foreign)
{
    const uint32_t n = 20000;
    uint32_t pushed = 0;
    struct rig rig;

    rig_open(&rig, plugin, settings, 1, n);
    rig.jobs[0].task.priority = priority;
    for (uint32_t i = 1; i < n; i++)
        rig.jobs[i].task.site = &sites[1];
    rig_push(&rig, foreign ? NULL : rig.workers[0], pushed++);
    rig_push(&rig, rig.workers[0], pushed++);
    while (atomic_load(&rig.jobs[0].runs) == 0) {
        struct moirai_task *task;

        CHECK_FMT(pushed < n, "the first task waits for ever");
        rig_push(&rig, rig.workers[0], pushed++);
        task = rig.ops->pop(rig.state, rig.workers[0]);
        CHECK(task != NULL);
        rig_run(&rig, task);
    }
    rig.job_count = pushed;
    rig_drain(&rig);
    rig_close(&rig);
}

void sched_old_tasks_run_behind_new_ones(const struct moirai_plugin *plugin,
                                         conformance_settings settings)
{
    behind_new_ones(plugin, settings, MOIRAI_PRIORITY_NORMAL, false);
    behind_new_ones(plugin, settings, 1, false);
    behind_new_ones(plugin, settings, UINT8_MAX, false);
}

void sched_foreign_tasks_run_behind_new_ones(
    const struct moirai_plugin *plugin, conformance_settings settings)
{
    behind_new_ones(plugin, settings, MOIRAI_PRIORITY_NORMAL, true);
    behind_new_ones(plugin, settings, 1, true);
    behind_new_ones(plugin, settings, UINT8_MAX, true);
}

/* Tasks that yield again and again, one worker: each comes to its turn, and
 * so does one from outside. Twice: with chance, and with a chooser that says
 * the same for ever. */
void sched_yielding_tasks_let_others_run(const struct moirai_plugin *plugin,
                                         conformance_settings settings)
{
    const uint32_t n = 5;
    struct rig rig;

    for (int64_t choice = -1; choice < (int64_t)n; choice++) {
        uint32_t turns[5] = { 0 };

        conformance_choose(choice);
        rig_open(&rig, plugin, settings, 1, n);
        for (uint32_t i = 0; i < n; i++)
            rig_push(&rig, i + 1 < n ? rig.workers[0] : NULL, i);
        for (uint32_t i = 0; i < 5000; i++) {
            struct moirai_task *task = pop_oldest(&rig, 0);

            CHECK(task != NULL);
            turns[(struct job *)task - rig.jobs]++;
            rig.ops->push(rig.state, rig.workers[0], task);
        }
        for (uint32_t i = 0; i < n; i++)
            CHECK_FMT(turns[i] >= 20, "task %u had %u of 5000 turns",
                      (unsigned)i, (unsigned)turns[i]);
        rig_drain(&rig);
        rig_close(&rig);
    }
    conformance_choose(-1);
}

void sched_push_needs_no_memory(const struct moirai_plugin *plugin,
                                conformance_settings settings)
{
    const uint32_t n = 20000;
    struct rig rig;

    for (int64_t grants = 0; grants < 3; grants++) {
        rig_open(&rig, plugin, settings, 2, n);
        conformance_allow(grants);
        for (uint32_t i = 0; i < n / 2; i++)
            rig_push(&rig, rig.workers[0], i);
        CHECK(!rig.ops->empty(rig.state, rig.workers[1]));
        for (uint32_t i = n / 2; i < n; i++) {
            struct moirai_task *task = rig_next(&rig, i % 2);

            CHECK(task != NULL);
            rig_run(&rig, task);
            rig_push(&rig, i % 3 == 0 ? NULL : rig.workers[0], i);
        }
        CHECK_EQ(rig_drain(&rig), n / 2);
        conformance_allow(-1);
        rig_close(&rig);
    }
}

/* Tries init and one worker_init; 0 if there was memory for both. */
static int start_with(const struct moirai_plugin *plugin, const void *config,
                      int64_t grants)
{
    const struct moirai_sched_ops *ops = plugin->ops;
    struct moirai_sched_env env = { sizeof env, 1, conformance_host() };
    struct moirai_error err = { 0 };
    void *state = conformance_state(ops->state_size, 128);
    void *worker = conformance_state(ops->worker_size, 128);
    int rc;

    conformance_allow(grants);
    rc = ops->init(state, config, &env, &err);
    if (rc == 0) {
        rc = ops->worker_init(state, worker, 0, &err);
        if (rc == 0 && ops->worker_fini != NULL)
            ops->worker_fini(state, worker);
        ops->fini(state);
    }
    conformance_allow(-1);
    CHECK_EQ(conformance_allocations(), 0);
    if (rc != 0) {
        CHECK_EQ(rc, -ENOMEM);
        CHECK_EQ(err.code, -ENOMEM);
        CHECK(err.text[0] != '\0');
    }
    conformance_state_free(worker, ops->worker_size);
    conformance_state_free(state, ops->state_size);
    return rc;
}

void sched_init_fails_cleanly(const struct moirai_plugin *plugin,
                              conformance_settings settings)
{
    void *config = conformance_config(plugin, settings);
    int64_t grants = 0;

    while (start_with(plugin, config, grants) != 0) {
        grants++;
        CHECK(grants < 100);
    }
    free(config);
}

/* --- threads ------------------------------------------------------------ */

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
