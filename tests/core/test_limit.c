/* SPDX-License-Identifier: MIT */
/*
 * test_limit.c - limits grant what they say in the order of coming, and a wait
 * that ends otherwise takes nothing.
 *
 * The simulator's clock moves by 50 ns with each look at it, so what is granted
 * there is granted at the right time or a few of those later.
 */
#include <errno.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "with.h"

#define SLACK (20 * MOIRAI_US)      /* looks at the simulator's clock */

/* --- waiting ------------------------------------------------------------- */

#define TASKS 20

struct line {
    struct moirai_limit limit;
    int64_t start, until;           /* until: everybody's deadline */
    int64_t when[TASKS];
    int order[TASKS];
    int rc[TASKS];
    int n, ready;
    bool odd;                       /* they want one or two */
};

struct customer {
    struct line *line;
    int number;
};

static int queue_up(void *arg)
{
    struct customer *c = arg;
    struct line *l = c->line;
    uint32_t n = l->odd ? 1 + (uint32_t)c->number % 2 : 1;
    int place;

    while (with_get(&l->ready) != c->number)
        if (moirai_sleep_until(moirai_after(500)) != 0)
            return 0;
    with_set(&l->ready, c->number + 1);
    l->rc[c->number] = moirai_limit_acquire(&l->limit, n, l->until);
    l->when[c->number] = moirai_now();
    place = with_add(&l->n, 1) - 1;
    l->order[place] = c->number;
    if (l->rc[c->number] == 0)
        moirai_limit_release(&l->limit, n);
    return 0;
}

/* Has them queue one after the other, each before the next does: on one worker,
 * as who has said so runs on until it waits. */
static void line_up(struct line *l, struct customer *c,
                    struct moirai_scope *scope)
{
    for (int i = 0; i < TASKS; i++) {
        c[i] = (struct customer){ l, i };
        CHECK_EQ(moirai_spawn(scope, queue_up, &c[i]), 0);
    }
}

static int in_time(void *arg)
{
    struct line l = { .until = MOIRAI_NEVER };
    struct customer c[TASKS];
    struct moirai_scope scope;
    struct moirai_limit_stats stats;

    (void)arg;
    CHECK_EQ(moirai_limit_tokens(&l.limit, 1000, MOIRAI_S, 4), 0);
    l.start = moirai_now();
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    line_up(&l, c, &scope);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    for (int i = 0; i < TASKS; i++) {
        int64_t due = i < 4 ? 0 : (i - 3) * MOIRAI_MS;
        int64_t at = l.when[i] - l.start;

        CHECK_EQ(l.rc[i], 0);
        CHECK_EQ(l.order[i], i);
        CHECK_FMT(at >= due && at < due + 10 * SLACK, "%d: %d ns, not %d", i,
                  (int)at, (int)due);
    }
    moirai_limit_read(&l.limit, &stats);
    CHECK_EQ(stats.granted, TASKS);
    CHECK_EQ(stats.waited, TASKS - 4);
    CHECK_EQ(stats.left + stats.refused + stats.waiting, 0);
    return 0;
}

static const char *const one_in_order[] = {
    "scheduler.plugin=sim", "runtime.workers=1", "scheduler.seed=3", NULL,
};

static void in_order(moirai_fn *body, void *arg)
{
    struct moirai_runtime *rt = with_settings(one_in_order);

    CHECK_EQ(moirai_run(rt, body, arg), 0);
    with_end(rt);
}

TEST(limit, lets_them_go_in_the_order_they_came_when_it_is_their_time)
{
    in_order(in_time, NULL);
}

