/* SPDX-License-Identifier: MIT */
/*
 * serve.c - accepting connections, and coming to an end.
 *
 * The tasks of a server are in two scopes: that of the listener, which is
 * cancelled when the server is to stop, and that of the connections, which are
 * waited for. The descriptor of a listener is closed when the task that uses it
 * has ended, not before: its number may be another's by then.
 *
 * Connections are counted by a semaphore. Its places are all to be had when
 * there is no connection any more.
 */
#include "serve.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>

#define PAUSE (100 * MOIRAI_MS)     /* before what was short is tried again */
#define MOST_CONNECTIONS 1000000
#define MOST_SECONDS 1e6

struct connection {
    struct server *server;
    int fd;
};

void serve_complain(const struct server *server, const char *what, int code)
{
    fprintf(stderr, "%s: %s: %s\n", server->name, what, strerror(-code));
}

/* --- a connection --------------------------------------------------------- */

static int talk(void *arg)
{
    struct connection *connection = arg;
    struct server *server = connection->server;

    server->talk(server, connection->fd);
    moirai_close(connection->fd);
    free(connection);
    moirai_semaphore_post(&server->places, 1);
    return 0;                       /* an error here is none of the others' */
}

/* Takes over the descriptor and a place, if it succeeds. */
static int begin(struct server *server, int fd)
{
    struct connection *connection = malloc(sizeof *connection);
    int rc;

    if (connection == NULL)
        return -ENOMEM;
    *connection = (struct connection){ server, fd };
    rc = moirai_spawn(&server->connections, talk, connection);
    if (rc != 0)
        free(connection);
    return rc;
}

/* --- the listener --------------------------------------------------------- */

/* Something that others may give back. */
static bool is_shortage(int rc)
{
    return rc == -EMFILE || rc == -ENFILE || rc == -ENOBUFS || rc == -ENOMEM
        || rc == -EAGAIN;
}

/* A connection that there is no task for is closed at once: who made it hears
 * of that. */
static int accept_one(struct server *server)
{
    int fd = moirai_accept(server->listener, MOIRAI_NEVER);
    int rc = fd < 0 ? fd : begin(server, fd);

    if (rc == 0)
        return 0;
    if (fd >= 0)
        moirai_close(fd);
    moirai_semaphore_post(&server->places, 1);
    if (!is_shortage(rc))
        return rc;
    serve_complain(server, "a connection has to wait", rc);
    return moirai_sleep_until(moirai_after(PAUSE));
}

static int accept_all(void *arg)
{
    struct server *server = arg;
    int rc;

    do {
        rc = moirai_semaphore_wait(&server->places, 1, MOIRAI_NEVER);
        if (rc == 0)
            rc = accept_one(server);
    } while (rc == 0);
    if (rc != -ECANCELED)
        serve_complain(server, "accept", rc);
    return rc;
}

/* --- stopping ------------------------------------------------------------- */

/* 0, or a negative errno. */
static int wait_for_signal(struct server *server)
{
    struct signalfd_siginfo info;
    int64_t n = moirai_read(server->signals, &info, sizeof info, MOIRAI_NEVER);

    return n < 0 ? (int)n : 0;
}

static int stop_listening(void *arg)
{
    struct server *server = arg;
    int rc = wait_for_signal(server);

    if (rc == 0)
        moirai_scope_cancel(&server->door);
    return rc;
}

static int lose_patience(void *arg)
{
    struct server *server = arg;

    if (wait_for_signal(server) == 0)
        moirai_scope_cancel(&server->connections);
    return 0;
}

/* Until a signal comes: -ECANCELED. */
static int listen_until_told(struct server *server)
{
    int rc = moirai_scope_begin(&server->door, NULL, MOIRAI_NEVER);
    int ended;

    if (rc != 0)
        return rc;
    rc = moirai_spawn(&server->door, stop_listening, server);
    if (rc == 0)
        rc = moirai_spawn(&server->door, accept_all, server);
    if (rc != 0)
        moirai_scope_cancel(&server->door);
    ended = moirai_scope_end(&server->door);
    return rc != 0 ? rc : ended;
}

