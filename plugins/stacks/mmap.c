/* SPDX-License-Identifier: MIT */
/*
 * mmap.c - guarded stacks, carved out of large reservations.
 *
 * Address space is reserved in regions of many stacks, without memory behind
 * it; only what a stack touches costs memory. Each stack has a guard below it:
 *
 *     region  | guard | stack 0      | guard | stack 1      | ...
 *                     ^ base    top ^
 *
 * Guards are set when a stack is first handed out and stay. MADV_GUARD_INSTALL
 * (Linux 6.13) marks pages without splitting the mapping, so a million stacks
 * are a few thousand mappings. Without it, mprotect makes two mappings a stack,
 * and a process may have vm.max_map_count of them; a quarter is left to the
 * rest of the program, and stacks beyond that have no guard, said once in the
 * log.
 *
 * What comes back is kept in two lists per class: `warm` stacks keep their
 * pages, at most `pool` of them, and of a deep one only the top; `cold` ones
 * are address space alone, their pages given back. Neither list is linked
 * through the stacks, which would touch pages; a list's entry is the stack's
 * base with the kind of its guard in the low bits. `cold` has room for every
 * stack that was carved, so put cannot fail.
 *
 * Who asks for many stacks gets their guards and their first pages by three
 * system calls for all of them (pages.h), and gives many back by one: what is
 * left of the price of a stack is the kernel's work on its page.
 *
 * Locks: one, around the lists and carving. No system call is made under it
 * except the mmap of a new region; guards are set and pages given back by the
 * thread that holds the stack.
 *
 * Rejected: a mapping per stack (5.8 us instead of 0.65, and the mapping limit
 * at 32,000 stacks); huge pages, of which a parked task would occupy a whole
 * one; MADV_FREE for cold stacks (half the price, but the memory still counts
 * as the program's, which is what users look at).
 */
#include <moirai/stack.h>

#include <errno.h>
#include <pthread.h>
#include <stdalign.h>
#include <stdbool.h>
#include <unistd.h>

#include "mmap.h"

#define MMAP_REGION (UINT64_C(64) << 20)    /* bytes at least, and ... */
#define MMAP_REGION_STACKS 16       /* ... stacks at least in a region */
#define MMAP_KEEP ((size_t)256 << 10)   /* of a warm stack, at its top */
#define MMAP_WIDE (UINT64_C(1) << 20)   /* guard of a deep stack */
#define MMAP_NARROW (UINT64_C(16) << 10)    /* guard of a small one, least, */
#define MMAP_USUAL (UINT64_C(64) << 10)     /* and most */

/* Where addresses have 32 bits, all stacks share 3 GiB: room for 11,000 tasks
 * that wait, but only for 380 of those that fork if each had 8 MiB. */
#if UINTPTR_MAX > UINT32_MAX
#define MMAP_LOOP "8MiB"
#else
#define MMAP_LOOP "1MiB"
#endif

static size_t mmap_round(const struct mmap_state *s, uint64_t bytes)
{
    return (size_t)((bytes + s->page - 1) / s->page * s->page);
}

static void mmap_release_lists(struct mmap_state *s)
{
    const struct moirai_host *host = s->host;

    for (int i = 0; i < MOIRAI_STACK_CLASSES; i++) {
        host->release(host->ctx, s->classes[i].warm);
        host->release(host->ctx, s->classes[i].cold);
    }
}

static int mmap_alloc_lists(struct mmap_state *s)
{
    const struct moirai_host *host = s->host;

    for (int i = 0; i < MOIRAI_STACK_CLASSES && s->pool > 0; i++) {
        s->classes[i].warm = host->alloc(host->ctx,
                                         s->pool * sizeof(uintptr_t),
                                         alignof(uintptr_t));
        if (s->classes[i].warm == NULL) {
            mmap_release_lists(s);
            return -ENOMEM;
        }
    }
    return 0;
}

/* A quarter of a small stack: each page of a guard is an entry in a table that
 * a parked task would not need otherwise. */
