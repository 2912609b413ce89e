/* SPDX-License-Identifier: MIT */
/*
 * test_reason.c - a dump says of every task what it waits for and who could
 * end that, by name where there are names.
 */
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check.h"
#include "with.h"

struct waits {
    struct moirai_chan *words;      /* has a name, and nobody sends */
    struct moirai_chan *full;       /* has none; holds nothing */
    struct moirai_mutex ours;       /* the plain thread's */
    struct moirai_mutex theirs;     /* a task's, which sleeps */
    struct moirai_handle *sleeper;
    int go_on;
};

static int receive(void *arg)
{
    struct waits *w = arg;
    int message;

    return moirai_chan_recv(w->words, &message, MOIRAI_NEVER);
}

static int send(void *arg)
{
    struct waits *w = arg;
    int message = 1;

    return moirai_chan_send(w->full, &message, moirai_after(60 * MOIRAI_S));
}

static int lock_ours(void *arg)
{
    struct waits *w = arg;

    return moirai_mutex_lock(&w->ours, MOIRAI_NEVER);
}

static int lock_theirs(void *arg)
{
    struct waits *w = arg;

    return moirai_mutex_lock(&w->theirs, MOIRAI_NEVER);
}

static int hold_and_sleep(void *arg)
{
    struct waits *w = arg;

    CHECK_EQ(moirai_mutex_lock(&w->theirs, MOIRAI_NEVER), 0);
    return moirai_sleep_until(moirai_after(100 * MOIRAI_S));
}

static int join(void *arg)
{
    struct waits *w = arg;

    return moirai_handle_join(w->sleeper, MOIRAI_NEVER, NULL);
}

static int sleep_for_ever(void *arg)
{
    (void)arg;
    return moirai_sleep_until(MOIRAI_NEVER);
}

static int end_a_scope(void *arg)
{
    struct moirai_scope scope;

    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    for (int i = 0; i < 5; i++)
        CHECK_EQ(moirai_spawn(&scope, sleep_for_ever, arg), 0);
    return moirai_scope_end(&scope);
}

static int hold(void *arg)
{
    with_wait(arg);
    return 0;
}

static int block(void *arg)
{
    struct waits *w = arg;

    return moirai_block(hold, &w->go_on);
}

static int join_a_fork(void *arg)
{
    struct moirai_frame fork;

    moirai_fork(&fork, sleep_for_ever, arg);
    CHECK_EQ(moirai_yield(), 0);    /* so that another stack runs it */
    return moirai_join(&fork);
}

static int select_some(void *arg)
{
    struct waits *w = arg;
    struct moirai_event event = MOIRAI_EVENT_INIT;
    int in, out = 1;
    struct moirai_case cases[] = {
        MOIRAI_ON_RECV(w->words, &in), MOIRAI_ON_RECV(NULL, &in),
        MOIRAI_ON_SEND(w->full, &out), MOIRAI_ON_TASK(w->sleeper, NULL),
        MOIRAI_ON_EVENT(&event), MOIRAI_ON_TIME(MOIRAI_NEVER),
    };

    return (int)moirai_select(cases, 6, MOIRAI_NEVER);
}

static int select_fd(void *arg)
{
    struct moirai_case it = MOIRAI_ON_FD(*(int *)arg, POLLIN, NULL);

    return (int)moirai_select(&it, 1, MOIRAI_NEVER);
}

/* All dumps are looked at as one text, since what is locked at the moment is
 * left out of a dump. */
static const char *dump(struct moirai_runtime *rt)
{
    static char text[1 << 16];
    int fd = memfd_create("dump", 0);
    ssize_t n;

    CHECK(fd >= 0);
    moirai_dump(rt, fd);
    n = pread(fd, text, sizeof text - 1, 0);
    CHECK(n > 0);
    text[n] = '\0';
    close(fd);
    return text;
}

