/* SPDX-License-Identifier: MIT */
/*
 * test_upkeep.c - a pool never has more resources than it may, keeps none too
 * long, and closes when all are back.
 */
#include <pthread.h>

#include "factory.h"

/* --- upkeep -------------------------------------------------------------- */

static void lend_all(struct factory *f, int n)
{
    struct moirai_resource lent[16];

    for (int i = 0; i < n; i++)
        CHECK_EQ(moirai_resource_get(f->pool, &lent[i], MOIRAI_NOW), 0);
    for (int i = 0; i < n; i++)
        CHECK_EQ(moirai_resource_put(&lent[i]), 0);
}

static int idling(void *arg)
{
    struct factory f;
    int64_t next;

    (void)arg;
    set_up(&f, 8);
    f.config.least = 2;
    f.config.idle_ns = MOIRAI_S;
    start(&f);
    CHECK_EQ(moirai_resource_tend(f.pool, MOIRAI_NEVER, &next), 0);
    CHECK_EQ(f.live, 2);                    /* the least */
    lend_all(&f, 6);
    CHECK_EQ(f.live, 6);
    CHECK_EQ(moirai_sleep_until(moirai_after(MOIRAI_S / 2)), 0);
    lend_all(&f, 3);
    CHECK_EQ(moirai_resource_tend(f.pool, MOIRAI_NEVER, &next), 0);
    CHECK_EQ(f.live, 6);
    CHECK_EQ(moirai_sleep_until(next), 0);
    for (int i = 0; i < 3; i++) {           /* they were put one by one */
        CHECK_EQ(moirai_resource_tend(f.pool, MOIRAI_NEVER, &next), 0);
        CHECK_EQ(moirai_sleep_until(moirai_after(MOIRAI_MS)), 0);
    }
    CHECK_EQ(f.live, 3);                    /* the others were idle less long */
    CHECK_EQ(moirai_resource_tend(f.pool, MOIRAI_NEVER, &next), 0);
    CHECK_EQ(moirai_sleep_until(next + MOIRAI_MS), 0);
    CHECK_EQ(moirai_resource_tend(f.pool, MOIRAI_NEVER, &next), 0);
    CHECK_EQ(f.live, 2);
    CHECK_EQ(moirai_sleep_until(moirai_after(3600 * MOIRAI_S)), 0);
    CHECK_EQ(moirai_resource_tend(f.pool, MOIRAI_NEVER, &next), 0);
    CHECK_EQ(f.live, 2);
    f.error = -EIO;
    lend_all(&f, 2);
    moirai_resource_close(f.pool, MOIRAI_NOW);
    CHECK_EQ(f.live, 0);
    return 0;
}

TEST(resource, that_is_idle_for_too_long_is_destroyed_but_for_the_least)
{
    play(idling);
}

static int ageing(void *arg)
{
    struct moirai_resource lent[4];
    struct factory f;
    int64_t start_ns, next;

    (void)arg;
    set_up(&f, 4);
    f.config.least = 4;
    f.config.life_ns = 10 * MOIRAI_S;
    start(&f);
    start_ns = moirai_now();
    CHECK_EQ(moirai_resource_tend(f.pool, MOIRAI_NEVER, NULL), 0);
    CHECK_EQ(moirai_resource_tend(f.pool, MOIRAI_NEVER, &next), 0);
    CHECK(next >= start_ns + 9 * MOIRAI_S);
    CHECK(next <= start_ns + 10 * MOIRAI_S + MOIRAI_MS);
    CHECK_EQ(moirai_sleep_until(start_ns + 9 * MOIRAI_S - MOIRAI_MS), 0);
    for (int i = 0; i < 4; i++)
        CHECK_EQ(moirai_resource_get(f.pool, &lent[i], MOIRAI_NOW), 0);
    CHECK_EQ(f.made, 4);
    CHECK_EQ(moirai_resource_put(&lent[0]), 0);
    CHECK_EQ(moirai_sleep_until(start_ns + 10 * MOIRAI_S + MOIRAI_MS), 0);
    CHECK_EQ(moirai_resource_put(&lent[1]), 0);     /* too old to be kept */
    CHECK_EQ(f.live, 3);
    CHECK_EQ(moirai_resource_get(f.pool, &lent[0], MOIRAI_NOW), 0);
    CHECK_EQ(f.made, 5);                            /* or to be lent */
    CHECK_EQ(f.live, 3);
    for (int i = 0; i < 4; i++)
        if (i != 1)
            CHECK_EQ(moirai_resource_put(&lent[i]), 0);
    CHECK_EQ(moirai_resource_tend(f.pool, MOIRAI_NEVER, NULL), 0);
    CHECK_EQ(f.live, 4);
    CHECK_EQ(f.made, 8);
    f.error = -EIO;
    CHECK_EQ(moirai_sleep_until(moirai_after(20 * MOIRAI_S)), 0);
    CHECK_EQ(moirai_resource_tend(f.pool, MOIRAI_NEVER, &next), -EIO);
    CHECK(next <= moirai_after(MOIRAI_S));
    CHECK_EQ(f.live, 0);
    finish(&f);
    return 0;
}

