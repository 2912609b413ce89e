/* SPDX-License-Identifier: MIT */
/*
 * overflow.c - tasks that use up their stack, for check_overflow.sh.
 *
 *     overflow WAY [SITUATION]
 *
 * runs one task that overflows in some WAY, among a hundred that go on, and
 * prints what became of all of them.
 */
#include <moirai/moirai.h>

#include <err.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OTHERS 100
#define MANY 65000

static volatile int never;          /* what is never true, for all gcc knows */
static int others_done;

__attribute__((noinline)) static int recurse(int depth)
{
    volatile char frame[256];

    frame[0] = (char)depth;
    return never ? depth : recurse(depth + 1) + frame[0];
}

__attribute__((noinline)) static int large_frame(int at)
{
    volatile char frame[1 << 20];

    for (size_t i = 0; i < sizeof frame; i += 512)
        frame[i] = (char)at;
    return frame[at];
}

static int way_recurse(void *arg)
{
    return recurse((int)(intptr_t)arg);
}

/* Waits at each step down. */
__attribute__((noinline)) static int creep(int depth)
{
    volatile char frame[64];

    frame[0] = (char)depth;
    moirai_yield();
    return never ? depth : creep(depth + 1) + frame[0];
}

static int way_creep(void *arg)
{
    return creep((int)(intptr_t)arg);
}

static int way_large(void *arg)
{
    return large_frame((int)(intptr_t)arg);
}

static int way_large_later(void *arg)
{
    moirai_sleep_until(moirai_after(MOIRAI_MS));
    return large_frame((int)(intptr_t)arg);
}

static int fork_for_ever(void *arg)
{
    struct moirai_frame frame;
    volatile char room[512];

    room[0] = 1;
    moirai_fork(&frame, fork_for_ever, arg);
    return moirai_join(&frame) + room[0];
}

/* Writes below its frame, further and further, by the C library's hand. */
static int way_libc(void *arg)
{
    char *volatile low = (char *)__builtin_frame_address(0) - 8192;

    for (; !never; low -= 2048)
        memset(low, arg != NULL, (size_t)(2000 + never));
    return 0;
}

static void cleanup(void *arg)
{
    printf("cleanup %s\n", (const char *)arg);
    fflush(stdout);
}

static void bad_cleanup(void *arg)
{
    recurse(arg != NULL);
}

static int way_cleanup(void *arg)
{
    struct moirai_cleanup outer, inner;

    (void)arg;
    moirai_cleanup_push(&outer, cleanup, "outer");
    moirai_cleanup_push(&inner, cleanup, "inner");
    return recurse(1);
}

static int way_bad_cleanup(void *arg)
{
    struct moirai_cleanup handler;

    moirai_cleanup_push(&handler, bad_cleanup, arg);
    return recurse(1);
}

static void init_once(void)
{
    recurse(never);
}

/* Who ended here would leave the others to wait for ever. */
static int way_once(void *arg)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    (void)arg;
    return pthread_once(&once, init_once);
}

static int way_null(void *arg)
{
    return *(volatile int *)arg;
}

static int way_raise(void *arg)
{
    (void)arg;
    return raise(SIGSEGV);
}

static int go_on(void *arg)
{
    for (int i = 0; i < 50; i++)
        if (moirai_sleep_until(moirai_after(MOIRAI_MS)) != 0)
            return -1;
    __atomic_add_fetch((int *)arg, 1, __ATOMIC_RELAXED);
    return 0;
}

static const struct {
    const char *name;
    moirai_fn *fn;
} ways[] = {
    { "recurse", way_recurse },         { "large", way_large },
    { "large-later", way_large_later }, { "fork", fork_for_ever },
    { "libc", way_libc },               { "cleanup", way_cleanup },
    { "bad-cleanup", way_bad_cleanup }, { "null", way_null },
    { "raise", way_raise },             { "once", way_once },
    { "creep", way_creep },
};

static moirai_fn *way_called(const char *name)
{
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++)
        if (strcmp(ways[i].name, name) == 0)
            return ways[i].fn;
    errx(2, "no way %s", name);
}

static void own_handler(int signo, siginfo_t *info, void *context)
{
    static const char text[] = "the program's own handler\n";

    (void)signo;
    (void)context;
    if (write(STDOUT_FILENO, text, sizeof text - 1) < 0)
        _exit(1);
    _exit(info->si_addr == NULL ? 40 : 41);
}

