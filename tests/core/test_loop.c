/* SPDX-License-Identifier: MIT */
/*
 * test_loop.c - a loop ends as its header says: by a body, by cancellation, by
 * failure; and allocates nothing.
 */
#include <errno.h>
#include <sched.h>

#include "check.h"
#include "mem.h"
#include "with.h"

#define MANY 1000000

struct search {
    size_t at;                      /* bodies from there on return 7 + begin */
    size_t calls;
    int inside;                     /* bodies that have not returned */
};

static int find(size_t begin, size_t end, void *arg)
{
    struct search *s = arg;

    with_add(&s->inside, 1);
    with_add(&s->calls, 1);
    if (begin % 2 == 0)
        moirai_yield();
    with_add(&s->inside, -1);
    return end > s->at ? 7 + (int)begin : 0;
}

static int find_one(void *arg)
{
    struct moirai_par_attr attr = { .size = sizeof attr };

    (void)arg;
    for (attr.schedule = 0; attr.schedule <= MOIRAI_GUIDED; attr.schedule++) {
        struct search s = { .at = 95 };
        int rc = moirai_par_for(0, 100, find, &s, &attr);

        CHECK_FMT(rc >= 7 && rc <= 7 + 99, "schedule %u: %d",
                  (unsigned)attr.schedule, rc);
        CHECK_EQ(with_get(&s.inside), 0);
        s.at = 0;
        s.calls = 0;
        CHECK(moirai_par_for(0, 1000, find, &s, &attr) >= 7);
        CHECK(s.calls < 1000);
    }
    return 0;
}

TEST(loop, a_body_ends_the_loop_with_its_value)
{
    with_each(find_one, NULL);
    with_seeds(200, find_one, NULL);
}

/* Piece 0, if it is begun at all, ends after piece 1 said its value. */
static int fail_late(size_t begin, size_t end, void *arg)
{
    int *both = arg;

    (void)end;
    if (begin == 0) {
        with_add(both, 1);
        with_wait(&both[1]);
    } else {
        with_set(&both[1], 1);
    }
    return 100 + (int)begin;
}

static int first_value(void *arg)
{
    struct moirai_par_attr attr = { .size = sizeof attr, .grain = 1,
                                    .schedule = MOIRAI_STATIC };
    int both[2] = { 0, *(int *)arg };
    int rc = moirai_par_for(0, 2, fail_late, both, &attr);

    CHECK_EQ(rc, with_get(&both[0]) != 0 ? 100 : 101);
    return 0;
}

TEST(loop, the_value_is_that_of_the_piece_that_begins_first)
{
    int alone = 0;

    with_one(2, first_value, &alone);
    with_seeds(100, first_value, &alone);
    alone = 1;
    with_one(1, first_value, &alone);
}

struct cancel {
    struct moirai_scope scope;
    int done;
    int outcome;
};

static int cancel_soon(size_t begin, size_t end, void *arg)
{
    struct cancel *c = arg;

    (void)begin;
    (void)end;
    if (with_add(&c->done, 1) == 3)
        moirai_scope_cancel(&c->scope);
    moirai_yield();
    return 0;
}

static int not_called(size_t begin, size_t end, void *arg)
{
    (void)begin;
    (void)end;
    (void)arg;
    return 1;
}

static int loop_for_long(void *arg)
{
    struct moirai_par_attr attr = { .size = sizeof attr, .grain = 1,
                                    .schedule = MOIRAI_DYNAMIC };
    struct cancel *c = arg;

    c->outcome = moirai_par_for(0, MANY, cancel_soon, c, &attr);
    CHECK_EQ(moirai_par_for(0, 1, not_called, NULL, NULL), -ECANCELED);
    return 0;
}

