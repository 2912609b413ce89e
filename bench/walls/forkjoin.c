/* SPDX-License-Identifier: MIT */
/*
 * forkjoin.c - trees on the least of a split queue: fib, nqueens, uts, skewed.
 * All children but the last are forks; of skewed's two, the right one.
 */
#include "bench.h"
#include "split.h"
#include "team.h"
#include "work.h"

/* --- the trees ----------------------------------------------------------- */

struct fib {
    int n;
    int64_t result;
};

static void fib(struct split *queue, void *arg)
{
    struct fib *fibs = arg;
    struct fib left = { fibs->n - 1, 0 }, right = { fibs->n - 2, 0 };
    struct split_frame frame;

    if (fibs->n < 2) {
        fibs->result = fibs->n;
        return;
    }
    split_fork(queue, &frame, fib, &left);
    fib(queue, &right);
    split_join(queue, &frame);
    fibs->result = left.result + right.result;
}

struct board {
    uint32_t columns, left, right;
    int n;
    int64_t nodes;
};

static void queens(struct split *queue, void *arg)
{
    struct board *board = arg, next[16];
    struct split_frame frames[16];
    uint32_t all = (UINT32_C(1) << board->n) - 1;
    uint32_t free = all & ~(board->columns | board->left | board->right);
    int n = 0;

    board->nodes = 1;
    if (free == 0)
        return;
    for (; free != 0; free &= free - 1, n++) {
        uint32_t bit = free & -free;

        next[n] = (struct board){ board->columns | bit,
                                  (board->left | bit) << 1,
                                  (board->right | bit) >> 1, board->n, 0 };
        if ((free & (free - 1)) != 0)
            split_fork(queue, &frames[n], queens, &next[n]);
    }
    queens(queue, &next[--n]);
    board->nodes += next[n].nodes;
    while (n-- > 0) {
        split_join(queue, &frames[n]);
        board->nodes += next[n].nodes;
    }
}

struct node {
    uint64_t hash;
    int64_t nodes;
};

static void uts(struct split *queue, void *arg)
{
    struct node *node = arg, children[WORK_UTS_CHILDREN];
    struct split_frame frames[WORK_UTS_CHILDREN];
    unsigned last = WORK_UTS_CHILDREN - 1;

    node->nodes = 1;
    if (!work_uts_inner(node->hash))
        return;
    for (unsigned i = 0; i < last; i++) {
        children[i].hash = work_hash(node->hash + i);
        split_fork(queue, &frames[i], uts, &children[i]);
    }
    children[last].hash = work_hash(node->hash + last);
    uts(queue, &children[last]);
    node->nodes += children[last].nodes;
    for (unsigned i = last; i-- > 0;) {
        split_join(queue, &frames[i]);
        node->nodes += children[i].nodes;
    }
}

struct uts_root {
    unsigned n;                     /* children */
    struct node *children;
    struct split_frame *frames;
    int64_t nodes;
};

static void uts_root(struct split *queue, void *arg)
{
    struct uts_root *root = arg;

    root->nodes = 1;
    for (unsigned i = 0; i < root->n; i++) {
        root->children[i].hash = work_hash(work_hash(WORK_UTS_SEED) + i);
        split_fork(queue, &root->frames[i], uts, &root->children[i]);
    }
    for (unsigned i = root->n; i-- > 0;) {
        split_join(queue, &root->frames[i]);
        root->nodes += root->children[i].nodes;
    }
}

struct leaves {
    uint64_t first, n;
    uint64_t sum;
};

static void skewed(struct split *queue, void *arg)
{
    struct leaves *all = arg, left, right;
    struct split_frame frame;

    if (all->n == 1) {
        all->sum = work_burn(all->first + 1, WORK_STEPS_100NS);
        return;
    }
    left = (struct leaves){ all->first, work_skewed_left(all->n), 0 };
    right = (struct leaves){ all->first + left.n, all->n - left.n, 0 };
    split_fork(queue, &frame, skewed, &right);
    skewed(queue, &left);
    split_join(queue, &frame);
    all->sum = left.sum + right.sum;
}

