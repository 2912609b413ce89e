/* SPDX-License-Identifier: MIT */
/*
 * test_disciplines.c - what every channel promises, over each discipline and
 * its options; then what each promises of its own.
 *
 * One message goes to one receiver, except where a row says that all get it.
 * Messages carry their sender and a number, so that loss, duplicates and a
 * wrong order show.
 */
#include "chan.h"

#include <moirai/select.h>

#include "mem.h"
#include "talk.h"

#include <stdlib.h>
#include <string.h>

struct row {
    const char *plugin;
    const char *options[4];
    bool everybody;                 /* each receiving endpoint gets all */
    bool replaces;                  /* never full */
    size_t capacity;
};

static const struct row rows[] = {
    { .plugin = "ring", .options = { "capacity=3" },
      .capacity = 3 },
    { .plugin = "list", .options = { NULL },
      .capacity = SIZE_MAX },
    { .plugin = "list", .options = { "limit=5" },
      .capacity = 5 },
    { .plugin = "prio", .options = { "capacity=5", "level_bytes=0" },
      .capacity = 5 },
    { .plugin = "prio", .options = { "capacity=5", "level_bytes=0", "age=2" },
      .capacity = 5 },
    { .plugin = "steal", .options = { "capacity=4" },
      .capacity = 4 },
    { .plugin = "broadcast", .options = { "capacity=3" },
      .everybody = true, .capacity = 3 },
    { .plugin = "latest", .options = { NULL },
      .replaces = true, .capacity = 1 },
};

#define ROWS (sizeof rows / sizeof rows[0])

static struct moirai_chan *make(const struct row *row,
                                const struct moirai_elem *elem)
{
    struct moirai_chan *chan = NULL;
    struct moirai_error err;

    CHECK_FMT(moirai_chan_make(NULL, row->plugin, row->options, elem, &chan,
                               &err) == 0, "%s: %s", row->plugin, err.text);
    return chan;
}

/* --- alone: order, bounds, close, deadlines ------------------------------ */

static void fill(char *message, size_t bytes, int number)
{
    for (size_t i = 0; i < bytes; i++)
        message[i] = (char)(number + (int)i * 3);
}

/* Fills, finds it full, closes, and takes all out in order. */
static void alone(const struct row *row, size_t bytes)
{
    struct moirai_elem elem = { .size = sizeof elem, .bytes = bytes };
    size_t n = row->capacity < 20 ? row->capacity : 20;
    char *message = malloc(bytes + 1);
    char *expected = malloc(bytes + 1);
    struct moirai_chan *chan = make(row, &elem);
    int64_t past = moirai_now() - 1;
    int64_t soon = moirai_now() + 1000000;

    CHECK(message != NULL && expected != NULL);
    CHECK_EQ(moirai_chan_capacity(chan), row->capacity);
    CHECK_EQ(moirai_chan_recv(chan, message, MOIRAI_NOW), -EAGAIN);
    CHECK_EQ(moirai_chan_recv(chan, message, past), -ETIMEDOUT);
    CHECK_EQ(moirai_chan_recv(chan, message, soon), -ETIMEDOUT);
    for (size_t i = 0; i < n; i++) {
        fill(message, bytes, (int)i);
        CHECK_EQ(moirai_chan_send(chan, message, past), 0);
        CHECK_EQ(moirai_chan_length(chan), i + 1);
    }
    if (row->capacity == n && !row->replaces) {
        CHECK_EQ(moirai_chan_send(chan, message, MOIRAI_NOW), -EAGAIN);
        CHECK_EQ(moirai_chan_send(chan, message, past), -ETIMEDOUT);
        CHECK_EQ(moirai_chan_send(chan, message, moirai_now() + 1000000),
                 -ETIMEDOUT);
    }
    CHECK_EQ(moirai_chan_close(chan), 0);
    CHECK_EQ(moirai_chan_close(chan), -EPIPE);
    CHECK_EQ(moirai_chan_send(chan, message, MOIRAI_NEVER), -EPIPE);
    for (size_t i = 0; i < n; i++) {
        fill(expected, bytes, (int)i);
        CHECK_EQ(moirai_chan_recv(chan, message, past), 0);
        CHECK(memcmp(message, expected, bytes) == 0);
    }
    CHECK_EQ(moirai_chan_recv(chan, message, MOIRAI_NEVER), -EPIPE);
    moirai_chan_put(chan);
    free(message);
    free(expected);
}

