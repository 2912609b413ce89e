/* SPDX-License-Identifier: MIT */
/*
 * test_frame.c - forks give the same answers as calls, wherever they ran: in
 * place, stolen, as tasks of their own, or at once because there was no room.
 */
#include <errno.h>
#include <stdlib.h>

#include "check.h"
#include "with.h"

#define OVERFLOW 5000               /* more forks than a queue has slots */

struct sum {
    int n;
    long result;
    int yield_at;                   /* -1: never */
};

/* --- recursion ----------------------------------------------------------- */

static int fib(void *arg)
{
    struct sum *s = arg;
    struct sum a = { s->n - 1, 0, s->yield_at };
    struct sum b = { s->n - 2, 0, s->yield_at };
    struct moirai_frame fork;

    if (s->n < 2) {
        s->result = s->n;
        return 0;
    }
    moirai_fork(&fork, fib, &a);
    if (s->n == s->yield_at)
        moirai_yield();
    fib(&b);
    moirai_join(&fork);
    s->result = a.result + b.result;
    return 0;
}

/* In the order of fifo nearly every fork comes to wait on a stack of its own,
 * and there is no room for ten thousand where addresses have 32 bits. */
static int fib_20(void *arg)
{
    bool room = UINTPTR_MAX > UINT32_MAX;
    struct sum s = { room ? 20 : 15, 0, -1 };

    (void)arg;
    fib(&s);
    CHECK_EQ(s.result, room ? 6765 : 610);
    return 0;
}

TEST(frame, recursion_gives_the_right_sum)
{
    with_each(fib_20, NULL);
    with_seeds(2, fib_20, NULL);
}

static int fib_with_yields(void *arg)
{
    struct sum s = { 14, 0, 5 };

    (void)arg;
    fib(&s);
    CHECK_EQ(s.result, 377);
    return 0;
}

TEST(frame, forks_outlast_waits_of_whoever_forked_them)
{
    with_each(fib_with_yields, NULL);
    with_seeds(1000, fib_with_yields, NULL);
}

static int fib_25(void *arg)
{
    struct sum s = { 25, 0, 12 };

    (void)arg;
    fib(&s);
    CHECK_EQ(s.result, 75025);
    return 0;
}

TEST(frame, stolen_forks_come_back_with_their_results)
{
    for (unsigned i = 0; i < with_times(10); i++) {
        with_one(2, fib_25, NULL);
        with_one(8, fib_25, NULL);
    }
}

/* The caller makes the call itself. */
static long sum_of(int n, int yield_at);

static int task_sum_of(void *arg)
{
    struct sum *s = arg;

    s->result = sum_of(s->n, s->yield_at);
    return 77;
}

static long sum_of(int n, int yield_at)
{
    struct sum left = { n - 1, 0, yield_at };
    struct moirai_frame fork;
    long right;

    if (n < 2)
        return n;
    moirai_fork(&fork, task_sum_of, &left);
    if (n == yield_at)
        moirai_yield();
    right = sum_of(n - 2, yield_at);
    if (moirai_unfork(&fork))
        return right + sum_of(n - 1, yield_at);
    CHECK_EQ(fork.result, 77);
    return right + left.result;
}

static int sums_of(void *arg)
{
    const struct sum *s = arg;

    CHECK_EQ(sum_of(s->n, s->yield_at), s->result);
    return 0;
}

TEST(frame, what_is_not_forked_after_all_is_the_callers_to_do)
{
    bool room = UINTPTR_MAX > UINT32_MAX;
    struct sum plain = { room ? 20 : 15, room ? 6765 : 610, -1 };
    struct sum yields = { 14, 377, 5 };
    struct sum many = { 25, 75025, 12 };

    with_each(sums_of, &plain);
    with_each(sums_of, &yields);
    with_seeds(100, sums_of, &yields);
    for (unsigned i = 0; i < with_times(10); i++) {
        with_one(2, sums_of, &many);
        with_one(8, sums_of, &many);
    }
}

/* --- flat ---------------------------------------------------------------- */

static int double_it(void *arg)
{
    int *n = arg;

    *n *= 2;
    return *n;
}

