// SPDX-License-Identifier: MIT
//
// trees.cc - fib, nqueens, uts, skewed: a task for each child but the last,
// which the parent walks itself, in a task_group on the parent's stack, as are
// the results; where there are two, parallel_invoke. All share one context:
// without it, each group makes and binds its own, and takes half as long again.

#include "answers.h"

#include <tbb/parallel_invoke.h>
#include <tbb/task_group.h>
#include <vector>

#include "arrays.h"

static tbb::task_group_context context;

template <typename Walk>
static void answer(const struct bench *bench, uint64_t should, uint64_t ops,
                   Walk walk)
{
    double ns = median_of(bench, [=] {
        bench_expect("result", static_cast<int64_t>(walk()),
                     static_cast<int64_t>(should));
    });

    bench_print("ns", ns / static_cast<double>(ops));
}

static uint64_t fib_of(unsigned n)
{
    uint64_t mine;
    uint64_t other;

    if (n < 2)
        return n;
    tbb::parallel_invoke([=, &mine] { mine = fib_of(n - 2); },
                         [=, &other] { other = fib_of(n - 1); }, context);
    return mine + other;
}

void fib(const struct bench *bench)
{
    unsigned n = static_cast<unsigned>(work_fib_n(bench->scale));
    uint64_t value = 0;
    uint64_t next = 1;

    for (unsigned i = 0; i < n; i++) {
        uint64_t sum = value + next;

        value = next;
        next = sum;
    }
    answer(bench, value, 2 * next - 1, [=] { return fib_of(n); });
}

// Columns taken, and both diagonals as the next row sees them.
struct board {
    uint32_t columns, left, right;

    board put(uint32_t place) const
    {
        return { columns | place, (left | place) << 1, (right | place) >> 1 };
    }
};

static uint64_t queens(board b, unsigned n)
{
    uint32_t left = ~(b.columns | b.left | b.right) & ((1u << n) - 1);
    uint64_t nodes[16];
    uint64_t sum = 1;
    unsigned count = 0;

    if (left == 0)
        return 1;
    if ((left & (left - 1)) == 0)
        return 1 + queens(b.put(left), n);
    tbb::task_group group(context);
    for (; (left & (left - 1)) != 0; left &= left - 1) {
        board next = b.put(left & (0u - left));
        uint64_t *below = &nodes[count++];

        group.run([=] { *below = queens(next, n); });
    }
    sum += queens(b.put(left), n);
    group.wait();
    while (count > 0)
        sum += nodes[--count];
    return sum;
}

void nqueens(const struct bench *bench)
{
    int n = work_queens_n(bench->scale);
    uint64_t nodes = work_queens_nodes(n);

    answer(bench, nodes, nodes, [=] {
        return queens({ 0, 0, 0 }, static_cast<unsigned>(n));
    });
}

static uint64_t uts_node(uint64_t node);

static uint64_t uts_below(uint64_t node, uint64_t *nodes, unsigned children)
{
    tbb::task_group group(context);
    uint64_t sum = 1;

    for (unsigned i = 0; i < children - 1; i++) {
        uint64_t child = work_hash(node + i);

        group.run([=] { nodes[i] = uts_node(child); });
    }
    sum += uts_node(work_hash(node + children - 1));
    group.wait();
    for (unsigned i = 0; i < children - 1; i++)
        sum += nodes[i];
    return sum;
}

static uint64_t uts_node(uint64_t node)
{
    uint64_t nodes[WORK_UTS_CHILDREN - 1];

    if (!work_uts_inner(node))
        return 1;
    return uts_below(node, nodes, WORK_UTS_CHILDREN);
}

void uts(const struct bench *bench)
{
    unsigned roots =
        static_cast<unsigned>(bench_scaled(bench, WORK_UTS_ROOT, 1));
    uint64_t root = work_hash(WORK_UTS_SEED);
    uint64_t nodes = arrays_uts(root, roots);

    answer(bench, nodes, nodes, [=] {
        std::vector<uint64_t> below(roots);

        return uts_below(root, below.data(), roots);
    });
}

static uint64_t skewed_range(uint64_t first, uint64_t n)
{
    uint64_t left = work_skewed_left(n);
    uint64_t mine;
    uint64_t other;

    if (n == 1)
        return arrays_leaf(first);
    tbb::parallel_invoke(
        [=, &mine] { mine = skewed_range(first, left); },
        [=, &other] { other = skewed_range(first + left, n - left); }, context);
    return mine + other;
}

void skewed(const struct bench *bench)
{
    uint64_t n = bench_scaled(bench, 1e5, 2);

    answer(bench, arrays_leaves(n), n, [=] { return skewed_range(0, n); });
}
