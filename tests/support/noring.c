/* SPDX-License-Identifier: MIT */
/*
 * noring.c - runs a program as containers do that forbid io_uring.
 *
 *     noring PROGRAM [ARGUMENT...]
 *
 * io_uring_setup(2) fails with EPERM there, by seccomp, as Docker's preset has
 * it. Ends with 77 where the kernel takes no filter.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SKIP 77

#ifndef SYS_io_uring_setup
#define SYS_io_uring_setup 425      /* the same on all machines */
#endif

/* Of the number alone: what is run has one way to make calls. */
static int forbid(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = { sizeof filter / sizeof filter[0], filter };

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return -errno;
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0 ? 0
                                                                     : -errno;
}

int main(int argc, char **argv)
{
    int rc;

    if (argc < 2) {
        fputs("usage: noring PROGRAM [ARGUMENT...]\n", stderr);
        return 2;
    }
    rc = forbid();
    if (rc != 0) {
        fprintf(stderr, "noring: no filter: %s\n", strerror(-rc));
        return SKIP;
    }
    if (syscall(SYS_io_uring_setup, 1, NULL) != -1 || errno != EPERM) {
        fputs("noring: the filter has no effect\n", stderr);
        return SKIP;
    }
    execvp(argv[1], argv + 1);
    fprintf(stderr, "noring: %s: %s\n", argv[1], strerror(errno));
    return 2;
}
