/* SPDX-License-Identifier: MIT */
/*
 * test_stream_time.c - streams and time, on the simulator's clock: what passes
 * when is exact there.
 */
#include "row.h"

/* A source that makes box i at its time, in us, from the beginning on. */
struct times {
    const int *at;                  /* the last is negative */
    int next;
    int64_t begin;
};

static int at_times(void *message, void *arg)
{
    struct times *times = arg;
    int at = times->at[times->next];
    int rc;

    if (at < 0)
        return MOIRAI_STREAM_END;
    rc = moirai_sleep_until(times->begin + at * MOIRAI_US);
    if (rc == 0)
        *(struct box *)message = box_make(times->next++);
    return rc;
}

/* What came out, and when: "5@300 7@400". */
struct text {
    char text[400];
    int64_t begin;
};

static void write_when(struct text *text)
{
    size_t used = strlen(text->text);
    int64_t us = (moirai_now() - text->begin) / MOIRAI_US;

    snprintf(text->text + used, sizeof text->text - used, "@%lld ",
             (long long)us);
}

static void write_value(struct text *text, int64_t value)
{
    size_t used = strlen(text->text);

    snprintf(text->text + used, sizeof text->text - used, "%lld",
             (long long)value);
}

static int write_box(void *message, void *arg)
{
    write_value(arg, *((struct box *)message)->value);
    write_when(arg);
    return 0;
}

static int write_batch(void *message, void *arg)
{
    const struct moirai_batch *batch = message;

    for (uint32_t i = 0; i < batch->n; i++) {
        const struct box *box = moirai_batch_at(batch, i);

        write_value(arg, *box->value);
    }
    write_when(arg);
    return 0;
}

/* Runs one stage between that source and a sink. */
static int through(const int *at, struct moirai_stage stage, struct text *text)
{
    struct times times = { at, 0, moirai_now() };
    struct moirai_stage row[] = {
        moirai_stream_generate(at_times, &times, box_elem()),
        stage,
        moirai_stream_each(stage.kind == MOIRAI_STAGE_BATCH ? write_batch
                                                            : write_box, text),
    };
    int rc;

    text->text[0] = '\0';
    text->begin = times.begin;
    rc = moirai_stream_run(NULL, row, 3, MOIRAI_NEVER, NULL);
    CHECK_EQ(with_get(&boxes), 0);
    return rc;
}

static const int steps[] = { 0, 10, 20, 100, 110, 300, 310, 400, -1 };

static int timed(void *arg)
{
    struct text text;

    (void)arg;
    CHECK_EQ(through(steps, moirai_stream_batch(3, 0), &text), 0);
    CHECK_STR(text.text, "012@20 345@300 67@400 ");
    CHECK_EQ(through(steps, moirai_stream_batch(3, 50 * MOIRAI_US), &text), 0);
    CHECK_STR(text.text, "012@20 34@150 56@350 7@400 ");
    CHECK_EQ(through(steps, moirai_stream_debounce(50 * MOIRAI_US), &text),
             0);
    CHECK_STR(text.text, "2@70 4@160 6@360 7@400 ");
    CHECK_EQ(through(steps, moirai_stream_throttle(30 * MOIRAI_US, 0), &text),
             0);
    CHECK_STR(text.text, "0@0 1@30 2@60 3@100 4@130 5@300 6@330 7@400 ");
    CHECK_EQ(through(steps, moirai_stream_throttle(30 * MOIRAI_US, 2), &text),
             0);
    CHECK_STR(text.text, "0@0 1@10 2@30 3@100 4@110 5@300 6@310 7@400 ");
    CHECK_EQ(through(steps, moirai_stream_sample(15 * MOIRAI_US), &text), 0);
    CHECK_STR(text.text, "0@0 2@20 3@100 5@300 7@400 ");
    CHECK_EQ(through(steps, moirai_stream_timeout(200 * MOIRAI_US), &text), 0);
    CHECK_EQ(through(steps, moirai_stream_timeout(180 * MOIRAI_US), &text),
             -ETIMEDOUT);
    CHECK_STR(text.text, "0@0 1@10 2@20 3@100 4@110 ");
    return 0;
}

TEST(stream_time, is_that_of_the_clock)
{
    with_seeds(100, timed, NULL);
}

/* The sink is slow: messages wait, and count when they get there. */
static int slow(void *message, void *arg)
{
    write_value(arg, *((struct box *)message)->value);
    return moirai_sleep_until(moirai_after(100 * MOIRAI_US));
}

static int behind(void *arg)
{
    static const int at[] = { 0, 10, 20, 250, -1 };
    struct times times = { at, 0, moirai_now() };
    struct text text = { "", times.begin };

    (void)arg;
    CHECK_EQ(MOIRAI_STREAM(MOIRAI_NEVER, NULL,
                 moirai_stream_generate(at_times, &times, box_elem()),
                 moirai_stream_async(4, 4),
                 moirai_stream_timeout(60 * MOIRAI_US),
                 moirai_stream_each(slow, &text)), 0);
    CHECK_STR(text.text, "0123");
    CHECK_EQ(with_get(&boxes), 0);
    return 0;
}

