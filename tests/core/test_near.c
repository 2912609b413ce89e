/* SPDX-License-Identifier: MIT */
/*
 * test_near.c - tasks, stacks and thieves on machines with several nodes, which
 * are made up: this says what goes where, not what it costs.
 */
#include <moirai/moirai.h>

#include <sched.h>

#include "check.h"
#include "near.h"
#include "runtime.h"
#include "with.h"

static struct moirai_runtime *start(const char *topology, const char *workers)
{
    const char *set[] = { "scheduler.plugin=numa", topology, workers, NULL };

    return with_settings(set);
}

#define TWO "runtime.topology=numa:2 core:64 pu:1"
#define FOUR "runtime.topology=pack:2 numa:2 core:16 pu:2"
#define EIGHT "runtime.topology=pack:2 group:2 numa:2 core:8 pu:2"

/* Worker i is on the node that has the i-th share of the places. */
static void check_places(const struct moirai_runtime *rt, uint32_t nodes)
{
    CHECK(rt->near != NULL);
    for (uint32_t i = 0; i < rt->worker_count; i++) {
        CHECK_EQ(rt->workers[i]->node, i * nodes / rt->worker_count);
        CHECK(rt->workers[i]->near == &rt->near[rt->workers[i]->node]);
    }
}

/* Each place comes once, and never one that is nearer than the one before. */
static void check_order(const struct moirai_runtime *rt, uint32_t node)
{
    const struct mo_near *near = &rt->near[node];
    bool seen[1024] = { false };
    uint32_t last = 0;
    uint32_t own = 0;

    for (uint32_t i = 0; i < rt->staff.most; i++) {
        uint32_t index = near->order[i];
        uint32_t far = mo_machine_distance(&rt->seats.machine, node,
                                           rt->workers[index]->node);

        CHECK(!seen[index]);
        CHECK(far >= last);
        CHECK(i < near->end[near->ring[rt->workers[index]->node]]);
        seen[index] = true;
        last = far;
        own += rt->workers[index]->node == node;
    }
    CHECK_EQ(near->end[MO_NEAR_RINGS - 1], rt->staff.most);
    CHECK_EQ(near->end[0], own);
}

static int count_up(void *arg)
{
    with_add((int *)arg, 1);
    return 0;
}

static int spawn_many(void *arg)
{
    for (int i = 0; i < 2000; i++)
        CHECK_EQ(moirai_spawn(NULL, count_up, arg), 0);
    return 0;
}

static void on(const char *topology, uint32_t nodes)
{
    struct moirai_runtime *rt = start(topology, "runtime.workers=128");
    int n = 0;

    CHECK_EQ(rt->seats.machine.node_count, nodes);
    check_places(rt, nodes);
    for (uint32_t i = 0; i < nodes; i++)
        check_order(rt, i);
    CHECK_EQ(moirai_run(rt, spawn_many, &n), 0);
    with_end(rt);
    CHECK_EQ(n, 2000);
}

TEST(near, places_128_workers_on_2_nodes)
{
    on(TWO, 2);
}

TEST(near, places_128_workers_on_4_nodes)
{
    on(FOUR, 4);
}

TEST(near, places_128_workers_on_8_nodes)
{
    on(EIGHT, 8);
}

TEST(near, tells_four_distances_apart)
{
    struct moirai_runtime *rt = start(EIGHT, "runtime.workers=64");

    for (uint32_t i = 0; i < 8; i++) {
        CHECK(rt->near[i].end[0] < rt->near[i].end[1]);
        CHECK(rt->near[i].end[1] < rt->near[i].end[2]);
        CHECK(rt->near[i].end[2] < rt->near[i].end[3]);
        CHECK_EQ(rt->near[i].end[3], rt->staff.most);
        CHECK_EQ(rt->near[i].ring[i], 0);
        CHECK_EQ(rt->near[i].ring[i ^ 1], 1);
        CHECK_EQ(rt->near[i].ring[i ^ 2], 2);
        CHECK_EQ(rt->near[i].ring[i ^ 4], 3);
    }
    with_end(rt);
}

TEST(near, is_nothing_where_one_node_is_all)
{
    static const char *const one[] = { "scheduler.plugin=numa",
                                       "runtime.topology=core:8 pu:1", NULL };
    static const char *const unbound[] = { "scheduler.plugin=numa",
                                           "runtime.bind=none", TWO, NULL };
    static const char *const steal[] = { "runtime.bind=node",
                                         "runtime.workers=4", TWO, NULL };
    static const char *const *const each[] = { one, unbound, steal };

    for (size_t i = 0; i < 3; i++) {
        struct moirai_runtime *rt = with_settings(each[i]);
        const struct mo_worker *w = rt->workers[0];

        CHECK(rt->near == NULL && w->near == NULL);
        CHECK(w->queue.onto == w->queue.local && w->queue.onto != NULL);
        with_end(rt);
    }
}

/* --- what moves ---------------------------------------------------------*/

#define TWO_WORKERS "runtime.workers=2"

static struct moirai_stats stats_of(struct moirai_runtime *rt)
{
    struct moirai_stats stats = { .size = sizeof stats };

    CHECK_EQ(moirai_stats_read(rt, &stats), 0);
    return stats;
}

/* Begins on worker 0, waits there, and is woken by worker 1. Meanwhile each of
 * the two has a host, which is pinned; then one of them goes. */
struct guest {
    struct moirai_event event;
    uint32_t node;                  /* the one it went on on */
    uint32_t stays;                 /* the worker whose host does */
    int guarded, ran, waits, ended;
};

