/* SPDX-License-Identifier: MIT */
/*
 * fixed.c - so many stacks, all of them there from the start.
 *
 * For programs that must know beforehand what they need. Everything that can
 * fail is done by init: address space is reserved, guards are set, and, if
 * asked for, all pages are put in memory (`prefault`) or kept there (`lock`).
 * After that get and put take an index off a list and put it back: no system
 * call, no memory, nothing that depends on what happened before. Pages that a
 * stack has touched stay its own, so there is no trim.
 *
 *     class  | guard | stack 0  | guard | stack 1  | ...
 *
 * When all stacks of a class are handed out, get says -EAGAIN. The core then
 * takes back what its workers have in reserve, and lets the task wait until
 * another ends.
 *
 * Locks: one, around the lists of free stacks.
 */
#include <moirai/stack.h>

#include <errno.h>
#include <pthread.h>
#include <stdalign.h>
#include <string.h>

#include "pages.h"

struct fixed_config {
    uint64_t size;
    uint64_t loop;
    uint64_t extra;                 /* 0: none */
    uint64_t guard;
    uint64_t count;
    uint64_t loops;
    uint64_t extras;
    bool prefault;
    bool lock;
};

struct fixed_class {                /* constant but for the list of free ones */
    char *start;                    /* NULL: not mapped */
    size_t size;                    /* usable bytes of a stack */
    size_t stride;                  /* from one to the next */
    uint32_t count;
    uint32_t free_count;            /* under the state's lock, as is */
    uint32_t *free;                 /* this: those nobody has, newest last */
};

struct fixed_state {
    const struct moirai_host *host; /* constant, as are the next three */
    size_t page;
    size_t guard;
    enum moirai_guard guard_kind;
    pthread_mutex_t lock;
    struct fixed_class classes[MOIRAI_STACK_CLASSES];
};

static size_t fixed_round(const struct fixed_state *s, uint64_t bytes)
{
    return (size_t)((bytes + s->page - 1) / s->page * s->page);
}

static size_t fixed_bytes(const struct fixed_class *c)
{
    return c->count * c->stride;
}

static char *fixed_base(const struct fixed_state *s,
                        const struct fixed_class *c, uint32_t i)
{
    return c->start + i * c->stride + s->guard;
}

static void fixed_close(struct fixed_state *s)
{
    for (int i = 0; i < MOIRAI_STACK_CLASSES; i++) {
        struct fixed_class *c = &s->classes[i];

        if (c->start != NULL)
            munmap(c->start, fixed_bytes(c));
        s->host->release(s->host->ctx, c->free);
    }
}

/* Has a stack's pages in memory, where they then stay or not. */
static int fixed_fill(const struct fixed_class *c,
                      const struct fixed_config *conf, char *base)
{
    if (conf->lock && mlock(base, c->size) != 0)
        return -errno;
    if (conf->prefault && madvise(base, c->size, MADV_POPULATE_WRITE) != 0)
        memset(base, 0, c->size);   /* older than Linux 5.14 */
    return 0;
}

static int fixed_equip(struct fixed_state *s, struct fixed_class *c,
                       const struct fixed_config *conf,
                       struct moirai_error *err)
{
    for (uint32_t i = 0; i < c->count; i++) {
        char *base = fixed_base(s, c, i);
        int rc;

        c->free[i] = c->count - 1 - i;      /* the first goes first */
        if (s->guard > 0 && !mmap_guard_set(base, s->guard, s->guard_kind))
            return moirai_error_set(err, -ENOMEM, "stack fixed: no guard for "
                                    "stack %u of %u: vm.max_map_count is "
                                    "reached", i + 1, c->count);
        rc = fixed_fill(c, conf, base);
        if (rc != 0)
            return moirai_error_set(err, rc, "stack fixed: stack %u of %u "
                                    "cannot be locked in memory: %s (see "
                                    "ulimit -l)", i + 1, c->count,
                                    strerror(-rc));
    }
    c->free_count = c->count;
    return 0;
}

static int fixed_open(struct fixed_state *s, struct fixed_class *c,
                      const struct fixed_config *conf,
                      struct moirai_error *err)
{
    void *start;

