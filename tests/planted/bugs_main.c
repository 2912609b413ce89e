/* SPDX-License-Identifier: MIT */
/*
 * bugs_main.c - runs the programs of bugs.c.
 *
 *     bugs                       their names
 *     bugs list                  and what they are, and need, with tabs between
 *     bugs NAME                  once, as the configuration says
 *     bugs NAME sim FIRST COUNT [STRATEGY]   under so many seeds
 *     bugs NAME orders FIRST COUNT [STRATEGY]    and no faults
 *     bugs NAME stress COUNT     so often, on four real workers
 *
 * Exit 0: the mistake did not show. Otherwise it did: in what was computed, or
 * in that everything waits for ever, which the simulator reports, and which on
 * real workers is seen by that no round ends for some seconds.
 *
 * tests/check_bugs.sh wants each found by the simulator. The program is built
 * with a choice point at each of its own atomic operations, and bugs_plain
 * without, for the stress.
 */
#include <moirai/moirai.h>

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bugs.h"

#define STRESS_S 60                 /* for all rounds, or as many as fit */
#define PATIENCE_S 10               /* for one of them; then it hangs */

static int body(void *arg)
{
    return bugs[*(const size_t *)arg].run();
}

/* Once on a runtime of its own; `set` as in a struct moirai_config. */
static int run_with(size_t which, const char *const *set)
{
    struct moirai_config config = { .size = sizeof config, .set = set };
    struct moirai_runtime *rt;
    struct moirai_error err;
    int rc = moirai_start(&rt, &config, &err);

    if (rc != 0) {
        fprintf(stderr, "bugs: %s\n", err.text);
        return rc;
    }
    rc = moirai_run(rt, body, &which);
    if (rc != 0)
        fprintf(stderr, "bugs: %s shows\n", bugs[which].name);
    moirai_stop(rt, MOIRAI_NEVER, NULL);
    return rc;
}

static int under_seeds(size_t which, unsigned long first, unsigned long n,
                       const char *strategy, const char *fault)
{
    char seed[40], how[40];
    const char *const set[] = { "scheduler.plugin=sim", "runtime.workers=3",
                                seed, how, fault, NULL };
    int rc = 0;

    snprintf(how, sizeof how, "scheduler.strategy=%s", strategy);
    for (unsigned long at = first; at < first + n && rc == 0; at++) {
        snprintf(seed, sizeof seed, "scheduler.seed=%lu", at);
        rc = run_with(which, set);
        if (rc != 0)
            fprintf(stderr, "bugs: seed %lu\n", at);
    }
    return rc;
}

struct rounds {
    size_t which;
    unsigned long n;
};

static unsigned long done;          /* rounds; atomic */

/* Each second. */
static void look(int number)
{
    static unsigned long before;
    static int seconds, still;
    unsigned long now = __atomic_load_n(&done, __ATOMIC_RELAXED);

    (void)number;
    still = now == before ? still + 1 : 0;
    before = now;
    if (still == PATIENCE_S)
        _exit(EXIT_FAILURE);
    if (++seconds == STRESS_S)
        _exit(EXIT_SUCCESS);
    alarm(1);
}

static int repeat(void *arg)
{
    const struct rounds *rounds = arg;
    int rc = 0;

    for (unsigned long i = 0; i < rounds->n && rc == 0; i++) {
        rc = bugs[rounds->which].run();
        __atomic_store_n(&done, i, __ATOMIC_RELAXED);
    }
    return rc;
}

/* As one would try it: in a loop, on a machine that does nothing else. */
static int under_stress(size_t which, unsigned long n)
{
    static const char *const set[] = { "runtime.workers=4", NULL };
    struct moirai_config config = { .size = sizeof config, .set = set };
    struct rounds rounds = { which, n };
    struct moirai_runtime *rt;
    int rc;

    signal(SIGALRM, look);
    alarm(1);
    if (moirai_start(&rt, &config, NULL) != 0)
        return -ENOMEM;
    rc = moirai_run(rt, repeat, &rounds);
    moirai_stop(rt, MOIRAI_NEVER, NULL);
    return rc;
}

static void list(bool all)
{
    for (size_t i = 0; i < bug_count; i++) {
        const struct bug *bug = &bugs[i];

        if (all)
            printf("%s\t%s\t%s\n", bug->name, bug->what,
                   bug->fault != NULL ? bug->fault : "");
        else
            puts(bug->name);
    }
}

int main(int argc, char **argv)
{
    size_t which = 0;
    int rc;

    if (argc == 1 || strcmp(argv[1], "list") == 0) {
        list(argc > 1);
        return EXIT_SUCCESS;
    }
    while (which < bug_count && strcmp(bugs[which].name, argv[1]) != 0)
        which++;
    if (which == bug_count || argc == 3)
        return 2;
    if (argc == 2)
        rc = run_with(which, NULL);
    else if (strcmp(argv[2], "stress") == 0)
        rc = under_stress(which, strtoul(argv[3], NULL, 10));
    else
        rc = under_seeds(which, strtoul(argv[3], NULL, 10),
                         argc > 4 ? strtoul(argv[4], NULL, 10) : 1,
                         argc > 5 ? argv[5] : "random",
                         strcmp(argv[2], "sim") == 0 ? bugs[which].fault
                                                     : NULL);
    return rc != 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
