/* SPDX-License-Identifier: MIT */
/*
 * race.c - programs with and without a data race, for check_races.sh.
 *
 *     race WAY
 *
 * is compiled for ThreadSanitizer and linked with a libmoirai that is not. What
 * is right must be let pass, what is a race must be found, also where a single
 * worker runs both tasks one after the other.
 */
#include <moirai/moirai.h>

#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TIMES 200

static struct moirai_runtime *rt;
static struct moirai_chan *chan;
static struct moirai_mutex mutex = MOIRAI_MUTEX_INIT;
static int shared;

static struct moirai_chan *make(const char *capacity)
{
    const char *options[] = { capacity, NULL };
    struct moirai_elem element = MOIRAI_ELEM(int *);
    struct moirai_chan *made;

    if (moirai_chan_make(rt, NULL, options, &element, &made, NULL) != 0)
        errx(1, "cannot make a channel");
    return made;
}

/* --- races ---------------------------------------------------------------- */

static int increment(void *arg)
{
    ++*(int *)arg;
    return 0;
}

static int increment_later(void *arg)
{
    moirai_sleep_until(moirai_after(MOIRAI_MS));
    ++*(int *)arg;
    moirai_yield();
    return 0;
}

/* A sleep is no synchronisation. */
static int increment_much_later(void *arg)
{
    moirai_sleep_until(moirai_after(100 * MOIRAI_MS));
    ++*(int *)arg;
    return 0;
}

static void race_borrowed(void)
{
    moirai_spawn(moirai_runtime_scope(rt), increment, &shared);
    moirai_spawn(moirai_runtime_scope(rt), increment, &shared);
}

static void race_waiting(void)
{
    moirai_spawn(moirai_runtime_scope(rt), increment_later, &shared);
    moirai_spawn(moirai_runtime_scope(rt), increment_later, &shared);
}

static void race_sleeping(void)
{
    moirai_spawn(moirai_runtime_scope(rt), increment, &shared);
    moirai_spawn(moirai_runtime_scope(rt), increment_much_later, &shared);
}

static int fork_two(void *arg)
{
    struct moirai_frame frame;

    moirai_fork(&frame, increment, arg);
    increment(arg);
    return moirai_join(&frame);
}

static void race_fork(void)
{
    moirai_run(rt, fork_two, &shared);
}

/* The parent looks before the scope has ended. */
static int look_too_early(void *arg)
{
    struct moirai_scope scope;
    int seen;

    moirai_scope_begin(&scope, NULL, MOIRAI_NEVER);
    moirai_spawn(&scope, increment, arg);
    moirai_sleep_until(moirai_after(20 * MOIRAI_MS));
    seen = *(int *)arg;
    moirai_scope_end(&scope);
    return seen;
}

static void race_scope(void)
{
    moirai_run(rt, look_too_early, &shared);
}

/* Changes what it has given away. */
static int send_and_change(void *arg)
{
    int *message = arg;

    moirai_chan_send(chan, &message, MOIRAI_NEVER);
    ++*message;
    return 0;
}

static int receive_and_change(void *arg)
{
    int *message = arg;

    moirai_chan_recv(chan, &message, MOIRAI_NEVER);
    ++*message;
    return 0;
}

static void race_sent(void)
{
    chan = make("capacity=4");
    moirai_spawn(moirai_runtime_scope(rt), send_and_change, &shared);
    moirai_spawn(moirai_runtime_scope(rt), receive_and_change, NULL);
}

static int do_nothing(void *arg)
{
    return arg == &rt;
}

static int increment_and_spawn(void *arg)
{
    increment(arg);
    for (int i = 0; i < 4; i++)
        moirai_spawn(moirai_runtime_scope(rt), do_nothing, NULL);
    return 0;
}

static int spawn_increment_later(void *arg)
{
    moirai_sleep_until(moirai_after(20 * MOIRAI_MS));
    return moirai_spawn(moirai_runtime_scope(rt), increment, arg);
}

