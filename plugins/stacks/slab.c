/* SPDX-License-Identifier: MIT */
/*
 * slab.c - small stacks, many to a huge page.
 *
 * Where thousands of tasks take turns, each turn misses the TLB once or twice,
 * as each stack is a page of its own, and its tables are more than the caches
 * hold. In blocks of huge pages (2 MiB) 63 stacks of 32 KiB share one entry.
 *
 * The price: memory comes by the huge page and stays (no trim), touched or not,
 * so `size` is best as small as it may be; and there is no guard, since one of
 * 4 KiB takes the huge page apart. Instead there are some words below each
 * stack that nobody may change. put looks at them, and ends the process if they
 * were: by then the stack below is damaged. Which task that was, nobody knows
 * any more; but a task that waits while its stack pointer is below its stack is
 * found by the core, and named.
 *
 *     block  | words | stack 0 | words | stack 1 | ...
 *
 * With `colour`, stacks are a few cache lines further apart than that, so that
 * their tops do not all fall into the same sets of the caches.
 *
 * Locks: one, around the lists. Blocks are mapped under it.
 */
#include <moirai/stack.h>

#include <errno.h>
#include <pthread.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include "pages.h"

#define SLAB_HUGE ((size_t)2 << 20)
#define SLAB_WORDS 8                /* below each stack */
#define SLAB_EDGE (SLAB_WORDS * sizeof(uint64_t))
#define SLAB_SIGN UINT64_C(0x6d6f697261692121)
#define SLAB_LEAST 4                /* stacks in a block */
#define SLAB_COLOUR ((size_t)5 * 64)    /* bytes, by which tops differ */

enum slab_huge { SLAB_ADVISE, SLAB_RESERVED, SLAB_NONE };

struct slab_config {
    uint64_t size;
    uint64_t loop;
    uint64_t extra;                 /* 0: none */
    uint32_t huge;                  /* enum slab_huge */
    bool colour;
};

struct slab_block {
    struct slab_block *next;
    char *start;
    size_t bytes;
};

struct slab_class {                 /* under the state's lock but for sizes */
    size_t size, stride, block;     /* bytes; constant */
    struct slab_block *blocks;
    char **free;                    /* bases of those nobody has */
    size_t free_count, carved;      /* `free` has room for all carved ones */
};

struct slab_state {
    const struct moirai_host *host; /* constant */
    pthread_mutex_t lock;           /* guards the rest */
    uint32_t huge;                  /* enum slab_huge, in force */
    uint64_t reserved_bytes;
    struct slab_class classes[MOIRAI_STACK_CLASSES];
};

static size_t slab_round(size_t bytes, size_t unit)
{
    return (bytes + unit - 1) / unit * unit;
}

static int slab_init(void *state, const void *config,
                     const struct moirai_host *host, struct moirai_error *err)
{
    const struct slab_config *conf = config;
    const uint64_t sizes[] = { conf->size, conf->loop, conf->extra };
    struct slab_state *s = state;
    int rc = pthread_mutex_init(&s->lock, NULL);

    if (rc != 0)
        return moirai_error_set(err, -rc, "stack slab: cannot create a lock");
    s->host = host;
    s->huge = conf->huge;
    for (int i = 0; i < MOIRAI_STACK_CLASSES; i++) {
        struct slab_class *c = &s->classes[i];

        c->size = slab_round((size_t)sizes[i], 64);
        c->stride = SLAB_EDGE + c->size + (conf->colour ? SLAB_COLOUR : 0);
        c->block = slab_round(SLAB_LEAST * c->stride, SLAB_HUGE);
    }
    return 0;
}

static void slab_fini(void *state)
{
    struct slab_state *s = state;
    const struct moirai_host *host = s->host;

    for (int i = 0; i < MOIRAI_STACK_CLASSES; i++) {
        struct slab_block *block = s->classes[i].blocks;

        while (block != NULL) {
            struct slab_block *next = block->next;

            munmap(block->start, block->bytes);
            host->release(host->ctx, block);
            block = next;
        }
        host->release(host->ctx, s->classes[i].free);
    }
    pthread_mutex_destroy(&s->lock);
}

/* --- blocks, under the lock ----------------------------------------------- */

