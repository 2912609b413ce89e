/* SPDX-License-Identifier: MIT */
/*
 * process.c - children that are started, waited for, and never left behind.
 *
 * A child is started by posix_spawn(3), on a thread that may block: until the
 * child has its program, the kernel stops who starts it. Its descriptors are
 * copied first, to numbers beyond those that it will have: so that none is
 * overwritten before it is used, whatever is to be moved where.
 *
 * Between the end of a child and the call that asks how it ended, its number is
 * taken; after that it may be another's. So that call and those that send
 * signals hold a lock, and who comes later finds that there is no child.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <moirai/process.h>
#include <moirai/task.h>

#include "lock.h"

#define MOST 64                     /* descriptors that are handed on */
#define AGAIN (5 * MOIRAI_MS)       /* between two looks, without a descriptor
                                     * to wait for */

extern char **environ;

/* --- starting ------------------------------------------------------------- */

struct launch {
    struct moirai_process *process;
    const char *const *argv;
    const struct moirai_process_attr *attr;
    int copies[3 + MOST];           /* of what it is to have; -1: nothing */
    int count;
    posix_spawn_file_actions_t files;
    posix_spawnattr_t how;
};

static int copy(struct launch *l, int number, int fd)
{
    l->copies[number] = fcntl(fd, F_DUPFD_CLOEXEC, l->count);
    return l->copies[number] >= 0 ? 0 : -errno;
}

/* The child's end blocks, as programs expect of it. */
static int make_pipe(struct launch *l, int number)
{
    int own = number == 0;          /* our end, of the two */
    int ends[2], rc;

    if (pipe2(ends, O_CLOEXEC) != 0)
        return -errno;
    rc = copy(l, number, ends[!own]);
    close(ends[!own]);
    l->process->streams[number] = ends[own];
    return rc != 0 ? rc : moirai_fd_adopt(ends[own]) < 0 ? -EBADF : 0;
}

static int take_stream(struct launch *l, int number)
{
    int32_t what = l->attr->streams[number];

    switch (what) {
    case MOIRAI_STREAM_SAME:
        return 0;
    case MOIRAI_STREAM_NULL:
        return -posix_spawn_file_actions_addopen(&l->files, number,
                                                 "/dev/null", O_RDWR, 0);
    case MOIRAI_STREAM_PIPE:
        return make_pipe(l, number);
    case MOIRAI_STREAM_OUTPUT:
        return number == 2 ? 0 : -EINVAL;
    default:
        return what >= 0 ? copy(l, number, what) : -EINVAL;
    }
}

static int take_descriptors(struct launch *l)
{
    int rc = 0;

    for (int i = 0; i < 3 && rc == 0; i++)
        rc = take_stream(l, i);
    for (int i = 3; i < l->count && rc == 0; i++)
        rc = copy(l, i, l->attr->descriptors[i - 3]);
    for (int i = 0; i < l->count && rc == 0; i++)
        if (l->copies[i] >= 0)
            rc = -posix_spawn_file_actions_adddup2(&l->files, l->copies[i], i);
    if (rc == 0 && l->attr->streams[2] == MOIRAI_STREAM_OUTPUT)
        rc = -posix_spawn_file_actions_adddup2(&l->files, 1, 2);
    if (rc == 0 && l->attr->directory != NULL)
        rc = -posix_spawn_file_actions_addchdir_np(&l->files,
                                                   l->attr->directory);
    return rc;
}

/* Workers have signals blocked, which a program would inherit. */
static int take_signals(struct launch *l)
{
    bool group = (l->attr->flags & MOIRAI_PROCESS_GROUP) != 0;
    sigset_t none, pipe;
    int rc;

    sigemptyset(&none);
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    posix_spawnattr_setsigmask(&l->how, &none);
    posix_spawnattr_setsigdefault(&l->how, &pipe);
    rc = posix_spawnattr_setflags(&l->how, (short)(POSIX_SPAWN_SETSIGMASK
                                  | POSIX_SPAWN_SETSIGDEF
                                  | (group ? POSIX_SPAWN_SETPGROUP : 0)));
    return -rc;
}

static int spawn(struct launch *l)
{
    const char *const *environment = l->attr->environment;
    pid_t id;
    int rc = take_descriptors(l);

    if (rc == 0)
        rc = take_signals(l);
    if (rc == 0)
        rc = -posix_spawnp(&id, l->argv[0], &l->files, &l->how,
                           (char *const *)l->argv,
                           environment != NULL ? (char *const *)environment
                                               : environ);
    if (rc == 0)
        l->process->id = id;
    for (int i = 0; i < l->count; i++)
        if (l->copies[i] >= 0)
            close(l->copies[i]);
    return rc;
}

