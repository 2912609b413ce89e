/* SPDX-License-Identifier: MIT */
/*
 * flow.h - a stream while it runs.
 *
 * plan.c makes a flow of the caller's stages. It cuts the row into parts, which
 * are joined by channels; a part is done by one lane, or several, each of which
 * is a task. A lane has an op for each stage of its part, and its own state of
 * it. It pulls a message from where its part begins, and pushes it to its first
 * op, which pushes what it makes of it to the next, and so on; the last op of a
 * part is a sink, or one that sends to the next part (cut.c).
 *
 * Whoever pushes a message gives it away, whatever comes back; its memory
 * remains his. What comes back is 0, a negative errno, or MO_END of the op that
 * has set `ended` in its lane.
 *
 * run.c runs the lanes, crew.c adds some and lets them go, ops.c, state.c,
 * timed.c and sink.c are the ops.
 */
#ifndef MO_FLOW_H
#define MO_FLOW_H

#include <stdbool.h>

#include <moirai/scope.h>
#include <moirai/stream.h>
#include <moirai/sync.h>

#include "arena.h"
#include "atomic.h"
#include "lock.h"

#define MO_END MOIRAI_STREAM_END
#define MO_SKIP MOIRAI_STREAM_SKIP
#define MO_GONE 3                   /* as MO_SKIP; it is not ours now */
#define MO_DONE 4                   /* of a source: that was the last */
#define MO_LEFT 5                   /* this lane is one too many */

struct mo_flow;
struct mo_flow_lane;
struct mo_flow_op;
struct mo_flow_part;
struct mo_flow_stage;

enum {
    MO_FLOW_SOURCE = 1,
    MO_FLOW_SINK = 2,
    MO_FLOW_SHARED = 4,             /* several lanes may do it */
    MO_FLOW_TIMED = 8,              /* has to be told when it is time */
    MO_FLOW_IDLE = 16,              /* of these: only if nothing comes */
    MO_FLOW_CUT = 32,               /* begins a part */
    MO_FLOW_MANY = 64               /* a lane for each of its channels */
};

/* What a kind of stage does. */
struct mo_flow_kind {
    const char *name;
    uint32_t flags;

    /* Checks the stage, whose `in` is known, and fills `out`, which is else as
     * `in`. NULL: nothing to check. */
    int (*plan)(struct mo_flow *flow, struct mo_flow_stage *stage);

    /* Of a source: the rest of its lane. NULL: there is nothing. */
    int (*make_lane)(struct mo_flow *flow, struct mo_flow_lane *lane);

    /* Makes the state of a lane's op; the rest is zeroed. NULL: it has none. */
    int (*make)(struct mo_flow *flow, struct mo_flow_op *op);

    /* Before the first message. 0, MO_END. NULL: 0. */
    int (*begin)(struct mo_flow_op *op);

    int (*push)(struct mo_flow_op *op, void *message);

    /* Its `due` has come: sets it anew. */
    int (*tick)(struct mo_flow_op *op, int64_t now);

    /* After the last message: pushes what it holds. NULL: it holds nothing. */
    int (*finish)(struct mo_flow_op *op);

    /* Drops what it still holds; may come at any time, and once more. */
    void (*drop)(struct mo_flow_op *op);
};

struct mo_flow_stage {              /* constant while it runs */
    struct moirai_stage given;
    const struct mo_flow_kind *kind;
    struct moirai_elem in;
    struct moirai_elem out;
    struct moirai_elem *elems;      /* of the channels of a source */
    uint32_t number;
};

/* The keys that `distinct` has seen: a ring of them, in order, and a table
 * that finds them; 0 in the table is empty, else 1 + a place in the ring. */
struct mo_flow_seen {
    uint64_t *ring;
    uint32_t *table;
    size_t mask;
    size_t used;                    /* of the ring */
    size_t next;                    /* the oldest, once it is full */
};

struct mo_flow_op {
    int (*push)(struct mo_flow_op *op, void *message);
    struct mo_flow_op *next;
    const struct mo_flow_kind *kind;
    const struct mo_flow_stage *stage;
    struct mo_flow_lane *lane;
    void *out;                      /* room for a message that it makes */
    int64_t due;                    /* MOIRAI_NEVER: at no time */
    int64_t time;                   /* the next may pass */
    size_t at;                      /* whose turn it is */
    size_t left;                    /* to take, to skip, collected ... */
    int said;                       /* by those behind it, of what it emits */
    void *held;                     /* messages, a state */
    struct mo_flow_seen seen;
};

