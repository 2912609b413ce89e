/* SPDX-License-Identifier: MIT */
/*
 * memory.c - the C library's memory, aligned by hand.
 *
 * Some systems have aligned memory only from functions of their own, and want
 * it back by others. So there is always more than was asked for, and the word
 * before what the caller sees says where it begins.
 */
#include "os/memory.h"

#include <stdalign.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

static void *aligned_alloc_zeroed(void *ctx, size_t size, size_t align)
{
    size_t extra;
    char *start, *seen;

    (void)ctx;
    if (align < alignof(max_align_t))
        align = alignof(max_align_t);
    extra = align + sizeof start;
    if (size > SIZE_MAX - extra)
        return NULL;
    start = calloc(1, size + extra);
    if (start == NULL)
        return NULL;
    seen = start + sizeof start;
    seen += (align - (uintptr_t)seen % align) % align;
    ((char **)(void *)seen)[-1] = start;
    return seen;
}

static void aligned_release(void *ctx, void *memory)
{
    (void)ctx;
    free(((char **)memory)[-1]);
}

const struct moirai_allocator mo_os_allocator = {
    .alloc = aligned_alloc_zeroed,
    .release = aligned_release,
};

size_t mo_os_page(void)
{
    return 4096;
}

bool mo_os_resident(void *start, size_t bytes, unsigned char *pages)
{
    (void)start;
    (void)bytes;
    (void)pages;
    return false;
}
