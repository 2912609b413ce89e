/* SPDX-License-Identifier: MIT */
/*
 * stdio.h - text to a descriptor.
 */
#ifndef MO_WINDOWS_STDIO_H
#define MO_WINDOWS_STDIO_H

#include_next <stdio.h>

#include <io.h>
#include <stdarg.h>

/* Cut after 1023 bytes. */
__attribute__((format(gnu_printf, 2, 3)))
static inline int dprintf(int fd, const char *format, ...)
{
    char text[1024];
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (n < 0)
        return n;
    if (n >= (int)sizeof text)
        n = (int)sizeof text - 1;
    return _write(fd, text, (unsigned)n);
}

#endif
