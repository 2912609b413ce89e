/* SPDX-License-Identifier: MIT */
/*
 * test_inherit.c - under the scheduler `prio`, who holds a mutex has the
 * highest priority of those who wait for it: so none of them waits for tasks
 * that are less urgent than it is, but for the owner.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>

#include "check.h"
#include "inherit.h"
#include "with.h"
#include "worker.h"

#define LOW 10
#define MIDDLE 100
#define HIGH 200

static const char *const one[] = { "scheduler.plugin=prio",
                                   "scheduler.order=strict",
                                   "runtime.workers=1", NULL };
static const char *const two[] = { "scheduler.plugin=prio",
                                   "scheduler.order=strict",
                                   "runtime.workers=2", NULL };
static const char *const four[] = { "scheduler.plugin=prio",
                                    "runtime.workers=4", NULL };

static unsigned my_priority(void)
{
    return mo_load_relaxed(&mo_here()->task->priority);
}

static void spawn_at(struct moirai_scope *scope, moirai_fn *fn, void *arg,
                     unsigned priority, int64_t deadline_ns)
{
    struct moirai_attr attr = MOIRAI_ATTR_INIT;

    attr.priority = priority;
    attr.deadline_ns = deadline_ns;
    CHECK_EQ(moirai_spawn_with(scope, fn, arg, &attr, NULL), 0);
}

/* --- inversion ------------------------------------------------------------ */

struct inversion {
    struct moirai_mutex first, second;
    struct moirai_event go;
    int held;                       /* flags */
    int waits;
    int done;
    bool chain;
    bool parked;                    /* the owner, while the other one comes */
};

static int own_low(void *arg)
{
    struct inversion *t = arg;

    CHECK_EQ(moirai_mutex_lock(&t->first, MOIRAI_NEVER), 0);
    with_set(&t->held, 1);
    if (t->parked)
        CHECK_EQ(moirai_event_wait(&t->go, MOIRAI_NEVER), 0);
    else
        CHECK_EQ(moirai_yield(), 0);
    CHECK_EQ(my_priority(), HIGH);
    CHECK_EQ(moirai_mutex_unlock(&t->first), 0);
    CHECK_EQ(my_priority(), LOW);
    return 0;
}

/* Holds what the urgent one wants, and wants what the other holds. */
static int stand_between(void *arg)
{
    struct inversion *t = arg;

    CHECK_EQ(moirai_mutex_lock(&t->second, MOIRAI_NEVER), 0);
    with_set(&t->held, 2);
    CHECK_EQ(moirai_mutex_lock(&t->first, MOIRAI_NEVER), 0);
    CHECK_EQ(my_priority(), HIGH);
    CHECK_EQ(moirai_mutex_unlock(&t->first), 0);
    CHECK_EQ(my_priority(), HIGH);
    CHECK_EQ(moirai_mutex_unlock(&t->second), 0);
    CHECK_EQ(my_priority(), LOW + 1);
    return 0;
}

static int want_high(void *arg)
{
    struct inversion *t = arg;
    struct moirai_mutex *mutex = t->chain ? &t->second : &t->first;

    with_set(&t->waits, 1);
    CHECK_EQ(moirai_mutex_lock(mutex, MOIRAI_NEVER), 0);
    CHECK_EQ(my_priority(), HIGH);
    CHECK_EQ(moirai_mutex_unlock(mutex), 0);
    with_set(&t->done, 1);
    return 0;
}

/* Lets nobody run who is less urgent, for long enough. */
static int hog(void *arg)
{
    const struct inversion *t = arg;

    for (int i = 0; i < 10000 && with_get(&t->done) == 0; i++)
        CHECK_EQ(moirai_yield(), 0);
    CHECK_FMT(with_get(&t->done), "the urgent one waits for me");
    return 0;
}

