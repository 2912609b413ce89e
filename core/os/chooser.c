/* SPDX-License-Identifier: MIT */
/*
 * chooser.c - random, pct and given choices.
 *
 * pct wants to know how many steps a run has, to spread the changes over them.
 * Unless it is told, it takes a number of any size, each power of two up to a
 * million as likely as the others: that costs a factor of 20 at most, where a
 * wrong guess costs everything.
 */
#include "os/chooser.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RANKED (UINT64_C(1) << 32)  /* ranks from chance are above, those of
                                     * who fell below */
#define SCALES 20                   /* powers of two a run's length may have */
#define MOST_GIVEN 1024             /* what has more outcomes starts some
                                     * generator: it is drawn */

static uint64_t mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);     /* splitmix64 */
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static uint64_t draw(struct mo_chooser *c)
{
    return mix(c->random += UINT64_C(0x9e3779b97f4a7c15));
}

static uint32_t below(struct mo_chooser *c, uint32_t n)
{
    return (uint32_t)(((draw(c) >> 32) * n) >> 32);
}

/* --- pct ----------------------------------------------------------------- */

static void plan(struct mo_chooser *c, struct mo_pct *pct, uint64_t steps)
{
    if (steps == 0)
        steps = UINT64_C(2) << below(c, SCALES);
    for (uint64_t i = 0; i + 1 < c->config.depth; i++)
        pct->change[i] = 1 + draw(c) % steps;
}

/* Takes a step. Does the highest fall in it? */
static bool falls(struct mo_chooser *c, struct mo_pct *pct)
{
    pct->steps++;
    for (uint64_t i = 0; i + 1 < c->config.depth; i++)
        if (pct->change[i] == pct->steps)
            return true;
    return false;
}

static uint64_t rank(const struct mo_chooser *c, uint32_t id)
{
    for (uint32_t i = c->tasks.falls; i > 0; i--)
        if (c->tasks.fallen[i - 1] == id)
            return MOIRAI_SIM_DEPTH - i;
    return RANKED + (mix(c->config.seed ^ mix(id)) >> 1);
}

static uint32_t highest(const struct mo_chooser *c, const uint32_t *ids,
                        uint32_t n)
{
    uint32_t best = 0;
    uint64_t most = rank(c, ids[0]);

    for (uint32_t i = 1; i < n; i++) {
        uint64_t other = rank(c, ids[i]);

        if (other > most) {
            most = other;
            best = i;
        }
    }
    return best;
}

uint64_t mo_chooser_rank(struct mo_chooser *c)
{
    return RANKED + (draw(c) >> 1);
}

uint64_t mo_chooser_lowest(struct mo_chooser *c)
{
    return RANKED - ++c->threads.falls;
}

bool mo_chooser_step(struct mo_chooser *c)
{
    return falls(c, &c->threads);
}

/* --- given --------------------------------------------------------------- */

/* The next of the list. What the program cannot do is done as far as it can:
 * it may have changed since the list was made. */
static uint32_t listed(struct mo_chooser *c, uint32_t n)
{
    unsigned long at;
    char *end;

    if (*c->list == '\0')
        return 0;
    at = strtoul(c->list, &end, 10);
    c->list = *end == '.' ? end + 1 : end;
    return at < n ? (uint32_t)at : n - 1;
}

/* Who reads half a record would take it for all of it: so there is none. */
static void record(struct mo_chooser *c, uint32_t n, uint32_t taken)
{
    char line[32];
    int length = snprintf(line, sizeof line, "%u %u\n", n, taken);

    if (c->record < 0 || write(c->record, line, (size_t)length) == length)
        return;
    close(c->record);
    c->record = -1;
    unlink(c->config.record);
}

/* Past the bound, and where there is no end of choices, chance is fairer than
 * the first of all, which might wait for another for ever. The record says once
 * that it had a choice. */
static uint32_t given(struct mo_chooser *c, uint32_t n)
{
    uint32_t taken;

    if (n == 1)
        return 0;
    if (n > MOST_GIVEN || c->made >= c->config.bound) {
        if (!c->drawn)
            record(c, 0, 0);
        c->drawn = true;
        return below(c, n);
    }
    c->made++;
    taken = listed(c, n);
    record(c, n, taken);
    return taken;
}

/* --- all ----------------------------------------------------------------- */

int mo_chooser_open(struct mo_chooser *c,
                    const struct moirai_sim_config *config)
{
    c->config = *config;
    c->random = config->seed;
    c->list = config->choices != NULL ? config->choices : "";
    c->record = -1;
    if (config->strategy == MOIRAI_SIM_PCT) {
        plan(c, &c->tasks, config->steps);
        plan(c, &c->threads, 0);
    }
    if (config->record == NULL || config->record[0] == '\0')
        return 0;
    c->record = open(config->record, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
                     0600);
    return c->record >= 0 ? 0 : -errno;
}

void mo_chooser_close(struct mo_chooser *c)
{
    if (c->record >= 0)
        close(c->record);
}

uint32_t mo_chooser_number(struct mo_chooser *c, uint32_t n)
{
    return c->config.strategy == MOIRAI_SIM_GIVEN ? given(c, n) : below(c, n);
}

uint32_t mo_chooser_task(struct mo_chooser *c, const uint32_t *ids, uint32_t n)
{
    uint32_t best;

    if (c->config.strategy != MOIRAI_SIM_PCT)
        return mo_chooser_number(c, n);
    best = highest(c, ids, n);
    if (!falls(c, &c->tasks))
        return best;
    c->tasks.fallen[c->tasks.falls++] = ids[best];
    return highest(c, ids, n);
}
