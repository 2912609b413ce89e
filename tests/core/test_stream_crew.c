/* SPDX-License-Identifier: MIT */
/*
 * test_stream_crew.c - pools of a stream grow and shrink, chunks and batches
 * adapt, and nothing is lost over it.
 */
#include "row.h"

static const uint32_t orders[] = { 0, MOIRAI_STREAM_ORDERED,
                                   MOIRAI_STREAM_ADAPTIVE,
                                   MOIRAI_STREAM_ORDERED
                                       | MOIRAI_STREAM_ADAPTIVE };

/* --- pools --------------------------------------------------------------- */

/* In bursts of 50, with a pause after each. */
static int in_bursts(void *message, void *arg)
{
    int64_t *next = arg;
    int rc = 0;

    if (*next == MANY)
        return MOIRAI_STREAM_END;
    if (*next % 50 == 0)
        rc = moirai_sleep_until(moirai_after(MOIRAI_MS));
    if (rc == 0)
        *(struct box *)message = box_make((*next)++);
    return rc;
}

static int take_a_while(void *message, void *arg)
{
    int64_t value = *((struct box *)message)->value;

    (void)arg;
    return moirai_sleep_until(moirai_after((value % 7 + 1) * 10 * MOIRAI_US));
}

static int sum_of(void *message, void *arg)
{
    *(int64_t *)arg += *((struct box *)message)->value;
    return 0;
}

static int pool_once(struct moirai_stage pool, bool ordered,
                     struct moirai_stream_report *report)
{
    int64_t made = 0;
    int64_t seen = 0;
    int rc;

    *report = (struct moirai_stream_report){ .size = sizeof *report };
    rc = MOIRAI_STREAM(MOIRAI_NEVER, report,
             moirai_stream_generate(in_bursts, &made, box_elem()), pool,
             moirai_stream_apply(take_a_while, NULL),
             moirai_stream_each(ordered ? box_in_order : sum_of, &seen));
    CHECK_EQ(with_get(&boxes), 0);
    CHECK_EQ(report->delivered, MANY);
    CHECK_EQ(seen, ordered ? MANY : MANY * (MANY - 1) / 2);
    return rc;
}

static int loses_nothing(void *arg)
{
    struct moirai_stream_report report;

    (void)arg;
    for (size_t i = 0; i < 4; i++) {
        bool ordered = (orders[i] & MOIRAI_STREAM_ORDERED) != 0;

        CHECK_EQ(pool_once(moirai_stream_pool(1, 8, 100 * MOIRAI_US, 4,
                                              orders[i]), ordered, &report), 0);
        CHECK(report.grown > 0);
        CHECK(report.shrunk <= report.grown);
    }
    return 0;
}

TEST(stream_crew, grows_and_shrinks_and_loses_nothing)
{
    with_each(loses_nothing, NULL);
    with_seeds(20, loses_nothing, NULL);
}

/* Under the simulator's clock: how many there are is known. */
static int grows_by_backlog(void *arg)
{
    struct moirai_stream_report report;

    (void)arg;
    CHECK_EQ(pool_once(moirai_stream_pool(2, 2, MOIRAI_MS, 4, 0), false,
                       &report), 0);
    CHECK_EQ(report.grown, 0);
    CHECK_EQ(report.tasks, 4);
    CHECK_EQ(pool_once(moirai_stream_pool(1, 8, 0, 4, 0), false, &report), 0);
    CHECK_EQ(report.grown, 7);
    CHECK_EQ(report.shrunk, 0);
    CHECK_EQ(pool_once(moirai_stream_pool(3, 8, 100 * MOIRAI_US, 4, 0), false,
                       &report), 0);
    CHECK(report.grown > 5);        /* in each burst anew */
    CHECK(report.shrunk >= report.grown - 5);
    return 0;
}

TEST(stream_crew, has_as_many_as_there_is_work_for)
{
    with_seeds(8, grows_by_backlog, NULL);
}

static int slowly(void *message, void *arg)
{
    int64_t *next = arg;

    if (*next == 20)
        return MOIRAI_STREAM_END;
    *(struct box *)message = box_make((*next)++);
    return moirai_sleep_until(moirai_after(MOIRAI_MS));
}

static int keeps_to_one(void *arg)
{
    struct moirai_stream_report report = { .size = sizeof report };
    int64_t made = 0;
    int64_t seen = 0;

    (void)arg;
    CHECK_EQ(MOIRAI_STREAM(MOIRAI_NEVER, &report,
                 moirai_stream_generate(slowly, &made, box_elem()),
                 moirai_stream_pool(1, 8, 100 * MOIRAI_US, 4, 0),
                 moirai_stream_apply(take_a_while, NULL),
                 moirai_stream_each(box_in_order, &seen)), 0);
    CHECK_EQ(report.grown, 0);
    CHECK_EQ(seen, 20);
    return 0;
}

