/* SPDX-License-Identifier: MIT */
/*
 * read.c - the second stage: from files to chunks of whole words.
 *
 * A reader fills a chunk on a thread that may block. A chunk holds as many
 * small files as fit, with a separator after each so that no word joins across
 * two; a large file is cut behind a separator, and the letters after the cut
 * are carried into the next chunk. A word that is longer than a chunk makes
 * that chunk grow until the word's end is in it.
 *
 * A file is read until its end is met, whatever its size was said to be, so
 * it may grow and shrink meanwhile.
 */
#include "counts.h"
#include "job.h"
#include "letters.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAMES 64                    /* files a reader takes at once */

struct reader {
    struct job *job;
    struct file *names[NAMES];
    size_t next;                    /* the first name not opened yet */
    size_t count;                   /* names in all */
    int fd;                         /* names[next - 1]; -1: none is open */
    struct chunk *chunk;            /* being filled; NULL: none yet */
    char *carry;                    /* begins the next chunk */
    size_t carry_used;
    size_t carry_size;
};

void chunk_free(struct chunk *chunk)
{
    if (chunk == NULL)
        return;
    free(chunk->text);
    free(chunk);
}

/* Gives the chunk room for `size` bytes, keeping what it has. */
static int chunk_resize(struct chunk *chunk, size_t size)
{
    char *text;

    if (chunk->size == size)
        return 0;
    text = realloc(chunk->text, size + COUNTS_PAD);
    if (text == NULL)
        return -ENOMEM;
    chunk->text = text;
    chunk->size = size;
    return 0;
}

/* Without O_NONBLOCK, a file that has become a pipe since it was found would
 * never open. */
static void open_next(struct reader *reader)
{
    const struct file *file = reader->names[reader->next++];
    int flags = file->follow ? 0 : O_NOFOLLOW | O_NONBLOCK;
    int fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | flags);
    struct stat st;

    if (fd < 0) {
        job_complain(reader->job, file->path, errno);
        return;
    }
    if (!file->follow && (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))) {
        close(fd);
        return;
    }
    reader->fd = fd;
}

/* The chunk has room for the separator. */
static void end_file(struct reader *reader, int code)
{
    struct chunk *chunk = reader->chunk;

    if (code != 0)
        job_complain(reader->job, reader->names[reader->next - 1]->path, code);
    close(reader->fd);
    reader->fd = -1;
    chunk->text[chunk->used++] = '\n';
    atomic_fetch_add_explicit(&reader->job->files_done, 1,
                              memory_order_relaxed);
}

static void read_some(struct reader *reader)
{
    struct chunk *chunk = reader->chunk;
    ssize_t got = read(reader->fd, chunk->text + chunk->used,
                       chunk->size - chunk->used);

    if (got > 0) {
        chunk->used += (size_t)got;
        atomic_fetch_add_explicit(&reader->job->bytes_done,
                                  (unsigned long long)got,
                                  memory_order_relaxed);
    } else if (got == 0 || errno != EINTR) {
        end_file(reader, got == 0 ? 0 : errno);
    }
}

static int carry_set(struct reader *reader, const char *text, size_t length)
{
    if (length > reader->carry_size) {
        char *carry = realloc(reader->carry, length);

        if (carry == NULL)
            return -ENOMEM;
        reader->carry = carry;
        reader->carry_size = length;
    }
    if (length != 0)
        memcpy(reader->carry, text, length);
    reader->carry_used = length;
    return 0;
}

/* Ends a full chunk behind its last separator. Without one, makes it larger.
 * 1: the chunk can go, 0: there is room again, -ENOMEM. */
static int cut(struct reader *reader)
{
    struct chunk *chunk = reader->chunk;
    size_t keep = chunk->used;
    int rc;

    while (keep > 0 && is_letter(chunk->text[keep - 1]))
        keep--;
    if (keep == 0)
        return chunk_resize(chunk, chunk->size * 2);
    rc = carry_set(reader, chunk->text + keep, chunk->used - keep);
    chunk->used = keep;
    return rc < 0 ? rc : 1;
}

/* Reads until the chunk is full (1) or there are no more names (0), on a
 * thread that may block. Or -ENOMEM. */
static int fill(void *arg)
{
    struct reader *reader = arg;
    struct chunk *chunk = reader->chunk;
    int rc = 0;

    while (rc == 0) {
        if (chunk->used == chunk->size)
            rc = cut(reader);
        else if (reader->fd >= 0)
            read_some(reader);
        else if (reader->next < reader->count)
            open_next(reader);
        else
            break;
    }
    return rc;
}

/* Forgets the names that have been dealt with and gets more. */
static int more_names(struct reader *reader, struct moirai_chan *files,
                      int64_t deadline_ns)
{
    int64_t got;

    for (size_t i = 0; i < reader->count; i++)
        free(reader->names[i]);
    reader->next = reader->count = 0;
    got = moirai_chan_recv_batch(files, reader->names, 1, NAMES, deadline_ns);
    if (got < 0)
        return (int)got;
    reader->count = (size_t)got;
    return 0;
}

/* An empty chunk from the stock, with the carry in front. */
static int take_chunk(struct reader *reader)
{
    size_t size = reader->job->options.chunk;
    struct chunk *chunk;
    int rc;

    if (reader->carry_used > size / 2)
        size += reader->carry_used;
    rc = moirai_chan_recv(reader->job->stock, &chunk, MOIRAI_NEVER);
    if (rc != 0)
        return rc;
    reader->chunk = chunk;
    chunk->used = 0;
    rc = chunk_resize(chunk, size);
    if (rc != 0)
        return rc;
    if (reader->carry_used != 0)
        memcpy(chunk->text, reader->carry, reader->carry_used);
    chunk->used = reader->carry_used;
    reader->carry_used = 0;
    return 0;
}

static int send_chunk(struct reader *reader, struct moirai_chan *chunks)
{
    struct chunk *chunk = reader->chunk;
    int rc;

    if (chunk == NULL || chunk->used == 0)
        return 0;
    memset(chunk->text + chunk->used, 0, COUNTS_PAD);
    rc = moirai_chan_send(chunks, &chunk, MOIRAI_NEVER);
    if (rc == 0)
        reader->chunk = NULL;
    return rc;
}

/* Sends on what there is before it waits for names, so that the stages behind
 * are not kept waiting by a slow walk. */
static int next_names(struct reader *reader, struct stage *stage)
{
    int rc = more_names(reader, stage->in, MOIRAI_NOW);

    if (rc != -EAGAIN)
        return rc;
    rc = send_chunk(reader, stage->out);
    return rc != 0 ? rc : more_names(reader, stage->in, MOIRAI_NEVER);
}

static int read_on(struct reader *reader, struct stage *stage)
{
    int rc = 0;

    for (;;) {
        if (reader->fd < 0 && reader->next == reader->count)
            rc = next_names(reader, stage);
        if (rc == 0 && reader->chunk == NULL)
            rc = take_chunk(reader);
        if (rc == 0)
            rc = moirai_block(fill, reader);
        if (rc == 1)
            rc = send_chunk(reader, stage->out);
        if (rc != 0)
            return rc;
    }
}

int read_files(struct stage *stage)
{
    struct reader reader = { .job = stage->job, .fd = -1 };
    int rc = read_on(&reader, stage);

    if (rc == -EPIPE)
        rc = send_chunk(&reader, stage->out);
    if (reader.fd >= 0)
        close(reader.fd);
    for (size_t i = 0; i < reader.count; i++)
        free(reader.names[i]);
    chunk_free(reader.chunk);
    free(reader.carry);
    return rc;
}
