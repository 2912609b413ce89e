/* SPDX-License-Identifier: MIT */
/*
 * verdict.c - how a promise says what came of it.
 *
 * The process that tries a promise may die at any instruction, and may have
 * many threads; so the verdict lies in memory that it shares, and is whole once
 * its kind is written.
 */
#include "conformance.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct verdict *verdict;
static _Thread_local bool noted;    /* this thread tries the promise */

void conformance_verdict(struct verdict *v)
{
    verdict = v;
    noted = v != NULL;
}

static void fill(enum verdict_kind kind, const char *text, const char *where)
{
    if (verdict == NULL
        || __atomic_exchange_n(&verdict->taken, 1, __ATOMIC_ACQ_REL) != 0)
        return;
    snprintf(verdict->text, sizeof verdict->text, "%s", text);
    snprintf(verdict->where, sizeof verdict->where, "%s", where);
    __atomic_store_n(&verdict->kind, (int)kind, __ATOMIC_RELEASE);
}

void conformance_end(enum verdict_kind kind, const char *file, int line,
                     const char *format, ...)
{
    const char *name = strrchr(file, '/');
    char where[VERDICT_AT];
    char text[VERDICT_TEXT];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    snprintf(where, sizeof where, "%s:%d", name != NULL ? name + 1 : file,
             line);
    fflush(stdout);
    fprintf(stderr, "%s:%d: check failed: %s\n", file, line, text);
    fill(kind, text, where);
    while (verdict != NULL
           && __atomic_load_n(&verdict->kind, __ATOMIC_ACQUIRE) == VERDICT_NONE)
        continue;                   /* another thread is about to say */
    _exit(EXIT_FAILURE);
}

void conformance_waive(const char *why)
{
    fill(VERDICT_WAIVED, why, "");
}

void conformance_say(enum verdict_kind kind, const char *text)
{
    fill(kind, text, "");
}

void conformance_at(const char *function)
{
    if (noted)
        verdict->at = function;
}
