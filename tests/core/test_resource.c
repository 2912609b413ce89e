/* SPDX-License-Identifier: MIT */
/*
 * test_resource.c - a pool lends each of its resources to one at a time, in the
 * order of asking, and loses none to whoever gives up.
 */
#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

#include "factory.h"
#include "mem.h"

#define MOST 3

/* --- lending ------------------------------------------------------------- */

static int lending(void *arg)
{
    struct moirai_resource lent[MOST], more, copy;
    struct factory f;

    (void)arg;
    set_up(&f, MOST);
    start(&f);
    for (int i = 0; i < MOST; i++) {
        CHECK_EQ(moirai_resource_get(f.pool, &lent[i], MOIRAI_NOW), 0);
        CHECK_EQ((struct thing *)lent[i].value - f.things, i);
    }
    CHECK_EQ(moirai_resource_get(f.pool, &more, MOIRAI_NOW), -EAGAIN);
    CHECK_EQ(moirai_resource_get(f.pool, &more, 1), -ETIMEDOUT);
    CHECK_EQ(moirai_resource_get(f.pool, &more, moirai_after(MOIRAI_MS)),
             -ETIMEDOUT);
    copy = lent[0];
    CHECK_EQ(moirai_resource_put(&lent[0]), 0);
    CHECK_EQ(moirai_resource_put(&lent[0]), -EINVAL);
    CHECK_EQ(moirai_resource_put(&copy), -EINVAL);
    CHECK_EQ(moirai_resource_put(&lent[1]), 0);
    CHECK_EQ(moirai_resource_get(f.pool, &more, MOIRAI_NOW), 0);
    CHECK(more.value == &f.things[1]);      /* the last one used */
    CHECK_EQ(moirai_resource_drop(&more), 0);
    CHECK_EQ(moirai_resource_drop(&more), -EINVAL);
    CHECK_EQ(f.live, 2);
    CHECK_EQ(moirai_resource_get(f.pool, &more, MOIRAI_NOW), 0);
    CHECK(more.value == &f.things[0]);
    CHECK_EQ(moirai_resource_get(f.pool, &copy, MOIRAI_NOW), 0);
    CHECK(copy.value == &f.things[3]);      /* a new one */
    CHECK_EQ(stats_of(&f).busy, 3);
    CHECK_EQ(moirai_resource_put(&more), 0);
    CHECK_EQ(moirai_resource_put(&copy), 0);
    CHECK_EQ(moirai_resource_put(&lent[2]), 0);
    CHECK_EQ(stats_of(&f).lent, 6);
    CHECK_EQ(stats_of(&f).waited, 2);
    CHECK_EQ(stats_of(&f).left, 2);
    CHECK_EQ(stats_of(&f).idle, 3);
    finish(&f);
    return 0;
}

TEST(resource, is_lent_to_one_and_the_last_used_first)
{
    CHECK_EQ(lending(NULL), 0);             /* on a plain thread */
    with_each(lending, NULL);
    with_seeds(10, lending, NULL);
}

TEST(resource, pool_refuses_what_makes_no_sense)
{
    struct factory f;

    set_up(&f, 65537);
    CHECK_EQ(moirai_resource_open(&f.pool, &f.config), -EINVAL);
    set_up(&f, 2);
    f.config.least = 3;
    CHECK_EQ(moirai_resource_open(&f.pool, &f.config), -EINVAL);
    set_up(&f, 2);
    f.config.create = NULL;
    CHECK_EQ(moirai_resource_open(&f.pool, &f.config), -EINVAL);
    set_up(&f, 2);
    f.config.destroy = NULL;
    CHECK_EQ(moirai_resource_open(&f.pool, &f.config), -EINVAL);
    set_up(&f, 2);
    f.config.idle_ns = -1;
    CHECK_EQ(moirai_resource_open(&f.pool, &f.config), -EINVAL);
}

/* Opening needs memory, and nothing else does. */
static int memory(void *arg)
{
    struct moirai_resource lent;
    struct factory f;

    (void)arg;
    set_up(&f, MOST);
    mo_mem_watch(1);
    CHECK_EQ(moirai_resource_open(&f.pool, &f.config), -ENOMEM);
    CHECK_EQ(mo_mem_unwatch().live, 0);
    mo_mem_watch(0);
    start(&f);
    mo_mem_fail(1, UINT64_MAX);
    for (int i = 0; i < 10; i++) {
        CHECK_EQ(moirai_resource_get(f.pool, &lent, MOIRAI_NOW), 0);
        CHECK_EQ(i % 2 ? moirai_resource_put(&lent)
                       : moirai_resource_drop(&lent), 0);
    }
    CHECK_EQ(moirai_resource_tend(f.pool, MOIRAI_NOW, NULL), 0);
    CHECK_EQ(mo_mem_fail(0, 0), 0);
    finish(&f);
    CHECK_EQ(mo_mem_unwatch().live, 0);
    return 0;
}

