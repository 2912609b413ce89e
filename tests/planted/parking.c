/* SPDX-License-Identifier: MIT */
/*
 * parking.c - every way to wait, in small, under many seeds.
 *
 *     parking FIRST COUNT [--trace]
 *
 * Runs one short program per seed on the simulator, three workers in one
 * thread. A wake-up that is lost leaves everything waiting for ever, which the
 * simulator reports and aborts on; a wake-up too many, or a wait that ends
 * early, shows in the sums. Exit 1 names the seed. --trace writes what happened
 * to standard output.
 *
 * tests/check_planted.sh runs it against the core as it is, and against cores
 * with one fault each.
 */
#include <moirai/moirai.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TASKS 4

static struct moirai_mutex mutex;
static int guarded;                 /* by mutex */

struct piece {                      /* of a sum, by fork and join */
    int from, to;
    int sum;
};

static int add_up(void *arg)
{
    struct piece *p = arg;
    struct piece low = { p->from, (p->from + p->to) / 2, 0 };
    struct piece high = { low.to, p->to, 0 };
    struct moirai_frame fork;

    if (p->to - p->from == 1) {
        p->sum = p->from;
        return 0;
    }
    moirai_fork(&fork, add_up, &low);
    if (p->from % 8 == 0)
        moirai_yield();             /* unstolen forks become tasks */
    add_up(&high);
    moirai_join(&fork);
    p->sum = low.sum + high.sum;
    return 0;
}

static int count(void *arg)
{
    (void)arg;
    for (int i = 0; i < 3; i++) {
        int seen;

        if (moirai_mutex_lock(&mutex, MOIRAI_NEVER) != 0)
            return -EINVAL;
        seen = guarded;
        moirai_yield();
        guarded = seen + 1;
        moirai_mutex_unlock(&mutex);
    }
    return 0;
}

static int nap(void *arg)
{
    (void)arg;
    return moirai_sleep_until(moirai_after(10 * MOIRAI_US));
}

static int wait_for_ever(void *arg)
{
    int rc = moirai_sleep_until(MOIRAI_NEVER);

    (void)arg;
    return rc == -ECANCELED ? 0 : -EINVAL;
}

static int join_other(void *arg)
{
    return moirai_handle_join(arg, MOIRAI_NEVER, NULL);
}

/* Sleepers and joiners, some of them cancelled while they begin to wait. */
static int wait_and_cancel(struct moirai_scope *scope)
{
    struct moirai_handle *sleeper;
    struct moirai_handle *ever;
    int rc = moirai_spawn_with(scope, nap, NULL, NULL, &sleeper);

    rc |= moirai_spawn_with(scope, wait_for_ever, NULL, NULL, &ever);
    rc |= moirai_spawn(scope, join_other, sleeper);
    rc |= moirai_spawn(scope, join_other, ever);
    moirai_handle_cancel(ever);
    rc |= moirai_handle_join(sleeper, MOIRAI_NEVER, NULL);
    rc |= moirai_handle_join(ever, MOIRAI_NEVER, NULL);
    rc |= moirai_scope_end(scope);
    moirai_handle_put(sleeper);
    moirai_handle_put(ever);
    return rc;
}

static struct moirai_chan *chans[2];    /* without a buffer */
static int64_t received;

static int send_in_turn(void *arg)
{
    int64_t one = 1;
    int rc = 0;

    (void)arg;
    for (int i = 0; i < TASKS; i++)
        rc |= moirai_chan_send(chans[i % 2], &one, MOIRAI_NEVER);
    return rc;
}

/* Sends, or receives if there is an arg, on whichever channel comes first. */
static int select_either(void *arg)
{
    int64_t message = 1;
    struct moirai_case cases[] = { MOIRAI_ON_SEND(chans[0], &message),
                                   MOIRAI_ON_SEND(chans[1], &message) };

    if (arg != NULL)
        cases[0].kind = cases[1].kind = MOIRAI_CASE_RECV;
    for (int i = 0; i < TASKS; i++) {
        message = arg == NULL;
        if (moirai_select(cases, 2, MOIRAI_NEVER) < 0)
            return -EINVAL;
        if (arg != NULL)
            __atomic_add_fetch(&received, message, __ATOMIC_RELAXED);
    }
    return 0;
}

/* Two that select meet one that does, and one that does not. */
static int meet(struct moirai_scope *scope)
{
    struct moirai_elem elem = MOIRAI_ELEM(int64_t);
    const char *const none[] = { "capacity=0", NULL };
    int rc = 0;

    received = 0;
    for (int i = 0; i < 2; i++)
        rc |= moirai_chan_make(NULL, "ring", none, &elem, &chans[i], NULL);
    rc |= moirai_spawn(scope, select_either, chans);
    rc |= moirai_spawn(scope, select_either, NULL);
    rc |= moirai_spawn(scope, send_in_turn, NULL);
    rc |= moirai_spawn(scope, select_either, chans);
    rc |= moirai_scope_end(scope);
    for (int i = 0; i < 2; i++)
        moirai_chan_put(chans[i]);
    return received == 2 * TASKS ? rc : -EINVAL;
}

static int program(void *arg)
{
    struct piece all = { 0, 16, 0 };
    struct moirai_scope scope;
    int rc;

    (void)arg;
    guarded = 0;
    rc = moirai_scope_begin(&scope, NULL, MOIRAI_NEVER);
    for (int i = 0; i < TASKS; i++)
        rc |= moirai_spawn(&scope, count, NULL);
    add_up(&all);
    rc |= moirai_scope_end(&scope);
    if (rc != 0 || all.sum != 120 || guarded != TASKS * 3)
        return -EINVAL;
    moirai_scope_begin(&scope, NULL, MOIRAI_NEVER);
    rc = wait_and_cancel(&scope);
    moirai_scope_begin(&scope, NULL, MOIRAI_NEVER);
    return rc | meet(&scope);
}

static int run_seed(unsigned long seed, bool trace)
{
    char text[64];
    const char *const set[] = { "scheduler.plugin=sim", "runtime.workers=3",
                                text, trace ? "runtime.trace=65536" : NULL,
                                NULL };
    struct moirai_config config = { .size = sizeof config, .set = set };
    struct moirai_runtime *rt;
    struct moirai_error err;
    int rc;

    snprintf(text, sizeof text, "scheduler.seed=%lu", seed);
    rc = moirai_start(&rt, &config, &err);
    if (rc != 0) {
        fprintf(stderr, "parking: %s\n", err.text);
        return rc;
    }
    rc = moirai_run(rt, program, NULL);
    moirai_trace_dump(rt, STDOUT_FILENO);   /* nothing unless it is on */
    if (rc == 0)
        rc = moirai_stop(rt, MOIRAI_NEVER, NULL);
    return rc;
}

int main(int argc, char **argv)
{
    unsigned long first = argc > 1 ? strtoul(argv[1], NULL, 0) : 1;
    unsigned long n = argc > 2 ? strtoul(argv[2], NULL, 0) : 1000;
    bool trace = argc > 3 && strcmp(argv[3], "--trace") == 0;

    for (unsigned long seed = first; seed < first + n; seed++) {
        int rc = run_seed(seed, trace);

        if (rc != 0) {
            fprintf(stderr, "parking: seed %lu: %d\n", seed, rc);
            return EXIT_FAILURE;
        }
    }
    return EXIT_SUCCESS;
}
