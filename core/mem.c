/* SPDX-License-Identifier: MIT */
/*
 * mem.c - where the library's memory comes from.
 *
 * Memory order: the hook is written before the first allocation, by contract
 * on the thread that will make it or before the others are started, so plain
 * fields do. `used` only turns a late call into an error.
 */
#include "mem.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include <moirai/runtime.h>

#include "os/memory.h"

static const struct moirai_allocator *hook = &mo_os_allocator;
static atomic_bool used;

static bool (*_Atomic judge)(void); /* NULL: none */

/* Of the watch. Relaxed throughout: tests read them when all is quiet. */
static atomic_bool watching;
static _Atomic uint64_t asked;
static _Atomic int64_t live;
static _Atomic uint64_t failing;    /* number of the first to fail, or 0 */
static _Atomic uint64_t failing_to; /* and of the last */

__attribute__((visibility("default")))
int moirai_allocator_set(const struct moirai_allocator *allocator)
{
    if (atomic_load_explicit(&used, memory_order_relaxed))
        return -EBUSY;
    hook = allocator != NULL ? allocator : &mo_os_allocator;
    return 0;
}

static bool watch_allows(void)
{
    uint64_t first, n;

    if (!atomic_load_explicit(&watching, memory_order_relaxed))
        return true;
    n = atomic_fetch_add_explicit(&asked, 1, memory_order_relaxed) + 1;
    first = atomic_load_explicit(&failing, memory_order_relaxed);
    return first == 0 || n < first ||
           n > atomic_load_explicit(&failing_to, memory_order_relaxed);
}

bool mo_mem_allowed(void)
{
    bool (*allowed)(void) = atomic_load_explicit(&judge, memory_order_relaxed);

    return watch_allows() && (allowed == NULL || allowed());
}

void mo_mem_judge(bool (*allowed)(void))
{
    atomic_store_explicit(&judge, allowed, memory_order_relaxed);
}

static void count_live(int step)
{
    if (atomic_load_explicit(&watching, memory_order_relaxed))
        atomic_fetch_add_explicit(&live, step, memory_order_relaxed);
}

void *mo_mem_alloc(size_t size, size_t align)
{
    void *memory;

    if (!atomic_load_explicit(&used, memory_order_relaxed))
        atomic_store_explicit(&used, true, memory_order_relaxed);
    if (!mo_mem_allowed())
        return NULL;
    memory = hook->alloc(hook->ctx, size > 0 ? size : 1, align);
    if (memory != NULL)
        count_live(1);
    return memory;
}

void mo_mem_free(void *memory)
{
    if (memory == NULL)
        return;
    count_live(-1);
    hook->release(hook->ctx, memory);
}

char *mo_mem_strdup(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = mo_mem_alloc(size, 1);

    return copy != NULL ? memcpy(copy, text, size) : NULL;
}

void mo_mem_watch(uint64_t fail_at)
{
    atomic_store(&live, 0);
    mo_mem_fail(fail_at, 1);
    atomic_store(&watching, true);
}

uint64_t mo_mem_fail(uint64_t first, uint64_t n)
{
    uint64_t last = n < UINT64_MAX - first ? first + n - 1 : UINT64_MAX;
    uint64_t before;

    atomic_store(&failing, 0);
    before = atomic_exchange(&asked, 0);
    atomic_store(&failing_to, last);
    atomic_store(&failing, first);
    return before;
}

struct mo_mem_count mo_mem_unwatch(void)
{
    atomic_store(&watching, false);
    return (struct mo_mem_count){
        .asked = atomic_load(&asked),
        .live = atomic_load(&live),
    };
}
