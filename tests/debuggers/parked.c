/* SPDX-License-Identifier: MIT */
/*
 * parked.c - tasks that wait in known places, for debuggers to look at.
 *
 *     parked many N [SETTING...]    N tasks, in five different call chains
 *     parked kinds [SETTING...]     a task for each kind of wait
 *     parked turns [SETTING...]     two tasks that give each other the turn
 *     parked signal                 a task in a handler on a stack of its own
 *     parked two                    two runtimes
 *
 * Prints "ready" when every task is where it stays, and then sleeps until it
 * is killed, or for five minutes.
 *
 * Task number n of `many` is called after its chain and n. Each function of
 * the chain has n as its argument and uses it after the wait, so that it is
 * found in a register saved somewhere on the way, or in the frame.
 */
#include <moirai/moirai.h>

#include <err.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NOINLINE __attribute__((noinline))

static struct moirai_runtime *runtime;
static struct moirai_chan *empty;   /* nobody ever sends */
static struct moirai_chan *full;    /* nobody ever receives */
static struct moirai_mutex mutex;
static struct moirai_event never;   /* set */
static volatile long sink;

/* A use that the compiler cannot know the effect of. */
static void use(long value)
{
    sink += value;
}

/* What a call returned, and proof that the caller waited for it: a tail call
 * would take its frame away. */
static int kept(int rc)
{
    use(rc);
    return rc;
}

/* --- many ----------------------------------------------------------------- */

static NOINLINE int plain_c(long n)
{
    int got = 0;
    int rc = moirai_chan_recv(empty, &got, MOIRAI_NEVER);

    use(n + got);
    return rc;
}

static NOINLINE int plain_b(long n)
{
    int rc = plain_c(n);

    use(n);
    return rc;
}

static NOINLINE int plain_a(void *arg)
{
    long n = (long)arg;
    int rc = plain_b(n);

    use(n);
    return rc;
}

static NOINLINE int sends_b(long n)
{
    int message = (int)n;
    int rc = moirai_chan_send(full, &message, MOIRAI_NEVER);

    use(n + message);
    return rc;
}

static NOINLINE int sends_a(void *arg)
{
    long n = (long)arg;
    int rc = sends_b(n);

    use(n);
    return rc;
}

/* A frame whose size only its own registers tell. */
static NOINLINE int sized_b(long n)
{
    char *room = __builtin_alloca((size_t)(n % 7 + 1) * 100);
    int got = 0;
    int rc;

    memset(room, (int)n, (size_t)(n % 7 + 1) * 100);
    rc = moirai_chan_recv(empty, &got, MOIRAI_NEVER);
    use(n + room[n % 7]);
    return rc;
}

static NOINLINE int sized_a(void *arg)
{
    long n = (long)arg;
    int rc = sized_b(n);

    use(n);
    return rc;
}

/* As deep as n says: 1 to 5 frames of it. */
static NOINLINE int deep_b(long n, long depth)
{
    int got = 0;
    int rc;

    if (depth > 0)
        rc = deep_b(n, depth - 1);
    else
        rc = moirai_chan_recv(empty, &got, MOIRAI_NEVER);
    use(n + depth);
    return rc;
}

static NOINLINE int deep_a(void *arg)
{
    long n = (long)arg;
    int rc = deep_b(n, n / 5 % 5);

    use(n);
    return rc;
}

/* Six values that are kept across the call: every saved register is in use. */
static NOINLINE int busy_b(long n)
{
    long a = n * 3, b = n * 5, c = n * 7, d = n ^ 11, e = n - 13;
    int got = 0;
    int rc = moirai_chan_recv(empty, &got, n < 0 ? n : MOIRAI_NEVER);

    use(a);
    use(b);
    use(c);
    use(d);
    use(e);
    use(n);
    return rc;
}

static NOINLINE int busy_a(void *arg)
{
    long n = (long)arg;
    int rc = busy_b(n);

    use(n);
    return rc;
}

static const struct {
    const char *name;
    moirai_fn *fn;
} chains[] = {
    { "plain", plain_a }, { "sends", sends_a }, { "sized", sized_a },
    { "deep", deep_a }, { "busy", busy_a },
};

static void spawn(const char *name, long n, moirai_fn *fn)
{
    struct moirai_attr attr = MOIRAI_ATTR_INIT;
    char *text = malloc(32);

    if (text == NULL)
        err(1, "malloc");
    snprintf(text, 32, "%s-%ld", name, n);
    attr.name = text;
    if (moirai_spawn_with(moirai_runtime_scope(runtime), fn, (void *)n, &attr,
                          NULL) != 0)
        errx(1, "cannot spawn task %ld", n);
}

/* --- kinds ---------------------------------------------------------------- */

static volatile int holding, joining;

static NOINLINE int sleeps(void *arg)
{
    (void)arg;
    return kept(moirai_sleep_until(moirai_after(300 * MOIRAI_S)));
}

static NOINLINE int holds(void *arg)
{
    (void)arg;
    moirai_mutex_lock(&mutex, MOIRAI_NEVER);
    holding = 1;
    return kept(moirai_sleep_until(MOIRAI_NEVER - 1));
}

static NOINLINE int locks(void *arg)
{
    (void)arg;
    while (!holding)
        moirai_yield();
    return kept(moirai_mutex_lock(&mutex, MOIRAI_NEVER));
}

static NOINLINE int receives(void *arg)
{
    int got = 0;

    (void)arg;
    return kept(moirai_chan_recv(empty, &got, MOIRAI_NEVER));
}