/* Out of huge pages that the administrator has set aside; NULL: there are none
 * left, which is said once. */
static char *slab_map_reserved(struct slab_state *s, size_t bytes)
{
    void *start = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);

    if (start != MAP_FAILED)
        return start;
    s->huge = SLAB_ADVISE;
    s->host->log(s->host->ctx, MOIRAI_LOG_WARN, "stack slab: no reserved huge "
                 "pages left (vm.nr_hugepages); going on with huge: advise");
    return NULL;
}

/* At a boundary of huge pages, for the kernel to make some of it. */
static char *slab_map(size_t bytes, bool huge)
{
    char *start = mmap(NULL, bytes + SLAB_HUGE, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    size_t before;

    if (start == MAP_FAILED)
        return NULL;
    before = (0 - (uintptr_t)start) % SLAB_HUGE;
    if (before > 0)
        munmap(start, before);
    start += before;
    munmap(start + bytes, SLAB_HUGE - before);
    madvise(start, bytes, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
    return start;
}

static bool slab_room(struct slab_state *s, struct slab_class *c, size_t more)
{
    const struct moirai_host *host = s->host;
    char **free = host->alloc(host->ctx, (c->carved + more) * sizeof *free,
                              alignof(char *));

    if (free == NULL)
        return false;
    host->release(host->ctx, c->free);      /* it is empty */
    c->free = free;
    return true;
}

static void slab_sign(char *base)
{
    uint64_t *words = (uint64_t *)(void *)(base - SLAB_EDGE);

    for (int i = 0; i < SLAB_WORDS; i++)
        words[i] = SLAB_SIGN;
}

/* Another block for a class of which all stacks are handed out. */
static bool slab_grow(struct slab_state *s, struct slab_class *c)
{
    const struct moirai_host *host = s->host;
    size_t n = c->block / c->stride;
    struct slab_block *block = host->alloc(host->ctx, sizeof *block,
                                           alignof(struct slab_block));
    char *start = NULL;

    if (block != NULL && slab_room(s, c, n)) {
        if (s->huge == SLAB_RESERVED)
            start = slab_map_reserved(s, c->block);
        if (start == NULL)
            start = slab_map(c->block, s->huge == SLAB_ADVISE);
    }
    if (start == NULL) {
        host->release(host->ctx, block);
        return false;
    }
    mmap_name(start, c->block);
    *block = (struct slab_block){ c->blocks, start, c->block };
    c->blocks = block;
    c->carved += n;
    s->reserved_bytes += c->block;
    while (n > 0)                   /* the first goes first */
        c->free[c->free_count++] = start + --n * c->stride + SLAB_EDGE;
    return true;
}

/* --- stacks --------------------------------------------------------------- */

static uint32_t slab_get_many(void *state, enum moirai_stack_class stack_class,
                              struct moirai_stack *stacks, uint32_t n)
{
    struct slab_state *s = state;
    struct slab_class *c = &s->classes[stack_class];
    uint32_t filled = 0;

    pthread_mutex_lock(&s->lock);
    for (; filled < n && (c->free_count > 0 || slab_grow(s, c)); filled++)
        stacks[filled] = (struct moirai_stack){
            .base = c->free[--c->free_count],
            .size = c->size,
            .stack_class = stack_class,
            .guard_kind = MOIRAI_GUARD_NONE,
        };
    pthread_mutex_unlock(&s->lock);
    for (uint32_t i = 0; i < filled; i++)
        slab_sign(stacks[i].base);
    return filled;
}

static int slab_get(void *state, enum moirai_stack_class stack_class,
                    struct moirai_stack *stack)
{
    return slab_get_many(state, stack_class, stack, 1) == 1 ? 0 : -ENOMEM;
}

static void slab_check(const struct slab_state *s,
                       const struct moirai_stack *stack)
{
    const uint64_t *words = (const uint64_t *)(void *)(stack->base
                                                       - SLAB_EDGE);

    for (int i = 0; i < SLAB_WORDS; i++) {
        if (words[i] == SLAB_SIGN)
            continue;
        s->host->log(s->host->ctx, MOIRAI_LOG_ERROR, "stack slab: a task has "
                     "needed more than its stack of %zu KiB and damaged the "
                     "one below. stacks: {plugin: mmap} tells which task",
                     stack->size / 1024);
        abort();
    }
}

static void slab_put_many(void *state, const struct moirai_stack *stacks,
                          uint32_t n)
{
    struct slab_state *s = state;
    struct slab_class *c = &s->classes[stacks->stack_class];

    for (uint32_t i = 0; i < n; i++)
        slab_check(s, &stacks[i]);
    pthread_mutex_lock(&s->lock);
    for (uint32_t i = 0; i < n; i++)
        c->free[c->free_count++] = stacks[i].base;
    pthread_mutex_unlock(&s->lock);
}

static void slab_put(void *state, const struct moirai_stack *stack)
{
    slab_put_many(state, stack, 1);
}

static size_t slab_class_size(void *state, enum moirai_stack_class stack_class)
{
    struct slab_state *s = state;

    return s->classes[stack_class].size;
}

static void slab_usage(void *state, struct moirai_stack_usage *usage)
{
    struct slab_state *s = state;

    pthread_mutex_lock(&s->lock);
    *usage = (struct moirai_stack_usage){
        .reserved_bytes = s->reserved_bytes,
        .guard_kind = MOIRAI_GUARD_NONE,
    };
    for (int i = 0; i < MOIRAI_STACK_CLASSES; i++) {
        const struct slab_class *c = &s->classes[i];

        usage->stacks += c->carved - c->free_count;
        usage->pooled += c->free_count;
    }
    pthread_mutex_unlock(&s->lock);
}

static const char *const slab_huge_words[] = {
    [SLAB_ADVISE] = "advise",
    [SLAB_RESERVED] = "reserved",
    [SLAB_NONE] = "none",
    NULL,
};

static const char *const slab_none[] = { "none", NULL };

static const struct moirai_option slab_options[] = {
    { .name = "size", .preset = "32KiB",
      .help = "stack of a task that waits: all of it is memory",
      .type = MOIRAI_SIZE, .offset = offsetof(struct slab_config, size),
      .min = UINT64_C(16) << 10, .max = UINT64_C(1) << 30 },
    { .name = "loop", .preset = "1MiB",
      .help = "stack that tasks run on until they first wait",
      .type = MOIRAI_SIZE, .offset = offsetof(struct slab_config, loop),
      .min = UINT64_C(64) << 10, .max = UINT64_C(1) << 30 },
    { .name = "extra", .preset = "none",
      .help = "a third size, of tasks that say how much they need "
              "(moirai_attr.stack_size), where it is the least that is enough",
      .type = MOIRAI_SIZE, .offset = offsetof(struct slab_config, extra),
      .min = UINT64_C(16) << 10, .max = UINT64_C(1) << 30,
      .choices = slab_none },
    { .name = "huge", .preset = "advise",
      .help = "huge pages: advise: what the kernel makes (madvise); reserved: "
              "of vm.nr_hugepages, while there are any; none",
      .type = MOIRAI_CHOICE, .offset = offsetof(struct slab_config, huge),
      .choices = slab_huge_words },
    { .name = "colour", .preset = "false",
      .help = "have the tops of stacks in different sets of the caches",
      .type = MOIRAI_BOOL, .offset = offsetof(struct slab_config, colour) },
    { .name = NULL },
};

static const struct moirai_stack_ops slab_ops = {
    .state_size = sizeof(struct slab_state),
    .init = slab_init,
    .fini = slab_fini,
    .get = slab_get,
    .put = slab_put,
    .class_size = slab_class_size,
    .usage = slab_usage,
    .get_many = slab_get_many,
    .put_many = slab_put_many,
    .classes = MOIRAI_STACK_CLASSES,
};

MOIRAI_PLUGIN(stack, slab) = {
    .abi = MOIRAI_PLUGIN_ABI,
    .size = sizeof(struct moirai_plugin),
    .kind = MOIRAI_STACK,
    .ops_abi = MOIRAI_STACK_ABI,
    .name = "slab",
    .version = "1.0",
    .summary = "small stacks out of huge pages, without guards",
    .rank = -5,
    .options = slab_options,
    .config_size = sizeof(struct slab_config),
    .ops = &slab_ops,
    .ops_size = sizeof slab_ops,
};
