/* SPDX-License-Identifier: MIT */
/*
 * sched.c - the promises of include/moirai/sched.h, as one thread sees them.
 */
#include "sched_rig.h"

static struct moirai_site elsewhere = {
    .file = __FILE__, .function = "elsewhere", .line = __LINE__,
};

/* Starts and ends it as far as it goes. Returns what the last start did. */
static int start_and_end(const struct subject *subject, void *state,
                         void *worker, struct moirai_error *err)
{
    const struct moirai_sched_ops *ops = subject->plugin->ops;
    struct moirai_sched_env env = { .size = sizeof env, .workers = 1,
                                    .host = conformance_host(),
                                    .deadline = rig_deadline };
    int rc;

    conformance_at("init");
    rc = ops->init(state, subject->config, &env, err);
    if (rc == 0) {
        conformance_at("worker_init");
        rc = ops->worker_init(state, worker, 0, err);
        conformance_at("worker_fini");
        if (rc == 0 && ops->worker_fini != NULL)
            ops->worker_fini(state, worker);
        conformance_at("fini");
        ops->fini(state);
    }
    conformance_at(NULL);
    return rc;
}

/* With so many pieces of memory. */
static int start_with(const struct subject *subject, int64_t grants,
                      struct moirai_error *err)
{
    const struct moirai_sched_ops *ops = subject->plugin->ops;
    void *state = conformance_state(ops->state_size, 128);
    void *worker = conformance_state(ops->worker_size, 128);
    int rc;

    *err = (struct moirai_error){ 0 };
    conformance_allow(grants);
    rc = start_and_end(subject, state, worker, err);
    conformance_allow(-1);
    conformance_state_free(worker, ops->worker_size);
    conformance_state_free(state, ops->state_size);
    return rc;
}

PROMISE(sched_starts, "`init` and `worker_init` succeed.")
{
    conformance_starts(subject, start_with);
}

static void give_each_once(const struct subject *subject, uint32_t workers,
                           uint32_t jobs, bool by_calls)
{
    struct rig rig;

    rig_open(&rig, subject, workers, jobs);
    if (by_calls)
        rig.lent = false;
    for (uint32_t k = 0; k < jobs; k++) {
        uint32_t w = k % (workers + 1);

        rig_push(&rig, w < workers ? rig.workers[w] : NULL, k);
    }
    rig_drain(&rig);
    rig_close(&rig);
}

PROMISE(sched_gives_each_task_once,
        "Each task that was pushed is given out, and once.")
{
    static const uint32_t counts[] = { 0, 1, 2, 63, 64, 65, 1500, 20000 };
    const struct moirai_sched_ops *ops = subject->plugin->ops;

    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        for (uint32_t workers = 1; workers <= 4; workers++) {
            give_each_once(subject, workers, counts[i], true);
            if (ops->flags & MOIRAI_SCHED_DEQUE)
                give_each_once(subject, workers, counts[i], false);
        }
    }
}

static void check_deque(const struct rig *rig, uint32_t w)
{
    const struct moirai_sched_local *local = rig->workers[w];
    unsigned workers = rig->env.workers;

    HOLDS(local->deque.host != NULL, "worker %u of %u has a deque that nobody "
          "has initialized", (unsigned)w, workers);
    HOLDS(local->deque.bottom == local->deque.top, "worker %u of %u begins "
          "with a deque that is not empty", (unsigned)w, workers);
    HOLDS(workers == 1 || !local->alone, "it says that worker %u of %u is "
          "alone", (unsigned)w, workers);
}

/* What is said of its deques, by one that lends them: nobody else takes from
 * one that is alone, and what the core pushes there is seen by all functions,
 * and by all workers. */
static void lend(const struct subject *subject, uint32_t workers)
{
    const uint32_t n = 300;
    struct moirai_task *task;
    struct rig rig;

    rig_open(&rig, subject, workers, n);
    for (uint32_t w = 0; w < workers; w++)
        check_deque(&rig, w);
    for (uint32_t i = 0; i < n; i++) {
        const struct moirai_sched_local *local = rig.workers[i % workers];
        uint32_t other = (i + 1) % workers;

        rig_push(&rig, rig.workers[i % workers], i);
        HOLDS(!rig_empty(&rig, other), "the core pushed a task to a deque, and "
              "`empty` does not see it");
        rig_length(&rig, 1);
        task = rig_next(&rig, other);
        HOLDS(task != NULL, "the core pushed a task to the deque of worker %u, "
              "and worker %u of %u does not get it", (unsigned)(i % workers),
              (unsigned)other, (unsigned)workers);
        rig_run(&rig, task);
        HOLDS(workers == 1 || !local->alone, "it says that one worker of %u is "
              "alone", (unsigned)workers);
    }
    rig_close(&rig);
}