static NOINLINE int ends_scope(void *arg)
{
    struct moirai_scope scope;

    (void)arg;
    moirai_scope_begin(&scope, NULL, MOIRAI_NEVER);
    moirai_spawn(&scope, receives, NULL);
    moirai_spawn(&scope, receives, NULL);
    return kept(moirai_scope_end(&scope));
}

static NOINLINE int joins_handle(void *arg)
{
    struct moirai_attr attr = MOIRAI_ATTR_INIT;
    struct moirai_handle *handle;
    int result;

    (void)arg;
    attr.name = "joined";
    if (moirai_spawn_with(NULL, receives, NULL, &attr, &handle) != 0)
        return -1;
    return kept(moirai_handle_join(handle, MOIRAI_NEVER, &result));
}

/* The sleep makes an ordinary task of the fork. */
static NOINLINE int joins_fork(void *arg)
{
    struct moirai_frame frame;

    (void)arg;
    moirai_fork(&frame, receives, NULL);
    moirai_sleep_until(moirai_after(MOIRAI_MS));
    joining = 1;
    return kept(moirai_join(&frame));
}

static NOINLINE int pauses(void *arg)
{
    (void)arg;
    return kept(pause());
}

static NOINLINE int blocks(void *arg)
{
    return kept(moirai_block(pauses, arg));
}

static NOINLINE int awaits(void *arg)
{
    (void)arg;
    return kept(moirai_event_wait(&never, MOIRAI_NEVER));
}

static volatile int spinning;

static NOINLINE int spins(void *arg)
{
    long n = (long)arg;

    spinning = 1;
    while (spinning)
        use(n);
    return 0;
}

static NOINLINE int yields(void *arg)
{
    while (kept(moirai_yield()) == 0)
        use((long)arg);
    return 0;
}

static void handler(int number)
{
    use(number);
    spinning = 1;
    while (spinning)
        use(number);
}

static NOINLINE int interrupted(void *arg)
{
    struct sigaction action = { .sa_handler = handler,
                                .sa_flags = SA_ONSTACK };
    stack_t stack = { .ss_size = 65536, .ss_sp = malloc(65536) };

    sigaltstack(&stack, NULL);
    sigaction(SIGFPE, &action, NULL);
    raise(SIGFPE);
    use((long)arg);
    return 0;
}

static NOINLINE int reads(void *arg)
{
    char byte;
    int ends[2];

    (void)arg;
    if (moirai_pipe(ends) != 0)
        errx(1, "no pipe");
    return kept((int)moirai_read(ends[0], &byte, 1, MOIRAI_NEVER));
}

static void spawn_kinds(void)
{
    spawn("sleeps", 1, sleeps);
    spawn("holds", 2, holds);
    spawn("locks", 3, locks);
    spawn("receives", 4, receives);
    spawn("ends_scope", 5, ends_scope);
    spawn("joins_handle", 6, joins_handle);
    spawn("joins_fork", 7, joins_fork);
    spawn("blocks", 8, blocks);
    spawn("awaits", 10, awaits);
    spawn("reads", 11, reads);
}

/* --- all ------------------------------------------------------------------ */

/* In a simulation this is what lets the workers run. */
static void rest(void)
{
    moirai_sleep_until(moirai_after(MOIRAI_MS));
}

/* Waits until so many waits have begun and are not over. */
static void wait_for(uint64_t waiting)
{
    struct moirai_stats stats = { .size = sizeof stats };

    for (;;) {
        if (moirai_stats_read(runtime, &stats) == 0
            && stats.parked - stats.woken == waiting)
            return;
        rest();
    }
}

static void start(const char *const *set)
{
    static const struct moirai_elem elem = MOIRAI_ELEM(int);
    struct moirai_config config = {
        .size = sizeof config, .set = set,
        .text = "channels: {empty: {capacity: 1}, full: {capacity: 1}}",
    };
    struct moirai_error error;
    int message = 0;

    if (moirai_start(&runtime, &config, &error) != 0)
        errx(1, "%s", error.text);
    if (moirai_chan_open(runtime, "empty", MOIRAI_BOTH, &elem, &empty,
                         &error) != 0
        || moirai_chan_open(runtime, "full", MOIRAI_BOTH, &elem, &full,
                            &error) != 0)
        errx(1, "%s", error.text);
    while (moirai_chan_send(full, &message, MOIRAI_NOW) == 0)
        continue;
}

int main(int argc, char **argv)
{
    static const char *const none[] = { NULL };
    const char *how = argc > 1 ? argv[1] : "";
    long n = argc > 2 ? atol(argv[2]) : 0;

    alarm(300);
    if (strcmp(how, "many") == 0) {
        start((const char *const *)argv + 3);
        for (long i = 0; i < n; i++)
            spawn(chains[i % 5].name, i, chains[i % 5].fn);
        wait_for((uint64_t)n);
    } else if (strcmp(how, "kinds") == 0) {
        start((const char *const *)argv + 2);
        spawn_kinds();
        while (!joining)
            rest();
        wait_for(14);
        spawn("spins", 9, spins);
        while (!spinning)
            rest();
    } else if (strcmp(how, "turns") == 0) {
        start((const char *const *)argv + 2);
        spawn("turns", 1, yields);
        spawn("turns", 2, yields);
    } else if (strcmp(how, "signal") == 0) {
        start(none);
        spawn("interrupted", 1, interrupted);
        while (!spinning)
            rest();
    } else if (strcmp(how, "two") == 0) {
        start(none);
        spawn("first", 1, receives);
        wait_for(1);
        start(none);
        spawn("second", 2, receives);
        wait_for(1);
    } else {
        errx(2, "usage: parked many N | kinds | turns | "
             "signal | two");
    }
    puts("ready");
    fflush(stdout);
    for (;;)
        pause();
}
