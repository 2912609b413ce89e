/* SPDX-License-Identifier: MIT */
/*
 * chan.c - the promises of include/moirai/chan_ops.h.
 *
 * Nothing is assumed of the order in which messages come out. Each message
 * carries its number, spread over all of its bytes; one without bytes is only
 * counted. Memory for a batch has exactly the batch's size, so that ASan sees
 * a copy that is too long.
 */
#include "conformance.h"

#include <moirai/chan_ops.h>

#include <stdlib.h>
#include <string.h>

#define MANY 1000                   /* as much as an unbounded one is given */

struct pipe {                       /* a discipline at work */
    struct moirai_chan_sink sink;   /* first: where it discards */
    size_t dropped;
    size_t retired;
    uint64_t next;                  /* the number of the next message */
    uint64_t first;                 /* the number of seen[0] */
    size_t count;
    bool *seen;                     /* those that came out, or were dropped */
    const struct moirai_chan_ops *ops;
    struct moirai_elem elem;
    void *state;
    size_t state_size;
    void *end;                      /* the endpoint, for both directions */
    size_t room;                    /* its capacity, at most MANY */
};

static const size_t message_sizes[] = { 0, 1, 3, 4, 8, 16, 24, 64, 4096 };

#define SIZES (sizeof message_sizes / sizeof message_sizes[0])

static void mark(struct pipe *p, const void *message);

static void drop(struct moirai_chan_sink *sink, const void *message)
{
    struct pipe *p = (struct pipe *)sink;

    p->dropped++;
    mark(p, message);
}

static void retire(struct moirai_chan_sink *sink, const void *message)
{
    struct pipe *p = (struct pipe *)sink;

    (void)message;
    p->retired++;
}

/* From here on `count` messages at most come, and are looked for in `seen`. */
static void expect(struct pipe *p, size_t count, bool *seen)
{
    p->first = p->next;
    p->count = count;
    p->seen = seen;
}

/* False: it takes no messages of this size. */
static bool pipe_make(struct pipe *p, const struct subject *subject,
                      size_t bytes, uint32_t align)
{
    *p = (struct pipe){ .ops = subject->plugin->ops };
    p->elem = (struct moirai_elem){ .size = sizeof p->elem, .bytes = bytes,
                                    .align = align };
    conformance_at("state_size");
    p->state_size = p->ops->state_size(subject->config, &p->elem);
    conformance_at(NULL);
    HOLDS(p->state_size > 0 || bytes < 8, "messages of %zu bytes on a boundary "
          "of %u cannot be, it says", bytes, (unsigned)align);
    if (p->state_size > 0)
        p->state = conformance_state(p->state_size, 128);
    return p->state_size > 0;
}

static bool pipe_open(struct pipe *p, const struct subject *subject,
                      size_t bytes, uint32_t align)
{
    struct moirai_error err = { 0 };
    int rc;

    if (!pipe_make(p, subject, bytes, align))
        return false;
    conformance_at("init");
    rc = p->ops->init(p->state, subject->config, &p->elem, conformance_host(),
                      &err);
    NEEDS(rc == 0, "init for messages of %zu bytes returned %d: %s", bytes, rc,
          err.text);
    conformance_at("attach");
    if (p->ops->attach != NULL)
        rc = p->ops->attach(p->state, MOIRAI_BOTH, &p->end);
    HOLDS(rc == 0, "attach returned %d", rc);
    conformance_at("capacity");
    p->room = p->ops->capacity(p->state);
    if (p->room > MANY)
        p->room = MANY;
    p->sink = (struct moirai_chan_sink){ .drop = drop, .retire = retire };
    if (p->ops->discard_to != NULL)
        p->ops->discard_to(p->state, &p->sink);
    conformance_at(NULL);
    return true;
}

static size_t length(struct pipe *p)
{
    size_t n;

    conformance_at("length");
    n = p->ops->length(p->state);
    conformance_at(NULL);
    return n;
}

/* Fails unless `length` says so. */
static void check_length(struct pipe *p, size_t wanted)
{
    size_t n = length(p);

    HOLDS(n == wanted, "%zu messages are stored, and `length` says %zu",
          wanted, n);
}

/* What is kept for late endpoints comes out through none. */
static void drain(struct pipe *p)
{
    char *message = malloc(p->elem.bytes + 1);

    NEEDS(message != NULL, "no memory for the test itself");
    conformance_at("pop");
    while (p->ops->pop(p->state, NULL, message, 1) == 1)
        continue;
    conformance_at(NULL);
    free(message);
}

