/* SPDX-License-Identifier: MIT */
/*
 * work.c - a task that waits for the callbacks of a foreign loop, for the
 * clock, and for a socket; and answers by calling into the loop's library.
 */
#include "work.h"

#include <err.h>
#include <stdio.h>
#include <sys/socket.h>

static struct moirai_chan *numbers;
static void (*done)(void *arg);
static void *done_arg;

/* The other end of the socket. */
static int square(void *arg)
{
    int fd = *(int *)arg;
    int n;

    while (moirai_read_all(fd, &n, sizeof n, NULL, MOIRAI_NEVER) == 0) {
        n *= n;
        if (moirai_write_all(fd, &n, sizeof n, NULL, MOIRAI_NEVER) != 0)
            break;
    }
    return moirai_close(fd);
}

static int ask(int fd, int n)
{
    int answer;

    if (moirai_write_all(fd, &n, sizeof n, NULL, MOIRAI_NEVER) != 0
        || moirai_read_all(fd, &answer, sizeof answer, NULL,
                           moirai_after(5 * MOIRAI_S)) != 0)
        return -1;
    return answer;
}

static int work(void *arg)
{
    int left = *(int *)arg;
    int ends[2], n;

    if (moirai_socket_pair(SOCK_STREAM, ends) != 0
        || moirai_spawn(NULL, square, &ends[1]) != 0)
        return -1;
    while (left-- > 0 && moirai_chan_recv(numbers, &n, MOIRAI_NEVER) == 0) {
        moirai_sleep_until(moirai_after(MOIRAI_MS));
        printf("%d squared is %d\n", n, ask(ends[0], n));
    }
    moirai_close(ends[0]);
    done(done_arg);                 /* on the loop's own thread */
    return 0;
}

struct moirai_runtime *work_begin(int n, void (*call)(void *arg), void *arg)
{
    const struct moirai_elem elem = MOIRAI_ELEM(int);
    struct moirai_config config = { .size = sizeof config,
                                    .flags = MOIRAI_CONFIG_EMBEDDED };
    struct moirai_runtime *runtime;
    struct moirai_error error;
    static int count;

    if (moirai_start(&runtime, &config, &error) != 0)
        errx(1, "%s", error.text);
    if (moirai_chan_make(runtime, NULL, NULL, &elem, &numbers, &error) != 0)
        errx(1, "%s", error.text);
    count = n;
    done = call;
    done_arg = arg;
    if (moirai_spawn(moirai_runtime_scope(runtime), work, &count) != 0)
        errx(1, "no task");
    return runtime;
}

void work_tick(void)
{
    static int n;

    if (moirai_chan_send(numbers, &n, MOIRAI_NOW) == 0)
        n++;
}

int work_end(struct moirai_runtime *runtime)
{
    moirai_chan_close(numbers);
    moirai_chan_put(numbers);
    return moirai_stop(runtime, MOIRAI_NEVER, NULL) != 0;
}
