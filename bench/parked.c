/* SPDX-License-Identifier: MIT */
/*
 * parked.c - a million tasks that wait: what each costs to make, to keep and
 * to wake.
 *
 * Questions: parked (1e6 tasks, each on a guarded stack of 64 KiB, wait on one
 * channel, which is then closed), parked-mixed (the same, a tenth as many,
 * after each has used its stack as a program does: printf, name resolution,
 * a deep call), parked-list (as parked; list_ns, what moirai_dump takes for one
 * of them), sleepers (the same, each asleep until a time of its own; fire_ns,
 * processor time from when all sleep until all have ended). Metrics: create_ns,
 * bytes (memory and page tables, by which the process grew), wake_ns (all wake
 * and end); each per task.
 */
#include "bench.h"

#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <moirai/chan.h>
#include <moirai/runtime.h>
#include <moirai/scope.h>
#include <moirai/task.h>

#include "memory.h"
#include "work.h"

#define TASKS 1e6
#define MIXED 1e5
#define WARM_UP 1000                /* tasks: then their place is known for
                                     * waiting; they leave few stacks behind */
#define DEEP 20000                  /* bytes of stack that are used once */

struct round {
    struct moirai_chan *chan;
    bool mixed, listed;
    size_t tasks;
    double create_ns, bytes, wake_ns, list_ns;  /* results; not per task */
    uint64_t begun, woken;          /* by __atomic builtins */
};

/* Leaves its mark on many pages. */
static __attribute__((noinline)) void go_deep(void)
{
    volatile char bytes[DEEP];

    for (size_t i = 0; i < sizeof bytes; i += 64)
        bytes[i] = 1;
}

static void use_stack(void)
{
    struct addrinfo hint = { .ai_flags = AI_NUMERICHOST };
    struct addrinfo *found;
    char text[64];

    snprintf(text, sizeof text, "%.6f", 3.25);
    if (getaddrinfo("127.0.0.1", "80", &hint, &found) == 0)
        freeaddrinfo(found);
    go_deep();
}

static int wait_for_close(void *arg)
{
    struct round *round = arg;
    int64_t message;

    if (round->mixed)
        use_stack();
    __atomic_fetch_add(&round->begun, 1, __ATOMIC_RELAXED);
    if (moirai_chan_recv(round->chan, &message, MOIRAI_NEVER) < 0)
        __atomic_fetch_add(&round->woken, 1, __ATOMIC_RELAXED);
    return 0;
}

static double list_all(void)
{
    int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    int64_t start = bench_clock();

    if (nowhere < 0)
        bench_fail("no /dev/null");
    moirai_dump(moirai_runtime_self(), nowhere);
    start = bench_clock() - start;
    close(nowhere);
    return (double)start;
}

static int run_round(void *arg)
{
    struct round *round = arg;
    struct moirai_scope scope;
    double bytes = bench_memory();
    int64_t start = bench_clock();

    bench_need(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), "scope");
    for (size_t i = 0; i < round->tasks; i++)
        bench_need(moirai_spawn(&scope, wait_for_close, round), "spawn");
    while (__atomic_load_n(&round->begun, __ATOMIC_RELAXED) < round->tasks)
        moirai_yield();
    round->create_ns = (double)(bench_clock() - start);
    round->bytes = bench_memory() - bytes;
    if (round->listed)
        round->list_ns = list_all();
    start = bench_clock();
    moirai_chan_close(round->chan);
    bench_need(moirai_scope_end(&scope), "end");
    round->wake_ns = (double)(bench_clock() - start);
    bench_expect("tasks woken", (int64_t)round->woken, (int64_t)round->tasks);
    return 0;
}

/* `as` says how; what is in it besides does not matter. */
static struct round measure(struct moirai_runtime *rt, size_t tasks,
                            struct round as)
{
    struct round round = { .tasks = tasks, .mixed = as.mixed,
                           .listed = as.listed };
    struct moirai_elem elem = MOIRAI_ELEM(int64_t);
    static const char *const options[] = { "capacity=0", NULL };

