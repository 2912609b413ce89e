/* SPDX-License-Identifier: MIT */
/*
 * echo.c - sends back what it receives (RFC 862).
 */
#include "serve.h"

#define PIECE 4096

struct echo {
    struct server server;
    int64_t idle_ns;
};

static const char usage_text[] =
    "usage: echo [options] ADDRESS\n"
    "Sends back whatever it receives over a connection.\n"
    "\n"
    "  -i, --idle=SECONDS   without a byte end a connection (60)\n"
    SERVE_HELP
    SERVE_NOTES;

static const struct option options[] = {
    { "idle", required_argument, NULL, 'i' },
    SERVE_OPTIONS
};

/* The other end may shut its direction down, and still receives what it has
 * sent. An error ends the connection, and is nobody's business but its own. */
static void echo(struct server *server, int fd)
{
    const struct echo *own = (struct echo *)server;
    char buffer[PIECE];
    int64_t n;

    while ((n = moirai_read(fd, buffer, sizeof buffer,
                            moirai_after(own->idle_ns))) > 0)
        if (moirai_write_all(fd, buffer, (size_t)n, NULL,
                             moirai_after(own->idle_ns)) != 0)
            break;
}

int main(int argc, char **argv)
{
    struct echo own = {
        .server = { .name = "echo", .usage = usage_text, .limit = 1000,
                    .grace_ns = 10 * MOIRAI_S, .talk = echo },
        .idle_ns = 60 * MOIRAI_S,
    };
    int option;

    while ((option = getopt_long(argc, argv, "i:" SERVE_SHORT, options,
                                 NULL)) != -1)
        if (option == 'i')
            own.idle_ns = serve_seconds(&own.server, "--idle", optarg);
        else
            serve_option(&own.server, option);
    if (argc - optind != 1)
        serve_refuse(&own.server, "one address is needed");
    own.server.address = argv[optind];
    return serve_run(&own.server);
}
