/* SPDX-License-Identifier: MIT */
/*
 * loop.c - splits a range while somebody is hungry.
 *
 * A worker that runs a piece looks between two calls of the body whether it is
 * asked for work (mo_frame_asked). If so it forks one half of what is left,
 * which the inline path publishes at once, and goes on with the other. Whoever
 * takes that half does the same. Nobody asks: the whole piece is done by plain
 * calls.
 *
 * Which half a worker keeps is where its own share is, were the range cut into
 * one for each in their order: so of two loops over the same array it does the
 * same part, on whichever worker the calls are made, and finds it in its cache.
 *
 * What a body is given at a time is a share of what is left: large at first,
 * so that there are few calls, and small at the end, so that nobody who asks
 * waits for long. The preset begins with one grain and doubles, because nothing
 * is known yet of how long an index takes.
 *
 * Where forks become ordinary tasks (ordered schedulers, small stacks), nobody
 * asks, and the range is split ahead: a few pieces for each worker.
 *
 * `stop` and `left_out` order nothing: they only save work, and are read again
 * after all joins, which order everything.
 *
 * Rejected: a counter from which pieces are claimed. It hands out the indices
 * in order, but is written by all workers for every piece; splitting writes
 * shared memory only when somebody is hungry.
 */
#include "loop.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "frame.h"
#include "mem.h"
#include "task.h"

#define AHEAD 4                     /* pieces for each worker, if unasked */
#define FINEST 128                  /* parts of a worker's share, unless the
                                     * schedule says how long a piece is */
#define AT_ONCE 32                  /* parts of it where nobody else comes */
#define BRIEF_NS 150                /* a line goes to another core and back */
#define PROBE 16                    /* one part in so many is timed */
#define ROUND 64                    /* indices: whole vectors, whole lines */
#define SMALL 64                    /* bytes of most results */
#define LARGE 1024                  /* of any */
#define WHOLE (sizeof(size_t) * 8 - 1)  /* shifts everything out */

/* Indices that are somebody's to do, and where their result goes. */
struct part {
    size_t at, end;
    void *into;
    size_t done;                    /* how many were done before these */
};

/* Some that are offered; on no more lines than it has to be. */
struct piece {
    _Alignas(MO_LINE) struct moirai_frame frame;
    struct mo_loop *loop;
    struct part part;
};

static int run(struct mo_loop *loop, struct part *part, bool fresh);

uint32_t mo_loop_workers(void)
{
    struct mo_worker *w = mo_self();

    return w != NULL ? mo_load_relaxed(&w->runtime->staff.wanted) : 1;
}

int mo_loop_attr(const struct moirai_par_attr *given,
                 struct moirai_par_attr *own)
{
    if (given != NULL && given->size == sizeof *own) {
        *own = *given;
        return own->schedule <= MOIRAI_GUIDED ? 0 : -EINVAL;
    }
    memset(own, 0, sizeof *own);
    if (given == NULL)
        return 0;
    if (given->size < sizeof given->size || given->size > 4096)
        return -EINVAL;
    memcpy(own, given, given->size < sizeof *own ? given->size : sizeof *own);
    return own->schedule <= MOIRAI_GUIDED ? 0 : -EINVAL;
}

static size_t divide(size_t n, size_t by)
{
    return n / by + (n % by != 0);
}

/* Less than this is not worth the way to another worker, whatever it is: there
 * is so little left to gain. Nor is it worth a look whether all is over. */
static size_t least_of(size_t n, size_t unit, bool alone)
{
    n = alone ? n / AT_ONCE : n / (mo_loop_workers() * (size_t)FINEST);
    return n <= unit ? unit : n - n % unit;
}

/* The largest piece that is left whole where nobody asks. */
static size_t part_of(size_t n, size_t unit)
{
    struct mo_worker *w = mo_self();
    uint32_t workers = mo_loop_workers();

    if (workers == 1 || mo_frame_open(w))
        return SIZE_MAX;
    n = divide(n, workers * (size_t)AHEAD);
    return n <= unit ? unit : n - n % unit;
}

