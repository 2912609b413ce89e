/* SPDX-License-Identifier: MIT */
/*
 * test_cxx.cc - C++ exceptions in tasks: what is being handled, and what is on
 * its way, belongs to the task and not to the thread it happens to be on.
 */
#include <exception>
#include <stdexcept>
#include <string>

#include <cerrno>

extern "C" {
#include "check.h"
#include "with.h"
}

namespace {

void wait_a_little(int i)
{
    if (i % 3 == 0)
        moirai_sleep_until(moirai_after(20 * MOIRAI_US));
    else
        moirai_yield();
}

int what_is_handled()
{
    try {
        throw;
    } catch (int n) {
        return n;
    } catch (...) {
        return -1;
    }
}

int wait_in_handler(void *arg)
{
    int mine = *static_cast<int *>(arg);

    for (int i = 0; i < 10; i++) {
        CHECK(std::current_exception() == nullptr);
        try {
            throw mine;
        } catch (int caught) {
            wait_a_little(i);
            CHECK_EQ(caught, mine);
            CHECK_EQ(what_is_handled(), mine);
            try {
                throw mine + 1000;
            } catch (int inner) {
                wait_a_little(i + 1);
                CHECK_EQ(inner, mine + 1000);
                CHECK_EQ(what_is_handled(), mine + 1000);
            }
            CHECK_EQ(what_is_handled(), mine);
        }
        CHECK_EQ(std::uncaught_exceptions(), 0);
    }
    return 0;
}

struct Waiter {
    int expected;

    explicit Waiter(int n) : expected(n) {}
    ~Waiter()
    {
        for (int i = 0; i < 5; i++) {
            CHECK_EQ(std::uncaught_exceptions(), expected);
            wait_a_little(i);
            CHECK_EQ(std::uncaught_exceptions(), expected);
        }
    }
};

void unwind()
{
    Waiter waiter(1);

    throw std::runtime_error("unwound");
}

int wait_while_unwinding(void *)
{
    for (int i = 0; i < 5; i++) {
        Waiter calm(0);

        try {
            unwind();
        } catch (const std::runtime_error &error) {
            CHECK(std::string(error.what()) == "unwound");
        }
    }
    return 0;
}

int many(void *)
{
    static int numbers[30];
    struct moirai_scope scope;

    CHECK_EQ(moirai_scope_begin(&scope, nullptr, MOIRAI_NEVER), 0);
    for (int i = 0; i < 30; i++) {
        numbers[i] = i;
        CHECK_EQ(moirai_spawn(&scope, wait_in_handler, &numbers[i]), 0);
        CHECK_EQ(moirai_spawn(&scope, wait_while_unwinding, nullptr), 0);
    }
    return moirai_scope_end(&scope);
}

int fail_in_handler(void *)
{
    try {
        throw std::string("never destroyed but by moirai");
    } catch (...) {
        moirai_yield();
        moirai_fail(-EIO, "in a handler");
    }
}

int nothing_is_handled(void *)
{
    CHECK(std::current_exception() == nullptr);
    CHECK_EQ(std::uncaught_exceptions(), 0);
    return 0;
}

int fork_that_throws(void *arg)
{
    try {
        moirai_yield();
        throw *static_cast<int *>(arg);
    } catch (int n) {
        return n;
    }
}

int forks_in_handler(void *)
{
    struct moirai_frame fork;
    int n = 5;

    try {
        throw 3;
    } catch (int) {
        moirai_fork(&fork, fork_that_throws, &n);
        moirai_yield();
        CHECK_EQ(moirai_join(&fork), 5);
        CHECK_EQ(what_is_handled(), 3);
    }
    return 0;
}

}

TEST(cxx, a_task_may_wait_in_a_handler_and_while_unwinding)
{
    with_each(many, nullptr);
    with_seeds(20, many, nullptr);
}

TEST(cxx, a_fork_throws_on_its_own)
{
    with_each(forks_in_handler, nullptr);
    with_seeds(50, forks_in_handler, nullptr);
}

TEST(cxx, a_task_that_fails_in_a_handler_leaves_no_exception_behind)
{
    struct moirai_runtime *rt = with_workers(1);

    for (int i = 0; i < 10; i++) {
        CHECK_EQ(moirai_run(rt, fail_in_handler, nullptr), -EIO);
        CHECK_EQ(moirai_run(rt, nothing_is_handled, nullptr), 0);
    }
    with_end(rt);
}