static void pipe_close(struct pipe *p)
{
    check_length(p, 0);
    conformance_at("detach");
    if (p->ops->detach != NULL)
        p->ops->detach(p->state, p->end);
    drain(p);
    conformance_at("fini");
    p->ops->fini(p->state);
    conformance_at(NULL);
    conformance_state_free(p->state, p->state_size);
    HOLDS(conformance_allocations() == 0, "after fini it still holds %lld "
          "pieces of the host's memory", (long long)conformance_allocations());
}

static unsigned char byte_of(uint64_t number, size_t i)
{
    return (unsigned char)(number + (number >> 8) * 31 + i * 7);
}

static void fill(void *message, size_t bytes, uint64_t number)
{
    for (size_t i = 0; i < bytes; i++)
        ((unsigned char *)message)[i] = byte_of(number, i);
}

static bool is_filled(const void *message, size_t bytes, uint64_t number)
{
    for (size_t i = 0; i < bytes; i++) {
        if (((const unsigned char *)message)[i] != byte_of(number, i))
            return false;
    }
    return true;
}

/* Pushes the next n messages. Returns how many more are stored: those that were
 * taken, less those that had to make room for them. */
static size_t push(struct pipe *p, size_t n)
{
    size_t bytes = p->elem.bytes;
    char *batch = malloc(n * bytes + 1);
    size_t dropped = p->dropped;
    size_t retired = p->retired;
    size_t pushed;

    NEEDS(batch != NULL, "no memory for the test itself");
    for (size_t i = 0; i < n; i++)
        fill(batch + i * bytes, bytes, p->next + i);
    conformance_at("push");
    pushed = p->ops->push(p->state, p->end, batch, n);
    conformance_at(NULL);
    HOLDS(pushed <= n, "push was given %zu messages, and took %zu", n, pushed);
    p->next += pushed;
    dropped = p->dropped - dropped;
    HOLDS(dropped + p->retired - retired <= pushed, "push took %zu messages, "
          "and discarded %zu", pushed, dropped + p->retired - retired);
    free(batch);
    return pushed - dropped;
}

/* One of those expected, and not seen before. */
static void mark(struct pipe *p, const void *message)
{
    size_t k = 0;

    while (k < p->count && (p->seen[k] || !is_filled(message, p->elem.bytes,
                                                     p->first + k)))
        k++;
    HOLDS(k < p->count, "a message of %zu bytes came out that was not stored: "
          "changed on the way, or given out twice", p->elem.bytes);
    p->seen[k] = true;
}

/* Pops up to n messages. Returns how many came out. */
static size_t pop(struct pipe *p, size_t n)
{
    size_t bytes = p->elem.bytes;
    char *batch = malloc(n * bytes + 1);
    size_t popped;

    NEEDS(batch != NULL, "no memory for the test itself");
    conformance_at("pop");
    popped = p->ops->pop(p->state, p->end, batch, n);
    conformance_at(NULL);
    HOLDS(popped <= n, "pop was asked for %zu messages, and gave %zu", n,
          popped);
    for (size_t i = 0; i < popped; i++)
        mark(p, batch + i * bytes);
    free(batch);
    return popped;
}

static int start_with(const struct subject *subject, int64_t grants,
                      struct moirai_error *err)
{
    struct pipe p;
    int rc;

    *err = (struct moirai_error){ 0 };
    NEEDS(pipe_make(&p, subject, 24, 8), "it takes no messages of 24 bytes");
    conformance_allow(grants);
    conformance_at("init");
    rc = p.ops->init(p.state, subject->config, &p.elem, conformance_host(),
                     err);
    conformance_allow(-1);
    conformance_at("fini");
    if (rc == 0)
        p.ops->fini(p.state);
    conformance_at(NULL);
    conformance_state_free(p.state, p.state_size);
    return rc;
}

PROMISE(chan_starts, "`init` succeeds.")
{
    conformance_starts(subject, start_with);
}

/* As push and pop, which must move `wanted` of n. */
static void push_as(struct pipe *p, size_t n, size_t wanted)
{
    size_t pushed = push(p, n);

    HOLDS(pushed == wanted, "%zu messages were pushed where there is room for "
          "%zu, and %zu more are stored", n, wanted, pushed);
}

static void pop_as(struct pipe *p, size_t n, size_t wanted)
{
    size_t popped = pop(p, n);

    HOLDS(popped == wanted, "%zu messages were asked for, %zu of those stored "
          "should have come, and %zu did", n, wanted, popped);
}

