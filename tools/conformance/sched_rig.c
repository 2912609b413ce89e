/* SPDX-License-Identifier: MIT */
/*
 * sched_rig.c - a scheduler with its workers, and tasks to give it.
 */
#include "sched_rig.h"

#include <stdlib.h>

/* As in a runtime, each task was spawned somewhere. */
static struct moirai_site sites[] = {
    { .file = __FILE__, .function = "one", .line = __LINE__ },
    { .file = __FILE__, .function = "other", .line = __LINE__ },
};

int64_t rig_deadline(const struct moirai_task *task)
{
    (void)task;
    return MOIRAI_S;
}

static void plan(struct rig *rig, uint32_t jobs)
{
    rig->job_count = jobs;
    rig->jobs = calloc(jobs + 1, sizeof *rig->jobs);
    NEEDS(rig->jobs != NULL, "no memory for the test itself");
    for (uint32_t i = 0; i < jobs; i++) {
        rig->jobs[i].task.id = i + 1;
        rig->jobs[i].task.site = &sites[i % 2];
        rig->jobs[i].task.priority = MOIRAI_PRIORITY_NORMAL;
    }
}

void rig_open(struct rig *rig, const struct subject *subject, uint32_t workers,
              uint32_t jobs)
{
    const struct moirai_sched_ops *ops = subject->plugin->ops;
    struct moirai_error err = { 0 };
    int rc;

    *rig = (struct rig){ .ops = ops };
    rig->lent = (ops->flags & MOIRAI_SCHED_DEQUE) != 0;
    rig->env.size = sizeof rig->env;
    rig->env.workers = workers;
    rig->env.host = conformance_host();
    rig->env.deadline = rig_deadline;
    rig->state = conformance_state(ops->state_size, 128);
    plan(rig, jobs);
    conformance_at("init");
    rc = ops->init(rig->state, subject->config, &rig->env, &err);
    NEEDS(rc == 0, "init (workers: %u) returned %d: %s", (unsigned)workers,
          rc, err.text);
    for (uint32_t i = 0; i < workers; i++) {
        rig->workers[i] = conformance_state(ops->worker_size, 128);
        conformance_at("worker_init");
        rc = ops->worker_init(rig->state, rig->workers[i], i, &err);
        NEEDS(rc == 0, "worker_init for worker %u of %u returned %d: %s",
              (unsigned)i, (unsigned)workers, rc, err.text);
    }
    conformance_at(NULL);
}

static void check_runs(const struct rig *rig)
{
    for (uint32_t i = 0; i < rig->job_count; i++) {
        unsigned runs = atomic_load(&rig->jobs[i].runs);

        HOLDS(runs != 0, "task %u of %u was pushed and is lost", (unsigned)i,
              (unsigned)rig->job_count);
        HOLDS(runs == 1, "task %u of %u was given out %u times", (unsigned)i,
              (unsigned)rig->job_count, runs);
    }
}

static void check_empty(struct rig *rig)
{
    for (uint32_t i = 0; i < rig->env.workers; i++) {
        HOLDS(rig_empty(rig, i), "all tasks are out, and `empty` says to "
              "worker %u that there is one", (unsigned)i);
        HOLDS(rig->ops->pop(rig->state, rig->workers[i]) == NULL,
              "all tasks are out, and `pop` gives one to worker %u",
              (unsigned)i);
    }
}

void rig_close(struct rig *rig)
{
    const struct moirai_sched_ops *ops = rig->ops;

    check_runs(rig);
    check_empty(rig);
    for (uint32_t i = rig->env.workers; i > 0; i--) {
        conformance_at("worker_fini");
        if (ops->worker_fini != NULL)
            ops->worker_fini(rig->state, rig->workers[i - 1]);
    }
    conformance_at("fini");
    ops->fini(rig->state);
    conformance_at(NULL);
    for (uint32_t i = 0; i < rig->env.workers; i++)
        conformance_state_free(rig->workers[i], ops->worker_size);
    conformance_state_free(rig->state, ops->state_size);
    HOLDS(conformance_allocations() == 0, "after fini it still holds %lld "
          "pieces of the host's memory", (long long)conformance_allocations());
    free(rig->jobs);
}

