/* SPDX-License-Identifier: MIT */
/*
 * test_binding.c - what a scope has a value for, everything inside it sees.
 */
#include "check.h"
#include "with.h"

MOIRAI_KEY(user, const char);
MOIRAI_KEY_DEFINE(user);
MOIRAI_KEY(limit, int);
MOIRAI_KEY_DEFINE(limit);

static int sees_tester(void *arg)
{
    (void)arg;
    CHECK_STR(user_value(NULL), "tester");
    moirai_yield();
    CHECK_STR(user_value(NULL), "tester");
    return 0;
}

static int inner_scope(void *arg)
{
    struct moirai_scope scope;

    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    CHECK_STR(user_value(&scope), "tester");
    CHECK_EQ(moirai_spawn(&scope, sees_tester, arg), 0);
    CHECK_EQ(moirai_spawn(NULL, sees_tester, arg), 0);
    return moirai_scope_end(&scope);
}

static int tasks_see(void *arg)
{
    struct moirai_scope scope;
    struct moirai_binding bindings[2];
    int most = 7;

    CHECK(user_value(NULL) == NULL);
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    CHECK(user_value(&scope) == NULL);
    user_bind(&scope, &bindings[0], "tester");
    limit_bind(&scope, &bindings[1], &most);
    CHECK(user_value(NULL) == NULL);    /* this task is not in there */
    CHECK(limit_value(&scope) == &most);
    for (int i = 0; i < 5; i++)
        CHECK_EQ(moirai_spawn(&scope, inner_scope, arg), 0);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    return 0;
}

TEST(binding, is_seen_by_tasks_and_scopes_inside)
{
    with_each(tasks_see, NULL);
    with_seeds(200, tasks_see, NULL);
}

static int sees_two(void *arg)
{
    (void)arg;
    CHECK_EQ(*limit_value(NULL), 2);
    return 0;
}

static int hidden_by_a_nearer_one(void *arg)
{
    struct moirai_scope outer, inner;
    struct moirai_binding bindings[3];
    int one = 1, two = 2, three = 3;

    CHECK_EQ(moirai_scope_begin(&outer, NULL, MOIRAI_NEVER), 0);
    limit_bind(&outer, &bindings[0], &one);
    CHECK_EQ(moirai_scope_begin_in(&inner, &outer, MOIRAI_NEVER), 0);
    CHECK_EQ(*limit_value(&inner), 1);
    limit_bind(&inner, &bindings[1], &two);
    CHECK_EQ(*limit_value(&inner), 2);
    CHECK_EQ(*limit_value(&outer), 1);
    CHECK_EQ(moirai_spawn(&inner, sees_two, arg), 0);
    CHECK_EQ(moirai_scope_end(&inner), 0);
    limit_bind(&outer, &bindings[2], &three);
    CHECK_EQ(*limit_value(&outer), 3);
    CHECK_EQ(*(int *)bindings[0].value, 1);
    return moirai_scope_end(&outer);
}

TEST(binding, is_hidden_by_a_nearer_or_newer_one)
{
    with_each(hidden_by_a_nearer_one, NULL);
}

static int null_hides(void *arg)
{
    struct moirai_scope outer, inner;
    struct moirai_binding bindings[2];
    int one = 1;

    (void)arg;
    CHECK_EQ(moirai_scope_begin(&outer, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_scope_begin_in(&inner, &outer, MOIRAI_NEVER), 0);
    limit_bind(&outer, &bindings[0], &one);
    limit_bind(&inner, &bindings[1], NULL);
    CHECK(limit_value(&inner) == NULL);
    CHECK_EQ(moirai_scope_end(&inner), 0);
    return moirai_scope_end(&outer);
}

TEST(binding, to_null_hides_what_is_around_it)
{
    with_each(null_hides, NULL);
}

static int sees_after_a_while(void *arg)
{
    while (limit_value(NULL) == NULL)
        moirai_yield();
    CHECK_EQ(*limit_value(NULL), 5);
    (void)arg;
    return 0;
}

static int bound_late(void *arg)
{
    struct moirai_scope scope;
    struct moirai_binding binding;
    int five = 0;

    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    for (int i = 0; i < 4; i++)
        CHECK_EQ(moirai_spawn(&scope, sees_after_a_while, arg), 0);
    five = 5;
    limit_bind(&scope, &binding, &five);
    return moirai_scope_end(&scope);
}

TEST(binding, may_come_while_tasks_look)
{
    with_each(bound_late, NULL);
    with_seeds(100, bound_late, NULL);
}

static int spawn_into(void *arg)
{
    CHECK(user_value(NULL) == NULL);
    return moirai_spawn(arg, sees_tester, NULL);
}

static int spawned_from_elsewhere(void *arg)
{
    struct moirai_scope with, without;
    struct moirai_binding binding;

    (void)arg;
    CHECK_EQ(moirai_scope_begin(&with, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_scope_begin(&without, NULL, MOIRAI_NEVER), 0);
    user_bind(&with, &binding, "tester");
    for (int i = 0; i < 5; i++)
        CHECK_EQ(moirai_spawn(&without, spawn_into, &with), 0);
    CHECK_EQ(moirai_scope_end(&without), 0);
    return moirai_scope_end(&with);
}

TEST(binding, is_the_scopes_wherever_a_task_was_spawned)
{
    with_each(spawned_from_elsewhere, NULL);
    with_seeds(100, spawned_from_elsewhere, NULL);
}

static int fork_sees(void *arg)
{
    CHECK_STR(user_value(NULL), "tester");
    (void)arg;
    return 0;
}

static int forks(void *arg)
{
    struct moirai_frame frames[8];

    for (int i = 0; i < 8; i++)
        moirai_fork(&frames[i], fork_sees, arg);
    moirai_yield();
    for (int i = 7; i >= 0; i--)
        CHECK_EQ(moirai_join(&frames[i]), 0);
    return 0;
}

TEST(binding, from_a_plain_thread_reaches_tasks_and_their_forks)
{
    struct moirai_runtime *rt = with_workers(2);
    struct moirai_scope scope, inner;
    struct moirai_binding binding;

    CHECK(user_value(NULL) == NULL);
    CHECK_EQ(moirai_scope_begin(&scope, rt, MOIRAI_NEVER), 0);
    user_bind(&scope, &binding, "tester");
    CHECK_EQ(moirai_scope_begin_in(&inner, &scope, MOIRAI_NEVER), 0);
    CHECK_STR(user_value(&inner), "tester");
    CHECK_EQ(moirai_spawn(&inner, forks, NULL), 0);
    CHECK_EQ(moirai_scope_end(&inner), 0);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    with_end(rt);
}
