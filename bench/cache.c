/* SPDX-License-Identifier: MIT */
/*
 * cache.c - what moirai/span.h is good for: ns per element.
 *
 *     indexed   elements of a table larger than the cache, in a random order;
 *               what is done depends on what is found there
 *     linked    all elements of many lists that are scattered over such a table
 *     windows   the dot product of a kernel of 64 with each window of a signal
 *     cells     two workers count atomically, each in its own cell
 *
 * With BENCH_PLAIN set, the same without: nothing is fetched ahead, lists are
 * walked one after the other, windows are copied, counters lie side by side.
 */
#include "task.h"
#include "work.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define ELEMENTS 4000000            /* 256 MB */
#define VISITS 500000
#define DISTANCE 16
#define LISTS 1000
#define SIGNAL 1000000
#define KERNEL 64
#define COUNTS 500000

static bool plain(void)
{
    return getenv("BENCH_PLAIN") != NULL;
}

/* --- indexed, linked ------------------------------------------------------ */

struct element {
    struct element *next;           /* linked: of the same list */
    uint64_t value;
    char rest[48];                  /* of a line */
};

struct table {
    struct element *elements;
    size_t n;
    uint32_t *index;                /* of the visits */
    size_t visits;
    void *heads[LISTS];
    uint64_t result;
};

/* A branch that nobody can foretell: until the element is there, the processor
 * works on the wrong side of it. */
static inline void visit(void *element, void *arg)
{
    const struct element *e = element;
    uint64_t *result = arg;

    if (e->value % 2 == 0)
        *result += e->value;
    else
        *result += work_burn(e->value, 4);
}

static void make_table(struct table *t, const struct bench *bench)
{
    t->n = bench_scaled(bench, ELEMENTS, LISTS);
    t->visits = bench_scaled(bench, VISITS, 1);
    t->elements = bench_alloc(t->n * sizeof *t->elements);
    t->index = bench_alloc(t->visits * sizeof *t->index);
    for (size_t i = 0; i < t->n; i++)
        t->elements[i].value = work_hash(i);
    for (size_t i = 0; i < t->visits; i++)
        t->index[i] = (uint32_t)(work_hash(i + t->n) % t->n);
}

static int64_t visit_indexed(void *arg)
{
    struct table *t = arg;
    int64_t start = bench_clock();

    t->result = 0;
    if (plain())
        moirai_each_indexed(t->elements, sizeof *t->elements, t->index,
                            t->visits, 0, visit, &t->result);
    else
        moirai_each_indexed(t->elements, sizeof *t->elements, t->index,
                            t->visits, DISTANCE, visit, &t->result);
    return bench_clock() - start;
}

static void indexed(const struct bench *bench)
{
    static struct table t;
    uint64_t should = 0;

    make_table(&t, bench);
    bench_print("ns", bench_median(bench, visit_indexed, &t)
                      / (double)t.visits);
    for (size_t i = 0; i < t.visits; i++)
        visit(&t.elements[t.index[i]], &should);
    bench_expect("indexed", (int64_t)t.result, (int64_t)should);
}

/* The same elements as are visited by index, no element twice. */
static size_t link_lists(struct table *t)
{
    size_t n = 0;

    for (size_t i = 0; i < t->visits; i++) {
        struct element *e = &t->elements[t->index[i]];

        if (e->rest[0] != 0)
            continue;
        e->rest[0] = 1;
        e->next = t->heads[n % LISTS];
        t->heads[n % LISTS] = e;
        n++;
    }
    return n;
}

static int64_t visit_linked(void *arg)
{
    struct table *t = arg;
    int64_t start = bench_clock();

    t->result = 0;
    if (!plain())
        moirai_each_linked(t->heads, LISTS, offsetof(struct element, next),
                           visit, &t->result);
    else
        for (size_t i = 0; i < LISTS; i++)
            for (struct element *e = t->heads[i]; e != NULL; e = e->next)
                visit(e, &t->result);
    return bench_clock() - start;
}

static void linked(const struct bench *bench)
{
    static struct table t;
    uint64_t should = 0;
    size_t n;

    make_table(&t, bench);
    n = link_lists(&t);
    bench_print("ns", bench_median(bench, visit_linked, &t) / (double)n);
    for (size_t i = 0; i < t.n; i++)
        if (t.elements[i].rest[0] != 0)
            visit(&t.elements[i], &should);
    bench_expect("linked", (int64_t)t.result, (int64_t)should);
}

/* --- windows -------------------------------------------------------------- */

