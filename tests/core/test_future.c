/* SPDX-License-Identifier: MIT */
/*
 * test_future.c - a value that is set once, by whoever has it. What futures
 * have in common with other things is in test_gate.c.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "with.h"

#define TASKS 8

struct pair {
    int a, b;
};

static int destroyed;

static void destroy(void *value)
{
    const struct pair *pair = value;

    CHECK_EQ(pair->a + 1, pair->b);
    destroyed++;
}

static struct moirai_future *make(size_t size, void (*fn)(void *value))
{
    struct moirai_future *future = NULL;

    CHECK_EQ(moirai_future_make(size, fn, &future), 0);
    return future;
}

/* --- one value ----------------------------------------------------------- */

TEST(future, keeps_the_first_value_that_it_is_given)
{
    struct moirai_future *future = make(sizeof(struct pair), destroy);
    struct pair pair = { 1, 2 };

    CHECK(moirai_future_value(future) == NULL);
    CHECK_EQ(moirai_future_wait(future, MOIRAI_NOW, &pair), -EAGAIN);
    CHECK_EQ(moirai_future_set(future, &pair), 0);
    pair = (struct pair){ 3, 4 };
    CHECK_EQ(moirai_future_set(moirai_future_get(future), &pair), -EALREADY);
    CHECK_EQ(moirai_future_fail(moirai_future_get(future), -EIO), -EALREADY);
    CHECK_EQ(moirai_future_wait(future, MOIRAI_NOW, &pair), 0);
    CHECK_EQ(pair.a, 1);
    CHECK_EQ(((struct pair *)moirai_future_value(future))->b, 2);
    CHECK_EQ(moirai_future_wait(future, MOIRAI_NEVER, NULL), 0);
    CHECK_EQ(destroyed, 0);
    moirai_future_put(future);
    CHECK_EQ(destroyed, 1);
    moirai_future_put(NULL);
}

TEST(future, may_fail)
{
    static const int errors[][2] = { { -EIO, -EIO }, { EIO, -EIO },
                                     { 0, -ECANCELED } };

    for (int i = 0; i < 3; i++) {
        struct moirai_future *future = make(sizeof(struct pair), destroy);
        struct pair pair = { 7, 7 };

        CHECK_EQ(moirai_future_fail(future, errors[i][0]), 0);
        CHECK_EQ(moirai_future_wait(future, MOIRAI_NEVER, &pair),
                 errors[i][1]);
        CHECK_EQ(pair.a, 7);
        CHECK(moirai_future_value(future) == NULL);
        moirai_future_put(future);
    }
    CHECK_EQ(destroyed, 0);
}

TEST(future, has_values_of_every_size)
{
    static const size_t sizes[] = { 0, 1, 8, 4096 };
    static char in[4096], out[4097];
    struct moirai_future *future = NULL;

    CHECK_EQ(moirai_future_make(SIZE_MAX, NULL, &future), -ENOMEM);
    CHECK(future == NULL);
    memset(in, 5, sizeof in);
    for (int i = 0; i < 8; i++) {
        size_t size = sizes[i / 2];

        memset(out, 9, sizeof out);
        future = make(size, NULL);
        CHECK_EQ(moirai_future_set(future, i % 2 ? in : NULL), 0);
        CHECK_EQ(moirai_future_wait(future, MOIRAI_NOW, out), 0);
        for (size_t k = 0; k < size; k++)
            CHECK_EQ(out[k], i % 2 ? 5 : 0);
        CHECK_EQ(out[size], 9);
        moirai_future_put(future);
    }
}

TEST(future, that_nobody_waits_for_any_more_is_freed_by_who_completes_it)
{
    struct moirai_future *future = make(sizeof(struct pair), destroy);
    struct pair pair = { 1, 2 };

    moirai_future_put(future);
    CHECK_EQ(moirai_future_set(future, &pair), 0);
    CHECK_EQ(destroyed, 1);
}

/* --- many who wait, many who complete ------------------------------------ */

struct race {
    struct moirai_future *future;
    int n, won;
};

static int get_it(void *arg)
{
    struct race *r = arg;
    struct pair pair;

    CHECK_EQ(moirai_future_wait(r->future, MOIRAI_NEVER, &pair), 0);
    CHECK_EQ(pair.a + 1, pair.b);
    moirai_future_put(r->future);
    return 0;
}

static int set_it(void *arg)
{
    struct race *r = arg;
    int a = with_add(&r->n, 1);
    struct pair pair = { a, a + 1 };
    int rc = moirai_future_set(r->future, &pair);

    CHECK(rc == 0 || rc == -EALREADY);
    with_add(&r->won, rc == 0);
    return 0;
}

static int racing(void *arg)
{
    struct race r = { make(sizeof(struct pair), destroy), 0, 0 };
    struct moirai_scope scope;
    int before = destroyed;

    (void)arg;
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    for (int i = 0; i < TASKS; i++) {
        moirai_future_get(r.future);
        CHECK_EQ(moirai_spawn(&scope, i % 2 ? set_it : get_it, &r), 0);
    }
    moirai_future_put(r.future);
    moirai_future_put(r.future);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    CHECK_EQ(r.won, 1);
    CHECK_EQ(destroyed, before + 1);
    return 0;
}

TEST(future, is_won_by_one_and_freed_by_the_last)
{
    with_each(racing, NULL);
    with_seeds(300, racing, NULL);
}

/* --- a library that calls back ------------------------------------------- */

struct request {                    /* of that library */
    void (*done)(void *arg, int result);
    void *arg;
    int number;
};

static void *serve(void *arg)
{
    struct request *request = arg;

    request->done(request->arg, request->number * 2);
    free(request);
    return NULL;
}

static void ask(int number, void (*done)(void *arg, int result), void *arg)
{
    struct request *request = calloc(1, sizeof *request);
    pthread_t thread;

    *request = (struct request){ done, arg, number };
    CHECK_EQ(pthread_create(&thread, NULL, serve, request), 0);
    pthread_detach(thread);
}

static void on_done(void *arg, int result)
{
    if (result == 0)
        CHECK_EQ(moirai_future_fail(arg, -ENOENT), 0);
    else
        CHECK_EQ(moirai_future_set(arg, &result), 0);
}

static int call(void *arg)
{
    int number = *(int *)arg;
    struct moirai_future *future = make(sizeof number, NULL);
    int result = 0;
    int rc;

    ask(number, on_done, future);
    if (number % 3 == 2) {          /* it does not wait for long */
        rc = moirai_future_wait(future, 1, &result);
        CHECK(rc == -ETIMEDOUT || rc == 0);
    } else {
        CHECK_EQ(moirai_future_wait(future, MOIRAI_NEVER, &result),
                 number == 0 ? -ENOENT : 0);
        CHECK_EQ(result, 2 * number);
    }
    moirai_future_put(future);
    return 0;
}

TEST(future, bridges_a_library_that_calls_back)
{
    struct moirai_runtime *rt = with_workers(2);
    struct moirai_scope scope;
    int numbers[TASKS];

    CHECK_EQ(moirai_scope_begin(&scope, rt, MOIRAI_NEVER), 0);
    for (int i = 0; i < TASKS; i++) {
        numbers[i] = i;
        CHECK_EQ(moirai_spawn(&scope, call, &numbers[i]), 0);
    }
    call(&numbers[1]);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    with_end(rt);
    with_alone();
}