/* n messages in, and out again. */
static void give_once(struct pipe *p, size_t n)
{
    bool *seen = calloc(n, sizeof *seen);

    NEEDS(seen != NULL, "no memory for the test itself");
    expect(p, n, seen);
    for (size_t i = 0; i < n; i++) {
        push_as(p, 1, 1);
        check_length(p, i + 1);
    }
    for (size_t i = n; i > 0; i--) {
        check_length(p, i);
        pop_as(p, 1, 1);
    }
    pop_as(p, 1, 0);
    free(seen);
}

PROMISE(chan_gives_each_message_once,
        "Each message that was stored comes out unchanged, and once.")
{
    for (size_t s = 0; s < SIZES; s++) {
        struct pipe p;

        if (!pipe_open(&p, subject, message_sizes[s], 0))
            continue;
        for (size_t round = 0; round < 20 && p.room > 0; round++)
            give_once(&p, 1 + round * 13 % p.room);
        pipe_close(&p);
    }
}

static void fill_up(struct pipe *p)
{
    size_t capacity = p->ops->capacity(p->state);
    bool bounded = capacity <= MANY;

    pop_as(p, 1, 0);
    push_as(p, p->room, p->room);
    check_length(p, p->room);
    if (bounded) {
        push_as(p, 1, 0);
        push_as(p, 7, 0);
    }
    if (p->room > 0)
        pop_as(p, 1, 1);
    if (p->room > 0 && bounded)
        push_as(p, 7, 1);           /* as many as there is room */
    HOLDS(p->ops->capacity(p->state) == capacity, "its capacity was %zu, and "
          "is %zu", capacity, p->ops->capacity(p->state));
}

