/* SPDX-License-Identifier: MIT */
/*
 * moirai/stream.h - messages through a row of stages: streams, pipelines.
 *
 *     rc = MOIRAI_STREAM(MOIRAI_NEVER, NULL,
 *             moirai_stream_from(lines),
 *             moirai_stream_map(parse, NULL, MOIRAI_OF(struct order)),
 *             moirai_stream_filter(is_open, NULL),
 *             moirai_stream_take(100),
 *             moirai_stream_each(print, NULL));
 *
 * A stage is a value that says what is to be done; making one does nothing.
 * The first stage is a source, the last a sink. Running the stream does all of
 * it, and returns when everything that it began has ended.
 *
 * Stages that follow one another are calls inside one task: no channel lies
 * between them, nothing is queued. moirai_stream_async cuts the row in two
 * tasks with a bounded buffer between; moirai_stream_workers lets several tasks
 * share what follows. Whoever is too fast waits. Nothing is allocated for a
 * message.
 *
 * Messages are moved. A function borrows the one it is given; what it wants to
 * keep of it, it takes out, and leaves what the element's `drop` accepts. What
 * goes no further is dropped. (Who ends his task by moirai_fail keeps his.)
 *
 * How it ends. At the source's end, when all messages have reached the sink: 0.
 * When a stage has had enough (moirai_stream_take, MOIRAI_STREAM_END, a sink
 * whose channel is closed), what lies before it is cancelled and what lies
 * behind it finishes: 0. The first error of a stage, cancellation of the
 * caller, or the deadline end all at once: the error. Then nothing is said of
 * which of the messages on their way have reached the sink.
 *
 * Functions may wait, and let errors of their waits through: so it is ended.
 */
#ifndef MOIRAI_STREAM_H
#define MOIRAI_STREAM_H

#include <stddef.h>
#include <stdint.h>

#include <moirai/chan.h>
#include <moirai/error.h>
#include <moirai/stage.h>

