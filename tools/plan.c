/* SPDX-License-Identifier: MIT */
/*
 * plan.c - the boxes of a plan, and what is said about them.
 *
 * Parts have runs of pus, one inside the other, so they are sorted by where
 * they begin, the longest first, and each goes into the last one that still
 * lasts. What has the same run as the box around it only adds to its title. A
 * cache that only one core has is no box: plan_private tells of those.
 */
#include "plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "near.h"

#define DEPTH 16                    /* of boxes in boxes; far more than are */

enum part_kind { PART_MACHINE, PART_PACKAGE, PART_NODE, PART_CACHE, PART_CORE };

struct part {
    enum part_kind kind;
    uint32_t index;                 /* of its kind */
    uint32_t first, count;
    uint32_t level;                 /* of a cache; the larger is outside */
};

static const char *size_text(char *out, size_t size, uint64_t bytes)
{
    static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
    double n = (double)bytes;
    size_t unit = 0;

    while (n >= 1024 && unit + 1 < sizeof units / sizeof *units) {
        n /= 1024;
        unit++;
    }
    snprintf(out, size, n < 100 && n > (double)(uint64_t)n ? "%.1f %s"
             : "%.0f %s", n, units[unit]);
    return out;
}

static void cache_text(char *out, size_t size,
                       const struct mo_machine_part *cache)
{
    char bytes[32] = "";

    if (cache->bytes != 0)
        size_text(bytes, sizeof bytes, cache->bytes);
    snprintf(out, size, "L%u%s%s%s", (unsigned)cache->level,
             cache->kind == 'd' ? "d" : "", bytes[0] != '\0' ? " " : "",
             bytes);
}

static void part_text(char *out, size_t size, const struct plan *plan,
                      const struct part *part)
{
    const struct mo_machine *machine = plan->machine;
    const struct mo_machine_part *node;
    char bytes[32];

    out[0] = '\0';
    if (part->kind == PART_MACHINE)
        snprintf(out, size, "machine");
    if (part->kind == PART_PACKAGE)
        snprintf(out, size, "package %u", (unsigned)part->index);
    if (part->kind == PART_CACHE)
        cache_text(out, size, &machine->caches[part->index]);
    if (part->kind != PART_NODE)
        return;
    node = &machine->nodes[part->index];
    snprintf(out, size, "node %u%s%s%s", (unsigned)node->number,
             node->bytes != 0 ? ", " : "",
             node->bytes != 0 ? size_text(bytes, sizeof bytes, node->bytes)
                              : "",
             node->count == 0 ? ", no processors" : "");
}

/* --- parts --------------------------------------------------------------- */

static int by_place(const void *a, const void *b)
{
    const struct part *one = a;
    const struct part *other = b;

    if ((one->count == 0) != (other->count == 0))
        return one->count == 0 ? 1 : -1;
    if (one->first != other->first)
        return one->first < other->first ? -1 : 1;
    if (one->count != other->count)
        return one->count > other->count ? -1 : 1;
    if (one->kind != other->kind)
        return one->kind < other->kind ? -1 : 1;
    if (one->level != other->level)
        return one->level > other->level ? -1 : 1;
    return one->index < other->index ? -1 : one->index > other->index;
}

static bool is_private(const struct mo_machine *machine,
                       const struct mo_machine_part *cache)
{
    const struct mo_machine_pu *first = &machine->pus[cache->first];

    return cache->count == 0 || first->core == first[cache->count - 1].core;
}

/* Do all cores have one like it? */
static bool is_everywhere(const struct plan *plan, uint32_t index)
{
    const struct mo_machine *machine = plan->machine;
    const struct mo_machine_part *one = &machine->caches[index];
    uint32_t n = 0;

    for (uint32_t i = 0; i < machine->cache_count; i++) {
        const struct mo_machine_part *other = &machine->caches[i];

        n += other->level == one->level && other->kind == one->kind
          && other->bytes == one->bytes && is_private(machine, other);
    }
    return n == machine->core_count;
}

const char *plan_private(char *out, const struct plan *plan)
{
    const struct mo_machine_part *caches = plan->machine->caches;

    out[0] = '\0';
    for (uint32_t i = 0; i < plan->machine->cache_count; i++) {
        size_t used = strlen(out);

        if (caches[i].first != 0 || !is_private(plan->machine, &caches[i])
            || !is_everywhere(plan, i))
            continue;
        snprintf(out + used, PLAN_TITLE - used, "%s", used != 0 ? ", " : "");
        used = strlen(out);
        cache_text(out + used, PLAN_TITLE - used, &caches[i]);
    }
    return out;
}

/* Runs of pus that have the same core, or package. */
static size_t add_runs(const struct mo_machine *machine, enum part_kind kind,
                       struct part *parts)
{
    size_t n = 0;

    for (uint32_t i = 0; i < machine->pu_count; i++) {
        const struct mo_machine_pu *pu = &machine->pus[i];
        uint32_t index = kind == PART_CORE ? pu->core : pu->package;

        if (n == 0 || parts[n - 1].index != index)
            parts[n++] = (struct part){ .kind = kind, .index = index,
                                        .first = i };
        parts[n - 1].count++;
    }
    return n;
}

