/* SPDX-License-Identifier: MIT */
/*
 * test_sched.c - the schedulers that come with moirai: the promises of every
 * scheduler, and the order that each of them has of its own.
 */
#include "conforms.h"

#include <moirai/sched.h>

#include <stdlib.h>
#include <string.h>

SCHED_CONFORMANCE(sched_fifo, sched_fifo, NULL)
SCHED_CONFORMANCE(sched_fifo_batch_1, sched_fifo, "batch=1", NULL)
SCHED_CONFORMANCE(sched_numa, sched_numa, NULL)
SCHED_CONFORMANCE(sched_numa_batch_1, sched_numa, "batch=1", NULL)
SCHED_CONFORMANCE_BRIEF(sched_numa_fifo_half, sched_numa, "order=fifo",
                        "batch=half", NULL)
SCHED_CONFORMANCE(sched_prio, sched_prio, NULL)
SCHED_CONFORMANCE(sched_prio_edf, sched_prio, "order=edf", NULL)
SCHED_CONFORMANCE(sched_steal, sched_steal, NULL)
SCHED_CONFORMANCE(sched_steal_batch_1, sched_steal, "batch=1", NULL)
SCHED_CONFORMANCE(sched_steal_fair, sched_steal, "fairness=1", NULL)
SCHED_CONFORMANCE_BRIEF(sched_steal_fifo, sched_steal, "order=fifo", NULL)
SCHED_CONFORMANCE_BRIEF(sched_steal_half, sched_steal, "batch=half", NULL)
SCHED_CONFORMANCE(sched_sim, sched_sim, NULL)

struct one {                        /* a scheduler, without threads */
    const struct moirai_sched_ops *ops;
    struct moirai_sched_env env;
    void *config;
    void *state;
    void *workers[4];
    struct moirai_task *tasks;
};

/* Its id, if it has one. */
static int64_t due(const struct moirai_task *task)
{
    return task->id != 0 ? task->id : MOIRAI_NEVER;
}

/* Worker i is on node node_of[i]. */
static void one_open_on(struct one *one, const struct moirai_plugin *plugin,
                        conformance_settings settings, uint32_t workers,
                        uint32_t tasks, uint32_t nodes,
                        const uint32_t *node_of)
{
    one->ops = plugin->ops;
    one->env = (struct moirai_sched_env){ .size = sizeof one->env,
                                          .workers = workers,
                                          .host = conformance_host(),
                                          .deadline = due,
                                          .nodes = nodes,
                                          .started = workers,
                                          .node_of = node_of };
    one->config = conformance_config(plugin, settings);
    one->state = conformance_state(one->ops->state_size, 128);
    CHECK_EQ(one->ops->init(one->state, one->config, &one->env, NULL), 0);
    for (uint32_t i = 0; i < workers; i++) {
        one->workers[i] = conformance_state(one->ops->worker_size, 128);
        CHECK_EQ(one->ops->worker_init(one->state, one->workers[i], i, NULL),
                 0);
    }
    one->tasks = calloc(tasks, sizeof *one->tasks);
    CHECK(one->tasks != NULL);
}

static void one_open(struct one *one, const struct moirai_plugin *plugin,
                     conformance_settings settings, uint32_t workers,
                     uint32_t tasks)
{
    one_open_on(one, plugin, settings, workers, tasks, 0, NULL);
}

static void one_close(struct one *one)
{
    CHECK(one->ops->empty(one->state, one->workers[0]));
    for (uint32_t i = 0; i < one->env.workers; i++) {
        if (one->ops->worker_fini != NULL)
            one->ops->worker_fini(one->state, one->workers[i]);
        conformance_state_free(one->workers[i], one->ops->worker_size);
    }
    one->ops->fini(one->state);
    conformance_state_free(one->state, one->ops->state_size);
    free(one->tasks);
    free(one->config);
    CHECK_EQ(conformance_allocations(), 0);
}

