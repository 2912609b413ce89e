/* SPDX-License-Identifier: MIT */
/*
 * trees.c - fib, nqueens, uts, skewed: a task for each child but the last,
 * which the parent walks itself, and a taskwait. Results are in its frame.
 */
#include "openmp.h"

#include <stdlib.h>

#include "arrays.h"

/* One question: walks the tree. */
struct tree {
    uint64_t (*walk)(const struct tree *tree);
    uint64_t size;
    uint64_t should;                /* come out */
};

static int64_t walk_tree(void *arg)
{
    const struct tree *tree = arg;
    int64_t start = bench_clock();
    uint64_t result = 0;

#pragma omp parallel
#pragma omp single
    result = tree->walk(tree);
    bench_expect("result", (int64_t)result, (int64_t)tree->should);
    return bench_clock() - start;
}

static void answer(const struct bench *bench, struct tree tree, uint64_t ops)
{
    bench_print("ns", bench_median(bench, walk_tree, &tree) / (double)ops);
}

static uint64_t fib_of(unsigned n)
{
    uint64_t other;
    uint64_t mine;

    if (n < 2)
        return n;
#pragma omp task shared(other) firstprivate(n)
    other = fib_of(n - 1);
    mine = fib_of(n - 2);
#pragma omp taskwait
    return mine + other;
}

static uint64_t walk_fib(const struct tree *tree)
{
    return fib_of((unsigned)tree->size);
}

void fib(const struct bench *bench)
{
    uint64_t n = (uint64_t)work_fib_n(bench->scale);
    uint64_t value = 0;
    uint64_t next = 1;

    for (uint64_t i = 0; i < n; i++) {
        uint64_t sum = value + next;

        value = next;
        next = sum;
    }
    answer(bench, (struct tree){ walk_fib, n, value }, 2 * next - 1);
}

/* Columns taken, and both diagonals as the next row sees them. */
struct board {
    uint32_t columns, left, right;
};

static struct board put(struct board board, uint32_t place)
{
    return (struct board){ board.columns | place, (board.left | place) << 1,
                           (board.right | place) >> 1 };
}

static uint64_t queens(struct board board, unsigned n)
{
    uint32_t left = ~(board.columns | board.left | board.right)
                    & ((1u << n) - 1);
    uint64_t nodes[16];
    uint64_t sum = 1;
    unsigned count = 0;

    if (left == 0)
        return 1;
    for (; (left & (left - 1)) != 0; left &= left - 1) {
        struct board next = put(board, left & (0u - left));
        uint64_t *below = &nodes[count++];

#pragma omp task firstprivate(next, n, below)
        *below = queens(next, n);
    }
    sum += queens(put(board, left), n);
    if (count > 0) {
#pragma omp taskwait
    }
    while (count > 0)
        sum += nodes[--count];
    return sum;
}

static uint64_t walk_queens(const struct tree *tree)
{
    return queens((struct board){ 0, 0, 0 }, (unsigned)tree->size);
}

void nqueens(const struct bench *bench)
{
    int n = work_queens_n(bench->scale);
    uint64_t nodes = work_queens_nodes(n);

    answer(bench, (struct tree){ walk_queens, (uint64_t)n, nodes }, nodes);
}

static uint64_t uts_node(uint64_t node)
{
    uint64_t nodes[WORK_UTS_CHILDREN - 1];
    uint64_t sum = 1;

    if (!work_uts_inner(node))
        return 1;
    for (unsigned i = 0; i < WORK_UTS_CHILDREN - 1; i++) {
        uint64_t child = work_hash(node + i);
        uint64_t *below = &nodes[i];

#pragma omp task firstprivate(child, below)
        *below = uts_node(child);
    }
    sum += uts_node(work_hash(node + WORK_UTS_CHILDREN - 1));
#pragma omp taskwait
    for (unsigned i = 0; i < WORK_UTS_CHILDREN - 1; i++)
        sum += nodes[i];
    return sum;
}

static uint64_t walk_uts(const struct tree *tree)
{
    uint64_t root = work_hash(WORK_UTS_SEED);
    uint64_t *nodes = bench_alloc(tree->size * sizeof *nodes);
    uint64_t sum = 1;

    for (uint64_t i = 0; i < tree->size; i++) {
        uint64_t child = work_hash(root + i);
        uint64_t *below = &nodes[i];

#pragma omp task firstprivate(child, below)
        *below = uts_node(child);
    }
#pragma omp taskwait
    for (uint64_t i = 0; i < tree->size; i++)
        sum += nodes[i];
    free(nodes);
    return sum;
}

void uts(const struct bench *bench)
{
    unsigned roots = (unsigned)bench_scaled(bench, WORK_UTS_ROOT, 1);
    uint64_t nodes = arrays_uts(work_hash(WORK_UTS_SEED), roots);

    answer(bench, (struct tree){ walk_uts, roots, nodes }, nodes);
}

static uint64_t skewed_range(uint64_t first, uint64_t n)
{
    uint64_t left = work_skewed_left(n);
    uint64_t other;
    uint64_t mine;

    if (n == 1)
        return arrays_leaf(first);
#pragma omp task shared(other) firstprivate(first, left, n)
    other = skewed_range(first + left, n - left);
    mine = skewed_range(first, left);
#pragma omp taskwait
    return mine + other;
}

static uint64_t walk_skewed(const struct tree *tree)
{
    return skewed_range(0, tree->size);
}

void skewed(const struct bench *bench)
{
    uint64_t n = bench_scaled(bench, 1e5, 2);

    answer(bench, (struct tree){ walk_skewed, n, arrays_leaves(n) }, n);
}
