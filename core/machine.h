/* SPDX-License-Identifier: MIT */
/*
 * machine.h - what the machine is made of: packages, nodes, caches, cores.
 *
 * To read it takes milliseconds, so that only who needs it does: a scheduler
 * that goes by nodes, and workers that are bound. How much of the machine there
 * is to use, topo.h says at once.
 *
 * A hardware thread is a `pu`, as in hwloc. They are in the order in which they
 * are near each other: each core, cache, node and package has a run of them.
 */
#ifndef MO_MACHINE_H
#define MO_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

#include <moirai/error.h>

#define MO_MACHINE_NEAR 10          /* the distance of a node from itself */

struct mo_machine_pu {
    uint32_t number;                /* the system's, for it */
    uint32_t core, cache, node, package;    /* which of them; cache: the last
                                     * one before memory */
    bool allowed;                   /* this process may run there */
};

/* Memory, or a cache, or whatever has a run of pus. */
struct mo_machine_part {
    uint32_t number;                /* a node's: the system's, for it */
    uint32_t level;                 /* a cache's */
    char kind;                      /* a cache's: 'd' data only, 'u' unified */
    uint64_t bytes;                 /* 0: not known */
    uint32_t first, count;          /* pus; a node may have none */
};

struct mo_machine {
    const char *source;             /* who says so; constant, or the caller's */
    bool real;                      /* threads can be bound to its pus */
    bool flat;                      /* nobody told what it is made of */
    uint32_t pu_count, core_count, package_count;
    uint32_t node_count, cache_count;
    uint32_t allowed;               /* pus that this process may use */
    struct mo_machine_pu *pus;
    struct mo_machine_part *nodes;
    struct mo_machine_part *caches; /* those of the last level first */
    uint32_t *distances;            /* node_count squared: [from][to] */
    bool guessed;                   /* the system tells no distances: they go
                                     * by how much two nodes have in common */
};

/* Reads the machine; or, where `synthetic` is not "", makes one as that says,
 * in hwloc's words: "numa:4 core:8 pu:2". Where hwloc is missing, a real one is
 * flat: one node, a core for each processor. On 0 *machine is the caller's, to
 * be given back with mo_machine_fini; it keeps `synthetic`. -ENOMEM, or with
 * *err filled -EINVAL: this is no such text; -ENOTSUP: hwloc is missing. Any
 * thread. */
int mo_machine_read(const char *synthetic, struct mo_machine *machine,
                    struct moirai_error *err);
void mo_machine_fini(struct mo_machine *machine);

static inline uint32_t mo_machine_distance(const struct mo_machine *machine,
                                           uint32_t from, uint32_t to)
{
    return machine->distances[from * machine->node_count + to];
}

/* For who fills one in. Memory for as many as the counts say, zeroed; false:
 * there is none. */
bool mo_machine_reserve(struct mo_machine *machine);

/* One node, a core for each of the `n` processors in `numbers`; they are this
 * process's. False: out of memory. */
bool mo_machine_flat(struct mo_machine *machine, const uint32_t *numbers,
                     uint32_t n);

#endif
