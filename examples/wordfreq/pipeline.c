/* SPDX-License-Identifier: MIT */
/*
 * pipeline.c - the stages, and the channels between them.
 *
 * Where the configuration names a channel, it decides what the channel is;
 * where it does not, the presets below do.
 */
#include "counts.h"
#include "job.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define READERS 4                   /* files that are read at the same time */

static void drop_file(void *message, void *ctx)
{
    (void)ctx;
    free(*(struct file **)message);
}

static void drop_chunk(void *message, void *ctx)
{
    (void)ctx;
    chunk_free(*(struct chunk **)message);
}

static void drop_counts(void *message, void *ctx)
{
    (void)ctx;
    counts_free(*(struct counts **)message);
}

/* Fills the stock with n chunks, which get memory when they are first used. */
static int fill_stock(struct job *job, unsigned n)
{
    int rc = 0;

    while (rc == 0 && n-- > 0) {
        struct chunk *chunk = calloc(1, sizeof *chunk);

        if (chunk == NULL)
            return -ENOMEM;
        rc = moirai_chan_send(job->stock, &chunk, MOIRAI_NOW);
        if (rc != 0)
            free(chunk);
    }
    return rc;
}

/* A channel of pointers, which go to `drop` if nobody receives them: the one
 * that the configuration calls `name`, or one of our own. NULL: our own. */
static int open_chan(struct job *job, const char *name, unsigned capacity,
                     void (*drop)(void *, void *), struct moirai_chan **chan)
{
    struct moirai_elem elem = MOIRAI_ELEM(void *);
    char option[32];
    const char *const options[] = { option, NULL };
    int rc = -ENOENT;

    elem.drop = drop;
    if (name != NULL)
        rc = moirai_chan_open(job->runtime, name, MOIRAI_BOTH, &elem, chan,
                              &job->error);
    if (rc != -ENOENT)
        return rc;
    job->error.code = 0;
    snprintf(option, sizeof option, "capacity=%u", capacity);
    return moirai_chan_make(job->runtime, NULL, options, &elem, chan,
                            &job->error);
}

static int open_all(struct job *job)
{
    unsigned counters = (unsigned)job->options.counters;
    unsigned stock = READERS + 2 * counters;
    int rc = open_chan(job, "files", 1024, drop_file, &job->files);

    if (rc == 0)
        rc = open_chan(job, "chunks", 16, drop_chunk, &job->chunks);
    if (rc == 0)
        rc = open_chan(job, "counts", 4, drop_counts, &job->counts);
    if (rc == 0)
        rc = open_chan(job, NULL, 2 * counters, drop_counts, &job->spares);
    if (rc == 0)
        rc = open_chan(job, NULL, stock, drop_chunk, &job->stock);
    return rc != 0 ? rc : fill_stock(job, stock);
}

static void put_line(struct job *job)
{
    moirai_chan_put(job->files);
    moirai_chan_put(job->chunks);
    moirai_chan_put(job->counts);
    job->files = job->chunks = job->counts = NULL;
}

/* The body of every task of the line: one stage's function, then what it
 * holds is given back. */
struct member {
    int (*run)(struct stage *stage);
    struct stage stage;
};

static void member_free(struct member *member)
{
    moirai_chan_put(member->stage.in);
    moirai_chan_put(member->stage.out);
    free(member);
}

static int member_run(void *arg)
{
    struct member *member = arg;
    int rc = member->run(&member->stage);

    member_free(member);
    return rc;
}

static int member_make(struct job *job, int (*run)(struct stage *),
                      struct moirai_chan *in, struct moirai_chan *out,
                      struct member **made)
{
    struct member *member = calloc(1, sizeof *member);
    int rc = 0;

    if (member == NULL)
        return -ENOMEM;
    member->run = run;
    member->stage.job = job;
    if (in != NULL)
        rc = moirai_chan_dup(in, MOIRAI_RECV, &member->stage.in);
    if (out != NULL && rc == 0)
        rc = moirai_chan_dup(out, MOIRAI_SEND, &member->stage.out);
    if (rc != 0) {
        member_free(member);
        return rc;
    }
    *made = member;
    return 0;
}

/* Spawns n tasks that run the same stage. */
static int spawn_stage(struct moirai_scope *scope, struct job *job, unsigned n,
                       int (*run)(struct stage *), struct moirai_chan *in,
                       struct moirai_chan *out)
{
    int rc = 0;

    while (n-- > 0 && rc == 0) {
        struct member *member;

        rc = member_make(job, run, in, out, &member);
        if (rc != 0)
            break;
        rc = moirai_spawn(scope, member_run, member);
        if (rc != 0)
            member_free(member);
    }
    return rc;
}

static int spawn_line(struct moirai_scope *scope, struct job *job)
{
    unsigned counters = (unsigned)job->options.counters;
    int rc = spawn_stage(scope, job, 1, walk_paths, NULL, job->files);

    if (rc == 0)
        rc = spawn_stage(scope, job, READERS, read_files, job->files,
                         job->chunks);
    if (rc == 0)
        rc = spawn_stage(scope, job, counters, count_chunks, job->chunks,
                         job->counts);
    if (rc == 0)
        rc = spawn_stage(scope, job, 1, merge_counts, job->counts, NULL);
    return rc;
}

static int run_line(struct job *job)
{
    struct moirai_scope scope;
    int rc = moirai_scope_begin(&scope, NULL, MOIRAI_NEVER);
    int end;

    if (rc != 0)
        return rc;
    rc = spawn_line(&scope, job);
    if (rc != 0)
        moirai_scope_cancel(&scope);
    put_line(job);
    end = moirai_scope_end(&scope);
    return rc == 0 || rc == -ECANCELED ? end : rc;
}

static int run_with_progress(struct job *job)
{
    struct moirai_scope scope;
    int rc;

    if (!progress_wanted())
        return run_line(job);
    rc = moirai_scope_begin(&scope, NULL, MOIRAI_NEVER);
    if (rc != 0)
        return rc;
    rc = moirai_spawn(&scope, progress_run, job);
    if (rc == 0)
        rc = run_line(job);
    moirai_scope_cancel(&scope);
    moirai_scope_end(&scope);
    return rc;
}

int job_run(void *arg)
{
    struct job *job = arg;
    int rc = open_all(job);

    if (rc == 0)
        rc = run_with_progress(job);
    put_line(job);
    moirai_chan_put(job->spares);
    moirai_chan_put(job->stock);
    if (rc != 0 && job->error.code == 0)
        moirai_error_set(&job->error, rc, "%s", strerror(-rc));
    return rc;
}
