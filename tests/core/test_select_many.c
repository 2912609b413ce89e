/* SPDX-License-Identifier: MIT */
/*
 * test_select_many.c - which of several ready cases goes on; thousands of
 * cases; crowds on the same channels.
 */
#include <moirai/select.h>

#include <stdlib.h>
#include <string.h>

#include "talk.h"

#define PICKS 100000

/* --- which of several ----------------------------------------------------- */

/* Pearson's statistic of `n` counts against their shares of all picks. */
static double chi_square(const int64_t *counts, const double *shares, size_t n)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++) {
        double expected = PICKS * shares[i];

        sum += (double)(counts[i] - (int64_t)expected)
             * (double)(counts[i] - (int64_t)expected) / expected;
    }
    return sum;
}

/* Which of five it was, of which those in `ready` can go on. */
static void count_picks(struct moirai_order *order, unsigned ready,
                        const uint32_t *weights, int64_t *counts)
{
    struct moirai_chan *chans[5];
    struct moirai_case cases[5];
    int64_t value = 0;

    for (size_t i = 0; i < 5; i++) {
        chans[i] = talk_ring_of_ints(NULL, 1);
        cases[i] = (struct moirai_case)MOIRAI_ON_RECV(chans[i], &value);
        if (weights != NULL)
            cases[i].weight = weights[i];
        if (ready >> i & 1)
            CHECK_EQ(talk_send(chans[i], 0, MOIRAI_NOW), 0);
    }
    for (int i = 0; i < PICKS; i++) {
        int64_t which = moirai_select_by(order, cases, 5, MOIRAI_NEVER);

        CHECK(which >= 0 && which < 5);
        counts[which]++;
        CHECK_EQ(talk_send(chans[which], 0, MOIRAI_NOW), 0);
    }
    for (size_t i = 0; i < 5; i++)
        moirai_chan_put(chans[i]);
}

/* 1 in 10^9 for four degrees of freedom is 48. */
#define UNLIKELY 48.0

static int pick_evenly(void *arg)
{
    static const double all[] = { .2, .2, .2, .2, .2 };
    static const double some[] = { 1. / 3, 1. / 3, 1. / 3 };
    int64_t counts[5] = { 0 };

    (void)arg;
    count_picks(NULL, 31, NULL, counts);
    CHECK(chi_square(counts, all, 5) < UNLIKELY);
    memset(counts, 0, sizeof counts);
    count_picks(NULL, 1 | 2 | 16, NULL, counts);    /* two are neighbours */
    CHECK_EQ(counts[2] + counts[3], 0);
    counts[2] = counts[4];
    CHECK(chi_square(counts, some, 3) < UNLIKELY);
    return 0;
}

TEST(select_many, picks_each_as_likely_as_another)
{
    with_one(1, pick_evenly, NULL);
}

static int pick_by_weight(void *arg)
{
    static const uint32_t weights[] = { 1, 2, 0, 4, 8 };
    static const double all[] = { 1. / 15, 2. / 15, 4. / 15, 8. / 15 };
    static const double some[] = { 1. / 5, 4. / 5 };
    struct moirai_order order = MOIRAI_ORDER_INIT(MOIRAI_WEIGHTED, 0);
    int64_t counts[5] = { 0 };

    (void)arg;
    count_picks(&order, 31, weights, counts);
    CHECK_EQ(counts[2], 0);
    counts[2] = counts[3];
    counts[3] = counts[4];
    CHECK(chi_square(counts, all, 4) < UNLIKELY);
    memset(counts, 0, sizeof counts);
    count_picks(&order, 1 | 4 | 8, weights, counts);
    CHECK_EQ(counts[2], 0);
    counts[1] = counts[3];
    CHECK(chi_square(counts, some, 2) < UNLIKELY);
    memset(counts, 0, sizeof counts);
    count_picks(&order, 4, weights, counts);
    CHECK_EQ(counts[2], PICKS);
    return 0;
}

TEST(select_many, picks_as_likely_as_they_weigh)
{
    with_one(1, pick_by_weight, NULL);
}

static int pick_in_order(void *arg)
{
    struct moirai_order strict = MOIRAI_ORDER_INIT(MOIRAI_IN_ORDER, 0);
    struct moirai_order patient = MOIRAI_ORDER_INIT(MOIRAI_IN_ORDER, 3);
    int64_t counts[5] = { 0 };

    (void)arg;
    count_picks(&strict, 2 | 4 | 16, NULL, counts);
    CHECK_EQ(counts[1], PICKS);
    memset(counts, 0, sizeof counts);
    count_picks(&patient, 1 | 2 | 8, NULL, counts);
    CHECK(counts[1] >= PICKS / 20 && counts[3] >= PICKS / 20);
    CHECK(counts[0] >= PICKS * 3 / 4);
    return 0;
}

TEST(select_many, picks_in_order_and_forgets_nobody)
{
    with_one(1, pick_in_order, NULL);
}

/* --- many ----------------------------------------------------------------- */

#define MANY 3000

static int send_to_all(void *arg)
{
    struct moirai_chan **chans = arg;

    for (size_t i = 0; i < MANY; i++)
        if (talk_send(chans[i * 7 % MANY], (int64_t)i, MOIRAI_NEVER) != 0)
            return -ECANCELED;
    return 0;
}