PROMISE(sched_lends_its_deque,
        "What the core pushes to a lent deque is queued like all else.")
{
    const struct moirai_sched_ops *ops = subject->plugin->ops;

    if ((ops->flags & MOIRAI_SCHED_DEQUE) == 0) {
        conformance_waive("it lends the core no deques");
        return;
    }
    HOLDS((ops->flags & MOIRAI_SCHED_ORDERED) == 0,
          "it says that its order holds, and lets the core go round it");
    HOLDS(ops->worker_size >= sizeof(struct moirai_sched_local),
          "a worker's state has %zu bytes, and what it should begin with %zu",
          ops->worker_size, sizeof(struct moirai_sched_local));
    for (uint32_t workers = 1; workers <= 4; workers++)
        lend(subject, workers);
}

/* Where a task may come from: each worker, and outside. */
static const char *from_where(uint32_t from)
{
    static const char *const names[] = { "worker 0", "worker 1", "worker 2",
                                         "another thread" };

    return names[from];
}

/* One task comes and goes. */
static void come_and_go(struct rig *rig, uint32_t from, uint32_t to,
                        uint32_t i)
{
    struct moirai_task *task;

    for (uint32_t w = 0; w < 3; w++)
        HOLDS(rig_empty(rig, w), "nothing is queued, and `empty` says to "
              "worker %u that there is something", (unsigned)w);
    rig_push(rig, from < 3 ? rig->workers[from] : NULL, i);
    HOLDS(!rig_empty(rig, to), "%s pushed a task, and `empty` says to worker "
          "%u that there is none", from_where(from), (unsigned)to);
    task = rig_next(rig, to);
    HOLDS(task != NULL, "%s pushed a task, `empty` says so, and worker %u gets "
          "nothing by `pop` and `steal`", from_where(from), (unsigned)to);
    rig_run(rig, task);
}

PROMISE(sched_empty_is_honest,
        "`empty` is false if and only if there is a task to pop or steal.")
{
    struct rig rig;
    uint32_t next = 0;

    rig_open(&rig, subject, 3, 4 * 3 * 40);
    for (uint32_t from = 0; from < 4; from++) {
        for (uint32_t to = 0; to < 3; to++) {
            for (uint32_t n = 1; n <= 40; n++)
                come_and_go(&rig, from, to, next++);
        }
    }
    rig_close(&rig);
}

PROMISE(sched_counts_its_tasks,
        "While nobody pushes and pops, `length` says how many are queued.")
{
    const struct moirai_sched_ops *ops = subject->plugin->ops;
    struct rig rig;

    if (ops->length == NULL) {
        conformance_waive("it does not count its tasks");
        return;
    }
    rig_open(&rig, subject, 2, 1000);
    rig_length(&rig, 0);
    for (uint32_t i = 0; i < 1000; i++)
        rig_push(&rig, i % 3 < 2 ? rig.workers[i % 3] : NULL, i);
    rig_length(&rig, 1000);
    rig_drain(&rig);
    rig_length(&rig, 0);
    rig_close(&rig);
}

/* Worker 0 takes one task and is busy with it; worker 1 finds all others. */
static void keep_busy(const struct subject *subject, bool foreign)
{
    struct moirai_task *task;
    struct rig rig;

    rig_open(&rig, subject, 2, 500);
    for (uint32_t i = 0; i < 500; i++)
        rig_push(&rig, foreign ? NULL : rig.workers[0], i);
    task = rig_next(&rig, 0);
    HOLDS(task != NULL, "500 tasks are queued, and worker 0 gets none");
    rig_run(&rig, task);
    for (uint32_t i = 1; i < 500; i++) {
        task = rig_next(&rig, 1);
        HOLDS(task != NULL, "worker 0 is busy, and %u tasks that %s pushed are "
              "out of worker 1's reach", (unsigned)(500 - i),
              foreign ? "another thread" : "it");
        rig_run(&rig, task);
    }
    rig_close(&rig);
}

PROMISE(sched_busy_worker_keeps_nothing,
        "While a worker is busy with a task, others get all that are queued.")
{
    keep_busy(subject, false);
    keep_busy(subject, true);
}

/* A worker that makes a new task for each one it runs gets to number `old`, 0
 * or 1, which has another priority and was spawned elsewhere than the rest. */
static void behind_those(const struct subject *subject, uint8_t priority,
                         bool foreign, uint32_t old)
{
    const uint32_t n = 20000;
    uint32_t pushed = 0;
    struct rig rig;

    rig_open(&rig, subject, 1, n);
    for (uint32_t i = 0; i < n; i++)
        rig.jobs[i].task.site = i != old ? &elsewhere : rig.jobs[i].task.site;
    rig.jobs[old].task.priority = priority;
    for (; pushed < 2; pushed++)
        rig_push(&rig, foreign && pushed == old ? NULL : rig.workers[0],
                 pushed);
    while (atomic_load(&rig.jobs[old].runs) == 0) {
        struct moirai_task *task;

        HOLDS(pushed < n, "a task of priority %u that %s pushed still waits "
              "after %u pops, one newer task being pushed before each",
              (unsigned)priority, foreign ? "another thread" : "the worker",
              (unsigned)n - 2);
        rig_push(&rig, rig.workers[0], pushed++);
        task = rig_pop(&rig, rig.workers[0]);
        HOLDS(task != NULL, "two tasks are queued, and `pop` gives the only "
              "worker none");
        rig_run(&rig, task);
    }
    rig.job_count = pushed;
    rig_drain(&rig);
    rig_close(&rig);
}