/* Pushes tasks [from, to) as worker w, or from outside with w = -1. */
static void push(struct one *one, int w, uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i++)
        one->ops->push(one->state, w < 0 ? NULL : one->workers[w],
                       &one->tasks[i]);
}

/* The number of the task; -1: none. */
static int64_t number(const struct one *one, const struct moirai_task *task)
{
    return task == NULL ? -1 : task - one->tasks;
}

static int64_t pop(struct one *one, uint32_t w)
{
    return number(one, one->ops->pop(one->state, one->workers[w]));
}

static int64_t pop_oldest(struct one *one, uint32_t w)
{
    return number(one, one->ops->pop_oldest(one->state, one->workers[w]));
}

static int64_t steal(struct one *one, uint32_t w, uint32_t victim)
{
    return number(one, one->ops->steal(one->state, one->workers[w],
                                       one->workers[victim]));
}

TEST(fifo, pops_oldest_first)
{
    struct one q;

    one_open(&q, &sched_fifo_LTX_moirai_plugin, NULL, 1, 100);
    push(&q, 0, 0, 50);
    push(&q, -1, 50, 100);
    for (int64_t i = 0; i < 100; i++)
        CHECK_EQ(pop(&q, 0), i);
    CHECK_EQ(pop(&q, 0), -1);
    one_close(&q);
}

TEST(fifo, takes_a_batch_at_once_and_lets_it_be_stolen)
{
    static const char *const settings[] = { "batch=4", NULL };
    struct one q;

    one_open(&q, &sched_fifo_LTX_moirai_plugin, settings, 2, 10);
    push(&q, 0, 0, 10);
    CHECK_EQ(pop(&q, 0), 0);
    CHECK_EQ(pop(&q, 1), 4);
    CHECK_EQ(steal(&q, 1, 0), 1);
    CHECK_EQ(steal(&q, 0, 1), 5);
    CHECK_EQ(pop(&q, 0), 2);
    CHECK_EQ(pop(&q, 0), 3);
    CHECK_EQ(pop(&q, 0), 8);
    CHECK_EQ(pop(&q, 0), 9);
    CHECK_EQ(pop(&q, 0), -1);
    CHECK(!q.ops->empty(q.state, q.workers[0]));
    CHECK_EQ(steal(&q, 0, 1), 6);
    CHECK_EQ(steal(&q, 0, 1), 7);
    one_close(&q);
}

/* Workers 0 and 1 are on node 0, 2 and 3 on node 1. */
static void two_nodes_open(struct one *one)
{
    static const uint32_t node_of[] = { 0, 0, 1, 1 };

    one_open_on(one, &sched_numa_LTX_moirai_plugin, NULL, 4, 100, 2, node_of);
}

TEST(numa, gives_a_node_what_was_woken_there)
{
    struct one q;

    two_nodes_open(&q);
    for (uint32_t i = 0; i < 10; i++)
        q.ops->push_home(q.state, i % 2 == 0 ? q.workers[0] : NULL,
                         &q.tasks[i], 1);
    CHECK_EQ(q.ops->length(q.state), 10);
    CHECK(!q.ops->empty(q.state, q.workers[0]));
    CHECK_EQ(pop(&q, 0), -1);
    CHECK_EQ(pop(&q, 1), -1);
    CHECK_EQ(steal(&q, 0, 1), -1);
    CHECK_EQ(pop(&q, 2), 0);        /* and half of them, as there are two */
    CHECK_EQ(pop(&q, 3), 5);
    for (int64_t i = 4; i > 0; i--) {
        CHECK_EQ(pop(&q, 2), i);
        CHECK_EQ(pop(&q, 3) > 5, 1);
    }
    one_close(&q);
}

