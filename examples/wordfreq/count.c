/* SPDX-License-Identifier: MIT */
/*
 * count.c - the third stage: a chunk is split, forked, counted and joined.
 *
 * Each half forks what is to its right. When the left half is done and nobody
 * has begun the right one yet, the left one's table is left there for it; so
 * on one worker everything goes into one table. Whoever begins a fork earlier,
 * which takes a thief or a scheduler with an order of its own, finds no table
 * and takes one of the spares, which go round as the chunks do. A theft thus
 * costs neither a new table nor a merge: the tables are merged at the end.
 *
 * `table` is the meeting point: the left half and whoever begins the fork each
 * exchange it once. Release and acquire carry the table's contents along.
 */
#include "counts.h"
#include "job.h"
#include "letters.h"

#include <errno.h>

/* Above this many words a table is handed to the merge. */
#define TABLE_LIMIT ((size_t)1 << 18)

struct piece {                      /* a fork */
    struct stage *stage;
    const char *begin;
    const char *end;
    _Atomic(struct counts *) table; /* NULL: none left here so far */
};

/* In `table` once the fork has begun. */
#define BEGUN ((struct counts *)-1)

/* A table: a spare one, or a new one. NULL: out of memory. */
static struct counts *table_get(struct job *job)
{
    struct counts *table;

    if (moirai_chan_recv(job->spares, &table, MOIRAI_NOW) == 0)
        return table;
    return counts_make();
}

static int hand_over(struct stage *stage, struct counts *table)
{
    int rc = moirai_chan_send(stage->out, &table, MOIRAI_NEVER);

    if (rc != 0)
        counts_free(table);
    return rc;
}

/* Puts a table to the spares, or hands it over if it is large, or if there are
 * enough. */
static int table_put(struct stage *stage, struct counts *table)
{
    if (table->used <= TABLE_LIMIT
        && moirai_chan_send(stage->job->spares, &table, MOIRAI_NOW) == 0)
        return 0;
    return hand_over(stage, table);
}

static int count_range(struct stage *stage, struct counts *table,
                       const char *begin, const char *end);

static int count_piece(void *arg)
{
    struct piece *piece = arg;
    struct counts *table;
    int rc;
    int put;

    /* Pairs with the release in count_range. */
    table = atomic_exchange_explicit(&piece->table, BEGUN,
                                     memory_order_acquire);
    if (table != NULL)
        return count_range(piece->stage, table, piece->begin, piece->end);
    table = table_get(piece->stage->job);
    if (table == NULL)
        return -ENOMEM;
    rc = count_range(piece->stage, table, piece->begin, piece->end);
    put = table_put(piece->stage, table);
    return rc != 0 ? rc : put;
}

/* The first place from the middle on that is not inside a word. */
static const char *split(const char *begin, const char *end)
{
    const char *middle = begin + (end - begin) / 2;

    while (middle < end && is_letter(*middle))
        middle++;
    return middle;
}

static int count_range(struct stage *stage, struct counts *table,
                       const char *begin, const char *end)
{
    struct piece right = { .stage = stage, .end = end };
    struct counts *none = NULL;
    struct moirai_frame frame;
    int rc;
    int right_rc;

    if ((size_t)(end - begin) <= stage->job->options.grain)
        return counts_text(table, begin, end);
    right.begin = split(begin, end);
    if (right.begin == end)
        return counts_text(table, begin, end);

    moirai_fork(&frame, count_piece, &right);
    rc = count_range(stage, table, begin, right.begin);
    /* Pairs with the acquire in count_piece. */
    atomic_compare_exchange_strong_explicit(&right.table, &none, table,
                                            memory_order_release,
                                            memory_order_relaxed);
    right_rc = moirai_join(&frame);
    return rc != 0 ? rc : right_rc;
}

/* Counts a chunk into *table, made if there is none, and gives the chunk back
 * to the stock. */
static int count_chunk(struct stage *stage, struct chunk *chunk,
                       struct counts **table)
{
    int rc = -ENOMEM;

    if (*table == NULL)
        *table = table_get(stage->job);
    if (*table != NULL)
        rc = count_range(stage, *table, chunk->text,
                         chunk->text + chunk->used);
    if (rc == 0)
        rc = moirai_chan_send(stage->job->stock, &chunk, MOIRAI_NEVER);
    if (rc != 0)
        chunk_free(chunk);
    return rc;
}

/* The end of a counting task: its table, and the spares. Whoever puts one
 * there is a fork of some task of this stage, which passes here later, so none
 * is left behind. */
static int hand_over_all(struct stage *stage, struct counts *table)
{
    int rc = table == NULL ? 0 : hand_over(stage, table);

    while (rc == 0) {
        rc = moirai_chan_recv(stage->job->spares, &table, MOIRAI_NOW);
        if (rc == 0)
            rc = hand_over(stage, table);
    }
    return rc == -EAGAIN ? 0 : rc;
}

/* The task keeps its table from chunk to chunk: the words that occur all the
 * time are in this worker's cache. */
int count_chunks(struct stage *stage)
{
    struct counts *table = NULL;
    struct chunk *chunk;
    int rc;

    while ((rc = moirai_chan_recv(stage->in, &chunk, MOIRAI_NEVER)) == 0) {
        rc = count_chunk(stage, chunk, &table);
        if (rc == 0 && table->used > TABLE_LIMIT) {
            rc = hand_over(stage, table);
            table = NULL;
        }
        if (rc != 0)
            break;
    }
    if (rc == -EPIPE)
        return hand_over_all(stage, table);
    counts_free(table);
    return rc;
}

int merge_counts(struct stage *stage)
{
    struct job *job = stage->job;
    struct counts *part;
    int rc;

    while ((rc = moirai_chan_recv(stage->in, &part, MOIRAI_NEVER)) == 0) {
        if (job->total == NULL) {
            job->total = part;
            continue;
        }
        rc = counts_merge(job->total, part);
        counts_free(part);
        if (rc != 0)
            return rc;
    }
    return rc == -EPIPE ? 0 : rc;
}
