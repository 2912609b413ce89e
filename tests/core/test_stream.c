/* SPDX-License-Identifier: MIT */
/*
 * test_stream.c - streams: what reaches the sink, and what does not.
 */
#include "row.h"

/* --- numbers ------------------------------------------------------------- */

static int count_up(void *message, void *arg)
{
    int64_t *next = arg;

    if (*next == MANY)
        return MOIRAI_STREAM_END;
    *(int64_t *)message = (*next)++;
    return 0;
}

static int for_ever(void *message, void *arg)
{
    int64_t *next = arg;

    *(int64_t *)message = (*next)++;
    return 0;
}

static int is_even(const void *message, void *arg)
{
    (void)arg;
    return *(const int64_t *)message % 2 == 0;
}

static int triple(void *from, void *to, void *arg)
{
    (void)arg;
    *(int64_t *)to = 3 * *(int64_t *)from;
    return 0;
}

static int add_one(void *message, void *arg)
{
    (void)arg;
    (*(int64_t *)message)++;
    return 0;
}

static int add_up(void *message, void *arg)
{
    *(int64_t *)arg += *(int64_t *)message;
    return 0;
}

/* A number, that many times. */
static int repeat(void *from, struct moirai_stream *out, void *arg)
{
    int64_t n = *(int64_t *)from;
    int rc = 0;

    (void)arg;
    for (int64_t i = 0; i < n && rc == 0; i++) {
        int64_t copy = n;

        rc = moirai_stream_emit(out, &copy);
    }
    return rc;
}

static int sum(void *state, void *message, void *arg)
{
    (void)arg;
    *(int64_t *)state += *(int64_t *)message;
    return 0;
}

static uint64_t itself(const void *message, void *arg)
{
    (void)arg;
    return (uint64_t)*(const int64_t *)message;
}

static int one_part(void *arg)
{
    struct moirai_stream_report report = { .size = sizeof report };
    int64_t next = 0;
    int64_t total = 0;
    int64_t first[5];
    size_t n = 0;

    (void)arg;
    CHECK_EQ(MOIRAI_STREAM(MOIRAI_NEVER, &report,
                 moirai_stream_generate(count_up, &next, MOIRAI_OF(int64_t)),
                 moirai_stream_filter(is_even, NULL),
                 MOIRAI_TAKES(int64_t,
                     moirai_stream_map(triple, NULL, MOIRAI_OF(int64_t))),
                 moirai_stream_apply(add_one, NULL),
                 moirai_stream_each(add_up, &total)), 0);
    CHECK_EQ(total, 3 * (MANY / 2 - 1) * MANY / 2 + MANY / 2);
    CHECK_EQ(report.tasks, 0);
    CHECK_EQ(report.received, MANY);
    CHECK_EQ(report.delivered, MANY / 2);
    CHECK_EQ(report.error.code, 0);

    next = 0;
    CHECK_EQ(MOIRAI_STREAM(MOIRAI_NEVER, NULL,
                 moirai_stream_generate(for_ever, &next, MOIRAI_OF(int64_t)),
                 moirai_stream_skip(2),
                 moirai_stream_expand(repeat, NULL, MOIRAI_OF(int64_t)),
                 moirai_stream_take(5),
                 moirai_stream_collect(first, 5, &n, MOIRAI_OF(int64_t))), 0);
    CHECK_EQ(n, 5);
    CHECK(first[0] == 2 && first[1] == 2 && first[2] == 3 && first[4] == 3);
    CHECK_EQ(next, 4);
    return 0;
}

TEST(stream, calls_one_stage_after_the_other)
{
    with_one(1, one_part, NULL);
    with_one(2, one_part, NULL);
}

/* Fails before it emits anything, then in the middle. */
static int fail_twice(void *message, struct moirai_stream *out, void *arg)
{
    int *calls = arg;

    if (++*calls == 1)
        return -EIO;
    CHECK_EQ(moirai_stream_emit(out, message), 0);
    return -EIO;
}

