/* SPDX-License-Identifier: MIT */
/*
 * seat.c - dealing hardware threads to workers.
 *
 * close: node by node; in a node each core has a worker before one has two.
 * spread: as far apart as can be: a package each, then a node, a cache, a core,
 * and only then two on one core.
 * node: not to one hardware thread, but to all of a node's; nodes have workers
 * in proportion to what this process may use of them, neighbours together.
 *
 * Who is one too many for a hardware thread of his own, a worker that stands in
 * for others, or when the process may use less than at the start, is held to
 * all of a node: the system finds him the one whose worker is away.
 *
 * In a machine that is made up, seats are dealt and nobody is bound.
 */
#include "seat.h"

#include <errno.h>
#include <stdlib.h>

#include "mem.h"
#include "os/affinity.h"
#include "section.h"

/* How a pu comes to its turn: by the first number that differs. */
#define KEYS 5

struct turn {
    uint32_t at;                    /* in mo_seats.pus */
    uint32_t keys[KEYS];
};

/* The number of a pu in its core, of that in its cache, and so on upwards. */
struct count {
    uint32_t pu, core, cache, node, package;
};

static void count_on(struct count *n, const struct mo_machine_pu *last,
                     const struct mo_machine_pu *pu)
{
    bool package = last->package != pu->package;
    bool node = package || last->node != pu->node;
    bool cache = node || last->cache != pu->cache;
    bool core = cache || last->core != pu->core;

    n->package += package;
    n->node = package ? 0 : n->node + node;
    n->cache = node ? 0 : n->cache + cache;
    n->core = cache ? 0 : n->core + core;
    n->pu = core ? 0 : n->pu + 1;
}

static int by_turn(const void *a, const void *b)
{
    const struct turn *one = a;
    const struct turn *other = b;

    for (int i = 0; i < KEYS; i++)
        if (one->keys[i] != other->keys[i])
            return one->keys[i] < other->keys[i] ? -1 : 1;
    return 0;
}

static void order(const struct mo_seats *seats, struct turn *turns)
{
    const struct mo_machine *machine = &seats->machine;
    const struct mo_machine_pu *last = &machine->pus[seats->pus[0]];
    struct count n = { 0, 0, 0, 0, 0 };

    for (uint32_t i = 0; i < machine->allowed; i++) {
        const struct mo_machine_pu *pu = &machine->pus[seats->pus[i]];

        if (i != 0)
            count_on(&n, last, pu);
        turns[i] = seats->bind == MO_BIND_CLOSE
            ? (struct turn){ i, { n.package, n.node, n.pu, i, 0 } }
            : (struct turn){ i, { n.pu, n.core, n.cache, n.node, n.package } };
        last = pu;
    }
    qsort(turns, machine->allowed, sizeof *turns, by_turn);
}

static uint32_t node_at(const struct mo_seats *seats, uint32_t at)
{
    return seats->machine.pus[seats->pus[at]].node;
}

/* The processors of a node, or, if none of them may be used, all. */
static struct mo_seat on_node(const struct mo_seats *seats, uint32_t node)
{
    uint32_t n = seats->machine.allowed;
    struct mo_seat seat = { .node = node };

    while (seat.first < n && node_at(seats, seat.first) != node)
        seat.first++;
    while (seat.first + seat.count < n
           && node_at(seats, seat.first + seat.count) == node)
        seat.count++;
    return seat.count != 0 ? seat : (struct mo_seat){ node, 0, n };
}

static void deal_nodes(struct mo_seats *seats, bool stay)
{
    uint32_t n = seats->machine.allowed;

    for (uint32_t i = 0; i < seats->count; i++) {
        uint64_t worker = i % seats->workers;
        uint32_t at = (uint32_t)(worker * n / seats->workers);

        seats->each[i] = on_node(seats, stay ? seats->each[i].node
                                             : node_at(seats, at));
    }
}

#define ANY_NODE UINT32_MAX
#define TAKEN UINT32_MAX            /* in place of turn.at */

/* The next turn that is left, on `node`, or anywhere: its place in
 * seats->pus, or TAKEN. Those before `from` are not looked at. */
static uint32_t take_turn(const struct mo_seats *seats, struct turn *turns,
                          uint32_t node, uint32_t from)
{
    for (uint32_t i = from; i < seats->machine.allowed; i++) {
        uint32_t at = turns[i].at;

        if (at == TAKEN || (node != ANY_NODE && node_at(seats, at) != node))
            continue;
        turns[i].at = TAKEN;
        return at;
    }
    return TAKEN;
}

static void deal_pus(struct mo_seats *seats, struct turn *turns, bool stay)
{
    uint32_t n = seats->machine.allowed;

    order(seats, turns);
    for (uint32_t i = 0; i < seats->count; i++) {
        uint32_t node = stay ? seats->each[i].node : ANY_NODE;
        uint32_t at = take_turn(seats, turns, node, stay ? 0 : i);

        if (at != TAKEN)
            seats->each[i] = (struct mo_seat){ node_at(seats, at), at, 1 };
        else if (stay)
            seats->each[i] = on_node(seats, node);
        else
            seats->each[i] = on_node(seats, seats->each[i % n].node);
    }
}

