/* SPDX-License-Identifier: MIT */
/*
 * arena.c - many small pieces of memory that end together.
 */
#include "arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "mem.h"

#define CHUNK_SIZE 4000             /* with malloc's head still in a page */
#define ALIGN alignof(max_align_t)

struct mo_arena_chunk {
    struct mo_arena_chunk *next;
    size_t used, size;              /* of bytes */
    alignas(max_align_t) char bytes[];
};

static struct mo_arena_chunk *add_chunk(struct mo_arena *arena, size_t size)
{
    struct mo_arena_chunk *chunk;

    if (size > SIZE_MAX - sizeof *chunk)
        return NULL;
    chunk = mo_mem_alloc(sizeof *chunk + size, ALIGN);
    if (chunk == NULL)
        return NULL;
    chunk->size = size;
    chunk->next = arena->chunks;
    arena->chunks = chunk;
    return chunk;
}

void *mo_arena_alloc(struct mo_arena *arena, size_t size)
{
    struct mo_arena_chunk *chunk = arena->chunks;
    void *memory;

    if (size > SIZE_MAX - ALIGN || !mo_mem_allowed())
        return NULL;
    size = (size + ALIGN - 1) / ALIGN * ALIGN;
    if (chunk == NULL || chunk->size - chunk->used < size)
        chunk = add_chunk(arena, size > CHUNK_SIZE ? size : CHUNK_SIZE);
    if (chunk == NULL)
        return NULL;
    memory = chunk->bytes + chunk->used;
    chunk->used += size;
    return memory;
}

char *mo_arena_strndup(struct mo_arena *arena, const char *text, size_t n)
{
    char *copy = mo_arena_alloc(arena, n + 1);

    return copy != NULL ? memcpy(copy, text, n) : NULL;
}

char *mo_arena_strdup(struct mo_arena *arena, const char *text)
{
    return mo_arena_strndup(arena, text, strlen(text));
}

char *mo_arena_vprintf(struct mo_arena *arena, const char *format,
                       va_list args)
{
    va_list again;
    char *text = NULL;
    int n;

    va_copy(again, args);
    n = vsnprintf(NULL, 0, format, args);
    if (n >= 0)
        text = mo_arena_alloc(arena, (size_t)n + 1);
    if (text != NULL)
        vsnprintf(text, (size_t)n + 1, format, again);
    va_end(again);
    return text;
}

char *mo_arena_printf(struct mo_arena *arena, const char *format, ...)
{
    va_list args;
    char *text;

    va_start(args, format);
    text = mo_arena_vprintf(arena, format, args);
    va_end(args);
    return text;
}

void mo_arena_join(struct mo_arena *arena, struct mo_arena *from)
{
    struct mo_arena_chunk **last = &arena->chunks;

    while (*last != NULL)
        last = &(*last)->next;
    *last = from->chunks;
    from->chunks = NULL;
}

void mo_arena_fini(struct mo_arena *arena)
{
    while (arena->chunks != NULL) {
        struct mo_arena_chunk *chunk = arena->chunks;

        arena->chunks = chunk->next;
        mo_mem_free(chunk);
    }
}
