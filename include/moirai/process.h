/* SPDX-License-Identifier: MIT */
/*
 * moirai/process.h - child processes.
 *
 * A child is waited for through a descriptor of its own, or where the kernel
 * has none, by asking from time to time: the program's handler of SIGCHLD, and
 * its other children, are left alone. (Who has SIGCHLD ignored has the kernel
 * forget how children ended.) Each that was started is either waited for or
 * closed, so none is left behind.
 *
 * What moirai/io.h says of descriptors, deadlines and results holds here.
 */
#ifndef MOIRAI_PROCESS_H
#define MOIRAI_PROCESS_H

#include <stddef.h>
#include <stdint.h>

#include <moirai/io.h>

#ifdef __cplusplus
extern "C" {
#endif

/* In place of a descriptor. */
#define MOIRAI_STREAM_SAME (-1)     /* that of this process */
#define MOIRAI_STREAM_NULL (-2)     /* /dev/null */
#define MOIRAI_STREAM_PIPE (-3)     /* a pipe, of which we have the other end */
#define MOIRAI_STREAM_OUTPUT (-4)   /* of 2: what it has as 1 */

/* How a child is to be started; zeroed fields mean nothing special, but those
 * of `streams` mean descriptor 0: begin with MOIRAI_PROCESS_ATTR_INIT. */
struct moirai_process_attr {
    uint32_t size;                  /* sizeof(struct moirai_process_attr) */
    uint32_t flags;                 /* MOIRAI_PROCESS_... */
    int32_t streams[3];             /* what it has as 0, 1, 2: a descriptor, or
                                     * MOIRAI_STREAM_... */
    uint32_t count;
    const int *descriptors;         /* what it has as 3, 4, ...; all are lent */
    const char *directory;          /* where it works; NULL: as this process */
    const char *const *environment; /* "NAME=value", NULL-terminated; NULL: as
                                     * this process */
};

#define MOIRAI_PROCESS_ATTR_INIT                                              \
    { sizeof(struct moirai_process_attr), 0,                                  \
      { MOIRAI_STREAM_SAME, MOIRAI_STREAM_SAME, MOIRAI_STREAM_SAME },         \
      0, NULL, NULL, NULL }

#define MOIRAI_PROCESS_GROUP 1u     /* it leads a process group of its own:
                                     * signals go to all that it has started */

/* A child, in the caller's memory. Signals may be sent by any thread, the rest
 * is used by one at a time. */
struct moirai_process {
    int64_t id;                     /* 0: it has ended, and was waited for */
    int32_t streams[3];             /* our ends of pipes, the caller's; or -1 */
    int32_t fd;                     /* the core's, as what follows */
    uint32_t flags;
    uint32_t lock;
};

/* Starts argv[0], looked for as a shell does, with arguments argv
 * (NULL-terminated); attr may be NULL. All are lent until the call returns. It
 * has no signal blocked, and SIGPIPE as usual. 0 with *process filled, or a
 * negative errno: -ENOENT, -EACCES, ... also of what happened in the child;
 * -EINVAL: attr makes no sense; -EBADF; -EAGAIN, -EMFILE, -ENOMEM;
 * -ECANCELED. Can wait, for a thread that may block. */
int moirai_process_start(struct moirai_process *process,
                         const char *const *argv,
                         const struct moirai_process_attr *attr);

/* Waits until it has ended. 0 with *status (or NULL) as of waitpid(2); -ECHILD:
 * somebody else has waited for it; -EAGAIN, -ETIMEDOUT, -ECANCELED: it still
 * runs. Can wait. */
int moirai_process_wait(struct moirai_process *process, int *status,
                        int64_t deadline_ns);

/* Sends it a signal, or to its group if it leads one. 0; -ESRCH: it has ended,
 * and was waited for; -EINVAL, -EPERM. Any thread; does not wait. */
int moirai_process_signal(struct moirai_process *process, int number);

/* Closes our ends of its pipes; and if it was not waited for, kills it (or its
 * group) and waits for that, which nothing can cut short. For each that was
 * started; cancelled or not. */
void moirai_process_close(struct moirai_process *process);

/* What goes into a child and comes out. Buffers are lent. */
struct moirai_process_talk {
    const void *input;              /* for its 0; NULL: as attr says */
    size_t input_size;
    void *output;                   /* from its 1; NULL: as attr says */
    size_t output_size;             /* there is room for */
    size_t output_length;           /* came */
    void *errors;                   /* from its 2, the same */
    size_t errors_size;
    size_t errors_length;
    int status;                     /* as of waitpid(2) */
};

/* Starts a child that leads a group, feeds it, takes what comes, until all its
 * pipes are closed and it has ended. 0; what moirai_process_start says;
 * -EMSGSIZE: more came than there is room for; -ETIMEDOUT, -ECANCELED: and in
 * these cases its group is killed, and what came until then is there. A child
 * need not read its input: nobody gets SIGPIPE. Can wait. */
int moirai_process_run(const char *const *argv,
                       const struct moirai_process_attr *attr,
                       struct moirai_process_talk *talk, int64_t deadline_ns);

#ifdef __cplusplus
}
#endif

#endif