/* --- running them -------------------------------------------------------- */

struct tree {
    void (*fn)(struct split *queue, void *arg);
    void *arg;
    struct team *team;
    bool over;                      /* atomic */
};

static void climb(void *arg, unsigned member)
{
    struct tree *tree = arg;
    struct split *queue = &split_team.queues[member];
    unsigned tries = 0;

    if (member == 0) {
        tree->fn(queue, tree->arg);
        __atomic_store_n(&tree->over, true, __ATOMIC_RELEASE);
    }
    while (!__atomic_load_n(&tree->over, __ATOMIC_ACQUIRE))
        if (!split_steal(queue))
            team_relax(&tries);
}

static int64_t climb_all(void *arg)
{
    struct tree *tree = arg;
    int64_t start = bench_clock();

    tree->over = false;
    team_run(tree->team, climb, tree);
    return bench_clock() - start;
}

static double median(const struct bench *bench,
                     void (*fn)(struct split *, void *), void *arg)
{
    struct tree tree = { .fn = fn, .arg = arg };
    double ns;

    split_team.n = bench->workers;
    split_team.queues = bench_alloc(bench->workers * sizeof(struct split));
    for (unsigned i = 0; i < bench->workers; i++) {
        struct split *queue = &split_team.queues[i];

        queue->top = queue->shared = queue->tail = queue->slots;
    }
    tree.team = team_start(bench->workers);
    ns = bench_median(bench, climb_all, &tree);
    team_stop(tree.team);
    return ns;
}

static void ask_fib(const struct bench *bench)
{
    struct fib root = { work_fib_n(bench->scale), 0 };
    double ns = median(bench, fib, &root);
    int64_t a = 0, b = 1;           /* fib(n), fib(n + 1) */

    for (int i = 0; i < root.n; i++) {
        b += a;
        a = b - a;
    }
    bench_expect("fib", root.result, a);
    bench_print("ns", ns / (double)(2 * b - 1));
}

static void ask_queens(const struct bench *bench)
{
    struct board root = { .n = work_queens_n(bench->scale) };
    double ns = median(bench, queens, &root);

    bench_expect("nodes", root.nodes, (int64_t)work_queens_nodes(root.n));
    bench_print("ns", ns / (double)root.nodes);
}

static int64_t uts_below(uint64_t hash)
{
    int64_t nodes = 1;

    for (unsigned i = 0; i < WORK_UTS_CHILDREN && work_uts_inner(hash); i++)
        nodes += uts_below(work_hash(hash + i));
    return nodes;
}

static void ask_uts(const struct bench *bench)
{
    struct uts_root root = { .n = (unsigned)bench_scaled(bench, WORK_UTS_ROOT,
                                                         1) };
    int64_t nodes = 1;
    double ns;

    root.children = bench_alloc(root.n * sizeof *root.children);
    root.frames = bench_alloc(root.n * sizeof *root.frames);
    ns = median(bench, uts_root, &root);
    for (unsigned i = 0; i < root.n; i++)
        nodes += uts_below(work_hash(work_hash(WORK_UTS_SEED) + i));
    bench_expect("nodes", root.nodes, nodes);
    bench_print("ns", ns / (double)root.nodes);
}

static void ask_skewed(const struct bench *bench)
{
    struct leaves root = { 0, bench_scaled(bench, 1e5, 1), 0 };
    double ns = median(bench, skewed, &root);
    uint64_t sum = 0;

    for (uint64_t i = 0; i < root.n; i++)
        sum += work_burn(i + 1, WORK_STEPS_100NS);
    bench_expect("sum", (int64_t)root.sum, (int64_t)sum);
    bench_print("ns", ns / (double)root.n);
}

int main(int argc, char **argv)
{
    static const struct bench_question questions[] = {
        { "fib", ask_fib },
        { "nqueens", ask_queens },
        { "uts", ask_uts },
        { "skewed", ask_skewed },
        { NULL, NULL },
    };

    return bench_main(argc, argv, questions);
}