static int invert(void *arg)
{
    struct inversion *t = arg;
    struct moirai_scope scope;

    moirai_scope_begin(&scope, NULL, MOIRAI_NEVER);
    spawn_at(&scope, own_low, t, LOW, 0);
    while (with_get(&t->held) != 1)
        CHECK_EQ(moirai_sleep_until(moirai_after(10 * MOIRAI_US)), 0);
    if (t->chain)
        spawn_at(&scope, stand_between, t, LOW + 1, 0);
    while (t->chain && with_get(&t->held) != 2)
        CHECK_EQ(moirai_sleep_until(moirai_after(10 * MOIRAI_US)), 0);
    for (int i = 0; i < 3; i++)
        spawn_at(&scope, hog, t, MIDDLE, 0);
    spawn_at(&scope, want_high, t, HIGH, 0);
    if (t->parked) {
        while (with_get(&t->waits) == 0)
            CHECK_EQ(moirai_sleep_until(moirai_after(10 * MOIRAI_US)), 0);
        moirai_event_set(&t->go);
    }
    CHECK_EQ(moirai_scope_end(&scope), 0);
    return 0;
}

TEST(inherit, owner_that_waits_runs_as_soon_as_it_can)
{
    struct inversion t = { .parked = true, .go = MOIRAI_EVENT_INIT };

    with_as(one, invert, &t);
}

TEST(inherit, chain_is_followed_to_its_end)
{
    struct inversion t = { .parked = true, .chain = true,
                           .go = MOIRAI_EVENT_INIT };

    with_as(one, invert, &t);
}

/* It is ready, behind the hogs, when the urgent one comes. */
static int own_and_be_queued(void *arg)
{
    struct inversion *t = arg;

    CHECK_EQ(moirai_mutex_lock(&t->first, MOIRAI_NEVER), 0);
    with_set(&t->held, 1);
    CHECK_EQ(moirai_event_wait(&t->go, MOIRAI_NEVER), 0);
    CHECK_EQ(my_priority(), HIGH);
    CHECK_EQ(moirai_mutex_unlock(&t->first), 0);
    CHECK_EQ(my_priority(), LOW);
    return 0;
}

static int invert_queued(void *arg)
{
    struct inversion *t = arg;
    struct moirai_scope scope;

    moirai_scope_begin(&scope, NULL, MOIRAI_NEVER);
    spawn_at(&scope, own_and_be_queued, t, LOW, 0);
    while (with_get(&t->held) != 1)
        CHECK_EQ(moirai_sleep_until(moirai_after(10 * MOIRAI_US)), 0);
    for (int i = 0; i < 3; i++)
        spawn_at(&scope, hog, t, MIDDLE, 0);
    moirai_event_set(&t->go);
    spawn_at(&scope, want_high, t, HIGH, 0);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    return 0;
}

TEST(inherit, owner_that_is_queued_is_moved)
{
    struct inversion t = { .go = MOIRAI_EVENT_INIT };

    with_as(one, invert_queued, &t);
}

/* --- up and down again ---------------------------------------------------- */

struct held {
    struct moirai_mutex a, b;
    int waiting;
    int result;
};

static int want_a(void *arg)
{
    struct held *h = arg;

    h->result = moirai_mutex_lock(&h->a, MOIRAI_NEVER);
    return h->result == 0 ? moirai_mutex_unlock(&h->a) : 0;
}

static int want_b(void *arg)
{
    struct held *h = arg;

    CHECK_EQ(moirai_mutex_lock(&h->b, MOIRAI_NEVER), 0);
    return moirai_mutex_unlock(&h->b);
}

/* The owner, who has spawned somebody who will wait. */
static void yield_until(unsigned priority)
{
    while (my_priority() != priority)
        CHECK_EQ(moirai_yield(), 0);
}

