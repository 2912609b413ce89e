/* SPDX-License-Identifier: MIT */
/*
 * crew.c - a part whose lanes come and go.
 *
 * All lanes that there can be are made with the flow; those that are needed
 * have a task. Who sends to the part counts messages in, and starts lanes as
 * long as there are more messages about than lanes that have not ended; a lane
 * counts out what it has worked off when it comes for more. One that gets
 * nothing for a while leaves.
 *
 * `alive` is changed before a lane is started, and before it leaves, and never
 * to less than `least`: so there is always a lane to receive what is sent, and
 * the last to end knows that it is the last. Who sends changes `load` and then
 * reads `alive`, who leaves changes `alive` and then reads `load`, all of it
 * sequentially consistent: so one of the two sees that there are too few, and
 * the sender starts a lane, or the one that was to leave stays. A lane that
 * leaves has sent on what it had, and given its turn on.
 *
 * `users` of a lane is 2 when its task is spawned: the task takes one off when
 * it leaves, and who spawned it when the handle is stored. Whoever finds 0, and
 * makes it 2, has the lane to himself; that CAS pairs with both.
 */
#include "flow/flow.h"

/* One more of `alive`, if there may be. */
static bool enlist(struct mo_flow_part *part)
{
    uint32_t alive = mo_load(&part->alive);

    while (alive != 0 && alive < part->lanes_n)
        if (mo_cas(&part->alive, &alive, alive + 1))
            return true;
    return false;
}

/* A lane without a task; NULL: one that has left is not quite through. */
static struct mo_flow_lane *find_free(struct mo_flow_part *part)
{
    for (size_t i = 0; i < part->lanes_n; i++) {
        uint32_t none = 0;

        if (mo_cas(&part->lanes[i].users, &none, 2))
            return &part->lanes[i];
    }
    return NULL;
}

static bool grow(struct mo_flow_part *part)
{
    struct mo_flow_lane *lane;

    if (!enlist(part))
        return false;
    lane = find_free(part);
    if (lane != NULL && mo_flow_spawn(lane) == 0) {
        mo_add(&part->flow->grown, 1);
        return true;
    }
    mo_sub(&part->alive, 1);        /* the others will do */
    return false;
}

void mo_flow_expect(struct mo_flow_part *part, size_t n)
{
    uint64_t load;

    if (part->least == 0)
        return;
    load = mo_add(&part->load, n) + n;
    while (load > mo_load_seq(&part->alive) && grow(part))
        continue;
}

void mo_flow_settle(struct mo_flow_part *part, size_t n)
{
    if (part->least != 0 && n != 0)
        mo_sub(&part->load, n);
}

bool mo_flow_leave(struct mo_flow_part *part)
{
    uint32_t alive = mo_load(&part->alive);

    do {
        if (alive <= part->least)
            return false;
    } while (!mo_cas(&part->alive, &alive, alive - 1));
    if (mo_load_seq(&part->load) >= alive && enlist(part))
        return false;
    mo_add(&part->flow->shrunk, 1);
    return true;
}
