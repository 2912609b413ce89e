/* SPDX-License-Identifier: MIT */
/*
 * check.c - what a test fails with, whoever runs it.
 */
#include "check.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef MO_SANITIZE_ADDRESS
#include <sanitizer/lsan_interface.h>
#endif

bool check_long(void)
{
    return getenv("MO_TEST_LONG") != NULL;
}

void check_fail(const char *file, int line, const char *format, ...)
{
    char text[1000];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    fflush(stdout);
    fprintf(stderr, "%s:%d: check failed: %s\n", file, line, text);
    _exit(1);
}

void check_eq(const char *file, int line, const char *a_text,
              const char *b_text, int64_t a, int64_t b)
{
    if (a != b)
        check_fail(file, line, "%s == %s: %" PRId64 " is not %" PRId64,
                   a_text, b_text, a, b);
}

void check_str(const char *file, int line, const char *a_text,
               const char *b_text, const char *a, const char *b)
{
    if (a == b || (a != NULL && b != NULL && strcmp(a, b) == 0))
        return;
    check_fail(file, line, "%s == %s:\n    \"%s\"\nis not\n    \"%s\"",
               a_text, b_text, a != NULL ? a : "(NULL)",
               b != NULL ? b : "(NULL)");
}

void check_leaks(void)
{
#ifdef MO_SANITIZE_ADDRESS
    if (__lsan_do_recoverable_leak_check() != 0)
        _exit(1);
#endif
}
