/* SPDX-License-Identifier: MIT */
/*
 * heap.c - stacks out of the runtime's own memory.
 *
 * For systems without mmap, where it is the preset. There is no guard: what
 * overflows its stack overwrites what lies below. What comes back is kept for
 * the next who wants one, at most `pool` of each class, linked through the
 * stacks' lowest bytes.
 *
 * Locks: one, around the lists. Memory is allocated and released outside.
 */
#include <moirai/stack.h>

#include <errno.h>
#include <pthread.h>
#include <stdalign.h>
#include <stddef.h>

struct heap_config {
    uint64_t size;
    uint64_t loop;
    uint64_t extra;                 /* 0: none */
    uint64_t pool;
};

struct heap_free {                  /* at the base of a stack nobody has */
    struct heap_free *next;
};

struct heap_class {
    size_t size;                    /* constant */
    struct heap_free *free;         /* under the state's lock, as is */
    uint64_t count;                 /* this */
};

struct heap_state {
    const struct moirai_host *host; /* constant, as is */
    uint64_t pool;                  /* this */
    pthread_mutex_t lock;           /* guards the rest */
    struct heap_class classes[MOIRAI_STACK_CLASSES];
    uint64_t stacks;                /* handed out */
    uint64_t bytes;                 /* of all stacks, pooled ones too */
};

static size_t heap_round(uint64_t bytes)
{
    return (size_t)((bytes + 63) / 64 * 64);
}

static int heap_init(void *state, const void *config,
                     const struct moirai_host *host, struct moirai_error *err)
{
    const struct heap_config *conf = config;
    struct heap_state *s = state;
    int rc = pthread_mutex_init(&s->lock, NULL);

    if (rc != 0)
        return moirai_error_set(err, -rc, "stack heap: cannot create a lock");
    s->host = host;
    s->pool = conf->pool;
    s->classes[MOIRAI_STACK_TASK].size = heap_round(conf->size);
    s->classes[MOIRAI_STACK_LOOP].size = heap_round(conf->loop);
    s->classes[MOIRAI_STACK_EXTRA].size = heap_round(conf->extra);
    return 0;
}

static void heap_release_all(const struct heap_state *s,
                             struct heap_free *stack)
{
    while (stack != NULL) {
        struct heap_free *next = stack->next;

        s->host->release(s->host->ctx, stack);
        stack = next;
    }
}

static void heap_fini(void *state)
{
    struct heap_state *s = state;

    for (int i = 0; i < MOIRAI_STACK_CLASSES; i++)
        heap_release_all(s, s->classes[i].free);
    pthread_mutex_destroy(&s->lock);
}

/* One from the pool, or NULL; either way it counts as handed out. */
static struct heap_free *heap_take(struct heap_state *s, struct heap_class *c)
{
    struct heap_free *found;

    pthread_mutex_lock(&s->lock);
    found = c->free;
    if (found != NULL) {
        c->free = found->next;
        c->count--;
    } else {
        s->bytes += c->size;
    }
    s->stacks++;
    pthread_mutex_unlock(&s->lock);
    return found;
}

static int heap_get(void *state, enum moirai_stack_class stack_class,
                    struct moirai_stack *stack)
{
    struct heap_state *s = state;
    struct heap_class *c = &s->classes[stack_class];
    void *base = heap_take(s, c);

    if (base == NULL)
        base = s->host->alloc(s->host->ctx, c->size, alignof(max_align_t));
    if (base == NULL) {
        pthread_mutex_lock(&s->lock);
        s->stacks--;
        s->bytes -= c->size;
        pthread_mutex_unlock(&s->lock);
        return -ENOMEM;
    }
    *stack = (struct moirai_stack){
        .base = base,
        .size = c->size,
        .stack_class = stack_class,
        .guard_kind = MOIRAI_GUARD_NONE,
    };
    return 0;
}