static void appears(struct moirai_runtime *rt, const char *words)
{
    const char *text = dump(rt);

    for (int i = 0; i < 100000 && strstr(text, words) == NULL; i++) {
        sched_yield();
        text = dump(rt);
    }
    CHECK_FMT(strstr(text, words) != NULL, "\"%s\" is not in\n%s", words,
              text);
}

static void spawn_all(struct moirai_runtime *rt, struct moirai_scope *scope,
                      struct waits *w)
{
    static moirai_fn *const bodies[] = { receive, send, lock_ours, join,
                                         end_a_scope, block, join_a_fork,
                                         select_some };
    struct moirai_attr attr = MOIRAI_ATTR_INIT;

    attr.name = "holder";
    CHECK_EQ(moirai_spawn_with(scope, hold_and_sleep, w, &attr, &w->sleeper),
             0);
    appears(rt, "\"holder\"");
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++)
        CHECK_EQ(moirai_spawn(scope, bodies[i], w), 0);
    CHECK_EQ(moirai_spawn(scope, lock_theirs, w), 0);
}

TEST(reason, says_who_could_end_a_wait)
{
    static const char *const set[] = {
        "runtime.workers=1", "channels.words.capacity=3", NULL,
    };
    static const char *const none[] = { "capacity=0", NULL };
    struct moirai_runtime *rt = with_settings(set);
    struct moirai_elem elem = MOIRAI_ELEM(int);
    struct moirai_scope scope;
    struct waits w;

    memset(&w, 0, sizeof w);
    CHECK_EQ(moirai_chan_open(rt, "words", MOIRAI_RECV, &elem, &w.words,
                              NULL), 0);
    CHECK_EQ(moirai_chan_make(rt, NULL, none, &elem, &w.full, NULL), 0);
    CHECK_EQ(moirai_mutex_lock(&w.ours, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_scope_begin(&scope, rt, MOIRAI_NEVER), 0);
    spawn_all(rt, &scope, &w);
    appears(rt, "channel receive on \"words\" (ring)");
    appears(rt, "nobody, for no endpoint may send");
    appears(rt, "; or its deadline, in ");
    appears(rt, "a plain thread, which holds it");
    appears(rt, " \"holder\", which holds it");
    appears(rt, " \"holder\", when it ends");
    appears(rt, "its tasks that have not ended, 5: task ");
    appears(rt, "the clock, in ");
    appears(rt, "a thread of the blocking pool, which runs the call");
    appears(rt, ", the fork");
    appears(rt, "select of 6 cases: receive on \"words\" (ring), send on 0x");
    appears(rt, " (ring), the end of a task, an event or latch, ...");
    with_set(&w.go_on, 1);
    moirai_scope_cancel(&scope);
    CHECK_EQ(moirai_scope_end(&scope), -ECANCELED);
    CHECK_EQ(moirai_mutex_unlock(&w.ours), 0);
    moirai_handle_put(w.sleeper);
    moirai_chan_put(w.words);
    moirai_chan_put(w.full);
    with_end(rt);
}

TEST(reason, names_descriptors_of_a_select)
{
    struct moirai_runtime *rt = with_workers(1);
    struct moirai_scope scope;
    char words[64];
    int ends[2];

    CHECK_EQ(moirai_pipe(ends), 0);
    CHECK_EQ(moirai_scope_begin(&scope, rt, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn(&scope, select_fd, &ends[0]), 0);
    snprintf(words, sizeof words, "select of 1 case: descriptor %d", ends[0]);
    appears(rt, words);
    moirai_scope_cancel(&scope);
    CHECK_EQ(moirai_scope_end(&scope), -ECANCELED);
    CHECK_EQ(moirai_close(ends[0]), 0);
    CHECK_EQ(moirai_close(ends[1]), 0);
    with_end(rt);
}

struct scarce {
    struct moirai_limit limit;
    struct moirai_resources *pool;
};

static int make_one(void **value, int64_t deadline_ns, void *arg)
{
    (void)deadline_ns;
    *value = arg;
    return 0;
}

static void destroy_one(void *value, void *arg)
{
    CHECK(value == arg);
}

static int acquire(void *arg)
{
    struct scarce *s = arg;

    return moirai_limit_acquire(&s->limit, 1, MOIRAI_NEVER);
}

static int borrow(void *arg)
{
    struct scarce *s = arg;
    struct moirai_resource lent;

    return moirai_resource_get(s->pool, &lent, MOIRAI_NEVER);
}

TEST(reason, says_so_too_where_something_is_scarce)
{
    struct moirai_resources_config config = MOIRAI_RESOURCES_CONFIG_INIT;
    struct moirai_runtime *rt = with_workers(1);
    struct moirai_resource lent;
    struct moirai_scope scope;
    struct scarce s;

    config.most = 1;
    config.create = make_one;
    config.destroy = destroy_one;
    config.arg = &s;
    CHECK_EQ(moirai_limit_concurrent(&s.limit, 1), 0);
    CHECK_EQ(moirai_resource_open(&s.pool, &config), 0);
    CHECK_EQ(moirai_limit_acquire(&s.limit, 1, MOIRAI_NOW), 0);
    CHECK_EQ(moirai_resource_get(s.pool, &lent, MOIRAI_NOW), 0);
    CHECK_EQ(moirai_scope_begin(&scope, rt, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn(&scope, acquire, &s), 0);
    CHECK_EQ(moirai_spawn(&scope, borrow, &s), 0);
    appears(rt, ": limit for ");
    appears(rt, "what the limit allows, and who came before it");
    appears(rt, ": resource for ");
    appears(rt, "whoever has been lent one of the pool");
    moirai_scope_cancel(&scope);
    CHECK_EQ(moirai_scope_end(&scope), -ECANCELED);
    CHECK_EQ(moirai_resource_put(&lent), 0);
    CHECK_EQ(moirai_resource_close(s.pool, MOIRAI_NOW), 0);
    with_end(rt);
}

static int supervise(void *arg)
{
    struct moirai_child children[2] = {
        { .name = "child", .fn = sleep_for_ever, .arg = arg },
        { .name = "gone", .fn = sleep_for_ever, .arg = arg,
          .restart = MOIRAI_TEMPORARY },
    };
    struct moirai_supervisor supervisor;

    CHECK_EQ(moirai_supervisor_init(&supervisor, children, 2, NULL), 0);
    return moirai_supervisor_run(&supervisor, NULL);
}

TEST(reason, says_how_many_children_a_supervisor_has)
{
    struct moirai_runtime *rt = with_workers(1);
    struct moirai_scope scope;

    CHECK_EQ(moirai_scope_begin(&scope, rt, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn(&scope, supervise, NULL), 0);
    appears(rt, "children of a supervisor (2 of 2 run, restarts: 0)");
    appears(rt, "a child that ends, or who tells it to stop");
    appears(rt, "\"child\": sleep");
    moirai_scope_cancel(&scope);
    CHECK_EQ(moirai_scope_end(&scope), -ECANCELED);
    with_end(rt);
}

/* --- what is waited for at gates ------------------------------------------ */

struct gates {
    struct moirai_event event;
    struct moirai_latch latch;
    struct moirai_waitgroup group;
    struct moirai_once once;
    struct moirai_semaphore semaphore;
    struct moirai_barrier barrier;
    struct moirai_mutex mutex;
    struct moirai_cond cond;
    struct moirai_rwlock lock;
    struct moirai_future *future;
};

static int at_event(void *arg)
{
    return moirai_event_wait(&((struct gates *)arg)->event, MOIRAI_NEVER);
}

static int at_latch(void *arg)
{
    return moirai_latch_wait(&((struct gates *)arg)->latch, MOIRAI_NEVER);
}

static int at_group(void *arg)
{
    return moirai_waitgroup_wait(&((struct gates *)arg)->group, MOIRAI_NEVER);
}

static int at_once(void *arg)
{
    return moirai_once_do(&((struct gates *)arg)->once, sleep_for_ever, arg,
                          MOIRAI_NEVER);
}

static int at_semaphore(void *arg)
{
    return moirai_semaphore_wait(&((struct gates *)arg)->semaphore, 1,
                                 MOIRAI_NEVER);
}

static int at_barrier(void *arg)
{
    return moirai_barrier_wait(&((struct gates *)arg)->barrier, MOIRAI_NEVER);
}

static int at_cond(void *arg)
{
    struct gates *g = arg;

    CHECK_EQ(moirai_mutex_lock(&g->mutex, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_cond_wait(&g->cond, &g->mutex, MOIRAI_NEVER),
             -ECANCELED);
    return moirai_mutex_unlock(&g->mutex);
}

static int at_lock(void *arg)
{
    struct moirai_hold own;

    return moirai_rwlock_write(&((struct gates *)arg)->lock, &own,
                               MOIRAI_NEVER);
}

static int behind_lock(void *arg)
{
    struct moirai_hold own;

    return moirai_rwlock_read(&((struct gates *)arg)->lock, &own,
                              MOIRAI_NEVER);
}

static int at_future(void *arg)
{
    return moirai_future_wait(((struct gates *)arg)->future, MOIRAI_NEVER,
                              NULL);
}

static int read_and_sleep(void *arg)
{
    struct moirai_hold own;

    CHECK_EQ(moirai_rwlock_read(&((struct gates *)arg)->lock, &own,
                                MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_sleep_until(MOIRAI_NEVER), -ECANCELED);
    return moirai_rwlock_unlock(&((struct gates *)arg)->lock, &own);
}

static void spawn_named(struct moirai_runtime *rt, struct moirai_scope *scope,
                        moirai_fn *fn, const char *name, struct gates *g)
{
    struct moirai_attr attr = MOIRAI_ATTR_INIT;
    char quoted[40];

    attr.name = name;
    CHECK_EQ(moirai_spawn_with(scope, fn, g, &attr, NULL), 0);
    snprintf(quoted, sizeof quoted, "\"%s\"", name);
    appears(rt, quoted);
}

TEST(reason, says_who_could_open_a_gate)
{
    static const char *const texts[] = {
        "event for ", "whoever sets it", "latch for ", "3 more arrivals",
        "wait group for ", "1 that is not done", "once for ",
        " \"first\", which is doing it", "semaphore for ",
        "whoever posts to it", "barrier for ",
        "2 parties that have not come", "condition for ",
        "whoever signals it", "read lock for ",
        " \"reader\", a plain thread, which hold it", "future for ",
        "whoever completes it",
    };
    static moirai_fn *const bodies[] = {
        at_event, at_latch, at_group, at_once, at_semaphore, at_barrier,
        at_cond, behind_lock, at_future,
    };
    struct gates g = { .latch = MOIRAI_LATCH_INIT(3),
                       .barrier = MOIRAI_BARRIER_INIT(3) };
    struct moirai_runtime *rt = with_workers(1);
    struct moirai_scope scope;
    struct moirai_hold ours;

    CHECK_EQ(moirai_waitgroup_add(&g.group, 1), 0);
    CHECK_EQ(moirai_future_make(1, NULL, &g.future), 0);
    CHECK_EQ(moirai_rwlock_read(&g.lock, &ours, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_scope_begin(&scope, rt, MOIRAI_NEVER), 0);
    spawn_named(rt, &scope, at_once, "first", &g);
    spawn_named(rt, &scope, read_and_sleep, "reader", &g);
    spawn_named(rt, &scope, at_lock, "writer", &g);
    appears(rt, "write lock for ");
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++)
        CHECK_EQ(moirai_spawn(&scope, bodies[i], &g), 0);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        appears(rt, texts[i]);
    moirai_scope_cancel(&scope);
    CHECK_EQ(moirai_scope_end(&scope), -ECANCELED);
    CHECK_EQ(moirai_rwlock_unlock(&g.lock, &ours), 0);
    moirai_future_put(g.future);
    moirai_future_put(g.future);
    with_end(rt);
}
