/* SPDX-License-Identifier: MIT */
/*
 * test_order.c - in which order tasks come out, without moirai.
 *
 * A plugin gets everything through a table, so a test can hand it one: this
 * one gives memory until it is told not to, and keeps the last line logged.
 * bands.c is included, so that its config struct is at hand; how the options
 * are read into it is the core's business, and test_run.c sees that it works.
 */
#include "bands.c"

#include <stdlib.h>
#include <string.h>

#undef NDEBUG
#include <assert.h>

#define TASKS 100

static bool generous = true;
static int lent;
static char line[200];

__attribute__((format(printf, 3, 4)))
static void host_log(void *ctx, enum moirai_level level, const char *format,
                     ...)
{
    va_list args;

    (void)ctx;
    (void)level;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
}

static void *host_alloc(void *ctx, size_t size, size_t align)
{
    void *memory = generous ? aligned_alloc(align, size) : NULL;

    (void)ctx;
    lent += memory != NULL;
    return memory != NULL ? memset(memory, 0, size) : NULL;
}

static void host_release(void *ctx, void *memory)
{
    (void)ctx;
    lent -= memory != NULL;
    free(memory);
}

static int64_t host_now(void *ctx)
{
    (void)ctx;
    return 0;
}

static uint32_t host_choose(void *ctx, uint32_t n)
{
    (void)ctx;
    return n - 1;
}

static const struct moirai_host host = {
    .abi = MOIRAI_HOST_ABI, .size = sizeof host, .log = host_log,
    .now = host_now, .choose = host_choose, .alloc = host_alloc,
    .release = host_release,
};

static const struct moirai_sched_ops *ops;
static void *state;
static void *workers[2];
static struct moirai_task tasks[TASKS];

static void start(struct bands_config config)
{
    struct moirai_sched_env env = { .size = sizeof env, .workers = 2,
                                    .host = &host };

    ops = sched_bands_LTX_moirai_plugin.ops;
    memset(tasks, 0, sizeof tasks);
    state = host_alloc(NULL, (ops->state_size + 127) / 128 * 128, 128);
    assert(ops->init(state, &config, &env, NULL) == 0);
    for (uint32_t i = 0; i < 2; i++) {
        workers[i] = host_alloc(NULL, (ops->worker_size + 127) / 128 * 128,
                                128);
        assert(ops->worker_init(state, workers[i], i, NULL) == 0);
    }
}

static void stop(void)
{
    for (int i = 0; i < 2; i++) {
        assert(ops->empty(state, workers[i]));
        host_release(NULL, workers[i]);
    }
    ops->fini(state);
    host_release(NULL, state);
    assert(lent == 0);
}

static void push(int worker, int task, uint8_t priority)
{
    tasks[task].priority = priority;
    ops->push(state, worker < 0 ? NULL : workers[worker], &tasks[task]);
}

static int pop(int worker)
{
    struct moirai_task *task = ops->pop(state, workers[worker]);

    return task != NULL ? (int)(task - tasks) : -1;
}

static int steal(int worker, int victim)
{
    struct moirai_task *task = ops->steal(state, workers[worker],
                                          workers[victim]);

    return task != NULL ? (int)(task - tasks) : -1;
}

static void urgent_ones_go_first_and_equals_by_age(void)
{
    start((struct bands_config){ .bands = 4 });
    push(0, 0, 10);
    push(1, 1, 255);
    push(0, 2, 128);
    push(-1, 3, 192);               /* the band of 255 */
    push(0, 4, 10);
    assert(pop(0) == 1 && pop(1) == 3 && pop(0) == 2);
    assert(pop(1) == 0 && pop(1) == 4 && pop(0) == -1);
    stop();
}

static void one_passed_over_gets_a_turn(void)
{
    start((struct bands_config){ .bands = 8, .patience = 5, .report = true });
    push(0, 0, 1);
    push(0, 1, 40);                 /* a band above */
    for (int i = 2; i < 22; i++)
        push(0, i, 255);
    for (int i = 0; i < 22; i++) {
        int task = pop(0);

        assert(i == 5 ? task == 1 : i == 6 ? task == 0 : task > 1);
    }
    stop();
    assert(strcmp(line, "bands: 22 turns, 2 of them out of patience") == 0);
}

static void without_patience_it_waits(void)
{
    start((struct bands_config){ .bands = 8 });
    push(0, 0, 1);
    for (int i = 1; i < TASKS; i++)
        push(0, i, 255);
    for (int i = 1; i < TASKS; i++)
        assert(pop(0) == i);
    assert(pop(0) == 0);
    stop();
}

static void each_has_its_own_and_thieves_take_the_urgent(void)
{
    start((struct bands_config){ .bands = 8, .queues = QUEUES_EACH });
    push(0, 0, 1);
    push(0, 1, 255);
    assert(pop(1) == -1 && !ops->empty(state, workers[1]));
    assert(steal(1, 0) == 1 && steal(1, 0) == 0 && steal(1, 0) == -1);
    push(-1, 2, 1);                 /* outsiders go round */
    push(-1, 3, 1);
    assert(pop(0) + pop(1) == 5);
    stop();
}

static void no_memory_is_an_error_in_words(void)
{
    struct moirai_sched_env env = { .size = sizeof env, .workers = 2,
                                    .host = &host };
    struct bands_config config = { .bands = 8 };
    struct moirai_error err = { 0 };

    start(config);
    stop();
    state = host_alloc(NULL, (ops->state_size + 127) / 128 * 128, 128);
    generous = false;
    assert(ops->init(state, &config, &env, &err) == -ENOMEM);
    assert(strcmp(err.text, "bands: no memory for 1 queues") == 0);
    host_release(NULL, state);
    assert(lent == 0);
}

int main(void)
{
    urgent_ones_go_first_and_equals_by_age();
    one_passed_over_gets_a_turn();
    without_patience_it_waits();
    each_has_its_own_and_thieves_take_the_urgent();
    no_memory_is_an_error_in_words();
    return 0;
}
