/* SPDX-License-Identifier: MIT */
/*
 * chain.c - scans; collect.c builds on them.
 *
 * The range is cut into links, which workers claim in order. If what precedes
 * a link is known when a worker comes to it, which is always so with one
 * worker, it scans the link at once. If not, it folds the link, which brings it
 * into the cache, and tries again; a link whose predecessors are still not
 * known is put aside, and is done by whoever makes them known. So nobody ever
 * waits for another, and most of the range is read once from memory.
 *
 * A link's `state` decides who: its folder swaps in FOLDED, who knows what
 * precedes it swaps in KNOWN; each is done once, and whoever comes second finds
 * what the other left and has the link to scan. The swaps pair with each
 * other: `sum` is written before FOLDED, `before` before KNOWN.
 *
 * Rejected: a tree of sums and a second pass, which reads all from memory
 * twice; waiting for the predecessor, as accelerators do, because the worker
 * that has it may run other tasks meanwhile.
 */
#include "chain.h"

#include <errno.h>
#include <string.h>

#include "loop.h"
#include "task.h"

#define LEAST 512                   /* indices in a link */
#define MOST 16384
#define EACH 16                     /* links for each worker, or more */
#define LARGEST 1024                /* moirai_fold.size */

enum { UNKNOWN, FOLDED, KNOWN };    /* link.state */

struct link {
    MO_ATOMIC(uint32_t) state;
    int32_t result;                 /* of the body; whoever does it, once */
    size_t begin, end;
    unsigned char *sum, *before;    /* op->size bytes each */
};

struct chain {
    const struct moirai_fold *op;
    void *arg;
    struct link *links;
    size_t count;
    void *total;                    /* or NULL */
    MO_ATOMIC(size_t) next;         /* to be claimed */
    MO_ATOMIC(uint32_t) stop;       /* a body returned other than 0, or a */
    MO_ATOMIC(uint32_t) left_out;   /* cancellation was seen */
};

static bool halted(struct chain *chain)
{
    struct mo_worker *w = mo_self();

    if (mo_load_relaxed(&chain->stop) != 0)
        return true;
    if (w == NULL || w->task == NULL || !mo_task_cancelled(w->task))
        return false;
    mo_task_saw_cancel(w->task);
    mo_store_relaxed(&chain->left_out, 1);
    mo_store_relaxed(&chain->stop, 1);
    return true;
}

static bool failed(struct chain *chain, struct link *link, int rc)
{
    if (rc == 0)
        return false;
    link->result = rc;
    mo_store_relaxed(&chain->stop, 1);
    return true;
}

/* The links [first, last] are known, and nobody else's. */
static void scan_links(struct chain *chain, struct link *first,
                       struct link *last)
{
    const struct moirai_fold *op = chain->op;

    for (struct link *link = first; link <= last; link++) {
        if (halted(chain)
            || failed(chain, link, op->scan(link->begin, link->end,
                                            link->before, chain->arg)))
            return;
    }
}

/* What comes after `link` is in *after. True: the next link has been folded,
 * and is the caller's. */
static bool tell_next(struct chain *chain, struct link *link,
                      const void *after)
{
    size_t size = chain->op->size;
    struct link *next = link + 1;

    if (next == chain->links + chain->count) {
        if (chain->total != NULL)
            memcpy(chain->total, after, size);
        return false;
    }
    memcpy(next->before, after, size);
    return mo_swap(&next->state, KNOWN) == FOLDED;
}

/* A link that is folded and known: tells the others first, then scans it and
 * those that were waiting for this. */
static void finish(struct chain *chain, struct link *link)
{
    const struct moirai_fold *op = chain->op;
    struct link *last = link;
    bool more = true;

    while (more) {
        memcpy(last->sum + op->size, last->before, op->size);
        op->join(last->sum + op->size, last->sum, chain->arg);
        more = tell_next(chain, last, last->sum + op->size);
        last += more;
    }
    scan_links(chain, link, last);
}