static int set_kind(struct moirai_limit *limit, enum moirai_limit_kind kind)
{
    switch (kind) {
    case MOIRAI_LIMIT_TOKENS:
        return moirai_limit_tokens(limit, 1000, MOIRAI_S, 2);
    case MOIRAI_LIMIT_LEAKY:
        return moirai_limit_leaky(limit, 1000, MOIRAI_S, 1000);
    case MOIRAI_LIMIT_WINDOW:
        return moirai_limit_window(limit, 2, MOIRAI_MS);
    case MOIRAI_LIMIT_GCRA:
        return moirai_limit_gcra(limit, MOIRAI_MS, MOIRAI_MS);
    default:
        return moirai_limit_concurrent(limit, 2);
    }
}

static int all_go(void *arg)
{
    struct line l = { .until = MOIRAI_NEVER, .odd = true };
    struct customer c[TASKS];
    struct moirai_scope scope;

    CHECK_EQ(set_kind(&l.limit, *(enum moirai_limit_kind *)arg), 0);
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    line_up(&l, c, &scope);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    for (int i = 0; i < TASKS; i++)
        CHECK_EQ(l.rc[i], 0);
    CHECK_EQ(l.limit.granted, TASKS * 3 / 2);
    CHECK_EQ(l.limit.waiting, 0);
    return 0;
}

TEST(limit, of_any_kind_lets_everybody_go_in_the_end)
{
    for (enum moirai_limit_kind k = MOIRAI_LIMIT_TOKENS;
         k <= MOIRAI_LIMIT_CONCURRENT; k++)
        with_seeds(40, all_go, &k);
}

/* Every other one gives up before its time, some are cancelled: the others are
 * where they would be without them. */
static int hurried(void *arg)
{
    struct customer *c = arg;
    int rc = moirai_limit_acquire(&c->line->limit, 1,
                                  c->number % 2 ? c->line->until
                                                : MOIRAI_NEVER);

    c->line->rc[c->number] = rc;
    c->line->when[c->number] = moirai_now();
    return 0;
}

static int giving_up(void *arg)
{
    struct line l = { .n = 0 };
    struct customer c[TASKS];
    struct moirai_handle *handles[TASKS];
    struct moirai_scope scope;
    int granted = 0, canceled = 0;

    CHECK_EQ(set_kind(&l.limit, *(enum moirai_limit_kind *)arg), 0);
    l.until = moirai_after(3 * MOIRAI_MS);
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    if (l.limit.kind == MOIRAI_LIMIT_CONCURRENT)
        CHECK_EQ(moirai_limit_acquire(&l.limit, 2, MOIRAI_NOW), 0);
    for (int i = 0; i < TASKS; i++) {
        c[i] = (struct customer){ &l, i };
        CHECK_EQ(moirai_spawn_with(&scope, hurried, &c[i], NULL, &handles[i]),
                 0);
    }
    CHECK_EQ(moirai_sleep_until(l.until - MOIRAI_MS), 0);
    for (int i = 0; i < TASKS; i += 4)
        moirai_handle_cancel(handles[i]);
    CHECK_EQ(moirai_sleep_until(l.until + MOIRAI_MS), 0);
    while (l.limit.kind == MOIRAI_LIMIT_CONCURRENT && l.limit.used > 0)
        CHECK_EQ(moirai_limit_release(&l.limit, 1), 0);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    for (int i = 0; i < TASKS; i++) {
        moirai_handle_put(handles[i]);
        granted += l.rc[i] == 0;
        canceled += l.rc[i] == -ECANCELED;
        CHECK(l.rc[i] == 0 || (i % 2 && l.rc[i] == -ETIMEDOUT)
              || (i % 4 == 0 && l.rc[i] == -ECANCELED));
        if (i % 2 && l.rc[i] == -ETIMEDOUT)
            CHECK(l.when[i] >= l.until);
    }
    CHECK(granted >= 5);
    CHECK_EQ(l.limit.granted, granted
             + (l.limit.kind == MOIRAI_LIMIT_CONCURRENT ? 2 : 0));
    CHECK_EQ(l.limit.left, TASKS - granted);
    CHECK_EQ(l.limit.waiting, 0);
    return canceled > 5;
}

