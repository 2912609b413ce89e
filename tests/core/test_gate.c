/* SPDX-License-Identifier: MIT */
/*
 * test_gate.c - what is true of everything that one waits for until another
 * opens it: for tasks and threads, by deadline, cancelled, in every order, and
 * in a forked child.
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "with.h"

#define TASKS 12
#define THREADS 3

union thing {
    struct moirai_event event;
    struct moirai_latch latch;
    struct moirai_waitgroup group;
    struct moirai_semaphore semaphore;
    struct moirai_future *future;
    struct {
        struct moirai_mutex mutex;
        struct moirai_cond cond;
        bool open;
    } guarded;
};

/* A thing that is closed after `close`, and open for all after `open`, which
 * the same caller calls. */
struct kind {
    const char *name;
    void (*close)(union thing *thing);
    int (*wait)(union thing *thing, int64_t deadline_ns);
    void (*open)(union thing *thing);
    void (*drop)(union thing *thing);   /* after it was opened; or NULL */
};

static void close_event(union thing *thing)
{
    moirai_event_set(&thing->event);
    CHECK_EQ(moirai_event_wait(&thing->event, MOIRAI_NOW), 0);
    moirai_event_clear(&thing->event);
}

static int wait_event(union thing *thing, int64_t deadline_ns)
{
    return moirai_event_wait(&thing->event, deadline_ns);
}

static void open_event(union thing *thing)
{
    moirai_event_set(&thing->event);
}

static void close_latch(union thing *thing)
{
    thing->latch = (struct moirai_latch)MOIRAI_LATCH_INIT(3);
}

static int wait_latch(union thing *thing, int64_t deadline_ns)
{
    return moirai_latch_wait(&thing->latch, deadline_ns);
}

static void open_latch(union thing *thing)
{
    CHECK_EQ(moirai_latch_arrive(&thing->latch, 2), 0);
    CHECK_EQ(moirai_latch_arrive(&thing->latch, 1), 0);
}

static void close_group(union thing *thing)
{
    CHECK_EQ(moirai_waitgroup_add(&thing->group, 2), 0);
}

static int wait_group(union thing *thing, int64_t deadline_ns)
{
    return moirai_waitgroup_wait(&thing->group, deadline_ns);
}

static void open_group(union thing *thing)
{
    CHECK_EQ(moirai_waitgroup_done(&thing->group), 0);
    CHECK_EQ(moirai_waitgroup_done(&thing->group), 0);
}

static void close_semaphore(union thing *thing)
{
    CHECK_EQ(moirai_semaphore_post(&thing->semaphore, 1), 0);
    CHECK_EQ(moirai_semaphore_wait(&thing->semaphore, 1, MOIRAI_NOW), 0);
}

/* Leaves it to the next. */
static int wait_semaphore(union thing *thing, int64_t deadline_ns)
{
    int rc = moirai_semaphore_wait(&thing->semaphore, 2, deadline_ns);

    if (rc == 0)
        CHECK_EQ(moirai_semaphore_post(&thing->semaphore, 2), 0);
    return rc;
}

static void open_semaphore(union thing *thing)
{
    CHECK_EQ(moirai_semaphore_post(&thing->semaphore, 1), 0);
    CHECK_EQ(moirai_semaphore_post(&thing->semaphore, 1), 0);
}

static void close_cond(union thing *thing)
{
    thing->guarded.open = false;
}

static int wait_cond(union thing *thing, int64_t deadline_ns)
{
    struct moirai_mutex *mutex = &thing->guarded.mutex;
    int rc = moirai_mutex_lock(mutex, MOIRAI_NEVER);

    if (rc != 0)
        return rc;                  /* cancelled, before it had it */
    while (rc == 0 && !thing->guarded.open)
        rc = moirai_cond_wait(&thing->guarded.cond, mutex, deadline_ns);
    CHECK_EQ(moirai_mutex_unlock(mutex), 0);
    return rc;
}

static void open_cond(union thing *thing)
{
    CHECK_EQ(moirai_mutex_lock(&thing->guarded.mutex, MOIRAI_NEVER), 0);
    thing->guarded.open = true;
    moirai_cond_broadcast(&thing->guarded.cond);
    CHECK_EQ(moirai_mutex_unlock(&thing->guarded.mutex), 0);
}

static void close_future(union thing *thing)
{
    CHECK_EQ(moirai_future_make(sizeof(int), NULL, &thing->future), 0);
}

