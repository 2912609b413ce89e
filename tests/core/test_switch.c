/* SPDX-License-Identifier: MIT */
/*
 * test_switch.c - what a context keeps while it is not running, and what
 * unwinders find of it.
 */
#include "check.h"

#include <stdint.h>
#include <string.h>
#include <unwind.h>

#include "arch/sanitize.h"
#include "arch/switch.h"
#include "backtrace.h"

#define STACK ((size_t)256 << 10)
#define ROUNDS 1000

#if defined(MO_SANITIZE_ADDRESS) || defined(MO_SANITIZE_THREAD)
#define TOOLS true
#else
#define TOOLS false
#endif

static _Alignas(4096) char stack[STACK];
static void *here, *there;          /* the two contexts, while left */
static volatile int64_t seeds[12];  /* volatile: the compiler knows nothing */
static volatile double reals[12];
static uint64_t entered_at;
static int frames;

/* More values than there are registers to keep them, so that those that keep
 * them are all in use; `to` is left in between, with values of its own. */
static __attribute__((noinline)) void keep(void **save, void **to, int64_t n)
{
    int64_t a = seeds[0] + n, b = seeds[1] + n, c = seeds[2] + n;
    int64_t d = seeds[3] + n, e = seeds[4] + n, f = seeds[5] + n;
    int64_t g = seeds[6] + n, h = seeds[7] + n, i = seeds[8] + n;
    int64_t j = seeds[9] + n, k = seeds[10] + n, l = seeds[11] + n;
    double m = (double)n;
    double o = reals[0] + m, p = reals[1] + m, q = reals[2] + m;
    double r = reals[3] + m, s = reals[4] + m, t = reals[5] + m;
    double u = reals[6] + m, v = reals[7] + m, w = reals[8] + m;
    double x = reals[9] + m, y = reals[10] + m, z = reals[11] + m;

    mo_switch(save, *to);
    CHECK_EQ(a, seeds[0] + n);
    CHECK(b == seeds[1] + n && c == seeds[2] + n && d == seeds[3] + n);
    CHECK(e == seeds[4] + n && f == seeds[5] + n && g == seeds[6] + n);
    CHECK(h == seeds[7] + n && i == seeds[8] + n && j == seeds[9] + n);
    CHECK(k == seeds[10] + n && l == seeds[11] + n);
    CHECK(o == reals[0] + m && p == reals[1] + m && q == reals[2] + m);
    CHECK(r == reals[3] + m && s == reals[4] + m && t == reals[5] + m);
    CHECK(u == reals[6] + m && v == reals[7] + m && w == reals[8] + m);
    CHECK(x == reals[9] + m && y == reals[10] + m && z == reals[11] + m);
}

static void keep_there(void *arg)
{
    CHECK(arg == &entered_at);
    for (int64_t n = 0;; n++)
        keep(&there, &here, -n);
}

static void fill(void)
{
    for (int i = 0; i < 12; i++) {
        seeds[i] = (int64_t)(UINT64_C(0x9e3779b97f4a7c15) * (unsigned)(i + 1)
                             >> 2);
        reals[i] = (double)(i + 1) * 1e6 + 0.25;
    }
}

TEST(switch, keeps_the_registers_that_a_call_keeps)
{
    if (TOOLS)
        SKIP("the sanitizer is not told of these switches");
    fill();
    there = mo_switch_fresh(stack, sizeof stack, keep_there, &entered_at);
    CHECK(there != NULL);
    for (int64_t n = 0; n < ROUNDS; n++)
        keep(&here, &there, n);
    mo_switch_end(there);
}

/* A local that wants alignment tells whether the stack had it. */
static void look(void *arg)
{
    _Alignas(16) volatile char local[16];

    (void)arg;
    local[0] = 1;
    entered_at = (uintptr_t)local;
    for (;;)
        mo_switch(&there, here);
}

TEST(switch, starts_on_the_stack_that_it_was_given)
{
    if (TOOLS)
        SKIP("the sanitizer is not told of these switches");
    for (size_t odd = 0; odd < 64; odd += 9) {
        there = mo_switch_fresh(stack, sizeof stack - odd, look, NULL);
        CHECK(there != NULL);
        mo_switch(&here, there);
        CHECK_EQ(entered_at % 16, 0);
        CHECK(entered_at > (uintptr_t)stack);
        CHECK(entered_at < (uintptr_t)stack + sizeof stack - odd);
        mo_switch_end(there);
    }
}

static _Unwind_Reason_Code count(struct _Unwind_Context *context, void *arg)
{
    (void)context;
    (void)arg;
    return ++frames < 100 ? _URC_NO_REASON : _URC_END_OF_STACK;
}

static void unwind(void *arg)
{
    (void)arg;
    _Unwind_Backtrace(count, NULL);
    for (;;)
        mo_switch(&there, here);
}

/* An unwinder that went on past the end would read what lies above. */
TEST(switch, is_where_a_stack_ends)
{
    if (TOOLS)
        SKIP("the sanitizer is not told of these switches");
    memset(stack, 0x5a, sizeof stack);
    there = mo_switch_fresh(stack, sizeof stack, unwind, NULL);
    CHECK(there != NULL);
    mo_switch(&here, there);
    CHECK(frames > 0);
    CHECK(frames < 6);
    mo_switch_end(there);
}

static __attribute__((noinline)) void deeper(int n)
{
    if (n > 0)
        deeper(n - 1);
    else
        mo_switch(&there, here);
    __asm__ volatile("" ::: "memory");  /* not a tail call */
}

static void go_deep(void *arg)
{
    (void)arg;
    deeper(10);
    for (;;)
        mo_switch(&there, here);
}

TEST(switch, shows_the_calls_of_a_context_that_was_left)
{
    uintptr_t pcs[100];
    size_t n;

    if (TOOLS)
        SKIP("the sanitizer is not told of these switches");
    there = mo_switch_fresh(stack, sizeof stack, go_deep, NULL);
    CHECK(there != NULL);
    mo_switch(&here, there);
    n = mo_backtrace_of(there, pcs, 100);
    mo_switch_end(there);
    if (n == 0)
        SKIP("this build cannot look into contexts");
    CHECK(n >= 12);
    CHECK(n < 20);
    for (int i = 0; i < 11; i++) {      /* deeper, eleven times */
        CHECK(pcs[i] > (uintptr_t)deeper);
        CHECK(pcs[i] < (uintptr_t)deeper + 400);
    }
}
