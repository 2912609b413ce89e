/* SPDX-License-Identifier: MIT */
/*
 * spawn.c - the least that spawning can cost: tasks of 64 bytes are written
 * into a ring, taken out and called.
 *
 * With one worker the ring is plain. With more, the first writes and publishes
 * SHARE tasks at a time, and everyone claims as many by one compare-and-swap. A
 * slot is written again only in the next batch, when nobody is in this one, so
 * a claim needs no copy.
 */
#include <stdbool.h>

#include "bench.h"
#include "team.h"
#include "work.h"

#define SHARE 32
#define LINE 64

struct task {
    _Alignas(LINE) void (*fn)(struct task *task, int64_t *count);
    void *arg[7];
};

struct spawn {
    int64_t batches;
    struct team *team;
    unsigned workers;
    int64_t ran;
    _Alignas(LINE) int64_t claimed;     /* atomic: all before it are taken */
    _Alignas(LINE) int64_t written;     /* atomic: all before it are there */
    _Alignas(LINE) int64_t ended;       /* atomic */
    _Alignas(LINE) struct task tasks[WORK_SPAWN_BATCH];
};

static void count_itself(struct task *task, int64_t *count)
{
    *count += task->arg[0] == NULL;
}

static void write_task(struct task *task)
{
    task->fn = count_itself;
    for (int i = 0; i < 7; i++)
        task->arg[i] = NULL;
    __asm__ volatile("" : : "r"(task) : "memory");
}

/* Runs up to SHARE tasks; how many there were. */
static int64_t claim(struct spawn *spawn)
{
    int64_t from = __atomic_load_n(&spawn->claimed, __ATOMIC_RELAXED);
    int64_t to = __atomic_load_n(&spawn->written, __ATOMIC_ACQUIRE);
    int64_t count = 0;

    if (to > from + SHARE)
        to = from + SHARE;
    if (to <= from
        || !__atomic_compare_exchange_n(&spawn->claimed, &from, to, false,
                                        __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
        return 0;
    for (int64_t i = from; i < to; i++)
        spawn->tasks[i].fn(&spawn->tasks[i], &count);
    __atomic_fetch_add(&spawn->ended, count, __ATOMIC_ACQ_REL);
    return count;
}

static void run_shared(void *arg, unsigned member)
{
    struct spawn *spawn = arg;
    unsigned tries = 0;

    for (int64_t i = 0; member == 0 && i < WORK_SPAWN_BATCH; i++) {
        write_task(&spawn->tasks[i]);
        if ((i + 1) % SHARE == 0 || i + 1 == WORK_SPAWN_BATCH)
            __atomic_store_n(&spawn->written, i + 1, __ATOMIC_RELEASE);
    }
    while (__atomic_load_n(&spawn->ended, __ATOMIC_ACQUIRE) < WORK_SPAWN_BATCH)
        if (claim(spawn) == 0)
            team_relax(&tries);
}

static void run_alone(struct spawn *spawn)
{
    int64_t count = 0;

    for (int64_t i = 0; i < WORK_SPAWN_BATCH; i++)
        write_task(&spawn->tasks[i]);
    for (int64_t i = 0; i < WORK_SPAWN_BATCH; i++)
        spawn->tasks[i].fn(&spawn->tasks[i], &count);
    spawn->ended = count;
}

static int64_t spawn_all(void *arg)
{
    struct spawn *spawn = arg;
    int64_t start = bench_clock(), ns;

    spawn->ran = 0;
    for (int64_t i = 0; i < spawn->batches; i++) {
        spawn->claimed = spawn->written = spawn->ended = 0;
        if (spawn->workers == 1)
            run_alone(spawn);
        else
            team_run(spawn->team, run_shared, spawn);
        spawn->ran += spawn->ended;
    }
    ns = bench_clock() - start;
    bench_expect("tasks", spawn->ran, spawn->batches * WORK_SPAWN_BATCH);
    return ns;
}

static void ask(const struct bench *bench, bool warm)
{
    struct spawn *spawn = bench_alloc(sizeof *spawn);
    double ns;

    spawn->batches = (int64_t)bench_scaled(bench, 1e6 / WORK_SPAWN_BATCH, 1);
    spawn->workers = bench->workers;
    spawn->team = team_start(bench->workers);
    ns = warm ? bench_median(bench, spawn_all, spawn)
              : (double)spawn_all(spawn);
    team_stop(spawn->team);
    bench_print("ns", ns / (double)(spawn->batches * WORK_SPAWN_BATCH));
}

static void warm(const struct bench *bench)
{
    ask(bench, true);
}

static void cold(const struct bench *bench)
{
    ask(bench, false);
}

int main(int argc, char **argv)
{
    static const struct bench_question questions[] = {
        { "spawn-warm", warm },
        { "spawn-cold", cold },
        { NULL, NULL },
    };

    return bench_main(argc, argv, questions);
}
