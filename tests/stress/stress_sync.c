/* SPDX-License-Identifier: MIT */
/*
 * stress_sync.c - a few around each primitive, of whom some give up by time and
 * some are cancelled: what it promises is kept all the same.
 */
#include "stress.h"

#define CROWD 5
#define TURNS 30

/* What those of a crowd share: whatever one of the acts needs of it. */
struct table {
    struct moirai_mutex mutex;
    struct moirai_cond filled, emptied;
    struct moirai_rwlock rwlock;
    struct moirai_semaphore semaphore;
    struct moirai_barrier barrier;
    struct moirai_event event;
    struct moirai_latch latch;
    struct moirai_waitgroup group;
    struct moirai_once once;
    struct moirai_future *future;
    uint64_t a, b;                  /* plain, of whoever has it alone */
    uint32_t inside;                /* atomic */
    uint32_t most;
    uint64_t in, out;               /* atomic */
    uint64_t winner;                /* atomic: of the future, from 1 */
};

struct seat {
    struct table *table;
    struct dice dice;
    uint32_t me;
};

/* Has `n` sit down to do it, some of them only for a while; until all went. */
static void sit_down(struct table *table, struct dice *dice, uint32_t n,
                     moirai_fn *fn)
{
    struct seat seats[CROWD];
    struct moirai_scope scope;
    uint32_t how = roll(dice, 6);

    CHECK(n <= CROWD);
    CHECK_EQ(moirai_scope_begin(&scope, stress_rt, how != 0 ? MOIRAI_NEVER
             : moirai_after(roll(dice, 300) * MOIRAI_US)), 0);
    for (uint32_t i = 0; i < n; i++) {
        seats[i] = (struct seat){ table, dice_for(dice, i), i };
        if (moirai_spawn(&scope, fn, &seats[i]) != 0)
            CHECK_EQ(how, 0);       /* the time has come already */
    }
    for (uint32_t i = roll(dice, 6); i > 0; i--)
        moirai_yield();
    if (how == 1)
        moirai_scope_cancel(&scope);
    moirai_scope_end(&scope);
    moved();
}

/* --- mutex and condition: a buffer of a few places ------------------------ */

#define PLACES 3

/* True: it is the caller's. */
static bool lock(struct seat *s)
{
    int rc = moirai_mutex_lock(&s->table->mutex, some_time(&s->dice));

    CHECK(rc == 0 || gave_up(rc));
    if (rc == 0)
        stress_count(locked, 1);
    return rc == 0;
}

static void unlock(struct seat *s)
{
    CHECK_EQ(moirai_mutex_unlock(&s->table->mutex), 0);
}

/* The mutex is the caller's before and after. True: it may go on. */
static bool until_room(struct seat *s, bool fills)
{
    struct table *t = s->table;
    int rc = 0;

    while (rc == 0 && t->a - t->b == (fills ? PLACES : 0))
        rc = moirai_cond_wait(fills ? &t->emptied : &t->filled, &t->mutex,
                              moirai_after(roll(&s->dice, 100) * MOIRAI_US));
    CHECK(rc == 0 || gave_up(rc));
    return t->a - t->b != (fills ? PLACES : 0);
}

static int fill_or_empty(void *arg)
{
    struct seat *s = arg;
    struct table *t = s->table;
    bool fills = s->me % 2 == 0;

    for (int i = 0; i < TURNS; i++) {
        if (!lock(s))
            continue;
        if (until_room(s, fills)) {
            *(fills ? &t->a : &t->b) += 1;
            CHECK(t->a >= t->b && t->a - t->b <= PLACES);
            with_add(fills ? &t->in : &t->out, 1);
            if (roll(&s->dice, 4) == 0)
                moirai_cond_broadcast(fills ? &t->filled : &t->emptied);
            else
                moirai_cond_signal(fills ? &t->filled : &t->emptied);
        }
        unlock(s);
    }
    return 0;
}

void stress_buffer(struct dice *dice)
{
    struct table t = { .mutex = MOIRAI_MUTEX_INIT };

    sit_down(&t, dice, 2 + roll(dice, CROWD - 1), fill_or_empty);
    CHECK_EQ(t.a, t.in);
    CHECK_EQ(t.b, t.out);
    CHECK_EQ(moirai_mutex_lock(&t.mutex, MOIRAI_NOW), 0);
    CHECK_EQ(moirai_mutex_unlock(&t.mutex), 0);
}

/* --- reader-writer lock --------------------------------------------------- */

