/* SPDX-License-Identifier: MIT */
/*
 * test_stream_join.c - streams from several channels, and into several.
 */
#include "row.h"

#define CHANS 3

static struct moirai_chan *chan_of_boxes(size_t capacity)
{
    struct moirai_elem elem = box_elem();

    return talk_ring(NULL, capacity, &elem);
}

struct feeder {
    struct moirai_chan *chan;
    int64_t first, n, every_us;
};

/* Sends n boxes, and closes. Nobody may want them all. */
static int feed(void *arg)
{
    const struct feeder *f = arg;

    for (int64_t i = 0; i < f->n; i++) {
        struct box box;

        if (f->every_us != 0)
            moirai_sleep_until(moirai_after(f->every_us * MOIRAI_US));
        box = box_make(f->first + i);
        if (moirai_chan_send(f->chan, &box, MOIRAI_NEVER) != 0) {
            box_drop(&box, NULL);
            return 0;
        }
    }
    moirai_chan_close(f->chan);
    return 0;
}

struct fed {
    struct moirai_scope scope;
    struct moirai_chan *chans[CHANS];
    struct feeder feeders[CHANS];
};

static void fed_begin(struct fed *fed, int64_t n, int64_t every_us)
{
    talk_begin(&fed->scope);
    for (int i = 0; i < CHANS; i++) {
        fed->chans[i] = chan_of_boxes(4);
        fed->feeders[i] = (struct feeder){ fed->chans[i], i * 1000, n,
                                           every_us * (i + 1) };
        CHECK_EQ(moirai_spawn(&fed->scope, feed, &fed->feeders[i]), 0);
    }
}

static void fed_end(struct fed *fed)
{
    for (int i = 0; i < CHANS; i++)
        moirai_chan_close(fed->chans[i]);
    CHECK_EQ(moirai_scope_end(&fed->scope), 0);
    for (int i = 0; i < CHANS; i++)
        moirai_chan_put(fed->chans[i]);
    CHECK_EQ(with_get(&boxes), 0);
}

/* --- merge --------------------------------------------------------------- */

/* Each channel's in its order. */
static int follow(void *message, void *arg)
{
    int64_t *next = arg;
    int64_t value = *((struct box *)message)->value;

    CHECK_EQ(value % 1000, next[value / 1000]++);
    return 0;
}

static int merges(void *arg)
{
    struct moirai_stream_report report = { .size = sizeof report };
    int64_t next[CHANS] = { 0, 0, 0 };
    struct fed fed;

    (void)arg;
    fed_begin(&fed, 50, 0);
    CHECK_EQ(MOIRAI_STREAM(MOIRAI_NEVER, &report,
                 moirai_stream_merge(fed.chans, CHANS),
                 moirai_stream_map(box_move, NULL, box_elem()),
                 moirai_stream_each(follow, next)), 0);
    CHECK(next[0] == 50 && next[1] == 50 && next[2] == 50);
    CHECK_EQ(report.tasks, CHANS + 1);
    CHECK_EQ(report.received, 150);
    fed_end(&fed);
    fed_begin(&fed, 50, 0);
    CHECK_EQ(MOIRAI_STREAM(MOIRAI_NEVER, NULL,
                 moirai_stream_merge(fed.chans, CHANS),
                 moirai_stream_take(20),
                 moirai_stream_batch(7, 0),
                 moirai_stream_drain()), 0);
    fed_end(&fed);
    return 0;
}

TEST(stream_join, merges_channels)
{
    with_each(merges, NULL);
    with_seeds(60, merges, NULL);
}

/* --- zip ----------------------------------------------------------------- */

static int add_boxes(void *const *from, size_t n, void *to, void *arg)
{
    int64_t total = 0;

    for (size_t i = 0; i < n; i++)
        total += *((struct box *)from[i])->value;
    if (arg != NULL && total >= *(int64_t *)arg)
        return MOIRAI_STREAM_END;
    *(struct box *)to = box_make(total);
    return 0;
}

