/* SPDX-License-Identifier: MIT */
/*
 * model_owned.c - a channel that a worker owns, and others who come by.
 *
 * The owner's half of the fence is the compiler's; the others' is a barrier,
 * after which every thread has fenced. Time flies: all tenures are over.
 *
 * About: core/chan.h, core/tenure.c.
 */
#include "world.h"

#include "chan.h"
#include "tenure.c"

static struct moirai_runtime runtime;
static struct mo_worker owner, other;
static struct mo_chan channel;
static uint32_t guarded;

/* Each look at it is long after the last. */
static int64_t clock_ns;

static __attribute__((no_sanitize("thread")))
int64_t late(struct mo_os *os)
{
    (void)os;
    return clock_ns += TENURE_NS;
}

static void begin(void)
{
    memset(&channel, 0, sizeof channel);
    memset(&owner, 0, sizeof owner);
    memset(&other, 0, sizeof other);
    model_be_outside();
    model_os.now = late;
    clock_ns = 0;
    runtime.os = &model_os;
    runtime.biased = true;
    runtime.worker_count = 2;
    owner.runtime = other.runtime = &runtime;
    channel.runtime = &runtime;
    channel.enough = 1;
    guarded = 0;
}

/* It has come once: the next time it becomes the owner. */
static void begin_fresh(void)
{
    begin();
    channel.last = &owner;
}

static void begin_owned(void)
{
    begin();
    channel.owner = &owner;
}

/* The tenure was worth it: the other worker's begins as this one ends. */
static void begin_worth(void)
{
    begin_owned();
    channel.sent = WORTH;
}

static void use(void)
{
    mo_chan_lock(&channel);
    guarded++;
    mo_chan_unlock(&channel);
}

static void own_twice(void)
{
    model_be(&owner);
    use();
    use();
}

static void own_once(void)
{
    model_be(&owner);
    use();
}

static void take_over(void)
{
    model_be(&other);
    use();
}

const struct model models[] = {
    { "its owner, and a thread", begin_owned, { own_twice, use }, NULL },
    { "its owner for the first time", begin_fresh, { own_twice, use }, NULL },
    { "two workers", begin_worth, { own_twice, take_over }, NULL },
    { "two workers, for the first time", begin_fresh,
      { own_twice, take_over }, NULL },
    { "its owner, and two threads", begin_owned, { own_once, use, use },
      NULL },
    { NULL, NULL, { NULL }, NULL }
};
