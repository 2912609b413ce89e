/* SPDX-License-Identifier: MIT */
/*
 * log.h - one line to standard error, and the end of the world.
 *
 * The library logs nothing about an error that it returns; what is left is
 * what nobody would hear of otherwise. MOIRAI_LOG (error, warn, info, debug,
 * off; preset warn) says how much of it is written.
 */
#ifndef MO_LOG_H
#define MO_LOG_H

#include <stdarg.h>
#include <stdbool.h>

#include <moirai/host.h>

/* Is a line of this level written? Any thread. */
bool mo_log_on(enum moirai_level level);

/* Writes "moirai: <level>: <text>" as one line with one write(2), so that the
 * lines of several threads and processes do not mix. Line breaks and control
 * bytes in the text become \xNN. Any thread; does not allocate. */
__attribute__((format(printf, 2, 3)))
void mo_log(enum moirai_level level, const char *format, ...);
__attribute__((format(printf, 2, 0)))
void mo_log_list(enum moirai_level level, const char *format, va_list args);

/* An invariant of the runtime is broken: says which and aborts. Not for
 * input, however wrong. */
__attribute__((format(printf, 1, 2))) __attribute__((noreturn))
void mo_panic(const char *format, ...);

#endif