static int all_alone(void *arg)
{
    static const size_t sizes[] = { 0, 1, 8, 4096 };

    (void)arg;
    for (size_t r = 0; r < ROWS; r++)
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
            alone(&rows[r], sizes[i]);
    return 0;
}

TEST(disciplines, keep_order_bounds_and_deadlines)
{
    with_each(all_alone, NULL);
}

/* Batches of all sizes, against all positions; in order. */
static void wrap_around(const struct row *row)
{
    struct moirai_elem elem = MOIRAI_ELEM(int64_t);
    struct moirai_chan *chan = make(row, &elem);
    int64_t batch[23];
    int64_t in = 0;
    int64_t out = 0;

    for (int64_t i = 0; in < 2000; i++) {
        int64_t n = 1 + i * 7 % 11;

        for (int64_t k = 0; k < n; k++)
            batch[k] = in + k;
        n = moirai_chan_send_batch(chan, batch, (size_t)n, MOIRAI_NOW);
        CHECK(n > 0 || n == -EAGAIN);
        in += n > 0 ? n : 0;
        n = moirai_chan_recv_batch(chan, batch, 0, (size_t)(i * 5 % 13),
                                   MOIRAI_NOW);
        CHECK(n >= 0);
        for (int64_t k = 0; k < n; k++, out++) {
            CHECK(row->replaces ? batch[k] >= out : batch[k] == out);
            out = batch[k];
        }
    }
    CHECK_EQ(moirai_chan_dropped(chan) == 0, !row->replaces);
    moirai_chan_put(chan);
}

static int all_wrap_around(void *arg)
{
    (void)arg;
    for (size_t r = 0; r < ROWS; r++)
        wrap_around(&rows[r]);
    return 0;
}

TEST(disciplines, move_batches_across_the_wrap)
{
    with_each(all_wrap_around, NULL);
}

/* --- a crowd: nothing is lost, doubled, or overtakes its own ------------- */

#define SENDERS 3
#define RECEIVERS 3
#define EACH 400

struct note {
    uint32_t sender;
    uint32_t number;
};

struct crowd {
    const struct row *row;
    struct moirai_chan *chan;
    MO_ATOMIC(uint64_t) received, destroyed;
    MO_ATOMIC(uint32_t) seen[SENDERS][EACH];
};

struct member {
    struct crowd *crowd;
    struct moirai_chan *end;
    uint32_t number;
};

static void destroy(void *message, void *ctx)
{
    struct crowd *crowd = ctx;

    (void)message;
    mo_add(&crowd->destroyed, 1);
}

static int crowd_send(void *arg)
{
    struct member *m = arg;
    struct note notes[7];

    for (uint32_t i = 0; i < EACH;) {
        uint32_t n = 1 + i % 7;

        if (n > EACH - i)
            n = EACH - i;
        for (uint32_t k = 0; k < n; k++)
            notes[k] = (struct note){ m->number, i + k };
        if (n == 1)
            CHECK_EQ(moirai_chan_send(m->end, notes, MOIRAI_NEVER), 0);
        else
            CHECK_EQ(moirai_chan_send_batch(m->end, notes, n, MOIRAI_NEVER),
                     (int64_t)n);
        i += n;
    }
    return 0;
}

static int crowd_receive(void *arg)
{
    struct member *m = arg;
    struct crowd *crowd = m->crowd;
    bool ordered = strcmp(crowd->row->plugin, "steal") != 0;
    int64_t last[SENDERS] = { -1, -1, -1 };
    struct note notes[5];
    int64_t n;

    while ((n = moirai_chan_recv_batch(m->end, notes, 1, 1 + m->number * 2,
                                       MOIRAI_NEVER)) > 0)
        for (int64_t i = 0; i < n; i++) {
            CHECK(notes[i].sender < SENDERS && notes[i].number < EACH);
            CHECK(!ordered || notes[i].number > last[notes[i].sender]);
            last[notes[i].sender] = notes[i].number;
            mo_add(&crowd->seen[notes[i].sender][notes[i].number], 1);
            mo_add(&crowd->received, 1);
        }
    CHECK_EQ(n, -EPIPE);
    return 0;
}

