/* SPDX-License-Identifier: MIT */
/*
 * progress.c - a line on the terminal about how far the job is.
 *
 * The line goes to standard error, and only if that is a terminal. It is
 * dimmed unless NO_COLOR is set.
 */
#include "job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define EVERY (100 * MOIRAI_MS)

static atomic_bool drawn;           /* the line is on the terminal */

struct progress {
    struct job *job;
    double began;
    bool dim;
};

/* Real time, also where the runtime's clock is virtual. */
static double seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

bool progress_wanted(void)
{
    const char *term = getenv("TERM");

    return isatty(STDERR_FILENO) && term != NULL && strcmp(term, "dumb") != 0;
}

static int draw(void *arg)
{
    struct progress *progress = arg;
    struct job *job = progress->job;
    double passed = seconds() - progress->began;
    double mb = (double)atomic_load_explicit(&job->bytes_done,
                                             memory_order_relaxed) / 1e6;
    unsigned long long files = atomic_load_explicit(&job->files_done,
                                                    memory_order_relaxed);

    fprintf(stderr, "\r%s%llu files, %.0f MB, %.0f MB/s%s\033[K",
            progress->dim ? "\033[2m" : "", files, mb,
            passed > 0 ? mb / passed : 0, progress->dim ? "\033[0m" : "");
    atomic_store(&drawn, true);
    return 0;
}

int progress_run(void *arg)
{
    const char *no_color = getenv("NO_COLOR");
    struct progress progress = {
        .job = arg,
        .began = seconds(),
        .dim = no_color == NULL || *no_color == '\0',
    };

    while (moirai_sleep_until(moirai_after(EVERY)) == 0)
        moirai_block(draw, &progress);
    progress_clear();
    return 0;
}

void progress_clear(void)
{
    if (atomic_exchange(&drawn, false))
        fputs("\r\033[K", stderr);
}
