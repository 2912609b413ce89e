/* SPDX-License-Identifier: MIT */
/*
 * stress.c - everything at once, for a while: nothing hangs, nothing is lost,
 * nothing is left.
 *
 * Some tasks and some plain threads do one random thing after another; each
 * checks what it did. Once a second it is looked whether anything still moves:
 * if nothing has for STILL seconds, the tasks are shown and the program aborts.
 *
 * MO_STRESS_SECONDS says for how long (10; 60 in check-long), MOIRAI_WORKERS
 * on how many workers (8), MO_STRESS_SEED where chance begins.
 */
#include "stress.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "mem.h"

#define STILL (20 * CHECK_SLOWDOWN)
#define ACTORS 12                   /* tasks that do one thing after another */
#define THREADS 3                   /* plain threads that do the same */
#define MUTEXES 4

struct moirai_runtime *stress_rt;
uint64_t stress_progress;
struct stress_totals stress_totals;

static int stop;
static struct moirai_mutex mutexes[MUTEXES];
static uint64_t guarded[MUTEXES];   /* by the mutex */
static uint64_t counted[MUTEXES];   /* atomic: the same, by those who did it */
static struct moirai_chan *shared;  /* anybody sends here, drains receive */
static uint64_t shared_sent, shared_received;

/* --- what a task can do -------------------------------------------------- */

struct tally {                      /* of the tasks of one scope */
    int ended;
    uint32_t kind;
};

static int end_well(struct tally *t)
{
    with_add(&t->ended, 1);
    moved();
    return 0;
}

static int just_run(void *arg)
{
    return end_well(arg);
}

static int yield_some(void *arg)
{
    for (int i = 0; i < 3; i++)
        moirai_yield();
    return end_well(arg);
}

static int sleep_some(void *arg)
{
    moirai_sleep_until(moirai_after(50 * MOIRAI_US));
    return end_well(arg);
}

static int one_more(void *arg)
{
    with_add((int *)arg, 1);
    return 0;
}

static int block_some(void *arg)
{
    int calls = 0;

    if (moirai_block(one_more, &calls) == 0)
        CHECK_EQ(calls, 1);
    else
        CHECK_EQ(calls, 0);
    return end_well(arg);
}

static int lock_some(void *arg)
{
    struct tally *t = arg;
    uint32_t at = t->kind % MUTEXES;
    int rc = moirai_mutex_lock(&mutexes[at], moirai_after(MOIRAI_MS));
    uint64_t seen;

    if (rc == 0 || rc == -EOWNERDEAD) {
        seen = guarded[at];
        if (t->kind % 3 == 0)
            moirai_yield();
        guarded[at] = seen + 1;
        with_add(&counted[at], 1);
        CHECK_EQ(moirai_mutex_unlock(&mutexes[at]), 0);
    } else {
        CHECK(rc == -ETIMEDOUT || rc == -ECANCELED);
    }
    return end_well(t);
}

static int send_some(void *arg)
{
    int message = 1;

    if (moirai_chan_send(shared, &message, moirai_after(MOIRAI_MS)) == 0)
        with_add(&shared_sent, 1);
    return end_well(arg);
}

static void drop_box(void *value)
{
    free(value);
}

static struct moirai_local box = { drop_box, 0 };

static int keep_local(void *arg)
{
    CHECK(moirai_local_get(&box) == NULL);
    CHECK_EQ(moirai_local_set(&box, malloc(16)), 0);
    moirai_yield();
    CHECK(moirai_local_get(&box) != NULL);
    return end_well(arg);
}

static int pin_some(void *arg)
{
    pthread_t self;

    moirai_pin();
    self = pthread_self();
    moirai_yield();
    CHECK(pthread_equal(self, pthread_self()));
    moirai_unpin();
    return end_well(arg);
}

static moirai_fn *const doings[] = {
    just_run, yield_some, sleep_some, block_some, lock_some, send_some,
    keep_local, pin_some,
};

#define DOINGS (sizeof doings / sizeof doings[0])

/* --- what waits until it is cancelled ------------------------------------ */

static int wait_sleeping(void *arg)
{
    (void)arg;
    return moirai_sleep_until(MOIRAI_NEVER);
}

static int wait_receiving(void *arg)
{
    int message;

    return moirai_chan_recv(arg, &message, MOIRAI_NEVER);
}

static int wait_yielding(void *arg)
{
    (void)arg;
    while (moirai_yield() == 0)
        continue;
    return -ECANCELED;
}

static int wait_joining(void *arg)
{
    struct moirai_frame fork;

    moirai_fork(&fork, wait_sleeping, arg);
    moirai_yield();
    return moirai_join(&fork);
}

