/* SPDX-License-Identifier: MIT */
/*
 * test_search.c - what is queued on one worker runs, whatever that one does.
 *
 * A searcher leaves the only task in a queue to a worker that is quick; these
 * are tasks that must not be left there for ever.
 */
#include "check.h"
#include "with.h"

struct pair {
    struct moirai_chan *chan;
    int ran;
};

static int receive_one(void *arg)
{
    struct pair *pair = arg;
    int message;

    CHECK_EQ(moirai_chan_recv(pair->chan, &message, MOIRAI_NEVER), 0);
    with_set(&pair->ran, 1);
    return 0;
}

/* Both are on this worker: the receiver has begun, and waits. */
static void begin(struct pair *pair, struct moirai_scope *scope,
                  const char *plugin, const char *const *options)
{
    const struct moirai_elem elem = MOIRAI_ELEM(int);

    CHECK_EQ(moirai_chan_make(NULL, plugin, options, &elem, &pair->chan, NULL),
             0);
    CHECK_EQ(moirai_scope_begin(scope, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn(scope, receive_one, pair), 0);
    CHECK_EQ(moirai_sleep_until(moirai_after(MOIRAI_MS)), 0);
}

static void end(struct pair *pair, struct moirai_scope *scope)
{
    CHECK_EQ(moirai_scope_end(scope), 0);
    moirai_chan_put(pair->chan);
}

static int send_then_compute(void *arg)
{
    const char *const options[] = { "capacity=4", NULL };
    struct pair pair = { .ran = 0 };
    struct moirai_scope scope;

    (void)arg;
    begin(&pair, &scope, "ring", options);
    CHECK_EQ(moirai_chan_send(pair.chan, &(int){ 1 }, MOIRAI_NEVER), 0);
    while (with_get(&pair.ran) == 0)
        continue;
    end(&pair, &scope);
    return 0;
}

TEST(search, finds_whom_a_task_woke_that_computes)
{
    for (unsigned i = 0; i < with_times(20); i++)
        with_one(2, send_then_compute, NULL);
}

static int send_for_ever(void *arg)
{
    struct pair pair = { .ran = 0 };
    struct moirai_scope scope;

    (void)arg;
    begin(&pair, &scope, "latest", NULL);
    for (int i = 0; with_get(&pair.ran) == 0; i++)
        CHECK_EQ(moirai_chan_send(pair.chan, &i, MOIRAI_NEVER), 0);
    end(&pair, &scope);
    return 0;
}

TEST(search, finds_whom_a_task_woke_that_never_waits)
{
    for (unsigned i = 0; i < with_times(20); i++)
        with_one(2, send_for_ever, NULL);
}

/* Yields, but takes its time in between. */
static int compute_and_yield(void *arg)
{
    struct pair *pair = arg;

    while (with_get(&pair->ran) == 0) {
        int64_t until = moirai_now() + 100 * MOIRAI_US;

        while (moirai_now() < until)
            continue;
        moirai_yield();
    }
    return 0;
}

static int see_the_other_worker(void *arg)
{
    struct pair *pair = arg;

    while (with_get(&pair->ran) == 0) {
        if (moirai_worker_index() == 1)
            with_set(&pair->ran, 1);
        moirai_yield();
    }
    return 0;
}

static int share_a_worker(void *arg)
{
    struct pair pair = { .ran = 0 };
    struct moirai_scope scope;

    (void)arg;
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn(&scope, compute_and_yield, &pair), 0);
    CHECK_EQ(moirai_spawn(&scope, see_the_other_worker, &pair), 0);
    return moirai_scope_end(&scope);
}

TEST(search, spreads_tasks_that_yield_but_seldom)
{
    with_one(2, share_a_worker, NULL);
}

/* --- the order of what one worker has queued ------------------------------*/

#define IN_ORDER 40

struct line {
    uint32_t ran[IN_ORDER];
    uint32_t count;
};

struct place {
    struct line *line;
    uint32_t number;
};

static int stand_in_line(void *arg)
{
    const struct place *place = arg;

    place->line->ran[place->line->count++] = place->number;
    return 0;
}

static int queue_all(void *arg)
{
    struct place places[IN_ORDER];
    struct moirai_scope scope;

    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    for (uint32_t i = 0; i < IN_ORDER; i++) {
        places[i] = (struct place){ arg, i };
        CHECK_EQ(moirai_spawn(&scope, stand_in_line, &places[i]), 0);
    }
    return moirai_scope_end(&scope);
}

/* Each yields twice: whoever came first is first each time. */
static int by_turns(void *arg)
{
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(stand_in_line(arg), 0);
        CHECK_EQ(moirai_yield(), 0);
    }
    return 0;
}

static int yield_all(void *arg)
{
    struct place places[IN_ORDER / 2];
    struct moirai_scope scope;

    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    for (uint32_t i = 0; i < IN_ORDER / 2; i++) {
        places[i] = (struct place){ arg, i };
        CHECK_EQ(moirai_spawn(&scope, by_turns, &places[i]), 0);
    }
    return moirai_scope_end(&scope);
}

/* None comes early because it is old. */
#define SELDOM "scheduler.fairness=65536"

static const char *const lifo[] = { "scheduler.order=lifo", SELDOM,
                                    "runtime.workers=1", NULL };
static const char *const fifo[] = { "scheduler.order=fifo", SELDOM,
                                    "runtime.workers=1", NULL };

TEST(search, a_worker_runs_its_newest_task_first)
{
    struct line line = { .count = 0 };

    with_as(lifo, queue_all, &line);
    CHECK_EQ(line.count, IN_ORDER);
    for (uint32_t i = 0; i < IN_ORDER; i++)
        CHECK_EQ(line.ran[i], IN_ORDER - 1 - i);
}

TEST(search, or_its_oldest)
{
    struct line line = { .count = 0 };

    with_as(fifo, queue_all, &line);
    CHECK_EQ(line.count, IN_ORDER);
    for (uint32_t i = 0; i < IN_ORDER; i++)
        CHECK_EQ(line.ran[i], i);
    line.count = 0;
    with_as(fifo, yield_all, &line);
    CHECK_EQ(line.count, IN_ORDER);
    for (uint32_t i = 0; i < IN_ORDER; i++)
        CHECK_EQ(line.ran[i], i % (IN_ORDER / 2));
}
