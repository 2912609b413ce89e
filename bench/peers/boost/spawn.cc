// SPDX-License-Identifier: MIT
//
// spawn.cc - spawn-warm, spawn-cold: empty fibers, each run as it is created
// and counted off its batch; parked: fibers that wait on a channel.

#include "answers.h"

#include <atomic>
#include <cstdio>

#include "work.h"

using boost::fibers::fiber;

// A dispatched fiber runs at once and a detached one leaves its stack as it
// ends, so that stacks are few and warm; joined by handles, a batch would hold
// all of its stacks, and take four times as long.
template <typename Stacks>
static void spawn_batches(int64_t tasks, Stacks stacks)
{
    std::atomic<int64_t> left(0);

    for (; tasks > 0; tasks -= WORK_SPAWN_BATCH) {
        left.store(WORK_SPAWN_BATCH);
        for (int i = 0; i < WORK_SPAWN_BATCH; i++)
            fiber(boost::fibers::launch::dispatch, std::allocator_arg, stacks,
                  [&left] { left.fetch_sub(1); })
                .detach();
        while (left.load() > 0)
            boost::this_fiber::yield();
    }
}

// A pool of stacks is for one thread only.
static void spawn_all(const struct bench *bench, int64_t tasks)
{
    static boost::fibers::pooled_fixedsize_stack pool(STACK_SIZE);

    if (bench->workers == 1)
        spawn_batches(tasks, pool);
    else
        spawn_batches(tasks, boost::fibers::fixedsize_stack(STACK_SIZE));
}

static int64_t spawns(const struct bench *bench)
{
    return static_cast<int64_t>(
               bench_scaled(bench, 1e6 / WORK_SPAWN_BATCH, 1))
           * WORK_SPAWN_BATCH;
}

void spawn_warm(const struct bench *bench)
{
    workers all(bench->workers);
    int64_t tasks = spawns(bench);
    double ns = median_of(bench, [=] { spawn_all(bench, tasks); });

    bench_print("ns", ns / static_cast<double>(tasks));
}

void spawn_cold(const struct bench *bench)
{
    workers all(bench->workers);
    int64_t tasks = spawns(bench);
    int64_t start = bench_clock();

    spawn_all(bench, tasks);
    bench_print("ns", static_cast<double>(bench_clock() - start)
                          / static_cast<double>(tasks));
}

// The process' memory with its page tables, in bytes.
static double resident()
{
    std::FILE *file = std::fopen("/proc/self/status", "r");
    char line[256];
    long kib;
    double sum = 0;

    if (file == nullptr)
        bench_fail("cannot read /proc/self/status");
    while (std::fgets(line, sizeof line, file) != nullptr)
        if (std::sscanf(line, "VmRSS: %ld", &kib) == 1
            || std::sscanf(line, "VmPTE: %ld", &kib) == 1)
            sum += static_cast<double>(kib) * 1024;
    std::fclose(file);
    return sum;
}

static void wait_until(const std::atomic<size_t> &count, size_t n)
{
    while (count.load() < n)
        boost::this_fiber::yield();
}

void parked(const struct bench *bench)
{
    workers all(bench->workers);
    size_t n = bench_scaled(bench, 1e6, 1);
    std::atomic<size_t> waiting(0);
    std::atomic<size_t> ended(0);
    boost::fibers::buffered_channel<int> never(2);
    double before = resident();
    double bytes;
    int64_t start = bench_clock();
    int64_t created;
    int64_t woken;

    for (size_t i = 0; i < n; i++)
        fiber(boost::fibers::launch::dispatch, std::allocator_arg,
              boost::fibers::fixedsize_stack(STACK_SIZE), [&] {
                  int message;

                  waiting++;
                  never.pop(message);
                  ended++;
              }).detach();
    wait_until(waiting, n);
    created = bench_clock() - start;
    bytes = resident() - before;
    start = bench_clock();
    never.close();
    wait_until(ended, n);
    woken = bench_clock() - start;
    bench_print("create_ns",
                static_cast<double>(created) / static_cast<double>(n));
    bench_print("bytes", bytes / static_cast<double>(n));
    bench_print("wake_ns",
                static_cast<double>(woken) / static_cast<double>(n));
}