static int threes(void *message, void *arg)
{
    int64_t *next = arg;

    CHECK_EQ(*((struct box *)message)->value, 3000 + 3 * (*next)++);
    return 0;
}

static int zips(void *arg)
{
    int64_t limit = 3000 + 3 * 9;
    int64_t next = 0;
    struct fed fed;

    (void)arg;
    fed_begin(&fed, 30, 0);
    CHECK_EQ(MOIRAI_STREAM(MOIRAI_NEVER, NULL,
                 moirai_stream_zip(fed.chans, CHANS, add_boxes, NULL,
                                   box_elem()),
                 moirai_stream_each(threes, &next)), 0);
    CHECK_EQ(next, 30);
    fed_end(&fed);
    next = 0;
    fed_begin(&fed, 30, 0);
    CHECK_EQ(MOIRAI_STREAM(MOIRAI_NEVER, NULL,
                 moirai_stream_zip(fed.chans, CHANS, add_boxes, &limit,
                                   box_elem()),
                 moirai_stream_timeout(MOIRAI_S * 100),
                 moirai_stream_each(threes, &next)), 0);
    CHECK_EQ(next, 9);
    fed_end(&fed);
    return 0;
}

TEST(stream_join, zips_channels)
{
    with_each(zips, NULL);
    with_seeds(60, zips, NULL);
}

/* --- latest -------------------------------------------------------------- */

/* The last of each channel, as digits. */
static int digits(void *const *from, size_t n, void *to, void *arg)
{
    int64_t value = 0;

    (void)arg;
    for (size_t i = 0; i < n; i++)
        value = value * 10 + *((struct box *)from[i])->value % 1000;
    *(int64_t *)to = value;
    return 0;
}

static int write_number(void *message, void *arg)
{
    char *text = arg;

    snprintf(text + strlen(text), 12, "%03d ", (int)*(int64_t *)message);
    return 0;
}

static int combines(void *arg)
{
    char text[200] = "";
    struct fed fed;

    (void)arg;
    fed_begin(&fed, 4, 1000);
    CHECK_EQ(MOIRAI_STREAM(MOIRAI_NEVER, NULL,
                 moirai_stream_latest(fed.chans, CHANS, digits, NULL,
                                      MOIRAI_OF(int64_t)),
                 moirai_stream_each(write_number, text)), 0);
    /* How many there are depends on who was first; the last is certain. */
    CHECK(strlen(text) >= 4);
    CHECK_STR(text + strlen(text) - 4, "333 ");
    fed_end(&fed);
    text[0] = '\0';
    fed_begin(&fed, 50, 0);
    CHECK_EQ(MOIRAI_STREAM(MOIRAI_NEVER, NULL,
                 moirai_stream_latest(fed.chans, CHANS, digits, NULL,
                                      MOIRAI_OF(int64_t)),
                 moirai_stream_take(3),
                 moirai_stream_each(write_number, text)), 0);
    CHECK(strlen(text) >= 12);
    fed_end(&fed);
    return 0;
}

TEST(stream_join, combines_the_latest_of_channels)
{
    with_each(combines, NULL);
    with_seeds(60, combines, NULL);
}

/* --- spread -------------------------------------------------------------- */

static uint64_t key_of(const void *message, void *arg)
{
    (void)arg;
    return (uint64_t)*((const struct box *)message)->value;
}

/* How many went into each, and for each box, into which. */
struct spread {
    size_t counts[CHANS];
    int where[300];
};

static void collect(struct moirai_chan **chans, struct spread *spread)
{
    for (int i = 0; i < CHANS; i++) {
        struct box box;

        while (moirai_chan_recv(chans[i], &box, MOIRAI_NOW) == 0) {
            spread->counts[i]++;
            spread->where[*box.value] = i;
            box_drop(&box, NULL);
        }
    }
}

/* 300 boxes; one of the channels may be closed. */
static struct spread spread(enum moirai_spread how, int closed)
{
    struct moirai_chan *chans[CHANS];
    struct spread result = { { 0 }, { 0 } };
    int64_t made = 0;