static size_t mmap_small_guard(const struct mmap_state *s,
                               const struct mmap_config *conf, uint64_t size)
{
    uint64_t guard = size / 4;

    if (guard > MMAP_USUAL)
        guard = MMAP_USUAL;
    if (guard < MMAP_NARROW)
        guard = MMAP_NARROW;
    return mmap_round(s, conf->guard != 0 ? conf->guard : guard);
}

/* A deep stack's guard lies in a page table of its own however narrow it is, so
 * a wide one costs next to nothing, and catches large frames. */
static size_t mmap_loop_guard(const struct mmap_state *s,
                              const struct mmap_config *conf)
{
    uint64_t least = conf->loop / 8;

    if (least > MMAP_WIDE)
        least = MMAP_WIDE;
    if (least < MMAP_USUAL)
        least = MMAP_USUAL;
    return mmap_round(s, conf->guard > least ? conf->guard : least);
}

static int mmap_init(void *state, const void *config,
                     const struct moirai_host *host, struct moirai_error *err)
{
    const struct mmap_config *conf = config;
    struct mmap_state *s = state;
    int rc;

    s->host = host;
    s->page = (size_t)sysconf(_SC_PAGESIZE);
    s->pool = (size_t)conf->pool;
    s->classes[MOIRAI_STACK_TASK].size = mmap_round(s, conf->size);
    s->classes[MOIRAI_STACK_TASK].guard = mmap_small_guard(s, conf,
                                                           conf->size);
    s->classes[MOIRAI_STACK_LOOP].size = mmap_round(s, conf->loop);
    s->classes[MOIRAI_STACK_LOOP].guard = mmap_loop_guard(s, conf);
    s->classes[MOIRAI_STACK_EXTRA].size = mmap_round(s, conf->extra);
    s->classes[MOIRAI_STACK_EXTRA].guard = mmap_small_guard(s, conf,
                                                            conf->extra);
    rc = mo_mmap_guards_choose(s, conf->guard_kind, err);
    if (rc != 0)
        return rc;
    if (mmap_alloc_lists(s) != 0)
        return moirai_error_set(err, -ENOMEM,
                                "stack mmap: no memory for a pool of %zu",
                                s->pool);
    rc = pthread_mutex_init(&s->lock, NULL);
    if (rc != 0) {
        mmap_release_lists(s);
        return moirai_error_set(err, -rc, "stack mmap: cannot create a lock");
    }
    return 0;
}

static void mmap_fini(void *state)
{
    struct mmap_state *s = state;
    const struct moirai_host *host = s->host;

    for (int i = 0; i < MOIRAI_STACK_CLASSES; i++) {
        struct mmap_region *region = s->classes[i].regions;

        while (region != NULL) {
            struct mmap_region *next = region->next;

            munmap(region->start, region->bytes);
            host->release(host->ctx, region);
            region = next;
        }
    }
    mmap_release_lists(s);
    pthread_mutex_destroy(&s->lock);
}

/* Makes room in the cold list for `more` further stacks. It is empty: a stack
 * in it would have been taken. Under the lock. */
static int mmap_cold_grow(struct mmap_state *s, struct mmap_class *c,
                          uint64_t more)
{
    const struct moirai_host *host = s->host;
    size_t room = 2 * c->cold_room;
    uintptr_t *cold;

    if (c->carvable + more <= c->cold_room)
        return 0;
    if (room < c->carvable + more)
        room = c->carvable + more;
    cold = host->alloc(host->ctx, room * sizeof *cold, alignof(uintptr_t));
    if (cold == NULL)
        return -ENOMEM;
    host->release(host->ctx, c->cold);
    c->cold = cold;
    c->cold_room = room;
    return 0;
}

/* Reserves another region for a class that has carved all of its last. Under
 * the lock. */