static int wait_scoping(void *arg)
{
    struct moirai_scope scope;

    moirai_scope_begin(&scope, NULL, MOIRAI_NEVER);
    moirai_spawn(&scope, wait_sleeping, arg);
    moirai_spawn(&scope, wait_yielding, arg);
    return moirai_scope_end(&scope);
}

static moirai_fn *const waits[] = {
    wait_sleeping, wait_receiving, wait_yielding, wait_joining, wait_scoping,
};

#define WAITS (sizeof waits / sizeof waits[0])

/* --- what actors do ------------------------------------------------------ */

static void do_scope(struct dice *dice)
{
    int n = (int)roll(dice, 30);
    struct tally tally = { 0, roll(dice, 100) };
    struct moirai_scope scope;

    CHECK_EQ(moirai_scope_begin(&scope, stress_rt, MOIRAI_NEVER), 0);
    for (int i = 0; i < n; i++)
        CHECK_EQ(moirai_spawn(&scope, doings[roll(dice, DOINGS)], &tally), 0);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    CHECK_EQ(tally.ended, n);
}

static void do_cancel(struct dice *dice)
{
    struct tally tally = { 0, roll(dice, 100) };
    struct moirai_elem elem = MOIRAI_ELEM(int);
    struct moirai_chan *empty;
    struct moirai_scope scope;
    int n = (int)roll(dice, 30);

    CHECK_EQ(moirai_chan_make(stress_rt, NULL, NULL, &elem, &empty, NULL), 0);
    CHECK_EQ(moirai_scope_begin(&scope, stress_rt, roll(dice, 2) ? MOIRAI_NEVER
                                : moirai_after(300 * MOIRAI_US)), 0);
    for (int i = 0; i < n; i++) {
        if (roll(dice, 3) != 0)
            moirai_spawn(&scope, waits[roll(dice, WAITS)], empty);
        else
            moirai_spawn(&scope, doings[roll(dice, DOINGS)], &tally);
    }
    for (uint32_t i = roll(dice, 4); i > 0; i--)
        moirai_yield();
    moirai_scope_cancel(&scope);
    CHECK(moirai_scope_end(&scope) < 0);
    moirai_chan_put(empty);
}

struct sum {
    int n;
    long result;
    uint32_t yield_at;
};

static int fib(void *arg)
{
    struct sum *s = arg;
    struct sum a = { s->n - 1, 0, s->yield_at };
    struct sum b = { s->n - 2, 0, s->yield_at };
    struct moirai_frame fork;

    if (s->n < 2) {
        s->result = s->n;
        return 0;
    }
    moirai_fork(&fork, fib, &a);
    if ((uint32_t)s->n == s->yield_at)
        moirai_yield();
    fib(&b);
    moirai_join(&fork);
    s->result = a.result + b.result;
    return 0;
}

static void do_forks(struct dice *dice)
{
    struct sum s = { 15, 0, roll(dice, 15) };

    fib(&s);
    CHECK_EQ(s.result, 610);
}

static int fail_somehow(void *arg)
{
    struct dice *dice = arg;
    struct sum s = { 5, 0, 3 };
    struct moirai_frame fork;
    struct moirai_scope scope;
    uint32_t at = roll(dice, MUTEXES);

    if (roll(dice, 2))
        moirai_mutex_lock(&mutexes[at], moirai_after(MOIRAI_MS));
    moirai_fork(&fork, fib, &s);
    if (roll(dice, 2))
        moirai_yield();
    if (roll(dice, 2)) {
        moirai_scope_begin(&scope, NULL, MOIRAI_NEVER);
        moirai_spawn(&scope, wait_sleeping, NULL);
    }
    moirai_fail(-EIO, "on purpose");
}

