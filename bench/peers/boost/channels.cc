// SPDX-License-Identifier: MIT
//
// channels.cc - pingpong over unbuffered channels, chan, chan-44 and chan-batch
// over a buffered one.

#include "answers.h"

#include <array>
#include <atomic>

using unbuffered = boost::fibers::unbuffered_channel<int64_t>;
using buffered = boost::fibers::buffered_channel<int64_t>;
using boost::fibers::channel_op_status;

static const size_t CAPACITY = 1024;

static void ping(unbuffered &to, unbuffered &from, int64_t times)
{
    int64_t value = 0;

    for (int64_t i = 0; i < times; i++) {
        to.push(value);
        from.pop(value);
    }
    to.close();
    bench_expect("round trips", value, times);
}

static void pong(unbuffered &to, unbuffered &from)
{
    int64_t value;

    while (to.pop(value) == channel_op_status::success)
        from.push(value + 1);
}

void pingpong(const struct bench *bench)
{
    workers all(bench->workers);
    int64_t times = static_cast<int64_t>(bench_scaled(bench, 2e5, 1));
    double ns = median_of(bench, [times] {
        std::vector<boost::fibers::fiber> fibers;
        unbuffered to;
        unbuffered from;

        start(fibers, [&, times] { ping(to, from, times); });
        start(fibers, [&] { pong(to, from); });
        join_all(fibers);
    });

    bench_print("ns", ns / static_cast<double>(times));
}

static void talk(const struct bench *bench, int64_t sides)
{
    workers all(bench->workers);
    int64_t each = static_cast<int64_t>(
        bench_scaled(bench, 1e6 / static_cast<double>(sides), 1));
    double ns = median_of(bench, [each, sides] {
        std::vector<boost::fibers::fiber> fibers;
        buffered queue(CAPACITY);
        std::atomic<int64_t> sum(0);
        std::atomic<int64_t> senders(sides);

        for (int64_t side = 0; side < sides; side++) {
            start(fibers, [&, each] {
                for (int64_t i = 0; i < each; i++)
                    queue.push(i);
                if (--senders == 0)
                    queue.close();
            });
            start(fibers, [&] {
                int64_t mine = 0;
                int64_t value;

                while (queue.pop(value) == channel_op_status::success)
                    mine += value;
                sum += mine;
            });
        }
        join_all(fibers);
        bench_expect("sum", sum, each * (each - 1) / 2 * sides);
    });

    bench_print("ns", ns / static_cast<double>(each * sides));
}

void chan(const struct bench *bench)
{
    talk(bench, 1);
}

void chan_44(const struct bench *bench)
{
    talk(bench, 4);
}

// Messages of BATCH numbers, by value; as many numbers as chan's fit in.
void chan_batch(const struct bench *bench)
{
    static const size_t BATCH = 64;
    using numbers = std::array<int64_t, BATCH>;
    workers all(bench->workers);
    int64_t batches = static_cast<int64_t>(bench_scaled(bench, 1e6 / BATCH, 1));
    int64_t n = batches * static_cast<int64_t>(BATCH);
    double ns = median_of(bench, [n] {
        std::vector<boost::fibers::fiber> fibers;
        boost::fibers::buffered_channel<numbers> queue(CAPACITY / BATCH);
        int64_t sum = 0;

        start(fibers, [&queue, n] {
            numbers batch;

            for (int64_t i = 0; i < n;) {
                for (int64_t &number : batch)
                    number = i++;
                queue.push(batch);
            }
            queue.close();
        });
        start(fibers, [&queue, &sum] {
            numbers batch;

            while (queue.pop(batch) == channel_op_status::success)
                for (int64_t number : batch)
                    sum += number;
        });
        join_all(fibers);
        bench_expect("sum", sum, n * (n - 1) / 2);
    });

    bench_print("ns", ns / static_cast<double>(n));
}