static void check_crowd(struct crowd *crowd, uint64_t dropped)
{
    uint32_t times = crowd->row->everybody ? RECEIVERS : 1;

    for (uint32_t s = 0; s < SENDERS; s++)
        for (uint32_t i = 0; i < EACH; i++) {
            uint32_t seen = mo_load(&crowd->seen[s][i]);

            CHECK(crowd->row->replaces ? seen <= 1 : seen == times);
        }
    CHECK_EQ(mo_load(&crowd->received) + dropped, SENDERS * EACH * times);
}

static void meet(const struct row *row)
{
    struct crowd *crowd = calloc(1, sizeof *crowd);
    struct member in[SENDERS];
    struct member out[RECEIVERS];
    struct moirai_elem elem = MOIRAI_ELEM(struct note);
    struct moirai_scope senders;
    struct moirai_scope receivers;
    uint64_t dropped;

    CHECK(crowd != NULL);
    elem.drop = destroy;
    elem.ctx = crowd;
    crowd->row = row;
    crowd->chan = make(row, &elem);
    talk_begin(&receivers);
    talk_begin(&senders);
    for (uint32_t i = 0; i < RECEIVERS; i++)
        out[i] = (struct member){ crowd, talk_dup(crowd->chan, MOIRAI_RECV),
                                  i };
    for (uint32_t i = 0; i < SENDERS; i++)
        in[i] = (struct member){ crowd, talk_dup(crowd->chan, MOIRAI_SEND),
                                 i };
    moirai_chan_put(crowd->chan);
    for (uint32_t i = 0; i < RECEIVERS; i++)
        CHECK_EQ(moirai_spawn(&receivers, crowd_receive, &out[i]), 0);
    for (uint32_t i = 0; i < SENDERS; i++)
        CHECK_EQ(moirai_spawn(&senders, crowd_send, &in[i]), 0);
    CHECK_EQ(moirai_scope_end(&senders), 0);
    for (uint32_t i = 0; i < SENDERS; i++)
        moirai_chan_put(in[i].end);
    CHECK_EQ(moirai_scope_end(&receivers), 0);
    dropped = moirai_chan_dropped(out[0].end);
    check_crowd(crowd, dropped);
    for (uint32_t i = 0; i < RECEIVERS; i++)
        moirai_chan_put(out[i].end);
    CHECK_EQ(mo_load(&crowd->destroyed),
             row->everybody ? SENDERS * EACH : dropped);
    free(crowd);
}

static int all_meet(void *arg)
{
    (void)arg;
    for (size_t r = 0; r < ROWS; r++)
        meet(&rows[r]);
    return 0;
}

TEST(disciplines, lose_and_double_nothing)
{
    with_each(all_meet, NULL);
    with_seeds(5, all_meet, NULL);
}

/* --- beside others ------------------------------------------------------- */

#define PICKS 100

static int select_sends(void *arg)
{
    struct moirai_chan *const *chans = arg;

    for (int64_t i = 0; i < PICKS; i++) {
        struct moirai_case cases[] = { MOIRAI_ON_SEND(chans[0], &i),
                                       MOIRAI_ON_SEND(chans[1], &i) };

        CHECK(moirai_select(cases, 2, MOIRAI_NEVER) >= 0);
        CHECK_EQ(cases[0].result, 0);
    }
    moirai_chan_close(chans[0]);
    moirai_chan_close(chans[1]);
    return 0;
}

/* Two channels, one task at each side, all by select. */
static void pick(const struct row *row)
{
    struct moirai_elem elem = MOIRAI_ELEM(int64_t);
    struct moirai_chan *chans[2] = { make(row, &elem), make(row, &elem) };
    struct moirai_chan *ins[2] = { talk_dup(chans[0], MOIRAI_SEND),
                                   talk_dup(chans[1], MOIRAI_SEND) };
    struct moirai_chan *outs[2] = { chans[0], chans[1] };
    struct moirai_scope scope;
    uint64_t received = 0;
    int64_t values[2];
    int open = 2;

    talk_begin(&scope);
    CHECK_EQ(moirai_spawn(&scope, select_sends, ins), 0);
    while (open > 0) {
        struct moirai_case cases[] = { MOIRAI_ON_RECV(outs[0], &values[0]),
                                       MOIRAI_ON_RECV(outs[1], &values[1]) };
        int64_t i = moirai_select(cases, 2, MOIRAI_NEVER);

        CHECK(i >= 0);
        if (cases[i].result == 0) {
            received++;
            continue;
        }
        CHECK_EQ(cases[i].result, -EPIPE);
        open--;
        outs[i] = outs[1 - i];
    }
    CHECK_EQ(moirai_scope_end(&scope), 0);
    received += moirai_chan_dropped(ins[0]) + moirai_chan_dropped(ins[1]);
    CHECK_EQ(received, PICKS);
    for (int i = 0; i < 2; i++) {
        moirai_chan_put(ins[i]);
        moirai_chan_put(chans[i]);
    }
}