static int visit(void *arg)
{
    struct guest *guest = arg;

    CHECK_EQ(mo_self()->node, 0);
    with_set(&guest->ran, 1);
    CHECK_EQ(moirai_event_wait(&guest->event, MOIRAI_NEVER), 0);
    guest->node = mo_self()->node;
    with_set(&guest->ended, 1);
    return 0;
}

static void stay(struct guest *guest, uint32_t worker)
{
    while (guest->stays == worker && with_get(&guest->ended) == 0)
        continue;
}

/* By the time this one runs again, the guest has run as far as it could. */
static int host_first(void *arg)
{
    struct guest *guest = arg;

    CHECK_EQ(mo_self()->node, 0);
    while (with_get(&guest->guarded) == 0)
        continue;                   /* worker 1 takes nothing from now on */
    CHECK_EQ(moirai_spawn(NULL, visit, guest), 0);
    while (with_get(&guest->ran) == 0)
        moirai_yield();
    with_set(&guest->waits, 1);
    stay(guest, 0);
    return 0;
}

static int host_second(void *arg)
{
    struct guest *guest = arg;

    CHECK_EQ(mo_self()->node, 1);
    with_set(&guest->guarded, 1);
    while (with_get(&guest->waits) == 0)
        continue;
    moirai_event_set(&guest->event);
    stay(guest, 1);
    return 0;
}

static int receive(void *arg)
{
    struct moirai_attr attr = MOIRAI_ATTR_INIT;
    struct moirai_scope scope;

    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    attr.worker = 2;
    CHECK_EQ(moirai_spawn_with(&scope, host_second, arg, &attr, NULL), 0);
    attr.worker = 1;
    CHECK_EQ(moirai_spawn_with(&scope, host_first, arg, &attr, NULL), 0);
    return moirai_scope_end(&scope);
}

TEST(near, a_task_goes_on_where_its_stack_is)
{
    struct guest guest = { .stays = 1 };
    struct moirai_runtime *rt = start(TWO, TWO_WORKERS);

    CHECK_EQ(moirai_run(rt, receive, &guest), 0);
    CHECK_EQ(guest.node, 0);
    CHECK(stats_of(rt).sent_home >= 1);
    with_end(rt);
}

TEST(near, an_idle_worker_takes_it_nevertheless)
{
    struct guest guest = { .stays = 0 };
    struct moirai_runtime *rt = start(TWO, TWO_WORKERS);
    struct moirai_stats stats;

    CHECK_EQ(moirai_run(rt, receive, &guest), 0);
    CHECK_EQ(guest.node, 1);
    stats = stats_of(rt);
    CHECK(stats.sent_home >= 1);
    CHECK(stats.stolen_next >= 1);
    CHECK_EQ(stats.stolen_on_node + stats.stolen_far, 0);
    with_end(rt);
}

TEST(near, a_stack_left_elsewhere_is_sent_back)
{
    struct guest guest = { .stays = 0 };
    struct moirai_runtime *rt = start(TWO, TWO_WORKERS);

    CHECK_EQ(moirai_run(rt, receive, &guest), 0);
    CHECK_EQ(guest.node, 1);
    while (stats_of(rt).stacks_sent == 0)
        moirai_yield();             /* its end was seen, that of its stack may
                                     * be a moment later */
    with_end(rt);
}

/* --- who is asked first --------------------------------------------------*/

static int nothing(void *arg)
{
    (void)arg;
    return 0;
}

/* With 8 workers on 8 nodes, all asleep or searching, worker 0 alone has tasks:
 * whatever is taken comes from as far as its taker is. */
static int spawn_and_stay(void *arg)
{
    struct moirai_scope scope;

    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    for (int i = 0; i < 20000; i++)
        CHECK_EQ(moirai_spawn(&scope, nothing, arg), 0);
    return moirai_scope_end(&scope);
}

TEST(near, what_is_stolen_is_counted_by_distance)
{
    struct moirai_runtime *rt = start(EIGHT, "runtime.workers=8");
    struct moirai_stats stats;

    for (int i = 0; i < 20; i++)
        CHECK_EQ(moirai_run(rt, spawn_and_stay, NULL), 0);
    stats = stats_of(rt);
    CHECK_EQ(stats.stolen_on_node, 0);      /* nobody has a neighbour */
    CHECK_EQ(stats.stolen_next + stats.stolen_far,
             stats.stolen + stats.forks_stolen);
    with_end(rt);
}

/* Somebody else has to run what it spawns. */
static int give_away(void *arg)
{
    int done = 0;

    (void)arg;
    CHECK_EQ(moirai_spawn(NULL, count_up, &done), 0);
    while (with_get(&done) == 0)
        sched_yield();
    return 0;
}

TEST(near, neighbours_and_strangers_take_work)
{
    struct moirai_runtime *rt = start(EIGHT, "runtime.workers=16");
    struct moirai_stats stats;

    for (int i = 0; i < 300; i++)
        CHECK_EQ(moirai_run(rt, give_away, NULL), 0);
    stats = stats_of(rt);
    CHECK(stats.stolen >= 300);
    CHECK_EQ(stats.stolen_on_node + stats.stolen_next + stats.stolen_far,
             stats.stolen + stats.forks_stolen);
    with_end(rt);
}

TEST(near, from_the_only_other_node_all_is_next)
{
    struct moirai_runtime *rt = start(TWO, "runtime.workers=2");
    struct moirai_stats stats;

    CHECK_EQ(moirai_run(rt, spawn_and_stay, NULL), 0);
    stats = stats_of(rt);
    CHECK_EQ(stats.stolen_on_node + stats.stolen_far, 0);
    CHECK_EQ(stats.stolen_next, stats.stolen + stats.forks_stolen);
    with_end(rt);
}
