/* SPDX-License-Identifier: MIT */
/*
 * arena.h - many small pieces of memory that end together.
 *
 * Start-up makes strings, tree nodes and config structs that all live as long
 * as the setup they belong to; one call gives them all back. One thread at a
 * time.
 */
#ifndef MO_ARENA_H
#define MO_ARENA_H

#include <stdarg.h>
#include <stddef.h>

struct mo_arena_chunk;

/* All zero: empty, nothing to give back. */
struct mo_arena {
    struct mo_arena_chunk *chunks;  /* the one in use first */
};

/* Zeroed, aligned for any object; NULL: no memory left. */
void *mo_arena_alloc(struct mo_arena *arena, size_t size);

char *mo_arena_strdup(struct mo_arena *arena, const char *text);
char *mo_arena_strndup(struct mo_arena *arena, const char *text, size_t n);

__attribute__((format(printf, 2, 3)))
char *mo_arena_printf(struct mo_arena *arena, const char *format, ...);
__attribute__((format(printf, 2, 0)))
char *mo_arena_vprintf(struct mo_arena *arena, const char *format,
                       va_list args);

/* Moves all that `from` holds into `arena`; addresses stay. */
void mo_arena_join(struct mo_arena *arena, struct mo_arena *from);

void mo_arena_fini(struct mo_arena *arena);

#endif
