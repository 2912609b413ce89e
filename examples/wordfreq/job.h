/* SPDX-License-Identifier: MIT */
/*
 * job.h - one run of wordfreq: what is asked, and what its stages share.
 *
 *   walk --files--> read --chunks--> count --counts--> merge --> total
 *                     ^                |
 *                     +----chunks------+   empty ones go round ("stock")
 *
 * Each arrow is a channel and each stage a task or several. A stage holds its
 * own endpoints and puts them back when it ends; a channel that nobody can
 * send to any more is closed, and so the end of the walk runs down the line by
 * itself, whether the stages ended well or not.
 *
 * Memory is bounded by the stock of chunks, whatever the input's size: reading
 * waits for an empty chunk. Besides them there are the tables, a few for
 * each counting task and the total, which grow with the vocabulary.
 */
#ifndef WORDFREQ_JOB_H
#define WORDFREQ_JOB_H

#include <moirai/moirai.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct counts;

struct options {
    const char *config;             /* YAML file; NULL: the environment's */
    const char *const *paths;       /* NULL-terminated */
    bool optional;                  /* a path that does not exist is no error */
    bool stats;
    uint64_t top;                   /* words to print; 0: all */
    uint64_t chunk;                 /* bytes read at once */
    uint64_t grain;                 /* bytes not worth splitting */
    uint64_t counters;              /* counting tasks; 0: one a worker */
};

/* A regular file to read. */
struct file {
    bool follow;                    /* named by the user: it may be a link */
    char path[];
};

/* Text that begins and ends between words. */
struct chunk {
    char *text;                     /* room for size + COUNTS_PAD bytes */
    size_t used;
    size_t size;
};

struct job {
    struct options options;
    struct moirai_runtime *runtime;
    struct moirai_chan *files;      /* struct file * */
    struct moirai_chan *chunks;     /* struct chunk *, with text */
    struct moirai_chan *stock;      /* struct chunk *, empty */
    struct moirai_chan *spares;     /* struct counts *, not in use just now */
    struct moirai_chan *counts;     /* struct counts *, to be merged */
    struct counts *total;           /* the merge's; NULL until it has some */
    struct moirai_error error;      /* why it failed, if it did */
    atomic_ullong files_done;
    atomic_ullong bytes_done;
    atomic_bool complained;         /* some input could not be read */
};

/* What a task of a stage holds. */
struct stage {
    struct job *job;
    struct moirai_chan *in;         /* own endpoints; NULL where it has none */
    struct moirai_chan *out;
};

/* The stages: 0 when the input has ended, or a negative errno, which ends the
 * others. */
int walk_paths(struct stage *stage);
int read_files(struct stage *stage);
int count_chunks(struct stage *stage);
int merge_counts(struct stage *stage);

/* Runs the whole job as the calling task; `arg` is a struct job. 0, or a
 * negative errno and job->error says why. */
int job_run(void *arg);

/* For the elements of the channels. */
void chunk_free(struct chunk *chunk);

/* Tells the user that `path` cannot be read (positive errno). Any thread that
 * may block. */
void job_complain(struct job *job, const char *path, int code);

/* The n most frequent words (0: all), best first, in one line each as `uniq
 * -c` writes them. 0 or -ENOMEM. */
int print_top(const struct counts *counts, uint64_t n);

/* A line on the terminal about how far it is; a task that goes on until it is
 * cancelled. `arg` is a struct job. */
int progress_run(void *arg);

/* Is there a terminal to draw on? */
bool progress_wanted(void);

/* Takes the line off the terminal, before anything else is written there.
 * Any thread that may block. */
void progress_clear(void);

#endif