/* Whether or not there were others like the new ones before it. */
static void behind_new_ones(const struct subject *subject, uint8_t priority,
                            bool foreign)
{
    behind_those(subject, priority, foreign, 0);
    behind_those(subject, priority, foreign, 1);
}

/* Does it promise that among tasks of the same priority only? */
static bool is_ranked(const struct subject *subject)
{
    const struct moirai_sched_ops *ops = subject->plugin->ops;

    return (ops->flags & MOIRAI_SCHED_RANKED) != 0;
}

PROMISE(sched_old_tasks_run_behind_new_ones,
        "A task has its turn, however many newer ones its worker pushes.")
{
    behind_new_ones(subject, MOIRAI_PRIORITY_NORMAL, false);
    if (is_ranked(subject))
        return;
    behind_new_ones(subject, 1, false);
    behind_new_ones(subject, UINT8_MAX, false);
}

PROMISE(sched_foreign_tasks_run_behind_new_ones,
        "A task from another thread has its turn among a worker's newer ones.")
{
    behind_new_ones(subject, MOIRAI_PRIORITY_NORMAL, true);
    if (is_ranked(subject))
        return;
    behind_new_ones(subject, 1, true);
    behind_new_ones(subject, UINT8_MAX, true);
}

#define YIELDING 5

static void yield_by_turns(const struct subject *subject)
{
    uint32_t turns[YIELDING] = { 0 };
    struct rig rig;

    rig_open(&rig, subject, 1, YIELDING);
    for (uint32_t i = 0; i < YIELDING; i++)
        rig_push(&rig, i + 1 < YIELDING ? rig.workers[0] : NULL, i);
    for (uint32_t i = 0; i < 5000; i++) {
        struct moirai_task *task = rig_pop_oldest(&rig, rig.workers[0]);

        HOLDS(task != NULL, "%d tasks are queued, and the worker gets none",
              YIELDING);
        turns[rig_which(&rig, task)]++;
        rig_put(&rig, rig.workers[0], task);
    }
    for (uint32_t i = 0; i < YIELDING; i++)
        HOLDS(turns[i] >= 20, "of %d tasks that yield for ever, the one that "
              "%s pushed had %u of 5000 turns", YIELDING,
              i + 1 < YIELDING ? "the worker" : "another thread",
              (unsigned)turns[i]);
    rig_drain(&rig);
    rig_close(&rig);
}

/* Tasks that yield again and again, one worker: each comes to its turn, and so
 * does one from outside. With chance, and with a chooser that says the same for
 * ever. */
PROMISE(sched_yielding_tasks_let_others_run,
        "Where all tasks yield, `pop_oldest` comes to each of them.")
{
    for (int64_t choice = -1; choice < YIELDING; choice++) {
        conformance_choose(choice);
        yield_by_turns(subject);
    }
    conformance_choose(-1);
}

PROMISE(sched_push_needs_no_memory,
        "`push` loses nothing when there is no memory to be had.")
{
    const uint32_t n = 20000;
    struct rig rig;

    for (int64_t grants = 0; grants < 3; grants++) {
        rig_open(&rig, subject, 2, n);
        conformance_allow(grants);
        for (uint32_t i = 0; i < n / 2; i++)
            rig_push(&rig, rig.workers[0], i);
        for (uint32_t i = n / 2; i < n; i++) {
            struct moirai_task *task = rig_next(&rig, i % 2);

            HOLDS(task != NULL, "%u tasks are queued, and worker %u gets none",
                  (unsigned)(n / 2), (unsigned)(i % 2));
            rig_run(&rig, task);
            rig_push(&rig, i % 3 == 0 ? NULL : rig.workers[0], i);
        }
        rig_drain(&rig);
        conformance_allow(-1);
        rig_close(&rig);
    }
}

PROMISE(sched_init_fails_cleanly,
        "`init` and `worker_init` without memory say so, and leave nothing.")
{
    conformance_fails_cleanly(subject, start_with);
}

static void open_and_close(const struct subject *subject)
{
    struct rig rig;

    rig_open(&rig, subject, 4, 100);
    for (uint32_t i = 0; i < 100; i++)
        rig_push(&rig, i % 5 < 4 ? rig.workers[i % 5] : NULL, i);
    rig_drain(&rig);
    rig_close(&rig);
}

PROMISE(sched_leaves_nothing,
        "After `fini` nothing stays: no memory, no threads, no open files.")
{
    conformance_leaves_nothing(subject, open_and_close);
}