    c->free = s->host->alloc(s->host->ctx, c->count * sizeof *c->free,
                             alignof(uint32_t));
    if (c->free == NULL)
        return moirai_error_set(err, -ENOMEM, "stack fixed: no memory for a "
                                "list of %u stacks", c->count);
    if (c->stride > SIZE_MAX / c->count)
        return moirai_error_set(err, -ENOMEM, "stack fixed: %u stacks of %zu "
                                "bytes are more than there are addresses",
                                c->count, c->stride);
    start = mmap(NULL, fixed_bytes(c), PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (start == MAP_FAILED)
        return moirai_error_set(err, -ENOMEM, "stack fixed: no memory for %u "
                                "stacks of %zu bytes", c->count, c->stride);
    c->start = start;
    madvise(start, fixed_bytes(c), MADV_NOHUGEPAGE);    /* or is ignored */
    mmap_name(start, fixed_bytes(c));
    return fixed_equip(s, c, conf, err);
}

/* Locked pages and installed guards exclude each other on some kernels. */
static enum moirai_guard fixed_choose(const struct fixed_state *s,
                                      const struct fixed_config *conf)
{
    if (s->guard == 0)
        return MOIRAI_GUARD_NONE;
    if (conf->lock || mmap_find_means(s->page) == MMAP_NO_GUARDS)
        return MOIRAI_GUARD_MPROTECT;
    return MOIRAI_GUARD_INSTALL;
}

static int fixed_init(void *state, const void *config,
                      const struct moirai_host *host, struct moirai_error *err)
{
    const struct fixed_config *conf = config;
    struct fixed_state *s = state;
    const uint64_t sizes[] = { conf->size, conf->loop, conf->extra };
    const uint64_t counts[] = { conf->count, conf->loops, conf->extras };
    int rc;

    s->host = host;
    s->page = (size_t)sysconf(_SC_PAGESIZE);
    s->guard = fixed_round(s, conf->guard);
    s->guard_kind = fixed_choose(s, conf);
    for (int i = 0; i < MOIRAI_STACK_CLASSES; i++) {
        struct fixed_class *c = &s->classes[i];

        if (sizes[i] == 0)
            continue;
        c->size = fixed_round(s, sizes[i]);
        c->stride = c->size + s->guard;
        c->count = (uint32_t)counts[i];
        rc = fixed_open(s, c, conf, err);
        if (rc != 0) {
            fixed_close(s);
            return rc;
        }
    }
    rc = pthread_mutex_init(&s->lock, NULL);
    if (rc == 0)
        return 0;
    fixed_close(s);
    return moirai_error_set(err, -rc, "stack fixed: cannot create a lock");
}

static void fixed_fini(void *state)
{
    struct fixed_state *s = state;

    fixed_close(s);
    pthread_mutex_destroy(&s->lock);
}

static int fixed_get(void *state, enum moirai_stack_class stack_class,
                     struct moirai_stack *stack)
{
    struct fixed_state *s = state;
    struct fixed_class *c = &s->classes[stack_class];
    uint32_t found = c->count;

