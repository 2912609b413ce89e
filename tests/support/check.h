/* SPDX-License-Identifier: MIT */
/*
 * check.h - what a test is written with.
 *
 *     TEST(wait, wakes_oldest_first)
 *     {
 *         CHECK_EQ(mo_wait_wake(&w), 1);
 *     }
 *
 * The suite is a noun, the test a sentence that can be false. Each test runs
 * in a process of its own and fails if it does not return by its deadline,
 * leaks (under ASan), or ends in any other way than by returning.
 *
 * A failed check says where, and ends the process at once: it may be made on
 * any thread and any stack, tasks' included. SKIP is for the thread that the
 * test began on, before it has started anything.
 *
 * Criterion runs the tests, or, with MO_PLAIN_MAIN, the short runner in
 * main.c: Criterion does not start under TSan. Both print TAP and take
 * `suite/name` arguments, patterns allowed, to run only those.
 *
 * Rejected: Criterion's own assertions. They jump back to the runner, which
 * works only on the test's first thread and stack.
 */
#ifndef CHECK_H
#define CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(MO_SANITIZE_ADDRESS) || defined(MO_SANITIZE_THREAD) || \
    defined(MO_COVERAGE)
#define CHECK_SLOWDOWN 5            /* of deadlines, as sanitizers slow down */
#else
#define CHECK_SLOWDOWN 1
#endif

/* TEST has a minute, TEST_LONG as many seconds as it says. */
#define TEST(suite, name) TEST_LONG(suite, name, 60)

#define CHECK(cond)                                                           \
    ((cond) ? (void)0 : check_fail(__FILE__, __LINE__, "%s", #cond))

/* As CHECK, but with a printf-style text of the test's own. */
#define CHECK_FMT(cond, ...)                                                  \
    ((cond) ? (void)0 : check_fail(__FILE__, __LINE__, __VA_ARGS__))

/* Integers: both are printed. */
#define CHECK_EQ(a, b)                                                        \
    check_eq(__FILE__, __LINE__, #a, #b, (int64_t)(a), (int64_t)(b))

/* Strings; NULL equals only NULL. */
#define CHECK_STR(a, b) check_str(__FILE__, __LINE__, #a, #b, (a), (b))

/* Is this `make check-long`, where a test may repeat itself more often? */
bool check_long(void);

__attribute__((noreturn, format(printf, 3, 4)))
void check_fail(const char *file, int line, const char *format, ...);
void check_eq(const char *file, int line, const char *a_text,
              const char *b_text, int64_t a, int64_t b);
void check_str(const char *file, int line, const char *a_text,
               const char *b_text, const char *a, const char *b);

/* Fails if memory was leaked; nothing without ASan. */
void check_leaks(void);

#ifdef MO_PLAIN_MAIN

struct check_test {
    const char *suite;
    const char *name;
    unsigned seconds;
    void (*body)(void);
    struct check_test *next;
};

void check_add(struct check_test *test);

__attribute__((noreturn)) void check_skip(const char *reason);

#define TEST_LONG(suite, name, seconds)                                       \
    static void suite##_##name##_body(void);                                  \
    __attribute__((constructor)) static void suite##_##name##_add(void)       \
    {                                                                         \
        static struct check_test test = { #suite, #name,                      \
            (seconds) * CHECK_SLOWDOWN, suite##_##name##_body, NULL };        \
                                                                              \
        check_add(&test);                                                     \
    }                                                                         \
    static void suite##_##name##_body(void)

#define SKIP(reason) check_skip(reason)

#else

#include <criterion/criterion.h>

/* Between the two, a call of exit is a failure. */
void check_begin(void);
void check_end(void);

#define TEST_LONG(suite, name, seconds)                                       \
    static void suite##_##name##_body(void);                                  \
    Test(suite, name, .timeout = (seconds) * CHECK_SLOWDOWN)                  \
    {                                                                         \
        check_begin();                                                        \
        suite##_##name##_body();                                              \
        check_leaks();                                                        \
        check_end();                                                          \
    }                                                                         \
    static void suite##_##name##_body(void)

#define SKIP(reason) (check_end(), cr_skip_test("%s", reason))

#endif

#endif
