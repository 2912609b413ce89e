// SPDX-License-Identifier: MIT
//
// ring.cc - ring-N: fibers that only yield; mutex.

#include "answers.h"

#include <atomic>
#include <cstdlib>

static const size_t LEAST_YIELDS = 3;   // of a task

struct ring_state {
    size_t tasks, yields;
    std::atomic<size_t> there, ended;
    std::atomic<bool> open;         // yields count
    int64_t start, end;             // when the last of them did
};

// They yield, uncounted, until all are there, as bench/ring.c has it.
static void yield_on(ring_state *ring)
{
    if (++ring->there == ring->tasks) {
        ring->start = bench_clock();
        ring->open.store(true, std::memory_order_release);
    }
    while (!ring->open.load(std::memory_order_acquire))
        boost::this_fiber::yield();
    for (size_t i = 0; i < ring->yields; i++)
        boost::this_fiber::yield();
    if (++ring->ended == ring->tasks)
        ring->end = bench_clock();
}

static int64_t run_ring(void *arg)
{
    ring_state *state = static_cast<ring_state *>(arg);
    std::vector<boost::fibers::fiber> fibers;

    state->there = state->ended = 0;
    state->open = false;
    fibers.reserve(state->tasks);
    for (size_t i = 0; i < state->tasks; i++)
        start(fibers, [state] { yield_on(state); });
    join_all(fibers);
    return state->end > state->start ? state->end - state->start : 1;
}

void ring(const struct bench *bench)
{
    workers all(bench->workers);
    ring_state state;
    double ns;

    state.tasks = std::strtoul(bench->question + sizeof "ring", nullptr, 10);
    state.yields = bench_scaled(bench, 3e6, 1) / state.tasks;
    if (state.yields < LEAST_YIELDS)
        state.yields = LEAST_YIELDS;
    ns = bench_median(bench, run_ring, &state);
    bench_print("ns", ns / static_cast<double>(state.tasks * state.yields));
}

void mutex(const struct bench *bench)
{
    static const size_t TASKS = 8;
    workers all(bench->workers);
    size_t each = bench_scaled(bench, 1e6 / TASKS, 1);
    double ns = median_of(bench, [each] {
        std::vector<boost::fibers::fiber> fibers;
        boost::fibers::mutex lock;
        size_t counter = 0;

        for (size_t i = 0; i < TASKS; i++)
            start(fibers, [&lock, &counter, each] {
                for (size_t j = 0; j < each; j++) {
                    lock.lock();
                    counter++;
                    lock.unlock();
                }
            });
        join_all(fibers);
        bench_expect("additions", static_cast<int64_t>(counter),
                     static_cast<int64_t>(TASKS * each));
    });

    bench_print("ns", ns / static_cast<double>(TASKS * each));
}
