/* SPDX-License-Identifier: MIT */
/*
 * fd.h - what system calls do with a descriptor.
 */
#ifndef MO_FD_H
#define MO_FD_H

#include <stdbool.h>
#include <stdint.h>

struct moirai_io_request;

/* Does what the request asks for, without waiting for its descriptor: the
 * result, or -EAGAIN. What is asked of files and paths may block. */
int64_t mo_fd_try(struct moirai_io_request *request);

/* The same, without looking first whether the descriptor would make it wait:
 * for those that never do, and for threads that may. */
int64_t mo_fd_do(struct moirai_io_request *request);

/* Blocks until the request may get on, or until `until` on CLOCK_MONOTONIC,
 * MOIRAI_NEVER: without end. False: the time is up. */
bool mo_fd_wait(const struct moirai_io_request *request, int64_t until);

/* close(2): 0, also when a signal came between, or an error. */
int mo_fd_close(int fd);

#endif
