/* SPDX-License-Identifier: MIT */
/*
 * history.h - what became of the tasks of a spawn site that were woken: were
 * they short, and how late?
 *
 * A site's tasks *wait* until one of them is seen to compute for longer than
 * MO_HISTORY_LONG; then they *compute*, for so many refusals, twice as many
 * each time that it happens again, and once after that they are given another
 * chance. So a site that changes its ways is found out, and one that does not
 * seldom costs anything.
 *
 * Numbers that several threads change are changed without regard for the
 * others: that one is lost now and then does no harm.
 */
#ifndef MO_HISTORY_H
#define MO_HISTORY_H

#include <stdbool.h>
#include <stdint.h>

#include <moirai/time.h>

#include "atomic.h"

#define MO_HISTORY_LONG (1 * MOIRAI_MS)     /* a turn */
#define MO_HISTORY_FIRST 16         /* refusals, at first, */
#define MO_HISTORY_MOST 4096        /* and at most */

struct mo_history {                 /* of a spawn site */
    MO_ATOMIC(uint32_t) refusals;   /* still to come; 0: its tasks wait */
    MO_ATOMIC(uint32_t) penalty;    /* how many there were, last time */
    MO_ATOMIC(uint64_t) woken;      /* tasks that went on ahead of others, */
    MO_ATOMIC(uint64_t) attended;   /* by the attendant, */
    MO_ATOMIC(uint64_t) turned_down;        /* and that did not */
    MO_ATOMIC(uint64_t) busy;       /* looks that found a worker computing */
    MO_ATOMIC(uint64_t) timed;      /* of those woken, by a timer: */
    MO_ATOMIC(int64_t) late_ns;     /* how late, together, */
    MO_ATOMIC(int64_t) latest_ns;   /* and at most */
};

/* May its task go ahead of others? False is counted. */
bool mo_history_admits(struct mo_history *history);

/* A task of it that had gone ahead has run for so long. */
void mo_history_judge(struct mo_history *history, int64_t ran_ns);

/* A task of it was found in a turn that is long already. */
void mo_history_found_busy(struct mo_history *history);

/* A task of it is about to be run by the attendant. */
void mo_history_attended(struct mo_history *history);

/* A task of it went ahead, so long after its timer was due; negative: it was
 * woken otherwise. */
void mo_history_woke(struct mo_history *history, int64_t late_ns);

#endif