static int all_pick(void *arg)
{
    (void)arg;
    for (size_t r = 0; r < ROWS; r++)
        pick(&rows[r]);
    return 0;
}

TEST(disciplines, can_be_waited_for_beside_others)
{
    with_each(all_pick, NULL);
    with_seeds(20, all_pick, NULL);
}

/* --- prio ---------------------------------------------------------------- */

struct job {
    uint32_t number;
    uint16_t level;
};

static struct moirai_chan *make_prio(const char *age, const char *levels)
{
    const struct row row = { .plugin = "prio",
                       .options = { "level_at=4", "level_bytes=2", levels,
                                       age } };
    const char *const options[] = { "capacity=200", row.options[0],
                                    row.options[1], levels, age, NULL };
    struct moirai_elem elem = MOIRAI_ELEM(struct job);
    struct moirai_chan *chan = NULL;
    struct moirai_error err;

    CHECK_FMT(moirai_chan_make(NULL, "prio", options, &elem, &chan, &err) == 0,
              "%s", err.text);
    return chan;
}

static int most_urgent_first(void *arg)
{
    struct moirai_chan *chan = make_prio("age=0", "levels=70");
    struct job job;
    uint32_t last = 0;

    (void)arg;
    for (uint32_t i = 0; i < 200; i++) {
        job = (struct job){ i, (uint16_t)(i * 37 % 100) };
        CHECK_EQ(moirai_chan_send(chan, &job, MOIRAI_NOW), 0);
    }
    for (uint32_t i = 0; i < 200; i++) {
        uint32_t rank;

        CHECK_EQ(moirai_chan_recv(chan, &job, MOIRAI_NOW), 0);
        rank = (job.level < 70 ? job.level : 69) * 1000 + job.number;
        CHECK(i == 0 || rank > last);
        last = rank;
    }
    moirai_chan_put(chan);
    return 0;
}

TEST(prio, gives_the_most_urgent_first)
{
    with_one(1, most_urgent_first, NULL);
}

/* Urgent messages keep coming. How many go before one of the last level? */
static uint32_t overtaken(const char *age)
{
    struct moirai_chan *chan = make_prio(age, "levels=4");
    struct job job = { 1000, 3 };
    uint32_t n = 0;

    CHECK_EQ(moirai_chan_send(chan, &job, MOIRAI_NOW), 0);
    for (; n < 150; n++) {
        job = (struct job){ n, 0 };
        CHECK_EQ(moirai_chan_send(chan, &job, MOIRAI_NOW), 0);
        CHECK_EQ(moirai_chan_send(chan, &job, MOIRAI_NOW), 0);
        CHECK_EQ(moirai_chan_recv(chan, &job, MOIRAI_NOW), 0);
        if (job.level == 3)
            break;
    }
    moirai_chan_put(chan);
    return n;
}

static int ageing(void *arg)
{
    (void)arg;
    CHECK_EQ(overtaken("age=0"), 150);
    CHECK(overtaken("age=10") <= 30);
    CHECK(overtaken("age=10") > 1);
    return 0;
}

TEST(prio, lets_nothing_starve_if_it_ages)
{
    with_one(1, ageing, NULL);
}

/* --- latest -------------------------------------------------------------- */