void mo_loop_init(struct mo_loop *loop, size_t n,
                  const struct moirai_par_attr *attr)
{
    uint32_t workers = mo_loop_workers();

    loop->op = NULL;
    loop->unit = attr->grain != 0 ? attr->grain : 1;
    loop->least = loop->unit;
    loop->gentle = false;
    loop->deaf = false;
    loop->alone = workers == 1;
    loop->share = loop->alone ? n : n / workers;
    loop->fixed = false;
    mo_store_relaxed(&loop->stop, 0);
    mo_store_relaxed(&loop->left_out, 0);
    switch (attr->schedule) {
    case MOIRAI_STATIC:
        if (attr->grain == 0 && n != 0)
            loop->unit = loop->alone ? n : divide(n, workers);
        loop->least = loop->unit;
        loop->shift = 0;
        loop->part = loop->unit;
        loop->fixed = true;
        return;
    case MOIRAI_DYNAMIC:
        loop->shift = WHOLE;
        break;
    case MOIRAI_GUIDED:
        loop->shift = 3;
        break;
    default:
        loop->shift = 4;
        loop->gentle = !loop->alone;
        loop->least = least_of(n, loop->unit, loop->alone);
    }
    loop->part = part_of(n, loop->unit);
}

/* Has the calling task been told to end? */
static bool cancelled(void)
{
    struct mo_worker *w = mo_self();

    if (w == NULL || w->task == NULL || !mo_task_cancelled(w->task))
        return false;
    mo_task_saw_cancel(w->task);
    return true;
}

/* Is there no point in going on? */
static bool halted(struct mo_loop *loop)
{
    if (mo_load_relaxed(&loop->stop) != 0)
        return true;
    if (loop->deaf || !cancelled())
        return false;
    mo_store_relaxed(&loop->left_out, 1);
    return true;
}

/* How many indices the body is given next. */
static size_t chunk(const struct mo_loop *loop, const struct part *part)
{
    size_t left = part->end - part->at;
    size_t n = left >> loop->shift;

    if (left <= loop->unit)
        return left;
    if (n < loop->least)
        n = loop->least;
    if (loop->gentle && n > part->done)
        n = part->done;
    if (n >= ROUND)
        n -= n % ROUND;
    if (loop->unit > 1)
        n -= n % loop->unit;
    if (n < loop->unit)
        n = loop->unit;
    return n < left ? n : left;
}

static size_t middle(const struct mo_loop *loop, size_t at, size_t end)
{
    size_t half = divide(end - at, loop->unit) / 2;

    if (half >= 16 * ROUND)
        half -= half % ROUND;
    return at + half * loop->unit;
}

/* Is this worker's own share of the loop above `at`, rather than below? */
static bool belongs_above(const struct mo_loop *loop, size_t at)
{
    size_t own = loop->share * moirai_self()->index + loop->share / 2;

    return !loop->alone && at <= loop->begin + own;
}

/* Every so often, how long the caller takes for its own part. If that is less
 * than another worker needs to come, who takes the rest only keeps it waiting:
 * so those who look for it are told. A hint, about the next loops: they may be
 * of another kind, and then are taken a little later. */
static int run_probed(struct mo_loop *loop, struct part *own)
{
    const struct moirai_runtime *rt = mo_self()->runtime;
    int64_t start = mo_runtime_now(rt);
    int rc = run(loop, own, true);
    uint32_t brief = mo_runtime_now(rt) - start < BRIEF_NS;
    struct mo_forks *forks = mo_self()->forks;  /* the body may have waited */

    if (mo_load_relaxed(&forks->brief) != brief)
        mo_store_relaxed(&forks->brief, brief);
    return rc;
}

static inline struct part lower(const struct part *part, size_t half)
{
    return (struct part){ part->at, half, part->into, part->done };
}

static inline struct part upper(const struct part *part, size_t half,
                                void *into)
{
    return (struct part){ half, part->end, into, part->done };
}

static int run_piece(void *arg)
{
    struct piece *piece = arg;
    struct part part = piece->part;

    return run(piece->loop, &part, true);
}

/* Offers a half of *part, does the other, and leaves in *part what is still to
 * be done: what was offered, if nobody took it. The lower half's result goes to
 * where all of it should, the upper's to `other`, from where it is joined; or,
 * where nobody took it, to the same. */