void rig_put(struct rig *rig, void *worker, struct moirai_task *task)
{
    struct moirai_sched_local *local = rig->lent ? worker : NULL;

    conformance_at("push");
    if (local == NULL || !moirai_deque_push(&local->deque, task))
        rig->ops->push(rig->state, worker, task);
    conformance_at(NULL);
}

struct moirai_task *rig_pop(struct rig *rig, void *worker)
{
    struct moirai_sched_local *local = rig->lent ? worker : NULL;
    struct moirai_task *task = NULL;

    conformance_at("pop");
    if (local != NULL && local->pops > 1)
        task = local->alone ? moirai_deque_take_alone(&local->deque)
                            : moirai_deque_take(&local->deque);
    if (task != NULL)
        local->pops--;
    else
        task = rig->ops->pop(rig->state, worker);
    conformance_at(NULL);
    return task;
}

static struct moirai_task *call_pop_oldest(struct rig *rig, void *worker)
{
    return rig->ops->pop_oldest != NULL
        ? rig->ops->pop_oldest(rig->state, worker)
        : rig->ops->pop(rig->state, worker);
}

struct moirai_task *rig_pop_oldest(struct rig *rig, void *worker)
{
    struct moirai_sched_local *local = rig->lent ? worker : NULL;
    struct moirai_task *task = NULL;

    conformance_at("pop_oldest");
    if (local != NULL && local->pops > 1)
        task = local->alone ? moirai_deque_take_oldest_alone(&local->deque)
                            : moirai_deque_take_oldest(&local->deque);
    if (task != NULL)
        local->pops--;
    else
        task = call_pop_oldest(rig, worker);
    conformance_at(NULL);
    return task;
}

void rig_push(struct rig *rig, void *worker, uint32_t i)
{
    rig->jobs[i].payload = i + 1;
    rig_put(rig, worker, &rig->jobs[i].task);
}

uint32_t rig_which(const struct rig *rig, const struct moirai_task *task)
{
    size_t offset = (size_t)((const char *)task - (const char *)rig->jobs);
    size_t i = offset / sizeof *rig->jobs;

    HOLDS(i < rig->job_count && offset % sizeof *rig->jobs == 0,
          "it gave out %p, which is no task", (const void *)task);
    HOLDS(rig->jobs[i].payload == i + 1, "it gave out task %zu, and what its "
          "pusher wrote before is not to be seen", i);
    return (uint32_t)i;
}

uint32_t rig_run(struct rig *rig, struct moirai_task *task)
{
    uint32_t i = rig_which(rig, task);

    HOLDS(atomic_fetch_add(&rig->jobs[i].runs, 1) == 0,
          "task %u was given out twice", (unsigned)i);
    return i;
}

struct moirai_task *rig_next(struct rig *rig, uint32_t w)
{
    const struct moirai_sched_ops *ops = rig->ops;
    struct moirai_task *task = rig_pop(rig, rig->workers[w]);
    uint32_t n = rig->env.workers;

    conformance_at("steal");
    for (uint32_t i = 1; i < n && task == NULL && ops->steal != NULL; i++)
        task = ops->steal(rig->state, rig->workers[w],
                          rig->workers[(w + i) % n]);
    conformance_at(NULL);
    return task;
}

uint32_t rig_drain(struct rig *rig)
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

bool rig_empty(struct rig *rig, uint32_t w)
{
    bool empty;

    conformance_at("empty");
    empty = rig->ops->empty(rig->state, rig->workers[w]);
    conformance_at(NULL);
    return empty;
}

void rig_length(struct rig *rig, uint64_t wanted)
{
    uint64_t length;

    if (rig->ops->length == NULL)
        return;
    conformance_at("length");
    length = rig->ops->length(rig->state);
    conformance_at(NULL);
    HOLDS(length == wanted, "%llu tasks are queued, and `length` says %llu",
          (unsigned long long)wanted, (unsigned long long)length);
}