    pthread_mutex_lock(&s->lock);
    if (c->free_count > 0)
        found = c->free[--c->free_count];
    pthread_mutex_unlock(&s->lock);
    if (found == c->count)
        return -EAGAIN;
    *stack = (struct moirai_stack){
        .base = fixed_base(s, c, found),
        .size = c->size,
        .guard = s->guard,
        .stack_class = stack_class,
        .guard_kind = s->guard_kind,
    };
    return 0;
}

static void fixed_put(void *state, const struct moirai_stack *stack)
{
    struct fixed_state *s = state;
    struct fixed_class *c = &s->classes[stack->stack_class];
    size_t at = (size_t)(stack->base - c->start) / c->stride;

    pthread_mutex_lock(&s->lock);
    c->free[c->free_count++] = (uint32_t)at;
    pthread_mutex_unlock(&s->lock);
}

static size_t fixed_class_size(void *state, enum moirai_stack_class stack_class)
{
    struct fixed_state *s = state;

    return s->classes[stack_class].size;
}

static void fixed_usage(void *state, struct moirai_stack_usage *usage)
{
    struct fixed_state *s = state;

    *usage = (struct moirai_stack_usage){ .guard_kind = s->guard_kind };
    pthread_mutex_lock(&s->lock);
    for (int i = 0; i < MOIRAI_STACK_CLASSES; i++) {
        const struct fixed_class *c = &s->classes[i];

        usage->reserved_bytes += fixed_bytes(c);
        usage->stacks += c->count - c->free_count;
        usage->pooled += c->free_count;
    }
    pthread_mutex_unlock(&s->lock);
}

static size_t fixed_relax(void *state, const struct moirai_stack *stack,
                          bool open)
{
    const struct fixed_state *s = state;

    return mmap_guard_relax(s->page, stack, open);
}

static const char *const fixed_none[] = { "none", NULL };

static const struct moirai_option fixed_options[] = {
    { .name = "size", .preset = "64KiB",
      .help = "stack of a task that waits",
      .type = MOIRAI_SIZE, .offset = offsetof(struct fixed_config, size),
      .min = UINT64_C(16) << 10, .max = UINT64_C(1) << 30 },
    { .name = "count", .preset = "128",
      .help = "how many of those there are",
      .type = MOIRAI_UINT, .offset = offsetof(struct fixed_config, count),
      .min = 1, .max = UINT64_C(1) << 24 },
    { .name = "loop", .preset = "256KiB",
      .help = "stack that tasks run on until they first wait",
      .type = MOIRAI_SIZE, .offset = offsetof(struct fixed_config, loop),
      .min = UINT64_C(64) << 10, .max = UINT64_C(1) << 30 },
    { .name = "loops", .preset = "64",
      .help = "how many of those there are: two for each worker, at least",
      .type = MOIRAI_UINT, .offset = offsetof(struct fixed_config, loops),
      .min = 1, .max = UINT64_C(1) << 20 },
    { .name = "extra", .preset = "none",
      .help = "a third size, of tasks that say how much they need "
              "(moirai_attr.stack_size), where it is the least that is enough",
      .type = MOIRAI_SIZE, .offset = offsetof(struct fixed_config, extra),
      .min = UINT64_C(16) << 10, .max = UINT64_C(1) << 30,
      .choices = fixed_none },
    { .name = "extras", .preset = "16",
      .help = "how many of those there are",
      .type = MOIRAI_UINT, .offset = offsetof(struct fixed_config, extras),
      .min = 1, .max = UINT64_C(1) << 24 },
    { .name = "guard", .preset = "16KiB",
      .help = "inaccessible bytes below a stack, whole pages; 0: none",
      .type = MOIRAI_SIZE, .offset = offsetof(struct fixed_config, guard),
      .min = 0, .max = UINT64_C(64) << 20 },
    { .name = "prefault", .preset = "false",
      .help = "have all their pages in memory from the start",
      .type = MOIRAI_BOOL, .offset = offsetof(struct fixed_config, prefault) },
    { .name = "lock", .preset = "false",
      .help = "and keep them there (mlock): a page fault never waits",
      .type = MOIRAI_BOOL, .offset = offsetof(struct fixed_config, lock) },
    { .name = NULL },
};

static const struct moirai_stack_ops fixed_ops = {
    .state_size = sizeof(struct fixed_state),
    .init = fixed_init,
    .fini = fixed_fini,
    .get = fixed_get,
    .put = fixed_put,
    .class_size = fixed_class_size,
    .usage = fixed_usage,
    .relax = fixed_relax,
    .classes = MOIRAI_STACK_CLASSES,
};

MOIRAI_PLUGIN(stack, fixed) = {
    .abi = MOIRAI_PLUGIN_ABI,
    .size = sizeof(struct moirai_plugin),
    .kind = MOIRAI_STACK,
    .ops_abi = MOIRAI_STACK_ABI,
    .name = "fixed",
    .version = "1.0",
    .summary = "a fixed number of stacks, all reserved at the start",
    .rank = -10,
    .options = fixed_options,
    .config_size = sizeof(struct fixed_config),
    .ops = &fixed_ops,
    .ops_size = sizeof fixed_ops,
};
