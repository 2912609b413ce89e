/* SPDX-License-Identifier: MIT */
/*
 * test_split.c - the split queue of forks, in a thousand orders: owners fork,
 * publish and take back while thieves ask and steal, and any of them may be
 * held up at any atomic operation.
 *
 * The simulator's scheduler is an ordered one, under which forks are tasks like
 * any other. Here the runtime is told that it is not, so that forks go where
 * they go under the others.
 */
#include "check.h"
#include "with.h"
#include "worker.h"

#define PATIENCE 100000             /* forks until a thief must have come */

static struct moirai_runtime *split(unsigned long seed, const char *workers)
{
    char text[40];
    const char *const set[] = { "scheduler.plugin=sim", workers, text, NULL };
    struct moirai_runtime *runtime;

    snprintf(text, sizeof text, "scheduler.seed=%lu", seed);
    runtime = with_settings(set);
    runtime->ordered = false;       /* before its first task */
    return runtime;
}

static uint64_t stolen(struct moirai_runtime *runtime)
{
    struct moirai_stats stats = { .size = sizeof stats };

    CHECK_EQ(moirai_stats_read(runtime, &stats), 0);
    return stats.forks_stolen;
}

/* Runs the body in each order; thieves must have come now and then. */
static void in_each_order(const char *workers, moirai_fn *body, void *arg)
{
    unsigned long seeds = with_times(1000);
    uint64_t thefts = 0;

    for (unsigned long seed = 1; seed <= seeds; seed++) {
        struct moirai_runtime *runtime = split(seed, workers);

        CHECK_FMT(moirai_run(runtime, body, arg) == 0, "scheduler.seed=%lu",
                  seed);
        thefts += stolen(runtime);
        with_end(runtime);
    }
    CHECK_FMT(thefts > seeds / 2, "only %llu thefts in %lu orders",
              (unsigned long long)thefts, seeds);
}

/* Computes: a moment in which others may go on. */
static void compute(void)
{
    (void)moirai_cancelled();
}

struct tree {
    int n;
    int yield_at;                   /* -1: never */
    long sum;
};

static long sum_of(int n, int yield_at);

static int task_sum_of(void *arg)
{
    struct tree *tree = arg;

    tree->sum = sum_of(tree->n, tree->yield_at);
    return 77;
}

static long sum_of(int n, int yield_at)
{
    struct tree left = { n - 1, yield_at, 0 };
    struct moirai_frame fork;
    long right;

    compute();
    if (n < 2)
        return n;
    moirai_fork(&fork, task_sum_of, &left);
    if (n == yield_at)
        moirai_yield();
    right = sum_of(n - 2, yield_at);
    if (moirai_unfork(&fork))
        return right + sum_of(n - 1, yield_at);
    CHECK_EQ(fork.result, 77);
    return right + left.sum;
}

static int grow(void *arg)
{
    const struct tree *tree = arg;

    CHECK_EQ(sum_of(tree->n, tree->yield_at), tree->sum);
    return 0;
}

TEST(split, gives_each_fork_to_one_of_two_workers)
{
    struct tree tree = { 9, -1, 34 };

    in_each_order("runtime.workers=2", grow, &tree);
}

TEST(split, gives_each_fork_to_one_of_four_workers)
{
    struct tree tree = { 10, -1, 55 };

    in_each_order("runtime.workers=4", grow, &tree);
}

TEST(split, is_emptied_when_its_stack_waits)
{
    struct tree tree = { 9, 4, 34 };

    in_each_order("runtime.workers=3", grow, &tree);
}

static int count(void *arg)
{
    with_add((int *)arg, 1);
    return 0;
}

/* Many beside each other, so that several are public. */
static int grow_flat(void *arg)
{
    struct moirai_frame forks[20];
    int counted = 0;

    (void)arg;
    for (int i = 0; i < 20; i++) {
        moirai_fork(&forks[i], count, &counted);
        compute();
    }
    for (int i = 19; i >= 0; i--)
        CHECK_EQ(moirai_join(&forks[i]), 0);
    CHECK_EQ(counted, 20);
    return 0;
}

TEST(split, lets_several_steal_at_once)
{
    in_each_order("runtime.workers=4", grow_flat, NULL);
}

/* The oldest fork is never joined before somebody has stolen it. */
static int wait_for_thief(void *arg)
{
    int come = 0, others = 0;

    (void)arg;
    for (int round = 0; round < 3; round++) {
        struct moirai_frame oldest;
        int left = PATIENCE;

        moirai_fork(&oldest, count, &come);
        while (with_get(&come) == round && --left > 0) {
            struct moirai_frame newer;

            moirai_fork(&newer, count, &others);
            compute();
            moirai_join(&newer);
        }
        CHECK_FMT(left > 0, "no thief in round %d", round);
        CHECK(!moirai_unfork(&oldest));
    }
    return 0;
}

TEST(split, does_not_forget_that_it_was_asked)
{
    in_each_order("runtime.workers=2", wait_for_thief, NULL);
    in_each_order("runtime.workers=4", wait_for_thief, NULL);
}

/* --- loops, which are made of forks -------------------------------------- */

#define INDICES 24

static int mark(size_t begin, size_t end, void *arg)
{
    unsigned char *marks = arg;

    compute();
    for (size_t i = begin; i < end; i++)
        marks[i]++;
    return 0;
}

/* What was folded, in order: a word whose letters are the pieces' indices. */
struct word {
    uint32_t n;
    unsigned char letters[INDICES];
};

static int append(size_t begin, size_t end, void *into, void *arg)
{
    struct word *word = into;

    (void)arg;
    compute();
    for (size_t i = begin; i < end; i++)
        word->letters[word->n++] = (unsigned char)i;
    return 0;
}

static void join_words(void *into, const void *from, void *arg)
{
    struct word *a = into;
    const struct word *b = from;

    (void)arg;
    for (uint32_t i = 0; i < b->n; i++)
        a->letters[a->n++] = b->letters[i];
}

static const struct word empty;
static const struct moirai_fold words = {
    sizeof empty, &empty, append, join_words, append,
};

static int loop(void *arg)
{
    struct moirai_par_attr attr = { .size = sizeof attr, .grain = 2,
                                    .schedule = *(const uint32_t *)arg };
    unsigned char marks[INDICES] = { 0 };
    struct word word, prefix;

    CHECK_EQ(moirai_par_for(0, INDICES, mark, marks, &attr), 0);
    CHECK_EQ(moirai_par_reduce(0, INDICES, &words, NULL, &word, &attr), 0);
    CHECK_EQ(moirai_par_scan(0, INDICES, &words, NULL, &prefix, &attr), 0);
    CHECK_EQ(word.n, INDICES);
    CHECK_EQ(prefix.n, INDICES);
    for (unsigned i = 0; i < INDICES; i++) {
        CHECK_EQ(marks[i], 1);
        CHECK_EQ(word.letters[i], i);
        CHECK_EQ(prefix.letters[i], i);
    }
    return 0;
}

TEST(split, does_loops_of_every_schedule)
{
    for (uint32_t schedule = 0; schedule <= MOIRAI_GUIDED; schedule++)
        in_each_order("runtime.workers=3", loop, &schedule);
}
