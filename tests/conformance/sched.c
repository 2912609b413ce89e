/* SPDX-License-Identifier: MIT */
/*
 * sched.c - the promises of include/moirai/sched.h, as one thread sees them.
 */
#include "sched_rig.h"

#include <errno.h>
#include <stdlib.h>

/* As in a runtime, each task was spawned somewhere. */
static struct moirai_site sites[] = {
    { .file = __FILE__, .function = "one", .line = __LINE__ },
    { .file = __FILE__, .function = "other", .line = __LINE__ },
};

void rig_open(struct rig *rig, const struct moirai_plugin *plugin,
              conformance_settings settings, uint32_t workers, uint32_t jobs)
{
    const struct moirai_sched_ops *ops = plugin->ops;
    struct moirai_error err;

    *rig = (struct rig){ .ops = ops, .job_count = jobs };
    rig->lent = (ops->flags & MOIRAI_SCHED_DEQUE) != 0;
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

void rig_close(struct rig *rig)
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

/* The next three do what the core does: it goes by the deque that a worker's
 * state begins with, if the plugin says so, and asks the plugin otherwise. */
static void rig_put(struct rig *rig, void *worker, struct moirai_task *task)
{
    struct moirai_sched_local *local = rig->lent ? worker : NULL;

    if (local == NULL || !moirai_deque_push(&local->deque, task))
        rig->ops->push(rig->state, worker, task);
}

static struct moirai_task *rig_pop(struct rig *rig, void *worker)
{
    struct moirai_sched_local *local = rig->lent ? worker : NULL;
    struct moirai_task *task = NULL;

    if (local != NULL && local->pops > 1)
        task = local->alone ? moirai_deque_take_alone(&local->deque)
                            : moirai_deque_take(&local->deque);
    if (task == NULL)
        return rig->ops->pop(rig->state, worker);
    local->pops--;
    return task;
}

static struct moirai_task *rig_pop_oldest(struct rig *rig, void *worker)
{
    struct moirai_sched_local *local = rig->lent ? worker : NULL;
    struct moirai_task *task = NULL;

    if (local != NULL && local->pops > 1)
        task = local->alone ? moirai_deque_take_oldest_alone(&local->deque)
                            : moirai_deque_take_oldest(&local->deque);
    if (task == NULL)
        return rig->ops->pop_oldest != NULL
             ? rig->ops->pop_oldest(rig->state, worker)
             : rig->ops->pop(rig->state, worker);
    local->pops--;
    return task;
}

void rig_push(struct rig *rig, void *worker, uint32_t i)
{
    rig->jobs[i].payload = i + 1;
    rig_put(rig, worker, &rig->jobs[i].task);
}

uint32_t rig_run(struct rig *rig, struct moirai_task *task)
{
    struct job *job = (struct job *)task;
    uint32_t i = (uint32_t)(job - rig->jobs);

    CHECK_FMT(i < rig->job_count, "gave out a task that was never pushed");
    CHECK_EQ(job->payload, i + 1);
    CHECK_FMT(atomic_fetch_add(&job->runs, 1) == 0,
              "task %u was given out twice", (unsigned)i);
    return i;
}

struct moirai_task *rig_next(struct rig *rig, uint32_t w)
{
    const struct moirai_sched_ops *ops = rig->ops;
    struct moirai_task *task = rig_pop(rig, rig->workers[w]);
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

static void give_each_once(const struct moirai_plugin *plugin,
                           conformance_settings settings, uint32_t workers,
                           uint32_t jobs, bool by_calls)
{
    struct rig rig;

    rig_open(&rig, plugin, settings, workers, jobs);
    if (by_calls)
        rig.lent = false;
    for (uint32_t k = 0; k < jobs; k++) {
        uint32_t w = k % (workers + 1);

        rig_push(&rig, w < workers ? rig.workers[w] : NULL, k);
    }
    CHECK_EQ(rig_drain(&rig), jobs);
    rig_close(&rig);
}

void sched_gives_each_task_once(const struct moirai_plugin *plugin,
                                conformance_settings settings)
{
    static const uint32_t counts[] = { 0, 1, 2, 63, 64, 65, 1500, 20000 };
    const struct moirai_sched_ops *ops = plugin->ops;

    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        for (uint32_t workers = 1; workers <= 4; workers++) {
            give_each_once(plugin, settings, workers, counts[i], true);
            if (ops->flags & MOIRAI_SCHED_DEQUE)
                give_each_once(plugin, settings, workers, counts[i], false);
        }
    }
}

/* What is said of its deques, by one that lends them: nobody else takes from
 * one that is alone, and what the core pushes there is seen by all functions,
 * and by all workers. */
static void lend(const struct moirai_plugin *plugin,
                 conformance_settings settings, uint32_t workers)
{
    const uint32_t n = 300;
    const struct moirai_sched_local *local;
    struct moirai_task *task;
    struct rig rig;

    rig_open(&rig, plugin, settings, workers, n);
    for (uint32_t w = 0; w < workers; w++) {
        local = rig.workers[w];
        CHECK(local->deque.host != NULL);
        CHECK_EQ(local->deque.bottom, local->deque.top);
        CHECK_FMT(workers == 1 || !local->alone, "says that worker %u of %u "
                  "is alone", (unsigned)w, (unsigned)workers);
    }
    for (uint32_t i = 0; i < n; i++) {
        local = rig.workers[i % workers];
        rig_push(&rig, rig.workers[i % workers], i);
        CHECK(!rig.ops->empty(rig.state, rig.workers[(i + 1) % workers]));
        CHECK(rig.ops->length == NULL || rig.ops->length(rig.state) == 1);
        task = rig_next(&rig, (i + 1) % workers);
        CHECK_FMT(task != NULL, "the core pushed a task, which is lost");
        rig_run(&rig, task);
        CHECK(workers == 1 || !local->alone);
    }
    rig_close(&rig);
}

void sched_lends_its_deque(const struct moirai_plugin *plugin,
                           conformance_settings settings)
{
    const struct moirai_sched_ops *ops = plugin->ops;

    if ((ops->flags & MOIRAI_SCHED_DEQUE) == 0)
        return;
    CHECK_EQ(ops->flags & MOIRAI_SCHED_ORDERED, 0);
    CHECK(ops->worker_size >= sizeof(struct moirai_sched_local));
    for (uint32_t workers = 1; workers <= 4; workers++)
        lend(plugin, settings, workers);
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
        task = rig_pop(&rig, rig.workers[0]);
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
            struct moirai_task *task = rig_pop_oldest(&rig, rig.workers[0]);

            CHECK(task != NULL);
            turns[(struct job *)task - rig.jobs]++;
            rig_put(&rig, rig.workers[0], task);
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
