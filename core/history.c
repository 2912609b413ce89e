/* SPDX-License-Identifier: MIT */
/*
 * history.c - of spawn sites whose tasks are woken.
 */
#include "history.h"

static void count(uint64_t *counter)
{
    mo_store_relaxed(counter, mo_load_relaxed(counter) + 1);
}

bool mo_history_admits(struct mo_history *history)
{
    uint32_t refusals = mo_load_relaxed(&history->refusals);

    if (refusals == 0)
        return true;
    mo_store_relaxed(&history->refusals, refusals - 1);
    count(&history->turned_down);
    return false;
}

static void refuse(struct mo_history *history)
{
    uint32_t penalty = 2 * mo_load_relaxed(&history->penalty);

    if (penalty < MO_HISTORY_FIRST)
        penalty = MO_HISTORY_FIRST;
    if (penalty > MO_HISTORY_MOST)
        penalty = MO_HISTORY_MOST;
    mo_store_relaxed(&history->penalty, penalty);
    mo_store_relaxed(&history->refusals, penalty);
}

void mo_history_judge(struct mo_history *history, int64_t ran_ns)
{
    if (ran_ns > MO_HISTORY_LONG)
        refuse(history);
    else if (mo_load_relaxed(&history->penalty) != 0)
        mo_store_relaxed(&history->penalty, 0);
}

void mo_history_found_busy(struct mo_history *history)
{
    count(&history->busy);
    if (mo_load_relaxed(&history->refusals) == 0)
        refuse(history);
}

void mo_history_attended(struct mo_history *history)
{
    count(&history->attended);
}

void mo_history_woke(struct mo_history *history, int64_t late_ns)
{
    count(&history->woken);
    if (late_ns < 0)
        return;
    count(&history->timed);
    mo_store_relaxed(&history->late_ns,
                     mo_load_relaxed(&history->late_ns) + late_ns);
    if (late_ns > mo_load_relaxed(&history->latest_ns))
        mo_store_relaxed(&history->latest_ns, late_ns);
}
