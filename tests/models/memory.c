/* SPDX-License-Identifier: MIT */
/*
 * memory.c - C's memory model, step by step.
 *
 * A location keeps every value that was stored there, in modification order. A
 * load takes any of them that is not too old for its thread; which one is a
 * choice, and all are tried. How old is too old says the thread's view: for
 * each location the oldest that it may still find. A store with release keeps
 * its thread's view along, and a load with acquire joins that to its own. A
 * store goes behind any value that is not too old, so that stores, too, can
 * pass each other.
 *
 * Sequential consistency is one more view, `total`, as it stands after what has
 * been done so far: an access with that order looks at and moves its own
 * location's part, a fence all of it. That is C++20's rule (4 cases of [atomics
 * .order]) for runs whose total order is that in which they were played. What
 * cannot happen here, though the standard has it: a load that finds what is
 * only stored later. The same limit as relacy's and CDSChecker's.
 *
 * Accesses that are not atomic have to be ordered by happens-before, which
 * clocks tell as in FastTrack (Flanagan and Freund, 2009). A location that is
 * written plainly begins anew.
 */
#include "engine.h"

#include <string.h>

#define LOCATIONS 128
#define MESSAGES 4096
#define OF_ONE 256                  /* messages of one location */
#define CELLS 4096
#define PAST 40
#define STEP_AT (1u << 12)          /* between two stores in their order */
#define WATCHED 16

struct view {
    uint32_t at[LOCATIONS];
};

struct clock {
    uint32_t at[ACTORS];
};

struct message {
    uint64_t value;
    uint32_t at;                    /* its place in the modification order */
    bool followed;                  /* by a read-modify-write that read it */
    struct view view;
    struct clock clock;
};

struct location {
    uintptr_t at;
    uint32_t size;
    uint32_t n;
    bool stale;                     /* it was written plainly */
    struct message *message[OF_ONE];
};

/* Who last did what to which of eight bytes. */
struct past {
    uint32_t when;                  /* by the actor's clock */
    uint8_t actor, how, bytes;
};

struct cell {
    uintptr_t at;
    uint32_t run;
    uint32_t n;
    uint8_t location[8];            /* that begins there, + 1 */
    struct past past[PAST];
};

struct actor {
    struct view view, acquired, released;
    struct clock clock, clock_acquired, clock_released;
    struct {
        uint32_t location, at;
    } seen[WATCHED];                /* first, since it relaxed */
    uint32_t seen_n;
};

static struct location locations[LOCATIONS];
static uint32_t location_n;
static struct message messages[MESSAGES];
static uint32_t message_n;
static struct cell cells[CELLS];
static struct actor actors[ACTORS];
static struct view total;
static uint32_t run;

static bool acquires(int order)
{
    return order == __ATOMIC_ACQUIRE || order == __ATOMIC_CONSUME
        || order == __ATOMIC_ACQ_REL || order == __ATOMIC_SEQ_CST;
}

static bool releases(int order)
{
    return order == __ATOMIC_RELEASE || order == __ATOMIC_ACQ_REL
        || order == __ATOMIC_SEQ_CST;
}

static void join_view(struct view *view, const struct view *other)
{
    for (uint32_t i = 0; i < location_n; i++)
        if (view->at[i] < other->at[i])
            view->at[i] = other->at[i];
}

static void join_clock(struct clock *clock, const struct clock *other)
{
    for (uint32_t i = 0; i < ACTORS; i++)
        if (clock->at[i] < other->at[i])
            clock->at[i] = other->at[i];
}

void memory_reset(void)
{
    run++;
    location_n = message_n = 0;
    memset(actors, 0, sizeof actors);
    memset(&total, 0, sizeof total);
    for (uint32_t i = 0; i < ACTORS; i++)
        actors[i].clock.at[i] = 1;
}

void memory_start(void)
{
    for (uint32_t i = 0; i < MAIN; i++) {
        join_view(&actors[i].view, &actors[MAIN].view);
        join_clock(&actors[i].clock, &actors[MAIN].clock);
        actors[i].released = actors[i].view;
        actors[i].clock_released = actors[i].clock;
        actors[i].clock.at[i]++;
    }
    actors[MAIN].clock.at[MAIN]++;
}