TEST(numa, steals_deques_before_inboxes_and_of_those_one_at_a_time)
{
    struct one q;

    two_nodes_open(&q);
    push(&q, 2, 0, 4);
    for (uint32_t i = 4; i < 8; i++)
        q.ops->push_home(q.state, NULL, &q.tasks[i], 1);
    CHECK_EQ(steal(&q, 0, 2), 0);
    CHECK_EQ(pop(&q, 0), 1);
    CHECK_EQ(pop(&q, 0), -1);
    CHECK_EQ(steal(&q, 0, 3), 4);
    CHECK_EQ(pop(&q, 0), -1);
    CHECK_EQ(steal(&q, 1, 3), 5);
    CHECK_EQ(steal(&q, 3, 2), 2);
    CHECK_EQ(steal(&q, 3, 2), 3);
    CHECK_EQ(steal(&q, 3, 2), -1);  /* its inbox is its own: it pops */
    CHECK_EQ(pop(&q, 3), 6);
    CHECK_EQ(pop(&q, 2), 7);
    one_close(&q);
}

TEST(numa, deals_out_what_comes_from_outside)
{
    struct one q;

    two_nodes_open(&q);
    push(&q, -1, 0, 100);
    for (int i = 0; i < 50; i++) {
        int64_t left = pop(&q, (uint32_t)i % 2);
        int64_t right = pop(&q, 2 + (uint32_t)i % 2);

        CHECK(left >= 0 && left / 2 % 2 == 0);
        CHECK(right >= 0 && right / 2 % 2 == 1);
    }
    one_close(&q);
}

TEST(steal, pops_newest_first_and_pop_oldest_does_not)
{
    struct one q;

    one_open(&q, &sched_steal_LTX_moirai_plugin, NULL, 1, 20);
    push(&q, 0, 0, 20);
    for (int64_t i = 0; i < 10; i++) {
        CHECK_EQ(pop(&q, 0), 19 - i);
        CHECK_EQ(pop_oldest(&q, 0), i);
    }
    CHECK_EQ(pop_oldest(&q, 0), -1);
    one_close(&q);
}

TEST(steal, takes_the_oldest_each_so_many_pops)
{
    static const char *const settings[] = { "fairness=4", NULL };
    static const int64_t wanted[] = { 11, 10, 9, 0, 8, 7, 6, 1, 5, 4, 3, 2 };
    struct one q;

    one_open(&q, &sched_steal_LTX_moirai_plugin, settings, 1, 12);
    push(&q, 0, 0, 12);
    for (uint32_t i = 0; i < 12; i++)
        CHECK_EQ(pop(&q, 0), wanted[i]);
    one_close(&q);
}

TEST(steal, looks_into_the_inbox_each_second_fair_pop)
{
    static const char *const settings[] = { "fairness=2", "batch=1", NULL };
    static const int64_t wanted[] = { 5, 6, 4, 0, 3, 7, 2, 1 };
    struct one q;

    one_open(&q, &sched_steal_LTX_moirai_plugin, settings, 1, 8);
    push(&q, 0, 0, 6);
    push(&q, -1, 6, 8);
    for (uint32_t i = 0; i < 8; i++)
        CHECK_EQ(pop(&q, 0), wanted[i]);
    one_close(&q);
}

TEST(steal, thief_takes_half_oldest_first)
{
    struct one q;

    one_open(&q, &sched_steal_LTX_moirai_plugin, NULL, 2, 21);
    push(&q, 0, 0, 21);
    CHECK_EQ(steal(&q, 1, 0), 0);
    for (int64_t i = 1; i < 11; i++)
        CHECK_EQ(pop_oldest(&q, 1), i);
    CHECK_EQ(pop(&q, 1), -1);
    for (int64_t i = 20; i > 10; i--)
        CHECK_EQ(pop(&q, 0), i);
    one_close(&q);
}

TEST(steal, thief_takes_no_more_than_a_batch)
{
    static const char *const settings[] = { "batch=3", NULL };
    struct one q;

    one_open(&q, &sched_steal_LTX_moirai_plugin, settings, 2, 100);
    push(&q, 0, 0, 100);
    CHECK_EQ(steal(&q, 1, 0), 0);
    CHECK_EQ(pop(&q, 1), 2);
    CHECK_EQ(pop(&q, 1), 1);
    CHECK_EQ(pop(&q, 1), -1);
    for (int64_t i = 3; i < 100; i++)
        CHECK_EQ(steal(&q, 0, 0) >= 0 || pop(&q, 0) >= 0, 1);
    one_close(&q);
}

