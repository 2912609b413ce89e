/* SPDX-License-Identifier: MIT */
/*
 * moirai/breaker.h - not to ask again what has just failed so often.
 *
 * A circuit breaker stands before something that may be down. Closed, it lets
 * calls pass and watches how they end. When too many fail it opens, and calls
 * are refused at once, which spares the caller the wait and the callee the
 * load. After a while it is half open: a few calls are let through to probe,
 * and by their outcome it closes or opens again.
 *
 *     struct moirai_breaker_call call;
 *     if (moirai_breaker_begin(&breaker, &call) != 0)
 *         return use_what_we_had();
 *     rc = ask();
 *     moirai_breaker_end(&breaker, &call, rc == 0 ? MOIRAI_BREAKER_SUCCESS
 *                                                 : MOIRAI_BREAKER_FAILURE);
 *
 * It never waits. No function of it is to be called from its own callbacks,
 * but for moirai_breaker_read and moirai_breaker_state.
 */
#ifndef MOIRAI_BREAKER_H
#define MOIRAI_BREAKER_H

#include <stdint.h>

#include <moirai/task.h>
#include <moirai/time.h>

#ifdef __cplusplus
extern "C" {
#endif

enum moirai_breaker_state {
    MOIRAI_BREAKER_CLOSED = 0,
    MOIRAI_BREAKER_OPEN = 1,
    MOIRAI_BREAKER_HALF_OPEN = 2
};

enum moirai_breaker_outcome {
    MOIRAI_BREAKER_SUCCESS = 0,
    MOIRAI_BREAKER_FAILURE = 1,
    MOIRAI_BREAKER_IGNORED = 2      /* it says nothing about the callee */
};

#define MOIRAI_BREAKER_WINDOW 256   /* calls that a window holds at most */
#define MOIRAI_BREAKER_SLOTS 17     /* of one in time, with that begun */

/* When it opens, and for how long. Zeroed fields mean the preset. */
struct moirai_breaker_config {
    uint32_t size;                  /* sizeof(struct moirai_breaker_config) */
    uint32_t window;                /* the last so many calls count; 100 */
    int64_t window_ns;              /* or those of so long, if not 0 */
    uint32_t least;                 /* calls in the window before it may open;
                                     * 20, or the window if that is less */
    uint32_t failures;              /* per cent that open it; 50 */
    uint32_t slow;                  /* per cent of slow calls that do; 100 */
    uint32_t probes;                /* while half open, so many at once, which
                                     * must all succeed; 1 */
    int64_t slow_ns;                /* a call is slow from here on; 0: none */
    int64_t open_ns;                /* how long it stays open; 5 s */
    int64_t open_most_ns;           /* doubles up to here each time probing
                                     * fails; 0: it does not */
    int64_t probe_ns;               /* a probe that has not ended by then is
                                     * lost, and others may try; open_ns */

    /* How moirai_breaker_run is to judge what a call returned. NULL: negative
     * is a failure, but -ECANCELED is ignored. */
    enum moirai_breaker_outcome (*judge)(int rc, void *arg);
    /* It has changed; on whatever thread brought that about. May be NULL. */
    void (*changed)(enum moirai_breaker_state from,
                    enum moirai_breaker_state to, void *arg);
    void *arg;                      /* of both */
};

#define MOIRAI_BREAKER_CONFIG_INIT                                            \
    { sizeof(struct moirai_breaker_config), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,     \
      NULL, NULL, NULL }

struct moirai_breaker_slot {
    uint32_t calls, failures, slow;
};

/* What has happened so far. */
struct moirai_breaker_stats {
    uint64_t allowed;               /* calls that it let pass */
    uint64_t refused;               /* and that it did not */
    uint64_t succeeded;             /* of those that passed, as are */
    uint64_t failed;
    uint64_t ignored;
    uint64_t slow;                  /* however they ended */
    uint64_t opened;                /* times it has opened */
    uint64_t lost;                  /* times that probes did not come back */
    int64_t since_ns;               /* in this state since then */
    int64_t until_ns;               /* open: until then. Half open: its probes
                                     * are lost from then on. Else 0. */
    uint32_t state;                 /* enum moirai_breaker_state */
    uint32_t calls;                 /* in the window now, as are */
    uint32_t failures;
    uint32_t slow_calls;
};

/* Caller's memory; nothing has to be done before it is given back. Every field
 * is the core's, and guarded by lock, but for config, which is constant. */
struct moirai_breaker {
    uint32_t lock;
    uint32_t given;                 /* probes let through, and */
    uint32_t good;                  /* those that succeeded */
    uint32_t row;                   /* times it opened since it was closed */
    uint64_t generation;            /* of its state; calls of another do not
                                     * count */
    struct moirai_breaker_config config;
    struct moirai_breaker_stats stats;
    uint32_t place, reserved;       /* the next call's, in these: */
    uint64_t bits_failed[MOIRAI_BREAKER_WINDOW / 64];
    uint64_t bits_slow[MOIRAI_BREAKER_WINDOW / 64];
    int64_t slot;                   /* the current one of these */
    struct moirai_breaker_slot slots[MOIRAI_BREAKER_SLOTS];
};

/* A call under way: caller's memory, filled by begin, for end. */
struct moirai_breaker_call {
    uint64_t generation;
    int64_t since_ns;
};

/* Closed, with nothing in its window. `config` is borrowed; NULL: presets. 0,
 * or -EINVAL: a percentage beyond 100, a window of more than
 * MOIRAI_BREAKER_WINDOW calls, or of calls and of time, more calls needed than
 * it holds, or a negative time. Does not wait. */
int moirai_breaker_init(struct moirai_breaker *breaker,
                        const struct moirai_breaker_config *config);

/* May a call be made? 0: yes, and it is ended by moirai_breaker_end;
 * -ECONNREFUSED: no. Any thread; does not wait. */
int moirai_breaker_begin(struct moirai_breaker *breaker,
                         struct moirai_breaker_call *call);

/* The call has ended like that; on any thread. A call that began before the
 * breaker last changed is counted, but changes nothing. One that has ended
 * already does neither. Does not wait. */
void moirai_breaker_end(struct moirai_breaker *breaker,
                        struct moirai_breaker_call *call,
                        enum moirai_breaker_outcome outcome);

/* The two around fn(arg), whose result is returned, and judged; or
 * -ECONNREFUSED. A task that fails in there (moirai_fail) counts as a failure.
 * Can wait if fn can. */
int moirai_breaker_run(struct moirai_breaker *breaker, moirai_fn *fn,
                       void *arg);

/* By an operator's hand: open until then (MOIRAI_NEVER: until it is reset), and
 * half open after that. Any thread; does not wait. */
void moirai_breaker_trip(struct moirai_breaker *breaker, int64_t until_ns);

/* By an operator's hand: as after init, but for what was counted. Any thread;
 * does not wait. */
void moirai_breaker_reset(struct moirai_breaker *breaker);

/* Half open includes: open, but its time is over, and nobody has called since.
 * Any thread; does not wait. */
enum moirai_breaker_state moirai_breaker_state(struct moirai_breaker *breaker);

/* Fills *stats (borrowed). Any thread; does not wait. */
void moirai_breaker_read(struct moirai_breaker *breaker,
                         struct moirai_breaker_stats *stats);

#ifdef __cplusplus
}
#endif

#endif