static int read_or_write(void *arg)
{
    struct seat *s = arg;
    struct table *t = s->table;
    struct moirai_hold hold;

    for (int i = 0; i < TURNS; i++) {
        bool writes = roll(&s->dice, 3) == 0;
        int64_t until = some_time(&s->dice);
        int rc = writes ? moirai_rwlock_write(&t->rwlock, &hold, until)
                        : moirai_rwlock_read(&t->rwlock, &hold, until);

        CHECK(rc == 0 || gave_up(rc));
        if (rc != 0)
            continue;
        stress_count(locked, 1);
        if (writes) {
            CHECK_EQ(with_add(&t->inside, 1), 1);
            t->a++;
            if (roll(&s->dice, 3) == 0)
                moirai_yield();
            t->b++;
            with_add(&t->in, 1);
            with_add(&t->inside, -1);
            if (roll(&s->dice, 2) == 0)
                CHECK_EQ(moirai_rwlock_downgrade(&t->rwlock, &hold), 0);
        } else {
            CHECK_EQ(with_get(&t->inside), 0);
            CHECK_EQ(t->a, t->b);
        }
        CHECK_EQ(moirai_rwlock_unlock(&t->rwlock, &hold), 0);
    }
    return 0;
}

void stress_rwlock(struct dice *dice)
{
    struct table t = { .rwlock = MOIRAI_RWLOCK_INIT };
    struct moirai_hold hold;

    sit_down(&t, dice, CROWD, read_or_write);
    CHECK_EQ(t.a, t.in);
    CHECK_EQ(t.b, t.in);
    CHECK_EQ(moirai_rwlock_write(&t.rwlock, &hold, MOIRAI_NOW), 0);
    CHECK_EQ(moirai_rwlock_unlock(&t.rwlock, &hold), 0);
}

/* --- semaphore ------------------------------------------------------------ */

static int hold_some(void *arg)
{
    struct seat *s = arg;
    struct table *t = s->table;

    for (int i = 0; i < TURNS; i++) {
        uint32_t n = 1 + roll(&s->dice, t->most);
        int rc = moirai_semaphore_wait(&t->semaphore, n, some_time(&s->dice));

        CHECK(rc == 0 || gave_up(rc));
        if (rc != 0)
            continue;
        CHECK(with_add(&t->inside, n) <= t->most);
        if (roll(&s->dice, 3) == 0)
            moirai_yield();
        with_add(&t->inside, -n);
        CHECK_EQ(moirai_semaphore_post(&t->semaphore, n), 0);
        stress_count(locked, 1);
    }
    return 0;
}

void stress_semaphore(struct dice *dice)
{
    uint32_t most = 1 + roll(dice, 4);
    struct table t = { .semaphore = MOIRAI_SEMAPHORE_INIT(most),
                       .most = most };

    sit_down(&t, dice, CROWD, hold_some);
    CHECK_EQ(moirai_semaphore_wait(&t.semaphore, most, MOIRAI_NOW), 0);
    CHECK_EQ(moirai_semaphore_wait(&t.semaphore, 1, MOIRAI_NOW), -EAGAIN);
}

/* --- barrier -------------------------------------------------------------- */

/* Who passes has seen all others of the round come; who gives up breaks it. */
static int pass(void *arg)
{
    struct seat *s = arg;
    struct table *t = s->table;

    for (uint64_t round = 1; round <= TURNS; round++) {
        int64_t until = roll(&s->dice, 40) == 0
                      ? moirai_after(20 * MOIRAI_US) : MOIRAI_NEVER;
        int rc;

        with_add(&t->in, 1);
        rc = moirai_barrier_wait(&t->barrier, until);
        CHECK(rc == 0 || rc == MOIRAI_BARRIER_LAST || rc == -EPIPE
              || rc == -ETIMEDOUT || rc == -ECANCELED);
        if (rc < 0)
            return 0;
        CHECK(with_get(&t->in) >= round * t->most);
        if (rc == MOIRAI_BARRIER_LAST)
            with_add(&t->out, 1);
        stress_count(passed, 1);
    }
    return 0;
}

void stress_barrier(struct dice *dice)
{
    uint32_t most = 2 + roll(dice, CROWD - 1);
    struct table t = { .barrier = MOIRAI_BARRIER_INIT(most), .most = most };
    bool all;

    /* Not all may be there, if the time comes before they are spawned. */
    sit_down(&t, dice, most, pass);
    all = t.out == TURNS;
    CHECK(t.out <= TURNS);
    CHECK(!all || t.in == (uint64_t)TURNS * most);
    moirai_barrier_reset(&t.barrier);
    CHECK_EQ(moirai_barrier_wait(&t.barrier, MOIRAI_NOW), -EAGAIN);
}

/* --- event, latch, wait group --------------------------------------------- */