void memory_join(void)
{
    for (uint32_t i = 0; i < MAIN; i++) {
        join_view(&actors[MAIN].view, &actors[i].view);
        join_clock(&actors[MAIN].clock, &actors[i].clock);
    }
}

/* --- races --------------------------------------------------------------- */

static struct cell *cell_of(uintptr_t at)
{
    uintptr_t key = at & ~(uintptr_t)7;
    uint32_t i = (uint32_t)((key >> 3) * 2654435761u) % CELLS;

    for (uint32_t tries = 0; tries < CELLS; tries++, i = (i + 1) % CELLS) {
        struct cell *cell = &cells[i];

        if (cell->run == run && cell->at == key)
            return cell;
        if (cell->run != run) {
            memset(cell, 0, offsetof(struct cell, past));
            cell->run = run;
            cell->at = key;
            return cell;
        }
    }
    explore_fail("the model touches more memory than memory.c can follow");
}

static const char *const access_names[ACCESSES] = {
    "reads", "writes", "reads (atomically)", "writes (atomically)"
};

static const uint8_t conflicts[ACCESSES] = {    /* a bit for each access */
    [READ] = 1 << WRITE | 1 << ATOMIC_WRITE,
    [WRITE] = 1 << READ | 1 << WRITE | 1 << ATOMIC_READ | 1 << ATOMIC_WRITE,
    [ATOMIC_READ] = 1 << WRITE,
    [ATOMIC_WRITE] = 1 << READ | 1 << WRITE,
};

/* Notes an access, and looks whether it comes after those it conflicts with. */
static void note(struct cell *cell, const struct past *now)
{
    const struct clock *clock = &actors[now->actor].clock;
    uint32_t same = cell->n;

    for (uint32_t i = 0; i < cell->n; i++) {
        const struct past *p = &cell->past[i];

        if (p->actor == now->actor) {
            if (p->how == now->how && (p->bytes & ~now->bytes) == 0)
                same = i;
        } else if ((p->bytes & now->bytes) != 0
                   && (conflicts[now->how] & 1 << p->how) != 0
                   && p->when > clock->at[p->actor]) {
            explore_fail("a race at %#lx: thread %u %s, thread %u %s",
                         (unsigned long)cell->at, p->actor,
                         access_names[p->how], now->actor,
                         access_names[now->how]);
        }
    }
    if (same == PAST)
        explore_fail("more accesses than memory.c can remember");
    cell->past[same] = *now;
    cell->n += same == cell->n;
}

static void touch(uint32_t actor, uintptr_t at, size_t size, enum access how)
{
    struct past now = { .when = actors[actor].clock.at[actor],
                        .actor = (uint8_t)actor, .how = (uint8_t)how };
    uintptr_t end = at + size;

    while (at < end) {
        struct cell *cell = cell_of(at);
        uint32_t from = (uint32_t)(at - cell->at);
        uint32_t to = end - cell->at < 8 ? (uint32_t)(end - cell->at) : 8;

        now.bytes = (uint8_t)((1u << to) - (1u << from));
        note(cell, &now);
        for (uint32_t b = 0; how == WRITE && b < to; b++) {
            struct location *l = &locations[cell->location[b] - 1];

            if (cell->location[b] != 0 && b + l->size > from)
                l->stale = true;
        }
        at = cell->at + 8;
    }
}

void memory_plain(uint32_t actor, uintptr_t at, size_t size, bool write)
{
    touch(actor, at, size, write ? WRITE : READ);
}

/* --- locations ----------------------------------------------------------- */

uint64_t memory_newest(uintptr_t at, uint32_t size)
{
    uint64_t value = 0;

    memcpy(&value, (const void *)at, size); /* little endian, or 8 bytes */
    return value;
}

static struct message *message_new(uint64_t value, uint32_t at)
{
    struct message *m;

    if (message_n == MESSAGES)
        explore_fail("more stores than memory.c can keep");
    m = &messages[message_n++];
    memset(m, 0, sizeof *m);
    m->value = value;
    m->at = at;
    return m;
}

/* What a plain write left, or nobody but MAIN has written yet. */
static void begin_anew(struct location *l)
{
    uint32_t last = l->n > 0 ? l->message[l->n - 1]->at : 0;

    l->stale = false;
    l->message[0] = message_new(memory_newest(l->at, l->size),
                                last + STEP_AT);
    l->n = 1;
}

