/* SPDX-License-Identifier: MIT */
/*
 * forkjoin.c - divide and conquer with forks: fib, nqueens, uts, skewed; ns per
 * call, node or leaf. And busy: how much of the processors' time fib leaves.
 *
 * Each function is what a serial program has, with plain arguments, and the
 * caller makes the call itself unless the fork was stolen. A task_ function
 * stands beside it for thieves.
 */
#include "task.h"
#include "work.h"

/* --- fib: a tree of two children, and nothing else ------------------------ */

struct fib {
    int n;
    int64_t value;
};

static int64_t fib(int n);

static int task_fib(void *arg)
{
    struct fib *call = arg;

    call->value = fib(call->n);
    return 0;
}

static int64_t fib(int n)
{
    struct fib left;
    struct moirai_frame fork;
    int64_t right;

    if (n < 2)
        return n;
    left.n = n - 1;
    moirai_fork(&fork, task_fib, &left);
    right = fib(n - 2);
    return right + (moirai_unfork(&fork) ? fib(n - 1) : left.value);
}

static int64_t round_fib(void *arg)
{
    const struct fib *call = arg;
    int64_t start = bench_clock();
    int64_t value = fib(call->n);
    int64_t ns = bench_clock() - start;

    bench_expect("the number", value, call->value);
    return ns;
}

static void ask_fib(const struct bench *bench)
{
    struct fib call = { work_fib_n(bench->scale), 0 };
    int64_t next = 1;
    double ns;

    for (int i = 0; i < call.n; i++) {
        int64_t sum = call.value + next;

        call.value = next;
        next = sum;
    }
    ns = bench_task_median(bench, round_fib, &call);
    bench_print("ns", ns / (double)(2 * next - 1));
}

/* --- busy: do all workers have something to do? --------------------------- */

#define BUSY_ROUNDS 5

struct busy {
    int n;
    unsigned workers;
    double idle[BUSY_ROUNDS];       /* percent of their time */
};

static int rounds_of_busy(void *arg)
{
    struct busy *busy = arg;

    fib(busy->n);
    for (int i = 0; i < BUSY_ROUNDS; i++) {
        int64_t start = bench_clock(), used = bench_cpu_clock();

        fib(busy->n);
        used = bench_cpu_clock() - used;
        busy->idle[i] = 100 - 100 * (double)used
                            / ((double)(bench_clock() - start)
                               * busy->workers);
        if (busy->idle[i] < 0)
            busy->idle[i] = 0;
    }
    return 0;
}

static void ask_busy(const struct bench *bench)
{
    struct busy busy = { work_fib_n(bench->scale) + 3, bench->workers, { 0 } };

    bench_task(bench, rounds_of_busy, &busy);
    bench_print("percent", bench_percentile(busy.idle, BUSY_ROUNDS, 0.5));
}

/* --- nqueens: as many children as fit ------------------------------------- */

/* A bit per column: where queens stand, or attack the next row. */
struct board {
    uint32_t free;                  /* no queen in the column */
    uint32_t left, right;           /* attacked along a diagonal */
};

struct queens {
    struct board board;
    int64_t nodes;
};

static int64_t queens_at(struct board board, uint32_t places);

static inline int64_t queens(struct board board)
{
    uint32_t places = board.free & ~(board.left | board.right);

    return places != 0 ? 1 + queens_at(board, places) : 1;
}

static int task_queens(void *arg)
{
    struct queens *call = arg;

    call->nodes = queens(call->board);
    return 0;
}

/* The nodes below some placements. The first is forked, the others are looked
 * at meanwhile: recursion, where a loop of forks and another of joins would
 * have the processor guess twice how many there are. */
static int64_t queens_at(struct board board, uint32_t places)
{
    uint32_t queen = places & -places;
    struct queens next = {
        .board = { board.free & ~queen, (board.left | queen) << 1,
                   (board.right | queen) >> 1 },
    };
    struct moirai_frame fork;
    int64_t others = 0;

    moirai_fork(&fork, task_queens, &next);
    places &= ~queen;
    if (places != 0)
        others = queens_at(board, places);
    return others + (moirai_unfork(&fork) ? queens(next.board) : next.nodes);
}

static int64_t round_queens(void *arg)
{
    const int *n = arg;
    int64_t start = bench_clock();
    int64_t nodes = queens((struct board){ (1u << *n) - 1, 0, 0 });
    int64_t ns = bench_clock() - start;

    bench_expect("nodes", nodes, (int64_t)work_queens_nodes(*n));
    return ns;
}

static void ask_queens(const struct bench *bench)
{
    int n = work_queens_n(bench->scale);
    double ns = bench_task_median(bench, round_queens, &n);

    bench_print("ns", ns / (double)work_queens_nodes(n));
}

