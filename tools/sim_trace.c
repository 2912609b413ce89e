/* SPDX-License-Identifier: MIT */
/*
 * sim_trace.c - the file for the events of a replay.
 */
#include "sim.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tool.h"

/* Waits for no reader of a pipe. */
#define WRITING (O_WRONLY | O_CREAT | O_NONBLOCK | O_CLOEXEC)

static int refuse(const struct sim *sim)
{
    return tool_failure("sim", "%s: %s", sim->trace, strerror(errno));
}

int sim_trace_check(const struct sim *sim)
{
    bool there = access(sim->trace, F_OK) == 0;
    int fd = open(sim->trace, WRITING, 0666);

    if (fd < 0)
        return refuse(sim);
    close(fd);
    if (!there)
        unlink(sim->trace);
    return TOOL_OK;
}

char *sim_trace_begin(const struct sim *sim)
{
    int fd = open(sim->trace, WRITING | O_TRUNC, 0666);
    char *path = fd >= 0 ? realpath(sim->trace, NULL) : NULL;

    if (path == NULL)
        refuse(sim);
    if (fd >= 0)
        close(fd);
    return path;
}

uint64_t sim_injected(const struct sim *sim)
{
    FILE *file = fopen(sim->trace, "re");
    char line[200];
    uint64_t n = 0;

    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        n += strstr(line, " injected: ") != NULL;
    if (file != NULL)
        fclose(file);
    return n;
}