static void handle_faults(void)
{
    struct sigaction action = { .sa_sigaction = own_handler,
                                .sa_flags = SA_SIGINFO };

    sigaction(SIGSEGV, &action, NULL);
}

/* Runs it once; returns what its join said. */
static int run_once(struct moirai_runtime *rt, moirai_fn *fn, size_t stack)
{
    static struct moirai_site site = MOIRAI_SITE_INIT;
    struct moirai_attr attr = MOIRAI_ATTR_INIT;
    struct moirai_handle *handle;
    int result = 0;

    attr.name = "culprit";
    attr.stack_size = stack;
    if (moirai_spawn_at(&site, moirai_runtime_scope(rt), fn, NULL, &attr,
                        &handle) != 0)
        errx(1, "cannot spawn");
    moirai_handle_join(handle, MOIRAI_NEVER, &result);
    moirai_handle_put(handle);
    return result;
}

static void among_others(struct moirai_runtime *rt, moirai_fn *fn,
                         size_t stack, int times)
{
    for (int i = 0; i < OTHERS; i++)
        moirai_spawn(moirai_runtime_scope(rt), go_on, &others_done);
    for (int i = 0; i < times; i++) {
        int rc = run_once(rt, fn, stack);

        if (i == 0 || rc != -EOVERFLOW)
            printf("ended with %s\n", rc == -EOVERFLOW ? "EOVERFLOW"
                                                       : "something else");
    }
}

static struct moirai_chan *numbers;

/* Waits on a stack of its own; every thousandth then overflows. */
static int wait_then(void *arg)
{
    int number;

    (void)arg;
    if (moirai_chan_recv(numbers, &number, MOIRAI_NEVER) != 0)
        return -1;
    return number % 1000 == 7 ? recurse(number) : 0;
}

static int send_all(void *arg)
{
    uint64_t waiting;
    struct moirai_stats stats = { .size = sizeof stats };

    do {
        moirai_sleep_until(moirai_after(MOIRAI_MS));
        moirai_stats_read(arg, &stats);
        waiting = stats.parked;
    } while (waiting < MANY);
    for (int i = 0; i < MANY; i++)
        if (moirai_chan_send(numbers, &i, MOIRAI_NEVER) != 0)
            return -1;
    return 0;
}

/* 65,000 guarded stacks at once, of which 65 overflow. */
static void among_many(struct moirai_runtime *rt)
{
    struct moirai_elem element = MOIRAI_ELEM(int);
    struct moirai_stats stats = { .size = sizeof stats };

    if (moirai_chan_make(rt, NULL, NULL, &element, &numbers, NULL) != 0)
        errx(1, "cannot make a channel");
    for (int i = 0; i < MANY; i++)
        if (moirai_spawn(moirai_runtime_scope(rt), wait_then, NULL) != 0)
            errx(1, "cannot spawn");
    printf("sent: %d\n", moirai_run(rt, send_all, rt));
    do {
        usleep(1000);
        moirai_stats_read(rt, &stats);
    } while (stats.finished < MANY + 1);    /* send_all is one, too */
    printf("failed: %d\n", (int)stats.failed);
    moirai_chan_put(numbers);
}

int main(int argc, char **argv)
{
    const char *situation = argc > 2 ? argv[2] : "";
    struct moirai_runtime *rt;
    struct moirai_error error;

    if (argc < 2)
        errx(2, "usage: overflow WAY [SITUATION]");
    if (strcmp(situation, "handler") == 0)
        handle_faults();
    if (moirai_start(&rt, NULL, &error) != 0)
        errx(3, "%s", error.text);
    if (strcmp(argv[1], "main") == 0)
        return recurse(1);
    if (strcmp(argv[1], "many") == 0)
        among_many(rt);
    else
        among_others(rt, way_called(argv[1]),
                     strcmp(situation, "small") == 0 ? 65536 : 0,
                     strcmp(situation, "often") == 0 ? 300 : 1);
    printf("stopped: %d\n", moirai_stop(rt, MOIRAI_NEVER, NULL));
    printf("others: %d\n", others_done);
    return 0;
}
