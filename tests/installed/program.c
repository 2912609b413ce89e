/* SPDX-License-Identifier: MIT */
/*
 * program.c - a program of somebody else's, good C and good C++.
 *
 *     program [KEY=VALUE...]
 *
 * Prints the version, the number 42 that a task brought back over a channel,
 * and ends in failure if anything does.
 */
#include <moirai/moirai.h>

#include <stdio.h>
#include <string.h>

static int answer(void *arg)
{
    struct moirai_chan *chan = (struct moirai_chan *)arg;
    int number = 42;

    return moirai_chan_send(chan, &number, MOIRAI_NEVER);
}

static int ask(void *arg)
{
    struct moirai_runtime *runtime = (struct moirai_runtime *)arg;
    struct moirai_elem elem = MOIRAI_ELEM(int);
    struct moirai_chan *chan;
    struct moirai_error err;
    int number = 0;
    int rc;

    rc = moirai_chan_make(runtime, NULL, NULL, &elem, &chan, &err);
    if (rc != 0)
        return rc;
    rc = moirai_spawn(moirai_runtime_scope(runtime), answer, chan);
    if (rc == 0)
        rc = moirai_chan_recv(chan, &number, MOIRAI_NEVER);
    moirai_chan_put(chan);
    return rc == 0 ? number : rc;
}

int main(int argc, char **argv)
{
    struct moirai_config config;
    struct moirai_runtime *runtime;
    struct moirai_error err;
    int rc;

    (void)argc;
    memset(&config, 0, sizeof config);
    config.size = sizeof config;
    config.set = (const char *const *)(argv + 1);
    if (moirai_start(&runtime, &config, &err) != 0) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    rc = moirai_run(runtime, ask, runtime);
    if (moirai_stop(runtime, MOIRAI_NEVER, NULL) != 0)
        return 1;
    return printf("%s %d\n", moirai_version(), rc) < 0 || rc != 42;
}
