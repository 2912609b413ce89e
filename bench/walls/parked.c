/* SPDX-License-Identifier: MIT */
/*
 * parked.c - the least that a parked task with a stack can cost: address space
 * for a stack of 64 KiB and its guard, the guard, and one page that is touched;
 * and the page touched again by who wakes it. create_ns, bytes, wake_ns.
 */
#include <stdint.h>
#include <sys/mman.h>

#include "bench.h"
#include "memory.h"

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

#define TASKS 1e6
#define GUARD ((size_t)16 << 10)
#define STACK ((size_t)64 << 10)
#define REGION 1024                 /* stacks of a mapping */

static char *map_region(void)
{
    char *at = mmap(NULL, REGION * (GUARD + STACK), PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (at == MAP_FAILED)
        bench_fail("no address space");
    madvise(at, REGION * (GUARD + STACK), MADV_NOHUGEPAGE);
    return at;
}

/* The tops of n stacks. */
static void create(char **tops, size_t n)
{
    char *at = NULL;

    for (size_t i = 0; i < n; i++) {
        if (i % REGION == 0)
            at = map_region();
        if (madvise(at, GUARD, MADV_GUARD_INSTALL) != 0)
            bench_none();           /* this kernel has no such guards */
        at += GUARD + STACK;
        tops[i] = at - sizeof(uint64_t);
        *(volatile uint64_t *)tops[i] = i;
    }
}

static void wake(char **tops, size_t n)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += *(volatile uint64_t *)tops[i];
    bench_expect("sum", (int64_t)sum, (int64_t)((uint64_t)n * (n - 1) / 2));
}

static void ask_parked(const struct bench *bench)
{
    size_t n = bench_scaled(bench, TASKS, 100);
    char **tops = bench_alloc(n * sizeof *tops);
    double bytes = bench_memory();
    int64_t start = bench_clock();
    int64_t created;

    create(tops, n);
    created = bench_clock();
    bytes = bench_memory() - bytes;
    wake(tops, n);
    bench_print("create_ns", (double)(created - start) / (double)n);
    bench_print("bytes", bytes / (double)n);
    bench_print("wake_ns", (double)(bench_clock() - created) / (double)n);
}

static const struct bench_question questions[] = {
    { "parked", ask_parked },
    { NULL, NULL },
};

int main(int argc, char **argv)
{
    return bench_main(argc, argv, questions);
}
