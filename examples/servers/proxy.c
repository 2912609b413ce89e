/* SPDX-License-Identifier: MIT */
/*
 * proxy.c - passes TCP connections on to one of several targets.
 *
 * A connection is two tasks, one for each direction. The end of a direction is
 * passed on (a half-close), and the other one goes on; an error in one ends
 * both. The targets take turns; one that does not answer in time, or refuses,
 * is passed over.
 */
#include "serve.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>

#define PIECE 16384

struct proxy {
    struct server server;
    char **targets;
    unsigned n_targets;
    atomic_uint turn;               /* whose it is */
    int64_t connect_ns, idle_ns;
};

struct session {
    const struct proxy *proxy;
    _Atomic int64_t last;           /* when something came, in any direction */
};

struct direction {
    struct session *session;
    int from, to;
};

static const char usage_text[] =
    "usage: proxy [options] ADDRESS TARGET...\n"
    "Passes each connection on to one of the targets, in turn.\n"
    "\n"
    "  -t, --connect=SECONDS  for a target to answer; then the next (3)\n"
    "  -i, --idle=SECONDS   without a byte end a connection (600)\n"
    SERVE_HELP
    "\n"
    "Addresses are HOST:PORT, :PORT for every address of this machine, or\n"
    "unix:PATH. SIGTERM and SIGINT stop it: it does not listen any more, and\n"
    "waits for the connections that there are; a second one cuts them off.\n"
    "Exits with 1 if connections had to be cut off then, 2 if it could not\n"
    "start.\n";

static const struct option options[] = {
    { "connect", required_argument, NULL, 't' },
    { "idle", required_argument, NULL, 'i' },
    SERVE_OPTIONS
};

/* --- two directions ------------------------------------------------------- */

/* As moirai_read. Who only listens is not idle while he is talked to. */
static int64_t read_some(const struct direction *d, void *buffer)
{
    int64_t idle = d->session->proxy->idle_ns;
    int64_t until, n;

    do {
        until = atomic_load(&d->session->last) + idle;
        n = moirai_read(d->from, buffer, PIECE, until);
    } while (n == -ETIMEDOUT && until < atomic_load(&d->session->last) + idle);
    return n;
}

/* 0 at the end; a negative errno cancels the other direction. */
static int carry(void *arg)
{
    const struct direction *d = arg;
    char buffer[PIECE];
    int64_t n;
    int rc = 0;

    while (rc == 0 && (n = read_some(d, buffer)) != 0) {
        if (n < 0)
            return (int)n;
        atomic_store(&d->session->last, moirai_now());
        rc = moirai_write_all(d->to, buffer, (size_t)n, NULL,
                              moirai_after(d->session->proxy->idle_ns));
    }
    if (rc == 0)
        moirai_socket_shutdown(d->to, SHUT_WR);
    return rc;
}

static void carry_both(const struct proxy *proxy, int client, int target)
{
    struct session session = { .proxy = proxy };
    struct direction there = { &session, client, target };
    struct direction back = { &session, target, client };
    struct moirai_scope scope;

    atomic_store(&session.last, moirai_now());
    if (moirai_scope_begin(&scope, NULL, MOIRAI_NEVER) != 0)
        return;
    if (moirai_spawn(&scope, carry, &there) != 0
        || moirai_spawn(&scope, carry, &back) != 0)
        moirai_scope_cancel(&scope);
    moirai_scope_end(&scope);       /* how it ended is between those two */
}

/* --- a target ------------------------------------------------------------- */

/* A descriptor, or the last failure. */
static int connect_to_some(struct proxy *proxy)
{
    unsigned first = atomic_fetch_add(&proxy->turn, 1);
    int rc = -ENOENT;

    for (unsigned i = 0; i < proxy->n_targets; i++) {
        const char *target = proxy->targets[(first + i) % proxy->n_targets];

        rc = moirai_connect(target, NULL, moirai_after(proxy->connect_ns));
        if (rc >= 0 || rc == -ECANCELED)
            return rc;
        serve_complain(&proxy->server, target, rc);
    }
    return rc;
}

static void pass_on(struct server *server, int client)
{
    struct proxy *proxy = (struct proxy *)server;
    int target = connect_to_some(proxy);

    if (target < 0)
        return;
    carry_both(proxy, client, target);
    moirai_close(target);
}

int main(int argc, char **argv)
{
    struct proxy own = {
        .server = { .name = "proxy", .usage = usage_text, .limit = 1000,
                    .grace_ns = 10 * MOIRAI_S, .talk = pass_on },
        .connect_ns = 3 * MOIRAI_S,
        .idle_ns = 600 * MOIRAI_S,
    };
    int option;

    while ((option = getopt_long(argc, argv, "t:i:" SERVE_SHORT, options,
                                 NULL)) != -1)
        if (option == 't')
            own.connect_ns = serve_seconds(&own.server, "--connect", optarg);
        else if (option == 'i')
            own.idle_ns = serve_seconds(&own.server, "--idle", optarg);
        else
            serve_option(&own.server, option);
    if (argc - optind < 2)
        serve_refuse(&own.server, "an address and a target are needed");
    own.server.address = argv[optind];
    own.targets = argv + optind + 1;
    own.n_targets = (unsigned)(argc - optind - 1);
    return serve_run(&own.server);
}
