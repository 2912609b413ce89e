/* SPDX-License-Identifier: MIT */
/*
 * slots.h - room for messages in one block, and queues of them.
 *
 * A queue is a chain of slots; unused slots form a chain too. So any number of
 * queues share one block, each as long as it has to be. Behind a discipline's
 * own state lie the slots, then a link for each:
 *
 *     | state | slot 0 | slot 1 | ... | link 0 | link 1 | ...
 *
 * Under the core's lock.
 */
#ifndef SLOTS_H
#define SLOTS_H

#include <moirai/chan_ops.h>

#include <errno.h>

#define SLOTS_NONE UINT32_MAX
#define SLOTS_MAX (UINT64_C(1) << 24)

struct slots {
    char *at;
    uint32_t *link;
    size_t bytes;                   /* of a message */
    uint32_t capacity;
    uint32_t used;
    uint32_t fresh;                 /* those from here on were never used */
    uint32_t freed;                 /* chain of those that were */
};

struct slots_queue {
    uint32_t head;                  /* the oldest; if length > 0 */
    uint32_t tail;
    uint32_t length;
};

static inline size_t slots_align(const struct moirai_elem *elem)
{
    return moirai_elem_boundary(elem);
}

/* Can messages of this kind lie side by side? */
static inline bool slots_fit(const struct moirai_elem *elem)
{
    size_t align = slots_align(elem);

    return (align & (align - 1)) == 0
        && (elem->align == 0 || moirai_elem_stored(elem) % align == 0);
}

/* Bytes of a state of `own` bytes, `n` slots and `more` bytes for each; 0: it
 * cannot be. */
static inline size_t slots_state_size(size_t own,
                                      const struct moirai_elem *elem,
                                      uint64_t n, size_t more)
{
    size_t align = slots_align(elem);
    size_t bytes = moirai_elem_stored(elem);

    if (!slots_fit(elem) || n > SLOTS_MAX)
        return 0;
    own += align + 16;              /* after the state; after the slots */
    if (bytes > PTRDIFF_MAX - own - more)
        return 0;
    if (bytes + more != 0 && n > (PTRDIFF_MAX - own) / (bytes + more))
        return 0;
    return own + (size_t)n * (bytes + more);
}

static inline char *slots_round_up(char *at, size_t align)
{
    uintptr_t address = (uintptr_t)at;

    return at + (((address + align - 1) & ~((uintptr_t)align - 1)) - address);
}

/* The first slot, `own` bytes into the state. */
static inline char *slots_first(void *state, size_t own,
                                const struct moirai_elem *elem)
{
    return slots_round_up((char *)state + own, slots_align(elem));
}

/* What init says of messages that slots_state_size refuses. */
static inline int slots_refuse(const char *plugin,
                               const struct moirai_elem *elem, uint64_t n,
                               struct moirai_error *err)
{
    return moirai_error_set(err, -EINVAL, "%s: %llu messages of %zu bytes, "
                            "aligned to %zu, do not fit", plugin,
                            (unsigned long long)n, elem->bytes,
                            slots_align(elem));
}

/* Returns what follows the links, on a boundary of 8 bytes. */
static inline char *slots_init(struct slots *s, void *state, size_t own,
                               const struct moirai_elem *elem, uint64_t n)
{
    char *links;

    s->at = slots_first(state, own, elem);
    s->bytes = moirai_elem_stored(elem);
    s->capacity = (uint32_t)n;
    s->freed = SLOTS_NONE;
    links = slots_round_up(s->at + n * s->bytes, 8);
    s->link = (uint32_t *)(void *)links;
    return slots_round_up(links + n * sizeof s->link[0], 8);
}

static inline char *slots_slot(const struct slots *s, uint32_t i)
{
    return s->at + i * s->bytes;
}

/* A copy of the message at the end of `q`; SLOTS_NONE if there is no room, else
 * the slot. */
static inline uint32_t slots_push(struct slots *s, struct slots_queue *q,
                                  const void *message)
{
    uint32_t i = s->freed;

    if (s->used == s->capacity)
        return SLOTS_NONE;
    if (i != SLOTS_NONE)
        s->freed = s->link[i];
    else
        i = s->fresh++;
    s->used++;
    moirai_ring_copy(slots_slot(s, i), message, s->bytes);
    if (q->length++ == 0)
        q->head = i;
    else
        s->link[q->tail] = i;
    q->tail = i;
    return i;
}

/* Copies the oldest message of `q` out; false: it has none. */
static inline bool slots_pop(struct slots *s, struct slots_queue *q,
                             void *message)
{
    uint32_t i = q->head;

    if (q->length == 0)
        return false;
    q->length--;
    q->head = s->link[i];
    s->used--;
    s->link[i] = s->freed;
    s->freed = i;
    moirai_ring_copy(message, slots_slot(s, i), s->bytes);
    return true;
}

/* All of `from` behind `to`. */
static inline void slots_append(struct slots *s, struct slots_queue *to,
                                struct slots_queue *from)
{
    if (from->length == 0)
        return;
    if (to->length == 0)
        to->head = from->head;
    else
        s->link[to->tail] = from->head;
    to->tail = from->tail;
    to->length += from->length;
    from->length = 0;
}

/* An unsigned integer of 1, 2, 4 or 8 bytes inside a message. */
static inline uint64_t slots_field(const void *message, uint64_t at,
                                   uint64_t bytes)
{
    const char *field = (const char *)message + at;
    uint64_t value64 = 0;
    uint32_t value32;
    uint16_t value16;

    switch (bytes) {
    case 1:
        return (unsigned char)field[0];
    case 2:
        memcpy(&value16, field, 2);
        return value16;
    case 4:
        memcpy(&value32, field, 4);
        return value32;
    case 8:
        memcpy(&value64, field, 8);
        break;
    default:
        break;
    }
    return value64;
}

/* Is there such a field in messages of this kind, or none asked for? */
static inline bool slots_has_field(const struct moirai_elem *elem,
                                   uint64_t at, uint64_t bytes)
{
    if (bytes == 0)
        return true;
    return (bytes & (bytes - 1)) == 0 && bytes <= 8 && at <= elem->bytes
        && elem->bytes - at >= bytes;
}

static inline const void *slots_nth(const void *first, size_t n, size_t bytes)
{
    return bytes != 0 ? (const char *)first + n * bytes : first;
}

static inline void *slots_nth_room(void *first, size_t n, size_t bytes)
{
    return bytes != 0 ? (char *)first + n * bytes : first;
}

#endif
