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
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/utsname.h>
#include <unistd.h>

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102      /* glibc 2.41 has them */
#define MADV_GUARD_REMOVE 103
#endif
#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41       /* linux/prctl.h */
#define PR_SET_VMA_ANON_NAME 0
#endif

#define MMAP_REGION (UINT64_C(64) << 20)    /* bytes at least, and ... */
#define MMAP_REGION_STACKS 16       /* ... stacks at least in a region */
#define MMAP_KEEP ((size_t)256 << 10)   /* of a warm stack, at its top */
#define MMAP_WIDE (UINT64_C(1) << 20)   /* guard of a deep stack */
#define MMAP_MAPS 65530             /* vm.max_map_count if unknown */

/* Where addresses have 32 bits, all stacks share 3 GiB: room for 11,000 tasks
 * that wait, but only for 380 of those that fork if each had 8 MiB. */
#if UINTPTR_MAX > UINT32_MAX
#define MMAP_LOOP "8MiB"
#else
#define MMAP_LOOP "1MiB"
#endif

enum mmap_guard_choice {
    MMAP_AUTO,
    MMAP_INSTALL,
    MMAP_MPROTECT,
    MMAP_NONE
};

struct mmap_config {
    uint64_t size;
    uint64_t loop;
    uint64_t guard;
    uint64_t pool;
    uint32_t guard_kind;            /* enum mmap_guard_choice */
};

struct mmap_region {
    struct mmap_region *next;
    void *start;
    size_t bytes;
};

struct mmap_class {                 /* all but `size` under the state's lock */
    size_t size;                    /* usable bytes of a stack; constant, as */
    size_t guard;                   /* is this */
    struct mmap_region *regions;
    char *fresh, *fresh_end;        /* of the newest region: not carved yet */
    uintptr_t *warm, *cold;         /* base | enum moirai_guard */
    size_t warm_count;              /* warm has room for `pool` */
    size_t cold_count, cold_room;
    uint64_t carvable;              /* stacks in all regions */
};

struct mmap_state {
    const struct moirai_host *host; /* constant, as are the next three */
    size_t page;
    size_t pool;
    pthread_mutex_t lock;           /* guards the rest */
    struct mmap_class classes[MOIRAI_STACK_CLASSES];
    enum moirai_guard guard_kind;   /* in force */
    uint64_t guards_left;           /* how many mprotect may still set */
    uint64_t reserved_bytes;
    uint64_t stacks;                /* handed out */
};

static size_t mmap_round(const struct mmap_state *s, uint64_t bytes)
{
    return (size_t)((bytes + s->page - 1) / s->page * s->page);
}

/* Does the kernel have MADV_GUARD_INSTALL, and allow it to this process? (Not
 * where all memory is locked, on some versions.) Emulators say that it has when
 * they only do not know the number, so the kernel is made to write there, by a
 * call whose argument valgrind does not look at itself. */
