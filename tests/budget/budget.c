/* SPDX-License-Identifier: MIT */
/*
 * budget.c - operations, so many times and then twice as many, for
 * tests/check_budget.sh to have their instructions counted.
 *
 * On one worker every run does the same, so the difference between the two is
 * the instructions of so many operations, to the last one; what comes before
 * and after them is in both. budget_mark is called before and after each run,
 * which is where callgrind writes its counts: six times for each operation, of
 * which the first two are for warming up. Prints what it does, a line each:
 * NAME OPERATIONS.
 */
#include <moirai/moirai.h>
#include <moirai/par.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* A multiple of the periods at which the core and the scheduler do something:
 * of 61 pops, and of powers of two. */
#define OPERATIONS (61 * 64)

void budget_mark(void);

__attribute__((noinline)) void budget_mark(void)
{
    __asm__ volatile("" ::: "memory");
}

static void need(int rc)
{
    if (rc != 0) {
        fprintf(stderr, "budget: %d\n", rc);
        exit(1);
    }
}

struct ends {
    struct moirai_chan *to, *from;
    int64_t n;
};

static int nothing(void *arg)
{
    (void)arg;
    return 0;
}

static int wait_once(void *arg)
{
    (void)arg;
    return moirai_yield();
}

static int yield_on(void *arg)
{
    for (int64_t i = *(int64_t *)arg; i > 0; i--)
        moirai_yield();
    return 0;
}

static int pong(void *arg)
{
    struct ends *ends = arg;
    int64_t message;

    for (int64_t i = 0; i < ends->n; i++) {
        need(moirai_chan_recv(ends->to, &message, MOIRAI_NEVER));
        need(moirai_chan_send(ends->from, &message, MOIRAI_NEVER));
    }
    return 0;
}

/* --- one operation n times ------------------------------------------------ */

static void spawn(struct ends *ends, int64_t n)
{
    struct moirai_scope scope;

    (void)ends;
    need(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER));
    for (int64_t i = 0; i < n; i++)
        need(moirai_spawn(&scope, nothing, NULL));
    need(moirai_scope_end(&scope));
}

static void spawn_one(struct ends *ends, int64_t n)
{
    (void)ends;
    for (int64_t i = 0; i < n; i++) {
        struct moirai_scope scope;

        need(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER));
        need(moirai_spawn(&scope, nothing, NULL));
        need(moirai_scope_end(&scope));
    }
}

static void spawn_waiting(struct ends *ends, int64_t n)
{
    struct moirai_scope scope;

    (void)ends;
    for (int64_t i = 0; i < n; i += 64) {
        need(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER));
        for (int j = 0; j < 64; j++)
            need(moirai_spawn(&scope, wait_once, NULL));
        need(moirai_scope_end(&scope));
    }
}

static void spawn_handle(struct ends *ends, int64_t n)
{
    struct moirai_handle *handle;

    (void)ends;
    for (int64_t i = 0; i < n; i++) {
        need(moirai_spawn_with(NULL, nothing, NULL, NULL, &handle));
        need(moirai_handle_join(handle, MOIRAI_NEVER, NULL));
        moirai_handle_put(handle);
    }
}

static void fork_and_join(struct ends *ends, int64_t n)
{
    struct moirai_frame frame;

    (void)ends;
    for (int64_t i = 0; i < n; i++) {
        moirai_fork(&frame, nothing, NULL);
        need(moirai_join(&frame));
    }
}

static void fork_and_unfork(struct ends *ends, int64_t n)
{
    struct moirai_frame frame;

    (void)ends;
    for (int64_t i = 0; i < n; i++) {
        moirai_fork(&frame, nothing, NULL);
        need(moirai_unfork(&frame) ? nothing(NULL) : frame.result);
    }
}

static int nothing_of(size_t begin, size_t end, void *arg)
{
    (void)begin;
    (void)end;
    return nothing(arg);
}