/* --- uts: nobody knows how large a subtree is ----------------------------- */

struct uts {
    uint64_t hash;
    int64_t nodes;
};

static int64_t uts(uint64_t hash);

static int task_uts(void *arg)
{
    struct uts *call = arg;

    call->nodes = uts(call->hash);
    return 0;
}

/* The nodes below `n` children. */
static inline int64_t uts_below(uint64_t hash, int n, struct uts *children,
                                struct moirai_frame *forks)
{
    int64_t nodes = 0;

    for (int i = 0; i < n; i++) {
        children[i].hash = work_hash(hash + (uint64_t)i);
        moirai_fork(&forks[i], task_uts, &children[i]);
    }
    while (n-- > 0)
        nodes += moirai_unfork(&forks[n]) ? uts(children[n].hash)
                                          : children[n].nodes;
    return nodes;
}

static int64_t uts_inner(uint64_t hash)
{
    struct uts children[WORK_UTS_CHILDREN];
    struct moirai_frame forks[WORK_UTS_CHILDREN];

    return 1 + uts_below(hash, WORK_UTS_CHILDREN, children, forks);
}

static int64_t uts(uint64_t hash)
{
    return work_uts_inner(hash) ? uts_inner(hash) : 1;
}

struct uts_root {
    int children;
    int64_t nodes;
    struct uts *child;              /* of each */
    struct moirai_frame *fork;
};

static int64_t round_uts(void *arg)
{
    struct uts_root *root = arg;
    int64_t start = bench_clock();
    int64_t nodes = 1 + uts_below(work_hash(WORK_UTS_SEED), root->children,
                                  root->child, root->fork);
    int64_t ns = bench_clock() - start;

    bench_expect("nodes", nodes, root->nodes);
    return ns;
}

/* The same without forks, to compare with. */
static int64_t count_uts(uint64_t hash, int children)
{
    int64_t nodes = 1;

    for (int i = 0; i < children; i++) {
        uint64_t child = work_hash(hash + (uint64_t)i);

        nodes += work_uts_inner(child) ? count_uts(child, WORK_UTS_CHILDREN)
                                       : 1;
    }
    return nodes;
}

static void ask_uts(const struct bench *bench)
{
    size_t n = bench_scaled(bench, WORK_UTS_ROOT, 1);
    struct uts_root root = {
        .children = (int)n,
        .nodes = count_uts(work_hash(WORK_UTS_SEED), (int)n),
        .child = bench_alloc(n * sizeof(struct uts)),
        .fork = bench_alloc(n * sizeof(struct moirai_frame)),
    };
    double ns = bench_task_median(bench, round_uts, &root);

    bench_print("ns", ns / (double)root.nodes);
}

/* --- skewed: one child is fifteen times the other ------------------------- */

struct range {
    uint64_t first, n, sum;
};

static uint64_t skewed(uint64_t first, uint64_t n);

static int task_skewed(void *arg)
{
    struct range *call = arg;

    call->sum = skewed(call->first, call->n);
    return 0;
}

static uint64_t skewed(uint64_t first, uint64_t n)
{
    uint64_t few = work_skewed_left(n), sum;
    struct range rest = { first + few, n - few, 0 };
    struct moirai_frame fork;

    if (n == 1)
        return work_burn(first + 1, WORK_STEPS_100NS);
    moirai_fork(&fork, task_skewed, &rest);
    sum = skewed(first, few);
    return sum + (moirai_unfork(&fork) ? skewed(rest.first, rest.n)
                                       : rest.sum);
}

static int64_t round_skewed(void *arg)
{
    const struct range *all = arg;
    int64_t start = bench_clock();
    uint64_t sum = skewed(all->first, all->n);
    int64_t ns = bench_clock() - start;

    bench_expect("the sum", (int64_t)sum, (int64_t)all->sum);
    return ns;
}

static void ask_skewed(const struct bench *bench)
{
    struct range all = { 0, bench_scaled(bench, 1e5, 1), 0 };

    for (uint64_t i = 0; i < all.n; i++)
        all.sum += work_burn(i + 1, WORK_STEPS_100NS);
    bench_print("ns", bench_task_median(bench, round_skewed, &all)
                      / (double)all.n);
}

int main(int argc, char **argv)
{
    static const struct bench_question questions[] = {
        { "fib", ask_fib },
        { "busy", ask_busy },
        { "nqueens", ask_queens },
        { "uts", ask_uts },
        { "skewed", ask_skewed },
        { NULL, NULL },
    };

    return bench_main(argc, argv, questions);
}
