// SPDX-License-Identifier: MIT
//
// main.cc - the questions of the benchmarks, answered with TBB. ../README.md
// says how.

#include "answers.h"

#include <cstdlib>
#include <tbb/global_control.h>

#include "arrays.h"

int main(int argc, char **argv)
{
    static const struct bench_question questions[] = {
        { "spawn-warm", spawn_warm },
        { "spawn-cold", spawn_cold },
        { "fib", fib },
        { "nqueens", nqueens },
        { "uts", uts },
        { "skewed", skewed },
        { "nested", nested },
        { "region", region },
        { "loop-empty", loop_empty },
        { "saxpy", saxpy },
        { "stencil", stencil },
        { "irregular-static", irregular_static },
        { "irregular-dynamic", irregular_auto },
        { "irregular-guided", irregular_auto },
        { "reduce", reduce },
        { "scan", scan },
        { "sort", sort },
        { "cpu", cpu },
        { "expected", arrays_expected },
        { nullptr, nullptr },
    };
    long workers = argc > 2 ? std::atol(argv[2]) : 0;
    // The main thread is one of them.
    tbb::global_control limit(tbb::global_control::max_allowed_parallelism,
                              workers > 0 ? static_cast<size_t>(workers) : 1);

    return bench_main(argc, argv, questions);
}