TEST(stream_crew, adds_nobody_while_one_is_enough)
{
    with_seeds(10, keeps_to_one, NULL);
}

/* Ended, failed or cancelled, wherever that begins. */
static int fail_at_nine(void *message, void *arg)
{
    (void)arg;
    return *((struct box *)message)->value == 9 ? -EIO : 0;
}

static void crew_row(struct row *row, struct moirai_stage before,
                     struct moirai_stage within, uint32_t flags)
{
    row_begin(row);
    row_add(row, before);
    row_add(row, moirai_stream_pool(1, 5, 20 * MOIRAI_US, 3, flags));
    row_add(row, moirai_stream_apply(take_a_while, NULL));
    row_add(row, within);
    row_add(row, moirai_stream_each(sum_of, &row->seen));
}

static int ends_anyhow(void *arg)
{
    struct moirai_stage fails = moirai_stream_apply(fail_at_nine, NULL);
    struct moirai_stage takes = moirai_stream_take(9);
    struct moirai_stage goes_on = moirai_stream_skip(0);
    struct row row;

    (void)arg;
    for (size_t i = 0; i < 4; i++) {
        crew_row(&row, takes, goes_on, orders[i]);
        CHECK_EQ(row_run(&row), 0);
        CHECK_EQ(row.seen, 36);
        crew_row(&row, goes_on, takes, orders[i]);
        CHECK_EQ(row_run(&row), 0);
        CHECK(row.seen >= 36);
        crew_row(&row, fails, goes_on, orders[i]);
        CHECK_EQ(row_run(&row), -EIO);
        crew_row(&row, goes_on, fails, orders[i]);
        CHECK_EQ(row_run(&row), -EIO);
    }
    return 0;
}

TEST(stream_crew, ends_whoever_is_coming_or_going)
{
    with_each(ends_anyhow, NULL);
    with_seeds(100, ends_anyhow, NULL);
}

static int mistaken(void *arg)
{
    const int64_t one = 1;
    struct moirai_stage row[] = {
        moirai_stream_array(&one, 1, MOIRAI_OF(int64_t)),
        moirai_stream_pool(0, 2, 0, 1, 0),
        moirai_stream_drain(),
    };
    struct moirai_stream_report report = { .size = sizeof report };

    (void)arg;
    CHECK_EQ(moirai_stream_run(NULL, row, 3, MOIRAI_NEVER, &report), -EINVAL);
    CHECK_STR(report.error.text, "stage 1 of the stream (pool) is to have "
              "between 0 and 2 tasks, that go after 0 ns");
    row[1] = moirai_stream_pool(3, 2, 0, 1, 0);
    CHECK_EQ(moirai_stream_run(NULL, row, 3, MOIRAI_NEVER, NULL), -EINVAL);
    row[1] = moirai_stream_pool(1, 2, -1, 1, 0);
    CHECK_EQ(moirai_stream_run(NULL, row, 3, MOIRAI_NEVER, NULL), -EINVAL);
    row[1] = moirai_stream_pool(1, 2, 0, 1, 4);
    CHECK_EQ(moirai_stream_run(NULL, row, 3, MOIRAI_NEVER, NULL), -EINVAL);
    return 0;
}

TEST(stream_crew, explains_what_it_cannot_be)
{
    with_one(1, mistaken, NULL);
}

/* --- batches that adapt -------------------------------------------------- */

struct sizes {
    int64_t busy_ns;                /* how long each batch takes */
    uint32_t largest;
    int64_t batches, messages;
};

static int note_size(void *message, void *arg)
{
    const struct moirai_batch *batch = message;
    struct sizes *sizes = arg;

    for (uint32_t i = 0; i < batch->n; i++) {
        struct box *box = moirai_batch_at(batch, i);

        CHECK_EQ(*box->value, sizes->messages++);
    }
    sizes->batches++;
    if (batch->n > sizes->largest)
        sizes->largest = batch->n;
    return sizes->busy_ns != 0
         ? moirai_sleep_until(moirai_after(sizes->busy_ns)) : 0;
}

static struct sizes gather(moirai_stream_next_fn *source, int64_t busy_ns,
                           struct moirai_stage between)
{
    struct sizes sizes = { .busy_ns = busy_ns };
    int64_t made = 0;

    CHECK_EQ(MOIRAI_STREAM(MOIRAI_NEVER, NULL,
                 moirai_stream_generate(source, &made, box_elem()), between,
                 moirai_stream_gather(16),
                 moirai_stream_each(note_size, &sizes)), 0);
    CHECK_EQ(with_get(&boxes), 0);
    CHECK_EQ(sizes.messages, made);
    return sizes;
}

