/* SPDX-License-Identifier: MIT */
/*
 * io_wait.c - the promises of include/moirai/io_ops.h: flush, wait and wake.
 */
#include "io_rig.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

static void sleep_s(double seconds)
{
    struct timespec t = { 0, (long)(seconds * 1e9) };

    nanosleep(&t, NULL);
}

PROMISE(io_waits_until_deadline,
        "A wait ends by its deadline, at once if that has passed, and sleeps "
        "until then.")
{
    struct io_rig rig;
    double begin, end;
    int calls = 0;

    io_open(&rig, subject, 2);
    for (int i = 0; i < 10; i++)
        io_wait(&rig, 0, -1.0);
    begin = conformance_seconds();
    end = begin + 0.03;
    while (conformance_seconds() < end) {
        double left = end - conformance_seconds();

        HOLDS(io_wait(&rig, 1, left) == 0, "a wait for nothing reports "
              "something");
        calls++;
    }
    HOLDS(calls < 3000, "in 30 ms, %d waits for nothing returned early",
          calls);
    io_close(&rig);
}

PROMISE(io_wake_before_wait_counts,
        "A wake before a wait ends it, whichever ring waits or flushes first.")
{
    const struct moirai_io_ops *ops = subject->plugin->ops;
    struct io_rig rig;

    io_open(&rig, subject, 3);
    for (int round = 0; round < 20; round++) {
        ops->wake(rig.state, rig.rings[1]);
        if (round % 2 == 0)
            ops->wake(rig.state, rig.rings[1]);
        if (round % 3 == 0)
            io_flush(&rig, 0);
        if (round % 5 == 0)
            io_wait(&rig, 2, 0.001);
        conformance_at("wait after wake");
        ops->wait(rig.state, rig.rings[1], INT64_MAX);
        conformance_at(NULL);
    }
    io_close(&rig);
}

struct waker {
    struct io_rig *rig;
    atomic_int waits;               /* how often the other has begun */
    atomic_bool over;
};

static void *wake_often(void *arg)
{
    struct waker *waker = arg;
    const struct moirai_io_ops *ops = waker->rig->ops;
    int seen = 0;

    while (!atomic_load(&waker->over)) {
        int now = atomic_load(&waker->waits);

        if (now != seen) {
            if (now % 3 == 0)
                sleep_s(0.0002);    /* now it sleeps, or so */
            ops->wake(waker->rig->state, waker->rig->rings[0]);
            seen = now;
        }
    }
    return NULL;
}

PROMISE(io_wake_ends_wait,
        "A wake by another thread ends a wait without end, each time.")
{
    const struct moirai_io_ops *ops = subject->plugin->ops;
    int rounds = (int)conformance_times(1000);
    struct waker waker = { .over = false };
    struct io_rig rig;
    pthread_t thread;

    io_open(&rig, subject, 1);
    waker.rig = &rig;
    NEEDS(pthread_create(&thread, NULL, wake_often, &waker) == 0,
          "no thread for the test itself");
    conformance_at("wait");
    for (int i = 0; i < rounds; i++) {
        atomic_fetch_add(&waker.waits, 1);
        ops->wait(rig.state, rig.rings[0], INT64_MAX);
    }
    conformance_at(NULL);
    atomic_store(&waker.over, true);
    pthread_join(thread, NULL);
    io_close(&rig);
}

static void *flush_often(void *arg)
{
    struct waker *waker = arg;

    while (!atomic_load(&waker->over)) {
        waker->rig->ops->flush(waker->rig->state, waker->rig->rings[1]);
        waker->rig->ops->flush(waker->rig->state, waker->rig->rings[0]);
    }
    return NULL;
}

PROMISE(io_flush_takes_no_wakes,
        "Another thread that flushes all the time takes no wake from a wait.")
{
    const struct moirai_io_ops *ops = subject->plugin->ops;
    int rounds = (int)conformance_times(300);
    struct waker waker = { .over = false };
    struct io_rig rig;
    pthread_t threads[2];

    io_open(&rig, subject, 2);
    waker.rig = &rig;
    NEEDS(pthread_create(&threads[0], NULL, wake_often, &waker) == 0
          && pthread_create(&threads[1], NULL, flush_often, &waker) == 0,
          "no threads for the test itself");
    conformance_at("wait");
    for (int i = 0; i < rounds; i++) {
        atomic_fetch_add(&waker.waits, 1);
        ops->wait(rig.state, rig.rings[0], INT64_MAX);
    }
    conformance_at(NULL);
    atomic_store(&waker.over, true);
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    io_close(&rig);
}