static uint32_t location_of(uintptr_t at, uint32_t size)
{
    struct cell *cell = cell_of(at);
    uint8_t *known = &cell->location[at - cell->at];
    struct location *l;

    if (*known == 0) {
        if (location_n == LOCATIONS)
            explore_fail("more atomics than memory.c can follow");
        l = &locations[location_n++];
        *known = (uint8_t)location_n;
        *l = (struct location){ .at = at, .size = size };
        begin_anew(l);
        for (uint32_t i = 0; i < ACTORS; i++)
            actors[i].view.at[location_n - 1]
                = actors[i].acquired.at[location_n - 1]
                = actors[i].released.at[location_n - 1] = 0;
        total.at[location_n - 1] = 0;
    }
    l = &locations[*known - 1];
    if (l->stale
        || memory_newest(at, l->size) != l->message[l->n - 1]->value) {
        l->size = size;
        begin_anew(l);
    }
    if (l->size != size)
        explore_fail("an atomic of %u bytes used as one of %u", l->size, size);
    return *known - 1u;
}

static uint32_t floor_of(uint32_t actor, uint32_t location, int order)
{
    uint32_t at = actors[actor].view.at[location];

    if (order == __ATOMIC_SEQ_CST && at < total.at[location])
        at = total.at[location];
    return at;
}

/* Moves the views of who now has seen or made this one. */
static void saw(uint32_t actor, uint32_t location, uint32_t at, int order)
{
    struct actor *a = &actors[actor];
    uint32_t i = 0;

    if (a->view.at[location] < at)
        a->view.at[location] = at;
    if (order == __ATOMIC_SEQ_CST && total.at[location] < at)
        total.at[location] = at;
    while (i < a->seen_n && a->seen[i].location != location)
        i++;
    if (i == a->seen_n && a->seen_n == WATCHED)
        memmove(a->seen, a->seen + 1, (--i) * sizeof a->seen[0]);
    else if (i == a->seen_n)
        a->seen_n++;
    else
        return;
    a->seen[i].location = location;
    a->seen[i].at = at;
}

static void receive(uint32_t actor, const struct message *m, int order)
{
    struct actor *a = &actors[actor];

    join_view(&a->acquired, &m->view);
    join_clock(&a->clock_acquired, &m->clock);
    if (!acquires(order))
        return;
    join_view(&a->view, &m->view);
    join_clock(&a->clock, &m->clock);
}

/* Any message from `floor` on that `usable` says can be used: the newest
 * first. */
static uint32_t pick(uint32_t actor, const struct location *l, uint32_t floor,
                     const struct change_of *change, bool to_follow)
{
    uint32_t found[OF_ONE];
    uint32_t n = 0;

    for (uint32_t i = l->n; i-- > 0 && l->message[i]->at >= floor;) {
        const struct message *m = l->message[i];
        bool follow = to_follow && (change == NULL || change->how != COMPARE
                                    || m->value == change->expected);

        if (!follow || !m->followed)
            found[n++] = i;
        if (change != NULL && change->newest)
            break;
    }
    if (n == 0)
        explore_fail("memory.c: nothing to be found at %#lx",
                     (unsigned long)l->at);
    return found[actor == MAIN ? 0 : explore_choose(n)];
}

uint64_t memory_load(uint32_t actor, uintptr_t at, uint32_t size, int order)
{
    uint32_t location = location_of(at, size);
    struct location *l = &locations[location];
    const struct message *m;

    m = l->message[pick(actor, l, floor_of(actor, location, order), NULL,
                        false)];
    saw(actor, location, m->at, order);
    receive(actor, m, order);
    touch(actor, at, size, ATOMIC_READ);    /* that may have ordered it */
    actors[actor].clock.at[actor]++;
    return m->value;
}

/* A new message behind that with index i. */
static struct message *insert(struct location *l, uint32_t i, uint64_t value)
{
    uint32_t at = l->message[i]->at;
    struct message *m;

    if (l->n == OF_ONE)
        explore_fail("more stores to one place than memory.c can keep");
    at = i + 1 == l->n ? at + STEP_AT : at + (l->message[i + 1]->at - at) / 2;
    if (at == l->message[i]->at)
        explore_fail("memory.c: no room between two stores");
    m = message_new(value, at);
    memmove(&l->message[i + 2], &l->message[i + 1],
            (l->n - i - 1) * sizeof l->message[0]);
    l->message[i + 1] = m;
    l->n++;
    if (i + 2 == l->n)
        memcpy((void *)l->at, &value, l->size);
    return m;
}