static void do_link(struct chain *chain, struct link *link)
{
    const struct moirai_fold *op = chain->op;

    if (mo_load(&link->state) != KNOWN) {
        memcpy(link->sum, op->zero, op->size);
        if (!failed(chain, link, op->fold(link->begin, link->end, link->sum,
                                          chain->arg))
            && mo_swap(&link->state, FOLDED) == KNOWN)
            finish(chain, link);
    } else if (!failed(chain, link, op->scan(link->begin, link->end,
                                             link->before, chain->arg))
               && tell_next(chain, link, link->before)) {
        finish(chain, link + 1);
    }
}

/* One worker's part. */
static int take_part(size_t begin, size_t end, void *arg)
{
    struct chain *chain = arg;

    (void)begin;
    (void)end;
    while (!halted(chain)) {
        size_t i = mo_add(&chain->next, 1);

        if (i >= chain->count)
            break;
        do_link(chain, &chain->links[i]);
    }
    return 0;
}

static size_t round_up(size_t n)
{
    return (n + 15) / 16 * 16;
}

size_t mo_chain_room(size_t count, size_t size)
{
    return count * (sizeof(struct link) + round_up(size) + round_up(2 * size));
}

size_t mo_chain_grain(size_t n, size_t grain)
{
    size_t length = n / (mo_loop_workers() * (size_t)EACH);

    if (grain != 0)
        return grain;
    return length < LEAST ? LEAST : length > MOST ? MOST : length;
}

/* Links, with room for their results behind them: before, sum, after. */
static void make_links(struct chain *chain, size_t begin, size_t end,
                       size_t length)
{
    size_t size = chain->op->size;
    unsigned char *room = (unsigned char *)(chain->links + chain->count);
    size_t each = round_up(size) + round_up(2 * size);

    for (size_t i = 0; i < chain->count; i++) {
        struct link *link = &chain->links[i];

        mo_store_relaxed(&link->state, i == 0 ? KNOWN : UNKNOWN);
        link->result = 0;
        link->begin = begin + i * length;
        link->end = end - link->begin > length ? link->begin + length : end;
        link->before = room + i * each;
        link->sum = link->before + round_up(size);
    }
    memcpy(chain->links[0].before, chain->op->zero, size);
}

/* All is over; the first piece that ended badly says how. */
static int outcome(const struct chain *chain, int rc)
{
    for (size_t i = 0; i < chain->count; i++)
        if (chain->links[i].result != 0)
            return chain->links[i].result;
    if (rc == 0 && mo_load_relaxed(&chain->left_out) != 0)
        return -ECANCELED;
    return rc;
}

int moirai_par_scan(size_t begin, size_t end, const struct moirai_fold *op,
                    void *arg, void *total,
                    const struct moirai_par_attr *attr)
{
    struct moirai_par_attr each = { .schedule = MOIRAI_STATIC };
    struct moirai_par_attr own;
    struct chain chain = { .op = op, .arg = arg, .total = total };
    struct mo_scratch scratch;
    struct mo_loop loop;
    size_t length;
    int rc = mo_loop_attr(attr, &own);

    if (rc == 0 && op->size > LARGEST)
        rc = -EINVAL;
    if (rc != 0)
        return rc;
    if (begin >= end) {
        if (total != NULL)
            memcpy(total, op->zero, op->size);
        return 0;
    }
    length = mo_chain_grain(end - begin, own.grain);
    chain.count = (end - begin) / length + ((end - begin) % length != 0);
    rc = mo_scratch_get(&scratch, mo_chain_room(chain.count, op->size), &own);
    if (rc != 0)
        return rc;
    chain.links = scratch.memory;
    make_links(&chain, begin, end, length);
    mo_loop_init(&loop, mo_loop_workers(), &each);
    loop.body = take_part;
    loop.arg = &chain;
    rc = outcome(&chain, mo_loop_run(&loop, 0, mo_loop_workers(), NULL));
    mo_scratch_put(&scratch);
    return rc;
}