static int half_done(void *arg)
{
    const int64_t one = 1;
    int64_t got[4];
    size_t n = 9;
    int calls = 0;

    (void)arg;
    CHECK_EQ(MOIRAI_STREAM(MOIRAI_NEVER, NULL,
                 moirai_stream_array(&one, 1, MOIRAI_OF(int64_t)),
                 moirai_stream_or_skip(moirai_stream_or_retry(
                     moirai_stream_expand(fail_twice, &calls,
                                          MOIRAI_OF(int64_t)), 5, 0)),
                 moirai_stream_collect(got, 4, &n, MOIRAI_OF(int64_t))), 0);
    CHECK_EQ(calls, 2);
    CHECK_EQ(n, 1);
    n = 9;
    CHECK_EQ(MOIRAI_STREAM(MOIRAI_NEVER, NULL,
                 moirai_stream_skip(1),
                 moirai_stream_collect(got, 4, &n, MOIRAI_OF(int64_t))),
             -EINVAL);
    CHECK_EQ(n, 0);
    return 0;
}

TEST(stream, tries_nothing_again_of_which_something_has_gone_on)
{
    with_one(1, half_done, NULL);
}

static int with_state(void *arg)
{
    static const int64_t numbers[] = { 1, 1, 2, 1, 3, 2, 2, 4, 1, 1 };
    const int64_t zero = 0;
    int64_t got[10];
    size_t n;

    (void)arg;
    CHECK_EQ(MOIRAI_STREAM(MOIRAI_NEVER, NULL,
                 moirai_stream_array(numbers, 10, MOIRAI_OF(int64_t)),
                 moirai_stream_distinct(itself, NULL, 1),
                 moirai_stream_collect(got, 10, &n, MOIRAI_OF(int64_t))), 0);
    CHECK_EQ(n, 7);
    CHECK(got[0] == 1 && got[1] == 2 && got[2] == 1 && got[3] == 3
          && got[4] == 2 && got[5] == 4 && got[6] == 1);
    CHECK_EQ(MOIRAI_STREAM(MOIRAI_NEVER, NULL,
                 moirai_stream_array(numbers, 10, MOIRAI_OF(int64_t)),
                 moirai_stream_distinct(itself, NULL, 3),
                 moirai_stream_collect(got, 10, &n, MOIRAI_OF(int64_t))), 0);
    CHECK_EQ(n, 5);
    CHECK(got[0] == 1 && got[1] == 2 && got[2] == 3 && got[3] == 4
          && got[4] == 1);
    CHECK_EQ(MOIRAI_STREAM(MOIRAI_NEVER, NULL,
                 moirai_stream_array(numbers, 10, MOIRAI_OF(int64_t)),
                 moirai_stream_scan(sum, NULL, &zero, MOIRAI_OF(int64_t)),
                 moirai_stream_apply(add_one, NULL),
                 moirai_stream_collect(got, 10, &n, MOIRAI_OF(int64_t))), 0);
    CHECK(n == 10 && got[0] == 2 && got[1] == 3 && got[9] == 19);
    CHECK_EQ(numbers[0], 1);
    return 0;
}

TEST(stream, remembers_what_has_passed)
{
    with_one(1, with_state, NULL);
}

/* Against a list that is searched from the end. */
static int many_keys(void *arg)
{
    static int64_t numbers[20000];
    static int64_t got[20000];
    int64_t last[37];
    uint64_t seed = 1;
    size_t used = 0;
    size_t want = 0;
    size_t n;

    (void)arg;
    for (size_t i = 0; i < 20000; i++) {
        seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
        numbers[i] = (int64_t)(seed >> 33) % 60 * 4096;
    }
    CHECK_EQ(MOIRAI_STREAM(MOIRAI_NEVER, NULL,
                 moirai_stream_array(numbers, 20000, MOIRAI_OF(int64_t)),
                 moirai_stream_distinct(itself, NULL, 37),
                 moirai_stream_collect(got, 20000, &n, MOIRAI_OF(int64_t))),
             0);
    for (size_t i = 0; i < 20000; i++) {
        size_t k = 0;

        while (k < used && last[k] != numbers[i])
            k++;
        if (k < used)
            continue;
        if (used == 37)
            memmove(last, last + 1, --used * sizeof *last);
        last[used++] = numbers[i];
        CHECK_EQ(got[want++], numbers[i]);
    }
    CHECK_EQ(n, want);
    return 0;
}

TEST(stream, remembers_the_last_keys_and_no_others)
{
    with_one(1, many_keys, NULL);
}

/* --- tasks --------------------------------------------------------------- */

