/* SPDX-License-Identifier: MIT */
/*
 * test_cancel.c - cancelling a scope with 1,000 tasks in every kind of wait:
 * it ends at once, and nobody touches memory that was lent after that.
 *
 * Everything that waits uses memory of the cancelled tasks' own stacks, or of
 * the scope's owner, who wipes it as soon as the scope has ended.
 */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "with.h"

#define TASKS 1000

struct place {                      /* where they wait; the owner's memory */
    struct moirai_mutex mutex;
    struct moirai_chan *full, *empty, *rendezvous;
    struct moirai_handle *sleeper;
    int open;                       /* lets blocked calls go on */
    int waiting;                    /* tasks that have got as far as that */
    int blocked;                    /* calls that a thread has taken up */
    int wrong;                      /* waits that ended in another way */
};

static void note(struct place *p, int rc)
{
    if (rc != -ECANCELED)
        with_add(&p->wrong, 1);
}

static int wait_sleep(void *arg)
{
    struct place *p = arg;

    with_add(&p->waiting, 1);
    note(p, moirai_sleep_until(MOIRAI_NEVER));
    note(p, moirai_sleep_until(moirai_after(3600 * MOIRAI_S)));
    return 0;
}

static int wait_handle(void *arg)
{
    struct place *p = arg;
    int rc;

    with_add(&p->waiting, 1);
    rc = moirai_handle_join(p->sleeper, MOIRAI_NEVER, NULL);
    if (rc != 0)                    /* the sleeper may have ended already */
        note(p, rc);
    return 0;
}

static int lend_frame(void *arg)
{
    struct place *p = *(struct place **)arg;

    note(p, moirai_sleep_until(MOIRAI_NEVER));
    *(volatile void **)arg = NULL;  /* still there */
    return 3;
}

/* Its fork is stolen, or becomes a task when it yields. */
static int wait_frame(void *arg)
{
    struct place *p = arg;
    struct place *lent = p;
    struct moirai_frame frame;

    moirai_fork(&frame, lend_frame, &lent);
    with_add(&p->waiting, 1);
    moirai_yield();
    if (moirai_join(&frame) != 3 || lent != NULL)
        with_add(&p->wrong, 1);
    return 0;
}

static int wait_scope(void *arg)
{
    struct place *p = arg;
    struct moirai_scope scope;

    if (moirai_scope_begin(&scope, NULL, MOIRAI_NEVER) != 0)
        with_add(&p->wrong, 1);
    moirai_spawn(&scope, wait_sleep, p);
    note(p, moirai_scope_end(&scope));
    return 0;
}

static int wait_mutex(void *arg)
{
    struct place *p = arg;

    with_add(&p->waiting, 1);
    note(p, moirai_mutex_lock(&p->mutex, MOIRAI_NEVER));
    return 0;
}

struct call {                       /* lent to a thread */
    struct place *place;
    char bytes[64];
};

static int stay_blocked(void *arg)
{
    struct call *call = arg;

    with_add(&call->place->blocked, 1);
    while (with_get(&call->place->open) == 0)
        sched_yield();
    memset(call->bytes, 1, sizeof call->bytes);
    return 5;
}

static int wait_block(void *arg)
{
    struct place *p = arg;
    struct call call = { p, { 0 } };
    int rc;

    with_add(&p->waiting, 1);
    rc = moirai_block(stay_blocked, &call);
    if (rc == 5 && call.bytes[63] == 1)
        return 0;                   /* a thread had it: it was waited for */
    note(p, rc);
    return 0;
}

static int wait_send(void *arg)
{
    struct place *p = arg;
    int message = 1;

    with_add(&p->waiting, 1);
    note(p, moirai_chan_send(p->full, &message, MOIRAI_NEVER));
    note(p, moirai_chan_send(p->rendezvous, &message, MOIRAI_NEVER));
    return 0;
}

static int wait_recv(void *arg)
{
    struct place *p = arg;
    int message[4];

    with_add(&p->waiting, 1);
    note(p, moirai_chan_recv(p->empty, message, MOIRAI_NEVER));
    note(p, (int)moirai_chan_recv_batch(p->empty, message, 2, 4,
                                        MOIRAI_NEVER));
    return 0;
}

static int wait_yield(void *arg)
{
    struct place *p = arg;

    with_add(&p->waiting, 1);
    while (moirai_yield() == 0)
        continue;
    return moirai_cancelled() ? 0 : -EINVAL;
}

static moirai_fn *const waits[] = {
    wait_sleep, wait_handle, wait_frame, wait_scope, wait_mutex, wait_block,
    wait_send, wait_recv, wait_yield,
};

#define KINDS (sizeof waits / sizeof waits[0])