struct mo_flow_lane {
    struct mo_flow_part *part;
    struct mo_flow_op *first, *last;
    struct mo_flow_op *ended;       /* who said MO_END */
    struct moirai_chan *from;       /* NULL: calls the part's source */
    const struct moirai_elem *in;   /* what it gives */
    void **rooms;                   /* of zip: one of each channel */
    char *buffer;                   /* of `chunk` messages */
    size_t at, filled;
    char *outgoing;                 /* likewise, in a cut; or NULL */
    size_t gathered;
    size_t done;                    /* elements of an array */
    uint64_t ticket;                /* of an ordered part */
    bool drawn;                     /* has it one? */
    bool turn;                      /* is it its turn? */
    bool timed;
    uint32_t steps;
    uint64_t received, delivered;
    struct moirai_handle *handle;   /* guarded by the part's lock */
    uint32_t users;                 /* atomic: its task, and who spawned that
                                     * and has not stored the handle yet */
};

struct mo_flow_part {
    struct mo_flow *flow;
    struct mo_flow_stage *first;    /* a source, or what follows a cut */
    struct mo_flow_stage *end;      /* behind its last */
    struct moirai_elem in, out;     /* what it gets and sends on */
    struct moirai_chan *from;       /* NULL: it begins with a source */
    struct moirai_chan *to;         /* NULL: it ends with a sink */
    size_t lanes_n;
    struct mo_flow_lane *lanes;
    size_t capacity;                /* of the channel behind it, if that is */
    size_t chunk_in, chunk_out;     /* not said otherwise */
    bool ordered;
    bool adaptive;                  /* does it send as those behind it wait? */
    uint32_t hungry;                /* atomic: lanes that wait for messages,
                                     * and have not been sent any since */
    uint32_t least;                 /* lanes that stay; 0: all of them do */
    int64_t idle_ns;                /* the others go after so long */
    uint64_t load;                  /* atomic: of these, messages on their way
                                     * to its lanes, and in them */
    struct mo_lock lock;
    uint32_t alive;                 /* atomic: lanes that have not ended */
    uint32_t stopped;               /* atomic, sticky: nobody wants more */
    struct moirai_mutex gate;       /* ordered: who receives; guards tickets;
                                     * of latest: guards all of these */
    void **latest;
    char *present;
    uint64_t tickets;
    struct moirai_chan **turns;     /* ordered: a token goes around in them */
};

struct mo_flow {
    struct moirai_runtime *runtime;
    struct mo_arena arena;
    struct mo_flow_stage *stages;
    size_t stages_n;
    struct mo_flow_part *parts;
    size_t parts_n;
    struct moirai_scope scope;
    int64_t deadline_ns;
    uint32_t failed;                /* atomic: 1 + the stage that did first */
    uint64_t retried, skipped, diverted;    /* atomic, as are */
    uint64_t grown, shrunk;
    struct moirai_error *err;       /* may be NULL */
};

extern const struct mo_flow_kind mo_flow_from, mo_flow_generate, mo_flow_array;
extern const struct mo_flow_kind mo_flow_merge, mo_flow_zipped, mo_flow_latest;
extern const struct mo_flow_kind mo_flow_map, mo_flow_filter, mo_flow_apply;
extern const struct mo_flow_kind mo_flow_expand, mo_flow_take, mo_flow_skip;
extern const struct mo_flow_kind mo_flow_distinct, mo_flow_scan;
extern const struct mo_flow_kind mo_flow_batch, mo_flow_window, mo_flow_gather;
extern const struct mo_flow_kind mo_flow_debounce, mo_flow_throttle;
extern const struct mo_flow_kind mo_flow_sample, mo_flow_timeout;
extern const struct mo_flow_kind mo_flow_async, mo_flow_workers, mo_flow_pool;
extern const struct mo_flow_kind mo_flow_send;
extern const struct mo_flow_kind mo_flow_each, mo_flow_collect, mo_flow_into;
extern const struct mo_flow_kind mo_flow_drain, mo_flow_spread, mo_flow_fan;

