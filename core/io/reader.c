/* SPDX-License-Identifier: MIT */
/*
 * reader.c - reading ahead, up to a mark.
 */
#include <errno.h>
#include <string.h>

#include <moirai/io.h>

void moirai_reader_init(struct moirai_reader *reader, int fd, void *memory,
                        size_t size)
{
    *reader = (struct moirai_reader){ .fd = fd, .memory = memory,
                                      .size = size };
}

/* Moves what is unread to the front, if that makes room, and reads more. More
 * than 0; 0: the stream ended; -EMSGSIZE: there is no room. */
static int64_t fill(struct moirai_reader *r, int64_t deadline_ns)
{
    int64_t n;

    if (r->from != 0 && r->to == r->size) {
        memmove(r->memory, r->memory + r->from, r->to - r->from);
        r->to -= r->from;
        r->from = 0;
    }
    if (r->to == r->size)
        return -EMSGSIZE;
    n = moirai_read(r->fd, r->memory + r->to, r->size - r->to, deadline_ns);
    if (n > 0)
        r->to += (size_t)n;
    return n;
}

/* Behind the first mark that was not searched for yet; NULL: there is none. */
static char *find(struct moirai_reader *r, const char *mark, size_t n)
{
    size_t unread = r->to - r->from;
    char *at = memmem(r->memory + r->from + r->searched, unread - r->searched,
                      mark, n);

    if (at != NULL)
        return at + n;
    if (unread >= n)
        r->searched = unread - n + 1;   /* it may begin in the last bytes */
    return NULL;
}

static void take(struct moirai_reader *r, size_t n, char **text,
                 size_t *length)
{
    *text = r->memory + r->from;
    *length = n;
    r->from += n;
    r->searched = 0;
    if (r->from == r->to)
        r->from = r->to = 0;
}

int moirai_reader_until(struct moirai_reader *reader, const char *mark,
                        size_t n, char **text, size_t *length,
                        int64_t deadline_ns)
{
    char *end;
    int64_t rc;

    if (n == 0)
        return -EINVAL;
    while ((end = find(reader, mark, n)) == NULL) {
        rc = fill(reader, deadline_ns);
        if (rc < 0)
            return (int)rc;
        if (rc == 0) {
            take(reader, reader->to - reader->from, text, length);
            return -EPIPE;
        }
    }
    take(reader, (size_t)(end - reader->memory) - reader->from, text, length);
    return 0;
}

int64_t moirai_reader_read(struct moirai_reader *reader, void *buffer,
                           size_t size, int64_t deadline_ns)
{
    size_t unread = reader->to - reader->from;
    char *text;
    size_t n;

    if (unread == 0)
        return moirai_read(reader->fd, buffer, size, deadline_ns);
    take(reader, unread < size ? unread : size, &text, &n);
    memcpy(buffer, text, n);
    return (int64_t)n;
}

int moirai_reader_all(struct moirai_reader *reader, void *buffer, size_t size,
                      size_t *done, int64_t deadline_ns)
{
    size_t ahead = reader->to - reader->from;
    size_t more = 0;
    int rc = 0;

    if (ahead > size)
        ahead = size;
    if (ahead != 0)
        moirai_reader_read(reader, buffer, ahead, deadline_ns);
    if (ahead < size)
        rc = moirai_read_all(reader->fd, (char *)buffer + ahead, size - ahead,
                             &more, deadline_ns);
    if (done != NULL)
        *done = ahead + more;
    return rc;
}
