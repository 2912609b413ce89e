/* SPDX-License-Identifier: MIT */
/*
 * process_run.c - a child's whole talk: what it reads, and what it says.
 *
 * Its pipes are in an epoll instance, which is a descriptor to wait for as any
 * other: so one loop serves all three, for tasks and plain threads alike.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <time.h>

#include <moirai/process.h>

struct run {
    struct moirai_process process;
    struct moirai_process_talk *talk;
    int epoll;
    int open;                       /* pipes that are */
    size_t fed;                     /* of the input */
};

static int attend_to(struct run *run, uint32_t number)
{
    struct epoll_event event = { .events = number == 0 ? EPOLLOUT : EPOLLIN,
                                 .data.u32 = number };
    int fd = run->process.streams[number];

    if (fd < 0)
        return 0;
    run->open++;
    return epoll_ctl(run->epoll, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : -errno;
}

/* To close it is not enough: a child that is about to have its program may
 * still have it open, too. */
static int hang_up(struct run *run, uint32_t number)
{
    epoll_ctl(run->epoll, EPOLL_CTL_DEL, run->process.streams[number], NULL);
    moirai_close(run->process.streams[number]);
    run->process.streams[number] = -1;
    run->open--;
    return 0;
}

/* Without the signal that a plain thread would get; one that it has already, it
 * keeps. */
static int64_t write_quietly(int fd, const void *bytes, size_t n)
{
    static const struct timespec at_once = { 0, 0 };
    sigset_t pipe, before, pending;
    int64_t put;

    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, &before);
    sigpending(&pending);
    put = moirai_write(fd, bytes, n, MOIRAI_NOW);
    if (put == -EPIPE && !sigismember(&pending, SIGPIPE))
        sigtimedwait(&pipe, NULL, &at_once);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return put;
}

/* A child that does not read any more has heard enough. */
static int feed(struct run *run)
{
    const struct moirai_process_talk *talk = run->talk;
    int64_t n = write_quietly(run->process.streams[0],
                              (const char *)talk->input + run->fed,
                              talk->input_size - run->fed);

    if (n > 0)
        run->fed += (size_t)n;
    else if (n != -EAGAIN && n != -EPIPE)
        return (int)n;
    return n == -EPIPE || run->fed == talk->input_size ? hang_up(run, 0) : 0;
}

static int listen_to(struct run *run, uint32_t number, void *memory,
                     size_t size, size_t *length)
{
    int fd = run->process.streams[number];
    char one_more;
    int64_t n;

    if (*length == size)
        n = moirai_read(fd, &one_more, 1, MOIRAI_NOW);
    else
        n = moirai_read(fd, (char *)memory + *length, size - *length,
                        MOIRAI_NOW);
    if (n == 0)
        return hang_up(run, number);
    if (n < 0)
        return n == -EAGAIN ? 0 : (int)n;
    if (*length == size)
        return -EMSGSIZE;
    *length += (size_t)n;
    return 0;
}

static int go_on_with(struct run *run, uint32_t number)
{
    struct moirai_process_talk *talk = run->talk;

    switch (number) {
    case 0:
        return feed(run);
    case 1:
        return listen_to(run, 1, talk->output, talk->output_size,
                         &talk->output_length);
    default:
        return listen_to(run, 2, talk->errors, talk->errors_size,
                         &talk->errors_length);
    }
}

static int talk_to(struct run *run, int64_t deadline_ns)
{
    struct epoll_event events[3];
    int rc = 0;

    for (uint32_t i = 0; i < 3 && rc == 0; i++)
        rc = attend_to(run, i);
    while (rc == 0 && run->open > 0) {
        int n;

        rc = moirai_fd_wait(run->epoll, POLLIN, deadline_ns);
        if (rc < 0)
            return rc;
        rc = 0;
        n = epoll_wait(run->epoll, events, 3, 0);
        for (int i = 0; i < n && rc == 0; i++)
            rc = go_on_with(run, events[i].data.u32);
    }
    return rc;
}

static int talk_and_wait(struct run *run, int64_t deadline_ns)
{
    int rc;

    run->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (run->epoll < 0)
        return -errno;
    moirai_fd_adopt(run->epoll);
    rc = talk_to(run, deadline_ns);
    moirai_close(run->epoll);
    return rc != 0 ? rc : moirai_process_wait(&run->process,
                                              &run->talk->status,
                                              deadline_ns);
}

int moirai_process_run(const char *const *argv,
                       const struct moirai_process_attr *attr,
                       struct moirai_process_talk *talk, int64_t deadline_ns)
{
    struct moirai_process_attr own = MOIRAI_PROCESS_ATTR_INIT;
    struct run run = { .talk = talk };
    int rc;

    if (attr != NULL)
        own = *attr;
    own.flags |= MOIRAI_PROCESS_GROUP;
    if (talk->input != NULL)
        own.streams[0] = talk->input_size != 0 ? MOIRAI_STREAM_PIPE
                                               : MOIRAI_STREAM_NULL;
    if (talk->output != NULL)
        own.streams[1] = MOIRAI_STREAM_PIPE;
    if (talk->errors != NULL)
        own.streams[2] = MOIRAI_STREAM_PIPE;
    talk->output_length = talk->errors_length = 0;
    rc = moirai_process_start(&run.process, argv, &own);
    if (rc != 0)
        return rc;
    rc = talk_and_wait(&run, deadline_ns);
    moirai_process_close(&run.process);
    return rc;
}