/* --- plan.c -------------------------------------------------------------- */

/* Fills a zeroed flow. 0, or an error that *flow->err explains; either way
 * mo_flow_fini has to be called. */
int mo_flow_plan(struct mo_flow *flow, const struct moirai_stage *stages,
                 size_t n);

/* Ends one whose lanes have all ended: drops what they left. */
void mo_flow_fini(struct mo_flow *flow);

/* -EINVAL, with a sentence about a stage. */
__attribute__((format(printf, 4, 5)))
int mo_flow_refuse(struct mo_flow *flow, const struct mo_flow_stage *stage,
                   int code, const char *format, ...);

/* The element of a channel that a stage uses in this direction. */
int mo_flow_element(struct mo_flow *flow, const struct mo_flow_stage *stage,
                    const struct moirai_chan *chan, uint32_t mode,
                    struct moirai_elem *elem);

/* Room for n messages; NULL: no memory left. */
void *mo_flow_room(struct mo_flow *flow, const struct moirai_elem *elem,
                   size_t n);

/* --- pull.c -------------------------------------------------------------- */

/* The next message, which is the caller's. 0; MO_DONE; -ETIMEDOUT: `due` came;
 * another error. Can wait. */
int mo_flow_pull(struct mo_flow_lane *lane, void **message, int64_t due);

/* A chunk into the empty buffer: as moirai_chan_recv_batch. Can wait. */
int64_t mo_flow_receive(struct mo_flow_lane *lane, int64_t due);

/* Drops what was received and not pulled. */
void mo_flow_pull_drop(struct mo_flow_lane *lane);

/* --- join.c -------------------------------------------------------------- */

/* One message of each channel makes one in the lane's buffer. As a function of
 * the program's, or MO_DONE. Can wait. */
int mo_flow_zip(struct mo_flow_lane *lane);

/* --- cut.c --------------------------------------------------------------- */

/* Sends what is gathered. 0, MO_END, or an error. Can wait. */
int mo_flow_flush(struct mo_flow_lane *lane);

/* Receives for an ordered part until `due`, and draws a ticket: *n is how many
 * messages that gave, or why none. 0, or why it could not try. Can wait. */
int mo_flow_gate(struct mo_flow_lane *lane, int64_t due, int64_t *n);

/* The lane is through with what its ticket was for. 0, MO_END, or an error. */
int mo_flow_pass(struct mo_flow_lane *lane);

/* --- crew.c -------------------------------------------------------------- */

/* n messages are about to be sent to a part whose lanes come and go: adds what
 * lanes it takes. Does not wait. */
void mo_flow_expect(struct mo_flow_part *part, size_t n);

/* Of those, n have been worked off, or could not be sent. */
void mo_flow_settle(struct mo_flow_part *part, size_t n);

/* The calling lane has had nothing to do: may it go? It counts as ended then.
 * Does not wait. */
bool mo_flow_leave(struct mo_flow_part *part);

/* --- run.c --------------------------------------------------------------- */

/* Starts the task of a lane that has none. 0, or as moirai_spawn. */
int mo_flow_spawn(struct mo_flow_lane *lane);

/* Says MO_END in the name of an op. */
static inline int mo_flow_end(struct mo_flow_op *op)
{
    op->lane->ended = op;
    return MO_END;
}

/* An error of a stage, which ends the stream; returns it. */
int mo_flow_note(const struct mo_flow_lane *lane,
                 const struct mo_flow_stage *stage, int code);

static inline int mo_flow_error(const struct mo_flow_op *op, int code)
{
    return mo_flow_note(op->lane, op->stage, code);
}

/* --- ops.c --------------------------------------------------------------- */

static inline void mo_flow_drop(const struct moirai_elem *elem, void *message)
{
    if (elem->drop != NULL)
        elem->drop(message, elem->ctx);
}

/* A function has returned an error for a message; `again` calls it once more.
 * Returns what it returned at last; or, as the stage says, MO_SKIP, MO_GONE. */
int mo_flow_failed(struct mo_flow_op *op, void *message, int rc,
                   int (*again)(struct mo_flow_op *op, void *message));

/* What an op returns whose function returned `rc`, which is not 0. */
int mo_flow_verdict(struct mo_flow_op *op, int rc);

#endif
