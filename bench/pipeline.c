/* SPDX-License-Identifier: MIT */
/*
 * pipeline.c - numbers through a row of four tasks, with a buffer of 256
 * between any two: pipeline, where they only pass them on; pipeline-work, where
 * each computes for some 100 ns; ns for a number from the first to the last.
 *
 * Up to 32 are moved at once, or as many as BENCH_CHUNK says.
 */
#include <moirai/stream.h>

#include <stdlib.h>

#include "task.h"
#include "work.h"

#define CAPACITY 256
#define CHUNK 32

struct row {
    unsigned steps;                 /* of what each task computes */
    size_t chunk;
    int64_t n, made;
    uint64_t sum, expected;
};

static int make(void *message, void *arg)
{
    struct row *row = arg;

    if (row->made == row->n)
        return MOIRAI_STREAM_END;
    *(uint64_t *)message = work_burn((uint64_t)++row->made, row->steps);
    return 0;
}

static int change(void *message, void *arg)
{
    const struct row *row = arg;

    *(uint64_t *)message = work_burn(*(uint64_t *)message, row->steps);
    return 0;
}

static int add(void *message, void *arg)
{
    struct row *row = arg;

    row->sum += work_burn(*(uint64_t *)message, row->steps);
    return 0;
}

static int64_t run(void *arg)
{
    struct row *row = arg;
    struct moirai_stage cut = moirai_stream_async(CAPACITY, row->chunk);
    int64_t start = bench_clock(), ns;

    row->made = 0;
    row->sum = 0;
    bench_need(MOIRAI_STREAM(MOIRAI_NEVER, NULL,
                   moirai_stream_generate(make, row, MOIRAI_OF(uint64_t)), cut,
                   moirai_stream_apply(change, row), cut,
                   moirai_stream_apply(change, row), cut,
                   moirai_stream_each(add, row)), "the pipeline");
    ns = bench_clock() - start;
    bench_expect("sum", (int64_t)row->sum, (int64_t)row->expected);
    return ns;
}

static void ask(const struct bench *bench, double n, unsigned steps)
{
    const char *chunk = getenv("BENCH_CHUNK");
    struct row row = { .steps = steps, .chunk = CHUNK };

    if (chunk != NULL)
        row.chunk = (size_t)atoi(chunk);
    row.n = (int64_t)bench_scaled(bench, n, 1);
    for (int64_t i = 1; i <= row.n; i++)
        row.expected += work_burn((uint64_t)i, 4 * steps);
    bench_print("ns", bench_task_median(bench, run, &row) / (double)row.n);
}

static void pass_on(const struct bench *bench)
{
    ask(bench, 1e6, 0);
}

static void compute(const struct bench *bench)
{
    ask(bench, 2e5, WORK_STEPS_100NS);
}

int main(int argc, char **argv)
{
    static const struct bench_question questions[] = {
        { "pipeline", pass_on },
        { "pipeline-work", compute },
        { NULL, NULL },
    };

    return bench_main(argc, argv, questions);
}