TEST(steal, thief_takes_half_of_any_number)
{
    static const char *const settings[] = { "batch=half", NULL };
    struct one q;

    one_open(&q, &sched_steal_LTX_moirai_plugin, settings, 2, 5001);
    push(&q, 0, 0, 5001);
    CHECK_EQ(steal(&q, 1, 0), 0);
    for (int64_t i = 1; i < 2501; i++)
        CHECK_EQ(pop_oldest(&q, 1), i);
    CHECK_EQ(pop(&q, 1), -1);
    for (int64_t left = 2500; left > 0; left--)
        CHECK(pop(&q, 0) >= 2501);
    one_close(&q);
}

TEST(steal, fifo_pops_oldest_first)
{
    static const char *const settings[] = { "order=fifo", "batch=2", NULL };
    struct one q;

    for (uint32_t workers = 1; workers <= 2; workers++) {
        one_open(&q, &sched_steal_LTX_moirai_plugin, settings, workers, 100);
        push(&q, 0, 0, 40);
        for (int64_t i = 0; i < 20; i++)
            CHECK_EQ(i % 2 ? pop(&q, 0) : pop_oldest(&q, 0), i);
        push(&q, 0, 40, 100);
        for (int64_t i = 20; i < 100; i++)
            CHECK_EQ(pop(&q, 0), i);
        CHECK_EQ(pop(&q, 0), -1);
        one_close(&q);
    }
}

/* What was stolen keeps its order; each `fairness`th is one from outside. */
TEST(steal, fifo_is_kept_by_thieves_and_looks_outside)
{
    static const char *const settings[] = { "order=fifo", "fairness=3",
                                            "batch=2", NULL };
    static const int64_t wanted[] = { 2, 3, 8, 4, 5, 10, 6, 7, 11, 9 };
    struct one q;

    one_open(&q, &sched_steal_LTX_moirai_plugin, settings, 2, 12);
    push(&q, 0, 0, 8);
    push(&q, -1, 8, 12);
    CHECK_EQ(steal(&q, 1, 0), 0);
    CHECK_EQ(pop(&q, 1), 1);
    for (uint32_t i = 0; i < 10; i++)
        CHECK_EQ(pop(&q, 0), wanted[i]);
    one_close(&q);
}

TEST(steal, worker_takes_its_share_of_the_inbox)
{
    struct one q;

    one_open(&q, &sched_steal_LTX_moirai_plugin, NULL, 4, 40);
    push(&q, -1, 0, 40);
    CHECK_EQ(pop(&q, 0), 0);        /* and 1 to 9 to its deque */
    CHECK_EQ(pop(&q, 1), 10);       /* and 11 to 17 */
    CHECK_EQ(pop_oldest(&q, 0), 1);
    CHECK_EQ(pop_oldest(&q, 1), 11);
    CHECK_EQ(pop(&q, 0), 9);
    CHECK_EQ(pop(&q, 1), 17);
    for (uint32_t left = 34; left > 0; left--)
        CHECK_EQ(pop(&q, 0) >= 0 || steal(&q, 0, 1) >= 0, 1);
    one_close(&q);
}

static const char *const strict[] = { "order=strict", NULL };
static const char *const edf[] = { "order=edf", NULL };

TEST(prio, pops_the_most_urgent_and_of_equals_the_oldest)
{
    struct one q;

    one_open(&q, &sched_prio_LTX_moirai_plugin, strict, 2, 512);
    for (uint32_t i = 0; i < 512; i++)
        q.tasks[i].priority = (uint8_t)(i * 7);
    push(&q, 0, 0, 300);
    push(&q, -1, 300, 512);
    for (int64_t priority = 255; priority >= 0; priority--) {
        int64_t first = pop(&q, priority % 2);
        int64_t second = pop(&q, 0);

        CHECK_EQ(q.tasks[first].priority, priority);
        CHECK_EQ(second, first + 256);
    }
    CHECK_EQ(pop(&q, 0), -1);
    one_close(&q);
}