static int mmap_reserve(struct mmap_state *s, struct mmap_class *c)
{
    const struct moirai_host *host = s->host;
    size_t stride = c->guard + c->size;
    uint64_t count = MMAP_REGION / stride;
    struct mmap_region *region;

    if (count < MMAP_REGION_STACKS)
        count = MMAP_REGION_STACKS;
    if (mmap_cold_grow(s, c, count) != 0)
        return -ENOMEM;
    region = host->alloc(host->ctx, sizeof *region,
                         alignof(struct mmap_region));
    if (region == NULL)
        return -ENOMEM;
    region->start = mmap_map(stride, &count);
    if (region->start == NULL) {
        host->release(host->ctx, region);
        return -ENOMEM;
    }
    region->bytes = count * stride;
    region->next = c->regions;
    c->regions = region;
    c->carvable += count;
    c->fresh = region->start;
    c->fresh_end = c->fresh + region->bytes;
    s->reserved_bytes += region->bytes;
    return 0;
}

/* Finds a stack without memory: base | kind of its guard; 0: no memory. Under
 * the lock. */
static uintptr_t mmap_find(struct mmap_state *s, struct mmap_class *c)
{
    char *start;

    if (c->cold_count > 0)
        return c->cold[--c->cold_count];
    if (c->fresh == c->fresh_end && mmap_reserve(s, c) != 0)
        return 0;
    start = c->fresh;
    c->fresh += c->guard + c->size;
    return (uintptr_t)(start + c->guard) | MOIRAI_GUARD_NONE;
}

static uintptr_t mmap_entry(const struct moirai_stack *stack)
{
    return (uintptr_t)stack->base | stack->guard_kind;
}

static void mmap_fill(const struct mmap_state *s, uintptr_t found,
                      enum moirai_stack_class stack_class,
                      struct moirai_stack *stack)
{
    const struct mmap_class *c = &s->classes[stack_class];
    enum moirai_guard kind = (enum moirai_guard)(found % s->page);

    stack->base = (char *)(found - kind);
    stack->size = c->size;
    stack->guard = kind != MOIRAI_GUARD_NONE ? c->guard : 0;
    stack->stack_class = stack_class;
    stack->guard_kind = kind;
}

/* Has their top pages there, which will be used at once, and the next ones as
 * what they are until somebody writes there, the system's page of zeros: the
 * core looks there. Faults cost more, one by one. That it may fail does not
 * matter. */
static void mmap_populate(const struct mmap_state *s,
                          const struct moirai_stack *stacks, uint32_t n)
{
    struct iovec ranges[MMAP_MANY];

    if (n < 2 || s->means != MMAP_BATCHES)
        return;
    for (uint32_t i = 0; i < n; i++)
        ranges[i] = (struct iovec){
            stacks[i].base + stacks[i].size - s->page, s->page
        };
    (void)mmap_advise(s->means, ranges, n, MADV_POPULATE_WRITE);
    for (uint32_t i = 0; i < n; i++)
        ranges[i].iov_base = (char *)ranges[i].iov_base - s->page;
    (void)mmap_advise(s->means, ranges, n, MADV_POPULATE_READ);
}

/* At most MMAP_MANY of them. */
static uint32_t mmap_get_some(struct mmap_state *s,
                              enum moirai_stack_class stack_class,
                              struct moirai_stack *stacks, uint32_t n)
{
    struct mmap_class *c = &s->classes[stack_class];
    uintptr_t found;
    uint32_t filled = 0;
    uint32_t warm;

    pthread_mutex_lock(&s->lock);
    for (; filled < n && c->warm_count > 0; filled++)
        mmap_fill(s, c->warm[--c->warm_count], stack_class, &stacks[filled]);
    warm = filled;
    for (; filled < n && (found = mmap_find(s, c)) != 0; filled++)
        mmap_fill(s, found, stack_class, &stacks[filled]);
    s->stacks += filled;
    pthread_mutex_unlock(&s->lock);
    if (filled > 0)
        mo_mmap_guards_set(s, stacks, filled);
    mmap_populate(s, stacks + warm, filled - warm);
    return filled;
}

static uint32_t mmap_get_many(void *state, enum moirai_stack_class stack_class,
                              struct moirai_stack *stacks, uint32_t n)
{
    uint32_t filled = 0;

