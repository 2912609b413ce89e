/* SPDX-License-Identifier: MIT */
/*
 * steal.c - a deque per worker; who has nothing takes from the others.
 *
 * All of it is in queues.h; what is `steal` about it is that all workers take
 * from one inbox.
 */
#include "queues.h"

struct steal {
    struct queues queues;
    struct queues_inbox inbox;
};

static int steal_init(void *state, const void *config,
                      const struct moirai_sched_env *env,
                      struct moirai_error *err)
{
    struct steal *s = state;

    s->inbox.sharers = env->workers;
    return queues_init(&s->queues, "steal", config, env, err);
}

static void steal_fini(void *state)
{
    struct steal *s = state;

    queues_fini(&s->queues);
}

static int steal_worker_init(void *state, void *worker, uint32_t index,
                             struct moirai_error *err)
{
    struct steal *s = state;

    return queues_worker_init(&s->queues, "steal", worker, index, &s->inbox,
                              err);
}

static void steal_worker_fini(void *state, void *worker)
{
    struct steal *s = state;

    queues_worker_fini(&s->queues, worker);
}

static void steal_push(void *state, void *worker, struct moirai_task *task)
{
    struct steal *s = state;

    if (worker != NULL)
        queues_push(worker, task);
    else
        queues_inbox_push(&s->inbox, task);
}

static struct moirai_task *steal_pop(void *state, void *worker)
{
    struct steal *s = state;

    return queues_pop(&s->queues, worker);
}

static struct moirai_task *steal_pop_oldest(void *state, void *worker)
{
    struct steal *s = state;

    return queues_pop_oldest(&s->queues, worker);
}

static struct moirai_task *steal_steal(void *state, void *worker, void *victim)
{
    struct steal *s = state;

    return queues_steal(&s->queues, worker, victim);
}

static bool steal_empty(void *state, void *worker)
{
    struct steal *s = state;

    (void)worker;
    return queues_inbox_length(&s->inbox) == 0
        && queues_length(&s->queues, 1) == 0;
}

static uint64_t steal_length(void *state)
{
    struct steal *s = state;

    return queues_inbox_length(&s->inbox)
        + queues_length(&s->queues, UINT64_MAX);
}

static const struct moirai_option steal_options[] = { QUEUES_OPTIONS };

static const struct moirai_sched_ops steal_ops = {
    .flags = MOIRAI_SCHED_DEQUE,
    .state_size = sizeof(struct steal),
    .worker_size = sizeof(struct queues_worker),
    .init = steal_init,
    .fini = steal_fini,
    .worker_init = steal_worker_init,
    .worker_fini = steal_worker_fini,
    .push = steal_push,
    .pop = steal_pop,
    .pop_oldest = steal_pop_oldest,
    .steal = steal_steal,
    .empty = steal_empty,
    .length = steal_length,
};

MOIRAI_PLUGIN(sched, steal) = {
    .abi = MOIRAI_PLUGIN_ABI,
    .size = sizeof(struct moirai_plugin),
    .kind = MOIRAI_SCHED,
    .ops_abi = MOIRAI_SCHED_ABI,
    .name = "steal",
    .version = "1.0",
    .summary = "a queue per worker, newest task first; idle workers steal",
    .options = steal_options,
    .config_size = sizeof(struct queues_config),
    .rank = 10,
    .ops = &steal_ops,
    .ops_size = sizeof steal_ops,
};
