/* SPDX-License-Identifier: MIT */
/*
 * plan_say.c - what is said beside a plan.
 */
#include "plan.h"

#include <string.h>

#include "near.h"
#include "text.h"
#include "victim.h"
#include "why.h"

/* --- lists of workers ---------------------------------------------------- */

/* Numbers that come ascending, as "0-3, 8". */
struct list {
    char *out;                      /* PLAN_LIST bytes */
    uint32_t first, last;           /* of the run that is not written yet */
    bool any;
};

static void write_run(struct list *list)
{
    size_t used = strlen(list->out);

    snprintf(list->out + used, PLAN_LIST - used,
             list->first == list->last ? "%s%u" : "%s%u-%u",
             used != 0 ? ", " : "", (unsigned)list->first,
             (unsigned)list->last);
}

static void add(struct list *list, uint32_t number)
{
    if (list->any && number == list->last + 1) {
        list->last = number;
        return;
    }
    if (list->any)
        write_run(list);
    list->any = true;
    list->first = list->last = number;
}

static const char *end(struct list *list)
{
    static const char more[] = ", and so on";

    if (list->any)
        write_run(list);
    if (strlen(list->out) + 1 == PLAN_LIST)
        strcpy(list->out + PLAN_LIST - sizeof more, more);
    return list->out;
}

/* "worker 3", "workers 0-3, 8", or "". */
static const char *name_them(char *out, struct list *list)
{
    bool one = list->out[0] == '\0' && list->first == list->last;

    if (list->any)
        snprintf(out, PLAN_LIST, "worker%s %.*s", one ? "" : "s",
                 PLAN_LIST - 10, end(list));
    return out;
}

const char *plan_on_node(char *out, const struct plan *plan, uint32_t node)
{
    const struct mo_seats *seats = plan->seats;
    char numbers[PLAN_LIST] = "";
    struct list list = { .out = numbers };

    out[0] = '\0';
    if (seats->each == NULL || seats->bind != MO_BIND_NODE)
        return out;
    for (uint32_t i = 0; i < plan->workers; i++)
        if (mo_seats_of(seats, i)->node == node)
            add(&list, i);
    return name_them(out, &list);
}

bool plan_has_rings(const struct plan *plan)
{
    return plan->sched != NULL
        && mo_victims_differ(plan->seats, plan->sched, plan->victims);
}

uint32_t plan_ring(const struct plan *plan, uint32_t from, uint32_t to)
{
    return mo_victims_ring(plan->seats, plan->victims, from, to);
}

/* Workers in a ring around one; "" if there are none. *to is one of them. */
static const char *list_ring(char *out, const struct plan *plan, uint32_t from,
                             uint32_t ring, uint32_t *to)
{
    char numbers[PLAN_LIST] = "";
    struct list list = { .out = numbers };

    out[0] = '\0';
    for (uint32_t i = 0; i < plan->workers; i++) {
        if (plan_ring(plan, from, i) != ring)
            continue;
        add(&list, i);
        *to = i;
    }
    return name_them(out, &list);
}

static void add_ring(char *out, const char *list, const struct plan *plan,
                     uint32_t from, uint32_t to)
{
    uint32_t here = mo_seats_of(plan->seats, from)->node;
    uint32_t there = mo_seats_of(plan->seats, to)->node;
    size_t used = strlen(out);

    if (here == there)
        snprintf(out + used, WHY_MAX - used, "; then %s", list);
    else
        snprintf(out + used, WHY_MAX - used, "; then %s (distance %u)", list,
                 (unsigned)mo_machine_distance(plan->machine, here, there));
}

const char *plan_rings(char *out, const struct plan *plan, uint32_t worker)
{
    char list[PLAN_LIST];
    uint32_t own, to = worker;

    out[0] = '\0';
    if (!plan_has_rings(plan))
        return out;
    own = plan_ring(plan, worker, worker);
    for (uint32_t i = 0; i < worker; i++)
        if (plan_ring(plan, worker, i) == own)
            return out;
    list_ring(list, plan, worker, own, &to);
    snprintf(out, WHY_MAX, "%s, on node %u%s", list, (unsigned)plan->machine
             ->nodes[mo_seats_of(plan->seats, worker)->node].number,
             to != worker ? ": each other" : "");
    for (uint32_t ring = own + 1; ring < MO_NEAR_RINGS; ring++)
        if (list_ring(list, plan, worker, ring, &to)[0] != '\0')
            add_ring(out, list, plan, worker, to);
    return out;
}

const char *plan_order(const struct plan *plan)
{
    if (plan_has_rings(plan))
        return "Among those that are equally far, one begins with any.";
    if (plan->victims == MO_VICTIMS_ROUND)
        return "Anybody from anybody, beginning with who gave some last.";
    return "Anybody from anybody, beginning with any. What would change that: "
           "scheduler.victims, or the scheduler numa on several nodes, with "
           "workers that are bound.";
}

/* --- sentences ----------------------------------------------------------- */

static void add_count(char *out, uint32_t n, const char *noun)
{
    size_t used = strlen(out);

    snprintf(out + used, PLAN_TITLE - used, "%s%u %s%s", used != 0 ? ", " : "",
             (unsigned)n, noun, n == 1 ? "" : "s");
}

const char *plan_summary(char *out, const struct plan *plan)
{
    const struct mo_machine *machine = plan->machine;

    out[0] = '\0';
    if (!machine->flat) {
        add_count(out, machine->package_count, "package");
        add_count(out, machine->node_count, "node");
        add_count(out, machine->core_count, "core");
    }
    add_count(out, machine->pu_count, "hardware thread");
    return out;
}

static void say_quota(char *out, const struct mo_topo *use)
{
    size_t used = strlen(out);

    if (use->quota != 0)
        snprintf(out + used, WHY_MAX - used, ", and the control group %s gives "
                 "it the time of %u", use->group, (unsigned)use->quota);
}

const char *plan_use(char *out, const struct plan *plan)
{
    const struct mo_machine *machine = plan->machine;
    char quoted[MO_TEXT_QUOTED];

    if (plan->made_up[0] != '\0') {
        snprintf(out, WHY_MAX, "A machine that is made up, %s: nobody is bound "
                 "to anything", mo_text_quote(quoted, plan->made_up));
        return out;
    }
    if (machine->flat)
        snprintf(out, WHY_MAX, "There is no hwloc to tell what the machine is "
                 "made of: drawn are the processors that this process may use");
    else if (!machine->real)
        snprintf(out, WHY_MAX, "hwloc was told, by HWLOC_SYNTHETIC or "
                 "HWLOC_XMLFILE, of another machine than this one: nobody can "
                 "be bound");
    else if (machine->allowed == machine->pu_count)
        snprintf(out, WHY_MAX, "This process may use all of them");
    else
        snprintf(out, WHY_MAX, "This process may use %u of the %u hardware "
                 "threads", (unsigned)machine->allowed,
                 (unsigned)machine->pu_count);
    say_quota(out, &plan->use);
    return out;
}
