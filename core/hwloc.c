/* SPDX-License-Identifier: MIT */
/*
 * hwloc.c - the machine as libhwloc sees it.      [only file that sees hwloc.h]
 *
 * libhwloc is opened when the machine is first read, not linked: most programs
 * never ask, and it and what it needs take 0.4 ms to load; to read the machine
 * takes 2 ms more, on one with two cores. So libmoirai needs it neither to be
 * linked nor to run. Where it is missing, or there are no modules because the
 * program is static, the machine is flat.
 *
 * Nodes without processors (memory alone) are told, and no worker is on them.
 */
#include "machine.h"

#include <errno.h>
#include <string.h>

#include <hwloc.h>

#include "dl.h"
#include "mem.h"
#include "os/affinity.h"
#include "text.h"

#define LIBRARY "libhwloc.so.15"    /* that of hwloc 2.x, as its header is */
#define NOWHERE UINT32_MAX

/* What is called of it. */
#define FUNCTIONS(X)                                                          \
    X(topology_init) X(topology_set_flags) X(topology_set_synthetic)          \
    X(topology_load) X(topology_destroy) X(topology_is_thissystem)            \
    X(get_type_depth) X(get_nbobjs_by_depth) X(get_obj_by_depth)              \
    X(bitmap_first) X(bitmap_isset)                                           \
    X(distances_get_by_type) X(distances_release)

#define POINTER(name) __typeof__(hwloc_##name) *name;
#define NAME(name) "hwloc_" #name,

struct functions {
    FUNCTIONS(POINTER)
};

static const char *const names[] = { FUNCTIONS(NAME) };

struct reading {
    struct functions f;
    hwloc_topology_t topology;
    struct mo_machine *machine;
};

/* False: it is missing, and `why` (MO_DL_WHY bytes) says how. */
static bool load(struct functions *f, char *why)
{
    void *library = mo_dl_library(LIBRARY, why);

    _Static_assert(sizeof *f == sizeof names, "pointers are of one size");
    for (size_t i = 0; library != NULL && i < sizeof names / sizeof *names;
         i++) {
        void *function = mo_dl_function(library, names[i], why);

        if (function == NULL)
            return false;
        memcpy((char *)f + i * sizeof function, &function, sizeof function);
    }
    return library != NULL;
}

static uint32_t count(const struct reading *r, hwloc_obj_type_t type)
{
    int depth = r->f.get_type_depth(r->topology, type);

    return depth == HWLOC_TYPE_DEPTH_UNKNOWN
        || depth == HWLOC_TYPE_DEPTH_MULTIPLE
        ? 0 : r->f.get_nbobjs_by_depth(r->topology, depth);
}

static hwloc_obj_t object(const struct reading *r, hwloc_obj_type_t type,
                          uint32_t i)
{
    return r->f.get_obj_by_depth(r->topology,
                                 r->f.get_type_depth(r->topology, type), i);
}

/* The index of the object of that type above, or NOWHERE. */
static uint32_t above(hwloc_obj_t from, hwloc_obj_type_t type)
{
    while (from != NULL && from->type != type)
        from = from->parent;
    return from != NULL ? from->logical_index : NOWHERE;
}

/* The run of pus that an object has. */
static void set_run(const struct reading *r, hwloc_obj_t of,
                    struct mo_machine_part *part)
{
    for (uint32_t i = 0; i < r->machine->pu_count; i++) {
        if (!r->f.bitmap_isset(of->cpuset, r->machine->pus[i].number))
            continue;
        if (part->count++ == 0)
            part->first = i;
    }
}

static void read_pus(const struct reading *r)
{
    struct mo_machine *machine = r->machine;

    for (uint32_t i = 0; i < machine->pu_count; i++) {
        hwloc_obj_t of = object(r, HWLOC_OBJ_PU, i);
        uint32_t core = above(of, HWLOC_OBJ_CORE);
        uint32_t package = above(of, HWLOC_OBJ_PACKAGE);

        machine->pus[i] = (struct mo_machine_pu){
            .number = of->os_index,
            .core = core != NOWHERE ? core : i,
            .package = package != NOWHERE ? package : 0,
            .cache = NOWHERE,
        };
    }
}

/* The first node that has a pu is its own; others are further kinds of memory
 * beside it. */
static void read_nodes(const struct reading *r)
{
    struct mo_machine *machine = r->machine;

    for (uint32_t i = machine->node_count; i-- > 0;) {
        hwloc_obj_t of = object(r, HWLOC_OBJ_NUMANODE, i);
        struct mo_machine_part *node = &machine->nodes[i];

        node->number = of->os_index;
        node->bytes = of->attr->numanode.local_memory;
        set_run(r, of, node);
        for (uint32_t n = 0; n < node->count; n++)
            machine->pus[node->first + n].node = i;
    }
}

static const hwloc_obj_type_t cache_types[] = {
    HWLOC_OBJ_L5CACHE, HWLOC_OBJ_L4CACHE, HWLOC_OBJ_L3CACHE,
    HWLOC_OBJ_L2CACHE, HWLOC_OBJ_L1CACHE,
};

#define CACHE_TYPES (sizeof cache_types / sizeof *cache_types)

static void read_caches(const struct reading *r)
{
    struct mo_machine *machine = r->machine;
    uint32_t at = 0;

    for (size_t type = 0; type < CACHE_TYPES; type++) {
        uint32_t n = count(r, cache_types[type]);

        for (uint32_t i = 0; i < n; i++, at++) {
            hwloc_obj_t of = object(r, cache_types[type], i);
            struct mo_machine_part *cache = &machine->caches[at];

            cache->level = of->attr->cache.depth;
            cache->kind = of->attr->cache.type == HWLOC_OBJ_CACHE_DATA
                ? 'd' : 'u';
            cache->bytes = of->attr->cache.size;
            set_run(r, of, cache);
            for (uint32_t k = 0; k < cache->count; k++)
                if (machine->pus[cache->first + k].cache == NOWHERE)
                    machine->pus[cache->first + k].cache = at;
        }
    }
}