TEST(prio, divides_priorities_into_levels)
{
    static const char *const settings[] = { "order=strict", "levels=3", NULL };
    static const uint8_t priorities[] = { 0, 84, 85, 169, 170, 255 };
    static const int64_t wanted[] = { 4, 5, 2, 3, 0, 1 };
    struct one q;

    one_open(&q, &sched_prio_LTX_moirai_plugin, settings, 1, 6);
    for (uint32_t i = 0; i < 6; i++)
        q.tasks[i].priority = priorities[i];
    push(&q, 0, 0, 6);
    for (uint32_t i = 0; i < 6; i++)
        CHECK_EQ(pop(&q, 0), wanted[i]);
    one_close(&q);
}

/* How many of those that are pushed after it, one for each that runs, run
 * before a task that is `below` levels under them, when `before` others were
 * pushed first; `most`: so many or more. */
static uint32_t overtaken(conformance_settings settings, uint32_t below,
                          uint32_t before, uint32_t most)
{
    uint32_t n = 0;
    struct one q;

    one_open(&q, &sched_prio_LTX_moirai_plugin, settings, 1, 3);
    q.tasks[0].priority = (uint8_t)(UINT8_MAX - below);
    q.tasks[1].priority = q.tasks[2].priority = UINT8_MAX;
    for (uint32_t i = 0; i < before; i++) {
        push(&q, 0, 1, 2);
        CHECK_EQ(pop(&q, 0), 1);
    }
    push(&q, 0, 0, 1);
    push(&q, 0, 1, 2);
    while (n < most) {
        push(&q, 0, 1 + (n + 1) % 2, 2 + (n + 1) % 2);
        if (pop(&q, 0) == 0)
            break;
        n++;
    }
    while (pop(&q, 0) >= 0)
        continue;
    one_close(&q);
    return n;
}

TEST(prio, ageing_bounds_how_many_overtake_exactly)
{
    static const char *const settings[] = { "order=ageing", "age=5", NULL };

    for (uint32_t below = 1; below < 256; below += 127) {
        for (uint32_t before = 0; before < 5; before++)
            CHECK_EQ(overtaken(settings, below, before, UINT32_MAX),
                     below * 5 - 1 - before);
    }
    CHECK_EQ(overtaken(settings, 0, 0, UINT32_MAX), 0);
    CHECK_EQ(overtaken(strict, 1, 0, 10000), 10000);
}

/* Then it keeps the promise that others make without ranks. */
TEST(prio, ageing_is_fair)
{
    struct moirai_sched_ops ops;
    struct moirai_plugin plugin = sched_prio_LTX_moirai_plugin;

    memcpy(&ops, plugin.ops, sizeof ops);
    ops.flags &= ~MOIRAI_SCHED_RANKED;
    plugin.ops = &ops;
    conforms(&sched_old_tasks_run_behind_new_ones, &plugin, NULL);
    conforms(&sched_foreign_tasks_run_behind_new_ones, &plugin, NULL);
}

TEST(prio, what_rises_goes_behind_what_was_more_urgent)
{
    static const char *const settings[] = { "order=ageing", "age=4",
                                            "levels=256", NULL };
    static const uint8_t priorities[] = { 254, 255, 254, 255, 255, 254 };
    static const int64_t wanted[] = { 1, 3, 0, 2, 4, 5 };
    struct one q;

    one_open(&q, &sched_prio_LTX_moirai_plugin, settings, 1, 6);
    for (uint32_t i = 0; i < 6; i++)
        q.tasks[i].priority = priorities[i];
    push(&q, 0, 0, 6);
    for (uint32_t i = 0; i < 6; i++)
        CHECK_EQ(pop(&q, 0), wanted[i]);
    one_close(&q);
}

/* Tasks by deadline, equal ones as they came, then those without by priority:
 * also where there was no memory for many of them. */