TEST(limit, is_taken_nothing_from_by_who_gives_up)
{
    for (enum moirai_limit_kind k = MOIRAI_LIMIT_TOKENS;
         k <= MOIRAI_LIMIT_CONCURRENT; k++)
        with_seeds(100, giving_up, &k);
}

/* The first in the line is cancelled: the second one's time is what the first
 * one's was. */
static int second_in_line(void *arg)
{
    struct line l = { .until = MOIRAI_NEVER };
    struct customer c[2];
    struct moirai_handle *first;
    struct moirai_scope scope;
    int64_t start;

    (void)arg;
    CHECK_EQ(moirai_limit_gcra(&l.limit, MOIRAI_MS, 0), 0);
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_limit_acquire(&l.limit, 1, MOIRAI_NOW), 0);
    start = moirai_now();
    c[0] = (struct customer){ &l, 0 };
    c[1] = (struct customer){ &l, 1 };
    CHECK_EQ(moirai_spawn_with(&scope, queue_up, &c[0], NULL, &first), 0);
    CHECK_EQ(moirai_spawn(&scope, queue_up, &c[1]), 0);
    CHECK_EQ(moirai_sleep_until(start + MOIRAI_MS / 2), 0);
    CHECK_EQ(l.limit.waiting, 2);
    moirai_handle_cancel(first);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    moirai_handle_put(first);
    CHECK_EQ(l.rc[0], -ECANCELED);
    CHECK_EQ(l.rc[1], 0);
    CHECK(l.when[1] >= start + MOIRAI_MS - SLACK);
    CHECK(l.when[1] < start + MOIRAI_MS + SLACK);
    return 0;
}

TEST(limit, gives_the_place_of_who_is_cancelled_to_the_next)
{
    with_seeds(200, second_in_line, NULL);
}

static int wait_with_deadline(void *arg)
{
    return moirai_limit_acquire(arg, 1, MOIRAI_NEVER) == -ETIMEDOUT ? 0 : 1;
}

static int own_deadline(void *arg)
{
    struct moirai_attr attr = MOIRAI_ATTR_INIT;
    struct moirai_limit limit;
    struct moirai_scope scope;
    struct moirai_handle *handle;
    int rc;

    (void)arg;
    CHECK_EQ(moirai_limit_gcra(&limit, MOIRAI_S, 0), 0);
    CHECK_EQ(moirai_limit_acquire(&limit, 1, MOIRAI_NOW), 0);
    attr.deadline_ns = moirai_after(MOIRAI_MS);
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn_with(&scope, wait_with_deadline, &limit, &attr,
                               &handle), 0);
    CHECK_EQ(moirai_handle_join(handle, MOIRAI_NEVER, &rc), 0);
    CHECK_EQ(rc, 0);
    CHECK(moirai_now() < attr.deadline_ns + MOIRAI_MS);
    moirai_handle_put(handle);
    return moirai_scope_end(&scope);
}

TEST(limit, is_not_waited_for_beyond_a_deadline_of_the_task)
{
    with_seeds(10, own_deadline, NULL);
}

/* --- what is refused ----------------------------------------------------- */