static size_t collect(const struct mo_machine *machine, struct part *parts)
{
    size_t n = 0;

    parts[n++] = (struct part){ .kind = PART_MACHINE,
                                .count = machine->pu_count };
    n += add_runs(machine, PART_PACKAGE, parts + n);
    n += add_runs(machine, PART_CORE, parts + n);
    for (uint32_t i = 0; i < machine->node_count; i++)
        parts[n++] = (struct part){ PART_NODE, i, machine->nodes[i].first,
                                    machine->nodes[i].count, 0 };
    for (uint32_t i = 0; i < machine->cache_count; i++) {
        const struct mo_machine_part *cache = &machine->caches[i];

        if (!is_private(machine, cache))
            parts[n++] = (struct part){ PART_CACHE, i, cache->first,
                                        cache->count, cache->level };
    }
    qsort(parts, n, sizeof *parts, by_place);
    return n;
}

/* --- boxes --------------------------------------------------------------- */

static void add_title(const struct plan *plan, struct plan_box *box,
                      const struct part *part)
{
    size_t used = strlen(box->title);
    char text[PLAN_TITLE];

    part_text(text, sizeof text, plan, part);
    if (used == 0 || !plan->machine->flat)
        snprintf(box->title + used, sizeof box->title - used, "%s%s",
                 used != 0 ? ", " : "", text);
    if (part->kind == PART_NODE && box->node == PLAN_NONE)
        box->node = part->index;
}

static uint32_t add_box(struct plan *plan, const struct part *part)
{
    struct plan_box *box = &plan->boxes[plan->box_count];

    *box = (struct plan_box){
        .core = part->kind == PART_CORE, .first = part->first,
        .count = part->count, .node = PLAN_NONE, .child = PLAN_NONE,
        .next = PLAN_NONE,
    };
    add_title(plan, box, part);
    return plan->box_count++;
}

/* `part` goes into the box `index`, behind `last` of what is in it. */
static uint32_t put_into(struct plan *plan, uint32_t index, uint32_t last,
                         const struct part *part)
{
    uint32_t added = add_box(plan, part);

    if (last == PLAN_NONE)
        plan->boxes[index].child = added;
    else
        plan->boxes[last].next = added;
    return added;
}

/* `open` are the boxes around the next part, the innermost last; and `last` the
 * last box in each of them. */
static void build(struct plan *plan, const struct part *parts, size_t n)
{
    uint32_t open[DEPTH] = { add_box(plan, &parts[0]) };
    uint32_t last[DEPTH] = { PLAN_NONE };
    size_t in = 0;

    for (size_t i = 1; i < n; i++) {
        const struct part *part = &parts[i];
        const struct plan_box *box = &plan->boxes[open[in]];

        while (in > 0 && (part->count == 0
                          || part->first >= box->first + box->count))
            box = &plan->boxes[open[--in]];
        if (part->kind != PART_CORE && part->count == box->count) {
            add_title(plan, &plan->boxes[open[in]], part);
            continue;
        }
        last[in] = put_into(plan, open[in], last[in], part);
        if (in + 1 < DEPTH) {
            open[in + 1] = last[in];
            last[++in] = PLAN_NONE;
        }
    }
}

static void seat_workers(struct plan *plan)
{
    const struct mo_seats *seats = plan->seats;

    for (uint32_t i = 0; i < plan->machine->pu_count; i++)
        plan->worker_of[i] = PLAN_NONE;
    for (uint32_t i = 0; seats->each != NULL && seats->bind != MO_BIND_NODE
                         && i < seats->count; i++)
        plan->worker_of[seats->pus[seats->each[i].first]] = i;
    plan->any_seated = seats->each != NULL && seats->bind != MO_BIND_NODE;
}

int plan_open(struct plan *plan)
{
    const struct mo_machine *machine = plan->machine;
    size_t most = 1 + 2 * (size_t)machine->pu_count + machine->node_count
                + machine->cache_count;
    struct part *parts = malloc(most * sizeof *parts);

    plan->boxes = malloc(most * sizeof *plan->boxes);
    plan->worker_of = malloc((machine->pu_count + 1) * sizeof(uint32_t));
    plan->box_count = plan->most_pus = 0;
    if (parts == NULL || plan->boxes == NULL || plan->worker_of == NULL) {
        free(parts);
        plan_close(plan);
        return -ENOMEM;
    }
    build(plan, parts, collect(machine, parts));
    free(parts);
    for (uint32_t i = 0; i < plan->box_count; i++)
        if (plan->boxes[i].core && plan->boxes[i].count > plan->most_pus)
            plan->most_pus = plan->boxes[i].count;
    seat_workers(plan);
    return 0;
}

void plan_close(struct plan *plan)
{
    free(plan->boxes);
    free(plan->worker_of);
    plan->boxes = NULL;
    plan->worker_of = NULL;
}
