/* SPDX-License-Identifier: MIT */
/*
 * module.h - a scheduler module that is right, but for what its includer says.
 *
 * Each module beside this file defines NAME and one or two of the macros
 * below, and so is wrong in one way.
 */
#include <moirai/sched.h>

#ifndef ABI
#define ABI MOIRAI_PLUGIN_ABI
#endif
#ifndef SIZE
#define SIZE sizeof(struct moirai_plugin)
#endif
#ifndef KIND
#define KIND MOIRAI_SCHED
#endif
#ifndef OPS_ABI
#define OPS_ABI MOIRAI_SCHED_ABI
#endif
#ifndef OPS_SIZE
#define OPS_SIZE sizeof(struct moirai_sched_ops)
#endif
#ifndef FLAGS
#define FLAGS 0
#endif
#ifndef WORKER_SIZE
#define WORKER_SIZE 0
#endif
#ifndef SAYS
#define SAYS TEXT(NAME)
#endif
#ifndef POP
#define POP module_pop
#endif
#ifndef PROBE
#define PROBE NULL
#endif
#ifndef INIT
#define INIT(err) moirai_error_set(err, -1, "never started")
#endif
#ifndef RANK
#define RANK 0
#endif
#ifndef PRESET
#define PRESET "8"
#endif
#ifndef KEY
#define KEY "batch"
#endif
#ifndef OFFSET
#define OFFSET 0
#endif

#define TEXT(name) TEXT_OF(name)
#define TEXT_OF(name) #name
#define DEFINE(name) DEFINE_OF(name)
#define DEFINE_OF(name) MOIRAI_PLUGIN(sched, name)

static int module_init(void *state, const void *config,
                       const struct moirai_sched_env *env,
                       struct moirai_error *err)
{
    (void)state;
    (void)config;
    (void)env;
    return INIT(err);
}

static void module_fini(void *state)
{
    (void)state;
}

static int module_worker_init(void *state, void *worker, uint32_t index,
                              struct moirai_error *err)
{
    (void)state;
    (void)worker;
    (void)index;
    (void)err;
    return 0;
}

static void module_push(void *state, void *worker, struct moirai_task *task)
{
    (void)state;
    (void)worker;
    (void)task;
}

__attribute__((unused))
static struct moirai_task *module_pop(void *state, void *worker)
{
    (void)state;
    (void)worker;
    return NULL;
}

static bool module_empty(void *state, void *worker)
{
    (void)state;
    (void)worker;
    return true;
}

static const struct moirai_option module_options[] = {
    { .name = KEY, .preset = PRESET, .help = "as in fifo",
      .type = MOIRAI_UINT, .offset = OFFSET, .min = 1, .max = 256 },
    { .name = NULL },
};

static const struct moirai_sched_ops module_ops = {
    .flags = FLAGS,
    .worker_size = WORKER_SIZE,
    .init = module_init,
    .fini = module_fini,
    .worker_init = module_worker_init,
    .push = module_push,
    .pop = POP,
    .empty = module_empty,
};

DEFINE(NAME) = {
    .abi = ABI,
    .size = SIZE,
    .kind = KIND,
    .ops_abi = OPS_ABI,
    .name = SAYS,
    .version = "0.1",
    .summary = "for tests",
    .options = module_options,
    .config_size = sizeof(uint64_t),
    .rank = RANK,
    .probe = PROBE,
    .ops = &module_ops,
    .ops_size = OPS_SIZE,
};