TEST(resource, pool_needs_memory_only_to_be_opened)
{
    CHECK_EQ(memory(NULL), 0);
}

/* --- waiting ------------------------------------------------------------- */

#define TASKS 12

struct borrower {
    struct factory *f;
    int number, *turn, *order, *n;
    int rc;
    int64_t deadline_ns;
    bool breaks;
};

static int borrow(void *arg)
{
    struct borrower *b = arg;
    struct moirai_resource lent;

    while (*b->turn != b->number)
        moirai_yield();
    ++*b->turn;
    b->rc = moirai_resource_get(b->f->pool, &lent, b->deadline_ns);
    if (b->rc != 0)
        return 0;
    b->order[(*b->n)++] = b->number;
    CHECK_EQ(((struct thing *)lent.value)->used++, 0);
    moirai_yield();
    ((struct thing *)lent.value)->used--;
    CHECK_EQ(b->breaks ? moirai_resource_drop(&lent)
                       : moirai_resource_put(&lent), 0);
    return 0;
}

static int in_order(void *arg)
{
    struct borrower b[TASKS];
    struct moirai_resource lent;
    struct moirai_scope scope;
    struct factory f;
    int turn = 0, n = 0, order[TASKS];

    (void)arg;
    set_up(&f, 1);
    start(&f);
    CHECK_EQ(moirai_resource_get(f.pool, &lent, MOIRAI_NOW), 0);
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    for (int i = 0; i < TASKS; i++) {
        b[i] = (struct borrower){ &f, i, &turn, order, &n, 0, MOIRAI_NEVER,
                                  i % 3 == 0 };
        CHECK_EQ(moirai_spawn(&scope, borrow, &b[i]), 0);
    }
    while (stats_of(&f).waiting < TASKS)
        moirai_yield();
    CHECK_EQ(moirai_resource_put(&lent), 0);
    CHECK_EQ(moirai_resource_get(f.pool, &lent, MOIRAI_NOW), -EAGAIN);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    CHECK_EQ(n, TASKS);
    for (int i = 0; i < TASKS; i++)
        CHECK_EQ(order[i], i);
    CHECK_EQ(stats_of(&f).waited, TASKS);
    finish(&f);
    return 0;
}

TEST(resource, goes_to_whoever_has_waited_longest)
{
    play(in_order);
}

/* Creating takes a while, and fails at times: whoever is told so is the one who
 * tried, and the place goes to the next. */
static int failing(void *arg)
{
    struct borrower b[TASKS];
    struct moirai_resource lent;
    struct moirai_scope scope;
    struct factory f;
    int turn = 0, n = 0, order[TASKS];

    (void)arg;
    set_up(&f, 1);
    f.takes_ns = MOIRAI_MS;
    start(&f);
    CHECK_EQ(moirai_resource_get(f.pool, &lent, MOIRAI_NEVER), 0);
    f.error = -ECONNREFUSED;
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    for (int i = 0; i < 4; i++) {
        b[i] = (struct borrower){ &f, i, &turn, order, &n, 0, MOIRAI_NEVER,
                                  false };
        CHECK_EQ(moirai_spawn(&scope, borrow, &b[i]), 0);
    }
    while (stats_of(&f).waiting < 4)
        moirai_yield();
    CHECK_EQ(moirai_resource_drop(&lent), 0);
    CHECK_EQ(moirai_sleep_until(moirai_after(2 * MOIRAI_MS + MOIRAI_MS / 2)),
             0);
    f.error = 0;
    CHECK_EQ(moirai_scope_end(&scope), 0);
    CHECK_EQ(b[0].rc, -ECONNREFUSED);
    CHECK_EQ(b[1].rc, -ECONNREFUSED);
    CHECK_EQ(b[2].rc, 0);
    CHECK_EQ(b[3].rc, 0);
    CHECK_EQ(stats_of(&f).failed, 2);
    CHECK_EQ(stats_of(&f).lent, 3);
    finish(&f);
    return 0;
}

TEST(resource, that_cannot_be_made_is_the_error_of_who_tried)
{
    play(failing);
}

