/* SPDX-License-Identifier: MIT */
/*
 * serve.h - what echo, proxy and files have in common: a listener, a task for
 * each connection, a limit on how many there are, and a way to stop.
 *
 * SIGTERM or SIGINT stops the server: it does not listen any more, and waits
 * for the connections that there are. When the grace is over, or at a second
 * signal, what is left is cancelled: the calls that it waits in return
 * -ECANCELED.
 */
#ifndef SERVE_H
#define SERVE_H

#include <moirai/moirai.h>

#include <getopt.h>
#include <stdint.h>

#define SERVE_USAGE 2               /* exit status: told wrong things */

struct server {
    const char *name;               /* of the program, in messages */
    const char *usage;              /* for --help */
    const char *address;            /* to listen at */
    const char *config;             /* YAML file; NULL: the environment's */
    uint32_t limit;                 /* connections at once */
    int64_t grace_ns;
    /* Talks over a connection until that is over, as a task. Does not close
     * it. */
    void (*talk)(struct server *server, int fd);

    /* serve.c's own */
    struct moirai_semaphore places; /* for connections, free */
    struct moirai_scope door;       /* who accepts, and who waits to stop */
    struct moirai_scope connections;
    int listener;
    int signals;                    /* a signalfd */
};

/* The options that all have, for getopt_long. */
#define SERVE_SHORT "c:l:g:h"
#define SERVE_OPTIONS                                                         \
    { "config", required_argument, NULL, 'c' },                               \
    { "limit", required_argument, NULL, 'l' },                                \
    { "grace", required_argument, NULL, 'g' },                                \
    { "help", no_argument, NULL, 'h' },                                       \
    { NULL, 0, NULL, 0 }
#define SERVE_HELP                                                            \
    "  -c, --config=FILE    YAML configuration ($MOIRAI_CONFIG)\n"            \
    "  -l, --limit=N        connections at once; others wait (1000)\n"        \
    "  -g, --grace=SECONDS  to end them, when it is to stop (10)\n"           \
    "  -h, --help           print this\n"
#define SERVE_NOTES                                                           \
    "\n"                                                                      \
    "ADDRESS is HOST:PORT, :PORT for every address of this machine, or\n"     \
    "unix:PATH. SIGTERM and SIGINT stop it; a second one stops it at once.\n" \
    "Exits with 1 if connections had to be cut off then, 2 if it could not\n" \
    "start.\n"

/* Takes one of them, as getopt_long has found it. Leaves the program on a
 * mistake. */
void serve_option(struct server *server, int option);

/* A time as text, in nanoseconds. Leaves the program on a mistake. */
int64_t serve_seconds(const struct server *server, const char *option,
                      const char *text);

/* Says what is wrong with the command line, and leaves the program. */
__attribute__((noreturn, format(printf, 2, 3)))
void serve_refuse(const struct server *server, const char *format, ...);

/* Runs the server; the exit status of the program: 0 if it was stopped and all
 * connections ended by themselves, 1 if some had to be cut off or it could not
 * listen. */
int serve_run(struct server *server);

/* Tells the user; code is a negative errno. Any task. */
void serve_complain(const struct server *server, const char *what, int code);

#endif