static void make_channels(struct moirai_runtime *rt, struct place *p)
{
    static const char *const one[] = { "capacity=1", NULL };
    static const char *const none[] = { "capacity=0", NULL };
    struct moirai_elem elem = MOIRAI_ELEM(int);
    int message = 0;

    CHECK_EQ(moirai_chan_make(rt, NULL, one, &elem, &p->full, NULL), 0);
    CHECK_EQ(moirai_chan_make(rt, NULL, one, &elem, &p->empty, NULL), 0);
    CHECK_EQ(moirai_chan_make(rt, NULL, none, &elem, &p->rendezvous, NULL),
             0);
    CHECK_EQ(moirai_chan_send(p->full, &message, MOIRAI_NOW), 0);
}

/* The owner of all that the others wait for. `early`: they are cancelled while
 * they begin to wait. */
static void cancel_all(int tasks, bool early)
{
    struct place *p = calloc(1, sizeof *p);
    struct moirai_scope scope;
    int64_t began;

    make_channels(moirai_runtime_self(), p);
    CHECK_EQ(moirai_mutex_lock(&p->mutex, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn_with(&scope, wait_sleep, p, NULL, &p->sleeper), 0);
    for (int i = 0; i < tasks; i++)
        CHECK_EQ(moirai_spawn(&scope, waits[(unsigned)i % KINDS], p), 0);
    while (!early && with_get(&p->waiting) < tasks)
        moirai_yield();
    began = moirai_now();
    moirai_scope_cancel(&scope);
    with_set(&p->open, 1);
    CHECK_EQ(moirai_scope_end(&scope), -ECANCELED);
    CHECK_FMT(moirai_now() - began < 5 * CHECK_SLOWDOWN * MOIRAI_S,
              "the scope did not end at once");
    CHECK_EQ(p->wrong, 0);
    CHECK_EQ(moirai_mutex_unlock(&p->mutex), 0);
    moirai_handle_put(p->sleeper);
    moirai_chan_put(p->full);
    moirai_chan_put(p->empty);
    moirai_chan_put(p->rendezvous);
    memset(p, 0xff, sizeof *p);
    free(p);
}

static int cancel_late(void *arg)
{
    (void)arg;
    cancel_all(TASKS, false);
    return 0;
}

TEST(cancel, ends_1000_tasks_in_every_kind_of_wait)
{
    with_each(cancel_late, NULL);
}

static int cancel_early(void *arg)
{
    (void)arg;
    for (unsigned i = 0; i < with_times(20); i++)
        cancel_all(TASKS / 10, true);
    return 0;
}

TEST(cancel, ends_tasks_that_are_about_to_wait)
{
    with_each(cancel_early, NULL);
}

/* Under the simulator a blocking call runs inline, so it must not block. */
static int cancel_simulated(void *arg)
{
    (void)arg;
    cancel_all(0, true);
    return 0;
}

TEST(cancel, of_an_empty_scope_is_an_error_all_the_same)
{
    with_each(cancel_simulated, NULL);
}

/* --- in every order ------------------------------------------------------ */

static void cancel_seeded(bool early)
{
    struct place place = { .wrong = 0 };
    struct moirai_scope scope;
    int tasks = 0;

    make_channels(moirai_runtime_self(), &place);
    CHECK_EQ(moirai_mutex_lock(&place.mutex, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn_with(&scope, wait_sleep, &place, NULL,
                               &place.sleeper), 0);
    for (unsigned i = 0; i < 2 * KINDS; i++) {
        if (waits[i % KINDS] == wait_block)
            continue;
        CHECK_EQ(moirai_spawn(&scope, waits[i % KINDS], &place), 0);
        tasks++;
    }
    while (!early && place.waiting < tasks)
        moirai_yield();
    moirai_scope_cancel(&scope);
    CHECK_EQ(moirai_scope_end(&scope), -ECANCELED);
    CHECK_EQ(place.wrong, 0);
    CHECK_EQ(moirai_mutex_unlock(&place.mutex), 0);
    moirai_handle_put(place.sleeper);
    moirai_chan_put(place.full);
    moirai_chan_put(place.empty);
    moirai_chan_put(place.rendezvous);
    memset(&place, 0xff, sizeof place);
}

static int cancel_in_order(void *arg)
{
    (void)arg;
    cancel_seeded(false);
    cancel_seeded(true);
    return 0;
}

TEST(cancel, ends_all_waits_whatever_the_order)
{
    with_seeds(1000, cancel_in_order, NULL);
}

/* --- by another thread --------------------------------------------------- */

TEST(cancel, may_come_from_a_plain_thread)
{
    struct moirai_runtime *rt = with_workers(2);
    struct place place = { .wrong = 0 };
    struct moirai_scope scope;

    for (unsigned round = 0; round < with_times(50); round++) {
        CHECK_EQ(moirai_scope_begin(&scope, rt, MOIRAI_NEVER), 0);
        for (int i = 0; i < 50; i++)
            CHECK_EQ(moirai_spawn(&scope, wait_scope, &place), 0);
        moirai_scope_cancel(&scope);
        CHECK_EQ(moirai_scope_end(&scope), -ECANCELED);
    }
    CHECK_EQ(place.wrong, 0);
    with_end(rt);
}
