/* SPDX-License-Identifier: MIT */
/*
 * waiting.c - tasks that wait in every way there is, for check_dump.sh.
 *
 *     waiting TASKS [handler]
 *
 * Eight of them in a way of their own, TASKS in the same. When all wait it
 * prints "ready", waits for a line, and ends. It may handle SIGQUIT itself.
 */
#include <moirai/moirai.h>

#include <err.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct moirai_chan *orders, *full;
static struct moirai_mutex mutex = MOIRAI_MUTEX_INIT;
static atomic_int stop_spinning;

__attribute__((noinline)) static int innermost(void *arg)
{
    int number = 0;
    int rc = moirai_chan_recv(orders, &number, MOIRAI_NEVER);

    return rc != 0 && arg == &number;   /* no tail call */
}

__attribute__((noinline)) static int middle(void *arg)
{
    return innermost(arg) + (arg == &orders);
}

static int outermost(void *arg)
{
    return middle(arg) + (arg == &mutex);
}

static int send_one(void *arg)
{
    int number = 1;

    moirai_chan_send(full, &number, MOIRAI_NEVER);
    return arg == &number;
}

static int hold_lock(void *arg)
{
    moirai_mutex_lock(&mutex, MOIRAI_NEVER);
    outermost(arg);
    return moirai_mutex_unlock(&mutex);
}

static int want_lock(void *arg)
{
    if (moirai_mutex_lock(&mutex, MOIRAI_NEVER) == 0)
        moirai_mutex_unlock(&mutex);
    return arg == &mutex;
}

static int nap(void *arg)
{
    return moirai_sleep_until(moirai_after(3600 * MOIRAI_S)) == 0
        && arg == &mutex;
}

static int await_handle(void *arg)
{
    return moirai_handle_join(arg, MOIRAI_NEVER, NULL) != 0 && arg == &mutex;
}

static int await_scope(void *arg)
{
    struct moirai_scope scope;

    moirai_scope_begin(&scope, NULL, MOIRAI_NEVER);
    moirai_spawn(&scope, outermost, arg);
    return moirai_scope_end(&scope);
}

static int read_line(void *arg)
{
    char c = 0;

    return read(*(int *)arg, &c, 1) < 0;
}

static int block(void *arg)
{
    return moirai_block(read_line, arg) != 0 && arg == &mutex;
}

static int spin(void *arg)
{
    while (!stop_spinning)
        continue;
    return arg == &mutex;
}

static struct moirai_handle *named(struct moirai_runtime *rt, const char *name,
                                   moirai_fn *fn, void *arg)
{
    static struct moirai_site site = MOIRAI_SITE_INIT;
    struct moirai_attr attr = MOIRAI_ATTR_INIT;
    struct moirai_handle *handle;

    attr.name = name;
    if (moirai_spawn_at(&site, moirai_runtime_scope(rt), fn, arg, &attr,
                        &handle) != 0)
        errx(1, "cannot spawn %s", name);
    return handle;
}

static void wait_for_parks(struct moirai_runtime *rt, uint64_t n)
{
    struct moirai_stats stats = { .size = sizeof stats };

    do {
        usleep(1000);
        moirai_stats_read(rt, &stats);
    } while (stats.parked < n);
}

static struct moirai_chan *make(struct moirai_runtime *rt)
{
    static const char *const one[] = { "capacity=1", NULL };
    struct moirai_elem element = MOIRAI_ELEM(int);
    struct moirai_chan *chan;

    if (moirai_chan_make(rt, NULL, one, &element, &chan, NULL) != 0)
        errx(1, "cannot make a channel");
    return chan;
}

#define NAMED 8

/* One of each; the last one spins. */
static void spawn_named(struct moirai_runtime *rt, int *pipe_end,
                        struct moirai_handle **handles)
{
    handles[0] = named(rt, "holder", hold_lock, NULL);
    wait_for_parks(rt, 1);
    handles[1] = named(rt, "wanter", want_lock, NULL);
    handles[2] = named(rt, "napper", nap, NULL);
    handles[3] = named(rt, "joiner", await_handle, handles[2]);
    handles[4] = named(rt, "nurse", await_scope, NULL);
    handles[5] = named(rt, "blocker", block, pipe_end);
    handles[6] = named(rt, "sender", send_one, NULL);
    wait_for_parks(rt, 8);          /* the nurse's own task is one */
    handles[7] = named(rt, "spinner", spin, NULL);
}

static void own_handler(int signo)
{
    static const char text[] = "own handler\n";

    (void)signo;
    if (write(STDERR_FILENO, text, sizeof text - 1) < 0)
        _exit(1);
}

/* TSan keeps a signal until the thread that got it calls something it knows to
 * block: poll it does, fgets it does not. */
static void await_input(void)
{
    struct pollfd fd = { .fd = STDIN_FILENO, .events = POLLIN };

    while (poll(&fd, 1, -1) < 0)
        continue;
}

int main(int argc, char **argv)
{
    int tasks = argc > 1 ? atoi(argv[1]) : 0;
    struct moirai_handle *handles[NAMED];
    struct moirai_runtime *rt;
    struct moirai_error error;
    int number = 0;
    int ends[2];
    char line[16];

    if (argc > 2)
        signal(SIGQUIT, own_handler);
    if (pipe(ends) != 0 || moirai_start(&rt, NULL, &error) != 0)
        errx(1, "%s", error.text);
    orders = make(rt);
    full = make(rt);
    moirai_chan_send(full, &number, MOIRAI_NEVER);
    spawn_named(rt, &ends[0], handles);
    for (int i = 0; i < tasks; i++)
        moirai_spawn(moirai_runtime_scope(rt), outermost, NULL);
    wait_for_parks(rt, 8 + (uint64_t)tasks);
    puts("ready");
    fflush(stdout);
    await_input();
    if (fgets(line, sizeof line, stdin) == NULL)
        puts("no line");
    stop_spinning = 1;
    if (write(ends[1], "x", 1) != 1)
        return 1;
    moirai_handle_cancel(handles[2]);
    moirai_chan_close(orders);
    moirai_chan_close(full);
    for (int i = 0; i < NAMED; i++)
        moirai_handle_join(handles[i], MOIRAI_NEVER, NULL);
    for (int i = 0; i < NAMED; i++)
        moirai_handle_put(handles[i]);
    moirai_chan_put(orders);
    moirai_chan_put(full);
    printf("stopped: %d\n", moirai_stop(rt, MOIRAI_NEVER, NULL));
    return 0;
}