static int refusals(void *arg)
{
    struct moirai_limit_stats stats;
    struct moirai_limit l;
    int64_t due;

    (void)arg;
    CHECK_EQ(moirai_limit_leaky(&l, 1, MOIRAI_S, 0), 0);
    CHECK_EQ(moirai_limit_acquire(&l, 0, MOIRAI_NEVER), -EINVAL);
    CHECK_EQ(moirai_limit_acquire(&l, 2, MOIRAI_NEVER), -EINVAL);
    CHECK_EQ(moirai_limit_acquire(&l, 1, MOIRAI_NOW), 0);
    CHECK_EQ(moirai_limit_acquire(&l, 1, MOIRAI_NOW), -EAGAIN);
    CHECK_EQ(moirai_limit_acquire(&l, 1, MOIRAI_NEVER), -ENOBUFS);
    CHECK_EQ(moirai_limit_release(&l, 1), 0);
    due = moirai_limit_due(&l, 1);
    CHECK(due > moirai_now() && due <= moirai_after(MOIRAI_S));
    CHECK_EQ(moirai_limit_due(&l, 2), MOIRAI_NEVER);
    moirai_limit_read(&l, &stats);
    CHECK_EQ(stats.refused, 2);
    CHECK_EQ(moirai_limit_concurrent(&l, 2), 0);
    CHECK_EQ(moirai_limit_release(&l, 1), -EINVAL);
    CHECK_EQ(moirai_limit_acquire(&l, 2, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_limit_due(&l, 1), MOIRAI_NEVER);
    CHECK_EQ(moirai_limit_acquire(&l, 1, 1), -ETIMEDOUT);
    CHECK_EQ(moirai_limit_acquire(&l, 1, moirai_after(MOIRAI_MS)), -ETIMEDOUT);
    CHECK_EQ(moirai_limit_release(&l, 3), -EINVAL);
    CHECK_EQ(moirai_limit_release(&l, 2), 0);
    CHECK_EQ(moirai_limit_release(&l, 1), -EINVAL);
    return 0;
}

TEST(limit, refuses_what_it_cannot_give)
{
    CHECK_EQ(refusals(NULL), 0);            /* on a plain thread */
    with_each(refusals, NULL);
    with_seeds(10, refusals, NULL);
}

TEST(limit, is_not_waited_for_in_a_child_where_nobody_releases)
{
    struct moirai_runtime *rt = with_workers(1);
    struct moirai_limit l;
    int status;
    pid_t pid;

    CHECK_EQ(moirai_limit_concurrent(&l, 1), 0);
    CHECK_EQ(moirai_limit_acquire(&l, 1, MOIRAI_NOW), 0);
    pid = fork();
    if (pid == 0)
        _exit(moirai_limit_acquire(&l, 1, MOIRAI_NEVER) != -ECHILD);
    CHECK(pid > 0);
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK_EQ(status, 0);
    with_end(rt);
}

/* --- many at once -------------------------------------------------------- */

struct crowd {
    struct moirai_limit limit;
    int inside, most, turns, sum;
    int64_t granted;
};

static int come_and_go(void *arg)
{
    struct crowd *c = arg;

    for (int i = 0; i < c->turns; i++) {
        uint32_t n = 1 + (uint32_t)i % 3;
        int64_t deadline = i % 5 ? MOIRAI_NEVER
                                 : moirai_after(20 * MOIRAI_US);
        int rc = moirai_limit_acquire(&c->limit, n, deadline);

        if (rc != 0) {
            CHECK_EQ(rc, -ETIMEDOUT);
            continue;
        }
        CHECK(with_add(&c->inside, (int)n) <= c->most);
        if (i % 4 == 0)
            moirai_yield();
        with_add(&c->inside, -(int)n);
        with_add(&c->granted, n);
        CHECK_EQ(moirai_limit_release(&c->limit, n), 0);
    }
    return 0;
}

static int crowding(void *arg)
{
    struct crowd c = { .most = 4, .turns = *(int *)arg };
    struct moirai_scope scope;

    CHECK_EQ(moirai_limit_concurrent(&c.limit, 4), 0);
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    for (int i = 0; i < 8; i++)
        CHECK_EQ(moirai_spawn(&scope, come_and_go, &c), 0);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    CHECK_EQ(c.limit.granted, c.granted);
    CHECK_EQ(c.limit.used, 0);
    return 0;
}

static void *come_and_go_thread(void *arg)
{
    CHECK_EQ(come_and_go(arg), 0);
    return NULL;
}

static void with_threads_too(struct crowd *c, void *(*thread)(void *),
                             moirai_fn *task)
{
    struct moirai_runtime *rt = with_workers(2);
    struct moirai_scope scope;
    pthread_t threads[4];

    CHECK_EQ(moirai_scope_begin(&scope, rt, MOIRAI_NEVER), 0);
    for (int i = 0; i < 4; i++) {
        CHECK_EQ(moirai_spawn(&scope, task, c), 0);
        CHECK_EQ(pthread_create(&threads[i], NULL, thread, c), 0);
    }
    CHECK_EQ(moirai_scope_end(&scope), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    with_end(rt);
}

TEST(limit, lets_no_more_in_at_once_than_it_says)
{
    struct crowd c = { .most = 4, .turns = (int)with_times(1000) };
    int few = 12, many = (int)with_times(500);

    with_seeds(150, crowding, &few);
    with_each(crowding, &many);
    CHECK_EQ(moirai_limit_concurrent(&c.limit, 4), 0);
    with_threads_too(&c, come_and_go_thread, come_and_go);
    CHECK_EQ(c.limit.granted, c.granted);
    CHECK_EQ(c.limit.used, 0);
}

/* Between two looks at the clock a bucket gives its burst and what has come
 * since, and no more. */
static int drain(void *arg)
{
    struct crowd *c = arg;

    for (int i = 0; i < c->turns; i++) {
        CHECK_EQ(moirai_limit_acquire(&c->limit, 1, MOIRAI_NEVER), 0);
        with_add(&c->sum, 1);
    }
    return 0;
}

static void *drain_thread(void *arg)
{
    CHECK_EQ(drain(arg), 0);
    return NULL;
}

TEST(limit, keeps_its_rate_between_tasks_and_threads)
{
    struct crowd c = { .turns = 200 };
    int64_t start = moirai_now();

    CHECK_EQ(moirai_limit_tokens(&c.limit, 40000, MOIRAI_S, 10), 0);
    with_threads_too(&c, drain_thread, drain);
    CHECK_EQ(c.sum, 8 * c.turns);
    CHECK((moirai_now() - start) / 25000 + 10 >= c.sum);
    CHECK_EQ(c.limit.granted, c.sum);
}

/* A task's next wait does not know of the one before: here it lends a channel
 * more messages than that has room for. */
struct after {
    struct moirai_limit limit;
    struct moirai_chan *chan;
};

static int wait_and_send(void *arg)
{
    struct after *after = arg;
    int64_t messages[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };

    CHECK_EQ(moirai_limit_acquire(&after->limit, 1, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_limit_acquire(&after->limit, 1, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_chan_send_batch(after->chan, messages, 8, MOIRAI_NEVER),
             8);
    return 0;
}

static int receive_after_that(void *arg)
{
    static const char *const options[] = { "capacity=2", NULL };
    struct moirai_elem elem = MOIRAI_ELEM(int64_t);
    struct moirai_scope scope;
    struct after after;
    int64_t message;

    (void)arg;
    CHECK_EQ(moirai_limit_tokens(&after.limit, 1000, MOIRAI_S, 1), 0);
    CHECK_EQ(moirai_chan_make(NULL, NULL, options, &elem, &after.chan, NULL),
             0);
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn(&scope, wait_and_send, &after), 0);
    while (moirai_chan_length(after.chan) != 2)
        CHECK_EQ(moirai_sleep_until(moirai_after(MOIRAI_MS)), 0);
    for (int64_t i = 1; i <= 8; i++) {
        CHECK_EQ(moirai_chan_recv(after.chan, &message, MOIRAI_NEVER), 0);
        CHECK_EQ(message, i);
    }
    CHECK_EQ(moirai_scope_end(&scope), 0);
    moirai_chan_put(after.chan);
    return 0;
}

TEST(limit, leaves_nothing_behind_for_the_next_wait)
{
    with_one(1, receive_after_that, NULL);
    with_seeds(10, receive_after_that, NULL);
}
