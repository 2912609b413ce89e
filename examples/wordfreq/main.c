/* SPDX-License-Identifier: MIT */
/*
 * main.c - wordfreq: the most frequent words of files and directories.
 *
 * What coreutils print for the same files, newlines put between them:
 *
 *     export LC_ALL=C
 *     find -H PATH... -type f -print0 | xargs -0 grep -ah '' |
 *     tr -cs A-Za-z '\n' | tr A-Z a-z | grep . | sort | uniq -c |
 *     sort -k1,1nr -k2,2 | head -n 20
 *
 * How it is scheduled, and what the channels are, is the configuration's
 * business: nothing here knows how many threads there are.
 */
#include "counts.h"
#include "job.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXIT_USAGE 2
#define MAX_BYTES (UINT64_C(1) << 30)
#define MAX_COUNTERS 1024

/* Text that a Debian machine with a C compiler and Perl has. */
static const char *const default_paths[] = {
    "/usr/share/common-licenses",
    "/usr/share/perl",
    "/usr/share/perl5",
    "/usr/include",
    NULL,
};

static const char usage_text[] =
    "usage: wordfreq [options] [file or directory]...\n"
    "Prints the most frequent words (runs of A-Z and a-z, in lower case).\n"
    "\n"
    "  -n, --top=N         words to print; 0: all (20)\n"
    "  -c, --config=FILE   YAML configuration ($MOIRAI_CONFIG)\n"
    "      --chunk=BYTES   text that is read at once (1M)\n"
    "      --grain=BYTES   text that is not split any further (32K)\n"
    "      --counters=N    chunks that are counted at the same time\n"
    "                      (one a worker; 1: only forks run in parallel)\n"
    "      --stats         print the runtime's counters to standard error\n"
    "  -h, --help          print this\n"
    "\n"
    "Directories are walked; links in them are not followed. A single - is\n"
    "standard input. Without paths: /usr/share/common-licenses,\n"
    "/usr/share/perl, /usr/share/perl5 and /usr/include, where they exist.\n"
    "Exits with 1 if something could not be read, 2 if it could not start.\n";

enum { OPT_CHUNK = 256, OPT_GRAIN, OPT_COUNTERS, OPT_STATS };

static const struct option long_options[] = {
    { "top", required_argument, NULL, 'n' },
    { "config", required_argument, NULL, 'c' },
    { "chunk", required_argument, NULL, OPT_CHUNK },
    { "grain", required_argument, NULL, OPT_GRAIN },
    { "counters", required_argument, NULL, OPT_COUNTERS },
    { "stats", no_argument, NULL, OPT_STATS },
    { "help", no_argument, NULL, 'h' },
    { NULL, 0, NULL, 0 },
};

void job_complain(struct job *job, const char *path, int code)
{
    progress_clear();
    fprintf(stderr, "wordfreq: %s: %s\n", path, strerror(code));
    atomic_store(&job->complained, true);
}

/* A number with an optional K or M, at least `min` and at most `max`. Leaves
 * the program on a mistake. */
static uint64_t number(const char *name, const char *text, uint64_t min,
                       uint64_t max)
{
    uint64_t scale = 1;
    uint64_t value;
    char *end;

    errno = 0;
    value = strtoull(text, &end, 10);
    if (*end == 'K' || *end == 'M')
        scale = *end++ == 'K' ? 1 << 10 : 1 << 20;
    if (errno != 0 || end == text || *end != '\0' || strchr(text, '-') != NULL
        || value > max / scale || value * scale < min) {
        fprintf(stderr, "wordfreq: %s: %s is not a number from %" PRIu64
                " to %" PRIu64 "\n", name, text, min, max);
        exit(EXIT_USAGE);
    }
    return value * scale;
}

