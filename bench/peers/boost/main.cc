// SPDX-License-Identifier: MIT
//
// main.cc - the questions of the benchmarks, answered with Boost.Fiber.
// ../README.md says how.

#include "answers.h"

#include <cstdlib>

using boost::fibers::use_scheduling_algorithm;
using boost::fibers::algo::work_stealing;

workers::workers(unsigned count)
{
    bool suspend = std::getenv("BENCH_SUSPEND") != nullptr;

    if (suspend && count == 1)
        bench_none();
    for (unsigned i = 1; i < count; i++)
        threads.emplace_back([this, count, suspend] {
            use_scheduling_algorithm<work_stealing>(count, suspend);
            std::unique_lock<boost::fibers::mutex> guard(lock);
            end.wait(guard, [this] { return over; });
        });
    if (count > 1)
        use_scheduling_algorithm<work_stealing>(count, suspend);
}

workers::~workers()
{
    {
        std::unique_lock<boost::fibers::mutex> guard(lock);
        over = true;
    }
    end.notify_all();
    for (std::thread &thread : threads)
        thread.join();
}

int main(int argc, char **argv)
{
    static const struct bench_question questions[] = {
        { "spawn-warm", spawn_warm },
        { "spawn-cold", spawn_cold },
        { "ring-2", ring },
        { "ring-100", ring },
        { "ring-10000", ring },
        { "ring-100000", ring },
        { "pingpong", pingpong },
        { "chan", chan },
        { "chan-44", chan_44 },
        { "chan-batch", chan_batch },
        { "mutex", mutex },
        { "parked", parked },
        { nullptr, nullptr },
    };

    return bench_main(argc, argv, questions);
}
