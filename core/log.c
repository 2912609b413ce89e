/* SPDX-License-Identifier: MIT */
/*
 * log.c - one line to standard error, and the end of the world.
 */
#include "log.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_BYTES 1024

static const char *const names[] = { "off", "error", "warn", "info", "debug" };

/* -1 until first asked. Two threads that ask at once store the same number,
 * so the order of the accesses does not matter. */
static _Atomic int threshold = -1;

static int read_threshold(void)
{
    const char *text = secure_getenv("MOIRAI_LOG");

    for (int i = 0; text != NULL && i <= MOIRAI_LOG_DEBUG; i++) {
        if (strcmp(text, names[i]) == 0)
            return i;
    }
    return MOIRAI_LOG_WARN;
}

bool mo_log_on(enum moirai_level level)
{
    int most = atomic_load_explicit(&threshold, memory_order_relaxed);

    if (most < 0) {
        most = read_threshold();
        atomic_store_explicit(&threshold, most, memory_order_relaxed);
    }
    return (int)level <= most;
}

/* Appends `text` to the line, control bytes as \xNN, cutting what is too
 * long. Returns the new length. */
static size_t append(char *line, size_t used, const char *text)
{
    for (; *text != '\0' && used + 5 < LINE_MAX_BYTES; text++) {
        unsigned char c = (unsigned char)*text;

        if (c < 0x20 || c == 0x7f)
            used += (size_t)snprintf(line + used, 5, "\\x%02x", (unsigned)c);
        else
            line[used++] = *text;
    }
    return used;
}

/* errno is the application's and survives a log line. */
__attribute__((format(printf, 2, 0)))
static void write_line(const char *label, const char *format, va_list args)
{
    char text[LINE_MAX_BYTES];
    char line[LINE_MAX_BYTES];
    size_t used = 0;
    int kept = errno;

    vsnprintf(text, sizeof text, format, args);
    used = append(line, used, "moirai: ");
    used = append(line, used, label);
    used = append(line, used, ": ");
    used = append(line, used, text);
    line[used++] = '\n';
    if (write(STDERR_FILENO, line, used) < 0)
        (void)0;                    /* nowhere left to say so */
    errno = kept;
}

void mo_log_list(enum moirai_level level, const char *format, va_list args)
{
    if (!mo_log_on(level))
        return;
    write_line(level >= MOIRAI_LOG_ERROR && level <= MOIRAI_LOG_DEBUG
                   ? names[level]
                   : "note",
               format, args);
}

void mo_log(enum moirai_level level, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    mo_log_list(level, format, args);
    va_end(args);
}

void mo_panic(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    write_line("panic", format, args);
    va_end(args);
    abort();
}