struct signal {
    float *x;
    size_t n;
    float kernel[KERNEL];
    struct moirai_windows windows;
    float result;
};

static int64_t slide(void *arg)
{
    struct signal *s = arg;
    bool copied = plain();
    int64_t start = bench_clock();

    s->result = 0;
    for (size_t i = 0; i < s->windows.n; i++) {
        struct moirai_span span = moirai_windows_at(&s->windows, i);
        float copy[KERNEL];

        if (copied)
            span.data = memcpy(copy, span.data, sizeof copy);
        s->result += moirai_simd_dot_f32(span.data, s->kernel, KERNEL);
    }
    return bench_clock() - start;
}

static void windows(const struct bench *bench)
{
    static struct signal s;

    s.n = bench_scaled(bench, SIGNAL, 2 * KERNEL);
    s.x = bench_alloc(s.n * sizeof *s.x);
    for (size_t i = 0; i < s.n; i++)
        s.x[i] = i % 64 == 0;
    s.kernel[0] = 1;
    s.windows = moirai_windows_of(s.x, s.n, sizeof *s.x, KERNEL, 1);
    bench_print("ns", bench_median(bench, slide, &s) / (double)s.windows.n);
    bench_expect("windows", (int64_t)s.result,
                 (int64_t)((s.windows.n + 63) / 64));
}

/* --- cells ---------------------------------------------------------------- */

struct counting {
    struct moirai_cells cells;
    uint64_t beside[64] MOIRAI_APART;   /* a word for each, side by side */
    size_t n;
    unsigned arrived;               /* atomic */
    int64_t ns[2];                  /* of each task */
};

struct counter {
    struct counting *counting;
    int64_t *ns;
};

static uint64_t *word(struct counting *c)
{
    if (plain())
        return &c->beside[moirai_worker_index() + 1];
    return moirai_cells_mine(&c->cells);
}

/* The clock starts when both are there. Does not wait as moirai does, so that
 * each has a worker to itself. Additions are atomic: plain ones stay in the
 * processor's store buffer for so long that sharing hardly shows. */
static int count(void *arg)
{
    struct counter *counter = arg;
    struct counting *c = counter->counting;
    uint64_t *n = word(c);
    int64_t start;

    __atomic_add_fetch(&c->arrived, 1, __ATOMIC_ACQ_REL);
    while (__atomic_load_n(&c->arrived, __ATOMIC_ACQUIRE) < 2)
        ;
    start = bench_clock();
    for (size_t i = 0; i < c->n; i++)
        __atomic_add_fetch(n, 1, __ATOMIC_RELAXED);
    *counter->ns = bench_clock() - start;
    return 0;
}

static int64_t count_both(void *arg)
{
    struct counting *c = arg;
    struct counter counters[2] = { { c, &c->ns[0] }, { c, &c->ns[1] } };
    struct moirai_scope scope;

    c->arrived = 0;
    bench_need(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), "a scope");
    for (int i = 0; i < 2; i++)
        bench_need(moirai_spawn(&scope, count, &counters[i]), "a task");
    bench_need(moirai_scope_end(&scope), "the scope");
    return c->ns[0] > c->ns[1] ? c->ns[0] : c->ns[1];
}

static uint64_t counted(const struct counting *c)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < c->cells.n; i++)
        sum += c->beside[i] + *(uint64_t *)moirai_cells_at(&c->cells, i);
    return sum;
}

struct measured {
    const struct bench *bench;
    struct counting counting;
};

static int measure_counting(void *arg)
{
    struct measured *m = arg;
    struct counting *c = &m->counting;

    bench_need(moirai_cells_init(&c->cells, moirai_runtime_self(),
                                 sizeof(uint64_t)), "cells");
    bench_print("ns", bench_median(m->bench, count_both, c) / (double)c->n);
    if (counted(c) == 0 || counted(c) % (2 * c->n) != 0)
        bench_fail("counts are missing");
    moirai_cells_fini(&c->cells);
    return 0;
}

static void cells(const struct bench *bench)
{
    static struct measured m;

    if (bench->workers < 2 || bench->workers > 60)
        bench_none();
    m.bench = bench;
    m.counting.n = bench_scaled(bench, COUNTS, 1);
    bench_task(bench, measure_counting, &m);
}

int main(int argc, char **argv)
{
    static const struct bench_question questions[] = {
        { "indexed", indexed },
        { "linked", linked },
        { "windows", windows },
        { "cells", cells },
        { NULL, NULL },
    };

    return bench_main(argc, argv, questions);
}