static int cancelled(void *arg)
{
    struct cancel c = { .done = 0 };

    (void)arg;
    CHECK_EQ(moirai_scope_begin(&c.scope, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn(&c.scope, loop_for_long, &c), 0);
    CHECK_EQ(moirai_scope_end(&c.scope), -ECANCELED);
    CHECK_EQ(c.outcome, -ECANCELED);
    CHECK(c.done >= 3 && c.done < MANY);
    return 0;
}

TEST(loop, cancelling_leaves_out_pieces)
{
    with_each(cancelled, NULL);
    with_seeds(200, cancelled, NULL);
}

static int fail_at_50(size_t begin, size_t end, void *arg)
{
    int *inside = arg;

    with_add(inside, 1);
    if (begin % 8 == 0)
        moirai_yield();
    with_add(inside, -1);
    if (begin <= 50 && end > 50)
        moirai_fail(-EIO, "at 50");
    return 0;
}

static int loop_and_fail(void *arg)
{
    struct moirai_par_attr attr = { .size = sizeof attr, .grain = 1,
                                    .schedule = MOIRAI_DYNAMIC };

    moirai_par_for(0, 100, fail_at_50, arg, &attr);
    CHECK(false);
    return 0;
}

static int failing(void *arg)
{
    struct moirai_scope scope;
    int inside = 0;

    (void)arg;
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn(&scope, loop_and_fail, &inside), 0);
    CHECK_EQ(moirai_scope_end(&scope), -EIO);
    CHECK_EQ(inside, 0);
    return 0;
}

TEST(loop, a_body_that_fails_ends_its_task)
{
    with_each(failing, NULL);
    with_seeds(200, failing, NULL);
}

struct shares {
    int came;
    int worker[2];                  /* of each index */
};

/* Neither index is done before both have begun. */
static int note_worker(size_t begin, size_t end, void *arg)
{
    struct shares *shares = arg;

    CHECK_EQ(end, begin + 1);
    shares->worker[begin] = moirai_worker_index();
    with_add(&shares->came, 1);
    while (with_get(&shares->came) < 2)
        sched_yield();
    return 0;
}

static int share_out(void *arg)
{
    struct moirai_par_attr attr = { .size = sizeof attr,
                                    .schedule = MOIRAI_STATIC };

    (void)arg;
    for (int i = 0; i < 100; i++) {
        struct shares shares = { .came = 0 };

        CHECK_EQ(moirai_par_for(0, 2, note_worker, &shares, &attr), 0);
        CHECK_EQ(shares.worker[0], 0);
        CHECK_EQ(shares.worker[1], 1);
    }
    return 0;
}

static int share_out_from_each(void *arg)
{
    struct moirai_attr attr = MOIRAI_ATTR_INIT;

    (void)arg;
    for (attr.worker = 1; attr.worker <= 2; attr.worker++) {
        struct moirai_scope scope;

        CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
        CHECK_EQ(moirai_spawn_with(&scope, share_out, NULL, &attr, NULL), 0);
        CHECK_EQ(moirai_scope_end(&scope), 0);
    }
    return 0;
}

TEST(loop, each_worker_has_its_own_share_whoever_calls)
{
    with_one(2, share_out_from_each, NULL);
}

static int count_indices(size_t begin, size_t end, void *arg)
{
    size_t *n = arg;

    __atomic_add_fetch(n, end - begin, __ATOMIC_RELAXED);
    return 0;
}

static size_t asked_by_loops(void)
{
    size_t n = 0;

    mo_mem_watch(0);
    for (int i = 0; i < 1000; i++)
        CHECK_EQ(moirai_par_for(0, 1000, count_indices, &n, NULL), 0);
    return mo_mem_unwatch().asked;
}

/* A worker that comes late makes its stacks then. */
static int loops_without_memory(void *arg)
{
    size_t asked = 1;

    (void)arg;
    for (int round = 0; asked != 0 && round < 20; round++)
        asked = asked_by_loops();
    CHECK_EQ(asked, 0);
    return 0;
}

TEST(loop, loops_allocate_nothing)
{
    with_one(1, loops_without_memory, NULL);
    with_one(2, loops_without_memory, NULL);
}