static inline int share(struct mo_loop *loop, struct part *part, void *other,
                        bool fresh)
{
    size_t half = middle(loop, part->at, part->end);
    bool above = belongs_above(loop, half);
    struct part own = above ? upper(part, half, other) : lower(part, half);
    struct piece offer;
    int rc, later;

    offer.loop = loop;
    offer.part = above ? lower(part, half) : upper(part, half, other);
    if (!loop->alone)
        moirai_fork(&offer.frame, run_piece, &offer);
    if (fresh && !loop->alone && mo_self()->probes++ % PROBE == 0)
        rc = run_probed(loop, &own);
    else
        rc = run(loop, &own, fresh);
    if (loop->alone || moirai_unfork(&offer.frame)) {
        part->done += above ? part->end - half : half - part->at;
        part->at = offer.part.at;
        part->end = offer.part.end;
        if (rc != 0 || loop->op == NULL || !(loop->fixed || above))
            return rc;
        later = run(loop, &offer.part, false);
    } else {
        later = offer.frame.result;
    }
    part->at = part->end;
    if (rc == 0 && later == 0 && loop->op != NULL)
        loop->op->join(part->into, other, loop->arg);
    return rc == 0 || (above && later != 0) ? later : rc;
}

/* Apart, so that the room is on the stack only of who splits. */
static __attribute__((noinline))
int share_small(struct mo_loop *loop, struct part *part, bool fresh)
{
    _Alignas(MO_CACHE_LINE) unsigned char room[SMALL];

    memcpy(room, loop->op->zero, loop->op->size);
    return share(loop, part, room, fresh);
}

static __attribute__((noinline))
int share_large(struct mo_loop *loop, struct part *part, bool fresh)
{
    _Alignas(MO_CACHE_LINE) unsigned char room[LARGE];

    memcpy(room, loop->op->zero, loop->op->size);
    return share(loop, part, room, fresh);
}

static __attribute__((noinline))
int share_any(struct mo_loop *loop, struct part *part, bool fresh)
{
    if (loop->op == NULL)
        return share(loop, part, NULL, fresh);
    return loop->op->size <= SMALL ? share_small(loop, part, fresh)
                                   : share_large(loop, part, fresh);
}

static inline int call(const struct mo_loop *loop, size_t at, size_t end,
                       void *into)
{
    if (loop->op == NULL)
        return loop->body(at, end, loop->arg);
    return loop->op->fold(at, end, into, loop->arg);
}

/* `fresh`: nothing of this part was done yet, and if it is split unasked, what
 * was split off must be offered: there may be no other occasion for long. */
static int run(struct mo_loop *loop, struct part *part, bool fresh)
{
    int rc = 0;

    while (part->at < part->end && rc == 0 && !halted(loop)) {
        size_t n = part->end - part->at;

        if (n > loop->least
            && (n > loop->part || mo_frame_asked(moirai_self()))) {
            rc = share_any(loop, part, fresh);
            fresh = false;
            continue;
        }
        if (fresh && loop->part != SIZE_MAX && !loop->alone)
            mo_frame_offer();
        fresh = false;
        n = chunk(loop, part);
        rc = call(loop, part->at, part->at + n, part->into);
        part->at += n;
        part->done += n;
    }
    if (rc != 0)
        mo_store_relaxed(&loop->stop, 1);
    return rc;
}

int mo_loop_run(struct mo_loop *loop, size_t begin, size_t end, void *into)
{
    struct part whole = { begin, end, into, 0 };
    int rc;

    loop->begin = begin;
    rc = run(loop, &whole, true);
    if (rc == 0 && mo_load_relaxed(&loop->left_out) != 0)
        return -ECANCELED;
    return rc;
}

int mo_loop_single(size_t at, moirai_range_fn *body, void *arg)
{
    return cancelled() ? -ECANCELED : body(at, at + 1, arg);
}

int mo_scratch_get(struct mo_scratch *scratch, size_t size,
                   const struct moirai_par_attr *attr)
{
    struct mo_worker *w = mo_self();
    bool fits = attr->scratch != NULL && attr->scratch_size >= size
             && (uintptr_t)attr->scratch % _Alignof(max_align_t) == 0;

    scratch->memory = attr->scratch;
    scratch->own = !fits;
    scratch->watched = false;
    if (fits)
        return 0;
    scratch->memory = mo_mem_alloc(size, _Alignof(max_align_t));
    if (scratch->memory == NULL)
        return -ENOMEM;
    if (w != NULL && w->task != NULL) {
        scratch->watched = true;
        moirai_cleanup_push(&scratch->cleanup, mo_mem_free, scratch->memory);
    }
    return 0;
}

void mo_scratch_put(struct mo_scratch *scratch)
{
    if (scratch->watched)
        moirai_cleanup_pop(&scratch->cleanup, false);
    if (scratch->own)
        mo_mem_free(scratch->memory);
}