static int gathers(void *arg)
{
    struct sizes sizes;

    (void)arg;
    sizes = gather(slowly, 0, moirai_stream_async(32, 1));
    CHECK_EQ(sizes.messages, 20);
    CHECK_EQ(sizes.batches, 20);    /* each alone, and at once */
    sizes = gather(in_bursts, 100 * MOIRAI_US, moirai_stream_async(64, 1));
    CHECK_EQ(sizes.messages, MANY);
    CHECK_EQ(sizes.largest, 16);
    sizes = gather(in_bursts, 100 * MOIRAI_US,
                   moirai_stream_adaptive(moirai_stream_async(64, 8)));
    CHECK_EQ(sizes.largest, 16);
    return 0;
}

TEST(stream_crew, gathers_what_is_there)
{
    with_seeds(8, gathers, NULL);
}

static int gathers_all(void *arg)
{
    (void)arg;
    gather(in_bursts, 10 * MOIRAI_US, moirai_stream_async(8, 1));
    gather(in_bursts, 0, moirai_stream_skip(0));
    gather(box_source, 0, moirai_stream_adaptive(moirai_stream_async(8, 5)));
    return 0;
}

TEST(stream_crew, gathers_all_of_it)
{
    with_each(gathers_all, NULL);
}

/* --- chunks that adapt --------------------------------------------------- */

/* A message that is made while the one before it is on its way, and takes a
 * second to be thought of: nobody has to wait for it to be gathered. */
struct late {
    int64_t made, seen;
    int64_t sent_ns[20];
    int64_t latest_ns;
};

static int think(void *message, void *arg)
{
    struct late *late = arg;
    int64_t i = *(int64_t *)message;
    int rc = moirai_sleep_until(moirai_after(MOIRAI_S));

    late->sent_ns[i] = moirai_now();
    return rc;
}

static int look_late(void *message, void *arg)
{
    struct late *late = arg;
    int64_t i = *(int64_t *)message;
    int64_t ns = moirai_now() - late->sent_ns[i];

    CHECK_EQ(i, late->seen++);
    if (ns > late->latest_ns)
        late->latest_ns = ns;
    return 0;
}

static int latest(struct moirai_stage cut)
{
    struct late late = { 0 };
    int64_t numbers[20];

    for (int64_t i = 0; i < 20; i++)
        numbers[i] = i;
    CHECK_EQ(MOIRAI_STREAM(MOIRAI_NEVER, NULL,
                 moirai_stream_array(numbers, 20, MOIRAI_OF(int64_t)),
                 moirai_stream_apply(think, &late), cut,
                 moirai_stream_each(look_late, &late)), 0);
    CHECK_EQ(late.seen, 20);
    return (int)(late.latest_ns / MOIRAI_S);
}

static int holds_nothing_up(void *arg)
{
    (void)arg;
    CHECK_EQ(latest(moirai_stream_async(16, 5)), 4);
    CHECK_EQ(latest(moirai_stream_adaptive(moirai_stream_async(16, 5))), 0);
    CHECK_EQ(latest(moirai_stream_pool(1, 3, MOIRAI_MS, 16,
                                       MOIRAI_STREAM_ORDERED)), 0);
    CHECK_EQ(latest(moirai_stream_workers(3, 16, 5, MOIRAI_STREAM_ORDERED
                                          | MOIRAI_STREAM_ADAPTIVE)), 0);
    return 0;
}

TEST(stream_crew, holds_up_no_message_for_a_chunk)
{
    with_seeds(5, holds_nothing_up, NULL);
}

static int adapts_in_order(void *arg)
{
    struct row row;

    (void)arg;
    for (size_t chunk = 1; chunk <= 7; chunk += 3) {
        row_begin(&row);
        row_add(&row, moirai_stream_adaptive(moirai_stream_async(8, chunk)));
        row_add(&row, moirai_stream_map(box_move, NULL, box_elem()));
        row_add(&row, moirai_stream_workers(4, 8, chunk, MOIRAI_STREAM_ORDERED
                                            | MOIRAI_STREAM_ADAPTIVE));
        row_add(&row, moirai_stream_map(box_copy, NULL, box_elem()));
        row_add(&row, moirai_stream_each(box_in_order, &row.seen));
        CHECK_EQ(row_run(&row), 0);
        CHECK_EQ(row.seen, MANY);
    }
    return 0;
}

TEST(stream_crew, adapts_in_order)
{
    with_each(adapts_in_order, NULL);
    with_seeds(40, adapts_in_order, NULL);
}