struct sleeper {
    struct io_rig *rig;
    int ring;
    pthread_t thread;
    atomic_int begun, ended;        /* waits */
    atomic_bool over;
};

static void *wait_often(void *arg)
{
    struct sleeper *sleeper = arg;
    const struct moirai_io_ops *ops = sleeper->rig->ops;

    while (!atomic_load(&sleeper->over)) {
        atomic_fetch_add(&sleeper->begun, 1);
        ops->wait(sleeper->rig->state, sleeper->rig->rings[sleeper->ring],
                  INT64_MAX);
        atomic_fetch_add(&sleeper->ended, 1);
    }
    return NULL;
}

/* Wakes both rings, and waits until the waits that these were in have ended. */
static void wake_both(struct sleeper sleepers[2], bool asleep)
{
    struct io_rig *rig = sleepers[0].rig;
    int begun[2];

    for (int i = 0; i < 2; i++)
        begun[i] = atomic_load(&sleepers[i].begun);
    if (asleep)
        sleep_s(0.0002);
    for (int i = 0; i < 2; i++)
        rig->ops->wake(rig->state, rig->rings[i]);
    for (int i = 0; i < 2; i++) {
        while (atomic_load(&sleepers[i].ended) < begun[i])
            sleep_s(0.00001);
    }
}

PROMISE(io_wakes_are_for_each,
        "Of rings that wait at the same time, each that is woken wakes.")
{
    int rounds = (int)conformance_times(500);
    struct io_rig rig;
    struct sleeper sleepers[2] = { { .rig = &rig, .ring = 0 },
                                   { .rig = &rig, .ring = 1 } };

    io_open(&rig, subject, 2);
    for (int i = 0; i < 2; i++)
        NEEDS(pthread_create(&sleepers[i].thread, NULL, wait_often,
                             &sleepers[i]) == 0,
              "no threads for the test itself");
    conformance_at("wait of one of two");
    for (int round = 0; round < rounds; round++)
        wake_both(sleepers, round % 2 == 0);
    for (int i = 0; i < 2; i++)
        atomic_store(&sleepers[i].over, true);
    wake_both(sleepers, false);
    for (int i = 0; i < 2; i++) {
        rig.ops->wake(rig.state, rig.rings[i]);
        pthread_join(sleepers[i].thread, NULL);
    }
    conformance_at(NULL);
    io_close(&rig);
}

PROMISE(io_flush_tells, "flush tells what has ended, without waiting.")
{
    struct io_rig rig;
    struct call call;
    char byte;
    int pair[2];

    if (!io_has(subject, MOIRAI_IO_SOCKETS))
        return;
    io_open(&rig, subject, 1);
    pair_local(pair);
    HOLDS(io_flush(&rig, 0) == 0, "a flush of nothing reports something");
    for (int round = 0; round < 20; round++) {
        double end = conformance_seconds() + conformance_wait();

        call_move(&call, MOIRAI_IO_RECV, pair[0], &byte, 1);
        io_begin(&rig, 0, &call);
        io_settle(&rig);
        NEEDS(write(pair[1], "x", 1) == 1, "a socket takes no byte");
        while (!is_told(&call)) {
            HOLDS(conformance_seconds() < end, "flush does not tell what has "
                  "ended");
            io_flush(&rig, 0);
        }
    }
    io_forget(&rig, 0, pair[0], true);
    close(pair[1]);
    io_close(&rig);
}

/* --- many ----------------------------------------------------------------- */

struct herd {
    struct call *calls;
    int (*pairs)[2];
    char *bytes;
    int n;
};

static void herd_open(struct herd *herd)
{
    struct rlimit files;
    int most = (int)conformance_fewer(4000);

    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    if (files.rlim_cur < 2 * (rlim_t)most + 100)
        most = (int)(files.rlim_cur - 100) / 2;
    herd->n = most;
    herd->calls = calloc((size_t)most, sizeof *herd->calls);
    herd->pairs = calloc((size_t)most, sizeof *herd->pairs);
    herd->bytes = calloc((size_t)most, 1);
    NEEDS(herd->calls != NULL && herd->pairs != NULL && herd->bytes != NULL,
          "no memory for the test itself");
    for (int i = 0; i < most; i++)
        pair_local(herd->pairs[i]);
}

static void herd_close(struct herd *herd, struct io_rig *rig)
{
    for (int i = 0; i < herd->n; i++) {
        io_forget(rig, 0, herd->pairs[i][0], true);
        close(herd->pairs[i][1]);
    }
    free(herd->calls);
    free(herd->pairs);
    free(herd->bytes);
}

