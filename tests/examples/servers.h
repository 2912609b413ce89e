/* SPDX-License-Identifier: MIT */
/*
 * servers.h - a server of examples/servers as a process, and plain blocking
 * sockets to talk to it.
 */
#ifndef SERVERS_H
#define SERVERS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "check.h"

/* One that runs. It is killed if the test ends first. */
struct child {
    pid_t pid;
    int said;                       /* a file: its messages */
    uint16_t port;                  /* where it listens, on 127.0.0.1 */
};

#define HERE "127.0.0.1:0"          /* for the server to listen at */

/* Starts examples/servers/NAME with arguments that end with NULL, and
 * `descriptors` at most (0: as many as there may be); waits until it
 * listens. */
void server_start(struct child *child, const char *name,
                  unsigned descriptors, const char *const *arguments);

/* Its exit status, once it has ended. */
int server_wait(struct child *child);

/* Tells it to stop, and waits until nobody listens any more. */
void server_tell(const struct child *child);

/* How often, and whether, it has written that to standard error. */
unsigned server_count(const struct child *child, const char *text);
bool server_said(const struct child *child, const char *text);

/* Runs it with arguments with which it does not serve; the exit status, and
 * what it said, on both. */
int server_run(const char *name, const char *const *arguments, char *said,
               size_t size);

/* Connects; the descriptor, or -1. */
int dial(uint16_t port);

/* A socket of the test's own that listens, with as short a queue as there is;
 * and one that does not, and keeps its port from others. */
int listen_somewhere(uint16_t *port);
int bind_somewhere(uint16_t *port);

/* Sends, and receives, all of it, or the test fails. */
void put(int fd, const void *bytes, size_t n);
void get(int fd, void *bytes, size_t n);

/* How many bytes came before the end, or before a reset. */
size_t get_rest(int fd, char *bytes, size_t size);

#endif