static int in_parts(void *arg)
{
    static const size_t chunks[] = { 1, 3, 64 };
    struct row row;

    (void)arg;
    for (size_t c = 0; c < 3; c++) {
        for (size_t capacity = 0; capacity < 9; capacity += 4) {
            row_begin(&row);
            row_add(&row, moirai_stream_async(capacity, chunks[c]));
            row_add(&row, moirai_stream_map(box_move, NULL, box_elem()));
            row_add(&row, moirai_stream_async(capacity, chunks[2 - c]));
            row_add(&row, moirai_stream_map(box_copy, NULL, box_elem()));
            row_add(&row, moirai_stream_each(box_in_order, &row.seen));
            CHECK_EQ(row_run(&row), 0);
            CHECK_EQ(row.seen, MANY);
        }
    }
    return 0;
}

TEST(stream, keeps_the_order_across_tasks)
{
    with_each(in_parts, NULL);
}

static int by_workers(void *arg)
{
    static const size_t chunks[] = { 1, 5 };
    struct row row;

    (void)arg;
    for (size_t c = 0; c < 2; c++) {
        for (size_t n = 1; n <= 9; n += 4) {
            row_begin(&row);
            row_add(&row, moirai_stream_workers(n, 8, chunks[c],
                                            MOIRAI_STREAM_ORDERED));
            row_add(&row, moirai_stream_expand(box_three, NULL, box_elem()));
            row_add(&row, moirai_stream_map(box_move, NULL, box_elem()));
            row_add(&row, moirai_stream_each(box_in_order, &row.seen));
            CHECK_EQ(row_run(&row), 0);
            CHECK_EQ(row.seen, 3 * MANY);
        }
    }
    return 0;
}

TEST(stream, keeps_the_order_of_many_workers)
{
    with_each(by_workers, NULL);
    with_seeds(40, by_workers, NULL);
}

static int count_box(void *message, void *arg)
{
    *(int64_t *)arg += *((struct box *)message)->value;
    return 0;
}

static int without_order(void *arg)
{
    struct row row;

    (void)arg;
    row_begin(&row);
    row_add(&row, moirai_stream_async(4, 1));
    row_add(&row, moirai_stream_workers(5, 3, 1, 0));
    row_add(&row, moirai_stream_filter(box_is_odd, NULL));
    row_add(&row, moirai_stream_map(box_copy, NULL, box_elem()));
    row_add(&row, moirai_stream_each(count_box, &row.seen));
    CHECK_EQ(row_run(&row), 0);
    CHECK_EQ(row.seen, MANY / 2 * (MANY / 2));
    return 0;
}

TEST(stream, loses_nothing_among_workers)
{
    with_each(without_order, NULL);
    with_seeds(40, without_order, NULL);
}

/* --- errors -------------------------------------------------------------- */

struct flaky {
    int64_t calls, wait;
};

/* Numbers that 3 divides fail twice, those that 10 divides for ever. */
static int flaky(void *from, void *to, void *arg)
{
    struct flaky *flaky = arg;
    int64_t value = *((struct box *)from)->value;

    flaky->calls++;
    if (value % 10 == 0)
        return -EIO;
    if (value % 3 == 0 && flaky->wait++ % 3 != 2)
        return -EAGAIN;
    return box_copy(from, to, NULL);
}

struct lost {
    struct moirai_failed failed;
    struct box box;
};

static void drop_lost(void *message, void *ctx)
{
    box_drop(&((struct lost *)message)->box, ctx);
}