PROMISE(io_waits_for_thousands,
        "Thousands of descriptors wait at once, and each is told its own.")
{
    struct io_rig rig;
    struct herd herd;

    if (!io_has(subject, MOIRAI_IO_SOCKETS))
        return;
    io_open(&rig, subject, 1);
    herd_open(&herd);
    for (int i = 0; i < herd.n; i++) {
        call_move(&herd.calls[i], MOIRAI_IO_RECV, herd.pairs[i][0],
                  &herd.bytes[i], 1);
        io_begin(&rig, 0, &herd.calls[i]);
    }
    io_settle(&rig);
    for (int i = 0; i < herd.n; i++) {
        char byte = (char)(i % 100);

        HOLDS(!is_told(&herd.calls[i]), "a receive ended before there was "
              "anything");
        NEEDS(write(herd.pairs[i][1], &byte, 1) == 1,
              "a socket takes no byte");
    }
    for (int i = 0; i < herd.n; i++)
        HOLDS(io_finish(&herd.calls[i], "one of thousands of receives") == 1
              && herd.bytes[i] == i % 100, "one of thousands of receives was "
              "told %lld", (long long)herd.calls[i].result);
    herd_close(&herd, &rig);
    io_close(&rig);
}

PROMISE(io_survives_no_memory,
        "`submit` without memory says so, or does without, and all goes on.")
{
    struct io_rig rig;
    struct call call;
    int pair[2];
    int rc;

    io_open(&rig, subject, 1);
    for (int64_t grants = 0; grants < 3; grants++) {
        pair_local(pair);
        NEEDS(write(pair[1], "x", 1) == 1, "a socket takes no byte");
        conformance_allow(grants);
        call_poll(&call, pair[0], POLLIN);
        rc = io_submit(&rig, 0, &call);
        HOLDS(rc == 0 || rc == -ENOMEM, "without memory submit returns %d",
              rc);
        if (rc == 0)
            io_finish(&call, "a poll without memory");
        conformance_allow(-1);
        call_poll(&call, pair[0], POLLIN);
        HOLDS(io_do(&rig, &call, "a poll with memory again") > 0,
              "with memory again a poll is told %lld", (long long)call.result);
        io_forget(&rig, 0, pair[0], true);
        close(pair[1]);
    }
    io_close(&rig);
}

static bool readable(int fd, int ms)
{
    struct pollfd one = { .fd = fd, .events = POLLIN };

    return poll(&one, 1, ms) > 0;
}

PROMISE(io_pollable_is_readable,
        "The descriptor for foreign loops is readable when there is something "
        "to tell.")
{
    const struct moirai_io_ops *ops = subject->plugin->ops;
    struct io_rig rig;
    struct call call;
    int pair[2];
    int fd;

    io_open(&rig, subject, 1);
    pair_local(pair);
    fd = ops->pollable != NULL ? ops->pollable(rig.state, rig.rings[0]) : -1;
    call_poll(&call, pair[0], POLLIN);
    io_begin(&rig, 0, &call);
    io_settle(&rig);
    HOLDS(fd < 0 || !readable(fd, 0), "it is readable while nothing has ended");
    NEEDS(write(pair[1], "x", 1) == 1, "a socket takes no byte");
    HOLDS(fd < 0 || readable(fd, (int)(conformance_wait() * 1000)),
          "it is not readable when something has ended");
    io_settle(&rig);
    HOLDS(fd < 0 || is_told(&call), "what it was readable for is not told");
    io_finish(&call, "a poll");
    io_forget(&rig, 0, pair[0], true);
    close(pair[1]);
    io_close(&rig);
    if (fd < 0)
        conformance_waive("it has no such descriptor");
}

/* --- nothing stays -------------------------------------------------------- */

static void open_and_close(const struct subject *subject)
{
    struct io_rig rig;
    struct call call;
    int pair[2];

    io_open(&rig, subject, 2);
    pair_local(pair);
    call_poll(&call, pair[0], POLLIN);
    io_begin(&rig, 1, &call);
    io_settle(&rig);
    io_forget(&rig, 0, pair[0], true);
    io_finish(&call, "a poll that is forgotten");
    close(pair[1]);
    io_close(&rig);
}

PROMISE(io_leaves_nothing,
        "After `fini` nothing stays: no memory, no threads, no open files.")
{
    conformance_leaves_nothing(subject, open_and_close);
}
