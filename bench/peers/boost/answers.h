/* SPDX-License-Identifier: MIT */
/*
 * answers.h - the questions that the files of this peer answer, and the threads
 * that all of them run fibers on.
 */
#ifndef BENCH_PEERS_BOOST_ANSWERS_H
#define BENCH_PEERS_BOOST_ANSWERS_H

#include <boost/fiber/all.hpp>
#include <thread>
#include <vector>

#include "bench.h"

/* spawn.cc */
void spawn_warm(const struct bench *bench);
void spawn_cold(const struct bench *bench);
void parked(const struct bench *bench);

/* ring.cc */
void ring(const struct bench *bench);
void mutex(const struct bench *bench);

/* channels.cc */
void pingpong(const struct bench *bench);
void chan(const struct bench *bench);
void chan_44(const struct bench *bench);
void chan_batch(const struct bench *bench);

/*
 * As many threads that run fibers as there are workers, this one included:
 * alone it takes its fibers in turn, else they steal from each other. They look
 * for work without sleeping, which is the library's preset; with BENCH_SUSPEND
 * in the environment they sleep. One thread has no answer to that.
 */
class workers {
public:
    explicit workers(unsigned count);
    ~workers();
    workers(const workers &) = delete;
    workers &operator=(const workers &) = delete;

private:
    std::vector<std::thread> threads;
    bool over = false;              /* guarded by lock */
    boost::fibers::mutex lock;
    boost::fibers::condition_variable end;
};

/* Enough for what the questions do; the library's preset is 128 KiB. */
static const size_t STACK_SIZE = 16 * 1024;

/* The median of what `work()` takes, in ns; `work` may be any callable. */
template <typename Work>
double median_of(const struct bench *bench, Work work)
{
    bench_round *round = [](void *arg) {
        int64_t start = bench_clock();

        (*static_cast<Work *>(arg))();
        return bench_clock() - start;
    };

    return bench_median(bench, round, &work);
}

/* A fiber in `fibers` that runs `work` when its turn comes. */
template <typename Work>
void start(std::vector<boost::fibers::fiber> &fibers, Work work)
{
    fibers.emplace_back(boost::fibers::launch::post, std::allocator_arg,
                        boost::fibers::fixedsize_stack(STACK_SIZE),
                        std::move(work));
}

static inline void join_all(std::vector<boost::fibers::fiber> &fibers)
{
    for (boost::fibers::fiber &fiber : fibers)
        fiber.join();
}

#endif