TEST(stream_time, spent_behind_a_stage_is_not_waiting)
{
    with_seeds(20, behind, NULL);
}

static int write_window(void *message, void *arg)
{
    struct moirai_batch *batch = message;

    for (uint32_t i = 0; i < batch->n; i++) {
        int64_t *value = moirai_batch_at(batch, i);

        write_value(arg, *value);
        *value = 0;                 /* it is a copy */
    }
    strcat(((struct text *)arg)->text, " ");
    return 0;
}

static int windows(void *arg)
{
    static const int64_t numbers[] = { 1, 2, 3, 4, 5, 6, 7, 8 };
    struct moirai_stage row[] = {
        moirai_stream_array(numbers, 8, MOIRAI_OF(int64_t)),
        moirai_stream_window(3, 1),
        moirai_stream_each(write_window, arg),
    };
    struct text text = { "", 0 };

    row[2].arg = &text;
    CHECK_EQ(moirai_stream_run(NULL, row, 3, MOIRAI_NEVER, NULL), 0);
    CHECK_STR(text.text, "123 234 345 456 567 678 ");
    text.text[0] = '\0';
    row[1] = moirai_stream_window(3, 2);
    CHECK_EQ(moirai_stream_run(NULL, row, 3, MOIRAI_NEVER, NULL), 0);
    CHECK_STR(text.text, "123 345 567 ");
    text.text[0] = '\0';
    row[1] = moirai_stream_window(2, 5);
    CHECK_EQ(moirai_stream_run(NULL, row, 3, MOIRAI_NEVER, NULL), 0);
    CHECK_STR(text.text, "12 67 ");
    row[1] = moirai_stream_window(2, 0);
    CHECK_EQ(moirai_stream_run(NULL, row, 3, MOIRAI_NEVER, NULL), -EINVAL);
    return 0;
}

TEST(stream_time, does_not_matter_to_windows)
{
    with_one(1, windows, NULL);
}

/* Stopped, failed and cancelled while batches are collected and on their way,
 * and messages are held. */
static int move_batch(void *from, void *to, void *arg)
{
    struct moirai_batch *batch = from;
    struct box *box = moirai_batch_at(batch, 0);

    if (*(int *)arg != 0)
        return *(int *)arg;
    *(struct box *)to = *box;
    box->value = NULL;
    return 0;
}

static int ends(void *arg)
{
    int rc = 0;

    (void)arg;
    for (size_t kind = 0; kind < 3; kind++) {
        struct row row;

        rc = kind == 1 ? MOIRAI_STREAM_END : kind == 2 ? -EIO : 0;
        row_begin(&row);
        row_add(&row, moirai_stream_batch(7, MOIRAI_MS));
        row_add(&row, moirai_stream_async(4, 2));
        row_add(&row, moirai_stream_skip(2));
        row_add(&row, moirai_stream_map(move_batch, &rc, box_elem()));
        row_add(&row, moirai_stream_debounce(MOIRAI_US));
        row_add(&row, moirai_stream_take(kind == 0 ? 1 : 50));
        row_add(&row, moirai_stream_throttle(MOIRAI_US, 3));
        row_add(&row, moirai_stream_drain());
        CHECK_EQ(row_run(&row), kind == 2 ? -EIO : 0);
    }
    return 0;
}

TEST(stream_time, drops_what_is_held_when_it_ends)
{
    with_each(ends, NULL);
    with_seeds(50, ends, NULL);
}

/* In a task that has a deadline of its own. */
static int wait_for_any(void *arg)
{
    return MOIRAI_STREAM(MOIRAI_NEVER, NULL, moirai_stream_from(arg),
                         moirai_stream_batch(3, MOIRAI_S),
                         moirai_stream_timeout(MOIRAI_S),
                         moirai_stream_drain());
}

static int deadline(void *arg)
{
    struct moirai_chan *chan = talk_ring_of_ints(NULL, 1);
    struct moirai_attr attr = MOIRAI_ATTR_INIT;
    struct moirai_handle *handle;
    struct moirai_scope scope;
    int result = 0;

    (void)arg;
    attr.deadline_ns = moirai_after(MOIRAI_MS);
    talk_begin(&scope);
    CHECK_EQ(talk_send(chan, 1, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn_with(&scope, wait_for_any, chan, &attr, &handle), 0);
    CHECK_EQ(moirai_handle_join(handle, MOIRAI_NEVER, &result), 0);
    CHECK_EQ(result, -ETIMEDOUT);
    CHECK_EQ(moirai_scope_end(&scope), -ETIMEDOUT);
    moirai_handle_put(handle);
    moirai_chan_put(chan);
    return 0;
}

TEST(stream_time, is_also_that_of_its_caller)
{
    with_one(2, deadline, NULL);
    with_seeds(5, deadline, NULL);
}