    while (filled < n) {
        uint32_t some = n - filled < MMAP_MANY ? n - filled : MMAP_MANY;

        some = mmap_get_some(state, stack_class, stacks + filled, some);
        if (some == 0)
            break;
        filled += some;
    }
    return filled;
}

static int mmap_get(void *state, enum moirai_stack_class stack_class,
                    struct moirai_stack *stack)
{
    return mmap_get_some(state, stack_class, stack, 1) == 1 ? 0 : -ENOMEM;
}

/* Gives back their memory but for `keep` bytes at the top. */
static void mmap_chill(const struct mmap_state *s,
                       const struct moirai_stack *stacks, uint32_t n,
                       size_t keep)
{
    struct iovec ranges[MMAP_MANY];

    if (n == 0 || stacks->size <= keep)
        return;
    for (uint32_t i = 0; i < n; i++)
        ranges[i] = (struct iovec){ stacks[i].base, stacks[i].size - keep };
    (void)mmap_advise(s->means, ranges, n, MADV_DONTNEED);
}

/* At most MMAP_MANY of them. */
static void mmap_put_some(struct mmap_state *s,
                          const struct moirai_stack *stacks, uint32_t n)
{
    struct mmap_class *c = &s->classes[stacks->stack_class];
    uint32_t warm = 0;

    mmap_chill(s, stacks, n, MMAP_KEEP);
    pthread_mutex_lock(&s->lock);
    s->stacks -= n;
    for (; warm < n && c->warm_count < s->pool; warm++)
        c->warm[c->warm_count++] = mmap_entry(&stacks[warm]);
    pthread_mutex_unlock(&s->lock);
    if (warm == n)
        return;
    mmap_chill(s, stacks + warm, n - warm, 0);
    pthread_mutex_lock(&s->lock);
    for (uint32_t i = warm; i < n; i++)
        c->cold[c->cold_count++] = mmap_entry(&stacks[i]);
    pthread_mutex_unlock(&s->lock);
}

static void mmap_put_many(void *state, const struct moirai_stack *stacks,
                          uint32_t n)
{
    for (uint32_t i = 0; i < n; i += MMAP_MANY)
        mmap_put_some(state, stacks + i, n - i < MMAP_MANY ? n - i : MMAP_MANY);
}

static void mmap_put(void *state, const struct moirai_stack *stack)
{
    mmap_put_some(state, stack, 1);
}

/* Some that are warm; false: there are none. */
static bool mmap_cool_some(struct mmap_state *s,
                           enum moirai_stack_class stack_class)
{
    struct mmap_class *c = &s->classes[stack_class];
    struct moirai_stack stacks[MMAP_MANY];
    uint32_t n = 0;

    pthread_mutex_lock(&s->lock);
    while (n < MMAP_MANY && c->warm_count > 0)
        mmap_fill(s, c->warm[--c->warm_count], stack_class, &stacks[n++]);
    pthread_mutex_unlock(&s->lock);
    mmap_chill(s, stacks, n, 0);
    pthread_mutex_lock(&s->lock);
    for (uint32_t i = 0; i < n; i++)
        c->cold[c->cold_count++] = mmap_entry(&stacks[i]);
    pthread_mutex_unlock(&s->lock);
    return n > 0;
}

static void mmap_cool(void *state)
{
    for (int i = 0; i < MOIRAI_STACK_CLASSES; i++)
        while (mmap_cool_some(state, (enum moirai_stack_class)i))
            continue;
}

static void mmap_trim(void *state, const struct moirai_stack *stack, char *low)
{
    struct mmap_state *s = state;
    size_t below = (size_t)(low - stack->base) / s->page * s->page;

    if (below > 0)
        madvise(stack->base, below, MADV_DONTNEED);
}

static size_t mmap_class_size(void *state, enum moirai_stack_class stack_class)
{
    struct mmap_state *s = state;

    return s->classes[stack_class].size;
}

