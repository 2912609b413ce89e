/* SPDX-License-Identifier: MIT */
/*
 * forkjoin.c - trees on the least of a split queue: fib, nqueens, uts, skewed.
 * All children but the last are forks; of skewed's two, the right one.
 */
#include "bench.h"
#include "split.h"
#include "team.h"
#include "work.h"

/* --- the trees ------------------------------------------------------------ */

struct fib {
    struct split_frame frame;
    int n;
    int64_t result;
};

static int64_t fib(struct split *queue, int n);

static void fib_stolen(struct split *queue, struct split_frame *frame)
{
    struct fib *stolen = (struct fib *)frame;

    stolen->result = fib(queue, stolen->n);
}

static int64_t fib(struct split *queue, int n)
{
    struct fib left;
    int64_t right;

    if (n < 2)
        return n;
    left.n = n - 1;
    split_fork(queue, &left.frame, fib_stolen);
    right = fib(queue, n - 2);
    return right + (split_take(queue, &left.frame) ? fib(queue, n - 1)
                                                   : left.result);
}

struct board {
    struct split_frame frame;
    uint32_t columns, left, right;
    int n;
    int64_t nodes;
};

static uint32_t free_places(const struct board *board)
{
    return ~(board->columns | board->left | board->right)
           & ((UINT32_C(1) << board->n) - 1);
}

static struct board place(const struct board *board, uint32_t bit)
{
    return (struct board){ .columns = board->columns | bit,
                           .left = (board->left | bit) << 1,
                           .right = (board->right | bit) >> 1,
                           .n = board->n };
}

static void queens(struct split *queue, struct split_frame *frame)
{
    struct board *board = (struct board *)frame, next[16];
    uint32_t free = free_places(board);
    int n = 0;

    board->nodes = 1;
    if (free == 0)
        return;
    for (; (free & (free - 1)) != 0; free &= free - 1, n++) {
        next[n] = place(board, free & -free);
        split_fork(queue, &next[n].frame, queens);
    }
    next[n] = place(board, free);
    queens(queue, &next[n].frame);
    board->nodes += next[n].nodes;
    while (n-- > 0) {
        if (split_take(queue, &next[n].frame))
            queens(queue, &next[n].frame);
        board->nodes += next[n].nodes;
    }
}

struct node {
    struct split_frame frame;
    uint64_t hash;
    int64_t nodes;
};

static void uts(struct split *queue, struct split_frame *frame);

/* Forks all children but the last, and adds them up. */
static int64_t below(struct split *queue, uint64_t hash,
                     struct node *children, unsigned n)
{
    int64_t nodes;

    for (unsigned i = 0; i < n; i++) {
        children[i].hash = work_hash(hash + i);
        if (i + 1 < n)
            split_fork(queue, &children[i].frame, uts);
    }
    uts(queue, &children[n - 1].frame);
    nodes = children[n - 1].nodes;
    for (unsigned i = n - 1; i-- > 0;) {
        if (split_take(queue, &children[i].frame))
            uts(queue, &children[i].frame);
        nodes += children[i].nodes;
    }
    return nodes;
}

static void uts(struct split *queue, struct split_frame *frame)
{
    struct node *node = (struct node *)frame, children[WORK_UTS_CHILDREN];

    node->nodes = 1;
    if (work_uts_inner(node->hash))
        node->nodes += below(queue, node->hash, children, WORK_UTS_CHILDREN);
}

struct leaves {
    struct split_frame frame;
    uint64_t first, n;
    uint64_t sum;
};

static void skewed(struct split *queue, struct split_frame *frame)
{
    struct leaves *all = (struct leaves *)frame, left, right;

    if (all->n == 1) {
        all->sum = work_burn(all->first + 1, WORK_STEPS_100NS);
        return;
    }
    left.first = all->first;
    left.n = work_skewed_left(all->n);
    right.first = left.first + left.n;
    right.n = all->n - left.n;
    split_fork(queue, &right.frame, skewed);
    skewed(queue, &left.frame);
    if (split_take(queue, &right.frame))
        skewed(queue, &right.frame);
    all->sum = left.sum + right.sum;
}

/* --- running them -------------------------------------------------------- */

struct tree {
    void (*fn)(struct split *queue, void *root);
    void *root;
    struct team *team;
    bool over;                      /* atomic */
};

static void climb(void *arg, unsigned member)
{
    struct tree *tree = arg;
    struct split *queue = &split_team.queues[member];
    unsigned tries = 0;

    if (member == 0) {
        tree->fn(queue, tree->root);
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
                     void (*fn)(struct split *, void *), void *root)
{
    struct tree tree = { .fn = fn, .root = root };
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

static void climb_fib(struct split *queue, void *root)
{
    fib_stolen(queue, root);
}

static void ask_fib(const struct bench *bench)
{
    struct fib root = { .n = work_fib_n(bench->scale) };
    double ns = median(bench, climb_fib, &root);
    int64_t a = 0, b = 1;           /* fib(n), fib(n + 1) */

    for (int i = 0; i < root.n; i++) {
        b += a;
        a = b - a;
    }
    bench_expect("fib", root.result, a);
    bench_print("ns", ns / (double)(2 * b - 1));
}

static void climb_queens(struct split *queue, void *root)
{
    queens(queue, root);
}

static void ask_queens(const struct bench *bench)
{
    struct board root = { .n = work_queens_n(bench->scale) };
    double ns = median(bench, climb_queens, &root);

    bench_expect("nodes", root.nodes, (int64_t)work_queens_nodes(root.n));
    bench_print("ns", ns / (double)root.nodes);
}

struct uts_root {
    struct node *children;
    unsigned n;
    int64_t nodes;
};

static void climb_uts(struct split *queue, void *arg)
{
    struct uts_root *root = arg;

    root->nodes = 1 + below(queue, work_hash(WORK_UTS_SEED), root->children,
                            root->n);
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
    ns = median(bench, climb_uts, &root);
    for (unsigned i = 0; i < root.n; i++)
        nodes += uts_below(work_hash(work_hash(WORK_UTS_SEED) + i));
    bench_expect("nodes", root.nodes, nodes);
    bench_print("ns", ns / (double)root.nodes);
}

static void climb_skewed(struct split *queue, void *root)
{
    skewed(queue, root);
}

static void ask_skewed(const struct bench *bench)
{
    struct leaves root = { .n = bench_scaled(bench, 1e5, 1) };
    double ns = median(bench, climb_skewed, &root);
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
