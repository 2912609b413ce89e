/* SPDX-License-Identifier: MIT */
/*
 * throwing.cc - tasks that wait inside handlers and while unwinding; the tests
 * themselves are in test_cxx.c.
 */
#include "throwing.h"

#include <cerrno>
#include <exception>
#include <stdexcept>
#include <string>

#include <moirai/moirai.h>

/* As in check.h, whose runner is not for C++. */
extern "C" void check_fail(const char *file, int line, const char *format,
                           ...);

#define CHECK(cond)                                                           \
    ((cond) ? (void)0 : check_fail(__FILE__, __LINE__, "%s", #cond))
#define CHECK_EQ(a, b) CHECK((a) == (b))

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

}

int throwing_many(void *)
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

int throwing_fails(void *)
{
    try {
        throw std::string("never destroyed but by moirai");
    } catch (...) {
        moirai_yield();
        moirai_fail(-EIO, "in a handler");
    }
}

int throwing_left_nothing(void *)
{
    CHECK(std::current_exception() == nullptr);
    CHECK_EQ(std::uncaught_exceptions(), 0);
    return 0;
}

static int fork_that_throws(void *arg)
{
    try {
        moirai_yield();
        throw *static_cast<int *>(arg);
    } catch (int n) {
        return n;
    }
}

int throwing_forks(void *)
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