static int wait_future(union thing *thing, int64_t deadline_ns)
{
    int value = 0;
    int rc = moirai_future_wait(thing->future, deadline_ns, &value);

    CHECK_EQ(value, rc == 0 ? 5 : 0);
    return rc;
}

static void open_future(union thing *thing)
{
    CHECK_EQ(moirai_future_set(thing->future, &(int){ 5 }), 0);
}

static void drop_future(union thing *thing)
{
    moirai_future_put(thing->future);
}

static const struct kind kinds[] = {
    { "event", close_event, wait_event, open_event, NULL },
    { "latch", close_latch, wait_latch, open_latch, NULL },
    { "wait group", close_group, wait_group, open_group, NULL },
    { "semaphore", close_semaphore, wait_semaphore, open_semaphore, NULL },
    { "condition", close_cond, wait_cond, open_cond, NULL },
    { "future", close_future, wait_future, open_future, drop_future },
};

#define KINDS (sizeof kinds / sizeof kinds[0])

struct place {
    const struct kind *kind;
    union thing thing;
    int written;                    /* by who opens; no atomic */
    int waiting, passed, late, cancelled;
    int hurry;                      /* wait for a moment only */
};

/* Everything below is done for each kind of thing. */
static int for_each_kind(void (*body)(struct place *))
{
    for (size_t i = 0; i < KINDS; i++) {
        struct place place = { .kind = &kinds[i] };

        place.kind->close(&place.thing);
        body(&place);
        if (place.kind->drop != NULL)
            place.kind->drop(&place.thing);
        memset(&place, 0xff, sizeof place);
    }
    return 0;
}

/* --- what is refused, and what not --------------------------------------- */

static void be_refused(struct place *p)
{
    int64_t until = moirai_after(MOIRAI_MS / 2);

    CHECK_EQ(p->kind->wait(&p->thing, MOIRAI_NOW), -EAGAIN);
    CHECK_EQ(p->kind->wait(&p->thing, 1), -ETIMEDOUT);
    CHECK_EQ(p->kind->wait(&p->thing, until), -ETIMEDOUT);
    CHECK(moirai_now() >= until);
    p->kind->open(&p->thing);
    CHECK_EQ(p->kind->wait(&p->thing, MOIRAI_NOW), 0);
    CHECK_EQ(p->kind->wait(&p->thing, MOIRAI_NEVER), 0);
}

static int refusals(void *arg)
{
    (void)arg;
    return for_each_kind(be_refused);
}

TEST(gate, refuses_whoever_does_not_wait_long_enough)
{
    with_each(refusals, NULL);
    with_seeds(10, refusals, NULL);
    for_each_kind(be_refused);
}

/* --- all go on ----------------------------------------------------------- */

static int pass(void *arg)
{
    struct place *p = arg;
    int64_t until = MOIRAI_NEVER;
    int rc;

    if (p->hurry)
        until = moirai_after(20 * MOIRAI_US);
    with_add(&p->waiting, 1);
    rc = p->kind->wait(&p->thing, until);
    if (rc == 0) {
        CHECK_EQ(p->written, 7);
        with_add(&p->passed, 1);
    } else if (rc == -ETIMEDOUT && p->hurry) {
        with_add(&p->late, 1);
    } else {
        CHECK_EQ(rc, -ECANCELED);
        with_add(&p->cancelled, 1);
    }
    return 0;
}

static void *pass_thread(void *arg)
{
    pass(arg);
    return NULL;
}

static void spawn_all(struct moirai_scope *scope, struct place *p)
{
    CHECK_EQ(moirai_scope_begin(scope, NULL, MOIRAI_NEVER), 0);
    for (int i = 0; i < TASKS; i++)
        CHECK_EQ(moirai_spawn(scope, pass, p), 0);
}

static void let_all_pass(struct place *p)
{
    struct moirai_scope scope;

    spawn_all(&scope, p);
    while (with_get(&p->waiting) < TASKS / 2)
        moirai_yield();
    p->written = 7;
    p->kind->open(&p->thing);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    CHECK_EQ(p->passed, TASKS);
}

static int passing(void *arg)
{
    (void)arg;
    return for_each_kind(let_all_pass);
}

TEST(gate, lets_all_pass)
{
    with_each(passing, NULL);
    with_seeds(300, passing, NULL);
}