static void loop(struct ends *ends, int64_t n)
{
    (void)ends;
    for (int64_t i = 0; i < n; i++)
        need(moirai_par_for(0, 1000, nothing_of, NULL, NULL));
}

/* Two tasks, so half of them each. */
static void yield(struct ends *ends, int64_t n)
{
    struct moirai_scope scope;
    int64_t half = n / 2;

    (void)ends;
    need(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER));
    need(moirai_spawn(&scope, yield_on, &half));
    need(moirai_spawn(&scope, yield_on, &half));
    need(moirai_scope_end(&scope));
}

static void send(struct ends *ends, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        need(moirai_chan_send(ends->to, &i, MOIRAI_NEVER));
}

static void receive(struct ends *ends, int64_t n)
{
    int64_t message;

    for (int64_t i = 0; i < n; i++)
        need(moirai_chan_recv(ends->to, &message, MOIRAI_NEVER));
}

static void ping(struct ends *ends, int64_t n)
{
    struct moirai_scope scope;
    int64_t message = 0;

    ends->n = n;
    need(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER));
    need(moirai_spawn(&scope, pong, ends));
    for (int64_t i = 0; i < n; i++) {
        need(moirai_chan_send(ends->to, &message, MOIRAI_NEVER));
        need(moirai_chan_recv(ends->from, &message, MOIRAI_NEVER));
    }
    need(moirai_scope_end(&scope));
}

static void lock(struct ends *ends, int64_t n)
{
    struct moirai_mutex mutex = MOIRAI_MUTEX_INIT;

    (void)ends;
    for (int64_t i = 0; i < n; i++) {
        need(moirai_mutex_lock(&mutex, MOIRAI_NEVER));
        need(moirai_mutex_unlock(&mutex));
    }
}

/* Far from its limit. */
static void acquire(struct ends *ends, int64_t n)
{
    struct moirai_limit limit;

    (void)ends;
    need(moirai_limit_tokens(&limit, 1000000, 1000, 1000000));
    for (int64_t i = 0; i < n; i++)
        need(moirai_limit_acquire(&limit, 1, MOIRAI_NEVER));
}

static void call(struct ends *ends, int64_t n)
{
    struct moirai_breaker_config config = MOIRAI_BREAKER_CONFIG_INIT;
    struct moirai_breaker breaker;

    (void)ends;
    need(moirai_breaker_init(&breaker, &config));
    for (int64_t i = 0; i < n; i++)
        need(moirai_breaker_run(&breaker, nothing, NULL));
}

/* Nothing fails. */
static void retry(struct ends *ends, int64_t n)
{
    struct moirai_retry_policy policy = MOIRAI_RETRY_POLICY_INIT;

    (void)ends;
    for (int64_t i = 0; i < n; i++)
        need(moirai_retry_run(&policy, nothing, NULL, MOIRAI_NEVER));
}

static int make_thing(void **value, int64_t deadline_ns, void *arg)
{
    (void)deadline_ns;
    *value = arg;
    return 0;
}

static void destroy_thing(void *value, void *arg)
{
    (void)value;
    (void)arg;
}

static void borrow(struct ends *ends, int64_t n)
{
    struct moirai_resources_config config = MOIRAI_RESOURCES_CONFIG_INIT;
    struct moirai_resources *pool;
    struct moirai_resource lent;

    config.create = make_thing;
    config.destroy = destroy_thing;
    config.arg = ends;
    need(moirai_resource_open(&pool, &config));
    for (int64_t i = 0; i < n; i++) {
        need(moirai_resource_get(pool, &lent, MOIRAI_NEVER));
        need(moirai_resource_put(&lent));
    }
    need(moirai_resource_close(pool, MOIRAI_NEVER));
}

static int next_of(void *message, void *arg)
{
    int64_t *left = arg;

    *(int64_t *)message = *left;
    return (*left)-- == 0 ? MOIRAI_STREAM_END : 0;
}

static int pass(void *message, void *arg)
{
    (void)message;
    return nothing(arg);
}

