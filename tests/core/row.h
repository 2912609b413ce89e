/* SPDX-License-Identifier: MIT */
/*
 * row.h - what the tests of streams share: messages that are boxes, memory of
 * their own which is counted, and rows of stages that pass them on.
 */
#ifndef ROW_H
#define ROW_H

#include <stdlib.h>
#include <string.h>

#include "talk.h"

#define MANY 1000

struct box {
    int64_t *value;
};

static int64_t boxes;               /* atomic: how many there are */

static inline struct box box_make(int64_t value)
{
    struct box box = { malloc(sizeof *box.value) };

    CHECK(box.value != NULL);
    *box.value = value;
    with_add(&boxes, 1);
    return box;
}

static inline void box_drop(void *message, void *ctx)
{
    struct box *box = message;

    (void)ctx;
    if (box->value != NULL)
        with_add(&boxes, -1);
    free(box->value);
}

static inline struct moirai_elem box_elem(void)
{
    struct moirai_elem elem = MOIRAI_ELEM(struct box);

    elem.drop = box_drop;
    return elem;
}

static inline int box_source(void *message, void *arg)
{
    int64_t *next = arg;

    if (*next == MANY)
        return MOIRAI_STREAM_END;
    *(struct box *)message = box_make((*next)++);
    return 0;
}

static inline int box_copy(void *from, void *to, void *arg)
{
    (void)arg;
    *(struct box *)to = box_make(*((struct box *)from)->value);
    return 0;
}

/* Moves it. */
static inline int box_move(void *from, void *to, void *arg)
{
    (void)arg;
    *(struct box *)to = *(struct box *)from;
    ((struct box *)from)->value = NULL;
    return 0;
}

static inline int box_in_order(void *message, void *arg)
{
    int64_t *next = arg;

    CHECK_EQ(*((struct box *)message)->value, (*next)++);
    return 0;
}

static inline int box_is_odd(const void *message, void *arg)
{
    (void)arg;
    return *((const struct box *)message)->value % 2 != 0;
}

static inline int box_three(void *from, struct moirai_stream *out, void *arg)
{
    int rc = 0;

    (void)arg;
    for (int64_t i = 0; i < 3 && rc == 0; i++) {
        struct box box = box_make(*((struct box *)from)->value * 3 + i);

        rc = moirai_stream_emit(out, &box);
    }
    return rc;
}

/* A row of everything, with boxes, cut in a way that differs. */
struct row {
    struct moirai_stage stages[12];
    size_t n;
    int64_t made, seen;
};

static inline void row_add(struct row *row, struct moirai_stage stage)
{
    row->stages[row->n++] = stage;
}

static inline void row_begin(struct row *row)
{
    memset(row, 0, sizeof *row);
    row_add(row, moirai_stream_generate(box_source, &row->made, box_elem()));
}

static inline int row_run(struct row *row)
{
    int rc = moirai_stream_run(NULL, row->stages, row->n, MOIRAI_NEVER, NULL);

    CHECK_EQ(with_get(&boxes), 0);
    return rc;
}

/* Somewhere in a row of parts is a stage that ends it; before it and behind it
 * there are messages on their way. */
static inline void row_with(struct row *row, size_t where,
                       struct moirai_stage stage, size_t chunk)
{
    row_begin(row);
    for (size_t i = 0; i < 3; i++) {
        if (i == where)
            row_add(row, stage);
        if (i == 1)
            row_add(row, moirai_stream_workers(3, 4, chunk,
                                           MOIRAI_STREAM_ORDERED));
        else
            row_add(row, moirai_stream_async(4, chunk));
        if (i == 1 && where == 3)
            row_add(row, stage);
        row_add(row, moirai_stream_map(i == 1 ? box_move : box_copy, NULL,
                                   box_elem()));
    }
    row_add(row, moirai_stream_each(box_in_order, &row->seen));
}

#endif