/* The second is a task whose record was one of the first one's tasks. */
static void race_recycled(void)
{
    moirai_spawn(moirai_runtime_scope(rt), increment_and_spawn, &shared);
    moirai_spawn(moirai_runtime_scope(rt), spawn_increment_later, &shared);
}

/* --- none ----------------------------------------------------------------- */

static int count_down(void *arg)
{
    int local[16];                  /* whose address is known elsewhere */

    memset(local, 0, sizeof local);
    local[0] = (int)(intptr_t)arg;
    increment(&local[local[0] % 16]);
    return local[0] < 0;
}

static void clean_stacks(void)
{
    for (intptr_t i = 0; i < 20000; i++)
        moirai_spawn(moirai_runtime_scope(rt), count_down, (void *)i);
}

static int fill(void *arg)
{
    for (int i = 0; i < TIMES; i++) {
        int *message = calloc(1, sizeof *message);

        *message = i;
        if (moirai_chan_send(chan, &message, MOIRAI_NEVER) != 0)
            return -1;
    }
    return arg == &rt;
}

static int drain(void *arg)
{
    int *message;

    while (moirai_chan_recv(chan, &message, MOIRAI_NEVER) == 0) {
        ++*message;
        free(message);
    }
    return arg == &rt;
}

static int pass_on(void *arg)
{
    struct moirai_scope senders, receivers;

    moirai_scope_begin(&receivers, NULL, MOIRAI_NEVER);
    moirai_scope_begin(&senders, NULL, MOIRAI_NEVER);
    for (int i = 0; i < 4; i++) {
        moirai_spawn(&receivers, drain, NULL);
        moirai_spawn(&senders, fill, NULL);
    }
    moirai_scope_end(&senders);
    moirai_chan_close(chan);
    return moirai_scope_end(&receivers) + (arg == &rt);
}

static void clean_buffered(void)
{
    chan = make("capacity=8");
    moirai_run(rt, pass_on, NULL);
}

static void clean_rendezvous(void)
{
    chan = make("capacity=0");
    moirai_run(rt, pass_on, NULL);
}

static int lock_and_increment(void *arg)
{
    for (int i = 0; i < TIMES; i++) {
        moirai_mutex_lock(&mutex, MOIRAI_NEVER);
        ++*(int *)arg;
        if (i % 16 == 0)
            moirai_yield();
        moirai_mutex_unlock(&mutex);
    }
    return 0;
}

static void clean_mutex(void)
{
    for (int i = 0; i < 8; i++)
        moirai_spawn(moirai_runtime_scope(rt), lock_and_increment, &shared);
}

struct part {
    int *first;
    size_t n;
    long sum;
};

static int sum(void *arg)
{
    struct part *part = arg;
    struct part low = { part->first, part->n / 2, 0 };
    struct part high = { part->first + low.n, part->n - low.n, 0 };
    struct moirai_frame frame;

    if (part->n == 1) {
        part->sum = ++*part->first;
        return 0;
    }
    moirai_fork(&frame, sum, &low);
    sum(&high);
    moirai_join(&frame);
    part->sum = low.sum + high.sum;
    return 0;
}

static void clean_forks(void)
{
    struct part all = { calloc(1000, sizeof(int)), 1000, 0 };

    for (int i = 1; i <= 3; i++) {
        moirai_run(rt, sum, &all);
        if (all.sum != 1000L * i)
            errx(1, "sum is %ld", all.sum);
    }
    free(all.first);
}

static int block_on(void *arg)
{
    for (int i = 0; i < 20; i++)
        moirai_block(increment, arg);
    return *(int *)arg != 20;
}

static void clean_blocking(void)
{
    int numbers[8] = { 0 };
    struct moirai_handle *handles[8];
    static struct moirai_site site = MOIRAI_SITE_INIT;
    int result = 1;

    for (int i = 0; i < 8; i++)
        moirai_spawn_at(&site, moirai_runtime_scope(rt), block_on, &numbers[i],
                        NULL, &handles[i]);
    for (int i = 0; i < 8; i++) {
        moirai_handle_join(handles[i], MOIRAI_NEVER, &result);
        moirai_handle_put(handles[i]);
        if (result != 0 || ++numbers[i] != 21)
            errx(1, "number %d is %d", i, numbers[i]);
    }
}