static void let_threads_pass(struct place *p)
{
    struct moirai_runtime *rt = with_workers(2);
    struct moirai_scope scope;
    pthread_t threads[THREADS];

    CHECK_EQ(moirai_scope_begin(&scope, rt, MOIRAI_NEVER), 0);
    for (int i = 0; i < TASKS; i++)
        CHECK_EQ(moirai_spawn(&scope, pass, p), 0);
    for (int i = 0; i < THREADS; i++)
        CHECK_EQ(pthread_create(&threads[i], NULL, pass_thread, p), 0);
    while (with_get(&p->waiting) < TASKS + THREADS)
        moirai_yield();
    p->written = 7;
    p->kind->open(&p->thing);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    CHECK_EQ(p->passed, TASKS + THREADS);
    with_end(rt);
}

TEST(gate, is_shared_by_tasks_and_threads)
{
    for_each_kind(let_threads_pass);
}

/* --- waits that end otherwise -------------------------------------------- */

static void hurry(struct place *p)
{
    struct moirai_scope scope;

    p->hurry = 1;
    spawn_all(&scope, p);
    while (with_get(&p->waiting) < TASKS / 2)
        moirai_yield();
    p->written = 7;
    moirai_sleep_until(moirai_after(20 * MOIRAI_US));
    p->kind->open(&p->thing);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    CHECK_EQ(p->passed + p->late, TASKS);
    CHECK_EQ(p->kind->wait(&p->thing, MOIRAI_NOW), 0);
}

static int hurrying(void *arg)
{
    (void)arg;
    return for_each_kind(hurry);
}

TEST(gate, opens_while_the_time_of_waiters_comes)
{
    with_each(hurrying, NULL);
    with_seeds(300, hurrying, NULL);
}

static void cancel(struct place *p)
{
    struct moirai_scope scope;

    for (int early = 0; early < 2; early++) {
        p->waiting = p->passed = p->cancelled = 0;
        spawn_all(&scope, p);
        while (!early && with_get(&p->waiting) < TASKS)
            moirai_yield();
        moirai_scope_cancel(&scope);
        CHECK_EQ(moirai_scope_end(&scope), -ECANCELED);
        CHECK_EQ(p->passed, 0);
        CHECK_EQ(p->kind->wait(&p->thing, MOIRAI_NOW), -EAGAIN);
    }
    p->written = 7;
    p->kind->open(&p->thing);
    CHECK_EQ(p->kind->wait(&p->thing, MOIRAI_NEVER), 0);
}

static int cancelling(void *arg)
{
    (void)arg;
    return for_each_kind(cancel);
}

TEST(gate, is_left_by_who_is_cancelled)
{
    with_each(cancelling, NULL);
    with_seeds(300, cancelling, NULL);
}

/* Opened and cancelled at the same time: each has one of the two. */
static int open_it(void *arg)
{
    struct place *p = arg;

    p->written = 7;
    p->kind->open(&p->thing);
    return 0;
}

static void open_and_cancel(struct place *p)
{
    struct moirai_scope opener, scope;

    CHECK_EQ(moirai_scope_begin(&opener, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    for (int i = 0; i < TASKS; i++)
        CHECK_EQ(moirai_spawn(&scope, pass, p), 0);
    while (with_get(&p->waiting) < TASKS)
        moirai_yield();
    CHECK_EQ(moirai_spawn(&opener, open_it, p), 0);
    moirai_yield();
    moirai_scope_cancel(&scope);
    moirai_scope_end(&scope);
    CHECK_EQ(moirai_scope_end(&opener), 0);
    CHECK_EQ(p->passed + p->cancelled, TASKS);
}

static int opening_and_cancelling(void *arg)
{
    (void)arg;
    return for_each_kind(open_and_cancel);
}

TEST(gate, opens_while_waiters_are_cancelled)
{
    with_each(opening_and_cancelling, NULL);
    with_seeds(500, opening_and_cancelling, NULL);
}

/* --- a forked child ------------------------------------------------------ */

static void wait_in_child(struct place *p)
{
    struct moirai_runtime *rt = with_workers(1);
    int status = -1;
    pid_t child = fork();

    if (child == 0) {
        alarm(20);
        CHECK_EQ(p->kind->wait(&p->thing, MOIRAI_NOW), -EAGAIN);
        CHECK_EQ(p->kind->wait(&p->thing, MOIRAI_NEVER), -ECHILD);
        p->kind->open(&p->thing);
        CHECK_EQ(p->kind->wait(&p->thing, MOIRAI_NEVER), 0);
        _exit(0);
    }
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK_EQ(status, 0);
    with_end(rt);
    p->kind->open(&p->thing);
}

TEST(gate, is_not_waited_for_in_a_forked_child)
{
    for_each_kind(wait_in_child);
}