    bench_need(moirai_chan_make(rt, NULL, options, &elem, &round.chan, NULL),
               "channel");
    bench_need(moirai_run(rt, run_round, &round), "run");
    moirai_chan_put(round.chan);
    return round;
}

static struct moirai_runtime *start_small(const struct bench *bench)
{
    char workers[40];
    const char *const set[] = { workers, "stacks.size=64KiB", NULL };
    struct moirai_config config = { .size = sizeof config, .set = set };
    struct moirai_runtime *rt;

    snprintf(workers, sizeof workers, "runtime.workers=%u", bench->workers);
    bench_need(moirai_start(&rt, &config, NULL), "start");
    return rt;
}

static struct round ask(const struct bench *bench, double tasks,
                        struct round as)
{
    size_t n = bench_scaled(bench, tasks, 100);
    struct moirai_runtime *rt = start_small(bench);
    struct round round;

    measure(rt, WARM_UP, as);
    round = measure(rt, n, as);
    bench_need(moirai_stop(rt, MOIRAI_NEVER, NULL), "stop");
    return round;
}

static void print(struct round round)
{
    double n = (double)round.tasks;

    bench_print("create_ns", round.create_ns / n);
    bench_print("bytes", round.bytes / n);
    bench_print("wake_ns", round.wake_ns / n);
}

static void ask_parked(const struct bench *bench)
{
    print(ask(bench, TASKS, (struct round){ 0 }));
}

static void ask_mixed(const struct bench *bench)
{
    print(ask(bench, MIXED, (struct round){ .mixed = true }));
}

static void ask_listed(const struct bench *bench)
{
    struct round round = ask(bench, TASKS, (struct round){ .listed = true });

    bench_print("list_ns", round.list_ns / (double)round.tasks);
}

/* --- sleepers ------------------------------------------------------------- */

struct sleepers {
    size_t tasks, begun;            /* begun: by __atomic builtins */
    int64_t due;                    /* the first one's time */
    double create_ns, bytes, fire_ns;
};

struct sleeper {
    struct sleepers *all;
    int64_t until;
};

static int sleep_once(void *arg)
{
    const struct sleeper *self = arg;

    __atomic_fetch_add(&self->all->begun, 1, __ATOMIC_RELAXED);
    return moirai_sleep_until(self->until);
}

static int let_sleep(void *arg)
{
    struct sleepers *all = arg;
    struct sleeper *each = bench_alloc(all->tasks * sizeof *each);
    struct moirai_scope scope;
    double bytes = bench_memory();
    int64_t start = bench_clock(), cpu;

    all->due = moirai_after((int64_t)all->tasks * WORK_SLEEP_EACH_NS);
    bench_need(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), "scope");
    for (size_t i = 0; i < all->tasks; i++) {
        each[i] = (struct sleeper){ all, all->due + work_sleep_after(i) };
        bench_need(moirai_spawn(&scope, sleep_once, &each[i]), "spawn");
    }
    while (__atomic_load_n(&all->begun, __ATOMIC_RELAXED) < all->tasks)
        moirai_yield();
    all->create_ns = (double)(bench_clock() - start);
    all->bytes = bench_memory() - bytes;
    cpu = bench_cpu_clock();
    bench_need(moirai_scope_end(&scope), "end");
    all->fire_ns = (double)(bench_cpu_clock() - cpu);
    return 0;
}

static void ask_sleepers(const struct bench *bench)
{
    struct sleepers all = { .tasks = bench_scaled(bench, TASKS, 100) };
    double n = (double)all.tasks;
    struct moirai_runtime *rt = start_small(bench);

    bench_need(moirai_run(rt, let_sleep, &all), "run");
    bench_need(moirai_stop(rt, MOIRAI_NEVER, NULL), "stop");
    bench_print("create_ns", all.create_ns / n);
    bench_print("bytes", all.bytes / n);
    bench_print("fire_ns", all.fire_ns / n);
}

static const struct bench_question questions[] = {
    { "parked", ask_parked },
    { "parked-mixed", ask_mixed },
    { "parked-list", ask_listed },
    { "sleepers", ask_sleepers },
    { NULL, NULL },
};

int main(int argc, char **argv)
{
    return bench_main(argc, argv, questions);
}