static void by_deadline(int64_t grants)
{
    enum { TASKS = 1000 };
    struct one q;
    int64_t last = -1;

    one_open(&q, &sched_prio_LTX_moirai_plugin, edf, 1, TASKS);
    for (uint32_t i = 0; i < TASKS; i++) {
        q.tasks[i].id = i * 31 % 97;
        q.tasks[i].priority = i % 2 == 0 ? 200 : 100;
    }
    conformance_allow(grants);
    push(&q, 0, 0, 600);
    for (uint32_t i = 0; i < 300; i++)
        CHECK(pop(&q, 0) >= 0);
    push(&q, 0, 600, 601);
    conformance_allow(-1);
    push(&q, 0, 601, TASKS);
    for (uint32_t i = 0; i < TASKS - 300; i++) {
        int64_t next = pop(&q, 0);

        CHECK(next >= 0);
        if (last >= 0 && due(&q.tasks[last]) == due(&q.tasks[next]))
            CHECK(q.tasks[last].priority > q.tasks[next].priority
                  || last < next);
        else if (last >= 0)
            CHECK(due(&q.tasks[last]) < due(&q.tasks[next]));
        last = next;
    }
    CHECK_EQ(pop(&q, 0), -1);
    one_close(&q);
}

TEST(prio, edf_pops_the_earliest_deadline)
{
    for (int64_t grants = -1; grants < 3; grants++)
        by_deadline(grants);
}

TEST(sim, takes_what_is_chosen)
{
    struct one q;

    one_open(&q, &sched_sim_LTX_moirai_plugin, NULL, 2, 5);
    conformance_choose(1);
    push(&q, 0, 0, 4);
    push(&q, 1, 4, 5);
    CHECK_EQ(pop(&q, 0), 1);        /* 0 4 2 3 */
    CHECK_EQ(pop(&q, 1), 4);        /* 0 3 2 */
    CHECK_EQ(pop(&q, 0), 3);        /* 0 2 */
    CHECK_EQ(pop(&q, 0), 2);
    CHECK_EQ(pop(&q, 0), 0);
    CHECK_EQ(pop(&q, 0), -1);
    one_close(&q);
}

TEST(sim, all_orders_come_up)
{
    enum { TASKS = 4, ORDERS = 24, RUNS = 4800 };
    uint32_t seen[256] = { 0 };
    uint32_t orders = 0;
    struct one q;

    one_open(&q, &sched_sim_LTX_moirai_plugin, NULL, 1, TASKS);
    for (uint32_t run = 0; run < RUNS; run++) {
        uint32_t order = 0;

        push(&q, 0, 0, TASKS);
        for (uint32_t i = 0; i < TASKS; i++)
            order = order * TASKS + (uint32_t)pop(&q, 0);
        seen[order]++;
    }
    for (uint32_t i = 0; i < 256; i++) {
        orders += seen[i] > 0;
        CHECK_FMT(seen[i] == 0 ||
                      (seen[i] > RUNS / ORDERS / 2 &&
                       seen[i] < RUNS / ORDERS * 2),
                  "order %u came up %u times", (unsigned)i,
                  (unsigned)seen[i]);
    }
    CHECK_EQ(orders, ORDERS);
    one_close(&q);
}

/* A chooser that says 0 for ever lets 0 and 2 change places, and forgets 1:
 * the last entry always fills the first's gap. */
TEST(sim, oldest_is_next_after_64_pops_and_8_per_task)
{
    struct one q;
    int64_t task = -1;
    uint32_t pops = 0;

    one_open(&q, &sched_sim_LTX_moirai_plugin, NULL, 1, 3);
    conformance_choose(0);
    push(&q, 0, 0, 3);
    while (task != 1 && pops < 1000) {
        if (task >= 0)
            push(&q, 0, (uint32_t)task, (uint32_t)task + 1);
        task = pop(&q, 0);
        pops++;
    }
    CHECK_EQ(pops, 64 + 8 * 3 + 1);
    CHECK(pop(&q, 0) >= 0 && pop(&q, 0) >= 0);
    one_close(&q);
}
