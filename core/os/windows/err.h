/* SPDX-License-Identifier: MIT */
/*
 * err.h - last words. Without the program's name: Windows does not keep it.
 */
#ifndef MO_WINDOWS_ERR_H
#define MO_WINDOWS_ERR_H

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

__attribute__((noreturn, format(gnu_printf, 2, 3)))
static inline void errx(int status, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(status);
}

#endif