/* Forks n, joins them in reverse order. */
static int flat(void *arg)
{
    int n = *(int *)arg;
    struct moirai_frame *forks = calloc((size_t)n, sizeof *forks);
    int *values = calloc((size_t)n, sizeof *values);

    CHECK(forks != NULL && values != NULL);
    for (int i = 0; i < n; i++) {
        values[i] = i;
        moirai_fork(&forks[i], double_it, &values[i]);
        if (i == n / 2 || i == n - 10)
            moirai_yield();
    }
    for (int i = n - 1; i >= 0; i--) {
        CHECK_EQ(moirai_join(&forks[i]), 2 * i);
        CHECK_EQ(values[i], 2 * i);
        if (i == n - 10 || i == 10)
            moirai_yield();
    }
    free(forks);
    free(values);
    return 0;
}

TEST(frame, many_forks_of_one_function_are_joined_in_reverse)
{
    int n = 1000;

    with_each(flat, &n);
    with_seeds(10, flat, &n);
}

TEST(frame, more_forks_than_the_queue_has_room_for_are_run_at_once)
{
    int n = OVERFLOW;

    with_each(flat, &n);
    with_seeds(5, flat, &n);
}

static int fork_and_unfork(void *arg)
{
    struct moirai_frame forks[2];
    int values[2] = { 1, 1 };

    (void)arg;
    moirai_fork(&forks[0], double_it, &values[0]);
    moirai_fork(&forks[1], double_it, &values[1]);
    CHECK(moirai_unfork(&forks[1]));
    moirai_yield();
    CHECK(!moirai_unfork(&forks[0]));
    CHECK_EQ(forks[0].result, 2);
    CHECK_EQ(values[0], 2);
    CHECK_EQ(values[1], 1);
    return 0;
}

/* One worker, so that nobody steals; but a yield makes tasks of forks. */
TEST(frame, a_fork_is_either_run_or_the_callers)
{
    const char *const set[] = { "scheduler.plugin=steal", "runtime.workers=1",
                                NULL };
    struct moirai_runtime *rt = with_settings(set);

    CHECK_EQ(moirai_run(rt, fork_and_unfork, NULL), 0);
    with_end(rt);
}

static int yield_and_double(void *arg)
{
    moirai_yield();
    return double_it(arg);
}

/* Those that overflow wait in the middle of being run at once. */
static int flat_waiting(void *arg)
{
    static struct moirai_frame forks[OVERFLOW];
    static int values[OVERFLOW];

    (void)arg;
    for (int i = 0; i < OVERFLOW; i++) {
        values[i] = i;
        moirai_fork(&forks[i], i < OVERFLOW - 500 ? double_it
                                                  : yield_and_double,
                    &values[i]);
    }
    for (int i = OVERFLOW - 1; i >= 0; i--)
        CHECK_EQ(moirai_join(&forks[i]), 2 * i);
    return 0;
}

TEST(frame, a_fork_run_at_once_may_wait)
{
    with_each(flat_waiting, NULL);
}

static int forks_and_scopes(void *arg)
{
    struct sum a = { 10, 0, 3 }, b = { 10, 0, 3 }, c = { 10, 0, -1 };
    struct moirai_frame first, second;
    struct moirai_scope scope;

    (void)arg;
    moirai_fork(&first, fib, &a);
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn(&scope, fib, &b), 0);
    moirai_fork(&second, fib, &c);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    moirai_join(&second);
    moirai_join(&first);
    CHECK_EQ(a.result + b.result + c.result, 165);
    return 0;
}

TEST(frame, forks_and_scopes_mix)
{
    with_each(forks_and_scopes, NULL);
    with_seeds(1000, forks_and_scopes, NULL);
}

/* --- on plain threads ---------------------------------------------------- */

TEST(frame, plain_threads_fork_too)
{
    struct sum s = { 15, 0, 5 };
    struct moirai_frame fork;

    moirai_fork(&fork, fib, &s);
    CHECK_EQ(moirai_join(&fork), 0);
    CHECK_EQ(s.result, 610);
    CHECK_EQ(sum_of(15, 5), 610);
    moirai_fork(&fork, task_sum_of, &s);
    CHECK(!moirai_unfork(&fork));
    CHECK_EQ(fork.result, 77);
}

/* --- depth --------------------------------------------------------------- */

