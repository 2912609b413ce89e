/* SPDX-License-Identifier: MIT */
/*
 * primitives.c - small lock-free things, each with one step out of order.
 */
#include "bugs.h"

#include <moirai/moirai.h>

#include <stdint.h>
#include <string.h>

#include "atomic.h"

static MO_ATOMIC(uint32_t) wrong;

/* --- a ring that tells of a message before it is there -------------------- */

static struct {
    MO_ATOMIC(uint32_t) head, tail;
    MO_ATOMIC(uint32_t) slots[2];
} ring;

static int ring_put(void *arg)
{
    (void)arg;
    for (uint32_t i = 1; i <= 2; i++) {
        uint32_t at = mo_load(&ring.tail);

        mo_store(&ring.tail, at + 1);
        mo_store(&ring.slots[at % 2], i);
    }
    return 0;
}

static int ring_take(void *arg)
{
    (void)arg;
    for (uint32_t i = 1; i <= 2; i++) {
        uint32_t at = mo_load(&ring.head);

        while (mo_load(&ring.tail) == at)
            moirai_yield();
        if (mo_load(&ring.slots[at % 2]) != i)
            mo_store(&wrong, 1);
        mo_store(&ring.head, at + 1);
    }
    return 0;
}

int ring_told_early(void)
{
    memset(&ring, 0, sizeof ring);
    wrong = 0;
    BUGS_TOGETHER(ring_put, ring_take);
    return wrong != 0;
}

/* --- a sequence lock whose writer says only afterwards that it wrote ------ */

static MO_ATOMIC(uint32_t) sequence, left, right;

static int sequence_write(void *arg)
{
    (void)arg;
    mo_store(&left, 1);
    mo_store(&right, 1);
    mo_add(&sequence, 2);           /* before them, it should be odd */
    return 0;
}

static int sequence_read(void *arg)
{
    uint32_t before = mo_load(&sequence);
    uint32_t l = mo_load(&left);
    uint32_t r = mo_load(&right);

    (void)arg;
    if (before % 2 == 0 && mo_load(&sequence) == before && l != r)
        mo_store(&wrong, 1);
    return 0;
}

int sequence_half(void)
{
    sequence = left = right = wrong = 0;
    BUGS_TOGETHER(sequence_write, sequence_read);
    return wrong != 0;
}

/* --- a barrier that is set up again after it has opened ------------------- */

static struct {
    MO_ATOMIC(uint32_t) came, round;
} barrier;

static void barrier_pass(uint32_t parties)
{
    uint32_t round = mo_load(&barrier.round);

    if (mo_add(&barrier.came, 1) + 1 == parties) {
        mo_add(&barrier.round, 1);
        mo_store(&barrier.came, 0); /* who was quick has come already */
        return;
    }
    for (int i = 0; mo_load(&barrier.round) == round; i++) {
        if (i == 200) {
            mo_store(&wrong, 1);
            return;
        }
        moirai_yield();
    }
}

static int barrier_twice(void *arg)
{
    (void)arg;
    for (int i = 0; i < 2 && mo_load(&wrong) == 0; i++)
        barrier_pass(2);
    return 0;
}

int barrier_reset_late(void)
{
    memset(&barrier, 0, sizeof barrier);
    wrong = 0;
    BUGS_TOGETHER(barrier_twice, barrier_twice);
    return wrong != 0;
}

/* --- a queue whose emptiness is seen in the middle of a push -------------- */

struct link {
    MO_ATOMIC(uintptr_t) next;
};

static MO_ATOMIC(uintptr_t) last;
static struct link *first;          /* the consumer's */

static void queue_push(struct link *link)
{
    struct link *before;

    mo_store(&link->next, 0);
    before = (struct link *)mo_swap(&last, (uintptr_t)link);
    mo_store(&before->next, (uintptr_t)link);
}

static int push_two(void *arg)
{
    static struct link links[2];

    (void)arg;
    queue_push(&links[0]);
    queue_push(&links[1]);
    return 0;
}

/* Takes what there is, and puts the end back where it was. */
static int take_and_reset(void *arg)
{
    uint32_t *taken = arg;
    struct link *next;

    while ((next = (struct link *)mo_load(&first->next)) != NULL) {
        first = next;
        ++*taken;
    }
    return 0;
}

static uint32_t links_taken;

static int take_until_empty(void *arg)
{
    (void)arg;
    for (int i = 0; i < 3; i++) {
        take_and_reset(&links_taken);
        if ((uintptr_t)first != mo_load(&last))
            continue;               /* one is on its way */
        mo_store(&first->next, 0);
        moirai_yield();
    }
    return 0;
}

int push_cut_off(void)
{
    static struct link stub;

    stub.next = 0;
    first = &stub;
    last = (uintptr_t)&stub;
    links_taken = 0;
    BUGS_TOGETHER(push_two, take_until_empty);
    take_and_reset(&links_taken);
    return links_taken != 2;
}

/* --- a hazard that is announced, and not looked at again ------------------ */

static MO_ATOMIC(uint32_t) current, hazard, freed_value;

static int read_with_hazard(void *arg)
{
    uint32_t value = mo_load(&current);

    (void)arg;
    mo_store(&hazard, value);       /* is it the current one still? */
    if (mo_load(&freed_value) == value)
        mo_store(&wrong, 1);
    mo_store(&hazard, 0);
    return 0;
}

static int replace_and_free(void *arg)
{
    (void)arg;
    mo_store(&current, 2);
    if (mo_load(&hazard) != 1)
        mo_store(&freed_value, 1);
    return 0;
}

int hazard_unchecked(void)
{
    current = 1;
    hazard = freed_value = wrong = 0;
    BUGS_TOGETHER(read_with_hazard, replace_and_free);
    return wrong != 0;
}

/* --- readers are counted before the writer is looked for ------------------ */

static MO_ATOMIC(uint32_t) readers, writer;

static int read_shared(void *arg)
{
    (void)arg;
    while (mo_load(&writer) != 0)
        moirai_yield();
    mo_add(&readers, 1);            /* a writer may have come since */
    if (mo_load(&writer) != 0 && mo_load(&readers) != 0
        && mo_load(&left) != mo_load(&right))
        mo_store(&wrong, 1);
    mo_sub(&readers, 1);
    return 0;
}

static int write_alone(void *arg)
{
    (void)arg;
    while (mo_load(&readers) != 0)
        moirai_yield();
    mo_store(&writer, 1);
    mo_store(&left, 1);
    mo_store(&right, 1);
    mo_store(&writer, 0);
    return 0;
}

int reader_with_writer(void)
{
    readers = writer = left = right = wrong = 0;
    BUGS_TOGETHER(read_shared, write_alone);
    return wrong != 0;
}