static int hold_both(void *arg)
{
    struct held h = { .waiting = 0 };
    struct moirai_scope scope;
    unsigned own = my_priority();

    (void)arg;
    CHECK_EQ(moirai_mutex_lock(&h.a, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_mutex_lock(&h.b, MOIRAI_NEVER), 0);
    moirai_scope_begin(&scope, NULL, MOIRAI_NEVER);
    spawn_at(&scope, want_a, &h, own + 20, 0);
    yield_until(own + 20);
    spawn_at(&scope, want_b, &h, own + 40, 0);
    yield_until(own + 40);
    spawn_at(&scope, want_a, &h, own + 30, 0);
    spawn_at(&scope, want_b, &h, own + 50, 0);
    yield_until(own + 50);
    CHECK_EQ(moirai_mutex_unlock(&h.b), 0);
    CHECK(my_priority() == own + 20 || my_priority() == own + 30);
    yield_until(own + 30);
    CHECK_EQ(moirai_mutex_unlock(&h.a), 0);
    CHECK_EQ(my_priority(), own);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    CHECK_EQ(my_priority(), own);
    return 0;
}

TEST(inherit, each_mutex_counts_until_it_is_unlocked)
{
    with_as(one, hold_both, NULL);
    with_as(two, hold_both, NULL);
    with_as(four, hold_both, NULL);
}

/* One waits in vain, by its deadline; the next by a cancellation. */
static int lose_those_who_wait(void *arg)
{
    struct held h = { .waiting = 0 };
    struct moirai_scope scope;
    unsigned own = my_priority();

    (void)arg;
    CHECK_EQ(moirai_mutex_lock(&h.a, MOIRAI_NEVER), 0);
    moirai_scope_begin(&scope, NULL, MOIRAI_NEVER);
    spawn_at(&scope, want_a, &h, own + 60, moirai_after(2 * MOIRAI_MS));
    while (my_priority() != own + 60 && h.result == 0)
        CHECK_EQ(moirai_yield(), 0);
    yield_until(own);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    CHECK_EQ(h.result, -ETIMEDOUT);
    h.result = 0;
    moirai_scope_begin(&scope, NULL, MOIRAI_NEVER);
    spawn_at(&scope, want_a, &h, own + 60, 0);
    yield_until(own + 60);
    moirai_scope_cancel(&scope);
    yield_until(own);
    CHECK_EQ(moirai_scope_end(&scope), -ECANCELED);
    CHECK_EQ(h.result, -ECANCELED);
    return moirai_mutex_unlock(&h.a);
}

TEST(inherit, who_gives_up_takes_its_priority_along)
{
    with_as(one, lose_those_who_wait, NULL);
    with_as(two, lose_those_who_wait, NULL);
}

/* The next owner has that of those who still wait, whoever came first. */
struct row {
    struct moirai_mutex mutex;
    int count;
    unsigned seen[3];
    unsigned own[3];
};

static int take_turn(void *arg)
{
    struct row *row = arg;
    unsigned own = my_priority();
    int i;

    CHECK_EQ(moirai_mutex_lock(&row->mutex, MOIRAI_NEVER), 0);
    i = row->count++;
    row->seen[i] = my_priority();
    row->own[i] = own;
    CHECK_EQ(moirai_mutex_unlock(&row->mutex), 0);
    CHECK_EQ(my_priority(), own);
    return 0;
}

static int pass_down_the_row(void *arg)
{
    struct row row = { .count = 0 };
    struct moirai_scope scope;
    unsigned own = my_priority();

    (void)arg;
    CHECK_EQ(moirai_mutex_lock(&row.mutex, MOIRAI_NEVER), 0);
    moirai_scope_begin(&scope, NULL, MOIRAI_NEVER);
    spawn_at(&scope, take_turn, &row, own + 1, 0);
    yield_until(own + 1);
    spawn_at(&scope, take_turn, &row, own + 3, 0);
    yield_until(own + 3);
    spawn_at(&scope, take_turn, &row, own + 4, 0);
    yield_until(own + 4);
    CHECK_EQ(moirai_mutex_unlock(&row.mutex), 0);
    CHECK_EQ(my_priority(), own);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    CHECK_EQ(row.own[0], own + 1);
    CHECK_EQ(row.own[1], own + 3);
    CHECK_EQ(row.own[2], own + 4);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(row.seen[i], own + 4);
    return 0;
}

TEST(inherit, next_owner_inherits_from_those_behind_it)
{
    with_as(one, pass_down_the_row, NULL);
}

/* A task that never waited holds a mutex, and is found raised when it does. */
struct fresh {
    struct held held;
    int started;
};

static int want_at_once(void *arg)
{
    struct fresh *f = arg;

    with_set(&f->started, 1);
    return want_a(&f->held);
}

static int hold_fresh(void *arg)
{
    struct fresh *f = arg;
    unsigned own = my_priority();

    CHECK_EQ(moirai_mutex_lock(&f->held.a, MOIRAI_NEVER), 0);
    spawn_at(NULL, want_at_once, f, HIGH, 0);
    while (with_get(&f->started) == 0
           || mo_load(&mo_liens) == 0)
        sched_yield();
    CHECK_EQ(moirai_yield(), 0);
    CHECK_EQ(my_priority(), HIGH);
    CHECK_EQ(moirai_mutex_unlock(&f->held.a), 0);
    CHECK_EQ(my_priority(), own);
    return 0;
}

static int begin_fresh(void *arg)
{
    struct moirai_scope scope;

    moirai_scope_begin(&scope, NULL, MOIRAI_NEVER);
    spawn_at(&scope, hold_fresh, arg, LOW, 0);
    return moirai_scope_end(&scope);
}

TEST(inherit, owner_that_never_waited_is_raised_when_it_does)
{
    struct fresh fresh = { .started = 0 };

    with_as(two, begin_fresh, &fresh);
}

/* --- all of it at once ---------------------------------------------------- */

#define CROWD 24
#define LOCKS 4

struct crowd {
    struct moirai_mutex locks[LOCKS];
    unsigned inside[LOCKS];
    unsigned rounds;
    int stop;
};

static void in_and_out(struct crowd *c, unsigned i)
{
    CHECK_EQ(with_add(&c->inside[i], 1), 1);
    if (i % 2 == 0)
        moirai_yield();
    CHECK_EQ(with_add(&c->inside[i], -1U), 0);
}

/* Two of the mutexes at a time, in order; some waits end by time. Who holds
 * nothing has its own priority. */
static int lock_around(void *arg)
{
    struct crowd *c = arg;
    unsigned own = my_priority();
    unsigned at = own;

    for (unsigned round = 0; round < c->rounds; round++) {
        unsigned low = at++ % (LOCKS - 1);
        unsigned high = low + 1 + at % (LOCKS - 1 - low);
        int64_t until = at % 3 == 0 ? moirai_after(20 * MOIRAI_US)
                                    : MOIRAI_NEVER;

        CHECK_EQ(my_priority(), own);
        if (moirai_mutex_lock(&c->locks[low], until) != 0)
            continue;
        if (moirai_mutex_lock(&c->locks[high], until) == 0) {
            in_and_out(c, high);
            CHECK_EQ(moirai_mutex_unlock(&c->locks[high]), 0);
        }
        in_and_out(c, low);
        CHECK(my_priority() >= own);
        CHECK_EQ(moirai_mutex_unlock(&c->locks[low]), 0);
    }
    return 0;
}

/* Owner and waiter without a priority. */
static void *lock_as_thread(void *arg)
{
    struct crowd *c = arg;

    for (unsigned i = 0; with_get(&c->stop) == 0; i++) {
        unsigned k = i % LOCKS;

        if (moirai_mutex_lock(&c->locks[k], MOIRAI_NEVER) != 0)
            continue;
        CHECK_EQ(with_add(&c->inside[k], 1), 1);
        CHECK_EQ(with_add(&c->inside[k], -1U), 0);
        CHECK_EQ(moirai_mutex_unlock(&c->locks[k]), 0);
        sched_yield();
    }
    return NULL;
}

static int crowd(void *arg)
{
    struct crowd *c = arg;
    struct moirai_scope scope;

    moirai_scope_begin(&scope, NULL, MOIRAI_NEVER);
    for (unsigned i = 0; i < CROWD; i++)
        spawn_at(&scope, lock_around, c, 1 + i * 10, 0);
    return moirai_scope_end(&scope);
}

static void crowd_as(const char *const *set)
{
    struct crowd c = { .rounds = with_times(200) };
    pthread_t thread;

    CHECK_EQ(pthread_create(&thread, NULL, lock_as_thread, &c), 0);
    with_as(set, crowd, &c);
    with_set(&c.stop, 1);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    CHECK_EQ(mo_liens, 0);
}

TEST(inherit, crowd_has_its_own_priorities_after_all)
{
    crowd_as(one);
    crowd_as(two);
    crowd_as(four);
}

/* Where nobody asks for it, priorities stay as they are. */
static int keep_own(void *arg)
{
    struct crowd c = { .rounds = 20 };

    (void)arg;
    return crowd(&c);
}

TEST(inherit, others_are_left_alone)
{
    with_each(keep_own, NULL);
    with_seeds(20, keep_own, NULL);
}