static int select_of_many(void *arg)
{
    struct moirai_chan **chans = calloc(MANY, sizeof *chans);
    struct moirai_case *cases = calloc(MANY, sizeof *cases);
    struct moirai_scope scope;
    int64_t value;
    int64_t sum = 0;
    int turns = 200;

    (void)arg;
    for (size_t i = 0; i < MANY; i++) {
        chans[i] = talk_ring_of_ints(NULL, 0);
        cases[i] = (struct moirai_case)MOIRAI_ON_RECV(chans[i], &value);
    }
    talk_begin(&scope);
    CHECK_EQ(moirai_spawn(&scope, send_to_all, chans), 0);
    for (int i = 0; i < turns; i++) {
        int64_t which = moirai_select(cases, MANY, MOIRAI_NEVER);

        CHECK_EQ(which, i * 7 % MANY);
        sum += value;
    }
    moirai_scope_cancel(&scope);
    moirai_scope_end(&scope);
    CHECK_EQ(sum, turns * (turns - 1) / 2);
    for (size_t i = 0; i < MANY; i++)
        moirai_chan_put(chans[i]);
    free(chans);
    free(cases);
    return 0;
}

TEST(select_many, takes_thousands_of_cases)
{
    with_one(1, select_of_many, NULL);
    with_one(2, select_of_many, NULL);
}

/* Senders, receivers and selects on the same channels; some give up. Every
 * message comes once. */
#define CROWD 6
#define EACH 300

struct crowd {
    struct moirai_chan *chans[3];
    unsigned char came[CROWD][EACH];
    int each;
    _Atomic int next_sender;
    _Atomic int64_t seen;
    _Atomic int senders;
};

static int send_anywhere(void *arg)
{
    struct crowd *crowd = arg;
    int me = crowd->next_sender++;
    int64_t message = me * EACH;

    for (int i = 0; i < crowd->each;) {
        struct moirai_case cases[] = {
            MOIRAI_ON_SEND(crowd->chans[0], &message),
            MOIRAI_ON_SEND(crowd->chans[1], &message),
            MOIRAI_ON_SEND(crowd->chans[2], &message),
        };
        int64_t rc;

        if (me % 2 == 0)
            rc = talk_send(crowd->chans[(me + i) % 3], message,
                           moirai_after(20 * MOIRAI_US));
        else
            rc = moirai_select(cases, 3, i % 5 == 0 ? MOIRAI_NOW
                                         : moirai_after(20 * MOIRAI_US));
        if (rc >= 0) {
            i++;
            message++;
        } else if (rc == -EAGAIN) {
            moirai_yield();
        }
    }
    if (--crowd->senders == 0)
        for (int i = 0; i < 3; i++)
            moirai_chan_close(crowd->chans[i]);
    return 0;
}

static void came(struct crowd *crowd, int64_t message)
{
    unsigned char *mark = &crowd->came[message / EACH][message % EACH];

    CHECK_EQ(__atomic_add_fetch(mark, 1, __ATOMIC_RELAXED), 1);
    crowd->seen++;
}

static int receive_anywhere(void *arg)
{
    struct crowd *crowd = arg;
    int64_t in[3];
    struct moirai_case cases[3];
    int open = 3;

    for (int i = 0; i < 3; i++)
        cases[i] = (struct moirai_case)MOIRAI_ON_RECV(crowd->chans[i], &in[i]);
    while (open > 0) {
        int64_t which = moirai_select(cases, 3, moirai_after(30 * MOIRAI_US));

        if (which < 0) {
            CHECK_EQ(which, -ETIMEDOUT);
        } else if (cases[which].result == -EPIPE) {
            cases[which].kind = MOIRAI_CASE_OFF;
            open--;
        } else {
            came(crowd, in[which]);
        }
    }
    return 0;
}

static int receive_plainly(void *arg)
{
    struct crowd *crowd = arg;
    int64_t in;

    MOIRAI_RECV_EACH(crowd->chans[1], &in)
        came(crowd, in);
    return 0;
}

static int crowd_around(void *arg)
{
    struct crowd *crowd = calloc(1, sizeof *crowd);
    struct moirai_scope scope;

    crowd->each = arg != NULL ? EACH : 30;
    crowd->senders = CROWD;
    for (int i = 0; i < 3; i++)
        crowd->chans[i] = talk_ring_of_ints(NULL, (size_t)i);
    talk_begin(&scope);
    for (int i = 0; i < CROWD; i++)
        CHECK_EQ(moirai_spawn(&scope, send_anywhere, crowd), 0);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(moirai_spawn(&scope, receive_anywhere, crowd), 0);
    CHECK_EQ(moirai_spawn(&scope, receive_plainly, crowd), 0);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    CHECK_EQ(crowd->seen, CROWD * crowd->each);
    for (int i = 0; i < 3; i++)
        moirai_chan_put(crowd->chans[i]);
    free(crowd);
    return 0;
}

TEST(select_many, loses_and_repeats_nothing)
{
    int more = 1;

    with_each(crowd_around, &more);
    with_seeds(300, crowd_around, NULL);
}