static void take_option(struct options *options, int option)
{
    switch (option) {
    case 'n':
        options->top = number("--top", optarg, 0, INT64_MAX);
        break;
    case 'c':
        options->config = optarg;
        break;
    case OPT_CHUNK:
        options->chunk = number("--chunk", optarg, 1, MAX_BYTES);
        break;
    case OPT_GRAIN:
        options->grain = number("--grain", optarg, 1, MAX_BYTES);
        break;
    case OPT_COUNTERS:
        options->counters = number("--counters", optarg, 1, MAX_COUNTERS);
        break;
    case OPT_STATS:
        options->stats = true;
        break;
    case 'h':
        fputs(usage_text, stdout);
        exit(EXIT_SUCCESS);
    default:
        fputs("wordfreq: try wordfreq --help\n", stderr);
        exit(EXIT_USAGE);
    }
}

static void take_arguments(struct options *options, int argc, char **argv)
{
    int option;

    while ((option = getopt_long(argc, argv, "n:c:h", long_options,
                                 NULL)) != -1)
        take_option(options, option);
    if (optind < argc) {
        options->paths = (const char *const *)(argv + optind);
        return;
    }
    options->paths = default_paths;
    options->optional = true;
}

static void print_stats(const struct moirai_stats *stats,
                        const struct job *job)
{
    const struct {
        const char *name;
        uint64_t value;
    } lines[] = {
        { "files", job->files_done },
        { "bytes", job->bytes_done },
        { "workers", stats->workers },
        { "tasks spawned", stats->spawned },
        { "tasks stolen", stats->stolen },
        { "forks stolen", stats->forks_stolen },
        { "forks queued as tasks", stats->forks_exported },
        { "waits", stats->parked },
        { "switches", stats->switches },
        { "stacks made", stats->stacks_made },
        { "blocking calls", stats->blocking_calls },
        { "messages sent", stats->sent },
        { "messages received", stats->received },
        { "worker sleeps", stats->sleeps },
    };

    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        fprintf(stderr, "%12" PRIu64 " %s\n", lines[i].value, lines[i].name);
}

/* Runs the job on `job->runtime`, and stops that. */
static int run_job(struct job *job, struct moirai_stats *stats)
{
    int rc;

    moirai_stats_read(job->runtime, stats);
    if (job->options.counters == 0)
        job->options.counters = stats->workers;
    rc = moirai_run(job->runtime, job_run, job);
    if (rc != 0)
        fprintf(stderr, "wordfreq: %s\n", job->error.text[0] != '\0'
                ? job->error.text : strerror(-rc));
    moirai_stats_read(job->runtime, stats);
    moirai_stop(job->runtime, MOIRAI_NEVER, NULL);
    return rc;
}

static int print_total(const struct job *job)
{
    int rc = 0;

    if (job->total != NULL)
        rc = print_top(job->total, job->options.top);
    if (rc == 0 && (fflush(stdout) != 0 || ferror(stdout)))
        rc = -errno;
    if (rc != 0)
        fprintf(stderr, "wordfreq: standard output: %s\n", strerror(-rc));
    return rc;
}

int main(int argc, char **argv)
{
    struct job job = {
        .options = {
            .top = 20,
            .chunk = UINT64_C(1) << 20,
            .grain = UINT64_C(32) << 10,
        },
    };
    struct moirai_config config = { .size = sizeof config };
    struct moirai_stats stats = { .size = sizeof stats };
    struct moirai_error error = { 0 };
    int rc;

    take_arguments(&job.options, argc, argv);
    config.file = job.options.config;
    rc = moirai_start(&job.runtime, &config, &error);
    if (rc != 0) {
        fprintf(stderr, "%s\n", error.text);
        return EXIT_USAGE;
    }
    rc = run_job(&job, &stats);
    if (rc == 0)
        rc = print_total(&job);
    if (job.options.stats)
        print_stats(&stats, &job);
    counts_free(job.total);
    return rc != 0 || job.complained ? EXIT_FAILURE : EXIT_SUCCESS;
}