PROMISE(chan_holds_what_it_says,
        "It stores as many messages as `capacity` says, and no more.")
{
    for (size_t s = 0; s < SIZES; s++) {
        bool seen[MANY + 16] = { false };
        struct pipe p;

        if (!pipe_open(&p, subject, message_sizes[s], 0))
            continue;
        expect(&p, MANY + 16, seen);
        fill_up(&p);
        while (pop(&p, 10) > 0)
            continue;
        pipe_close(&p);
    }
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static void move(struct pipe *p)
{
    size_t stored = 0;

    conformance_at("push");
    HOLDS(p->ops->push(p->state, p->end, NULL, 0) == 0,
          "a push of no messages stored some");
    conformance_at("pop");
    HOLDS(p->ops->pop(p->state, p->end, NULL, 0) == 0,
          "a pop of no messages gave some");
    for (size_t i = 0; p->next < 2900 && p->room > 0; i++) {
        size_t n = least(i * 5 % 29, p->room - stored);

        push_as(p, i * 5 % 29, n);
        stored += n;
        n = least(i * 3 % 23, stored);
        pop_as(p, i * 3 % 23, n);
        stored -= n;
        check_length(p, stored);
    }
}

PROMISE(chan_moves_batches,
        "Batches go in and out as far as there is room, and messages.")
{
    for (size_t s = 0; s < SIZES; s++) {
        bool seen[3000] = { false };
        struct pipe p;

        if (!pipe_open(&p, subject, message_sizes[s], 0))
            continue;
        expect(&p, 3000, seen);
        move(&p);
        while (pop(&p, 100) > 0)
            continue;
        for (size_t i = 0; i < p.next; i++)
            HOLDS(seen[i], "message %zu of %zu, of %zu bytes, is lost", i,
                  (size_t)p.next, p.elem.bytes);
        pipe_close(&p);
    }
}

static void *reserve(struct pipe *p)
{
    void *slot;

    conformance_at("reserve");
    slot = p->ops->reserve(p->state, p->end);
    conformance_at(NULL);
    HOLDS(slot != NULL, "there is room, and reserve gives no slot");
    HOLDS(p->elem.align == 0 || (uintptr_t)slot % p->elem.align == 0,
          "a slot for messages on boundaries of %u is at %p",
          (unsigned)p->elem.align, slot);
    check_length(p, 0);
    pop_as(p, 1, 0);
    return slot;
}

static void lend(struct pipe *p)
{
    for (size_t i = 0; i < 3 * p->room; i++) {
        void *slot = reserve(p);

        if (i % 3 == 0) {
            conformance_at("abort");
            p->ops->abort(p->state, p->end, slot);
            check_length(p, 0);
            slot = reserve(p);
        }
        fill(slot, p->elem.bytes, p->next++);
        conformance_at("commit");
        p->ops->commit(p->state, p->end, slot);
        check_length(p, 1);
        pop_as(p, 1, 1);
    }
    push_as(p, p->room, p->room);
    HOLDS(p->ops->capacity(p->state) > MANY ||
              p->ops->reserve(p->state, p->end) == NULL,
          "it is full, and reserve gives a slot");
    while (pop(p, 10) > 0)
        continue;
}

PROMISE(chan_lends_slots,
        "A reserved slot becomes a message when it is committed, not before.")
{
    static const struct { size_t bytes; uint32_t align; } elems[] = {
        { 0, 0 }, { 1, 1 }, { 4, 4 }, { 24, 8 }, { 32, 32 }, { 128, 64 },
        { 512, 256 }, { 8192, 4096 },
    };
    const struct moirai_chan_ops *ops = subject->plugin->ops;

    if (ops->reserve == NULL)
        conformance_waive("it lends no slots");
    HOLDS((ops->reserve != NULL) == (ops->commit != NULL) &&
              (ops->reserve != NULL) == (ops->abort != NULL),
          "of reserve, commit and abort it has some and not all");
    for (size_t e = 0; e < sizeof elems / sizeof elems[0]; e++) {
        bool seen[4 * MANY] = { false };
        struct pipe p;

        if (ops->reserve == NULL ||
            !pipe_open(&p, subject, elems[e].bytes, elems[e].align))
            continue;
        expect(&p, 4 * MANY, seen);
        lend(&p);
        pipe_close(&p);
    }
}

/* What `can` says comes true at once. */
static void try_what_can(struct pipe *p, bool sends)
{
    uint64_t next = p->next;
    bool can;
    bool did;

    conformance_at("can");
    can = p->ops->can(p->state, p->end, sends ? MOIRAI_SEND : MOIRAI_RECV);
    conformance_at(NULL);
    if (sends)
        (void)push(p, 1);
    did = sends ? p->next > next : pop(p, 1) == 1;
    HOLDS(can == did, "`can` says that a %s %s, and it %s",
          sends ? "push" : "pop", can ? "will succeed" : "cannot be",
          did ? "succeeded" : "did not");
}

PROMISE(chan_knows_what_it_can,
        "What `can` says of a push or a pop is true.")
{
    const struct moirai_chan_ops *ops = subject->plugin->ops;
    bool seen[MANY] = { false };
    struct pipe p;

    if (ops->can == NULL) {
        conformance_waive("it has no can, so none can wait for several");
        return;
    }
    if (!pipe_open(&p, subject, 24, 8))
        return;
    expect(&p, MANY, seen);
    for (uint64_t i = 0; i < MANY; i++)
        try_what_can(&p, i % (2 * p.room + 2) <= p.room);
    while (pop(&p, 10) > 0)
        continue;
    pipe_close(&p);
}

PROMISE(chan_refuses_what_cannot_be,
        "Messages that are too large to store make a state of no size.")
{
    const struct moirai_chan_ops *ops = subject->plugin->ops;
    static const size_t bytes[] = { SIZE_MAX, SIZE_MAX - 64, SIZE_MAX / 2 + 1,
                                    SIZE_MAX / 4 + 16, SIZE_MAX / 64 };

    for (size_t i = 0; i < sizeof bytes / sizeof bytes[0]; i++) {
        struct moirai_elem elem = { .size = sizeof elem, .align = 1,
                                    .bytes = bytes[i] };
        size_t size;

        conformance_at("state_size");
        size = ops->state_size(subject->config, &elem);
        HOLDS(size == 0 || size <= PTRDIFF_MAX,
              "messages of %zu bytes make a state of %zu", bytes[i], size);
    }
}

PROMISE(chan_init_fails_cleanly,
        "`init` without memory says so, and leaves nothing.")
{
    conformance_fails_cleanly(subject, start_with);
}

static void open_and_close(const struct subject *subject)
{
    bool seen[100] = { false };
    struct pipe p;

    if (!pipe_open(&p, subject, 24, 8))
        return;
    expect(&p, 100, seen);
    for (int i = 0; i < 10; i++) {
        (void)push(&p, 3);
        (void)pop(&p, 2);
    }
    while (pop(&p, 10) > 0)
        continue;
    pipe_close(&p);
}

PROMISE(chan_leaves_nothing,
        "After `fini` nothing stays: no memory, no threads, no open files.")
{
    conformance_leaves_nothing(subject, open_and_close);
}