static bool mmap_can_install(size_t page)
{
    void *scratch = mmap(NULL, page, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    bool can;

    if (scratch == MAP_FAILED)
        return false;
    can = madvise(scratch, page, MADV_GUARD_INSTALL) == 0
          && uname(scratch) != 0 && errno == EFAULT;
    munmap(scratch, page);
    return can;
}

/* How many stacks may have a guard by mprotect. */
static uint64_t mmap_guards_allowed(void)
{
    FILE *file = fopen("/proc/sys/vm/max_map_count", "re");
    unsigned long maps = MMAP_MAPS;

    if (file != NULL) {
        if (fscanf(file, "%lu", &maps) != 1)
            maps = MMAP_MAPS;
        fclose(file);
    }
    return (maps - maps / 4) / 2;
}

/* Decides how overflow is caught, for good unless it fails later. */
static int mmap_choose_guard(struct mmap_state *s, uint32_t choice,
                             struct moirai_error *err)
{
    bool can = choice != MMAP_NONE && mmap_can_install(s->page);

    if (choice == MMAP_INSTALL && !can)
        return moirai_error_set(err, -ENOTSUP,
                                "stack mmap: this kernel cannot install "
                                "guards (Linux 6.13 can); guard_kind: auto "
                                "takes what there is");
    if (choice == MMAP_NONE) {
        s->guard_kind = MOIRAI_GUARD_NONE;
        for (int i = 0; i < MOIRAI_STACK_CLASSES; i++)
            s->classes[i].guard = 0;
    } else if (can && choice != MMAP_MPROTECT) {
        s->guard_kind = MOIRAI_GUARD_INSTALL;
    } else {
        s->guard_kind = MOIRAI_GUARD_MPROTECT;
    }
    s->guards_left = mmap_guards_allowed();
    return 0;
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

/* A deep stack's guard lies in a page table of its own however narrow it is, so
 * a wide one costs next to nothing, and catches large frames. */
static size_t mmap_loop_guard(const struct mmap_state *s,
                              const struct mmap_config *conf)
{
    uint64_t most = conf->loop / 8;

    if (most > MMAP_WIDE)
        most = MMAP_WIDE;
    return mmap_round(s, conf->guard > most ? conf->guard : most);
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
    s->classes[MOIRAI_STACK_TASK].guard = mmap_round(s, conf->guard);
    s->classes[MOIRAI_STACK_LOOP].size = mmap_round(s, conf->loop);
    s->classes[MOIRAI_STACK_LOOP].guard = mmap_loop_guard(s, conf);
    rc = mmap_choose_guard(s, conf->guard_kind, err);
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

/* Maps as much of the wanted region as the system grants; *count is then how
 * many stacks it has. NULL: not even one. */
static char *mmap_map(size_t stride, uint64_t *count)
{
    for (uint64_t n = *count; n > 0; n /= 2) {
        void *start = mmap(NULL, n * stride, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

        if (start == MAP_FAILED)
            continue;
        /* Both may fail on a kernel without them, and nothing is lost. */
        madvise(start, n * stride, MADV_NOHUGEPAGE);
        prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, start, n * stride,
              "moirai stacks");
        *count = n;
        return start;
    }
    return NULL;
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

/* Finds a stack: base | kind of its guard; 0: no memory. Under the lock. */
static uintptr_t mmap_find(struct mmap_state *s, struct mmap_class *c)
{
    char *start;

    if (c->warm_count > 0)
        return c->warm[--c->warm_count];
    if (c->cold_count > 0)
        return c->cold[--c->cold_count];
    if (c->fresh == c->fresh_end && mmap_reserve(s, c) != 0)
        return 0;
    start = c->fresh;
    c->fresh += c->guard + c->size;
    return (uintptr_t)(start + c->guard) | MOIRAI_GUARD_NONE;
}

/* A kind of guard cannot be set any more: goes on with the next, and says so
 * once. */
static void mmap_guards_end(struct mmap_state *s, enum moirai_guard kind)
{
    bool first;

    pthread_mutex_lock(&s->lock);
    first = s->guard_kind == kind;
    if (first)
        s->guard_kind = kind == MOIRAI_GUARD_INSTALL ? MOIRAI_GUARD_MPROTECT
                                                     : MOIRAI_GUARD_NONE;
    pthread_mutex_unlock(&s->lock);
    if (!first)
        return;
    s->host->log(s->host->ctx, MOIRAI_LOG_WARN, "%s",
                 kind == MOIRAI_GUARD_INSTALL
                     ? "stack mmap: the kernel installs no more guards; "
                       "further stacks are guarded by mprotect"
                     : "stack mmap: vm.max_map_count allows no more guarded "
                       "stacks; further ones have no guard");
}

static bool mmap_guard_set(char *base, size_t size, enum moirai_guard kind)
{
    if (kind == MOIRAI_GUARD_INSTALL)
        return madvise(base - size, size, MADV_GUARD_INSTALL) == 0;
    return mprotect(base - size, size, PROT_NONE) == 0;
}

/* Guards a stack that nobody else knows of, as well as can be. */
static enum moirai_guard mmap_guard(struct mmap_state *s, char *base,
                                    size_t size)
{
    for (;;) {
        enum moirai_guard kind;
        bool allowed = true;

        pthread_mutex_lock(&s->lock);
        kind = s->guard_kind;
        if (kind == MOIRAI_GUARD_MPROTECT) {
            allowed = s->guards_left > 0;
            s->guards_left -= allowed;
        }
        pthread_mutex_unlock(&s->lock);
        if (kind == MOIRAI_GUARD_NONE)
            return kind;
        if (allowed && mmap_guard_set(base, size, kind))
            return kind;
        mmap_guards_end(s, kind);
    }
}

static int mmap_get(void *state, enum moirai_stack_class stack_class,
                    struct moirai_stack *stack)
{
    struct mmap_state *s = state;
    struct mmap_class *c = &s->classes[stack_class];
    enum moirai_guard kind;
    uintptr_t found;

    pthread_mutex_lock(&s->lock);
    found = mmap_find(s, c);
    s->stacks += found != 0;
    pthread_mutex_unlock(&s->lock);
    if (found == 0)
        return -ENOMEM;
    kind = (enum moirai_guard)(found % s->page);
    stack->base = (char *)(found - kind);
    if (kind == MOIRAI_GUARD_NONE)
        kind = mmap_guard(s, stack->base, c->guard);
    stack->size = c->size;
    stack->guard = kind != MOIRAI_GUARD_NONE ? c->guard : 0;
    stack->stack_class = stack_class;
    stack->guard_kind = kind;
    return 0;
}

static void mmap_put(void *state, const struct moirai_stack *stack)
{
    struct mmap_state *s = state;
    struct mmap_class *c = &s->classes[stack->stack_class];
    uintptr_t entry = (uintptr_t)stack->base | stack->guard_kind;
    bool warm;

    if (c->size > MMAP_KEEP)
        madvise(stack->base, c->size - MMAP_KEEP, MADV_DONTNEED);
    pthread_mutex_lock(&s->lock);
    s->stacks--;
    warm = c->warm_count < s->pool;
    if (warm)
        c->warm[c->warm_count++] = entry;
    pthread_mutex_unlock(&s->lock);
    if (warm)
        return;
    madvise(stack->base, c->size, MADV_DONTNEED);
    pthread_mutex_lock(&s->lock);
    c->cold[c->cold_count++] = entry;
    pthread_mutex_unlock(&s->lock);
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

/* The lowest page stays guarded; `s` is only read where it is constant. */
static size_t mmap_relax(void *state, const struct moirai_stack *stack,
                         bool open)
{
    struct mmap_state *s = state;
    char *low = stack->base - stack->guard + s->page;
    size_t room = stack->guard > s->page ? stack->guard - s->page : 0;
    int rc;

    if (room == 0)
        return 0;
    if (stack->guard_kind == MOIRAI_GUARD_INSTALL)
        rc = madvise(low, room, open ? MADV_GUARD_REMOVE : MADV_GUARD_INSTALL);
    else if (open)
        rc = mprotect(low, room, PROT_READ | PROT_WRITE);
    else
        rc = madvise(low, room, MADV_DONTNEED) != 0
            || mprotect(low, room, PROT_NONE) != 0;
    return rc == 0 ? room : 0;
}

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
    { .name = "guard", .preset = "64KiB",
      .help = "inaccessible bytes below a stack, whole pages; a deep one has "
              "1MiB at least",
      .type = MOIRAI_SIZE, .offset = offsetof(struct mmap_config, guard),
      .min = UINT64_C(4) << 10, .max = UINT64_C(64) << 20 },
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
    .relax = mmap_relax,
};

MOIRAI_PLUGIN(stack, mmap) = {
    .abi = MOIRAI_PLUGIN_ABI,
    .size = sizeof(struct moirai_plugin),
    .kind = MOIRAI_STACK,
    .ops_abi = MOIRAI_STACK_ABI,
    .name = "mmap",
    .version = "1.0",
    .summary = "guarded stacks out of large reservations, pooled",
    .options = mmap_options,
    .config_size = sizeof(struct mmap_config),
    .ops = &mmap_ops,
    .ops_size = sizeof mmap_ops,
};