static void heap_put(void *state, const struct moirai_stack *stack)
{
    struct heap_state *s = state;
    struct heap_class *c = &s->classes[stack->stack_class];
    struct heap_free *free = (struct heap_free *)(void *)stack->base;
    bool kept;

    pthread_mutex_lock(&s->lock);
    s->stacks--;
    kept = c->count < s->pool;
    if (kept) {
        free->next = c->free;
        c->free = free;
        c->count++;
    } else {
        s->bytes -= c->size;
    }
    pthread_mutex_unlock(&s->lock);
    if (!kept)
        s->host->release(s->host->ctx, stack->base);
}

static void heap_cool(void *state)
{
    struct heap_state *s = state;

    for (int i = 0; i < MOIRAI_STACK_CLASSES; i++) {
        struct heap_class *c = &s->classes[i];
        struct heap_free *stack;

        pthread_mutex_lock(&s->lock);
        stack = c->free;
        s->bytes -= c->count * c->size;
        c->free = NULL;
        c->count = 0;
        pthread_mutex_unlock(&s->lock);
        heap_release_all(s, stack);
    }
}

static size_t heap_class_size(void *state, enum moirai_stack_class stack_class)
{
    struct heap_state *s = state;

    return s->classes[stack_class].size;
}

static void heap_usage(void *state, struct moirai_stack_usage *usage)
{
    struct heap_state *s = state;

    pthread_mutex_lock(&s->lock);
    *usage = (struct moirai_stack_usage){
        .reserved_bytes = s->bytes,
        .stacks = s->stacks,
        .guard_kind = MOIRAI_GUARD_NONE,
    };
    for (int i = 0; i < MOIRAI_STACK_CLASSES; i++)
        usage->pooled += s->classes[i].count;
    pthread_mutex_unlock(&s->lock);
}

static const char *const heap_none[] = { "none", NULL };

static const struct moirai_option heap_options[] = {
    { .name = "size", .preset = "256KiB",
      .help = "stack of a task that waits",
      .type = MOIRAI_SIZE, .offset = offsetof(struct heap_config, size),
      .min = UINT64_C(16) << 10, .max = UINT64_C(1) << 30 },
    { .name = "loop", .preset = "1MiB",
      .help = "stack that tasks run on until they first wait",
      .type = MOIRAI_SIZE, .offset = offsetof(struct heap_config, loop),
      .min = UINT64_C(64) << 10, .max = UINT64_C(1) << 30 },
    { .name = "extra", .preset = "none",
      .help = "a third size, of tasks that say how much they need "
              "(moirai_attr.stack_size), where it is the least that is enough",
      .type = MOIRAI_SIZE, .offset = offsetof(struct heap_config, extra),
      .min = UINT64_C(16) << 10, .max = UINT64_C(1) << 30,
      .choices = heap_none },
    { .name = "pool", .preset = "16",
      .help = "unused stacks of a class that are kept",
      .type = MOIRAI_UINT, .offset = offsetof(struct heap_config, pool),
      .min = 0, .max = UINT64_C(1) << 20 },
    { .name = NULL },
};

static const struct moirai_stack_ops heap_ops = {
    .state_size = sizeof(struct heap_state),
    .init = heap_init,
    .fini = heap_fini,
    .get = heap_get,
    .put = heap_put,
    .class_size = heap_class_size,
    .usage = heap_usage,
    .cool = heap_cool,
    .classes = MOIRAI_STACK_CLASSES,
};

MOIRAI_PLUGIN(stack, heap) = {
    .abi = MOIRAI_PLUGIN_ABI,
    .size = sizeof(struct moirai_plugin),
    .kind = MOIRAI_STACK,
    .ops_abi = MOIRAI_STACK_ABI,
    .name = "heap",
    .version = "1.0",
    .summary = "stacks out of the runtime's memory, pooled, without guards",
    .options = heap_options,
    .config_size = sizeof(struct heap_config),
    .ops = &heap_ops,
    .ops_size = sizeof heap_ops,
};