#ifdef __cplusplus
extern "C" {
#endif

struct moirai_runtime;

/* --- sources ------------------------------------------------------------- */

/* What the channel gives, until it is closed and empty. The endpoint is
 * borrowed; the stream receives no message before it is ready for it, so when
 * it ends early the rest is still in the channel. */
static inline struct moirai_stage moirai_stream_from(struct moirai_chan *chan)
{
    struct moirai_stage stage = moirai_stage_of(MOIRAI_STAGE_FROM);

    stage.chan = chan;
    return stage;
}

/* What next(message, arg) makes. */
static inline struct moirai_stage
moirai_stream_generate(moirai_stream_next_fn *next, void *arg,
                       struct moirai_elem elem)
{
    struct moirai_stage stage = moirai_stage_of(MOIRAI_STAGE_GENERATE);

    stage.fn.next = next;
    stage.arg = arg;
    stage.elem = elem;
    return stage;
}

/* Copies of the n elements of an array (borrowed), in order. */
static inline struct moirai_stage
moirai_stream_array(const void *array, size_t n, struct moirai_elem elem)
{
    struct moirai_stage stage = moirai_stage_with(MOIRAI_STAGE_ARRAY, n, 0);

    stage.memory = (void *)(uintptr_t)array;
    stage.elem = elem;
    return stage;
}

/* What n channels give, until all are closed and empty; of each in its order. A
 * task waits at each, and does what follows, as for moirai_stream_workers. The
 * array is borrowed, like the endpoints. */
static inline struct moirai_stage
moirai_stream_merge(struct moirai_chan *const *chans, size_t n)
{
    struct moirai_stage stage = moirai_stage_with(MOIRAI_STAGE_MERGE, n, 0);

    stage.chans = chans;
    return stage;
}

/* What join makes of the first message of each channel, then of the second of
 * each, and so on, until one of them is closed and empty. Their elements may
 * differ. What it has of the others then is dropped. */
static inline struct moirai_stage
moirai_stream_zip(struct moirai_chan *const *chans, size_t n,
                  moirai_stream_join_fn *join, void *arg,
                  struct moirai_elem elem)
{
    struct moirai_stage stage = moirai_stage_with(MOIRAI_STAGE_ZIP, n, 0);

    stage.chans = chans;
    stage.fn.join = join;
    stage.arg = arg;
    stage.elem = elem;
    return stage;
}

/* What join makes, with each message that comes, of the last of each channel;
 * once there is one of each, and until all are closed and empty. It only reads
 * them: they are kept. */
static inline struct moirai_stage
moirai_stream_latest(struct moirai_chan *const *chans, size_t n,
                     moirai_stream_join_fn *join, void *arg,
                     struct moirai_elem elem)
{
    struct moirai_stage stage = moirai_stream_zip(chans, n, join, arg, elem);

    stage.kind = MOIRAI_STAGE_LATEST;
    return stage;
}

/* --- stages without a state ---------------------------------------------- */

/* Another message in place of each. */
static inline struct moirai_stage moirai_stream_map(moirai_stream_map_fn *map,
                                                    void *arg,
                                                    struct moirai_elem elem)
{
    struct moirai_stage stage = moirai_stage_of(MOIRAI_STAGE_MAP);

    stage.fn.map = map;
    stage.arg = arg;
    stage.elem = elem;
    return stage;
}

/* Only those that are wanted. */
static inline struct moirai_stage
moirai_stream_filter(moirai_stream_keep_fn *keep, void *arg)
{
    struct moirai_stage stage = moirai_stage_of(MOIRAI_STAGE_FILTER);

    stage.fn.keep = keep;
    stage.arg = arg;
    return stage;
}

/* Changes each where it is, or looks at it. */
static inline struct moirai_stage moirai_stream_apply(moirai_stream_do_fn *act,
                                                      void *arg)
{
    struct moirai_stage stage = moirai_stage_of(MOIRAI_STAGE_APPLY);

    stage.fn.act = act;
    stage.arg = arg;
    return stage;
}

/* Any number in place of each. */
static inline struct moirai_stage
moirai_stream_expand(moirai_stream_expand_fn *expand, void *arg,
                     struct moirai_elem elem)
{
    struct moirai_stage stage = moirai_stage_of(MOIRAI_STAGE_EXPAND);

    stage.fn.expand = expand;
    stage.arg = arg;
    stage.elem = elem;
    return stage;
}

/* Passes a message on (taken, may be changed). Only inside the function that
 * got `out`. 0; else to be returned. Can wait. */
int moirai_stream_emit(struct moirai_stream *out, void *message);

/* --- stages with a state ------------------------------------------------- */

/* The first n. It ends the stream with the n-th, without waiting for more. */
static inline struct moirai_stage moirai_stream_take(size_t n)
{
    return moirai_stage_with(MOIRAI_STAGE_TAKE, n, 0);
}

/* All but the first n. */
static inline struct moirai_stage moirai_stream_skip(size_t n)
{
    return moirai_stage_with(MOIRAI_STAGE_SKIP, n, 0);
}

/* Leaves out a message whose key is among the last n different ones; n = 1:
 * one that is the same as the one before. 16 to 32 bytes for each of the n. */
static inline struct moirai_stage
moirai_stream_distinct(moirai_stream_key_fn *key, void *arg, size_t n)
{
    struct moirai_stage stage = moirai_stage_with(MOIRAI_STAGE_DISTINCT, n, 0);

    stage.fn.key = key;
    stage.arg = arg;
    return stage;
}

/* A state that begins as *first (borrowed), and is changed by each message: a
 * copy of it in place of each. Its element has no destructor. */
static inline struct moirai_stage
moirai_stream_scan(moirai_stream_scan_fn *scan, void *arg, const void *first,
                   struct moirai_elem elem)
{
    struct moirai_stage stage = moirai_stage_of(MOIRAI_STAGE_SCAN);

    stage.fn.scan = scan;
    stage.arg = arg;
    stage.memory = (void *)(uintptr_t)first;
    stage.elem = elem;
    return stage;
}

/* --- several at once, and time ------------------------------------------- */

/* A message that is several: they begin at `offset`, one after the other. */
struct moirai_batch {
    uint32_t n;
    uint32_t bytes;                 /* of one */
    uint32_t offset;
    uint32_t reserved;
};

/* Bytes of a batch of up to n messages of a type that is aligned to 16 at most:
 * for a channel that batches are sent into. */
#define MOIRAI_BATCH_BYTES(type, n)                                           \
    ((sizeof(struct moirai_batch) + (n) * sizeof(type) + 3) / 4 * 4)

/* The i-th message of a batch. */
static inline void *moirai_batch_at(const struct moirai_batch *batch, size_t i)
{
    return (char *)(uintptr_t)batch + batch->offset + i * batch->bytes;
}

/* Batches of n, or of as many as come within ns (0: however long it takes)
 * after the first of them; never of none. The last may be smaller. */
static inline struct moirai_stage moirai_stream_batch(size_t n, int64_t ns)
{
    return moirai_stage_with(MOIRAI_STAGE_BATCH, n, ns);
}

/* Batches of what is there, and n at most: a message that comes alone goes on
 * alone and at once; while those behind it are busy, the next batch grows. */
static inline struct moirai_stage moirai_stream_gather(size_t n)
{
    return moirai_stage_with(MOIRAI_STAGE_GATHER, n, 0);
}

/* The last n messages, as a batch, whenever there are `step` new ones. They
 * are copied, and so may have no destructor. */
static inline struct moirai_stage moirai_stream_window(size_t n, size_t step)
{
    struct moirai_stage stage = moirai_stage_with(MOIRAI_STAGE_WINDOW, n, 0);

    stage.capacity = step;
    return stage;
}

/* Only a message after which no other has come for ns; and the last. */
static inline struct moirai_stage moirai_stream_debounce(int64_t ns)
{
    return moirai_stage_with(MOIRAI_STAGE_DEBOUNCE, 0, ns);
}

/* One every ns: those that are early wait, and with them whoever makes them.
 * After a pause up to `burst` (0: 1) go at once. */
static inline struct moirai_stage moirai_stream_throttle(int64_t ns,
                                                         size_t burst)
{
    return moirai_stage_with(MOIRAI_STAGE_THROTTLE, burst, ns);
}

/* At most one every ns: those that are early are dropped. */
static inline struct moirai_stage moirai_stream_sample(int64_t ns)
{
    return moirai_stage_with(MOIRAI_STAGE_SAMPLE, 0, ns);
}

/* The error -ETIMEDOUT if it waits for ns for a message. */
static inline struct moirai_stage moirai_stream_timeout(int64_t ns)
{
    return moirai_stage_with(MOIRAI_STAGE_TIMEOUT, 0, ns);
}

/* --- tasks --------------------------------------------------------------- */

/* What follows runs in a task of its own, behind a buffer of `capacity`
 * messages. Up to `chunk` of them (0: 1) are moved at once: those that are
 * there when the receiver looks, and those that were made without waiting for
 * the source; so a chunk is held up while a function before it waits. */
static inline struct moirai_stage moirai_stream_async(size_t capacity,
                                                      size_t chunk)
{
    struct moirai_stage stage = moirai_stage_of(MOIRAI_STAGE_ASYNC);

    stage.capacity = capacity;
    stage.chunk = chunk;
    return stage;
}

/* What follows, up to the first stage that has a state or is a sink other than
 * moirai_stream_drain, is done by n tasks; the buffers before and behind them
 * have `capacity` messages. With MOIRAI_STREAM_ORDERED messages leave in the
 * order in which they came: a task that is done early waits for its turn, so
 * give them more tasks than workers if some messages take much longer than
 * others. */
static inline struct moirai_stage
moirai_stream_workers(size_t n, size_t capacity, size_t chunk, uint32_t flags)
{
    struct moirai_stage stage = moirai_stream_async(capacity, chunk);

    stage.kind = MOIRAI_STAGE_WORKERS;
    stage.n = n;
    stage.flags = flags;
    return stage;
}

/* The same with as many tasks as there is work for: `least` (not 0) at first;
 * another, up to `most`, whenever a message would else have to wait for one;
 * and one less when it has had nothing to do for idle_ns (0: never), down to
 * `least`. No message is lost, nor its place among the others. */
static inline struct moirai_stage
moirai_stream_pool(uint32_t least, size_t most, int64_t idle_ns,
                   size_t capacity, uint32_t flags)
{
    struct moirai_stage stage = moirai_stream_workers(most, capacity, 1, flags);

    stage.kind = MOIRAI_STAGE_POOL;
    stage.least = least;
    stage.ns = idle_ns;
    return stage;
}

/* The stage (async, workers, pool), whose chunks adapt: while somebody waits
 * for messages the next one is sent at once, and while all are busy up to
 * `chunk` are gathered. */
static inline struct moirai_stage
moirai_stream_adaptive(struct moirai_stage stage)
{
    stage.flags |= MOIRAI_STREAM_ADAPTIVE;
    return stage;
}

/* --- sinks --------------------------------------------------------------- */

/* Calls act for each. */
static inline struct moirai_stage moirai_stream_each(moirai_stream_do_fn *act,
                                                     void *arg)
{
    struct moirai_stage stage = moirai_stream_apply(act, arg);

    stage.kind = MOIRAI_STAGE_EACH;
    return stage;
}

/* Moves them into an array of n elements, which becomes the caller's, also on
 * an error: *count says how many there are. One more than fit is the error
 * -ENOSPC: whoever wants the first n says so by moirai_stream_take. */
static inline struct moirai_stage
moirai_stream_collect(void *array, size_t n, size_t *count,
                      struct moirai_elem elem)
{
    struct moirai_stage stage = moirai_stage_with(MOIRAI_STAGE_COLLECT, n, 0);

    stage.memory = array;
    stage.count = count;
    stage.elem = elem;
    return stage;
}

/* Sends them into a channel. The endpoint is borrowed: close or put it when
 * its receivers are to know that there is no more. If they close it, that ends
 * the stream, as moirai_stream_take does. */
static inline struct moirai_stage moirai_stream_into(struct moirai_chan *chan)
{
    struct moirai_stage stage = moirai_stage_of(MOIRAI_STAGE_INTO);

    stage.chan = chan;
    return stage;
}

/* Sends each into one of n channels (borrowed, and their array), and waits for
 * room in it. `key` is for MOIRAI_SPREAD_KEY. A channel that is closed by those
 * who receive is left out from then on, and what it did not take goes to
 * others; of keys, only those of such a channel move. When all are closed, that
 * ends the stream. */
static inline struct moirai_stage
moirai_stream_spread(struct moirai_chan *const *chans, size_t n,
                     enum moirai_spread how, moirai_stream_key_fn *key,
                     void *arg)
{
    struct moirai_stage stage = moirai_stage_with(MOIRAI_STAGE_SPREAD, n, 0);

    stage.chans = chans;
    stage.flags = (uint32_t)how;
    stage.fn.key = key;
    stage.arg = arg;
    return stage;
}

/* Sends each into a channel of the fan (borrowed), where others may come and
 * go, and send, too; waits until there is one. `key` is for MOIRAI_SPREAD_KEY,
 * and may be NULL. That the fan is stopped ends the stream. */
static inline struct moirai_stage
moirai_stream_fan(struct moirai_fan *fan, moirai_stream_key_fn *key, void *arg)
{
    struct moirai_stage stage = moirai_stage_of(MOIRAI_STAGE_FAN);

    stage.memory = fan;
    stage.fn.key = key;
    stage.arg = arg;
    return stage;
}

/* Drops them. */
static inline struct moirai_stage moirai_stream_drain(void)
{
    return moirai_stage_of(MOIRAI_STAGE_DRAIN);
}

/* --- errors -------------------------------------------------------------- */

/* What begins a message in a channel of those that failed; the message itself
 * follows, as its type's alignment wants:
 *
 *     struct lost { struct moirai_failed failed; struct order order; };
 */
struct moirai_failed {
    int32_t error;
    uint32_t stage;                 /* which, from 0 */
    uint64_t tries;
};

/* The stage, with another answer to errors of its function (map, filter,
 * apply, expand, each) than to end the stream. They combine: first it is tried
 * again, then the message is diverted, or else left out.
 *
 * Tries again up to `times` times, after `delay_ns` (0: at once), twice that,
 * and so on. Not if it has emitted messages. */
static inline struct moirai_stage
moirai_stream_or_retry(struct moirai_stage stage, uint32_t times,
                       int64_t delay_ns)
{
    stage.retries = times;
    stage.retry_ns = delay_ns;
    return stage;
}

/* Leaves the message out, and counts that. */
static inline struct moirai_stage
moirai_stream_or_skip(struct moirai_stage stage)
{
    stage.skip = 1;
    return stage;
}

/* Sends it into a channel (borrowed) of struct moirai_failed and the message,
 * waiting for room. */
static inline struct moirai_stage
moirai_stream_or_divert(struct moirai_stage stage, struct moirai_chan *chan)
{
    stage.divert = chan;
    return stage;
}

/* The stage, which is refused if what comes to it has not this type's size. */
#define MOIRAI_TAKES(type, stage) moirai_stream_takes((stage), sizeof(type))
static inline struct moirai_stage
moirai_stream_takes(struct moirai_stage stage, size_t bytes)
{
    stage.takes = bytes;
    return stage;
}

/* --- running ------------------------------------------------------------- */

/* What became of it. */
struct moirai_stream_report {
    uint32_t size;                  /* sizeof(struct moirai_stream_report) */
    uint32_t tasks;                 /* that ran it; 0: the caller */
    uint64_t received;              /* messages from the source */
    uint64_t delivered;             /* to the sink */
    uint64_t retried;               /* calls */
    uint64_t skipped;               /* messages, by moirai_stream_or_skip */
    uint64_t diverted;
    struct moirai_error error;      /* the result, and which stage's */
    uint64_t grown;                 /* tasks that pools added */
    uint64_t shrunk;                /* and that they let go */
};

/* Runs a stream of n stages (borrowed) and waits for its end. In a task
 * `runtime` may be NULL. `report` (may be NULL) has its size set, and is
 * filled. A row that needs one task only, and has no deadline, runs in the
 * calling task itself. 0; what ended it otherwise; -ETIMEDOUT: the deadline;
 * -ECANCELED; -EINVAL: the stages do not fit together, and report->error says
 * which; -ENOTSUP: messages of variable length; -EBADF: an endpoint of the
 * wrong end; -ENOMEM, -EAGAIN: it could not begin, and dropped what a source
 * had received; -ECHILD. Can wait. */
int moirai_stream_run(struct moirai_runtime *runtime,
                      const struct moirai_stage *stages, size_t n,
                      int64_t deadline_ns,
                      struct moirai_stream_report *report);

/* The same, with the stages as arguments; from a task. */
#define MOIRAI_STREAM(deadline_ns, report, ...)                               \
    __extension__({                                                           \
        const struct moirai_stage moirai_stages_[] = { __VA_ARGS__ };         \
        moirai_stream_run(NULL, moirai_stages_,                               \
                          sizeof moirai_stages_ / sizeof moirai_stages_[0],   \
                          (deadline_ns), (report));                           \
    })

#ifdef __cplusplus
}
#endif

#endif