static void do_fail(struct dice *dice)
{
    struct dice own = { dice->state | 1 };
    struct moirai_scope scope;

    roll(dice, 2);
    CHECK_EQ(moirai_scope_begin(&scope, stress_rt, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn(&scope, fail_somehow, &own), 0);
    moirai_spawn(&scope, wait_sleeping, NULL);
    CHECK_EQ(moirai_scope_end(&scope), -EIO);
    CHECK_STR(moirai_scope_text(&scope), "on purpose");
}

static void do_handle(struct dice *dice)
{
    struct moirai_attr attr = MOIRAI_ATTR_INIT;
    struct moirai_handle *handle;
    struct moirai_scope scope;
    int result = 1, rc;

    attr.name = "handled";
    attr.worker = roll(dice, 2);
    attr.stack_size = roll(dice, 3) * (100 << 10);
    CHECK_EQ(moirai_scope_begin(&scope, stress_rt, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn_with(&scope, wait_scoping, NULL, &attr, &handle),
             0);
    rc = moirai_handle_join(handle, moirai_after(roll(dice, 100) * MOIRAI_US),
                            &result);
    CHECK_EQ(rc, -ETIMEDOUT);
    moirai_handle_cancel(handle);
    if (roll(dice, 2)) {
        CHECK_EQ(moirai_handle_join(handle, MOIRAI_NEVER, &result), 0);
        CHECK_EQ(result, -ECANCELED);
    }
    moirai_handle_put(handle);
    CHECK_EQ(moirai_scope_end(&scope), 0);
}

struct line {                       /* of producers and consumers */
    struct moirai_chan *chan;
    int64_t sum;
};

static int produce(void *arg)
{
    struct line *line = arg;

    for (int i = 1; i <= 50; i++)
        CHECK_EQ(moirai_chan_send(line->chan, &i, MOIRAI_NEVER), 0);
    moved();
    return 0;
}

static int consume(void *arg)
{
    struct line *line = arg;
    int message;

    MOIRAI_RECV_EACH(line->chan, &message)
        with_add(&line->sum, message);
    moved();
    return 0;
}

static void do_channel(struct dice *dice)
{
    char capacity[30];
    const char *const options[] = { capacity, NULL };
    struct moirai_elem elem = MOIRAI_ELEM(int);
    struct line line = { NULL, 0 };
    struct moirai_scope producers, consumers;
    int n = 1 + (int)roll(dice, 4);

    snprintf(capacity, sizeof capacity, "capacity=%u", roll(dice, 5));
    CHECK_EQ(moirai_chan_make(stress_rt, NULL, options, &elem, &line.chan,
                              NULL), 0);
    CHECK_EQ(moirai_scope_begin(&producers, stress_rt, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_scope_begin(&consumers, stress_rt, MOIRAI_NEVER), 0);
    for (int i = 0; i < n; i++) {
        CHECK_EQ(moirai_spawn(&consumers, consume, &line), 0);
        CHECK_EQ(moirai_spawn(&producers, produce, &line), 0);
    }
    CHECK_EQ(moirai_scope_end(&producers), 0);
    CHECK_EQ(moirai_chan_close(line.chan), 0);
    CHECK_EQ(moirai_scope_end(&consumers), 0);
    CHECK_EQ(line.sum, n * 1275);
    moirai_chan_put(line.chan);
}

static struct act {
    const char *name;
    void (*play)(struct dice *dice);
    uint64_t times;                 /* atomic */
} acts[] = {
    { "scopes", do_scope, 0 },
    { "scopes cancelled", do_cancel, 0 },
    { "forks", do_forks, 0 },
    { "failures", do_fail, 0 },
    { "handles", do_handle, 0 },
    { "lines", do_channel, 0 },
    { "disciplines", stress_discipline, 0 },
    { "selects", stress_select, 0 },
    { "buffers", stress_buffer, 0 },
    { "rwlocks", stress_rwlock, 0 },
    { "semaphores", stress_semaphore, 0 },
    { "barriers", stress_barrier, 0 },
    { "gates", stress_gates, 0 },
    { "onces", stress_once, 0 },
    { "futures", stress_future, 0 },
    { "limits", stress_limit, 0 },
    { "breakers", stress_breaker, 0 },
    { "pools", stress_resource, 0 },
    { "supervisors", stress_supervisor, 0 },
    { "streams", stress_stream, 0 },
    { "loans", stress_loan, 0 },
    { "fans", stress_fan, 0 },
    { "services", stress_service, 0 },
};

#define ACTS (sizeof acts / sizeof acts[0])

static int act(void *arg)
{
    struct dice *dice = arg;

    while (with_get(&stop) == 0) {
        struct act *next = &acts[roll(dice, ACTS)];

        next->play(dice);
        with_add(&next->times, 1);
        moved();
        moirai_yield();
    }
    return 0;
}

static void *act_on_thread(void *arg)
{
    act(arg);
    return NULL;
}

static int drain(void *arg)
{
    int message;

    (void)arg;
    MOIRAI_RECV_EACH(shared, &message)
        with_add(&shared_received, 1);
    return 0;
}

/* --- the whole ----------------------------------------------------------- */

static unsigned setting(const char *name, unsigned preset)
{
    const char *text = getenv(name);

    return text != NULL ? (unsigned)strtoul(text, NULL, 0) : preset;
}

/* Dumps go nowhere: that they can be made at any time is what counts. */
static void watch(unsigned seconds)
{
    struct timespec second = { 1, 0 };
    int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    uint64_t last = 0;
    unsigned still = 0;

    for (unsigned i = 0; i < seconds; i++) {
        uint64_t now;

        nanosleep(&second, NULL);
        moirai_dump(stress_rt, nowhere);
        now = with_get(&stress_progress);
        still = now == last ? still + 1 : 0;
        last = now;
        if (still == STILL) {
            fprintf(stderr, "# nothing has moved for %d s\n", STILL);
            moirai_dump(stress_rt, STDERR_FILENO);
            abort();
        }
    }
    close(nowhere);
}

static void *watch_end(void *arg)
{
    struct timespec tick = { 0, 100000000 };

    for (int i = 0; i < STILL * 10; i++) {
        if (with_get((int *)arg))
            return NULL;
        nanosleep(&tick, NULL);
    }
    fprintf(stderr, "# it does not come to an end\n");
    moirai_dump(stress_rt, STDERR_FILENO);
    abort();
}

struct cast {
    struct moirai_scope actors, drains;
    struct dice dice[ACTORS + THREADS];
    pthread_t threads[THREADS];
};

static void begin(struct cast *cast, uint64_t seed)
{
    static const char *const options[] = { "capacity=64", NULL };
    struct moirai_elem elem = MOIRAI_ELEM(int);

    CHECK_EQ(moirai_chan_make(stress_rt, NULL, options, &elem, &shared, NULL),
             0);
    CHECK_EQ(moirai_scope_begin(&cast->actors, stress_rt, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_scope_begin(&cast->drains, stress_rt, MOIRAI_NEVER), 0);
    for (unsigned i = 0; i < ACTORS + THREADS; i++)
        cast->dice[i].state = (seed + i + 1) * UINT64_C(0x9e3779b97f4a7c15);
    for (int i = 0; i < 2; i++)
        CHECK_EQ(moirai_spawn(&cast->drains, drain, NULL), 0);
    for (int i = 0; i < ACTORS; i++)
        CHECK_EQ(moirai_spawn(&cast->actors, act, &cast->dice[i]), 0);
    for (int i = 0; i < THREADS; i++)
        CHECK_EQ(pthread_create(&cast->threads[i], NULL, act_on_thread,
                                &cast->dice[ACTORS + i]), 0);
}

static void show(const struct moirai_stats *stats)
{
    const struct stress_totals *t = &stress_totals;

    fprintf(stderr, "# %ju tasks, %ju waits, %ju forks stolen, %ju failed\n",
            (uintmax_t)stats->spawned, (uintmax_t)stats->parked,
            (uintmax_t)stats->forks_stolen, (uintmax_t)stats->failed);
    fprintf(stderr, "# messages: %ju sent, %ju received, %ju dropped, %ju "
            "missed, %ju through streams\n", (uintmax_t)t->sent,
            (uintmax_t)t->received, (uintmax_t)t->dropped,
            (uintmax_t)t->missed, (uintmax_t)t->streamed);
    fprintf(stderr, "# calls that gave up: %ju cancelled, %ju too late, %ju "
            "not at once\n", (uintmax_t)t->cancelled, (uintmax_t)t->late,
            (uintmax_t)t->refused);
    fprintf(stderr, "# %ju locks, %ju passes, %ju resources lent, %ju "
            "restarts, %ju futures\n", (uintmax_t)t->locked,
            (uintmax_t)t->passed, (uintmax_t)t->lent, (uintmax_t)t->restarted,
            (uintmax_t)t->resolved);
    for (size_t i = 0; i < ACTS; i++)
        fprintf(stderr, "%s%s %ju%s", i % 5 == 0 ? "# " : ", ", acts[i].name,
                (uintmax_t)acts[i].times,
                i % 5 == 4 || i == ACTS - 1 ? "\n" : "");
}

static void end(struct cast *cast)
{
    struct moirai_stats stats = { .size = sizeof stats };
    pthread_t watcher;
    int over = 0;

    with_set(&stop, 1);
    CHECK_EQ(pthread_create(&watcher, NULL, watch_end, &over), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(cast->threads[i], NULL);
    CHECK_EQ(moirai_scope_end(&cast->actors), 0);
    CHECK_EQ(moirai_chan_close(shared), 0);
    CHECK_EQ(moirai_scope_end(&cast->drains), 0);
    moirai_chan_put(shared);
    CHECK_EQ(shared_sent, shared_received);
    for (int i = 0; i < MUTEXES; i++)
        CHECK_EQ(guarded[i], counted[i]);
    with_set(&over, 1);
    pthread_join(watcher, NULL);
    CHECK_EQ(moirai_stats_read(stress_rt, &stats), 0);
    CHECK_EQ(stats.spawned, stats.finished);
    show(&stats);
}

TEST_LONG(stress, everything_at_once_loses_nothing_and_leaves_nothing, 3600)
{
    unsigned seconds = setting("MO_STRESS_SECONDS", check_long() ? 60 : 10);
    unsigned workers = setting("MOIRAI_WORKERS", 8);
    static struct cast cast;

    mo_mem_watch(0);
    stress_rt = with_workers(workers);
    begin(&cast, setting("MO_STRESS_SEED", 1));
    watch(seconds);
    end(&cast);
    with_end(stress_rt);
    CHECK_EQ(mo_mem_unwatch().live, 0);
    with_alone();
}
