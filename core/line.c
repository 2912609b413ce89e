/* SPDX-License-Identifier: MIT */
/*
 * line.c - text that is put together piece by piece and written to a file.
 */
#include "line.h"

#include <errno.h>
#include <stdbool.h>
#include <unistd.h>

void mo_line_flush(struct mo_line *line)
{
    int kept = errno;
    size_t done = 0;

    while (line->fd >= 0 && done < line->used) {
        ssize_t n = write(line->fd, line->text + done, line->used - done);

        if (n > 0)
            done += (size_t)n;
        else if (n == 0 || errno != EINTR)
            break;                  /* nowhere left to say so */
    }
    if (line->fd >= 0)
        line->used = 0;
    errno = kept;
}

static void add(struct mo_line *line, char c)
{
    if (line->used == line->room && line->fd >= 0)
        mo_line_flush(line);
    if (line->used < line->room)
        line->text[line->used++] = c;
}

void mo_line_text(struct mo_line *line, const char *text)
{
    unsigned char before = 0;

    for (text = text != NULL ? text : "?"; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        bool control = c < 0x20 || c == 0x7f
                    || (before == 0xc2 && c < 0xa0);    /* U+0080 to U+009F */

        add(line, control ? '?' : *text);
        before = c;
    }
}

static void add_number(struct mo_line *line, uint64_t number, unsigned base)
{
    char digits[20];                /* UINT64_MAX has as many */
    size_t n = 0;

    do
        digits[n++] = "0123456789abcdef"[number % base];
    while ((number /= base) != 0);
    while (n > 0)
        add(line, digits[--n]);
}

void mo_line_number(struct mo_line *line, uint64_t number)
{
    add_number(line, number, 10);
}

void mo_line_hex(struct mo_line *line, uint64_t number)
{
    mo_line_text(line, "0x");
    add_number(line, number, 16);
}

void mo_line_size(struct mo_line *line, uint64_t bytes)
{
    static const char *const units[] = { " bytes", " KiB", " MiB", " GiB" };
    size_t unit = 0;

    while (unit < 3 && bytes != 0 && bytes % 1024 == 0) {
        bytes /= 1024;
        unit++;
    }
    add_number(line, bytes, 10);
    mo_line_text(line, units[unit]);
}

void mo_line_span(struct mo_line *line, int64_t ns)
{
    static const struct {
        uint64_t ns;
        const char *name;
    } units[] = {
        { 1, " ns" }, { 1000, " us" }, { 1000000, " ms" },
        { 1000000000, " s" },
    };
    uint64_t span = ns > 0 ? (uint64_t)ns : 0;
    size_t unit = 0;

    while (unit < 3 && span >= units[unit + 1].ns)
        unit++;
    add_number(line, span / units[unit].ns, 10);
    if (unit > 0) {
        add(line, '.');
        add_number(line, span % units[unit].ns / (units[unit].ns / 10), 10);
    }
    mo_line_text(line, units[unit].name);
}

void mo_line_end(struct mo_line *line)
{
    add(line, '\n');
}