/* Some give up in time, some are cancelled, wherever they are by then. */
static int some_give_up(void *arg)
{
    struct moirai_handle *handles[TASKS];
    struct borrower b[TASKS];
    struct moirai_scope scope;
    struct factory f;
    int turn = 0, n = 0, order[TASKS], got = 0;

    (void)arg;
    set_up(&f, 2);
    f.takes_ns = 20 * MOIRAI_US;
    start(&f);
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    for (int i = 0; i < TASKS; i++) {
        b[i] = (struct borrower){ &f, i, &turn, order, &n, 0, i % 3 ?
                                  MOIRAI_NEVER : moirai_after(50 * MOIRAI_US),
                                  i % 2 };
        CHECK_EQ(moirai_spawn_with(&scope, borrow, &b[i], NULL, &handles[i]),
                 0);
    }
    CHECK_EQ(moirai_sleep_until(moirai_after(45 * MOIRAI_US)), 0);
    for (int i = 1; i < TASKS; i += 4)
        moirai_handle_cancel(handles[i]);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    for (int i = 0; i < TASKS; i++) {
        moirai_handle_put(handles[i]);
        got += b[i].rc == 0;
        CHECK(b[i].rc == 0 || (i % 3 == 0 && b[i].rc == -ETIMEDOUT)
              || (i % 4 == 1 && b[i].rc == -ECANCELED));
    }
    CHECK_EQ(stats_of(&f).lent, got);
    CHECK_EQ(stats_of(&f).busy + stats_of(&f).waiting, 0);
    CHECK_EQ(stats_of(&f).idle, f.live);
    finish(&f);
    return 0;
}

TEST(resource, is_not_lost_on_who_gives_up)
{
    with_seeds(300, some_give_up, NULL);
}

static int get_and_put(void *arg)
{
    struct factory *f = arg;
    struct moirai_resource lent;
    int rc = moirai_resource_get(f->pool, &lent, MOIRAI_NEVER);

    return rc != 0 ? rc : moirai_resource_put(&lent);
}

static int get_and_drop(void *arg)
{
    struct factory *f = arg;
    struct moirai_resource lent;
    int rc = moirai_resource_get(f->pool, &lent, MOIRAI_NEVER);

    f->fail = 3;
    return rc != 0 ? rc : moirai_resource_drop(&lent);
}

static int tasks_fail(void *arg)
{
    struct moirai_scope scope;
    struct factory f;

    (void)arg;
    set_up(&f, 1);
    f.config.check = check;
    start(&f);
    for (int i = 1; i <= 3; i++) {
        CHECK_EQ(get_and_put(&f), 0);
        if (i == 1)
            CHECK_EQ(f.live, 1);
        f.fail = i == 3 ? 0 : 3 - i;        /* check; create; destroy */
        if (i == 2) {
            struct moirai_resource lent;

            f.fail = 0;
            CHECK_EQ(moirai_resource_get(f.pool, &lent, MOIRAI_NOW), 0);
            CHECK_EQ(moirai_resource_drop(&lent), 0);
            f.fail = 1;
        }
        CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
        CHECK_EQ(moirai_spawn(&scope, i == 3 ? get_and_drop : get_and_put, &f),
                 0);
        CHECK_EQ(moirai_scope_end(&scope), -EIO);
        f.fail = 0;
        CHECK_EQ(f.live, 0);
        CHECK_EQ(stats_of(&f).busy + stats_of(&f).idle, 0);
    }
    finish(&f);
    return 0;
}

TEST(resource, place_is_not_lost_when_a_task_fails_in_a_function_of_ours)
{
    play(tasks_fail);
    with_each(tasks_fail, NULL);
}

TEST(resource, is_not_waited_for_in_a_child_where_nobody_has_it)
{
    struct moirai_runtime *rt = with_workers(1);
    struct moirai_resource lent, more;
    struct factory f;
    int status;
    pid_t pid;

    set_up(&f, 1);
    start(&f);
    CHECK_EQ(moirai_resource_get(f.pool, &lent, MOIRAI_NOW), 0);
    pid = fork();
    if (pid == 0)
        _exit(moirai_resource_get(f.pool, &more, MOIRAI_NEVER) != -ECHILD
              || moirai_resource_close(f.pool, MOIRAI_NEVER) != -ECHILD);
    CHECK(pid > 0);
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK_EQ(status, 0);
    CHECK_EQ(moirai_resource_put(&lent), 0);
    finish(&f);
    with_end(rt);
}