/* Three tasks, with room for 64 messages between. */
static void pipeline(struct ends *ends, int64_t n)
{
    int64_t left = n;

    (void)ends;
    need(MOIRAI_STREAM(MOIRAI_NEVER, NULL,
        moirai_stream_generate(next_of, &left, MOIRAI_OF(int64_t)),
        moirai_stream_async(64, 1),
        moirai_stream_apply(pass, NULL),
        moirai_stream_async(64, 1),
        moirai_stream_each(pass, NULL)));
}

/* --- all of them ---------------------------------------------------------- */

static const struct operation {
    const char *name;
    void (*before)(struct ends *ends, int64_t n);   /* not counted */
    void (*run)(struct ends *ends, int64_t n);
    void (*after)(struct ends *ends, int64_t n);    /* not counted */
    bool rendezvous;
} operations[] = {
    { "spawn-join", NULL, spawn, NULL, false },
    { "spawn-join-alone", NULL, spawn_one, NULL, false },
    { "spawn-wait-join", NULL, spawn_waiting, NULL, false },
    { "spawn-handle-join", NULL, spawn_handle, NULL, false },
    { "fork-join", NULL, fork_and_join, NULL, false },
    { "fork-unfork", NULL, fork_and_unfork, NULL, false },
    { "par-for", NULL, loop, NULL, false },
    { "yield", NULL, yield, NULL, false },
    { "send", NULL, send, receive, false },
    { "receive", send, receive, NULL, false },
    { "pingpong", NULL, ping, NULL, true },
    { "mutex", NULL, lock, NULL, false },
    { "limit-acquire", NULL, acquire, NULL, false },
    { "breaker-run", NULL, call, NULL, false },
    { "retry-run", NULL, retry, NULL, false },
    { "resource-lend", NULL, borrow, NULL, false },
    { "pipeline", NULL, pipeline, NULL, false },
};

static struct moirai_chan *open_chan(const char *option)
{
    const char *const options[] = { option, NULL };
    const struct moirai_elem elem = MOIRAI_ELEM(int64_t);
    struct moirai_chan *chan;

    need(moirai_chan_make(NULL, NULL, options, &elem, &chan, NULL));
    return chan;
}

static void run(const struct operation *operation, struct ends *ends,
                int64_t n)
{
    if (operation->before != NULL)
        operation->before(ends, n);
    budget_mark();
    operation->run(ends, n);
    budget_mark();
    if (operation->after != NULL)
        operation->after(ends, n);
}

/* Once for warming up: what is learned of a spawn site is known then, and what
 * has to be allocated is there. */
static void count(const struct operation *operation, struct ends *ends)
{
    run(operation, ends, 2 * OPERATIONS);
    run(operation, ends, OPERATIONS);
    run(operation, ends, 2 * OPERATIONS);
    printf("%s %d\n", operation->name, OPERATIONS);
}

static int count_all(void *arg)
{
    struct ends ends;

    (void)arg;
    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++) {
        const char *capacity = operations[i].rendezvous ? "capacity=0"
                                                        : "capacity=16384";

        ends.to = open_chan(capacity);
        ends.from = open_chan(capacity);
        count(&operations[i], &ends);
        moirai_chan_put(ends.to);
        moirai_chan_put(ends.from);
    }
    return 0;
}

/* In a task without a handle, as most are. */
static int count_in_task(void *arg)
{
    struct moirai_scope scope;

    need(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER));
    need(moirai_spawn(&scope, count_all, arg));
    return moirai_scope_end(&scope);
}

int main(void)
{
    const char *const set[] = { "runtime.workers=1", "scheduler.spin=0",
                                NULL };
    struct moirai_config config = { .size = sizeof config, .set = set };
    struct moirai_runtime *runtime;

    need(moirai_start(&runtime, &config, NULL));
    need(moirai_run(runtime, count_in_task, NULL));
    need(moirai_stop(runtime, MOIRAI_NEVER, NULL));
    return 0;
}
