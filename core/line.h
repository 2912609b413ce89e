/* SPDX-License-Identifier: MIT */
/*
 * line.h - text that is put together piece by piece and written to a file.
 *
 * For what is said when little may be relied on: it allocates nothing, takes
 * no lock, touches no errno and asks only write(2), so a signal handler may use
 * it. What does not fit is written out when there is a file, and cut off when
 * there is none.
 */
#ifndef MO_LINE_H
#define MO_LINE_H

#include <stddef.h>
#include <stdint.h>

struct mo_line {
    char *text;                     /* `room` bytes of the caller's */
    size_t room;
    size_t used;
    int fd;                         /* -1: none, `text` is all there is */
};

/* Appends, control characters as "?": texts come from programs. NULL is "?". */
void mo_line_text(struct mo_line *line, const char *text);
void mo_line_number(struct mo_line *line, uint64_t number);
void mo_line_hex(struct mo_line *line, uint64_t number);    /* "0x1f" */

/* Bytes as "256 KiB", a span of ns as "1.5 s". */
void mo_line_size(struct mo_line *line, uint64_t bytes);
void mo_line_span(struct mo_line *line, int64_t ns);

/* Ends the line. */
void mo_line_end(struct mo_line *line);

/* Writes what is there so far. */
void mo_line_flush(struct mo_line *line);

#endif