TEST(resource, that_is_too_old_is_replaced)
{
    play(ageing);
}

static int checking(void *arg)
{
    struct factory f;

    (void)arg;
    set_up(&f, 1);
    f.config.check = check;
    f.config.check_ns = MOIRAI_MS;
    start(&f);
    lend_all(&f, 1);
    lend_all(&f, 1);
    CHECK_EQ(f.checks, 0);
    CHECK_EQ(moirai_sleep_until(moirai_after(MOIRAI_MS - 2 * MOIRAI_US)), 0);
    lend_all(&f, 1);
    CHECK_EQ(f.checks, 0);
    CHECK_EQ(moirai_sleep_until(moirai_after(MOIRAI_MS)), 0);
    lend_all(&f, 1);
    CHECK_EQ(f.checks, 1);
    CHECK_EQ(f.made, 1);
    f.things[0].sick = true;
    lend_all(&f, 1);
    CHECK_EQ(moirai_sleep_until(moirai_after(MOIRAI_MS)), 0);
    lend_all(&f, 1);
    CHECK_EQ(f.made, 2);
    CHECK_EQ(f.live, 1);
    CHECK_EQ(stats_of(&f).sick, 1);
    finish(&f);
    return 0;
}

TEST(resource, is_checked_after_a_pause_and_replaced_if_it_is_sick)
{
    play(checking);
}

/* --- closing ------------------------------------------------------------- */

static int told(void *arg)
{
    struct factory *f = arg;
    struct moirai_resource lent;

    return moirai_resource_get(f->pool, &lent, MOIRAI_NEVER) == -EPIPE ? 0 : -1;
}

static int keep(void *arg)
{
    struct factory *f = arg;
    struct moirai_resource lent;
    int rc = moirai_resource_get(f->pool, &lent, MOIRAI_NEVER);

    if (rc != 0)
        return rc;
    f->checks++;
    moirai_sleep_until(moirai_after(MOIRAI_MS));
    return moirai_resource_put(&lent);
}

static int close_cancelled(void *arg)
{
    struct factory *f = arg;

    return moirai_resource_close(f->pool, MOIRAI_NEVER) == -ECANCELED ? 0 : -1;
}