/* Whether all connections ended by themselves. */
static bool drain(struct server *server)
{
    struct moirai_scope scope;
    int64_t until = moirai_after(server->grace_ns);
    int rc = moirai_scope_begin(&scope, NULL, MOIRAI_NEVER);

    if (rc != 0)
        return false;
    rc = moirai_spawn(&scope, lose_patience, server);
    if (rc == 0)
        rc = moirai_semaphore_wait(&server->places, server->limit, until);
    moirai_scope_cancel(&scope);
    moirai_scope_end(&scope);
    return rc == 0 && moirai_scope_error(&server->connections) == 0;
}

static int serve_connections(struct server *server)
{
    int rc = moirai_scope_begin(&server->connections, NULL, MOIRAI_NEVER);

    if (rc != 0)
        return rc;
    rc = listen_until_told(server);
    moirai_close(server->listener);
    if (rc == -ECANCELED && drain(server))
        rc = 0;
    if (rc != 0)
        moirai_scope_cancel(&server->connections);
    moirai_scope_end(&server->connections);
    return rc;
}

/* --- starting ------------------------------------------------------------- */

static int say_where(const struct server *server)
{
    char address[MOIRAI_ADDRESS_SIZE];
    int rc = moirai_socket_name(server->listener, address, sizeof address);

    if (rc == 0) {
        printf("listening on %s\n", address);
        fflush(stdout);
    }
    return rc;
}

static int serve(void *arg)
{
    const struct moirai_net_attr attr = {
        .size = sizeof attr,
        .flags = MOIRAI_NET_REPLACE,
    };
    struct server *server = arg;
    int rc;

    server->listener = moirai_listen(server->address, &attr);
    rc = server->listener < 0 ? server->listener : say_where(server);
    if (rc != 0) {
        serve_complain(server, server->address, rc);
        return rc;
    }
    rc = serve_connections(server);
    if (rc == -ECANCELED)
        fprintf(stderr, "%s: some connections were cut off\n", server->name);
    return rc;
}

/* Signals are read, not caught: no thread may have them delivered. */
static int open_signals(struct server *server)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    server->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    return server->signals < 0 ? -errno : moirai_fd_adopt(server->signals);
}

int serve_run(struct server *server)
{
    struct moirai_config config = { .size = sizeof config,
                                    .file = server->config };
    struct moirai_runtime *runtime;
    struct moirai_error error;
    int rc = open_signals(server);

    if (rc < 0) {
        serve_complain(server, "signals", rc);
        return EXIT_FAILURE;
    }
    if (moirai_start(&runtime, &config, &error) != 0) {
        fprintf(stderr, "%s\n", error.text);
        return SERVE_USAGE;
    }
    moirai_semaphore_post(&server->places, server->limit);
    rc = moirai_run(runtime, serve, server);
    moirai_stop(runtime, MOIRAI_NEVER, NULL);
    moirai_close(server->signals);
    return rc == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* --- the command line ----------------------------------------------------- */

void serve_refuse(const struct server *server, const char *format, ...)
{
    va_list args;

    fprintf(stderr, "%s: ", server->name);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "; try %s --help\n", server->name);
    exit(SERVE_USAGE);
}

int64_t serve_seconds(const struct server *server, const char *option,
                      const char *text)
{
    char *end;
    double seconds = strtod(text, &end);

    if (end == text || *end != '\0'
        || !(seconds >= 0 && seconds <= MOST_SECONDS))
        serve_refuse(server, "%s: %s is not a time in seconds", option, text);
    return (int64_t)(seconds * (double)MOIRAI_S);
}

static uint32_t take_limit(const struct server *server, const char *text)
{
    char *end;
    unsigned long n = strtoul(text, &end, 10);

    if (end == text || *end != '\0' || n == 0 || n > MOST_CONNECTIONS
        || strchr(text, '-') != NULL)
        serve_refuse(server, "--limit: %s is not a number from 1 to %d", text,
                     MOST_CONNECTIONS);
    return (uint32_t)n;
}

void serve_option(struct server *server, int option)
{
    switch (option) {
    case 'c':
        server->config = optarg;
        break;
    case 'l':
        server->limit = take_limit(server, optarg);
        break;
    case 'g':
        server->grace_ns = serve_seconds(server, "--grace", optarg);
        break;
    case 'h':
        fputs(server->usage, stdout);
        exit(EXIT_SUCCESS);
    default:                        /* getopt_long has said what is wrong */
        fprintf(stderr, "%s: try %s --help\n", server->name, server->name);
        exit(SERVE_USAGE);
    }
}
