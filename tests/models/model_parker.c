/* SPDX-License-Identifier: MIT */
/*
 * model_parker.c - parking and unparking of os/real.c, on a futex that is
 * played.
 *
 * A time may come at any moment of a wait that has one.
 *
 * About: core/os/real.c.
 */
#include "model.h"

#include <errno.h>
#include <string.h>

#include <stdarg.h>

#include "os/os.h"

#undef errno
#define errno errnos[model_self()]  /* each thread has its own */
static int errnos[MODEL_THREADS + 1];

#define syscall model_syscall
static long model_syscall(long number, ...);

#include "os/real.c"

#undef syscall

static struct {
    struct mo_parker parker;
    uint32_t given;                 /* plain: what the token is for */
} shared;

/* The kernel's: whether somebody sleeps on the word, and his wake-up. */
static bool sleeps;
static uint32_t wakeup;
static bool timed;

/* Looks at the word, and sleeps if it is that value, in one step. */
static __attribute__((no_sanitize("thread")))
long wait_on(uint32_t *word, uint32_t value)
{
    if (model_may_take(word, value, value)) {
        sleeps = true;
        if (timed && model_choose(2) == 1) {
            sleeps = false;
            errno = ETIMEDOUT;
            return -1;
        }
        model_take(&wakeup, 1, 0);
    }
    return 0;
}

static __attribute__((no_sanitize("thread")))
long model_syscall(long number, ...)
{
    bool slept = sleeps;
    uint32_t *word;
    va_list args;
    int how;

    if (number != FUTEX)
        return 0;
    va_start(args, number);
    word = va_arg(args, uint32_t *);
    how = va_arg(args, int);
    va_end(args);
    if (how != FUTEX_WAKE_PRIVATE)
        return wait_on(word, TOKEN_ASLEEP);
    sleeps = false;
    if (slept)
        model_may_take(&wakeup, 0, 1);
    return 0;
}

static void begin(void)
{
    memset(&shared, 0, sizeof shared);
    sleeps = timed = false;
    wakeup = 0;
}

static void begin_timed(void)
{
    begin();
    timed = true;
}

static void give(void)
{
    shared.given = 1;
    mo_unpark(&shared.parker);
}

static void await(void)
{
    MODEL_CHECK(mo_park(&shared.parker, MOIRAI_NEVER));
    MODEL_CHECK(shared.given == 1);
}

static void await_or_not(void)
{
    if (mo_park(&shared.parker, 1) || mo_park(&shared.parker, 1))
        MODEL_CHECK(shared.given == 1);
}

/* Elsewhere: in what remembers that it was ended, too. */
static __attribute__((no_sanitize("thread")))
void end_sleep(struct mo_parker *parker)
{
    (void)parker;
    model_may_take(&wakeup, 0, 1);
}

static void begin_elsewhere(void)
{
    begin();
    shared.parker.rouse = end_sleep;
}

static void await_elsewhere(void)
{
    if (mo_park_away(&shared.parker)) {
        model_take(&wakeup, 1, 0);
        mo_park_back(&shared.parker);
    }
    MODEL_CHECK(shared.given == 1);
}

/* What it sleeps in may end by itself. */
static void await_elsewhere_or_not(void)
{
    bool there = true;

    if (mo_park_away(&shared.parker)) {
        if (model_choose(2) == 1)
            model_take(&wakeup, 1, 0);
        there = mo_park_back(&shared.parker);
    }
    if (there)
        MODEL_CHECK(shared.given == 1);
}

static void give_idly(void)
{
    mo_unpark(&shared.parker);
}

static void await_both(void)
{
    mo_park(&shared.parker, MOIRAI_NEVER);
}

const struct model models[] = {
    { "parking until unparked", begin, { await, give }, NULL },
    { "parking for a time", begin_timed, { await_or_not, give }, NULL },
    { "sleeping elsewhere until unparked", begin_elsewhere,
      { await_elsewhere, give }, NULL },
    { "sleeping elsewhere for a time", begin_elsewhere,
      { await_elsewhere_or_not, give }, NULL },
    { "two who unpark", begin, { await_both, give_idly, give_idly }, NULL },
    { NULL, NULL, { NULL }, NULL }
};