/* Where the system does not tell: each level up to what two nodes share adds
 * as much as a node is from itself. */
static uint32_t guess(const struct reading *r, uint32_t from, uint32_t to)
{
    hwloc_obj_t a = object(r, HWLOC_OBJ_NUMANODE, from)->parent;
    hwloc_obj_t b = object(r, HWLOC_OBJ_NUMANODE, to)->parent;
    uint32_t levels = from != to;

    for (; a != NULL && b != NULL && a != b; levels++) {
        int depth = a->depth;

        if (b->depth <= depth)
            a = a->parent;
        if (depth <= b->depth)
            b = b->parent;
    }
    return MO_MACHINE_NEAR * (1 + levels);
}

static void read_distances(const struct reading *r)
{
    struct mo_machine *machine = r->machine;
    struct hwloc_distances_s *told = NULL;
    unsigned n = 1;
    uint32_t nodes = machine->node_count;

    if (r->f.distances_get_by_type(r->topology, HWLOC_OBJ_NUMANODE, &n, &told,
                                   HWLOC_DISTANCES_KIND_MEANS_LATENCY, 0) != 0)
        n = 0;
    machine->guessed = n == 0 || told->nbobjs != nodes;
    for (uint32_t i = 0; i < nodes * nodes; i++)
        machine->distances[i] = machine->guessed
            ? guess(r, i / nodes, i % nodes) : (uint32_t)told->values[i];
    if (n != 0)
        r->f.distances_release(r->topology, told);
}

/* Of a machine that is not this one, everything is allowed. */
static void read_allowed(struct mo_machine *machine)
{
    uint32_t numbers[MO_AFFINITY_MOST];
    uint32_t n = mo_os_affinity(numbers);

    for (uint32_t i = 0; i < machine->pu_count; i++) {
        struct mo_machine_pu *pu = &machine->pus[i];

        pu->allowed = !machine->real;
        for (uint32_t k = 0; k < n && !pu->allowed; k++)
            pu->allowed = numbers[k] == pu->number;
        machine->allowed += pu->allowed;
    }
}

static bool read_loaded(const struct reading *r)
{
    struct mo_machine *machine = r->machine;

    machine->pu_count = count(r, HWLOC_OBJ_PU);
    machine->node_count = count(r, HWLOC_OBJ_NUMANODE);
    machine->core_count = count(r, HWLOC_OBJ_CORE);
    machine->package_count = count(r, HWLOC_OBJ_PACKAGE);
    for (size_t type = 0; type < CACHE_TYPES; type++)
        machine->cache_count += count(r, cache_types[type]);
    if (machine->core_count == 0)
        machine->core_count = machine->pu_count;
    if (machine->package_count == 0)
        machine->package_count = 1;
    if (!mo_machine_reserve(machine))
        return false;
    read_pus(r);
    read_nodes(r);
    read_caches(r);
    read_distances(r);
    read_allowed(machine);
    return true;
}

/* -EINVAL: hwloc does not understand the text, or cannot see the machine. */
static int read_topology(struct reading *r, const char *synthetic)
{
    int rc = -EINVAL;

    if (r->f.topology_init(&r->topology) != 0)
        return -ENOMEM;
    if ((synthetic[0] == '\0'
         || r->f.topology_set_synthetic(r->topology, synthetic) == 0)
        && r->f.topology_set_flags(
               r->topology, HWLOC_TOPOLOGY_FLAG_INCLUDE_DISALLOWED) == 0
        && r->f.topology_load(r->topology) == 0) {
        r->machine->real = r->f.topology_is_thissystem(r->topology) != 0
                        && mo_os_can_bind();
        rc = read_loaded(r) ? 0 : -ENOMEM;
    }
    r->f.topology_destroy(r->topology);
    return rc;
}

static int read_flat(struct mo_machine *machine, const char *why)
{
    uint32_t numbers[MO_AFFINITY_MOST];
    uint32_t n = mo_os_affinity(numbers);

    machine->real = mo_os_can_bind();
    machine->source = why;
    return mo_machine_flat(machine, numbers, n) ? 0 : -ENOMEM;
}

int mo_machine_read(const char *synthetic, struct mo_machine *machine,
                    struct moirai_error *err)
{
    struct reading r = { .machine = machine };
    char quoted[MO_TEXT_QUOTED];
    char why[MO_DL_WHY];
    int rc = -ENOTSUP;

    *machine = (struct mo_machine){ .source = "hwloc" };
    if (load(&r.f, why))
        rc = read_topology(&r, synthetic);
    if (rc == 0 || rc == -ENOMEM) {
        if (rc == 0 && synthetic[0] != '\0')
            machine->source = synthetic;
        return rc;
    }
    if (synthetic[0] == '\0')
        return read_flat(machine, "no hwloc");
    mo_text_quote(quoted, synthetic);
    if (rc == -ENOTSUP)
        return moirai_error_set(err, rc, "runtime.topology: %s needs hwloc, "
                                "and " LIBRARY " cannot be loaded: %s", quoted,
                                why);
    return moirai_error_set(err, rc, "runtime.topology: hwloc does not "
                            "understand %s; write levels, the last being pu, "
                            "and how many of each are in the one above, as "
                            "\"numa:4 core:8 pu:2\"", quoted);
}