static int launch(void *arg)
{
    struct launch *l = arg;
    int rc = -posix_spawn_file_actions_init(&l->files);

    if (rc != 0)
        return rc;
    rc = -posix_spawnattr_init(&l->how);
    if (rc == 0) {
        rc = spawn(l);
        posix_spawnattr_destroy(&l->how);
    }
    posix_spawn_file_actions_destroy(&l->files);
    return rc;
}

static bool makes_sense(const struct moirai_process_attr *attr)
{
    return attr->size == sizeof *attr && attr->count <= MOST
        && (attr->flags & ~MOIRAI_PROCESS_GROUP) == 0
        && (attr->count == 0 || attr->descriptors != NULL);
}

int moirai_process_start(struct moirai_process *process,
                         const char *const *argv,
                         const struct moirai_process_attr *attr)
{
    static const struct moirai_process_attr preset = MOIRAI_PROCESS_ATTR_INIT;
    struct launch l = { .process = process, .argv = argv,
                        .attr = attr != NULL ? attr : &preset };
    int rc;

    *process = (struct moirai_process){ .streams = { -1, -1, -1 }, .fd = -1 };
    if (argv[0] == NULL || !makes_sense(l.attr))
        return -EINVAL;
    process->flags = l.attr->flags;
    l.count = 3 + (int)l.attr->count;
    memset(l.copies, -1, sizeof l.copies);
    rc = moirai_block(launch, &l);
    if (rc != 0) {
        moirai_process_close(process);
        return rc;
    }
    process->fd = (int)syscall(SYS_pidfd_open, (pid_t)process->id, 0);
    if (process->fd >= 0)
        moirai_fd_adopt(process->fd);
    return 0;
}

/* --- until it ends -------------------------------------------------------- */

/* 0, -ECHILD: it is no more; -EAGAIN: it runs. */
static int reap(struct moirai_process *process, int *status, int flags)
{
    int how = 0, rc;
    pid_t id;

    mo_word_lock(&process->lock);
    if (process->id == 0) {
        mo_word_unlock(&process->lock);
        return -ECHILD;
    }
    do
        id = waitpid((pid_t)process->id, &how, flags);
    while (id < 0 && errno == EINTR);
    rc = id > 0 ? 0 : id == 0 ? -EAGAIN : -ECHILD;
    if (rc != -EAGAIN)
        process->id = 0;
    mo_word_unlock(&process->lock);
    if (rc == 0 && status != NULL)
        *status = how;
    return rc;
}

static void forget(struct moirai_process *process)
{
    if (process->fd >= 0)
        moirai_close(process->fd);
    process->fd = -1;
}

static int wait_a_little(int64_t deadline_ns)
{
    int64_t next = moirai_after(AGAIN);

    if (moirai_now() >= deadline_ns)
        return -ETIMEDOUT;
    return moirai_sleep_until(next < deadline_ns ? next : deadline_ns);
}

int moirai_process_wait(struct moirai_process *process, int *status,
                        int64_t deadline_ns)
{
    int rc = reap(process, status, WNOHANG);

    while (rc == -EAGAIN && deadline_ns != MOIRAI_NOW) {
        rc = process->fd >= 0
           ? moirai_fd_wait(process->fd, POLLIN, deadline_ns)
           : wait_a_little(deadline_ns);
        if (rc < 0)
            return rc;
        rc = reap(process, status, WNOHANG);
    }
    if (rc != -EAGAIN)
        forget(process);
    return rc;
}

static int send(int64_t to, int number)
{
    return kill((pid_t)to, number) == 0 ? 0 : -errno;
}

int moirai_process_signal(struct moirai_process *process, int number)
{
    bool group = (process->flags & MOIRAI_PROCESS_GROUP) != 0;
    int rc = -ESRCH;

    mo_word_lock(&process->lock);
    if (process->id != 0 && group)
        rc = send(-process->id, number);
    if (process->id != 0 && rc == -ESRCH)   /* it has left its group */
        rc = send(process->id, number);
    mo_word_unlock(&process->lock);
    return rc;
}

/* Who is killed ends at once, so this may hold up a worker. */
void moirai_process_close(struct moirai_process *process)
{
    for (int i = 0; i < 3; i++) {
        if (process->streams[i] >= 0)
            moirai_close(process->streams[i]);
        process->streams[i] = -1;
    }
    if (process->id != 0) {
        moirai_process_signal(process, SIGKILL);
        reap(process, NULL, 0);
    }
    forget(process);
}
