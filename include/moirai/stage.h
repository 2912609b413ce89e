/* SPDX-License-Identifier: MIT */
/*
 * moirai/stage.h - what a stage of a stream is made of.
 *
 * The types of the program's functions, and the struct that says what a stage
 * does. moirai/stream.h has a function for each kind of stage; nobody needs to
 * fill one by hand.
 */
#ifndef MOIRAI_STAGE_H
#define MOIRAI_STAGE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <moirai/chan.h>
#include <moirai/fan.h>

#ifdef __cplusplus
extern "C" {
#endif

struct moirai_stream;               /* where moirai_stream_emit leads */

/* What a function may return besides 0 (go on) and a negative errno. */
#define MOIRAI_STREAM_SKIP 1        /* this message goes no further */
#define MOIRAI_STREAM_END 2         /* nor does any other from now on */

/* Fills *message with the next one. It is called until it returns
 * MOIRAI_STREAM_END. */
typedef int moirai_stream_next_fn(void *message, void *arg);

/* Fills *to out of *from. On anything but 0 it has filled nothing, and on an
 * error it has left *from as it was. */
typedef int moirai_stream_map_fn(void *from, void *to, void *arg);

/* Positive: wanted. 0: not. */
typedef int moirai_stream_keep_fn(const void *message, void *arg);

/* Does something with a message, or to it. On an error it has left it alone. */
typedef int moirai_stream_do_fn(void *message, void *arg);

/* Emits any number of messages, and returns what that returns, if not 0. */
typedef int moirai_stream_expand_fn(void *from, struct moirai_stream *out,
                                    void *arg);

/* Changes *state by what is in *message. */
typedef int moirai_stream_scan_fn(void *state, void *message, void *arg);

/* What two messages have in common if they are the same. */
typedef uint64_t moirai_stream_key_fn(const void *message, void *arg);

/* Fills *to out of one message of each of n channels. */
typedef int moirai_stream_join_fn(void *const *from, size_t n, void *to,
                                  void *arg);

enum moirai_stage_kind {
    MOIRAI_STAGE_FROM = 1, MOIRAI_STAGE_GENERATE, MOIRAI_STAGE_ARRAY,
    MOIRAI_STAGE_MERGE, MOIRAI_STAGE_ZIP, MOIRAI_STAGE_LATEST, MOIRAI_STAGE_MAP,
    MOIRAI_STAGE_FILTER, MOIRAI_STAGE_APPLY, MOIRAI_STAGE_EXPAND,
    MOIRAI_STAGE_TAKE, MOIRAI_STAGE_SKIP, MOIRAI_STAGE_DISTINCT,
    MOIRAI_STAGE_SCAN, MOIRAI_STAGE_BATCH, MOIRAI_STAGE_WINDOW,
    MOIRAI_STAGE_DEBOUNCE, MOIRAI_STAGE_THROTTLE, MOIRAI_STAGE_SAMPLE,
    MOIRAI_STAGE_TIMEOUT, MOIRAI_STAGE_ASYNC, MOIRAI_STAGE_WORKERS,
    MOIRAI_STAGE_EACH, MOIRAI_STAGE_COLLECT, MOIRAI_STAGE_INTO,
    MOIRAI_STAGE_DRAIN, MOIRAI_STAGE_SPREAD, MOIRAI_STAGE_GATHER,
    MOIRAI_STAGE_POOL, MOIRAI_STAGE_FAN
};

/* Flags of what begins tasks. */
#define MOIRAI_STREAM_ORDERED 1u    /* messages leave in the order they came */
#define MOIRAI_STREAM_ADAPTIVE 2u   /* no chunk is held up for who waits */

/* What the function of a stage is, by its kind. */
union moirai_stage_fn {
    moirai_stream_next_fn *next;
    moirai_stream_map_fn *map;
    moirai_stream_keep_fn *keep;
    moirai_stream_do_fn *act;
    moirai_stream_expand_fn *expand;
    moirai_stream_scan_fn *scan;
    moirai_stream_key_fn *key;
    moirai_stream_join_fn *join;
};

/* One stage. Made by the functions below; zeroed fields mean the preset. */
struct moirai_stage {
    uint32_t size;                  /* sizeof(struct moirai_stage) */
    uint32_t kind;                  /* enum moirai_stage_kind */
    uint32_t flags;
    uint32_t skip;                  /* on errors: leave the message out */
    uint32_t retries;               /* before that */
    uint32_t least;                 /* tasks of a pool */
    int64_t retry_ns;               /* wait before the first; then doubled */
    struct moirai_chan *divert;     /* on errors: the message goes there */
    struct moirai_chan *chan;       /* of a source or sink */
    union moirai_stage_fn fn;
    void *arg;
    struct moirai_elem elem;        /* what it makes, or made its array of */
    size_t takes;                   /* bytes of what comes; 0: not checked */
    size_t n;
    size_t capacity;
    size_t chunk;
    int64_t ns;
    struct moirai_chan *const *chans;
    void *memory;
    size_t *count;
};

/* The descriptor of a C type, as an argument. */
#ifdef __cplusplus
#define MOIRAI_OF(type) (moirai_elem MOIRAI_ELEM(type))
#else
#define MOIRAI_OF(type) ((struct moirai_elem)MOIRAI_ELEM(type))
#endif

static inline struct moirai_stage moirai_stage_of(uint32_t kind)
{
    struct moirai_stage stage;

    memset(&stage, 0, sizeof stage);
    stage.size = sizeof stage;
    stage.kind = kind;
    return stage;
}

/* One with a number and a time. */
static inline struct moirai_stage moirai_stage_with(uint32_t kind, size_t n,
                                                    int64_t ns)
{
    struct moirai_stage stage = moirai_stage_of(kind);

    stage.n = n;
    stage.ns = ns;
    return stage;
}

#ifdef __cplusplus
}
#endif

#endif