static bool reserve(struct mo_seats *seats)
{
    uint32_t n = seats->machine.pu_count;

    seats->each = mo_mem_alloc(seats->count * sizeof *seats->each, 8);
    seats->pus = mo_mem_alloc(n * sizeof *seats->pus, 8);
    seats->numbers = mo_mem_alloc(n * sizeof *seats->numbers, 8);
    return seats->each != NULL && seats->pus != NULL && seats->numbers != NULL;
}

static void list_pus(struct mo_seats *seats)
{
    const struct mo_machine *machine = &seats->machine;
    uint32_t n = 0;

    for (uint32_t i = 0; i < machine->pu_count; i++) {
        if (!machine->pus[i].allowed)
            continue;
        seats->numbers[n] = machine->pus[i].number;
        seats->pus[n++] = i;
    }
}

/* Can it be done at all? */
static int check(const struct mo_seats *seats, bool made_up, uint32_t workers,
                 struct moirai_error *err)
{
    const char *word = mo_section_binds[seats->bind];
    uint32_t n = seats->machine.allowed;

    if (!made_up && !seats->machine.real)
        return moirai_error_set(err, -ENOTSUP, "runtime.bind: threads cannot "
                                "be held to processors here, as \"%s\" wants; "
                                "write none", word);
    if (n == 0)
        return moirai_error_set(err, -EINVAL, "runtime.bind: \"%s\" finds no "
                                "processor that this process may run on",
                                word);
    if (seats->bind != MO_BIND_NODE && workers > n)
        return moirai_error_set(err, -EINVAL, "runtime.bind: \"%s\" needs a "
                                "hardware thread for each of %u workers, and "
                                "this process may use %u; lower "
                                "runtime.workers, or write bind: node", word,
                                (unsigned)workers, (unsigned)n);
    return 0;
}

static void deal_with(struct mo_seats *seats, struct turn *turns, bool stay)
{
    list_pus(seats);
    if (seats->bind == MO_BIND_NODE)
        deal_nodes(seats, stay);
    else
        deal_pus(seats, turns, stay);
}

static struct turn *reserve_turns(const struct mo_seats *seats)
{
    return mo_mem_alloc(seats->machine.pu_count * sizeof(struct turn), 8);
}

static int deal(struct mo_seats *seats, bool made_up, uint32_t workers,
                uint32_t most, struct moirai_error *err)
{
    struct turn *turns;
    int rc = check(seats, made_up, workers, err);

    if (rc != 0)
        return rc;
    seats->workers = workers;
    seats->count = most;
    turns = reserve_turns(seats);
    if (!reserve(seats) || turns == NULL) {
        mo_mem_free(turns);
        return -ENOMEM;
    }
    deal_with(seats, turns, false);
    mo_mem_free(turns);
    return 0;
}

static bool is_among(uint32_t number, const uint32_t *numbers, uint32_t n)
{
    while (n > 0 && numbers[n - 1] != number)
        n--;
    return n > 0;
}

/* How many of them the machine has. *other: they are not those so far. */
static uint32_t compare(const struct mo_machine *machine,
                        const uint32_t *numbers, uint32_t n, bool *other)
{
    uint32_t known = 0;

    *other = false;
    for (uint32_t i = 0; i < machine->pu_count; i++) {
        bool among = is_among(machine->pus[i].number, numbers, n);

        known += among;
        *other = *other || among != machine->pus[i].allowed;
    }
    return known;
}

int mo_seats_deal(struct mo_seats *seats, const uint32_t *numbers, uint32_t n,
                  bool stay)
{
    struct mo_machine *machine = &seats->machine;
    uint32_t known;
    struct turn *turns;
    bool other;

    if (seats->each == NULL)
        return 0;
    known = compare(machine, numbers, n, &other);
    if (known == 0 || !other)
        return 0;
    turns = reserve_turns(seats);
    if (turns == NULL)
        return -ENOMEM;
    for (uint32_t i = 0; i < machine->pu_count; i++)
        machine->pus[i].allowed = is_among(machine->pus[i].number, numbers, n);
    machine->allowed = known;
    deal_with(seats, turns, stay);
    mo_mem_free(turns);
    return 1;
}

int mo_seats_open(const struct mo_runtime_options *options, bool by_node,
                  uint32_t workers, uint32_t most, struct mo_seats *seats,
                  struct moirai_error *err)
{
    bool made_up = options->topology[0] != '\0';
    bool automatic = options->bind == MO_BIND_AUTO;
    int rc;

    *seats = (struct mo_seats){ .bind = MO_BIND_NONE };
    if (!automatic)
        seats->bind = (enum mo_bind)options->bind;
    else if (by_node && (made_up || mo_os_has_nodes()))
        seats->bind = MO_BIND_NODE;
    if (seats->bind == MO_BIND_NONE && !made_up)
        return 0;
    rc = mo_machine_read(options->topology, &seats->machine, err);
    if (rc == 0 && automatic && seats->machine.node_count < 2)
        seats->bind = MO_BIND_NONE;
    if (rc == 0 && seats->bind != MO_BIND_NONE)
        rc = deal(seats, made_up, workers, most, err);
    if (rc == -ENOMEM)
        moirai_error_set(err, rc, "out of memory");
    if (rc != 0)
        mo_seats_close(seats);
    return rc;
}

void mo_seats_close(struct mo_seats *seats)
{
    mo_mem_free(seats->each);
    mo_mem_free(seats->pus);
    mo_mem_free(seats->numbers);
    mo_machine_fini(&seats->machine);
    *seats = (struct mo_seats){ .bind = MO_BIND_NONE };
}