static int policies(void *arg)
{
    struct moirai_stream_report report = { .size = sizeof report };
    struct moirai_elem elem = MOIRAI_ELEM(struct lost);
    struct moirai_chan *lost;
    struct flaky f = { 0, 0 };
    int64_t made = 0;
    struct lost one;

    (void)arg;
    CHECK_EQ(MOIRAI_STREAM(MOIRAI_NEVER, &report,
                 moirai_stream_generate(box_source, &made, box_elem()),
                 moirai_stream_or_skip(moirai_stream_or_retry(
                     moirai_stream_map(flaky, &f, box_elem()), 2, 100)),
                 moirai_stream_drain()), 0);
    CHECK_EQ(report.skipped, MANY / 10);
    CHECK_EQ(report.delivered, MANY - MANY / 10);
    CHECK_EQ(report.retried, 2 * (MANY / 3 + 1 - MANY / 30 - 1)
                             + 2 * (MANY / 10));
    CHECK_EQ(f.calls, MANY + (int64_t)report.retried);
    CHECK_EQ(with_get(&boxes), 0);

    elem.drop = drop_lost;
    lost = talk_ring(NULL, MANY / 10, &elem);
    made = 0;
    CHECK_EQ(MOIRAI_STREAM(MOIRAI_NEVER, &report,
                 moirai_stream_generate(box_source, &made, box_elem()),
                 moirai_stream_or_divert(moirai_stream_or_retry(
                     moirai_stream_map(flaky, &f, box_elem()), 2, 0), lost),
                 moirai_stream_drain()), 0);
    CHECK_EQ(report.diverted, MANY / 10);
    CHECK_EQ(report.delivered, MANY - MANY / 10);
    for (int64_t i = 0; i < MANY / 10 - 1; i++) {
        CHECK_EQ(moirai_chan_recv(lost, &one, MOIRAI_NOW), 0);
        CHECK(*one.box.value == i * 10 && one.failed.error == -EIO
              && one.failed.stage == 1 && one.failed.tries == 3);
        box_drop(&one.box, NULL);
    }
    moirai_chan_put(lost);
    CHECK_EQ(with_get(&boxes), 0);
    made = 0;
    CHECK_EQ(MOIRAI_STREAM(MOIRAI_NEVER, NULL,
                 moirai_stream_generate(box_source, &made, box_elem()),
                 moirai_stream_or_retry(
                     moirai_stream_map(flaky, &f, box_elem()), 1, 1),
                 moirai_stream_drain()), -EIO);
    CHECK_EQ(with_get(&boxes), 0);
    return 0;
}

TEST(stream, deals_with_errors_as_it_is_told)
{
    with_one(1, policies, NULL);
    with_seeds(3, policies, NULL);
}

/* --- channels ------------------------------------------------------------ */

static int send_ten(void *arg)
{
    for (int64_t i = 0; i < 10; i++)
        CHECK_EQ(talk_send(arg, i, MOIRAI_NEVER), 0);
    return 0;
}

/* Messages that a stream does not get to, stay. */
static int between_channels(void *arg)
{
    struct moirai_chan *from = talk_ring_of_ints(NULL, 16);
    struct moirai_chan *to = talk_ring_of_ints(NULL, 16);

    (void)arg;
    send_ten(from);
    CHECK_EQ(MOIRAI_STREAM(MOIRAI_NEVER, NULL, moirai_stream_from(from),
                           moirai_stream_take(4),
                           moirai_stream_async(1, 1),
                           moirai_stream_into(to)), 0);
    CHECK_EQ(moirai_chan_length(from), 6);
    CHECK_EQ(moirai_chan_length(to), 4);
    CHECK_EQ(moirai_chan_close(from), 0);
    CHECK_EQ(MOIRAI_STREAM(MOIRAI_NEVER, NULL, moirai_stream_from(from),
                           moirai_stream_into(to)), 0);
    for (int64_t i = 0; i < 10; i++)
        CHECK_EQ(talk_recv(to, MOIRAI_NOW), i);
    moirai_chan_put(from);
    from = talk_ring_of_ints(NULL, 16);
    send_ten(from);
    CHECK_EQ(moirai_chan_close(to), 0);
    CHECK_EQ(MOIRAI_STREAM(MOIRAI_NEVER, NULL, moirai_stream_from(from),
                           moirai_stream_into(to)), 0);
    CHECK_EQ(moirai_chan_length(from), 9);
    moirai_chan_put(from);
    moirai_chan_put(to);
    return 0;
}

TEST(stream, leaves_in_its_channel_what_it_does_not_get_to)
{
    with_each(between_channels, NULL);
}

/* Many lanes right at a channel, one of which has had enough while the others
 * wait for messages that do not come. */
static int at_a_channel(void *arg)
{
    struct moirai_chan *from = talk_ring_of_ints(NULL, 16);
    int64_t total = 0;

    for (uint32_t flags = 0; flags <= MOIRAI_STREAM_ORDERED; flags++) {
        send_ten(from);
        CHECK_EQ(MOIRAI_STREAM(MOIRAI_NEVER, NULL, moirai_stream_from(from),
                               moirai_stream_workers(4, 2, 1, flags),
                               moirai_stream_apply(add_one, NULL),
                               moirai_stream_take(10),
                               moirai_stream_each(add_up, &total)), 0);
    }
    CHECK_EQ(total, 110);
    moirai_chan_put(from);
    (void)arg;
    return 0;
}