static int closing(void *arg)
{
    struct moirai_handle *handle;
    struct moirai_scope scope;
    struct factory f;
    int rc;

    (void)arg;
    set_up(&f, 2);
    start(&f);
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    for (int i = 0; i < 2; i++)
        CHECK_EQ(moirai_spawn(&scope, keep, &f), 0);
    while (f.checks < 2)
        moirai_yield();
    for (int i = 0; i < 3; i++)
        CHECK_EQ(moirai_spawn(&scope, told, &f), 0);
    while (stats_of(&f).waiting < 3)
        moirai_yield();
    CHECK_EQ(moirai_resource_close(f.pool, MOIRAI_NOW), -EAGAIN);
    CHECK_EQ(told(&f), 0);
    CHECK_EQ(moirai_resource_close(f.pool, moirai_after(MOIRAI_US)),
             -ETIMEDOUT);
    CHECK_EQ(moirai_spawn_with(&scope, close_cancelled, &f, NULL, &handle), 0);
    CHECK_EQ(moirai_sleep_until(moirai_after(10 * MOIRAI_US)), 0);
    moirai_handle_cancel(handle);
    CHECK_EQ(moirai_handle_join(handle, MOIRAI_NEVER, &rc), 0);
    CHECK_EQ(rc, 0);
    moirai_handle_put(handle);
    CHECK_EQ(moirai_resource_close(f.pool, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    CHECK_EQ(f.live, 0);
    return 0;
}

TEST(resource, pool_closes_when_the_last_one_is_back)
{
    with_seeds(100, closing, NULL);
}

/* --- many at once -------------------------------------------------------- */

struct crowd {
    struct factory f;
    int turns, got;
};

static int come_and_go(void *arg)
{
    struct crowd *c = arg;
    struct moirai_resource lent;

    for (int i = 0; i < c->turns; i++) {
        struct thing *t;
        int rc = moirai_resource_get(c->f.pool, &lent, i % 5 ? MOIRAI_NEVER
                                     : moirai_after(20 * MOIRAI_US));

        if (rc != 0) {
            CHECK_EQ(rc, -ETIMEDOUT);
            continue;
        }
        t = lent.value;
        CHECK(with_get(&t->there));
        CHECK_EQ(t->used++, 0);
        if (i % 3 == 0)
            moirai_yield();
        t->used--;
        with_add(&c->got, 1);
        CHECK_EQ(i % 16 == 7 ? moirai_resource_drop(&lent)
                             : moirai_resource_put(&lent), 0);
        if (i % 32 == 9)
            CHECK_EQ(moirai_resource_tend(c->f.pool, MOIRAI_NEVER, NULL), 0);
    }
    return 0;
}

static void *come_and_go_thread(void *arg)
{
    CHECK_EQ(come_and_go(arg), 0);
    return NULL;
}

static void open_crowd(struct crowd *c, int turns)
{
    c->turns = turns;
    c->got = 0;
    set_up(&c->f, 3);
    c->f.config.least = 1;
    c->f.config.idle_ns = 30 * MOIRAI_US;
    c->f.config.check = check;
    start(&c->f);
}

static void close_crowd(struct crowd *c)
{
    struct moirai_resources_stats s = stats_of(&c->f);

    CHECK_EQ(s.lent, c->got);
    CHECK_EQ(s.created, c->f.made);
    CHECK_EQ(s.created - s.destroyed, s.idle);
    CHECK_EQ(s.busy + s.waiting, 0);
    finish(&c->f);
}

static int crowding(void *arg)
{
    static struct crowd c;
    struct moirai_scope scope;

    open_crowd(&c, *(int *)arg);
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    for (int i = 0; i < 8; i++)
        CHECK_EQ(moirai_spawn(&scope, come_and_go, &c), 0);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    close_crowd(&c);
    return 0;
}

TEST(resource, is_used_by_one_task_or_thread_at_a_time)
{
    static struct crowd c;
    struct moirai_runtime *rt;
    struct moirai_scope scope;
    pthread_t threads[4];
    int few = 16, many = (int)with_times(300);

    with_seeds(100, crowding, &few);
    with_each(crowding, &many);
    rt = with_workers(2);
    open_crowd(&c, many);
    CHECK_EQ(moirai_scope_begin(&scope, rt, MOIRAI_NEVER), 0);
    for (int i = 0; i < 4; i++) {
        CHECK_EQ(moirai_spawn(&scope, come_and_go, &c), 0);
        CHECK_EQ(pthread_create(&threads[i], NULL, come_and_go_thread, &c), 0);
    }
    CHECK_EQ(moirai_scope_end(&scope), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    close_crowd(&c);
    with_end(rt);
}
