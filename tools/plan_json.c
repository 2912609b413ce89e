/* SPDX-License-Identifier: MIT */
/*
 * plan_json.c - a plan as JSON. Runs of processors are places in "pus".
 */
#include "json.h"
#include "near.h"
#include "plan.h"
#include "section.h"

static void pair_number(struct json *j, const char *key, uint64_t number)
{
    json_key(j, key);
    json_unsigned(j, number);
}

static void pair_or_null(struct json *j, const char *key, uint64_t number,
                         bool known)
{
    json_key(j, key);
    if (known)
        json_unsigned(j, number);
    else
        json_text(j, NULL);
}

static void put_nodes(struct json *j, const struct mo_machine *machine)
{
    json_key(j, "nodes");
    json_open(j, '[');
    for (uint32_t i = 0; i < machine->node_count; i++) {
        const struct mo_machine_part *node = &machine->nodes[i];

        json_open(j, '{');
        pair_number(j, "number", node->number);
        pair_or_null(j, "bytes", node->bytes, node->bytes != 0);
        pair_number(j, "first", node->first);
        pair_number(j, "count", node->count);
        json_key(j, "distances");
        json_open(j, '[');
        for (uint32_t k = 0; k < machine->node_count; k++)
            json_unsigned(j, mo_machine_distance(machine, i, k));
        json_close(j, ']');
        json_close(j, '}');
    }
    json_close(j, ']');
    json_key(j, "distances_guessed");
    json_bool(j, machine->guessed);
}

static void put_caches(struct json *j, const struct mo_machine *machine)
{
    json_key(j, "caches");
    json_open(j, '[');
    for (uint32_t i = 0; i < machine->cache_count; i++) {
        const struct mo_machine_part *cache = &machine->caches[i];

        json_open(j, '{');
        pair_number(j, "level", cache->level);
        json_pair(j, "kind", cache->kind == 'd' ? "data" : "unified");
        pair_or_null(j, "bytes", cache->bytes, cache->bytes != 0);
        pair_number(j, "first", cache->first);
        pair_number(j, "count", cache->count);
        json_close(j, '}');
    }
    json_close(j, ']');
}

static void put_pus(struct json *j, const struct plan *plan)
{
    json_key(j, "pus");
    json_open(j, '[');
    for (uint32_t i = 0; i < plan->machine->pu_count; i++) {
        const struct mo_machine_pu *pu = &plan->machine->pus[i];

        json_open(j, '{');
        pair_number(j, "number", pu->number);
        pair_number(j, "package", pu->package);
        pair_number(j, "node", plan->machine->nodes[pu->node].number);
        pair_number(j, "core", pu->core);
        json_key(j, "allowed");
        json_bool(j, pu->allowed);
        pair_or_null(j, "worker", plan->worker_of[i],
                     plan->worker_of[i] != PLAN_NONE);
        json_close(j, '}');
    }
    json_close(j, ']');
}

static void put_seat(struct json *j, const struct plan *plan, uint32_t index)
{
    const struct mo_seats *seats = plan->seats;
    const struct mo_seat *seat = mo_seats_of(seats, index);

    json_open(j, '{');
    pair_number(j, "worker", index);
    pair_number(j, "node", plan->machine->nodes[seat->node].number);
    json_key(j, "processors");
    json_open(j, '[');
    for (uint32_t i = 0; i < seat->count; i++)
        json_unsigned(j, seats->numbers[seat->first + i]);
    json_close(j, ']');
    json_close(j, '}');
}

static void put_workers(struct json *j, const struct plan *plan,
                        const char *why)
{
    json_key(j, "workers");
    json_open(j, '{');
    pair_number(j, "number", plan->workers);
    json_pair(j, "why", why);
    json_pair(j, "bind", mo_section_binds[plan->seats->bind]);
    json_key(j, "seats");
    json_open(j, '[');
    for (uint32_t i = 0; plan->seats->each != NULL && i < plan->workers; i++)
        put_seat(j, plan, i);
    json_close(j, ']');
    json_close(j, '}');
}

/* Of the worker, rings of others, the nearest first. */
static void put_rings(struct json *j, const struct plan *plan, uint32_t index)
{
    json_open(j, '[');
    for (uint32_t ring = 0; ring < MO_NEAR_RINGS; ring++) {
        bool any = false;

        for (uint32_t i = 0; i < plan->workers; i++) {
            if (i == index || plan_ring(plan, index, i) != ring)
                continue;
            if (!any)
                json_open(j, '[');
            any = true;
            json_unsigned(j, i);
        }
        if (any)
            json_close(j, ']');
    }
    json_close(j, ']');
}

/* Without rings, null: anybody from anybody. */
static void put_order(struct json *j, const struct plan *plan)
{
    json_key(j, "order");
    if (!plan_has_rings(plan)) {
        json_text(j, NULL);
        return;
    }
    json_open(j, '[');
    for (uint32_t i = 0; i < plan->workers; i++)
        put_rings(j, plan, i);
    json_close(j, ']');
}

void plan_json(struct json *j, const struct plan *plan, const char *why)
{
    const struct mo_machine *machine = plan->machine;
    bool made_up = plan->made_up[0] != '\0';

    json_pair(j, "source", made_up ? "made up" : machine->flat ? "no hwloc"
                                                               : "hwloc");
    json_pair(j, "topology", made_up ? plan->made_up : NULL);
    pair_number(j, "packages", machine->package_count);
    pair_number(j, "cores", machine->core_count);
    put_nodes(j, machine);
    put_caches(j, machine);
    put_pus(j, plan);
    pair_number(j, "allowed", machine->allowed);
    pair_or_null(j, "quota", plan->use.quota, plan->use.quota != 0);
    json_pair(j, "group", plan->use.quota != 0 ? plan->use.group : NULL);
    put_workers(j, plan, why);
    if (plan->order)
        put_order(j, plan);
}