static int newest_alone(void *arg)
{
    struct row row = { .plugin = "latest" };
    struct moirai_elem elem = MOIRAI_ELEM(int64_t);
    struct moirai_chan *chan = make(&row, &elem);

    (void)arg;
    for (int64_t i = 0; i < 10; i++)
        CHECK_EQ(talk_send(chan, i, MOIRAI_NOW), 0);
    CHECK_EQ(moirai_chan_dropped(chan), 9);
    CHECK_EQ(talk_recv(chan, MOIRAI_NOW), 9);
    CHECK_EQ(talk_recv(chan, MOIRAI_NOW), -EAGAIN);
    moirai_chan_put(chan);
    return 0;
}

TEST(latest, keeps_the_newest_alone)
{
    with_one(1, newest_alone, NULL);
}

/* --- steal --------------------------------------------------------------- */

static int own_work_first(void *arg)
{
    struct row row = { .plugin = "steal" };
    struct moirai_elem elem = MOIRAI_ELEM(int64_t);
    struct moirai_chan *one = make(&row, &elem);
    struct moirai_chan *two = talk_dup(one, MOIRAI_BOTH);

    (void)arg;
    for (int64_t i = 0; i < 10; i++)
        CHECK_EQ(talk_send(i % 2 == 0 ? one : two, i, MOIRAI_NOW), 0);
    for (int64_t i = 1; i < 10; i += 2)
        CHECK_EQ(talk_recv(two, MOIRAI_NOW), i);
    CHECK_EQ(talk_recv(two, MOIRAI_NOW), 0);    /* and takes 2 and 4 along */
    CHECK_EQ(talk_recv(one, MOIRAI_NOW), 6);
    moirai_chan_put(one);
    CHECK_EQ(talk_recv(two, MOIRAI_NOW), 2);
    CHECK_EQ(talk_recv(two, MOIRAI_NOW), 4);
    CHECK_EQ(talk_recv(two, MOIRAI_NOW), 8);
    CHECK_EQ(talk_recv(two, MOIRAI_NOW), -EAGAIN);
    moirai_chan_put(two);
    return 0;
}

TEST(steal, gives_each_its_own_work_first)
{
    with_one(1, own_work_first, NULL);
}

static int name_a_worker(void *arg)
{
    struct row row = { .plugin = "steal",
                       .options = { "target_bytes=8" } };
    struct moirai_elem elem = MOIRAI_ELEM(int64_t);
    struct moirai_chan *zero = make(&row, &elem);
    struct moirai_chan *one = talk_dup(zero, MOIRAI_RECV);
    struct moirai_chan *two = talk_dup(zero, MOIRAI_RECV);

    (void)arg;
    for (int64_t i = 0; i < 4; i++)
        CHECK_EQ(talk_send(zero, i, MOIRAI_NOW), 0);
    CHECK_EQ(talk_recv(two, MOIRAI_NOW), 2);
    CHECK_EQ(talk_recv(one, MOIRAI_NOW), 1);
    CHECK_EQ(talk_recv(one, MOIRAI_NOW), 3);
    CHECK_EQ(talk_recv(one, MOIRAI_NOW), 0);
    moirai_chan_put(two);
    moirai_chan_put(one);
    moirai_chan_put(zero);
    return 0;
}

TEST(steal, takes_work_to_whom_it_names)
{
    with_one(1, name_a_worker, NULL);
}

/* --- list ---------------------------------------------------------------- */

/* In a steady state it allocates nothing, however long it has been. */
static int grow_and_shrink(void *arg)
{
    struct row row = { .plugin = "list" };
    struct moirai_elem elem = MOIRAI_ELEM(int64_t);
    struct moirai_chan *chan = make(&row, &elem);

    (void)arg;
    for (int64_t i = 0; i < 100000; i++)
        CHECK_EQ(talk_send(chan, i, MOIRAI_NOW), 0);
    for (int64_t i = 0; i < 100000; i++)
        CHECK_EQ(talk_recv(chan, MOIRAI_NOW), i);
    mo_mem_watch(0);
    for (int64_t i = 0; i < 5000; i++) {
        CHECK_EQ(talk_send(chan, i, MOIRAI_NOW), 0);
        CHECK_EQ(talk_recv(chan, MOIRAI_NOW), i);
    }
    CHECK_EQ(mo_mem_unwatch().asked, 0);
    moirai_chan_put(chan);
    return 0;
}

TEST(list, is_as_long_as_it_has_to_be)
{
    with_one(1, grow_and_shrink, NULL);
}
