/* SPDX-License-Identifier: MIT */
/*
 * moirai/error.h - what went wrong, in one sentence.
 *
 * Functions return 0 (or a count) on success and a negative errno value on
 * failure; `errno` itself is never used, because a task may wake on another
 * thread. Functions that run at start-up also fill a struct moirai_error: one
 * sentence that says what is wrong, where (file:line:column) and what to do.
 *
 * The first function that decides which error it is writes the text; those
 * above it pass the code on, and may prefix context.
 */
#ifndef MOIRAI_ERROR_H
#define MOIRAI_ERROR_H

#include <stdarg.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MOIRAI_ERROR_TEXT 1000

/* Caller's memory; may be passed as NULL wherever it is an argument. */
struct moirai_error {
    int code;                       /* negative errno; 0: no error */
    char text[MOIRAI_ERROR_TEXT];   /* one or more lines, NUL-terminated */
};

/* Fills *err (borrowed; NULL is allowed) with `code`, a negative errno, and
 * the formatted sentence, cut to fit. Returns `code`, so that a caller can
 * write `return moirai_error_set(...)`. Any thread. */
#ifdef __GNUC__
__attribute__((format(printf, 3, 4)))
#endif
static inline int moirai_error_set(struct moirai_error *err, int code,
                                   const char *format, ...)
{
    va_list args;

    if (err == NULL)
        return code;
    err->code = code;
    va_start(args, format);
    vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    return code;
}

#ifdef __cplusplus
}
#endif

#endif