static void mmap_usage(void *state, struct moirai_stack_usage *usage)
{
    struct mmap_state *s = state;

    pthread_mutex_lock(&s->lock);
    *usage = (struct moirai_stack_usage){
        .reserved_bytes = s->reserved_bytes,
        .stacks = s->stacks,
        .guard_kind = s->guard_kind,
    };
    for (int i = 0; i < MOIRAI_STACK_CLASSES; i++)
        usage->pooled += s->classes[i].warm_count + s->classes[i].cold_count;
    pthread_mutex_unlock(&s->lock);
}

static const char *const mmap_auto[] = { "auto", NULL };
static const char *const mmap_no_extra[] = { "none", NULL };

static const char *const mmap_guard_choices[] = {
    [MMAP_AUTO] = "auto",
    [MMAP_INSTALL] = "install",
    [MMAP_MPROTECT] = "mprotect",
    [MMAP_NONE] = "none",
    NULL,
};

static const struct moirai_option mmap_options[] = {
    { .name = "size", .preset = "256KiB",
      .help = "stack of a task that waits; only touched pages cost memory",
      .type = MOIRAI_SIZE, .offset = offsetof(struct mmap_config, size),
      .min = UINT64_C(16) << 10, .max = UINT64_C(1) << 30 },
    { .name = "loop", .preset = MMAP_LOOP,
      .help = "stack that tasks run on until they first wait",
      .type = MOIRAI_SIZE, .offset = offsetof(struct mmap_config, loop),
      .min = UINT64_C(64) << 10, .max = UINT64_C(1) << 30 },
    { .name = "extra", .preset = "none",
      .help = "a third size, of tasks that say how much they need "
              "(moirai_attr.stack_size), where it is the least that is enough",
      .type = MOIRAI_SIZE, .offset = offsetof(struct mmap_config, extra),
      .min = UINT64_C(16) << 10, .max = UINT64_C(1) << 30,
      .choices = mmap_no_extra },
    { .name = "guard", .preset = "auto",
      .help = "inaccessible bytes below a stack, whole pages; auto: a quarter "
              "of its size, 16KiB to 64KiB; a deep one has 1MiB at least",
      .type = MOIRAI_SIZE, .offset = offsetof(struct mmap_config, guard),
      .min = UINT64_C(4) << 10, .max = UINT64_C(64) << 20,
      .choices = mmap_auto },
    { .name = "pool", .preset = "256",
      .help = "unused stacks of a class that keep their memory",
      .type = MOIRAI_UINT, .offset = offsetof(struct mmap_config, pool),
      .min = 0, .max = UINT64_C(1) << 20 },
    { .name = "guard_kind", .preset = "auto",
      .help = "how the guard is set; auto: the best that this kernel has",
      .type = MOIRAI_CHOICE,
      .offset = offsetof(struct mmap_config, guard_kind),
      .choices = mmap_guard_choices },
    { .name = NULL },
};

static const struct moirai_stack_ops mmap_ops = {
    .state_size = sizeof(struct mmap_state),
    .init = mmap_init,
    .fini = mmap_fini,
    .get = mmap_get,
    .put = mmap_put,
    .trim = mmap_trim,
    .class_size = mmap_class_size,
    .usage = mmap_usage,
    .relax = mo_mmap_guards_relax,
    .get_many = mmap_get_many,
    .put_many = mmap_put_many,
    .cool = mmap_cool,
    .classes = MOIRAI_STACK_CLASSES,
};

MOIRAI_PLUGIN(stack, mmap) = {
    .abi = MOIRAI_PLUGIN_ABI,
    .size = sizeof(struct moirai_plugin),
    .kind = MOIRAI_STACK,
    .ops_abi = MOIRAI_STACK_ABI,
    .name = "mmap",
    .version = "1.0",
    .summary = "guarded stacks out of large reservations, pooled",
    .rank = 10,
    .options = mmap_options,
    .config_size = sizeof(struct mmap_config),
    .ops = &mmap_ops,
    .ops_size = sizeof mmap_ops,
};
