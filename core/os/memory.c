/* SPDX-License-Identifier: MIT */
/*
 * memory.c - the C library's memory.
 */
#include "os/memory.h"

#include <stdalign.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void *libc_alloc(void *ctx, size_t size, size_t align)
{
    void *memory;

    (void)ctx;
    if (align <= alignof(max_align_t))
        return calloc(1, size);     /* fresh pages are not touched twice */
    if (posix_memalign(&memory, align, size) != 0)
        return NULL;
    return memset(memory, 0, size);
}

static void libc_release(void *ctx, void *memory)
{
    (void)ctx;
    free(memory);
}

const struct moirai_allocator mo_os_allocator = {
    .alloc = libc_alloc,
    .release = libc_release,
};

size_t mo_os_page(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

bool mo_os_resident(void *start, size_t bytes, unsigned char *pages)
{
    return mincore(start, bytes, pages) == 0;
}
