/* SPDX-License-Identifier: MIT */
/*
 * stack_wrong.c - a stack allocator with the fault that its option names; with
 * `none` it keeps its promises.
 *
 * Each stack is a mapping with a page of guard, and waits in a list, whose
 * links lie in the stacks themselves, to be used again.
 */
#include <moirai/stack.h>

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum fault {
    NONE,
    SHARES,                         /* some get the same stack as others */
    UNGUARDED,                      /* the guard can be written */
    SHORT,                          /* class_size says less than there is */
    GROWS,                          /* no stack is used again */
    STAYS,                          /* fini unmaps nothing */
    GREEDY,                         /* trim takes what is in use, too */
    IDLE,                           /* trim gives nothing back */
    FORGETS                         /* usage counts no stacks as out */
};

static const char *const fault_words[] = {
    "none", "shares", "unguarded", "short", "grows", "stays", "greedy", "idle",
    "forgets", NULL,
};

struct wrong_config {
    uint32_t fault;
};

struct wrong {
    enum fault fault;
    size_t page;
    pthread_mutex_t lock;           /* guards the rest */
    char *free[MOIRAI_STACK_CLASSES];   /* each begins with the next one */
    uint64_t stacks, gets, bytes;
    char *shared;                   /* NULL until somebody has it */
};

static size_t wrong_size(enum moirai_stack_class stack_class)
{
    return stack_class == MOIRAI_STACK_LOOP ? 256 * 1024 : 64 * 1024;
}

static int wrong_init(void *state, const void *config,
                      const struct moirai_host *host, struct moirai_error *err)
{
    const struct wrong_config *c = config;
    struct wrong *s = state;

    (void)host;
    (void)err;
    s->fault = (enum fault)c->fault;
    s->page = (size_t)sysconf(_SC_PAGESIZE);
    pthread_mutex_init(&s->lock, NULL);
    return 0;
}

static void wrong_fini(void *state)
{
    struct wrong *s = state;

    for (int c = 0; c < MOIRAI_STACK_CLASSES; c++) {
        char *next;

        for (char *base = s->free[c]; base != NULL; base = next) {
            memcpy(&next, base, sizeof next);
            if (s->fault != STAYS)
                munmap(base - s->page,
                       wrong_size((enum moirai_stack_class)c) + s->page);
        }
    }
    if (s->shared != NULL)
        munmap(s->shared - s->page, wrong_size(MOIRAI_STACK_TASK) + s->page);
    pthread_mutex_destroy(&s->lock);
}

/* A new one; NULL: no memory. */
static char *wrong_map(struct wrong *s, size_t size)
{
    char *base = mmap(NULL, size + s->page, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (base == MAP_FAILED)
        return NULL;
    if (s->fault != UNGUARDED)
        mprotect(base, s->page, PROT_NONE);
    s->bytes += size + s->page;
    return base + s->page;
}

static int wrong_get(void *state, enum moirai_stack_class stack_class,
                     struct moirai_stack *stack)
{
    struct wrong *s = state;
    char *base;

    pthread_mutex_lock(&s->lock);
    base = s->fault != GROWS ? s->free[stack_class] : NULL;
    if (s->fault == SHARES && stack_class == MOIRAI_STACK_TASK
        && ++s->gets % 5 == 0 && s->shared != NULL)
        base = s->shared;
    else if (base != NULL)
        memcpy(&s->free[stack_class], base, sizeof(char *));
    else
        base = wrong_map(s, wrong_size(stack_class));
    if (s->fault == SHARES && s->shared == NULL
        && stack_class == MOIRAI_STACK_TASK)
        s->shared = base;
    s->stacks += base != NULL;
    pthread_mutex_unlock(&s->lock);
    if (base == NULL)
        return -ENOMEM;
    *stack = (struct moirai_stack){ base, wrong_size(stack_class), s->page,
                                    stack_class, MOIRAI_GUARD_MPROTECT };
    return 0;
}

static void wrong_put(void *state, const struct moirai_stack *stack)
{
    struct wrong *s = state;
    char **list = &s->free[stack->stack_class];

    pthread_mutex_lock(&s->lock);
    if (stack->base != s->shared) {
        memcpy(stack->base, list, sizeof *list);
        *list = stack->base;
    }
    s->stacks--;
    pthread_mutex_unlock(&s->lock);
}

static void wrong_trim(void *state, const struct moirai_stack *stack, char *low)
{
    struct wrong *s = state;
    size_t below = (size_t)(low - stack->base) / s->page * s->page;

    if (s->fault == GREEDY)
        below = stack->size;
    if (s->fault != IDLE && below > 0)
        madvise(stack->base, below, MADV_DONTNEED);
}

static size_t wrong_class_size(void *state, enum moirai_stack_class stack_class)
{
    struct wrong *s = state;

    return wrong_size(stack_class) / (s->fault == SHORT ? 2 : 1);
}

static void wrong_usage(void *state, struct moirai_stack_usage *usage)
{
    struct wrong *s = state;

    *usage = (struct moirai_stack_usage){
        .reserved_bytes = s->bytes,
        .stacks = s->fault == FORGETS ? 0 : s->stacks,
        .guard_kind = MOIRAI_GUARD_MPROTECT,
    };
}

static const struct moirai_option wrong_options[] = {
    { .name = "fault", .preset = "none", .help = "what is wrong",
      .type = MOIRAI_CHOICE, .choices = fault_words,
      .offset = offsetof(struct wrong_config, fault) },
    { .name = NULL },
};

static const struct moirai_stack_ops wrong_ops = {
    .state_size = sizeof(struct wrong),
    .init = wrong_init,
    .fini = wrong_fini,
    .get = wrong_get,
    .put = wrong_put,
    .trim = wrong_trim,
    .class_size = wrong_class_size,
    .usage = wrong_usage,
};

MOIRAI_PLUGIN(stack, wrong) = {
    .abi = MOIRAI_PLUGIN_ABI,
    .size = sizeof(struct moirai_plugin),
    .kind = MOIRAI_STACK,
    .ops_abi = MOIRAI_STACK_ABI,
    .name = "wrong",
    .version = "0.1",
    .summary = "has a fault, as its option says",
    .options = wrong_options,
    .config_size = sizeof(struct wrong_config),
    .ops = &wrong_ops,
    .ops_size = sizeof wrong_ops,
};
