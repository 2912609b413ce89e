/* SPDX-License-Identifier: MIT */
/*
 * solo.h - the deque of a worker that nobody else takes from.
 */
#ifndef MO_SOLO_H
#define MO_SOLO_H

#include <stdint.h>

#include <moirai/deque.h>

/* The deque of a worker that is alone, as it is between two other calls; and
 * what it would run next: the oldest, or the newest. NULL: it is empty. */
struct mo_solo {
    struct moirai_deque_array *array;
    int64_t top, bottom;
};

static inline struct mo_solo mo_solo_look(const struct moirai_deque *deque)
{
    return (struct mo_solo){
        .array = MOIRAI_DEQUE_LOAD(&deque->array, RELAXED),
        .top = MOIRAI_DEQUE_LOAD(&deque->top, RELAXED),
        .bottom = MOIRAI_DEQUE_LOAD(&deque->bottom, RELAXED),
    };
}

static inline struct moirai_task *mo_solo_oldest(const struct mo_solo *seen)
{
    return seen->top < seen->bottom ? moirai_deque_peek(seen->array, seen->top)
                                    : NULL;
}

static inline struct moirai_task *mo_solo_newest(const struct mo_solo *seen)
{
    return seen->top < seen->bottom
        ? moirai_deque_peek(seen->array, seen->bottom - 1) : NULL;
}

/* Takes the oldest, and puts `task` behind all others: there is room. */
static inline void mo_solo_exchange(struct moirai_deque *deque,
                                    const struct mo_solo *seen,
                                    struct moirai_task *task)
{
    moirai_deque_slot *slot = moirai_deque_at(seen->array, seen->bottom);

    MOIRAI_DEQUE_STORE(&deque->top, seen->top + 1, RELAXED);
    MOIRAI_DEQUE_STORE(slot, task, RELAXED);
    MOIRAI_DEQUE_STORE(&deque->bottom, seen->bottom + 1, RELAXED);
}

/* Takes the newest. */
static inline void mo_solo_take(struct moirai_deque *deque,
                                const struct mo_solo *seen)
{
    MOIRAI_DEQUE_STORE(&deque->bottom, seen->bottom - 1, RELAXED);
}

#endif
