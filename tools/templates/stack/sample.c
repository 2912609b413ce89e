/* SPDX-License-Identifier: MIT */
/*
 * sample.c - a stack allocator for moirai: a mapping per stack, with a guard.
 *
 * What is put back waits in a list, whose links lie in the stacks themselves.
 * moirai/stack.h has the contract.
 */
#include <moirai/stack.h>

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct sample_config {              /* filled by the options below */
    uint64_t size, loop;
};

struct sample {                     /* one for each runtime, zeroed */
    size_t sizes[MOIRAI_STACK_CLASSES];     /* constant, as is: */
    size_t page;
    pthread_mutex_t lock;           /* guards the rest */
    char *pooled[MOIRAI_STACK_CLASSES];     /* each begins with the next one */
    uint64_t out, waiting, bytes;
};

static int sample_init(void *state, const void *config,
                       const struct moirai_host *host,
                       struct moirai_error *err)
{
    const struct sample_config *c = config;
    struct sample *s = state;
    int rc = pthread_mutex_init(&s->lock, NULL);

    (void)host;
    if (rc != 0)
        return moirai_error_set(err, -rc, "sample: cannot create a lock");
    s->page = (size_t)sysconf(_SC_PAGESIZE);
    s->sizes[MOIRAI_STACK_TASK] = (c->size + s->page - 1) & -s->page;
    s->sizes[MOIRAI_STACK_LOOP] = (c->loop + s->page - 1) & -s->page;
    return 0;
}

static void sample_fini(void *state)
{
    struct sample *s = state;

    for (int i = 0; i < MOIRAI_STACK_CLASSES; i++) {
        while (s->pooled[i] != NULL) {
            char *base = s->pooled[i];

            memcpy(&s->pooled[i], base, sizeof base);
            munmap(base - s->page, s->sizes[i] + s->page);
        }
    }
    pthread_mutex_destroy(&s->lock);
}

/* A new one, a page of guard below it; NULL: no memory. */
static char *sample_map(const struct sample *s, size_t size)
{
    char *low = mmap(NULL, size + s->page, PROT_NONE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (low == MAP_FAILED)
        return NULL;
    if (mprotect(low + s->page, size, PROT_READ | PROT_WRITE) == 0)
        return low + s->page;
    munmap(low, size + s->page);
    return NULL;
}

static int sample_get(void *state, enum moirai_stack_class stack_class,
                      struct moirai_stack *stack)
{
    struct sample *s = state;
    size_t size = s->sizes[stack_class];
    char *base;

    pthread_mutex_lock(&s->lock);
    base = s->pooled[stack_class];
    if (base != NULL) {
        memcpy(&s->pooled[stack_class], base, sizeof base);
        s->waiting--;
    } else {
        base = sample_map(s, size);
        s->bytes += base != NULL ? size + s->page : 0;
    }
    s->out += base != NULL;
    pthread_mutex_unlock(&s->lock);
    if (base == NULL)
        return -ENOMEM;
    *stack = (struct moirai_stack){ base, size, s->page, stack_class,
                                    MOIRAI_GUARD_MPROTECT };
    return 0;
}

static void sample_put(void *state, const struct moirai_stack *stack)
{
    struct sample *s = state;
    char **first = &s->pooled[stack->stack_class];

    pthread_mutex_lock(&s->lock);
    memcpy(stack->base, first, sizeof *first);
    *first = stack->base;
    s->waiting++;
    s->out--;
    pthread_mutex_unlock(&s->lock);
}

static size_t sample_class_size(void *state,
                                enum moirai_stack_class stack_class)
{
    struct sample *s = state;

    return s->sizes[stack_class];
}

static void sample_usage(void *state, struct moirai_stack_usage *usage)
{
    struct sample *s = state;

    pthread_mutex_lock(&s->lock);
    *usage = (struct moirai_stack_usage){
        .reserved_bytes = s->bytes,
        .stacks = s->out,
        .pooled = s->waiting,
        .guard_kind = MOIRAI_GUARD_MPROTECT,
    };
    pthread_mutex_unlock(&s->lock);
}

static const struct moirai_option sample_options[] = {
    { .name = "size", .preset = "64KiB",
      .help = "of the stack of a task that waits",
      .type = MOIRAI_SIZE, .offset = offsetof(struct sample_config, size),
      .min = 16384, .max = UINT64_C(1) << 30 },
    { .name = "loop", .preset = "1MiB",
      .help = "of a stack that fresh tasks run on",
      .type = MOIRAI_SIZE, .offset = offsetof(struct sample_config, loop),
      .min = 65536, .max = UINT64_C(1) << 30 },
    { .name = NULL },
};

static const struct moirai_stack_ops sample_ops = {
    .state_size = sizeof(struct sample),
    .init = sample_init,
    .fini = sample_fini,
    .get = sample_get,
    .put = sample_put,
    .class_size = sample_class_size,
    .usage = sample_usage,
};

MOIRAI_PLUGIN(stack, sample) = {
    .abi = MOIRAI_PLUGIN_ABI,
    .size = sizeof(struct moirai_plugin),
    .kind = MOIRAI_STACK,
    .ops_abi = MOIRAI_STACK_ABI,
    .name = "sample",
    .version = "1.0",
    .summary = "a mapping per stack, used again",
    .options = sample_options,
    .config_size = sizeof(struct sample_config),
    .ops = &sample_ops,
    .ops_size = sizeof sample_ops,
};
