/* SPDX-License-Identifier: MIT */
/*
 * peers.h - real servers as processes, each in a folder of its own.
 *
 * They are killed when the test ends, however it does.
 */
#ifndef PEERS_H
#define PEERS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct peer {
    char folder[64];
    pid_t pid;
    uint16_t port;                  /* on 127.0.0.1, where it listens */
};

/* The first of these programs that is here; NULL: none is. They end with NULL,
 * and are names or paths. */
const char *peer_program(const char *const *programs);

/* A new folder for it. */
void peer_open(struct peer *peer);

/* Writes a file there. */
__attribute__((format(printf, 3, 4)))
void peer_write(const struct peer *peer, const char *name,
                const char *format, ...);

/* Finds a free port, has `configure` write what is to be written for it, and
 * starts `argv`; waits until it listens on the port, and tries another if it
 * ends before. As `uid` (0: who we are). */
void peer_start(struct peer *peer, void (*configure)(const struct peer *peer),
                const char *const *argv, uid_t uid);

/* Runs a program to its end; its exit status. */
int peer_run(const struct peer *peer, const char *const *argv, uid_t uid);

/* Stops it, with that signal, and removes the folder. */
void peer_close(struct peer *peer, int signal);

#endif
