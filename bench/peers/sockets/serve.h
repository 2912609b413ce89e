/* SPDX-License-Identifier: MIT */
/*
 * serve.h - what servers without a runtime have in common: arguments, a
 * listener, and the protocols, which are told how much of what came is a
 * request.
 */
#ifndef SERVE_H
#define SERVE_H

#include <stddef.h>

#define SERVE_ROOM 4096             /* bytes of a request */

struct serve {
    int listener;                   /* nonblocking */
    int http;                       /* or echo */
};

/* Reads the arguments, listens and prints the port; ends the program with 77 if
 * it has no answer: to several workers, for one. */
struct serve serve_start(int argc, char **argv);

/* How many of n bytes are the first request of a connection; 0: not all of it
 * is there. *answer is what to send (for echo the request itself). */
size_t serve_answer(const struct serve *serve, const char *bytes, size_t n,
                    const char **answer, size_t *length);

#endif