/* All of them say that something is done; who sees it sees what was before. */
static int tell_and_wait(void *arg)
{
    struct seat *s = arg;
    struct table *t = s->table;
    int rc;

    with_add(&t->in, 1);
    CHECK_EQ(moirai_latch_arrive(&t->latch, 1), 0);
    rc = moirai_latch_wait(&t->latch, s->me == 0 ? MOIRAI_NEVER
                                                : some_time(&s->dice));
    CHECK(rc == 0 || gave_up(rc));
    CHECK(rc != 0 || with_get(&t->in) == t->most);
    if (s->me == 0 && rc == 0) {    /* if not, all have been cancelled */
        t->a = 1;
        moirai_event_set(&t->event);
    }
    rc = moirai_event_wait(&t->event, some_time(&s->dice));
    CHECK(rc == 0 || gave_up(rc));
    CHECK(rc != 0 || t->a == 1);
    with_add(&t->out, 1);
    CHECK_EQ(moirai_waitgroup_done(&t->group), 0);
    rc = moirai_waitgroup_wait(&t->group, some_time(&s->dice));
    CHECK(rc == 0 || gave_up(rc));
    CHECK(rc != 0 || with_get(&t->out) == t->most);
    if (rc == 0)
        stress_count(passed, 1);
    return 0;
}

void stress_gates(struct dice *dice)
{
    struct table t = { .latch = MOIRAI_LATCH_INIT(CROWD), .most = CROWD };
    struct seat seats[CROWD];
    struct moirai_scope scope;

    CHECK_EQ(moirai_waitgroup_add(&t.group, CROWD), 0);
    CHECK_EQ(moirai_scope_begin(&scope, stress_rt, MOIRAI_NEVER), 0);
    for (uint32_t i = 0; i < CROWD; i++) {
        seats[i] = (struct seat){ &t, dice_for(dice, i), i };
        CHECK_EQ(moirai_spawn(&scope, tell_and_wait, &seats[i]), 0);
    }
    CHECK_EQ(moirai_latch_wait(&t.latch, MOIRAI_NEVER), 0);
    if (roll(dice, 3) == 0)
        moirai_scope_cancel(&scope);
    moirai_scope_end(&scope);
    CHECK_EQ(t.in, CROWD);
    CHECK_EQ(t.out, CROWD);
    CHECK_EQ(moirai_waitgroup_wait(&t.group, MOIRAI_NOW), 0);
    moved();
}

/* --- once ----------------------------------------------------------------- */

static int do_it(void *arg)
{
    struct table *t = arg;
    uint64_t turn = ++t->a;         /* nobody else is in here */

    moirai_yield();
    CHECK_EQ(t->a, turn);
    if (turn < t->most)
        return -EIO;
    t->b = turn;
    return 0;
}

static int need_it(void *arg)
{
    struct seat *s = arg;
    struct table *t = s->table;

    for (int i = 0; i < TURNS; i++) {
        int rc = moirai_once_do(&t->once, do_it, t, some_time(&s->dice));

        CHECK(rc == 0 || rc == -EIO || gave_up(rc));
        CHECK(rc != 0 || t->b == t->most);
        if (rc == 0)
            stress_count(passed, 1);
    }
    return 0;
}

void stress_once(struct dice *dice)
{
    struct table t = { .most = 1 + roll(dice, 4) };

    sit_down(&t, dice, CROWD, need_it);
    while (moirai_once_do(&t.once, do_it, &t, MOIRAI_NEVER) != 0)
        continue;
    CHECK_EQ(t.a, t.most);
    CHECK_EQ(t.b, t.most);
}

/* --- future --------------------------------------------------------------- */

/* One of them wins, whoever waits gets what that one has given. */
static int give_or_get(void *arg)
{
    struct seat *s = arg;
    struct table *t = s->table;
    uint64_t value = s->me + 1;
    int rc;

    if (s->me % 2 == 0) {
        rc = moirai_future_set(moirai_future_get(t->future), &value);
        CHECK(rc == 0 || rc == -EALREADY);
        if (rc == 0) {
            CHECK_EQ(with_add(&t->in, 1), 1);
            with_set(&t->winner, s->me + 1);
        }
    }
    value = 0;
    rc = moirai_future_wait(t->future, some_time(&s->dice), &value);
    CHECK(rc == 0 || gave_up(rc));
    if (rc == 0) {
        CHECK(value > 0 && value <= CROWD && value % 2 == 1);
        CHECK_EQ(*(uint64_t *)moirai_future_value(t->future), value);
        with_add(&t->out, value);
        with_add(&t->inside, 1);
    }
    return 0;
}

void stress_future(struct dice *dice)
{
    struct table t = { .in = 0 };
    uint64_t last = 1;

    CHECK_EQ(moirai_future_make(sizeof last, NULL, &t.future), 0);
    sit_down(&t, dice, 1 + roll(dice, CROWD), give_or_get);
    if (moirai_future_set(t.future, &last) == 0)
        t.winner = last;
    CHECK_EQ(moirai_future_wait(t.future, MOIRAI_NEVER, &last), 0);
    CHECK_EQ(last, t.winner);
    CHECK_EQ(t.out, t.inside * last);
    moirai_future_put(t.future);
    stress_count(resolved, 1);
}