static int spin_until_cancelled(void *arg)
{
    while (!moirai_cancelled())
        moirai_yield();
    ++*(int *)arg;
    return 0;
}

static int cancel_one(void *arg)
{
    struct moirai_scope scope;

    moirai_scope_begin(&scope, NULL, MOIRAI_NEVER);
    moirai_spawn(&scope, spin_until_cancelled, arg);
    moirai_yield();
    ++*(int *)arg;
    moirai_scope_cancel(&scope);
    moirai_scope_end(&scope);
    return ++*(int *)arg;
}

static void clean_cancel(void)
{
    for (int i = 0; i < 20; i++)
        moirai_run(rt, cancel_one, &shared);
}

static int sleep_until_cancelled(void *arg)
{
    if (moirai_sleep_until(MOIRAI_NEVER) == -ECANCELED)
        ++*(int *)arg;
    return 0;
}

static int receive_until_cancelled(void *arg)
{
    int *message;

    if (moirai_chan_recv(chan, &message, MOIRAI_NEVER) == -ECANCELED)
        ++*(int *)arg;
    return 0;
}

static int yield_until_cancelled(void *arg)
{
    while (moirai_yield() == 0)
        continue;
    ++*(int *)arg;
    return 0;
}

/* Before it waits, while it does, or just as it is about to. */
static int cancel_waits(void *arg)
{
    static moirai_fn *const waits[] = {
        sleep_until_cancelled, receive_until_cancelled, yield_until_cancelled,
        spin_until_cancelled,
    };
    struct moirai_handle *handle;
    struct moirai_scope scope;

    for (int i = 0; i < 64; i++) {
        moirai_scope_begin(&scope, NULL, MOIRAI_NEVER);
        moirai_spawn_with(&scope, waits[i % 4], arg, NULL, &handle);
        for (int turn = i / 4 % 4; turn > 0; turn--)
            moirai_yield();
        ++*(int *)arg;
        if (i < 32)
            moirai_scope_cancel(&scope);
        else
            moirai_handle_cancel(handle);
        moirai_scope_end(&scope);
        moirai_handle_put(handle);
        ++*(int *)arg;
    }
    return *(int *)arg != 3 * 64;
}

static void clean_cancelled_waits(void)
{
    chan = make("capacity=0");
    if (moirai_run(rt, cancel_waits, &shared) != 0)
        errx(1, "it is %d", shared);
}

static const struct {
    const char *name;
    void (*run)(void);
} ways[] = {
    { "race-borrowed", race_borrowed },   { "race-waiting", race_waiting },
    { "race-sleeping", race_sleeping },   { "race-fork", race_fork },
    { "race-scope", race_scope },         { "race-sent", race_sent },
    { "race-recycled", race_recycled },
    { "clean-stacks", clean_stacks },     { "clean-buffered", clean_buffered },
    { "clean-rendezvous", clean_rendezvous },
    { "clean-mutex", clean_mutex },       { "clean-forks", clean_forks },
    { "clean-blocking", clean_blocking }, { "clean-cancel", clean_cancel },
    { "clean-cancelled-waits", clean_cancelled_waits },
};

int main(int argc, char **argv)
{
    struct moirai_error error;

    if (argc < 2) {
        for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++)
            puts(ways[i].name);
        return 0;
    }
    if (moirai_start(&rt, NULL, &error) != 0)
        errx(3, "%s", error.text);
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++)
        if (strcmp(ways[i].name, argv[1]) == 0)
            ways[i].run();
    if (moirai_stop(rt, MOIRAI_NEVER, NULL) != 0)
        errx(1, "cannot stop");
    printf("shared: %d\n", shared);
    return 0;
}