static int deep_in_the_fork(void *arg)
{
    struct sum *s = arg;
    struct sum below = { s->n - 1, 0, 0 };
    struct moirai_frame fork;

    if (s->n == 0)
        return 0;
    moirai_fork(&fork, deep_in_the_fork, &below);
    moirai_join(&fork);
    s->result = below.result + 1;
    return 0;
}

static int deep_beside_the_fork(void *arg)
{
    struct sum *s = arg;
    struct sum below = { s->n - 1, 0, 0 };
    struct moirai_frame fork;
    int one = 1;

    if (s->n == 0)
        return 0;
    moirai_fork(&fork, double_it, &one);
    deep_beside_the_fork(&below);
    CHECK_EQ(moirai_join(&fork), 2);
    s->result = below.result + 1;
    return 0;
}

static int deep(void *arg)
{
    struct sum s = { 20000, 0, 0 };

    ((moirai_fn *)*(moirai_fn **)arg)(&s);
    CHECK_EQ(s.result, 20000);
    return 0;
}

/* Sanitizers make frames several times larger; 32-bit machines, whose frames
 * are smaller, have less of a stack. */
#ifdef MO_SANITIZE_ADDRESS
#define LOOP "stacks.loop=64MiB"
#elif UINTPTR_MAX <= UINT32_MAX
#define LOOP "stacks.loop=8MiB"
#else
#define LOOP NULL
#endif

static void deep_with(const char *scheduler, const char *workers,
                      moirai_fn *body)
{
    const char *const set[] = { scheduler, workers, LOOP, NULL };
    struct moirai_runtime *rt = with_settings(set);

    CHECK_EQ(moirai_run(rt, deep, &body), 0);
    with_end(rt);
}

TEST_LONG(frame, forks_nest_20000_deep_on_one_worker_and_two, 120)
{
    deep_with("scheduler.plugin=steal", "runtime.workers=1",
              deep_in_the_fork);
    deep_with("scheduler.plugin=steal", "runtime.workers=1",
              deep_beside_the_fork);
    deep_with("scheduler.plugin=steal", "runtime.workers=2",
              deep_in_the_fork);
    deep_with("scheduler.plugin=steal", "runtime.workers=2",
              deep_beside_the_fork);
}

/* Here each fork waits for the next on a stack of its own. */
static bool stacks_fit(void)
{
    return UINTPTR_MAX > UINT32_MAX;
}

TEST_LONG(frame, forks_nest_20000_deep_in_the_order_of_fifo, 120)
{
    if (!stacks_fit())
        SKIP("20,000 deep stacks are more than 32-bit addresses reach");
    deep_with("scheduler.plugin=fifo", "runtime.workers=2",
              deep_in_the_fork);
    deep_with("scheduler.plugin=fifo", "runtime.workers=2",
              deep_beside_the_fork);
}

TEST_LONG(frame, forks_nest_20000_deep_in_the_order_of_sim, 120)
{
    if (!stacks_fit())
        SKIP("20,000 deep stacks are more than 32-bit addresses reach");
    deep_with("scheduler.plugin=sim", "runtime.workers=2", deep_in_the_fork);
    deep_with("scheduler.plugin=sim", "runtime.workers=2",
              deep_beside_the_fork);
}

/* A site whose tasks wait starts them on small stacks; when one of those then
 * forks, the forks need more room than that. */
static int sleep_then_nest(void *arg)
{
    struct sum s = { 20000, 0, 0 };

    (void)arg;
    moirai_sleep_until(moirai_after(MOIRAI_US));
    deep_in_the_fork(&s);
    CHECK_EQ(s.result, 20000);
    return 0;
}

static int sleep_then_nest_often(void *arg)
{
    struct moirai_scope scope;

    for (int i = 0; i < 5; i++) {
        CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
        CHECK_EQ(moirai_spawn(&scope, sleep_then_nest, arg), 0);
        CHECK_EQ(moirai_scope_end(&scope), 0);
    }
    return 0;
}

TEST_LONG(frame, forks_of_a_task_on_a_small_stack_nest_as_deep, 120)
{
    const char *const set[] = { "runtime.workers=2", LOOP, NULL };
    struct moirai_runtime *rt = with_settings(set);

    CHECK_EQ(moirai_run(rt, sleep_then_nest_often, NULL), 0);
    with_end(rt);
}