/* What who acquires it will know. */
static void send(uint32_t actor, uint32_t location, struct message *m,
                 int order)
{
    struct actor *a = &actors[actor];

    saw(actor, location, m->at, order);
    join_view(&m->view, releases(order) ? &a->view : &a->released);
    join_clock(&m->clock, releases(order) ? &a->clock : &a->clock_released);
    if (m->view.at[location] < m->at)
        m->view.at[location] = m->at;
    a->clock.at[actor]++;
}

void memory_store(uint32_t actor, uintptr_t at, uint32_t size, uint64_t value,
                  int order)
{
    uint32_t location = location_of(at, size);
    struct location *l = &locations[location];
    uint32_t behind;

    touch(actor, at, size, ATOMIC_WRITE);
    behind = pick(actor, l, floor_of(actor, location, order), NULL, true);
    send(actor, location, insert(l, behind, value), order);
}

static uint64_t changed(const struct change_of *change, uint64_t value,
                        uint32_t size)
{
    uint64_t mask = size == 8 ? UINT64_MAX : (UINT64_C(1) << 8 * size) - 1;

    switch (change->how) {
    case ADD:
        return (value + change->operand) & mask;
    case SUB:
        return (value - change->operand) & mask;
    case AND:
        return value & change->operand;
    case OR:
        return value | change->operand;
    case XOR:
        return value ^ change->operand;
    default:
        return change->operand & mask;
    }
}

uint64_t memory_change(uint32_t actor, uintptr_t at, uint32_t size,
                       struct change_of *change)
{
    uint32_t location = location_of(at, size);
    struct location *l = &locations[location];
    uint32_t i = pick(actor, l, floor_of(actor, location, change->order),
                      change, true);
    struct message *read = l->message[i];
    struct message *m;

    change->done = change->how != COMPARE || read->value == change->expected;
    receive(actor, read, change->done ? change->order : change->failed);
    touch(actor, at, size, change->done ? ATOMIC_WRITE : ATOMIC_READ);
    if (!change->done) {
        saw(actor, location, read->at, change->failed);
        actors[actor].clock.at[actor]++;
        return read->value;
    }
    read->followed = true;
    m = insert(l, i, changed(change, read->value, size));
    m->view = read->view;
    m->clock = read->clock;
    send(actor, location, m, change->order);
    return read->value;
}

void memory_fence(uint32_t actor, int order)
{
    struct actor *a = &actors[actor];

    if (acquires(order)) {
        join_view(&a->view, &a->acquired);
        join_clock(&a->clock, &a->clock_acquired);
    }
    if (order == __ATOMIC_SEQ_CST) {
        join_view(&a->view, &total);
        total = a->view;
    }
    if (releases(order)) {
        a->released = a->view;
        a->clock_released = a->clock;
        a->clock.at[actor]++;
    }
}

/* --- waiting for a change ------------------------------------------------ */

static bool is_newer(uint32_t actor, uint32_t i)
{
    const struct location *l
        = &locations[actors[actor].seen[i].location];

    return l->message[l->n - 1]->at > actors[actor].seen[i].at;
}

bool memory_watched(uint32_t actor, uintptr_t at, uint32_t size)
{
    for (uint32_t i = 0; i < actors[actor].seen_n; i++) {
        const struct location *l
            = &locations[actors[actor].seen[i].location];

        if (at < l->at + l->size && l->at < at + size)
            return true;
    }
    return false;
}

bool memory_may_relax(uint32_t actor)
{
    for (uint32_t i = 0; i < actors[actor].seen_n; i++)
        if (is_newer(actor, i))
            return true;
    return false;
}

/* One of what it read, at least, will be newer. */
void memory_relax(uint32_t actor)
{
    struct actor *a = &actors[actor];
    uint32_t newer[WATCHED];
    uint32_t n = 0;
    uint32_t i;

    for (i = 0; i < a->seen_n; i++)
        if (is_newer(actor, i))
            newer[n++] = i;
    i = newer[explore_choose(n)];
    if (a->view.at[a->seen[i].location] <= a->seen[i].at)
        a->view.at[a->seen[i].location] = a->seen[i].at + 1;
    a->seen_n = 0;
}
