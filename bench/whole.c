/* SPDX-License-Identifier: MIT */
/*
 * whole.c - what a runtime costs as a whole: cpu, a task that computes for
 * about 100 ms; start, starting it, running one empty task and stopping; idle,
 * the processor time that it uses in a second in which all tasks wait.
 */
#include <errno.h>
#include <time.h>

#include "task.h"
#include "work.h"

#define PARKED 1000

struct cpu {
    unsigned steps;
    uint64_t result;
};

static int64_t compute(void *arg)
{
    struct cpu *cpu = arg;
    int64_t start = bench_clock();

    cpu->result ^= work_burn(cpu->steps, cpu->steps);
    return bench_clock() - start;
}

static void cpu(const struct bench *bench)
{
    struct cpu cpu = { (unsigned)bench_scaled(bench, WORK_STEPS_100MS, 1), 0 };
    double ns = bench_task_median(bench, compute, &cpu);
    uint64_t once = work_burn(cpu.steps, cpu.steps);

    if (cpu.result != 0 && cpu.result != once)
        bench_fail("the task computed something else");
    bench_print("ns", ns);
}

static int nothing(void *arg)
{
    (void)arg;
    return 0;
}

static int64_t start_and_stop(void *arg)
{
    int64_t start = bench_clock();

    bench_task(arg, nothing, NULL);
    return bench_clock() - start;
}

static void start(const struct bench *bench)
{
    struct bench copy = *bench;

    bench_print("ns", bench_median(bench, start_and_stop, &copy));
}

static int wait_for_close(void *arg)
{
    int64_t message;

    return moirai_chan_recv(arg, &message, MOIRAI_NEVER) == -EPIPE ? 0 : -EIO;
}

static int park_some(void *arg)
{
    struct moirai_chan **chan = arg;

    *chan = bench_chan(1);
    for (int i = 0; i < PARKED; i++)
        bench_need(moirai_spawn(moirai_runtime_scope(moirai_runtime_self()),
                                wait_for_close, *chan), "a task");
    return 0;
}

static void idle(const struct bench *bench)
{
    struct moirai_runtime *runtime = bench_start(bench, NULL);
    double ns = 1e9 * (bench->scale < 1 ? bench->scale : 1);
    struct timespec settle = { .tv_nsec = 50000000 };
    struct timespec pause = { .tv_sec = ns >= 1e9,
                              .tv_nsec = ns >= 1e9 ? 0 : (long)ns };
    struct moirai_chan *chan;
    int64_t used;

    bench_need(moirai_run(runtime, park_some, &chan), "parking");
    nanosleep(&settle, NULL);
    used = bench_cpu_clock();
    nanosleep(&pause, NULL);
    used = bench_cpu_clock() - used;
    moirai_chan_close(chan);
    moirai_chan_put(chan);
    bench_stop(runtime);
    bench_print("cpu_us", (double)used / 1e3);
}

int main(int argc, char **argv)
{
    static const struct bench_question questions[] = {
        { "cpu", cpu },
        { "start", start },
        { "idle", idle },
        { NULL, NULL },
    };

    return bench_main(argc, argv, questions);
}
