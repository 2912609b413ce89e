/* SPDX-License-Identifier: MIT */
/*
 * main.c - the questions of the benchmarks, answered in OpenMP; built by gcc
 * for libgomp and by clang for libomp. ../README.md says how.
 */
#include "openmp.h"

#include <omp.h>
#include <stdlib.h>

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
        { "loop-empty", region },
        { "saxpy", saxpy },
        { "stencil", stencil },
        { "irregular-static", irregular_static },
        { "irregular-dynamic", irregular_dynamic },
        { "irregular-guided", irregular_guided },
        { "reduce", reduce },
        { "scan", scan },
        { "sort", sort },
        { "cpu", cpu },
        { "expected", arrays_expected },
        { NULL, NULL },
    };
    int workers = argc > 2 ? atoi(argv[2]) : 0;

    omp_set_dynamic(0);
    if (workers > 0)
        omp_set_num_threads(workers);
    return bench_main(argc, argv, questions);
}
