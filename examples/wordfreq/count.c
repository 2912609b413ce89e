/* SPDX-License-Identifier: MIT */
/*
 * count.c - the third stage: a chunk is split, forked, counted and joined.
 *
 * Each half forks what is to its right. Whoever begins a fork looks whether it
 * was left a table to count into: a worker that stole it finds none and makes
 * its own, which the join merges. When the left half is done and nobody has
 * begun the right one yet, its table is left there. So there are as many
 * tables as there were thefts, and on one worker nothing is ever merged.
 *
 * `table` is the meeting point: the left half and whoever begins the fork each
 * exchange it once. Release and acquire carry the table's contents along.
 */
#include "counts.h"
#include "job.h"
#include "letters.h"

#include <errno.h>

/* Above this many words a counting task hands its table to the merge. */
#define TABLE_LIMIT ((size_t)1 << 18)

struct piece {                      /* a fork */
    const char *begin, *end;
    size_t grain;
    _Atomic(struct counts *) table; /* NULL: none left here so far */
    struct counts *own;             /* its result, if it made a table */
};

/* In `table` once the fork has begun. */
#define BEGUN ((struct counts *)-1)

static int count_range(struct counts *table, const char *begin,
                       const char *end, size_t grain);

static int count_piece(void *arg)
{
    struct piece *piece = arg;
    struct counts *table;

    table = atomic_exchange_explicit(&piece->table, BEGUN,
                                     memory_order_acquire);
    if (table == NULL) {
        table = piece->own = counts_new();
        if (table == NULL)
            return -ENOMEM;
    }
    return count_range(table, piece->begin, piece->end, piece->grain);
}

/* The first place from the middle on that is not inside a word. */
static const char *split(const char *begin, const char *end)
{
    const char *middle = begin + (end - begin) / 2;

    while (middle < end && is_letter(*middle))
        middle++;
    return middle;
}

static int count_range(struct counts *table, const char *begin,
                       const char *end, size_t grain)
{
    struct piece right = { .end = end, .grain = grain };
    struct moirai_frame frame;
    struct counts *none = NULL;
    int rc, right_rc;

    if ((size_t)(end - begin) <= grain)
        return counts_text(table, begin, end);
    right.begin = split(begin, end);
    if (right.begin == end)
        return counts_text(table, begin, end);

    moirai_fork(&frame, count_piece, &right);
    rc = count_range(table, begin, right.begin, grain);
    atomic_compare_exchange_strong_explicit(&right.table, &none, table,
                                            memory_order_release,
                                            memory_order_relaxed);
    right_rc = moirai_join(&frame);
    if (rc == 0)
        rc = right_rc;
    if (right.own != NULL && rc == 0)
        rc = counts_merge(table, right.own);
    counts_free(right.own);
    return rc;
}

static int hand_over(struct counts **table, struct moirai_chan *counts)
{
    int rc = moirai_chan_send(counts, table, MOIRAI_NEVER);

    if (rc == 0)
        *table = NULL;
    return rc;
}

/* Counts one chunk into *table, and gives the chunk back to the stock. */
static int count_chunk(struct job *job, struct chunk *chunk,
                       struct counts **table)
{
    int rc = 0;

    if (*table == NULL)
        *table = counts_new();
    if (*table == NULL)
        rc = -ENOMEM;
    else
        rc = count_range(*table, chunk->text, chunk->text + chunk->used,
                         job->options.grain);
    if (rc == 0)
        rc = moirai_chan_send(job->stock, &chunk, MOIRAI_NEVER);
    if (rc != 0)
        chunk_free(chunk);
    return rc;
}

int count_chunks(struct stage *stage)
{
    struct counts *table = NULL;
    struct chunk *chunk;
    int rc;

    while ((rc = moirai_chan_recv(stage->in, &chunk, MOIRAI_NEVER)) == 0) {
        rc = count_chunk(stage->job, chunk, &table);
        if (rc == 0 && table->used > TABLE_LIMIT)
            rc = hand_over(&table, stage->out);
        if (rc != 0)
            break;
    }
    if (rc == -EPIPE)
        rc = table == NULL ? 0 : hand_over(&table, stage->out);
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