TEST(stream, wakes_those_who_wait_for_more_than_is_wanted)
{
    with_each(at_a_channel, NULL);
    with_seeds(100, at_a_channel, NULL);
}

/* --- mistakes ------------------------------------------------------------ */

static int refused(const struct moirai_stage *stages, size_t n,
                   const char *text)
{
    struct moirai_stream_report report = { .size = sizeof report };
    int rc = moirai_stream_run(NULL, stages, n, MOIRAI_NEVER, &report);

    CHECK_STR(report.error.text, text);
    CHECK_EQ(report.error.code, rc);
    return rc;
}

static int mistakes(void *arg)
{
    static const int64_t one = 1;
    int64_t got;
    size_t n;
    struct moirai_stage source = moirai_stream_array(&one, 1,
                                                     MOIRAI_OF(int64_t));
    struct moirai_stage drain = moirai_stream_drain();
    struct moirai_stage row[3] = { source, drain, drain };

    (void)arg;
    CHECK_EQ(refused(row, 1, "a stream has a source and a sink, at least"),
             -EINVAL);
    CHECK_EQ(refused(row, 3, "stage 1 of the stream (drain) is a sink, and "
                     "not the last"), -EINVAL);
    row[1] = source;
    CHECK_EQ(refused(row, 3, "stage 1 of the stream (array) is a source, and "
                     "not the first"), -EINVAL);
    row[1] = moirai_stream_take(1);
    CHECK_EQ(refused(row, 2, "stage 1 of the stream (take) cannot be the "
                     "last: it is no sink"), -EINVAL);
    CHECK_EQ(refused(row + 1, 2, "stage 0 of the stream (take) cannot be the "
                     "first: it is no source"), -EINVAL);
    row[1] = moirai_stream_map(NULL, NULL, MOIRAI_OF(char));
    CHECK_EQ(refused(row, 3, "stage 1 of the stream (map) has no function"),
             -EINVAL);
    row[1] = MOIRAI_TAKES(char, moirai_stream_apply(add_one, NULL));
    CHECK_EQ(refused(row, 3, "stage 1 of the stream (apply) takes messages of "
                     "1 bytes, and gets 8"), -EINVAL);
    row[1] = moirai_stream_workers(0, 0, 0, 0);
    CHECK_EQ(refused(row, 3, "stage 1 of the stream (workers) is to be 0 "
                     "tasks, in the way of 0"), -EINVAL);
    row[1] = moirai_stage_of(77);
    CHECK_EQ(refused(row, 3, "stage 1 of the stream is none that this version "
                     "knows: kind 77"), -EINVAL);
    row[1] = moirai_stream_collect(&got, 1, &n, MOIRAI_OF(char));
    CHECK_EQ(refused(row, 2, "stage 1 of the stream (collect) has an array of "
                     "1 bytes each, and gets messages of 8"), -EINVAL);
    row[1] = moirai_stream_into(NULL);
    CHECK_EQ(refused(row, 2, "stage 1 of the stream (into) has no endpoint "
                     "that sends"), -EBADF);
    row[1] = moirai_stream_collect(&got, 0, &n, MOIRAI_OF(int64_t));
    CHECK_EQ(moirai_stream_run(NULL, row, 2, MOIRAI_NEVER, NULL), -ENOSPC);
    return 0;
}

TEST(stream, explains_mistakes)
{
    with_one(1, mistakes, NULL);
}

TEST(stream, runs_from_a_plain_thread)
{
    struct moirai_runtime *rt = with_workers(2);
    struct row row;

    row_begin(&row);
    row_add(&row, moirai_stream_async(3, 1));
    row_add(&row, moirai_stream_each(box_in_order, &row.seen));
    CHECK_EQ(moirai_stream_run(rt, row.stages, row.n, MOIRAI_NEVER, NULL), 0);
    CHECK_EQ(row.seen, MANY);
    CHECK_EQ(moirai_stream_run(NULL, row.stages, row.n, MOIRAI_NEVER, NULL),
             -EINVAL);
    with_end(rt);
}