    for (int i = 0; i < CHANS; i++)
        chans[i] = chan_of_boxes(300);
    if (closed >= 0)
        moirai_chan_close(chans[closed]);
    CHECK_EQ(MOIRAI_STREAM(MOIRAI_NEVER, NULL,
                 moirai_stream_generate(box_source, &made, box_elem()),
                 moirai_stream_take(300),
                 moirai_stream_spread(chans, CHANS, how, key_of, NULL)), 0);
    collect(chans, &result);
    CHECK_EQ(result.counts[0] + result.counts[1] + result.counts[2], 300);
    for (int i = 0; i < CHANS; i++)
        moirai_chan_put(chans[i]);
    CHECK_EQ(with_get(&boxes), 0);
    return result;
}

static int spreads(void *arg)
{
    struct spread all, less;

    (void)arg;
    all = spread(MOIRAI_SPREAD_TURNS, -1);
    CHECK(all.counts[0] == 100 && all.counts[1] == 100 && all.where[4] == 1);
    all = spread(MOIRAI_SPREAD_LEAST, -1);
    CHECK(all.counts[0] == 100 && all.counts[1] == 100);
    all = spread(MOIRAI_SPREAD_RANDOM, -1);
    for (int i = 0; i < CHANS; i++)
        CHECK(all.counts[i] > 60);
    less = spread(MOIRAI_SPREAD_RANDOM, 0);
    CHECK(less.counts[0] == 0 && less.counts[1] > 100 && less.counts[2] > 100);
    all = spread(MOIRAI_SPREAD_KEY, -1);
    less = spread(MOIRAI_SPREAD_KEY, 1);
    for (int i = 0; i < CHANS; i++)
        CHECK(all.counts[i] > 60);
    for (int i = 0; i < 300; i++)   /* only those of the closed one move */
        CHECK(all.where[i] == 1 ? less.where[i] != 1
                                : less.where[i] == all.where[i]);
    return 0;
}

TEST(stream_join, spreads_over_channels)
{
    with_one(1, spreads, NULL);
}

/* Workers leave, one after the other; the last takes the rest. */
struct worker {
    struct moirai_chan *chan;
    int64_t *total;
    int64_t stays;
};

static int work(void *arg)
{
    struct worker *w = arg;
    struct box box;

    for (int64_t n = 0; moirai_chan_recv(w->chan, &box, MOIRAI_NEVER) == 0;
         n++) {
        with_add(w->total, *box.value);
        box_drop(&box, NULL);
        if (n == w->stays)
            moirai_chan_close(w->chan);
    }
    return 0;
}

static int leaves(void *arg)
{
    struct moirai_chan *chans[CHANS];
    struct worker workers[CHANS];
    struct moirai_scope scope;
    int64_t total = 0;
    int64_t made = 0;

    talk_begin(&scope);
    for (int i = 0; i < CHANS; i++) {
        chans[i] = chan_of_boxes(3);
        workers[i] = (struct worker){ chans[i], &total, i == 2 ? -1 : 20 };
        CHECK_EQ(moirai_spawn(&scope, work, &workers[i]), 0);
    }
    CHECK_EQ(MOIRAI_STREAM(MOIRAI_NEVER, NULL,
                 moirai_stream_generate(box_source, &made, box_elem()),
                 moirai_stream_spread(chans, CHANS,
                                      *(enum moirai_spread *)arg, key_of,
                                      NULL)), 0);
    moirai_chan_close(chans[2]);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    CHECK_EQ(total, (int64_t)MANY * (MANY - 1) / 2);
    CHECK_EQ(with_get(&boxes), 0);
    for (int i = 0; i < CHANS; i++)
        moirai_chan_put(chans[i]);
    return 0;
}

TEST(stream_join, loses_nothing_when_receivers_leave)
{
    for (int how = 0; how <= MOIRAI_SPREAD_RANDOM; how++) {
        enum moirai_spread way = (enum moirai_spread)how;

        with_each(leaves, &way);
        with_seeds(10, leaves, &way);
    }
}
